package routing_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/routing"
)

// Without weights the list stays as it is; with them groups do, every candidate is
// named once, and those without a weight come last in their group.
func TestOrderKeepsGroups(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		weighted := rapid.Bool().Draw(t, "weighted")
		n := rapid.IntRange(0, 12).Draw(t, "candidates")
		list := make([]routing.Candidate, n)
		for i := range list {
			list[i].Group = int64(rapid.IntRange(-2, 2).Draw(t, "group"))
			if weighted {
				list[i].Weight = rapid.SampledFrom([]int64{0, 1, 3, 1000, math.MaxInt32}).Draw(t, "weight")
			}
		}
		slices.SortStableFunc(list, func(a, b routing.Candidate) int { return int(a.Group - b.Group) })
		key := rapid.Uint64().Draw(t, "key")
		got := routing.Order(key, list)
		if !slices.Equal(got, routing.Order(key, list)) {
			t.Fatal("the same message has two orders")
		}
		once := slices.Sorted(slices.Values(got))
		for i := range once {
			if once[i] != i || len(once) != n {
				t.Fatalf("%v names not everybody once", got)
			}
			if !weighted && got[i] != i {
				t.Fatalf("without weights the order is %v", got)
			}
		}
		for i := 1; i < len(got); i++ {
			a, b := list[got[i-1]], list[got[i]]
			if a.Group > b.Group || a.Group == b.Group && a.Weight == 0 && (b.Weight > 0 || got[i-1] > got[i]) {
				t.Fatalf("%+v stands before %+v", a, b)
			}
		}
	})
}

// Over many messages each channel is first as often as its weight says, and what the
// first can't carry falls to the others by their weights.
func TestWeightsConverge(t *testing.T) {
	t.Parallel()
	list := []routing.Candidate{{Weight: 1}, {Weight: 2}, {Weight: 5}, {Weight: 0}, {Group: 1, Weight: 9}}
	const messages = 200_000
	var first, second [5]float64
	for id := range uint64(messages) {
		got := routing.Order(id, list)
		first[got[0]]++
		if got[0] == 2 {
			second[got[1]]++
		}
	}
	for i, want := range []float64{1. / 8, 2. / 8, 5. / 8, 0, 0} {
		if got := first[i] / messages; math.Abs(got-want) > 0.005 {
			t.Errorf("channel %d is first for %.4f, want %.4f", i, got, want)
		}
	}
	for i, want := range []float64{1. / 3, 2. / 3} {
		if got := second[i] / first[2]; math.Abs(got-want) > 0.005 {
			t.Errorf("channel %d stands in for %.4f, want %.4f", i, got, want)
		}
	}
}
