package lite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"time"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// Connector opens connections for database/sql, which serve what is rarely done.
type Connector struct {
	Path    string
	Pragmas []string
}

// Connect opens one.
func (o Connector) Connect(context.Context) (driver.Conn, error) { return Open(o.Path, o.Pragmas...) }

// Driver is the connector's.
func (o Connector) Driver() driver.Driver { return fileDriver{} }

type fileDriver struct{}

// Open opens a file by its name.
func (fileDriver) Open(name string) (driver.Conn, error) { return Open(name) }

// Prepare makes a statement.
func (c *Conn) Prepare(query string) (driver.Stmt, error) { return prepared{c, query}, nil }

// Begin starts a transaction.
func (c *Conn) Begin() (driver.Tx, error) { return c.BeginTx(context.Background(), driver.TxOptions{}) }

// BeginTx starts a transaction that writes.
func (c *Conn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	_, err := c.Exec("BEGIN IMMEDIATE", nil)
	return transaction{c}, err
}

type transaction struct{ c *Conn }

func (t transaction) Commit() error {
	_, err := t.c.Exec("COMMIT", nil)
	return err
}

func (t transaction) Rollback() error {
	_, err := t.c.Exec("ROLLBACK", nil)
	return err
}

// watch interrupts what runs on the connection when ctx ends, until stop is called. It
// does so again and again: SQLite forgets an interruption when a statement begins.
func (c *Conn) watch(ctx context.Context) (stop func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	stopped, over := make(chan struct{}), make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(over)
		tls := libc.NewTLS() // the connection's is in use
		defer tls.Close()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			sqlite3.Xsqlite3_interrupt(tls, c.db)
			select {
			case <-tick.C:
			case <-stopped:
				return
			}
		}
	})
	return func() {
		close(stopped)
		if !cancel() {
			<-over // so that it does not hit who comes next
		}
	}
}

// ended gives the context's error in place of that of the interrupted statement.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func values(args []driver.NamedValue) []any {
	out := make([]any, len(args))
	for i := range args {
		out[i] = args[i].Value
	}
	return out
}

// ExecContext runs a statement, or a script without arguments.
func (c *Conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	defer c.watch(ctx)()
	n, err := c.Exec(query, values(args))
	return driver.RowsAffected(n), ended(ctx, err)
}

// QueryContext runs a query.
func (c *Conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, rest, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	if rest != "" {
		s.done()
		return nil, fmt.Errorf("sqlite: more than one statement in %.80q", query)
	}
	if err := s.bind(values(args)); err != nil {
		s.done()
		return nil, err
	}
	r := &rows{s: s, ctx: ctx, stop: c.watch(ctx), columns: make([]string, s.cols), times: make([]bool, s.cols)}
	for i := range r.columns {
		r.columns[i] = libc.GoString(sqlite3.Xsqlite3_column_name(c.tls, s.p, int32(i)))
		r.times[i] = libc.GoString(sqlite3.Xsqlite3_column_decltype(c.tls, s.p, int32(i))) == "TIMESTAMP"
	}
	return r, nil
}

// prepared is a statement of database/sql. The connection keeps the real one.
type prepared struct {
	c     *Conn
	query string
}

func (p prepared) Close() error  { return nil }
func (p prepared) NumInput() int { return -1 }

func (p prepared) Exec([]driver.Value) (driver.Result, error) { return nil, driver.ErrSkip }
func (p prepared) Query([]driver.Value) (driver.Rows, error)  { return nil, driver.ErrSkip }

func (p prepared) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return p.c.ExecContext(ctx, p.query, args)
}

func (p prepared) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return p.c.QueryContext(ctx, p.query, args)
}

type rows struct {
	s       *stmt
	ctx     context.Context
	stop    func()
	columns []string
	times   []bool // declared so, as by goose in its own table
}

func (r *rows) Columns() []string { return r.columns }

func (r *rows) Close() error {
	if r.s != nil {
		r.stop()
		r.s.done()
		r.s = nil
	}
	return nil
}

func (r *rows) Next(dest []driver.Value) error {
	row, err := r.s.step()
	if err != nil {
		return ended(r.ctx, err)
	}
	if !row {
		return io.EOF
	}
	at := Row{r.s}
	for i := range dest {
		switch sqlite3.Xsqlite3_column_type(r.s.c.tls, r.s.p, int32(i)) {
		case sqlite3.SQLITE_INTEGER:
			dest[i] = at.Int(i)
		case sqlite3.SQLITE_FLOAT:
			dest[i] = sqlite3.Xsqlite3_column_double(r.s.c.tls, r.s.p, int32(i))
		case sqlite3.SQLITE_TEXT:
			dest[i] = string(at.Raw(i))
			if r.times[i] {
				if dest[i], err = time.Parse(time.DateTime, string(at.Raw(i))); err != nil {
					return err
				}
			}
		case sqlite3.SQLITE_BLOB:
			dest[i] = append([]byte(nil), at.Raw(i)...)
		default:
			dest[i] = nil
		}
	}
	return nil
}
