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
	// Report takes a report; message is ours if the carrier named it, else 0.
	Report(channel sms.ID, r session.Report, message sms.ID, ack func(ok bool))
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

// Channel is one channel: its lease, its pace and its wire.
type Channel struct {
	cfg    Config
	def    registry.Channel
	code   string // access code
	secret string
	pacer  *session.Pacer
	wire   wire
	epoch  atomic.Int64
	until  atomic.Int64 // monotonic nanoseconds since start; 0 is no lease
	start  time.Time
	stop   context.CancelFunc
	parts  sync.WaitGroup

	mu   sync.Mutex
	down string // why the carrier is not reached
}

// wire is how a channel reaches its carrier.
type wire interface {
	// run holds the connections until ctx ends. What was written by then is answered or
	// in doubt when it returns.
	run(ctx context.Context)
	up() bool
	credit(class sms.Class) int
	submit(s session.Submit, done func(session.Outcome))
	send(t dispatch.Text, done func(o session.Outcome, code string))
	// state fills in what operators see.
	state(s *State)
}

// State is a channel as operators see it.
type State struct {
	ID       sms.ID `json:"id"`
	Name     string `json:"name"`
	Owned    bool   `json:"owned" doc:"this node holds the channel's lease"`
	Sessions int    `json:"sessions" doc:"logged in now; of an HTTP upstream 1 while it is reached"`
	Wanted   int    `json:"wanted"`
	Resting  int    `json:"resting,omitempty" doc:"SGIP: sessions that ended because nothing was to be said; the next message dials them"`
	Credit   int    `json:"credit" doc:"PDUs that may be written at once"`
	Down     string `json:"down,omitempty" doc:"why the last session ended or could not begin"`
	Back     *Back  `json:"back,omitempty" doc:"SGIP: the gateway's own connections to us; HTTP: the upstream's callbacks"`
	Health
}

// start begins a channel's life. One by HTTP asks by the API by which it is called.
func start(cfg Config, def registry.Channel, code string, x *callee) (*Channel, error) {
	secret, err := cfg.Open(def.Secret)
	if err != nil {
		return nil, fmt.Errorf("secret of channel %d: %w", def.ID, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &Channel{cfg: cfg, def: def, code: code, secret: secret, pacer: session.NewPacer(int(def.TPS)), start: time.Now(), stop: stop, down: "not connected yet"}
	switch {
	case x != nil:
		c.wire = &requests{Channel: c, api: x.api, transport: x.transport, lost: make(chan struct{}, 1)}
	case def.ByWeb():
		err = errors.New("its API could not be made")
	case dials[def.Protocol].dial == nil:
		err = fmt.Errorf("channel protocol %q is none of http, aliyun, tencent, %s", def.Protocol, strings.Join(slices.Sorted(maps.Keys(dials)), ", "))
	default:
		c.wire = &sessions{Channel: c, need: make(chan struct{}, 64)}
	}
	if err != nil {
		stop()
		return nil, err
	}
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
	var wires sync.WaitGroup
	wires.Go(func() { c.wire.run(running) })
	defer func() {
		end()
		wires.Wait()
		c.until.Store(0)
		if err := c.cfg.Leases.Release(context.WithoutCancel(ctx), c.def.ID, epoch); err != nil {
			c.cfg.Logger.Error("release the channel's lease", "channel", c.def.ID, "err", err)
		}
	}()
	ended := make(chan struct{})
	go func() {
		wires.Wait()
		close(ended)
	}()
	// While what is open ends in order, the lease is kept: the answers are this node's.
	for stop := ctx.Done(); ; {
		select {
		case <-tick.C:
		case <-stop:
			end()
			stop = nil
			continue
		case <-ended:
			return
		}
		asked := time.Since(c.start)
		ok, err := c.renew(ctx, epoch)
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

// renew asks for more time, also while the channel ends.
func (c *Channel) renew(ctx context.Context, epoch int64) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseMargin)
	defer cancel()
	return c.cfg.Leases.Renew(ctx, c.def.ID, epoch)
}

// note keeps why the carrier is not reached.
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

// Up implements dispatch.Line.
func (c *Channel) Up() bool { return c.wire.up() }

// Credit implements dispatch.Line.
func (c *Channel) Credit(class sms.Class) int { return c.wire.credit(class) }

// Submit implements dispatch.Line.
func (c *Channel) Submit(s session.Submit, done func(session.Outcome)) { c.wire.submit(s, done) }

// Send implements dispatch.Line.
func (c *Channel) Send(t dispatch.Text, done func(o session.Outcome, code string)) {
	c.wire.send(t, done)
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

// State tells how the channel does.
func (c *Channel) State() State {
	_, owned := c.Lease()
	s := State{ID: c.def.ID, Name: c.def.Name, Owned: owned, Credit: c.Credit(sms.ClassOTP)}
	c.wire.state(&s)
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Down = c.down
	return s
}
