package dispatch

import (
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Bounds of what waits in memory for one channel; the rest waits in the database.
const (
	maxFlow  = 2000  // messages of one account in one class
	MaxQueue = 20000 // messages of all
)

// queue is what waits for one channel: by class, and inside a class in turns
// between accounts, so that nobody's million messages hold up a neighbour's ten.
type queue struct {
	classes [sms.NumClasses]class
	size    int
	loads   int // pages that are being read
}

type class struct {
	flows map[sms.ID]*flow
	ring  []*flow // accounts with something to give, next first
}

// flow is one account's share. Its messages are in memory, or, when spilled, at
// least partly in the database alone.
type flow struct {
	account sms.ID
	list    []gate.Ready
	spilled bool
	loading bool   // some of them are being read
	read    sms.ID // the last message of the page that was read last
	rewind  bool   // something may stand in the database before what was read last
	inRing  bool
}

// more tells whether there is something besides what is in memory.
func (f *flow) more() bool { return f.spilled || f.loading }

func (c *class) flow(account sms.ID) *flow {
	if c.flows == nil {
		c.flows = map[sms.ID]*flow{}
	}
	f := c.flows[account]
	if f == nil {
		f = &flow{account: account}
		c.flows[account] = f
	}
	return f
}

func (c *class) ringUp(f *flow) {
	if !f.inRing {
		f.inRing = true
		c.ring = append(c.ring, f)
	}
}

// add queues a message that has just been decided. What does not fit is left to
// the database, and all that follows it, so that the order stays.
func (q *queue) add(r gate.Ready) {
	c := &q.classes[r.Message.Category.Class()]
	f := c.flow(r.Message.AccountID)
	c.ringUp(f)
	if f.spilled || len(f.list) >= maxFlow || q.size >= MaxQueue {
		f.spilled = true
		if n := len(f.list); n == 0 || r.Message.ID < f.list[n-1].Message.ID {
			f.rewind = true
		}
		return
	}
	f.list = append(f.list, r)
	q.size++
}

// back puts messages in front again.
func (q *queue) back(list []gate.Ready) {
	for i := len(list) - 1; i >= 0; i-- {
		c := &q.classes[list[i].Message.Category.Class()]
		f := c.flow(list[i].Message.AccountID)
		f.list = append([]gate.Ready{list[i]}, f.list...)
		c.ringUp(f)
		q.size++
	}
}

// spill says that an account has something in the database.
func (q *queue) spill(at sms.Class, account sms.ID) {
	c := &q.classes[at]
	f := c.flow(account)
	switch {
	case len(f.list) == 0 && !f.loading:
		f.spilled, f.rewind = true, true
		c.ringUp(f)
	case f.more(): // what a failure left behind is found at the next reading
		f.rewind = true
	}
}

// arrive says that an account has got something in the database that may go before
// what is in memory.
func (q *queue) arrive(at sms.Class, account sms.ID) {
	c := &q.classes[at]
	f := c.flow(account)
	f.spilled, f.rewind = true, true
	c.ringUp(f)
}

// forget leaves everything to the database.
func (q *queue) forget() {
	for i := range q.classes {
		for _, f := range q.classes[i].ring {
			q.size -= len(f.list)
			f.list, f.spilled, f.rewind = nil, true, true
		}
	}
}

// dry lists the flows of which little is left in memory and more in the database.
func (q *queue) dry() (out []*flow, classes []sms.Class) {
	for i := range q.classes {
		for _, f := range q.classes[i].ring {
			if f.spilled && !f.loading && len(f.list) < refillLow {
				out, classes = append(out, f), append(classes, sms.Class(i))
			}
		}
	}
	return out, classes
}

// refill puts what was read behind. full says that there may be more.
func (q *queue) refill(f *flow, list []gate.Ready, full bool) {
	known := make(map[sms.ID]bool, len(f.list))
	for i := range f.list {
		known[f.list[i].Message.ID] = true
	}
	for i := range list {
		if !known[list[i].Message.ID] {
			f.list = append(f.list, list[i])
			q.size++
		}
	}
	f.spilled, f.loading = f.spilled || full, false
}

// pop takes the next message of a class that may leave, account after account.
func (q *queue) pop(at sms.Class, may func(*sms.Message) bool) (gate.Ready, bool) {
	c := &q.classes[at]
	for tries := len(c.ring); tries > 0; tries-- {
		f := c.ring[0]
		c.ring = c.ring[1:]
		if len(f.list) == 0 {
			if f.more() {
				c.ring = append(c.ring, f) // waits for its refill
				continue
			}
			f.inRing = false
			delete(c.flows, f.account)
			continue
		}
		r := f.list[0]
		if may != nil && !may(r.Message) {
			c.ring = append(c.ring, f) // waits for its pace
			continue
		}
		f.list = f.list[1:]
		q.size--
		c.ring = append(c.ring, f)
		return r, true
	}
	return gate.Ready{}, false
}

// waits tells whether anything waits that goes before a new message of a class.
func (q *queue) waits(at sms.Class) bool {
	for i := range q.classes[:at+1] {
		for _, f := range q.classes[i].ring {
			if f.more() || len(f.list) > 0 {
				return true
			}
		}
	}
	return false
}

// reading tells whether an account has nothing of a class in memory yet, but something
// that is being read.
func (q *queue) reading(at sms.Class) bool {
	for _, f := range q.classes[at].ring {
		if f.loading && len(f.list) == 0 {
			return true
		}
	}
	return false
}

// depth counts what is in memory by class.
func (q *queue) depth() (n [sms.NumClasses]int) {
	for i := range q.classes {
		for _, f := range q.classes[i].ring {
			n[i] += len(f.list)
		}
	}
	return n
}

// oldest is when the oldest message in memory was decided, 0 when there is none.
func (q *queue) oldest() (at int64) {
	for i := range q.classes {
		for _, f := range q.classes[i].ring {
			if len(f.list) > 0 && (at == 0 || f.list[0].Message.CreatedAt < at) {
				at = f.list[0].Message.CreatedAt
			}
		}
	}
	return at
}
