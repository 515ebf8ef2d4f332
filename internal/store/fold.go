package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Folding SQLite's log into the file. SQLite would do it inside a commit, which then
// takes the better part of a second; here it happens beside the writer, on the
// second core.
const (
	foldLook   = 200 * time.Millisecond
	passRows   = 20_000      // changed since the last pass
	foldRows   = 100_000     // changed since the log began: some hundred megabytes of it
	foldAfter  = time.Minute // or so long after a change
	foldPasses = 2           // beside the writer, before the last one in its turn

	flushPiece = 1 << 20                // bytes written out at once at the least
	flushMost  = 1 << 14                // pieces of a file
	flushFree  = 100 * time.Microsecond // nothing of the piece was changed
	flushPause = 2                      // times as long as it took
)

// fold keeps the log short until ctx ends. Its passes are many and short: one holds a core,
// which everything else then lacks.
func (d *DB) fold(ctx context.Context) {
	tick := time.NewTicker(foldLook)
	defer tick.Stop()
	folded, passed, last := int64(0), int64(0), time.Now()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if d.Failed() != nil {
			return // what is read of the log need not be what was written
		}
		rows := d.Rows()
		whole := rows-folded >= foldRows || rows != folded && time.Since(last) >= foldAfter
		var err error
		switch {
		case whole:
			err = d.foldOnce(ctx)
			folded, passed, last = rows, rows, time.Now()
		case rows-passed >= passRows:
			err = d.beside(ctx)
			passed = rows
		}
		if err != nil && ctx.Err() == nil {
			d.foldFailures.Add(1)
		}
	}
}

// beside folds what is there, beside the writer, and syncs it.
func (d *DB) beside(ctx context.Context) error {
	if _, err := d.pass(ctx); err != nil {
		return err
	}
	if err := d.flushSlowly(ctx); err != nil {
		return fmt.Errorf("sync the database's file: %w", err)
	}
	return nil
}

// foldOnce folds what is there and then what came meanwhile, beside the writer; the
// little that is left, in the writer's turn, for the log begins anew only when all of it
// is folded. SQLite syncs the file only at that moment, which would hold the writer up:
// so most of it is synced before.
func (d *DB) foldOnce(ctx context.Context) error {
	for range foldPasses {
		if err := d.beside(ctx); err != nil {
			return err
		}
	}
	if err := d.turns.take(ctx, TurnIndex); err != nil {
		return err
	}
	defer d.turns.give()
	whole, err := d.pass(context.WithoutCancel(ctx))
	if err == nil && !whole {
		err = errors.New("a reader holds the log")
	}
	return err
}

// flushSlowly syncs the file. What is changed goes to the disk piece by piece, with pauses:
// when it all goes at once, the commits' own syncs wait behind it, ten times as long as else.
func (d *DB) flushSlowly(ctx context.Context) error {
	info, err := d.file.Stat()
	if err != nil {
		return err
	}
	piece := max(flushPiece, info.Size()/flushMost)
	for at := int64(0); at < info.Size(); at += piece {
		began := time.Now()
		if err := flush(d.file, at, piece); err != nil {
			return err
		}
		took := time.Since(began)
		if took < flushFree {
			continue
		}
		select {
		case <-time.After(flushPause * took):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return d.file.Sync()
}

// pass folds what the log holds now, and tells whether that was all.
func (d *DB) pass(ctx context.Context) (whole bool, err error) {
	var busy, log, done int
	if err := d.folder.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &log, &done); err != nil {
		return false, fmt.Errorf("fold the log: %w", err)
	}
	return log == done, nil
}

// FoldFailures counts how often the log could not be folded whole; it is tried again.
func (d *DB) FoldFailures() int64 { return d.foldFailures.Load() }
