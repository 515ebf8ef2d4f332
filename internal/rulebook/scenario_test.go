package rulebook_test

import (
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/rulebook"
)

func TestScenariosThatSayTooLittleAreRefused(t *testing.T) {
	t.Parallel()
	const head = "- title: {zh: a, en: b}\n  at: 2026-11-23 10:00\n"
	for name, c := range map[string]struct{ text, want string }{
		"no list":           {"title: {zh: a, en: b}\n", "read the scenarios"},
		"empty":             {"", "empty"},
		"two documents":     {head + "  expect: {outcome: permit}\n---\n- title: 1\n", "one document"},
		"unknown key":       {head + "  when: now\n", "when"},
		"no moment":         {"- title: {zh: a, en: b}\n  expect: {outcome: permit}\n", "at, the moment"},
		"no date":           {"- title: {zh: a, en: b}\n  at: tomorrow\n", "line 2"},
		"one language":      {"- title: {zh: a}\n  at: 2026-11-23 10:00\n", "zh and en"},
		"unknown outcome":   {head + "  expect: {outcome: allow}\n", "allow"},
		"permit with code":  {head + "  expect: {outcome: permit, code: OPTED_OUT}\n", "no code"},
		"block without why": {head + "  expect: {outcome: block}\n", "first"},
		"unknown code":      {head + "  expect: {outcome: block, first: OPT-03, code: NOPE}\n", "NOPE"},
		"too long":          {head + strings.Repeat("#", rulebook.MaxScenarioBytes), "at most"},
	} {
		if _, err := rulebook.ParseScenarios([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestScenarioSaysWhatCameInstead(t *testing.T) {
	t.Parallel()
	b := book(t)
	for text, want := range map[string]string{
		"facts: {consent.valid: false, category: MKT}\n  expect: {outcome: permit}":                                 "got block by CNS-01 (CONSENT_MISSING)",
		"facts: {category: MKT}\n  expect: {outcome: block, first: CNS-01, code: CONSENT_MISSING}":                  "got permit",
		"facts: {category: MKT}\n  expect: {outcome: permit, all: [TIM-01]}":                                        "got permit",
		"text: 加QQ：100000，谢谢】\n  expect: {outcome: permit}":                                                         "SIG-01 TPL-11",
		"facts: {consent.vaild: true}\n  expect: {outcome: permit}":                                                 "consent.vaild",
		"facts: {time.minute: 1300, category: MKT}\n  expect: {outcome: defer, first: TIM-01, code: OUTSIDE_HOURS}": "until 2026-11-24 09:00:00",
	} {
		list, err := rulebook.ParseScenarios([]byte("- title: {zh: a, en: b}\n  at: 2026-11-23 10:00\n  " + text + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		if wrong := b.Play(&list[0]); !strings.Contains(wrong, want) {
			t.Errorf("%s: %q", text, wrong)
		}
	}
}

func TestPackReplacesTheOneOfItsName(t *testing.T) {
	t.Parallel()
	const own = "pack: vendor-qiniu\nversion: '2'\nlayer: channel\n"
	packs, err := rulebook.Replace(builtin(t), []byte(own))
	if err != nil {
		t.Fatal(err)
	}
	b, err := rulebook.Load(packs...)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.Versions(), ",vendor-qiniu@2,") {
		t.Error(b.Versions())
	}
	gone := rulebook.Diff(book(t), b)
	if len(gone) == 0 || gone[0].What != "gone" {
		t.Errorf("%v", gone)
	}
	if _, err := rulebook.Replace(packs, []byte("\t{")); err == nil {
		t.Error("what can't be read was taken")
	}
}

func FuzzParseScenarios(f *testing.F) {
	b := book(f)
	f.Add([]byte("- title: {zh: a, en: b}\n  at: 2026-11-23 10:00\n  text: 【a】b\n  expect: {outcome: permit}\n"))
	f.Fuzz(func(_ *testing.T, raw []byte) {
		list, err := rulebook.ParseScenarios(raw)
		if err != nil {
			return
		}
		for i := range list {
			b.Play(&list[i])
		}
	})
}
