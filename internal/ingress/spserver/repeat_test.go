package spserver

import (
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/protocol/session"
)

func TestRepeatedSubmitGetsTheFirstAnswer(t *testing.T) {
	r := newRepeats(3*time.Minute, 0)
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	in := session.Submit{Sequence: session.Sequence{Count: 7}, Source: "1069", Dests: []string{"14200000001"}, Content: []byte("a")}
	got := make(chan string, 3)
	reply := func(id string, _ uint32) { got <- id }
	first, answer := r.enter(in, now, reply)
	if !first {
		t.Fatal("the first was taken for a repetition")
	}
	if again, _ := r.enter(in, now.Add(time.Minute), reply); again {
		t.Fatal("a repetition before the answer is a new message")
	}
	answer("41", 0)
	if a, b := <-got, <-got; a != "41" || b != "41" {
		t.Errorf("answers %s and %s", a, b)
	}
	if again, _ := r.enter(in, now.Add(2*time.Minute), reply); again || <-got != "41" {
		t.Error("a repetition after the answer")
	}
	other := in
	other.Content = []byte("b")
	if fresh, _ := r.enter(other, now.Add(2*time.Minute), reply); !fresh {
		t.Error("other bytes under the same number are a new message")
	}
	if fresh, _ := r.enter(in, now.Add(6*time.Minute), reply); !fresh {
		t.Error("after the window it is a new message")
	}
}

func TestMemoryOfRepetitionsIsBounded(t *testing.T) {
	r := newRepeats(time.Hour, 0)
	now := time.Now()
	for i := range uint32(maxRepeats + 100) {
		r.enter(session.Submit{Sequence: session.Sequence{Count: i}}, now, func(string, uint32) {})
	}
	if len(r.seen) > maxRepeats || len(r.order) > maxRepeats {
		t.Errorf("%d and %d are remembered", len(r.seen), len(r.order))
	}
}
