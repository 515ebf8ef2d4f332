package smstext_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/protocol/smstext"
)

func ascii(s string) smstext.Body {
	return smstext.Body{Coding: smstext.ASCII, Content: []byte(s)}
}

func TestPlaceOfAPart(t *testing.T) {
	t.Parallel()
	sar := smstext.UDH{Ref: 0x1234, Total: 3, Number: 2}
	for name, c := range map[string]struct {
		content string
		udhi    bool
		sar     smstext.UDH
		want    smstext.UDH
		body    string
	}{
		"alone":                {"ab", false, smstext.UDH{}, smstext.UDH{}, "ab"},
		"8 bits":               {"\x05\x00\x03\x07\x02\x01ab", true, smstext.UDH{}, smstext.UDH{Ref: 7, Total: 2, Number: 1}, "ab"},
		"16 bits":              {"\x06\x08\x04\x12\x34\x02\x01ab", true, smstext.UDH{}, smstext.UDH{Ref: 0x1234, Total: 2, Number: 1}, "ab"},
		"behind ports":         {"\x0b\x05\x04\x0b\x84\x0b\x84\x00\x03\x07\x02\x02ab", true, smstext.UDH{}, smstext.UDH{Ref: 7, Total: 2, Number: 2}, "ab"},
		"SAR":                  {"ab", false, sar, sar, "ab"},
		"SAR beside ports":     {"\x06\x05\x04\x0b\x84\x0b\x84ab", true, sar, sar, "ab"},
		"the header before it": {"\x05\x00\x03\x07\x02\x01ab", true, sar, smstext.UDH{Ref: 7, Total: 2, Number: 1}, "ab"},
		"without the flag":     {"\x05\x00\x03\x07\x02\x01ab", false, smstext.UDH{}, smstext.UDH{}, "\x05\x00\x03\x07\x02\x01ab"},
		"one of one":           {"\x05\x00\x03\x07\x01\x01ab", true, smstext.UDH{}, smstext.UDH{Ref: 7, Total: 1, Number: 1}, "ab"},
	} {
		at, body, err := smstext.Place([]byte(c.content), c.udhi, c.sar)
		if err != nil || at != c.want || string(body) != c.body {
			t.Errorf("%s: %+v, %q, %v", name, at, body, err)
		}
	}
	for name, c := range map[string]struct {
		content string
		udhi    bool
		sar     smstext.UDH
		want    error
	}{
		"no header at all":    {"", true, smstext.UDH{}, smstext.ErrHeader},
		"too long a header":   {"\x05\x00\x03", true, sar, smstext.ErrHeader},
		"element cut short":   {"\x02\x00\x03a", true, smstext.UDH{}, smstext.ErrHeader},
		"number 0":            {"\x05\x00\x03\x07\x02\x00", true, smstext.UDH{}, smstext.ErrNoPart},
		"number above":        {"\x05\x00\x03\x07\x02\x03", true, sar, smstext.ErrNoPart},
		"SAR without a total": {"ab", false, smstext.UDH{Number: 1}, smstext.ErrNoPart},
		"SAR number above":    {"ab", false, smstext.UDH{Total: 1, Number: 2}, smstext.ErrNoPart},
		"SAR number 0":        {"ab", false, smstext.UDH{Total: 2}, smstext.ErrNoPart},
	} {
		if at, body, err := smstext.Place([]byte(c.content), c.udhi, c.sar); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %q, %v", name, at, body, err)
		}
	}
}

func TestAssembly(t *testing.T) {
	t.Parallel()
	var a smstext.Assembly
	if a.Parts() != nil || a.Missing() != nil {
		t.Error("there is something in nothing")
	}
	content := []byte("second")
	if done, err := a.Add(smstext.UDH{Ref: 7, Total: 3, Number: 2}, smstext.Body{Content: content}); done || err != nil {
		t.Fatal(done, err)
	}
	content[0] = 'S' // the reader's buffer goes on
	for name, c := range map[string]struct {
		at   smstext.UDH
		b    smstext.Body
		want error
	}{
		"other content":   {smstext.UDH{Ref: 7, Total: 3, Number: 2}, ascii("other"), smstext.ErrContradiction},
		"other coding":    {smstext.UDH{Ref: 7, Total: 3, Number: 2}, smstext.Body{Coding: smstext.GB, Content: []byte("second")}, smstext.ErrContradiction},
		"other total":     {smstext.UDH{Ref: 7, Total: 2, Number: 1}, ascii("a"), smstext.ErrContradiction},
		"larger total":    {smstext.UDH{Ref: 7, Total: 255, Number: 255}, ascii("a"), smstext.ErrContradiction},
		"other reference": {smstext.UDH{Ref: 8, Total: 3, Number: 1}, ascii("a"), smstext.ErrContradiction},
		"number 0":        {smstext.UDH{Ref: 7, Total: 3}, ascii("a"), smstext.ErrNoPart},
		"number above":    {smstext.UDH{Ref: 7, Total: 3, Number: 4}, ascii("a"), smstext.ErrNoPart},
		"no total":        {smstext.UDH{Ref: 7}, ascii("a"), smstext.ErrNoPart},
	} {
		if done, err := a.Add(c.at, c.b); done || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v", name, done, err)
		}
	}
	if _, err := a.Add(smstext.UDH{Ref: 7, Total: 3, Number: 1}, ascii(string(make([]byte, 255)))); err == nil {
		t.Error("there is no bound")
	}
	if got := a.Missing(); !slices.Equal(got, []uint8{1, 3}) || a.Parts() != nil {
		t.Errorf("%v lack", got)
	}
	for _, c := range []struct {
		number uint8
		text   string
		done   bool
	}{{2, "second", false}, {3, "", false}, {3, "", false}, {1, "first ", true}, {2, "second", true}} {
		if done, err := a.Add(smstext.UDH{Ref: 7, Total: 3, Number: c.number}, ascii(c.text)); done != c.done || err != nil {
			t.Errorf("%+v: %v, %v", c, done, err)
		}
	}
	if text, err := smstext.Text(a.Parts()...); err != nil || text != "first second" || a.Missing() != nil {
		t.Errorf("%q, %v", text, err)
	}
}

// Whatever comes, in whatever order: it is whole when each number came, repetitions
// change nothing, and contradictions are told and change nothing.
func TestAssemblyAgainstAModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var a smstext.Assembly
		model, total := map[uint8]string{}, uint8(0)
		for range rapid.IntRange(1, 30).Draw(t, "parts") {
			at := smstext.UDH{
				Ref:    rapid.SampledFrom([]uint16{1, 1, 1, 1, 2}).Draw(t, "ref"),
				Total:  rapid.SampledFrom([]uint8{3, 3, 3, 3, 2, 0}).Draw(t, "total"),
				Number: rapid.Uint8Range(0, 4).Draw(t, "number"),
			}
			if len(model) == 0 {
				at.Ref = 1
			}
			text := rapid.SampledFrom([]string{"a", "a", "b", ""}).Draw(t, "text")
			done, err := a.Add(at, ascii(text))
			had, have := model[at.Number]
			switch {
			case at.Number < 1 || at.Number > at.Total:
				if !errors.Is(err, smstext.ErrNoPart) {
					t.Fatalf("%+v: %v", at, err)
				}
			case total != 0 && (at.Total != total || at.Ref != 1) || have && had != text:
				if !errors.Is(err, smstext.ErrContradiction) {
					t.Fatalf("%+v: %v", at, err)
				}
			default:
				total, model[at.Number] = at.Total, text
				if err != nil || done != (len(model) == int(total)) {
					t.Fatalf("%+v: %v, %v", at, done, err)
				}
			}
			if total != 0 && len(a.Missing()) != int(total)-len(model) {
				t.Fatalf("%v lack, %v are there", a.Missing(), model)
			}
		}
		for i, b := range a.Parts() {
			if string(b.Content) != model[uint8(i+1)] {
				t.Fatalf("part %d is %q", i+1, b.Content)
			}
		}
	})
}

func TestReassemblerIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	r := smstext.NewReassembler[int](2, time.Minute)
	u := smstext.UDH{Ref: 1, Total: 2, Number: 1}
	for i := range 2 {
		if _, err := r.Add(i, u, ascii("a"), now); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Add(2, u, ascii("a"), now); !errors.Is(err, smstext.ErrFull) {
		t.Errorf("a third set: %v", err)
	}
	if gone := r.Expire(now.Add(2 * time.Minute)); len(gone) != 2 {
		t.Errorf("%d expired", len(gone))
	}
	if _, err := r.Add(2, u, ascii("a"), now); err != nil {
		t.Error(err)
	}
	if all, err := r.Add(2, u, ascii("b"), now); err != nil || all != nil {
		t.Error("a repeated part completed a message")
	}
	if _, err := r.Add(3, smstext.UDH{Total: 2}, ascii("b"), now); !errors.Is(err, smstext.ErrNoPart) {
		t.Error(err)
	}
	if _, err := r.Add(3, u, ascii(string(make([]byte, 255))), now); err == nil {
		t.Error("a part has no bound")
	}
}

func TestReassemblerBeginsAnew(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	part := func(n uint8) smstext.UDH { return smstext.UDH{Ref: 1, Total: 3, Number: n} }
	type step struct {
		at   smstext.UDH
		text string
		wait time.Duration
		want string
	}
	for name, steps := range map[string][]step{
		"in any order":     {{part(3), "c", 0, ""}, {part(1), "a", 0, ""}, {part(2), "b", 0, "abc"}},
		"sent again":       {{part(1), "a", 0, ""}, {part(2), "b", 0, ""}, {part(1), "a", 0, ""}, {part(3), "c", 0, "abc"}},
		"reference reused": {{part(1), "a", 0, ""}, {part(2), "b", 0, ""}, {part(1), "A", 0, ""}, {part(3), "C", 0, ""}, {part(2), "B", 0, "ABC"}},
		"too old":          {{part(1), "a", 0, ""}, {part(2), "b", 2 * time.Minute, ""}, {part(3), "c", 0, ""}, {part(1), "A", 0, "Abc"}},
		"another total":    {{part(1), "a", 0, ""}, {smstext.UDH{Ref: 1, Total: 1, Number: 1}, "z", 0, "z"}},
		"a second one": {
			{part(1), "a", 0, ""}, {part(2), "b", 0, ""}, {part(3), "c", 0, "abc"}, {part(1), "a", 0, ""}, {part(3), "c", 0, ""}, {part(2), "b", 0, "abc"},
		},
		"whole, then again": {{smstext.UDH{Total: 1, Number: 1}, "z", 0, "z"}, {smstext.UDH{Total: 1, Number: 1}, "z", 0, "z"}},
	} {
		r, at := smstext.NewReassembler[string](1, time.Minute), now
		for i, s := range steps {
			at = at.Add(s.wait)
			all, err := r.Add("k", s.at, ascii(s.text), at)
			if err != nil {
				t.Fatal(name, err)
			}
			if text, err := smstext.Text(all...); err != nil || text != s.want {
				t.Errorf("%s: step %d gives %q, %v", name, i, text, err)
			}
		}
	}
}

// stored is a part as a database keeps it, sealed.
type stored struct {
	id int
	at smstext.UDH
}

func TestWholeTakesTheOldestOfEach(t *testing.T) {
	t.Parallel()
	of := func(total uint8, numbers ...uint8) (out []stored) {
		for i, n := range numbers {
			out = append(out, stored{i + 1, smstext.UDH{Total: total, Number: n}})
		}
		return out
	}
	for name, c := range map[string]struct {
		parts []stored
		want  []int
	}{
		"nothing":       {nil, nil},
		"one lacks":     {of(3, 1, 3), nil},
		"any order":     {of(3, 2, 3, 1), []int{3, 1, 2}},
		"twice":         {of(2, 1, 1, 2), []int{1, 3}},
		"two messages":  {of(2, 1, 2, 2, 1), []int{1, 2}},
		"another total": {append(of(2, 1, 2), stored{9, smstext.UDH{Total: 3, Number: 3}}), []int{1, 2}},
		"no such part":  {of(2, 1, 0, 3, 2), []int{1, 4}},
		"no total":      {of(0, 0), nil},
	} {
		var got []int
		for _, p := range smstext.Whole(c.parts, func(p stored) smstext.UDH { return p.at }) {
			got = append(got, p.id)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
