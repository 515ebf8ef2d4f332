package httpapi

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/complaint"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/risk"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// ComplaintIn opens a case.
type ComplaintIn struct {
	Body struct {
		Source      string    `json:"source" enum:"12321,carrier,direct"`
		About       string    `json:"about,omitempty" enum:"marketing,content,personal,service" default:"marketing"`
		Reference   string    `json:"reference,omitempty" maxLength:"200" doc:"the centre's, the carrier's or your own number of the case"`
		Number      string    `json:"number" minLength:"1" maxLength:"32" doc:"the complainant's; only its keyed id and its masked form are kept"`
		MessageID   sms.ID    `json:"message_id,omitempty" doc:"if it is known; else it is looked for by number, port and time"`
		Port        string    `json:"port,omitempty" maxLength:"21" pattern:"^[0-9]*$" doc:"source number that the complainant saw"`
		At          time.Time `json:"at,omitzero" doc:"when the message came, as they say"`
		ReceivedAt  time.Time `json:"received_at,omitzero" doc:"when the complaint reached you; empty is now"`
		ForwardedAt time.Time `json:"forwarded_at,omitzero" doc:"when 12321 or the carrier sent it on"`
		Note        string    `json:"note,omitempty" maxLength:"4000"`
	}
}

// ComplaintView is a case with what is to be done about it.
type ComplaintView struct {
	complaint.Case
	Candidates []complaint.Sent `json:"candidates,omitempty" doc:"what was sent to the number around that time"`
	Duties     []DutyView       `json:"duties"`
	File       bool             `json:"file" doc:"it has a case file"`
	Erased     bool             `json:"person_erased,omitempty" doc:"the person was erased towards the sender: neither number nor text opens any more, also not for this case"`
}

// CaseOut is one case.
type CaseOut struct{ Body ComplaintView }

// CasesIn pages through cases.
type CasesIn struct {
	State  string `query:"state" enum:",open,verified,answered,closed"`
	Party  string `query:"party_id" maxLength:"20"`
	Before string `query:"before" maxLength:"20"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

// CasesOut is a page of cases, newest first.
type CasesOut struct {
	Body struct {
		Complaints []complaint.Case `json:"complaints"`
	}
}

// NameIn says which message a case is about.
type NameIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		MessageID sms.ID `json:"message_id"`
	}
}

// VerdictIn is a verdict.
type VerdictIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Verdict string `json:"verdict" enum:"confirmed,unfounded"`
		Cause   string `json:"cause,omitempty" enum:",no_consent,content,after_refusal,disguised,personal,false_advertising,other" doc:"no_consent stops the party's marketing, false_advertising holds that with the signature (AD-18)"`
		Note    string `json:"note" minLength:"1" maxLength:"4000"`
	}
}

// CaseAnswerIn is what the complainant or the centre was told.
type CaseAnswerIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Text    string `json:"text" minLength:"1" maxLength:"4000"`
		Receipt string `json:"receipt,omitempty" maxLength:"200" doc:"what shows that it was told"`
	}
}

// CaseFileIn asks for a case file.
type CaseFileIn struct {
	ID     string `path:"id" maxLength:"20"`
	Reason string `query:"reason" maxLength:"500" doc:"why: it is recorded"`
}

// FiguresIn names a month.
type FiguresIn struct {
	Month string `query:"month" pattern:"^[0-9]{4}-[0-9]{2}$" required:"true" doc:"2026-11, in Asia/Shanghai"`
}

// FiguresOut are the figures of a month (CMP-06).
type FiguresOut struct {
	Body struct {
		Month   string             `json:"month"`
		Figures []complaint.Figure `json:"figures"`
	}
}

// ReasonIn is a reason for something.
type ReasonIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Reason string `json:"reason" minLength:"4" maxLength:"500"`
	}
}

func (a *API) complaints() {
	overseen(a, "complaints", "/v1/admin/complaints", "Complaints 投诉", a.listCases)
	overseen(a, "complaint", "/v1/admin/complaints/{id}", "A complaint 投诉案卷", a.showCase)
	overseen(a, "complaint-file", "/v1/admin/complaints/{id}/file", "The newest case file 证据包", a.caseFile)
	overseen(a, "complaint-figures", "/v1/admin/complaint-figures", "Complaints per million delivered 投诉率", a.figures)
	office(a, huma.Operation{
		OperationID: "new-complaint", Path: "/v1/admin/complaints", Summary: "Open a case 受理投诉",
		Description: "From the moment of the answer nobody sends the complainant marketing any more; service messages go on, and no proof of identity is asked for. A marketing message without a record of consent is confirmed at once, and its party's marketing is stopped.",
	}, a.openCase)
	office(a, huma.Operation{OperationID: "complaint-message", Path: "/v1/admin/complaints/{id}/message", Summary: "Say which message it is about 指定短信"}, a.nameMessage)
	office(a, huma.Operation{OperationID: "complaint-verdict", Path: "/v1/admin/complaints/{id}/verdict", Summary: "Verdict 核实"}, a.judgeCase)
	office(a, huma.Operation{OperationID: "complaint-assemble", Path: "/v1/admin/complaints/{id}/file", Summary: "Assemble the case file anew 重新汇集证据"}, a.assembleCase)
	office(a, huma.Operation{OperationID: "complaint-answer", Path: "/v1/admin/complaints/{id}/answer", Summary: "What was answered 答复"}, a.answerCase)
	office(a, huma.Operation{OperationID: "complaint-close", Path: "/v1/admin/complaints/{id}/close", Summary: "Close a case 结案"}, a.closeCase)
}

func (a *API) cases() *complaint.Desk { return &complaint.Desk{Duties: a.duties(), IDs: a.IDs} }

// around is how far what a complainant says of the time may be wrong.
const around = 36 * time.Hour

// candidates are the messages to a number around the time that is said, the likeliest first:
// from that port, and nearest in time.
func (a *API) candidates(ctx context.Context, tx Tx, c *complaint.Case) ([]sms.RecipientEvent, error) {
	at := c.SaidAt
	if at == 0 {
		at = c.ReceivedAt
	}
	list, err := tx.SentTo(ctx, c.Phone(), 0, at-around.Milliseconds(), complaint.MaxSent)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(e sms.RecipientEvent) bool { return e.At > at+around.Milliseconds() })
	if c.Port != "" {
		ids, from := make([]sms.ID, len(list)), map[sms.ID]bool{}
		for i := range list {
			ids[i] = list[i].MessageID
		}
		if err := tx.SegmentsOf(ctx, ids, func(s sms.Segment) { from[s.MessageID] = from[s.MessageID] || strings.HasPrefix(s.Source, c.Port) }); err != nil {
			return nil, err
		}
		list = slices.DeleteFunc(list, func(e sms.RecipientEvent) bool { return !from[e.MessageID] })
	}
	slices.SortStableFunc(list, func(x, y sms.RecipientEvent) int { return int(max(x.At-at, at-x.At) - max(y.At-at, at-y.At)) })
	return list, nil
}

// about finds the message of a new case: the one that is named, or the likeliest.
func (a *API) about(ctx context.Context, tx Tx, c *complaint.Case, id sms.ID) (*sms.Message, error) {
	if id != 0 {
		m, err := tx.Message(ctx, id)
		if err != nil || m.PhoneID != c.Phone() {
			return nil, sms.Errorf(sms.BadRequest, "body.message_id", "no message of this id went to that number")
		}
		return m, nil
	}
	list, err := a.candidates(ctx, tx, c)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return tx.Message(ctx, list[0].MessageID)
}

// newCase is a case as it is told of.
func (a *API) newCase(in *ComplaintIn) (c complaint.Case, err error) {
	b, now := &in.Body, a.Now()
	n, err := sms.ParseMSISDN(b.Number)
	if err != nil {
		return c, sms.NumberFault("body.number", err)
	}
	if err := allWords("body.reference", b.Reference, "body.note", b.Note); err != nil {
		return c, err
	}
	if b.ReceivedAt.IsZero() {
		b.ReceivedAt = now
	}
	for _, t := range []time.Time{b.ReceivedAt, b.At, b.ForwardedAt} {
		if !t.IsZero() && (t.After(now) || t.Year() < 2000) {
			return c, sms.Errorf(sms.BadRequest, "body.received_at, body.at, body.forwarded_at", "a complaint is about what has happened")
		}
	}
	id := a.Keys.PhoneID(n)
	c = complaint.Case{
		ID: a.IDs.Next(), Source: b.Source, About: b.About, Reference: b.Reference, PhoneID: id[:], Shown: n.String(), Port: b.Port, ReceivedAt: b.ReceivedAt.UnixMilli(), Note: b.Note,
	}
	if !b.At.IsZero() {
		c.SaidAt = b.At.UnixMilli()
	}
	if !b.ForwardedAt.IsZero() {
		c.ForwardedAt = b.ForwardedAt.UnixMilli()
	}
	return c, nil
}

func (a *API) openCase(ctx context.Context, by *registry.Staff, in *ComplaintIn) (*CaseOut, error) {
	c, err := a.newCase(in)
	if err != nil {
		return nil, err
	}
	var m *sms.Message
	var n risk.Delivered
	snap := callerOf(ctx).snap
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		if m, err = a.about(ctx, tx, &c, in.Body.MessageID); err != nil || m == nil {
			return err
		}
		c.Attach(m, snap)
		n, err = a.countsOf(ctx, tx, snap, &c, m)
		return err
	})
	if err != nil {
		return nil, err
	}
	opened := c
	err = a.Store.WriteFirst(ctx, func(ctx context.Context, tx Tx) (err error) {
		opened, err = a.cases().Open(ctx, tx, c, m, n, by.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if m != nil {
		a.tryCaseFile(ctx, opened.ID, by.ID)
	}
	return a.caseView(ctx, opened.ID)
}

// tryCaseFile assembles a file. What fails is tried again in the background, until its duty
// is done.
func (a *API) tryCaseFile(ctx context.Context, id, by sms.ID) {
	if err := a.CaseFile(ctx, id, by); err != nil {
		a.Logger.Error("assemble the case file", "complaint", id, "err", err)
	}
}

func (a *API) caseView(ctx context.Context, id sms.ID) (*CaseOut, error) {
	book, err := a.Gate.RulesInForce(ctx)
	if err != nil {
		return nil, err
	}
	out := &CaseOut{}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		c, err := tx.Case(ctx, id, false)
		if err != nil {
			return err
		}
		if c.ID == 0 {
			return sms.Errorf(sms.NotFound, "path.id", "no complaint has this id")
		}
		out.Body.Case, out.Body.Duties = c, []DutyView{}
		list, err := tx.DutiesOf(ctx, id)
		if err != nil {
			return err
		}
		for i := range list {
			out.Body.Duties = append(out.Body.Duties, a.dutyView(book, &list[i]))
		}
		if c.State == complaint.Open {
			sent, err := a.candidates(ctx, tx, &c)
			if err != nil {
				return err
			}
			for _, e := range sent {
				out.Body.Candidates = append(out.Body.Candidates, complaint.Sent{ID: e.MessageID, At: e.At, Category: e.Category})
			}
		}
		if out.Body.Erased, err = complaint.Erased(ctx, tx, &c); err != nil {
			return err
		}
		file, err := tx.CaseFile(ctx, id)
		out.Body.File = file != nil
		return err
	})
	return out, err
}

func (a *API) listCases(ctx context.Context, in *CasesIn) (*CasesOut, error) {
	before, err := newest(in.Before)
	if err != nil {
		return nil, err
	}
	party, err := cursor(in.Party, "query.party_id")
	if err != nil {
		return nil, err
	}
	out := &CasesOut{}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.Cases(ctx, complaint.Filter{Before: before, State: in.State, Party: party}, in.Limit)
		out.Body.Complaints = slices.Concat([]complaint.Case{}, list)
		return err
	})
	return out, err
}

func (a *API) showCase(ctx context.Context, in *MessageIn) (*CaseOut, error) {
	id, err := pathID(in.ID)
	if err != nil {
		return nil, err
	}
	return a.caseView(ctx, id)
}

// caseFile shows the newest file, and records that it was seen.
func (a *API) caseFile(ctx context.Context, in *CaseFileIn) (*EvidenceOut, error) {
	id, err := pathID(in.ID)
	if err != nil {
		return nil, err
	}
	var sealed []byte
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		sealed, err = tx.CaseFile(ctx, id)
		return err
	})
	if err == nil && sealed == nil {
		err = sms.Errorf(sms.NotFound, "path.id", "no case of this id has a file")
	}
	if err == nil {
		err = a.see(ctx, "case_file", id, in.Reason)
	}
	if err != nil {
		return nil, err
	}
	plain, err := a.Keys.Open(vault.PurposeFile, sealed)
	if err != nil {
		return nil, err
	}
	return &EvidenceOut{"application/json", `attachment; filename="zhunxin-case-` + id.String() + `.json"`, plain}, nil
}

func (a *API) nameMessage(ctx context.Context, by *registry.Staff, in *NameIn) (*CaseOut, error) {
	id, err := pathID(in.ID)
	if err != nil {
		return nil, err
	}
	var m *sms.Message
	var n risk.Delivered
	snap := callerOf(ctx).snap
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		if m, err = tx.Message(ctx, in.Body.MessageID); err != nil {
			return sms.Errorf(sms.BadRequest, "body.message_id", "no message has this id")
		}
		c, err := tx.Case(ctx, id, false)
		if err != nil {
			return err
		}
		c.Attach(m, snap)
		n, err = a.countsOf(ctx, tx, snap, &c, m)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = a.Store.WriteFirst(ctx, func(ctx context.Context, tx Tx) error {
		_, err := a.cases().Name(ctx, tx, id, m, snap, n, by.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	a.tryCaseFile(ctx, id, by.ID)
	return a.caseView(ctx, id)
}

func (a *API) judgeCase(ctx context.Context, by *registry.Staff, in *VerdictIn) (*CaseOut, error) {
	id, err := pathID(in.ID)
	if err == nil {
		err = words("body.note", in.Body.Note)
	}
	if err != nil {
		return nil, err
	}
	b := &in.Body
	if (b.Verdict == complaint.Confirmed) != (b.Cause != "") {
		return nil, sms.Errorf(sms.BadRequest, "body.cause", "a confirmed complaint has a cause, an unfounded one has none")
	}
	var n risk.Delivered
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		c, err := tx.Case(ctx, id, false)
		if err == nil && b.Verdict == complaint.Confirmed {
			n, err = a.counts(ctx, tx, callerOf(ctx).snap, &c)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = a.Store.WriteFirst(ctx, func(ctx context.Context, tx Tx) error {
		_, err := a.cases().Judge(ctx, tx, id, b.Verdict, b.Cause, b.Note, n, by.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return a.caseView(ctx, id)
}

func (a *API) assembleCase(ctx context.Context, by *registry.Staff, in *MessageIn) (*CaseOut, error) {
	id, err := pathID(in.ID)
	if err == nil {
		err = a.CaseFile(ctx, id, by.ID)
	}
	if err != nil {
		return nil, err
	}
	return a.caseView(ctx, id)
}

func (a *API) answerCase(ctx context.Context, by *registry.Staff, in *CaseAnswerIn) (*CaseOut, error) {
	if err := allWords("body.text", in.Body.Text, "body.receipt", in.Body.Receipt); err != nil {
		return nil, err
	}
	return a.stepCase(ctx, in.ID, func(ctx context.Context, tx Tx, id sms.ID) error {
		_, err := a.cases().Answer(ctx, tx, id, in.Body.Text, in.Body.Receipt, by.ID)
		return err
	})
}

func (a *API) closeCase(ctx context.Context, by *registry.Staff, in *MessageIn) (*CaseOut, error) {
	return a.stepCase(ctx, in.ID, func(ctx context.Context, tx Tx, id sms.ID) error {
		_, err := a.cases().Close(ctx, tx, id, by.ID)
		return err
	})
}

// stepCase takes a case a step further, and shows it.
func (a *API) stepCase(ctx context.Context, text string, step func(ctx context.Context, tx Tx, id sms.ID) error) (*CaseOut, error) {
	id, err := pathID(text)
	if err != nil {
		return nil, err
	}
	if err := a.Store.Write(ctx, func(ctx context.Context, tx Tx) error { return step(ctx, tx, id) }); err != nil {
		return nil, err
	}
	return a.caseView(ctx, id)
}

// countsOf are the figures that a case needs which its records confirm at once. They are not
// cheap, and the others need none.
func (a *API) countsOf(ctx context.Context, tx Tx, snap *registry.Snapshot, c *complaint.Case, m *sms.Message) (n risk.Delivered, err error) {
	if yes, err := complaint.Unproved(ctx, tx, c, m); err != nil || !yes {
		return n, err
	}
	return a.counts(ctx, tx, snap, c)
}

// counts are what was delivered in this month, in Asia/Shanghai, of what a case is about.
func (a *API) counts(ctx context.Context, tx Tx, snap *registry.Snapshot, c *complaint.Case) (n risk.Delivered, err error) {
	if c.PartyID == 0 {
		return n, nil
	}
	now := a.Now().In(rulebook.Shanghai)
	y, m, _ := now.Date()
	err = risk.DeliveredIn(ctx, tx, time.Date(y, m, 1, 0, 0, 0, 0, rulebook.Shanghai), now, func(account, signature, template, channel sms.ID, count int) {
		if x := snap.Account[account]; x != nil && x.PartyID == c.PartyID {
			n.Party += count
		}
		if signature == c.SignatureID {
			n.Signature += count
		}
		if template == c.TemplateID {
			n.Template += count
		}
		if channel == c.ChannelID {
			n.Channel += count
		}
	})
	return n, err
}

func (a *API) figures(ctx context.Context, in *FiguresIn) (*FiguresOut, error) {
	from, err := time.ParseInLocation("2006-01", in.Month, rulebook.Shanghai)
	if err != nil || from.Year() < 2024 {
		return nil, sms.Errorf(sms.BadRequest, "query.month", "it is not a month from 2024-01 on")
	}
	to := from.AddDate(0, 1, 0)
	type key struct{ signature, channel sms.ID }
	found, snap := map[key]*complaint.Figure{}, callerOf(ctx).snap
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.CountCases(ctx, from.UnixMilli(), to.UnixMilli(), func(f complaint.Figure) { found[key{f.SignatureID, f.ChannelID}] = &f }); err != nil {
			return err
		}
		return risk.DeliveredIn(ctx, tx, from, to, func(_, signature, _, channel sms.ID, n int) {
			f := found[key{signature, channel}]
			if f == nil {
				f = &complaint.Figure{SignatureID: signature, ChannelID: channel}
				if s := snap.Signature[signature]; s != nil {
					f.PartyID = s.PartyID
				}
				found[key{signature, channel}] = f
			}
			f.Delivered += n
		})
	})
	out := &FiguresOut{}
	out.Body.Month, out.Body.Figures = in.Month, []complaint.Figure{}
	for _, f := range found {
		f.PerBillion = risk.PerBillion(f.Valid, f.Delivered)
		out.Body.Figures = append(out.Body.Figures, *f)
	}
	slices.SortFunc(out.Body.Figures, func(x, y complaint.Figure) int {
		if x.PerBillion != y.PerBillion {
			return int(min(max(y.PerBillion-x.PerBillion, -1), 1))
		}
		return int(min(max(x.SignatureID-y.SignatureID, -1), 1))
	})
	return out, err
}

// factsText is the JSON of facts, in order of their names.
func factsText(facts map[string]any) (string, error) {
	b, err := json.Marshal(facts)
	return string(b), err
}
