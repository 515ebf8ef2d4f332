package dispatch_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/app"
	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// courier makes a worker that is not running the gate's courier: what it does, it
// does in the gate's transactions.
func courier(d *desk, l *line) *dispatch.Worker {
	w := dispatch.NewWorker(dispatch.Config{OnTold: func() {}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}, &d.Desk, app.DispatchStore{DB: d.DB}, d.Keys)
	w.SetLines([]dispatch.Line{l})
	d.SetCourier(w)
	return w
}

// A permitted message for which there is room is submitting in the transaction that
// decides it; one for which there is none waits in the queue.
func TestMessageIsClaimedInItsDecision(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d, l := on(w), &line{}
		courier(d, l)
		l.set(true, 1)
		first := d.Send(gatetest.OTPText, gatetest.Member)[0]
		if first.State != sms.Queued { // what a customer is told of any permitted message
			d.T.Errorf("the customer is told %q", first.State)
		}
		second := d.Send(gatetest.OTPText, gatetest.Stranger)[0]
		s := d.segments(first.MessageID)
		if m := d.Message(first.MessageID); m.State != sms.Submitting || len(s) != 1 || s[0].State != sms.SegSubmitting || s[0].Epoch != lease.Epoch || s[0].SubmitAt != m.CreatedAt {
			d.T.Errorf("the first is %s with %+v", m.State, s)
		}
		if m := d.Message(second.MessageID); m.State != sms.Queued || len(d.segments(m.ID)) != 0 {
			d.T.Errorf("the second is %s", m.State)
		}
		if r := d.Readies(); l.count() != 1 || len(r) != 1 || r[0].Message.ID != second.MessageID {
			d.T.Errorf("%d PDUs were written, %d messages queued", l.count(), len(r))
		}
		d.Sound()
	})
}

// What waits goes first: an offer does not pass other offers, a code passes them.
func TestClaimPassesNothingThatWaits(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d, l := on(w), &line{}
		d.Agree(gatetest.Member)
		d.Agree(gatetest.Stranger)
		d.permitted(gatetest.MKTText, gatetest.Member)
		worker := courier(d, l)
		worker.Offer(d.Readies())
		l.set(true, 5)
		offer, code := d.Send(gatetest.MKTText, gatetest.Stranger)[0], d.Send(gatetest.OTPText, gatetest.Stranger)[0]
		if a, b := d.Message(offer.MessageID).State, d.Message(code.MessageID).State; a != sms.Queued || b != sms.Submitting {
			d.T.Errorf("the offer is %s, the code %s", a, b)
		}
	})
}

// A node whose lease has passed to another claims nothing.
func TestFormerOwnerClaimsNothing(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d, l := on(w), &line{}
		courier(d, l)
		l.set(true, 5)
		w.Clock.Set(w.Clock.Now().Add(2 * time.Minute))
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			_, _, err := tx.AcquireLease(ctx, gatetest.Channel, 2, w.Clock.Now().UnixMilli(), w.Clock.Now().Add(time.Minute).UnixMilli())
			return err
		})
		r := d.Send(gatetest.OTPText, gatetest.Member)[0]
		if m := d.Message(r.MessageID); m.State != sms.Queued || l.count() != 0 {
			d.T.Errorf("it is %s, %d PDUs were written", m.State, l.count())
		}
	})
}

var errDisk = errors.New("the disk is full")

// failing lets the first transaction fail after it has done everything.
type failing struct {
	gate.Store
	once *atomic.Bool
}

func (f failing) Write(ctx context.Context, fn func(context.Context, gate.Tx) error) error {
	return f.Store.Write(ctx, func(ctx context.Context, tx gate.Tx) error {
		if err := fn(ctx, tx); err != nil || f.once.Swap(true) {
			return err
		}
		return errDisk
	})
}

// P1: nothing is written of a decision that did not commit, and the room that it
// held is free again.
func TestClaimOfAFailedDecisionIsGone(t *testing.T) {
	gatetest.Everywhere(t, func(s gate.Store) gate.Store { return failing{s, new(atomic.Bool)} }, func(w *gatetest.World) {
		d, l := on(w), &line{}
		courier(d, l)
		l.set(true, 1)
		_, err := d.Gate.Submit(context.Background(), d.Call(gatetest.OTPText, gatetest.Member))
		if err == nil || l.count() != 0 {
			d.T.Fatalf("%d PDUs were written, error %v", l.count(), err)
		}
		r := d.Send(gatetest.OTPText, gatetest.Member)[0]
		if m := d.Message(r.MessageID); m.State != sms.Submitting || l.count() != 1 {
			d.T.Errorf("afterwards it is %s, %d PDUs", m.State, l.count())
		}
	})
}
