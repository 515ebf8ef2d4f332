package store

import (
	"context"
	"database/sql"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// EventKeys lists an application's keys of signed consent events.
func (t *Tx) EventKeys(ctx context.Context, application sms.ID) ([]consent.EventKey, error) {
	var out []consent.EventKey
	err := t.Query(ctx, "SELECT id, application_id, public_key, created_at, revoked_at FROM consent_key WHERE application_id = ? ORDER BY id", []any{int64(application)}, func(r *sql.Rows) error {
		var k consent.EventKey
		var public []byte
		err := r.Scan(&k.ID, &k.ApplicationID, &public, &k.CreatedAt, &k.RevokedAt)
		copy(k.Public[:], public)
		out = append(out, k)
		return err
	})
	return out, err
}

// InsertEventKey stores a key.
func (t *Tx) InsertEventKey(ctx context.Context, k consent.EventKey) error {
	return t.Exec(ctx, "INSERT INTO consent_key(id, application_id, public_key, created_at, revoked_at) VALUES (?,?,?,?,0)", int64(k.ID), int64(k.ApplicationID), k.Public[:], k.CreatedAt)
}

// RevokeEventKey ends a key; the first end stays.
func (t *Tx) RevokeEventKey(ctx context.Context, id sms.ID, at int64) error {
	return t.Exec(ctx, "UPDATE consent_key SET revoked_at = ? WHERE id = ? AND revoked_at = 0", at, int64(id))
}

// InsertSigned stores a signed event; an application's event is stored once.
func (t *Tx) InsertSigned(ctx context.Context, r consent.SignedRow) error {
	return t.Exec(ctx, "INSERT INTO consent_event(id, application_id, event, digest, key_id, sealed, at) VALUES (?,?,?,?,?,?,?)",
		int64(r.ID), int64(r.ApplicationID), r.Event, r.Digest[:], int64(r.KeyID), r.Sealed, r.At)
}

// Signed finds an application's event by its own id, or nil.
func (t *Tx) Signed(ctx context.Context, application sms.ID, event string) (*consent.SignedRow, error) {
	return t.signed(ctx, "application_id = ? AND event = ?", int64(application), event)
}

// SignedByID finds the event of a consent or a refusal, or nil.
func (t *Tx) SignedByID(ctx context.Context, id sms.ID) (*consent.SignedRow, error) {
	return t.signed(ctx, "id = ?", int64(id))
}

func (t *Tx) signed(ctx context.Context, where string, args ...any) (out *consent.SignedRow, err error) {
	err = t.Query(ctx, "SELECT id, application_id, event, digest, key_id, sealed, at FROM consent_event WHERE "+where, args, func(r *sql.Rows) error {
		var x consent.SignedRow
		var digest []byte
		err := r.Scan(&x.ID, &x.ApplicationID, &x.Event, &digest, &x.KeyID, &x.Sealed, &x.At)
		copy(x.Digest[:], digest)
		out = &x
		return err
	})
	return out, err
}
