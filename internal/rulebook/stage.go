package rulebook

import (
	"fmt"
	"maps"
	"slices"
)

// StageOf tells at which stage a rule is evaluated; ok is false when the book has no such
// rule.
func (b *Book) StageOf(rule string) (stage Stage, ok bool) {
	for _, c := range b.rules {
		if c.ID == rule {
			return c.stage, true
		}
	}
	return 0, false
}

// FactsOf names the facts of a stage.
func (b *Book) FactsOf(stage Stage) []string {
	var out []string
	for name, i := range b.index {
		if b.stages[i] == stage {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Reading names the rules that read one of some facts.
func (b *Book) Reading(facts []string) []string {
	var out []string
	for _, c := range b.rules {
		if slices.ContainsFunc(facts, func(name string) bool { return c.reads[name] }) {
			out = append(out, c.ID)
		}
	}
	return out
}

// Unlike names the rules of a stage that another book lacks or has otherwise, in what they
// decide.
func (b *Book) Unlike(other *Book, stage Stage) []string {
	decides := func(b *Book) map[string]string {
		windows := map[string]string{}
		for _, w := range b.windows {
			windows[countPrefix+w.Name] = fmt.Sprint(w)
		}
		out := map[string]string{}
		for _, c := range b.rules {
			out[c.ID] = fmt.Sprint(c.Against, listed(c.Params), c.Categories, c.Outcome, c.From, c.To, c.Hours, c.Carriers, c.Vendor)
			for _, name := range slices.Sorted(maps.Keys(windows)) {
				if c.reads[name] {
					out[c.ID] += windows[name]
				}
			}
		}
		return out
	}
	mine, theirs := decides(b), decides(other)
	var out []string
	for _, c := range b.rules {
		if c.stage == stage && mine[c.ID] != theirs[c.ID] {
			out = append(out, c.ID)
		}
	}
	return out
}

// Alike names the facts of the lexicons that another book has word for word, each with the
// pack and version that holds it there: a decision under that pack which does not name such a
// fact found no word of it.
func (b *Book) Alike(other *Book) map[string]string {
	words := func(l *Lexicon) string { return fmt.Sprint(l.Words, l.Harmless, l.Spellings, l.With) }
	out := map[string]string{}
	for name, l := range b.lexicons {
		if o := other.lexicons[name]; o != nil && words(l) == words(o) {
			out[lexPrefix+name] = o.pack
		}
	}
	return out
}
