package review

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Object is what a review is about: a signature, a version of a template, a licence, a
// permit, a party, an access code, a sub-code, a contract, a letter of authorisation.
type Object interface {
	kind() string
	id() (sms.ID, int64)
	party() sms.ID
	// The states: in use, waiting, refused, and what it is in after its approval was
	// taken back.
	usable() string
	waits() string
	refused() string
	withdrawn() string
	revokes() string
	in(state string) any
	stored(snap *registry.Snapshot) string // "" when there is none
	old(snap *registry.Snapshot) Object
	check(ctx context.Context, tx Tx, snap *registry.Snapshot) error
	judge(ctx context.Context, tx Tx, book *rulebook.Book, snap *registry.Snapshot, now time.Time) ([]rulebook.Finding, error)
	approved(ctx context.Context, tx Tx, snap *registry.Snapshot, c *Case) error
}

// parse reads what was proposed.
func parse(kind string, proposal []byte) (o Object, err error) {
	switch kind {
	case rulebook.ObjectSignature:
		x := &Signature{}
		o, err = x, json.Unmarshal(proposal, &x.Signature)
	case rulebook.ObjectTemplate:
		x := &Wording{}
		o, err = x, json.Unmarshal(proposal, &x.TemplateVersion)
	case rulebook.ObjectLicence:
		x := &Licence{}
		o, err = x, json.Unmarshal(proposal, &x.Licence)
	case rulebook.ObjectPermit:
		x := &Permit{}
		o, err = x, json.Unmarshal(proposal, &x.Permit)
	case rulebook.ObjectParty:
		x := &Party{}
		o, err = x, json.Unmarshal(proposal, &x.Party)
	case rulebook.ObjectCode:
		x := &AccessCode{}
		o, err = x, json.Unmarshal(proposal, &x.AccessCode)
	case rulebook.ObjectSubcode:
		x := &Subcode{}
		o, err = x, json.Unmarshal(proposal, &x.Subcode)
	case rulebook.ObjectContract:
		x := &Contract{}
		o, err = x, json.Unmarshal(proposal, &x.Contract)
	case rulebook.ObjectLetter:
		x := &Letter{}
		o, err = x, json.Unmarshal(proposal, &x.Authorisation)
	default:
		err = fmt.Errorf("nothing of the kind %s is reviewed", kind)
	}
	return o, err
}

// find reads what is stored, or nil.
func find(snap *registry.Snapshot, kind string, id sms.ID, version int64) Object {
	switch kind {
	case rulebook.ObjectSignature:
		if s := snap.Signature[id]; s != nil {
			return &Signature{*s}
		}
	case rulebook.ObjectTemplate:
		if v := snap.Version(id, version); v != nil {
			return &Wording{TemplateVersion: *v, owner: owner(snap, id)}
		}
	case rulebook.ObjectLicence:
		if l := snap.Licence(id); l != nil {
			return &Licence{*l}
		}
	case rulebook.ObjectPermit:
		if p := snap.PermitByID(id); p != nil {
			return &Permit{*p}
		}
	case rulebook.ObjectParty:
		if p := snap.Party[id]; p != nil {
			return &Party{*p}
		}
	case rulebook.ObjectCode:
		if c := snap.AccessCode[id]; c != nil {
			return &AccessCode{AccessCode: *c}
		}
	case rulebook.ObjectSubcode:
		if c := snap.Binding(id); c != nil {
			return &Subcode{Subcode: *c}
		}
	case rulebook.ObjectContract:
		if k := snap.Contract[id]; k != nil {
			return &Contract{Contract: *k}
		}
	case rulebook.ObjectLetter:
		if a := snap.Letter(id); a != nil {
			return letter(snap, a)
		}
	}
	return nil
}

// Signature is a signature under review.
type Signature struct{ registry.Signature }

func (s *Signature) kind() string        { return rulebook.ObjectSignature }
func (s *Signature) id() (sms.ID, int64) { return s.ID, 0 }
func (s *Signature) party() sms.ID       { return s.PartyID }
func (s *Signature) usable() string      { return registry.Approved }
func (s *Signature) waits() string       { return registry.Review }
func (s *Signature) refused() string     { return registry.Rejected }
func (s *Signature) withdrawn() string   { return registry.Rejected }
func (s *Signature) revokes() string     { return "freeze" }

func (s *Signature) in(state string) any {
	o := s.Signature
	o.State = state
	return o
}

func (s *Signature) stored(snap *registry.Snapshot) string {
	if old := snap.Signature[s.ID]; old != nil {
		return old.State
	}
	return ""
}

func (s *Signature) old(snap *registry.Snapshot) Object { return &Signature{*snap.Signature[s.ID]} }

func (s *Signature) check(_ context.Context, _ Tx, snap *registry.Snapshot) error {
	if snap.Party[s.PartyID] == nil {
		return sms.Errorf(sms.BadRequest, "body.party_id", "no party has this id")
	}
	if old := snap.Signature[s.ID]; old != nil && old.PartyID != s.PartyID {
		return sms.Errorf(sms.BadRequest, "body.party_id", "a signature does not change hands: the other party applies for its own")
	}
	if same := snap.SignatureOf(s.PartyID, s.Text); same != nil && same.ID != s.ID {
		return sms.Errorf(sms.BadRequest, "body.text", "the party has this signature already: %s", same.ID)
	}
	return nil
}

func (s *Signature) judge(_ context.Context, _ Tx, book *rulebook.Book, snap *registry.Snapshot, now time.Time) ([]rulebook.Finding, error) {
	p := snap.Party[s.PartyID]
	return book.JudgeSignature(&rulebook.SignatureClaim{
		Text: s.Text, Source: s.Source, Name: p.Name, Entity: p.EntityType, Mark: s.Mark, Registration: s.Registration, Holder: s.Holder,
		Authorised: snap.Authorisation(&s.Signature, now.UnixMilli()) != nil,
		Elsewhere:  snap.SignatureElsewhere(&s.Signature),
	}, now), nil
}

// approved stores it.
func (s *Signature) approved(ctx context.Context, tx Tx, snap *registry.Snapshot, c *Case) error {
	s.UpdatedAt, s.Unique = c.ReviewedAt, snap.SignatureElsewhere(&s.Signature) == 0 // RN-06
	return put(ctx, tx, snap, s, registry.Approved, c.ReviewedAt)
}

// put stores an object in a state. What carriers were told of another text of a signature
// does not stand for this one, whenever it is stored: it is filed anew.
func put(ctx context.Context, tx Tx, snap *registry.Snapshot, o Object, state string, at int64) error {
	if err := tx.Put(ctx, o.in(state)); err != nil {
		return err
	}
	s, ok := o.(*Signature)
	if !ok || snap.Signature[s.ID] == nil || snap.Signature[s.ID].Text == s.Text {
		return nil
	}
	for _, f := range snap.FilingsOf(s.ID) {
		again := registry.Filing{SignatureID: s.ID, Carrier: f.Carrier, State: registry.Draft, UpdatedAt: at}
		if err := tx.Put(ctx, again); err != nil {
			return err
		}
	}
	return nil
}

// Wording is a version of a template under review.
type Wording struct {
	registry.TemplateVersion
	owner sms.ID
}

func owner(snap *registry.Snapshot, template sms.ID) sms.ID {
	if t := snap.Template[template]; t != nil {
		return t.PartyID
	}
	return 0
}

func (w *Wording) kind() string        { return rulebook.ObjectTemplate }
func (w *Wording) id() (sms.ID, int64) { return w.TemplateID, w.Version }
func (w *Wording) party() sms.ID       { return w.owner }
func (w *Wording) usable() string      { return registry.Approved }
func (w *Wording) waits() string       { return registry.Review }
func (w *Wording) refused() string     { return registry.Rejected }
func (w *Wording) withdrawn() string   { return registry.Rejected }
func (w *Wording) revokes() string     { return "template" }

func (w *Wording) in(state string) any {
	o := w.TemplateVersion
	o.State = state
	return o
}

func (w *Wording) stored(snap *registry.Snapshot) string {
	if old := snap.Version(w.TemplateID, w.Version); old != nil {
		return old.State
	}
	return ""
}

func (w *Wording) old(snap *registry.Snapshot) Object {
	return &Wording{TemplateVersion: *snap.Version(w.TemplateID, w.Version), owner: owner(snap, w.TemplateID)}
}

func (w *Wording) check(_ context.Context, _ Tx, snap *registry.Snapshot) error {
	if w.owner = owner(snap, w.TemplateID); w.owner == 0 {
		return sms.Errorf(sms.NotFound, "path.id", "no template has this id")
	}
	if _, err := registry.Compile(w.Body); err != nil {
		return sms.Errorf(sms.BadRequest, "body.body", "%s", err)
	}
	old := snap.Version(w.TemplateID, w.Version)
	// What messages were sent by stays what they were sent by.
	if old != nil && (old.Body != w.Body || old.Sensitive != w.Sensitive || old.Basis != w.Basis) && old.State != registry.Review {
		return sms.Errorf(sms.BadRequest, "body.version", "version %d was decided and is not changed any more: submit the wording as another version", w.Version)
	}
	return nil
}

func (w *Wording) judge(ctx context.Context, tx Tx, book *rulebook.Book, snap *registry.Snapshot, now time.Time) ([]rulebook.Finding, error) {
	compiled, err := registry.Compile(w.Body)
	if err != nil {
		return nil, err
	}
	t := snap.Template[w.TemplateID]
	papers, err := tx.DocumentsOf(ctx, t.PartyID)
	if err != nil {
		return nil, err
	}
	form := slices.ContainsFunc(papers, func(d *document.Document) bool { return d.Kind == document.ConsentForm && d.Holds(now.UnixMilli()) })
	rivals := 0
	if t.Category.Commercial() {
		rivals = snap.RivalsIn(snap.Party[t.PartyID], w.Body, "")
	}
	found, err := book.JudgeTemplate(&rulebook.TemplateClaim{
		Category: t.Category, Signature: longestSignature(snap, t.PartyID), Body: w.Body, Sample: compiled.Sample(),
		Sensitive: w.Classes(), Basis: w.Basis, Rivals: rivals, Form: form,
	}, now)
	if err != nil {
		return nil, sms.Errorf(sms.BadText, "body.body", "%s", err)
	}
	return found, nil
}

// longestSignature is the party's own by which the wording takes the most room; without
// any, as much of the registered name as carriers take.
func longestSignature(snap *registry.Snapshot, party sms.ID) (text string) {
	for _, s := range snap.SignaturesOf(party) {
		if s.State != registry.Rejected && s.State != registry.Retired && len([]rune(s.Text)) > len([]rune(text)) {
			text = s.Text
		}
	}
	if text != "" {
		return text
	}
	name := []rune(strings.NewReplacer("【", "", "】", "").Replace(snap.Party[party].Name))
	return string(name[:min(len(name), 12)])
}

func (w *Wording) approved(ctx context.Context, tx Tx, _ *registry.Snapshot, c *Case) error {
	w.ReviewedBy = c.ReviewerID.String()
	return tx.Put(ctx, w.in(registry.Approved))
}

// Licence is a licence under review.
type Licence struct{ registry.Licence }

func (l *Licence) kind() string        { return rulebook.ObjectLicence }
func (l *Licence) id() (sms.ID, int64) { return l.ID, 0 }
func (l *Licence) party() sms.ID       { return l.PartyID }
func (l *Licence) usable() string      { return registry.Active }
func (l *Licence) waits() string       { return registry.Pending }
func (l *Licence) refused() string     { return registry.Pending }
func (l *Licence) withdrawn() string   { return registry.Revoked }
func (l *Licence) revokes() string     { return "licence" }

func (l *Licence) in(state string) any {
	o := l.Licence
	o.State = state
	return o
}

func (l *Licence) stored(snap *registry.Snapshot) string {
	if old := snap.Licence(l.ID); old != nil {
		return old.State
	}
	return ""
}

func (l *Licence) old(snap *registry.Snapshot) Object { return &Licence{*snap.Licence(l.ID)} }

func (l *Licence) check(ctx context.Context, tx Tx, snap *registry.Snapshot) error {
	if snap.Party[l.PartyID] == nil {
		return sms.Errorf(sms.BadRequest, "body.party_id", "no party has this id")
	}
	if old := snap.Licence(l.ID); old != nil && old.PartyID != l.PartyID {
		return sms.Errorf(sms.BadRequest, "body.party_id", "a licence does not change hands (LIC-07)")
	}
	if _, err := sms.ParseCoverage(l.Provinces); err != nil {
		return sms.Errorf(sms.BadRequest, "body.provinces", "%s; * is the whole country", err)
	}
	if l.DocumentID != 0 {
		return document.Bound(ctx, tx, l.DocumentID, l.PartyID, document.TelecomLicence, &l.To)
	}
	return nil
}

func (l *Licence) judge(_ context.Context, _ Tx, book *rulebook.Book, snap *registry.Snapshot, now time.Time) ([]rulebook.Finding, error) {
	return book.Judge(rulebook.ObjectLicence, map[string]any{
		"licence.own_name": l.USCC == snap.Party[l.PartyID].USCC, "licence.elsewhere": int64(snap.LicenceElsewhere(&l.Licence)),
		"licence.provinces": l.Covered(), "licence.capital": l.Capital,
	}, now), nil
}

func (l *Licence) approved(ctx context.Context, tx Tx, _ *registry.Snapshot, _ *Case) error {
	return tx.Put(ctx, l.in(registry.Active))
}
