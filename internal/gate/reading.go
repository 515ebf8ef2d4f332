package gate

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/registry"
)

// reading is what a body holds.
type reading struct {
	traits lexicon.Traits
	words  []lexicon.Hit
	marks  []lexicon.Mark // where its links and telephones stand

	promotion int // how much it reads like marketing
}

// inVariables is what stands in the values of the variables of the template that a text fits.
type inVariables struct {
	links, contacts int // that stand in one, or reach into it
	longest         int // characters of the longest value of free text
}

// valuesOf looks at the values of a text's variables. It depends on the template, and so is
// not remembered with the text.
func valuesOf(w *registry.Wording, body string, marks []lexicon.Mark) (v inVariables) {
	all, free := w.Variables("text", "name")
	if all == 0 || free == 0 && len(marks) == 0 {
		return v
	}
	for _, x := range w.Places(body) {
		if x.Kind == "text" || x.Kind == "name" {
			v.longest = max(v.longest, utf8.RuneCountInString(body[x.From:x.To]))
		}
		for _, m := range marks {
			switch {
			case m.To <= x.From || x.To <= m.From:
			case m.Link:
				v.links++
			default:
				v.contacts++
			}
		}
	}
	return v
}

// wordsKey names the words that a text holds.
func wordsKey(hits []lexicon.Hit) string {
	var b strings.Builder
	for i := range hits {
		h := &hits[i]
		fmt.Fprintf(&b, "%s %s %t %d\n", h.List, h.Word, h.Disguised, h.Exception)
	}
	return b.String()
}

// mostReadings bounds how many texts are remembered.
const mostReadings = 4096

// readings remembers what bodies hold, by their keyed hash: the text of a campaign is read
// once. It holds no text but words of lexicons, links and public telephones.
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
