// Package consent owns who may be sent marketing: grants with their proof,
// withdrawals, and suppressions (黑名单/退订). It is the only writer of those rows,
// and every refusal goes into the revocation journal in the same transaction, so
// that the second look sees it (P4).
package consent

import (
	"context"
	"fmt"
	"strings"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Grade ranks how a consent can be proved.
type Grade int

// The grades, weakest first (design 6).
const (
	Import      Grade = 1 // the customer's own list
	SignedEvent Grade = 2 // a signed API event at the moment of consent
	HostedPage  Grade = 3 // given on a page that the platform serves
	DoubleOptIn Grade = 4 // confirmed by a reply from the number itself
)

// Grant is one consent of one recipient to one content provider group.
type Grant struct {
	ID          sms.ID
	PhoneID     [16]byte
	GroupID     sms.ID
	Purpose     sms.Category
	Grade       Grade
	Method      string   // how it was asked: form, app, reply …
	Wording     string   // the words that the person saw: id of a registered wording, or the customer's own name
	TextHash    [32]byte // of a registered wording's text, zero of another
	Source      string   // where: page, shop, event id
	Claims      string   // what was stated besides, comma-separated: see Claims of Statement
	ProofHash   [32]byte
	PerWeek     int // messages in 7 days that were agreed to, 0 when nothing was said
	ValidFrom   int64
	ValidTo     int64 // exclusive
	WithdrawnAt int64 // 0 while it stands
	SuspendedAt int64 // when the number was said not to exist, 0 while it stands
	LeafID      sms.ID
	LeafPos     int
	Former      []byte // sealed: the phone id that its evidence names, nil when that is PhoneID
}

// Holds tells whether the grant covers a category at a moment.
func (g *Grant) Holds(cat sms.Category, at int64) bool {
	return g.SuspendedAt == 0 && g.wouldHold(cat, at)
}

func (g *Grant) wouldHold(cat sms.Category, at int64) bool {
	return g.Purpose == cat && g.WithdrawnAt == 0 && at >= g.ValidFrom && (g.ValidTo == 0 || at < g.ValidTo)
}

// Best is the grant of the highest grade that holds, is to a kind of content ("" is any), and
// was given after a former refusal (see Lifted), or nil.
func Best(grants []Grant, cat sms.Category, kind string, at, refused int64) *Grant {
	var best *Grant
	for i := range grants {
		if g := &grants[i]; g.Holds(cat, at) && g.ValidFrom > refused && (kind == "" || g.CoversKind(kind)) && (best == nil || g.Grade > best.Grade || g.Grade == best.Grade && g.ValidFrom > best.ValidFrom) {
			best = g
		}
	}
	return best
}

// Suspended tells whether a consent would hold if the number had not ceased to exist since
// (CNS-16).
func Suspended(grants []Grant, cat sms.Category, at int64) bool {
	for i := range grants {
		if g := &grants[i]; g.SuspendedAt != 0 && g.wouldHold(cat, at) {
			return true
		}
	}
	return false
}

// ScopeAll refuses every category but those that the law lets a person not refuse.
const ScopeAll = "ALL"

// Suppression is a refusal: of a category, or of all, by one recipient towards
// one content provider group, or towards everybody when the group is 0.
type Suppression struct {
	ID        sms.ID
	PhoneID   [16]byte
	GroupID   sms.ID
	Scope     string // a category or ScopeAll
	Source    string // mo | api | page | complaint | staff
	Reference string // MO id, request id …
	InFlight  string // ids of messages that were already being submitted
	CreatedAt int64
	LiftedAt  int64
	LeafID    sms.ID
	LeafPos   int
	Former    []byte // as of a Grant
}

// Lifted is when a person had refused marketing of a group before agreeing again, 0 for
// never. What they had agreed to until then counts no more (OPT-05), however late it is
// recorded.
func Lifted(list []Suppression, group sms.ID) (last int64) {
	for i := range list {
		if s := &list[i]; s.LiftedAt != 0 && s.GroupID == group && s.Scope == string(sms.MKT) {
			last = max(last, s.CreatedAt)
		}
	}
	return last
}

// Against tells whether the refusal stands against a category of a group.
// Opt-out from marketing leaves codes and notices alone (OPT-08); ALL does not
// reach CONSENT, whose one confirmation is owed to the person.
func (s *Suppression) Against(group sms.ID, cat sms.Category) bool {
	if s.LiftedAt != 0 || s.GroupID != 0 && s.GroupID != group {
		return false
	}
	return s.Scope == string(cat) || s.Scope == ScopeAll && cat != sms.Consent
}

// Tx is what the package needs of a transaction.
type Tx interface {
	LockRecipients(ctx context.Context, ids [][16]byte) error
	InsertGrants(ctx context.Context, grants []Grant) error
	WithdrawGrants(ctx context.Context, phone [16]byte, group sms.ID, purpose sms.Category, at int64) (int, error)
	PutSuppression(ctx context.Context, s Suppression) (already bool, err error)
	LiftSuppression(ctx context.Context, phone [16]byte, group sms.ID, scope string, before, at int64) (sms.ID, error)
	Vacant(ctx context.Context, ids [][16]byte, each func(id [16]byte, at int64)) error
	recordKeeper
	SubmittingTo(ctx context.Context, phone [16]byte, group sms.ID) ([]sms.ID, error)
	RevokePhone(ctx context.Context, kind string, phone [16]byte, group sms.ID, scope string, at int64) error
}

// Recorder puts evidence records of one kind into the transaction's log and
// returns the leaf's id; positions follow the order of the hashes.
type Recorder func(ctx context.Context, kind string, at int64, hashes [][32]byte) (sms.ID, error)

// Add stores grants and their evidence. The recipients are locked, so a refusal
// is either before all of it or after. A consent that is proved by a page that the platform
// serves, or better, lifts an older refusal of the same messages; a list never does (OPT-05).
// One that was given before its number ceased to exist is stored suspended (CNS-16).
func Add(ctx context.Context, tx Tx, record Recorder, grants []Grant, at int64) error {
	phones := make([][16]byte, len(grants))
	hashes := make([][32]byte, len(grants))
	for i := range grants {
		if err := check(&grants[i]); err != nil {
			return err
		}
		phones[i] = grants[i].PhoneID
	}
	if err := tx.LockRecipients(ctx, phones); err != nil {
		return err
	}
	gone := map[[16]byte]int64{}
	if err := tx.Vacant(ctx, phones, func(id [16]byte, at int64) { gone[id] = at }); err != nil {
		return err
	}
	for i := range grants {
		g := &grants[i]
		if since, ok := gone[g.PhoneID]; ok && g.ValidFrom <= since {
			g.SuspendedAt = since
		}
		hashes[i] = GrantRecord(g).Hash()
	}
	leaf, err := record(ctx, KindGrant, at, hashes)
	if err != nil {
		return err
	}
	for i := range grants {
		grants[i].LeafID, grants[i].LeafPos = leaf, i
	}
	if err := tx.InsertGrants(ctx, grants); err != nil {
		return err
	}
	return lift(ctx, tx, record, grants, at)
}

// lift ends the refusals that grants are proof enough against: those of the same group and
// category alone. Who refused everything, or everybody, has to take that back otherwise.
func lift(ctx context.Context, tx Tx, record Recorder, grants []Grant, at int64) error {
	for i := range grants {
		g := &grants[i]
		if g.Grade < HostedPage || g.SuspendedAt != 0 {
			continue
		}
		refusal, err := tx.LiftSuppression(ctx, g.PhoneID, g.GroupID, string(g.Purpose), g.ValidFrom, at)
		if err != nil {
			return err
		}
		if refusal == 0 {
			continue
		}
		if err := note(ctx, tx, record, at, LiftRecord(refusal, g, at)); err != nil {
			return err
		}
	}
	return nil
}

func check(g *Grant) error {
	switch {
	case g.Grade < Import || g.Grade > DoubleOptIn:
		return sms.Errorf(sms.BadRequest, "grade", "it is 1 to 4: import, signed event, hosted page, double opt-in")
	case g.Wording == "" || g.Source == "" || g.Method == "":
		return sms.Errorf(sms.BadRequest, "wording, source, method", "a consent needs all three to be provable")
	case g.Purpose != sms.MKT && (g.Purpose != sms.Notice || !g.CoversClasses(nil)):
		return sms.Errorf(sms.BadRequest, "purpose", "consent is kept for MKT, and for what is sensitive in a NOTICE; nothing else needs any here")
	case g.ValidTo != 0 && g.ValidTo <= g.ValidFrom:
		return sms.Errorf(sms.BadRequest, "valid_to", "it ends before it begins")
	}
	for _, s := range []string{g.Wording, g.Source, g.Method} {
		if len(s) > 200 || strings.ContainsRune(s, 0) {
			return sms.Errorf(sms.BadRequest, "wording, source, method", "each has at most 200 bytes")
		}
	}
	return nil
}

// Refuse stores an opt-out, withdraws the grants that it contradicts and tells
// the journal. It returns the messages that were already on their way to the
// carrier: its record names them. Call it last in a transaction: the journal's
// counter is locked until commit.
func Refuse(ctx context.Context, tx Tx, record Recorder, s Suppression) (inFlight []sms.ID, err error) {
	if s.Scope != ScopeAll {
		if _, err := sms.ParseCategory(s.Scope); err != nil {
			return nil, sms.Errorf(sms.BadRequest, "scope", "it is ALL or a category")
		}
	}
	if err := tx.LockRecipients(ctx, [][16]byte{s.PhoneID}); err != nil {
		return nil, err
	}
	if inFlight, err = tx.SubmittingTo(ctx, s.PhoneID, s.GroupID); err != nil {
		return nil, err
	}
	s.InFlight = JoinIDs(inFlight)
	s.LeafID, err = record(ctx, KindRefusal, s.CreatedAt, [][32]byte{RefusalRecord(&s).Hash()})
	if err != nil {
		return nil, err
	}
	if _, err := tx.PutSuppression(ctx, s); err != nil {
		return nil, err
	}
	for _, purpose := range []sms.Category{sms.MKT, sms.Notice} {
		if s.Scope != ScopeAll && s.Scope != string(purpose) {
			continue
		}
		if _, err := tx.WithdrawGrants(ctx, s.PhoneID, s.GroupID, purpose, s.CreatedAt); err != nil {
			return nil, err
		}
	}
	if err := tx.RevokePhone(ctx, "optout", s.PhoneID, s.GroupID, s.Scope, s.CreatedAt); err != nil {
		return nil, fmt.Errorf("journal the opt-out: %w", err)
	}
	return inFlight, nil
}
