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
	codeWords = []string{"验证码", "注册码", "校验码", "动态码", "动态密码"}
	refusals  = []string{"拒收", "退订", "不再接收", "取消订阅"} // one of them begins every instruction
)

// refusal is the instruction how to refuse, and the reply.
var refusal = regexp.MustCompile(`^(?:拒收|退订|不再接收|取消订阅)(?:此类|营销|短信|消息){0,2},?\s?(?:请|可)?(?:直接)?(?:回复?|发送?)\s?["“'‘「]?\s?([a-z]{1,11}|0000|退订|拒收|取消订阅|取消)`)

// Read finds a text's traits. folded is Fold(text).
func Read(text, folded string) Traits {
	t := Traits{Symbols: strings.ContainsFunc(text, symbol) || strings.Contains(folded, "^_^")}
	t.Refusal = refusalIn(folded)
	t.RefusalLast = strings.HasSuffix(strings.TrimRight(folded, "。. "), "拒收请回复r")
	t.CodeWord = containsAny(folded, codeWords)
	t.Links = links(folded)
	t.Contacts, t.Private = telephones(folded)
	t.Private += chats(folded)
	return t
}

// refusalIn finds the first instruction how to refuse and gives its reply.
func refusalIn(folded string) string {
	for _, w := range refusals {
		for at := 0; ; at += len(w) {
			i := strings.Index(folded[at:], w)
			if i < 0 {
				break
			}
			at += i
			if m := refusal.FindStringSubmatch(folded[at:]); m != nil {
				return m[1]
			}
		}
	}
	return ""
}

var (
	address = regexp.MustCompile(`https?://[!-~]*`) // with its scheme, up to what can't be in one
	bare    = regexp.MustCompile(`(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?[.。点])+(?:com|cn|net|org|top|xyz|cc|vip|io|co|me|info|biz|shop|site|club|online|link|ltd|tech|app|wang|ink|fun)(?:[^a-z0-9]|$)|` +
		`[a-z0-9-][.。](?:中国|公司|网络)|` +
		`(?:^|[^0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:[^0-9.]|$)`)
)

// links counts addresses of the web.
func links(folded string) int {
	n := 0
	if strings.Contains(folded, "://") {
		n = len(address.FindAllStringIndex(folded, -1))
		folded = address.ReplaceAllString(folded, " ")
	}
	if dotted(folded) {
		n += len(bare.FindAllStringIndex(folded, -1))
	}
	return n
}

// dotted tells whether something that may end an address follows a dot: a letter, the
// first character of 中国, 公司 or 网络, or a digit.
func dotted(folded string) bool {
	dot := false
	for _, r := range folded {
		if dot && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '中' || r == '公' || r == '网') {
			return true
		}
		dot = r == '.' || r == '。' || r == '点'
	}
	return false
}

var (
	qq     = regexp.MustCompile(`(?:qq|扣扣|企鹅)(?:群|号|号码)?[^0-9a-z]{0,3}[1-9][0-9]{4,10}(?:[^0-9]|$)`)
	wechat = regexp.MustCompile(`(?:微信|威信|薇信|v信|wx|vx|weixin|wechat)(?:(?:号|id|账号)[^0-9a-z]{0,2}|[:=]\s?)[a-z][-_a-z0-9]{5,19}|` +
		`(?:微信|威信|薇信|v信|wx|vx|weixin|wechat)[^0-9a-z]{0,2}[a-z][-_a-z]{0,18}[0-9]`)
)

// chats counts accounts of chat programs.
func chats(folded string) int {
	n := 0
	if containsAny(folded, []string{"qq", "扣扣", "企鹅"}) {
		n += len(qq.FindAllStringIndex(folded, -1))
	}
	if containsAny(folded, []string{"微信", "威信", "薇信", "v信", "wx", "vx", "weixin", "wechat"}) {
		n += len(wechat.FindAllStringIndex(folded, -1))
	}
	return n
}

func containsAny(text string, words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}
