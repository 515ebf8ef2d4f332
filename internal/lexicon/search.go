package lexicon

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

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

// search is a text in the forms in which words are looked for.
type search struct {
	text, folded string // as it came, and Fold of it
	bare         string // the folded one without what may stand between, and with radicals joined to their rest
	at           []int  // of each byte of bare, where it stands in folded; nil if they are the same
	origin       []int  // of each byte of folded, where it stands in text
}

func newSearch(text, folded string) *search {
	s := &search{text: text, folded: folded, bare: folded}
	if strings.ContainsFunc(folded, hides) {
		s.strip()
	}
	return s
}

// hides tells whether a character may hide a word.
func hides(r rune) bool {
	if r < 0x100 {
		return strings.ContainsRune(between, r)
	}
	return han(r) && radicals[r]
}

// strip makes the bare text, with its places.
func (s *search) strip() {
	var b strings.Builder
	s.at = make([]int, 0, len(s.folded))
	for i := 0; i < len(s.folded); {
		r, n := utf8.DecodeRuneInString(s.folded[i:])
		switch whole, both := s.join(i, n); {
		case r < 0x100 && strings.ContainsRune(between, r):
		case whole != 0:
			b.WriteRune(whole)
			s.at = append(s.at, i)
			for k := utf8.RuneLen(whole); k > 1; k-- {
				s.at = append(s.at, i+both-1)
			}
			n = both
		default:
			b.WriteString(s.folded[i : i+n])
			for k := range n {
				s.at = append(s.at, i+k)
			}
		}
		i += n
	}
	s.bare = b.String()
}

// join gives the character of which a radical and what follows it are the parts, and how
// many bytes they have; 0 if there is none.
func (s *search) join(at, n int) (whole rune, both int) {
	r, _ := utf8.DecodeRuneInString(s.folded[at:])
	if !han(r) || !radicals[r] {
		return 0, 0
	}
	both = n + width(s.folded[at+n:])
	return joined[s.folded[at:at+both]], both
}

// span gives where a piece of the bare text stands in the folded one.
func (s *search) span(from, to int) (int, int) {
	if s.at == nil {
		return from, to
	}
	return s.at[from], s.at[to-1] + 1
}

// source gives where a piece of the folded text stands in the text as it came.
func (s *search) source(from, to int) (int, int) {
	if s.origin == nil {
		s.origin = origins(s.text, len(s.folded))
	}
	last := s.origin[to-1]
	return s.origin[from], last + width(s.text[last:])
}

// plain tells whether a word is spelt openly: with nothing between its characters but
// blanks beside Latin ones, and of no other characters, but wider ones perhaps.
func plain(spelling, form, word string) bool {
	if spelling == form {
		return true
	}
	folded := strings.ToLower(norm.NFKC.String(spelling))
	for i, r := range folded {
		if strings.ContainsRune(between, r) && i > 0 && !latin(folded[i-1]) && i+utf8.RuneLen(r) < len(folded) && !latin(folded[i+utf8.RuneLen(r)]) {
			return false
		}
	}
	bare := closed(folded)
	return bare == form || bare == closed(strings.ToLower(norm.NFKC.String(word)))
}

// bounded tells whether a word in Latin letters or digits is not a piece of a longer one.
func bounded(text string, from, to int) bool {
	return (from == 0 || !latin(text[from-1]) || !latin(text[from])) && (to == len(text) || !latin(text[to]) || !latin(text[to-1]))
}

func latin(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
