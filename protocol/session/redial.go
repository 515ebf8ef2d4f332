package session

import (
	"math/rand/v2"
	"time"
)

// Redial says how long to wait before connecting again: Min, doubled at each
// failed attempt up to Max, less a random share so that many connections that
// fell together do not return together. It is a value; the zero value means 1 s
// to 60 s with half of it random.
type Redial struct {
	Min    time.Duration // wait before the first attempt, default 1 s
	Max    time.Duration // longest wait, default 60 s
	Jitter float64       // random share, 0 to 1, default 0.5; below 0 is none
	// Random gives numbers of 0 (included) to 1 (excluded); nil is math/rand.
	Random func() float64
}

// Next is the wait before the given attempt, counted from 0.
func (r Redial) Next(attempt int) time.Duration {
	lo, hi, jitter := r.Min, r.Max, r.Jitter
	if lo <= 0 {
		lo = time.Second
	}
	if hi <= 0 {
		hi = time.Minute
	}
	hi = max(hi, lo)
	switch {
	case jitter == 0:
		jitter = 0.5
	case jitter < 0:
		jitter = 0
	}
	d := lo
	for range attempt {
		if d >= hi/2 {
			d = hi
			break
		}
		d *= 2
	}
	d = min(d, hi)
	random := r.Random
	if random == nil {
		random = rand.Float64
	}
	return d - time.Duration(float64(d)*min(jitter, 1)*random())
}
