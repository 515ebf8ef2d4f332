package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// withSecond is the program's scripts and one more.
func withSecond(t *testing.T, second string) fs.FS {
	t.Helper()
	names, err := scriptNames(migrations)
	if err != nil || len(names) != 1 {
		t.Fatalf("%v, %v: this test adds a second script to the first one", names, err)
	}
	first, err := fs.ReadFile(migrations, names[0])
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{names[0]: {Data: first}, "migration/0002_more.sql": {Data: []byte(second)}}
}

// opened is what a database says of itself: a setting, and how many columns that table has.
func opened(t *testing.T, path string, scripts fs.FS) (kept string, columns int) {
	t.Helper()
	db, err := openSQLite(t.Context(), path, time.Now, scripts)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Read(t.Context(), func(ctx context.Context, tx *Tx) (err error) {
		if kept, err = tx.Setting(ctx, "kept"); err != nil {
			return err
		}
		return tx.One(ctx, "SELECT COUNT(*) FROM pragma_table_info('setting')", nil, &columns)
	})
	if err := errors.Join(err, db.Whole(t.Context()), db.Close()); err != nil {
		t.Fatal(err)
	}
	return kept, columns
}

func inUse(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "zhunxin.db")
	db, err := OpenSQLite(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Write(t.Context(), TurnBackground, func(ctx context.Context, tx *Tx) error { return tx.PutSetting(ctx, "kept", "yes") })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// An upgrade keeps a copy of the database as it was, which the program of before opens.
func TestUpgradeKeepsACopyOfBefore(t *testing.T) {
	t.Parallel()
	path := inUse(t)
	copied := path + ".before-1"
	if err := os.WriteFile(copied, []byte("of an attempt that was cut short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if kept, columns := opened(t, path, withSecond(t, "ALTER TABLE setting ADD COLUMN more TEXT;\nUPDATE setting SET more = 'x', value = 'changed' WHERE name = 'kept';")); kept != "changed" || columns != 3 {
		t.Errorf("upgraded: %q, %d columns", kept, columns)
	}
	info, err := os.Stat(copied)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if kept, columns := opened(t, copied, migrations); kept != "yes" || columns != 2 {
		t.Errorf("the copy: %q, %d columns", kept, columns)
	}
	if _, err := OpenSQLite(t.Context(), path, time.Now); err == nil || !strings.Contains(err.Error(), "has schema 2 and this program knows 1") {
		t.Errorf("the program of before on the new schema: %v", err)
	}
	// What is up to date is not copied again.
	if err := os.Remove(copied); err != nil {
		t.Fatal(err)
	}
	opened(t, path, withSecond(t, "ALTER TABLE setting ADD COLUMN more TEXT;\nUPDATE setting SET more = 'x', value = 'changed' WHERE name = 'kept';"))
	if list, err := filepath.Glob(path + ".before-*"); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// An upgrade that fails in its middle leaves the database as it was, and says so.
func TestFailedUpgradeLeavesTheDatabase(t *testing.T) {
	t.Parallel()
	path := inUse(t)
	_, err := openSQLite(t.Context(), path, time.Now, withSecond(t, "ALTER TABLE setting ADD COLUMN more TEXT;\nUPDATE setting SET value = 'changed';\nINSERT INTO nowhere VALUES (1);"))
	if err == nil {
		t.Fatal("it was opened")
	}
	for _, want := range []string{path, "from 1 to 2", "nowhere", "the failed step left nothing and the database has schema 1"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	for _, file := range []string{path, path + ".before-1"} {
		if kept, columns := opened(t, file, migrations); kept != "yes" || columns != 2 {
			t.Errorf("%s: %q, %d columns", file, kept, columns)
		}
	}
}

// Nobody but the owner reads the database, its log or a copy, nor one that an earlier
// version made for all to read.
func TestDatabaseIsTheOwnersAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "zhunxin.db")
	for round := range 2 {
		db, err := OpenSQLite(t.Context(), path, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Write(t.Context(), TurnBackground, func(ctx context.Context, tx *Tx) error { return tx.PutSetting(ctx, "kept", "yes") })
		if err := errors.Join(err, db.CopyTo(t.Context(), path+".copy")); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, path + "-wal", path + "-shm", path + ".copy"} {
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("round %d: %s: %v, %v", round, name, info, err)
			}
		}
		if err := errors.Join(db.Close(), os.Remove(path+".copy"), os.Chmod(path, 0o644)); err != nil { //nolint:gosec // as SQLite would have made it
			t.Fatal(err)
		}
	}
}
