package carrier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Script is what happens to the carriers of a mix by the clock.
type Script struct {
	// Every repeats the steps with that period; zero runs them once.
	Every Duration `yaml:"every" json:"every,omitempty"`
	Steps []Step   `yaml:"steps" json:"steps,omitempty"`
}

// Step does one thing to one carrier at a time after the start, or after the beginning of
// the period.
type Step struct {
	At      Duration `yaml:"at" json:"at"`
	Carrier string   `yaml:"carrier" json:"carrier"`
	// One of these: the behaviour as a whole, a message from a handset, or the login whose
	// connections are closed.
	Behaviour  *Behaviour `yaml:"behaviour" json:"behaviour,omitempty"`
	MO         *ScriptMO  `yaml:"mo" json:"mo,omitempty"`
	Disconnect string     `yaml:"disconnect" json:"disconnect,omitempty"`
}

// ScriptMO is a message from a handset.
type ScriptMO struct {
	From string `yaml:"from" json:"from"`
	To   string `yaml:"to" json:"to"`
	Text string `yaml:"text" json:"text"`
}

// Bounds of a script.
const (
	maxSteps  = 10_000
	minPeriod = 100 * time.Millisecond
	// moPatience is how long a message from a handset may wait for somebody to take it.
	moPatience = 30 * time.Second
	maxMOs     = 1000 // of a script, not taken yet
)

func (s *Script) validate(carriers map[string]*NamedConfig) error {
	if len(s.Steps) > maxSteps {
		return fmt.Errorf("script.steps has %d entries: the most is %d", len(s.Steps), maxSteps)
	}
	if every := time.Duration(s.Every); every != 0 && (every < minPeriod || every > maxDelay) {
		return fmt.Errorf("script.every is %s: write 0s (once) or %s to %s", every, minPeriod, maxDelay)
	}
	for i := range s.Steps {
		if err := s.Steps[i].validate(s.Every, carriers); err != nil {
			return fmt.Errorf("script.steps[%d]: %w", i, err)
		}
	}
	return nil
}

func (s *Step) validate(every Duration, carriers map[string]*NamedConfig) error {
	n := carriers[s.Carrier]
	switch {
	case s.At < 0 || time.Duration(s.At) > maxDelay:
		return fmt.Errorf("at is %s: write a time from 0s to %s", time.Duration(s.At), maxDelay)
	case every > 0 && s.At >= every:
		return fmt.Errorf("at is %s, not before the end of the period: write less than every, which is %s", time.Duration(s.At), time.Duration(every))
	case n == nil:
		return fmt.Errorf("carrier is %.40q: write the name of one under carriers", s.Carrier)
	}
	things := 0
	for _, has := range []bool{s.Behaviour != nil, s.MO != nil, s.Disconnect != ""} {
		if has {
			things++
		}
	}
	if things != 1 {
		return fmt.Errorf("it has %d of behaviour, mo and disconnect: write one, and a step of its own for each other", things)
	}
	switch {
	case s.Behaviour != nil:
		if err := errors.Join(s.Behaviour.fits(dialects[n.protocol()]), s.Behaviour.Validate()); err != nil {
			return fmt.Errorf("behaviour: %w", err)
		}
	case s.MO != nil && (s.MO.From == "" || s.MO.To == "" || s.MO.Text == ""):
		return errors.New("mo: write from (a handset), to (an access code) and text")
	case s.Disconnect != "" && !slices.ContainsFunc(n.Accounts, func(a Account) bool { return a.Login == s.Disconnect }):
		return fmt.Errorf("disconnect is %.20q: write a login of carrier %s", s.Disconnect, s.Carrier)
	}
	return nil
}

// ScriptProgress is how far a script is.
type ScriptProgress struct {
	Steps  int    `json:"steps"`
	Done   uint64 `json:"done"`   // over all rounds
	Failed uint64 `json:"failed"` // of those: nobody took the MO, for one
	Round  uint64 `json:"round"`  // from 1
}

// scriptRun runs a script over carriers.
type scriptRun struct {
	script   Script
	carriers map[string]*Carrier
	log      *slog.Logger
	mos      chan struct{} // one for each that is on its way

	mu   sync.Mutex
	seen ScriptProgress
}

func newScriptRun(s Script, carriers map[string]*Carrier, log *slog.Logger) *scriptRun {
	s.Steps = slices.Clone(s.Steps)
	slices.SortStableFunc(s.Steps, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	return &scriptRun{script: s, carriers: carriers, log: log, mos: make(chan struct{}, maxMOs), seen: ScriptProgress{Steps: len(s.Steps)}}
}

func (r *scriptRun) progress() ScriptProgress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen
}

// run does the steps at their times until the last is done, or ctx ends. Times count from
// the beginning, so that what a step takes does not shift the next. It returns when no MO
// is on its way any more.
func (r *scriptRun) run(ctx context.Context) {
	if len(r.script.Steps) == 0 {
		return
	}
	var mos sync.WaitGroup
	defer mos.Wait()
	start := time.Now()
	for {
		r.mu.Lock()
		r.seen.Round++
		r.mu.Unlock()
		for _, s := range r.script.Steps {
			if !sleep(ctx, time.Until(start.Add(time.Duration(s.At)))) {
				return
			}
			r.do(ctx, s, &mos)
		}
		if r.script.Every == 0 {
			return
		}
		start = start.Add(time.Duration(r.script.Every))
	}
}

// sleep waits, and tells whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *scriptRun) do(ctx context.Context, s Step, mos *sync.WaitGroup) {
	c := r.carriers[s.Carrier]
	switch {
	case s.Behaviour != nil:
		r.did(s, c.SetBehaviour(*s.Behaviour))
	case s.Disconnect != "":
		r.did(s, c.Disconnect(s.Disconnect))
	default: // nobody may be there to take it: the next step does not wait
		select {
		case r.mos <- struct{}{}:
		default:
			r.did(s, fmt.Errorf("carrier: %d messages from handsets wait already", maxMOs))
			return
		}
		mos.Go(func() {
			defer func() { <-r.mos }()
			patience, cancel := context.WithTimeout(ctx, moPatience)
			defer cancel()
			r.did(s, c.SendMO(patience, s.MO.From, s.MO.To, s.MO.Text))
		})
	}
}

func (r *scriptRun) did(s Step, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Done++
	if err != nil {
		r.seen.Failed++
		r.log.Info("a step of the script failed", "at", time.Duration(s.At), "carrier", s.Carrier, "error", err)
	}
}
