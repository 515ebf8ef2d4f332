package consent_test

import (
	"context"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
)

// A code is good once, for its page, until it ends or was guessed at too often.
func TestPossession(t *testing.T) {
	storetest.Both(t, time.Now, func(t *testing.T, db *store.DB) {
		l := consent.Limits{PerNumber: 2, PerAddress: 3, PerGroup: 4, Within: time.Hour, Attempts: 2, CodeLife: time.Minute, PageLife: time.Minute}
		next := sms.ID(0)
		ask := func(phone, address byte, group sms.ID, at int64) (token [32]byte, err error) {
			next++
			token[0] = byte(next)
			return token, db.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
				return consent.Ask(ctx, tx, consent.Possession{ID: next, Token: token, PhoneID: [16]byte{phone}, Address: [16]byte{address}, GroupID: group, Code: [32]byte{7}, CreatedAt: at}, l)
			})
		}
		prove := func(token [32]byte, code byte, at int64) (p *consent.Possession) {
			err := db.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) (err error) {
				p, err = consent.Prove(ctx, tx, token, [32]byte{code}, at, l)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		must := func(phone, address byte, group sms.ID, at int64) [32]byte {
			token, err := ask(phone, address, group, at)
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		a := must(1, 1, ours, begin)
		if prove(a, 7, begin+l.CodeLife.Milliseconds()) != nil {
			t.Error("a code works at the moment when it ends")
		}
		if prove(a, 8, begin) != nil || prove(a, 7, begin+l.CodeLife.Milliseconds()-1) == nil || prove(a, 7, begin) != nil {
			t.Error("a code must work once, at its last attempt, and no more")
		}
		b := must(1, 1, ours, begin)
		if prove(b, 8, begin) != nil || prove(b, 9, begin) != nil || prove(b, 7, begin) != nil {
			t.Error("a code works after too many attempts")
		}
		if _, err := ask(1, 2, ours, begin); err == nil {
			t.Error("a third code to the number")
		}
		must(2, 1, ours, begin)
		if _, err := ask(3, 1, theirs, begin); err == nil {
			t.Error("a fourth code from the address")
		}
		must(4, 4, ours, begin)
		if _, err := ask(5, 5, ours, begin); err == nil {
			t.Error("a fifth code of the group")
		}
		must(5, 5, theirs, begin)
		must(1, 1, ours, begin+l.Within.Milliseconds()+1)
	})
}
