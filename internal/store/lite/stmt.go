package lite

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	sqlite3 "modernc.org/sqlite/lib"
)

// stmt is a prepared statement with the memory that its arguments are in.
type stmt struct {
	c      *Conn
	p      uintptr
	params int
	cols   int
	arena  uintptr
	size   int
	busy   bool // in use: who wants it meanwhile gets another
	kept   bool
}

// prepare gives the first statement of a text, for the caller alone until it calls done,
// and what follows it.
func (c *Conn) prepare(query string) (*stmt, string, error) {
	if c.stmts == nil {
		return nil, "", errClosed
	}
	if s := c.stmts[query]; s != nil && !s.busy {
		s.busy = true
		return s, "", nil
	}
	text, err := libc.CString(query)
	if err != nil {
		return nil, "", err
	}
	defer libc.Xfree(c.tls, text)
	size := uintptr(len(query))
	rc := sqlite3.Xsqlite3_prepare_v3(c.tls, c.db, text, int32(size)+1, sqlite3.SQLITE_PREPARE_PERSISTENT, c.out, c.out+pointerSize)
	if rc != sqlite3.SQLITE_OK {
		return nil, "", c.error(rc)
	}
	s := &stmt{c: c, p: c.pointer(0), busy: true}
	rest := query[c.pointer(1)-text:]
	if s.p != 0 {
		s.params = int(sqlite3.Xsqlite3_bind_parameter_count(c.tls, s.p))
		s.cols = int(sqlite3.Xsqlite3_column_count(c.tls, s.p))
	}
	if rest == "" && s.p != 0 && c.stmts[query] == nil && len(c.stmts) < most {
		s.kept = true
		c.stmts[query] = s
	}
	return s, rest, nil
}

// done gives the statement back.
func (s *stmt) done() {
	s.busy = false
	if s.p != 0 {
		sqlite3.Xsqlite3_reset(s.c.tls, s.p) // it repeats the error of the last step
	}
	if !s.kept {
		s.finalize()
	}
}

func (s *stmt) finalize() {
	if s.p != 0 {
		sqlite3.Xsqlite3_finalize(s.c.tls, s.p) // it repeats the error of the last step
	}
	if s.arena != 0 {
		libc.Xfree(s.c.tls, s.arena)
	}
	s.p, s.arena, s.size = 0, 0, 0
}

// room makes the arena large enough for the texts and blobs of the arguments.
func (s *stmt) room(args []any) error {
	need := 0
	for _, a := range args {
		switch x := a.(type) {
		case string:
			need += len(x)
		case []byte:
			need += len(x)
		}
	}
	if need <= s.size {
		return nil
	}
	libc.Xfree(s.c.tls, s.arena)
	s.size = 0
	if s.arena = libc.Xmalloc(s.c.tls, types.Size_t(2*need)); s.arena == 0 {
		return errNoMemory
	}
	s.size = 2 * need
	return nil
}

// bind sets all parameters. Nothing is bound to them from before that is not bound anew.
func (s *stmt) bind(args []any) error {
	if len(args) != s.params {
		return fmt.Errorf("sqlite: %d arguments for %d parameters", len(args), s.params)
	}
	if err := s.room(args); err != nil {
		return err
	}
	at, tls := s.arena, s.c.tls
	for i, a := range args {
		n, rc := int32(i+1), int32(0)
		switch x := a.(type) {
		case int64:
			rc = sqlite3.Xsqlite3_bind_int64(tls, s.p, n, x)
		case string:
			if x == "" {
				rc = sqlite3.Xsqlite3_bind_text(tls, s.p, n, s.c.out, 0, 0) // NULL is another thing
				break
			}
			copy(libc.GoBytes(at, len(x)), x)
			rc = sqlite3.Xsqlite3_bind_text(tls, s.p, n, at, int32(len(x)), 0)
			at += uintptr(len(x))
		case []byte:
			switch {
			case x == nil:
				rc = sqlite3.Xsqlite3_bind_null(tls, s.p, n)
			case len(x) == 0:
				rc = sqlite3.Xsqlite3_bind_zeroblob(tls, s.p, n, 0)
			default:
				copy(libc.GoBytes(at, len(x)), x)
				rc = sqlite3.Xsqlite3_bind_blob(tls, s.p, n, at, int32(len(x)), 0)
				at += uintptr(len(x))
			}
		case nil:
			rc = sqlite3.Xsqlite3_bind_null(tls, s.p, n)
		case float64:
			rc = sqlite3.Xsqlite3_bind_double(tls, s.p, n, x)
		case bool:
			v := int64(0)
			if x {
				v = 1
			}
			rc = sqlite3.Xsqlite3_bind_int64(tls, s.p, n, v)
		default:
			return fmt.Errorf("sqlite: argument %d is a %T", n, a)
		}
		if rc != sqlite3.SQLITE_OK {
			return s.c.error(rc)
		}
	}
	return nil
}

// plain gives arguments of named types as what bind knows.
func plain(args []any) ([]any, error) {
	for i, a := range args {
		switch a.(type) {
		case int64, string, []byte, nil, float64, bool:
			continue
		}
		v, err := driver.DefaultParameterConverter.ConvertValue(a)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
		args[i] = v
	}
	return args, nil
}

// step runs on to the next row.
func (s *stmt) step() (row bool, err error) {
	switch rc := sqlite3.Xsqlite3_step(s.c.tls, s.p); rc {
	case sqlite3.SQLITE_ROW:
		return true, nil
	case sqlite3.SQLITE_DONE:
		return false, nil
	default:
		return false, s.c.error(rc)
	}
}

// run runs to the end and tells how many rows were changed.
func (s *stmt) run(args []any) (int64, error) {
	if s.p == 0 { // a comment
		return 0, nil
	}
	args, err := plain(args)
	if err != nil {
		return 0, err
	}
	if err := s.bind(args); err != nil {
		return 0, err
	}
	for row := true; row; {
		if row, err = s.step(); err != nil {
			sqlite3.Xsqlite3_reset(s.c.tls, s.p)
			return 0, err
		}
	}
	n := int64(sqlite3.Xsqlite3_changes64(s.c.tls, s.c.db))
	sqlite3.Xsqlite3_reset(s.c.tls, s.p)
	return n, nil
}

func (s *stmt) change(args []any) (int64, error) {
	defer s.done()
	return s.run(args)
}

func (s *stmt) runOnce(args []any) error {
	defer s.done()
	if len(args) > 0 {
		return errors.New("sqlite: arguments for more than one statement")
	}
	_, err := s.run(nil)
	return err
}

func (s *stmt) query(args []any, each func(Row) error) error {
	args, err := plain(args)
	if err != nil {
		return err
	}
	if err := s.bind(args); err != nil {
		return err
	}
	defer sqlite3.Xsqlite3_reset(s.c.tls, s.p)
	for {
		row, err := s.step()
		if err != nil || !row {
			return err
		}
		if err := each(Row{s}); err != nil {
			return err
		}
	}
}

// Row is one row of a query.
type Row struct{ s *stmt }

// Int gives a column as a number.
func (r Row) Int(i int) int64 { return sqlite3.Xsqlite3_column_int64(r.s.c.tls, r.s.p, int32(i)) }

// Null tells whether a column holds nothing.
func (r Row) Null(i int) bool {
	return sqlite3.Xsqlite3_column_type(r.s.c.tls, r.s.p, int32(i)) == sqlite3.SQLITE_NULL
}

// Raw gives a column's bytes where SQLite has them.
func (r Row) Raw(i int) []byte {
	p := sqlite3.Xsqlite3_column_blob(r.s.c.tls, r.s.p, int32(i))
	n := sqlite3.Xsqlite3_column_bytes(r.s.c.tls, r.s.p, int32(i))
	if p == 0 || n == 0 {
		return nil
	}
	return libc.GoBytes(p, int(n))
}

// word gives a column's text, one of few: each is made once.
func (r Row) word(i int) string {
	b := r.Raw(i)
	if w, ok := r.s.c.words[string(b)]; ok {
		return w
	}
	w := string(b)
	if len(r.s.c.words) < most {
		r.s.c.words[w] = w
	}
	return w
}

// Scan puts the columns into what dest points to, as database/sql does for these types.
func (r Row) Scan(dest ...any) error {
	if len(dest) != r.s.cols {
		return fmt.Errorf("sqlite: %d destinations for %d columns", len(dest), r.s.cols)
	}
	for i, d := range dest {
		switch x := d.(type) {
		case *int64:
			*x = r.Int(i)
		case *int:
			*x = int(r.Int(i))
		case *string:
			*x = string(r.Raw(i))
		case *[]byte:
			*x = append([]byte(nil), r.Raw(i)...)
		case *sql.RawBytes:
			*x = r.Raw(i)
		case *bool:
			*x = r.Int(i) != 0
		default:
			switch v := reflect.ValueOf(d).Elem(); v.Kind() {
			case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
				v.SetInt(r.Int(i))
			case reflect.Bool:
				v.SetBool(r.Int(i) != 0)
			case reflect.String:
				v.SetString(r.word(i))
			case reflect.Slice: // of bytes
				v.SetBytes(append([]byte(nil), r.Raw(i)...))
			default:
				return fmt.Errorf("sqlite: column %d into a %T", i, d)
			}
		}
	}
	return nil
}
