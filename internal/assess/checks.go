package assess

import (
	"slices"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// finding is what a check saw.
type finding struct {
	state State
	said  []rulebook.Both
	ends  int64 // when the first fact that it rests on ends by itself, 0 is never
	more  int   // that is not said
}

// mostSaid is how many things of one kind a line names.
const mostSaid = 20

func found() *finding { return &finding{state: Met, said: []rulebook.Both{}} }

func (f *finding) add(b rulebook.Both) {
	if len(f.said) < mostSaid {
		f.said = append(f.said, b)
		return
	}
	f.more++
	rest := say("……另有 %d 项", "… and %d more", f.more)
	if f.more == 1 {
		f.said = append(f.said, rest)
	} else {
		f.said[mostSaid] = rest
	}
}

// have notes evidence on file.
func (f *finding) have(zh, en string, args ...any) { f.add(say(zh, en, args...)) }

// lack notes what is wrong.
func (f *finding) lack(zh, en string, args ...any) {
	f.state = Missing
	f.add(say(zh, en, args...))
}

// doubt notes what can't be known.
func (f *finding) doubt(zh, en string, args ...any) {
	if f.state == Met {
		f.state = Unknown
	}
	f.add(say(zh, en, args...))
}

// until notes when a fact ends.
func (f *finding) until(ends int64) {
	if later(f.ends, ends) {
		f.ends = ends
	}
}

func idle(zh, en string) finding {
	return finding{state: Idle, said: []rulebook.Both{{Zh: zh, En: en}}}
}

// check decides an obligation of a party.
type check func(v *view, p *registry.Party, o *Obligation) finding

// checks are those that the data names. Filled by init, because some of them judge others.
var checks map[string]check

// looksAround are checks that judge other parties.
var looksAround = map[string]bool{"chain_above": true, "customers_below": true}

// byDuties are checks that decide by duties that the data names.
var byDuties = map[string]bool{"duties_done": true, "refusal_free": true, "complaints_answered": true, "agents_supervised": true}

func init() {
	checks = map[string]check{
		"own_licence": ownLicence, "licence_coverage": coverage, "licence_capital": capital, "permits_held": permitted, "is_company": isCompany, "licence_not_shared": notShared,
		"referral_owns_nothing": referralOwnsNothing, "no_ports": noPorts, "agents_in_order": agentsInOrder,
		"contract_above": contractAbove, "contracts_below": contractsBelow, "codes_approved": codesApproved,
		"ports_below": portsBelow, "ports_bound": portsBound, "payment_chain": paymentChain, "chain_above": chainAbove, "customers_below": customersBelow,
		"real_name": realName, "not_individual": notIndividual, "signatures_filed": signaturesFiled, "templates_approved": templatesApproved,
		"channel_categories": channelCategories, "marketing_reviewed": marketingReviewed,
		"consent_asked": consentAsked, "consent_proof": consentProof, "refusal_heeded": refusalHeeded, "records_kept": recordsKept,
		"duties_done": dutiesDone, "refusal_free": refusalFree, "complaints_answered": complaintsAnswered, "agents_supervised": agentsSupervised,
		"handler_known": handlerKnown, "processing_agreed": processingAgreed, "impact_assessed": impactAssessed, "templates_filed": templatesFiled,
		"upstreams_licensed": upstreamsLicensed, "advertised": advertised,
	}
}

// span shows a period.
func span(p registry.Period) lang {
	from, to := date(p.From), day(p.To)
	switch {
	case p.From == 0 && p.To == 0:
		return lang{Zh: "无期限", En: "without an end"}
	case p.From == 0:
		return lang{Zh: "至 " + to, En: "to " + to}
	case p.To == 0:
		return lang{Zh: from + " 起", En: "from " + from}
	default:
		return lang{Zh: from + " 起至 " + to, En: "from " + from + " to " + to}
	}
}

func date(ms int64) string { return time.UnixMilli(ms).In(rulebook.Shanghai).Format(time.DateOnly) }

func ownLicence(v *view, p *registry.Party, _ *Obligation) finding {
	f := found()
	if l, ends := v.licence(p); l != nil {
		f.have("许可证 %s（登记号 %s），范围 %s，%s", "licence %s (record %s) for %s, %s", l.Number, l.ID, l.Scope, span(l.Period))
		f.until(ends)
		return *f
	}
	for _, l := range v.snap.LicencesOf(p.ID) {
		why := lacksOf(l, p, v.at)
		f.lack("%s", "%s", lang(*why))
	}
	if f.state == Met {
		f.lack("没有登记许可证", "no licence is on file")
	}
	return *f
}

func coverage(v *view, p *registry.Party, _ *Obligation) finding {
	f := found()
	l, _ := v.licence(p)
	switch {
	case l == nil:
		f.lack("没有有效许可证", "there is no valid licence")
	case strings.TrimSpace(l.Provinces) == "":
		f.lack("许可证 %s 没有登记覆盖范围", "no coverage is on file for licence %s", l.Number)
	case covers(l.Provinces, "*"):
		f.have("许可证 %s 覆盖全国", "licence %s covers the whole country", l.Number)
	case unread(l.Provinces):
		f.lack("许可证 %s 的覆盖范围 %s 无法识别", "what licence %s covers, %s, can't be read", l.Number, l.Provinces)
	default:
		f.have("许可证 %s 只覆盖 %s；归属其他省份的号码一律不放行（LIC-02）", "licence %s covers %s alone; numbers of other provinces are refused (LIC-02)", l.Number, l.Provinces)
	}
	return *f
}

func unread(provinces string) bool {
	_, err := sms.ParseCoverage(provinces)
	return err != nil
}

// capital compares what the licence's holder has with the floor of LIC-04, which is recalled.
func capital(v *view, p *registry.Party, _ *Obligation) finding {
	f := found()
	l, _ := v.licence(p)
	switch {
	case l == nil:
		f.doubt("没有有效许可证", "there is no valid licence")
	case l.Capital == 0:
		f.doubt("没有登记注册资本", "no registered capital is on file")
	case slices.ContainsFunc(v.c.book.Judge(rulebook.ObjectLicence, map[string]any{
		"licence.own_name": true, "licence.elsewhere": int64(0), "licence.provinces": l.Covered(), "licence.capital": l.Capital,
	}, v.f.At), func(x rulebook.Finding) bool { return x.Rule == "LIC-04" }):
		f.lack("注册资本 %d 元低于门槛（凭记忆，须核对）", "the registered capital of ¥%d is below the floor, which is recalled", l.Capital)
	default:
		f.have("注册资本 %d 元", "registered capital of ¥%d", l.Capital)
	}
	return *f
}

// permitted looks at the permits of the trades that a party's approved marketing offers (CNT-09).
func permitted(v *view, p *registry.Party, _ *Obligation) finding {
	f, seen := found(), map[string]bool{}
	for _, t := range v.templates[p.ID] {
		w := v.snap.Wording(t.ID)
		if w == nil || t.State != registry.Active {
			continue
		}
		for _, trade := range v.c.book.TradesOf(&rulebook.TemplateClaim{Category: t.Category, Sample: w.Wording.Sample()}) {
			if seen[trade] {
				continue
			}
			seen[trade] = true
			name := v.c.book.PermitTrades()[trade]
			if permit := v.snap.Permit(p.ID, trade, v.at); permit != nil {
				f.have("%s：%s %s，%s", "%s: %s %s, %s", trade, permit.Kind, permit.Number, span(permit.Period))
				f.until(permit.To)
			} else {
				f.lack("模板 %s 推广 %s，没有有效的%s", "template %s offers %s without %s", t.ID, trade, lang(name))
			}
		}
	}
	if len(seen) == 0 {
		f.have("营销模板不涉及须许可的行业", "no marketing template offers what needs a permit")
	}
	return *f
}

func isCompany(_ *view, p *registry.Party, _ *Obligation) finding {
	f := found()
	if p.EntityType == "company" {
		f.have("登记为公司，统一社会信用代码 %s", "registered as a company, code %s", p.USCC)
	} else {
		f.lack("登记的主体类型是 %s", "it is registered as %s", p.EntityType)
	}
	return *f
}

func notShared(v *view, p *registry.Party, _ *Obligation) finding {
	f := found()
	for _, l := range v.snap.LicencesOf(p.ID) {
		if l.State == registry.Revoked {
			continue
		}
		ok := l.USCC == p.USCC
		if !ok {
			f.lack("许可证 %s 载明的代码 %s 不是本主体的 %s", "licence %s bears the code %s, not the party's %s", l.Number, l.USCC, p.USCC)
		}
		for _, x := range v.numbers[l.Number] {
			if x.PartyID != p.ID {
				ok = false
				f.lack("许可证 %s 同时登记在%s名下", "licence %s is also on file for %s", l.Number, v.other(x.PartyID))
			}
		}
		if ok {
			f.have("许可证 %s 只登记在本主体名下", "licence %s is on file for this party alone", l.Number)
		}
	}
	if len(f.said) == 0 {
		return idle("没有登记许可证", "no licence is on file")
	}
	return *f
}

func referralOwnsNothing(v *view, p *registry.Party, _ *Obligation) finding {
	f := found()
	for _, a := range v.accounts[p.ID] {
		if n := len(v.snap.PricesOf(a.ID)); n > 0 {
			f.lack("账户 %s 有 %d 条价格：代理商在定价", "account %s has %d prices: the agent sets prices", a.ID, n)
		}
		for _, x := range v.payers[a.ID] {
			if owner := v.snap.Party[x.PartyID]; owner != nil {
				f.lack("%s 的账户 %s 向其账户 %s 付款：代理商在付款链中", "account %[2]s of %[1]s pays to its account %[3]s: the agent stands in the chain of payment", named(owner), x.ID, a.ID)
			}
		}
	}
	for _, x := range v.children[p.ID] {
		if x.Kind == registry.Agent {
			f.lack("有下级代理商 %s", "it has the sub-agent %s", named(x))
		}
		for _, k := range v.snap.ContractsOf(x.ID) {
			if k.CounterpartyID == p.ID && k.State == registry.Active && k.Holds(v.at) {
				f.lack("%s 与其签订合同 %s：应与运营商签订", "%s has contract %s with it, where it should be with the operator", named(x), k.Number)
			}
		}
	}
	if n := v.senders[p.ID]; n > 0 {
		f.lack("有 %d 个可发送的密钥或协议账号", "it has %d keys or logins that may send", n)
	}
	if f.state == Met {
		f.have("没有价格、收款账户、下级代理商、客户合同和发送权限", "no prices, no account that is paid to, no sub-agents, no contracts with customers, no access")
	}
	return *f
}

func noPorts(v *view, p *registry.Party, _ *Obligation) finding {
	f := found()
	for _, c := range v.codes[p.ID] {
		if c.State == registry.Active {
			f.lack("名下有接入码 %s", "it holds access code %s", c.Code)
		}
	}
	for _, s := range v.subcodes[p.ID] {
		f.lack("名下有子端口 %s", "it holds sub-code %s", v.number(s))
	}
	if f.state == Met {
		f.have("名下没有接入码和子端口", "it holds none")
	}
	return *f
}

func agentsInOrder(v *view, p *registry.Party, o *Obligation) finding {
	agents := v.agentsBelow(p)
	if len(agents) == 0 {
		return idle("没有在用的代理商", "there are no active agents")
	}
	f := found()
	for _, x := range agents {
		ok := true
		for _, c := range map[string][]check{registry.Licensed: {ownLicence, isCompany}, registry.Referral: {referralOwnsNothing, noPorts}}[roleOf(x)] {
			if got := c(v, x, o); got.state == Missing {
				ok = false
				f.lack("%s：%s", "%s: %s", named(x), lang(got.said[0]))
			}
		}
		if ok {
			f.have("%s（%s）", "%s (%s)", named(x), lang(roles[roleOf(x)]))
		}
	}
	return *f
}

func chainAbove(v *view, p *registry.Party, _ *Obligation) finding {
	f := found()
	above := v.snap.Chain(p.ID)[1:]
	if len(above) == 0 || above[len(above)-1].Kind != registry.Operator {
		f.lack("链条不以运营商结束", "the chain does not end at an operator")
	}
	for _, x := range above {
		against := v.against(x, down)
		for _, title := range against {
			f.lack("%s 未满足：%s", "%s misses: %s", named(x), lang(title))
		}
		if x.State != registry.Active {
			f.lack("%s 的状态是 %s", "%s is %s", named(x), x.State)
		}
		l, ends := v.licence(x)
		if l != nil && roleOf(x) != registry.Referral {
			f.have("%s：许可证 %s，%s", "%s: licence %s, %s", named(x), l.Number, span(l.Period))
			f.until(ends)
		} else if len(against) == 0 {
			f.have("%s（%s）", "%s (%s)", named(x), lang(roles[roleOf(x)]))
		}
	}
	return *f
}

func customersBelow(v *view, p *registry.Party, _ *Obligation) finding {
	list := v.answersFor(p)
	if len(list) == 0 {
		return idle("下级没有可发送的主体", "nobody below can send")
	}
	f := found()
	for _, x := range list {
		if against := v.against(x, up); len(against) > 0 {
			zh, en := titles(against)
			f.lack("%s 未满足：%s", "%s misses: %s", named(x), lang{Zh: zh, En: en})
		}
	}
	if f.state == Met {
		f.have("已查下级主体：%d 个", "parties below that were judged: %d", len(list))
	}
	return *f
}

func recordsKept(v *view, _ *registry.Party, o *Obligation) finding {
	f := found()
	days := int(v.f.Keep / (24 * time.Hour))
	switch {
	case v.f.Keep == 0:
		f.doubt("不知道保存期限的设置", "how long records are kept is not known here")
	case days < o.LeastDays:
		f.lack("设置为保存 %d 天，最长的六个月有 %d 天", "they are kept for %d days; the longest six months have %d", days, o.LeastDays)
	default:
		f.have("设置为保存 %d 天", "they are kept for %d days", days)
	}
	return *f
}

func channelCategories(v *view, _ *registry.Party, _ *Obligation) finding {
	f := found()
	for _, ch := range v.snap.Channels {
		if ch.State != registry.Active || !ch.Carries(sms.MKT) {
			continue
		}
		if strings.TrimSpace(ch.Categories) == string(sms.MKT) {
			f.have("通道 %s 只承载营销", "channel %s carries marketing alone", ch.Name)
		} else {
			f.doubt("通道 %s 既可承载营销也可承载其他类别；端口批准的用途平台不知道", "channel %s may carry marketing and other messages; what its port was granted for is not known here", ch.Name)
		}
	}
	if len(f.said) == 0 {
		return idle("没有承载营销的通道", "no channel carries marketing")
	}
	return *f
}
