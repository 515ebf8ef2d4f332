package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/privacy"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// RequestIn is what a person asks of a content provider.
type RequestIn struct {
	Body struct {
		Kind       string    `json:"kind" enum:"access,copy,correct,delete"`
		Number     string    `json:"number" minLength:"1" maxLength:"32" doc:"only its keyed id and its masked form are kept"`
		PartyID    sms.ID    `json:"party_id" doc:"the content provider whose group it is asked of"`
		Reference  string    `json:"reference,omitempty" maxLength:"200"`
		Claim      string    `json:"claim,omitempty" maxLength:"2000" doc:"of a correction: what is wrong or missing, as the person says"`
		ReceivedAt time.Time `json:"received_at,omitzero" doc:"empty is now"`
	}
}

// RequestOut is a request.
type RequestOut struct{ Body privacy.Request }

// RequestsOut is a page of requests.
type RequestsOut struct {
	Body struct {
		Requests []privacy.Request `json:"requests"`
	}
}

// AnswerIn answers a request, or refuses it with reasons.
type AnswerIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Note       string       `json:"note" minLength:"1" maxLength:"4000" doc:"what was done and told; of a refusal, the reasons"`
		Correction *AmendedBody `json:"correction,omitempty" doc:"of a correction that is carried out: what is put right"`
	}
}

// AmendedBody is what is put right of what is held on a number.
type AmendedBody struct {
	ConsentID sms.ID      `json:"consent_id,omitempty" doc:"a consent that was not given so; another with the corrected limits takes its place"`
	Void      bool        `json:"void,omitempty" doc:"it was never given"`
	PerWeek   int         `json:"per_week,omitempty" minimum:"0" maximum:"50" doc:"no more than these messages in 7 days were agreed to"`
	ExpiresAt time.Time   `json:"expires_at,omitzero" doc:"it was agreed to until then"`
	Carrier   sms.Carrier `json:"carrier,omitempty" enum:",mobile,unicom,telecom,broadnet" doc:"the number is with this carrier"`
}

// RefuseIn refuses a request with reasons.
type RefuseIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Note string `json:"note" minLength:"1" maxLength:"4000" doc:"the reasons"`
	}
}

// RefusedOut is a request that was refused.
type RefusedOut struct {
	Body struct {
		privacy.Request
		Notice *rulebook.Both `json:"notice,omitempty" doc:"of a correction: what to tell the person"`
	}
}

// HoldingsOut is an answered request with what is held on the number.
type HoldingsOut struct {
	Body struct {
		Request  privacy.Request `json:"request"`
		Holdings *Holdings       `json:"holdings,omitempty" doc:"of access: what is held on the number"`
		Notice   *rulebook.Both  `json:"notice,omitempty" doc:"of a correction: what to tell the person"`
	}
}

// Holdings is what is held on a number towards a content provider group. Texts and the full
// number stand in a copy only.
type Holdings struct {
	Number   string        `json:"number"`
	Consents []GrantView   `json:"consents"`
	Refusals []RefusalView `json:"refusals"`
	Messages []Holding     `json:"messages" doc:"the newest 1,000"`
}

// Holding is a message to the person.
type Holding struct {
	ID       sms.ID       `json:"id"`
	At       int64        `json:"at"`
	Category sms.Category `json:"category"`
	State    sms.State    `json:"state"`
	Text     string       `json:"text,omitempty"`
}

// HoldIn sets a legal hold.
type HoldIn struct {
	Body struct {
		Number    string `json:"number,omitempty" maxLength:"32" doc:"a person, towards everybody"`
		MessageID sms.ID `json:"message_id,omitempty"`
		PartyID   sms.ID `json:"party_id,omitempty" doc:"everybody to whom its group sent"`
		Reference string `json:"reference" minLength:"1" maxLength:"200" doc:"the case, or the authority's letter"`
		Reason    string `json:"reason" minLength:"4" maxLength:"500"`
	}
}

// HoldOut is a legal hold.
type HoldOut struct{ Body privacy.Hold }

// HoldsOut is a page of legal holds.
type HoldsOut struct {
	Body struct {
		Holds []privacy.Hold `json:"holds"`
	}
}

// RevealOut is a message in clear.
type RevealOut struct {
	Body struct {
		ID   sms.ID `json:"id"`
		To   string `json:"to"`
		Text string `json:"text"`
	}
}

// maxHoldings bounds the messages of an answer.
const maxHoldings = 1000

func (a *API) privacy() *privacy.Desk {
	return &privacy.Desk{Duties: a.duties(), IDs: a.IDs, Retention: a.Retention}
}

// requests registers persons' requests, legal holds, and the one way to see a message in clear.
func (a *API) requests() {
	overseen(a, "requests", "/v1/admin/requests", "Requests of persons 个人信息请求", a.listRequests)
	overseen(a, "holds", "/v1/admin/holds", "Legal holds 诉讼保全", a.listHolds)
	office(a, huma.Operation{OperationID: "new-request", Path: "/v1/admin/requests", Summary: "A person asks for access, a copy, correction or deletion 受理个人信息请求", Description: "PIPL Art. 45 to Art. 47. A duty is set for the answer."}, a.newRequest)
	office(a, huma.Operation{
		OperationID: "answer-request", Path: "/v1/admin/requests/{id}/answer", Summary: "Answer a request 办理",
		Description: "Access lists what is held. A copy is sealed, kept for 30 days, and fetched with a reason. A correction puts right what is named: a consent is replaced by a narrower one, never changed, and what is recorded of the number's carrier is set. Deletion is carried out if what was sent need not be kept any longer; else the person is locked (PIPL Art. 47): the provider may only store what it has, and a duty is set for the day.",
	}, a.answerRequest)
	office(a, huma.Operation{OperationID: "refuse-request", Path: "/v1/admin/requests/{id}/refuse", Summary: "Refuse a request with reasons 拒绝并说明理由"}, a.refuseRequest)
	officeWith(a, ScopeReveal, huma.Operation{OperationID: "fetch-copy", Path: "/v1/admin/requests/{id}/copy", Summary: "Fetch the copy for the person 下载副本"}, a.fetchCopy)
	office(a, huma.Operation{OperationID: "hold", Path: "/v1/admin/holds", Summary: "Set a legal hold 设置保全", Description: "Nothing of a person, a message or a party is erased while it stands."}, a.placeHold)
	office(a, huma.Operation{OperationID: "release-hold", Path: "/v1/admin/holds/{id}/release", Summary: "Release a legal hold 解除保全"}, a.releaseHold)
	operation(a, ScopeReveal, huma.Operation{
		OperationID: "reveal", Method: http.MethodPost, Path: "/v1/admin/messages/{id}/reveal", Summary: "See a message's number and text 查看明文", Tags: []string{"compliance"},
		Description: "Telecom Regulations Art. 70(3). It needs a person of the staff and a reason, and is recorded before it is shown.",
	}, a.reveal)
}

func (a *API) newRequest(ctx context.Context, by *registry.Staff, in *RequestIn) (*RequestOut, error) {
	b, snap := &in.Body, callerOf(ctx).snap
	n, err := sms.ParseMSISDN(b.Number)
	if err != nil {
		return nil, sms.NumberFault("body.number", err)
	}
	if err := allWords("body.reference", b.Reference, "body.claim", b.Claim); err != nil {
		return nil, err
	}
	if (b.Kind == privacy.Correct) != (b.Claim != "") {
		return nil, sms.Errorf(sms.BadRequest, "body.claim", "a correction has a claim, and no other request has")
	}
	party := snap.Party[b.PartyID]
	if b.ReceivedAt.IsZero() {
		b.ReceivedAt = a.Now()
	}
	switch {
	case party == nil:
		return nil, sms.Errorf(sms.BadRequest, "body.party_id", "no party has this id")
	case b.ReceivedAt.After(a.Now()) || b.ReceivedAt.Year() < 2000:
		return nil, sms.Errorf(sms.BadRequest, "body.received_at", "it is in the future, or no day from 2000 on")
	}
	id := a.Keys.PhoneID(n)
	r := privacy.Request{
		Kind: b.Kind, Reference: b.Reference, Claim: b.Claim, PhoneID: id[:], Shown: n.String(), GroupID: party.GroupID, ReceivedAt: b.ReceivedAt.UnixMilli(), By: by.ID,
	}
	out := &RequestOut{}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) (err error) {
		out.Body, err = a.privacy().Receive(ctx, tx, r)
		return err
	})
	return out, err
}

func (a *API) listRequests(ctx context.Context, in *OversightPageIn) (*RequestsOut, error) {
	before, err := newest(in.Before)
	if err != nil {
		return nil, err
	}
	out := &RequestsOut{}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.Requests(ctx, before, in.Limit)
		out.Body.Requests = slices.Concat([]privacy.Request{}, list)
		return err
	})
	return out, err
}

func (a *API) answerRequest(ctx context.Context, by *registry.Staff, in *AnswerIn) (*HoldingsOut, error) {
	id, err := pathID(in.ID)
	if err == nil {
		err = words("body.note", in.Body.Note)
	}
	if err != nil {
		return nil, err
	}
	out := &HoldingsOut{}
	err = a.Store.WriteFirst(ctx, func(ctx context.Context, tx Tx) error {
		r, err := a.privacy().Step(ctx, tx, id, by.ID)
		if err != nil {
			return err
		}
		if r.Kind == privacy.Delete {
			out.Body.Request, err = a.privacy().Delete(ctx, tx, r, in.Body.Note)
			return err
		}
		if (r.Kind == privacy.Correct) != (in.Body.Correction != nil) {
			return sms.Errorf(sms.BadRequest, "body.correction", "it says what is put right, and only of a correction")
		}
		if r.Kind == privacy.Correct {
			fix, err := in.Body.Correction.fix()
			if err != nil {
				return err
			}
			if out.Body.Request, err = a.privacy().Amend(ctx, tx, r, fix, in.Body.Note); err != nil {
				return err
			}
			notice := out.Body.Request.Notice()
			out.Body.Notice = &notice
			return nil
		}
		held, err := a.holdings(ctx, tx, &r, r.Kind == privacy.Copy)
		if err != nil {
			return err
		}
		r.State, out.Body.Holdings = privacy.Answered, held
		if r.Kind == privacy.Copy {
			b, err := json.Marshal(held)
			if err != nil {
				return err
			}
			out.Body.Holdings = nil
			r.Content, r.CopyUntil = a.Keys.Seal(vault.PurposeFile, b), r.UpdatedAt+privacy.CopyKept.Milliseconds()
		}
		out.Body.Request, err = a.privacy().Settle(ctx, tx, r, in.Body.Note)
		return err
	})
	return out, err
}

// fix is what is put right.
func (b *AmendedBody) fix() (f privacy.Fix, err error) {
	if b.ConsentID == 0 && (b.Carrier == "" || b.Void || b.PerWeek != 0 || !b.ExpiresAt.IsZero()) {
		return f, sms.Errorf(sms.BadRequest, "body.correction", "name a consent with what was agreed to, or the carrier")
	}
	if f.Carrier = b.Carrier; b.ConsentID != 0 {
		f.Consent = &consent.Correction{ConsentID: b.ConsentID, Void: b.Void, PerWeek: b.PerWeek}
		if !b.ExpiresAt.IsZero() {
			f.Consent.ValidTo = b.ExpiresAt.UnixMilli()
		}
	}
	return f, nil
}

// holdings gathers what is held on a number towards a group; in full with number and texts.
func (a *API) holdings(ctx context.Context, tx Tx, r *privacy.Request, full bool) (*Holdings, error) {
	phones := [][16]byte{r.Phone()}
	h := &Holdings{Number: r.Shown, Consents: []GrantView{}, Refusals: []RefusalView{}, Messages: []Holding{}}
	err := tx.Grants(ctx, r.GroupID, phones, func(g consent.Grant) { h.Consents = append(h.Consents, grantView(&g)) })
	if err != nil {
		return nil, err
	}
	err = tx.Suppressions(ctx, phones, func(s consent.Suppression) {
		if s.GroupID == r.GroupID || s.GroupID == 0 {
			h.Refusals = append(h.Refusals, refusalView(&s))
		}
	})
	if err != nil {
		return nil, err
	}
	sent, err := tx.SentTo(ctx, r.Phone(), r.GroupID, -1, maxHoldings)
	if err != nil {
		return nil, err
	}
	ids := make([]sms.ID, len(sent))
	for i := range sent {
		ids[i] = sent[i].MessageID
	}
	list, err := tx.Messages(ctx, ids, false)
	if err != nil {
		return nil, err
	}
	texts := map[sms.ID]string{}
	if full {
		opened, err := gate.Open(ctx, tx, a.Keys, list, func(m *sms.Message, err error) {
			a.Logger.Error("a message does not open", "message", m.ID, "err", err)
		})
		if err != nil {
			return nil, err
		}
		for i := range opened {
			h.Number, texts[opened[i].Message.ID] = "+"+opened[i].Number.Reveal(), opened[i].Text
		}
	}
	for _, m := range list {
		h.Messages = append(h.Messages, Holding{m.ID, m.CreatedAt, m.Category, m.State, texts[m.ID]})
	}
	return h, nil
}

func (a *API) refuseRequest(ctx context.Context, by *registry.Staff, in *RefuseIn) (*RefusedOut, error) {
	id, err := pathID(in.ID)
	if err == nil {
		err = words("body.note", in.Body.Note)
	}
	if err != nil {
		return nil, err
	}
	out := &RefusedOut{}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		r, err := a.privacy().Step(ctx, tx, id, by.ID)
		if err != nil {
			return err
		}
		r.State = privacy.Refused
		out.Body.Request, err = a.privacy().Settle(ctx, tx, r, in.Body.Note)
		if r.Kind == privacy.Correct {
			notice := out.Body.Request.Notice()
			out.Body.Notice = &notice
		}
		return err
	})
	return out, err
}

// fetchCopy hands the copy over, once for each reason.
func (a *API) fetchCopy(ctx context.Context, _ *registry.Staff, in *ReasonIn) (*EvidenceOut, error) {
	id, err := pathID(in.ID)
	if err != nil {
		return nil, err
	}
	var r privacy.Request
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		r, err = tx.Request(ctx, id, false)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case len(r.Content) == 0 || r.CopyUntil <= a.Now().UnixMilli():
		return nil, sms.Errorf(sms.NotFound, "path.id", "no request of this id has a copy, or its time has passed")
	}
	if err := a.see(ctx, "copy", id, in.Body.Reason); err != nil {
		return nil, err
	}
	plain, err := a.Keys.Open(vault.PurposeFile, r.Content)
	if err != nil {
		return nil, err
	}
	return &EvidenceOut{"application/json", `attachment; filename="copy-` + id.String() + `.json"`, plain}, nil
}

func (a *API) listHolds(ctx context.Context, in *OversightPageIn) (*HoldsOut, error) {
	before, err := newest(in.Before)
	if err != nil {
		return nil, err
	}
	out := &HoldsOut{}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.Holds(ctx, before, in.Limit)
		out.Body.Holds = slices.Concat([]privacy.Hold{}, list)
		return err
	})
	return out, err
}

func (a *API) placeHold(ctx context.Context, by *registry.Staff, in *HoldIn) (*HoldOut, error) {
	b, snap := &in.Body, callerOf(ctx).snap
	if err := allWords("body.reference", b.Reference, "body.reason", b.Reason); err != nil {
		return nil, err
	}
	h := privacy.Hold{PhoneID: []byte{}, Reference: b.Reference, Reason: b.Reason, By: by.ID}
	party := snap.Party[b.PartyID]
	switch named := [3]bool{b.Number != "", b.MessageID != 0, b.PartyID != 0}; {
	case named == [3]bool{true, false, false}:
		n, err := sms.ParseMSISDN(b.Number)
		if err != nil {
			return nil, sms.NumberFault("body.number", err)
		}
		id := a.Keys.PhoneID(n)
		h.Kind, h.PhoneID = "person", id[:]
	case named == [3]bool{false, true, false}:
		h.Kind, h.ObjectID = "message", b.MessageID
	case named == [3]bool{false, false, true} && party != nil:
		h.Kind, h.ObjectID, h.GroupID = "party", party.ID, party.GroupID
	default:
		return nil, sms.Errorf(sms.BadRequest, "body", "name one of number, message_id and a party_id that exists")
	}
	out := &HoldOut{}
	err := a.Store.Write(ctx, func(ctx context.Context, tx Tx) (err error) {
		if h.Kind == "message" {
			m, err := tx.Message(ctx, b.MessageID)
			if err != nil {
				return sms.Errorf(sms.NotFound, "body.message_id", "no message has this id")
			}
			h.PhoneID, h.GroupID = m.PhoneID[:], m.GroupID
		}
		out.Body, err = a.privacy().Place(ctx, tx, h)
		return err
	})
	return out, err
}

func (a *API) releaseHold(ctx context.Context, by *registry.Staff, in *ReasonIn) (*HoldOut, error) {
	id, err := pathID(in.ID)
	if err == nil {
		err = words("body.reason", in.Body.Reason)
	}
	if err != nil {
		return nil, err
	}
	out := &HoldOut{}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) (err error) {
		out.Body, err = a.privacy().Release(ctx, tx, id, by.ID, in.Body.Reason)
		return err
	})
	return out, err
}

// reveal shows a message in clear.
func (a *API) reveal(ctx context.Context, in *ReasonIn) (*RevealOut, error) {
	c := callerOf(ctx)
	p := c.snap.Party[c.app.PartyID]
	if p == nil || p.Kind != registry.Operator || c.key.StaffID == 0 {
		return nil, sms.Errorf(sms.Forbidden, "Authorization", "this is done by a person of the operator's staff: use a key with the staff_id of one")
	}
	id, err := pathID(in.ID)
	if err != nil {
		return nil, err
	}
	if err := a.see(ctx, "reveal", id, strings.TrimSpace(in.Body.Reason)); err != nil {
		return nil, err
	}
	out := &RevealOut{}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		m, err := tx.Message(ctx, id)
		if err != nil {
			return sms.Errorf(sms.NotFound, "path.id", "no message has this id")
		}
		var damaged error
		opened, err := gate.Open(ctx, tx, a.Keys, []*sms.Message{m}, func(_ *sms.Message, err error) { damaged = err })
		if err != nil || damaged != nil {
			return errors.Join(err, damaged)
		}
		if len(opened) == 0 {
			return sms.Errorf(sms.NotFound, "path.id", "the person was erased: nothing opens it any more")
		}
		out.Body.ID, out.Body.To, out.Body.Text = id, "+"+opened[0].Number.Reveal(), opened[0].Text
		return nil
	})
	return out, err
}
