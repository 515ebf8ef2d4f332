package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/admission"
	"github.com/zhunxin/zhunxin/internal/duty"
	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/privacy"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// overseer tells whether a caller may look at everything: the operator's administrators, and
// an auditor or a regulator, who can change nothing.
func overseer(c caller) bool {
	p := c.snap.Party[c.app.PartyID]
	return p != nil && p.Kind == registry.Operator && (admission.Has(c.key.Scopes, ScopeAdmin) || admission.Has(c.key.Scopes, ScopeAudit))
}

// overseen registers an operation that only reads, for administrators and auditors.
func overseen[I, O any](a *API, id, path, title string, handle func(context.Context, *I) (*O, error)) {
	operation(a, ScopeAudit, huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Summary: title, Tags: []string{"oversight"}},
		func(ctx context.Context, in *I) (*O, error) {
			if !overseer(callerOf(ctx)) {
				return nil, errOperator()
			}
			return handle(ctx, in)
		})
}

// office registers an operation that a person of the staff in the role compliance does.
func office[I, O any](a *API, op huma.Operation, handle func(context.Context, *registry.Staff, *I) (*O, error)) {
	officeWith(a, ScopeAdmin, op, handle)
}

// officeWith is the same for a key that has another scope besides.
func officeWith[I, O any](a *API, scope string, op huma.Operation, handle func(context.Context, *registry.Staff, *I) (*O, error)) {
	op.Tags, op.Method = []string{"compliance"}, http.MethodPost
	op.Description = strings.TrimSpace(op.Description + "\n\nNeeds a person of the staff with the role `compliance`.")
	operation(a, scope, op, func(ctx context.Context, in *I) (*O, error) {
		p, err := person(callerOf(ctx), registry.RoleCompliance)
		if err != nil {
			return nil, err
		}
		return handle(ctx, p, in)
	})
}

// words are those of the staff, which are stored as they are: they say something, and no
// telephone, QQ or WeChat may stand in them (P7). Their length is the schema's.
func words(field, s string) error {
	if s != "" && strings.TrimSpace(s) == "" {
		return sms.Errorf(sms.BadRequest, field, "it is blank").Chinese("为空白，请填写")
	}
	if t, _ := lexicon.Read(s, lexicon.Fold(s)); t.Private > 0 || t.Contacts > 0 || strings.ContainsRune(s, 0) {
		return sms.Errorf(sms.BadRequest, field, "it holds a telephone number or another contact, which may not stand here: name the person by the case").Chinese("不得含电话号码等联系方式，请用案件编号指代本人")
	}
	return nil
}

// allWords checks several: field, words, field, words …
func allWords(list ...string) error {
	for i := 0; i+1 < len(list); i += 2 {
		if err := words(list[i], list[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// newest is the cursor of a list that begins with the newest.
func newest(before string) (sms.ID, error) {
	id, err := cursor(before, "query.before")
	if id == 0 {
		id = 1<<63 - 1
	}
	return id, err
}

func pathID(s string) (sms.ID, error) {
	id, err := sms.ParseID(s)
	if err != nil {
		return 0, sms.Errorf(sms.BadRequest, "path.id", "%s", err).Chinese("应为正的十进制编号")
	}
	return id, nil
}

func (a *API) duties() *duty.Desk { return &duty.Desk{InForce: a.Gate.RulesInForce, IDs: a.IDs} }

// DutiesIn asks for tasks.
type DutiesIn struct {
	State string `query:"state" enum:"open,overdue,remind,done,all" default:"open" doc:"remind: open ones whose reminder has come"`
	Owner string `query:"owner" enum:",reviewer,compliance,finance"`
	After string `query:"after" maxLength:"20"`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

// DutyView is a task, with what its rule says.
type DutyView struct {
	ID       sms.ID        `json:"id"`
	Rule     string        `json:"rule"`
	Title    rulebook.Both `json:"title"`
	Task     rulebook.Both `json:"task" doc:"what is to be done"`
	Status   string        `json:"status" doc:"how sure the period's source is: V, V2, R (recalled), D (our own), TBC"`
	Event    string        `json:"event"`
	ObjectID sms.ID        `json:"object_id" doc:"complaint, request, licence …; 0 is the operator"`
	Period   string        `json:"period,omitempty"`
	Owner    string        `json:"owner"`
	Created  int64         `json:"created_at"`
	DueAt    int64         `json:"due_at" doc:"overdue from then on"`
	RemindAt int64         `json:"remind_at,omitempty"`
	Overdue  bool          `json:"overdue"`
	DoneAt   int64         `json:"done_at,omitempty"`
	DoneBy   sms.ID        `json:"done_by,omitempty"`
	Note     string        `json:"note,omitempty"`
	Evidence string        `json:"evidence,omitempty"`
}

// dutyView shows a task, with its rule if the rulebook still has it.
func (a *API) dutyView(book *rulebook.Book, t *duty.Task) DutyView {
	v := DutyView{
		ID: t.ID, Rule: t.Rule, Event: t.Event, ObjectID: t.ObjectID, Period: t.Period, Owner: t.Owner, Created: t.CreatedAt, DueAt: t.DueAt, RemindAt: t.RemindAt,
		Overdue: t.Overdue(a.Now().UnixMilli()), DoneAt: t.DoneAt, DoneBy: t.DoneBy, Note: t.Note, Evidence: t.Evidence,
	}
	if r, ok := book.Rule(t.Rule); ok {
		v.Title, v.Task, v.Status = r.Title, r.Filled(r.Remedy), r.Status
	}
	return v
}

// DutiesOut is a page of tasks.
type DutiesOut struct {
	Body struct {
		Duties []DutyView `json:"duties"`
	}
}

// DoneIn marks a task as done.
type DoneIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Note     string `json:"note" minLength:"1" maxLength:"1000"`
		Evidence string `json:"evidence,omitempty" maxLength:"200" doc:"what shows it: number of a receipt, hash of a file"`
	}
}

// DutyOut is one task.
type DutyOut struct{ Body DutyView }

// OccurrenceIn tells of something that happened.
type OccurrenceIn struct {
	Body struct {
		Event     string         `json:"event" enum:"licence.change,authority.asked,lead.found,content.found"`
		At        time.Time      `json:"at" doc:"when; of a planned change, the day on which it takes effect"`
		Facts     map[string]any `json:"facts,omitempty" doc:"what rules ask of it, by name; unsaid is the usual"`
		Reference string         `json:"reference,omitempty" maxLength:"200"`
		Note      string         `json:"note" minLength:"1" maxLength:"4000"`
	}
}

// OccurrenceOut is what was told of, with the duties that arise from it.
type OccurrenceOut struct {
	Body struct {
		duty.Occurrence
		Duties []DutyView `json:"duties"`
	}
}

// OversightPageIn pages through a list, newest first.
type OversightPageIn struct {
	Before string `query:"before" maxLength:"20" doc:"only those older than this id"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

// OccurrencesOut is a page of the registers.
type OccurrencesOut struct {
	Body struct {
		Occurrences []duty.Occurrence `json:"occurrences"`
	}
}

// oversight registers duties, registers, and what auditors read.
func (a *API) oversight() {
	overseen(a, "duties", "/v1/admin/duties", "Duties 待办与期限", a.listDuties)
	overseen(a, "occurrences", "/v1/admin/occurrences", "Requests of authorities, leads, content, changes 登记簿", a.listOccurrences)
	overseen(a, "rules", "/v1/admin/rules", "The rules that this node runs 规则", a.listRules)
	overseen(a, "object-evidence", "/v1/admin/evidence/{id}", "Everything recorded under an id, as an evidence pack 证据包", a.objectEvidence)
	overseen(a, "accesses", "/v1/admin/accesses", "Who saw numbers, texts and packs, and why 查看记录", a.accesses)
	office(a, huma.Operation{OperationID: "duty-done", Path: "/v1/admin/duties/{id}/done", Summary: "A duty is done 办结"}, a.dutyDone)
	office(a, huma.Operation{
		OperationID: "occurrence", Path: "/v1/admin/occurrences", Summary: "Tell of something from which duties arise 登记事件",
		Description: "A planned change of the licence, a request of an authority, a lead to fraud, illegal content. Incidents have their own: /v1/admin/incidents.",
	}, a.occurrence)
	a.complaints()
	a.incidents()
	a.agents()
	a.requests()
}

func (a *API) listDuties(ctx context.Context, in *DutiesIn) (*DutiesOut, error) {
	after, err := cursor(in.After, "query.after")
	if err != nil {
		return nil, err
	}
	book, err := a.Gate.RulesInForce(ctx)
	if err != nil {
		return nil, err
	}
	now, out := a.Now().UnixMilli(), &DutiesOut{}
	out.Body.Duties = []DutyView{}
	f := duty.Filter{After: after, Owner: in.Owner, Open: in.State != "done" && in.State != "all", Done: in.State == "done"}
	switch in.State {
	case "overdue":
		f.DueBy = now
	case "remind":
		f.RemindBy = now
	}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.Duties(ctx, f, in.Limit)
		for i := range list {
			out.Body.Duties = append(out.Body.Duties, a.dutyView(book, &list[i]))
		}
		return err
	})
	return out, err
}

func (a *API) dutyDone(ctx context.Context, by *registry.Staff, in *DoneIn) (*DutyOut, error) {
	id, err := pathID(in.ID)
	if err == nil {
		err = allWords("body.note", in.Body.Note, "body.evidence", in.Body.Evidence)
	}
	if err != nil {
		return nil, err
	}
	book, err := a.Gate.RulesInForce(ctx)
	if err != nil {
		return nil, err
	}
	out := &DutyOut{}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		t, err := tx.Duty(ctx, id)
		if err != nil {
			return err
		}
		r, known := book.Rule(t.Rule)
		switch {
		case t.ID == 0:
			return sms.Errorf(sms.NotFound, "path.id", "no duty has this id")
		case !by.Has(t.Owner):
			return sms.Errorf(sms.Forbidden, "Authorization", "it is for the role %s", t.Owner)
		case known && r.Duty != nil && r.Duty.Blocks != "": // what it stands in the way of would pass by a word
			return sms.Errorf(sms.StateConflict, "path.id", "it ends with what it asks for: %s", strings.Join(r.Duty.Ended, ", "))
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		t.DoneAt, t.DoneBy, t.Note, t.Evidence, t.RemindAt = now.UnixMilli(), by.ID, in.Body.Note, in.Body.Evidence, 0
		out.Body = a.dutyView(book, &t)
		done, err := a.duties().Finish(ctx, tx, t)
		if err == nil && !done {
			err = sms.Errorf(sms.StateConflict, "path.id", "the duty is done already")
		}
		return err
	})
	return out, err
}

func (a *API) occurrence(ctx context.Context, by *registry.Staff, in *OccurrenceIn) (*OccurrenceOut, error) {
	b, out := &in.Body, &OccurrenceOut{}
	if err := allWords("body.reference", b.Reference, "body.note", b.Note); err != nil {
		return nil, err
	}
	book, err := a.Gate.RulesInForce(ctx)
	if err != nil {
		return nil, err
	}
	facts, err := book.EventFacts(b.Event, b.Facts)
	if err != nil {
		return nil, sms.Errorf(sms.BadRequest, "body.facts", "%s", err)
	}
	if year := b.At.Year(); year < 2000 || year > 2999 {
		return nil, sms.Errorf(sms.BadRequest, "body.at", "that is no day of a year from 2000 on")
	}
	if b.Event != rulebook.EventChange && b.At.After(a.Now()) {
		return nil, sms.Errorf(sms.BadRequest, "body.at", "it is in the future")
	}
	said, err := factsText(facts)
	if err != nil {
		return nil, err
	}
	o := duty.Occurrence{ID: a.IDs.Next(), Event: b.Event, At: b.At.UnixMilli(), Reference: b.Reference, Facts: said, Note: b.Note, By: by.ID}
	out.Body.Duties = []DutyView{}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		o.Recorded = now.UnixMilli()
		if err := tx.InsertOccurrence(ctx, o); err != nil {
			return err
		}
		if err := a.record(ctx, tx, callerOf(ctx).key, "occurrence "+o.Event, o.ID, o); err != nil {
			return err
		}
		if err := a.duties().Raise(ctx, tx, duty.Event{Name: o.Event, ObjectID: o.ID, Facts: facts, At: b.At}, now); err != nil {
			return err
		}
		list, err := tx.DutiesOf(ctx, o.ID)
		out.Body.Duties = out.Body.Duties[:0]
		for i := range list {
			out.Body.Duties = append(out.Body.Duties, a.dutyView(book, &list[i]))
		}
		return err
	})
	out.Body.Occurrence = o
	return out, err
}

func (a *API) listOccurrences(ctx context.Context, in *OversightPageIn) (*OccurrencesOut, error) {
	before, err := newest(in.Before)
	if err != nil {
		return nil, err
	}
	out := &OccurrencesOut{}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		out.Body.Occurrences, err = tx.Occurrences(ctx, before, in.Limit)
		return err
	})
	out.Body.Occurrences = slices.Concat([]duty.Occurrence{}, out.Body.Occurrences)
	return out, err
}

// RulesOut lists rules.
type RulesOut struct {
	Body struct {
		Packs string          `json:"packs"`
		Rules []rulebook.Rule `json:"rules"`
	}
}

func (a *API) listRules(ctx context.Context, _ *struct{}) (*RulesOut, error) {
	book, err := a.Gate.RulesInForce(ctx)
	if err != nil {
		return nil, err
	}
	out := &RulesOut{}
	out.Body.Packs, out.Body.Rules = book.Versions(), book.Rules()
	return out, nil
}

// objectEvidence holds neither number nor text, and no salt that opens any.
func (a *API) objectEvidence(ctx context.Context, in *EvidenceIn) (*EvidenceOut, error) {
	id, err := pathID(in.ID)
	if err != nil {
		return nil, err
	}
	seen, err := decodeSeen(in.Seen)
	if err != nil {
		return nil, err
	}
	pack, err := a.PackOf(ctx, id, seen)
	if err != nil {
		return nil, err
	}
	return &EvidenceOut{"application/json", `attachment; filename="zhunxin-` + id.String() + `.json"`, pack}, nil
}

// AccessesOut is a page of the record of accesses.
type AccessesOut struct {
	Body struct {
		Accesses []privacy.Seen `json:"accesses"`
	}
}

func (a *API) accesses(ctx context.Context, in *OversightPageIn) (*AccessesOut, error) {
	before, err := newest(in.Before)
	if err != nil {
		return nil, err
	}
	out := &AccessesOut{}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		out.Body.Accesses, err = tx.SeenList(ctx, before, in.Limit)
		return err
	})
	out.Body.Accesses = slices.Concat([]privacy.Seen{}, out.Body.Accesses)
	return out, err
}

// see records a look at what is not shown otherwise. It is on disk before anything is shown.
func (a *API) see(ctx context.Context, what string, object sms.ID, reason string) error {
	return a.Store.Write(ctx, func(ctx context.Context, tx Tx) error { return a.seeIn(ctx, tx, what, object, reason) })
}

// seeIn is the same in a transaction, whose commit comes before what is shown.
func (a *API) seeIn(ctx context.Context, tx Tx, what string, object sms.ID, reason string) error {
	if err := reasoned(reason); err != nil {
		return err
	}
	c := callerOf(ctx)
	return a.privacy().See(ctx, tx, privacy.Seen{Key: c.key.ID, Staff: c.key.StaffID, What: what, ObjectID: object, Reason: reason})
}

// reasoned tells whether a reason says something.
func reasoned(reason string) error {
	if len(strings.TrimSpace(reason)) < 4 || len(reason) > 500 {
		return sms.Errorf(sms.BadRequest, "reason", "say why, in 4 to 500 bytes")
	}
	return words("reason", reason)
}
