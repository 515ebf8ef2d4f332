package routing

import "math/bits"

// Candidate is a channel that may carry a message, as its order needs it.
type Candidate struct {
	Group  int64 // channels of one group share its messages; a lower one goes first
	Weight int64 // share inside the group; 0 has none, and stands in for those that have
}

// Order ranks candidates for one message and returns their indexes, best first. The
// list must be sorted by group and, inside a group, by cost. Inside a group those
// with a weight are drawn one after the other, each with the chance that its weight
// has among those left; then come the others as they stand.
//
// The draw depends on the key alone, so that anybody can repeat it, and over many
// keys each candidate is first as often as its weight says.
func Order(key uint64, list []Candidate) []int {
	out := make([]int, 0, len(list))
	for from := 0; from < len(list); {
		to := from + 1
		for to < len(list) && list[to].Group == list[from].Group {
			to++
		}
		out = draw(out, key^mix(uint64(list[from].Group)), list, from, to)
		from = to
	}
	return out
}

// draw appends the ranking of one group, list[from:to].
func draw(out []int, key uint64, list []Candidate, from, to int) []int {
	var total uint64
	var rest, plain []int
	for i := from; i < to; i++ {
		if w := list[i].Weight; w > 0 {
			rest, total = append(rest, i), total+uint64(w)
		} else {
			plain = append(plain, i)
		}
	}
	for round := uint64(1); len(rest) > 0; round++ {
		x, _ := bits.Mul64(mix(key+round*golden), total) // even over 0 … total-1
		k := 0
		for x >= uint64(list[rest[k]].Weight) {
			x -= uint64(list[rest[k]].Weight)
			k++
		}
		i := rest[k]
		out, total = append(out, i), total-uint64(list[i].Weight)
		rest = append(rest[:k], rest[k+1:]...)
	}
	return append(out, plain...)
}

const golden = 0x9E3779B97F4A7C15

// mix spreads neighbouring keys over all 64 bits (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x += golden
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
