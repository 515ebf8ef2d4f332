// Package replay decides past decisions again under a draft of the rulebook, from the
// facts that were stored with them, at their own moments.
//
// Facts that all recipients shared and those of the channels are stored; those of the
// recipients (consent, refusals, frequency) are not. Rules that read these are not
// guessed: one that stood first stays, as long as the draft has it unchanged, and one that
// the draft brings or changes is named as not replayed. So is a rule that reads a fact
// which the decision did not know yet.
package replay

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Replayer decides again under a draft. It never changes and is safe for concurrent use.
type Replayer struct {
	draft   *rulebook.Book
	inForce string                             // versions of the packs that the draft is compared with
	stages  map[string]rulebook.Stage          // of the draft's rules
	facts   map[string]string                  // names of the draft's facts
	own     map[rulebook.Stage][]string        // names of the facts of a stage
	readers map[string][]string                // the draft's rules that read a fact
	unlike  map[rulebook.Stage][]rulebook.Rule // that the book in force lacks or has otherwise
	another map[string]bool                    // their ids
	alike   map[string]string                  // facts of lexicons that both have, by the pack in force
}

// New compares a draft with the book in force.
func New(draft, inForce *rulebook.Book) *Replayer {
	r := &Replayer{
		draft: draft, inForce: inForce.Versions(), alike: draft.Alike(inForce), stages: map[string]rulebook.Stage{}, facts: map[string]string{},
		own: map[rulebook.Stage][]string{}, readers: map[string][]string{}, unlike: map[rulebook.Stage][]rulebook.Rule{}, another: map[string]bool{},
	}
	for _, stage := range []rulebook.Stage{rulebook.StageShared, rulebook.StageRecipient, rulebook.StageChannel} {
		r.own[stage] = draft.FactsOf(stage)
		for _, name := range r.own[stage] {
			r.facts[name], r.readers[name] = name, draft.Reading([]string{name})
		}
	}
	rules := draft.Rules()
	for i := range rules {
		if stage, ok := draft.StageOf(rules[i].ID); ok {
			r.stages[rules[i].ID] = stage
		}
	}
	for _, stage := range []rulebook.Stage{rulebook.StageRecipient, rulebook.StageChannel} {
		unlike := draft.Unlike(inForce, stage)
		for i := range rules {
			if slices.Contains(unlike, rules[i].ID) {
				r.unlike[stage], r.another[rules[i].ID] = append(r.unlike[stage], rules[i]), true
			}
		}
	}
	return r
}

// verdict is what stops a message: its outcome and the first rule, or permit and "".
type verdict struct{ outcome, rule string }

func (v verdict) String() string {
	if v.rule == "" {
		return v.outcome
	}
	return v.outcome + " by " + v.rule
}

// past is what the draft makes of decisions that rested on the same facts, while no rule
// begins or ends between them.
type past struct {
	*Replayer
	at       time.Time
	until    time.Time                          // zero is never
	shared   []rulebook.Finding                 // of the draft
	channels map[sms.Carrier][]rulebook.Finding // of the draft, where no candidate is left
	kept     bool                               // whether the channels' facts are
	lacks    map[string]Reason
	ignored  []string // facts that the draft does not know
}

// Session decides decisions again in their order. It is used by one goroutine.
type Session struct {
	*Replayer
	seen  map[string]*past // by packs and facts
	key   []byte
	needs map[string]*needs // by packs
	has   map[string]bool   // names of the facts of what is read just now
}

// needs are the names of the facts that a decision under some packs must have.
type needs struct{ shared, channel []string }

// Session begins one.
func (r *Replayer) Session() *Session {
	return &Session{Replayer: r, seen: map[string]*past{}, needs: map[string]*needs{}, has: map[string]bool{}}
}

// most bounds what a session remembers.
const most = 2048

// Decide decides one again and adds what comes of it to a tally.
func (s *Session) Decide(d *sms.Decision, t *Tally) error {
	s.key = append(append(append(s.key[:0], d.Packs...), '\n'), d.Facts...)
	p, at := s.seen[string(s.key)], time.UnixMilli(d.At)
	if p == nil || at.Before(p.at) || !p.until.IsZero() && !at.Before(p.until) {
		var err error
		if p, err = s.past(d, at); err != nil {
			return fmt.Errorf("facts of decision %d: %w", d.ID, err)
		}
		if len(s.seen) >= most {
			clear(s.seen) // what is decided at the same time is alike
		}
		s.seen[string(s.key)] = p
	}
	var verdicts []gate.Verdict
	if err := json.Unmarshal(d.Verdicts, &verdicts); err != nil {
		return fmt.Errorf("verdicts of decision %d: %w", d.ID, err)
	}
	t.Decisions++
	if d.Packs != s.inForce {
		t.OtherPacks++
	}
	for i := range verdicts {
		v := &verdicts[i]
		t.Messages += int64(v.Count)
		if was, is, ok := p.again(v); ok && was != is {
			t.change(was, is, int64(v.Count), d.ID)
		}
	}
	for id, reason := range p.lacks {
		t.lack(id, reason)
	}
	for _, name := range p.ignored {
		t.Ignored[name]++
	}
	return nil
}

// needsOf names what a decision under some packs must have: all but the lexicons that were
// the same then, of which one that is not named held nothing.
func (s *Session) needsOf(versions string) *needs {
	n := s.needs[versions]
	if n == nil {
		packs := strings.Split(versions, ",")
		of := func(stage rulebook.Stage) []string {
			return slices.DeleteFunc(slices.Clone(s.own[stage]), func(name string) bool { return s.alike[name] != "" && slices.Contains(packs, s.alike[name]) })
		}
		n = &needs{of(rulebook.StageShared), of(rulebook.StageChannel)}
		s.needs[versions] = n
	}
	return n
}

// redo is one set of facts while it is being decided again.
type redo struct {
	*past
	needs   *needs
	facts   *rulebook.Facts
	has     map[string]bool
	unknown []string // rules that can't be replayed for it
}

func (s *Session) past(d *sms.Decision, at time.Time) (*past, error) {
	x := &redo{
		past:  &past{Replayer: s.Replayer, at: at, channels: map[sms.Carrier][]rulebook.Finding{}, lacks: map[string]Reason{}},
		needs: s.needsOf(d.Packs), facts: s.draft.NewFacts(), has: s.has,
	}
	clear(x.has)
	var channels []byte
	err := members(d.Facts, func(name, value []byte) error {
		if string(name) == gate.FactChannels {
			channels = value
			return nil
		}
		return x.set(x.facts, name, value)
	})
	if err != nil {
		return nil, err
	}
	x.lack(x.needs.shared)
	x.kept = channels != nil
	candidates, err := x.candidates(channels)
	if err != nil {
		return nil, err
	}
	x.shared = x.decided(rulebook.StageShared, x.facts)
	for carrier, list := range candidates {
		x.channel(carrier, list)
	}
	x.lacking(x.concerning(rulebook.StageRecipient), RecipientsNotKept)
	if !x.kept {
		x.lacking(x.concerning(rulebook.StageChannel), ChannelsNotKept)
	}
	return x.past, nil
}

// set puts a fact as the decision has it.
func (x *redo) set(f *rulebook.Facts, name, value []byte) error {
	v, err := scalar(value)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	known, ok := x.Replayer.facts[string(name)]
	if ok {
		x.has[known] = true
		ok = f.Set(known, v)
	}
	if !ok {
		x.ignored = append(x.ignored, string(name))
	}
	return nil
}

// candidate is a channel with its facts, and what it can't do, whatever the rules say.
type candidate struct {
	*rulebook.Facts
	unable []sms.Code
}

// candidates reads the channels' facts, by carrier.
func (x *redo) candidates(doc []byte) (map[sms.Carrier][]candidate, error) {
	out := map[sms.Carrier][]candidate{}
	if doc == nil {
		return out, nil
	}
	checked := false
	err := members(doc, func(carrier, list []byte) error {
		if string(list) == "null" {
			return nil
		}
		return elements(list, func(channel []byte) error {
			c := candidate{Facts: x.facts.Clone()}
			clear(x.has)
			err := members(channel, func(name, value []byte) error {
				switch string(name) {
				case gate.FactChannel:
					return nil
				case gate.FactAgainst:
					return json.Unmarshal(value, &c.unable)
				}
				return x.set(c.Facts, name, value)
			})
			if !checked && err == nil {
				checked = true // all of one decision have the same names
				x.lack(x.needs.channel)
			}
			out[sms.Carrier(carrier)] = append(out[sms.Carrier(carrier)], c)
			return err
		})
	})
	return out, err
}

// lack notes the rules that read facts which a document does not have.
func (x *redo) lack(names []string) {
	for _, name := range names {
		if !x.has[name] {
			x.unknown = append(x.unknown, x.readers[name]...)
			x.lacking(x.readers[name], NotKnownThen)
		}
	}
}

// lacking notes rules that are not replayed.
func (p *past) lacking(rules []string, reason Reason) {
	for _, id := range rules {
		p.lacks[id] = max(p.lacks[id], reason)
	}
}

// decided runs the draft's rules of a stage, but for those that rest on what was not known.
func (x *redo) decided(stage rulebook.Stage, f *rulebook.Facts) []rulebook.Finding {
	found, until := x.draft.Evaluate(stage, f, x.at)
	x.ends(until)
	if len(x.unknown) == 0 {
		return found
	}
	return slices.DeleteFunc(found, func(f rulebook.Finding) bool { return slices.Contains(x.unknown, f.Rule) })
}

// ends notes a moment at which a rule begins or ends.
func (p *past) ends(until time.Time) {
	if !until.IsZero() && (p.until.IsZero() || until.Before(p.until)) {
		p.until = until
	}
}

// channel runs the draft's rules of a carrier's candidates, as the gate does: when none is
// left, what stops a message least is what its sender is told.
func (x *redo) channel(carrier sms.Carrier, list []candidate) {
	var best []rulebook.Finding
	for i := range list {
		found := x.decided(rulebook.StageChannel, list[i].Facts)
		for _, code := range list[i].unable {
			found = append(found, rulebook.Finding{Outcome: rulebook.Block, Code: code})
		}
		if rulebook.Refusing(found) == nil {
			return
		}
		if best == nil || rulebook.Better(found, best) {
			best = found
		}
	}
	x.channels[carrier] = best
}

// again gives what messages got and would get; ok is false where that can't be told, or
// where no rule had a say.
func (p *past) again(v *gate.Verdict) (was, is verdict, ok bool) {
	switch {
	case v.Decided == sms.Refused && v.Rule == "":
		return was, is, false // for want of money, a price, a channel, or twice in one call: rules came second
	case v.Decided == sms.Refused:
		was = verdict{rulebook.Block, v.Rule}
	case v.Decided == sms.Held:
		was = verdict{rulebook.Hold, v.Rule}
	case v.Decided == sms.Deferred:
		was = verdict{rulebook.Defer, v.Rule}
	default:
		was = verdict{outcome: rulebook.Permit}
	}
	found := slices.Concat(p.shared, p.channels[v.Carrier])
	stage, has := p.stages[v.Rule]
	if has && (stage == rulebook.StageRecipient || stage == rulebook.StageChannel && !p.kept) {
		if p.another[v.Rule] {
			return was, is, false // it stood, and is another one now
		}
		found = append(found, rulebook.Finding{Rule: v.Rule, Outcome: was.outcome})
	}
	p.draft.Sort(found)
	return was, stopped(found, v.Later), true
}

// stopped is what findings make of a message. What is asked for at a later moment is
// decided again then: until then only what blocks it stops it, and what no later decision
// sees.
func stopped(found []rulebook.Finding, later bool) verdict {
	x := rulebook.Refusing(found)
	switch {
	case x == nil:
		return verdict{outcome: rulebook.Permit}
	case x.Outcome != rulebook.Block && later:
		if x = rulebook.OfCall(found); x == nil {
			return verdict{outcome: rulebook.Permit}
		}
		return verdict{rulebook.Block, x.Rule}
	case x.Rule == "":
		return verdict{x.Outcome, string(x.Code)} // no channel can carry it
	}
	return verdict{x.Outcome, x.Rule}
}

// concerning names the rules of a stage that can't be replayed and hold for this category
// at this moment.
func (x *redo) concerning(stage rulebook.Stage) (out []string) {
	category := sms.Category(x.facts.Category())
	for i := range x.unlike[stage] {
		r := &x.unlike[stage][i]
		if !r.Applies(category) {
			continue
		}
		begun, over := !x.at.Before(r.From.Time), !r.To.IsZero() && !x.at.Before(r.To.Time)
		switch {
		case !begun:
			x.ends(r.From.Time)
		case !over:
			out = append(out, r.ID)
			if !r.To.IsZero() {
				x.ends(r.To.Time)
			}
		}
	}
	return out
}
