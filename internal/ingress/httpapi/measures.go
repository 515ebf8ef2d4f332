package httpapi

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/risk"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// MeasuresOut lists measures.
type MeasuresOut struct {
	Body struct {
		Measures []registry.Measure `json:"measures"`
	}
}

// AppealIn is what a party says against a measure.
type AppealIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Text string `json:"text" minLength:"1" maxLength:"2000" doc:"without telephone numbers: name messages by their ids"`
	}
}

// ImposeIn imposes a measure by hand.
type ImposeIn struct {
	Body struct {
		PartyID sms.ID `json:"party_id"`
		Kind    string `json:"kind" enum:"remind,slow,hold,suspend,close" doc:"remind tells the party only; slow: its marketing leaves at a pace; hold: its marketing waits for a reviewer; suspend: its marketing is refused; close: whatever it sends is refused. All below the party are reached too, so that close freezes a whole subtree at once"`
		Pace    int64  `json:"per_minute,omitempty" minimum:"0" maximum:"1000000" doc:"of slow: marketing messages in a minute"`
		Strike  string `json:"strike,omitempty" enum:",general,serious,major" doc:"how it counts on the ladder (CMP-10): what the rules ask for by it is imposed at once"`
		Zh      string `json:"zh" minLength:"1" maxLength:"1000" doc:"reason and what to do"`
		En      string `json:"en" minLength:"1" maxLength:"1000"`
	}
}

// MeasureOut is one.
type MeasureOut struct{ Body registry.Measure }

// measures registers what is done about parties, and what they may do about it.
func (a *API) measures() {
	operation(a, ScopeRead, huma.Operation{
		OperationID: "measures", Method: http.MethodGet, Path: "/v1/measures", Summary: "Measures about you 处置", Tags: []string{"account"},
		Description: "Reminders, slow-downs, holds, suspensions and closings that reach you, with their reasons, also those of the parties above you.",
	}, a.listMeasures)
	operation(a, ScopeSend, huma.Operation{
		OperationID: "appeal", Method: http.MethodPost, Path: "/v1/measures/{id}/appeal", Summary: "Appeal against a measure 申诉", Tags: []string{"account"},
		Description: "The operator's compliance reads it. A later appeal takes the place of an earlier one; both are in the evidence.",
	}, a.appeal)
	overseen(a, "all-measures", "/v1/admin/measures", "Measures about parties 全部处置", a.allMeasures)
	operation(a, ScopeAdmin, adminOp("impose-measure", http.MethodPost, "/v1/admin/measures", "Impose a measure 处置主体"), a.impose)
	operation(a, ScopeAdmin, adminOp("lift-measure", http.MethodPost, "/v1/admin/measures/{id}/lift", "Lift a measure 解除处置"), a.lift)
}

func (a *API) listMeasures(ctx context.Context, _ *struct{}) (*MeasuresOut, error) {
	c := callerOf(ctx)
	out := measuresOf(c.snap, c.snap.Chain(c.app.PartyID))
	// What is done about a channel is the operator's, and of other parties' signatures theirs.
	out.Body.Measures = slices.DeleteFunc(out.Body.Measures, func(m registry.Measure) bool { return m.Object != registry.OfParty && m.PartyID != c.app.PartyID })
	return out, nil
}

func (a *API) allMeasures(ctx context.Context, _ *struct{}) (*MeasuresOut, error) {
	snap := callerOf(ctx).snap
	return measuresOf(snap, slices.Collect(maps.Values(snap.Party))), nil
}

// measuresOf lists those of parties, oldest first.
func measuresOf(snap *registry.Snapshot, parties []*registry.Party) *MeasuresOut {
	out := &MeasuresOut{}
	out.Body.Measures = []registry.Measure{}
	for _, p := range parties {
		for _, m := range snap.Measures(p.ID) {
			out.Body.Measures = append(out.Body.Measures, *m)
		}
	}
	slices.SortFunc(out.Body.Measures, func(a, b registry.Measure) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func (a *API) appeal(ctx context.Context, in *AppealIn) (*MeasureOut, error) {
	c, text := callerOf(ctx), in.Body.Text
	if err := words("body.text", text); err != nil {
		return nil, err
	}
	reaches := func(m *registry.Measure) bool {
		for _, p := range c.snap.Chain(c.app.PartyID) {
			if p.ID == m.PartyID && (m.Object == registry.OfParty || p.ID == c.app.PartyID) {
				return true
			}
		}
		return false
	}
	return a.changeMeasure(ctx, in.ID, reaches, func(ctx context.Context, tx Tx, _ *registry.Snapshot, m *registry.Measure) error {
		return risk.Appeal(ctx, tx, a.IDs, m, text)
	})
}

func (a *API) impose(ctx context.Context, in *ImposeIn) (*MeasureOut, error) {
	c, b, out := callerOf(ctx), &in.Body, &MeasureOut{}
	by, err := person(c, registry.RoleCompliance)
	if err != nil {
		return nil, err
	}
	if c.snap.Party[b.PartyID] == nil {
		return nil, sms.Errorf(sms.NotFound, "body.party_id", "no party has this id")
	}
	if err := allWords("body.zh", b.Zh, "body.en", b.En); err != nil {
		return nil, err
	}
	if (b.Kind == registry.Slowed) != (b.Pace > 0) {
		return nil, sms.Errorf(sms.BadRequest, "body.per_minute", "a slow-down names its pace, and nothing else does")
	}
	book, err := a.Gate.RulesInForce(ctx)
	if err != nil {
		return nil, err
	}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		out.Body = registry.Measure{PartyID: b.PartyID, Kind: b.Kind, Pace: b.Pace, Strike: b.Strike, Zh: b.Zh, En: b.En, Figures: "{}", ImposedBy: by.ID}
		return risk.Charge(ctx, tx, a.IDs, book, &out.Body)
	})
	return out, err
}

// LiftIn ends a measure.
type LiftIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Why       string `json:"why" minLength:"1" maxLength:"1000" doc:"what was shown; without telephone numbers"`
		Unfounded bool   `json:"unfounded,omitempty" doc:"it should not have been imposed: it counts as no strike"`
	}
}

func (a *API) lift(ctx context.Context, in *LiftIn) (*MeasureOut, error) {
	by, err := person(callerOf(ctx), registry.RoleCompliance)
	if err != nil {
		return nil, err
	}
	if err := words("body.why", in.Body.Why); err != nil {
		return nil, err
	}
	whoever := func(*registry.Measure) bool { return true }
	return a.changeMeasure(ctx, in.ID, whoever, func(ctx context.Context, tx Tx, snap *registry.Snapshot, m *registry.Measure) error {
		return risk.Lift(ctx, tx, a.IDs, snap, m, by.ID, in.Body.Why, in.Body.Unfounded)
	})
}

// changeMeasure changes a measure that the caller may know of, as it is in the transaction.
func (a *API) changeMeasure(ctx context.Context, text string, may func(*registry.Measure) bool, change func(context.Context, Tx, *registry.Snapshot, *registry.Measure) error) (*MeasureOut, error) {
	id, err := pathID(text)
	if err != nil {
		return nil, err
	}
	out := &MeasureOut{}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		snap, err := tx.Registry(ctx)
		if err != nil {
			return err
		}
		for p := range snap.Party {
			for _, m := range snap.Measures(p) {
				if m.ID == id && may(m) {
					out.Body = *m
					return change(ctx, tx, snap, &out.Body)
				}
			}
		}
		return sms.Errorf(sms.NotFound, "path.id", "no measure that reaches you has this id")
	})
	return out, err
}
