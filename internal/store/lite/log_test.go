package lite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/store/lite"
)

func openFile(t *rapid.T, path string, pragmas ...string) *lite.Conn {
	c, err := lite.Open(path, pragmas...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func run(t *rapid.T, c *lite.Conn, query string, args ...any) {
	if _, err := c.Exec(query, args); err != nil {
		t.Fatalf("%.60s: %v", query, err)
	}
}

// What a commit has written is in the files when it returns, for other connections and for
// whoever finds the files after a crash, whatever was gathered meanwhile.
func TestLogIsWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "log")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
		path := filepath.Join(dir, "a.db")
		rows := func(c *lite.Conn) string {
			var out strings.Builder
			for _, query := range []string{"SELECT id, length(v), substr(v, 1, 8) FROM t ORDER BY id", "SELECT 0, 0, integrity_check FROM pragma_integrity_check"} {
				err := c.Query(query, nil, func(r lite.Row) error {
					fmt.Fprintf(&out, "%d %d %s\n", r.Int(0), r.Int(1), r.Raw(2))
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			return out.String()
		}
		sync := rapid.SampledFrom([]string{"FULL", "NORMAL", "OFF"}).Draw(t, "synchronous")
		// A small cache writes pages before the commit, and reads and writes them again.
		cache := rapid.SampledFrom([]int{10, 2000}).Draw(t, "cache pages")
		w := openFile(t, path, "journal_mode(WAL)", "synchronous("+sync+")", fmt.Sprintf("cache_size(%d)", cache), "wal_autocheckpoint(200)")
		defer w.Close() //nolint:errcheck // what matters is compared
		run(t, w, "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)")
		run(t, w, "CREATE INDEX i ON t(v)")
		r := openFile(t, path)
		defer r.Close() //nolint:errcheck // it only reads
		for n := range rapid.IntRange(1, 6).Draw(t, "transactions") {
			run(t, w, "BEGIN IMMEDIATE")
			for range rapid.IntRange(1, 60).Draw(t, "rows") {
				id, size := rapid.IntRange(1, 200).Draw(t, "id"), rapid.IntRange(0, 9000).Draw(t, "size")
				run(t, w, "INSERT OR REPLACE INTO t(id, v) VALUES (?, ?)", int64(id), []byte(strings.Repeat(fmt.Sprint(id, n), size/4)))
			}
			run(t, w, rapid.SampledFrom([]string{"COMMIT", "COMMIT", "ROLLBACK"}).Draw(t, "end"))
			want := rows(w)
			if !strings.HasSuffix(want, "0 0 ok\n") {
				t.Fatal(want)
			}
			if got := rows(r); got != want {
				t.Fatalf("another connection sees\n%s, the writer\n%s", got, want)
			}
			found := filepath.Join(dir, fmt.Sprint("crash", n))
			for _, end := range []string{"", "-wal"} {
				data, err := os.ReadFile(path + end)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(found+end, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			c := openFile(t, found)
			if got := rows(c); got != want {
				t.Fatalf("after a crash there is\n%s, before\n%s", got, want)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
