package store_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/store"
)

// What SQLite's process knows of the generation is what the file has, whatever transactions
// move it and fail.
func TestGenerationIsKnown(t *testing.T) {
	t.Parallel()
	db, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "zhunxin.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	broken := errors.New("broken")
	rapid.Check(t, func(t *rapid.T) {
		moves, fails := rapid.IntRange(0, 3).Draw(t, "moves"), rapid.Bool().Draw(t, "fails")
		err := db.Write(context.Background(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
			for range moves {
				if err := tx.MoveGeneration(ctx); err != nil {
					return err
				}
			}
			if fails {
				return broken
			}
			return nil
		})
		if fails != errors.Is(err, broken) {
			t.Fatal(err)
		}
		var stored int64
		err = db.Read(context.Background(), func(ctx context.Context, tx *store.Tx) (err error) {
			stored, err = tx.Generation(ctx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if known, ok := db.Generation(); !ok || known != stored {
			t.Fatalf("known is %d (%v), stored %d", known, ok, stored)
		}
	})
}
