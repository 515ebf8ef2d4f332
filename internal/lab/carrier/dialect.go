package carrier

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/zhunxin/zhunxin/protocol/cmpp"
	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/sgip"
	"github.com/zhunxin/zhunxin/protocol/smgp"
	"github.com/zhunxin/zhunxin/protocol/smpp"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// Protocol is what the simulator speaks.
type Protocol string

// The protocols.
const (
	CMPP Protocol = "cmpp"
	SGIP Protocol = "sgip"
	SMGP Protocol = "smgp"
	SMPP Protocol = "smpp"
)

// Protocols lists them.
func Protocols() []Protocol { return []Protocol{CMPP, SGIP, SMGP, SMPP} }

// dialect is what sets a protocol apart for a simulator.
type dialect struct {
	serve    func(ctx context.Context, ln net.Listener, cfg session.ServerConfig, h session.ServerHandler) *session.Server
	versions map[string]session.Version // by their names in an Account
	usual    string                     // version
	maxLogin int                        // bytes
	// maxSecret is the most bytes of a secret, maxPart of one part's content.
	maxSecret int
	maxPart   func(coding uint8) int
	gateway   uint32 // above the highest gateway_id
	maxStatus uint32 // of an answer
	// Statuses of answers.
	unknownLogin, badLength, overSpeed, badSource uint32
	// id makes the id of the i-th destination of the n-th submit.
	id func(c *Carrier, s *session.Submit, n uint64, i int) string
}

var dialects = map[Protocol]*dialect{
	CMPP: {
		serve:    session.ServeCMPP,
		versions: map[string]session.Version{"3.0": session.CMPP30, "2.1": session.CMPP21, "2.0": session.CMPP20}, usual: "3.0",
		maxLogin: 6, maxSecret: 64, maxPart: shorter(159), gateway: 1 << 22, maxStatus: 255, // CMPP 3.0 §8.4.3.1; 2.0 has one byte
		unknownLogin: 2, badLength: 4, overSpeed: 8, badSource: 10, // CMPP 3.0 §8.4.1.2, §8.4.3.2
		id: func(c *Carrier, _ *session.Submit, n uint64, i int) string {
			base := cmpp.MsgID(c.now(), c.cfg.GatewayID, uint16(n)) //nolint:gosec // it wraps by design, CMPP 3.0 §8.4.3.2
			return strconv.FormatUint(base+uint64(i), 10)           //nolint:gosec // a place in a list
		},
	},
	SGIP: {
		serve: session.ServeSGIP, versions: map[string]session.Version{"1.2": 0}, usual: "1.2",
		maxLogin: 16, maxSecret: 16, maxPart: shorter(sgip.MaxContent), gateway: 1<<32 - 1, maxStatus: 255,
		unknownLogin: uint32(sgip.ResultBadLogin), badLength: uint32(sgip.ResultBadLength), overSpeed: uint32(sgip.ResultBusy), badSource: uint32(sgip.ResultBadParameter),
		id: func(_ *Carrier, s *session.Submit, _ uint64, _ int) string {
			return sgip.Sequence{Node: s.Sequence.Node, Time: s.Sequence.Time, Count: s.Sequence.Count}.String()
		},
	},
	SMGP: {
		serve: session.ServeSMGP, versions: map[string]session.Version{"3.0": session.SMGP30, "1.3": session.SMGP13}, usual: "3.0",
		maxLogin: 8, maxSecret: 15, maxPart: always(smgp.MaxContent), gateway: smgp.MaxMsgIDPart + 1, maxStatus: session.NoAnswer - 1,
		unknownLogin: smgp.StatusAuth, badLength: smgp.StatusMsgLength, overSpeed: smgp.StatusBusy, badSource: smgp.StatusSrcTermID,
		id: func(c *Carrier, _ *session.Submit, n uint64, _ int) string {
			id, err := smgp.NewMsgID(c.now(), c.cfg.GatewayID, uint32(n%(smgp.MaxMsgIDPart+1)))
			if err != nil {
				return "" // Validate has checked the gateway's number
			}
			return id.String()
		},
	},
	SMPP: {
		serve: session.ServeSMPP, versions: map[string]session.Version{"3.4": session.SMPP34}, usual: "3.4",
		maxLogin: 15, maxSecret: 8, maxPart: always(smpp.MaxShortMessage), gateway: 1<<32 - 1, maxStatus: session.NoAnswer - 1,
		unknownLogin: uint32(smpp.StatusInvSystemID), badLength: uint32(smpp.StatusInvMsgLen), overSpeed: uint32(smpp.StatusThrottled), badSource: uint32(smpp.StatusInvSrcAddr),
		id: func(c *Carrier, _ *session.Submit, n uint64, _ int) string {
			return fmt.Sprintf("%d%06d", c.cfg.GatewayID, n)
		},
	},
}

// always is a bound for every coding; shorter is one for ASCII, with the usual 140 bytes
// for every other.
func always(most int) func(uint8) int { return func(uint8) int { return most } }

func shorter(ascii int) func(uint8) int {
	return func(coding uint8) int {
		if coding == uint8(smstext.ASCII) {
			return ascii
		}
		return smstext.MaxContent
	}
}

// receiver is a connection that takes reports and messages from handsets: the client's
// own, or in SGIP one that we made to it.
type receiver interface {
	Credit() int
	Report(r session.Report, done func(session.Outcome))
	MO(m session.MO, done func(session.Outcome))
	Close()
}

// backConnections is how many connections an SGIP gateway makes to a service provider at
// most: one, and more while much waits.
const backConnections = 4

// redialBack is how long a simulator waits before it connects again to a service
// provider that it did not reach.
const redialBack = 500 * time.Millisecond

// callBack keeps a connection to an SGIP account's own listener while there is something
// for it, as gateways do.
func (c *Carrier) callBack(ctx context.Context, a *account) {
	for {
		select {
		case <-a.out.wanted:
		case <-ctx.Done():
			return
		}
		s, err := session.DialSGIPBack(ctx, session.ClientConfig{
			Address: a.Callback, Login: a.CallbackLogin, Secret: a.CallbackSecret, Logger: c.log, Now: c.now, SGIP: session.SGIPOptions{Node: c.cfg.GatewayID},
		}, back{})
		if err != nil {
			c.log.Info("the service provider's listener was not reached", "login", a.Login, "error", err)
			c.plan.after(redialBack, a.out.want)
			continue
		}
		a.out.opened(s)
		select {
		case <-s.Done():
		case <-ctx.Done():
			s.Close()
			<-s.Done()
		}
		a.out.closed(s)
		if a.out.len() > 0 {
			a.out.want()
		}
	}
}

// back is the handler of a connection that we bring something on: nothing comes but
// answers.
type back struct{}

func (back) OnReport(_ *session.Client, _ session.Report, ack func(bool)) { ack(false) }
func (back) OnMO(_ *session.Client, _ session.MO, ack func(bool))         { ack(false) }
func (back) OnCredit(*session.Client)                                     {}
func (back) OnClose(*session.Client, error)                               {}
