package sdks

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// program drives one SDK: it takes a call in a line and answers in a line.
type program struct {
	cmd   *exec.Cmd
	turn  sync.Mutex
	stdin io.WriteCloser
	lines chan []byte
}

// start starts a program of a folder.
func start(t *testing.T, dir string, env []string, name string, args ...string) *program {
	t.Helper()
	cmd := exec.Command(name, args...) //nolint:gosec,noctx // it is ended by its stdin
	cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), env...), os.Stderr
	p := &program{cmd: cmd, lines: make(chan []byte)}
	var err error
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for in := bufio.NewScanner(out); in.Scan(); {
			p.lines <- append([]byte(nil), in.Bytes()...)
		}
	}()
	return p
}

// end ends it by the end of its input.
func (p *program) end(t *testing.T) {
	t.Helper()
	_ = p.stdin.Close() // it may have ended already
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	for line := range p.lines {
		t.Errorf("nobody asked for %s", line)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%q: %v", p.cmd.Args, err)
	}
}

// call has the SDK do something, and reads what it gave.
func (p *program) call(t *testing.T, command object, told any) {
	t.Helper()
	b, err := json.Marshal(command)
	if err != nil {
		t.Fatal(err)
	}
	p.turn.Lock()
	defer p.turn.Unlock()
	if _, err := p.stdin.Write(append(b, '\n')); err != nil {
		t.Fatal(err)
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case line, ok := <-p.lines:
		if !ok {
			t.Fatalf("the program ended at %s", b)
		}
		if err := json.Unmarshal(line, told); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	case <-timeout.C:
		t.Fatalf("no answer to %s", b)
	}
}

// needs finds a program that the machine must have.
func needs(t *testing.T, program, from string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("this test runs %s: install %s (%v)", program, from, err)
	}
	return path
}

func command(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...) //nolint:gosec // found in the path
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// compile builds a program of one of the nested modules.
func compile(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "program")
	command(t, dir, "go", append(append([]string{"build", "-o", binary}, flags...), ".")...)
	return binary
}

var installing sync.Mutex

// installed is the folder that holds what a file of versions asks for, for a version of the
// language. It is made once, in the user's cache, because registries are slow.
func installed(t *testing.T, file, language string, install func(dir string)) string {
	t.Helper()
	installing.Lock()
	defer installing.Unlock()
	b, err := os.ReadFile(file) //nolint:gosec // of this folder
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(append(b, file+"\n"+language...))
	dir := filepath.Join(cache, "zhunxin-sdks", hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "new-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(fresh) //nolint:errcheck // it was moved, or is of no use
	install(fresh)
	if err := os.Rename(fresh, dir); err != nil {
		if _, there := os.Stat(dir); there != nil { // nobody else made it meanwhile
			t.Fatal(err)
		}
	}
	return dir
}

// A driver starts the program that drives an SDK.
type driver struct {
	name  string
	start func(t *testing.T) *program
}

// drivers are the programs that run, until a test ends.
type drivers struct {
	until   *testing.T
	mu      sync.Mutex
	running map[string]*program
}

// program is the one of a driver: those who use an SDK in several ways share it.
func (d *drivers) program(t *testing.T, of driver) *program {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.running[of.name]
	if p == nil {
		p = of.start(t)
		d.running[of.name] = p
		d.until.Cleanup(func() { p.end(d.until) })
	}
	return p
}

func compiled(dir string, flags ...string) driver {
	return driver{fmt.Sprint(dir, flags), func(t *testing.T) *program {
		t.Helper()
		return start(t, "", nil, compile(t, dir, flags...))
	}}
}

func node(script string) driver {
	return driver{script, func(t *testing.T) *program {
		t.Helper()
		dir := installed(t, "node/package-lock.json", "", func(dir string) {
			if err := os.CopyFS(dir, os.DirFS("node")); err != nil {
				t.Fatal(err)
			}
			command(t, dir, needs(t, "npm", "npm"), "ci", "--prefer-offline", "--ignore-scripts")
		})
		return start(t, "node", []string{"NODE_PATH=" + filepath.Join(dir, "node_modules")}, needs(t, "node", "Node.js"), script)
	}}
}

func python(script string) driver {
	return driver{script, func(t *testing.T) *program {
		t.Helper()
		py := needs(t, "python3", "Python 3.9 or later, with pip")
		version, err := exec.CommandContext(t.Context(), py, "--version").Output() //nolint:gosec // found in the path
		if err != nil {
			t.Fatal(err)
		}
		dir := installed(t, "python/requirements.txt", string(version), func(dir string) {
			command(t, "python", py, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target", dir, "-r", "requirements.txt")
		})
		return start(t, "python", []string{"PYTHONPATH=" + dir, "PYTHONPYCACHEPREFIX=" + filepath.Join(dir, "compiled")}, py, script)
	}}
}

func java(source string) driver {
	return driver{source, func(t *testing.T) *program {
		t.Helper()
		dir := installed(t, "java/pom.xml", "", func(dir string) {
			command(t, "java", needs(t, "mvn", "Maven"), "--quiet", "--batch-mode", "dependency:copy-dependencies", "-DoutputDirectory="+dir)
		})
		return start(t, "java", nil, needs(t, "java", "a JDK, 11 or later"), "-cp", filepath.Join(dir, "*"), source)
	}}
}
