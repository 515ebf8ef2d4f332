package gate

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// shared is what all parts of a batch that are alike have in common, whoever sent
// them and to whom: facts, verdicts that need no recipient, channels, and the
// decision that is stored of it. It is worked out once.
type shared struct {
	job      *job // the first of them
	facts    *rulebook.Facts
	until    int64        // earliest end of a fact that all recipients share
	coverage sms.Coverage // of the licences in the chain
	carriers map[sms.Carrier]*carrierView
	decision *sms.Decision
	digest   Digest
	findings []rulebook.Finding
	verdicts map[Verdict]int
}

// Verdict is what messages of a decision got, and how many of them.
type Verdict struct {
	Carrier sms.Carrier `json:"carrier"`
	Decided sms.State   `json:"decided"`
	Code    sms.Code    `json:"code,omitempty"`
	Rule    string      `json:"rule,omitempty"`  // the first against them
	Later   bool        `json:"later,omitempty"` // asked for at a later moment
	Count   int         `json:"n"`
}

// countVerdicts lists how many messages got which verdict. It names nobody.
func (s *shared) countVerdicts() ([]byte, error) {
	list := make([]Verdict, 0, len(s.verdicts))
	for v, n := range s.verdicts {
		v.Count = n
		list = append(list, v)
	}
	waits := func(v Verdict) int {
		if v.Later {
			return 1
		}
		return 0
	}
	slices.SortFunc(list, func(a, b Verdict) int {
		return cmp.Or(cmp.Compare(a.Carrier, b.Carrier), cmp.Compare(a.Decided, b.Decided), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Rule, b.Rule), waits(a)-waits(b))
	})
	return json.Marshal(list)
}

// sharedKey names everything that shared rests on, within one transaction.
type sharedKey struct {
	application, signature, template sms.ID
	class                            uint8 // of the recipients' provinces
	version                          int64
	category                         sms.Category
	extension                        string
	brackets, named, reviewed        bool
	traits                           lexicon.Traits
	words                            string // that it holds
	name                             string // the signature in front of it, whether it is anybody's or not
	values                           inVariables
	promotion, rivals                int
	length, units, segments          int
	numbers, consecutive             int
	contacts                         string // its links and telephones
	splits                           string // segments under the channels' own splittings
}

func (p *part) key() sharedKey {
	k := sharedKey{
		application: p.job.app.ID, class: p.job.snap.Class(p.province), category: p.category, extension: p.job.call.Extension, brackets: p.brackets, named: p.named, reviewed: p.job.review,
		numbers: p.job.numbers, consecutive: p.job.consecutive,
		traits: p.traits, words: wordsKey(p.words), name: p.name, values: p.values, promotion: p.promotion, rivals: p.rivals, length: p.length, units: p.units, segments: p.segments,
	}
	if len(p.splits) > 0 {
		k.splits = fmt.Sprint(p.splits)
	}
	for i := range p.contacts {
		k.contacts += p.contacts[i].Value + "\n"
	}
	if p.signature != nil {
		k.signature = p.signature.ID
	}
	if p.template != nil {
		k.template, k.version = p.template.Template.ID, p.template.Version.Version
	}
	return k
}

// with are the ids of the signature and the template, as far as the part has them.
func (p *part) with() (ids []sms.ID) {
	if p.signature != nil {
		ids = append(ids, p.signature.ID)
	}
	if p.template != nil {
		ids = append(ids, p.template.Template.ID)
	}
	return ids
}

// decisions are the rows of what was decided, with what it gave.
func (b *batchRun) decisions() ([]sms.Decision, error) {
	list := make([]sms.Decision, len(b.order))
	for i, s := range b.order {
		var err error
		if s.decision.Verdicts, err = s.countVerdicts(); err != nil {
			return nil, err
		}
		list[i] = *s.decision
	}
	return list, nil
}

// carrierView is what the channel rules say for recipients of one carrier.
type carrierView struct {
	permit   Permit
	findings []rulebook.Finding
	code     sms.Code // why there is no channel or price at all
	detail   string
	until    int64
	facts    []json.RawMessage // of each candidate, in their order
}

// Names in a decision's facts besides those of rules: the candidate channels by carrier,
// and of each its id and the codes of what it can't do, whatever the rules say.
const (
	FactChannels = "channels"
	FactChannel  = "channel"
	FactAgainst  = "against"
)

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
		p.shared = &shared{job: p.job, carriers: map[sms.Carrier]*carrierView{}, verdicts: map[Verdict]int{}}
		b.g.sharedFacts(p, b.now)
		b.shared[k] = p.shared
	}
}

func (g *Gate) sharedFacts(p *part, now time.Time) {
	f, snap, at := p.job.book.NewFacts(), p.job.snap, now.UnixMilli()
	f.Time(now)
	f.Int(rulebook.CallNumbers, p.job.numbers)
	f.Int(rulebook.CallConsecutive, p.job.consecutive)
	chain := snap.Chain(p.job.party.ID)
	f.String(rulebook.Category, string(p.category))
	f.String(rulebook.ProviderEntity, p.job.party.EntityType)
	operator, resellers, companies, owns := false, true, true, false
	for _, x := range chain {
		l := snap.ValidLicence(x, registry.Business, at)
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
	p.coverage = snap.Coverage(p.job.party.ID, at)
	f.Bool(rulebook.LicenceOperator, operator)
	f.Bool(rulebook.LicenceResellers, resellers)
	f.Bool(rulebook.AgentsCompanies, companies)
	f.Bool(rulebook.AgentsReferralOwns, owns)
	f.Bool(rulebook.SignatureBrackets, p.brackets)
	f.Bool(rulebook.SignatureFound, p.signature != nil)
	f.Int(rulebook.SignatureLength, utf8.RuneCountInString(p.name))
	f.Bool(rulebook.SignatureApproved, p.signature != nil && p.signature.State == registry.Approved)
	g.senderFacts(p, f, at)
	f.Bool(rulebook.TemplateMatched, p.template != nil)
	if p.template != nil {
		f.Bool(rulebook.TemplateUrgent, p.template.Template.Urgent)
		f.Int(rulebook.TemplateSensitive, len(p.template.Version.Classes()))
		f.String(rulebook.TemplateBasis, p.template.Version.Basis)
		p.ends(p.template.Version.To)
		variables, codes := p.template.Wording.Variables("code")
		f.Int(rulebook.TemplateVariables, variables)
		f.Int(rulebook.TemplateCodes, codes)
	}
	f.Text(&p.traits, p.words, rulebook.Sender{Signature: p.name, Registered: p.job.party.Name, Organ: p.job.party.Organ()})
	f.Permits(func(trade string) bool {
		permit := snap.Permit(p.job.party.ID, trade, at)
		if permit != nil {
			p.ends(permit.To)
		}
		return permit != nil
	})
	f.Int(rulebook.TextPromotion, p.promotion)
	f.Int(rulebook.TextRivals, p.rivals)
	f.Int(rulebook.TextVariableLinks, p.values.links)
	f.Int(rulebook.TextVariableContacts, p.values.contacts)
	f.Int(rulebook.TemplateLongest, p.values.longest)
	f.Bool(rulebook.ReviewApproved, p.job.review)
	f.Int(rulebook.PartyMeasure, snap.Severity(p.job.party.ID, p.with()...))
	f.Int(rulebook.UnitsLength, p.length)
	f.Int(rulebook.UnitsBilled, p.units)
	p.facts = f
}

// senderFacts tell whether the text shows who really sends it (RN-03, RN-05, RN-06).
func (g *Gate) senderFacts(p *part, f *rulebook.Facts, at int64) {
	sig := p.signature
	f.Bool(rulebook.TextFullName, p.named)
	f.Bool(rulebook.SignatureEntity, sig != nil && sig.QualificationID != 0 && p.job.party.USCC != "")
	f.Bool(rulebook.SignatureUnique, sig != nil && sig.Unique)
	authorised := sig != nil
	if authorised && sig.Foreign(p.job.party.Name) {
		letter := p.job.snap.Authorisation(sig, at)
		if authorised = letter != nil; authorised {
			p.ends(letter.To)
		}
	}
	f.Bool(rulebook.SignatureAuthorised, authorised)
}

// ends notes a moment at which a fact ends by itself; 0 is never.
func (s *shared) ends(at int64) {
	if at != 0 && (s.until == 0 || at < s.until) {
		s.until = at
	}
}

// view evaluates the channels for recipients of one carrier, once for all parts that
// are alike.
func (b *batchRun) view(p *part, c sms.Carrier) *carrierView {
	now := b.now
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
	var best []rulebook.Finding
	for _, ch := range p.job.snap.Channels {
		if ch.Carrier != c || !ch.Takes(p.province) || ch.State != registry.Active || !ch.Sends() {
			continue
		}
		found, pc, facts, until := b.channel(p, ch, now)
		v.facts = append(v.facts, facts)
		if r := rulebook.Refusing(found); r != nil {
			if best == nil || rulebook.Better(found, best) {
				best = found
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
		v.findings = best
		if best == nil {
			v.code, v.detail = sms.NoChannel, "no active channel reaches "+string(c)
		}
	}
	return v
}

// document is the facts of a decision: those that all recipients share, and those of
// their candidate channels by carrier. None is of a person.
func (s *shared) document() ([]byte, error) {
	channels := map[sms.Carrier][]json.RawMessage{}
	for c, v := range s.carriers {
		if v.code == "" {
			channels[c] = v.facts
		}
	}
	list, err := json.Marshal(channels)
	return s.facts.Record(rulebook.StageShared, rulebook.StageShared, rulebook.Member{Name: FactChannels, Value: list}), err
}

// newDecision makes the decision of all parts that are alike, once the carriers of
// all their recipients are known.
func (g *Gate) newDecision(s *shared, now time.Time, journal int64) error {
	found, until := s.job.book.Evaluate(rulebook.StageShared, s.facts, now)
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
	s.job.book.Sort(all)
	facts, err := s.document()
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
		ID: g.ids.Next(), ApplicationID: s.job.app.ID, At: now.UnixMilli(), Packs: s.job.book.Versions(),
		Facts: facts, Findings: findings, Permit: permit, Journal: journal, ValidUntil: s.until,
	}
	s.digest = DigestOf(s.decision)
	return nil
}
