package rulebook

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// The rules of the rulebook that no pack holds, and why.
//
//go:embed absent.yaml
var absentFile []byte

// Absent is a rule of the rulebook that nothing enforces yet, or that is not the program's.
type Absent struct {
	ID    string `yaml:"id"`
	Title Both   `yaml:"title"`
	Why   Both   `yaml:"why"`
}

// Chapters are the numbers of rules that the rulebook has under each prefix.
var Chapters = []struct {
	Prefix string
	Rules  int
	Title  Both
}{
	{"LIC", 11, Both{"许可与代理链条", "licences and the chain of agents"}},
	{"PORT", 7, Both{"码号与子端口", "codes and sub-codes"}},
	{"RN", 8, Both{"内容提供者实名", "real name of the content provider"}},
	{"SIG", 10, Both{"签名", "signatures"}},
	{"TPL", 14, Both{"模板", "templates"}},
	{"CNS", 16, Both{"同意", "consent"}},
	{"OPT", 8, Both{"退订", "refusals"}},
	{"TIM", 2, Both{"时段", "hours"}},
	{"FRQ", 7, Both{"频率", "frequency"}},
	{"CNT", 11, Both{"内容", "content"}},
	{"AD", 20, Both{"广告", "advertising"}},
	{"PRV", 18, Both{"个人信息", "personal data"}},
	{"LOG", 8, Both{"记录与证据", "records and evidence"}},
	{"CMP", 10, Both{"投诉", "complaints"}},
	{"FRD", 7, Both{"反诈", "anti-fraud"}},
	{"BIL", 3, Both{"计费", "billing"}},
}

// AbsentRules lists what no pack holds.
var AbsentRules = sync.OnceValues(func() ([]Absent, error) {
	var list []Absent
	if err := Decode(absentFile, &list); err != nil {
		return nil, fmt.Errorf("absent.yaml: %w", err)
	}
	for _, a := range list {
		if a.Title.Zh == "" || a.Title.En == "" || a.Why.Zh == "" || a.Why.En == "" {
			return nil, fmt.Errorf("absent.yaml: %s needs title and why in zh and en", a.ID)
		}
	}
	return list, nil
})

// Page is a file of the rulebook's documentation.
type Page struct{ Name, Text string }

// Pages writes the coverage table of all rules and a page for each that runs. Every rule of
// every chapter must stand in a pack, or among the absent ones with the reason, and nowhere
// twice.
func (b *Book) Pages(cases []Scenario) ([]Page, error) {
	absent, err := AbsentRules()
	if err != nil {
		return nil, err
	}
	rules, missing := map[string][]Rule{}, map[string]*Absent{}
	for _, r := range b.Rules() {
		rules[row(r.ID)] = append(rules[row(r.ID)], r)
	}
	for i := range absent {
		missing[absent[i].ID] = &absent[i]
	}
	var table strings.Builder
	var pages []Page
	var wrong []error
	runs, all := 0, 0
	for _, c := range Chapters {
		fmt.Fprintf(&table, "\n## %s %s · %s\n\n| id | title | kind, outcome | status | shown by |\n|---|---|---|---|---|\n", c.Prefix, c.Title.Zh, c.Title.En)
		for n := range c.Rules {
			id := fmt.Sprintf("%s-%02d", c.Prefix, n+1)
			list, a := rules[id], missing[id]
			all++
			switch {
			case (list == nil) == (a == nil):
				wrong = append(wrong, fmt.Errorf("rule %s stands in a pack or in absent.yaml, in one of them", id))
			case a != nil:
				fmt.Fprintf(&table, "| %s | %s · %s | does not run | | %s · %s |\n", id, a.Title.Zh, a.Title.En, a.Why.Zh, a.Why.En)
			default:
				runs++
				var text strings.Builder
				for i := range list {
					r := &list[i]
					fmt.Fprintf(&table, "| [%s](%s.md) | %s · %s | %s | %s | %s |\n", r.ID, id, r.Title.Zh, r.Title.En, r.does(), r.Status, b.shownBy(r, cases))
					text.WriteString(b.page(r, cases))
				}
				pages = append(pages, Page{id + ".md", text.String()})
			}
			delete(missing, id)
			delete(rules, id)
		}
	}
	for _, id := range slices.Concat(slices.Sorted(maps.Keys(missing)), slices.Sorted(maps.Keys(rules))) {
		wrong = append(wrong, fmt.Errorf("no chapter has the rule %s", id))
	}
	head := fmt.Sprintf("# Coverage of the rulebook\n\nMade by `zhunxin rulebook pages docs/rulebook`. Of %d rules %d run, some of them in part: what each does is on its page.\n"+
		"The others do not, each with its reason. Packs: %s.\n"+
		"Status: V verified, V2 from a secondary source, R recalled, D our own design, TBC to be confirmed in the official text.\n", all, runs, b.Versions())
	return append(pages, Page{"README.md", head + table.String()}), errors.Join(wrong...)
}

// row is the row of the rulebook that a rule belongs to: several have letters behind it.
func row(id string) string { return strings.TrimRight(id, "abcdefghijklmnopqrstuvwxyz") }

// does tells in a few words what a rule is for.
func (r *Rule) does() string {
	switch r.Kind {
	case KindProduct:
		return "guaranteed"
	case KindObject:
		return r.Object + ": " + r.Outcome
	case KindDuty:
		return "duty of " + r.Duty.Owner
	}
	return r.Kind + ": " + r.Outcome
}

// shownBy counts the cases that show a rule, or names its tests.
func (b *Book) shownBy(r *Rule, cases []Scenario) string {
	if r.Kind == KindProduct {
		return "`" + strings.Join(r.Proof, "`, `") + "`"
	}
	return fmt.Sprintf("%d examples, %d scenarios", len(r.Examples), len(scenariosOf(r.ID, cases)))
}

func scenariosOf(rule string, cases []Scenario) (out []Scenario) {
	for _, s := range cases {
		if s.Expect.First == rule || slices.Contains(s.Expect.All, rule) {
			out = append(out, s)
		}
	}
	return out
}

// page is all about a rule.
func (b *Book) page(r *Rule, cases []Scenario) string {
	var w strings.Builder
	fmt.Fprintf(&w, "# %s %s\n\n%s\n\n| | |\n|---|---|\n", r.ID, r.Title.Zh, r.Title.En)
	cell := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&w, "| %s | %s |\n", name, value)
		}
	}
	for _, x := range r.Basis {
		basis := x.Instrument + " " + x.Article
		if i := b.instruments[x.Instrument]; i != nil {
			basis += strings.TrimRight(fmt.Sprintf(" (%s – %s", i.From, i.To), " ") + ")"
		}
		cell("依据 basis", basis)
	}
	cell("来源 status", r.Status)
	cell("生效 in force", strings.TrimRight(fmt.Sprintf("%s – %s", r.From, r.To), " "))
	cell("层级 layer", r.Layer)
	cell("作用 effect", r.does())
	if len(r.Categories) > 0 {
		cell("类别 categories", strings.Trim(fmt.Sprint(r.Categories), "[]"))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Params)) {
		p := r.Params[name]
		cell("参数 parameter", strings.TrimSpace(fmt.Sprintf("%s = %d %s", name, p.Value, p.Unit)))
	}
	cell("错误码 code", string(r.Code))
	if r.Kind == KindProduct {
		cell("证明 tests", b.shownBy(r, cases))
		return w.String()
	}
	when := "条件 stands against it when"
	if r.Kind == KindDuty {
		when = "何时产生 arises when"
	}
	fmt.Fprintf(&w, "\n%s\n\n    %s\n\n", when, strings.TrimSpace(r.Against))
	for _, text := range []Both{r.Filled(r.Reason), r.Filled(r.Remedy)} {
		if text.Zh != "" {
			fmt.Fprintf(&w, "%s\n%s\n\n", text.Zh, text.En)
		}
	}
	w.WriteString("## 例 examples\n\n")
	for _, e := range r.Examples {
		fmt.Fprintf(&w, "- %s: %s\n", e.Name, r.comesTo(&e))
	}
	for i, s := range scenariosOf(r.ID, cases) {
		if i == 0 {
			w.WriteString("\n## 情形 scenarios\n\n")
		}
		fmt.Fprintf(&w, "- %s · %s: %s\n", s.Title.Zh, s.Title.En, s.Expect)
	}
	w.WriteString("\n")
	return w.String()
}

// comesTo tells what an example comes to.
func (r *Rule) comesTo(e *Example) string {
	switch {
	case r.Kind == KindDuty && e.Created:
		return "应办 due " + e.Due.In(Shanghai).Format(time.DateTime)
	case r.Kind == KindDuty:
		return "不产生 nothing to do"
	case e.Stands:
		return "不放行 stands against it"
	}
	return "放行 passes"
}
