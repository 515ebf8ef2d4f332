package smpp

import (
	"errors"
	"fmt"
	"time"
)

// quarter is the unit of the zone in a time.
const quarter = 15 * 60

// maxDays is the longest relative time that FormatRelative writes: beyond it
// the months would count, and their length differs between centres.
const maxDays = 31

var errTime = errors.New("smpp: not a time: want YYMMDDhhmmsstnn and one of + - R")

// FormatTime is schedule_delivery_time or validity_period as a point in time:
// YYMMDDhhmmss, a tenth of a second, the zone's offset in quarters of an hour
// and its sign. The zone is that of t, or UTC if its offset has odd minutes.
// Years are 2000 to 2099. SMPP 3.4 §7.1.1.
func FormatTime(t time.Time) (string, error) {
	_, offset := t.Zone()
	if offset%quarter != 0 {
		t, offset = t.UTC(), 0
	}
	if y := t.Year(); y < 2000 || y > 2099 {
		return "", fmt.Errorf("smpp: the year %d does not fit two digits: use 2000 to 2099", y)
	}
	sign := '+'
	if offset < 0 {
		sign, offset = '-', -offset
	}
	if offset > 48*quarter {
		return FormatTime(t.UTC()) // the field ends at twelve hours, islands go to fourteen
	}
	return fmt.Sprintf("%s%d%02d%c", t.Format("060102150405"), t.Nanosecond()/1e8, offset/quarter, sign), nil
}

// FormatRelative is the same as a period from now until then, to whole seconds.
// It must be at least one second and less than 32 days. SMPP 3.4 §7.1.1.
func FormatRelative(now, then time.Time) (string, error) {
	s := int64(then.Sub(now) / time.Second)
	if s < 1 || s >= (maxDays+1)*24*60*60 {
		return "", fmt.Errorf("smpp: a period of %d s is not within 1 s and %d days: use FormatTime", s, maxDays)
	}
	return fmt.Sprintf("0000%02d%02d%02d%02d000R", s/86400, s/3600%24, s/60%60, s%60), nil
}

// ParseTime reads both forms; now is what a relative one counts from. Empty is
// the zero time.
func ParseTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if len(s) != timeSize-1 {
		return time.Time{}, fmt.Errorf("%w: it has %d characters", errTime, len(s))
	}
	for i := range len(s) - 1 {
		if s[i] < '0' || s[i] > '9' {
			return time.Time{}, fmt.Errorf("%w: character %d is no digit", errTime, i+1)
		}
	}
	two := func(at int) int { return int(s[at]-'0')*10 + int(s[at+1]-'0') }
	offset := two(13) * quarter
	switch s[15] {
	case 'R':
		seconds := (two(6)*60+two(8))*60 + two(10)
		return now.AddDate(two(0), two(2), two(4)).Add(time.Duration(seconds) * time.Second), nil
	case '-':
		offset = -offset
	case '+':
	default:
		return time.Time{}, fmt.Errorf("%w: it ends with %q", errTime, s[15])
	}
	t, err := time.ParseInLocation("20060102150405", "20"+s[:12], time.FixedZone("", offset))
	if err != nil || two(13) > 48 {
		return time.Time{}, fmt.Errorf("%w: no such date, time or zone", errTime)
	}
	return t.Add(time.Duration(s[12]-'0') * 100 * time.Millisecond), nil
}
