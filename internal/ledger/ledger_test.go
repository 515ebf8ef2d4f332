package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// book is the smallest Tx: what the ledger wrote, in memory.
type book struct {
	rows    map[sms.ID]ledger.Balance
	entries []ledger.Entry
}

func (b *book) LockAccounts(_ context.Context, ids []sms.ID) ([]ledger.Balance, error) {
	var out []ledger.Balance
	for _, id := range ids {
		if r, ok := b.rows[id]; ok {
			out = append(out, r)
		}
	}
	return out, nil
}

func (b *book) Post(_ context.Context, es []ledger.Entry, bs []ledger.Balance) error {
	b.entries = append(b.entries, es...)
	for _, r := range bs {
		b.rows[r.AccountID] = r
	}
	return nil
}

// P5: whatever the order of holds, captures and releases over whatever
// transactions, a balance is the sum of its entries, never below its floor, and
// what is held is settled exactly once.
func TestP5BalanceIsTheSumOfItsEntries(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		ids, _ := sms.NewIDs(1, time.Now)
		b := &book{rows: map[sms.ID]ledger.Balance{
			1: {AccountID: 1, PayerID: 2, Floor: sms.Money(rapid.Int64Range(-500, 0).Draw(t, "floor"))},
			2: {AccountID: 2},
		}}
		for id := sms.ID(1); id <= 2; id++ {
			if _, err := ledger.Change(ctx, b, ids, id, ledger.Topup, sms.Money(rapid.Int64Range(1, 2000).Draw(t, "topup")), "t", 0); err != nil {
				t.Fatal(err)
			}
		}
		chain := []ledger.Line{{Account: 1, Price: 35}, {Account: 2, Price: 30}}
		var open []int
		for range rapid.IntRange(1, 40).Draw(t, "transactions") {
			tx, err := ledger.Begin(ctx, b, []sms.ID{2, 1, 1})
			if err != nil {
				t.Fatal(err)
			}
			for range rapid.IntRange(1, 5).Draw(t, "moves") {
				if len(open) == 0 || rapid.Bool().Draw(t, "hold") {
					units := rapid.IntRange(1, 5).Draw(t, "units")
					var short *sms.Error
					if err := tx.Hold(chain, units); err == nil {
						open = append(open, units)
					} else if !errors.As(err, &short) || short.Code != sms.BalanceTooLow {
						t.Fatal(err)
					}
					continue
				}
				i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
				k := rapid.IntRange(0, open[i]).Draw(t, "captured")
				if err := errors.Join(tx.Capture(chain, k), tx.Release(chain, open[i]-k)); err != nil {
					t.Fatal(err)
				}
				open = append(open[:i], open[i+1:]...)
			}
			if rapid.Bool().Draw(t, "crash before commit") {
				return
			}
			if err := tx.Post(ctx, b, ids, 0, ""); err != nil {
				t.Fatal(err)
			}
		}
		held := 0
		for _, u := range open {
			held += u
		}
		for i, l := range chain {
			var mine []ledger.Entry
			for _, e := range b.entries {
				if e.AccountID == l.Account {
					mine = append(mine, e)
				}
			}
			got, want := b.rows[l.Account], ledger.Recompute(l.Account, mine)
			if got.Balance != want.Balance || got.Held != want.Held {
				t.Fatalf("account %d has %+v, its entries say %+v", i, got, want)
			}
			if got.Held != l.Price*sms.Money(held) {
				t.Fatalf("account %d holds %s for %d units", i, got.Held, held)
			}
			if got.Available() < 0 {
				t.Fatalf("account %d is below its floor: %+v", i, got)
			}
		}
	})
}

func TestHoldOfAShortChainHoldsNothing(t *testing.T) {
	t.Parallel()
	b := ledger.NewBatch([]ledger.Balance{{AccountID: 1, Balance: 1000}, {AccountID: 2, Balance: 10}})
	chain := []ledger.Line{{Account: 1, Price: 35}, {Account: 2, Price: 30}}
	var e *sms.Error
	if err := b.Hold(chain, 1); !errors.As(err, &e) || e.Code != sms.BalanceTooLow || e.Field != "account 2" {
		t.Fatalf("got %v", err)
	}
	if err := b.Release(chain, 1); err == nil {
		t.Fatal("something was held after all")
	}
}

func TestAdjustmentNeedsAReferenceAndKeepsTheFloor(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	ids, _ := sms.NewIDs(1, time.Now)
	b := &book{rows: map[sms.ID]ledger.Balance{1: {AccountID: 1, Balance: 100}}}
	if _, err := ledger.Change(ctx, b, ids, 1, ledger.Adjustment, -50, "", 0); err == nil {
		t.Error("an adjustment without a reference was posted")
	}
	if _, err := ledger.Change(ctx, b, ids, 1, ledger.Adjustment, -101, "case 7", 0); err == nil {
		t.Error("an adjustment went below the floor")
	}
	if _, err := ledger.Change(ctx, b, ids, 1, ledger.Capture, 1, "by hand", 0); err == nil {
		t.Error("a capture was posted by hand")
	}
	if len(b.entries) != 0 {
		t.Errorf("entries %+v", b.entries)
	}
}
