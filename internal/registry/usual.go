package registry

import (
	"math"
	"slices"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Usual compares a price with the middle one of other accounts in the same category and to the
// same carrier, and with the cheapest channel's cost of a segment, in per cent. What there is
// nothing to compare with is not ok.
func (s *Snapshot) Usual(p *Price, at int64) (usual, cost int64, hasUsual, hasCost bool) {
	var others []sms.Money
	for _, a := range s.Account {
		if x, ok := s.Price(a.ID, p.Category, p.Carrier, at); ok && a.ID != p.AccountID && a.State == Active {
			others = append(others, x)
		}
	}
	if slices.Sort(others); len(others) > 0 {
		usual, hasUsual = percent(p.UnitPrice, others[len(others)/2])
	}
	var cheapest sms.Money
	for _, ch := range s.Channels {
		if ch.Carrier == p.Carrier && ch.State == Active && ch.Cost > 0 && (cheapest == 0 || ch.Cost < cheapest) {
			cheapest = ch.Cost
		}
	}
	cost, hasCost = percent(p.UnitPrice, cheapest)
	return usual, cost, hasUsual, hasCost
}

// percent is what share a is of b, rounded down; of nothing it is none.
func percent(a, b sms.Money) (int64, bool) {
	if b <= 0 {
		return 0, false
	}
	return int64(min(a, math.MaxInt64/100) * 100 / b), true
}
