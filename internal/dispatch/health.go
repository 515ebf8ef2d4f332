package dispatch

import (
	"log/slog"
	"sync"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// ChannelHealth is how a channel stands, as this node knows it.
type ChannelHealth struct {
	Owned    bool // this node judges it
	State    BreakerState
	Cause    Cause
	Since    time.Time
	CoolDown time.Duration          // of an open breaker
	Changes  map[BreakerState]int64 // times that it came to a state on this node
}

// Sample is the end of one PDU, or its report, as a breaker counts it.
type Sample struct {
	Channel  sms.ID
	SubmitAt int64 // epoch milliseconds
	Wrong    bool  // refused for the time being, or not delivered
	Doubtful bool  // no answer came
}

// health keeps the breakers of the channels that this node owns, and knows those of
// the others from the database. It is safe for concurrent use.
type health struct {
	limits Limits
	now    func() time.Time
	logger *slog.Logger

	look chan struct{} // a channel is new

	mu     sync.Mutex
	strict bool // nothing is sent on a channel of which it is not known how it stands
	own    map[sms.ID]*ward
	shared map[sms.ID]sms.Breaker // as the database has them
	tried  map[sms.ID]*round      // new messages given to channels that are being tried
	counts map[sms.ID]map[BreakerState]int64
}

// ward is one channel that this node owns.
type ward struct {
	*Breaker
	epoch  int64
	unsaid bool      // its state is not in the database yet
	rest   time.Time // when its queue is gone through again
}

func newHealth(l Limits, now func() time.Time, logger *slog.Logger) *health {
	return &health{
		limits: l, now: now, logger: logger, look: make(chan struct{}, 1), own: map[sms.ID]*ward{}, shared: map[sms.ID]sms.Breaker{}, tried: map[sms.ID]*round{},
		counts: map[sms.ID]map[BreakerState]int64{},
	}
}

// state is how a channel stands; live says that some node can write on it.
func (h *health) state(channel sms.ID) (s BreakerState, live bool) {
	if w := h.own[channel]; w != nil {
		return w.Breaker.state, w.up
	}
	if b, ok := h.shared[channel]; ok {
		return BreakerState(b.State), b.Owned
	}
	return Closed, false
}

// is tells whether a channel stands so.
func (h *health) is(channel sms.ID, s BreakerState) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	now, _ := h.state(channel)
	return now == s
}

// usable tells whether a message may be moved to a channel.
func (h *health) usable(channel sms.ID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, live := h.state(channel)
	return s == Closed && live
}

// others tells whether a message of a channel could be moved at all.
func (h *health) others(channel sms.ID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.shared {
		if s, live := h.state(id); id != channel && s == Closed && live {
			return true
		}
	}
	return false
}

// admits tells whether a new message may go to a channel. Each node gives one that is
// being tried as many as it takes to try it, and no more for a while.
func (h *health) admits(channel sms.ID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, _ := h.state(channel)
	if s != HalfOpen {
		delete(h.tried, channel)
		return s == Closed
	}
	now, t := h.now(), h.tried[channel]
	if t == nil || now.Sub(t.at) >= h.limits.ProbeTime {
		t = &round{at: now}
		h.tried[channel] = t
	}
	t.granted++
	return t.granted <= h.limits.Probes
}

// touch lets one breaker see something, and tells what came of it.
func (h *health) touch(channel sms.ID, see func(b *Breaker, now time.Time)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := h.own[channel]; w != nil {
		h.change(channel, w, see)
	}
}

func (h *health) change(channel sms.ID, w *ward, see func(b *Breaker, now time.Time)) {
	was, trips := w.Breaker.state, w.trips
	see(w.Breaker, h.now())
	if s := w.Breaker.state; s != was || w.trips != trips {
		w.unsaid, w.rest = true, time.Time{}
		if h.counts[channel] == nil {
			h.counts[channel] = map[BreakerState]int64{}
		}
		h.counts[channel][s]++
		h.logger.Warn("channel breaker", "channel", channel, "from", was, "to", s, "cause", w.cause, "cool_down", w.CoolDown())
	}
}

// begin says that channels are looked after from here on.
func (h *health) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.strict = true
}

// known tells whether a channel that this node writes on has been looked at. One whose
// lease is new may have been taken out by its former owner: it is looked at at once.
func (h *health) known(channel sms.ID) bool {
	if h.own[channel] != nil || !h.strict {
		return true
	}
	select {
	case h.look <- struct{}{}:
	default:
	}
	return false
}

// free tells whether a new message may be taken to a channel right away.
func (h *health) free(channel sms.ID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, _ := h.state(channel)
	return h.known(channel) && s == Closed
}

// allow grants messages that wait for a channel.
func (h *health) allow(channel sms.ID, want int) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.known(channel) {
		return 0
	}
	if w := h.own[channel]; w != nil {
		return w.Allow(h.now(), want)
	}
	return want
}

// spare takes back grants that were not used.
func (h *health) spare(channel sms.ID, n int) {
	h.touch(channel, func(b *Breaker, _ time.Time) { b.Spare(n) })
}

// answered and reported count what was booked.
func (h *health) answered(list []Sample) {
	for _, s := range list {
		h.touch(s.Channel, func(b *Breaker, now time.Time) { b.Answered(now, time.UnixMilli(s.SubmitAt), s.Wrong, s.Doubtful) })
	}
}

func (h *health) reported(list []Sample) {
	for _, s := range list {
		h.touch(s.Channel, func(b *Breaker, now time.Time) { b.Reported(now, time.UnixMilli(s.SubmitAt), !s.Wrong) })
	}
}

// see takes what the database says of all channels, and which of them this node owns
// now. A channel that has just become its own goes on as its former owner left it;
// news says that there was one.
func (h *health) see(all []sms.Breaker, lines []Line) (news bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shared = make(map[sms.ID]sms.Breaker, len(all))
	for _, b := range all {
		h.shared[b.ChannelID] = b
	}
	held := map[sms.ID]bool{}
	for _, line := range lines {
		lease, ok := line.Lease()
		if !ok {
			continue
		}
		id := line.Channel()
		held[id] = true
		w := h.own[id]
		if w == nil || w.epoch != lease.Epoch {
			w = &ward{Breaker: NewBreaker(h.limits, h.now()), epoch: lease.Epoch}
			if b, ok := h.shared[id]; ok && b.Since > 0 {
				w.Resume(BreakerState(b.State), Cause(b.Cause), b.Trips, time.UnixMilli(b.Since))
			}
			h.own[id], news = w, true
		}
		h.change(id, w, func(b *Breaker, now time.Time) { b.Tick(now, line.Up()) })
	}
	for id := range h.own {
		if !held[id] {
			delete(h.own, id)
		}
	}
	for id := range h.counts {
		if _, known := h.shared[id]; !known && !held[id] {
			delete(h.counts, id)
		}
	}
	return news
}

// unsaid lists the breakers whose state is to be written.
func (h *health) unsaid() (out []sms.Breaker, epochs []int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, w := range h.own {
		if w.unsaid {
			out = append(out, sms.Breaker{ChannelID: id, State: string(w.Breaker.state), Cause: string(w.cause), Trips: w.trips, Since: w.since.UnixMilli(), Owned: true})
			epochs = append(epochs, w.epoch)
		}
	}
	return out, epochs
}

// said notes that a state was written.
func (h *health) said(b sms.Breaker) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := h.own[b.ChannelID]; w != nil && w.since.UnixMilli() == b.Since && string(w.Breaker.state) == b.State {
		w.unsaid = false
	}
}

// restless tells whether the queue of a channel that is not used should be gone
// through now, and how many messages stay there to try it.
func (h *health) restless(channel sms.ID) (leave int, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.own[channel]
	if w == nil || w.Breaker.state == Closed || h.now().Before(w.rest) {
		return 0, false
	}
	if w.Breaker.state == HalfOpen {
		leave = h.limits.Probes
	}
	return leave, true
}

// rested says that nothing could be moved: it is tried again after a while.
func (h *health) rested(channel sms.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := h.own[channel]; w != nil {
		w.rest = h.now().Add(moveRest)
	}
}

// of shows how a channel stands.
func (h *health) of(channel sms.ID) ChannelHealth {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := ChannelHealth{State: Closed, Changes: map[BreakerState]int64{}}
	for s, n := range h.counts[channel] {
		v.Changes[s] = n
	}
	if w := h.own[channel]; w != nil {
		v.State, v.Since, v.Cause, _ = w.State()
		v.Owned, v.CoolDown = true, w.CoolDown()
	} else if b, ok := h.shared[channel]; ok {
		other := &Breaker{limits: h.limits, trips: b.Trips}
		v.State, v.Cause, v.CoolDown = BreakerState(b.State), Cause(b.Cause), other.CoolDown()
		if b.Since > 0 {
			v.Since = time.UnixMilli(b.Since)
		}
	}
	return v
}
