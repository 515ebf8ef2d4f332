package smstext_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/protocol/smstext"
)

func TestSegmentsOfEveryWish(t *testing.T) {
	t.Parallel()
	han, a, euro := func(n int) string { return strings.Repeat("短", n) }, func(n int) string { return strings.Repeat("a", n) }, func(n int) string { return strings.Repeat("€", n) }
	emoji := func(n int) string { return strings.Repeat("😀", n) }
	gsm, gb, fewest := smstext.Options{Alphabet: smstext.GSM7Allowed}, smstext.Options{Alphabet: smstext.GBOnly}, smstext.Options{Alphabet: smstext.Fewest}
	wide := func(o smstext.Options) smstext.Options { o.Join = smstext.UDH16; return o }
	sar := smstext.Options{Join: smstext.SAR}
	for _, c := range []struct {
		name   string
		text   string
		o      smstext.Options
		coding smstext.Coding
		want   int
	}{
		{"ASCII of one unit", a(70), smstext.Options{}, smstext.ASCII, 1},
		{"longer ASCII", a(71), smstext.Options{}, smstext.UCS2, 2},
		{"UCS2 always", a(1), smstext.Options{Alphabet: smstext.UCS2Only}, smstext.UCS2, 1},
		{"160 septets", a(160), gsm, smstext.GSM7, 1},
		{"161 septets", a(161), gsm, smstext.GSM7, 2},
		{"two full parts", a(306), gsm, smstext.GSM7, 2},
		{"one septet more", a(307), gsm, smstext.GSM7, 3},
		{"152 a part", a(304), wide(gsm), smstext.GSM7, 2},
		{"153 and no more", a(305), wide(gsm), smstext.GSM7, 3},
		{"an escape counts two", euro(80), gsm, smstext.GSM7, 1},
		{"and is not cut", a(152) + euro(5), gsm, smstext.GSM7, 2},
		{"and may cost a part", a(152) + euro(1) + a(152), gsm, smstext.GSM7, 3},
		{"GSM7 without Han", "a短", gsm, smstext.UCS2, 1},
		{"66 a part", han(132), wide(smstext.Options{}), smstext.UCS2, 2},
		{"67 and no more", han(133), wide(smstext.Options{}), smstext.UCS2, 3},
		{"SAR leaves the room", han(134), sar, smstext.UCS2, 2},
		{"and no more", han(135), sar, smstext.UCS2, 3},
		{"SAR with a wide header", han(133), smstext.Options{Join: smstext.SAR, PeerHeader: 7}, smstext.UCS2, 3},
		{"SAR of one", han(70), sar, smstext.UCS2, 1},
		{"GB of one", han(60) + a(20), gb, smstext.GB, 1},
		{"GB of two", han(60) + a(21), gb, smstext.GB, 2},
		{"GB with characters of four bytes", emoji(35), gb, smstext.GB, 1},
		{"which are not cut", emoji(36), gb, smstext.GB, 2},
		{"33 a part", emoji(67), gb, smstext.GB, 3},
		{"fewest is GSM7", a(160), fewest, smstext.GSM7, 1},
		{"fewest is UCS2", han(70), fewest, smstext.UCS2, 1},
		{"fewest is GB", han(60) + a(20), fewest, smstext.GB, 1},
		{"fewest of long ones", euro(100), fewest, smstext.GSM7, 2},
		{"fewest for what UCS2 does worse", strings.Repeat("€€a", 47), fewest, smstext.GSM7, 2},
		{"a signature at the head", han(66), smstext.Options{Reserve: smstext.Reserve{Head: 4}}, smstext.UCS2, 1},
		{"no longer fits", han(67), smstext.Options{Reserve: smstext.Reserve{Head: 4}}, smstext.UCS2, 2},
		{"nor at the tail", han(67), smstext.Options{Reserve: smstext.Reserve{Tail: 4}}, smstext.UCS2, 2},
		{"both", han(60), smstext.Options{Reserve: smstext.Reserve{Head: 5, Tail: 5}}, smstext.UCS2, 1},
		{"two parts with a head", han(130), smstext.Options{Reserve: smstext.Reserve{Head: 4}}, smstext.UCS2, 2},
		{"which become three", han(131), smstext.Options{Reserve: smstext.Reserve{Head: 4}}, smstext.UCS2, 3},
		{"with a tail likewise", han(131), smstext.Options{Reserve: smstext.Reserve{Tail: 4}}, smstext.UCS2, 3},
		{"ASCII that will be signed", a(20), smstext.Options{Reserve: smstext.Reserve{Head: 4}}, smstext.UCS2, 1},
		{"GSM7 that will be signed", a(100), smstext.Options{Alphabet: smstext.GSM7Allowed, Reserve: smstext.Reserve{Tail: 4}}, smstext.UCS2, 2},
		{"GB that will be signed", a(132), smstext.Options{Alphabet: smstext.GBOnly, Reserve: smstext.Reserve{Tail: 4}}, smstext.GB, 1},
		{"fewest that will be signed", a(132), smstext.Options{Alphabet: smstext.Fewest, Reserve: smstext.Reserve{Tail: 4}}, smstext.GB, 1},
		{"one character between", "😀", smstext.Options{Reserve: smstext.Reserve{Head: 50, Tail: 18}}, smstext.UCS2, 1},
		{"two characters between", "短😀", smstext.Options{Reserve: smstext.Reserve{Head: 50, Tail: 18}}, smstext.UCS2, 2},
		{"255 of them", han(67 * 255), smstext.Options{MaxSegments: 255}, smstext.UCS2, 255},
		{"Greek", strings.Repeat("Ω", 1530), gsm, smstext.GSM7, 10},
	} {
		n, err := smstext.Segments(c.text, c.o)
		parts, err2 := smstext.SplitWith(c.text, 7, c.o)
		if errors.Join(err, err2) != nil || n != c.want || len(parts) != c.want || parts[0].Coding != c.coding {
			t.Errorf("%s: %d segments, %d parts, %v", c.name, n, len(parts), errors.Join(err, err2))
		}
	}
}

func TestHeadersOfParts(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("短", 80)
	for _, c := range []struct {
		o     smstext.Options
		first string // bytes of the second part before its text
		ref   uint16
	}{
		{smstext.Options{}, "050003340202", 0x34},
		{smstext.Options{Join: smstext.UDH16}, "06080412340202", 0x1234},
		{smstext.Options{Join: smstext.SAR}, "", 0x1234},
	} {
		parts, err := smstext.SplitWith(text, 0x1234, c.o)
		if err != nil || len(parts) != 2 {
			t.Fatal(parts, err)
		}
		p := parts[1]
		want, _ := hex.DecodeString(c.first)
		if !bytes.HasPrefix(p.Content, append(want, 0x77, 0xED)) || p.UDH() != (smstext.UDH{Ref: c.ref, Total: 2, Number: 2}) || p.UDHI != (c.first != "") {
			t.Errorf("%+v", p)
		}
		// Who appends to a part does not write into its neighbour.
		_ = append(parts[0].Content, 0xFF)
		if p.Content[0] == 0xFF {
			t.Error("the parts share what is behind them")
		}
	}
	one, err := smstext.SplitWith("短", 0x1234, smstext.Options{Join: smstext.UDH16})
	if err != nil || len(one) != 1 || one[0].UDHI || one[0].UDH() != (smstext.UDH{Total: 1, Number: 1}) {
		t.Errorf("%+v, %v", one, err)
	}
}

func TestWhatCannotBeSplit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		o    smstext.Options
		want error
	}{
		"empty":                 {"", smstext.Options{}, smstext.ErrEmpty},
		"bad UTF-8":             {"a\xff", smstext.Options{}, smstext.ErrEncoding},
		"NUL":                   {"a\x00", smstext.Options{}, smstext.ErrEncoding},
		"byte order":            {"短" + "\ufffe", smstext.Options{}, smstext.ErrEncoding},
		"replacement":           {"a�", smstext.Options{}, smstext.ErrEncoding},
		"eleven":                {strings.Repeat("短", 671), smstext.Options{}, smstext.ErrLong},
		"two of one":            {strings.Repeat("短", 71), smstext.Options{MaxSegments: 1}, smstext.ErrLong},
		"256":                   {strings.Repeat("短", 67*255+1), smstext.Options{MaxSegments: 255}, smstext.ErrLong},
		"far too long":          {strings.Repeat("短", 1<<20), smstext.Options{MaxSegments: 255}, smstext.ErrLong},
		"fewest are too many":   {strings.Repeat("短", 671), smstext.Options{Alphabet: smstext.Fewest}, smstext.ErrLong},
		"no such alphabet":      {"a", smstext.Options{Alphabet: smstext.Fewest + 1}, smstext.ErrOptions},
		"no such join":          {"a", smstext.Options{Join: smstext.SAR + 1}, smstext.ErrOptions},
		"header without SAR":    {"a", smstext.Options{PeerHeader: 6}, smstext.ErrOptions},
		"header too short":      {"a", smstext.Options{Join: smstext.SAR, PeerHeader: 5}, smstext.ErrOptions},
		"header too long":       {"a", smstext.Options{Join: smstext.SAR, PeerHeader: 21}, smstext.ErrOptions},
		"negative head":         {"a", smstext.Options{Reserve: smstext.Reserve{Head: -1}}, smstext.ErrOptions},
		"negative tail":         {"a", smstext.Options{Reserve: smstext.Reserve{Tail: -1}}, smstext.ErrOptions},
		"tail too long":         {"a", smstext.Options{Reserve: smstext.Reserve{Tail: 51}}, smstext.ErrOptions},
		"both too long":         {"a", smstext.Options{Reserve: smstext.Reserve{Head: 35, Tail: 34}}, smstext.ErrOptions},
		"256 segments":          {"a", smstext.Options{MaxSegments: 256}, smstext.ErrOptions},
		"negative segments":     {"a", smstext.Options{MaxSegments: -1}, smstext.ErrOptions},
		"options before length": {"", smstext.Options{MaxSegments: -1}, smstext.ErrOptions},
	} {
		n, err := smstext.Segments(c.text, c.o)
		parts, err2 := smstext.SplitWith(c.text, 0, c.o)
		if !errors.Is(err, c.want) || !errors.Is(err2, c.want) || n != 0 || parts != nil {
			t.Errorf("%s: %d, %v; %d parts, %v", name, n, err, len(parts), err2)
		}
	}
	var limit *smstext.LimitError
	_, err := smstext.Segments(strings.Repeat("短", 300), smstext.Options{MaxSegments: 3})
	if !errors.As(err, &limit) || limit.Most != 3 || err.Error() != "the text needs more than 3 segments" {
		t.Error(err)
	}
}

func TestUnitsCountWhatTheCarrierAdds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ n, head, tail, want int }{{70, 0, 0, 1}, {66, 4, 0, 1}, {67, 4, 0, 2}, {67, 0, 4, 2}, {126, 4, 4, 2}, {127, 4, 4, 3}} {
		if got, err := smstext.UnitsWith(strings.Repeat("短", c.n), smstext.Reserve{Head: c.head, Tail: c.tail}); err != nil || got != c.want {
			t.Errorf("%+v: %d, %v", c, got, err)
		}
	}
	if _, err := smstext.UnitsWith(strings.Repeat("短", 667), smstext.Reserve{Head: 4}); !errors.Is(err, smstext.ErrLong) {
		t.Error(err)
	}
	if _, err := smstext.UnitsWith("a", smstext.Reserve{Head: 51}); !errors.Is(err, smstext.ErrOptions) {
		t.Error(err)
	}
}

// drawOptions draws wishes that can be granted.
func drawOptions(t *rapid.T) smstext.Options {
	o := smstext.Options{
		Alphabet:    smstext.Alphabet(rapid.IntRange(0, int(smstext.Fewest)).Draw(t, "alphabet")),
		Join:        smstext.Join(rapid.IntRange(0, int(smstext.SAR)).Draw(t, "join")),
		MaxSegments: rapid.SampledFrom([]int{0, 1, 3, 40, 255}).Draw(t, "most"),
	}
	if o.Join == smstext.SAR {
		o.PeerHeader = rapid.SampledFrom([]int{0, 6, 7, 20}).Draw(t, "peer's header")
	}
	if rapid.Bool().Draw(t, "signed") {
		o.Reserve = smstext.Reserve{Head: rapid.IntRange(0, smstext.MaxReserve).Draw(t, "head"), Tail: rapid.IntRange(0, 18).Draw(t, "tail")}
		if rapid.Bool().Draw(t, "turned") {
			o.Reserve.Head, o.Reserve.Tail = o.Reserve.Tail, o.Reserve.Head
		}
	}
	return o
}

func drawText(t *rapid.T) string {
	chars := rapid.SampledFrom([]string{"短a信😀 1，【】𠮷üÀ€[Ω", "a", "ab€{Ω ", "短", "😀", "a短", "aü㐀😀"}).Draw(t, "characters")
	return rapid.StringOfN(rapid.SampledFrom([]rune(chars)), 1, 500, -1).Draw(t, "text")
}

// overhead is what a part holds besides its text, on the way to the handset.
func overhead(o smstext.Options) int {
	switch {
	case o.Join == smstext.UDH16:
		return 7
	case o.PeerHeader > 0:
		return o.PeerHeader
	}
	return 6
}

// checkPart holds a part to its limit, with what the carrier adds, and gives its text.
func checkPart(p smstext.Part, o smstext.Options, total int, ref uint16) (string, error) {
	place, body, err := smstext.Place(p.Content, p.UDHI, smstext.UDH{})
	if err != nil {
		return "", err
	}
	if p.UDHI && (place != p.UDH() || o.Join == smstext.UDH16 && place.Ref != ref || o.Join == smstext.UDH8 && place.Ref != ref&0xFF) {
		return "", fmt.Errorf("the header says %+v", place)
	}
	if p.UDHI != (total > 1 && o.Join != smstext.SAR) || int(p.Total) != total {
		return "", errors.New("the header is not as it was asked for")
	}
	bits, room := 8*len(body), 8*smstext.MaxContent
	if p.Coding == smstext.GSM7 {
		bits = 7 * len(body)
	}
	if total > 1 {
		room -= 8 * overhead(o)
	}
	if p.Number == 1 {
		bits += 16 * o.Reserve.Head
	}
	if p.Number == p.Total {
		bits += 16 * o.Reserve.Tail
	}
	if bits > room || len(body) == 0 {
		return "", fmt.Errorf("%d bits for a room of %d", bits, room)
	}
	return smstext.Decode(p.Coding, body) // alone: nothing was cut
}

func TestPartsOfEveryWishGiveTheTextBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text, o, ref := drawText(t), drawOptions(t), rapid.Uint16().Draw(t, "ref")
		n, err := smstext.Segments(text, o)
		parts, err2 := smstext.SplitWith(text, ref, o)
		if n != len(parts) || (err == nil) != (err2 == nil) {
			t.Fatalf("%d segments, %v; %d parts, %v", n, err, len(parts), err2)
		}
		most := o.MaxSegments
		if most == 0 {
			most = smstext.MaxSegments
		}
		o.MaxSegments = 255
		free, err3 := smstext.Segments(text, o)
		if err != nil {
			if !errors.Is(err, smstext.ErrLong) || err3 == nil && free <= most {
				t.Fatalf("%v, though it needs %d of %d", err, free, most)
			}
			return
		}
		if n > most || n != free {
			t.Fatalf("%d segments of %d, or %d", n, most, free)
		}
		var a smstext.Assembly
		var whole strings.Builder
		for i, p := range parts {
			piece, err := checkPart(p, o, len(parts), ref)
			if err != nil || int(p.Number) != i+1 {
				t.Fatalf("part %d: %v", i, err)
			}
			whole.WriteString(piece)
		}
		for i, p := range rapid.Permutation(parts).Draw(t, "order") {
			at, body, err := smstext.Place(p.Content, p.UDHI, p.UDH())
			if err != nil {
				t.Fatal(err)
			}
			done, err := a.Add(at, smstext.Body{Coding: p.Coding, Content: body})
			if err != nil || done != (i == len(parts)-1) {
				t.Fatalf("part %d: %v, %v", i, done, err)
			}
		}
		joined, err := smstext.Text(a.Parts()...)
		if err != nil || joined != text || whole.String() != text {
			t.Fatalf("got %q for %q, %v", joined, text, err)
		}
	})
}

// No cutting takes fewer segments: told by a count of its own for characters of one
// size, which need no care at the cuts.
func TestNoFewerSegmentsWouldDo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := drawOptions(t)
		o.MaxSegments = 255
		char := rapid.SampledFrom([]string{"短", "a"}).Draw(t, "character")
		n := rapid.IntRange(1, 2000).Draw(t, "n")
		text := strings.Repeat(char, n)
		parts, err := smstext.SplitWith(text, 0, o)
		if err != nil {
			t.Fatal(err)
		}
		single, part, size := 140, 140-overhead(o), 2
		switch parts[0].Coding {
		case smstext.GSM7:
			single, part, size = 160, part*8/7, 1
		case smstext.ASCII:
			size = 1
		case smstext.GB:
			if char == "a" {
				size = 1
			}
		}
		want := 1
		head, tail := 2*o.Reserve.Head, 2*o.Reserve.Tail
		if n*size+head+tail > single {
			first, middle, last := (part-head)/size, part/size, (part-tail)/size
			want = 2 + max(0, (n-first-last+middle-1)/middle)
		}
		if len(parts) != want {
			t.Fatalf("%d parts of %d %q, could be %d", len(parts), n, char, want)
		}
	})
}

// splitBefore is Split as it was before there were options: what was decided and
// charged then must leave as the same bytes.
func splitBefore(text string, ref uint8) (out []smstext.Part) {
	units := utf16.Encode([]rune(text))
	ucs2 := func(units []uint16, b []byte) []byte {
		for _, u := range units {
			b = binary.BigEndian.AppendUint16(b, u)
		}
		return b
	}
	if len(units) <= 70 {
		if len(text) == len(units) {
			return []smstext.Part{{Coding: smstext.ASCII, Total: 1, Number: 1, Content: []byte(text)}}
		}
		return []smstext.Part{{Coding: smstext.UCS2, Total: 1, Number: 1, Content: ucs2(units, nil)}}
	}
	var cuts []int
	for at := 0; at < len(units); {
		end := min(at+67, len(units))
		if end < len(units) && units[end]&0xFC00 == 0xDC00 {
			end--
		}
		cuts = append(cuts, end)
		at = end
	}
	from := 0
	for i, end := range cuts {
		head := []byte{5, 0, 3, ref, byte(len(cuts)), byte(i + 1)}
		out = append(out, smstext.Part{
			Coding: smstext.UCS2, UDHI: true, Total: uint8(len(cuts)), Number: uint8(i + 1), Ref: uint16(ref), Content: ucs2(units[from:end], head),
		})
		from = end
	}
	return out
}

func TestSplitIsWhatItWas(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text, ref := drawText(t), rapid.Uint8().Draw(t, "ref")
		got, err := smstext.Split(text, ref)
		want := splitBefore(text, ref)
		switch {
		case len(want) > smstext.MaxSegments || smstext.Length(text) > smstext.MaxTextUnits:
			if err != smstext.ErrLong || got != nil { //nolint:errorlint // its text is told to customers
				t.Fatalf("%d parts, %v", len(got), err)
			}
		case err != nil || !reflect.DeepEqual(got, want):
			t.Fatalf("%+v, not %+v, %v", got, want, err)
		}
	})
}
