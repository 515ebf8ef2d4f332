package rulebook

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// MaxReply bounds how much of a reply is read for opt-out words, in bytes.
const MaxReply = 2000

// OptOut finds the word by which a reply refuses (rulebook 7.3). Words of one or
// two Latin letters and digits act only as the whole reply, so that "Thanks" or
// "N号楼" refuse nothing.
func (b *Book) OptOut(reply string) (word string, ok bool) {
	if len(reply) > MaxReply {
		reply = strings.ToValidUTF8(reply[:MaxReply], "")
	}
	text := fold(reply)
	for _, w := range b.optOut.Whole {
		if text == fold(w) {
			return w, true
		}
	}
	for _, w := range b.optOut.Prefix {
		if strings.HasPrefix(text, fold(w)) {
			return w, true
		}
	}
	for _, w := range b.optOut.Contains {
		if strings.Contains(text, fold(w)) {
			return w, true
		}
	}
	return "", false
}

// fold makes replies comparable: width and compatibility forms, case, and
// whatever is neither letter nor digit at the ends.
func fold(s string) string {
	s = strings.ToUpper(norm.NFKC.String(s))
	return strings.TrimFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}
