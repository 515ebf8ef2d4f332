package vendorcode

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/registry"
)

func table(t *testing.T) *Table {
	t.Helper()
	table, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Every state and every number that a protocol's document has is in the table.
func TestEveryDocumentedCodeHasItsMeaning(t *testing.T) {
	codes := map[string][]string{
		"cmpp30": {
			"DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "UNKNOWN", "REJECTD", "ACCEPTD",
			"MA:0001", "MB:0001", "MC:0001", "CA:0001", "CB:9999", "DA:0001", "DB:9999", "SA:0001", "SB:0001", "IA:0001", "IB:0001", "IC:0001",
		},
		"sgip12": {"DELIVRD", "ACCEPTD", "UNDELIV"},
		"smgp30": {
			"DELIVRD", "EXPIRED:001", "EXPIRED:002", "EXPIRED:007", "UNDELIV:003", "UNDELIV:004", "UNDELIV:005", "UNDELIV:006", "UNDELIV:008", "UNDELIV:009",
			"UNDELIV:010", "UNKNOWN:999", "DELETED", "ACCEPTD", "REJECTD",
		},
		"smpp34": {"ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD"},
	}
	for i := 21; i <= 33; i++ {
		codes["sgip12"] = append(codes["sgip12"], fmt.Sprintf("UNDELIV:%03d", i))
	}
	results := map[string][]int64{
		"cmpp30": span(1, 13), "cmpp20": span(1, 9), "sgip12": append(span(1, 11), 88),
		"smgp30": append(append([]int64{1, 2, 10, 11, 12, 20, 21, 22}, span(30, 49)...), span(56, 76)...),
		"smpp34": {1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 17, 19, 20, 21, 51, 52, 64, 66, 67, 68, 69, 72, 73, 80, 81, 83, 84, 85, 88, 97, 98, 99, 100, 101, 102, 103, 192, 193, 194, 195, 196, 254, 255},
	}
	x := table(t)
	for protocol, list := range codes {
		for _, code := range list {
			if m, ok := x.find(&registry.Channel{Protocol: protocol}, onReport, code); !ok {
				t.Errorf("%s %s: %+v", protocol, code, m)
			}
		}
	}
	for protocol, list := range results {
		for _, code := range list {
			if m := x.Result(&registry.Channel{Protocol: protocol}, code, ""); m == unknown {
				t.Errorf("%s answers %d: nothing says what it means", protocol, code)
			}
		}
	}
}

func span(from, to int64) (out []int64) {
	for i := from; i <= to; i++ {
		out = append(out, i)
	}
	return out
}

func TestMeanings(t *testing.T) {
	x := table(t)
	own := registry.ChannelOptions{Codes: []registry.ChannelCode{
		{Code: "DB:0102", Class: "temporary", Zh: "甲", En: "A"},
		{Code: "IB:*", Class: "blocked", Zh: "乙", En: "B"},
		{Code: "IB:00*", Class: "content", Zh: "丙", En: "C"},
		{Code: "8", On: "result", Class: "frequency", Zh: "丁", En: "D"},
	}}
	for name, c := range map[string]struct {
		got  Meaning
		want Class
	}{
		"exact before its beginning":          {x.Report(&registry.Channel{Protocol: "cmpp30"}, "DB:0102"), Number},
		"a beginning":                         {x.Report(&registry.Channel{Protocol: "cmpp20"}, "DB:0777"), Carrier},
		"a state with a number nobody knows":  {x.Report(&registry.Channel{Protocol: "sgip12"}, "UNDELIV:099"), Unknown},
		"an expiry with a network's code":     {x.Report(&registry.Channel{Protocol: "smpp34"}, "EXPIRED:17"), Temporary},
		"SGIP: out of reach":                  {x.Report(&registry.Channel{Protocol: "sgip12"}, "UNDELIV:025"), Temporary},
		"SMGP: blacklist":                     {x.Report(&registry.Channel{Protocol: "smgp13"}, "UNDELIV:005"), Blocked},
		"not another protocol's":              {x.Report(&registry.Channel{Protocol: "smpp34"}, "DB:0102"), Unknown},
		"nobody's":                            {x.Report(&registry.Channel{Protocol: "cmpp30"}, "ZZZZZZZ"), Unknown},
		"nothing":                             {x.Report(&registry.Channel{Protocol: "cmpp30"}, ""), Unknown},
		"a vendor's answer":                   {x.Result(&registry.Channel{Protocol: "cmpp30"}, 133, ""), Unknown},
		"over speed":                          {x.Result(&registry.Channel{Protocol: "cmpp30"}, 8, ""), Temporary},
		"the channel's own":                   {x.Report(&registry.Channel{Protocol: "cmpp30", Options: own}, "DB:0102"), Temporary},
		"the channel's beginning goes before": {x.Report(&registry.Channel{Protocol: "cmpp30", Options: own}, "IB:8888"), Blocked},
		"the longest of them":                 {x.Report(&registry.Channel{Protocol: "cmpp30", Options: own}, "IB:0008"), Content},
		"the channel's own answer":            {x.Result(&registry.Channel{Protocol: "cmpp30", Options: own}, 8, ""), Frequency},
		"an answer's code is not a status":    {x.Report(&registry.Channel{Protocol: "cmpp30", Options: own}, "8"), Unknown},
	} {
		if c.got.Class != c.want || c.got.Zh == "" || c.got.En == "" {
			t.Errorf("%s: %+v, want %s", name, c.got, c.want)
		}
	}
}

func TestBadTables(t *testing.T) {
	const good = "- {protocol: cmpp, on: report, code: A, class: number, source: spec, zh: 一, en: one}\n"
	for name, text := range map[string]string{
		"twice":                 good + good,
		"one language":          strings.Replace(good, "一", `""`, 1),
		"no source":             strings.Replace(good, "spec", `""`, 1),
		"a class nobody knows":  strings.Replace(good, "number", "other", 1),
		"a protocol that isn't": strings.Replace(good, "cmpp", "ftp", 1),
		"an unknown field":      strings.Replace(good, "zh:", "cn:", 1),
	} {
		if _, err := parse([]byte(text)); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	if _, err := parse([]byte(good)); err != nil {
		t.Error(err)
	}
}

func TestCheckOfAChannelsList(t *testing.T) {
	for name, list := range map[string][]registry.ChannelCode{
		"twice":                {{Code: "A"}, {Code: "A", On: "report"}},
		"a star in the middle": {{Code: "A*B"}},
		"everything":           {{Code: "*"}},
		"an answer of letters": {{Code: "A", On: "result"}},
	} {
		if Check(&registry.Channel{Protocol: "cmpp30", Options: registry.ChannelOptions{Codes: list}}) == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	if err := Check(&registry.Channel{Protocol: "cmpp30", Options: registry.ChannelOptions{Codes: []registry.ChannelCode{{Code: "8"}, {Code: "8", On: "result"}, {Code: "A*"}}}}); err != nil {
		t.Error(err)
	}
	if err := Check(&registry.Channel{Protocol: "http", Options: registry.ChannelOptions{Codes: []registry.ChannelCode{{Code: "isv.ANY", On: "result"}}}}); err != nil {
		t.Error("an HTTP upstream answers in words:", err)
	}
}
