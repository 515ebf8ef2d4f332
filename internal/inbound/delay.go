package inbound

import (
	"slices"
	"sync"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Delays remembers how long the newest reports of each channel took from the submit to
// their booking, on this node since its start. It is a hint for people and decides nothing.
type Delays struct {
	mu   sync.Mutex
	list map[sms.ID]*delays
}

// delays is a ring of the newest.
type delays struct {
	ms   [512]int64
	seen int
}

// Note takes the ends of segments.
func (d *Delays) Note(channel sms.ID, ended []Ended) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.list == nil {
		d.list = map[sms.ID]*delays{}
	}
	x := d.list[channel]
	if x == nil {
		x = &delays{}
		d.list[channel] = x
	}
	for _, e := range ended {
		x.ms[x.seen%len(x.ms)] = max(0, e.At-e.SubmitAt)
		x.seen++
	}
}

// enough is how many reports it takes to say what is usual.
const enough = 20

// Usual is the median and the 95th percentile of a channel's newest reports; ok is false
// while there are too few.
func (d *Delays) Usual(channel sms.ID) (median, p95 time.Duration, ok bool) {
	d.mu.Lock()
	x := d.list[channel]
	var ms []int64
	if x != nil {
		ms = slices.Clone(x.ms[:min(x.seen, len(x.ms))])
	}
	d.mu.Unlock()
	if len(ms) < enough {
		return 0, 0, false
	}
	slices.Sort(ms)
	at := func(percent int) time.Duration { return time.Duration(ms[(len(ms)-1)*percent/100]) * time.Millisecond }
	return at(50), at(95), true
}
