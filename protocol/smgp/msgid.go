package smgp

import (
	"encoding/hex"
	"fmt"
	"time"
)

// MsgID is a message's id: ten bytes of BCD, that is gateway code (6 digits),
// MMDDHHMM and sequence (6 digits). Year and second are not in it, so an id
// comes again. SMGP 3.0.3, MsgID.
//
// Some gateways send bytes that are not BCD. An id from elsewhere is therefore
// ten opaque bytes, and its text is hexadecimal, which for BCD is its digits.
type MsgID [10]byte

// String is the id as 20 digits, hexadecimal ones (in lower case) if it is not BCD.
func (m MsgID) String() string { return hex.EncodeToString(m[:]) }

// ParseMsgID reads what String writes; hexadecimal digits may be in either case.
func ParseMsgID(s string) (MsgID, error) {
	var m MsgID
	if len(s) != hex.EncodedLen(len(m)) {
		return m, fmt.Errorf("smgp: MsgID %q has %d characters, it must have 20 hexadecimal digits", s, len(s))
	}
	if _, err := hex.Decode(m[:], []byte(s)); err != nil {
		return MsgID{}, fmt.Errorf("smgp: MsgID %q must be 20 hexadecimal digits: %w", s, err)
	}
	return m, nil
}

// MaxMsgIDPart is the highest gateway code and the highest sequence in a MsgID.
const MaxMsgIDPart = 999_999

// NewMsgID makes an id: the gateway code is 3 digits of area code, 06 and a
// serial digit; the sequence starts anew after MaxMsgIDPart.
func NewMsgID(t time.Time, gateway, sequence uint32) (MsgID, error) {
	switch {
	case gateway > MaxMsgIDPart:
		return MsgID{}, fmt.Errorf("smgp: gateway code %d of a MsgID must be at most %d", gateway, MaxMsgIDPart)
	case sequence > MaxMsgIDPart:
		return MsgID{}, fmt.Errorf("smgp: sequence %d of a MsgID must be at most %d, start anew after that", sequence, MaxMsgIDPart)
	}
	t = t.In(china)
	return MsgID{
		bcd(gateway / 10_000), bcd(gateway / 100), bcd(gateway),
		bcd(uint32(t.Month())), bcd(uint32(t.Day())), bcd(uint32(t.Hour())), bcd(uint32(t.Minute())),
		bcd(sequence / 10_000), bcd(sequence / 100), bcd(sequence),
	}, nil
}

// bcd is the last two decimal digits of n.
func bcd(n uint32) byte { return byte(n/10%10<<4 | n%10) }
