package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// NextStep says who acts next, and what is to be done.
type NextStep struct {
	Who string `json:"who" enum:"customer,operator,reviewer,carrier,nobody"`
	Zh  string `json:"zh"`
	En  string `json:"en"`
}

// CaseView is a review as its parties see it.
type CaseView struct {
	ID          sms.ID             `json:"id"`
	Kind        string             `json:"kind" enum:"signature,template,licence,permit,party,access_code,subcode,contract,authorisation"`
	ObjectID    sms.ID             `json:"object_id"`
	Version     int64              `json:"version,omitempty" doc:"of a template"`
	PartyID     sms.ID             `json:"party_id"`
	State       string             `json:"state" enum:"waiting,approved,rejected,replaced,withdrawn"`
	Findings    []rulebook.Finding `json:"findings" doc:"what the rules say: block can't be approved, hold needs the reviewer's confirmation"`
	Proposal    json.RawMessage    `json:"proposal,omitempty" doc:"the object as it would be"`
	SubmittedBy sms.ID             `json:"submitted_by,omitempty" doc:"of the staff; nothing when the customer did"`
	SubmittedAt int64              `json:"submitted_at"`
	DueAt       int64              `json:"due_at"`
	Overdue     bool               `json:"overdue,omitempty"`
	FirstBy     sms.ID             `json:"first_approved_by,omitempty" doc:"the first of two reviewers, where a rule asks for two"`
	ReviewedBy  sms.ID             `json:"reviewed_by,omitempty"`
	ReviewedAt  int64              `json:"reviewed_at,omitempty"`
	Reason      string             `json:"reason,omitempty"`
	Confirmed   string             `json:"confirmed,omitempty" doc:"rules that the reviewer confirmed"`
	Next        NextStep           `json:"next"`
}

// viewCase shows a case; who decided is shown to the staff alone.
func (a *API) viewCase(c *review.Case, staff bool) (*CaseView, error) {
	if c == nil {
		return nil, nil
	}
	found, err := c.Found()
	if err != nil {
		return nil, err
	}
	v := &CaseView{
		ID: c.ID, Kind: c.Kind, ObjectID: c.ObjectID, Version: c.Version, PartyID: c.PartyID, State: c.State, Findings: found, Proposal: c.Proposal,
		SubmittedAt: c.SubmittedAt, DueAt: c.DueAt, ReviewedAt: c.ReviewedAt, Reason: c.Reason, Confirmed: c.Confirmed,
		Overdue: c.State == review.Waiting && c.DueAt <= a.Now().UnixMilli(), Next: nextOfCase(c, found),
	}
	if staff {
		v.SubmittedBy, v.FirstBy, v.ReviewedBy = c.StaffID, c.FirstID, c.ReviewerID
	}
	return v, nil
}

func nextOfCase(c *review.Case, found []rulebook.Finding) NextStep {
	blocked := slices.ContainsFunc(found, func(f rulebook.Finding) bool { return f.Outcome == rulebook.Block })
	who := "customer"
	if c.StaffID != 0 {
		who = "operator"
	}
	switch {
	case c.State == review.Waiting && blocked:
		return NextStep{who, "有规则不允许通过，请按处理办法修改后重新提交", "A rule stands against it: mend what its remedy says and submit it again"}
	case c.State == review.Waiting && c.FirstID != 0:
		return NextStep{"reviewer", "一位审核员已同意，等待第二位审核员审核", "One reviewer has approved it: a second one reviews it"}
	case c.State == review.Waiting:
		return NextStep{"reviewer", "等待另一位审核员审核", "Another person of the staff reviews it"}
	case c.State == review.Rejected:
		return NextStep{who, "未通过，请按理由修改后重新提交", "It was rejected: mend what the reason says and submit it again"}
	case c.State == review.Withdrawn:
		return NextStep{who, "已撤回，需要时请重新提交", "It was withdrawn: submit it again when it is needed"}
	}
	return NextStep{"nobody", "", ""}
}

// ReviewedOut is an object that needs a review, as stored, with its case.
type ReviewedOut[T any] struct {
	Body struct {
		ID     sms.ID    `json:"id"`
		State  string    `json:"state" doc:"as stored: what waits is not in use"`
		Object T         `json:"object"`
		Review *CaseView `json:"review,omitempty"`
	}
}

// reviewed is a kind of object that becomes usable by a review alone.
type reviewed[T any] struct {
	path, title string
	stamp       func(o *T, id sms.ID, now int64)
	wrap        func(o T) review.Object
	state       func(o *T) string
	submit      string   // the state that asks for a review
	stop        []string // those that anybody of the staff may set
}

func putReviewed[T any](a *API, k reviewed[T]) {
	operation(a, ScopeAdmin, huma.Operation{
		OperationID: "put-" + k.path, Method: http.MethodPut, Path: "/v1/admin/" + k.path + "/{id}", Summary: k.title, Tags: []string{"admin"},
		Description: "The state `" + k.submit + "` submits it: it is judged by the rules and waits for another person of the staff, while what was in use before goes on. `" +
			strings.Join(k.stop, "`, `") + "` need nobody else; of an object that was in use they change nothing but its state. Needs a person of the staff.",
	}, func(ctx context.Context, in *PutIn[T]) (*ReviewedOut[T], error) {
		c := callerOf(ctx)
		by, err := anyone(c)
		if err != nil {
			return nil, err
		}
		state := k.state(&in.Body)
		if state != k.submit && !slices.Contains(k.stop, state) {
			return nil, sms.Errorf(sms.BadRequest, "body.state", "%s comes from a review: submit it with the state %s, and let another person POST /v1/admin/%s/{id}/review", state, k.submit, k.path)
		}
		id, err := objectID(a, in.ID)
		if err != nil {
			return nil, err
		}
		k.stamp(&in.Body, id, a.Now().UnixMilli())
		out := &ReviewedOut[T]{}
		err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
			if err := a.record(ctx, tx, c.key, "put "+k.path, id, in.Body); err != nil {
				return err
			}
			if state != k.submit {
				stored, err := a.desk.Stop(ctx, tx, k.wrap(in.Body), state)
				if err == nil {
					out.Body.Object = stored.(T)
				}
				return err
			}
			x, err := a.desk.Submit(ctx, tx, k.wrap(in.Body), review.Author{Key: c.key.ID, Staff: by.ID})
			if err != nil {
				return err
			}
			if out.Body.Review, err = a.viewCase(x, true); err != nil {
				return err
			}
			stored, err := a.desk.Stored(ctx, tx, k.wrap(in.Body))
			if err == nil {
				out.Body.Object = stored.(T)
			}
			return err
		})
		out.Body.ID, out.Body.State = id, k.state(&out.Body.Object)
		return out, named(err)
	})
}

// ReviewIn is a reviewer's verdict.
type ReviewIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body VerdictBody
}

// VersionReviewIn is the same for a version of a template.
type VersionReviewIn struct {
	ID      string `path:"id" maxLength:"20"`
	Version int64  `path:"version" minimum:"1"`
	Body    VerdictBody
}

// VerdictBody says what is decided and why.
type VerdictBody struct {
	Verdict   string   `json:"verdict" enum:"approve,reject"`
	Reason    string   `json:"reason" minLength:"1" maxLength:"500" doc:"the applicant reads it"`
	Confirmed []string `json:"confirmed,omitempty" maxItems:"20" doc:"rules that hold it and that the reviewer takes on"`
}

// ReviewOut is the case as decided.
type ReviewOut struct{ Body CaseView }

// QueueIn asks for what waits.
type QueueIn struct {
	Kind  string `query:"kind" enum:",signature,template,licence,permit,party,access_code,subcode,contract,authorisation" doc:"empty is all"`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

// QueueOut is what waits, what is due first in front.
type QueueOut struct {
	Body struct {
		Reviews []*CaseView `json:"reviews"`
	}
}

// adminReviewed registers what two persons must agree on.
func (a *API) adminReviewed() {
	putReviewed(a, reviewed[registry.Signature]{
		path: "signatures", title: "Signature 签名", submit: registry.Review, stop: []string{registry.Draft, registry.Frozen, registry.Retired},
		stamp: func(o *registry.Signature, id sms.ID, now int64) { o.ID, o.CreatedAt, o.UpdatedAt = id, now, now },
		wrap:  func(o registry.Signature) review.Object { return &review.Signature{Signature: o} },
		state: func(o *registry.Signature) string { return o.State },
	})
	putReviewed(a, reviewed[registry.TemplateVersion]{
		path: "template-versions", title: "Version of a template 模板版本", submit: registry.Review, stop: []string{registry.Retired},
		stamp: func(o *registry.TemplateVersion, id sms.ID, _ int64) { o.TemplateID, o.ReviewedBy = id, "" },
		wrap:  func(o registry.TemplateVersion) review.Object { return &review.Wording{TemplateVersion: o} },
		state: func(o *registry.TemplateVersion) string { return o.State },
	})
	putReviewed(a, reviewed[registry.Licence]{
		path: "licences", title: "Licence 许可证", submit: registry.Active, stop: []string{registry.Pending, registry.Revoked},
		stamp: func(o *registry.Licence, id sms.ID, now int64) { o.ID, o.CreatedAt = id, now },
		wrap:  func(o registry.Licence) review.Object { return &review.Licence{Licence: o} },
		state: func(o *registry.Licence) string { return o.State },
	})
	putReviewed(a, reviewed[registry.Permit]{
		path: "permits", title: "Permit of a trade 行业许可", submit: registry.Active, stop: []string{registry.Pending, registry.Revoked},
		stamp: func(o *registry.Permit, id sms.ID, now int64) { o.ID, o.CreatedAt = id, now },
		wrap:  func(o registry.Permit) review.Object { return &review.Permit{Permit: o} },
		state: func(o *registry.Permit) string { return o.State },
	})
	putReviewed(a, reviewed[registry.Party]{
		path: "parties", title: "Party 主体", submit: registry.Active, stop: []string{registry.Pending, registry.Frozen, registry.Closed},
		stamp: func(o *registry.Party, id sms.ID, now int64) {
			o.ID, o.CreatedAt, o.UpdatedAt = id, now, now
			if o.GroupID == 0 {
				o.GroupID = id
			}
		},
		wrap:  func(o registry.Party) review.Object { return &review.Party{Party: o} },
		state: func(o *registry.Party) string { return o.State },
	})
	identity := adminOp("put-identity", http.MethodPut, "/v1/admin/parties/{id}/identity", "Who stands behind a party 主体实名信息")
	identity.Description = "Names, address and telephone are sealed; they stand in filing sheets alone. Needs a person of the staff."
	operation(a, ScopeAdmin, identity, a.putIdentity)
	a.adminRights()
	for path, kind := range map[string]string{
		"signatures": rulebook.ObjectSignature, "licences": rulebook.ObjectLicence, "permits": rulebook.ObjectPermit, "parties": rulebook.ObjectParty,
		"access-codes": rulebook.ObjectCode, "subcodes": rulebook.ObjectSubcode, "contracts": rulebook.ObjectContract, "authorisations": rulebook.ObjectLetter,
	} {
		operation(a, ScopeAdmin, reviewOp("review-"+path, "/v1/admin/"+path+"/{id}/review"), func(ctx context.Context, in *ReviewIn) (*ReviewOut, error) {
			return a.decide(ctx, kind, in.ID, 0, &in.Body)
		})
	}
	operation(a, ScopeAdmin, reviewOp("review-template-versions", "/v1/admin/template-versions/{id}/{version}/review"), func(ctx context.Context, in *VersionReviewIn) (*ReviewOut, error) {
		return a.decide(ctx, rulebook.ObjectTemplate, in.ID, in.Version, &in.Body)
	})
	queue := adminOp("reviews", http.MethodGet, "/v1/admin/reviews", "Review queue 待审核")
	queue.Description = "What waits, since when, until when it is to be decided, and who acts next."
	operation(a, ScopeAdmin, queue, a.reviewQueue)
}

func reviewOp(id, path string) huma.Operation {
	op := adminOp(id, http.MethodPost, path, "Review 审核")
	op.Description = "Approves or rejects what waits, judged anew by the rules in force; without anything that waits, `reject` takes an approval back. " +
		"Needs a reviewer of the staff who did not submit it."
	return op
}

func (a *API) decide(ctx context.Context, kind, id string, version int64, b *VerdictBody) (*ReviewOut, error) {
	c, out := callerOf(ctx), &ReviewOut{}
	by, err := person(c, registry.RoleReviewer)
	if err != nil {
		return nil, err
	}
	object, err := pathID(id)
	if err != nil {
		return nil, err
	}
	if err := words("body.reason", b.Reason); err != nil {
		return nil, err
	}
	v := review.Verdict{Approve: b.Verdict == "approve", Reason: b.Reason, Confirmed: b.Confirmed}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		x, err := a.desk.Decide(ctx, tx, kind, object, version, v, review.Author{Key: c.key.ID, Staff: by.ID})
		if err != nil {
			return err
		}
		view, err := a.viewCase(x, true)
		if err == nil {
			out.Body = *view
		}
		return err
	})
	return out, named(err)
}

func (a *API) reviewQueue(ctx context.Context, in *QueueIn) (*QueueOut, error) {
	if !operatorAdmin(callerOf(ctx)) {
		return nil, errOperator()
	}
	out := &QueueOut{}
	out.Body.Reviews = []*CaseView{}
	err := a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.WaitingCases(ctx, in.Kind, in.Limit)
		for _, c := range list {
			v, err := a.viewCase(c, true)
			if err != nil {
				return err
			}
			out.Body.Reviews = append(out.Body.Reviews, v)
		}
		return err
	})
	return out, err
}

// named says what a broken constraint of the database means.
func named(err error) error {
	if err != nil && strings.Contains(strings.ToLower(err.Error()), "constraint") {
		return sms.Errorf(sms.BadRequest, "body", "it names an object that does not exist, or repeats one that does")
	}
	return err
}
