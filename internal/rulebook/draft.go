package rulebook

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Source is a pack with the scenarios that came with it.
type Source struct {
	Text  []byte
	Cases []byte // nothing, or a file of scenarios
}

// Draft is a rulebook with the cases that it is tested by.
type Draft struct {
	Book  *Book
	Base  *Book      // without house packs: they may refuse what the program's cases permit
	Cases []Scenario // for Base
	Own   []Scenario // for Book
}

// Assemble makes the rulebook of the program's packs and of others. House packs come last,
// in the order given; another one stands in the place of the one of its name, or behind
// them. Cases that come with it stand in the place of those of the program with the same
// title: where the law changes, so does what is expected.
func Assemble(builtin [][]byte, more ...Source) (*Draft, error) {
	d, packs, house := &Draft{}, builtin, [][]byte(nil)
	var err error
	if d.Cases, err = BuiltinScenarios(); err != nil {
		return nil, err
	}
	layers := map[string]string{}
	for _, raw := range builtin {
		p, err := Parse(raw)
		if err != nil {
			return nil, err
		}
		layers[p.Name] = p.Layer
	}
	for _, s := range more {
		p, err := Parse(s.Text)
		if err != nil {
			return nil, err
		}
		if layer, taken := layers[p.Name]; taken && layer != p.Layer {
			return nil, fmt.Errorf("pack %s: the program's pack of this name is of the layer %s, not %s: name it otherwise", p.Name, layer, p.Layer)
		}
		var cases []Scenario
		if len(s.Cases) > 0 {
			if cases, err = ParseScenarios(s.Cases); err != nil {
				return nil, fmt.Errorf("pack %s: %w", p.Name, err)
			}
		}
		if p.Layer == House {
			house, d.Own = append(house, s.Text), append(d.Own, cases...)
			continue
		}
		if packs, err = Replace(packs, s.Text); err != nil {
			return nil, err
		}
		d.Cases = supersede(d.Cases, cases)
	}
	if d.Base, err = Load(packs...); err != nil {
		return nil, err
	}
	if d.Book = d.Base; len(house) > 0 {
		d.Book, err = Load(slices.Concat(packs, house)...)
	}
	return d, err
}

// supersede puts scenarios in the place of those with the same title.
func supersede(old, by []Scenario) []Scenario {
	out := slices.DeleteFunc(slices.Clone(old), func(s Scenario) bool {
		return slices.ContainsFunc(by, func(x Scenario) bool { return x.Title == s.Title })
	})
	return append(out, by...)
}

// FailedExamples lists the examples that are not decided as they say. A rule of the law is
// tried without the house packs.
func (d *Draft) FailedExamples() []string {
	out := d.Base.RunExamples("")
	for _, r := range d.Book.Rules() {
		if r.Layer == House {
			out = append(out, d.Book.RunExamples(r.ID)...)
		}
	}
	return out
}

// Wrong lists the examples and scenarios that are decided otherwise than they say.
func (d *Draft) Wrong() []string {
	out := d.FailedExamples()
	for _, x := range []struct {
		book *Book
		list []Scenario
	}{{d.Base, d.Cases}, {d.Book, d.Own}} {
		for i := range x.list {
			s := &x.list[i]
			if wrong := x.book.Play(s); wrong != "" {
				out = append(out, fmt.Sprintf("%s  %s: %s", s.Title.Zh, s.Title.En, wrong))
			}
		}
	}
	return out
}

var versionForm = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,9}){0,4}$`)

// CheckVersion refuses a version that has no place in an order.
func CheckVersion(v string) error {
	if !versionForm.MatchString(v) {
		return fmt.Errorf("version %.40q is not of numbers with dots between them, such as 2026.11.2", v)
	}
	return nil
}

// CompareVersions orders versions of numbers: 2026.9 stands before 2026.11.
func CompareVersions(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		m, _ := strconv.Atoi(x) // of CheckVersion's form
		n, _ := strconv.Atoi(y)
		return m - n
	})
}
