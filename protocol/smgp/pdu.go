package smgp

import (
	"github.com/zhunxin/zhunxin/protocol/wire"
)

// What a connection is for, Login's LoginMode. Some gateways want two
// connections, one to send and one to receive. SMGP 3.0.3 §6.2.3.
const (
	ModeSend    uint8 = 0
	ModeReceive uint8 = 1
	ModeBoth    uint8 = 2
)

// Login begins a connection. SMGP 3.0.3 §5.2.2.1.1.
type Login struct {
	ClientID      string // account, at most 8 bytes
	Authenticator [16]byte
	LoginMode     uint8  // ModeSend, ModeReceive or ModeBoth
	Timestamp     uint32 // MMDDHHMMSS as an integer
	Version       Version
}

// Command is Login.
func (*Login) Command() Command { return CmdLogin }

// AppendBody appends 30 bytes.
func (p *Login) AppendBody(dst []byte, _ Version) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.Text("ClientID", p.ClientID, 8)
	w.Bytes(p.Authenticator[:])
	w.U8(p.LoginMode)
	w.U32(p.Timestamp)
	w.U8(uint8(p.Version))
	return w.Done()
}

// DecodeBody reads the body, which is the same in both dialects.
func (p *Login) DecodeBody(body []byte, _ Version) error {
	r := wire.NewReader(body)
	p.ClientID = r.Trimmed(8)
	copy(p.Authenticator[:], r.Bytes(16))
	p.LoginMode = r.U8()
	p.Timestamp = r.U32()
	p.Version = Version(r.U8())
	return r.Err()
}

// LoginResp answers a login. SMGP 3.0.3 §5.2.2.1.2.
type LoginResp struct {
	Status        uint32   // StatusOK or why not; servers are seen that refuse with CMPP's numbers
	Authenticator [16]byte // see ServerAuthenticator; zeros when refused
	Version       Version  // highest that the server speaks
}

// Command is Login_Resp.
func (*LoginResp) Command() Command { return CmdLoginResp }

// AppendBody appends 21 bytes.
func (p *LoginResp) AppendBody(dst []byte, _ Version) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.U32(p.Status)
	w.Bytes(p.Authenticator[:])
	w.U8(uint8(p.Version))
	return w.Done()
}

// DecodeBody reads the body.
func (p *LoginResp) DecodeBody(body []byte, _ Version) error {
	r := wire.NewReader(body)
	p.Status = r.U32()
	copy(p.Authenticator[:], r.Bytes(16))
	p.Version = Version(r.U8())
	return r.Err()
}

// empty is a body of no bytes.
type empty struct{}

// AppendBody appends nothing.
func (empty) AppendBody(dst []byte, _ Version) ([]byte, error) { return dst, nil }

// DecodeBody passes over what is there: peers are seen that answer Active_Test
// with CMPP's reserved byte. SMGP 3.0.3, Active_Test_Resp.
func (empty) DecodeBody([]byte, Version) error { return nil }

// ActiveTest asks whether the peer lives.
type ActiveTest struct{ empty }

// Command is Active_Test.
func (*ActiveTest) Command() Command { return CmdActiveTest }

// ActiveTestResp answers ActiveTest.
type ActiveTestResp struct{ empty }

// Command is Active_Test_Resp.
func (*ActiveTestResp) Command() Command { return CmdActiveTestResp }

// Exit logs out; either side may.
type Exit struct{ empty }

// Command is Exit.
func (*Exit) Command() Command { return CmdExit }

// ExitResp answers Exit.
type ExitResp struct{ empty }

// Command is Exit_Resp.
func (*ExitResp) Command() Command { return CmdExitResp }

// appendAnswer writes the body that Submit_Resp and Deliver_Resp share: 14 bytes.
func appendAnswer(dst []byte, id MsgID, status uint32) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.Bytes(id[:])
	w.U32(status)
	return w.Done()
}

func decodeAnswer(body []byte) (id MsgID, status uint32, err error) {
	r := wire.NewReader(body)
	copy(id[:], r.Bytes(len(id)))
	status = r.U32()
	return id, status, r.Err()
}

// SubmitResp answers a submit.
type SubmitResp struct {
	MsgID  MsgID  // the gateway's id, opaque
	Status uint32 // StatusOK is accepted
}

// Command is Submit_Resp.
func (*SubmitResp) Command() Command { return CmdSubmitResp }

// AppendBody appends 14 bytes.
func (p *SubmitResp) AppendBody(dst []byte, _ Version) ([]byte, error) {
	return appendAnswer(dst, p.MsgID, p.Status)
}

// DecodeBody reads the body.
func (p *SubmitResp) DecodeBody(body []byte, _ Version) (err error) {
	p.MsgID, p.Status, err = decodeAnswer(body)
	return err
}

// DeliverResp answers a deliver.
type DeliverResp struct {
	MsgID  MsgID // of the Deliver
	Status uint32
}

// Command is Deliver_Resp.
func (*DeliverResp) Command() Command { return CmdDeliverResp }

// AppendBody appends 14 bytes.
func (p *DeliverResp) AppendBody(dst []byte, _ Version) ([]byte, error) {
	return appendAnswer(dst, p.MsgID, p.Status)
}

// DecodeBody reads the body.
func (p *DeliverResp) DecodeBody(body []byte, _ Version) (err error) {
	p.MsgID, p.Status, err = decodeAnswer(body)
	return err
}

// Query asks for the day's counters. Gateways need not have it. SMGP 3.0.3, Query.
type Query struct {
	Time      string // YYYYMMDD
	QueryType uint8  // 0 totals, 1 by service
	QueryCode string // service, at most 10 bytes
}

// Command is Query.
func (*Query) Command() Command { return CmdQuery }

// AppendBody appends 19 bytes; unlike CMPP's it ends without reserved ones.
func (p *Query) AppendBody(dst []byte, _ Version) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.Text("QueryTime", p.Time, 8)
	w.U8(p.QueryType)
	w.Text("QueryCode", p.QueryCode, 10)
	return w.Done()
}

// DecodeBody reads the body.
func (p *Query) DecodeBody(body []byte, _ Version) error {
	r := wire.NewReader(body)
	p.Time, p.QueryType, p.QueryCode = r.Trimmed(8), r.U8(), r.Trimmed(10)
	return r.Err()
}

// QueryResp has the counters, in CMPP's order: messages and users received from
// the service provider, delivered, waiting, failed; and what came from handsets
// delivered, waiting, failed.
type QueryResp struct {
	Time      string
	QueryType uint8
	QueryCode string

	MTMessages, MTUsers, MTDelivered, MTWaiting, MTFailed uint32
	MODelivered, MOWaiting, MOFailed                      uint32
}

// Command is Query_Resp.
func (*QueryResp) Command() Command { return CmdQueryResp }

func (p *QueryResp) counters() [8]*uint32 {
	return [8]*uint32{
		&p.MTMessages, &p.MTUsers, &p.MTDelivered, &p.MTWaiting, &p.MTFailed,
		&p.MODelivered, &p.MOWaiting, &p.MOFailed,
	}
}

// AppendBody appends 59 bytes, the last 8 reserved.
func (p *QueryResp) AppendBody(dst []byte, _ Version) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.Text("QueryTime", p.Time, 8)
	w.U8(p.QueryType)
	w.Text("QueryCode", p.QueryCode, 10)
	for _, c := range p.counters() {
		w.U32(*c)
	}
	w.U64(0)
	return w.Done()
}

// DecodeBody reads the body.
func (p *QueryResp) DecodeBody(body []byte, _ Version) error {
	r := wire.NewReader(body)
	p.Time, p.QueryType, p.QueryCode = r.Trimmed(8), r.U8(), r.Trimmed(10)
	for _, c := range p.counters() {
		*c = r.U32()
	}
	r.Bytes(8)
	return r.Err()
}
