package lite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/store/lite"
)

func open(t testing.TB) *lite.Conn {
	t.Helper()
	c, err := lite.Open(filepath.Join(t.TempDir(), "x.db"), "journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func exec(t testing.TB, c *lite.Conn, query string, args ...any) {
	t.Helper()
	if _, err := c.Exec(query, args); err != nil {
		t.Fatal(err)
	}
}

func count(t testing.TB, c *lite.Conn, from string) (n int64) {
	t.Helper()
	if err := c.Query("SELECT COUNT(*) FROM "+from, nil, func(r lite.Row) error { n = r.Int(0); return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

type word string

// Whatever is stored comes back as it was, by both ways of reading, however long the
// values of the rows before were, whose memory it is given.
func TestValuesComeBack(t *testing.T) {
	c := open(t)
	exec(t, c, "CREATE TABLE v(id INTEGER PRIMARY KEY, n INTEGER NOT NULL, s TEXT NOT NULL, w TEXT NOT NULL, b BLOB) STRICT")
	db := sql.OpenDB(lite.Connector{Path: filepath.Join(t.TempDir(), "other.db")})
	defer db.Close() //nolint:errcheck // a test's file
	if _, err := db.Exec("CREATE TABLE v(id INTEGER PRIMARY KEY, n INTEGER NOT NULL, s TEXT NOT NULL, w TEXT NOT NULL, b BLOB) STRICT"); err != nil {
		t.Fatal(err)
	}
	type row struct {
		n int64
		s string
		w word
		b []byte
	}
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) row {
			return row{
				rapid.Int64().Draw(t, "n"), rapid.String().Draw(t, "s"), word(rapid.SampledFrom([]string{"", "queued", "delivered"}).Draw(t, "w")),
				rapid.SliceOfN(rapid.Byte(), -1, 300).Draw(t, "b"),
			}
		}), 1, 40).Draw(t, "rows")
		const insert, read = "INSERT INTO v(id, n, s, w, b) VALUES (?,?,?,?,?)", "SELECT n, s, w, b FROM v ORDER BY id"
		var args []any
		for i, r := range rows {
			if _, err := db.Exec(insert, i, r.n, r.s, r.w, r.b); err != nil {
				t.Fatal(err)
			}
			args = append(args, int64(i), r.n, r.s, r.w, r.b)
		}
		if n, err := c.ExecRows(insert, 5, args); err != nil || n != int64(len(rows)) {
			t.Fatalf("%d rows of %d, %v", n, len(rows), err)
		}
		same := func(how string, got []row) {
			if !slices.EqualFunc(rows, got, func(a, b row) bool { return a.n == b.n && a.s == b.s && a.w == b.w && slices.Equal(a.b, b.b) }) {
				t.Fatalf("%s: %+v of %+v", how, got, rows)
			}
		}
		var got, other []row
		if err := c.Query(read, nil, func(r lite.Row) error {
			var x row
			err := r.Scan(&x.n, &x.s, &x.w, &x.b)
			got = append(got, x)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		same("by the connection", got)
		list, err := db.Query(read)
		if err != nil {
			t.Fatal(err)
		}
		for list.Next() {
			var x row
			if err := list.Scan(&x.n, &x.s, &x.w, &x.b); err != nil {
				t.Fatal(err)
			}
			other = append(other, x)
		}
		if err := list.Err(); err != nil {
			t.Fatal(err)
		}
		same("by database/sql", other)
		if n, err := c.Exec("DELETE FROM v", nil); err != nil || n != int64(len(rows)) {
			t.Fatalf("%d deleted of %d, %v", n, len(rows), err)
		}
		if _, err := db.Exec("DELETE FROM v"); err != nil {
			t.Fatal(err)
		}
	})
}

// A statement that is in use is not disturbed by who runs the same one meanwhile.
func TestStatementInsideItself(t *testing.T) {
	c := open(t)
	exec(t, c, "CREATE TABLE v(s TEXT NOT NULL); INSERT INTO v VALUES ('a'), ('b'), ('c')")
	const query = "SELECT s FROM v WHERE s >= ? ORDER BY s"
	var got []string
	err := c.Query(query, []any{"a"}, func(r lite.Row) error {
		return c.Query(query, []any{"b"}, func(inner lite.Row) error {
			got = append(got, string(r.Raw(0))+string(inner.Raw(0)))
			return nil
		})
	})
	if err != nil || !slices.Equal(got, []string{"ab", "ac", "bb", "bc", "cb", "cc"}) {
		t.Errorf("%q, %v", got, err)
	}
}

// Each value of the list is looked up with the same arguments around it.
func TestQueryRows(t *testing.T) {
	c := open(t)
	exec(t, c, "CREATE TABLE v(a INTEGER, b INTEGER, d INTEGER); INSERT INTO v VALUES (1,1,9), (1,2,9), (1,3,9), (2,2,9), (1,2,3)")
	var got []int64
	err := c.QueryRows("SELECT b FROM v WHERE a = ? AND b = ? AND d > ?", []any{int64(1)}, []any{int64(3), int64(7), int64(2)}, 1, []any{int64(5)}, func(r lite.Row) error {
		got = append(got, r.Int(0))
		return nil
	})
	if err != nil || !slices.Equal(got, []int64{3, 2}) {
		t.Errorf("%d, %v", got, err)
	}
}

// A failure names its code, stops the rows after it, and harms no later use of the
// statement.
func TestErrors(t *testing.T) {
	c := open(t)
	exec(t, c, "CREATE TABLE v(id INTEGER PRIMARY KEY, s TEXT NOT NULL) STRICT")
	const insert = "INSERT INTO v(id, s) VALUES (?, ?)"
	var e *lite.Error
	n, err := c.ExecRows(insert, 2, []any{int64(1), "a", int64(1), "b", int64(2), "c"})
	if !errors.As(err, &e) || e.Code != 1555 || n != 1 || count(t, c, "v") != 1 { // SQLITE_CONSTRAINT_PRIMARYKEY
		t.Errorf("a second row of one key: %d, %v", n, err)
	}
	exec(t, c, insert, int64(2), "c")
	if _, err := c.Exec(insert, []any{int64(3)}); err == nil {
		t.Error("one argument for two parameters")
	}
	if _, err := c.Exec("INSERT INTO nowhere VALUES (1)", nil); !errors.As(err, &e) || e.Code != 1 {
		t.Errorf("no table: %v", err)
	}
	if _, err := c.Exec("DELETE FROM v; DELETE FROM v WHERE id = ?", []any{int64(1)}); err == nil || count(t, c, "v") != 2 {
		t.Errorf("arguments for a script: %v", err)
	}
	stop := errors.New("stop")
	if err := c.Query("SELECT id FROM v", nil, func(lite.Row) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	exec(t, c, "DROP TABLE v") // a statement that was still running would lock it
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Exec("SELECT 1", nil); err == nil {
		t.Error("a closed connection served")
	}
}

// What runs when its context ends is interrupted, and nothing that comes after it.
func TestInterruption(t *testing.T) {
	db := sql.OpenDB(lite.Connector{Path: filepath.Join(t.TempDir(), "x.db")})
	defer db.Close() //nolint:errcheck // a test's file
	db.SetMaxOpenConns(1)
	const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
		var n int64
		if err := db.QueryRowContext(ctx, endless).Scan(&n); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%d, %v", n, err)
		}
		cancel()
		if err := db.QueryRowContext(t.Context(), "SELECT 7").Scan(&n); err != nil || n != 7 {
			t.Fatalf("%d, %v", n, err)
		}
	}
}

// A transaction of database/sql is one.
func TestTransaction(t *testing.T) {
	db := sql.OpenDB(lite.Connector{Path: filepath.Join(t.TempDir(), "x.db"), Pragmas: []string{"journal_mode(WAL)"}})
	defer db.Close() //nolint:errcheck // a test's file
	if _, err := db.Exec("CREATE TABLE v(id INTEGER)"); err != nil {
		t.Fatal(err)
	}
	for _, end := range []func(*sql.Tx) error{(*sql.Tx).Rollback, (*sql.Tx).Commit} {
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec("INSERT INTO v VALUES (?)", 1); err != nil {
			t.Fatal(err)
		}
		if err := end(tx); err != nil {
			t.Fatal(err)
		}
	}
	var n int
	if err := db.QueryRow("SELECT COUNT(*) FROM v").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
}
