package evlog_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/zhunxin/zhunxin/evidence/checkpoint"
	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
	"github.com/zhunxin/zhunxin/internal/vault"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func open(t *testing.T) *evlog.Log {
	t.Helper()
	keys, err := vault.Create(filepath.Join(t.TempDir(), "keys.json"), vault.International)
	if err != nil {
		t.Fatal(err)
	}
	signer, vkey, err := keys.Signer("example.com/log")
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return &evlog.Log{Origin: "example.com/log", Signer: signer, Verifier: verifier}
}

// bed appends leaves and sequences them.
type bed struct {
	t    *testing.T
	db   *store.DB
	log  *evlog.Log
	next sms.ID
}

func (b *bed) write(fn func(context.Context, *store.Tx) error) {
	b.t.Helper()
	if err := b.db.Write(context.Background(), store.TurnSequencer, fn); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) add(n int) {
	b.t.Helper()
	b.write(func(ctx context.Context, tx *store.Tx) error {
		for range n {
			b.next++
			record := leaf.New("test", int64(b.next), 1, leaf.Int("n", int64(b.next)))
			if err := tx.AppendLeaf(ctx, b.next, "test", 1, [][32]byte{record.Hash()}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *bed) sequence() (placed int, head checkpoint.Checkpoint) {
	b.t.Helper()
	b.write(func(ctx context.Context, tx *store.Tx) error {
		n, signed, err := b.log.Sequence(ctx, tx)
		if err == nil && n > 0 {
			placed = n
			head, err = checkpoint.Open(signed, b.log.Origin, b.log.Verifier)
		}
		return err
	})
	return placed, head
}

func (b *bed) read(fn func(context.Context, *store.Tx) error) error {
	return b.db.Read(context.Background(), fn)
}

// P8: whoever holds an older checkpoint can check that the log continues it, and
// every leaf is provably in the newest.
func TestEveryHeadContinuesTheOneBefore(t *testing.T) {
	storetest.Both(t, time.Now, func(t *testing.T, db *store.DB) {
		b := &bed{t: t, db: db, log: open(t)}
		if n, _ := b.sequence(); n != 0 {
			t.Errorf("%d leaves placed in an empty log", n)
		}
		var heads []checkpoint.Checkpoint
		for _, n := range []int{1, 2, 5, 250, 300, 1} {
			b.add(n)
			placed, head := b.sequence()
			if placed != n || head.Tree.N != int64(b.next) {
				t.Fatalf("%d of %d placed, size %d", placed, n, head.Tree.N)
			}
			heads = append(heads, head)
		}
		newest := heads[len(heads)-1].Tree
		err := b.read(func(ctx context.Context, tx *store.Tx) error {
			for _, h := range heads {
				p, c, err := b.log.Consistency(ctx, tx, h.Tree.N)
				if err != nil {
					return err
				}
				if err := tlog.CheckTree(p, newest.N, newest.Hash, h.Tree.N, h.Tree.Hash); err != nil || c.Tree != newest {
					t.Errorf("size %d: %v", h.Tree.N, err)
				}
			}
			for id := sms.ID(1); id <= b.next; id += 37 {
				l, err := tx.Leaf(ctx, id)
				if err != nil {
					return err
				}
				p, _, err := b.log.Inclusion(ctx, tx, l.Index)
				if err != nil {
					return err
				}
				if err := tlog.CheckRecord(p, newest.N, newest.Hash, l.Index, tlog.RecordHash(l.Leaf)); err != nil {
					t.Errorf("leaf %d: %v", id, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// A tile that somebody changed in the database stops the log instead of being
// built upon.
func TestChangedTileIsFoundOut(t *testing.T) {
	storetest.Both(t, time.Now, func(t *testing.T, db *store.DB) {
		b := &bed{t: t, db: db, log: open(t)}
		b.add(3)
		b.sequence()
		b.write(func(ctx context.Context, tx *store.Tx) error {
			data, _, err := tx.Tile(ctx, b.log.Origin, "tile/8/0/000.p/3")
			if err != nil || len(data) == 0 {
				t.Fatal(len(data), err)
			}
			data[0] ^= 1
			return tx.Exec(ctx, "UPDATE evidence_tile SET data = ? WHERE path = ?", data, "tile/8/0/000.p/3")
		})
		b.add(1)
		err := db.Write(context.Background(), store.TurnSequencer, func(ctx context.Context, tx *store.Tx) error {
			_, _, err := b.log.Sequence(ctx, tx)
			return err
		})
		if err == nil {
			t.Error("the log was continued on a changed tile")
		}
	})
}

func TestForeignCheckpointIsRefused(t *testing.T) {
	storetest.Both(t, time.Now, func(t *testing.T, db *store.DB) {
		b := &bed{t: t, db: db, log: open(t)}
		b.add(1)
		b.sequence()
		other := open(t) // same origin, another key
		err := b.read(func(ctx context.Context, tx *store.Tx) error {
			_, _, _, err := other.Head(ctx, tx)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "checkpoint") {
			t.Errorf("%v", err)
		}
	})
}
