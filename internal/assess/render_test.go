package assess

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/registry"
)

var han = regexp.MustCompile(`\p{Han}`)

// Each rendering says the verdict, what is missing with its article and amount, and the
// evidence on file; each in the language that was asked for.
func TestRenderings(t *testing.T) {
	c := loaded(t)
	r := judged(t, c, operator, noon, func(t *registry.Tables) {
		t.AccessCodes[0].Approval = ""
		t.Parties[0].Name = `<script>alert(1)</script>&"`
	})
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(raw, &back); err != nil || back.Verdict != r.Verdict || len(back.Lines) != len(r.Lines) || back.line(t, "code").State != Missing {
		t.Errorf("JSON: %v", err)
	}
	for l, want := range map[Language][]string{
		Zh:        {"不合法", "接入码经批准并在有效期内使用", "《电信条例》 第六十九条", "10万至100万元", "B2-1", "无从得知", "凭记忆，未核实", "PORT-01", "许可证"},
		En:        {"Not lawful", "Access codes are approved", "《电信条例》 第六十九条", "¥1,000,000", "B2-1", "cannot be known", "recalled, not verified", "PORT-01", "licence"},
		Bilingual: {"不合法", "Not lawful", "Access codes are approved", "接入码经批准并在有效期内使用"},
	} {
		page, err := r.HTML(l)
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, page)
		for form, text := range map[string]string{"text": r.Text(l), "html": string(page)} {
			for _, w := range want {
				if !strings.Contains(text, w) {
					t.Errorf("%s in %s lacks %s", form, l, w)
				}
			}
		}
	}
	if strings.Contains(r.Text(Zh), "cannot be known") || strings.Contains(r.Text(En), "无从得知") {
		t.Error("a language shows up in the other")
	}
	if _, err := r.HTML("fr"); err == nil {
		t.Error("there is no French")
	}
}

func TestAdviceRenders(t *testing.T) {
	c := loaded(t)
	a := c.Advise(Answers{"purpose": "customers", "price": "me", "licence": "none", "port": "leased"}, noon)
	for _, l := range []Language{Zh, En, Bilingual} {
		page, err := a.HTML(l)
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, page)
		for form, text := range map[string]string{"text": a.Text(l), "html": string(page)} {
			for _, w := range []string{"PORT-02", "《反电信网络诈骗法》 第四十四条", words["yours"].Zh} {
				if l == En && han.MatchString(w) && !strings.HasPrefix(w, "《") {
					w = words["yours"].En
				}
				if !strings.Contains(text, w) {
					t.Errorf("%s in %s lacks %s", form, l, w)
				}
			}
		}
	}
}

// wellFormed makes sure that a page is whole, runs nothing and loads nothing.
func wellFormed(t *testing.T, page []byte) {
	t.Helper()
	text := string(page)
	for _, bad := range []string{"<script", "http://", "https://", "src=", "url(", "@import"} {
		if i := strings.Index(text, bad); i >= 0 {
			t.Errorf("the page holds %q: %.80s", bad, text[i:])
		}
	}
	if regexp.MustCompile(`<[^>]* on[a-z]+=`).MatchString(text) {
		t.Error("the page has a handler of events")
	}
	if !strings.Contains(text, "@media print") {
		t.Error("the page is not made for print")
	}
	// With its two empty elements closed a page of HTML is XML.
	d := xml.NewDecoder(strings.NewReader(regexp.MustCompile(`<(meta|br)([^>]*)>`).ReplaceAllString(text, "<$1$2/>")))
	d.Entity = xml.HTMLEntity
	depth := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v", err)
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
	}
	if depth != 0 {
		t.Errorf("%d elements are left open", depth)
	}
}
