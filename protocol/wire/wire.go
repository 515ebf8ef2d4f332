// Package wire reads and writes the fixed fields that the carrier protocols are
// made of. Reader and Writer remember the first error, so a codec reads all its
// fields and asks once.
package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// ErrShort is a body that ends before its fields do.
var ErrShort = errors.New("wire: body too short")

// ErrTrailing is a body that goes on after its fields.
var ErrTrailing = errors.New("wire: body too long")

// Reader takes big-endian fields off a body. After an error every field is zero.
type Reader struct {
	b   []byte
	err error
}

// NewReader reads b, which it does not copy.
func NewReader(b []byte) Reader { return Reader{b: b} }

// Err is the first error.
func (r *Reader) Err() error { return r.err }

// Left is how many bytes have not been read.
func (r *Reader) Left() int { return len(r.b) }

// Bytes takes n bytes; they alias the body.
func (r *Reader) Bytes(n int) []byte {
	if r.err != nil || n > len(r.b) {
		if r.err == nil {
			r.err = fmt.Errorf("%w: %d bytes wanted, %d left", ErrShort, n, len(r.b))
		}
		r.b = nil
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// U8 takes one byte.
func (r *Reader) U8() uint8 {
	if b := r.Bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// U16 takes two bytes.
func (r *Reader) U16() uint16 {
	if b := r.Bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// U32 takes four bytes.
func (r *Reader) U32() uint32 {
	if b := r.Bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// U64 takes eight bytes.
func (r *Reader) U64() uint64 {
	if b := r.Bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Text takes a field of n bytes and cuts it at its first NUL.
func (r *Reader) Text(n int) string {
	b := r.Bytes(n)
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// Trimmed is Text without the spaces around it: some peers fill their fields up with
// spaces in place of NUL. CMPP 3.0 §8.1.
func (r *Reader) Trimmed(n int) string { return strings.Trim(r.Text(n), " ") }

// End is the first error, or ErrTrailing if something is left.
func (r *Reader) End() error {
	if r.err == nil && len(r.b) > 0 {
		r.err = fmt.Errorf("%w: %d bytes left", ErrTrailing, len(r.b))
	}
	return r.err
}

// Writer appends big-endian fields.
type Writer struct {
	b   []byte
	err error
}

// NewWriter appends to dst.
func NewWriter(dst []byte) Writer { return Writer{b: dst} }

// Done gives what was written, and the first error.
func (w *Writer) Done() ([]byte, error) { return w.b, w.err }

// Fail notes an error unless there is one.
func (w *Writer) Fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// U8 appends one byte.
func (w *Writer) U8(v uint8) { w.b = append(w.b, v) }

// U16 appends two bytes.
func (w *Writer) U16(v uint16) { w.b = binary.BigEndian.AppendUint16(w.b, v) }

// U32 appends four bytes.
func (w *Writer) U32(v uint32) { w.b = binary.BigEndian.AppendUint32(w.b, v) }

// U64 appends eight bytes.
func (w *Writer) U64(v uint64) { w.b = binary.BigEndian.AppendUint64(w.b, v) }

// Bytes appends b as it is.
func (w *Writer) Bytes(b []byte) { w.b = append(w.b, b...) }

// Text appends s, filled up with NUL to n bytes; a full field has none. A longer s, or
// one with a NUL in it, is an error that names the field: a number cut short would be
// another number. CMPP 3.0 §8.1.
func (w *Writer) Text(field, s string, n int) {
	if len(s) > n {
		w.Fail(fmt.Errorf("wire: %s has %d bytes, the most is %d", field, len(s), n))
		return
	}
	for i := range len(s) {
		if s[i] == 0 {
			w.Fail(fmt.Errorf("wire: %s holds a NUL", field))
			return
		}
	}
	w.b = append(w.b, s...)
	for range n - len(s) {
		w.b = append(w.b, 0)
	}
}
