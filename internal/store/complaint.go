package store

import (
	"context"
	"database/sql"
	"strings"

	"github.com/zhunxin/zhunxin/internal/complaint"
	"github.com/zhunxin/zhunxin/internal/risk"
	"github.com/zhunxin/zhunxin/internal/sms"
)

var tCase = tableOf("complaint", 1, complaint.Case{})

// PutComplaint stores a complaint, new or changed.
func (t *Tx) PutComplaint(ctx context.Context, c complaint.Case) error { return tCase.put(ctx, t, c) }

// LockComplaints lets one transaction open or judge a case at a time. On SQLite the one writer is
// the lock.
func (t *Tx) LockComplaints(ctx context.Context) error { return t.alone(ctx, 5) }

// SameCase finds the case of the same person with the same source and reference, 0 when there is
// none, or no reference.
func (t *Tx) SameCase(ctx context.Context, c complaint.Case) (id sms.ID, err error) {
	if c.Reference == "" {
		return 0, nil
	}
	err = t.Query(ctx, "SELECT id FROM complaint WHERE phone_id = ? AND source = ? AND reference = ? LIMIT 1", []any{c.PhoneID, c.Source, c.Reference},
		func(r *sql.Rows) error { return r.Scan(&id) })
	return id, err
}

// locking keeps the rows that are read from others until commit. On SQLite the one writer is
// the lock.
func (t *Tx) locking(lock bool) string {
	if lock && t.d.dialect == Postgres {
		return " FOR UPDATE"
	}
	return ""
}

// Case reads a complaint; none has the id 0.
func (t *Tx) Case(ctx context.Context, id sms.ID, lock bool) (complaint.Case, error) {
	var out []complaint.Case
	if err := tCase.some(ctx, t, &out, "WHERE id = ?"+t.locking(lock), int64(id)); err != nil || len(out) == 0 {
		return complaint.Case{}, err
	}
	return out[0], nil
}

// Cases lists complaints, newest first.
func (t *Tx) Cases(ctx context.Context, f complaint.Filter, limit int) (out []complaint.Case, err error) {
	where, args := []string{"id < ?"}, []any{int64(f.Before)}
	if f.State != "" {
		where, args = append(where, "state = ?"), append(args, f.State)
	}
	if f.Party != 0 {
		where, args = append(where, "party_id = ?"), append(args, int64(f.Party))
	}
	return out, tCase.some(ctx, t, &out, "WHERE "+strings.Join(where, " AND ")+" ORDER BY id DESC LIMIT ?", append(args, int64(limit))...)
}

// PutCaseFile stores a case file as it was assembled.
func (t *Tx) PutCaseFile(ctx context.Context, id sms.ID, at int64, hash [32]byte, sealed []byte) error {
	return t.Exec(ctx, `INSERT INTO complaint_file(complaint_id, at, hash, content) VALUES (?,?,?,?)
		ON CONFLICT(complaint_id, at) DO UPDATE SET hash = excluded.hash, content = excluded.content`, int64(id), at, hash[:], sealed)
}

// CaseFile reads the newest file of a case, nil when there is none.
func (t *Tx) CaseFile(ctx context.Context, id sms.ID) (sealed []byte, err error) {
	err = t.Query(ctx, "SELECT content FROM complaint_file WHERE complaint_id = ? ORDER BY at DESC LIMIT 1", []any{int64(id)}, func(r *sql.Rows) error { return r.Scan(&sealed) })
	return sealed, err
}

// CountCases counts the complaints that were received in a span, by whom and what they are about.
func (t *Tx) CountCases(ctx context.Context, from, to int64, each func(complaint.Figure)) error {
	return t.Query(ctx, `SELECT party_id, signature_id, channel_id, COUNT(*), COALESCE(SUM(CASE WHEN verdict = 'confirmed' THEN 1 ELSE 0 END), 0)
		FROM complaint WHERE received_at >= ? AND received_at < ? GROUP BY party_id, signature_id, channel_id ORDER BY party_id, signature_id, channel_id`, []any{from, to},
		func(r *sql.Rows) error {
			var f complaint.Figure
			if err := r.Scan(&f.PartyID, &f.SignatureID, &f.ChannelID, &f.Received, &f.Valid); err != nil {
				return err
			}
			each(f)
			return nil
		})
}

// ValidCases lists the complaints that were found true since a moment.
func (t *Tx) ValidCases(ctx context.Context, since int64, each func(risk.Valid)) error {
	return t.Query(ctx, "SELECT party_id, signature_id, template_id, channel_id, verified_at FROM complaint WHERE verdict = 'confirmed' AND verified_at >= ? ORDER BY id", []any{since},
		func(r *sql.Rows) error {
			var v risk.Valid
			if err := r.Scan(&v.Party, &v.Signature, &v.Template, &v.Channel, &v.At); err != nil {
				return err
			}
			each(v)
			return nil
		})
}
