// Package load sends a planned stream of messages to a platform and measures what
// came of it. It is an open loop: every message has an intended time, and latency
// counts from there, so that a platform that stalls can't hide it by slowing the
// generator down.
package load

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Kind is what a message of the mix is.
type Kind uint8

// The kinds. Refused is marketing to a number without consent.
const (
	OTP Kind = iota
	Notice
	MKT
	Refused
	numKinds
)

// Message is one of the stream.
type Message struct {
	Index  int
	Kind   Kind
	Number string
	Text   string
	Due    time.Time // when it should be sent
}

// Plan is a stream.
type Plan struct {
	Rate     int // messages a second
	Duration time.Duration
	Numbers  int // distinct numbers; a stream longer than that repeats them
	First    int // of the stream's indexes: another stream goes on where one ended
	// Shares of the mix in percent; what is left of 100 is marketing.
	OTP, Notice, Refused int
	Only                 *Kind // all messages of one kind
}

// Base is the first number: no network has been assigned 142.
const Base = 14200000000

// step is by how much the numbers of neighbours in the stream differ: each comes once in a
// round, and no call looks like a number range (CNS-13).
func (p Plan) step() int {
	for s := 1009; ; s++ {
		a, b := s, p.Numbers
		for b != 0 {
			a, b = b, a%b
		}
		if a == 1 {
			return s
		}
	}
}

// Number is the number of an index. Numbers that never consented lie above those
// that did.
func (p Plan) Number(i int, k Kind) string {
	n := i % p.Numbers * p.step() % p.Numbers
	if k == Refused {
		n += p.Numbers
	}
	return fmt.Sprint(Base + n)
}

// Message makes the message of an index. The mix repeats every hundred messages, in
// an order that mixes the kinds.
func (p Plan) Message(i int, start time.Time, texts [numKinds]string) Message {
	i += p.First
	at := i * 37 % 100
	k := MKT
	switch {
	case p.Only != nil:
		k = *p.Only
	case at < p.OTP:
		k = OTP
	case at < p.OTP+p.Notice:
		k = Notice
	case at < p.OTP+p.Notice+p.Refused:
		k = Refused
	}
	return Message{
		Index: i, Kind: k, Number: p.Number(i, k), Text: texts[k], Due: start.Add(time.Duration(float64(i-p.First) / float64(p.Rate) * float64(time.Second))),
	}
}

// Total is how many messages the plan has.
func (p Plan) Total() int { return int(p.Duration.Seconds() * float64(p.Rate)) }

// Sender hands messages to the platform. It calls the recorder.
type Sender interface {
	// Send sends messages that are due; it may block while the platform pushes back.
	Send(ctx context.Context, list []Message)
	// Batch is how many messages one Send takes.
	Batch() int
	// Lanes is how many Sends may run at a time.
	Lanes() int
}

// Recorder measures. Its methods may be called from any goroutine.
type Recorder struct {
	mu        sync.Mutex
	accept    *hdrhistogram.Histogram
	end       *hdrhistogram.Histogram
	endOTP    *hdrhistogram.Histogram
	due       map[string]pending // by message id
	early     map[string]time.Time
	Accepted  int
	Refused   int
	Failed    int
	Delivered int
	NotDeliv  int
	until     time.Time // end of the window
	InWindow  int       // delivered before it
}

type pending struct {
	due  time.Time
	kind Kind
}

const maxMicros = int64(time.Hour / time.Microsecond)

// NewRecorder measures a window that ends at a moment.
func NewRecorder(until time.Time) *Recorder {
	h := func() *hdrhistogram.Histogram { return hdrhistogram.New(1, maxMicros, 3) }
	return &Recorder{accept: h(), end: h(), endOTP: h(), due: map[string]pending{}, early: map[string]time.Time{}, until: until}
}

func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(d.Microseconds(), 1), maxMicros)) // within its bounds
}

// Accept notes that the platform accepted a message under an id.
func (r *Recorder) Accept(id string, m *Message, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Accepted++
	record(r.accept, at.Sub(m.Due))
	if done, ok := r.early[id]; ok { // the report was faster than the answer
		delete(r.early, id)
		r.ended(pending{m.Due, m.Kind}, done)
		return
	}
	r.due[id] = pending{m.Due, m.Kind}
}

// Refuse notes a refusal by a rule, Fail anything else that is no acceptance.
func (r *Recorder) Refuse(m *Message, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Refused++
	record(r.accept, at.Sub(m.Due))
}

// Fail notes a message that was neither accepted nor refused by a rule.
func (r *Recorder) Fail() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Failed++
}

// Report notes the end of an accepted message.
func (r *Recorder) Report(id string, delivered bool, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !delivered {
		r.NotDeliv++
		delete(r.due, id)
		return
	}
	p, ok := r.due[id]
	if !ok {
		r.early[id] = at
		return
	}
	delete(r.due, id)
	r.ended(p, at)
}

func (r *Recorder) ended(p pending, at time.Time) {
	r.Delivered++
	record(r.end, at.Sub(p.due))
	if p.kind == OTP {
		record(r.endOTP, at.Sub(p.due))
	}
	if at.Before(r.until) {
		r.InWindow++
	}
}

// Seen reads one of the counters while the run goes on.
func (r *Recorder) Seen(counter *int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *counter
}

// Open is how many accepted messages have no end yet.
func (r *Recorder) Open() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.due)
}

// Quantiles of a histogram in milliseconds.
type Quantiles struct {
	P50, P99, P999, Max float64
}

func quantiles(h *hdrhistogram.Histogram) Quantiles {
	ms := func(v int64) float64 { return float64(v) / 1000 }
	return Quantiles{ms(h.ValueAtQuantile(50)), ms(h.ValueAtQuantile(99)), ms(h.ValueAtQuantile(99.9)), ms(h.Max())}
}

// Latencies gives those of acceptance, of the whole way, and of codes alone.
func (r *Recorder) Latencies() (accept, end, endOTP Quantiles) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return quantiles(r.accept), quantiles(r.end), quantiles(r.endOTP)
}

// company is how much too early a message may be sent together with others.
const company = time.Millisecond

// Run sends the whole plan and returns when everything was handed over.
func Run(ctx context.Context, p Plan, start time.Time, texts [numKinds]string, s Sender) {
	batches := make(chan []Message, s.Lanes()*2)
	var lanes sync.WaitGroup
	for range s.Lanes() {
		lanes.Go(func() {
			for list := range batches {
				s.Send(ctx, list)
			}
		})
	}
	total := p.Total()
	for i := 0; i < total && ctx.Err() == nil; {
		m := p.Message(i, start, texts)
		if d := time.Until(m.Due); d > 0 {
			select {
			case <-time.After(d):
			case <-ctx.Done():
			}
		}
		list := append(make([]Message, 0, s.Batch()), m)
		for i++; i < total && len(list) < s.Batch(); i++ { // what is due by now, or within a moment, goes with it
			if m = p.Message(i, start, texts); time.Until(m.Due) > company {
				break
			}
			list = append(list, m)
		}
		batches <- list
	}
	close(batches)
	lanes.Wait()
}
