package lexicon

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kinds of what a sender may not pretend to be, by the words of which their names are made.
var (
	organs   = []string{"人民政府", "公安局", "派出所", "检察院", "法院", "税务局", "税务总局", "海关", "市场监督管理局", "市场监管局", "社保局", "社保中心", "医保局", "医疗保障局", "车管所", "交警支队", "交管局", "公积金中心", "民政局", "教育局", "财政局", "人社局", "住建局", "应急管理局", "仲裁委员会"}
	banks    = []string{"银行", "农信社", "信用社", "信用联社"}
	carriers = []string{"中国移动", "中国联通", "中国电信", "中国广电"}
	couriers = []string{"快递", "速运", "速递"}

	speaks = regexp.MustCompile(`(\p{Han}{0,4})(` + strings.Join(slices.Concat(organs, banks, carriers, couriers), "|") +
		`)(?:股份有限公司|信用卡中心|客服中心|客服|官方)?(?:温馨|友情|特别|郑重)?(?:提醒|提示|通知|告知)(?:您|你|:|,)`)
	ourBank = regexp.MustCompile(`(?:^|[^\p{Han}])我行(?:已|将|为您|客服|网点|信用卡|手机银行|贷款|于)`)

	// generic are words before a kind that make no name of it.
	generic = []string{"发卡", "开户", "您的", "各大", "合作", "收款", "付款", "相关", "所属", "我的", "他人", "不明", "冒充", "假冒"}
)

// mostSpeakers bounds how many are told.
const mostSpeakers = 3

// speakers lists in whose names a text speaks (建设银行提醒您), without saying whether it may.
func speakers(folded string) string {
	var out []string
	add := func(s string) {
		if len(out) < mostSpeakers && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	if containsAny(folded, []string{"提醒", "提示", "通知", "告知"}) {
		for _, m := range speaks.FindAllStringSubmatch(folded, -1) {
			switch before := lastTwo(m[1]); {
			case slices.Contains(organs, m[2]) || slices.Contains(carriers, m[2]):
				if !slices.Contains(generic, before) {
					add(m[2])
				}
			case before != "" && !slices.Contains(generic, before):
				add(before + m[2])
			}
		}
	}
	if strings.Contains(folded, "我行") && ourBank.MatchString(folded) {
		add("银行")
	}
	return strings.Join(out, " ")
}

// lastTwo is the end of a name, "" if it has less than two characters.
func lastTwo(s string) string {
	r := []rune(s)
	if len(r) < 2 {
		return ""
	}
	return string(r[len(r)-2:])
}

// Impersonated counts those in whose names a text speaks (Traits.Speaks) and who are not the
// provider: by its registered name, the signature, or by being an organ of the state (CNT-04).
func Impersonated(speaks, registered, signature string, organ bool) int {
	n := 0
	for _, name := range strings.Fields(speaks) {
		is := name
		for _, c := range couriers {
			if head, ok := strings.CutSuffix(name, c); ok && utf8.RuneCountInString(head) > 1 {
				is = head // 顺风快递 may be registered as 顺风速运
			}
		}
		if !strings.Contains(registered, is) && !strings.Contains(signature, is) && !(organ && slices.Contains(organs, name)) {
			n++
		}
	}
	return n
}

// Poses tells whether a signature is the name of an organ of the state, a bank or a carrier,
// which the provider's registered name does not bear out (SIG-10).
func Poses(signature, registered string, organ bool) bool {
	has := func(w string) bool { return strings.Contains(signature, w) && !strings.Contains(registered, w) }
	return !organ && slices.ContainsFunc(organs, has) || slices.ContainsFunc(banks, has) || slices.ContainsFunc(carriers, has)
}

// Lends tells whether a registered name is one that only a licensed lender may bear.
func Lends(registered string) bool {
	return containsAny(registered, []string{"银行", "信用社", "信用联社", "消费金融", "小额贷款", "融资担保", "典当", "汽车金融"})
}
