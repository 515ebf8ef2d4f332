package smpp_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/protocol/smpp"
)

func TestFormatTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 16, 4, 2, 987_000_000, time.UTC)
	for want, zone := range map[string]*time.Location{
		"261123160402900+": time.UTC,
		"261124000402932+": time.FixedZone("", 8*3600),
		"261123103402922-": time.FixedZone("", -(5*3600 + 1800)),
		"261123160402900 ": nil,
	} {
		if zone == nil { // odd minutes, and more than the field can tell: both in UTC
			for _, offset := range []int{8*3600 + 343, 14 * 3600} {
				if s, err := smpp.FormatTime(at.In(time.FixedZone("", offset))); err != nil || s != "261123160402900+" {
					t.Error(offset, s, err)
				}
			}
			continue
		}
		s, err := smpp.FormatTime(at.In(zone))
		if err != nil || s != want {
			t.Errorf("%s, %v, want %s", s, err, want)
		}
		if back, err := smpp.ParseTime(s, time.Time{}); err != nil || !back.Equal(at.Truncate(100*time.Millisecond)) {
			t.Errorf("%s: %v, %v", s, back, err)
		}
	}
	for _, year := range []int{1999, 2100} {
		if s, err := smpp.FormatTime(time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)); err == nil {
			t.Error(s)
		}
	}
}

func TestFormatRelative(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 16, 4, 2, 0, time.UTC)
	for want, d := range map[string]time.Duration{
		"000000000001000R": time.Second,
		"000002030405000R": 51*time.Hour + 4*time.Minute + 5*time.Second + 999*time.Millisecond,
		"000031235959000R": 32*24*time.Hour - time.Second,
	} {
		if s, err := smpp.FormatRelative(now, now.Add(d)); err != nil || s != want {
			t.Errorf("%s, %v, want %s", s, err, want)
		}
	}
	for _, d := range []time.Duration{0, -time.Hour, time.Second - 1, 32 * 24 * time.Hour} {
		if s, err := smpp.FormatRelative(now, now.Add(d)); err == nil {
			t.Error(d, s)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		then := now.Add(time.Duration(rapid.Int64Range(1, 32*86400-1).Draw(t, "seconds")) * time.Second)
		s, err := smpp.FormatRelative(now, then)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := smpp.ParseTime(s, now); err != nil || !back.Equal(then) {
			t.Fatal(s, back, err)
		}
	})
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 16, 4, 2, 0, time.UTC)
	// The example of SMPP 3.4 §7.1.1.
	if got, err := smpp.ParseTime("020610233429000R", now); err != nil || !got.Equal(time.Date(2029, 6, 3, 15, 38, 31, 0, time.UTC)) {
		t.Error(got, err)
	}
	if got, err := smpp.ParseTime("", now); err != nil || !got.IsZero() {
		t.Error(got, err)
	}
	for _, bad := range []string{
		"261123160402032", "261123160402032++", "261123160402032*", "2611231604020 2+", "261123160402x32+", "00000A000000000R", "261323160402032+", "260230160402032+", "261123160402049+", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00+",
	} {
		if got, err := smpp.ParseTime(bad, now); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}
