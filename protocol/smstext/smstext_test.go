package smstext_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/protocol/smstext"
)

func TestUnitsAndSegmentsAtTheirBoundaries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text            string
		units, segments int
		coding          smstext.Coding
	}{
		"short ascii":        {"code 1234", 1, 1, smstext.ASCII},
		"70 han":             {strings.Repeat("短", 70), 1, 1, smstext.UCS2},
		"71 han":             {strings.Repeat("短", 71), 2, 2, smstext.UCS2},
		"134 han":            {strings.Repeat("短", 134), 2, 2, smstext.UCS2},
		"135 han":            {strings.Repeat("短", 135), 3, 3, smstext.UCS2},
		"71 ascii":           {strings.Repeat("a", 71), 2, 2, smstext.UCS2},
		"35 emoji":           {strings.Repeat("😀", 35), 1, 1, smstext.UCS2},
		"36 emoji":           {strings.Repeat("😀", 36), 2, 2, smstext.UCS2},
		"pair over the cut":  {strings.Repeat("短", 66) + strings.Repeat("😀", 34), 2, 3, smstext.UCS2},
		"the most there are": {strings.Repeat("短", 670), 10, 10, smstext.UCS2},
	} {
		units, err := smstext.Units(c.text)
		parts, err2 := smstext.Split(c.text, 7)
		if errors.Join(err, err2) != nil || units != c.units || len(parts) != c.segments || parts[0].Coding != c.coding {
			t.Errorf("%s: %d units, %d segments, coding %v, %v", name, units, len(parts), parts, errors.Join(err, err2))
		}
	}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"empty": {"", smstext.ErrEmpty}, "bad utf-8": {"a\xffb", smstext.ErrEncoding}, "nul": {"a\x00", smstext.ErrEncoding},
		"too long": {strings.Repeat("短", 671), smstext.ErrLong}, "lone surrogate": {"a\xed\xa0\x80", smstext.ErrEncoding},
	} {
		if _, err := smstext.Split(c.text, 0); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSplitThenShuffledReassemblyGivesTheTextBack(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("短a信😀 1，【】𠮷")), 1, 300, -1).Draw(t, "text")
		parts, err := smstext.Split(text, uint8(rapid.IntRange(0, 255).Draw(t, "ref")))
		if err != nil {
			if errors.Is(err, smstext.ErrLong) {
				return
			}
			t.Fatal(err)
		}
		for _, p := range parts {
			if len(p.Content) > smstext.MaxContent {
				t.Fatalf("a part of %d bytes", len(p.Content))
			}
		}
		if len(parts) == 1 {
			if got, err := smstext.Decode(parts[0].Coding, parts[0].Content); err != nil || got != text {
				t.Fatalf("got %q, %v", got, err)
			}
			return
		}
		r := smstext.NewReassembler[string](4, time.Minute)
		var whole string
		for i, p := range rapid.Permutation(parts).Draw(t, "order") {
			u, body, err := smstext.ParseUDH(p.Content)
			if err != nil || u.Total != p.Total || u.Number != p.Number {
				t.Fatalf("%+v, %v", u, err)
			}
			all, err := r.Add("k", u, smstext.Body{Coding: p.Coding, Content: body}, now)
			if err != nil || (all != nil) != (i == len(parts)-1) {
				t.Fatalf("part %d gives %d parts, %v", i, len(all), err)
			}
			if all != nil {
				if whole, err = smstext.Text(all...); err != nil {
					t.Fatal(err)
				}
			}
		}
		if whole != text {
			t.Fatalf("got %q for %q", whole, text)
		}
	})
}

func TestDecodeRefusesWhatItsCodingLacks(t *testing.T) {
	t.Parallel()
	if s, err := smstext.Decode(smstext.GB, []byte{0xcd, 0xcb, 0xb6, 0xa9}); err != nil || s != "退订" {
		t.Errorf("%q, %v", s, err)
	}
	for name, c := range map[string]struct {
		coding  smstext.Coding
		content []byte
	}{
		"odd": {smstext.UCS2, []byte{1}}, "high alone": {smstext.UCS2, []byte{0xd8, 0}}, "low alone": {smstext.UCS2, []byte{0xdc, 0, 0, 0x41}},
		"high byte in ascii": {smstext.ASCII, []byte{0x80}}, "binary": {smstext.Binary, []byte("a")}, "too long": {smstext.ASCII, make([]byte, 65536)},
	} {
		if _, err := smstext.Decode(c.coding, c.content); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}
