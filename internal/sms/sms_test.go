package sms_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/sms"
)

const number = "19900001234"

func TestNumbersAreReadInEveryUsualForm(t *testing.T) {
	t.Parallel()
	for _, in := range []string{number, "86" + number, "+86" + number, "0086" + number, "199 0000 1234", "+86 199-0000-1234"} {
		m, err := sms.ParseMSISDN(in)
		if err != nil || m.Reveal() != "86"+number || m.National() != number || !m.Mainland() {
			t.Errorf("%q: got %q, %v", in, m.Reveal(), err)
		}
	}
	for _, in := range []string{"", "1990000123", "199000012345", "12900001234", "abc", "１９９００００１２３４", "+", "+8612345", "+123", "+1234567890123456", strings.Repeat("1", 40), "199\x0000001234"} {
		if m, err := sms.ParseMSISDN(in); err == nil {
			t.Errorf("%q was read as %q", in, m.Reveal())
		} else if len(in) > 6 && strings.Contains(err.Error(), in) {
			t.Errorf("the error repeats the number: %v", err)
		}
	}
}

func TestP7NumberMasksItselfUnderEveryVerb(t *testing.T) {
	t.Parallel()
	m, err := sms.ParseMSISDN(number)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "to", m)
	js, _ := json.Marshal(map[string]any{"to": m})
	out := []string{m.String(), log.String(), string(js)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out = append(out, fmt.Sprintf(verb, m), fmt.Sprintf(verb, struct{ N sms.MSISDN }{m}))
	}
	for _, s := range out {
		if strings.Contains(s, "0000") || strings.Contains(s, "00001") {
			t.Errorf("a number shows in %q", s)
		}
	}
}

func FuzzParseMSISDN(f *testing.F) {
	for _, s := range []string{number, "+86" + number, "+447700900123", "00861"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := sms.ParseMSISDN(s)
		if err != nil {
			return
		}
		again, err := sms.ParseMSISDN("+" + m.Reveal())
		if err != nil || again != m {
			t.Errorf("%q does not read back: %v", s, err)
		}
	})
}

// The table is the contract: every edge is walked by each of its actors, and
// every other pair of states, and every other actor, is refused.
func TestTransitionTableWalksEveryEdgeAndRefusesEveryOther(t *testing.T) {
	t.Parallel()
	type move struct {
		from, to sms.State
		by       sms.Actor
	}
	allowed := map[move]bool{}
	reached := map[sms.State]bool{}
	for _, e := range sms.Edges() {
		for _, a := range e.By {
			if allowed[move{e.From, e.To, a}] {
				t.Errorf("%q to %q by %s stands twice", e.From, e.To, a)
			}
			allowed[move{e.From, e.To, a}] = true
		}
		reached[e.To] = true
		if e.From.Final() {
			t.Errorf("an edge leaves the final state %q", e.From)
		}
		if e.From != sms.New && !e.From.Permit() && e.To.Permit() && e.To != sms.Permitted {
			t.Errorf("P1: %q reaches %q without a new decision", e.From, e.To)
		}
	}
	actors := []sms.Actor{sms.ActorGate, sms.ActorDispatch, sms.ActorInbound, sms.ActorSweeper, sms.ActorPerson, sms.ActorCustomer}
	all := append([]sms.State{sms.New}, sms.States()...)
	for _, from := range all {
		for _, to := range all {
			for _, by := range actors {
				if _, err := sms.Take(from, to, by); (err == nil) != allowed[move{from, to, by}] {
					t.Errorf("%s from %q to %q: %v", by, from, to, err)
				}
			}
		}
	}
	for _, s := range sms.States() {
		if !reached[s] {
			t.Errorf("no edge reaches %q", s)
		}
	}
}

// P1: only dispatch writes PDUs, and only from a permitted message in a queue.
func TestP1OnlyQueuedMessagesReachSubmitting(t *testing.T) {
	t.Parallel()
	for _, e := range sms.Edges() {
		if e.To != sms.Submitting {
			continue
		}
		if e.From != sms.Queued || len(e.By) != 1 || e.By[0] != sms.ActorDispatch {
			t.Errorf("%q reaches submitting by %v", e.From, e.By)
		}
	}
}

// P5: money is held when the message is stored and ends in exactly one capture
// or release, whichever way it takes through the table.
func TestP5EveryPathHoldsOnceAndSettlesOnce(t *testing.T) {
	t.Parallel()
	type at struct {
		state sms.State
		held  bool
	}
	seen := map[at]bool{}
	var walk func(at)
	walk = func(p at) {
		if seen[p] {
			return
		}
		seen[p] = true
		if p.state.Final() && p.held {
			t.Errorf("%q is final with money held", p.state)
		}
		for _, e := range sms.Edges() {
			if e.From != p.state {
				continue
			}
			next := p.held
			switch e.Money {
			case sms.MoneyHold:
				next = true
			case sms.MoneyCapture, sms.MoneyRelease:
				if !p.held {
					t.Errorf("%q to %q settles what is not held", e.From, e.To)
				}
				next = false
			case sms.MoneyKeep, sms.MoneyRehold:
				if !p.held {
					t.Errorf("%q to %q keeps what is not held", e.From, e.To)
				}
			}
			walk(at{e.To, next})
		}
	}
	walk(at{sms.New, false})
}

func TestCatalogueRowsAreCompleteAndDistinct(t *testing.T) {
	t.Parallel()
	codes, stats := map[sms.Code]bool{}, map[string]bool{}
	for _, e := range sms.Catalogue() {
		if codes[e.Code] || stats[e.Stat] {
			t.Errorf("%s or %s stands twice", e.Code, e.Stat)
		}
		codes[e.Code], stats[e.Stat] = true, true
		if e.Zh == "" || e.En == "" || len(e.Stat) != 7 || e.HTTP < 200 || e.HTTP > 599 {
			t.Errorf("%s is incomplete: %+v", e.Code, e)
		}
		if e.Code != sms.OK && e.CMPP == 0 {
			t.Errorf("%s would tell a CMPP client that all is well", e.Code)
		}
	}
	if sms.Lookup("NO_SUCH_CODE").Code != sms.Internal {
		t.Error("an unknown code is not read as INTERNAL")
	}
}

func TestShareAddsUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := sms.Money(rapid.Int64Range(0, 1<<50).Draw(t, "money"))
		n := rapid.IntRange(1, 99).Draw(t, "parts")
		last := sms.Money(0)
		for k := 0; k <= n; k++ {
			s := m.Share(k, n)
			if s < last {
				t.Fatalf("share falls at %d", k)
			}
			if d := int64(s-last) - int64(m)/int64(n); k > 0 && (d < 0 || d > 1) {
				t.Fatalf("part %d is off by %d", k, d)
			}
			last = s
		}
		if last != m {
			t.Fatalf("%d parts add up to %d of %d", n, last, m)
		}
	})
}

func TestMoneyTimesRefusesOverflow(t *testing.T) {
	t.Parallel()
	if p, err := sms.Money(35_000).Times(3); err != nil || p.String() != "0.105" {
		t.Errorf("got %s, %v", p, err)
	}
	if _, err := (sms.Money(1) << 60).Times(100); err == nil {
		t.Error("an overflow went unseen")
	}
	if s := sms.Money(-1_500_000).String(); s != "-1.50" {
		t.Errorf("got %s", s)
	}
}

func TestIDsNeverRepeatAlsoWhenTheClockStepsBack(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	tick := 0
	ids, err := sms.NewIDs(3, func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		tick++
		return start.Add(time.Duration(tick%7-tick%3) * time.Second)
	})
	if err != nil {
		t.Fatal(err)
	}
	last := sms.ID(0)
	for range 20_000 {
		id := ids.Next()
		if id <= last {
			t.Fatalf("%d after %d", id, last)
		}
		last = id
	}
	if _, err := sms.NewIDs(1024, time.Now); err == nil {
		t.Error("node 1024 was taken")
	}
}

func TestIDsGoOnAfterThoseInUse(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	ahead, err := sms.NewIDs(9, func() time.Time { return now.Add(time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	used := ahead.Next()
	ids, err := sms.NewIDs(3, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	ids.After(used)
	if next := ids.Next(); next <= used {
		t.Errorf("%d after %d", next, used)
	}
	ids.After(1)
	if a, b := ids.Next(), ids.Next(); b <= a || a <= used {
		t.Errorf("%d, %d after %d", a, b, used)
	}
}
