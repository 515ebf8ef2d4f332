package rulebook

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/zhunxin/zhunxin/internal/sms"
)

//go:embed scenarios/*.yaml
var scenarios embed.FS

// Scenario is a message as a lawyer would describe it, and the verdict that is expected.
type Scenario struct {
	Title Both   `yaml:"title"`
	At    Moment `yaml:"at"`
	Text  string `yaml:"text,omitempty"` // what is sent, signature included; the facts of the text come from it
	// Whose text it is, by its registered name, and the trades that the channel takes, or
	// for which the provider has a permit.
	Provider   string         `yaml:"provider,omitempty"`
	Organ      bool           `yaml:"organ,omitempty"`
	Industries []string       `yaml:"industries,omitempty"`
	Permits    []string       `yaml:"permits,omitempty"` // trades for which the provider has one
	Facts      map[string]any `yaml:"facts,omitempty"`   // what else is not as in a lawful message
	Expect     Expectation    `yaml:"expect"`

	// In place of a message: an object that somebody applies for.
	Signature *SignatureClaim `yaml:"signature,omitempty"`
	Template  *TemplateClaim  `yaml:"template,omitempty"`
	Party     *PartyClaim     `yaml:"party,omitempty"`
	Campaign  *CampaignClaim  `yaml:"campaign,omitempty"` // or a campaign that is to start
}

// Expectation is a verdict.
type Expectation struct {
	Outcome string   `yaml:"outcome"`           // permit, block, hold or defer
	First   string   `yaml:"first,omitempty"`   // the rule that is reported
	Code    sms.Code `yaml:"code,omitempty"`    // and its code
	Release Moment   `yaml:"release,omitempty"` // when a deferred message is decided anew
	All     []string `yaml:"all,omitempty"`     // every rule that stands against it or warns; unsaid, any
}

// Moment is a minute or a second in Asia/Shanghai, 2026-11-23 20:00 or 2026-11-23 19:59:59.
type Moment struct{ time.Time }

// UnmarshalYAML reads a moment.
func (m *Moment) UnmarshalYAML(n *yaml.Node) error {
	for _, layout := range []string{"2006-01-02 15:04", time.DateTime} {
		if t, err := time.ParseInLocation(layout, n.Value, Shanghai); err == nil {
			m.Time = t
			return nil
		}
	}
	return fmt.Errorf("line %d: %q is not a moment like 2026-11-23 20:00", n.Line, n.Value)
}

// String reads like 2026-11-23 20:00:00, or never.
func (m Moment) String() string {
	if m.IsZero() {
		return "never"
	}
	return m.In(Shanghai).Format(time.DateTime)
}

// MaxScenarioBytes bounds a file of scenarios.
const MaxScenarioBytes = 4 << 20

// ParseScenarios reads a file of scenarios: a YAML list. An unknown key is an error.
func ParseScenarios(b []byte) ([]Scenario, error) {
	if len(b) > MaxScenarioBytes {
		return nil, fmt.Errorf("a file of scenarios has at most %d bytes", MaxScenarioBytes)
	}
	var list []Scenario
	if err := Decode(b, &list); err != nil {
		return nil, fmt.Errorf("read the scenarios: %w", err)
	}
	for i := range list {
		if err := list[i].check(); err != nil {
			return nil, fmt.Errorf("scenario %d, %s: %w", i+1, list[i].Title.Zh, err)
		}
	}
	return list, nil
}

// IsScenarios tells a file of scenarios, a list, from a rule pack: by its first line that is
// no comment, so that a slip further on is reported as what it is.
func IsScenarios(b []byte) bool {
	for line := range bytes.Lines(b) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && !bytes.Equal(line, []byte("---")) {
			return line[0] == '-' || line[0] == '['
		}
	}
	return false
}

// subjects counts what a scenario tells of.
func (s *Scenario) subjects() (n int) {
	for _, told := range []bool{s.Text != "" || s.Facts != nil, s.Signature != nil, s.Template != nil, s.Party != nil, s.Campaign != nil} {
		if told {
			n++
		}
	}
	return n
}

func (s *Scenario) check() error {
	e := &s.Expect
	switch {
	case s.Title.Zh == "" || s.Title.En == "":
		return errors.New("its title is needed in zh and en")
	case s.subjects() > 1:
		return errors.New("it tells of a message (text, facts), a signature, a template, a party or a campaign: of one of them")
	case s.At.IsZero():
		return errors.New("at, the moment of sending, is missing")
	case !slices.Contains([]string{Permit, Block, Hold, Defer}, e.Outcome):
		return fmt.Errorf("expect.outcome %q is not permit, block, hold or defer", e.Outcome)
	case e.Outcome == Permit && (e.First != "" || e.Code != ""):
		return errors.New("what is permitted has no first rule and no code")
	case e.Outcome != Permit && (e.First == "" || e.Code == ""):
		return errors.New("expect needs first, the rule, and code, its code in the catalogue")
	case e.Code != "" && sms.Lookup(e.Code).Code != e.Code:
		return fmt.Errorf("expect.code %q is not in the error catalogue", e.Code)
	}
	return nil
}

// BuiltinScenarios returns the scenarios that the program carries.
func BuiltinScenarios() ([]Scenario, error) {
	names, err := fs.Glob(scenarios, "scenarios/*.yaml")
	if err != nil {
		return nil, err
	}
	var out []Scenario
	for _, n := range names {
		b, err := scenarios.ReadFile(n)
		if err != nil {
			return nil, err
		}
		list, err := ParseScenarios(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n, err)
		}
		out = append(out, list...)
	}
	return out, nil
}

// Permit is the outcome of a message against which no rule stands.
const Permit = "permit"

// Play decides a scenario as the gate does, with all facts known at once, and says what
// is not as expected; "" when everything is.
func (b *Book) Play(s *Scenario) string {
	found, err := b.judge(s)
	if err != nil {
		return err.Error()
	}
	got := Expectation{Outcome: Permit}
	for _, x := range found {
		got.All = append(got.All, x.Rule)
	}
	if r := Refusing(found); r != nil {
		got.Outcome, got.First, got.Code, got.Release = r.Outcome, r.Rule, r.Code, Moment{r.Release}
	}
	want := s.Expect
	if got.Outcome == want.Outcome && got.First == want.First && got.Code == want.Code && got.Release.Equal(want.Release.Time) &&
		(want.All == nil || slices.Equal(got.All, want.All)) {
		return ""
	}
	return fmt.Sprintf("expected %s, got %s", want, got)
}

// judge decides what a scenario tells of.
func (b *Book) judge(s *Scenario) (found []Finding, err error) {
	switch {
	case s.Signature != nil:
		return b.JudgeSignature(s.Signature, s.At.Time), nil
	case s.Template != nil:
		return b.JudgeTemplate(s.Template, s.At.Time)
	case s.Party != nil:
		return b.JudgeParty(s.Party, s.At.Time), nil
	case s.Campaign != nil:
		return b.JudgeCampaign(s.Campaign, s.At.Time)
	}
	f, err := b.scenarioFacts(s)
	if err != nil {
		return nil, err
	}
	for _, stage := range []Stage{StageShared, StageRecipient, StageChannel} {
		x, _ := b.Evaluate(stage, f, s.At.Time)
		found = append(found, x...)
	}
	b.Sort(found)
	return found, nil
}

// String reads like: block by CNS-01 (CONSENT_MISSING), all [CNS-01 OPT-03].
func (e Expectation) String() string {
	s := e.Outcome
	if e.First != "" {
		s += fmt.Sprintf(" by %s (%s)", e.First, e.Code)
	}
	if !e.Release.IsZero() {
		s += " until " + e.Release.In(Shanghai).Format(time.DateTime)
	}
	if e.All != nil {
		s += fmt.Sprintf(", all %v", e.All)
	}
	return s
}

func (b *Book) scenarioFacts(s *Scenario) (*Facts, error) {
	f := b.NewFacts()
	f.Time(s.At.Time)
	if s.Text != "" {
		if err := b.readText(f, s.Text, Sender{Registered: s.Provider, Organ: s.Organ}); err != nil {
			return nil, fmt.Errorf("text: %w", err)
		}
		f.Industries(s.Industries)
		f.Permits(func(trade string) bool { return slices.Contains(s.Permits, trade) })
	}
	return f, f.fill(s.Facts)
}
