package interop

import "unicode/utf16"

// utf16be is a text as UTF-16, big endian.
func utf16be(text string) (out []byte) {
	for _, u := range utf16.Encode([]rune(text)) {
		out = append(out, byte(u>>8), byte(u))
	}
	return out
}
