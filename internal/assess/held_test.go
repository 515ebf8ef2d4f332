package assess

import (
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/duty"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// papers puts on file all that parties of the lawful chain need.
func papers(f *Facts) {
	f.File = &File{Papers: map[Paper]int64{}, Handler: Handler{Named: true}}
	for _, c := range []sms.ID{shop, school} {
		for _, kind := range []string{document.Handler, document.Processing, document.Assessment} {
			f.File.Papers[Paper{c, kind}] = 0
		}
	}
}

// without takes a paper off the file.
func without(party sms.ID, kind string) func(*Facts) {
	return func(f *Facts) { papers(f); delete(f.File.Papers, Paper{party, kind}) }
}

func upstream(t *registry.Tables) {
	t.Parties = append(t.Parties, registry.Party{ID: 6, GroupID: 6, Kind: registry.Upstream, Name: "Upstream", USCC: code(6), EntityType: "company", State: registry.Active})
	t.Licences = append(t.Licences, registry.Licence{ID: 13, PartyID: 6, Number: "B2-3", USCC: code(6), Scope: "B25", Provinces: "*", State: registry.Active})
	t.Channels[0].UpstreamID = 6
}

func foreign(t *registry.Tables) {
	t.Signatures[0].Holder = "Holder"
	t.Authorised = []registry.Authorisation{{ID: 95, SignatureID: 81, Grantor: "Holder", State: registry.Active}}
}

func deaf(t *registry.Tables) { t.Channels[0].Options.Replies = false }

// done are duties of an object that were done in time, the newest of each.
func done(object sms.ID, rules ...string) func(*Facts) {
	return func(f *Facts) {
		if f.File == nil {
			papers(f)
		}
		for _, r := range rules {
			f.File.Done = append(f.File.Done, duty.Task{ID: 1, Rule: r, ObjectID: object, Period: "2026", DueAt: noon.UnixMilli(), DoneAt: noon.AddDate(0, 0, -9).UnixMilli(), Evidence: "receipt 7"})
		}
	}
}

// open is a duty that is open, over what was done.
func open(rule string, object sms.ID, due time.Time, over ...func(*Facts)) func(*Facts) {
	return func(f *Facts) {
		papers(f)
		for _, set := range over {
			set(f)
		}
		f.File.Open = append(f.File.Open, duty.Task{ID: 2, Rule: rule, ObjectID: object, Period: "2027", DueAt: due.UnixMilli()})
	}
}

// dueAt leaves a duty of an object open until a moment, with all others done.
func dueAt(rule string, object sms.ID) func(*Facts, int64) {
	return func(f *Facts, to int64) {
		open(rule, object, time.UnixMilli(to), done(operator, yearly...), done(referrer, "PRV-14"), done(reseller, "PRV-14"))(f)
	}
}

var yearly = []string{"LIC-09b", "LIC-11", "PORT-01a", "PRV-12", "PRV-15b", "LOG-04", "FRD-01"}

var heldCases = []obligationCase{
	{"annual", operator, "filed", nil, Met, done(operator, yearly...)},
	{"annual", operator, "filed, and a change is late", nil, Missing, open("LIC-08", operator, noon, done(operator, yearly...))},
	{"annual", reseller, "the platform keeps the operator's", nil, Unknown, done(reseller, yearly...)},
	{"annual", operator, "never", nil, Unknown, papers},
	{"annual", operator, "late now", nil, Missing, open("LIC-09b", operator, noon, done(operator, yearly...))},
	{"annual", operator, "due in a moment", nil, Expiring, open("LIC-09b", operator, noon.Add(time.Millisecond), done(operator, yearly...))},
	{"grading", operator, "reviewed", nil, Met, done(operator, yearly...)},
	{"grading", operator, "late", nil, Missing, open("LIC-11", operator, noon)},
	{"code_report", operator, "reported", nil, Met, done(operator, yearly...)},
	{"code_report", operator, "a change of address is late", nil, Missing, open("PORT-01b", operator, noon, done(operator, yearly...))},
	{"security", operator, "audited and checked", nil, Met, done(operator, yearly...)},
	{"security", operator, "only audited", nil, Unknown, done(operator, "PRV-12")},
	{"security", operator, "an incident was not reported", nil, Missing, open("PRV-10d", 7, noon, done(operator, yearly...))},
	{"logs", operator, "looked at", nil, Met, done(operator, yearly...)},
	{"logs", operator, "a request is late", nil, Missing, open("LOG-06", 7, noon, done(operator, yearly...))},
	{"logs", operator, "more is open than was read", nil, Unknown, func(f *Facts) { done(operator, yearly...)(f); f.File.Others = true }},
	{"antifraud", operator, "reviewed", nil, Met, done(operator, yearly...)},
	{"antifraud", operator, "a lead was not passed on", nil, Missing, open("FRD-03", 7, noon, done(operator, yearly...))},
	{"agents_supervised", operator, "all", nil, Met, func(f *Facts) { done(reseller, "PRV-14")(f); done(referrer, "PRV-14")(f) }},
	{"agents_supervised", operator, "one", nil, Unknown, done(reseller, "PRV-14")},
	{"agents_supervised", operator, "one is late", nil, Missing, open("PRV-14", referrer, noon, done(reseller, "PRV-14"))},
	{"agents_supervised", operator, "one that was closed is late", func(t *registry.Tables) { t.Parties[3].State = registry.Closed }, Missing, open("PRV-14", referrer, noon, done(reseller, "PRV-14"))},
	{"agents_supervised", operator, "none", func(t *registry.Tables) { t.Parties[1].State, t.Parties[3].State = registry.Closed, registry.Closed }, Idle, papers},
	{"refusal_free", operator, "seen to work", nil, Met, done(41, "OPT-04")},
	{"refusal_free", operator, "seen on another channel", nil, Unknown, done(42, "OPT-04")},
	{"refusal_free", operator, "last week's is late", nil, Missing, open("OPT-04", 41, noon, done(41, "OPT-04"))},
	{"refusal_free", operator, "this week's is open", nil, Met, open("OPT-04", 41, noon.Add(time.Hour), done(41, "OPT-04"))},
	{"refusal_free", operator, "a reply costs something", func(t *registry.Tables) { t.Channels[0].Options.ReplyCost = 1 }, Unknown, done(41, "OPT-04")},
	{"refusal_free", operator, "no replies", deaf, Idle, papers},
	{"complaints", operator, "answered", nil, Met, papers},
	{"complaints", operator, "one is open", nil, Met, open("CMP-03", 7, noon.Add(time.Millisecond))},
	{"complaints", operator, "one is late", nil, Missing, open("CMP-03", 7, noon)},
	{"complaints", operator, "no contact", func(t *registry.Tables) { t.Parties[0].Complaints = "" }, Missing, papers},
	{"complaints", reseller, "the platform keeps the operator's", nil, Unknown, papers},
	{"handler", shop, "known", nil, Met, papers},
	{"handler", shop, "no number", nil, Missing, func(f *Facts) { papers(f); f.File.Named = false }},
	{"handler", shop, "no paper", nil, Missing, without(shop, document.Handler)},
	{"handler", shop, "also elsewhere", nil, Unknown, func(f *Facts) { papers(f); f.File.Elsewhere = 1 }},
	{"handler", shop, "a letter for another's mark", foreign, Met, papers},
	{"handler", shop, "no letter for another's mark", func(t *registry.Tables) { foreign(t); t.Authorised = nil }, Missing, papers},
	{"handler", shop, "a letter of somebody else", func(t *registry.Tables) { foreign(t); t.Authorised[0].Grantor = "Other" }, Missing, papers},
	{"dpa", shop, "agreed", nil, Met, papers},
	{"dpa", shop, "not agreed", nil, Missing, without(shop, document.Processing)},
	{"dpa", shop, "agreed until now", nil, Missing, func(f *Facts) { papers(f); f.File.Papers[Paper{shop, document.Processing}] = noon.UnixMilli() }},
	{"dpa", reseller, "its customer agreed", nil, Met, without(school, document.Processing)},
	{"dpa", reseller, "its customer did not", nil, Missing, without(shop, document.Processing)},
	{"dpa", reseller, "another reseller's customer did not", func(t *registry.Tables) { t.Parties[3].AgentMode, t.Parties[3].ParentID = registry.Licensed, reseller }, Met, without(school, document.Processing)},
	{"dpa", operator, "a referred customer did not", nil, Missing, without(school, document.Processing)},
	{"dpa", operator, "no customers", func(t *registry.Tables) { t.Parties[2].State, t.Parties[4].State = registry.Closed, registry.Closed }, Idle, papers},
	{"pia", shop, "assessed", nil, Met, papers},
	{"pia", shop, "not assessed", nil, Missing, without(shop, document.Assessment)},
	{"pia", operator, "a customer's was not", nil, Missing, without(school, document.Assessment)},
	{"template_filing", shop, "filed", nil, Met, nil},
	{"template_filing", shop, "another wording", func(t *registry.Tables) { t.TFilings[0].Version = 2 }, Missing, nil},
	{"template_filing", shop, "waits", func(t *registry.Tables) { t.TFilings[0].State = "submitted" }, Missing, nil},
	{"template_filing", shop, "with a carrier that does not ask", func(t *registry.Tables) { t.Channels[0].Carrier = sms.Broadnet }, Idle, nil},
	{"upstream", operator, "the carrier", nil, Met, nil},
	{"upstream", operator, "licensed", upstream, Met, nil},
	{"upstream", operator, "without a licence", func(t *registry.Tables) { upstream(t); t.Licences = t.Licences[:2] }, Missing, nil},
	{"upstream", operator, "frozen", func(t *registry.Tables) { upstream(t); t.Parties[5].State = registry.Frozen }, Missing, nil},
	{"upstream", operator, "an API of nobody", func(t *registry.Tables) { t.Channels[0].Protocol = "http" }, Missing, nil},
	{"upstream", operator, "no channels", func(t *registry.Tables) { t.Channels = nil }, Idle, nil},
	{"advertising", shop, "nothing found", nil, Unknown, nil},
	{"advertising", shop, "found false", func(t *registry.Tables) {
		t.Measures = []registry.Measure{{ID: 1, PartyID: shop, Rule: "AD-18", Kind: "hold"}}
	}, Missing, nil},
	{"advertising", shop, "found false, and lifted", func(t *registry.Tables) {
		t.Measures = []registry.Measure{{ID: 1, PartyID: shop, Rule: "AD-18", Kind: "hold", LiftedAt: 1}}
	}, Unknown, nil},
	{"advertising", shop, "no marketing", func(t *registry.Tables) { t.Templates = nil }, Idle, func(f *Facts) { f.Marketing = nil }},
}

// What is met, or missing, names the evidence: which duty, when, and what shows it; which
// paper; which channel is not used for want of consent.
func TestEvidenceIsNamed(t *testing.T) {
	c := loaded(t)
	for name, x := range map[string]struct {
		id     string
		party  sms.ID
		change func(*registry.Tables)
		facts  func(*Facts)
		says   []string
	}{
		"done":         {"annual", operator, nil, done(operator, yearly...), []string{"LIC-09b (2026) was done on 2026-11-18, shown by: receipt 7"}},
		"late":         {"annual", operator, nil, open("LIC-09b", operator, time.Date(2026, 11, 1, 0, 0, 0, 0, rulebook.Shanghai)), []string{"LIC-09b (2027) was due: 2026-10-31"}},
		"of a channel": {"refusal_free", operator, nil, done(41, "OPT-04"), []string{"OPT-04 of channel m"}},
		"contact":      {"complaints", operator, nil, papers, []string{"01000000000", "nothing is overdue"}},
		"of an agent":  {"agents_supervised", operator, nil, open("PRV-14", referrer, noon), []string{"PRV-14 of Referrer (4)"}},
		"not used":     {"dpa", shop, upstream, papers, []string{"not used, because the contract does not let the processing be passed on: m (PRV-02)"}},
		"letter":       {"handler", shop, foreign, papers, []string{"has a letter of Holder"}},
		"filing":       {"template_filing", shop, nil, nil, []string{"filing T-3"}},
	} {
		facts := x.facts
		if facts == nil {
			facts = func(*Facts) {}
		}
		all := ""
		for _, b := range judged(t, c, x.party, noon, x.change, facts).line(t, x.id).Found {
			all += b.En + "\n"
		}
		for _, want := range x.says {
			if !strings.Contains(all, want) {
				t.Errorf("%s: %q is not in %s", name, want, all)
			}
		}
		if strings.Count(all, "was due:") > 1 {
			t.Errorf("%s: one that is late is told twice: %s", name, all)
		}
	}
}
