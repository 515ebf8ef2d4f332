package smstext

import "fmt"

// Format is what the coding byte of a PDU says.
type Format struct {
	Coding Coding
	Flash  bool // class 0: shown at once and not kept
}

// The groups of GSM 03.38 §4, by their upper bits.
const (
	classBits  = 0x10 // the lower two bits are a class
	classMask  = 0x03
	alphabet   = 0x0C // the alphabet's two bits
	compressed = 0x20
)

// ParseMsgFmt reads the coding byte of CMPP (CMPP 3.0 §8.4.3), SGIP and SMGP.
// Bytes of GSM 03.38 §4, which gateways pass through, are read as such: 0x18 is
// UCS2 that flashes, 0xF6 (SMGP's 246) is binary for the SIM card. What neither
// defines is an ErrCoding.
func ParseMsgFmt(v uint8) (Format, error) {
	switch c := Coding(v); c {
	case ASCII, SIM, Binary, UCS2, GB:
		return Format{Coding: c}, nil
	}
	return parseGroup(v, ASCII)
}

// ParseDataCoding reads SMPP's data_coding (SMPP 3.4 §5.2.19). base is the centre's
// own alphabet, which data_coding 0 means: mostly GSM7, with some centres ASCII or
// Latin1. 15 is not SMPP's and is read as GB, as Chinese centres mean it; from 0x10
// on the byte is read as one of GSM 03.38 §4. Codings that nothing here reads, such
// as Japanese, are an ErrCoding.
func ParseDataCoding(v uint8, base Coding) (Format, error) {
	switch v {
	case 0:
		return Format{Coding: base}, nil
	case 1:
		return Format{Coding: ASCII}, nil
	case 2, 4:
		return Format{Coding: Binary}, nil
	case 3:
		return Format{Coding: Latin1}, nil
	case 8:
		return Format{Coding: UCS2}, nil
	case 15:
		return Format{Coding: GB}, nil
	}
	return parseGroup(v, base)
}

// parseGroup reads the data coding scheme of GSM 03.38 §4 where the protocols'
// own lists end. base is what they have in the place of the default alphabet.
func parseGroup(v uint8, base Coding) (Format, error) {
	flash := v&classMask == 0
	switch {
	case v >= 0xF0: // class, and 8-bit data or not
		if v&0x04 != 0 {
			return Format{Binary, flash}, nil
		}
		return Format{base, flash}, nil
	case v >= 0xE0: // a message waits; UCS2
		return Format{Coding: UCS2}, nil
	case v >= 0xC0: // a message waits; default alphabet
		return Format{Coding: base}, nil
	case v >= 0x80 || v < classBits || v&compressed != 0:
		return Format{}, fmt.Errorf("data coding 0x%02x: %w", v, ErrCoding)
	}
	flash = flash && v&classBits != 0
	switch v & alphabet {
	case 0x00:
		return Format{base, flash}, nil
	case 0x04:
		return Format{Binary, flash}, nil
	case 0x08:
		return Format{UCS2, flash}, nil
	}
	return Format{}, fmt.Errorf("data coding 0x%02x: %w", v, ErrCoding)
}

// MsgFmt is the coding byte of CMPP, SGIP and SMGP. GSM7 goes as 0, for gateways
// that take it so; Latin1, and GB that flashes, have no byte: an ErrCoding.
func (f Format) MsgFmt() (uint8, error) {
	switch f.Coding {
	case ASCII, GSM7:
		return f.class(0x00), nil
	case Binary:
		return f.class(0x04), nil
	case UCS2, Flash:
		return Format{UCS2, f.Flash || f.Coding == Flash}.class(0x08), nil
	case SIM, GB:
		if !f.Flash {
			return uint8(f.Coding), nil
		}
	}
	return 0, f.noByte()
}

// DataCoding is SMPP's data_coding for a centre whose own alphabet is base. SIM,
// GSM7 where it is not the base, and what has no class and should flash have
// no byte: an ErrCoding.
func (f Format) DataCoding(base Coding) (uint8, error) {
	switch {
	case f.Coding == base:
		return f.class(0x00), nil
	case f.Coding == Binary:
		return f.class(0x04), nil
	case f.Coding == UCS2 || f.Coding == Flash:
		return Format{UCS2, f.Flash || f.Coding == Flash}.class(0x08), nil
	case f.Flash:
		return 0, f.noByte()
	}
	switch f.Coding {
	case ASCII:
		return 1, nil
	case Latin1:
		return 3, nil
	case GB:
		return 15, nil
	}
	return 0, f.noByte()
}

// class adds class 0 to an alphabet's bits.
func (f Format) class(v uint8) uint8 {
	if f.Flash {
		return v | classBits
	}
	return v
}

func (f Format) noByte() error {
	if f.Flash {
		return fmt.Errorf("%s that flashes: %w", f.Coding, ErrCoding)
	}
	return fmt.Errorf("%s: %w", f.Coding, ErrCoding)
}
