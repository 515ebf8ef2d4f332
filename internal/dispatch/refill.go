package dispatch

import (
	"context"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Reading what waits in the database: a page at a time, before memory is empty.
const (
	refillSize = 500
	refillLow  = 100
	maxLoads   = 8 // at a time for one channel
)

// refill has what waits in the database read for accounts of which little is left in
// memory. The worker does not wait for it: verification codes may be due meanwhile.
func (w *Worker) refill(ctx context.Context) {
	for _, line := range *w.lines.Load() {
		if _, ok := line.Lease(); !ok || line.Credit(sms.ClassOTP) == 0 || w.health.is(line.Channel(), Open) {
			continue
		}
		w.mu.Lock()
		q := w.queues[line.Channel()]
		if q == nil {
			w.mu.Unlock()
			continue
		}
		flows, classes := q.dry()
		for i, f := range flows {
			after := f.read
			if n := len(f.list); n > 0 {
				after = f.list[n-1].Message.ID
			}
			if f.rewind {
				after = 0
			}
			if q.loads == maxLoads || q.size+(q.loads+1)*refillSize > MaxQueue {
				break
			}
			f.loading, f.spilled, f.rewind = true, false, false // what is decided from here on comes to memory
			q.loads++
			w.loads.Go(func() { w.fill(ctx, q, f, line.Channel(), classes[i], after) })
		}
		w.mu.Unlock()
	}
}

// fill reads a page for one account. What fails is tried again at the next poll.
func (w *Worker) fill(ctx context.Context, q *queue, f *flow, channel sms.ID, class sms.Class, after sms.ID) {
	list, read, err := w.load(ctx, channel, class, f.account, after)
	if err != nil && ctx.Err() == nil {
		w.failed("read queued messages", err)
	}
	w.mu.Lock()
	q.loads--
	if len(read) > 0 {
		f.read = read[len(read)-1].ID
	}
	q.refill(f, list, len(read) == refillSize)
	w.mu.Unlock()
	if err == nil {
		w.Wake()
	}
}

// load reads a page, and tells which of its messages can be sent.
func (w *Worker) load(ctx context.Context, channel sms.ID, class sms.Class, account, after sms.ID) (out []gate.Ready, read []*sms.Message, err error) {
	err = w.store.Read(ctx, func(ctx context.Context, tx WorkTx) error {
		read, err = tx.Queued(ctx, channel, class, account, after, refillSize)
		if err != nil || len(read) == 0 {
			return err
		}
		out, err = gate.Open(ctx, tx, w.keys, read, w.damaged)
		return err
	})
	return out, read, err
}

// damaged tells of a message that can't be sent: it waits until it expires, and stands
// in nobody's way.
func (w *Worker) damaged(m *sms.Message, err error) {
	w.Stats.Damaged.Add(1)
	w.cfg.Logger.Error("dispatch: a queued message does not open", "message", m.ID, "err", err)
}
