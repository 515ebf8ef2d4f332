package rulebook

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// Kinds of rules (design 5): what decides about messages, what decides what an object of
// the registry may become, and what the program guarantees by itself; KindCampaign and
// KindDuty are the others.
const (
	KindMessage = "message"
	KindObject  = "object"
	KindProduct = "product"
)

// Objects that rules of the kind object judge.
const (
	ObjectSignature = "signature"
	ObjectTemplate  = "template"
	ObjectLicence   = "licence"
	ObjectPermit    = "permit"
	ObjectTraffic   = "traffic"
	ObjectParty     = "party"
	ObjectCode      = "access_code"
	ObjectSubcode   = "subcode"
	ObjectContract  = "contract"
	ObjectLetter    = "authorisation" // for a signature that belongs to somebody else
	ObjectConsent   = "consent"
	ObjectSample    = "sample"
	ObjectMoney     = "money" // that is posted by hand

	ObjectComplaints = "complaints" // the valid ones about a party, a signature, a template or a channel
	ObjectStrikes    = "strikes"    // a party's violations so far
	ObjectHour       = "hour"       // what an account sent in an hour, beside what it usually sends
)

// objectFacts are the facts of each object, as factTable has those of messages.
var objectFacts = map[string][]Info{
	ObjectSignature: {
		{Name: "signature.length", Lawful: int64(4), Doc: "characters of the signature, without 【】"},
		{Name: "signature.plain", Lawful: true, Doc: "only Chinese characters, Latin letters and digits"},
		{Name: "signature.chinese", Lawful: true, Doc: "at least one Chinese character: neither a number nor Latin letters alone"},
		{Name: "signature.test_word", Lawful: false, Doc: "it holds 测试 or test"},
		{Name: "signature.neutral", Lawful: false, Doc: "it is a word that names nobody, such as 客服通知"},
		{Name: "signature.source", Lawful: "company_full", Doc: "company_full, company_short, trademark, app, or another"},
		{Name: "signature.full_name", Lawful: true, Doc: "it is the registered name"},
		{Name: "signature.in_name", Lawful: true, Doc: "it stands in the registered name in one piece"},
		{Name: "signature.registration", Lawful: true, Doc: "the number of the trademark, or of the app's record, is on file"},
		{Name: "signature.is_mark", Lawful: true, Doc: "it is the trademark's or the app's name, letter by letter"},
		{Name: "signature.own_mark", Lawful: true, Doc: "the trademark, or the app, is the applicant's own, or its holder has authorised the applicant"},
		{Name: "signature.elsewhere", Lawful: int64(0), Doc: "other parties with an approved signature of the same text"},
	},
	ObjectTemplate: {
		{Name: "template.variables", Lawful: int64(1), Doc: "variables"},
		{Name: "template.constant", Lawful: int64(30), Doc: "characters that are no variable"},
		{Name: "template.adjacent", Lawful: false, Doc: "two variables stand side by side"},
		{Name: "template.sensitive", Lawful: int64(0), Doc: "classes of sensitive personal information that its variables hold, as the applicant says"},
		{Name: "template.sensitive_unsaid", Lawful: int64(0), Doc: "classes of which the wording, or a name of a variable, speaks, and the applicant does not"},
		{Name: "template.basis", Lawful: "", Doc: "what these rest on: separate_consent, contract, statutory or emergency; empty when nothing was said"},
		{Name: "template.category", Lawful: "NOTICE", Doc: "of its messages"},
		{Name: "template.rivals", Lawful: int64(0), Doc: "of marketing: rivals that it names, of the party's list and of the operator's"},
		{Name: "template.form", Lawful: true, Doc: "a paper of the party's is on file and in force that shows its form, where marketing is agreed to apart from the service"},
		{Name: "template.permit_trades", Lawful: int64(0), Doc: "of marketing: trades that need a permit of which it speaks"},
	},
	ObjectTraffic: {
		{Name: "traffic.reported", Lawful: int64(1000), Doc: "newest marketing messages of the last day that have a report"},
		{Name: "traffic.no_number_percent", Lawful: int64(0), Doc: "of them, those to numbers that do not exist"},
		{Name: "traffic.people", Lawful: int64(500), Doc: "of their recipients, how many were looked at"},
		{Name: "traffic.shared_percent", Lawful: int64(0), Doc: "of these, those whom two or more unrelated senders sent marketing in the last week too"},
		{Name: "traffic.unproved", Lawful: int64(0), Doc: "messages that had no proof of consent, by a complaint that was found true"},
	},
	ObjectComplaints: {
		{Name: "complaints.of", Lawful: "party", Doc: "what they are about: party, signature, template or channel"},
		{Name: "complaints.delivered", Lawful: int64(10_000_000), Doc: "messages delivered in the month"},
		{Name: "complaints.valid", Lawful: int64(0), Doc: "complaints of the month that were found true"},
		{Name: "complaints.per_billion", Lawful: int64(0), Doc: "of these for 1,000 million delivered: 100 is 0.10 per million"},
		{Name: "complaints.day", Lawful: int64(0), Doc: "complaints of the day that were found true"},
		{Name: "complaints.cause", Lawful: "other", Doc: "why the newest was found true: no_consent, content, after_refusal, disguised, personal, false_advertising or other"},
	},
	ObjectStrikes: {
		{Name: "strikes.general", Lawful: []int64{}, Doc: "how many days ago each general violation was; those that were lifted as unfounded are left out"},
		{Name: "strikes.serious", Lawful: []int64{}, Doc: "of serious ones"},
		{Name: "strikes.major", Lawful: []int64{}, Doc: "of major ones"},
	},
	ObjectHour: {
		{Name: "hour.days", Lawful: int64(28), Doc: "of the 28 days before, those on which the account sent anything"},
		{Name: "hour.marketing", Lawful: int64(100), Doc: "marketing messages that it asked for in the hour"},
		{Name: "hour.usual_marketing", Lawful: int64(100), Doc: "in this hour of the day, on average over the days on which it sent"},
		{Name: "hour.messages", Lawful: int64(1000), Doc: "messages of all categories in the hour"},
		{Name: "hour.marketing_percent", Lawful: int64(10), Doc: "marketing among them"},
		{Name: "hour.usual_marketing_percent", Lawful: int64(10), Doc: "in the 28 days before"},
		{Name: "hour.reported", Lawful: int64(1000), Doc: "marketing messages of the hour that have a report"},
		{Name: "hour.bad_number_percent", Lawful: int64(2), Doc: "of them, those that failed because of the number"},
		{Name: "hour.usual_bad_number_percent", Lawful: int64(2), Doc: "in the 28 days before"},
		{Name: "hour.sampled", Lawful: int64(500), Doc: "recipients of its marketing in the hour who were looked up"},
		{Name: "hour.new_percent", Lawful: int64(10), Doc: "of them, those to whom it sent nothing in the 28 days before"},
		{Name: "hour.usual_new_percent", Lawful: int64(10), Doc: "of those who were looked up in these days"},
	},
	ObjectParty: {
		{Name: "party.kind", Lawful: "customer", Doc: "customer, agent or operator"},
		{Name: "party.licence", Lawful: true, Doc: "a scan of the business licence is on file and has not expired"},
		{Name: "party.representative", Lawful: true, Doc: "the legal representative's name is, with a scan of the identity document"},
		{Name: "party.handler", Lawful: true, Doc: "the handler's name and identity number are, with a scan"},
		{Name: "party.handler_elsewhere", Lawful: int64(0), Doc: "other enterprises with the same handler"},
		{Name: "party.contact", Lawful: true, Doc: "address and telephone are on file"},
		{Name: "party.complaints", Lawful: true, Doc: "a public contact for complaints is entered"},
		{Name: "party.contract", Lawful: true, Doc: "a contract with the party above it is in force and its scan on file"},
		{Name: "party.processing", Lawful: true, Doc: "an agreement on entrusted processing of personal data is on file"},
		{Name: "party.assessed", Lawful: true, Doc: "an assessment of the impact on personal data is on file and has not expired"},
		{Name: "party.changed", Lawful: false, Doc: "name, code, type, representative or handler are not those that were approved"},
		{Name: "party.checked_days", Lawful: int64(0), Doc: "days since the public register was looked at"},
	},
	ObjectConsent: {
		{Name: "consent.method", Lawful: "WEB_CHECKBOX", Doc: "how it was asked, in capitals"},
		{Name: "consent.source", Lawful: "OWN", Doc: "where it was given, in capitals; THIRD_PARTY: passed on by somebody else"},
		{Name: "consent.future", Lawful: false, Doc: "it is given later than now"},
		{Name: "consent.before_wording", Lawful: false, Doc: "it was given before its registered wording was in use"},
		{Name: "consent.over_frequency", Lawful: false, Doc: "it claims more messages than its registered wording asks for"},
		{Name: "consent.over_period", Lawful: false, Doc: "it claims to hold longer than its registered wording asks for"},
		{Name: "consent.over_kinds", Lawful: false, Doc: "it claims kinds of content that its registered wording does not ask for"},
		{Name: "consent.separate", Lawful: false, Doc: "the person agreed separately to the number being passed on"},
		{Name: "consent.recipient_named", Lawful: false, Doc: "and was told who gets it"},
		{Name: "consent.under_14", Lawful: false, Doc: "the person is under 14"},
		{Name: "consent.guardian", Lawful: false, Doc: "a guardian agreed"},
	},
	ObjectSample: {
		{Name: "sample.rows", Lawful: int64(1000), Doc: "rows of a list of consents that passed the checks"},
		{Name: "sample.judged", Lawful: int64(30), Doc: "of them, those that a reviewer has judged"},
		{Name: "sample.failed", Lawful: int64(0), Doc: "of these, those without proof"},
	},
	ObjectMoney: {
		{Name: "money.kind", Lawful: "topup", Doc: "topup or adjustment"},
		{Name: "money.method", Lawful: "transfer", Doc: "of a top-up, how it was paid: transfer (from the party's own bank account), platform (its own account at a licensed payment institution), third_party, cash or crypto; empty when nobody says"},
	},
	ObjectPermit: {
		{Name: "permit.own_name", Lawful: true, Doc: "it names the party that registers it"},
		{Name: "permit.elsewhere", Lawful: int64(0), Doc: "other parties that have registered the same number"},
		{Name: "permit.scan", Lawful: true, Doc: "its scan is on file"},
	},
	ObjectCode: {
		{Name: "access_code.approval", Lawful: true, Doc: "the number of its approval is entered"},
		{Name: "access_code.number", Lawful: "10690000", Doc: "the code"},
		{Name: "access_code.length", Lawful: int64(8), Doc: "digits of it"},
		{Name: "access_code.max_length", Lawful: int64(20), Doc: "digits of a whole source number that are approved, 0 when nobody says"},
		{Name: "access_code.use", Lawful: "platform", Doc: "approved use: platform, own or public; empty when nobody says"},
		{Name: "access_code.ended", Lawful: false, Doc: "its term, or its scan's, is over"},
		{Name: "access_code.elsewhere", Lawful: int64(0), Doc: "other codes in use with the same number at the carrier"},
		{Name: "access_code.scan", Lawful: true, Doc: "a scan of the approval is on file"},
		{Name: "access_code.referral", Lawful: false, Doc: "its holder is an agent that only refers"},
	},
	ObjectSubcode: {
		{Name: "subcode.code", Lawful: true, Doc: "its access code is approved and in force"},
		{Name: "subcode.signature", Lawful: true, Doc: "the signature is the party's own"},
		{Name: "subcode.contract", Lawful: true, Doc: "the contract is the party's own, approved and in force"},
		{Name: "subcode.referral", Lawful: false, Doc: "the party is an agent that only refers"},
		{Name: "subcode.taken", Lawful: int64(0), Doc: "other bindings in use of the digits under the access code"},
		{Name: "subcode.siblings", Lawful: int64(0), Doc: "other sub-codes in use of the signature under the access code"},
		{Name: "subcode.qualification", Lawful: true, Doc: "it has the qualification of its signature"},
		{Name: "subcode.qualification_elsewhere", Lawful: int64(0), Doc: "signatures of other parties with the same qualification"},
		{Name: "subcode.length", Lawful: int64(10), Doc: "digits of access code and sub-code"},
		{Name: "subcode.max_length", Lawful: int64(20), Doc: "digits of a whole source number that are approved, 0 when nobody says"},
	},
	ObjectContract: {
		{Name: "contract.principal", Lawful: true, Doc: "it is with the party above, past agents that only refer"},
		{Name: "contract.ended", Lawful: false, Doc: "its term, or its scan's, is over"},
		{Name: "contract.scan", Lawful: true, Doc: "its scan is on file"},
	},
	ObjectLetter: {
		{Name: "authorisation.holder", Lawful: true, Doc: "its grantor holds the mark or app of the signature"},
		{Name: "authorisation.ended", Lawful: false, Doc: "its term, or its scan's, is over"},
		{Name: "authorisation.days", Lawful: int64(365), Doc: "of its term"},
		{Name: "authorisation.scan", Lawful: true, Doc: "its scan is on file"},
	},
	objectCampaign: campaignFacts,
	ObjectLicence: {
		{Name: "licence.own_name", Lawful: true, Doc: "it is issued to the party that registers it"},
		{Name: "licence.elsewhere", Lawful: int64(0), Doc: "other parties that have registered the same number"},
		{Name: "licence.provinces", Lawful: int64(31), Doc: "provinces that it covers"},
		{Name: "licence.capital", Lawful: int64(10_000_000), Doc: "registered capital of its holder in yuan, 0 when it is not known"},
	},
}

// object is what the rules of one object are made of.
type object struct {
	env    *cel.Env
	lawful map[string]any
	rules  []*compiled
}

// newObject makes the language of conditions over some facts.
func newObject(facts []Info) (*object, error) {
	o := &object{lawful: map[string]any{}}
	var opts []cel.EnvOption
	for _, f := range facts {
		o.lawful[f.Name] = f.Lawful
		opts = append(opts, cel.Variable(f.Name, celType(f.Lawful)))
	}
	env, err := cel.NewEnv(opts...)
	o.env = env
	return o, err
}

func celType(lawful any) *cel.Type {
	switch lawful.(type) {
	case int64:
		return cel.IntType
	case string:
		return cel.StringType
	case []int64:
		return cel.ListType(cel.IntType)
	}
	return cel.BoolType
}

// addObjectRule compiles a rule that judges an object.
func (b *Book) addObjectRule(r Rule) error {
	o := b.objects[r.Object]
	if o == nil {
		var err error
		if o, err = newObject(objectFacts[r.Object]); err != nil {
			return fmt.Errorf("build the language of conditions: %w", err)
		}
		b.objects[r.Object] = o
	}
	c, err := b.compile(o.env, slices.Sorted(maps.Keys(o.lawful)), r)
	if err == nil {
		o.rules = append(o.rules, c)
	}
	return err
}

// objectActivation gives a condition the facts of an object.
type objectActivation struct {
	values map[string]any
	c      *compiled
}

func (a *objectActivation) ResolveName(name string) (any, bool) {
	if v, ok := a.values[name]; ok {
		return v, true
	}
	v, ok := a.c.params[name]
	return v, ok
}

func (a *objectActivation) Parent() cel.Activation { return nil }

// Judge says what stands against an object of the registry at a moment. A fact that values
// lack can't be read by a condition and stands against the object (P11).
func (b *Book) Judge(kind string, values map[string]any, at time.Time) []Finding {
	o := b.objects[kind]
	if o == nil {
		return nil
	}
	var out []Finding
	for _, c := range o.rules {
		if at.Before(c.From.Time) || !c.To.IsZero() && !at.Before(c.To.Time) {
			continue
		}
		v, _, err := c.prg.Eval(&objectActivation{values, c})
		if err != nil || v.Value() != false {
			f := c.finding(b.NewFacts(), at)
			f.Articles = b.articles(&c.Rule, at)
			out = append(out, f)
		}
	}
	b.Sort(out)
	return out
}

// known are the facts of a lawful object, or usual event, changed by some values: an unknown
// name or another type is an error.
func known(o *object, kind string, values map[string]any) (map[string]any, error) {
	if o == nil {
		return nil, fmt.Errorf("no rule is about %s", kind)
	}
	out := maps.Clone(o.lawful)
	for name, v := range values {
		v = number(v)
		old, ok := o.lawful[name]
		if !ok || fmt.Sprintf("%T", old) != fmt.Sprintf("%T", v) {
			return nil, fmt.Errorf("there is no fact %s of the type of %v", name, v)
		}
		out[name] = v
	}
	return out, nil
}

// number makes what YAML reads as numbers those that facts are.
func number(v any) any {
	switch x := v.(type) {
	case int:
		return int64(x)
	case []any:
		list := make([]int64, 0, len(x))
		for _, e := range x {
			n, ok := e.(int)
			if !ok {
				return v
			}
			list = append(list, int64(n))
		}
		return list
	}
	return v
}

// checkKind tells what is wrong with the fields that only one kind of rule has.
func (r *Rule) checkKind() error {
	switch r.Kind {
	case KindMessage:
		if r.Object != "" || len(r.Proof) > 0 || r.Reviewers != 0 {
			return fmt.Errorf("object, reviewers and proof are of other kinds of rules than message")
		}
	case KindObject:
		if objectFacts[r.Object] == nil {
			return fmt.Errorf("object %q is none of %v", r.Object, slices.Sorted(maps.Keys(objectFacts)))
		}
		if r.Object == objectCampaign {
			return fmt.Errorf("a rule about a campaign is of the kind %s", KindCampaign)
		}
		if r.Reviewers != 0 && (r.Outcome != Hold || r.Reviewers != 2) {
			return fmt.Errorf("reviewers is 2, of a rule that holds")
		}
		return r.checkJudging()
	case KindCampaign:
		if r.Object != objectCampaign {
			return fmt.Errorf("a rule of the kind %s has no object", KindCampaign)
		}
		return r.checkJudging()
	case KindProduct:
		if len(r.Proof) == 0 {
			return fmt.Errorf("proof is missing: the tests that show what the program guarantees")
		}
		if r.Against != "" || r.Outcome != "" || r.Code != "" || len(r.Examples) > 0 || r.Object != "" {
			return fmt.Errorf("a product rule states what the program guarantees: it has no condition, outcome, code or examples")
		}
	case KindDuty:
		return r.checkDuty()
	default:
		return fmt.Errorf("its kind %q is not message, campaign, object, product or duty: it would stand against nothing", r.Kind)
	}
	return nil
}

// checkJudging tells what is wrong with a rule that judges an object or a campaign.
func (r *Rule) checkJudging() error {
	if r.Outcome != Block && r.Outcome != Hold && r.Outcome != Warn || r.Hours != nil || len(r.Categories) > 0 || len(r.Proof) > 0 {
		return fmt.Errorf("a rule about an object or a campaign blocks, holds or warns, without hours, categories and proof")
	}
	return nil
}

// others are the rules that decide about no message, in order.
func (b *Book) others() []*compiled {
	out := slices.Clone(b.products)
	for _, judged := range []map[string]*object{b.objects, b.duties} {
		for _, kind := range slices.Sorted(maps.Keys(judged)) {
			out = append(out, judged[kind].rules...)
		}
	}
	sortRules(out)
	return out
}

func sortRules(list []*compiled) {
	sort.SliceStable(list, func(i, j int) bool { return before(list[i].ID, list[j].ID) })
}

// JudgeText runs the rules that need nothing but a text and its category: what stands
// against every message that says so, before one is sent. text has its signature.
func (b *Book) JudgeText(cat sms.Category, text string, from Sender, at time.Time) ([]Finding, error) {
	f := b.NewFacts()
	f.String(Category, string(cat))
	if err := b.readText(f, text, from); err != nil {
		return nil, err
	}
	found, _ := b.Evaluate(StageShared, f, at)
	return slices.DeleteFunc(found, func(x Finding) bool { return !b.textRules[x.Rule] }), nil
}

// readText sets the facts of a whole text; whose signature stands in it, from need not say.
func (b *Book) readText(f *Facts, text string, from Sender) error {
	units, err := smstext.Units(text)
	if err != nil {
		return err
	}
	f.Int(UnitsLength, smstext.Length(text))
	f.Int(UnitsBilled, units)
	var body string
	var brackets bool
	from.Signature, body, brackets = lexicon.SplitSignature(text)
	f.Bool(SignatureBrackets, brackets)
	folded := lexicon.Fold(body)
	traits, _ := lexicon.Read(body, folded)
	f.Text(&traits, append(b.Words(body, folded), b.SignatureWords(from.Signature)...), from)
	f.Int(TextPromotion, b.Promotion(folded))
	return nil
}
