package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// held opens a store whose syncs wait to be let go, with what each should return.
func held(t *testing.T) (db *DB, began chan struct{}, let chan error) {
	t.Helper()
	db, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "a.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	began, let = make(chan struct{}), make(chan error)
	real := db.syncs.sync
	db.syncs.sync = func(f *os.File) error {
		began <- struct{}{}
		if err := <-let; err != nil {
			return err
		}
		return real(f)
	}
	return db, began, let
}

// put writes a setting, says by done that the transaction has run, and by the result what
// Write returned. told counts what ran after a commit.
func put(db *DB, class Turn, name string, told *atomic.Int64) (ran chan struct{}, result chan error) {
	ran, result = make(chan struct{}), make(chan error, 1)
	go func() {
		result <- db.Write(context.Background(), class, func(ctx context.Context, tx *Tx) error {
			defer close(ran)
			tx.AfterCommit(func() { told.Add(1) })
			return tx.PutSetting(ctx, name, "1")
		})
	}()
	return ran, result
}

// begins waits for a sync to begin, and not for a transaction that returns without one.
func begins(t *testing.T, began chan struct{}, result chan error) {
	t.Helper()
	select {
	case <-began:
	case err := <-result:
		t.Fatalf("the transaction returned before its sync, with %v", err)
	}
}

// P2: a commit is told after a sync that began when it was in the log. Others commit
// meanwhile, and all of them share the next sync; what publishes what it wrote does not wait
// for it, nor leave its own to anybody.
func TestNobodyIsToldBeforeTheSync(t *testing.T) {
	db, began, let := held(t)
	var told atomic.Int64
	_, first := put(db, TurnGate, "first", &told)
	begins(t, began, first)
	var later []chan error
	for i, class := range []Turn{TurnGate, TurnSubmit, TurnReport} {
		ran, result := put(db, class, fmt.Sprint("later", i), &told)
		<-ran
		later = append(later, result)
	}
	var published atomic.Int64
	for _, class := range []Turn{TurnOptOut, TurnIndex, TurnSequencer, TurnBackground} {
		_, result := put(db, class, "published"+class.String(), &published)
		if err := <-result; err != nil {
			t.Error(err)
		}
	}
	if told.Load() != 0 || published.Load() != 4 {
		t.Errorf("%d were told before the sync, %d of those that sync by themselves", told.Load(), published.Load())
	}
	let <- nil
	if err := <-first; err != nil {
		t.Error(err)
	}
	begins(t, began, later[0]) // for the three: the first sync may not have seen them
	if told.Load() != 1 {
		t.Errorf("%d were told after the first sync", told.Load())
	}
	let <- nil
	for _, result := range later {
		if err := <-result; err != nil {
			t.Error(err)
		}
	}
	if told.Load() != 4 {
		t.Errorf("%d were told", told.Load())
	}
	empty := db.Write(t.Context(), TurnGate, func(context.Context, *Tx) error { return nil })
	if empty != nil { // it needs no sync, or it would wait here
		t.Error(empty)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// After a sync that failed nobody knows what is on the disk: nothing is told and nothing
// more is written, until the file is opened anew.
func TestFailedSyncEndsTheWriting(t *testing.T) {
	db, began, let := held(t)
	var told atomic.Int64
	_, first := put(db, TurnGate, "first", &told)
	begins(t, began, first)
	ran, second := put(db, TurnReport, "second", &told)
	<-ran
	bad := errors.New("the disk is gone")
	let <- bad
	for _, result := range []chan error{first, second} {
		if err := <-result; !errors.Is(err, bad) || !strings.Contains(err.Error(), "restart") {
			t.Errorf("%v", err)
		}
	}
	for class := range numTurns {
		err := db.Write(t.Context(), class, func(context.Context, *Tx) error {
			t.Errorf("a transaction of class %s began", class)
			return nil
		})
		if !errors.Is(err, bad) {
			t.Errorf("class %s: %v", class, err)
		}
	}
	if told.Load() != 0 {
		t.Errorf("%d were told", told.Load())
	}
	if err := db.Close(); !errors.Is(err, bad) {
		t.Errorf("closed with %v", err)
	}
	again, err := OpenSQLite(t.Context(), db.path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, result := put(again, TurnGate, "first", &told); <-result != nil || told.Load() != 1 {
		t.Errorf("%d told after it was opened anew", told.Load())
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
