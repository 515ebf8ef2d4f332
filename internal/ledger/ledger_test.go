package ledger_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// book is the smallest Tx: what the ledger wrote and committed, in memory.
type book struct {
	rows    map[sms.ID]ledger.Balance
	entries []ledger.Entry
	crash   bool // the process ends in the next Post, which is rolled back
}

var errCrash = errors.New("crash")

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
	if b.crash {
		return errCrash
	}
	b.entries = append(b.entries, es...)
	for _, r := range bs {
		b.rows[r.AccountID] = r
	}
	return nil
}

// sound checks that each balance is the sum of its entries, holds what is open and is not
// below its floor.
func (b *book) sound(t *rapid.T, chain []ledger.Line, open []int) {
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
}

// P5: whatever the order of holds, captures and releases over whatever
// transactions, a balance is the sum of its entries, never below its floor, and
// what is held is settled exactly once. A transaction that crashes leaves nothing, and the
// next begins as if it had not been.
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
		var committed []int // the units of each hold that stands
		for range rapid.IntRange(1, 40).Draw(t, "transactions") {
			rows, entries := maps.Clone(b.rows), len(b.entries)
			tx, err := ledger.Begin(ctx, b, []sms.ID{2, 1, 1})
			if err != nil {
				t.Fatal(err)
			}
			open, moved := slices.Clone(committed), false
			for range rapid.IntRange(1, 5).Draw(t, "moves") {
				if len(open) == 0 || rapid.Bool().Draw(t, "hold") {
					units := rapid.IntRange(1, 5).Draw(t, "units")
					var short *sms.Error
					if err := tx.Hold(chain, units); err == nil {
						open, moved = append(open, units), true
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
				open, moved = slices.Delete(open, i, i+1), true
			}
			crash := rapid.SampledFrom([]string{"", "", "before the commit", "in the commit"}).Draw(t, "crash")
			if crash != "before the commit" {
				b.crash = crash != ""
				if err := tx.Post(ctx, b, ids, 0, ""); errors.Is(err, errCrash) != (moved && b.crash) || err != nil && !b.crash {
					t.Fatalf("a crash %s: %v", crash, err)
				}
				b.crash = false
			}
			if crash == "" {
				committed = open
			} else if len(b.entries) != entries || !maps.Equal(b.rows, rows) {
				t.Fatalf("a transaction that crashed %s left %+v and %+v", crash, b.rows, b.entries[entries:])
			}
			b.sound(t, chain, committed)
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
