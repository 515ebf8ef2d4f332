package rulebook

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// SignatureClaim is what is known of a signature that is applied for.
type SignatureClaim struct {
	Text         string `yaml:"text"`         // without 【】
	Source       string `yaml:"source"`       // company_full | company_short | trademark | app | …
	Name         string `yaml:"name"`         // the applicant's registered name
	Entity       string `yaml:"entity"`       // company | individual | institution | government
	Mark         string `yaml:"mark"`         // name of the trademark or app, as registered
	Registration string `yaml:"registration"` // number of the trademark, or of the app's ICP record
	Holder       string `yaml:"holder"`       // whom that is registered to, when not the applicant
	Authorised   bool   `yaml:"authorised"`   // a letter of that holder is in force
	Elsewhere    int    `yaml:"elsewhere"`    // other parties with an approved signature of this text
}

// State organs and public institutions may sign as such.
var stateEntities = []string{"government", "institution"}

// signatureFacts works out what rules about signatures read.
func (b *Book) signatureFacts(c *SignatureClaim) map[string]any {
	text, name := norm.NFC.String(c.Text), norm.NFC.String(c.Name)
	plain, chinese := true, false
	for _, r := range text {
		han := unicode.Is(unicode.Han, r)
		chinese = chinese || han
		plain = plain && (han || r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)))
	}
	folded := lexicon.Fold(text)
	neutral := slices.ContainsFunc(b.names.Find(text, folded), func(h lexicon.Hit) bool { return h.List == listNeutral && lexicon.Fold(h.Word) == folded })
	return map[string]any{
		"signature.length": int64(utf8.RuneCountInString(text)), "signature.plain": plain, "signature.chinese": chinese,
		"signature.test_word": strings.Contains(folded, "测试") || strings.Contains(folded, "test"), "signature.neutral": neutral,
		"signature.source": c.Source, "signature.full_name": text == name, "signature.in_name": text != "" && strings.Contains(name, text),
		"signature.registration": c.Registration != "", "signature.is_mark": text == norm.NFC.String(c.Mark), "signature.own_mark": c.Holder == "" || c.Holder == c.Name || c.Authorised,
		"signature.elsewhere": int64(c.Elsewhere),
	}
}

// listNeutral is the lexicon of words that name nobody: none of them is a signature.
const listNeutral = "neutral"

// JudgeSignature says what stands against a signature: as an object, and against every
// message that would begin with it.
func (b *Book) JudgeSignature(c *SignatureClaim, at time.Time) []Finding {
	f := b.NewFacts()
	f.Bool(SignaturePoses, lexicon.Poses(c.Text, c.Name, slices.Contains(stateEntities, c.Entity)))
	found, _ := b.Evaluate(StageShared, f, at)
	found = slices.DeleteFunc(found, func(x Finding) bool { return !b.nameRules[x.Rule] })
	found = append(found, b.Judge(ObjectSignature, b.signatureFacts(c), at)...)
	b.Sort(found)
	return found
}

// TemplateClaim is a wording that is applied for, with ${name:type} variables.
type TemplateClaim struct {
	Category  sms.Category `yaml:"category"`
	Signature string       `yaml:"signature"` // by which it would be sent, without 【】
	Name      string       `yaml:"name"`      // the applicant's registered name
	Entity    string       `yaml:"entity"`    // as of a SignatureClaim
	Body      string       `yaml:"body"`
	// Sample is the body with lawful values in place of its variables.
	Sample string `yaml:"sample"`
	// Classes of sensitive personal information that the applicant says it holds, and on what
	// they rest.
	Sensitive []string `yaml:"sensitive"`
	Basis     string   `yaml:"basis"`
	Rivals    int      `yaml:"rivals"` // that it names
	Form      bool     `yaml:"form"`   // a paper shows how the party asks for consent
}

var variableForm = regexp.MustCompile(`\$\{[a-z0-9_]+:[a-z]+\}`)

func (b *Book) templateFacts(c *TemplateClaim) map[string]any {
	constant := variableForm.ReplaceAllString(c.Body, "")
	at, adjacent := variableForm.FindAllStringIndex(c.Body, -1), false
	for i := 1; i < len(at); i++ {
		adjacent = adjacent || at[i-1][1] == at[i][0]
	}
	return map[string]any{
		"template.variables": int64(len(at)), "template.constant": int64(utf8.RuneCountInString(constant)), "template.adjacent": adjacent,
		"template.permit_trades": int64(len(b.TradesOf(c))), "template.sensitive": int64(len(c.Sensitive)), "template.sensitive_unsaid": b.unsaid(c), "template.basis": c.Basis,
		"template.category": string(c.Category), "template.rivals": int64(c.Rivals), "template.form": c.Form,
	}
}

// unsaid counts the classes of sensitive personal information of which a wording with
// variables speaks, names of variables included, and of which the applicant says nothing.
func (b *Book) unsaid(c *TemplateClaim) (n int64) {
	if !variableForm.MatchString(c.Body) {
		return 0
	}
	seen := map[string]bool{}
	for _, h := range b.sensitive.Find(c.Body, lexicon.Fold(c.Body)) {
		if !seen[h.List] && !slices.Contains(c.Sensitive, h.List) {
			n++
		}
		seen[h.List] = true
	}
	return n
}

// JudgeTemplate says what stands against a wording: as a wording, and against every message
// that would be sent by it.
func (b *Book) JudgeTemplate(c *TemplateClaim, at time.Time) ([]Finding, error) {
	found, err := b.JudgeText(c.Category, "【"+c.Signature+"】"+c.Sample, Sender{Registered: c.Name, Organ: slices.Contains(stateEntities, c.Entity)}, at)
	if err != nil {
		return nil, fmt.Errorf("read the wording as a text: %w", err)
	}
	found = append(found, b.Judge(ObjectTemplate, b.templateFacts(c), at)...)
	b.Sort(found)
	return found, nil
}

// PartyClaim is what is on file of a party that is to be made active.
type PartyClaim struct {
	Kind             string `yaml:"kind"`              // customer | agent | operator
	Licence          bool   `yaml:"licence"`           // business licence
	Representative   bool   `yaml:"representative"`    // name, and identity document
	Handler          bool   `yaml:"handler"`           // name, identity number and document
	HandlerElsewhere int    `yaml:"handler_elsewhere"` // other enterprises with the same handler
	Contact          bool   `yaml:"contact"`           // address and telephone
	Complaints       bool   `yaml:"complaints"`        // a public contact for them
	Contract         bool   `yaml:"contract"`          // in force, and its scan
	Processing       bool   `yaml:"processing"`        // agreement on entrusted processing
	Assessed         bool   `yaml:"assessed"`          // impact on personal data
	Changed          bool   `yaml:"changed"`           // since it was approved
	CheckedDays      int    `yaml:"checked_days"`      // since the public register was looked at
}

// JudgeParty says what stands against making a party active.
func (b *Book) JudgeParty(c *PartyClaim, at time.Time) []Finding {
	return b.Judge(ObjectParty, map[string]any{
		"party.kind": c.Kind, "party.licence": c.Licence, "party.representative": c.Representative, "party.handler": c.Handler,
		"party.handler_elsewhere": int64(c.HandlerElsewhere), "party.contact": c.Contact, "party.complaints": c.Complaints, "party.contract": c.Contract, "party.processing": c.Processing,
		"party.assessed": c.Assessed,
		"party.changed":  c.Changed, "party.checked_days": int64(c.CheckedDays),
	}, at)
}

// ConsentClaim is what is stated of a consent that is to be recorded.
type ConsentClaim struct {
	Method          string `yaml:"method"`
	Source          string `yaml:"source"`
	Future          bool   `yaml:"future"`         // it is given later than now
	BeforeWording   bool   `yaml:"before_wording"` // it was given before its registered wording was in use
	OverFrequency   bool   `yaml:"over_frequency"` // it claims more messages than that asks for
	OverPeriod      bool   `yaml:"over_period"`    // or a longer time
	OverKinds       bool   `yaml:"over_kinds"`     // or other kinds of content
	SeparateConsent bool   `yaml:"separate_consent"`
	RecipientNamed  bool   `yaml:"recipient_named"`
	Under14         bool   `yaml:"under_14"`
	Guardian        bool   `yaml:"guardian"`
}

// word is a name as rules compare it, however it is written.
func word(s string) string {
	return strings.ToUpper(strings.NewReplacer("-", "_", " ", "_").Replace(strings.TrimSpace(norm.NFKC.String(s))))
}

// JudgeConsent says what stands against recording a consent.
func (b *Book) JudgeConsent(c *ConsentClaim, at time.Time) []Finding {
	return b.Judge(ObjectConsent, map[string]any{
		"consent.method": word(c.Method), "consent.source": word(c.Source), "consent.future": c.Future, "consent.before_wording": c.BeforeWording,
		"consent.over_frequency": c.OverFrequency, "consent.over_period": c.OverPeriod, "consent.over_kinds": c.OverKinds, "consent.separate": c.SeparateConsent,
		"consent.recipient_named": c.RecipientNamed, "consent.under_14": c.Under14, "consent.guardian": c.Guardian,
	}, at)
}
