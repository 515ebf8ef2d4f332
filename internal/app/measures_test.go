package app

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/zhunxin/zhunxin/internal/lab/carrier"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// fewSuffice lets CNS-12 judge by a handful of messages.
const fewSuffice = `
pack: house
version: "1"
layer: house
adjust:
  - {rule: CNS-12, param: reported, value: 4}
  - {rule: CNS-12, param: people, value: 4}
`

func (n *node) watchClosely() {
	n.t.Helper()
	packs, err := rulebook.Builtin()
	if err != nil {
		n.t.Fatal(err)
	}
	book, err := rulebook.Load(append(packs, []byte(fewSuffice))...)
	if err != nil {
		n.t.Fatal(err)
	}
	n.Watch.InForce = func(context.Context) (*rulebook.Book, error) { return book, nil }
}

// watched lets the watch look once, and lists what was done about the caller.
func (n *node) watched() []registry.Measure {
	n.t.Helper()
	if err := n.Watch.Look(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
	var out struct{ Measures []registry.Measure }
	n.do(http.MethodGet, "/v1/measures", nil, &out)
	return out.Measures
}

// CNS-12: whoever sends marketing to numbers that do not exist is held, told, may appeal,
// and goes on once a person has lifted it. Codes are not touched.
func TestMarketingToNumbersThatDoNotExist(t *testing.T) {
	everywhere(t, func(n *node) {
		n.watchClosely()
		var people []string
		for i := range 4 {
			people = append(people, fmt.Sprintf("1420000010%d", i))
			n.agree(people[i])
		}
		if err := n.carrier.SetBehaviour(carrier.Behaviour{ReportCodes: map[string]float64{"CB:0001": 1}}); err != nil {
			n.t.Fatal(err)
		}
		for _, r := range n.send(mktText, people[:3]...).Results {
			n.until(r.MessageID, sms.Failed)
		}
		if list := n.watched(); len(list) != 0 {
			n.t.Fatalf("three messages suffice: %+v", list)
		}
		n.until(n.send(mktText, people[3]).Results[0].MessageID, sms.Failed)
		list := n.watched()
		if len(list) != 1 || list[0].Rule != "CNS-12" || list[0].Kind != registry.Withheld || list[0].Figures != `{"reported":4,"no_number":4,"people":4,"shared":0}` {
			n.t.Fatalf("%+v", list)
		}
		if again := n.watched(); len(again) != 1 {
			n.t.Errorf("imposed twice: %+v", again)
		}
		n.agree(member)
		held := n.send(mktText, member).Results[0]
		if held.State != sms.Held || held.Code != sms.PartyHeld || held.Rule != "CNT-11" {
			n.t.Errorf("%+v", held)
		}
		if r := n.send(otpText, member).Results[0]; r.State != sms.Queued {
			n.t.Errorf("a code: %+v", r)
		}
		if told := n.toldOf("measure"); told != 1 {
			n.t.Errorf("the party was told %d times", told)
		}
		n.appealAndLift(list[0].ID.String())
		if r := n.send(mktText, people[0]).Results[0]; r.Code == sms.PartyHeld {
			n.t.Errorf("after it was lifted: %+v", r)
		}
		if again := n.watched(); len(again) != 1 || again[0].LiftedAt == 0 {
			n.t.Errorf("what a person has judged is held again: %+v", again)
		}
	})
}

// toldOf counts the events of a kind in the feeds of all applications.
func (n *node) toldOf(kind string) (count int) {
	n.t.Helper()
	snap, err := n.Registry(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	err = n.DB.Read(n.t.Context(), func(ctx context.Context, tx *store.Tx) error {
		for app := range snap.Application {
			list, err := tx.Events(ctx, app, 0, 1000)
			if err != nil {
				return err
			}
			for _, e := range list {
				if e.Kind == kind {
					count++
				}
			}
		}
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return count
}

func (n *node) appealAndLift(id string) {
	n.t.Helper()
	customer := n.key
	say := func(text string) sms.Code {
		var out struct{ Code sms.Code }
		n.do(http.MethodPost, "/v1/measures/"+id+"/appeal", map[string]string{"text": text}, &out)
		return out.Code
	}
	if code := say("他的号码是 142 0000 0101"); code != sms.BadRequest {
		n.t.Errorf("an appeal with a number: %q", code)
	}
	if code := say("名单来自门店登记，登记表已寄出"); code != "" {
		n.t.Errorf("an appeal: %q", code)
	}
	lift := func(key string) (out struct {
		Code     sms.Code
		Appeal   string
		LiftedAt int64 `json:"lifted_at"`
	},
	) {
		n.do(http.MethodPost, "/v1/admin/measures/"+id+"/lift", map[string]string{"why": "登记表已核对"}, &out, "Authorization", "Bearer "+key)
		return out
	}
	if out := lift(customer); out.Code != sms.Forbidden {
		n.t.Errorf("the customer lifts it: %+v", out)
	}
	admin := n.adminKey()
	n.key = admin
	_, reviewer := n.staffKey("reviewer")
	n.key = customer
	if out := lift(reviewer); out.Code != sms.Forbidden {
		n.t.Errorf("a reviewer lifts it: %+v", out)
	}
	if out := lift(admin); out.Code != "" || out.LiftedAt == 0 || out.Appeal == "" {
		n.t.Errorf("%+v", out)
	}
	if out := lift(admin); out.Code != sms.BadRequest {
		n.t.Errorf("lifted twice: %+v", out)
	}
	if code := say("还有话说"); code != sms.BadRequest {
		n.t.Errorf("an appeal against what was lifted: %q", code)
	}
}

// journal is the newest number of the revocation journal.
func (n *node) journal() (at int64) {
	n.t.Helper()
	err := n.DB.Read(n.t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
		at, err = tx.Journal(ctx)
		return err
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return at
}

// CMP-10: a suspension reaches everybody below the party, and what waits too.
func TestSuspensionReachesAllBelow(t *testing.T) {
	everywhere(t, func(n *node) {
		customer, admin := n.key, n.adminKey()
		snap, err := n.Registry(n.t.Context())
		if err != nil {
			n.t.Fatal(err)
		}
		var agent *registry.Party
		for _, p := range snap.Party {
			if p.Kind == registry.Agent {
				agent = p
			}
		}
		before := n.journal()
		var m registry.Measure
		body := map[string]any{"party_id": agent.ID, "kind": "suspend", "zh": "端口转租，立即整改", "en": "A port was sublet; put it right"}
		n.do(http.MethodPost, "/v1/admin/measures", body, &m, "Authorization", "Bearer "+admin)
		if m.ID == 0 || m.ImposedBy == 0 {
			n.t.Fatalf("%+v", m)
		}
		n.agree(member)
		if r := n.send(mktText, member).Results[0]; r.State != sms.Refused || r.Code != sms.PartySuspended || r.Rule != "CMP-10" {
			n.t.Errorf("%+v", r)
		}
		var list struct{ Measures []registry.Measure }
		if n.do(http.MethodGet, "/v1/measures", nil, &list, "Authorization", "Bearer "+customer); len(list.Measures) != 1 {
			n.t.Errorf("the customer below sees %+v", list)
		}
		if n.journal() != before+1 {
			n.t.Error("what waits is not decided anew")
		}
	})
}
