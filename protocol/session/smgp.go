package session

import (
	"bufio"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/protocol/smgp"
)

// The SMGP dialects, for ClientConfig.Version and Account.Version.
const (
	SMGP13 = Version(smgp.V13)
	SMGP30 = Version(smgp.V30)
)

// SMGPMode is what a connection is for.
type SMGPMode uint8

// The modes. Some gateways want one connection to send and one to receive.
const (
	SMGPBoth SMGPMode = iota
	SMGPSend
	SMGPReceive
)

// SMGPOptions are what only SMGP has. Which optional fields a gateway wants, and which it
// refuses, differs: one that is empty is not sent. SMGP 3.0.3 §6.3.
type SMGPOptions struct {
	Mode       SMGPMode
	MsgSrc     string // enterprise code, at most 8 bytes
	MServiceID string // product id, at most 21 bytes
}

// DialSMGP connects, logs in and returns the running connection. The server's own proof
// is not insisted on: gateways send any bytes. SMGP 3.0.3 §6.2.7.
func DialSMGP(ctx context.Context, cfg ClientConfig, h ClientHandler) (*Client, error) {
	if cfg.Version == 0 {
		cfg.Version = SMGP30
	}
	if !knownSMGP(cfg.Version) {
		return nil, fmt.Errorf("session: SMGP has no version 0x%02x", uint8(cfg.Version))
	}
	return dial(ctx, cfg, h, smgpLogin)
}

// ServeSMGP accepts SMGP connections on ln until Shutdown, or until ctx ends.
func ServeSMGP(ctx context.Context, ln net.Listener, cfg ServerConfig, h ServerHandler) *Server {
	return serve(ctx, ln, cfg, h, smgpAdmit)
}

func knownSMGP(v Version) bool { return v == SMGP13 || v == SMGP30 }

func smgpLogin(conn net.Conn, br *bufio.Reader, cfg *ClientConfig) (binding, error) {
	v := smgp.Version(cfg.Version)
	stamp := smgp.Timestamp(cfg.Now())
	mode := map[SMGPMode]uint8{SMGPBoth: smgp.ModeBoth, SMGPSend: smgp.ModeSend, SMGPReceive: smgp.ModeReceive}[cfg.SMGP.Mode]
	proof := smgp.Authenticator(cfg.Login, cfg.Secret, stamp)
	frame, err := smgp.Append(nil, v, 1, &smgp.Login{ClientID: cfg.Login, Authenticator: proof, LoginMode: mode, Timestamp: stamp, Version: v})
	if err != nil {
		return nil, err
	}
	answer, err := ask(conn, br, frame, smgp.HeaderSize, smgp.MaxFrame)
	if err != nil {
		return nil, err
	}
	h, pdu, err := smgp.Decode(v, answer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	resp, ok := pdu.(*smgp.LoginResp)
	if !ok || h.Sequence != 1 {
		return nil, fmt.Errorf("%w: answer to Login is command 0x%08x", ErrProtocol, uint32(h.Command))
	}
	if resp.Status != smgp.StatusOK {
		return nil, &LoginError{Status: resp.Status, Reason: smgpLoginReason(resp.Status)}
	}
	if resp.Authenticator != smgp.ServerAuthenticator(resp.Status, proof, cfg.Secret) {
		cfg.Logger.Info("the server's login proof is not the expected one")
	}
	return &smgpBinding{v: v, options: cfg.SMGP, now: cfg.Now}, nil
}

func smgpLoginReason(status uint32) string {
	switch status {
	case smgp.StatusBusy:
		return "system busy"
	case smgp.StatusConnections:
		return "too many connections"
	case smgp.StatusAddress:
		return "address not allowed"
	case smgp.StatusAuth, cmppWrongProof: // SMGP 3.0.3 §6.2.6; servers are seen that answer with CMPP's number
		return "authentication failed"
	case smgp.StatusVersion:
		return "version too high"
	default:
		return "other error"
	}
}

// smgpAdmit reads Login and answers it. The dialect is the account's.
func smgpAdmit(conn net.Conn, br *bufio.Reader, s *Server, remote netip.Addr, reserve func(Account) bool) (admission, error) {
	frame, err := takeFrame(br, smgp.HeaderSize, smgp.MaxFrame)
	if err != nil {
		return admission{}, err
	}
	h, pdu, err := smgp.Decode(smgp.V30, frame)
	if err != nil {
		return admission{}, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	login, ok := pdu.(*smgp.Login)
	if !ok {
		return admission{}, fmt.Errorf("%w: first command is 0x%08x", ErrProtocol, uint32(h.Command))
	}
	a, status := smgpCheck(s, login, remote, reserve)
	if !knownSMGP(a.Version) {
		a.Version = SMGP30
		if login.Version == smgp.V13 {
			a.Version = SMGP13
		}
	}
	v := smgp.Version(a.Version)
	resp := &smgp.LoginResp{Status: status, Version: v}
	if status == smgp.StatusOK {
		resp.Authenticator = smgp.ServerAuthenticator(status, login.Authenticator, a.Secret)
	}
	out, err := smgp.Append(nil, v, h.Sequence, resp)
	if err != nil {
		return admission{}, err
	}
	if err := tell(conn, out, status, smgpLoginReason(status)); err != nil {
		return admission{}, err
	}
	b := &smgpBinding{v: v, now: s.cfg.Now, gateway: s.cfg.GatewayID, mute: login.LoginMode == smgp.ModeReceive}
	return admission{binding: b, account: a, mute: login.LoginMode == smgp.ModeSend}, nil
}

// smgpHighest is the last version that a client may name: what is new in another major one
// would be read wrongly. Below it the account's version decides, whatever is named.
const smgpHighest smgp.Version = 0x3F

func smgpCheck(s *Server, p *smgp.Login, remote netip.Addr, reserve func(Account) bool) (Account, uint32) {
	a, status := s.handler.Account(p.ClientID, remote)
	if status != 0 {
		return a, status
	}
	want := smgp.Authenticator(p.ClientID, a.Secret, p.Timestamp)
	if subtle.ConstantTimeCompare(want[:], p.Authenticator[:]) != 1 {
		return a, smgp.StatusAuth
	}
	if p.Version > smgpHighest {
		return a, smgp.StatusVersion
	}
	a.Login = p.ClientID
	if !reserve(a) {
		return a, smgp.StatusConnections
	}
	return a, smgp.StatusOK
}

// smgpBinding is SMGP on one connection, for both roles.
type smgpBinding struct {
	v       smgp.Version
	options SMGPOptions
	gateway uint32
	mute    bool // the peer may not submit here
	now     func() time.Time
	submit  smgp.SubmitResp  // reused by decode
	deliver smgp.DeliverResp // reused by decode
}

func (b *smgpBinding) limits() (shortest, longest int) { return smgp.HeaderSize, smgp.MaxFrame }
func (b *smgpBinding) ref(seq uint32) Sequence         { return Sequence{Count: seq} }
func (b *smgpBinding) busy() uint32                    { return smgp.StatusBusy }
func (b *smgpBinding) traits() traits                  { return traits{} }

func (b *smgpBinding) decode(frame []byte, ev *event) error {
	h, err := smgp.DecodeHeader(frame)
	if err != nil {
		return err
	}
	ev.ref = Sequence{Count: h.Sequence}
	switch h.Command { // the two answers that come by the thousand
	case smgp.CmdSubmitResp:
		err = b.submit.DecodeBody(frame[smgp.HeaderSize:], b.v)
		b.answered(b.submit.Status, ev)
		switch ev.result {
		case smgp.StatusOK:
			ev.id = b.submit.MsgID.String()
		case smgp.StatusVolume: // asked again today it would say the same, SMGP 3.0.3 §6.2.6
			ev.overSpeed, ev.dayOver = true, true
		}
		return err
	case smgp.CmdDeliverResp:
		err = b.deliver.DecodeBody(frame[smgp.HeaderSize:], b.v)
		b.answered(b.deliver.Status, ev)
		return err
	}
	_, pdu, err := smgp.Decode(b.v, frame)
	if errors.Is(err, smgp.ErrTLV) { // what it says is known, all but its options, SMGP 3.0.3 §6.3
		return b.malformed(pdu, h.Sequence, ev, err)
	}
	if err != nil {
		return err
	}
	switch p := pdu.(type) {
	case *smgp.Submit:
		return b.received(p, ev)
	case *smgp.Deliver:
		return b.delivered(p, h.Sequence, ev)
	case *smgp.ActiveTest:
		ev.kind = evPing
	case *smgp.ActiveTestResp:
		ev.kind = evPong
	case *smgp.Exit:
		ev.kind = evQuit
	case *smgp.ExitResp:
		ev.kind = evQuitAnswer
	case *smgp.Query: // no statistics are kept here: the counters are zero
		return b.reply(ev, h.Sequence, &smgp.QueryResp{Time: p.Time, QueryType: p.QueryType, QueryCode: p.QueryCode})
	default:
		return fmt.Errorf("command 0x%08x is not expected here", uint32(h.Command))
	}
	return nil
}

// answered: no status says over speed; busy may be tried again. SMGP 3.0.3 §6.2.6.
func (b *smgpBinding) answered(status uint32, ev *event) {
	ev.kind, ev.result, ev.overSpeed = evAnswer, status, status == smgp.StatusBusy
}

func (b *smgpBinding) reply(ev *event, seq uint32, pdu smgp.PDU) (err error) {
	ev.kind = evReply
	ev.reply, err = smgp.Append(nil, b.v, seq, pdu)
	return err
}

func (b *smgpBinding) malformed(pdu smgp.PDU, seq uint32, ev *event, why error) error {
	ev.note = why.Error()
	switch p := pdu.(type) {
	case *smgp.Submit:
		return b.reply(ev, seq, &smgp.SubmitResp{Status: smgp.StatusMalformed})
	case *smgp.Deliver:
		return b.reply(ev, seq, &smgp.DeliverResp{MsgID: p.MsgID, Status: smgp.StatusMalformed})
	}
	return why
}

func (b *smgpBinding) received(p *smgp.Submit, ev *event) error {
	if b.mute {
		return b.reply(ev, ev.ref.Count, &smgp.SubmitResp{Status: smgp.StatusCommand})
	}
	ev.kind = evSubmit
	total, _ := p.TLVs.Byte(smgp.TagPkTotal)
	number, _ := p.TLVs.Byte(smgp.TagPkNumber)
	ev.submit = Submit{
		Source: p.SrcTermID, Dests: make([]string, len(p.Dest)), ServiceID: p.ServiceID, Coding: p.MsgFormat, UDHI: p.TLVs.HasUDH(),
		Total: total, Number: number, Content: append([]byte(nil), p.Content...), WantReport: p.NeedReport == 1, Sequence: ev.ref,
	}
	for i, d := range p.Dest {
		ev.submit.Dests[i] = without86(d)
	}
	if t, ok := parseValidity(p.ValidTime, b.now()); ok {
		ev.submit.ValidUntil = t
	}
	if t, ok := parseValidity(p.AtTime, b.now()); ok {
		ev.submit.SendAt = t
	}
	return nil
}

// delivered maps Deliver to a report or an MO. A report that can't be read is answered as
// malformed, so that the gateway's retry does not cost the link.
func (b *smgpBinding) delivered(p *smgp.Deliver, seq uint32, ev *event) error {
	ev.id = p.MsgID.String()
	if p.IsReport == 0 {
		ev.kind = evMO
		ev.mo = MO{
			ID: ev.id, Source: without86(p.SrcTermID), Dest: p.DestTermID, Coding: p.MsgFormat, UDHI: p.TLVs.HasUDH(),
			Content: append([]byte(nil), p.Content...),
		}
		return nil
	}
	r, err := smgp.ParseReport(p.Content)
	if err != nil {
		return b.malformed(p, seq, ev, fmt.Errorf("status report that cannot be read: %w", err))
	}
	ev.kind = evReport
	ev.report = Report{
		ID: r.MsgID.String(), Dest: without86(p.SrcTermID), Source: p.DestTermID, Stat: r.Stat, SubmitTime: r.SubmitTime, DoneTime: r.DoneTime,
	}
	if strings.Trim(r.Err, "0") != "" {
		ev.report.Err = r.Err
	}
	return nil
}

func (b *smgpBinding) encode(dst []byte, m *message) ([]byte, error) {
	pdu, err := b.pdu(m)
	if err != nil {
		return dst, err
	}
	return smgp.Append(dst, b.v, m.ref.Count, pdu)
}

func (b *smgpBinding) pdu(m *message) (smgp.PDU, error) {
	switch m.kind {
	case outSubmit:
		return b.toSubmit(m.submit), nil
	case outReport:
		return b.toReport(m)
	case outMO:
		return b.toMO(m)
	case outSubmitAnswer:
		id, err := smgpID(m.id)
		return &smgp.SubmitResp{MsgID: id, Status: m.result}, err
	case outDeliverAnswer:
		id, err := smgpID(m.id)
		return &smgp.DeliverResp{MsgID: id, Status: m.result}, err
	case outPing:
		return &smgp.ActiveTest{}, nil
	case outPong:
		return &smgp.ActiveTestResp{}, nil
	case outQuit:
		return &smgp.Exit{}, nil
	case outQuitAnswer:
		return &smgp.ExitResp{}, nil
	default:
		return nil, fmt.Errorf("message kind %d has no SMGP form", m.kind)
	}
}

// smgpID makes ten bytes of an id: its own 20 digits, or a shorter decimal number filled
// up with zeros, as BCD.
func smgpID(id string) (smgp.MsgID, error) {
	const digits = 20
	if len(id) < digits {
		id = strings.Repeat("0", digits-len(id)) + id
	}
	return smgp.ParseMsgID(id)
}

// toSubmit maps a submit; it is free for the handset.
func (b *smgpBinding) toSubmit(s *Submit) *smgp.Submit {
	p := &smgp.Submit{
		MsgType: smgp.MsgTypeMT, NeedReport: flag(s.WantReport), ServiceID: s.ServiceID, FeeType: "00", FeeCode: "0",
		MsgFormat: s.Coding, SrcTermID: s.Source, Dest: bare(s.Dests), Content: s.Content,
	}
	if b.v != smgp.V13 {
		p.FixedFee = "0"
	}
	if !s.ValidUntil.IsZero() {
		p.ValidTime = smgp.FormatTime(s.ValidUntil)
	}
	if s.UDHI {
		p.TLVs = append(p.TLVs, smgp.ByteTLV(smgp.TagTPUDHI, 1))
	}
	if s.Total > 1 {
		p.TLVs = append(p.TLVs, smgp.ByteTLV(smgp.TagPkTotal, s.Total), smgp.ByteTLV(smgp.TagPkNumber, s.Number))
	}
	if b.options.MsgSrc != "" {
		p.TLVs = append(p.TLVs, smgp.TextTLV(smgp.TagMsgSrc, b.options.MsgSrc))
	}
	if b.options.MServiceID != "" {
		p.TLVs = append(p.TLVs, smgp.TextTLV(smgp.TagMServiceID, b.options.MServiceID))
	}
	return p
}

// deliverID makes the id of a Deliver from the server's running number.
func (b *smgpBinding) deliverID(number uint64) (smgp.MsgID, error) {
	return smgp.NewMsgID(b.now(), b.gateway, uint32(number%(smgp.MaxMsgIDPart+1)))
}

func (b *smgpBinding) toReport(m *message) (smgp.PDU, error) {
	about, err := smgpID(m.report.ID)
	if err != nil {
		return nil, err
	}
	id, err := b.deliverID(m.number)
	if err != nil {
		return nil, err
	}
	r := smgp.Report{
		MsgID: about, Sub: "001", Dlvrd: "000", SubmitTime: m.report.SubmitTime, DoneTime: m.report.DoneTime,
		Stat: m.report.Stat, Err: m.report.Err, Text: smgp.ReportText(nil),
	}
	if r.Stat == "DELIVRD" {
		r.Dlvrd, r.Err = "001", "000"
	}
	content, err := r.Append(nil)
	return &smgp.Deliver{
		MsgID: id, IsReport: 1, RecvTime: smgp.FormatRecvTime(b.now()), SrcTermID: strings.TrimPrefix(m.report.Dest, "+"), DestTermID: m.report.Source, Content: content,
	}, err
}

func (b *smgpBinding) toMO(m *message) (smgp.PDU, error) {
	id, err := b.deliverID(m.number)
	if err == nil && m.mo.ID != "" {
		id, err = smgpID(m.mo.ID)
	}
	p := &smgp.Deliver{
		MsgID: id, MsgFormat: m.mo.Coding, RecvTime: smgp.FormatRecvTime(b.now()), SrcTermID: strings.TrimPrefix(m.mo.Source, "+"), DestTermID: m.mo.Dest, Content: m.mo.Content,
	}
	if m.mo.UDHI {
		p.TLVs = smgp.TLVs{smgp.ByteTLV(smgp.TagTPUDHI, 1)}
	}
	return p, err
}
