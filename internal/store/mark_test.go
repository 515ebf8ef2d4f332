package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
)

// Marks are a party's own, newest first.
func TestMarks(t *testing.T) {
	t.Parallel()
	storetest.Both(t, time.Now, func(t *testing.T, db *store.DB) {
		party(t, db)
		write(t, db, func(ctx context.Context, tx *store.Tx) error {
			if err := tx.PutDocument(ctx, &document.Document{ID: 9, PartyID: 1, Kind: "trademark", Media: "image/png", State: document.Stored}); err != nil {
				return err
			}
			one := registry.Mark{
				ID: 10, PartyID: 1, Source: registry.App, Name: "示例", Registration: "R1", Holder: "示例集团", Address: "https://apps.example.com", Period: registry.Period{From: 3, To: 4}, DocumentID: 9, CreatedAt: 5,
			}
			for _, id := range []sms.ID{10, 11} {
				m := one
				m.ID = id
				if err := tx.PutMark(ctx, &m); err != nil {
					return err
				}
			}
			list, err := tx.Marks(ctx, 1)
			if err != nil || len(list) != 2 || list[0].ID != 11 || *list[1] != one {
				t.Errorf("%+v, %v", list, err)
			}
			if list, err := tx.Marks(ctx, 2); err != nil || len(list) != 0 {
				t.Errorf("another party's: %+v, %v", list, err)
			}
			return nil
		})
	})
}
