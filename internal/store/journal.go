package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/zhunxin/zhunxin/internal/sms"
)

const (
	counterRevocation = "revocation"
	counterFacts      = "facts"
)

// Counter reads a counter row without locking it.
func (t *Tx) Counter(ctx context.Context, name string) (int64, error) {
	var v int64
	if err := t.One(ctx, "SELECT value FROM counter WHERE name = ?", []any{name}, &v); err != nil {
		return 0, fmt.Errorf("read counter %s: %w", name, err)
	}
	return v, nil
}

// MoveGeneration says that the registry is another one now. The counter's row is locked
// from here to the commit, so that changes that call it first come one after the other.
func (t *Tx) MoveGeneration(ctx context.Context) error {
	if t.lite != nil {
		t.onEnd(func(committed bool) {
			if committed {
				t.d.facts.Add(1)
			}
		})
	}
	return t.Exec(ctx, "UPDATE counter SET value = value + 1 WHERE name = ?", counterFacts)
}

// Journal reads the newest number of the revocation journal.
func (t *Tx) Journal(ctx context.Context) (int64, error) { return t.Counter(ctx, counterRevocation) }

// Generation reads the generation of the registry's facts.
func (t *Tx) Generation(ctx context.Context) (int64, error) { return t.Counter(ctx, counterFacts) }

// Generation is the committed generation of the registry's facts where it is known without
// reading: on SQLite, whose file one process has to itself.
func (d *DB) Generation() (generation int64, known bool) {
	return d.facts.Load(), d.dialect == SQLite
}

func (d *DB) readGeneration(ctx context.Context, tx *Tx) error {
	generation, err := tx.Generation(ctx)
	d.facts.Store(generation)
	return err
}

// Revoke appends to the journal. The counter row is locked from here to the
// commit, so numbers are in commit order: call it last.
func (t *Tx) Revoke(ctx context.Context, r sms.Revocation) (int64, error) {
	return t.revoke(ctx, []sms.Revocation{r})
}

// revoke appends several entries and returns the number of the last.
func (t *Tx) revoke(ctx context.Context, list []sms.Revocation) (int64, error) {
	if err := t.Exec(ctx, "UPDATE counter SET value = value + ? WHERE name = ?", int64(len(list)), counterRevocation); err != nil {
		return 0, err
	}
	n, err := t.Counter(ctx, counterRevocation)
	if err != nil {
		return 0, err
	}
	args := make([]any, 0, len(list)*7)
	for i := range list {
		r := &list[i]
		args = append(args, n-int64(len(list)-1-i), r.Kind, r.PhoneID, r.GroupID, r.ObjectID, r.Scope, r.At)
	}
	return n, t.insert(ctx, "INSERT INTO revocation(n, kind, phone_id, group_id, object_id, scope, at) VALUES ", 7, "", args)
}

// RevocationsSince lists the entries above a number, at most limit.
func (t *Tx) RevocationsSince(ctx context.Context, n int64, limit int) ([]sms.Revocation, error) {
	var out []sms.Revocation
	err := t.Query(ctx, "SELECT n, kind, phone_id, COALESCE(group_id,0), COALESCE(object_id,0), scope, at FROM revocation WHERE n > ? ORDER BY n LIMIT ?",
		[]any{n, int64(limit)}, func(r *sql.Rows) error {
			var x sms.Revocation
			if err := r.Scan(&x.N, &x.Kind, &x.PhoneID, &x.GroupID, &x.ObjectID, &x.Scope, &x.At); err != nil {
				return err
			}
			out = append(out, x)
			return nil
		})
	return out, err
}
