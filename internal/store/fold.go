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
	foldLook  = 200 * time.Millisecond
	foldRows  = 250_000     // changed since the last time: some hundred megabytes of log
	foldAfter = time.Minute // or so long after a change
	foldRest  = 1000        // frames that may be left to the writer's turn
	foldTries = 8
)

// fold keeps the log short until ctx ends.
func (d *DB) fold(ctx context.Context) {
	tick := time.NewTicker(foldLook)
	defer tick.Stop()
	folded, last := int64(0), time.Now()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		rows := d.Rows()
		if rows-folded < foldRows && (rows == folded || time.Since(last) < foldAfter) {
			continue
		}
		if err := d.foldOnce(ctx); err != nil && ctx.Err() == nil {
			d.foldFailures.Add(1)
		}
		folded, last = rows, time.Now()
	}
}

// foldOnce folds what is there, then what came meanwhile, until so little is left that
// the writer can wait for it: the log begins anew only when all of it is folded.
func (d *DB) foldOnce(ctx context.Context) error {
	for range foldTries {
		var busy, log, done int
		if err := d.folder.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &log, &done); err != nil {
			return fmt.Errorf("fold the log: %w", err)
		}
		if log-done < foldRest {
			break
		}
	}
	if err := d.turns.take(ctx, TurnSequencer); err != nil {
		return err
	}
	defer d.turns.give()
	var busy, log, done int
	err := d.folder.QueryRowContext(context.WithoutCancel(ctx), "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &log, &done)
	if err != nil {
		return fmt.Errorf("fold the rest of the log: %w", err)
	}
	if log != done {
		return errors.New("a reader holds the log")
	}
	return nil
}

// FoldFailures counts how often the log could not be folded whole; it is tried again.
func (d *DB) FoldFailures() int64 { return d.foldFailures.Load() }
