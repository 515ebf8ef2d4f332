package apptest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// run runs the program and returns what it printed and said.
func run(t *testing.T, env []string, args ...string) (out, complaint string, err error) {
	t.Helper()
	cmd := exec.Command(program(t), args...) //nolint:gosec,noctx // our own program
	cmd.Env = append(os.Environ(), env...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err = cmd.Run()
	return o.String(), e.String(), err
}

// The story of the README plays at any hour, is printed again by a second start, and
// plays again with fresh members; its pack verifies with the file and the key alone.
func TestDemoTellsItsStory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // where the SGIP gateway finds the demo must be known before it starts
	if err != nil {
		t.Fatal(err)
	}
	back := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	demo := func(more ...string) string {
		t.Helper()
		args := append([]string{
			"demo", "--once", "--data", dir, "--http", "127.0.0.1:0", "--cmpp", "127.0.0.1:0", "--sgip", "127.0.0.1:0", "--smgp", "127.0.0.1:0",
			"--smpp", "127.0.0.1:0", "--back", back, "--sim", "",
		}, more...)
		out, complaint, err := run(t, nil, args...)
		if err != nil {
			t.Fatalf("%v\n%s%s", err, out, complaint)
		}
		return out
	}
	first := demo()
	for _, want := range []string{
		"1. ", "report DELIVRD", "refused, CONSENT_MISSING", "rule CNS-01", "《个人信息保护法》", "what to do:", "rule OPT-03", "refusal ", "capture", "carrier's id 3028099999-", "9. ", "records stand under",
	} {
		if !strings.Contains(first, want) {
			t.Errorf("the story lacks %q:\n%s", want, first)
		}
	}
	if second := demo(); !strings.Contains(second, "recorded at an earlier start") || !strings.Contains(second, first[strings.Index(first, "1. "):]) {
		t.Errorf("a second start printed:\n%s", second)
	}
	if third := demo("--replay"); !strings.Contains(third, "142****0011") {
		t.Errorf("the replay used no fresh member:\n%s", third)
	}
	verify := filepath.Join(buildDir, "zhunxin-verify")
	if out, err := exec.Command("go", "build", "-o", verify, "github.com/zhunxin/zhunxin/cmd/zhunxin-verify").CombinedOutput(); err != nil { //nolint:noctx // bounded by the test's time
		t.Fatalf("%v %s", err, out)
	}
	pack := filepath.Join(dir, "evidence.json")
	out, err := exec.Command(verify, pack, "--key", pack+".key").CombinedOutput() //nolint:gosec,noctx // our own program
	if err != nil || !strings.HasPrefix(string(out), "VERIFIED") {
		t.Errorf("%v %s", err, out)
	}
	b, err := os.ReadFile(pack)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(pack, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(verify, pack, "--key", pack+".key").CombinedOutput(); err == nil || !strings.Contains(string(out), "NOT VERIFIED") { //nolint:gosec,noctx // our own program
		t.Errorf("a changed pack: %v %s", err, out)
	}
}

// What a node can't start on is said plainly, and nothing is harmed.
func TestServeSaysWhatIsWrong(t *testing.T) {
	clocked := t.TempDir()
	if err := os.WriteFile(filepath.Join(clocked, "clock.json"), []byte(`{"offset_ms":3600000}`), 0o600); err != nil {
		t.Fatal(err)
	}
	open := t.TempDir()
	if err := os.WriteFile(filepath.Join(open, "keys.json"), []byte("{}"), 0o644); err != nil { //nolint:gosec // that is the point
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	p := w.start()
	for name, c := range map[string]struct{ data, want string }{
		"a folder with a clock of its own": {clocked, "has a clock of its own"},
		"a key file that others may read":  {open, "chmod 600"},
		"a file in the folder's place":     {file, "data folder"},
		"a folder in use":                  {w.dir, "in use by another process"},
	} {
		began := time.Now()
		_, complaint, err := run(t, []string{"ZHUNXIN_DATA=" + c.data, "ZHUNXIN_HTTP__LISTEN=127.0.0.1:0", "ZHUNXIN_CMPP__LISTEN=127.0.0.1:0"}, "serve")
		if err == nil || !strings.Contains(complaint, c.want) || time.Since(began) > 20*time.Second {
			t.Errorf("%s: %v %s", name, err, complaint)
		}
	}
	p.stop(t)
	if _, complaint, err := run(t, []string{"ZHUNXIN_HTTP__LISTN=1"}, "serve"); err == nil || !strings.Contains(complaint, "http.listn") {
		t.Errorf("an unknown key: %v %s", err, complaint)
	}
	out, _, err := run(t, nil, "config", "sample")
	if err != nil || !strings.Contains(out, "database:") {
		t.Errorf("%v %s", err, out)
	}
}
