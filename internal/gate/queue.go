package gate

import (
	"slices"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// turn is how many recipients are taken of one application, and within it of one line,
// before it is another's turn. On a line that has fallen behind, so many are answered by
// one write, and the next come by one read.
const turn = 50

// share is how many times what is left free in the queue an application may hold: alone
// three quarters of all, so that the next ones find room.
const share = 3

// queue is what waits for its decision in one class. Applications take turns, and in each
// of them the lines by which its calls came: a bulk sender delays nobody but himself.
type queue struct {
	customers []*customer // the next one first
	byID      map[sms.ID]*customer
}

type customer struct {
	id      sms.ID
	credit  int // recipients left of its turn; a call may overdraw it
	waiting int // recipients
	lines   []*line
	byKey   map[any]*line
}

type line struct {
	key    any
	credit int
	jobs   []*job // never empty
}

// waiting counts the recipients of an application.
func (q *queue) waiting(application sms.ID) int {
	if c := q.byID[application]; c != nil {
		return c.waiting
	}
	return 0
}

func (q *queue) push(j *job) {
	c := q.byID[j.call.Application]
	if c == nil {
		c = &customer{id: j.call.Application, credit: turn, byKey: map[any]*line{}}
		if q.byID == nil {
			q.byID = map[sms.ID]*customer{}
		}
		q.byID[c.id] = c
		q.customers = append(q.customers, c)
	}
	l := c.byKey[j.call.Line]
	if l == nil {
		l = &line{key: j.call.Line, credit: turn}
		c.byKey[l.key] = l
		c.lines = append(c.lines, l)
	}
	l.jobs = append(l.jobs, j)
	c.waiting += j.call.Recipients()
}

// front is the call whose turn it is, nil when none waits.
func (q *queue) front() *job {
	if len(q.customers) == 0 {
		return nil
	}
	for q.customers[0].credit <= 0 {
		c := q.customers[0]
		c.credit += turn
		q.customers = append(q.customers[1:], c)
	}
	c := q.customers[0]
	for c.lines[0].credit <= 0 {
		l := c.lines[0]
		l.credit += turn
		c.lines = append(c.lines[1:], l)
	}
	return c.lines[0].jobs[0]
}

// pop takes what front gave. Who has nothing left keeps no credit and no debt.
func (q *queue) pop() {
	c := q.customers[0]
	l := c.lines[0]
	n := l.jobs[0].call.Recipients()
	c.credit, l.credit, c.waiting = c.credit-n, l.credit-n, c.waiting-n
	l.jobs[0] = nil
	if l.jobs = l.jobs[1:]; len(l.jobs) > 0 {
		return
	}
	delete(c.byKey, l.key)
	if c.lines = slices.Delete(c.lines, 0, 1); len(c.lines) > 0 {
		return
	}
	delete(q.byID, c.id)
	q.customers = slices.Delete(q.customers, 0, 1)
}
