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
	// AnswerCodes are the statuses of answers to submits with their weights, 0 being
	// accepted; empty is 0. What is refused gets no report.
	AnswerCodes map[uint32]float64 `yaml:"answer_codes" json:"answer_codes,omitempty"`
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
	maxDelay      = 72 * time.Hour
	maxCodes      = 100 // of reports, of answers, of an account
	maxWeight     = 1e9
	maxAccounts   = 1000
	maxSessions   = 10_000
	maxWindow     = 1 << 16
	maxTPS        = 1_000_000
	maxNumber     = 20 // digits of an access code
	statLength    = 7  // CMPP 3.0 §8.4.5.1
	defaultRetain = 10_000
	maxRetain     = 1_000_000
)

// Validate says what is wrong with b.
func (b Behaviour) Validate() error {
	for name, d := range map[string]Duration{
		"latency.fixed": b.Latency.Fixed, "latency.min": b.Latency.Min, "latency.median": b.Latency.Median,
		"latency.p99": b.Latency.P99, "report_delay.min": b.ReportDelay.Min, "report_delay.max": b.ReportDelay.Max,
	} {
		if d < 0 || time.Duration(d) > maxDelay {
			return fmt.Errorf("%s is %s: write a time from 0s to %s", name, time.Duration(d), maxDelay)
		}
	}
	for name, r := range map[string]float64{
		"drop_answer_rate": b.DropAnswerRate, "drop_report_rate": b.DropReportRate, "disconnect_rate": b.DisconnectRate,
		"duplicate_report_rate": b.DuplicateReportRate, "early_report_rate": b.EarlyReportRate,
	} {
		if !(r >= 0 && r <= 1) { // also refuses NaN
			return fmt.Errorf("%s is %v: write a share from 0 to 1", name, r)
		}
	}
	if b.DropAnswerRate+b.DisconnectRate > 1 {
		return errors.New("drop_answer_rate and disconnect_rate are above 1 together: lower one of them")
	}
	if b.OverSpeedPerSecond < 0 || b.OverSpeedPerSecond > maxTPS {
		return fmt.Errorf("over_speed_per_second is %d: write 0 (never) to %d", b.OverSpeedPerSecond, maxTPS)
	}
	return b.validateCodes()
}

func (b Behaviour) validateCodes() error {
	if len(b.ReportCodes) > maxCodes || len(b.AnswerCodes) > maxCodes {
		return fmt.Errorf("report_codes has %d and answer_codes %d entries: the most is %d", len(b.ReportCodes), len(b.AnswerCodes), maxCodes)
	}
	for code, weight := range b.ReportCodes {
		if code == "" || len(code) > statLength || strings.Trim(code, printable) != "" {
			return fmt.Errorf("report_codes: %.20q is no code: write 1 to %d printable ASCII characters, such as UNDELIV", code, statLength)
		}
		if !(weight > 0 && weight <= maxWeight) {
			return fmt.Errorf("report_codes: the weight of %q is %v: write a number above 0 and at most %v", code, weight, maxWeight)
		}
	}
	for code, weight := range b.AnswerCodes {
		if !(weight > 0 && weight <= maxWeight) {
			return fmt.Errorf("answer_codes: the weight of %d is %v: write a number above 0 and at most %v", code, weight, maxWeight)
		}
	}
	return nil
}

// fits tells whether the protocol can say every one of the statuses.
func (b Behaviour) fits(d *dialect) error {
	for code := range b.AnswerCodes {
		if code > d.maxStatus {
			return fmt.Errorf("answer_codes: %d is no status of this protocol: write 0 to %d", code, d.maxStatus)
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
	// Idle is after what silence an SGIP connection is ended, default a minute.
	Idle Duration `yaml:"idle" json:"idle,omitempty"`
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
		return fmt.Errorf("protocol is %.10q: write one of %v", c.Protocol, Protocols())
	case len(c.Accounts) == 0:
		return errors.New("accounts is empty: write at least one, with login and secret")
	case len(c.Accounts) > maxAccounts:
		return fmt.Errorf("accounts has %d entries: the most is %d", len(c.Accounts), maxAccounts)
	case c.GatewayID >= d.gateway:
		return fmt.Errorf("gateway_id is %d: write 0 to %d", c.GatewayID, d.gateway-1)
	case c.Retain < 0 || c.Retain > maxRetain:
		return fmt.Errorf("retain is %d: write 0 (the usual %d) to %d", c.Retain, defaultRetain, maxRetain)
	case c.Idle < 0 || time.Duration(c.Idle) > maxDelay:
		return fmt.Errorf("idle is %s: write a time from 0s (the usual minute) to %s", time.Duration(c.Idle), maxDelay)
	}
	seen := make(map[string]bool, len(c.Accounts))
	for i, a := range c.Accounts {
		if seen[a.Login] {
			return fmt.Errorf("accounts[%d]: login %.20q stands twice: give each account its own", i, a.Login)
		}
		seen[a.Login] = true
		if err := a.validate(c.protocol(), d); err != nil {
			return fmt.Errorf("accounts[%d]: %w", i, err)
		}
	}
	if err := c.fits(d); err != nil {
		return err
	}
	return c.Behaviour.Validate()
}

// validate says what is wrong with an account of a protocol.
func (a *Account) validate(p Protocol, d *dialect) error {
	if a.Login == "" || len(a.Login) > d.maxLogin {
		return fmt.Errorf("login has %d characters: write 1 to %d", len(a.Login), d.maxLogin)
	}
	if len(a.Secret) > d.maxSecret {
		return fmt.Errorf("secret has %d characters: write at most %d", len(a.Secret), d.maxSecret)
	}
	if _, ok := d.versions[orUsual(a.Version, d.usual)]; !ok {
		return fmt.Errorf("version is %.10q: write one of %s", a.Version, strings.Join(slices.Sorted(maps.Keys(d.versions)), " "))
	}
	if (a.Callback != "") != (p == SGIP) {
		return errors.New("callback is where an SGIP account listens, host:port: set it for sgip, and leave it out for the others")
	}
	if most := dialects[SGIP].maxLogin; len(a.CallbackLogin) > most || len(a.CallbackSecret) > most {
		return fmt.Errorf("callback_login and callback_secret: write at most %d characters each", most)
	}
	for _, x := range []struct {
		key      string
		is, most int
	}{{"sessions", a.Sessions, maxSessions}, {"window", a.Window, maxWindow}, {"tps", a.TPS, maxTPS}} {
		if x.is < 0 || x.is > x.most {
			return fmt.Errorf("%s is %d: write 0 to %d", x.key, x.is, x.most)
		}
	}
	if len(a.Codes) > maxCodes {
		return fmt.Errorf("codes has %d entries: the most is %d", len(a.Codes), maxCodes)
	}
	for _, code := range a.Codes {
		if code == "" || len(code) > maxNumber || strings.Trim(code, "0123456789") != "" {
			return fmt.Errorf("codes: %.30q is no access code: write 1 to %d digits", code, maxNumber)
		}
	}
	return nil
}
