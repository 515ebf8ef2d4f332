package rulebook

import (
	"fmt"
	"time"
)

// checkHours makes sure that it is known when the answer of a rule on hours ends.
func (b *Book) checkHours(c *compiled) error {
	h := c.Hours
	if h == nil {
		if c.reads[factTable[TimeMinute].Name] && (c.Outcome == Block || c.Outcome == Hold) {
			return fmt.Errorf("a condition on time.minute that stops messages needs hours, to tell until when its answer holds")
		}
		return nil
	}
	for _, name := range []string{h.Open, h.Close} {
		if _, ok := c.Params[name]; !ok {
			return fmt.Errorf("hours: there is no parameter %q", name)
		}
	}
	if c.Params[h.Open].Value >= c.Params[h.Close].Value {
		return fmt.Errorf("hours: they open at %s, which is not before %s", h.Open, h.Close)
	}
	for _, name := range []string{h.OpenFact, h.CloseFact} {
		if i, ok := b.index[name]; name != "" && (!ok || !isInt(b.lawful[i])) {
			return fmt.Errorf("hours: there is no fact %q that is a number", name)
		}
	}
	return nil
}

func isInt(v any) bool {
	_, ok := v.(int64)
	return ok
}

// hours are the minutes of the day from and before which the rule lets messages pass.
func (c *compiled) hours(f *Facts) (open, closes int64) {
	open, closes = c.Params[c.Hours.Open].Value, c.Params[c.Hours.Close].Value
	if name := c.Hours.OpenFact; name != "" {
		open = max(open, f.vals[f.book.index[name]].(int64))
	}
	if name := c.Hours.CloseFact; name != "" {
		closes = min(closes, f.vals[f.book.index[name]].(int64))
	}
	return open, closes
}

// opens is the next moment at which the hours begin.
func (c *compiled) opens(f *Facts, at time.Time) time.Time {
	minute, _ := c.hours(f)
	t := c.dayAt(at, minute)
	if !t.After(at) {
		t = t.AddDate(0, 0, 1)
	}
	return t
}

func (c *compiled) dayAt(at time.Time, minute int64) time.Time {
	y, m, d := at.In(Shanghai).Date()
	return time.Date(y, m, d, 0, int(minute), 0, 0, Shanghai)
}
