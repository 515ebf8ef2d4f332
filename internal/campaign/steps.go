package campaign

import (
	"context"
	"slices"
	"time"

	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// step moves a campaign that is in one of some states.
func (x *Desk) step(ctx context.Context, id, by sms.ID, name string, from []string, do func(c *Campaign, at int64)) (*Campaign, error) {
	return x.change(ctx, id, func(_ context.Context, _ Tx, c *Campaign, now time.Time) (string, sms.ID, error) {
		if !slices.Contains(from, c.State) {
			return "", 0, stateError(c)
		}
		do(c, now.UnixMilli())
		return name, by, nil
	})
}

// Close ends the loading of rows: they are counted, and the campaign is judged.
func (x *Desk) Close(ctx context.Context, id sms.ID) (*Campaign, error) {
	return x.change(ctx, id, func(_ context.Context, _ Tx, c *Campaign, _ time.Time) (string, sms.ID, error) {
		switch {
		case c.State != Draft:
			return "", 0, stateError(c)
		case c.Good == 0:
			return "", 0, sms.Errorf(sms.BadRequest, "path.id", "it has no row that can be sent")
		}
		c.State, c.Done, c.Claim = Checking, 0, 0
		return "loaded", c.StaffID, nil
	})
}

// Start lets a campaign run, at its time.
func (x *Desk) Start(ctx context.Context, id, by sms.ID) (*Campaign, error) {
	return x.step(ctx, id, by, "start asked for", []string{Ready}, func(c *Campaign, at int64) {
		c.State, c.AskedAt, c.WaitUntil = Scheduled, at, c.Terms.SendAt
	})
}

// Pause keeps the next chunk back.
func (x *Desk) Pause(ctx context.Context, id, by sms.ID) (*Campaign, error) {
	return x.step(ctx, id, by, "paused", []string{Scheduled, Running}, func(c *Campaign, _ int64) { c.State = Paused })
}

// Resume goes on with the next row, after the campaign was judged anew.
func (x *Desk) Resume(ctx context.Context, id, by sms.ID) (*Campaign, error) {
	return x.step(ctx, id, by, "resumed", []string{Paused}, func(c *Campaign, _ int64) {
		c.State, c.WaitUntil, c.Ruling.Code, c.Ruling.Rule = Scheduled, c.Terms.SendAt, "", ""
	})
}

// open are the states in which something may still happen.
var open = []string{Draft, Checking, Ready, Review, Scheduled, Running, Paused}

// Cancel ends a campaign by its owner. What was decided already goes its way.
func (x *Desk) Cancel(ctx context.Context, id, by sms.ID) (*Campaign, error) {
	return x.step(ctx, id, by, "cancelled", open, func(c *Campaign, _ int64) { c.State = Cancelled })
}

// Halt ends a campaign by the operator.
func (x *Desk) Halt(ctx context.Context, id, by sms.ID, reason string) (*Campaign, error) {
	return x.step(ctx, id, by, "stopped by the operator", open, func(c *Campaign, _ int64) {
		c.State, c.Ruling.Reason, c.Ruling.ByStaff, c.Ruling.Code = Stopped, reason, by, sms.CampaignRefused
	})
}

// Decide is what a reviewer finds of a campaign that a rule holds. Who made it does not review it.
func (x *Desk) Decide(ctx context.Context, id, by sms.ID, v review.Verdict) (*Campaign, error) {
	return x.change(ctx, id, func(_ context.Context, _ Tx, c *Campaign, _ time.Time) (string, sms.ID, error) {
		switch {
		case c.State != Review:
			return "", 0, stateError(c)
		case c.StaffID == by:
			return "", 0, sms.Errorf(sms.SamePerson, "Authorization", "")
		}
		c.Ruling.Reason, c.Ruling.ByStaff = v.Reason, by
		if !v.Approve {
			c.State, c.Ruling.Code = Stopped, sms.CampaignRefused
			return "rejected", by, nil
		}
		if err := review.Allowed(c.Ruling.Findings, v.Confirmed); err != nil {
			return "", 0, err
		}
		c.Ruling.Confirmed = append(c.Ruling.Confirmed, v.Confirmed...)
		c.Ruling.Code, c.Ruling.Rule = "", ""
		if c.State = Ready; c.AskedAt != 0 {
			c.State = Scheduled
		}
		return "approved", by, nil
	})
}

// against is the first finding that stops a campaign. What a reviewer has confirmed holds it no
// more.
func (c *Campaign) against(found []rulebook.Finding) *rulebook.Finding {
	return rulebook.Refusing(slices.DeleteFunc(slices.Clone(found), func(f rulebook.Finding) bool {
		return f.Outcome == rulebook.Hold && slices.Contains(c.Ruling.Confirmed, f.Rule)
	}))
}

// rule puts what stands against a campaign into it, and tells the state that follows: Stopped,
// Review, or the one that was to be.
func (c *Campaign) rule(found []rulebook.Finding, next string) (state, step string) {
	c.Ruling.Findings, c.Ruling.Code, c.Ruling.Rule = found, "", ""
	against := c.against(found)
	if against == nil {
		return next, ""
	}
	c.Ruling.Code, c.Ruling.Rule = against.Code, against.Rule
	if against.Outcome == rulebook.Block {
		return Stopped, "stopped by a rule"
	}
	return Review, "held by a rule"
}
