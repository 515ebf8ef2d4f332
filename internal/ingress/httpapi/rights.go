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

// The rights by which a party sends: access codes, sub-codes, contracts and letters of
// authorisation. Whose they are applies for them by a key of its own, the staff for anybody.

// AccessCodeBody is an access code that its holder applies for.
type AccessCodeBody struct {
	Carrier    sms.Carrier `json:"carrier" enum:"mobile,unicom,telecom,broadnet,international"`
	Code       string      `json:"code" pattern:"^[0-9]{3,20}$"`
	Approval   string      `json:"approval" minLength:"1" maxLength:"100" doc:"number of the resource approval 批文号"`
	MaxLength  int64       `json:"max_length" minimum:"1" maximum:"20" doc:"digits that a source number may have with sub-code and extension 批准位长"`
	Use        string      `json:"approved_use" enum:"platform,own,public" doc:"批准用途: platform is for third parties' messages, own for the holder's, public for public-interest messages"`
	ValidFrom  int64       `json:"valid_from,omitempty" minimum:"0"`
	ValidTo    int64       `json:"valid_to,omitempty" minimum:"0" doc:"epoch milliseconds, 0 is no end"`
	DocumentID sms.ID      `json:"document_id,omitempty" doc:"scan of the approval, of the kind code_approval"`
}

// SubcodeBody is a sub-code that a party applies for.
type SubcodeBody struct {
	AccessCodeID sms.ID `json:"access_code_id"`
	Digits       string `json:"digits" pattern:"^[0-9]{0,12}$"`
	SignatureID  sms.ID `json:"signature_id" doc:"one of yours: its qualification is the sub-code's"`
	ContractID   sms.ID `json:"contract_id" doc:"one of yours, approved"`
}

// ContractBody is a contract with who stands above the caller.
type ContractBody struct {
	CounterpartyID sms.ID `json:"counterparty_id,omitempty" doc:"empty is whom you contract with: who stands above you, past agents that only refer"`
	Number         string `json:"number" minLength:"1" maxLength:"64"`
	ValidFrom      int64  `json:"valid_from,omitempty" minimum:"0"`
	ValidTo        int64  `json:"valid_to,omitempty" minimum:"0" doc:"epoch milliseconds, 0 is no end"`
	ChargeOn       string `json:"charge_on" enum:"submission,delivery" doc:"what is charged by it"`
	ReportTimeout  int64  `json:"report_timeout_ms,omitempty" minimum:"0" doc:"how long reports are waited for; 0 is as the platform does"`
	Subprocessors  string `json:"subprocessors,omitempty" maxLength:"400" pattern:"^([0-9]+(,[0-9]+)*)?$" doc:"comma-separated ids of the parties to whom the processing may be passed on by it 同意的转委托方 (PRV-02)"`
	DocumentID     sms.ID `json:"document_id,omitempty" doc:"its scan, of the kind contract"`
}

// LetterBody is a letter of authorisation for one of the caller's signatures.
type LetterBody struct {
	SignatureID sms.ID `json:"signature_id"`
	Grantor     string `json:"grantor" minLength:"1" maxLength:"200" doc:"who owns the mark or app: the signature's holder"`
	ValidFrom   int64  `json:"valid_from,omitempty" minimum:"0"`
	ValidTo     int64  `json:"valid_to,omitempty" minimum:"0" doc:"epoch milliseconds, 0 is no end"`
	DocumentID  sms.ID `json:"document_id,omitempty" doc:"its scan, of the kind authorisation"`
}

// RightView is a right, how far its review has come, and who acts next.
type RightView[T any] struct {
	ID     sms.ID    `json:"id"`
	State  string    `json:"state" doc:"as stored: what waits is not in use"`
	Object T         `json:"object"`
	Review *CaseView `json:"review,omitempty" doc:"the newest"`
	Next   NextStep  `json:"next"`
}

// What the operations take and answer.
type (
	RightIn[B any]       struct{ Body B }
	RightChangeIn[B any] struct {
		ID   string `path:"id" maxLength:"20"`
		Body B
	}
	RightOut[T any]  struct{ Body RightView[T] }
	RightsOut[T any] struct {
		Body struct {
			Rights []RightView[T] `json:"rights"`
		}
	}
)

// owned is a kind of right as whose it is applies for it.
type owned[T, B any] struct {
	reviewed[T]
	kind string
	most int // that one party may have, so that nobody fills the registry
	id   func(o *T) sms.ID
	of   func(snap *registry.Snapshot, party sms.ID) []*T
	made func(b *B, c caller) (T, error) // without its id
}

// adminRights registers how the staff puts rights.
func (a *API) adminRights() {
	putReviewed(a, codes.reviewed)
	putReviewed(a, subcodes.reviewed)
	putReviewed(a, contracts.reviewed)
	putReviewed(a, letters.reviewed)
}

// rights registers how parties apply for theirs.
func (a *API) rights() {
	applied(a, codes)
	applied(a, subcodes)
	applied(a, contracts)
	applied(a, letters)
}

var codes = owned[registry.AccessCode, AccessCodeBody]{
	reviewed: reviewed[registry.AccessCode]{
		path: "access-codes", title: "Access code 接入码", submit: registry.Active, stop: []string{registry.Pending, registry.Frozen, registry.Revoked},
		stamp: func(o *registry.AccessCode, id sms.ID, _ int64) { o.ID = id },
		wrap:  func(o registry.AccessCode) review.Object { return &review.AccessCode{AccessCode: o} },
		state: func(o *registry.AccessCode) string { return o.State },
	},
	kind: rulebook.ObjectCode, most: 100,
	id: func(o *registry.AccessCode) sms.ID { return o.ID },
	of: (*registry.Snapshot).AccessCodesOf,
	made: func(b *AccessCodeBody, c caller) (registry.AccessCode, error) {
		return registry.AccessCode{
			PartyID: c.app.PartyID, Carrier: b.Carrier, Code: b.Code, Approval: b.Approval, MaxLength: b.MaxLength, Use: b.Use,
			Period: registry.Period{From: b.ValidFrom, To: b.ValidTo}, DocumentID: b.DocumentID,
		}, nil
	},
}

var subcodes = owned[registry.Subcode, SubcodeBody]{
	reviewed: reviewed[registry.Subcode]{
		path: "subcodes", title: "Sub-code 子端口", submit: registry.Active, stop: []string{registry.Pending, registry.Released},
		stamp: func(o *registry.Subcode, id sms.ID, now int64) { o.ID, o.BoundAt = id, now },
		wrap:  func(o registry.Subcode) review.Object { return &review.Subcode{Subcode: o} },
		state: func(o *registry.Subcode) string { return o.State },
	},
	kind: rulebook.ObjectSubcode, most: 2000,
	id: func(o *registry.Subcode) sms.ID { return o.ID },
	of: (*registry.Snapshot).BindingsOf,
	made: func(b *SubcodeBody, c caller) (registry.Subcode, error) {
		s := c.snap.Signature[b.SignatureID]
		if s == nil || s.PartyID != c.app.PartyID {
			return registry.Subcode{}, sms.Errorf(sms.BadRequest, "body.signature_id", "you have no signature with this id")
		}
		return registry.Subcode{
			AccessCodeID: b.AccessCodeID, Digits: b.Digits, PartyID: c.app.PartyID, SignatureID: s.ID, QualificationID: s.QualificationID, ContractID: b.ContractID,
		}, nil
	},
}

var contracts = owned[registry.Contract, ContractBody]{
	reviewed: reviewed[registry.Contract]{
		path: "contracts", title: "Contract 合同", submit: registry.Active, stop: []string{registry.Pending, registry.Revoked, registry.Closed},
		stamp: func(o *registry.Contract, id sms.ID, _ int64) { o.ID = id },
		wrap:  func(o registry.Contract) review.Object { return &review.Contract{Contract: o} },
		state: func(o *registry.Contract) string { return o.State },
	},
	kind: rulebook.ObjectContract, most: 100,
	id: func(o *registry.Contract) sms.ID { return o.ID },
	of: (*registry.Snapshot).ContractsOf,
	made: func(b *ContractBody, c caller) (registry.Contract, error) {
		if with := c.snap.Principal(c.snap.Party[c.app.PartyID]); b.CounterpartyID == 0 && with != nil {
			b.CounterpartyID = with.ID
		}
		return registry.Contract{
			PartyID: c.app.PartyID, CounterpartyID: b.CounterpartyID, Number: b.Number, Period: registry.Period{From: b.ValidFrom, To: b.ValidTo},
			ChargeOn: b.ChargeOn, ReportTimeout: b.ReportTimeout, Subprocessors: b.Subprocessors, DocumentID: b.DocumentID,
		}, nil
	},
}

var letters = owned[registry.Authorisation, LetterBody]{
	reviewed: reviewed[registry.Authorisation]{
		path: "authorisations", title: "Letter of authorisation for a signature 授权委托书", submit: registry.Active, stop: []string{registry.Pending, registry.Revoked},
		stamp: func(o *registry.Authorisation, id sms.ID, _ int64) { o.ID = id },
		wrap:  func(o registry.Authorisation) review.Object { return &review.Letter{Authorisation: o} },
		state: func(o *registry.Authorisation) string { return o.State },
	},
	kind: rulebook.ObjectLetter, most: 1000,
	id: func(o *registry.Authorisation) sms.ID { return o.ID },
	of: (*registry.Snapshot).LettersOf,
	made: func(b *LetterBody, c caller) (registry.Authorisation, error) {
		if s := c.snap.Signature[b.SignatureID]; s == nil || s.PartyID != c.app.PartyID {
			return registry.Authorisation{}, sms.Errorf(sms.BadRequest, "body.signature_id", "you have no signature with this id")
		}
		return registry.Authorisation{
			SignatureID: b.SignatureID, Grantor: b.Grantor, Period: registry.Period{From: b.ValidFrom, To: b.ValidTo}, DocumentID: b.DocumentID,
		}, nil
	},
}

// applied registers a kind of right for whose it is.
func applied[T, B any](a *API, k owned[T, B]) {
	op := func(id, method, path, title, description string) huma.Operation {
		return huma.Operation{OperationID: id + k.path, Method: method, Path: path, Summary: title + k.title, Description: description, Tags: []string{"applications"}}
	}
	const judged = "It is judged by the rules at once (`review.findings`) and then reviewed by the operator's staff. It is not in use before it is approved."
	operation(a, ScopeApply, op("apply-", http.MethodPost, "/v1/"+k.path, "Apply: ", judged), func(ctx context.Context, in *RightIn[B]) (*RightOut[T], error) {
		c := callerOf(ctx)
		if len(k.of(c.snap, c.app.PartyID)) >= k.most {
			return nil, sms.Errorf(sms.BadRequest, "body", "a party has at most %d of them", k.most)
		}
		return apply(ctx, a, k, a.IDs.Next(), &in.Body)
	})
	operation(a, ScopeApply, op("change-", http.MethodPut, "/v1/"+k.path+"/{id}", "Apply for a change or renewal: ", judged+" What is approved goes on until then."),
		func(ctx context.Context, in *RightChangeIn[B]) (*RightOut[T], error) {
			c := callerOf(ctx)
			id, err := pathID(in.ID)
			if err == nil && find(k, c.snap, c.app.PartyID, id) == nil {
				err = sms.Errorf(sms.NotFound, "path.id", "you have none with this id")
			}
			if err != nil {
				return nil, err
			}
			return apply(ctx, a, k, id, &in.Body)
		})
	operation(a, ScopeRead, op("", http.MethodGet, "/v1/"+k.path, "List, and who acts next: ", ""), func(ctx context.Context, in *PartyIn) (*RightsOut[T], error) {
		c, out := callerOf(ctx), &RightsOut[T]{}
		party, err := partyOf(c, in.Party)
		if err != nil {
			return nil, err
		}
		out.Body.Rights = []RightView[T]{}
		err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
			for _, o := range k.of(c.snap, party) {
				v, err := viewRight(ctx, a, tx, k, o, operatorAdmin(c))
				if err != nil {
					return err
				}
				out.Body.Rights = append(out.Body.Rights, v)
			}
			return nil
		})
		return out, err
	})
}

// find is one of a party's, or nil.
func find[T, B any](k owned[T, B], snap *registry.Snapshot, party, id sms.ID) *T {
	for _, o := range k.of(snap, party) {
		if k.id(o) == id {
			return o
		}
	}
	return nil
}

// apply submits a right of the caller's own.
func apply[T, B any](ctx context.Context, a *API, k owned[T, B], id sms.ID, b *B) (*RightOut[T], error) {
	c, out := callerOf(ctx), &RightOut[T]{}
	by, err := author(c)
	if err != nil {
		return nil, err
	}
	o, err := k.made(b, c)
	if err != nil {
		return nil, err
	}
	k.stamp(&o, id, a.Now().UnixMilli())
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := a.record(ctx, tx, c.key, "apply for "+k.path, id, o); err != nil {
			return err
		}
		if _, err := a.desk.Submit(ctx, tx, k.wrap(o), by); err != nil {
			return err
		}
		snap, err := tx.Registry(ctx)
		if err == nil {
			out.Body, err = viewRight(ctx, a, tx, k, find(k, snap, c.app.PartyID, id), operatorAdmin(c))
		}
		return err
	})
	return out, named(err)
}

func viewRight[T, B any](ctx context.Context, a *API, tx Tx, k owned[T, B], o *T, staff bool) (RightView[T], error) {
	v := RightView[T]{ID: k.id(o), State: k.state(o), Object: *o}
	last, err := tx.LastCase(ctx, k.kind, v.ID, 0)
	if err == nil {
		v.Review, err = a.viewCase(last, staff)
	}
	v.Next = nextOfRight(v.State, v.Review)
	return v, err
}

// nextOfRight says who acts next about what is usable as active.
func nextOfRight(state string, c *CaseView) NextStep {
	switch {
	case c != nil && (c.State == review.Waiting || state != registry.Active && c.State != review.Approved):
		return c.Next
	case state != registry.Active:
		return NextStep{"operator", "已停用，恢复须重新审核", "It is stopped: it is submitted for a review to have it back"}
	}
	return NextStep{"nobody", "", ""}
}
