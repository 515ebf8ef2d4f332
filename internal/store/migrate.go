package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/zhunxin/zhunxin/internal/store/lite"
)

//go:embed migration/*.sql
var migrations embed.FS

// The migrations are written once, in SQLite's types.
var toPostgres = []struct {
	re *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`--[^\n]*`), ""},
	{regexp.MustCompile(`\bINTEGER\b`), "BIGINT"},
	{regexp.MustCompile(`\bBLOB\b`), "BYTEA"},
	{regexp.MustCompile(`\)\s*STRICT,\s*WITHOUT ROWID;`), ");"},
	{regexp.MustCompile(`\)\s*STRICT;`), ");"},
}

func translate(d Dialect, script string) string {
	if d == SQLite {
		return script
	}
	for _, r := range toPostgres {
		script = r.re.ReplaceAllString(script, r.by)
	}
	return script
}

// scriptNames lists the scripts, which are numbered from 1.
func scriptNames(scripts fs.FS) ([]string, error) { return fs.Glob(scripts, "migration/*.sql") }

func migrationList(d Dialect, scripts fs.FS) ([]*goose.Migration, error) {
	names, err := scriptNames(scripts)
	if err != nil {
		return nil, err
	}
	list := make([]*goose.Migration, 0, len(names))
	for _, name := range names {
		number, _, ok := strings.Cut(path.Base(name), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || !ok {
			return nil, fmt.Errorf("migration %s does not begin with a number and _", name)
		}
		script, err := fs.ReadFile(scripts, name)
		if err != nil {
			return nil, err
		}
		text := translate(d, string(script))
		list = append(list, goose.NewGoMigration(version, &goose.GoFunc{
			RunTx: func(ctx context.Context, tx *sql.Tx) error {
				if _, err := tx.ExecContext(ctx, text); err != nil {
					return err
				}
				_, err := tx.ExecContext(ctx, d.text("INSERT INTO setting(name, value) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value"),
					settingSchema, fingerprint(scripts, version))
				return err
			},
		}, nil))
	}
	return list, nil
}

// migrate brings the schema up to date, each step in a transaction of its own.
// before runs once, when there is something to do on a database in use.
func migrate(ctx context.Context, db *sql.DB, d Dialect, scripts fs.FS, before func(from int64) error) error {
	list, err := migrationList(d, scripts)
	if err != nil {
		return err
	}
	kind := goose.DialectSQLite3
	if d == Postgres {
		kind = goose.DialectPostgres
	}
	p, err := goose.NewProvider(kind, db, nil, goose.WithGoMigrations(list...), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	current, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	newest := list[len(list)-1].Version
	if current > newest {
		return fmt.Errorf("the database has schema %d and this program knows %d: run the newer program, or restore the copy made before the upgrade", current, newest)
	}
	if current > 0 { // not a new one
		if err := sameSchema(ctx, db, d, scripts, current); err != nil || current == newest {
			return err
		}
	}
	if current > 0 && before != nil {
		if err := before(current); err != nil {
			return fmt.Errorf("copy the database before the upgrade: %w; the database is as it was", err)
		}
	}
	if _, err := p.Up(ctx); err != nil {
		err = fmt.Errorf("upgrade the schema from %d to %d: %w", current, newest, err)
		if at, unknown := p.GetDBVersion(ctx); unknown == nil && current > 0 {
			err = fmt.Errorf("%w; the failed step left nothing and the database has schema %d: mend the cause and start again, or run the program of that schema", err, at)
		}
		return err
	}
	return nil
}

// settingSchema is the fingerprint of the scripts that made the schema.
const settingSchema = "schema"

func fingerprint(scripts fs.FS, upto int64) string {
	h := sha256.New()
	names, _ := scriptNames(scripts)    // the pattern is a good one
	for _, name := range names[:upto] { // in order
		script, _ := fs.ReadFile(scripts, name) // it is part of the program
		h.Write(script)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// sameSchema refuses a database of the right version that other scripts made: a build
// between releases had them, and every call would fail.
func sameSchema(ctx context.Context, db *sql.DB, d Dialect, scripts fs.FS, version int64) error {
	var made string
	err := db.QueryRowContext(ctx, d.text("SELECT value FROM setting WHERE name = ?"), settingSchema).Scan(&made)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read which scripts made the schema: %w", err)
	}
	if made != fingerprint(scripts, version) {
		return errors.New("the database was made by a build between releases, whose schema of the same number is another one: use that build, or begin with a new database")
	}
	return nil
}

// copyBefore keeps a copy of the file as it was, beside it.
func copyBefore(ctx context.Context, db *sql.DB, file string) func(int64) error {
	return func(from int64) error {
		name := fmt.Sprintf("%s.before-%d", file, from)
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return vacuumInto(ctx, db, name)
	}
}

// vacuumInto writes a copy into a file of its own.
func vacuumInto(ctx context.Context, db *sql.DB, file string) error {
	if err := createPrivate(file); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, "VACUUM INTO ?", file)
	return err
}

// createPrivate makes an empty file for its owner alone, which SQLite then takes for its own.
func createPrivate(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// private keeps a database from others, whatever the umask: SQLite gives the files beside it
// the mode that it has. Earlier versions did not. It opens no file that is there, because to
// close one drops the locks of every connection of this process on it.
func private(path string) error {
	if err := createPrivate(path); !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, end := range []string{"", "-wal", "-shm"} {
		switch info, err := os.Stat(path + end); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case info.Mode().Perm()&0o077 != 0:
			if err := os.Chmod(path+end, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// CopyTo writes a consistent copy of the SQLite file while it is in use.
func (d *DB) CopyTo(ctx context.Context, file string) error {
	if d.dialect != SQLite {
		return errors.New("only an SQLite database is one file; back PostgreSQL up with its own tools")
	}
	// A connection of its own: the writer's must not wait for the copy, and the
	// readers' can't write, not even another file.
	db := sql.OpenDB(lite.Connector{Path: d.path, Pragmas: []string{"busy_timeout(10000)"}})
	err := vacuumInto(ctx, db, file)
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	return nil
}

// Whole checks the SQLite file's own structure.
func (d *DB) Whole(ctx context.Context) error {
	if d.dialect != SQLite {
		return nil
	}
	var verdict string
	if err := d.read.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("check the database: %w", err)
	}
	if verdict != "ok" {
		return fmt.Errorf("the database file is damaged: %s", verdict)
	}
	return nil
}

// postgresMigrationLock keeps two nodes from upgrading at once.
const postgresMigrationLock = 0x5a48554e58494e

func migratePostgres(ctx context.Context, db *sql.DB) error {
	defer db.Close() //nolint:errcheck // nothing is open on it any more
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close() //nolint:errcheck // the lock is gone, or goes with it
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(postgresMigrationLock)); err != nil {
		return fmt.Errorf("wait for another node's upgrade: %w", err)
	}
	err = migrate(ctx, db, Postgres, migrations, nil)
	_, unlock := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(postgresMigrationLock))
	return errors.Join(err, unlock)
}
