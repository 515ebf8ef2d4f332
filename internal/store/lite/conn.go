// Package lite speaks to SQLite as modernc.org/sqlite/lib has it in Go, in place of that
// module's own driver. That one takes the connection's lock for each value, and copies and
// boxes each on its way through database/sql; and statements that change or find many rows
// by a list make SQLite build the list as a table first. Here a statement is prepared once
// for a connection and run again for each row.
package lite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	sqlite3 "modernc.org/sqlite/lib"
)

func init() { sqlite3.PatchIssue199() } // of modernc.org/sqlite, whose driver calls it too

// Conn is one connection. It has no lock: one goroutine uses it at a time.
type Conn struct {
	tls   *libc.TLS
	db    uintptr
	out   uintptr          // where SQLite puts pointers
	stmts map[string]*stmt // by their text
	words map[string]string
}

// most bounds the statements and the words that a connection keeps.
const most = 1024

const pointerSize = bits.UintSize / 8

// Error is SQLite's.
type Error struct {
	Code int // extended
	Text string
}

func (e *Error) Error() string { return fmt.Sprintf("sqlite: %s (%d)", e.Text, e.Code) }

// Open opens or creates a file and runs pragmas, such as busy_timeout(1000).
func Open(path string, pragmas ...string) (*Conn, error) {
	c := &Conn{tls: libc.NewTLS(), stmts: map[string]*stmt{}, words: map[string]string{}}
	if c.out = libc.Xmalloc(c.tls, types.Size_t(2*pointerSize)); c.out == 0 {
		c.tls.Close()
		return nil, errNoMemory
	}
	name, err := libc.CString(path)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	defer libc.Xfree(c.tls, name)
	files, err := system()
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	rc := sqlite3.Xsqlite3_open_v2(c.tls, name, c.out, sqlite3.SQLITE_OPEN_READWRITE|sqlite3.SQLITE_OPEN_CREATE|sqlite3.SQLITE_OPEN_NOMUTEX, files)
	c.db = c.pointer(0) // also after most errors
	if rc != sqlite3.SQLITE_OK {
		return nil, errors.Join(c.error(rc), c.Close())
	}
	sqlite3.Xsqlite3_extended_result_codes(c.tls, c.db, 1)
	for _, p := range pragmas {
		if _, err := c.Exec("PRAGMA "+p, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("PRAGMA %s: %w", p, err), c.Close())
		}
	}
	return c, nil
}

var (
	errNoMemory = errors.New("sqlite: out of memory")
	errClosed   = errors.New("sqlite: the connection is closed")
)

// pointer reads what SQLite put into out.
func (c *Conn) pointer(i int) uintptr {
	b := libc.GoBytes(c.out, 2*pointerSize)[i*pointerSize:]
	if pointerSize == 4 {
		return uintptr(binary.NativeEndian.Uint32(b))
	}
	return uintptr(binary.NativeEndian.Uint64(b))
}

// error says what the last call's code means.
func (c *Conn) error(rc int32) error {
	text := libc.GoString(sqlite3.Xsqlite3_errstr(c.tls, rc))
	if c.db != 0 && sqlite3.Xsqlite3_extended_errcode(c.tls, c.db)&0xff == rc&0xff {
		text = libc.GoString(sqlite3.Xsqlite3_errmsg(c.tls, c.db))
	}
	return &Error{int(rc), text}
}

// Close ends the connection. Nothing may be running on it.
func (c *Conn) Close() error {
	if c.tls == nil {
		return nil
	}
	for _, s := range c.stmts {
		s.finalize()
	}
	var err error
	if c.db != 0 {
		if rc := sqlite3.Xsqlite3_close_v2(c.tls, c.db); rc != sqlite3.SQLITE_OK {
			err = c.error(rc)
		}
	}
	libc.Xfree(c.tls, c.out)
	c.tls.Close()
	c.tls, c.db, c.stmts = nil, 0, nil
	return err
}

// Texts lists the statements that are kept.
func (c *Conn) Texts() []string {
	list := make([]string, 0, len(c.stmts))
	for text := range c.stmts {
		list = append(list, text)
	}
	return list
}

// Exec runs a statement, or, without arguments, a script of several, and tells how many
// rows the last one changed.
func (c *Conn) Exec(query string, args []any) (int64, error) {
	s, rest, err := c.prepare(query)
	for ; err == nil && rest != ""; s, rest, err = c.prepare(rest) {
		if err := s.runOnce(args); err != nil {
			return 0, err
		}
	}
	if err != nil {
		return 0, err
	}
	return s.change(args)
}

// ExecRows runs a statement for each row of cols arguments, and tells how many rows were
// changed.
func (c *Conn) ExecRows(query string, cols int, args []any) (total int64, err error) {
	s, rest, err := c.prepare(query)
	if err == nil && rest != "" {
		s.done()
		err = errors.New("sqlite: more than one statement for rows")
	}
	if err != nil {
		return 0, err
	}
	defer s.done()
	for ; len(args) > 0; args = args[cols:] {
		n, err := s.run(args[:cols])
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

// Query gives each row of a query. The row and what it gives are valid until each returns.
func (c *Conn) Query(query string, args []any, each func(Row) error) error {
	return c.QueryRows(query, nil, args, len(args), nil, each)
}

// QueryRows runs a query for each group of cols arguments of list, with others before and
// after it, and gives each row.
func (c *Conn) QueryRows(query string, before, list []any, cols int, after []any, each func(Row) error) error {
	s, rest, err := c.prepare(query)
	if err == nil && rest != "" {
		s.done()
		err = errors.New("sqlite: more than one statement in a query")
	}
	if err != nil {
		return err
	}
	defer s.done()
	args := append(make([]any, 0, len(before)+cols+len(after)), before...)
	for first := true; first && cols == 0 || len(list) > 0; first = false {
		args = append(append(args[:len(before)], list[:cols]...), after...)
		if err := s.query(args, each); err != nil {
			return err
		}
		list = list[cols:]
	}
	return nil
}
