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
	draft     *rulebook.Book
	inForce   string          // versions of the packs that the draft is compared with
	rules     []rulebook.Rule // of the draft
	shared    []string        // names of its facts
	channel   []string
	unlike    map[rulebook.Stage][]string // rules that the book in force lacks or has otherwise
	unlikeSet map[string]bool
	alike     map[string]string // facts of lexicons that both have, by the pack in force
}

// New compares a draft with the book in force.
func New(draft, inForce *rulebook.Book) *Replayer {
	r := &Replayer{
		draft: draft, inForce: inForce.Versions(), rules: draft.Rules(), shared: draft.FactsOf(rulebook.StageShared), channel: draft.FactsOf(rulebook.StageChannel),
		unlike: map[rulebook.Stage][]string{}, unlikeSet: map[string]bool{}, alike: draft.Alike(inForce),
	}
	for _, stage := range []rulebook.Stage{rulebook.StageRecipient, rulebook.StageChannel} {
		r.unlike[stage] = draft.Unlike(inForce, stage)
		for _, id := range r.unlike[stage] {
			r.unlikeSet[id] = true
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

// past is what decisions rested on that are being decided again, and what the draft makes
// of it. Decisions of the same facts share it, while no rule begins or ends between them.
type past struct {
	*Replayer
	packs    []string // under which they were made
	at       time.Time
	until    time.Time // zero is never
	facts    *rulebook.Facts
	unknown  []string                           // rules that can't be replayed for it
	shared   []rulebook.Finding                 // of the draft
	channels map[sms.Carrier][]map[string]any   // candidates with their facts
	found    map[sms.Carrier][]rulebook.Finding // of the draft, where no candidate is left
	kept     bool                               // whether the channels' facts are
	lacks    map[string]Reason
	ignored  []string // facts that the draft does not know
}

// Session decides decisions again in their order. It is used by one goroutine.
type Session struct {
	*Replayer
	seen map[string]*past // by packs and facts
}

// Session begins one.
func (r *Replayer) Session() *Session { return &Session{r, map[string]*past{}} }

// Decide decides one again and adds what comes of it to a tally.
func (s *Session) Decide(d *sms.Decision, t *Tally) error {
	key := d.Packs + "\n" + string(d.Facts)
	p, at := s.seen[key], time.UnixMilli(d.At)
	if p == nil || at.Before(p.at) || !p.until.IsZero() && !at.Before(p.until) {
		var err error
		if p, err = s.past(d, at); err != nil {
			return fmt.Errorf("facts of decision %d: %w", d.ID, err)
		}
		s.seen[key] = p
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

func (r *Replayer) past(d *sms.Decision, at time.Time) (*past, error) {
	var doc map[string]any
	if err := json.Unmarshal(d.Facts, &doc); err != nil {
		return nil, err
	}
	p := &past{Replayer: r, packs: strings.Split(d.Packs, ","), at: at, facts: r.draft.NewFacts(), found: map[sms.Carrier][]rulebook.Finding{}, lacks: map[string]Reason{}}
	if err := p.read(doc); err != nil {
		return nil, err
	}
	p.evaluate()
	p.lacking(p.concerning(rulebook.StageRecipient), RecipientsNotKept)
	if !p.kept {
		p.lacking(p.concerning(rulebook.StageChannel), ChannelsNotKept)
	}
	return p, nil
}

// lacking notes rules that are not replayed.
func (p *past) lacking(rules []string, reason Reason) {
	for _, id := range rules {
		p.lacks[id] = max(p.lacks[id], reason)
	}
}

// decided runs the draft's rules of a stage, but for those that rest on what was not known.
func (p *past) decided(stage rulebook.Stage, f *rulebook.Facts) []rulebook.Finding {
	found, until := p.draft.Evaluate(stage, f, p.at)
	p.ends(until)
	return p.known(found)
}

// ends notes a moment at which a rule begins or ends.
func (p *past) ends(until time.Time) {
	if !until.IsZero() && (p.until.IsZero() || until.Before(p.until)) {
		p.until = until
	}
}

// read sets what the decision knew, and notes what it did not.
func (p *past) read(doc map[string]any) error {
	list, kept := doc[gate.FactChannels]
	delete(doc, gate.FactChannels)
	if p.kept = kept; kept {
		b, err := json.Marshal(list)
		if err == nil {
			err = json.Unmarshal(b, &p.channels)
		}
		if err != nil {
			return err
		}
	}
	for name, v := range doc {
		if !p.facts.Set(name, v) {
			p.ignored = append(p.ignored, name)
		}
	}
	p.lack(p.Replayer.shared, doc)
	return nil
}

// lack notes the rules that read facts which a document does not have.
func (p *past) lack(names []string, doc map[string]any) {
	var missing []string
	for _, name := range names {
		pack := p.alike[name]
		if _, ok := doc[name]; !ok && (pack == "" || !slices.Contains(p.packs, pack)) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		rules := p.draft.Reading(missing)
		p.unknown = append(p.unknown, rules...)
		p.lacking(rules, NotKnownThen)
	}
}

// known leaves out what rests on facts that the decision did not know.
func (p *past) known(found []rulebook.Finding) []rulebook.Finding {
	if len(p.unknown) == 0 {
		return found
	}
	return slices.DeleteFunc(found, func(f rulebook.Finding) bool { return slices.Contains(p.unknown, f.Rule) })
}

// evaluate runs the draft's rules of the shared facts and of the channels.
func (p *past) evaluate() {
	for _, list := range p.channels {
		if len(list) > 0 {
			p.lack(p.channel, list[0]) // all of one decision have the same names
			break
		}
	}
	p.shared = p.decided(rulebook.StageShared, p.facts)
	for carrier, list := range p.channels {
		var first []rulebook.Finding
		open := false
		for _, facts := range list {
			f := p.facts.Clone()
			for name, v := range facts {
				if name != gate.FactChannel && name != gate.FactAgainst && !f.Set(name, v) {
					p.ignored = append(p.ignored, name)
				}
			}
			found := p.decided(rulebook.StageChannel, f)
			_, unable := facts[gate.FactAgainst]
			if rulebook.Refusing(found) == nil && !unable {
				open = true
				break
			}
			if first == nil {
				first = found
			}
		}
		if !open {
			p.found[carrier] = first
		}
	}
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
	found := slices.Concat(p.shared, p.found[v.Carrier])
	stage, has := p.draft.StageOf(v.Rule)
	if has && (stage == rulebook.StageRecipient || stage == rulebook.StageChannel && !p.kept) {
		if p.unlikeSet[v.Rule] {
			return was, is, false // it stood, and is another one now
		}
		found = append(found, rulebook.Finding{Rule: v.Rule, Outcome: was.outcome})
	}
	p.draft.Sort(found)
	is = verdict{outcome: rulebook.Permit}
	if x := rulebook.Refusing(found); x != nil && (v.Decided != sms.Scheduled || x.Outcome == rulebook.Block) {
		is = verdict{x.Outcome, x.Rule}
	}
	return was, is, true
}

// concerning names the rules of a stage that can't be replayed and hold for this category
// at this moment.
func (p *past) concerning(stage rulebook.Stage) (out []string) {
	unlike, category := p.unlike[stage], sms.Category(p.facts.Category())
	if len(unlike) == 0 {
		return nil
	}
	for i := range p.rules {
		r := &p.rules[i]
		if !slices.Contains(unlike, r.ID) || !r.Applies(category) {
			continue
		}
		begun, over := !p.at.Before(r.From.Time), !r.To.IsZero() && !p.at.Before(r.To.Time)
		switch {
		case !begun:
			p.ends(r.From.Time)
		case !over:
			out = append(out, r.ID)
			if !r.To.IsZero() {
				p.ends(r.To.Time)
			}
		}
	}
	return out
}
