// Package smstext turns texts into the content of PDUs and back: coding,
// segments with their headers, reassembly, and the count of priced units.
//
// Segments (PDUs) and units (计费条) are two numbers: a long text in ASCII may
// need fewer segments than the trade charges units.
package smstext

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// Sizes (GSM 03.40): 140 bytes a PDU, of which a concatenation header takes six.
const (
	MaxContent   = 140
	headerBytes  = 6
	SingleUnits  = 70 // UTF-16 code units of one message
	PartUnits    = 67 // of a part of a long one
	MaxSegments  = 10 // of one message: handsets show longer ones badly, and prices surprise
	MaxTextUnits = PartUnits * MaxSegments
)

// Length counts UTF-16 code units, as the trade does; an emoji counts two.
func Length(text string) int {
	n := 0
	for _, r := range text {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// Units is what a text is charged for, signature included (BIL-01): up to 70
// code units one, longer texts one per 67, whatever the language.
func Units(text string) (int, error) {
	if err := check(text); err != nil {
		return 0, err
	}
	n := Length(text)
	if n <= SingleUnits {
		return 1, nil
	}
	return (n + PartUnits - 1) / PartUnits, nil
}

func check(text string) error {
	switch {
	case text == "":
		return errEmpty
	case !utf8.ValidString(text):
		return errEncoding
	case Length(text) > MaxTextUnits:
		return errLong
	}
	for _, r := range text {
		if r == 0 || r == utf8.RuneError {
			return errEncoding
		}
	}
	return nil
}

// Part is the content of one PDU.
type Part struct {
	Coding  Coding
	UDHI    bool  // the content begins with a header
	Total   uint8 // PDUs of the message
	Number  uint8 // from 1
	Content []byte
}

// Split makes the PDUs of a text. ref ties the parts of a long one together: it
// must differ between long texts to one recipient that overlap in time.
//
// A text of ASCII characters that is one unit travels as ASCII;
// everything else as UCS2, because handsets differ on long ASCII.
func Split(text string, ref uint8) ([]Part, error) {
	if err := check(text); err != nil {
		return nil, err
	}
	n := Length(text)
	if n <= SingleUnits {
		if isASCII(text) {
			return []Part{{ASCII, false, 1, 1, []byte(text)}}, nil
		}
		return []Part{{UCS2, false, 1, 1, ucs2(utf16.Encode([]rune(text)), nil)}}, nil
	}
	units := utf16.Encode([]rune(text))
	var cuts []int
	for at := 0; at < len(units); {
		end := min(at+PartUnits, len(units))
		if end < len(units) && utf16.IsSurrogate(rune(units[end])) && units[end] >= 0xDC00 {
			end-- // never between the halves of a pair
		}
		cuts = append(cuts, end)
		at = end
	}
	if len(cuts) > MaxSegments {
		return nil, errLong
	}
	parts := make([]Part, 0, len(cuts))
	from := 0
	for i, end := range cuts {
		head := []byte{5, 0, 3, ref, byte(len(cuts)), byte(i + 1)}
		parts = append(parts, Part{UCS2, true, uint8(len(cuts)), uint8(i + 1), ucs2(units[from:end], head)})
		from = end
	}
	return parts, nil
}

func ucs2(units []uint16, head []byte) []byte {
	b := append(make([]byte, 0, len(head)+2*len(units)), head...)
	for _, u := range units {
		b = binary.BigEndian.AppendUint16(b, u)
	}
	return b
}
