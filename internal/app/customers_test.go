package app

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/ingress/spserver"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vault"
	"github.com/zhunxin/zhunxin/protocol/cmpp"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// dialers are the customers' clients.
var dialers = map[string]struct {
	version session.Version
	dial    func(context.Context, session.ClientConfig, session.ClientHandler) (*session.Client, error)
}{
	spserver.CMPP: {session.CMPP30, session.DialCMPP},
	spserver.SGIP: {0, session.DialSGIP},
	spserver.SMGP: {session.SMGP30, session.DialSMGP},
	spserver.SMPP: {session.SMPP34, session.DialSMPP},
}

// ownListener is where an SGIP customer takes reports and replies.
type ownListener struct {
	*client
	once sync.Once
}

func (l *ownListener) Account(login string, _ netip.Addr) (session.Account, uint32) {
	if login != "back" {
		return session.Account{}, 1
	}
	return session.Account{Login: login, Secret: "backsecret", MaxSessions: 4, Window: 8}, 0
}
func (*ownListener) OnOpen(*session.Peer)         {}
func (*ownListener) OnClose(*session.Peer, error) {}
func (*ownListener) OnSubmit(_ *session.Peer, _ session.Submit, answer func(string, uint32)) {
	answer("", 7)
}

func (l *ownListener) OnReport(_ *session.Peer, r session.Report, ack func(bool)) {
	first := false
	l.once.Do(func() { first = true })
	if first { // it could not store it: it must come again
		ack(false)
		return
	}
	l.client.OnReport(nil, r, ack)
}

func (l *ownListener) OnMO(_ *session.Peer, m session.MO, ack func(bool)) {
	l.client.OnMO(nil, m, ack)
}

// A customer of each protocol submits a code, also in two parts, is told that it was
// delivered under the id that it knows, and of the refusals of the gate.
func TestCustomersOfEveryProtocol(t *testing.T) {
	for _, protocol := range spserver.Protocols() {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			cfg := config.Default()
			cfg.SGIP.Listen, cfg.SMGP.Listen, cfg.SMPP.Listen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
			n := start(t, cfg)
			c := n.dialAs(protocol)
			o := c.submit(pdus(t, otpText, member)[0])
			if o.Kind != session.Answered || o.Result != 0 || o.ID == "" {
				t.Fatalf("%+v", o)
			}
			c.wait("the report", func() bool { return c.reportOf(o.ID) == "DELIVRD" })
			c.mu.Lock()
			for _, r := range c.reports {
				if r.Dest != member {
					t.Errorf("report on %s", r.Dest)
				}
			}
			c.mu.Unlock()
			refused := c.submit(pdus(t, mktText, other)[0])
			if want := n.refusalIn(protocol, sms.ConsentMissing); refused.Result != want || want == 0 {
				t.Errorf("without consent: %+v, want %d", refused, want)
			}
		})
	}
}

// refusalIn is the protocol's word for a refusal.
func (n *node) refusalIn(protocol string, code sms.Code) uint32 {
	for _, s := range *n.customers.Load() {
		if s.Protocol == protocol {
			return s.Refusal(code)
		}
	}
	return 0
}

// dialAs logs the customer in by a protocol.
func (n *node) dialAs(protocol string) *client {
	n.t.Helper()
	c := &client{t: n.t, changed: make(chan struct{})}
	if protocol == spserver.SGIP {
		n.listenFor(c)
	}
	d := dialers[protocol]
	var err error
	c.Client, err = d.dial(context.Background(), session.ClientConfig{
		Address: n.customerAt(protocol), Login: "zx0001", Secret: n.secret, Version: d.version, Window: 16,
		SGIP: session.SGIPOptions{Node: demoNode, CorpID: demoCorp},
	}, c)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		c.Close()
		<-c.Done()
	})
	return c
}

func (n *node) customerAt(protocol string) string {
	for _, s := range *n.customers.Load() {
		if s.Protocol == protocol {
			return s.Addr().String()
		}
	}
	n.t.Fatalf("nobody listens for %s", protocol)
	return ""
}

// listenFor opens an SGIP customer's own listener and tells the platform of it.
func (n *node) listenFor(c *client) {
	n.t.Helper()
	ln, err := new(net.ListenConfig).Listen(n.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		n.t.Fatal(err)
	}
	s := session.ServeSGIP(context.Background(), ln, session.ServerConfig{}, &ownListener{client: c})
	n.t.Cleanup(func() { _ = s.Shutdown(context.Background()) }) //nolint:usetesting // the test's own has ended
	snap, err := n.Registry(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	a := *snap.Login(spserver.SGIP, "zx0001")
	a.BackAddress, a.BackLogin, a.BackSecret = ln.Addr().String(), "back", n.Keys.Seal(vault.PurposeLogin, []byte("backsecret"))
	err = n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return tx.Put(ctx, a) })
	if err != nil {
		n.t.Fatal(err)
	}
}

// A customer's wish to send later is heard in every protocol: the message waits.
func TestCustomersMaySendLater(t *testing.T) {
	cfg := config.Default()
	cfg.SGIP.Listen, cfg.SMGP.Listen, cfg.SMPP.Listen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	n := start(t, cfg)
	id := n.later(t)
	n.until(id, sms.Scheduled)
}

// later submits by a PDU of CMPP that names a time, which our own client never does.
func (n *node) later(t *testing.T) sms.ID {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", n.customerAt(spserver.CMPP))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // a test's connection
	stamp := cmpp.Timestamp(time.Now())
	part := pdus(t, otpText, member)[0]
	for seq, pdu := range []cmpp.PDU{
		&cmpp.Connect{SourceAddr: "zx0001", Authenticator: cmpp.Authenticator("zx0001", n.secret, stamp), Version: cmpp.V30, Timestamp: stamp},
		&cmpp.Submit{
			PkTotal: 1, PkNumber: 1, RegisteredDelivery: 1, MsgFmt: part.Coding, MsgSrc: "zx0001", SrcID: part.Source, Dest: part.Dests, Content: part.Content,
			AtTime: cmpp.FormatTime(n.Now().Add(time.Hour)), ValidTime: cmpp.FormatTime(n.Now().Add(2 * time.Hour)),
		},
	} {
		frame, err := cmpp.Append(nil, cmpp.V30, uint32(seq+1), pdu)
		if err == nil {
			_, err = conn.Write(frame)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, size := range []int{33, 24} {
		frame := make([]byte, size)
		if _, err := io.ReadFull(conn, frame); err != nil {
			t.Fatal(err)
		}
		_, pdu, err := cmpp.Decode(cmpp.V30, frame)
		if err != nil {
			t.Fatal(err)
		}
		if r, ok := pdu.(*cmpp.SubmitResp); ok {
			if r.Result != 0 {
				t.Fatalf("result %d", r.Result)
			}
			return sms.ID(r.MsgID)
		}
	}
	t.Fatal("no answer")
	return 0
}
