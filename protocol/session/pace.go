package session

import (
	"math"
	"sync"
	"time"
)

// Pacer limits a rate of segments per second. Connections of one account share
// one Pacer. In any second it lets pass the rate plus a twentieth of it (at
// least one), never more than one batch above. The zero value and nil limit
// nothing.
type Pacer struct {
	mu    sync.Mutex
	step  time.Duration // time that one segment takes; 0 is unlimited
	burst time.Duration // steps that may be taken at once after a pause
	next  time.Time     // when all that was taken so far is paid for
}

// NewPacer makes a pacer for a rate in segments per second; 0 or less is
// unlimited.
func NewPacer(perSecond int) *Pacer {
	p := &Pacer{}
	p.SetRate(perSecond)
	return p
}

// SetRate changes the rate; what was taken already stays booked.
func (p *Pacer) SetRate(perSecond int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.step, p.burst = 0, 0
	if perSecond > 0 {
		p.step = max(time.Second/time.Duration(perSecond), 1)
		p.burst = p.step * time.Duration(max(1, perSecond/20))
	}
}

// debt is how far ahead of now the pacer is. The caller holds p.mu.
func (p *Pacer) debt(now time.Time) time.Duration { return max(0, p.next.Sub(now)) }

// Available is how many segments may be sent at once now.
func (p *Pacer) Available(now time.Time) int {
	if p == nil {
		return math.MaxInt
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.step == 0 {
		return math.MaxInt
	}
	return int(max(0, p.burst-p.debt(now)) / p.step)
}

// Take books n segments if at least one is available, and tells whether it did.
// A batch larger than what is available is let through whole; the time that it
// takes is paid for by those who come next.
func (p *Pacer) Take(now time.Time, n int) bool {
	if p == nil {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.step == 0 {
		return true
	}
	if p.burst-p.debt(now) < p.step {
		return false
	}
	p.next = now.Add(p.debt(now) + p.step*time.Duration(max(n, 1)))
	return true
}

// Wait is how long it takes until one segment is available.
func (p *Pacer) Wait(now time.Time) time.Duration {
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.step == 0 {
		return 0
	}
	return max(0, p.debt(now)-p.burst+p.step)
}

// Limits of the pause after an over-speed answer. The first pause is short,
// because carriers count by the second; SMSGate and others use the same order
// of magnitude.
const (
	minBackOff = 250 * time.Millisecond
	maxBackOff = 15 * time.Second
)

// backOff is the pause of one connection after over-speed answers. Times are
// the connection's own, from its start.
type backOff struct {
	until, delay time.Duration
}

// refused notes an over-speed answer to a request that was sent at. Answers to
// requests sent before the current pause began do not lengthen it: they tell
// nothing new.
func (b *backOff) refused(sent, now time.Duration) {
	if b.delay > 0 && sent < b.until {
		return
	}
	b.delay = min(max(2*b.delay, minBackOff), maxBackOff)
	b.until = now + b.delay
}

// hold forbids sending for longer than a pause, and tells whether that is news.
func (b *backOff) hold(until time.Duration) bool {
	if until <= b.until {
		return false
	}
	b.until = until
	return true
}

// dayBegins is how long a day is so young that a carrier's clock may still stand in the
// one before.
const dayBegins = time.Hour

// untilTomorrow is how much of the day is left in China; nothing when it has just begun.
func untilTomorrow(now time.Time) time.Duration {
	now = now.In(chinaTime())
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	if now.Sub(today) < dayBegins {
		return 0
	}
	return today.AddDate(0, 0, 1).Sub(now)
}

// accepted notes a success. The delay is forgotten once the peer has gone
// without complaint for as long as the last pause was.
func (b *backOff) accepted(sent, now time.Duration) {
	if b.delay > 0 && sent >= b.until && now-b.until > b.delay {
		b.delay = 0
	}
}

// wait is how much of the pause is left.
func (b *backOff) wait(now time.Duration) time.Duration { return max(0, b.until-now) }
