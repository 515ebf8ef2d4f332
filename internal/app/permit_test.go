package app

import (
	"net/http"
	"slices"
	"testing"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// CNT-09: a customer registers its permit, which another person reviews; a wording of the trade
// is approved by two reviewers, neither of whom is the other or who submitted it.
func TestPermitsAreReviewedAndTheirWordingsTwice(t *testing.T) {
	everywhere(t, func(n *node) {
		admin, reviewer, customer := n.staffed()
		shop := n.otherKey(n.key, "apply,read")
		n.key = admin
		_, second := n.staffKey("reviewer")
		name := n.registry().Party[customer].Name
		valid := n.period()
		scan := n.upload(shop, "industry_permit", 0, valid.To, "%PDF-1.7 a permit")
		body := map[string]any{"trade": "education", "kind": "办学许可证", "number": "123", "holder": name, "document_id": scan.ID}
		var out struct {
			reviewed
			ValidTo int64 `json:"valid_to"`
		}
		if n.as(shop, http.MethodPost, "/v1/permits", map[string]any{"trade": "tea", "kind": "x", "number": "1", "holder": name}, &out); out.Code != sms.BadRequest {
			n.t.Errorf("a permit of a trade that needs none: %+v", out)
		}
		if n.as(shop, http.MethodPost, "/v1/permits", body, &out); out.State != "pending" || len(out.Review.Findings) != 0 || out.ValidTo != valid.To {
			n.t.Fatalf("%+v", out)
		}
		if p := n.registry().Permit(customer, "education", n.Now().UnixMilli()); p != nil {
			n.t.Errorf("it counts before its review: %+v", p)
		}
		if got := n.verdict(reviewer, "permits/"+out.ID.String(), "approve"); got.State != "approved" {
			n.t.Fatalf("%+v", got)
		}
		if p := n.registry().Permit(customer, "education", n.Now().UnixMilli()); p == nil || p.ID != out.ID {
			n.t.Errorf("it does not count: %+v", p)
		}
		body["holder"] = "另一家示例公司"
		delete(body, "document_id")
		if n.as(shop, http.MethodPost, "/v1/permits", body, &out); !slices.Equal(out.Review.rules(), []string{"CNT-09b"}) {
			n.t.Errorf("in another's name, without a scan: %+v", out)
		}
		var list struct {
			Permits []struct{ State string }
			Trades  []struct{ Trade string }
		}
		if n.as(shop, http.MethodGet, "/v1/permits", nil, &list); len(list.Permits) != 2 || len(list.Trades) != 8 {
			n.t.Errorf("%+v", list)
		}

		n.upload(shop, "consent_form", 0, valid.To, "%PDF-1.7 a form")
		var wording struct{ ID sms.ID }
		n.as(shop, http.MethodPost, "/v1/templates", map[string]any{"category": "MKT", "name": "school", "body": "尊敬的会员，暑期培训班八折，拒收请回复R"}, &wording)
		path := "template-versions/" + wording.ID.String() + "/1"
		if got := n.verdict(reviewer, path, "approve"); got.Code != sms.ReviewUnconfirmed {
			n.t.Errorf("unconfirmed: %+v", got)
		}
		if got := n.verdict(reviewer, path, "approve", "CNT-09a"); got.State != "waiting" || got.Next.Who != "reviewer" || n.registry().Version(wording.ID, 1).State != registry.Review {
			n.t.Fatalf("the first of two: %+v", got)
		}
		if got := n.verdict(reviewer, path, "approve", "CNT-09a"); got.Code != sms.SamePerson {
			n.t.Errorf("one reviewer twice: %+v", got)
		}
		if got := n.verdict(second, path, "approve", "CNT-09a"); got.State != "approved" || n.registry().Version(wording.ID, 1).State != registry.Approved {
			n.t.Errorf("the second: %+v", got)
		}
		if r := n.records("review", wording.ID); len(r) != 2 {
			n.t.Errorf("%d decisions are recorded", len(r))
		}
	})
}
