package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/sms"
)

func place(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

// BalanceOut is the caller's account.
type BalanceOut struct {
	Body struct {
		Account   sms.ID `json:"account"`
		Currency  string `json:"currency"`
		Balance   string `json:"balance" doc:"yuan: the sum of top-ups, adjustments and charges"`
		Held      string `json:"held" doc:"yuan: held for messages that have not ended"`
		Available string `json:"available" doc:"yuan: what may still be held"`
	}
}

// EntriesIn pages through the journal.
type EntriesIn struct {
	After string `query:"after" maxLength:"20" doc:"only entries newer than this id"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

// EntryView is a line of the journal.
type EntryView struct {
	ID        sms.ID      `json:"id"`
	Kind      ledger.Kind `json:"kind"`
	UnitPrice string      `json:"unit_price"`
	Units     int         `json:"units"`
	Amount    string      `json:"amount"`
	Reference string      `json:"reference,omitempty"`
	At        int64       `json:"at"`
}

// EntriesOut is a page of the journal, oldest first.
type EntriesOut struct {
	Body struct {
		Entries []EntryView `json:"entries"`
	}
}

func (a *API) account() {
	operation(a, ScopeRead, huma.Operation{
		OperationID: "balance", Method: http.MethodGet, Path: "/v1/balance", Summary: "Balance 余额", Tags: []string{"account"},
	}, a.balance)
	operation(a, ScopeRead, huma.Operation{
		OperationID: "entries", Method: http.MethodGet, Path: "/v1/ledger", Summary: "Journal, entry by entry 账目", Tags: []string{"account"},
		Description: "The balance is the sum of these, to the last digit.",
	}, a.entries)
}

func (a *API) balance(ctx context.Context, _ *struct{}) (*BalanceOut, error) {
	c, out := callerOf(ctx), &BalanceOut{}
	err := a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		b, err := tx.BalanceOf(ctx, c.app.AccountID)
		out.Body.Account, out.Body.Currency = b.AccountID, "CNY"
		out.Body.Balance, out.Body.Held, out.Body.Available = b.Balance.String(), b.Held.String(), b.Available().String()
		return err
	})
	return out, err
}

func (a *API) entries(ctx context.Context, in *EntriesIn) (*EntriesOut, error) {
	after, err := cursor(in.After, "query.after")
	if err != nil {
		return nil, err
	}
	out := &EntriesOut{}
	out.Body.Entries = []EntryView{}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.Entries(ctx, callerOf(ctx).app.AccountID, after, in.Limit)
		for _, e := range list {
			out.Body.Entries = append(out.Body.Entries, EntryView{e.ID, e.Kind, e.UnitPrice.String(), e.Count, e.Amount.String(), e.Reference, e.At})
		}
		return err
	})
	return out, err
}

// Cursor is an id at which a page begins; 0 is the beginning.
type Cursor sms.ID

// UnmarshalText reads the decimal form.
func (c *Cursor) UnmarshalText(b []byte) error {
	if string(b) == "0" {
		*c = 0
		return nil
	}
	return (*sms.ID)(c).UnmarshalText(b)
}

// MarshalText gives the decimal form.
func (c Cursor) MarshalText() ([]byte, error) { return sms.ID(c).MarshalText() }

// cursor reads one; empty is the beginning too.
func cursor(s, field string) (sms.ID, error) {
	if s == "" {
		return 0, nil
	}
	var id Cursor
	if err := id.UnmarshalText([]byte(s)); err != nil {
		return 0, sms.Errorf(sms.BadRequest, field, "%s", err).Chinese("应为正的十进制编号，或 0")
	}
	return sms.ID(id), nil
}
