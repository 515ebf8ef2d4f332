package lexicon

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func read(text string) Traits {
	t, _ := Read(text, Fold(text))
	return t
}

func TestTraits(t *testing.T) {
	t.Parallel()
	const (
		mobile  = "17000000001"
		newline = "\n"
	)
	for text, want := range map[string]Traits{
		"您的验证码是246810，5分钟内有效。":                      {CodeWord: true},
		"您的验证码是950123，5分钟内有效。":                      {CodeWord: true}, // no telephone announces itself so
		"您的动态密码为4001234567":                         {CodeWord: true, Contacts: 1},
		"会员日全场八折，仅限今日，拒收请回复R":                       {Refusal: "r", RefusalLast: true},
		"会员日全场八折，拒收请回复Ｒ。":                           {Refusal: "r", RefusalLast: true},
		"会员日全场八折，退订回T":                              {Refusal: "t"},
		"退订请回复“TD”，会员日全场八折":                         {Refusal: "td"},
		"会员日全场八折，拒收请回复退订":                           {Refusal: "退订"},
		"不想收到请到店里说":                                 {},
		"您已退订，感谢支持":                                 {},
		"★会员日★":                                     {Symbols: true},
		"会员日^_^":                                    {Symbols: true},
		"实付￥12":                                     {Symbols: true},
		"详见https://example.com/a.cn?b=1":            {Links: 1},
		"详见 http://example.com 和http://example.org": {Links: 2},
		"详见 example.com，或m.example.cn":              {Links: 2},
		"详见ｅｘａｍｐｌｅ．ｃｏｍ":                             {Links: 1},
		"详见exam\u200bple。com":                       {Links: 1},
		"详见example点com":                             {Links: 1},
		"详见192.0.2.1":                               {Links: 1},
		"共12.50元，2026.11.24前有效，版本1.2.3":             {},
		"您的订单20261124已发货。":                          {},
		"有效期2026-11-24 13:00":                       {},
		"13-15日 2026-1-24":                          {},
		"请联系" + mobile:                              {Private: 1},
		"请联系+86 170-0000-0001":                      {Private: 1},
		"请联系86" + mobile + newline:                  {Private: 1},
		"请联系1 7 0 0 0 0 0 0 0 0 1":                  {Private: 1},
		"请联系１７０ ００００ ０００１":                          {Private: 1},
		"请联系①⑦⓪⓪⓪⓪⓪⓪⓪⓪①":                            {Private: 1},
		"请联系1️⃣7️⃣0️⃣0️⃣0️⃣0️⃣0️⃣0️⃣0️⃣0️⃣1️⃣":        {Private: 1},
		"请联系一七零零零零零零零零幺":                              {Private: 1},
		"请联系17\u200b000000001":                        {Private: 1},
		"单号9170000000012":                             {}, // longer than any telephone number
		"电话010-00000000":                              {Contacts: 1},
		"电话01000000000、4000000000":                    {Contacts: 2},
		"客服400-000-0000":                              {Contacts: 1},
		"客服热线95000":                                   {Contacts: 1},
		"单号95000":                                     {},
		"加QQ：100000":                                  {Private: 1},
		"扣扣群 1000000":                                 {Private: 1},
		"加微信号zhunxin_sample":                          {Private: 1},
		"加V信abc1234":                                  {Private: 1},
		"微信：zhunxin":                                  {Private: 1},
		"使用微信WeChatPay支付":                             {},
		"请联系17000000001 17000000002":                  {Private: 2},
		"请联系17000000001/17000000002":                  {Private: 2},
		"请联系17000000001 2楼":                           {Private: 1},
		"送至3 17000000001":                             {Private: 1},
		"请联系17000000001一起来":                           {Private: 1},
		"请联系008617000000001":                          {Private: 1},
		"请联系170–0000–0001":                            {Private: 1},
		"请联系170  0000  0001":                          {Private: 1},
		"请联系(170)0000-0001":                           {Private: 1},
		"请联系170\n0000\n0001":                          {Private: 1},
		"请联系17000 000001":                             {Private: 1},
		"请联系❶❼⓿⓿⓿⓿⓿⓿⓿⓿❶":                              {Private: 1},
		"请联系1٧٠٠٠٠٠٠٠٠1":                              {Private: 1},
		"请联系1700000ㅤ0001":                             {Private: 1},
		"15-30元 2026-11-2":                            {},
		"活动15-30 2026-11-2":                           {},
		"价格1899、1699、129元":                            {},
		"电话(010)00000000、(021)00000000、(022)00000000": {Contacts: 3},
		"客服电话为95000、热线（95001）、拨95002":                 {Contacts: 3},
		"会员日全场八折，回T退订":                                {Refusal: "t"},
		"会员日全场八折，回复TD退订":                              {Refusal: "td"},
		"会员日全场八折，TD退订":                                {Refusal: "td"},
		"会员日全场八折，退订回复：T":                              {Refusal: "t"},
		"会员日全场八折，退订请回复1":                              {Refusal: "1"},
		"会员日全场八折，不想收到请回复N":                            {Refusal: "n"},
		"会员日全场八折，拒 收请回复R":                             {Refusal: "r"},
		"会员日全场八折，退订本短信请回复T":                           {Refusal: "t"},
		"详见例子.com":                                    {Links: 1},
		"详见例子.中国":                                     {Links: 1},
		"详见192.0.2.1.":                                {Links: 1},
		"详见example .com":                              {Links: 1},
		"详见weixin://dl/abc":                           {Links: 1},
		"您的QQ验证码123456，请勿泄露":                          {CodeWord: true},
		"您的验证码是246810。APP登录使用":                        {CodeWord: true},
		"您的验证码是246810。中国电信提醒您":                        {CodeWord: true},
		"您的验证码是246810。公司不会索要":                         {CodeWord: true},
		"客服 955123是您的验证码":                             {CodeWord: true},
		"动态口令123456":                                  {CodeWord: true},
		"Your verification code is 1234":              {CodeWord: true},
		"今晚8点APP开抢":                                   {},
		"QQ音乐10086首歌":                                 {},
		"QQ币10000个":                                   {},
		"请升级微信iOS8版本":                                 {},
		"打开微信App1.2":                                  {},
		"https://example.com/wx/ab1":                  {Links: 1},
		"https://example.com/t?id=17000000001":        {Links: 1},
		"加微信zhunxin":                                  {Private: 1},
		"您已订购流量包，退订请发送QXLL至10086":                     {},
		"请联系1七零零零零零零零零1":                              {Private: 1},
		"退订流量包请发送QXLL至10086，会员日全场八折，拒收请回复R": {Refusal: "r", RefusalLast: true},
		"退订请发送QXLL至10086，拒收请回复R":            {Refusal: "r", RefusalLast: true},
		"关注微信公众号领取":                         {},
	} {
		// Addressees, days and the like have tests of their own.
		got := read(text)
		if got = (Traits{
			Refusal: got.Refusal, RefusalLast: got.RefusalLast, Symbols: got.Symbols, CodeWord: got.CodeWord, Links: got.Links,
			Contacts: got.Contacts, Private: got.Private,
		}); got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}

// What a sender hides from the eye changes nothing of what is found.
func TestHiddenCharactersChangeNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"请联系17000000001", "详见example.com/x", "加QQ：100000", "会员日，拒收请回复R", "您的验证码是1234"} {
		want := read(text)
		for _, hidden := range []string{"\u200b", "\u200d", "\ufeff", "\u00ad", "\ufe0f", "\u0301"} {
			if got := read(strings.Join(strings.Split(text, ""), hidden)); got != want {
				t.Errorf("%q with %+q between: got %+v, want %+v", text, hidden, got, want)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"详见 http://example.com", "请联系1 7 0 0 0", "加QQ：100000", "拒收请回复R", "\xff0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := read(s)
		if got.Links < 0 || got.Links > len(s) || got.Contacts+got.Private > len(s) {
			t.Errorf("%q: %+v", s, got)
		}
		if utf8.ValidString(s) && Fold(Fold(s)) != Fold(s) {
			t.Errorf("%q folds to %q and that to %q", s, Fold(s), Fold(Fold(s)))
		}
	})
}

func BenchmarkRead(b *testing.B) {
	for name, text := range map[string]string{
		"code":      "【准信示例】您的验证码是246810，5分钟内有效。",
		"marketing": "【准信示例】尊敬的会员，会员日全场八折，仅限今日，详见https://example.com/a，拒收请回复R",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				read(text)
			}
		})
	}
}
