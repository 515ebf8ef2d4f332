package campaign

import (
	"cmp"
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/routing"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// A sample of a campaign: rows of some chunks, chosen at random.
const (
	sampleRows   = 200
	sampleChunks = 20
)

// renewEvery is how many chunks are counted between two renewals of the claim.
const renewEvery = 50

// count is what the rows of a campaign come to.
type count struct {
	seen  map[uint64]struct{}
	units map[sms.Carrier]int
	good  int
}

// check counts the rows of a campaign, leaves repeated numbers out, tries a sample, and judges
// what there is.
func (x *Desk) check(ctx context.Context, id sms.ID) (moved bool, err error) {
	c, err := x.take(ctx, id)
	if err != nil || c == nil || c.State != Checking {
		return false, err
	}
	w, err := x.prepare(ctx, c)
	if err != nil || w == nil {
		return false, err
	}
	n := &count{seen: make(map[uint64]struct{}, c.Good), units: map[sms.Carrier]int{}}
	for no := range c.Chunks {
		if no%renewEvery == renewEvery-1 {
			if t, err := x.take(ctx, id); err != nil || t == nil || t.State != Checking {
				return false, err
			}
		}
		if err := x.checkChunk(ctx, w, n, no); err != nil {
			return false, x.later(ctx, c, err)
		}
	}
	e, found, err := x.estimate(ctx, w, n)
	if err != nil {
		return false, x.failed(ctx, c, err, Stopped) // it was not judged: nothing may go on from here
	}
	return true, x.mine(ctx, c, func(ctx context.Context, tx Tx, c *Campaign, now time.Time) (string, error) {
		c.Good, c.Done, c.Estimate = n.good, 0, *e
		all, err := x.judge(ctx, tx, w.snap, w.book, c, now)
		if err != nil {
			return "", err
		}
		state, step := c.rule(w.merge(all, found), Ready)
		c.State = state
		return cmp.Or(step, "ready"), nil
	})
}

// checkChunk counts a chunk, and leaves out of it what an earlier row has.
func (x *Desk) checkChunk(ctx context.Context, w *work, n *count, no int) error {
	var ch *Chunk
	err := x.Store.Read(ctx, func(ctx context.Context, tx Tx) (err error) {
		ch, err = tx.CampaignChunk(ctx, w.ID, no)
		return err
	})
	if err != nil {
		return err
	}
	rows, err := x.open(ch)
	if err != nil {
		return err
	}
	keep := rows[:0]
	for _, r := range rows {
		number, err := strconv.ParseUint(r.To, 10, 64) // E.164 has 15 digits
		if err != nil {
			return err
		}
		if _, twice := n.seen[number]; twice {
			ch.addFaults(w.reader.names, Fault{Line: r.Line, Code: FaultRepeated})
			continue
		}
		n.seen[number] = struct{}{}
		keep = append(keep, r)
		text, err := w.text(&r)
		if err != nil {
			return err
		}
		units, err := smstext.Units(text)
		if err != nil {
			return err
		}
		to, err := sms.ParseMSISDN("+" + r.To)
		if err != nil {
			return err
		}
		n.units[routing.CarrierOf(to)] += units
	}
	n.good += len(keep)
	if len(keep) == len(rows) {
		return nil
	}
	return x.put(ctx, ch, keep, x.claim)
}

// consecutive is how many numbers, in percent, have a neighbour in the list (CNS-13a).
func (n *count) consecutive() int {
	near := 0
	for v := range n.seen {
		_, below := n.seen[v-1]
		if _, above := n.seen[v+1]; above || below {
			near++
		}
	}
	if near == 0 {
		return 0
	}
	return near * 100 / len(n.seen)
}

// estimate says what a campaign costs at the prices of now, and tries a sample of it. found is
// what stands against each of its messages.
func (x *Desk) estimate(ctx context.Context, w *work, n *count) (*Estimate, []rulebook.Finding, error) {
	e := &Estimate{Consecutive: n.consecutive(), Verdicts: map[string]int{}}
	var now time.Time
	err := x.Store.Read(ctx, func(ctx context.Context, tx Tx) (err error) {
		now, err = tx.Now(ctx)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	account := w.snap.Application[w.ApplicationID].AccountID
	for carrier, units := range n.units {
		e.Units += units
		price, _ := w.snap.Price(account, w.Terms.Category, carrier, now.UnixMilli()) // what has none is refused
		cost, err := price.Times(units)
		if err != nil {
			return nil, nil, err
		}
		e.Cost += cost
	}
	rows, err := x.sample(ctx, w)
	if err != nil || len(rows) == 0 {
		return e, nil, err
	}
	call, err := w.call(rows)
	if err != nil {
		return nil, nil, err
	}
	tried, err := x.Gate.Try(ctx, call)
	if err != nil {
		return nil, nil, err
	}
	for i := range tried.Results {
		r := &tried.Results[i]
		e.Sampled++
		e.Verdicts[gate.VerdictOf(r)]++
		for _, f := range r.Findings {
			if f.Code == sms.ConsentMissing || f.Code == sms.ConsentSuspended || f.Code == sms.ConsentKind {
				e.Unconsented++
				break
			}
		}
	}
	return e, w.ofAll(tried.Results), nil
}

// sample chooses rows at random: nobody who loads a list knows which.
func (x *Desk) sample(ctx context.Context, w *work) (out []row, err error) {
	chosen := rand.Perm(w.Chunks) //nolint:gosec // seeded from the system
	chosen = chosen[:min(len(chosen), sampleChunks)]
	each := (sampleRows + len(chosen) - 1) / len(chosen)
	for _, no := range chosen {
		var ch *Chunk
		if err := x.Store.Read(ctx, func(ctx context.Context, tx Tx) (err error) {
			ch, err = tx.CampaignChunk(ctx, w.ID, no)
			return err
		}); err != nil {
			return nil, err
		}
		rows, err := x.open(ch)
		if err != nil {
			return nil, err
		}
		for _, i := range rand.Perm(len(rows))[:min(len(rows), each)] {
			out = append(out, rows[i])
		}
	}
	return out, nil
}
