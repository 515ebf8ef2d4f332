package app

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/zhunxin/zhunxin/internal/rulebook"
)

// draft is what the rulebook would be with some files.
type draft struct {
	packs [][]byte
	book  *rulebook.Book
	base  *rulebook.Book      // without house packs: they may refuse what the built-in cases permit
	cases []rulebook.Scenario // of the program, for base
	own   []rulebook.Scenario // of the files, for book
}

// redraft reads files in addition to what the program carries: scenarios, house packs, and
// packs that stand in the place of a built-in one of the same name.
func redraft(files []string) (*draft, error) {
	d := &draft{}
	var err error
	if d.packs, err = rulebook.Builtin(); err != nil {
		return nil, err
	}
	if d.cases, err = rulebook.BuiltinScenarios(); err != nil {
		return nil, err
	}
	var house [][]byte
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if rulebook.IsScenarios(b) {
			list, err := rulebook.ParseScenarios(b)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			d.own = append(d.own, list...)
			continue
		}
		p, err := rulebook.Parse(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if p.Layer == "house" {
			house = append(house, b)
		} else if d.packs, err = rulebook.Replace(d.packs, b); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if d.base, err = rulebook.Load(d.packs...); err != nil {
		return nil, err
	}
	d.packs = append(d.packs, house...)
	d.book, err = rulebook.Load(d.packs...)
	return d, err
}

// wrong lists the examples and scenarios that are decided otherwise than they say.
func (d *draft) wrong() []string {
	out := d.base.RunExamples("")
	for _, r := range d.book.Rules() {
		if r.Layer == "house" {
			out = append(out, d.book.RunExamples(r.ID)...)
		}
	}
	for _, x := range []struct {
		book *rulebook.Book
		list []rulebook.Scenario
	}{{d.base, d.cases}, {d.book, d.own}} {
		for i := range x.list {
			s := &x.list[i]
			if wrong := x.book.Play(s); wrong != "" {
				out = append(out, fmt.Sprintf("%s  %s: %s", s.Title.Zh, s.Title.En, wrong))
			}
		}
	}
	return out
}

// statusWords says how sure a rule's source is.
var statusWords = map[string]string{
	"V": "已核实 verified", "V2": "见于二手来源 from a secondary source", "R": "凭记忆，未核实 recalled, not verified",
	"D": "平台自定，法律无此数字 our own design, no legal number exists", "TBC": "待核对正式文本 to be confirmed in the official text",
}

// RulebookList prints the rules.
type RulebookList struct {
	Files []string `arg:"" optional:"" type:"existingfile" help:"Packs to add, or to put in the place of a built-in one."`
}

// Run prints a paragraph for each rule, in the order of evaluation.
func (c *RulebookList) Run() error {
	d, err := redraft(c.Files)
	if err != nil {
		return err
	}
	fmt.Println(d.book.Versions())
	for _, r := range d.book.Rules() {
		fmt.Println()
		printRule(d.book, &r)
	}
	return nil
}

func printRule(book *rulebook.Book, r *rulebook.Rule) {
	fmt.Printf("%s  %s  %s\n", r.ID, r.Title.Zh, r.Title.En)
	basis := make([]string, len(r.Basis))
	for i, b := range r.Basis {
		basis[i] = b.Instrument + " " + b.Article
		x, known := book.Instrument(b.Instrument)
		if known && x.From.After(r.From.Time) {
			basis[i] += " (from " + x.From.String() + ")"
		}
		if known && !x.To.IsZero() {
			basis[i] += " (before " + x.To.String() + ")"
		}
	}
	until := ""
	if !r.To.IsZero() {
		until = " until " + r.To.String()
	}
	does := r.Outcome + " a " + cmp.Or(r.Object, r.Kind)
	switch r.Kind {
	case rulebook.KindProduct:
		does = "guaranteed by the program"
	case rulebook.KindDuty:
		does = "owed after " + r.Duty.Event
	}
	fmt.Printf("  %s; %s, %s, status %s, from %s%s\n", strings.Join(basis, "; "), r.Layer, does, r.Status, r.From, until)
	if r.Kind == rulebook.KindProduct {
		fmt.Printf("  shown by: %s\n", strings.Join(r.Proof, ", "))
		return
	}
	if d := r.Duty; d != nil {
		back := ""
		if d.Due.Before {
			back = " before"
		}
		fmt.Printf("  when: %s\n  to be done: %s  %s\n  within: %s %s%s %s, by the role %s\n", strings.TrimSpace(r.Against), r.Remedy.Zh, r.Remedy.En, d.Due.N, d.Due.Unit, back, d.Due.From, d.Owner)
	} else {
		fmt.Printf("  against: %s\n", strings.TrimSpace(r.Against))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Params)) {
		fmt.Printf("  %s = %d %s\n", name, r.Params[name].Value, r.Params[name].Unit)
	}
}

// RulebookShow prints all about a rule.
type RulebookShow struct {
	Rule  string   `arg:"" help:"Its id, such as CNS-01."`
	Files []string `arg:"" optional:"" type:"existingfile" help:"Packs to add, or to put in the place of a built-in one."`
}

// Run prints the rule with its reason, remedy, examples and scenarios.
func (c *RulebookShow) Run() error {
	d, err := redraft(c.Files)
	if err != nil {
		return err
	}
	rules := d.book.Rules()
	i := slices.IndexFunc(rules, func(r rulebook.Rule) bool { return r.ID == strings.ToUpper(c.Rule) })
	if i < 0 {
		return fmt.Errorf("there is no rule %s; zhunxin rulebook list names them all", c.Rule)
	}
	r := &rules[i]
	printRule(d.book, r)
	fmt.Printf("  source: %s\n", statusWords[r.Status])
	if len(r.Categories) > 0 {
		fmt.Printf("  only: %v\n", r.Categories)
	}
	if r.Kind == rulebook.KindProduct {
		return nil
	}
	if r.Duty != nil {
		for _, e := range r.Examples {
			fmt.Printf("  example: %s: at %s due %s %v\n", e.Name, e.At, e.Due, e.Facts)
		}
		return nil
	}
	fmt.Printf("  code: %s\n  reason: %s\n          %s\n  remedy: %s\n          %s\n", r.Code, r.Reason.Zh, r.Reason.En, r.Remedy.Zh, r.Remedy.En)
	for _, e := range r.Examples {
		fmt.Printf("  example: %s: %s %v\n", e.Name, map[bool]string{true: "stands against it", false: "passes"}[e.Stands], e.Facts)
	}
	for _, s := range slices.Concat(d.cases, d.own) {
		if s.Expect.First == r.ID || slices.Contains(s.Expect.All, r.ID) {
			fmt.Printf("  scenario: %s  %s: %s\n", s.Title.Zh, s.Title.En, s.Expect)
		}
	}
	return nil
}

// RulebookTest runs examples and scenarios.
type RulebookTest struct {
	Files []string `arg:"" optional:"" type:"existingfile" help:"Files of scenarios to run too; packs to add, or to put in the place of a built-in one."`
}

// Run fails when an example or a scenario does.
func (c *RulebookTest) Run() error {
	d, err := redraft(c.Files)
	if err != nil {
		return err
	}
	examples := 0
	for _, r := range d.book.Rules() {
		examples += len(r.Examples)
	}
	failed := d.wrong()
	for _, f := range failed {
		fmt.Println(f)
	}
	fmt.Printf("%s: %d rules, %d examples, %d scenarios, %d failed\n", d.book.Versions(), len(d.book.Rules()), examples, len(d.cases)+len(d.own), len(failed))
	if len(failed) > 0 {
		return errors.New("the rulebook does not decide as its examples and scenarios say")
	}
	return nil
}

// RulebookDiff tells what files would change.
type RulebookDiff struct {
	Files []string `arg:"" type:"existingfile" help:"Packs to add, or to put in the place of a built-in one."`
	Old   []string `type:"existingfile" help:"The same on the other side of the comparison; without it, the built-in packs alone."`
}

// Run prints each rule that is added, gone or different, and each scenario that would be
// decided in another way.
func (c *RulebookDiff) Run() error {
	before, err := redraft(c.Old)
	if err != nil {
		return err
	}
	after, err := redraft(c.Files)
	if err != nil {
		return err
	}
	changes := rulebook.Diff(before.book, after.book)
	for _, x := range changes {
		fmt.Printf("%s  %s\n", x.Rule, x.What)
	}
	for _, s := range slices.Concat(after.cases, after.own) {
		if was, is := before.book.Play(&s), after.book.Play(&s); was != is {
			fmt.Printf("scenario %s  %s: %s, before: %s\n", s.Title.Zh, s.Title.En, orExpected(is), orExpected(was))
		}
	}
	fmt.Printf("%s → %s: %d changed\n", before.book.Versions(), after.book.Versions(), len(changes))
	return nil
}

func orExpected(wrong string) string {
	if wrong == "" {
		return "as expected"
	}
	return wrong
}

// RulebookMutate tells whether examples and scenarios would notice a change of the rules.
type RulebookMutate struct {
	Files []string `arg:"" optional:"" type:"existingfile" help:"Files of scenarios to run too; packs to add, or to put in the place of a built-in one."`
}

// Run fails when a rule can be changed and no case notices.
func (c *RulebookMutate) Run() error {
	d, err := redraft(c.Files)
	if err != nil {
		return err
	}
	mutants, err := d.book.Mutate()
	if err != nil {
		return err
	}
	left := d.book.Survivors(mutants, slices.Concat(d.cases, d.own))
	for _, m := range left {
		fmt.Printf("%s: %s, and no case notices\n", m.Rule, m.Change)
	}
	fmt.Printf("%s: %d mutants, %d survived\n", d.book.Versions(), len(mutants), len(left))
	if len(left) > 0 {
		return errors.New("rules can be changed and no case notices: add an example at each boundary that is named")
	}
	return nil
}
