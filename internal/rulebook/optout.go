package rulebook

import (
	"strings"
	"unicode"

	"github.com/zhunxin/zhunxin/internal/lexicon"
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
	for i, w := range b.optOutForms.Whole {
		if text == w {
			return b.optOut.Whole[i], true
		}
	}
	for i, w := range b.optOutForms.Prefix {
		if strings.HasPrefix(text, w) {
			return b.optOut.Prefix[i], true
		}
	}
	for i, w := range b.optOutForms.Contains {
		if strings.Contains(text, w) {
			return b.optOut.Contains[i], true
		}
	}
	return "", false
}

// OptIn finds the word by which a reply confirms consent. A reply that refuses confirms
// nothing.
func (b *Book) OptIn(reply string) (word string, ok bool) {
	if len(reply) > MaxReply {
		return "", false
	}
	if _, refuses := b.OptOut(reply); refuses {
		return "", false
	}
	text := fold(reply)
	for i, w := range b.optInForms {
		if text == w {
			return b.optIn[i], true
		}
	}
	return "", false
}

// forms folds the words once, for they are compared with every reply and with what every
// marketing text says.
func (w *OptOutWords) forms() OptOutWords {
	all := func(words []string) []string {
		out := make([]string, len(words))
		for i, x := range words {
			out[i] = fold(x)
		}
		return out
	}
	return OptOutWords{all(w.Whole), all(w.Prefix), all(w.Contains)}
}

// fold makes replies comparable: as texts are searched, and without whatever is neither
// letter nor digit at the ends.
func fold(s string) string {
	return strings.TrimFunc(lexicon.Fold(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}
