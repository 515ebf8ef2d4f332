package app

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/privacy"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// filedView is a signature with its filings as the API shows them.
type filedView struct {
	ID      sms.ID
	Filings []struct {
		Carrier, State, Reason string
		Next                   struct{ Who, Zh, En string }
	}
}

func (n *node) progress(key string, id sms.ID) string {
	n.t.Helper()
	var v filedView
	if n.as(key, http.MethodGet, "/v1/signatures/"+id.String(), nil, &v); len(v.Filings) != 1 || v.Filings[0].Carrier != "mobile" {
		n.t.Fatalf("%+v", v)
	}
	f := v.Filings[0]
	return f.State + " " + f.Reason + " " + f.Next.Who
}

// answers imports a carrier's answer.
func (n *node) answers(key, query, text string) (out struct {
	Code    sms.Code
	Applied bool
	Wrong   int
	Lines   []struct{ Error, Signature string }
},
) {
	n.t.Helper()
	_, b := n.fetch(http.MethodPost, "/v1/admin/filings/answers?carrier=mobile"+query, []byte(text), "Authorization", "Bearer "+key, "Content-Type", "text/csv")
	if err := json.Unmarshal(b, &out); err != nil {
		n.t.Fatalf("%s", b)
	}
	return out
}

// From the sheet to the carrier's answer: what is filed, where it is stuck, who acts next;
// an answer is applied whole or not at all, and by another person than who submitted.
func TestFilingRunsByTheSheet(t *testing.T) {
	n := start(t, config.Default())
	admin, reviewer, customer := n.staffed()
	shop := n.key
	snap := n.registry()
	var old *registry.Signature
	for _, s := range snap.Signature {
		old = s
	}
	bound := snap.SubcodesOf(old.ID)[0]
	var ids []sms.ID
	for i, text := range []string{"小示", "大示"} {
		var out reviewed
		body := mark(customer, text)
		body["qualification_id"] = old.QualificationID
		n.as(admin, http.MethodPut, "/v1/admin/signatures/new", body, &out)
		ids = append(ids, out.ID)
		if got := n.progress(shop, out.ID); got != "none  reviewer" {
			t.Errorf("%s before its review: %s", text, got)
		}
		var refused struct{ Code sms.Code }
		if n.as(admin, http.MethodPut, "/v1/admin/filings/"+out.ID.String(), map[string]any{"carrier": "mobile", "state": "submitted"}, &refused); refused.Code != sms.FilingState {
			t.Errorf("what nobody has approved is filed: %+v", refused)
		}
		if got := n.verdict(reviewer, "signatures/"+out.ID.String(), "approve"); got.State != "approved" {
			t.Fatalf("%+v", got)
		}
		if got := n.progress(shop, out.ID); got != "none  operator" {
			t.Errorf("%s without a sub-code: %s", text, got)
		}
		n.key = admin
		n.granted(reviewer, "subcodes", map[string]any{"access_code_id": bound.AccessCodeID, "digits": "1" + string(rune('0'+i)), "party_id": customer, "signature_id": out.ID, "qualification_id": old.QualificationID, "contract_id": bound.ContractID, "state": "active"})
		n.key = shop
	}
	// The look ahead marks nothing; the export does. Both name people: they need the scope and a
	// reason, and are recorded as looks.
	seer := n.otherKey(admin, "admin,reveal,audit")
	for name, c := range map[string]struct{ key, reason string }{"without the scope": {admin, "weekly filing"}, "without a reason": {seer, ""}} {
		for method, status := range map[string]int{
			http.MethodGet:  n.as(c.key, http.MethodGet, "/v1/admin/filings/sheet?carrier=mobile&reason="+url.QueryEscape(c.reason), nil, nil),
			http.MethodPost: n.as(c.key, http.MethodPost, "/v1/admin/filings/sheet", map[string]any{"carrier": "mobile", "reason": c.reason}, nil),
		} {
			if status/100 != 4 {
				t.Errorf("%s %s: %d", method, name, status)
			}
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		path, body := "/v1/admin/filings/sheet?carrier=mobile&reason=weekly+filing", []byte(nil)
		if method == http.MethodPost {
			path, body = "/v1/admin/filings/sheet", []byte(`{"carrier":"mobile","reason":"weekly filing"}`)
		}
		status, b := n.fetch(method, path, body, "Authorization", "Bearer "+seer)
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(b), "\ufeff"))).ReadAll()
		if status != http.StatusOK || err != nil || len(rows) != 1+2*3 || rows[1][6] != "小示" || rows[1][10] != storyCode+"10" { // of each of three templates
			t.Fatalf("%d %v %s", status, err, b)
		}
		if f := n.registry().Filing(ids[0], sms.Mobile); (method == http.MethodGet) != (f == nil) {
			t.Fatalf("after %s: %+v", method, f)
		}
	}
	var seen struct{ Accesses []privacy.Seen }
	if n.as(seer, http.MethodGet, "/v1/admin/accesses", nil, &seen); len(seen.Accesses) != 2 || seen.Accesses[0].What != "filing_sheet" || seen.Accesses[0].ObjectID != n.registry().Filing(ids[0], sms.Mobile).Batch {
		t.Errorf("%+v", seen)
	}
	if got := n.progress(shop, ids[0]); got != "submitted  carrier" {
		t.Error(got)
	}
	batch := n.registry().Filing(ids[0], sms.Mobile).Batch
	reference := func(id sms.ID) string { return registry.Reference(batch, id) }
	const head = "报备编号,审核结果,驳回原因\n"
	good := head + reference(ids[0]) + ",通过,\n" + reference(ids[1]) + ",不通过,签名不唯一\n"
	if got := n.answers(admin, "", good); got.Applied || got.Wrong != 1 || !strings.Contains(got.Lines[0].Error, "SAME_PERSON") {
		t.Errorf("who submitted writes the answer down: %+v", got)
	}
	for name, text := range map[string]string{
		"an unknown reference": good + "ZX-1-2,通过,\n", "another sheet": good + registry.Reference(batch+1, ids[0]) + ",通过,\n", "twice": good + reference(ids[0]) + ",通过,\n",
		"a result": good + reference(ids[0]) + ",看情况,\n",
	} {
		got := n.answers(reviewer, "", text)
		if got.Applied || got.Wrong != 1 || got.Lines[2].Error == "" || n.registry().Filing(ids[0], sms.Mobile).State != registry.Submitted {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := n.answers(reviewer, "&dry_run=true", good); got.Applied || got.Wrong != 0 || got.Lines[1].Signature != "大示" || n.registry().Filing(ids[0], sms.Mobile).State != registry.Submitted {
		t.Errorf("only tried: %+v", got)
	}
	if r := n.send(strings.Replace(otpText, storySignature, "小示", 1), member).Results[0]; r.Code != sms.SignatureNotFiled {
		t.Errorf("sent before the carrier's answer: %+v", r)
	}
	if got := n.answers(reviewer, "", good); !got.Applied || got.Wrong != 0 {
		t.Errorf("%+v", got)
	}
	if got := n.progress(shop, ids[0]) + ", " + n.progress(shop, ids[1]); got != "approved  nobody, rejected not_unique customer" {
		t.Error(got)
	}
	id := n.send(strings.Replace(otpText, storySignature, "小示", 1), member).Results[0]
	n.until(id.MessageID, sms.Delivered)
	if got := n.answers(reviewer, "", head+reference(ids[0])+",注销,投诉过多\n"); !got.Applied {
		t.Errorf("%+v", got)
	}
	if r := n.send(strings.Replace(otpText, storySignature, "小示", 1), "14200000055").Results[0]; r.Code != sms.SignatureNotFiled {
		t.Errorf("sent after the carrier revoked it: %+v", r)
	}
	if r := n.records("filing", ids[0]); len(r) != 3 {
		t.Errorf("%d steps are recorded", len(r))
	}
	var out struct{ Code sms.Code }
	if n.as(reviewer, http.MethodPut, "/v1/admin/filings/"+ids[0].String(), map[string]any{"carrier": "mobile", "state": "approved"}, &out); out.Code != sms.FilingState {
		t.Errorf("approved without a submission: %+v", out)
	}
	if got := n.answers(shop, "", good); got.Code != sms.Forbidden {
		t.Errorf("a customer writes answers down: %+v", got)
	}
}
