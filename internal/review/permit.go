package review

import (
	"context"
	"time"

	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Permit is a permit of a trade under review (CNT-09).
type Permit struct{ registry.Permit }

func (p *Permit) kind() string        { return rulebook.ObjectPermit }
func (p *Permit) id() (sms.ID, int64) { return p.ID, 0 }
func (p *Permit) party() sms.ID       { return p.PartyID }
func (p *Permit) usable() string      { return registry.Active }
func (p *Permit) waits() string       { return registry.Pending }
func (p *Permit) refused() string     { return registry.Pending }
func (p *Permit) withdrawn() string   { return registry.Revoked }
func (p *Permit) revokes() string     { return "licence" }

func (p *Permit) in(state string) any {
	o := p.Permit
	o.State = state
	return o
}

func (p *Permit) stored(snap *registry.Snapshot) string {
	if old := snap.PermitByID(p.ID); old != nil {
		return old.State
	}
	return ""
}

func (p *Permit) old(snap *registry.Snapshot) Object { return &Permit{*snap.PermitByID(p.ID)} }

func (p *Permit) check(ctx context.Context, tx Tx, snap *registry.Snapshot) error {
	if snap.Party[p.PartyID] == nil {
		return sms.Errorf(sms.BadRequest, "body.party_id", "no party has this id")
	}
	if old := snap.PermitByID(p.ID); old != nil && (old.PartyID != p.PartyID || old.Trade != p.Trade) {
		return sms.Errorf(sms.BadRequest, "body", "a permit does not change hands or trades: register another one")
	}
	if p.DocumentID != 0 {
		return document.Bound(ctx, tx, p.DocumentID, p.PartyID, document.IndustryPermit, &p.To)
	}
	return nil
}

func (p *Permit) judge(_ context.Context, _ Tx, book *rulebook.Book, snap *registry.Snapshot, now time.Time) ([]rulebook.Finding, error) {
	if trades := book.PermitTrades(); trades[p.Trade] == (rulebook.Both{}) {
		return nil, sms.Errorf(sms.BadRequest, "body.trade", "no rule asks for a permit of the trade %q; those are %v", p.Trade, trades.Names())
	}
	return book.Judge(rulebook.ObjectPermit, map[string]any{
		"permit.own_name": p.Holder == snap.Party[p.PartyID].Name, "permit.elsewhere": int64(snap.PermitElsewhere(&p.Permit)), "permit.scan": p.DocumentID != 0,
	}, now), nil
}

func (p *Permit) approved(ctx context.Context, tx Tx, _ *registry.Snapshot, _ *Case) error {
	return tx.Put(ctx, p.in(registry.Active))
}
