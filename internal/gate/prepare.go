package gate

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/routing"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// Business is the licence class that SMS needs.
const Business = "B25"

// job is a call on its way through a batch, with everything about it that needs
// no lock: done before the transaction, and again only if the registry moved.
type job struct {
	call    *Call
	redo    []*sms.Message // messages decided anew; then call is made of them
	review  bool           // a person has approved it
	payload [32]byte
	done    func(outcome)

	snap     *registry.Snapshot
	app      *registry.Application
	party    *registry.Party
	accounts []*registry.Account
	parts    []*part
	err      error    // against the whole call
	against  sms.Code // against messages that are decided anew: they must not wait on
	phones   [][16]byte
}

type outcome struct {
	answer Answer
	err    error
}

type part struct {
	job        *job
	text       string
	body       string
	signature  *registry.Signature
	template   *registry.ApprovedWording
	category   sms.Category
	units      int
	segments   int
	content    [16]byte
	facts      *rulebook.Facts
	recipients []recipient
	until      int64 // earliest end of a fact that all recipients share
	carriers   map[sms.Carrier]*carrierView
	decision   *sms.Decision
	digest     Digest
	findings   []rulebook.Finding
}

type recipient struct {
	Recipient
	phone   [16]byte
	carrier sms.Carrier // by prefix; portability may change it
	old     *sms.Message
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

func (g *Gate) prepare(j *job, snap *registry.Snapshot, now time.Time) {
	j.snap, j.err, j.against, j.parts, j.phones = snap, nil, "", nil, j.phones[:0]
	at := now.UnixMilli()
	j.app = snap.Application[j.call.Application]
	if j.app == nil {
		j.err = sms.Errorf(sms.NotFound, "application", "no application has this id")
		return
	}
	j.party = snap.Party[j.app.PartyID]
	j.accounts = snap.Accounts(j.app.AccountID)
	if err := g.standing(j); err != nil {
		if len(j.redo) == 0 || j.party == nil || len(j.accounts) == 0 {
			j.err = err
			return
		}
		j.against = sms.PartyFrozen
	}
	chain := snap.Chain(j.party.ID)
	for i := range j.call.Parts {
		p, err := g.preparePart(j, &j.call.Parts[i], chain, at)
		if err != nil {
			j.err = err
			return
		}
		j.parts = append(j.parts, p)
	}
}

// standing refuses whoever is frozen or closed, before any rule.
func (g *Gate) standing(j *job) error {
	if j.party == nil || len(j.accounts) == 0 {
		return sms.Errorf(sms.NotFound, "application", "its party or account is missing")
	}
	if j.app.State != registry.Active {
		return sms.Errorf(sms.PartyFrozen, "application", "it is %s", j.app.State)
	}
	for _, p := range j.snap.Chain(j.party.ID) {
		if p.State != registry.Active {
			return sms.Errorf(sms.PartyFrozen, "party "+p.ID.String(), "it is %s", p.State)
		}
	}
	for _, a := range j.accounts {
		if a.State != registry.Active {
			return sms.Errorf(sms.PartyFrozen, "account "+a.ID.String(), "it is %s", a.State)
		}
	}
	return nil
}

func (g *Gate) preparePart(j *job, in *Part, chain []*registry.Party, at int64) (*part, error) {
	p := &part{job: j, text: in.Text, carriers: map[sms.Carrier]*carrierView{}}
	units, err := smstext.Units(in.Text)
	if err != nil {
		return nil, textError(err)
	}
	segments, err := smstext.Split(in.Text, 0)
	if err != nil {
		return nil, textError(err)
	}
	p.units, p.segments = units, len(segments)
	name, body, brackets := registry.SplitSignature(in.Text)
	p.body = body
	p.signature = j.snap.SignatureOf(j.party.ID, name)
	p.category = in.Category
	if in.Template != 0 {
		if w := j.snap.Wording(in.Template); w != nil && w.Template.PartyID == j.party.ID && w.Wording.Fits(body) && w.Version.Holds(at) &&
			(in.Category == "" || in.Category == w.Template.Category) {
			p.template = w
		}
	} else {
		p.template = j.snap.Match(j.party.ID, body, in.Category, at)
	}
	if p.template != nil && p.template.Template.State != registry.Active {
		p.template = nil
	}
	if p.template != nil {
		p.category = p.template.Template.Category
	} else if p.category == "" {
		if p.category = in.Otherwise; p.category == "" {
			p.category = sms.MKT // what fits nothing is judged by the strictest rules
		}
	}
	p.content = g.keys.ContentHash(body)
	g.sharedFacts(p, chain, brackets, at)
	for i := range in.Recipients {
		r := recipient{Recipient: in.Recipients[i], phone: g.keys.PhoneID(in.Recipients[i].Number)}
		r.carrier = routing.CarrierOf(r.Number)
		if i < len(j.redo) {
			r.old = j.redo[i]
		}
		p.recipients = append(p.recipients, r)
		j.phones = append(j.phones, r.phone)
	}
	return p, nil
}

// textError gives a text that can't be sent its code.
func textError(err error) error {
	code := sms.BadText
	if errors.Is(err, smstext.ErrLong) {
		code = sms.TextTooLong
	}
	return &sms.Error{Code: code, Field: "text", Detail: err.Error(), Cause: err}
}

func (g *Gate) sharedFacts(p *part, chain []*registry.Party, brackets bool, at int64) {
	f, snap := g.book.NewFacts(), p.job.snap
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
	f.Bool(rulebook.SignatureBrackets, brackets)
	f.Bool(rulebook.SignatureFound, p.signature != nil)
	f.Bool(rulebook.SignatureApproved, p.signature != nil && p.signature.State == registry.Approved)
	f.Bool(rulebook.TemplateMatched, p.template != nil)
	if p.template != nil {
		p.ends(p.template.Version.To)
	}
	f.Bool(rulebook.ReviewApproved, p.job.review)
	f.Int(rulebook.UnitsLength, smstext.Length(p.text))
	f.Int(rulebook.UnitsBilled, p.units)
	p.facts = f
}

// ends notes a moment at which a fact ends by itself; 0 is never.
func (p *part) ends(at int64) {
	if at != 0 && (p.until == 0 || at < p.until) {
		p.until = at
	}
}

// view evaluates the channels for recipients of one carrier, once per part.
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
		if ch.Carrier != c || ch.State != registry.Active {
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
			v.code, v.detail = sms.NoChannel, "no active channel reaches "+string(c)
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
	pc := PermitChannel{ID: ch.ID, Segments: p.segments, OnDelivery: contract != nil && contract.ChargeOn == registry.OnDelivery}
	if code != nil && sub != nil {
		source, err := routing.SourceNumber(code.Code, sub.Digits, p.job.call.Extension)
		if err != nil {
			found = append(found, rulebook.Finding{
				Rule: "", Layer: "channel", Outcome: rulebook.Block, Code: sms.SourceTooLong,
				Reason: rulebook.Both{Zh: sms.Lookup(sms.SourceTooLong).Zh, En: sms.Lookup(sms.SourceTooLong).En},
			})
		}
		pc.Source = source
	}
	return found, pc, until
}

// decide writes the part's decision: what all its recipients have in common.
func (g *Gate) newDecision(p *part, now time.Time, journal int64) error {
	at := now.In(rulebook.Shanghai)
	p.facts.Int(rulebook.TimeMinute, at.Hour()*60+at.Minute())
	found, until := g.book.Evaluate(rulebook.StageShared, p.facts, now)
	if !until.IsZero() {
		p.ends(until.UnixMilli())
	}
	p.findings = found
	permits := map[sms.Carrier]*Permit{}
	all := append([]rulebook.Finding(nil), found...)
	for c, v := range p.carriers {
		permits[c] = &v.permit
		all = append(all, v.findings...)
		p.ends(v.until)
	}
	g.book.Sort(all)
	facts, err := json.Marshal(p.facts.Map(rulebook.StageShared))
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
	p.decision = &sms.Decision{
		ID: g.ids.Next(), ApplicationID: p.job.app.ID, At: now.UnixMilli(), Packs: g.book.Versions(),
		Facts: facts, Findings: findings, Permit: permit, Journal: journal, ValidUntil: p.until,
	}
	p.digest = DigestOf(p.decision)
	return nil
}
