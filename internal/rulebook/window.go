package rulebook

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Window is a span over which recipient events are counted: rolling, from the moment of
// sending back, or the minute or hour of the clock that runs (FRQ-06).
type Window struct {
	Name     string       `yaml:"name"`
	Category sms.Category `yaml:"category,omitempty"` // "" counts every category
	Scope    string       `yaml:"scope"`              // one of Scopes
	Length   Duration     `yaml:"length,omitempty"`
	Clock    string       `yaml:"clock,omitempty"` // minute or hour, in place of length
}

// Whose messages to the number a window counts.
const (
	ScopePlatform  = "platform"  // everybody's
	ScopeGroup     = "group"     // the content provider group's
	ScopeSignature = "signature" // those with the same signature
	ScopeTemplate  = "template"  // and of the same template
	ScopeContent   = "content"   // those of the same text, signature included
)

var scopes = []string{ScopePlatform, ScopeGroup, ScopeSignature, ScopeTemplate, ScopeContent}

// clocks are the spans that count by the clock. No day is among them: a day is 24 hours from
// the moment of sending.
var clocks = map[string]time.Duration{"minute": time.Minute, "hour": time.Hour}

// Span is the longest that an event stays in the window.
func (w *Window) Span() time.Duration {
	if w.Clock != "" {
		return clocks[w.Clock]
	}
	return time.Duration(w.Length)
}

// After is the moment, in epoch milliseconds, after which an event counts at a moment.
func (w *Window) After(at time.Time) int64 {
	if w.Clock != "" { // zones of whole hours share their minutes and hours
		return at.Truncate(w.Span()).UnixMilli() - 1
	}
	return at.UnixMilli() - w.Span().Milliseconds()
}

func (w *Window) check() error {
	switch {
	case !slices.Contains(scopes, w.Scope):
		return fmt.Errorf("window %s: scope %q is none of %v", w.Name, w.Scope, scopes)
	case w.Clock != "" && clocks[w.Clock] == 0:
		return fmt.Errorf("window %s: clock %q is not minute or hour; a day is rolling, length: 24h", w.Name, w.Clock)
	case (w.Clock == "") == (w.Length <= 0):
		return fmt.Errorf("window %s: it has either a length or a clock", w.Name)
	}
	return nil
}

func (w *Window) String() string {
	if w.Clock != "" {
		return fmt.Sprintf("%s (%s, %s, %s of the clock)", w.Name, w.Category, w.Scope, w.Clock)
	}
	return fmt.Sprintf("%s (%s, %s, %s)", w.Name, w.Category, w.Scope, time.Duration(w.Length))
}

// countPrefix begins the names of facts that count recipient events.
const countPrefix = "count."

// besideCounts are the facts beside which a count may stand: the second look, which counts again,
// knows no others.
var besideCounts = []string{factTable[Category].Name, factTable[ConsentPerWeek].Name}

// checkMoments refuses a condition on facts that are never known at one moment. Those of the
// channels are judged once for all recipients, before any recipient's are read; counts are
// taken again at the second look, where nothing else is read again.
func (b *Book) checkMoments(c *compiled) error {
	of := map[Stage]string{}
	for _, name := range slices.Sorted(maps.Keys(c.reads)) {
		of[b.stages[b.index[name]]] = name
	}
	person, channel := of[StageRecipient], of[StageChannel]
	if channel == "" && len(c.Carriers) > 0 {
		channel = "carriers"
	}
	if person != "" && channel != "" {
		return fmt.Errorf("it reads %s, of the recipient, and %s, of the channel, which are not judged together: make two rules of it", person, channel)
	}
	if !c.counts {
		return nil
	}
	for name := range c.reads {
		if !strings.HasPrefix(name, countPrefix) && !slices.Contains(besideCounts, name) {
			return fmt.Errorf("it reads %s beside a count, which is taken again when the message leaves; then only counts, %s are known: make two rules of it", name, strings.Join(besideCounts, " and "))
		}
	}
	return nil
}

func (b *Book) addWindow(w Window) error {
	if err := w.check(); err != nil {
		return err
	}
	name := countPrefix + w.Name
	if _, ok := b.index[name]; ok || w.Name == "" {
		return fmt.Errorf("window %q has no name, or its name is taken", w.Name)
	}
	b.counts = append(b.counts, b.addFact(name, StageRecipient))
	b.windows = append(b.windows, w)
	return nil
}

// findCounted notes which windows the rules of each category read.
func (b *Book) findCounted() {
	b.counted = map[sms.Category][]int{}
	for _, cat := range sms.Categories() {
		for i := range b.windows {
			name := countPrefix + b.windows[i].Name
			if slices.ContainsFunc(b.rules, func(c *compiled) bool { return c.reads[name] && c.Applies(cat) }) {
				b.counted[cat] = append(b.counted[cat], i)
			}
		}
	}
}

// Windows lists the windows of recipient events in the order of Facts.Count.
func (b *Book) Windows() []Window { return b.windows }

// Counted lists the windows, by their place among Windows, that rules read for messages of a
// category: the others need no counting.
func (b *Book) Counted(c sms.Category) []int { return b.counted[c] }

// Longest is the longest window of any pack: how long events are kept.
func (b *Book) Longest() time.Duration {
	var d time.Duration
	for i := range b.windows {
		d = max(d, b.windows[i].Span())
	}
	return d
}
