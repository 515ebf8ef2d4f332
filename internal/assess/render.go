package assess

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"github.com/zhunxin/zhunxin/internal/rulebook"
)

// Language is which texts a rendering shows.
type Language string

// The languages.
const (
	Zh        Language = "zh"
	En        Language = "en"
	Bilingual Language = "both"
)

// Of shows a text; sep stands between the two languages.
func (l Language) Of(b rulebook.Both, sep string) string {
	switch {
	case l == Zh || b.Zh == b.En:
		return b.Zh
	case l == En:
		return b.En
	default:
		return b.Zh + sep + b.En
	}
}

// Words of the renderings.
var words = map[string]rulebook.Both{
	"title": {Zh: "106短信业务合规评估", En: "Is this 106 SMS business lawful?"}, "party": {Zh: "主体", En: "Party"}, "at": {Zh: "评估时间", En: "Assessed"},
	"packs": {Zh: "规则库", En: "Rule packs"}, "verdict": {Zh: "结论", En: "Verdict"}, "above": {Zh: "上级链条", En: "Chain above"},
	"below": {Zh: "须担责的下级", En: "Parties below for which it answers"}, "others": {Zh: "未列出的还有", En: "not listed"}, "none": {Zh: "没有问题", En: "nothing against it"},
	"basis": {Zh: "依据", En: "Basis"}, "source": {Zh: "来源", En: "Source"}, "found": {Zh: "现状与证据", En: "On file"}, "exposure": {Zh: "风险", En: "Exposure"},
	"do": {Zh: "处理", En: "To do"}, "who": {Zh: "责任人", En: "Who"}, "by": {Zh: "期限", En: "By"}, "show": {Zh: "须出示", En: "To show"}, "ends": {Zh: "有效至", En: "Holds until"},
	"lead": {Zh: "约需%d天（自估）", En: "takes about %d days (our estimate)"}, "days": {Zh: "%d天", En: "%d days"}, "obligation": {Zh: "义务", En: "Obligation"}, "bars": {Zh: "不得继续", En: "bars"},
	"given": {Zh: "您的回答", En: "Your answers"}, "unanswered": {Zh: "未回答", En: "not answered"}, "modes": {Zh: "合法模式及所需", En: "The lawful modes and what they take"},
	"fits": {Zh: "符合您的描述", En: "what you describe"}, "open": {Zh: "现在可行", En: "open now"}, "unlawful": {Zh: "常见的违法做法", En: "Common arrangements that are unlawful"},
	"yours": {Zh: "您描述的做法", En: "as you describe it"}, "why": {Zh: "为什么", En: "Why"}, "instead": {Zh: "合法做法", En: "Lawful instead"},
	"capital": {Zh: "资本", En: "capital"}, "document": {Zh: "文件", En: "document"}, "money": {Zh: "费用", En: "money"},
	"time": {Zh: "准备时间", En: "Time"},
}

var stateWords = map[State]rulebook.Both{
	Missing: {Zh: "未满足", En: "missing"}, Expiring: {Zh: "将到期", En: "expiring"}, Unknown: {Zh: "无从得知", En: "cannot be known"}, Met: {Zh: "符合", En: "met"}, Idle: {Zh: "暂不适用", En: "does not apply now"},
}

//go:embed page.tmpl
var pageText string

// pages are self-contained, without scripts, and fit to be printed.
var pages = map[Language]*template.Template{Zh: parsePage(Zh), En: parsePage(En), Bilingual: parsePage(Bilingual)}

func parsePage(l Language) *template.Template {
	show := func(b rulebook.Both) template.HTML {
		zh, en := template.HTMLEscapeString(b.Zh), template.HTMLEscapeString(b.En)
		if l == Bilingual && zh != en {
			zh += ` <span class="en" lang="en">` + en + `</span>`
		} else if l == En {
			zh = en
		}
		return template.HTML(zh) //nolint:gosec // both texts were escaped above
	}
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"w": func(key string) template.HTML { return show(words[key]) }, "t": show, "state": func(s State) template.HTML { return show(stateWords[s]) },
		"stateOrder": func() []State { return stateOrder },
		"days":       func(n int, key string) template.HTML { return show(say(words[key].Zh, words[key].En, n)) },
		"firm":       verified,
		"lang": func() string {
			if l == En {
				return "en"
			}
			return "zh-CN"
		},
	}).Parse(pageText))
}

// HTML renders the report as a page.
func (r *Report) HTML(l Language) ([]byte, error) { return render("report", l, r) }

// HTML renders the advice as a page.
func (a *Advice) HTML(l Language) ([]byte, error) { return render("advice", l, a) }

func render(name string, l Language, data any) ([]byte, error) {
	t := pages[l]
	if t == nil {
		return nil, fmt.Errorf("language %q is none of zh, en, both", l)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, name, data); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// printer writes a report as text.
type printer struct {
	strings.Builder
	l Language
}

func (p *printer) word(key string) string { return p.l.Of(words[key], " ") }

// field writes a labelled paragraph under an item.
func (p *printer) field(key, text string) {
	if text != "" {
		fmt.Fprintf(p, "    %s: %s\n", p.word(key), text)
	}
}

// item writes texts, each of their languages on a line of its own.
func (p *printer) item(key string, list ...rulebook.Both) {
	var text []string
	for _, b := range list {
		text = append(text, p.l.Of(b, "\n      "))
	}
	p.field(key, strings.Join(text, "\n    - "))
}

func (p *printer) heading(key string) { fmt.Fprintf(p, "\n== %s\n", p.word(key)) }

// Text renders the report for a terminal.
func (r *Report) Text(l Language) string {
	p := &printer{l: l}
	fmt.Fprintf(p, "%s\n%s: %s (%s), %s, %s\n%s: %s  %s: %s\n", p.word("title"), p.word("party"), r.Party.Name, r.Party.ID, r.Party.USCC, l.Of(r.Party.Role, " "), p.word("at"), r.At, p.word("packs"), r.Packs)
	fmt.Fprintf(p, "\n** %s\n   %s\n  ", l.Of(r.Verdict.Title, " "), l.Of(r.Verdict.Text, "\n   "))
	for _, s := range stateOrder {
		if r.Counts[s] > 0 {
			fmt.Fprintf(p, " %s %d;", l.Of(stateWords[s], " "), r.Counts[s])
		}
	}
	p.WriteString("\n")
	last := State("")
	for _, x := range r.Lines {
		if x.State != last {
			fmt.Fprintf(p, "\n== %s\n", l.Of(stateWords[x.State], " "))
			last = x.State
		}
		p.line(&x)
	}
	p.neighbours("above", r.Above)
	p.neighbours("below", r.Below)
	if r.Others > 0 {
		fmt.Fprintf(p, "  + %d %s\n", r.Others, p.word("others"))
	}
	fmt.Fprintf(p, "\n%s\n", l.Of(r.Notice, "\n"))
	return p.String()
}

func (p *printer) line(x *Line) {
	bars := ""
	if x.State == Missing && x.Bars {
		bars = "  !! " + p.word("bars")
	}
	fmt.Fprintf(p, "\n- %s%s\n    %s\n", p.l.Of(x.Title, "\n  "), bars, strings.Join(x.Rules, ", "))
	p.item("found", x.Found...)
	p.field("ends", x.Ends)
	if x.State == Idle {
		return
	}
	p.field("basis", strings.Join(x.Basis, "; ")+" ["+x.Status+" "+p.l.Of(x.Source, " ")+"]")
	if x.State == Met {
		return
	}
	p.penalties(x.Exposure)
	if x.State == Unknown {
		p.item("show", x.Show)
	}
	p.item("do", x.Do)
	p.item("who", x.Who)
	lead := ""
	if x.LeadDays > 0 {
		lead = "  " + p.l.Of(say(words["lead"].Zh, words["lead"].En, x.LeadDays), " ")
	}
	p.field("by", x.By+lead)
}

func (p *printer) penalties(list []Penalty) {
	for _, e := range list {
		text := p.l.Of(e.Text, "\n      ")
		if e.Article != "" {
			text = e.Article + ": " + text
		}
		p.field("exposure", text)
	}
}

func (p *printer) neighbours(key string, list []Neighbour) {
	if len(list) == 0 {
		return
	}
	p.heading(key)
	for _, n := range list {
		fmt.Fprintf(p, "- %s (%s), %s\n", n.Name, n.ID, p.l.Of(n.Role, " "))
		for _, t := range n.Against {
			fmt.Fprintf(p, "    %s: %s\n", p.l.Of(stateWords[Missing], " "), p.l.Of(t, "\n      "))
		}
		if len(n.Against) == 0 {
			fmt.Fprintf(p, "    %s\n", p.word("none"))
		}
	}
}

// Text renders the advice for a terminal.
func (a *Advice) Text(l Language) string {
	p := &printer{l: l}
	fmt.Fprintf(p, "%s\n%s: %s  %s: %s\n\n** %s\n   %s\n", p.word("title"), p.word("at"), a.At, p.word("packs"), a.Packs, l.Of(a.Verdict.Title, " "), l.Of(a.Verdict.Text, "\n   "))
	p.heading("modes")
	for _, m := range a.Modes {
		mark := ""
		if m.ID == a.Fits {
			mark = "  <- " + p.word("fits")
		}
		if m.ID == a.Open {
			mark += "  <- " + p.word("open")
		}
		fmt.Fprintf(p, "\n- %s%s\n    %s\n", l.Of(m.Title, "\n  "), mark, l.Of(m.Says, "\n    "))
		p.field("basis", strings.Join(m.Basis, "; ")+" ["+m.Status+" "+l.Of(m.Source, " ")+"]")
		for _, n := range m.Needs {
			took := ""
			if n.Days > 0 {
				took = ", " + l.Of(say(words["days"].Zh, words["days"].En, n.Days), " ")
			}
			fmt.Fprintf(p, "    * %s, %s%s: %s\n      %s [%s %s]\n", l.Of(stateWords[n.State], " "), p.word(n.Kind), took, l.Of(n.Text, "\n      "), strings.Join(n.Basis, "; "), n.Status, l.Of(n.Source, " "))
		}
		p.field("time", l.Of(say(words["lead"].Zh, words["lead"].En, m.Days), " "))
	}
	p.heading("unlawful")
	for _, x := range a.Unlawful {
		mark := ""
		if x.Yours {
			mark = "  !! " + p.word("yours")
		}
		fmt.Fprintf(p, "\n- %s%s\n    %s\n", l.Of(x.Title, "\n  "), mark, strings.Join(x.Rules, ", "))
		p.item("why", x.Why)
		p.field("basis", strings.Join(x.Basis, "; ")+" ["+x.Status+" "+l.Of(x.Source, " ")+"]")
		p.penalties(x.Exposure)
		p.item("instead", x.Instead)
	}
	p.heading("given")
	for _, g := range a.Given {
		answer := l.Of(g.Answer, " ")
		if answer == "" {
			answer = p.word("unanswered")
		}
		fmt.Fprintf(p, "- %s: %s\n", l.Of(g.Question, " "), answer)
	}
	fmt.Fprintf(p, "\n%s\n", l.Of(a.Notice, "\n"))
	return p.String()
}
