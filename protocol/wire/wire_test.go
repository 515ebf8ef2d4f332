package wire

import (
	"errors"
	"testing"
)

func TestFieldsComeBack(t *testing.T) {
	w := NewWriter([]byte("x"))
	w.U8(1)
	w.U16(0x1234)
	w.U32(2)
	w.U64(3)
	w.Text("name", "ab", 4)
	w.Bytes([]byte{9})
	w.Bytes([]byte(" c \x00"))
	b, err := w.Done()
	if err != nil || len(b) != 1+1+2+4+8+4+1+4 {
		t.Fatal(b, err)
	}
	r := NewReader(b[1:])
	if r.U8() != 1 || r.U16() != 0x1234 || r.U32() != 2 || r.U64() != 3 || r.Text(4) != "ab" || r.Bytes(1)[0] != 9 || r.Trimmed(4) != "c" {
		t.Fatal("a field differs")
	}
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
}

func TestShortAndTrailing(t *testing.T) {
	r := NewReader([]byte{1, 2})
	if r.U32() != 0 || r.U8() != 0 || !errors.Is(r.End(), ErrShort) {
		t.Fatal("a short body was read")
	}
	r = NewReader([]byte{1, 2})
	if r.U8() != 1 || !errors.Is(r.End(), ErrTrailing) {
		t.Fatal("a trailing byte was not noticed")
	}
}

func TestTextIsNeverCut(t *testing.T) {
	for _, s := range []string{"12345", "1\x002"} {
		w := NewWriter(nil)
		w.Text("number", s, 4)
		if _, err := w.Done(); err == nil {
			t.Errorf("%q was written into four bytes", s)
		}
	}
}
