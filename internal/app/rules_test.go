package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/classify"
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

// A model is trained from an operator's own texts in either form; a slip names its file.
func TestClassifierIsTrainedFromFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	csv := write("a.csv", "template,category,text\no1,OTP,验证码123456\nm1,MKT,全场八折\n")
	jsonl := write("b.jsonl", `{"template":"n1","category":"NOTICE","text":"订单已发货"}`+"\n"+`{"template":"p1","category":"PUBLIC","text":"谨防诈骗"}`)
	out := filepath.Join(dir, "model.bin")
	if err := (&RulebookTrainClassifier{Files: []string{csv, jsonl}, Out: out}).Run(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	m, err := classify.Load(b)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{"验证码123456", "订单已发货", "全场八折", "谨防诈骗"} {
		if s := m.Score(text); s.Best() != i {
			t.Errorf("%s: %v", text, s)
		}
	}
	bad := write("bad.csv", "template,category,text\nx,SALE,y\n")
	if err := (&RulebookTrainClassifier{Files: []string{bad}}).Run(); err == nil || !strings.Contains(err.Error(), "bad.csv") {
		t.Error(err)
	}
}

// The documentation of the rules is what the packs say, and all 160 rules are accounted for.
func TestRulebookPagesAreUpToDate(t *testing.T) {
	pages, err := rulePages()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, p := range pages {
		names[p.Name] = true
		if have, err := os.ReadFile(filepath.Join("../../docs/rulebook", p.Name)); err != nil || string(have) != p.Text {
			t.Errorf("docs/rulebook/%s is not what the packs say: run zhunxin rulebook pages docs/rulebook (%v)", p.Name, err)
		}
	}
	have, err := os.ReadDir("../../docs/rulebook")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range have {
		if !names[f.Name()] {
			t.Errorf("docs/rulebook/%s is of no rule", f.Name())
		}
	}
}
