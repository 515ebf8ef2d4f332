package dialect

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// A key pulls 20 times a second and no more; another key, and other actions, have their own.
func TestPullsOfAKeyHaveAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p paces
		count := func(key sms.ID, x pace) (n int) {
			for range 100 {
				if p.keep(key, x) == nil {
					n++
				}
			}
			return n
		}
		if n := count(1, pulling); n != 20 {
			t.Errorf("%d at once", n)
		}
		if n := count(2, pulling); n != 20 {
			t.Errorf("%d of another key", n)
		}
		if n := count(1, counting); n != 20 {
			t.Errorf("%d statistics", n)
		}
		<-time.After(time.Second) // the bubble's clock
		if n := count(1, pulling); n != 20 {
			t.Errorf("%d a second later", n)
		}
		if n := count(1, counting); n != 5 {
			t.Errorf("%d statistics a second later", n)
		}
	})
}
