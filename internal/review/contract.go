package review

import (
	"context"
	"time"

	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Contract is a contract under review.
type Contract struct {
	registry.Contract
	right
}

func (k *Contract) kind() string        { return rulebook.ObjectContract }
func (k *Contract) id() (sms.ID, int64) { return k.ID, 0 }
func (k *Contract) party() sms.ID       { return k.PartyID }

func (k *Contract) in(state string) any {
	o := k.Contract
	o.State = state
	return o
}

func (k *Contract) stored(snap *registry.Snapshot) string {
	if old := snap.Contract[k.ID]; old != nil {
		return old.State
	}
	return ""
}

func (k *Contract) old(snap *registry.Snapshot) Object {
	return &Contract{Contract: *snap.Contract[k.ID]}
}

func (k *Contract) check(ctx context.Context, tx Tx, snap *registry.Snapshot) error {
	switch old := snap.Contract[k.ID]; {
	case snap.Party[k.PartyID] == nil:
		return sms.Errorf(sms.BadRequest, "body.party_id", "no party has this id")
	case snap.Party[k.CounterpartyID] == nil:
		return sms.Errorf(sms.BadRequest, "body.counterparty_id", "no party has this id")
	case old != nil && (old.PartyID != k.PartyID || old.CounterpartyID != k.CounterpartyID):
		return sms.Errorf(sms.BadRequest, "body", "a contract does not change its parties: register another one")
	case k.DocumentID != 0:
		return document.Bound(ctx, tx, k.DocumentID, k.PartyID, document.Contract, &k.To)
	}
	return nil
}

func (k *Contract) judge(_ context.Context, _ Tx, book *rulebook.Book, snap *registry.Snapshot, now time.Time) ([]rulebook.Finding, error) {
	with := snap.Principal(snap.Party[k.PartyID])
	return book.Judge(rulebook.ObjectContract, map[string]any{
		"contract.principal": with != nil && with.ID == k.CounterpartyID, "contract.ended": ended(k.Period, now), "contract.scan": k.DocumentID != 0,
	}, now), nil
}

func (k *Contract) approved(ctx context.Context, tx Tx, _ *registry.Snapshot, _ *Case) error {
	return tx.Put(ctx, k.in(registry.Active))
}

// Letter is a letter of authorisation under review (RN-03).
type Letter struct {
	registry.Authorisation
	right
	owner sms.ID
}

func letter(snap *registry.Snapshot, a *registry.Authorisation) *Letter {
	return &Letter{Authorisation: *a, owner: snap.Signature[a.SignatureID].PartyID}
}

func (l *Letter) kind() string        { return rulebook.ObjectLetter }
func (l *Letter) id() (sms.ID, int64) { return l.ID, 0 }
func (l *Letter) party() sms.ID       { return l.owner }
func (l *Letter) revokes() string     { return "filing" }

func (l *Letter) in(state string) any {
	o := l.Authorisation
	o.State = state
	return o
}

func (l *Letter) stored(snap *registry.Snapshot) string {
	if old := snap.Letter(l.ID); old != nil {
		return old.State
	}
	return ""
}

func (l *Letter) old(snap *registry.Snapshot) Object { return letter(snap, snap.Letter(l.ID)) }

func (l *Letter) check(ctx context.Context, tx Tx, snap *registry.Snapshot) error {
	s, old := snap.Signature[l.SignatureID], snap.Letter(l.ID)
	switch {
	case s == nil:
		return sms.Errorf(sms.BadRequest, "body.signature_id", "no signature has this id")
	case old != nil && old.SignatureID != l.SignatureID:
		return sms.Errorf(sms.BadRequest, "body.signature_id", "a letter is for one signature: register another one")
	}
	if l.owner = s.PartyID; l.DocumentID != 0 {
		return document.Bound(ctx, tx, l.DocumentID, l.owner, document.Authorisation, &l.To)
	}
	return nil
}

func (l *Letter) judge(ctx context.Context, tx Tx, book *rulebook.Book, snap *registry.Snapshot, now time.Time) ([]rulebook.Finding, error) {
	holder, err := l.holder(ctx, tx, snap)
	if err != nil {
		return nil, err
	}
	days := int64(never)
	if l.To != 0 {
		from := l.From
		if from == 0 {
			from = now.UnixMilli()
		}
		days = (l.To - from) / (24 * time.Hour).Milliseconds()
	}
	return book.Judge(rulebook.ObjectLetter, map[string]any{
		"authorisation.holder": holder, "authorisation.ended": ended(l.Period, now), "authorisation.days": days, "authorisation.scan": l.DocumentID != 0,
	}, now), nil
}

// holder tells whether the grantor is who holds the signature's mark, as it is or as a change
// that waits has it: that one needs the letter first (SIG-06).
func (l *Letter) holder(ctx context.Context, tx Tx, snap *registry.Snapshot) (bool, error) {
	if l.Grantor == snap.Signature[l.SignatureID].Holder {
		return true, nil
	}
	c, err := tx.WaitingCase(ctx, rulebook.ObjectSignature, l.SignatureID, 0)
	if err != nil || c == nil {
		return false, err
	}
	o, err := parse(c.Kind, c.Proposal)
	if err != nil {
		return false, err
	}
	return o.(*Signature).Holder == l.Grantor, nil
}

func (l *Letter) approved(ctx context.Context, tx Tx, _ *registry.Snapshot, _ *Case) error {
	return tx.Put(ctx, l.in(registry.Active))
}
