package smgp

import (
	"errors"
	"fmt"

	"github.com/zhunxin/zhunxin/protocol/wire"
)

// Tags of the optional fields of a Submit (S), of a Deliver (D) and of what
// gateways forward to each other (F). A size is fixed unless it says any. SMGP 3.0.3 §6.3.
const (
	TagTPPID            uint16 = 0x0001 // S D, 1 byte: GSM protocol identifier
	TagTPUDHI           uint16 = 0x0002 // S D, 1 byte: 1 when the content begins with a user data header
	TagLinkID           uint16 = 0x0003 // S D, 20 bytes: ties an answer to a service on demand
	TagChargeUserType   uint16 = 0x0004 // S, 1 byte: who pays: 0 receiver, 1 sender, 2 service provider, 3 ChargeTermID
	TagChargeTermType   uint16 = 0x0005 // S, 1 byte: ChargeTermID is 0 a number, 1 a pseudonym
	TagChargeTermPseudo uint16 = 0x0006 // S, any size: pseudonym of who pays
	TagDestTermType     uint16 = 0x0007 // S, 1 byte: receivers are 0 numbers, 1 pseudonyms
	TagDestTermPseudo   uint16 = 0x0008 // S, any size: receivers' pseudonyms, all of one length
	TagPkTotal          uint16 = 0x0009 // S, 1 byte: parts of a long message
	TagPkNumber         uint16 = 0x000A // S, 1 byte: which part, from 1
	TagSubmitMsgType    uint16 = 0x000B // S D, 1 byte: 0 normal, 1 to 4 subscribe and cancel notices, 5 monthly fee notice
	TagSPDealResult     uint16 = 0x000C // S D, 1 byte: 0 ok, 1 failed; means nothing when SubmitMsgType is 0
	TagSrcTermType      uint16 = 0x000D // D, 1 byte: SrcTermID is 0 a number, 1 a pseudonym
	TagSrcTermPseudo    uint16 = 0x000E // D, any size: the handset's pseudonym
	TagNodesCount       uint16 = 0x000F // F, 1 byte: gateways passed
	TagMsgSrc           uint16 = 0x0010 // S, 8 bytes: enterprise code
	TagSrcType          uint16 = 0x0011 // F, 1 byte
	TagMServiceID       uint16 = 0x0012 // S, 21 bytes: product id
)

// MaxTLVs is the most TLVs of one PDU: far more than there are tags, and few
// enough that a hostile frame costs little.
const MaxTLVs = 64

// ErrTLV is a tail of TLVs that can't be read: one runs past the frame, or there
// are too many. The fields before them are good.
var ErrTLV = errors.New("smgp: bad TLV")

// TLV is an optional field. A decoded Value aliases the frame's body.
type TLV struct {
	Tag   uint16
	Value []byte
}

// TLVs are the optional fields in the order of the wire, unknown tags included.
type TLVs []TLV

// ByteTLV makes a field of one byte.
func ByteTLV(tag uint16, v uint8) TLV { return TLV{tag, []byte{v}} }

// TextTLV makes a field of text, filled up with NUL to the size of its tag. A
// longer text is kept whole and refused when it is written.
func TextTLV(tag uint16, s string) TLV {
	_, size := tagShape(tag)
	v := make([]byte, max(size, len(s)))
	copy(v, s)
	return TLV{tag, v}
}

// Get is the value of the first field with this tag.
func (t TLVs) Get(tag uint16) ([]byte, bool) {
	for i := range t {
		if t[i].Tag == tag {
			return t[i].Value, true
		}
	}
	return nil, false
}

// Byte is the first byte of a field; false when the field is absent or empty.
func (t TLVs) Byte(tag uint16) (uint8, bool) {
	if v, _ := t.Get(tag); len(v) > 0 {
		return v[0], true
	}
	return 0, false
}

// Text is a field cut at its first NUL, without the spaces around it; empty when
// the field is absent.
func (t TLVs) Text(tag uint16) string {
	v, _ := t.Get(tag)
	r := wire.NewReader(v)
	return r.Trimmed(len(v))
}

// HasUDH tells whether the content begins with a user data header; nothing else in SMGP
// does. Gateways that pass SMPP's esm_class through say so with 0x40 instead of 1.
// SMGP 3.0.3 §6.3.
func (t TLVs) HasUDH() bool {
	v, _ := t.Byte(TagTPUDHI)
	return v&0x41 != 0
}

// tagShape is a tag's name and the size of its value; 0 is any size. An unknown
// tag has no name.
func tagShape(tag uint16) (name string, size int) {
	switch tag {
	case TagTPPID:
		return "TP_pid", 1
	case TagTPUDHI:
		return "TP_udhi", 1
	case TagLinkID:
		return "LinkID", 20
	case TagChargeUserType:
		return "ChargeUserType", 1
	case TagChargeTermType:
		return "ChargeTermType", 1
	case TagChargeTermPseudo:
		return "ChargeTermPseudo", 0
	case TagDestTermType:
		return "DestTermType", 1
	case TagDestTermPseudo:
		return "DestTermPseudo", 0
	case TagPkTotal:
		return "PkTotal", 1
	case TagPkNumber:
		return "PkNumber", 1
	case TagSubmitMsgType:
		return "SubmitMsgType", 1
	case TagSPDealResult:
		return "SPDealResult", 1
	case TagSrcTermType:
		return "SrcTermType", 1
	case TagSrcTermPseudo:
		return "SrcTermPseudo", 0
	case TagNodesCount:
		return "NodesCount", 1
	case TagMsgSrc:
		return "MsgSrc", 8
	case TagSrcType:
		return "SrcType", 1
	case TagMServiceID:
		return "MServiceID", 21
	default:
		return "", 0
	}
}

// write appends the fields. A known tag must have a value of its size.
func (t TLVs) write(w *wire.Writer) {
	if len(t) > MaxTLVs {
		w.Fail(fmt.Errorf("%d TLVs, the most is %d", len(t), MaxTLVs))
		return
	}
	for _, f := range t {
		if name, size := tagShape(f.Tag); size > 0 && len(f.Value) != size {
			w.Fail(fmt.Errorf("TLV 0x%04x %s has %d bytes, it must have %d", f.Tag, name, len(f.Value), size))
		}
		if len(f.Value) > MaxFrame {
			w.Fail(fmt.Errorf("TLV 0x%04x has %d bytes, the whole frame may have %d", f.Tag, len(f.Value), MaxFrame))
			return
		}
		w.U16(f.Tag)
		w.U16(uint16(len(f.Value)))
		w.Bytes(f.Value)
	}
}

// read takes what is left of a body as fields, of whatever size: a known tag
// with another size than its own is the caller's to judge, an unknown one is kept.
// SMGP 3.0.3 §6.3.
func (t TLVs) read(r *wire.Reader) (TLVs, error) {
	if err := r.Err(); err != nil {
		return t, err
	}
	for r.Left() > 0 {
		if len(t) == MaxTLVs {
			return t, fmt.Errorf("%w: more than %d of them", ErrTLV, MaxTLVs)
		}
		tag, size := r.U16(), int(r.U16())
		value := r.Bytes(size)
		if err := r.Err(); err != nil {
			return t, fmt.Errorf("%w: number %d, tag 0x%04x of %d bytes, runs past the frame: %w", ErrTLV, len(t)+1, tag, size, err)
		}
		t = append(t, TLV{tag, value})
	}
	return t, nil
}
