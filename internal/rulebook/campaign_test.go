package rulebook_test

import (
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/rulebook"
)

// What stands against one message of a campaign stops all of it only if no other one could
// fare better.
func TestRulesOfAll(t *testing.T) {
	t.Parallel()
	b := book(t)
	for rule, want := range map[string][2]bool{ // with variables, and with a constant text
		"LIC-01": {true, true}, "SIG-01": {true, true}, "TIM-01": {true, true}, // whoever gets it
		"CNT-01": {false, true}, "AD-11": {false, true}, "TPL-10": {false, true}, // whatever it says
		"CNS-01": {false, false}, "OPT-03": {false, false}, "FRQ-03": {false, false}, // of the recipient
		"SIG-08": {false, false}, // of the channel
		"CNS-13": {false, false}, // of the call
		"NO-99":  {false, false},
	} {
		if got := [2]bool{b.OfAll(rule, false), b.OfAll(rule, true)}; got != want {
			t.Errorf("%s: %v, want %v", rule, got, want)
		}
	}
}

// A campaign is judged as one, and what can't be read as a text is no campaign's.
func TestCampaignRulesAreOfTheirOwnKind(t *testing.T) {
	t.Parallel()
	if _, err := book(t).JudgeCampaign(&rulebook.CampaignClaim{Category: "MKT", Text: "\xff"}, morning); err == nil {
		t.Error("bytes that are no text are judged")
	}
	const rule = `
pack: house
version: "1"
layer: house
rules:
  - {id: CNS-99, %s title: {zh: a, en: b}, basis: [{instrument: 平台自定, article: a}], status: D, effective_from: 2026-01-01,
     against: campaign.rows > 10, code: CAMPAIGN_FORM, reason: {zh: a, en: b}, remedy: {zh: a, en: b},
     examples: [{name: few, facts: {campaign.rows: 10}, stands: false}, {name: many, facts: {}, stands: true}], outcome: %s}
`
	for _, c := range []struct{ head, outcome, want string }{
		{"kind: campaign,", "hold", ""},
		{"kind: campaign,", "defer", "blocks, holds or warns"},
		{"kind: campaign, object: party,", "hold", "has no object"},
		{"kind: object, object: campaign,", "hold", "of the kind campaign"},
	} {
		text := strings.Replace(strings.Replace(rule, "%s", c.head, 1), "%s", c.outcome, 1)
		_, err := rulebook.Load(append(builtin(t), []byte(text))...)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v", c.head, c.outcome, err)
		}
	}
}
