// Package smstext turns texts into the content of PDUs and back: coding,
// segments with their headers, reassembly, and the count of priced units.
//
// Segments (PDUs) and units (计费条) are two numbers: a long text in ASCII may
// need fewer segments than the trade charges units.
//
// Split cuts as CMPP channels are used to; SplitWith cuts as a channel asks, and
// Segments tells beforehand how many PDUs that makes. A PDU's coding byte means
// one thing in CMPP, SGIP and SMGP and another in SMPP: ParseMsgFmt and
// ParseDataCoding read it, Format writes it.
package smstext

import (
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// Sizes (GSM 03.40): 140 bytes a PDU, of which a concatenation header takes six.
const (
	MaxContent   = 140
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
func Units(text string) (int, error) { return UnitsWith(text, Reserve{}) }

// UnitsWith is Units of a text to which a carrier adds: what it adds is charged
// like the rest.
func UnitsWith(text string, add Reserve) (int, error) {
	if err := check(text); err != nil {
		return 0, err
	}
	if err := add.valid(); err != nil {
		return 0, err
	}
	n := Length(text) + add.Head + add.Tail
	switch {
	case n > MaxTextUnits:
		return 0, errLong
	case n <= SingleUnits:
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
	return checkRunes(text)
}

// checkRunes refuses what no handset shows and what stands for a lost character.
func checkRunes(text string) error {
	at := 0
	for _, r := range text {
		if r == 0 || r == utf8.RuneError {
			return &RuneError{r, at}
		}
		at++
	}
	return nil
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
	parts, err := split(text, uint16(ref), &Options{})
	if errors.Is(err, ErrLong) { // told as one limit, of characters or segments
		return nil, errLong
	}
	return parts, err
}
