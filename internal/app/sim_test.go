package app

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/protocol/session"
)

type sp struct{}

func (sp) OnReport(_ *session.Client, _ session.Report, ack func(bool)) { ack(true) }
func (sp) OnMO(_ *session.Client, _ session.MO, ack func(bool))         { ack(true) }
func (sp) OnCredit(*session.Client)                                     {}
func (sp) OnClose(*session.Client, error)                               {}

// free finds an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() //nolint:errcheck // only the address is wanted
	return ln.Addr().String()
}

func TestSimulatorCommand(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "sim.yaml")
	if err := os.WriteFile(config, []byte("accounts: [{login: '900002', secret: abc, version: '2.0'}]\nlatency: {fixed: 1ms}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := SimCMPP{Listen: free(t), Control: free(t), Config: config, Record: filepath.Join(dir, "record.jsonl")}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, slog.New(slog.DiscardHandler)) }()
	var c *session.Client
	deadline := time.Now().Add(30 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); c == nil; <-tick.C {
		var err error
		c, err = session.DialCMPP(t.Context(), session.ClientConfig{
			Address: s.Listen, Login: "900002", Secret: "abc", Version: session.CMPP20,
		}, sp{})
		if err != nil && time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	done := make(chan session.Outcome, 1)
	c.Submit(session.Submit{Source: "10690000", Dests: []string{"17000000001"}, Content: []byte("1234")}, func(o session.Outcome) { done <- o })
	if o := <-done; o.Kind != session.Answered || o.Result != 0 {
		t.Errorf("%+v", o)
	}
	resp, err := http.Get("http://" + s.Control + "/received") //nolint:noctx // bounded by the test
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.Body.Close() != nil || !strings.Contains(string(body), `"text":"1234"`) {
		t.Errorf("%s, %v", body, err)
	}
	c.Close()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	line, err := os.ReadFile(s.Record)
	if err != nil || !json.Valid(line) || !strings.Contains(string(line), `"login":"900002"`) {
		t.Errorf("%s, %v", line, err)
	}
}

func TestSimulatorRefusesUnknownKeys(t *testing.T) {
	config := filepath.Join(t.TempDir(), "sim.yaml")
	if err := os.WriteFile(config, []byte("accounts: []\ntypo: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := SimCMPP{Config: config}
	if _, err := s.config(); err == nil || !strings.Contains(err.Error(), "typo") {
		t.Error(err)
	}
}
