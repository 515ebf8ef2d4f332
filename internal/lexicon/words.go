package lexicon

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// List is the words of one class.
type List struct {
	Name      string
	Words     []string            // each of at least two characters
	Harmless  []string            // longer phrases in which a word of the list means nothing
	Spellings map[string][]string // words as they are spelt to hide them, such as in pinyin
	With      []string            // if there are any: the list counts only in a text that holds one of these too
	// Exceptions are phrases in which the law may allow a word, which a person decides.
	Exceptions []*regexp.Regexp
}

// Hit is a word of a list that a text holds. It has nothing of the text itself, for what is
// found may be stored (P7).
type Hit struct {
	List, Word string // as the list has it
	From, To   int    // where it stands first in the text, in bytes
	Disguised  bool   // spelt in another way than openly
	Exception  int    // of the list, from 1 on, in which it stands everywhere in the text; 0 if in none
}

// Limits of lists (bytes of one word, words of all lists).
const (
	MaxWord  = 96
	MaxWords = 1_000_000
)

// Words finds the words of lists in texts. It never changes and is safe for concurrent use.
type Words struct {
	lists   []List
	entries map[string][]entry // by the word's searched form
	lengths map[uint64][]int   // bytes of the searched forms that begin with two characters, longest first
	begins  [1 << 14]uint64    // a bit for each such beginning, by its hash: most places of a text begin no word
}

type kind uint8

const (
	word kind = iota
	harmless
	with
)

type entry struct {
	list      int
	word      string
	kind      kind
	disguised bool // it is a spelling of the word that hides it
}

// NewWords prepares lists. A word that is too short, too long or without anything to
// search for is an error that names it.
func NewWords(lists []List) (*Words, error) {
	w := &Words{lists: lists, entries: map[string][]entry{}, lengths: map[uint64][]int{}}
	n := 0
	for i, l := range lists {
		if n += len(l.Words) + len(l.Harmless) + len(l.With); n > MaxWords {
			return nil, fmt.Errorf("the lists have more than %d words", MaxWords)
		}
		for _, group := range []struct {
			words []string
			kind  kind
		}{{l.Words, word}, {l.Harmless, harmless}, {l.With, with}} {
			for _, x := range group.words {
				if err := w.add(entry{list: i, word: x, kind: group.kind}); err != nil {
					return nil, fmt.Errorf("list %s: %w", l.Name, err)
				}
			}
		}
	}
	for i := range lists { // behind the open words of all lists, which come first
		if err := w.disguise(i); err != nil {
			return nil, fmt.Errorf("list %s: %w", lists[i].Name, err)
		}
	}
	for _, l := range w.lengths {
		slices.SortFunc(l, func(a, b int) int { return b - a })
	}
	return w, nil
}

func (w *Words) add(e entry) error {
	form := closed(Fold(e.word))
	if len(e.word) > MaxWord || utf8.RuneCountInString(form) < 2 {
		return fmt.Errorf("%q has no two characters to search for, or more than %d bytes", e.word, MaxWord)
	}
	w.enter(form, e)
	return nil
}

// disguise enters the words of a list under the forms that hide them.
func (w *Words) disguise(list int) error {
	l := &w.lists[list]
	for _, x := range l.Words {
		for _, form := range lookalikes(closed(Fold(x))) {
			w.enter(form, entry{list: list, word: x, disguised: true})
		}
	}
	for _, x := range slices.Sorted(maps.Keys(l.Spellings)) {
		if !slices.Contains(l.Words, x) {
			return fmt.Errorf("%q has spellings and is no word of it", x)
		}
		for _, s := range l.Spellings[x] {
			form := closed(Fold(s))
			if len(s) > MaxWord || utf8.RuneCountInString(form) < 3 {
				return fmt.Errorf("%q, a spelling of %s, has no three characters to search for, or more than %d bytes", s, x, MaxWord)
			}
			w.enter(form, entry{list: list, word: x, disguised: true})
		}
	}
	return nil
}

func (w *Words) enter(form string, e entry) {
	if e.disguised && slices.ContainsFunc(w.entries[form], func(old entry) bool { return old.list == e.list && old.kind == word }) {
		return // a word of the list is spelt so
	}
	w.entries[form] = append(w.entries[form], e)
	a, n := utf8.DecodeRuneInString(form)
	b, _ := utf8.DecodeRuneInString(form[n:])
	k := pair(a, b)
	h := hash(k)
	w.begins[h>>6] |= 1 << (h & 63)
	if !slices.Contains(w.lengths[k], len(form)) {
		w.lengths[k] = append(w.lengths[k], len(form))
	}
}

// pair is two characters that a word may begin with.
func pair(a, b rune) uint64 { return uint64(a)<<32 | uint64(b) }

func hash(pair uint64) uint64 { return pair * 0x9e3779b97f4a7c15 >> 44 }

// Find lists the words that a text holds, each once, in the order of the text; of words
// that begin at one place, all. Those inside a harmless phrase of their list are left out;
// such a phrase stands in one piece. folded is Fold(text).
func (w *Words) Find(text, folded string) []Hit {
	f := finder{words: w, search: newSearch(text, folded)}
	first, n := utf8.DecodeRuneInString(f.bare)
	for at := 0; at+n < len(f.bare); {
		second, m := utf8.DecodeRuneInString(f.bare[at+n:])
		k := pair(first, second)
		if h := hash(k); w.begins[h>>6]&(1<<(h&63)) != 0 {
			f.begin(at, w.lengths[k])
		}
		at, first, n = at+n, second, m
	}
	return slices.DeleteFunc(f.hits, func(h Hit) bool { return f.alone(h.List) })
}

// finder is a search through one text.
type finder struct {
	*search
	words *Words
	hits  []Hit
	spare map[int]int  // list → up to where a harmless phrase reaches
	with  map[int]bool // lists of which the text holds what must stand with their words
}

// alone tells whether the words of a list mean nothing here, for nothing stands with them.
func (f *finder) alone(list string) bool {
	i := slices.IndexFunc(f.words.lists, func(l List) bool { return l.Name == list })
	return len(f.words.lists[i].With) > 0 && !f.with[i]
}

// begin looks for the words of some lengths that begin at a place, longest first.
func (f *finder) begin(at int, lengths []int) {
	for _, n := range lengths {
		if n > len(f.bare)-at {
			continue
		}
		form := f.bare[at : at+n]
		entries := f.words.entries[form]
		if len(entries) == 0 {
			continue
		}
		from, to := f.span(at, at+n)
		if !bounded(f.folded, from, to) {
			continue
		}
		for i := range entries {
			switch e := &entries[i]; {
			case e.kind == harmless:
				if to-from == n {
					f.mark(e.list, at+n)
				}
			case e.kind == with:
				if f.with == nil {
					f.with = map[int]bool{}
				}
				f.with[e.list] = true
			case at+n > f.spare[e.list]:
				f.hit(e, form, from, to)
			}
		}
	}
}

func (f *finder) mark(list, to int) {
	if f.spare == nil {
		f.spare = map[int]int{}
	}
	f.spare[list] = max(f.spare[list], to)
}

// hit notes a word between two places of the folded text. Where it stands again, it only
// may lose its exception.
func (f *finder) hit(e *entry, form string, from, to int) {
	from, to = f.source(from, to)
	l := &f.words.lists[e.list]
	exception := exceptionOf(l.Exceptions, f.text, from, to)
	for i := range f.hits {
		if h := &f.hits[i]; h.List == l.Name && h.Word == e.word {
			if exception == 0 {
				h.Exception = 0
			}
			return
		}
	}
	f.hits = append(f.hits, Hit{
		List: l.Name, Word: e.word, From: from, To: to, Exception: exception,
		Disguised: e.disguised || !plain(f.text[from:to], form, e.word),
	})
}

// around is how much of a text beside a word belongs to the phrase in which it stands.
const around = 90

// exceptionOf gives the first exception, from 1 on, whose phrase covers a word.
func exceptionOf(list []*regexp.Regexp, text string, from, to int) int {
	if len(list) == 0 {
		return 0
	}
	first, last := max(0, from-around), min(len(text), to+around)
	if i := strings.LastIndexAny(text[first:from], "。！？；\n"); i >= 0 {
		first += i
	}
	if i := strings.IndexAny(text[to:last], "。！？；\n"); i >= 0 {
		last = to + i
	}
	for i, re := range list {
		for _, at := range re.FindAllStringIndex(text[first:last], -1) {
			if first+at[0] <= from && to <= first+at[1] {
				return i + 1
			}
		}
	}
	return 0
}
