package gate_test

import (
	"slices"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// CNT-09: what needs a permit is offered by who has it, now and in its own name; the permission
// ends with the permit. Who lacks it is told by which word.
func TestTradesNeedTheirPermit(t *testing.T) {
	const body = "尊敬的会员，暑期培训班八折，拒收请回复R"
	soon := registry.Period{From: 1, To: gatetest.Morning.Add(time.Hour).UnixMilli()}
	permit := func(set func(*registry.Permit)) *registry.Permit {
		p := &registry.Permit{ID: 95, PartyID: gatetest.Customer, Trade: "education", Kind: "办学许可证", Number: "1", Holder: "customer", Period: soon, State: registry.Active}
		set(p)
		return p
	}
	for name, v := range map[string]struct {
		permit *registry.Permit
		sends  bool
	}{
		"a permit":              {permit(func(*registry.Permit) {}), true},
		"none":                  {nil, false},
		"of another trade":      {permit(func(p *registry.Permit) { p.Trade = "insurance" }), false},
		"of another party":      {permit(func(p *registry.Permit) { p.PartyID = gatetest.Agent }), false},
		"that waits for review": {permit(func(p *registry.Permit) { p.State = registry.Pending }), false},
		"that has ended":        {permit(func(p *registry.Permit) { p.To = gatetest.Morning.UnixMilli() }), false},
		"that begins later":     {permit(func(p *registry.Permit) { p.From = gatetest.Morning.UnixMilli() + 1 }), false},
	} {
		t.Run(name, func(t *testing.T) {
			gatetest.Everywhere(t, nil, func(w *gatetest.World) {
				w.Agree(gatetest.Member)
				approve(w, 901, sms.MKT, body)
				w.PutChannel(34, "10690034", func(c *registry.Channel) { c.Priority, c.Options.Industries = 0, []string{"education"} })
				if v.permit != nil {
					w.Put(*v.permit)
				}
				r := w.Send("【准信科技】"+body, gatetest.Member)[0]
				if !v.sends {
					expect(w.T, r, sms.Held, sms.PermitMissing, "CNT-09")
					if !slices.Contains(r.Findings[0].Words, "培训班") {
						w.T.Errorf("%+v", r.Findings)
					}
					return
				}
				expect(w.T, r, sms.Queued, "", "")
				if until := w.Message(r.MessageID).ValidUntil; until != v.permit.To {
					w.T.Errorf("it may leave until %d, its permit ends at %d", until, v.permit.To)
				}
			})
		})
	}
}
