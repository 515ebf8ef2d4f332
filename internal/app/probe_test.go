package app

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// OPT-04, LOG-04: each week a refusal is to be seen to work on each marketing channel, which a
// reply that refuses shows by itself; each month somebody looks how old the logs are.
func TestRefusalsAreSeenToWorkEachWeek(t *testing.T) {
	everywhere(t, func(n *node) {
		office := n.adminKey()
		sweep := func() (week, month []dutyView) {
			n.t.Helper()
			if err := n.sweepDuties(n.t.Context()); err != nil {
				n.t.Fatal(err)
			}
			_, list := n.listDuties(office, "state=all")
			of := func(rule string) []dutyView {
				return slices.DeleteFunc(slices.Clone(list), func(d dutyView) bool { return d.Rule != rule })
			}
			return of("OPT-04"), of("LOG-04")
		}
		week, month := sweep()
		if len(month) != 1 || month[0].Done != 0 {
			n.t.Errorf("logs: %+v", month)
		}
		var mine *dutyView
		for i := range week {
			if week[i].Object == n.channel() {
				mine = &week[i]
			}
		}
		if mine == nil || mine.Done != 0 || mine.Due != weekOf(n.Now()).AddDate(0, 0, 7).UnixMilli() {
			n.t.Fatalf("%+v", week)
		}
		parts, err := smstext.Split("谢谢", 0)
		if err != nil {
			n.t.Fatal(err)
		}
		n.handset(member, parts, 0)
		if week, _ := sweep(); slices.ContainsFunc(week, func(d dutyView) bool { return d.Done != 0 }) {
			n.t.Errorf("a reply that refuses nothing: %+v", week)
		}
		if parts, err = smstext.Split("R", 0); err != nil {
			n.t.Fatal(err)
		}
		n.handset(member, parts, 0)
		week, _ = sweep()
		for _, d := range week {
			if shown := d.Object == n.channel(); shown != (d.Done != 0) || shown != strings.HasPrefix(d.Evidence, "reply ") {
				n.t.Errorf("%+v", d)
			}
		}
	})
}

func TestWeeksBeginOnMonday(t *testing.T) {
	for at, monday := range map[string]string{
		"2026-11-22 23:59:59": "2026-11-16", "2026-11-23 00:00:00": "2026-11-23", "2026-11-29 23:59:59": "2026-11-23", "2026-12-31 12:00:00": "2026-12-28", "2027-01-03 12:00:00": "2026-12-28",
	} {
		when, err := time.ParseInLocation(time.DateTime, at, rulebook.Shanghai)
		if err != nil {
			t.Fatal(err)
		}
		if got := weekOf(when).Format(time.DateOnly); got != monday {
			t.Errorf("%s: %s", at, got)
		}
	}
}
