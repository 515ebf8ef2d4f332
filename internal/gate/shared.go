package gate

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/routing"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Business is the licence class that SMS needs.
const Business = "B25"

// shared is what all parts of a batch that are alike have in common, whoever sent
// them and to whom: facts, verdicts that need no recipient, channels, and the
// decision that is stored of it. It is worked out once.
type shared struct {
	job      *job // the first of them
	facts    *rulebook.Facts
	until    int64 // earliest end of a fact that all recipients share
	carriers map[sms.Carrier]*carrierView
	decision *sms.Decision
	digest   Digest
	findings []rulebook.Finding
}

// sharedKey names everything that shared rests on, within one transaction.
type sharedKey struct {
	application, signature, template sms.ID
	version                          int64
	category                         sms.Category
	extension                        string
	brackets, reviewed               bool
	traits                           lexicon.Traits
	words                            string // that the body holds
	length, units, segments          int
	splits                           string // segments under the channels' own splittings
}

func (p *part) key() sharedKey {
	k := sharedKey{
		application: p.job.app.ID, category: p.category, extension: p.job.call.Extension, brackets: p.brackets, reviewed: p.job.review,
		traits: p.traits, length: p.length, units: p.units, segments: p.segments,
	}
	if len(p.words) > 0 {
		k.words = fmt.Sprint(p.words)
	}
	if len(p.splits) > 0 {
		k.splits = fmt.Sprint(p.splits)
	}
	if p.signature != nil {
		k.signature = p.signature.ID
	}
	if p.template != nil {
		k.template, k.version = p.template.Template.ID, p.template.Version.Version
	}
	return k
}

// carrierView is what the channel rules say for recipients of one carrier.
type carrierView struct {
	permit   Permit
	findings []rulebook.Finding
	code     sms.Code // why there is no channel or price at all
	detail   string
	until    int64
}

// Digest holds the hashes by which a record names the decision's documents.
type Digest struct{ Facts, Findings, Permit [32]byte }

// DigestOf hashes a decision's documents.
func DigestOf(d *sms.Decision) Digest {
	return Digest{sha256.Sum256(d.Facts), sha256.Sum256(d.Findings), sha256.Sum256(d.Permit)}
}

// share gives a part what it has in common with others: worked out once for all that
// are alike.
func (b *batchRun) share(p *part) {
	k := p.key()
	if p.shared = b.shared[k]; p.shared == nil {
		p.shared = &shared{job: p.job, carriers: map[sms.Carrier]*carrierView{}}
		b.g.sharedFacts(p, b.now.UnixMilli())
		b.shared[k] = p.shared
	}
}

func (g *Gate) sharedFacts(p *part, at int64) {
	f, snap := g.book.NewFacts(), p.job.snap
	chain := snap.Chain(p.job.party.ID)
	f.String(rulebook.Category, string(p.category))
	operator, resellers, companies, owns := false, true, true, false
	for _, x := range chain {
		l := snap.ValidLicence(x, Business, at)
		switch x.Kind {
		case registry.Operator:
			operator = l != nil
			companies = companies && x.EntityType == "company"
		case registry.Agent:
			if x.AgentMode == registry.Licensed {
				resellers = resellers && l != nil
				companies = companies && x.EntityType == "company"
			}
		}
		if l != nil {
			p.ends(l.To)
		}
	}
	for _, a := range p.job.accounts {
		if x := snap.Party[a.PartyID]; x != nil && x.Kind == registry.Agent && x.AgentMode != registry.Licensed {
			owns = true
		}
	}
	f.Bool(rulebook.LicenceOperator, operator)
	f.Bool(rulebook.LicenceResellers, resellers)
	f.Bool(rulebook.AgentsCompanies, companies)
	f.Bool(rulebook.AgentsReferralOwns, owns)
	f.Bool(rulebook.SignatureBrackets, p.brackets)
	f.Bool(rulebook.SignatureFound, p.signature != nil)
	f.Bool(rulebook.SignatureApproved, p.signature != nil && p.signature.State == registry.Approved)
	f.Bool(rulebook.TemplateMatched, p.template != nil)
	if p.template != nil {
		p.ends(p.template.Version.To)
	}
	f.Text(&p.traits, p.words)
	f.Bool(rulebook.ReviewApproved, p.job.review)
	f.Bool(rulebook.PartyMarketingStopped, snap.Stopped(p.job.party.ID))
	f.Int(rulebook.UnitsLength, p.length)
	f.Int(rulebook.UnitsBilled, p.units)
	p.facts = f
}

// ends notes a moment at which a fact ends by itself; 0 is never.
func (s *shared) ends(at int64) {
	if at != 0 && (s.until == 0 || at < s.until) {
		s.until = at
	}
}

// view evaluates the channels for recipients of one carrier, once for all parts that
// are alike.
func (g *Gate) view(p *part, c sms.Carrier, now time.Time) *carrierView {
	if v := p.carriers[c]; v != nil {
		return v
	}
	v := &carrierView{}
	p.carriers[c] = v
	for _, a := range p.job.accounts {
		price, ok := p.job.snap.Price(a.ID, p.category, c, now.UnixMilli())
		if !ok {
			v.code, v.detail = sms.PriceMissing, "account "+a.ID.String()+" has no price for "+string(p.category)+" to "+string(c)
			return v
		}
		v.permit.Chain = append(v.permit.Chain, ledger.Line{Account: a.ID, Price: price})
	}
	var first []rulebook.Finding
	for _, ch := range p.job.snap.Channels {
		if ch.Carrier != c || ch.State != registry.Active || !ch.Carries(p.category) {
			continue
		}
		found, pc, until := g.channel(p, ch, now)
		if r := rulebook.Refusing(found); r != nil {
			if first == nil {
				first = found
			}
			continue
		}
		v.permit.Channels = append(v.permit.Channels, pc)
		v.findings = append(v.findings, found...)
		if until != 0 && (v.until == 0 || until < v.until) {
			v.until = until
		}
	}
	if len(v.permit.Channels) == 0 {
		v.findings = first
		if first == nil {
			v.code, v.detail = sms.NoChannel, "no active channel carries "+string(p.category)+" to "+string(c)
		}
	}
	return v
}

func (g *Gate) channel(p *part, ch *registry.Channel, now time.Time) ([]rulebook.Finding, PermitChannel, int64) {
	snap, at := p.job.snap, now.UnixMilli()
	f := p.facts.Clone()
	var until int64
	ends := func(t int64) {
		if t != 0 && (until == 0 || t < until) {
			until = t
		}
	}
	var sub *registry.Subcode
	var sigID sms.ID
	if p.signature != nil {
		sigID = p.signature.ID
		sub = snap.Subcode(sigID, ch.AccessCodeID)
	}
	code := snap.AccessCode[ch.AccessCodeID]
	codeOK := code != nil && code.State == registry.Active && code.Holds(at)
	filing := snap.Filing(sigID, ch.Carrier)
	filed := filing != nil && filing.State == registry.Approved && filing.Holds(at)
	if filed {
		ends(filing.To)
	}
	f.Bool(rulebook.FilingApproved, filed)
	f.Bool(rulebook.PortBound, sub != nil && codeOK && sub.PartyID == p.job.party.ID && p.signature.PartyID == p.job.party.ID)
	var contract *registry.Contract
	signatures, qualifications := 0, map[sms.ID]bool{}
	if sub != nil {
		contract = snap.Contract[sub.ContractID]
		for _, x := range snap.Subcodes {
			if x.AccessCodeID == sub.AccessCodeID && x.Digits == sub.Digits {
				signatures++
				qualifications[x.QualificationID] = true
			}
		}
		qualifications[p.signature.QualificationID] = true
	}
	holds := contract != nil && contract.State == registry.Active && contract.PartyID == p.job.party.ID && contract.Holds(at)
	if holds {
		ends(contract.To)
	}
	f.Bool(rulebook.PortContract, holds)
	f.Int(rulebook.PortSignatures, signatures)
	f.Int(rulebook.PortQualifications, len(qualifications))
	found, t := g.book.Evaluate(rulebook.StageChannel, f, now)
	if !t.IsZero() {
		ends(t.UnixMilli())
	}
	segments := p.segments
	if i := slices.Index(snap.Splittings(), ch.Splitting()); i >= 0 {
		if segments = p.splits[i]; segments == 0 {
			found = append(found, against(sms.TextTooLong))
		}
	}
	pc := PermitChannel{
		ID: ch.ID, Segments: segments, Split: ch.Splitting(), Group: ch.Priority, Weight: ch.Weight, OnDelivery: contract != nil && contract.ChargeOn == registry.OnDelivery,
	}
	if ch.ByTemplate() {
		if p.template != nil {
			pc.Template = snap.Filed(ch.ID, p.template.Template.ID)
		}
		if pc.Template == nil {
			found = append(found, against(sms.TemplateNotFiled))
		}
	}
	if code != nil && sub != nil {
		source, err := routing.SourceNumber(code.Code, sub.Digits, p.job.call.Extension)
		if err != nil {
			found = append(found, against(sms.SourceTooLong))
		}
		pc.Source = source
	}
	return found, pc, until
}

// against is what a channel can't do, whatever the rules say.
func against(code sms.Code) rulebook.Finding {
	e := sms.Lookup(code)
	return rulebook.Finding{Layer: "channel", Outcome: rulebook.Block, Code: code, Reason: rulebook.Both{Zh: e.Zh, En: e.En}}
}

// newDecision makes the decision of all parts that are alike, once the carriers of
// all their recipients are known.
func (g *Gate) newDecision(s *shared, now time.Time, journal int64) error {
	at := now.In(rulebook.Shanghai)
	s.facts.Int(rulebook.TimeMinute, at.Hour()*60+at.Minute())
	found, until := g.book.Evaluate(rulebook.StageShared, s.facts, now)
	if !until.IsZero() {
		s.ends(until.UnixMilli())
	}
	s.findings = found
	permits := map[sms.Carrier]*Permit{}
	all := append([]rulebook.Finding(nil), found...)
	for _, c := range slices.Sorted(maps.Keys(s.carriers)) {
		v := s.carriers[c]
		permits[c] = &v.permit
		all = append(all, v.findings...)
		s.ends(v.until)
	}
	g.book.Sort(all)
	facts, err := json.Marshal(s.facts.Map(rulebook.StageShared))
	if err != nil {
		return err
	}
	findings, err := json.Marshal(all)
	if err != nil {
		return err
	}
	permit, err := json.Marshal(permits)
	if err != nil {
		return err
	}
	s.decision = &sms.Decision{
		ID: g.ids.Next(), ApplicationID: s.job.app.ID, At: now.UnixMilli(), Packs: g.book.Versions(),
		Facts: facts, Findings: findings, Permit: permit, Journal: journal, ValidUntil: s.until,
	}
	s.digest = DigestOf(s.decision)
	return nil
}
