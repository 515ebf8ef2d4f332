package spserver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
)

func newLogin() (l *login, pokes *int) {
	pokes = new(int)
	return &login{id: 1, poke: func() { *pokes++ }, flying: map[sms.ID]bool{}, peers: []peer{nil}, rest: time.Now().Add(time.Hour)}, pokes
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

// A customer that refuses is left alone for a while, and so is one whose protocol can't
// carry what there is; a connection that was lost says nothing about the others.
func TestRefusalRestsAndLossDoesNot(t *testing.T) {
	ok, no := session.Outcome{Kind: session.Answered}, session.Outcome{Kind: session.Answered, Result: 9}
	lost := session.Outcome{Kind: session.InDoubt, Err: session.ErrClosed}
	mute := session.Outcome{Kind: session.NotWritten, Err: fmt.Errorf("%w: too long", session.ErrEncode)}
	for name, c := range map[string]struct {
		outcomes   []session.Outcome
		live, told bool
	}{
		"acknowledged":          {[]session.Outcome{ok, ok}, true, true},
		"one is lost":           {[]session.Outcome{lost, ok}, true, false},
		"one is refused":        {[]session.Outcome{ok, no}, false, false},
		"one can't be written":  {[]session.Outcome{mute, ok}, false, false},
		"one has no answer yet": {[]session.Outcome{ok}, true, false},
	} {
		l, pokes := newLogin()
		l.rest = time.Time{}
		l.flying[7] = true
		d := &delivery{event: sms.Event{ID: 7}, reports: make([]session.Report, 2), sent: 2, open: 2}
		for _, o := range c.outcomes {
			l.ended(d, o)
		}
		again := len(c.outcomes) == 2 && !c.told
		if l.live(time.Now()) != c.live || (len(l.told) == 1) != c.told || l.flying[7] == again || (*pokes > 0) != again {
			t.Errorf("%s: live %v, told %v, flying %v, %d pokes", name, l.live(time.Now()), l.told, l.flying, *pokes)
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

// window is a session that takes so many PDUs and notes whose turn it was.
type window struct {
	name rune
	room int
	said *string
}

func (w *window) Credit() int { return w.room }

func (w *window) Report(session.Report, func(session.Outcome)) {
	w.room--
	*w.said += string(w.name)
}

func (w *window) MO(session.MO, func(session.Outcome)) {}

// Sessions take turns that are long, so that reports leave by few writes; one whose window
// is full is passed over.
func TestSessionsTakeLongTurns(t *testing.T) {
	var said string
	l, _ := newLogin()
	l.rest = time.Time{}
	l.peers = []peer{&window{'a', 1000, &said}, &window{'b', 10, &said}, &window{'c', 1000, &said}}
	for i := range 3 * turnPDUs {
		l.offer(delivery{event: sms.Event{ID: sms.ID(i + 1)}, reports: make([]session.Report, 1)})
	}
	a, b, c := strings.Count(said, "a"), strings.Count(said, "b"), strings.Count(said, "c")
	if len(said) != 3*turnPDUs || b != 10 || a > 2*turnPDUs || c > 2*turnPDUs {
		t.Errorf("%d, %d and %d: %s", a, b, c, said)
	}
	if turns := strings.Count(said, "ab") + strings.Count(said, "bc") + strings.Count(said, "ca"); turns > 4 {
		t.Errorf("%d changes: %s", turns, said)
	}

	l, _ = newLogin()
	l.rest = time.Time{}
	l.peers = []peer{&window{'a', 0, &said}, &window{'b', 0, &said}, &window{'c', 1, &said}}
	if said = ""; l.offer(delivery{event: sms.Event{ID: 1}, reports: make([]session.Report, 1)}) && said != "c" {
		t.Errorf("%q told of the only report", said)
	}
}
