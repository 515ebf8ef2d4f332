package app

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/zhunxin/zhunxin/internal/complaint"
	"github.com/zhunxin/zhunxin/internal/duty"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// dutyEvery is how often the node looks for duties that come again, reminders and case files.
const dutyEvery = time.Minute

// peopleEvery is how often people are counted.
const peopleEvery = 24 * time.Hour

// dutyChunk bounds what one round takes up.
const dutyChunk = 200

// PackOf writes everything that is recorded under an object's id.
func (p *Platform) PackOf(ctx context.Context, object sms.ID, seen string) (out []byte, err error) {
	if err := p.Evidence.Sequence(ctx); err != nil {
		return nil, err
	}
	log, _ := p.Evidence.Log()
	err = p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
		out, err = log.PackOf(ctx, tx, object, seen)
		return err
	})
	return out, err
}

func (p *Platform) dutyDesk() *duty.Desk { return &duty.Desk{InForce: p.Gate.RulesInForce, IDs: p.IDs} }

// CaseFile assembles a complaint's file and keeps it (CMP-05). The message's evidence needs
// its place in the log, so that this is no part of the transaction that opens the case.
func (p *Platform) CaseFile(ctx context.Context, id, by sms.ID) error {
	var c complaint.Case
	err := p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		c, err = tx.Case(ctx, id, false)
		return err
	})
	if err != nil {
		return err
	}
	var pack []byte
	lacking := ""
	if c.MessageID != 0 {
		if pack, lacking, err = p.packOrLack(ctx, c.MessageID); err != nil {
			return err
		}
	}
	snap, err := p.Registry(ctx)
	if err != nil {
		return err
	}
	var content []byte
	err = p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
		content, err = complaint.Assemble(ctx, tx, snap, c, pack, lacking, p.Now().UnixMilli())
		return err
	})
	if err != nil {
		return err
	}
	desk := &complaint.Desk{Duties: p.dutyDesk(), IDs: p.IDs}
	return p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		_, err := desk.Keep(ctx, tx, p.Keys, id, content, by)
		return err
	})
}

// packOrLack writes a message's evidence, or says why nobody can any more. What may only fail
// now, such as the store, is an error: a file that says of evidence that it is gone must be
// right.
func (p *Platform) packOrLack(ctx context.Context, message sms.ID) (pack []byte, lacking string, err error) {
	there := false
	err = p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
		list, err := tx.Messages(ctx, []sms.ID{message}, false)
		there = len(list) == 1
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if !there {
		return nil, "the message was dropped when it need not be kept any longer", nil
	}
	if pack, err = p.Pack(ctx, message, ""); store.Missing(err) || errors.Is(err, evlog.ErrChanged) {
		p.Logger.Error("a complaint's message has no evidence pack", "message", message, "err", err)
		return nil, err.Error(), nil
	}
	return pack, "", err
}

// watchDuties sees to duties until it is stopped.
func (p *Platform) watchDuties(ctx context.Context) {
	tick := time.NewTicker(dutyEvery)
	defer tick.Stop()
	counted := time.Time{}
	for {
		if err := p.sweepDuties(ctx); err != nil && ctx.Err() == nil {
			p.Logger.Error("duties", "err", err)
		}
		if now := time.Now(); now.Sub(counted) >= peopleEvery {
			counted = now
			if err := p.countPeople(ctx); err != nil && ctx.Err() == nil {
				p.Logger.Error("count people", "err", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// sweepDuties is one round. Several nodes may do it at once: a task stands once for its rule,
// object and period, and a reminder is moved on by one of them.
func (p *Platform) sweepDuties(ctx context.Context) error {
	snap, err := p.Registry(ctx)
	if err != nil {
		return err
	}
	return errors.Join(p.raisePeriodic(ctx, snap), p.proven(ctx, p.Now()), p.remind(ctx, snap, p.Now()), p.lateFiles(ctx), p.forgetCopies(ctx))
}

// raisePeriodic stores what is owed for a year, month or week and for licences and is not stored yet.
func (p *Platform) raisePeriodic(ctx context.Context, snap *registry.Snapshot) error {
	now := p.Now()
	for _, e := range periodic(snap, now) {
		var have []duty.Task
		err := p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
			have, err = tx.DutiesOf(ctx, e.ObjectID)
			return err
		})
		if err != nil {
			return err
		}
		arising, err := p.dutyDesk().Arising(ctx, e, now)
		if err != nil {
			return err
		}
		missing := slices.ContainsFunc(arising, func(t duty.Task) bool {
			return !slices.ContainsFunc(have, func(h duty.Task) bool { return h.Rule == t.Rule && h.Period == t.Period })
		})
		if !missing {
			continue
		}
		err = p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
			if err := p.renewed(ctx, tx, e, have, now); err != nil {
				return err
			}
			return p.dutyDesk().Raise(ctx, tx, e, now)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// countPeople tells the rules of how many people anything is kept (PRV-13).
func (p *Platform) countPeople(ctx context.Context) error {
	snap, err := p.Registry(ctx)
	if err != nil {
		return err
	}
	op, n := snap.Operator(), 0
	if op == nil {
		return nil
	}
	err = p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err = tx.CountPeople(ctx)
		return err
	})
	if err != nil {
		return err
	}
	now := p.Now()
	e := duty.Event{Name: rulebook.EventPeople, ObjectID: op.ID, At: now, Facts: map[string]any{"people.numbers": int64(n)}}
	return p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return p.dutyDesk().Raise(ctx, tx, e, now) })
}

// renewed ends the tasks of a licence's former end: it has another one now.
func (p *Platform) renewed(ctx context.Context, tx *store.Tx, e duty.Event, have []duty.Task, now time.Time) error {
	for _, t := range have {
		if e.Name != rulebook.EventLicence || t.Event != e.Name || t.Period >= e.Period || t.DoneAt != 0 {
			continue
		}
		t.DoneAt, t.Evidence = now.UnixMilli(), "valid to "+e.Period
		if _, err := p.dutyDesk().Finish(ctx, tx, t); err != nil {
			return err
		}
	}
	return nil
}

// periodic are the events that time brings: the year, also of each agent, the month, the week of each channel, and the end of each licence. What ended
// before the operator was set up here is nobody's duty here.
func periodic(snap *registry.Snapshot, now time.Time) []duty.Event {
	var list []duty.Event
	customers := int64(0)
	for _, x := range snap.Party {
		if x.Kind == registry.Customer && x.State == registry.Active {
			customers++
		}
	}
	for _, x := range snap.Party {
		if x.Kind == registry.Agent {
			list = append(list, yearly(rulebook.EventAgent, x, now, map[string]any{"agent.active": x.State == registry.Active}))
		}
		if x.Kind != registry.Operator {
			continue
		}
		codes, licences := int64(0), int64(0)
		for _, c := range snap.AccessCode {
			if c.PartyID == x.ID && c.State == registry.Active && c.Holds(now.UnixMilli()) {
				codes++
			}
		}
		for _, l := range snap.LicencesOf(x.ID) {
			if l.State == registry.Active && l.Holds(now.UnixMilli()) {
				licences++
			}
			if l.To != 0 && l.To > now.UnixMilli() {
				end := time.UnixMilli(l.To)
				list = append(list, duty.Event{
					Name: rulebook.EventLicence, ObjectID: l.ID, Period: end.In(rulebook.Shanghai).Format(time.DateOnly), At: end,
					Facts: map[string]any{"licence.active": l.State == registry.Active},
				})
			}
		}
		list = append(list, yearly(rulebook.EventYear, x, now, map[string]any{"year.codes": codes, "year.licences": licences, "year.customers": customers}))
		y, m, _ := now.In(rulebook.Shanghai).Date()
		list = append(list, duty.Event{
			Name: rulebook.EventMonth, ObjectID: x.ID, Period: now.In(rulebook.Shanghai).Format("2006-01"), At: time.Date(y, m, 0, 0, 0, 0, 0, rulebook.Shanghai),
			Facts: map[string]any{"month.licences": licences}, Since: time.UnixMilli(x.CreatedAt),
		})
	}
	return append(list, weekly(snap, now)...)
}

// weekly is what a week brings: on each channel a refusal is to be seen to work (OPT-04).
func weekly(snap *registry.Snapshot, now time.Time) (list []duty.Event) {
	monday := weekOf(now)
	for _, ch := range snap.Channel {
		list = append(list, duty.Event{
			Name: rulebook.EventWeek, ObjectID: ch.ID, Period: monday.Format(time.DateOnly), At: monday.AddDate(0, 0, -1),
			Facts: map[string]any{"week.marketing": ch.State == registry.Active && ch.Sends() && ch.Options.Replies && ch.Carries(sms.MKT)},
		})
	}
	return list
}

// weekOf is the Monday with which a moment's week began.
func weekOf(now time.Time) time.Time {
	y, m, d := now.In(rulebook.Shanghai).Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, rulebook.Shanghai)
	return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
}

// proven ends the duties of this week on whose channels a reply has refused marketing since: it
// stands with its suppression, which one transaction stored.
func (p *Platform) proven(ctx context.Context, now time.Time) error {
	book, err := p.Gate.RulesInForce(ctx)
	if err != nil {
		return err
	}
	ended := book.EndedBy(rulebook.StepRefused)
	if len(ended) == 0 {
		return nil
	}
	var done []duty.Task
	err = p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
		for after := sms.ID(0); ; {
			open, err := tx.Duties(ctx, duty.Filter{Open: true, Rules: ended, After: after}, dutyChunk)
			if err != nil {
				return err
			}
			for _, t := range open {
				after = t.ID
				from, err := time.ParseInLocation(time.DateOnly, t.Period, rulebook.Shanghai)
				if err != nil {
					return err
				}
				reply, err := tx.RefusalBy(ctx, t.ObjectID, from.UnixMilli(), from.AddDate(0, 0, 7).UnixMilli())
				if err != nil {
					return err
				}
				if reply != 0 {
					t.DoneAt, t.Evidence = now.UnixMilli(), "reply "+reply.String()
					done = append(done, t)
				}
			}
			if len(open) < dutyChunk {
				return nil
			}
		}
	})
	if err != nil || len(done) == 0 {
		return err
	}
	return p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		for _, t := range done {
			if _, err := p.dutyDesk().Finish(ctx, tx, t); err != nil {
				return err
			}
		}
		return nil
	})
}

// yearly is what a year brings for a party.
func yearly(name string, p *registry.Party, now time.Time, facts map[string]any) duty.Event {
	year := now.In(rulebook.Shanghai).Year()
	return duty.Event{
		Name: name, ObjectID: p.ID, Period: time.Date(year, 1, 1, 0, 0, 0, 0, rulebook.Shanghai).Format("2006"), At: time.Date(year, 1, 0, 0, 0, 0, 0, rulebook.Shanghai),
		Facts: facts, Since: time.UnixMilli(p.CreatedAt),
	}
}

// remind tells the operator's applications, by the feed and webhooks, of open duties whose
// reminder has come.
func (p *Platform) remind(ctx context.Context, snap *registry.Snapshot, now time.Time) error {
	var list []duty.Task
	err := p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		list, err = tx.Duties(ctx, duty.Filter{Open: true, RemindBy: now.UnixMilli()}, dutyChunk)
		return err
	})
	if err != nil || len(list) == 0 {
		return err
	}
	book, err := p.Gate.RulesInForce(ctx)
	if err != nil {
		return err
	}
	var to []sms.ID
	for id, x := range snap.Party {
		if x.Kind == registry.Operator {
			to = append(to, snap.ApplicationsOf(id)...)
		}
	}
	err = p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		var events []sms.Event
		for i := range list {
			next := int64(0)
			if t := book.NextReminder(list[i].Rule, time.UnixMilli(list[i].DueAt), now); !t.IsZero() {
				next = t.UnixMilli()
			}
			moved, err := tx.RemindDuty(ctx, list[i].ID, list[i].RemindAt, next)
			if err != nil {
				return err
			}
			if moved {
				events = append(events, p.reminders(&list[i], to, now.UnixMilli())...)
			}
		}
		return tx.InsertEvents(ctx, events)
	})
	if err == nil {
		p.told()
	}
	return err
}

// reminders are what the operator's applications are told of a duty.
func (p *Platform) reminders(t *duty.Task, to []sms.ID, at int64) (out []sms.Event) {
	body, _ := json.Marshal(map[string]any{ // strings, integers and a boolean: it can't fail
		"duty_id": t.ID.String(), "rule": t.Rule, "object_id": t.ObjectID.String(), "owner": t.Owner, "due_at": t.DueAt, "overdue": t.Overdue(at),
	})
	for _, app := range to {
		out = append(out, sms.Event{ID: p.IDs.Next(), ApplicationID: app, Kind: "duty", ObjectID: t.ID, Body: body, At: at})
	}
	return out
}

// filesAtOnce bounds the case files of one round: each reads a good part of the log.
const filesAtOnce = 20

// lateFiles assembles the case files that failed when their cases were opened. A round takes
// up where the one before it stopped, so that those that fail for ever don't keep the others
// from theirs.
func (p *Platform) lateFiles(ctx context.Context) error {
	book, err := p.Gate.RulesInForce(ctx)
	if err != nil {
		return err
	}
	rules := book.EndedBy(rulebook.StepFile)
	if len(rules) == 0 {
		return nil
	}
	var late []sms.ID
	err = p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
		list, err := tx.Duties(ctx, duty.Filter{Open: true, Rules: rules, After: sms.ID(p.files.Load())}, filesAtOnce)
		next := sms.ID(0) // from the first again
		if len(list) == filesAtOnce {
			next = list[len(list)-1].ID
		}
		p.files.Store(int64(next))
		for _, t := range list {
			if err != nil {
				break
			}
			var c complaint.Case
			if c, err = tx.Case(ctx, t.ObjectID, false); c.MessageID != 0 {
				late = append(late, c.ID)
			}
		}
		return err
	})
	for _, id := range late {
		err = errors.Join(err, p.CaseFile(ctx, id, 0))
	}
	return err
}

// forgetCopies removes the copies for persons whose time has passed.
func (p *Platform) forgetCopies(ctx context.Context) error {
	return p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.ForgetCopies(ctx, p.Now().UnixMilli(), dutyChunk)
		return err
	})
}
