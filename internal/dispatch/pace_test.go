package dispatch

import (
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// CMP-06: what is slowed down leaves at its pace, and saves up no more than a little; other
// accounts' marketing and all codes pass by.
func TestSlowedMarketingLeavesAtItsPace(t *testing.T) {
	at := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	p := paces{now: func() time.Time { return at }}
	p.set([]Pace{{Measure: 7, PerMinute: 60, Reaches: func(m *sms.Message) bool { return m.AccountID == 1 }}})
	var q queue
	for id := range sms.ID(100) {
		q.add(message(id+1, 1))
	}
	for id := range sms.ID(3) {
		q.add(message(id+1001, 2))
	}
	pop := func() (slow, other int) {
		for {
			r, ok := q.pop(sms.ClassMKT, p.take)
			switch {
			case !ok:
				return slow, other
			case r.Message.AccountID == 1:
				slow++
			default:
				other++
			}
		}
	}
	if slow, other := pop(); slow != 0 || other != 3 {
		t.Errorf("at once %d of the slow and %d of the other", slow, other)
	}
	for _, x := range []struct {
		after time.Duration
		want  int
	}{{500 * time.Millisecond, 0}, {500 * time.Millisecond, 1}, {4 * time.Second, 4}, {time.Hour, 10}} {
		at = at.Add(x.after)
		if slow, _ := pop(); slow != x.want {
			t.Errorf("%s later %d left, want %d", x.after, slow, x.want)
		}
	}
	q.add(gate.Ready{Message: &sms.Message{ID: 5000, AccountID: 1, Category: sms.OTP}})
	if _, ok := q.pop(sms.ClassOTP, p.take); !ok {
		t.Error("a code waits for the pace of marketing")
	}
	p.set(nil)
	if slow, _ := pop(); slow != 85 {
		t.Errorf("after it was lifted %d left", slow)
	}
}

// A slow-down that stays keeps its time when others come and go: no change of the registry
// gives it a new burst.
func TestAPaceOutlivesChangesOfTheRegistry(t *testing.T) {
	at := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	p := paces{now: func() time.Time { return at }}
	slow := Pace{Measure: 7, PerMinute: 6, Reaches: func(*sms.Message) bool { return true }}
	m := &sms.Message{AccountID: 1, Category: sms.MKT}
	p.set([]Pace{slow})
	at = at.Add(10 * time.Second)
	if !p.take(m) || p.take(m) {
		t.Fatal("ten seconds of six a minute are one message")
	}
	p.set([]Pace{slow, {Measure: 8, PerMinute: 6000, Reaches: func(*sms.Message) bool { return false }}})
	if p.take(m) {
		t.Error("it begins anew")
	}
}
