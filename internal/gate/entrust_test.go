package gate_test

import (
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// tried is what a text would get.
func tried(w *gatetest.World, text, number string) gate.Result {
	w.T.Helper()
	a, err := w.Gate.Try(w.T.Context(), w.Call(text, number))
	if err != nil {
		w.T.Fatal(err)
	}
	return a.Results[0]
}

// PRV-02: numbers and texts are passed on to those alone whom the sender's contract lists.
func TestProcessingIsPassedOnOnlyByConsent(t *testing.T) {
	const upstream, other = sms.ID(91), sms.ID(94)
	contract := func(list string, ends int64) registry.Contract {
		return registry.Contract{
			ID: 61, PartyID: gatetest.Customer, CounterpartyID: gatetest.Agent, Number: "C1", Period: registry.Period{From: 1, To: ends}, ChargeOn: "submission",
			ReportTimeout: 1, State: registry.Active, Subprocessors: list,
		}
	}
	soon := gatetest.Morning.Add(time.Hour).UnixMilli()
	for name, v := range map[string]struct {
		by       sms.ID // whose channel it is
		between  bool   // another agent stands between the customer's and the operator
		contract registry.Contract
		refused  bool
	}{
		"the carrier's own channel":          {0, false, contract("", soon), false},
		"an upstream that is listed":         {upstream, false, contract("94,91", soon), false},
		"one that is not":                    {upstream, false, contract("94,9", soon), true},
		"a second agent":                     {0, true, contract("", soon), true},
		"a second agent that is listed":      {0, true, contract("94", soon), false},
		"a list of a contract that is over":  {upstream, false, contract("91", gatetest.Morning.UnixMilli()), true},
		"the agent with whom it has another": {upstream, true, contract("91", soon), true},
	} {
		t.Run(name, func(t *testing.T) {
			gatetest.On(t, "sqlite", nil, func(w *gatetest.World) {
				for i, id := range []sms.ID{upstream, other} {
					p := registry.Party{ID: id, Kind: registry.Upstream, GroupID: id, Name: "示例平台", USCC: "9111000000000009" + string(rune('0'+i)) + "A", EntityType: "company", State: registry.Active}
					if id == other {
						p.Kind, p.ParentID, p.AgentMode = registry.Agent, gatetest.Operator, registry.Licensed
					}
					w.Put(p, registry.Licence{ID: id + 100, PartyID: id, Number: "B2-9", USCC: p.USCC, Scope: registry.Business, Provinces: "*", Period: registry.Period{From: 1}, State: registry.Active})
				}
				if v.between {
					snap, err := w.Gate.Snapshot(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					agent := *snap.Party[gatetest.Agent]
					agent.ParentID = other
					w.Put(agent)
				}
				w.Put(v.contract, registry.Channel{
					ID: gatetest.Channel, Name: "by", Carrier: sms.Unicom, Protocol: "cmpp30", AccessCodeID: gatetest.Code, UpstreamID: v.by, Address: "127.0.0.1:1", Login: "900001",
					Sessions: 1, Window: 16, State: registry.Active, Options: registry.ChannelOptions{Replies: true},
				})
				r := tried(w, gatetest.OTPText, gatetest.Stranger)
				found := map[string]bool{}
				for _, f := range r.Findings {
					found[f.Rule] = true
				}
				if found["PRV-02"] != v.refused {
					w.T.Errorf("%s %s: %v", r.State, r.Rule, found)
				}
				if !v.refused && r.State != sms.Queued {
					w.T.Errorf("%s %s", r.State, r.Rule)
				}
			})
		})
	}
}

// AD-16: marketing that names a rival of the sender, or one of the operator's list, waits for a
// person, unless the approved wording does.
func TestMarketingThatNamesARivalWaits(t *testing.T) {
	for name, v := range map[string]struct {
		of    sms.ID
		name  string
		state string
		body  string // of the template
		text  string
		held  bool
	}{
		"a rival of the sender":         {gatetest.Customer, "示例超市", registry.Active, "会员日比${shop:name}便宜，拒收请回复R", "会员日比示例超市便宜，拒收请回复R", true},
		"a rival of the operator's":     {gatetest.Operator, "示例超市", registry.Active, "会员日比${shop:name}便宜，拒收请回复R", "会员日比示例超市便宜，拒收请回复R", true},
		"a rival of somebody else":      {gatetest.Agent, "示例超市", registry.Active, "会员日比${shop:name}便宜，拒收请回复R", "会员日比示例超市便宜，拒收请回复R", false},
		"a name that is retired":        {gatetest.Customer, "示例超市", registry.Retired, "会员日比${shop:name}便宜，拒收请回复R", "会员日比示例超市便宜，拒收请回复R", false},
		"a name in other characters":    {gatetest.Customer, "ＡＢＣ超市", registry.Active, "会员日比${shop:name}便宜，拒收请回复R", "会员日比abc超市便宜，拒收请回复R", true},
		"the approved wording names it": {gatetest.Customer, "示例超市", registry.Active, "会员日比示例超市便宜，拒收请回复R", "会员日比示例超市便宜，拒收请回复R", false},
		"nobody is named":               {gatetest.Customer, "示例超市", registry.Active, "会员日比${shop:name}便宜，拒收请回复R", "会员日比平日便宜，拒收请回复R", false},
		"the sender's own name":         {gatetest.Operator, "customer", registry.Active, "会员日比${shop:name}便宜，拒收请回复R", "会员日比customer便宜，拒收请回复R", false},
	} {
		t.Run(name, func(t *testing.T) {
			gatetest.On(t, "sqlite", nil, func(w *gatetest.World) {
				w.Put(
					registry.Rival{ID: 300, PartyID: v.of, Name: v.name, State: v.state, CreatedAt: 1},
					registry.TemplateVersion{TemplateID: gatetest.TemplateMKT, Version: 1, Body: v.body, State: registry.Approved, Period: registry.Period{From: 1}},
				)
				held := false
				for _, f := range tried(w, "【准信科技】"+v.text, gatetest.Member).Findings {
					held = held || f.Rule == "AD-16a"
				}
				if held != v.held {
					w.T.Errorf("held is %v", held)
				}
			})
		})
	}
}
