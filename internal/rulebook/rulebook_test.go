package rulebook_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/lexicon"
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
	for _, id := range strings.Fields("AD-01 AD-02 AD-03 AD-04 AD-05 AD-06 AD-07 AD-08 AD-09 AD-10 AD-11 AD-12 AD-13 AD-14 AD-15 AD-16 AD-16a AD-17 AD-18 AD-19 AD-20 " +
		"BIL-01 BIL-02 BIL-03 " +
		"CMP-01 CMP-02 CMP-03 CMP-04 CMP-05 CMP-06a CMP-06b CMP-06c CMP-06d CMP-06e CMP-06f CMP-06g CMP-06h CMP-06i CMP-06j CMP-07 CMP-08 CMP-09 CMP-10 CMP-10a CMP-10b CMP-10c " +
		"CNS-01 CNS-02 CNS-03 CNS-03a CNS-03b CNS-04 CNS-04a CNS-05 CNS-06 CNS-07 CNS-08 CNS-09 CNS-10 CNS-11 CNS-12 CNS-12a CNS-12b CNS-13 CNS-13a CNS-14 CNS-15 CNS-16 " +
		"CNT-01 CNT-01a CNT-02a CNT-03 CNT-04 CNT-05 CNT-06 CNT-07 CNT-08 CNT-08tencent CNT-09 CNT-09a CNT-09b CNT-10 CNT-11 " +
		"FRD-01 FRD-02 FRD-02a FRD-02b FRD-03 FRD-04 FRD-05 FRD-05a FRD-06 FRD-07 " +
		"FRQ-01 FRQ-02 FRQ-03 FRQ-04 FRQ-05 FRQ-06 FRQ-07 " +
		"LIC-01 LIC-02 LIC-02a LIC-03 LIC-04 LIC-05 LIC-06 LIC-07 LIC-08 LIC-09a LIC-09b LIC-10 LIC-11 " +
		"LOG-01 LOG-02 LOG-03 LOG-04 LOG-05 LOG-06 LOG-07 LOG-08 " +
		"OPT-01 OPT-02 OPT-03 OPT-04 OPT-05 OPT-06 OPT-07 OPT-08 " +
		"PORT-01 PORT-01a PORT-01b PORT-02 PORT-03 PORT-04 PORT-05 PORT-05a PORT-06 PORT-07 " +
		"PRV-01 PRV-02 PRV-03 PRV-04 PRV-05 PRV-06 PRV-06a PRV-07 PRV-08 PRV-08a PRV-09 PRV-10a PRV-10b PRV-10c PRV-10d PRV-10e PRV-11 PRV-12 PRV-13 PRV-14 PRV-15a PRV-15b PRV-16 PRV-17 PRV-18 " +
		"RN-01 RN-02 RN-03 RN-04 RN-05 RN-06 RN-07 RN-08 " +
		"SIG-01 SIG-02 SIG-02a SIG-02aliyun SIG-02qiniu SIG-03 SIG-04 SIG-05 SIG-05a SIG-06 SIG-07 SIG-08 SIG-09 SIG-09a SIG-10 " +
		"TIM-01 TIM-01a TIM-02 " +
		"TPL-01 TPL-02mobile TPL-02telecom TPL-02unicom TPL-03 TPL-04 TPL-05 TPL-06 TPL-07 TPL-08 TPL-09 TPL-09huawei TPL-09volcengine TPL-10 TPL-11 TPL-12 TPL-13 TPL-14") {
		if !have[id] {
			t.Errorf("%s is missing", id)
		}
	}
}

func scenarios(t testing.TB) []rulebook.Scenario {
	t.Helper()
	list, err := rulebook.BuiltinScenarios()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	b := book(t)
	for _, s := range scenarios(t) {
		t.Run(s.Title.En, func(t *testing.T) {
			t.Parallel()
			if wrong := b.Play(&s); wrong != "" {
				t.Errorf("%s: %s", s.Title.Zh, wrong)
			}
		})
	}
}

// Every mutant of every rule fails an example or a scenario (P10).
func TestEveryMutantIsCaught(t *testing.T) {
	t.Parallel()
	b := book(t)
	mutants, err := b.Mutate()
	if err != nil {
		t.Fatal(err)
	}
	if len(mutants) < 60 {
		t.Fatalf("only %d mutants", len(mutants))
	}
	for _, m := range b.Survivors(mutants, scenarios(t)) {
		t.Errorf("%s: %s, and no case notices", m.Rule, m.Change)
	}
}

const house = `
pack: house
version: "1"
layer: house
adjust:
  - {rule: %s, param: %s, value: %s}
`

// A house rule that refuses what scenarios permit hides no gap: its own mutants survive.
func TestSurvivorsAreSeenBehindAHousePack(t *testing.T) {
	t.Parallel()
	b := book(t, `
pack: house
version: "1"
layer: house
rules:
  - id: HSE-01
    title: {zh: a, en: b}
    status: D
    effective_from: 2020-01-01
    against: units.length > 10
    outcome: block
    code: RULE_REFUSED
    reason: {zh: a, en: b}
    remedy: {zh: a, en: b}
    examples: [{name: a, facts: {units.length: 99}, stands: true}, {name: b, facts: {units.length: 0}, stands: false}]
`)
	mutants, err := b.Mutate()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, m := range b.Survivors(mutants, scenarios(t)) {
		if m.Rule == "HSE-01" {
			seen++
		}
	}
	if seen != 1 { // >= in place of >
		t.Errorf("%d survivors of HSE-01", seen)
	}
}

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
		"unknown key":                {"pack: x\nversion: '1'\nlayer: house\nsomething: 1\n", "something"},
		"unknown layer":              {"pack: x\nversion: '1'\nlayer: king\n", "king"},
		"a law of one carrier":       {"pack: x\nversion: '1'\nlayer: law\ncarriers: {mobile: 2026-01-01}\n", "only a channel pack is for some carriers"},
		"a house pack of one vendor": {"pack: x\nversion: '1'\nlayer: house\nvendor: aliyun\n", "only a channel pack is for some carriers"},
		"a vendor's name":            {"pack: x\nversion: '1'\nlayer: channel\nvendor: Ali Yun\n", "small letters and digits"},
		"replies to one vendor":      {"pack: x\nversion: '1'\nlayer: channel\nvendor: aliyun\nopt_out: {whole: [R]}\n", "refuse do so on every channel"},
		"a vendor's duty":            {"pack: x\nversion: '1'\nlayer: channel\nvendor: aliyun\nrules: [{id: ABC-01, kind: duty}]\n", "decides about messages"},
		"law adjusts":                {"pack: x\nversion: '1'\nlayer: law\nadjust: [{rule: A, param: b, value: 1}]\n", "house"},
		"not yaml":                   {"\t{", "read the rule pack"},
		"kind":                       {"pack: x\nversion: '1'\nlayer: house\nrules: [{id: ABC-01, kind: wish, status: D, title: {zh: a, en: b}, effective_from: 2020-01-01}]\n", "stand against nothing"},
		"object":                     {"pack: x\nversion: '1'\nlayer: house\nrules: [{id: ABC-01, kind: object, object: ship, status: D, title: {zh: a, en: b}, effective_from: 2020-01-01}]\n", "ship"},
		"object defers":              {"pack: x\nversion: '1'\nlayer: house\nrules: [{id: ABC-01, kind: object, object: signature, outcome: defer, status: D, title: {zh: a, en: b}, effective_from: 2020-01-01}]\n", "blocks, holds or warns"},
		"unproved":                   {"pack: x\nversion: '1'\nlayer: house\nrules: [{id: ABC-01, kind: product, status: D, title: {zh: a, en: b}, effective_from: 2020-01-01}]\n", "proof is missing"},
		"message fact":               {"pack: x\nversion: '1'\nlayer: house\nrules: [{id: ABC-01, kind: object, object: licence, outcome: block, code: RULE_REFUSED, status: D, title: {zh: a, en: b}, reason: {zh: a, en: b}, remedy: {zh: a, en: b}, effective_from: 2020-01-01, against: consent.valid, examples: [{name: a, stands: true}, {name: b, stands: false}]}]\n", "licence.own_name"},
		"status":                     {"pack: x\nversion: '1'\nlayer: house\nrules: [{id: ABC-01, status: sure}]\n", "sure"},
		"lexicon unnamed":            {"pack: x\nversion: '1'\nlayer: house\nlexicons: [{name: A b, source: own, words: [赌博]}]\n", "small letters"},
		"lexicon twice":              {"pack: x\nversion: '1'\nlayer: house\nlexicons: [{name: porn, source: own, words: [赌博]}]\n", "taken"},
		"no source":                  {"pack: x\nversion: '1'\nlayer: house\nlexicons: [{name: own, words: [赌博]}]\n", "where they come from"},
		"word too short":             {"pack: x\nversion: '1'\nlayer: house\nlexicons: [{name: own, source: own, words: [赌]}]\n", "two characters"},
		"time, no hours":             {"pack: x\nversion: '1'\nlayer: house\nrules:\n" + houseRule("against: time.minute > 5", "outcome: block"), "needs hours"},
		"hours overnight":            {"pack: x\nversion: '1'\nlayer: house\nrules:\n" + houseRule("against: time.minute > param.a", "outcome: defer", "params: {a: {value: 2, unit: m}, b: {value: 1, unit: m}}", "hours: {open: a, close: b}"), "not before"},
		"hours' fact":                {"pack: x\nversion: '1'\nlayer: house\nrules:\n" + houseRule("against: time.minute > param.a", "outcome: defer", "params: {a: {value: 1, unit: m}, b: {value: 2, unit: m}}", "hours: {open: a, close: b, open_fact: time.workday}"), "that is a number"},
		"window's scope":             {"pack: x\nversion: '1'\nlayer: house\nwindows: [{name: a, scope: everybody, length: 1m}]\n", "everybody"},
		"clock of a day":             {"pack: x\nversion: '1'\nlayer: house\nwindows: [{name: a, scope: group, clock: day}]\n", "rolling"},
		"two spans":                  {"pack: x\nversion: '1'\nlayer: house\nwindows: [{name: a, scope: group, clock: hour, length: 1h}]\n", "either"},
		"no span":                    {"pack: x\nversion: '1'\nlayer: house\nwindows: [{name: a, scope: group}]\n", "either"},
		"window twice":               {"pack: x\nversion: '1'\nlayer: house\nwindows: [{name: otp_1m, scope: group, length: 1m}]\n", "taken"},
		"rule incomplete":            {"pack: x\nversion: '1'\nlayer: house\nrules: [{id: ABC-01, against: 'true', outcome: block}]\n", "ABC-01"},
		"count and text":             {"pack: x\nversion: '1'\nlayer: house\nrules:\n" + houseRule("against: count.otp_1m > 0 && !template.matched", "outcome: block"), "template.matched beside a count"},
		"count, person":              {"pack: x\nversion: '1'\nlayer: house\nrules:\n" + houseRule("against: count.otp_1m > 0 && consent.grade < 3", "outcome: block"), "consent.grade beside a count"},
		"count, channel":             {"pack: x\nversion: '1'\nlayer: house\nrules:\n" + houseRule("against: count.otp_1m > 0 && port.signatures > 1", "outcome: block"), "not judged together"},
		"person, channel":            {"pack: x\nversion: '1'\nlayer: house\nrules:\n" + houseRule("against: consent.grade < 3 && port.signatures > 1", "outcome: block"), "not judged together"},
		"person, carrier":            {"pack: x\nversion: '1'\nlayer: house\nrules:\n" + houseRule("against: consent.grade < 3", "outcome: block", "carriers: {unicom: 2025-07-01}"), "not judged together"},
	} {
		if _, err := rulebook.Load(append(builtin(t), []byte(c.text))...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each word of each lexicon stands against a text that holds nothing else, and each
// harmless phrase does not.
func TestEveryWordIsFound(t *testing.T) {
	t.Parallel()
	b := book(t)
	for _, raw := range builtin(t) {
		p, err := rulebook.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range p.Lexicon {
			holds := func(phrase string) bool {
				if l.For == rulebook.ObjectSignature {
					claim := rulebook.SignatureClaim{Text: phrase, Source: "trademark", Mark: phrase, Registration: "1", Name: "示例", Entity: "company"}
					return slices.Contains(rulesOf(b.JudgeSignature(&claim, morning)), "SIG-05")
				}
				if l.For == rulebook.ObjectTemplate {
					claim := rulebook.TemplateClaim{Category: sms.Notice, Signature: "示例", Name: "示例", Entity: "company", Body: phrase + "，${a:text}", Sample: "您好"}
					found, err := b.JudgeTemplate(&claim, morning)
					return err == nil && slices.Contains(rulesOf(found), "PRV-06a")
				}
				text := "您好，" + phrase + "。"
				return slices.ContainsFunc(b.Words(text, lexicon.Fold(text)), func(h lexicon.Hit) bool { return h.List == l.Name })
			}
			beside := ""
			if len(l.With) > 0 {
				beside = l.With[0] + "，"
			}
			for _, w := range l.Words {
				if !holds(beside + w) {
					t.Errorf("%s: %s is not found", l.Name, w)
				}
			}
			for _, w := range l.Harmless {
				if holds(beside + w) {
					t.Errorf("%s: %s is not harmless", l.Name, w)
				}
			}
			for w, list := range l.Spellings {
				for _, x := range list {
					if !holds("您好，" + beside + x + "。") {
						t.Errorf("%s: %s is not found as %s", l.Name, w, x)
					}
				}
			}
		}
	}
}

func TestFindingNamesItsWords(t *testing.T) {
	t.Parallel()
	b := book(t)
	const text = "保*本理财，销量第一"
	f := b.NewFacts()
	f.String(rulebook.Category, "MKT")
	traits, _ := lexicon.Read(text, lexicon.Fold(text))
	traits.Refusal, traits.RefusalLast, traits.Addressed = "r", true, true
	f.Text(&traits, b.Words(text, lexicon.Fold(text)), rulebook.Sender{})
	found, _ := b.Evaluate(rulebook.StageShared, f, time.Date(2026, 11, 2, 10, 0, 0, 0, rulebook.Shanghai))
	got := map[string]string{}
	for _, x := range found {
		got[x.Rule] = strings.Join(x.Words, " ")
	}
	if want := (map[string]string{"TPL-14": "保本理财", "AD-01": "第一", "AD-11": "保本理财", "AD-14": "销量第一"}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOptOutWords(t *testing.T) {
	t.Parallel()
	b := book(t)
	for _, s := range []string{"T", "t", " td ", "ＴＤ", "R", "r。", "N", "0000", "qx", "退订", "退订！谢谢", "STOP", "stop sending", "请退订", "你们再发我就投诉", "拒收", "取消订阅", "T\u200b", "退\u200b订"} {
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

// houseRule is a rule of a house pack with some lines of its own.
func houseRule(lines ...string) string {
	return "  - id: HSE-01\n    title: {zh: a, en: b}\n    status: D\n    effective_from: 2020-01-01\n    code: RULE_REFUSED\n    reason: {zh: a, en: b}\n    remedy: {zh: a, en: b}\n" +
		"    examples: [{name: a, facts: {time.workday: false, time.minute: 1000}, stands: true}, {name: b, facts: {time.minute: 0}, stands: false}]\n    " + strings.Join(lines, "\n    ") + "\n"
}

// A house rule may look at holidays: its answer ends with the day. P11: a day in a year that
// no pack has stands against the message, whichever way the rule reads it, unless the rule
// does not need it; so it does when the decision is replayed.
func TestHouseRulesKnowHolidays(t *testing.T) {
	t.Parallel()
	for condition, want := range map[string]map[string]bool{
		"!time.workday": {
			"2026-02-13 23:59": false, "2026-02-14 00:00": false, "2026-02-15 00:00": true, "2026-02-24 00:00": false, "2026-11-28 10:00": true, "2027-01-05 10:00": true,
		},
		"time.workday": {"2026-02-15 00:00": false, "2026-02-24 00:00": true, "2027-01-05 10:00": true, "2027-01-09 10:00": true},
		"time.workday && category == 'MKT' || !time.workday && category == 'PUBLIC'": {"2026-02-24 00:00": false, "2027-01-05 10:00": false},
	} {
		b := book(t, "pack: house\nversion: '1'\nlayer: house\nrules:\n"+houseRule("against: \""+condition+"\"", "outcome: block"))
		for at, stands := range want {
			f, now := b.NewFacts(), day(t, at)
			f.Time(now)
			again := b.NewFacts()
			for name, v := range recorded(t, f.Record(rulebook.StageShared, rulebook.StageShared)) {
				if n, ok := v.(float64); ok {
					v = int64(n)
				}
				if !again.Set(name, v) {
					t.Errorf("%s: %s can't be %v when it is replayed", at, name, v)
				}
			}
			for _, f := range []*rulebook.Facts{f, again} {
				found, until := b.Evaluate(rulebook.StageShared, f, now)
				if refused := slices.Contains(rulesOf(found), "HSE-01"); refused != stands {
					t.Errorf("%s, %s: refused %t", condition, at, refused)
				}
				if y, m, d := now.Date(); !until.Equal(time.Date(y, m, d+1, 0, 0, 0, 0, rulebook.Shanghai)) {
					t.Errorf("%s, %s: the answer holds until %s", condition, at, until)
				}
			}
		}
	}
}

// Of several rules that defer, the latest release counts.
func TestTheLatestReleaseCounts(t *testing.T) {
	t.Parallel()
	at := day(t, "2026-11-24 00:00")
	finding := func(outcome string, hours int) rulebook.Finding {
		return rulebook.Finding{Outcome: outcome, Release: at.Add(time.Duration(hours) * time.Hour)}
	}
	list := []rulebook.Finding{finding(rulebook.Warn, 0), finding(rulebook.Defer, 9), finding(rulebook.Defer, 10), finding(rulebook.Defer, 8)}
	if got := rulebook.Refusing(list); got != &list[2] {
		t.Errorf("%+v", got)
	}
	list = append(list, finding(rulebook.Hold, 0), finding(rulebook.Block, 0), finding(rulebook.Block, 1))
	if got := rulebook.Refusing(list); got != &list[5] {
		t.Errorf("%+v", got)
	}
	for _, x := range [][2][]rulebook.Finding{
		{list[1:2], list[5:6]}, {list[1:2], list[2:3]}, {list[4:5], list[5:6]}, {list[5:6], list[5:7]},
	} {
		if !rulebook.Better(x[0], x[1]) || rulebook.Better(x[1], x[0]) {
			t.Errorf("%v against %v", x[0], x[1])
		}
	}
}

// FRQ-06: what a window counts at a moment.
func TestWindowsBeginWhereTheySay(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 10, 7, 30, 500e6, rulebook.Shanghai)
	for want, w := range map[time.Time]rulebook.Window{ // the first moment that counts
		time.Date(2026, 11, 24, 10, 7, 0, 0, rulebook.Shanghai):      {Clock: "minute"},
		time.Date(2026, 11, 24, 10, 0, 0, 0, rulebook.Shanghai):      {Clock: "hour"},
		time.Date(2026, 11, 24, 10, 6, 31, 501e6, rulebook.Shanghai): {Length: rulebook.Duration(59 * time.Second)},
		time.Date(2026, 11, 23, 10, 7, 30, 501e6, rulebook.Shanghai): {Length: rulebook.Duration(24 * time.Hour)},
	} {
		if got := time.UnixMilli(w.After(at) + 1); !got.Equal(want) {
			t.Errorf("%s: %s, want %s", &w, got, want)
		}
	}
	if got := book(t).Longest(); got != 7*24*time.Hour {
		t.Errorf("events are kept for %s", got)
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
