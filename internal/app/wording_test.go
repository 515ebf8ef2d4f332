package app

import (
	"net/http"
	"slices"
	"testing"

	"github.com/zhunxin/zhunxin/internal/registry"
)

// CNS-09, AD-16, PRV-06: a marketing wording waits for a reviewer's word while the party's form
// is not on file, and when it names a rival; so does one with variables of a sensitive kind.
func TestWordingsThatAReviewerConfirms(t *testing.T) {
	everywhere(t, func(n *node) {
		shop := n.otherKey(n.key, "apply,read")
		customer := n.registry().Application[n.application()].PartyID
		found := func(body map[string]any) []string {
			n.t.Helper()
			var out struct {
				Versions []struct{ Review caseView }
			}
			if n.as(shop, http.MethodPost, "/v1/templates", body, &out); len(out.Versions) != 1 {
				n.t.Fatalf("%+v", out)
			}
			return out.Versions[0].Review.rules()
		}
		expect := func(what string, body map[string]any, rules ...string) {
			n.t.Helper()
			if got := found(body); !slices.Equal(got, rules) {
				n.t.Errorf("%s: %v, not %v", what, got, rules)
			}
		}
		marketing := func(text string) map[string]any {
			return map[string]any{"category": "MKT", "name": "offer", "body": text}
		}
		const plain, rival = "尊敬的会员，今日全场八折，拒收请回复R", "尊敬的会员，比示例超市便宜，拒收请回复R"
		expect("no form", marketing(plain), "CNS-09")
		n.upload(shop, "trademark", 0, n.period().To, "%PDF-1.7 a certificate")
		expect("another paper", marketing(plain), "CNS-09")
		n.upload(shop, "consent_form", 0, n.period().To, "%PDF-1.7 a form")
		expect("a form", marketing(plain))
		expect("nobody's rival", marketing(rival))
		n.insert(registry.Rival{ID: n.IDs.Next(), PartyID: customer, Name: "示例超市", State: registry.Active, CreatedAt: 1})
		expect("a rival", marketing(rival), "AD-16")
		notice := map[string]any{"category": "NOTICE", "name": "report", "body": "您的检验报告已出，结果为${result:text}，请到门诊复诊。"}
		expect("health, unsaid", notice, "PRV-06a")
		notice["sensitive"], notice["basis"] = []string{"health"}, "separate_consent"
		expect("health, by separate consent", notice)
		notice["basis"] = "contract"
		expect("health, by contract", notice, "PRV-06a")
	})
}
