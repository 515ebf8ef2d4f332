package assess

import (
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/rulebook"
)

const good = `
- id: thing
  rules: [LIC-01]
  concerns: [operator]
  title: {zh: 题, en: title}
  basis: [{instrument: 《电信条例》, article: 第七条}]
  status: V
  check: own_licence
  lead_days: 1
  exposure: [{instrument: 《电信条例》, article: 第六十九条, zh: 罚, en: fine}]
  remedy: {zh: 改, en: mend}
  who: {zh: 谁, en: who}
  show: {zh: 示, en: show}
`

// The data is read strictly: what is misspelt, missing in a language, uncited, or says more
// than its source bears, is refused.
func TestDataIsReadStrictly(t *testing.T) {
	b := book(t)
	load := func(text string) error {
		_, err := parse(b, []byte(text), questionnaireFile, arrangementsFile)
		return err
	}
	if err := load(good); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct{ from, to, says string }{
		"an unknown key":                  {"status: V", "status: V\n  bar: true", "bar"},
		"no English":                      {"en: mend", "en: ' '", "remedy lacks"},
		"no Chinese":                      {"zh: 题, ", "", "title lacks"},
		"no check of the name":            {"own_licence", "own_license", "no check"},
		"nobody's":                        {"[operator]", "[owner]", "concerns"},
		"no rule":                         {"[LIC-01]", "[lic1]", "rules"},
		"an instrument unknown":           {"《电信条例》, article: 第七条", "《电信法》, article: 第七条", "not among"},
		"a penalty's one":                 {"《电信条例》, article: 第六十九条", "《电信法》, article: 第六十九条", "not among"},
		"a basis without article":         {"article: 第七条", "article: ''", "article"},
		"a status unknown":                {"status: V", "status: X", "status"},
		"a recalled bar":                  {"status: V", "status: R\n  bars: true", "not verified"},
		"a bar to be confirmed":           {"status: V", "status: TBC\n  bars: true", "not verified"},
		"days without bound":              {"lead_days: 1", "lead_days: 9999", "days"},
		"days below none":                 {"lead_days: 1", "lead_days: -1", "days"},
		"no day of the year":              {"status: V", "status: V\n  yearly: 13-01", "yearly"},
		"a direction unknown":             {"status: V", "status: V\n  reaches: [aside]", "reaches"},
		"a circle":                        {"own_licence", "chain_above\n  reaches: [up]", "circles"},
		"a name that is none":             {"id: thing", "id: Thing 1", "name"},
		"no exposure":                     {"[{instrument: 《电信条例》, article: 第六十九条, zh: 罚, en: fine}]", "[]", "exposure"},
		"exposure without language":       {", en: fine", "", "exposure lacks"},
		"duties by which nothing decides": {"own_licence", "own_licence\n  duties: [LIC-11]", "duties"},
		"no duties to decide by":          {"own_licence", "duties_done", "duties"},
		"a duty that is none":             {"own_licence", "duties_done\n  duties: [LIC-01]", "kind duty"},
		"twice":                           {good, good + good, "twice"},
		"nothing":                         {good, "", "empty"},
	} {
		err := load(strings.Replace(good, x.from, x.to, 1))
		if err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestQuestionsAreReadStrictly(t *testing.T) {
	b := book(t)
	for name, x := range map[string]struct {
		from, to, says string
		arrangement    bool
	}{
		"an answer that is none":   {"wanted: [{purpose: [own]}]", "wanted: [{purpose: [mine]}]", "no answer", false},
		"a question that is none":  {"wanted: [{purpose: [own]}]", "wanted: [{purposes: [own]}]", "no question", false},
		"always wanted":            {"wanted: [{purpose: [own]}]", "wanted: [{}]", "always", false},
		"no fallback":              {"fallback: referral", "fallback: other", "fallback", false},
		"a kind that is none":      {"kind: capital", "kind: cash", "kind", false},
		"a choice in one language": {", en: only those of your own company", "", "choice own", false},
		"an unknown key":           {"fallback: referral", "fallback: referral\nmore: 1", "more", false},
		"an arrangement's answer":  {"{list: [bought]}", "{list: [sold]}", "no answer", true},
		"an arrangement's rule":    {"[PORT-02]", "[PORT2]", "rules", true},
		"an arrangement's key":     {"instead:", "insteads:", "insteads", true},
	} {
		q, a := questionnaireFile, arrangementsFile
		change := func(b []byte) []byte {
			if !strings.Contains(string(b), x.from) {
				t.Errorf("%s: the file has no %q", name, x.from)
			}
			return []byte(strings.Replace(string(b), x.from, x.to, 1))
		}
		if x.arrangement {
			a = change(a)
		} else {
			q = change(q)
		}
		if _, err := parse(b, obligationsFile, q, a); err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every obligation, arrangement and need rests on something that is in force now, every
// check is used, and each question decides something.
func TestDataIsWhole(t *testing.T) {
	c := loaded(t)
	used := map[string]bool{}
	for _, o := range c.obligations {
		used[o.Check] = true
		if len(c.cited(o.Basis, noon)) == 0 || len(c.exposed(o.Exposure, noon)) == 0 {
			t.Errorf("%s rests on nothing, or costs nothing, on %s", o.ID, noon)
		}
	}
	for name := range checks {
		if !used[name] {
			t.Errorf("nothing uses the check %s", name)
		}
	}
	asked := map[string]bool{}
	note := func(lists ...[]When) {
		for _, list := range lists {
			for _, w := range list {
				for q := range w {
					asked[q] = true
				}
			}
		}
	}
	for _, m := range c.modes {
		note(m.Wanted)
		for _, n := range m.Needs {
			note(n.Met)
			if len(c.cited(n.Basis, noon)) == 0 {
				t.Errorf("need %s of %s rests on nothing", n.ID, m.ID)
			}
		}
	}
	for _, a := range c.arrangements {
		note(a.When)
		if len(c.cited(a.Basis, noon)) == 0 || len(c.exposed(a.Exposure, noon)) == 0 {
			t.Errorf("%s rests on nothing, or costs nothing", a.ID)
		}
	}
	for _, q := range c.questions {
		if !asked[q.ID] {
			t.Errorf("nothing depends on the answer to %s", q.ID)
		}
	}
	if rulebook.Statuses["R"].En == "" {
		t.Error("recalled sources have no word")
	}
}
