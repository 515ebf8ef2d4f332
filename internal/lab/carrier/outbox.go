package carrier

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/zhunxin/zhunxin/protocol/session"
)

// Bounds of an account's outgoing queue and how a gateway repeats: three times
// without an answer (CMPP 3.0 §7.1), a few times after a refusal.
const (
	maxOutbox    = 200_000
	maxTries     = 3
	retryRefused = time.Second
	retryCredit  = 100 * time.Millisecond
	manyWaiting  = 200 // as many make an SGIP gateway connect once more
)

// errUndelivered is the end of a delivery that nobody took.
var errUndelivered = errors.New("carrier: not acknowledged")

// delivery is one report or MO for an account.
type delivery struct {
	report *session.Report
	mo     *session.MO
	tries  int
	done   func(error)
}

// outbox queues what is to be delivered to the sessions of one account, until
// one is connected and its window has room.
type outbox struct {
	plan   *schedule
	wanted chan struct{} // something waits and nobody is there to take it

	mu      sync.Mutex
	peers   []receiver
	turn    int
	queue   []*delivery // from head on
	head    int
	waiting bool // a retry is scheduled
}

func newOutbox(plan *schedule) *outbox { return &outbox{plan: plan, wanted: make(chan struct{}, 1)} }

func (o *outbox) want() {
	select {
	case o.wanted <- struct{}{}:
	default:
	}
}

func (o *outbox) opened(p receiver) {
	o.mu.Lock()
	o.peers = append(o.peers, p)
	o.mu.Unlock()
	o.pump()
}

func (o *outbox) closed(p receiver) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.peers = slices.DeleteFunc(o.peers, func(q receiver) bool { return q == p })
}

func (o *outbox) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queue) - o.head
}

// push queues d, or ends it when the queue is full.
func (o *outbox) push(d *delivery) {
	o.mu.Lock()
	full := len(o.queue)-o.head >= maxOutbox
	if !full {
		o.queue = append(o.queue, d)
	}
	o.mu.Unlock()
	if full {
		d.done(errUndelivered)
		return
	}
	o.pump()
}

// pump hands over what the windows have room for.
func (o *outbox) pump() {
	for {
		d, p := o.next()
		if d == nil {
			return
		}
		settled := func(out session.Outcome) { o.settled(d, out) }
		if d.report != nil {
			p.Report(*d.report, settled)
		} else {
			p.MO(*d.mo, settled)
		}
	}
}

// next takes the first delivery if a session has room for it. The sessions take
// turns.
func (o *outbox) next() (*delivery, receiver) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.head == len(o.queue) {
		o.queue, o.head = o.queue[:0], 0
		return nil, nil
	}
	for range o.peers {
		o.turn++
		p := o.peers[o.turn%len(o.peers)]
		if p.Credit() == 0 {
			continue
		}
		d := o.queue[o.head]
		o.queue[o.head] = nil
		if o.head++; o.head >= 4096 && o.head*2 >= len(o.queue) {
			o.queue = slices.Delete(o.queue, 0, o.head)
			o.head = 0
		}
		return d, p
	}
	if len(o.peers) > 0 {
		o.later()
		if len(o.queue)-o.head > manyWaiting {
			o.want() // one more would help
		}
	} else {
		o.want()
	}
	return nil, nil
}

// later has the queue looked at again: a session that is told to slow down
// does not say when it may go on. The caller holds the lock.
func (o *outbox) later() {
	if o.waiting {
		return
	}
	o.waiting = o.plan.after(retryCredit, func() {
		o.mu.Lock()
		o.waiting = false
		o.mu.Unlock()
		o.pump()
	})
}

// settled decides whether a delivery is over or comes again.
func (o *outbox) settled(d *delivery, out session.Outcome) {
	switch {
	case out.Kind == session.Answered && out.Result == 0:
		d.done(nil)
	case out.Kind == session.NotWritten && !errors.Is(out.Err, session.ErrEncode):
		o.again(d) // nothing was tried: the connection ended before, or has no room
		return
	default:
		if d.tries++; d.tries >= maxTries || !o.plan.after(retryRefused, func() { o.again(d) }) {
			d.done(errUndelivered)
		}
	}
	o.pump()
}

// again puts a delivery back to wait for a session with room.
func (o *outbox) again(d *delivery) {
	o.mu.Lock()
	o.queue = append(o.queue, d)
	o.later()
	o.mu.Unlock()
}
