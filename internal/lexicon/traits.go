package lexicon

import (
	"regexp"
	"slices"
	"strings"
)

// Traits is what a text holds. It is comparable, so that texts that are alike in it
// can be judged once.
type Traits struct {
	Refusal     string // the reply by which it says one refuses, folded; "" if it says none
	RefusalLast bool   // it ends with 拒收请回复R (TPL-08)
	Symbols     bool   // it is decorated with signs that carriers refuse (TPL-03)
	CodeWord    bool   // it says that it brings a code (TPL-06)
	Addressed   bool   // it speaks to members (TPL-08)
	Speaks      string // in whose names it speaks, see Impersonated (CNT-04)

	Links      int // addresses of the web, and bare IP addresses
	Shorteners int // of them, those of services that shorten addresses
	Lookalikes int // of them, those that look like a known name's and are not
	Programs   int // names of programs: .apk, .exe
	Contacts   int // landlines, 400 numbers, and 95 numbers that are said to be telephones
	Private    int // mobile numbers, QQ numbers and WeChat names

	NotMedicine bool // it says that the goods can't stand in for medicine (AD-07)
	RiskNotice  bool // it says that there is a risk (AD-11)
	TravelTime  bool // it tells a distance by the minutes that it takes (AD-12)
	Gift        bool // it promises something for nothing (AD-13)
	Quantity    bool // and how much
	Dated       bool // it names a day or a period, beside a gift or what urges to buy (AD-13)
	Statistics  bool // it gives a share or a rate in per cent (AD-14)
	PatentNo    bool // it gives a patent's kind and number (AD-15)
}

// Mark is where a link or a telephone stands in a text, in bytes.
type Mark struct {
	Link     bool // the others are public telephones
	From, To int
	Value    string // host and path in small letters, without scheme and port; or digits
}

// symbols are the signs that carriers refuse in a body (TPL-03).
const symbols = "￥¥★☆※☞☜✓✔→←◆■●▲♥♡♪"

func symbol(r rune) bool {
	return r >= 0x80 && (r < 0x3000 || r > 0x9fff) && strings.ContainsRune(symbols, r) // none is among the Han
}

var (
	codeWords = []string{"验证码", "注册码", "校验码", "动态码", "动态密码", "动态口令", "登录码", "登录密码", "认证码", "确认码", "verification code"}
	refusals  = []string{"拒收", "退订", "不再接收", "取消订阅", "不想收到", "不需要"} // one of them is in every instruction
)

// refusal is the instruction how to refuse, either way round, and the reply.
var refusal = regexp.MustCompile(oneOf(refusals) + `(?:此类|本|该|营销|短信|消息){0,3},?\s{0,3}(?:请|可)?(?:直接)?(?:回复?|发送?)[:\s]{0,3}["“'‘「【]?\s?([a-z]{1,11}|[0-9]{1,4}|退订|拒收|取消订阅|取消)|` +
	`(?:回复?|发送?)[:\s]{0,3}["“'‘「【]?([a-z]{1,11}|[0-9]{1,4})["”'’」】]?\s?(?:即可)?(?:退订|拒收|取消订阅)|` +
	`[^a-z0-9](td|t|r|n)(?:退订|拒收)`)

// Read finds a text's traits, and where its links and public telephones stand. folded is
// Fold(text).
func Read(text, folded string) (Traits, []Mark) {
	t := Traits{Symbols: strings.ContainsFunc(text, symbol) || strings.Contains(folded, "^_^")}
	t.Refusal = refusalIn(closed(folded))
	t.RefusalLast = strings.HasSuffix(strings.TrimRight(folded, "。. "), "拒收请回复r")
	t.CodeWord = containsAny(folded, codeWords)
	t.Speaks = speakers(folded)
	t.advert(folded)
	s := search{text: text, folded: folded}
	found, rest := links(folded)
	marks := t.web(&s, found)
	public, mobile := telephones(rest)
	for _, at := range public {
		from, to := s.source(at[0], at[1])
		marks = append(marks, Mark{false, from, to, digits(rest[at[0]:at[1]])})
	}
	t.Contacts, t.Private = len(public), mobile+chats(rest)
	return t, marks
}

// web judges the addresses of a text.
func (t *Traits) web(s *search, found []link) []Mark {
	var marks []Mark
	for _, l := range found {
		from, to := s.source(l.from, l.to)
		marks = append(marks, Mark{true, from, to, l.host + pathOf(s.folded[l.from:l.to])})
		t.Links++
		if short(l.host) {
			t.Shorteners++
		}
		if imitates(l.host) || owned(l.host) && !genuine(s.text[from:to]) {
			t.Lookalikes++
		}
	}
	t.Programs = len(program.FindAllStringIndex(s.folded, -1))
	return marks
}

// elsewhere goes on with the number to which the reply is sent: it ends a service of a
// carrier, and refuses no messages of this sender.
var elsewhere = regexp.MustCompile(`^["”'’」】]?(?:至|到)[0-9]`)

// refusalIn finds the first instruction how to refuse and gives its reply.
func refusalIn(folded string) string {
	from, to := len(folded), 0
	for _, w := range refusals {
		if i := strings.Index(folded, w); i >= 0 {
			from, to = min(from, i), max(to, strings.LastIndex(folded, w)+len(w))
		}
	}
	if from > to {
		return ""
	}
	// What belongs to it stands near: the rest is not searched.
	near := strings.ToValidUTF8(folded[max(0, from-60):min(len(folded), to+120)], "")
	for _, at := range refusal.FindAllStringSubmatchIndex(near, -1) {
		if at[2] >= 0 && elsewhere.MatchString(near[at[1]:]) {
			continue
		}
		for i := 2; i < len(at); i += 2 { // one of the ways to say it
			if at[i] >= 0 {
				return near[at[i]:at[i+1]]
			}
		}
	}
	return ""
}

var (
	qqNames   = []string{"qq", "扣扣", "企鹅"}
	chatNames = []string{"微信", "威信", "薇信", "v信", "wx", "vx", "weixin", "wechat"}

	qq     = regexp.MustCompile(oneOf(qqNames) + `(?:群|号|号码|群号){0,2}[:是为\s]{0,2}[1-9][0-9]{4,10}(?:[^0-9a-z首个年月日次张分元]|$)`)
	wechat = regexp.MustCompile(oneOf(chatNames) + `(?:(?:号|id|账号)[:是为\s]{0,2}|:\s?)[a-z][-_a-z0-9]{5,19}|` +
		`加` + oneOf(chatNames) + `[\s:]?[a-z][-_a-z0-9]{5,19}`)
)

// chats counts accounts of chat programs.
func chats(folded string) int {
	n := 0
	if containsAny(folded, qqNames) {
		n += len(qq.FindAllStringIndex(folded, -1))
	}
	if containsAny(folded, chatNames) {
		n += len(wechat.FindAllStringIndex(folded, -1))
	}
	return n
}

// oneOf is a pattern for one of some words.
func oneOf(words []string) string { return "(?:" + strings.Join(words, "|") + ")" }

func containsAny(text string, words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}
