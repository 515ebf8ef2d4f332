package store

import (
	"context"
	"database/sql"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// CodesAsked counts the codes that were asked for since a moment.
func (t *Tx) CodesAsked(ctx context.Context, phone, address [16]byte, group sms.ID, since int64) (n consent.Codes, err error) {
	err = t.One(ctx, `SELECT (SELECT COUNT(*) FROM possession WHERE phone_id = ? AND created_at > ?),
		(SELECT COUNT(*) FROM possession WHERE address = ? AND created_at > ?), (SELECT COUNT(*) FROM possession WHERE group_id = ? AND created_at > ?)`,
		[]any{phone[:], since, address[:], since, int64(group), since}, &n.Number, &n.Address, &n.Group)
	return n, err
}

// InsertPossession stores that a code is on its way.
func (t *Tx) InsertPossession(ctx context.Context, p consent.Possession) error {
	return t.Exec(ctx, "INSERT INTO possession(id, token, phone_id, group_id, wording_id, code, address, created_at, expires_at) VALUES (?,?,?,?,?,?,?,?,?)",
		int64(p.ID), p.Token[:], p.PhoneID[:], int64(p.GroupID), int64(p.WordingID), p.Code[:], p.Address[:], p.CreatedAt, p.ExpiresAt)
}

// SentPossession stores which message brought the code.
func (t *Tx) SentPossession(ctx context.Context, id, message sms.ID) error {
	return t.Exec(ctx, "UPDATE possession SET message_id = ? WHERE id = ?", int64(message), int64(id))
}

// TryPossession counts an attempt at a proof that is open, has attempts left and was not
// given yet; nil when there is none.
func (t *Tx) TryPossession(ctx context.Context, token [32]byte, attempts int, at int64) (*consent.Possession, error) {
	n, err := t.ExecCount(ctx, "UPDATE possession SET attempts = attempts + 1 WHERE token = ? AND attempts < ? AND proved_at IS NULL AND expires_at > ?", token[:], int64(attempts), at)
	if err != nil || n == 0 {
		return nil, err
	}
	return t.possession(ctx, "token = ?", token[:])
}

// ProvePossession closes a proof; its page is good until ends.
func (t *Tx) ProvePossession(ctx context.Context, id sms.ID, at, ends int64) error {
	return t.Exec(ctx, "UPDATE possession SET proved_at = ?, expires_at = ? WHERE id = ?", at, ends, int64(id))
}

// Proved finds a proof that was given and whose page is still good, or nil.
func (t *Tx) Proved(ctx context.Context, token [32]byte, at int64) (*consent.Possession, error) {
	return t.possession(ctx, "token = ? AND proved_at IS NOT NULL AND expires_at > ?", token[:], at)
}

func (t *Tx) possession(ctx context.Context, where string, args ...any) (p *consent.Possession, err error) {
	err = t.Query(ctx, `SELECT id, token, phone_id, group_id, wording_id, code, address, message_id, attempts, created_at, expires_at, COALESCE(proved_at,0)
		FROM possession WHERE `+where, args, func(r *sql.Rows) error {
		var token, phone, code, address []byte
		p = &consent.Possession{}
		err := r.Scan(&p.ID, &token, &phone, &p.GroupID, &p.WordingID, &code, &address, &p.MessageID, &p.Attempts, &p.CreatedAt, &p.ExpiresAt, &p.ProvedAt)
		copy(p.Token[:], token)
		copy(p.PhoneID[:], phone)
		copy(p.Code[:], code)
		copy(p.Address[:], address)
		return err
	})
	return p, err
}

// ForgetPossessions removes proofs that were begun before a moment and whose page ended.
func (t *Tx) ForgetPossessions(ctx context.Context, before, at int64, limit int) (int, error) {
	return t.ExecCount(ctx, "DELETE FROM possession WHERE id IN (SELECT id FROM possession WHERE created_at < ? AND expires_at <= ? ORDER BY created_at LIMIT ?)", before, at, int64(limit))
}
