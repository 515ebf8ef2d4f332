package apptest

import (
	"context"
	"os"
	"path/filepath"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// points are what a kill may catch under way, each with a query that counts it.
var points = map[string]string{
	"accepted and not submitted": "SELECT COUNT(*) FROM message WHERE state = 'queued'",
	"submitted and not answered": "SELECT COUNT(*) FROM message WHERE state = 'submitting'",
	"answered and not reported":  "SELECT COUNT(*) FROM message WHERE state = 'submitted'",
	"evidence without a place":   "SELECT COUNT(*) FROM evidence_leaf WHERE tree_index IS NULL",
}

// caughtNow notes what the kill that was caught under way. It reads a copy: the node shall find
// the files as they were left.
func (w *world) caughtNow() {
	w.t.Helper()
	dir := w.t.TempDir()
	for _, name := range []string{"zhunxin.db", "zhunxin.db-wal"} {
		b, err := os.ReadFile(filepath.Join(w.dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil && !os.IsNotExist(err) {
			w.t.Fatal(err)
		}
	}
	db, err := store.OpenSQLite(context.Background(), filepath.Join(dir, "zhunxin.db"), w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	for name, query := range points {
		if w.count(db, query) > 0 {
			w.caught[name]++
		}
	}
	if err := db.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// caughtAll is whether each point was met.
func (w *world) caughtAll() {
	w.t.Helper()
	for name := range points {
		if w.caught[name] == 0 {
			w.t.Errorf("no kill caught anything that was %s: the test proves too little", name)
		}
	}
	w.t.Logf("kills that caught something: %v", w.caught)
}

// charged compares the ids of a charged message's segments with the one that the carrier gave (P6).
func (w *world) charged(db *store.DB, m *sms.Message, given string) {
	w.t.Helper()
	err := db.Read(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		return tx.SegmentsOf(ctx, []sms.ID{m.ID}, func(s sms.Segment) {
			if s.UpstreamID == "" || s.UpstreamID != given {
				w.t.Errorf("P6: message %d is charged by the id %q, the carrier gave %q", m.ID, s.UpstreamID, given)
			}
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
