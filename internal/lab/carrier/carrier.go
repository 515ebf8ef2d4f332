package carrier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// Carrier is a running simulator.
type Carrier struct {
	cfg     Config
	dialect *dialect
	log     *slog.Logger
	now     func() time.Time
	server  *session.Server
	records journal
	plan    *schedule
	stop    chan struct{}
	halt    context.CancelFunc // of what calls back
	parts   sync.WaitGroup

	mu         sync.Mutex
	behaviour  Behaviour
	random     *rand.Rand
	sequence   uint64
	references uint8
	accounts   map[string]*account
}

type account struct {
	Account
	version session.Version
	out     *outbox
	mu      sync.Mutex
	peers   []*session.Peer
	second  int64 // of the clock, for the over-speed count
	taken   int   // in that second
}

func (a *account) entered(p *session.Peer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.peers = append(a.peers, p)
}

func (a *account) left(p *session.Peer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.peers = slices.DeleteFunc(a.peers, func(q *session.Peer) bool { return q == p })
}

func (a *account) sessions() []*session.Peer {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.peers)
}

// Start serves on ln until Stop, or until ctx ends. record, when not nil,
// gets each submit as a line of JSON.
func Start(ctx context.Context, ln net.Listener, cfg Config, log *slog.Logger, now func() time.Time, record io.Writer) (*Carrier, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("carrier: %w", err)
	}
	c := &Carrier{
		cfg: cfg, dialect: dialects[cfg.protocol()], log: log, now: now, plan: newSchedule(), stop: make(chan struct{}), behaviour: cfg.Behaviour,
		random: rand.New(rand.NewPCG(cfg.Seed, 0)), accounts: make(map[string]*account, len(cfg.Accounts)), //nolint:gosec // it must repeat
	}
	c.records.size = cfg.Retain
	if c.records.size == 0 {
		c.records.size = defaultRetain
	}
	if record != nil {
		c.records.writeTo(record)
	}
	for _, a := range cfg.Accounts {
		c.accounts[a.Login] = &account{Account: a, version: c.dialect.versions[orUsual(a.Version, c.dialect.usual)], out: newOutbox(c.plan)}
	}
	c.parts.Go(func() { c.plan.run(c.stop) })
	var calling context.Context
	calling, c.halt = context.WithCancel(ctx)
	for _, a := range c.accounts {
		if a.Callback != "" {
			for range backConnections {
				c.parts.Go(func() { c.callBack(calling, a) })
			}
		}
	}
	c.server = c.dialect.serve(ctx, ln, session.ServerConfig{Logger: log, Now: now, GatewayID: cfg.GatewayID, Idle: time.Duration(cfg.Idle)}, (*handler)(c))
	return c, nil
}

// Addr is where the simulator listens.
func (c *Carrier) Addr() net.Addr { return c.server.Addr() }

// Stop logs the sessions out, ends everything and tells whether the record is whole.
func (c *Carrier) Stop(ctx context.Context) error {
	err := c.server.Shutdown(ctx)
	c.halt()
	close(c.stop)
	c.parts.Wait()
	return errors.Join(err, c.records.failed())
}

// Behaviour is how submits are treated now.
func (c *Carrier) Behaviour() Behaviour {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.behaviour
}

// SetBehaviour changes it for the submits to come.
func (c *Carrier) SetBehaviour(b Behaviour) error {
	if err := errors.Join(b.fits(c.dialect), b.Validate()); err != nil {
		return fmt.Errorf("carrier: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.behaviour = b
	return nil
}

// changeBehaviour changes a part of it. change must not keep or alter what the maps hold.
func (c *Carrier) changeBehaviour(change func(*Behaviour) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.behaviour
	if err := errors.Join(change(&b), b.fits(c.dialect), b.Validate()); err != nil {
		return fmt.Errorf("carrier: %w", err)
	}
	c.behaviour = b
	return nil
}

// Watch calls each for every submit to come, one after the other in the order of their
// numbers. It must not block for long.
func (c *Carrier) Watch(each func(Received)) { c.records.watch(each) }

// Received lists up to limit submits numbered above since, oldest first.
func (c *Carrier) Received(since uint64, limit int) []Received { return c.records.since(since, limit) }

// Waiting is how many reports and MOs are not delivered yet.
func (c *Carrier) Waiting() int {
	n := c.plan.len()
	for _, a := range c.accounts {
		n += a.out.len()
	}
	return n
}

// Disconnect closes every session of an account at once.
func (c *Carrier) Disconnect(login string) error {
	a := c.accounts[login]
	if a == nil {
		return fmt.Errorf("carrier: no account %.20q", login)
	}
	for _, p := range a.sessions() {
		p.Close()
	}
	return nil
}

// SendMO sends a message from a handset to the account whose code dest begins
// with, a long one in parts, and waits until it was acknowledged.
func (c *Carrier) SendMO(ctx context.Context, from, dest, text string) error {
	a := c.owner(dest)
	if a == nil {
		return fmt.Errorf("carrier: no account receives what is sent to %.30q", dest)
	}
	parts, err := smstext.Split(text, c.reference())
	if err != nil {
		return fmt.Errorf("carrier: %w", err)
	}
	done := make(chan error, len(parts))
	for _, p := range parts {
		m := session.MO{ID: c.nextID(), Source: from, Dest: dest, Coding: uint8(p.Coding), UDHI: p.UDHI, Content: p.Content} //nolint:gosec // ASCII or UCS2
		a.out.push(&delivery{mo: &m, done: func(err error) { done <- err }})
	}
	for range parts {
		select {
		case err = <-done:
		case <-ctx.Done():
			err = fmt.Errorf("carrier: MO was not acknowledged: %w", ctx.Err())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// reference ties the parts of the next long message together.
func (c *Carrier) reference() uint8 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.references++
	return c.references
}

// nextID makes the id of a message from a handset, where the protocol has one. It has it
// from the start, so that it is the same when it is sent again.
func (c *Carrier) nextID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cfg.protocol() == SGIP || c.cfg.protocol() == SMPP {
		return ""
	}
	c.sequence++
	return c.dialect.id(c, nil, c.sequence, 0)
}

// owner finds the account with the longest code that dest begins with.
func (c *Carrier) owner(dest string) *account {
	var best *account
	length := -1
	for _, a := range c.accounts {
		if len(a.Codes) == 0 && length < 0 {
			best, length = a, 0
		}
		for _, code := range a.Codes {
			if strings.HasPrefix(dest, code) && len(code) > length {
				best, length = a, len(code)
			}
		}
	}
	return best
}

// fate is what the dice say about one submit.
type fate struct {
	result      uint32
	ids         []string // of each destination; the first is in the answer
	latency     time.Duration
	kind        string
	reports     []string // stat of each destination; empty is no report
	early       bool
	reportAfter time.Duration
	twice       bool
}

// id is what the answer says.
func (f *fate) id() string {
	if len(f.ids) == 0 {
		return ""
	}
	return f.ids[0]
}

// decide draws the fate of a submit under the lock, so that one seed and one
// order of submits always give the same.
func (c *Carrier) decide(a *account, s *session.Submit) fate {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &c.behaviour
	c.sequence++
	f := fate{kind: FateAnswered}
	for i := range s.Dests {
		f.ids = append(f.ids, c.dialect.id(c, s, c.sequence, i))
	}
	f.latency = b.Latency.at(c.random.NormFloat64())
	if second := c.now().Unix(); second != a.second {
		a.second, a.taken = second, 0
	}
	a.taken += len(s.Dests)
	switch {
	case b.OverSpeedPerSecond > 0 && a.taken > b.OverSpeedPerSecond:
		f.result = c.dialect.overSpeed
	case len(a.Codes) > 0 && !slices.ContainsFunc(a.Codes, func(code string) bool { return strings.HasPrefix(s.Source, code) }):
		f.result = c.dialect.badSource
	case len(s.Content) > c.dialect.maxPart(s.Coding):
		f.result = c.dialect.badLength
	case len(b.AnswerCodes) > 0:
		f.result = draw(c.random, b.AnswerCodes, 0)
	}
	if f.result != 0 {
		f.ids = nil
		return f
	}
	switch dice := c.random.Float64(); {
	case dice < b.DisconnectRate:
		f.kind = FateDisconnected
	case dice < b.DisconnectRate+b.DropAnswerRate:
		f.kind = FateUnanswered
	}
	if !s.WantReport {
		return f
	}
	f.early, f.twice = c.random.Float64() < b.EarlyReportRate, c.random.Float64() < b.DuplicateReportRate
	span := time.Duration(max(b.ReportDelay.Max-b.ReportDelay.Min, 0))
	f.reportAfter = time.Duration(b.ReportDelay.Min) + time.Duration(c.random.Float64()*float64(span))
	for range s.Dests {
		stat := draw(c.random, b.ReportCodes, "DELIVRD")
		if c.random.Float64() < b.DropReportRate {
			stat = ""
		}
		f.reports = append(f.reports, stat)
	}
	return f
}

// draw takes a code by weight, in the order of the codes, so that a seed repeats.
func draw[K cmp.Ordered](random *rand.Rand, weights map[K]float64, otherwise K) K {
	total, codes := 0.0, slices.Sorted(maps.Keys(weights))
	for _, code := range codes {
		total += weights[code]
	}
	at := random.Float64() * total
	for _, code := range codes {
		if at -= weights[code]; at < 0 {
			return code
		}
	}
	return otherwise
}

// report queues the reports of one submit.
func (c *Carrier) report(a *account, s *session.Submit, f fate) {
	stamp := c.now().In(time.FixedZone("CST", 8*60*60)).Format("0601021504")
	for i, stat := range f.reports {
		if stat == "" {
			continue
		}
		r := session.Report{
			ID: f.ids[i], Dest: s.Dests[i], Source: s.Source, Stat: stat, SubmitTime: stamp, DoneTime: stamp,
		}
		times := 1
		if f.twice {
			times = 2
		}
		for range times {
			a.out.push(&delivery{report: &r, done: func(err error) {
				if err != nil {
					c.log.Info("a report was not acknowledged", "stat", stat)
				}
			}})
		}
	}
}

// soon runs do after d, at once if d is nothing or there is no room to wait.
func (c *Carrier) soon(d time.Duration, do func()) {
	if d <= 0 || !c.plan.after(d, do) {
		do()
	}
}

// handler is the Carrier as the session engine sees it.
type handler Carrier

// Account implements session.ServerHandler.
func (h *handler) Account(login string, _ netip.Addr) (session.Account, uint32) {
	a := h.accounts[login]
	if a == nil {
		return session.Account{}, h.dialect.unknownLogin
	}
	l := a.limits()
	return session.Account{
		Login: a.Login, Secret: a.Secret, Version: a.version, MaxSessions: max(l.Sessions, 1), Window: l.Window, TPS: l.TPS,
	}, 0
}

// OnOpen implements session.ServerHandler.
func (h *handler) OnOpen(p *session.Peer) {
	if h.cfg.protocol() != SGIP { // there, what it is told comes by another connection
		h.accounts[p.Login()].out.opened(p)
	}
	h.accounts[p.Login()].entered(p)
}

// OnClose implements session.ServerHandler.
func (h *handler) OnClose(p *session.Peer, _ error) {
	h.accounts[p.Login()].out.closed(p)
	h.accounts[p.Login()].left(p)
}

// OnSubmit implements session.ServerHandler.
func (h *handler) OnSubmit(p *session.Peer, s session.Submit, answer func(string, uint32)) {
	c := (*Carrier)(h)
	a := c.accounts[p.Login()]
	f := c.decide(a, &s)
	r := newRecord(p, &s, c.now())
	r.MsgID, r.Result, r.Fate = f.id(), f.result, f.kind
	c.records.add(r)
	if f.early {
		c.report(a, &s, f)
	}
	c.soon(f.latency, func() {
		switch f.kind {
		case FateDisconnected:
			answer("", session.NoAnswer)
			p.Close()
		case FateUnanswered:
			answer("", session.NoAnswer)
		default:
			answer(f.id(), f.result)
		}
		if !f.early && len(f.reports) > 0 {
			c.soon(f.reportAfter, func() { c.report(a, &s, f) })
		}
	})
}
