package lexicon

import (
	"regexp"
	"strings"
)

// What the Advertising Law asks of a text that only patterns tell.
var (
	addressees = []string{"会员", "尊敬的", "亲爱的", "贵宾", "vip", "老客户", "老顾客", "新老客户", "老用户", "粉丝", "业主", "车主", "学员", "家长", "各位"}

	notMedicine = regexp.MustCompile(`不(?:能|可)(?:代替|替代)药`)
	risk        = []string{"投资有风险", "风险自担", "理财非存款", "风险提示", "市场有风险", "投资需谨慎", "投资须谨慎", "入市需谨慎"}
	travel      = regexp.MustCompile(`[0-9一二三四五六七八九十两半]{1,3}(?:-[0-9]{1,3})?分钟(?:内|即可|便可|车程|路程)?(?:直达|直通|即达|可达|到达|抵达|到|至)(?:[^账店期货场款]|$)`)
	gift        = regexp.MustCompile(`[买满购充][^,。;!?起]{0,8}[送赠](?:[^货达餐]|$)|赠送|附赠|加赠|赠品|免费送(?:[^货达餐上]|$)|再送|好礼相送|礼品相送|送(?:好礼|大礼|礼品|豪礼|赠品)`)
	quantity    = regexp.MustCompile(`[0-9一二两三四五六七八九十百半][0-9一二两三四五六七八九十百千万,.]*\s?(?:元|块|件|份|张|个|盒|瓶|套|包|支|只|次|杯|台|袋|斤|克|g|kg|ml|天|小时|积分|年|月|对|双|本|条|箱|桶|罐)`)
	day         = regexp.MustCompile(`[0-9]{1,2}月[0-9]{1,2}[日号]?|20[0-9]{2}[-/.][0-9]{1,2}|[0-9]{1,2}\.[0-9]{1,2}-|(?:^|[^0-9/])[0-9]{1,2}/[0-9]{1,2}(?:[^0-9/]|$)|[0-9]{1,2}[日号](?:前|止|至|截止|截至|结束)|今[日天晚]|明[日天]|本[周月]|[周星]期?[一二三四五六日天末](?:前|止|截止)?|(?:即日起|截[止至])|[0-9]{1,3}(?:天|日|小时|个月)内|有效期|活动期|期间`)
	haste       = []string{"价", "最后", "错过"}
	statistics  = regexp.MustCompile(`[0-9]{1,3}(?:\.[0-9]+)?%(?:以上)?的?(?:用户|客户|家庭|女性|男性|妈妈|消费者|医生|人|买家|车主|家长|学员)|(?:有效|好评|满意|复购|通过|提升|增长|下降|降低|占有|回购|转化|市占|合格)(?:率|度)?(?:高达|超过|达到|达|超|为|近)?[0-9]{1,3}(?:\.[0-9]+)?%`)
	patent      = regexp.MustCompile(`(?:发明|实用新型|外观设计)专利`)
	patentNo    = regexp.MustCompile(`(?:zl|cn)\s?[0-9]{8,13}(?:\.[0-9x])?`)
)

// advert fills in what only matters in an advertisement.
func (t *Traits) advert(folded string) {
	t.Addressed = containsAny(folded, addressees)
	t.NotMedicine = strings.Contains(folded, "药") && notMedicine.MatchString(folded)
	t.RiskNotice = strings.Contains(folded, "风险") && containsAny(folded, risk) || strings.Contains(folded, "理财非存款")
	t.TravelTime = strings.Contains(folded, "分钟") && travel.MatchString(folded)
	t.Gift = strings.ContainsAny(folded, "送赠") && gift.MatchString(folded)
	if t.Gift {
		t.Quantity = quantity.MatchString(afterGift(folded))
	}
	t.Dated = (t.Gift || containsAny(folded, haste)) && day.MatchString(folded)
	t.Statistics = strings.Contains(folded, "%") && statistics.MatchString(folded)
	t.PatentNo = strings.Contains(folded, "专利") && patent.MatchString(folded) && patentNo.MatchString(folded)
}

// afterGift is the text from the first gift on.
func afterGift(folded string) string { return folded[gift.FindStringIndex(folded)[0]:] }
