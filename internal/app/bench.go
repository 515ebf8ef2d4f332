package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/lab/load"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// Bench measures a platform: generator and carrier in this process, the platform
// in one of its own.
type Bench struct {
	Data        string        `help:"Data folder; preloaded once and used again." default:"data/bench" type:"path"`
	Ingress     string        `help:"How messages come in." enum:"cmpp,http,aliyun" default:"cmpp"`
	Rate        int           `help:"Messages a second." default:"10000"`
	Duration    time.Duration `help:"Length of the window." default:"60s"`
	Connections int           `help:"CMPP connections of the customer." default:"10"`
	Window      int           `help:"Unanswered PDUs of a connection." default:"256"`
	Recipients  int           `help:"HTTP: recipients of a request." default:"100"`
	Parallel    int           `help:"HTTP, Aliyun's dialect: requests at a time." default:"512"`
	Numbers     int           `help:"Distinct numbers, each with a consent." default:"1000000"`
	Old         int           `help:"Old messages in the store." default:"2000000"`
	Only        string        `help:"One kind instead of the mix: otp, notice or mkt." enum:",otp,notice,mkt" default:""`
	Upstream    string        `help:"What the carrier speaks; mixed is four channels that share the messages." enum:"cmpp,sgip,smgp,smpp,mixed" default:"cmpp"`
	Sessions    int           `help:"Sessions to the carrier, to each of them if they are mixed." default:"8"`
	Answer      time.Duration `help:"How long the carrier takes to answer." default:"10ms"`
	Outgoing    int64         `help:"Unanswered PDUs of a session to the carrier." default:"512"`
	Idle        int           `help:"Sessions of the customer that say nothing, besides."`
	Flood       int           `help:"Marketing messages that wait for the channel before the window begins."`
	Pace        int64         `help:"Segments a second of the channel, 0 for no limit."`
	Kill        bool          `help:"Kill the platform with the flood waiting, and measure how soon it sends again; no window follows."`
	JSON        bool          `help:"Print the result as JSON."`
	Profile     string        `help:"File for a CPU profile of the platform." type:"path"`
	OwnProfile  string        `help:"File for a CPU profile of generator and carrier." type:"path"`
	Patience    time.Duration `help:"Longest wait for what is open at the end of the window." default:"60s"`

	ups benchUpstreams
}

// benchRun is what a run was, beside its result: a result alone can't be compared.
type benchRun struct {
	Ingress, Upstream    string
	Rate                 int // messages a second
	DurationSeconds      float64
	Only                 string `json:",omitempty"`
	Connections, Window  int    `json:",omitempty"` // CMPP
	Recipients, Parallel int    `json:",omitempty"` // HTTP
	Numbers, OldMessages int
	Sessions             int // to each carrier
	Outgoing             int64
	AnswerMillis         float64
	Idle, Flood          int
	Pace                 int64
	ClockOffsetSeconds   float64
	LatencyUnit          string // of Accept, EndToEnd and EndToEndOTP
}

func (b *Bench) ran(offset time.Duration) benchRun {
	r := benchRun{
		Ingress: b.Ingress, Upstream: b.Upstream, Rate: b.Rate, DurationSeconds: b.Duration.Seconds(), Only: b.Only, Numbers: b.Numbers, OldMessages: b.Old,
		Sessions: b.Sessions, Outgoing: b.Outgoing, AnswerMillis: b.Answer.Seconds() * 1e3, Idle: b.Idle, Flood: b.Flood, Pace: b.Pace,
		ClockOffsetSeconds: offset.Seconds(), LatencyUnit: "ms",
	}
	if b.Ingress == "cmpp" {
		r.Connections, r.Window = b.Connections, b.Window
	} else {
		r.Recipients, r.Parallel = b.Recipients, b.Parallel
	}
	return r
}

// Result is what a run measured.
type Result struct {
	Run                             benchRun
	Sent, Accepted, Refused, Failed int
	Delivered, DeliveredInWindow    int
	Backlog                         int
	BacklogSeconds                  float64
	DeliveredPerSecond              float64
	Accept, EndToEnd, EndToEndOTP   load.Quantiles
	CPUMicrosPerDelivered           float64
	RSSMiB                          float64
	BytesWrittenPerMessage          float64
	RowsPerMessage                  float64
	FsyncP50Millis, FsyncP99Millis  float64
	Lost, Doubled                   int
	Waiting                         int     // of the flood when the window began
	RecoverySeconds                 float64 `json:",omitempty"` // from the start of the process to the first PDU
}

// Run preloads if need be, runs, and checks.
func (b *Bench) Run(ctx context.Context) (err error) {
	defer func() { err = onFullDisk(b.Data, err) }()
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	offset, err := b.prepare(ctx, logger)
	if err != nil {
		return err
	}
	debug.SetGCPercent(gcPercent) // the generator should take little of what it measures
	b.ups, err = b.carriers(ctx, offset, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.ups.stop(ctx)) }()
	child, err := b.spawn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, child.stop()) }()
	var flood Result
	if b.Flood > 0 {
		if flood, err = b.flood(ctx, child, offset); err != nil {
			return err
		}
	}
	if b.Kill {
		flood.Run = b.ran(offset)
		return b.recover(ctx, child, flood)
	}
	stopProfile, err := profile(b.OwnProfile)
	if err != nil {
		return err
	}
	r, err := b.measure(ctx, child, offset)
	if err = errors.Join(err, stopProfile()); err != nil {
		return err
	}
	r.Waiting, r.Run = flood.Waiting, b.ran(offset)
	if b.JSON {
		err = json.NewEncoder(os.Stdout).Encode(r)
	} else {
		r.print(os.Stdout, b, offset)
	}
	if err != nil {
		return err
	}
	if r.Lost+r.Doubled > 0 {
		return fmt.Errorf("%d messages were lost and %d doubled", r.Lost, r.Doubled)
	}
	return nil
}

// child is the platform's process.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	Ready benchReady
}

// benchReady is the first line of the child: where it listens and how to get in.
type benchReady struct {
	HTTP, CMPP, Key, Login, Secret string
	AccessID, AccessSecret         string    // of a key that signs
	Templates                      [3]string // of a code, a notice and marketing, as Aliyun writes them
}

func (b *Bench) spawn(ctx context.Context) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{"bench-node", "--data", b.Data, "--carrier", b.ups.arg(), "--back", b.ups.back, "--sessions", strconv.Itoa(b.Sessions), "--window", strconv.FormatInt(b.Outgoing, 10), "--pace", strconv.FormatInt(b.Pace, 10)}
	if b.Profile != "" {
		args = append(args, "--profile", b.Profile)
	}
	c := &child{cmd: exec.CommandContext(context.WithoutCancel(ctx), self, args...)} //nolint:gosec // this very program
	c.cmd.Stderr = os.Stderr
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &c.Ready)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the platform's process: %w", err), c.stop())
	}
	return c, nil
}

// stop asks the child to end in order, and waits.
func (c *child) stop() error { return errors.Join(c.stdin.Close(), c.cmd.Wait()) }

func (b *Bench) plan() load.Plan {
	p := load.Plan{Rate: b.Rate, Duration: b.Duration, Numbers: b.Numbers, OTP: 40, Notice: 20, Refused: 3}
	for i, name := range []string{"otp", "notice", "mkt"} {
		if k := load.Kind(i); b.Only == name {
			p.Only = &k
		}
	}
	return p
}

// numbers takes the next numbers of the folder: one that got a code or an offer a
// moment ago would be refused, and rightly.
func (b *Bench) numbers(n int) (first int, err error) {
	file := filepath.Join(b.Data, "bench-next.txt")
	if text, err := os.ReadFile(file); err == nil {
		if first, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
	}
	if first/b.Numbers != (first+n)/b.Numbers {
		fmt.Fprintf(os.Stderr, "the folder's %d numbers begin anew: some messages will be refused for frequency (a new folder, or more --numbers, helps)\n", b.Numbers)
	}
	return first, os.WriteFile(file, []byte(strconv.Itoa(first+n)), 0o600)
}

// texts of the mix, in the order of load's kinds.
var benchTexts = [4]string{storyOTP, "【" + storySignature + "】您的订单20261124已发货。", storyMKT, storyMKT}

func (b *Bench) measure(ctx context.Context, c *child, offset time.Duration) (r Result, err error) {
	fsync, err := fsyncLatency(b.Data)
	if err != nil {
		return r, err
	}
	r.FsyncP50Millis, r.FsyncP99Millis = fsync[len(fsync)/2], fsync[len(fsync)*99/100]
	plan := b.plan()
	if plan.First, err = b.numbers(plan.Total()); err != nil {
		return r, err
	}
	quiet, err := b.idle(ctx, c)
	if err != nil {
		return r, err
	}
	defer quiet()
	start := time.Now().Add(time.Second)
	rec := load.NewRecorder(start.Add(b.Duration))
	sender, finish, err := b.sender(ctx, c, rec, offset)
	if err != nil {
		return r, err
	}
	defer finish()
	before, err := usageOf(ctx, c)
	if err != nil {
		return r, err
	}
	stopProgress := b.progress(ctx, rec, start)
	load.Run(ctx, plan, start, benchTexts, sender)
	if d := time.Until(start.Add(b.Duration)); d > 0 {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
	r.Backlog = rec.Open()
	b.settle(ctx, rec)
	stopProgress()
	after, err := usageOf(ctx, c)
	if err != nil {
		return r, err
	}
	r.Sent, r.Accepted, r.Refused, r.Failed = plan.Total(), rec.Accepted, rec.Refused, rec.Failed
	r.Delivered, r.DeliveredInWindow, r.BacklogSeconds = rec.Delivered, rec.InWindow, float64(r.Backlog)/float64(b.Rate)
	r.DeliveredPerSecond = float64(rec.InWindow) / b.Duration.Seconds()
	r.Accept, r.EndToEnd, r.EndToEndOTP = rec.Latencies()
	n := float64(max(rec.Delivered, 1))
	r.CPUMicrosPerDelivered = (after.cpu - before.cpu).Seconds() * 1e6 / n
	r.RSSMiB, r.BytesWrittenPerMessage, r.RowsPerMessage = after.peakMiB, float64(after.written-before.written)/n, (after.rows-before.rows)/n
	r.Lost = rec.Open()
	r.Doubled = b.ups.doubled()
	return r, nil
}

func (b *Bench) sender(ctx context.Context, c *child, rec *load.Recorder, offset time.Duration) (load.Sender, func(), error) {
	if b.Ingress == "cmpp" {
		s, err := load.DialCMPP(ctx, session.ClientConfig{
			Address: c.Ready.CMPP, Login: c.Ready.Login, Secret: c.Ready.Secret, Version: session.CMPP30, Window: b.Window,
		}, b.Connections, storyCode+storyDigits, rec)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	}
	s := &load.HTTP{
		Recorder: rec, Base: "http://" + c.Ready.HTTP, Key: c.Ready.Key, Recipients: b.Recipients, Parallel: b.Parallel, Offset: offset, ByRef: b.Ingress == "aliyun",
		Pipes: load.NewPipes(c.Ready.HTTP, b.Parallel), Client: &http.Client{Timeout: time.Minute},
	}
	var sender load.Sender = s
	if b.Ingress == "aliyun" {
		t := c.Ready.Templates
		sender = &load.Aliyun{
			HTTP: *s, ID: c.Ready.AccessID, Secret: c.Ready.AccessSecret, SignName: storySignature,
			Templates: [4]string{t[0], t[1], t[2], t[2]}, Params: [4]string{`{"code":"246810"}`, `{"number":"20261124"}`, `{}`, `{}`},
		}
	}
	follow, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Follow(follow); err != nil {
			fmt.Fprintln(os.Stderr, "event feed:", err)
		}
	}()
	return sender, func() { cancel(); <-done; s.Pipes.Close() }, nil
}

// settle waits until everything accepted has its end, or patience does.
func (b *Bench) settle(ctx context.Context, rec *load.Recorder) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(b.Patience)
	for rec.Open() > 0 && ctx.Err() == nil && time.Now().Before(deadline) {
		<-tick.C
	}
}

// progress prints the rate and the time left once a second on standard error.
func (b *Bench) progress(ctx context.Context, rec *load.Recorder, start time.Time) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				left := max(0, time.Until(start.Add(b.Duration)))
				fmt.Fprintf(os.Stderr, "\r%d accepted, %d delivered, %d open, %s left   ", rec.Seen(&rec.Accepted), rec.Seen(&rec.Delivered), rec.Open(), left.Round(time.Second))
			case <-ctx.Done():
				fmt.Fprintln(os.Stderr)
				return
			}
		}
	}()
	return func() { cancel(); <-done }
}

func (r Result) print(w io.Writer, b *Bench, offset time.Duration) {
	q := func(x load.Quantiles) string {
		return fmt.Sprintf("p50 %.1f ms, p99 %.1f ms, p99.9 %.1f ms, max %.0f ms", x.P50, x.P99, x.P999, x.Max)
	}
	fmt.Fprintf(w, "ingress %s, %d messages/s intended for %s, SQLite synchronous=FULL", b.Ingress, b.Rate, b.Duration)
	if offset != 0 {
		fmt.Fprintf(w, ", clock offset %s", offset)
	}
	if r.Waiting > 0 {
		fmt.Fprintf(w, ", behind %d marketing messages that wait for the channel (%d/s)", r.Waiting, b.Pace)
	}
	fmt.Fprintf(w, `
sent %d: accepted %d, refused by rule %d, neither %d
delivered %d, of these inside the window %d (%.0f/s); backlog at its end %d (%.2f s of traffic)
accept      %s
end to end  %s
   of codes %s
platform    %.0f CPU-µs per delivered message, peak RSS %.0f MiB, %.1f rows changed and %.0f bytes written (network included) per message
disk        fsync p50 %.2f ms, p99 %.2f ms
check       %d lost, %d doubled
`, r.Sent, r.Accepted, r.Refused, r.Failed, r.Delivered, r.DeliveredInWindow, r.DeliveredPerSecond, r.Backlog, r.BacklogSeconds,
		q(r.Accept), q(r.EndToEnd), q(r.EndToEndOTP), r.CPUMicrosPerDelivered, r.RSSMiB, r.RowsPerMessage, r.BytesWrittenPerMessage,
		r.FsyncP50Millis, r.FsyncP99Millis, r.Lost, r.Doubled)
}

// usage is what the platform's process has used so far.
type usage struct {
	cpu     time.Duration
	peakMiB float64
	written int64
	rows    float64
}

const ticksPerSecond = 100 // USER_HZ on Linux

func usageOf(ctx context.Context, c *child) (u usage, err error) {
	dir := filepath.Join("/proc", strconv.Itoa(c.cmd.Process.Pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return u, fmt.Errorf("bench reads /proc, which this system lacks: %w", err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 13 {
		return u, errors.New("/proc/…/stat has another form than expected")
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	u.cpu = time.Duration(user+system) * time.Second / ticksPerSecond
	u.peakMiB = float64(procField(filepath.Join(dir, "status"), "VmHWM:")) / 1024
	u.written = procField(filepath.Join(dir, "io"), "wchar:")
	u.rows, err = metric(ctx, "http://"+c.Ready.HTTP+"/metrics", "zhunxin_store_rows_total")
	return u, err
}

func procField(path, name string) int64 {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(b), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == name {
			v, _ := strconv.ParseInt(f[1], 10, 64)
			return v
		}
	}
	return 0
}

// metric reads one value of a Prometheus page.
func metric(ctx context.Context, url, name string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("%s is not on %s", name, url)
}

// fsyncLatency measures the disk: sorted milliseconds of 200 small synced writes.
func fsyncLatency(dir string) ([]float64, error) {
	f, err := os.CreateTemp(dir, "fsync-*")
	if err != nil {
		return nil, err
	}
	out, block := make([]float64, 200), make([]byte, 4096)
	for i := range out {
		begin := time.Now()
		if _, err := f.Write(block); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if err := f.Sync(); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		out[i] = float64(time.Since(begin).Microseconds()) / 1000
	}
	slices.Sort(out)
	return out, errors.Join(f.Close(), os.Remove(f.Name()))
}
