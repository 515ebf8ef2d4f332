// Package complaint handles complaints 投诉: from their intake over the message that they are
// about and its case file to the answer. A case opens with the complainant's refusal of
// marketing from everybody in one transaction (CMP-07), and closes only when the duties that
// stand in its way are done.
package complaint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/duty"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/risk"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// States of a case.
const (
	Open     = "open"
	Verified = "verified"
	Answered = "answered"
	Closed   = "closed"
)

// Verdicts.
const (
	Confirmed = "confirmed"
	Unfounded = "unfounded"
)

// NoConsent is the cause of a confirmed case for which a party's marketing is stopped.
const NoConsent = "no_consent"

// Case is a complaint. The number stands masked and as its keyed id.
type Case struct {
	ID          sms.ID       `db:"id" json:"id"`
	Source      string       `db:"source" json:"source"`
	About       string       `db:"about" json:"about"`
	Reference   string       `db:"reference" json:"reference,omitempty"`
	PhoneID     []byte       `db:"phone_id" json:"-"`
	Shown       string       `db:"shown" json:"number"`
	Port        string       `db:"port" json:"port,omitempty"`
	SaidAt      int64        `db:"said_at" json:"said_at,omitempty"`
	ForwardedAt int64        `db:"forwarded_at" json:"forwarded_at,omitempty"`
	ReceivedAt  int64        `db:"received_at" json:"received_at"`
	MessageID   sms.ID       `db:"message_id" json:"message_id,omitempty"`
	PartyID     sms.ID       `db:"party_id" json:"party_id,omitempty"`
	GroupID     sms.ID       `db:"group_id" json:"-"`
	SignatureID sms.ID       `db:"signature_id" json:"signature_id,omitempty"`
	TemplateID  sms.ID       `db:"template_id" json:"template_id,omitempty"`
	ChannelID   sms.ID       `db:"channel_id" json:"channel_id,omitempty"`
	Category    sms.Category `db:"category" json:"category,omitempty"`
	State       string       `db:"state" json:"state"`
	Verdict     string       `db:"verdict" json:"verdict,omitempty"`
	Cause       string       `db:"cause" json:"cause,omitempty"`
	VerifiedAt  int64        `db:"verified_at" json:"verified_at,omitempty"`
	Note        string       `db:"note" json:"note,omitempty"`
	UpdatedAt   int64        `db:"updated_at" json:"updated_at"`
}

// Phone is the keyed id of the complainant.
func (c *Case) Phone() (id [16]byte) {
	copy(id[:], c.PhoneID)
	return id
}

// Tx is what cases need of a transaction.
type Tx interface {
	duty.Tx
	consent.Tx
	risk.LadderTx
	PutComplaint(ctx context.Context, c Case) error
	// LockComplaints lets one transaction open or judge a case at a time, so that none is opened
	// twice and each is counted.
	LockComplaints(ctx context.Context) error
	SameCase(ctx context.Context, c Case) (sms.ID, error)
	// Case reads one and, with lock, keeps others from it until commit; none has the id 0.
	Case(ctx context.Context, id sms.ID, lock bool) (Case, error)
	Held(ctx context.Context, phone [16]byte, group sms.ID) (bool, error)
	Grants
	PutCaseFile(ctx context.Context, id sms.ID, at int64, hash [32]byte, sealed []byte) error
}

// Desk joins what every transaction needs.
type Desk struct {
	Duties *duty.Desk
	IDs    *sms.IDs
}

// KindCase is the evidence of a step of a case.
const KindCase = "complaint"

func (d *Desk) record(ctx context.Context, tx Tx, c *Case, step string, by sms.ID, words string) error {
	return evlog.Append(ctx, tx, d.IDs, c.UpdatedAt, leaf.New(KindCase, int64(c.ID), c.UpdatedAt,
		leaf.Int("by_staff", int64(by)),
		leaf.Str("cause", c.Cause),
		leaf.Int("message", int64(c.MessageID)),
		leaf.Str("phone_id", hex.EncodeToString(c.PhoneID)),
		leaf.Str("source", c.Source),
		leaf.Str("state", c.State),
		leaf.Str("step", step),
		leaf.Str("verdict", c.Verdict),
		leaf.Hash("words", sha256.Sum256([]byte(words))),
	))
}

// Attach names the message that a case is about, or none.
func (c *Case) Attach(m *sms.Message, snap *registry.Snapshot) {
	if m == nil {
		return
	}
	c.MessageID, c.GroupID, c.SignatureID, c.TemplateID, c.ChannelID, c.Category = m.ID, m.GroupID, m.SignatureID, m.TemplateID, m.ChannelID, m.Category
	if app := snap.Application[m.ApplicationID]; app != nil {
		c.PartyID = app.PartyID
	}
}

// Open stores a new case, its duties and the complainant's refusal of marketing from
// everybody, in one transaction (CMP-07). Nothing else is refused for them (CMP-08). m is the
// message, or nil. The journal's counter is locked from here on: call it last.
func (d *Desk) Open(ctx context.Context, tx Tx, c Case, m *sms.Message, n risk.Delivered, by sms.ID) (Case, error) {
	if err := tx.LockComplaints(ctx); err != nil {
		return c, err
	}
	if same, err := tx.SameCase(ctx, c); err != nil || same != 0 {
		if err == nil {
			err = sms.Errorf(sms.StateConflict, "body.reference", "it is the case %s already", same)
		}
		return c, err
	}
	if err := tx.LockRecipients(ctx, [][16]byte{c.Phone()}); err != nil {
		return c, err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return c, err
	}
	c.State, c.UpdatedAt = Open, now.UnixMilli()
	if err := d.find(ctx, tx, &c, m); err != nil {
		return c, err
	}
	if err := tx.PutComplaint(ctx, c); err != nil {
		return c, err
	}
	err = d.Duties.Raise(ctx, tx, duty.Event{
		Name: rulebook.EventComplaint, ObjectID: c.ID, At: time.UnixMilli(c.ReceivedAt),
		Facts: map[string]any{"complaint.source": c.Source, "complaint.about": c.About},
	}, now)
	if err != nil {
		return c, err
	}
	if err := d.record(ctx, tx, &c, "opened", by, c.Note); err != nil {
		return c, err
	}
	if c.Verdict == Confirmed {
		if err := d.follow(ctx, tx, &c, n, 0); err != nil {
			return c, err
		}
	}
	_, err = consent.Refuse(ctx, tx, evlog.Recorder(tx, d.IDs), consent.Suppression{
		ID: d.IDs.Next(), PhoneID: c.Phone(), GroupID: 0, Scope: string(sms.MKT), Source: "complaint", Reference: c.ID.String(), CreatedAt: now.UnixMilli(),
	})
	return c, err
}

// Grants are the consents that a message may rest on, and when that was decided.
type Grants interface {
	Grants(ctx context.Context, group sms.ID, ids [][16]byte, each func(consent.Grant)) error
	Decision(ctx context.Context, id sms.ID) (sms.Decision, error)
}

// Unproved tells what the records alone prove: a marketing message without a consent that held
// when it was decided is a confirmed violation (CMP-05). It is asked before the refusal
// withdraws what stands.
func Unproved(ctx context.Context, tx Grants, c *Case, m *sms.Message) (bool, error) {
	if m == nil || m.Category != sms.MKT || c.About != "marketing" {
		return false, nil
	}
	decision, err := tx.Decision(ctx, m.DecisionID)
	if err != nil {
		return false, fmt.Errorf("decision of message %d: %w", m.ID, err)
	}
	proved, at := false, decision.At
	err = tx.Grants(ctx, m.GroupID, [][16]byte{m.PhoneID}, func(g consent.Grant) {
		g.WithdrawnAt, g.SuspendedAt = held(g.WithdrawnAt, at), held(g.SuspendedAt, at)
		proved = proved || g.ID == m.ConsentID && g.Holds(m.Category, at)
	})
	return !proved, err
}

// find confirms a case by the records alone.
func (d *Desk) find(ctx context.Context, tx Tx, c *Case, m *sms.Message) error {
	if yes, err := Unproved(ctx, tx, c, m); err != nil || !yes {
		return err
	}
	c.State, c.Verdict, c.Cause, c.VerifiedAt = Verified, Confirmed, NoConsent, c.UpdatedAt
	return nil
}

// held forgets a withdrawal, or a suspension, that came after the decision.
func held(withdrawn, at int64) int64 {
	if withdrawn > at {
		return 0
	}
	return withdrawn
}

// follow has the rules judge what a complaint that was found true comes to: tasks, measures on
// what it is about (CMP-06, CMP-10), and the end of a party's marketing that was shown to have
// no proof of consent (CMP-10a). Whoever is restricted is owed the reason (FRD-04). The
// registry's generation and the journal's counter are locked from here on.
func (d *Desk) follow(ctx context.Context, tx Tx, c *Case, n risk.Delivered, by sms.ID) error {
	if c.PartyID == 0 {
		return nil
	}
	book, err := d.Duties.InForce(ctx)
	if err != nil {
		return err
	}
	if err := d.count(ctx, tx, c, n); err != nil {
		return err
	}
	about := risk.Case{Party: c.PartyID, Signature: c.SignatureID, Template: c.TemplateID, Channel: c.ChannelID, Cause: c.Cause, Delivered: n}
	list, err := risk.Climb(ctx, tx, d.IDs, book, &about, by)
	if err != nil {
		return err
	}
	if c.Cause == NoConsent {
		stopped, err := risk.Ask(ctx, tx, d.IDs, book, c.PartyID, &risk.Figures{Unproved: 1}, by)
		if err != nil {
			return err
		}
		list = append(list, stopped...)
	}
	at := time.UnixMilli(c.UpdatedAt)
	for i := range list {
		if list[i].Severity() < restricts || list[i].Object == registry.OfChannel {
			continue
		}
		err := d.Duties.Raise(ctx, tx, duty.Event{Name: rulebook.EventRestricted, ObjectID: list[i].ID, At: at, Facts: map[string]any{"restriction.of": "marketing"}}, at)
		if err != nil {
			return err
		}
	}
	return nil
}

// restricts is the severity from which a measure keeps messages back.
const restricts = 2

// count tells the rules that a party has one more valid complaint (CMP-06). Each threshold
// that is passed gives one task a month.
func (d *Desk) count(ctx context.Context, tx Tx, c *Case, n risk.Delivered) error {
	at := time.UnixMilli(c.UpdatedAt)
	y, m, day := at.In(rulebook.Shanghai).Date()
	today := time.Date(y, m, day, 0, 0, 0, 0, rulebook.Shanghai).UnixMilli()
	month, ofDay := 0, 0
	err := tx.ValidCases(ctx, time.Date(y, m, 1, 0, 0, 0, 0, rulebook.Shanghai).UnixMilli(), func(v risk.Valid) {
		if v.Party == c.PartyID {
			month++
			if v.At >= today {
				ofDay++
			}
		}
	})
	if err != nil {
		return err
	}
	return d.Duties.Raise(ctx, tx, duty.Event{
		Name: rulebook.EventComplaintCount, ObjectID: c.PartyID, Period: at.In(rulebook.Shanghai).Format("2006-01"), At: at,
		Facts: map[string]any{"rate.delivered": int64(n.Party), "rate.per_billion": risk.PerBillion(month, n.Party), "rate.day": int64(ofDay)},
	}, at)
}

// step reads a case that is in one of some states, and the time.
func (d *Desk) step(ctx context.Context, tx Tx, id sms.ID, states ...string) (Case, error) {
	c, err := tx.Case(ctx, id, true)
	if err != nil {
		return c, err
	}
	if c.ID == 0 {
		return c, sms.Errorf(sms.NotFound, "path.id", "no complaint has this id")
	}
	if !slices.Contains(states, c.State) {
		return c, sms.Errorf(sms.StateConflict, "path.id", "it is %s", c.State)
	}
	now, err := tx.Now(ctx)
	c.UpdatedAt = now.UnixMilli()
	return c, err
}

// Name says which message an open case is about.
func (d *Desk) Name(ctx context.Context, tx Tx, id sms.ID, m *sms.Message, snap *registry.Snapshot, n risk.Delivered, by sms.ID) (Case, error) {
	if err := tx.LockComplaints(ctx); err != nil {
		return Case{}, err
	}
	c, err := d.step(ctx, tx, id, Open)
	if err != nil {
		return c, err
	}
	if m.PhoneID != c.Phone() {
		return c, sms.Errorf(sms.BadRequest, "body.message_id", "that message went to another number")
	}
	c.Attach(m, snap)
	if err := d.find(ctx, tx, &c, m); err != nil {
		return c, err
	}
	if err := tx.PutComplaint(ctx, c); err != nil {
		return c, err
	}
	if err := d.record(ctx, tx, &c, "message named", by, ""); err != nil || c.Verdict == "" {
		return c, err
	}
	return c, d.follow(ctx, tx, &c, n, 0)
}

// Judge is a person's verdict on an open case. Marketing without consent stops the party's.
func (d *Desk) Judge(ctx context.Context, tx Tx, id sms.ID, verdict, cause, note string, n risk.Delivered, by sms.ID) (Case, error) {
	if err := tx.LockComplaints(ctx); err != nil {
		return Case{}, err
	}
	c, err := d.step(ctx, tx, id, Open)
	if err != nil {
		return c, err
	}
	c.State, c.Verdict, c.Cause, c.Note, c.VerifiedAt = Verified, verdict, cause, note, c.UpdatedAt
	if verdict == Unfounded {
		c.Cause = ""
	}
	if err := tx.PutComplaint(ctx, c); err != nil {
		return c, err
	}
	if err := d.record(ctx, tx, &c, "judged", by, note); err != nil || c.Verdict != Confirmed {
		return c, err
	}
	return c, d.follow(ctx, tx, &c, n, by)
}

// Answer notes what the complainant or the centre was told, which is what the periods to
// answer are for.
func (d *Desk) Answer(ctx context.Context, tx Tx, id sms.ID, words, receipt string, by sms.ID) (Case, error) {
	c, err := d.step(ctx, tx, id, Verified)
	if err != nil {
		return c, err
	}
	c.State, c.Note = Answered, words
	if err := tx.PutComplaint(ctx, c); err != nil {
		return c, err
	}
	if err := d.record(ctx, tx, &c, "answered", by, words); err != nil {
		return c, err
	}
	return c, d.Duties.FinishAll(ctx, tx, rulebook.StepAnswered, c.ID, by, receipt, c.UpdatedAt)
}

// Close ends a case whose duties are done, that of its file among them.
func (d *Desk) Close(ctx context.Context, tx Tx, id, by sms.ID) (Case, error) {
	c, err := d.step(ctx, tx, id, Answered)
	if err != nil {
		return c, err
	}
	if err := d.Duties.Allow(ctx, tx, rulebook.CloseComplaint, c.ID); err != nil {
		return c, err
	}
	held, err := tx.Held(ctx, c.Phone(), c.GroupID)
	if err != nil {
		return c, err
	}
	c.State = Closed
	if err := tx.PutComplaint(ctx, c); err != nil {
		return c, err
	}
	if err := d.record(ctx, tx, &c, "closed", by, ""); err != nil {
		return c, err
	}
	at := time.UnixMilli(c.UpdatedAt)
	return c, d.Duties.Raise(ctx, tx, duty.Event{Name: rulebook.EventComplaintClosed, ObjectID: c.ID, At: at, Facts: map[string]any{"complaint.held": held}}, at)
}

// Filter limits a list of cases.
type Filter struct {
	Before sms.ID
	State  string
	Party  sms.ID
}

// Figure is how many complaints and delivered messages a party, a signature and a channel
// have in a month (CMP-06).
type Figure struct {
	PartyID     sms.ID `json:"party_id"`
	SignatureID sms.ID `json:"signature_id"`
	ChannelID   sms.ID `json:"channel_id"`
	Received    int    `json:"received"`
	Valid       int    `json:"valid"`
	Delivered   int    `json:"delivered"`
	PerBillion  int64  `json:"valid_per_billion" doc:"valid complaints for 1,000 million delivered: 100 is 0.10 per million"`
}
