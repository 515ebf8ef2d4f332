package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/assess"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// maxAssessing is how many assessments are made at once: each goes through the registry.
const maxAssessing = 2

// AssessmentOut is the assessment of a party.
type AssessmentOut struct{ Body *assess.Report }

// AssessPartyIn names a party.
type AssessPartyIn struct {
	Party string `query:"party" maxLength:"20" doc:"id; without it, the operator"`
}

// PageIn says in which language a page is.
type PageIn struct {
	Lang string `query:"lang" enum:"zh,en,both" default:"both"`
}

// PartyPageIn asks for the page of a party.
type PartyPageIn struct {
	AssessPartyIn
	PageIn
}

// PageOut is a page to print.
type PageOut struct {
	ContentType string `header:"Content-Type"`
	Policy      string `header:"Content-Security-Policy"`
	Body        []byte
}

// assessment registers whether parties are lawful as they stand now. Everybody may ask it
// of itself, the operator's administrators of all.
func (a *API) assessment() {
	const said = "Each obligation with what is on file, what a breach costs and what to do. What the platform holds no fact about is `unknown`, never `met`. No legal advice."
	operation(a, ScopeRead, huma.Operation{
		OperationID: "assessment", Method: http.MethodGet, Path: "/v1/assessment", Summary: "Is my 106 SMS business lawful? 合规评估", Tags: []string{"account"}, Description: said,
	}, func(ctx context.Context, _ *struct{}) (*AssessmentOut, error) {
		return a.assessed(ctx, callerOf(ctx).app.PartyID)
	})
	operation(a, ScopeRead, huma.Operation{
		OperationID: "assessment-page", Method: http.MethodGet, Path: "/v1/assessment/page", Summary: "The same as a page to print 合规评估（可打印）", Tags: []string{"account"},
	}, func(ctx context.Context, in *PageIn) (*PageOut, error) {
		out, err := a.assessed(ctx, callerOf(ctx).app.PartyID)
		return asPage(out, in.Lang, err)
	})
	operation(a, ScopeAdmin, huma.Operation{
		OperationID: "assess-party", Method: http.MethodGet, Path: "/v1/admin/assessment", Summary: "Is a party's business lawful? 主体合规评估", Tags: []string{"admin"}, Description: said,
	}, func(ctx context.Context, in *AssessPartyIn) (*AssessmentOut, error) {
		return a.assessParty(ctx, in.Party)
	})
	operation(a, ScopeAdmin, huma.Operation{
		OperationID: "assess-party-page", Method: http.MethodGet, Path: "/v1/admin/assessment/page", Summary: "The same as a page to print 主体合规评估（可打印）", Tags: []string{"admin"},
	}, func(ctx context.Context, in *PartyPageIn) (*PageOut, error) {
		out, err := a.assessParty(ctx, in.Party)
		return asPage(out, in.Lang, err)
	})
}

func (a *API) assessParty(ctx context.Context, party string) (*AssessmentOut, error) {
	c := callerOf(ctx)
	if !operatorAdmin(c) {
		return nil, errOperator()
	}
	id, err := cursor(party, "query.party")
	if err != nil {
		return nil, err
	}
	if id == 0 {
		id = c.app.PartyID
	}
	if c.snap.Party[id] == nil {
		return nil, sms.Errorf(sms.NotFound, "query.party", "no party has this id")
	}
	return a.assessed(ctx, id)
}

func (a *API) assessed(ctx context.Context, party sms.ID) (*AssessmentOut, error) {
	c, out := callerOf(ctx), &AssessmentOut{}
	select {
	case a.assessing <- struct{}{}:
		defer func() { <-a.assessing }()
	default:
		return nil, sms.Errorf(sms.Busy, "", "%d assessments are being made: ask again", cap(a.assessing))
	}
	f := assess.Facts{At: a.Now(), Registry: c.snap, Keep: a.Retention, Named: operatorAdmin(c)}
	err := a.Store.Read(ctx, func(ctx context.Context, tx Tx) error { return a.Assess.Gather(ctx, tx, &f, party) })
	if err != nil {
		return nil, err
	}
	out.Body, err = a.Assess.Assess(f, party)
	return out, err
}

func asPage(out *AssessmentOut, lang string, err error) (*PageOut, error) {
	if err != nil {
		return nil, err
	}
	page, err := out.Body.HTML(assess.Language(lang))
	return &PageOut{"text/html; charset=utf-8", "default-src 'none'; style-src 'unsafe-inline'", page}, err
}
