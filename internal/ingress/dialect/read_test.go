package dialect

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/zhunxin/zhunxin/internal/strictjson"
	"github.com/zhunxin/zhunxin/protocol/websign"
)

// What two readers could read in two ways is refused, and says why.
func TestJSONIsReadInOneWay(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + `"1"` + strings.Repeat("}", n) }
	for text, want := range map[string]string{
		`{"code":"246810"}`:                 "",
		`{"a":"\ud83d\ude00","b":"\u4e2d"}`: "",
		`{"a":"\\ud83d"}`:                   "",
		`{"a":{"b":"1"},"b":"2"}`:           "",
		`{"a":"b","c":["a","a"]}`:           "",
		deep(strictjson.MaxDepth):           "",
		deep(strictjson.MaxDepth + 1):       "deep",
		deep(200_000):                       "deep",
		strings.Repeat("[", 1<<20):          "deep",
		`{"a":"1","a":"2"}`:                 "twice",
		`{"code":"1","Code" : "2"}`:         "twice",
		`{"a":"1","\u0061":"2"}`:            "twice",
		`{"a":"\ud83d"}`:                    "surrogate",
		`{"a":"\ude00\ud83d"}`:              "surrogate",
		`{"a":"\ud83d\ud83d"}`:              "surrogate",
		`{"\udc00":"1"}`:                    "surrogate",
		"{\"a\":\"\xff\"}":                  "UTF-8",
		"{\"a\":\"\xed\xa0\xbd\"}":          "UTF-8",
		`{"a":"1"}{}`:                       "behind",
		`{"a":"1"}}`:                        "behind",
		`{"a":"1`:                           "no end",
		`{"a":"\`:                           "no end",
		`{"a":"\u12"}`:                      "invalid",
		``:                                  "EOF",
	} {
		var v map[string]any
		err := decodeJSON([]byte(text), &v)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v", text, err)
		}
	}
}

// A list of flat parameters is whole, or refused: nothing of it is left out in silence.
func TestFlatListsAreWhole(t *testing.T) {
	for _, c := range []struct {
		params map[string]string
		want   string // "" is refused
	}{
		{map[string]string{"A.0": "x", "A.1": "y", "B": "z"}, `{"A":["x","y"],"B":"z"}`},
		{map[string]string{"A.0": "x", "A.2": "y"}, ""},
		{map[string]string{"A.1": "x"}, ""},
		{map[string]string{"A.0": "x", "A": "y"}, ""},
		{map[string]string{"A.x": "x"}, ""},
		{map[string]string{"A.00": "x", "A.0": "y"}, ""},
		{map[string]string{"A.-1": "x"}, ""},
		{map[string]string{"A.0.B": "x"}, ""},
		{map[string]string{"A.99999999999999999999": "x"}, ""},
	} {
		if b, err := unflatten(c.params); (err != nil) != (c.want == "") || string(b) != c.want {
			t.Errorf("%v: %s %v", c.params, b, err)
		}
	}
}

// Reading what is as large as a request may be takes memory in proportion.
func TestReadingTakesBoundedMemory(t *testing.T) {
	const size = 1 << 20
	var names strings.Builder
	for i := range size / 16 {
		fmt.Fprintf(&names, `,"n%08d":""`, i)
	}
	for what, text := range map[string]string{
		"a long text":  `{"a":"` + strings.Repeat("x", size) + `"}`,
		"escapes":      `{"a":"` + strings.Repeat(`\ud83d\ude00`, size/12) + `"}`,
		"many values":  `{"a":[` + strings.Repeat(`"",`, size/3) + `""]}`,
		"deep":         strings.Repeat(`{"a":`, size/5),
		"many names":   `{"a":""` + names.String() + `}`,
		"many strings": `[` + strings.Repeat(`"a":`, size/4) + `]`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var v struct{ A any }
		_ = decodeJSON([]byte(text), &v)
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 64*size {
			t.Errorf("%s: %d bytes for one of %d", what, grown, len(text))
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"code":"246810"}`, `{"PhoneNumberSet":["+8614200000001"],"TemplateId":"7","TemplateParamSet":["1"]}`, `[{"a":1.5e3},null]`, `{"a":"\ud83d\ude00"}`, `{"a":"\ud83d"}`, `{"a":1,"A":2}`, "\"\xff\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v any
		if err := decodeJSON(b, &v); err != nil {
			return
		}
		if !json.Valid(b) {
			t.Fatal("it is no JSON")
		}
		again, err := json.Marshal(v)
		if err != nil || strings.ContainsRune(string(again), utf8.RuneError) && !strings.ContainsRune(string(b), utf8.RuneError) && !strings.Contains(strings.ToLower(string(b)), `\ufffd`) {
			t.Fatalf("a character was replaced: %q, %v", again, err)
		}
		texts, err := variables(string(b), "x")
		for _, s := range texts {
			if err != nil || !utf8.ValidString(s) {
				t.Fatalf("%q, %v", s, err)
			}
		}
	})
}

func FuzzFlat(f *testing.F) {
	for _, s := range []string{"PhoneNumberSet.0=%2B8614200000001&PhoneNumberSet.1=2&TemplateId=7", "A.0=x&A.2=y", "A=1&A.0=2", "A.0.B=1", "%ff=1", "A=%E4%B8%AD", "Limit=10&Offset=0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := &websign.Request{Method: "GET", Path: "/", Host: "h", Query: query + "&SecretId=a&Signature=YQ==&Nonce=1&Timestamp=1795427834&Action=a&Version=b", Header: func(string) string { return "" }}
		claim, err := websign.Read(r)
		if err != nil {
			return
		}
		b, err := unflatten(claim.Params)
		if err != nil {
			return
		}
		var back map[string]any
		if err := decodeOrTwice(b, &back); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		n := 0
		for _, v := range back {
			if list, ok := v.([]any); ok {
				n += len(list)
			} else {
				n++
			}
		}
		if n != len(claim.Params) {
			t.Fatalf("%d of %d parameters are there", n, len(claim.Params))
		}
	})
}

// decodeOrTwice takes names that differ in case only: as parameters they are two.
func decodeOrTwice(b []byte, into any) error {
	err := decodeJSON(b, into)
	if err != nil && strings.Contains(err.Error(), "twice") {
		return json.Unmarshal(b, into)
	}
	return err
}
