package sgip_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/zhunxin/zhunxin/protocol/sgip"
)

// overlong says that p has content that may be read but not sent.
func overlong(p sgip.PDU) bool {
	switch p := p.(type) {
	case *sgip.Submit:
		return p.MessageCoding != 0 && len(p.Content) > 140
	case *sgip.Deliver:
		return p.MessageCoding != 0 && len(p.Content) > 140
	}
	return false
}

func FuzzDecode(f *testing.F) {
	for _, p := range samples() {
		frame := frameOf(f, p)
		f.Add(frame)
		f.Add(seal(append(bytes.Clone(frame), "more"...)))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		h, p, err := sgip.Decode(frame)
		if err != nil {
			return
		}
		if back, err := sgip.ParseSequence(h.Sequence.String()); err != nil || back != h.Sequence {
			t.Fatalf("%v became %v, %v", h.Sequence, back, err)
		}
		again, err := sgip.Append(nil, h.Sequence, p)
		if err != nil {
			if !overlong(p) {
				t.Fatalf("%+v was read and can't be written: %v", p, err)
			}
			return
		}
		if len(again) > len(frame) {
			t.Fatalf("%d bytes became %d", len(frame), len(again))
		}
		if h2, q, err := sgip.Decode(again); err != nil || !reflect.DeepEqual(p, q) || h2.Sequence != h.Sequence {
			t.Fatalf("%+v became %+v, %v", p, q, err)
		}
	})
}
