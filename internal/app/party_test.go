package app

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// identify puts on file all that makes a party known: papers and people.
func (n *node) identify(key string, party sms.ID, handler string) {
	n.t.Helper()
	for _, kind := range []string{"business_licence", "representative_id", "handler_id", "contract", "processing_agreement", "impact_assessment"} {
		if d := n.upload(key, kind, party, 0, "%PDF-1.7"); d.ID == 0 {
			n.t.Fatalf("%s: %+v", kind, d)
		}
	}
	if status := n.as(key, http.MethodPut, "/v1/admin/parties/"+party.String()+"/identity", map[string]any{
		"representative": "示例甲", "handler": "示例乙", "handler_id": handler, "address": "示例路1号", "contact": "01000000000", "register_checked": true,
	}, nil); status != http.StatusOK {
		n.t.Fatal(status)
	}
}

// A party is active once its papers and people are on file and another person has looked at
// them (RN-01, RN-02, RN-07, RN-08, LIC-10, PRV-01, PRV-03).
func TestPartyIsActiveOnlyByReview(t *testing.T) {
	n := start(t, config.Default())
	admin, reviewer, _ := n.staffed()
	operator := n.operator()
	register := func(name, uscc string) (out reviewed, contract sms.ID) {
		t.Helper()
		body := map[string]any{"kind": "customer", "parent_id": operator, "name": name, "uscc": uscc, "entity_type": "company", "state": "active"}
		if n.as(admin, http.MethodPut, "/v1/admin/parties/new", body, &out); out.State != "pending" || !slices.Equal(out.Review.rules(), []string{"LIC-10", "RN-01", "RN-07", "RN-08", "PRV-01", "PRV-03"}) {
			t.Fatalf("%+v", out)
		}
		if got := n.verdict(reviewer, "parties/"+out.ID.String(), "approve", "RN-07"); got.Code != sms.PartyIncomplete || !strings.Contains(got.Detail, "LIC-10") {
			t.Errorf("without papers: %+v", got)
		}
		n.key = admin
		contract = n.granted(reviewer, "contracts", map[string]any{"party_id": out.ID, "counterparty_id": operator, "number": "C9", "charge_on": "submission", "state": "active", "valid_to": n.period().To})
		return out, contract
	}
	one, _ := register("示例甲商城", "91110000000000007A")
	path := "parties/" + one.ID.String()
	n.identify(admin, one.ID, "11010519491231002X")
	if got := n.verdict(admin, path, "approve"); got.Code != sms.SamePerson {
		t.Errorf("%+v", got)
	}
	if p := n.registry().Party[one.ID]; p.State != registry.Pending {
		t.Errorf("%+v", p)
	}
	if got := n.verdict(reviewer, path, "approve"); got.State != "approved" || n.registry().Party[one.ID].State != registry.Active {
		t.Fatalf("%+v", got)
	}
	// The same handler for another enterprise, and a contract whose scan has expired.
	two, contract := register("示例乙商城", "91110000000000008A")
	n.identify(admin, two.ID, "11010519491231002X")
	if got := n.verdict(reviewer, "parties/"+two.ID.String(), "approve"); got.Code != sms.ReviewUnconfirmed || !strings.Contains(got.Detail, "RN-02") {
		t.Errorf("%+v", got)
	}
	n.exec("UPDATE contract SET valid_to = ? WHERE id = ?", n.Now().UnixMilli()-1, int64(contract))
	if got := n.verdict(reviewer, "parties/"+two.ID.String(), "approve", "RN-02"); got.Code != sms.PartyIncomplete || !strings.Contains(got.Detail, "LIC-10") {
		t.Errorf("its contract has ended: %+v", got)
	}
	// A change of the people is confirmed anew, while the party goes on.
	var identity struct {
		Handler bool
		Review  caseView
	}
	n.as(admin, http.MethodPut, "/v1/admin/parties/"+one.ID.String()+"/identity", map[string]any{"representative": "示例丙"}, &identity)
	if !identity.Handler || identity.Review.State != "waiting" || !slices.Equal(identity.Review.rules(), []string{"RN-02", "RN-07"}) || n.registry().Party[one.ID].State != registry.Active {
		t.Errorf("%+v", identity)
	}
	if got := n.verdict(reviewer, path, "approve", "RN-02"); got.Code != sms.ReviewUnconfirmed || !strings.Contains(got.Detail, "RN-07") {
		t.Errorf("%+v", got)
	}
	if got := n.verdict(reviewer, path, "approve", "RN-02", "RN-07"); got.State != "approved" {
		t.Errorf("%+v", got)
	}
	// Who was frozen comes back by a review alone.
	body := map[string]any{"kind": "customer", "parent_id": operator, "name": "示例甲商城", "uscc": "91110000000000007A", "entity_type": "company", "state": "frozen"}
	var out reviewed
	if n.as(admin, http.MethodPut, "/v1/admin/"+path, body, &out); out.State != "frozen" {
		t.Errorf("%+v", out)
	}
	body["state"] = "active"
	if n.as(admin, http.MethodPut, "/v1/admin/"+path, body, &out); out.State != "frozen" || out.Review.State != "waiting" {
		t.Errorf("%+v", out)
	}
	if got := n.verdict(reviewer, path, "approve", "RN-02"); got.State != "approved" || n.registry().Party[one.ID].State != registry.Active {
		t.Errorf("%+v", got)
	}
	body["kind"] = "agent"
	if n.as(admin, http.MethodPut, "/v1/admin/"+path, body, &out); out.Code != sms.BadRequest {
		t.Errorf("a customer becomes an agent: %+v", out)
	}
}

// PRV-03: a customer whose impact assessment is missing, or has expired, is not approved.
func TestPartyNeedsItsImpactAssessment(t *testing.T) {
	n := start(t, config.Default())
	admin, reviewer, _ := n.staffed()
	operator := n.operator()
	body := map[string]any{"kind": "customer", "parent_id": operator, "name": "示例甲商城", "uscc": "91110000000000007A", "entity_type": "company", "state": "active"}
	var out reviewed
	n.as(admin, http.MethodPut, "/v1/admin/parties/new", body, &out)
	n.key = admin
	n.granted(reviewer, "contracts", map[string]any{"party_id": out.ID, "counterparty_id": operator, "number": "C9", "charge_on": "submission", "state": "active", "valid_to": n.period().To})
	n.identify(admin, out.ID, "11010519491231002X")
	n.exec("UPDATE document SET valid_to = ? WHERE kind = 'impact_assessment'", n.Now().UnixMilli())
	path := "parties/" + out.ID.String()
	if got := n.verdict(reviewer, path, "approve"); got.Code != sms.PartyIncomplete || !strings.Contains(got.Detail, "PRV-03") {
		t.Errorf("its assessment has expired: %+v", got)
	}
	if d := n.upload(admin, "impact_assessment", out.ID, n.period().To, "%PDF-1.7"); d.ID == 0 {
		t.Fatalf("%+v", d)
	}
	if got := n.verdict(reviewer, path, "approve"); got.State != "approved" {
		t.Errorf("%+v", got)
	}
}
