package shortlink

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// However visitors come, and on whichever nodes, the count is right to four times the error
// that the sketch is said to have.
func TestVisitorsAreCountedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 50_000).Draw(t, "visitors")
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		nodes := make([]sketch, 3)
		for range n {
			hash := rnd.Uint64()
			for range rnd.IntN(3) + 1 { // some come again
				nodes[rnd.IntN(len(nodes))].add(hash)
			}
		}
		var stored []byte
		for _, s := range nodes {
			stored = s.merge(stored)
		}
		if got := sketch(stored).count(); math.Abs(float64(got)-float64(n)) > 4*0.023*float64(n)+1 {
			t.Errorf("%d visitors are counted as %d", n, got)
		}
		again := nodes[0].merge(stored)
		if !slices.Equal(again, stored) {
			t.Error("what is merged again counts again")
		}
	})
}

func TestTargetIsAPageOfNobody(t *testing.T) {
	for target, good := range map[string]bool{
		"https://www.shop.example/summer?from=sms#top":    true,
		"http://shop.example:8443/a":                      true,
		"https://shop.example/item/100000000000001":       true,
		"https://shop.example/item/13900000000":           false,
		"https://shop.example/?who=8613900000000&x=1":     false,
		"https://shop.example/#13900000000":               false,
		"https://user:pass@shop.example/":                 false,
		"javascript:alert(1)":                             false,
		"//shop.example/":                                 false,
		"shop.example/summer":                             false,
		"https:///summer":                                 false,
		"https://shop.example/\x7f":                       false,
		"https://shop.example/" + string(make([]byte, 9)): false,
		"": false,
	} {
		if _, err := Target(target); (err == nil) != good {
			t.Errorf("%q: %v", target, err)
		}
	}
}
