package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
	"github.com/zhunxin/zhunxin/protocol/session"
)

func TestMain(m *testing.M) { storetest.Main(m) }

var lease = dispatch.Lease{Channel: gatetest.Channel, Epoch: 1}

// desk runs dispatch's transactions on a world.
type desk struct {
	*gatetest.World
	dispatch.Desk
}

func on(w *gatetest.World) *desk {
	w.T.Helper()
	w.Write(func(ctx context.Context, tx *store.Tx) error {
		_, _, err := tx.AcquireLease(ctx, gatetest.Channel, 1, w.Clock.Now().UnixMilli(), w.Clock.Now().Add(time.Minute).UnixMilli())
		return err
	})
	return &desk{w, dispatch.Desk{Rules: w.Gate.Rules, IDs: w.IDs}}
}

func (d *desk) look(list ...gate.Ready) (v dispatch.Verdict) {
	d.T.Helper()
	d.Write(func(ctx context.Context, tx *store.Tx) (err error) {
		v, err = d.Look(ctx, tx, lease, list)
		return err
	})
	return v
}

func (d *desk) settle(answers ...dispatch.Answer) (again []gate.Ready) {
	d.T.Helper()
	d.Write(func(ctx context.Context, tx *store.Tx) (err error) {
		left, err := d.Settle(ctx, tx, answers)
		again = left.Again
		return err
	})
	return again
}

// permitted sends a text and gives what the gate handed over for it.
func (d *desk) permitted(text, number string) gate.Ready {
	d.T.Helper()
	r := d.Send(text, number)[0]
	for _, x := range d.Readies() {
		if x.Message.ID == r.MessageID {
			return x
		}
	}
	d.T.Fatalf("not permitted: %s %s", r.Code, r.Rule)
	return gate.Ready{}
}

func (d *desk) segments(id sms.ID) (list []sms.Segment) {
	d.T.Helper()
	err := d.DB.Read(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		return tx.SegmentsOf(ctx, []sms.ID{id}, func(s sms.Segment) { list = append(list, s) })
	})
	if err != nil {
		d.T.Fatal(err)
	}
	return list
}

func (d *desk) expect(id sms.ID, state sms.State, reason sms.Code) {
	d.T.Helper()
	if m := d.Message(id); m.State != state || m.Reason != string(reason) {
		d.T.Errorf("%s %s, want %s %s", m.State, m.Reason, state, reason)
	}
	d.Sound()
}

func answered(r gate.Ready, no int, id uint64, result uint32) dispatch.Answer {
	return dispatch.Answer{Ready: r, No: no, Outcome: session.Outcome{Kind: session.Answered, ID: fmt.Sprint(id), Result: result, OverSpeed: result == 8}}
}

// P6: what is captured cites the carrier's own id.
func TestAcceptedIsChargedWithTheCarriersID(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		r := d.permitted(gatetest.OTPText, gatetest.Member)
		if v := d.look(r); len(v.Go) != 1 {
			d.T.Fatalf("%+v", v)
		}
		d.expect(r.Message.ID, sms.Submitting, "")
		d.settle(answered(r, 1, 1<<63+5, 0))
		d.expect(r.Message.ID, sms.Submitted, "")
		s := d.segments(r.Message.ID)
		if len(s) != 1 || s[0].UpstreamID != "9223372036854775813" || s[0].State != sms.SegAccepted || s[0].Epoch != 1 || s[0].Source != "1069000001" {
			d.T.Errorf("%+v", s)
		}
		if b := d.Balance(gatetest.Money); b.Held != 0 || b.Balance != gatetest.TopUp-gatetest.UnitCustomer {
			d.T.Errorf("%+v", b)
		}
		if b := d.Balance(gatetest.OperatorMoney); b.Balance != gatetest.TopUp-gatetest.UnitOwner {
			d.T.Errorf("%+v", b)
		}
		d.settle(answered(r, 1, 99, 0)) // the same answer again changes nothing
		if b := d.Balance(gatetest.Money); b.Balance != gatetest.TopUp-gatetest.UnitCustomer || d.segments(r.Message.ID)[0].UpstreamID != "9223372036854775813" {
			d.T.Errorf("charged twice: %+v", b)
		}
	})
}

// P4: whatever was permitted before, nothing enters submitting after the opt-out.
func TestOptOutAfterTheDecisionIsSeen(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		d.Agree(gatetest.Member)
		d.Agree(gatetest.Stranger)
		mkt, other := d.permitted(gatetest.MKTText, gatetest.Member), d.permitted(gatetest.MKTText, gatetest.Stranger)
		otp := d.permitted(gatetest.OTPText, gatetest.Member)
		d.Refuse(gatetest.Member)
		v := d.look(mkt, otp, other)
		if len(v.Go) != 2 || v.Gone != 1 || v.Go[0].Message.ID == mkt.Message.ID || v.Go[1].Message.ID == mkt.Message.ID {
			d.T.Errorf("%+v", v)
		}
		d.expect(mkt.Message.ID, sms.Cancelled, sms.OptedOut)
		d.expect(otp.Message.ID, sms.Submitting, "")
		if b := d.Balance(gatetest.Money); b.Held != 2*gatetest.UnitCustomer {
			d.T.Errorf("held %s: the cancelled message must be released", b.Held)
		}
	})
}

func TestRevokedObjectSendsBackToTheGate(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		r := d.permitted(gatetest.OTPText, gatetest.Member)
		d.Write(func(ctx context.Context, tx *store.Tx) error {
			if err := tx.Put(ctx, registry.Filing{SignatureID: gatetest.Signature, Carrier: sms.Unicom, State: registry.Revoked}); err != nil {
				return err
			}
			_, err := tx.Revoke(ctx, sms.Revocation{Kind: "filing", ObjectID: int64(gatetest.Signature), At: gatetest.Morning.UnixMilli()})
			return err
		})
		if v := d.look(r); len(v.Back) != 1 || len(v.Go) != 0 {
			d.T.Errorf("%+v", v)
		}
		d.expect(r.Message.ID, sms.Queued, "")
	})
}

// Lawful hours end between the decision and the submission.
func TestFactThatEndsByItselfSendsBackToTheGate(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		d.Agree(gatetest.Member)
		r := d.permitted(gatetest.MKTText, gatetest.Member)
		until := d.Message(r.Message.ID).ValidUntil
		if until == 0 {
			d.T.Fatal("marketing is valid for ever")
		}
		d.Clock.Set(time.UnixMilli(until))
		if v := d.look(r); len(v.Go) != 0 || len(v.Back)+v.Gone != 1 {
			d.T.Errorf("%+v", v)
		}
	})
}

// What expires gives its money back, and counts for no frequency: the events of all go.
func TestLateCodeExpires(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		r, other := d.permitted(gatetest.OTPText, gatetest.Member), d.permitted(gatetest.OTPText, gatetest.Stranger)
		d.Clock.Set(gatetest.Morning.Add(5 * time.Minute))
		if v := d.look(r, other); v.Gone != 2 {
			d.T.Errorf("%+v", v)
		}
		d.Write(func(ctx context.Context, tx *store.Tx) error {
			return tx.Recent(ctx, [][16]byte{r.Message.PhoneID, other.Message.PhoneID}, 0, func(e sms.RecipientEvent) { d.T.Errorf("%+v is left", e) })
		})
		d.expect(r.Message.ID, sms.Expired, sms.NotAfterPassed)
		if b := d.Balance(gatetest.Money); b.Held != 0 {
			d.T.Errorf("held %s", b.Held)
		}
	})
}

// Two codes wait and leave within one minute: the newest goes, the other ends.
func TestFrequencyIsCountedAtSubmission(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		first := d.permitted(gatetest.OTPText, gatetest.Member)
		d.Clock.Set(gatetest.Morning.Add(61 * time.Second))
		second := d.permitted(gatetest.OTPText, gatetest.Member)
		d.look(second)
		v := d.look(first)
		if v.Gone != 1 {
			d.T.Errorf("%+v", v)
		}
		d.expect(first.Message.ID, sms.Cancelled, sms.FrequencyOTP)
		d.expect(second.Message.ID, sms.Submitting, "")
	})
}

// P1, P3: a message is submitted once, whoever asks.
func TestSecondLookTakesAMessageOnce(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		r := d.permitted(gatetest.OTPText, gatetest.Member)
		if a, b := d.look(r), d.look(r); len(a.Go) != 1 || len(b.Go) != 0 || b.Gone != 1 {
			d.T.Errorf("%+v, %+v", a, b)
		}
		other := d.permitted(gatetest.OTPText, gatetest.Stranger)
		other.Permit = &gate.Permit{Chain: other.Permit.Chain} // a channel that the decision did not name
		if v := d.look(other); len(v.Go) != 0 || len(v.Back) != 1 {
			d.T.Errorf("%+v", v)
		}
	})
}

// P3: what may have been written is in doubt, never queued again, never charged.
func TestInDoubtIsHeldAndNotRepeated(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		r := d.permitted(gatetest.OTPText, gatetest.Member)
		d.look(r)
		again := d.settle(dispatch.Answer{Ready: r, No: 1, Outcome: session.Outcome{Kind: session.InDoubt, Err: session.ErrTimeout}})
		if len(again) != 0 {
			d.T.Error("it is to be sent again")
		}
		d.expect(r.Message.ID, sms.InDoubt, "")
		if b := d.Balance(gatetest.Money); b.Held != gatetest.UnitCustomer || b.Balance != gatetest.TopUp {
			d.T.Errorf("%+v", b)
		}
		if v := d.look(r); len(v.Go)+len(v.Back) != 0 {
			d.T.Errorf("%+v", v)
		}
	})
}

func TestCertainlyNotTakenWaitsAgain(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		r := d.permitted(gatetest.OTPText, gatetest.Member)
		for i, a := range []dispatch.Answer{
			answered(r, 1, 0, 8),
			{Ready: r, No: 1, Outcome: session.Outcome{Kind: session.NotWritten, Err: errors.New("gone")}},
		} {
			if v := d.look(r); len(v.Go) != 1 {
				d.T.Fatalf("%d: %+v", i, v)
			}
			if again := d.settle(a); len(again) != 1 {
				d.T.Errorf("%d: it does not wait again", i)
			}
			d.expect(r.Message.ID, sms.Queued, "")
		}
		d.look(r)
		d.settle(answered(r, 1, 5, 0))
		if s := d.segments(r.Message.ID); s[0].Attempt != 3 || s[0].UpstreamID != "5" {
			d.T.Errorf("%+v", s)
		}
		if b := d.Balance(gatetest.Money); b.Held != 0 || b.Balance != gatetest.TopUp-gatetest.UnitCustomer {
			d.T.Errorf("%+v", b)
		}
	})
}

func TestRefusedByTheCarrierIsReleased(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		r := d.permitted(gatetest.OTPText, gatetest.Member)
		d.look(r)
		d.settle(answered(r, 1, 0, 13))
		d.expect(r.Message.ID, sms.Failed, "RESULT:13")
		if b := d.Balance(gatetest.Money); b.Held != 0 || b.Balance != gatetest.TopUp {
			d.T.Errorf("%+v", b)
		}
		d.permitted(gatetest.OTPText, gatetest.Member) // it does not count against the person's limit
	})
}

// A long message of three segments: one accepted, one in doubt, one refused.
func TestLongMessageIsChargedByAcceptedSegments(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		body := strings.Repeat("会员活动说明", 30) + "拒收请回复R"
		d.Put(
			registry.Template{ID: 53, PartyID: gatetest.Customer, Category: sms.MKT, Name: "long", State: registry.Active},
			registry.TemplateVersion{TemplateID: 53, Version: 1, Body: body, State: registry.Approved, Period: registry.Period{From: 1}},
			gatetest.Filed(53, sms.Unicom),
		)
		d.Agree(gatetest.Member)
		r := d.permitted("【准信科技】"+body, gatetest.Member)
		if r.Message.Segments != 3 || r.Message.Units != 3 {
			d.T.Fatalf("%d segments, %d units", r.Message.Segments, r.Message.Units)
		}
		d.look(r)
		d.settle(answered(r, 2, 7, 0))
		d.expect(r.Message.ID, sms.Submitting, "") // two are still open
		d.settle(answered(r, 1, 0, 9), dispatch.Answer{Ready: r, No: 3, Outcome: session.Outcome{Kind: session.InDoubt}})
		d.expect(r.Message.ID, sms.InDoubt, "RESULT:9")
		if b := d.Balance(gatetest.Money); b.Held != gatetest.UnitCustomer || b.Balance != gatetest.TopUp-gatetest.UnitCustomer {
			d.T.Errorf("one is charged, one held, one free: %+v", b)
		}
	})
}

// A node whose lease has passed to another writes nothing more (P3).
func TestFormerOwnerMayNotSubmit(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		r := d.permitted(gatetest.OTPText, gatetest.Member)
		take := func(node int, at time.Time) (epoch int64, ok bool) {
			d.Write(func(ctx context.Context, tx *store.Tx) (err error) {
				epoch, ok, err = tx.AcquireLease(ctx, gatetest.Channel, node, at.UnixMilli(), at.Add(time.Minute).UnixMilli())
				return err
			})
			return epoch, ok
		}
		if _, ok := take(2, gatetest.Morning); ok {
			d.T.Fatal("another node took a lease that stands")
		}
		if epoch, ok := take(2, gatetest.Morning.Add(time.Minute)); !ok || epoch != 2 {
			d.T.Fatalf("epoch %d, %v", epoch, ok)
		}
		err := d.DB.Write(context.Background(), store.TurnSubmit, func(ctx context.Context, tx *store.Tx) error {
			_, err := d.Look(ctx, tx, lease, []gate.Ready{r})
			return err
		})
		if err == nil {
			d.T.Error("the former owner's second look passed")
		}
		d.expect(r.Message.ID, sms.Queued, "")
	})
}

// Half a text is of use to nobody: a segment that was refused for speed beside
// one that was taken is made again, and its first attempt stays on record.
func TestSegmentRefusedForSpeedIsMadeAgain(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		d.putLong()
		r := d.permitted("【准信科技】"+long, gatetest.Member)
		d.look(r)
		var left dispatch.Settled
		d.Write(func(ctx context.Context, tx *store.Tx) (err error) {
			left, err = d.Settle(ctx, tx, []dispatch.Answer{answered(r, 1, 70, 0), answered(r, 2, 0, 8)})
			return err
		})
		d.expect(r.Message.ID, sms.Submitting, "")
		if len(left.Again) != 0 || len(left.Resend) != 1 || left.Resend[0].No != 2 {
			d.T.Fatalf("%+v", left)
		}
		d.settle(answered(r, 2, 71, 0))
		d.expect(r.Message.ID, sms.Submitted, "")
		s := d.segments(r.Message.ID)
		if s[1].Attempt != 2 || s[1].UpstreamID != "71" || d.Balance(gatetest.Money).Held != 0 {
			d.T.Errorf("%+v", s)
		}
		d.Write(func(ctx context.Context, tx *store.Tx) error {
			past, err := tx.PastSegments(ctx, r.Message.ID)
			if len(past) != 1 || past[0].No != 2 || past[0].Attempt != 1 || past[0].Result != dispatch.OverSpeed || past[0].SubmitLeaf == 0 {
				d.T.Errorf("%+v", past)
			}
			return err
		})
		d.Sound()
	})
}

// putLong adds a template of a code whose text needs two PDUs.
func (d *desk) putLong() {
	d.T.Helper()
	const id = gatetest.TemplateMKT + 1
	d.Put(
		registry.Template{ID: id, PartyID: gatetest.Customer, Category: sms.OTP, Name: "long", State: registry.Active},
		registry.TemplateVersion{TemplateID: id, Version: 1, Body: long, State: registry.Approved, Period: registry.Period{From: 1}},
		gatetest.Filed(id, sms.Unicom),
	)
}

const long = "您的验证码有很多字，您的验证码有很多字，您的验证码有很多字，您的验证码有很多字，您的验证码有很多字，您的验证码有很多字，您的验证码有很多字，您的验证码有很多字。"

// A message may come to the second look twice: from the gate and from the database.
func TestMessageNamedTwiceLeavesOnce(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		r := d.permitted(gatetest.OTPText, gatetest.Member)
		if v := d.look(r, r); len(v.Go) != 1 || v.Gone != 1 {
			d.T.Errorf("%+v", v)
		}
	})
}

// Numbers of the revocation journal are in the order of commits. An entry that was begun
// first and is committed last is seen by a second look whose message was decided in between:
// another entry, begun later, has not moved the journal past it.
func TestRevocationsAreSeenInOrderOfCommit(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		var r gate.Ready
		if w.DB.Dialect() == store.SQLite { // one writer: nothing is decided in between
			r = d.permitted(gatetest.OTPText, gatetest.Member)
		}
		begun, commit := make(chan struct{}), make(chan struct{})
		end := sync.OnceFunc(func() { close(commit) })
		defer end()
		// The entry names no person, whose lock would keep the decision waiting.
		revoke := func(done chan<- error, before func()) {
			done <- w.DB.Write(context.Background(), store.TurnOptOut, func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Revoke(ctx, sms.Revocation{Kind: "filing", ObjectID: int64(gatetest.Signature), At: gatetest.Morning.UnixMilli()})
				before()
				return err
			})
		}
		first, second := make(chan error, 1), make(chan error, 1)
		go revoke(first, func() { close(begun); <-commit })
		<-begun
		go revoke(second, func() {})
		if w.DB.Dialect() == store.Postgres {
			d.untilItWaits(second)
			r = d.permitted(gatetest.OTPText, gatetest.Member)
		}
		end()
		for _, done := range []chan error{first, second} {
			if err := <-done; err != nil {
				w.T.Fatal(err)
			}
		}
		if v := d.look(r); len(v.Back) != 1 || len(v.Go) != 0 {
			w.T.Errorf("the look saw neither: %+v", v)
		}
	})
}

// untilItWaits returns once a transaction waits for another's lock, or is done after all.
func (d *desk) untilItWaits(done chan error) {
	d.T.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for waiting := 0; waiting == 0; <-tick.C {
		if len(done) > 0 {
			return
		}
		err := d.DB.Read(context.Background(), func(ctx context.Context, tx *store.Tx) error {
			return tx.One(ctx, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'", nil, &waiting)
		})
		if err != nil {
			d.T.Fatal(err)
		}
	}
}
