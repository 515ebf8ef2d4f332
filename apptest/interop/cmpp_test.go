package interop

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/apptest/interop/rawpeer"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// The reference's frame of CONNECT, seen from independent programs on the wire.
const cmppConnect = `00000027 00000001 00000001 393030303031 d42683ea851c91e89812eafb4da3bf99 20 42f1269d`

// cmppID is the reference's Msg_Id: 11-23 10:04:02, gateway 1001, number 1.
const cmppID, cmppIDText = 0xBBA8408003E90001, "13522128799745507329"

const (
	connect, connectResp, terminate, terminateResp          = 1, 0x80000001, 2, 0x80000002
	submit, submitResp, deliver, deliverResp                = 4, 0x80000004, 5, 0x80000005
	query, queryResp, cancel, cancelResp, activeTest        = 6, 0x80000006, 7, 0x80000007, 8
	activeTestResp                                   uint32 = 0x80000008
)

// cmppDialect is what differs on the wire between the versions.
type cmppDialect struct {
	version session.Version
	status  func(n uint32) any // of CONNECT_RESP and the Result of others
	submit  func(number, source string, format, udhi, total, part uint8, content string) []any
	report  func(id uint64, stat, to string, sequence uint32) any
	deliver func(id uint64, from, to string, format, udhi, registered uint8, content ...any) []any
	length  int // of a submit with six bytes
}

// submitStart is a submit up to its fee, which differs between the versions.
func submitStart(fee any, total, part uint8) []any {
	return []any{
		rawpeer.Header{Command: submit, Sequence: 2},
		rawpeer.CMPPSubmitStart{PkTotal: total, PkNumber: part, Registered: 1, ServiceID: rawpeer.T10("HELP"), FeeUserType: 2},
		fee,
	}
}

func middle(source string, format, udhi uint8) rawpeer.CMPPSubmitMiddle {
	return rawpeer.CMPPSubmitMiddle{
		UDHI: udhi, Format: format, MsgSrc: rawpeer.T6(login), FeeType: rawpeer.T2("01"), FeeCode: rawpeer.T6("0"), Source: rawpeer.T21(source), Count: 1,
	}
}

// contentLength is the size of a content's pieces.
func contentLength(pieces []any) uint8 {
	return uint8(len(rawpeer.Pack(append([]any{uint32(0)}, pieces...)...)) - 4)
}

var cmpp20 = cmppDialect{
	version: session.CMPP20, length: 165,
	status: func(n uint32) any { return uint8(n) },
	submit: func(number, source string, format, udhi, total, part uint8, content string) []any {
		return append(submitStart([21]byte{}, total, part), middle(source, format, udhi), rawpeer.T21(number), uint8(len(content)), content, [8]byte{})
	},
	report: func(id uint64, stat, to string, sequence uint32) any {
		return rawpeer.CMPPReport20{MsgID: id, Stat: rawpeer.T7(stat), Submitted: rawpeer.T10("2611231003"), Ended: rawpeer.T10("2611231004"), Dest: rawpeer.T21(to), Sequence: sequence}
	},
	deliver: func(id uint64, from, to string, format, udhi, registered uint8, content ...any) []any {
		head := rawpeer.CMPPDeliver20{
			MsgID: id, Dest: rawpeer.T21(to), UDHI: udhi, Format: format, Source: rawpeer.T21(from), Registered: registered, Length: contentLength(content),
		}
		return append(append([]any{rawpeer.Header{Command: deliver, Sequence: 7}, head}, content...), [8]byte{})
	},
}

var cmpp30 = cmppDialect{
	version: session.CMPP30, length: 163 + 32 + 6,
	status: func(n uint32) any { return n },
	submit: func(number, source string, format, udhi, total, part uint8, content string) []any {
		return append(submitStart(rawpeer.CMPPFee30{}, total, part), middle(source, format, udhi), rawpeer.T32(number), uint8(0), uint8(len(content)), content, [20]byte{})
	},
	report: func(id uint64, stat, to string, sequence uint32) any {
		return rawpeer.CMPPReport30{MsgID: id, Stat: rawpeer.T7(stat), Submitted: rawpeer.T10("2611231003"), Ended: rawpeer.T10("2611231004"), Dest: rawpeer.T32(to), Sequence: sequence}
	},
	deliver: func(id uint64, from, to string, format, udhi, registered uint8, content ...any) []any {
		head := rawpeer.CMPPDeliver30{
			MsgID: id, Dest: rawpeer.T21(to), UDHI: udhi, Format: format, Source: rawpeer.T32(from), Registered: registered, Length: contentLength(content),
		}
		return append(append([]any{rawpeer.Header{Command: deliver, Sequence: 7}, head}, content...), [20]byte{})
	},
}

func eachCMPP(t *testing.T, do func(t *testing.T, d cmppDialect)) {
	t.Helper()
	for _, d := range []cmppDialect{cmpp20, cmpp30} {
		t.Run(fmt.Sprintf("%x", d.version), func(t *testing.T) { do(t, d) })
	}
}

// gatewayCMPP is a raw gateway to which our client has logged in.
func gatewayCMPP(t *testing.T, d cmppDialect, heartbeat time.Duration) (*session.Client, *platform, *raw) {
	t.Helper()
	cfg := session.ClientConfig{Login: login, Secret: secret, ServiceID: "HELP", Version: d.version, Heartbeat: heartbeat, Now: at(11, 23, 10, 3, 17)}
	return accept(t, cfg, session.DialCMPP, func(r *raw) {
		frame := unhex(t, cmppConnect)
		frame[34] = uint8(d.version)
		r.wantHex(fmt.Sprintf("%x", frame))
		proof := rawpeer.ServerProof(d.status(0), rawpeer.CMPPProof(login, secret, "1123100317"), secret)
		r.send(rawpeer.Header{Command: connectResp, Sequence: 1}, d.status(0), proof, uint8(d.version))
	})
}

func TestCMPPGateway(t *testing.T) {
	eachCMPP(t, func(t *testing.T, d cmppDialect) {
		c, h, r := gatewayCMPP(t, d, 0)
		out := outcome(c, session.Submit{Source: access, Dests: []string{handset}, Coding: 8, Content: []byte(six), WantReport: true})
		if want := d.submit(handset, access, 8, 0, 1, 1, six); len(rawpeer.Pack(want...)) != d.length {
			t.Errorf("the reference's length is %d", d.length)
		} else {
			r.want(want...)
		}
		r.send(rawpeer.Header{Command: submitResp, Sequence: 2}, uint64(cmppID), d.status(0))
		if o := must(t, take(t, out, "an answer")); o.ID != cmppIDText {
			t.Errorf("outcome %+v", o)
		}

		// The report's own length tells its form, whatever the link's version.
		for _, form := range []cmppDialect{cmpp20, cmpp30} {
			r.send(d.deliver(5, handset, access, 0, 0, 1, form.report(cmppID, "DELIVRD", handset, 9))...)
			want := session.Report{ID: cmppIDText, Dest: handset, Source: access, Stat: "DELIVRD", SubmitTime: "2611231003", DoneTime: "2611231004"}
			if got := take(t, h.reports, "a report"); got != want {
				t.Errorf("report %+v", got)
			}
			r.want(rawpeer.Header{Command: deliverResp, Sequence: 7}, uint64(5), d.status(0))
		}

		r.send(d.deliver(6, "86"+handset, access+"01", 8, 0x40, 0, "\x05\x00\x03\x2a\x02\x01"+six)...)
		m := take(t, h.mos, "a message")
		if m.ID != "6" || m.Dest != access+"01" || m.Source != "86"+handset || !m.UDHI || m.Coding != 8 || string(m.Content) != "\x05\x00\x03\x2a\x02\x01"+six {
			t.Errorf("message %+v", m)
		}
		r.want(rawpeer.Header{Command: deliverResp, Sequence: 7}, uint64(6), d.status(0))

		r.wantAnswer("0000000c 00000008 ffffffff", "0000000d 80000008 ffffffff 00")
		leave(t, c, h, func() {
			r.wantHex("0000000c 00000002 00000003")
			r.write(unhex(t, "0000000c 80000002 00000003"))
		})
	})
}

// wantAnswer sends a frame and demands its answer literally.
func (r *raw) wantAnswer(frame, answer string) {
	r.t.Helper()
	r.write(unhex(r.t, frame))
	r.wantHex(answer)
}

// Over-speed is told from a refusal, and a part of a long message says which it is.
func TestCMPPGatewayRefuses(t *testing.T) {
	eachCMPP(t, func(t *testing.T, d cmppDialect) {
		c, h, r := gatewayCMPP(t, d, 0)
		part := session.Submit{
			Source: access, Dests: []string{handset}, Coding: 8, UDHI: true, Total: 2, Number: 1, Content: []byte("\x05\x00\x03\x2a\x02\x01" + six), WantReport: true,
		}
		out := outcome(c, part)
		r.want(d.submit(handset, access, 8, 1, 2, 1, string(part.Content))...)
		r.send(rawpeer.Header{Command: submitResp, Sequence: 2}, uint64(0), d.status(8))
		if o := take(t, out, "an answer"); o.Kind != session.Answered || o.Result != 8 || !o.OverSpeed || o.ID != "" {
			t.Errorf("outcome %+v", o)
		}
		take(t, h.credit, "the end of the back-off")
		out = outcome(c, part)
		seq := sequence(r.read())
		r.send(rawpeer.Header{Command: submitResp, Sequence: seq}, uint64(0), d.status(9))
		if o := take(t, out, "an answer"); o.Kind != session.Answered || o.Result != 9 || o.OverSpeed {
			t.Errorf("outcome %+v", o)
		}
		r.write(unhex(t, "0000000c 00000002 00000009")) // the gateway logs us out
		r.wantHex("0000000c 80000002 00000009")
		r.closed()
		if err := take(t, h.closed, "the end"); !errors.Is(err, session.ErrPeerQuit) {
			t.Errorf("ended with %v", err)
		}
	})
}

// We test a silent gateway, and take its answer with and without the reserved byte.
func TestCMPPGatewayIsTested(t *testing.T) {
	_, h, r := gatewayCMPP(t, cmpp20, 20*time.Millisecond)
	for i, answer := range []string{"0000000d 80000008 %08x 00", "0000000c 80000008 %08x", "0000000d 80000008 %08x 00"} {
		r.wantHex(fmt.Sprintf("0000000c 00000008 %08x", i+2))
		r.write(unhex(t, fmt.Sprintf(answer, i+2)))
	}
	none(t, h.closed, "ends")
}

func TestCMPPGatewayRefusesTheLogin(t *testing.T) {
	for name, answer := range map[string]string{
		"in the frame of 2.0": "0000001e 80000001 00000001 03 00000000000000000000000000000000 20",
		"in the frame of 3.0": "00000021 80000001 00000001 00000003 00000000000000000000000000000000 30",
	} {
		t.Run(name, func(t *testing.T) {
			ln := listen(t)
			defer func() { _ = ln.Close() }()
			go func() {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				defer func() { _ = conn.Close() }()
				if _, err := (rawpeer.Conn{Conn: conn, Patience: patience}).ReadFrame(); err == nil {
					_, _ = conn.Write(unhex(t, answer))
				}
			}()
			cfg := session.ClientConfig{Address: ln.Addr().String(), Login: login, Secret: secret, Version: session.CMPP30}
			_, err := session.DialCMPP(t.Context(), cfg, newPlatform())
			var refused *session.LoginError
			if !errors.As(err, &refused) || refused.Status != 3 {
				t.Errorf("%v", err)
			}
		})
	}
}

// serveCMPP is our server under the reference's clock and gateway code.
func serveCMPP(t *testing.T, v session.Version) (*centre, *session.Server) {
	t.Helper()
	h := newCentre(v, func(int) string { return cmppIDText })
	cfg := session.ServerConfig{GatewayID: 1001, Now: at(11, 23, 10, 4, 2)}
	return h, shut(t, session.ServeCMPP(context.Background(), listen(t), cfg, h))
}

// loginCMPP sends the reference's CONNECT.
func loginCMPP(t *testing.T, s *session.Server, d cmppDialect) *raw {
	t.Helper()
	r := call(t, s)
	frame := unhex(t, cmppConnect)
	frame[34] = uint8(d.version)
	r.write(frame)
	proof := rawpeer.ServerProof(d.status(0), rawpeer.CMPPProof(login, secret, "1123100317"), secret)
	r.want(rawpeer.Header{Command: connectResp, Sequence: 1}, d.status(0), proof, uint8(d.version))
	return r
}

func TestCMPPCustomer(t *testing.T) {
	eachCMPP(t, func(t *testing.T, d cmppDialect) {
		h, s := serveCMPP(t, d.version)
		r := loginCMPP(t, s, d)
		peer := take(t, h.opened, "the connection")
		r.send(d.submit(handset, access, 8, 0, 1, 1, six)...)
		m := take(t, h.submits, "a submit")
		if m.Source != access || !slices.Equal(m.Dests, []string{handset}) || m.ServiceID != "HELP" || m.Coding != 8 || m.UDHI || string(m.Content) != six || !m.WantReport || m.Sequence.Count != 2 {
			t.Errorf("submit %+v", m)
		}
		r.want(rawpeer.Header{Command: submitResp, Sequence: 2}, uint64(cmppID), d.status(0))

		out := make(chan session.Outcome, 1)
		peer.Report(session.Report{ID: cmppIDText, Dest: handset, Source: access, Stat: "DELIVRD", SubmitTime: "2611231003", DoneTime: "2611231004"},
			func(o session.Outcome) { out <- o })
		r.wantDeliver(d, d.deliver(cmppID, handset, access, 0, 0, 1, d.report(cmppID, "DELIVRD", handset, 1)))
		must(t, take(t, out, "the answer to a report"))
		peer.MO(session.MO{Source: handset, Dest: access, Coding: 8, Content: []byte(six)}, func(o session.Outcome) { out <- o })
		r.wantDeliver(d, d.deliver(cmppID+1, handset, access, 8, 0, 0, six))
		must(t, take(t, out, "the answer to a message"))

		r.wantAnswer("0000000c 00000008 00000011", "0000000d 80000008 00000011 00")
		r.send(rawpeer.Header{Command: cancel, Sequence: 18}, uint64(cmppID))
		r.want(rawpeer.Header{Command: cancelResp, Sequence: 18}, d.status(1))
		r.send(rawpeer.Header{Command: query, Sequence: 19}, "20261123", uint8(0), [10]byte{}, [8]byte{})
		r.want(rawpeer.Header{Command: queryResp, Sequence: 19}, "20261123", uint8(0), [10]byte{}, [8]uint32{})
		r.wantAnswer("0000000c 00000002 00000014", "0000000c 80000002 00000014")
		r.closed()
		if err := take(t, h.closed, "the end"); !errors.Is(err, session.ErrPeerQuit) {
			t.Errorf("ended with %v", err)
		}
	})
}

// wantDeliver demands a DELIVER of any number and answers it.
func (r *raw) wantDeliver(d cmppDialect, pieces []any) {
	r.t.Helper()
	frame := r.read()
	seq := sequence(frame)
	pieces[0] = rawpeer.Header{Command: deliver, Sequence: seq}
	if want := rawpeer.Pack(pieces...); string(frame) != string(want) {
		r.t.Errorf("read %d bytes\n%x, not %d\n%x", len(frame), frame, len(want), want)
	}
	r.send(rawpeer.Header{Command: deliverResp, Sequence: seq}, binary.BigEndian.Uint64(frame[12:]), d.status(0))
}

// The logins of the reference, and our proof in return: one byte of status is hashed in
// 2.0, four in 3.0.
func TestCMPPLoginsOfTheReference(t *testing.T) {
	for name, c := range map[string]struct {
		version         session.Version
		connect, answer string
	}{
		"2.0":          {session.CMPP20, "393031323334 bd527850eb49f4e3cee6477da0b5eb00 20 420d3c3d", "0000001e 80000001 00000001 00 d27c6a71367ec69bce0b817cfc34fd2b 20"},
		"3.0":          {session.CMPP30, "393031323334 bd527850eb49f4e3cee6477da0b5eb00 30 420d3c3d", "00000021 80000001 00000001 00000000 4a90bbed308dde91dfd5596de6e53393 30"},
		"wrong proof":  {session.CMPP20, "393031323334 bd527850eb49f4e3cee6477da0b5eb01 20 420d3c3d", "0000001e 80000001 00000001 03 00000000000000000000000000000000 20"},
		"unknown":      {session.CMPP30, "393031323335 bd527850eb49f4e3cee6477da0b5eb00 30 420d3c3d", "00000021 80000001 00000001 0000000f 00000000000000000000000000000000 30"},
		"version 0x00": {session.CMPP20, "393031323334 bd527850eb49f4e3cee6477da0b5eb00 00 420d3c3d", "0000001e 80000001 00000001 00 d27c6a71367ec69bce0b817cfc34fd2b 20"},
	} {
		t.Run(name, func(t *testing.T) {
			h, s := serveCMPP(t, c.version)
			h.account.Login, h.account.Secret = "901234", "1234"
			call(t, s).wantAnswer("00000027 00000001 00000001"+c.connect, c.answer)
		})
	}
	h, s := serveCMPP(t, session.CMPP20)
	h.account.Login, h.account.Secret = "901234", "1234"
	r := call(t, s) // a month of one digit: the integer loses its zero, the digest does not
	r.write(unhex(t, "00000027 00000001 00000001 393031323334 3b892f74b6878d56ff75ebb93be18be8 20 11f0e540"))
	r.want(rawpeer.Header{Command: connectResp, Sequence: 1}, uint8(0), rawpeer.ServerProof(uint8(0), rawpeer.CMPPProof("901234", "1234", "0301000000"), "1234"), uint8(0x20))
}

// The longest submit of the specification: 99 numbers and 140 bytes in the fields of 3.0.
func TestCMPPCustomerSubmitsToMany(t *testing.T) {
	h, s := serveCMPP(t, session.CMPP30)
	r := loginCMPP(t, s, cmpp30)
	head, content := middle(access, 8, 0), make([]byte, 140)
	head.Count = 99
	pieces := append(submitStart(rawpeer.CMPPFee30{}, 1, 1), head)
	var dests []string
	for i := range 99 {
		dests = append(dests, fmt.Sprint(14200000001+i))
		pieces = append(pieces, rawpeer.T32(dests[i]))
	}
	frame := rawpeer.Pack(append(pieces, uint8(0), uint8(len(content)), content, [20]byte{})...)
	if len(frame) != 3471 {
		t.Errorf("the reference's length is 3471, not %d", len(frame))
	}
	r.write(frame)
	if m := take(t, h.submits, "a submit"); !slices.Equal(m.Dests, dests) || !slices.Equal(m.Content, content) {
		t.Errorf("submit %+v", m)
	}
	r.want(rawpeer.Header{Command: submitResp, Sequence: 2}, uint64(cmppID), uint32(0))
}
