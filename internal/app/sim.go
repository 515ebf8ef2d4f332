package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/zhunxin/zhunxin/internal/lab/carrier"
)

// SimCMPP runs a simulator of China Mobile's gateway until it is stopped.
type SimCMPP struct {
	Listen     string `help:"Where service providers connect." default:"127.0.0.1:7891"`
	Control    string `help:"Where it is shown and changed over HTTP; keep it local." default:"127.0.0.1:7892"`
	SimOptions `embed:""`
}

// SimSGIP runs a simulator of China Unicom's gateway, which calls back.
type SimSGIP struct {
	Listen     string `help:"Where service providers connect to submit." default:"127.0.0.1:8811"`
	Control    string `help:"Where it is shown and changed over HTTP; keep it local." default:"127.0.0.1:8812"`
	Callback   string `help:"Where the service provider listens for reports and replies; a file sets it for each account." default:"127.0.0.1:8801"`
	SimOptions `embed:""`
}

// SimSMGP runs a simulator of China Telecom's gateway.
type SimSMGP struct {
	Listen     string `help:"Where service providers connect." default:"127.0.0.1:8891"`
	Control    string `help:"Where it is shown and changed over HTTP; keep it local." default:"127.0.0.1:8892"`
	SimOptions `embed:""`
}

// SimSMPP runs a simulator of a message centre.
type SimSMPP struct {
	Listen     string `help:"Where clients connect." default:"127.0.0.1:2775"`
	Control    string `help:"Where it is shown and changed over HTTP; keep it local." default:"127.0.0.1:2776"`
	SimOptions `embed:""`
}

// SimOptions are what the simulators of all protocols share.
type SimOptions struct {
	Config   string `help:"YAML file with accounts, behaviour and a script." type:"existingfile"`
	Record   string `help:"File to which each submit is appended as a line of JSON; holds numbers and texts in clear." type:"path"`
	SimPrint `embed:""`
}

// SimPrint says what of the submits is printed.
type SimPrint struct {
	Print      bool `help:"Print each submit in a line, with number and text masked."`
	PrintClear bool `help:"Print each submit in a line, with number and text in clear."`
}

// watch prints what a carrier receives, if asked to.
func (p SimPrint) watch(c *carrier.Carrier, prefix string) {
	if !p.Print && !p.PrintClear {
		return
	}
	c.Watch(func(r carrier.Received) { fmt.Println(prefix + r.Line(p.PrintClear)) })
}

// Run serves until ctx ends.
func (s *SimCMPP) Run(ctx context.Context, log *slog.Logger) error {
	return s.run(ctx, log, carrier.Config{Protocol: carrier.CMPP, GatewayID: 1001}, s.Listen, s.Control)
}

// Run serves until ctx ends.
func (s *SimSGIP) Run(ctx context.Context, log *slog.Logger) error {
	cfg := carrier.Config{Protocol: carrier.SGIP, GatewayID: 101001}
	cfg.Accounts = []carrier.Account{{Callback: s.Callback, CallbackLogin: simAccount, CallbackSecret: simAccountSecret}}
	return s.run(ctx, log, cfg, s.Listen, s.Control)
}

// Run serves until ctx ends.
func (s *SimSMGP) Run(ctx context.Context, log *slog.Logger) error {
	return s.run(ctx, log, carrier.Config{Protocol: carrier.SMGP, GatewayID: 10061}, s.Listen, s.Control)
}

// Run serves until ctx ends.
func (s *SimSMPP) Run(ctx context.Context, log *slog.Logger) error {
	return s.run(ctx, log, carrier.Config{Protocol: carrier.SMPP, GatewayID: 1}, s.Listen, s.Control)
}

// shutdownPatience is how long a stop waits for what is open.
const shutdownPatience = 5 * time.Second

// The account of a simulator without a file: any test may use it.
const (
	simAccount       = "900001"
	simAccountSecret = "888888"
)

// solo is the file of one simulator: its settings, and what happens to it by the clock.
type solo struct {
	carrier.Config `yaml:",inline"`
	Script         carrier.Script `yaml:"script"`
}

// config completes what the protocol gives by the file, or by an account and a behaviour
// that suit any test.
func (s *SimOptions) config(cfg carrier.Config) (solo, error) {
	if s.Config != "" {
		var file solo
		if err := readYAML(s.Config, &file); err != nil {
			return file, err
		}
		if file.Protocol != "" && file.Protocol != cfg.Protocol {
			return file, fmt.Errorf("%s: protocol is %.10q: run zhunxin sim %s, or take it out", s.Config, file.Protocol, file.Protocol)
		}
		file.Protocol = cfg.Protocol
		for i := range file.Script.Steps {
			step := &file.Script.Steps[i]
			if step.Carrier != "" && step.Carrier != string(cfg.Protocol) {
				return file, fmt.Errorf("%s: script.steps[%d]: carrier is %.40q: leave it out, this file has one carrier", s.Config, i, step.Carrier)
			}
			step.Carrier = string(cfg.Protocol)
		}
		if err := file.Validate(); err != nil {
			return file, fmt.Errorf("%s: %w", s.Config, err)
		}
		return file, nil
	}
	if len(cfg.Accounts) == 0 {
		cfg.Accounts = make([]carrier.Account, 1)
	}
	a := &cfg.Accounts[0]
	a.Login, a.Secret, a.Sessions, a.Window = simAccount, simAccountSecret, 16, 16
	cfg.Behaviour = carrier.Behaviour{
		Latency:     carrier.Latency{Fixed: carrier.Duration(20 * time.Millisecond)},
		ReportDelay: carrier.Range{Min: carrier.Duration(time.Second), Max: carrier.Duration(3 * time.Second)},
	}
	return solo{Config: cfg}, nil
}

// readYAML reads a file whose keys must all be known.
func readYAML(name string, into any) error {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read only
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// run is a simulator from its start to the end of ctx: a mix of one, whose requests have no
// name before them.
func (s *SimOptions) run(ctx context.Context, log *slog.Logger, cfg carrier.Config, listen, control string) (err error) {
	file, err := s.config(cfg)
	if err != nil {
		return err
	}
	var record func(string) io.Writer // stays nil without a file
	if s.Record != "" {
		f, err := openRecord(s.Record)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		record = func(string) io.Writer { return f }
	}
	name := string(cfg.Protocol)
	m, err := carrier.StartMix(context.WithoutCancel(ctx), carrier.MixConfig{ // Stop logs out first; the end of ctx would cut
		Carriers: []carrier.NamedConfig{{Name: name, Listen: listen, Config: file.Config}}, Script: file.Script,
	}, log, time.Now, record)
	if err != nil {
		if s.Config != "" {
			err = fmt.Errorf("%s: %w", s.Config, err)
		}
		return err
	}
	c := m.Carrier(name)
	s.watch(c, "")
	web := http.NewServeMux()
	web.Handle("/", c.Control())
	web.Handle("GET /{$}", m.Control())
	return serveControl(ctx, control, web, m.Stop, func(at net.Addr) {
		fmt.Printf("%s gateway on %s, control on http://%s (GET /received, PATCH and PUT /behaviour, PATCH /accounts/LOGIN, POST /mo, POST /disconnect)\n", cfg.Protocol, c.Addr(), at)
		printAccounts("", file.Config)
		if steps := len(file.Script.Steps); steps > 0 {
			fmt.Printf("script: %d steps, progress on http://%s/\n", steps, at)
		}
	})
}

func openRecord(name string) (*os.File, error) {
	return os.OpenFile(filepath.Clean(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
}

func printAccounts(prefix string, cfg carrier.Config) {
	for _, a := range cfg.Accounts {
		line := fmt.Sprintf("%saccount %s, secret %s", prefix, a.Login, a.Secret)
		if a.Version != "" {
			line += ", version " + a.Version
		}
		if a.Callback != "" {
			line += fmt.Sprintf(", called back on %s as %s, secret %s", a.Callback, a.CallbackLogin, a.CallbackSecret)
		}
		fmt.Println(line)
	}
}

// serveControl serves the control endpoint until ctx ends and then stops what it controls,
// whatever happened before.
func serveControl(ctx context.Context, address string, h http.Handler, stop func(context.Context) error, ready func(net.Addr)) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	web := &http.Server{Handler: h, ReadHeaderTimeout: shutdownPatience}
	if err == nil {
		failed := make(chan error, 1)
		go func() { failed <- web.Serve(ln) }()
		ready(ln.Addr())
		select {
		case err = <-failed:
		case <-ctx.Done():
		}
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
	defer cancel()
	return errors.Join(err, web.Shutdown(patience), stop(patience))
}
