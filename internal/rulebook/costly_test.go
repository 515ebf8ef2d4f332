package rulebook_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/rulebook"
)

// P11: a condition that would compute for ever, or that fails, stands against the message: it
// never lets one through, and it is given up long before it holds anybody up.
func TestCostlyAndFailingConditionsStand(t *testing.T) {
	t.Parallel()
	numbers := "[" + strings.Repeat("1, ", 99) + "1]"
	for name, condition := range map[string]string{
		"a million steps":    "!" + numbers + ".all(a, " + numbers + ".all(b, " + numbers + ".all(c, a + b + c > text.links)))",
		"a division by zero": "1 / (text.links - text.links) == 1",
		"no such place":      numbers + "[text.links + 1000] == 2",
	} {
		b := book(t, "pack: house\nversion: '1'\nlayer: house\nrules:\n"+houseRule("against: \""+condition+"\"", "outcome: block"))
		f, now := b.NewFacts(), day(t, "2026-11-24 10:00")
		f.Time(now)
		found, _ := b.Evaluate(rulebook.StageShared, f, now)
		if !slices.Contains(rulesOf(found), "HSE-01") {
			t.Errorf("%s: it does not stand", name)
		}
	}
}
