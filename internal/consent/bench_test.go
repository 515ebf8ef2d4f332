package consent_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// BenchmarkList takes a list of b.N new people the whole way on SQLite, but for the reviewer.
func BenchmarkList(b *testing.B) {
	ctx, db := context.Background(), storetest.SQLite(b, time.Now)
	keys, err := vault.Create(filepath.Join(b.TempDir(), "keys.json"), vault.International)
	if err != nil {
		b.Fatal(err)
	}
	ids, err := sms.NewIDs(1, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	packs, err := rulebook.Builtin()
	if err != nil {
		b.Fatal(err)
	}
	book, err := rulebook.Load(packs...)
	if err != nil {
		b.Fatal(err)
	}
	x := &consent.Importer{Store: &dying{db, forever, false}, Keys: keys, IDs: ids, InForce: func(context.Context) (*rulebook.Book, error) { return book, nil }}
	write := func(fn func(context.Context, *store.Tx) error) {
		if err := db.Write(ctx, store.TurnBackground, fn); err != nil {
			b.Fatal(err)
		}
	}
	l := &consent.List{GroupID: 1, PartyID: 1, WordingID: 2, Method: "form", Source: "shop", Declarant: "a", Declaration: "b"}
	write(func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Put(ctx, registry.Party{ID: 1, Kind: registry.Customer, GroupID: 1, Name: "x", USCC: "x", State: registry.Active}); err != nil {
			return err
		}
		words := consent.Wording{
			ID: 2, GroupID: 1, PartyID: 1, Text: "x", Purpose: sms.MKT, Kinds: "x", PerWeek: 2, Days: 30, Notice: "https://example.com/", NoticeVersion: "1",
			Since: time.Now().Add(-time.Hour).UnixMilli(),
		}
		record := func(ctx context.Context, kind string, at int64, hashes [][32]byte) (sms.ID, error) {
			id := ids.Next()
			return id, tx.AppendLeaf(ctx, id, kind, at, hashes)
		}
		if err := consent.PutWording(ctx, tx, record, &words, true, time.Now().UnixMilli()); err != nil {
			return err
		}
		_, err := x.Declare(ctx, tx, l, &consent.Statement{Method: "form", Source: "shop"})
		return err
	})
	var file bytes.Buffer
	file.WriteString("number,given_at\n")
	for i := range b.N {
		fmt.Fprintf(&file, "14%09d,%s\n", i, time.Now().Add(-time.Minute).Format(time.RFC3339))
	}
	b.ResetTimer()
	phase := func(name string, do func() error) {
		began := time.Now()
		if err := do(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), name+"/s")
	}
	phase("received", func() error { return x.Receive(ctx, l, &file) })
	phase("checked", func() error { return x.Work(ctx) })
	write(func(ctx context.Context, tx *store.Tx) error {
		now, err := tx.Import(ctx, l.ID)
		if err != nil {
			return err
		}
		list, err := tx.Sample(ctx, l.ID, 0, b.N)
		for i := range list {
			list[i].State = "ok"
		}
		if err != nil {
			return err
		}
		return x.Decide(ctx, tx, now, list, time.Now())
	})
	phase("activated", func() error { return x.Work(ctx) })
	write(func(ctx context.Context, tx *store.Tx) error {
		got, err := tx.Import(ctx, l.ID)
		if err == nil && (got.State != consent.ImportActive || got.Activated != b.N) {
			b.Errorf("%+v", got)
		}
		return err
	})
}
