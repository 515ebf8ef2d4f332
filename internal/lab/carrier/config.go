// Package carrier simulates a carrier's gateway on a real socket, for joint
// tests with customers and platforms, for the demo and for tests.
//
// It owns its accounts, the way it misbehaves, and the record of what it was
// sent. Invariants:
//
//   - Every submit that is not answered with an error ends, unless configured
//     otherwise, in exactly one answer and, if asked for, one report per
//     destination; a long message gives one report per part.
//   - Everything random comes from the seed.
//   - Memory is bounded: records in a ring, waiting messages in bounded queues,
//     no goroutine per message.
//
// A record holds numbers and texts in clear. The simulator is for test numbers.
package carrier

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Duration is a time.Duration that is written as text, such as 150ms.
type Duration time.Duration

// MarshalText writes the Go form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads the Go form.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// Account is a login that the simulator accepts.
type Account struct {
	Login    string `yaml:"login" json:"login"`
	Secret   string `yaml:"secret" json:"secret"`
	Version  string `yaml:"version" json:"version"`   // CMPP 2.0, 2.1 or 3.0, SMGP 1.3 or 3.0; empty is 3.0
	Sessions int    `yaml:"sessions" json:"sessions"` // at once, default 1
	Window   int    `yaml:"window" json:"window"`     // default 16
	TPS      int    `yaml:"tps" json:"tps"`           // segments a second, 0 is unlimited
	// Codes are the access codes that the account may send from and receives
	// MOs for, with all their extensions; empty is any.
	Codes []string `yaml:"codes" json:"codes,omitempty"`
	// Callback is where an SGIP account listens for reports and MOs, host:port, and
	// CallbackLogin and CallbackSecret what it lets the gateway in by.
	Callback       string `yaml:"callback" json:"callback,omitempty"`
	CallbackLogin  string `yaml:"callback_login" json:"callback_login,omitempty"`
	CallbackSecret string `yaml:"callback_secret" json:"callback_secret,omitempty"`
}

// Latency is the time until a submit is answered: Fixed if set, else a
// log-normal spread above Min with the given median and 99th percentile. All
// zero answers at once.
type Latency struct {
	Fixed  Duration `yaml:"fixed" json:"fixed"`
	Min    Duration `yaml:"min" json:"min"`
	Median Duration `yaml:"median" json:"median"`
	P99    Duration `yaml:"p99" json:"p99"`
}

// z99 is the 99th percentile of the standard normal distribution.
const z99 = 2.3263

// at gives the latency for a standard normal number.
func (l Latency) at(normal float64) time.Duration {
	if l.Fixed > 0 || l.Median <= l.Min {
		return time.Duration(max(l.Fixed, l.Min))
	}
	median := float64(l.Median - l.Min)
	sigma := 0.0
	if l.P99 > l.Median {
		sigma = math.Log(float64(l.P99-l.Min)/median) / z99
	}
	return min(time.Duration(l.Min)+time.Duration(median*math.Exp(sigma*normal)), maxDelay)
}

// Range is a delay, drawn evenly between Min and Max.
type Range struct {
	Min Duration `yaml:"min" json:"min"`
	Max Duration `yaml:"max" json:"max"`
}

// Behaviour is how the simulator treats submits. It can change while it runs.
type Behaviour struct {
	Latency     Latency `yaml:"latency" json:"latency"`
	ReportDelay Range   `yaml:"report_delay" json:"report_delay"` // from the answer on
	// ReportCodes are the stats of reports with their weights; empty is DELIVRD.
	ReportCodes map[string]float64 `yaml:"report_codes" json:"report_codes,omitempty"`
	// OverSpeedPerSecond refuses with the protocol's code for it what an account submits above
	// that many segments in a second of the clock; 0 is never.
	OverSpeedPerSecond int `yaml:"over_speed_per_second" json:"over_speed_per_second"`

	// The rates are shares of submits (of reports), 0 to 1.
	DropAnswerRate      float64 `yaml:"drop_answer_rate" json:"drop_answer_rate"` // accepted, but never answered
	DropReportRate      float64 `yaml:"drop_report_rate" json:"drop_report_rate"`
	DisconnectRate      float64 `yaml:"disconnect_rate" json:"disconnect_rate"` // closes instead of answering
	DuplicateReportRate float64 `yaml:"duplicate_report_rate" json:"duplicate_report_rate"`
	EarlyReportRate     float64 `yaml:"early_report_rate" json:"early_report_rate"` // report before the answer
}

// Bounds of the settings.
const (
	maxDelay       = 72 * time.Hour
	maxReportCodes = 100
	maxAccounts    = 1000
	statLength     = 7 // CMPP 3.0 §7.4.5.1
	defaultRetain  = 10_000
	maxRetain      = 1_000_000
)

// Validate says what is wrong with b.
func (b Behaviour) Validate() error {
	for name, d := range map[string]Duration{
		"latency.fixed": b.Latency.Fixed, "latency.min": b.Latency.Min, "latency.median": b.Latency.Median,
		"latency.p99": b.Latency.P99, "report_delay.min": b.ReportDelay.Min, "report_delay.max": b.ReportDelay.Max,
	} {
		if d < 0 || time.Duration(d) > maxDelay {
			return fmt.Errorf("%s is not within 0 and %s", name, maxDelay)
		}
	}
	for name, r := range map[string]float64{
		"drop_answer_rate": b.DropAnswerRate, "drop_report_rate": b.DropReportRate, "disconnect_rate": b.DisconnectRate,
		"duplicate_report_rate": b.DuplicateReportRate, "early_report_rate": b.EarlyReportRate,
	} {
		if !(r >= 0 && r <= 1) { // also refuses NaN
			return fmt.Errorf("%s is not within 0 and 1", name)
		}
	}
	if b.OverSpeedPerSecond < 0 {
		return errors.New("over_speed_per_second is negative")
	}
	if len(b.ReportCodes) > maxReportCodes {
		return fmt.Errorf("report_codes has %d entries, the most is %d", len(b.ReportCodes), maxReportCodes)
	}
	for code, weight := range b.ReportCodes {
		if code == "" || len(code) > statLength || strings.Trim(code, printable) != "" {
			return fmt.Errorf("report code %.20q is not 1 to %d printable ASCII characters", code, statLength)
		}
		if !(weight > 0 && weight <= 1e9) {
			return fmt.Errorf("the weight of report code %q is not above 0 and at most 1e9", code)
		}
	}
	return nil
}

const printable = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

// Config is a whole simulator.
type Config struct {
	Protocol  Protocol  `yaml:"protocol" json:"protocol"` // empty is CMPP
	Accounts  []Account `yaml:"accounts" json:"accounts"`
	GatewayID uint32    `yaml:"gateway_id" json:"gateway_id"` // in message ids: CMPP to 4,194,303, SMGP to 999,999; SGIP's node number
	Behaviour `yaml:",inline"`
	Seed      uint64 `yaml:"seed" json:"seed"`
	// Retain is how many submits Received remembers, default 10,000.
	Retain int `yaml:"retain" json:"retain"`
}

func (c *Config) protocol() Protocol {
	if c.Protocol == "" {
		return CMPP
	}
	return c.Protocol
}

func orUsual(version, usual string) string {
	if version == "" {
		return usual
	}
	return version
}

// Validate says what is wrong with c. Start refuses what it refuses.
func (c Config) Validate() error {
	d := dialects[c.protocol()]
	switch {
	case d == nil:
		return fmt.Errorf("protocol %.10q is none of %v", c.Protocol, Protocols())
	case len(c.Accounts) == 0:
		return errors.New("no accounts")
	case len(c.Accounts) > maxAccounts:
		return fmt.Errorf("%d accounts, the most is %d", len(c.Accounts), maxAccounts)
	case c.GatewayID >= d.gateway:
		return fmt.Errorf("gateway_id %d is above %d", c.GatewayID, d.gateway-1)
	case c.Retain < 0 || c.Retain > maxRetain:
		return fmt.Errorf("retain %d is not within 0 and %d", c.Retain, maxRetain)
	}
	seen := make(map[string]bool, len(c.Accounts))
	for i, a := range c.Accounts {
		if a.Login == "" || len(a.Login) > d.maxLogin || seen[a.Login] {
			return fmt.Errorf("account %d: login is empty, longer than %d characters or used twice", i+1, d.maxLogin)
		}
		seen[a.Login] = true
		if _, ok := d.versions[orUsual(a.Version, d.usual)]; !ok {
			return fmt.Errorf("account %d: version %.10q is none of %s", i+1, a.Version, strings.Join(slices.Sorted(maps.Keys(d.versions)), " "))
		}
		if (a.Callback != "") != (c.protocol() == SGIP) {
			return fmt.Errorf("account %d: callback is where an SGIP account listens: it needs one, and no other protocol has it", i+1)
		}
		if a.Sessions < 0 || a.Window < 0 || a.TPS < 0 {
			return fmt.Errorf("account %d: sessions, window and tps must not be negative", i+1)
		}
	}
	return c.Behaviour.Validate()
}
