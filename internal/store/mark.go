package store

import (
	"context"
	"database/sql"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// PutMark stores a trademark or an app that a party tells of.
func (t *Tx) PutMark(ctx context.Context, m *registry.Mark) error {
	return t.Exec(ctx, "INSERT INTO mark(id, party_id, source, name, registration, holder, address, valid_from, valid_to, document_id, created_at) VALUES ("+marks(11)+")",
		int64(m.ID), int64(m.PartyID), m.Source, m.Name, m.Registration, m.Holder, m.Address, m.From, m.To, int64(m.DocumentID), m.CreatedAt)
}

// Marks lists those of a party, newest first.
func (t *Tx) Marks(ctx context.Context, party sms.ID) (out []*registry.Mark, err error) {
	err = t.Query(ctx, "SELECT id, party_id, source, name, registration, holder, address, valid_from, valid_to, document_id, created_at FROM mark WHERE party_id = ? ORDER BY id DESC LIMIT ?",
		[]any{int64(party), int64(registry.MaxMarks)}, func(r *sql.Rows) error {
			m := &registry.Mark{}
			out = append(out, m)
			return r.Scan(&m.ID, &m.PartyID, &m.Source, &m.Name, &m.Registration, &m.Holder, &m.Address, &m.From, &m.To, &m.DocumentID, &m.CreatedAt)
		})
	return out, err
}
