package rulebook

import (
	"sort"

	"github.com/zhunxin/zhunxin/internal/lexicon"
)

// Stage tells how early a fact is known: once for all recipients of a
// submission, per recipient, or per candidate channel. A rule belongs to the
// latest stage of the facts that it reads.
type Stage int

// The stages.
const (
	StageShared Stage = iota
	StageRecipient
	StageChannel
)

// Fact is one typed input of the rules.
type Fact int

// The facts. Their names and meanings stand in factTable.
const (
	Category Fact = iota
	LicenceOperator
	LicenceResellers
	AgentsCompanies
	AgentsReferralOwns
	SignatureBrackets
	SignatureFound
	SignatureApproved
	TemplateMatched
	TextRefusal
	TextRefusalLast
	TextRefusalWords
	TextSymbols
	TextCodeWord
	TextLinks
	TextContacts
	TextPrivate
	TextDisguised
	UnitsLength
	UnitsBilled
	TimeMinute
	ReviewApproved
	PartyMeasure
	ConsentValid
	ConsentGrade
	ConsentPerWeek
	ConsentSuspended
	SuppressionMarketing
	SuppressionCategory
	FilingApproved
	PortBound
	PortContract
	PortSignatures
	PortQualifications
	numFacts
)

// Info describes a fact for packs, documentation and error texts.
type Info struct {
	Name   string
	Type   string // bool | int | string
	Stage  Stage
	Lawful any // its value in a lawful message: what an example leaves unsaid
	Doc    string
}

var factTable = [numFacts]Info{
	Category:             {"category", "string", StageShared, "NOTICE", "OTP, NOTICE, PUBLIC, MKT or CONSENT"},
	LicenceOperator:      {"licence.operator", "bool", StageShared, true, "the operator holds a valid licence for SMS, in its own name"},
	LicenceResellers:     {"licence.resellers", "bool", StageShared, true, "every reselling agent in the chain holds one too"},
	AgentsCompanies:      {"agents.companies", "bool", StageShared, true, "every party that operates the service is a company"},
	AgentsReferralOwns:   {"agents.referral_owns", "bool", StageShared, false, "an agent without a licence stands in the chain of payment or of ports"},
	SignatureBrackets:    {"signature.brackets", "bool", StageShared, true, "the text begins with one pair of 【】 and holds no other"},
	SignatureFound:       {"signature.found", "bool", StageShared, true, "the sender has a signature of exactly this text"},
	SignatureApproved:    {"signature.approved", "bool", StageShared, true, "that signature has passed review and is not frozen"},
	TemplateMatched:      {"template.matched", "bool", StageShared, true, "the text fits an approved template of the sender in this category"},
	TextRefusal:          {"text.refusal", "bool", StageShared, true, "the text names a reply that refuses further ones"},
	TextRefusalLast:      {"text.refusal_last", "bool", StageShared, true, "the text ends with 拒收请回复R"},
	TextRefusalWords:     {"text.refusal_words", "bool", StageShared, false, "the text tells how to refuse, whether the reply refuses or not"},
	TextSymbols:          {"text.symbols", "bool", StageShared, false, "the text is decorated with signs such as ★ or ￥"},
	TextCodeWord:         {"text.code_word", "bool", StageShared, true, "the text calls what it brings a code: 验证码, 动态密码 …"},
	TextLinks:            {"text.links", "int", StageShared, int64(0), "addresses of the web in the text"},
	TextContacts:         {"text.contacts", "int", StageShared, int64(0), "landlines, 400 and 95 numbers in the text"},
	TextPrivate:          {"text.private", "int", StageShared, int64(0), "mobile numbers, QQ numbers and WeChat names in the text"},
	TextDisguised:        {"text.disguised", "int", StageShared, int64(0), "words of lexicons that are hidden by other characters, or by what stands between"},
	UnitsLength:          {"units.length", "int", StageShared, int64(30), "UTF-16 code units of the text, signature included"},
	UnitsBilled:          {"units.billed", "int", StageShared, int64(1), "units that would be charged"},
	TimeMinute:           {"time.minute", "int", StageShared, int64(600), "minute of the day in Asia/Shanghai, 0 to 1439"},
	ReviewApproved:       {"review.approved", "bool", StageShared, false, "a reviewer has approved this very message"},
	PartyMeasure:         {"party.measure", "int", StageShared, int64(0), "the strongest measure in force on the sender or above it: 1 reminded, 2 held, 3 suspended"},
	ConsentValid:         {"consent.valid", "bool", StageRecipient, true, "a consent of this recipient to this content provider holds now"},
	ConsentGrade:         {"consent.grade", "int", StageRecipient, int64(4), "1 import, 2 signed event, 3 hosted page, 4 double opt-in; 0 none"},
	ConsentPerWeek:       {"consent.per_week", "int", StageRecipient, int64(0), "messages in 7 days that the person agreed to, 0 when nothing was said"},
	ConsentSuspended:     {"consent.suspended", "bool", StageRecipient, false, "a consent would hold, had a carrier not said since that the number does not exist"},
	SuppressionMarketing: {"suppression.marketing", "bool", StageRecipient, false, "the recipient refuses marketing of this provider group or of everybody"},
	SuppressionCategory:  {"suppression.category", "bool", StageRecipient, false, "the recipient refuses exactly this category, or all"},
	FilingApproved:       {"filing.approved", "bool", StageChannel, true, "the signature is filed and approved with the channel's carrier"},
	PortBound:            {"port.bound", "bool", StageChannel, true, "the sub-code on this channel is bound to the party that sends"},
	PortContract:         {"port.contract", "bool", StageChannel, true, "the binding rests on a contract that holds now"},
	PortSignatures:       {"port.signatures", "int", StageChannel, int64(1), "signatures that use this sub-code"},
	PortQualifications:   {"port.qualifications", "int", StageChannel, int64(1), "qualifications behind this sub-code"},
}

// FactTable lists every fixed fact.
func FactTable() []Info { return append([]Info(nil), factTable[:]...) }

// Facts are the values for one evaluation. Windows of recipient events have
// facts too: count.<window>.
type Facts struct {
	book *Book
	vals []any
	hits []lexicon.Hit
}

// NewFacts returns facts of a lawful message: set what is known, and everything
// that is unknown must be set to what stands against the message (P11).
func (b *Book) NewFacts() *Facts {
	f := &Facts{book: b, vals: make([]any, len(b.lawful))}
	copy(f.vals, b.lawful)
	return f
}

// Clone copies the facts.
func (f *Facts) Clone() *Facts {
	return &Facts{f.book, append([]any(nil), f.vals...), f.hits}
}

// Bool, Int and String set a fact.
func (f *Facts) Bool(n Fact, v bool) { f.vals[n] = v }

// Int sets a fact of a number.
func (f *Facts) Int(n Fact, v int) { f.vals[n] = int64(v) }

// String sets a fact of a text.
func (f *Facts) String(n Fact, v string) { f.vals[n] = v }

// Text sets what a body holds. A way to refuse is one only if the reply that the text
// names refuses here (OPT-01).
func (f *Facts) Text(t *lexicon.Traits, hits []lexicon.Hit) {
	_, refuses := f.book.OptOut(t.Refusal)
	f.Bool(TextRefusal, refuses)
	f.Bool(TextRefusalWords, t.Refusal != "")
	f.Bool(TextRefusalLast, t.RefusalLast)
	f.Bool(TextSymbols, t.Symbols)
	f.Bool(TextCodeWord, t.CodeWord)
	f.Int(TextLinks, t.Links)
	f.Int(TextContacts, t.Contacts)
	f.Int(TextPrivate, t.Private)
	disguised := 0
	for _, h := range hits {
		if h.Disguised {
			disguised++
		}
		i := f.book.index[lexPrefix+h.List]
		f.vals[i] = f.vals[i].(int64) + 1
	}
	f.Int(TextDisguised, disguised)
	f.hits = hits
}

// Count sets the number of recipient events in window i of Book.Windows.
func (f *Facts) Count(i, v int) { f.vals[f.book.counts[i]] = int64(v) }

// Map lists the facts of the stages up to the given one, by name, for the
// decision's record.
func (f *Facts) Map(upTo Stage) map[string]any {
	out := make(map[string]any, len(f.vals))
	for name, i := range f.book.index {
		if f.book.stages[i] <= upTo {
			out[name] = f.vals[i]
		}
	}
	return out
}

// Set puts a fact by its name; the type must be right.
func (f *Facts) Set(name string, v any) bool {
	i, ok := f.book.index[name]
	if !ok {
		return false
	}
	switch old := f.vals[i].(type) {
	case bool:
		b, ok := v.(bool)
		if ok {
			f.vals[i] = b
		}
		return ok
	case string:
		s, ok := v.(string)
		if ok {
			f.vals[i] = s
		}
		return ok
	case int64:
		_ = old
		switch n := v.(type) {
		case int:
			f.vals[i] = int64(n)
		case int64:
			f.vals[i] = n
		case float64:
			f.vals[i] = int64(n)
		default:
			return false
		}
		return true
	}
	return false
}

func (b *Book) factNames() []string {
	names := make([]string, 0, len(b.index))
	for n := range b.index {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}
