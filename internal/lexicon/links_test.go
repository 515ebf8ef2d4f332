package lexicon

import (
	"strings"
	"testing"
)

func TestLinksAreJudgedByTheirHosts(t *testing.T) {
	t.Parallel()
	type counts struct{ links, short, like, programs int }
	for text, want := range map[string]counts{
		"详见https://example.com/a":              {links: 1},
		"详见www.example.com.cn/b.cn?x=y.com，谢谢": {links: 1},
		"详见http://t.cn/abc":                    {links: 1, short: 1},
		"详见dwz.cn/abc":                         {links: 1, short: 1},
		"详见ｄｗｚ。ｃｎ/abc":                         {links: 1, short: 1},
		"详见dwz点cn":                             {links: 1, short: 1},
		"详见adwz.cn":                            {links: 1},
		"登录www.icbc.com.cn办理":                  {links: 1},
		"登录mybank.icbc.com.cn/x":               {links: 1},
		"登录icbc.com.cn.example.top/x":          {links: 1, like: 1},
		"登录https://a.icbc.com.cn.example.top":  {links: 1, like: 1},
		"登录1cbc.example.com":                   {links: 1},
		"登录1cbc.top":                           {links: 1, like: 1},
		"登录icbc-login.top":                     {links: 1, like: 1},
		"登录www.alipay.com":                     {links: 1},
		"登录www.аlipay.com":                     {links: 1, like: 1}, // the first letter is Cyrillic
		"登录ali\u200bpay.com":                   {links: 1, like: 1},
		"登录tа0bao.com":                         {links: 1, like: 1},
		"登录https://user@10086.example.com":     {links: 1},
		"登录l0086.cn":                           {links: 1, like: 1},
		"登录10086.cn":                           {links: 1},
		"http://example.com:8080/a/b.APK":      {links: 1, programs: 1},
		"安装包shop.apk":                          {programs: 1},
		"版本1.2.exercise":                       {},
		"详见a.example.com 或 b.example.com":      {links: 2},
		"验证码ab12。Com公司提醒":                      {links: 1}, // what looks like an address is one
		"价格12.50元，2026.11.24":                  {},
		"详见https://例子.com":                     {links: 1},
		"http://example.com/?u=http://dwz.cn/": {links: 1},
	} {
		got := read(text)
		if (counts{got.Links, got.Shorteners, got.Lookalikes, got.Programs}) != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

// Marks say where links and telephones stand in the text as it came.
func TestMarksStandWhereTheyAre(t *testing.T) {
	t.Parallel()
	const text = "【】，详见ｗｗｗ．example.com/a，电话 010 0000 0000或热线９５０００，再见https://example.org，400-000-0000。"
	_, marks := Read(text, Fold(text))
	got, values := "", ""
	for _, m := range marks {
		got += map[bool]string{true: "link ", false: "tel "}[m.Link] + text[m.From:m.To] + "|"
		values += m.Value + "|"
	}
	if want := "example.org|www.example.com/a|01000000000|95000|4000000000|"; values != want {
		t.Errorf("got %s, want %s", values, want)
	}
	if want := "link https://example.org|link ｗｗｗ．example.com/a|tel 010 0000 0000|tel ９５０００|tel 400-000-0000|"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSpeakers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"尊敬的客户，示例银行提醒您，账单已出":          "示例银行",
		"示例银行信用卡中心温馨提醒您":              "示例银行",
		"示例市人民法院通知您到庭":                "法院",
		"国家税务总局通知：请申报":                "税务总局",
		"中国移动温馨提示:话费不足":               "中国移动",
		"示例快递通知您取件":                   "示例快递",
		"我行已为您办理":                     "银行",
		"您的示例银行卡尾号0000消费12元":          "",
		"请到市税务局办理，如有疑问请提醒您的会计":        "",
		"公安机关提醒您谨防诈骗":                 "",
		"发卡银行提醒您":                     "",
		"您的快递提醒您取件":                   "",
		"我行我素系列新品":                    "",
		"快递通知您取件":                     "",
		"假冒银行通知您转账的短信请勿相信":            "",
		"示例銀行提醒您":                     "示例银行",
		"示例银行提醒您。示例市海关通知您。我行已办理":      "示例银行 海关 银行",
		"您在示例银行的贷款已放款，请关注通知，你的还款日是5日": "",
	} {
		if got := read(text).Speaks; got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	for _, c := range []struct {
		speaks, registered, signature string
		organ                         bool
		want                          int
	}{
		{"示例银行", "示例银行股份有限公司", "示例银行", false, 0},
		{"示例银行", "准信科技有限公司", "准信科技", false, 1},
		{"示例快递", "示例速运有限公司", "示例速运", false, 0},
		{"示例快递", "准信科技有限公司", "准信科技", false, 1},
		{"法院", "某市人民法院", "某市法院", true, 0},
		{"税务局", "某市纳税服务中心", "某市税务", true, 0},
		{"税务局", "某市代理记账有限公司", "某账", false, 1},
		{"示例银行 海关", "示例银行股份有限公司", "示例银行", false, 1},
		{"银行", "示例银行股份有限公司", "示例", true, 0},
		{"银行", "某市机关", "某市", true, 1},
		{"", "", "", false, 0},
	} {
		if got := Impersonated(c.speaks, c.registered, c.signature, c.organ); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

func TestSignaturesThatPose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		signature, registered string
		organ, want           bool
	}{
		{"准信科技", "准信科技有限公司", false, false},
		{"示例银行", "准信科技有限公司", false, true},
		{"示例银行", "示例银行股份有限公司", false, false},
		{"示例银行", "某市机关", true, true},
		{"某市税务局", "国家税务总局某市税务局", true, false},
		{"某市税务局", "某市纳税服务中心", true, false},
		{"某市税务局", "准信科技有限公司", false, true},
		{"法院路饭店", "某市法院路饭店有限公司", false, false},
		{"中国移动", "准信科技有限公司", false, true},
	} {
		if got := Poses(c.signature, c.registered, c.organ); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
	if !Lends("示例小额贷款有限公司") || Lends("准信科技有限公司") {
		t.Error("lenders are told by their registered name")
	}
}

func TestAdvertTraits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"尊敬的会员，全场八折":           "addressed",
		"全场八折":                 "",
		"本品不能代替药物":             "medicine",
		"投资有风险，选择需谨慎":          "risk",
		"地铁口物业，10分钟直达市中心":      "travel",
		"30分钟到店，五分钟到账":         "",
		"买二送一":                 "gift",
		"满200元送红包一个，11月30日前":   "gift quantity dated",
		"免费送货到家，派送及时":          "",
		"赠送洗衣液":                "gift",
		"30分钟送达，外卖满20元起送":      "",
		"会员日仅限今日":              "addressed",
		"最后一波，仅限今日":            "dated",
		"好评率99%":               "statistics",
		"98%的用户选择":             "statistics",
		"100%纯棉，优惠20%":         "",
		"发明专利ZL202000000000.0": "patent",
		"专利产品":                 "",
		"发明专利产品":               "",
	} {
		g, got := read(text), []string{}
		for _, x := range []struct {
			is   bool
			name string
		}{
			{g.Addressed, "addressed"},
			{g.NotMedicine, "medicine"},
			{g.RiskNotice, "risk"},
			{g.TravelTime, "travel"},
			{g.Gift, "gift"},
			{g.Quantity, "quantity"},
			{g.Dated, "dated"},
			{g.Statistics, "statistics"},
			{g.PatentNo, "patent"},
		} {
			if x.is {
				got = append(got, x.name)
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q: got %q, want %q", text, s, want)
		}
	}
}
