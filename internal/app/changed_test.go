package app

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// storySigned is the story's signature.
func (n *node) storySigned() *registry.Signature {
	for _, s := range n.registry().Signature {
		if s.Text == storySignature {
			return s
		}
	}
	n.t.Fatal("the story has no signature")
	return nil
}

// Carriers approved one text: under it no other is sent, whichever way it gets there. Its
// filings are drafts again as soon as another text is stored (SIG-02).
func TestAnotherTextIsFiledAnew(t *testing.T) {
	for name, change := range map[string]func(n *node, admin, customer string, s *registry.Signature){
		"the customer submits another text of what was rejected": func(n *node, _, customer string, s *registry.Signature) {
			body := map[string]any{"text": "小示", "source": "trademark", "mark": "小示", "registration": "900002"}
			n.as(n.otherKey(customer, "apply,read"), http.MethodPut, "/v1/signatures/"+s.ID.String(), body, nil)
		},
		"the staff stores another text as a draft": func(n *node, admin, _ string, s *registry.Signature) {
			body := mark(s.PartyID, "小示")
			body["state"], body["qualification_id"] = registry.Draft, s.QualificationID
			n.as(admin, http.MethodPut, "/v1/admin/signatures/"+s.ID.String(), body, nil)
			body["state"] = registry.Review
			n.as(admin, http.MethodPut, "/v1/admin/signatures/"+s.ID.String(), body, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, config.Default())
			admin, reviewer, _ := n.staffed()
			s := n.storySigned()
			if f := n.registry().Filing(s.ID, sms.Mobile); f == nil || f.State != registry.Approved {
				t.Fatalf("%+v", f)
			}
			path := "signatures/" + s.ID.String()
			if got := n.verdict(reviewer, path, "reject"); got.State != "rejected" {
				t.Fatalf("%+v", got)
			}
			change(n, admin, n.key, s)
			if got := n.verdict(reviewer, path, "approve"); got.State != "approved" {
				t.Fatalf("%+v", got)
			}
			snap := n.registry()
			if f := snap.Filing(s.ID, sms.Mobile); snap.Signature[s.ID].Text != "小示" || f.State != registry.Draft {
				t.Errorf("%q leaves under the filing of %q: %+v", snap.Signature[s.ID].Text, s.Text, f)
			}
		})
	}
}

// A party that was approved under one name is looked at as changed under another, though it
// was put aside in between (RN-07).
func TestAnotherNameIsAChangeAfterAPause(t *testing.T) {
	n := start(t, config.Default())
	admin, reviewer, _ := n.staffed()
	operator := n.operator()
	body := map[string]any{"kind": "customer", "parent_id": operator, "name": "示例甲商城", "uscc": "91110000000000007A", "entity_type": "company", "state": "active"}
	var out reviewed
	n.as(admin, http.MethodPut, "/v1/admin/parties/new", body, &out)
	mine := n.key
	n.key = admin
	n.granted(reviewer, "contracts", map[string]any{"party_id": out.ID, "counterparty_id": operator, "number": "C9", "charge_on": "submission", "state": "active", "valid_to": n.period().To})
	n.key = mine
	path := "parties/" + out.ID.String()
	n.identify(admin, out.ID, "11010519491231002X")
	if got := n.verdict(reviewer, path, "approve"); got.State != "approved" {
		t.Fatalf("%+v", got)
	}
	for field, value := range map[string]string{"name": "示例乙商城", "uscc": "91110000000000008A", "entity_type": "institution"} {
		was := body[field]
		put := func(state string) {
			body["state"] = state
			out = reviewed{}
			n.as(admin, http.MethodPut, "/v1/admin/"+path, body, &out)
		}
		put("pending")
		body[field] = value
		put("active")
		if !slices.Contains(out.Review.rules(), "RN-07") {
			t.Errorf("another %s: %+v", field, out)
		}
		if got := n.verdict(reviewer, path, "approve"); got.Code == "" {
			t.Errorf("another %s is approved as if nothing had changed: %+v", field, got)
		}
		body[field] = was
		if put("active"); slices.Contains(out.Review.rules(), "RN-07") {
			t.Errorf("the former %s: %+v", field, out)
		}
	}
}

// Wordings that are submitted at once are versions of their own: none takes another's place.
func TestWordingsAtOnceAreVersionsOfTheirOwn(t *testing.T) {
	everywhere(t, func(n *node) {
		key, template := n.otherKey(n.key, "apply,read"), sms.ID(0)
		for id, x := range n.registry().Template {
			if x.Category == sms.Notice {
				template = id
			}
		}
		before := len(n.registry().Versions[template])
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				n.as(key, http.MethodPost, "/v1/templates/"+template.String()+"/versions", map[string]any{"body": "您的订单${no:digits}已发货，第" + strconv.Itoa(i+1) + "批。"}, nil)
			})
		}
		all.Wait()
		bodies := map[string]bool{}
		for _, v := range n.registry().Versions[template] {
			bodies[v.Body] = true
		}
		if got := n.registry().Versions[template]; len(got) != before+4 || len(bodies) < 4 {
			n.t.Errorf("%d versions of %d wordings, before %d", len(got), len(bodies), before)
		}
	})
}
