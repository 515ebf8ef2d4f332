package dispatch_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/app"
	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/inbound"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vendorcode"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// The second channel to the same people, with a source number of its own.
const (
	second       = gatetest.Channel + 1
	secondCode   = "10690077"
	secondSource = secondCode + "07"
)

// twoWays is a world with two permitted channels, the second of a later group. Both
// are owned.
func twoWays(w *gatetest.World) *desk {
	w.T.Helper()
	d := on(w)
	w.PutChannel(second, secondCode, nil)
	d.own(second)
	return d
}

// own takes a channel's lease.
func (d *desk) own(channel sms.ID) dispatch.Lease {
	d.T.Helper()
	l := dispatch.Lease{Channel: channel}
	d.Write(func(ctx context.Context, tx *store.Tx) (err error) {
		l.Epoch, _, err = tx.AcquireLease(ctx, channel, 1, d.Clock.Now().UnixMilli(), d.Clock.Now().Add(time.Hour).UnixMilli())
		return err
	})
	return l
}

// usable says that only some channels are.
func (d *desk) usable(channels ...sms.ID) {
	d.Usable = func(c sms.ID) bool { return slices.Contains(channels, c) }
}

func (d *desk) move(list ...gate.Ready) (to []sms.ID) {
	d.T.Helper()
	d.Write(func(ctx context.Context, tx *store.Tx) error {
		changes, err := d.Move(ctx, tx, lease, list)
		for _, c := range changes {
			to = append(to, c.ChannelID)
		}
		return err
	})
	return to
}

func (d *desk) lookAt(l dispatch.Lease, list ...gate.Ready) (v dispatch.Verdict) {
	d.T.Helper()
	d.Write(func(ctx context.Context, tx *store.Tx) (err error) {
		v, err = d.Look(ctx, tx, l, list)
		return err
	})
	return v
}

// sentBy tells by which channel a message was taken, with its source and its price.
func (d *desk) sentBy(id, channel sms.ID, source string) {
	d.T.Helper()
	m, s := d.Message(id), d.segments(id)
	if m.State != sms.Submitted || m.ChannelID != channel || len(s) != 1 || s[0].ChannelID != channel || s[0].Source != source || m.Captured != m.Units || m.Held != 0 {
		d.T.Errorf("message %s by %d, held %d, captured %d of %d: %+v", m.State, m.ChannelID, m.Held, m.Captured, m.Units, s)
	}
}

func numbers(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprint(13000000100+i))
	}
	return out
}

// P1, P3: a queued message that has moved is taken by the other channel's second look
// and by no other, whoever still remembers it, and moves once.
func TestMovedMessageIsSubmittedOnce(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := twoWays(w)
		r := d.permitted(gatetest.OTPText, gatetest.Member)
		if r.Message.ChannelID != gatetest.Channel {
			d.T.Fatalf("it waits for %d", r.Message.ChannelID)
		}
		d.usable(second)
		if to := d.move(r, r); len(to) != 1 || to[0] != second {
			d.T.Fatalf("it went to %v", to)
		}
		d.usable(gatetest.Channel, second)
		if to := d.move(r); len(to) != 0 {
			d.T.Errorf("the channel that it left moved it again, to %v", to)
		}
		d.expect(r.Message.ID, sms.Queued, "")
		if v := d.look(r); len(v.Go)+len(v.Back) != 0 || v.Gone != 1 {
			d.T.Errorf("the channel that it left takes it: %+v", v)
		}
		other := dispatch.Lease{Channel: second, Epoch: 1}
		if a, b := d.lookAt(other, r), d.lookAt(other, r); len(a.Go) != 1 || len(b.Go) != 0 {
			d.T.Errorf("%+v, %+v", a, b)
		}
		if to := d.move(r); len(to) != 0 {
			d.T.Errorf("it moved while it was submitted, to %v", to)
		}
		d.settle(answered(r, 1, 5, 0))
		d.sentBy(r.Message.ID, second, secondSource)
		d.Sound()
	})
}

// P4: what was refused before the message came to another channel is seen there.
func TestSecondLookAppliesOnTheNewChannel(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := twoWays(w)
		d.Agree(gatetest.Member)
		r := d.permitted(gatetest.MKTText, gatetest.Member)
		d.Refuse(gatetest.Member)
		d.usable(second)
		if to := d.move(r); len(to) != 1 {
			d.T.Fatalf("it went to %v", to)
		}
		if v := d.lookAt(dispatch.Lease{Channel: second, Epoch: 1}, r); len(v.Go) != 0 || v.Gone != 1 {
			d.T.Errorf("%+v", v)
		}
		d.expect(r.Message.ID, sms.Cancelled, sms.OptedOut)
	})
}

// P1: a channel that the decision does not permit is never used, however well it does:
// one that came later, one without a sub-code of the customer, one of another category.
func TestChannelOutsideThePermitIsNeverUsed(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		d.PutChannel(34, "10690034", func(c *registry.Channel) { c.AccessCodeID = gatetest.Code; c.Categories = "MKT,NOTICE" })
		d.PutChannel(35, "10690035", nil)
		d.Put(registry.Subcode{ID: 1035, AccessCodeID: 1035, Digits: "07", PartyID: gatetest.Customer, SignatureID: gatetest.Signature, QualificationID: 71, ContractID: 61, State: "released"})
		d.PutChannel(36, "10690036", nil) // permitted, and not usable
		r := d.permitted(gatetest.OTPText, gatetest.Member)
		w.PutChannel(second, secondCode, nil)
		if len(r.Permit.Channels) != 2 || r.Permit.Way(36) == nil {
			d.T.Fatalf("%+v", r.Permit.Channels)
		}
		d.usable(second, 34, 35)
		if to := d.move(r); len(to) != 0 {
			d.T.Errorf("it moved to %v", to)
		}
		if v := d.look(r); len(v.Go) != 1 {
			d.T.Fatalf("%+v", v)
		}
		d.settle(answered(r, 1, 0, 8))
		if m := d.Message(r.Message.ID); m.State != sms.Queued || m.ChannelID != gatetest.Channel {
			d.T.Errorf("refused for the time being it is %s for %d", m.State, m.ChannelID)
		}
	})
}

// What the carrier refused for the time being turns to the next permitted channel; the
// attempt that failed stays on record with its channel.
func TestRefusedForTheTimeBeingTurnsToTheNextChannel(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := twoWays(w)
		d.usable(gatetest.Channel, second)
		r := d.permitted(gatetest.OTPText, gatetest.Member)
		d.look(r)
		again := d.settle(answered(r, 1, 0, 8))
		if len(again) != 1 || again[0].Message.ChannelID != second || d.Message(r.Message.ID).ChannelID != second {
			d.T.Fatalf("%+v", again)
		}
		d.expect(r.Message.ID, sms.Queued, "")
		d.lookAt(dispatch.Lease{Channel: second, Epoch: 1}, again[0])
		d.settle(answered(again[0], 1, 77, 0))
		d.sentBy(r.Message.ID, second, secondSource)
		d.Write(func(ctx context.Context, tx *store.Tx) error {
			past, err := tx.PastSegments(ctx, r.Message.ID)
			if len(past) != 1 || past[0].ChannelID != gatetest.Channel || past[0].Source != "1069000001" || past[0].Result != dispatch.OverSpeed || past[0].SubmitLeaf == 0 {
				d.T.Errorf("%+v", past)
			}
			return err
		})
		if b := d.Balance(gatetest.Money); b.Held != 0 || b.Balance != gatetest.TopUp-gatetest.UnitCustomer {
			d.T.Errorf("%+v", b)
		}
	})
}

// What was not written stays with its channel while that is used, and a final refusal
// ends the message: neither is a reason to try another.
func TestOnlyTemporaryRefusalsTurn(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := twoWays(w)
		d.usable(gatetest.Channel, second)
		r := d.permitted(gatetest.OTPText, gatetest.Member)
		d.look(r)
		if again := d.settle(dispatch.Answer{Ready: r, No: 1, Outcome: session.Outcome{Kind: session.NotWritten}}); len(again) != 1 || again[0].Message.ChannelID != gatetest.Channel {
			d.T.Errorf("%+v", again)
		}
		d.look(r)
		d.settle(answered(r, 1, 0, 13))
		d.expect(r.Message.ID, sms.Failed, "RESULT:13")
	})
}

// P3: once a segment is accepted or in doubt, the message stays with its channel.
func TestAcceptedOrInDoubtNeverMoves(t *testing.T) {
	doubt := session.Outcome{Kind: session.InDoubt, Err: session.ErrTimeout}
	for what, first := range map[string]session.Outcome{"accepted": {Kind: session.Answered, ID: "70"}, "in doubt": doubt} {
		t.Run(what, func(t *testing.T) {
			gatetest.Everywhere(t, nil, func(w *gatetest.World) {
				d := twoWays(w)
				d.putLong()
				r := d.permitted("【准信科技】"+long, gatetest.Member)
				d.look(r)
				d.usable(second)
				var left dispatch.Settled
				d.Write(func(ctx context.Context, tx *store.Tx) (err error) {
					left, err = d.Settle(ctx, tx, []dispatch.Answer{{Ready: r, No: 1, Outcome: first}, answered(r, 2, 0, 8)})
					return err
				})
				if len(left.Again) != 0 || len(left.Resend) != 1 {
					d.T.Errorf("%+v", left)
				}
				if to := d.move(r); len(to) != 0 {
					d.T.Errorf("it moved to %v", to)
				}
				if s := d.segments(r.Message.ID); s[0].ChannelID != gatetest.Channel || s[1].ChannelID != gatetest.Channel || s[1].Attempt != 2 {
					d.T.Errorf("%+v", s)
				}
				d.settle(answered(r, 2, 71, 0))
				m := d.Message(r.Message.ID)
				if m.ChannelID != gatetest.Channel || m.State == sms.Queued {
					d.T.Errorf("it is %s for %d", m.State, m.ChannelID)
				}
				if to := d.move(r); len(to) != 0 {
					d.T.Errorf("%s it moved to %v", m.State, to)
				}
				d.Sound()
			})
		})
	}
}

// A channel without sessions is taken out: what waits for it, and what was claimed for
// it and not written, leaves by the next one, and so do new messages. Back again, it is
// tried with a few and then used.
func TestDownChannelIsLeftAndComesBack(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := twoWays(w)
		a := &line{owned: true, credit: 2, answer: nil}
		b := &line{id: second, owned: true}
		a.answer = func(n int) session.Outcome {
			if n == 1 {
				a.credit = 0 // of the two that were claimed the other is not written
			}
			return session.Outcome{Kind: session.Answered, ID: fmt.Sprint(n)}
		}
		var waiting []gate.Ready
		for _, n := range numbers(5) {
			waiting = append(waiting, d.permitted(gatetest.OTPText, n))
		}
		worker, stop := startWith(d, app.DispatchStore{DB: d.DB}, limits, a, b)
		d.T.Cleanup(stop)
		d.SetCourier(worker)
		in := func(channel sms.ID, state sms.State) (n int) {
			for _, r := range waiting {
				if m := d.Message(r.Message.ID); m.ChannelID == channel && m.State == state {
					n++
				}
			}
			return n
		}
		d.until("one is submitted and one is claimed", func() bool {
			return in(gatetest.Channel, sms.Submitted) == 1 && in(gatetest.Channel, sms.Submitting) == 1
		})
		a.fall(true)
		b.set(true, 100)
		d.passes(worker, gatetest.Channel, dispatch.Open)
		d.until("the others leave by the second channel", func() bool { return in(second, sms.Submitted) == 4 })
		if a.count() != 1 || b.count() != 4 {
			d.T.Errorf("%d and %d PDUs", a.count(), b.count())
		}
		for _, r := range waiting {
			if m := d.Message(r.Message.ID); m.ChannelID == second {
				d.sentBy(m.ID, second, secondSource)
			}
		}
		if h := worker.Health(gatetest.Channel); h.State != dispatch.Open || h.Cause != dispatch.CauseDown || h.Changes[dispatch.Open] != 1 {
			d.T.Errorf("%+v", h)
		}
		fresh := d.Send(gatetest.OTPText, "13000000201")[0].MessageID
		if m := d.Message(fresh); m.ChannelID != second {
			d.T.Errorf("a new message is given to %d", m.ChannelID)
		}
		a.fall(false)
		d.passes(worker, gatetest.Channel, dispatch.HalfOpen)
		trying := 0
		for i := range 10 {
			if m := d.Message(d.Send(gatetest.OTPText, fmt.Sprint(13000000210+i))[0].MessageID); m.ChannelID == gatetest.Channel {
				trying++
			}
		}
		a.set(true, 100)
		worker.Wake()
		d.tick(worker, gatetest.Channel, dispatch.Closed)
		if n := a.count(); trying != limits.Probes || n != 1+limits.Probes {
			d.T.Errorf("%d messages and %d PDUs tried the channel", trying, n-1)
		}
		if m := d.Message(d.Send(gatetest.OTPText, "13000000230")[0].MessageID); m.ChannelID != gatetest.Channel {
			d.T.Errorf("afterwards a message is given to %d", m.ChannelID)
		}
		d.Sound()
	})
}

// fall takes the line's sessions away, or gives them back.
func (l *line) fall(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
	if down {
		l.credit = 0
	}
}

// watched waits until the worker judges a channel.
func (d *desk) watched(w *dispatch.Worker, channel sms.ID) {
	d.T.Helper()
	d.until("a channel is looked after", func() bool { return w.Health(channel).Owned })
}

// passes lets time pass until the worker finds a channel in a state.
func (d *desk) passes(w *dispatch.Worker, channel sms.ID, s dispatch.BreakerState) {
	d.T.Helper()
	d.until(fmt.Sprintf("channel %d is %s", channel, s), func() bool {
		d.Clock.Set(d.Clock.Now().Add(250 * time.Millisecond))
		return w.Health(channel).State == s
	})
}

// tick waits until the worker finds a channel in a state.
func (d *desk) tick(w *dispatch.Worker, channel sms.ID, s dispatch.BreakerState) {
	d.T.Helper()
	d.until(fmt.Sprintf("channel %d is %s", channel, s), func() bool { return w.Health(channel).State == s })
}

// A channel whose reports fail is taken out, though its carrier takes everything, and
// closes when the reports of its probes come.
func TestFailingReportsTakeAChannelOut(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := twoWays(w)
		a, b := &line{owned: true, credit: 1000}, &line{id: second, owned: true, credit: 1000}
		worker, stop := startWith(d, app.DispatchStore{DB: d.DB}, limits, a, b)
		d.T.Cleanup(stop)
		d.watched(worker, gatetest.Channel)
		d.SetCourier(worker)
		receive := d.receiver(worker)
		all := numbers(limits.Reports)
		stat := "UNDELIV"
		report := func(list []string) {
			for _, n := range list {
				id := d.Send(gatetest.OTPText, n)[0].MessageID
				d.until("it is submitted", func() bool { return d.Message(id).State == sms.Submitted })
				s := d.segments(id)[0]
				if s.ChannelID != gatetest.Channel {
					d.T.Fatalf("%s left by %d", n, s.ChannelID)
				}
				receive(s.UpstreamID, n, stat)
			}
		}
		report(all)
		d.tick(worker, gatetest.Channel, dispatch.Open)
		if h := worker.Health(gatetest.Channel); h.Cause != dispatch.CauseReports {
			d.T.Errorf("%+v", h)
		}
		away := d.Send(gatetest.OTPText, "13000000201")[0].MessageID
		d.until("it leaves by the second channel", func() bool { return d.Message(away).State == sms.Submitted })
		d.sentBy(away, second, secondSource)
		d.passes(worker, gatetest.Channel, dispatch.HalfOpen)
		stat = "DELIVRD"
		report([]string{"13000000211"})
		d.tick(worker, gatetest.Channel, dispatch.Closed)
	})
}

// When no permitted channel is used, a message waits, and is not even claimed in its
// decision; then it tries the channel.
func TestWithoutAChannelAMessageWaits(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d, l := on(w), &line{owned: true, credit: 100}
		worker, stop := startWith(d, app.DispatchStore{DB: d.DB}, limits, l)
		d.T.Cleanup(stop)
		d.SetCourier(worker)
		d.watched(worker, gatetest.Channel)
		failed := make([]inbound.Ended, limits.Reports)
		for i := range failed {
			failed[i].SubmitAt = d.Clock.Now().UnixMilli()
		}
		worker.Reported(gatetest.Channel, failed)
		id := d.Send(gatetest.OTPText, gatetest.Member)[0].MessageID
		worker.Offer(d.Readies())
		cycles := worker.Stats.Cycles.Load()
		for range 20 {
			worker.Wake()
		}
		d.until("the other nodes are told", func() (told bool) {
			d.Write(func(ctx context.Context, tx *store.Tx) error {
				list, err := tx.Breakers(ctx)
				told = len(list) == 1 && list[0].State == string(dispatch.Open) && list[0].Cause == string(dispatch.CauseReports) && list[0].Trips == 1
				return err
			})
			return told
		})
		heir, stopHeir := startWith(d, app.DispatchStore{DB: d.DB}, limits, l)
		d.watched(heir, gatetest.Channel)
		if h := heir.Health(gatetest.Channel); h.State != dispatch.Open || h.Cause != dispatch.CauseReports {
			d.T.Errorf("after a restart: %+v", h)
		}
		stopHeir()
		if m := d.Message(id); m.State != sms.Queued || l.count() != 0 || worker.Stats.Cycles.Load() != cycles {
			d.T.Errorf("it is %s, %d PDUs were written", m.State, l.count())
		}
		d.passes(worker, gatetest.Channel, dispatch.HalfOpen)
		d.until("it tries the channel", func() bool { return d.Message(id).State == sms.Submitted })
		if h := worker.Health(gatetest.Channel); h.State != dispatch.HalfOpen {
			d.T.Errorf("without a report it is %s", h.State)
		}
	})
}

// receiver books reports as they come from the carrier, and has the worker told.
func (d *desk) receiver(worker *dispatch.Worker) func(upstream, number, stat string) {
	d.T.Helper()
	codes, err := vendorcode.Builtin()
	if err != nil {
		d.T.Fatal(err)
	}
	x := &inbound.Receiver{
		Store: app.InboundStore{DB: d.DB}, IDs: d.World.IDs, Keys: d.Keys, Codes: codes, InForce: d.World.Gate.InForce, Now: d.Clock.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		OnReports: func([]inbound.Told) {}, OnMO: func() {}, OnEnded: worker.Reported,
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { x.Run(ctx) })
	d.T.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return func(upstream, number, stat string) {
		d.T.Helper()
		var id uint64
		if _, err := fmt.Sscan(upstream, &id); err != nil {
			d.T.Fatal(err)
		}
		done := make(chan bool, 1)
		x.Report(gatetest.Channel, session.Report{ID: fmt.Sprint(id), Dest: number, Stat: stat}, 0, func(ok bool) { done <- ok })
		if !<-done {
			d.T.Fatal("the report was not stored")
		}
	}
}

// Two nodes own a channel each. What waits for the one that is down goes to the other
// node's, unless that node has taken it out; then it waits until it expires.
func TestMovesBetweenNodes(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := twoWays(w)
		const foreign = second + 1 // it does well, and is not permitted
		d.PutChannel(foreign, "10690034", nil)
		d.Put(registry.Subcode{
			ID: foreign + 1000, AccessCodeID: foreign + 1000, Digits: "07", PartyID: gatetest.Customer, SignatureID: gatetest.Signature, QualificationID: 71, ContractID: 61, State: "released",
		})
		d.own(foreign)
		a, b := &line{owned: true}, &line{id: second, owned: true, down: true}
		first := d.permitted(gatetest.OTPText, gatetest.Member)
		one, stopOne := startWith(d, app.DispatchStore{DB: d.DB}, limits, a)
		d.T.Cleanup(stopOne)
		two, stopTwo := startWith(d, app.DispatchStore{DB: d.DB}, limits, b)
		d.T.Cleanup(stopTwo)
		d.passes(two, second, dispatch.Open)
		d.tick(one, second, dispatch.Open) // by the other node's word
		a.fall(true)
		d.passes(one, gatetest.Channel, dispatch.Open)
		b.fall(false)
		b.set(true, 100)
		d.passes(one, second, dispatch.HalfOpen)
		if m := d.Message(first.Message.ID); m.State != sms.Queued || m.ChannelID != gatetest.Channel {
			d.T.Errorf("without a channel to go to, it is %s for %d", m.State, m.ChannelID)
		}
		for _, n := range numbers(limits.Probes) { // the nodes' gate knows that the first is down
			d.SetCourier(two)
			d.Send(gatetest.OTPText, n)
		}
		d.tick(one, second, dispatch.Closed)
		d.Clock.Set(d.Clock.Now().Add(5 * time.Second)) // the first node looks again
		d.until("it leaves by the other node", func() bool { return d.Message(first.Message.ID).State == sms.Submitted })
		d.sentBy(first.Message.ID, second, secondSource)
		if a.count() != 0 {
			d.T.Errorf("%d PDUs on the channel that is down", a.count())
		}
		d.Sound()
	})
}
