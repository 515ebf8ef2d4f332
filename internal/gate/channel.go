package gate

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/routing"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// candidate is a channel by which a part may leave, with the facts about it.
type candidate struct {
	*rulebook.Facts
	p        *part
	ch       *registry.Channel
	code     *registry.AccessCode
	sub      *registry.Subcode // of the signature under that code
	contract *registry.Contract
	until    int64 // earliest end of a fact
	used     int64 // day on which the signature was last used
}

// ends notes a moment at which a fact ends by itself; 0 is never.
func (c *candidate) ends(t int64) {
	if t != 0 && (c.until == 0 || t < c.until) {
		c.until = t
	}
}

// channel evaluates the rules of one channel for a part.
func (b *batchRun) channel(p *part, ch *registry.Channel, now time.Time) ([]rulebook.Finding, PermitChannel, []byte, int64) {
	snap, at := p.job.snap, now.UnixMilli()
	c := &candidate{Facts: p.facts.Clone(), p: p, ch: ch, code: snap.AccessCode[ch.AccessCodeID]}
	if p.signature != nil {
		c.sub = snap.Subcode(p.signature.ID, ch.AccessCodeID)
	}
	source, tooLong := "", error(nil)
	if c.code != nil && c.sub != nil {
		source, tooLong = routing.SourceNumber(c.code.Code, c.sub.Digits, p.job.call.Extension)
	}
	if p.signature != nil {
		c.used = b.used[p.signature.ID]
	}
	c.ownFacts(snap, at)
	c.filingFacts(snap, at)
	c.codeFacts(snap, source, at)
	c.portFacts(snap, at)
	found, t := p.job.book.Evaluate(rulebook.StageChannel, c.Facts, now)
	if !t.IsZero() {
		c.ends(t.UnixMilli())
	}
	rules := len(found)
	segments := p.segments
	if i := slices.Index(snap.Splittings(), ch.Splitting()); i >= 0 {
		if segments = p.splits[i]; segments == 0 {
			found = append(found, against(sms.TextTooLong))
		}
	}
	pc := PermitChannel{
		ID: ch.ID, Source: source, Segments: segments, Split: ch.Splitting(), Group: ch.Priority, Weight: ch.Weight,
		OnDelivery: c.contract != nil && c.contract.ChargeOn == registry.OnDelivery,
	}
	if ch.ByTemplate() {
		if p.template != nil {
			pc.Template = snap.Filed(ch.ID, p.template.Template.ID)
		}
		if pc.Template == nil {
			found = append(found, against(sms.TemplateNotFiled))
		}
	}
	if tooLong != nil {
		found = append(found, against(sms.SourceTooLong))
	}
	return found, pc, c.record(found[rules:]), c.until
}

// record is what a decision says of the channel: its facts, and what it can't do.
func (c *candidate) record(unable []rulebook.Finding) []byte {
	var more []rulebook.Member
	if len(unable) > 0 {
		codes := make([]sms.Code, len(unable))
		for i := range unable {
			codes[i] = unable[i].Code
		}
		list, _ := json.Marshal(codes) // strings only: it can't fail
		more = append(more, rulebook.Member{Name: FactAgainst, Value: list})
	}
	more = append(more, rulebook.Member{Name: FactChannel, Value: strconv.AppendQuote(nil, c.ch.ID.String())})
	return c.Record(rulebook.StageChannel, rulebook.StageChannel, more...)
}

// ownFacts are those of the channel and of whose it is (LIC-06, PORT-05, OPT-06).
func (c *candidate) ownFacts(snap *registry.Snapshot, at int64) {
	licensed := c.ch.UpstreamID == 0 && !c.ch.ByWeb() // the carrier itself
	if up := snap.Party[c.ch.UpstreamID]; up != nil && up.State == registry.Active {
		l := snap.ValidLicence(up, registry.Business, at)
		if licensed = l != nil; licensed {
			c.ends(l.To)
		}
	}
	c.Bool(rulebook.ChannelUpstream, licensed)
	c.String(rulebook.ChannelCarrier, string(c.ch.Carrier))
	c.Bool(rulebook.ChannelCarries, c.ch.Carries(c.p.category))
	c.Bool(rulebook.ChannelReplies, snap.HearsReplies(c.ch))
	c.String(rulebook.ChannelVendor, c.ch.Vendor())
	if longest := c.ch.Options.SignatureMax; longest != 0 {
		c.Int(rulebook.ChannelSignatureMax, longest)
	}
	c.String(rulebook.ChannelEntity, c.ch.Options.Entity(c.p.job.party.EntityType))
	c.Bool(rulebook.ChannelRefiles, c.ch.Options.RefileStale)
	entrusted, ends := snap.Entrusted(c.p.job.party, c.ch.UpstreamID, at)
	c.ends(ends)
	c.Bool(rulebook.ChannelEntrusted, entrusted)
	abroad, transfer := c.ch.Abroad(), ""
	if t := c.ch.Options.Transfer; abroad && t.Holds(at) {
		transfer = t.Basis
		c.ends(t.ValidTo)
	}
	c.Bool(rulebook.ChannelAbroad, abroad)
	c.String(rulebook.ChannelTransfer, transfer)
	c.Int(rulebook.ChannelReplyCost, int(c.ch.Options.ReplyCost))
	c.Int(rulebook.ChannelMeasure, snap.ChannelSeverity(c.ch.ID))
	c.Bool(rulebook.ChannelMKTVariables, c.ch.Options.MKTVariables)
	c.Industries(c.ch.Options.Industries)
	if o := &c.ch.Options; o.MKTOpen != 0 || o.MKTClose != 0 {
		c.Int(rulebook.ChannelOpen, o.MKTOpen)
		c.Int(rulebook.ChannelClose, o.MKTClose)
	}
}

// filingFacts are those of what is filed with the channel's carrier (SIG-08, TPL-02, TPL-12).
func (c *candidate) filingFacts(snap *registry.Snapshot, at int64) {
	signature, template := false, false
	if c.p.signature != nil {
		f := snap.Filing(c.p.signature.ID, c.ch.Carrier)
		c.Int(rulebook.SignatureIdle, idleDays(c.used, f, at))
		if signature = f != nil && f.State == registry.Approved && f.Holds(at); signature {
			c.ends(f.To)
		}
	}
	if c.p.template != nil {
		f := snap.TemplateFiling(c.p.template, c.ch.Carrier)
		if template = f != nil && f.State == registry.Approved && f.Holds(at); template {
			c.ends(f.To)
		}
	}
	unfiled := 0
	for i := range c.p.contacts {
		if f := snap.Contact(c.p.job.party.ID, c.ch.Carrier, &c.p.contacts[i], at); f != nil {
			c.ends(f.To)
		} else {
			unfiled++
		}
	}
	c.Int(rulebook.ContactsUnfiled, unfiled)
	c.Bool(rulebook.FilingApproved, signature)
	c.Bool(rulebook.TemplateFiled, template)
}

// codeFacts are those of the access code and its approval (PORT-01, PORT-07).
func (c *candidate) codeFacts(snap *registry.Snapshot, source string, at int64) {
	if c.code == nil {
		c.Bool(rulebook.CodeApproved, false)
		return
	}
	approved := c.code.Approval != "" && c.code.State == registry.Active && c.code.Holds(at)
	if approved {
		c.ends(c.code.To)
	}
	holder := snap.Party[c.code.PartyID]
	c.Bool(rulebook.CodeApproved, approved)
	c.Int(rulebook.CodeLength, max(len(source), len(c.code.Code)))
	c.Int(rulebook.CodeMaxLength, int(c.code.MaxLength))
	c.String(rulebook.CodeUse, c.code.Use)
	c.Bool(rulebook.CodeOwn, holder != nil && holder.GroupID == c.p.job.party.GroupID)
	c.String(rulebook.CodeNumber, c.code.Code)
}

// portFacts are those of the sub-code's binding (PORT-02, PORT-03).
func (c *candidate) portFacts(snap *registry.Snapshot, at int64) {
	party := c.p.job.party
	codeOK := c.code != nil && c.code.State == registry.Active && c.code.Holds(at)
	c.Bool(rulebook.PortBound, c.sub != nil && codeOK && c.sub.PartyID == party.ID && c.p.signature.PartyID == party.ID)
	signatures, qualifications := 0, map[sms.ID]bool{}
	if c.sub != nil {
		c.contract = snap.Contract[c.sub.ContractID]
		for _, x := range snap.SubcodesAt(c.sub.AccessCodeID, c.sub.Digits) {
			signatures++
			qualifications[x.QualificationID] = true
		}
		qualifications[c.p.signature.QualificationID] = true
	}
	holds := c.contract != nil && c.contract.State == registry.Active && c.contract.PartyID == party.ID && c.contract.Holds(at)
	if holds {
		c.ends(c.contract.To)
	}
	c.Bool(rulebook.PortContract, holds)
	c.Int(rulebook.PortSignatures, signatures)
	c.Int(rulebook.PortQualifications, len(qualifications))
}

// against is what a channel can't do, whatever the rules say.
func against(code sms.Code) rulebook.Finding {
	f := Explained(code)
	f.Layer = "channel"
	return f
}
