package smgp

import (
	"errors"
	"fmt"

	"github.com/zhunxin/zhunxin/protocol/wire"
)

// Where a message goes, Submit's MsgType. A service provider sends MsgTypeMT.
const (
	MsgTypeMO  uint8 = 0
	MsgTypeMT  uint8 = 6
	MsgTypeP2P uint8 = 7
)

// reserved is how many zeros stand between the content and the TLVs.
const reserved = 8

// errDests is a Submit to nobody or to too many.
var errDests = errors.New("DestTermIDCount is not within 1 and 100")

// Submit is a message to handsets. Part numbers, the user data header's flag and
// the enterprise code are TLVs; which of them a gateway wants, or refuses,
// differs. SMGP 3.0.3 §5.2.2.2.1.
type Submit struct {
	MsgType      uint8  // MsgTypeMT
	NeedReport   uint8  // 1 asks for a status report
	Priority     uint8  // 0 to 3
	ServiceID    string // business code, at most 10 bytes
	FeeType      string // 00 free, 01 per message, 02 monthly, 03 capped
	FeeCode      string // in fen, at most 6 digits
	FixedFee     string // in fen, at most 6 digits; not in 1.3
	MsgFormat    uint8  // 0 ASCII, 3 SIM write, 4 binary, 8 UCS2, 15 GB18030, 246 (U)SIM
	ValidTime    string // see FormatTime; empty is the gateway's default
	AtTime       string // send then; empty is now
	SrcTermID    string // access code and extension, at most 21 bytes
	ChargeTermID string // who pays; empty is the called party
	Dest         []string
	Content      []byte // at most 140 bytes
	TLVs         TLVs
}

// Command is Submit.
func (*Submit) Command() Command { return CmdSubmit }

// AppendBody appends 114+21n+L bytes and the TLVs, 6 bytes fewer in 1.3.
func (p *Submit) AppendBody(dst []byte, v Version) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.U8(p.MsgType)
	w.U8(p.NeedReport)
	w.U8(p.Priority)
	w.Text("ServiceID", p.ServiceID, 10)
	w.Text("FeeType", p.FeeType, 2)
	w.Text("FeeCode", p.FeeCode, 6)
	switch {
	case v.hasFixedFee():
		w.Text("FixedFee", p.FixedFee, 6)
	case p.FixedFee != "":
		w.Fail(fmt.Errorf("FixedFee %q cannot be sent, version 1.3 has no such field: leave it empty", p.FixedFee))
	}
	w.U8(p.MsgFormat)
	w.Text("ValidTime", p.ValidTime, 17)
	w.Text("AtTime", p.AtTime, 17)
	w.Text("SrcTermID", p.SrcTermID, 21)
	w.Text("ChargeTermID", p.ChargeTermID, 21)
	if n := len(p.Dest); n < 1 || n > MaxDests {
		w.Fail(fmt.Errorf("%w: %d", errDests, n))
	}
	w.U8(uint8(len(p.Dest)))
	for _, d := range p.Dest {
		w.Text("DestTermID", d, 21)
	}
	putContent(&w, p.Content, MaxContent)
	p.TLVs.write(&w)
	return w.Done()
}

// putContent writes the content with its length, and the reserved bytes.
func putContent(w *wire.Writer, content []byte, most int) {
	if len(content) > most {
		w.Fail(fmt.Errorf("MsgContent has %d bytes, the most is %d: split it", len(content), most))
	}
	w.U8(uint8(len(content)))
	w.Bytes(content)
	w.U64(0)
}

// DecodeBody reads the body. Content and the TLVs' values alias it; Dest and
// TLVs are reused. With ErrTLV the other fields are good.
func (p *Submit) DecodeBody(body []byte, v Version) (err error) {
	r := wire.NewReader(body)
	p.MsgType, p.NeedReport, p.Priority = r.U8(), r.U8(), r.U8()
	p.ServiceID, p.FeeType, p.FeeCode = r.Trimmed(10), r.Trimmed(2), r.Trimmed(6)
	p.FixedFee = ""
	if v.hasFixedFee() {
		p.FixedFee = r.Trimmed(6)
	}
	p.MsgFormat, p.ValidTime, p.AtTime = r.U8(), r.Trimmed(17), r.Trimmed(17)
	p.SrcTermID, p.ChargeTermID = r.Trimmed(21), r.Trimmed(21)
	n := int(r.U8())
	if r.Err() == nil && (n < 1 || n > MaxDests) {
		return fmt.Errorf("%w: %d", errDests, n)
	}
	p.Dest = p.Dest[:0]
	for range n {
		p.Dest = append(p.Dest, r.Trimmed(21))
	}
	p.Content = r.Bytes(int(r.U8()))
	r.Bytes(reserved)
	p.TLVs, err = p.TLVs[:0].read(&r)
	return err
}

// Deliver is a message from a handset or a status report. SMGP 3.0.3, Deliver.
type Deliver struct {
	MsgID      MsgID
	IsReport   uint8  // 1: Content is a Report
	MsgFormat  uint8  // 0 for reports
	RecvTime   string // see FormatRecvTime
	SrcTermID  string // handset
	DestTermID string // access code and extension, at most 21 bytes
	Content    []byte // at most 255 bytes
	TLVs       TLVs
}

// Command is Deliver.
func (*Deliver) Command() Command { return CmdDeliver }

// AppendBody appends 77+L bytes and the TLVs.
func (p *Deliver) AppendBody(dst []byte, _ Version) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.Bytes(p.MsgID[:])
	w.U8(p.IsReport)
	w.U8(p.MsgFormat)
	w.Text("RecvTime", p.RecvTime, 14)
	w.Text("SrcTermID", p.SrcTermID, 21)
	w.Text("DestTermID", p.DestTermID, 21)
	putContent(&w, p.Content, 255)
	p.TLVs.write(&w)
	return w.Done()
}

// DecodeBody reads the body, which is the same in both dialects. Content and the
// TLVs' values alias it; TLVs is reused. With ErrTLV the other fields are good.
func (p *Deliver) DecodeBody(body []byte, _ Version) (err error) {
	r := wire.NewReader(body)
	copy(p.MsgID[:], r.Bytes(len(p.MsgID)))
	p.IsReport, p.MsgFormat, p.RecvTime = r.U8(), r.U8(), r.Trimmed(14)
	p.SrcTermID, p.DestTermID = r.Trimmed(21), r.Trimmed(21)
	p.Content = r.Bytes(int(r.U8()))
	r.Bytes(reserved)
	p.TLVs, err = p.TLVs[:0].read(&r)
	return err
}
