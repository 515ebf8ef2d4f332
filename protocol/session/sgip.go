package session

import (
	"bufio"
	"context"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/zhunxin/zhunxin/protocol/sgip"
)

// SGIPOptions are what only SGIP has.
type SGIPOptions struct {
	// Node is our node number, which makes our sequences unique: sgip.SPNode.
	Node uint32
	// CorpID is the enterprise code, five digits.
	CorpID string
}

// SGIP has no heartbeat, and whoever has something to say connects. Its gateways drop an
// idle connection after a minute, so the client leaves before. SGIP 1.2 §3.7.2.
const (
	sgipClientIdle = 50 * time.Second
	sgipServerIdle = 60 * time.Second
	sgipResponse   = 30 * time.Second
	sgipWindow     = 32
)

// DialSGIP connects to a gateway to submit. What the gateway has to say does not come
// here: see ServeSGIP with a Receiver.
func DialSGIP(ctx context.Context, cfg ClientConfig, h ClientHandler) (*Client, error) {
	return dialSGIP(ctx, cfg, h, sgip.LoginSP)
}

// DialSGIPBack connects to a service provider's listener, as gateways do, to bring
// reports and messages from handsets by Client.Report and Client.MO.
func DialSGIPBack(ctx context.Context, cfg ClientConfig, h ClientHandler) (*Client, error) {
	return dialSGIP(ctx, cfg, h, sgip.LoginSMG)
}

func dialSGIP(ctx context.Context, cfg ClientConfig, h ClientHandler, as sgip.LoginType) (*Client, error) {
	cfg.Idle = orDefault(cfg.Idle, sgipClientIdle)
	cfg.ResponseTimeout = orDefault(cfg.ResponseTimeout, sgipResponse)
	cfg.Window = min(orDefault(cfg.Window, sgipWindow), sgipWindow)
	return dial(ctx, cfg, h, func(conn net.Conn, br *bufio.Reader, cfg *ClientConfig) (binding, error) {
		return sgipLogin(conn, br, cfg, as)
	})
}

// ServeSGIP accepts connections on ln until Shutdown or the end of ctx. With a handler
// that is a Receiver gateways bring reports and messages; with any other, service
// providers submit.
func ServeSGIP(ctx context.Context, ln net.Listener, cfg ServerConfig, h ServerHandler) *Server {
	cfg.Idle = orDefault(cfg.Idle, sgipServerIdle)
	cfg.ResponseTimeout = orDefault(cfg.ResponseTimeout, sgipResponse)
	return serve(ctx, ln, cfg, h, sgipAdmit)
}

func sgipLogin(conn net.Conn, br *bufio.Reader, cfg *ClientConfig, as sgip.LoginType) (binding, error) {
	b := &sgipBinding{options: cfg.SGIP, now: cfg.Now, submits: as == sgip.LoginSP}
	seq := b.ref(1)
	frame, err := sgip.Append(nil, sgipSequence(seq), &sgip.Bind{Type: as, Name: cfg.Login, Password: cfg.Secret})
	if err != nil {
		return nil, err
	}
	answer, err := ask(conn, br, frame, sgip.HeaderSize, sgip.MaxFrame)
	if err != nil {
		return nil, err
	}
	h, pdu, err := sgip.Decode(answer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	resp, ok := pdu.(*sgip.BindResp)
	if !ok || h.Sequence != sgipSequence(seq) {
		return nil, fmt.Errorf("%w: answer to Bind is command 0x%08x", ErrProtocol, uint32(h.Command))
	}
	if resp.Result != sgip.ResultOK {
		return nil, &LoginError{Status: uint32(resp.Result), Reason: sgipLoginReason(resp.Result)}
	}
	return b, nil
}

func sgipLoginReason(r sgip.Result) string {
	switch r {
	case sgip.ResultBadLogin:
		return "unknown login or wrong password"
	case sgip.ResultRepeatedLogin:
		return "logged in already"
	case sgip.ResultTooManyConns:
		return "too many connections"
	case sgip.ResultBadLoginType:
		return "wrong login type"
	default:
		return "other error"
	}
}

func sgipAdmit(conn net.Conn, br *bufio.Reader, s *Server, remote netip.Addr, reserve func(Account) bool) (admission, error) {
	frame, err := takeFrame(br, sgip.HeaderSize, sgip.MaxFrame)
	if err != nil {
		return admission{}, err
	}
	h, pdu, err := sgip.Decode(frame)
	if err != nil {
		return admission{}, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	bind, ok := pdu.(*sgip.Bind)
	if !ok {
		return admission{}, fmt.Errorf("%w: first command is 0x%08x", ErrProtocol, uint32(h.Command))
	}
	_, receives := s.handler.(Receiver)
	a, status := sgipCheck(s, bind, receives, remote, reserve)
	out, err := sgip.Append(nil, h.Sequence, &sgip.BindResp{Result: status})
	if err != nil {
		return admission{}, err
	}
	if err := tell(conn, out, uint32(status), sgipLoginReason(status)); err != nil {
		return admission{}, err
	}
	b := &sgipBinding{options: SGIPOptions{Node: s.cfg.GatewayID}, now: s.cfg.Now, takesSubmits: !receives, takesReports: receives}
	return admission{binding: b, account: a, mute: true}, nil
}

func sgipCheck(s *Server, bind *sgip.Bind, receives bool, remote netip.Addr, reserve func(Account) bool) (Account, sgip.Result) {
	want := sgip.LoginSP
	if receives {
		want = sgip.LoginSMG
	}
	a, status := s.handler.Account(bind.Name, remote)
	switch {
	case bind.Type != want && bind.Type != sgip.LoginTest:
		return a, sgip.ResultBadLoginType
	case status != 0:
		return a, sgip.Result(min(status, 255)) //nolint:gosec // bounded
	case subtle.ConstantTimeCompare([]byte(a.Secret), []byte(bind.Password)) != 1:
		return a, sgip.ResultBadLogin
	}
	a.Login = bind.Name
	if !reserve(a) {
		return a, sgip.ResultTooManyConns
	}
	return a, sgip.ResultOK
}

// sgipBinding is SGIP on one connection, in one of its directions.
type sgipBinding struct {
	options      SGIPOptions
	now          func() time.Time
	submits      bool // we submit here
	takesSubmits bool // the peer does
	takesReports bool // the peer brings reports and messages from handsets
}

func (b *sgipBinding) limits() (shortest, longest int) { return sgip.HeaderSize, sgip.MaxFrame }
func (b *sgipBinding) busy() uint32                    { return uint32(sgip.ResultBusy) }
func (b *sgipBinding) traits() traits                  { return traits{silent: true, ownIDs: true} }

// ref numbers a request. Sequences are ids, and must differ between all connections of a
// node number, also those that begin within one second: each counts from another place.
// SGIP 1.2 §3.4.
func (b *sgipBinding) ref(seq uint32) Sequence {
	return Sequence{Node: b.options.Node, Time: sgip.Timestamp(b.now()), Count: seq}
}

func sgipSequence(s Sequence) sgip.Sequence {
	return sgip.Sequence{Node: s.Node, Time: s.Time, Count: s.Count}
}

// idOf is the text of a sequence that serves as a message's id.
func idOf(s Sequence) string { return sgipSequence(s).String() }

func (b *sgipBinding) decode(frame []byte, ev *event) error {
	h, pdu, err := sgip.Decode(frame)
	if errors.Is(err, sgip.ErrCommand) && h.Command&sgipAnswer == 0 {
		ev.kind, ev.note, ev.reply = evReply, err.Error(), unknownSGIP(h)
		return nil
	}
	if err != nil {
		return err
	}
	ev.ref = Sequence{Node: h.Sequence.Node, Time: h.Sequence.Time, Count: h.Sequence.Count}
	switch p := pdu.(type) {
	case *sgip.SubmitResp:
		b.answered(p.Result, ev)
	case *sgip.ReportResp:
		b.answered(p.Result, ev)
	case *sgip.DeliverResp:
		b.answered(p.Result, ev)
	case *sgip.Unbind:
		ev.kind = evQuit
	case *sgip.UnbindResp:
		ev.kind = evQuitAnswer
	default:
		return b.request(pdu, h.Sequence, ev)
	}
	return nil
}

// sgipAnswer is the bit that makes a request's command its response's.
const sgipAnswer sgip.Command = 1 << 31

// unknownSGIP answers a command that is not ours to know, as those between gateways, in the
// form that all responses have. SGIP 1.2, ErrorCode.
func unknownSGIP(h sgip.Header) []byte {
	const size = sgip.HeaderSize + 9
	b := binary.BigEndian.AppendUint32(make([]byte, 0, size), size)
	for _, v := range [4]uint32{uint32(h.Command | sgipAnswer), h.Sequence.Node, h.Sequence.Time, h.Sequence.Count} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return append(b, byte(sgip.ResultBadCommand), 0, 0, 0, 0, 0, 0, 0, 0)
}

func (b *sgipBinding) answered(r sgip.Result, ev *event) {
	ev.kind, ev.result = evAnswer, uint32(r)
	// 88 is no word of SGIP: vendors took it from SMPP. SGIP 1.2, ErrorCode.
	ev.overSpeed = r == sgip.ResultBusy || r == sgip.ResultVendorThrottle
}

// request reads what the peer asks for. A command in the wrong direction is answered with
// an error and does not cost the connection. SGIP 1.2 §3.7.2.
func (b *sgipBinding) request(pdu sgip.PDU, seq sgip.Sequence, ev *event) (err error) {
	var reply sgip.PDU
	switch p := pdu.(type) {
	case *sgip.Submit:
		if b.takesSubmits {
			b.received(p, ev)
			return nil
		}
		reply = &sgip.SubmitResp{Result: sgip.ResultBadCommand}
	case *sgip.Deliver:
		if b.takesReports {
			b.delivered(p, ev)
			return nil
		}
		reply = &sgip.DeliverResp{Result: sgip.ResultBadCommand}
	case *sgip.Report:
		if b.takesReports {
			ev.kind, ev.report = evReport, sgipReport(p)
			return nil
		}
		reply = &sgip.ReportResp{Result: sgip.ResultBadCommand}
	case *sgip.UserRpt: // always answered, never acted on. SGIP 1.2, USERRPT
		reply = &sgip.UserRptResp{}
		if !b.takesReports {
			reply = &sgip.UserRptResp{Result: sgip.ResultBadCommand}
		}
	case *sgip.Trace: // where a message passed is not kept by hop
		reply = &sgip.TraceResp{}
	case *sgip.Bind:
		reply = &sgip.BindResp{Result: sgip.ResultRepeatedLogin}
	default:
		return fmt.Errorf("command 0x%08x is not expected here", uint32(pdu.Command()))
	}
	ev.kind = evReply
	ev.reply, err = sgip.Append(nil, seq, reply)
	return err
}

// received maps SUBMIT.
func (b *sgipBinding) received(p *sgip.Submit, ev *event) {
	ev.kind = evSubmit
	dests := make([]string, len(p.UserNumbers))
	for i, u := range p.UserNumbers {
		dests[i] = without86(u)
	}
	ev.submit = Submit{
		Source: p.SPNumber, Dests: dests, ServiceID: p.ServiceType, Coding: p.MessageCoding, UDHI: hasUDH(p.TPUDHI),
		Content: append([]byte(nil), p.Content...), WantReport: p.ReportFlag == sgip.ReportAlways || p.ReportFlag == sgip.ReportOnFailure,
		Sequence: ev.ref,
	}
	if t, ok := parseValidity(p.ExpireTime, b.now()); ok {
		ev.submit.ValidUntil = t
	}
	if t, ok := parseValidity(p.ScheduleTime, b.now()); ok {
		ev.submit.SendAt = t
	}
}

// delivered maps DELIVER, whose id is its sequence.
func (b *sgipBinding) delivered(p *sgip.Deliver, ev *event) {
	ev.kind, ev.id = evMO, idOf(ev.ref)
	ev.mo = MO{
		ID: ev.id, Source: without86(p.UserNumber), Dest: p.SPNumber, Coding: p.MessageCoding, UDHI: hasUDH(p.TPUDHI),
		Content: append([]byte(nil), p.Content...),
	}
}

// The states of a report in the words of the other protocols; one that waits is not final.
// SGIP's report says neither source nor time, and a failure in a code of its own, which is
// kept. SGIP 1.2, REPORT.
func sgipReport(p *sgip.Report) Report {
	r := Report{ID: p.Submit.String(), Dest: without86(p.UserNumber)}
	switch p.State {
	case sgip.StateDelivered:
		r.Stat = "DELIVRD"
	case sgip.StateWaiting:
		r.Stat = "ACCEPTD"
	default:
		r.Stat, r.Err = "UNDELIV", fmt.Sprintf("%03d", p.ErrorCode)
	}
	return r
}

// sgipErrors are the codes for failures that another protocol's carrier reported.
var sgipErrors = map[string]sgip.Result{
	"EXPIRED": sgip.ResultUserAbsent, "DELETED": sgip.ResultSystemFailure, "UNDELIV": sgip.ResultUnreachable,
	"REJECTD": sgip.ResultNotProvided,
}

func toSGIPReport(r *Report) (*sgip.Report, error) {
	seq, err := sgip.ParseSequence(r.ID)
	if err != nil {
		return nil, err
	}
	p := &sgip.Report{Submit: seq, UserNumber: with86(r.Dest)}
	switch r.Stat {
	case "DELIVRD":
	case "ACCEPTD", "ENROUTE":
		p.State = sgip.StateWaiting
	default:
		p.State = sgip.StateFailed
		if code, err := strconv.ParseUint(r.Err, 10, 8); err == nil && code > 0 {
			p.ErrorCode = sgip.Result(code)
		} else if p.ErrorCode = sgipErrors[r.Stat]; p.ErrorCode == 0 {
			p.ErrorCode = sgip.ResultSystemFailure
		}
	}
	return p, nil
}

func (b *sgipBinding) encode(dst []byte, m *message) ([]byte, error) {
	var pdu sgip.PDU
	switch m.kind {
	case outSubmit:
		pdu = b.toSubmit(m.submit)
	case outReport:
		p, err := toSGIPReport(m.report)
		if err != nil {
			return dst, err
		}
		pdu = p
	case outMO:
		pdu = &sgip.Deliver{
			UserNumber: with86(m.mo.Source), SPNumber: m.mo.Dest, TPUDHI: flag(m.mo.UDHI), MessageCoding: m.mo.Coding, Content: m.mo.Content,
		}
	case outSubmitAnswer:
		pdu = &sgip.SubmitResp{Result: sgip.Result(min(m.result, 255))} //nolint:gosec // bounded
	case outDeliverAnswer:
		pdu = &sgip.DeliverResp{Result: sgip.Result(min(m.result, 255))} //nolint:gosec // bounded
	case outReportAnswer:
		pdu = &sgip.ReportResp{Result: sgip.Result(min(m.result, 255))} //nolint:gosec // bounded
	case outQuit:
		pdu = &sgip.Unbind{}
	case outQuitAnswer:
		pdu = &sgip.UnbindResp{}
	default:
		return dst, fmt.Errorf("message kind %d has no SGIP form", m.kind)
	}
	return sgip.Append(dst, sgipSequence(m.ref), pdu)
}

// toSubmit maps a submit: the service provider pays, the handset did not ask for it, and
// a report is wanted whatever its result, for the default keeps silent on success. Each
// number begins with 86. SGIP 1.2, SUBMIT.
func (b *sgipBinding) toSubmit(s *Submit) *sgip.Submit {
	p := &sgip.Submit{
		SPNumber: s.Source, ChargeNumber: sgip.ChargeSP, UserNumbers: make([]string, len(s.Dests)), CorpID: b.options.CorpID,
		ServiceType: s.ServiceID, FeeType: 1, FeeValue: "0", GivenValue: "0", MorelateToMTFlag: 2, ReportFlag: sgip.ReportNever,
		TPUDHI: flag(s.UDHI), MessageCoding: s.Coding, Content: s.Content,
	}
	for i, d := range s.Dests {
		p.UserNumbers[i] = with86(d)
	}
	if s.WantReport {
		p.ReportFlag = sgip.ReportAlways
	}
	if !s.ValidUntil.IsZero() {
		p.ExpireTime = sgip.FormatTime(s.ValidUntil)
	}
	return p
}
