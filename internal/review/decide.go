package review

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

func hash(b []byte) [32]byte { return sha256.Sum256(b) }

// rules names what findings come from.
func rules(found []rulebook.Finding) string {
	ids := make([]string, len(found))
	for i := range found {
		ids[i] = found[i].Rule
	}
	return strings.Join(ids, ",")
}

// Decide approves or rejects what waits. It is judged again, under the book in force: what
// the rules block nobody approves, what they hold only with that rule confirmed. Without a
// waiting case a usable object may be rejected: its approval is withdrawn.
func (d *Desk) Decide(ctx context.Context, tx Tx, kind string, id sms.ID, version int64, v Verdict, by Author) (*Case, error) {
	if err := tx.LockReviews(ctx); err != nil {
		return nil, err
	}
	snap, now, err := begin(ctx, tx)
	if err != nil {
		return nil, err
	}
	c, err := tx.WaitingCase(ctx, kind, id, version)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return d.withdraw(ctx, tx, kind, id, version, v, by)
	}
	if c.KeyID == by.Key || c.StaffID != 0 && c.StaffID == by.Staff {
		return nil, sms.Errorf(sms.SamePerson, "Authorization", "")
	}
	o, err := parse(kind, c.Proposal)
	if err != nil {
		return nil, err
	}
	book, err := d.InForce(ctx)
	if err != nil {
		return nil, err
	}
	found, err := o.judge(ctx, tx, book, snap, now)
	if err != nil {
		return nil, err
	}
	if err := c.setFound(found); err != nil {
		return nil, err
	}
	if v.Approve {
		if err := Allowed(found, v.Confirmed); err != nil {
			return nil, err
		}
		switch {
		case rulebook.Reviewers(found) > 1 && c.FirstID == 0:
			return c, d.approveFirst(ctx, tx, c, book, found, v, by, now.UnixMilli())
		case c.FirstID != 0 && c.FirstID == by.Staff:
			return nil, sms.Errorf(sms.SamePerson, "Authorization", "you approved it first: a second reviewer approves it too")
		}
	}
	c.State, c.ReviewerID, c.ReviewedAt, c.Reason, c.Confirmed = v.state(), by.Staff, now.UnixMilli(), v.Reason, strings.Join(v.Confirmed, ",")
	if closed, err := tx.CloseCase(ctx, c); err != nil || !closed {
		if err == nil {
			err = errNotWaiting()
		}
		return nil, err
	}
	revoke, err := d.apply(ctx, tx, snap, o, c)
	if err != nil {
		return nil, err
	}
	if err := d.tellCase(ctx, tx, snap, o, c); err != nil {
		return nil, err
	}
	if err := d.record(ctx, tx, c, book, found, by); err != nil || !revoke {
		return c, err
	}
	return c, d.revoke(ctx, tx, o, now)
}

// verdictFirst is the verdict in the evidence of the first of two approvals.
const verdictFirst = "first approval"

// approveFirst notes the first of two approvals; the case goes on waiting for the second.
func (d *Desk) approveFirst(ctx context.Context, tx Tx, c *Case, book *rulebook.Book, found []rulebook.Finding, v Verdict, by Author, at int64) error {
	c.FirstID, c.Reason = by.Staff, v.Reason
	if first, err := tx.ApproveFirst(ctx, c); err != nil || !first {
		if err == nil {
			err = errNotWaiting()
		}
		return err
	}
	told := *c
	told.State, told.ReviewedAt, told.Confirmed = verdictFirst, at, strings.Join(v.Confirmed, ",")
	return d.record(ctx, tx, &told, book, found, by)
}

func errNotWaiting() error {
	return sms.Errorf(sms.ReviewNotWaiting, "path.id", "nothing of it waits for a review; somebody may have decided a moment ago")
}

// Allowed tells why what the rules found can't be approved.
func Allowed(found []rulebook.Finding, confirmed []string) error {
	if f := rulebook.Refusing(found); f != nil && f.Outcome == rulebook.Block {
		return sms.Errorf(f.Code, "body.verdict", "%s: %s. %s", f.Rule, f.Reason.En, f.Remedy.En)
	}
	for i := range found {
		if f := &found[i]; f.Outcome == rulebook.Hold && !slices.Contains(confirmed, f.Rule) {
			return sms.Errorf(sms.ReviewUnconfirmed, "body.confirmed", "%s: %s; name the rule in confirmed, and say in reason why it may be", f.Rule, f.Reason.En)
		}
	}
	for _, r := range confirmed { // nobody confirms ahead what nobody has seen
		if !slices.ContainsFunc(found, func(f rulebook.Finding) bool { return f.Rule == r && f.Outcome == rulebook.Hold }) {
			return sms.Errorf(sms.BadRequest, "body.confirmed", "%.20q holds nothing here", r)
		}
	}
	return nil
}

// apply stores what a decision makes of the object, and tells whether messages that wait
// must be decided anew.
func (d *Desk) apply(ctx context.Context, tx Tx, snap *registry.Snapshot, o Object, c *Case) (revoke bool, err error) {
	was := o.stored(snap)
	if c.State == Rejected {
		if err := forget(ctx, tx, o); err != nil {
			return false, err
		}
		if editable(was) && o.refused() != was {
			return false, put(ctx, tx, snap, o, o.refused(), c.ReviewedAt)
		}
		return false, nil
	}
	if err := o.check(ctx, tx, snap); err != nil {
		return false, err
	}
	if err := o.approved(ctx, tx, snap, c); err != nil {
		return false, err
	}
	if _, err := tx.Registry(ctx); err != nil {
		return false, sms.Errorf(sms.BadRequest, "body", "%s", err)
	}
	return was == o.usable() || c.Kind == rulebook.ObjectTemplate, nil
}

// withdraw takes an approval back.
func (d *Desk) withdraw(ctx context.Context, tx Tx, kind string, id sms.ID, version int64, v Verdict, by Author) (*Case, error) {
	snap, now, err := begin(ctx, tx)
	if err != nil {
		return nil, err
	}
	o := find(snap, kind, id, version)
	if o == nil {
		return nil, sms.Errorf(sms.NotFound, "path.id", "there is no %s with this id", kind)
	}
	if v.Approve || o.stored(snap) != o.usable() {
		return nil, errNotWaiting()
	}
	state := o.withdrawn()
	at := now.UnixMilli()
	c := &Case{
		ID: d.IDs.Next(), Kind: kind, ObjectID: id, Version: version, PartyID: o.party(), State: Rejected, KeyID: by.Key, StaffID: by.Staff, SubmittedAt: at, DueAt: at,
		ReviewerID: by.Staff, ReviewedAt: at, Reason: v.Reason, Findings: []byte("[]"),
	}
	if c.Proposal, err = json.Marshal(o.in(state)); err != nil {
		return nil, err
	}
	if err := tx.Put(ctx, o.in(state)); err != nil {
		return nil, err
	}
	if err := tx.PutCase(ctx, c); err != nil {
		return nil, err
	}
	book, err := d.InForce(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.record(ctx, tx, c, book, nil, by); err != nil {
		return nil, err
	}
	if err := d.tellCase(ctx, tx, snap, o, c); err != nil {
		return nil, err
	}
	return c, d.revoke(ctx, tx, o, now)
}
