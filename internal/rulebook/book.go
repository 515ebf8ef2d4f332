// Package rulebook holds the law as data: packs of rules in YAML whose
// conditions are CEL over typed facts, compiled once and evaluated for every
// message. It is pure: the moment comes in as a value, and the same facts and
// packs always give the same verdict.
//
// All rules are evaluated; the one named first follows the order of evaluation
// (rulebook 7.2). A house pack can only make the law stricter.
package rulebook

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/sms"
)

//go:embed packs/*.yaml
var builtin embed.FS

// Builtin returns the packs that the program carries.
func Builtin() ([][]byte, error) {
	names, err := fs.Glob(builtin, "packs/*.yaml")
	if err != nil {
		return nil, err
	}
	out := make([][]byte, 0, len(names))
	for _, n := range names {
		b, err := builtin.ReadFile(n)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// Replace puts a pack in the place of the one of the same name, or behind the others.
func Replace(packs [][]byte, by []byte) ([][]byte, error) {
	next, err := Parse(by)
	if err != nil {
		return nil, err
	}
	out := append([][]byte(nil), packs...)
	for i, raw := range packs {
		p, err := Parse(raw)
		if err != nil {
			return nil, err
		}
		if p.Name == next.Name {
			out[i] = by
			return out, nil
		}
	}
	return append(out, by), nil
}

// Book is a set of compiled packs. It never changes and is safe for concurrent use.
type Book struct {
	versions string
	windows  []Window
	counts   []int // where the count of each window stands among the facts
	lists    []lexicon.List
	words    *lexicon.Words
	names    *lexicon.Words // what signatures are searched for

	optOut, optOutForms OptOutWords // as written, and folded
	instruments         map[string]*Instrument
	calendar            *Calendar

	rules     []*compiled // of messages, in order of evaluation
	objects   map[string]*object
	duties    map[string]*object // by the event that they arise from
	products  []*compiled
	textRules map[string]bool // that read nothing but a text and its category
	index     map[string]int
	stages    []Stage
	lawful    []any
}

type compiled struct {
	Rule
	stage  Stage
	reads  map[string]bool
	params map[string]any
	prg    cel.Program
}

// order is the order of evaluation of rulebook 7.2 by the prefix of a rule's id;
// recipients' rules come before those of the carrier's filing (SIG-08).
var order = []string{"LIC", "PORT", "RN", "SIG", "TPL", "CNT", "FRD", "BIL", "CAT", "AD", "CNS", "OPT", "TIM", "FRQ"}

func rank(id string) int {
	if id == "SIG-08" {
		return len(order)
	}
	prefix, _, _ := strings.Cut(id, "-")
	for i, p := range order {
		if p == prefix {
			return i
		}
	}
	return len(order) + 1
}

// before tells which of two rules is evaluated, and told, first.
func before(a, b string) bool {
	if x, y := rank(a), rank(b); x != y {
		return x < y
	}
	return a < b
}

// Load compiles packs. House packs come last; they may add rules and move
// parameters in the stricter direction, nothing else.
func Load(packs ...[]byte) (*Book, error) {
	b := &Book{
		index: map[string]int{}, instruments: map[string]*Instrument{}, objects: map[string]*object{}, duties: map[string]*object{}, textRules: map[string]bool{},
		calendar: &Calendar{years: map[int]*Year{}, days: map[civil]bool{}},
	}
	for i, f := range factTable {
		b.index[f.Name] = i
		b.stages = append(b.stages, f.Stage)
		b.lawful = append(b.lawful, f.Lawful)
	}
	var rules []Rule
	var names []lexicon.List
	var versions []string
	seen := map[string]bool{}
	for _, raw := range packs {
		p, err := Parse(raw)
		if err != nil {
			return nil, err
		}
		versions = append(versions, p.Name+"@"+p.Version)
		for _, w := range p.Windows {
			if err := b.addWindow(w); err != nil {
				return nil, fmt.Errorf("pack %s: %w", p.Name, err)
			}
		}
		for i := range p.Instruments {
			if err := b.addInstrument(&p.Instruments[i]); err != nil {
				return nil, fmt.Errorf("pack %s: %w", p.Name, err)
			}
		}
		for i := range p.Calendar {
			if err := b.calendar.add(&p.Calendar[i]); err != nil {
				return nil, fmt.Errorf("pack %s: %w", p.Name, err)
			}
		}
		for _, l := range p.Lexicon {
			list := lexicon.List{Name: l.Name, Words: l.Words, Harmless: l.Harmless}
			if l.For == ObjectSignature {
				names = append(names, list)
				continue
			}
			if err := b.addLexicon(&l); err != nil {
				return nil, fmt.Errorf("pack %s: %w", p.Name, err)
			}
			b.lists = append(b.lists, list)
		}
		b.optOut.Whole = append(b.optOut.Whole, p.OptOut.Whole...)
		b.optOut.Prefix = append(b.optOut.Prefix, p.OptOut.Prefix...)
		b.optOut.Contains = append(b.optOut.Contains, p.OptOut.Contains...)
		for _, r := range p.Rules {
			if seen[r.ID] {
				return nil, fmt.Errorf("pack %s: rule %s stands in another pack already", p.Name, r.ID)
			}
			seen[r.ID] = true
			rules = append(rules, r)
		}
		if rules, err = adjust(rules, p); err != nil {
			return nil, err
		}
	}
	b.versions = strings.Join(versions, ",")
	b.optOutForms = b.optOut.forms()
	var err error
	if b.words, err = lexicon.NewWords(b.lists); err != nil {
		return nil, err
	}
	if b.names, err = lexicon.NewWords(names); err != nil {
		return nil, err
	}
	env, err := b.environment()
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		if err := b.add(env, r); err != nil {
			return nil, fmt.Errorf("rule %s: %w", r.ID, err)
		}
	}
	sortRules(b.rules)
	return b, nil
}

// add compiles a rule for what it decides about.
func (b *Book) add(env *cel.Env, r Rule) error {
	if err := b.checkForce(&r); err != nil {
		return err
	}
	switch r.Kind {
	case KindObject:
		return b.addObjectRule(r)
	case KindDuty:
		return b.addDuty(r)
	case KindProduct:
		b.products = append(b.products, &compiled{Rule: r})
		return nil
	}
	c, err := b.compile(env, b.factNames(), r)
	if err != nil {
		return err
	}
	b.rules = append(b.rules, c)
	b.textRules[r.ID] = c.stage == StageShared && !slices.ContainsFunc(slices.Collect(maps.Keys(c.reads)), func(name string) bool { return !ofText(name) })
	return nil
}

// ofText tells whether a text and its category alone give a fact.
func ofText(name string) bool {
	prefix, _, _ := strings.Cut(name, ".")
	return slices.Contains([]string{"category", "text", "lex", "units"}, prefix) ||
		name == factTable[SignatureBrackets].Name || name == factTable[ReviewApproved].Name
}

func (b *Book) addWindow(w Window) error {
	if w.Scope != "platform" && w.Scope != "group" && w.Scope != "signature" {
		return fmt.Errorf("window %s: scope %q is not platform, group or signature", w.Name, w.Scope)
	}
	name := "count." + w.Name
	if _, ok := b.index[name]; ok || w.Name == "" || w.Length <= 0 {
		return fmt.Errorf("window %q has no length, or its name is taken", w.Name)
	}
	b.counts = append(b.counts, b.addFact(name, StageRecipient))
	b.windows = append(b.windows, w)
	return nil
}

func (b *Book) addLexicon(l *Lexicon) error {
	name := lexPrefix + l.Name
	switch _, taken := b.index[name]; {
	case taken || !lexiconName.MatchString(l.Name):
		return fmt.Errorf("lexicon %q: its name is taken, or is not of small letters, digits and _", l.Name)
	case l.Source == "" || len(l.Words) == 0:
		return fmt.Errorf("lexicon %s: it needs words, and a source that says where they come from", l.Name)
	}
	b.addFact(name, StageShared)
	return nil
}

// addFact adds a number that a pack brings, 0 in a lawful message.
func (b *Book) addFact(name string, stage Stage) int {
	i := len(b.lawful)
	b.index[name] = i
	b.lawful = append(b.lawful, int64(0))
	b.stages = append(b.stages, stage)
	return i
}

// lexPrefix begins the names of facts that count words.
const lexPrefix = "lex."

var lexiconName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// Words lists the words of the packs' lexicons that a text holds. folded is its folded form.
func (b *Book) Words(text, folded string) []lexicon.Hit { return b.words.Find(text, folded) }

func adjust(rules []Rule, p *Pack) ([]Rule, error) {
	out := append([]Rule(nil), rules...)
	for _, a := range p.Adjust {
		found := false
		for i := range out {
			if out[i].ID != a.Rule {
				continue
			}
			v, ok := out[i].Params[a.Param]
			if !ok {
				break
			}
			found = true
			stricter := v.Stricter == "lower" && a.Value <= v.Value || v.Stricter == "higher" && a.Value >= v.Value
			if !stricter {
				return nil, fmt.Errorf("pack %s: %s.%s is %d %s and may only become stricter (%s), not %d",
					p.Name, a.Rule, a.Param, v.Value, v.Unit, map[string]string{"lower": "lower", "higher": "higher", "": "it is fixed"}[v.Stricter], a.Value)
			}
			params := map[string]Param{}
			for k, x := range out[i].Params {
				params[k] = x
			}
			v.Value = a.Value
			params[a.Param] = v
			out[i].Params = params
		}
		if !found {
			return nil, fmt.Errorf("pack %s: there is no parameter %s of rule %s", p.Name, a.Param, a.Rule)
		}
	}
	return out, nil
}

func (b *Book) environment() (*cel.Env, error) {
	var opts []cel.EnvOption
	for name, i := range b.index {
		opts = append(opts, cel.Variable(name, celType(b.lawful[i])))
	}
	env, err := cel.NewEnv(opts...)
	if err != nil {
		return nil, fmt.Errorf("build the language of conditions: %w", err)
	}
	return env, nil
}

// costLimit bounds what one condition may compute; no condition of ours comes near.
const costLimit = 10_000

// compile makes a rule's condition; facts are the names that it may read, for the error.
func (b *Book) compile(env *cel.Env, facts []string, r Rule) (*compiled, error) {
	c := &compiled{Rule: r, reads: map[string]bool{}, params: map[string]any{}}
	var opts []cel.EnvOption
	for name, p := range r.Params {
		c.params["param."+name] = p.Value
		opts = append(opts, cel.Variable("param."+name, cel.IntType))
	}
	if len(opts) > 0 {
		var err error
		if env, err = env.Extend(opts...); err != nil {
			return nil, err
		}
	}
	ast, issues := env.Compile(r.Against)
	if issues.Err() != nil {
		return nil, fmt.Errorf("condition: %w (the facts are %s)", issues.Err(), strings.Join(facts, ", "))
	}
	if ast.OutputType() != cel.BoolType {
		return nil, fmt.Errorf("condition: it gives %s, not true or false", ast.OutputType())
	}
	for _, ref := range ast.NativeRep().ReferenceMap() {
		if i, ok := b.index[ref.Name]; ok {
			c.reads[ref.Name] = true
			c.stage = max(c.stage, b.stages[i])
		}
	}
	if r.Hours != nil {
		for _, name := range []string{r.Hours.Open, r.Hours.Close} {
			if _, ok := r.Params[name]; !ok {
				return nil, fmt.Errorf("hours: there is no parameter %q", name)
			}
		}
	}
	prg, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(costLimit))
	if err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	c.prg = prg
	return c, nil
}

// activation gives a condition its facts and parameters without copying them.
type activation struct {
	f *Facts
	c *compiled
}

func (a *activation) ResolveName(name string) (any, bool) {
	if i, ok := a.f.book.index[name]; ok {
		return a.f.vals[i], true
	}
	v, ok := a.c.params[name]
	return v, ok
}

func (a *activation) Parent() cel.Activation { return nil }

// Finding is one rule that stands against a message, or warns.
type Finding struct {
	Rule     string    `json:"rule"`
	Layer    string    `json:"layer"`
	Outcome  string    `json:"outcome"`
	Code     sms.Code  `json:"code"`
	Articles []string  `json:"articles"`
	Reason   Both      `json:"reason"`
	Remedy   Both      `json:"remedy"`
	Release  time.Time `json:"release,omitzero"` // of a deferred message
	Words    []string  `json:"words,omitempty"`  // of the lexicons that the rule reads, and the text holds
}

// Evaluate runs the rules of one stage at a moment. It returns what stands
// against the message in order of evaluation, and the moment at which this
// answer ends by itself (hours, dates of rules), zero if it does not.
func (b *Book) Evaluate(stage Stage, f *Facts, at time.Time) (findings []Finding, until time.Time) {
	cat := sms.Category(f.vals[Category].(string))
	act := activation{f: f}
	for _, c := range b.rules {
		if c.stage != stage || !c.applies(cat) {
			continue
		}
		if at.Before(c.From.Time) {
			until = earliest(until, c.From.Time)
			continue
		}
		if !c.To.IsZero() {
			if !at.Before(c.To.Time) {
				continue
			}
			until = earliest(until, c.To.Time)
		}
		act.c = c
		v, _, err := c.prg.Eval(&act)
		stands := err != nil || v != types.False // what can't be computed stands against it (P11)
		if stands {
			finding := c.finding(cat, at)
			finding.Articles, finding.Words = b.articles(&c.Rule, at), c.wordsOf(f.hits)
			findings = append(findings, finding)
		} else if c.Hours != nil {
			until = earliest(until, c.dayAt(at, c.Params[c.Hours.Close].Value))
		}
	}
	return findings, until
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func (c *compiled) dayAt(at time.Time, minute int64) time.Time {
	y, m, d := at.In(Shanghai).Date()
	return time.Date(y, m, d, 0, int(minute), 0, 0, Shanghai)
}

// wordsOf lists the words that a rule stands on.
func (c *compiled) wordsOf(hits []lexicon.Hit) []string {
	var out []string
	for _, h := range hits {
		if c.reads[lexPrefix+h.List] || h.Disguised && c.reads[factTable[TextDisguised].Name] {
			out = append(out, h.Word)
		}
	}
	return out
}

func (c *compiled) finding(cat sms.Category, at time.Time) Finding {
	f := Finding{Rule: c.ID, Layer: c.Layer, Outcome: c.Outcome, Code: c.Code, Reason: c.fill(c.Reason), Remedy: c.fill(c.Remedy)}
	if c.Outcome == Defer {
		f.Release = c.dayAt(at, c.Params[c.Hours.Open].Value)
		if !f.Release.After(at) {
			f.Release = f.Release.AddDate(0, 0, 1)
		}
	}
	// A verification code that waits is worthless (P11): it is refused at once.
	if cat == sms.OTP && (c.Outcome == Hold || c.Outcome == Defer) {
		f.Outcome, f.Release = Block, time.Time{}
	}
	return f
}

// fill puts parameters into {name}; those in minutes of the day read 08:00.
func (c *compiled) fill(t Both) Both {
	for name, p := range c.Params {
		v := fmt.Sprint(p.Value)
		if p.Unit == "minute of the day" {
			v = fmt.Sprintf("%02d:%02d", p.Value/60, p.Value%60)
		}
		t.Zh = strings.ReplaceAll(t.Zh, "{"+name+"}", v)
		t.En = strings.ReplaceAll(t.En, "{"+name+"}", v)
	}
	return t
}

// Refusing returns the first finding of the strongest outcome that stops the
// message now: block, then hold, then defer; nil when nothing does.
func Refusing(findings []Finding) *Finding {
	for _, outcome := range []string{Block, Hold, Defer} {
		for i := range findings {
			if findings[i].Outcome == outcome {
				return &findings[i]
			}
		}
	}
	return nil
}

// Versions names the packs: law@2026.11,channel@….
func (b *Book) Versions() string { return b.versions }

// Windows lists the windows of recipient events in the order of Facts.Count.
func (b *Book) Windows() []Window { return b.windows }

// Longest is the longest window of any pack: how long events are kept.
func (b *Book) Longest() time.Duration {
	var d time.Duration
	for _, w := range b.windows {
		d = max(d, time.Duration(w.Length))
	}
	return d
}

// Rules lists the rules in order of evaluation, and then those that decide about no message.
func (b *Book) Rules() []Rule {
	var out []Rule
	for _, c := range slices.Concat(b.rules, b.others()) {
		out = append(out, c.Rule)
	}
	return out
}

// Sort puts findings of several stages into the order of evaluation.
func (b *Book) Sort(findings []Finding) {
	sort.SliceStable(findings, func(i, j int) bool { return before(findings[i].Rule, findings[j].Rule) })
}
