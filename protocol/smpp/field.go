package smpp

import (
	"bytes"
	"fmt"

	"github.com/zhunxin/zhunxin/protocol/wire"
)

// Sizes of C-octet strings, the NUL at their end included. SMPP 3.4 §5.2.
const (
	systemIDSize     = 16
	passwordSize     = 9
	systemTypeSize   = 13
	addressRangeSize = 41
	serviceTypeSize  = 6
	addrSize         = 21
	longAddrSize     = 65 // in data_sm and alert_notification
	timeSize         = 17 // or 1, when empty
	messageIDSize    = MaxMessageID + 1
)

// reader adds the fields that only SMPP has. Its own error names the field.
type reader struct {
	wire.Reader
	err error
}

func newReader(b []byte) reader { return reader{Reader: wire.NewReader(b)} }

// fail notes the first error and leaves nothing to read.
func (r *reader) fail(err error) {
	if r.err == nil && r.Err() == nil {
		r.err = err
		r.Reader = wire.Reader{}
	}
}

func (r *reader) end() error {
	if r.err != nil {
		return r.err
	}
	return r.End()
}

// cstring takes a C-octet string of at most size bytes, its NUL included.
func (r *reader) cstring(field string, size int) string {
	probe := r.Reader // a copy, so that looking ahead takes nothing
	rest := probe.Bytes(probe.Left())
	n := bytes.IndexByte(rest[:min(len(rest), size)], 0)
	switch {
	case n >= 0:
		return string(r.Bytes(n + 1)[:n])
	case len(rest) < size:
		r.fail(fmt.Errorf("%w: %s ends without its NUL", wire.ErrShort, field))
	default:
		r.fail(fmt.Errorf("%s has no NUL within its %d bytes", field, size))
	}
	return ""
}

// addr takes the three fields of an address.
func (r *reader) addr(field string, size int) (TON, NPI, string) {
	return TON(r.U8()), NPI(r.U8()), r.cstring(field, size)
}

// tlvs takes optional parameters to the end of the body and appends them to dst.
func (r *reader) tlvs(dst TLVs) TLVs {
	for r.Left() > 0 {
		if len(dst) == MaxTLVs {
			r.fail(fmt.Errorf("%w: the most is %d", errTLVs, MaxTLVs))
			break
		}
		if r.Left() < 4 {
			r.fail(fmt.Errorf("%w: %d bytes are left, an optional parameter begins with 4", wire.ErrShort, r.Left()))
			break
		}
		tag, n := r.U16(), int(r.U16())
		if n > r.Left() {
			r.fail(fmt.Errorf("%w: %s tells %d bytes, %d are left", wire.ErrShort, tagName(tag), n, r.Left()))
			break
		}
		dst = append(dst, TLV{Tag: tag, Value: r.Bytes(n)})
	}
	return dst
}

// writer adds the fields that only SMPP has.
type writer struct{ wire.Writer }

func newWriter(dst []byte) writer { return writer{wire.NewWriter(dst)} }

// cstring appends s and a NUL; size is the most, the NUL included. A longer s,
// or one with a NUL in it, is an error that names the field.
func (w *writer) cstring(field, s string, size int) {
	if len(s) >= size {
		w.Fail(fmt.Errorf("%s has %d bytes, the most is %d: shorten it", field, len(s), size-1))
		return
	}
	w.Text(field, s, len(s))
	w.U8(0)
}

// time appends a time, which is empty or has its full length.
func (w *writer) time(field, s string) {
	if s != "" && len(s) != timeSize-1 {
		w.Fail(fmt.Errorf("%s has %d bytes, it needs none or %d: use FormatTime or FormatRelative", field, len(s), timeSize-1))
		return
	}
	w.cstring(field, s, timeSize)
}

// addr appends the three fields of an address.
func (w *writer) addr(field string, ton TON, npi NPI, addr string, size int) {
	w.U8(uint8(ton))
	w.U8(uint8(npi))
	w.cstring(field, addr, size)
}

func (w *writer) tlvs(list TLVs) {
	if len(list) > MaxTLVs {
		w.Fail(fmt.Errorf("%w: there are %d, the most is %d", errTLVs, len(list), MaxTLVs))
		return
	}
	for _, t := range list {
		if len(t.Value) > MaxTLVValue {
			w.Fail(fmt.Errorf("%s has %d bytes, the most is %d: shorten it", tagName(t.Tag), len(t.Value), MaxTLVValue))
			return
		}
		w.U16(t.Tag)
		w.U16(uint16(len(t.Value)))
		w.Bytes(t.Value)
	}
}
