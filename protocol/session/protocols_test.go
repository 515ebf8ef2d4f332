package session

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zhunxin/zhunxin/protocol/smgp"
	"github.com/zhunxin/zhunxin/protocol/smpp"
)

// tongue is one protocol, as the tests that hold for all of them use it.
type tongue struct {
	name    string
	version Version
	dial    func(ctx context.Context, cfg ClientConfig, h ClientHandler) (*Client, error)
	serve   func(ctx context.Context, ln net.Listener, cfg ServerConfig, h ServerHandler) *Server
	// id is what the gateway answers, and what the client is told that it answered.
	id, known string
	busy      uint32
	refused   uint32 // the status of a login with a wrong password
	crowded   uint32 // of one connection too many
	options   func(*ClientConfig)
}

func tongues() []tongue {
	return []tongue{
		{name: "cmpp20", version: CMPP20, dial: DialCMPP, serve: ServeCMPP, id: "18446744073709551615", known: "18446744073709551615", busy: 8, refused: 3, crowded: 5},
		{name: "cmpp30", version: CMPP30, dial: DialCMPP, serve: ServeCMPP, id: "1001", known: "1001", busy: 8, refused: 3, crowded: 5},
		{name: "smgp30", version: SMGP30, dial: DialSMGP, serve: ServeSMGP, id: "0100610116170001234f", known: "0100610116170001234f", busy: 1, refused: 21, crowded: 2},
		{name: "smgp13", version: SMGP13, dial: DialSMGP, serve: ServeSMGP, id: "9123372036854775807", known: "09123372036854775807", busy: 1, refused: 21, crowded: 2},
		{name: "smpp", version: SMPP34, dial: DialSMPP, serve: ServeSMPP, id: "a1b2", known: "a1b2", busy: 0x58, refused: 0x0E, crowded: 0x0D},
		{name: "smpp hex", version: SMPP34, dial: DialSMPP, serve: ServeSMPP, id: "A1B2", known: "41394", busy: 0x58, refused: 0x0E, crowded: 0x0D, options: func(c *ClientConfig) { c.SMPP.IDs = SMPPHexThenID }},
		{name: "sgip", dial: DialSGIP, serve: ServeSGIP, busy: 11, refused: 1, crowded: 3, options: func(c *ClientConfig) { c.SGIP = SGIPOptions{Node: 3028071320, CorpID: "71320"} }},
	}
}

// speak joins a client and a gateway of a protocol in a bubble.
func speak(t *testing.T, p tongue, set func(*ClientConfig, *ServerConfig, *gateway), do func(c *Client, h *platform, g *gateway)) {
	t.Helper()
	t.Run(p.name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ln := newPipes()
			g := &gateway{account: Account{Login: "900001", Secret: "888888", Version: p.version}}
			g.submit = func(_ *Peer, _ Submit, answer func(string, uint32)) { answer(p.id, 0) }
			cc := ClientConfig{Login: "900001", Secret: "888888", Version: p.version, Window: 4, Dial: ln.dial}
			sc := ServerConfig{}
			if p.options != nil {
				p.options(&cc)
			}
			if set != nil {
				set(&cc, &sc, g)
			}
			s := p.serve(t.Context(), ln, sc, g)
			h := newPlatform()
			c, err := p.dial(t.Context(), cc, h)
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
	})
}

func TestEveryProtocolCarriesASubmit(t *testing.T) {
	for _, p := range tongues() {
		speak(t, p, nil, func(c *Client, _ *platform, g *gateway) {
			head := []byte{5, 0, 3, 77, 2, 1, 0x4f, 0x60}
			s := Submit{
				Source: "1069000001", Dests: []string{"17000000001"}, ServiceID: "HELP", Coding: 8, UDHI: true, Total: 2, Number: 1, Content: head,
				WantReport: true, ValidUntil: time.Date(2030, 1, 2, 3, 4, 5, 0, chinaTime()),
			}
			out := make(chan Outcome, 1)
			c.Submit(s, func(o Outcome) { out <- o })
			o, want := <-out, p.known
			if p.name == "sgip" {
				want = idOf(g.got[0].Sequence)
				if !strings.HasPrefix(o.ID, "3028071320-") {
					t.Errorf("id %s", o.ID)
				}
			}
			if o.Kind != Answered || o.Result != 0 || o.ID != want {
				t.Errorf("%+v, want the id %s", o, want)
			}
			got := g.got[0]
			if got.Source != s.Source || got.Dests[0] != s.Dests[0] || got.Coding != 8 || !got.UDHI || string(got.Content) != string(head) || !got.WantReport ||
				!got.ValidUntil.Equal(s.ValidUntil) {
				t.Errorf("arrived as %+v", got)
			}
			if p.name != "smpp" && p.name != "smpp hex" && got.ServiceID != "HELP" {
				t.Errorf("service %q", got.ServiceID)
			}
		})
	}
}

// The login has the first number, and no request has it again.
func TestRequestsAreNumberedAfterTheLogin(t *testing.T) {
	for _, p := range tongues() {
		speak(t, p, nil, func(c *Client, _ *platform, g *gateway) {
			<-send(c)
			<-send(c)
			first, second := g.got[0].Sequence.Count, g.got[1].Sequence.Count
			if first == 1 || p.name != "sgip" && first != 2 || second != first+1 {
				t.Errorf("%s: submits are numbered %d and %d", p.name, first, second)
			}
		})
	}
}

// SGIP's numbers are the ids of messages: two connections of one node make different ones
// in the same second.
func TestSGIPConnectionsDoNotShareIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		g := &gateway{account: Account{Login: "900001", Secret: "888888", MaxSessions: 2}, submit: accept}
		s := ServeSGIP(t.Context(), ln, ServerConfig{}, g)
		ids := map[string]bool{}
		for range 2 {
			c, err := DialSGIP(t.Context(), ClientConfig{Login: "900001", Secret: "888888", Dial: ln.dial, SGIP: SGIPOptions{Node: 3028071320}}, newPlatform())
			if err != nil {
				t.Fatal(err)
			}
			for range 10 {
				ids[(<-send(c)).ID] = true
			}
			c.Close()
			<-c.Done()
		}
		if len(ids) != 20 {
			t.Errorf("20 messages have %d ids", len(ids))
		}
		done, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Shutdown(done); err != nil {
			t.Error(err)
		}
	})
}

func TestEveryProtocolBringsReportsAndReplies(t *testing.T) {
	for _, p := range tongues() {
		if p.name == "sgip" {
			continue // by another connection: TestSGIPBringsReportsOnItsOwnConnection
		}
		speak(t, p, nil, func(c *Client, h *platform, g *gateway) {
			o := <-send(c)
			out := make(chan Outcome, 2)
			about := p.id
			if p.name == "smpp hex" {
				about = "41394" // this centre writes decimal in its receipts
			}
			g.peer().Report(Report{ID: about, Dest: "17000000001", Source: "1069000001", Stat: "UNDELIV", Err: "005", SubmitTime: "2611250101", DoneTime: "2611250102"},
				func(o Outcome) { out <- o })
			g.peer().MO(MO{Source: "17000000001", Dest: "1069000001", Coding: 8, Content: []byte{0, 'T'}}, func(o Outcome) { out <- o })
			for range 2 {
				if o := <-out; o.Kind != Answered || o.Result != 0 {
					t.Errorf("%+v", o)
				}
			}
			r := h.reports[0]
			if r.ID != o.ID || r.Dest != "17000000001" || r.Source != "1069000001" || r.Stat != "UNDELIV" || r.SubmitTime != "2611250101" {
				t.Errorf("report %+v on %s", r, o.ID)
			}
			if p.version != CMPP20 && p.version != CMPP30 && r.Err != "005" {
				t.Errorf("the network's code is %q", r.Err)
			}
			if m := h.mos[0]; m.Source != "17000000001" || m.Dest != "1069000001" || m.Coding != 8 || string(m.Content) != "\x00T" {
				t.Errorf("reply %+v", m)
			}
		})
	}
}

// What is not stored is not acknowledged as taken: the gateway hears that it shall come
// again.
func TestEveryProtocolAsksForARepetition(t *testing.T) {
	for _, p := range tongues() {
		if p.name == "sgip" {
			continue
		}
		speak(t, p, nil, func(_ *Client, h *platform, g *gateway) {
			h.store = func() bool { return false }
			out := make(chan Outcome, 1)
			g.peer().MO(MO{Source: "17000000001", Dest: "1069000001", Content: []byte("T")}, func(o Outcome) { out <- o })
			if o := <-out; o.Kind != Answered || o.Result == 0 || !o.OverSpeed {
				t.Errorf("%+v", o)
			}
		})
	}
}

func TestEveryProtocolBacksOffWhenTold(t *testing.T) {
	for _, p := range tongues() {
		speak(t, p, func(cc *ClientConfig, _ *ServerConfig, g *gateway) {
			cc.RetryStatus = []uint32{66} // this gateway's own
			n := 0
			g.submit = func(_ *Peer, _ Submit, answer func(string, uint32)) {
				if n++; n == 1 {
					answer("", p.busy)
				} else {
					answer("", 66)
				}
			}
		}, func(c *Client, _ *platform, _ *gateway) {
			for _, status := range []uint32{p.busy, 66} {
				for c.Credit() == 0 { // the bubble's clock runs
					<-time.After(time.Second)
				}
				if o := <-send(c); o.Kind != Answered || !o.OverSpeed || o.Result != status {
					t.Errorf("status %d: %+v", status, o)
				}
				if c.Credit() != 0 {
					t.Error("it goes on at once")
				}
			}
		})
	}
}

func TestEveryProtocolRefusesLogins(t *testing.T) {
	for _, p := range tongues() {
		speak(t, p, func(_ *ClientConfig, _ *ServerConfig, g *gateway) { g.account.MaxSessions = 1 }, func(c *Client, h *platform, g *gateway) {
			for _, x := range []struct {
				login, secret string
				status        uint32
			}{{"900001", "wrong", p.refused}, {"900001", "888888", p.crowded}, {"900002", "888888", cmppWrongSource}} {
				cfg := c.cfg
				cfg.Login, cfg.Secret, cfg.Pacer = x.login, x.secret, nil
				_, err := p.dial(context.Background(), cfg, h)
				var refused *LoginError
				if !errors.As(err, &refused) || refused.Status != x.status {
					t.Errorf("%s/%s: %v, want status %d", x.login, x.secret, err, x.status)
				}
			}
		})
	}
}

func TestEveryProtocolDrains(t *testing.T) {
	for _, p := range tongues() {
		speak(t, p, nil, func(c *Client, h *platform, _ *gateway) {
			out := send(c)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := c.Drain(ctx); err != nil {
				t.Errorf("drain: %v", err)
			}
			if o := <-out; o.Kind != Answered {
				t.Errorf("%+v", o)
			}
			if err := <-h.closed; err != nil {
				t.Errorf("closed: %v", err)
			}
		})
	}
}

// A peer that hangs is found out by the heartbeat; SGIP has none.
func TestEveryHeartbeatIsAnswered(t *testing.T) {
	for _, p := range tongues() {
		speak(t, p, nil, func(c *Client, _ *platform, _ *gateway) {
			<-time.After(30 * time.Minute) // of the bubble's clock
			select {
			case <-c.Done():
				if p.name != "sgip" {
					t.Error("the connection did not live")
				}
			default:
				if p.name == "sgip" {
					t.Error("an idle connection of SGIP was kept")
				}
			}
		})
	}
}

// carriers is the listener to which SGIP's gateways come.
type carriers struct {
	gateway
	store bool

	mu      sync.Mutex
	reports []Report
	mos     []MO
}

func (h *carriers) OnReport(_ *Peer, r Report, ack func(bool)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reports = append(h.reports, r)
	ack(h.store)
}

func (h *carriers) OnMO(_ *Peer, m MO, ack func(bool)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mos = append(h.mos, m)
	ack(h.store)
}

func TestSGIPBringsReportsOnItsOwnConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		sp := &carriers{gateway: gateway{account: Account{Login: "unicom", Secret: "secret"}}, store: true}
		s := ServeSGIP(t.Context(), ln, ServerConfig{}, sp)
		cfg := ClientConfig{Login: "unicom", Secret: "secret", Dial: ln.dial, SGIP: SGIPOptions{Node: 1010060}}
		if _, err := DialSGIP(t.Context(), cfg, newPlatform()); err == nil || !strings.Contains(err.Error(), "wrong login type") {
			t.Errorf("a service provider was let in: %v", err)
		}
		h := newPlatform()
		c, err := DialSGIPBack(t.Context(), cfg, h)
		if err != nil {
			t.Fatal(err)
		}
		const id = "3028071320-1125010203-7"
		out := make(chan Outcome, 1)
		for _, r := range []Report{{ID: id, Dest: "17000000001", Stat: "DELIVRD"}, {ID: id, Dest: "17000000001", Stat: "ACCEPTD"}, {ID: id, Dest: "17000000001", Stat: "UNDELIV", Err: "025"}} {
			c.Report(r, func(o Outcome) { out <- o })
			if o := <-out; o.Kind != Answered || o.Result != 0 {
				t.Errorf("%+v", o)
			}
			if got := sp.reports[len(sp.reports)-1]; got != r {
				t.Errorf("%+v arrived as %+v", r, got)
			}
		}
		c.MO(MO{Source: "17000000001", Dest: "1069000001", Content: []byte("T")}, func(o Outcome) { out <- o })
		if o := <-out; o.Result != 0 || sp.mos[0].Source != "17000000001" || sp.mos[0].ID == "" {
			t.Errorf("%+v %+v", o, sp.mos)
		}
		c.Submit(one(), func(o Outcome) { out <- o }) // the wrong direction
		if o := <-out; o.Kind != Answered || o.Result != 7 {
			t.Errorf("a submit to a service provider: %+v", o)
		}
		sp.store = false
		c.Report(Report{ID: id, Dest: "17000000001", Stat: "DELIVRD"}, func(o Outcome) { out <- o })
		if o := <-out; o.Result != 11 || !o.OverSpeed {
			t.Errorf("not stored: %+v", o)
		}
		<-time.After(2 * time.Minute) // idle: it leaves by itself
		if err := <-h.closed; err != nil {
			t.Errorf("the idle connection ended with %v", err)
		}
		done, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Shutdown(done); err != nil {
			t.Error(err)
		}
	})
}

// A client that names a later version than there is hears the document's status for it;
// its proof is looked at first, so that a stranger learns nothing.
func TestSMGPRefusesLaterVersions(t *testing.T) {
	p := tongues()[2]
	speak(t, p, nil, func(_ *Client, _ *platform, g *gateway) {
		s := &Server{handler: g, accounts: make(map[string]*sharedAccount)}
		for _, x := range []struct {
			version smgp.Version
			secret  string
			want    uint32
		}{{0x30, "888888", 0}, {0x00, "888888", 0}, {0x13, "888888", 0}, {0x40, "888888", smgp.StatusVersion}, {0x40, "wrong", smgp.StatusAuth}} {
			login := &smgp.Login{ClientID: "900001", Timestamp: 1125102030, Version: x.version, Authenticator: smgp.Authenticator("900001", x.secret, 1125102030)}
			if _, got := smgpCheck(s, login, netip.Addr{}, func(Account) bool { return true }); got != x.want {
				t.Errorf("version 0x%02x: status %d, want %d", uint8(x.version), got, x.want)
			}
		}
	})
}

// What can't be read is refused with the status of what is wrong, in the answer that its
// command has.
func TestSMPPSaysWhatItCannotRead(t *testing.T) {
	for _, x := range []struct {
		coding smpp.DataCoding
		esm    smpp.EsmClass
		text   string
		want   smpp.Status
	}{
		{smpp.CodingDefault, 0, "a\x80b", smpp.StatusSubmitFail}, // no septet
		{smpp.CodingJIS, 0, "a", smpp.StatusSubmitFail},
		{smpp.CodingDefault, smpp.EsmUDHI, "\x09", smpp.StatusInvEsmClass},
	} {
		b := &smppBinding{now: time.Now}
		data := &smpp.DataSM{DestAddr: "8617000000001", DataCoding: x.coding, EsmClass: x.esm}
		data.SetPayload([]byte(x.text))
		for _, pdu := range []smpp.PDU{&smpp.SubmitSM{DestAddr: "8617000000001", DataCoding: x.coding, EsmClass: x.esm, ShortMessage: []byte(x.text)}, data} {
			frame, err := smpp.Append(nil, smpp.StatusOK, 7, pdu)
			if err != nil {
				t.Fatal(err)
			}
			var ev event
			if err := b.decode(frame, &ev); err != nil || ev.kind != evReply {
				t.Fatalf("%+v %v", ev, err)
			}
			h, err := smpp.DecodeHeader(ev.reply)
			if err != nil || h.Status != x.want || h.Command != pdu.Command()|smpp.CmdGenericNack || h.Sequence != 7 {
				t.Errorf("coding %d, %q: %+v %v, want status %d", x.coding, x.text, h, err, x.want)
			}
		}
	}
}

// In doubt, SGIP's id is known nevertheless, because it is ours: a report that comes
// settles the doubt.
func TestSGIPKnowsTheIDOfWhatIsInDoubt(t *testing.T) {
	p := tongues()[6]
	speak(t, p, func(_ *ClientConfig, _ *ServerConfig, g *gateway) {
		g.submit = func(_ *Peer, _ Submit, answer func(string, uint32)) { answer("", NoAnswer) }
	}, func(c *Client, _ *platform, g *gateway) {
		o := <-send(c)
		synctest.Wait() // nothing else orders the gateway's list before our look at it
		if o.Kind != InDoubt || o.ID != idOf(g.got[0].Sequence) {
			t.Errorf("%+v", o)
		}
	})
}

// A gateway that drops an idle connection makes no outage.
func TestSGIPQuietCloseIsNoOutage(t *testing.T) {
	p := tongues()[6]
	speak(t, p, nil, func(c *Client, h *platform, g *gateway) {
		<-send(c)
		g.peer().Close()
		if err := <-h.closed; !errors.Is(err, ErrIdle) {
			t.Errorf("it ended with %v", err)
		}
	})
}

// SMPP's parts may be told by parameters; they arrive as a header, whatever the way.
func TestSMPPSegmentsArriveAsAHeader(t *testing.T) {
	p := tongues()[4]
	speak(t, p, func(cc *ClientConfig, _ *ServerConfig, _ *gateway) { cc.SMPP.SAR = true }, func(c *Client, _ *platform, g *gateway) {
		out := make(chan Outcome, 1)
		s := one()
		s.UDHI, s.Content = true, []byte{5, 0, 3, 77, 2, 1, 0x4f, 0x60}
		c.Submit(s, func(o Outcome) { out <- o })
		<-out
		if got := g.got[0]; !got.UDHI || string(got.Content) != string([]byte{6, 8, 4, 0, 77, 2, 1, 0x4f, 0x60}) {
			t.Errorf("%+v", got)
		}
	})
}

// A frame that is longer than the buffer of most connections arrives whole.
func TestLongFrameArrives(t *testing.T) {
	p := tongues()[4] // SMPP's message_payload
	speak(t, p, nil, func(c *Client, _ *platform, g *gateway) {
		s := one()
		s.Content = bytes.Repeat([]byte{0x4f, 0x60}, readBuffer)
		out := make(chan Outcome, 1)
		c.Submit(s, func(o Outcome) { out <- o })
		if o := <-out; o.Kind != Answered || !bytes.Equal(g.got[0].Content, s.Content) {
			t.Errorf("%+v, %d bytes arrived", o, len(g.got[0].Content))
		}
		if o := <-send(c); o.Kind != Answered {
			t.Errorf("the next: %+v", o)
		}
	})
}
