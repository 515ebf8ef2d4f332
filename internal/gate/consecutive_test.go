package gate_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// CNS-13: a list whose numbers follow each other waits for a reviewer, and is refused when it
// is scheduled, because it would be released one by one.
func TestNumberRangesAreHeld(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		approve(w, 901, sms.Notice, "您的订单已发货")
		const text = "【准信科技】您的订单已发货"
		list := func(base, inARow, apart int) (out []string) {
			for i := range inARow {
				out = append(out, fmt.Sprint(13000000000+base+i))
			}
			for i := range apart {
				out = append(out, fmt.Sprint(13000000000+base+1000+2*i))
			}
			return out
		}
		for name, v := range map[string]struct {
			numbers []string
			state   sms.State
			at      time.Time
		}{
			"nineteen":             {list(10_000, 19, 0), sms.Queued, time.Time{}},
			"twenty":               {list(20_000, 20, 0), sms.Held, time.Time{}},
			"twelve of twenty":     {list(30_000, 12, 8), sms.Held, time.Time{}},
			"eleven of twenty":     {list(40_000, 11, 9), sms.Queued, time.Time{}},
			"every other number":   {list(50_000, 0, 40), sms.Queued, time.Time{}},
			"twenty, later":        {list(60_000, 20, 0), sms.Refused, gatetest.Morning.Add(time.Hour)},
			"people, later":        {list(70_000, 0, 20), sms.Scheduled, gatetest.Morning.Add(time.Hour)},
			"one of them is twice": {append(list(80_000, 19, 0), list(80_000, 1, 0)...), sms.Queued, time.Time{}},
		} {
			call := w.Call(text, v.numbers...)
			call.SendAt = v.at
			a, err := w.Gate.Submit(context.Background(), call)
			if err != nil {
				w.T.Fatal(err)
			}
			r := a.Results[0]
			if held := v.state == sms.Held || v.state == sms.Refused; r.State != v.state || held && (r.Code != sms.NumberRange || r.Rule != "CNS-13") {
				w.T.Errorf("%s: %s %s %s, want %s", name, r.State, r.Code, r.Rule, v.state)
			}
		}
	})
}
