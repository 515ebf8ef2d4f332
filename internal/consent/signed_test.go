package consent_test

import (
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/consent"
)

const statement = "zhunxin consent event v1\napplication: 7\nevent: 00000000-0000-4000-8000-000000000001\ntype: given\nto: 14200000001\nat: 2026-11-27T10:00:00+08:00\n" +
	"wording: 9\ntext: 0000000000000000000000000000000000000000000000000000000000000000\nmethod: form\npage: -\ntranscript: -\n"

// A statement reads in one way only: with its lines in their order, each once and whole.
func TestStatementsReadInOneWay(t *testing.T) {
	if e, err := consent.ReadEvent(statement); err != nil || e.Application != 7 || e.Wording != 9 || e.Page != "" {
		t.Fatal(e, err)
	}
	lines := strings.SplitAfter(statement, "\n")
	for i := range len(lines) - 1 {
		for name, bad := range map[string]string{
			"left out": strings.Join(lines[:i], "") + strings.Join(lines[i+1:], ""),
			"twice":    strings.Join(lines[:i+1], "") + strings.Join(lines[i:], ""),
			"empty":    strings.Join(lines[:i], "") + strings.SplitAfter(lines[i], ":")[0] + "\n" + strings.Join(lines[i+1:], ""),
			"CRLF":     strings.Join(lines[:i], "") + strings.TrimSuffix(lines[i], "\n") + "\r\n" + strings.Join(lines[i+1:], ""),
		} {
			if bad == statement {
				continue
			}
			if _, err := consent.ReadEvent(bad); err == nil {
				t.Errorf("line %d %s was taken", i+1, name)
			}
		}
	}
}

func FuzzReadEvent(f *testing.F) {
	f.Add(statement)
	f.Add(strings.Replace(statement, "page: -", "page: https://example.com/a?b=c", 1))
	f.Fuzz(func(t *testing.T, s string) {
		e, err := consent.ReadEvent(s)
		if err != nil {
			return
		}
		if !strings.Contains(s, "\nevent: "+e.ID+"\n") || strings.Count(s, "\n") != 11 || !e.To.Valid() {
			t.Errorf("%q reads as %+v", s, e)
		}
	})
}
