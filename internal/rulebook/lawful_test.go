package rulebook

import (
	"testing"

	"pgregory.net/rapid"
)

// A rule whose facts are all as in a lawful message is passed over; whatever the facts are,
// its answer is the one that its condition gives.
func TestNothingIsPassedOverThatStands(t *testing.T) {
	t.Parallel()
	packs, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	b, err := Load(packs...)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(b.rules).Draw(t, "rule")
		f := b.NewFacts()
		for _, i := range c.facts {
			switch f.vals[i].(type) {
			case bool:
				f.vals[i] = rapid.Bool().Draw(t, "fact")
			case int64:
				f.vals[i] = rapid.OneOf(rapid.Just(b.lawful[i].(int64)), rapid.Int64Range(-1, 1500)).Draw(t, "fact")
			}
		}
		evaluated := *c
		evaluated.quiet = false
		if got, want := c.against(f), evaluated.against(f); got != want {
			t.Fatalf("%s stands: %t, its condition says %t", c.ID, got, want)
		}
	})
}
