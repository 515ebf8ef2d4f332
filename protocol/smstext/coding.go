package smstext

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Coding is how content is written. Below 0x100 it is the value of CMPP's Msg_Fmt
// (CMPP 3.0 §8.4.3), which the other Chinese protocols share. From 0x100 on it has
// no Msg_Fmt of its own, so that no byte off the wire is ever taken for it; Format
// tells which byte it is given.
type Coding uint16

// The codings.
const (
	ASCII  Coding = 0
	SIM    Coding = 3
	Binary Coding = 4
	UCS2   Coding = 8 // UTF-16, big endian
	GB     Coding = 15
	Flash  Coding = 0x18 // UCS2 of class 0

	GSM7   Coding = 0x100 // GSM 03.38 §6.2.1, one septet in each octet
	Latin1 Coding = 0x103 // ISO 8859-1
)

func (c Coding) String() string {
	switch c {
	case ASCII:
		return "ASCII"
	case SIM:
		return "SIM"
	case Binary:
		return "binary"
	case UCS2:
		return "UCS2"
	case GB:
		return "GB18030"
	case Flash:
		return "UCS2 flash"
	case GSM7:
		return "GSM 7-bit"
	case Latin1:
		return "Latin-1"
	default:
		return fmt.Sprintf("coding %d", uint16(c))
	}
}

const (
	// maxBody is the content of any PDU, in bytes: SMPP's short_message is the longest.
	maxBody = 254
	// maxJoined is all that one message can be, in bytes: SMPP's message_payload.
	maxJoined = 65535
)

// Encode writes a text as the content of a PDU, of whatever length. A character
// that the coding lacks is a *CharError.
func Encode(c Coding, text string) ([]byte, error) {
	if !utf8.ValidString(text) {
		return nil, errEncoding
	}
	switch c {
	case ASCII:
		return encodeBytes(c, text, 0x80)
	case Latin1:
		return encodeBytes(c, text, 0x100)
	case UCS2, Flash:
		return encodeUCS2(text), nil
	case GB:
		return encodeGB(text)
	case GSM7:
		return encodeGSM7(text)
	}
	return nil, noText(c)
}

// noText says which coding it was, and leaves the number to be looked up.
func noText(c Coding) error {
	switch c {
	case SIM, Binary:
		return fmt.Errorf("data coding %d (%s) %w", uint16(c), c, ErrNoText)
	default:
		return fmt.Errorf("data coding %d %w", uint16(c), ErrNoText)
	}
}

// encodeBytes writes characters below limit as the byte of the same number.
func encodeBytes(c Coding, text string, limit rune) ([]byte, error) {
	out := make([]byte, 0, len(text))
	for i, r := range text {
		if r >= limit {
			return nil, &CharError{r, i, c}
		}
		out = append(out, byte(r))
	}
	return out, nil
}

func encodeUCS2(text string) []byte {
	out := make([]byte, 0, 2*utf8.RuneCountInString(text))
	for _, r := range text {
		if r < 0x10000 {
			out = binary.BigEndian.AppendUint16(out, uint16(r))
			continue
		}
		high, low := utf16.EncodeRune(r)
		out = binary.BigEndian.AppendUint16(out, uint16(high))
		out = binary.BigEndian.AppendUint16(out, uint16(low))
	}
	return out
}

func encodeGB(text string) ([]byte, error) {
	if r, at := lackedByGB(text); at >= 0 {
		return nil, &CharError{r, at, GB}
	}
	b, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(text))
	if err != nil { // it has all other characters of Unicode
		return nil, errEncoding
	}
	return b, nil
}

// lackedByGB finds the first of the private characters, all below U+E865, that x/text
// would write as others without a word; at is -1 if there is none.
func lackedByGB(text string) (r rune, at int) {
	for i, r := range text {
		if r >= 0xE000 && r < 0xE865 && !keptInGB(r) {
			return r, i
		}
	}
	return 0, -1
}

func keptInGB(r rune) bool {
	b, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(string(r)))
	if err != nil {
		return false
	}
	s, err := decodeGB(b)
	return err == nil && s == string(r)
}

// Decode reads the content of a PDU without a header, or of a message that came whole. A lone surrogate or a byte
// that the coding lacks is an error: nothing is guessed. A byte order mark says
// how UCS2 is written and is no part of the text.
func Decode(c Coding, content []byte) (string, error) {
	if len(content) > maxJoined {
		return "", fmt.Errorf("content of %d bytes is longer than any message", len(content))
	}
	return decode(c, content)
}

func decode(c Coding, content []byte) (string, error) {
	switch c {
	case ASCII:
		if !isASCII(string(content)) {
			return "", errEncoding
		}
		return string(content), nil
	case UCS2, Flash:
		return decodeUCS2(content)
	case GB:
		return decodeGB(content)
	case GSM7:
		return decodeGSM7(content)
	case Latin1:
		out := make([]rune, len(content))
		for i, b := range content {
			out[i] = rune(b)
		}
		return string(out), nil
	}
	return "", noText(c)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func decodeGB(content []byte) (string, error) {
	s, err := simplifiedchinese.GB18030.NewDecoder().Bytes(content)
	if err != nil || !utf8.Valid(s) || bytes.ContainsRune(s, utf8.RuneError) {
		return "", errEncoding
	}
	return string(s), nil
}

// decodeUCS2 reads big endian, as GSM has it, unless a mark says otherwise:
// phones and scripts are seen that write one.
func decodeUCS2(b []byte) (string, error) {
	if len(b)%2 != 0 {
		return "", fmt.Errorf("%w: UCS2 of %d bytes, an odd number", errEncoding, len(b))
	}
	var order binary.ByteOrder = binary.BigEndian
	switch {
	case bytes.HasPrefix(b, []byte{0xFE, 0xFF}):
		b = b[2:]
	case bytes.HasPrefix(b, []byte{0xFF, 0xFE}):
		b, order = b[2:], binary.LittleEndian
	}
	out := make([]rune, 0, len(b)/2)
	for i := 0; i < len(b); i += 2 {
		r := rune(order.Uint16(b[i:]))
		if utf16.IsSurrogate(r) {
			if i+4 > len(b) {
				return "", errEncoding
			}
			r = utf16.DecodeRune(r, rune(order.Uint16(b[i+2:])))
			if r == utf8.RuneError {
				return "", errEncoding
			}
			i += 2
		}
		out = append(out, r)
	}
	return string(out), nil
}

// Body is the content of one PDU without its header.
type Body struct {
	Coding  Coding
	Content []byte
}

// errJoined is more than 255 parts, or a message_payload, can hold.
var errJoined = errors.New("the parts together are longer than any message")

// Text reads the bodies of one message in order. Neighbours of one coding are read
// as one, because senders are seen that cut within a character; a message whose
// parts differ in coding is read as well.
func Text(parts ...Body) (string, error) {
	total := 0
	for _, p := range parts {
		if total += len(p.Content); total > maxJoined {
			return "", errJoined
		}
	}
	if len(parts) == 1 {
		return decode(parts[0].Coding, parts[0].Content)
	}
	text := make([]byte, 0, 2*total)
	run := make([]byte, 0, total)
	for i, p := range parts {
		run = append(run, p.Content...)
		if i+1 < len(parts) && parts[i+1].Coding == p.Coding {
			continue
		}
		piece, err := decode(p.Coding, run)
		if err != nil {
			return "", fmt.Errorf("part %d or one before it: %w", i+1, err)
		}
		text, run = append(text, piece...), run[:0]
	}
	return string(text), nil
}
