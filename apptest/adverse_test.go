package apptest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/cmpp"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// mounted runs what follows with a file system of its own over the data folder, whose
// clock it keeps.
func mounted(dir, options, then string) []string {
	script := `c=$(cat "$0/clock.json") && mount -t tmpfs -o ` + options + ` tmpfs "$0" && ` + then + ` && exec "$@"`
	return []string{"unshare", "-rm", "sh", "-c", script, dir}
}

// Killed while it makes its database, a node starts the next time as if nothing had been.
func TestKilledDuringTheFirstStart(t *testing.T) {
	w := newWorld(t)
	dice := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0)) //nolint:gosec // chance is wanted
	for range 12 {
		cmd := exec.Command(program(t), "bench-node", "--data", w.dir, "--carrier", "cmpp="+w.carrier.Addr().String()) //nolint:gosec,noctx // our own program
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Duration(dice.IntN(120)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it says that it was killed
		_ = in.Close()
	}
	p := w.start()
	if !w.send(p, call{key: "first", text: otp, to: []string{"14200000001"}}) || len(w.accepted) != 1 {
		t.Error("the node does not take messages")
	}
	w.quiet(p)
	p.stop(t)
	db := w.open()
	defer db.Close() //nolint:errcheck // read only
	w.money(db)
	w.evidence(db)
}

// On a full disk nothing is accepted, the node lives on, and with room again it goes
// on by itself; nothing that was accepted is lost.
func TestFullDisk(t *testing.T) {
	w := newWorld(t)
	const filler = `dd if=/dev/zero of="$0/filler" bs=1M count=16 2>/dev/null`
	p := w.start(mounted(w.dir, "size=28m,mode=700", `printf %s "$c" >"$0/clock.json" && `+filler)...)
	defer p.kill(t)
	full := false
	for n := 0; n < 2000 && !full; n++ {
		c := call{key: "full-" + strconv.Itoa(n), text: otp}
		for i := range perCall {
			c.to = append(c.to, fmt.Sprint(14200100000+n*perCall+i))
		}
		full = !w.send(p, c)
	}
	if !full {
		t.Fatal("the disk never filled")
	}
	if status, body := get(t, "http://"+p.ready.HTTP+"/healthz", ""); status != http.StatusOK {
		t.Errorf("the node does not live: %d %s", status, body)
	}
	inside := filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "root", w.dir)
	if err := os.Remove(filepath.Join(inside, "filler")); err != nil {
		t.Fatal(err)
	}
	until(t, "messages are accepted again", func() bool {
		return w.send(p, call{key: "again", text: otp, to: []string{"14200999999"}})
	})
	for to, id := range w.accepted {
		until(t, "message "+id.String()+" has its end", func() bool {
			status, body := get(t, "http://"+p.ready.HTTP+"/v1/messages/"+id.String(), p.ready.Key)
			var m struct{ State sms.State }
			if status != http.StatusOK || json.Unmarshal([]byte(body), &m) != nil {
				t.Fatalf("the message to …%s was accepted and is lost: %d %s", to[len(to)-4:], status, body)
			}
			return m.State == sms.Delivered || m.State == sms.InDoubt
		})
	}
}

// A disk that is full at the start, or when the log is folded at the end, is named with what
// to do.
func TestStartAndStopOnAFullDisk(t *testing.T) {
	for _, size := range []string{"500k", "1500k"} { // the schema takes more, the log more than that
		dir := t.TempDir()
		cmd := exec.Command("unshare", "-rm", "sh", "-c", `mount -t tmpfs -o size=`+size+`,mode=700 tmpfs "$0" && exec "$@"`, dir, program(t), "serve") //nolint:gosec,noctx // our own program
		cmd.Env = append(os.Environ(), "ZHUNXIN_DATA="+dir, "ZHUNXIN_HTTP__LISTEN=127.0.0.1:0", "ZHUNXIN_CMPP__LISTEN=127.0.0.1:0")
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.Contains(lines.Text(), "one-time token") {
				if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(said.String(), "the disk of data folder "+dir+" is full: free space and start again") || !strings.Contains(said.String(), "磁盘已满") {
			t.Errorf("%s: %v %s", size, err, said.String())
		}
	}
}

// A data folder that can't be written is named, with the reason.
func TestReadOnlyFolder(t *testing.T) {
	w := newWorld(t)
	under := mounted(w.dir, "ro", "true")
	args := append(under[1:], program(t), "serve")
	cmd := exec.Command(under[0], args...) //nolint:gosec,noctx // our own program
	cmd.Env = append(os.Environ(), "ZHUNXIN_DATA="+w.dir, "ZHUNXIN_HTTP__LISTEN=127.0.0.1:0", "ZHUNXIN_CMPP__LISTEN=127.0.0.1:0")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "can't be written") || !strings.Contains(string(out), "read-only") {
		t.Errorf("%v %s", err, out)
	}
}

// Ten thousand connections that never log in take no more than their bound, keep
// nobody from the API, and make room for customers when they are gone.
func TestTenThousandConnections(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	var open []net.Conn
	for i := range 10_000 {
		d := net.Dialer{Timeout: 2 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(i/60/250), byte(i/60%250+1))}}
		c, err := d.DialContext(context.Background(), "tcp", p.ready.CMPP)
		if err == nil { // what the server does not take may be reset at once
			open = append(open, c)
		}
	}
	if len(open) < 5000 {
		t.Errorf("only %d connections were made: the test proves little", len(open))
	}
	if !w.send(p, call{key: "busy", text: otp, to: []string{"14200000001"}}) || len(w.accepted) != 1 {
		t.Error("the API does not answer meanwhile")
	}
	if n := residentMiB(t, p); n > 400 {
		t.Errorf("the node takes %d MiB", n)
	}
	for _, c := range open {
		_ = c.Close()
	}
	until(t, "a customer logs in", func() bool {
		c, err := session.DialCMPP(context.Background(), session.ClientConfig{
			Address: p.ready.CMPP, Login: p.ready.Login, Secret: p.ready.Secret, Version: session.CMPP30,
		}, deaf{})
		if err != nil {
			return false
		}
		c.Close()
		return true
	})
	w.quiet(p)
	p.stop(t)
}

// deaf is a client that does nothing with what it gets.
type deaf struct{}

func (deaf) OnReport(*session.Client, session.Report, func(bool)) {}
func (deaf) OnMO(*session.Client, session.MO, func(bool))         {}
func (deaf) OnCredit(*session.Client)                             {}
func (deaf) OnClose(*session.Client, error)                       {}

// A peer that asks and never reads is cut off: what waits for it is bounded.
func TestSlowReaderIsCutOff(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	c, err := net.Dial("tcp", p.ready.CMPP) //nolint:noctx // on this machine
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // it is cut off
	if err := c.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	stamp := cmpp.Timestamp(w.now())
	login, err := cmpp.Append(nil, cmpp.V30, 1, &cmpp.Connect{
		SourceAddr: p.ready.Login, Authenticator: cmpp.Authenticator(p.ready.Login, p.ready.Secret, stamp), Version: cmpp.V30, Timestamp: stamp,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(login); err != nil {
		t.Fatal(err)
	}
	var tests []byte
	for i := range uint32(1000) {
		if tests, err = cmpp.Append(tests, cmpp.V30, i+2, &cmpp.ActiveTest{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	sent := 0
	for ; err == nil && sent < 256<<20; sent += len(tests) {
		_, err = c.Write(tests)
	}
	if err == nil || os.IsTimeout(err) {
		t.Errorf("after %d bytes it is not cut off: %v", sent, err)
	}
	if n := residentMiB(t, p); n > 400 {
		t.Errorf("the node takes %d MiB", n)
	}
	if !w.send(p, call{key: "after", text: otp, to: []string{"14200000001"}}) || len(w.accepted) != 1 {
		t.Error("the node does not take messages")
	}
	w.quiet(p)
	p.stop(t)
}

func residentMiB(t *testing.T, p *process) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			n, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			return n / 1024
		}
	}
	t.Fatal("the process has no VmRSS")
	return 0
}

func get(t *testing.T, url, key string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// until waits for a condition. Its bound only stops a test that hangs.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to this: %s", what)
		}
		<-tick.C
	}
}
