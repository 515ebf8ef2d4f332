package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
)

// What a form brought is nobody's document until it is filed as one, and is forgotten later than
// an upload that does not end.
func TestHeldDocuments(t *testing.T) {
	t.Parallel()
	storetest.Both(t, time.Now, func(t *testing.T, db *store.DB) {
		party(t, db)
		write(t, db, func(ctx context.Context, tx *store.Tx) error {
			for _, id := range []sms.ID{10, 11, 12} {
				if err := tx.PutDocument(ctx, &document.Document{ID: id, PartyID: 1, Media: "image/png", Name: "1/a.png", State: document.Uploading, CreatedAt: int64(id)}); err != nil {
					return err
				}
				if ok, err := tx.PutChunk(ctx, id, 0, []byte{byte(id)}); err != nil || !ok {
					t.Errorf("a piece: %t, %v", ok, err)
				}
			}
			if d, err := tx.NamedDocument(ctx, 1, "1/a.png"); err != nil || d != nil {
				t.Errorf("named while it comes: %+v, %v", d, err)
			}
			for _, id := range []sms.ID{10, 11} {
				if ok, err := tx.FinishDocument(ctx, &document.Document{ID: id, State: document.Held, Size: 9}); err != nil || !ok {
					t.Errorf("%t, %v", ok, err)
				}
			}
			for name, want := range map[string]sms.ID{"1/a.png": 11, "1/b.png": 0, "": 0} {
				if d, err := tx.NamedDocument(ctx, 1, name); err != nil || (d != nil) != (want != 0) || d != nil && (d.ID != want || d.Size != 9 || d.Name != name) {
					t.Errorf("%q: %+v, %v", name, d, err)
				}
			}
			if d, err := tx.NamedDocument(ctx, 2, "1/a.png"); err != nil || d != nil {
				t.Errorf("another party's: %+v, %v", d, err)
			}
			if list, err := tx.DocumentsOf(ctx, 1); err != nil || len(list) != 0 {
				t.Errorf("listed while it is held: %v, %v", list, err)
			}
			if ids, err := tx.AbandonedDocuments(ctx, 13, 11, 10); err != nil || len(ids) != 2 || ids[0] != 10 || ids[1] != 12 {
				t.Errorf("%v, %v", ids, err)
			}
			for _, want := range []bool{true, false} {
				if ok, err := tx.FileDocument(ctx, &document.Document{ID: 11, State: document.Stored, Kind: "trademark", ValidTo: 99}); err != nil || ok != want {
					t.Errorf("%t, %v", ok, err)
				}
			}
			if err := tx.DropDocument(ctx, 10); err != nil {
				return err
			}
			if d, err := tx.Document(ctx, 10); err != nil || d != nil {
				t.Errorf("%+v, %v", d, err)
			}
			if list, err := tx.DocumentsOf(ctx, 1); err != nil || len(list) != 1 || list[0].Kind != "trademark" || list[0].ValidTo != 99 {
				t.Errorf("%v, %v", list, err)
			}
			return nil
		})
	})
}
