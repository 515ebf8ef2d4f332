// Package lexicon reads a text as a person would who wants to know what it asks of
// the recipient: through full-width letters, invisible characters, circled digits and
// numbers spelt in Chinese. It is pure, and says only what is certain; what it finds
// becomes facts of the rules.
package lexicon

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// enclosingKeycap is what turns a digit into an emoji.
const enclosingKeycap = '\u20e3'

// Fold brings a text to the form in which it is searched (rulebook 7.1): compatibility
// forms (NFKD), small letters, simplified characters, Latin letters for Cyrillic and Greek
// ones that look like them, and nothing that can't be seen: format characters, combining
// marks and variation selectors.
func Fold(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range text {
		switch {
		case r >= 'A' && r <= 'Z':
			b.WriteByte(byte(r) + 'a' - 'A')
		case r >= firstHan && r <= lastHan:
			b.WriteRune(simplified(r))
		case r < 0x80 || r >= 0x3001 && r <= 0x3029 && r != waveDash: // the stops of Han
			b.WriteRune(r)
		case r >= '！' && r <= '～':
			b.WriteRune(unicode.ToLower(r - fullWidth))
		default:
			return foldAny(text)
		}
	}
	return b.String()
}

// waveDash is a dash, but not in compatibility forms.
const waveDash = '\u301c'

// fullWidth is how far the full-width forms of ASCII are from it.
const fullWidth = '！' - '!'

func foldAny(text string) string {
	return strings.Map(visible, norm.NFKD.String(strings.ToLower(norm.NFKD.String(text))))
}

// visible gives the form in which a character is searched for, -1 if it can't be seen.
func visible(r rune) rune {
	switch {
	case r < 0x80:
		return r
	case r >= firstHan && r <= lastHan:
		return simplified(r)
	case r >= 0x370 && r <= 0x52f && latinLike[r] != 0:
		return latinLike[r]
	case r == enclosingKeycap || r == 0x115f || r == 0x1160 || r == 0x3164 || r == 0x2800: // fillers and the empty braille cell
		return -1
	case unicode.In(r, unicode.Cf, unicode.Mn, unicode.Me, unicode.Co):
		return -1
	case unicode.Is(unicode.Pd, r) || r == 0x2212:
		return '-'
	case unicode.Is(unicode.Nd, r):
		return '0' + digit(r)
	case r >= 0x2776 && r <= 0x277e: // ❶ to ❾, in circles without a decomposition
		return '1' + r - 0x2776
	case r >= 0x2780 && r <= 0x2788:
		return '1' + r - 0x2780
	case r >= 0x278a && r <= 0x2792:
		return '1' + r - 0x278a
	case r == 0x24ff:
		return '0'
	}
	return unicode.ToLower(r)
}

// digit is the value of a decimal digit of any script: they stand in tens.
func digit(r rune) rune {
	n := rune(0)
	for unicode.Is(unicode.Nd, r-n-1) && n < 9 {
		n++
	}
	return n
}

// numeral gives the digit that a character stands for in a number spelt out, -1 if none.
func numeral(r rune) int {
	switch {
	case r >= '0' && r <= '9':
		return int(r - '0')
	case r >= 0x3007: // 〇 is the first of them
		return chinese(r)
	}
	return -1
}

func chinese(r rune) int {
	switch r {
	case '〇', '零':
		return 0
	case '一', '幺', '壹':
		return 1
	case '二', '贰', '两':
		return 2
	case '三', '叁':
		return 3
	case '四', '肆':
		return 4
	case '五', '伍':
		return 5
	case '六', '陆':
		return 6
	case '七', '柒':
		return 7
	case '八', '捌':
		return 8
	case '九', '玖':
		return 9
	}
	return -1
}
