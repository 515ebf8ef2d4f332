package strictjson

import (
	"errors"
	"strings"
	"testing"
)

// A fault names its place in the document and the character in the text.
func TestFaultsHavePlaces(t *testing.T) {
	for text, want := range map[string]struct {
		path string
		at   int
		en   string
	}{
		`{"a":{"b":1},"b":[1,{"c":2,"d":[]}]}`:           {"", 0, ""},
		`{"a":1,"A":2}`:                                  {"", 0, ""},
		`["a","a"]`:                                      {"", 0, ""},
		`{"dry_run":true,"dry_run":false}`:               {"dry_run", -1, "twice"},
		`{"r":[{"to":"1"},{"to":"2","ref":"x","to":3}]}`: {"r[1].to", -1, "twice"},
		`{"r":[[0,1],[{"x":1,"\u0078":2}]]}`:             {"r[1][0].x", -1, "twice"},
		`{"text":"\u4e2d中\n\ud83d\ude00\ud83d"}`:         {"text", 4, "surrogate"},
		"{\"r\":[{\"to\":\"ab\xff\"}]}":                  {"r[0].to", 2, "UTF-8"},
		"{\"a\":\xff}":                                   {"", -1, "UTF-8"},
		`{"a":"x`:                                        {"a", -1, "no end"},
		strings.Repeat("[", MaxDepth+1):                  {"", -1, "deep"},
	} {
		err := Check([]byte(text), false)
		var f *Fault
		if want.en == "" {
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if !errors.As(err, &f) || f.Path != want.path || f.At != want.at || !strings.Contains(f.En, want.en) || f.Zh == "" {
			t.Errorf("%s: %+v", text, f)
		}
	}
	if err := Check([]byte(`{"a":1,"A":2}`), true); err == nil {
		t.Error("names that differ in case only are the same when folded")
	}
}
