package gate

import (
	"sync"

	"github.com/zhunxin/zhunxin/internal/lexicon"
)

// reading is what a body holds.
type reading struct {
	traits lexicon.Traits
	words  []lexicon.Hit
}

// mostReadings bounds how many texts are remembered.
const mostReadings = 4096

// readings remembers what bodies hold, by their keyed hash: the text of a campaign is read
// once. It holds no text.
type readings struct {
	mu     sync.Mutex
	recent map[[16]byte]reading
	former map[[16]byte]reading // those before, which are forgotten next
}

// of gives what was read of a body, or reads it.
func (r *readings) of(body [16]byte, read func() reading) reading {
	r.mu.Lock()
	known, ok := r.recent[body]
	if ok {
		r.mu.Unlock()
		return known
	}
	known, ok = r.former[body]
	r.mu.Unlock()
	if !ok {
		known = read()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.recent == nil || len(r.recent) >= mostReadings/2 {
		r.former, r.recent = r.recent, make(map[[16]byte]reading, mostReadings/2)
	}
	r.recent[body] = known
	return known
}
