package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/lab/carrier"
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

// dialled connects as soon as somebody listens.
func dialled(t *testing.T, dial func(context.Context, session.ClientConfig, session.ClientHandler) (*session.Client, error), cfg session.ClientConfig, h session.ClientHandler) *session.Client {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
		c, err := dial(t.Context(), cfg, h)
		if err == nil {
			t.Cleanup(c.Close)
			return c
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// submitted sends a message and waits for its answer.
func submitted(t *testing.T, c *session.Client) {
	t.Helper()
	done := make(chan session.Outcome, 1)
	c.Submit(session.Submit{Source: "10690000", Dests: []string{"17000000001"}, Content: []byte("1234"), WantReport: true}, func(o session.Outcome) { done <- o })
	if o := <-done; o.Kind != session.Answered || o.Result != 0 {
		t.Errorf("%+v", o)
	}
}

// shown gets a page of a control endpoint.
func shown(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url) //nolint:noctx,gosec // bounded by the test, and its own
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.Body.Close() != nil {
		t.Error(err)
	}
	return string(body)
}

// runs starts a command and gives what stops it, with its error.
func runs(t *testing.T, run func(context.Context, *slog.Logger) error) func() {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, slog.New(slog.DiscardHandler)) }()
	return func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestSimulatorCommand(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "sim.yaml")
	if err := os.WriteFile(config, []byte("accounts: [{login: '900002', secret: abc, version: '2.0'}]\nlatency: {fixed: 1ms}\n"+
		"script: {steps: [{at: 10ms, mo: {from: '17000000001', to: '1069', text: 退订}}]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := SimCMPP{Listen: free(t), Control: free(t), SimOptions: SimOptions{Config: config, Record: filepath.Join(dir, "record.jsonl")}}
	stop := runs(t, s.Run)
	h := &heard{reports: make(chan session.Report, 1), mos: make(chan session.MO, 1)}
	c := dialled(t, session.DialCMPP, session.ClientConfig{Address: s.Listen, Login: "900002", Secret: "abc", Version: session.CMPP20}, h)
	select {
	case m := <-h.mos: // by the script
		if m.Source != "17000000001" {
			t.Errorf("%+v", m)
		}
	case <-time.After(20 * time.Second):
		t.Error("the script's message did not come")
	}
	if body := shown(t, "http://"+s.Control+"/"); !strings.Contains(body, `"steps":1`) || !strings.Contains(body, `"name":"cmpp"`) {
		t.Error(body)
	}
	submitted(t, c)
	if body := shown(t, "http://"+s.Control+"/received"); !strings.Contains(body, `"text":"1234"`) {
		t.Error(body)
	}
	line, err := os.ReadFile(s.Record) // while it runs: it may be killed
	if err != nil || !json.Valid(line) || !strings.Contains(string(line), `"login":"900002"`) {
		t.Errorf("%s, %v", line, err)
	}
	c.Close()
	stop()
}

// Without a file each protocol has an account that may log in and gets its reports.
func TestSimulatorOfEachProtocol(t *testing.T) {
	type command interface {
		Run(ctx context.Context, log *slog.Logger) error
	}
	back := free(t)
	for _, x := range []struct {
		name   string
		listen string
		make   func(listen, control string) command
		dial   func(context.Context, session.ClientConfig, session.ClientHandler) (*session.Client, error)
	}{
		{"cmpp", free(t), func(l, c string) command { return &SimCMPP{Listen: l, Control: c} }, session.DialCMPP},
		{"sgip", free(t), func(l, c string) command { return &SimSGIP{Listen: l, Control: c, Callback: back} }, session.DialSGIP},
		{"smgp", free(t), func(l, c string) command { return &SimSMGP{Listen: l, Control: c} }, session.DialSMGP},
		{"smpp", free(t), func(l, c string) command { return &SimSMPP{Listen: l, Control: c} }, session.DialSMPP},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := &heard{reports: make(chan session.Report, 1)}
			if x.name == "sgip" {
				ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", back)
				if err != nil {
					t.Fatal(err)
				}
				session.ServeSGIP(t.Context(), ln, session.ServerConfig{}, called{h})
			}
			control := free(t)
			stop := runs(t, x.make(x.listen, control).Run)
			c := dialled(t, x.dial, session.ClientConfig{Address: x.listen, Login: simAccount, Secret: simAccountSecret}, h)
			submitted(t, c)
			if r := <-h.reports; r.Stat != "DELIVRD" || r.Dest != "17000000001" {
				t.Errorf("%+v", r)
			}
			if body := shown(t, "http://"+control+"/received"); !strings.Contains(body, `"text":"1234"`) {
				t.Error(body)
			}
			c.Close()
			stop()
		})
	}
}

// heard takes reports on either side: as a client, and as SGIP's listener.
type heard struct {
	sp
	reports chan session.Report
	mos     chan session.MO
}

func (h *heard) OnReport(_ *session.Client, r session.Report, ack func(bool)) { ack(h.took(r)) }

func (h *heard) took(r session.Report) bool {
	h.reports <- r
	return true
}

func (h *heard) OnMO(_ *session.Client, m session.MO, ack func(bool)) {
	h.mos <- m
	ack(true)
}

// called is heard as SGIP's gateways meet it.
type called struct{ *heard }

func (called) Account(login string, _ netip.Addr) (session.Account, uint32) {
	return session.Account{Login: login, Secret: simAccountSecret, MaxSessions: 1}, 0
}
func (called) OnOpen(*session.Peer)                                         {}
func (called) OnClose(*session.Peer, error)                                 {}
func (called) OnSubmit(*session.Peer, session.Submit, func(string, uint32)) {}
func (c called) OnReport(_ *session.Peer, r session.Report, ack func(bool)) { ack(c.took(r)) }
func (called) OnMO(_ *session.Peer, _ session.MO, ack func(bool))           { ack(true) }

func TestSimulatorMix(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "mix.yaml")
	cmpp, smpp, control := free(t), free(t), free(t)
	settings := `
control: ` + control + `
carriers:
  - name: mobile
    protocol: cmpp
    listen: ` + cmpp + `
    accounts: [{login: '900001', secret: '888888', sessions: 2}]
  - name: abroad
    protocol: smpp
    listen: ` + smpp + `
    accounts: [{login: esme, secret: secret}]
    report_codes: {UNDELIV: 1}
script:
  steps:
    - {at: 20ms, carrier: mobile, behaviour: {answer_codes: {10: 1}}}
    - {at: 0s, carrier: mobile, mo: {from: '17000000001', to: '1069', text: 退订}}
`
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	s := SimRun{Config: file, Record: filepath.Join(dir, "record.jsonl")}
	stop := runs(t, s.Run)
	h := &heard{reports: make(chan session.Report, 10), mos: make(chan session.MO, 1)}
	mobile := dialled(t, session.DialCMPP, session.ClientConfig{Address: cmpp, Login: "900001", Secret: "888888"}, h)
	abroad := dialled(t, session.DialSMPP, session.ClientConfig{Address: smpp, Login: "esme", Secret: "secret"}, h)
	if m := <-h.mos; m.Source != "17000000001" {
		t.Errorf("%+v", m)
	}
	submitted(t, abroad)
	if r := <-h.reports; r.Stat != "UNDELIV" {
		t.Errorf("%+v", r)
	}
	deadline := time.Now().Add(30 * time.Second)
	for tick := time.NewTicker(5 * time.Millisecond); !strings.Contains(shown(t, "http://"+control+"/"), `"done":2,"failed":0`); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("the script did not end")
		}
	}
	done := make(chan session.Outcome, 1)
	mobile.Submit(session.Submit{Source: "1069", Dests: []string{"17000000001"}, Content: []byte("a")}, func(o session.Outcome) { done <- o })
	if o := <-done; o.Result != 10 {
		t.Errorf("after the script's step: %+v", o)
	}
	for path, want := range map[string]string{
		"/": `"name":"abroad","protocol":"smpp"`, "/abroad/received": `"text":"1234"`, "/mobile/behaviour": `"answer_codes":{"10":1}`,
	} {
		if body := shown(t, "http://"+control+path); !strings.Contains(body, want) {
			t.Errorf("%s: %s", path, body)
		}
	}
	mobile.Close()
	abroad.Close()
	stop()
	b, err := os.ReadFile(s.Record)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if err != nil || len(lines) != 2 {
		t.Fatalf("%s, %v", b, err)
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) || !strings.HasPrefix(line, `{"carrier":"`) {
			t.Error(line)
		}
	}
}

// Bad settings say where they are and how to mend them.
func TestSimulatorRefusesBadSettings(t *testing.T) {
	const carriers = "carriers: [{name: a, protocol: smgp, listen: '127.0.0.1:0', accounts: [{login: x, secret: y}]}]\n"
	for _, x := range []struct{ settings, want string }{
		{"carriers: []\n", "write at least one"},
		{"typo: 1\n", "typo"},
		{carriers + "script: {steps: [{at: 1s, carrier: b, disconnect: x}]}\n", "script.steps[0]: carrier is"},
		{carriers + "script: {steps: [{at: 1s, carrier: a}]}\n", "write one"},
		{carriers + "script: {steps: [{at: 1s, carrier: a, disconnect: z}]}\n", "write a login of carrier a"},
		{carriers + "script: {every: 1s, steps: [{at: 1s, carrier: a, disconnect: x}]}\n", "less than every"},
		{carriers + "script: {steps: [{at: 1s, carrier: a, behaviour: {drop_answer_rate: 2}}]}\n", "write a share from 0 to 1"},
		{carriers + "script: {steps: [{at: 1s, carrier: a, behaviour: {drop_rate: 2}}]}\n", "drop_rate"},
		{strings.Replace(carriers, "smgp", "sgip", 1), "carriers[0] a: accounts[0]: callback"},
		{strings.Replace(carriers, "'127.0.0.1:0'", "x", 1), "write host:port"},
		{strings.Replace(carriers, "name: a", "name: A/B", 1), "name is"},
	} {
		file := filepath.Join(t.TempDir(), "mix.yaml")
		if err := os.WriteFile(file, []byte(x.settings), 0o600); err != nil {
			t.Fatal(err)
		}
		s := SimRun{Config: file}
		if err := s.Run(t.Context(), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s gave %v", x.settings, err)
		}
	}
	config := filepath.Join(t.TempDir(), "sim.yaml")
	if err := os.WriteFile(config, []byte("accounts: []\ntypo: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := SimOptions{Config: config}
	if _, err := o.config(carrier.Config{Protocol: carrier.CMPP}); err == nil || !strings.Contains(err.Error(), "typo") {
		t.Error(err)
	}
}

// The file of one simulator names no carrier in its script.
func TestScriptOfOneSimulator(t *testing.T) {
	for _, x := range []struct{ step, want string }{
		{"{at: 1s, carrier: other, disconnect: x}", "script.steps[0]: carrier is \"other\": leave it out"},
		{"{at: 1s, disconnect: z}", "write a login of carrier smpp"},
		{"{at: 1s}", "write one"},
	} {
		file := filepath.Join(t.TempDir(), "sim.yaml")
		if err := os.WriteFile(file, []byte("accounts: [{login: x, secret: y}]\nscript: {steps: ["+x.step+"]}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := SimSMPP{Listen: "127.0.0.1:0", Control: "127.0.0.1:0", SimOptions: SimOptions{Config: file}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // it would serve
		defer cancel()
		if err := s.Run(ctx, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), x.want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", x.step, err)
		}
	}
}

func TestSimulatorPassesItsChecks(t *testing.T) {
	s := SimCMPP{Listen: free(t), Control: free(t)}
	stop := runs(t, s.Run)
	defer stop()
	dialled(t, session.DialCMPP, session.ClientConfig{Address: s.Listen, Login: simAccount, Secret: simAccountSecret}, sp{}).Close()
	c := SimCheck{
		Protocol: "cmpp30", Target: s.Listen, Login: simAccount, Secret: simAccountSecret, SimControl: "http://" + s.Control, JSON: true,
		Only: []string{"login.good", "login.secret", "mo", "quit"},
	}
	var out bytes.Buffer
	if err := c.run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	var results []struct{ ID, Verdict, Section string }
	if err := json.Unmarshal(out.Bytes(), &results); err != nil || len(results) != 4 {
		t.Fatal(err, out.String())
	}
	for _, r := range results {
		if r.Verdict != "pass" || r.Section == "" {
			t.Errorf("%+v", r)
		}
	}
	c.Secret, c.JSON, c.Lang, c.Only, c.Timeout = "other", false, "en", []string{"login.good"}, time.Second
	out.Reset()
	if err := c.run(t.Context(), &out); !errors.Is(err, errChecksFailed) || !strings.Contains(out.String(), "a good login is accepted") ||
		!strings.Contains(out.String(), "cmpp30: 0 pass, 0 tolerated, 1 fail, 0 skipped") {
		t.Error(err, out.String())
	}
	c.List = true
	out.Reset()
	if err := c.run(t.Context(), &out); err != nil || !strings.Contains(out.String(), "CMPP 3.0 §8.4.3.1") {
		t.Error(err, out.String())
	}
}
