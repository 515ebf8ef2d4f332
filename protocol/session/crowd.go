package session

import "sync"

// The slots of a server's connections. Each has some of its own; more come from a store that
// all share, some at a time, to who has waited longest. So what a crowd of customers sends at
// once waits in sockets and not in memory, and is read from a socket many at a time.
const (
	ownSlots    = 16
	sharedSlots = 4096
	slotsAtOnce = 16
)

// crowd is the store of shared slots.
type crowd struct {
	mu      sync.Mutex
	free    int
	waiting []*link
}

// ask takes slots for a connection, or has it wait for them: it is told by granted. The
// caller holds the connection's lock.
func (c *crowd) ask(l *link) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.free >= slotsAtOnce {
		c.free -= slotsAtOnce
		return true
	}
	c.waiting = append(c.waiting, l)
	return false
}

// give takes slots back and hands them on. The caller holds no connection's lock.
func (c *crowd) give(n int) {
	for n > 0 {
		c.mu.Lock()
		c.free, n = c.free+n, 0
		var next []*link
		for ; c.free >= slotsAtOnce && len(c.waiting) > 0; c.free -= slotsAtOnce {
			next = append(next, c.waiting[0])
			c.waiting = c.waiting[1:]
		}
		c.mu.Unlock()
		for _, l := range next {
			n += l.granted()
		}
	}
}

// mayRead tells whether the peer's next message has a slot, and asks for more if only the
// shared ones are lacking. The caller holds the lock.
func (l *link) mayRead() bool {
	if l.inbound >= l.set.inbound {
		return false
	}
	if l.crowd == nil || l.inbound < ownSlots+l.shared {
		return true
	}
	if l.asked {
		return false
	}
	if l.crowd.ask(l) {
		l.shared += slotsAtOnce
		return true
	}
	l.asked = true
	return false
}

// granted adds slots that were asked for. It returns those for which there is no use any
// more.
func (l *link) granted() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = false
	l.shared += slotsAtOnce
	l.room.Signal()
	return l.spare()
}

// giveSpare gives back what the connection does not need.
func (l *link) giveSpare() {
	if l.crowd == nil {
		return
	}
	l.mu.Lock()
	n := l.spare()
	l.mu.Unlock()
	l.crowd.give(n)
}

// spare takes away the shared slots that the connection does not need; some at hand it keeps
// while its own are taken. The caller holds the lock, and gives them back
// without it.
func (l *link) spare() int {
	unused := l.shared - max(0, l.inbound-ownSlots)
	if !l.closed && l.inbound >= ownSlots {
		unused = max(0, unused/slotsAtOnce-1) * slotsAtOnce
	}
	l.shared -= unused
	return unused
}
