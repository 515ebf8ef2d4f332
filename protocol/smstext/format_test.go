package smstext_test

import (
	"errors"
	"testing"

	"github.com/zhunxin/zhunxin/protocol/smstext"
)

func TestCodingBytes(t *testing.T) {
	t.Parallel()
	type format = smstext.Format
	for v, want := range map[uint8]format{
		0: {smstext.ASCII, false}, 3: {smstext.SIM, false}, 4: {smstext.Binary, false}, 8: {smstext.UCS2, false}, 15: {smstext.GB, false},
		0x10: {smstext.ASCII, true}, 0x11: {smstext.ASCII, false}, 0x14: {smstext.Binary, true}, 0x18: {smstext.UCS2, true}, 0x19: {smstext.UCS2, false},
		0x58: {smstext.UCS2, true}, 0x48: {smstext.UCS2, false}, 0xC0: {smstext.ASCII, false}, 0xE0: {smstext.UCS2, false},
		0xF0: {smstext.ASCII, true}, 0xF1: {smstext.ASCII, false}, 0xF4: {smstext.Binary, true}, 246: {smstext.Binary, false},
	} {
		if got, err := smstext.ParseMsgFmt(v); err != nil || got != want {
			t.Errorf("Msg_Fmt 0x%02x is %v, %v", v, got, err)
		}
	}
	for v, want := range map[uint8]format{
		0: {smstext.GSM7, false}, 1: {smstext.ASCII, false}, 2: {smstext.Binary, false}, 3: {smstext.Latin1, false}, 4: {smstext.Binary, false},
		8: {smstext.UCS2, false}, 15: {smstext.GB, false}, 0x10: {smstext.GSM7, true}, 0x12: {smstext.GSM7, false}, 0x18: {smstext.UCS2, true},
		0xC8: {smstext.GSM7, false}, 0xD0: {smstext.GSM7, false}, 0xE8: {smstext.UCS2, false}, 0xF0: {smstext.GSM7, true}, 0xF4: {smstext.Binary, true},
		0xF5: {smstext.Binary, false},
	} {
		if got, err := smstext.ParseDataCoding(v, smstext.GSM7); err != nil || got != want {
			t.Errorf("data_coding 0x%02x is %v, %v", v, got, err)
		}
	}
	for _, v := range []uint8{1, 2, 5, 7, 9, 14, 0x1C, 0x20, 0x28, 0x30, 0x38, 0x60, 0x80, 0xBF} {
		if got, err := smstext.ParseMsgFmt(v); !errors.Is(err, smstext.ErrCoding) {
			t.Errorf("Msg_Fmt 0x%02x is %v, %v", v, got, err)
		}
	}
	for _, v := range []uint8{5, 6, 7, 9, 10, 11, 12, 13, 14, 0x1C, 0x20, 0x3F, 0x80, 0xBF} {
		if got, err := smstext.ParseDataCoding(v, smstext.GSM7); !errors.Is(err, smstext.ErrCoding) {
			t.Errorf("data_coding 0x%02x is %v, %v", v, got, err)
		}
	}
}

// What is written is read again as the same, and what has no byte says so.
func TestCodingBytesAreReadAsWritten(t *testing.T) {
	t.Parallel()
	codings := []smstext.Coding{smstext.ASCII, smstext.SIM, smstext.Binary, smstext.UCS2, smstext.GB, smstext.GSM7, smstext.Latin1}
	for _, base := range []smstext.Coding{smstext.GSM7, smstext.ASCII, smstext.Latin1} {
		for _, c := range codings {
			for _, flash := range []bool{false, true} {
				f := smstext.Format{Coding: c, Flash: flash}
				v, err := f.DataCoding(base)
				if err == nil {
					if got, err := smstext.ParseDataCoding(v, base); err != nil || got != f {
						t.Errorf("%v with base %v is 0x%02x, which is %v, %v", f, base, v, got, err)
					}
				}
				has := c == base || c == smstext.Binary || c == smstext.UCS2 ||
					!flash && (c == smstext.ASCII || c == smstext.Latin1 || c == smstext.GB)
				if has != (err == nil) || err != nil && !errors.Is(err, smstext.ErrCoding) {
					t.Errorf("%v with base %v: 0x%02x, %v", f, base, v, err)
				}
			}
		}
	}
	for _, c := range codings {
		for _, flash := range []bool{false, true} {
			f := smstext.Format{Coding: c, Flash: flash}
			v, err := f.MsgFmt()
			want := f
			if c == smstext.GSM7 {
				want.Coding = smstext.ASCII
			}
			if err == nil {
				if got, err := smstext.ParseMsgFmt(v); err != nil || got != want {
					t.Errorf("%v is 0x%02x, which is %v, %v", f, v, got, err)
				}
			}
			has := c != smstext.Latin1 && !(flash && (c == smstext.SIM || c == smstext.GB))
			if has != (err == nil) || err != nil && !errors.Is(err, smstext.ErrCoding) {
				t.Errorf("%v: 0x%02x, %v", f, v, err)
			}
		}
	}
	// The coding that stands for both is written as both say.
	both := smstext.Format{Coding: smstext.Flash}
	v, err := both.MsgFmt()
	w, err2 := both.DataCoding(smstext.GSM7)
	if v != 0x18 || w != 0x18 || errors.Join(err, err2) != nil {
		t.Errorf("0x%02x, 0x%02x, %v", v, w, errors.Join(err, err2))
	}
}
