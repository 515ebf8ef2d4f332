package smstext

import (
	"bytes"
	"fmt"
	"time"
)

// Whole finds one part of each number, the first of each in the order given, or
// nil while one lacks. The first part says how many there are; parts that say
// otherwise, and repetitions, are left: a part that came twice belongs to the next
// message with the same reference. It is for parts that are stored and not opened
// before they are whole.
func Whole[P any](parts []P, place func(P) UDH) []P {
	if len(parts) == 0 {
		return nil
	}
	total := place(parts[0]).Total
	if total == 0 {
		return nil
	}
	whole, have, left := make([]P, total), make([]bool, total), int(total)
	for _, p := range parts {
		at := place(p)
		if at.Total != total || at.valid() != nil || have[at.Number-1] {
			continue
		}
		whole[at.Number-1], have[at.Number-1] = p, true
		left--
	}
	if left > 0 {
		return nil
	}
	return whole
}

// Assembly gathers the parts of one long message, in any order. It holds at most 255
// parts of 254 bytes. Its zero value is ready.
type Assembly struct {
	at     UDH // of the first part that came
	parts  []Body
	have   []bool
	absent int
}

// Add takes a part, which it copies, and tells whether the message is whole. A part
// that comes again as it was changes nothing. An error leaves all as it was: ErrNoPart,
// ErrContradiction for another reference or total or for other content of a number
// that is there, or a content longer than a PDU's.
func (a *Assembly) Add(at UDH, b Body) (whole bool, err error) {
	if err := sound(at, b); err != nil {
		return false, err
	}
	i := int(at.Number) - 1
	switch {
	case a.parts == nil:
		a.at, a.parts, a.have, a.absent = at, make([]Body, at.Total), make([]bool, at.Total), int(at.Total)
	case at.Total != a.at.Total || at.Ref != a.at.Ref:
		return false, fmt.Errorf("%w: part of %d with reference %d, the others are of %d with %d", ErrContradiction, at.Total, at.Ref, a.at.Total, a.at.Ref)
	case a.have[i] && (a.parts[i].Coding != b.Coding || !bytes.Equal(a.parts[i].Content, b.Content)):
		return false, fmt.Errorf("%w: part %d came before with other content", ErrContradiction, at.Number)
	case a.have[i]:
		return a.absent == 0, nil
	}
	a.parts[i], a.have[i] = Body{b.Coding, bytes.Clone(b.Content)}, true
	a.absent--
	return a.absent == 0, nil
}

// sound tells what a part lacks in itself, whatever came before.
func sound(at UDH, b Body) error {
	if len(b.Content) > maxBody {
		return fmt.Errorf("part %d has %d bytes, longer than any PDU carries", at.Number, len(b.Content))
	}
	return at.valid()
}

// Missing are the numbers that have not come, from 1. It is empty before the first
// part and when the message is whole.
func (a *Assembly) Missing() []uint8 {
	var out []uint8
	for i, have := range a.have {
		if !have {
			out = append(out, uint8(i+1))
		}
	}
	return out
}

// Parts are the bodies in order, nil while one lacks.
func (a *Assembly) Parts() []Body {
	if a.absent > 0 {
		return nil
	}
	return a.parts
}

// Reassembler puts the parts of long messages together. It is bounded in number
// and time, and it is not safe for concurrent use. K tells messages apart:
// channel, source, destination, reference and total.
type Reassembler[K comparable] struct {
	max  int
	age  time.Duration
	open map[K]*set
}

type set struct {
	Assembly
	since time.Time
}

// NewReassembler keeps at most max incomplete messages, each for at most age.
func NewReassembler[K comparable](most int, age time.Duration) *Reassembler[K] {
	return &Reassembler[K]{most, age, map[K]*set{}}
}

// Add takes a part and returns all parts in order once the last is there. A part
// that contradicts those that are there begins a new message: an 8-bit reference
// comes round again. One that came before as it is changes nothing.
func (r *Reassembler[K]) Add(key K, at UDH, b Body, now time.Time) ([]Body, error) {
	if err := sound(at, b); err != nil {
		return nil, err
	}
	s := r.open[key]
	if s == nil && len(r.open) >= r.max {
		return nil, ErrFull
	}
	if s == nil || now.Sub(s.since) > r.age {
		s = &set{since: now}
	}
	whole, err := s.Add(at, b)
	if err != nil { // the part itself is sound: it belongs to the next message
		s = &set{since: now}
		whole, _ = s.Add(at, b)
	}
	if whole {
		delete(r.open, key)
		return s.Parts(), nil
	}
	r.open[key] = s
	return nil, nil
}

// Expire forgets messages whose parts did not come in time, and names them.
func (r *Reassembler[K]) Expire(now time.Time) []K {
	var gone []K
	for k, s := range r.open {
		if now.Sub(s.since) > r.age {
			delete(r.open, k)
			gone = append(gone, k)
		}
	}
	return gone
}
