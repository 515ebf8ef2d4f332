package rulebook_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/rulebook"
)

func owed(b *rulebook.Book, event string, facts map[string]any, at time.Time) map[string]time.Time {
	out := map[string]time.Time{}
	for _, o := range b.Owed(event, facts, at, at) {
		out[o.Rule.ID] = o.Due
	}
	return out
}

func midnight(y int, m time.Month, d int) time.Time {
	return time.Date(y, m, d, 0, 0, 0, 0, rulebook.Shanghai)
}

// CMP-03: the 15th working day ends the period, whatever lies between: 25 to 27 September and
// 1 to 7 October 2026 are free, and 10 October, a Saturday, is worked.
func TestWorkingDaysOfADutyPassHolidays(t *testing.T) {
	t.Parallel()
	facts := map[string]any{"complaint.source": "carrier", "complaint.about": "marketing"}
	for _, c := range []struct{ at, due time.Time }{
		{midnight(2026, 9, 24).Add(23 * time.Hour), midnight(2026, 10, 23)},
		{midnight(2026, 9, 24).Add(24*time.Hour - time.Second), midnight(2026, 10, 23)},
		{midnight(2026, 9, 25), midnight(2026, 10, 23)}, // a holiday counts no more than the day before
		{midnight(2026, 9, 28), midnight(2026, 10, 24)},
	} {
		if got := owed(book(t), rulebook.EventComplaint, facts, c.at)["CMP-03"]; !got.Equal(c.due) {
			t.Errorf("received %s: due %s, want %s", c.at, got, c.due)
		}
	}
}

// In a year whose holidays no pack has, a duty is due early and never late, and says so.
func TestUnknownYearMakesADutyEarly(t *testing.T) {
	t.Parallel()
	b := book(t)
	rapid.Check(t, func(t *rapid.T) {
		at := midnight(2026, 12, 11).Add(time.Duration(rapid.Int64Range(0, 20*24*3600).Draw(t, "seconds")) * time.Second)
		due := owed(b, rulebook.EventComplaint, map[string]any{"complaint.source": "carrier", "complaint.about": "marketing"}, at)["CMP-03"]
		if y, m, d := at.In(rulebook.Shanghai).Date(); !due.Equal(time.Date(y, m, d+16, 0, 0, 0, 0, rulebook.Shanghai)) {
			t.Fatalf("received %s: due %s", at, due)
		}
		for _, o := range b.Owed(rulebook.EventComplaint, map[string]any{"complaint.source": "carrier", "complaint.about": "marketing"}, at, at) {
			if guessed := o.Rule.ID == "CMP-03"; guessed != strings.Contains(o.Guess, "2027") {
				t.Fatalf("%s, received %s, says of its day %q", o.Rule.ID, at, o.Guess)
			}
		}
	})
}

// What is not known of an event is owed (P11).
func TestUnknownFactGivesRiseToADuty(t *testing.T) {
	t.Parallel()
	if got := owed(book(t), rulebook.EventIncident, nil, midnight(2026, 11, 23)); len(got) != 5 {
		t.Errorf("%v", got)
	}
}

func TestMonthsEndWithTheirLastDay(t *testing.T) {
	t.Parallel()
	got := owed(book(t), rulebook.EventYear, map[string]any{"year.codes": int64(1), "year.licences": int64(0), "year.customers": int64(1)}, midnight(2027, 12, 31))
	if !got["PORT-01a"].Equal(midnight(2028, 4, 1)) || !got["PRV-12"].Equal(midnight(2029, 1, 1)) || !got["CNT-01a"].Equal(midnight(2029, 1, 1)) || len(got) != 4 {
		t.Errorf("%v", got)
	}
}

func TestRemindersComeBeforeAndAtTheDueMoment(t *testing.T) {
	t.Parallel()
	b, due := book(t), midnight(2026, 12, 9)
	now, want := due.AddDate(0, 0, -30), []time.Time{due.Add(-72 * time.Hour), due.Add(-24 * time.Hour), due, {}}
	for _, w := range want { // CMP-04
		next := b.NextReminder("CMP-04", due, now)
		if !next.Equal(w) {
			t.Fatalf("after %s: %s, want %s", now, next, w)
		}
		now = next
	}
}

// A house pack may shorten a duty's period, and never lengthen it.
func TestHouseShortensAPeriod(t *testing.T) {
	t.Parallel()
	adjusted := func(value string) (*rulebook.Book, error) {
		return rulebook.Load(append(builtin(t), []byte("pack: house\nversion: '1'\nlayer: house\nadjust:\n  - {rule: CMP-04, param: days, value: "+value+"}\n"))...)
	}
	b, err := adjusted("7")
	if err != nil {
		t.Fatal(err)
	}
	if got := owed(b, rulebook.EventComplaint, map[string]any{"complaint.source": "direct", "complaint.about": "service"}, midnight(2026, 11, 23))["CMP-04"]; !got.Equal(midnight(2026, 12, 1)) {
		t.Errorf("%s", got)
	}
	if _, err := adjusted("16"); err == nil {
		t.Error("a house pack lengthens a period")
	}
}

const dutyPack = `
pack: more
version: "1"
layer: house
rules:
  - id: HSE-01
    kind: duty
    title: {zh: a, en: b}
    status: D
    effective_from: 2020-01-01
    when: "!request.settled"
    params: {days: {value: 3, unit: days}}
    duty: {event: request.received, due: {n: days, unit: days, from: request.received}, owner: compliance}
    remedy: {zh: a, en: b}
    examples:
      - {name: open, facts: {}, at: 2026-11-23 10:00, created: true, due: 2026-11-27 00:00}
      - {name: done, facts: {request.settled: true}, at: 2026-11-23 10:00}
`

func TestDutyIsCheckedWhenItIsRead(t *testing.T) {
	t.Parallel()
	b := book(t, dutyPack)
	if failed := b.RunExamples("HSE-01"); failed != nil {
		t.Fatal(failed)
	}
	for from, to := range map[string]string{
		"event: request.received":    "event: request.lost",
		"n: days":                    "n: weeks",
		"unit: days, from":           "unit: weeks, from",
		"from: request.received":     "from: request.kind",
		"owner: compliance":          "owner: nobody",
		"owner: compliance}":         "owner: compliance, blocks: everything}",
		"}, owner: compliance}":      "}, owner: compliance, blocks: complaint.close}", // and nothing ends it
		"received}, owner: ":         "received}, ended_by: [complaint.file], owner: ",
		"when: ":                     "against: ",
		"request.settled\"":          "request.unknown\"",
		"created: true, due":         "due",
		"remedy: {zh: a, en: b}":     "remedy: {zh: a}",
		"kind: duty":                 "kind: message",
		"HSE-01":                     "HSE-01ab",
		", at: 2026-11-23 10:00}":    "}",
		"due: 2026-11-27 00:00}":     "due: never}",
		"status: D":                  "status: D\n    outcome: block",
		"effective_from: 2020-01-01": "effective_from: 2020-01-01\n    object: template",
	} {
		changed := strings.Replace(dutyPack, from, to, 1)
		if _, err := rulebook.Load(append(builtin(t), []byte(changed))...); err == nil || changed == dutyPack {
			t.Errorf("%s → %s is taken", from, to)
		}
	}
}

// CNT-01a: the house pack that the documentation shows for words of one's own is one.
func TestDocumentedHousePackIsTaken(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/rulebook.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(doc), "```yaml\npack: house\n")
	text, _, ends := strings.Cut(text, "```")
	packs, err := rulebook.Builtin()
	if err != nil || !found || !ends {
		t.Fatal(found, ends, err)
	}
	b, err := rulebook.Load(append(packs, []byte("pack: house\n"+text))...)
	if err != nil {
		t.Fatal(err)
	}
	if r, ok := b.Rule("HSE-01"); !ok || r.Outcome != rulebook.Block {
		t.Errorf("%+v", r)
	}
}
