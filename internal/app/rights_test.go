package app

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// rightView is an access code, a sub-code, a contract or a letter as whose it is sees it.
type rightView struct {
	reviewed
	Object struct {
		ValidTo        int64  `json:"valid_to"`
		CounterpartyID sms.ID `json:"counterparty_id"`
		Qualification  string `json:"qualification_id"`
	}
	Next struct{ Who string }
}

// storyContract is the customer's contract.
func (n *node) storyContract(customer sms.ID) *registry.Contract {
	n.t.Helper()
	return n.registry().ContractsOf(customer)[0]
}

// LIC-10: a customer's contract, and its renewal, count once another person has approved them; what
// is approved goes on until then, and ends with its scan at that very moment.
func TestContractsAreReviewed(t *testing.T) {
	everywhere(t, func(n *node) {
		admin, reviewer, customer := n.staffed()
		shop := n.otherKey(n.key, "apply,read,admin")
		end := n.Now().Add(30 * 24 * time.Hour).UnixMilli()
		scan := n.upload(shop, "contract", 0, end, "%PDF-1.7 a contract")
		var out rightView
		apply := func(method, path string, with map[string]any) rightView {
			body := map[string]any{"number": "HT-2026-0002", "charge_on": "submission", "document_id": scan.ID}
			for k, v := range with {
				if body[k] = v; v == nil {
					delete(body, k)
				}
			}
			out = rightView{}
			n.as(shop, method, path, body, &out)
			return out
		}
		first := apply(http.MethodPost, "/v1/contracts", nil)
		if first.State != "pending" || len(first.Review.Findings) != 0 || first.Next.Who != "reviewer" || first.Object.ValidTo != end || first.Object.CounterpartyID != n.registry().Party[customer].ParentID {
			n.t.Fatalf("%+v", first)
		}
		var queue struct{ Reviews []caseView }
		if n.as(reviewer, http.MethodGet, "/v1/admin/reviews?kind=contract", nil, &queue); len(queue.Reviews) != 1 {
			n.t.Errorf("the queue: %+v", queue)
		}
		path := "contracts/" + first.ID.String()
		if got := n.verdict(shop, path, "approve"); got.Code != sms.Forbidden {
			n.t.Errorf("the customer approves it: %+v", got)
		}
		if got := n.verdict(reviewer, path, "approve"); got.State != "approved" {
			n.t.Fatalf("%+v", got)
		}
		for at, holds := range map[int64]bool{end - 1: true, end: false} {
			if k := n.registry().Contract[first.ID]; k.State != registry.Active || k.Holds(at) != holds {
				n.t.Errorf("%d after its scan's end: %+v", at-end, k)
			}
		}
		// A renewal waits, and what was approved goes on.
		if apply(http.MethodPut, "/v1/"+path, map[string]any{"number": "HT-2026-0003"}); out.State != "active" || out.Review.State != "waiting" || n.registry().Contract[first.ID].Number != "HT-2026-0002" {
			n.t.Errorf("%+v", out)
		}
		n.exec("UPDATE document SET valid_to = ?", n.Now().UnixMilli())
		if apply(http.MethodPut, "/v1/"+path, map[string]any{"number": "HT-2026-0003"}); !slices.Equal(out.Review.rules(), []string{"LIC-10a"}) {
			n.t.Errorf("its scan has expired: %+v", out)
		}
		if got := n.verdict(reviewer, path, "approve"); got.Code != sms.ContractInvalid {
			n.t.Errorf("its scan has expired: %+v", got)
		}
		if apply(http.MethodPut, "/v1/"+path, map[string]any{"number": "HT-2026-0003", "document_id": nil}); !slices.Equal(out.Review.rules(), []string{"LIC-10b"}) {
			n.t.Errorf("without its scan: %+v", out)
		}
		if got := n.verdict(reviewer, path, "approve"); got.Code != sms.ReviewUnconfirmed {
			n.t.Errorf("without its scan: %+v", got)
		}
		if got := n.verdict(reviewer, path, "approve", "LIC-10b"); got.State != "approved" || n.registry().Contract[first.ID].Number != "HT-2026-0003" {
			n.t.Errorf("%+v", got)
		}
		if r := n.records("review", first.ID); len(r) != 2 {
			n.t.Errorf("%d decisions are recorded", len(r))
		}
		if got := n.toldOf("contract"); got != 6 { // submitted four times, approved twice
			n.t.Errorf("it was told %d times", got)
		}
		// The staff applies for it, and another of them approves; it is with whom it must be.
		n.key = admin
		body := map[string]any{"party_id": customer, "counterparty_id": n.operator(), "number": "C9", "charge_on": "submission", "state": "active"}
		var put reviewed
		if n.do(http.MethodPut, "/v1/admin/contracts/new", body, &put); put.State != "pending" || !slices.Equal(put.Review.rules(), []string{"LIC-10a", "LIC-10b"}) {
			n.t.Errorf("with somebody further up: %+v", put)
		}
		if got := n.verdict(admin, "contracts/"+put.ID.String(), "approve"); got.Code != sms.SamePerson {
			n.t.Errorf("%+v", got)
		}
		if got := n.verdict(reviewer, "contracts/"+put.ID.String(), "reject"); got.State != "rejected" || n.registry().Contract[put.ID].State != registry.Rejected {
			n.t.Errorf("%+v", got)
		}
		for _, state := range []string{"rejected", "approved"} {
			body["state"] = state
			if n.do(http.MethodPut, "/v1/admin/contracts/new", body, &put); put.Code != sms.BadRequest {
				n.t.Errorf("put as %s: %+v", state, put)
			}
		}
	})
}

// PORT-01, PORT-07: an access code counts once another person has compared it with its approval.
func TestAccessCodesAreReviewed(t *testing.T) {
	everywhere(t, func(n *node) {
		admin, reviewer, customer := n.staffed()
		shop := n.otherKey(n.key, "apply,read")
		old := n.registry().AccessCode[n.registry().Channels[0].AccessCodeID]
		end := n.Now().Add(30 * 24 * time.Hour).UnixMilli()
		body := map[string]any{"carrier": old.Carrier, "code": "10695001", "approval": "号〔2026〕0002", "max_length": 12, "approved_use": "own"}
		var out rightView
		if n.as(shop, http.MethodPost, "/v1/access-codes", body, &out); out.State != "pending" || !slices.Equal(out.Review.rules(), []string{"PORT-01d"}) {
			n.t.Fatalf("without a scan: %+v", out)
		}
		id := out.ID
		body["document_id"] = n.upload(shop, "code_approval", 0, end, "%PDF-1.7 an approval").ID
		if n.as(shop, http.MethodPut, "/v1/access-codes/"+id.String(), body, &out); len(out.Review.Findings) != 0 || out.Object.ValidTo != end {
			n.t.Errorf("%+v", out)
		}
		if got := n.verdict(reviewer, "access-codes/"+id.String(), "approve"); got.State != "approved" || n.registry().AccessCode[id].State != registry.Active {
			n.t.Fatalf("%+v", got)
		}
		// A number that is in use may be applied for, and is not approved.
		body["code"], body["approved_use"] = old.Code, "own"
		if n.as(shop, http.MethodPost, "/v1/access-codes", body, &out); !slices.Equal(out.Review.rules(), []string{"PORT-01c", "PORT-07a"}) {
			n.t.Errorf("a number in use: %+v", out)
		}
		if got := n.verdict(reviewer, "access-codes/"+out.ID.String(), "approve"); got.Code != sms.AccessCodeMisused || n.registry().AccessCode[out.ID].State != registry.Pending {
			n.t.Errorf("%+v", got)
		}
		// One that was stopped comes back by a review alone.
		n.key = admin
		story := map[string]any{"party_id": old.PartyID, "carrier": old.Carrier, "code": old.Code, "approval": old.Approval, "max_length": 20, "approved_use": "platform", "state": "frozen"}
		var put reviewed
		for _, state := range []string{"frozen", "active"} {
			story["state"] = state
			if n.do(http.MethodPut, "/v1/admin/access-codes/"+old.ID.String(), story, &put); put.State != "frozen" {
				n.t.Errorf("put as %s: %+v", state, put)
			}
		}
		if got := n.verdict(admin, "access-codes/"+old.ID.String(), "approve", "PORT-01d"); got.Code != sms.SamePerson {
			n.t.Errorf("%+v", got)
		}
		if got := n.verdict(reviewer, "access-codes/"+old.ID.String(), "approve", "PORT-01d"); got.State != "approved" || n.registry().AccessCode[old.ID].State != registry.Active {
			n.t.Errorf("%+v", got)
		}
		story["party_id"] = customer
		if n.do(http.MethodPut, "/v1/admin/access-codes/"+old.ID.String(), story, &put); put.Code != sms.BadRequest {
			n.t.Errorf("it changes hands: %+v", put)
		}
	})
}

// PORT-02, PORT-03: a sub-code is bound once another person has approved it, to one party, signature,
// qualification and contract, and within the approved length; nothing leaves by one that waits.
func TestSubcodesAreReviewed(t *testing.T) {
	everywhere(t, func(n *node) {
		admin, reviewer, customer := n.staffed()
		mine := n.key
		shop := n.otherKey(n.key, "apply,read")
		snap := n.registry()
		used := snap.SubcodesOf(n.storySigned().ID)[0]
		var sig reviewed
		n.as(admin, http.MethodPut, "/v1/admin/signatures/new", mark(customer, "小示"), &sig)
		n.decide(reviewer, "signatures/"+sig.ID.String(), "approve")
		valid := n.period()
		body := map[string]any{"access_code_id": used.AccessCodeID, "digits": "77", "signature_id": sig.ID, "contract_id": used.ContractID}
		var out rightView
		if n.as(shop, http.MethodPost, "/v1/subcodes", body, &out); out.State != "pending" || !slices.Equal(out.Review.rules(), []string{"PORT-03a"}) {
			n.t.Fatalf("its signature has no qualification: %+v", out)
		}
		qualified := *n.registry().Signature[sig.ID]
		qualified.QualificationID = sig.ID
		n.insert(qualified)
		path := "/v1/subcodes/" + out.ID.String()
		try := func(field string, value any, rules ...string) {
			n.t.Helper()
			was := body[field]
			body[field] = value
			if n.as(shop, http.MethodPut, path, body, &out); !slices.Equal(out.Review.rules(), rules) {
				n.t.Errorf("%s %v: %v, want %v", field, value, out.Review.rules(), rules)
			}
			body[field] = was
		}
		waiting := n.granting(admin, "contracts", map[string]any{"party_id": customer, "counterparty_id": snap.Party[customer].ParentID, "number": "C9", "charge_on": "submission", "state": "active"})
		stopped := n.granting(admin, "access-codes", map[string]any{"party_id": n.operator(), "carrier": "mobile", "code": "10690009", "approval": "A", "max_length": 20, "approved_use": "platform", "state": "active"})
		try("digits", used.Digits, "PORT-03a")
		try("signature_id", used.SignatureID, "PORT-03a")
		try("contract_id", waiting, "PORT-02a")
		try("access_code_id", stopped, "PORT-02a")
		n.exec("UPDATE access_code SET max_length = 11 WHERE id = ?", int64(used.AccessCodeID))
		try("digits", "7777", "PORT-01e")
		n.exec("UPDATE access_code SET max_length = 20 WHERE id = ?", int64(used.AccessCodeID))
		if try("digits", "77"); out.Object.Qualification != sig.ID.String() {
			n.t.Errorf("%+v", out)
		}
		n.insert(registry.Filing{SignatureID: sig.ID, Carrier: sms.Mobile, State: registry.Approved, Period: valid})
		text := strings.Replace(otpText, storySignature, "小示", 1)
		if r := n.send(text, "14200000101").Results[0]; r.Code != sms.PortNotBound {
			n.t.Errorf("by a sub-code that waits: %+v", r)
		}
		if got := n.verdict(reviewer, "subcodes/"+out.ID.String(), "approve"); got.State != "approved" {
			n.t.Fatalf("%+v", got)
		}
		if r := n.send(text, "14200000102").Results[0]; r.Code != "" {
			n.t.Errorf("%+v", r)
		}
		// It is not changed into another one, and released by who reviews.
		n.key = admin
		var put reviewed
		other := map[string]any{"access_code_id": used.AccessCodeID, "digits": "78", "party_id": customer, "signature_id": sig.ID, "qualification_id": sig.ID, "contract_id": used.ContractID, "state": "active"}
		if n.do(http.MethodPut, "/v1/admin/subcodes/"+out.ID.String(), other, &put); put.Code != sms.BadRequest {
			n.t.Errorf("it changes its digits: %+v", put)
		}
		if got := n.verdict(reviewer, "subcodes/"+out.ID.String(), "reject"); got.State != "rejected" || n.registry().Binding(out.ID).State != registry.Released {
			n.t.Errorf("%+v", got)
		}
		n.key = mine
		if r := n.send(text, "14200000103").Results[0]; r.Code != sms.PortNotBound {
			n.t.Errorf("by a sub-code that was released: %+v", r)
		}
	})
}

// granting has a right put by an administrator, and leaves it waiting.
func (n *node) granting(admin, kind string, body map[string]any) sms.ID {
	n.t.Helper()
	mine := n.key
	n.key = admin
	id := n.put(kind, "new", body)
	n.key = mine
	return id
}

// RN-03: a letter is its holder's, holds for six months and has a scan, or a reviewer says why not; a
// change of the signature that waits has it first.
func TestLettersAreReviewed(t *testing.T) {
	everywhere(t, func(n *node) {
		admin, reviewer, customer := n.staffed()
		shop := n.otherKey(n.key, "apply,read")
		sig := n.storySigned()
		const holder = "另一家示例公司"
		body := map[string]any{"signature_id": sig.ID, "grantor": holder}
		apply := func(method, path string) (out rightView) {
			n.as(shop, method, path, body, &out)
			return out
		}
		out := apply(http.MethodPost, "/v1/authorisations")
		if out.State != "pending" || !slices.Equal(out.Review.rules(), []string{"RN-03a", "RN-03b"}) {
			n.t.Fatalf("of nobody, without a scan: %+v", out)
		}
		path := "/v1/authorisations/" + out.ID.String()
		change := mark(customer, sig.Text)
		change["registration"], change["qualification_id"], change["holder"] = sig.Registration, sig.QualificationID, holder
		var put reviewed
		n.as(admin, http.MethodPut, "/v1/admin/signatures/"+sig.ID.String(), change, &put)
		day := 24 * time.Hour
		for days, rules := range map[int][]string{179: {"RN-03b"}, 181: nil} {
			body["document_id"] = n.upload(shop, "authorisation", 0, n.Now().Add(time.Duration(days)*day+time.Hour).UnixMilli(), "%PDF-1.7 a letter").ID
			if out := apply(http.MethodPut, path); !slices.Equal(out.Review.rules(), rules) {
				n.t.Errorf("for %d days: %v", days, out.Review.rules())
			}
		}
		body["document_id"] = n.upload(shop, "authorisation", 0, n.Now().Add(200*day).UnixMilli(), "%PDF-1.7 a letter").ID
		apply(http.MethodPut, path)
		if got := n.verdict(reviewer, "signatures/"+sig.ID.String(), "approve"); got.Code != sms.SignatureForm {
			n.t.Errorf("by a letter that waits: %+v", got)
		}
		if got := n.verdict(reviewer, "authorisations/"+out.ID.String(), "approve"); got.State != "approved" {
			n.t.Fatalf("%+v", got)
		}
		if got := n.verdict(reviewer, "signatures/"+sig.ID.String(), "approve"); got.State != "approved" {
			n.t.Fatalf("%+v", got)
		}
		if r := n.send(otpText, "14200000101").Results[0]; r.Code != "" {
			n.t.Errorf("by an approved letter: %+v", r)
		}
		if got := n.verdict(reviewer, "authorisations/"+out.ID.String(), "reject"); got.State != "rejected" || n.registry().Letter(out.ID).State != registry.Revoked {
			n.t.Errorf("%+v", got)
		}
		if r := n.send(otpText, "14200000102").Results[0]; r.Code != sms.Unauthorised {
			n.t.Errorf("by a letter that was taken back: %+v", r)
		}
	})
}

// Nobody applies for, changes or sees what is another's.
func TestRightsAreOnesOwn(t *testing.T) {
	n := start(t, config.Default())
	admin, _, customer := n.staffed()
	n.key = admin
	app := n.put("applications", "new", map[string]any{"party_id": n.registry().Party[customer].ParentID, "account_id": n.registry().Application[n.app()].AccountID, "name": "x", "state": "active"})
	var other struct{ Key string }
	n.do(http.MethodPost, "/v1/admin/keys", map[string]any{"application_id": app, "scopes": "apply,read"}, &other)
	snap, sig := n.registry(), n.storySigned()
	bound := snap.SubcodesOf(sig.ID)[0]
	letter := n.put("authorisations", "new", map[string]any{"signature_id": sig.ID, "grantor": "示例", "state": "active"})
	for path, body := range map[string]map[string]any{
		"contracts/" + bound.ContractID.String():      {"number": "x", "charge_on": "submission"},
		"access-codes/" + bound.AccessCodeID.String(): {"carrier": "mobile", "code": "10690000", "approval": "x", "max_length": 20, "approved_use": "own"},
		"subcodes/" + bound.ID.String():               {"access_code_id": bound.AccessCodeID, "digits": "01", "signature_id": sig.ID, "contract_id": bound.ContractID},
		"authorisations/" + letter.String():           {"signature_id": sig.ID, "grantor": "示例"},
	} {
		var p problem
		if n.as(other.Key, http.MethodPut, "/v1/"+path, body, &p); p.Code != sms.NotFound {
			t.Errorf("%s is changed: %+v", path, p)
		}
		kind, _, _ := strings.Cut(path, "/")
		if n.as(other.Key, http.MethodGet, "/v1/"+kind+"?party="+customer.String(), nil, &p); p.Code != sms.Forbidden {
			t.Errorf("%s are listed: %+v", kind, p)
		}
		var list struct{ Rights []rightView }
		if n.as(admin, http.MethodGet, "/v1/"+kind+"?party="+customer.String(), nil, &list); (len(list.Rights) == 0) != (kind == "access-codes") {
			t.Errorf("%s to the staff: %+v", kind, list)
		}
	}
	for _, kind := range []string{"subcodes", "authorisations"} {
		var p problem
		body := map[string]any{"signature_id": sig.ID, "grantor": "示例"}
		if kind == "subcodes" {
			body = map[string]any{"access_code_id": bound.AccessCodeID, "digits": "02", "signature_id": sig.ID, "contract_id": bound.ContractID}
		}
		if n.as(other.Key, http.MethodPost, "/v1/"+kind, body, &p); p.Code != sms.BadRequest {
			t.Errorf("%s for another's signature: %+v", kind, p)
		}
	}
}

// What waits in the queues is decided anew when a right that it rests on is taken back.
func TestWithdrawnRightsEndWhatWaits(t *testing.T) {
	for _, kind := range []string{"contracts", "access-codes", "subcodes"} {
		t.Run(kind, func(t *testing.T) {
			n := start(t, config.Default())
			_, reviewer, _ := n.staffed()
			slow := n.carrier.Behaviour()
			slow.Latency.Fixed = 3_000_000_000
			if err := n.carrier.SetBehaviour(slow); err != nil {
				t.Fatal(err)
			}
			bound := n.registry().SubcodesOf(n.storySigned().ID)[0]
			id := map[string]sms.ID{"contracts": bound.ContractID, "access-codes": bound.AccessCodeID, "subcodes": bound.ID}[kind]
			to := make([]string, 50) // the windows take 32
			for i := range to {
				to[i] = fmt.Sprint(14200004000 + i)
			}
			n.send(otpText, to...)
			before := n.journal()
			if got := n.verdict(reviewer, kind+"/"+id.String(), "reject"); got.State != "rejected" {
				t.Fatalf("%+v", got)
			}
			if got := n.journal(); got != before+1 {
				t.Errorf("%d revocations", got-before)
			}
			n.allIn(sms.Refused, 18)
		})
	}
}
