package gate

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/sms"
)

func waiting(app sms.ID, line any, recipients int) *job {
	number, _ := sms.ParseMSISDN("14200000000")
	list := make([]Recipient, recipients)
	for i := range list {
		list[i].Number = number
	}
	return &job{call: &Call{Application: app, Line: line, Parts: []Part{{Text: "text", Recipients: list}}}}
}

// Whatever comes and goes: each call leaves once, those of a line in their order, and of two
// applications that both wait none gets more than the other by more than a turn and a call.
func TestApplicationsAndLinesTakeTurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		type lane struct {
			app  sms.ID
			line int
		}
		came := map[lane][]*job{}
		held := map[sms.ID]int{}
		got, gotLine := map[sms.ID]int{}, map[lane]int{} // since the last time that somebody had nothing
		most := 0
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			if rapid.IntRange(0, 2).Draw(t, "comes") > 0 {
				l := lane{sms.ID(rapid.IntRange(1, 4).Draw(t, "application")), rapid.IntRange(0, 3).Draw(t, "line")}
				j := waiting(l.app, l.line, rapid.SampledFrom([]int{1, 1, 1, 7, 100, MaxRecipients}).Draw(t, "recipients"))
				n := j.call.Recipients()
				most = max(most, n)
				if len(came[l]) == 0 {
					clear(got)
					clear(gotLine)
				}
				q.push(j)
				came[l], held[l.app] = append(came[l], j), held[l.app]+n
				continue
			}
			j := q.front()
			if j == nil {
				continue
			}
			l := lane{j.call.Application, j.call.Line.(int)}
			if len(came[l]) == 0 || came[l][0] != j {
				t.Fatalf("a call of %v is not the first of its line", l)
			}
			q.pop()
			n := j.call.Recipients()
			came[l], held[l.app] = came[l][1:], held[l.app]-n
			got[l.app], gotLine[l] = got[l.app]+n, gotLine[l]+n
			if len(came[l]) == 0 {
				clear(got)
				clear(gotLine)
			}
			for a, n := range held {
				if q.waiting(a) != n {
					t.Fatalf("application %d has %d waiting, the queue says %d", a, n, q.waiting(a))
				}
				for b, other := range held {
					if n > 0 && other > 0 && got[a] > got[b]+2*(turn+most) {
						t.Fatalf("application %d got %d and %d got %d", a, got[a], b, got[b])
					}
				}
			}
			for a := range came {
				for b := range came {
					if a.app == b.app && len(came[a]) > 0 && len(came[b]) > 0 && gotLine[a] > gotLine[b]+2*(turn+most) {
						t.Fatalf("line %v got %d and %v got %d", a, gotLine[a], b, gotLine[b])
					}
				}
			}
		}
		for q.front() != nil {
			j := q.front()
			l := lane{j.call.Application, j.call.Line.(int)}
			if len(came[l]) == 0 || came[l][0] != j {
				t.Fatalf("a call of %v is not the first of its line", l)
			}
			came[l] = came[l][1:]
			q.pop()
		}
		for l, list := range came {
			if len(list) > 0 {
				t.Fatalf("%d calls of %v never left", len(list), l)
			}
		}
	})
}

// A line that has fallen behind says fifty together, so that their answers leave by one
// write, and then it is the next one's turn.
func TestTurnsAreLongAndEnd(t *testing.T) {
	var q queue
	for i := range 1000 {
		q.push(waiting(1, i%10, 1))
	}
	var lines []any
	for j := q.front(); j != nil; j = q.front() {
		q.pop()
		if n := len(lines); n == 0 || lines[n-1] != j.call.Line {
			lines = append(lines, j.call.Line)
		}
	}
	if len(lines) != 20 {
		t.Errorf("the lines spoke in turns of %v", lines)
	}
}

// An application that sends without end fills three quarters of what may wait, and another
// one still gets in: with one call if nothing else, and with a quarter if nobody is there.
func TestOneApplicationLeavesRoom(t *testing.T) {
	g := New(Config{QueueRecipients: 10_000, BatchRecipients: 500}, nil, nil, nil, nil)
	fill := func(app sms.ID, recipients int) (taken int, why error) {
		for why == nil {
			g.Send(waiting(app, nil, recipients).call, func(_ Answer, err error) { why = err })
			if why == nil {
				taken += recipients
			}
		}
		return taken, why
	}
	var known *sms.Error
	bulk, err := fill(1, 100)
	if bulk != 7500 || !errors.As(err, &known) || known.Code != sms.Busy {
		t.Errorf("one application alone may hold %d: %v", bulk, err)
	}
	if n, _ := fill(2, 10); n < 1500 || n > 2000 {
		t.Errorf("the second may hold %d", n)
	}
	for app := sms.ID(3); app < 20; app++ {
		if n, err := fill(app, 1); n == 0 && app < 7 {
			t.Errorf("application %d gets nothing in: %v", app, err)
		}
	}
	if g.waiting > g.cfg.QueueRecipients {
		t.Errorf("%d wait", g.waiting)
	}
	batch := g.gather(t.Context())
	apps := map[sms.ID]int{}
	for _, j := range batch {
		apps[j.call.Application] += j.call.Recipients()
	}
	if len(apps) < 6 || apps[1] > 200 {
		t.Errorf("the next transaction decides %s", fmt.Sprint(apps))
	}
}

// A call of an account for verification codes is known as one before it is read.
func TestCodesOfAnAccountAreUrgent(t *testing.T) {
	for _, x := range []struct {
		said, otherwise sms.Category
		urgent          bool
	}{{sms.OTP, "", true}, {"", sms.OTP, true}, {sms.MKT, sms.OTP, false}, {"", sms.MKT, false}, {"", "", false}} {
		if got := urgent(&Call{Parts: []Part{{Category: x.said, Otherwise: x.otherwise}}}); got != x.urgent {
			t.Errorf("%q, otherwise %q: %v", x.said, x.otherwise, got)
		}
	}
}
