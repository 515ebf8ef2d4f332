package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// debian finds a program of a Debian package, wherever the package puts it.
func debian(t *testing.T, pkg, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), needs(t, "dpkg", "Debian"), "-L", pkg).Output() //nolint:gosec // found in the path
	if err != nil {
		t.Fatalf("this test runs %s: install Debian's package %s (%v)", name, pkg, err)
	}
	for _, path := range strings.Fields(string(out)) {
		if filepath.Base(path) == name && filepath.Base(filepath.Dir(path)) != name {
			return path
		}
	}
	t.Fatalf("%s has no %s", pkg, name)
	return ""
}

// box is a running program of Kannel and what it logs.
type box struct {
	cmd  *exec.Cmd
	done chan struct{}
	mu   sync.Mutex
	log  bytes.Buffer
}

func (b *box) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log.Write(p)
}

func (b *box) said(what string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Contains(b.log.Bytes(), []byte(what))
}

// run starts a box. Nothing ties it to the test, so the kernel is told to end it with us.
func run(t *testing.T, path string, args ...string) *box {
	t.Helper()
	b := &box{cmd: exec.Command(path, args...), done: make(chan struct{})} //nolint:gosec,noctx // ended below
	b.cmd.Stdout, b.cmd.Stderr, b.cmd.Dir = b, b, t.TempDir()
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = b.cmd.Wait() // how it ends does not matter
		close(b.done)
	}()
	t.Cleanup(func() {
		_ = b.cmd.Process.Kill()
		<-b.done
		if log := b.log.Bytes(); t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(path), log[max(0, len(log)-8000):])
		}
	})
	return b
}

// freePort is a port that was free a moment ago. It is below those that outgoing
// connections get: one of them, even one to the port itself before somebody listens
// there, would take it away.
func freePort(t *testing.T) int {
	t.Helper()
	const low, high = 20_000, 32_000
	for range 100 {
		port := low + rand.IntN(high-low)
		ln, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)) //nolint:noctx // a test's listener
		if err == nil {
			_ = ln.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// eventually waits until a condition holds that has no channel of its own.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

const kannelConfig = `
group = core
admin-port = %[1]d
admin-interface = 127.0.0.1
admin-password = kannel
smsbox-port = %[2]d
smsbox-interface = 127.0.0.1
dlr-storage = internal
log-level = 0

group = smsc
smsc = smpp
smsc-id = zhunxin
host = 127.0.0.1
port = %[4]d
transceiver-mode = true
interface-version = 34
system-type = ""
smsc-username = %[6]s
smsc-password = %[7]s
source-addr-autodetect = true
dest-addr-ton = 1
dest-addr-npi = 1
enquire-link-interval = 1
reconnect-delay = 1

group = smsbox
smsbox-id = interop
bearerbox-host = 127.0.0.1
bearerbox-port = %[2]d
sendsms-port = %[3]d
sendsms-interface = 127.0.0.1
log-level = 0

group = smsbox-route
smsbox-id = interop
smsc-id = zhunxin

group = sendsms-user
username = tester
password = tester
concatenation = true
max-messages = 10

group = sms-service
keyword = default
catch-all = true
max-messages = 0
get-url = "http://127.0.0.1:%[5]d/mo?from=%%p&to=%%P&text=%%b&coding=%%c&charset=%%C"
`

// kannel is bearerbox and smsbox, joined to a server of ours.
type kannel struct {
	bearer *box
	admin  int
	send   string          // of smsbox
	calls  chan url.Values // what smsbox calls us with: receipts and messages from handsets
	web    string
}

func startKannel(t *testing.T, smpp int) *kannel {
	t.Helper()
	k := &kannel{admin: freePort(t), calls: make(chan url.Values, queue)}
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { k.calls <- r.URL.Query() }))
	t.Cleanup(web.Close)
	k.web = web.URL
	smsbox, sendsms := freePort(t), freePort(t)
	k.send = fmt.Sprintf("http://127.0.0.1:%d/cgi-bin/sendsms", sendsms)
	conf := filepath.Join(t.TempDir(), "kannel.conf")
	text := fmt.Sprintf(kannelConfig, k.admin, smsbox, sendsms, smpp, portOf(web.Listener.Addr()), login, secret)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	k.bearer = run(t, debian(t, "kannel", "bearerbox"), conf)
	eventually(t, "bearerbox listens", func() bool { return reachable(smsbox) })
	run(t, debian(t, "kannel", "smsbox"), conf)
	eventually(t, "smsbox listens", func() bool { return reachable(sendsms) })
	eventually(t, "smsbox is known to bearerbox", func() bool { return k.bearer.said("boxc_id <interop>") })
	return k
}

func reachable(port int) bool {
	conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port)) //nolint:noctx // loopback
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func (k *kannel) get(t *testing.T, u string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// sms has smsbox send a Chinese text.
func (k *kannel) sms(t *testing.T, text string) {
	t.Helper()
	q := url.Values{
		"username": {"tester"}, "password": {"tester"}, "from": {access}, "to": {"86" + handset}, "text": {text}, "coding": {"2"}, "charset": {"UTF-8"},
		"dlr-mask": {"3"}, "dlr-url": {k.web + "/dlr?type=%d&to=%p&id=%F"},
	}
	if said := k.get(t, k.send+"?"+q.Encode()); !strings.HasPrefix(said, "0: Accepted") {
		t.Fatalf("smsbox says %q", said)
	}
}

func TestKannelIsOurCustomer(t *testing.T) {
	h := newCentre(session.SMPP34, func(n int) string { return fmt.Sprint("zx", n) })
	wire := &tap{Listener: listen(t)}
	s := shut(t, session.ServeSMPP(context.Background(), wire, session.ServerConfig{Heartbeat: 50 * time.Millisecond}, h))
	k := startKannel(t, portOf(s.Addr()))
	peer := take(t, h.opened, "the connection")

	k.sms(t, hello)
	m := take(t, h.submits, "a submit")
	if text, err := smstext.Decode(smstext.Coding(m.Coding), m.Content); err != nil || text != hello || m.Source != access || m.Dests[0] != handset || !m.WantReport {
		t.Errorf("submit %+v: %q %v", m, text, err)
	}
	out := make(chan session.Outcome, 1)
	report := session.Report{ID: take(t, h.ids, "an id"), Dest: handset, Source: access, Stat: "DELIVRD", SubmitTime: "2611250101", DoneTime: "2611250102"}
	peer.Report(report, func(o session.Outcome) { out <- o })
	must(t, take(t, out, "the answer to a receipt"))
	if q := take(t, k.calls, "the receipt"); q.Get("type") != "1" || q.Get("to") != "86"+handset || q.Get("id") != "zx1" {
		t.Errorf("receipt %v", q)
	}

	peer.MO(session.MO{Source: handset, Dest: access, Coding: 8, Content: utf16be("退订")}, func(o session.Outcome) { out <- o })
	must(t, take(t, out, "the answer to a message"))
	q := take(t, k.calls, "a message from a handset")
	if text, err := smstext.Decode(smstext.UCS2, []byte(q.Get("text"))); err != nil || text != "退订" || q.Get("from") != "+86"+handset || q.Get("to") != access || q.Get("coding") != "2" {
		t.Errorf("message %v: %q %v", q, text, err)
	}

	k.sms(t, essay())
	if got := join(t, h); got != essay() {
		t.Error(got)
	}
	// Both have tested each other meanwhile, and answered.
	test, answer := "\x00\x00\x00\x10\x00\x00\x00\x15", "\x00\x00\x00\x10\x80\x00\x00\x15"
	eventually(t, "both have answered a test", func() bool {
		return wire.saw(&wire.out, test) && wire.saw(&wire.in, answer) && wire.saw(&wire.in, test) && wire.saw(&wire.out, answer)
	})
	none(t, h.closed, "ends")

	k.get(t, fmt.Sprintf("http://127.0.0.1:%d/shutdown?password=kannel", k.admin))
	if err := take(t, h.closed, "the end"); !errors.Is(err, session.ErrPeerQuit) {
		t.Errorf("ended with %v", err)
	}
	take(t, k.bearer.done, "the end of bearerbox")
}

// tap keeps what passes over the connections of a listener.
type tap struct {
	net.Listener
	mu      sync.Mutex
	in, out bytes.Buffer
}

func (l *tap) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return tapped{conn, l}, err
}

func (l *tap) keep(b *bytes.Buffer, p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b.Write(p)
}

func (l *tap) saw(b *bytes.Buffer, what string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(b.Bytes(), []byte(what))
}

type tapped struct {
	net.Conn
	tap *tap
}

func (c tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.tap.keep(&c.tap.in, p[:n])
	return n, err
}

func (c tapped) Write(p []byte) (int, error) {
	c.tap.keep(&c.tap.out, p)
	return c.Conn.Write(p)
}

// join takes the parts of one long message and is its text. Kannel wants a receipt of the
// first part alone.
func join(t *testing.T, h *centre) string {
	t.Helper()
	var got strings.Builder
	for number := 1; ; number++ {
		s := take(t, h.submits, "a part")
		u, body, err := smstext.ParseUDH(s.Content)
		if err != nil || !s.UDHI || int(u.Number) != number || s.WantReport != (number == 1) {
			t.Fatalf("part %d came as %+v, %+v: %v", number, s, u, err)
		}
		text, err := smstext.Decode(smstext.Coding(s.Coding), body)
		if err != nil {
			t.Fatal(err)
		}
		got.WriteString(text)
		if u.Number == u.Total {
			return got.String()
		}
	}
}

// drive_smpp is Kannel's own test centre. It knows no transceivers, so we bind to it
// twice; its ids are empty, and a parameter of its messages names one of receipts.
func TestKannelIsOurCentre(t *testing.T) {
	hold(t)
	const messages = 3
	port := freePort(t)
	drive := run(t, debian(t, "kannel-extras", "drive_smpp"), "-v", "0", "-p", fmt.Sprint(port), "-m", fmt.Sprint(messages))
	eventually(t, "drive_smpp says that it starts", func() bool { return drive.said("Starting drive_smpp test") })

	cfg := session.ClientConfig{Address: fmt.Sprint("127.0.0.1:", port), Login: login, Secret: secret}
	bind := func(as session.SMPPBind) (*session.Client, *platform) {
		h := newPlatform()
		cfg.SMPP.Bind = as
		var c *session.Client
		eventually(t, "drive_smpp listens", func() (ok bool) {
			var err error
			c, err = session.DialSMPP(t.Context(), cfg, h)
			return err == nil
		})
		t.Cleanup(func() {
			c.Close()
			<-c.Done()
		})
		return c, h
	}
	sender, _ := bind(session.SMPPTransmitter)
	_, h := bind(session.SMPPReceiver)

	for i := range messages {
		m := take(t, h.mos, "a message from a handset")
		if m.Source != "456" || m.Dest != "123" || string(m.Content) != fmt.Sprint(i+1) || m.Coding != 0 {
			t.Errorf("message %+v", m)
		}
		text := fmt.Sprint("hello ", i+1)
		o := must(t, send(t, sender, session.Submit{Source: access, Dests: []string{handset}, Content: []byte(text), WantReport: true}))
		if o.ID != "" {
			t.Errorf("outcome %+v", o)
		}
		eventually(t, "drive_smpp has the text", func() bool { return drive.said("submit_sm: short_message = <" + text + ">") })
	}
	eventually(t, "drive_smpp has counted all", func() bool {
		return drive.said("ESME has submitted all messages to SMSC.") && drive.said("All messages sent to ESME.")
	})
	if err := sender.Drain(bounded(t)); err != nil { // the end of either connection ends drive_smpp
		t.Error(err)
	}
	if drive.said("Unhandled SMPP PDU") || drive.said("unpacking failed") || drive.said("garbage") {
		t.Error("drive_smpp did not understand all")
	}
}

// hold listens where drive_smpp, three seconds after its first connection, looks for a
// bearerbox, without which it ends. If somebody does already, that is as good: it only reads.
func hold(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:13001") //nolint:noctx // the port is drive_smpp's own
	if errors.Is(err, syscall.EADDRINUSE) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
}
