package routing

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/sms"
)

func number(t testing.TB, s string) sms.MSISDN {
	t.Helper()
	n, err := sms.ParseMSISDN(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The table that the program carries knows where segments belong, says where that is from, and
// knows nothing of numbers abroad.
func TestBuiltinSegments(t *testing.T) {
	t.Parallel()
	s, err := BuiltinSegments()
	if err != nil {
		t.Fatal(err)
	}
	if s.Source == "" || s.Date == "" || s.Known() != 499_527 {
		t.Errorf("%d of %q, %q", s.Known(), s.Source, s.Date)
	}
	for n, want := range map[string]sms.Province{"13000000001": "37", "13910000000": "11", "13818000000": "31", "13600000000": "44", "+85260000000": "", "+14155550100": ""} {
		if got := s.Province(number(t, n)); got != want {
			t.Errorf("%s: %q, not %q", n, got, want)
		}
	}
}

// A list is read whole or not at all, and each line that is wrong is named.
func TestSegmentListsAreReadWhole(t *testing.T) {
	t.Parallel()
	s, err := ReadSegments(strings.NewReader("\ufeff号段,省份\r\n1300000,山东,济南\r\n\r\n\"1300001\",\"44\"\n1999999,内蒙古自治区\n1300000,37\n"), "a test", "2026-11")
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[string]sms.Province{"13000000001": "37", "13000010001": "44", "19999990001": "15", "13000020001": ""} {
		if got := s.Province(number(t, n)); got != want {
			t.Errorf("%s: %q, not %q", n, got, want)
		}
	}
	for list, want := range map[string]string{
		"":                            "no line",
		"segment,province\n":          "no line",
		"1300000,山东\n1300000,广东":      "line 2: segment 1300000 stands twice",
		"1300000,山东\n130000,广东":       "line 2",
		"1300000,山东\n12999999,广东":     "line 2",
		"1300000,山东\n1299999,广东":      "line 2",
		"1300000,山东\n2000000,广东":      "line 2",
		"1300000,香港":                  "line 1",
		"1300000":                     "line 1",
		"1300000,山东\nhead,again\n1,2": "line 3",
	} {
		if _, err := ReadSegments(strings.NewReader(list), "a test", "2026-11"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", list, err)
		}
	}
	for _, head := range [][2]string{{"", "2026"}, {"a", ""}, {"a\nb", "2026"}, {strings.Repeat("a", 201), "2026"}} {
		if _, err := ReadSegments(strings.NewReader("1300000,山东"), head[0], head[1]); err == nil {
			t.Errorf("%q is taken", head)
		}
	}
}

// phoneDat writes what ReadPhoneDat reads.
func phoneDat(segments map[uint32]string) []byte {
	records, index := []byte("2311\x00\x00\x00\x00"), []byte(nil)
	for segment, record := range segments {
		index = binary.LittleEndian.AppendUint32(index, segment)
		index = append(binary.LittleEndian.AppendUint32(index, uint32(len(records))), 2)
		records = append(records, record+"\x00"...)
	}
	binary.LittleEndian.PutUint32(records[4:], uint32(len(records)))
	return append(records, index...)
}

func TestPhoneDat(t *testing.T) {
	t.Parallel()
	s, err := ReadPhoneDat(phoneDat(map[uint32]string{1300000: "山东|济南|250000|0531", 1300001: "广东|广州|510000|020"}), "a test", "2026")
	if err != nil || s.Known() != 2 || s.Province(number(t, "13000010001")) != "44" {
		t.Fatalf("%+v, %v", s, err)
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "a head": []byte("2311\x08\x00\x00"), "an index behind its end": []byte("2311\xff\x00\x00\x00"),
		"half an entry": append(phoneDat(map[uint32]string{1300000: "山东|"}), 1), "no province": phoneDat(map[uint32]string{1300000: "somewhere|"}),
		"no segment": phoneDat(map[uint32]string{13: "山东|"}),
	} {
		if _, err := ReadPhoneDat(b, "a test", "2026"); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// A table that was written is read as it was.
func TestSegmentTablesComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := &Segments{Source: rapid.StringMatching(`[a-z ]{1,20}`).Draw(t, "source"), Date: "2026-11", of: make([]byte, numSegments)}
		for range rapid.IntRange(0, 50).Draw(t, "runs") {
			from, p := rapid.IntRange(0, numSegments-1).Draw(t, "from"), rapid.IntRange(0, 31).Draw(t, "province")
			for i := from; i < min(numSegments, from+rapid.IntRange(1, 1000).Draw(t, "length")); i++ {
				s.of[i] = byte(p)
			}
		}
		b, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeSegments(b)
		if err != nil || again.Source != s.Source || again.Date != s.Date || !bytes.Equal(again.of, s.of) {
			t.Fatalf("%v", err)
		}
		if _, err := DecodeSegments(b[:len(b)-1]); err == nil {
			t.Fatal("half a table is taken")
		}
	})
}

func FuzzSegments(f *testing.F) {
	f.Add([]byte("1300000,山东\n"))
	f.Add(phoneDat(map[uint32]string{1300000: "山东|济南"}))
	f.Add(segmentData)
	f.Fuzz(func(t *testing.T, b []byte) {
		var list []*Segments
		if s, err := ReadSegments(bytes.NewReader(b), "a", "b"); err == nil {
			list = append(list, s)
		}
		if s, err := ReadPhoneDat(b, "a", "b"); err == nil {
			list = append(list, s)
		}
		if s, err := DecodeSegments(b); err == nil {
			list = append(list, s)
		}
		for _, s := range list {
			if s.Province(number(t, "19999999999")); len(s.of) != numSegments {
				t.Errorf("%d segments", len(s.of))
			}
		}
	})
}

func BenchmarkProvince(b *testing.B) {
	s, err := BuiltinSegments()
	if err != nil {
		b.Fatal(err)
	}
	n := number(b, "13600000000")
	b.ReportAllocs()
	for b.Loop() {
		s.Province(n)
	}
}
