package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/admission"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vendorcode"
)

// Recipient is one number of a request.
type Recipient struct {
	To  string `json:"to" doc:"11 digits for the mainland, or + and the country code"`
	Ref string `json:"ref,omitempty" maxLength:"64" doc:"your own reference; it comes back in events"`
}

// SendBody is a request to send.
type SendBody struct {
	Text       string            `json:"text,omitempty" maxLength:"4000" doc:"the whole text with its 【signature】; or give signature, template_id and variables"`
	Signature  string            `json:"signature,omitempty" maxLength:"20" doc:"without the brackets, with template_id"`
	TemplateID sms.ID            `json:"template_id,omitempty"`
	Variables  map[string]string `json:"variables,omitempty" doc:"values of the template's variables"`
	Category   sms.Category      `json:"category,omitempty" enum:"OTP,NOTICE,PUBLIC,MKT,CONSENT" doc:"empty takes the template's"`
	Recipients []Recipient       `json:"recipients" minItems:"1" doc:"at most 1,000"`
	Extension  string            `json:"extension,omitempty" maxLength:"12" pattern:"^[0-9]*$" doc:"digits after the sub-code"`
	SendAt     time.Time         `json:"send_at,omitzero" doc:"not before, at most 90 days ahead; empty is now"`
	NotAfter   time.Time         `json:"not_after,omitzero" doc:"do not send later than this; empty takes the category's default"`
	Origin     *Origin           `json:"origin,omitempty" doc:"of verification codes: where your end user's request came from, against bombing (FRQ-07). Only keyed hashes are kept, for an hour"`
	DryRun     bool              `json:"dry_run,omitempty" doc:"decide, but neither send, charge nor count"`
}

// Origin says where an end user's request for a code came from. What is not said is not known,
// and nothing is concluded of it.
type Origin struct {
	IP      string `json:"ip,omitempty" maxLength:"45" doc:"the end user's address, not your server's"`
	Device  string `json:"device,omitempty" maxLength:"128" doc:"your id of the device"`
	Account string `json:"account,omitempty" maxLength:"128" doc:"your id of the account"`
}

// SendIn is the request with its idempotency key.
type SendIn struct {
	Key     string `header:"Idempotency-Key" maxLength:"128" doc:"a repeated request with the same key and body gets the first answer, for 24 h"`
	Body    SendBody
	RawBody []byte
}

// SendOut answers each recipient.
type SendOut struct {
	Replayed string `header:"Idempotency-Replayed" doc:"true when this is the answer of an earlier request"`
	Body     gate.Answer
}

func (a *API) messages() {
	operation(a, ScopeSend, huma.Operation{
		OperationID: "send", Method: http.MethodPost, Path: "/v1/messages", Summary: "Send to one or many 发送", Tags: []string{"messages"},
		Description: "Every recipient has a result of its own: permitted (queued), waiting (held, deferred, scheduled) or refused with the rule, the article and what to do. The answer comes after the decision is on disk.",
	}, a.send)
	operation(a, ScopeRead, huma.Operation{
		OperationID: "message", Method: http.MethodGet, Path: "/v1/messages/{id}", Summary: "A message and its timeline 查询", Tags: []string{"messages"},
	}, a.message)
	operation(a, ScopeRead, huma.Operation{
		OperationID: "list-messages", Method: http.MethodGet, Path: "/v1/messages", Summary: "Messages, newest first", Tags: []string{"messages"},
	}, a.list)
	operation(a, ScopeSend, huma.Operation{
		OperationID: "cancel", Method: http.MethodDelete, Path: "/v1/messages/{id}", Summary: "Cancel a waiting message 取消", Tags: []string{"messages"},
	}, a.cancel)
	operation(a, ScopeRead, huma.Operation{
		OperationID: "evidence", Method: http.MethodGet, Path: "/v1/messages/{id}/evidence", Summary: "The message's evidence pack 证据包", Tags: []string{"messages"},
		Description: "A file that zhunxin-verify checks offline against the operator's public key.",
	}, a.evidence)
	// The body is read raw for the idempotency key, which makes the framework offer this.
	delete(a.huma.OpenAPI().Paths["/v1/messages"].Post.RequestBody.Content, "application/octet-stream")
}

// text is what is sent: as given, or the template filled in.
func (a *API) text(c caller, b *SendBody) (string, error) {
	switch {
	case b.Text != "" && (b.Signature != "" || len(b.Variables) > 0):
		return "", sms.Errorf(sms.BadRequest, "body.text", "give the whole text, or signature, template_id and variables, not both").Chinese("请只给完整正文 text，或只给 signature、template_id 和 variables，不要同时给")
	case b.Text != "":
		return b.Text, nil
	case b.TemplateID == 0 || b.Signature == "":
		return "", sms.Errorf(sms.BadRequest, "body", "give text, or signature and template_id").Chinese("请给正文 text，或给 signature 和 template_id")
	}
	w := c.snap.Wording(b.TemplateID)
	if w == nil || w.Template.PartyID != c.app.PartyID {
		return "", sms.Errorf(sms.TemplateNotApproved, "body.template_id", "you have no approved template with this id").Chinese("您没有此编号的已审核模板")
	}
	body, err := w.Wording.Render(b.Variables)
	return "【" + b.Signature + "】" + body, err
}

func (a *API) send(ctx context.Context, in *SendIn) (*SendOut, error) {
	c, b := callerOf(ctx), &in.Body
	if len(b.Recipients) > gate.MaxRecipients {
		return nil, sms.Errorf(sms.TooManyRecipients, "body.recipients", "there are %d", len(b.Recipients)).Chinese("共有 %d 个", len(b.Recipients))
	}
	text, err := a.text(c, b)
	if err != nil {
		return nil, err
	}
	call := &gate.Call{
		Application: c.app.ID, Key: in.Key, Payload: in.RawBody, Extension: b.Extension, SendAt: b.SendAt, NotAfter: b.NotAfter,
		Parts: []gate.Part{{Text: text, Template: b.TemplateID, Category: b.Category}},
	}
	if o := b.Origin; o != nil {
		if call.Origin, err = a.Gate.Origin(c.app.PartyID, o.IP, o.Device, o.Account); err != nil {
			return nil, err
		}
	}
	p := &call.Parts[0]
	var first error
	bad := map[int]gate.Result{} // recipients whose number can't be read have their own answer
	for i, r := range b.Recipients {
		n, err := sms.ParseMSISDN(r.To)
		if err != nil {
			if len(bad) == 0 {
				first = sms.NumberFault(place("body.recipients", i)+".to", err)
			}
			bad[i] = unreadable(r, err)
			continue
		}
		p.Recipients = append(p.Recipients, gate.Recipient{Number: n, Ref: r.Ref})
	}
	if len(p.Recipients) == 0 {
		return nil, first
	}
	decide := a.Gate.Submit
	if b.DryRun {
		decide = a.Gate.Try
	}
	answer, err := decide(ctx, call)
	if err != nil {
		return nil, err
	}
	out := &SendOut{Body: gate.Answer{Results: merge(answer.Results, bad, len(b.Recipients))}}
	if answer.Replayed {
		out.Replayed = "true"
	}
	return out, nil
}

// unreadable is the answer for a number that can't be read.
func unreadable(r Recipient, err error) gate.Result {
	fault := sms.NumberFault("", err)
	f := gate.Explained(sms.BadNumber)
	f.Reason = rulebook.Both{Zh: fault.Zh, En: fault.Detail}
	return gate.Result{To: sms.Echo(r.To), Ref: r.Ref, State: sms.Refused, Code: sms.BadNumber, Findings: []rulebook.Finding{f}}
}

// merge puts the answers of unreadable numbers in their places.
func merge(list []gate.Result, bad map[int]gate.Result, n int) []gate.Result {
	if len(bad) == 0 {
		return list
	}
	out := make([]gate.Result, 0, n)
	for i, next := 0, 0; i < n; i++ {
		if r, ok := bad[i]; ok {
			out = append(out, r)
			continue
		}
		out = append(out, list[next])
		next++
	}
	return out
}

// MessageIn names a message.
type MessageIn struct {
	ID string `path:"id" maxLength:"20" doc:"message id"`
}

// SegmentView is a PDU of a message.
type SegmentView struct {
	No         int                 `json:"no"`
	State      sms.SegmentState    `json:"state"`
	UpstreamID string              `json:"upstream_id,omitempty" doc:"the carrier's own id: compare it with the carrier's statement"`
	Source     string              `json:"source" doc:"number that the handset shows"`
	Result     int64               `json:"result" doc:"the carrier's answer, raw"`
	Stat       string              `json:"stat,omitempty" doc:"the report's status, or an HTTP upstream's refusal, raw"`
	Meaning    *vendorcode.Meaning `json:"meaning,omitempty" doc:"what stat means, or result when it is an error and no report came"`
	Attempt    int                 `json:"attempt"`
	SubmitAt   int64               `json:"submit_at"`
	AnswerAt   int64               `json:"answer_at,omitempty"`
	ReportAt   int64               `json:"report_at,omitempty"`
}

// MessageView is a message as its sender sees it. The number is masked.
type MessageView struct {
	ID        sms.ID             `json:"id"`
	To        string             `json:"to"`
	Ref       string             `json:"ref,omitempty"`
	Category  sms.Category       `json:"category"`
	Carrier   sms.Carrier        `json:"carrier"`
	State     sms.State          `json:"state"`
	Code      string             `json:"code,omitempty" doc:"why it was refused, or ended"`
	Rule      string             `json:"rule,omitempty"`
	Zh        string             `json:"zh,omitempty"`
	En        string             `json:"en,omitempty"`
	Units     int                `json:"units" doc:"计费条数"`
	Held      int                `json:"held"`
	Charged   int                `json:"charged"`
	CreatedAt int64              `json:"created_at"`
	ReleaseAt int64              `json:"release_at,omitempty"`
	NotAfter  int64              `json:"not_after,omitempty"`
	UpdatedAt int64              `json:"updated_at"`
	Segments  []SegmentView      `json:"segments,omitempty"`
	Findings  []rulebook.Finding `json:"findings,omitempty" doc:"what the rules said"`
	Packs     string             `json:"packs,omitempty" doc:"versions of the rule packs that decided"`
	Endings   []EndingView       `json:"endings,omitempty"`
	Converted int64              `json:"converted_at,omitempty" doc:"when the code was entered, by the sender's word"`
}

// EndingView is how a message ended that no carrier ended.
type EndingView struct {
	State sms.State `json:"state"`
	Code  sms.Code  `json:"code,omitempty"`
	Rule  string    `json:"rule,omitempty"`
	At    int64     `json:"at"`
}

// MessageOut is one message.
type MessageOut struct{ Body MessageView }

func view(m *sms.Message, to string) MessageView {
	code := string(m.Code)
	if m.Reason != "" {
		code = m.Reason
	}
	v := MessageView{
		ID: m.ID, To: to, Ref: m.Ref, Category: m.Category, Carrier: m.Carrier, State: m.State, Code: code, Rule: m.Rule, Units: m.Units,
		Held: m.Held, Charged: m.Captured, CreatedAt: m.CreatedAt, ReleaseAt: m.ReleaseAt, NotAfter: m.NotAfter, UpdatedAt: m.UpdatedAt,
	}
	if e := sms.Lookup(sms.Code(code)); string(e.Code) == code {
		v.Zh, v.En = e.Zh, e.En
	}
	return v
}

// own reads a message of the caller's application, or of anybody for an operator's
// administrator. Somebody else's does not exist.
func own(ctx context.Context, tx Tx, c caller, text string) (*sms.Message, error) {
	id, err := pathID(text)
	if err != nil {
		return nil, err
	}
	m, err := tx.Message(ctx, id)
	if err != nil || m.ApplicationID != c.app.ID && !overseer(c) {
		return nil, sms.Errorf(sms.NotFound, "path.id", "you have no message with this id")
	}
	return m, nil
}

func operatorAdmin(c caller) bool {
	p := c.snap.Party[c.app.PartyID]
	return p != nil && p.Kind == registry.Operator && admission.Has(c.key.Scopes, ScopeAdmin)
}

// masked reads the masked numbers of messages.
func (a *API) masked(ctx context.Context, tx Tx, list []*sms.Message) (map[[16]byte]string, error) {
	ids, out := make([][16]byte, len(list)), map[[16]byte]string{}
	for i, m := range list {
		ids[i] = m.PhoneID
	}
	err := tx.Numbers(ctx, ids, func(id [16]byte, sealed []byte) error {
		plain, err := a.Keys.Open(vaultNumber, sealed)
		if err != nil {
			return err
		}
		n, err := sms.ParseMSISDN("+" + string(plain))
		out[id] = n.String()
		return err
	})
	return out, err
}

func (a *API) message(ctx context.Context, in *MessageIn) (*MessageOut, error) {
	out := &MessageOut{}
	err := a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		m, err := own(ctx, tx, callerOf(ctx), in.ID)
		if err != nil {
			return err
		}
		to, err := a.masked(ctx, tx, []*sms.Message{m})
		if err != nil {
			return err
		}
		out.Body = view(m, to[m.PhoneID])
		if err := tx.SegmentsOf(ctx, []sms.ID{m.ID}, func(s sms.Segment) {
			out.Body.Segments = append(out.Body.Segments, a.segment(callerOf(ctx), &s))
		}); err != nil {
			return err
		}
		endings, err := tx.Endings(ctx, m.ID)
		if err != nil {
			return err
		}
		for _, e := range endings {
			out.Body.Endings = append(out.Body.Endings, EndingView{e.State, e.Code, e.Rule, e.At})
		}
		if out.Body.Converted, err = tx.Converted(ctx, m.ID); err != nil {
			return err
		}
		d, err := tx.Decision(ctx, m.DecisionID)
		if err != nil {
			return err
		}
		out.Body.Packs = d.Packs
		return json.Unmarshal(d.Findings, &out.Body.Findings)
	})
	return out, err
}

func (a *API) segment(c caller, s *sms.Segment) SegmentView {
	v := SegmentView{
		No: s.No, State: s.State, UpstreamID: s.UpstreamID, Source: s.Source, Result: s.Result, Stat: s.Stat, Attempt: s.Attempt,
		SubmitAt: s.SubmitAt, AnswerAt: s.AnswerAt, ReportAt: s.ReportAt,
	}
	ch := c.snap.Channel[s.ChannelID]
	switch {
	case ch == nil:
	case s.State == sms.SegRefused && s.Result != 0:
		m := a.Codes.Result(ch, s.Result, s.Stat)
		v.Meaning = &m
	case s.Stat != "":
		m := a.Codes.Report(ch, s.Stat)
		v.Meaning = &m
	}
	return v
}

// ListIn pages through messages.
type ListIn struct {
	Before string `query:"before" maxLength:"20" doc:"only messages older than this id"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

// ListOut is a page of messages.
type ListOut struct {
	Body struct {
		Messages []MessageView `json:"messages"`
	}
}

func (a *API) list(ctx context.Context, in *ListIn) (*ListOut, error) {
	before, err := newest(in.Before)
	if err != nil {
		return nil, err
	}
	out := &ListOut{}
	out.Body.Messages = []MessageView{}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.ListMessages(ctx, callerOf(ctx).app.ID, before, in.Limit)
		if err != nil {
			return err
		}
		to, err := a.masked(ctx, tx, list)
		for _, m := range list {
			out.Body.Messages = append(out.Body.Messages, view(m, to[m.PhoneID]))
		}
		return err
	})
	return out, err
}

func (a *API) cancel(ctx context.Context, in *MessageIn) (*MessageOut, error) {
	var m *sms.Message
	err := a.Store.Read(ctx, func(ctx context.Context, tx Tx) (err error) {
		m, err = own(ctx, tx, callerOf(ctx), in.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := sms.Take(m.State, sms.Cancelled, sms.ActorCustomer); err != nil {
		return nil, sms.Errorf(sms.MessageNotWaiting, "path.id", "it is %s", m.State).Chinese("现为 %s", m.State)
	}
	if err := a.End(ctx, m, sms.Cancelled, sms.ActorCustomer); err != nil {
		return nil, err
	}
	return a.message(ctx, in)
}

// EvidenceIn asks for a pack.
type EvidenceIn struct {
	ID   string `path:"id" maxLength:"20"`
	Seen string `query:"seen" maxLength:"4096" doc:"an older checkpoint of yours, base64url: the pack then proves that nothing before it was rewritten"`
	// A pack's salts let whoever knows a number and a text check them.
	Reason string `query:"reason" maxLength:"500" doc:"why, for a message that is not your own: it is recorded"`
}

// EvidenceOut is a file.
type EvidenceOut struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

func (a *API) evidence(ctx context.Context, in *EvidenceIn) (*EvidenceOut, error) {
	var m *sms.Message
	err := a.Store.Read(ctx, func(ctx context.Context, tx Tx) (err error) {
		m, err = own(ctx, tx, callerOf(ctx), in.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	seen, err := decodeSeen(in.Seen)
	if err != nil {
		return nil, err
	}
	if m.ApplicationID != callerOf(ctx).app.ID {
		if err := a.see(ctx, "evidence", m.ID, in.Reason); err != nil {
			return nil, err
		}
	}
	pack, err := a.Pack(ctx, m.ID, seen)
	if err != nil {
		return nil, err
	}
	return &EvidenceOut{"application/json", `attachment; filename="zhunxin-` + m.ID.String() + `.json"`, pack}, nil
}
