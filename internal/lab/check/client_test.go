package check

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/protocol/session"
)

// platform takes what a gateway brings, on either side of SGIP too.
type platform struct{}

func (platform) OnReport(_ *session.Client, _ session.Report, ack func(bool)) { ack(true) }
func (platform) OnMO(_ *session.Client, _ session.MO, ack func(bool))         { ack(true) }
func (platform) OnCredit(*session.Client)                                     {}
func (platform) OnClose(*session.Client, error)                               {}

type carriers struct{}

func (carriers) Account(login string, _ netip.Addr) (session.Account, uint32) {
	return session.Account{Login: login, Secret: testSecret, MaxSessions: 4}, 0
}
func (carriers) OnOpen(*session.Peer)                                         {}
func (carriers) OnClose(*session.Peer, error)                                 {}
func (carriers) OnSubmit(*session.Peer, session.Submit, func(string, uint32)) {}
func (carriers) OnReport(_ *session.Peer, _ session.Report, ack func(bool))   { ack(true) }
func (carriers) OnMO(_ *session.Peer, _ session.MO, ack func(bool))           { ack(true) }

// ours is how our own client connects, by protocol.
var ours = map[Protocol]struct {
	dial    func(context.Context, session.ClientConfig, session.ClientHandler) (*session.Client, error)
	version session.Version
}{
	CMPP20: {session.DialCMPP, session.CMPP20}, CMPP30: {session.DialCMPP, session.CMPP30}, SGIP: {session.DialSGIP, 0},
	SMGP30: {session.DialSMGP, session.SMGP30}, SMGP13: {session.DialSMGP, session.SMGP13}, SMPP: {session.DialSMPP, session.SMPP34},
}

// keepsSending is a client that logs in again whenever it is out, and submits while it is in.
func keepsSending(ctx context.Context, p Protocol, address string, window int) {
	redial := session.Redial{Min: 100 * time.Millisecond, Max: 200 * time.Millisecond}
	for ctx.Err() == nil {
		c, err := ours[p].dial(ctx, session.ClientConfig{
			Address: address, Login: testLogin, Secret: testSecret, Version: ours[p].version, Window: window, TPS: 200,
			SGIP: session.SGIPOptions{Node: 3028071320, CorpID: "71320"},
		}, platform{})
		if err == nil {
			sends(ctx, c)
			<-c.Done()
		}
		select {
		case <-time.After(redial.Next(0)):
		case <-ctx.Done():
		}
	}
}

func sends(ctx context.Context, c *session.Client) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for c.Credit() > 0 {
				before := c.Credit()
				c.Submit(session.Submit{Source: "10690000", Dests: []string{"17000000001"}, Coding: 8, Content: []byte{0x54, 0x7c}, WantReport: true}, func(session.Outcome) {})
				if c.Credit() >= before {
					break
				}
			}
		case <-c.Done():
			return
		case <-ctx.Done():
			c.Close()
			return
		}
	}
}

// connecting starts our own client of a protocol and gives how to check it.
func connecting(t *testing.T, p Protocol, window int) Options {
	t.Helper()
	o := Options{
		Protocol: p, Login: testLogin, Secret: testSecret, Listen: free(t), Window: 16, Timeout: 2 * time.Second, ReportWait: 2 * time.Second,
		Return: 5 * time.Second, Hold: 300 * time.Millisecond,
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		keepsSending(ctx, p, o.Listen, window)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	if p == SGIP {
		ln := listening(t)
		session.ServeSGIP(ctx, ln, session.ServerConfig{}, carriers{})
		o.BackTarget = ln.Addr().String()
	}
	return o
}

// Our own clients pass every check.
func TestOurClientsPass(t *testing.T) {
	for _, p := range Protocols() {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			results, err := Client(t.Context(), connecting(t, p, 16), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range results {
				t.Logf("%-9s %-22s %s (%s, %s)", r.Verdict, r.ID, r.Seen, r.Section, r.Took.Round(time.Millisecond))
				if r.Verdict == Fail || r.Verdict == Skipped {
					t.Errorf("%s %s: %s", r.ID, r.Verdict, r.Seen)
				}
			}
		})
	}
}
