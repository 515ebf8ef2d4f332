package httpapi

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/incident"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// IncidentBody is what is known of an incident.
type IncidentBody struct {
	incident.Told
	Personal bool `json:"personal,omitempty" doc:"personal information leaked, was altered or lost, or may have been"`
	Large    bool `json:"large,omitempty" doc:"of a larger class"`
	Public   bool `json:"public,omitempty" doc:"it may harm state security or the public interest"`
}

// IncidentIn opens an incident.
type IncidentIn struct {
	Body struct {
		IncidentBody
		FoundAt time.Time `json:"found_at,omitzero" doc:"when it was found; empty is now"`
	}
}

// IncidentChangeIn says what is known by now, in full.
type IncidentChangeIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body IncidentBody
}

// IncidentStepIn is a step that was taken.
type IncidentStepIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Step    string `json:"step" enum:"incident.contained,incident.reported,incident.told" doc:"contained, and the person in charge knows; the authority was told; the people were"`
		Receipt string `json:"receipt" minLength:"1" maxLength:"500" doc:"what shows it"`
	}
}

// IncidentCloseIn closes one.
type IncidentCloseIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Reason string `json:"reason,omitempty" maxLength:"2000" doc:"why what is still open is not owed; empty when nothing is"`
	}
}

// IncidentView is an incident with what is to be done and to be told.
type IncidentView struct {
	incident.Incident
	Duties    []DutyView    `json:"duties"`
	Missing   []string      `json:"missing" doc:"what the notices lack"`
	Authority rulebook.Both `json:"notice_authority"`
	People    rulebook.Both `json:"notice_people"`
}

// What the operations answer.
type (
	IncidentOut  struct{ Body IncidentView }
	IncidentsOut struct {
		Body struct {
			Incidents []incident.Incident `json:"incidents"`
		}
	}
)

// incidents registers what is done about leaks of personal information.
func (a *API) incidents() {
	overseen(a, "incidents", "/v1/admin/incidents", "Incidents of personal information 个人信息安全事件", a.listIncidents)
	overseen(a, "incident", "/v1/admin/incidents/{id}", "An incident with its notices 事件与通知文本", a.showIncident)
	office(a, huma.Operation{
		OperationID: "new-incident", Path: "/v1/admin/incidents", Summary: "Open an incident 登记安全事件",
		Description: "PIPL Art. 57. Its clocks run from when it was found. What is not known yet is told later; the notices are made of the same fields.",
	}, a.openIncident)
	office(a, huma.Operation{OperationID: "change-incident", Path: "/v1/admin/incidents/{id}", Summary: "What is known by now 补充事件信息"}, a.changeIncident)
	office(a, huma.Operation{
		OperationID: "incident-step", Path: "/v1/admin/incidents/{id}/step", Summary: "A step was taken 处置、报告、告知",
		Description: "It ends the duties that it is for. Nobody is told what lacks a part of Art. 57.",
	}, a.stepIncident)
	office(a, huma.Operation{
		OperationID: "close-incident", Path: "/v1/admin/incidents/{id}/close", Summary: "Close an incident 结案",
		Description: "Once its duties are done, or with the reason for which those that are open are not owed.",
	}, a.closeIncident)
}

func (a *API) incidentDesk() *incident.Desk { return &incident.Desk{Duties: a.duties(), IDs: a.IDs} }

// check refuses what names somebody, or a party that there is not. A contact is the operator's own.
func (b *IncidentBody) check(snap *registry.Snapshot) error {
	if err := allWords("body.kinds", b.Kinds, "body.cause", b.Cause, "body.harm", b.Harm, "body.measures", b.Measures, "body.advice", b.Advice); err != nil {
		return err
	}
	if strings.ContainsRune(b.Contact, 0) {
		return sms.Errorf(sms.BadRequest, "body.contact", "it holds a character that is none")
	}
	_, err := partyNames(snap, b.Parties)
	return err
}

// partyNames are those of parties that are named by ids with commas between them.
func partyNames(snap *registry.Snapshot, ids string) (names []string, err error) {
	for text := range strings.SplitSeq(ids, ",") {
		if text == "" {
			continue
		}
		id, err := sms.ParseID(text)
		if err != nil || snap.Party[id] == nil {
			return nil, sms.Errorf(sms.BadRequest, "body.parties", "no party has the id %.20s", text)
		}
		names = append(names, snap.Party[id].Name)
	}
	return names, nil
}

func (a *API) openIncident(ctx context.Context, by *registry.Staff, in *IncidentIn) (*IncidentOut, error) {
	b := &in.Body
	if err := b.check(callerOf(ctx).snap); err != nil {
		return nil, err
	}
	if b.FoundAt.IsZero() {
		b.FoundAt = a.Now()
	}
	if b.FoundAt.After(a.Now()) || b.FoundAt.Year() < 2000 {
		return nil, sms.Errorf(sms.BadRequest, "body.found_at", "it is in the future, or no day from 2000 on")
	}
	i := incident.Incident{FoundAt: b.FoundAt.UnixMilli(), Told: b.Told, Personal: b.Personal, Large: b.Large, Public: b.Public, OpenedBy: by.ID}
	return a.withIncident(ctx, func(ctx context.Context, tx Tx) (incident.Incident, error) {
		return a.incidentDesk().Open(ctx, tx, i)
	})
}

func (a *API) changeIncident(ctx context.Context, by *registry.Staff, in *IncidentChangeIn) (*IncidentOut, error) {
	id, err := pathID(in.ID)
	if err == nil {
		err = in.Body.check(callerOf(ctx).snap)
	}
	if err != nil {
		return nil, err
	}
	return a.withIncident(ctx, func(ctx context.Context, tx Tx) (incident.Incident, error) {
		return a.incidentDesk().Update(ctx, tx, id, in.Body.Told, in.Body.Personal, in.Body.Large, in.Body.Public, by.ID)
	})
}

func (a *API) stepIncident(ctx context.Context, by *registry.Staff, in *IncidentStepIn) (*IncidentOut, error) {
	id, err := pathID(in.ID)
	if err == nil {
		err = words("body.receipt", in.Body.Receipt)
	}
	if err != nil {
		return nil, err
	}
	return a.withIncident(ctx, func(ctx context.Context, tx Tx) (incident.Incident, error) {
		return a.incidentDesk().Take(ctx, tx, id, in.Body.Step, in.Body.Receipt, by.ID)
	})
}

func (a *API) closeIncident(ctx context.Context, by *registry.Staff, in *IncidentCloseIn) (*IncidentOut, error) {
	id, err := pathID(in.ID)
	if err == nil {
		err = words("body.reason", in.Body.Reason)
	}
	if err != nil {
		return nil, err
	}
	return a.withIncident(ctx, func(ctx context.Context, tx Tx) (incident.Incident, error) {
		return a.incidentDesk().Close(ctx, tx, id, in.Body.Reason, by.ID)
	})
}

// withIncident does something to an incident and shows it.
func (a *API) withIncident(ctx context.Context, do func(context.Context, Tx) (incident.Incident, error)) (*IncidentOut, error) {
	out := &IncidentOut{}
	err := a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		i, err := do(ctx, tx)
		if err == nil {
			out.Body, err = a.viewIncident(ctx, tx, i)
		}
		return err
	})
	return out, err
}

func (a *API) viewIncident(ctx context.Context, tx Tx, i incident.Incident) (v IncidentView, err error) {
	book, err := a.Gate.RulesInForce(ctx)
	if err != nil {
		return v, err
	}
	c := callerOf(ctx)
	names, err := partyNames(c.snap, i.Parties)
	if err != nil {
		return v, err
	}
	v = IncidentView{Incident: i, Duties: []DutyView{}, Missing: slices.Concat([]string{}, i.Missing())}
	v.Authority, v.People = i.Notices(c.snap.Party[c.app.PartyID].Name, names)
	list, err := tx.DutiesOf(ctx, i.ID)
	for k := range list {
		v.Duties = append(v.Duties, a.dutyView(book, &list[k]))
	}
	return v, err
}

func (a *API) listIncidents(ctx context.Context, in *OversightPageIn) (*IncidentsOut, error) {
	before, err := newest(in.Before)
	if err != nil {
		return nil, err
	}
	out := &IncidentsOut{}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.Incidents(ctx, before, in.Limit)
		out.Body.Incidents = slices.Concat([]incident.Incident{}, list)
		return err
	})
	return out, err
}

func (a *API) showIncident(ctx context.Context, in *MessageIn) (*IncidentOut, error) {
	id, err := pathID(in.ID)
	if err != nil {
		return nil, err
	}
	out := &IncidentOut{}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		i, err := tx.Incident(ctx, id, false)
		if err != nil {
			return err
		}
		if i.ID == 0 {
			return sms.Errorf(sms.NotFound, "path.id", "no incident has this id")
		}
		out.Body, err = a.viewIncident(ctx, tx, i)
		return err
	})
	return out, err
}
