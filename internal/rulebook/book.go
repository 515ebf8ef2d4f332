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
	"regexp"
	"slices"
	"sort"
	"strings"

	"cel.dev/cel-go/cel"

	"github.com/zhunxin/zhunxin/internal/classify"
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
	versions  string
	windows   []Window
	counts    []int // where the count of each window stands among the facts
	lexicons  map[string]*Lexicon
	counted   map[sms.Category][]int
	permits   Trades // that need a permit
	lists     []lexicon.List
	words     *lexicon.Words
	names     *lexicon.Words // what signatures are searched for
	sensitive *lexicon.Words // what wordings with variables are, by classes of sensitive personal information
	model     *classify.Model

	optOut, optOutForms OptOutWords // as written, and folded
	optIn, optInForms   []string
	instruments         map[string]*Instrument
	calendar            *Calendar

	rules     []*compiled // of messages, in order of evaluation
	objects   map[string]*object
	duties    map[string]*object // by the event that they arise from
	products  []*compiled
	textRules map[string]bool // that read nothing but a text and its category
	nameRules map[string]bool // that read nothing but a signature
	index     map[string]int
	named     []named // the same in order
	stages    []Stage
	lawful    []any
}

type compiled struct {
	Rule
	stage  Stage
	counts bool // it reads counts of recipient events
	reads  map[string]bool
	params map[string]any
	prg    cel.Program
	// A condition is a function of the facts that it reads: while they are all as in a
	// lawful message, against which it does not stand, it needs no evaluation.
	facts  []int // where those facts stand
	bounds []bound
	quiet  bool // it does not stand against the lawful message
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
		index: map[string]int{}, instruments: map[string]*Instrument{}, lexicons: map[string]*Lexicon{}, permits: Trades{}, objects: map[string]*object{}, duties: map[string]*object{},
		textRules: map[string]bool{}, nameRules: map[string]bool{}, calendar: &Calendar{years: map[int]*Year{}, days: map[civil]bool{}},
	}
	for i, f := range factTable {
		b.index[f.Name] = i
		b.stages = append(b.stages, f.Stage)
		b.lawful = append(b.lawful, f.Lawful)
	}
	var rules []Rule
	var names, sensitive []lexicon.List
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
		for i := range p.Lexicon {
			l := &p.Lexicon[i]
			l.pack = p.Name + "@" + p.Version
			switch l.For {
			case ObjectSignature:
				names = append(names, lexicon.List{Name: l.Name, Words: l.Words, Harmless: l.Harmless})
				continue
			case ObjectTemplate:
				sensitive = append(sensitive, lexicon.List{Name: l.Name, Words: l.Words, Harmless: l.Harmless})
				continue
			}
			if err := b.addLexicon(l); err != nil {
				return nil, fmt.Errorf("pack %s: %w", p.Name, err)
			}
		}
		b.optOut.Whole = append(b.optOut.Whole, p.OptOut.Whole...)
		b.optOut.Prefix = append(b.optOut.Prefix, p.OptOut.Prefix...)
		b.optOut.Contains = append(b.optOut.Contains, p.OptOut.Contains...)
		b.optIn = append(b.optIn, p.OptIn...)
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
	b.optInForms = (&OptOutWords{Whole: b.optIn}).forms().Whole
	for i, w := range b.optIn {
		if _, confirms := b.OptIn(w); !confirms || b.optInForms[i] == "" {
			return nil, fmt.Errorf("opt_in: %q is a reply that refuses, or says nothing", w)
		}
	}
	var err error
	if b.words, err = lexicon.NewWords(b.lists); err != nil {
		return nil, err
	}
	if b.names, err = lexicon.NewWords(names); err != nil {
		return nil, err
	}
	if b.sensitive, err = lexicon.NewWords(sensitive); err != nil {
		return nil, err
	}
	if b.model, err = classify.Builtin(); err != nil {
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
	b.findCounted()
	b.named = b.byName()
	return b, nil
}

// add compiles a rule for what it decides about.
func (b *Book) add(env *cel.Env, r Rule) error {
	if err := b.checkForce(&r); err != nil {
		return err
	}
	switch r.Kind {
	case KindObject, KindCampaign:
		return b.addObjectRule(r)
	case KindDuty:
		return b.addDuty(r)
	case KindProduct:
		b.products = append(b.products, &compiled{Rule: r})
		return nil
	}
	c, err := b.compile(env, b.factNames(), r)
	if err == nil {
		err = b.checkMoments(c)
	}
	if err != nil {
		return err
	}
	b.rules = append(b.rules, c)
	all := func(of func(string) bool) bool {
		for name := range c.reads {
			if !of(name) {
				return false
			}
		}
		return len(c.reads) > 0
	}
	b.textRules[r.ID] = c.stage == StageShared && all(ofText)
	b.nameRules[r.ID] = all(func(name string) bool { return name == factTable[SignaturePoses].Name })
	return nil
}

// ofText tells whether a text and its category alone give a fact.
func ofText(name string) bool {
	prefix, _, _ := strings.Cut(name, ".")
	return slices.Contains([]string{"category", "text", "lex", "units"}, prefix) ||
		name == factTable[SignatureBrackets].Name || name == factTable[ReviewApproved].Name
}

func (b *Book) addLexicon(l *Lexicon) error {
	name := lexPrefix + l.Name
	switch _, taken := b.index[name]; {
	case taken || !lexiconName.MatchString(l.Name):
		return fmt.Errorf("lexicon %q: its name is taken, or is not of small letters, digits and _", l.Name)
	case l.Source == "" || len(l.Words) == 0:
		return fmt.Errorf("lexicon %s: it needs words, and a source that says where they come from", l.Name)
	}
	if l.Permit != (Both{}) {
		if l.Industry == "" || l.Permit.Zh == "" || l.Permit.En == "" {
			return fmt.Errorf("lexicon %s: a permit is of an industry and named in zh and en", l.Name)
		}
		b.permits[l.Industry] = l.Permit
	}
	list := lexicon.List{Name: l.Name, Words: l.Words, Harmless: l.Harmless, Spellings: l.Spellings, With: l.With}
	for _, x := range l.Exceptions {
		re, err := regexp.Compile(x.Pattern)
		if err != nil {
			return fmt.Errorf("lexicon %s: exception: %w", l.Name, err)
		}
		if x.Title.Zh == "" || x.Title.En == "" {
			return fmt.Errorf("lexicon %s: the exception %q needs a title in zh and en", l.Name, x.Pattern)
		}
		list.Exceptions = append(list.Exceptions, re)
	}
	b.lists = append(b.lists, list)
	b.lexicons[l.Name] = l
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

// Promotion is how much a text reads like marketing, 0 to 100 in steps of 10.
func (b *Book) Promotion(folded string) int {
	s := b.model.Score(folded)
	return s.Promotion()
}

// SignatureWords lists those that a signature holds, of the lexicons for which it is searched.
func (b *Book) SignatureWords(signature string) []lexicon.Hit {
	return slices.DeleteFunc(b.words.Find(signature, lexicon.Fold(signature)), func(h lexicon.Hit) bool { return !b.lexicons[h.List].Signature })
}

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
			if !c.reads[ref.Name] {
				c.facts = append(c.facts, i)
			}
			c.reads[ref.Name] = true
			c.stage = max(c.stage, b.stages[i])
			c.counts = c.counts || strings.HasPrefix(ref.Name, countPrefix)
		}
	}
	if len(r.Carriers) > 0 || r.Vendor != "" {
		c.stage = StageChannel
	}
	if err := b.checkHours(c); err != nil {
		return nil, err
	}
	prg, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(costLimit))
	if err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	c.prg, c.bounds = prg, b.boundsOf(c)
	c.quiet = !c.against(b.NewFacts())
	return c, nil
}

// Versions names the packs: law@2026.11,channel@….
func (b *Book) Versions() string { return b.versions }

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
