package rulebook

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Both is a text in the two languages of the product.
type Both struct {
	Zh string `yaml:"zh" json:"zh"`
	En string `yaml:"en" json:"en"`
}

// Date is a day in Asia/Shanghai.
type Date struct{ time.Time }

// Shanghai is the zone of every legal hour and date. China has had one zone
// without summer time since 1992.
var Shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// String reads 2026-05-01, or nothing.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.In(Shanghai).Format(time.DateOnly)
}

// UnmarshalYAML reads 2026-05-01.
func (d *Date) UnmarshalYAML(n *yaml.Node) error {
	t, err := time.ParseInLocation(time.DateOnly, n.Value, Shanghai)
	if err != nil {
		return fmt.Errorf("line %d: %q is not a date like 2026-05-01", n.Line, n.Value)
	}
	d.Time = t
	return nil
}

// Param is a number that a rule depends on.
type Param struct {
	Value    int64  `yaml:"value" json:"value"`
	Unit     string `yaml:"unit" json:"unit"`
	Stricter string `yaml:"stricter,omitempty" json:"stricter,omitempty"` // lower | higher | ""
}

// Example is one case of a rule that the tests execute.
type Example struct {
	Name   string         `yaml:"name"`
	Facts  map[string]any `yaml:"facts"`
	Stands bool           `yaml:"stands"` // whether the rule stands against it
	Pace   int64          `yaml:"pace"`   // and how many messages in a minute a slow-down then lets pass

	// Of a duty: when the event was, whether the duty arises, and when it is due.
	At      Moment `yaml:"at"`
	Created bool   `yaml:"created"`
	Due     Moment `yaml:"due"`
}

// Basis is what a rule rests on.
type Basis struct {
	Instrument string `yaml:"instrument" json:"instrument"`
	Article    string `yaml:"article" json:"article"`
}

// String reads 《电信条例》 第七条.
func (b Basis) String() string { return strings.TrimSpace(b.Instrument + " " + b.Article) }

// Statuses say how sure the source of a rule is.
var Statuses = map[string]Both{
	"V": {"已核实", "verified"}, "V2": {"见于二手来源", "from a secondary source"}, "R": {"凭记忆，未核实", "recalled, not verified"},
	"D": {"平台自定，法律无此数字", "our own design, no legal number exists"}, "TBC": {"待核对正式文本", "to be confirmed in the official text"},
}

// Hours says how a defer rule finds the next lawful moment: the names of the
// parameters with the opening and closing minute of the day. A channel may have hours of
// its own: facts that make the span shorter.
type Hours struct {
	Open      string `yaml:"open"`
	Close     string `yaml:"close"`
	OpenFact  string `yaml:"open_fact,omitempty"`
	CloseFact string `yaml:"close_fact,omitempty"`
}

// House is the layer of an operator's own packs.
const House = "house"

// Outcomes of a rule that stands against a message.
const (
	Block  = "block"
	Hold   = "hold"
	Defer  = "defer"
	Warn   = "warn"
	Report = "report"
)

// Rule is one rule as the pack has it.
type Rule struct {
	ID         string               `yaml:"id" json:"id"`
	Kind       string               `yaml:"kind" json:"kind"`                         // message | campaign | object | product | duty
	Object     string               `yaml:"object,omitempty" json:"object,omitempty"` // that an object rule judges
	Title      Both                 `yaml:"title" json:"title"`
	Basis      []Basis              `yaml:"basis" json:"basis"`
	Status     string               `yaml:"status" json:"status"` // V | V2 | R | D | TBC
	From       Date                 `yaml:"effective_from" json:"effective_from"`
	To         Date                 `yaml:"effective_to,omitempty" json:"effective_to,omitempty"`
	Carriers   map[sms.Carrier]Date `yaml:"carriers,omitempty" json:"carriers,omitempty"` // only on channels to these, each from its day on
	Vendor     string               `yaml:"vendor,omitempty" json:"vendor,omitempty"`     // only on channels of this upstream
	Layer      string               `yaml:"layer" json:"layer"`                           // law | channel | house
	Categories []sms.Category       `yaml:"categories,omitempty" json:"categories,omitempty"`
	Against    string               `yaml:"against" json:"against"`  // CEL: true stands against the message; of a duty, its when
	When       string               `yaml:"when,omitempty" json:"-"` // CEL: true gives rise to the duty
	Duty       *Duty                `yaml:"duty,omitempty" json:"duty,omitempty"`
	Params     map[string]Param     `yaml:"params,omitempty" json:"params,omitempty"`
	Outcome    string               `yaml:"outcome" json:"outcome"`
	Measure    *Asked               `yaml:"measure,omitempty" json:"measure,omitempty"` // that a rule about what parties do asks for
	Hours      *Hours               `yaml:"hours,omitempty" json:"-"`
	Code       sms.Code             `yaml:"code" json:"code"`
	Reason     Both                 `yaml:"reason" json:"reason"`
	Remedy     Both                 `yaml:"remedy" json:"remedy"`
	Examples   []Example            `yaml:"examples" json:"-"`
	Reviewers  int                  `yaml:"reviewers,omitempty" json:"reviewers,omitempty"` // of a held object: how many have to confirm it; unsaid, one
	Proof      []string             `yaml:"proof,omitempty" json:"proof,omitempty"`         // tests that show what a product rule states
}

// Duration is a span written as 24h.
type Duration time.Duration

// UnmarshalYAML reads a Go duration.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil || v <= 0 || v > 366*24*time.Hour {
		return fmt.Errorf("line %d: %q is not a span like 24h, of at most a year", n.Line, n.Value)
	}
	*d = Duration(v)
	return nil
}

// Adjustment moves a parameter of a rule in the stricter direction.
type Adjustment struct {
	Rule  string `yaml:"rule"`
	Param string `yaml:"param"`
	Value int64  `yaml:"value"`
}

// Lexicon is a list of words that a text is searched for. Rules read how many of them it
// holds as lex.<name>.
type Lexicon struct {
	Name     string   `yaml:"name"`
	Source   string   `yaml:"source"`        // where the words come from
	For      string   `yaml:"for,omitempty"` // "", texts of messages, signature, or template: what its variables may hold (PRV-06)
	Words    []string `yaml:"words"`
	Harmless []string `yaml:"harmless,omitempty"` // phrases in which a word means nothing
	// Spellings hide a word, such as pinyin; those by characters that look alike need not be said.
	Spellings  map[string][]string `yaml:"spellings,omitempty"`
	With       []string            `yaml:"with,omitempty"`       // the words count only beside one of these
	Exceptions []Exception         `yaml:"exceptions,omitempty"` // phrases of which a reviewer is told that they may be allowed
	Industry   string              `yaml:"industry,omitempty"`   // the trade that the words offer: only channels that name it take them (CNT-08)
	Permit     Both                `yaml:"permit,omitempty"`     // what the law asks of who offers it, if anything (CNT-09)
	Signature  bool                `yaml:"signature,omitempty"`  // the signature is searched too

	pack string // name@version of the pack that holds it
}

// Exception is a kind of phrase in which the law may allow a word. It changes no verdict: the
// reviewer is shown it.
type Exception struct {
	Title   Both   `yaml:"title"`
	Pattern string `yaml:"pattern"` // a regular expression; the word must lie within what it matches
}

// OptOutWords are the replies that refuse (rulebook 7.3). All are compared after
// folding width and case and trimming.
type OptOutWords struct {
	Whole    []string `yaml:"whole"`    // only as the whole reply
	Prefix   []string `yaml:"prefix"`   // also in front of more text
	Contains []string `yaml:"contains"` // anywhere
}

// Pack is a rule pack as it is written.
type Pack struct {
	Name    string `yaml:"pack"`
	Version string `yaml:"version"`
	Layer   string `yaml:"layer"` // law | channel | house
	// Of a channel pack: its rules hold only on channels to these carriers, each from its day
	// on, or only on those of one upstream, whoever's network they reach.
	Carriers map[sms.Carrier]Date `yaml:"carriers,omitempty"`
	Vendor   string               `yaml:"vendor,omitempty"`

	Windows []Window    `yaml:"windows,omitempty"`
	OptOut  OptOutWords `yaml:"opt_out,omitempty"`
	OptIn   []string    `yaml:"opt_in,omitempty"` // replies that confirm consent, each only as the whole reply; only of a law pack
	Lexicon []Lexicon   `yaml:"lexicons,omitempty"`

	Instruments []Instrument `yaml:"instruments,omitempty"` // only of a law pack
	Calendar    []Year       `yaml:"calendar,omitempty"`    // only of a law pack
	Rules       []Rule       `yaml:"rules,omitempty"`
	Adjust      []Adjustment `yaml:"adjust,omitempty"`
}

// MaxPackBytes bounds a pack file.
const MaxPackBytes = 4 << 20

// Parse reads a pack and checks its form. An unknown key is an error.
func Parse(b []byte) (*Pack, error) {
	if len(b) > MaxPackBytes {
		return nil, fmt.Errorf("a rule pack has at most %d bytes", MaxPackBytes)
	}
	var p Pack
	if err := Decode(b, &p); err != nil {
		return nil, fmt.Errorf("read the rule pack: %w", err)
	}
	if p.Name == "" || p.Version == "" {
		return nil, fmt.Errorf("a rule pack needs pack and version")
	}
	if p.Layer != "law" && p.Layer != "channel" && p.Layer != House {
		return nil, fmt.Errorf("pack %s: layer %q is not law, channel or house", p.Name, p.Layer)
	}
	if p.Layer != House && len(p.Adjust) > 0 {
		return nil, fmt.Errorf("pack %s: only a house pack adjusts parameters", p.Name)
	}
	if p.Layer != "law" && len(p.OptIn) > 0 {
		return nil, fmt.Errorf("pack %s: only a law pack says which replies confirm consent", p.Name)
	}
	if p.Layer != "law" && len(p.Instruments) > 0 {
		return nil, fmt.Errorf("pack %s: only a law pack says when instruments are in force", p.Name)
	}
	if p.Layer != "law" && len(p.Calendar) > 0 {
		return nil, fmt.Errorf("pack %s: only a law pack says which days are holidays", p.Name)
	}
	if err := p.checkUpstream(); err != nil {
		return nil, fmt.Errorf("pack %s: %w", p.Name, err)
	}
	for i := range p.Calendar {
		if err := p.Calendar[i].check(); err != nil {
			return nil, fmt.Errorf("pack %s, calendar of %d: %w", p.Name, p.Calendar[i].Year, err)
		}
	}
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Layer == "" {
			r.Layer = p.Layer
		}
		if r.Kind == "" {
			r.Kind = KindMessage
		}
		r.Vendor = p.Vendor
		if len(r.Carriers) == 0 {
			r.Carriers = p.Carriers
		}
		r.takeCampaign()
		if err := r.takeDuty(); err != nil {
			return nil, fmt.Errorf("pack %s, rule %s: %w", p.Name, r.ID, err)
		}
		if err := r.check(p.Layer); err != nil {
			return nil, fmt.Errorf("pack %s, rule %s: %w", p.Name, r.ID, err)
		}
	}
	return &p, nil
}

// checkUpstream tells what is wrong with whose channels a pack is for.
func (p *Pack) checkUpstream() error {
	switch {
	case len(p.Carriers) == 0 && p.Vendor == "":
		return nil
	case p.Layer != "channel":
		return errors.New("only a channel pack is for some carriers, or for one vendor")
	case p.Vendor != "" && !VendorName.MatchString(p.Vendor):
		return fmt.Errorf("vendor %q is not a name of small letters and digits", p.Vendor)
	case len(p.OptOut.Whole)+len(p.OptOut.Prefix)+len(p.OptOut.Contains) > 0:
		return errors.New("replies that refuse do so on every channel: put opt_out into another pack")
	}
	for i := range p.Rules {
		if k := p.Rules[i].Kind; k != "" && k != KindMessage {
			return fmt.Errorf("rule %s is of kind %s: what is for some channels decides about messages", p.Rules[i].ID, k)
		}
	}
	return nil
}

// VendorName is the form of the name under which packs and channels speak of an upstream.
var VendorName = regexp.MustCompile(`^[a-z][a-z0-9]{0,31}$`)

// Decode reads the one YAML document of a file. An unknown key is an error.
func Decode(b []byte, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(into); errors.Is(err, io.EOF) {
		return errors.New("the file is empty")
	} else if err != nil {
		return err
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("more stands behind a line of ---: a file has one document")
	}
	return nil
}

// statuses say how sure a source is: V (verified), V2 (from a secondary source), R (recalled),
// D (our own design), TBC (to be confirmed).
var statuses = []string{"V", "V2", "R", "D", "TBC"}

// Several rules of one row of the rulebook have a letter behind its id, or whose channels they
// are for.
var ruleID = regexp.MustCompile(`^[A-Z]{2,6}-[0-9]{2,3}([a-z]|[a-z]{4,12})?$`)

func (r *Rule) check(layer string) error {
	switch {
	case !ruleID.MatchString(r.ID):
		return fmt.Errorf("the id is not like TIM-01")
	case !slices.Contains(statuses, r.Status):
		return fmt.Errorf("status %q is not V (verified), V2 (from a secondary source), R (recalled), D (our own design) or TBC (to be confirmed)", r.Status)
	case r.Layer != layer:
		return fmt.Errorf("its layer %s is not the pack's %s", r.Layer, layer)
	case r.Title.Zh == "" || r.Title.En == "":
		return fmt.Errorf("the title is needed in zh and en")
	case len(r.Basis) == 0 && layer != House:
		return fmt.Errorf("it names no article or contract that it rests on")
	case r.From.IsZero():
		return fmt.Errorf("effective_from is missing")
	}
	if err := r.checkMeasure(); err != nil {
		return err
	}
	if err := r.checkKind(); err != nil || r.Kind == KindProduct || r.Kind == KindDuty {
		return err
	}
	return r.checkVerdict()
}

// checkVerdict tells what is wrong with what a rule says of that against which it stands.
func (r *Rule) checkVerdict() error {
	switch {
	case r.Reason.Zh == "" || r.Reason.En == "" || r.Remedy.Zh == "" || r.Remedy.En == "":
		return fmt.Errorf("reason and remedy are needed in zh and en")
	case sms.Lookup(r.Code).Code != r.Code || r.Code == "":
		return fmt.Errorf("code %q is not in the error catalogue", r.Code)
	case r.Outcome == Defer && r.Hours == nil:
		return fmt.Errorf("a defer rule needs hours")
	}
	switch r.Outcome {
	case Block, Hold, Defer, Warn, Report:
	default:
		return fmt.Errorf("outcome %q is not block, hold, defer, warn or report", r.Outcome)
	}
	for _, c := range r.Categories {
		if _, err := sms.ParseCategory(string(c)); err != nil {
			return err
		}
	}
	for c := range r.Carriers {
		if _, err := sms.ParseCarrier(string(c)); err != nil {
			return err
		}
	}
	return r.checkExamples()
}

func (r *Rule) checkExamples() error {
	stands := 0
	for _, e := range r.Examples {
		if e.Stands {
			stands++
		}
	}
	if stands == 0 || stands == len(r.Examples) {
		return fmt.Errorf("it needs an example that passes and one that does not")
	}
	return nil
}

// Applies tells whether a rule concerns a category.
func (r *Rule) Applies(c sms.Category) bool {
	if len(r.Categories) == 0 {
		return true
	}
	for _, x := range r.Categories {
		if x == c {
			return true
		}
	}
	return false
}
