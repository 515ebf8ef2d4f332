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
// the arrival of each request and its answer, a sync of the database's log ended.
func TestAcceptedIsSaidAfterTheSync(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatalf("this test looks at system calls: install strace (%v)", err)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	w := newWorld(t)
	p := w.start(strace, "-f", "-qq", "-y", "-s", "40", "-e", "trace=read,write,fsync,fdatasync", "-o", trace)
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
	arrived, answered, synced := 0, 0, false
	pending := map[string]bool{} // threads in the middle of a sync
	for _, line := range strings.Split(string(b), "\n") {
		pid, what, _ := strings.Cut(line, " ")
		what = strings.TrimSpace(what)
		sync := strings.HasPrefix(what, "fsync(") || strings.HasPrefix(what, "fdatasync(")
		switch {
		case strings.Contains(what, `OST /v1/messages`): // the server may have read the first letter before
			arrived++
			synced = false
		case sync && strings.Contains(what, "zhunxin.db-wal") && strings.HasSuffix(what, "unfinished ...>"):
			pending[pid] = true
		case sync && strings.Contains(what, "zhunxin.db-wal") && strings.HasSuffix(what, "= 0"):
			synced = true
		case pending[pid] && strings.Contains(what, "sync resumed>") && strings.HasSuffix(what, "= 0"):
			synced, pending[pid] = true, false
		case strings.HasPrefix(what, "write(") && strings.Contains(what, `"HTTP/1.1 200`) && arrived > answered:
			answered++
			if !synced {
				t.Errorf("answer %d was written before any sync of the log had ended", answered)
			}
		}
	}
	if arrived != requests || answered != requests {
		t.Errorf("%d requests and %d answers are in the trace, not %d", arrived, answered, requests)
	}
}
