package check

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/lab/carrier"
)

// spoiled passes frames between two peers; what it is given from the one that connects or,
// with answers, from the other, goes through spoil, which may change it or drop it by nil.
func spoiled(t *testing.T, target string, answers bool, spoil func(frame []byte) []byte) string {
	t.Helper()
	ln := listening(t)
	t.Cleanup(func() { ln.Close() }) //nolint:errcheck,gosec // the end of the test
	go func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			far, err := new(net.Dialer).DialContext(t.Context(), "tcp", target)
			if err != nil {
				near.Close() //nolint:errcheck,gosec // the peer sees it
				continue
			}
			if answers {
				go pipe(near, far, spoil)
				go pipe(far, near, nil)
			} else {
				go pipe(far, near, spoil)
				go pipe(near, far, nil)
			}
		}
	}()
	return ln.Addr().String()
}

// pipe copies frames to to until either end closes.
func pipe(to, from net.Conn, spoil func([]byte) []byte) {
	defer to.Close()   //nolint:errcheck // the other side sees it
	defer from.Close() //nolint:errcheck // the other side sees it
	for {
		frame := make([]byte, 4)
		if _, err := io.ReadFull(from, frame); err != nil {
			return
		}
		if n := binary.BigEndian.Uint32(frame); n > 4 && n < 1<<17 {
			frame = append(frame, make([]byte, n-4)...)
			if _, err := io.ReadFull(from, frame[4:]); err != nil {
				return
			}
		}
		if spoil != nil {
			frame = spoil(frame)
		}
		if _, err := to.Write(frame); err != nil {
			return
		}
	}
}

func command(frame []byte) uint32 {
	if len(frame) < 8 {
		return 0
	}
	return binary.BigEndian.Uint32(frame[4:])
}

// without drops the frames of a command.
func without(cmd uint32) func([]byte) []byte {
	return func(frame []byte) []byte {
		if command(frame) == cmd {
			return nil
		}
		return frame
	}
}

// overwritten puts a byte into the frames of a command, counted from the end if negative.
func overwritten(cmd uint32, at int, v byte) func([]byte) []byte {
	return func(frame []byte) []byte {
		if command(frame) == cmd {
			if at < 0 {
				frame[len(frame)+at] = v
			} else {
				frame[at] = v
			}
		}
		return frame
	}
}

func verdict(results []Result, id string) Result {
	if i := slices.IndexFunc(results, func(r Result) bool { return r.ID == id }); i >= 0 {
		return results[i]
	}
	return Result{}
}

// A broken gateway fails the check of what is broken, and no other one of the two.
func TestBrokenGatewaysFailTheRightCheck(t *testing.T) {
	for _, x := range []struct {
		name      string
		protocol  Protocol
		behaviour carrier.Behaviour
		spoil     func([]byte) []byte
		id, sound string
		want      Verdict
	}{
		{"no heartbeat", CMPP30, carrier.Behaviour{}, without(0x80000008), "heartbeat", "submit.answer", Fail},
		{"no heartbeat", SMGP30, carrier.Behaviour{}, without(0x80000004), "heartbeat", "submit.answer", Fail},
		{"no enquire_link_resp", SMPP, carrier.Behaviour{}, without(0x80000015), "heartbeat", "submit.answer", Fail},
		{"any secret is good", CMPP30, carrier.Behaviour{}, overwritten(0x80000001, 15, 0), "login.secret", "login.good", Fail},
		{"any secret is good", SMPP, carrier.Behaviour{}, func(frame []byte) []byte {
			if command(frame) == 0x80000009 && frame[11] != 0 { // a refusal has no body: give it one
				frame = append(frame, 0)
				frame[3], frame[11] = byte(len(frame)), 0
			}
			return frame
		}, "login.secret", "login.good", Fail},
		{"CMPP's status in SMGP", SMGP30, carrier.Behaviour{}, func(frame []byte) []byte {
			if command(frame) == 0x80000001 && frame[15] == 21 {
				frame[15] = 3
			}
			return frame
		}, "login.secret", "login.good", Tolerated},
		{"another proof", CMPP20, carrier.Behaviour{}, overwritten(0x80000001, 20, 0), "login.proof", "login.good", Tolerated},
		{"no submit is good", SGIP, carrier.Behaviour{AnswerCodes: map[uint32]float64{5: 1}}, nil, "submit.answer", "login.good", Fail},
		{"no answers", SGIP, carrier.Behaviour{DropAnswerRate: 1}, nil, "window", "login.good", Fail},
		{"no ids", CMPP20, carrier.Behaviour{}, func(frame []byte) []byte {
			if command(frame) == 0x80000004 {
				clear(frame[12:20])
			}
			return frame
		}, "submit.id", "submit.answer", Fail},
		{"no reports", SMGP13, carrier.Behaviour{DropReportRate: 1}, nil, "report", "submit.answer", Fail},
		{"reports on other messages", CMPP30, carrier.Behaviour{}, overwritten(0x00000005, 12+77+7, 0xEE), "report", "mo", Fail},
		{"no reports", SGIP, carrier.Behaviour{DropReportRate: 1}, nil, "report", "mo", Fail},
		{"over-speed", CMPP30, carrier.Behaviour{OverSpeedPerSecond: 4}, nil, "window", "submit.answer", Tolerated},
		{"too long is good", CMPP30, carrier.Behaviour{}, overwritten(0x80000004, -1, 0), "submit.long", "submit.answer", Fail},
		{"no generic_nack", SMPP, carrier.Behaviour{}, without(0x80000000), "command.unknown", "heartbeat", Fail},
		{"no answer to the log-out", SMGP30, carrier.Behaviour{}, without(0x80000006), "quit", "heartbeat", Fail},
		{"a long answer to the log-out", SGIP, carrier.Behaviour{}, func(frame []byte) []byte {
			if command(frame) == 0x80000002 {
				frame = append(frame, make([]byte, 9)...)
				frame[3] = byte(len(frame))
			}
			return frame
		}, "quit", "login.good", Tolerated},
	} {
		t.Run(string(x.protocol)+" "+x.name, func(t *testing.T) {
			t.Parallel()
			o := simulated(t, x.protocol, x.behaviour)
			if x.spoil != nil {
				o.Target = spoiled(t, o.Target, true, x.spoil)
			}
			o.Only, o.Timeout, o.ReportWait = []string{x.id, x.sound}, 500*time.Millisecond, 500*time.Millisecond
			results, err := Gateway(t.Context(), o, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r := verdict(results, x.id); r.Verdict != x.want {
				t.Errorf("%s: %s, %s", x.id, r.Verdict, r.Seen)
			}
			if r := verdict(results, x.sound); r.Verdict != Pass {
				t.Errorf("%s: %s, %s", x.sound, r.Verdict, r.Seen)
			}
			if Failed(results) != (x.want == Fail) {
				t.Errorf("failed: %t", Failed(results))
			}
		})
	}
}

// A gateway that never closes fails what must close.
func TestDeafGateway(t *testing.T) {
	ln := listening(t)
	t.Cleanup(func() { ln.Close() }) //nolint:errcheck,gosec // the end of the test
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go io.Copy(io.Discard, c) //nolint:errcheck // it hears and says nothing
		}
	}()
	for _, p := range Protocols() {
		o := Options{Protocol: p, Target: ln.Addr().String(), Login: testLogin, Secret: testSecret, Timeout: 50 * time.Millisecond, Only: []string{"login.good", "login.first", "length.long"}}
		results, err := Gateway(t.Context(), o, nil)
		if err != nil || len(results) != 3 {
			t.Fatal(results, err)
		}
		for _, r := range results {
			want := Fail
			if r.ID == "length.long" { // without a login it is not made
				want = Skipped
			}
			if r.Verdict != want {
				t.Errorf("%s %s: %s, %s", p, r.ID, r.Verdict, r.Seen)
			}
		}
	}
	o := Options{Protocol: CMPP30, Target: free(t), Login: testLogin}
	if _, err := Gateway(t.Context(), o, nil); err == nil || !strings.Contains(err.Error(), "was not reached") {
		t.Errorf("nobody listens: %v", err)
	}
}

// A broken client fails the check of what is broken.
func TestBrokenClientsFailTheRightCheck(t *testing.T) {
	for _, x := range []struct {
		name     string
		protocol Protocol
		window   int
		secret   string
		spoil    func([]byte) []byte
		id       string
		want     Verdict
	}{
		{"wide window", CMPP30, 64, testSecret, nil, "client.window", Fail},
		{"wide window", SMPP, 64, testSecret, nil, "client.window", Fail},
		{"other secret", CMPP20, 16, "another", nil, "client.login", Fail},
		{"other secret", SGIP, 16, "another", nil, "client.login", Fail},
		{"other secret", SMGP30, 16, "another", nil, "client.login", Fail},
		{"other version", CMPP30, 16, testSecret, overwritten(1, 12+22, 0), "client.version", Tolerated},
		{"slow clock", SMGP30, 16, testSecret, overwritten(1, 12+25, 1), "client.login", Fail}, // the time is in its proof
		{"no heartbeat", SMGP13, 16, testSecret, without(0x80000004), "client.heartbeat", Fail},
		{"no answer to reports", CMPP20, 16, testSecret, without(0x80000005), "client.report", Fail},
		{"no answer to replies", SMPP, 16, testSecret, without(0x80000005), "client.mo", Fail},
		{"wants it again", SMGP30, 16, testSecret, overwritten(0x80000003, -1, 1), "client.report", Tolerated},
		{"no 86", SGIP, 16, testSecret, overwritten(3, 20+43, '9'), "client.submit", Fail},
	} {
		t.Run(string(x.protocol)+" "+x.name, func(t *testing.T) {
			t.Parallel()
			o := Options{
				Protocol: x.protocol, Login: testLogin, Secret: x.secret, Listen: free(t), Only: []string{x.id}, Timeout: 500 * time.Millisecond,
				ReportWait: time.Second, Return: 5 * time.Second, Hold: 500 * time.Millisecond,
			}
			address := o.Listen
			if x.spoil != nil {
				address = spoiled(t, o.Listen, false, x.spoil)
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				keepsSending(ctx, x.protocol, address, x.window)
			}()
			defer func() {
				stop()
				<-ended
			}()
			results, err := Client(t.Context(), o, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r := verdict(results, x.id); r.Verdict != x.want {
				t.Errorf("%s: %s, %s", x.id, r.Verdict, r.Seen)
			}
		})
	}
}

func TestNobodyComes(t *testing.T) {
	o := Options{Protocol: CMPP30, Listen: free(t), Login: testLogin, Secret: testSecret, Return: 20 * time.Millisecond, Only: []string{"client.login", "client.mo"}}
	results, err := Client(t.Context(), o, nil)
	if err != nil || len(results) != 2 || results[0].Verdict != Fail || results[1].Verdict != Fail || !strings.Contains(results[0].Seen, "no client came") {
		t.Errorf("%+v %v", results, err)
	}
}

// The end of the context ends a run, wherever it waits.
func TestStops(t *testing.T) {
	for _, o := range []Options{
		{Protocol: CMPP30, Listen: free(t), Login: testLogin},
		{Protocol: SMPP, Target: deaf(t), Login: testLogin, Timeout: time.Minute},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begun := time.Now()
		_, err := run(ctx, o, o.Listen != "", nil)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 5*time.Second {
			t.Errorf("it ended after %s with %v", time.Since(begun), err)
		}
	}
}

// deaf is a gateway that accepts and says nothing.
func deaf(t *testing.T) string {
	t.Helper()
	ln := listening(t)
	t.Cleanup(func() { ln.Close() }) //nolint:errcheck,gosec // the end of the test
	return ln.Addr().String()
}

func TestBadOptions(t *testing.T) {
	good := func() Options { return Options{Protocol: CMPP30, Target: "127.0.0.1:1", Login: "x"} }
	for name, spoil := range map[string]func(*Options){
		"choose one of":       func(o *Options) { o.Protocol = "cmpp40" },
		"either a target":     func(o *Options) { o.Target = "" },
		"write host:port":     func(o *Options) { o.Target = "nowhere" },
		"login is empty":      func(o *Options) { o.Login = "" },
		"window is 2000":      func(o *Options) { o.Window = 2000 },
		"timeout is":          func(o *Options) { o.Timeout = -1 },
		"fit one message":     func(o *Options) { o.Text = strings.Repeat("长", 71) },
		"eleven digits":       func(o *Options) { o.Dest = "123" },
		"there is no check":   func(o *Options) { o.Only = []string{"nonsense"} },
		"there is no check i": func(o *Options) { o.Only = []string{"idle"} }, // SGIP's
	} {
		o := good()
		spoil(&o)
		if _, err := Gateway(t.Context(), o, nil); err == nil || !strings.Contains(err.Error(), strings.TrimSuffix(name, " i")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each check has an id of its own, both titles, and a section that stands in the index.
func TestChecksAreDescribed(t *testing.T) {
	index, err := os.ReadFile("../../../spec/index.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range Protocols() {
		for _, client := range []bool{false, true} {
			seen := map[string]bool{}
			for _, r := range All(p, client) {
				if seen[r.ID] || r.ZH == "" || r.EN == "" {
					t.Errorf("%s: the id stands twice, or a title is missing", r.ID)
				}
				seen[r.ID] = true
				if s := strings.Replace(strings.Replace(r.Section, ", ", " | ", 1), " §", " | §", 1); !strings.Contains(string(index), "\n"+s+" | ") {
					t.Errorf("%s %s cites %s, which spec/index.txt lacks", p, r.ID, r.Section)
				}
			}
			if len(seen) < 15 {
				t.Errorf("%s has %d checks", p, len(seen))
			}
		}
	}
}
