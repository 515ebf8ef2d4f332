package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/zhunxin/zhunxin/internal/lab/carrier"
)

// SimCMPP runs a carrier simulator until it is stopped.
type SimCMPP struct {
	Listen  string `help:"Where service providers connect." default:"127.0.0.1:7891"`
	Control string `help:"Where it is shown and changed over HTTP; keep it local." default:"127.0.0.1:7892"`
	Config  string `help:"YAML file with accounts and behaviour." type:"existingfile"`
	Record  string `help:"File to which each submit is appended as a line of JSON; holds numbers and texts in clear." type:"path"`
}

// shutdownPatience is how long a stop waits for what is open.
const shutdownPatience = 5 * time.Second

// config reads the file, or gives one account that any test may use.
func (s *SimCMPP) config() (cfg carrier.Config, err error) {
	if s.Config == "" {
		return carrier.Config{
			Accounts: []carrier.Account{{Login: "900001", Secret: "888888", Sessions: 16, Window: 16}},
			Behaviour: carrier.Behaviour{
				Latency:     carrier.Latency{Fixed: carrier.Duration(20 * time.Millisecond)},
				ReportDelay: carrier.Range{Min: carrier.Duration(time.Second), Max: carrier.Duration(3 * time.Second)},
			},
		}, nil
	}
	f, err := os.Open(s.Config)
	if err != nil {
		return cfg, err
	}
	defer f.Close() //nolint:errcheck // read only
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(&cfg); err != nil {
		return cfg, fmt.Errorf("%s: %w", s.Config, err)
	}
	return cfg, nil
}

// Run serves until ctx ends.
func (s *SimCMPP) Run(ctx context.Context, log *slog.Logger) (err error) {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", s.Listen)
	if err != nil {
		return err
	}
	control, err := new(net.ListenConfig).Listen(ctx, "tcp", s.Control)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	var record *os.File
	if s.Record != "" {
		if record, err = os.OpenFile(s.Record, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
			return errors.Join(err, ln.Close(), control.Close())
		}
		defer func() { err = errors.Join(err, record.Close()) }()
	}
	c, err := s.start(ctx, ln, cfg, log, record)
	if err != nil {
		return errors.Join(err, ln.Close(), control.Close())
	}
	web := &http.Server{Handler: c.Control(), ReadHeaderTimeout: shutdownPatience}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(control) }()
	fmt.Printf("CMPP gateway on %s, control on http://%s (GET /received, PUT /behaviour, POST /mo)\n", c.Addr(), control.Addr())
	for _, a := range cfg.Accounts {
		fmt.Printf("account %s, secret %s, version %s\n", a.Login, a.Secret, orText(a.Version, "3.0"))
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
	defer cancel()
	return errors.Join(err, web.Shutdown(patience), c.Stop(patience))
}

// start keeps a missing file from becoming a writer that is not nil.
func (s *SimCMPP) start(ctx context.Context, ln net.Listener, cfg carrier.Config, log *slog.Logger, record *os.File) (*carrier.Carrier, error) {
	ctx = context.WithoutCancel(ctx) // Stop logs out first; the end of ctx would cut
	if record == nil {
		return carrier.Start(ctx, ln, cfg, log, time.Now, nil)
	}
	return carrier.Start(ctx, ln, cfg, log, time.Now, record)
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
