package store

import (
	"context"
	"database/sql"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/sms"
)

const importColumns = "id, group_id, party_id, wording_id, method, source, claims, declarant, declaration, key_id, staff_id, seed, state, columns, file_hash, lines, good, bad, activated, repeated, chunks, done, whole, why, claim, phase_at, created_at"

// InsertImport stores a new list of consents.
func (t *Tx) InsertImport(ctx context.Context, l consent.List) error {
	return t.Exec(ctx, "INSERT INTO consent_import("+importColumns+", claimed_until) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,0)",
		int64(l.ID), int64(l.GroupID), int64(l.PartyID), int64(l.WordingID), l.Method, l.Source, l.Claims, l.Declarant, l.Declaration, int64(l.KeyID), int64(l.StaffID), l.Seed, l.State,
		l.Columns, l.FileHash[:], int64(l.Lines), int64(l.Good), int64(l.Bad), int64(l.Activated), int64(l.Repeated), int64(l.Chunks), int64(l.Done), flag(l.Whole), l.Why,
		l.Claim, l.PhaseAt, l.CreatedAt)
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// SaveImport stores how far a list has come, if it is still in a state; false means that it
// is not. Another state is anybody's to work on.
func (t *Tx) SaveImport(ctx context.Context, l consent.List, from string) (bool, error) {
	n, err := t.ExecCount(ctx, `UPDATE consent_import SET state = ?, columns = ?, file_hash = ?, lines = ?, good = ?, bad = ?, activated = ?, repeated = ?, chunks = ?, done = ?,
		whole = ?, why = ?, phase_at = ?, claimed_until = CASE WHEN state = ? THEN claimed_until ELSE 0 END WHERE id = ? AND state = ?`, l.State, l.Columns, l.FileHash[:], int64(l.Lines), int64(l.Good), int64(l.Bad), int64(l.Activated),
		int64(l.Repeated), int64(l.Chunks), int64(l.Done), flag(l.Whole), l.Why, l.PhaseAt, l.State, int64(l.ID), from)
	return n == 1, err
}

// Import reads one, nil when there is none.
func (t *Tx) Import(ctx context.Context, id sms.ID) (*consent.List, error) {
	list, err := t.imports(ctx, "WHERE id = ?", int64(id))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// ImportsOf lists the newest of a content provider group.
func (t *Tx) ImportsOf(ctx context.Context, group sms.ID) ([]consent.List, error) {
	return t.imports(ctx, "WHERE group_id = ? ORDER BY id DESC LIMIT 100", int64(group))
}

// ImportsIn lists the oldest in a state.
func (t *Tx) ImportsIn(ctx context.Context, state string) ([]consent.List, error) {
	return t.imports(ctx, "WHERE state = ? ORDER BY id LIMIT 100", state)
}

func (t *Tx) imports(ctx context.Context, tail string, args ...any) ([]consent.List, error) {
	var out []consent.List
	err := t.Query(ctx, "SELECT "+importColumns+" FROM consent_import "+tail, args, func(r *sql.Rows) error {
		var l consent.List
		var hash []byte
		var whole int64
		err := r.Scan(&l.ID, &l.GroupID, &l.PartyID, &l.WordingID, &l.Method, &l.Source, &l.Claims, &l.Declarant, &l.Declaration, &l.KeyID, &l.StaffID, &l.Seed, &l.State, &l.Columns, &hash,
			&l.Lines, &l.Good, &l.Bad, &l.Activated, &l.Repeated, &l.Chunks, &l.Done, &whole, &l.Why, &l.Claim, &l.PhaseAt, &l.CreatedAt)
		copy(l.FileHash[:], hash)
		l.Whole = whole != 0
		out = append(out, l)
		return err
	})
	return out, err
}

// ImportsToEmpty lists those that came to nothing and whose lines are still there.
func (t *Tx) ImportsToEmpty(ctx context.Context) ([]consent.List, error) {
	return t.imports(ctx, "WHERE state IN ('rejected', 'stopped') AND done < chunks ORDER BY id LIMIT 10")
}

// ImportsDue lists those that a node may work on now.
func (t *Tx) ImportsDue(ctx context.Context, at int64) (ids []sms.ID, err error) {
	err = t.Query(ctx, "SELECT id FROM consent_import WHERE state IN ('checking', 'selecting', 'activating') AND claimed_until <= ? ORDER BY id", []any{at}, func(r *sql.Rows) error {
		var id sms.ID
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// ClaimImport gives a list to a node until a moment, if nobody has it at another one or the
// node has it already.
func (t *Tx) ClaimImport(ctx context.Context, id sms.ID, claim, at, until int64) (bool, error) {
	n, err := t.ExecCount(ctx, "UPDATE consent_import SET claim = ?, claimed_until = ? WHERE id = ? AND state IN ('checking', 'selecting', 'activating') AND (claim = ? OR claimed_until <= ?)",
		claim, until, int64(id), claim, at)
	return n == 1, err
}

// PutListChunk stores some lines of a list.
func (t *Tx) PutListChunk(ctx context.Context, id sms.ID, c consent.Chunk) error {
	return t.Exec(ctx, `INSERT INTO consent_import_chunk(import_id, no, first_line, good, content) VALUES (?,?,?,0,?)
		ON CONFLICT(import_id, no) DO UPDATE SET first_line = excluded.first_line, content = excluded.content`, int64(id), int64(c.No), int64(c.First), c.Content)
}

// ListChunk reads some lines of a list.
func (t *Tx) ListChunk(ctx context.Context, id sms.ID, no int) (c consent.Chunk, err error) {
	err = t.One(ctx, "SELECT no, first_line, good, content FROM consent_import_chunk WHERE import_id = ? AND no = ?", []any{int64(id), int64(no)}, &c.No, &c.First, &c.Good, &c.Content)
	return c, err
}

// ChunkGoods are how many good rows each chunk of a list has.
func (t *Tx) ChunkGoods(ctx context.Context, id sms.ID) (out []int, err error) {
	err = t.Query(ctx, "SELECT good FROM consent_import_chunk WHERE import_id = ? ORDER BY no", []any{int64(id)}, func(r *sql.Rows) error {
		var n int
		err := r.Scan(&n)
		out = append(out, n)
		return err
	})
	return out, err
}

// SetChunkGood stores how many good rows a chunk has.
func (t *Tx) SetChunkGood(ctx context.Context, id sms.ID, no, good int) error {
	return t.Exec(ctx, "UPDATE consent_import_chunk SET good = ? WHERE import_id = ? AND no = ?", int64(good), int64(id), int64(no))
}

// EmptyChunks destroys the lines of chunks from one on, and tells of how many.
func (t *Tx) EmptyChunks(ctx context.Context, id sms.ID, from, limit int) (int, error) {
	return t.ExecCount(ctx, "UPDATE consent_import_chunk SET content = ? WHERE import_id = ? AND no >= ? AND no < ?", []byte{}, int64(id), int64(from), int64(from+limit))
}

// InsertFaults stores rows that can't become consents.
func (t *Tx) InsertFaults(ctx context.Context, id sms.ID, list []consent.Fault) error {
	args := make([]any, 0, len(list)*4)
	for _, f := range list {
		args = append(args, int64(id), int64(f.Line), f.Code, f.Number)
	}
	return t.insert(ctx, "INSERT INTO consent_import_fault(import_id, line, code, number) VALUES ", 4, "", args)
}

// Faults lists them behind a line.
func (t *Tx) Faults(ctx context.Context, id sms.ID, after, limit int) (out []consent.Fault, err error) {
	err = t.Query(ctx, "SELECT line, code, number FROM consent_import_fault WHERE import_id = ? AND line > ? ORDER BY line LIMIT ?", []any{int64(id), int64(after), int64(limit)}, func(r *sql.Rows) error {
		var f consent.Fault
		err := r.Scan(&f.Line, &f.Code, &f.Number)
		out = append(out, f)
		return err
	})
	return out, err
}

// InsertSample stores which rows a reviewer judges; those that are judged already stay so.
func (t *Tx) InsertSample(ctx context.Context, id sms.ID, lines []int) error {
	args := make([]any, 0, len(lines)*6)
	for _, n := range lines {
		args = append(args, int64(id), int64(n), "", "", int64(0), int64(0))
	}
	return t.insert(ctx, "INSERT INTO consent_import_sample(import_id, line, state, reason, by_staff, at) VALUES ", 6, " ON CONFLICT DO NOTHING", args)
}

// Sample lists rows of the sample behind a line.
func (t *Tx) Sample(ctx context.Context, id sms.ID, after, limit int) (out []consent.Sampled, err error) {
	err = t.Query(ctx, "SELECT line, state, reason, by_staff, at FROM consent_import_sample WHERE import_id = ? AND line > ? ORDER BY line LIMIT ?",
		[]any{int64(id), int64(after), int64(limit)}, func(r *sql.Rows) error {
			var s consent.Sampled
			err := r.Scan(&s.Line, &s.State, &s.Reason, &s.ByStaff, &s.At)
			out = append(out, s)
			return err
		})
	return out, err
}

// JudgeSample stores what a reviewer found; false means that the row is not in the sample, or
// was judged.
func (t *Tx) JudgeSample(ctx context.Context, id sms.ID, s consent.Sampled) (bool, error) {
	n, err := t.ExecCount(ctx, "UPDATE consent_import_sample SET state = ?, reason = ?, by_staff = ?, at = ? WHERE import_id = ? AND line = ? AND state = ''",
		s.State, s.Reason, int64(s.ByStaff), s.At, int64(id), int64(s.Line))
	return n == 1, err
}

// CountSample counts a sample.
func (t *Tx) CountSample(ctx context.Context, id sms.ID) (n consent.Judged, err error) {
	err = t.One(ctx, "SELECT COUNT(*), COALESCE(SUM(CASE WHEN state <> '' THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN state = 'failed' THEN 1 ELSE 0 END), 0) FROM consent_import_sample WHERE import_id = ?",
		[]any{int64(id)}, &n.Sampled, &n.Judged, &n.Failed)
	return n, err
}
