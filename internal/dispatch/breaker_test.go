package dispatch_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/dispatch"
)

var limits = dispatch.Limits{
	DownAfter: 10 * time.Second, Window: 10 * time.Second, Refused: 50, Answers: 10, Failing: 80, Reports: 20,
	CoolDown: 4 * time.Second, CoolMost: 20 * time.Second, Probes: 3, ProbeTime: 30 * time.Second,
}

// trial is a breaker with a clock of its own.
type trial struct {
	*dispatch.Breaker
	t   *testing.T
	now time.Time
}

func try(t *testing.T) *trial {
	now := time.Unix(1_800_000_000, 0)
	b := &trial{dispatch.NewBreaker(limits, now), t, now}
	b.pass(0, true)
	return b
}

func (b *trial) pass(d time.Duration, up bool) {
	b.now = b.now.Add(d)
	b.Tick(b.now, up)
}

func (b *trial) answers(n int, refused bool) {
	for range n {
		b.Answered(b.now, b.now, refused, false)
	}
}

func (b *trial) reports(n int, delivered bool) {
	for range n {
		b.Reported(b.now, b.now, delivered)
	}
}

func (b *trial) expect(what string, state dispatch.BreakerState, cause dispatch.Cause) {
	b.t.Helper()
	if s, _, c, _ := b.State(); s != state || c != cause {
		b.t.Errorf("%s: %s because of %q, want %s because of %q", what, s, c, state, cause)
	}
}

func TestBreakerOpensWithoutSessions(t *testing.T) {
	b := try(t)
	b.pass(0, false)
	b.pass(9*time.Second, false)
	b.expect("a short fall", dispatch.Closed, "")
	b.pass(0, true)
	b.pass(5*time.Second, false)
	b.pass(9*time.Second, false)
	b.expect("another short fall", dispatch.Closed, "")
	b.pass(time.Second, false)
	b.expect("a long one", dispatch.Open, dispatch.CauseDown)
	b.pass(time.Hour, false)
	b.expect("still down", dispatch.Open, dispatch.CauseDown)
	if n := b.Allow(b.now, 5); n != 0 {
		t.Errorf("an open breaker lets %d pass", n)
	}
	b.pass(0, true)
	b.expect("up again", dispatch.HalfOpen, dispatch.CauseDown)
	if first, then := b.Allow(b.now, 5), b.Allow(b.now, 5); first != 3 || then != 0 {
		t.Errorf("%d and %d probes", first, then)
	}
	b.answers(2, false)
	b.expect("two of three", dispatch.HalfOpen, dispatch.CauseDown)
	b.answers(1, false)
	b.expect("all probes were taken", dispatch.Closed, dispatch.CauseDown)
	if n := b.Allow(b.now, 5); n != 5 {
		t.Errorf("a closed breaker lets %d of 5 pass", n)
	}
}

func TestBreakerOpensWhenThrottled(t *testing.T) {
	b := try(t)
	b.answers(5, true)
	b.expect("too few to tell", dispatch.Closed, "")
	b.answers(5, false)
	b.expect("half", dispatch.Closed, "")
	b.pass(11*time.Second, true)
	b.answers(9, true)
	b.expect("the first ones have left the window", dispatch.Closed, "")
	b.answers(1, true)
	b.expect("more than half", dispatch.Open, dispatch.CauseThrottled)
}

// A failing channel is judged by the reports of its probes, and tried less often each
// time; late reports of what was sent before count for nothing.
func TestBreakerWaitsForReportsOfItsProbes(t *testing.T) {
	b := try(t)
	b.reports(20, false)
	b.expect("all failed", dispatch.Open, dispatch.CauseReports)
	before := b.now
	for trip, wait := range []time.Duration{4, 8, 16, 20, 20} {
		b.pass(wait*time.Second-time.Millisecond, true)
		b.expect("it cools down", dispatch.Open, dispatch.CauseReports)
		b.pass(time.Millisecond, true)
		b.expect("it is tried", dispatch.HalfOpen, dispatch.CauseReports)
		b.Allow(b.now, 3)
		b.answers(3, false)
		b.Reported(b.now, before, false)
		b.Reported(b.now, before, true)
		b.expect("an answer is no report, and a late report is none of a probe", dispatch.HalfOpen, dispatch.CauseReports)
		b.reports(3, false)
		b.expect("the probes failed", dispatch.Open, dispatch.CauseReports)
		if _, _, _, trips := b.State(); trips != trip+2 {
			t.Errorf("%d trips", trips)
		}
	}
	b.pass(20*time.Second, true)
	b.Allow(b.now, 3)
	b.reports(1, true) // with a limit of 80 percent one of three is enough
	b.expect("a probe arrived", dispatch.Closed, dispatch.CauseReports)
	b.pass(20*time.Second, true)
	b.reports(20, false)
	if b.CoolDown() != limits.CoolDown {
		t.Errorf("a channel that held for long begins with %s", b.CoolDown())
	}
}

// What became of a probe may never be known: others try after a while.
func TestLostProbesAreReplaced(t *testing.T) {
	b := try(t)
	b.reports(20, false)
	b.pass(limits.CoolDown, true)
	b.Allow(b.now, 3)
	b.pass(limits.ProbeTime-time.Second, true)
	if n := b.Allow(b.now, 3); n != 0 {
		t.Errorf("%d more probes", n)
	}
	b.pass(time.Second, true)
	if n := b.Allow(b.now, 2); n != 2 {
		t.Errorf("%d probes after a while", n)
	}
	b.Spare(1)
	if n := b.Allow(b.now, 5); n != 2 {
		t.Errorf("%d probes, one having been given back", n)
	}
}

func TestBreakerGoesOnAfterARestart(t *testing.T) {
	b := try(t)
	b.Resume(dispatch.HalfOpen, dispatch.CauseThrottled, 3, b.now)
	b.pass(15*time.Second, true)
	b.expect("it cools down", dispatch.Open, dispatch.CauseThrottled)
	b.pass(time.Second, true)
	b.expect("four times as long as at first", dispatch.HalfOpen, dispatch.CauseThrottled)
}

// Whatever happens, a breaker moves only closed → open → half-open → closed or open;
// it opens from closed only above a limit, leaves open only after its cool-down and
// with a session, and lets no more through than its state allows.
func TestBreakerStateMachine(t *testing.T) {
	type outcome struct {
		at    time.Time
		wrong bool
	}
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_800_000_000, 0)
		b := dispatch.NewBreaker(limits, now)
		var answers, reports []outcome // since it closed
		up, downAt, opened, granted, grantedAt := false, now, now, 0, now
		above := func(list []outcome, percent, least int) bool {
			part := limits.Window / 10
			first := now.UnixNano()/int64(part) - 9
			all, wrong := 0, 0
			for _, o := range list {
				if o.at.UnixNano()/int64(part) >= first {
					all++
					if o.wrong {
						wrong++
					}
				}
			}
			return all >= least && wrong*100 > percent*all
		}
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			was, since, _, _ := b.State()
			wrong, late := rapid.Bool().Draw(t, "wrong"), rapid.IntRange(0, 9).Draw(t, "late") == 0
			at := now
			if late {
				at = since.Add(-time.Second)
			}
			doubtful := false
			switch rapid.SampledFrom([]string{"time", "answer", "answer", "report", "report", "allow", "spare"}).Draw(t, "step") {
			case "time":
				now = now.Add(time.Duration(rapid.IntRange(0, 6000).Draw(t, "ms")) * time.Millisecond)
				if next := rapid.IntRange(0, 3).Draw(t, "up") > 0; next != up {
					if up {
						downAt = now
					}
					up = next
				}
				b.Tick(now, up)
			case "answer":
				doubtful = rapid.IntRange(0, 9).Draw(t, "doubtful") == 0
				if was == dispatch.Closed && !late {
					answers = append(answers, outcome{now, wrong})
				}
				b.Answered(now, at, wrong, doubtful)
			case "report":
				if was == dispatch.Closed && !late {
					reports = append(reports, outcome{now, wrong})
				}
				b.Reported(now, at, !wrong)
			case "allow":
				want := rapid.IntRange(1, 5).Draw(t, "want")
				if now.Sub(grantedAt) >= limits.ProbeTime {
					granted = 0
				}
				n := b.Allow(now, want)
				if granted += n; granted == n {
					grantedAt = now
				}
				switch {
				case was == dispatch.Open && n != 0, was == dispatch.Closed && n != want, was == dispatch.HalfOpen && granted > limits.Probes:
					t.Fatalf("%s lets %d of %d pass, %d before", was, n, want, granted-n)
				}
			case "spare":
				b.Spare(1)
				granted = max(0, granted-1)
			}
			is, _, cause, _ := b.State()
			if is == was {
				continue
			}
			switch {
			case was == dispatch.Closed && is == dispatch.Open:
				down := !up && now.Sub(downAt) >= limits.DownAfter
				if !down && !above(answers, limits.Refused, limits.Answers) && !above(reports, limits.Failing, limits.Reports) {
					t.Fatalf("opened for %q below every limit", cause)
				}
			case was == dispatch.Open && is == dispatch.HalfOpen:
				if !up || now.Sub(opened) < limits.CoolDown {
					t.Fatalf("half open %s after it opened, up %t", now.Sub(opened), up)
				}
				granted = 0
			case was == dispatch.HalfOpen && is == dispatch.Closed:
				if wrong || doubtful || late {
					t.Fatalf("closed by what proves nothing")
				}
				answers, reports = nil, nil
			case was == dispatch.HalfOpen && is == dispatch.Open:
			default:
				t.Fatalf("from %s to %s", was, is)
			}
			if is == dispatch.Open {
				opened, granted = now, 0
			}
			if b.CoolDown() < limits.CoolDown || b.CoolDown() > limits.CoolMost {
				t.Fatalf("a cool-down of %s", b.CoolDown())
			}
		}
		if s, _, _, _ := b.State(); s == dispatch.Closed { // one more is enough, if it is above a limit
			answers = append(answers, outcome{now, true})
			b.Answered(now, now, true, false)
			if s, _, _, _ := b.State(); (s == dispatch.Open) != above(answers, limits.Refused, limits.Answers) {
				t.Fatalf("%s after %d answers", s, len(answers))
			}
		}
	})
}
