package assess

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zhunxin/zhunxin/internal/rulebook"
)

// Question is asked of somebody who owns nothing yet.
type Question struct {
	ID      string        `yaml:"id"`
	Text    rulebook.Both `yaml:"text"`
	Choices []Choice      `yaml:"choices"`
}

// Choice is an answer that may be given.
type Choice struct {
	ID            string `yaml:"id"`
	rulebook.Both `yaml:",inline"`
}

// When is a set of answers: it holds when each question named has one of the answers named.
type When map[string][]string

// Mode is a way to work in this trade.
type Mode struct {
	ID     string           `yaml:"id"`
	Title  rulebook.Both    `yaml:"title"`
	Status string           `yaml:"status"`
	Basis  []rulebook.Basis `yaml:"basis"`
	Wanted []When           `yaml:"wanted"` // it is what the answers describe
	Says   rulebook.Both    `yaml:"says"`
	Needs  []Need           `yaml:"needs"`
}

// Need is what a mode takes.
type Need struct {
	ID     string           `yaml:"id"`
	Kind   string           `yaml:"kind"` // capital | document | money
	Text   rulebook.Both    `yaml:"text"`
	Basis  []rulebook.Basis `yaml:"basis"`
	Status string           `yaml:"status"`
	Days   int              `yaml:"days"`
	Met    []When           `yaml:"met,omitempty"` // answers that show it; none can when empty
}

// Arrangement is a common one that the law forbids.
type Arrangement struct {
	ID       string           `yaml:"id"`
	Rules    []string         `yaml:"rules"`
	When     []When           `yaml:"when"`
	Title    rulebook.Both    `yaml:"title"`
	Why      rulebook.Both    `yaml:"why"`
	Status   string           `yaml:"status"`
	Basis    []rulebook.Basis `yaml:"basis"`
	Exposure []Exposure       `yaml:"exposure"`
	Instead  rulebook.Both    `yaml:"instead"`
}

func (c *Catalogue) readQuestionnaire(b []byte) error {
	var file struct {
		Questions []Question `yaml:"questions"`
		Modes     []Mode     `yaml:"modes"`
		Fallback  string     `yaml:"fallback"` // the mode that is open to those who can't have the one they want
	}
	if err := rulebook.Decode(b, &file); err != nil {
		return err
	}
	c.questions, c.modes, c.fallback = file.Questions, file.Modes, file.Fallback
	for i, q := range c.questions {
		if !idForm.MatchString(q.ID) || len(q.Choices) < 2 || slices.IndexFunc(c.questions, func(x Question) bool { return x.ID == q.ID }) != i {
			return fmt.Errorf("question %q needs a name of its own and two choices or more", q.ID)
		}
		err := both(q.Text, "text")
		for _, x := range q.Choices {
			err = errors.Join(err, both(x.Both, "choice "+x.ID))
		}
		if err != nil {
			return fmt.Errorf("question %s: %w", q.ID, err)
		}
	}
	if c.mode(c.fallback) == nil {
		return fmt.Errorf("fallback %q is no mode", c.fallback)
	}
	for _, m := range c.modes {
		err := errors.Join(c.checkSource(m.ID, []string{"LIC-05"}, m.Basis, m.Status), both(m.Title, "title"), both(m.Says, "says"), c.checkWhens(m.Wanted))
		for _, n := range m.Needs {
			err = errors.Join(err, c.checkSource(n.ID, []string{"LIC-05"}, n.Basis, n.Status), both(n.Text, "text"), c.checkWhens(n.Met))
			if !slices.Contains([]string{"capital", "document", "money"}, n.Kind) || n.Days < 0 || n.Days > mostDays {
				err = errors.Join(err, fmt.Errorf("need %s: kind is capital, document or money, days 0 to %d", n.ID, mostDays))
			}
		}
		if err != nil || len(m.Wanted) == 0 || len(m.Needs) == 0 {
			return fmt.Errorf("mode %s lacks wanted or needs: %w", m.ID, err)
		}
	}
	return nil
}

func (c *Catalogue) readArrangements(b []byte) error {
	if err := rulebook.Decode(b, &c.arrangements); err != nil {
		return err
	}
	for _, a := range c.arrangements {
		err := errors.Join(c.checkSource(a.ID, a.Rules, a.Basis, a.Status), c.checkExposure(a.Exposure), c.checkWhens(a.When),
			both(a.Title, "title"), both(a.Why, "why"), both(a.Instead, "instead"))
		if err != nil || len(a.When) == 0 || len(a.Exposure) == 0 {
			return fmt.Errorf("arrangement %s lacks when or exposure: %w", a.ID, err)
		}
	}
	return nil
}

// checkWhens makes sure that questions and answers exist.
func (c *Catalogue) checkWhens(list []When) error {
	for _, w := range list {
		if len(w) == 0 {
			return errors.New("an empty set of answers always holds")
		}
		for question, answers := range w {
			for _, a := range answers {
				if err := c.checkAnswer(question, a); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (c *Catalogue) checkAnswer(question, answer string) error {
	i := slices.IndexFunc(c.questions, func(q Question) bool { return q.ID == question })
	if i < 0 {
		return fmt.Errorf("there is no question %.50q", question)
	}
	if slices.ContainsFunc(c.questions[i].Choices, func(x Choice) bool { return x.ID == answer }) {
		return nil
	}
	ids := make([]string, len(c.questions[i].Choices))
	for n, x := range c.questions[i].Choices {
		ids[n] = x.ID
	}
	return fmt.Errorf("question %s has no answer %.50q: it is one of %v", question, answer, ids)
}

func (c *Catalogue) mode(id string) *Mode {
	if i := slices.IndexFunc(c.modes, func(m Mode) bool { return m.ID == id }); i >= 0 {
		return &c.modes[i]
	}
	return nil
}

// Answers are answers by question; one that is not there was not given.
type Answers map[string]string

// any tells whether one of the sets of answers was given.
func (a Answers) any(list []When) bool {
	return slices.ContainsFunc(list, func(w When) bool {
		for question, answers := range w {
			if !slices.Contains(answers, a[question]) {
				return false
			}
		}
		return true
	})
}

// asked tells whether all questions of a set were answered, in one of the sets.
func (a Answers) asked(list []When) bool {
	return slices.ContainsFunc(list, func(w When) bool {
		for question := range w {
			if a[question] == "" {
				return false
			}
		}
		return true
	})
}

// Advice is the answer to somebody who owns nothing yet.
type Advice struct {
	At       string          `json:"at"`
	Packs    string          `json:"packs"`
	Verdict  Verdict         `json:"verdict"`
	Fits     string          `json:"fits,omitempty" doc:"the mode that the answers describe"`
	Open     string          `json:"open,omitempty" doc:"the mode that is open now, with these answers"`
	Given    []Given         `json:"given"`
	Modes    []ModeLine      `json:"modes"`
	Unlawful []Forbidden     `json:"unlawful" doc:"common arrangements that the law forbids, those of the answers first"`
	Notice   rulebook.Both   `json:"notice"`
	ask      []rulebook.Both // what was not answered
}

// Given is a question with its answer, which is empty when none was given.
type Given struct {
	Question rulebook.Both `json:"question"`
	Answer   rulebook.Both `json:"answer"`
}

// ModeLine is a mode with what it takes.
type ModeLine struct {
	ID     string        `json:"id"`
	Title  rulebook.Both `json:"title"`
	Says   rulebook.Both `json:"says"`
	Basis  []string      `json:"basis"`
	Status string        `json:"status"`
	Source rulebook.Both `json:"source"`
	Days   int           `json:"days" doc:"the longest of the times that its open needs take; estimates of ours but the 60 days of the licence"`
	Needs  []NeedLine    `json:"needs"`
}

// NeedLine is a need with where it stands.
type NeedLine struct {
	ID     string        `json:"id"`
	Kind   string        `json:"kind" enum:"capital,document,money"`
	Text   rulebook.Both `json:"text"`
	State  State         `json:"state" enum:"met,missing,unknown"`
	Basis  []string      `json:"basis"`
	Status string        `json:"status"`
	Source rulebook.Both `json:"source"`
	Days   int           `json:"days"`
}

// Forbidden is an arrangement that the law forbids.
type Forbidden struct {
	ID       string        `json:"id"`
	Yours    bool          `json:"yours" doc:"the answers describe it"`
	Rules    []string      `json:"rules"`
	Title    rulebook.Both `json:"title"`
	Why      rulebook.Both `json:"why"`
	Basis    []string      `json:"basis"`
	Status   string        `json:"status"`
	Source   rulebook.Both `json:"source"`
	Exposure []Penalty     `json:"exposure"`
	Instead  rulebook.Both `json:"instead"`
}

// Questions lists what is asked.
func (c *Catalogue) Questions() []Question { return c.questions }

// Advise says which mode the answers describe, what it takes, and what is unlawful.
func (c *Catalogue) Advise(a Answers, at time.Time) *Advice {
	out := &Advice{At: at.In(rulebook.Shanghai).Format(time.RFC3339), Packs: c.book.Versions(), Notice: notice, Given: []Given{}, Modes: []ModeLine{}, Unlawful: []Forbidden{}}
	for _, q := range c.questions {
		g := Given{Question: q.Text}
		for _, x := range q.Choices {
			if x.ID == a[q.ID] {
				g.Answer = x.Both
			}
		}
		if g.Answer.En == "" {
			out.ask = append(out.ask, q.Text)
		}
		out.Given = append(out.Given, g)
	}
	for _, m := range c.modes {
		out.Modes = append(out.Modes, c.modeLine(&m, a, at))
		if out.Fits == "" && a.any(m.Wanted) {
			out.Fits = m.ID
		}
	}
	switch {
	case out.Fits == "":
	case out.mode(out.Fits).state() != Missing:
		out.Open = out.Fits
	case a.any(c.mode(c.fallback).Wanted):
		out.Open = c.fallback
	}
	slices.SortStableFunc(out.Modes, func(a, b ModeLine) int { return out.place(a.ID) - out.place(b.ID) })
	for _, x := range c.arrangements {
		out.Unlawful = append(out.Unlawful, Forbidden{
			x.ID, a.any(x.When), x.Rules, x.Title, x.Why, c.cited(x.Basis, at), x.Status, rulebook.Statuses[x.Status], c.exposed(x.Exposure, at), x.Instead,
		})
	}
	slices.SortStableFunc(out.Unlawful, func(a, b Forbidden) int {
		switch {
		case a.Yours == b.Yours:
			return 0
		case a.Yours:
			return -1
		default:
			return 1
		}
	})
	out.Verdict = out.verdict()
	return out
}

func (c *Catalogue) modeLine(m *Mode, a Answers, at time.Time) ModeLine {
	out := ModeLine{ID: m.ID, Title: m.Title, Says: m.Says, Basis: c.cited(m.Basis, at), Status: m.Status, Source: rulebook.Statuses[m.Status], Needs: []NeedLine{}}
	for _, n := range m.Needs {
		line := NeedLine{n.ID, n.Kind, n.Text, Unknown, c.cited(n.Basis, at), n.Status, rulebook.Statuses[n.Status], n.Days}
		switch {
		case a.any(n.Met):
			line.State = Met
		case a.asked(n.Met):
			line.State = Missing
		}
		if line.State != Met {
			out.Days = max(out.Days, n.Days)
		}
		out.Needs = append(out.Needs, line)
	}
	return out
}

// state is the worst of the needs that were verified: a recalled threshold closes no mode.
func (m *ModeLine) state() State {
	worst := Met
	for _, n := range m.Needs {
		if verified(n.Status) {
			if slices.Index(stateOrder, n.State) < slices.Index(stateOrder, worst) {
				worst = n.State
			}
		}
	}
	return worst
}

// place puts the mode that the answers describe first, and the one that is open after it.
func (a *Advice) place(mode string) int {
	switch mode {
	case a.Fits:
		return 0
	case a.Open:
		return 1
	default:
		return 2
	}
}

func (a *Advice) mode(id string) *ModeLine {
	if i := slices.IndexFunc(a.Modes, func(m ModeLine) bool { return m.ID == id }); i >= 0 {
		return &a.Modes[i]
	}
	return &ModeLine{}
}

func (a *Advice) verdict() Verdict {
	var yours []rulebook.Both
	for _, x := range a.Unlawful {
		if x.Yours && verified(x.Status) {
			yours = append(yours, x.Title)
		}
	}
	fits, open := a.mode(a.Fits), a.mode(a.Open)
	lacking := 0
	for _, n := range fits.Needs {
		if n.State != Met {
			lacking++
		}
	}
	unsure := rulebook.Both{}
	if fits.Status != "" && !verified(fits.Status) {
		unsure = say("（此模式%s，须先确认）", " (this mode is %s: have it confirmed first)", lang(fits.Source))
	}
	switch {
	case len(yours) > 0:
		zh, en := titles(yours)
		v := saying(Unlawful, say("违法的做法：%s。", "What is unlawful as you describe it: %s.", lang{Zh: zh, En: en}))
		if open.ID != "" {
			v.Text.Zh += "现在可行的合法模式：" + open.Title.Zh + "。"
			v.Text.En += " What is lawfully open now: " + open.Title.En + "."
		}
		return v
	case a.Fits == "":
		return saying(Open, say("请先回答发送谁的短信、签约与定价方。", "Answer whose messages you want to send, and who contracts and sets prices."))
	case a.Open != a.Fits && open.ID != "":
		return saying(Conditions, say("您要的是“%s”，还缺条件；在此之前可以做“%s”。", "what you want is %q, for which something is still missing; until then this is open: %q.", lang(fits.Title), lang(open.Title)))
	default:
		return saying(Conditions, say("适合的模式是“%s”%s；须先备齐的：%d 项，未回答的问题：%d 个。", "this fits: %q%s. To be in place first: %d; questions left open: %d.", lang(fits.Title), lang(unsure), lacking, len(a.ask)))
	}
}
