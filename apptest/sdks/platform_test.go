// Package sdks runs the clouds' official SDKs, as their registries serve them, against the
// real binary. Each SDK is driven by a small program in its own language, which is told in
// lines of JSON what to call and tells in lines of JSON what the SDK gave it.
package sdks

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait. What is waited for takes a second or two, but for Java's programs,
// which are compiled at their start.
const patience = 3 * time.Minute

// carrier is how the simulated one behaves.
const carrier = `
accounts: [{login: "900001", secret: "888888", sessions: 4, window: 16}]
latency: {fixed: 5ms}
report_delay: {min: 20ms, max: 60ms}
`

// daemon is a process that says in its first lines where it listens.
type daemon struct {
	cmd *exec.Cmd
	out io.Reader
}

func launch(t *testing.T, env []string, args ...string) (*daemon, *bufio.Scanner) {
	t.Helper()
	d := &daemon{cmd: exec.Command(args[0], args[1:]...)} //nolint:gosec,noctx // our own program, ended below
	d.cmd.Env, d.cmd.Stderr = append(os.Environ(), env...), os.Stderr
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.out = out
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.stop(t) })
	return d, bufio.NewScanner(out)
}

// stop ends it in order, once.
func (d *daemon) stop(t *testing.T) {
	t.Helper()
	if d.cmd.ProcessState != nil {
		return
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	late := time.AfterFunc(patience, func() { _ = d.cmd.Process.Kill() })
	defer late.Stop()
	_, _ = io.Copy(io.Discard, d.out)
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("%s: %v", d.cmd.Args[1], err)
	}
}

// reads takes lines until each pattern was found, and gives what each caught.
func reads(t *testing.T, lines *bufio.Scanner, patterns ...string) []string {
	t.Helper()
	found := make([]string, len(patterns))
	for left := len(patterns); left > 0; {
		if !lines.Scan() {
			t.Fatalf("the process ended without telling %q: %v", patterns, lines.Err())
		}
		for i, p := range patterns {
			if m := regexp.MustCompile(p).FindStringSubmatch(lines.Text()); m != nil && found[i] == "" {
				found[i], left = m[1], left-1
			}
		}
	}
	return found
}

// platform is a node on a folder of its own, with a simulated carrier.
type platform struct {
	binary, dir string
	node        *daemon
	base        string // http://host:port
	admin       string // key of the first administrator
	reviewer    string // key of the second person
}

// build compiles the program that is tested.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "zhunxin")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/zhunxin/zhunxin/cmd/zhunxin").CombinedOutput() //nolint:gosec // our own program
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

// serve starts the node; rate is how many requests a second one key may make.
func (p *platform) serve(t *testing.T, rate int, first bool) (token string) {
	t.Helper()
	env := []string{"ZHUNXIN_DATA=" + p.dir, "ZHUNXIN_HTTP__LISTEN=127.0.0.1:0", "ZHUNXIN_CMPP__LISTEN=127.0.0.1:0", "ZHUNXIN_LOG__LEVEL=error", "ZHUNXIN_WEBHOOK__PRIVATE=true", "ZHUNXIN_HTTP__RATE=" + strconv.Itoa(rate)}
	var lines *bufio.Scanner
	p.node, lines = launch(t, env, p.binary, "serve")
	patterns := []string{`API and /docs on (http://\S+)$`}
	if first {
		patterns = append(patterns, `one-time token .*: (\S+)$`)
	}
	found := reads(t, lines, patterns...)
	p.base = found[0]
	if first {
		token = found[1]
	}
	return token
}

// simulate starts the carrier and tells where it listens.
func (p *platform) simulate(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "carrier.yaml")
	if err := os.WriteFile(file, []byte(carrier), 0o600); err != nil {
		t.Fatal(err)
	}
	_, lines := launch(t, nil, p.binary, "sim", "cmpp", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--config", file)
	return reads(t, lines, `gateway on (\S+), control`)[0]
}

// endpoint is what the SDKs are told: a host with its port.
func (p *platform) endpoint() string { return strings.TrimPrefix(p.base, "http://") }

// answer is what the API says, as far as it is looked at here.
type answer struct {
	ID            string
	State         string
	Key           string
	PartyID       string `json:"party_id"`
	ApplicationID string `json:"application_id"`
	AccessID      string `json:"access_key_id"`
	Secret        string `json:"access_key_secret"`
}

// ask calls the API and demands that it answers with success.
func (p *platform) ask(t *testing.T, key, method, path string, body any) (out answer) {
	t.Helper()
	b, ok := body.([]byte)
	if !ok {
		var err error
		if b, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	if ok {
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, raw, err)
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%s %s: %s %v", method, path, raw, err)
	}
	return out
}
