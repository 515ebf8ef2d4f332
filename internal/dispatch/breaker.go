package dispatch

import (
	"time"
)

// BreakerState says whether a channel is used 熔断状态.
type BreakerState string

// The states of a breaker.
const (
	Closed   BreakerState = "closed"    // the channel is used
	Open     BreakerState = "open"      // it is not
	HalfOpen BreakerState = "half_open" // a few messages try it
)

// Cause says why a breaker opened.
type Cause string

// The causes.
const (
	CauseDown      Cause = "down"      // no session was logged in
	CauseThrottled Cause = "throttled" // the carrier refused too much for the time being
	CauseReports   Cause = "reports"   // too many reports were not of deliveries
)

// Limits are when a channel is taken out and tried again. A limit of 0 takes no
// channel out.
type Limits struct {
	DownAfter time.Duration // time without a session
	Window    time.Duration // how far back answers and reports are counted
	Refused   int           // percent of answers that are temporary refusals
	Answers   int           // least number of them that tells anything
	Failing   int           // percent of reports that are not of deliveries
	Reports   int           // least number of them that tells anything
	CoolDown  time.Duration // from opening to the first probe; doubles each time
	CoolMost  time.Duration // longest cool-down; a channel that held so long begins anew
	Probes    int           // messages that try a channel
	ProbeTime time.Duration // how long their outcome is waited for before others try
}

// Breaker judges one channel by what it is told. Times come in as values; it is not
// safe for concurrent use. Its memory does not grow.
//
// Only what was submitted since the present state began counts: an answer or a report
// that comes late says nothing of the channel as it is now.
type Breaker struct {
	limits Limits
	state  BreakerState
	cause  Cause // of the last opening
	since  time.Time
	trips  int // openings in a row
	up     bool
	downAt time.Time // since when there is no session

	answers, reports tally
	round            round
}

// round is how the probes of a half-open breaker do.
type round struct {
	at      time.Time
	granted int
	ok, bad int
}

// NewBreaker is closed, and gives its channel time to log in.
func NewBreaker(l Limits, now time.Time) *Breaker {
	return &Breaker{limits: l, state: Closed, since: now, downAt: now}
}

// Resume takes over what another process knew of the channel.
func (b *Breaker) Resume(state BreakerState, cause Cause, trips int, since time.Time) {
	b.cause, b.trips = cause, trips
	if state != Closed { // probes under way died with it
		b.state, b.since = Open, since
	}
}

// State tells how the channel stands, since when, and why it was last taken out.
func (b *Breaker) State() (s BreakerState, since time.Time, cause Cause, trips int) {
	return b.state, b.since, b.cause, b.trips
}

// Tick says whether a session is logged in, and lets time pass.
func (b *Breaker) Tick(now time.Time, up bool) {
	if b.up && !up {
		b.downAt = now
	}
	b.up = up
	switch b.state {
	case Closed:
		if !up && b.limits.DownAfter > 0 && now.Sub(b.downAt) >= b.limits.DownAfter {
			b.open(now, CauseDown)
		}
	case Open:
		if up && now.Sub(b.since) >= b.CoolDown() {
			b.state, b.since, b.round = HalfOpen, now, round{}
		}
	case HalfOpen:
		if !up {
			b.open(now, CauseDown)
		}
	}
}

// Answered counts the carrier's answer to a PDU that was submitted at a moment.
// refused says that it was refused for the time being, doubtful that none came.
func (b *Breaker) Answered(now, submitted time.Time, refused, doubtful bool) {
	if !b.current(submitted) {
		return
	}
	switch b.state {
	case Closed:
		b.answers.add(now, b.limits.Window, refused)
		if b.answers.over(now, b.limits.Window, b.limits.Refused, b.limits.Answers) {
			b.open(now, CauseThrottled)
		}
	case HalfOpen:
		switch {
		case refused || doubtful:
			b.probed(now, false)
		case b.cause != CauseReports: // else only its report tells
			b.probed(now, true)
		}
	}
}

// Reported counts the report of a segment that was submitted at a moment.
func (b *Breaker) Reported(now, submitted time.Time, delivered bool) {
	if !b.current(submitted) {
		return
	}
	switch b.state {
	case Closed:
		b.reports.add(now, b.limits.Window, !delivered)
		if b.reports.over(now, b.limits.Window, b.limits.Failing, b.limits.Reports) {
			b.open(now, CauseReports)
		}
	case HalfOpen:
		if b.cause == CauseReports {
			b.probed(now, delivered)
		}
	}
}

// current compares by milliseconds, as the database keeps them.
func (b *Breaker) current(submitted time.Time) bool {
	return submitted.UnixMilli() >= b.since.UnixMilli()
}

// Allow grants as many of the wanted messages as may be submitted now.
func (b *Breaker) Allow(now time.Time, want int) int {
	switch b.state {
	case Closed:
		return want
	case HalfOpen:
		if b.round.granted > 0 && now.Sub(b.round.at) >= b.limits.ProbeTime { // what became of them will not be known
			b.round.granted = 0
		}
		if b.round.granted == 0 {
			b.round.at = now
		}
		n := max(0, min(want, b.limits.Probes-b.round.granted))
		b.round.granted += n
		return n
	}
	return 0
}

// Spare takes back grants that were not used.
func (b *Breaker) Spare(n int) { b.round.granted = max(0, b.round.granted-n) }

// CoolDown is how long the breaker stays open this time.
func (b *Breaker) CoolDown() time.Duration {
	d := b.limits.CoolDown
	for range b.trips - 1 {
		if d *= 2; d >= b.limits.CoolMost {
			return b.limits.CoolMost
		}
	}
	return min(d, b.limits.CoolMost)
}

func (b *Breaker) open(now time.Time, why Cause) {
	if b.state == Closed && now.Sub(b.since) >= b.limits.CoolMost { // it held: this is a new trouble
		b.trips = 0
	}
	b.state, b.since, b.cause = Open, now, why
	b.trips++
}

// probed counts a probe. So many must succeed that the limit would have let the
// channel pass; of a channel that was down, all.
func (b *Breaker) probed(now time.Time, ok bool) {
	limit := map[Cause]int{CauseThrottled: b.limits.Refused, CauseReports: b.limits.Failing}[b.cause]
	need := max(1, (b.limits.Probes*(100-limit)+99)/100)
	if ok {
		b.round.ok++
	} else {
		b.round.bad++
	}
	switch {
	case b.round.bad > b.limits.Probes-need:
		b.open(now, b.cause)
	case b.round.ok >= need:
		b.state, b.since = Closed, now
		b.answers, b.reports = tally{}, tally{}
	}
}

// tallyParts is how finely a window slides.
const tallyParts = 10

// tally counts outcomes over a sliding window, in parts of a tenth of it.
type tally struct {
	part  int64 // number of the newest part since the epoch
	all   [tallyParts]int
	wrong [tallyParts]int
}

// slide forgets the parts that have left the window.
func (t *tally) slide(now time.Time, window time.Duration) int64 {
	part := now.UnixNano() / max(1, int64(window)/tallyParts)
	if part-t.part >= tallyParts {
		*t = tally{part: part}
	}
	for ; t.part < part; t.part++ {
		t.all[(t.part+1)%tallyParts], t.wrong[(t.part+1)%tallyParts] = 0, 0
	}
	return t.part % tallyParts
}

func (t *tally) add(now time.Time, window time.Duration, wrong bool) {
	i := t.slide(now, window)
	t.all[i]++
	if wrong {
		t.wrong[i]++
	}
}

// over tells whether more than a percentage is wrong, of at least so many.
func (t *tally) over(now time.Time, window time.Duration, percent, least int) bool {
	t.slide(now, window)
	all, wrong := 0, 0
	for i := range tallyParts {
		all, wrong = all+t.all[i], wrong+t.wrong[i]
	}
	return percent > 0 && all >= max(1, least) && wrong*100 > percent*all
}
