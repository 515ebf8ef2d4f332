package sms

import (
	"fmt"
	"strconv"
	"sync"
	"time"
)

// ID is a 63-bit identifier, ordered by creation time to the millisecond:
// 41 bits of milliseconds since 2024-01-01 UTC, 10 bits of node, 12 bits of
// sequence. JSON carries it as a decimal string, because JavaScript loses
// integers above 2^53.
type ID int64

var idEpoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// NoMessage stands for a message's id where it is known to be none of ours.
const NoMessage ID = -1

// String is the decimal form.
func (id ID) String() string { return strconv.FormatInt(int64(id), 10) }

// MarshalText gives the decimal form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the decimal form.
func (id *ID) UnmarshalText(b []byte) error {
	v, err := ParseID(string(b))
	*id = v
	return err
}

// ParseID reads the decimal form of a positive id.
func ParseID(s string) (ID, error) {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil || v <= 0 {
		return 0, fmt.Errorf("id %.24q is not a positive decimal number", s)
	}
	return ID(v), nil
}

// Time is the millisecond at which the id was made.
func (id ID) Time() time.Time { return time.UnixMilli(int64(id)>>22 + idEpoch) }

// Short is the id without its node, below 2^53: what programs can hold that read numbers as
// floating point. Two ids of one millisecond and different nodes may share it.
func (id ID) Short() int64 { return int64(id)>>22<<12 | int64(id)&0xFFF }

// FirstID is below every id that is made at a moment or later, and above all before.
func FirstID(t time.Time) ID { return ID(max(0, t.UnixMilli()-idEpoch) << 22) }

// IDs makes ids for one node. It never repeats an id while it lives, also when
// the clock steps back: it then goes on from the last millisecond it used. Two
// live processes on one database must have different nodes (0 to 1023).
type IDs struct {
	now  func() time.Time
	node int64

	mu   sync.Mutex
	last int64 // millisecond<<12 | sequence
}

// NewIDs makes a generator for a node number of 0 to 1023.
func NewIDs(node int, now func() time.Time) (*IDs, error) {
	if node < 0 || node > 1023 {
		return nil, fmt.Errorf("node number %d is not within 0 and 1023", node)
	}
	return &IDs{now: now, node: int64(node)}, nil
}

// After has the ids to come be larger than one that is in use: the clock may have
// stepped back while no process lived.
func (g *IDs) After(id ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = max(g.last, (int64(id)>>22+1)<<12-1) // from the next millisecond on: the other may be of a higher node
}

// Next returns the next id. Above 4,096 ids in a millisecond it borrows from
// the milliseconds to come.
func (g *IDs) Next() ID {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := (g.now().UnixMilli() - idEpoch) << 12
	g.last = max(t, g.last+1)
	return ID(g.last>>12<<22 | g.node<<12 | g.last&0xFFF)
}
