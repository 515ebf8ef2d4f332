package assess

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// The parties of the tests: an operator, a reseller with a customer, and an agent that only
// refers with another.
const (
	operator sms.ID = iota + 1
	reseller
	shop
	referrer
	school
)

// noon is a moment at which Order 74 is in force.
var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, rulebook.Shanghai)

func loaded(t testing.TB) *Catalogue {
	t.Helper()
	c, err := Load(book(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func book(t testing.TB) *rulebook.Book {
	t.Helper()
	packs, err := rulebook.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	b, err := rulebook.Load(packs...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func code(n sms.ID) string { return "9111000000000000" + string(rune('0'+n)) + "A" }

// lawful is a chain against which nothing stands.
func lawful() *registry.Tables {
	party := func(id, parent sms.ID, kind, mode, name string) registry.Party {
		return registry.Party{ID: id, ParentID: parent, GroupID: id, Kind: kind, AgentMode: mode, Name: name, USCC: code(id), EntityType: "company", State: registry.Active}
	}
	licence := func(id, owner sms.ID, number string) registry.Licence {
		return registry.Licence{ID: id, PartyID: owner, Number: number, USCC: code(owner), Scope: "B25", Provinces: "*", State: registry.Active}
	}
	contract := func(id, of, with sms.ID) registry.Contract {
		return registry.Contract{ID: id, PartyID: of, CounterpartyID: with, Number: "HT-" + id.String(), State: registry.Active}
	}
	t := &registry.Tables{
		Parties: []registry.Party{
			party(operator, 0, registry.Operator, "", "Operator"), party(reseller, operator, registry.Agent, registry.Licensed, "Reseller"),
			party(shop, reseller, registry.Customer, "", "Shop"), party(referrer, operator, registry.Agent, registry.Referral, "Referrer"), party(school, referrer, registry.Customer, "", "School"),
		},
		Licences:    []registry.Licence{licence(11, operator, "B2-1"), licence(12, reseller, "B2-2")},
		AccessCodes: []registry.AccessCode{{ID: 21, PartyID: operator, Carrier: sms.Mobile, Code: "10690000", Approval: "A-1", State: registry.Active}},
		Contracts:   []registry.Contract{contract(31, reseller, operator), contract(32, shop, reseller), contract(33, referrer, operator), contract(34, school, operator)},
		Channels:    []registry.Channel{{ID: 41, Name: "m", Carrier: sms.Mobile, AccessCodeID: 21, State: registry.Active, Categories: "MKT", Options: registry.ChannelOptions{Replies: true}}},
		Accounts:    []registry.Account{{ID: 51, PartyID: operator}, {ID: 52, PartyID: reseller, PayerID: 51}, {ID: 53, PartyID: shop, PayerID: 52}, {ID: 54, PartyID: referrer}, {ID: 55, PartyID: school, PayerID: 51}},
		Applications: []registry.Application{
			{ID: 61, PartyID: shop, AccountID: 53, State: registry.Active}, {ID: 62, PartyID: school, AccountID: 55, State: registry.Active}, {ID: 63, PartyID: referrer, AccountID: 54, State: registry.Active},
		},
		Keys: []registry.APIKey{{ID: 71, ApplicationID: 61, Hash: []byte{1}, Scopes: "send,read"}, {ID: 72, ApplicationID: 62, Hash: []byte{2}, Scopes: "send"}, {ID: 73, ApplicationID: 63, Hash: []byte{3}, Scopes: "read"}},
	}
	t.Parties[0].Complaints = "01000000000"
	for i, c := range []sms.ID{shop, school} {
		n := sms.ID(i)
		t.Signatures = append(t.Signatures, registry.Signature{ID: 81 + n, PartyID: c, Text: "签名" + c.String(), QualificationID: 91 + n, State: registry.Approved})
		t.Filings = append(t.Filings, registry.Filing{SignatureID: 81 + n, Carrier: sms.Mobile, State: registry.Approved, Reference: "F-" + c.String()})
		t.Subcodes = append(t.Subcodes, registry.Subcode{ID: 101 + n, AccessCodeID: 21, Digits: "0" + c.String(), PartyID: c, SignatureID: 81 + n, QualificationID: 91 + n, ContractID: 32 + 2*n, State: registry.Active})
		t.Templates = append(t.Templates, registry.Template{ID: 111 + n, PartyID: c, Category: sms.MKT, Name: "sale", State: registry.Active})
		t.TFilings = append(t.TFilings, registry.TemplateFiling{TemplateID: 111 + n, Version: 1, Carrier: sms.Mobile, State: registry.Approved, Reference: "T-" + c.String()})
		t.Versions = append(t.Versions, registry.TemplateVersion{TemplateID: 111 + n, Version: 1, Body: "全场八折，拒收请回复R", State: registry.Approved, ReviewedBy: "reviewer"})
	}
	return t
}

// judged assesses a party at a moment, after a change of the lawful chain.
func judged(t testing.TB, c *Catalogue, party sms.ID, at time.Time, change func(*registry.Tables), facts ...func(*Facts)) *Report {
	t.Helper()
	tables := lawful()
	if change != nil {
		change(tables)
	}
	snap, err := registry.NewSnapshot(1, *tables)
	if err != nil {
		t.Fatal(err)
	}
	f := Facts{At: at, Registry: snap, Keep: 191 * 24 * time.Hour, Marketing: &Sample{Messages: 9, Marketing: 5, Proved: 5}}
	for _, set := range facts {
		set(&f)
	}
	r, err := c.Assess(f, party)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// courses gives the shop a marketing template that offers courses.
func courses(t *registry.Tables) {
	t.Templates = append(t.Templates, registry.Template{ID: 901, PartyID: shop, Category: sms.MKT, State: registry.Active})
	t.Versions = append(t.Versions, registry.TemplateVersion{TemplateID: 901, Version: 1, Body: "尊敬的会员，暑期培训班八折，拒收请回复R", State: registry.Approved})
}

func (r *Report) line(t testing.TB, id string) Line {
	t.Helper()
	for _, l := range r.Lines {
		if l.ID == id {
			return l
		}
	}
	t.Fatalf("the report has no line %s", id)
	return Line{}
}

// obligationCase is what an obligation says of a party after a change of the lawful chain.
type obligationCase struct {
	id     string
	party  sms.ID
	name   string
	change func(*registry.Tables)
	want   State
	facts  func(*Facts)
}

var cases = []obligationCase{
	{"licence", operator, "held", nil, Met, nil},
	{"licence", operator, "none", func(t *registry.Tables) { t.Licences = t.Licences[1:] }, Missing, nil},
	{"licence", operator, "revoked", func(t *registry.Tables) { t.Licences[0].State = registry.Revoked }, Missing, nil},
	{"licence", operator, "not yet", func(t *registry.Tables) { t.Licences[0].From = noon.UnixMilli() + 1 }, Missing, nil},
	{"licence", operator, "from now", func(t *registry.Tables) { t.Licences[0].From = noon.UnixMilli() }, Met, nil},
	{"licence", operator, "another's", func(t *registry.Tables) { t.Licences[0].USCC = code(9) }, Missing, nil},
	{"licence", operator, "other business", func(t *registry.Tables) { t.Licences[0].Scope = "B21, B251" }, Missing, nil},
	{"licence", reseller, "held", nil, Met, nil},
	{"licence", operator, "renewed in time", func(t *registry.Tables) {
		next := t.Licences[0]
		t.Licences[0].To = noon.AddDate(0, 0, 10).UnixMilli()
		next.ID, next.From = 13, t.Licences[0].To
		t.Licences = append(t.Licences, next)
	}, Met, nil},
	{"licence", operator, "renewed with a gap", func(t *registry.Tables) {
		next := t.Licences[0]
		t.Licences[0].To = noon.AddDate(0, 0, 10).UnixMilli()
		next.ID, next.From = 13, t.Licences[0].To+1
		t.Licences = append(t.Licences, next)
	}, Expiring, nil},
	{"coverage", operator, "nationwide", nil, Met, nil},
	{"coverage", operator, "some provinces", func(t *registry.Tables) { t.Licences[0].Provinces = "浙江,江苏" }, Met, nil},
	{"coverage", operator, "a province that is none", func(t *registry.Tables) { t.Licences[0].Provinces = "浙江,江" }, Missing, nil},
	{"capital", operator, "unsaid", nil, Unknown, nil},
	{"capital", operator, "enough for the country", func(t *registry.Tables) { t.Licences[0].Capital = 10_000_000 }, Met, nil},
	{"capital", operator, "too little for the country", func(t *registry.Tables) { t.Licences[0].Capital = 9_999_999 }, Missing, nil},
	{"capital", operator, "enough for a province", func(t *registry.Tables) { t.Licences[0].Capital, t.Licences[0].Provinces = 1_000_000, "33" }, Met, nil},
	{"capital", operator, "no licence", func(t *registry.Tables) { t.Licences = nil }, Unknown, nil},
	{"permit", shop, "offers nothing of the kind", nil, Met, nil},
	{"permit", shop, "a school without a permit", courses, Missing, nil},
	{"permit", shop, "a school with one", func(t *registry.Tables) {
		courses(t)
		t.Permits = []registry.Permit{{ID: 900, PartyID: shop, Trade: "education", State: registry.Active}}
	}, Met, nil},
	{"coverage", operator, "unsaid", func(t *registry.Tables) { t.Licences[0].Provinces = " " }, Missing, nil},
	{"coverage", operator, "no licence", func(t *registry.Tables) { t.Licences = nil }, Missing, nil},
	{"company", reseller, "company", nil, Met, nil},
	{"company", reseller, "individual", func(t *registry.Tables) { t.Parties[1].EntityType = "individual" }, Missing, nil},
	{"licence_own", operator, "own", nil, Met, nil},
	{"licence_own", operator, "one number for two", func(t *registry.Tables) { t.Licences[1].Number = "B2-1" }, Missing, nil},
	{"licence_own", operator, "one number, the other revoked", func(t *registry.Tables) { t.Licences[1].Number, t.Licences[1].State = "B2-1", registry.Revoked }, Met, nil},
	{"licence_own", reseller, "another's code", func(t *registry.Tables) { t.Licences[1].USCC = code(9) }, Missing, nil},
	{"licence_own", referrer, "none", nil, Idle, nil},
	{"referral_only", referrer, "clean", nil, Met, nil},
	{"referral_only", referrer, "a price", func(t *registry.Tables) { t.Prices = []registry.Price{{AccountID: 54, Category: sms.OTP}} }, Missing, nil},
	{"referral_only", referrer, "is paid", func(t *registry.Tables) { t.Accounts[4].PayerID = 54 }, Missing, nil},
	{"referral_only", referrer, "a sub-agent", func(t *registry.Tables) { t.Parties[1].ParentID = referrer }, Missing, nil},
	{"referral_only", referrer, "contracts", func(t *registry.Tables) { t.Contracts[3].CounterpartyID = referrer }, Missing, nil},
	{"referral_only", referrer, "may send", func(t *registry.Tables) { t.Keys[2].Scopes = "read,send" }, Missing, nil},
	{"referral_only", referrer, "might send until now", func(t *registry.Tables) { t.Keys[2].Scopes, t.Keys[2].ExpiresAt = "send", noon.UnixMilli() }, Met, nil},
	{"referral_only", referrer, "logs in", func(t *registry.Tables) {
		t.SPAccounts = []registry.SPAccount{{ID: 1, ApplicationID: 63, Protocol: "cmpp", Login: "a", State: registry.Active}}
	}, Missing, nil},
	{"no_ports", referrer, "none", nil, Met, nil},
	{"no_ports", referrer, "a sub-code", func(t *registry.Tables) { t.Subcodes[1].PartyID = referrer }, Missing, nil},
	{"no_ports", referrer, "a code", func(t *registry.Tables) { t.AccessCodes[0].PartyID = referrer }, Missing, nil},
	{"access", operator, "in order", nil, Met, nil},
	{"access", operator, "reseller without licence", func(t *registry.Tables) { t.Licences = t.Licences[:1] }, Missing, nil},
	{"access", operator, "that one frozen", func(t *registry.Tables) { t.Licences, t.Parties[1].State = t.Licences[:1], registry.Frozen }, Met, nil},
	{"access", operator, "referrer with a port", func(t *registry.Tables) { t.Subcodes[1].PartyID = referrer }, Missing, nil},
	{"access", operator, "no agents", func(t *registry.Tables) { t.Parties[1].State, t.Parties[3].State = registry.Closed, registry.Closed }, Idle, nil},
	{"contract_above", school, "with the operator", nil, Met, nil},
	{"contract_above", school, "with the agent that refers", func(t *registry.Tables) { t.Contracts[3].CounterpartyID = referrer }, Missing, nil},
	{"contract_above", shop, "closed", func(t *registry.Tables) { t.Contracts[1].State = registry.Closed }, Missing, nil},
	{"contract_above", shop, "nobody above", func(t *registry.Tables) { t.Parties[2].ParentID = 0 }, Missing, nil},
	{"contracts_below", operator, "all", nil, Met, nil},
	{"contracts_below", operator, "not with the referred customer", func(t *registry.Tables) { t.Contracts = t.Contracts[:3] }, Missing, nil},
	{"contracts_below", reseller, "nobody", func(t *registry.Tables) { t.Parties[2].State = registry.Closed }, Idle, nil},
	{"code", operator, "approved", nil, Met, nil},
	{"code", operator, "no approval", func(t *registry.Tables) { t.AccessCodes[0].Approval = "" }, Missing, nil},
	{"code", operator, "none", func(t *registry.Tables) { t.AccessCodes[0].State = registry.Revoked }, Missing, nil},
	{"code", reseller, "the operator's", nil, Unknown, nil},
	{"ports_below", operator, "bound", nil, Met, nil},
	{"ports_below", operator, "bound to an agent that refers", func(t *registry.Tables) { t.Subcodes[1].PartyID = referrer }, Missing, nil},
	{"ports_below", reseller, "no code", nil, Idle, nil},
	{"ports", shop, "bound", nil, Met, nil},
	{"ports", shop, "none", func(t *registry.Tables) { t.Subcodes = t.Subcodes[1:] }, Missing, nil},
	{"ports", shop, "somebody's signature", func(t *registry.Tables) { t.Subcodes[0].SignatureID, t.Subcodes[0].QualificationID = 82, 92 }, Missing, nil},
	{"ports", shop, "other qualification", func(t *registry.Tables) { t.Subcodes[0].QualificationID = 99 }, Missing, nil},
	{"ports", shop, "qualification of two", func(t *registry.Tables) { t.Signatures[1].QualificationID = 91 }, Missing, nil},
	{"ports", shop, "somebody's contract", func(t *registry.Tables) { t.Subcodes[0].ContractID = 34 }, Missing, nil},
	{"ports", shop, "code revoked", func(t *registry.Tables) { t.AccessCodes[0].State = registry.Revoked }, Missing, nil},
	{"ports", shop, "two ports for a signature", func(t *registry.Tables) {
		second := t.Subcodes[0]
		second.ID, second.Digits = 109, "09"
		t.Subcodes = append(t.Subcodes, second)
	}, Missing, nil},
	{"payment", school, "to the operator", nil, Met, nil},
	{"payment", school, "through the agent that refers", func(t *registry.Tables) { t.Accounts[4].PayerID = 54 }, Missing, nil},
	{"payment", school, "no account", func(t *registry.Tables) { t.Accounts = t.Accounts[:4] }, Idle, nil},
	{"above", shop, "lawful", nil, Met, nil},
	{"above", shop, "reseller without licence", func(t *registry.Tables) { t.Licences = t.Licences[:1] }, Missing, nil},
	{"above", shop, "operator without licence", func(t *registry.Tables) { t.Licences = t.Licences[1:] }, Missing, nil},
	{"above", referrer, "operator without licence", func(t *registry.Tables) { t.Licences = t.Licences[1:] }, Missing, nil},
	{"above", shop, "operator frozen", func(t *registry.Tables) { t.Parties[0].State = registry.Frozen }, Missing, nil},
	{"above", shop, "no operator", func(t *registry.Tables) { t.Parties[1].ParentID = 0 }, Missing, nil},
	{"above", school, "agent is paid", func(t *registry.Tables) { t.Accounts[4].PayerID = 54 }, Missing, nil},
	{"below", reseller, "in order", nil, Met, nil},
	{"below", reseller, "customer borrows a port", func(t *registry.Tables) { t.Subcodes[0].SignatureID = 82 }, Missing, nil},
	{"below", referrer, "customer's contract closed", func(t *registry.Tables) { t.Contracts[3].State = registry.Closed }, Missing, nil},
	{"below", reseller, "customer that can't send", func(t *registry.Tables) { t.Subcodes, t.Keys = nil, nil }, Idle, nil},
	{"real_name", shop, "complete", nil, Met, nil},
	{"real_name", shop, "frozen", func(t *registry.Tables) { t.Parties[2].State = registry.Frozen }, Missing, nil},
	{"real_name", shop, "17 characters", func(t *registry.Tables) { t.Parties[2].USCC = code(shop)[:17] }, Missing, nil},
	{"real_name", shop, "no qualification", func(t *registry.Tables) { t.Signatures[0].QualificationID = 0 }, Missing, nil},
	{"entity", shop, "company", nil, Met, nil},
	{"entity", shop, "individual", func(t *registry.Tables) { t.Parties[2].EntityType = "individual" }, Missing, nil},
	{"signature", shop, "filed", nil, Met, nil},
	{"signature", shop, "none", func(t *registry.Tables) { t.Signatures[0].State = registry.Rejected }, Missing, nil},
	{"signature", shop, "filing taken back", func(t *registry.Tables) { t.Filings[0].State = registry.Revoked }, Missing, nil},
	{"signature", shop, "no channels", func(t *registry.Tables) { t.Channels = nil }, Unknown, nil},
	{"template", shop, "approved", nil, Met, nil},
	{"template", shop, "frozen", func(t *registry.Tables) { t.Templates[0].State = registry.Frozen }, Missing, nil},
	{"service_ports", operator, "marketing alone", nil, Met, nil},
	{"service_ports", operator, "everything", func(t *registry.Tables) { t.Channels[0].Categories = "" }, Unknown, nil},
	{"service_ports", operator, "notices", func(t *registry.Tables) { t.Channels[0].Categories = "OTP,NOTICE" }, Idle, nil},
	{"review", operator, "reviewed", nil, Met, nil},
	{"review", operator, "by nobody", func(t *registry.Tables) { t.Versions[1].ReviewedBy = "" }, Missing, nil},
	{"review", operator, "no marketing", func(t *registry.Tables) { t.Templates = nil }, Idle, nil},
	{"consent", shop, "rule in force", nil, Met, nil},
	{"consent", shop, "no marketing", func(t *registry.Tables) { t.Templates = nil }, Idle, func(f *Facts) { f.Marketing = &Sample{Messages: 9} }},
	{"consent", shop, "no marketing template, but sent", func(t *registry.Tables) { t.Templates = nil }, Met, nil},
	{"consent", shop, "a consent is gone", nil, Missing, func(f *Facts) { f.Marketing.Proved = 4 }},
	{"consent_proof", shop, "proved", nil, Met, nil},
	{"consent_proof", shop, "declared", nil, Unknown, func(f *Facts) { f.Marketing.Proved, f.Marketing.Imported = 4, 1 }},
	{"consent_proof", shop, "not found", nil, Missing, func(f *Facts) { f.Marketing.Proved = 4 }},
	{"consent_proof", shop, "nobody looked", nil, Unknown, func(f *Facts) { f.Marketing = nil }},
	{"consent_proof", shop, "nothing sent", nil, Unknown, func(f *Facts) { f.Marketing = &Sample{Messages: 9} }},
	{"consent_proof", shop, "no marketing", func(t *registry.Tables) { t.Templates = nil }, Idle, func(f *Facts) { f.Marketing = nil }},
	{"refusal", shop, "rules in force", nil, Met, nil},
	{"refusal", shop, "no marketing", func(t *registry.Tables) { t.Templates = nil }, Idle, func(f *Facts) { f.Marketing = nil }},
	{"records", operator, "191 days", nil, Met, nil},
	{"records", operator, "184 days", nil, Met, func(f *Facts) { f.Keep = 184 * 24 * time.Hour }},
	{"records", operator, "a millisecond less", nil, Missing, func(f *Facts) { f.Keep = 184*24*time.Hour - time.Millisecond }},
	{"records", operator, "unsaid", nil, Unknown, func(f *Facts) { f.Keep = 0 }},
}

func TestObligations(t *testing.T) {
	c := loaded(t)
	seen := map[string]map[State]bool{}
	for _, x := range slices.Concat(cases, heldCases) {
		facts := []func(*Facts){}
		if x.facts != nil {
			facts = append(facts, x.facts)
		}
		l := judged(t, c, x.party, noon, x.change, facts...).line(t, x.id)
		if l.State != x.want {
			t.Errorf("%s, %s: %s, want %s: %v", x.id, x.name, l.State, x.want, l.Found)
		}
		if len(l.Found) == 0 {
			t.Errorf("%s, %s: nothing is said of what was found", x.id, x.name)
		}
		if seen[x.id] == nil {
			seen[x.id] = map[State]bool{}
		}
		seen[x.id][x.want] = true
	}
	for _, o := range c.obligations {
		// What the platform holds a fact about is met in one case and fails in another.
		if !(seen[o.ID][Met] || seen[o.ID][Unknown]) || len(seen[o.ID]) < 2 {
			t.Errorf("obligation %s has no cases on both sides: %v", o.ID, seen[o.ID])
		}
	}
}

// Each obligation that tells of an end does so from exactly its number of days before, and
// what ended is missing from the very moment on: spans end before their To.
func TestExpiringAndEnded(t *testing.T) {
	c := loaded(t)
	midnight := time.Date(2027, 6, 1, 0, 0, 0, 0, rulebook.Shanghai)
	ends := map[string]struct {
		party sms.ID
		set   func(*registry.Tables, int64)
		facts func(*Facts, int64)
	}{
		"licence":         {operator, func(t *registry.Tables, to int64) { t.Licences[0].To = to }, nil},
		"contract_above":  {shop, func(t *registry.Tables, to int64) { t.Contracts[1].To = to }, nil},
		"contracts_below": {operator, func(t *registry.Tables, to int64) { t.Contracts[0].To = to }, nil},
		"code":            {operator, func(t *registry.Tables, to int64) { t.AccessCodes[0].To = to }, nil},
		"ports":           {shop, func(t *registry.Tables, to int64) { t.Contracts[1].To = to }, nil},
		"signature":       {shop, func(t *registry.Tables, to int64) { t.Filings[0].To = to }, nil},
		"template":        {shop, func(t *registry.Tables, to int64) { t.Versions[0].To = to }, nil},
		"upstream":        {operator, func(t *registry.Tables, to int64) { upstream(t); t.Licences[2].To = to }, nil},
		"handler":         {shop, func(t *registry.Tables, to int64) { foreign(t); t.Authorised[0].To = to }, func(f *Facts, _ int64) { papers(f) }},
		"template_filing": {shop, func(t *registry.Tables, to int64) { t.TFilings[0].To = to }, nil},
		"dpa":             {school, nil, func(f *Facts, to int64) { papers(f); f.File.Papers[Paper{school, document.Processing}] = to }},
		"pia":             {operator, nil, func(f *Facts, to int64) { papers(f); f.File.Papers[Paper{shop, document.Assessment}] = to }},
		"annual":          {operator, nil, dueAt("LIC-09b", operator)}, "grading": {operator, nil, dueAt("LIC-11", operator)}, "code_report": {operator, nil, dueAt("PORT-01a", operator)},
		"security": {operator, nil, dueAt("PRV-12", operator)}, "agents_supervised": {operator, nil, dueAt("PRV-14", referrer)}, "antifraud": {operator, nil, dueAt("FRD-01", operator)},
	}
	for _, o := range c.obligations {
		e, ok := ends[o.ID]
		if ok != (o.ExpiringDays > 0) {
			t.Errorf("%s: told %d days ahead, tested %v", o.ID, o.ExpiringDays, ok)
			continue
		} else if !ok {
			continue
		}
		judgedUntil := func(at time.Time) Line {
			return judged(t, c, e.party, at, func(t *registry.Tables) {
				if e.set != nil {
					e.set(t, midnight.UnixMilli())
				}
			}, func(f *Facts) {
				if e.facts != nil {
					e.facts(f, midnight.UnixMilli())
				}
			}).line(t, o.ID)
		}
		ahead := midnight.Add(-time.Duration(o.ExpiringDays) * 24 * time.Hour)
		for _, x := range []struct {
			at   time.Time
			want State
		}{{ahead.Add(-time.Millisecond), Met}, {ahead, Expiring}, {midnight.Add(-time.Millisecond), Expiring}, {midnight, Missing}} {
			l := judgedUntil(x.at)
			if l.State != x.want {
				t.Errorf("%s at %s: %s, want %s", o.ID, x.at, l.State, x.want)
			}
			if x.want == Expiring && l.Ends != "2027-05-31" {
				t.Errorf("%s: its last day is said to be %q", o.ID, l.Ends)
			}
		}
		// It is to be done so long before the end as it takes, but not before today.
		l := judgedUntil(ahead)
		if want := midnight.AddDate(0, 0, -min(o.LeadDays, o.ExpiringDays)).Format(time.DateOnly); l.By != want {
			t.Errorf("%s: by %s, want %s", o.ID, l.By, want)
		}
	}
}

// A yearly duty is due on its next day, which may be today.
func TestYearlyDuty(t *testing.T) {
	c := loaded(t)
	for at, want := range map[string]string{"2026-11-27": "2027-03-31", "2027-03-31": "2027-03-31", "2027-04-01": "2028-03-31"} {
		day, err := time.ParseInLocation(time.DateOnly, at, rulebook.Shanghai)
		if err != nil {
			t.Fatal(err)
		}
		if l := judged(t, c, operator, day.Add(23*time.Hour), nil).line(t, "code_report"); l.By != want {
			t.Errorf("on %s it is due on %s, want %s", at, l.By, want)
		}
	}
}

// Only what is in force at the moment is cited, for the duty and for the penalty.
func TestCitesOnlyWhatIsInForce(t *testing.T) {
	c := loaded(t)
	for _, x := range []struct{ at, has, hasNot string }{{"2026-04-30", "工信部令第31号", "工信部令第74号"}, {"2026-05-01", "工信部令第74号", "工信部令第31号"}} {
		day, err := time.ParseInLocation(time.DateOnly, x.at, rulebook.Shanghai)
		if err != nil {
			t.Fatal(err)
		}
		for _, party := range []sms.ID{operator, reseller, shop, referrer} {
			text := judged(t, c, party, day.Add(23*time.Hour), nil).Text(Zh)
			if strings.Contains(text, x.hasNot) || party != referrer && !strings.Contains(text, x.has) {
				t.Errorf("on %s party %s is told of %s, or not of %s", x.at, party, x.hasNot, x.has)
			}
		}
		advice := c.Advise(Answers{}, day.Add(23*time.Hour)).Text(Zh)
		if strings.Contains(advice, x.hasNot) {
			t.Errorf("on %s the advice cites %s", x.at, x.hasNot)
		}
	}
}

// What nobody looked up is never met, and says what to show.
func TestUnknownIsNeverMet(t *testing.T) {
	c := loaded(t)
	kept := map[string]bool{}
	for _, x := range heldCases {
		kept[x.id] = x.facts != nil
	}
	for _, party := range []sms.ID{operator, reseller, shop, referrer, school} {
		r := judged(t, c, party, noon, nil)
		for _, l := range r.Lines {
			if kept[l.ID] && (l.State != Unknown || l.Show.Zh == "" || l.By == "") {
				t.Errorf("party %s: %s is %s", party, l.ID, l.State)
			}
		}
		if r.Verdict.Kind != Lawful || !strings.Contains(r.Verdict.Text.En, "cannot know") {
			t.Errorf("party %s: %+v", party, r.Verdict)
		}
	}
}

// The verdict counts what bars, and nothing less makes a business unlawful.
func TestVerdict(t *testing.T) {
	c := loaded(t)
	for name, x := range map[string]struct {
		change func(*registry.Tables)
		want   string
	}{
		"nothing":                {nil, Lawful},
		"licence ends soon":      {func(t *registry.Tables) { t.Licences[0].To = noon.AddDate(0, 0, 9).UnixMilli() }, Conditions},
		"customer not in order":  {func(t *registry.Tables) { t.Subcodes[1].ContractID = 99; t.AccessCodes[0].PartyID = reseller }, Unlawful}, // the operator has no code
		"customer not reviewed":  {func(t *registry.Tables) { t.Versions[0].ReviewedBy = "" }, Conditions},
		"customer's paper ended": {func(t *registry.Tables) { t.Filings[0].To = noon.UnixMilli() }, Conditions},
		"no licence":             {func(t *registry.Tables) { t.Licences = t.Licences[1:] }, Unlawful},
	} {
		r := judged(t, c, operator, noon, x.change)
		if r.Verdict.Kind != x.want {
			t.Errorf("%s: %+v", name, r.Verdict)
		}
		if x.want == Unlawful && (r.Lines[0].State != Missing || !r.Lines[0].Bars || !strings.Contains(r.Verdict.Text.Zh, r.Lines[0].Title.Zh)) {
			t.Errorf("%s: what bars does not stand first: %+v", name, r.Verdict)
		}
	}
}

// An agent's report judges those above it and names the customers for which it answers.
func TestReachesUpAndDown(t *testing.T) {
	c := loaded(t)
	r := judged(t, c, reseller, noon, func(t *registry.Tables) {
		t.Licences = t.Licences[1:] // the operator's is gone
		t.Subcodes[0].SignatureID = 82
	})
	if len(r.Above) != 1 || r.Above[0].ID != operator || len(r.Above[0].Against) == 0 {
		t.Errorf("above: %+v", r.Above)
	}
	if len(r.Below) != 1 || r.Below[0].ID != shop || len(r.Below[0].Against) == 0 {
		t.Errorf("below: %+v", r.Below)
	}
	if r.Verdict.Kind != Unlawful {
		t.Errorf("a reseller on an unlicensed operator: %+v", r.Verdict)
	}
}

// More parties below than a report lists are counted, and a loop of parents ends.
func TestManyBelow(t *testing.T) {
	c := loaded(t)
	const n = MostBelow + 7
	r := judged(t, c, operator, noon, func(t *registry.Tables) {
		for i := range sms.ID(n) {
			t.Parties = append(t.Parties, registry.Party{ID: 1000 + i, ParentID: operator, Kind: registry.Agent, AgentMode: registry.Licensed, Name: "x", State: registry.Active})
		}
		t.Parties = append(t.Parties, registry.Party{ID: 5001, ParentID: 5002, Kind: registry.Agent}, registry.Party{ID: 5002, ParentID: 5001, Kind: registry.Agent})
	})
	if len(r.Below) != MostBelow || r.Others != n-MostBelow {
		t.Errorf("%d listed, %d others", len(r.Below), r.Others)
	}
	if l := r.line(t, "below"); len(l.Found) != mostSaid+1 || !strings.Contains(l.Found[mostSaid].En, "187 more") {
		t.Errorf("%d things are said, the last is %v", len(l.Found), l.Found[len(l.Found)-1])
	}
	judged(t, c, 5001, noon, func(t *registry.Tables) {
		t.Parties = append(t.Parties, registry.Party{ID: 5001, ParentID: 5002, Kind: registry.Agent}, registry.Party{ID: 5002, ParentID: 5001, Kind: registry.Agent})
	})
}

// Parties beside the chain are named to the operator alone.
func TestOthersAreNotNamed(t *testing.T) {
	c := loaded(t)
	share := func(t *registry.Tables) { t.Signatures[1].QualificationID, t.Subcodes[1].QualificationID = 91, 91 }
	said := func(named bool) string {
		return judged(t, c, shop, noon, share, func(f *Facts) { f.Named = named }).Text(Bilingual)
	}
	if text := said(false); strings.Contains(text, "School") || !strings.Contains(text, "another party") {
		t.Error("a customer learns whose qualification is the same")
	}
	if !strings.Contains(said(true), "School") {
		t.Error("the operator does not learn it")
	}
}

func TestNoSuchParty(t *testing.T) {
	c := loaded(t)
	snap, err := registry.NewSnapshot(1, *lawful())
	if err != nil {
		t.Fatal(err)
	}
	var e *sms.Error
	if _, err := c.Assess(Facts{At: noon, Registry: snap}, 999); !errors.As(err, &e) || e.Code != sms.NotFound {
		t.Errorf("%v", err)
	}
}

func TestOrderOfLines(t *testing.T) {
	c := loaded(t)
	r := judged(t, c, operator, noon, func(t *registry.Tables) {
		t.Licences[0].To = noon.AddDate(0, 0, 9).UnixMilli()
		t.Versions[0].ReviewedBy = ""
	})
	if !slices.IsSortedFunc(r.Lines, func(a, b Line) int { return slices.Index(stateOrder, a.State) - slices.Index(stateOrder, b.State) }) {
		t.Error("the worst does not stand first")
	}
	total := 0
	for _, n := range r.Counts {
		total += n
	}
	if total != len(r.Lines) || r.Counts[Expiring] == 0 {
		t.Errorf("counts %v of %d lines", r.Counts, len(r.Lines))
	}
}

// A platform with many customers is judged in one pass over its registry.
func BenchmarkOperatorOfManyCustomers(b *testing.B) {
	c, t := loaded(b), lawful()
	for i := range sms.ID(5000) {
		id := 10_000 + i
		t.Parties = append(t.Parties, registry.Party{ID: id, ParentID: operator, Kind: registry.Customer, Name: "x", USCC: code(shop), EntityType: "company", State: registry.Active})
		t.Applications = append(t.Applications, registry.Application{ID: 20_000 + i, PartyID: id, State: registry.Active})
		t.SPAccounts = append(t.SPAccounts, registry.SPAccount{ID: 30_000 + i, ApplicationID: 20_000 + i, Protocol: "cmpp", Login: id.String(), State: registry.Active})
		t.Signatures = append(t.Signatures, registry.Signature{ID: 40_000 + i, PartyID: id, Text: "x", QualificationID: id, State: registry.Approved})
		t.Templates = append(t.Templates, registry.Template{ID: 50_000 + i, PartyID: id, Category: sms.Notice, State: registry.Active})
	}
	snap, err := registry.NewSnapshot(1, *t)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := c.Assess(Facts{At: noon, Registry: snap}, operator); err != nil {
			b.Fatal(err)
		}
	}
}
