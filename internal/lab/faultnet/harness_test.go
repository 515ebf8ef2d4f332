package faultnet_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/zhunxin/zhunxin/internal/lab/carrier"
	"github.com/zhunxin/zhunxin/internal/lab/faultnet"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// messageID is the type of message ids in protocol/session.
type messageID = string

// protocol is all that these tests know of one. Another one is another value in
// protocols: sizes and positions are measured, not known.
type protocol struct {
	name    string
	version session.Version
	oneWay  bool
	dial    func(context.Context, session.ClientConfig, session.ClientHandler) (*session.Client, error)
	serve   func(context.Context, net.Listener, session.ServerConfig, session.ServerHandler) *session.Server
	// Sample messages, all of one size and told apart by their handset, and ids as
	// the gateway gives them.
	id     func(n int) messageID
	submit func(handset string) session.Submit
	report func(id messageID, handset string) session.Report
	mo     func(id messageID, handset string) session.MO
	// simulate starts a simulated carrier that lets the same client in.
	simulate func(context.Context, net.Listener) (*carrier.Carrier, error)
}

func protocols() []protocol {
	cmpp := protocol{
		dial: session.DialCMPP, serve: session.ServeCMPP,
		id: func(n int) messageID { return fmt.Sprint(n) },
		submit: func(handset string) session.Submit {
			return session.Submit{Source: "10690000", Dests: []string{handset}, Content: []byte("a"), WantReport: true}
		},
		report: func(id messageID, handset string) session.Report {
			return session.Report{ID: id, Dest: handset, Source: "10690000", Stat: "DELIVRD", SubmitTime: "2611250200", DoneTime: "2611250201"}
		},
		mo: func(id messageID, handset string) session.MO {
			return session.MO{ID: id, Source: handset, Dest: "1069000001", Content: []byte("T")}
		},
	}
	cmpp20, cmpp30 := cmpp, cmpp
	cmpp20.name, cmpp20.version, cmpp20.simulate = "CMPP 2.0", session.CMPP20, simulator(carrier.CMPP, "2.0")
	cmpp30.name, cmpp30.version, cmpp30.simulate = "CMPP 3.0", session.CMPP30, simulator(carrier.CMPP, "3.0")
	smgp := cmpp
	smgp.name, smgp.version, smgp.dial, smgp.serve, smgp.simulate = "SMGP", session.SMGP30, session.DialSMGP, session.ServeSMGP, simulator(carrier.SMGP, "3.0")
	smgp.id = func(n int) messageID { return fmt.Sprintf("%020d", n) }
	smpp := cmpp
	smpp.name, smpp.version, smpp.dial, smpp.serve, smpp.simulate = "SMPP", session.SMPP34, session.DialSMPP, session.ServeSMPP, simulator(carrier.SMPP, "3.4")
	sgip := cmpp
	sgip.name, sgip.version, sgip.dial, sgip.serve, sgip.oneWay = "SGIP", 0, session.DialSGIP, session.ServeSGIP, true
	return []protocol{cmpp20, cmpp30, smgp, smpp, sgip}
}

// simulator starts the simulated carrier of a protocol, with an account of a version.
func simulator(p carrier.Protocol, version string) func(context.Context, net.Listener) (*carrier.Carrier, error) {
	a := carrier.Account{Login: "900001", Secret: "888888", Sessions: 100, Version: version}
	return func(ctx context.Context, ln net.Listener) (*carrier.Carrier, error) {
		return carrier.Start(ctx, ln, carrier.Config{Protocol: p, Accounts: []carrier.Account{a}, Seed: 1}, slog.New(slog.DiscardHandler), time.Now, nil)
	}
}

// each runs a test with every protocol at the same time, and then looks for
// goroutines that were left behind.
func each(t *testing.T, test func(t *testing.T, p protocol)) {
	t.Helper()
	among(t, protocols(), test)
}

// eachBothWays is each for the protocols whose connections carry both directions.
func eachBothWays(t *testing.T, test func(t *testing.T, p protocol)) {
	t.Helper()
	among(t, slices.DeleteFunc(protocols(), func(p protocol) bool { return p.oneWay }), test)
}

func among(t *testing.T, list []protocol, test func(t *testing.T, p protocol)) {
	t.Helper()
	t.Run("all", func(t *testing.T) {
		for _, p := range list {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				test(t, p)
			})
		}
	})
	goleak.VerifyNone(t)
}

// rig is a client, a proxy and a server, and what both ends saw.
type rig struct {
	t      *testing.T
	ctx    context.Context
	proto  protocol
	server *session.Server // nil with a simulated carrier, which keeps its own books
	proxy  *faultnet.Proxy
	client *session.Client
	conn   *faultnet.Conn // the client's, of the last dial
	set    session.ClientConfig
	direct bool // the client goes round the proxy
	hold   bool // the client does not acknowledge
	refuse int  // so many reports and MOs the client asks for again
	dials  int  // of the client

	mu       sync.Mutex
	news     chan struct{} // closed at each change
	outcomes map[string][]session.Outcome
	received map[string]int
	reports  []session.Report
	mos      []session.MO
	acks     []func(bool)
	peers    []*session.Peer
	ends     []error // of the server's sessions
	gone     int     // how many of the client's connections ended
	// delivered are the outcomes of the server's reports and MOs.
	delivered []session.Outcome
}

// frontier bounds what the sockets hold that the server accepts, on its way out.
type frontier struct {
	net.Listener

	buffer int
}

func (f frontier) Accept() (net.Conn, error) {
	conn, err := f.Listener.Accept()
	if c, ok := conn.(*net.TCPConn); ok && f.buffer > 0 {
		err = errors.Join(err, c.SetWriteBuffer(f.buffer))
	}
	return conn, err
}

// start joins the parts without a client. buffer shapes all sockets.
func start(t *testing.T, p protocol, buffer int, set func(*session.ClientConfig, *session.ServerConfig)) *rig {
	t.Helper()
	r, ln := prepare(t, p)
	sc := session.ServerConfig{MaxConnectionsPerIP: 1000}
	if set != nil {
		set(&r.set, &sc)
	}
	r.server = p.serve(r.ctx, frontier{ln, buffer}, sc, (*gateway)(r))
	r.join(ln.Addr().String(), buffer, r.server.Shutdown)
	return r
}

// prepare makes a rig without its parts, and the server's listener.
func prepare(t *testing.T, p protocol) (*rig, net.Listener) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return &rig{
		t: t, ctx: ctx, proto: p, news: make(chan struct{}), outcomes: map[string][]session.Outcome{}, received: map[string]int{},
		set: session.ClientConfig{Login: "900001", Secret: "888888", Version: p.version, Window: burst},
	}, ln
}

// join puts the proxy in front of the server, and ends both after the client.
func (r *rig) join(server string, buffer int, stop func(context.Context) error) {
	r.t.Helper()
	var err error
	r.proxy, err = faultnet.Start(r.ctx, faultnet.Config{Target: server, Frames: faultnet.LengthFirst, Seed: 1, Buffer: buffer})
	if err != nil {
		r.t.Fatal(err)
	}
	r.set.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		to := r.proxy.Addr().String()
		if r.direct {
			to = server
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, to)
		if err != nil {
			return nil, err
		}
		if c, ok := conn.(*net.TCPConn); ok && buffer > 0 {
			err = c.SetWriteBuffer(buffer)
		}
		r.conn = faultnet.Wrap(conn)
		return r.conn, err
	}
	r.t.Cleanup(func() {
		r.hangUp()
		r.proxy.Close()
		if err := stop(r.ctx); err != nil {
			r.t.Error(err)
		}
	})
}

// dial connects and waits until the server has the session too, so that its
// number and everything counted at the proxy stands still.
func (r *rig) dial() {
	r.t.Helper()
	before := r.sessions()
	c, err := r.proto.dial(r.ctx, r.set, (*platform)(r))
	if err != nil {
		r.t.Fatal(err)
	}
	r.client, r.dials = c, r.dials+1
	r.await("a session", func() bool { return r.server == nil || len(r.peers) > before })
}

// hangUp closes the client, lets what is under way arrive and waits for the end
// of every session, so that what was received is final.
func (r *rig) hangUp() {
	r.t.Helper()
	if r.client != nil {
		r.client.Close()
		<-r.client.Done()
	}
	r.proxy.Heal()
	r.sessionsEnd()
}

func (r *rig) sessionsEnd() {
	r.t.Helper()
	r.await("the end of the sessions", func() bool { return len(r.ends) == len(r.peers) })
}

func (r *rig) sessions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.peers)
}

func (r *rig) change(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
	close(r.news)
	r.news = make(chan struct{})
}

// await waits until ok, which runs under the lock.
func (r *rig) await(what string, ok func() bool) {
	r.t.Helper()
	for {
		r.mu.Lock()
		yes, news := ok(), r.news
		r.mu.Unlock()
		if yes {
			return
		}
		select {
		case <-news:
		case <-r.ctx.Done():
			r.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// handset numbers the messages of a test.
func handset(n int) string { return fmt.Sprintf("170%08d", n) }

// submit sends the messages numbered from first on and returns at once.
func (r *rig) submit(first, n int) {
	for i := range n {
		r.send(handset(first + i))
	}
}

func (r *rig) send(to string) {
	r.client.Submit(r.proto.submit(to), func(o session.Outcome) {
		r.change(func() { r.outcomes[to] = append(r.outcomes[to], o) })
	})
}

// settle waits until n messages have an outcome.
func (r *rig) settle(n int) {
	r.t.Helper()
	r.await("outcomes", func() bool { return len(r.outcomes) >= n })
}

// last is the last outcome of a message; a message that was not written is sent
// again and then has another.
func (r *rig) last(to string) session.Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	if all := r.outcomes[to]; len(all) > 0 {
		return all[len(all)-1]
	}
	return session.Outcome{}
}

// count tells how many messages ended in each way.
func (r *rig) count() map[session.Kind]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := map[session.Kind]int{}
	for _, all := range r.outcomes {
		n[all[len(all)-1].Kind]++
	}
	return n
}

// check holds the promises to n messages, each sent tries times. It wants what
// was received to be final.
func (r *rig) check(n int, tries map[string]int) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range n {
		to := handset(i)
		all, got := r.outcomes[to], r.received[to]
		if len(all) != 1+tries[to] {
			r.t.Errorf("%s was sent %d times and has %d outcomes", to, 1+tries[to], len(all))
			continue
		}
		kind := all[len(all)-1].Kind
		switch {
		case got > 1:
			r.t.Errorf("%s arrived %d times", to, got)
		case kind == session.Answered && got != 1:
			r.t.Errorf("%s is answered and never arrived", to)
		case kind == session.NotWritten && got != 0:
			r.t.Errorf("%s is not written and arrived", to)
		case kind < session.Answered || kind > session.InDoubt:
			r.t.Errorf("%s ended as %s", to, kind)
		}
	}
	if len(r.received) > n {
		r.t.Errorf("%d messages arrived of %d", len(r.received), n)
	}
}

// recover ends the fault, dials again and sends what is certainly not written.
// All of that must be answered, and all promises kept.
func (r *rig) recover(n int) {
	r.t.Helper()
	r.settle(n)
	r.hangUp()
	r.check(n, nil)
	var again []string
	r.mu.Lock()
	for to, all := range r.outcomes {
		if all[0].Kind == session.NotWritten {
			again = append(again, to)
		}
	}
	r.mu.Unlock()
	slices.Sort(again)
	r.dial()
	tries := map[string]int{}
	for batch := range slices.Chunk(again, r.set.Window) {
		for _, to := range batch {
			tries[to]++
			r.send(to)
		}
		r.await("answers after the fault", func() bool {
			return !slices.ContainsFunc(batch, func(to string) bool { return len(r.outcomes[to]) < 2 })
		})
	}
	for to := range maps.Keys(tries) {
		if o := r.last(to); o.Kind != session.Answered || o.Result != 0 {
			r.t.Errorf("%s after the fault: %s, %v", to, o.Kind, o.Err)
		}
	}
	r.hangUp()
	r.check(n, tries)
}

// gateway is the server's side of a rig. It accepts everything at once.
type gateway rig

func (g *gateway) Account(login string, _ netip.Addr) (session.Account, uint32) {
	return session.Account{Login: login, Secret: "888888", Version: g.proto.version, MaxSessions: 1000}, 0
}

func (g *gateway) OnOpen(p *session.Peer) {
	(*rig)(g).change(func() { g.peers = append(g.peers, p) })
}

func (g *gateway) OnSubmit(_ *session.Peer, s session.Submit, answer func(messageID, uint32)) {
	n := 0
	(*rig)(g).change(func() {
		g.received[s.Dests[0]]++
		n = len(g.received)
	})
	answer(g.proto.id(n), 0)
}

func (g *gateway) OnClose(_ *session.Peer, err error) {
	(*rig)(g).change(func() { g.ends = append(g.ends, err) })
}

// platform is the client's side of a rig.
type platform rig

func (p *platform) take(ack func(bool), keep func()) {
	hold, ok := false, true
	(*rig)(p).change(func() {
		keep()
		if hold = p.hold; hold {
			p.acks = append(p.acks, ack)
		}
		if ok = p.refuse == 0; !ok {
			p.refuse--
		}
	})
	if !hold {
		ack(ok)
	}
}

func (p *platform) OnReport(_ *session.Client, r session.Report, ack func(bool)) {
	p.take(ack, func() { p.reports = append(p.reports, r) })
}

func (p *platform) OnMO(_ *session.Client, m session.MO, ack func(bool)) {
	p.take(ack, func() { p.mos = append(p.mos, m) })
}
func (p *platform) OnCredit(*session.Client) {}

func (p *platform) OnClose(*session.Client, error) {
	(*rig)(p).change(func() { p.gone++ })
}
