// Package incident keeps leaks, changes and losses of personal information: what is known of each,
// who was told of it and when, and the notices that the law asks for. An incident closes when its
// duties are done, or with the reason for which they are not owed.
package incident

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/duty"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// States of an incident.
const (
	Open   = "open"
	Closed = "closed"
)

// Incident is what is known of one. What it tells holds no personal information of anybody.
type Incident struct {
	ID      sms.ID `db:"id" json:"id"`
	FoundAt int64  `db:"found_at" json:"found_at"`
	Told
	Personal bool   `db:"personal" json:"personal"`
	Large    bool   `db:"large" json:"large"`
	Public   bool   `db:"public" json:"public"`
	State    string `db:"state" json:"state"`
	OpenedBy sms.ID `db:"opened_by" json:"opened_by"`
	// When a step was taken, and what shows it.
	ContainedAt  int64  `db:"contained_at" json:"contained_at,omitempty"`
	Contained    string `db:"contained" json:"contained,omitempty"`
	ReportedAt   int64  `db:"reported_at" json:"reported_at,omitempty"`
	Reported     string `db:"reported" json:"reported,omitempty"`
	PeopleAt     int64  `db:"people_at" json:"people_at,omitempty"`
	PeopleTold   string `db:"people_told" json:"people_told,omitempty"`
	ClosedAt     int64  `db:"closed_at" json:"closed_at,omitempty"`
	ClosedReason string `db:"closed_reason" json:"closed_reason,omitempty"`
	UpdatedAt    int64  `db:"updated_at" json:"updated_at"`
}

// Told is what the notices tell. PIPL Art. 57: kinds, cause and possible harm; measures taken and
// what people can do; contact.
type Told struct {
	Kinds    string `db:"kinds" json:"kinds,omitempty" maxLength:"1000" doc:"kinds of information that were or may have been leaked, altered or lost"`
	Cause    string `db:"cause" json:"cause,omitempty" maxLength:"2000"`
	Harm     string `db:"harm" json:"harm,omitempty" maxLength:"2000" doc:"that may follow"`
	Measures string `db:"measures" json:"measures,omitempty" maxLength:"2000" doc:"taken by the operator"`
	Advice   string `db:"advice" json:"advice,omitempty" maxLength:"2000" doc:"what people can do against the harm"`
	Contact  string `db:"contact" json:"contact,omitempty" maxLength:"200" doc:"of the operator: a telephone or an address may stand here"`
	Persons  int64  `db:"persons" json:"persons,omitempty" minimum:"0" doc:"how many are affected, as far as it is known"`
	Parties  string `db:"parties" json:"parties,omitempty" maxLength:"4000" pattern:"^([0-9]+(,[0-9]+)*)?$" doc:"ids of the affected parties, with commas between them"`
}

// Missing names what a notice would lack.
func (t *Told) Missing() (fields []string) {
	for _, f := range [][2]string{{"kinds", t.Kinds}, {"cause", t.Cause}, {"harm", t.Harm}, {"measures", t.Measures}, {"advice", t.Advice}, {"contact", t.Contact}} {
		if strings.TrimSpace(f[1]) == "" {
			fields = append(fields, f[0])
		}
	}
	return fields
}

// KindIncident is the evidence of a step.
const KindIncident = "incident"

// Tx is what incidents need of a transaction.
type Tx interface {
	duty.Tx
	Now(ctx context.Context) (time.Time, error)
	PutIncident(ctx context.Context, i Incident) error
	// Incident reads one, locked until commit if lock; none has the id 0.
	Incident(ctx context.Context, id sms.ID, lock bool) (Incident, error)
}

// Desk joins what every transaction needs.
type Desk struct {
	Duties *duty.Desk
	IDs    *sms.IDs
}

// store writes an incident, its record, and the duties that it gives rise to by now: those that it
// gave rise to before stand as they are.
func (d *Desk) store(ctx context.Context, tx Tx, i *Incident, step, words string, by sms.ID) error {
	if err := tx.PutIncident(ctx, *i); err != nil {
		return err
	}
	content, err := json.Marshal(i)
	if err != nil {
		return err
	}
	err = evlog.Append(ctx, tx, d.IDs, i.UpdatedAt, leaf.New(KindIncident, int64(i.ID), i.UpdatedAt,
		leaf.Int("by_staff", int64(by)),
		leaf.Hash("content", sha256.Sum256(content)),
		leaf.Int("found", i.FoundAt),
		leaf.Int("persons", i.Persons),
		leaf.Str("state", i.State),
		leaf.Str("step", step),
		leaf.Hash("words", sha256.Sum256([]byte(words))),
	))
	if err != nil || i.State == Closed {
		return err
	}
	return d.Duties.Raise(ctx, tx, duty.Event{
		Name: rulebook.EventIncident, ObjectID: i.ID, At: time.UnixMilli(i.FoundAt),
		Facts: map[string]any{"incident.personal": i.Personal, "incident.large": i.Large, "incident.state": i.Public},
	}, time.UnixMilli(i.UpdatedAt))
}

// Open stores a new incident; what is not known yet is told later.
func (d *Desk) Open(ctx context.Context, tx Tx, i Incident) (Incident, error) {
	now, err := tx.Now(ctx)
	if err != nil {
		return i, err
	}
	i.ID, i.State, i.UpdatedAt = d.IDs.Next(), Open, now.UnixMilli()
	return i, d.store(ctx, tx, &i, "opened", "", i.OpenedBy)
}

// step reads an open incident, and the time.
func (d *Desk) step(ctx context.Context, tx Tx, id sms.ID) (Incident, error) {
	i, err := tx.Incident(ctx, id, true)
	switch {
	case err != nil:
		return i, err
	case i.ID == 0:
		return i, sms.Errorf(sms.NotFound, "path.id", "no incident has this id")
	case i.State != Open:
		return i, sms.Errorf(sms.StateConflict, "path.id", "it is %s", i.State)
	}
	now, err := tx.Now(ctx)
	i.UpdatedAt = now.UnixMilli()
	return i, err
}

// Update says what is known by now. An incident that was larger once stays so: its duties arose.
func (d *Desk) Update(ctx context.Context, tx Tx, id sms.ID, t Told, personal, large, public bool, by sms.ID) (Incident, error) {
	i, err := d.step(ctx, tx, id)
	if err != nil {
		return i, err
	}
	i.Told, i.Personal, i.Large, i.Public = t, i.Personal || personal, i.Large || large, i.Public || public
	return i, d.store(ctx, tx, &i, "updated", "", by)
}

// Take notes that a step was taken and what shows it, which ends its duties. Nobody is told what
// lacks a part that the law asks for.
func (d *Desk) Take(ctx context.Context, tx Tx, id sms.ID, step, receipt string, by sms.ID) (Incident, error) {
	i, err := d.step(ctx, tx, id)
	if err != nil {
		return i, err
	}
	at, shows := &i.ContainedAt, &i.Contained
	switch step {
	case rulebook.StepReported:
		at, shows = &i.ReportedAt, &i.Reported
	case rulebook.StepTold:
		at, shows = &i.PeopleAt, &i.PeopleTold
	}
	if missing := i.Missing(); step != rulebook.StepContained && len(missing) > 0 {
		return i, sms.Errorf(sms.BadRequest, "body", "the notice lacks %s (PIPL Art. 57)", strings.Join(missing, ", "))
	}
	if *at != 0 {
		return i, sms.Errorf(sms.StateConflict, "body.step", "it was taken already")
	}
	*at, *shows = i.UpdatedAt, receipt
	if err := d.store(ctx, tx, &i, step, receipt, by); err != nil {
		return i, err
	}
	return i, d.Duties.FinishAll(ctx, tx, step, i.ID, by, receipt, i.UpdatedAt)
}

// Close ends an incident whose duties are done. With a reason the others end too: nobody has to be
// told when the measures avoided the harm (PIPL Art. 57).
func (d *Desk) Close(ctx context.Context, tx Tx, id sms.ID, reason string, by sms.ID) (Incident, error) {
	i, err := d.step(ctx, tx, id)
	if err != nil {
		return i, err
	}
	if reason == "" {
		if err := d.Duties.Allow(ctx, tx, rulebook.CloseIncident, i.ID); err != nil {
			return i, err
		}
	}
	i.State, i.ClosedAt, i.ClosedReason = Closed, i.UpdatedAt, reason
	if err := d.store(ctx, tx, &i, "closed", reason, by); err != nil {
		return i, err
	}
	return i, d.Duties.FinishAll(ctx, tx, rulebook.StepClosed, i.ID, by, "closed: "+reason, i.UpdatedAt)
}

// Notices are the texts to the authority and to the people who are affected. parties are the names
// of those whose people they are.
func (i *Incident) Notices(operator string, parties []string) (authority, people rulebook.Both) {
	at := time.UnixMilli(i.FoundAt).In(rulebook.Shanghai).Format("2006-01-02 15:04")
	zh := "一、信息种类、原因和可能造成的危害：涉及" + i.Kinds + "；原因：" + i.Cause + "；可能造成的危害：" + i.Harm +
		"。\n二、已采取的补救措施和个人可以采取的减轻危害的措施：" + i.Measures + "；" + i.Advice + "。\n三、联系方式：" + operator + "，" + i.Contact + "。"
	en := "1. Kinds, cause and possible harm: " + i.Kinds + "; cause: " + i.Cause + "; possible harm: " + i.Harm +
		".\n2. Measures taken, and what people can do against the harm: " + i.Measures + "; " + i.Advice + ".\n3. Contact: " + operator + ", " + i.Contact + "."
	count, known := "尚在核实", "still being established"
	if i.Persons > 0 {
		count = strconv.FormatInt(i.Persons, 10) + " 人"
		known = strconv.FormatInt(i.Persons, 10)
	}
	slices.Sort(parties)
	names := strings.Join(parties, "、")
	if names == "" {
		names = "—"
	}
	authority = rulebook.Both{
		Zh: "个人信息安全事件报告（编号 " + i.ID.String() + "）\n" + operator + "于 " + at + " 发现个人信息安全事件。涉及人数：" + count + "；涉及主体：" + names + "。\n" + zh + "\n（《个人信息保护法》第五十七条）",
		En: "Report of an incident of personal information (" + i.ID.String() + ")\n" + operator + " found it at " + at + " (Asia/Shanghai). Persons affected: " + known + "; parties: " + names + ".\n" + en + "\n(PIPL Art. 57)",
	}
	people = rulebook.Both{
		Zh: "个人信息安全事件告知\n" + operator + "于 " + at + " 发现，您的个人信息可能发生泄露、篡改或丢失。\n" + zh + "\n（《个人信息保护法》第五十七条）",
		En: "Notice of an incident of personal information\n" + operator + " found at " + at + " (Asia/Shanghai) that your personal information may have been leaked, altered or lost.\n" + en + "\n(PIPL Art. 57)",
	}
	return authority, people
}
