package smstext_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// The alphabet is written down here a second time, by code, so that a slip in the
// table shows (GSM 03.38 §6.2.1 and §6.2.1.1).
var gsm7Vectors = map[string]string{
	"@": "00", "£": "01", "$": "02", "¥": "03", "è": "04", "é": "05", "ù": "06", "ì": "07", "ò": "08", "Ç": "09", "\n": "0a", "Ø": "0b",
	"ø": "0c", "\r": "0d", "Å": "0e", "å": "0f", "Δ": "10", "_": "11", "Φ": "12", "Γ": "13", "Λ": "14", "Ω": "15", "Π": "16", "Ψ": "17",
	"Σ": "18", "Θ": "19", "Ξ": "1a", "Æ": "1c", "æ": "1d", "ß": "1e", "É": "1f", " ": "20", "!": "21", "\"": "22", "#": "23", "¤": "24",
	"%": "25", "&": "26", "'": "27", "?": "3f", "¡": "40", "A": "41", "Z": "5a", "Ä": "5b", "Ö": "5c", "Ñ": "5d", "Ü": "5e", "§": "5f",
	"¿": "60", "a": "61", "z": "7a", "ä": "7b", "ö": "7c", "ñ": "7d", "ü": "7e", "à": "7f",
	"\f": "1b0a", "^": "1b14", "{": "1b28", "}": "1b29", "\\": "1b2f", "[": "1b3c", "~": "1b3d", "]": "1b3e", "|": "1b40", "€": "1b65",
	"a[b]€": "611b3c621b3e1b65",
}

func TestGSM7Alphabet(t *testing.T) {
	t.Parallel()
	for text, want := range gsm7Vectors {
		b, err := smstext.Encode(smstext.GSM7, text)
		if err != nil || hex.EncodeToString(b) != want {
			t.Errorf("%q is %x, not %s, %v", text, b, want, err)
		}
		if got, err := smstext.Decode(smstext.GSM7, b); err != nil || got != text {
			t.Errorf("%s is read as %q, %v", want, got, err)
		}
	}
	seen := map[string]bool{}
	for s := range byte(0x80) {
		if s == 0x1B {
			continue
		}
		text, err := smstext.Decode(smstext.GSM7, []byte{s})
		b, err2 := smstext.Encode(smstext.GSM7, text)
		if errors.Join(err, err2) != nil || len(b) != 1 || b[0] != s || seen[text] {
			t.Errorf("0x%02x gives %q, which gives %x, %v", s, text, b, errors.Join(err, err2))
		}
		seen[text] = true
	}
}

func TestGSM7RefusesWhatItLacks(t *testing.T) {
	t.Parallel()
	for text, at := range map[string]int{"ab短": 2, "ç": 0, "é\t": 2, "`": 0, "a\x1b": 1, "😀": 0, "Ͽ": 0, "Ѐ": 0} {
		_, err := smstext.Encode(smstext.GSM7, text)
		var c *smstext.CharError
		if !errors.As(err, &c) || c.At != at || c.Coding != smstext.GSM7 || !errors.Is(err, smstext.ErrEncoding) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, content := range []string{"80", "61ff", "1b", "611b", "1b80", "1bbc"} {
		b, _ := hex.DecodeString(content)
		if text, err := smstext.Decode(smstext.GSM7, b); !errors.Is(err, smstext.ErrEncoding) {
			t.Errorf("%s was read as %q, %v", content, text, err)
		}
	}
	// What the extension table leaves open is shown as the basic table has it, and
	// a second escape as a space.
	for content, want := range map[string]string{"1b61": "a", "1b1b": " ", "1b1b65": " e", "1b00": "@"} {
		b, _ := hex.DecodeString(content)
		if text, err := smstext.Decode(smstext.GSM7, b); err != nil || text != want {
			t.Errorf("%s is read as %q, %v", content, text, err)
		}
	}
}

func TestPackedSeptets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text   string
		fill   int
		packed string
	}{
		{"", 0, ""},
		{"A", 0, "41"},
		{"A", 1, "82"}, // after 050003 and its three bytes
		{"hellohello", 0, "e8329bfd4697d9ec37"},
		{"How are you?", 0, "c8f71d14969741f977fd07"},
		{"12345678", 0, "31d98c56b3dd70"}, // eight septets in seven octets
		{"€", 0, "9b32"},
	} {
		septets, err := smstext.Encode(smstext.GSM7, c.text)
		if err != nil {
			t.Fatal(err)
		}
		packed := smstext.PackGSM7(septets, c.fill)
		if hex.EncodeToString(packed) != c.packed {
			t.Errorf("%q is packed as %x, not %s", c.text, packed, c.packed)
		}
		back, err := smstext.UnpackGSM7(packed, c.fill, smstext.CountSeptets(packed, c.fill))
		if text, err2 := smstext.Decode(smstext.GSM7, back); errors.Join(err, err2) != nil || text != c.text {
			t.Errorf("%s is unpacked as %q, %v", c.packed, text, errors.Join(err, err2))
		}
	}
	for header, want := range map[int]int{0: 0, 6: 1, 7: 0, 3: 4, 5: 2, 8: 6, 12: 2} {
		if got := smstext.FillBits(header); got != want || (8*header+got)%7 != 0 {
			t.Errorf("%d bits after a header of %d octets", got, header)
		}
	}
	for _, c := range []struct{ octets, fill, n int }{{0, 0, 1}, {1, 0, 2}, {1, 2, 1}, {7, 0, 9}, {1, -1, 1}, {1, 7, 0}, {1, 0, -1}, {0, 3, 1}} {
		if got, err := smstext.UnpackGSM7(make([]byte, c.octets), c.fill, c.n); err == nil {
			t.Errorf("%+v gives %x", c, got)
		}
	}
	// 160 septets are 140 octets, 153 fit after a header of six and 152 after one of seven.
	for _, c := range []struct{ septets, header int }{{160, 0}, {153, 6}, {152, 7}} {
		if n := c.header + len(smstext.PackGSM7(make([]byte, c.septets), smstext.FillBits(c.header))); n != smstext.MaxContent {
			t.Errorf("%d septets after %d octets are %d", c.septets, c.header, n)
		}
	}
	if n := smstext.CountSeptets(smstext.PackGSM7([]byte(strings.Repeat("a", 7)), 0), 0); n != 7 {
		t.Errorf("the padding of seven septets was counted: %d", n)
	}
}

func TestUnpackUndoesPack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		septets := rapid.SliceOfN(rapid.ByteRange(0, 0x7F), 0, 170).Draw(t, "septets")
		fill := rapid.IntRange(0, 6).Draw(t, "fill")
		packed := smstext.PackGSM7(septets, fill)
		if len(packed) != (fill+7*len(septets)+7)/8 {
			t.Fatalf("%d octets", len(packed))
		}
		back, err := smstext.UnpackGSM7(packed, fill, len(septets))
		if err != nil || string(back) != string(septets) {
			t.Fatalf("%x became %x, %v", septets, back, err)
		}
		// The count is right but for a zero that may be padding, and for fill bits alone.
		n := smstext.CountSeptets(packed, fill)
		if n != len(septets) && (len(septets) == 0 || septets[len(septets)-1] != 0 || n != len(septets)-1) {
			t.Fatalf("%d septets counted in %x", n, packed)
		}
	})
}
