package registry

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Tables is everything that a Snapshot is made of.
type Tables struct {
	Parties      []Party
	Licences     []Licence
	AccessCodes  []AccessCode
	Contracts    []Contract
	Signatures   []Signature
	Filings      []Filing
	TFilings     []TemplateFiling
	Authorised   []Authorisation
	Subcodes     []Subcode
	Templates    []Template
	Versions     []TemplateVersion
	Channels     []Channel
	Accounts     []Account
	Prices       []Price
	Applications []Application
	Keys         []APIKey
	SPAccounts   []SPAccount
	Staff        []Staff
	Measures     []Measure
	RulePacks    []RulePack // the active ones
	Additions
}

// Snapshot is an immutable view of the registry at one generation. Balances in
// it are stale and never used.
type Snapshot struct {
	Generation int64

	Party       map[sms.ID]*Party
	Account     map[sms.ID]*Account
	Application map[sms.ID]*Application
	Signature   map[sms.ID]*Signature
	Channel     map[sms.ID]*Channel
	AccessCode  map[sms.ID]*AccessCode
	Template    map[sms.ID]*Template
	Contract    map[sms.ID]*Contract
	Staff       map[sms.ID]*Staff

	Versions map[sms.ID][]*TemplateVersion // by template, oldest first

	Channels []*Channel // by priority, cost, id
	Subcodes []*Subcode // the active ones

	RulePacks []RulePack // the active ones

	additions
	licences   map[sms.ID][]*Licence
	measures   map[sms.ID][]*Measure
	onChannels map[sms.ID][]*Measure
	contracts  map[sms.ID][]*Contract
	signatures map[signatureKey]*Signature
	filings    map[filingKey]*Filing
	tfilings   map[templateFilingKey]*TemplateFiling
	authorised map[sms.ID][]*Authorisation // by signature
	bindings   map[sms.ID]*Subcode         // in every state
	bySig      map[sms.ID][]*Subcode
	byDigits   map[digitsKey][]*Subcode
	wordings   map[sms.ID][]*ApprovedWording // by party
	byTemplate map[sms.ID]*ApprovedWording
	prices     map[priceKey][]Price
	keys       map[[32]byte]*APIKey
	logins     map[string]*SPAccount
	splittings []Splitting
	filed      map[filedKey]*FiledTemplate
	allow      map[string][]netip.Prefix
}

type (
	signatureKey struct {
		party sms.ID
		text  string
	}
	filingKey struct {
		signature sms.ID
		carrier   sms.Carrier
	}
	templateFilingKey struct {
		template sms.ID
		version  int64
		carrier  sms.Carrier
	}
	filedKey struct{ channel, template sms.ID }
	priceKey struct {
		account  sms.ID
		category sms.Category
		carrier  sms.Carrier
	}
)

// ApprovedWording is the newest approved version of a template.
type ApprovedWording struct {
	Template *Template
	Version  *TemplateVersion
	Wording  *Wording
}

// NewSnapshot indexes the tables. A template that does not compile or an
// address range that can't be read is an error: nothing is guessed.
func NewSnapshot(generation int64, t Tables) (*Snapshot, error) {
	s := &Snapshot{
		Generation: generation,
		Party:      byID(t.Parties, func(p *Party) sms.ID { return p.ID }), Account: byID(t.Accounts, func(a *Account) sms.ID { return a.ID }),
		Application: byID(t.Applications, func(a *Application) sms.ID { return a.ID }), Signature: byID(t.Signatures, func(a *Signature) sms.ID { return a.ID }),
		Channel: byID(t.Channels, func(c *Channel) sms.ID { return c.ID }), AccessCode: byID(t.AccessCodes, func(c *AccessCode) sms.ID { return c.ID }),
		Template: byID(t.Templates, func(c *Template) sms.ID { return c.ID }), Contract: byID(t.Contracts, func(c *Contract) sms.ID { return c.ID }),
		Staff:    byID(t.Staff, func(x *Staff) sms.ID { return x.ID }),
		measures: group(t.Measures, func(m *Measure) sms.ID { return m.PartyID }),
		licences: group(t.Licences, func(l *Licence) sms.ID { return l.PartyID }), contracts: group(t.Contracts, func(c *Contract) sms.ID { return c.PartyID }),
		signatures: map[signatureKey]*Signature{}, filings: map[filingKey]*Filing{}, tfilings: map[templateFilingKey]*TemplateFiling{},
		authorised: group(t.Authorised, func(a *Authorisation) sms.ID { return a.SignatureID }), bySig: map[sms.ID][]*Subcode{}, byDigits: map[digitsKey][]*Subcode{},
		prices: map[priceKey][]Price{}, keys: map[[32]byte]*APIKey{}, logins: map[string]*SPAccount{}, allow: map[string][]netip.Prefix{},
	}
	s.RulePacks, s.additions, s.onChannels = t.RulePacks, t.index(), map[sms.ID][]*Measure{}
	s.bindings = byID(t.Subcodes, func(c *Subcode) sms.ID { return c.ID })
	for i := range t.Measures {
		if m := &t.Measures[i]; m.Object == OfChannel {
			s.onChannels[m.ObjectID] = append(s.onChannels[m.ObjectID], m)
		}
	}
	for _, sig := range s.Signature {
		s.signatures[signatureKey{sig.PartyID, sig.Text}] = sig
	}
	for i := range t.Filings {
		s.filings[filingKey{t.Filings[i].SignatureID, t.Filings[i].Carrier}] = &t.Filings[i]
	}
	for i := range t.TFilings {
		f := &t.TFilings[i]
		s.tfilings[templateFilingKey{f.TemplateID, f.Version, f.Carrier}] = f
	}
	for i := range t.Subcodes {
		if c := &t.Subcodes[i]; c.State == Active {
			s.Subcodes = append(s.Subcodes, c)
			s.bySig[c.SignatureID] = append(s.bySig[c.SignatureID], c)
			k := digitsKey{c.AccessCodeID, c.Digits}
			s.byDigits[k] = append(s.byDigits[k], c)
		}
	}
	for i := range t.Channels {
		s.Channels = append(s.Channels, &t.Channels[i])
		if x := t.Channels[i].Splitting(); x != (Splitting{}) && !slices.Contains(s.splittings, x) {
			s.splittings = append(s.splittings, x)
		}
	}
	sort.Slice(s.Channels, func(i, j int) bool {
		a, b := s.Channels[i], s.Channels[j]
		if a.Priority != b.Priority {
			return a.Priority < b.Priority
		}
		if a.Cost != b.Cost {
			return a.Cost < b.Cost
		}
		return a.ID < b.ID
	})
	for _, p := range t.Prices {
		k := priceKey{p.AccountID, p.Category, p.Carrier}
		s.prices[k] = append(s.prices[k], p)
	}
	s.Versions = group(t.Versions, func(v *TemplateVersion) sms.ID { return v.TemplateID })
	if err := s.indexTemplates(t.Versions); err != nil {
		return nil, err
	}
	s.indexFiled()
	s.classes.index(s.Channels)
	return s, s.indexAccess(t)
}

func byID[T any](list []T, id func(*T) sms.ID) map[sms.ID]*T {
	m := make(map[sms.ID]*T, len(list))
	for i := range list {
		m[id(&list[i])] = &list[i]
	}
	return m
}

func group[T any](list []T, key func(*T) sms.ID) map[sms.ID][]*T {
	m := map[sms.ID][]*T{}
	for i := range list {
		m[key(&list[i])] = append(m[key(&list[i])], &list[i])
	}
	return m
}

func (s *Snapshot) indexTemplates(versions []TemplateVersion) error {
	s.byTemplate, s.wordings = map[sms.ID]*ApprovedWording{}, map[sms.ID][]*ApprovedWording{}
	for i := range versions {
		v := &versions[i]
		t := s.Template[v.TemplateID]
		if t == nil || v.State != Approved {
			continue
		}
		if a := s.byTemplate[t.ID]; a != nil && a.Version.Version > v.Version {
			continue
		}
		w, err := Compile(v.Body)
		if err != nil {
			return fmt.Errorf("template %d version %d: %w", t.ID, v.Version, err)
		}
		s.byTemplate[t.ID] = &ApprovedWording{t, v, w}
	}
	for _, a := range s.byTemplate {
		s.wordings[a.Template.PartyID] = append(s.wordings[a.Template.PartyID], a)
	}
	for _, list := range s.wordings {
		sort.Slice(list, func(i, j int) bool { return list[i].Template.ID < list[j].Template.ID })
	}
	return nil
}

// FiledTemplate is an approved wording as an upstream has it.
type FiledTemplate struct {
	Code  string   `json:"code"`            // the upstream's
	Body  string   `json:"body"`            // ours, which says the same
	Names []string `json:"names,omitempty"` // of its variables, by the upstream, in the order of the text
}

// indexFiled finds what upstreams that take no texts can be asked to send: the newest
// wording of a template, if that is the one that was filed there.
func (s *Snapshot) indexFiled() {
	s.filed = map[filedKey]*FiledTemplate{}
	for _, ch := range s.Channels {
		if !ch.ByTemplate() || ch.Options.Cloud == nil {
			continue
		}
		for i := range ch.Options.Cloud.Templates {
			t := &ch.Options.Cloud.Templates[i]
			w := s.byTemplate[t.TemplateID]
			if w == nil || w.Version.Version != t.Version {
				continue
			}
			if names, err := t.Names(ch.Protocol, w.Wording); err == nil {
				s.filed[filedKey{ch.ID, t.TemplateID}] = &FiledTemplate{Code: t.Code, Body: w.Version.Body, Names: names}
			}
		}
	}
}

// Filed is a template's newest wording as the channel's upstream has it, or nil.
func (s *Snapshot) Filed(channel, template sms.ID) *FiledTemplate {
	return s.filed[filedKey{channel, template}]
}

func (s *Snapshot) indexAccess(t Tables) error {
	for i := range t.Keys {
		var h [32]byte
		copy(h[:], t.Keys[i].Hash)
		s.keys[h] = &t.Keys[i]
		if err := s.ranges(t.Keys[i].Allow); err != nil {
			return fmt.Errorf("key %d: %w", t.Keys[i].ID, err)
		}
	}
	for i := range t.SPAccounts {
		s.logins[t.SPAccounts[i].Protocol+"/"+t.SPAccounts[i].Login] = &t.SPAccounts[i]
		if err := s.ranges(t.SPAccounts[i].Allow); err != nil {
			return fmt.Errorf("login %s: %w", t.SPAccounts[i].Login, err)
		}
	}
	return nil
}

func (s *Snapshot) ranges(list string) error {
	if list == "" || s.allow[list] != nil {
		return nil
	}
	for _, text := range strings.Split(list, ",") {
		p, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return fmt.Errorf("address range %.50q: write it as 192.0.2.0/24", text)
		}
		s.allow[list] = append(s.allow[list], p)
	}
	return nil
}

// Allows tells whether an address is within a list of ranges; an empty list is any.
func (s *Snapshot) Allows(list string, addr netip.Addr) bool {
	if list == "" {
		return true
	}
	for _, p := range s.allow[list] {
		if p.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}

// Chain lists the party and everybody above it, ending with the operator. A
// loop or a missing parent ends it.
func (s *Snapshot) Chain(id sms.ID) []*Party {
	var out []*Party
	for p := s.Party[id]; p != nil && len(out) < 8; p = s.Party[p.ParentID] {
		out = append(out, p)
	}
	return out
}

// Accounts lists the account and those up the chain that pay for it in turn.
func (s *Snapshot) Accounts(id sms.ID) []*Account {
	var out []*Account
	for a := s.Account[id]; a != nil && len(out) < 8; a = s.Account[a.PayerID] {
		out = append(out, a)
	}
	return out
}

// ValidLicence returns the party's own licence that covers the business code at
// the moment, or nil. One licence serves one entity (LIC-07).
func (s *Snapshot) ValidLicence(p *Party, business string, at int64) *Licence {
	for _, l := range s.licences[p.ID] {
		if l.State == Active && l.Holds(at) && l.USCC == p.USCC && contains(l.Scope, business) {
			return l
		}
	}
	return nil
}

// Licence finds a licence by its id, or nil.
func (s *Snapshot) Licence(id sms.ID) *Licence {
	for _, list := range s.licences {
		for _, l := range list {
			if l.ID == id {
				return l
			}
		}
	}
	return nil
}

// LicenceElsewhere counts other parties that have registered a licence's number.
func (s *Snapshot) LicenceElsewhere(of *Licence) (n int) {
	for party, list := range s.licences {
		if party != of.PartyID && slices.ContainsFunc(list, func(l *Licence) bool { return l.Number == of.Number && l.State != Revoked }) {
			n++
		}
	}
	return n
}

// SignatureElsewhere counts other parties with an approved signature of the same text.
func (s *Snapshot) SignatureElsewhere(of *Signature) int {
	parties := map[sms.ID]bool{}
	for _, x := range s.Signature {
		if x.PartyID != of.PartyID && x.State == Approved && x.Text == of.Text {
			parties[x.PartyID] = true
		}
	}
	return len(parties)
}

// Version is one wording of a template, or nil.
func (s *Snapshot) Version(template sms.ID, version int64) *TemplateVersion {
	for _, v := range s.Versions[template] {
		if v.Version == version {
			return v
		}
	}
	return nil
}

func contains(list, item string) bool {
	for _, x := range strings.Split(list, ",") {
		if strings.TrimSpace(x) == item {
			return true
		}
	}
	return false
}

// Principal is whom a party contracts with, or nil: the one above it, past agents that only
// refer (LIC-05).
func (s *Snapshot) Principal(p *Party) *Party {
	for _, x := range s.Chain(p.ParentID) { // p itself may not be stored yet
		if !x.Refers() {
			return x
		}
	}
	return nil
}

// ValidContract returns the contract of the party with its principal, or nil.
func (s *Snapshot) ValidContract(p *Party, at int64) *Contract {
	with := s.Principal(p)
	for _, c := range s.contracts[p.ID] {
		if c.State == Active && with != nil && c.CounterpartyID == with.ID && c.Holds(at) {
			return c
		}
	}
	return nil
}

// SignatureOf finds a party's signature by its text.
func (s *Snapshot) SignatureOf(party sms.ID, text string) *Signature {
	return s.signatures[signatureKey{party, text}]
}

// Filing is the signature's filing with a carrier, or nil.
func (s *Snapshot) Filing(signature sms.ID, c sms.Carrier) *Filing {
	return s.filings[filingKey{signature, c}]
}

// TemplateFiling is the filing of a template's wording with a carrier, or nil.
func (s *Snapshot) TemplateFiling(w *ApprovedWording, c sms.Carrier) *TemplateFiling {
	return s.tfilings[templateFilingKey{w.Template.ID, w.Version.Version, c}]
}

// Authorisation is a letter of its holder that lets a signature's party use it at the
// moment, the one that holds longest, or nil.
func (s *Snapshot) Authorisation(signature *Signature, at int64) *Authorisation {
	var best *Authorisation
	for _, a := range s.authorised[signature.ID] {
		if a.State == Active && a.Grantor == signature.Holder && a.Holds(at) && (best == nil || best.To != 0 && (a.To == 0 || a.To > best.To)) {
			best = a
		}
	}
	return best
}

// HearsReplies tells whether messages from handsets to a channel's access code reach us: by
// itself or, when it only sends, by another one that receives.
func (s *Snapshot) HearsReplies(ch *Channel) bool {
	if !ch.Options.Replies || ch.Options.HTTP != nil && ch.Options.HTTP.Replies == nil {
		return false
	}
	return ch.Options.Mode != "send" || slices.ContainsFunc(s.Channels, func(x *Channel) bool {
		return x.AccessCodeID == ch.AccessCodeID && x.State == Active && x.Options.Mode != "send" && x.Options.Replies
	})
}

// FilingsOf lists a signature's filings, by carrier.
func (s *Snapshot) FilingsOf(signature sms.ID) (out []*Filing) {
	for k, f := range s.filings {
		if k.signature == signature {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b *Filing) int { return cmp.Compare(a.Carrier, b.Carrier) })
	return out
}

// Wording is a template's approved wording, or nil.
func (s *Snapshot) Wording(template sms.ID) *ApprovedWording { return s.byTemplate[template] }

// Match finds the approved template of a party that a text without signature
// fits: of the wanted category if one is given.
func (s *Snapshot) Match(party sms.ID, body string, want sms.Category, at int64) *ApprovedWording {
	for _, a := range s.wordings[party] {
		if (want == "" || a.Template.Category == want) && a.Version.Holds(at) && a.Wording.Fits(body) {
			return a
		}
	}
	return nil
}

// Price is what the account pays at the moment; ok is false when nothing says.
func (s *Snapshot) Price(account sms.ID, cat sms.Category, c sms.Carrier, at int64) (sms.Money, bool) {
	best, from, ok := sms.Money(0), int64(0), false
	for _, p := range s.prices[priceKey{account, cat, c}] {
		if p.ValidFrom <= at && (!ok || p.ValidFrom > from) {
			best, from, ok = p.UnitPrice, p.ValidFrom, true
		}
	}
	return best, ok
}

// Key finds an API key by its hash, or nil.
func (s *Snapshot) Key(hash [32]byte) *APIKey { return s.keys[hash] }

// Login finds a protocol login, or nil.
func (s *Snapshot) Login(protocol, login string) *SPAccount { return s.logins[protocol+"/"+login] }

// Keys tells how many API keys there are.
func (s *Snapshot) Keys() int { return len(s.keys) }

// ApplicationsOf lists a party's applications, oldest first.
func (s *Snapshot) ApplicationsOf(party sms.ID) []sms.ID {
	return s.applications(func(p *Party) bool { return p.ID == party })
}

// ApplicationsBelow lists those of a party and of all below it, oldest first.
func (s *Snapshot) ApplicationsBelow(party sms.ID) []sms.ID {
	return s.applications(func(p *Party) bool {
		return slices.ContainsFunc(s.Chain(p.ID), func(x *Party) bool { return x.ID == party })
	})
}

// Applications lists those of a content provider group, oldest first.
func (s *Snapshot) Applications(group sms.ID) []sms.ID {
	return s.applications(func(p *Party) bool { return p.GroupID == group })
}

func (s *Snapshot) applications(of func(*Party) bool) []sms.ID {
	var out []sms.ID
	for id, a := range s.Application {
		if p := s.Party[a.PartyID]; p != nil && of(p) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// SignaturesOf lists a party's signatures, oldest first.
func (s *Snapshot) SignaturesOf(party sms.ID) []*Signature {
	var out []*Signature
	for _, x := range s.Signature {
		if x.PartyID == party {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b *Signature) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// TemplatesOf lists a party's templates, oldest first.
func (s *Snapshot) TemplatesOf(party sms.ID) []*Template {
	var out []*Template
	for _, x := range s.Template {
		if x.PartyID == party {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b *Template) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// KeyByID finds an API key by its id, or nil.
func (s *Snapshot) KeyByID(id sms.ID) *APIKey {
	for _, k := range s.keys {
		if k.ID == id {
			return k
		}
	}
	return nil
}

// LoginByID finds a protocol login by its id, or nil.
func (s *Snapshot) LoginByID(id sms.ID) *SPAccount {
	for _, a := range s.logins {
		if a.ID == id {
			return a
		}
	}
	return nil
}

// Splittings are the channels' own ways to split texts, without the usual one.
func (s *Snapshot) Splittings() []Splitting { return s.splittings }

// Logins lists the logins of a protocol, in order of their ids.
func (s *Snapshot) Logins(protocol string) (list []*SPAccount) {
	for _, a := range s.logins {
		if a.Protocol == protocol {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b *SPAccount) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// LoginOf is the protocol login by which an application is told of replies: its
// oldest active one, or nil.
func (s *Snapshot) LoginOf(application sms.ID) *SPAccount {
	var best *SPAccount
	for _, a := range s.logins {
		if a.ApplicationID == application && a.State == Active && (best == nil || a.ID < best.ID) {
			best = a
		}
	}
	return best
}
