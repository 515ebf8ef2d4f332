package rulebook_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

func book(t testing.TB, more ...string) *rulebook.Book {
	t.Helper()
	packs := builtin(t)
	for _, m := range more {
		packs = append(packs, []byte(m))
	}
	b, err := rulebook.Load(packs...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func builtin(t testing.TB) [][]byte {
	t.Helper()
	packs, err := rulebook.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return packs
}

func TestEveryRulePassesItsExamples(t *testing.T) {
	t.Parallel()
	for _, f := range book(t).RunExamples("") {
		t.Error(f)
	}
}

func TestRulesAreAllHere(t *testing.T) {
	t.Parallel()
	have := map[string]bool{}
	for _, r := range book(t).Rules() {
		have[r.ID] = true
	}
	for _, id := range strings.Fields("LIC-01 LIC-03 LIC-05 PORT-02 PORT-03 SIG-01 SIG-08 TPL-01 CNS-01 OPT-03 OPT-08 FRQ-01 FRQ-03 TIM-01 BIL-01 " +
		"OPT-01 TPL-03 TPL-04 TPL-06 TPL-07 TPL-08 TPL-11 FRQ-05") {
		if !have[id] {
			t.Errorf("%s is missing", id)
		}
	}
}

type scenario struct {
	Title  rulebook.Both  `yaml:"title"`
	At     string         `yaml:"at"`
	Facts  map[string]any `yaml:"facts"`
	Expect struct {
		Outcome string   `yaml:"outcome"`
		First   string   `yaml:"first"`
		Code    sms.Code `yaml:"code"`
		Release string   `yaml:"release"`
		All     []string `yaml:"all"`
	} `yaml:"expect"`
}

func scenarios(t testing.TB) []scenario {
	t.Helper()
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenario files: %v", err)
	}
	var out []scenario
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var list []scenario
		d := yaml.NewDecoder(strings.NewReader(string(b)))
		d.KnownFields(true)
		if err := d.Decode(&list); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out = append(out, list...)
	}
	return out
}

// run evaluates all stages as the gate does and tells what came first.
func run(b *rulebook.Book, s scenario) (outcome, first, release string, code sms.Code, all []string, ok bool) {
	at, err := time.ParseInLocation("2006-01-02 15:04", s.At, rulebook.Shanghai)
	if err != nil {
		return
	}
	f := b.NewFacts()
	f.Int(rulebook.TimeMinute, at.Hour()*60+at.Minute())
	for k, v := range s.Facts {
		if !f.Set(k, v) {
			return
		}
	}
	var found []rulebook.Finding
	for _, stage := range []rulebook.Stage{rulebook.StageShared, rulebook.StageRecipient, rulebook.StageChannel} {
		x, _ := b.Evaluate(stage, f, at)
		found = append(found, x...)
	}
	for _, x := range found {
		all = append(all, x.Rule)
	}
	outcome = "permit"
	if r := rulebook.Refusing(found); r != nil {
		outcome, first, code = r.Outcome, r.Rule, r.Code
		if !r.Release.IsZero() {
			release = r.Release.In(rulebook.Shanghai).Format("2006-01-02 15:04")
		}
	}
	return outcome, first, release, code, all, true
}

func check(b *rulebook.Book, s scenario) bool {
	outcome, first, release, code, all, ok := run(b, s)
	e := s.Expect
	return ok && outcome == e.Outcome && first == e.First && code == e.Code && release == e.Release &&
		(e.All == nil || strings.Join(all, " ") == strings.Join(e.All, " "))
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	b := book(t)
	for _, s := range scenarios(t) {
		t.Run(s.Title.En, func(t *testing.T) {
			t.Parallel()
			if !check(b, s) {
				outcome, first, release, code, all, ok := run(b, s)
				t.Errorf("%s: got %s by %s (%s), release %q, all %v, facts read %t", s.Title.Zh, outcome, first, code, release, all, ok)
			}
		})
	}
}

// Every mutant of every rule fails an example or a scenario (P10).
func TestEveryMutantIsCaught(t *testing.T) {
	t.Parallel()
	mutants, err := rulebook.Mutate(builtin(t)...)
	if err != nil {
		t.Fatal(err)
	}
	if len(mutants) < 60 {
		t.Fatalf("only %d mutants", len(mutants))
	}
	cases := scenarios(t)
	for _, m := range mutants {
		caught := len(m.Book.RunExamples(m.Rule)) > 0
		for i := 0; i < len(cases) && !caught; i++ {
			caught = !check(m.Book, cases[i])
		}
		if !caught {
			t.Errorf("%s: %s, and no case notices", m.Rule, m.Change)
		}
	}
}

const house = `
pack: house
version: "1"
layer: house
adjust:
  - {rule: %s, param: %s, value: %s}
`

func TestHousePackMayOnlyBecomeStricter(t *testing.T) {
	t.Parallel()
	load := func(rule, param, value string) error {
		s := strings.Replace(strings.Replace(strings.Replace(house, "%s", rule, 1), "%s", param, 1), "%s", value, 1)
		_, err := rulebook.Load(append(builtin(t), []byte(s))...)
		return err
	}
	for _, ok := range [][3]string{{"FRQ-03", "per_week", "2"}, {"TIM-01", "open", "600"}, {"TIM-01", "close", "1140"}} {
		if err := load(ok[0], ok[1], ok[2]); err != nil {
			t.Errorf("%v: %v", ok, err)
		}
	}
	for _, bad := range [][3]string{{"FRQ-03", "per_week", "4"}, {"TIM-01", "open", "480"}, {"TIM-01", "close", "1260"}, {"BIL-01", "single", "69"}, {"FRQ-03", "nothing", "1"}, {"XXX-01", "a", "1"}} {
		if err := load(bad[0], bad[1], bad[2]); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

func TestBadPacksAreRefusedWithAReason(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":     {"pack: x\nversion: '1'\nlayer: house\nsomething: 1\n", "something"},
		"unknown layer":   {"pack: x\nversion: '1'\nlayer: king\n", "king"},
		"law adjusts":     {"pack: x\nversion: '1'\nlayer: law\nadjust: [{rule: A, param: b, value: 1}]\n", "house"},
		"not yaml":        {"\t{", "read the rule pack"},
		"rule incomplete": {"pack: x\nversion: '1'\nlayer: house\nrules: [{id: ABC-01, against: 'true', outcome: block}]\n", "ABC-01"},
	} {
		if _, err := rulebook.Load(append(builtin(t), []byte(c.text))...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOptOutWords(t *testing.T) {
	t.Parallel()
	b := book(t)
	for _, s := range []string{"T", "t", " td ", "ＴＤ", "R", "r。", "N", "0000", "qx", "退订", "退订！谢谢", "STOP", "stop sending", "请退订", "你们再发我就投诉", "拒收", "取消订阅"} {
		if _, ok := b.OptOut(s); !ok {
			t.Errorf("%q does not opt out", s)
		}
	}
	for _, s := range []string{"", "Thanks", "N号楼", "Tomorrow", "Ready", "00001", "收到", "好的", "1"} {
		if w, ok := b.OptOut(s); ok {
			t.Errorf("%q opts out by %q", s, w)
		}
	}
}

func TestRulesHoldOnlyWithinTheirDates(t *testing.T) {
	t.Parallel()
	b := book(t)
	f := b.NewFacts()
	f.String(rulebook.Category, "MKT")
	f.Bool(rulebook.AgentsReferralOwns, true)
	day := time.Date(2022, 12, 1, 0, 0, 0, 0, rulebook.Shanghai)
	if found, until := b.Evaluate(rulebook.StageShared, f, day.Add(-time.Hour)); rulebook.Refusing(found) != nil || !until.Equal(time.Date(2022, 11, 30, 20, 0, 0, 0, rulebook.Shanghai)) && !until.Equal(day) {
		t.Errorf("before its date: %v, until %v", found, until)
	}
	if found, _ := b.Evaluate(rulebook.StageShared, f, day); rulebook.Refusing(found) == nil {
		t.Error("from its date on it does not stand")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("pack: x\nversion: '1'\nlayer: house\n"))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = rulebook.Parse(b) })
}

func FuzzOptOut(f *testing.F) {
	b := book(f)
	f.Add("退订")
	f.Fuzz(func(_ *testing.T, s string) { b.OptOut(s) })
}

// What one recipient costs when nothing stands against the message.
func BenchmarkRecipient(b *testing.B) {
	bk := book(b)
	f := bk.NewFacts()
	f.String(rulebook.Category, "MKT")
	at := time.Date(2026, 11, 2, 10, 0, 0, 0, rulebook.Shanghai)
	b.ReportAllocs()
	for b.Loop() {
		if found, _ := bk.Evaluate(rulebook.StageRecipient, f, at); found != nil {
			b.Fatal(found)
		}
	}
}
