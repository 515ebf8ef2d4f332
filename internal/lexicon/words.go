package lexicon

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// List is the words of one class.
type List struct {
	Name     string
	Words    []string // each of at least two characters
	Harmless []string // longer phrases in which a word of the list means nothing
}

// Hit is a word of a list that a text holds.
type Hit struct {
	List      string `json:"list"`
	Word      string `json:"word"`                // as the list has it
	Disguised bool   `json:"disguised,omitempty"` // only after folding, or without what stands between its characters
}

// Limits of lists (bytes of one word, words of all lists).
const (
	MaxWord  = 96
	MaxWords = 1_000_000
)

// Words finds the words of lists in texts. It never changes and is safe for concurrent use.
type Words struct {
	entries map[string][]entry // by the word's searched form
	lengths map[uint64][]int   // bytes of the searched forms that begin with two characters, longest first
}

type entry struct {
	list, word string
	harmless   bool
}

// NewWords prepares lists. A word that is too short, too long or without anything to
// search for is an error that names it.
func NewWords(lists []List) (*Words, error) {
	w := &Words{entries: map[string][]entry{}, lengths: map[uint64][]int{}}
	n := 0
	for _, l := range lists {
		for _, group := range []struct {
			words    []string
			harmless bool
		}{{l.Words, false}, {l.Harmless, true}} {
			for _, word := range group.words {
				if n++; n > MaxWords {
					return nil, fmt.Errorf("the lists have more than %d words", MaxWords)
				}
				if err := w.add(entry{l.Name, word, group.harmless}); err != nil {
					return nil, fmt.Errorf("list %s: %w", l.Name, err)
				}
			}
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
	w.entries[form] = append(w.entries[form], e)
	k := pair(form)
	if !slices.Contains(w.lengths[k], len(form)) {
		w.lengths[k] = append(w.lengths[k], len(form))
	}
	return nil
}

// pair is the first two characters of a text.
func pair(text string) uint64 {
	a, n := utf8.DecodeRuneInString(text)
	b, _ := utf8.DecodeRuneInString(text[n:])
	return uint64(a)<<32 | uint64(b)
}

// between is what is put between the characters of a word to hide it (rulebook 7.1).
// Chinese stops are not of it, for they end a phrase.
const between = " .-_*|·~\t\r\n/+'\"`^="

// closed drops what may be put between the characters of a word.
func closed(folded string) string {
	if !strings.ContainsAny(folded, between) {
		return folded
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(between, r) {
			return -1
		}
		return r
	}, folded)
}

// places tells of each byte of closed(folded) where it stands in folded; nil if nothing
// was dropped.
func places(folded, bare string) []int {
	if len(folded) == len(bare) {
		return nil
	}
	out := make([]int, 0, len(bare))
	for i, r := range folded {
		if !strings.ContainsRune(between, r) {
			for k := range utf8.RuneLen(r) {
				out = append(out, i+k)
			}
		}
	}
	return out
}

// search is a text in the forms in which words are looked for.
type search struct {
	folded, bare string
	at           []int
	text         string // as it came
	plain        string // in compatibility forms and small letters, but with all that is hidden
}

// span gives where a piece of the bare text stands in the folded one.
func (s *search) span(from, to int) (int, int) {
	if s.at == nil {
		return from, to
	}
	return s.at[from], s.at[to-1] + 1
}

// Find lists the words that a text holds, each once, in the order of the text; of words
// that begin at one place, all. Those inside a harmless phrase of their list are left out;
// such a phrase stands in one piece. folded is Fold(text).
func (w *Words) Find(text, folded string) []Hit {
	var hits []Hit
	s := search{folded: folded, bare: closed(folded), text: text}
	s.at = places(folded, s.bare)
	spare := map[string]int{} // list → up to where a harmless phrase reaches
	for at := 0; at < len(s.bare); {
		rest := s.bare[at:]
		for _, n := range w.lengths[pair(rest)] {
			if n > len(rest) {
				continue
			}
			from, to := s.span(at, at+n)
			if !bounded(folded, from, to) {
				continue
			}
			for _, e := range w.entries[rest[:n]] {
				switch {
				case e.harmless:
					if to-from == n {
						spare[e.list] = max(spare[e.list], at+n)
					}
				case at+n <= spare[e.list] || slices.ContainsFunc(hits, func(h Hit) bool { return h.List == e.list && h.Word == e.word }):
				default:
					hits = append(hits, Hit{e.list, e.word, s.disguised(rest[:n], from, to)})
				}
			}
		}
		_, n := utf8.DecodeRuneInString(rest)
		at += n
	}
	return hits
}

// disguised tells whether a word that was found between two places of the folded text is
// hidden: by what stands between two characters that are not Latin, or by what folding took
// away. How wide letters are, and blanks beside Latin ones, hide nothing.
func (s *search) disguised(form string, from, to int) bool {
	if to-from != len(form) {
		word := s.folded[from:to]
		for i, r := range word {
			if strings.ContainsRune(between, r) && !latin(word[i-1]) && !latin(word[i+1]) {
				return true
			}
		}
	}
	if s.plain == "" {
		s.plain = closed(strings.ToLower(norm.NFKC.String(s.text)))
	}
	return !strings.Contains(s.plain, form)
}

// bounded tells whether a word in Latin letters or digits is not a piece of a longer one.
func bounded(text string, from, to int) bool {
	return (from == 0 || !latin(text[from-1]) || !latin(text[from])) && (to == len(text) || !latin(text[to]) || !latin(text[to-1]))
}

func latin(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
