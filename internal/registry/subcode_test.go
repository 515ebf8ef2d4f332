package registry_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// PORT-02: whose a source number is tells the longest binding that it begins with, the older
// one of two that are as long.
func TestLongestBindingWins(t *testing.T) {
	t.Parallel()
	digits := rapid.StringMatching(`1{0,1}[01]{1,2}`)
	rapid.Check(t, func(t *rapid.T) {
		var all registry.Tables
		for i, code := range rapid.SliceOfN(digits, 1, 6).Draw(t, "codes") {
			all.AccessCodes = append(all.AccessCodes, registry.AccessCode{ID: sms.ID(i + 1), Code: code, State: registry.Active})
		}
		for i := range rapid.IntRange(0, 40).Draw(t, "bindings") {
			all.Subcodes = append(all.Subcodes, registry.Subcode{
				ID: sms.ID(i + 1), AccessCodeID: sms.ID(rapid.IntRange(1, len(all.AccessCodes)).Draw(t, "code")),
				Digits: rapid.OneOf(rapid.Just(""), digits).Draw(t, "digits"), PartyID: sms.ID(rapid.IntRange(1, 2).Draw(t, "party")),
				State: rapid.SampledFrom([]string{registry.Active, registry.Closed}).Draw(t, "state"),
			})
		}
		number := rapid.StringMatching(`1{1,3}[01]{0,5}`).Draw(t, "number")
		s, err := registry.NewSnapshot(1, all)
		if err != nil {
			t.Fatal(err)
		}
		var want *registry.Subcode
		longest := ""
		for i := range all.Subcodes {
			x := &all.Subcodes[i]
			whole := all.AccessCodes[x.AccessCodeID-1].Code + x.Digits
			if x.State == registry.Active && x.PartyID == 1 && strings.HasPrefix(number, whole) && (want == nil || len(whole) > len(longest)) {
				want, longest = x, whole
			}
		}
		got, extension := s.Bound(number, func(_ *registry.AccessCode, x *registry.Subcode) bool { return x.PartyID == 1 })
		if (got == nil) != (want == nil) || got != nil && (got.ID != want.ID || longest+extension != number) {
			t.Fatalf("%s is %+v and %q, want %+v", number, got, extension, want)
		}
	})
}
