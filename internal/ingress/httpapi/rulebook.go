package httpapi

import (
	"context"
	"encoding/hex"
	"errors"
	"math"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/edition"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// adminRulebook registers how rule packs come into force: one person of compliance
// proposes, another one activates.
func (a *API) adminRulebook() {
	operation(a, ScopeAdmin, huma.Operation{
		OperationID: "rulebook", Method: http.MethodGet, Path: "/v1/admin/rulebook", Summary: "Packs in force on this node 现行规则包", Tags: []string{"admin"},
		Description: "Which packs run on this node, and why: of the program's own pack and an activated one of the same name the newer version runs.",
	}, a.rulebook)
	operation(a, ScopeAdmin, huma.Operation{
		OperationID: "propose-rule-pack", Method: http.MethodPost, Path: "/v1/admin/rulebook/packs", Summary: "Propose a rule pack 提交规则包", Tags: []string{"admin"},
		Description: "The pack is loaded with all that run, and every example and scenario is decided under it; what is not as it says is listed, and nothing is stored. " +
			"Another person with the role compliance activates it. With `try` it is only tried.",
	}, a.propose)
	operation(a, ScopeAdmin, adminOp("rule-packs", http.MethodGet, "/v1/admin/rulebook/packs", "Rule packs that were proposed 规则包列表"), a.rulePacks)
	operation(a, ScopeAdmin, adminOp("rule-pack", http.MethodGet, "/v1/admin/rulebook/packs/{id}", "Rule pack with its text 规则包"), a.rulePack)
	operation(a, ScopeAdmin, huma.Operation{
		OperationID: "activate-rule-pack", Method: http.MethodPost, Path: "/v1/admin/rulebook/packs/{id}/activate", Summary: "Activate a rule pack 激活规则包", Tags: []string{"admin"},
		Description: "By a second person with the role compliance. It is in force from the next decision on, on every node, and what waits is looked at again.",
	}, decidePack(a.Packs.Activate))
	operation(a, ScopeAdmin, adminOp("reject-rule-pack", http.MethodPost, "/v1/admin/rulebook/packs/{id}/reject", "Reject a rule pack 否决规则包"), decidePack(a.Packs.Reject))
}

// RulebookOut is what this node runs.
type RulebookOut struct {
	Body struct {
		Packs  []edition.Standing `json:"packs"`
		Usable bool               `json:"usable" doc:"false: this node decides nothing"`
		Error  string             `json:"error,omitempty" doc:"why it can't load them"`
	}
}

func (a *API) rulebook(ctx context.Context, _ *struct{}) (*RulebookOut, error) {
	if !operatorAdmin(callerOf(ctx)) {
		return nil, errOperator()
	}
	e, err := a.Gate.Edition(ctx)
	if err != nil {
		return nil, err
	}
	out := &RulebookOut{}
	out.Body.Packs, out.Body.Usable = e.Standings, true
	if _, err := e.Book(); err != nil {
		out.Body.Usable, out.Body.Error = false, errors.Unwrap(err).Error()
	}
	return out, nil
}

// ProposeIn is a pack to be activated.
type ProposeIn struct {
	Body struct {
		Pack      string `json:"pack" minLength:"1" maxLength:"4194304" doc:"YAML of the pack"`
		Scenarios string `json:"scenarios,omitempty" maxLength:"4194304" doc:"YAML of scenarios that it must decide; those of a law pack stand in the place of the program's with the same title"`
		Note      string `json:"note,omitempty" maxLength:"1000" doc:"why"`
		Try       bool   `json:"try,omitempty" doc:"check it and store nothing"`
	}
}

// ChangeView is one difference that a pack makes.
type ChangeView struct {
	Rule string `json:"rule" doc:"or what else: a lexicon, windows, instruments, opt-out words"`
	What string `json:"what"`
}

// PackView is a proposed pack.
type PackView struct {
	registry.RulePack
	SHA256 string `json:"sha256" doc:"of the exact text"`
}

func packView(p *registry.RulePack) PackView { return PackView{*p, hex.EncodeToString(p.Hash)} }

// ProposeOut is a proposal and what it would change.
type ProposeOut struct {
	Body struct {
		PackView
		Runs      string       `json:"runs" doc:"every pack that would run"`
		Changes   []ChangeView `json:"changes"`
		Broken    []string     `json:"broken,omitempty" doc:"active packs that can't be loaded, without which it was tried: nothing is decided until each has its successor"`
		Rules     int          `json:"rules"`
		Scenarios int          `json:"scenarios"`
	}
}

func (a *API) propose(ctx context.Context, in *ProposeIn) (*ProposeOut, error) {
	by, err := person(callerOf(ctx), registry.RoleCompliance)
	if err == nil {
		err = words("body.note", in.Body.Note)
	}
	if err != nil {
		return nil, err
	}
	text, cases := []byte(in.Body.Pack), []byte(in.Body.Scenarios)
	t, err := a.Packs.Try(ctx, text, cases)
	if err != nil {
		return nil, err
	}
	if len(t.Failed) > 0 {
		return nil, failures(t.Failed)
	}
	p := t.Pack
	if !in.Body.Try {
		if p, err = a.Packs.Propose(ctx, t, by, in.Body.Note, text, cases); err != nil {
			return nil, err
		}
	}
	out := &ProposeOut{}
	b := &out.Body
	b.PackView, b.Runs, b.Changes = packView(&p), t.Draft.Book.Versions(), changeViews(t.Changes)
	b.Broken = t.Broken
	b.Rules, b.Scenarios = len(t.Draft.Book.Rules()), len(t.Draft.Cases)+len(t.Draft.Own)
	return out, nil
}

func changeViews(list []rulebook.Change) []ChangeView {
	out := make([]ChangeView, len(list))
	for i, c := range list {
		out[i] = ChangeView{c.Rule, c.What}
	}
	return out
}

// failures lists everything that is not decided as it says.
func failures(list []string) error {
	p := newProblem(sms.Errorf(sms.RulePackRefused, "body.pack", "examples or scenarios are not decided as they say").Chinese("示例或场景的判定与所写不符，见 errors"))
	for _, f := range list {
		p.Errors = append(p.Errors, Place{Field: "body.pack", Detail: f})
	}
	return p
}

// PacksIn pages through proposals.
type PacksIn struct {
	Before Cursor `query:"before" doc:"id: older ones only"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

// PacksOut lists proposals, the newest first.
type PacksOut struct {
	Body struct {
		Packs []PackView `json:"packs"`
	}
}

func (a *API) rulePacks(ctx context.Context, in *PacksIn) (*PacksOut, error) {
	if !operatorAdmin(callerOf(ctx)) {
		return nil, errOperator()
	}
	before := sms.ID(in.Before)
	if before == 0 {
		before = math.MaxInt64
	}
	out := &PacksOut{}
	out.Body.Packs = []PackView{}
	return out, a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.RulePacks(ctx, before, in.Limit)
		for i := range list {
			out.Body.Packs = append(out.Body.Packs, packView(&list[i]))
		}
		return err
	})
}

// PackOut is a proposal with its text.
type PackOut struct {
	Body struct {
		PackView
		Text      string `json:"text"`
		Scenarios string `json:"scenarios,omitempty"`
	}
}

func (a *API) rulePack(ctx context.Context, in *MessageIn) (*PackOut, error) {
	if !operatorAdmin(callerOf(ctx)) {
		return nil, errOperator()
	}
	id, err := pathID(in.ID)
	if err != nil {
		return nil, err
	}
	out := &PackOut{}
	return out, a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		p, found, err := tx.RulePack(ctx, id)
		if err != nil {
			return err
		}
		if !found {
			return sms.Errorf(sms.NotFound, "path.id", "no rule pack has this id")
		}
		text, cases, err := tx.RulePackText(ctx, id)
		out.Body.PackView, out.Body.Text, out.Body.Scenarios = packView(&p), string(text), string(cases)
		return err
	})
}

// DecidedOut is a pack after a second person has decided.
type DecidedOut struct{ Body PackView }

func decidePack(do func(context.Context, sms.ID, *registry.Staff) (registry.RulePack, error)) func(context.Context, *MessageIn) (*DecidedOut, error) {
	return func(ctx context.Context, in *MessageIn) (*DecidedOut, error) {
		by, err := person(callerOf(ctx), registry.RoleCompliance)
		if err != nil {
			return nil, err
		}
		id, err := pathID(in.ID)
		if err != nil {
			return nil, err
		}
		p, err := do(ctx, id, by)
		return &DecidedOut{packView(&p)}, err
	}
}
