package channel

import (
	"math"
	"testing"

	"github.com/zhunxin/zhunxin/internal/sms"
)

func TestCredit(t *testing.T) {
	for _, c := range []struct {
		what                      string
		class                     sms.Class
		free, windows, pace, want int
	}{
		{"a code may fill the window", sms.ClassOTP, 16, 16, math.MaxInt, 16},
		{"an offer leaves room for codes", sms.ClassMKT, 16, 16, math.MaxInt, 14},
		{"what is kept may be all that is left", sms.ClassMKT, 2, 16, math.MaxInt, 0},
		{"a code takes it", sms.ClassOTP, 2, 16, math.MaxInt, 2},
		{"a window too small to share", sms.ClassMKT, 4, 4, math.MaxInt, 4},
		{"a slow pace below what is kept of a wide window lets offers through", sms.ClassMKT, 4096, 4096, 10, 10},
		{"the pace is used up", sms.ClassOTP, 16, 16, 0, 0},
		{"no session", sms.ClassOTP, 0, 0, math.MaxInt, 0},
	} {
		if got := credit(c.class, c.free, c.windows, c.pace); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
}
