package assess

import (
	"cmp"
	"slices"
	"strings"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// view is the registry arranged for the checks.
type view struct {
	c       *Catalogue
	f       Facts
	at      int64
	snap    *registry.Snapshot
	subject sms.ID // the assessed party

	children   map[sms.ID][]*registry.Party
	accounts   map[sms.ID][]*registry.Account
	payers     map[sms.ID][]*registry.Account // accounts that pay to an account
	codes      map[sms.ID][]*registry.AccessCode
	subcodes   map[sms.ID][]*registry.Subcode // by party
	under      map[sms.ID][]*registry.Subcode // by access code
	numbers    map[string][]*registry.Licence // by number
	qualified  map[sms.ID][]*registry.Signature
	senders    map[sms.ID]int // keys and logins that may send, by party
	signatures map[sms.ID][]*registry.Signature
	templates  map[sms.ID][]*registry.Template
	carriers   []sms.Carrier   // of active channels
	blocking   map[string]bool // rules of the law that refuse messages
	judged     map[reach][]rulebook.Both
}

// reach is a party with the direction in which its failings are wanted.
type reach struct {
	party     sms.ID
	direction string
}

func newView(c *Catalogue, f Facts, subject sms.ID) *view {
	s := f.Registry
	v := &view{
		c: c, f: f, at: f.At.UnixMilli(), snap: s, subject: subject,
		children: grouped(s.Party, func(p *registry.Party) sms.ID { return p.ParentID }), accounts: grouped(s.Account, func(a *registry.Account) sms.ID { return a.PartyID }),
		payers: grouped(s.Account, func(a *registry.Account) sms.ID { return a.PayerID }), codes: grouped(s.AccessCode, func(c *registry.AccessCode) sms.ID { return c.PartyID }),
		qualified:  grouped(s.Signature, func(x *registry.Signature) sms.ID { return x.QualificationID }),
		signatures: grouped(s.Signature, func(x *registry.Signature) sms.ID { return x.PartyID }), templates: grouped(s.Template, func(x *registry.Template) sms.ID { return x.PartyID }),
		senders: map[sms.ID]int{}, blocking: map[string]bool{}, judged: map[reach][]rulebook.Both{},
		subcodes: map[sms.ID][]*registry.Subcode{}, under: map[sms.ID][]*registry.Subcode{}, numbers: map[string][]*registry.Licence{},
	}
	for _, x := range s.Subcodes {
		v.subcodes[x.PartyID] = append(v.subcodes[x.PartyID], x)
		v.under[x.AccessCodeID] = append(v.under[x.AccessCodeID], x)
	}
	for id := range s.Party {
		for _, l := range s.LicencesOf(id) {
			if l.State != registry.Revoked {
				v.numbers[l.Number] = append(v.numbers[l.Number], l)
			}
		}
	}
	for _, ch := range s.Channels {
		if ch.State == registry.Active && !slices.Contains(v.carriers, ch.Carrier) {
			v.carriers = append(v.carriers, ch.Carrier)
		}
	}
	slices.Sort(v.carriers)
	for _, r := range c.book.Rules() {
		if r.Layer == "law" && r.Outcome == rulebook.Block && !f.At.Before(r.From.Time) && (r.To.IsZero() || f.At.Before(r.To.Time)) {
			v.blocking[r.ID] = true
		}
	}
	v.countSenders()
	return v
}

// countSenders counts the keys and logins by which a party's applications send.
func (v *view) countSenders() {
	count := func(application sms.ID, may bool) {
		if app := v.snap.Application[application]; app != nil && may {
			v.senders[app.PartyID]++
		}
	}
	for _, k := range v.snap.AllKeys() {
		count(k.ApplicationID, k.May("send") && (k.ExpiresAt == 0 || k.ExpiresAt > v.at) && (k.RevokedAt == 0 || k.RevokedAt > v.at))
	}
	for _, l := range v.snap.AllLogins() {
		count(l.ApplicationID, l.State == registry.Active)
	}
}

// grouped arranges objects by a key of theirs, in order of their ids.
func grouped[T any](all map[sms.ID]*T, key func(*T) sms.ID) map[sms.ID][]*T {
	ids := make([]sms.ID, 0, len(all))
	for id := range all {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	out := map[sms.ID][]*T{}
	for _, id := range ids {
		out[key(all[id])] = append(out[key(all[id])], all[id])
	}
	return out
}

// below lists everybody under a party.
func (v *view) below(p *registry.Party) (out []*registry.Party) {
	seen := map[sms.ID]bool{p.ID: true}
	for next := v.children[p.ID]; len(next) > 0; {
		var deeper []*registry.Party
		for _, x := range next {
			if !seen[x.ID] {
				seen[x.ID] = true
				out = append(out, x)
				deeper = append(deeper, v.children[x.ID]...)
			}
		}
		next = deeper
	}
	return out
}

// agentsBelow lists agents under a party that are not frozen or closed.
func (v *view) agentsBelow(p *registry.Party) (out []*registry.Party) {
	for _, x := range v.below(p) {
		if x.Kind == registry.Agent && x.State == registry.Active {
			out = append(out, x)
		}
	}
	return out
}

// answersFor lists those below a party for whose state it answers: agents, and customers
// that can send.
func (v *view) answersFor(p *registry.Party) (out []*registry.Party) {
	if p.Kind == registry.Customer {
		return nil
	}
	for _, x := range v.below(p) {
		if x.State == registry.Active && (x.Kind == registry.Agent || len(v.subcodes[x.ID]) > 0 || v.senders[x.ID] > 0) {
			out = append(out, x)
		}
	}
	return out
}

// licence is the party's own valid licence for SMS that ends last, and when what follows
// it without a gap ends; 0 is never.
func (v *view) licence(p *registry.Party) (best *registry.Licence, ends int64) {
	holds := func(at int64) (best *registry.Licence) {
		for _, l := range v.snap.LicencesOf(p.ID) {
			if lacksOf(l, p, at) == nil && (best == nil || later(l.To, best.To)) {
				best = l
			}
		}
		return best
	}
	if best = holds(v.at); best == nil {
		return nil, 0
	}
	ends = best.To
	for ends != 0 {
		next := holds(ends)
		if next == nil {
			break
		}
		ends = next.To
	}
	return best, ends
}

// lacksOf says why a licence does not serve a party at a moment, nil when it does.
func lacksOf(l *registry.Licence, p *registry.Party, at int64) *rulebook.Both {
	var why rulebook.Both
	switch {
	case l.State != registry.Active:
		why = say("许可证 %s 的状态是 %s", "licence %s is %s", l.Number, l.State)
	case at < l.From:
		why = say("许可证 %s 自 %s 起才有效", "licence %s only begins on %s", l.Number, lang(same(date(l.From))))
	case !l.Holds(at):
		why = say("许可证 %s 已于 %s 到期", "licence %s ended: %s", l.Number, lang(same(day(l.To))))
	case l.USCC != p.USCC:
		why = say("许可证 %s 属于统一社会信用代码 %s，本主体是 %s", "licence %s is of the code %s, the party's is %s", l.Number, l.USCC, p.USCC)
	case !covers(l.Scope, registry.Business):
		why = say("许可证 %s 的范围 %s 不含短信息服务 %s", "licence %s is for %s, not for SMS (%s)", l.Number, l.Scope, registry.Business)
	default:
		return nil
	}
	return &why
}

func same(s string) rulebook.Both { return rulebook.Both{Zh: s, En: s} }

func covers(list, item string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(x string) bool { return strings.TrimSpace(x) == item })
}

// later compares ends of spans; 0 is never.
func later(a, b int64) bool { return b != 0 && (a == 0 || cmp.Less(b, a)) }

// markets tells whether a party has wordings for marketing, or was seen to send it.
func (v *view) markets(p *registry.Party) bool {
	if s := v.sample(p); s != nil && s.Marketing > 0 {
		return true
	}
	return slices.ContainsFunc(v.templates[p.ID], func(t *registry.Template) bool { return v.wording(t) != nil && t.Category == sms.MKT })
}

// wording is a template's approved wording if the template is in use.
func (v *view) wording(t *registry.Template) *registry.ApprovedWording {
	if w := v.snap.Wording(t.ID); w != nil && t.State == registry.Active && w.Version.Holds(v.at) {
		return w
	}
	return nil
}

// sample is only of the assessed party.
func (v *view) sample(p *registry.Party) *Sample {
	if p.ID != v.subject {
		return nil
	}
	return v.f.Marketing
}

// other names a party that stands beside the chain, if the reader may know.
func (v *view) other(id sms.ID) lang {
	if p := v.snap.Party[id]; p != nil && v.f.Named {
		return lang(same(named(p)))
	}
	return lang{Zh: "另一主体", En: "another party"}
}

func named(p *registry.Party) string { return p.Name + " (" + p.ID.String() + ")" }
