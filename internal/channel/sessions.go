package channel

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// sessions is the wire to a carrier that takes PDUs: connections that are redialled when
// they fall.
type sessions struct {
	*Channel
	need chan struct{} // a message waits for a session that rests

	// What follows is guarded by the channel's lock.
	list    []*session.Client
	resting int // sessions that ended quietly
	waking  int // those of them that are being dialled
	waiting []held
}

// held is a message that waits for a session to be dialled.
type held struct {
	epoch  int64 // of the lease under which it was handed over
	submit session.Submit
	done   func(session.Outcome)
}

func (c *sessions) run(ctx context.Context) {
	var all sync.WaitGroup
	for range max(1, c.def.Sessions) {
		all.Go(func() { c.keep(ctx) })
	}
	all.Wait()
}

// keep holds one session, and dials again when it ends. One that ended quietly, as those
// of SGIP do when nothing is to be said, is dialled again with the next message.
func (c *sessions) keep(ctx context.Context) {
	failed, woken := 0, false
	for ctx.Err() == nil {
		h := &handler{sessions: c}
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

func (c *sessions) drain(s *session.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), drainPatience)
	defer cancel()
	if err := s.Drain(ctx); err != nil && !errors.Is(err, session.ErrClosed) {
		c.cfg.Logger.Info("a session did not end in order", "channel", c.def.ID, "err", err)
	}
	<-s.Done()
}

func (c *sessions) opened(s *session.Client) {
	c.mu.Lock()
	c.list = append(c.list, s)
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
func (c *sessions) closed(s *session.Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = slices.DeleteFunc(c.list, func(x *session.Client) bool { return x == s })
}

func (c *sessions) credit(class sms.Class) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	free := 0
	for _, s := range c.list {
		if s.Credit() > 0 { // else it will say when there is some again
			free += s.Room()
		}
	}
	free += c.window()*c.resting - len(c.waiting)
	return credit(class, free, c.window()*(len(c.list)+c.resting), c.pacer.Available(time.Now()))
}

// submit writes on the session with the most room.
func (c *sessions) submit(s session.Submit, done func(session.Outcome)) {
	c.mu.Lock()
	var best *session.Client
	most := 0
	for _, x := range c.list {
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

// send is not for carriers that take PDUs: what is permitted whole can't leave here.
func (c *sessions) send(_ dispatch.Text, done func(session.Outcome, string)) {
	go done(session.Outcome{Kind: session.Answered, Result: refusedInWords, At: c.cfg.now()}, dispatch.NotWritable)
}

func (c *sessions) up() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.list)+c.resting+c.waking > 0 // one that rests is dialled by the next message
}

func (c *sessions) state(s *State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Sessions, s.Resting, s.Wanted, s.Back = len(c.list), c.resting, int(c.def.Sessions), c.back()
}

// handler is what one of the sessions tells.
type handler struct {
	*sessions
	quiet bool // it ended without an outage
}

// OnReport implements session.ClientHandler.
func (h *handler) OnReport(_ *session.Client, r session.Report, ack func(bool)) {
	h.cfg.Inbound.Report(h.def.ID, r, 0, ack)
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
