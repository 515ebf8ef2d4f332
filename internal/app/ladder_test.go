package app

import (
	"net/http"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// impose imposes a measure on a party of a kind.
func (n *node) impose(key, on string, body map[string]any) (m registry.Measure) {
	n.t.Helper()
	snap, err := n.Registry(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	for _, p := range snap.Party {
		if p.Kind == on {
			body["party_id"] = p.ID
		}
	}
	body["zh"], body["en"] = "请整改", "put it right"
	n.as(key, http.MethodPost, "/v1/admin/measures", body, &m)
	return m
}

func (n *node) liftMeasure(key string, id sms.ID) {
	n.t.Helper()
	if status := n.as(key, http.MethodPost, "/v1/admin/measures/"+id.String()+"/lift", map[string]any{"why": "mended"}, nil); status != http.StatusOK {
		n.t.Fatalf("lift: %d", status)
	}
}

// CMP-06, CMP-10: three complaints that are found true on one day slow the party's marketing
// down and then hold it, by themselves; each is told, with its reason, and owed an explanation.
func TestConfirmedComplaintsSlowAndHold(t *testing.T) {
	everywhere(t, func(n *node) {
		office := n.adminKey()
		people := []string{member, other, "14200000003"}
		for _, who := range people {
			n.agree(who)
			n.until(n.send(mktText, who).Results[0].MessageID, sms.Delivered)
		}
		for _, who := range people {
			c := n.complain(office, map[string]any{"source": "direct", "number": who})
			n.as(office, http.MethodPost, "/v1/admin/complaints/"+c.ID.String()+"/verdict", map[string]any{"verdict": "confirmed", "cause": "content", "note": "as they say"}, &c)
			if c.Verdict != "confirmed" {
				n.t.Fatalf("%+v", c)
			}
		}
		var list struct{ Measures []registry.Measure }
		n.do(http.MethodGet, "/v1/measures", nil, &list)
		want := []string{"CMP-06e remind", "CMP-06f slow", "CMP-06g hold"}
		for i, m := range list.Measures {
			if len(list.Measures) != len(want) || m.Rule+" "+m.Kind != want[i] || m.Zh == "" || m.Figures == "" {
				n.t.Fatalf("%+v", list)
			}
		}
		if told := n.toldOf("measure"); told != 3 {
			n.t.Errorf("told %d times", told)
		}
		n.agree("14200000004")
		if r := n.send(mktText, "14200000004").Results[0]; r.State != sms.Held || r.Rule != "CNT-11" {
			n.t.Errorf("%+v", r)
		}
		if rules, _ := n.listDuties(office, "state=open"); !containsAll(rules, "FRD-04", "CMP-06a", "CMP-06b") {
			n.t.Errorf("%v", rules)
		}
	})
}

func containsAll(list []string, want ...string) bool {
	in := map[string]bool{}
	for _, x := range list {
		in[x] = true
	}
	for _, x := range want {
		if !in[x] {
			return false
		}
	}
	return true
}

// A slow-down truly slows marketing: it waits in its queue while codes pass, and leaves once
// the slow-down is lifted.
func TestSlowDownHoldsTheQueueBack(t *testing.T) {
	everywhere(t, func(n *node) {
		office := n.adminKey()
		var p struct{ Code sms.Code }
		n.as(office, http.MethodPost, "/v1/admin/measures", map[string]any{"party_id": "1", "kind": "slow", "zh": "x", "en": "x"}, &p)
		if p.Code == "" {
			n.t.Error("a slow-down without a pace")
		}
		m := n.impose(office, registry.Customer, map[string]any{"kind": "slow", "per_minute": 1})
		if m.Pace != 1 {
			n.t.Fatalf("%+v", m)
		}
		n.untilPaced(1)
		n.agree(member)
		n.agree(other)
		first, second := n.send(mktText, member).Results[0], n.send(mktText, other).Results[0]
		n.until(n.send(otpText, member).Results[0].MessageID, sms.Delivered)
		for _, r := range []sms.ID{first.MessageID, second.MessageID} {
			n.until(r, sms.Queued)
		}
		n.liftMeasure(office, m.ID)
		n.until(first.MessageID, sms.Delivered)
		n.until(second.MessageID, sms.Delivered)
	})
}

// One closing freezes an agent and all its customers, codes too, and one lifting frees them.
func TestClosingFreezesTheSubtree(t *testing.T) {
	n := start(t, config.Default())
	office := n.adminKey()
	m := n.impose(office, registry.Agent, map[string]any{"kind": "close"})
	for _, text := range []string{otpText, mktText} {
		if r := n.send(text, member).Results[0]; r.State != sms.Refused {
			t.Errorf("%+v", r)
		}
	}
	if r := n.send(otpText, member).Results[0]; r.Code != sms.PartyClosed || r.Rule != "CMP-10c" {
		t.Errorf("%+v", r)
	}
	n.liftMeasure(office, m.ID)
	n.until(n.send(otpText, member).Results[0].MessageID, sms.Delivered)
}

// untilPaced waits until the node keeps to some slow-downs.
func (n *node) untilPaced(want int) {
	n.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for n.Worker.Paces() != want {
		if time.Now().After(deadline) {
			n.t.Fatalf("the node keeps to %d slow-downs, not %d", n.Worker.Paces(), want)
		}
		<-tick.C
	}
}
