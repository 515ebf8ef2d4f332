package dispatch_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/inbound"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// walker takes messages along the edges of the transition table by what the product does, and
// compares what that did to money, recipient events and evidence with what the table says.
type walker struct {
	*desk
	numbers int
	walked  map[string]bool // edges, with who took them
}

// place is where a message stands, with what is about it.
type place struct {
	state          sms.State
	held, captured int
	units          int
	taken, doubt   int // of its segments
	all            int
	event          *sms.RecipientEvent
	customer       sms.Money // the customer's balance
	reserved       sms.Money // of it
	leaves         []string  // kinds of all evidence, in order
}

func (w *walker) place(id sms.ID) (p place) {
	w.T.Helper()
	b := w.Balance(gatetest.Money)
	p.customer, p.reserved = b.Balance, b.Held
	err := w.DB.Read(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		err := tx.Query(ctx, "SELECT kind FROM evidence_leaf ORDER BY id", nil, func(r *sql.Rows) error {
			var kind string
			err := r.Scan(&kind)
			p.leaves = append(p.leaves, kind)
			return err
		})
		if err != nil || id == 0 {
			return err
		}
		m, err := tx.Message(ctx, id)
		if err != nil {
			return err
		}
		p.state, p.held, p.captured, p.units, p.all = m.State, m.Held, m.Captured, m.Units, m.Segments
		err = tx.SegmentsOf(ctx, []sms.ID{id}, func(s sms.Segment) {
			switch s.State {
			case sms.SegInDoubt:
				p.doubt++
			case sms.SegAccepted, sms.SegDelivered, sms.SegFailed:
				p.taken++
			}
		})
		if err != nil {
			return err
		}
		return tx.Recent(ctx, [][16]byte{m.PhoneID}, 0, func(e sms.RecipientEvent) {
			if e.MessageID == id {
				p.event = &e
			}
		})
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return p
}

// take does something to a message, 0 when it is made by it, and holds the outcome against the
// edges by which the actor should have taken it.
func (w *walker) take(id *sms.ID, by sms.Actor, do func(), way ...sms.State) {
	w.T.Helper()
	w.Clock.Set(w.Clock.Now().Add(time.Second))
	before := w.place(*id)
	do()
	after := w.place(*id)
	if at := way[len(way)-1]; after.state != at {
		m := w.Message(*id)
		w.T.Fatalf("%v by %s: it is %s (%s %s)", way, by, after.state, m.Code, m.Rule)
	}
	from, kinds, evidence := before.state, after.leaves[len(before.leaves):], []string{}
	money, event := sms.MoneyNone, sms.EventNone
	for _, to := range way {
		e, err := sms.Take(from, to, by)
		if err != nil {
			w.T.Fatal(err)
		}
		w.walked[fmt.Sprintf("%s>%s %s", from, to, by)] = true
		if from = to; e.Money != sms.MoneyKeep && e.Money != sms.MoneyNone {
			money = e.Money
		}
		if e.Event != sms.EventNone {
			event = e.Event
		}
		if e.Evidence != "" {
			evidence = append(evidence, e.Evidence)
		}
	}
	what := fmt.Sprintf("%q to %v by %s", before.state, way, by)
	if !slices.Equal(kinds, evidence) {
		w.T.Errorf("%s: the evidence is %v, want %v", what, kinds, evidence)
	}
	w.money(what, money, before, after)
	w.event(what, event, before, after)
	w.Sound()
}

func (w *walker) money(what string, effect sms.Effect, before, after place) {
	w.T.Helper()
	unit := func(n int) sms.Money { return sms.Money(n) * gatetest.UnitCustomer }
	held, captured := before.held, before.captured
	switch effect {
	case sms.MoneyHold:
		held = after.units
	case sms.MoneyCapture:
		held, captured = 0, after.units
	case sms.MoneyTaken:
		captured = after.units * after.taken / after.all
		held = after.units*(after.taken+after.doubt)/after.all - captured
	case sms.MoneyRelease:
		held = 0
	case sms.MoneyRehold: // of the same price
		held = after.units
	case sms.MoneySettle: // it was charged when it was taken
		if before.held != 0 {
			w.T.Errorf("%s: %d units are held", what, before.held)
		}
	}
	if after.held != held || after.captured != captured {
		w.T.Errorf("%s: %d units held and %d captured, want %d and %d", what, after.held, after.captured, held, captured)
	}
	if spent, free := before.customer-after.customer, before.reserved-after.reserved; spent != unit(captured-before.captured) || free != unit(before.held-held) {
		w.T.Errorf("%s: the customer paid %s and %s were freed", what, spent, free)
	}
}

func (w *walker) event(what string, effect sms.EventEffect, before, after place) {
	w.T.Helper()
	now := w.Clock.Now().UnixMilli()
	switch e := after.event; effect {
	case sms.EventNone:
		if (before.event == nil) != (e == nil) || e != nil && *e != *before.event {
			w.T.Errorf("%s: the recipient's event was %+v, is %+v", what, before.event, e)
		}
	case sms.EventInsert:
		if before.event != nil || e == nil || e.At != now {
			w.T.Errorf("%s: the recipient's event was %+v, is %+v", what, before.event, e)
		}
	case sms.EventStamp:
		if before.event == nil || e == nil || e.At != now || e.ChannelID != gatetest.Channel || before.event.At == now {
			w.T.Errorf("%s: the recipient's event was %+v, is %+v", what, before.event, e)
		}
	case sms.EventRemove:
		if before.event == nil || e != nil {
			w.T.Errorf("%s: the recipient's event was %+v, is %+v", what, before.event, e)
		}
	}
}

// number is one that got nothing yet, whose holder agreed.
func (w *walker) number() string {
	w.numbers++
	n := fmt.Sprintf("1300001%04d", w.numbers)
	w.Agree(n)
	return n
}

// send makes a message and gives how it is named from here on.
func (w *walker) send(text, number string, set func(*gate.Call), way ...sms.State) (id sms.ID) {
	w.T.Helper()
	w.take(&id, sms.ActorGate, func() {
		c := w.Call(text, number)
		if set != nil {
			set(c)
		}
		a, err := w.Gate.Submit(context.Background(), c)
		if err != nil {
			w.T.Fatal(err)
		}
		id = a.Results[0].MessageID
	}, way...)
	return id
}

// queued is a message that waits for its channel.
func (w *walker) queued(text string) sms.ID {
	w.T.Helper()
	return w.send(text, w.number(), nil, sms.Permitted, sms.Queued)
}

// ready is what the gate handed over last of a message.
func (w *walker) ready(id sms.ID) (r gate.Ready) {
	for _, x := range w.Readies() {
		if x.Message.ID == id {
			r = x
		}
	}
	r.Message = w.Message(id)
	return r
}

func (w *walker) submitting(text string) sms.ID {
	w.T.Helper()
	id := w.queued(text)
	w.take(&id, sms.ActorDispatch, func() { w.look(w.ready(id)) }, sms.Submitting)
	return id
}

func (w *walker) answer(id sms.ID, o session.Outcome, to sms.State) {
	w.T.Helper()
	w.take(&id, sms.ActorDispatch, func() { w.settle(dispatch.Answer{Ready: w.ready(id), No: 1, Outcome: o}) }, to)
}

func (w *walker) report(id sms.ID, stat string, to sms.State) {
	w.T.Helper()
	w.take(&id, sms.ActorInbound, func() {
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			_, err := inbound.Reports(ctx, tx, w.World.IDs, gatetest.Channel, []sms.Report{{
				ChannelID: gatetest.Channel, UpstreamID: upstreamOf(id), PhoneID: w.Message(id).PhoneID, Source: "1069000001", Stat: stat, ReceivedAt: 1,
			}})
			return err
		})
	}, to)
}

// upstreamOf is the carrier's id of a message's one segment.
func upstreamOf(id sms.ID) string { return "c" + id.String() }

func (w *walker) end(id sms.ID, to sms.State, by sms.Actor) {
	w.T.Helper()
	w.take(&id, by, func() {
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			list, err := gate.Chains(ctx, tx, []*sms.Message{w.Message(id)})
			if err == nil {
				_, err = w.End(ctx, tx, list, to, by, "")
			}
			return err
		})
	}, to)
}

func (w *walker) redecide(id sms.ID, approved bool, way ...sms.State) {
	w.T.Helper()
	w.take(&id, sms.ActorGate, func() {
		if _, err := w.Gate.Redecide(context.Background(), []*sms.Message{w.Message(id)}, approved); err != nil {
			w.T.Fatal(err)
		}
	}, way...)
}

// at does something at another moment, and comes back.
func (w *walker) at(t time.Time, do func()) {
	w.T.Helper()
	back := w.Clock.Now()
	w.Clock.Set(t)
	do()
	w.Clock.Set(back)
}

// The table says what the product does: each of its edges is taken by each of its actors, and
// does to money, recipient events and evidence what stands there (P1, P5, P6).
func TestEveryEdgeDoesWhatTheTableSays(t *testing.T) {
	gatetest.Everywhere(t, nil, func(world *gatetest.World) {
		w := &walker{desk: twoWays(world), walked: map[string]bool{}}
		w.usable(gatetest.Channel, second)
		w.answers()
		w.endings()
		w.waiting()
		for _, e := range sms.Edges() {
			for _, by := range e.By {
				if name := fmt.Sprintf("%s>%s %s", e.From, e.To, by); !w.walked[name] {
					w.T.Errorf("nothing took the edge %s", name)
				}
			}
		}
	})
}

// answers are the edges of what was on the wire.
func (w *walker) answers() {
	w.T.Helper()
	taken := func(id sms.ID) session.Outcome { return session.Outcome{Kind: session.Answered, ID: upstreamOf(id)} }
	doubt := session.Outcome{Kind: session.InDoubt, Err: session.ErrTimeout}
	for stat, to := range map[string]sms.State{"DELIVRD": sms.Delivered, "UNDELIV": sms.Failed} {
		id := w.submitting(gatetest.OTPText)
		w.answer(id, taken(id), sms.Submitted)
		w.report(id, stat, to)

		id = w.submitting(gatetest.OTPText)
		w.answer(id, taken(id), sms.Submitted)
		w.end(id, sms.Unknown, sms.ActorSweeper)
		w.report(id, stat, to)

		id = w.submitting(gatetest.OTPText)
		w.answer(id, doubt, sms.InDoubt)
		w.report(id, stat, to)
	}
	id := w.submitting(gatetest.OTPText)
	w.answer(id, doubt, sms.InDoubt)
	w.end(id, sms.Failed, sms.ActorPerson)
	// Of a long message one segment was accepted; the other's report tells that it was too.
	w.putLong()
	twice := w.submitting("【准信科技】" + long)
	w.take(&twice, sms.ActorDispatch, func() {
		r := w.ready(twice)
		w.settle(dispatch.Answer{Ready: r, No: 1, Outcome: session.Outcome{Kind: session.Answered, ID: "first"}}, dispatch.Answer{Ready: r, No: 2, Outcome: doubt})
	}, sms.InDoubt)
	w.report(twice, "DELIVRD", sms.Submitted)
	id = w.submitting(gatetest.OTPText)
	w.answer(id, session.Outcome{Kind: session.Answered, Result: 13}, sms.Failed)
	id = w.submitting(gatetest.OTPText)
	w.answer(id, session.Outcome{Kind: session.NotWritten, Err: errors.New("gone")}, sms.Queued)
}

// endings are the edges of what never left.
func (w *walker) endings() {
	w.T.Helper()
	w.end(w.queued(gatetest.OTPText), sms.Cancelled, sms.ActorCustomer)
	w.end(w.queued(gatetest.OTPText), sms.Expired, sms.ActorSweeper)
	id := w.queued(gatetest.OTPText)
	w.take(&id, sms.ActorSweeper, func() {
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			list, err := gate.Chains(ctx, tx, []*sms.Message{w.Message(id)})
			if err == nil {
				_, err = w.Doubt(ctx, tx, list)
			}
			return err
		})
	}, sms.InDoubt)
	id = w.queued(gatetest.OTPText)
	w.at(w.Clock.Now().Add(10*time.Minute), func() {
		w.take(&id, sms.ActorDispatch, func() { w.look(w.ready(id)) }, sms.Expired)
	})
	number := w.number()
	id = w.send(gatetest.MKTText, number, nil, sms.Permitted, sms.Queued)
	w.Refuse(number)
	w.take(&id, sms.ActorDispatch, func() { w.look(w.ready(id)) }, sms.Cancelled)
	id = w.queued(gatetest.OTPText)
	w.usable(second)
	w.take(&id, sms.ActorDispatch, func() { w.move(w.ready(id)) }, sms.Queued)
	w.usable(gatetest.Channel, second)
}

// waiting are the edges of what has no permit, or loses it.
func (w *walker) waiting() {
	w.T.Helper()
	night := w.Clock.Now().Add(13 * time.Hour)
	lasting := func(c *gate.Call) { c.NotAfter = night.Add(24 * time.Hour) } // so that it may wait for the morning
	later := func(c *gate.Call) { c.SendAt = night.Add(-time.Hour) }
	var deferred, scheduled, queued []sms.ID
	numbers := map[sms.ID]string{}
	for range 3 {
		n := w.number()
		id := w.send(gatetest.MKTText, n, lasting, sms.Permitted, sms.Queued)
		queued, numbers[id] = append(queued, id), n
	}
	for range 5 {
		n := w.number()
		id := w.send(gatetest.MKTText, n, later, sms.Scheduled)
		scheduled, numbers[id] = append(scheduled, id), n
	}
	w.at(night, func() {
		for range 4 {
			n := w.number()
			id := w.send(gatetest.MKTText, n, nil, sms.Deferred)
			deferred, numbers[id] = append(deferred, id), n
		}
		w.redecide(queued[0], false, sms.Deferred)
		w.redecide(deferred[0], false, sms.Deferred)
		w.redecide(scheduled[0], false, sms.Deferred)
	})
	w.send(gatetest.MKTText, "13000019999", nil, sms.Refused) // without consent
	w.redecide(queued[1], false, sms.Queued)
	w.redecide(deferred[0], false, sms.Permitted, sms.Queued)
	w.redecide(scheduled[1], false, sms.Permitted, sms.Queued)
	w.end(deferred[1], sms.Cancelled, sms.ActorCustomer)
	w.end(scheduled[2], sms.Cancelled, sms.ActorCustomer)
	w.Refuse(numbers[deferred[2]])
	w.redecide(deferred[2], false, sms.Refused)
	w.Refuse(numbers[scheduled[3]])
	w.redecide(scheduled[3], false, sms.Refused)
	w.Refuse(numbers[queued[2]])
	w.redecide(queued[2], false, sms.Refused)
	w.holding(queued[1], deferred[3], scheduled[4])
}

// holding are those of what a person reviews.
func (w *walker) holding(queued, deferred, scheduled sms.ID) {
	w.T.Helper()
	w.Activate(`pack: house
version: '1'
layer: house
lexicons: [{name: own, source: own, words: [会员]}]
rules:
  - {id: HSE-01, categories: [MKT], outcome: hold, code: AD_REVIEW, status: D, title: {zh: a, en: b}, reason: {zh: a, en: b}, remedy: {zh: a, en: b}, effective_from: 2020-01-01,
     against: lex.own > 0 && !review.approved, examples: [{name: a, facts: {category: MKT, lex.own: 1}, stands: true}, {name: b, facts: {category: MKT}, stands: false}]}
`)
	for _, id := range []sms.ID{queued, deferred, scheduled} {
		w.redecide(id, false, sms.Held)
	}
	w.redecide(queued, false, sms.Held)
	w.redecide(queued, true, sms.Permitted, sms.Queued)
	w.end(deferred, sms.Cancelled, sms.ActorCustomer)
	w.end(scheduled, sms.Expired, sms.ActorSweeper)
	number := w.number()
	id := w.send(gatetest.MKTText, number, nil, sms.Held)
	w.Refuse(number)
	w.redecide(id, false, sms.Refused)
	id = w.send(gatetest.MKTText, w.number(), func(c *gate.Call) { c.NotAfter = w.Clock.Now().Add(36 * time.Hour) }, sms.Held)
	w.at(w.Clock.Now().Add(13*time.Hour), func() { w.redecide(id, true, sms.Deferred) })
}

// By a contract that charges on delivery, a long message whose last report never came is charged
// for the segments that were delivered, and for no other (P5).
func TestGivenUpMessageIsChargedForWhatWasDelivered(t *testing.T) {
	gatetest.Everywhere(t, nil, func(world *gatetest.World) {
		w := &walker{desk: on(world), walked: map[string]bool{}}
		w.Put(registry.Contract{
			ID: 61, PartyID: gatetest.Customer, CounterpartyID: gatetest.Agent, Number: "C1", Period: registry.Period{From: 1}, ChargeOn: registry.OnDelivery, ReportTimeout: 1, State: registry.Active,
		})
		w.putLong()
		r := w.permitted("【准信科技】"+long, w.number())
		w.look(r)
		w.settle(answered(r, 1, 5, 0), answered(r, 2, 6, 0))
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			_, err := inbound.Reports(ctx, tx, w.World.IDs, gatetest.Channel, []sms.Report{{ChannelID: gatetest.Channel, UpstreamID: "5", PhoneID: r.Message.PhoneID, Stat: "DELIVRD", ReceivedAt: 1}})
			return err
		})
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			list, err := gate.Chains(ctx, tx, []*sms.Message{w.Message(r.Message.ID)})
			if err == nil {
				_, err = w.End(ctx, tx, list, sms.Unknown, sms.ActorSweeper, "")
			}
			return err
		})
		w.expect(r.Message.ID, sms.Unknown, "")
		m, b := w.Message(r.Message.ID), w.Balance(gatetest.Money)
		if m.Captured != 1 || m.Held != 0 || b.Held != 0 || b.Balance != gatetest.TopUp-gatetest.UnitCustomer {
			w.T.Errorf("%d units captured, %d held, %+v", m.Captured, m.Held, b)
		}
	})
}
