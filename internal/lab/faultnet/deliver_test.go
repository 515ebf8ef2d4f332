package faultnet_test

import (
	"reflect"
	"testing"

	"github.com/zhunxin/zhunxin/internal/lab/faultnet"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// deliver is a report or an MO from the server, and what the client saw of
// them.
type deliver struct {
	name string
	send func(r *rig, n int)
	seen func(r *rig) []any
}

func delivers() []deliver {
	return []deliver{
		{"report", (*rig).deliverReport, func(r *rig) []any { return anyOf(r.reports) }},
		{"MO", (*rig).deliverMO, func(r *rig) []any { return anyOf(r.mos) }},
	}
}

func anyOf[T any](list []T) []any {
	all := make([]any, 0, len(list))
	for _, v := range list {
		all = append(all, v)
	}
	return all
}

func (r *rig) peer() *session.Peer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.peers[len(r.peers)-1]
}

func (r *rig) deliverReport(n int) {
	r.peer().Report(r.proto.report(r.proto.id(n+1), handset(n)), r.deliverDone)
}

func (r *rig) deliverMO(n int) {
	r.peer().MO(r.proto.mo(r.proto.id(n+1), handset(n)), r.deliverDone)
}

func (r *rig) deliverDone(o session.Outcome) {
	r.change(func() { r.delivered = append(r.delivered, o) })
}

// arrive delivers message 0 and waits for its outcome.
func (r *rig) arrive(d deliver) session.Outcome {
	r.t.Helper()
	before := len(r.delivered)
	d.send(r, 0)
	r.await("the outcome of a "+d.name, func() bool { return len(r.delivered) > before })
	return r.delivered[before]
}

// What was cut on its way to us, or whose acknowledgement was cut, is in doubt
// for the carrier. It sends it again, and we see the very same message again.
func TestDeliverIsCutAtEveryByte(t *testing.T) {
	eachBothWays(t, func(t *testing.T, p protocol) {
		for _, d := range delivers() {
			r := start(t, p, 0, nil)
			r.dial()
			up, down := r.passed(faultnet.ToServer, 1), r.passed(faultnet.ToClient, 1)
			r.arrive(d)
			message, ack := r.passed(faultnet.ToClient, 2)-down, r.passed(faultnet.ToServer, 2)-up
			r.hangUp()
			for cut := 0; cut <= message && !t.Failed(); cut++ {
				r.interrupted(d, faultnet.ToClient, cut, cut == message, false)
			}
			for cut := 0; cut <= ack && !t.Failed(); cut++ {
				r.interrupted(d, faultnet.ToServer, cut, true, cut == ack)
			}
		}
	})
}

// interrupted delivers into a cut, and again if the first was not acknowledged.
func (r *rig) interrupted(d deliver, dir faultnet.Direction, cut int, arrives, acknowledged bool) {
	r.t.Helper()
	r.forget()
	r.dial()
	r.proxy.Set(dir, faultnet.Faults{Cut: true, CutAfter: int64(cut)})
	o := r.arrive(d)
	<-r.client.Done() // by itself, when it has read what passed
	r.hangUp()
	want, seen := session.InDoubt, 0
	if acknowledged {
		want = session.Answered
	}
	if arrives {
		seen = 1
	}
	if got := d.seen(r); o.Kind != want || len(got) != seen {
		r.t.Errorf("%s cut after byte %d %s: %s, %v, seen %d times", d.name, cut, dir, o.Kind, o.Err, len(got))
	}
	if o.Kind == session.Answered {
		return
	}
	r.dial()
	if o := r.arrive(d); o.Kind != session.Answered || o.Result != 0 {
		r.t.Errorf("%s again: %s, %v", d.name, o.Kind, o.Err)
	}
	r.hangUp()
	got := d.seen(r)
	if len(got) != seen+1 || !reflect.DeepEqual(got[0], got[len(got)-1]) {
		r.t.Errorf("%s cut after byte %d %s and sent again: %+v", d.name, cut, dir, got)
	}
}

// Only the owner's word acknowledges, and only on the connection that brought
// the message.
func TestOwnerAcknowledges(t *testing.T) {
	eachBothWays(t, func(t *testing.T, p protocol) {
		for _, d := range delivers() {
			r := start(t, p, 0, nil)
			r.hold = true
			r.dial()
			d.send(r, 0)
			r.await("the first", func() bool { return len(r.acks) == 1 })
			r.quiet(0, 0)
			r.proxy.Disconnect(true)
			r.await("doubt", func() bool { return len(r.delivered) == 1 })
			<-r.client.Done()

			r.dial()
			d.send(r, 0)
			r.await("the second", func() bool { return len(r.acks) == 2 })
			r.acks[0](true)
			r.quiet(1, 1)
			r.acks[1](true)
			r.acks[1](true)
			r.await("the acknowledgement", func() bool { return len(r.delivered) == 2 })
			if a, b := r.delivered[0], r.delivered[1]; a.Kind != session.InDoubt || b.Kind != session.Answered {
				t.Errorf("%s: %s, then %s", d.name, a.Kind, b.Kind)
			}
			if got := d.seen(r); len(got) != 2 || !reflect.DeepEqual(got[0], got[1]) {
				t.Errorf("%s: %+v", d.name, got)
			}
		}
	})
}

// quiet tells that no more than n delivers have an outcome, once all that the
// client had to say before has arrived: a message of its own is answered.
func (r *rig) quiet(message, n int) {
	r.t.Helper()
	r.submit(message, 1)
	r.settle(message + 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.delivered) > n {
		r.t.Errorf("%d delivers are over, want %d", len(r.delivered), n)
	}
}

// Reports double and mixed on the way are each acknowledged and each seen.
func TestReportsDoubledAndMixed(t *testing.T) {
	eachBothWays(t, func(t *testing.T, p protocol) {
		const n = 32
		r := start(t, p, 0, func(_ *session.ClientConfig, s *session.ServerConfig) { s.Window = n })
		r.dial()
		r.proxy.Set(faultnet.ToClient, faultnet.Faults{Duplicate: every(1), Reorder: 8, Dribble: 11})
		for i := range n {
			r.deliverReport(i)
		}
		r.await("outcomes", func() bool { return len(r.delivered) == n && len(r.reports) == 2*n })
		times := map[messageID]int{}
		for _, report := range r.reports {
			times[report.ID]++
			if want := r.proto.report(report.ID, report.Dest); report.Stat != want.Stat || report.DoneTime != want.DoneTime {
				t.Errorf("%+v, want %+v", report, want)
			}
		}
		for i := range n {
			if o := r.delivered[i]; o.Kind != session.Answered || times[p.id(i+1)] != 2 {
				t.Errorf("report %d: %s, %v, seen %d times", i, o.Kind, o.Err, times[p.id(i+1)])
			}
		}
	})
}
