package app

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/evidence/bundle"
	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/lab/carrier"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// node is a whole platform with a simulated carrier, both on real sockets.
type node struct {
	*Platform
	t       *testing.T
	addrs   Addresses
	base    string
	key     string
	cmpp    string
	secret  string
	carrier *carrier.Carrier
	once    sync.Once

	carrierOnce sync.Once
}

// midMorning makes a folder whose clock lands at ten in Shanghai, whatever the hour.
func midMorning(t *testing.T, dir string) *folder {
	t.Helper()
	f, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	local := now.In(time.FixedZone("CST", 8*60*60))
	at := time.Date(local.Year(), local.Month(), local.Day(), 10, 0, 0, 0, local.Location())
	if c, err := f.readClock(); err != nil || c.OffsetMS != 0 {
		return f // used before
	}
	b, err := json.Marshal(clock{OffsetMS: at.Sub(now).Milliseconds()})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, fileClock), b, 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func everywhere(t *testing.T, test func(n *node)) {
	t.Helper()
	everywhereWith(t, config.Default(), test)
}

func everywhereWith(t *testing.T, cfg config.Config, test func(n *node)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(start(t, cfg))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		cfg := cfg
		cfg.Database.Kind = "postgres"
		cfg.Database.DSNFile = filepath.Join(t.TempDir(), "dsn")
		if err := os.WriteFile(cfg.Database.DSNFile, []byte(storetest.DSN(t)), 0o600); err != nil {
			t.Fatal(err)
		}
		test(start(t, cfg))
	})
}

func start(t *testing.T, cfg config.Config) *node {
	t.Helper()
	return startIn(t, t.TempDir(), cfg)
}

// testLogger, when set, is what the next node logs to.
var testLogger *slog.Logger

// startIn starts on a folder that may have been used before.
func startIn(t *testing.T, dir string, cfg config.Config) *node {
	t.Helper()
	return joinIn(t, dir, cfg, nil)
}

// joinIn starts a node beside another one, whose carrier it uses, or with a carrier
// of its own.
func joinIn(t *testing.T, dir string, cfg config.Config, beside *node) *node {
	t.Helper()
	cfg.Data = dir
	cfg.HTTP.Listen, cfg.CMPP.Listen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Evidence.Every = 50 * time.Millisecond
	f := midMorning(t, cfg.Data)
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	if testLogger != nil {
		logger = testLogger
	} else if testing.Verbose() {
		logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	p, err := Open(t.Context(), cfg, f, logger)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{Platform: p, t: t}
	if beside != nil {
		n.carrier = beside.carrier
	} else {
		ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test's listener
		if err != nil {
			t.Fatal(err)
		}
		n.carrier, err = carrier.Start(context.Background(), ln, carrier.Config{
			Accounts: []carrier.Account{{Login: simLogin, Secret: simSecret, Sessions: 8, Window: 64, Codes: []string{storyCode}}},
		}, logger, p.Now, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.stopCarrier)
	}
	t.Cleanup(n.stopNode)
	n.fill(cfg.Node == emptyNode)
	return n
}

// emptyNode is the number of a node that begins without the seeded chain.
const emptyNode = 99

// bare starts a node with an empty database.
func bare(t *testing.T) *node {
	t.Helper()
	cfg := config.Default()
	cfg.Node = emptyNode
	return start(t, cfg)
}

// fill seeds the chain, unless the node begins empty, and lets customers in.
func (n *node) fill(empty bool) {
	n.t.Helper()
	if empty {
		addrs, err := n.Listen(n.t.Context())
		if err != nil {
			n.t.Fatal(err)
		}
		n.addrs = addrs
		n.base = "http://" + addrs.HTTP.String()
		return
	}
	t, p := n.t, n.Platform
	seed, err := p.seed(t.Context(), mobile(n.carrier.Addr().String()), 2, 16, 100*sms.Yuan)
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := p.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n.addrs, n.base = addrs, "http://"+addrs.HTTP.String()
	if addrs.of("cmpp") != "" {
		n.cmpp = addrs.of("cmpp")
	}
	if n.key, err = p.openText(seed.Key); err != nil {
		t.Fatal(err)
	}
	if n.secret, err = p.openText(seed.Secret); err != nil {
		t.Fatal(err)
	}
}

// stop ends the node and its carrier, each once.
func (n *node) stop() {
	n.stopNode()
	n.stopCarrier()
}

func (n *node) stopNode() {
	n.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
		defer cancel()
		if err := n.Stop(ctx); err != nil {
			n.t.Error(err)
		}
	})
}

func (n *node) stopCarrier() {
	n.carrierOnce.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
		defer cancel()
		if err := n.carrier.Stop(ctx); err != nil {
			n.t.Error(err)
		}
	})
}

// do calls the API and decodes the answer.
func (n *node) do(method, path string, body, out any, headers ...string) int {
	n.t.Helper()
	var sent []byte
	if body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			n.t.Fatal(err)
		}
	}
	status, b := n.fetch(method, path, sent, headers...)
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			n.t.Fatalf("%s %s: %d %s", method, path, status, b)
		}
	}
	return status
}

type answer struct {
	Results []struct {
		MessageID sms.ID    `json:"message_id"`
		State     sms.State `json:"state"`
		Code      sms.Code  `json:"code"`
		Rule      string    `json:"rule"`
	} `json:"results"`
	Code  sms.Code `json:"code"`
	Field string   `json:"field"`
}

func (n *node) send(text string, to ...string) answer {
	n.t.Helper()
	recipients := make([]map[string]string, len(to))
	for i := range to {
		recipients[i] = map[string]string{"to": to[i]}
	}
	var a answer
	if status := n.do(http.MethodPost, "/v1/messages", map[string]any{"text": text, "recipients": recipients}, &a); status != http.StatusOK {
		n.t.Fatalf("%d %+v", status, a)
	}
	return a
}

type messageView struct {
	State    sms.State `json:"state"`
	Code     string    `json:"code"`
	Charged  int       `json:"charged"`
	Segments []struct {
		UpstreamID string `json:"upstream_id"`
		Stat       string `json:"stat"`
	} `json:"segments"`
}

// until waits for a message's state. Its bound only stops a test that hangs.
func (n *node) until(id sms.ID, want sms.State) messageView {
	n.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		var m messageView
		n.do(http.MethodGet, "/v1/messages/"+id.String(), nil, &m)
		if m.State == want {
			return m
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("message %d is %s (%s), not %s", id, m.State, m.Code, want)
		}
		<-tick.C
	}
}

func (n *node) agree(to string) {
	n.t.Helper()
	var problem map[string]any
	if status := n.do(http.MethodPost, "/v1/consents", map[string]any{
		"to": []string{to}, "purpose": "MKT", "method": "form", "wording": "v1", "source": "shop", "given_at": n.Now().Add(-time.Minute).Format(time.RFC3339),
	}, &problem); status != http.StatusOK {
		n.t.Fatal(problem)
	}
}

const (
	otpText = "【准信示例】您的验证码是246810，5分钟内有效。"
	mktText = "【准信示例】会员日全场八折，仅限今日，拒收请回复R"
	member  = "14200000001"
	other   = "14200000002"
)

// The whole way: decided, charged, submitted, reported, refused after the opt-out,
// and proved by the file and the key alone.
func TestTheWholeWay(t *testing.T) {
	everywhere(t, func(n *node) {
		code := n.send(otpText, member).Results[0]
		if m := n.until(code.MessageID, sms.Delivered); m.Charged != 1 || len(m.Segments) != 1 || m.Segments[0].Stat != "DELIVRD" {
			n.t.Errorf("%+v", m)
		}
		n.agree(member)
		offer := n.send(mktText, member, other)
		if r := offer.Results[1]; r.State != sms.Refused || r.Code != sms.ConsentMissing {
			n.t.Errorf("without consent: %+v", r)
		}
		n.until(offer.Results[0].MessageID, sms.Delivered)
		if err := n.carrier.SendMO(n.t.Context(), member, storyCode+storyDigits, "T"); err != nil {
			n.t.Fatal(err)
		}
		if r := n.send(mktText, member).Results[0]; r.State != sms.Refused || r.Rule == "" {
			n.t.Errorf("after the opt-out: %+v", r)
		}
		var feed struct {
			Events []struct{ Kind, Text string } `json:"events"`
			Cursor string                        `json:"cursor"`
		}
		deadline := time.Now().Add(30 * time.Second)
		for kinds := ""; kinds != "reportreportmooptout"; {
			n.do(http.MethodGet, "/v1/events?wait=5", nil, &feed)
			kinds = ""
			for _, e := range feed.Events {
				kinds += e.Kind
			}
			if time.Now().After(deadline) {
				n.t.Fatalf("%+v", feed)
			}
		}
		if feed.Events[2].Text != "T" {
			n.t.Errorf("%+v", feed.Events[2])
		}
		n.prove(offer.Results[0].MessageID, mktText)
		n.prove(code.MessageID, otpText)
	})
}

// request calls the API; the answer's body is to be read and closed.
func (n *node) request(method, path string, body []byte, headers ...string) *http.Response {
	n.t.Helper()
	req, err := http.NewRequestWithContext(n.t.Context(), method, n.base+path, bytes.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+n.key)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	return resp
}

// fetch calls the API and returns whatever it says.
func (n *node) fetch(method, path string, body []byte, headers ...string) (int, []byte) {
	n.t.Helper()
	resp := n.request(method, path, body, headers...)
	defer resp.Body.Close() //nolint:errcheck // read to its end
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return resp.StatusCode, b
}

// raw is fetch, whatever the status.
func (n *node) raw(method, path string, body []byte) []byte {
	n.t.Helper()
	_, b := n.fetch(method, path, body)
	return b
}

// pack gets a message's evidence over the API.
func (n *node) pack(id sms.ID, query string) []byte {
	n.t.Helper()
	status, pack := n.fetch(http.MethodGet, "/v1/messages/"+id.String()+"/evidence"+query, nil)
	if status != http.StatusOK {
		n.t.Fatalf("%d %s", status, pack)
	}
	return pack
}

func (n *node) prove(id sms.ID, text string) {
	n.t.Helper()
	pack := n.pack(id, "")
	_, vkey := n.Evidence.Log()
	r, err := bundle.Verify(pack, bundle.Options{Key: vkey, Phone: "86" + member, Text: text})
	if err != nil {
		n.t.Fatalf("%v\n%s", err, pack)
	}
	if len(r.SeenBy) != 0 || len(r.Asserted) != 3 {
		n.t.Errorf("%+v", r)
	}
}
