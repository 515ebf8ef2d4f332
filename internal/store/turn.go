package store

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Turn is the class of a write transaction on SQLite, where one connection
// writes. A smaller class goes first, unless another has waited its longest.
type Turn int

// The classes, most urgent first.
const (
	TurnOptOut Turn = iota // opt-outs and MO
	TurnGate
	TurnSubmit
	TurnReport
	TurnIndex // of recipient events
	TurnSequencer
	TurnBackground
	numTurns
)

// longestWait bounds the priority: a class that has waited so long goes next,
// whatever else waits.
var longestWait = [numTurns]time.Duration{
	TurnOptOut:     5 * time.Millisecond,
	TurnGate:       20 * time.Millisecond,
	TurnSubmit:     10 * time.Millisecond,
	TurnReport:     20 * time.Millisecond,
	TurnIndex:      40 * time.Millisecond,
	TurnSequencer:  time.Second,
	TurnBackground: 250 * time.Millisecond,
}

type waiter struct {
	since time.Time
	ready chan struct{}
}

// String names the class.
func (t Turn) String() string {
	return [numTurns]string{"optout", "gate", "submit", "report", "index", "sequencer", "background"}[t]
}

// TurnStats is what write transactions of a class took so far.
type TurnStats struct {
	Class       Turn
	Count       int64
	Wait, Spent time.Duration // for the writer, and with it
}

// timing adds up what transactions took.
type timing struct{ count, wait, spent atomic.Int64 }

func (t *timing) add(wait, spent time.Duration) {
	t.count.Add(1)
	t.wait.Add(int64(wait))
	t.spent.Add(int64(spent))
}

// TurnStats lists what each class of write transactions took.
func (d *DB) TurnStats() []TurnStats {
	out := make([]TurnStats, numTurns)
	for c := range d.timings {
		t := &d.timings[c]
		out[c] = TurnStats{Turn(c), t.count.Load(), time.Duration(t.wait.Load()), time.Duration(t.spent.Load())}
	}
	return out
}

// turns hands one writer from transaction to transaction.
type turns struct {
	mu      sync.Mutex
	busy    bool
	waiting [numTurns][]*waiter
}

// take waits for the writer. The caller must give it back.
func (q *turns) take(ctx context.Context, class Turn) error {
	q.mu.Lock()
	if !q.busy {
		q.busy = true
		q.mu.Unlock()
		return nil
	}
	w := &waiter{since: time.Now(), ready: make(chan struct{})}
	q.waiting[class] = append(q.waiting[class], w)
	q.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	for i, x := range q.waiting[class] {
		if x == w {
			q.waiting[class] = append(q.waiting[class][:i], q.waiting[class][i+1:]...)
			q.mu.Unlock()
			return ctx.Err()
		}
	}
	q.mu.Unlock()
	q.give() // it was handed over in the same instant
	return ctx.Err()
}

// give passes the writer to the next in line.
func (q *turns) give() {
	q.mu.Lock()
	defer q.mu.Unlock()
	class := q.next(time.Now())
	if class < 0 {
		q.busy = false
		return
	}
	w := q.waiting[class][0]
	q.waiting[class] = q.waiting[class][1:]
	close(w.ready)
}

// next picks the most overdue class, or else the most urgent; -1 when nobody waits.
func (q *turns) next(now time.Time) Turn {
	best, late := Turn(-1), time.Duration(0)
	for c := range q.waiting {
		if len(q.waiting[c]) == 0 {
			continue
		}
		if best < 0 {
			best = Turn(c)
		}
		if over := now.Sub(q.waiting[c][0].since) - longestWait[c]; over > late {
			best, late = Turn(c), over
		}
	}
	return best
}
