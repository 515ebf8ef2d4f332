package app

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// caseView is a review as the API shows it.
type caseView struct {
	State    string
	Code     sms.Code
	Detail   string
	Findings []struct {
		Rule, Outcome string
		Articles      []string
		Reason        struct{ Zh, En string }
		Remedy        struct{ Zh, En string }
	}
	Next struct{ Who string }
}

func (c caseView) rules() (ids []string) {
	for _, f := range c.Findings {
		ids = append(ids, f.Rule)
	}
	return ids
}

// reviewed is an object as a PUT that asks for a review answers.
type reviewed struct {
	ID     sms.ID
	State  string
	Code   sms.Code
	Detail string
	Review caseView
}

// as calls the API with another key.
func (n *node) as(key, method, path string, body, out any) int {
	n.t.Helper()
	return n.do(method, path, body, out, "Authorization", "Bearer "+key)
}

// verdict decides about what waits.
func (n *node) verdict(key, path, verdict string, confirmed ...string) (c caseView) {
	n.t.Helper()
	n.as(key, http.MethodPost, "/v1/admin/"+path+"/review", map[string]any{"verdict": verdict, "reason": "looked at the papers", "confirmed": confirmed}, &c)
	return c
}

// granted has a right without a scan put by the administrator and approved by the reviewer.
func (n *node) granted(reviewer, kind string, body map[string]any) sms.ID {
	n.t.Helper()
	id := n.put(kind, "new", body)
	unscanned := map[string][]string{"access-codes": {"PORT-01d"}, "contracts": {"LIC-10b"}, "authorisations": {"RN-03b"}}
	if got := n.verdict(reviewer, kind+"/"+id.String(), "approve", unscanned[kind]...); got.State != "approved" {
		n.t.Fatalf("%s: %+v", kind, got)
	}
	return id
}

// staffed gives a node an administrator who submits, a reviewer, and the customer's party.
func (n *node) staffed() (admin, reviewer string, customer sms.ID) {
	n.t.Helper()
	mine := n.key
	n.key = n.adminKey()
	admin = n.key
	_, reviewer = n.staffKey("reviewer")
	n.key = mine
	snap := n.registry()
	for _, p := range snap.Party {
		if p.Kind == registry.Customer {
			customer = p.ID
		}
	}
	return admin, reviewer, customer
}

func (n *node) registry() *registry.Snapshot {
	n.t.Helper()
	snap, err := n.Registry(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	return snap
}

// otherKey is another key of the person, or application, that has one.
func (n *node) otherKey(shown, scopes string) string {
	n.t.Helper()
	hash, err := vault.HashAPIKey(shown)
	if err != nil {
		n.t.Fatal(err)
	}
	k := *n.registry().Key(hash)
	again, h := vault.NewAPIKey()
	k.ID, k.Hash, k.Scopes = n.IDs.Next(), h[:], scopes
	if err := n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return tx.Put(ctx, k) }); err != nil {
		n.t.Fatal(err)
	}
	return again
}

func mark(party sms.ID, text string) map[string]any {
	return map[string]any{"party_id": party, "text": text, "source": "trademark", "mark": text, "registration": "900002", "state": "review"}
}

// What becomes usable has two persons behind it: nobody approves what he submitted, by
// whatever key, no customer approves anything, and no PUT does.
func TestNobodyApprovesHisOwn(t *testing.T) {
	n := start(t, config.Default())
	admin, reviewer, customer := n.staffed()
	mine := n.key
	n.key = admin
	_, clerk := n.staffKey("finance")
	var out reviewed
	for _, state := range []string{"approved", "rejected"} {
		body := mark(customer, "小示")
		body["state"] = state
		if n.do(http.MethodPut, "/v1/admin/signatures/new", body, &out); out.Code != sms.BadRequest || !strings.Contains(out.Detail, "review") {
			t.Errorf("put as %s: %+v", state, out)
		}
	}
	out = reviewed{}
	if n.do(http.MethodPut, "/v1/admin/signatures/new", mark(customer, "小示"), &out); out.State != "review" || out.Review.State != "waiting" || out.Review.Next.Who != "reviewer" {
		t.Fatalf("%+v", out)
	}
	path := "signatures/" + out.ID.String()
	for who, c := range map[string]struct {
		key  string
		code sms.Code
	}{
		"the submitter":                     {admin, sms.SamePerson},
		"the submitter by another key":      {n.otherKey(admin, "admin"), sms.SamePerson},
		"somebody who is no reviewer":       {clerk, sms.Forbidden},
		"the customer":                      {n.otherKey(mine, "apply,read,admin"), sms.Forbidden},
		"a key of the operator, nobody's":   {n.nobody(admin), sms.Forbidden},
		"the submitter by a customer's key": {n.otherKey(mine, "apply"), sms.Forbidden},
	} {
		if got := n.verdict(c.key, path, "approve"); got.Code != c.code {
			t.Errorf("%s: %+v", who, got)
		}
	}
	if s := n.registry().Signature[out.ID]; s.State != registry.Review {
		t.Fatalf("it is %s", s.State)
	}
	if got := n.verdict(reviewer, path, "approve"); got.State != "approved" || n.registry().Signature[out.ID].State != registry.Approved {
		t.Errorf("%+v", got)
	}
	if got := n.verdict(reviewer, path, "approve"); got.Code != sms.ReviewNotWaiting {
		t.Errorf("approved twice: %+v", got)
	}
	if r := n.records("review", out.ID); len(r) != 1 || !strings.Contains(r[0], "approved") {
		t.Errorf("recorded: %v", r)
	}
	if n.as(n.nobody(admin), http.MethodPut, "/v1/admin/signatures/new", mark(customer, "大示"), &out); out.Code != sms.Forbidden {
		t.Errorf("submitted by nobody: %+v", out)
	}
}

// nobody is a key of the operator that names no person.
func (n *node) nobody(admin string) string {
	n.t.Helper()
	hash, err := vault.HashAPIKey(admin)
	if err != nil {
		n.t.Fatal(err)
	}
	var out struct{ Key string }
	n.as(admin, http.MethodPost, "/v1/admin/keys", map[string]any{"application_id": n.registry().Key(hash).ApplicationID, "scopes": "admin"}, &out)
	return out.Key
}

// records reads the evidence of a kind about an object.
func (n *node) records(kind string, object sms.ID) (out []string) {
	n.t.Helper()
	err := n.DB.Read(n.t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
		out, err = tx.Records(ctx, kind, object)
		return err
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

// What the rules block nobody approves; what they hold is approved with that rule confirmed,
// and nothing else is confirmed.
func TestReviewFollowsTheRules(t *testing.T) {
	n := start(t, config.Default())
	admin, reviewer, customer := n.staffed()
	n.key = admin
	put := func(body map[string]any) (out reviewed) {
		n.do(http.MethodPut, "/v1/admin/signatures/new", body, &out)
		return out
	}
	bank := mark(customer, "示例银行")
	blocked := put(bank)
	if !slices.Equal(blocked.Review.rules(), []string{"SIG-10"}) || blocked.Review.Next.Who != "operator" {
		t.Fatalf("%+v", blocked)
	}
	if f := blocked.Review.Findings[0]; len(f.Articles) == 0 || f.Reason.Zh == "" || f.Reason.En == "" || f.Remedy.Zh == "" || f.Remedy.En == "" {
		t.Errorf("what stands against it is said by halves: %+v", f)
	}
	if got := n.verdict(reviewer, "signatures/"+blocked.ID.String(), "approve", "SIG-10"); got.Code != sms.SignatureEntity || !strings.Contains(got.Detail, "SIG-10") {
		t.Errorf("%+v", got)
	}
	if got := n.verdict(reviewer, "signatures/"+blocked.ID.String(), "reject"); got.State != "rejected" || n.registry().Signature[blocked.ID].State != registry.Rejected {
		t.Errorf("%+v", got)
	}
	snap := n.registry()
	var elsewhere sms.ID
	for _, p := range snap.Party {
		if p.Kind == registry.Agent {
			elsewhere = p.ID
		}
	}
	held := put(mark(elsewhere, storySignature)) // the customer has it
	path := "signatures/" + held.ID.String()
	if !slices.Equal(held.Review.rules(), []string{"SIG-05a"}) {
		t.Fatalf("%+v", held)
	}
	if got := n.verdict(reviewer, path, "approve"); got.Code != sms.ReviewUnconfirmed || !strings.Contains(got.Detail, "SIG-05a") {
		t.Errorf("%+v", got)
	}
	if got := n.verdict(reviewer, path, "approve", "SIG-05a", "SIG-10"); got.Code != sms.BadRequest {
		t.Errorf("a rule that does not hold it is confirmed: %+v", got)
	}
	if got := n.verdict(reviewer, path, "approve", "SIG-05a"); got.State != "approved" {
		t.Errorf("%+v", got)
	}
}

// It is judged as things are at the moment of the decision, not as they were at the
// application.
func TestReviewJudgesAnew(t *testing.T) {
	n := start(t, config.Default())
	admin, reviewer, customer := n.staffed()
	n.key = admin
	var agent sms.ID
	for _, p := range n.registry().Party {
		if p.Kind == registry.Agent {
			agent = p.ID
		}
	}
	var one, two reviewed
	n.do(http.MethodPut, "/v1/admin/signatures/new", mark(customer, "小示"), &one)
	n.do(http.MethodPut, "/v1/admin/signatures/new", mark(agent, "小示"), &two)
	if len(one.Review.Findings)+len(two.Review.Findings) != 0 {
		t.Fatalf("%+v %+v", one, two)
	}
	if got := n.verdict(reviewer, "signatures/"+one.ID.String(), "approve"); got.State != "approved" {
		t.Fatalf("%+v", got)
	}
	if got := n.verdict(reviewer, "signatures/"+two.ID.String(), "approve"); got.Code != sms.ReviewUnconfirmed {
		t.Errorf("%+v", got)
	}
}

// SIG-06, RN-03: somebody else's trademark is approved with a letter of its holder, and of no
// other.
func TestAuthorisedMark(t *testing.T) {
	n := start(t, config.Default())
	admin, reviewer, customer := n.staffed()
	n.key = admin
	body := mark(customer, "小示")
	body["holder"] = "另一家示例公司"
	var out reviewed
	if n.do(http.MethodPut, "/v1/admin/signatures/new", body, &out); !slices.Equal(out.Review.rules(), []string{"SIG-06"}) {
		t.Fatalf("%+v", out)
	}
	valid, path := n.period(), "signatures/"+out.ID.String()
	letter := func(grantor, verdict string, confirmed ...string) (c caseView) {
		id := n.put("authorisations", "new", map[string]any{"signature_id": out.ID, "grantor": grantor, "state": "active", "valid_from": valid.From, "valid_to": valid.To})
		return n.verdict(reviewer, "authorisations/"+id.String(), verdict, confirmed...)
	}
	if got := letter("第三家示例公司", "approve", "RN-03b"); got.Code != sms.Unauthorised || !strings.Contains(got.Detail, "RN-03a") {
		t.Errorf("a letter of a stranger: %+v", got)
	}
	if got := n.verdict(reviewer, path, "approve"); got.Code != sms.SignatureForm {
		t.Errorf("by a letter of a stranger: %+v", got)
	}
	if got := letter("另一家示例公司", "reject"); got.State != "rejected" {
		t.Errorf("%+v", got)
	}
	if got := n.verdict(reviewer, path, "approve"); got.Code != sms.SignatureForm {
		t.Errorf("by a letter that was rejected: %+v", got)
	}
	if got := letter("另一家示例公司", "approve", "RN-03b"); got.State != "approved" {
		t.Errorf("%+v", got)
	}
	if got := n.verdict(reviewer, path, "approve"); got.State != "approved" {
		t.Errorf("by a letter of the holder: %+v", got)
	}
}

// Of two reviewers at the same moment one decides.
func TestTwoReviewersAtOnce(t *testing.T) {
	everywhere(t, func(n *node) {
		admin, first, customer := n.staffed()
		n.key = admin
		_, second := n.staffKey("reviewer")
		for i := range 5 {
			var out reviewed
			n.do(http.MethodPut, "/v1/admin/signatures/new", mark(customer, "小示"+strings.Repeat("示", i)), &out)
			var both [2]caseView
			var wait sync.WaitGroup
			for i, key := range []string{first, second} {
				wait.Go(func() { both[i] = n.verdict(key, "signatures/"+out.ID.String(), "approve") })
			}
			wait.Wait()
			if both[0].State == both[1].State || both[0].Code+both[1].Code != sms.ReviewNotWaiting {
				n.t.Errorf("%+v", both)
			}
			if r := n.records("review", out.ID); len(r) != 1 {
				n.t.Errorf("%d decisions are recorded", len(r))
			}
		}
	})
}

// The customer applies by its own key, sees what stands against it and who acts next, and
// nothing of anybody else's.
func TestCustomerApplies(t *testing.T) {
	n := start(t, config.Default())
	admin, reviewer, _ := n.staffed()
	key := n.otherKey(n.key, "apply,read")
	var s struct {
		ID     sms.ID
		State  string
		Code   sms.Code
		Review caseView
		Next   struct{ Who, Zh, En string }
	}
	if n.as(n.key, http.MethodPost, "/v1/signatures", map[string]any{"text": "示例商城", "source": "company_short"}, &s); s.Code != sms.Forbidden {
		t.Errorf("a key without the scope: %+v", s)
	}
	if n.as(key, http.MethodPost, "/v1/signatures", map[string]any{"text": "商城示例", "source": "company_short"}, &s); s.State != "review" || s.Next.Who != "customer" || !slices.Equal(s.Review.rules(), []string{"SIG-05"}) {
		t.Fatalf("%+v", s)
	}
	id := s.ID.String()
	if n.as(key, http.MethodPut, "/v1/signatures/"+id, map[string]any{"text": "示例商城", "source": "company_short"}, &s); s.Next.Who != "reviewer" || len(s.Review.Findings) != 0 {
		t.Fatalf("%+v", s)
	}
	var queue struct{ Reviews []caseView }
	if n.as(reviewer, http.MethodGet, "/v1/admin/reviews?kind=signature", nil, &queue); len(queue.Reviews) != 1 || queue.Reviews[0].Next.Who != "reviewer" {
		t.Errorf("the queue: %+v", queue)
	}
	if got := n.verdict(reviewer, "signatures/"+id, "reject"); got.State != "rejected" {
		t.Fatalf("%+v", got)
	}
	if n.as(key, http.MethodGet, "/v1/signatures/"+id, nil, &s); s.State != "rejected" || s.Next.Who != "customer" {
		t.Errorf("%+v", s)
	}
	var made, tpl struct {
		ID       sms.ID
		Code     sms.Code
		Body     string
		Versions []struct {
			State  string
			Review caseView
		}
	}
	body := map[string]any{"category": "NOTICE", "name": "arrived", "body": "您的订单${number:digits}已到店，请凭${code:code}取货。"}
	if n.as(key, http.MethodPost, "/v1/templates", body, &made); len(made.Versions) != 1 || made.Versions[0].State != "review" || len(made.Versions[0].Review.Findings) != 0 {
		t.Fatalf("%+v", made)
	}
	tid := made.ID.String()
	n.as(reviewer, http.MethodGet, "/v1/admin/reviews", nil, &queue)
	if got := n.verdict(admin, "template-versions/"+tid+"/1", "approve"); got.State != "approved" { // the customer submitted it
		t.Fatalf("%+v", got)
	}
	if n.as(key, http.MethodPost, "/v1/templates/"+tid+"/versions", map[string]any{"body": "${all:text}"}, &tpl); len(tpl.Versions) != 2 || !slices.Equal(tpl.Versions[1].Review.rules(), []string{"PORT-05a", "TPL-05"}) {
		t.Fatalf("%+v", tpl)
	}
	if got := n.verdict(reviewer, "template-versions/"+tid+"/2", "approve"); got.Code != sms.TemplateForm {
		t.Errorf("%+v", got)
	}
	if n.as(key, http.MethodPost, "/v1/templates/"+tid+"/versions", map[string]any{"body": "${broken"}, &tpl); tpl.Code != sms.BadRequest {
		t.Errorf("%+v", tpl)
	}
	// Another customer.
	n.key = admin
	stranger := n.put("applications", "new", map[string]any{"party_id": n.operator(), "account_id": n.registry().Application[n.app()].AccountID, "name": "x", "state": "active"})
	var other struct{ Key string }
	n.do(http.MethodPost, "/v1/admin/keys", map[string]any{"application_id": stranger, "scopes": "apply,read"}, &other)
	for _, path := range []string{"/v1/signatures/" + id, "/v1/templates/" + tid} {
		if n.as(other.Key, http.MethodGet, path, nil, &tpl); tpl.Code != sms.NotFound {
			t.Errorf("%s of somebody else: %+v", path, tpl)
		}
	}
	if n.as(other.Key, http.MethodPut, "/v1/signatures/"+id, map[string]any{"text": "示例商城", "source": "company_short"}, &tpl); tpl.Code != sms.NotFound {
		t.Errorf("somebody else's is changed: %+v", tpl)
	}
	if n.as(other.Key, http.MethodGet, "/v1/signatures?party="+n.registry().Signature[s.ID].PartyID.String(), nil, &tpl); tpl.Code != sms.Forbidden {
		t.Errorf("somebody else's are listed: %+v", tpl)
	}
}

func (n *node) operator() sms.ID {
	for _, p := range n.registry().Party {
		if p.Kind == registry.Operator {
			return p.ID
		}
	}
	return 0
}

// app is the customer's application.
func (n *node) app() sms.ID {
	snap := n.registry()
	for id, a := range snap.Application {
		if snap.Party[a.PartyID].Kind == registry.Customer {
			return id
		}
	}
	return 0
}

// What is approved goes on until what is to replace it is approved too.
func TestApprovedGoesOnUntilItsChangeIs(t *testing.T) {
	n := start(t, config.Default())
	admin, reviewer, _ := n.staffed()
	snap := n.registry()
	var template sms.ID
	var signature registry.Signature
	for id, x := range snap.Template {
		if x.Category == sms.OTP {
			template = id
		}
	}
	for _, x := range snap.Signature {
		signature = *x
	}
	const newer = "您的登录验证码为${code:code}，请在5分钟内输入。"
	newText := "【准信示例】您的登录验证码为246810，请在5分钟内输入。"
	var out reviewed
	if n.as(admin, http.MethodPut, "/v1/admin/template-versions/"+template.String(), map[string]any{"version": 1, "body": newer, "state": "review"}, &out); out.Code != sms.BadRequest {
		t.Errorf("an approved wording is changed: %+v", out)
	}
	n.as(admin, http.MethodPut, "/v1/admin/template-versions/"+template.String(), map[string]any{"version": 2, "body": newer, "state": "review"}, &out)
	sends := func(text string, code sms.Code, to string) {
		t.Helper()
		if r := n.send(text, to).Results[0]; r.Code != code {
			t.Errorf("%s: %+v, want %q", text, r, code)
		}
	}
	sends(otpText, "", "14200000101")
	sends(newText, sms.TemplateNotApproved, "14200000102")
	if got := n.verdict(reviewer, "template-versions/"+template.String()+"/2", "approve"); got.State != "approved" {
		t.Fatalf("%+v", got)
	}
	sends(newText, sms.TemplateUnfiled, "14200000103") // carriers have the former wording
	valid := n.period()
	n.as(admin, http.MethodPut, "/v1/admin/template-filings/"+template.String(), map[string]any{"version": 2, "carrier": "mobile", "state": "approved", "valid_from": valid.From, "valid_to": valid.To}, nil)
	sends(newText, "", "14200000110")
	if got := n.verdict(reviewer, "template-versions/"+template.String()+"/2", "reject"); got.State != "rejected" {
		t.Fatalf("%+v", got)
	}
	sends(newText, sms.TemplateNotApproved, "14200000104")
	sends(otpText, "", "14200000105") // version 1 has its approval still

	change := mark(signature.PartyID, "准信新示例")
	change["qualification_id"] = signature.QualificationID
	if n.as(admin, http.MethodPut, "/v1/admin/signatures/"+signature.ID.String(), change, &out); out.State != "approved" || out.Review.State != "waiting" {
		t.Fatalf("%+v", out)
	}
	renamed := strings.Replace(otpText, storySignature, "准信新示例", 1)
	sends(otpText, "", "14200000106")
	sends(renamed, sms.PortNotBound, "14200000107") // nobody's signature
	if got := n.verdict(reviewer, "signatures/"+signature.ID.String(), "approve"); got.State != "approved" {
		t.Fatalf("%+v", got)
	}
	sends(otpText, sms.PortNotBound, "14200000108")
	sends(renamed, sms.SignatureNotFiled, "14200000109") // carriers were told of another text

	var journal int64
	if n.as(admin, http.MethodPut, "/v1/admin/signatures/"+signature.ID.String(), map[string]any{"party_id": signature.PartyID, "text": "任意文字", "source": "site", "state": "frozen"}, &out); out.State != "frozen" {
		t.Fatalf("%+v", out)
	}
	if s := n.registry().Signature[signature.ID]; s.Text != "准信新示例" || s.State != registry.Frozen {
		t.Errorf("a freeze changed more than the state: %+v", s)
	}
	if err := n.DB.Read(t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
		journal, err = tx.Journal(ctx)
		return err
	}); err != nil || journal < 4 { // approvals of two changes, an approval taken back, a freeze
		t.Errorf("%d revocations, %v", journal, err)
	}
	if n.as(admin, http.MethodPut, "/v1/admin/signatures/"+signature.ID.String(), change, &out); out.State != "frozen" {
		t.Errorf("a frozen signature is used again without a review: %+v", out)
	}
}

// A licence is its holder's, and another person has looked at it (LIC-07).
func TestLicenceIsReviewed(t *testing.T) {
	n := start(t, config.Default())
	admin, reviewer, customer := n.staffed()
	body := map[string]any{"party_id": customer, "number": "B2-20260001", "uscc": "91110000000000003C", "scope": "B25", "provinces": "*", "registered_capital": 10_000_000, "valid_to": n.period().To, "state": "active"}
	var out reviewed
	if n.as(admin, http.MethodPut, "/v1/admin/licences/new", body, &out); out.State != "pending" || !slices.Equal(out.Review.rules(), []string{"LIC-07"}) { // the operator has this number
		t.Fatalf("%+v", out)
	}
	if got := n.verdict(reviewer, "licences/"+out.ID.String(), "approve"); got.Code != sms.LicenceInvalid {
		t.Errorf("%+v", got)
	}
	body["number"], body["uscc"] = "B2-20260009", "91110000000000002B"
	if n.as(admin, http.MethodPut, "/v1/admin/licences/"+out.ID.String(), body, &out); !slices.Equal(out.Review.rules(), []string{"LIC-07"}) {
		t.Errorf("another's: %+v", out)
	}
	body["uscc"] = "91110000000000003C"
	if n.as(admin, http.MethodPut, "/v1/admin/licences/"+out.ID.String(), body, &out); len(out.Review.Findings) != 0 {
		t.Errorf("%+v", out)
	}
	if got := n.verdict(admin, "licences/"+out.ID.String(), "approve"); got.Code != sms.SamePerson {
		t.Errorf("%+v", got)
	}
	if l := n.registry().Licence(out.ID); l.State != registry.Pending {
		t.Errorf("%+v", l)
	}
	if got := n.verdict(reviewer, "licences/"+out.ID.String(), "approve"); got.State != "approved" || n.registry().Licence(out.ID).State != registry.Active {
		t.Errorf("%+v", got)
	}
	body["state"] = "revoked"
	if n.as(admin, http.MethodPut, "/v1/admin/licences/"+out.ID.String(), body, &out); n.registry().Licence(out.ID).State != registry.Revoked {
		t.Errorf("%+v", out)
	}
}
