// Package review 审核 is the only way by which a signature, a wording, a licence, a permit, a party, an
// access code, a sub-code, a contract or a letter of authorisation becomes usable: somebody submits it,
// the rules judge it, and another person decides.
package review

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// KindReview is the evidence of a decision: what was judged, by whom, and what the rules
// said (AD-19).
const KindReview = "review"

// States of a case.
const (
	Waiting   = "waiting"
	Approved  = registry.Approved
	Rejected  = registry.Rejected
	Replaced  = "replaced"  // somebody submitted it anew
	Withdrawn = "withdrawn" // it was stopped before anybody decided
)

// Within is how soon a case is to be decided. No law has a number: these are our own.
var Within = map[string]time.Duration{
	rulebook.ObjectSignature: 24 * time.Hour,
	rulebook.ObjectTemplate:  24 * time.Hour,
	rulebook.ObjectLicence:   72 * time.Hour,
	rulebook.ObjectPermit:    72 * time.Hour,
	rulebook.ObjectParty:     72 * time.Hour,
	rulebook.ObjectCode:      72 * time.Hour,
	rulebook.ObjectSubcode:   72 * time.Hour,
	rulebook.ObjectContract:  72 * time.Hour,
	rulebook.ObjectLetter:    72 * time.Hour,
}

// MaxWaiting is the most cases of one party that may wait.
const MaxWaiting = 200

// Case is one object that was submitted, and what came of it.
type Case struct {
	ID          sms.ID
	Kind        string
	ObjectID    sms.ID
	Version     int64 // of a template, else 0
	PartyID     sms.ID
	Proposal    []byte // JSON
	Findings    []byte // JSON
	State       string
	KeyID       sms.ID
	StaffID     sms.ID // 0: a customer's key
	SubmittedAt int64
	DueAt       int64
	FirstID     sms.ID // the first of two reviewers, 0 before
	ReviewerID  sms.ID
	ReviewedAt  int64
	Reason      string
	Confirmed   string
}

// Found reads the findings.
func (c *Case) Found() (list []rulebook.Finding, err error) {
	if err = json.Unmarshal(c.Findings, &list); err != nil {
		err = fmt.Errorf("findings of review %d: %w", c.ID, err)
	}
	return list, err
}

// Tx is what reviews need of a transaction.
type Tx interface {
	evlog.RecordAdder
	Now(ctx context.Context) (time.Time, error)
	LockReviews(ctx context.Context) error
	Registry(ctx context.Context) (*registry.Snapshot, error)
	Put(ctx context.Context, object any) error
	PutCase(ctx context.Context, c *Case) error
	CloseCase(ctx context.Context, c *Case) (bool, error)
	ApproveFirst(ctx context.Context, c *Case) (bool, error)
	WaitingCase(ctx context.Context, kind string, object sms.ID, version int64) (*Case, error)
	CountWaiting(ctx context.Context, party sms.ID) (int, error)
	Document(ctx context.Context, id sms.ID) (*document.Document, error)
	DocumentsOf(ctx context.Context, party sms.ID) ([]*document.Document, error)
	Identity(ctx context.Context, party sms.ID, proposed bool) (*Identity, error)
	PutIdentity(ctx context.Context, i *Identity) error
	DropProposal(ctx context.Context, party sms.ID) error
	HandlersElsewhere(ctx context.Context, handler [16]byte, uscc string) (int, error)
	Revoke(ctx context.Context, r sms.Revocation) (int64, error)
	InsertEvents(ctx context.Context, list []sms.Event) error
}

// Author is who submits or decides.
type Author struct {
	Key   sms.ID
	Staff sms.ID // 0: a customer
}

// Desk judges and decides.
type Desk struct {
	// InForce is the rulebook in force now, or why this node has none.
	InForce func(ctx context.Context) (*rulebook.Book, error)
	IDs     *sms.IDs
}

// Submit has an object judged and opens its case. What is usable stays as it is until the
// case is decided; what is not takes the new content at once, in a state in which nothing
// uses it.
func (d *Desk) Submit(ctx context.Context, tx Tx, o Object, by Author) (*Case, error) {
	if err := tx.LockReviews(ctx); err != nil {
		return nil, err
	}
	snap, now, err := begin(ctx, tx)
	if err != nil {
		return nil, err
	}
	if err := o.check(ctx, tx, snap); err != nil {
		return nil, err
	}
	if err := d.replace(ctx, tx, o, Replaced, now); err != nil {
		return nil, err
	}
	n, err := tx.CountWaiting(ctx, o.party())
	if err != nil {
		return nil, err
	}
	if n >= MaxWaiting {
		return nil, sms.Errorf(sms.RateLimited, "body", "%d of the party's applications wait already: let them be reviewed first", n)
	}
	book, err := d.InForce(ctx)
	if err != nil {
		return nil, err
	}
	found, err := o.judge(ctx, tx, book, snap, now)
	if err != nil {
		return nil, err
	}
	c := &Case{
		ID: d.IDs.Next(), Kind: o.kind(), PartyID: o.party(), State: Waiting, KeyID: by.Key, StaffID: by.Staff,
		SubmittedAt: now.UnixMilli(), DueAt: now.Add(Within[o.kind()]).UnixMilli(),
	}
	c.ObjectID, c.Version = o.id()
	if c.Proposal, err = json.Marshal(o.in(o.usable())); err != nil {
		return nil, err
	}
	if err := c.setFound(found); err != nil {
		return nil, err
	}
	if state := o.stored(snap); editable(state) {
		if err := put(ctx, tx, snap, o, o.waits(), now.UnixMilli()); err != nil {
			return nil, err
		}
		if _, err := tx.Registry(ctx); err != nil { // what would make the registry unreadable is not stored
			return nil, sms.Errorf(sms.BadRequest, "body", "%s", err)
		}
	}
	if err := tx.PutCase(ctx, c); err != nil {
		return nil, err
	}
	return c, d.tellCase(ctx, tx, snap, o, c)
}

// editable tells whether an object in a state takes new content at once: it was never
// usable, is no object yet, or was given up.
func editable(state string) bool {
	switch state {
	case "", registry.Draft, registry.Review, registry.Pending, registry.Rejected, registry.Retired:
		return true
	}
	return false
}

func (c *Case) setFound(found []rulebook.Finding) (err error) {
	if found == nil {
		found = []rulebook.Finding{}
	}
	c.Findings, err = json.Marshal(found)
	return err
}

func begin(ctx context.Context, tx Tx) (*registry.Snapshot, time.Time, error) {
	snap, err := tx.Registry(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	now, err := tx.Now(ctx)
	return snap, now, err
}

// replace closes a case that waits, undecided.
func (d *Desk) replace(ctx context.Context, tx Tx, o Object, state string, now time.Time) error {
	id, version := o.id()
	old, err := tx.WaitingCase(ctx, o.kind(), id, version)
	if err != nil || old == nil {
		return err
	}
	old.State, old.ReviewedAt = state, now.UnixMilli()
	if _, err := tx.CloseCase(ctx, old); err != nil || state == Replaced {
		return err
	}
	return forget(ctx, tx, o)
}

// Stop makes an object unusable, or stores one that is. It needs nobody else's consent.
func (d *Desk) Stop(ctx context.Context, tx Tx, o Object, state string) (any, error) {
	if err := tx.LockReviews(ctx); err != nil {
		return nil, err
	}
	snap, now, err := begin(ctx, tx)
	if err != nil {
		return nil, err
	}
	if err := d.replace(ctx, tx, o, Withdrawn, now); err != nil {
		return nil, err
	}
	was := o.stored(snap)
	if editable(was) {
		if err := o.check(ctx, tx, snap); err != nil {
			return nil, err
		}
	} else {
		o = o.old(snap)
	}
	if err := put(ctx, tx, snap, o, state, now.UnixMilli()); err != nil {
		return nil, err
	}
	if err := d.tell(ctx, tx, snap, o, o.party(), Told{State: state, At: now.UnixMilli()}); err != nil {
		return nil, err
	}
	if was != o.usable() {
		return o.in(state), nil
	}
	return o.in(state), d.revoke(ctx, tx, o, now)
}

// Stored is an object as it stands now.
func (d *Desk) Stored(ctx context.Context, tx Tx, o Object) (any, error) {
	snap, err := tx.Registry(ctx)
	if err != nil {
		return nil, err
	}
	o = o.old(snap)
	return o.in(o.stored(snap)), nil
}

func (d *Desk) revoke(ctx context.Context, tx Tx, o Object, now time.Time) error {
	id, _ := o.id()
	_, err := tx.Revoke(ctx, sms.Revocation{Kind: o.revokes(), ObjectID: int64(id), At: now.UnixMilli()})
	return err
}

// Verdict is what a reviewer decides.
type Verdict struct {
	Approve   bool
	Reason    string
	Confirmed []string // rules that would hold it
}

func (v *Verdict) state() string {
	if v.Approve {
		return Approved
	}
	return Rejected
}

// record writes the decision into the log.
func (d *Desk) record(ctx context.Context, tx Tx, c *Case, book *rulebook.Book, found []rulebook.Finding, by Author) error {
	return evlog.Append(ctx, tx, d.IDs, c.ReviewedAt, leaf.New(KindReview, int64(c.ObjectID), c.ReviewedAt,
		leaf.Int("case", int64(c.ID)),
		leaf.Str("object", c.Kind),
		leaf.Int("version", c.Version),
		leaf.Hash("content", hash(c.Proposal)),
		leaf.Str("verdict", c.State),
		leaf.Hash("reason", hash([]byte(c.Reason))),
		leaf.Str("rules", rules(found)),
		leaf.Str("confirmed", c.Confirmed),
		leaf.Str("packs", book.Versions()),
		leaf.Int("by_key", int64(by.Key)),
		leaf.Int("by_staff", int64(by.Staff)),
		leaf.Int("submitted_by_key", int64(c.KeyID)),
		leaf.Int("submitted_by_staff", int64(c.StaffID)),
	))
}
