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
	room  map[sms.Class]int // PDUs that are reserved and not used yet
	taken []gate.Ready
	held  int // PDUs that are reserved
}

// Claim implements gate.Courier.
func (w *Worker) Claim(ctx context.Context, tx gate.Tx, at int64, list []gate.Ready) (left []gate.Ready, settle func(bool), err error) {
	grabs := map[sms.ID]*grab{}
	all := func(committed bool) {
		for _, g := range grabs {
			w.grabbed(g, committed)
		}
	}
	defer func() {
		if settle == nil { // it failed, or panics
			all(false)
		}
	}()
	wanted := wantedPDUs(list)
	var segments []sms.Segment
	for i := range list {
		r := &list[i]
		g, err := w.grab(ctx, tx, grabs, r.Message.ChannelID)
		if err != nil {
			return nil, nil, err
		}
		way, class := r.Permit.Way(r.Message.ChannelID), r.Message.Category.Class()
		if g == nil || way == nil || w.slowed(r.Message) || !w.hold(g, class, way.Segments, wanted[wish{r.Message.ChannelID, class}]) {
			left = append(left, *r)
			continue
		}
		if _, err := sms.Take(r.Message.State, sms.Submitting, sms.ActorDispatch); err != nil {
			return nil, nil, err
		}
		r.Message.State = sms.Submitting
		segments = appendSegments(segments, r.Message.ID, way, g.lease, at)
		g.taken = append(g.taken, *r)
	}
	if err := tx.PutSegments(ctx, segments); err != nil {
		return nil, nil, fmt.Errorf("store segments: %w", err)
	}
	return left, all, nil
}

// slowed tells whether a message waits for a pace, in its queue.
func (w *Worker) slowed(m *sms.Message) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.paces.reaches(m)
}

// wish is what a transaction would like to claim.
type wish struct {
	channel sms.ID
	class   sms.Class
}

func wantedPDUs(list []gate.Ready) map[wish]int {
	out := map[wish]int{}
	for i := range list {
		m := list[i].Message
		out[wish{m.ChannelID, m.Category.Class()}] += max(1, m.Segments)
	}
	return out
}

// grab looks once whether a channel is this node's; nil when it is not.
func (w *Worker) grab(ctx context.Context, tx gate.Tx, grabs map[sms.ID]*grab, channel sms.ID) (*grab, error) {
	if g, ok := grabs[channel]; ok {
		return g, nil
	}
	line := w.line(channel)
	if line == nil || !w.health.free(channel) { // a channel is tried with what waits in its queue
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
// The first time it reserves as much as the transaction could use.
func (w *Worker) hold(g *grab, class sms.Class, pdus, wanted int) bool {
	room, known := g.room[class]
	if !known {
		w.mu.Lock()
		if q := w.queues[g.line.Channel()]; q != nil && !q.waits(class) {
			room = w.out.reserve(g.line, class, wanted)
		}
		w.mu.Unlock()
		g.held += room
	}
	if g.room[class] = room; pdus > room {
		g.room[class] = 0 // what follows waits behind it
		return false
	}
	g.room[class] -= pdus
	return true
}

// grabbed writes what a transaction took once it is on disk.
func (w *Worker) grabbed(g *grab, committed bool) {
	channel := g.line.Channel()
	if !committed {
		w.out.hold(channel, -g.held)
		w.Wake() // somebody may have found no room meanwhile
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
