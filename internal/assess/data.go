package assess

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
)

var (
	//go:embed obligations.yaml
	obligationsFile []byte
	//go:embed questionnaire.yaml
	questionnaireFile []byte
	//go:embed arrangements.yaml
	arrangementsFile []byte
)

// Roles are whom an obligation concerns.
var roles = map[string]rulebook.Both{
	registry.Operator: {Zh: "平台运营者", En: "operator"},
	registry.Referral: {Zh: "引荐代理商（无证）", En: "referral agent (no licence)"},
	registry.Licensed: {Zh: "持证转售代理商", En: "licensed reseller"},
	registry.Customer: {Zh: "客户（内容提供者）", En: "customer (content provider)"},
}

// Exposure is what a breach costs. One that no article was read for has none.
type Exposure struct {
	rulebook.Basis `yaml:",inline"`
	rulebook.Both  `yaml:",inline"`
}

// Obligation is one thing that the law, an authority or a carrier asks of a party.
type Obligation struct {
	ID           string           `yaml:"id"`
	Rules        []string         `yaml:"rules"`    // of the rulebook
	Concerns     []string         `yaml:"concerns"` // roles
	Title        rulebook.Both    `yaml:"title"`
	Basis        []rulebook.Basis `yaml:"basis"`
	Status       string           `yaml:"status"`                  // how sure its source is
	Bars         bool             `yaml:"bars,omitempty"`          // the business may not go on without it
	Reaches      []string         `yaml:"reaches,omitempty"`       // up: those above are liable; down: those below stand on it
	Check        string           `yaml:"check"`                   // in Go
	Duties       []string         `yaml:"duties,omitempty"`        // of the rule packs, by which its check decides
	ExpiringDays int              `yaml:"expiring_days,omitempty"` // how long before its end it is told
	LeastDays    int              `yaml:"least_days,omitempty"`    // what its check asks for
	LeadDays     int              `yaml:"lead_days"`               // what putting it right takes: an estimate of ours
	Yearly       string           `yaml:"yearly,omitempty"`        // due each year on 03-31
	Exposure     []Exposure       `yaml:"exposure"`
	Remedy       rulebook.Both    `yaml:"remedy"`
	Who          rulebook.Both    `yaml:"who"`
	Show         rulebook.Both    `yaml:"show"` // what proves it, and to whom
}

// Catalogue is everything that an assessment asks, checked against a rulebook.
type Catalogue struct {
	book         *rulebook.Book
	obligations  []Obligation
	questions    []Question
	modes        []Mode
	arrangements []Arrangement
	fallback     string // the mode that is open to those who can't have the one they want
}

// Load reads the data that the program carries.
func Load(book *rulebook.Book) (*Catalogue, error) {
	return parse(book, obligationsFile, questionnaireFile, arrangementsFile)
}

func parse(book *rulebook.Book, obligations, questionnaire, arrangements []byte) (*Catalogue, error) {
	c := &Catalogue{book: book}
	if err := rulebook.Decode(obligations, &c.obligations); err != nil {
		return nil, fmt.Errorf("read the obligations: %w", err)
	}
	seen := map[string]bool{}
	for i := range c.obligations {
		o := &c.obligations[i]
		if err := c.checkObligation(o); err != nil {
			return nil, fmt.Errorf("obligation %s: %w", o.ID, err)
		}
		if seen[o.ID] {
			return nil, fmt.Errorf("obligation %s stands twice", o.ID)
		}
		seen[o.ID] = true
	}
	if err := c.readQuestionnaire(questionnaire); err != nil {
		return nil, fmt.Errorf("read the questionnaire: %w", err)
	}
	if err := c.readArrangements(arrangements); err != nil {
		return nil, fmt.Errorf("read the arrangements: %w", err)
	}
	return c, nil
}

var (
	idForm   = regexp.MustCompile(`^[a-z][a-z0-9_]{1,39}$`)
	ruleForm = regexp.MustCompile(`^[A-Z]{2,6}-[0-9]{2,3}$`)
)

// mostDays bounds every number of days in the data.
const mostDays = 3650

func (c *Catalogue) checkObligation(o *Obligation) error {
	switch {
	case len(o.Concerns) == 0 || slices.ContainsFunc(o.Concerns, func(r string) bool { return roles[r].En == "" }):
		return fmt.Errorf("concerns %v: name operator, referral, licensed or customer", o.Concerns)
	case checks[o.Check] == nil:
		return fmt.Errorf("no check has the name %q", o.Check)
	case byDuties[o.Check] != (len(o.Duties) > 0):
		return fmt.Errorf("the check %s and duties %v: name duties for a check that decides by them, and only for one", o.Check, o.Duties)
	case slices.ContainsFunc(o.Duties, func(id string) bool { r, _ := c.book.Rule(id); return r.Duty == nil }):
		return fmt.Errorf("duties %v: name rules of the kind duty", o.Duties)
	case slices.ContainsFunc(o.Reaches, func(r string) bool { return r != up && r != down }):
		return fmt.Errorf("reaches %v: name up or down", o.Reaches)
	case len(o.Reaches) > 0 && looksAround[o.Check]:
		return errors.New("its check looks at other parties, so it can't reach them: that would go round in circles")
	case o.Bars && !verified(o.Status):
		return fmt.Errorf("it bars, and its status is %s: what was not verified is no bar", o.Status)
	case min(o.LeadDays, o.ExpiringDays, o.LeastDays) < 0 || max(o.LeadDays, o.ExpiringDays, o.LeastDays) > mostDays:
		return fmt.Errorf("days are 0 to %d", mostDays)
	case len(o.Exposure) == 0:
		return errors.New("it has no exposure")
	}
	if o.Yearly != "" {
		if _, err := time.Parse("01-02", o.Yearly); err != nil {
			return fmt.Errorf("yearly %q is not a day like 03-31", o.Yearly)
		}
	}
	return errors.Join(c.checkSource(o.ID, o.Rules, o.Basis, o.Status), c.checkExposure(o.Exposure),
		both(o.Title, "title"), both(o.Remedy, "remedy"), both(o.Who, "who"), both(o.Show, "show"))
}

// checkSource makes sure that what is said can be found: rules, instruments with their days
// of force, and how sure the source is.
func (c *Catalogue) checkSource(id string, rules []string, basis []rulebook.Basis, status string) error {
	switch {
	case !idForm.MatchString(id):
		return errors.New("its id is not a name like licence_own")
	case len(rules) == 0 || slices.ContainsFunc(rules, func(r string) bool { return !ruleForm.MatchString(r) }):
		return fmt.Errorf("rules %v: name rules like LIC-01", rules)
	case rulebook.Statuses[status].En == "":
		return fmt.Errorf("status %q is none of V, V2, R, D, TBC", status)
	case len(basis) == 0:
		return errors.New("it has no basis")
	}
	return c.checkBasis(basis)
}

func (c *Catalogue) checkBasis(basis []rulebook.Basis) error {
	for _, b := range basis {
		_, known := c.book.Instrument(b.Instrument)
		switch {
		case b.Instrument == "" || b.Article == "":
			return errors.New("a basis needs instrument and article")
		case !known && strings.HasPrefix(b.Instrument, "《"):
			return fmt.Errorf("its basis %s is not among the law pack's instruments", b.Instrument)
		}
	}
	return nil
}

func (c *Catalogue) checkExposure(list []Exposure) error {
	for _, e := range list {
		if err := both(e.Both, "exposure"); err != nil {
			return err
		}
		if e.Basis != (rulebook.Basis{}) {
			if err := c.checkBasis([]rulebook.Basis{e.Basis}); err != nil {
				return err
			}
		}
	}
	return nil
}

func both(b rulebook.Both, key string) error {
	if strings.TrimSpace(b.Zh) == "" || strings.TrimSpace(b.En) == "" {
		return fmt.Errorf("%s lacks zh or en", key)
	}
	return nil
}

// exposed leaves what may be cited at a moment.
func (c *Catalogue) exposed(list []Exposure, at time.Time) []Penalty {
	out := []Penalty{}
	for _, e := range list {
		if len(c.book.InForce([]rulebook.Basis{e.Basis}, at)) > 0 {
			out = append(out, Penalty{e.Basis.String(), e.Both})
		}
	}
	return out
}

// Penalty is what a breach costs, by which article.
type Penalty struct {
	Article string        `json:"article,omitempty"`
	Text    rulebook.Both `json:"text"`
}

// cited names what may be cited at a moment.
func (c *Catalogue) cited(list []rulebook.Basis, at time.Time) []string {
	out := []string{}
	for _, b := range c.book.InForce(list, at) {
		out = append(out, b.String())
	}
	return out
}

// verified tells whether a source was read, if only a secondary one. What is recalled or
// of our own design is never said to be law.
func verified(status string) bool { return status == "V" || status == "V2" }
