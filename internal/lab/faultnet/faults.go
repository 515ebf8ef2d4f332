package faultnet

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Direction is one way through the proxy.
type Direction uint8

// The two directions. Each has its own faults and counts.
const (
	ToServer Direction = iota // from the side that dialled
	ToClient
)

// String names the direction.
func (d Direction) String() string {
	if d == ToServer {
		return "to server"
	}
	return "to client"
}

// Frames tells the length of the first frame of b. 0 asks for more bytes, below
// 0 says that these are no frames: from there on bytes pass as they come.
type Frames func(b []byte) int

// LengthFirst is the framing of CMPP, SGIP, SMGP and SMPP: four bytes,
// big-endian, the length of the frame with these four.
func LengthFirst(b []byte) int {
	const size = 4
	if len(b) < size {
		return 0
	}
	n := binary.BigEndian.Uint32(b)
	if n < size || n > maxFrame {
		return -1
	}
	return int(n)
}

// Faults is what goes wrong in one direction. The zero value passes everything.
// A frame is what Config.Frames finds, else whatever one read gives.
type Faults struct {
	// Delay and a random share of Jitter pass before each frame goes on. What
	// comes meanwhile waits in the socket.
	Delay, Jitter time.Duration
	// Dribble writes at most so many bytes at a time, and waits Every between.
	Dribble int
	Every   time.Duration
	// Reorder gathers up to so many frames, at most 64, and passes them on in a
	// random order; fewer when none comes for a while.
	Reorder int
	// Drop and Duplicate choose frames. They are called from the connection's
	// goroutine and must not keep the frame.
	Drop, Duplicate func(frame []byte) bool
	// Cut ends the connection that passes CutAfter bytes, counted from Set on:
	// exactly so many are written, nothing more passes in either direction. It
	// happens once. Reset ends it with a TCP reset.
	Cut      bool
	CutAfter int64
	Reset    bool
	// Silent throws away what comes and passes no end of the connection on: the
	// far side is half-open. Frames are lost whole.
	Silent bool
	// Blocked no longer reads, so that TCP pushes back. Nothing is lost.
	Blocked bool
}

// Counts is what happened in one direction since the start.
type Counts struct {
	Frames, Bytes uint64 // passed on
	Delayed       uint64 // frames
	Dribbled      uint64 // frames written in pieces
	Reordered     uint64 // frames that were gathered to be mixed
	Dropped       uint64 // frames
	Duplicated    uint64 // frames
	Swallowed     uint64 // frames thrown away by Silent
	Cuts          uint64 // connections
}

// lane is one direction of all connections.
type lane struct {
	mu      sync.Mutex
	faults  Faults
	left    int64         // bytes until the cut
	changed chan struct{} // closed when the faults are replaced
	counts  Counts
	noted   chan struct{} // closed when the counts change; nil when nobody waits
	random  *rand.Rand
}

func newLane(seed uint64, d Direction) *lane {
	return &lane{changed: make(chan struct{}), random: rand.New(rand.NewPCG(seed, uint64(d)))} //nolint:gosec // it must repeat
}

func (l *lane) set(f Faults) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults, l.left = f, f.CutAfter
	close(l.changed)
	l.changed = make(chan struct{})
}

// now gives the faults and the channel that tells when they are replaced.
func (l *lane) now() (Faults, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.faults, l.changed
}

// allow books n bytes and tells how many may pass and whether the connection
// ends after them. The cut happens once, so that a new connection is whole.
func (l *lane) allow(n int) (int, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.faults.Cut {
		return n, false
	}
	if int64(n) < l.left {
		l.left -= int64(n)
		return n, false
	}
	l.faults.Cut = false
	return int(l.left), true
}

// wait is how long this frame is to be held up.
func (l *lane) wait(f *Faults) time.Duration {
	if f.Jitter <= 0 {
		return f.Delay
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return f.Delay + time.Duration(l.random.Int64N(int64(f.Jitter)))
}

func (l *lane) shuffle(frames [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.random.Shuffle(len(frames), func(i, j int) { frames[i], frames[j] = frames[j], frames[i] })
}

func (l *lane) note(add func(*Counts)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	add(&l.counts)
	if l.noted != nil {
		close(l.noted)
		l.noted = nil
	}
}

// await returns when the counts are as wanted.
func (l *lane) await(ctx context.Context, ok func(Counts) bool) error {
	for {
		l.mu.Lock()
		counts := l.counts
		if ok(counts) {
			l.mu.Unlock()
			return nil
		}
		if l.noted == nil {
			l.noted = make(chan struct{})
		}
		noted := l.noted
		l.mu.Unlock()
		select {
		case <-noted:
		case <-ctx.Done():
			return fmt.Errorf("faultnet: %w, counts are %+v", ctx.Err(), counts)
		}
	}
}
