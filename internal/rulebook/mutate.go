package rulebook

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Mutant is a rule with one small change in its condition or a parameter. Every
// mutant must fail some example or scenario, or the cases prove too little.
type Mutant struct {
	Rule   string
	Change string
	Book   *Book
}

var tokens = regexp.MustCompile(`>=|<=|==|!=|&&|\|\||!|>|<|[a-z_]+(?:\.[a-z0-9_]+)+|\b[0-9]+\b`)

var swaps = map[string][]string{
	">=": {">", "<"}, "<=": {"<", ">"}, ">": {">=", "<="}, "<": {"<=", ">="},
	"==": {"!="}, "!=": {"=="}, "&&": {"||"}, "||": {"&&"}, "!": {""},
}

// Mutate builds every mutant of every rule: comparisons and their boundaries,
// connectives, negations, each bare boolean fact negated, numbers and
// parameters one up and one down, dates of carriers a day earlier and later, rules of one
// vendor's channels on all.
func (b *Book) Mutate() ([]Mutant, error) {
	env, err := b.environment()
	if err != nil {
		return nil, err
	}
	var out []Mutant
	for i, rule := range b.rules {
		for _, v := range variants(rule.Rule) {
			c, err := b.compile(env, nil, v.rule)
			if err != nil {
				continue // a change that no longer compiles is no mutant
			}
			m := *b // shares all but the rules
			m.rules = slices.Clone(b.rules)
			m.rules[i] = c
			out = append(out, Mutant{rule.ID, v.change, &m})
		}
	}
	for _, judged := range []func(*Book) *map[string]*object{
		func(m *Book) *map[string]*object { return &m.objects },
		func(m *Book) *map[string]*object { return &m.duties },
	} {
		out = append(out, b.mutateJudged(judged)...)
	}
	return out, nil
}

// mutateJudged builds the mutants of the rules about objects, or of duties.
func (b *Book) mutateJudged(of func(*Book) *map[string]*object) (out []Mutant) {
	for kind, o := range *of(b) {
		for i, rule := range o.rules {
			for _, v := range variants(rule.Rule) {
				c, err := b.compile(o.env, nil, v.rule)
				if err != nil {
					continue
				}
				m, other := *b, *o
				other.rules = slices.Clone(o.rules)
				other.rules[i] = c
				changed := maps.Clone(*of(b))
				changed[kind] = &other
				*of(&m) = changed
				out = append(out, Mutant{rule.ID, v.change, &m})
			}
		}
	}
	return out
}

type variant struct {
	rule   Rule
	change string
}

func variants(r Rule) []variant {
	var out []variant
	add := func(from, to int, by string) {
		m := r
		m.Against = r.Against[:from] + by + r.Against[to:]
		out = append(out, variant{m, fmt.Sprintf("%q becomes %q", r.Against, m.Against)})
	}
	for _, at := range tokens.FindAllStringIndex(r.Against, -1) {
		tok := r.Against[at[0]:at[1]]
		for _, by := range swaps[tok] {
			add(at[0], at[1], by)
		}
		if strings.Contains(tok, ".") && !strings.HasPrefix(tok, "param.") {
			add(at[0], at[1], "!"+tok) // compiles only where the fact is a boolean
		}
	}
	for carrier, from := range r.Carriers {
		for _, d := range []int{-1, 1} {
			m := r
			m.Carriers = maps.Clone(r.Carriers)
			m.Carriers[carrier] = Date{from.AddDate(0, 0, d)}
			out = append(out, variant{m, fmt.Sprintf("it holds for %s from %s", carrier, m.Carriers[carrier])})
		}
	}
	if r.Vendor != "" {
		m := r
		m.Vendor = ""
		out = append(out, variant{m, "it holds on every vendor's channels"})
	}
	for name, p := range r.Params {
		for _, d := range []int64{-1, 1} {
			m := r
			m.Params = map[string]Param{}
			for k, v := range r.Params {
				m.Params[k] = v
			}
			q := p
			q.Value += d
			m.Params[name] = q
			out = append(out, variant{m, fmt.Sprintf("parameter %s becomes %d", name, q.Value)})
		}
	}
	return out
}

// Survivors lists the mutants that no example of their rule and no scenario notices: none is
// decided otherwise than by the book that they were made of. Scenarios that fail there
// already show nothing.
func (b *Book) Survivors(mutants []Mutant, cases []Scenario) []Mutant {
	cases = slices.DeleteFunc(slices.Clone(cases), func(s Scenario) bool { return b.Play(&s) != "" })
	var out []Mutant
	for _, m := range mutants {
		caught := !slices.Equal(m.Book.RunExamples(m.Rule), b.RunExamples(m.Rule))
		for i := 0; i < len(cases) && !caught; i++ {
			caught = m.Book.Play(&cases[i]) != ""
		}
		if !caught {
			out = append(out, m)
		}
	}
	return out
}

// RunExamples executes every example of every rule and lists what failed. rule
// limits it to one rule; "" runs all.
func (b *Book) RunExamples(rule string) []string {
	var failed []string
	for _, c := range slices.Concat(b.rules, b.others()) {
		if rule != "" && c.ID != rule {
			continue
		}
		for _, e := range c.Examples {
			if c.Kind == KindDuty {
				if due, err := b.owes(c, &e); err != nil || !due.Equal(e.Due.Time) {
					failed = append(failed, fmt.Sprintf("%s, %s: due %s, the example says %s (%v)", c.ID, e.Name, Moment{due}, e.Due, err))
				}
				continue
			}
			got, err := b.stands(c, e.Facts, c.exampleDay())
			switch {
			case err != nil:
				failed = append(failed, fmt.Sprintf("%s, %s: %v", c.ID, e.Name, err))
			case got != e.Stands:
				failed = append(failed, fmt.Sprintf("%s, %s: stands is %t, the example says %t", c.ID, e.Name, got, e.Stands))
			case got && c.Measure != nil && c.pace() != e.Pace:
				failed = append(failed, fmt.Sprintf("%s, %s: %d messages in a minute, the example says %d", c.ID, e.Name, c.pace(), e.Pace))
			}
		}
	}
	return failed
}

// exampleDay is ten o'clock on a day on which the rule holds: examples tell nothing of dates.
func (c *compiled) exampleDay() time.Time {
	at := time.Date(2026, 11, 2, 10, 0, 0, 0, Shanghai)
	if at.Before(c.From.Time) || !c.To.IsZero() && !at.Before(c.To.Time) {
		at = c.From.Add(10 * time.Hour)
	}
	return at
}

// stands tells whether a rule stands against something lawful but for some facts.
func (b *Book) stands(c *compiled, values map[string]any, at time.Time) (bool, error) {
	var found []Finding
	if c.Object != "" {
		facts, err := known(b.objects[c.Object], c.Object, values)
		if err != nil {
			return false, err
		}
		found = b.Judge(c.Object, facts, at)
	} else {
		f := b.NewFacts()
		if err := f.fill(values); err != nil {
			return false, err
		}
		found, _ = b.Evaluate(c.stage, f, at)
	}
	return slices.ContainsFunc(found, func(x Finding) bool { return x.Rule == c.ID }), nil
}

func (f *Facts) fill(values map[string]any) error {
	for name, v := range values {
		if !f.Set(name, v) {
			return fmt.Errorf("there is no fact %s of the type of %v", name, v)
		}
	}
	return nil
}
