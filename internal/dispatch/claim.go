package dispatch

import (
	"context"
	"fmt"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/sms"
)

var _ gate.Courier = (*Worker)(nil)

// grab is what one of the gate's transactions may take for one channel.
type grab struct {
	line  Line
	lease Lease
	room  map[sms.Class]int // PDUs; nothing while something waits before them
	taken []gate.Ready
	held  int // PDUs
}

// Claim implements gate.Courier.
func (w *Worker) Claim(ctx context.Context, tx gate.Tx, at int64, list []gate.Ready) (left []gate.Ready, settle func(bool), err error) {
	grabs := map[sms.ID]*grab{}
	settle = func(committed bool) {
		for _, g := range grabs {
			w.grabbed(g, committed)
		}
	}
	var segments []sms.Segment
	for i := range list {
		r := &list[i]
		g, err := w.grab(ctx, tx, grabs, r.Message.ChannelID)
		if err != nil {
			settle(false)
			return nil, nil, err
		}
		way := r.Permit.Way(r.Message.ChannelID)
		if g == nil || way == nil || !w.hold(g, r.Message.Category.Class(), way.Segments) {
			left = append(left, *r)
			continue
		}
		if _, err := sms.Take(r.Message.State, sms.Submitting, sms.ActorDispatch); err != nil {
			settle(false)
			return nil, nil, err
		}
		r.Message.State = sms.Submitting
		segments = appendSegments(segments, r.Message.ID, way, g.lease, at)
		g.taken = append(g.taken, *r)
	}
	if err := tx.PutSegments(ctx, segments); err != nil {
		settle(false)
		return nil, nil, fmt.Errorf("store segments: %w", err)
	}
	return left, settle, nil
}

// grab looks once whether a channel is this node's; nil when it is not.
func (w *Worker) grab(ctx context.Context, tx gate.Tx, grabs map[sms.ID]*grab, channel sms.ID) (*grab, error) {
	if g, ok := grabs[channel]; ok {
		return g, nil
	}
	line := w.line(channel)
	if line == nil {
		return nil, nil
	}
	lease, ok := line.Lease()
	if !ok {
		return nil, nil
	}
	epoch, err := tx.LeaseEpoch(ctx, channel)
	if err != nil {
		return nil, fmt.Errorf("read the lease: %w", err)
	}
	if epoch != lease.Epoch {
		return nil, nil
	}
	g := &grab{line: line, lease: lease, room: map[sms.Class]int{}}
	grabs[channel] = g
	return g, nil
}

// hold takes room for PDUs of a class, if there is some and nothing waits before them.
func (w *Worker) hold(g *grab, class sms.Class, pdus int) bool {
	room, known := g.room[class]
	if !known {
		w.mu.Lock()
		if q := w.queues[g.line.Channel()]; q != nil && !q.waits(class) {
			room = w.out.room(g.line, class)
		}
		w.mu.Unlock()
		room += g.held // which the outbox counts as taken already
		g.room[class] = room
	}
	if g.held+pdus > room {
		g.room[class] = 0 // what follows waits behind it
		return false
	}
	g.held += pdus
	w.out.hold(g.line.Channel(), pdus)
	return true
}

// grabbed writes what a transaction took once it is on disk.
func (w *Worker) grabbed(g *grab, committed bool) {
	channel := g.line.Channel()
	if !committed {
		w.out.hold(channel, -g.held)
		return
	}
	w.Stats.Claimed.Add(int64(len(g.taken)))
	w.out.put(channel, g.held, partsOf(g.taken, g.lease))
	w.flush()
}

// partsOf are the PDUs of messages.
func partsOf(list []gate.Ready, lease Lease) []Part {
	var out []Part
	for _, r := range list {
		for no := 1; no <= r.Permit.Way(lease.Channel).Segments; no++ {
			out = append(out, Part{Ready: r, No: no, Epoch: lease.Epoch})
		}
	}
	return out
}

// appendSegments adds the rows of a message that is about to be submitted.
func appendSegments(list []sms.Segment, message sms.ID, way *gate.PermitChannel, lease Lease, at int64) []sms.Segment {
	for no := 1; no <= way.Segments; no++ {
		list = append(list, sms.Segment{
			MessageID: message, No: no, ChannelID: lease.Channel, State: sms.SegSubmitting, Source: way.Source, Attempt: 1, Epoch: lease.Epoch, SubmitAt: at,
		})
	}
	return list
}
