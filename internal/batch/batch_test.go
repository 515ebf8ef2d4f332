package batch

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestIsolateDoesAllButTheCulprit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 100).Draw(t, "n")
		bad := rapid.IntRange(-1, n-1).Draw(t, "bad")
		done := make([]int, n)
		lo, hi, err := Isolate(n, func(lo, hi int) error {
			if lo <= bad && bad < hi {
				return errors.New("bad")
			}
			for i := lo; i < hi; i++ {
				done[i]++
			}
			return nil
		})
		if (err != nil) != (bad >= 0) || err != nil && (lo != bad || hi != bad+1) {
			t.Fatalf("%d to %d, %v", lo, hi, err)
		}
		for i, times := range done {
			if want := 1; i == bad && times != 0 || i != bad && times != want {
				t.Fatalf("item %d was done %d times", i, times)
			}
		}
	})
}

func TestIsolateGivesUpOnAStoreThatFails(t *testing.T) {
	calls := 0
	lo, hi, err := Isolate(1000, func(int, int) error { calls++; return errors.New("down") })
	if err == nil || lo != 0 || hi != 1000 || calls != 3 {
		t.Errorf("%d to %d after %d calls, %v", lo, hi, calls, err)
	}
}
