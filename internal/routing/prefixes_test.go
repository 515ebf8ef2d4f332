package routing

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// carried reads the file by itself: what each prefix has in it.
func carried(t *testing.T) map[string]sms.Carrier {
	t.Helper()
	in := csv.NewReader(bytes.NewReader(prefixData))
	in.Comment = '#'
	rows, err := in.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]sms.Carrier{}
	for _, r := range rows[1:] {
		m[r[0]] = sms.Carrier(r[1])
	}
	return m
}

// Every beginning of a mainland number goes where the file says by its longest prefix, and
// to China Mobile if it says nothing, whose gateway answers for numbers that are not its own.
func TestEveryPrefixGoesToItsCarrier(t *testing.T) {
	t.Parallel()
	file, unknown := carried(t), 0
	for four := 1300; four < 2000; four++ {
		p := fmt.Sprint(four)
		n, err := sms.ParseMSISDN(p + "1234567")
		if err != nil {
			t.Fatal(err)
		}
		want, ok := file[p]
		if !ok {
			want, ok = file[p[:3]]
		}
		if !ok {
			want = sms.Mobile
			unknown++
		}
		if got := CarrierOf(n); got != want {
			t.Errorf("%s: got %s, want %s", p, got, want)
		}
	}
	if unknown != 138 {
		t.Errorf("%d beginnings are unknown", unknown)
	}
}

// A line that is lost or gained by mistake is noticed.
func TestPrefixesOfEachCarrier(t *testing.T) {
	t.Parallel()
	m, err := readPrefixes(prefixData)
	if err != nil {
		t.Fatal(err)
	}
	got := map[sms.Carrier]int{}
	for _, c := range m {
		got[c]++
	}
	want := map[sms.Carrier]int{sms.Mobile: 29, sms.Unicom: 19, sms.Telecom: 19, sms.Broadnet: 1}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWrongPrefixesAreRefused(t *testing.T) {
	t.Parallel()
	const head = "prefix,carrier,source,date\n"
	if m, err := readPrefixes([]byte(head + "134,mobile,a list,2026-11\n1349,telecom,a list,2026-11\n")); err != nil || len(m) != 2 {
		t.Errorf("%v, %v", m, err)
	}
	for table, want := range map[string]string{
		head + "134,mobile,a list,2026-11\n134,telecom,a list,2026-11\n": "under mobile and under telecom",
		head + "134,mobile,a list,2026-11\n134,mobile,a list,2026-11\n":  "under mobile and under mobile",
		head + "134,airmail,a list,2026-11\n":                            "airmail",
		head + "134,international,a list,2026-11\n":                      "of the mainland",
		head + "13,mobile,a list,2026-11\n":                              "digits",
		head + "13400,mobile,a list,2026-11\n":                           "digits",
		head + "1x4,mobile,a list,2026-11\n":                             "digits",
		head + "124,mobile,a list,2026-11\n":                             "digits",
		head + "234,mobile,a list,2026-11\n":                             "digits",
		head + "134,mobile, ,2026-11\n":                                  "no source",
		head + "134,mobile,a list,\n":                                    "no year",
		head + "134,mobile,a list,2026-13\n":                             "no year",
		head + "134,mobile,a list\n":                                     "fields",
		"134,mobile,a list,2026-11\n":                                    "first line",
		"":                                                               "first line",
	} {
		if _, err := readPrefixes([]byte(table)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", table, err)
		}
	}
}

func BenchmarkCarrierOf(b *testing.B) {
	n, err := sms.ParseMSISDN("18600001234")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		CarrierOf(n)
	}
}
