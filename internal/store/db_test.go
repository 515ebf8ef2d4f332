package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

var errStop = errors.New("stop")

func TestWriteCommitsOrLeavesNothing(t *testing.T) {
	t.Parallel()
	storetest.Both(t, time.Now, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		set := func(v string, end error) error {
			return db.Write(ctx, store.TurnGate, func(ctx context.Context, tx *store.Tx) error {
				if err := tx.Exec(ctx, "INSERT INTO setting(name, value) VALUES (?, ?)", v, v); err != nil {
					return err
				}
				return end
			})
		}
		if err := set("a", nil); err != nil {
			t.Fatal(err)
		}
		if err := set("b", errStop); !errors.Is(err, errStop) {
			t.Fatalf("got %v", err)
		}
		if err := set("a", nil); !store.Conflict(err) {
			t.Fatalf("a second row under one key: %v", err)
		}
		n := 0
		err := db.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
			return tx.One(ctx, "SELECT COUNT(*) FROM setting", nil, &n)
		})
		if err != nil || n != 1 {
			t.Fatalf("%d rows, %v", n, err)
		}
	})
}
