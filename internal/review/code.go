package review

import (
	"context"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// right is in what states access codes, sub-codes, contracts and letters of authorisation are.
type right struct{}

func (right) usable() string    { return registry.Active }
func (right) waits() string     { return registry.Pending }
func (right) refused() string   { return registry.Rejected }
func (right) withdrawn() string { return registry.Revoked }
func (right) revokes() string   { return "freeze" }

// ended tells whether a term is over; one that only begins later may be approved before.
func ended(p registry.Period, now time.Time) bool { return p.To != 0 && p.To <= now.UnixMilli() }

// AccessCode is a number resource under review.
type AccessCode struct {
	registry.AccessCode
	right
}

func (c *AccessCode) kind() string        { return rulebook.ObjectCode }
func (c *AccessCode) id() (sms.ID, int64) { return c.ID, 0 }
func (c *AccessCode) party() sms.ID       { return c.PartyID }

func (c *AccessCode) in(state string) any {
	o := c.AccessCode
	o.State = state
	return o
}

func (c *AccessCode) stored(snap *registry.Snapshot) string {
	if old := snap.AccessCode[c.ID]; old != nil {
		return old.State
	}
	return ""
}

func (c *AccessCode) old(snap *registry.Snapshot) Object {
	return &AccessCode{AccessCode: *snap.AccessCode[c.ID]}
}

func (c *AccessCode) check(ctx context.Context, tx Tx, snap *registry.Snapshot) error {
	if snap.Party[c.PartyID] == nil {
		return sms.Errorf(sms.BadRequest, "body.party_id", "no party has this id")
	}
	if old := snap.AccessCode[c.ID]; old != nil && (old.PartyID != c.PartyID || !editable(old.State) && (old.Carrier != c.Carrier || old.Code != c.Code)) {
		return sms.Errorf(sms.BadRequest, "body", "an access code does not change holder, carrier or number: register another one (PORT-02)")
	}
	if c.DocumentID != 0 {
		return document.Bound(ctx, tx, c.DocumentID, c.PartyID, document.CodeApproval, &c.To)
	}
	return nil
}

func (c *AccessCode) judge(_ context.Context, _ Tx, book *rulebook.Book, snap *registry.Snapshot, now time.Time) ([]rulebook.Finding, error) {
	return book.Judge(rulebook.ObjectCode, map[string]any{
		"access_code.approval": strings.TrimSpace(c.Approval) != "", "access_code.number": c.Code, "access_code.length": int64(len(c.Code)), "access_code.max_length": c.MaxLength,
		"access_code.use": c.Use, "access_code.ended": ended(c.Period, now), "access_code.elsewhere": int64(snap.AccessCodeElsewhere(&c.AccessCode)),
		"access_code.scan": c.DocumentID != 0, "access_code.referral": snap.Party[c.PartyID].Refers(),
	}, now), nil
}

func (c *AccessCode) approved(ctx context.Context, tx Tx, _ *registry.Snapshot, _ *Case) error {
	return tx.Put(ctx, c.in(registry.Active))
}

// Subcode is the binding of a sub-code under review.
type Subcode struct {
	registry.Subcode
	right
}

func (c *Subcode) kind() string        { return rulebook.ObjectSubcode }
func (c *Subcode) id() (sms.ID, int64) { return c.ID, 0 }
func (c *Subcode) party() sms.ID       { return c.PartyID }
func (c *Subcode) withdrawn() string   { return registry.Released }

func (c *Subcode) in(state string) any {
	o := c.Subcode
	o.State = state
	return o
}

func (c *Subcode) stored(snap *registry.Snapshot) string {
	if old := snap.Binding(c.ID); old != nil {
		return old.State
	}
	return ""
}

func (c *Subcode) old(snap *registry.Snapshot) Object {
	return &Subcode{Subcode: *snap.Binding(c.ID)}
}

func (c *Subcode) check(_ context.Context, _ Tx, snap *registry.Snapshot) error {
	switch old := snap.Binding(c.ID); {
	case snap.Party[c.PartyID] == nil:
		return sms.Errorf(sms.BadRequest, "body.party_id", "no party has this id")
	case snap.AccessCode[c.AccessCodeID] == nil:
		return sms.Errorf(sms.BadRequest, "body.access_code_id", "no access code has this id")
	case snap.Signature[c.SignatureID] == nil:
		return sms.Errorf(sms.BadRequest, "body.signature_id", "no signature has this id")
	case snap.Contract[c.ContractID] == nil:
		return sms.Errorf(sms.BadRequest, "body.contract_id", "no contract has this id")
	case old == nil:
	case old.PartyID != c.PartyID || !editable(old.State) && (old.AccessCodeID != c.AccessCodeID || old.Digits != c.Digits || old.SignatureID != c.SignatureID):
		return sms.Errorf(sms.BadRequest, "body", "a sub-code does not change hands, digits or signature: release it and apply for another (PORT-02)")
	}
	return nil
}

func (c *Subcode) judge(_ context.Context, _ Tx, book *rulebook.Book, snap *registry.Snapshot, now time.Time) ([]rulebook.Finding, error) {
	at, code, s, k := now.UnixMilli(), snap.AccessCode[c.AccessCodeID], snap.Signature[c.SignatureID], snap.Contract[c.ContractID]
	taken, siblings, elsewhere := int64(0), int64(0), int64(0)
	for _, x := range snap.SubcodesAt(c.AccessCodeID, c.Digits) {
		if x.ID != c.ID {
			taken++
		}
	}
	for _, x := range snap.SubcodesOf(c.SignatureID) {
		if x.AccessCodeID == c.AccessCodeID && x.ID != c.ID {
			siblings++
		}
	}
	for _, x := range snap.Signature {
		if x.PartyID != c.PartyID && x.QualificationID == c.QualificationID {
			elsewhere++
		}
	}
	return book.Judge(rulebook.ObjectSubcode, map[string]any{
		"subcode.code": code.State == registry.Active && code.Holds(at), "subcode.signature": s.PartyID == c.PartyID,
		"subcode.contract": k.PartyID == c.PartyID && k.State == registry.Active && k.Holds(at), "subcode.referral": snap.Party[c.PartyID].Refers(),
		"subcode.taken": taken, "subcode.siblings": siblings, "subcode.qualification": s.QualificationID != 0 && s.QualificationID == c.QualificationID,
		"subcode.qualification_elsewhere": elsewhere, "subcode.length": int64(len(code.Code) + len(c.Digits)), "subcode.max_length": code.MaxLength,
	}, now), nil
}

func (c *Subcode) approved(ctx context.Context, tx Tx, _ *registry.Snapshot, x *Case) error {
	c.BoundAt = x.ReviewedAt
	return tx.Put(ctx, c.in(registry.Active))
}
