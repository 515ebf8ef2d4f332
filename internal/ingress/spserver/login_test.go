package spserver

import (
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
)

func newLogin() (l *login, pokes *int) {
	pokes = new(int)
	return &login{id: 1, poke: func() { *pokes++ }, flying: map[sms.ID]bool{}, peers: []*session.Peer{nil}, rest: time.Now().Add(time.Hour)}, pokes
}

// What comes from memory and from the database at once is pushed once.
func TestEventIsTakenOnce(t *testing.T) {
	l, _ := newLogin()
	l.offer(delivery{event: sms.Event{ID: 7}})
	l.offer(delivery{event: sms.Event{ID: 7}})
	if len(l.backlog) != 1 || len(l.known([]sms.Event{{ID: 7}, {ID: 8}})) != 1 {
		t.Errorf("%d wait, flying %v", len(l.backlog), l.flying)
	}
}

// Memory is bounded: what is over stands in the database, and is read from there.
func TestBacklogIsBounded(t *testing.T) {
	l, _ := newLogin()
	for i := range maxBacklog + 10 {
		if took := l.offer(delivery{event: sms.Event{ID: sms.ID(i + 1)}}); took != (i < maxBacklog) {
			t.Fatalf("delivery %d: %v", i, took)
		}
	}
	if len(l.backlog) != maxBacklog || !l.late() || l.late() {
		t.Errorf("%d wait; the note that more is in the database must stand once", len(l.backlog))
	}
}

// A customer that refuses is left alone for a while; a connection that was lost says
// nothing about the customer's other connections.
func TestRefusalRestsAndLossDoesNot(t *testing.T) {
	for _, c := range []struct {
		lost, refused, live, told bool
	}{{false, false, true, true}, {true, false, true, false}, {false, true, false, false}} {
		l, pokes := newLogin()
		l.rest = time.Time{}
		l.flying[7] = true
		l.ended(7, c.lost, c.refused)
		if l.live(time.Now()) != c.live || (len(l.told) == 1) != c.told || l.flying[7] != c.told || (*pokes == 1) == c.told {
			t.Errorf("%+v: live %v, told %v, flying %v, %d pokes", c, l.live(time.Now()), l.told, l.flying, *pokes)
		}
	}
}

// When the last connection ends, what waited in memory is left to the database.
func TestLastConnectionLeavesTheBacklog(t *testing.T) {
	l, _ := newLogin()
	l.offer(delivery{event: sms.Event{ID: 7}})
	l.close(nil)
	if len(l.backlog) != 0 || l.flying[7] {
		t.Errorf("%d wait, flying %v", len(l.backlog), l.flying)
	}
}
