package carrier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// MixConfig is several carriers in one process, with what happens to them by the clock.
type MixConfig struct {
	Control  string        `yaml:"control" json:"control"` // host:port of the one control endpoint
	Carriers []NamedConfig `yaml:"carriers" json:"carriers"`
	Script   Script        `yaml:"script" json:"script"`
}

// NamedConfig is one carrier of a mix.
type NamedConfig struct {
	Name   string `yaml:"name" json:"name"`     // in the script and on the control endpoint
	Listen string `yaml:"listen" json:"listen"` // host:port
	Config `yaml:",inline"`
}

// Bounds of a mix.
const (
	maxCarriers   = 100
	maxNameLength = 32
)

// Validate says what is wrong with c.
func (c MixConfig) Validate() error {
	switch {
	case len(c.Carriers) == 0:
		return errors.New("carriers is empty: write at least one, with name, protocol, listen and accounts")
	case len(c.Carriers) > maxCarriers:
		return fmt.Errorf("carriers has %d entries: the most is %d", len(c.Carriers), maxCarriers)
	}
	names := make(map[string]*NamedConfig, len(c.Carriers))
	for i := range c.Carriers {
		n := &c.Carriers[i]
		switch {
		case n.Name == "" || len(n.Name) > maxNameLength || strings.Trim(n.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
			return fmt.Errorf("carriers[%d]: name is %.40q: write 1 to %d of a-z, 0-9 and -", i, n.Name, maxNameLength)
		case names[n.Name] != nil:
			return fmt.Errorf("carriers[%d]: name %q stands twice: give each carrier its own", i, n.Name)
		}
		if _, _, err := net.SplitHostPort(n.Listen); err != nil {
			return fmt.Errorf("carriers[%d] %s: listen is %.60q: write host:port", i, n.Name, n.Listen)
		}
		if err := n.Config.Validate(); err != nil {
			return fmt.Errorf("carriers[%d] %s: %w", i, n.Name, err)
		}
		names[n.Name] = n
	}
	return c.Script.validate(names)
}

// Mix is a running set of carriers.
type Mix struct {
	names    []string // in the order of the settings
	carriers map[string]*Carrier
	script   *scriptRun
	log      *slog.Logger
	halt     context.CancelFunc
	done     chan struct{} // closed when the script has ended
}

// StartMix listens, starts every carrier, and then the script. record, when not nil, gives
// the writer for a carrier's record.
func StartMix(ctx context.Context, cfg MixConfig, log *slog.Logger, now func() time.Time, record func(name string) io.Writer) (*Mix, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := &Mix{carriers: make(map[string]*Carrier, len(cfg.Carriers)), log: log, done: make(chan struct{})}
	for _, n := range cfg.Carriers {
		c, err := n.start(ctx, log, now, record)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", n.Name, err), m.stopCarriers(ctx))
		}
		m.names, m.carriers[n.Name] = append(m.names, n.Name), c
	}
	ctx, m.halt = context.WithCancel(ctx)
	m.script = newScriptRun(cfg.Script, m.carriers, log)
	go func() {
		defer close(m.done)
		m.script.run(ctx)
	}()
	return m, nil
}

func (n *NamedConfig) start(ctx context.Context, log *slog.Logger, now func() time.Time, record func(string) io.Writer) (*Carrier, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", n.Listen)
	if err != nil {
		return nil, err
	}
	var w io.Writer
	if record != nil {
		w = record(n.Name)
	}
	c, err := Start(ctx, ln, n.Config, log.With("carrier", n.Name), now, w)
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return c, nil
}

// Names lists the carriers in the order of the settings.
func (m *Mix) Names() []string { return m.names }

// Carrier is the one of that name, or nil.
func (m *Mix) Carrier(name string) *Carrier { return m.carriers[name] }

// Stop ends the script and then every carrier.
func (m *Mix) Stop(ctx context.Context) error {
	m.halt()
	<-m.done
	return m.stopCarriers(ctx)
}

func (m *Mix) stopCarriers(ctx context.Context) error {
	var all error
	for _, name := range m.names {
		if err := m.carriers[name].Stop(ctx); err != nil {
			all = errors.Join(all, fmt.Errorf("%s: %w", name, err))
		}
	}
	return all
}

// Control is the control endpoint of all carriers: that of each, see Carrier.Control,
// under its name, such as GET /unicom/received, and of the whole:
//
//	GET /   the carriers, and how far the script is
func (m *Mix) Control() http.Handler {
	mux := http.NewServeMux()
	for name, c := range m.carriers {
		mux.Handle("/"+name+"/", http.StripPrefix("/"+name, c.Control()))
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { reply(m.log, w, http.StatusOK, m.summary()) })
	return mux
}

// MixSummary is what Control shows of the whole.
type MixSummary struct {
	Carriers []CarrierSummary `json:"carriers"`
	Script   ScriptProgress   `json:"script"`
}

// CarrierSummary is one carrier of it.
type CarrierSummary struct {
	Name     string   `json:"name"`
	Protocol Protocol `json:"protocol"`
	Listen   string   `json:"listen"`
	Received uint64   `json:"received"` // submits so far
	Waiting  int      `json:"waiting"`  // reports and MOs not delivered yet
}

func (m *Mix) summary() MixSummary {
	s := MixSummary{Script: m.script.progress()}
	for _, name := range m.names {
		c := m.carriers[name]
		s.Carriers = append(s.Carriers, CarrierSummary{
			Name: name, Protocol: c.cfg.protocol(), Listen: c.Addr().String(), Received: c.records.count(), Waiting: c.Waiting(),
		})
	}
	return s
}
