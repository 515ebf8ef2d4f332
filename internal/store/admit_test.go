package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
)

// P4: a node that lost its connections while the index key was changed writes nothing
// any more: it would miss every refusal.
func TestNodeOfOldIndexKeyIsNotAdmitted(t *testing.T) {
	ctx, dsn := t.Context(), storetest.DSN(t)
	open := func(f func() (*store.DB, error)) *store.DB {
		db, err := f()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() }) // some are closed before
		return db
	}
	put := func(db *store.DB, name, value string) error {
		return db.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return tx.PutSetting(ctx, name, value) })
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	admin, err := pgx.Connect(ctx, dsn)
	ok(err)
	defer admin.Close(ctx) //nolint:errcheck // the server ends too
	node := open(func() (*store.DB, error) { return store.OpenPostgres(ctx, dsn, 4, nil) })
	ok(put(node, store.SettingIndex, "old"))
	node.RequireIndex("old")
	loseConnections := func() {
		t.Helper()
		_, err := admin.Exec(ctx, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		ok(err)
	}
	refused := func(why string) {
		t.Helper()
		for range 2 { // the first finds that its connection is lost
			err := put(node, "x", "y")
			if err == nil {
				t.Fatalf("it writes; want: key %s", why)
			}
			if strings.Contains(err.Error(), why) {
				return
			}
			t.Log(err)
		}
		t.Fatalf("it does not say: key %s", why)
	}
	if _, err := store.OpenPostgresAlone(ctx, dsn, nil); !errors.Is(err, store.ErrNotAlone) {
		t.Fatalf("alone beside a node: %v", err)
	}
	loseConnections()
	alone := open(func() (*store.DB, error) { return store.OpenPostgresAlone(ctx, dsn, nil) })
	refused("being changed")
	ok(put(alone, store.SettingReindex, "{}"))
	ok(alone.Close())
	loseConnections()
	refused("being changed")
	other := open(func() (*store.DB, error) { return store.OpenPostgres(ctx, dsn, 4, nil) })
	ok(put(other, store.SettingReindex, ""))
	ok(put(other, store.SettingIndex, "new"))
	loseConnections()
	refused("was changed")
	_ = put(other, "x", "y") // finds its connection lost
	ok(put(other, store.SettingIndex, "old"))
	ok(put(node, "x", "y"))
}
