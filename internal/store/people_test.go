package store_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
)

// CNS-16: of many numbers that do not exist every standing consent is suspended, once, and
// those of others are not; the journal names each number in a row.
func TestManyVacantNumbers(t *testing.T) {
	t.Parallel()
	storetest.Both(t, time.Now, func(t *testing.T, db *store.DB) {
		const many = 300
		phones := make([][16]byte, many)
		var grants []consent.Grant
		for i := range phones {
			binary.BigEndian.PutUint64(phones[i][:], uint64(i+1)<<40)
			for k := range 1 + i%2 { // every other one has agreed twice
				grants = append(grants, consent.Grant{PhoneID: phones[i], GroupID: sms.ID(k + 1), ID: sms.ID(2*i + k + 1), Purpose: sms.MKT, Grade: consent.Import, Method: "form", Wording: "w", Source: "shop", ValidFrom: 1})
			}
		}
		write(t, db, func(ctx context.Context, tx *store.Tx) error { return tx.InsertGrants(ctx, grants) })
		gone := append(phones[1:many:many], phones[1]) // all but the first, one of them twice
		suspend := func(at int64) map[[16]byte]int {
			found := map[[16]byte]int{}
			write(t, db, func(ctx context.Context, tx *store.Tx) error {
				clear(found)
				if err := tx.PutVacant(ctx, gone, at); err != nil {
					return err
				}
				if err := tx.SuspendGrants(ctx, gone, at, func(phone [16]byte) { found[phone]++ }); err != nil {
					return err
				}
				return tx.RevokePhones(ctx, "suspension", gone[:many-1], string(sms.MKT), at)
			})
			return found
		}
		found := suspend(7)
		for i, phone := range phones {
			want := 1 + i%2
			if i == 0 {
				want = 0
			}
			if found[phone] != want {
				t.Fatalf("%d consents of number %d were suspended, want %d", found[phone], i, want)
			}
		}
		if again := suspend(8); len(again) != 0 {
			t.Errorf("%d numbers were suspended twice", len(again))
		}
		write(t, db, func(ctx context.Context, tx *store.Tx) error {
			seen := 0
			err := tx.Vacant(ctx, phones, func(_ [16]byte, at int64) {
				if seen++; at != 8 {
					t.Errorf("gone since %d", at)
				}
			})
			if seen != many-1 {
				t.Errorf("%d numbers are gone", seen)
			}
			if err != nil {
				return err
			}
			list, err := tx.RevocationsSince(ctx, 0, 10_000)
			if len(list) != 2*(many-1) {
				t.Errorf("%d entries in the journal", len(list))
			}
			for i := range list {
				if phone := phones[1+i%(many-1)]; list[i].N != int64(i+1) || string(list[i].PhoneID) != string(phone[:]) || list[i].Kind != "suspension" {
					t.Errorf("entry %d: %+v", i, list[i])
					break
				}
			}
			return err
		})
	})
}
