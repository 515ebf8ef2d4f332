package cmpp

import (
	"errors"
	"fmt"

	"github.com/zhunxin/zhunxin/protocol/wire"
)

// Submit is a message to handsets. CMPP 3.0 §8.4.3.1.
type Submit struct {
	MsgID              uint64 // zero from a service provider
	PkTotal            uint8  // parts, from 1
	PkNumber           uint8  // which part, from 1
	RegisteredDelivery uint8  // 1 asks for a status report
	MsgLevel           uint8
	ServiceID          string // business code, at most 10 bytes
	FeeUserType        uint8  // who pays: 0 destination, 1 source, 2 service provider, 3 FeeTerminalID
	FeeTerminalID      string
	FeeTerminalType    uint8 // 3.0 only; 1 is a pseudonym
	TPPID              uint8
	TPUDHI             uint8  // 1 when Content begins with a user data header
	MsgFmt             uint8  // 0 ASCII, 3 SIM write, 4 binary, 8 UCS2, 15 GB18030
	MsgSrc             string // enterprise code, at most 6 bytes
	FeeType            string // 01 free, 02 per message, 03 monthly
	FeeCode            string // in fen
	ValidTime          string // see FormatTime; empty is the gateway's default
	AtTime             string // send then; empty is now
	SrcID              string // access code and extension, at most 21 bytes
	Dest               []string
	DestTerminalType   uint8  // 3.0 only
	Content            []byte // at most 140 bytes, ASCII at most 159
	LinkID             string // 3.0: at most 20 bytes; before: the 8 reserved bytes
}

// Command is CMPP_SUBMIT.
func (*Submit) Command() Command { return CmdSubmit }

// maxContent is the most that Content may have. CMPP 3.0 §8.4.3.1: ASCII is
// shorter than 160, everything else at most 140.
func maxContent(format uint8) int {
	if format == 0 {
		return 159
	}
	return 140
}

// putContent writes what SUBMIT and DELIVER end with.
func putContent(w *wire.Writer, v Version, format uint8, content []byte, link string) {
	if most := maxContent(format); len(content) > most {
		w.Fail(fmt.Errorf("content has %d bytes, the most for format %d is %d", len(content), format, most))
	}
	w.U8(uint8(len(content)))
	w.Bytes(content)
	w.Text("LinkID", link, v.linkLen())
}

func (v Version) linkLen() int {
	if v.is3() {
		return 20
	}
	return 8
}

// AppendBody appends 126+21n+L bytes, or 151+32n+L in 3.0.
func (p *Submit) AppendBody(dst []byte, v Version) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.U64(p.MsgID)
	w.U8(p.PkTotal)
	w.U8(p.PkNumber)
	w.U8(p.RegisteredDelivery)
	w.U8(p.MsgLevel)
	w.Text("Service_Id", p.ServiceID, 10)
	w.U8(p.FeeUserType)
	w.Text("Fee_terminal_Id", p.FeeTerminalID, v.phoneLen())
	if v.is3() {
		w.U8(p.FeeTerminalType)
	}
	w.U8(p.TPPID)
	w.U8(p.TPUDHI)
	w.U8(p.MsgFmt)
	w.Text("Msg_src", p.MsgSrc, 6)
	w.Text("FeeType", p.FeeType, 2)
	w.Text("FeeCode", p.FeeCode, 6)
	w.Text("ValId_Time", p.ValidTime, 17)
	w.Text("At_Time", p.AtTime, 17)
	w.Text("Src_Id", p.SrcID, 21)
	if n := len(p.Dest); n < 1 || n > MaxDests {
		w.Fail(fmt.Errorf("%w: %d", errDests, n))
	}
	w.U8(uint8(len(p.Dest)))
	for _, d := range p.Dest {
		w.Text("Dest_terminal_Id", d, v.phoneLen())
	}
	if v.is3() {
		w.U8(p.DestTerminalType)
	}
	putContent(&w, v, p.MsgFmt, p.Content, p.LinkID)
	return w.Done()
}

// other is a version of the other layout.
func (v Version) other() Version {
	if v.is3() {
		return V20
	}
	return V30
}

// tolerate lets a body pass that goes on after its fields, because vendors append their
// own, unless it has just the size and fields of the other version: then all that was
// read stands in the wrong place. spare is of the body's type.
func tolerate(err error, body []byte, v Version, spare PDU, decode func(body []byte, v Version) error) error {
	if !errors.Is(err, wire.ErrTrailing) {
		return err
	}
	if decode(body, v.other()) != nil {
		return nil
	}
	if again, bad := spare.AppendBody(nil, v.other()); bad != nil || len(again) != len(body) {
		return nil
	}
	return fmt.Errorf("%w: it has the layout of version 0x%02x, not 0x%02x", err, uint8(v.other()), uint8(v))
}

// DecodeBody reads the body. Content aliases it; Dest is reused.
func (p *Submit) DecodeBody(body []byte, v Version) error {
	err := p.decode(body, v)
	if err == nil {
		return nil
	}
	spare := new(Submit)
	return tolerate(err, body, v, spare, spare.decode)
}

func (p *Submit) decode(body []byte, v Version) error {
	r := wire.NewReader(body)
	p.MsgID = r.U64()
	p.PkTotal, p.PkNumber, p.RegisteredDelivery, p.MsgLevel = r.U8(), r.U8(), r.U8(), r.U8()
	p.ServiceID, p.FeeUserType, p.FeeTerminalID = r.Trimmed(10), r.U8(), r.Trimmed(v.phoneLen())
	p.FeeTerminalType = 0
	if v.is3() {
		p.FeeTerminalType = r.U8()
	}
	p.TPPID, p.TPUDHI, p.MsgFmt = r.U8(), r.U8(), r.U8()
	p.MsgSrc, p.FeeType, p.FeeCode = r.Trimmed(6), r.Trimmed(2), r.Trimmed(6)
	p.ValidTime, p.AtTime, p.SrcID = r.Trimmed(17), r.Trimmed(17), r.Trimmed(21)
	n := int(r.U8())
	if r.Err() == nil && (n < 1 || n > MaxDests) {
		return fmt.Errorf("%w: %d", errDests, n)
	}
	p.Dest = p.Dest[:0]
	for range n {
		p.Dest = append(p.Dest, r.Trimmed(v.phoneLen()))
	}
	p.DestTerminalType = 0
	if v.is3() {
		p.DestTerminalType = r.U8()
	}
	p.Content = r.Bytes(int(r.U8()))
	p.LinkID = r.Trimmed(v.linkLen())
	return r.End()
}

// Deliver is a message from a handset or a status report. CMPP 3.0 §8.4.5.1.
type Deliver struct {
	MsgID              uint64
	DestID             string // access code and extension, at most 21 bytes
	ServiceID          string
	TPPID              uint8
	TPUDHI             uint8
	MsgFmt             uint8
	SrcTerminalID      string // handset
	SrcTerminalType    uint8  // 3.0 only
	RegisteredDelivery uint8  // 1: Content is a Report
	Content            []byte
	LinkID             string
}

// Command is CMPP_DELIVER.
func (*Deliver) Command() Command { return CmdDeliver }

// AppendBody appends 73+L bytes, or 97+L in 3.0.
func (p *Deliver) AppendBody(dst []byte, v Version) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.U64(p.MsgID)
	w.Text("Dest_Id", p.DestID, 21)
	w.Text("Service_Id", p.ServiceID, 10)
	w.U8(p.TPPID)
	w.U8(p.TPUDHI)
	w.U8(p.MsgFmt)
	w.Text("Src_terminal_Id", p.SrcTerminalID, v.phoneLen())
	if v.is3() {
		w.U8(p.SrcTerminalType)
	}
	w.U8(p.RegisteredDelivery)
	putContent(&w, v, p.MsgFmt, p.Content, p.LinkID)
	return w.Done()
}

// DecodeBody reads the body. Content aliases it. What follows the content may
// be shorter than it should: a vendor's 3.0 frame with the 60-byte report is 11
// bytes short. CMPP 3.0 §8.4.5.1.
func (p *Deliver) DecodeBody(body []byte, v Version) error {
	err := p.decode(body, v)
	if err == nil {
		return nil
	}
	spare := new(Deliver)
	return tolerate(err, body, v, spare, spare.decode)
}

func (p *Deliver) decode(body []byte, v Version) error {
	r := wire.NewReader(body)
	p.MsgID = r.U64()
	p.DestID, p.ServiceID = r.Trimmed(21), r.Trimmed(10)
	p.TPPID, p.TPUDHI, p.MsgFmt = r.U8(), r.U8(), r.U8()
	p.SrcTerminalID, p.SrcTerminalType = r.Trimmed(v.phoneLen()), 0
	if v.is3() {
		p.SrcTerminalType = r.U8()
	}
	p.RegisteredDelivery = r.U8()
	n := int(r.U8())
	p.Content = r.Bytes(n)
	p.LinkID = r.Trimmed(min(r.Left(), v.linkLen()))
	return r.End()
}

// Report is a status report, the Content of a Deliver. CMPP 3.0 §8.4.5.1.
type Report struct {
	MsgID        uint64 // from SUBMIT_RESP
	Stat         string // seven characters, raw but for spaces around them
	SubmitTime   string // YYMMDDHHMM
	DoneTime     string // YYMMDDHHMM, from another clock
	Dest         string
	SMSCSequence uint32
}

// reportHead is what a report needs to say anything: id, status and times.
const reportHead = 8 + 7 + 10 + 10

// Append appends 60 bytes, or 71 in 3.0.
func (p *Report) Append(dst []byte, v Version) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.U64(p.MsgID)
	w.Text("Stat", p.Stat, 7)
	w.Text("Submit_time", p.SubmitTime, 10)
	w.Text("Done_time", p.DoneTime, 10)
	w.Text("Dest_terminal_Id", p.Dest, v.phoneLen())
	w.U32(p.SMSCSequence)
	return w.Done()
}

// ParseReport reads a report. Its own length tells the layout, not the
// connection's version: gateways send the 60-byte form on 3.0 links and the
// other way round. A short tail leaves Dest or SMSCSequence empty; what has
// neither id nor status is an error. The id is binary. CMPP 3.0 §8.4.5.1.
func ParseReport(content []byte) (Report, error) {
	r := wire.NewReader(content)
	p := Report{MsgID: r.U64(), Stat: r.Trimmed(7), SubmitTime: r.Trimmed(10), DoneTime: r.Trimmed(10)}
	if r.Err() != nil {
		return Report{}, fmt.Errorf("cmpp: report of %d bytes, at least %d are needed: %w", len(content), reportHead, r.Err())
	}
	phone := V20.phoneLen()
	if r.Left() >= V30.phoneLen() {
		phone = V30.phoneLen()
	}
	p.Dest = r.Trimmed(min(phone, r.Left()))
	if r.Left() >= 4 {
		p.SMSCSequence = r.U32()
	}
	return p, nil
}
