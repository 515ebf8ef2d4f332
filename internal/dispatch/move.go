package dispatch

import (
	"context"
	"fmt"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/inbound"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Moving what waits for a channel that is not used.
const (
	movePage = 200             // messages of one transaction
	moveRest = 5 * time.Second // between passes that moved nothing
)

// elsewhere is the channel that a message of which nothing was taken may move to, 0
// when there is none. It is one that the message's own decision permits, with the same
// segments: anything else is a new decision.
func (d *Desk) elsewhere(m *sms.Message, permit *gate.Permit) sms.ID {
	if d.Usable == nil || len(permit.Channels) < 2 {
		return 0
	}
	return permit.Choose(m.ID, m.ChannelID, func(c sms.ID) bool { return permit.Way(c).Segments == m.Segments && d.Usable(c) })
}

// Move takes queued messages from a channel that is not used to the next one that
// their decisions permit and that is. It says where they went: those that moved
// meanwhile, or have no other way, stay. Nothing of them is on the wire, for they are
// queued: their money and events stay, and the other channel's second look comes
// before anything leaves.
func (d *Desk) Move(ctx context.Context, tx Tx, from Lease, list []gate.Opened) ([]sms.Change, error) {
	epoch, err := tx.LeaseEpoch(ctx, from.Channel)
	if err != nil {
		return nil, fmt.Errorf("read the lease: %w", err)
	}
	if epoch != from.Epoch {
		return nil, fmt.Errorf("channel %d has the epoch %d: %w", from.Channel, epoch, errLease)
	}
	ids, known := make([]sms.ID, len(list)), make(map[sms.ID]*gate.Opened, len(list))
	for i := range list {
		ids[i] = list[i].Message.ID
		known[ids[i]] = &list[i]
	}
	rows, err := tx.Messages(ctx, ids, true)
	if err != nil {
		return nil, fmt.Errorf("lock messages: %w", err)
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the clock: %w", err)
	}
	var changes []sms.Change
	for _, m := range rows {
		o := known[m.ID]
		if m.State != sms.Queued || m.ChannelID != from.Channel || m.DecisionID != o.Message.DecisionID {
			continue
		}
		to := d.elsewhere(m, o.Permit)
		if to == 0 {
			continue
		}
		if _, err := sms.Take(m.State, sms.Queued, sms.ActorDispatch); err != nil {
			return nil, err
		}
		changes = append(changes, sms.Change{
			ID: m.ID, From: m.State, To: sms.Queued, Reason: m.Reason, Held: m.Held, Captured: m.Captured, ChannelID: to, At: now.UnixMilli(),
		})
	}
	n, err := tx.ApplyChanges(ctx, changes)
	if err == nil && n != len(changes) {
		err = fmt.Errorf("%d of %d moved under their lock", n, len(changes))
	}
	if err != nil {
		return nil, fmt.Errorf("move the messages: %w", err)
	}
	return changes, nil
}

// Health tells how a channel stands.
func (w *Worker) Health(channel sms.ID) ChannelHealth { return w.health.of(channel) }

// Admits implements gate.Courier.
func (w *Worker) Admits(channel sms.ID) bool { return w.health.admits(channel) }

// Reported is told which segments got their reports.
func (w *Worker) Reported(channel sms.ID, list []inbound.Ended) {
	w.health.reported(reportSamples(channel, list))
}

func reportSamples(channel sms.ID, list []inbound.Ended) []Sample {
	out := make([]Sample, len(list))
	for i, e := range list {
		out[i] = Sample{Channel: channel, SubmitAt: e.SubmitAt, Wrong: !e.Delivered}
	}
	return out
}

// watch looks after the channels until ctx ends.
func (w *Worker) watch(ctx context.Context) {
	tick := time.NewTicker(w.cfg.Watch)
	defer tick.Stop()
	for {
		w.attend(ctx)
		select {
		case <-tick.C:
		case <-w.health.look:
		case <-ctx.Done():
			return
		}
	}
}

// attend learns how the channels do, tells the other nodes, and empties the queues of
// those that are not used.
func (w *Worker) attend(ctx context.Context) {
	lines := *w.lines.Load()
	var all []sms.Breaker
	err := w.store.Read(ctx, func(ctx context.Context, tx WorkTx) (err error) {
		all, err = tx.Breakers(ctx)
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			w.failed("read how channels do", err)
		}
		return
	}
	news := w.health.see(all, lines)
	list, epochs := w.health.unsaid()
	for i, b := range list {
		if err := w.say(ctx, b, epochs[i]); err != nil && ctx.Err() == nil {
			w.failed("tell how a channel does", err)
		}
	}
	if news || len(list) > 0 {
		w.Wake()
	}
	for _, line := range lines {
		lease, ok := line.Lease()
		leave, restless := w.health.restless(line.Channel())
		if !ok || !restless || !w.health.others(line.Channel()) {
			continue
		}
		found, moved, err := w.evacuate(ctx, lease, leave)
		if err != nil && ctx.Err() == nil {
			w.failed("move what waits for a channel that is not used", err)
		}
		if found && moved == 0 {
			w.health.rested(line.Channel())
		}
	}
}

// say writes a breaker's state, unless the channel has passed to another node.
func (w *Worker) say(ctx context.Context, b sms.Breaker, epoch int64) error {
	err := w.store.Write(ctx, func(ctx context.Context, tx WorkTx) error {
		now, err := tx.LeaseEpoch(ctx, b.ChannelID)
		if err != nil || now != epoch {
			return err
		}
		return tx.PutBreaker(ctx, b)
	})
	if err == nil {
		w.health.said(b)
	}
	return err
}

// evacuate moves what waits for a channel, account after account, but for a few that
// may try it. found says that anything waited.
func (w *Worker) evacuate(ctx context.Context, lease Lease, leave int) (found bool, moved int, err error) {
	w.mu.Lock()
	if q := w.queues[lease.Channel]; q != nil {
		q.forget() // what stays is read again when the channel is used
	}
	w.mu.Unlock()
	for class := sms.Class(0); class < sms.NumClasses; class++ {
		var accounts []sms.ID
		err := w.store.Read(ctx, func(ctx context.Context, tx WorkTx) (err error) {
			accounts, err = tx.QueuedAccounts(ctx, lease.Channel, class)
			return err
		})
		if err != nil {
			return found, moved, err
		}
		found = found || len(accounts) > 0
		for _, a := range accounts {
			n, err := w.moveFlow(ctx, lease, class, a, &leave)
			if moved += n; err != nil {
				return found, moved, err
			}
		}
	}
	return found, moved, nil
}

// moveFlow moves what one account has waiting in a class, a page at a time. When none
// of a page has another way, the rest is left for another time: it is hardly different.
func (w *Worker) moveFlow(ctx context.Context, lease Lease, class sms.Class, account sms.ID, leave *int) (moved int, err error) {
	for after := sms.ID(0); ctx.Err() == nil; {
		var list []gate.Opened
		full := false
		err := w.store.Read(ctx, func(ctx context.Context, tx WorkTx) error {
			page, err := tx.Queued(ctx, lease.Channel, class, account, after, movePage)
			if err != nil || len(page) == 0 {
				return err
			}
			after, full = page[len(page)-1].ID, len(page) == movePage
			stay := min(*leave, len(page))
			*leave -= stay
			list, err = gate.Chains(ctx, tx, page[stay:])
			return err
		})
		if err != nil || len(list) == 0 {
			return moved, err
		}
		var changes []sms.Change
		err = w.store.Write(ctx, func(ctx context.Context, tx WorkTx) (err error) {
			changes, err = w.desk.Move(ctx, tx, lease, list)
			return err
		})
		if err != nil {
			return moved, err
		}
		moved += len(changes)
		w.arrived(class, account, changes)
		if len(changes) == 0 || !full {
			return moved, nil
		}
	}
	return moved, nil
}

// arrived has what was moved read by the queues it came to, if they are this node's.
func (w *Worker) arrived(class sms.Class, account sms.ID, changes []sms.Change) {
	if len(changes) == 0 {
		return
	}
	w.Stats.Moved.Add(int64(len(changes)))
	w.mu.Lock()
	for _, c := range changes {
		if q := w.queues[c.ChannelID]; q != nil {
			q.arrive(class, account)
		}
	}
	w.mu.Unlock()
	w.Wake()
}
