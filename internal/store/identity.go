package store

import (
	"context"
	"database/sql"

	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Identity is who stands behind a party, or nil; proposed is who is to, once a reviewer has
// approved it.
func (t *Tx) Identity(ctx context.Context, party sms.ID, proposed bool) (i *review.Identity, err error) {
	err = t.Query(ctx, "SELECT representative, handler, handler_hash, address, contact, digest, approved, registered, checked_at, updated_at FROM party_identity WHERE party_id = ? AND proposed = ?", []any{int64(party), flag(proposed)},
		func(r *sql.Rows) error {
			i = &review.Identity{PartyID: party, Proposed: proposed}
			var handler, digest, approved, registered []byte
			err := r.Scan(&i.Representative, &i.Handler, &handler, &i.Address, &i.Contact, &digest, &approved, &registered, &i.CheckedAt, &i.UpdatedAt)
			copy(i.HandlerHash[:], handler)
			copy(i.Digest[:], digest)
			copy(i.Approved[:], approved)
			copy(i.Registered[:], registered)
			return err
		})
	return i, err
}

// PutIdentity stores it.
func (t *Tx) PutIdentity(ctx context.Context, i *review.Identity) error {
	sealed := func(b []byte) []byte { return append([]byte{}, b...) } // never NULL
	return t.Exec(ctx, `INSERT INTO party_identity(party_id, proposed, representative, handler, handler_hash, address, contact, digest, approved, registered, checked_at, updated_at) VALUES (`+marks(12)+`)
		ON CONFLICT(party_id, proposed) DO UPDATE SET representative = excluded.representative, handler = excluded.handler, handler_hash = excluded.handler_hash, address = excluded.address,
		contact = excluded.contact, digest = excluded.digest, approved = excluded.approved, registered = excluded.registered, checked_at = excluded.checked_at, updated_at = excluded.updated_at`,
		int64(i.PartyID), flag(i.Proposed), sealed(i.Representative), sealed(i.Handler), i.HandlerHash[:], sealed(i.Address), sealed(i.Contact), i.Digest[:], i.Approved[:], i.Registered[:], i.CheckedAt, i.UpdatedAt)
}

// DropProposal forgets who was to stand behind a party.
func (t *Tx) DropProposal(ctx context.Context, party sms.ID) error {
	return t.Exec(ctx, "DELETE FROM party_identity WHERE party_id = ? AND proposed = 1", int64(party))
}

// HandlersElsewhere counts other enterprises that have the same handler; branches under one
// code are one.
func (t *Tx) HandlersElsewhere(ctx context.Context, handler [16]byte, uscc string) (n int, err error) {
	err = t.One(ctx, "SELECT COUNT(DISTINCT p.uscc) FROM party_identity i JOIN party p ON p.id = i.party_id WHERE i.handler_hash = ? AND p.uscc <> ? AND p.state <> 'closed'",
		[]any{handler[:], uscc}, &n)
	return n, err
}
