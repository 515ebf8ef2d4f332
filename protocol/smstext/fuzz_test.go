package smstext_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// Whatever a peer sends as content is read or refused, and what is read is valid text.
func FuzzContent(f *testing.F) {
	f.Add(uint8(8), true, []byte{5, 0, 3, 1, 2, 1, 0x4f, 0x60})
	f.Add(uint8(15), false, []byte("\xc4\xe3"))
	f.Add(uint8(0), true, []byte{0})
	f.Fuzz(func(t *testing.T, coding uint8, udhi bool, content []byte) {
		body := content
		if udhi {
			head, rest, err := smstext.ParseUDH(content)
			if err != nil {
				return
			}
			if len(rest) >= len(content) || head.Total > 0 && (head.Number < 1 || head.Number > head.Total) {
				t.Fatalf("%+v of %x", head, content)
			}
			body = rest
		}
		text, err := smstext.Decode(smstext.Coding(coding), body)
		if err == nil && !utf8.ValidString(text) {
			t.Fatalf("coding %d of %x gave invalid text", coding, body)
		}
	})
}

// What is read in any coding can be written in it again, and is then read as the same.
func FuzzDecode(f *testing.F) {
	f.Add(uint16(smstext.ASCII), []byte("a"))
	f.Add(uint16(smstext.UCS2), []byte{0x4e, 0x2d})
	f.Add(uint16(smstext.UCS2), []byte{0xff, 0xfe, 0x3d, 0xd8, 0, 0xde})
	f.Add(uint16(smstext.Flash), []byte{0xd8, 0x3d, 0xde, 0})
	f.Add(uint16(smstext.GB), []byte{0xcd, 0xcb, 0x81, 0x30, 0x81, 0x30})
	f.Add(uint16(smstext.GSM7), []byte{0x1b, 0x65, 0x1b, 0x1b, 0})
	f.Add(uint16(smstext.Latin1), []byte{0xe9, 0x80})
	f.Fuzz(func(t *testing.T, c uint16, b []byte) {
		coding := smstext.Coding(c)
		text, err := smstext.Decode(coding, b)
		if err != nil {
			return
		}
		content, err := smstext.Encode(coding, text)
		if err != nil {
			t.Fatalf("%s: %x is %q, which can't be written: %v", coding, b, text, err)
		}
		if strings.HasPrefix(text, "\ufeff") || strings.HasPrefix(text, "\ufffe") { // a second mark, taken for one
			return
		}
		if again, err := smstext.Text(smstext.Body{Coding: coding, Content: content}); err != nil || again != text {
			t.Fatalf("%s: %x is %q, then %q, %v", coding, b, text, again, err)
		}
	})
}

func FuzzParseUDH(f *testing.F) {
	f.Add([]byte{5, 0, 3, 1, 2, 1, 'a'})
	f.Add([]byte{6, 8, 4, 1, 2, 2, 1, 'a'})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, body, err := smstext.ParseUDH(b); err == nil && len(body) > len(b) {
			t.Error("the body grew")
		}
	})
}

func FuzzUnpackGSM7(f *testing.F) {
	f.Add([]byte{0xe8, 0x32, 0x9b, 0xfd, 0x46, 0x97, 0xd9, 0xec, 0x37}, 0, 10)
	f.Add([]byte{0x82}, 1, 1)
	f.Fuzz(func(t *testing.T, packed []byte, fill, n int) {
		septets, err := smstext.UnpackGSM7(packed, fill, n)
		if err != nil {
			return
		}
		again, err := smstext.UnpackGSM7(smstext.PackGSM7(septets, fill), fill, n)
		if err != nil || string(again) != string(septets) {
			t.Fatalf("%x became %x, %v", septets, again, err)
		}
		if most := smstext.CountSeptets(packed, fill); most > (8*len(packed)-fill)/7 {
			t.Fatalf("%d septets in %x", most, packed)
		}
	})
}

// Whatever the text and the wishes, there is an error of those that are told, or
// parts that give the text back.
func FuzzSplitWith(f *testing.F) {
	f.Add("短信😀€[", uint16(1), uint8(0), uint8(0), 0, 0, 0, 0)
	f.Add(strings.Repeat("€a", 300), uint16(300), uint8(4), uint8(2), 7, 4, 6, 40)
	f.Fuzz(func(t *testing.T, text string, ref uint16, alphabet, join uint8, peer, head, tail, most int) {
		o := smstext.Options{
			Alphabet: smstext.Alphabet(alphabet), Join: smstext.Join(join), PeerHeader: peer,
			Reserve: smstext.Reserve{Head: head, Tail: tail}, MaxSegments: most,
		}
		parts, err := smstext.SplitWith(text, ref, o)
		n, err2 := smstext.Segments(text, o)
		if n != len(parts) || (err == nil) != (err2 == nil) {
			t.Fatalf("%d segments, %v; %d parts, %v", n, err2, len(parts), err)
		}
		if err != nil {
			for _, known := range []error{smstext.ErrEmpty, smstext.ErrEncoding, smstext.ErrLong, smstext.ErrOptions} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatal(err)
		}
		bodies := make([]smstext.Body, 0, len(parts))
		for _, p := range parts {
			if _, err := checkPart(p, o, len(parts), ref); err != nil {
				t.Fatal(err)
			}
			_, body, _ := smstext.Place(p.Content, p.UDHI, smstext.UDH{})
			bodies = append(bodies, smstext.Body{Coding: p.Coding, Content: body})
		}
		got, err := smstext.Text(bodies...)
		if err != nil || got != text && got != strings.TrimPrefix(text, "\ufeff") {
			t.Fatalf("got %q for %q, %v", got, text, err)
		}
	})
}

// The parts come as they like; three bytes and a length make one.
func FuzzAssembly(f *testing.F) {
	f.Add([]byte{1, 2, 1, 1, 'a', 1, 2, 2, 1, 'b'})
	f.Fuzz(func(t *testing.T, in []byte) {
		var a smstext.Assembly
		for len(in) >= 4 {
			n := min(int(in[3]), len(in)-4)
			before := len(a.Missing())
			done, err := a.Add(smstext.UDH{Ref: uint16(in[0]), Total: in[1], Number: in[2]}, smstext.Body{Content: in[4 : 4+n]})
			after := len(a.Missing())
			switch {
			case err != nil && after != before, err != nil && done, err == nil && done != (after == 0), done && len(a.Parts()) == 0:
				t.Fatalf("%d lacked, %d lack, %v, %v", before, after, done, err)
			}
			in = in[4+n:]
		}
	})
}
