package app

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// Whose a template is and for what stays as its wordings were judged: under an approval for
// notices no marketing leaves.
func TestTemplateKeepsItsCategoryAndParty(t *testing.T) {
	n := start(t, config.Default())
	admin, _, customer := n.staffed()
	var id sms.ID
	for _, x := range n.registry().Template {
		if x.PartyID == customer && x.Category == sms.Notice {
			id = x.ID
		}
	}
	old := *n.registry().Template[id]
	path := "/v1/admin/templates/" + id.String()
	for name, change := range map[string]func(*registry.Template){
		"another category": func(x *registry.Template) { x.Category = sms.MKT },
		"another party":    func(x *registry.Template) { x.PartyID = n.operator() },
	} {
		x, out := old, problem{}
		change(&x)
		if n.as(admin, http.MethodPut, path, x, &out); out.Code != sms.BadRequest {
			t.Errorf("%s: %+v", name, out)
		}
	}
	renamed := old
	renamed.Name, renamed.State = "another name", registry.Frozen
	if status := n.as(admin, http.MethodPut, path, renamed, nil); status != http.StatusOK {
		t.Errorf("another name: %d", status)
	}
	if x := n.registry().Template[id]; x.Category != old.Category || x.PartyID != customer || x.Name != renamed.Name {
		t.Errorf("%+v", x)
	}
	// Nobody has judged anything of one without a wording.
	n.key = admin
	fresh := n.put("templates", "new", map[string]any{"party_id": customer, "category": "NOTICE", "name": "x", "state": "active"})
	n.put("templates", fresh.String(), map[string]any{"party_id": customer, "category": "MKT", "name": "x", "state": "active"})
}

// What carriers or owners of marks have said is written down by somebody: an approval that
// nobody answers for is none.
func TestFilingsAndLettersNameAPerson(t *testing.T) {
	n := start(t, config.Default())
	admin, _, customer := n.staffed()
	var template sms.ID
	for _, x := range n.registry().Template {
		if x.PartyID == customer && x.Category == sms.MKT {
			template = x.ID
		}
	}
	signature, valid := n.storySigned(), n.period()
	for path, body := range map[string]map[string]any{
		"template-filings/" + template.String(): {"version": 1, "carrier": "telecom", "state": "approved", "reference": "T1", "valid_from": valid.From, "valid_to": valid.To},
		"authorisations/new":                    {"signature_id": signature.ID, "grantor": "示例商标有限公司", "state": "active", "valid_from": valid.From, "valid_to": valid.To},
	} {
		for who, c := range map[string]struct {
			key  string
			code sms.Code
		}{"nobody": {n.nobody(admin), sms.Forbidden}, "a customer": {n.key, sms.Forbidden}, "a person": {admin, ""}} {
			var out problem
			if n.as(c.key, http.MethodPut, "/v1/admin/"+path, body, &out); out.Code != c.code {
				t.Errorf("%s by %s: %+v", path, who, out)
			}
		}
	}
}

// A list of consents is somebody's: the customer's, or a person's of the staff, who then neither
// judges it nor has another bring its rows (CNS-03, CNS-04).
func TestListHasAnAuthor(t *testing.T) {
	n := start(t, config.Default())
	w := n.wording()
	admin, _, _ := n.staffed()
	shop := n.key
	body := map[string]any{"wording_id": w.ID, "method": "form", "source": "shop", "declarant": "经办人甲", "declaration": "名单所列均为本人在门店签字同意"}
	var v importView
	if n.as(n.otherKey(n.nobody(admin), "admin,consent"), http.MethodPost, "/v1/consents/imports", body, &v); v.Code != sms.Forbidden {
		t.Errorf("a key of the operator that is nobody's declares a list: %+v", v)
	}
	v = importView{}
	if n.as(shop, http.MethodPost, "/v1/consents/imports", body, &v); v.Code != "" {
		t.Fatalf("%+v", v)
	}
	if r := n.records("consent-import", v.ID); len(r) != 1 || !strings.Contains(r[0], "declared_by_key") {
		t.Errorf("%v", r)
	}
}

// What the staff writes down says something, and holds no number of a person (P7).
func TestWordsOfTheStaff(t *testing.T) {
	n := start(t, config.Default())
	admin, reviewer, customer := n.staffed()
	var out reviewed
	n.as(admin, http.MethodPut, "/v1/admin/signatures/new", mark(customer, "小示"), &out)
	account := n.registry().Application[n.app()].AccountID
	for name, words := range map[string]string{"blank": "   ", "a number": "ask " + member} {
		for path, c := range map[string]struct {
			key, method string
			body        map[string]any
		}{
			"/v1/admin/signatures/" + out.ID.String() + "/review": {reviewer, http.MethodPost, map[string]any{"verdict": "approve", "reason": words}},
			"/v1/admin/filings/" + n.storySigned().ID.String():    {admin, http.MethodPut, map[string]any{"carrier": "mobile", "state": "revoked", "reason": "other", "note": words}},
			"/v1/admin/ledger":         {admin, http.MethodPost, map[string]any{"account_id": account, "kind": "topup", "amount": 1, "reference": words, "method": "transfer"}},
			"/v1/suppressions":         {n.key, http.MethodPost, map[string]any{"to": []string{member}, "reference": words}},
			"/v1/admin/rulebook/packs": {admin, http.MethodPost, map[string]any{"pack": "pack: x", "note": words}},
		} {
			var p problem
			if n.as(c.key, c.method, path, c.body, &p); p.Code != sms.BadRequest {
				t.Errorf("%s in %s: %+v", name, path, p)
			}
		}
	}
	if got := n.answers(reviewer, "", "签名,审核结果,驳回原因\n"+storySignature+",注销,ask "+member+"\n"); got.Applied || got.Wrong != 1 || !strings.Contains(got.Lines[0].Error, "telephone") {
		t.Errorf("a number in a carrier's answer: %+v", got)
	}
}

// Asking for a confirmation sends a message: a key that may only record consents does not, and
// nobody is asked about what they had agreed to before they refused (OPT-05).
func TestConfirmationIsAskedAsTheReplyIsRead(t *testing.T) {
	n := start(t, config.Default())
	w, template := n.wording(), n.askTemplate()
	body := map[string]any{"to": []string{member}, "template_id": template, "signature": storySignature}
	var out problem
	if n.as(n.otherKey(n.key, "consent,read"), http.MethodPost, "/v1/consents/confirmations", body, &out); out.Code != sms.Forbidden {
		t.Errorf("a key without the scope send: %+v", out)
	}
	n.do(http.MethodPost, "/v1/suppressions", map[string]any{"to": []string{member}}, nil)
	now := n.Now().UnixMilli()
	if err := n.DB.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		snap, err := tx.Registry(ctx)
		if err != nil {
			return err
		}
		group := snap.Party[snap.Application[n.app()].PartyID].GroupID
		id, err := tx.LiftSuppression(ctx, n.Keys.PhoneID(number(t, member)), group, "MKT", now+1000, now)
		if err == nil && id == 0 {
			t.Error("nothing was lifted")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if p := n.record(w.ID, map[string]any{"given_at": n.Now().Add(-time.Hour).Format(time.RFC3339)}, member, other); p.Code != "" {
		t.Fatalf("%+v", p)
	}
	got := n.confirm(template, member, other).Results
	if got[0].Code != sms.ConsentMissing || got[1].State != sms.Queued {
		t.Errorf("%+v", got)
	}
}
