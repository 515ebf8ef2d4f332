package apptest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
