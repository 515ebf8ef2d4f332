package session

import (
	"bufio"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/zhunxin/zhunxin/protocol/smpp"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// SMPP34 is the only version, for ClientConfig.Version and Account.Version.
const SMPP34 = Version(smpp.Version)

// smppHeartbeat is how long either side may be silent: shorter than in the Chinese
// protocols, because centres drop a connection after a minute or less.
const smppHeartbeat = 30 * time.Second

// SMPPBind is what a connection is for.
type SMPPBind uint8

// The binds. SMPP 3.4 §4.1.1.
const (
	SMPPTransceiver SMPPBind = iota
	SMPPTransmitter
	SMPPReceiver
)

// SMPPIDs says in which base a centre writes its ids: some answer a submit in one and
// send the receipt in the other. SMPP 3.4 §5.2.23 has them opaque.
type SMPPIDs uint8

// The bases.
const (
	SMPPSame      SMPPIDs = iota // ids are opaque text, the same in both places
	SMPPHexThenID                // hexadecimal in the answer, decimal in the receipt
	SMPPIDThenHex                // decimal in the answer, hexadecimal in the receipt
)

// SMPPAddress is the type and plan of numbers. SMPP 3.4 §5.2.5, §5.2.6.
type SMPPAddress struct{ TON, NPI uint8 }

// SMPPOptions are what only SMPP has. A nil address is the usual one: for the destination
// an international telephone number, for the source an unknown number, or a name if it
// holds anything but digits.
type SMPPOptions struct {
	Bind        SMPPBind
	SystemType  string
	IDs         SMPPIDs
	Source      *SMPPAddress
	Destination *SMPPAddress
	// SAR sends the parts of a long message with sar_ parameters in place of a user data
	// header.
	SAR bool
}

// DialSMPP connects, binds and returns the running connection. The secret is sent in
// clear and has at most eight bytes.
func DialSMPP(ctx context.Context, cfg ClientConfig, h ClientHandler) (*Client, error) {
	cfg.Heartbeat = orDefault(cfg.Heartbeat, smppHeartbeat)
	return dial(ctx, cfg, h, smppLogin)
}

// ServeSMPP accepts SMPP connections on ln until Shutdown, or until ctx ends.
func ServeSMPP(ctx context.Context, ln net.Listener, cfg ServerConfig, h ServerHandler) *Server {
	cfg.Heartbeat = orDefault(cfg.Heartbeat, smppHeartbeat)
	return serve(ctx, ln, cfg, h, smppAdmit)
}

func smppLogin(conn net.Conn, br *bufio.Reader, cfg *ClientConfig) (binding, error) {
	as := map[SMPPBind]smpp.Command{
		SMPPTransceiver: smpp.CmdBindTransceiver, SMPPTransmitter: smpp.CmdBindTransmitter, SMPPReceiver: smpp.CmdBindReceiver,
	}[cfg.SMPP.Bind]
	frame, err := smpp.Append(nil, smpp.StatusOK, 1, &smpp.Bind{
		Type: as, SystemID: cfg.Login, Password: cfg.Secret, SystemType: cfg.SMPP.SystemType, InterfaceVersion: smpp.Version,
	})
	if err != nil {
		return nil, err
	}
	answer, err := ask(conn, br, frame, smpp.HeaderSize, smpp.MaxFrame)
	if err != nil {
		return nil, err
	}
	h, pdu, err := smpp.Decode(answer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	switch pdu.(type) {
	case *smpp.BindResp, *smpp.GenericNack:
	default:
		return nil, fmt.Errorf("%w: answer to bind is command 0x%08x", ErrProtocol, uint32(h.Command))
	}
	if h.Status != smpp.StatusOK || h.Command == smpp.CmdGenericNack {
		return nil, &LoginError{Status: uint32(h.Status), Reason: smppLoginReason(h.Status)}
	}
	return &smppBinding{options: cfg.SMPP, now: cfg.Now, client: true}, nil
}

func smppLoginReason(s smpp.Status) string {
	switch s {
	case smpp.StatusInvPassword:
		return "wrong password"
	case smpp.StatusInvSystemID:
		return "unknown system_id"
	case smpp.StatusBindFail:
		return "bind failed"
	case smpp.StatusAlreadyBound:
		return "bound already"
	default:
		return "other error"
	}
}

func smppAdmit(conn net.Conn, br *bufio.Reader, s *Server, remote netip.Addr, reserve func(Account) bool) (admission, error) {
	frame, err := takeFrame(br, smpp.HeaderSize, smpp.MaxFrame)
	if err != nil {
		return admission{}, err
	}
	h, pdu, err := smpp.Decode(frame)
	if err != nil {
		return admission{}, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	bind, ok := pdu.(*smpp.Bind)
	if !ok {
		return admission{}, fmt.Errorf("%w: first command is 0x%08x", ErrProtocol, uint32(h.Command))
	}
	a, status := smppCheck(s, bind, remote, reserve)
	resp := &smpp.BindResp{Type: bind.Type | smpp.CmdGenericNack}
	plain := bind.InterfaceVersion < smpp.Version // it knows no optional parameters, SMPP 3.4 §5.2.4
	if status == smpp.StatusOK {
		resp.SystemID = "zhunxin"
		if !plain {
			resp.TLVs.SetU8(smpp.TagScInterfaceVersion, smpp.Version)
		}
	}
	out, err := smpp.Append(nil, status, h.Sequence, resp)
	if err != nil {
		return admission{}, err
	}
	if err := tell(conn, out, uint32(status), smppLoginReason(status)); err != nil {
		return admission{}, err
	}
	b := &smppBinding{now: s.cfg.Now, plain: plain, mute: bind.Type == smpp.CmdBindReceiver}
	return admission{binding: b, account: a, mute: bind.Type == smpp.CmdBindTransmitter}, nil
}

func smppCheck(s *Server, bind *smpp.Bind, remote netip.Addr, reserve func(Account) bool) (Account, smpp.Status) {
	a, status := s.handler.Account(bind.SystemID, remote)
	switch {
	case status != 0:
		return a, smpp.Status(status)
	case subtle.ConstantTimeCompare([]byte(a.Secret), []byte(bind.Password)) != 1:
		return a, smpp.StatusInvPassword
	}
	a.Login, a.Version = bind.SystemID, SMPP34
	if !reserve(a) {
		return a, smpp.StatusBindFail
	}
	return a, smpp.StatusOK
}

// smppBinding is SMPP on one connection, for both roles.
type smppBinding struct {
	options SMPPOptions
	now     func() time.Time
	client  bool
	plain   bool              // the peer is older than 3.4 and knows no optional parameters
	mute    bool              // the peer may not submit here
	submit  smpp.SubmitSMResp // reused by decode
}

func (b *smppBinding) limits() (shortest, longest int) { return smpp.HeaderSize, smpp.MaxFrame }
func (b *smppBinding) traits() traits                  { return traits{} }

// ref wraps within the 31 bits that requests may have.
func (b *smppBinding) ref(seq uint32) Sequence {
	return Sequence{Count: (seq-1)%smpp.MaxSequence + 1}
}

// busy asks to slow down; to a centre it says that a deliver can't be taken now.
func (b *smppBinding) busy() uint32 {
	if b.client {
		return uint32(smpp.StatusRxTemporary)
	}
	return uint32(smpp.StatusThrottled)
}

func (b *smppBinding) decode(frame []byte, ev *event) error {
	h, err := smpp.DecodeHeader(frame)
	if err != nil {
		return err
	}
	ev.ref = Sequence{Count: h.Sequence}
	if h.Command == smpp.CmdSubmitSMResp { // it comes by the thousand
		b.answered(h.Status, ev)
		if h.Status != smpp.StatusOK {
			return nil
		}
		err := b.submit.DecodeBody(frame[smpp.HeaderSize:])
		ev.id = b.submittedID(b.submit.MessageID)
		return err
	}
	_, pdu, err := smpp.Decode(frame)
	switch {
	case errors.Is(err, smpp.ErrCommand):
		return b.reply(ev, smpp.StatusInvCmdID, &smpp.GenericNack{})
	case err != nil && !h.Command.IsResponse(): // the frame is whole: its fault is its own
		ev.note = err.Error()
		return b.reply(ev, smpp.StatusInvCmdLen, &smpp.GenericNack{})
	case err != nil:
		return err
	}
	if h.Command.IsResponse() {
		return b.response(pdu, h.Status, ev)
	}
	return b.request(pdu, ev)
}

func (b *smppBinding) answered(s smpp.Status, ev *event) {
	ev.kind, ev.result = evAnswer, uint32(s)
	// The three that may be sent again; the others are for good. SMPP 3.4 §5.1.3.
	ev.overSpeed = s == smpp.StatusThrottled || s == smpp.StatusMsgQueueFull || s == smpp.StatusSysErr
}

func (b *smppBinding) response(pdu smpp.PDU, status smpp.Status, ev *event) error {
	switch p := pdu.(type) {
	case *smpp.EnquireLinkResp:
		ev.kind = evPong
	case *smpp.UnbindResp:
		ev.kind = evQuitAnswer
	case *smpp.DataSMResp:
		b.answered(status, ev)
		ev.id = b.submittedID(p.MessageID)
	case *smpp.GenericNack, *smpp.DeliverSMResp:
		if b.answered(status, ev); ev.result == uint32(smpp.StatusRxTemporary) {
			ev.overSpeed = true
		}
		if _, nack := p.(*smpp.GenericNack); nack && status == smpp.StatusOK {
			ev.result = uint32(smpp.StatusUnknownErr)
		}
	default:
		return fmt.Errorf("command 0x%08x is not expected here", uint32(pdu.Command()))
	}
	return nil
}

func (b *smppBinding) reply(ev *event, status smpp.Status, pdu smpp.PDU) (err error) {
	ev.kind = evReply
	ev.reply, err = smpp.Append(nil, status, ev.ref.Count, pdu)
	return err
}

func (b *smppBinding) request(pdu smpp.PDU, ev *event) error {
	switch p := pdu.(type) {
	case *smpp.SubmitSM:
		if b.client || b.mute {
			return b.reply(ev, smpp.StatusInvBindStatus, &smpp.SubmitSMResp{})
		}
		return b.received(p, ev)
	case *smpp.DeliverSM:
		if !b.client {
			return b.reply(ev, smpp.StatusInvBindStatus, &smpp.DeliverSMResp{})
		}
		return b.delivered(p, p.TLVs, p.Receipt, ev)
	case *smpp.DataSM:
		return b.data(p, ev)
	case *smpp.EnquireLink:
		ev.kind = evPing
	case *smpp.Unbind:
		ev.kind = evQuit
	case *smpp.QuerySM: // the report tells; states are not served here
		return b.reply(ev, smpp.StatusQueryFail, &smpp.QuerySMResp{})
	case *smpp.CancelSM: // what was submitted can't be called back
		return b.reply(ev, smpp.StatusCancelFail, &smpp.CancelSMResp{})
	case *smpp.Bind:
		return b.reply(ev, smpp.StatusAlreadyBound, &smpp.BindResp{Type: p.Type | smpp.CmdGenericNack})
	case *smpp.AlertNotification, *smpp.Outbind: // they have no answer
		ev.kind = evPong
	default:
		return b.reply(ev, smpp.StatusInvCmdID, &smpp.GenericNack{})
	}
	return nil
}

// data reads data_sm, which is a submit or a deliver by its direction. Its answer is
// another PDU: the mark in Node says so.
func (b *smppBinding) data(p *smpp.DataSM, ev *event) error {
	seq := ev.ref
	ev.ref.Node = uint32(smpp.CmdDataSM)
	if b.client {
		d := &smpp.DeliverSM{
			SourceTON: p.SourceTON, SourceAddr: p.SourceAddr, DestAddr: p.DestAddr, ServiceType: p.ServiceType, EsmClass: p.EsmClass,
			DataCoding: p.DataCoding, ShortMessage: p.Payload(),
		}
		return b.delivered(d, p.TLVs, p.Receipt, ev)
	}
	if b.mute {
		ev.ref = seq
		return b.reply(ev, smpp.StatusInvBindStatus, &smpp.DataSMResp{})
	}
	return b.received(&smpp.SubmitSM{
		SourceAddr: p.SourceAddr, DestTON: p.DestTON, DestAddr: p.DestAddr, ServiceType: p.ServiceType, EsmClass: p.EsmClass, DataCoding: p.DataCoding,
		RegisteredDelivery: p.RegisteredDelivery, ShortMessage: p.Payload(), TLVs: p.TLVs,
	}, ev)
}

// received maps submit_sm. Parts told by sar_ parameters get the header that says the
// same; where a peer sends both, the header counts. SMPP 3.4 §5.3.2.
func (b *smppBinding) received(p *smpp.SubmitSM, ev *event) error {
	coding, content, err := fromSMPP(p.DataCoding, p.Payload(), p.EsmClass.HasUDH())
	if err != nil {
		ev.note = err.Error()
		return b.refuseSubmit(ev, err)
	}
	ev.kind = evSubmit
	ev.submit = Submit{
		Source: p.SourceAddr, Dests: []string{smppNumber(p.DestTON, p.DestAddr)}, ServiceID: p.ServiceType, Coding: coding, UDHI: p.EsmClass.HasUDH(),
		Content: content, WantReport: p.RegisteredDelivery&(smpp.RegisteredReceipt|smpp.RegisteredFailure) != 0, Sequence: ev.ref,
	}
	if s, ok := p.TLVs.Segment(); ok && !ev.submit.UDHI && s.Total > 1 {
		ev.submit.UDHI, ev.submit.Total, ev.submit.Number = true, s.Total, s.Number
		ev.submit.Content = append(segmentHeader(s), content...)
	}
	if t, err := smpp.ParseTime(p.ValidityPeriod, b.now()); err == nil {
		ev.submit.ValidUntil = t
	}
	if t, err := smpp.ParseTime(p.ScheduleDeliveryTime, b.now()); err == nil {
		ev.submit.SendAt = t
	}
	return nil
}

// refuseSubmit refuses a content for good. SMPP 3.4 has no status for a data_coding; that
// of esm_class is for a header that can't be read. SMPP 3.4 §5.1.3.
func (b *smppBinding) refuseSubmit(ev *event, why error) error {
	status, data := smpp.StatusInvEsmClass, ev.ref.Node != 0
	if !errors.Is(why, smstext.ErrHeader) {
		status = smpp.StatusSubmitFail
	}
	if data {
		return b.reply(ev, status, &smpp.DataSMResp{})
	}
	return b.reply(ev, status, &smpp.SubmitSMResp{})
}

// segmentHeader is the user data header that says what the sar_ parameters say.
// GSM 03.40 §9.2.3.24.1.
func segmentHeader(s smpp.Segment) []byte {
	return []byte{6, 8, 4, byte(s.Ref >> 8), byte(s.Ref), s.Total, s.Number}
}

// delivered maps deliver_sm to a report or an MO. A receipt that can't be read is refused
// for good, so that the centre's retry does not cost the link.
func (b *smppBinding) delivered(p *smpp.DeliverSM, list smpp.TLVs, receipt func() (smpp.Receipt, error), ev *event) error {
	// A note on the way is asked for by nobody here, and no text of a handset. SMPP 3.4 §5.2.12.
	passing := p.EsmClass&smpp.EsmTypeMask == smpp.EsmIntermediate
	if !p.EsmClass.IsReceipt() && !passing {
		coding, content, err := fromSMPP(p.DataCoding, p.Payload(), p.EsmClass.HasUDH())
		if err != nil { // it may be a refusal that a person must read: it is kept as bytes
			ev.note = err.Error()
			coding, content = uint8(smstext.Binary), append([]byte(nil), p.Payload()...)
		}
		ev.kind = evMO
		ev.mo = MO{
			Source: smppNumber(p.SourceTON, p.SourceAddr), Dest: p.DestAddr, ServiceID: p.ServiceType, Coding: coding, UDHI: p.EsmClass.HasUDH(), Content: content,
		}
		if s, ok := list.Segment(); ok && !ev.mo.UDHI && s.Total > 1 {
			ev.mo.UDHI, ev.mo.Content = true, append(segmentHeader(s), content...)
		}
		if id, ok := list.CString(smpp.TagReceiptedMessageID); ok { // some centres tell it; SMPP has no other
			ev.mo.ID = id
		}
		return nil
	}
	r, err := receipt()
	if err != nil {
		ev.note = "receipt that cannot be read: " + err.Error()
		return b.refuse(ev)
	}
	ev.kind = evReport
	ev.report = Report{
		ID: b.receiptID(r.MessageID), Dest: smppNumber(p.SourceTON, p.SourceAddr), Source: p.DestAddr, Stat: r.Stat, SubmitTime: r.SubmitDate, DoneTime: r.DoneDate,
	}
	if passing {
		ev.report.Stat = smpp.StateEnroute.Stat() // whatever it says, it ends nothing
	}
	if r.NetworkCode != 0 {
		ev.report.Err = strconv.Itoa(int(r.NetworkCode))
	} else if code, err := strconv.Atoi(r.Err); err != nil || code != 0 {
		ev.report.Err = r.Err
	}
	return nil
}

func (b *smppBinding) refuse(ev *event) error {
	if ev.ref.Node != 0 {
		return b.reply(ev, smpp.StatusRxPermanent, &smpp.DataSMResp{})
	}
	return b.reply(ev, smpp.StatusRxPermanent, &smpp.DeliverSMResp{})
}

// submittedID and receiptID make the ids of both places alike: decimal, where the centre
// writes one of them in hexadecimal.
func (b *smppBinding) submittedID(id string) string {
	if n, ok := smpp.HexID(id); ok && b.options.IDs == SMPPHexThenID {
		return strconv.FormatUint(n, 10)
	}
	if n, ok := smpp.DecimalID(id); ok && b.options.IDs == SMPPIDThenHex {
		return strconv.FormatUint(n, 10) // without leading zeros
	}
	return id
}

func (b *smppBinding) receiptID(id string) string {
	if n, ok := smpp.DecimalID(id); ok && b.options.IDs == SMPPHexThenID {
		return strconv.FormatUint(n, 10)
	}
	if n, ok := smpp.HexID(id); ok && b.options.IDs == SMPPIDThenHex {
		return strconv.FormatUint(n, 10)
	}
	return id
}

func (b *smppBinding) encode(dst []byte, m *message) ([]byte, error) {
	status, pdu := smpp.StatusOK, smpp.PDU(nil)
	data := m.ref.Node == uint32(smpp.CmdDataSM)
	switch m.kind {
	case outSubmit:
		p, err := b.toSubmit(m.submit)
		if err != nil {
			return dst, err
		}
		pdu = p
	case outReport:
		p, err := b.toReceipt(m.report)
		if err != nil {
			return dst, err
		}
		pdu = p
	case outMO:
		coding, content, err := toSMPP(m.mo.Coding, m.mo.Content, m.mo.UDHI)
		if err != nil {
			return dst, err
		}
		p := &smpp.DeliverSM{SourceAddr: with86(m.mo.Source), DestAddr: m.mo.Dest, ServiceType: m.mo.ServiceID, DataCoding: coding}
		b.address(&p.SourceTON, &p.SourceNPI, &p.DestTON, &p.DestNPI)
		if m.mo.UDHI {
			p.EsmClass |= smpp.EsmUDHI
		}
		p.SetPayload(content)
		pdu = p
	case outSubmitAnswer:
		status, pdu = smpp.Status(m.result), &smpp.SubmitSMResp{MessageID: m.id}
		if data {
			pdu = &smpp.DataSMResp{MessageID: m.id}
		}
	case outDeliverAnswer:
		status, pdu = smpp.Status(m.result), &smpp.DeliverSMResp{}
		if data {
			pdu = &smpp.DataSMResp{}
		}
	case outPing:
		pdu = &smpp.EnquireLink{}
	case outPong:
		pdu = &smpp.EnquireLinkResp{}
	case outQuit:
		pdu = &smpp.Unbind{}
	case outQuitAnswer:
		pdu = &smpp.UnbindResp{}
	default:
		return dst, fmt.Errorf("message kind %d has no SMPP form", m.kind)
	}
	return smpp.Append(dst, status, m.ref.Count, pdu)
}

// address sets what a deliver's numbers are: the handset's international, ours unknown.
func (*smppBinding) address(handTON *smpp.TON, handNPI *smpp.NPI, ourTON *smpp.TON, ourNPI *smpp.NPI) {
	*handTON, *handNPI, *ourTON, *ourNPI = smpp.TONInternational, smpp.NPIISDN, smpp.TONUnknown, smpp.NPIISDN
}

// toSubmit maps a submit of one destination.
func (b *smppBinding) toSubmit(s *Submit) (*smpp.SubmitSM, error) {
	if len(s.Dests) != 1 {
		return nil, fmt.Errorf("submit_sm has one destination, not %d", len(s.Dests))
	}
	coding, content, err := toSMPP(s.Coding, s.Content, s.UDHI)
	if err != nil {
		return nil, err
	}
	p := &smpp.SubmitSM{ServiceType: s.ServiceID, SourceAddr: s.Source, DestAddr: with86(s.Dests[0]), DataCoding: coding}
	b.address(&p.DestTON, &p.DestNPI, &p.SourceTON, &p.SourceNPI)
	if named(s.Source) {
		p.SourceTON, p.SourceNPI = smpp.TONAlphanumeric, smpp.NPIUnknown
	}
	if a := b.options.Source; a != nil {
		p.SourceTON, p.SourceNPI = smpp.TON(a.TON), smpp.NPI(a.NPI)
	}
	if a := b.options.Destination; a != nil {
		p.DestTON, p.DestNPI = smpp.TON(a.TON), smpp.NPI(a.NPI)
	}
	if s.WantReport {
		p.RegisteredDelivery = smpp.RegisteredReceipt
	}
	if !s.ValidUntil.IsZero() {
		if p.ValidityPeriod, err = smpp.FormatTime(s.ValidUntil); err != nil {
			return nil, err
		}
	}
	if err := b.long(p, s, content); err != nil {
		return nil, err
	}
	return p, nil
}

// long says which part of a long message it is, in the way that the centre wants.
func (b *smppBinding) long(p *smpp.SubmitSM, s *Submit, content []byte) error {
	if !s.UDHI {
		p.SetPayload(content)
		return nil
	}
	u, body, err := smstext.ParseUDH(content)
	if err != nil {
		return err
	}
	if !b.options.SAR || u.Total < 2 {
		p.EsmClass |= smpp.EsmUDHI
		p.SetPayload(content)
		return nil
	}
	p.SetPayload(body)
	return p.TLVs.SetSegment(smpp.Segment{Ref: u.Ref, Total: u.Total, Number: u.Number})
}

// smppNumber reads a number by what its type says.
func smppNumber(ton smpp.TON, number string) string {
	if ton == smpp.TONInternational {
		return international(number)
	}
	return without86(number)
}

// named tells a sender's name from a number.
func named(source string) bool {
	for i := range len(source) {
		if source[i] < '0' || source[i] > '9' {
			return true
		}
	}
	return false
}

func (b *smppBinding) toReceipt(r *Report) (*smpp.DeliverSM, error) {
	p := &smpp.DeliverSM{SourceAddr: with86(r.Dest), DestAddr: r.Source}
	b.address(&p.SourceTON, &p.SourceNPI, &p.DestTON, &p.DestNPI)
	receipt := smpp.Receipt{
		MessageID: r.ID, Sub: "001", Dlvrd: "000", SubmitDate: r.SubmitTime, DoneDate: r.DoneTime, Stat: r.Stat, State: smpp.ParseStat(r.Stat), Err: r.Err,
	}
	if receipt.Err == "" {
		receipt.Err = "000"
	}
	if receipt.State == smpp.StateDelivered {
		receipt.Dlvrd = "001"
	}
	if err := p.SetReceipt(receipt); err != nil {
		return nil, err
	}
	if b.plain {
		p.TLVs = nil
	}
	return p, nil
}
