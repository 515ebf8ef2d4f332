// Package classify tells by statistics what kind of message a text reads like: a code, a
// notice, marketing or public service. It knows no meaning, only which short runs of
// characters are usual in which kind, and is wrong now and then: rules hold on its score
// for a person and never refuse (PORT-05a, CNT-05). It is pure, and a model gives the same
// score everywhere.
package classify

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"math"
	"sync"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Classes are the kinds of messages that a model tells apart.
var Classes = [...]sms.Category{sms.OTP, sms.Notice, sms.MKT, sms.Public}

const (
	classes   = len(Classes)
	marketing = 2       // its place among them
	buckets   = 1 << 14 // of the hashed runs of characters
	scale     = 1 << 10 // of weights as they are stored
	longest   = 3       // characters of a run
)

// Model weighs runs of characters. It never changes and is safe for concurrent use.
type Model struct {
	bias    [classes]int16
	weights [buckets][classes]int16
}

//go:embed model.bin
var builtin []byte

// Builtin is the model that the program carries.
var Builtin = sync.OnceValues(func() (*Model, error) { return Load(builtin) })

const magic = "ZXCLASS1"

// Load reads a model as Marshal wrote it.
func Load(b []byte) (*Model, error) {
	if len(b) != len(magic)+2*classes*(1+buckets) || string(b[:len(magic)]) != magic {
		return nil, errors.New("this is no model of the classifier, or one of another version")
	}
	m := &Model{}
	b = b[len(magic):]
	next := func() int16 {
		w := int16(binary.LittleEndian.Uint16(b)) //nolint:gosec // its bits
		b = b[2:]
		return w
	}
	for c := range m.bias {
		m.bias[c] = next()
	}
	for i := range m.weights {
		for c := range m.weights[i] {
			m.weights[i][c] = next()
		}
	}
	return m, nil
}

// Marshal writes the model.
func (m *Model) Marshal() []byte {
	out := []byte(magic)
	put := func(list [classes]int16) {
		for _, w := range list {
			out = binary.LittleEndian.AppendUint16(out, uint16(w)) //nolint:gosec // its bits
		}
	}
	put(m.bias)
	for _, w := range m.weights {
		put(w)
	}
	return out
}

// Scores are the shares of belief in each of Classes; they add up to 1.
type Scores [classes]float64

// Score reads a folded text (lexicon.Fold).
func (m *Model) Score(folded string) Scores {
	var sum [classes]int32
	n := 0
	each(folded, func(bucket uint32) {
		for c, w := range m.weights[bucket] {
			sum[c] += int32(w)
		}
		n++
	})
	var s Scores
	for c := range s {
		s[c] = (float64(m.bias[c]) + float64(float64(sum[c])*norm(n))) / scale // rounded before it is added, see trainer
	}
	s.softmax()
	return s
}

// Promotion is how much a text reads like marketing, 0 to 100 in steps of 10: texts of one
// template hardly differ in it.
func (s *Scores) Promotion() int { return int(math.Floor(s[marketing]*10)) * 10 }

// Best is the class that a text reads like most.
func (s *Scores) Best() int {
	best := 0
	for c := range s {
		if s[c] > s[best] {
			best = c
		}
	}
	return best
}

// norm makes long and short texts alike.
func norm(n int) float64 { return 1 / math.Sqrt(float64(max(n, 1))) }

// softmax turns sums into shares.
func (s *Scores) softmax() {
	top := s[0]
	for _, x := range s {
		top = max(top, x)
	}
	total := 0.0
	for c := range s {
		s[c] = exp(s[c] - top)
		total += s[c]
	}
	for c := range s {
		s[c] /= total
	}
}

// exp is e to the power of x, at most 0. That of the library differs between machines in the
// last digit, and a model must not.
func exp(x float64) float64 {
	if x < -40 {
		return 0
	}
	k := math.Floor(x/math.Ln2 + 0.5)
	r := x - float64(k*math.Ln2)
	term, sum := 1.0, 1.0
	for i := 1.0; i < 16; i++ {
		term = float64(term*r) / i
		sum += term
	}
	return math.Ldexp(sum, int(k))
}

// each gives the bucket of every run of up to three characters. Digits are all alike, and so
// are letters in a row.
func each(folded string, take func(bucket uint32)) {
	var last [longest]uint32 // the characters before, newest first
	have := 0
	push := func(r uint32) {
		last[2], last[1], last[0] = last[1], last[0], r
		have = min(have+1, longest)
		h := uint32(2166136261)
		for i := range have {
			h = (h ^ last[i]) * 16777619
			x := h ^ h>>15
			x *= 0x85ebca6b
			take((x ^ x>>13) % buckets)
		}
	}
	push('^')
	for _, r := range folded {
		switch {
		case r == ' ' || r == '\n' || r == '\r' || r == '\t':
			continue
		case r >= '0' && r <= '9':
			r = '0'
		case r >= 'a' && r <= 'z':
			r = 'a'
		}
		if (r == '0' || r == 'a') && last[0] == uint32(r) {
			continue
		}
		push(uint32(r)) //nolint:gosec // a character
	}
	push('$')
}
