// Package privacy handles what persons may ask for and what must be kept from others:
// requests for access, a copy, correction or deletion (PIPL Art. 44 to 50), legal holds (LOG-07), and the
// record of who saw what is not shown otherwise (PRV-16).
package privacy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/duty"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Kinds of requests.
const (
	Access  = "access"
	Copy    = "copy"
	Correct = "correct" // or complete
	Delete  = "delete"
)

// States of a request.
const (
	Open     = "open"
	Locked   = "locked" // only stored, until what was sent need not be kept any longer
	Answered = "answered"
	Refused  = "refused"
)

// CopyKept is how long a copy can be handed over.
const CopyKept = 30 * 24 * time.Hour

// Request is what a person asks of one content provider group.
type Request struct {
	ID         sms.ID `db:"id" json:"id"`
	Kind       string `db:"kind" json:"kind"`
	Reference  string `db:"reference" json:"reference,omitempty"`
	Claim      string `db:"claim" json:"claim,omitempty"`
	PhoneID    []byte `db:"phone_id" json:"-"`
	Shown      string `db:"shown" json:"number"`
	GroupID    sms.ID `db:"group_id" json:"group_id"`
	State      string `db:"state" json:"state"`
	ReceivedAt int64  `db:"received_at" json:"received_at"`
	KeepUntil  int64  `db:"keep_until" json:"keep_until,omitempty"`
	Note       string `db:"note" json:"note,omitempty"`
	By         sms.ID `db:"by_staff" json:"by,omitempty"`
	Content    []byte `db:"content" json:"-"` // sealed
	CopyUntil  int64  `db:"copy_until" json:"copy_until,omitempty"`
	UpdatedAt  int64  `db:"updated_at" json:"updated_at"`
}

// Phone is the keyed id of the person.
func (r *Request) Phone() (id [16]byte) {
	copy(id[:], r.PhoneID)
	return id
}

// Hold keeps a person, a message or a party from being erased.
type Hold struct {
	ID            sms.ID `db:"id" json:"id"`
	Kind          string `db:"kind" json:"kind"`
	PhoneID       []byte `db:"phone_id" json:"-"`
	GroupID       sms.ID `db:"group_id" json:"group_id,omitempty"`
	ObjectID      sms.ID `db:"object_id" json:"object_id,omitempty"`
	Reference     string `db:"reference" json:"reference"`
	Reason        string `db:"reason" json:"reason"`
	By            sms.ID `db:"by_staff" json:"by"`
	At            int64  `db:"at" json:"at"`
	ReleasedAt    int64  `db:"released_at" json:"released_at,omitempty"`
	ReleasedBy    sms.ID `db:"released_by" json:"released_by,omitempty"`
	ReleaseReason string `db:"release_reason" json:"release_reason,omitempty"`
}

// Seen is one look at what is not shown otherwise.
type Seen struct {
	ID       sms.ID `db:"id" json:"id"`
	At       int64  `db:"at" json:"at"`
	Key      sms.ID `db:"by_key" json:"by_key"`
	Staff    sms.ID `db:"by_staff" json:"by_staff,omitempty"`
	What     string `db:"what" json:"what"`
	ObjectID sms.ID `db:"object_id" json:"object_id,omitempty"`
	Reason   string `db:"reason" json:"reason"`
}

// Kinds of evidence records.
const (
	KindRequest = "request"
	KindHold    = "hold"
	KindSeen    = "access"
	KindErasure = "erasure"
	KindAmended = "amended"
)

// Tx is what the package needs of a transaction.
type Tx interface {
	duty.Tx
	consent.CorrectTx
	Now(ctx context.Context) (time.Time, error)
	PutRequest(ctx context.Context, r Request) error
	Request(ctx context.Context, id sms.ID, lock bool) (Request, error)
	PutHold(ctx context.Context, h Hold) error
	Hold(ctx context.Context, id sms.ID) (Hold, error)
	Held(ctx context.Context, phone [16]byte, group sms.ID) (bool, error)
	LockHolds(ctx context.Context) error
	InsertAnswers(ctx context.Context, a AgentAnswers) error
	LockedRequests(ctx context.Context, h Hold) ([]Request, error)
	PutSeen(ctx context.Context, s Seen) error
	PutPorted(ctx context.Context, id [16]byte, c sms.Carrier, at int64) error
	LastMessageTo(ctx context.Context, phone [16]byte, group sms.ID) (int64, error)
	Erase(ctx context.Context, phone [16]byte, group sms.ID) (bool, error)
}

// Desk joins what every transaction needs.
type Desk struct {
	Duties *duty.Desk
	IDs    *sms.IDs
	// Retention is how long what was sent must be kept.
	Retention time.Duration
}

// See records a look, before what is looked at is shown.
func (d *Desk) See(ctx context.Context, tx Tx, s Seen) error {
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	s.ID, s.At = d.IDs.Next(), now.UnixMilli()
	if err := tx.PutSeen(ctx, s); err != nil {
		return err
	}
	return evlog.Append(ctx, tx, d.IDs, s.At, leaf.New(KindSeen, int64(s.ObjectID), s.At,
		leaf.Int("by_key", int64(s.Key)),
		leaf.Int("by_staff", int64(s.Staff)),
		leaf.Hash("reason", sha256.Sum256([]byte(s.Reason))),
		leaf.Str("what", s.What),
	))
}

// Place sets a legal hold.
func (d *Desk) Place(ctx context.Context, tx Tx, h Hold) (Hold, error) {
	if err := tx.LockHolds(ctx); err != nil {
		return h, err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return h, err
	}
	h.ID, h.At = d.IDs.Next(), now.UnixMilli()
	if err := tx.PutHold(ctx, h); err != nil {
		return h, err
	}
	return h, d.recordHold(ctx, tx, &h, "placed", h.By, h.Reason, h.At)
}

// Release ends a legal hold. Deletions that it kept from being carried out are owed from now
// on, as far as no other stands in their way.
func (d *Desk) Release(ctx context.Context, tx Tx, id, by sms.ID, reason string) (Hold, error) {
	if err := tx.LockHolds(ctx); err != nil {
		return Hold{}, err
	}
	h, err := tx.Hold(ctx, id)
	switch {
	case err != nil:
		return h, err
	case h.ID == 0:
		return h, sms.Errorf(sms.NotFound, "path.id", "no hold has this id")
	case h.ReleasedAt != 0:
		return h, sms.Errorf(sms.StateConflict, "path.id", "the hold was released already")
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return h, err
	}
	h.ReleasedAt, h.ReleasedBy, h.ReleaseReason = now.UnixMilli(), by, reason
	if err := tx.PutHold(ctx, h); err != nil {
		return h, err
	}
	if err := d.recordHold(ctx, tx, &h, "released", by, reason, h.ReleasedAt); err != nil {
		return h, err
	}
	return h, d.resume(ctx, tx, h, now)
}

// resume sets the day for the deletions that waited for a hold.
func (d *Desk) resume(ctx context.Context, tx Tx, h Hold, now time.Time) error {
	list, err := tx.LockedRequests(ctx, h)
	if err != nil {
		return err
	}
	for _, r := range list {
		held, err := tx.Held(ctx, r.Phone(), r.GroupID)
		if err != nil {
			return err
		}
		if held {
			continue
		}
		last, err := tx.LastMessageTo(ctx, r.Phone(), r.GroupID)
		if err != nil {
			return err
		}
		until := now
		if t := time.UnixMilli(last).Add(d.Retention); last != 0 && t.After(now) {
			until = t
		}
		r.KeepUntil, r.UpdatedAt = until.UnixMilli(), now.UnixMilli()
		if err := tx.PutRequest(ctx, r); err != nil {
			return err
		}
		if err := d.raiseLocked(ctx, tx, &r, false); err != nil {
			return err
		}
	}
	return nil
}

// raiseLocked sets the task to erase what was locked, for the day on which that may be; under a
// hold nobody knows it.
func (d *Desk) raiseLocked(ctx context.Context, tx Tx, r *Request, held bool) error {
	return d.Duties.Raise(ctx, tx, duty.Event{
		Name: rulebook.EventRequestLocked, ObjectID: r.ID, At: time.UnixMilli(r.KeepUntil), Facts: map[string]any{"request.held": held},
	}, time.UnixMilli(r.UpdatedAt))
}

func (d *Desk) recordHold(ctx context.Context, tx Tx, h *Hold, step string, by sms.ID, reason string, at int64) error {
	return evlog.Append(ctx, tx, d.IDs, at, leaf.New(KindHold, int64(h.ID), at,
		leaf.Int("by_staff", int64(by)),
		leaf.Int("group", int64(h.GroupID)),
		leaf.Str("kind", h.Kind),
		leaf.Int("object", int64(h.ObjectID)),
		leaf.Str("phone_id", hex.EncodeToString(h.PhoneID)),
		leaf.Hash("reason", sha256.Sum256([]byte(reason))),
		leaf.Str("step", step),
	))
}

// Held tells whether an erasure failed for a legal hold.
func Held(err error) bool {
	var known *sms.Error
	return errors.As(err, &known) && known.Code == sms.LegalHold
}

// Erase destroys what opens a person's records towards a group, and ends what they had agreed to,
// unless a hold stands or what was sent must still be kept; then until is when that ends. PIPL
// Art. 47. The record of it is the certificate: it stands under the object. What the caller
// writes besides it is done by then, before the journal's counter is locked until commit.
func (d *Desk) Erase(ctx context.Context, tx Tx, phone [16]byte, group, object, by sms.ID, then func(erased bool) error) (erased bool, until time.Time, err error) {
	if err := tx.LockHolds(ctx); err != nil {
		return false, until, err
	}
	if err := tx.LockRecipients(ctx, [][16]byte{phone}); err != nil {
		return false, until, err
	}
	held, err := tx.Held(ctx, phone, group)
	if err != nil {
		return false, until, err
	}
	if held {
		return false, until, sms.Errorf(sms.LegalHold, "", "")
	}
	last, err := tx.LastMessageTo(ctx, phone, group)
	if err != nil {
		return false, until, err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return false, until, err
	}
	if t := time.UnixMilli(last).Add(d.Retention); last != 0 && t.After(now) {
		return false, t, nil
	}
	if erased, err = tx.Erase(ctx, phone, group); err == nil && erased {
		err = evlog.Append(ctx, tx, d.IDs, now.UnixMilli(), leaf.New(KindErasure, int64(object), now.UnixMilli(),
			leaf.Int("by_staff", int64(by)),
			leaf.Int("group", int64(group)),
			leaf.Str("phone_id", hex.EncodeToString(phone[:])),
		))
	}
	if err == nil {
		err = then(erased)
	}
	if err == nil && erased {
		_, err = consent.Forget(ctx, tx, evlog.Recorder(tx, d.IDs), phone, group, d.IDs, now.UnixMilli())
	}
	return erased, until, err
}

func (d *Desk) record(ctx context.Context, tx Tx, r *Request, step string, words string) error {
	return evlog.Append(ctx, tx, d.IDs, r.UpdatedAt, leaf.New(KindRequest, int64(r.ID), r.UpdatedAt,
		leaf.Int("by_staff", int64(r.By)),
		leaf.Int("group", int64(r.GroupID)),
		leaf.Str("kind", r.Kind),
		leaf.Str("phone_id", hex.EncodeToString(r.PhoneID)),
		leaf.Str("state", r.State),
		leaf.Str("step", step),
		leaf.Hash("words", sha256.Sum256([]byte(words))),
	))
}

// Receive stores a request and its duty.
func (d *Desk) Receive(ctx context.Context, tx Tx, r Request) (Request, error) {
	now, err := tx.Now(ctx)
	if err != nil {
		return r, err
	}
	r.ID, r.State, r.UpdatedAt = d.IDs.Next(), Open, now.UnixMilli()
	if err := tx.PutRequest(ctx, r); err != nil {
		return r, err
	}
	err = d.Duties.Raise(ctx, tx, duty.Event{
		Name: rulebook.EventRequest, ObjectID: r.ID, At: time.UnixMilli(r.ReceivedAt), Facts: map[string]any{"request.kind": r.Kind, "request.settled": false},
	}, now)
	if err != nil {
		return r, err
	}
	return r, d.record(ctx, tx, &r, "received", r.Claim)
}

// Step reads a request that is not settled, and the time.
func (d *Desk) Step(ctx context.Context, tx Tx, id, by sms.ID) (Request, error) {
	if err := tx.LockHolds(ctx); err != nil { // an answer may erase, and the release of a hold changes requests
		return Request{}, err
	}
	r, err := tx.Request(ctx, id, true)
	switch {
	case err != nil:
		return r, err
	case r.ID == 0:
		return r, sms.Errorf(sms.NotFound, "path.id", "no request has this id")
	case r.State != Open && r.State != Locked:
		return r, sms.Errorf(sms.StateConflict, "path.id", "it is %s", r.State)
	}
	now, err := tx.Now(ctx)
	r.UpdatedAt, r.By = now.UnixMilli(), by
	return r, err
}

// Settle ends a request and its duties: answered, or refused with reasons.
func (d *Desk) Settle(ctx context.Context, tx Tx, r Request, words string) (Request, error) {
	r.Note = words
	if err := tx.PutRequest(ctx, r); err != nil {
		return r, err
	}
	if err := d.record(ctx, tx, &r, r.State, words+string(r.Content)); err != nil {
		return r, err
	}
	return r, d.Duties.FinishAll(ctx, tx, rulebook.StepSettled, r.ID, r.By, r.State, r.UpdatedAt)
}

// Delete carries a deletion out when nothing stands against it. Else, also under a legal hold,
// the person is locked: what is theirs is only stored (PIPL Art. 47), nothing but codes that
// they ask for themselves is sent to them by that provider, and a task is set for the day, as
// soon as that is known. Call it last: it may lock the journal's counter.
func (d *Desk) Delete(ctx context.Context, tx Tx, r Request, words string) (Request, error) {
	_, until, err := d.Erase(ctx, tx, r.Phone(), r.GroupID, r.ID, r.By, func(bool) (err error) {
		r.State = Answered
		r, err = d.Settle(ctx, tx, r, words)
		return err
	})
	held := Held(err)
	switch {
	case err != nil && (!held || r.State == Locked):
		return r, err
	case err == nil && until.IsZero():
		return r, nil
	case r.State == Locked:
		return r, sms.Errorf(sms.StateConflict, "path.id", "what was sent must be kept until %s", until.In(rulebook.Shanghai).Format(time.DateTime))
	}
	if r.State, r.KeepUntil, r.Note = Locked, 0, words; !held {
		r.KeepUntil = until.UnixMilli()
	}
	if err := tx.PutRequest(ctx, r); err != nil {
		return r, err
	}
	if err := d.raiseLocked(ctx, tx, &r, held); err != nil {
		return r, err
	}
	if err := d.record(ctx, tx, &r, Locked, words); err != nil {
		return r, err
	}
	if err := d.Duties.FinishAll(ctx, tx, rulebook.StepLocked, r.ID, r.By, Locked, r.UpdatedAt); err != nil {
		return r, err
	}
	return r, d.Lock(ctx, tx, r.Phone(), r.GroupID, r.ID, r.UpdatedAt)
}

// Lock refuses on a person's behalf what the provider may send by itself, so that what is theirs
// is only stored. object is what asks for it. Call it last: it locks the journal's counter.
func (d *Desk) Lock(ctx context.Context, tx Tx, phone [16]byte, group, object sms.ID, at int64) error {
	for _, cat := range []sms.Category{sms.MKT, sms.Notice, sms.Public} {
		_, err := consent.Refuse(ctx, tx, evlog.Recorder(tx, d.IDs), consent.Suppression{
			ID: d.IDs.Next(), PhoneID: phone, GroupID: group, Scope: string(cat), Source: "request", Reference: object.String(), CreatedAt: at,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Fix is what is put right of what is held on a person. PIPL Art. 46.
type Fix struct {
	Consent *consent.Correction
	Carrier sms.Carrier // that the number is with, "" leaves it
}

// Amend carries a correction out and settles it. Call it last: it locks the journal's counter.
func (d *Desk) Amend(ctx context.Context, tx Tx, r Request, f Fix, words string) (Request, error) {
	r.State = Answered
	r, err := d.Settle(ctx, tx, r, words)
	if err != nil {
		return r, err
	}
	if f.Consent != nil {
		if err := consent.Correct(ctx, tx, evlog.Recorder(tx, d.IDs), r.Phone(), r.GroupID, r.ID, d.IDs.Next(), *f.Consent, r.UpdatedAt); err != nil {
			return r, err
		}
	}
	if f.Carrier == "" {
		return r, nil
	}
	err = evlog.Append(ctx, tx, d.IDs, r.UpdatedAt, leaf.New(KindAmended, int64(r.ID), r.UpdatedAt, leaf.Str("carrier", string(f.Carrier))))
	if err != nil {
		return r, err
	}
	return r, tx.PutPorted(ctx, r.Phone(), f.Carrier, r.UpdatedAt)
}

// Notice tells the person what became of a correction; the staff sends it by the way on which the
// request came.
func (r *Request) Notice() rulebook.Both {
	if r.State == Refused {
		return rulebook.Both{
			Zh: "您要求更正、补充个人信息的请求（编号 " + r.ID.String() + "）未予办理。理由：" + r.Note + "。您可以向履行个人信息保护职责的部门投诉，或者依法向人民法院起诉（《个人信息保护法》第五十条）。",
			En: "Your request " + r.ID.String() + " to correct or complete personal information was not met. Reasons: " + r.Note + ". You may complain to the authority for the protection of personal information, or sue (PIPL Art. 50).",
		}
	}
	return rulebook.Both{
		Zh: "您要求更正、补充个人信息的请求（编号 " + r.ID.String() + "）已核实并办理：" + r.Note + "。（《个人信息保护法》第四十六条）",
		En: "Your request " + r.ID.String() + " to correct or complete personal information was verified and met: " + r.Note + ". (PIPL Art. 46)",
	}
}
