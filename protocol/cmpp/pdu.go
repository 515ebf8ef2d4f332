package cmpp

import (
	"errors"
	"fmt"

	"github.com/zhunxin/zhunxin/protocol/wire"
)

// putStatus writes a status or result: one byte before 3.0, four since.
func putStatus(w *wire.Writer, field string, status uint32, v Version) {
	switch {
	case v.is3():
		w.U32(status)
	case status > 0xff:
		w.Fail(fmt.Errorf("%s %d does not fit the one byte that it has before version 3.0", field, status))
	default:
		w.U8(uint8(status))
	}
}

// getStatus reads a status behind which after bytes follow. Where the body has just the
// size of one of the two forms, that decides, for peers are seen that answer in the other
// version; otherwise the version does, and what follows is a vendor's own.
// CMPP 2.0 §7.4.1.2, CMPP 3.0 §8.4.1.2.
func getStatus(r *wire.Reader, v Version, after int) uint32 {
	wide := v.is3()
	switch r.Left() {
	case 1 + after:
		wide = false
	case 4 + after:
		wide = true
	}
	if wide {
		return r.U32()
	}
	return uint32(r.U8())
}

// Connect logs in. CMPP 3.0 §8.4.1.1.
type Connect struct {
	SourceAddr    string // enterprise code, at most 6 bytes
	Authenticator [16]byte
	Version       Version
	Timestamp     uint32 // MMDDHHMMSS as an integer
}

// Command is CMPP_CONNECT.
func (*Connect) Command() Command { return CmdConnect }

// AppendBody appends 27 bytes.
func (p *Connect) AppendBody(dst []byte, _ Version) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.Text("Source_Addr", p.SourceAddr, 6)
	w.Bytes(p.Authenticator[:])
	w.U8(uint8(p.Version))
	w.U32(p.Timestamp)
	return w.Done()
}

// DecodeBody reads the body, which is the same in all versions.
func (p *Connect) DecodeBody(body []byte, _ Version) error {
	r := wire.NewReader(body)
	p.SourceAddr = r.Trimmed(6)
	copy(p.Authenticator[:], r.Bytes(16))
	p.Version = Version(r.U8())
	p.Timestamp = r.U32()
	return r.Err()
}

// ConnectResp answers a login. CMPP 3.0 §8.4.1.2.
type ConnectResp struct {
	Status        uint32 // 0 is success
	Authenticator [16]byte
	Version       Version // highest that the server speaks
}

// Command is CMPP_CONNECT_RESP.
func (*ConnectResp) Command() Command { return CmdConnectResp }

// AppendBody appends 18 bytes, or 21 in 3.0.
func (p *ConnectResp) AppendBody(dst []byte, v Version) ([]byte, error) {
	w := wire.NewWriter(dst)
	putStatus(&w, "Status", p.Status, v)
	w.Bytes(p.Authenticator[:])
	w.U8(uint8(p.Version))
	return w.Done()
}

// DecodeBody reads the body.
func (p *ConnectResp) DecodeBody(body []byte, v Version) error {
	r := wire.NewReader(body)
	p.Status = getStatus(&r, v, 17)
	copy(p.Authenticator[:], r.Bytes(16))
	p.Version = Version(r.U8())
	return r.Err()
}

// empty is a body of no bytes.
type empty struct{}

// AppendBody appends nothing.
func (empty) AppendBody(dst []byte, _ Version) ([]byte, error) { return dst, nil }

// DecodeBody reads nothing, whatever a vendor appended.
func (empty) DecodeBody([]byte, Version) error { return nil }

// Terminate logs out; either side may. CMPP 3.0 §8.4.2.1.
type Terminate struct{ empty }

// Command is CMPP_TERMINATE.
func (*Terminate) Command() Command { return CmdTerminate }

// TerminateResp answers Terminate. CMPP 3.0 §8.4.2.2.
type TerminateResp struct{ empty }

// Command is CMPP_TERMINATE_RESP.
func (*TerminateResp) Command() Command { return CmdTerminateResp }

// ActiveTest asks whether the peer lives. CMPP 3.0 §8.4.7.1.
type ActiveTest struct{ empty }

// Command is CMPP_ACTIVE_TEST.
func (*ActiveTest) Command() Command { return CmdActiveTest }

// ActiveTestResp answers ActiveTest. CMPP 3.0 §8.4.7.2.
type ActiveTestResp struct{ Reserved uint8 }

// Command is CMPP_ACTIVE_TEST_RESP.
func (*ActiveTestResp) Command() Command { return CmdActiveTestResp }

// AppendBody appends one byte.
func (p *ActiveTestResp) AppendBody(dst []byte, _ Version) ([]byte, error) {
	return append(dst, p.Reserved), nil
}

// DecodeBody reads the one byte; peers are seen that leave it out. CMPP 3.0 §8.4.7.2.
func (p *ActiveTestResp) DecodeBody(body []byte, _ Version) error {
	r := wire.NewReader(body)
	if p.Reserved = 0; r.Left() > 0 {
		p.Reserved = r.U8()
	}
	return r.Err()
}

// appendAnswer writes the body that SUBMIT_RESP and DELIVER_RESP share: 9 bytes, or
// 12 in 3.0.
func appendAnswer(dst []byte, v Version, id uint64, result uint32) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.U64(id)
	putStatus(&w, "Result", result, v)
	return w.Done()
}

func decodeAnswer(body []byte, v Version) (id uint64, result uint32, err error) {
	r := wire.NewReader(body)
	id, result = r.U64(), getStatus(&r, v, 0)
	return id, result, r.Err()
}

// SubmitResp answers a submit. CMPP 3.0 §8.4.3.2.
type SubmitResp struct {
	MsgID  uint64 // the gateway's id, opaque
	Result uint32 // 0 is accepted, 8 over speed
}

// Command is CMPP_SUBMIT_RESP.
func (*SubmitResp) Command() Command { return CmdSubmitResp }

// AppendBody appends the body.
func (p *SubmitResp) AppendBody(dst []byte, v Version) ([]byte, error) {
	return appendAnswer(dst, v, p.MsgID, p.Result)
}

// DecodeBody reads the body.
func (p *SubmitResp) DecodeBody(body []byte, v Version) (err error) {
	p.MsgID, p.Result, err = decodeAnswer(body, v)
	return err
}

// DeliverResp answers a deliver. CMPP 3.0 §8.4.5.2.
type DeliverResp struct {
	MsgID  uint64 // of the DELIVER
	Result uint32
}

// Command is CMPP_DELIVER_RESP.
func (*DeliverResp) Command() Command { return CmdDeliverResp }

// AppendBody appends the body.
func (p *DeliverResp) AppendBody(dst []byte, v Version) ([]byte, error) {
	return appendAnswer(dst, v, p.MsgID, p.Result)
}

// DecodeBody reads the body.
func (p *DeliverResp) DecodeBody(body []byte, v Version) (err error) {
	p.MsgID, p.Result, err = decodeAnswer(body, v)
	return err
}

// Cancel asks to take a submit back. CMPP 3.0 §8.4.6.1.
type Cancel struct{ MsgID uint64 }

// Command is CMPP_CANCEL.
func (*Cancel) Command() Command { return CmdCancel }

// AppendBody appends 8 bytes.
func (p *Cancel) AppendBody(dst []byte, _ Version) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.U64(p.MsgID)
	return w.Done()
}

// DecodeBody reads the body.
func (p *Cancel) DecodeBody(body []byte, _ Version) error {
	r := wire.NewReader(body)
	p.MsgID = r.U64()
	return r.Err()
}

// CancelResp answers Cancel. CMPP 3.0 §8.4.6.2.
type CancelResp struct{ SuccessID uint32 } // 0 done, 1 failed

// Command is CMPP_CANCEL_RESP.
func (*CancelResp) Command() Command { return CmdCancelResp }

// AppendBody appends the status.
func (p *CancelResp) AppendBody(dst []byte, v Version) ([]byte, error) {
	w := wire.NewWriter(dst)
	putStatus(&w, "Success_Id", p.SuccessID, v)
	return w.Done()
}

// DecodeBody reads the body.
func (p *CancelResp) DecodeBody(body []byte, v Version) error {
	r := wire.NewReader(body)
	p.SuccessID = getStatus(&r, v, 0)
	return r.Err()
}

// Query asks for the day's counters. CMPP 3.0 §8.4.4.1.
type Query struct {
	Time      string // YYYYMMDD
	QueryType uint8  // 0 totals, 1 by service
	QueryCode string // service, at most 10 bytes
}

// Command is CMPP_QUERY.
func (*Query) Command() Command { return CmdQuery }

// AppendBody appends 27 bytes, the last 8 reserved.
func (p *Query) AppendBody(dst []byte, _ Version) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.Text("Time", p.Time, 8)
	w.U8(p.QueryType)
	w.Text("Query_Code", p.QueryCode, 10)
	w.U64(0)
	return w.Done()
}

// DecodeBody reads the body.
func (p *Query) DecodeBody(body []byte, _ Version) error {
	r := wire.NewReader(body)
	p.Time, p.QueryType, p.QueryCode = r.Trimmed(8), r.U8(), r.Trimmed(10)
	r.Bytes(8)
	return r.Err()
}

// QueryResp has the counters: messages and users received from the service
// provider, delivered, waiting, failed; and what came from handsets delivered,
// waiting, failed. CMPP 3.0 §8.4.4.2.
type QueryResp struct {
	Time      string
	QueryType uint8
	QueryCode string

	MTMessages, MTUsers, MTDelivered, MTWaiting, MTFailed uint32
	MODelivered, MOWaiting, MOFailed                      uint32
}

// Command is CMPP_QUERY_RESP.
func (*QueryResp) Command() Command { return CmdQueryResp }

func (p *QueryResp) counters() [8]*uint32 {
	return [8]*uint32{
		&p.MTMessages, &p.MTUsers, &p.MTDelivered, &p.MTWaiting, &p.MTFailed,
		&p.MODelivered, &p.MOWaiting, &p.MOFailed,
	}
}

// AppendBody appends 51 bytes.
func (p *QueryResp) AppendBody(dst []byte, _ Version) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.Text("Time", p.Time, 8)
	w.U8(p.QueryType)
	w.Text("Query_Code", p.QueryCode, 10)
	for _, c := range p.counters() {
		w.U32(*c)
	}
	return w.Done()
}

// DecodeBody reads the body.
func (p *QueryResp) DecodeBody(body []byte, _ Version) error {
	r := wire.NewReader(body)
	p.Time, p.QueryType, p.QueryCode = r.Trimmed(8), r.U8(), r.Trimmed(10)
	for _, c := range p.counters() {
		*c = r.U32()
	}
	return r.Err()
}

// errDests is a SUBMIT to nobody or to too many.
var errDests = errors.New("DestUsr_tl is not within 1 and 99")
