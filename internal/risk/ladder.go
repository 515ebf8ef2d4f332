package risk

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Case is a complaint that was found true, as the ladder sees it: what it is about, and how
// many messages of each were delivered in the month.
type Case struct {
	Party, Signature, Template, Channel sms.ID

	Cause     string
	Delivered Delivered
}

// Delivered counts messages of what a case is about.
type Delivered struct{ Party, Signature, Template, Channel int }

// Valid is one complaint that was found true.
type Valid struct {
	Party, Signature, Template, Channel sms.ID

	At int64
}

// LadderTx is what the ladder needs besides.
type LadderTx interface {
	AskTx
	// ValidCases lists the complaints that were found true since a moment.
	ValidCases(ctx context.Context, since int64, each func(Valid)) error
}

// PerBillion is how many valid complaints there are for 1,000 million delivered messages. One
// without any delivered message is as one among a single one.
func PerBillion(complaints, delivered int) int64 {
	return int64(complaints) * 1_000_000_000 / int64(max(delivered, 1))
}

// asking is one time at which rules are asked what to do about parties.
type asking struct {
	tx      AskTx
	ids     *sms.IDs
	book    *rulebook.Book
	snap    *registry.Snapshot
	now     time.Time
	by      sms.ID
	imposed []registry.Measure
}

// ask makes ready. The registry's generation is locked from here on, so that two that ask at
// once impose what they ask for once, and then the journal's counter: call it late.
func ask(ctx context.Context, tx AskTx, ids *sms.IDs, book *rulebook.Book, by sms.ID) (*asking, error) {
	if err := tx.MoveGeneration(ctx); err != nil {
		return nil, err
	}
	snap, err := tx.Registry(ctx)
	if err != nil {
		return nil, err
	}
	now, err := tx.Now(ctx)
	return &asking{tx: tx, ids: ids, book: book, snap: snap, now: now, by: by}, err
}

// judge imposes what the rules about something ask for on a party, or on a part of what it
// does, unless it stands already.
func (a *asking) judge(ctx context.Context, about string, facts map[string]any, figures any, on registry.Measure) error {
	shown, err := json.Marshal(figures)
	if err != nil {
		return err
	}
	for _, found := range a.book.Judge(about, facts, a.now) {
		rule, _ := a.book.Rule(found.Rule)
		spec, pace := rule.MeasureOf()
		m := on
		m.Kind, m.Strike, m.Pace, m.Rule, m.Figures, m.ImposedBy = spec.Kind, spec.Strike, pace, found.Rule, string(shown), a.by
		m.Zh = found.Reason.Zh + "。" + found.Remedy.Zh + "（" + strings.Join(found.Articles, "；") + "）"
		m.En = found.Reason.En + ". " + found.Remedy.En + "."
		if m.Kind == registry.Reminded {
			m.Period = a.now.In(rulebook.Shanghai).Format("2006-01")
		}
		if a.stands(&m) {
			continue
		}
		if m.Object == registry.OfChannel || a.sameMatter(&m) {
			m.Strike = ""
		}
		if err := Impose(ctx, a.tx, a.ids, a.snap, &m); err != nil {
			return err
		}
		a.imposed = append(a.imposed, m)
	}
	return nil
}

// standing lists a party's measures, those of just now too.
func (a *asking) standing(party sms.ID) (out []*registry.Measure) {
	out = append(out, a.snap.Measures(party)...)
	for i := range a.imposed {
		if a.imposed[i].PartyID == party {
			out = append(out, &a.imposed[i])
		}
	}
	return out
}

// stands tells whether a measure stands already, on its object or on the whole party.
func (a *asking) stands(m *registry.Measure) bool {
	whole := *m
	if m.Object != registry.OfChannel {
		whole.Object, whole.ObjectID = registry.OfParty, 0
	}
	for _, x := range a.standing(m.PartyID) {
		if x.LiftedAt == 0 && (x.Same(m) || x.Same(&whole)) {
			return true
		}
	}
	return false
}

// sameMatter tells whether a violation comes while something is done about one of the same
// weight: it is the same matter, and no further strike. A reminder is done with by its month.
func (a *asking) sameMatter(m *registry.Measure) bool {
	for _, x := range a.standing(m.PartyID) {
		if x.LiftedAt == 0 && x.Strike == m.Strike && x.Kind != registry.Reminded {
			return true
		}
	}
	return false
}

// climb has the rules judge how often a party has violated them (CMP-10). What came before a
// closing that a person has lifted was judged with it.
func (a *asking) climb(ctx context.Context, party sms.ID) error {
	judged := int64(0)
	for _, m := range a.snap.Measures(party) {
		if m.Kind == registry.Shut {
			judged = max(judged, m.LiftedAt)
		}
	}
	strikes := map[string][]int64{registry.General: {}, registry.Serious: {}, registry.Major: {}}
	for _, m := range a.standing(party) {
		if m.Strike != "" && !m.Unfounded && m.ImposedAt > judged {
			days := int64(a.now.Sub(time.UnixMilli(m.ImposedAt)) / (24 * time.Hour))
			strikes[m.Strike] = append(strikes[m.Strike], days)
		}
	}
	facts := map[string]any{"strikes.general": strikes[registry.General], "strikes.serious": strikes[registry.Serious], "strikes.major": strikes[registry.Major]}
	return a.judge(ctx, rulebook.ObjectStrikes, facts, strikes, registry.Measure{PartyID: party})
}

// Ask imposes what the rules about traffic ask for by a party's figures, unless it stands
// already, and returns what is new. The registry's generation is locked from here on, and then
// the journal's counter: call it late.
func Ask(ctx context.Context, tx AskTx, ids *sms.IDs, book *rulebook.Book, party sms.ID, f *Figures, by sms.ID) ([]registry.Measure, error) {
	a, err := ask(ctx, tx, ids, book, by)
	if err != nil {
		return nil, err
	}
	if err := a.judge(ctx, rulebook.ObjectTraffic, f.facts(), f, registry.Measure{PartyID: party}); err != nil {
		return nil, err
	}
	return a.imposed, a.climb(ctx, party)
}

// Climb has the rules judge what one more valid complaint comes to for the party, the
// signature, the template and the channel that it is about (CMP-06, CMP-10), and imposes what
// they ask for. It locks what Ask locks.
func Climb(ctx context.Context, tx LadderTx, ids *sms.IDs, book *rulebook.Book, c *Case, by sms.ID) ([]registry.Measure, error) {
	a, err := ask(ctx, tx, ids, book, by)
	if err != nil {
		return nil, err
	}
	y, m, d := a.now.In(rulebook.Shanghai).Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, rulebook.Shanghai).UnixMilli()
	var valid []Valid
	if err := tx.ValidCases(ctx, time.Date(y, m, 1, 0, 0, 0, 0, rulebook.Shanghai).UnixMilli(), func(v Valid) { valid = append(valid, v) }); err != nil {
		return nil, err
	}
	for _, x := range a.rungs(c) {
		t := Tally{Of: x.of, Delivered: x.delivered}
		for i := range valid {
			if x.has(&valid[i]) {
				t.Valid++
				if valid[i].At >= today {
					t.Day++
				}
			}
		}
		if err := a.judge(ctx, rulebook.ObjectComplaints, t.facts(c.Cause), t, x.on); err != nil {
			return nil, err
		}
	}
	return a.imposed, a.climb(ctx, c.Party)
}

// Tally is what valid complaints a party, a signature, a template or a channel has.
type Tally struct {
	Of        string `json:"of"`
	Delivered int    `json:"delivered"` // in the month
	Valid     int    `json:"valid"`     // of the month
	Day       int    `json:"day"`       // of the day
}

func (t *Tally) facts(cause string) map[string]any {
	return map[string]any{
		"complaints.of": t.Of, "complaints.delivered": int64(t.Delivered), "complaints.valid": int64(t.Valid), "complaints.day": int64(t.Day),
		"complaints.per_billion": PerBillion(t.Valid, t.Delivered), "complaints.cause": cause,
	}
}

// rung is one thing that a complaint is about.
type rung struct {
	of        string
	delivered int
	has       func(*Valid) bool
	on        registry.Measure
}

// rungs lists what a case is about, the party first. A channel's measures are the operator's.
func (a *asking) rungs(c *Case) []rung {
	list := []rung{{"party", c.Delivered.Party, func(v *Valid) bool { return v.Party == c.Party }, registry.Measure{PartyID: c.Party}}}
	if c.Signature != 0 {
		on := registry.Measure{PartyID: c.Party, Object: registry.OfSignature, ObjectID: c.Signature}
		list = append(list, rung{"signature", c.Delivered.Signature, func(v *Valid) bool { return v.Signature == c.Signature }, on})
	}
	if c.Template != 0 {
		on := registry.Measure{PartyID: c.Party, Object: registry.OfTemplate, ObjectID: c.Template}
		list = append(list, rung{"template", c.Delivered.Template, func(v *Valid) bool { return v.Template == c.Template }, on})
	}
	if op := a.snap.Operator(); op != nil && c.Channel != 0 {
		on := registry.Measure{PartyID: op.ID, Object: registry.OfChannel, ObjectID: c.Channel}
		list = append(list, rung{"channel", c.Delivered.Channel, func(v *Valid) bool { return v.Channel == c.Channel }, on})
	}
	return list
}

// Charge imposes a measure by a person's hand, and has the rules judge what it comes to with
// those before (CMP-10).
func Charge(ctx context.Context, tx AskTx, ids *sms.IDs, book *rulebook.Book, m *registry.Measure) error {
	a, err := ask(ctx, tx, ids, book, m.ImposedBy)
	if err != nil {
		return err
	}
	if err := Impose(ctx, tx, ids, a.snap, m); err != nil {
		return err
	}
	a.imposed = append(a.imposed, *m)
	if m.Object == registry.OfChannel {
		return nil
	}
	return a.climb(ctx, m.PartyID)
}
