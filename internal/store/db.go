package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
)

// Dialect is the kind of database.
type Dialect int

// The two dialects.
const (
	SQLite Dialect = iota
	Postgres
)

// String names the dialect.
func (d Dialect) String() string {
	if d == Postgres {
		return "postgres"
	}
	return "sqlite"
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	dialect Dialect
	now     func() time.Time
	path    string // of the SQLite file

	write  *sql.DB // SQLite: the one writer; PostgreSQL: the pool
	read   *sql.DB
	folder *sql.DB  // SQLite: folds the log
	rest   func()   // ends that, and what indexes events
	file   *os.File // SQLite: to sync it; closed last, for closing it drops SQLite's locks on it

	lag *lag // SQLite: events that are in no index yet

	foldFailures, indexFailures atomic.Int64

	alone bool                   // PostgreSQL: see OpenPostgresAlone
	index atomic.Pointer[string] // see RequireIndex

	turns   turns
	writer  *sql.Conn    // SQLite: held for life, with its statements
	rows    atomic.Int64 // changed since the start
	timings [numTurns]timing
	stmts   map[string]*sql.Stmt
	dollars sync.Map // PostgreSQL: text with ? → text with $1
}

// Dialect tells which database it is.
func (d *DB) Dialect() Dialect { return d.dialect }

// OpenSQLite opens or creates the file. Every commit is synced before it
// returns (P2): WAL with synchronous=FULL.
func OpenSQLite(ctx context.Context, path string, now func() time.Time) (*DB, error) {
	pragmas := url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)",
		"cache_size(-65536)", "temp_store(MEMORY)", "wal_autocheckpoint(250000)", "journal_size_limit(268435456)", // see fold
	}, "_txlock": {"immediate"}}
	// The file name goes through the URI form so that ? and # in it are names.
	base := "file:" + (&url.URL{Path: path}).EscapedPath() + "?"
	w, err := sql.Open("sqlite", base+pragmas.Encode())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	w.SetMaxOpenConns(1)
	pragmas["_pragma"] = append(pragmas["_pragma"], "query_only(ON)", "cache_size(-8192)")
	r, err := sql.Open("sqlite", base+pragmas.Encode())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), w.Close())
	}
	r.SetMaxOpenConns(4)
	f, err := sql.Open("sqlite", base+url.Values{"_pragma": {"busy_timeout(1000)", "cache_size(-1024)"}}.Encode())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), w.Close(), r.Close())
	}
	f.SetMaxOpenConns(1)
	if err := migrate(ctx, w, SQLite, copyBefore(ctx, w, path)); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), w.Close(), r.Close(), f.Close())
	}
	d := &DB{dialect: SQLite, now: now, path: path, write: w, read: r, folder: f, lag: newLag(), stmts: map[string]*sql.Stmt{}}
	if d.writer, err = w.Conn(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), d.Close())
	}
	if d.file, err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), d.Close())
	}
	living, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { d.fold(living) })
	done.Go(func() { d.catchUp(living) })
	d.rest = func() { stop(); done.Wait() }
	return d, nil
}

// OpenPostgres connects and refuses a server whose commits could be lost or
// whose lock table is too small for a batch.
func OpenPostgres(ctx context.Context, dsn string, conns int, now func() time.Time) (*DB, error) {
	return (&DB{dialect: Postgres, now: now}).connect(ctx, dsn, conns)
}

// OpenPostgresAlone is OpenPostgres for a process that must be the only one, and whose
// transactions come one after the other. It fails with ErrNotAlone beside others.
func OpenPostgresAlone(ctx context.Context, dsn string, now func() time.Time) (*DB, error) {
	return (&DB{dialect: Postgres, now: now, alone: true}).connect(ctx, dsn, 1)
}

func (d *DB) connect(ctx context.Context, dsn string, conns int) (*DB, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("open postgres: %w", err)
	}
	d.write = stdlib.OpenDB(*cfg, stdlib.OptionAfterConnect(d.admit))
	d.read = d.write
	d.write.SetMaxOpenConns(conns)
	d.write.SetMaxIdleConns(conns)
	if err := d.checkServer(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if err := migratePostgres(ctx, stdlib.OpenDB(*cfg)); err != nil { // it takes more connections than one
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// MinLocks is what max_locks_per_transaction must be at the least: a batch
// locks each of its recipients.
const MinLocks = 512

func (d *DB) checkServer(ctx context.Context) error {
	for _, w := range []struct{ name, bad string }{{"fsync", "off"}, {"synchronous_commit", "off"}} {
		var v string
		if err := d.write.QueryRowContext(ctx, "SELECT current_setting($1)", w.name).Scan(&v); err != nil {
			return fmt.Errorf("read the server's %s: %w", w.name, err)
		}
		if v == w.bad {
			return fmt.Errorf("postgres has %s=%s: an accepted message could be lost; set %s=on and restart the server", w.name, v, w.name)
		}
	}
	var locks int
	if err := d.write.QueryRowContext(ctx, "SELECT current_setting('max_locks_per_transaction')::int").Scan(&locks); err != nil {
		return fmt.Errorf("read the server's max_locks_per_transaction: %w", err)
	}
	if locks < MinLocks {
		return fmt.Errorf("postgres has max_locks_per_transaction=%d; set it to %d or more and restart the server", locks, MinLocks)
	}
	return nil
}

// Close releases every connection. On SQLite it first folds the log into the file.
func (d *DB) Close() error {
	var errs []error
	if d.rest != nil {
		d.rest()
	}
	if d.folder != nil {
		errs = append(errs, d.folder.Close())
	}
	for _, s := range d.stmts {
		errs = append(errs, s.Close())
	}
	if d.writer != nil {
		_, err := d.writer.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
		errs = append(errs, err, d.writer.Close())
	}
	if d.read != nil && d.read != d.write {
		errs = append(errs, d.read.Close())
	}
	errs = append(errs, d.write.Close())
	if d.file != nil {
		errs = append(errs, d.file.Close())
	}
	return errors.Join(errs...)
}

// Tx is one transaction, or one read. It is used by one goroutine.
type Tx struct {
	d  *DB
	tx interface {
		ExecContext(context.Context, string, ...any) (sql.Result, error)
		QueryContext(context.Context, string, ...any) (*sql.Rows, error)
		PrepareContext(context.Context, string) (*sql.Stmt, error)
	}
	cached bool // run on the writer's prepared statements
	after  []func()
	end    []func(committed bool)
}

// AfterCommit registers what runs once the transaction is on disk.
func (t *Tx) AfterCommit(f func()) { t.after = append(t.after, f) }

// onEnd registers what runs when it is known whether the transaction was committed, and
// before the next one begins. SQLite only.
func (t *Tx) onEnd(f func(committed bool)) { t.end = append(t.end, f) }

// retries bounds how often a transaction that lost a race is run again.
const retries = 8

// Write runs fn in one transaction and returns once it is on disk. fn may run
// again after a serialization failure or a deadlock (PostgreSQL 40001, 40P01),
// so it must not touch anything but the transaction.
func (d *DB) Write(ctx context.Context, class Turn, fn func(context.Context, *Tx) error) error {
	asked := time.Now()
	began := asked
	defer func() { d.timings[class].add(began.Sub(asked), time.Since(began)) }()
	if d.dialect == SQLite {
		if err := d.turns.take(ctx, class); err != nil {
			return err
		}
		began = time.Now()
		tx := &Tx{d: d, tx: d.writer, cached: true}
		err := func() error {
			defer d.turns.give() // also when fn panics
			return d.writeSQLite(ctx, tx, fn)
		}()
		if err == nil {
			tx.committed()
		}
		return err
	}
	var err error
	for range retries {
		if err = d.writePostgres(ctx, fn); !lostRace(err) {
			return err
		}
	}
	return err
}

func (t *Tx) committed() {
	for _, f := range t.after {
		f()
	}
}

func (d *DB) writeSQLite(ctx context.Context, tx *Tx, fn func(context.Context, *Tx) error) (err error) {
	// A transaction that began is finished even when the caller has gone:
	// cancelling in the middle of a statement would poison the connection.
	ctx = context.WithoutCancel(ctx)
	if err := tx.Exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	done := false
	defer func() {
		for _, f := range tx.end {
			f(done)
		}
		if done {
			return
		}
		if back := tx.Exec(ctx, "ROLLBACK"); back != nil && !strings.Contains(back.Error(), "no transaction is active") {
			err = errors.Join(err, back) // on a full disk SQLite has rolled back by itself
		}
	}()
	if err := fn(ctx, tx); err != nil {
		return err
	}
	if err := tx.Exec(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	done = true
	return nil
}

func (d *DB) writePostgres(ctx context.Context, fn func(context.Context, *Tx) error) (err error) {
	raw, err := d.write.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer raw.Rollback() //nolint:errcheck // after a commit it does nothing
	tx := &Tx{d: d, tx: raw}
	if err := fn(ctx, tx); err != nil {
		return err
	}
	if err := raw.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	tx.committed()
	return nil
}

// Read runs fn on a connection that can't write. Each statement sees the last
// commit; nothing is locked.
func (d *DB) Read(ctx context.Context, fn func(context.Context, *Tx) error) error {
	return fn(ctx, &Tx{d: d, tx: d.read})
}

func lostRace(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// Conflict tells whether the error is a violated unique key.
func Conflict(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23505"
	}
	var lite *sqlite.Error
	// SQLITE_CONSTRAINT_UNIQUE and SQLITE_CONSTRAINT_PRIMARYKEY
	return errors.As(err, &lite) && (lite.Code() == 2067 || lite.Code() == 1555)
}

// OutOfLocks tells whether the server's lock table is full: busy, not broken.
func OutOfLocks(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "53200"
}

// Exec runs a statement with ? placeholders.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) error {
	_, err := t.exec(ctx, query, args)
	return err
}

// ExecCount runs a statement and tells how many rows it changed.
func (t *Tx) ExecCount(ctx context.Context, query string, args ...any) (int, error) {
	res, err := t.exec(ctx, query, args)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}

func (t *Tx) exec(ctx context.Context, query string, args []any) (res sql.Result, err error) {
	if t.cached {
		s, err := t.prepared(ctx, query)
		if err != nil {
			return nil, err
		}
		res, err = s.ExecContext(ctx, args...)
		t.d.count(res, err)
		return res, err
	}
	res, err = t.tx.ExecContext(ctx, t.d.text(query), args...)
	t.d.count(res, err)
	return res, err
}

func (d *DB) count(res sql.Result, err error) {
	if err != nil {
		return
	}
	if n, err := res.RowsAffected(); err == nil && n > 0 {
		d.rows.Add(n)
	}
}

// Rows is how many rows were changed since the start.
func (d *DB) Rows() int64 { return d.rows.Load() }

// Query runs a query with ? placeholders. Every row is scanned by scan.
func (t *Tx) Query(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := t.query(ctx, query, args)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Missing tells whether an error says that a row is not there.
func Missing(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// One scans the only row into dest, or returns sql.ErrNoRows.
func (t *Tx) One(ctx context.Context, query string, args []any, dest ...any) error {
	found := false
	err := t.Query(ctx, query, args, func(r *sql.Rows) error {
		found = true
		return r.Scan(dest...)
	})
	if err == nil && !found {
		err = sql.ErrNoRows
	}
	return err
}

func (t *Tx) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if t.cached {
		s, err := t.prepared(ctx, query)
		if err != nil {
			return nil, err
		}
		return s.QueryContext(ctx, args...)
	}
	return t.tx.QueryContext(ctx, t.d.text(query), args...)
}

// prepared keeps one statement per text on the writer; the texts are few,
// because lists are padded to fixed sizes.
func (t *Tx) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if s, ok := t.d.stmts[query]; ok {
		return s, nil
	}
	s, err := t.tx.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare %.80q: %w", query, err)
	}
	t.d.stmts[query] = s
	return s, nil
}

// text turns ? into $1 … for PostgreSQL. No statement of ours holds a literal ?.
func (d *DB) text(query string) string {
	if d.dialect == SQLite {
		return query
	}
	if s, ok := d.dollars.Load(query); ok {
		return s.(string)
	}
	s := d.dialect.text(query)
	d.dollars.Store(query, s)
	return s
}

func (d Dialect) text(query string) string {
	if d == SQLite {
		return query
	}
	var b strings.Builder
	n := 0
	for _, r := range query {
		if r == '?' {
			n++
			fmt.Fprintf(&b, "$%d", n)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Now is the moment of the transaction: read once, after the locks. With no
// clock of its own a PostgreSQL store uses the server's, so that all nodes agree.
func (t *Tx) Now(ctx context.Context) (time.Time, error) {
	if t.d.now != nil {
		return t.d.now(), nil
	}
	var us int64
	err := t.One(ctx, "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)", nil, &us)
	return time.UnixMicro(us), err
}
