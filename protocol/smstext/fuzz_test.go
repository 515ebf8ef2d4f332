package smstext

import (
	"testing"
	"unicode/utf8"
)

// Whatever a peer sends as content is read or refused, and what is read is valid text.
func FuzzContent(f *testing.F) {
	f.Add(uint8(8), true, []byte{5, 0, 3, 1, 2, 1, 0x4f, 0x60})
	f.Add(uint8(15), false, []byte("\xc4\xe3"))
	f.Add(uint8(0), true, []byte{0})
	f.Fuzz(func(t *testing.T, coding uint8, udhi bool, content []byte) {
		body := content
		if udhi {
			head, rest, err := ParseUDH(content)
			if err != nil {
				return
			}
			if len(rest) >= len(content) || head.Total > 0 && (head.Number < 1 || head.Number > head.Total) {
				t.Fatalf("%+v of %x", head, content)
			}
			body = rest
		}
		text, err := Decode(Coding(coding), body)
		if err == nil && !utf8.ValidString(text) {
			t.Fatalf("coding %d of %x gave invalid text", coding, body)
		}
	})
}
