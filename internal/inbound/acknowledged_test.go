package inbound_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/zhunxin/zhunxin/internal/app"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/inbound"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// held stops before each transaction and, if it was committed, after it.
type held struct {
	app.InboundStore
	asked     chan struct{}
	fate      chan error // what becomes of it; nil lets it run
	committed chan struct{}
	leave     chan struct{}
}

func (h *held) run(write func() error) error {
	h.asked <- struct{}{}
	if err := <-h.fate; err != nil {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	h.committed <- struct{}{}
	<-h.leave
	return nil
}

func (h *held) WriteReports(ctx context.Context, fn func(context.Context, inbound.Tx) error) error {
	return h.run(func() error { return h.InboundStore.WriteReports(ctx, fn) })
}

func (h *held) WriteMO(ctx context.Context, fn func(context.Context, inbound.MOTx) error) error {
	return h.run(func() error { return h.InboundStore.WriteMO(ctx, fn) })
}

// receiving runs a receiver over a store that stops where the test says.
func receiving(w *gatetest.World) (*inbound.Receiver, *held) {
	w.T.Helper()
	h := &held{
		InboundStore: app.InboundStore{DB: w.DB},
		asked:        make(chan struct{}), fate: make(chan error), committed: make(chan struct{}), leave: make(chan struct{}),
	}
	x := &inbound.Receiver{
		Store: h, IDs: w.IDs, Keys: w.Keys, Codes: table(w.T), InForce: w.Gate.InForce, Now: w.Clock.Now, Logger: slog.New(slog.DiscardHandler),
		OnReports: func([]inbound.Told) {}, OnMO: func() {},
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { x.Run(ctx) })
	w.T.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return x, h
}

// acknowledgedOnceStored brings a thing twice, as a carrier does that had no answer: the
// store fails the first time.
func acknowledgedOnceStored(w *gatetest.World, h *held, bring func(ack func(ok bool)), stored func() bool) {
	w.T.Helper()
	acks := make(chan bool, 2)
	none := func(when string) {
		w.T.Helper()
		if len(acks) != 0 {
			w.T.Errorf("it was answered %s", when)
		}
	}
	ack := func(ok bool) { acks <- ok }
	bring(ack)
	<-h.asked
	none("before it was stored")
	h.fate <- errors.New("the disk is full")
	if <-acks || stored() {
		w.T.Error("it was taken though the store failed")
	}
	bring(ack)
	<-h.asked
	none("before it was stored again")
	h.fate <- nil
	<-h.committed
	none("before its commit was known")
	if !stored() {
		w.T.Error("it was committed and is not there")
	}
	h.leave <- struct{}{}
	if !<-acks {
		w.T.Error("it was stored and not acknowledged")
	}
}

func count(w *gatetest.World, query string) (n int) {
	w.T.Helper()
	err := w.DB.Read(context.Background(), func(ctx context.Context, tx *store.Tx) error { return tx.One(ctx, query, nil, &n) })
	if err != nil {
		w.T.Fatal(err)
	}
	return n
}

// P2: a report is answered to the carrier once its booking is committed, and is asked for
// again when it could not be.
func TestReportsAreAcknowledgedOnceStored(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		r := submitted(w, gatetest.Member, accepted)
		x, h := receiving(w)
		acknowledgedOnceStored(w, h, func(ack func(bool)) {
			x.Report(gatetest.Channel, session.Report{ID: "42", Dest: gatetest.Member, Source: "1069000001", Stat: "DELIVRD"}, 0, ack)
		}, func() bool { return w.Message(r.Message.ID).State == sms.Delivered })
	})
}

// P2: neither is a message from a handset, nor a part of one. It may be a refusal.
func TestRepliesAreAcknowledgedOnceStored(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		x, h := receiving(w)
		mo := session.MO{ID: "7", Source: gatetest.Member, Dest: "1069000001", Content: []byte("T")}
		acknowledgedOnceStored(w, h, func(ack func(bool)) { x.MO(gatetest.Channel, mo, ack) }, func() bool {
			return count(w, "SELECT COUNT(*) FROM mo") == 1 && count(w, "SELECT COUNT(*) FROM suppression") == 1
		})
		part := session.MO{ID: "8", Source: gatetest.Member, Dest: "1069000001", UDHI: true, Content: []byte{5, 0, 3, 77, 2, 1, 'o', 'h'}}
		acknowledgedOnceStored(w, h, func(ack func(bool)) { x.MO(gatetest.Channel, part, ack) }, func() bool {
			return count(w, "SELECT COUNT(*) FROM mo_part") == 1
		})
	})
}
