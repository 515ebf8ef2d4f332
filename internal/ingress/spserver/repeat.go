package spserver

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/zhunxin/zhunxin/protocol/session"
)

// maxRepeats bounds what a connection remembers; the oldest is forgotten first.
const maxRepeats = 1 << 16

// repeats is what one connection has answered: a client that had no answer sends
// the same Sequence_Id with the same bytes again, and gets the first answer.
// CMPP 3.0 §7.1. The same number with other bytes is a new message, because numbers come round;
// those of SGIP do not, and other bytes are an error there. SGIP 1.2 §3.7.2.
type repeats struct {
	window time.Duration
	clash  uint32 // what the protocol answers to other bytes under the same number, 0 if they are a new message
	seed   maphash.Seed

	mu    sync.Mutex
	seen  map[session.Sequence]*answered
	order []session.Sequence
}

type answered struct {
	hash    uint64
	at      time.Time
	done    bool
	id      string
	result  uint32
	waiting []func(string, uint32)
}

func newRepeats(window time.Duration, clash uint32) *repeats {
	return &repeats{window: window, clash: clash, seed: maphash.MakeSeed(), seen: map[session.Sequence]*answered{}}
}

// enter tells whether a submit is new. For one that is, the answer function that
// it returns also answers those that repeat it meanwhile.
func (r *repeats) enter(in session.Submit, now time.Time, answer func(string, uint32)) (bool, func(string, uint32)) {
	hash := r.hash(&in)
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.seen[in.Sequence]; a != nil && (a.hash == hash || r.clash != 0) && now.Sub(a.at) < r.window {
		if a.hash != hash {
			go answer("", r.clash)
		} else if a.done {
			go answer(a.id, a.result)
		} else {
			a.waiting = append(a.waiting, answer)
		}
		return false, nil
	}
	a := &answered{hash: hash, at: now}
	if r.seen[in.Sequence] == nil {
		r.order = append(r.order, in.Sequence)
	}
	r.seen[in.Sequence] = a
	r.forget(now)
	return true, func(id string, result uint32) {
		r.mu.Lock()
		a.done, a.id, a.result = true, id, result
		waiting := a.waiting
		a.waiting = nil
		r.mu.Unlock()
		answer(id, result)
		for _, w := range waiting {
			w(id, result)
		}
	}
}

// forget drops what is too old or too much. The caller holds r.mu.
func (r *repeats) forget(now time.Time) {
	for len(r.order) > 0 {
		oldest := r.seen[r.order[0]]
		if oldest != nil && len(r.order) <= maxRepeats && now.Sub(oldest.at) < r.window {
			return
		}
		delete(r.seen, r.order[0])
		r.order = r.order[1:]
	}
}

func (r *repeats) hash(in *session.Submit) uint64 {
	var h maphash.Hash
	h.SetSeed(r.seed)
	text := func(s string) { // errors are impossible: the hash never fails
		_, _ = h.WriteString(s)
		_ = h.WriteByte(0)
	}
	text(in.Source)
	for _, d := range in.Dests {
		text(d)
	}
	text(in.ServiceID)
	_, _ = h.Write([]byte{in.Coding, in.Total, in.Number})
	_, _ = h.Write(in.Content)
	return h.Sum64()
}
