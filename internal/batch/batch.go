// Package batch narrows a failing batch down to the item that is at fault.
package batch

import "errors"

// Isolate tries n items as one, and halves a range that fails until one culprit
// stands alone; all others are done then. It returns the range that is not done,
// empty when all is. When both halves of a range fail it is not an item that is
// at fault but what try relies on, and the range is given back whole.
func Isolate(n int, try func(lo, hi int) error) (lo, hi int, err error) {
	hi = n
	if err = try(lo, hi); err == nil {
		return 0, 0, nil
	}
	for hi-lo > 1 {
		mid := (lo + hi) / 2
		first, second := try(lo, mid), try(mid, hi)
		switch {
		case first != nil && second != nil:
			return lo, hi, errors.Join(first, second)
		case first != nil:
			hi, err = mid, first
		case second != nil:
			lo, err = mid, second
		default:
			return 0, 0, nil
		}
	}
	return lo, hi, err
}
