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

func migrationList(d Dialect) ([]*goose.Migration, error) {
	names, err := fs.Glob(migrations, "migration/*.sql")
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
		script, err := migrations.ReadFile(name)
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
					settingSchema, fingerprint(version))
				return err
			},
		}, nil))
	}
	return list, nil
}

// migrate brings the schema up to date, each step in a transaction of its own.
// before runs once, when there is something to do on a database in use.
func migrate(ctx context.Context, db *sql.DB, d Dialect, before func(from int64) error) error {
	list, err := migrationList(d)
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
		if err := sameSchema(ctx, db, d, current); err != nil || current == newest {
			return err
		}
	}
	if current > 0 && before != nil {
		if err := before(current); err != nil {
			return fmt.Errorf("copy the database before the upgrade: %w", err)
		}
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("upgrade the schema from %d to %d: %w", current, newest, err)
	}
	return nil
}

// settingSchema is the fingerprint of the scripts that made the schema.
const settingSchema = "schema"

func fingerprint(upto int64) string {
	h := sha256.New()
	names, _ := fs.Glob(migrations, "migration/*.sql") // the pattern is a good one
	for _, name := range names[:upto] {                // numbered from 1, in order
		script, _ := migrations.ReadFile(name) // it is part of the program
		h.Write(script)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// sameSchema refuses a database of the right version that other scripts made: a build
// between releases had them, and every call would fail.
func sameSchema(ctx context.Context, db *sql.DB, d Dialect, version int64) error {
	var made string
	err := db.QueryRowContext(ctx, d.text("SELECT value FROM setting WHERE name = ?"), settingSchema).Scan(&made)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read which scripts made the schema: %w", err)
	}
	if made != fingerprint(version) {
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
		_, err := db.ExecContext(ctx, "VACUUM INTO ?", name)
		return err
	}
}

// CopyTo writes a consistent copy of the SQLite file while it is in use.
func (d *DB) CopyTo(ctx context.Context, file string) error {
	if d.dialect != SQLite {
		return errors.New("only an SQLite database is one file; back PostgreSQL up with its own tools")
	}
	// A connection of its own: the writer's must not wait for the copy, and the
	// readers' can't write, not even another file.
	db := sql.OpenDB(lite.Connector{Path: d.path, Pragmas: []string{"busy_timeout(10000)"}})
	_, err := db.ExecContext(ctx, "VACUUM INTO ?", file)
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
	err = migrate(ctx, db, Postgres, nil)
	_, unlock := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(postgresMigrationLock))
	return errors.Join(err, unlock)
}
