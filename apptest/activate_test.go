package apptest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// served is a node that zhunxin serve runs.
type served struct {
	cmd   *exec.Cmd
	base  string
	token string
}

// serve starts a node on a folder and reads where it listens. A folder without any key
// gets a token.
func serve(t *testing.T, dir string, first bool) *served {
	t.Helper()
	s := &served{cmd: exec.Command(program(t), "serve")} //nolint:gosec,noctx // our own program
	s.cmd.Env = append(os.Environ(), "ZHUNXIN_DATA="+dir, "ZHUNXIN_HTTP__LISTEN=127.0.0.1:0", "ZHUNXIN_CMPP__LISTEN=127.0.0.1:0")
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	address, token := regexp.MustCompile(`http://(\S+)$`), regexp.MustCompile(`\): (\S+)$`)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if m := address.FindStringSubmatch(lines.Text()); m != nil && s.base == "" {
			s.base = "http://" + m[1]
		}
		if m := token.FindStringSubmatch(lines.Text()); m != nil {
			s.token = m[1]
		}
		if s.base != "" && (s.token != "" || !first) {
			go io.Copy(io.Discard, out) //nolint:errcheck // until the process ends
			return s
		}
	}
	t.Fatal("the node does not say where it listens")
	return nil
}

// kill ends the node at once, as a power cut would.
func (s *served) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// ask calls the API.
func (s *served) ask(t *testing.T, key, method, path string, body any) (out struct{ ID, Key, ApplicationID, State string }) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.base+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, answer, err)
	}
	var all map[string]any
	if err := json.Unmarshal(answer, &all); err != nil {
		t.Fatal(err)
	}
	text := func(name string) string { return strings.TrimPrefix(fmt.Sprint(all[name]), "<nil>") }
	out.ID, out.Key, out.ApplicationID, out.State = text("id"), text("key"), text("application_id"), text("state")
	return out
}

// command runs zhunxin rulebook against the node.
func (s *served) command(t *testing.T, key string, args ...string) (string, error) {
	t.Helper()
	out, complaint, err := run(t, []string{"ZHUNXIN_KEY=" + key}, append(append([]string{"rulebook"}, args...), "--url", s.base)...)
	return out + complaint, err
}

// P2: what was proposed survives a kill -9 before the second person comes, and what was
// activated one after that; the commands need a key and a second person.
func TestKilledBetweenProposeAndActivate(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "house.yaml")
	if err := os.WriteFile(file, []byte("pack: house\nversion: '1'\nlayer: house\nadjust: [{rule: TIM-01, param: close, value: 1140}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, dir, true)
	one := s.ask(t, "", http.MethodPost, "/v1/setup", map[string]any{"token": s.token, "name": "示例运营商", "uscc": "91110000000000001A"})
	person := s.ask(t, one.Key, http.MethodPut, "/v1/admin/staff/new", map[string]any{"name": "two", "roles": "compliance", "state": "active"})
	two := s.ask(t, one.Key, http.MethodPost, "/v1/admin/keys", map[string]any{"application_id": one.ApplicationID, "staff_id": person.ID, "scopes": "admin"})
	if out, err := s.command(t, "", "status"); err == nil || !strings.Contains(out, "ZHUNXIN_KEY") {
		t.Errorf("without a key: %v %s", err, out)
	}
	out, err := s.command(t, one.Key, "propose", file)
	m := regexp.MustCompile(`proposed as (\d+)`).FindStringSubmatch(out)
	if err != nil || m == nil || !strings.Contains(out, "TIM-01") {
		t.Fatalf("%v %s", err, out)
	}
	s.kill()
	s = serve(t, dir, false)
	if out, err := s.command(t, one.Key, "status"); err != nil || !strings.Contains(out, m[1]) {
		t.Fatalf("after the kill: %v %s", err, out)
	}
	if out, err := s.command(t, one.Key, "activate", m[1]); err == nil || !strings.Contains(out, "SAME_PERSON") {
		t.Errorf("by the same person: %v %s", err, out)
	}
	if out, err := s.command(t, two.Key, "activate", m[1]); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	s.kill()
	s = serve(t, dir, false)
	if out, err := s.command(t, two.Key, "status"); err != nil || !regexp.MustCompile(`runs\s+house@1`).MatchString(out) || strings.Contains(out, m[1]) {
		t.Errorf("after the second kill: %v %s", err, out)
	}
}
