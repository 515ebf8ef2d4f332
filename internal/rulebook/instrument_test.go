package rulebook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/rulebook"
)

// Order 74 takes the place of Order 31 on 2026-05-01; a refusal cites the one in force.
func TestRefusalCitesWhatIsInForce(t *testing.T) {
	t.Parallel()
	b := book(t)
	f := b.NewFacts()
	f.String(rulebook.Category, "MKT")
	f.Bool(rulebook.ConsentValid, false)
	day := time.Date(2026, 5, 1, 0, 0, 0, 0, rulebook.Shanghai)
	for _, c := range []struct {
		at           time.Time
		cites, spare string
	}{
		{day.Add(-time.Second), "令第31号", "令第74号"},
		{day, "令第74号", "令第31号"},
		{time.Date(2021, 10, 31, 23, 59, 59, 0, rulebook.Shanghai), "民法典", "个人信息保护法"},
		{time.Date(2021, 11, 1, 0, 0, 0, 0, rulebook.Shanghai), "个人信息保护法", "令第74号"},
	} {
		found, _ := b.Evaluate(rulebook.StageRecipient, f, c.at)
		if len(found) == 0 || found[0].Rule != "CNS-01" {
			t.Fatalf("%v", found)
		}
		if got := strings.Join(found[0].Articles, "; "); !strings.Contains(got, c.cites) || strings.Contains(got, c.spare) {
			t.Errorf("%s: %s", c.at, got)
		}
	}
}

// Every rule rests on something at every moment from its beginning on.
func TestRulesWithoutForceAreRefused(t *testing.T) {
	t.Parallel()
	const rule = `
rules:
  - id: ABC-01
    title: {zh: a, en: b}
    basis: [{instrument: 《A》, article: 一}]
    status: D
    effective_from: 2020-01-01
    against: template.matched
    outcome: block
    code: RULE_REFUSED
    reason: {zh: a, en: b}
    remedy: {zh: a, en: b}
    examples: [{name: a, facts: {}, stands: true}, {name: b, facts: {template.matched: false}, stands: false}]
`
	for name, c := range map[string]struct{ layer, instruments, want string }{
		"in force":       {"law", "[{name: 《A》, from: 2019-01-01}]", ""},
		"not listed":     {"law", "[{name: 《B》, from: 2019-01-01}]", "not among the instruments"},
		"later than it":  {"law", "[{name: 《A》, from: 2020-01-02}]", "2020-01-01 nothing"},
		"ended":          {"law", "[{name: 《A》, from: 2019-01-01, to: 2024-01-01}]", "2024-01-01 nothing"},
		"twice":          {"law", "[{name: 《A》, from: 2019-01-01}, {name: 《A》, from: 2019-01-02}]", "twice"},
		"the same twice": {"law", "[{name: 《A》, from: 2019-01-01}, {name: 《A》, from: 2019-01-01}]", ""},
		"ends before it": {"law", "[{name: 《A》, from: 2019-01-01, to: 2018-01-01}]", "not before"},
		"of a house":     {"house", "[{name: 《A》, from: 2019-01-01}]", "only a law pack"},
	} {
		_, err := rulebook.Load([]byte("pack: x\nversion: '1'\nlayer: " + c.layer + "\ninstruments: " + c.instruments + rule))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
