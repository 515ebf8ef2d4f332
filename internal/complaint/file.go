package complaint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// File is a case file: what is known of the message and of the right to send it. It holds
// neither number nor text; the evidence pack's salts let whoever knows them check them.
type File struct {
	Complaint Case                `json:"complaint"`
	Message   *Message            `json:"message,omitempty"`
	Sent      []Sent              `json:"sent_to_the_number" doc:"what else went there"`
	Consents  []Consent           `json:"consents"`
	Refusals  []Refusal           `json:"refusals"`
	Party     *registry.Party     `json:"party,omitempty"`
	Signature *registry.Signature `json:"signature,omitempty"`
	Filing    *registry.Filing    `json:"filing,omitempty"`
	Template  *registry.Template  `json:"template,omitempty"`
	// Wording is the template's approved version, with who reviewed it.
	Wording  *registry.TemplateVersion `json:"wording,omitempty"`
	Evidence string                    `json:"evidence,omitempty"` // a pack for zhunxin-verify, as a text: its form is part of its proof
	// Lacking says why there is no pack of a message that is known: a row is gone or was changed.
	Lacking string `json:"evidence_lacking,omitempty"`
	// Erased says that what opened the person's records was destroyed: the pack proves without.
	Erased bool  `json:"person_erased,omitempty"`
	At     int64 `json:"at"`
}

// Message is what was sent.
type Message struct {
	ID        sms.ID       `json:"id"`
	Category  sms.Category `json:"category"`
	State     sms.State    `json:"state"`
	CreatedAt int64        `json:"created_at"`
	Packs     string       `json:"packs"` // versions of the rules that permitted it
	ConsentID sms.ID       `json:"consent_id,omitempty"`
	Segments  []Segment    `json:"segments"`
}

// Segment is one PDU with the carrier's own id.
type Segment struct {
	UpstreamID string `json:"upstream_id"`
	Source     string `json:"source"`
	SubmitAt   int64  `json:"submit_at"`
	Stat       string `json:"stat"`
	ReportAt   int64  `json:"report_at"`
}

// Sent is a message to the complainant's number.
type Sent struct {
	ID       sms.ID       `json:"id"`
	At       int64        `json:"at"`
	Category sms.Category `json:"category"`
}

// Consent is a grant of the complainant to the sender, as it stood.
type Consent struct {
	ID          sms.ID        `json:"id"`
	Grade       consent.Grade `json:"grade"`
	Method      string        `json:"method"`
	Wording     string        `json:"wording"`
	Source      string        `json:"source"`
	Proof       string        `json:"proof"` // SHA-256 of what the sender says proves it
	ValidFrom   int64         `json:"valid_from"`
	ValidTo     int64         `json:"valid_to,omitempty"`
	WithdrawnAt int64         `json:"withdrawn_at,omitempty"`
}

// Refusal is an opt-out of the complainant.
type Refusal struct {
	ID        sms.ID `json:"id"`
	Everybody bool   `json:"everybody"`
	Scope     string `json:"scope"`
	Source    string `json:"source"`
	CreatedAt int64  `json:"created_at"`
}

// FileTx is what a file is read from.
type FileTx interface {
	Messages(ctx context.Context, ids []sms.ID, lock bool) ([]*sms.Message, error)
	Decisions(ctx context.Context, ids []sms.ID, each func(sms.Decision)) error
	Known
	SegmentsOf(ctx context.Context, ids []sms.ID, each func(sms.Segment)) error
	Grants(ctx context.Context, group sms.ID, ids [][16]byte, each func(consent.Grant)) error
	Suppressions(ctx context.Context, ids [][16]byte, each func(consent.Suppression)) error
	SentTo(ctx context.Context, phone [16]byte, group sms.ID, since int64, limit int) ([]sms.RecipientEvent, error)
}

// Known is who is known to a content provider group.
type Known interface {
	Secrets(ctx context.Context, group sms.ID, ids [][16]byte, each func(id [16]byte, sealed []byte) error) error
}

// Erased tells whether the complainant was erased towards the sender of the message: whom
// nothing was sent to may never have been known.
func Erased(ctx context.Context, tx Known, c *Case) (bool, error) {
	known := c.MessageID == 0
	err := tx.Secrets(ctx, c.GroupID, [][16]byte{c.Phone()}, func([16]byte, []byte) error { known = true; return nil })
	return !known, err
}

// MaxSent bounds the list of what else went to a number.
const MaxSent = 200

// Assemble gathers a case file. pack is the message's evidence, nil when none was found, and
// lacking why it could not be made.
func Assemble(ctx context.Context, tx FileTx, snap *registry.Snapshot, c Case, pack []byte, lacking string, at int64) ([]byte, error) {
	f := File{Complaint: c, Evidence: string(pack), Lacking: lacking, At: at, Sent: []Sent{}, Consents: []Consent{}, Refusals: []Refusal{}}
	phones := [][16]byte{c.Phone()}
	sent, err := tx.SentTo(ctx, c.Phone(), 0, -1, MaxSent)
	if err != nil {
		return nil, err
	}
	for _, e := range sent {
		f.Sent = append(f.Sent, Sent{e.MessageID, e.At, e.Category})
	}
	err = tx.Suppressions(ctx, phones, func(s consent.Suppression) {
		if s.GroupID == 0 || s.GroupID == c.GroupID {
			f.Refusals = append(f.Refusals, Refusal{s.ID, s.GroupID == 0, s.Scope, s.Source, s.CreatedAt})
		}
	})
	if err != nil || c.MessageID == 0 {
		return marshal(&f, err)
	}
	err = tx.Grants(ctx, c.GroupID, phones, func(g consent.Grant) {
		f.Consents = append(f.Consents, Consent{g.ID, g.Grade, g.Method, g.Wording, g.Source, hex.EncodeToString(g.ProofHash[:]), g.ValidFrom, g.ValidTo, g.WithdrawnAt})
	})
	if err != nil {
		return nil, err
	}
	if f.Erased, err = Erased(ctx, tx, &c); err != nil {
		return nil, err
	}
	f.Party, f.Signature, f.Template = snap.Party[c.PartyID], snap.Signature[c.SignatureID], snap.Template[c.TemplateID]
	if w := snap.Wording(c.TemplateID); w != nil {
		f.Wording = w.Version
	}
	return marshal(&f, f.message(ctx, tx, snap))
}

func (f *File) message(ctx context.Context, tx FileTx, snap *registry.Snapshot) error {
	list, err := tx.Messages(ctx, []sms.ID{f.Complaint.MessageID}, false)
	if err != nil || len(list) == 0 { // it was dropped: Lacking says so
		return err
	}
	m := list[0]
	var d sms.Decision
	if err := tx.Decisions(ctx, []sms.ID{m.DecisionID}, func(x sms.Decision) { d = x }); err != nil {
		return err
	}
	f.Filing = snap.Filing(m.SignatureID, m.Carrier)
	f.Message = &Message{ID: m.ID, Category: m.Category, State: m.State, CreatedAt: m.CreatedAt, Packs: d.Packs, ConsentID: m.ConsentID, Segments: []Segment{}}
	return tx.SegmentsOf(ctx, []sms.ID{m.ID}, func(s sms.Segment) {
		f.Message.Segments = append(f.Message.Segments, Segment{s.UpstreamID, s.Source, s.SubmitAt, s.Stat, s.ReportAt})
	})
}

func marshal(f *File, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return json.Marshal(f)
}

// Keep seals a case file and notes that the case has one (CMP-05).
func (d *Desk) Keep(ctx context.Context, tx Tx, keys *vault.Keys, id sms.ID, content []byte, by sms.ID) (Case, error) {
	c, err := d.step(ctx, tx, id, Open, Verified, Answered)
	if err != nil {
		return c, err
	}
	hash := sha256.Sum256(content)
	if err := tx.PutCaseFile(ctx, c.ID, c.UpdatedAt, hash, keys.Seal(vault.PurposeFile, content)); err != nil {
		return c, err
	}
	if err := d.record(ctx, tx, &c, "file", by, string(content)); err != nil {
		return c, err
	}
	return c, d.Duties.FinishAll(ctx, tx, rulebook.StepFile, c.ID, by, "sha256:"+hex.EncodeToString(hash[:]), c.UpdatedAt)
}
