package httpapi

import (
	"context"
	"strconv"
	"time"

	"github.com/zhunxin/zhunxin/internal/duty"
	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
)

// bookable refuses a top-up whose way of payment the rules do not suffer (FRD-05).
func (a *API) bookable(ctx context.Context, kind ledger.Kind, method string, now time.Time) error {
	book, err := a.Gate.RulesInForce(ctx)
	if err != nil {
		return err
	}
	if found := book.Judge(rulebook.ObjectMoney, map[string]any{"money.kind": string(kind), "money.method": method}, now); len(found) > 0 {
		return refused("body.method", found)
	}
	return nil
}

// priced tells the duties of a price that was entered, so that one out of the ordinary is
// looked into (FRD-05a).
func (a *API) priced(ctx context.Context, tx Tx, snap *registry.Snapshot, p *registry.Price, now time.Time) error {
	facts := map[string]any{"price.usual_percent": int64(100), "price.cost_percent": int64(120)}
	usual, cost, hasUsual, hasCost := snap.Usual(p, max(p.ValidFrom, now.UnixMilli()))
	if hasUsual {
		facts["price.usual_percent"] = usual
	}
	if hasCost {
		facts["price.cost_percent"] = cost
	}
	return a.duties().Raise(ctx, tx, duty.Event{
		Name: rulebook.EventPrice, ObjectID: p.AccountID, Facts: facts, At: now,
		Period: string(p.Category) + " " + string(p.Carrier) + " " + strconv.FormatInt(p.ValidFrom, 10),
	}, now)
}
