package store

import (
	"context"
	"database/sql"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// ConsentRequests reads the last messages of category CONSENT from a group to people.
func (t *Tx) ConsentRequests(ctx context.Context, group sms.ID, ids [][16]byte, each func(consent.Request)) error {
	return t.in(ctx, "SELECT phone_id, group_id, message_id, signature_id, asked_at, COALESCE(confirmed_at,0) FROM consent_request WHERE group_id = ? AND phone_id IN (%s)",
		[]any{int64(group)}, phoneArgs(ids), nil, func(r *sql.Rows) error {
			var x consent.Request
			var phone []byte
			if err := r.Scan(&phone, &x.GroupID, &x.MessageID, &x.SignatureID, &x.AskedAt, &x.ConfirmedAt); err != nil {
				return err
			}
			copy(x.PhoneID[:], phone)
			each(x)
			return nil
		})
}

// PutConsentRequests stores such messages in place of those before.
func (t *Tx) PutConsentRequests(ctx context.Context, list []consent.Request) error {
	for i := range list {
		x := &list[i]
		err := t.Exec(ctx, `INSERT INTO consent_request(phone_id, group_id, message_id, signature_id, asked_at) VALUES (?,?,?,?,?)
			ON CONFLICT(phone_id, group_id) DO UPDATE SET message_id = excluded.message_id, signature_id = excluded.signature_id,
			asked_at = excluded.asked_at, confirmed_at = NULL`, x.PhoneID[:], int64(x.GroupID), int64(x.MessageID), int64(x.SignatureID), x.AskedAt)
		if err != nil {
			return err
		}
	}
	return nil
}

// ConfirmRequest stores that a reply confirmed a consent.
func (t *Tx) ConfirmRequest(ctx context.Context, phone [16]byte, group sms.ID, at int64) error {
	return t.Exec(ctx, "UPDATE consent_request SET confirmed_at = ? WHERE phone_id = ? AND group_id = ?", at, phone[:], int64(group))
}
