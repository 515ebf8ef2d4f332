package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// PutSegmentTable stores a table of number segments in the place of any other, and moves the
// generation.
func (t *Tx) PutSegmentTable(ctx context.Context, id sms.ID, at int64, data []byte) error {
	if err := t.Exec(ctx, "DELETE FROM segment_table"); err != nil {
		return err
	}
	if err := t.Exec(ctx, "INSERT INTO segment_table(id, at, data) VALUES (?, ?, ?)", int64(id), at, data); err != nil {
		return fmt.Errorf("store the table of number segments: %w", err)
	}
	return t.MoveGeneration(ctx)
}

// DropSegmentTable goes back to the program's own.
func (t *Tx) DropSegmentTable(ctx context.Context) error {
	if err := t.Exec(ctx, "DELETE FROM segment_table"); err != nil {
		return err
	}
	return t.MoveGeneration(ctx)
}

// SegmentTable reads the stored table.
func (t *Tx) SegmentTable(ctx context.Context) (data []byte, err error) {
	if err = t.One(ctx, "SELECT data FROM segment_table", nil, &data); err != nil {
		err = fmt.Errorf("read the table of number segments: %w", err)
	}
	return data, err
}

// segmentTable is the id of the stored table, 0 when there is none.
func (t *Tx) segmentTable(ctx context.Context) (id sms.ID, err error) {
	err = t.One(ctx, "SELECT id FROM segment_table", nil, &id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}
