package store_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
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
		if err != nil || n != 2 { // and the schema's fingerprint
			t.Fatalf("%d rows, %v", n, err)
		}
	})
}

// A transaction that panics leaves nothing, and the writer to the next.
func TestPanicLeavesTheWriterFree(t *testing.T) {
	t.Parallel()
	storetest.Both(t, time.Now, func(t *testing.T, db *store.DB) {
		func() {
			defer func() { _ = recover() }()
			_ = db.Write(t.Context(), store.TurnGate, func(ctx context.Context, tx *store.Tx) error {
				if err := tx.PutSetting(ctx, "a", "1"); err != nil {
					return err
				}
				panic("a bug")
			})
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := db.Write(ctx, store.TurnGate, func(ctx context.Context, tx *store.Tx) error {
			v, err := tx.Setting(ctx, "a")
			if err == nil && v != "" {
				err = errStop
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// A database that another build made, with another schema of the same number, is
// refused at the start: its every call would fail.
func TestSchemaOfAnotherBuildIsRefused(t *testing.T) {
	t.Parallel()
	lite, dsn := filepath.Join(t.TempDir(), "x.db"), storetest.DSN(t)
	for name, open := range map[string]func() (*store.DB, error){
		"sqlite":   func() (*store.DB, error) { return store.OpenSQLite(t.Context(), lite, time.Now) },
		"postgres": func() (*store.DB, error) { return store.OpenPostgres(t.Context(), dsn, 2, time.Now) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, made := range []string{"", "another"} {
				db, err := open()
				if made == "" && err != nil {
					t.Fatal(err)
				}
				if made != "" {
					if err == nil || !strings.Contains(err.Error(), "between releases") {
						t.Fatalf("opened: %v", err)
					}
					return
				}
				err = db.Write(t.Context(), store.TurnGate, func(ctx context.Context, tx *store.Tx) error { return tx.PutSetting(ctx, "schema", "another") })
				if err := errors.Join(err, db.Close()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
