package assess

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// State is where an obligation stands.
type State string

// The states, worst first.
const (
	Missing  State = "missing"
	Expiring State = "expiring"
	Unknown  State = "unknown" // the platform holds no fact about it
	Met      State = "met"
	Idle     State = "not_applicable" // it asks nothing at present
)

// Directions in which a failing reaches other parties.
const (
	up   = "up"
	down = "down"
)

var stateOrder = []State{Missing, Expiring, Unknown, Met, Idle}

// Facts are what an assessment goes by.
type Facts struct {
	At        time.Time
	Registry  *registry.Snapshot
	Keep      time.Duration // how long what was sent is kept
	Marketing *Sample       // of the assessed party; nil when nobody looked
	File      *File         // the same
	Named     bool          // the reader may be told the names of parties that stand beside the chain
}

// Sample counts the consents that a party's newest marketing messages rested on.
type Sample struct {
	Messages  int // that were looked at
	Marketing int // of them sent as marketing
	Imported  int // rested on a list that was only declared
	Proved    int // rested on a consent of a better grade
}

// Line is one obligation with where it stands.
type Line struct {
	ID       string          `json:"id"`
	Rules    []string        `json:"rules" doc:"of the rulebook"`
	Title    rulebook.Both   `json:"title"`
	State    State           `json:"state" enum:"met,missing,expiring,unknown,not_applicable"`
	Bars     bool            `json:"bars" doc:"the business may not go on without it"`
	Basis    []string        `json:"basis" doc:"what it rests on and is in force"`
	Status   string          `json:"status" enum:"V,V2,R,D,TBC" doc:"how sure the source is"`
	Source   rulebook.Both   `json:"source" doc:"the same in words"`
	Exposure []Penalty       `json:"exposure"`
	Found    []rulebook.Both `json:"found" doc:"evidence on file, or what is wrong"`
	Ends     string          `json:"ends,omitempty" doc:"when the first fact that it rests on ends by itself"`
	Do       rulebook.Both   `json:"do"`
	Show     rulebook.Both   `json:"show" doc:"what proves it, and to whom"`
	Who      rulebook.Both   `json:"who"`
	By       string          `json:"by,omitempty" doc:"day by which it should be done"`
	LeadDays int             `json:"lead_days" doc:"what it takes: an estimate of ours"`
}

// Verdict is the answer in a sentence.
type Verdict struct {
	Kind  string        `json:"kind" enum:"lawful,conditions,unlawful,open"`
	Title rulebook.Both `json:"title" doc:"the kind in words"`
	Text  rulebook.Both `json:"text" doc:"why"`
}

// Kinds of a verdict.
const (
	Lawful     = "lawful"
	Conditions = "conditions"
	Unlawful   = "unlawful"
	Open       = "open"
)

// Who is a party as it is named in a report.
type Who struct {
	ID   sms.ID        `json:"id"`
	Name string        `json:"name"`
	USCC string        `json:"uscc"`
	Role rulebook.Both `json:"role"`
}

// Neighbour is a party above or below with what stands against it.
type Neighbour struct {
	Who
	Against []rulebook.Both `json:"against" doc:"titles of the obligations that it misses and that reach the assessed party"`
}

// Report is an assessment.
type Report struct {
	At      string        `json:"at"`
	Packs   string        `json:"packs" doc:"rule packs by which laws are in force"`
	Party   Who           `json:"party"`
	Verdict Verdict       `json:"verdict"`
	Counts  map[State]int `json:"counts"`
	Lines   []Line        `json:"lines" doc:"what stands against it first"`
	Above   []Neighbour   `json:"above" doc:"the chain above, nearest first"`
	Below   []Neighbour   `json:"below" doc:"parties below for which it answers"`
	Others  int           `json:"others" doc:"such parties that are not listed"`
	Notice  rulebook.Both `json:"notice"`
}

// MostBelow is how many parties below a report lists.
const MostBelow = 200

var notice = rulebook.Both{
	Zh: "本报告依据平台所存事实和规则库生成，不是法律意见；标注“凭记忆”“待核对”的条目须以正式文本核对。平台无从得知的事项不视为符合。",
	En: "Made from the facts that the platform holds and its rulebook; it is no legal advice. What is marked recalled or to be confirmed must be read in the official text. What the platform cannot know is not taken as met.",
}

// roleOf is whom obligations concern a party as.
func roleOf(p *registry.Party) string {
	if p.Kind != registry.Agent {
		return p.Kind
	}
	if p.AgentMode == registry.Licensed {
		return registry.Licensed
	}
	return registry.Referral
}

func who(p *registry.Party) Who { return Who{p.ID, p.Name, p.USCC, roles[roleOf(p)]} }

// Assess judges a party. It must be in the registry.
func (c *Catalogue) Assess(f Facts, party sms.ID) (*Report, error) {
	p := f.Registry.Party[party]
	if p == nil {
		return nil, sms.Errorf(sms.NotFound, "party", "no party has the id %s", party)
	}
	v := newView(c, f, party)
	r := &Report{
		At: f.At.In(rulebook.Shanghai).Format(time.RFC3339), Packs: c.book.Versions(), Party: who(p), Counts: map[State]int{}, Notice: notice,
		Above: []Neighbour{}, Below: []Neighbour{}, Lines: v.judge(p, func(*Obligation) bool { return true }),
	}
	for _, l := range r.Lines {
		r.Counts[l.State]++
	}
	for _, x := range f.Registry.Chain(party)[1:] {
		r.Above = append(r.Above, Neighbour{who(x), v.against(x, down)})
	}
	for _, x := range v.answersFor(p) {
		if against := v.against(x, up); len(against) == 0 {
			continue
		} else if len(r.Below) < MostBelow {
			r.Below = append(r.Below, Neighbour{who(x), against})
		} else {
			r.Others++
		}
	}
	r.Verdict = verdict(r.Lines)
	return r, nil
}

// judge decides each obligation of a party that is wanted, the worst first.
func (v *view) judge(p *registry.Party, wanted func(*Obligation) bool) []Line {
	lines := []Line{}
	for i := range v.c.obligations {
		o := &v.c.obligations[i]
		basis := v.c.cited(o.Basis, v.f.At)
		// What rests on nothing at this moment is asked by nobody.
		if len(basis) == 0 || !slices.Contains(o.Concerns, roleOf(p)) || !wanted(o) {
			continue
		}
		found := checks[o.Check](v, p, o)
		l := Line{
			ID: o.ID, Rules: o.Rules, Title: o.Title, State: found.state, Bars: o.Bars, Basis: basis, Status: o.Status, Source: rulebook.Statuses[o.Status],
			Exposure: v.c.exposed(o.Exposure, v.f.At), Found: found.said, Do: o.Remedy, Show: o.Show, Who: o.Who, LeadDays: o.LeadDays,
		}
		if found.ends != 0 && l.State != Idle {
			ends := time.UnixMilli(found.ends)
			l.Ends = day(found.ends)
			if l.State == Met && !ends.After(v.f.At.Add(time.Duration(o.ExpiringDays)*24*time.Hour)) {
				l.State = Expiring
			}
		}
		l.By = v.by(o, l.State, found.ends)
		lines = append(lines, l)
	}
	slices.SortStableFunc(lines, func(a, b Line) int { return weight(a) - weight(b) })
	return lines
}

func weight(l Line) int {
	w := 2 * slices.Index(stateOrder, l.State)
	if !l.Bars {
		w++
	}
	return w
}

// by is the day by which something should be done: at once, in time before the end, on the
// yearly day, or within what it takes.
func (v *view) by(o *Obligation, s State, ends int64) string {
	at := v.f.At.In(rulebook.Shanghai)
	due := at
	switch {
	case s == Met || s == Idle:
		return ""
	case s == Expiring:
		if before := time.UnixMilli(ends).In(rulebook.Shanghai).AddDate(0, 0, -o.LeadDays); before.After(at) {
			due = before
		}
	case s == Unknown && o.Yearly != "":
		d, _ := time.Parse("01-02", o.Yearly) // it was read when the data was loaded
		if due = time.Date(at.Year(), d.Month(), d.Day(), 0, 0, 0, 0, rulebook.Shanghai); due.Format(time.DateOnly) < at.Format(time.DateOnly) {
			due = due.AddDate(1, 0, 0)
		}
	case s == Unknown:
		due = at.AddDate(0, 0, o.LeadDays)
	}
	return due.Format(time.DateOnly)
}

// against are the titles of what a party misses and that reaches others in a direction.
func (v *view) against(p *registry.Party, direction string) []rulebook.Both {
	if known, ok := v.judged[reach{p.ID, direction}]; ok {
		return known
	}
	out := []rulebook.Both{}
	for _, l := range v.judge(p, func(o *Obligation) bool { return slices.Contains(o.Reaches, direction) }) {
		if l.State == Missing {
			out = append(out, l.Title)
		}
	}
	v.judged[reach{p.ID, direction}] = out
	return out
}

func verdict(lines []Line) Verdict {
	counts, against, mend := map[State]int{}, []rulebook.Both{}, 0
	for _, l := range lines {
		counts[l.State]++
		switch {
		case l.State == Missing && l.Bars:
			against = append(against, l.Title)
		case l.State == Missing || l.State == Expiring:
			mend++
		}
	}
	rest := say("平台无从得知、须自行举证的：%d 项。", "What the platform cannot know, and needs proof of yours: %d.", counts[Unknown])
	switch {
	case len(against) > 0:
		zh, en := titles(against)
		return saying(Unlawful, say("业务不得继续，未履行的义务有 %d 项：%s。%s", "The business may not go on; obligations that stand against it: %d (%s). %s", len(against), lang{Zh: zh, En: en}, lang(rest)))
	case mend > 0:
		return saying(Conditions, say("须按期补正或续期的：%d 项。%s", "To be mended or renewed in time: %d. %s", mend, lang(rest)))
	default:
		return saying(Lawful, say("符合的：%d 项。%s", "Met: %d. %s", counts[Met], lang(rest)))
	}
}

var verdictWords = map[string]rulebook.Both{
	Lawful: {Zh: "就平台所知合法", En: "Lawful as far as the platform can know"}, Conditions: {Zh: "可以继续，但是", En: "May go on, but"}, Unlawful: {Zh: "不合法", En: "Not lawful"}, Open: {Zh: "还不能判断", En: "Cannot be said yet"},
}

func saying(kind string, text rulebook.Both) Verdict { return Verdict{kind, verdictWords[kind], text} }

func titles(list []rulebook.Both) (zh, en string) {
	var a, b []string
	for _, t := range list {
		a, b = append(a, t.Zh), append(b, t.En)
	}
	return strings.Join(a, "；"), strings.Join(b, "; ")
}

// lang is an argument of say that differs between the languages.
type lang rulebook.Both

// say writes both languages with the same arguments.
func say(zh, en string, args ...any) rulebook.Both {
	a, b := slices.Clone(args), slices.Clone(args)
	for i, x := range args {
		if l, ok := x.(lang); ok {
			a[i], b[i] = l.Zh, l.En
		}
	}
	return rulebook.Both{Zh: fmt.Sprintf(zh, a...), En: fmt.Sprintf(en, b...)}
}

// day shows the last day of a span whose end is exclusive, or the moment when it ends
// within a day.
func day(ends int64) string {
	t := time.UnixMilli(ends).In(rulebook.Shanghai)
	if t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 {
		return t.AddDate(0, 0, -1).Format(time.DateOnly)
	}
	return t.Format("2006-01-02 15:04")
}
