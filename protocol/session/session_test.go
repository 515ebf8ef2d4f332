package session

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zhunxin/zhunxin/protocol/cmpp"
	"github.com/zhunxin/zhunxin/protocol/smpp"
)

// pipes is a listener whose connections are in memory, so that tests run on the
// bubble's clock.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	end   chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), end: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.end:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.end) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.end:
		return nil, io.ErrClosedPipe
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// gateway is a carrier whose answers the test decides.
type gateway struct {
	account Account
	submit  func(p *Peer, s Submit, answer func(string, uint32))

	mu    sync.Mutex
	peers []*Peer
	got   []Submit
}

func (g *gateway) Account(login string, _ netip.Addr) (Account, uint32) {
	if login != g.account.Login {
		return Account{}, cmppWrongSource
	}
	return g.account, 0
}

func (g *gateway) OnOpen(p *Peer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.peers = append(g.peers, p)
}

func (g *gateway) OnSubmit(p *Peer, s Submit, answer func(string, uint32)) {
	g.mu.Lock()
	g.got = append(g.got, s)
	g.mu.Unlock()
	g.submit(p, s, answer)
}

func (g *gateway) OnClose(*Peer, error) {}

func (g *gateway) peer() *Peer {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.peers[len(g.peers)-1]
}

func (g *gateway) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.got)
}

// platform is the client's side; it keeps what it is told.
type platform struct {
	store   func() bool
	reports []Report
	mos     []MO
	credits atomic.Int64
	closed  chan error
}

func newPlatform() *platform {
	return &platform{store: func() bool { return true }, closed: make(chan error, 1)}
}

func (h *platform) OnReport(_ *Client, r Report, ack func(bool)) {
	h.reports = append(h.reports, r)
	ack(h.store())
}

func (h *platform) OnMO(_ *Client, m MO, ack func(bool)) {
	h.mos = append(h.mos, m)
	ack(h.store())
}
func (h *platform) OnCredit(*Client)             { h.credits.Add(1) }
func (h *platform) OnClose(_ *Client, err error) { h.closed <- err }

func accept(_ *Peer, s Submit, answer func(string, uint32)) {
	answer(fmt.Sprint(s.Sequence.Count+1000), 0)
}

// bench joins a client and a gateway inside a synctest bubble.
func bench(t *testing.T, set func(*ClientConfig, *ServerConfig, *gateway), do func(c *Client, h *platform, g *gateway)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		g := &gateway{account: Account{Login: "900001", Secret: "888888", Version: CMPP30}, submit: accept}
		cc := ClientConfig{Login: "900001", Secret: "888888", Version: CMPP30, Window: 4, Dial: ln.dial}
		sc := ServerConfig{}
		if set != nil {
			set(&cc, &sc, g)
		}
		s := ServeCMPP(t.Context(), ln, sc, g)
		h := newPlatform()
		c, err := DialCMPP(t.Context(), cc, h)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		do(c, h, g)
		c.Close()
		<-c.Done()
		done, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Shutdown(done); err != nil {
			t.Error(err)
		}
	})
}

func one() Submit {
	return Submit{Source: "10690000", Dests: []string{"17000000001"}, Coding: 8, Content: []byte{0x4f, 0x60}, WantReport: true}
}

// send submits and returns where the outcome will be.
func send(c *Client) <-chan Outcome {
	out := make(chan Outcome, 1)
	c.Submit(one(), func(o Outcome) { out <- o })
	return out
}

func TestSubmitIsAnswered(t *testing.T) {
	for _, v := range []Version{CMPP20, CMPP21, CMPP30} {
		bench(t, func(cc *ClientConfig, _ *ServerConfig, g *gateway) {
			cc.Version, g.account.Version = v, v
		}, func(c *Client, _ *platform, g *gateway) {
			o := <-send(c)
			if o.Kind != Answered || o.Result != 0 || o.ID != fmt.Sprint(g.got[0].Sequence.Count+1000) {
				t.Errorf("0x%02x: %+v", uint8(v), o)
			}
			got := g.got[0]
			if got.Source != "10690000" || got.Dests[0] != "17000000001" || got.Coding != 8 || !got.WantReport || len(got.Content) != 2 {
				t.Errorf("0x%02x: %+v", uint8(v), got)
			}
		})
	}
}

func TestLoginIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		g := &gateway{account: Account{Login: "900001", Secret: "888888", Version: CMPP20, MaxSessions: 1}, submit: accept}
		s := ServeCMPP(t.Context(), ln, ServerConfig{}, g)
		for _, v := range []struct {
			login, secret string
			status        uint32
		}{
			{"900001", "wrong", cmppWrongProof},
			{"900002", "888888", cmppWrongSource},
		} {
			_, err := DialCMPP(t.Context(), ClientConfig{Login: v.login, Secret: v.secret, Version: CMPP20, Dial: ln.dial}, newPlatform())
			var refused *LoginError
			if !errors.As(err, &refused) || refused.Status != v.status {
				t.Errorf("%s: %v, want status %d", v.login, err, v.status)
			}
		}
		good := ClientConfig{Login: "900001", Secret: "888888", Version: CMPP20, Dial: ln.dial}
		c, err := DialCMPP(t.Context(), good, newPlatform())
		if err != nil {
			t.Fatal(err)
		}
		var refused *LoginError
		if _, err := DialCMPP(t.Context(), good, newPlatform()); !errors.As(err, &refused) || refused.Status != cmppTooManySessions {
			t.Errorf("a second session: %v", err)
		}
		c.Close()
		<-c.Done()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestWindowIsNeverExceeded(t *testing.T) {
	var held []func(string, uint32)
	bench(t, func(_ *ClientConfig, _ *ServerConfig, g *gateway) {
		g.submit = func(_ *Peer, _ Submit, answer func(string, uint32)) { held = append(held, answer) }
	}, func(c *Client, h *platform, g *gateway) {
		var outs []<-chan Outcome
		for range 4 {
			outs = append(outs, send(c))
		}
		if o := <-send(c); o.Kind != NotWritten || !errors.Is(o.Err, ErrNoCredit) {
			t.Errorf("the fifth of a window of four: %+v", o)
		}
		synctest.Wait()
		if g.count() != 4 || c.Credit() != 0 {
			t.Fatalf("%d arrived, credit %d", g.count(), c.Credit())
		}
		held[0]("1", 0)
		<-outs[0]
		synctest.Wait()
		if c.Credit() != 1 || h.credits.Load() == 0 {
			t.Errorf("credit %d, told %d times", c.Credit(), h.credits.Load())
		}
		for _, answer := range held[1:] {
			answer("1", 0)
		}
		for _, out := range outs[1:] {
			<-out
		}
	})
}

// P3: what was written and never answered is in doubt, and is not sent again.
func TestUnansweredIsInDoubt(t *testing.T) {
	bench(t, func(cc *ClientConfig, _ *ServerConfig, g *gateway) {
		cc.ResponseTimeout = 10 * time.Second
		g.submit = func(_ *Peer, _ Submit, answer func(string, uint32)) { answer("", NoAnswer) }
	}, func(c *Client, _ *platform, g *gateway) {
		start := time.Now()
		o := <-send(c)
		if o.Kind != InDoubt || !errors.Is(o.Err, ErrTimeout) || time.Since(start) < 10*time.Second {
			t.Errorf("%+v after %s", o, time.Since(start))
		}
		if g.count() != 1 {
			t.Errorf("it was sent %d times", g.count())
		}
	})
}

func TestDroppedConnectionLeavesDoubtAndNothingTwice(t *testing.T) {
	bench(t, func(_ *ClientConfig, _ *ServerConfig, g *gateway) {
		g.submit = func(p *Peer, _ Submit, _ func(string, uint32)) { p.Close() }
	}, func(c *Client, h *platform, g *gateway) {
		if o := <-send(c); o.Kind != InDoubt {
			t.Errorf("%+v", o)
		}
		<-h.closed
		if o := <-send(c); o.Kind != NotWritten {
			t.Errorf("on a closed connection: %+v", o)
		}
		if g.count() != 1 {
			t.Errorf("%d arrived", g.count())
		}
	})
}

func TestOverSpeedBacksOff(t *testing.T) {
	refuse := true
	bench(t, func(_ *ClientConfig, _ *ServerConfig, g *gateway) {
		g.submit = func(p *Peer, s Submit, answer func(string, uint32)) {
			if refuse {
				answer("", cmppOverSpeed)
				return
			}
			accept(p, s, answer)
		}
	}, func(c *Client, _ *platform, _ *gateway) {
		if o := <-send(c); o.Kind != Answered || !o.OverSpeed {
			t.Fatalf("%+v", o)
		}
		if c.Credit() != 0 {
			t.Error("there is credit during the pause")
		}
		refuse = false
		<-time.After(minBackOff + time.Millisecond)
		if o := <-send(c); o.Kind != Answered || o.Result != 0 {
			t.Errorf("after the pause: %+v", o)
		}
	})
}

func TestPaceHolds(t *testing.T) {
	bench(t, func(cc *ClientConfig, _ *ServerConfig, _ *gateway) { cc.TPS, cc.Window = 100, 1000 },
		func(c *Client, _ *platform, g *gateway) {
			start := time.Now()
			for time.Since(start) < 5*time.Second {
				if c.Credit() == 0 {
					<-time.After(time.Millisecond)
					continue
				}
				<-send(c)
			}
			if n := g.count(); n < 490 || n > 510 {
				t.Errorf("%d in five seconds at 100 a second", n)
			}
		})
}

func TestReportIsAcknowledgedOnlyWhenStored(t *testing.T) {
	bench(t, nil, func(_ *Client, h *platform, g *gateway) {
		out := make(chan Outcome, 1)
		r := Report{ID: "77", Dest: "17000000001", Source: "10690000", Stat: "DELIVRD"}
		h.store = func() bool { return false }
		g.peer().Report(r, func(o Outcome) { out <- o })
		if o := <-out; o.Kind != Answered || !o.OverSpeed {
			t.Errorf("not stored: %+v", o)
		}
		h.store = func() bool { return true }
		<-time.After(time.Minute) // the pause after the refusal
		g.peer().Report(r, func(o Outcome) { out <- o })
		if o := <-out; o.Kind != Answered || o.Result != 0 {
			t.Errorf("stored: %+v", o)
		}
		if len(h.reports) != 2 || h.reports[1].ID != "77" || h.reports[1].Stat != "DELIVRD" || h.reports[1].Source != "10690000" {
			t.Errorf("%+v", h.reports)
		}
	})
}

func TestMOArrives(t *testing.T) {
	bench(t, nil, func(_ *Client, h *platform, g *gateway) {
		out := make(chan Outcome, 1)
		g.peer().MO(MO{Source: "17000000001", Dest: "1069000001", Content: []byte("T")}, func(o Outcome) { out <- o })
		if o := <-out; o.Kind != Answered || len(h.mos) != 1 || string(h.mos[0].Content) != "T" || h.mos[0].ID == "" {
			t.Errorf("%+v, %+v", o, h.mos)
		}
	})
}

func TestHeartbeatKeepsAnIdleLink(t *testing.T) {
	bench(t, nil, func(c *Client, h *platform, _ *gateway) {
		<-time.After(time.Hour)
		select {
		case err := <-h.closed:
			t.Fatal(err)
		default:
		}
		if o := <-send(c); o.Kind != Answered {
			t.Errorf("%+v", o)
		}
	})
}

// takeLogin lets a client of CMPP 2.0 in and then says nothing, but reads.
func takeLogin(far net.Conn) {
	if _, err := io.ReadFull(far, make([]byte, 39)); err != nil {
		return
	}
	answer, err := cmpp.Append(nil, cmpp.V20, 1, &cmpp.ConnectResp{Version: cmpp.V20})
	if err == nil {
		_, err = far.Write(answer)
	}
	if err == nil {
		_, _ = io.Copy(io.Discard, far)
	}
}

// A peer that logs in and then says nothing loses the connection.
func TestSilentPeerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		go func() {
			defer func() { _ = far.Close() }()
			takeLogin(far)
		}()
		h := newPlatform()
		_, err := DialCMPP(t.Context(), ClientConfig{
			Login: "900001", Secret: "x", Version: CMPP20,
			Dial: func(context.Context, string, string) (net.Conn, error) { return near, nil },
		}, h)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := <-h.closed; !errors.Is(err, ErrSilent) {
			t.Error(err)
		}
		if took := time.Since(start); took > 10*time.Minute {
			t.Errorf("after %s", took)
		}
	})
}

// What waits in a large window does not make a peer one that never reads: a
// heartbeat or an acknowledgement behind it must not cost the connection.
func TestWindowIsNotCountedAsUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 2 * maxQueued / 150
		near, far := net.Pipe()
		defer func() { _ = far.Close() }()
		h := newPlatform()
		go func() {
			if _, err := io.ReadFull(far, make([]byte, 39)); err != nil {
				return
			}
			for seq, pdu := range []cmpp.PDU{&cmpp.ConnectResp{Version: cmpp.V20}, &cmpp.ActiveTest{}} {
				frame, err := cmpp.Append(nil, cmpp.V20, uint32(seq+1), pdu)
				if err == nil {
					_, err = far.Write(frame)
				}
				if err != nil {
					return
				}
				<-time.After(time.Second) // the test comes behind what is queued meanwhile
			}
		}()
		c, err := DialCMPP(t.Context(), ClientConfig{
			Login: "900001", Secret: "x", Version: CMPP20, Window: n,
			Dial: func(context.Context, string, string) (net.Conn, error) { return near, nil },
		}, h)
		if err != nil {
			t.Fatal(err)
		}
		outs := []<-chan Outcome{send(c)}
		synctest.Wait() // the writer has the first and waits for the peer
		for range n - 1 {
			outs = append(outs, send(c))
		}
		<-time.After(2 * time.Second)
		select {
		case err := <-h.closed:
			t.Fatal(err)
		default:
		}
		c.Close()
		<-c.Done()
		for _, out := range outs {
			if o := <-out; o.Kind != NotWritten {
				t.Errorf("%+v", o)
			}
		}
	})
}

// A quiet peer that answers is tested at every heartbeat, also where that is shorter than
// the time that an answer may take.
func TestHeartbeatIsNotSlowedByTheResponseTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		tests := make(chan time.Time, 100)
		go func() {
			defer close(tests)
			frame := make([]byte, 1024)
			for {
				if _, err := io.ReadFull(far, frame[:4]); err != nil {
					return
				}
				n := binary.BigEndian.Uint32(frame)
				if _, err := io.ReadFull(far, frame[4:n]); err != nil {
					return
				}
				answer := append([]byte{0, 0, 0, 16, 0x80}, frame[5:16]...)
				if frame[7] == byte(smpp.CmdBindTransceiver) {
					answer = append(answer, 0) // an empty system_id
					answer[3]++
				} else {
					tests <- time.Now()
				}
				if _, err := far.Write(answer); err != nil {
					return
				}
			}
		}()
		c, err := DialSMPP(t.Context(), ClientConfig{
			Login: "900001", Secret: "x", Heartbeat: 20 * time.Second, ResponseTimeout: time.Minute,
			Dial: func(context.Context, string, string) (net.Conn, error) { return near, nil },
		}, newPlatform())
		if err != nil {
			t.Fatal(err)
		}
		last := time.Now()
		for range 5 {
			at := <-tests
			if silent := at.Sub(last); silent != 20*time.Second {
				t.Errorf("tested after a silence of %s", silent)
			}
			last = at
		}
		c.Close()
		<-c.Done()
	})
}

func TestDrainWaitsForAnswers(t *testing.T) {
	var answer func(string, uint32)
	bench(t, func(_ *ClientConfig, _ *ServerConfig, g *gateway) {
		g.submit = func(_ *Peer, _ Submit, a func(string, uint32)) { answer = a }
	}, func(c *Client, h *platform, _ *gateway) {
		out := send(c)
		synctest.Wait()
		drained := make(chan error, 1)
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour) // the test's own context is not of this bubble
		defer cancel()
		go func() { drained <- c.Drain(ctx) }()
		synctest.Wait()
		if o := <-send(c); !errors.Is(o.Err, ErrDraining) {
			t.Errorf("while draining: %+v", o)
		}
		answer("5", 0)
		if o := <-out; o.Kind != Answered || o.ID != "5" {
			t.Errorf("%+v", o)
		}
		if err := errors.Join(<-drained, <-h.closed); err != nil {
			t.Error(err)
		}
	})
}

// What a stranger may send before the login, on a real socket.
func TestBadFramesCloseTheConnection(t *testing.T) {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{account: Account{Login: "900001", Secret: "888888", Version: CMPP20}, submit: accept}
	s := ServeCMPP(t.Context(), ln, ServerConfig{LoginTimeout: 200 * time.Millisecond}, g)
	for name, bytes := range map[string][]byte{
		"length 0":        {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1},
		"4 GiB":           {255, 255, 255, 255, 0, 0, 0, 1, 0, 0, 0, 1},
		"HTTP":            []byte("GET / HTTP/1.1\r\n\r\n"),
		"unknown command": {0, 0, 0, 12, 0, 0, 9, 9, 0, 0, 0, 1},
		"no login":        {0, 0, 0, 12, 0, 0, 0, 8, 0, 0, 0, 1},
		"half a header":   {0, 0},
		"nothing":         nil,
	} {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(bytes); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(make([]byte, 100))
		var late net.Error
		if n != 0 || err == nil || errors.As(err, &late) && late.Timeout() {
			t.Errorf("%s: read %d bytes, %v", name, n, err)
		}
		_ = conn.Close()
	}
	c, err := DialCMPP(t.Context(), ClientConfig{Address: s.Addr().String(), Login: "900001", Secret: "888888", Version: CMPP20}, newPlatform())
	if err != nil {
		t.Fatal(err)
	}
	if o := <-send(c); o.Kind != Answered {
		t.Errorf("after all that: %+v", o)
	}
	if err := errors.Join(c.Drain(t.Context()), s.Shutdown(t.Context())); err != nil {
		t.Error(err)
	}
}

func FuzzValidity(f *testing.F) {
	f.Add("261124000402032+")
	f.Add("000001000000000R")
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		if at, ok := parseValidity(s, now); ok && (at.Year() < 1999 || at.Year() > 2200) {
			t.Fatal(s, at)
		}
	})
}
