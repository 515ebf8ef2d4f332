// Package apptest tests the real binary from outside: it is started, loaded,
// killed and looked at as an operator would.
package apptest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/zhunxin/zhunxin/evidence/checkpoint"
	"github.com/zhunxin/zhunxin/internal/lab/carrier"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// kills is how often the crash test kills the node.
const kills = 30

var (
	buildOnce sync.Once
	binary    string
	buildErr  error
	buildDir  string
)

func TestMain(m *testing.M) {
	code := m.Run()
	if buildDir != "" {
		if err := os.RemoveAll(buildDir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// program builds the binary once.
func program(t *testing.T) string {
	t.Helper()
	buildOnce.Do(func() {
		if buildDir, buildErr = os.MkdirTemp("", "zhunxin-apptest-"); buildErr != nil {
			return
		}
		binary = filepath.Join(buildDir, "zhunxin")
		out, err := exec.Command("go", "build", "-o", binary, "github.com/zhunxin/zhunxin/cmd/zhunxin").CombinedOutput() //nolint:noctx // bounded by the test's time
		if err != nil {
			buildErr = fmt.Errorf("%w: %s", err, out)
		}
	})
	if buildErr != nil {
		t.Fatal(buildErr)
	}
	return binary
}

// process is a running node.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ready struct{ HTTP, CMPP, Key, Login, Secret string }
}

// world is a data folder, a carrier that outlives the nodes, and what was accepted.
type world struct {
	t       *testing.T
	dir     string
	offset  time.Duration
	carrier *carrier.Carrier
	flags   []string // of the node, besides

	mu       sync.Mutex
	accepted map[string]sms.ID // recipient → message, as the caller was told
	refusals int               // numbers of which a refusal was sent
	caught   map[string]int    // in how many kills something was under way
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), accepted: map[string]sms.ID{}, caught: map[string]int{}}
	local := time.Now().In(time.FixedZone("CST", 8*60*60))
	w.offset = time.Date(local.Year(), local.Month(), local.Day(), 10, 0, 0, 0, local.Location()).Sub(local)
	b := fmt.Appendf(nil, `{"offset_ms":%d}`, w.offset.Milliseconds())
	if err := os.WriteFile(filepath.Join(w.dir, "clock.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test's listener
	if err != nil {
		t.Fatal(err)
	}
	w.carrier, err = carrier.Start(context.Background(), ln, carrier.Config{
		Accounts: []carrier.Account{{Login: "900001", Secret: "888888", Sessions: 64, Window: 64}},
		Behaviour: carrier.Behaviour{
			Latency: carrier.Latency{Fixed: carrier.Duration(5 * time.Millisecond)}, ReportDelay: carrier.Range{Max: carrier.Duration(30 * time.Millisecond)},
			EarlyReportRate: 0.05, DuplicateReportRate: 0.05,
		},
		Retain: 100_000,
	}, slog.New(slog.DiscardHandler), w.now, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.carrier.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) now() time.Time { return time.Now().Add(w.offset) }

// start starts a node on the folder, under another program if one is named, and
// waits until it listens.
func (w *world) start(under ...string) *process {
	w.t.Helper()
	args := append(append([]string(nil), under...), program(w.t), "bench-node", "--data", w.dir, "--carrier", "cmpp="+w.carrier.Addr().String(), "--sessions", "2")
	args = append(args, w.flags...)
	p := &process{cmd: exec.Command(args[0], args[1:]...)} //nolint:gosec,noctx // our own program
	p.cmd.Stderr = os.Stderr
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		w.t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &p.ready)
	}
	if err != nil {
		w.t.Fatalf("the node did not start: %v", err)
	}
	return p
}

// kill ends a node as a power cut would end a process.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // it says that it was killed
}

func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.stdin.Close(); err != nil {
		t.Error(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// post sends a request; ok is false when the node had no answer for it.
func (p *process) post(path string, body, out any, key string) (status int, ok bool) {
	b, err := json.Marshal(body)
	if err != nil {
		return 0, false
	}
	req, err := http.NewRequest(http.MethodPost, "http://"+p.ready.HTTP+path, bytes.NewReader(b)) //nolint:noctx // the client has a limit
	if err != nil {
		return 0, false
	}
	req.Header.Set("Authorization", "Bearer "+p.ready.Key)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	client := http.Client{Timeout: 20 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return 0, false
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode == http.StatusOK && json.Unmarshal(raw, out) != nil {
		return 0, false
	}
	return resp.StatusCode, true
}

const (
	otp = "【准信示例】您的验证码是246810，5分钟内有效。"
	mkt = "【准信示例】会员日全场八折，仅限今日，拒收请回复R"
	// recipients of one request
	perCall = 10
)

// call is a request that is repeated under its key until it has an answer.
type call struct {
	key, text string
	to        []string
}

type answer struct {
	Results []struct {
		MessageID sms.ID `json:"message_id"`
		State     string `json:"state"`
		Code      string `json:"code"`
	} `json:"results"`
}

// send sends a call and notes what was accepted; false means that it has no answer.
func (w *world) send(p *process, c call) bool {
	to := make([]map[string]string, len(c.to))
	for i := range c.to {
		to[i] = map[string]string{"to": c.to[i]}
	}
	var a answer
	status, ok := p.post("/v1/messages", map[string]any{"text": c.text, "recipients": to}, &a, c.key)
	if !ok || status == http.StatusServiceUnavailable {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if status != http.StatusOK || len(a.Results) != len(c.to) {
		w.t.Errorf("call %s: %d %+v", c.key, status, a)
		return true
	}
	for i, r := range a.Results {
		if r.State == "queued" {
			w.accepted[c.to[i]] = r.MessageID
		} else if r.State != "refused" {
			w.t.Errorf("call %s: %+v", c.key, r)
		}
	}
	return true
}

// load sends calls until the node is gone, and gives back those without an answer.
func (w *world) load(p *process, waiting []call, next func() call, until <-chan struct{}) []call {
	var mu sync.Mutex
	var left []call
	take := func() call {
		mu.Lock()
		defer mu.Unlock()
		if len(waiting) > 0 {
			c := waiting[0]
			waiting = waiting[1:]
			return c
		}
		return next()
	}
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			for {
				select {
				case <-until:
					return
				default:
				}
				c := take()
				if !w.send(p, c) {
					mu.Lock()
					left = append(left, c)
					mu.Unlock()
					select {
					case <-until:
					case <-time.After(time.Millisecond):
					}
				}
			}
		})
	}
	senders.Wait()
	return append(left, waiting...)
}

// P1 to P6 and P8 hold over kills at any instant: nothing accepted is lost, nothing
// is sent twice, what was in doubt is named, the ledger adds up, no marketing
// follows an opt-out, and no published checkpoint is contradicted.
func TestKilledAtRandomPoints(t *testing.T) {
	w := newWorld(t)
	w.flags = []string{"--window", "4"}                             // so that some wait
	dice := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0)) //nolint:gosec // chance is wanted
	n, members := 0, []string{}
	next := func() call {
		n++
		c := call{key: fmt.Sprintf("call-%d", n), text: otp}
		for i := range perCall {
			c.to = append(c.to, fmt.Sprint(14200000000+n*perCall+i))
		}
		if n%3 == 0 && len(members) >= perCall {
			c.text, c.to, members = mkt, members[:perCall], members[perCall:]
		}
		return c
	}
	p := w.start()
	for i := range 2000 {
		members = append(members, fmt.Sprint(14290000000+i))
	}
	refusing := append([]string(nil), members[:]...)
	for i := 0; i < len(members); i += 1000 {
		var out any
		if status, ok := p.post("/v1/consents", map[string]any{
			"to": members[i : i+1000], "purpose": "MKT", "method": "form", "wording": "v1", "source": "test", "given_at": w.now().Add(-time.Minute).Format(time.RFC3339),
		}, &out, ""); !ok || status != http.StatusOK {
			t.Fatal(status, out)
		}
	}
	var waiting []call
	for range kills {
		until := make(chan struct{})
		timer := time.AfterFunc(time.Duration(20+dice.IntN(300))*time.Millisecond, func() { close(until) })
		refused := make(chan struct{})
		go func() { // members refuse while marketing is on its way to them
			defer close(refused)
			for range 5 {
				select {
				case <-until:
					return
				default:
				}
				ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
				_ = w.carrier.SendMO(ctx, refusing[0], "1069000001", "T") // the carrier repeats what is not acknowledged
				cancel()
				w.refusals++
				refusing = refusing[7:]
			}
		}()
		waiting = w.load(p, waiting, next, until)
		timer.Stop()
		p.kill(t)
		<-refused
		w.caughtNow()
		p = w.start()
	}
	w.caughtAll()
	for len(waiting) > 0 { // everybody asks again until there is an answer
		c := waiting[0]
		if w.send(p, c) {
			waiting = waiting[1:]
		}
	}
	w.quiet(p)
	p.stop(t)
	w.check()
}

// quiet waits until no message is on its way. Its bound only stops a test that hangs.
func (w *world) quiet(p *process) {
	w.t.Helper()
	db := w.open()
	defer db.Close() //nolint:errcheck // read only
	deadline := time.Now().Add(60 * time.Second)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		open := w.count(db, "SELECT COUNT(*) FROM message WHERE state IN ('permitted', 'queued', 'submitting')") + w.carrier.Waiting()
		if open == 0 {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%d messages and %d reports are still on their way (node %s)", open, w.carrier.Waiting(), p.ready.HTTP)
		}
		<-tick.C
	}
}

func (w *world) open() *store.DB {
	w.t.Helper()
	db, err := store.OpenSQLite(context.Background(), filepath.Join(w.dir, "zhunxin.db"), w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	return db
}

func (w *world) count(db *store.DB, query string) (n int) {
	w.t.Helper()
	err := db.Read(context.Background(), func(ctx context.Context, tx *store.Tx) error { return tx.One(ctx, query, nil, &n) })
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// check looks at the database, the carrier's own record and the evidence log.
func (w *world) check() {
	w.t.Helper()
	db := w.open()
	defer db.Close() //nolint:errcheck // read only
	w.messages(db)
	w.money(db)
	w.optOuts(db)
	w.evidence(db)
}

// messages compares what was accepted with what the carrier received.
func (w *world) messages(db *store.DB) {
	w.t.Helper()
	received, given := map[string]int{}, map[string]string{} // how often, and by which id of the carrier's
	for since := uint64(0); ; {
		list := w.carrier.Received(since, 10_000)
		if len(list) == 0 {
			break
		}
		for _, r := range list {
			since = r.Number
			received[r.Dests[0]]++
			given[r.Dests[0]] = r.MsgID
		}
	}
	states := map[string]int{}
	for to, id := range w.accepted {
		var m *sms.Message
		err := db.Read(context.Background(), func(ctx context.Context, tx *store.Tx) (err error) {
			m, err = tx.Message(ctx, id)
			return err
		})
		if err != nil {
			w.t.Fatalf("P2: message %d was accepted and is lost: %v", id, err)
		}
		states[string(m.State)]++
		n := received[to]
		delete(received, to)
		if m.Captured > 0 {
			w.charged(db, m, given[to])
		}
		switch m.State {
		case sms.Delivered, sms.Failed:
			if n != 1 {
				w.t.Errorf("P3: message %d is %s and the carrier received it %d times", id, m.State, n)
			}
		case sms.InDoubt:
			if n > 1 {
				w.t.Errorf("P3: message %d in doubt was received %d times", id, n)
			}
		case sms.Cancelled, sms.Refused, sms.Expired:
			if n != 0 {
				w.t.Errorf("P1: message %d is %s and the carrier received it", id, m.State)
			}
		default:
			w.t.Errorf("message %d is %s", id, m.State)
		}
	}
	for to := range received {
		w.t.Errorf("P1: the carrier received a message that nobody was told is accepted: …%s", to[len(to)-4:])
	}
	w.t.Logf("%d accepted: %v", len(w.accepted), states)
}

func (w *world) money(db *store.DB) {
	w.t.Helper()
	err := db.Read(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		bad, err := tx.CheckLedger(ctx)
		for _, line := range bad {
			w.t.Error("P5:", line)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	held := w.count(db, "SELECT COALESCE(SUM(held), 0) FROM message")
	onBooks := w.count(db, "SELECT COALESCE(SUM(CASE kind WHEN 'hold' THEN count WHEN 'capture' THEN -count WHEN 'release' THEN -count ELSE 0 END), 0) FROM ledger_entry WHERE account_id = (SELECT MAX(id) FROM account)")
	if held != onBooks {
		w.t.Errorf("P5: messages hold %d units, the ledger %d", held, onBooks)
	}
}

func (w *world) optOuts(db *store.DB) {
	w.t.Helper()
	// What was not acknowledged came again, so each is there, and none twice.
	for _, table := range []string{"mo", "suppression"} {
		if n, of := w.count(db, "SELECT COUNT(*) FROM "+table), w.count(db, "SELECT COUNT(DISTINCT phone_id) FROM "+table); n != w.refusals || of != w.refusals || n == 0 {
			w.t.Errorf("P4: of %d people who refused, %s has %d rows of %d", w.refusals, table, n, of)
		}
	}
	late := w.count(db, `SELECT COUNT(*) FROM suppression x JOIN message m ON m.phone_id = x.phone_id AND m.category = 'MKT' JOIN segment s ON s.message_id = m.id
		WHERE s.submit_at > x.created_at AND ',' || x.in_flight || ',' NOT LIKE '%,' || m.id || ',%'`)
	if late > 0 {
		w.t.Errorf("P4: %d marketing messages entered submitting after the opt-out", late)
	}
}

func (w *world) evidence(db *store.DB) {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, "checkpoints.txt"))
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := exec.Command(program(w.t), "evidence", "key", "--data", w.dir).Output() //nolint:gosec,noctx // our own program
	if err != nil {
		w.t.Fatal(err)
	}
	v, err := note.NewVerifier(strings.TrimSpace(string(key)))
	if err != nil {
		w.t.Fatal(err)
	}
	roots := map[int64]tlog.Hash{}
	for _, signed := range strings.Split(string(b), "\x0c\n") {
		if signed == "" {
			continue
		}
		c, err := checkpoint.Open(signed, v.Name(), v)
		if err != nil {
			w.t.Fatalf("P8: a published checkpoint: %v", err)
		}
		if old, ok := roots[c.Tree.N]; ok && old != c.Tree.Hash {
			w.t.Errorf("P8: two roots of size %d were published", c.Tree.N)
		}
		roots[c.Tree.N] = c.Tree.Hash
	}
	var leaves [][]byte
	err = db.Read(context.Background(), func(ctx context.Context, tx *store.Tx) (err error) {
		leaves, err = tx.LeavesFrom(ctx, v.Name(), 0, 1<<40)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(idx []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(idx))
		for i, x := range idx {
			out[i] = hashes[x]
		}
		return out, nil
	})
	for i, l := range leaves {
		add, err := tlog.StoredHashes(int64(i), l, reader)
		if err != nil {
			w.t.Fatal(err)
		}
		hashes = append(hashes, add...)
		if want, ok := roots[int64(i+1)]; ok {
			root, err := tlog.TreeHash(int64(i+1), reader)
			if err != nil || root != want {
				w.t.Errorf("P8: the published root of size %d is not that of the leaves (%v)", i+1, err)
			}
		}
	}
	if w.count(db, "SELECT COUNT(*) FROM evidence_leaf WHERE tree_index IS NULL") > 0 {
		w.t.Error("P8: leaves have no place after an orderly stop")
	}
}
