package rulebook_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/rulebook"
)

func day(t testing.TB, s string) time.Time {
	t.Helper()
	d, err := time.ParseInLocation("2006-01-02 15:04", s, rulebook.Shanghai)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestWorkdays(t *testing.T) {
	t.Parallel()
	c := book(t).Calendar()
	for at, want := range map[string]bool{
		"2026-01-01 00:00": false, "2026-01-02 12:00": false, "2026-01-03 12:00": false, "2026-01-04 12:00": true, // New Year and its Sunday
		"2026-02-14 23:59": true, "2026-02-15 00:00": false, "2026-02-23 23:59": false, "2026-02-24 00:00": true, "2026-02-28 12:00": true,
		"2026-10-07 23:59": false, "2026-10-08 00:00": true, "2026-10-10 12:00": true, "2026-10-11 12:00": false,
		"2025-10-08 12:00": false, "2025-10-09 12:00": true, "2025-10-11 12:00": true, "2025-10-12 12:00": false,
		"2026-11-27 12:00": true, "2026-11-28 12:00": false, "2026-11-29 12:00": false,
	} {
		workday, known := c.Workday(day(t, at))
		if !known || workday != want {
			t.Errorf("%s: worked %t, known %t", at, workday, known)
		}
	}
	// The day is Shanghai's, whatever the zone of the moment: 16:00 UTC is midnight there.
	if workday, _ := c.Workday(time.Date(2026, 10, 7, 16, 0, 0, 0, time.UTC)); !workday {
		t.Error("midnight in Shanghai on 8 October is not worked")
	}
	for _, at := range []string{"2024-12-31 12:00", "2027-01-04 12:00"} {
		if workday, known := c.Workday(day(t, at)); workday || known {
			t.Errorf("%s: worked %t, known %t, though no pack has that year", at, workday, known)
		}
	}
}

func TestAddWorkdays(t *testing.T) {
	t.Parallel()
	c := book(t).Calendar()
	for _, x := range []struct {
		from string
		n    int
		want string
	}{
		{"2026-11-27 09:30", 0, "2026-11-27 09:30"},
		{"2026-11-27 09:30", 1, "2026-11-30 09:30"},
		{"2026-11-28 09:30", 1, "2026-11-30 09:30"}, // from a Saturday
		{"2026-02-13 18:00", 1, "2026-02-14 18:00"}, // a Saturday that is worked
		{"2026-02-14 18:00", 1, "2026-02-24 18:00"},
		{"2026-02-13 18:00", 15, "2026-03-12 18:00"}, // CMP-03 over the Spring Festival
		{"2025-12-31 10:00", 1, "2026-01-04 10:00"},
	} {
		got, err := c.AddWorkdays(day(t, x.from), x.n)
		if err != nil || !got.Equal(day(t, x.want)) {
			t.Errorf("%s + %d: %s, %v, want %s", x.from, x.n, got, err, x.want)
		}
	}
	if _, err := c.AddWorkdays(day(t, "2026-12-31 10:00"), 1); !errors.Is(err, rulebook.ErrNoCalendar) || !strings.Contains(err.Error(), "2027") {
		t.Errorf("into a year that no pack has: %v", err)
	}
	for _, n := range []int{-1, 1001} {
		if _, err := c.AddWorkdays(day(t, "2026-06-01 10:00"), n); err == nil {
			t.Errorf("%d working days were counted", n)
		}
	}
}

// Adding working days lands on one, keeps the time of day, passes exactly as many, and adds up.
func TestAddWorkdaysProperties(t *testing.T) {
	t.Parallel()
	c := book(t).Calendar()
	begin := time.Date(2025, 1, 1, 0, 0, 0, 0, rulebook.Shanghai)
	rapid.Check(t, func(t *rapid.T) {
		from := begin.Add(time.Duration(rapid.IntRange(0, 500*24*60).Draw(t, "minutes")) * time.Minute)
		a, b := rapid.IntRange(0, 40).Draw(t, "a"), rapid.IntRange(0, 40).Draw(t, "b")
		mid, err := c.AddWorkdays(from, a)
		if err != nil {
			t.Fatal(err)
		}
		end, err := c.AddWorkdays(from, a+b)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := c.AddWorkdays(mid, b); err != nil || !again.Equal(end) {
			t.Fatalf("%d and then %d give %s (%v), at once %s", a, b, again, err, end)
		}
		if workday, _ := c.Workday(end); a+b > 0 && !workday {
			t.Fatalf("%s is not worked", end)
		}
		if h, m, _ := end.Clock(); h != from.Hour() || m != from.Minute() {
			t.Fatalf("%s became %s", from, end)
		}
		passed := 0
		for d := from.AddDate(0, 0, 1); !d.After(end); d = d.AddDate(0, 0, 1) {
			if workday, _ := c.Workday(d); workday {
				passed++
			}
		}
		if passed != a+b {
			t.Fatalf("%d working days from %s to %s, not %d", passed, from, end, a+b)
		}
	})
}

func TestBadCalendarsAreRefused(t *testing.T) {
	t.Parallel()
	const head = "pack: x\nversion: '1'\nlayer: law\ncalendar:\n"
	for name, text := range map[string]string{
		"twice":             head + "  - {year: 2026, source: a, status: R, holidays: [{name: 元旦, from: 2026-01-01, to: 2026-01-03}]}\n",
		"house":             "pack: x\nversion: '1'\nlayer: house\ncalendar:\n  - {year: 2027, source: a, status: R, holidays: [{name: 元旦, from: 2027-01-01, to: 2027-01-03}]}\n",
		"unknown key":       head + "  - {year: 2027, source: a, status: R, holiday: 1, holidays: [{name: 元旦, from: 2027-01-01, to: 2027-01-03}]}\n",
		"no source":         head + "  - {year: 2027, status: R, holidays: [{name: 元旦, from: 2027-01-01, to: 2027-01-03}]}\n",
		"no holiday":        head + "  - {year: 2027, source: a, status: R}\n",
		"other year":        head + "  - {year: 2027, source: a, status: R, holidays: [{name: 元旦, from: 2028-01-01, to: 2028-01-03}]}\n",
		"backwards":         head + "  - {year: 2027, source: a, status: R, holidays: [{name: 元旦, from: 2027-01-03, to: 2027-01-01}]}\n",
		"too long":          head + "  - {year: 2027, source: a, status: R, holidays: [{name: 元旦, from: 2027-01-01, to: 2027-01-16}]}\n",
		"overlap":           head + "  - {year: 2027, source: a, status: R, holidays: [{name: 元旦, from: 2027-01-01, to: 2027-01-03}, {name: b, from: 2027-01-03, to: 2027-01-04}]}\n",
		"worked on Monday":  head + "  - {year: 2027, source: a, status: R, holidays: [{name: 元旦, from: 2027-01-01, to: 2027-01-03}], working: [2027-01-04]}\n",
		"worked on holiday": head + "  - {year: 2027, source: a, status: R, holidays: [{name: 元旦, from: 2027-01-01, to: 2027-01-03}], working: [2027-01-02]}\n",
	} {
		if _, err := rulebook.Load(append(builtin(t), []byte(text))...); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	good := head + "  - {year: 2027, source: a, status: R, holidays: [{name: 元旦, from: 2026-12-31, to: 2027-01-03}], working: [2027-01-09]}\n"
	c := book(t, good).Calendar()
	if got, err := c.AddWorkdays(day(t, "2026-12-30 10:00"), 5); err != nil || !got.Equal(day(t, "2027-01-08 10:00")) {
		t.Errorf("over New Year: %s, %v", got, err)
	}
}
