package session

import (
	"bufio"
	"context"
	"crypto/subtle"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/protocol/cmpp"
)

// The CMPP dialects, for ClientConfig.Version and Account.Version.
const (
	CMPP20 = Version(cmpp.V20)
	CMPP21 = Version(cmpp.V21)
	CMPP30 = Version(cmpp.V30)
)

// CMPP status values used here. CMPP 3.0 §8.4.1.2, §8.4.3.2; what is not listed is a
// vendor's and kept as it is, CMPP 3.0 §8.7.2.
const (
	cmppMalformed       = 1
	cmppWrongSource     = 2
	cmppWrongProof      = 3
	cmppVersionTooHigh  = 4
	cmppTooManySessions = 5 // 5 and above are "other"
	cmppOverSpeed       = 8
	cmppFailed          = 1 // CANCEL_RESP: failed
)

// DialCMPP connects, logs in and returns the running connection. A refused
// login is a *LoginError with the CONNECT_RESP status. The server's own proof
// is compared but never insisted on: gateways compute it in different ways.
func DialCMPP(ctx context.Context, cfg ClientConfig, h ClientHandler) (*Client, error) {
	if cfg.Version == 0 {
		cfg.Version = CMPP30
	}
	if !knownCMPP(cfg.Version) {
		return nil, fmt.Errorf("session: CMPP has no version 0x%02x", uint8(cfg.Version))
	}
	return dial(ctx, cfg, h, cmppLogin)
}

// ServeCMPP accepts CMPP connections on ln until Shutdown, or until ctx ends,
// which closes everything at once.
func ServeCMPP(ctx context.Context, ln net.Listener, cfg ServerConfig, h ServerHandler) *Server {
	return serve(ctx, ln, cfg, h, cmppAdmit)
}

func knownCMPP(v Version) bool { return v == CMPP20 || v == CMPP21 || v == CMPP30 }

// cmppLogin sends CONNECT and reads the answer. The answer's size, not the
// configured version, tells the width of its status field.
//
// CMPP 3.0 §8.4.1.
func cmppLogin(conn net.Conn, br *bufio.Reader, cfg *ClientConfig) (binding, error) {
	v := cmpp.Version(cfg.Version)
	stamp := cmpp.Timestamp(cfg.Now())
	proof := cmpp.Authenticator(cfg.Login, cfg.Secret, stamp)
	frame, err := cmpp.Append(nil, v, 1, &cmpp.Connect{
		SourceAddr: cfg.Login, Authenticator: proof, Version: v, Timestamp: stamp,
	})
	if err != nil {
		return nil, err
	}
	answer, err := ask(conn, br, frame, cmpp.HeaderSize, cmpp.MaxFrame)
	if err != nil {
		return nil, err
	}
	spoken := v
	switch size := len(answer) - cmpp.HeaderSize; {
	case size == cmppConnectResp20 && v == cmpp.V30:
		spoken = cmpp.V20
	case size == cmppConnectResp30:
		spoken = cmpp.V30
	}
	h, pdu, err := cmpp.Decode(spoken, answer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	resp, ok := pdu.(*cmpp.ConnectResp)
	if !ok || h.Sequence != 1 {
		return nil, fmt.Errorf("%w: answer to CONNECT is command 0x%08x", ErrProtocol, uint32(h.Command))
	}
	if resp.Status != 0 {
		return nil, &LoginError{Status: resp.Status, Reason: cmppLoginReason(resp.Status)}
	}
	if (spoken == cmpp.V30) != (v == cmpp.V30) {
		return nil, &LoginError{Status: 0, Reason: fmt.Sprintf("the server accepts but speaks another version than 0x%02x", uint8(v))}
	}
	// Servers hash the status with one byte or four, or send what they like: the link is
	// not refused for it. CMPP 3.0 §8.4.1.2.
	if want := cmpp.ServerAuthenticator(0, v, proof, cfg.Secret); resp.Authenticator != want {
		cfg.Logger.Info("the server's login proof is not the expected one")
	}
	return &cmppBinding{v: v, login: cfg.Login, now: cfg.Now}, nil
}

// Body sizes of CONNECT_RESP. CMPP 2.0 §7.4.1.2, CMPP 3.0 §8.4.1.2.
const (
	cmppConnectResp20 = 18
	cmppConnectResp30 = 21
)

func cmppLoginReason(status uint32) string {
	switch status {
	case cmppMalformed:
		return "malformed login"
	case cmppWrongSource:
		return "unknown source address"
	case cmppWrongProof:
		return "authentication failed"
	case cmppVersionTooHigh:
		return "version too high"
	default:
		return "other error"
	}
}

// cmppAdmit reads CONNECT and answers it. The dialect is the account's: 2.0
// clients are known to send 0x00 and 0x01 as their version. CMPP 3.0 §8.4.1.1.
func cmppAdmit(conn net.Conn, br *bufio.Reader, s *Server, remote netip.Addr, reserve func(Account) bool) (admission, error) {
	frame, err := takeFrame(br, cmpp.HeaderSize, cmpp.MaxFrame)
	if err != nil {
		return admission{}, err
	}
	h, pdu, err := cmpp.Decode(cmpp.V30, frame)
	if err != nil {
		return admission{}, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	c, ok := pdu.(*cmpp.Connect)
	if !ok {
		return admission{}, fmt.Errorf("%w: first command is 0x%08x", ErrProtocol, uint32(h.Command))
	}
	a, status := cmppCheck(s, c, remote, reserve)
	spoken := a.Version
	if !knownCMPP(spoken) {
		spoken = CMPP20
		if c.Version >= cmpp.V30 {
			spoken = CMPP30
		}
	}
	a.Version = spoken
	v := cmpp.Version(spoken)
	resp := &cmpp.ConnectResp{Status: status, Version: v}
	if status == 0 {
		resp.Authenticator = cmpp.ServerAuthenticator(0, v, c.Authenticator, a.Secret)
	}
	out, err := cmpp.Append(nil, v, h.Sequence, resp)
	if err != nil {
		return admission{}, err
	}
	if err := tell(conn, out, status, cmppLoginReason(status)); err != nil {
		return admission{}, err
	}
	if c.Version != v {
		s.cfg.Logger.Info("client names another version than its account", "login", a.Login,
			"named", uint8(c.Version), "spoken", uint8(v))
	}
	return admission{binding: &cmppBinding{v: v, login: a.Login, now: s.cfg.Now, gateway: s.cfg.GatewayID}, account: a}, nil
}

// cmppCheck decides about a login. The proof is compared in constant time. How old its
// time stamp is does not count: many clients' clocks are wrong. CMPP 3.0 §8.4.1.1.
func cmppCheck(s *Server, c *cmpp.Connect, remote netip.Addr, reserve func(Account) bool) (Account, uint32) {
	a, status := s.handler.Account(c.SourceAddr, remote)
	if status != 0 {
		return a, status
	}
	want := cmpp.Authenticator(c.SourceAddr, a.Secret, c.Timestamp)
	switch {
	case subtle.ConstantTimeCompare(want[:], c.Authenticator[:]) != 1:
		return a, cmppWrongProof
	case c.Version > 0x3F:
		return a, cmppVersionTooHigh
	}
	a.Login = c.SourceAddr
	if !reserve(a) {
		return a, cmppTooManySessions
	}
	return a, 0
}

// cmppBinding is CMPP on one connection, for both roles.
type cmppBinding struct {
	v       cmpp.Version
	login   string
	gateway uint32
	now     func() time.Time
	submit  cmpp.SubmitResp  // reused by decode
	deliver cmpp.DeliverResp // reused by decode
}

func (b *cmppBinding) limits() (shortest, longest int) { return cmpp.HeaderSize, cmpp.MaxFrame }
func (b *cmppBinding) ref(seq uint32) Sequence         { return Sequence{Count: seq} }
func (b *cmppBinding) traits() traits                  { return traits{} }
func (b *cmppBinding) busy() uint32                    { return cmppOverSpeed }

func (b *cmppBinding) decode(frame []byte, ev *event) error {
	h, err := cmpp.DecodeHeader(frame)
	if err != nil {
		return err
	}
	ev.ref = Sequence{Count: h.Sequence}
	switch h.Command { // the two answers that come by the thousand need no allocation
	case cmpp.CmdSubmitResp:
		err = b.submit.DecodeBody(frame[cmpp.HeaderSize:], b.v)
		ev.kind, ev.result = evAnswer, b.submit.Result
		if ev.result == 0 { // else it is made of zeros
			ev.id = cmppID(b.submit.MsgID)
		}
		// The only result of which the message was not taken and may come again; every
		// other that is not 0 is a refusal, known or not. CMPP 3.0 §8.4.3.2.
		ev.overSpeed = ev.result == cmppOverSpeed
		return err
	case cmpp.CmdDeliverResp:
		err = b.deliver.DecodeBody(frame[cmpp.HeaderSize:], b.v)
		ev.kind, ev.result = evAnswer, b.deliver.Result
		ev.overSpeed = ev.result == cmppOverSpeed
		return err
	}
	_, pdu, err := cmpp.Decode(b.v, frame)
	if err != nil {
		return err
	}
	switch p := pdu.(type) {
	case *cmpp.Submit:
		b.received(p, h.Sequence, ev)
	case *cmpp.Deliver:
		return b.delivered(p, h.Sequence, ev)
	case *cmpp.ActiveTest:
		ev.kind = evPing
	case *cmpp.ActiveTestResp:
		ev.kind = evPong
	case *cmpp.Terminate:
		ev.kind = evQuit
	case *cmpp.TerminateResp:
		ev.kind = evQuitAnswer
	case *cmpp.Query: // no statistics are kept here: the counters are zero
		ev.kind = evReply
		ev.reply, err = cmpp.Append(nil, b.v, h.Sequence, &cmpp.QueryResp{Time: p.Time, QueryType: p.QueryType, QueryCode: p.QueryCode})
	case *cmpp.Cancel: // what was submitted can't be called back
		ev.kind = evReply
		ev.reply, err = cmpp.Append(nil, b.v, h.Sequence, &cmpp.CancelResp{SuccessID: cmppFailed})
	default:
		err = fmt.Errorf("command 0x%08x is not expected here", uint32(h.Command))
	}
	return err
}

// hasUDH reads TP_udhi, of CMPP, SGIP and SMGP alike. Gateways that pass SMPP's esm_class
// through send 0x40. CMPP 3.0 §8.4.5.1.
func hasUDH(tpUDHI uint8) bool { return tpUDHI&0x41 != 0 }

// received maps SUBMIT. CMPP 3.0 §8.4.3.1.
func (b *cmppBinding) received(p *cmpp.Submit, seq uint32, ev *event) {
	ev.kind = evSubmit
	ev.submit = Submit{
		Source: p.SrcID, Dests: p.Dest, ServiceID: p.ServiceID, Coding: p.MsgFmt, UDHI: hasUDH(p.TPUDHI),
		Total: p.PkTotal, Number: p.PkNumber, Content: append([]byte(nil), p.Content...),
		WantReport: p.RegisteredDelivery == 1, Sequence: Sequence{Count: seq},
	}
	if t, ok := parseValidity(p.ValidTime, b.now()); ok {
		ev.submit.ValidUntil = t
	}
	if t, ok := parseValidity(p.AtTime, b.now()); ok {
		ev.submit.SendAt = t
	}
}

// delivered maps DELIVER to a report or an MO. A report that can't be read is
// answered as malformed, so that the gateway's retry does not cost the link.
//
// CMPP 3.0 §8.4.5.
func (b *cmppBinding) delivered(p *cmpp.Deliver, seq uint32, ev *event) error {
	ev.id = cmppID(p.MsgID)
	if p.RegisteredDelivery == 0 {
		ev.kind = evMO
		ev.mo = MO{
			ID: ev.id, Source: p.SrcTerminalID, Dest: p.DestID, ServiceID: p.ServiceID, Coding: p.MsgFmt,
			UDHI: hasUDH(p.TPUDHI), Content: append([]byte(nil), p.Content...),
		}
		return nil
	}
	r, err := cmpp.ParseReport(p.Content)
	if err != nil {
		ev.kind, ev.note = evReply, "status report that cannot be read: "+err.Error()
		ev.reply, err = cmpp.Append(nil, b.v, seq, &cmpp.DeliverResp{MsgID: p.MsgID, Result: cmppMalformed})
		return err
	}
	ev.kind = evReport
	ev.report = Report{
		ID: cmppID(r.MsgID), Dest: r.Dest, Source: p.DestID, Stat: r.Stat, SubmitTime: r.SubmitTime, DoneTime: r.DoneTime,
	}
	if ev.report.Dest == "" {
		ev.report.Dest = p.SrcTerminalID
	}
	return nil
}

func (b *cmppBinding) encode(dst []byte, m *message) ([]byte, error) {
	var pdu cmpp.PDU
	switch m.kind {
	case outSubmit:
		pdu = b.toSubmit(m.submit)
	case outReport:
		d, err := b.toReport(m)
		if err != nil {
			return dst, err
		}
		pdu = d
	case outMO:
		d, err := b.toMO(m)
		if err != nil {
			return dst, err
		}
		pdu = d
	case outSubmitAnswer, outDeliverAnswer:
		id, err := parseCMPPID(m.id)
		if err != nil {
			return dst, err
		}
		pdu = &cmpp.SubmitResp{MsgID: id, Result: m.result}
		if m.kind == outDeliverAnswer {
			pdu = &cmpp.DeliverResp{MsgID: id, Result: m.result}
		}
	case outPing:
		pdu = &cmpp.ActiveTest{}
	case outPong:
		pdu = &cmpp.ActiveTestResp{}
	case outQuit:
		pdu = &cmpp.Terminate{}
	case outQuitAnswer:
		pdu = &cmpp.TerminateResp{}
	default:
		return dst, fmt.Errorf("message kind %d has no CMPP form", m.kind)
	}
	return cmpp.Append(dst, b.v, m.ref.Count, pdu)
}

func flag(on bool) uint8 {
	if on {
		return 1
	}
	return 0
}

// toSubmit maps a submit. The SP is billed (Fee_UserType 2) and the message is
// free for the handset (FeeType 01): messages of the 106 business are paid by
// the enterprise.
func (b *cmppBinding) toSubmit(s *Submit) *cmpp.Submit {
	p := &cmpp.Submit{
		PkTotal: max(s.Total, 1), PkNumber: max(s.Number, 1), RegisteredDelivery: flag(s.WantReport),
		ServiceID: s.ServiceID, FeeUserType: 2, TPUDHI: flag(s.UDHI), MsgFmt: s.Coding, MsgSrc: b.login,
		FeeType: "01", FeeCode: "0", SrcID: s.Source, Dest: bare(s.Dests), Content: s.Content,
	}
	if !s.ValidUntil.IsZero() {
		p.ValidTime = cmpp.FormatTime(s.ValidUntil)
	}
	return p
}

// deliverID makes the id of a DELIVER from the server's running number.
func (b *cmppBinding) deliverID(number uint64) uint64 {
	return cmpp.MsgID(b.now(), b.gateway, uint16(number)) //nolint:gosec // it wraps by design, CMPP 3.0 §8.4.3.2
}

func (b *cmppBinding) toReport(m *message) (*cmpp.Deliver, error) {
	id, err := parseCMPPID(m.report.ID)
	if err != nil {
		return nil, err
	}
	r := cmpp.Report{
		MsgID: id, Stat: m.report.Stat, SubmitTime: m.report.SubmitTime, DoneTime: m.report.DoneTime,
		Dest: strings.TrimPrefix(m.report.Dest, "+"), SMSCSequence: uint32(m.number), //nolint:gosec // wraps by design
	}
	content, err := r.Append(nil, b.v)
	if err != nil {
		return nil, err
	}
	return &cmpp.Deliver{
		MsgID: b.deliverID(m.number), DestID: m.report.Source, SrcTerminalID: strings.TrimPrefix(m.report.Dest, "+"),
		RegisteredDelivery: 1, Content: content,
	}, nil
}

func (b *cmppBinding) toMO(m *message) (*cmpp.Deliver, error) {
	id, err := parseCMPPID(m.mo.ID)
	if err != nil {
		return nil, err
	}
	if id == 0 {
		id = b.deliverID(m.number)
	}
	return &cmpp.Deliver{
		MsgID: id, DestID: m.mo.Dest, ServiceID: m.mo.ServiceID, TPUDHI: flag(m.mo.UDHI), MsgFmt: m.mo.Coding,
		SrcTerminalID: strings.TrimPrefix(m.mo.Source, "+"), Content: m.mo.Content,
	}, nil
}

// cmppID is the text of a Msg_Id: 64 unsigned bits in decimal, opaque, for many gateways
// do not keep to the layout. Text, because JSON is exact to 53 bits only.
// CMPP 3.0 §8.4.3.2.
func cmppID(id uint64) string { return strconv.FormatUint(id, 10) }

func parseCMPPID(s string) (uint64, error) {
	if s == "" {
		return 0, nil
	}
	id, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("id %.24q is no decimal number of 64 bits", s)
	}
	return id, nil
}

// chinaTime is the zone of every time on these links.
func chinaTime() *time.Location { return time.FixedZone("CST", 8*60*60) }

// parseValidity reads YYMMDDhhmmsstnnp: absolute with an offset of nn quarter
// hours east (+) or west (-) of UTC, or relative to now (R). Sixteen characters
// are needed; anything else is as good as no validity.
func parseValidity(s string, now time.Time) (time.Time, bool) {
	if len(s) != 16 {
		return time.Time{}, false
	}
	var n [8]int // YY MM DD hh mm ss, tenth, quarters
	for i, at := range [8][2]int{{0, 2}, {2, 4}, {4, 6}, {6, 8}, {8, 10}, {10, 12}, {12, 13}, {13, 15}} {
		for _, c := range []byte(s[at[0]:at[1]]) {
			if c < '0' || c > '9' {
				return time.Time{}, false
			}
			n[i] = n[i]*10 + int(c-'0')
		}
	}
	tenth := n[6] * int(100*time.Millisecond)
	east := n[7] * 15 * 60
	switch s[15] {
	case 'R':
		span := time.Duration(n[3])*time.Hour + time.Duration(n[4])*time.Minute + time.Duration(n[5])*time.Second
		return now.AddDate(n[0], n[1], n[2]).Add(span), true
	case '-':
		east = -east
	case '+':
	default:
		return time.Time{}, false
	}
	if n[1] < 1 || n[1] > 12 || n[2] < 1 || n[2] > 31 || n[3] > 23 || n[4] > 59 || n[5] > 59 {
		return time.Time{}, false
	}
	t := time.Date(2000+n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], tenth, time.FixedZone("", east))
	return t.In(chinaTime()), true
}
