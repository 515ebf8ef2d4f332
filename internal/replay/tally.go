package replay

import (
	"cmp"
	"slices"

	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Reason is why a rule was not replayed.
type Reason int

// The reasons, the plainest last.
const (
	NotKnownThen      Reason = iota + 1 // it reads facts that the decisions did not know yet
	ChannelsNotKept                     // facts of channels were not stored then
	RecipientsNotKept                   // facts of recipients never are
)

// String says it.
func (r Reason) String() string {
	switch r {
	case NotKnownThen:
		return "it reads facts that were not known then"
	case ChannelsNotKept:
		return "facts of channels were not stored then"
	default:
		return "facts of recipients (consent, refusals, frequency) are not stored"
	}
}

// maxExamples bounds how many decisions are named of each change.
const maxExamples = 5

// Change is one way in which messages would have been decided otherwise.
type Change struct {
	Kind      string   `json:"kind"` // refused, permitted or other
	Was       string   `json:"was"`
	Is        string   `json:"is"`
	Messages  int64    `json:"messages"`
	Decisions int64    `json:"decisions"`
	Examples  []sms.ID `json:"examples"` // decisions

	last sms.ID // that was counted
}

// Lack is a rule that was not replayed.
type Lack struct {
	Rule      string `json:"rule"`
	Reason    string `json:"reason"`
	Decisions int64  `json:"decisions"`
}

// Tally is what a replay found so far.
type Tally struct {
	Decisions  int64            `json:"decisions"`
	Messages   int64            `json:"messages"`
	OtherPacks int64            `json:"other_packs"` // decisions made under other packs than those in force now
	Changes    []*Change        `json:"changes"`
	Lacks      []*Lack          `json:"not_replayed"`
	Ignored    map[string]int64 `json:"ignored_facts"` // that the draft does not know, and how often they were met
}

// NewTally is empty.
func NewTally() *Tally {
	return &Tally{Changes: []*Change{}, Lacks: []*Lack{}, Ignored: map[string]int64{}}
}

func kindOf(was, is verdict) string {
	switch {
	case was.outcome == rulebook.Permit:
		return "refused"
	case is.outcome == rulebook.Permit:
		return "permitted"
	default:
		return "other"
	}
}

func (t *Tally) change(was, is verdict, messages int64, id sms.ID) {
	c := t.of(kindOf(was, is), was.String(), is.String())
	c.Messages += messages
	if c.last == id {
		return
	}
	c.last = id
	c.Decisions++
	if len(c.Examples) < maxExamples {
		c.Examples = append(c.Examples, id)
	}
}

func (t *Tally) of(kind, was, is string) *Change {
	for _, c := range t.Changes {
		if c.Kind == kind && c.Was == was && c.Is == is {
			return c
		}
	}
	c := &Change{Kind: kind, Was: was, Is: is, Examples: []sms.ID{}}
	t.Changes = append(t.Changes, c)
	return c
}

func (t *Tally) lack(rule string, reason Reason) { t.lacking(rule, reason.String()).Decisions++ }

func (t *Tally) lacking(rule, reason string) *Lack {
	for _, l := range t.Lacks {
		if l.Rule == rule && l.Reason == reason {
			return l
		}
	}
	l := &Lack{Rule: rule, Reason: reason}
	t.Lacks = append(t.Lacks, l)
	return l
}

// Add joins the tally of later decisions to this one.
func (t *Tally) Add(x *Tally) {
	t.Decisions, t.Messages, t.OtherPacks = t.Decisions+x.Decisions, t.Messages+x.Messages, t.OtherPacks+x.OtherPacks
	for _, c := range x.Changes {
		own := t.of(c.Kind, c.Was, c.Is)
		own.Messages, own.Decisions = own.Messages+c.Messages, own.Decisions+c.Decisions
		own.Examples = append(own.Examples, c.Examples...)
		own.Examples = own.Examples[:min(len(own.Examples), maxExamples)]
	}
	for _, l := range x.Lacks {
		t.lacking(l.Rule, l.Reason).Decisions += l.Decisions
	}
	for name, n := range x.Ignored {
		t.Ignored[name] += n
	}
}

// Sort puts what concerns the most messages first.
func (t *Tally) Sort() {
	slices.SortFunc(t.Changes, func(a, b *Change) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Was, b.Was), cmp.Compare(a.Is, b.Is))
	})
	slices.SortFunc(t.Lacks, func(a, b *Lack) int { return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Reason, b.Reason)) })
}

// Concerned counts the messages that a kind of change concerns.
func (t *Tally) Concerned(kind string) (n int64) {
	for _, c := range t.Changes {
		if c.Kind == kind {
			n += c.Messages
		}
	}
	return n
}
