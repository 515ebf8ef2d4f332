package review

import (
	"context"
	"time"

	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// never is more days than any rule allows.
const never = 36_500

// Party is a party under review.
type Party struct{ registry.Party }

func (p *Party) kind() string        { return rulebook.ObjectParty }
func (p *Party) id() (sms.ID, int64) { return p.ID, 0 }
func (p *Party) party() sms.ID       { return p.ID }
func (p *Party) usable() string      { return registry.Active }
func (p *Party) waits() string       { return registry.Pending }
func (p *Party) refused() string     { return registry.Pending }
func (p *Party) withdrawn() string   { return registry.Frozen }
func (p *Party) revokes() string     { return "freeze" }

func (p *Party) in(state string) any {
	o := p.Party
	o.State = state
	return o
}

func (p *Party) stored(snap *registry.Snapshot) string {
	if old := snap.Party[p.ID]; old != nil {
		return old.State
	}
	return ""
}

func (p *Party) old(snap *registry.Snapshot) Object { return &Party{*snap.Party[p.ID]} }

func (p *Party) check(_ context.Context, _ Tx, snap *registry.Snapshot) error {
	parent := snap.Party[p.ParentID]
	switch old := snap.Party[p.ID]; {
	case old != nil && old.Kind != p.Kind:
		return sms.Errorf(sms.BadRequest, "body.kind", "a party does not become another kind: register it anew")
	case p.Kind != registry.Operator && parent == nil:
		return sms.Errorf(sms.BadRequest, "body.parent_id", "a customer or agent has a party above it")
	}
	for ; parent != nil; parent = snap.Party[parent.ParentID] {
		if parent.ID == p.ID {
			return sms.Errorf(sms.BadRequest, "body.parent_id", "it would stand above itself")
		}
	}
	return nil
}

func (p *Party) judge(ctx context.Context, tx Tx, book *rulebook.Book, snap *registry.Snapshot, now time.Time) ([]rulebook.Finding, error) {
	at := now.UnixMilli()
	list, err := tx.DocumentsOf(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	has := map[string]bool{}
	for _, d := range list {
		has[d.Kind] = has[d.Kind] || d.Holds(at)
	}
	i, err := identity(ctx, tx, p.ID)
	if err != nil {
		return nil, err
	}
	elsewhere := 0
	if i.HandlerHash != ([16]byte{}) {
		if elsewhere, err = tx.HandlersElsewhere(ctx, i.HandlerHash, p.USCC); err != nil {
			return nil, err
		}
	}
	days := never
	if i.CheckedAt != 0 {
		days = int((at - i.CheckedAt) / (24 * time.Hour).Milliseconds())
	}
	return book.JudgeParty(&rulebook.PartyClaim{
		Kind: p.Kind, Licence: has[document.BusinessLicence], Representative: len(i.Representative) > 0 && has[document.Representative],
		Handler: len(i.Handler) > 0 && i.HandlerHash != [16]byte{} && has[document.Handler], HandlerElsewhere: elsewhere, Contact: len(i.Address) > 0 && len(i.Contact) > 0, Complaints: p.Complaints != "",
		Contract: snap.ValidContract(&p.Party, at) != nil && has[document.Contract], Processing: has[document.Processing], Assessed: has[document.Assessment], Changed: p.changed(i), CheckedDays: days,
	}, now), nil
}

// registered is a hash of who the party is by the public register.
func (p *Party) registered() (h [16]byte) {
	sum := hash([]byte(p.Name + "\x00" + p.USCC + "\x00" + p.EntityType))
	copy(h[:], sum[:])
	return h
}

// changed tells whether the party is not who it was when it was approved (RN-07). What is
// stored now tells nothing of that: a party that waits takes another name at once.
func (p *Party) changed(i *Identity) bool {
	return i.Registered != ([16]byte{}) && (i.Registered != p.registered() || i.Approved != i.Digest)
}

func (p *Party) approved(ctx context.Context, tx Tx, _ *registry.Snapshot, c *Case) error {
	i, err := identity(ctx, tx, p.ID)
	if err != nil {
		return err
	}
	p.UpdatedAt = c.ReviewedAt
	if err := tx.Put(ctx, p.in(registry.Active)); err != nil {
		return err
	}
	i.Proposed, i.Approved, i.Registered = false, i.Digest, p.registered()
	if err := tx.PutIdentity(ctx, i); err != nil {
		return err
	}
	return tx.DropProposal(ctx, p.ID)
}
