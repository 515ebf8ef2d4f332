package replay

import (
	"context"
	"runtime"
	"sync"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Read gives decisions of ids from one to before another, in their order, at most limit.
type Read func(ctx context.Context, from, to sms.ID, limit int) ([]sms.Decision, error)

// Run is a replay over a range of ids. It can be stored and gone on with.
type Run struct {
	From  sms.ID `json:"from"`
	To    sms.ID `json:"to"`   // exclusive
	Next  sms.ID `json:"next"` // what is below has been decided again
	Tally *Tally `json:"tally"`
}

// NewRun is one that begins.
func NewRun(from, to sms.ID) *Run { return &Run{From: from, To: to, Next: from, Tally: NewTally()} }

// Share is how much of the range is done, from 0 to 1.
func (r *Run) Share() float64 {
	if r.To <= r.From {
		return 1
	}
	return float64(r.Next-r.From) / float64(r.To-r.From)
}

// pageSize is how many decisions are read at a time.
const pageSize = 4000

// Go decides the rest of the range again on all cores, and tells of each step. Stopped, it
// has the tally of what is below Next.
func (r *Run) Go(ctx context.Context, x *Replayer, read Read, step func(*Run)) error {
	type page struct {
		list []sms.Decision
		err  error
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	pages := make(chan page, 2)
	go func() { // reads ahead
		defer close(pages)
		for next := r.Next; next < r.To; {
			list, err := read(ctx, next, r.To, pageSize)
			select {
			case pages <- page{list, err}:
			case <-ctx.Done():
				return
			}
			if err != nil || len(list) < pageSize {
				return
			}
			next = list[len(list)-1].ID + 1
		}
	}()
	sessions := make([]*Session, runtime.GOMAXPROCS(0))
	for i := range sessions {
		sessions[i] = x.Session()
	}
	for p := range pages {
		if err := ctx.Err(); err != nil {
			return err
		}
		if p.err != nil {
			return p.err
		}
		if err := r.decide(sessions, p.list); err != nil {
			return err
		}
		if r.Next = r.To; len(p.list) == pageSize {
			r.Next = p.list[pageSize-1].ID + 1
		}
		step(r)
	}
	return ctx.Err()
}

// decide splits a page over the cores; the parts are joined in their order.
func (r *Run) decide(sessions []*Session, list []sms.Decision) error {
	n := min(len(sessions), len(list))
	tallies, errs := make([]*Tally, n), make([]error, n)
	var parts sync.WaitGroup
	for i := range n {
		part := list[i*len(list)/n : (i+1)*len(list)/n]
		tallies[i] = NewTally()
		parts.Go(func() {
			for k := range part {
				if errs[i] = sessions[i].Decide(&part[k], tallies[i]); errs[i] != nil {
					return
				}
			}
		})
	}
	parts.Wait()
	for i := range n {
		if errs[i] != nil {
			return errs[i]
		}
	}
	for _, t := range tallies {
		r.Tally.Add(t)
	}
	return nil
}
