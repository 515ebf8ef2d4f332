// Package ledger keeps money: prepaid accounts, holds along the chain of payers,
// captures and releases, in integers of micro-yuan.
//
// Balance is the sum of top-ups and adjustments less captures, held the sum of
// holds less captures and releases; available is balance less held and never
// falls below the account's floor (P5). Only this package computes entries; the
// arithmetic is pure and the rows are written by a Tx.
package ledger

import (
	"context"
	"fmt"
	"sort"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Kind is what an entry does.
type Kind string

// The kinds. Amounts are positive except an adjustment's.
const (
	Topup      Kind = "topup"      // 充值: balance rises
	Hold       Kind = "hold"       // 冻结: held rises
	Capture    Kind = "capture"    // 扣费: balance and held fall
	Release    Kind = "release"    // 解冻: held falls
	Adjustment Kind = "adjustment" // 调账: balance changes, with a reference
)

// Entry is one line of the journal: what a transaction did to one account at
// one price. The contra account is the other side, 0 the world outside.
type Entry struct {
	ID        sms.ID
	TxID      sms.ID
	AccountID sms.ID
	ContraID  sms.ID
	Kind      Kind
	UnitPrice sms.Money
	Count     int // units
	Amount    sms.Money
	Reference string
	At        int64
}

// Balance is an account's state under its lock.
type Balance struct {
	AccountID sms.ID
	PayerID   sms.ID
	Floor     sms.Money
	Balance   sms.Money
	Held      sms.Money
}

// Available is what may still be held.
func (b Balance) Available() sms.Money { return b.Balance - b.Held - b.Floor }

// Apply adds an entry to the balance, or says why it can't.
func (b *Balance) Apply(e Entry) error {
	if e.Kind != Adjustment && e.Amount < 0 || e.Count < 0 {
		return fmt.Errorf("a %s of %s over %d units is negative", e.Kind, e.Amount, e.Count)
	}
	next := *b
	switch e.Kind {
	case Topup, Adjustment:
		next.Balance += e.Amount
	case Hold:
		next.Held += e.Amount
	case Capture:
		next.Balance -= e.Amount
		next.Held -= e.Amount
	case Release:
		next.Held -= e.Amount
	default:
		return fmt.Errorf("kind %q is no entry", e.Kind)
	}
	switch {
	case next.Held < 0:
		return fmt.Errorf("account %d would settle more than it holds", b.AccountID)
	case next.Available() < 0 && e.Kind != Topup && e.Kind != Release && e.Kind != Capture:
		return sms.Errorf(sms.BalanceTooLow, "account "+b.AccountID.String(), "it has %s available and needs %s", b.Available(), e.Amount)
	}
	*b = next
	return nil
}

// Line is the price of one account in a message's chain of payers, the
// customer's own first.
type Line struct {
	Account sms.ID    `json:"account"`
	Price   sms.Money `json:"price"` // per unit
}

// Tx is what the ledger needs of a transaction.
type Tx interface {
	// LockAccounts locks the rows in order of id and reads them.
	LockAccounts(ctx context.Context, ids []sms.ID) ([]Balance, error)
	// Post writes the entries and the balances that result.
	Post(ctx context.Context, entries []Entry, balances []Balance) error
}

// Batch gathers what one transaction does to money: many messages, few entries.
type Batch struct {
	balances map[sms.ID]*Balance
	sums     map[key]*Entry
}

type key struct {
	account sms.ID
	kind    Kind
	price   sms.Money
}

// Begin locks the accounts. Every account of every chain must be named.
func Begin(ctx context.Context, tx Tx, accounts []sms.ID) (*Batch, error) {
	ids := append([]sms.ID(nil), accounts...)
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	uniq := ids[:0]
	for i, id := range ids {
		if i == 0 || id != ids[i-1] {
			uniq = append(uniq, id)
		}
	}
	rows, err := tx.LockAccounts(ctx, uniq)
	if err != nil {
		return nil, fmt.Errorf("lock accounts: %w", err)
	}
	return NewBatch(rows), nil
}

// NewBatch starts from balances that the caller has locked.
func NewBatch(rows []Balance) *Batch {
	b := &Batch{balances: make(map[sms.ID]*Balance, len(rows)), sums: map[key]*Entry{}}
	for i := range rows {
		b.balances[rows[i].AccountID] = &rows[i]
	}
	return b
}

// Hold holds units along the whole chain, or nothing and says which account is short.
func (b *Batch) Hold(chain []Line, units int) error { return b.all(Hold, chain, units) }

// Capture turns held units into a charge.
func (b *Batch) Capture(chain []Line, units int) error { return b.all(Capture, chain, units) }

// Release gives held units back.
func (b *Batch) Release(chain []Line, units int) error { return b.all(Release, chain, units) }

func (b *Batch) all(kind Kind, chain []Line, units int) error {
	if units == 0 {
		return nil
	}
	saved := make([]Balance, 0, 4)
	for i, l := range chain {
		bal := b.balances[l.Account]
		amount, err := l.Price.Times(units)
		if bal == nil {
			err = fmt.Errorf("account %d is not locked", l.Account)
		} else if err == nil {
			saved = append(saved, *bal)
			err = bal.Apply(Entry{Kind: kind, Amount: amount, Count: units})
		}
		if err != nil {
			for j := range min(i, len(saved)) {
				*b.balances[chain[j].Account] = saved[j]
			}
			return err
		}
	}
	for _, l := range chain {
		k := key{l.Account, kind, l.Price}
		e := b.sums[k]
		if e == nil {
			e = &Entry{AccountID: l.Account, ContraID: b.balances[l.Account].PayerID, Kind: kind, UnitPrice: l.Price}
			b.sums[k] = e
		}
		e.Count += units
		e.Amount += l.Price * sms.Money(units)
	}
	return nil
}

// Post writes what was gathered: one entry per account, price and kind. Holds
// come first, so that a reader adding up entries never sees a negative hold.
func (b *Batch) Post(ctx context.Context, tx Tx, ids *sms.IDs, at int64, reference string) error {
	if len(b.sums) == 0 {
		return nil
	}
	txID := ids.Next()
	entries := make([]Entry, 0, len(b.sums))
	touched := map[sms.ID]bool{}
	for _, e := range b.sums {
		entries = append(entries, *e)
		touched[e.AccountID] = true
	}
	rank := map[Kind]int{Hold: 0, Capture: 1, Release: 2}
	sort.Slice(entries, func(i, j int) bool {
		x, y := entries[i], entries[j]
		if x.AccountID != y.AccountID {
			return x.AccountID < y.AccountID
		}
		if x.Kind != y.Kind {
			return rank[x.Kind] < rank[y.Kind]
		}
		return x.UnitPrice < y.UnitPrice
	})
	for i := range entries {
		e := &entries[i]
		e.ID, e.TxID, e.At, e.Reference = ids.Next(), txID, at, reference
	}
	balances := make([]Balance, 0, len(touched))
	for id := range touched {
		balances = append(balances, *b.balances[id])
	}
	if err := tx.Post(ctx, entries, balances); err != nil {
		return fmt.Errorf("post to the ledger: %w", err)
	}
	b.sums = map[key]*Entry{}
	return nil
}

// Share is what part of a message's hold is settled along its chain.
type Share struct {
	Chain []Line
	Units int
}

// Settle locks the accounts of what is held, captures and releases it, and posts
// the entries. With nothing to settle it locks nothing.
func Settle(ctx context.Context, tx Tx, ids *sms.IDs, at int64, captures, releases []Share) error {
	var accounts []sms.ID
	for _, list := range [][]Share{captures, releases} {
		for _, s := range list {
			for _, line := range s.Chain {
				accounts = append(accounts, line.Account)
			}
		}
	}
	if len(accounts) == 0 {
		return nil
	}
	b, err := Begin(ctx, tx, accounts)
	if err != nil {
		return err
	}
	for _, s := range captures {
		if err := b.Capture(s.Chain, s.Units); err != nil {
			return fmt.Errorf("capture: %w", err)
		}
	}
	for _, s := range releases {
		if err := b.Release(s.Chain, s.Units); err != nil {
			return fmt.Errorf("release: %w", err)
		}
	}
	return b.Post(ctx, tx, ids, at, "")
}

// Change posts a top-up or an adjustment of one account.
func Change(ctx context.Context, tx Tx, ids *sms.IDs, account sms.ID, kind Kind, amount sms.Money, reference string, at int64) (Entry, error) {
	if kind != Topup && kind != Adjustment {
		return Entry{}, fmt.Errorf("%s is not posted by hand", kind)
	}
	if reference == "" || amount == 0 {
		return Entry{}, sms.Errorf(sms.BadRequest, "reference", "a %s needs an amount other than 0 and a reference", kind)
	}
	rows, err := tx.LockAccounts(ctx, []sms.ID{account})
	if err != nil {
		return Entry{}, fmt.Errorf("lock account: %w", err)
	}
	if len(rows) != 1 {
		return Entry{}, sms.Errorf(sms.NotFound, "account", "no account has this id")
	}
	e := Entry{ID: ids.Next(), TxID: ids.Next(), AccountID: account, ContraID: rows[0].PayerID, Kind: kind, Amount: amount, Reference: reference, At: at}
	if err := rows[0].Apply(e); err != nil {
		return Entry{}, err
	}
	return e, tx.Post(ctx, []Entry{e}, rows)
}

// Recompute adds up all entries of an account, in order. The result must equal
// the stored balance.
func Recompute(account sms.ID, entries []Entry) Balance {
	b := Balance{AccountID: account}
	for _, e := range entries {
		switch e.Kind {
		case Topup, Adjustment:
			b.Balance += e.Amount
		case Hold:
			b.Held += e.Amount
		case Capture:
			b.Balance -= e.Amount
			b.Held -= e.Amount
		case Release:
			b.Held -= e.Amount
		}
	}
	return b
}
