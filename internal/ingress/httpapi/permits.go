package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// maxPermits is what one party may have, so that nobody fills the registry.
const maxPermits = 100

// PermitIn registers a permit of the caller's own.
type PermitIn struct {
	Body struct {
		Trade      string `json:"trade" minLength:"1" maxLength:"32" doc:"one of those that GET /v1/permits names"`
		Kind       string `json:"kind" minLength:"1" maxLength:"100" doc:"what it is called: 办学许可证 …"`
		Number     string `json:"number" minLength:"1" maxLength:"64"`
		Holder     string `json:"holder" minLength:"1" maxLength:"200" doc:"whom it names"`
		ValidFrom  int64  `json:"valid_from,omitempty" minimum:"0"`
		ValidTo    int64  `json:"valid_to,omitempty" minimum:"0" doc:"epoch milliseconds, 0 is no end"`
		DocumentID sms.ID `json:"document_id,omitempty" doc:"its scan, of the kind industry_permit"`
	}
}

// PermitView is a permit, and how far its review has come.
type PermitView struct {
	registry.Permit
	Review *CaseView `json:"review,omitempty" doc:"the newest"`
	Next   NextStep  `json:"next"`
}

// TradeView is a trade that needs a permit.
type TradeView struct {
	Trade string `json:"trade"`
	rulebook.Both
}

// What the operations answer.
type (
	PermitOut  struct{ Body PermitView }
	PermitsOut struct {
		Body struct {
			Permits []PermitView `json:"permits"`
			Trades  []TradeView  `json:"trades" doc:"those whose marketing needs a permit"`
		}
	}
)

// permits registers what customers do about permits of their trades by their own keys.
func (a *API) permits() {
	operation(a, ScopeApply, huma.Operation{
		OperationID: "apply-permit", Method: http.MethodPost, Path: "/v1/permits", Summary: "Register a permit of a trade 登记行业许可", Tags: []string{"applications"},
		Description: "Marketing of some trades needs a permit (CNT-09). It is reviewed by the operator's staff and counts from its approval on.",
	}, a.applyPermit)
	operation(a, ScopeRead, huma.Operation{
		OperationID: "permits", Method: http.MethodGet, Path: "/v1/permits", Summary: "Permits, and trades that need one 行业许可列表", Tags: []string{"applications"},
	}, a.listPermits)
}

func (a *API) applyPermit(ctx context.Context, in *PermitIn) (*PermitOut, error) {
	c, b, out := callerOf(ctx), &in.Body, &PermitOut{}
	by, err := author(c)
	if err != nil {
		return nil, err
	}
	if n := len(c.snap.PermitsOf(c.app.PartyID)); n >= maxPermits {
		return nil, sms.Errorf(sms.BadRequest, "body", "a party has at most %d permits", maxPermits)
	}
	p := registry.Permit{
		ID: a.IDs.Next(), PartyID: c.app.PartyID, Trade: b.Trade, Kind: b.Kind, Number: b.Number, Holder: b.Holder,
		Period: registry.Period{From: b.ValidFrom, To: b.ValidTo}, DocumentID: b.DocumentID, CreatedAt: a.Now().UnixMilli(),
	}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := a.record(ctx, tx, c.key, "apply for permit", p.ID, p); err != nil {
			return err
		}
		if _, err := a.desk.Submit(ctx, tx, &review.Permit{Permit: p}, by); err != nil {
			return err
		}
		snap, err := tx.Registry(ctx)
		if err == nil {
			out.Body, err = a.viewPermit(ctx, tx, snap.PermitByID(p.ID), operatorAdmin(c))
		}
		return err
	})
	return out, named(err)
}

func (a *API) viewPermit(ctx context.Context, tx Tx, p *registry.Permit, staff bool) (PermitView, error) {
	v := PermitView{Permit: *p}
	last, err := tx.LastCase(ctx, rulebook.ObjectPermit, p.ID, 0)
	if err == nil {
		v.Review, err = a.viewCase(last, staff)
	}
	v.Next = nextOfRight(v.State, v.Review)
	return v, err
}

func (a *API) listPermits(ctx context.Context, in *PartyIn) (*PermitsOut, error) {
	c, out := callerOf(ctx), &PermitsOut{}
	party, err := partyOf(c, in.Party)
	if err != nil {
		return nil, err
	}
	book, err := a.Gate.RulesInForce(ctx)
	if err != nil {
		return nil, err
	}
	out.Body.Permits, out.Body.Trades = []PermitView{}, []TradeView{}
	trades := book.PermitTrades()
	for _, name := range trades.Names() {
		out.Body.Trades = append(out.Body.Trades, TradeView{name, trades[name]})
	}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		for _, p := range c.snap.PermitsOf(party) {
			v, err := a.viewPermit(ctx, tx, p, operatorAdmin(c))
			if err != nil {
				return err
			}
			out.Body.Permits = append(out.Body.Permits, v)
		}
		return nil
	})
	return out, err
}
