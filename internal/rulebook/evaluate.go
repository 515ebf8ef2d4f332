package rulebook

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// against tells whether the condition stands against a message. What can't be computed
// stands against it (P11).
func (c *compiled) against(f *Facts) bool {
	if c.quiet && c.lawful(f) {
		return false
	}
	v, _, err := c.prg.Eval(&activation{f: f, c: c})
	return err != nil || v != types.False
}

// lawful tells whether all facts that the condition reads are as in a lawful message.
func (c *compiled) lawful(f *Facts) bool {
	for _, i := range c.facts {
		if f.vals[i] != f.book.lawful[i] {
			return false
		}
	}
	return true
}

// activation gives a condition its facts and parameters without copying them.
type activation struct {
	f *Facts
	c *compiled
}

func (a *activation) ResolveName(name string) (any, bool) {
	if i, ok := a.f.book.index[name]; ok {
		v := a.f.vals[i]
		return v, v != nil // what is not known can't be computed with
	}
	v, ok := a.c.params[name]
	return v, ok
}

func (a *activation) Parent() cel.Activation { return nil }

// Finding is one rule that stands against a message, or warns.
type Finding struct {
	Rule      string    `json:"rule"`
	Layer     string    `json:"layer"`
	Outcome   string    `json:"outcome"`
	Code      sms.Code  `json:"code"`
	Articles  []string  `json:"articles"`
	Reason    Both      `json:"reason"`
	Remedy    Both      `json:"remedy"`
	Release   time.Time `json:"release,omitzero"`    // of a deferred message
	Reviewers int       `json:"reviewers,omitempty"` // of an object: how many have to confirm it, when not one
	ofCall    bool      // rests on facts of the whole call, which no later decision sees
	Words     []string  `json:"words,omitempty"` // of the lexicons that the rule reads, as those have them: a finding is stored (P7)

	Limit *Limit `json:"limit,omitempty"` // of a frequency rule: which of its limits is reached

	Exceptions []WordException `json:"exceptions,omitempty"` // that the law may make for some of them; a person decides
}

// Limit is a limit of a frequency rule.
type Limit struct {
	Window string        `json:"window"` // the window's name in its pack
	Most   int64         `json:"most"`   // messages that it allows
	Span   time.Duration `json:"-"`
}

// bound is a window that a condition compares with a parameter.
type bound struct {
	window int
	most   int64
}

var bounds = regexp.MustCompile(`count\.([a-z0-9_]+) >= param\.([a-z0-9_]+)`)

// boundsOf finds the bounds of a condition, in its order.
func (b *Book) boundsOf(c *compiled) (out []bound) {
	for _, m := range bounds.FindAllStringSubmatch(c.Against, -1) {
		i := slices.IndexFunc(b.windows, func(w Window) bool { return w.Name == m[1] })
		if most, ok := c.params["param."+m[2]].(int64); ok && i >= 0 {
			out = append(out, bound{i, most})
		}
	}
	return out
}

// limit is the first bound that is reached, nil when the condition has none.
func (c *compiled) limit(f *Facts) *Limit {
	for _, x := range c.bounds {
		if n, _ := f.vals[f.book.counts[x.window]].(int64); n >= x.most {
			w := &f.book.windows[x.window]
			return &Limit{w.Name, x.most, w.Span()}
		}
	}
	return nil
}

// WordException tells a reviewer why a word may be allowed where it stands.
type WordException struct {
	Word string `json:"word"`
	Both
}

// Evaluate runs the rules of one stage at a moment. It returns what stands
// against the message in order of evaluation, and the moment at which this
// answer ends by itself (hours, dates of rules), zero if it does not.
func (b *Book) Evaluate(stage Stage, f *Facts, at time.Time) (findings []Finding, until time.Time) {
	return b.evaluate(f, at, func(c *compiled) bool { return c.stage == stage })
}

// Recount runs the rules that read counts, for the second look: what the others rest on
// stands in the journal, or ends at a known moment.
func (b *Book) Recount(f *Facts, at time.Time) []Finding {
	findings, _ := b.evaluate(f, at, func(c *compiled) bool { return c.counts })
	return findings
}

func (b *Book) evaluate(f *Facts, at time.Time, mine func(*compiled) bool) (findings []Finding, until time.Time) {
	cat := sms.Category(f.vals[Category].(string))
	for _, c := range b.rules {
		if !mine(c) || !c.Applies(cat) {
			continue
		}
		from, bound := c.from(f)
		if !bound {
			continue
		}
		if at.Before(from) {
			until = earliest(until, from)
			continue
		}
		if !c.To.IsZero() {
			if !at.Before(c.To.Time) {
				continue
			}
			until = earliest(until, c.To.Time)
		}
		if c.reads[factTable[TimeWorkday].Name] {
			until = earliest(until, c.dayAt(at, 24*60))
		}
		if c.against(f) {
			finding := c.finding(f, at)
			finding.Articles = b.articles(&c.Rule, at)
			b.tellWords(&finding, c, f)
			findings = append(findings, finding)
		} else if c.Hours != nil {
			_, closes := c.hours(f)
			until = earliest(until, c.dayAt(at, closes))
		}
	}
	return findings, until
}

// from is the moment from which the rule holds for a channel's carrier; bound is false when it
// never does, nor for its vendor.
func (c *compiled) from(f *Facts) (at time.Time, bound bool) {
	if c.Vendor != "" && f.vals[ChannelVendor] != any(c.Vendor) {
		return at, false
	}
	if len(c.Carriers) == 0 {
		return c.From.Time, true
	}
	d, bound := c.Carriers[sms.Carrier(f.vals[ChannelCarrier].(string))]
	if d.Before(c.From.Time) {
		d = c.From
	}
	return d.Time, bound
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// tellWords names the words that a rule stands on, and what may excuse them.
func (b *Book) tellWords(finding *Finding, c *compiled, f *Facts) {
	for i := range f.hits {
		h := &f.hits[i]
		if !c.reads[lexPrefix+h.List] && !(h.Disguised && c.reads[factTable[TextDisguised].Name]) &&
			!(c.reads[factTable[ChannelIndustries].Name] && f.refuses(h)) && !(c.reads[factTable[PermitMissing].Name] && f.lacksPermit(h)) {
			continue
		}
		if !slices.Contains(finding.Words, h.Word) {
			finding.Words = append(finding.Words, h.Word)
		}
		if h.Exception > 0 && c.reads[lexPrefix+h.List] {
			finding.Exceptions = append(finding.Exceptions, WordException{h.Word, b.lexicons[h.List].Exceptions[h.Exception-1].Title})
		}
	}
}

func (c *compiled) finding(f *Facts, at time.Time) Finding {
	found := Finding{Rule: c.ID, Layer: c.Layer, Outcome: c.Outcome, Code: c.Code, Reason: c.fill(c.Reason), Remedy: c.fill(c.Remedy), Reviewers: c.Reviewers, ofCall: c.ofCall(), Limit: c.limit(f)}
	if c.Outcome == Defer {
		found.Release = c.opens(f, at)
	}
	// A verification code that waits is worthless (P11): it is refused at once.
	if sms.Category(f.vals[Category].(string)) == sms.OTP && (c.Outcome == Hold || c.Outcome == Defer) {
		found.Outcome, found.Release = Block, time.Time{}
	}
	return found
}

func (c *compiled) ofCall() bool {
	return c.reads[factTable[CallNumbers].Name] || c.reads[factTable[CallConsecutive].Name]
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
// message now: block, then hold, then defer; nil when nothing does. Of those that defer it
// is the one that does so longest: before its release the others help nothing.
func Refusing(findings []Finding) *Finding {
	var first *Finding
	for i := range findings {
		f := &findings[i]
		if strength(f.Outcome) == 0 {
			continue
		}
		if first == nil || strength(f.Outcome) > strength(first.Outcome) || f.Outcome == Defer && first.Outcome == Defer && f.Release.After(first.Release) {
			first = f
		}
	}
	return first
}

// OfCall is what holds a message because of the call that it came by, or nil.
func OfCall(findings []Finding) *Finding {
	for i := range findings {
		if f := &findings[i]; f.ofCall && f.Outcome == Hold {
			return f
		}
	}
	return nil
}

// strength orders the outcomes that stop a message.
func strength(outcome string) int {
	switch outcome {
	case Block:
		return 3
	case Hold:
		return 2
	case Defer:
		return 1
	}
	return 0
}

// Better tells whether what refuses one channel stops a message less than what refuses
// another: it is what a sender is told when all are refused.
func Better(a, b []Finding) bool {
	x, y := Refusing(a), Refusing(b)
	switch {
	case strength(x.Outcome) != strength(y.Outcome):
		return strength(x.Outcome) < strength(y.Outcome)
	case x.Outcome == Defer && !x.Release.Equal(y.Release):
		return x.Release.Before(y.Release)
	}
	return len(a) < len(b)
}
