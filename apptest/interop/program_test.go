package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/protocol/session"
)

// peers holds the peers' programs, made at their first use.
var peers struct {
	mu  sync.Mutex
	dir string
}

// folder is where the peers are built; it lives as long as the tests.
func folder(t *testing.T) string {
	t.Helper()
	if peers.dir == "" {
		dir, err := os.MkdirTemp("", "zhunxin-interop-")
		if err != nil {
			t.Fatal(err)
		}
		peers.dir = dir
	}
	return peers.dir
}

// nodePeer installs node-smpp, in the versions of the lock file, beside the peer's script.
func nodePeer(t *testing.T) *program {
	t.Helper()
	peers.mu.Lock()
	defer peers.mu.Unlock()
	node := needs(t, "node", "Node.js")
	dir := filepath.Join(folder(t), "node")
	script := filepath.Join(dir, "peer.js")
	if _, err := os.Stat(script); err != nil {
		if err := os.CopyFS(dir, os.DirFS("node")); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), needs(t, "npm", "npm"), "ci", "--prefer-offline") //nolint:gosec // found in the path
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
	}
	return start(t, dir, node, "peer.js")
}

// gosmppPeer builds the client of gosmpp.
func gosmppPeer(t *testing.T) *program {
	t.Helper()
	peers.mu.Lock()
	defer peers.mu.Unlock()
	binary := filepath.Join(folder(t), "gosmpp")
	if _, err := os.Stat(binary); err != nil {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".") //nolint:gosec // our own module
		cmd.Dir = "gosmpp"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
	}
	return start(t, "", binary)
}

// program is a peer that takes commands and tells what happens, in lines of JSON.
type program struct {
	t      *testing.T
	stdin  io.WriteCloser
	events chan event
}

// event is what a peer tells: a PDU in the words of its own library, or something that
// happened to its connection.
type event struct {
	Event     string `json:"event"`
	Port      int    `json:"port"`
	Command   string `json:"command"`
	Status    uint32 `json:"command_status"`
	Sequence  uint32 `json:"sequence_number"`
	MessageID string `json:"message_id"`

	SystemID string `json:"system_id"`
	Password string `json:"password"`
	Version  uint8  `json:"interface_version"`

	From       string `json:"source_addr"`
	FromTON    uint8  `json:"source_addr_ton"`
	To         string `json:"destination_addr"`
	ToTON      uint8  `json:"dest_addr_ton"`
	ToNPI      uint8  `json:"dest_addr_npi"`
	EsmClass   uint8  `json:"esm_class"`
	DataCoding uint8  `json:"data_coding"`
	Registered uint8  `json:"registered_delivery"`
	Text       string `json:"text"`
	UDH        string `json:"udh"`

	SARRef    uint16 `json:"sar_msg_ref_num"`
	SARTotal  uint8  `json:"sar_total_segments"`
	SARNumber uint8  `json:"sar_segment_seqnum"`
	Receipted string `json:"receipted_message_id"`
	State     uint8  `json:"message_state"`
	ServerVer uint8  `json:"sc_interface_version"`
}

// start starts a peer, which ends with its stdin, at the latest when the test does.
func start(t *testing.T, dir, name string, args ...string) *program {
	t.Helper()
	cmd := exec.Command(name, args...) //nolint:gosec,noctx // ended below
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	p := &program{t: t, events: make(chan event, queue)}
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
	read := make(chan struct{})
	go func() {
		defer close(read)
		for in := bufio.NewScanner(out); in.Scan(); {
			var e event
			if err := json.Unmarshal(in.Bytes(), &e); err != nil {
				e = event{Event: "error", Text: in.Text()}
			}
			p.events <- e
		}
	}()
	t.Cleanup(func() {
		_ = p.stdin.Close() // it may have ended already
		late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		<-read
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	return p
}

// do gives a command.
func (p *program) do(command map[string]any) {
	p.t.Helper()
	b, err := json.Marshal(command)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.stdin.Write(append(b, '\n')); err != nil {
		p.t.Fatal(err)
	}
}

// pdu has node-smpp send a PDU, its fields in the library's own words.
func (p *program) pdu(command string, fields map[string]any) {
	p.t.Helper()
	p.do(map[string]any{"do": "pdu", "command": command, "fields": fields})
}

// want is the next event of a kind; an error of the peer, or another PDU, ends the test.
func (p *program) want(kind string) event {
	p.t.Helper()
	e := take(p.t, p.events, kind)
	if e.Event != kind && e.Command != kind {
		p.t.Fatalf("the peer tells %+v, not %s", e, kind)
	}
	return e
}

// shutdown ends a server in order.
func shutdown(t *testing.T, s *session.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}
