package carrier

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// client keeps what the simulator delivers.
type client struct {
	reports chan session.Report
	mos     chan session.MO
	closed  chan error
}

func (h *client) OnReport(_ *session.Client, r session.Report, ack func(bool)) {
	h.reports <- r
	ack(true)
}

func (h *client) OnMO(_ *session.Client, m session.MO, ack func(bool)) {
	h.mos <- m
	ack(true)
}
func (h *client) OnCredit(*session.Client)             {}
func (h *client) OnClose(_ *session.Client, err error) { h.closed <- err }

// lab is a simulator with one connected client.
type lab struct {
	*Carrier
	handler *client
	conn    *session.Client
	record  *bytes.Buffer
	ctx     context.Context
}

func start(t *testing.T, b Behaviour) *lab {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{ctx: ctx, record: &bytes.Buffer{}}
	l.handler = &client{reports: make(chan session.Report, 100), mos: make(chan session.MO, 100), closed: make(chan error, 1)}
	cfg := Config{Accounts: []Account{{Login: "900001", Secret: "888888", Codes: []string{"10690000"}}}, Behaviour: b, Seed: 1, GatewayID: 1001}
	if l.Carrier, err = Start(ctx, ln, cfg, slog.New(slog.DiscardHandler), time.Now, l.record); err != nil {
		t.Fatal(err)
	}
	l.conn, err = session.DialCMPP(ctx, session.ClientConfig{
		Address: l.Addr().String(), Login: "900001", Secret: "888888", ResponseTimeout: 500 * time.Millisecond, Window: 16,
	}, l.handler)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.conn.Close()
		<-l.conn.Done()
		if err := l.Stop(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *lab) submit(source, text string) session.Outcome {
	out := make(chan session.Outcome, 1)
	parts, err := smstext.Split(text, 0)
	if err != nil || len(parts) != 1 {
		return session.Outcome{Err: err}
	}
	l.conn.Submit(session.Submit{
		Source: source, Dests: []string{"17000000001"}, Coding: uint8(parts[0].Coding), Content: parts[0].Content, WantReport: true,
	}, func(o session.Outcome) { out <- o })
	return <-out
}

func TestSubmitIsRecordedAnsweredAndReported(t *testing.T) {
	l := start(t, Behaviour{ReportCodes: map[string]float64{"MK:0001": 1}})
	o := l.submit("1069000001", "验证码 1234")
	if o.Kind != session.Answered || o.Result != 0 || o.ID == "" {
		t.Fatalf("%+v", o)
	}
	if r := <-l.handler.reports; r.ID != o.ID || r.Stat != "MK:0001" || r.Dest != "17000000001" || r.Source != "1069000001" {
		t.Errorf("%+v", r)
	}
	got := l.Received(0, 10)
	if len(got) != 1 || got[0].Text != "验证码 1234" || got[0].MsgID != o.ID || got[0].Fate != FateAnswered || got[0].Number != 1 {
		t.Errorf("%+v", got)
	}
}

// Whoever has an answer finds its line in the record, though the simulator may be killed now.
func TestRecordIsThereBeforeTheAnswer(t *testing.T) {
	l := start(t, Behaviour{})
	for n := 1; n <= 3; n++ {
		l.submit("1069000001", "a")
		l.Received(0, 1) // takes the lock under which lines are written
		if lines := bytes.Count(l.record.Bytes(), []byte{'\n'}); lines != n {
			t.Errorf("after %d answers there are %d lines", n, lines)
		}
	}
}

func TestMisbehaviour(t *testing.T) {
	l := start(t, Behaviour{DropAnswerRate: 1})
	if o := l.submit("1069000001", "a"); o.Kind != session.InDoubt {
		t.Errorf("a dropped answer: %+v", o)
	}
	if r := <-l.handler.reports; r.ID != l.Received(0, 1)[0].MsgID {
		t.Errorf("its report: %+v", r)
	}
	if o := l.submit("999", "a"); o.Result != dialects[CMPP].badSource {
		t.Errorf("a source of somebody else: %+v", o)
	}
	if err := l.SetBehaviour(Behaviour{DuplicateReportRate: 1, EarlyReportRate: 1}); err != nil {
		t.Fatal(err)
	}
	o := l.submit("1069000001", "a")
	if a, b := <-l.handler.reports, <-l.handler.reports; a != b || a.ID != o.ID {
		t.Errorf("twice: %+v, %+v", a, b)
	}
	if err := l.SetBehaviour(Behaviour{DisconnectRate: 1}); err != nil {
		t.Fatal(err)
	}
	if o := l.submit("1069000001", "a"); o.Kind != session.InDoubt {
		t.Errorf("a dropped connection: %+v", o)
	}
	<-l.handler.closed
}

// However often connections end before a report is written, it waits for the next.
func TestWhatIsNotWrittenCostsNoTry(t *testing.T) {
	o := &outbox{plan: newSchedule()}
	var ends []error
	d := &delivery{report: &session.Report{}, done: func(err error) { ends = append(ends, err) }}
	for _, err := range []error{io.EOF, session.ErrClosed, io.ErrUnexpectedEOF, os.ErrDeadlineExceeded, session.ErrNoCredit} {
		o.queue = nil
		o.settled(d, session.Outcome{Kind: session.NotWritten, Err: fmt.Errorf("session: %w", err)})
		if o.len() != 1 || d.tries != 0 || len(ends) != 0 {
			t.Errorf("%v: %d wait, %d tries, ended with %v", err, o.len(), d.tries, ends)
		}
	}
	for range maxTries { // what can't be encoded never gets better
		o.settled(d, session.Outcome{Kind: session.NotWritten, Err: session.ErrEncode})
	}
	if len(ends) != 1 || ends[0] == nil {
		t.Errorf("what cannot be written ended with %v", ends)
	}
}

func TestAnswerCodesByWeight(t *testing.T) {
	l := start(t, Behaviour{AnswerCodes: map[uint32]float64{0: 1, 7: 1}})
	results := map[uint32]int{}
	for range 40 {
		o := l.submit("10690000", "a")
		if results[o.Result]++; (o.Result == 0) != (o.ID != "") {
			t.Errorf("%+v", o)
		}
	}
	if len(results) != 2 || results[0] < 5 || results[7] < 5 {
		t.Errorf("answers by code: %v", results)
	}
	for range results[0] {
		<-l.handler.reports
	}
	if n := len(l.handler.reports); n > 0 {
		t.Errorf("%d reports on what was refused", n)
	}
	if err := l.SetBehaviour(Behaviour{AnswerCodes: map[uint32]float64{1000: 1}}); err == nil {
		t.Error("a status that CMPP 2.0 cannot say was taken")
	}
}

func TestLinesAreMasked(t *testing.T) {
	r := Received{Dests: []string{"17000000001"}, Text: "验证码 1234", Content: []byte("x")}
	if s := r.Line(false); !strings.Contains(s, "170****0001") || !strings.Contains(s, "8 characters") || strings.Contains(s, "1234") {
		t.Error(s)
	}
	if s := r.Line(true); !strings.Contains(s, "17000000001") || !strings.Contains(s, "1234") {
		t.Error(s)
	}
}

func TestOverSpeed(t *testing.T) {
	l := start(t, Behaviour{OverSpeedPerSecond: 3})
	var mu sync.Mutex
	refused := 0
	var all sync.WaitGroup
	for range 12 {
		all.Add(1)
		l.conn.Submit(session.Submit{Source: "10690000", Dests: []string{"17000000001"}, Content: []byte("a")}, func(o session.Outcome) {
			defer all.Done()
			mu.Lock()
			defer mu.Unlock()
			if o.OverSpeed {
				refused++
			}
		})
	}
	all.Wait()
	if refused == 0 {
		t.Error("nothing was refused at four times the speed")
	}
}

// control serves the control endpoint and gives what calls it.
func (l *lab) control(t *testing.T) func(method, path, body string) (int, string) {
	t.Helper()
	web := httptest.NewServer(l.Control())
	t.Cleanup(web.Close)
	return func(method, path, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(l.ctx, method, web.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close() //nolint:errcheck // read only
		var b bytes.Buffer
		if _, err := b.ReadFrom(resp.Body); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, b.String()
	}
}

// PATCH changes what is named and nothing else, PUT the whole.
func TestBehaviourIsPatched(t *testing.T) {
	was := Behaviour{
		Latency: Latency{Min: Duration(time.Millisecond), Median: Duration(2 * time.Millisecond)}, DropReportRate: 0.5,
		ReportCodes: map[string]float64{"DELIVRD": 9, "UNDELIV": 1}, AnswerCodes: map[uint32]float64{0: 9, 8: 1},
	}
	l := start(t, was)
	call := l.control(t)
	patched := func(body string, change func(*Behaviour)) {
		t.Helper()
		want := l.Behaviour()
		change(&want)
		if status, text := call("PATCH", "/behaviour", body); status != http.StatusOK || !reflect.DeepEqual(l.Behaviour(), want) {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	patched(`{"drop_report_rate":0}`, func(b *Behaviour) { b.DropReportRate = 0 })
	patched(`{"latency":{"median":"5ms"}}`, func(b *Behaviour) { b.Latency.Median = Duration(5 * time.Millisecond) })
	patched(`{"answer_codes":{"9":1}}`, func(b *Behaviour) { b.AnswerCodes = map[uint32]float64{9: 1} })
	patched(`{"report_codes":{}}`, func(b *Behaviour) { b.ReportCodes = map[string]float64{} })
	if len(was.AnswerCodes) != 2 || len(was.ReportCodes) != 2 {
		t.Errorf("a map in use was written: %v", was)
	}
	before := l.Behaviour()
	for _, bad := range []string{`{"drop_answer_rate":2}`, `{"nonsense":1}`, `{`, `{"answer_codes":{"1000":1}}`} {
		if status, text := call("PATCH", "/behaviour", bad); status < 400 || !strings.Contains(text, "error") || !reflect.DeepEqual(l.Behaviour(), before) {
			t.Errorf("%s: %d %s", bad, status, text)
		}
	}
	if status, text := call("PUT", "/behaviour", `{"drop_report_rate":1}`); status != http.StatusOK || !reflect.DeepEqual(l.Behaviour(), Behaviour{DropReportRate: 1}) {
		t.Errorf("%d %s", status, text)
	}
}

func TestControl(t *testing.T) {
	l := start(t, Behaviour{})
	call := l.control(t)
	if status, text := call("POST", "/mo", `{"from":"17000000001","to":"1069000001","text":"退订"}`); status != http.StatusNoContent {
		t.Error(status, text)
	}
	if m := <-l.handler.mos; m.Coding != 8 || m.Source != "17000000001" || m.Dest != "1069000001" {
		t.Errorf("%+v", m)
	}
	for _, bad := range [][2]string{
		{"PUT", `{"drop_answer_rate":2}`}, {"PUT", `{"nonsense":1}`}, {"PUT", `{`}, {"PUT", `{"latency":{"fixed":"-1s"}}`},
	} {
		if status, text := call(bad[0], "/behaviour", bad[1]); status < 400 || !strings.Contains(text, "error") {
			t.Errorf("%s: %d %s", bad[1], status, text)
		}
	}
	if status, text := call("PUT", "/behaviour", `{"latency":{"fixed":"5ms"}}`); status != http.StatusOK || l.Behaviour().Latency.Fixed != Duration(5*time.Millisecond) {
		t.Error(status, text)
	}
	l.submit("10690000", "a")
	status, text := call("GET", "/received?since=0", "")
	var list []Received
	if err := json.Unmarshal([]byte(text), &list); status != http.StatusOK || err != nil || len(list) != 1 {
		t.Error(status, text, err)
	}
	if status, _ := call("GET", "/received?since=x", ""); status != http.StatusBadRequest {
		t.Error(status)
	}
	if status, _ := call("POST", "/disconnect?login=900001", ""); status != http.StatusNoContent {
		t.Error(status)
	}
	<-l.handler.closed
}

func TestLatencySpread(t *testing.T) {
	l := Latency{Min: Duration(time.Millisecond), Median: Duration(20 * time.Millisecond), P99: Duration(200 * time.Millisecond)}
	near := func(got, want time.Duration) bool { return got > want*99/100 && got < want*101/100 }
	if got := l.at(0); !near(got, 20*time.Millisecond) {
		t.Errorf("median %s", got)
	}
	if got := l.at(z99); !near(got, 200*time.Millisecond) {
		t.Errorf("99th percentile %s", got)
	}
}

func TestBadConfig(t *testing.T) {
	good := func() Config { return Config{Accounts: []Account{{Login: "900001", Secret: "x"}}} }
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Config){
		"no accounts": func(c *Config) { c.Accounts = nil },
		"long login":  func(c *Config) { c.Accounts[0].Login = "1234567" },
		"version":     func(c *Config) { c.Accounts[0].Version = "4.0" },
		"gateway":     func(c *Config) { c.GatewayID = 1 << 22 },
		"rate":        func(c *Config) { c.DropReportRate = -1 },
		"code":        func(c *Config) { c.ReportCodes = map[string]float64{"TOOLONGCODE": 1} },
		"weight":      func(c *Config) { c.ReportCodes = map[string]float64{"DELIVRD": 0} },
		"negative":    func(c *Config) { c.ReportDelay.Max = -1 },
		"answer":      func(c *Config) { c.AnswerCodes = map[uint32]float64{256: 1} },
		"no weight":   func(c *Config) { c.AnswerCodes = map[uint32]float64{8: -1} },
		"rates":       func(c *Config) { c.DropAnswerRate, c.DisconnectRate = 0.6, 0.6 },
		"window":      func(c *Config) { c.Accounts[0].Window = 1 << 20 },
		"code letter": func(c *Config) { c.Accounts[0].Codes = []string{"106a"} },
	} {
		c := good()
		spoil(&c)
		if c.Validate() == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
