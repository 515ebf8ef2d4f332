package assess

import (
	"maps"
	"slices"
	"strings"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// The checks of contracts, codes and ports, and of what is sent by them.

// contractWith is the party's contract with another that holds and ends last, or nil.
func (v *view) contractWith(p *registry.Party, with sms.ID) (best *registry.Contract) {
	for _, k := range v.snap.ContractsOf(p.ID) {
		if k.CounterpartyID == with && k.State == registry.Active && k.Holds(v.at) && (best == nil || later(k.To, best.To)) {
			best = k
		}
	}
	return best
}

func contractAbove(v *view, p *registry.Party, _ *Obligation) finding {
	f := found()
	with := v.snap.Principal(p)
	if with == nil {
		f.lack("链条上没有可签约的运营商或持证转售商", "there is no operator or licensed reseller above to contract with")
		return *f
	}
	k := v.contractWith(p, with.ID)
	if k == nil {
		f.lack("没有与 %s 的有效合同", "there is no contract with %s that holds", named(with))
		return *f
	}
	f.have("与 %s 的合同 %s（登记号 %s），%s", "with %s: contract %s (record %s), %s", named(with), k.Number, k.ID, span(k.Period))
	f.until(k.To)
	return *f
}

func contractsBelow(v *view, p *registry.Party, _ *Obligation) finding {
	f, holding := found(), 0
	for _, x := range v.below(p) {
		if with := v.snap.Principal(x); x.State != registry.Active || with == nil || with.ID != p.ID {
			continue
		}
		if k := v.contractWith(x, p.ID); k != nil {
			holding++
			f.until(k.To)
		} else {
			f.lack("%s 没有有效合同", "%s has no contract that holds", named(x))
		}
	}
	if holding == 0 && f.state == Met {
		return idle("没有直接下级", "there is nobody directly below")
	}
	if holding > 0 {
		f.have("有有效合同的直接下级：%d 个", "parties directly below with one that holds: %d", holding)
	}
	return *f
}

func codesApproved(v *view, p *registry.Party, _ *Obligation) finding {
	f := found()
	for _, c := range v.codes[p.ID] {
		switch {
		case c.State != registry.Active:
		case strings.TrimSpace(c.Approval) == "":
			f.lack("接入码 %s（%s）没有批文号", "access code %s (%s) has no approval", c.Code, c.Carrier)
		case !c.Holds(v.at):
			f.lack("接入码 %s（%s）不在有效期内：%s", "access code %s (%s) is not within its term: %s", c.Code, c.Carrier, span(c.Period))
		default:
			f.have("接入码 %s（%s），批文 %s，%s", "access code %s (%s), approval %s, %s", c.Code, c.Carrier, c.Approval, span(c.Period))
			f.until(c.To)
		}
	}
	if len(f.said) > 0 {
		return *f
	}
	if roleOf(p) == registry.Licensed {
		f.doubt("名下没有接入码；使用运营商码号的，平台不知道运营商是否为每个内容提供者直接报备", "it holds no access code; whether the operator files each content provider directly under its own is not known here")
	} else {
		f.lack("没有在用的接入码", "no access code is in use")
	}
	return *f
}

// number is the whole number of a sub-code.
func (v *view) number(s *registry.Subcode) string {
	if c := v.snap.AccessCode[s.AccessCodeID]; c != nil {
		return c.Code + s.Digits + " (" + string(c.Carrier) + ")"
	}
	return s.Digits
}

// unbound says why a sub-code is not bound directly to who sends.
func (v *view) unbound(s *registry.Subcode) (out []rulebook.Both) {
	add := func(zh, en string, args ...any) { out = append(out, say(zh, en, args...)) }
	owner, sig, k, code := v.snap.Party[s.PartyID], v.snap.Signature[s.SignatureID], v.snap.Contract[s.ContractID], v.snap.AccessCode[s.AccessCodeID]
	if owner == nil || roleOf(owner) == registry.Referral {
		add("绑定给无证代理商", "it is bound to an agent without a licence")
	}
	switch {
	case sig == nil || sig.PartyID != s.PartyID:
		add("签名不属于绑定的主体", "its signature is not of the party that it is bound to")
	case sig.QualificationID == 0 || sig.QualificationID != s.QualificationID:
		add("资质与签名的资质不一致", "its qualification is not that of the signature")
	default:
		for _, x := range v.qualified[sig.QualificationID] {
			if x.PartyID != s.PartyID {
				add("资质 %s 同时用于%s的签名", "qualification %s also serves a signature of %s", sig.QualificationID, v.other(x.PartyID))
			}
		}
	}
	if k == nil || k.PartyID != s.PartyID || k.State != registry.Active || !k.Holds(v.at) {
		add("绑定依据的合同无效或不属于该主体", "the contract behind it does not hold, or is of another party")
	}
	if code == nil || code.State != registry.Active || !code.Holds(v.at) {
		add("接入码无效", "its access code does not hold")
	}
	if len(v.snap.SubcodesOf(s.SignatureID)) > 1 && sig != nil {
		n := 0
		for _, x := range v.snap.SubcodesOf(s.SignatureID) {
			if x.AccessCodeID == s.AccessCodeID {
				n++
			}
		}
		if n > 1 {
			add("同一签名在该接入码下有 %d 个子端口", "its signature has %d sub-codes under this access code", n)
		}
	}
	return out
}

// judgePorts notes each sub-code that is not bound as it should be.
func (v *view) judgePorts(f *finding, list []*registry.Subcode) (sound int) {
	for _, s := range list {
		why := v.unbound(s)
		for _, w := range why {
			f.lack("子端口 %s：%s", "sub-code %s: %s", v.number(s), lang(w))
		}
		if len(why) > 0 {
			continue
		}
		sound++
		f.until(v.snap.Contract[s.ContractID].To)
		f.until(v.snap.AccessCode[s.AccessCodeID].To)
	}
	return sound
}

func portsBelow(v *view, p *registry.Party, _ *Obligation) finding {
	var list []*registry.Subcode
	for _, c := range v.codes[p.ID] {
		list = append(list, v.under[c.ID]...)
	}
	if len(list) == 0 {
		return idle("名下接入码没有子端口", "no sub-code stands under a code of its own")
	}
	f := found()
	if sound := v.judgePorts(f, list); sound > 0 {
		f.have("直接绑定内容提供者的子端口：%d 个", "sub-codes bound directly: %d", sound)
	}
	return *f
}

func portsBound(v *view, p *registry.Party, _ *Obligation) finding {
	f := found()
	list := v.subcodes[p.ID]
	if len(list) == 0 {
		f.lack("没有绑定子端口，不能发送", "no sub-code is bound, so nothing may be sent")
		return *f
	}
	v.judgePorts(f, list)
	for _, s := range list {
		if sig := v.snap.Signature[s.SignatureID]; sig != nil && f.state == Met {
			f.have("子端口 %s，签名【%s】（登记号 %s）", "sub-code %s, signature 【%s】 (record %s)", v.number(s), sig.Text, sig.ID)
		}
	}
	return *f
}

func paymentChain(v *view, p *registry.Party, _ *Obligation) finding {
	f := found()
	if len(v.accounts[p.ID]) == 0 {
		return idle("没有账户", "it has no account")
	}
	for _, a := range v.accounts[p.ID] {
		var path []string
		for _, x := range v.snap.Accounts(a.ID) {
			owner := v.snap.Party[x.PartyID]
			if owner == nil {
				continue
			}
			path = append(path, owner.Name)
			if roleOf(owner) == registry.Referral {
				f.lack("账户 %s 的付款经过无证代理商 %s", "what account %s pays passes through %s, an agent without a licence", a.ID, named(owner))
			}
		}
		f.have("付款链：%s", "chain of payment: %s", strings.Join(path, " → "))
	}
	return *f
}

func realName(v *view, p *registry.Party, _ *Obligation) finding {
	f := found()
	if p.State != registry.Active {
		f.lack("主体状态是 %s", "the party is %s", p.State)
	}
	if strings.TrimSpace(p.Name) == "" || len(p.USCC) != 18 {
		f.lack("登记名称或18位统一社会信用代码不完整", "the registered name or the code of 18 characters is incomplete")
	}
	for _, s := range v.signatures[p.ID] {
		if s.State == registry.Approved && s.QualificationID == 0 {
			f.lack("签名【%s】没有资质", "signature 【%s】 has no qualification", s.Text)
		}
	}
	if f.state == Met {
		f.have("%s，统一社会信用代码 %s", "%s, code %s", p.Name, p.USCC)
	}
	return *f
}

func notIndividual(_ *view, p *registry.Party, _ *Obligation) finding {
	f := found()
	if p.EntityType == "individual" {
		f.lack("登记的主体类型是个人", "it is registered as an individual")
	} else {
		f.have("主体类型 %s", "it is registered as %s", p.EntityType)
	}
	return *f
}

func signaturesFiled(v *view, p *registry.Party, _ *Obligation) finding {
	f, approved := found(), 0
	for _, s := range v.signatures[p.ID] {
		if s.State != registry.Approved {
			continue
		}
		approved++
		filed, without := 0, []string{}
		for _, c := range v.carriers {
			if x := v.snap.Filing(s.ID, c); x != nil && x.State == registry.Approved && x.Holds(v.at) {
				filed++
				f.have("签名【%s】在 %s 的报备 %s，%s", "signature 【%s】 with %s: filing %s, %s", s.Text, c, x.Reference, span(x.Period))
				f.until(x.To)
			} else {
				without = append(without, string(c))
			}
		}
		switch {
		case len(v.carriers) == 0:
			f.doubt("没有在用通道，不知道要向哪些运营商报备", "no channel is active, so it is not known with whom to file")
		case filed == 0:
			f.lack("签名【%s】没有有效报备", "signature 【%s】 has no filing that holds", s.Text)
		case len(without) > 0:
			f.have("签名【%s】未向 %s 报备：发往这些网络的短信会被拒绝", "signature 【%s】 is not filed with %s: what goes to those networks is refused", s.Text, strings.Join(without, ", "))
		}
	}
	if approved == 0 {
		f.lack("没有审核通过的签名", "no signature is approved")
	}
	return *f
}

func templatesApproved(v *view, p *registry.Party, _ *Obligation) finding {
	f := found()
	for _, t := range v.templates[p.ID] {
		if w := v.wording(t); w != nil {
			f.have("%s 模板“%s”（登记号 %s，第 %d 版）", "%s template %q (record %s, version %d)", t.Category, t.Name, t.ID, w.Version.Version)
			f.until(w.Version.To)
		}
	}
	if len(f.said) == 0 {
		f.lack("没有在用的已审核模板", "no template in use is approved")
	}
	return *f
}

func marketingReviewed(v *view, _ *registry.Party, _ *Obligation) finding {
	f, reviewed := found(), 0
	for _, id := range slices.Sorted(maps.Keys(v.snap.Template)) {
		t := v.snap.Template[id]
		w := v.wording(t)
		switch {
		case w == nil || t.Category != sms.MKT:
		case w.Version.ReviewedBy == "":
			f.lack("营销模板“%s”（登记号 %s）没有审核人", "marketing template %q (record %s) has no reviewer", t.Name, t.ID)
		default:
			reviewed++
		}
	}
	if reviewed == 0 && f.state == Met {
		return idle("没有在用的营销模板", "no marketing template is in use")
	}
	if reviewed > 0 {
		f.have("有审核人的营销模板：%d 个", "marketing templates with a reviewer: %d", reviewed)
	}
	return *f
}

func notMarketing() finding {
	return idle("没有在用的营销模板，最近也没有发送营销", "no marketing template is in use, and none was seen to be sent")
}

func consentAsked(v *view, p *registry.Party, _ *Obligation) finding {
	if !v.markets(p) {
		return notMarketing()
	}
	f := found()
	if !v.blocking["CNS-01"] {
		f.doubt("当前规则库没有 CNS-01", "the rulebook of this moment has no CNS-01")
		return *f
	}
	f.have("平台按 CNS-01 拒绝没有有效同意的营销短信", "the platform refuses marketing without a consent that holds, by CNS-01")
	if s := v.sample(p); s != nil {
		if n := s.Marketing - s.Imported - s.Proved; n > 0 {
			f.lack("最近 %d 条营销中 %d 条查不到所依据的同意", "of the newest %d marketing messages %d rest on no consent that is found", s.Marketing, n)
		}
	}
	return *f
}

func consentProof(v *view, p *registry.Party, _ *Obligation) finding {
	if !v.markets(p) {
		return notMarketing()
	}
	f, s := found(), v.sample(p)
	switch {
	case s == nil:
		f.doubt("没有抽查同意记录", "no consents were looked at")
	case s.Marketing == 0:
		f.doubt("最近 %d 条消息中没有已提交的营销，无从抽查", "none of the newest %d messages is marketing that was submitted, so there is nothing to look at", s.Messages)
	case s.Imported > 0:
		f.doubt("最近 %d 条营销中 %d 条依据的是自行申报的导入名单，原始凭证不在平台", "of the newest %d marketing messages %d rest on lists that were only declared; their originals are not on the platform", s.Marketing, s.Imported)
	case s.Proved < s.Marketing:
		f.lack("最近 %d 条营销中只有 %d 条查到同意凭证", "of the newest %d marketing messages only %d rest on a consent with proof", s.Marketing, s.Proved)
	default:
		f.have("最近 %d 条营销都依据签名事件、授权页面或双向确认的同意", "the newest %d marketing messages all rest on a signed event, a hosted page or a double opt-in", s.Marketing)
	}
	return *f
}

func refusalHeeded(v *view, p *registry.Party, _ *Obligation) finding {
	if !v.markets(p) {
		return notMarketing()
	}
	f := found()
	for _, rule := range []string{"OPT-01", "OPT-03"} {
		if v.blocking[rule] {
			f.have("平台按 %s 拒绝违反者", "the platform refuses what breaks %s", rule)
		} else {
			f.doubt("当前规则库没有 %s", "the rulebook of this moment has no %s", rule)
		}
	}
	return *f
}
