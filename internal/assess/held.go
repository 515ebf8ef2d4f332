package assess

import (
	"cmp"
	"slices"
	"strings"

	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/duty"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// The checks of what the database holds beside the registry: duties that were done or are
// late, papers, filings of templates.

// file is only of the assessed party.
func (v *view) file(p *registry.Party) *File {
	if p.ID != v.subject {
		return nil
	}
	return v.f.File
}

// dutiesDone decides by the duties that the obligation names.
func dutiesDone(v *view, p *registry.Party, o *Obligation) finding {
	f := found()
	v.judgeDuties(f, p, o)
	return *f
}

// judgeDuties notes what is late of the duties that an obligation names, and when each that
// comes again was done last. The platform keeps the operator's alone.
func (v *view) judgeDuties(f *finding, p *registry.Party, o *Obligation) {
	file := v.file(p)
	switch {
	case p.Kind != registry.Operator:
		f.doubt("平台只保存运营者的任务", "the platform keeps the operator's duties alone")
		return
	case file == nil:
		f.doubt("没有查任务记录", "nobody looked at the duties")
		return
	case file.Others:
		f.doubt("未完成的任务过多，没有全部查看", "more duties are open than were looked at")
	}
	once, waiting := []string{}, 0
	for _, id := range o.Duties {
		open := slices.DeleteFunc(slices.Clone(file.Open), func(t duty.Task) bool { return t.Rule != id })
		r, _ := v.c.book.Rule(id)
		if owing, again := v.owing(p, r.Duty.Event); again {
			for _, x := range owing {
				v.judgeRecurring(f, id, x, open)
			}
			open = slices.DeleteFunc(open, func(t duty.Task) bool {
				return slices.ContainsFunc(owing, func(x owner) bool { return x.id == t.ObjectID })
			})
		} else {
			once = append(once, id)
		}
		waiting += v.judgeOpen(f, open)
	}
	if len(once) > 0 && f.state != Missing {
		f.have("没有逾期的任务（%s）；未到期：%d 项", "nothing is overdue (%s); open: %d", strings.Join(once, ", "), waiting)
	}
}

// judgeOpen notes duties that are late, and counts the others.
func (v *view) judgeOpen(f *finding, open []duty.Task) (waiting int) {
	for _, t := range open {
		if t.Overdue(v.at) {
			f.lack("%s（对象 %s）应于 %s 前完成，仍未完成", "%s (object %s) was due: %s, and is open", t.Rule, t.ObjectID, lang(same(day(t.DueAt))))
		} else {
			waiting++
		}
	}
	return waiting
}

// owner is an object for which a duty comes again, and its name.
type owner struct {
	id   sms.ID
	name lang
}

// owing are the objects for which the duties of an event come again; again is false of an
// event that does not come by itself.
func (v *view) owing(p *registry.Party, event string) (list []owner, again bool) {
	switch event {
	case rulebook.EventYear, rulebook.EventMonth:
		return []owner{{p.ID, lang{}}}, true
	case rulebook.EventAgent:
		for _, x := range v.agentsBelow(p) {
			list = append(list, owner{x.ID, lang(say("，%s", " of %s", named(x)))})
		}
		return list, true
	case rulebook.EventWeek:
		for _, ch := range v.refusable() {
			list = append(list, owner{ch.ID, lang(say("，通道 %s", " of channel %s", ch.Name))})
		}
		return list, true
	default:
		return nil, false
	}
}

// judgeRecurring notes when a duty was done last for an object, and what of it is open.
func (v *view) judgeRecurring(f *finding, rule string, of owner, open []duty.Task) {
	done := slices.IndexFunc(v.f.File.Done, func(t duty.Task) bool { return t.Rule == rule && t.ObjectID == of.id })
	if done >= 0 {
		t := v.f.File.Done[done]
		shown := cmp.Or(t.Evidence, t.Note, "—")
		f.have("%s%s（%s）于 %s 完成，凭证：%s", "%s%s (%s) was done on %s, shown by: %s", rule, of.name, t.Period, date(t.DoneAt), shown)
	} else {
		f.doubt("%s%s：没有完成过的记录", "%s%s: no record that it was ever done", rule, of.name)
	}
	for _, t := range open {
		switch {
		case t.ObjectID != of.id:
		case t.Overdue(v.at):
			f.lack("%s%s（%s）应于 %s 前完成，仍未完成", "%s%s (%s) was due: %s, and is open", rule, of.name, t.Period, lang(same(day(t.DueAt))))
		default:
			f.have("%s%s（%s）须于 %s 前完成", "%s%s (%s) is due by %s", rule, of.name, t.Period, day(t.DueAt))
			f.until(t.DueAt)
		}
	}
}

// refusable are the active channels that carry marketing and by which replies reach us.
func (v *view) refusable() (out []*registry.Channel) {
	for _, ch := range v.snap.Channels {
		if ch.State == registry.Active && ch.Sends() && ch.Options.Replies && ch.Carries(sms.MKT) {
			out = append(out, ch)
		}
	}
	return out
}

func refusalFree(v *view, p *registry.Party, o *Obligation) finding {
	list := v.refusable()
	if len(list) == 0 {
		return idle("没有能收到回复的营销通道：平台不放行营销（OPT-06）", "replies reach us by no channel for marketing, so none leaves (OPT-06)")
	}
	f := found()
	v.judgeDuties(f, p, o)
	for _, ch := range list {
		if ch.Options.ReplyCost > 0 {
			f.doubt("向通道 %s 回复一条须 %s 元，由谁承担平台不知道", "a reply to channel %s costs ¥%s; who bears it is not known here", ch.Name, ch.Options.ReplyCost)
		}
	}
	return *f
}

func complaintsAnswered(v *view, p *registry.Party, o *Obligation) finding {
	f := found()
	if p.Kind == registry.Operator {
		if p.Complaints == "" {
			f.lack("没有登记公开的投诉联系方式", "no contact for complaints is on file")
		} else {
			f.have("公开的投诉联系方式：%s", "public contact for complaints: %s", p.Complaints)
		}
	}
	v.judgeDuties(f, p, o)
	return *f
}

func agentsSupervised(v *view, p *registry.Party, o *Obligation) finding {
	if len(v.agentsBelow(p)) == 0 {
		return idle("没有在用的代理商", "there are no active agents")
	}
	return dutiesDone(v, p, o)
}

func handlerKnown(v *view, p *registry.Party, _ *Obligation) finding {
	f, file := found(), v.file(p)
	if file == nil {
		f.doubt("没有查经办人资料", "nobody looked at the handler's papers")
		return *f
	}
	if file.Named {
		f.have("已登记经办人姓名与证件号码（号码只存散列）", "the handler's name and identity number are on file (of the number a hash)")
	} else {
		f.lack("没有登记经办人姓名或证件号码", "the handler's name or identity number is not on file")
	}
	if file.Elsewhere > 0 {
		f.doubt("同一名经办人还登记在另外 %d 家企业名下，须有审核员确认的理由", "the same handler is on file with %d other enterprises, for which a reviewer must have had a reason", file.Elsewhere)
	}
	v.judgePaper(f, p, document.Handler, lang{Zh: "经办人证件", En: "the handler's identity paper"})
	for _, s := range v.signatures[p.ID] {
		if s.State != registry.Approved || !s.Foreign(p.Name) {
			continue
		}
		if a := v.snap.Authorisation(s, v.at); a != nil {
			f.have("签名【%s】有 %s 的授权书，%s", "signature 【%s】 has a letter of %s, %s", s.Text, a.Grantor, span(a.Period))
			f.until(a.To)
		} else {
			f.lack("签名【%s】属于 %s，没有有效的授权书", "signature 【%s】 is of %s, without a letter of authorisation that holds", s.Text, s.Holder)
		}
	}
	return *f
}

// paper tells whether a party's paper is on file and holds, and until when.
func (v *view) paper(party sms.ID, kind string) (until int64, ok bool) {
	until, ok = v.f.File.Papers[Paper{party, kind}]
	return until, ok && registry.Period{To: until}.Holds(v.at)
}

// judgePaper notes it.
func (v *view) judgePaper(f *finding, p *registry.Party, kind string, name lang) {
	until, ok := v.paper(p.ID, kind)
	if !ok {
		f.lack("没有有效的%s", "%s is not on file, or has ended", name)
		return
	}
	f.have("%s在档，%s", "%s is on file, %s", name, span(registry.Period{To: until}))
	f.until(until)
}

// judgePapers does so for a customer, and of others for those customers whose numbers they process.
func (v *view) judgePapers(p *registry.Party, kind string, name lang) *finding {
	f := found()
	if v.file(p) == nil {
		f.doubt("没有查%s", "nobody looked for %s", name)
		return f
	}
	if p.Kind == registry.Customer {
		v.judgePaper(f, p, kind, name)
		return f
	}
	holding := 0
	for _, x := range v.below(p) {
		if with := v.snap.Principal(x); x.Kind != registry.Customer || x.State != registry.Active || p.Kind == registry.Agent && (with == nil || with.ID != p.ID) {
			continue
		}
		if until, ok := v.paper(x.ID, kind); ok {
			holding++
			f.until(until)
		} else {
			f.lack("客户 %s 没有有效的%s", "of customer %s, %s is not on file, or has ended", named(x), name)
		}
	}
	if holding == 0 && f.state == Met {
		*f = idle("没有在用的客户", "there are no active customers")
	} else if holding > 0 {
		f.have("%s在档的客户：%d 家", "%s is on file; customers: %d", name, holding)
	}
	return f
}

func processingAgreed(v *view, p *registry.Party, _ *Obligation) finding {
	f := v.judgePapers(p, document.Processing, lang{Zh: "个人信息委托处理协议", En: "the agreement on entrusted processing"})
	if p.Kind != registry.Customer {
		return *f
	}
	barred := []string{}
	for _, ch := range v.snap.Channels {
		if ch.State != registry.Active {
			continue
		}
		if ok, _ := v.snap.Entrusted(p, ch.UpstreamID, v.at); !ok {
			barred = append(barred, ch.Name)
		}
	}
	if len(barred) > 0 {
		f.have("合同没有同意转委托，因此不使用的通道：%s（PRV-02）", "not used, because the contract does not let the processing be passed on: %s (PRV-02)", strings.Join(barred, ", "))
	}
	return *f
}

func impactAssessed(v *view, p *registry.Party, _ *Obligation) finding {
	return *v.judgePapers(p, document.Assessment, lang{Zh: "个人信息保护影响评估报告", En: "the impact assessment"})
}

// templatesFiled looks at the carriers whose packs ask for it (TPL-02mobile …).
func templatesFiled(v *view, p *registry.Party, _ *Obligation) finding {
	f, carriers := found(), slices.DeleteFunc(slices.Clone(v.carriers), func(c sms.Carrier) bool {
		_, asks := v.c.book.Rule("TPL-02" + string(c))
		return !asks
	})
	for _, t := range v.templates[p.ID] {
		w := v.wording(t)
		if w == nil || len(carriers) == 0 {
			continue
		}
		without := []string{}
		for _, c := range carriers {
			if x := v.snap.TemplateFiling(w, c); x.At(v.at) == registry.Approved {
				f.have("模板“%s”在 %s 的报备 %s，%s", "template %q with %s: filing %s, %s", t.Name, c, x.Reference, span(x.Period))
				f.until(x.To)
			} else {
				without = append(without, string(c))
			}
		}
		switch {
		case len(without) == len(carriers):
			f.lack("模板“%s”（登记号 %s）没有有效报备", "template %q (record %s) has no filing that holds", t.Name, t.ID)
		case len(without) > 0:
			f.have("模板“%s”未向 %s 报备：发往这些网络的短信会被拒绝", "template %q is not filed with %s: what goes to those networks is refused", t.Name, strings.Join(without, ", "))
		}
	}
	if len(f.said) == 0 {
		return idle("没有须报备的在用模板", "no template in use has to be filed")
	}
	return *f
}

func upstreamsLicensed(v *view, _ *registry.Party, _ *Obligation) finding {
	f := found()
	for _, ch := range v.snap.Channels {
		if ch.State != registry.Active {
			continue
		}
		up := v.snap.Party[ch.UpstreamID]
		switch {
		case ch.UpstreamID == 0 && !ch.ByWeb():
			f.have("通道 %s 登记为 %s 自有", "channel %s is on file as the carrier's own (%s)", ch.Name, ch.Carrier)
		case up == nil || up.State != registry.Active:
			f.lack("通道 %s 的上游没有登记，或不在用", "the upstream of channel %s is not on file, or not active", ch.Name)
		default:
			l, ends := v.licence(up)
			if l == nil {
				f.lack("通道 %s 的上游 %s 没有有效许可证", "%[2]s, upstream of channel %[1]s, has no valid licence", ch.Name, named(up))
				continue
			}
			f.have("通道 %s 的上游 %s：许可证 %s，%s", "channel %s is of %s: licence %s, %s", ch.Name, named(up), l.Number, span(l.Period))
			f.until(ends)
		}
	}
	if len(f.said) == 0 {
		return idle("没有在用的通道", "no channel is active")
	}
	return *f
}

// advertised looks at what was found of the party's advertising; nobody here can know that it is true.
func advertised(v *view, p *registry.Party, _ *Obligation) finding {
	if !v.markets(p) {
		return notMarketing()
	}
	f := found()
	for _, m := range v.snap.Measures(p.ID) {
		if m.Rule == "AD-18" && m.LiftedAt == 0 {
			f.lack("有投诉查实广告虚假（处置 %s，%s）", "a complaint showed false advertising (measure %s of %s)", m.ID, date(m.ImposedAt))
		}
	}
	if f.state == Met {
		f.doubt("没有查实的虚假广告；内容是否属实、有无广告审查批准，平台不知道", "no complaint that stands showed false advertising; whether it is true and has its approvals is not known here")
	}
	return *f
}
