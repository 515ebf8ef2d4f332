package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
)

// A document is seen once its content is whole, and nothing is added to it afterwards.
func TestDocuments(t *testing.T) {
	t.Parallel()
	storetest.Both(t, time.Now, func(t *testing.T, db *store.DB) {
		party(t, db)
		write(t, db, func(ctx context.Context, tx *store.Tx) error {
			for id, end := range map[sms.ID]int64{10: 500, 11: 0, 12: 300} {
				if err := tx.PutDocument(ctx, &document.Document{ID: id, PartyID: 1, Kind: "contract", Media: "image/png", ValidTo: end, State: document.Uploading, KeyID: 7, StaffID: 8, CreatedAt: int64(id)}); err != nil {
					return err
				}
				if ok, err := tx.PutChunk(ctx, id, 0, []byte{byte(id)}); err != nil || !ok {
					t.Errorf("a piece: %t, %v", ok, err)
				}
			}
			return nil
		})
		write(t, db, func(ctx context.Context, tx *store.Tx) error {
			if ids, err := tx.AbandonedDocuments(ctx, 12, 0, 10); err != nil || len(ids) != 2 || ids[0] != 10 {
				t.Errorf("%v, %v", ids, err)
			}
			if list, err := tx.DocumentsOf(ctx, 1); err != nil || len(list) != 0 {
				t.Errorf("seen before its end: %v, %v", list, err)
			}
			for _, id := range []sms.ID{10, 12} {
				d := &document.Document{ID: id, State: document.Stored, Size: 9, SHA256: [32]byte{5}}
				for i, want := range []bool{true, false} {
					if ok, err := tx.FinishDocument(ctx, d); err != nil || ok != want {
						t.Errorf("ended %d times: %t, %v", i+1, ok, err)
					}
				}
			}
			return nil
		})
		write(t, db, func(ctx context.Context, tx *store.Tx) error {
			if ok, err := tx.PutChunk(ctx, 10, 1, []byte{1}); err != nil || ok {
				t.Errorf("a piece after the end: %t, %v", ok, err)
			}
			for _, id := range []sms.ID{10, 11} {
				if err := tx.DropDocument(ctx, id); err != nil {
					return err
				}
			}
			if d, err := tx.Document(ctx, 11); err != nil || d != nil {
				t.Errorf("%+v, %v", d, err)
			}
			if b, err := tx.Chunk(ctx, 11, 0); err == nil {
				t.Errorf("a piece of a dropped one: %v", b)
			}
			d, err := tx.Document(ctx, 10)
			if err != nil || d == nil || d.Size != 9 || d.SHA256 != [32]byte{5} || d.Media != "image/png" || d.KeyID != 7 || d.StaffID != 8 {
				t.Errorf("a stored one is dropped or changed: %+v, %v", d, err)
			}
			if b, err := tx.Chunk(ctx, 10, 0); err != nil || len(b) != 1 || b[0] != 10 {
				t.Errorf("%v, %v", b, err)
			}
			if n, err := tx.CountDocuments(ctx, 1); err != nil || n != 2 {
				t.Errorf("%d, %v", n, err)
			}
			if list, err := tx.ExpiringDocuments(ctx, 500, 10); err != nil || len(list) != 1 || list[0].ID != 12 {
				t.Errorf("%v, %v", list, err)
			}
			if list, err := tx.DocumentsOf(ctx, 1); err != nil || len(list) != 2 || list[0].ID != 12 {
				t.Errorf("%v, %v", list, err)
			}
			v := document.View{ID: 20, DocumentID: 10, StaffID: 8, KeyID: 7, Reason: "why", At: 3}
			if err := tx.PutView(ctx, v); err != nil {
				return err
			}
			if list, err := tx.Views(ctx, 10, 5); err != nil || len(list) != 1 || list[0] != v {
				t.Errorf("%v, %v", list, err)
			}
			return nil
		})
	})
}

// Of each kind of paper that a party has the one that holds longest counts, once it is stored.
func TestPapersHeld(t *testing.T) {
	t.Parallel()
	storetest.Both(t, time.Now, func(t *testing.T, db *store.DB) {
		party(t, db)
		write(t, db, func(ctx context.Context, tx *store.Tx) error {
			if err := tx.Put(ctx, registry.Party{ID: 2, GroupID: 2, Kind: registry.Customer, Name: "B", State: registry.Active}); err != nil {
				return err
			}
			for i, x := range []document.Document{
				{PartyID: 1, Kind: "contract", ValidTo: 300, State: document.Stored},
				{PartyID: 1, Kind: "contract", ValidTo: 500, State: document.Stored},
				{PartyID: 1, Kind: "handler_id", ValidTo: 500, State: document.Stored},
				{PartyID: 1, Kind: "handler_id", State: document.Stored},
				{PartyID: 1, Kind: "other", State: document.Stored},
				{PartyID: 1, Kind: "impact_assessment", State: document.Uploading},
				{PartyID: 2, Kind: "impact_assessment", ValidTo: 100, State: document.Stored},
				{PartyID: 2, Kind: "contract", ValidTo: 101, State: document.Stored},
			} {
				x.ID, x.Media = sms.ID(i+1), "image/png"
				if err := tx.PutDocument(ctx, &x); err != nil {
					return err
				}
			}
			for of, want := range map[sms.ID]string{0: "1 contract 500|1 handler_id 0|2 contract 101", 1: "1 contract 500|1 handler_id 0", 2: "2 contract 101"} {
				var got []string
				err := tx.PapersHeld(ctx, of, []string{"contract", "handler_id", "impact_assessment"}, 100, func(party sms.ID, kind string, until int64) {
					got = append(got, fmt.Sprint(party, " ", kind, " ", until))
				})
				slices.Sort(got)
				if err != nil || strings.Join(got, "|") != want {
					t.Errorf("of %s: %v, %v", of, got, err)
				}
			}
			return nil
		})
	})
}
