package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// AppendLeaf stores the leaf of a batch of records in the transaction that they
// describe. It gets its place in the tree later, from the sequencer.
func (t *Tx) AppendLeaf(ctx context.Context, id sms.ID, kind string, at int64, hashes [][32]byte) error {
	l, err := leaf.Of(kind, at, int64(id), hashes)
	if err != nil {
		return err
	}
	blob := make([]byte, 0, 32*len(hashes))
	for i := range hashes {
		blob = append(blob, hashes[i][:]...)
	}
	return t.Exec(ctx, "INSERT INTO evidence_leaf(id, kind, at, leaf, record_hashes) VALUES (?,?,?,?,?)", int64(id), kind, at, l.Marshal(), blob)
}

// Leaf reads one leaf.
func (t *Tx) Leaf(ctx context.Context, id sms.ID) (evlog.Placed, error) {
	l := evlog.Placed{ID: id}
	var hashes []byte
	err := t.One(ctx, "SELECT leaf, record_hashes, COALESCE(origin,''), COALESCE(tree_index,-1) FROM evidence_leaf WHERE id = ?", []any{int64(id)}, &l.Leaf, &hashes, &l.Origin, &l.Index)
	for i := 0; i+32 <= len(hashes); i += 32 {
		l.Hashes = append(l.Hashes, [32]byte(hashes[i:i+32]))
	}
	return l, err
}

// PendingLeaves lists leaves without a place in the tree, by their own ids: never
// by a watermark, because a slow transaction may commit a smaller id later.
func (t *Tx) PendingLeaves(ctx context.Context, limit int) (ids []sms.ID, leaves [][]byte, err error) {
	err = t.Query(ctx, "SELECT id, leaf FROM evidence_leaf WHERE tree_index IS NULL ORDER BY id LIMIT ?", []any{int64(limit)}, func(r *sql.Rows) error {
		var id sms.ID
		var b []byte
		if err := r.Scan(&id, &b); err != nil {
			return err
		}
		ids, leaves = append(ids, id), append(leaves, b)
		return nil
	})
	return ids, leaves, err
}

// CountPendingLeaves is the evidence lag.
func (t *Tx) CountPendingLeaves(ctx context.Context) (n int, oldest int64, err error) {
	err = t.One(ctx, "SELECT COUNT(*), COALESCE(MIN(at),0) FROM evidence_leaf WHERE tree_index IS NULL", nil, &n, &oldest)
	return n, oldest, err
}

// PlaceLeaves gives leaves their indexes from first on.
func (t *Tx) PlaceLeaves(ctx context.Context, origin string, first int64, ids []sms.ID) (int, error) {
	args := make([]any, 0, len(ids)*3)
	for i, id := range ids {
		args = append(args, int64(id), origin, first+int64(i))
	}
	return t.update(ctx, []string{"lid", "org", "idx"}, []string{integer, text, integer},
		"UPDATE evidence_leaf SET origin = v.org, tree_index = v.idx FROM v WHERE evidence_leaf.id = v.lid AND evidence_leaf.tree_index IS NULL", args)
}

// Checkpoint is the newest signed tree head of an origin; ok is false when it has none.
func (t *Tx) Checkpoint(ctx context.Context, origin string) (size int64, note string, ok bool, err error) {
	err = t.One(ctx, "SELECT size, note FROM evidence_checkpoint WHERE origin = ? ORDER BY size DESC LIMIT 1", []any{origin}, &size, &note)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, "", false, nil
	}
	return size, note, err == nil, err
}

// PutCheckpoint stores a signed tree head; a second one of a size is a conflict.
func (t *Tx) PutCheckpoint(ctx context.Context, origin string, size int64, note string, at int64) error {
	return t.Exec(ctx, "INSERT INTO evidence_checkpoint(origin, size, note, at, epoch) VALUES (?,?,?,?,0)", origin, size, note, at)
}

// Tile reads a tile; ok is false when there is none.
func (t *Tx) Tile(ctx context.Context, origin, path string) (data []byte, ok bool, err error) {
	err = t.One(ctx, "SELECT data FROM evidence_tile WHERE origin = ? AND path = ?", []any{origin, path}, &data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return data, err == nil, err
}

// PutTile stores a tile; a tile never changes.
func (t *Tx) PutTile(ctx context.Context, origin, path string, data []byte) error {
	return t.Exec(ctx, "INSERT INTO evidence_tile(origin, path, data) VALUES (?,?,?) ON CONFLICT(origin, path) DO NOTHING", origin, path, data)
}

// PutRecord stores a record that no other table holds.
func (t *Tx) PutRecord(ctx context.Context, r leaf.Record, leafID sms.ID, pos int) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return t.Exec(ctx, "INSERT INTO evidence_record(leaf_id, leaf_pos, kind, object_id, record) VALUES (?,?,?,?,?)", int64(leafID), int64(pos), r.Kind, r.ID, string(b))
}

// Records reads the records of a kind about an object, as JSON, oldest first.
func (t *Tx) Records(ctx context.Context, kind string, object sms.ID) (out []string, err error) {
	err = t.Query(ctx, "SELECT record FROM evidence_record WHERE object_id = ? AND kind = ? ORDER BY leaf_id, leaf_pos", []any{int64(object), kind}, func(r *sql.Rows) error {
		var record string
		err := r.Scan(&record)
		out = append(out, record)
		return err
	})
	return out, err
}

// RecordsOf reads the records that stand under an object's id, oldest first.
func (t *Tx) RecordsOf(ctx context.Context, object sms.ID, limit int) (out []evlog.Stored, err error) {
	err = t.Query(ctx, "SELECT leaf_id, leaf_pos, record FROM evidence_record WHERE object_id = ? ORDER BY leaf_id, leaf_pos LIMIT ?", []any{int64(object), int64(limit)},
		func(r *sql.Rows) error {
			var s evlog.Stored
			var b []byte
			if err := r.Scan(&s.LeafID, &s.Pos, &b); err != nil {
				return err
			}
			out = append(out, s)
			return json.Unmarshal(b, &out[len(out)-1].Record)
		})
	return out, err
}

// CheckpointAt is the signed tree head of a size, or of the next larger one.
func (t *Tx) CheckpointAt(ctx context.Context, origin string, atLeast int64) (size int64, note string, ok bool, err error) {
	err = t.One(ctx, "SELECT size, note FROM evidence_checkpoint WHERE origin = ? AND size >= ? ORDER BY size LIMIT 1", []any{origin, atLeast}, &size, &note)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, "", false, nil
	}
	return size, note, err == nil, err
}

// PutCosignature stores a witness's signature line under a checkpoint.
func (t *Tx) PutCosignature(ctx context.Context, origin string, size int64, witness, line string, at int64) error {
	return t.Exec(ctx, "INSERT INTO evidence_cosignature(origin, size, witness, line, at) VALUES (?,?,?,?,?) ON CONFLICT(origin, size, witness) DO NOTHING",
		origin, size, witness, line, at)
}

// Cosigned is the newest checkpoint of at least a size that a witness has signed,
// with the signature lines of all who did; ok is false when there is none.
func (t *Tx) Cosigned(ctx context.Context, origin string, atLeast int64) (size int64, lines []string, ok bool, err error) {
	err = t.Query(ctx, `SELECT size, line FROM evidence_cosignature WHERE origin = ? AND size = (SELECT MAX(size) FROM evidence_cosignature WHERE origin = ? AND size >= ?) ORDER BY witness`,
		[]any{origin, origin, atLeast}, func(r *sql.Rows) error {
			var line string
			err := r.Scan(&size, &line)
			lines = append(lines, line)
			return err
		})
	return size, lines, len(lines) > 0, err
}

// LeavesFrom reads leaves of a log by their places, in order.
func (t *Tx) LeavesFrom(ctx context.Context, origin string, first, limit int64) (out [][]byte, err error) {
	err = t.Query(ctx, "SELECT leaf FROM evidence_leaf WHERE origin = ? AND tree_index >= ? AND tree_index < ? ORDER BY tree_index", []any{origin, first, first + limit},
		func(r *sql.Rows) error {
			var b []byte
			err := r.Scan(&b)
			out = append(out, b)
			return err
		})
	return out, err
}

// LockLog makes the sequencer's transaction the only one of its kind.
func (t *Tx) LockLog(ctx context.Context) error {
	if t.d.dialect == SQLite {
		return nil
	}
	return t.Exec(ctx, "SELECT pg_advisory_xact_lock(?)", int64(postgresMigrationLock+1))
}

// Setting reads a setting, "" when it is not set.
func (t *Tx) Setting(ctx context.Context, name string) (string, error) {
	var v string
	err := t.One(ctx, "SELECT value FROM setting WHERE name = ?", []any{name}, &v)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return v, err
}

// PutSetting stores a setting.
func (t *Tx) PutSetting(ctx context.Context, name, value string) error {
	return t.Exec(ctx, "INSERT INTO setting(name, value) VALUES (?,?) ON CONFLICT(name) DO UPDATE SET value = excluded.value", name, value)
}

// Claim inserts an idempotency row without an answer. If there is one already,
// it returns that row's payload hash and sealed answer.
func (t *Tx) Claim(ctx context.Context, account sms.ID, key string, payload [32]byte, expires int64) (fresh bool, oldPayload, answer []byte, err error) {
	n, err := t.ExecCount(ctx, "INSERT INTO idempotency(account_id, key, payload_hash, answer, expires_at) VALUES (?,?,?,?,?) ON CONFLICT(account_id, key) DO NOTHING",
		int64(account), key, payload[:], []byte{}, expires)
	if err != nil || n == 1 {
		return n == 1, nil, nil, err
	}
	err = t.One(ctx, "SELECT payload_hash, answer FROM idempotency WHERE account_id = ? AND key = ?", []any{int64(account), key}, &oldPayload, &answer)
	return false, oldPayload, answer, err
}

// Answer stores the sealed answer of a claimed call.
func (t *Tx) Answer(ctx context.Context, account sms.ID, key string, sealed []byte) error {
	return t.Exec(ctx, "UPDATE idempotency SET answer = ? WHERE account_id = ? AND key = ?", sealed, int64(account), key)
}

// ForgetKeys removes idempotency rows whose time has passed, at most limit, and
// tells how many.
func (t *Tx) ForgetKeys(ctx context.Context, at int64, limit int) (int, error) {
	return t.ExecCount(ctx, `DELETE FROM idempotency WHERE (account_id, key) IN
		(SELECT account_id, key FROM idempotency WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`, at, int64(limit))
}

// Unclaim removes the row of a call whose answer says to try again.
func (t *Tx) Unclaim(ctx context.Context, account sms.ID, key string) error {
	return t.Exec(ctx, "DELETE FROM idempotency WHERE account_id = ? AND key = ?", int64(account), key)
}
