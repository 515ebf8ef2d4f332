package store

import (
	"context"
	"database/sql"
	"fmt"
)

// Reindex is how far the replacement of all keyed ids has come. It is kept with each
// step, so that a stopped one goes on where it was.
type Reindex struct {
	Key   string `json:"key"` // which index key makes the new ids
	Phase string `json:"phase"`
	Table int    `json:"table"` // of the phase
	Phone []byte `json:"phone"` // the last one that was collected
	Row   int64  `json:"row"`   // the last one that was changed
}

// The phases: the ids of tables whose key they are part of are collected before any is
// changed, because a changed row comes to stand elsewhere; then those tables are
// changed, and then the others, in order of their rows.
const (
	reindexCollect = ""
	reindexPeople  = "people"
	reindexRows    = "rows"
	ReindexDone    = "done"
)

var (
	reindexByPhone = []string{"person", "person_secret", "portability", "consent", "suppression", "vacant_number", "consent_request", "recipient_index"}
	reindexByRow   = []struct{ table, key string }{
		{"recipient_event", "message_id"}, {"message", "id"}, {"revocation", "n"}, {"orphan_report", "id"}, {"mo", "id"}, {"possession", "id"}, {"complaint", "id"}, {"person_request", "id"}, {"legal_hold", "id"},
	}
)

// reindexChunk is how much one transaction replaces.
const reindexChunk = 500

// ReindexStep does the next piece of a replacement and tells how many ids or rows it
// went through. Nobody else may use the database: see OpenPostgresAlone.
func (t *Tx) ReindexStep(ctx context.Context, s *Reindex, next func([16]byte) [16]byte, seal func([16]byte) []byte) (n int, err error) {
	switch s.Phase {
	case reindexCollect:
		n, err = t.collectPhones(ctx, s)
	case reindexPeople:
		n, err = t.replacePhones(ctx, s, next, seal)
	case reindexRows:
		n, err = t.replaceRows(ctx, s, next)
	default:
		return 0, fmt.Errorf("there is no phase %q of a reindex", s.Phase)
	}
	if err != nil {
		return 0, fmt.Errorf("reindex: %w", err)
	}
	return n, nil
}

func (t *Tx) collectPhones(ctx context.Context, s *Reindex) (int, error) {
	if s.Table == len(reindexByPhone) {
		*s = Reindex{Key: s.Key, Phase: reindexPeople}
		return 0, nil
	}
	var list []any
	after := s.Phone
	if after == nil {
		after = []byte{}
	}
	err := t.Query(ctx, "SELECT DISTINCT phone_id FROM "+reindexByPhone[s.Table]+" WHERE phone_id > ? ORDER BY phone_id LIMIT ?", []any{after, int64(reindexChunk)}, func(r *sql.Rows) error {
		var id []byte
		err := r.Scan(&id)
		list = append(list, id)
		return err
	})
	if err != nil {
		return 0, err
	}
	if len(list) == 0 {
		s.Table, s.Phone = s.Table+1, nil
		return 0, nil
	}
	s.Phone = list[len(list)-1].([]byte)
	return len(list), t.insert(ctx, "INSERT INTO phone_reindex(old_id) VALUES ", 1, " ON CONFLICT DO NOTHING", list)
}

func (t *Tx) replacePhones(ctx context.Context, s *Reindex, next func([16]byte) [16]byte, seal func([16]byte) []byte) (int, error) {
	var olds [][16]byte
	err := t.Query(ctx, "SELECT old_id FROM phone_reindex ORDER BY old_id LIMIT ?", []any{int64(reindexChunk)}, func(r *sql.Rows) error {
		var id []byte
		if err := r.Scan(&id); err != nil {
			return err
		}
		olds = append(olds, [16]byte(id))
		return nil
	})
	if err != nil {
		return 0, err
	}
	if len(olds) == 0 {
		*s = Reindex{Key: s.Key, Phase: reindexRows}
		return 0, nil
	}
	for _, old := range olds {
		id := next(old)
		for _, table := range []string{"consent", "suppression"} {
			if err := t.Exec(ctx, "UPDATE "+table+" SET former = ? WHERE phone_id = ? AND former IS NULL", seal(old), old[:]); err != nil {
				return 0, err
			}
		}
		for _, table := range reindexByPhone {
			if err := t.Exec(ctx, "UPDATE "+table+" SET phone_id = ? WHERE phone_id = ?", id[:], old[:]); err != nil {
				return 0, err
			}
		}
		if err := t.Exec(ctx, "DELETE FROM phone_reindex WHERE old_id = ?", old[:]); err != nil {
			return 0, err
		}
	}
	return len(olds), nil
}

func (t *Tx) replaceRows(ctx context.Context, s *Reindex, next func([16]byte) [16]byte) (int, error) {
	if s.Table == len(reindexByRow) {
		*s = Reindex{Key: s.Key, Phase: ReindexDone}
		return 0, nil
	}
	x := reindexByRow[s.Table]
	type row struct {
		key int64
		id  []byte
	}
	var rows []row
	err := t.Query(ctx, "SELECT "+x.key+", phone_id FROM "+x.table+" WHERE "+x.key+" > ? ORDER BY "+x.key+" LIMIT ?", []any{s.Row, int64(reindexChunk)}, func(r *sql.Rows) error {
		var v row
		err := r.Scan(&v.key, &v.id)
		rows = append(rows, v)
		return err
	})
	if err != nil {
		return 0, err
	}
	if len(rows) == 0 {
		s.Table, s.Row = s.Table+1, 0
		return 0, nil
	}
	for _, v := range rows {
		if len(v.id) != 16 { // a revocation that concerns no person
			continue
		}
		id := next([16]byte(v.id))
		if err := t.Exec(ctx, "UPDATE "+x.table+" SET phone_id = ? WHERE "+x.key+" = ?", id[:], v.key); err != nil {
			return 0, err
		}
	}
	s.Row = rows[len(rows)-1].key
	return len(rows), nil
}
