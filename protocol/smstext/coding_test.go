package smstext_test

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/protocol/smstext"
)

func TestContentOfEveryCoding(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		coding  smstext.Coding
		text    string
		content string
	}{
		{smstext.ASCII, "Code 1", "436f64652031"},
		{smstext.Latin1, "é£ÿ", "e9a3ff"},
		{smstext.UCS2, "准信", "51c64fe1"},
		{smstext.UCS2, "a😀", "0061d83dde00"},
		{smstext.Flash, "准", "51c6"},
		{smstext.GB, "退订T", "cdcbb6a954"},
		{smstext.GB, "€", "a2e3"},
		{smstext.GB, "À", "81308638"},
		{smstext.GB, "😀", "9439fc36"}, // beyond GBK: four bytes
		{smstext.GSM7, "@€", "001b65"},
	} {
		b, err := smstext.Encode(c.coding, c.text)
		if err != nil || hex.EncodeToString(b) != c.content {
			t.Errorf("%s: %q is %x, %v", c.coding, c.text, b, err)
		}
		b, _ = hex.DecodeString(c.content)
		if text, err := smstext.Decode(c.coding, b); err != nil || text != c.text {
			t.Errorf("%s: %s is %q, %v", c.coding, c.content, text, err)
		}
	}
	for _, c := range []struct {
		content string
		want    string
	}{{"feff51c6", "准"}, {"fffec651", "准"}, {"fffe3dd800de", "😀"}, {"feff", ""}, {"51c6feff", "准\ufeff"}} {
		b, _ := hex.DecodeString(c.content)
		if text, err := smstext.Decode(smstext.UCS2, b); err != nil || text != c.want {
			t.Errorf("%s is %q, %v", c.content, text, err)
		}
	}
}

func TestEncodeRefusesWhatItsCodingLacks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		coding smstext.Coding
		text   string
		want   error
	}{
		{smstext.ASCII, "é", smstext.ErrEncoding},
		{smstext.Latin1, "Ā", smstext.ErrEncoding},
		{smstext.UCS2, "\xff", smstext.ErrEncoding},
		{smstext.Binary, "a", smstext.ErrNoText},
		{smstext.SIM, "a", smstext.ErrNoText},
		{0x7F, "a", smstext.ErrNoText},
	} {
		if b, err := smstext.Encode(c.coding, c.text); !errors.Is(err, c.want) {
			t.Errorf("%s of %q: %x, %v", c.coding, c.text, b, err)
		}
	}
	for _, c := range []smstext.Coding{smstext.Binary, smstext.SIM, 1, 255, 0x101} {
		if text, err := smstext.Decode(c, []byte("a")); !errors.Is(err, smstext.ErrNoText) {
			t.Errorf("%s was read as %q, %v", c, text, err)
		}
	}
	if _, err := smstext.Decode(smstext.Binary, nil); err == nil || err.Error() != "data coding 4 (binary) carries no text" {
		t.Errorf("binary: %v", err)
	}
}

func TestErrorsNameTheCoding(t *testing.T) {
	t.Parallel()
	for c, want := range map[smstext.Coding]string{
		smstext.ASCII: "ASCII", smstext.Latin1: "Latin-1", smstext.GSM7: "GSM 7-bit",
	} {
		if _, err := smstext.Encode(c, "a短"); err == nil || err.Error() != want+" has no '短', which stands at byte 1 of the text" {
			t.Error(err)
		}
	}
	for c, want := range map[smstext.Coding]string{
		smstext.SIM: "SIM", smstext.Binary: "binary", smstext.UCS2: "UCS2", smstext.GB: "GB18030", smstext.Flash: "UCS2 flash", 7: "coding 7",
	} {
		if c.String() != want {
			t.Errorf("%d is named %s", c, c)
		}
	}
}

// GB18030 and UCS2 hold every character there is, but for private ones that are
// refused and not changed.
func TestEveryCharacterOfUnicode(t *testing.T) {
	t.Parallel()
	for _, c := range []smstext.Coding{smstext.UCS2, smstext.GB} {
		var b strings.Builder
		for r := rune(1); r <= utf8.MaxRune; r++ {
			if c == smstext.GB && r >= 0xE000 && r < 0xE865 {
				checkPrivate(t, string(r))
				continue
			}
			if utf8.ValidRune(r) && r != utf8.RuneError && r != 0xFEFF {
				b.WriteRune(r)
			}
			if b.Len() < 60 && r < utf8.MaxRune {
				continue
			}
			content, err := smstext.Encode(c, b.String())
			got, err2 := smstext.Decode(c, content)
			if errors.Join(err, err2) != nil || got != b.String() {
				t.Fatalf("%s: %q became %q, %v", c, b.String(), got, errors.Join(err, err2))
			}
			b.Reset()
		}
	}
}

func checkPrivate(t *testing.T, char string) {
	t.Helper()
	content, err := smstext.Encode(smstext.GB, char)
	if err != nil {
		parts, err2 := smstext.SplitWith(char, 0, smstext.Options{Alphabet: smstext.GBOnly})
		if !errors.Is(err, smstext.ErrEncoding) || err2 != nil || parts[0].Coding != smstext.UCS2 {
			t.Errorf("%q: %v; %+v, %v", char, err, parts, err2)
		}
		return
	}
	if got, err := smstext.Decode(smstext.GB, content); err != nil || got != char {
		t.Errorf("%q became %q, %v", char, got, err)
	}
}

// Senders cut where they like: within a pair, an escape, a character of GB18030.
func TestTextOfPartsCutAnywhere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		coding := rapid.SampledFrom([]smstext.Coding{smstext.UCS2, smstext.GB, smstext.GSM7, smstext.Flash}).Draw(t, "coding")
		text := rapid.StringOfN(rapid.SampledFrom(charsOf(coding)), 1, 200, -1).Draw(t, "text")
		content, err := smstext.Encode(coding, text)
		if err != nil {
			t.Fatal(err)
		}
		var parts []smstext.Body
		for len(content) > 0 {
			n := rapid.IntRange(1, len(content)).Draw(t, "cut")
			parts = append(parts, smstext.Body{Coding: coding, Content: content[:n]})
			content = content[n:]
		}
		if got, err := smstext.Text(parts...); err != nil || got != text {
			t.Fatalf("%q of %d parts is %q, %v", text, len(parts), got, err)
		}
	})
}

func charsOf(c smstext.Coding) []rune {
	if c == smstext.GSM7 {
		return []rune("ab @Ω€[]^\n")
	}
	return []rune("短a信😀 1，【】𠮷üÀ")
}

func TestTextOfPartsThatDiffer(t *testing.T) {
	t.Parallel()
	got, err := smstext.Text(
		smstext.Body{Coding: smstext.ASCII, Content: []byte("code ")}, smstext.Body{Coding: smstext.UCS2, Content: []byte{0x51, 0xC6}},
		smstext.Body{Coding: smstext.ASCII, Content: []byte("!")},
	)
	if err != nil || got != "code 准!" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := smstext.Text(); err != nil || got != "" {
		t.Errorf("of nothing: %q, %v", got, err)
	}
	// A message_payload is longer than any short_message.
	long := smstext.Body{Coding: smstext.ASCII, Content: slices.Repeat([]byte("a"), 1000)}
	if got, err := smstext.Text(long); err != nil || len(got) != 1000 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := smstext.Text(slices.Repeat([]smstext.Body{long}, 66)...); err == nil {
		t.Error("there is no bound")
	}
	for name, parts := range map[string][]smstext.Body{
		"pair cut between codings": {{smstext.UCS2, []byte{0xD8, 0x3D}}, {smstext.Flash, []byte{0xDE, 0}}},
		"binary":                   {{smstext.ASCII, []byte("a")}, {smstext.Binary, []byte("a")}},
		"escape at the end":        {{smstext.GSM7, []byte("a")}, {smstext.GSM7, []byte{0x1B}}},
	} {
		if got, err := smstext.Text(parts...); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}
