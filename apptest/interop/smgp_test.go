package interop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/apptest/interop/rawpeer"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// The reference's Login, seen from an independent program on the wire: mode 0.
const smgpLogin = `0000002a 00000001 00000001 3930303030310000 6ecb8ec6813f3b43eca563204708b4b1 00 42f1269d 30`

// smgpID is the specification's example of a MsgID.
const smgpID = "01006101161700012345"

// Requests of SMGP; the answer adds smgpAnswer.
const (
	smgpSubmit, smgpDeliver, smgpActive, smgpExit, smgpQuery = 2, 3, 4, 6, 7
	smgpAnswer                                               = 0x80000000
)

// The extra parameters of the reference's submit of 205 bytes.
const (
	mobileCode    = "90000100"
	mobileProduct = "110000000000000000001" // 21 bytes
)

func smgpMsgID(t *testing.T) (id [10]byte) {
	t.Helper()
	copy(id[:], unhex(t, smgpID))
	return id
}

// smgpFrame is a submit with six bytes of content, and all parameters if it is long.
func smgpFrame(seq uint32, v session.Version, long bool, content string) []any {
	pieces := []any{
		rawpeer.Header{Command: smgpSubmit, Sequence: seq},
		rawpeer.SMGPSubmitStart{Type: 6, NeedReport: 1, Service: rawpeer.T10("HELP"), FeeType: rawpeer.T2("00"), FeeCode: rawpeer.T6("0")},
	}
	if v != session.SMGP13 {
		pieces = append(pieces, rawpeer.T6("0"))
	}
	pieces = append(pieces, rawpeer.SMGPSubmitMiddle{Format: 8, Source: rawpeer.T21(access), Count: 1}, rawpeer.T21(handset), uint8(len(content)), content, [8]byte{})
	if long {
		pieces = append(pieces,
			rawpeer.TLV1{Tag: 2, Length: 1, Value: 1}, rawpeer.TLV1{Tag: 9, Length: 1, Value: 2}, rawpeer.TLV1{Tag: 10, Length: 1, Value: 1},
			rawpeer.TLVHead{Tag: 0x10, Length: 8}, mobileCode, rawpeer.TLVHead{Tag: 0x12, Length: 21}, mobileProduct)
	}
	return pieces
}

// gatewaySMGP is a raw gateway to which our client has logged in.
func gatewaySMGP(t *testing.T, mode session.SMGPMode, v session.Version, set func(*session.ClientConfig)) (*session.Client, *platform, *raw) {
	t.Helper()
	cfg := session.ClientConfig{Login: login, Secret: secret, ServiceID: "HELP", Version: v, SMGP: session.SMGPOptions{Mode: mode}, Now: at(11, 23, 10, 3, 17)}
	if set != nil {
		set(&cfg)
	}
	return accept(t, cfg, session.DialSMGP, func(r *raw) {
		frame := unhex(t, smgpLogin)
		frame[36] = map[session.SMGPMode]uint8{session.SMGPSend: 0, session.SMGPReceive: 1, session.SMGPBoth: 2}[mode]
		frame[41] = uint8(v)
		r.wantHex(fmt.Sprintf("%x", frame))
		proof := rawpeer.ServerProof(uint32(0), rawpeer.SMGPProof(login, secret, "1123100317"), secret)
		r.send(rawpeer.Header{Command: connectResp, Sequence: 1}, rawpeer.SMGPLoginResp{Proof: proof, Version: uint8(v)})
	})
}

func TestSMGPGatewayTakesSubmits(t *testing.T) {
	c, h, r := gatewaySMGP(t, session.SMGPSend, session.SMGP30, func(cfg *session.ClientConfig) {
		cfg.SMGP.MsgSrc, cfg.SMGP.MServiceID = mobileCode, mobileProduct
	})
	part := session.Submit{
		Source: access, Dests: []string{handset}, Coding: 8, UDHI: true, Total: 2, Number: 1, Content: []byte("\x05\x00\x03\x2a\x02\x01"), WantReport: true,
	}
	out := outcome(c, part)
	want := smgpFrame(2, session.SMGP30, true, string(part.Content))
	if n := len(rawpeer.Pack(want...)); n != 205 {
		t.Errorf("the reference's length is 205, not %d", n)
	}
	r.want(want...)
	r.send(rawpeer.Header{Command: smgpSubmit | smgpAnswer, Sequence: 2}, rawpeer.SMGPResp{MsgID: smgpMsgID(t)})
	if o := must(t, take(t, out, "an answer")); o.ID != smgpID {
		t.Errorf("outcome %+v", o)
	}
	for _, status := range []uint32{46, 1} { // a bad source; busy, which may be tried again
		out = outcome(c, part)
		r.send(rawpeer.Header{Command: smgpSubmit | smgpAnswer, Sequence: sequence(r.read())}, rawpeer.SMGPResp{Status: status})
		if o := take(t, out, "an answer"); o.Result != status || o.OverSpeed != (status == 1) || o.ID != "" {
			t.Errorf("outcome %+v", o)
		}
	}
	leave(t, c, h, func() {
		r.wantHex("0000000c 00000006 00000005")
		r.write(unhex(t, "0000000c 80000006 00000005"))
	})
}

// Version 1.3 has no FixedFee, and its frame is six bytes shorter.
func TestSMGPGatewayOfVersion13(t *testing.T) {
	c, _, r := gatewaySMGP(t, session.SMGPBoth, session.SMGP13, nil)
	out := outcome(c, session.Submit{Source: access, Dests: []string{handset}, Coding: 8, Content: []byte(six), WantReport: true})
	want := smgpFrame(2, session.SMGP13, false, six)
	if n := len(rawpeer.Pack(want...)); n != 126-6+21+6 {
		t.Errorf("the frame has %d bytes", n)
	}
	r.want(want...)
	r.send(rawpeer.Header{Command: smgpSubmit | smgpAnswer, Sequence: 2}, rawpeer.SMGPResp{MsgID: smgpMsgID(t)})
	must(t, take(t, out, "an answer"))
}

// The labels of a report vary, the places do not; ids need not be BCD, and may look like labels.
func TestSMGPGatewayBringsReports(t *testing.T) {
	_, h, r := gatewaySMGP(t, session.SMGPBoth, session.SMGP30, nil)
	id := string(unhex(t, smgpID))
	for i, c := range []struct{ content, id, stat, err string }{
		{"id:" + id + " sub:001 dlvrd:001 submit date:2611231003 done date:2611231004 stat:DELIVRD err:000 text:003hello            ", smgpID, "DELIVRD", ""},
		{"id:" + id + "sSub:001sDlvrd:000sSubmit_Date:2611231003sDone_Date:2611231004sStat:UNDELIVsErr:005sText:000                 ", smgpID, "UNDELIV", "005"},
		{"ID:\xff\x00id: sub: SUB:001 DLVRD:000 SUBMIT DATE:2611231003 DONE DATE:2611231004 STAT:EXPIRED ERR:007 TEXT:000\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "ff0069643a207375623a", "EXPIRED", "007"},
	} {
		if len(c.content) != 122 {
			t.Fatalf("report %d has %d bytes", i, len(c.content))
		}
		r.send(rawpeer.Header{Command: smgpDeliver, Sequence: 9}, rawpeer.SMGPDeliver{
			MsgID: smgpMsgID(t), IsReport: 1, Received: rawpeer.T14("20261123100400"), Source: rawpeer.T21(handset), Dest: rawpeer.T21(access), Length: 122,
		}, c.content, [8]byte{})
		want := session.Report{ID: c.id, Dest: handset, Source: access, Stat: c.stat, Err: c.err, SubmitTime: "2611231003", DoneTime: "2611231004"}
		if got := take(t, h.reports, "a report"); got != want {
			t.Errorf("report %d: %+v, not %+v", i, got, want)
		}
		r.want(rawpeer.Header{Command: smgpDeliver | smgpAnswer, Sequence: 9}, rawpeer.SMGPResp{MsgID: smgpMsgID(t)})
	}

	r.send(rawpeer.Header{Command: smgpDeliver, Sequence: 10}, rawpeer.SMGPDeliver{
		MsgID: smgpMsgID(t), Format: 8, Received: rawpeer.T14("20261123100400"), Source: rawpeer.T21(handset), Dest: rawpeer.T21(access), Length: 12,
	}, "\x05\x00\x03\x2a\x02\x01"+six, [8]byte{}, rawpeer.TLV1{Tag: 2, Length: 1, Value: 1}, rawpeer.TLV1{Tag: 0x7777, Length: 1})
	if m := take(t, h.mos, "a message"); m.ID != smgpID || m.Source != handset || m.Dest != access || m.Coding != 8 || !m.UDHI || string(m.Content) != "\x05\x00\x03\x2a\x02\x01"+six {
		t.Errorf("message %+v", m)
	}
	r.want(rawpeer.Header{Command: smgpDeliver | smgpAnswer, Sequence: 10}, rawpeer.SMGPResp{MsgID: smgpMsgID(t)})

	r.wantAnswer("0000000c 00000004 00000001", "0000000c 80000004 00000001")
	r.wantAnswer("0000000c 00000006 00000002", "0000000c 80000006 00000002")
	r.closed()
	if err := take(t, h.closed, "the end"); !errors.Is(err, session.ErrPeerQuit) {
		t.Errorf("ended with %v", err)
	}
}

// We test a silent gateway; the answer may have a byte that the specification lacks.
func TestSMGPGatewayIsTested(t *testing.T) {
	_, h, r := gatewaySMGP(t, session.SMGPBoth, session.SMGP30, func(cfg *session.ClientConfig) { cfg.Heartbeat = 20 * time.Millisecond })
	for i, answer := range []string{"0000000c 80000004 %08x", "0000000d 80000004 %08x 00", "0000000c 80000004 %08x"} {
		r.wantHex(fmt.Sprintf("0000000c 00000004 %08x", i+2))
		r.write(unhex(t, fmt.Sprintf(answer, i+2)))
	}
	none(t, h.closed, "ends")
}

// serveSMGP is our server as gateway 010061 on 16 January at 17:00.
func serveSMGP(t *testing.T, v session.Version) (*centre, *session.Server) {
	t.Helper()
	h := newCentre(v, func(int) string { return smgpID })
	return h, shut(t, session.ServeSMGP(context.Background(), listen(t), session.ServerConfig{GatewayID: 10061, Now: at(1, 16, 17, 0, 0)}, h))
}

func TestSMGPCustomer(t *testing.T) {
	for _, v := range []session.Version{session.SMGP30, session.SMGP13} {
		t.Run(fmt.Sprintf("%x", v), func(t *testing.T) {
			h, s := serveSMGP(t, v)
			r := call(t, s)
			frame := unhex(t, smgpLogin)
			frame[36], frame[41] = 2, uint8(v)
			r.write(frame)
			proof := rawpeer.ServerProof(uint32(0), rawpeer.SMGPProof(login, secret, "1123100317"), secret)
			r.want(rawpeer.Header{Command: connectResp, Sequence: 1}, rawpeer.SMGPLoginResp{Proof: proof, Version: uint8(v)})
			peer := take(t, h.opened, "the connection")

			r.send(smgpFrame(2, v, true, six)...)
			m := take(t, h.submits, "a submit")
			if m.Source != access || !slices.Equal(m.Dests, []string{handset}) || m.ServiceID != "HELP" || m.Coding != 8 || !m.UDHI || m.Total != 2 || m.Number != 1 || string(m.Content) != six || !m.WantReport {
				t.Errorf("submit %+v", m)
			}
			r.want(rawpeer.Header{Command: smgpSubmit | smgpAnswer, Sequence: 2}, rawpeer.SMGPResp{MsgID: smgpMsgID(t)})

			out := make(chan session.Outcome, 1)
			peer.Report(session.Report{ID: smgpID, Dest: handset, Source: access, Stat: "UNDELIV", Err: "005", SubmitTime: "2611231003", DoneTime: "2611231004"},
				func(o session.Outcome) { out <- o })
			r.want(rawpeer.Header{Command: smgpDeliver, Sequence: 1}, rawpeer.SMGPDeliver{
				MsgID: [10]byte(unhex(t, "01006101161700000001")), IsReport: 1, Received: rawpeer.T14("20260116170000"), Source: rawpeer.T21(handset), Dest: rawpeer.T21(access), Length: 122,
			}, "id:", smgpMsgID(t), " sub:001 dlvrd:000 submit date:2611231003 done date:2611231004 stat:UNDELIV err:005 text:000", [17]byte{}, [8]byte{})
			r.send(rawpeer.Header{Command: smgpDeliver | smgpAnswer, Sequence: 1}, rawpeer.SMGPResp{MsgID: [10]byte(unhex(t, "01006101161700000001"))})
			must(t, take(t, out, "the answer to a report"))

			peer.MO(session.MO{Source: handset, Dest: access, Coding: 8, Content: []byte(six)}, func(o session.Outcome) { out <- o })
			r.want(rawpeer.Header{Command: smgpDeliver, Sequence: 2}, rawpeer.SMGPDeliver{
				MsgID: [10]byte(unhex(t, "01006101161700000002")), Format: 8, Received: rawpeer.T14("20260116170000"), Source: rawpeer.T21(handset), Dest: rawpeer.T21(access), Length: 6,
			}, six, [8]byte{})
			r.send(rawpeer.Header{Command: smgpDeliver | smgpAnswer, Sequence: 2}, rawpeer.SMGPResp{})
			must(t, take(t, out, "the answer to a message"))

			r.send(rawpeer.Header{Command: smgpQuery, Sequence: 3}, "20261123", uint8(0), [10]byte{})
			r.want(rawpeer.Header{Command: smgpQuery | smgpAnswer, Sequence: 3}, "20261123", uint8(0), [10]byte{}, [8]uint32{}, [8]byte{})
			r.wantAnswer("0000000c 00000004 00000004", "0000000c 80000004 00000004")
			r.wantAnswer("0000000c 00000006 00000005", "0000000c 80000006 00000005")
			r.closed()
			if err := take(t, h.closed, "the end"); !errors.Is(err, session.ErrPeerQuit) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// A parameter that runs past the frame is answered as malformed; the link stays.
func TestSMGPCustomerSendsABrokenParameter(t *testing.T) {
	h, s := serveSMGP(t, session.SMGP30)
	r := call(t, s)
	r.write(unhex(t, smgpLogin))
	r.read()
	r.send(append(smgpFrame(2, session.SMGP30, false, six), rawpeer.TLVHead{Tag: 2, Length: 40}, "x")...)
	r.want(rawpeer.Header{Command: smgpSubmit | smgpAnswer, Sequence: 2}, rawpeer.SMGPResp{Status: 10})
	r.wantAnswer("0000000c 00000004 00000003", "0000000c 80000004 00000003")
	none(t, h.submits, "submits")
}

// The login of the reference and our proof in return.
func TestSMGPLoginsOfTheReference(t *testing.T) {
	for name, c := range map[string]struct{ login, answer string }{
		"right":       {"3132333435363738 e6c028bacf65f21bb98490c8b9139037 02 11f0e540 30", "00000000 2961afa074d4769f03e3d7533816efd9 30"},
		"wrong proof": {"3132333435363738 e6c028bacf65f21bb98490c8b9139038 02 11f0e540 30", "00000015 00000000000000000000000000000000 30"},
	} {
		t.Run(name, func(t *testing.T) {
			h, s := serveSMGP(t, session.SMGP30)
			h.account.Login, h.account.Secret = "12345678", "1234"
			call(t, s).wantAnswer("0000002a 00000001 00000001"+c.login, "00000021 80000001 00000001"+c.answer)
		})
	}
}
