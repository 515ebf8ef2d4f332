package campaign

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Work on campaigns: how often it is looked for, for how long a node has one to itself after
// each step, how many chunks may wait for their channels, and how long after a failure the next
// attempt is made.
const (
	workEvery = 250 * time.Millisecond
	claimTime = 10 * time.Second
	maxBehind = 4
	failPause = 5 * time.Second
)

// forgottenAfter is how long a campaign that its owner leaves alone is kept.
const forgottenAfter = 30 * 24 * time.Hour

// emptyAtOnce is how many chunks one transaction destroys.
const emptyAtOnce = 20

// Run works on campaigns until ctx ends. Lists are counted beside the sending, because a long
// one takes its time.
func (x *Desk) Run(ctx context.Context) {
	counted := make(chan struct{})
	go func() {
		defer close(counted)
		x.loop(ctx, []string{Checking}, x.check)
	}()
	x.loop(ctx, []string{Scheduled, Running}, x.advance)
	<-counted
}

func (x *Desk) loop(ctx context.Context, states []string, work func(context.Context, sms.ID) (bool, error)) {
	tick := time.NewTicker(workEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for moved := true; moved && ctx.Err() == nil; {
			var err error
			if moved, err = x.round(ctx, states, work); err != nil && ctx.Err() == nil {
				x.Logger.Error("campaigns", "err", err)
				moved = false
			}
		}
		if err := x.tidy(ctx); err != nil && ctx.Err() == nil {
			x.Logger.Error("campaigns that have ended", "err", err)
		}
	}
}

// round takes every campaign that is due one step further, so that none waits for another's end.
func (x *Desk) round(ctx context.Context, states []string, work func(context.Context, sms.ID) (bool, error)) (moved bool, err error) {
	var due []sms.ID
	err = x.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		now, err := tx.Now(ctx)
		if err == nil {
			due, err = tx.CampaignsDue(ctx, states, x.claim, now.UnixMilli())
		}
		return err
	})
	for _, id := range due {
		went, one := work(ctx, id)
		moved = moved || went
		if one != nil {
			err = errors.Join(err, fmt.Errorf("campaign %d: %w", id, one))
		}
	}
	return moved, err
}

// take claims a campaign that is in some state, or renews the claim; nil when it is another node's.
func (x *Desk) take(ctx context.Context, id sms.ID) (*Campaign, error) {
	var c *Campaign
	var now time.Time
	err := x.Store.Read(ctx, func(ctx context.Context, tx Tx) (err error) {
		if now, err = tx.Now(ctx); err == nil {
			c, err = tx.Campaign(ctx, id, false)
		}
		return err
	})
	if err != nil || c == nil {
		return nil, err
	}
	if c.Claim == x.claim && c.ClaimedUntil > now.Add(claimTime/2).UnixMilli() {
		return c, nil
	}
	mine := false
	c, err = x.change(ctx, id, func(_ context.Context, _ Tx, c *Campaign, now time.Time) (string, sms.ID, error) {
		if mine = c.Claim == x.claim || c.ClaimedUntil <= now.UnixMilli(); !mine {
			return "", 0, errEnough
		}
		c.Claim, c.ClaimedUntil = x.claim, now.Add(claimTime).UnixMilli()
		return "", 0, nil
	})
	if !mine {
		return nil, err
	}
	return c, err
}

// mine changes a campaign, if it is still this node's and in the state in which it was read.
func (x *Desk) mine(ctx context.Context, was *Campaign, fn func(ctx context.Context, tx Tx, c *Campaign, now time.Time) (step string, err error)) error {
	_, err := x.change(ctx, was.ID, func(ctx context.Context, tx Tx, c *Campaign, now time.Time) (string, sms.ID, error) {
		if c.Claim != x.claim || c.State != was.State {
			return "", 0, errEnough
		}
		step, err := fn(ctx, tx, c, now)
		return step, 0, err
	})
	return err
}

// work is what a step on a campaign needs.
type work struct {
	*Campaign
	snap     *registry.Snapshot
	book     *rulebook.Book
	reader   *reader
	constant bool // its text is the same for all
	bounded  bool // no variable of it holds free text
}

// prepare reads what a campaign rests on. One whose wording is not approved any more is stopped.
func (x *Desk) prepare(ctx context.Context, c *Campaign) (*work, error) {
	snap, err := x.Gate.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	book, err := x.Gate.RulesInForce(ctx)
	if err != nil {
		return nil, err
	}
	a, err := approved(snap, c)
	if err != nil {
		return nil, x.mine(ctx, c, func(_ context.Context, _ Tx, c *Campaign, _ time.Time) (string, error) {
			c.State, c.Ruling.Code = Stopped, sms.TemplateNotApproved
			return "stopped: its wording is not approved any more", nil
		})
	}
	n, free := a.Wording.Variables("text", "name")
	r := &reader{signature: c.Terms.Signature, wording: a.Wording, names: a.Wording.Names()}
	return &work{Campaign: c, snap: snap, book: book, reader: r, constant: n == 0, bounded: free == 0}, nil
}

// call makes rows a call for the gate. Those beside each other with the same text share a part.
func (w *work) call(rows []row) (*gate.Call, error) {
	c := &gate.Call{Application: w.ApplicationID}
	if w.Terms.NotAfter != 0 {
		c.NotAfter = time.UnixMilli(w.Terms.NotAfter)
	}
	for i := range rows {
		text, err := w.text(&rows[i])
		if err != nil {
			return nil, err
		}
		number, err := sms.ParseMSISDN("+" + rows[i].To)
		if err != nil {
			return nil, err
		}
		if n := len(c.Parts); n == 0 || c.Parts[n-1].Text != text {
			c.Parts = append(c.Parts, gate.Part{Text: text, Template: w.Terms.TemplateID, Category: w.Terms.Category})
		}
		p := &c.Parts[len(c.Parts)-1]
		p.Recipients = append(p.Recipients, gate.Recipient{Number: number, Ref: rows[i].Ref})
	}
	return c, nil
}

func (w *work) text(r *row) (string, error) {
	values := make(map[string]string, len(r.Values))
	for i, name := range w.reader.names {
		if i < len(r.Values) {
			values[name] = r.Values[i]
		}
	}
	return w.reader.render(values)
}

// ofAll picks from the findings about some messages those that stand against all of a campaign.
func (w *work) ofAll(results []gate.Result) (out []rulebook.Finding) {
	seen := map[string]bool{}
	for i := range results {
		for _, f := range results[i].Findings {
			if (f.Outcome == rulebook.Block || f.Outcome == rulebook.Hold) && !seen[f.Rule] && w.book.OfAll(f.Rule, w.constant) {
				seen[f.Rule] = true
				out = append(out, f)
			}
		}
	}
	return out
}

// opens is when the hours begin for a message that would wait for them, or zero.
func opens(r *gate.Result) (at time.Time) {
	for _, f := range r.Findings {
		if f.Outcome == rulebook.Defer && f.Release.After(at) {
			at = f.Release
		}
	}
	return at
}

// advance takes a campaign one chunk further.
func (x *Desk) advance(ctx context.Context, id sms.ID) (moved bool, err error) {
	c, err := x.take(ctx, id)
	if err != nil || c == nil || c.State != Scheduled && c.State != Running {
		return false, err
	}
	w, err := x.prepare(ctx, c)
	if err != nil || w == nil {
		return false, err
	}
	over := false
	var rows []row
	var behind int
	err = x.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		if over = c.Terms.NotAfter != 0 && now.UnixMilli() >= c.Terms.NotAfter; over || c.Done >= c.Chunks {
			return nil
		}
		if behind, err = x.behind(ctx, tx, c); err != nil || behind > 0 {
			return err
		}
		ch, err := tx.CampaignChunk(ctx, c.ID, c.Done)
		if err == nil {
			rows, err = x.open(ch)
		}
		return err
	})
	switch {
	case err != nil:
		return false, x.later(ctx, c, err)
	case over:
		return true, x.finish(ctx, c, Stopped, sms.NotAfterPassed, "stopped: its time is over")
	case c.Done >= c.Chunks:
		return true, x.finish(ctx, c, Done, "", "done")
	case behind > 0:
		x.Stats.Waits.Add(1)
		return false, nil
	case len(rows) == 0:
		done := c.Done
		return true, x.mine(ctx, c, func(_ context.Context, _ Tx, c *Campaign, _ time.Time) (string, error) {
			if c.Done != done {
				return "", errEnough
			}
			c.Done++
			return "", nil
		})
	}
	return x.send(ctx, w, rows)
}

// behind counts messages of an earlier chunk that still wait for a channel: while there are any,
// no further chunk is decided, so that a campaign never fills the queues.
func (x *Desk) behind(ctx context.Context, tx Tx, c *Campaign) (int, error) {
	if c.Done < maxBehind {
		return 0, nil
	}
	ch, err := tx.CampaignChunk(ctx, c.ID, c.Done-maxBehind)
	if err != nil {
		return 0, err
	}
	var ids []sms.ID
	for b := ch.Messages; len(b) >= 8; b = b[8:] {
		ids = append(ids, sms.ID(binary.BigEndian.Uint64(b))) //nolint:gosec // as FinishChunk wrote it
	}
	return tx.CountWaitingMessages(ctx, ids)
}

// finish ends a campaign, or pauses it.
func (x *Desk) finish(ctx context.Context, c *Campaign, state string, code sms.Code, step string) error {
	return x.mine(ctx, c, func(_ context.Context, _ Tx, c *Campaign, _ time.Time) (string, error) {
		c.State, c.Ruling.Code, c.Ruling.Rule = state, code, ""
		return step, nil
	})
}

// send decides the next chunk, unless the hours or a rule that stands against all of it say no.
func (x *Desk) send(ctx context.Context, w *work, rows []row) (moved bool, err error) {
	c := w.Campaign
	first, err := w.call(rows[:1])
	if err != nil {
		return false, x.later(ctx, c, err)
	}
	tried, err := x.Gate.Try(ctx, first)
	if err != nil {
		return false, x.failed(ctx, c, err, Paused)
	}
	found, at := w.ofAll(tried.Results), opens(&tried.Results[0])
	if c.State == Scheduled || c.against(found) != nil {
		return true, x.begin(ctx, w, found)
	}
	if !at.IsZero() || c.WaitUntil != 0 {
		return true, x.mine(ctx, c, func(_ context.Context, _ Tx, c *Campaign, now time.Time) (string, error) {
			c.WaitUntil, c.PhaseAt, c.PhaseDone = 0, now.UnixMilli(), c.Done
			if !at.IsZero() {
				if c.WaitUntil = at.UnixMilli(); c.Terms.NotAfter != 0 {
					c.WaitUntil = min(c.WaitUntil, c.Terms.NotAfter)
				}
			}
			return "", nil
		})
	}
	call, err := w.call(rows)
	if err != nil {
		return false, x.later(ctx, c, err)
	}
	call.Chunk = &gate.Chunk{Campaign: c.ID, No: c.Done, Claim: x.claim}
	call.Reviewed = len(c.Ruling.Confirmed) > 0 && w.bounded
	answer, err := x.Gate.Submit(ctx, call)
	if err != nil {
		return false, x.failed(ctx, c, err, Paused)
	}
	x.Stats.Chunks.Add(1)
	x.Stats.Rows.Add(int64(len(answer.Results)))
	for i := range answer.Results {
		if answer.Results[i].Code == sms.BalanceTooLow {
			return true, x.finish(ctx, c, Paused, sms.BalanceTooLow, "paused: the balance is too low")
		}
	}
	return true, nil
}

// begin judges a campaign that is to run, or against which something new stands: found is what
// stands against each of its messages.
func (x *Desk) begin(ctx context.Context, w *work, found []rulebook.Finding) error {
	return x.mine(ctx, w.Campaign, func(ctx context.Context, tx Tx, c *Campaign, now time.Time) (string, error) {
		all, err := x.judge(ctx, tx, w.snap, w.book, c, now)
		if err != nil {
			return "", err
		}
		state, step := c.rule(w.merge(all, found), Running)
		if step == "" && c.State == Running { // a reviewer has confirmed it
			return "", errEnough
		}
		if c.State = state; step == "" {
			c.WaitUntil, step = 0, "started"
		}
		return step, nil
	})
}

// merge joins findings about the campaign with those about its messages.
func (w *work) merge(all, more []rulebook.Finding) []rulebook.Finding {
	seen := map[string]bool{}
	for i := range all {
		seen[all[i].Rule] = true
	}
	for _, f := range more {
		if !seen[f.Rule] {
			all = append(all, f)
		}
	}
	w.book.Sort(all)
	return all
}

// failed is what follows when the gate decides nothing: what passes is tried again, and anything
// else needs somebody, so that the campaign comes to another state.
func (x *Desk) failed(ctx context.Context, c *Campaign, err error, state string) error {
	var known *sms.Error
	switch {
	case !errors.As(err, &known) || known.Code == sms.Internal:
		return x.later(ctx, c, err)
	case known.Code == sms.CampaignState, known.Code == sms.Busy:
		return nil
	case sms.Lookup(known.Code).Again:
		return x.later(ctx, c, err)
	}
	return x.finish(ctx, c, state, known.Code, state+": "+string(known.Code))
}

// later has a campaign wait after a failure, which it returns.
func (x *Desk) later(ctx context.Context, c *Campaign, err error) error {
	return errors.Join(err, x.mine(ctx, c, func(_ context.Context, _ Tx, c *Campaign, now time.Time) (string, error) {
		c.WaitUntil = now.Add(failPause).UnixMilli()
		return "", nil
	}))
}

// tidy destroys the rows of campaigns that have ended, and ends those that were left alone.
func (x *Desk) tidy(ctx context.Context) error {
	var ended, old []sms.ID
	err := x.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		if old, err = tx.CampaignsForgotten(ctx, now.Add(-forgottenAfter).UnixMilli(), 10); err != nil {
			return err
		}
		ended, err = tx.CampaignsToEmpty(ctx, 10)
		return err
	})
	for _, id := range old {
		_, one := x.step(ctx, id, 0, "cancelled: it was left alone", []string{Draft, Ready, Review, Paused}, func(c *Campaign, _ int64) { c.State = Cancelled })
		err = errors.Join(err, one)
	}
	for _, id := range ended {
		for left := 1; left > 0 && err == nil && ctx.Err() == nil; {
			_, err = x.change(ctx, id, func(ctx context.Context, tx Tx, c *Campaign, _ time.Time) (string, sms.ID, error) {
				if left, err = tx.EmptyCampaign(ctx, id, emptyAtOnce); left > 0 || err != nil {
					return "", 0, err
				}
				c.Emptied = true
				return "", 0, nil
			})
		}
	}
	return err
}
