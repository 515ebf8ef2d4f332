package dispatch_test

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/app"
	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// line is a channel's connections as a test has them.
type line struct {
	mu     sync.Mutex
	id     sms.ID // 0 is gatetest.Channel
	down   bool
	answer func(n int) session.Outcome // to the nth PDU; nil accepts all
	owned  bool
	credit int
	epoch  int64 // 0 is that of lease
	got    []session.Submit
}

func (l *line) Channel() sms.ID {
	if l.id != 0 {
		return l.id
	}
	return gatetest.Channel
}

func (l *line) Up() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.down
}

func (l *line) Lease() (dispatch.Lease, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := lease
	x.Channel = l.Channel()
	if l.epoch != 0 {
		x.Epoch = l.epoch
	}
	return x, l.owned
}

func (l *line) Credit(sms.Class) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.credit
}

func (l *line) Submit(s session.Submit, done func(session.Outcome)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.credit--
	l.got = append(l.got, s)
	o := session.Outcome{Kind: session.Answered, ID: strconv.Itoa(len(l.got))}
	if l.answer != nil {
		o = l.answer(len(l.got))
	}
	go done(o)
}

func (l *line) Send(t dispatch.Text, done func(session.Outcome, string)) {
	l.Submit(session.Submit{Source: t.Source, Content: []byte(t.Text)}, func(o session.Outcome) { done(o, "") })
}

func (l *line) set(owned bool, credit int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owned, l.credit = owned, credit
}

func (l *line) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.got)
}

// shutting ends a line's lease after each transaction of the worker, before it can
// write what it has claimed there.
type shutting struct {
	dispatch.Store
	line *line
}

func (s shutting) Write(ctx context.Context, fn func(context.Context, dispatch.WorkTx) error) error {
	err := s.Store.Write(ctx, fn)
	s.line.set(false, 0)
	return err
}

// work runs a worker on a line until the test ends.
func work(d *desk, l *line) *dispatch.Worker {
	d.T.Helper()
	w, stop := start(d, l, app.DispatchStore{DB: d.DB})
	d.T.Cleanup(stop)
	return w
}

func start(d *desk, l *line, s dispatch.Store) (w *dispatch.Worker, stop func()) {
	d.T.Helper()
	return startWith(d, s, dispatch.Limits{}, l)
}

func startWith(d *desk, s dispatch.Store, limits dispatch.Limits, lines ...dispatch.Line) (w *dispatch.Worker, stop func()) {
	d.T.Helper()
	w = dispatch.NewWorker(dispatch.Config{
		Limits: limits, Watch: 5 * time.Millisecond, Now: d.Clock.Now,
		MaxClaims: 100, MaxAnswers: 100, Poll: 20 * time.Millisecond, Together: d.DB.Dialect() == store.SQLite, OnTold: func() {},
		Redecide: func(ctx context.Context, list []*sms.Message) error {
			_, err := d.Gate.Redecide(ctx, list, false)
			return err
		},
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}, &d.Desk, s, d.Keys)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	w.SetLines(lines)
	return w, func() {
		cancel()
		running.Wait()
	}
}

// until waits for a condition. Its bound only stops a test that hangs.
func (d *desk) until(what string, ok func() bool) {
	d.T.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			d.T.Fatalf("it never came to this: %s", what)
		}
		<-tick.C
	}
}

// The worker writes no more than there is credit for, codes before offers, and what
// waits in the database as well as what comes from the gate.
func TestWorkerServesCodesFirstWithinItsCredit(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d, l := on(w), &line{}
		d.Agree(gatetest.Member)
		offer := d.permitted(gatetest.MKTText, gatetest.Member)
		code := d.permitted(gatetest.OTPText, gatetest.Stranger)
		worker := work(d, l) // both wait in the database
		l.set(true, 1)
		worker.Wake()
		d.until("the code is submitted", func() bool { return d.Message(code.Message.ID).State == sms.Submitted })
		if l.count() != 1 || d.Message(offer.Message.ID).State != sms.Queued {
			d.T.Errorf("%d PDUs for a credit of one; the offer is %s", l.count(), d.Message(offer.Message.ID).State)
		}
		l.set(true, 5)
		worker.Wake()
		d.until("the offer is submitted", func() bool { return d.Message(offer.Message.ID).State == sms.Submitted })
		third := d.permitted(gatetest.OTPText, "13000000003")
		worker.Offer(d.Readies()[len(d.Readies())-1:])
		d.until("what the gate offers is submitted", func() bool { return d.Message(third.Message.ID).State == sms.Submitted })
	})
}

// A queued message whose stored text is damaged waits alone until it expires; what
// stands behind it is sent.
func TestDamagedMessageHoldsNobodyUp(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d, l := on(w), &line{}
		bad := d.permitted(gatetest.OTPText, gatetest.Stranger)
		good := d.permitted(gatetest.OTPText, "13000000003")
		err := w.DB.Write(t.Context(), store.TurnGate, func(ctx context.Context, tx *store.Tx) error {
			return tx.Exec(ctx, "UPDATE message SET text = ? WHERE id = ?", []byte("damaged"), int64(bad.Message.ID))
		})
		if err != nil {
			w.T.Fatal(err)
		}
		worker := work(d, l)
		l.set(true, 5)
		worker.Wake()
		d.until("the other is submitted", func() bool { return d.Message(good.Message.ID).State == sms.Submitted })
		if m := d.Message(bad.Message.ID); m.State != sms.Queued || worker.Stats.Damaged.Load() == 0 {
			w.T.Errorf("it is %s, and %d were found damaged", m.State, worker.Stats.Damaged.Load())
		}
	})
}

// When the lease ends, a message of which nothing was written goes back to the
// queue; the rest of a half-written one waits, and is not tried over and over.
func TestUnwrittenParts(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d, l := on(w), &line{}
		d.putLong()
		half := d.permitted("【准信科技】"+long, gatetest.Member)
		worker := work(d, l)
		l.set(true, 1) // room for the first of two parts
		worker.Wake()
		d.until("the first part is answered", func() bool {
			s := d.segments(half.Message.ID)
			return len(s) == 2 && s[0].State == sms.SegAccepted
		})
		l.set(false, 0)
		cycles := worker.Stats.Cycles.Load()
		for range 50 {
			worker.Wake()
		}
		whole := d.permitted(gatetest.OTPText, gatetest.Stranger)
		worker.Offer(d.Readies()[len(d.Readies())-1:])
		if s := d.segments(half.Message.ID); s[1].State != sms.SegSubmitting || s[1].Attempt != 1 || worker.Stats.Cycles.Load() > cycles+2 {
			d.T.Errorf("without a lease there were %d cycles: %+v", worker.Stats.Cycles.Load()-cycles, s[1])
		}
		l.set(true, 5)
		worker.Wake()
		for _, r := range []sms.ID{half.Message.ID, whole.Message.ID} {
			d.until("both messages are submitted", func() bool { return d.Message(r).State == sms.Submitted })
		}
		if l.count() != 3 {
			d.T.Errorf("%d PDUs", l.count())
		}
		d.Sound()
	})
}

// When a channel begins a new lease, what was half written under the old one is in
// doubt, and no longer takes up room.
func TestHalfWrittenMessageFallsWithItsLease(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d, l := on(w), &line{}
		d.putLong()
		half := d.permitted("【准信科技】"+long, gatetest.Member)
		worker := work(d, l)
		l.set(true, 1)
		worker.Wake()
		d.until("the first part is answered", func() bool {
			s := d.segments(half.Message.ID)
			return len(s) == 2 && s[0].State == sms.SegAccepted
		})
		l.set(false, 0)
		again := lease
		d.Write(func(ctx context.Context, tx *store.Tx) (err error) {
			again.Epoch, _, err = tx.AcquireLease(ctx, gatetest.Channel, 1, w.Clock.Now().UnixMilli(), w.Clock.Now().Add(time.Minute).UnixMilli())
			return err
		})
		if n, err := worker.Adopt(context.Background(), again); err != nil || n != 1 {
			d.T.Fatalf("%d adopted, %v", n, err)
		}
		l.mu.Lock()
		l.epoch = again.Epoch
		l.mu.Unlock()
		l.set(true, 1) // room for one
		code := d.permitted(gatetest.OTPText, gatetest.Stranger)
		worker.Offer(d.Readies()[len(d.Readies())-1:])
		d.until("the code is submitted", func() bool { return d.Message(code.Message.ID).State == sms.Submitted })
		if m := d.Message(half.Message.ID); m.State != sms.InDoubt || l.count() != 2 {
			d.T.Errorf("the half-written message is %s after %d PDUs", m.State, l.count())
		}
		d.Sound()
	})
}

// What was claimed and never written goes back to the queue.
func TestClaimedAndUnwrittenGoesBack(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d, l := on(w), &line{}
		r := d.permitted(gatetest.OTPText, gatetest.Member)
		l.set(true, 1)
		_, stop := start(d, l, shutting{app.DispatchStore{DB: d.DB}, l})
		d.until("the message is queued again after an attempt", func() bool {
			s := d.segments(r.Message.ID)
			return len(s) == 1 && s[0].State == sms.SegRefused && d.Message(r.Message.ID).State == sms.Queued
		})
		stop()
		if l.count() != 0 {
			d.T.Error("a PDU was written without a lease")
		}
		l.set(true, 1)
		work(d, l)
		d.until("it is submitted", func() bool { return d.Message(r.Message.ID).State == sms.Submitted })
	})
}
