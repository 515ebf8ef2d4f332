package rulebook

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Holiday is a run of days off, both ends included.
type Holiday struct {
	Name string `yaml:"name"`
	From Date   `yaml:"from"`
	To   Date   `yaml:"to"`
}

// Year is the arrangement of one year's holidays by the State Council (节假日安排): every
// other Saturday and Sunday is free, every other day is worked.
type Year struct {
	Year     int       `yaml:"year"`
	Source   string    `yaml:"source"`
	Status   string    `yaml:"status"`
	Holidays []Holiday `yaml:"holidays"`
	Working  []Date    `yaml:"working"` // Saturdays and Sundays that are worked 调休上班
}

// Calendar tells working days of mainland China, by days in Asia/Shanghai. It never changes.
type Calendar struct {
	years map[int]*Year
	days  map[civil]bool // those that are not as their day of the week: whether they are worked
}

type civil struct {
	year  int
	month time.Month
	day   int
}

func civilOf(t time.Time) civil {
	y, m, d := t.In(Shanghai).Date()
	return civil{y, m, d}
}

// ErrNoCalendar says that a day lies in a year whose holidays no pack has.
var ErrNoCalendar = errors.New("the holidays of that year are in no rule pack")

// maxHoliday bounds a run of days off, so that a slip in a year frees no month.
const maxHoliday = 15

func (y *Year) check() error {
	// New Year's days off may begin in December before.
	first := time.Date(y.Year-1, time.December, 25, 0, 0, 0, 0, Shanghai)
	end := time.Date(y.Year+1, time.January, 1, 0, 0, 0, 0, Shanghai)
	within := func(d Date) bool { return !d.Before(first) && d.Before(end) }
	switch {
	case y.Year < 2000 || y.Year > 2999:
		return errors.New("that is no year")
	case y.Source == "" || !slices.Contains(statuses, y.Status):
		return errors.New("it needs a source and a status")
	case len(y.Holidays) == 0:
		return errors.New("it has no holiday")
	}
	free := map[civil]bool{}
	for _, h := range y.Holidays {
		if h.Name == "" || !within(h.From) || !within(h.To) || h.To.Before(h.From.Time) || h.To.After(h.From.AddDate(0, 0, maxHoliday-1)) {
			return fmt.Errorf("holiday %q: its days are not in that year, not in order, or more than %d", h.Name, maxHoliday)
		}
		for d := h.From.Time; !d.After(h.To.Time); d = d.AddDate(0, 0, 1) {
			if free[civilOf(d)] {
				return fmt.Errorf("holiday %q: %s is a holiday already", h.Name, d.Format(time.DateOnly))
			}
			free[civilOf(d)] = true
		}
	}
	for i, d := range y.Working {
		if !within(d) || !weekend(d.Time) || free[civilOf(d.Time)] || slices.ContainsFunc(y.Working[:i], func(o Date) bool { return o.Equal(d.Time) }) {
			return fmt.Errorf("working day %s: it is no Saturday or Sunday of that year, a holiday, or stands twice", d)
		}
	}
	return nil
}

func weekend(t time.Time) bool {
	w := t.In(Shanghai).Weekday()
	return w == time.Saturday || w == time.Sunday
}

// add takes a year into the calendar.
func (c *Calendar) add(y *Year) error {
	if c.years[y.Year] != nil {
		return fmt.Errorf("the calendar of %d stands twice", y.Year)
	}
	c.years[y.Year] = y
	for _, h := range y.Holidays {
		for d := h.From.Time; !d.After(h.To.Time); d = d.AddDate(0, 0, 1) {
			c.days[civilOf(d)] = false
		}
	}
	for _, d := range y.Working {
		c.days[civilOf(d.Time)] = true
	}
	return nil
}

// Calendar is that of the packs' years.
func (b *Book) Calendar() *Calendar { return b.calendar }

// Workday tells whether the day of a moment is worked. known is false, and so is workday, in
// a year that no pack has.
func (c *Calendar) Workday(t time.Time) (workday, known bool) {
	day := civilOf(t)
	if c.years[day.year] == nil {
		return false, false
	}
	if worked, special := c.days[day]; special {
		return worked, true
	}
	return !weekend(t), true
}

// maxWorkdays bounds what AddWorkdays counts.
const maxWorkdays = 1000

// AddWorkdays gives the same time on the n-th working day after the day of t, which is not
// counted: a duty within n working days ends with that day. It is ErrNoCalendar when a day in
// between lies in a year that no pack has: a due date is never guessed.
func (c *Calendar) AddWorkdays(t time.Time, n int) (time.Time, error) {
	if n < 0 || n > maxWorkdays {
		return time.Time{}, fmt.Errorf("%d working days: it must be 0 to %d", n, maxWorkdays)
	}
	day := t.In(Shanghai)
	for n > 0 {
		day = day.AddDate(0, 0, 1)
		workday, known := c.Workday(day)
		if !known {
			return time.Time{}, fmt.Errorf("%s: %w: add the State Council's arrangement of %d to the law packs", day.Format(time.DateOnly), ErrNoCalendar, day.Year())
		}
		if workday {
			n--
		}
	}
	return day, nil
}

// String reads like: 2026: 元旦 2026-01-01 – 2026-01-03, …; worked 2026-01-04, ….
func (y *Year) String() string {
	var free, worked []string
	for _, h := range y.Holidays {
		free = append(free, fmt.Sprintf("%s %s – %s", h.Name, h.From, h.To))
	}
	for _, d := range y.Working {
		worked = append(worked, d.String())
	}
	return fmt.Sprintf("%d: %s; worked %s", y.Year, strings.Join(free, ", "), strings.Join(worked, ", "))
}
