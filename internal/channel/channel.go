// Package channel keeps the connections to the carriers: for each channel that
// this node owns by a lease, its sessions, redialled when they fall, with one
// pace for all of them.
//
// A channel is written on by one node at a time. Its lease is renewed in the
// database and, before it ends there, ends here on the monotonic clock: what
// another node takes over, this one has stopped writing on.
package channel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// Lease times: a lease that is not renewed ends after LeaseTime in the database,
// and leaseMargin earlier here.
const (
	LeaseTime   = 10 * time.Second
	leaseMargin = 3 * time.Second
	renewEvery  = 2 * time.Second
)

// reserve is the share of a window that is kept for verification codes: one part
// in so many.
const reserve = 8

// Inbound takes what carriers send. ack must be called once: true after it is on
// disk, false to be sent it again.
type Inbound interface {
	Report(channel sms.ID, r session.Report, ack func(ok bool))
	MO(channel sms.ID, m session.MO, ack func(ok bool))
}

// Leases is the database's side of the leases.
type Leases interface {
	// Acquire gives the channel's new epoch; ok is false while another owns it.
	Acquire(ctx context.Context, channel sms.ID) (epoch int64, ok bool, err error)
	Renew(ctx context.Context, channel sms.ID, epoch int64) (bool, error)
	// Release ends a lease at once, so that another node need not wait it out.
	Release(ctx context.Context, channel sms.ID, epoch int64) error
	// Adopt settles what the former owner left on the wire.
	Adopt(ctx context.Context, lease dispatch.Lease) (int, error)
}

// Config is what all channels share.
type Config struct {
	Leases  Leases
	Inbound Inbound
	// Open unseals a channel's secret.
	Open func(sealed []byte) (string, error)
	// OnCredit is called when a PDU may be written again.
	OnCredit func()
	Now      func() time.Time
	Logger   *slog.Logger
	Redial   session.Redial
	// ResponseTimeout is how long a submit waits for its answer before it is in
	// doubt; 0 is the session's default.
	ResponseTimeout time.Duration

	backs *backs
}

// Channel is one channel and its sessions.
type Channel struct {
	cfg    Config
	def    registry.Channel
	secret string
	pacer  *session.Pacer
	epoch  atomic.Int64
	until  atomic.Int64 // monotonic nanoseconds since start; 0 is no lease
	start  time.Time
	stop   context.CancelFunc
	parts  sync.WaitGroup

	need chan struct{} // a message waits for a session that rests

	mu       sync.Mutex
	sessions []*session.Client
	resting  int // sessions that ended quietly
	waking   int // those of them that are being dialled
	waiting  []held
	down     string // why there is none
}

// held is a message that waits for a session to be dialled.
type held struct {
	epoch  int64 // of the lease under which it was handed over
	submit session.Submit
	done   func(session.Outcome)
}

// State is a channel as operators see it.
type State struct {
	ID       sms.ID `json:"id"`
	Name     string `json:"name"`
	Owned    bool   `json:"owned" doc:"this node holds the channel's lease"`
	Sessions int    `json:"sessions" doc:"logged in now"`
	Wanted   int    `json:"wanted"`
	Resting  int    `json:"resting,omitempty" doc:"SGIP: sessions that ended because nothing was to be said; the next message dials them"`
	Credit   int    `json:"credit" doc:"PDUs that may be written at once"`
	Down     string `json:"down,omitempty" doc:"why the last session ended or could not begin"`
	Back     *Back  `json:"back,omitempty" doc:"SGIP: the gateway's own connections to us"`
	Health
}

// start begins a channel's life.
func start(cfg Config, def registry.Channel) (*Channel, error) {
	if dials[def.Protocol].dial == nil {
		return nil, fmt.Errorf("channel protocol %q is none of %s", def.Protocol, strings.Join(slices.Sorted(maps.Keys(dials)), ", "))
	}
	secret, err := cfg.Open(def.Secret)
	if err != nil {
		return nil, fmt.Errorf("secret of channel %d: %w", def.ID, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &Channel{cfg: cfg, def: def, secret: secret, pacer: session.NewPacer(int(def.TPS)), start: time.Now(), stop: stop, need: make(chan struct{}, 64), down: "not connected yet"}
	c.parts.Go(func() { c.hold(ctx) })
	return c, nil
}

// hold gets the lease, keeps it, and runs the sessions while it stands.
func (c *Channel) hold(ctx context.Context) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		asked := time.Since(c.start)
		epoch, ok, err := c.cfg.Leases.Acquire(ctx, c.def.ID)
		if err != nil {
			c.cfg.Logger.Error("channel lease", "channel", c.def.ID, "err", err)
		}
		if ok && err == nil {
			c.own(ctx, epoch, asked, tick)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// own runs the channel under one epoch.
func (c *Channel) own(ctx context.Context, epoch int64, asked time.Duration, tick *time.Ticker) {
	c.epoch.Store(epoch)
	n, err := c.cfg.Leases.Adopt(ctx, dispatch.Lease{Channel: c.def.ID, Epoch: epoch})
	if err != nil {
		c.cfg.Logger.Error("adopt what was on the wire", "channel", c.def.ID, "err", err)
		return
	}
	if n > 0 {
		c.cfg.Logger.Warn("messages are in doubt: the process that wrote them ended before an answer came", "channel", c.def.ID, "count", n)
	}
	c.until.Store(int64(asked + LeaseTime - leaseMargin))
	defer c.until.Store(0)
	running, end := context.WithCancel(ctx)
	var sessions sync.WaitGroup
	for range max(1, c.def.Sessions) {
		sessions.Go(func() { c.keep(running) })
	}
	defer func() {
		end()
		sessions.Wait()
		c.until.Store(0)
		if err := c.cfg.Leases.Release(context.WithoutCancel(ctx), c.def.ID, epoch); err != nil {
			c.cfg.Logger.Error("release the channel's lease", "channel", c.def.ID, "err", err)
		}
	}()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		asked := time.Since(c.start)
		ok, err := c.cfg.Leases.Renew(ctx, c.def.ID, epoch)
		switch {
		case err != nil: // the store may be back before the lease ends
			c.cfg.Logger.Error("renew the channel's lease", "channel", c.def.ID, "err", err)
		case !ok:
			c.cfg.Logger.Warn("the channel's lease has passed to another node", "channel", c.def.ID)
			return
		default:
			c.until.Store(int64(asked + LeaseTime - leaseMargin))
		}
		if _, ok := c.Lease(); !ok {
			return
		}
		c.cfg.OnCredit()
	}
}

// keep holds one session, and dials again when it ends. One that ended quietly, as those
// of SGIP do when nothing is to be said, is dialled again with the next message.
func (c *Channel) keep(ctx context.Context) {
	failed, woken := 0, false
	for ctx.Err() == nil {
		h := &handler{Channel: c}
		s, err := dials[c.def.Protocol].dial(ctx, c.session(), h)
		if woken {
			woken = false
			c.awake()
		}
		began := time.Now()
		if err == nil {
			c.opened(s)
			select {
			case <-s.Done():
			case <-ctx.Done():
				c.drain(s)
			}
			c.closed(s)
			if h.quiet && time.Since(began) > quietLeast {
				failed, woken = 0, c.rest(ctx)
				continue
			}
			if failed = 0; h.quiet {
				failed = 1 // it hangs up at once: no reason to hurry
			}
		} else if ctx.Err() == nil {
			c.note(err)
			failed++
		}
		c.forsake(err)
		select {
		case <-time.After(c.cfg.Redial.Next(max(0, failed-1))):
		case <-ctx.Done():
		}
	}
	c.forsake(ctx.Err())
}

// quietLeast is how long a session must have lived for its quiet end to be a rest.
const quietLeast = time.Second

// drainPatience is how long an orderly end waits for open submits.
const drainPatience = 10 * time.Second

func (c *Channel) drain(s *session.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), drainPatience)
	defer cancel()
	if err := s.Drain(ctx); err != nil && !errors.Is(err, session.ErrClosed) {
		c.cfg.Logger.Info("a session did not end in order", "channel", c.def.ID, "err", err)
	}
	<-s.Done()
}

func (c *Channel) opened(s *session.Client) {
	c.mu.Lock()
	c.sessions = append(c.sessions, s)
	c.down = ""
	waiting := c.waiting
	c.waiting = nil
	c.mu.Unlock()
	lease, owned := c.Lease() // it may have ended while the session was dialled
	for _, w := range waiting {
		if !owned || lease.Epoch != w.epoch {
			w.done(session.Outcome{Kind: session.NotWritten, Err: session.ErrClosed, At: c.cfg.now()})
			continue
		}
		s.Submit(w.submit, w.done)
	}
	c.cfg.Logger.Info("channel session is up", "channel", c.def.ID, "name", c.def.Name)
	c.cfg.OnCredit()
}

// closed forgets a session. It is called twice, because OnClose may come before
// the dialler has noted that the session is up.
func (c *Channel) closed(s *session.Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions = slices.DeleteFunc(c.sessions, func(x *session.Client) bool { return x == s })
}

func (c *Channel) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down != err.Error() {
		c.down = err.Error()
		c.cfg.Logger.Warn("channel session is down", "channel", c.def.ID, "name", c.def.Name, "err", err)
	}
}

// close ends the channel in order and waits.
func (c *Channel) close() {
	c.stop()
	c.parts.Wait()
}

// Channel implements dispatch.Line.
func (c *Channel) Channel() sms.ID { return c.def.ID }

// Lease implements dispatch.Line.
func (c *Channel) Lease() (dispatch.Lease, bool) {
	return dispatch.Lease{Channel: c.def.ID, Epoch: c.epoch.Load()}, int64(time.Since(c.start)) < c.until.Load()
}

// Credit implements dispatch.Line.
func (c *Channel) Credit(class sms.Class) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	free := 0
	for _, s := range c.sessions {
		if s.Credit() > 0 { // else it will say when there is some again
			free += s.Room()
		}
	}
	free += c.window()*c.resting - len(c.waiting)
	return credit(class, free, c.window()*(len(c.sessions)+c.resting), c.pacer.Available(time.Now()))
}

// credit is how many PDUs of a class may be written at once: as many as the windows
// have room for, less what is kept for verification codes, and as many as the pace
// allows, of which nothing is kept, for it comes back within moments.
func credit(class sms.Class, free, windows, pace int) int {
	if class != sms.ClassOTP && windows >= reserve {
		free -= windows / reserve
	}
	return max(0, min(free, pace))
}

// Submit implements dispatch.Line: it writes on the session with the most room.
func (c *Channel) Submit(s session.Submit, done func(session.Outcome)) {
	c.mu.Lock()
	var best *session.Client
	most := 0
	for _, x := range c.sessions {
		if n := x.Credit(); n > most {
			best, most = x, n
		}
	}
	wake := best == nil && c.resting > 0 && len(c.waiting) < c.window()*c.resting
	if wake {
		c.waiting = append(c.waiting, held{c.epoch.Load(), s, done})
	}
	c.mu.Unlock()
	if wake {
		select {
		case c.need <- struct{}{}:
		default: // as many are awake as there are sessions
		}
		return
	}
	if best == nil {
		go done(session.Outcome{Kind: session.NotWritten, Err: session.ErrNoCredit})
		return
	}
	best.Submit(s, done)
}

// State tells how the channel does.
func (c *Channel) State() State {
	credit := c.Credit(sms.ClassOTP)
	_, owned := c.Lease()
	c.mu.Lock()
	defer c.mu.Unlock()
	return State{
		ID: c.def.ID, Name: c.def.Name, Owned: owned, Sessions: len(c.sessions), Resting: c.resting, Wanted: int(c.def.Sessions), Credit: credit, Down: c.down, Back: c.back(),
	}
}

// handler is the Channel as one of its sessions sees it.
type handler struct {
	*Channel
	quiet bool // it ended without an outage
}

// OnReport implements session.ClientHandler.
func (h *handler) OnReport(_ *session.Client, r session.Report, ack func(bool)) {
	h.cfg.Inbound.Report(h.def.ID, r, ack)
}

// OnMO implements session.ClientHandler.
func (h *handler) OnMO(_ *session.Client, m session.MO, ack func(bool)) {
	h.cfg.Inbound.MO(h.def.ID, m, ack)
}

// OnCredit implements session.ClientHandler.
func (h *handler) OnCredit(*session.Client) { h.cfg.OnCredit() }

// OnClose implements session.ClientHandler.
func (h *handler) OnClose(s *session.Client, err error) {
	h.closed(s)
	if h.quiet = h.def.Protocol == sgip12 && (err == nil || errors.Is(err, session.ErrIdle) || errors.Is(err, session.ErrPeerQuit)); h.quiet {
		return
	}
	if err != nil {
		h.note(err)
	}
}
