package lite_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/store/lite"
)

// sector is what a disk writes whole, or not at all.
const sector = 512

// afterLoss is what may be found of a file after a loss of power: what was synced, and of
// what was written since any sectors, in any order.
func afterLoss(synced, written []byte, r *rand.Rand) []byte {
	out := make([]byte, len(synced)+r.IntN(max(0, len(written)-len(synced))+1))
	copy(out, synced)
	likely := r.Float64()
	for at := 0; at < len(out) && at < len(written); at += sector {
		if r.Float64() < likely {
			copy(out[at:min(at+sector, len(out))], written[at:])
		}
	}
	return out
}

// P2: of transactions whose sync is left for later, a loss of power leaves all that were
// synced, and of the others the first ones, each whole; also when the log has begun anew.
func TestLossOfPowerCutsTheLogBehindItsSync(t *testing.T) { //nolint:paralleltest // it watches SQLite's syncs
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "power")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
		path := filepath.Join(dir, "a.db")
		w := openFile(t, path, "journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(0)")
		defer w.Close() //nolint:errcheck // what matters is compared
		run(t, w, "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)")
		folder := openFile(t, path, "cache_size(-1024)") // which reads the schema, without which nothing is folded
		defer folder.Close()                             //nolint:errcheck // it only folds

		files := []string{path, path + "-wal"}
		disk := make([][]byte, len(files))
		read := func(name string) []byte {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		committed, synced := 0, 0
		sync := func() { disk[1], synced = read(files[1]), committed }
		disk[0] = read(files[0])
		sync()
		defer lite.WatchLogSyncs(sync)()
		const rows = 3 // of a transaction
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"write", "write", "write", "sync", "fold", "loss"}).Draw(t, "step") {
			case "write":
				run(t, w, "BEGIN IMMEDIATE")
				for k := range rows {
					size := rapid.IntRange(0, 9000).Draw(t, "size")
					run(t, w, "INSERT INTO t(id, v) VALUES (?, ?)", int64((committed+1)*rows+k), []byte(strings.Repeat("x", size)))
				}
				if owed, err := w.Commit(true); err != nil || !owed {
					t.Fatalf("owed %v, %v", owed, err)
				}
				committed++
			case "sync":
				sync()
			case "fold": // SQLite syncs the log before and the file after
				err := folder.Query("PRAGMA wal_checkpoint(PASSIVE)", nil, func(r lite.Row) error {
					if r.Int(0) != 0 || r.Int(1) < 0 || r.Int(1) != r.Int(2) {
						return fmt.Errorf("%d of %d pages were folded", r.Int(2), r.Int(1))
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				disk[0] = read(files[0])
			case "loss":
				r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)) //nolint:gosec // it is a test
				found := filepath.Join(dir, "found.db")
				for i, end := range []string{"", "-wal"} {
					if err := os.WriteFile(found+end, afterLoss(disk[i], read(files[i]), r), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				c := openFile(t, found)
				n, most, sound := int64(0), int64(0), ""
				err := c.Query("SELECT count(*), coalesce(max(id), 0), (SELECT integrity_check FROM pragma_integrity_check) FROM t", nil, func(r lite.Row) error {
					n, most, sound = r.Int(0), r.Int(1), string(r.Raw(2))
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if k := int(n) / rows; k < synced || k > committed || int(n)%rows != 0 || n > 0 && most != n+rows-1 || sound != "ok" {
					t.Fatalf("%d rows up to %d are left of %d transactions, %d of them synced; the file is %s", n, most, committed, synced, sound)
				}
				if err := c.Close(); err != nil {
					t.Fatal(err)
				}
				for _, end := range []string{"", "-wal", "-shm"} {
					_ = os.Remove(found + end)
				}
			}
		}
	})
}
