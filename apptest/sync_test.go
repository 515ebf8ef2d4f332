package apptest

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// P2: before "accepted" is said, the commit is on disk. The kernel's own view: between
// the arrival of each request and its answer, the database's log was written, and a sync of
// it began after that and ended.
func TestAcceptedIsSaidAfterTheSync(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatalf("this test looks at system calls: install strace (%v)", err)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	w := newWorld(t)
	p := w.start(strace, "-f", "-qq", "-y", "-s", "40", "-e", "trace=read,write,pwrite64,fsync,fdatasync", "-o", trace)
	const requests = 25
	for i := range requests {
		if !w.send(p, call{key: fmt.Sprint("sync-", i), text: otp, to: []string{fmt.Sprint(14200007000 + i)}}) {
			t.Fatalf("request %d was not answered", i)
		}
	}
	p.stop(t)
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	arrived, answered, written, synced := 0, 0, false, false
	pending := map[string]int{} // threads in the middle of a sync, with the request whose writing it is for
	for _, line := range strings.Split(string(b), "\n") {
		pid, what, _ := strings.Cut(line, " ")
		what = strings.TrimSpace(what)
		sync := strings.HasPrefix(what, "fsync(") || strings.HasPrefix(what, "fdatasync(")
		switch {
		case strings.Contains(what, `OST /v1/messages`): // the server may have read the first letter before
			arrived++
			written, synced = false, false
		case strings.HasPrefix(what, "pwrite64(") && strings.Contains(what, "zhunxin.db-wal"):
			written = true
		case sync && strings.Contains(what, "zhunxin.db-wal") && strings.HasSuffix(what, "unfinished ...>"):
			if pending[pid] = 0; written {
				pending[pid] = arrived
			}
		case sync && strings.Contains(what, "zhunxin.db-wal") && strings.HasSuffix(what, "= 0"):
			synced = written
		case strings.Contains(what, "sync resumed>") && strings.HasSuffix(what, "= 0"):
			synced = synced || pending[pid] == arrived && arrived > 0
			delete(pending, pid)
		case strings.HasPrefix(what, "write(") && strings.Contains(what, `"HTTP/1.1 200`) && arrived > answered:
			answered++
			if !synced {
				t.Errorf("answer %d was written before a sync of the log that began after its writing had ended", answered)
			}
		}
	}
	if arrived != requests || answered != requests {
		t.Errorf("%d requests and %d answers are in the trace, not %d", arrived, answered, requests)
	}
}

// P2: when the log can't be put on the disk nothing is accepted any more, and the node says
// that it must be started again; what was accepted before is there then.
func TestDiskThatFailsToSync(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	if !w.send(p, call{key: "before", text: otp, to: []string{"14200008000"}}) || len(w.accepted) != 1 {
		t.Fatal("the node takes no messages")
	}
	fault := exec.Command("strace", "-f", "-p", strconv.Itoa(p.cmd.Process.Pid), "-e", "inject=fdatasync:error=EIO", "-o", os.DevNull) //nolint:gosec,noctx // our own program
	said, err := fault.StderrPipe()
	if err == nil {
		err = fault.Start()
	}
	if err == nil {
		_, err = bufio.NewReader(said).ReadString('\n') // that it is attached, to all threads
	}
	if err != nil {
		t.Fatalf("this test makes syncs fail: install strace (%v)", err)
	}
	if w.send(p, call{key: "meanwhile", text: otp, to: []string{"14200008001"}}) || len(w.accepted) != 1 {
		t.Error("a message was answered that is not on the disk")
	}
	if status, body := get(t, "http://"+p.ready.HTTP+"/readyz", ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "restart") {
		t.Errorf("the node says of itself: %d %s", status, body)
	}
	p.kill(t)
	_ = fault.Wait() // it ends with what it watches
	p = w.start()
	if !w.send(p, call{key: "meanwhile", text: otp, to: []string{"14200008001"}}) || len(w.accepted) != 2 {
		t.Error("the node takes no messages after its start")
	}
	w.quiet(p)
	p.stop(t)
	db := w.open()
	defer db.Close() //nolint:errcheck // read only
	w.money(db)
	w.evidence(db)
}
