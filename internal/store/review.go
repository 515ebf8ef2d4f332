package store

import (
	"context"
	"database/sql"

	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// LockReviews lets one transaction submit or decide at a time, so that two of them don't
// approve what each alone may be approved. On SQLite the one writer is the lock.
func (t *Tx) LockReviews(ctx context.Context) error { return t.alone(ctx, 3) }

// alone takes one of the locks that a kind of transaction takes for itself.
func (t *Tx) alone(ctx context.Context, which int64) error {
	if t.d.dialect == SQLite {
		return nil
	}
	return t.Exec(ctx, "SELECT pg_advisory_xact_lock(?)", postgresMigrationLock+which)
}

const caseColumns = "id, kind, object_id, version, party_id, proposal, findings, state, key_id, staff_id, submitted_at, due_at, first_id, reviewer_id, reviewed_at, reason, confirmed"

// PutCase stores a new case.
func (t *Tx) PutCase(ctx context.Context, c *review.Case) error {
	return t.Exec(ctx, "INSERT INTO review("+caseColumns+") VALUES ("+marks(17)+")",
		int64(c.ID), c.Kind, int64(c.ObjectID), c.Version, int64(c.PartyID), string(c.Proposal), string(c.Findings), c.State, int64(c.KeyID), int64(c.StaffID),
		c.SubmittedAt, c.DueAt, int64(c.FirstID), int64(c.ReviewerID), c.ReviewedAt, c.Reason, c.Confirmed)
}

// CloseCase stores what came of a case; false means that somebody was faster.
func (t *Tx) CloseCase(ctx context.Context, c *review.Case) (bool, error) {
	n, err := t.ExecCount(ctx, "UPDATE review SET state = ?, findings = ?, reviewer_id = ?, reviewed_at = ?, reason = ?, confirmed = ? WHERE id = ? AND state = 'waiting'",
		c.State, string(c.Findings), int64(c.ReviewerID), c.ReviewedAt, c.Reason, c.Confirmed, int64(c.ID))
	return n == 1, err
}

// ApproveFirst stores that the first of two reviewers has approved a case, and why; false
// means that somebody was faster.
func (t *Tx) ApproveFirst(ctx context.Context, c *review.Case) (bool, error) {
	n, err := t.ExecCount(ctx, "UPDATE review SET first_id = ?, reason = ? WHERE id = ? AND state = 'waiting' AND first_id = 0", int64(c.FirstID), c.Reason, int64(c.ID))
	return n == 1, err
}

func (t *Tx) cases(ctx context.Context, tail string, args ...any) (out []*review.Case, err error) {
	err = t.Query(ctx, "SELECT "+caseColumns+" FROM review "+tail, args, func(r *sql.Rows) error {
		c := &review.Case{}
		var proposal, findings string
		err := r.Scan(&c.ID, &c.Kind, &c.ObjectID, &c.Version, &c.PartyID, &proposal, &findings, &c.State, &c.KeyID, &c.StaffID,
			&c.SubmittedAt, &c.DueAt, &c.FirstID, &c.ReviewerID, &c.ReviewedAt, &c.Reason, &c.Confirmed)
		c.Proposal, c.Findings = []byte(proposal), []byte(findings)
		out = append(out, c)
		return err
	})
	return out, err
}

func first[T any](list []*T, err error) (*T, error) {
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// WaitingCase is the open case of an object, or nil.
func (t *Tx) WaitingCase(ctx context.Context, kind string, object sms.ID, version int64) (*review.Case, error) {
	return first(t.cases(ctx, "WHERE kind = ? AND object_id = ? AND version = ? AND state = 'waiting'", kind, int64(object), version))
}

// LastCase is the newest case of an object that nobody replaced, or nil.
func (t *Tx) LastCase(ctx context.Context, kind string, object sms.ID, version int64) (*review.Case, error) {
	return first(t.cases(ctx, "WHERE kind = ? AND object_id = ? AND version = ? AND state <> 'replaced' ORDER BY id DESC LIMIT 1", kind, int64(object), version))
}

// WaitingCases lists what waits of a kind, what is due first; "" is every kind.
func (t *Tx) WaitingCases(ctx context.Context, kind string, limit int) ([]*review.Case, error) {
	return t.cases(ctx, "WHERE state = 'waiting' AND (? = '' OR kind = ?) ORDER BY due_at, id LIMIT ?", kind, kind, int64(limit))
}

// CountWaiting counts what waits of a party.
func (t *Tx) CountWaiting(ctx context.Context, party sms.ID) (n int, err error) {
	err = t.One(ctx, "SELECT COUNT(*) FROM review WHERE party_id = ? AND state = 'waiting'", []any{int64(party)}, &n)
	return n, err
}
