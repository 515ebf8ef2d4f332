package interop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/zhunxin/zhunxin/apptest/interop/rawpeer"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// The reference's Bind, seen from an independent program on the wire.
const sgipBind = `0000003d 00000001 b47cb398 42f128e6 00000001 01 66616b656e616d65 0000000000000000
	31323334 000000000000000000000000 0000000000000000`

const (
	sgipNode = 3028071320 // 0xb47cb398
	sgipTime = 0x42F128E6 // 11-23 10:09:02

	sgipSubmit, sgipSubmitResp = 3, 0x80000003
	sgipDeliver, sgipReport    = 4, 5
	sgipUserRpt                = 0x11
	sgipAnswer                 = 0x80000000
)

// sgipConfig is our side under the reference's clock, node and account.
func sgipConfig() session.ClientConfig {
	return session.ClientConfig{
		Login: "fakename", Secret: "1234", ServiceID: "HELP", SGIP: session.SGIPOptions{Node: sgipNode, CorpID: "71320"}, Now: at(11, 23, 10, 9, 2),
	}
}

// sgipMessage is a submit's frame, from its header on.
func sgipMessage(h rawpeer.SGIPHeader, udhi uint8, content string) []any {
	return []any{
		h,
		rawpeer.SGIPSubmitStart{Source: rawpeer.T21(access), Charge: rawpeer.T21("000000000000000000000"), Count: 1},
		rawpeer.T21("86" + handset),
		rawpeer.SGIPSubmitEnd{
			Corp: rawpeer.T5("71320"), Service: rawpeer.T10("HELP"), FeeType: 1, FeeValue: rawpeer.T6("0"), GivenValue: rawpeer.T6("0"), Morelate: 2,
			ReportFlag: 1, UDHI: udhi, Coding: 8, Length: uint32(len(content)), //nolint:gosec // short
		},
		content,
		[8]byte{},
	}
}

// sgipHeader reads a header and demands that it is of our node and time.
func (r *raw) sgipHeader(frame []byte, command uint32) rawpeer.SGIPHeader {
	r.t.Helper()
	var h rawpeer.SGIPHeader
	if _, err := rawpeer.Unpack(frame, &h); err != nil {
		r.t.Fatal(err)
	}
	if h.Command != command || h.Node != sgipNode || h.Time != sgipTime {
		r.t.Fatalf("header %+v", h)
	}
	return h
}

// answerSGIP writes the answer that copies a request's number.
func (r *raw) answerSGIP(h rawpeer.SGIPHeader, result uint8) {
	r.t.Helper()
	h.Command |= sgipAnswer
	r.send(h, rawpeer.SGIPResp{Result: result})
}

func TestSGIPGateway(t *testing.T) {
	c, h, r := accept(t, sgipConfig(), session.DialSGIP, func(r *raw) {
		r.wantHex(sgipBind)
		r.write(unhex(t, "0000001d 80000001 b47cb398 42f128e6 00000001 00 0000000000000000"))
	})
	out := outcome(c, session.Submit{Source: access, Dests: []string{handset}, Coding: 8, Content: []byte(six), WantReport: true})
	frame := r.read()
	head := r.sgipHeader(frame, sgipSubmit)
	if want := rawpeer.Pack(sgipMessage(head, 0, six)...); len(frame) != 170 || !slices.Equal(frame, want) {
		t.Errorf("read %d bytes\n%x, not\n%x", len(frame), frame, want)
	}
	r.answerSGIP(head, 0)
	if o := must(t, take(t, out, "an answer")); o.ID != fmt.Sprintf("%d-%d-%d", uint32(sgipNode), 1123100902, head.Count) {
		t.Errorf("outcome %+v", o)
	}

	out = outcome(c, session.Submit{Source: access, Dests: []string{handset}, Coding: 8, UDHI: true, Content: []byte("\x05\x00\x03\x2a\x02\x01" + six), WantReport: true})
	frame = r.read()
	next := r.sgipHeader(frame, sgipSubmit)
	if want := rawpeer.Pack(sgipMessage(next, 1, "\x05\x00\x03\x2a\x02\x01"+six)...); next.Count != head.Count+1 || !slices.Equal(frame, want) {
		t.Errorf("after %d read\n%x, not\n%x", head.Count, frame, want)
	}
	r.answerSGIP(next, 11)
	if o := take(t, out, "an answer"); o.Result != 11 || !o.OverSpeed {
		t.Errorf("outcome %+v", o)
	}

	// A message in the wrong direction is refused and does not cost the connection.
	r.send(rawpeer.SGIPHeader{Command: sgipDeliver, Node: 1, Time: 2, Count: 3}, rawpeer.SGIPDeliver{User: rawpeer.T21("86" + handset), Dest: rawpeer.T21(access)}, [8]byte{})
	r.wantHex("0000001d 80000004 00000001 00000002 00000003 07 0000000000000000")
	leave(t, c, h, func() {
		frame := r.read()
		if r.sgipHeader(frame, 2); len(frame) != 20 {
			t.Errorf("Unbind %x", frame)
		}
		frame[4] = 0x80 // its answer
		r.write(frame)
	})
}

func TestSGIPGatewayRefusesTheLogin(t *testing.T) {
	ln := listen(t)
	defer func() { _ = ln.Close() }()
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		if _, err := (rawpeer.Conn{Conn: conn, Patience: patience}).ReadFrame(); err == nil {
			_, _ = conn.Write(unhex(t, "0000001d 80000001 b47cb398 42f128e6 00000001 01 0000000000000000"))
		}
	}()
	cfg := sgipConfig()
	cfg.Address = ln.Addr().String()
	_, err := session.DialSGIP(t.Context(), cfg, newPlatform())
	var refused *session.LoginError
	if !errors.As(err, &refused) || refused.Status != 1 {
		t.Errorf("%v", err)
	}
}

// provider is our listener for what SGIP's gateways bring.
type provider struct {
	*centre
	reports chan session.Report
	mos     chan session.MO
}

func (p *provider) OnReport(_ *session.Peer, r session.Report, ack func(bool)) {
	p.reports <- r
	ack(true)
}

func (p *provider) OnMO(_ *session.Peer, m session.MO, ack func(bool)) {
	p.mos <- m
	ack(true)
}

func sgipCentre() *centre {
	h := newCentre(0, func(int) string { return "" })
	h.account.Login, h.account.Secret = "fakename", "1234"
	return h
}

// bindSGIP logs in with the reference's Bind, of another type if one is given.
func bindSGIP(t *testing.T, s *session.Server, as uint8, result uint8) *raw {
	t.Helper()
	r := call(t, s)
	frame := unhex(t, sgipBind)
	frame[20] = as
	r.write(frame)
	r.wantHex(fmt.Sprintf("0000001d 80000001 b47cb398 42f128e6 00000001 %02x 0000000000000000", result))
	return r
}

// The gateway's own connection: reports, messages and subscribers' standing.
func TestSGIPGatewayCallsBack(t *testing.T) {
	p := &provider{centre: sgipCentre(), reports: make(chan session.Report, queue), mos: make(chan session.MO, queue)}
	s := shut(t, session.ServeSGIP(context.Background(), listen(t), session.ServerConfig{}, p))
	r := bindSGIP(t, s, 2, 0)
	for i, c := range []struct {
		state, err uint8
		want       session.Report
	}{
		{0, 0, session.Report{Stat: "DELIVRD"}}, {1, 0, session.Report{Stat: "ACCEPTD"}}, {2, 25, session.Report{Stat: "UNDELIV", Err: "025"}},
	} {
		count := uint32(100 + i) //nolint:gosec // small
		r.send(rawpeer.SGIPHeader{Command: sgipReport, Node: 4_000_000_000, Time: sgipTime, Count: count}, rawpeer.SGIPReport{
			Node: sgipNode, Time: sgipTime, Count: 2, User: rawpeer.T21("86" + handset), State: c.state, Error: c.err,
		})
		c.want.ID, c.want.Dest = "3028071320-1123100902-2", handset
		if got := take(t, p.reports, "a report"); got != c.want {
			t.Errorf("report %+v, not %+v", got, c.want)
		}
		r.wantHex(fmt.Sprintf("0000001d 80000005 ee6b2800 42f128e6 %08x 00 0000000000000000", count))
	}

	message := rawpeer.Pack(rawpeer.SGIPHeader{Command: sgipDeliver, Node: 4_000_000_000, Time: sgipTime, Count: 7},
		rawpeer.SGIPDeliver{User: rawpeer.T21("86" + handset), Dest: rawpeer.T21(access), Coding: 8, Length: 2}, "\x90\x00", [8]byte{})
	if len(message) != 79 {
		t.Errorf("the reference's length is 79, not %d", len(message))
	}
	r.write(message)
	if m := take(t, p.mos, "a message"); m.Source != handset || m.Dest != access || m.Coding != 8 || string(m.Content) != "\x90\x00" || m.ID != "4000000000-1123100902-7" {
		t.Errorf("message %+v", m)
	}
	r.wantHex("0000001d 80000004 ee6b2800 42f128e6 00000007 00 0000000000000000")

	r.send(rawpeer.SGIPHeader{Command: sgipUserRpt, Node: 1, Count: 8}, rawpeer.SGIPUserRpt{Dest: rawpeer.T21(access), User: rawpeer.T21("86" + handset), Condition: 1})
	r.wantHex("0000001d 80000011 00000001 00000000 00000008 00 0000000000000000")
	r.wantAnswer("00000014 00000002 00000001 00000000 00000009", "00000014 80000002 00000001 00000000 00000009")
	r.closed()
	if err := take(t, p.closed, "the end"); !errors.Is(err, session.ErrPeerQuit) {
		t.Errorf("ended with %v", err)
	}
	bindSGIP(t, s, 1, 4).closed() // a provider has no business here
}

func TestSGIPCustomer(t *testing.T) {
	h := sgipCentre()
	s := shut(t, session.ServeSGIP(context.Background(), listen(t), session.ServerConfig{}, h))
	r := bindSGIP(t, s, 1, 0)
	r.send(sgipMessage(rawpeer.SGIPHeader{Command: sgipSubmit, Node: sgipNode, Time: sgipTime, Count: 2}, 0, six)...)
	m := take(t, h.submits, "a submit")
	if m.Source != access || !slices.Equal(m.Dests, []string{handset}) || m.ServiceID != "HELP" || m.Coding != 8 || m.UDHI || string(m.Content) != six || !m.WantReport ||
		m.Sequence != (session.Sequence{Node: sgipNode, Time: sgipTime, Count: 2}) {
		t.Errorf("submit %+v", m)
	}
	r.wantHex("0000001d 80000003 b47cb398 42f128e6 00000002 00 0000000000000000")
	r.send(rawpeer.SGIPHeader{Command: sgipReport, Node: sgipNode, Time: sgipTime, Count: 3}, rawpeer.SGIPReport{User: rawpeer.T21("86" + handset)})
	r.wantHex("0000001d 80000005 b47cb398 42f128e6 00000003 07 0000000000000000") // the wrong direction
	r.wantAnswer("00000014 00000002 b47cb398 42f128e6 00000004", "00000014 80000002 b47cb398 42f128e6 00000004")
	r.closed()

	frame := unhex(t, sgipBind)
	copy(frame[37:], "4321")
	refused := call(t, s)
	refused.write(frame)
	refused.wantHex("0000001d 80000001 b47cb398 42f128e6 00000001 01 0000000000000000")
	refused.closed()
}

// We as a gateway call a customer's own listener.
func TestSGIPCustomerIsCalledBack(t *testing.T) {
	c, h, r := accept(t, sgipConfig(), session.DialSGIPBack, func(r *raw) {
		frame := unhex(t, sgipBind)
		frame[20] = 2
		r.wantHex(fmt.Sprintf("%x", frame))
		r.write(unhex(t, "0000001d 80000001 b47cb398 42f128e6 00000001 00 0000000000000000"))
	})
	out := make(chan session.Outcome, 1)
	c.Report(session.Report{ID: "3028071320-1123100902-2", Dest: handset, Source: access, Stat: "UNDELIV", Err: "025"}, func(o session.Outcome) { out <- o })
	frame := r.read()
	head := r.sgipHeader(frame, sgipReport)
	want := rawpeer.Pack(head, rawpeer.SGIPReport{Node: sgipNode, Time: sgipTime, Count: 2, User: rawpeer.T21("86" + handset), State: 2, Error: 25})
	if len(frame) != 64 || !slices.Equal(frame, want) {
		t.Errorf("read %d bytes\n%x, not\n%x", len(frame), frame, want)
	}
	r.answerSGIP(head, 0)
	must(t, take(t, out, "the answer to a report"))

	c.MO(session.MO{Source: handset, Dest: access, Coding: 8, Content: []byte("\x90\x00")}, func(o session.Outcome) { out <- o })
	frame = r.read()
	head = r.sgipHeader(frame, sgipDeliver)
	want = rawpeer.Pack(head, rawpeer.SGIPDeliver{User: rawpeer.T21("86" + handset), Dest: rawpeer.T21(access), Coding: 8, Length: 2}, "\x90\x00", [8]byte{})
	if len(frame) != 79 || !slices.Equal(frame, want) {
		t.Errorf("read %d bytes\n%x, not\n%x", len(frame), frame, want)
	}
	r.answerSGIP(head, 0)
	must(t, take(t, out, "the answer to a message"))
	leave(t, c, h, func() {
		frame := r.read()
		r.sgipHeader(frame, 2)
		frame[4] = 0x80
		r.write(frame)
	})
}

var _ session.Receiver = (*provider)(nil)
