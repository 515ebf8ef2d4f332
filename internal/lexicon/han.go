package lexicon

import (
	_ "embed"
	"strings"
	"unicode/utf8"
)

// The block of Han in which nearly every character of a text stands.
const (
	firstHan = '\u4e00'
	lastHan  = '\u9fff'
)

//go:embed data/traditional.txt
var traditionalData string

//go:embed data/splits.txt
var splitData string

// simple holds what a character of the block is searched as, 0 for itself.
var simple = func() *[lastHan - firstHan + 1]uint16 {
	var t [lastHan - firstHan + 1]uint16
	for _, pair := range fields(traditionalData) {
		traditional, n := utf8.DecodeRuneInString(pair)
		is, _ := utf8.DecodeRuneInString(pair[n:])
		t[traditional-firstHan] = uint16(is) //nolint:gosec // a character of the block
	}
	return &t
}()

// simplified is the character of the block by which one is searched.
func simplified(r rune) rune {
	if s := simple[r-firstHan]; s != 0 {
		return rune(s)
	}
	return r
}

// latinLike are letters of Cyrillic and Greek that are read as Latin ones.
var latinLike = map[rune]rune{
	'а': 'a', 'в': 'b', 'с': 'c', 'е': 'e', 'н': 'h', 'һ': 'h', 'і': 'i', 'ј': 'j', 'к': 'k', 'м': 'm', 'о': 'o', 'р': 'p', 'ѕ': 's', 'т': 't',
	'ѵ': 'v', 'х': 'x', 'у': 'y', 'ԁ': 'd', 'ԛ': 'q', 'ԝ': 'w',
	'α': 'a', 'β': 'b', 'ε': 'e', 'ι': 'i', 'κ': 'k', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'τ': 't', 'υ': 'u', 'χ': 'x',
}

// joined are characters that are written as a radical and their rest.
var joined, radicals = func() (map[string]rune, map[rune]bool) {
	whole, first := map[string]rune{}, map[rune]bool{}
	for _, three := range fields(splitData) {
		c, n := utf8.DecodeLastRuneInString(three)
		whole[three[:len(three)-n]] = c
		radical, _ := utf8.DecodeRuneInString(three)
		first[radical] = true
	}
	return whole, first
}()

// fields splits a data file, without its lines of remarks.
func fields(data string) []string {
	var out []string
	for line := range strings.Lines(data) {
		if !strings.HasPrefix(line, "#") {
			out = append(out, strings.Fields(line)...)
		}
	}
	return out
}

// origins tells of each byte of Fold(text) where the character begins that it came from,
// and at its end where the text does.
func origins(text string, folded int) []int {
	out := make([]int, 0, folded+1)
	for i, r := range text {
		n := 3
		switch {
		case r < 0x80 || r >= '！' && r <= '～':
			n = 1
		case r >= firstHan && r <= lastHan || r >= 0x3001 && r <= 0x3029 && r != waveDash:
		default:
			n = len(foldAny(text[i : i+width(text[i:])]))
		}
		for range n {
			out = append(out, i)
		}
	}
	return append(out, len(text))
}

// width is how many bytes the first character of a text has.
func width(text string) int {
	_, n := utf8.DecodeRuneInString(text)
	return n
}
