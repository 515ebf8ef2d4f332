package rulebook

import (
	"slices"
	"sort"
	"time"

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
	SignatureLength
	SignatureApproved
	SignaturePoses
	ProviderLends
	ProviderEntity
	TemplateMatched
	TemplateVariables
	TemplateCodes
	TemplateLongest
	SignatureEntity
	SignatureUnique
	SignatureAuthorised
	TemplateUrgent
	TemplateSensitive
	TemplateBasis
	TextRefusal
	TextRefusalLast
	TextRefusalWords
	TextFullName
	TextSymbols
	TextCodeWord
	TextAddressed
	TextLinks
	TextShorteners
	TextLookalikes
	TextPrograms
	TextVariableLinks
	TextContacts
	TextVariableContacts
	TextPrivate
	TextDisguised
	TextImpersonated
	TextPromotion
	TextRivals
	TextNotMedicine
	TextRiskNotice
	TextTravelTime
	TextGift
	TextQuantity
	TextDated
	TextStatistics
	TextPatentNo
	UnitsLength
	UnitsBilled
	CallNumbers
	CallConsecutive
	TimeMinute
	TimeWorkday
	ReviewApproved
	PartyMeasure
	PermitMissing
	RecipientProvince
	RecipientPlaced
	RecipientCovered
	ConsentValid
	ConsentCovers
	ConsentSeparate
	ConsentGrade
	ConsentPerWeek
	ConsentAsked
	ConsentSuspended
	SuppressionMarketing
	SuppressionCategory
	OriginKnown
	OriginIPNumbers
	OriginDeviceNumbers
	OriginAccountNumbers
	OriginIPCodes
	OriginDeviceCodes
	OriginAccountCodes
	FilingApproved
	SignatureIdle
	TemplateFiled
	ContactsUnfiled
	CodeApproved
	CodeLength
	CodeMaxLength
	CodeUse
	CodeOwn
	CodeNumber
	PortBound
	PortContract
	PortSignatures
	PortQualifications
	ChannelVendor
	ChannelSignatureMax
	ChannelMKTVariables
	ChannelIndustries
	ChannelCarrier
	ChannelUpstream
	ChannelEntity
	ChannelRefiles
	ChannelCarries
	ChannelReplies
	ChannelMeasure
	ChannelEntrusted
	ChannelAbroad
	ChannelTransfer
	ChannelReplyCost
	ChannelOpen
	ChannelClose
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
	SignatureLength:      {"signature.length", "int", StageShared, int64(4), "characters of the signature, without 【】"},
	SignatureApproved:    {"signature.approved", "bool", StageShared, true, "that signature has passed review and is not frozen"},
	SignaturePoses:       {"signature.poses", "bool", StageShared, false, "the signature names an organ of the state, a bank or a carrier that the provider is not"},
	ProviderLends:        {"provider.lends", "bool", StageShared, false, "the provider's registered name is that of a licensed lender"},
	ProviderEntity:       {"provider.entity", "string", StageShared, "company", "company, individual, institution, government or social"},
	TemplateMatched:      {"template.matched", "bool", StageShared, true, "the text fits an approved template of the sender in this category"},
	TemplateVariables:    {"template.variables", "int", StageShared, int64(0), "variables of the template that the text fits"},
	TemplateCodes:        {"template.codes", "int", StageShared, int64(0), "of them, those of type code"},
	TemplateLongest:      {"template.longest", "int", StageShared, int64(0), "characters of the longest value of a variable of type text or name"},
	SignatureEntity:      {"signature.entity", "bool", StageShared, true, "the signature leads to one registered entity: the sender, with its qualification"},
	SignatureUnique:      {"signature.unique", "bool", StageShared, true, "nobody else is called so"},
	SignatureAuthorised:  {"signature.authorised", "bool", StageShared, true, "the signature is the sender's own, or its owner's letter of authorisation holds now"},
	TemplateUrgent:       {"template.urgent", "bool", StageShared, false, "what the template says can't wait for the morning"},
	TemplateSensitive:    {"template.sensitive", "int", StageShared, int64(0), "classes of sensitive personal information that its variables hold"},
	TemplateBasis:        {"template.basis", "string", StageShared, "", "what these rest on, as its review has it: separate_consent, contract, statutory or emergency"},
	TextRefusal:          {"text.refusal", "bool", StageShared, true, "the text names a reply that refuses further ones"},
	TextRefusalLast:      {"text.refusal_last", "bool", StageShared, true, "the text ends with 拒收请回复R"},
	TextRefusalWords:     {"text.refusal_words", "bool", StageShared, false, "the text tells how to refuse, whether the reply refuses or not"},
	TextFullName:         {"text.full_name", "bool", StageShared, false, "the text holds the sender's full registered name"},
	TextSymbols:          {"text.symbols", "bool", StageShared, false, "the text is decorated with signs such as ★ or ￥"},
	TextCodeWord:         {"text.code_word", "bool", StageShared, true, "the text calls what it brings a code: 验证码, 动态密码 …"},
	TextAddressed:        {"text.addressed", "bool", StageShared, true, "the text speaks to members: 会员, 尊敬的 …"},
	TextLinks:            {"text.links", "int", StageShared, int64(0), "addresses of the web in the text"},
	TextShorteners:       {"text.shorteners", "int", StageShared, int64(0), "links of services that shorten addresses"},
	TextLookalikes:       {"text.lookalikes", "int", StageShared, int64(0), "links whose host looks like a known name's and is not"},
	TextPrograms:         {"text.programs", "int", StageShared, int64(0), "names of programs in the text: .apk, .exe …"},
	TextVariableLinks:    {"text.variable_links", "int", StageShared, int64(0), "links that stand in the value of a variable, or reach into it"},
	TextContacts:         {"text.contacts", "int", StageShared, int64(0), "landlines, 400 and 95 numbers in the text"},
	TextVariableContacts: {"text.variable_contacts", "int", StageShared, int64(0), "telephones that stand in the value of a variable, or reach into it"},
	TextPrivate:          {"text.private", "int", StageShared, int64(0), "mobile numbers, QQ numbers and WeChat names in the text"},
	TextDisguised:        {"text.disguised", "int", StageShared, int64(0), "words of lexicons that are hidden by other characters, or by what stands between"},
	TextImpersonated:     {"text.impersonated", "int", StageShared, int64(0), "organs, banks, carriers and couriers in whose names the text speaks, and who are not the provider"},
	TextPromotion:        {"text.promotion", "int", StageShared, int64(0), "how much the text reads like marketing, 0 to 100 in steps of 10: a statistical score, on which rules only hold"},
	TextRivals:           {"text.rivals", "int", StageShared, int64(0), "names of rivals, of the sender's list and of the operator's, that stand in the text and not in the approved wording: in marketing"},
	TextNotMedicine:      {"text.not_medicine", "bool", StageShared, false, "the text says that the goods can't stand in for medicine"},
	TextRiskNotice:       {"text.risk_notice", "bool", StageShared, false, "the text says that an investment has risks"},
	TextTravelTime:       {"text.travel_time", "bool", StageShared, false, "the text tells a distance by the minutes that it takes"},
	TextGift:             {"text.gift", "bool", StageShared, false, "the text promises something for nothing"},
	TextQuantity:         {"text.quantity", "bool", StageShared, false, "and says how much of it"},
	TextDated:            {"text.dated", "bool", StageShared, false, "the text names a day or a period; looked for only beside a gift, or what urges to buy"},
	TextStatistics:       {"text.statistics", "bool", StageShared, false, "the text gives a share or a rate in per cent"},
	TextPatentNo:         {"text.patent_no", "bool", StageShared, false, "the text gives the kind and the number of a patent"},
	UnitsLength:          {"units.length", "int", StageShared, int64(30), "UTF-16 code units of the text, signature included"},
	UnitsBilled:          {"units.billed", "int", StageShared, int64(1), "units that would be charged"},
	CallNumbers:          {"call.numbers", "int", StageShared, int64(0), "distinct numbers of the call, 0 when no two of them follow each other"},
	CallConsecutive:      {"call.consecutive_percent", "int", StageShared, int64(0), "how many of them, in percent, have a neighbour in the call: a number that is one more or one less"},
	TimeMinute:           {"time.minute", "int", StageShared, int64(600), "minute of the day in Asia/Shanghai, 0 to 1439"},
	TimeWorkday:          {"time.workday", "bool", StageShared, true, "the day is worked in mainland China; in a year that no pack has it is not known, and a rule that needs it stands against the message"},
	ReviewApproved:       {"review.approved", "bool", StageShared, false, "a reviewer has approved this very message"},
	PartyMeasure:         {"party.measure", "int", StageShared, int64(0), "the strongest measure in force on the sender, above it, on the signature or the template: 1 reminded or slowed down, 2 held, 3 suspended, 4 closed"},
	PermitMissing:        {"permit.missing", "int", StageShared, int64(0), "trades that need a permit, of which the text speaks and for which the sender has none that holds now"},
	RecipientProvince:    {"recipient.province", "string", StageRecipient, "11", "province to which the number's segment was given, by the two digits of GB/T 2260; empty when it is not known or abroad"},
	RecipientPlaced:      {"recipient.placed", "bool", StageRecipient, true, "that is known, or the number is not of the mainland"},
	RecipientCovered:     {"recipient.covered", "bool", StageRecipient, true, "the licences of the operator and of the reselling agents cover that province, or the whole country"},
	ConsentValid:         {"consent.valid", "bool", StageRecipient, true, "a consent of this recipient to this content provider holds now"},
	ConsentCovers:        {"consent.covers", "bool", StageRecipient, true, "it is to this kind of content; true, too, when there is none"},
	ConsentSeparate:      {"consent.separate", "bool", StageRecipient, true, "the recipient has agreed separately to all these classes; true, too, when none is asked for"},
	ConsentGrade:         {"consent.grade", "int", StageRecipient, int64(4), "1 import, 2 signed event, 3 hosted page, 4 double opt-in; 0 none"},
	ConsentPerWeek:       {"consent.per_week", "int", StageRecipient, int64(0), "messages in 7 days that the person agreed to, 0 when nothing was said"},
	ConsentSuspended:     {"consent.suspended", "bool", StageRecipient, false, "a consent would hold, had a carrier not said since that the number does not exist"},
	ConsentAsked:         {"consent.asked", "bool", StageRecipient, false, "the recipient had a message of category CONSENT from this provider group, and has not asked for another since"},
	SuppressionMarketing: {"suppression.marketing", "bool", StageRecipient, false, "the recipient refuses marketing of this provider group or of everybody"},
	SuppressionCategory:  {"suppression.category", "bool", StageRecipient, false, "the recipient refuses exactly this category, or all"},
	OriginKnown:          {"origin.known", "bool", StageRecipient, false, "the customer said where its end user's request for the code came from; else nothing is known of it"},
	OriginIPNumbers:      {"origin.ip_numbers", "int", StageRecipient, int64(0), "other numbers to which codes went within an hour on requests from the same address, of all customers"},
	OriginDeviceNumbers:  {"origin.device_numbers", "int", StageRecipient, int64(0), "the same, of the same device of the content provider group's end users"},
	OriginAccountNumbers: {"origin.account_numbers", "int", StageRecipient, int64(0), "the same, of the same account there"},
	OriginIPCodes:        {"origin.ip_codes", "int", StageRecipient, int64(0), "codes that went out within a minute on requests from the same address, to whatever number"},
	OriginDeviceCodes:    {"origin.device_codes", "int", StageRecipient, int64(0), "the same, of the same device"},
	OriginAccountCodes:   {"origin.account_codes", "int", StageRecipient, int64(0), "the same, of the same account"},
	FilingApproved:       {"filing.approved", "bool", StageChannel, true, "the signature is filed and approved with the channel's carrier"},
	SignatureIdle:        {"signature.idle_days", "int", StageChannel, int64(0), "days since the signature was last used or its filing with the channel's carrier changed, whichever is later"},
	TemplateFiled:        {"template.filed", "bool", StageChannel, true, "this wording of the template is filed and approved with the channel's carrier"},
	ContactsUnfiled:      {"contacts.unfiled", "int", StageChannel, int64(0), "links and telephones of the text that are not filed and approved with the channel's carrier"},
	CodeApproved:         {"code.approved", "bool", StageChannel, true, "the access code has an approval that holds now"},
	CodeLength:           {"code.length", "int", StageChannel, int64(10), "digits of the whole source number"},
	CodeMaxLength:        {"code.max_length", "int", StageChannel, int64(20), "digits that the approval allows, 0 when it is not known"},
	CodeUse:              {"code.use", "string", StageChannel, "platform", "what the approval allows: platform, own or public, empty when it is not known"},
	CodeOwn:              {"code.own", "bool", StageChannel, false, "the code's holder is the one who sends"},
	CodeNumber:           {"code.number", "string", StageChannel, "10690000", "the access code"},
	PortBound:            {"port.bound", "bool", StageChannel, true, "the sub-code on this channel is bound to the party that sends"},
	PortContract:         {"port.contract", "bool", StageChannel, true, "the binding rests on a contract that holds now"},
	PortSignatures:       {"port.signatures", "int", StageChannel, int64(1), "signatures that use this sub-code"},
	PortQualifications:   {"port.qualifications", "int", StageChannel, int64(1), "qualifications behind this sub-code"},
	ChannelVendor:        {"channel.vendor", "string", StageChannel, "", "the upstream whose rules hold on the channel besides the carrier's, empty when it has none: aliyun, tencent …"},
	ChannelSignatureMax:  {"channel.signature_max", "int", StageChannel, int64(12), "characters of the longest signature that the channel takes"},
	ChannelMKTVariables:  {"channel.mkt_variables", "bool", StageChannel, false, "the channel takes marketing with variables"},
	ChannelIndustries:    {"channel.industries_refused", "int", StageChannel, int64(0), "words of trades that the channel does not take"},
	ChannelCarrier:       {"channel.carrier", "string", StageChannel, "mobile", "whose network the channel reaches: mobile, unicom, telecom, broadnet or international"},
	ChannelUpstream:      {"channel.upstream", "bool", StageChannel, true, "the channel is the carrier's own, or that of an upstream with a valid licence"},
	ChannelEntity:        {"channel.entity", "string", StageChannel, "", "taken or refused, where the channel says which types of entities it takes; empty when it says nothing"},
	ChannelRefiles:       {"channel.refile_stale", "bool", StageChannel, false, "the channel wants signatures filed anew that were not used for long"},
	ChannelCarries:       {"channel.carries", "bool", StageChannel, true, "the channel may carry this category"},
	ChannelReplies:       {"channel.replies", "bool", StageChannel, true, "messages from handsets to the channel's code reach us"},
	ChannelMeasure:       {"channel.measure", "int", StageChannel, int64(0), "the strongest measure in force on the channel: 1 reminded, 2 held, 3 suspended"},
	ChannelEntrusted:     {"channel.entrusted", "bool", StageChannel, true, "the sender's contract lets the processing be passed on to the channel's upstream, and to agents with whom it has none; true, too, when there are none of both"},
	ChannelAbroad:        {"channel.abroad", "bool", StageChannel, false, "the channel's peer is abroad, so that numbers and texts leave the mainland"},
	ChannelTransfer:      {"channel.transfer", "string", StageChannel, "", "what that rests on and holds now: assessment, certification, standard_contract, contract or small; empty when there is nothing"},
	ChannelReplyCost:     {"channel.reply_cost", "int", StageChannel, int64(0), "what a reply to the channel's code costs who sends it, in micro-yuan, as the operator entered it; 0 is nothing, or unsaid"},
	ChannelOpen:          {"channel.mkt_open", "int", StageChannel, int64(0), "minute of the day from which the channel takes marketing, 0 when it says nothing"},
	ChannelClose:         {"channel.mkt_close", "int", StageChannel, int64(1440), "minute of the day at which it ends, 1440 when it says nothing"},
}

// Facts are the values for one evaluation. Windows of recipient events have
// facts too: count.<window>.
type Facts struct {
	book *Book
	vals []any
	hits []lexicon.Hit

	industries  []string // that the channel takes
	unpermitted []string // trades of the text whose permit the sender lacks
}

// Sender is whose text it is.
type Sender struct {
	Signature  string // in front of the text, without brackets
	Registered string // the verified name of the provider
	Organ      bool   // the provider is an organ of the state or a public institution
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
	return &Facts{f.book, append([]any(nil), f.vals...), f.hits, f.industries, f.unpermitted}
}

// Bool, Int and String set a fact.
func (f *Facts) Bool(n Fact, v bool) { f.vals[n] = v }

// Int sets a fact of a number.
func (f *Facts) Int(n Fact, v int) { f.vals[n] = int64(v) }

// String sets a fact of a text.
func (f *Facts) String(n Fact, v string) {
	if old, ok := f.vals[n].(string); !ok || old != v { // a value in an interface is allocated
		f.vals[n] = v
	}
}

// Text sets what a body holds, and the signature in front of it. A way to refuse is one only
// if the reply that the text names refuses here (OPT-01).
func (f *Facts) Text(t *lexicon.Traits, hits []lexicon.Hit, from Sender) {
	f.Bool(SignaturePoses, lexicon.Poses(from.Signature, from.Registered, from.Organ))
	f.Bool(ProviderLends, lexicon.Lends(from.Registered))
	f.Int(TextImpersonated, lexicon.Impersonated(t.Speaks, from.Registered, from.Signature, from.Organ))
	_, refuses := f.book.OptOut(t.Refusal)
	f.Bool(TextRefusal, refuses)
	f.Bool(TextRefusalWords, t.Refusal != "")
	f.Bool(TextRefusalLast, t.RefusalLast)
	f.Bool(TextSymbols, t.Symbols)
	f.Bool(TextCodeWord, t.CodeWord)
	f.Bool(TextAddressed, t.Addressed)
	f.Bool(TextNotMedicine, t.NotMedicine)
	f.Bool(TextRiskNotice, t.RiskNotice)
	f.Bool(TextTravelTime, t.TravelTime)
	f.Bool(TextGift, t.Gift)
	f.Bool(TextQuantity, t.Quantity)
	f.Bool(TextDated, t.Dated)
	f.Bool(TextStatistics, t.Statistics)
	f.Bool(TextPatentNo, t.PatentNo)
	f.Int(TextLinks, t.Links)
	f.Int(TextShorteners, t.Shorteners)
	f.Int(TextLookalikes, t.Lookalikes)
	f.Int(TextPrograms, t.Programs)
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

// Industries sets which trades the channel takes the marketing of.
func (f *Facts) Industries(taken []string) {
	f.industries = taken
	n := 0
	for i := range f.hits {
		if f.refuses(&f.hits[i]) {
			n++
		}
	}
	f.Int(ChannelIndustries, n)
}

// refuses tells whether a word is one of a trade that the channel does not take.
func (f *Facts) refuses(h *lexicon.Hit) bool {
	trade := f.book.lexicons[h.List].Industry
	return trade != "" && !slices.Contains(f.industries, trade)
}

// Time sets what the rules read of the moment.
func (f *Facts) Time(at time.Time) {
	day := at.In(Shanghai)
	f.Int(TimeMinute, day.Hour()*60+day.Minute())
	if workday, known := f.book.calendar.Workday(at); known {
		f.Bool(TimeWorkday, workday)
	} else {
		f.vals[TimeWorkday] = nil
	}
}

// Count sets the number of recipient events in window i of Book.Windows.
func (f *Facts) Count(i, v int) { f.vals[f.book.counts[i]] = int64(v) }

// Category is the category that the facts are of.
func (f *Facts) Category() string { return f.vals[Category].(string) }

// Set puts a fact by its name; the type must be right. Only whether a day is worked may be
// nil, not known.
func (f *Facts) Set(name string, v any) bool {
	i, ok := f.book.index[name]
	if !ok {
		return false
	}
	if i == int(TimeWorkday) && v == nil {
		f.vals[i] = nil
		return true
	}
	if f.vals[i] == nil {
		f.vals[i] = f.book.lawful[i]
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
