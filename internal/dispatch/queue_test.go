package dispatch

import (
	"testing"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/sms"
)

func message(id, account sms.ID) gate.Ready {
	return gate.Ready{Message: &sms.Message{ID: id, AccountID: account, Category: sms.MKT}}
}

// Accounts take turns, so that a million messages of one do not hold up another's ten.
func TestAccountsTakeTurns(t *testing.T) {
	var q queue
	for id := range sms.ID(100) {
		q.add(message(id+1, 1))
	}
	q.add(message(1001, 2))
	q.add(message(1002, 2))
	for at, want := range []sms.ID{1, 1001, 2, 1002, 3, 4} {
		if r, ok := q.pop(sms.ClassMKT, nil); !ok || r.Message.ID != want {
			t.Fatalf("message %d is %d, want %d", at, r.Message.ID, want)
		}
	}
}

// What memory does not take is read from the database in order, and what stands before
// that is not forgotten: it may have been decided anew, or left by a failure.
func TestSpilledMessagesAreReadInOrder(t *testing.T) {
	var q queue
	for id := range sms.ID(maxFlow + 10) {
		q.add(message(id+100, 1))
	}
	f := q.classes[sms.ClassMKT].flow(1)
	if !f.spilled || len(f.list) != maxFlow || f.rewind {
		t.Fatalf("%d in memory, spilled %v, rewind %v", len(f.list), f.spilled, f.rewind)
	}
	if flows, _ := q.dry(); len(flows) != 0 {
		t.Error("it is read although memory is full")
	}
	for len(f.list) > refillLow-1 {
		q.pop(sms.ClassMKT, nil)
	}
	if flows, _ := q.dry(); len(flows) != 1 {
		t.Error("it is not read although memory is low")
	}
	q.add(message(7, 1)) // decided long ago, and queued now
	if !f.rewind {
		t.Error("a message before the others is forgotten")
	}
	f.loading, f.spilled, f.rewind = true, false, false
	if !q.waits(sms.ClassMKT) {
		t.Error("nothing waits while messages are being read")
	}
	before := len(f.list)
	q.refill(f, []gate.Ready{message(7, 1), f.list[0], message(maxFlow+100, 1)}, true)
	if len(f.list) != before+2 || f.loading || !f.spilled || q.size != len(f.list) {
		t.Errorf("%d in memory after %d, size %d: %+v", len(f.list), before, q.size, f.spilled)
	}
	q.spill(sms.ClassMKT, 1)
	if !f.rewind {
		t.Error("what a failure left is not looked for")
	}
}
