package rulebook

import (
	"fmt"
	"strings"
	"time"
)

// Instrument is a law, regulation or order and the days on which it is in force: from the
// first to the day before the second.
type Instrument struct {
	Name string `yaml:"name"`
	From Date   `yaml:"from"`
	To   Date   `yaml:"to,omitempty"`
}

// InForce tells whether it is at a moment.
func (i *Instrument) InForce(at time.Time) bool {
	return !at.Before(i.From.Time) && (i.To.IsZero() || at.Before(i.To.Time))
}

// addInstrument notes when a law, regulation or order is in force.
func (b *Book) addInstrument(i *Instrument) error {
	switch old := b.instruments[i.Name]; { // two packs may rest on the same one
	case i.Name == "" || old != nil && (!old.From.Equal(i.From.Time) || !old.To.Equal(i.To.Time)):
		return fmt.Errorf("instrument %q has no name, or stands twice with other dates", i.Name)
	case i.From.IsZero() || !i.To.IsZero() && !i.From.Before(i.To.Time):
		return fmt.Errorf("instrument %s: from is missing, or not before to", i.Name)
	}
	b.instruments[i.Name] = i
	return nil
}

// checkForce makes sure that a rule always rests on something: whatever stands in 《》 is an
// instrument with its dates, and at no moment at which the rule holds are all of them
// without force.
func (b *Book) checkForce(r *Rule) error {
	days := []Date{r.From}
	for _, x := range r.Basis {
		i := b.instruments[x.Instrument]
		switch {
		case i == nil && strings.HasPrefix(x.Instrument, "《"):
			return fmt.Errorf("its basis %s is not among the instruments: say there when it is in force", x.Instrument)
		case i != nil && i.To.After(r.From.Time):
			days = append(days, i.To)
		}
	}
	for _, d := range days {
		if (r.To.IsZero() || d.Before(r.To.Time)) && len(r.Basis) > 0 && len(b.articles(r, d.Time)) == 0 {
			return fmt.Errorf("on %s nothing that it rests on is in force", d)
		}
	}
	return nil
}

// articles names what a rule rests on at a moment.
func (b *Book) articles(r *Rule, at time.Time) []string {
	out := []string{}
	for _, x := range b.InForce(r.Basis, at) {
		out = append(out, x.String())
	}
	return out
}

// InForce leaves of a list what may be cited at a moment. What is no instrument, such as a
// carrier's rules, has no dates.
func (b *Book) InForce(list []Basis, at time.Time) []Basis {
	var out []Basis
	for _, x := range list {
		if i := b.instruments[x.Instrument]; i == nil || i.InForce(at) {
			out = append(out, x)
		}
	}
	return out
}

// Instrument tells when a law, regulation or order is in force.
func (b *Book) Instrument(name string) (Instrument, bool) {
	if i := b.instruments[name]; i != nil {
		return *i, true
	}
	return Instrument{}, false
}
