package sms

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Money is an amount in micro-yuan (CNY 0.000001). A unit price of 3.5 fen is
// 35,000. Integers only: a balance is a sum of entries, to the last digit (P5).
type Money int64

// Yuan is one CNY.
const Yuan Money = 1_000_000

// String prints yuan with as many decimals as needed, two at the least.
func (m Money) String() string {
	sign, v := "", uint64(m)
	if m < 0 {
		sign, v = "-", uint64(-m)
	}
	frac := strings.TrimRight(fmt.Sprintf("%06d", v%uint64(Yuan)), "0")
	for len(frac) < 2 {
		frac += "0"
	}
	return sign + strconv.FormatUint(v/uint64(Yuan), 10) + "." + frac
}

// Times returns m multiplied by a count, or an error when it leaves int64.
func (m Money) Times(n int) (Money, error) {
	if n == 0 || m == 0 {
		return 0, nil
	}
	p := int64(m) * int64(n)
	if p/int64(n) != int64(m) || (m == math.MinInt64 && n == -1) {
		return 0, fmt.Errorf("amount %s times %d is out of range", m, n)
	}
	return Money(p), nil
}

// Share splits m over total parts and returns what the first k parts carry, by
// largest remainder: Share(m, total, total) is m and the function never
// decreases in k, so that the parts of a message captured one after the other
// always add up (BIL-01, design: captured share = units × accepted / all).
func (m Money) Share(k, total int) Money {
	if total <= 0 || k <= 0 {
		return 0
	}
	if k >= total {
		return m
	}
	q, r := int64(m)/int64(total), int64(m)%int64(total)
	return Money(q*int64(k) + min(r, int64(k)))
}
