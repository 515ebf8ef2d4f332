package sdks

import (
	"net/http"
	"strconv"
	"testing"
	"time"
)

// What the platform has for the programs.
const (
	signature = "示例商城"
	otpBody   = "您的验证码是${code:code}，5分钟内有效。"
	mktBody   = "会员日全场八折，仅限今日，拒收请回复R"
)

// account is what an SDK is given.
type account struct {
	ID, Secret  string
	Application string // its number
}

// shop is a customer with all that it sends with.
type shop struct {
	*platform
	operator string
	party    string
	customer string // key of the customer's own
	otp, mkt string // numbers of its templates
	service  string // id of its signature
	content  string // id of its template of codes
	money    string // its account that has some
	poor     string // an application without money
}

type object = map[string]any

// open starts a carrier and a node, and sets up by the API alone, with two persons, all that
// a customer needs to send.
func open(t *testing.T) *shop {
	t.Helper()
	p := &platform{binary: build(t), dir: t.TempDir()}
	gateway := p.simulate(t)
	token := p.serve(t, 10_000, true)
	first := p.ask(t, "", http.MethodPost, "/v1/setup", object{"token": token, "name": "示例运营商", "uscc": "91110000000000001A"})
	p.admin = first.Key
	person := p.put(t, "staff", object{"name": "two", "roles": "reviewer,compliance", "state": "active"})
	p.reviewer = p.ask(t, p.admin, http.MethodPost, "/v1/admin/keys", object{"application_id": first.ApplicationID, "staff_id": person, "scopes": "admin"}).Key
	until := time.Now().AddDate(1, 0, 0).UnixMilli()
	licence := p.put(t, "licences", object{
		"party_id": first.PartyID, "number": "B2-20260001", "uscc": "91110000000000001A", "scope": "B25", "provinces": "*", "valid_to": until, "state": "active",
	})
	p.approve(t, "licences/"+licence)
	s := &shop{platform: p, operator: first.PartyID}
	contract := s.join(t, first.PartyID, until)
	s.pay(t, first.PartyID)
	s.customer = p.ask(t, p.admin, http.MethodPost, "/v1/admin/keys", object{"application_id": s.poor, "scopes": "apply,read,consent"}).Key
	s.sign(t, first.PartyID, contract, gateway, until)
	s.content = s.template(t, "OTP", otpBody)
	s.otp, s.mkt = number(t, s.content), number(t, s.template(t, "MKT", mktBody))
	return s
}

// put stores an object of the registry and tells its id.
func (p *platform) put(t *testing.T, kind string, body object) string {
	t.Helper()
	return p.ask(t, p.admin, http.MethodPut, "/v1/admin/"+kind+"/new", body).ID
}

// approve is the second person's verdict.
func (p *platform) approve(t *testing.T, path string, confirmed ...string) {
	t.Helper()
	out := p.ask(t, p.reviewer, http.MethodPost, "/v1/admin/"+path+"/review", object{"verdict": "approve", "reason": "looked at the papers", "confirmed": confirmed})
	if out.State != "approved" {
		t.Fatalf("%s: %+v", path, out)
	}
}

// grant puts a right without a scan, which a rule has the second person confirm, and tells its id.
func (p *platform) grant(t *testing.T, kind string, body object, confirmed ...string) string {
	t.Helper()
	id := p.put(t, kind, body)
	p.approve(t, kind+"/"+id, confirmed...)
	return id
}

// join makes the customer a party with its papers and people, and gives its contract.
func (s *shop) join(t *testing.T, operator string, until int64) string {
	t.Helper()
	s.party = s.put(t, "parties", object{"kind": "customer", "parent_id": operator, "name": "示例商城有限公司", "uscc": "91110000000000003C", "entity_type": "company", "state": "active"})
	contract := s.grant(t, "contracts", object{"party_id": s.party, "counterparty_id": operator, "number": "HT-2026-0001", "charge_on": "submission", "state": "active", "valid_to": until}, "LIC-10b")
	for _, kind := range []string{"business_licence", "representative_id", "handler_id", "contract", "processing_agreement", "impact_assessment", "consent_form"} {
		s.ask(t, s.admin, http.MethodPost, "/v1/documents?kind="+kind+"&party="+s.party, []byte("%PDF-1.7"))
	}
	s.ask(t, s.admin, http.MethodPut, "/v1/admin/parties/"+s.party+"/identity", object{
		"representative": "示例甲", "handler": "示例乙", "handler_id": "11010519491231002X", "address": "示例路1号", "contact": "01000000000", "register_checked": true,
	})
	s.approve(t, "parties/"+s.party)
	return contract
}

// pay gives the customer money on one account, and an application without any on another.
func (s *shop) pay(t *testing.T, operator string) {
	t.Helper()
	account := func(party string, payer string, price, topup int) string {
		body := object{"party_id": party, "state": "active"}
		if payer != "" {
			body["payer_id"] = payer
		}
		id := s.put(t, "accounts", body)
		for _, category := range []string{"OTP", "MKT"} {
			s.ask(t, s.admin, http.MethodPut, "/v1/admin/prices/"+id, object{"category": category, "carrier": "mobile", "unit_price": price})
		}
		if topup > 0 {
			s.ask(t, s.admin, http.MethodPost, "/v1/admin/ledger", object{"account_id": id, "kind": "topup", "method": "transfer", "amount": topup, "reference": "opening balance"})
		}
		return id
	}
	upper := account(operator, "", 40_000, 1_000_000_000)
	s.money = account(s.party, upper, 50_000, 1_000_000_000)
	s.poor = s.put(t, "applications", object{"party_id": s.party, "account_id": account(s.party, upper, 50_000, 0), "name": "poor", "state": "active"})
}

// sign gives the customer a signature that is filed with the carrier, a port and a channel.
func (s *shop) sign(t *testing.T, operator, contract string, gateway string, until int64) {
	t.Helper()
	sig := s.ask(t, s.customer, http.MethodPost, "/v1/signatures", object{"text": signature, "source": "company_short"})
	s.service = sig.ID
	s.approve(t, "signatures/"+sig.ID)
	s.ask(t, s.admin, http.MethodPut, "/v1/admin/filings/"+sig.ID, object{"carrier": "mobile", "state": "submitted"})
	s.ask(t, s.reviewer, http.MethodPut, "/v1/admin/filings/"+sig.ID, object{"carrier": "mobile", "state": "approved", "reference": "BA-2026-0001", "valid_to": until})
	code := s.grant(t, "access-codes", object{"party_id": operator, "carrier": "mobile", "code": "10690000", "approval": "号〔2026〕0001", "max_length": 20, "approved_use": "platform", "state": "active", "valid_to": until}, "PORT-01d")
	s.grant(t, "subcodes", object{"access_code_id": code, "digits": "01", "party_id": s.party, "signature_id": sig.ID, "qualification_id": sig.ID, "contract_id": contract, "state": "active"})
	s.put(t, "channels", object{
		"name": "mobile-1", "carrier": "mobile", "protocol": "cmpp30", "access_code_id": code, "address": gateway, "login": "900001", "secret": "888888", "service_id": "ZX",
		"sessions": 2, "window": 16, "cost": 30_000, "state": "active", "options": object{"replies": true},
	})
}

// template is applied for by the customer, approved, and filed with the carrier.
func (s *shop) template(t *testing.T, category, body string) string {
	t.Helper()
	id := s.ask(t, s.customer, http.MethodPost, "/v1/templates", object{"category": category, "name": category, "body": body}).ID
	s.approve(t, "template-versions/"+id+"/1")
	s.ask(t, s.admin, http.MethodPut, "/v1/admin/template-filings/"+id, object{"version": 1, "carrier": "mobile", "state": "approved", "reference": "MB-2026-0001"})
	return id
}

// number is what an object is called in the clouds' APIs: its id without the node.
func number(t *testing.T, id string) string {
	t.Helper()
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatInt(n>>22<<12|n&4095, 10)
}

// key makes one that signs.
func (s *shop) key(t *testing.T, application string) account {
	t.Helper()
	k := s.ask(t, s.admin, http.MethodPost, "/v1/admin/keys", object{"application_id": application, "scopes": "send,read,apply,consent", "signs": true})
	if k.AccessID == "" || k.Secret == "" {
		t.Fatalf("%+v", k)
	}
	return account{k.AccessID, k.Secret, number(t, application)}
}
