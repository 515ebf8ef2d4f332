package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/zhunxin/zhunxin/internal/store/lite"
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

	lag   *lag         // SQLite: events that are in no index yet
	ways  *ways        // SQLite: what its writer knows of messages under way
	facts atomic.Int64 // SQLite: the committed generation, see DB.Generation

	foldFailures, indexFailures atomic.Int64

	alone bool                   // PostgreSQL: see OpenPostgresAlone
	index atomic.Pointer[string] // see RequireIndex

	turns   turns
	writer  *sql.Conn    // SQLite: held for life
	lite    *lite.Conn   // SQLite: the same, without database/sql
	syncs   *syncs       // SQLite: of its log
	rows    atomic.Int64 // changed since the start
	timings [numTurns]timing
	dollars sync.Map // PostgreSQL: text with ? → text with $1
}

// readers is how many reads there are at a time on SQLite.
const readers = 4

// Dialect tells which database it is.
func (d *DB) Dialect() Dialect { return d.dialect }

// OpenSQLite opens or creates the file. Every commit is synced before Write
// returns (P2): WAL with synchronous=FULL, and some classes' syncs after their turn.
func OpenSQLite(ctx context.Context, path string, now func() time.Time) (*DB, error) {
	return openSQLite(ctx, path, now, migrations)
}

func openSQLite(ctx context.Context, path string, now func() time.Time, scripts fs.FS) (*DB, error) {
	if err := private(path); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	pragmas := []string{
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)",
		"cache_size(-65536)", "temp_store(MEMORY)", "wal_autocheckpoint(250000)", "journal_size_limit(268435456)", // see fold
	}
	open := func(conns int, pragmas ...string) *sql.DB {
		db := sql.OpenDB(lite.Connector{Path: path, Pragmas: pragmas})
		db.SetMaxOpenConns(conns)
		db.SetMaxIdleConns(conns)
		return db
	}
	w := open(1, pragmas...)
	r := open(readers, append(pragmas, "query_only(ON)", "cache_size(-8192)")...)
	f := open(1, "busy_timeout(1000)", "cache_size(-1024)")
	if err := migrate(ctx, w, SQLite, scripts, copyBefore(ctx, w, path)); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), w.Close(), r.Close(), f.Close())
	}
	var err error
	d := &DB{dialect: SQLite, now: now, path: path, write: w, read: r, folder: f, lag: newLag(), ways: newWays(waysKept)}
	if d.writer, err = w.Conn(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), d.Close())
	}
	if err := d.writer.Raw(func(c any) error { d.lite = c.(*lite.Conn); return nil }); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), d.Close())
	}
	if d.file, err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), d.Close())
	}
	if err := d.Read(ctx, d.readGeneration); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), d.Close())
	}
	if d.syncs, err = openSyncs(path); err != nil {
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

// Failed tells why nothing is written any more, nil while all is well: SQLite's log could
// not be put on the disk. Only a new start finds out what is there.
func (d *DB) Failed() error {
	if d.syncs == nil {
		return nil
	}
	return d.syncs.err()
}

// Close releases every connection. On SQLite it first folds the log into the file, unless
// the log could not be synced: then everything is left as it is.
func (d *DB) Close() error {
	var errs []error
	if d.rest != nil {
		d.rest()
	}
	if err := d.Failed(); err != nil {
		return err
	}
	if d.folder != nil {
		errs = append(errs, d.folder.Close())
	}
	if d.lite != nil {
		// The connection has no lock of its own: nobody may be using it.
		errs = append(errs, d.turns.take(context.Background(), TurnBackground))
		if d.syncs != nil {
			if err := d.syncs.close(); err != nil {
				d.turns.give()
				return errors.Join(append(errs, err)...)
			}
		}
		_, err := d.lite.Exec("PRAGMA wal_checkpoint(TRUNCATE)", nil)
		errs = append(errs, err)
		defer d.turns.give() // who comes now finds it closed
	}
	if d.writer != nil {
		errs = append(errs, d.writer.Close())
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
	}
	lite    *lite.Conn // SQLite: the writer
	watched bool       // see ways
	after   []func()
	end     []func(committed bool)
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
	if d.dialect == SQLite {
		return d.writeInTurn(ctx, class, fn)
	}
	began := time.Now()
	defer func() { d.timings[class].add(0, time.Since(began)) }()
	var err error
	for range retries {
		if err = d.writePostgres(ctx, fn); !lostRace(err) {
			return err
		}
	}
	return err
}

// writeInTurn has the one writer for fn and the commit, and not for a sync that is owed.
func (d *DB) writeInTurn(ctx context.Context, class Turn, fn func(context.Context, *Tx) error) error {
	asked := time.Now()
	if err := d.turns.take(ctx, class); err != nil {
		return err
	}
	began := time.Now()
	tx := &Tx{d: d, tx: d.writer, lite: d.lite}
	number, err := func() (uint64, error) {
		defer d.turns.give() // also when fn panics
		defer func() { d.timings[class].add(began.Sub(asked), time.Since(began)) }()
		owed, err := d.writeSQLite(ctx, tx, deferred[class], fn)
		if err != nil || !owed {
			return 0, err
		}
		return d.syncs.commit(), nil
	}()
	if err == nil {
		err = d.syncs.wait(number)
	}
	if err == nil {
		tx.committed()
	}
	return err
}

func (t *Tx) committed() {
	for _, f := range t.after {
		f()
	}
}

// writeSQLite runs fn and commits, and tells whether the log's sync is owed.
func (d *DB) writeSQLite(ctx context.Context, tx *Tx, later bool, fn func(context.Context, *Tx) error) (owed bool, err error) {
	if err := d.syncs.err(); err != nil {
		return false, err
	}
	// A transaction that began is finished even when the caller has gone:
	// cancelling in the middle of a statement would poison the connection.
	ctx = context.WithoutCancel(ctx)
	if _, err := d.lite.Exec("BEGIN IMMEDIATE", nil); err != nil {
		return false, fmt.Errorf("begin: %w", err)
	}
	done := false
	defer func() {
		for _, f := range tx.end {
			f(done)
		}
		if done {
			return
		}
		if _, back := d.lite.Exec("ROLLBACK", nil); back != nil && !strings.Contains(back.Error(), "no transaction is active") {
			err = errors.Join(err, back) // on a full disk SQLite has rolled back by itself
		}
	}()
	if err := fn(ctx, tx); err != nil {
		return false, err
	}
	if owed, err = d.lite.Commit(later); err != nil {
		return false, fmt.Errorf("commit: %w", err)
	}
	done = true
	return owed, nil
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
	var file *lite.Error
	// SQLITE_CONSTRAINT_UNIQUE and SQLITE_CONSTRAINT_PRIMARYKEY
	return errors.As(err, &file) && (file.Code == 2067 || file.Code == 1555)
}

// Full tells whether the error is of a full disk. SQLite can't grow its shared memory there
// either, and says so by a code of its own.
func Full(err error) bool {
	const full, ioerrShmSize = 13, 4874
	var file *lite.Error
	if errors.As(err, &file) && (file.Code == full || file.Code == ioerrShmSize) {
		return true
	}
	var pg *pgconn.PgError
	return errors.Is(err, syscall.ENOSPC) || errors.As(err, &pg) && pg.Code == "53100"
}

// OutOfLocks tells whether the server's lock table is full: busy, not broken.
func OutOfLocks(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "53200"
}

// Exec runs a statement with ? placeholders.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) error {
	_, err := t.ExecCount(ctx, query, args...)
	return err
}

// ExecCount runs a statement and tells how many rows it changed.
func (t *Tx) ExecCount(ctx context.Context, query string, args ...any) (int, error) {
	if t.lite != nil {
		n, err := t.lite.Exec(query, args)
		return t.d.count(n, err)
	}
	res, err := t.tx.ExecContext(ctx, t.d.text(query), args...)
	if err != nil {
		return 0, err
	}
	return t.d.count(res.RowsAffected())
}

func (d *DB) count(n int64, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	d.rows.Add(n)
	return int(n), nil
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
	err := t.each(ctx, query, args, dest, func() error { found = true; return nil })
	if err == nil && !found {
		err = sql.ErrNoRows
	}
	return err
}

func (t *Tx) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	return t.tx.QueryContext(ctx, t.d.text(query), args...)
}

// each is Query for what is read often: it scans each row into dest, the same for all.
func (t *Tx) each(ctx context.Context, query string, args, dest []any, f func() error) error {
	switch {
	case t.lite != nil:
		return t.lite.Query(query, args, scanInto(dest, f))
	case t.d.dialect == SQLite:
		return t.d.onReader(ctx, func(c *lite.Conn) error { return c.Query(query, args, scanInto(dest, f)) })
	}
	return t.Query(ctx, query, args, func(r *sql.Rows) error {
		if err := r.Scan(dest...); err != nil {
			return err
		}
		return f()
	})
}

func scanInto(dest []any, f func() error) func(lite.Row) error {
	return func(r lite.Row) error {
		if err := r.Scan(dest...); err != nil {
			return err
		}
		return f()
	}
}

// onReader runs f on a connection that can't write.
func (d *DB) onReader(ctx context.Context, f func(*lite.Conn) error) error {
	c, err := d.read.Conn(ctx)
	if err != nil {
		return err
	}
	err = c.Raw(func(c any) error { return f(c.(*lite.Conn)) })
	return errors.Join(err, c.Close())
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
