package review

import (
	"context"

	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// Identity is who stands behind a party (RN-01). Names, address and telephone are sealed.
type Identity struct {
	PartyID        sms.ID
	Proposed       bool // of a change that nobody has approved yet
	Representative []byte
	Handler        []byte
	HandlerHash    [16]byte // of the handler's identity number
	Address        []byte
	Contact        []byte
	Digest         [16]byte // of representative and handler …
	Approved       [16]byte // … and what it was at the last approval
	Registered     [16]byte // hash of the party's name, USCC and type at the last approval
	CheckedAt      int64    // when the public register was looked at
	UpdatedAt      int64
}

// People is who stands behind a party, in clear; "" is not said.
type People struct {
	Representative string // 法定代表人
	Handler        string // 经办人
	HandlerID      string // number of the handler's identity document
	Address        string
	Contact        string // telephone
}

// Name seals what is said of a party's people; of the identity number only its keyed hash is kept.
func (i *Identity) Name(keys *vault.Keys, p *People) error {
	for _, x := range []struct {
		dest  *[]byte
		given string
	}{{&i.Representative, p.Representative}, {&i.Handler, p.Handler}, {&i.Address, p.Address}, {&i.Contact, p.Contact}} {
		if x.given != "" {
			*x.dest = keys.Seal(vault.PurposePerson, []byte(x.given))
		}
	}
	if p.HandlerID != "" {
		i.HandlerHash = keys.IdentityHash(p.HandlerID)
	}
	representative := ""
	if len(i.Representative) > 0 {
		b, err := keys.Open(vault.PurposePerson, i.Representative)
		if err != nil {
			return err
		}
		representative = string(b)
	}
	i.Digest = keys.IdentityHash(representative + "\x00" + string(i.HandlerHash[:]))
	return nil
}

// identity is who is judged to stand behind a party: as it is proposed, else as it is; never nil.
func identity(ctx context.Context, tx Tx, party sms.ID) (*Identity, error) {
	for _, proposed := range []bool{true, false} {
		if i, err := tx.Identity(ctx, party, proposed); err != nil || i != nil {
			return i, err
		}
	}
	return &Identity{PartyID: party}, nil
}

// change stores who stands behind a party, or what is proposed, where something is.
func (d *Desk) change(ctx context.Context, tx Tx, p *registry.Party, propose bool, change func(*Identity) error) (*Identity, error) {
	now, err := tx.Now(ctx)
	if err != nil {
		return nil, err
	}
	i, err := identity(ctx, tx, p.ID)
	if err != nil {
		return nil, err
	}
	if err := change(i); err != nil {
		return nil, err
	}
	i.Proposed, i.UpdatedAt = i.Proposed || propose, now.UnixMilli()
	return i, tx.PutIdentity(ctx, i)
}

// Identify stores who stands behind a party. One that is active is reviewed anew and goes
// on until then.
func (d *Desk) Identify(ctx context.Context, tx Tx, party sms.ID, change func(*Identity) error, by Author) (*Identity, *Case, error) {
	if err := tx.LockReviews(ctx); err != nil { // else two changes at once, or a change and an approval, overwrite each other
		return nil, nil, err
	}
	snap, err := tx.Registry(ctx)
	if err != nil {
		return nil, nil, err
	}
	p := snap.Party[party]
	if p == nil {
		return nil, nil, sms.Errorf(sms.NotFound, "path.id", "no party has this id")
	}
	i, err := d.change(ctx, tx, p, false, change)
	if err != nil || p.State != registry.Active {
		return i, nil, err
	}
	o := Object(&Party{*p})
	waits, err := tx.WaitingCase(ctx, rulebook.ObjectParty, party, 0)
	if err == nil && waits != nil { // what else was proposed of it stays proposed
		o, err = parse(waits.Kind, waits.Proposal)
	}
	if err != nil {
		return nil, nil, err
	}
	c, err := d.Submit(ctx, tx, o, by)
	return i, c, err
}

// Qualify applies for the review of a party by what it says of itself. What is in use stays as it
// is until somebody has approved the change, the people with it.
func (d *Desk) Qualify(ctx context.Context, tx Tx, p registry.Party, change func(*Identity) error, by Author) (*Case, error) {
	if err := tx.LockReviews(ctx); err != nil {
		return nil, err
	}
	snap, err := tx.Registry(ctx)
	if err != nil {
		return nil, err
	}
	if err := evlog.Action(ctx, tx, d.IDs, "apply for qualification", p.ID, by.Key, by.Staff, p); err != nil {
		return nil, err
	}
	if _, err := d.change(ctx, tx, &p, !editable(snap.Party[p.ID].State), change); err != nil {
		return nil, err
	}
	return d.Submit(ctx, tx, &Party{p}, by)
}

// TakeBack ends what waits of a party's review undecided, at the party's own wish.
func (d *Desk) TakeBack(ctx context.Context, tx Tx, p registry.Party, by Author) error {
	if err := tx.LockReviews(ctx); err != nil {
		return err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	if err := evlog.Action(ctx, tx, d.IDs, "take back qualification", p.ID, by.Key, by.Staff, p); err != nil {
		return err
	}
	return d.replace(ctx, tx, &Party{p}, Withdrawn, now)
}

// forget drops who was to stand behind a party, when that was refused or taken back.
func forget(ctx context.Context, tx Tx, o Object) error {
	if o.kind() != rulebook.ObjectParty {
		return nil
	}
	return tx.DropProposal(ctx, o.party())
}

// Judged tells what stands against something that waits, as it is now.
func Judged(ctx context.Context, tx Tx, book *rulebook.Book, c *Case) ([]rulebook.Finding, error) {
	o, err := parse(c.Kind, c.Proposal)
	if err != nil {
		return nil, err
	}
	snap, now, err := begin(ctx, tx)
	if err != nil {
		return nil, err
	}
	return o.judge(ctx, tx, book, snap, now)
}
