package sgip

import (
	"errors"
	"fmt"

	"github.com/zhunxin/zhunxin/protocol/wire"
)

// phoneLen is the size of every number, of handsets and of service providers.
const phoneLen = 21

// ChargeSP is the ChargeNumber with which the service provider pays: as many
// zeros as the field has bytes.
const ChargeSP = "000000000000000000000"

// Values of a Submit's ReportFlag.
const (
	ReportOnFailure uint8 = 0 // the default, which keeps silent on success
	ReportAlways    uint8 = 1 // what a platform wants
	ReportNever     uint8 = 2
	ReportBilling   uint8 = 3 // billing only: nothing reaches the handset, a report comes
)

// Submit is a message to handsets. Its id is the frame's Sequence. SGIP 1.2, SUBMIT.
type Submit struct {
	SPNumber         string   // access code and extension, at most 21 bytes
	ChargeNumber     string   // payer with 86; empty is the receiver, ChargeSP the service provider
	UserNumbers      []string // each with 86, or the gateway answers ResultBadNumber
	CorpID           string   // enterprise code, at most 5 bytes
	ServiceType      string   // business code, at most 10 bytes
	FeeType          uint8    // 0 record of sending only, 1 free, 2 per message, 3 monthly, 4 charged by the service provider
	FeeValue         string   // in fen
	GivenValue       string   // given to the user, in fen
	AgentFlag        uint8    // fee 0 receivable, 1 received
	MorelateToMTFlag uint8    // 0 first and 1 later answer to a handset's message, 2 not caused by one, 3 system feedback
	Priority         uint8    // 0 to 9
	ExpireTime       string   // see FormatTime; empty is the gateway's default
	ScheduleTime     string   // send then; empty is now
	ReportFlag       uint8    // see ReportAlways
	TPPID            uint8
	TPUDHI           uint8   // 1 when Content begins with a user data header
	MessageCoding    uint8   // 0 ASCII, 3 SIM write, 4 binary, 8 UCS2, 15 GBK
	MessageType      uint8   // 0
	Content          []byte  // at most 140 bytes, ASCII at most 160
	Reserve          [8]byte // as it came
}

// Command is SUBMIT.
func (*Submit) Command() Command { return CmdSubmit }

// AppendBody appends 123+21n+L bytes.
func (p *Submit) AppendBody(dst []byte) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.Text("SPNumber", p.SPNumber, phoneLen)
	w.Text("ChargeNumber", p.ChargeNumber, phoneLen)
	if n := len(p.UserNumbers); n < 1 || n > MaxUsers {
		w.Fail(fmt.Errorf("%w: %d", errUsers, n))
	}
	w.U8(uint8(len(p.UserNumbers)))
	for _, u := range p.UserNumbers {
		w.Text("UserNumber", u, phoneLen)
	}
	w.Text("CorpId", p.CorpID, 5)
	w.Text("ServiceType", p.ServiceType, 10)
	w.U8(p.FeeType)
	w.Text("FeeValue", p.FeeValue, 6)
	w.Text("GivenValue", p.GivenValue, 6)
	w.U8(p.AgentFlag)
	w.U8(p.MorelateToMTFlag)
	w.U8(p.Priority)
	w.Text("ExpireTime", p.ExpireTime, 16)
	w.Text("ScheduleTime", p.ScheduleTime, 16)
	w.U8(p.ReportFlag)
	w.U8(p.TPPID)
	w.U8(p.TPUDHI)
	w.U8(p.MessageCoding)
	w.U8(p.MessageType)
	putContent(&w, p.MessageCoding, p.Content)
	w.Bytes(p.Reserve[:])
	return w.Done()
}

// DecodeBody reads the body. Content aliases it; UserNumbers is reused.
func (p *Submit) DecodeBody(body []byte) (err error) {
	r := wire.NewReader(body)
	p.SPNumber, p.ChargeNumber = r.Trimmed(phoneLen), r.Trimmed(phoneLen)
	n := int(r.U8())
	if r.Err() == nil && (n < 1 || n > MaxUsers) {
		return fmt.Errorf("%w: %d", errUsers, n)
	}
	p.UserNumbers = p.UserNumbers[:0]
	for range n {
		p.UserNumbers = append(p.UserNumbers, r.Trimmed(phoneLen))
	}
	p.CorpID, p.ServiceType, p.FeeType = r.Trimmed(5), r.Trimmed(10), r.U8()
	p.FeeValue, p.GivenValue = r.Trimmed(6), r.Trimmed(6)
	p.AgentFlag, p.MorelateToMTFlag, p.Priority = r.U8(), r.U8(), r.U8()
	p.ExpireTime, p.ScheduleTime, p.ReportFlag = r.Trimmed(16), r.Trimmed(16), r.U8()
	p.TPPID, p.TPUDHI, p.MessageCoding, p.MessageType = r.U8(), r.U8(), r.U8(), r.U8()
	if p.Content, err = getContent(&r); err != nil {
		return err
	}
	copy(p.Reserve[:], r.Bytes(8))
	return r.Err()
}

// Deliver is a message from a handset. SGIP 1.2, DELIVER.
type Deliver struct {
	UserNumber    string // handset, with 86
	SPNumber      string // access code and extension, at most 21 bytes
	TPPID         uint8
	TPUDHI        uint8 // 1, or 0x40 where SMPP's bit is passed on: Content begins with a user data header
	MessageCoding uint8
	Content       []byte
	Reserve       [8]byte
}

// Command is DELIVER.
func (*Deliver) Command() Command { return CmdDeliver }

// AppendBody appends 57+L bytes.
func (p *Deliver) AppendBody(dst []byte) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.Text("UserNumber", p.UserNumber, phoneLen)
	w.Text("SPNumber", p.SPNumber, phoneLen)
	w.U8(p.TPPID)
	w.U8(p.TPUDHI)
	w.U8(p.MessageCoding)
	putContent(&w, p.MessageCoding, p.Content)
	w.Bytes(p.Reserve[:])
	return w.Done()
}

// DecodeBody reads the body. Content aliases it.
func (p *Deliver) DecodeBody(body []byte) (err error) {
	r := wire.NewReader(body)
	p.UserNumber, p.SPNumber = r.Trimmed(phoneLen), r.Trimmed(phoneLen)
	p.TPPID, p.TPUDHI, p.MessageCoding = r.U8(), r.U8(), r.U8()
	if p.Content, err = getContent(&r); err != nil {
		return err
	}
	copy(p.Reserve[:], r.Bytes(8))
	return r.Err()
}

// maxContent is the most that Content may have.
func maxContent(coding uint8) int {
	if coding == 0 {
		return MaxContent
	}
	return 140
}

// putContent writes the content of SUBMIT and DELIVER and its length.
func putContent(w *wire.Writer, coding uint8, content []byte) {
	if most := maxContent(coding); len(content) > most {
		w.Fail(fmt.Errorf("MessageContent has %d bytes, the most for coding %d is %d", len(content), coding, most))
	}
	w.U32(uint32(len(content)))
	w.Bytes(content)
}

// getContent reads what putContent wrote. The length has four bytes, so it is
// bounded here before it becomes an int or a slice. SGIP 1.2, SUBMIT.
func getContent(r *wire.Reader) ([]byte, error) {
	n := r.U32()
	if n > MaxContent {
		return nil, fmt.Errorf("MessageLength is %d, the most is %d", n, MaxContent)
	}
	return r.Bytes(int(n)), nil
}

// errUsers is a SUBMIT to nobody or to too many.
var errUsers = errors.New("UserCount is not within 1 and 100")
