package httpapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// ConfirmIn asks people to confirm their consent by a reply.
type ConfirmIn struct {
	Body struct {
		To         []string          `json:"to" minItems:"1" doc:"numbers, at most 1,000"`
		TemplateID sms.ID            `json:"template_id" doc:"an approved template of category CONSENT; it says to reply 同意 or Y"`
		Signature  string            `json:"signature" minLength:"2" maxLength:"20" doc:"without the brackets"`
		Variables  map[string]string `json:"variables,omitempty"`
	}
}

// ConfirmOut answers each number. A repeated request is refused by CNS-07.
type ConfirmOut struct{ Body gate.Answer }

func (a *API) confirmations() {
	operation(a, ScopeSend, huma.Operation{
		OperationID: "confirm-consents", Method: http.MethodPost, Path: "/v1/consents/confirmations", Summary: "Ask for confirmation by reply 短信双重确认", Tags: []string{"people"},
		Description: "Sends each person, whose consent holds, one message of category CONSENT through the gate. A reply 同意 or Y to its sub-code lifts the consent to grade 4; a refusal refuses; without a reply all stays as it was. It is the only one that a person gets of you (CNS-07).",
	}, a.confirm)
}

// confirm sends one message of category CONSENT to each whose consent holds; the others are
// refused beforehand, because there is nothing to confirm.
func (a *API) confirm(ctx context.Context, in *ConfirmIn) (*ConfirmOut, error) {
	c, b := callerOf(ctx), &in.Body
	numbers, err := a.numbers(b.To)
	if err != nil {
		return nil, err
	}
	text, err := a.text(c, &SendBody{Signature: b.Signature, TemplateID: b.TemplateID, Variables: b.Variables})
	if err != nil {
		return nil, err
	}
	holds, err := a.holding(ctx, c.snap.Party[c.app.PartyID].GroupID, numbers)
	if err != nil {
		return nil, err
	}
	call := &gate.Call{
		Application: c.app.ID,
		Parts:       []gate.Part{{Text: text, Template: b.TemplateID, Category: sms.Consent}},
	}
	out := &ConfirmOut{Body: gate.Answer{Results: make([]gate.Result, len(numbers))}}
	var sent []int
	for i, n := range numbers {
		if !holds[a.Keys.PhoneID(n)] {
			out.Body.Results[i] = gate.Result{To: n.String(), State: sms.Refused, Code: sms.ConsentMissing}
			continue
		}
		call.Parts[0].Recipients = append(call.Parts[0].Recipients, gate.Recipient{Number: n})
		sent = append(sent, i)
	}
	if len(sent) == 0 {
		return out, nil
	}
	answer, err := a.Gate.Submit(ctx, call)
	if err != nil {
		return nil, err
	}
	for k, i := range sent {
		out.Body.Results[i] = answer.Results[k]
	}
	return out, nil
}

// holding tells of whom a consent to marketing holds, as the reply to the message will ask.
func (a *API) holding(ctx context.Context, group sms.ID, numbers []sms.MSISDN) (map[[16]byte]bool, error) {
	ids, out := make([][16]byte, len(numbers)), map[[16]byte]bool{}
	for i, n := range numbers {
		ids[i] = a.Keys.PhoneID(n)
	}
	at := a.Now().UnixMilli()
	grants, refusals := map[[16]byte][]consent.Grant{}, map[[16]byte][]consent.Suppression{}
	err := a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.Grants(ctx, group, ids, func(g consent.Grant) { grants[g.PhoneID] = append(grants[g.PhoneID], g) }); err != nil {
			return err
		}
		return tx.Suppressions(ctx, ids, func(s consent.Suppression) { refusals[s.PhoneID] = append(refusals[s.PhoneID], s) })
	})
	for id, list := range grants {
		out[id] = consent.Best(list, sms.MKT, "", at, consent.Lifted(refusals[id], group)) != nil &&
			!slices.ContainsFunc(refusals[id], func(s consent.Suppression) bool { return s.Against(group, sms.MKT) })
	}
	return out, err
}
