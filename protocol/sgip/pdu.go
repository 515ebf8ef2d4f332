package sgip

import (
	"fmt"

	"github.com/zhunxin/zhunxin/protocol/wire"
)

// LoginType says who logs in to whom.
type LoginType uint8

// The login types. GNS is the gateways' directory.
const (
	LoginSP      LoginType = 1 // service provider to gateway
	LoginSMG     LoginType = 2 // gateway to service provider
	LoginPeer    LoginType = 3 // gateway to gateway
	LoginSMGGNS  LoginType = 4 // gateway to GNS
	LoginGNSSMG  LoginType = 5 // GNS to gateway
	LoginGNSPair LoginType = 6 // GNS to its pair
	LoginTest    LoginType = 11
)

// Bind logs in. Name and password are given by the side that was connected to,
// and are in clear text. SGIP 1.2 §3.5; SGIP 1.2, BIND.
type Bind struct {
	Type     LoginType
	Name     string // at most 16 bytes
	Password string // at most 16 bytes
	Reserve  [8]byte
}

// Command is BIND.
func (*Bind) Command() Command { return CmdBind }

// AppendBody appends 41 bytes.
func (p *Bind) AppendBody(dst []byte) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.U8(uint8(p.Type))
	w.Text("Login Name", p.Name, 16)
	w.Text("Login Password", p.Password, 16)
	w.Bytes(p.Reserve[:])
	return w.Done()
}

// DecodeBody reads the body.
func (p *Bind) DecodeBody(body []byte) error {
	r := wire.NewReader(body)
	p.Type, p.Name, p.Password = LoginType(r.U8()), r.Trimmed(16), r.Trimmed(16)
	copy(p.Reserve[:], r.Bytes(8))
	return r.Err()
}

// empty is a body of no bytes.
type empty struct{}

// AppendBody appends nothing.
func (empty) AppendBody(dst []byte) ([]byte, error) { return dst, nil }

// DecodeBody reads nothing, whatever there is: servers are seen that answer UNBIND with the
// 9 bytes of every other response. SGIP 1.2, UNBIND.
func (empty) DecodeBody([]byte) error { return nil }

// Unbind logs out; either side may.
type Unbind struct{ empty }

// Command is UNBIND.
func (*Unbind) Command() Command { return CmdUnbind }

// UnbindResp answers Unbind.
type UnbindResp struct{ empty }

// Command is UNBIND_RESP.
func (*UnbindResp) Command() Command { return CmdUnbindResp }

// appendAnswer writes the body that all responses share but those to UNBIND and
// TRACE: 9 bytes.
func appendAnswer(dst []byte, result Result, reserve [8]byte) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.U8(uint8(result))
	w.Bytes(reserve[:])
	return w.Done()
}

func decodeAnswer(body []byte) (result Result, reserve [8]byte, err error) {
	r := wire.NewReader(body)
	result = Result(r.U8())
	copy(reserve[:], r.Bytes(8))
	return result, reserve, r.Err()
}

// BindResp answers a login.
type BindResp struct {
	Result  Result
	Reserve [8]byte
}

// Command is BIND_RESP.
func (*BindResp) Command() Command { return CmdBindResp }

// AppendBody appends the body.
func (p *BindResp) AppendBody(dst []byte) ([]byte, error) {
	return appendAnswer(dst, p.Result, p.Reserve)
}

// DecodeBody reads the body.
func (p *BindResp) DecodeBody(body []byte) (err error) {
	p.Result, p.Reserve, err = decodeAnswer(body)
	return err
}

// SubmitResp answers a submit. It has no id but the frame's Sequence. SGIP 1.2, SUBMIT.
type SubmitResp struct {
	Result  Result
	Reserve [8]byte
}

// Command is SUBMIT_RESP.
func (*SubmitResp) Command() Command { return CmdSubmitResp }

// AppendBody appends the body.
func (p *SubmitResp) AppendBody(dst []byte) ([]byte, error) {
	return appendAnswer(dst, p.Result, p.Reserve)
}

// DecodeBody reads the body.
func (p *SubmitResp) DecodeBody(body []byte) (err error) {
	p.Result, p.Reserve, err = decodeAnswer(body)
	return err
}

// DeliverResp answers a deliver.
type DeliverResp struct {
	Result  Result
	Reserve [8]byte
}

// Command is DELIVER_RESP.
func (*DeliverResp) Command() Command { return CmdDeliverResp }

// AppendBody appends the body.
func (p *DeliverResp) AppendBody(dst []byte) ([]byte, error) {
	return appendAnswer(dst, p.Result, p.Reserve)
}

// DecodeBody reads the body.
func (p *DeliverResp) DecodeBody(body []byte) (err error) {
	p.Result, p.Reserve, err = decodeAnswer(body)
	return err
}

// Report is a status report. It has no time: note when it came. SGIP 1.2, REPORT.
type Report struct {
	Submit     Sequence // of the message
	Type       uint8    // 0 about a SUBMIT, 1 about a DELIVER that was forwarded
	UserNumber string   // which of the SUBMIT's numbers
	State      State
	ErrorCode  Result // why, with StateFailed
	Reserve    [8]byte
}

// Command is REPORT.
func (*Report) Command() Command { return CmdReport }

// AppendBody appends 44 bytes.
func (p *Report) AppendBody(dst []byte) ([]byte, error) {
	w := wire.NewWriter(dst)
	putSequence(&w, p.Submit)
	w.U8(p.Type)
	w.Text("UserNumber", p.UserNumber, phoneLen)
	w.U8(uint8(p.State))
	w.U8(uint8(p.ErrorCode))
	w.Bytes(p.Reserve[:])
	return w.Done()
}

// DecodeBody reads the body.
func (p *Report) DecodeBody(body []byte) error {
	r := wire.NewReader(body)
	p.Submit, p.Type, p.UserNumber = getSequence(&r), r.U8(), r.Trimmed(phoneLen)
	p.State, p.ErrorCode = State(r.U8()), Result(r.U8())
	copy(p.Reserve[:], r.Bytes(8))
	return r.Err()
}

// ReportResp answers a report.
type ReportResp struct {
	Result  Result
	Reserve [8]byte
}

// Command is REPORT_RESP.
func (*ReportResp) Command() Command { return CmdReportResp }

// AppendBody appends the body.
func (p *ReportResp) AppendBody(dst []byte) ([]byte, error) {
	return appendAnswer(dst, p.Result, p.Reserve)
}

// DecodeBody reads the body.
func (p *ReportResp) DecodeBody(body []byte) (err error) {
	p.Result, p.Reserve, err = decodeAnswer(body)
	return err
}

// UserRpt tells of a change of a subscriber. It must be answered, even by who
// ignores it. SGIP 1.2, USERRPT.
type UserRpt struct {
	SPNumber      string
	UserNumber    string
	UserCondition uint8 // 0 cancelled, 1 suspended for debt, 2 restored
	Reserve       [8]byte
}

// Command is USERRPT.
func (*UserRpt) Command() Command { return CmdUserRpt }

// AppendBody appends 51 bytes.
func (p *UserRpt) AppendBody(dst []byte) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.Text("SPNumber", p.SPNumber, phoneLen)
	w.Text("UserNumber", p.UserNumber, phoneLen)
	w.U8(p.UserCondition)
	w.Bytes(p.Reserve[:])
	return w.Done()
}

// DecodeBody reads the body.
func (p *UserRpt) DecodeBody(body []byte) error {
	r := wire.NewReader(body)
	p.SPNumber, p.UserNumber, p.UserCondition = r.Trimmed(phoneLen), r.Trimmed(phoneLen), r.U8()
	copy(p.Reserve[:], r.Bytes(8))
	return r.Err()
}

// UserRptResp answers UserRpt.
type UserRptResp struct {
	Result  Result
	Reserve [8]byte
}

// Command is USERRPT_RESP.
func (*UserRptResp) Command() Command { return CmdUserRptResp }

// AppendBody appends the body.
func (p *UserRptResp) AppendBody(dst []byte) ([]byte, error) {
	return appendAnswer(dst, p.Result, p.Reserve)
}

// DecodeBody reads the body.
func (p *UserRptResp) DecodeBody(body []byte) (err error) {
	p.Result, p.Reserve, err = decodeAnswer(body)
	return err
}

// Trace asks which way a message went. SGIP 1.2, TRACE.
type Trace struct {
	Submit     Sequence // of the message
	UserNumber string   // which of the SUBMIT's numbers
	Reserve    [8]byte
}

// Command is TRACE.
func (*Trace) Command() Command { return CmdTrace }

// AppendBody appends 41 bytes.
func (p *Trace) AppendBody(dst []byte) ([]byte, error) {
	w := wire.NewWriter(dst)
	putSequence(&w, p.Submit)
	w.Text("UserNumber", p.UserNumber, phoneLen)
	w.Bytes(p.Reserve[:])
	return w.Done()
}

// DecodeBody reads the body.
func (p *Trace) DecodeBody(body []byte) error {
	r := wire.NewReader(body)
	p.Submit, p.UserNumber = getSequence(&r), r.Trimmed(phoneLen)
	copy(p.Reserve[:], r.Bytes(8))
	return r.Err()
}

// Hop is one node that a traced message passed.
type Hop struct {
	Result      Result
	NodeID      string // at most 6 bytes
	ReceiveTime string // see FormatTime
	SendTime    string // see FormatTime
	Reserve     [8]byte
}

// maxHops is the most that the one byte of Count can say. MaxFrame holds 86.
const maxHops = 255

// TraceResp answers Trace.
type TraceResp struct{ Hops []Hop }

// Command is TRACE_RESP.
func (*TraceResp) Command() Command { return CmdTraceResp }

// AppendBody appends 1+47n bytes.
func (p *TraceResp) AppendBody(dst []byte) ([]byte, error) {
	w := wire.NewWriter(dst)
	if n := len(p.Hops); n > maxHops {
		w.Fail(fmt.Errorf("field Count is %d, the most is %d", n, maxHops))
	}
	w.U8(uint8(len(p.Hops)))
	for i := range p.Hops {
		h := &p.Hops[i]
		w.U8(uint8(h.Result))
		w.Text("NodeId", h.NodeID, 6)
		w.Text("ReceiveTime", h.ReceiveTime, 16)
		w.Text("SendTime", h.SendTime, 16)
		w.Bytes(h.Reserve[:])
	}
	return w.Done()
}

// DecodeBody reads the body. Hops is reused, and grows no further than the body
// goes.
func (p *TraceResp) DecodeBody(body []byte) error {
	r := wire.NewReader(body)
	n := int(r.U8())
	p.Hops = p.Hops[:0]
	for len(p.Hops) < n && r.Err() == nil {
		h := Hop{Result: Result(r.U8()), NodeID: r.Trimmed(6), ReceiveTime: r.Trimmed(16), SendTime: r.Trimmed(16)}
		copy(h.Reserve[:], r.Bytes(8))
		p.Hops = append(p.Hops, h)
	}
	return r.Err()
}
