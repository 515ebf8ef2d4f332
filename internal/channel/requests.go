package channel

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zhunxin/zhunxin/internal/channel/web"
	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// Pauses of a channel after its upstream asked for one, or could not be asked.
const (
	minPause = 250 * time.Millisecond
	maxPause = time.Minute
)

// answerWithin is how long an answer is waited for when the settings say nothing.
const answerWithin = time.Minute

// refusedInWords is the result of a refusal whose code is no number.
const refusedInWords = 1

// requests is the wire to an upstream with an HTTP API. There is nothing to log in to:
// it is up while it can be reached.
type requests struct {
	*Channel
	api       web.API
	transport *web.Transport
	lost      chan struct{} // it could not be reached

	// What follows is guarded by the channel's lock.
	there bool
	open  int
	work  sync.WaitGroup
	until time.Time // pause
	delay time.Duration
	timed bool            // somebody is told when there is credit again
	under context.Context // of requests
}

// Check says what is wrong with the definition of a channel with an HTTP API. Of the
// secret it matters only whether there is one.
func Check(def *registry.Channel, secret string) error {
	_, _, err := newAPI(def, "", secret, time.Now)
	return err
}

// newAPI makes the API of a channel.
func newAPI(def *registry.Channel, code, secret string, now func() time.Time) (web.API, *web.Transport, error) {
	endpoint, err := web.Endpoint(def.Protocol, def.Address)
	if err != nil {
		return nil, nil, fmt.Errorf("address: %w", err)
	}
	t := web.NewTransport(endpoint, most(def))
	a := web.Account{
		Address: endpoint.String(), Login: def.Login, Secret: secret, AccessCode: code, HTTP: def.Options.HTTP, Cloud: def.Options.Cloud, Transport: t, Now: now,
	}
	var api web.API
	switch def.Protocol {
	case registry.ByAliyun:
		api, err = web.NewAliyun(a)
	case registry.ByTencent:
		api, err = web.NewTencent(a)
	default:
		api, err = web.NewCustom(a)
	}
	return api, t, err
}

// most is how many requests may be open.
func most(def *registry.Channel) int { return int(max(1, def.Sessions) * max(1, def.Window)) }

// run looks whether the upstream can be reached, again and again while it can't.
func (c *requests) run(ctx context.Context) {
	under, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer c.transport.Close()
	c.mu.Lock()
	c.under = under
	c.mu.Unlock()
	for failed := 0; ctx.Err() == nil; {
		wait := time.Duration(0)
		if err := c.transport.Probe(ctx); err == nil {
			failed = 0
			c.reached()
			select {
			case <-c.lost:
			case <-ctx.Done():
			}
			wait = c.cfg.Redial.Next(0)
		} else if ctx.Err() == nil {
			c.note(err)
			wait = c.cfg.Redial.Next(failed)
			failed++
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	c.finish(cancel)
}

func (c *requests) reached() {
	c.mu.Lock()
	c.there, c.down = true, ""
	c.mu.Unlock()
	c.cfg.Logger.Info("the upstream is reached", "channel", c.def.ID, "name", c.def.Name)
	c.cfg.OnCredit()
}

// finish lets open requests end in order, and gives them up when that takes too long.
func (c *requests) finish(cancel func()) {
	c.mu.Lock()
	c.there = false
	c.mu.Unlock()
	patience := time.AfterFunc(drainPatience, cancel)
	defer patience.Stop()
	c.work.Wait()
}

func (c *requests) up() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.there
}

func (c *requests) credit(class sms.Class) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if !c.there {
		return 0
	}
	wait := max(c.until.Sub(now), c.pacer.Wait(now))
	if wait > 0 {
		c.wake(wait)
	}
	if c.until.After(now) {
		return 0
	}
	return credit(class, most(&c.def)-c.open, most(&c.def), c.pacer.Available(now))
}

// wake tells after a while that there is credit. The caller holds the lock.
func (c *requests) wake(after time.Duration) {
	if c.timed {
		return
	}
	c.timed = true
	time.AfterFunc(after, func() {
		c.mu.Lock()
		c.timed = false
		c.mu.Unlock()
		c.cfg.OnCredit()
	})
}

// submit is not for upstreams that take whole texts: what is permitted in parts can't leave here.
func (c *requests) submit(_ session.Submit, done func(session.Outcome)) {
	go done(session.Outcome{Kind: session.Answered, Result: refusedInWords, At: c.cfg.now()})
}

func (c *requests) send(t dispatch.Text, done func(session.Outcome, string)) {
	c.mu.Lock()
	now := time.Now()
	ok := c.there && c.open < most(&c.def) && !c.until.After(now) && c.pacer.Take(now, 1)
	if ok {
		c.open++
		c.work.Add(1)
	}
	under := c.under
	c.mu.Unlock()
	if !ok {
		go done(session.Outcome{Kind: session.NotWritten, Err: session.ErrNoCredit}, "")
		return
	}
	go func() {
		defer c.work.Done()
		o, code := c.ask(under, &t)
		done(o, code)
		c.mu.Lock()
		c.open--
		c.mu.Unlock()
		c.cfg.OnCredit()
	}()
}

// ask makes the one request of a message.
func (c *requests) ask(ctx context.Context, t *dispatch.Text) (session.Outcome, string) {
	within := c.cfg.ResponseTimeout
	if within <= 0 {
		within = answerWithin
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	extension, ok := strings.CutPrefix(t.Source, c.code)
	if !ok { // of another access code: the handset would be shown a number that is not permitted
		return session.Outcome{Kind: session.Answered, Result: refusedInWords, At: c.cfg.now()}, dispatch.NotWritable
	}
	m := &web.Message{
		Ref: Ref(c.def.ID, t.Message), Number: t.Number, Text: t.Text, Source: t.Source, Extension: extension,
		ValidUntil: t.ValidUntil, Values: t.Values,
	}
	if t.Template != nil {
		m.Template, m.Names = t.Template.Code, t.Template.Names
	}
	flight := &web.Flight{}
	o := session.Outcome{Kind: session.Answered, Written: c.cfg.now()}
	a, err := c.api.Send(web.Track(ctx, flight), m)
	o.At = c.cfg.now()
	switch {
	case err != nil && !flight.Made(): // nor could it be next time
		c.cfg.Logger.Error("the channel's description can't put a message into a request", "channel", c.def.ID, "message", t.Message, "err", err)
		o.Result, a.Code = refusedInWords, dispatch.NotWritable
	case err != nil && !flight.Reached():
		c.lose(err)
		return session.Outcome{Kind: session.NotWritten, Err: err, At: o.At}, ""
	case a.Verdict == web.Accepted:
		o.ID = a.ID
		c.went()
	case a.Verdict == web.NotNow:
		o.Result, o.OverSpeed = refusedInWords, true
		c.pause(a)
	case a.Verdict == web.Refused:
		o.Result = refusedInWords
		c.went()
	default:
		o.Kind, o.Err = session.InDoubt, errors.Join(errUnclear, err)
		c.cfg.Logger.Warn("an upstream's answer does not say whether it took a message; it is in doubt", "channel", c.def.ID, "message", t.Message, "code", hide(a.Code), "err", err)
	}
	return o, hide(a.Code)
}

var mobileNumber = regexp.MustCompile(`1[3-9][0-9]{9}`)

// hide masks numbers in a word of the upstream's, which some put there. It is stored.
func hide(word string) string {
	return mobileNumber.ReplaceAllStringFunc(word, func(s string) string { return s[:3] + "****" + s[7:] })
}

var errUnclear = errors.New("channel: the upstream's answer does not say whether it took the message")

// lose notes that the upstream could not be reached.
func (c *requests) lose(err error) {
	c.mu.Lock()
	was := c.there
	c.there = false
	c.mu.Unlock()
	c.note(err)
	if !was {
		return
	}
	select {
	case c.lost <- struct{}{}:
	default:
	}
}

// pause takes nothing for a while: as long as the upstream asks, else twice as long as
// before.
func (c *requests) pause(a web.Answer) {
	c.mu.Lock()
	now := time.Now()
	fresh := !c.until.After(now) // answers to what was sent before the pause say nothing new
	if fresh {
		c.delay = min(max(2*c.delay, minPause, a.Wait), maxPause)
		c.until = now.Add(c.delay)
	}
	delay := c.delay
	c.down = "the upstream takes nothing at the moment: " + hide(a.Code)
	c.mu.Unlock()
	if fresh {
		c.cfg.Logger.Warn("the upstream takes nothing at the moment", "channel", c.def.ID, "name", c.def.Name, "code", hide(a.Code), "pause", delay)
	}
}

// went notes that the upstream answers as usual.
func (c *requests) went() {
	c.mu.Lock()
	if now := time.Now(); !c.until.After(now) {
		c.down = ""
		if now.Sub(c.until) > c.delay {
			c.delay = 0
		}
	}
	c.mu.Unlock()
}

func (c *requests) state(s *State) {
	b := c.cfg.backs.get(backOf(c.def.ID))
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Wanted, s.Back = 1, &b
	if c.there {
		s.Sessions = 1
	}
}

// Ref is what an upstream is asked to return in its report: it names channel and message.
func Ref(channel, message sms.ID) string { return channel.String() + "-" + message.String() }

// ParseRef reads it; zeros when it is none of ours.
func ParseRef(s string) (channel, message sms.ID) {
	a, b, _ := strings.Cut(s, "-")
	x, err1 := strconv.ParseInt(a, 10, 64)
	y, err2 := strconv.ParseInt(b, 10, 64)
	if err1 != nil || err2 != nil {
		return 0, 0
	}
	return sms.ID(x), sms.ID(y)
}
