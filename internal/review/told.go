package review

import (
	"context"
	"encoding/json"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Told is what the event feed says of a signature, a version of a template, an access code, a
// sub-code, a contract or a letter of authorisation whenever its review moves: its kind of event
// is the kind of the object. Nothing of it is personal data.
type Told struct {
	ObjectID    sms.ID       `json:"object_id,omitempty"` // of a kind without an id of its own here
	SignatureID sms.ID       `json:"signature_id,omitempty"`
	Text        string       `json:"text,omitempty"`
	Source      string       `json:"source,omitempty"`
	TemplateID  sms.ID       `json:"template_id,omitempty"`
	Version     int64        `json:"version,omitempty"`
	Name        string       `json:"name,omitempty"`
	Category    sms.Category `json:"category,omitempty"`
	State       string       `json:"state"` // waiting, approved, rejected, or what it was stopped to be
	Reason      string       `json:"reason,omitempty"`
	ReviewID    sms.ID       `json:"review_id,omitempty"`
	At          int64        `json:"at"`
}

// tell tells the applications of a party what became of such an object. Of a change
// that is rejected the old content stays in use: the event is of what was proposed.
func (d *Desk) tell(ctx context.Context, tx Tx, snap *registry.Snapshot, o Object, party sms.ID, t Told) error {
	id, version := o.id()
	switch o := o.(type) {
	case *Signature:
		t.SignatureID, t.Text, t.Source = id, o.Text, o.Source
	case *Wording:
		t.TemplateID, t.Version = id, version
		if x := snap.Template[id]; x != nil {
			t.Name, t.Category = x.Name, x.Category
		}
	case *AccessCode:
		t.ObjectID, t.Name = id, o.Code
	case *Subcode:
		t.ObjectID, t.Name = id, snap.AccessCode[o.AccessCodeID].Code+o.Digits
	case *Contract:
		t.ObjectID, t.Name = id, o.Number
	case *Letter:
		t.ObjectID, t.SignatureID = id, o.SignatureID
	default:
		return nil
	}
	body, err := json.Marshal(t)
	if err != nil {
		return err
	}
	var told []sms.Event
	for _, a := range snap.ApplicationsOf(party) {
		told = append(told, sms.Event{ID: d.IDs.Next(), ApplicationID: a, Kind: o.kind(), ObjectID: id, Body: body, At: t.At})
	}
	return tx.InsertEvents(ctx, told)
}

// tellCase tells of a case as it stands now.
func (d *Desk) tellCase(ctx context.Context, tx Tx, snap *registry.Snapshot, o Object, c *Case) error {
	at := c.ReviewedAt
	if c.State == Waiting {
		at = c.SubmittedAt
	}
	return d.tell(ctx, tx, snap, o, c.PartyID, Told{State: c.State, Reason: c.Reason, ReviewID: c.ID, At: at})
}
