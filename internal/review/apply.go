package review

import (
	"context"

	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// What one party may have, so that nobody fills the registry.
const (
	MaxSignatures = 500
	MaxTemplates  = 2000
	MaxVersions   = 200 // of a template
)

// AuthorOf is who applies by a key: the customer, or somebody of the operator's staff. A key of
// the operator that is nobody's would hide who must not decide.
func AuthorOf(snap *registry.Snapshot, key *registry.APIKey) (Author, error) {
	if app := snap.Application[key.ApplicationID]; snap.Party[app.PartyID].Kind == registry.Operator && key.StaffID == 0 {
		return Author{}, sms.Errorf(sms.Forbidden, "Authorization", "somebody of the staff must answer for this: use a key with a staff_id")
	}
	return Author{Key: key.ID, Staff: key.StaffID}, nil
}

// ApplySignature submits a signature, or a change of one, for a party.
func (d *Desk) ApplySignature(ctx context.Context, tx Tx, s registry.Signature, by Author) (*Case, error) {
	if err := tx.LockReviews(ctx); err != nil {
		return nil, err
	}
	snap, err := tx.Registry(ctx)
	if err != nil {
		return nil, err
	}
	if snap.Signature[s.ID] == nil && len(snap.SignaturesOf(s.PartyID)) >= MaxSignatures {
		return nil, sms.Errorf(sms.BadRequest, "body", "a party has at most %d signatures", MaxSignatures)
	}
	if err := evlog.Action(ctx, tx, d.IDs, "apply for signature", s.ID, by.Key, by.Staff, s); err != nil {
		return nil, err
	}
	return d.Submit(ctx, tx, &Signature{s}, by)
}

// ApplyWording stores a template, if it is new or has another name, and submits a wording of it:
// as its next version, or in place of the version that it names, while that waits.
func (d *Desk) ApplyWording(ctx context.Context, tx Tx, t *registry.Template, v registry.TemplateVersion, by Author) (*Case, error) {
	if err := tx.LockReviews(ctx); err != nil { // nobody takes the same number meanwhile
		return nil, err
	}
	snap, err := tx.Registry(ctx)
	if err != nil {
		return nil, err
	}
	if t != nil && snap.Template[t.ID] == nil && len(snap.TemplatesOf(t.PartyID)) >= MaxTemplates {
		return nil, sms.Errorf(sms.BadRequest, "body", "a party has at most %d templates", MaxTemplates)
	}
	if v.Version == 0 {
		if v.Version, err = nextVersion(snap, v.TemplateID); err != nil {
			return nil, err
		}
	}
	if err := evlog.Action(ctx, tx, d.IDs, "apply for template", v.TemplateID, by.Key, by.Staff, v); err != nil {
		return nil, err
	}
	if t != nil {
		if err := tx.Put(ctx, *t); err != nil {
			return nil, err
		}
	}
	return d.Submit(ctx, tx, &Wording{TemplateVersion: v}, by)
}

// nextVersion is the number of a template's next wording.
func nextVersion(snap *registry.Snapshot, template sms.ID) (int64, error) {
	last := int64(0)
	for _, v := range snap.Versions[template] {
		last = max(last, v.Version)
	}
	if len(snap.Versions[template]) >= MaxVersions {
		return 0, sms.Errorf(sms.BadRequest, "body", "a template has at most %d wordings: make another template", MaxVersions)
	}
	return last + 1, nil
}

// GiveUpSignature takes a signature out of use for its party. What was sent by it stays
// provable, so that it is not destroyed.
func (d *Desk) GiveUpSignature(ctx context.Context, tx Tx, s registry.Signature, by Author) error {
	if err := evlog.Action(ctx, tx, d.IDs, "give up signature", s.ID, by.Key, by.Staff, s); err != nil {
		return err
	}
	_, err := d.Stop(ctx, tx, &Signature{s}, registry.Retired)
	return err
}

// GiveUpTemplate takes a template with all its wordings out of use for its party.
func (d *Desk) GiveUpTemplate(ctx context.Context, tx Tx, t registry.Template, by Author) error {
	if err := tx.LockReviews(ctx); err != nil { // no wording is submitted meanwhile
		return err
	}
	snap, err := tx.Registry(ctx)
	if err != nil {
		return err
	}
	t.State = registry.Closed
	if err := evlog.Action(ctx, tx, d.IDs, "give up template", t.ID, by.Key, by.Staff, t); err != nil {
		return err
	}
	for _, v := range snap.Versions[t.ID] {
		if v.State != registry.Approved && v.State != registry.Review {
			continue
		}
		if _, err := d.Stop(ctx, tx, &Wording{TemplateVersion: *v, owner: t.PartyID}, registry.Retired); err != nil {
			return err
		}
	}
	return tx.Put(ctx, t)
}
