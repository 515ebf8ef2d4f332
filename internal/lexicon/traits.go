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
	Links       int    // addresses of the web, and bare IP addresses
	Contacts    int    // landlines, 400 numbers, and 95 numbers that are said to be telephones
	Private     int    // mobile numbers, QQ numbers and WeChat names
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

// Read finds a text's traits. folded is Fold(text).
func Read(text, folded string) Traits {
	t := Traits{Symbols: strings.ContainsFunc(text, symbol) || strings.Contains(folded, "^_^")}
	t.Refusal = refusalIn(closed(folded))
	t.RefusalLast = strings.HasSuffix(strings.TrimRight(folded, "。. "), "拒收请回复r")
	t.CodeWord = containsAny(folded, codeWords)
	var rest string
	t.Links, rest = links(folded)
	t.Contacts, t.Private = telephones(rest)
	t.Private += chats(rest)
	return t
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
	address = regexp.MustCompile(`[a-z][a-z0-9+]{1,11}://[!-~]*`) // with its scheme, up to what can't be in one
	bare    = regexp.MustCompile(`[a-z0-9\p{Han}-]+\s?\.\s?` + ending + `(?:[^a-z0-9]|$)|` +
		`[a-z0-9-]*[a-z][a-z0-9-]*\s?[。点]\s?` + ending + `(?:[^a-z0-9]|$)|` + // a code may stand before a stop
		`[a-z0-9\p{Han}-]\.(?:中国|公司|网络)|` +
		`(?:^|[^0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:[^0-9]|$)`)
)

// ending is how names of hosts end.
const ending = `(?:com|cn|net|org|top|xyz|cc|vip|io|co|me|info|biz|shop|site|club|online|link|ltd|tech|app|wang|ink|fun|store|cloud|tv|ren|so|im|work|live|pro|mobi|icu)`

// links counts addresses of the web, and gives the text without those that have a scheme:
// what stands in them is no telephone.
func links(folded string) (n int, rest string) {
	if strings.Contains(folded, "://") {
		n = len(address.FindAllStringIndex(folded, -1))
		folded = address.ReplaceAllString(folded, " ")
	}
	if dotted(folded) {
		n += len(bare.FindAllStringIndex(folded, -1))
	}
	return n, folded
}

// dotted tells whether something that may end an address follows a dot: a letter, the
// first character of 中国, 公司 or 网络, or a digit.
func dotted(folded string) bool {
	dot := false
	for _, r := range folded {
		if dot && (r == ' ' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '中' || r == '公' || r == '网') {
			return true
		}
		dot = r == '.' || r == '。' || r == '点'
	}
	return false
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
