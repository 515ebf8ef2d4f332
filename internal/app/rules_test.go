package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A house pack may refuse what the program's own cases permit; the operator's cases are
// decided with it.
func TestHousePackIsTestedByItsOwnScenarios(t *testing.T) {
	t.Parallel()
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	house := file("house.yaml", "pack: house\nversion: '1'\nlayer: house\nadjust:\n  - {rule: TIM-01, param: close, value: 1140}\n")
	cases := file("cases.yaml", "- title: {zh: 七点半, en: half past seven}\n  at: 2026-11-23 19:30\n  facts: {category: MKT}\n  expect: {outcome: permit}\n")
	for name, c := range map[string]struct {
		files []string
		wrong int
	}{
		"built in":               {nil, 0},
		"own cases":              {[]string{cases}, 0},
		"house pack":             {[]string{house}, 0},
		"house pack, own cases":  {[]string{house, cases}, 1},
		"own cases, house pack ": {[]string{cases, house}, 1},
	} {
		d, err := redraft(c.files)
		if err != nil {
			t.Fatal(err)
		}
		if wrong := d.Wrong(); len(wrong) != c.wrong {
			t.Errorf("%s: %v", name, wrong)
		}
	}
	for text, want := range map[string]string{"\t{": "bad.yaml", "- title: 1\n": "bad.yaml", "pack: x\nversion: '1'\nlayer: king\n": "king"} {
		if _, err := redraft([]string{file("bad.yaml", text)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
