package classify

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/lexicon"
)

func corpusSamples(t testing.TB) []Sample {
	t.Helper()
	samples, err := Corpus()
	if err != nil {
		t.Fatal(err)
	}
	return samples
}

// The model in the program is the one that the corpus in the program gives, to the bit.
func TestModelIsThatOfTheCorpus(t *testing.T) {
	t.Parallel()
	if !bytes.Equal(Train(corpusSamples(t)).Marshal(), builtin) {
		t.Error("train it anew: zhunxin rulebook train-classifier --out internal/classify/model.bin")
	}
}

// It does on templates that it has not seen what the documents say, or nearly.
func TestTemplatesNotSeenAreToldApart(t *testing.T) {
	t.Parallel()
	r := Validate(corpusSamples(t))
	for c, name := range Classes {
		if r.Template[c] < 60 || r.Precision(c) < 90 || r.Recall(c) < 85 {
			t.Errorf("%s: %d templates, precision %.1f, recall %.1f", name, r.Template[c], r.Precision(c), r.Recall(c))
		}
	}
	if notices := r.Held[1]; notices[0]+notices[1] > r.Texts[1]*7/100 {
		t.Errorf("%v of %d notices are held", notices, r.Texts[1])
	}
}

// All texts of a template are on one side, or the figures would be too good: of templates
// that have nothing in common, none tells about another.
func TestTemplatesAreNotSplit(t *testing.T) {
	t.Parallel()
	var samples []Sample
	seed := uint32(1)
	for n := range 200 {
		base := ""
		for range 12 {
			seed = seed*1664525 + 1013904223
			base += string(rune(0x4e00 + seed>>12%20000))
		}
		for _, end := range []string{"甲", "乙", "丙", "丁"} {
			samples = append(samples, Sample{Template: fmt.Sprint(n), Text: base + end, class: n % classes, folded: base + end})
		}
	}
	r := Validate(samples)
	for c, name := range Classes {
		if r.Texts[c] != 200 || r.Recall(c) > 60 {
			t.Errorf("%s: %.1f of %d texts are told without anything to tell them by", name, r.Recall(c), r.Texts[c])
		}
	}
}

func TestEverySlotIsFilled(t *testing.T) {
	t.Parallel()
	for _, s := range corpusSamples(t) {
		if strings.ContainsAny(s.Text, "{}") {
			t.Errorf("%s has a slot that nothing fills: %s", s.Template, s.Text)
		}
	}
}

func TestScoreKnowsNoDigitsAndLetters(t *testing.T) {
	t.Parallel()
	m, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	a, b := m.Score(lexicon.Fold("您的订单12345已发货，详见Abc")), m.Score(lexicon.Fold("您的订单9已发货，详见xyzw"))
	if a != b {
		t.Errorf("%v and %v", a, b)
	}
	offer, notice := m.Score(lexicon.Fold("会员日全场五折，满200减50，速来选购")), m.Score(lexicon.Fold("您的订单已发货，请注意查收"))
	if offer.Promotion() < 70 || notice.Promotion() >= 30 || offer.Best() != marketing {
		t.Errorf("%v, %v", offer, notice)
	}
}

func TestBadModelsAndSamplesAreRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range [][]byte{nil, []byte("ZXCLASS1"), append([]byte("ZXCLASS2"), builtin[8:]...), append(bytes.Clone(builtin), 0)} {
		if _, err := Load(bad); err == nil {
			t.Errorf("%d bytes are a model", len(bad))
		}
	}
	for _, bad := range []string{
		"", "a,b\n", "template,category,text\nx,NOTICE\n", "template,category,text\nx,SALE,y\n", "template,category,text\n,OTP,y\n", "template,category,text\nx,OTP,\n",
		`{"template":"x"}`, `{"template":"x","category":"OTP","text":"y","more":1}`, `{`, "template,category,text\nx,OTP," + strings.Repeat("y", maxText+1) + "\n",
	} {
		if _, err := ReadSamples([]byte(bad)); err == nil {
			t.Errorf("%.60q was taken", bad)
		}
	}
	for _, good := range []string{
		"template,category,text\nx,OTP,y\nz,MKT,\"a,b\"\n", `{"template":"x","category":"OTP","text":"y"}` + "\n" + `{"template":"z","category":"MKT","text":"a,b"}`,
	} {
		list, err := ReadSamples([]byte(good))
		if err != nil || len(list) != 2 || list[1].Text != "a,b" || list[1].class != marketing {
			t.Errorf("%q: %+v, %v", good, list, err)
		}
	}
}

func FuzzReadSamples(f *testing.F) {
	f.Add([]byte("template,category,text\nx,OTP,y\n"))
	f.Add([]byte(`{"template":"x","category":"OTP","text":"y"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := ReadSamples(b)
		for _, s := range list {
			if err == nil && (s.class < 0 || s.class >= classes) {
				t.Errorf("%+v", s)
			}
		}
	})
}

func FuzzScore(f *testing.F) {
	m, err := Builtin()
	if err != nil {
		f.Fatal(err)
	}
	f.Add("您的订单已发货")
	f.Fuzz(func(t *testing.T, s string) {
		score := m.Score(s)
		if p := score.Promotion(); p < 0 || p > 100 || p%10 != 0 {
			t.Errorf("%q: %v", s, score)
		}
	})
}

func BenchmarkScore(b *testing.B) {
	m, err := Builtin()
	if err != nil {
		b.Fatal(err)
	}
	folded := lexicon.Fold(strings.Repeat("尊敬的会员，今日全场八折，详询客服热线，", 10))
	b.ReportAllocs()
	for b.Loop() {
		m.Score(folded)
	}
}
