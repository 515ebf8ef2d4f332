package smstext

import (
	"errors"
	"fmt"
	"time"
)

// UDH is the concatenation element of a user data header (GSM 03.40 §9.2.3.24.1).
type UDH struct {
	Ref    uint16
	Total  uint8 // 0 when the header tells nothing of parts
	Number uint8 // from 1
}

// ParseUDH takes the header off a content. Other elements are passed over; the
// 16-bit reference (element 8) is read like the 8-bit one (element 0).
func ParseUDH(content []byte) (UDH, []byte, error) {
	if len(content) == 0 || int(content[0]) > len(content)-1 {
		return UDH{}, nil, errors.New("the user data header is longer than the content")
	}
	end := 1 + int(content[0])
	head, body := content[1:end], content[end:]
	var u UDH
	for len(head) > 0 {
		if len(head) < 2 || len(head) < 2+int(head[1]) {
			return UDH{}, nil, errors.New("an element of the user data header is cut short")
		}
		id, v := head[0], head[2:2+int(head[1])]
		switch {
		case id == 0 && len(v) == 3:
			u = UDH{uint16(v[0]), v[1], v[2]}
		case id == 8 && len(v) == 4:
			u = UDH{uint16(v[0])<<8 | uint16(v[1]), v[2], v[3]}
		}
		head = head[2+len(v):]
	}
	if u.Total > 0 && (u.Number == 0 || u.Number > u.Total) {
		return UDH{}, nil, fmt.Errorf("part %d of %d does not exist", u.Number, u.Total)
	}
	return u, body, nil
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
	since time.Time
	parts [][]byte
	left  int
}

// NewReassembler keeps at most max incomplete messages, each for at most age.
func NewReassembler[K comparable](most int, age time.Duration) *Reassembler[K] {
	return &Reassembler[K]{most, age, map[K]*set{}}
}

// Add takes a part and returns all parts in order once the last is there. A part
// that came before begins a new message: an 8-bit reference comes round again.
func (r *Reassembler[K]) Add(key K, u UDH, body []byte, now time.Time) ([][]byte, error) {
	if u.Total < 1 || u.Number < 1 || u.Number > u.Total {
		return nil, fmt.Errorf("part %d of %d does not exist", u.Number, u.Total)
	}
	s := r.open[key]
	if s == nil || len(s.parts) != int(u.Total) || s.parts[u.Number-1] != nil || now.Sub(s.since) > r.age {
		if s == nil && len(r.open) >= r.max {
			return nil, ErrFull
		}
		s = &set{now, make([][]byte, u.Total), int(u.Total)}
		r.open[key] = s
	}
	s.parts[u.Number-1] = append([]byte{}, body...)
	s.left--
	if s.left > 0 {
		return nil, nil
	}
	delete(r.open, key)
	return s.parts, nil
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
