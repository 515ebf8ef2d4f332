package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/zhunxin/zhunxin/internal/lab/carrier"
)

// SimRun runs a mix of simulators, with a script, until it is stopped.
type SimRun struct {
	Config   string `help:"YAML file with carriers, control and script." type:"existingfile" required:""`
	Record   string `help:"File to which each submit is appended as a line of JSON; holds numbers and texts in clear." type:"path"`
	SimPrint `embed:""`
}

// Run serves until ctx ends.
func (s *SimRun) Run(ctx context.Context, log *slog.Logger) (err error) {
	var cfg carrier.MixConfig
	if err := readYAML(s.Config, &cfg); err != nil {
		return err
	}
	if cfg.Control == "" {
		cfg.Control = "127.0.0.1:7892"
	}
	var record func(string) io.Writer
	if s.Record != "" {
		f, err := openRecord(s.Record)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		record = func(name string) io.Writer { return &namedLines{name: name, file: f} }
	}
	m, err := carrier.StartMix(context.WithoutCancel(ctx), cfg, log, time.Now, record)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Config, err)
	}
	for _, name := range m.Names() {
		s.watch(m.Carrier(name), name+" ")
	}
	return serveControl(ctx, cfg.Control, m.Control(), m.Stop, func(at net.Addr) {
		for _, n := range cfg.Carriers {
			fmt.Printf("%s: gateway on %s, control on http://%s/%s/\n", n.Name, m.Carrier(n.Name).Addr(), at, n.Name)
			printAccounts("  ", n.Config)
		}
		if steps := len(cfg.Script.Steps); steps > 0 {
			fmt.Printf("script: %d steps, progress on http://%s/\n", steps, at)
		}
	})
}

// namedLines puts the carrier's name into each line of its record. A write may hold many
// lines, and end within one.
type namedLines struct {
	name string
	file *os.File
	rest []byte
}

// Write writes the whole lines, in one call for all of them: carriers share the file.
func (w *namedLines) Write(b []byte) (int, error) {
	w.rest = append(w.rest, b...)
	var out []byte
	for {
		line, rest, whole := bytes.Cut(w.rest, []byte{'\n'})
		if !whole {
			break
		}
		out = fmt.Appendf(out, "{\"carrier\":%q,%s\n", w.name, line[1:])
		w.rest = rest
	}
	if _, err := w.file.Write(out); err != nil {
		return 0, err
	}
	return len(b), nil
}
