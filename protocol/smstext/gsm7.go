package smstext

import (
	"errors"
	"fmt"
)

// escape announces a character of the extension table.
const escape = 0x1B

// gsm7Basic is the default alphabet in its order. GSM 03.38 §6.2.1.
const gsm7Basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
	"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"

// gsm7Extra is the extension table. GSM 03.38 §6.2.1.1.
var gsm7Extra = [...]struct {
	septet byte
	r      rune
}{
	{0x0A, '\f'},
	{0x14, '^'},
	{0x28, '{'},
	{0x29, '}'},
	{0x2F, '\\'},
	{0x3C, '['},
	{0x3D, '~'},
	{0x3E, ']'},
	{0x40, '|'},
	{0x65, '€'},
}

const (
	absent   = 0xFF // in gsm7Septet: no such character
	extended = 0x80 // in gsm7Septet: after an escape
	euro     = '€'  // the one character above the array below
)

// The alphabet both ways. gsm7Ext gives the character of the basic table for
// what the extension table leaves open.
var (
	gsm7Char, gsm7Ext = gsm7Chars()
	gsm7Septet        = gsm7Septets()
)

// gsm7Chars also says what is shown for a septet after an escape: the character
// of the basic table if the extension has none, and a space for a second escape,
// which announces a table that does not exist yet. GSM 03.38 §6.2.1.1.
func gsm7Chars() (basic, after [128]rune) {
	i := 0
	for _, r := range gsm7Basic {
		basic[i] = r
		i++
	}
	after = basic
	after[escape] = ' '
	for _, x := range gsm7Extra {
		after[x.septet] = x.r
	}
	return basic, after
}

func gsm7Septets() (of [0x400]byte) {
	for i := range of {
		of[i] = absent
	}
	for i, r := range gsm7Char {
		if i != escape {
			of[r] = byte(i)
		}
	}
	for _, x := range gsm7Extra {
		if x.r != euro {
			of[x.r] = extended | x.septet
		}
	}
	return of
}

// septetOf is absent, a septet, or a septet with the bit extended.
func septetOf(r rune) byte {
	switch {
	case r < rune(len(gsm7Septet)):
		return gsm7Septet[r]
	case r == euro:
		return extended | 0x65
	default:
		return absent
	}
}

func encodeGSM7(text string) ([]byte, error) {
	out := make([]byte, 0, len(text)+len(text)/8)
	for i, r := range text {
		switch s := septetOf(r); {
		case s == absent:
			return nil, &CharError{r, i, GSM7}
		case s&extended != 0:
			out = append(out, escape, s&^extended)
		default:
			out = append(out, s)
		}
	}
	return out, nil
}

func decodeGSM7(septets []byte) (string, error) {
	out := make([]rune, 0, len(septets))
	for i := 0; i < len(septets); i++ {
		s := septets[i]
		if s >= 0x80 {
			return "", errEncoding
		}
		if s != escape {
			out = append(out, gsm7Char[s])
			continue
		}
		i++
		if i == len(septets) || septets[i] >= 0x80 {
			return "", fmt.Errorf("%w: an escape without its character", errEncoding)
		}
		out = append(out, gsm7Ext[septets[i]])
	}
	return string(out), nil
}

// FillBits is how many bits follow a user data header of so many octets, its
// length octet included, before packed septets begin: 0 to 6. GSM 03.40 §9.2.3.24.
func FillBits(header int) int { return (7 - 8*header%7) % 7 }

// PackGSM7 puts septets into octets without gaps, after fill bits of zero, 0 to 6
// (GSM 03.38 §6.1.2.1). Only the low seven bits of each septet count.
func PackGSM7(septets []byte, fill int) []byte {
	out := make([]byte, (fill+7*len(septets)+7)/8)
	at := fill
	for _, s := range septets {
		v := uint16(s&0x7F) << (at % 8)
		out[at/8] |= byte(v)
		if v > 0xFF {
			out[at/8+1] |= byte(v >> 8)
		}
		at += 7
	}
	return out
}

var errPacked = errors.New("there are fewer packed septets than were announced")

// UnpackGSM7 takes n septets out of octets, after fill bits, 0 to 6. Their number
// cannot be told from the octets alone; see CountSeptets.
func UnpackGSM7(packed []byte, fill, n int) ([]byte, error) {
	if fill < 0 || fill > 6 || n < 0 || n > (8*len(packed)-fill)/7 {
		return nil, errPacked
	}
	out := make([]byte, n)
	at := fill
	for i := range out {
		v := uint16(packed[at/8])
		if at/8+1 < len(packed) {
			v |= uint16(packed[at/8+1]) << 8
		}
		out[i] = byte(v>>(at%8)) & 0x7F
		at += 7
	}
	return out, nil
}

// CountSeptets is how many septets stand in octets when the protocol tells only
// the octets. Seven bits of zero that fill the last octet are taken for padding:
// a text that truly ends in "@" just there loses it.
func CountSeptets(packed []byte, fill int) int {
	bits := 8*len(packed) - fill
	if bits < 7 {
		return 0
	}
	n := bits / 7
	if bits%7 == 0 && packed[len(packed)-1]>>1 == 0 {
		n--
	}
	return n
}
