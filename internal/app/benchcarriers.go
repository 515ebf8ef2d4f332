package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/ingress/spserver"
	"github.com/zhunxin/zhunxin/internal/lab/carrier"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vault"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// benchUpstreams are the simulated carriers of a bench.
type benchUpstreams struct {
	sims      []*carrier.Carrier
	protocols []carrier.Protocol
	back      string // where the SGIP gateway finds the platform, empty without one
}

// carriers starts what the bench sends to.
func (b *Bench) carriers(ctx context.Context, offset time.Duration, logger *slog.Logger) (u benchUpstreams, err error) {
	if u.protocols = []carrier.Protocol{carrier.Protocol(b.Upstream)}; b.Upstream == "mixed" {
		u.protocols = carrier.Protocols()
	}
	for _, protocol := range u.protocols {
		account := carrier.Account{Login: simLogin, Secret: simSecret, Sessions: 64, Window: 4096, Codes: []string{storyCode}}
		if protocol == carrier.SGIP {
			if u.back, err = freeAddress(ctx); err != nil {
				return u, err
			}
			account.Callback, account.CallbackLogin, account.CallbackSecret = u.back, demoBackLogin, demoBackSecret
		}
		ln, err := listenLocal(ctx)
		if err != nil {
			return u, errors.Join(err, u.stop(ctx))
		}
		c, err := carrier.Start(context.WithoutCancel(ctx), ln, carrier.Config{
			Protocol: protocol, Accounts: []carrier.Account{account},
			Behaviour: carrier.Behaviour{Latency: carrier.Latency{Fixed: carrier.Duration(b.Answer)}, ReportDelay: carrier.Range{Min: carrier.Duration(20 * time.Millisecond), Max: carrier.Duration(80 * time.Millisecond)}},
			Retain:    1_000_000,
		}, logger, clock{OffsetMS: offset.Milliseconds()}.now, nil)
		if err != nil {
			return u, errors.Join(err, ln.Close(), u.stop(ctx))
		}
		u.sims = append(u.sims, c)
	}
	return u, nil
}

// benchSessions is how many the bench's customer may have, and benchIdle the login of
// those that say nothing.
const (
	benchSessions = 4000
	benchIdle     = "zxidle"
)

// idle opens sessions that say nothing, until the function that it returns is called.
func (b *Bench) idle(ctx context.Context, c *child) (stop func(), err error) {
	var list []*session.Client
	stop = func() {
		for _, s := range list {
			s.Close()
		}
	}
	for range b.Idle {
		s, err := session.DialCMPP(ctx, session.ClientConfig{Address: c.Ready.CMPP, Login: benchIdle, Secret: c.Ready.Secret, Version: session.CMPP30}, quietly{})
		if err != nil {
			stop()
			return nil, fmt.Errorf("idle session %d: %w", len(list)+1, err)
		}
		list = append(list, s)
	}
	return stop, nil
}

// quietly is told nothing, and would take it.
type quietly struct{}

func (quietly) OnReport(_ *session.Client, _ session.Report, ack func(bool)) { ack(true) }
func (quietly) OnMO(_ *session.Client, _ session.MO, ack func(bool))         { ack(true) }
func (quietly) OnCredit(*session.Client)                                     {}
func (quietly) OnClose(*session.Client, error)                               {}

// freeAddress finds a port that nobody listens on now.
func freeAddress(ctx context.Context) (string, error) {
	ln, err := listenLocal(ctx)
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

func (u *benchUpstreams) stop(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
	defer cancel()
	for _, c := range u.sims {
		err = errors.Join(err, c.Stop(ctx))
	}
	return err
}

// arg names them to the platform's process: protocol=address, …
func (u *benchUpstreams) arg() string {
	list := make([]string, len(u.sims))
	for i, c := range u.sims {
		list[i] = string(u.protocols[i]) + "=" + c.Addr().String()
	}
	return strings.Join(list, ",")
}

// doubled counts what the carriers were sent more than once, by whichever of them.
func (u *benchUpstreams) doubled() (n int) {
	seen := map[string]bool{}
	for _, c := range u.sims {
		for since := uint64(0); ; {
			list := c.Received(since, 10_000)
			if len(list) == 0 {
				break
			}
			for _, x := range list {
				since = x.Number
				if key := x.Dests[0] + "/" + x.Text; seen[key] {
					n++
				} else {
					seen[key] = true
				}
			}
		}
	}
	return n
}

// channelProtocols are those of channels by those of simulators.
var channelProtocols = map[string]string{"cmpp": "cmpp30", "sgip": "sgip12", "smgp": "smgp30", "smpp": "smpp34"}

// benchChannels makes the seeded channel speak what the bench's carriers do: the first by
// itself, the others as channels of its group that share the messages.
func (p *Platform) benchChannels(ctx context.Context, s seeded, carriers string, b *BenchNode) error {
	snap, err := p.Registry(ctx)
	if err != nil {
		return err
	}
	var list []registry.Channel
	for i, x := range strings.Split(carriers, ",") {
		protocol, address, ok := strings.Cut(x, "=")
		if !ok || channelProtocols[protocol] == "" {
			return fmt.Errorf("carrier %q is not protocol=address", x)
		}
		ch := *snap.Channel[s.Channel]
		if i > 0 {
			ch.ID, ch.Name = p.IDs.Next(), "bench-"+protocol
		}
		ch.Protocol, ch.Address, ch.TPS, ch.Weight = channelProtocols[protocol], address, b.Pace, 1
		ch.Sessions, ch.Window = b.Sessions, b.Window
		if protocol == "sgip" {
			ch.Options = registry.ChannelOptions{Replies: true, Node: demoNode, CorpID: demoCorp, BackLogin: demoBackLogin}
			ch.BackSecret = p.Keys.Seal(vault.PurposeLogin, []byte(demoBackSecret))
		}
		list = append(list, ch)
	}
	return p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		for _, old := range snap.Channels { // of an earlier, mixed run
			if old.ID != s.Channel && old.Carrier == sms.Mobile {
				gone := *old
				gone.State = registry.Frozen
				if err := tx.Put(ctx, gone); err != nil {
					return err
				}
			}
		}
		for _, ch := range list {
			if err := tx.Put(ctx, ch); err != nil {
				return err
			}
		}
		own := *snap.Login(spserver.CMPP, s.Login)
		own.MaxSessions = benchSessions
		quiet := own // by itself, or reports would come to it
		quiet.ID, quiet.Login = p.IDs.Next(), benchIdle
		if old := snap.Login(spserver.CMPP, benchIdle); old != nil {
			quiet.ID = old.ID
		}
		return errors.Join(tx.Put(ctx, own), tx.Put(ctx, quiet))
	})
}
