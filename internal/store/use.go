package store

import (
	"context"
	"database/sql"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// SignatureUses tells on which day each of some signatures was last used; those that never
// were are left out.
func (t *Tx) SignatureUses(ctx context.Context, ids []sms.ID, each func(id sms.ID, day int64)) error {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = int64(id)
	}
	return t.Query(ctx, "SELECT signature_id, day FROM signature_use WHERE signature_id IN ("+marks(len(ids))+")", args, func(r *sql.Rows) error {
		var id sms.ID
		var day int64
		err := r.Scan(&id, &day)
		each(id, day)
		return err
	})
}

// UseSignatures stores that signatures were used on a day, unless it is known of a later one.
// The ids are sorted: their rows are locked in this order.
func (t *Tx) UseSignatures(ctx context.Context, ids []sms.ID, day int64) error {
	for _, id := range ids {
		err := t.Exec(ctx, "INSERT INTO signature_use(signature_id, day) VALUES (?, ?) ON CONFLICT(signature_id) DO UPDATE SET day = excluded.day WHERE signature_use.day < excluded.day",
			int64(id), day)
		if err != nil {
			return err
		}
	}
	return nil
}
