// Package interop joins the session engine to programs that we did not write, and to a
// second peer, rawpeer, that shares no code with protocol/.
package interop

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/protocol/session"
)

// patience bounds every wait; what is waited for takes milliseconds, or for programs that
// start and connect at their leisure a few seconds.
const patience = 20 * time.Second

const (
	login   = "900001"
	secret  = "888888"
	handset = "14200000001" // of the range that no operator has
	access  = "1069000001"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := os.RemoveAll(peers.dir); err != nil { // nothing was built if it is empty
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// take is the next of a channel.
func take[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case v := <-from:
		return v
	case <-timeout.C:
		t.Fatalf("waited in vain for %s", what)
	}
	panic("not reached")
}

// none says that a channel holds nothing more.
func none[T any](t *testing.T, from <-chan T, what string) {
	t.Helper()
	select {
	case v := <-from:
		t.Errorf("%s too many: %+v", what, v)
	default:
	}
}

const queue = 64

// platform is our side as client: it keeps what a carrier brings and acknowledges it.
type platform struct {
	reports chan session.Report
	mos     chan session.MO
	credit  chan struct{}
	closed  chan error
}

func newPlatform() *platform {
	return &platform{
		reports: make(chan session.Report, queue), mos: make(chan session.MO, queue),
		credit: make(chan struct{}, 1), closed: make(chan error, 1),
	}
}

func (p *platform) OnReport(_ *session.Client, r session.Report, ack func(bool)) {
	p.reports <- r
	ack(true)
}

func (p *platform) OnMO(_ *session.Client, m session.MO, ack func(bool)) {
	p.mos <- m
	ack(true)
}

func (p *platform) OnCredit(*session.Client) {
	select {
	case p.credit <- struct{}{}:
	default:
	}
}

func (p *platform) OnClose(_ *session.Client, err error) { p.closed <- err }

// centre is our side as server: it accepts one account and answers submits with the ids
// given, in order.
type centre struct {
	account session.Account
	id      func(n int) string
	opened  chan *session.Peer
	submits chan session.Submit
	closed  chan error
	ids     chan string // of the submits, in their order
	count   int
}

func newCentre(v session.Version, id func(n int) string) *centre {
	return &centre{
		account: session.Account{Login: login, Secret: secret, Version: v, MaxSessions: 4}, id: id,
		opened: make(chan *session.Peer, queue), submits: make(chan session.Submit, queue), closed: make(chan error, queue), ids: make(chan string, queue),
	}
}

func (c *centre) Account(name string, _ netip.Addr) (session.Account, uint32) {
	if name != c.account.Login {
		return session.Account{}, unknownLogin
	}
	return c.account, 0
}

// unknownLogin is a status that every protocol takes for a refusal.
const unknownLogin = 15

func (c *centre) OnOpen(p *session.Peer) { c.opened <- p }

// OnSubmit is called from one connection at a time in these tests.
func (c *centre) OnSubmit(_ *session.Peer, s session.Submit, answer func(string, uint32)) {
	c.count++
	id := c.id(c.count)
	answer(id, 0)
	c.ids <- id
	c.submits <- s
}

func (c *centre) OnClose(_ *session.Peer, err error) { c.closed <- err }

// listen opens a port of the machine's choice.
func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test's listener
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func portOf(a net.Addr) int { return a.(*net.TCPAddr).Port } //nolint:forcetypeassert // only TCP is used here

// shut ends a server when the test does.
func shut(t *testing.T, s *session.Server) *session.Server {
	t.Helper()
	t.Cleanup(func() { shutdown(t, s) })
	return s
}

// send submits and waits for the outcome.
func send(t *testing.T, c *session.Client, s session.Submit) session.Outcome {
	t.Helper()
	out := make(chan session.Outcome, 1)
	c.Submit(s, func(o session.Outcome) { out <- o })
	return take(t, out, "the outcome of a submit")
}

// must demands that a request was answered with success.
func must(t *testing.T, o session.Outcome) session.Outcome {
	t.Helper()
	if o.Kind != session.Answered || o.Result != 0 {
		t.Fatalf("outcome %+v", o)
	}
	return o
}

// needs finds a program that the machine must have.
func needs(t *testing.T, program, from string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("this test runs %s: install %s (%v)", program, from, err)
	}
	return path
}
