// Package check runs named protocol checks against somebody else's gateway or client, for
// joint tests (联调), and says of each whether it passed, failed, or differs from the
// document in a way that we and others bear.
//
// It speaks on raw sockets with the codecs alone, not with the session engine, so that it
// can do what a good peer never does. Invariants:
//
//   - Every wait has an end, and the end of the context ends everything.
//   - A check leaves nothing behind: what it opened it closes, whatever it found.
//   - A verdict comes with what was seen. A check that could not be made is skipped, with
//     the reason; it neither passes nor fails.
//   - Secrets and texts of the peer are in no result.
package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// Protocol is what is spoken, with its version.
type Protocol string

// The protocols.
const (
	CMPP20 Protocol = "cmpp20"
	CMPP30 Protocol = "cmpp30"
	SGIP   Protocol = "sgip"
	SMGP30 Protocol = "smgp30"
	SMGP13 Protocol = "smgp13"
	SMPP   Protocol = "smpp"
)

// Protocols lists them.
func Protocols() []Protocol { return []Protocol{CMPP20, CMPP30, SGIP, SMGP30, SMGP13, SMPP} }

// Verdict is what a check found.
type Verdict string

// The verdicts.
const (
	Pass      Verdict = "pass"
	Fail      Verdict = "fail"
	Tolerated Verdict = "tolerated" // not what the document says, and borne by us and others
	Skipped   Verdict = "skipped"   // it could not be made
)

// Result is one check with its verdict.
type Result struct {
	ID      string        `json:"id"`
	ZH      string        `json:"title_zh"`
	EN      string        `json:"title_en"`
	Section string        `json:"section"` // of the specification
	Verdict Verdict       `json:"verdict"`
	Seen    string        `json:"seen"`
	Took    time.Duration `json:"took_ns"`
}

// Options are what is checked and how patiently. Zero values mean the defaults named with
// each field.
type Options struct {
	Protocol Protocol
	Login    string
	Secret   string
	// Target is the gateway to check, Listen where a client to check connects, host:port.
	Target string
	Listen string

	Source string // access code that the account may send from, default 10690000
	Dest   string // handset of the test, eleven digits, default 17000000001
	// Spread is over how many numbers, from Dest on, submits are spread: platforms limit what
	// one handset gets. Default 1, at most 1,000.
	Spread int
	// Text is what is submitted where nothing else is looked at; a platform may want a
	// signature and a template. Default is a few words of ASCII; at most 70 characters.
	Text   string
	Window int      // submits that may be unanswered, default 16, at most 1,000
	Only   []string // ids of checks; empty is all

	Timeout    time.Duration // for one answer, default 5 s
	ReportWait time.Duration // for a status report, default 15 s
	MOWait     time.Duration // for a message from a handset; 0 leaves that check out
	IdleWait   time.Duration // SGIP: for the end of an idle connection; 0 leaves that check out
	Return     time.Duration // for a client to come, or to come back, default 30 s
	Hold       time.Duration // how long answers are kept from a client to see its window, default 2 s

	// AskMO has the gateway send a message from a handset; nil waits for one sent by hand.
	AskMO func(ctx context.Context) error

	// SGIP has a connection for each direction. Node and CorpID are ours as a service
	// provider. BackListen is where we take a gateway's reports, BackLogin and BackSecret
	// what it must know; for a client to check they are where it listens and what it wants.
	Node       uint32
	CorpID     string
	BackListen string
	BackTarget string
	BackLogin  string
	BackSecret string
}

// Bounds of the settings.
const (
	maxWait   = time.Hour
	maxWindow = 1000
	maxSpread = 1000
)

func orDefault[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}

func (o Options) withDefaults() Options {
	o.Source = orDefault(o.Source, "10690000")
	o.Dest = orDefault(o.Dest, "17000000001")
	o.Window = orDefault(o.Window, 16)
	o.Spread = orDefault(o.Spread, 1)
	o.Timeout = orDefault(o.Timeout, 5*time.Second)
	o.ReportWait = orDefault(o.ReportWait, 15*time.Second)
	o.Return = orDefault(o.Return, 30*time.Second)
	o.Hold = orDefault(o.Hold, 2*time.Second)
	o.Node = orDefault(o.Node, 3010000001)
	o.CorpID = orDefault(o.CorpID, "00001")
	o.BackLogin, o.BackSecret = orDefault(o.BackLogin, o.Login), orDefault(o.BackSecret, o.Secret)
	return o
}

// validate says what is wrong with o, after withDefaults.
func (o *Options) validate(client bool) error {
	if _, ok := tongues[o.Protocol]; !ok {
		return fmt.Errorf("protocol is %.10q: choose one of %v", o.Protocol, Protocols())
	}
	if (o.Target != "") == (o.Listen != "") || client != (o.Listen != "") {
		return errors.New("give either a target, to check a gateway, or listen, to check a client")
	}
	for name, address := range map[string]string{"target": o.Target, "listen": o.Listen, "back-listen": o.BackListen, "back-target": o.BackTarget} {
		if address == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("%s is %.60q: write host:port", name, address)
		}
	}
	if o.Login == "" {
		return errors.New("login is empty: write the account's")
	}
	if parts, err := smstext.Split(o.Text, 0); o.Text != "" && (err != nil || len(parts) != 1) {
		return fmt.Errorf("text does not fit one message: write 1 to %d characters", smstext.SingleUnits)
	}
	if o.Window < 1 || o.Window > maxWindow {
		return fmt.Errorf("window is %d: write 1 to %d", o.Window, maxWindow)
	}
	if o.Spread < 1 || o.Spread > maxSpread {
		return fmt.Errorf("spread is %d: write 1 to %d", o.Spread, maxSpread)
	}
	for name, d := range map[string]time.Duration{
		"timeout": o.Timeout, "report-wait": o.ReportWait, "mo-wait": o.MOWait, "idle-wait": o.IdleWait, "return-wait": o.Return, "hold": o.Hold,
	} {
		if d < 0 || d > maxWait {
			return fmt.Errorf("%s is %s: write a time from 0s to %s", name, d, maxWait)
		}
	}
	if n, err := strconv.ParseUint(o.Dest, 10, 64); err != nil || len(o.Dest) != 11 || n+maxSpread > 99_999_999_999 {
		return errors.New("dest is no number of eleven digits")
	}
	known := All(o.Protocol, client)
	for _, id := range o.Only {
		if !slices.ContainsFunc(known, func(r Result) bool { return r.ID == id }) {
			return fmt.Errorf("there is no check %.40q of %s: leave --only out to see all", id, o.Protocol)
		}
	}
	return nil
}

// check is one entry of a list.
type check struct {
	id, zh, en string
	topic      topic // what section it is about; the protocols without it have no such check
	run        func(ctx context.Context, b *bench) finding
	only       []Protocol // empty is all
	// stranger marks what is checked without a good login.
	stranger bool
}

func (c *check) appliesTo(p Protocol) bool {
	return tongues[p].sections[c.topic] != "" && (len(c.only) == 0 || slices.Contains(c.only, p))
}

func list(client bool) []check {
	if client {
		return slices.Concat(clientLogin, clientTraffic, clientFaults)
	}
	return slices.Concat(loginChecks, submitChecks, reportChecks, framingChecks, quitChecks)
}

// All lists the checks of a protocol without running them.
func All(p Protocol, client bool) []Result {
	var all []Result
	for _, c := range list(client) {
		if c.appliesTo(p) {
			all = append(all, Result{ID: c.id, ZH: c.zh, EN: c.en, Section: tongues[p].sections[c.topic]})
		}
	}
	return all
}

// finding is what a check saw.
type finding struct {
	verdict Verdict
	seen    string
}

func pass(format string, a ...any) finding { return finding{Pass, fmt.Sprintf(format, a...)} }
func fail(format string, a ...any) finding { return finding{Fail, fmt.Sprintf(format, a...)} }
func bear(format string, a ...any) finding { return finding{Tolerated, fmt.Sprintf(format, a...)} }
func skip(format string, a ...any) finding { return finding{Skipped, fmt.Sprintf(format, a...)} }

// Gateway checks the gateway at o.Target. each, when not nil, gets every result as it
// comes. The error tells of bad options or the end of ctx.
func Gateway(ctx context.Context, o Options, each func(Result)) ([]Result, error) {
	return run(ctx, o, false, each)
}

// Client checks the client that connects to o.Listen.
func Client(ctx context.Context, o Options, each func(Result)) ([]Result, error) {
	return run(ctx, o, true, each)
}

func run(ctx context.Context, o Options, client bool, each func(Result)) ([]Result, error) {
	o = o.withDefaults()
	if err := o.validate(client); err != nil {
		return nil, fmt.Errorf("check: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	b := &bench{o: o, t: tongues[o.Protocol]}
	if err := b.listen(ctx, client); err != nil {
		return nil, fmt.Errorf("check: %w", err)
	}
	defer b.shut()
	if !client {
		c, err := b.open(ctx)
		if err != nil {
			return nil, fmt.Errorf("check: %w", err)
		}
		c.close()
	}
	var results []Result
	for _, c := range list(client) {
		if !c.appliesTo(o.Protocol) || len(o.Only) > 0 && !slices.Contains(o.Only, c.id) {
			continue
		}
		begun := time.Now()
		f := skip("there is no good login")
		if !b.shutOut || c.stranger {
			f = c.run(ctx, b)
		}
		if err := ctx.Err(); err != nil {
			return results, fmt.Errorf("check: stopped: %w", err)
		}
		r := Result{ID: c.id, ZH: c.zh, EN: c.en, Section: b.t.sections[c.topic], Verdict: f.verdict, Seen: f.seen, Took: time.Since(begun)}
		results = append(results, r)
		if each != nil {
			each(r)
		}
	}
	return results, nil
}

// Failed tells whether any check failed.
func Failed(results []Result) bool {
	return slices.ContainsFunc(results, func(r Result) bool { return r.Verdict == Fail })
}
