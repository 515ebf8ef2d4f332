package gate

import (
	"slices"

	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// remedies say what to do about a refusal that no rule makes.
var remedies = map[sms.Code]rulebook.Both{
	sms.BadNumber:          {Zh: "核对号码：内地号码写 11 位数字，境外号码以 + 和国家码开头", En: "correct the number: 11 digits for the mainland, or + and the country code"},
	sms.DuplicateRecipient: {Zh: "每个号码在一次请求中只写一次；第一条已按其结果处理", En: "name each number once in a call; its first place has its own result"},
	sms.TextTooLong:        {Zh: "缩短正文后重新提交", En: "shorten the text and send again"},
	sms.BalanceTooLow:      {Zh: "充值后重新提交", En: "top up the account and send again"},
	sms.NotAfterPassed:     {Zh: "填写更晚的 not_after，或不填，使其晚于实际可发送的时间", En: "give a later not_after, or none: it must lie after the moment at which the message may go"},
	sms.PriceMissing:       {Zh: "请代理商或运营商为账户设置该类短信的价格", En: "ask your agent or operator to enter a price for this category"},
	sms.NoChannel:          {Zh: "请运营商开通到达该号码所属运营商的通道", En: "ask the operator for a channel to the recipient's carrier"},
	sms.SourceTooLong:      {Zh: "缩短扩展码", En: "shorten the extension"},
	sms.PartyFrozen:        {Zh: "联系运营商了解冻结原因，解除后重新提交", En: "ask the operator why it is frozen, and send again when it is not"},
	sms.TemplateNotFiled:   {Zh: "先在上游云通道报备该模板，并在通道中登记其编号", En: "file the template with the upstream and enter its code at the channel"},
}

// Explained tells a refusal that no rule makes as if one had: the catalogue's reason, and what
// to do.
func Explained(code sms.Code) rulebook.Finding {
	e := sms.Lookup(code)
	remedy, ok := remedies[code]
	if !ok {
		remedy = rulebook.Both{Zh: "见 /docs#" + string(code), En: "see /docs#" + string(code)}
	}
	return rulebook.Finding{Outcome: rulebook.Block, Code: code, Articles: []string{}, Reason: rulebook.Both{Zh: e.Zh, En: e.En}, Remedy: remedy}
}

// explained has what refused a message stand before what other rules said of it.
func explained(m *sms.Message, found []rulebook.Finding) []rulebook.Finding {
	if m.State != sms.Refused || m.Code == "" || m.Rule != "" {
		return found
	}
	of := func(f rulebook.Finding) bool { return f.Rule == "" && f.Code == m.Code }
	why := Explained(m.Code)
	if i := slices.IndexFunc(found, of); i >= 0 {
		why = found[i]
	}
	out := append(make([]rulebook.Finding, 0, len(found)+1), why)
	for _, f := range found {
		if !of(f) {
			out = append(out, f)
		}
	}
	return out
}
