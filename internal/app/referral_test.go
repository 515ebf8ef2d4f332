package app

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// LIC-05: an agent that refers tries every call of a reseller, with its own key and the scopes
// that it may have: the operator's calls are closed to it, no code or contract becomes its own, it
// binds nobody's signature, and nothing that it sends leaves.
func TestReferralAgentResellsNothing(t *testing.T) {
	n := start(t, config.Default())
	text, account := "【准信示例】您的验证码是135790，5分钟内有效。", n.registry().Application[n.app()].AccountID
	admin, reviewer, customer := n.staffed()
	n.key = admin
	agent := registry.Party{
		ID: n.IDs.Next(), Kind: registry.Agent, ParentID: n.operator(), GroupID: n.IDs.Next(), Name: "引荐代理有限公司", USCC: "91110000000000009A", EntityType: "company",
		AgentMode: registry.Referral, State: registry.Active,
	}
	app := registry.Application{ID: n.IDs.Next(), PartyID: agent.ID, AccountID: account, Name: "agent", State: registry.Active}
	n.insert(agent, app)
	var made struct{ Key string }
	n.do(http.MethodPost, "/v1/admin/keys", map[string]any{"application_id": app.ID, "scopes": "send,read,apply"}, &made)

	closed, param := 0, regexp.MustCompile(`\{\w+\}`)
	for _, op := range n.operations() {
		method, path, _ := strings.Cut(op.at, " ")
		if !strings.HasPrefix(path, "/v1/admin/") {
			continue
		}
		closed++
		var p problem
		if status := n.as(made.Key, method, param.ReplaceAllString(path, customer.String()), map[string]any{}, &p); status != http.StatusForbidden && p.Code != sms.BadRequest {
			t.Errorf("%s: %d %+v", op.at, status, p)
		}
	}
	if closed < 80 {
		t.Errorf("only %d of the operator's calls were tried", closed)
	}

	sig := n.storySigned()
	bound := n.registry().SubcodesOf(sig.ID)[0]
	var code, contract rightView
	n.as(made.Key, http.MethodPost, "/v1/access-codes", map[string]any{"carrier": "mobile", "code": "10690777", "approval": "x", "max_length": 20, "approved_use": "platform"}, &code)
	if code.State != "pending" || !slices.Contains(code.Review.rules(), "LIC-05a") {
		t.Errorf("a code of its own: %+v", code)
	}
	if got := n.verdict(reviewer, "access-codes/"+code.ID.String(), "approve"); got.Code != sms.AgentModeForbids {
		t.Errorf("a code of its own is approved: %+v", got)
	}
	var p problem
	body := map[string]any{"access_code_id": bound.AccessCodeID, "digits": "77", "signature_id": sig.ID, "contract_id": bound.ContractID}
	if n.as(made.Key, http.MethodPost, "/v1/subcodes", body, &p); p.Code != sms.BadRequest {
		t.Errorf("a customer's signature under its own port: %+v", p)
	}
	n.as(made.Key, http.MethodPost, "/v1/contracts", map[string]any{"party_id": customer, "number": "C1", "charge_on": "submission"}, &contract)
	if k := n.registry().Contract[contract.ID]; k != nil && (k.PartyID != agent.ID || k.State == registry.Active) {
		t.Errorf("a contract with a customer: %+v", k)
	}
	var out answer
	n.as(made.Key, http.MethodPost, "/v1/messages", map[string]any{"text": text, "recipients": []map[string]any{{"to": member}}}, &out)
	if len(out.Results) != 1 || out.Results[0].State != sms.Refused {
		t.Errorf("it sends for a customer: %+v", out)
	}
}
