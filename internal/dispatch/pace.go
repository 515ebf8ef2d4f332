package dispatch

import (
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Pace is a slow-down of marketing that is in force.
type Pace struct {
	Measure   sms.ID
	PerMinute int64
	// Reaches tells whether it is about a message.
	Reaches func(m *sms.Message) bool
}

// paceBurst is for how long a slow-down saves up what was not sent.
const paceBurst = 10 * time.Second

// paced is one slow-down with what may leave by it now.
type paced struct {
	Pace
	tokens float64
	at     time.Time
}

func (p *paced) fill(now time.Time) {
	most := max(1, float64(p.PerMinute)*paceBurst.Minutes())
	if gone := now.Sub(p.at); gone > 0 {
		p.tokens = min(most, p.tokens+gone.Minutes()*float64(p.PerMinute))
		p.at = now
	}
}

// paces are the slow-downs that are in force; the worker's lock guards them.
type paces struct {
	list []*paced
	now  func() time.Time
}

// set replaces the slow-downs. Those that stay keep what they have.
func (p *paces) set(list []Pace) {
	old := map[sms.ID]*paced{}
	for _, x := range p.list {
		old[x.Measure] = x
	}
	p.list = p.list[:0:0]
	for _, x := range list {
		was := old[x.Measure]
		if was == nil {
			was = &paced{at: p.now()}
		}
		was.Pace = x
		p.list = append(p.list, was)
	}
}

// reaches tells whether any slow-down is about a message: only marketing is slowed down.
func (p *paces) reaches(m *sms.Message) bool {
	for _, x := range p.list {
		if m.Category == sms.MKT && x.Reaches(m) {
			return true
		}
	}
	return false
}

// take lets a message pass if all slow-downs that are about it have room.
func (p *paces) take(m *sms.Message) bool {
	if m.Category != sms.MKT || len(p.list) == 0 {
		return true
	}
	now := p.now()
	for _, x := range p.list {
		if x.Reaches(m) {
			if x.fill(now); x.tokens < 1 {
				return false
			}
		}
	}
	for _, x := range p.list {
		if x.Reaches(m) {
			x.tokens--
		}
	}
	return true
}

// SetPaces replaces the slow-downs of marketing that this node keeps to.
func (w *Worker) SetPaces(list []Pace) {
	w.mu.Lock()
	w.paces.set(list)
	w.mu.Unlock()
	w.Wake()
}

// Paces counts the slow-downs that this node keeps to.
func (w *Worker) Paces() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.paces.list)
}
