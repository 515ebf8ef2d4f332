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

// redraft makes the rulebook of what the program carries and of files: scenarios, house
// packs, and packs that stand in the place of a built-in one of the same name.
func redraft(files []string) (*rulebook.Draft, error) {
	builtin, err := rulebook.Builtin()
	if err != nil {
		return nil, err
	}
	packs, own, err := readPacks(files)
	if err != nil {
		return nil, err
	}
	d, err := rulebook.Assemble(builtin, packs...)
	if err != nil {
		return nil, err
	}
	d.Own = append(d.Own, own...)
	return d, nil
}

// readPacks reads files of packs and of scenarios.
func readPacks(files []string) (packs []rulebook.Source, own []rulebook.Scenario, err error) {
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, err
		}
		if rulebook.IsScenarios(b) {
			list, err := rulebook.ParseScenarios(b)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", name, err)
			}
			own = append(own, list...)
			continue
		}
		if _, err := rulebook.Parse(b); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		packs = append(packs, rulebook.Source{Text: b})
	}
	return packs, own, nil
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
	if err := printPacks(d.Book, c.Files); err != nil {
		return err
	}
	for _, r := range d.Book.Rules() {
		fmt.Println()
		printRule(d.Book, &r)
	}
	return nil
}

// printPacks says which packs are built in, and which come from files.
func printPacks(book *rulebook.Book, files []string) error {
	builtin, err := rulebook.Builtin()
	if err != nil {
		return err
	}
	own := map[string]bool{}
	for _, raw := range builtin {
		p, err := rulebook.Parse(raw)
		if err != nil {
			return err
		}
		own[p.Name+"@"+p.Version] = true
	}
	for _, name := range strings.Split(book.Versions(), ",") {
		from := "built in 程序自带"
		if !own[name] {
			from = "from " + strings.Join(files, ", ")
		}
		fmt.Printf("%s: %s\n", name, from)
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
	for _, c := range slices.Sorted(maps.Keys(r.Carriers)) {
		fmt.Printf("  %s from %s\n", c, r.Carriers[c])
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
	rules := d.Book.Rules()
	i := slices.IndexFunc(rules, func(r rulebook.Rule) bool { return r.ID == strings.ToUpper(c.Rule) })
	if i < 0 {
		return fmt.Errorf("there is no rule %s; zhunxin rulebook list names them all", c.Rule)
	}
	r := &rules[i]
	if err := printPacks(d.Book, c.Files); err != nil {
		return err
	}
	printRule(d.Book, r)
	status := rulebook.Statuses[r.Status]
	fmt.Printf("  source: %s %s\n", status.Zh, status.En)
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
	for _, s := range slices.Concat(d.Cases, d.Own) {
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
	for _, r := range d.Book.Rules() {
		examples += len(r.Examples)
	}
	failed := d.Wrong()
	for _, f := range failed {
		fmt.Println(f)
	}
	fmt.Printf("%s: %d rules, %d examples, %d scenarios, %d failed\n", d.Book.Versions(), len(d.Book.Rules()), examples, len(d.Cases)+len(d.Own), len(failed))
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
	changes := rulebook.Diff(before.Book, after.Book)
	for _, x := range changes {
		fmt.Printf("%s  %s\n", x.Rule, x.What)
	}
	for _, s := range slices.Concat(after.Cases, after.Own) {
		if was, is := before.Book.Play(&s), after.Book.Play(&s); was != is {
			fmt.Printf("scenario %s  %s: %s, before: %s\n", s.Title.Zh, s.Title.En, orExpected(is), orExpected(was))
		}
	}
	fmt.Printf("%s → %s: %d changed\n", before.Book.Versions(), after.Book.Versions(), len(changes))
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
	mutants, err := d.Book.Mutate()
	if err != nil {
		return err
	}
	left := d.Book.Survivors(mutants, slices.Concat(d.Cases, d.Own))
	for _, m := range left {
		fmt.Printf("%s: %s, and no case notices\n", m.Rule, m.Change)
	}
	fmt.Printf("%s: %d mutants, %d survived\n", d.Book.Versions(), len(mutants), len(left))
	if len(left) > 0 {
		return errors.New("rules can be changed and no case notices: add an example at each boundary that is named")
	}
	return nil
}
