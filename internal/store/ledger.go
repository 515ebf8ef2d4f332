package store

import (
	"context"
	"database/sql"
	"fmt"
	"sort"

	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// LockAccounts locks and reads the accounts, in order of id.
func (t *Tx) LockAccounts(ctx context.Context, ids []sms.ID) ([]ledger.Balance, error) {
	sorted := append([]sms.ID(nil), ids...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
	query := "SELECT id, COALESCE(payer_id,0), floor, balance, held FROM account WHERE id = ?"
	if t.d.dialect == Postgres {
		query += " FOR UPDATE"
	}
	out := make([]ledger.Balance, 0, len(sorted))
	for _, id := range sorted {
		var b ledger.Balance
		err := t.One(ctx, query, []any{int64(id)}, &b.AccountID, &b.PayerID, &b.Floor, &b.Balance, &b.Held)
		switch {
		case err == sql.ErrNoRows:
		case err != nil:
			return nil, err
		default:
			out = append(out, b)
		}
	}
	return out, nil
}

// Post writes entries and the balances that result from them.
func (t *Tx) Post(ctx context.Context, entries []ledger.Entry, balances []ledger.Balance) error {
	args := make([]any, 0, len(entries)*10)
	for i := range entries {
		e := &entries[i]
		args = append(args, int64(e.ID), int64(e.TxID), int64(e.AccountID), int64(e.ContraID), string(e.Kind), int64(e.UnitPrice), int64(e.Count), int64(e.Amount), e.Reference, e.At)
	}
	if err := t.insert(ctx, "INSERT INTO ledger_entry(id, tx_id, account_id, contra_id, kind, unit_price, count, amount, reference, at) VALUES ", 10, "", args); err != nil {
		return err
	}
	for i := range balances {
		b := &balances[i]
		n, err := t.ExecCount(ctx, "UPDATE account SET balance = ?, held = ? WHERE id = ?", int64(b.Balance), int64(b.Held), int64(b.AccountID))
		if err != nil {
			return err
		}
		if n != 1 {
			return fmt.Errorf("account %d has gone", b.AccountID)
		}
	}
	return nil
}

// Entries lists an account's entries after an id, oldest first.
func (t *Tx) Entries(ctx context.Context, account, after sms.ID, limit int) ([]ledger.Entry, error) {
	var out []ledger.Entry
	err := t.Query(ctx, "SELECT id, tx_id, account_id, contra_id, kind, unit_price, count, amount, reference, at FROM ledger_entry WHERE account_id = ? AND id > ? ORDER BY id LIMIT ?",
		[]any{int64(account), int64(after), int64(limit)}, func(r *sql.Rows) error {
			var e ledger.Entry
			if err := r.Scan(&e.ID, &e.TxID, &e.AccountID, &e.ContraID, &e.Kind, &e.UnitPrice, &e.Count, &e.Amount, &e.Reference, &e.At); err != nil {
				return err
			}
			out = append(out, e)
			return nil
		})
	return out, err
}

// BalanceOf reads an account without locking it.
func (t *Tx) BalanceOf(ctx context.Context, account sms.ID) (ledger.Balance, error) {
	var b ledger.Balance
	err := t.One(ctx, "SELECT id, COALESCE(payer_id,0), floor, balance, held FROM account WHERE id = ?", []any{int64(account)},
		&b.AccountID, &b.PayerID, &b.Floor, &b.Balance, &b.Held)
	return b, err
}

// CheckLedger recomputes every balance from its entries and names those that
// differ (P5). It reads the whole journal.
func (t *Tx) CheckLedger(ctx context.Context) ([]string, error) {
	var bad []string
	err := t.Query(ctx, `SELECT a.id, a.balance, a.held,
		COALESCE(SUM(CASE e.kind WHEN 'topup' THEN e.amount WHEN 'adjustment' THEN e.amount WHEN 'capture' THEN -e.amount ELSE 0 END), 0),
		COALESCE(SUM(CASE e.kind WHEN 'hold' THEN e.amount WHEN 'capture' THEN -e.amount WHEN 'release' THEN -e.amount ELSE 0 END), 0)
		FROM account a LEFT JOIN ledger_entry e ON e.account_id = a.id GROUP BY a.id, a.balance, a.held ORDER BY a.id`, nil,
		func(r *sql.Rows) error {
			var id sms.ID
			var balance, held, wantBalance, wantHeld sms.Money
			if err := r.Scan(&id, &balance, &held, &wantBalance, &wantHeld); err != nil {
				return err
			}
			if balance != wantBalance || held != wantHeld {
				bad = append(bad, fmt.Sprintf("account %d has balance %s and held %s; its entries give %s and %s", id, balance, held, wantBalance, wantHeld))
			}
			return nil
		})
	return bad, err
}
