package spserver

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// Pushing: what has just been booked is written from memory. Everything else is read
// from the database in pages: after a log-in, when there was more than memory holds,
// and once a second for whatever else stands there.
const (
	pushPage  = 500
	pushEvery = time.Second
	// toldBatch is how many acknowledgements are stored without waiting for the second.
	toldBatch = 1000
	// maxBacklog bounds what waits in memory for room in one login's windows.
	maxBacklog = 5000
	// turnPDUs is how many are written to one session before it is another's turn: they leave
	// by one write, and are answered by one.
	turnPDUs = 32
	// retryPush is how long a customer that refused a report is left alone.
	retryPush = 5 * time.Second
)

// delivery is what one event becomes: reports of one message, or an MO in its parts. Its PDUs are
// written one after the other, as there is room.
type delivery struct {
	event   sms.Event
	reports []session.Report
	mos     []session.MO // of one message

	sent, open    int // of its PDUs: written, and of those not answered
	lost, refused bool
}

func (d *delivery) pdus() int { return len(d.reports) + len(d.mos) }

// peer is a connection by which a customer is told: its own, or in SGIP one that we made.
type peer interface {
	Credit() int
	Report(r session.Report, done func(session.Outcome))
	MO(m session.MO, done func(session.Outcome))
}

// login is a customer's account with its sessions and what is on its way to it.
type login struct {
	id   sms.ID
	poke func()

	mu      sync.Mutex
	peers   []peer
	turn    int             // PDUs that were written, and sessions passed over counted as turnPDUs
	backlog []*delivery     // waits for room in a window
	flying  map[sms.ID]bool // events of the backlog, and those written but not acknowledged
	told    []sms.ID        // acknowledged, to be stored
	rest    time.Time       // nothing is pushed before
	behind  bool            // something stands in the database that was not taken
	calling bool            // SGIP: a connection to the customer is being made
}

func (l *login) open(p peer) {
	l.mu.Lock()
	l.peers = append(l.peers, p)
	l.behind = true
	l.mu.Unlock()
	l.poke()
}

func (l *login) close(p peer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.peers = slices.DeleteFunc(l.peers, func(x peer) bool { return x == p })
	if len(l.peers) > 0 {
		return
	}
	for _, d := range l.backlog { // they stand in the database until it logs in again
		delete(l.flying, d.event.ID)
	}
	l.backlog = nil
}

// live tells whether anything may be pushed now.
func (l *login) live(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.peers) > 0 && !now.Before(l.rest)
}

// late takes the note that something waits in the database.
func (l *login) late() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.behind
	l.behind = false
	return was
}

// skip notes that something stands in the database that memory did not take.
func (l *login) skip() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.behind = true
}

// known leaves out what is on its way already.
func (l *login) known(list []sms.Event) []sms.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(list, func(e sms.Event) bool { return l.flying[e.ID] })
}

// offer takes a delivery and tells whether there was room for it.
func (l *login) offer(d delivery) bool {
	l.mu.Lock()
	if len(l.peers) == 0 || len(l.backlog) >= maxBacklog {
		l.behind = true
		l.mu.Unlock()
		return false
	}
	if !l.flying[d.event.ID] { // else it came from memory and from the database
		l.flying[d.event.ID] = true
		l.backlog = append(l.backlog, &d)
	}
	l.mu.Unlock()
	l.pump()
	return true
}

// pump writes what the windows have room for.
func (l *login) pump() {
	for {
		d, p, no := l.next()
		if p == nil {
			return
		}
		done := func(o session.Outcome) { l.ended(d, o) }
		if len(d.mos) > 0 {
			p.MO(d.mos[no], done)
		} else {
			p.Report(d.reports[no], done)
		}
	}
}

// next takes the first PDU if a session has room for it. The sessions take turns.
func (l *login) next() (d *delivery, p peer, no int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.backlog) == 0 || time.Now().Before(l.rest) {
		return nil, nil, 0
	}
	for range l.peers {
		if p = l.peers[l.turn/turnPDUs%len(l.peers)]; p.Credit() > 0 {
			l.turn++
			d = l.backlog[0]
			no = d.sent
			d.sent++
			d.open++
			if d.sent == d.pdus() {
				l.backlog = l.backlog[1:]
			}
			return d, p, no
		}
		l.turn += turnPDUs - l.turn%turnPDUs
	}
	return nil, nil, 0
}

// ended notes how one PDU ended. An event is told once all of its PDUs are acknowledged;
// otherwise it is pushed again: at once if a connection was lost, after a rest if the
// customer refused it or the protocol can't carry it.
func (l *login) ended(d *delivery, o session.Outcome) {
	l.mu.Lock()
	d.open--
	switch {
	case o.Kind == session.Answered && o.Result != 0, errors.Is(o.Err, session.ErrEncode):
		d.refused = true
		l.rest = time.Now().Add(retryPush)
	case o.Kind != session.Answered:
		d.lost = true
	}
	if d.open == 0 && d.sent == d.pdus() {
		if d.lost || d.refused {
			delete(l.flying, d.event.ID)
			l.behind = true
		} else {
			l.told = append(l.told, d.event.ID)
		}
	}
	store := len(l.told) == toldBatch || l.behind && len(l.backlog) == 0
	l.mu.Unlock()
	l.pump()
	if store {
		l.poke()
	}
}

// moot notes an event about which the protocol has nothing to say.
func (l *login) moot(event sms.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flying[event] = true
	l.told = append(l.told, event)
}

// take gives what was acknowledged and is not stored yet.
func (l *login) take() []sms.ID {
	l.mu.Lock()
	defer l.mu.Unlock()
	told := l.told
	l.told = nil
	return told
}

// stored ends what was taken: the events are over, or must be stored later.
func (l *login) stored(told []sms.ID, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.told = append(told, l.told...)
		return
	}
	for _, id := range told {
		delete(l.flying, id)
	}
}
