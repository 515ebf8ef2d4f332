package assess

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// yours are the arrangements that the answers describe.
func (a *Advice) yours() (ids []string) {
	for _, x := range a.Unlawful {
		if x.Yours {
			ids = append(ids, x.ID)
		}
	}
	return ids
}

var clean = Answers{
	"purpose": "customers", "entity": "company", "licence": "none", "provinces": "one", "capital": "under_1m", "contract": "operator", "price": "operator", "pay": "commission",
	"port": "filed", "subagents": "no", "list": "members", "marketing_port": "marketing", "signature": "own", "numbers": "masked",
}

func with(a Answers, more Answers) Answers {
	out := maps.Clone(a)
	maps.Copy(out, more)
	return out
}

// The paths to each mode, and the arrangements that are unlawful.
func TestAdvice(t *testing.T) {
	c := loaded(t)
	resell := with(clean, Answers{"contract": "me", "price": "me", "pay": "difference", "licence": "own", "capital": "from_10m", "provinces": "several"})
	for name, x := range map[string]struct {
		answers    Answers
		fits, open string
		kind       string
		yours      []string
	}{
		"nothing said":              {Answers{}, "", "", Open, nil},
		"referral":                  {clean, "referral", "referral", Conditions, nil},
		"a person who refers":       {with(clean, Answers{"entity": "individual"}), "referral", "referral", Conditions, nil},
		"licensed reseller":         {resell, "reseller", "reseller", Conditions, nil},
		"small company with one":    {with(resell, Answers{"capital": "under_1m"}), "reseller", "reseller", Conditions, nil}, // the amount is recalled: no bar
		"reseller without licence":  {with(resell, Answers{"licence": "none"}), "reseller", "referral", Unlawful, []string{"resale_without_licence", "hidden_commission"}},
		"reseller who applied":      {with(resell, Answers{"licence": "applied", "pay": "commission"}), "reseller", "referral", Unlawful, []string{"resale_without_licence"}},
		"a person as reseller":      {with(resell, Answers{"entity": "individual"}), "reseller", "referral", Unlawful, []string{"individual_agent"}},
		"a licence that is lent":    {with(resell, Answers{"licence": "borrowed", "pay": "commission"}), "reseller", "referral", Unlawful, []string{"borrowed_licence"}},
		"sub-agents":                {with(clean, Answers{"subagents": "yes"}), "reseller", "referral", Unlawful, []string{"resale_without_licence"}},
		"a margin in a referral":    {with(clean, Answers{"pay": "difference"}), "referral", "referral", Unlawful, []string{"hidden_commission"}},
		"a leased port":             {with(clean, Answers{"port": "leased"}), "referral", "referral", Unlawful, []string{"leased_port"}},
		"a port lent on":            {with(clean, Answers{"port": "lend"}), "referral", "referral", Unlawful, []string{"leased_port"}},
		"bought numbers":            {with(clean, Answers{"list": "bought"}), "referral", "referral", Unlawful, []string{"bought_list"}},
		"numbers without proof":     {with(clean, Answers{"list": "no_proof"}), "referral", "referral", Unlawful, []string{"no_consent"}},
		"marketing by notice port":  {with(clean, Answers{"marketing_port": "notice"}), "referral", "referral", Unlawful, []string{"notice_port"}},
		"a signature for several":   {with(clean, Answers{"signature": "shared"}), "referral", "referral", Unlawful, []string{"shared_signature"}},
		"numbers without agreement": {with(clean, Answers{"numbers": "without"}), "referral", "referral", Unlawful, []string{"unsupervised_data"}},
		"own use":                   {with(clean, Answers{"purpose": "own", "pay": "none"}), "own_use", "own_use", Conditions, nil},
		"own use of a leased port":  {with(clean, Answers{"purpose": "own", "port": "leased"}), "own_use", "", Unlawful, []string{"leased_port"}},
	} {
		a := c.Advise(x.answers, noon)
		if a.Fits != x.fits || a.Open != x.open && x.kind != Unlawful || a.Verdict.Kind != x.kind {
			t.Errorf("%s: fits %q, open %q, %+v", name, a.Fits, a.Open, a.Verdict)
		}
		slices.Sort(x.yours)
		got := a.yours()
		slices.Sort(got)
		if !slices.Equal(got, x.yours) {
			t.Errorf("%s: %v, want %v", name, got, x.yours)
		}
		if len(a.Unlawful) != len(c.arrangements) || len(a.Modes) != len(c.modes) {
			t.Errorf("%s: not all modes and arrangements are shown", name)
		}
		for i, u := range a.Unlawful[:len(got)] {
			if !u.Yours {
				t.Errorf("%s: place %d is not what the answers describe", name, i)
			}
		}
	}
	// Each arrangement was the answers' once, which the cases above make sure of.
	text := c.Advise(Answers{"purpose": "own"}, noon).Text(En)
	if !strings.Contains(text, "have it confirmed first") || !strings.Contains(text, "recalled, not verified") {
		t.Error("own use is not marked as unconfirmed")
	}
}

func TestReadAnswers(t *testing.T) {
	c := loaded(t)
	for name, x := range map[string]struct{ text, says string }{
		"an empty form":    {string(c.Form()), ""},
		"JSON":             {`{"purpose": "own", "subagents": "no"}`, ""},
		"no in YAML":       {"subagents: no\n", ""},
		"no such question": {"purpse: own\n", "no question"},
		"no such answer":   {"purpose: mine\n", "one of [own customers]"},
		"twice":            {"purpose: own\npurpose: own\n", "already defined"},
		"a list":           {"purpose: [own]\n", "cannot unmarshal"},
		"two documents":    {"purpose: own\n---\npurpose: own\n", "one document"},
		"nothing":          {"", "empty"},
		"too much":         {"purpose: own\n#" + strings.Repeat("x", MaxAnswers), "more than"},
	} {
		_, err := c.ReadAnswers([]byte(x.text))
		if (err == nil) != (x.says == "") || err != nil && !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A form that is filled in is read as it was meant.
	form := strings.Replace(string(c.Form()), "\nsubagents:\n", "\nsubagents: yes\n", 1)
	if a, err := c.ReadAnswers([]byte(form)); err != nil || !maps.Equal(a, Answers{"subagents": "yes"}) {
		t.Errorf("%v %v", a, err)
	}
}

// Whatever is read as answers names questions and choices that exist, and gives an advice
// that renders.
func FuzzReadAnswers(f *testing.F) {
	c := loaded(f)
	f.Add(c.Form())
	f.Add([]byte("purpose: customers\nprice: me\n"))
	f.Add([]byte(`{"port":"leased"}`))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := c.ReadAnswers(b)
		if err != nil {
			return
		}
		for q, x := range a {
			if err := c.checkAnswer(q, x); err != nil {
				t.Fatal(err)
			}
		}
		if page, err := c.Advise(a, noon).HTML(Bilingual); err != nil || len(page) == 0 {
			t.Fatal(err)
		}
	})
}
