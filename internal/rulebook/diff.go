package rulebook

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Change is one difference between two books.
type Change struct {
	Rule string // or what else: lexicon fraud, windows, instruments, opt_out whole
	What string
}

func listed(params map[string]Param) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		out = append(out, fmt.Sprintf("%s %d %s", name, params[name].Value, params[name].Unit))
	}
	return strings.Join(out, ", ")
}

func dutyText(r *Rule) string {
	if r.Duty == nil {
		return ""
	}
	return fmt.Sprint(*r.Duty)
}

// Diff lists what b changes against a: rules added, gone, and fields that differ, and what
// stands beside the rules: words, windows, holidays and the dates of instruments.
func Diff(a, b *Book) []Change {
	var out []Change
	old := map[string]Rule{}
	for _, r := range a.Rules() {
		old[r.ID] = r
	}
	for _, r := range b.Rules() {
		o, ok := old[r.ID]
		delete(old, r.ID)
		if !ok {
			out = append(out, Change{r.ID, "added"})
			continue
		}
		for _, f := range []struct{ name, a, b string }{
			{"kind", o.Kind + " " + o.Object, r.Kind + " " + r.Object},
			{"condition", o.Against, r.Against},
			{"outcome", o.Outcome, r.Outcome},
			{"parameters", listed(o.Params), listed(r.Params)},
			{"categories", fmt.Sprint(o.Categories), fmt.Sprint(r.Categories)},
			{"carriers", fmt.Sprint(o.Carriers), fmt.Sprint(r.Carriers)},
			{"vendor", o.Vendor, r.Vendor},
			{"code", string(o.Code), string(r.Code)},
			{"status", o.Status, r.Status},
			{"hours", fmt.Sprint(o.Hours), fmt.Sprint(r.Hours)},
			{"reason", fmt.Sprint(o.Reason), fmt.Sprint(r.Reason)},
			{"remedy", fmt.Sprint(o.Remedy), fmt.Sprint(r.Remedy)},
			{"dates", fmt.Sprint(o.From, o.To), fmt.Sprint(r.From, r.To)},
			{"basis", fmt.Sprint(o.Basis), fmt.Sprint(r.Basis)},
			{"proof", fmt.Sprint(o.Proof), fmt.Sprint(r.Proof)},
			{"duty", dutyText(&o), dutyText(&r)},
		} {
			if f.a != f.b {
				out = append(out, Change{r.ID, f.name + ": " + f.a + " → " + f.b})
			}
		}
	}
	for _, r := range a.Rules() {
		if _, gone := old[r.ID]; gone {
			out = append(out, Change{r.ID, "gone"})
		}
	}
	return append(out, diffBeside(a, b)...)
}

// beside lists what a book holds besides rules: the entries of each kind.
func (b *Book) beside() map[string]map[string]bool {
	out := map[string]map[string]bool{}
	add := func(kind string, entries ...string) {
		if out[kind] == nil {
			out[kind] = map[string]bool{}
		}
		for _, e := range entries {
			out[kind][e] = true
		}
	}
	add("opt_out whole", b.optOut.Whole...)
	add("opt_out prefix", b.optOut.Prefix...)
	add("opt_out contains", b.optOut.Contains...)
	add("opt_in", b.optIn...)
	for _, l := range b.lexicons {
		add("lexicon "+l.Name, l.Words...)
		add("lexicon "+l.Name+" harmless", l.Harmless...)
		add("lexicon "+l.Name+" with", l.With...)
		add("lexicon "+l.Name+" industry", l.Industry)
		add("lexicon "+l.Name+" in signatures", fmt.Sprint(l.Signature))
		for word, list := range l.Spellings {
			for _, s := range list {
				add("lexicon "+l.Name+" spellings", word+" "+s)
			}
		}
		for _, x := range l.Exceptions {
			add("lexicon "+l.Name+" exceptions", x.Title.Zh+" "+x.Pattern)
		}
	}
	for i := range b.windows {
		add("windows", b.windows[i].String())
	}
	for name, i := range b.instruments {
		add("instruments", fmt.Sprintf("%s (%s – %s)", name, i.From, i.To))
	}
	for _, y := range b.calendar.years {
		add("calendar", y.String())
	}
	return out
}

// diffBeside compares what two books hold besides rules.
func diffBeside(a, b *Book) []Change {
	was, is := a.beside(), b.beside()
	kinds := maps.Clone(was)
	maps.Copy(kinds, is)
	var out []Change
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		for _, e := range slices.Sorted(maps.Keys(was[kind])) {
			if !is[kind][e] {
				out = append(out, Change{kind, "gone: " + e})
			}
		}
		for _, e := range slices.Sorted(maps.Keys(is[kind])) {
			if !was[kind][e] {
				out = append(out, Change{kind, "added: " + e})
			}
		}
	}
	return out
}
