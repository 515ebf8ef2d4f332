// Package sgip encodes and decodes SGIP 1.2, the protocol between service
// providers and China Unicom's gateways (SMG).
//
// It is a codec: it owns no connection, no clock and no goroutine. What a frame
// may hold is checked on the way out; on the way in only what is needed to read
// it, because gateways differ. Bytes after the last known field are skipped,
// because vendors append their own.
//
// Whoever has something to say connects: a gateway brings handset messages and
// reports over a connection of its own. SGIP 1.2 §3.7.2.
//
// Sections are cited by number where they have one in the edition of October 2001, the
// messages by their names.
package sgip

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/protocol/wire"
)

// Sizes in bytes, and counts.
const (
	HeaderSize = 20
	// MaxFrame bounds what a peer may send. SGIP 1.2 says 2 KiB, but its own
	// SUBMIT to 100 numbers with 160 bytes of content has 2,403.
	MaxFrame = 4096
	// MaxUsers is the most numbers that one SUBMIT may name.
	MaxUsers = 100
	// MaxContent is the most bytes that a message may have; only ASCII may
	// have that many, everything else 140.
	MaxContent = 160
)

// Command is a Command ID.
type Command uint32

// The commands between a service provider and a gateway, and CHECKUSER, which
// goes between a gateway and billing and has no PDU here. What is between 6 and
// 0xf administers the gateways' own network.
const (
	CmdBind          Command = 0x00000001
	CmdBindResp      Command = 0x80000001
	CmdUnbind        Command = 0x00000002
	CmdUnbindResp    Command = 0x80000002
	CmdSubmit        Command = 0x00000003
	CmdSubmitResp    Command = 0x80000003
	CmdDeliver       Command = 0x00000004
	CmdDeliverResp   Command = 0x80000004
	CmdReport        Command = 0x00000005
	CmdReportResp    Command = 0x80000005
	CmdCheckUser     Command = 0x00000010
	CmdCheckUserResp Command = 0x80000010
	CmdUserRpt       Command = 0x00000011
	CmdUserRptResp   Command = 0x80000011
	CmdTrace         Command = 0x00001000
	CmdTraceResp     Command = 0x80001000
)

// Sequence is a Sequence Number of 12 bytes. That of a SUBMIT is the message's
// id: the answer has no other, and REPORT refers back to it, so keep it before
// sending. A response has the sequence of its request. SGIP 1.2 §3.4.
type Sequence struct {
	Node  uint32 // who made it, above 2^31 for a service provider; see SPNode
	Time  uint32 // see Timestamp
	Count uint32 // from 0, wraps
}

// String is the three numbers in decimal, joined by '-'. ParseSequence reads
// it.
func (s Sequence) String() string {
	b := strconv.AppendUint(make([]byte, 0, 32), uint64(s.Node), 10)
	b = strconv.AppendUint(append(b, '-'), uint64(s.Time), 10)
	return string(strconv.AppendUint(append(b, '-'), uint64(s.Count), 10))
}

// ParseSequence reads what String gave, and nothing else: each sequence has one
// form, so that the form can be an id.
func ParseSequence(s string) (Sequence, error) {
	node, rest, _ := strings.Cut(s, "-")
	stamp, count, _ := strings.Cut(rest, "-")
	q := Sequence{Node: decimal(node), Time: decimal(stamp), Count: decimal(count)}
	if q.String() != s {
		return Sequence{}, fmt.Errorf("sgip: sequence %q is not of the form node-time-count, three decimal numbers of 32 bits without leading zeros", s)
	}
	return q, nil
}

// decimal is s as a number. What is none gives a number that is not written s.
func decimal(s string) uint32 {
	n, _ := strconv.ParseUint(s, 10, 32)
	return uint32(n)
}

func putSequence(w *wire.Writer, s Sequence) {
	w.U32(s.Node)
	w.U32(s.Time)
	w.U32(s.Count)
}

func getSequence(r *wire.Reader) Sequence {
	return Sequence{Node: r.U32(), Time: r.U32(), Count: r.U32()}
}

// Header begins every frame.
type Header struct {
	Length   uint32 // of the whole frame
	Command  Command
	Sequence Sequence
}

// PDU is a frame's body.
type PDU interface {
	Command() Command
	// AppendBody appends the body.
	AppendBody(dst []byte) ([]byte, error)
	// DecodeBody reads the body. Byte slices in the result alias it.
	DecodeBody(body []byte) error
}

// Errors of frames that can't be read.
var (
	ErrHeader  = errors.New("sgip: bad header")
	ErrCommand = errors.New("sgip: unknown command")
)

// DecodeHeader reads the header of a whole frame.
func DecodeHeader(frame []byte) (Header, error) {
	r := wire.NewReader(frame)
	h := Header{Length: r.U32(), Command: Command(r.U32()), Sequence: getSequence(&r)}
	if r.Err() != nil || uint64(h.Length) != uint64(len(frame)) || h.Length > MaxFrame {
		return h, fmt.Errorf("%w: length field %d, frame of %d bytes, the least is %d and the most %d",
			ErrHeader, h.Length, len(frame), HeaderSize, MaxFrame)
	}
	return h, nil
}

func newPDU(c Command) PDU {
	switch c {
	case CmdBind:
		return &Bind{}
	case CmdBindResp:
		return &BindResp{}
	case CmdUnbind:
		return &Unbind{}
	case CmdUnbindResp:
		return &UnbindResp{}
	case CmdSubmit:
		return &Submit{}
	case CmdSubmitResp:
		return &SubmitResp{}
	case CmdDeliver:
		return &Deliver{}
	case CmdDeliverResp:
		return &DeliverResp{}
	case CmdReport:
		return &Report{}
	case CmdReportResp:
		return &ReportResp{}
	case CmdUserRpt:
		return &UserRpt{}
	case CmdUserRptResp:
		return &UserRptResp{}
	case CmdTrace:
		return &Trace{}
	case CmdTraceResp:
		return &TraceResp{}
	default:
		return nil
	}
}

// Decode reads a whole frame. With ErrCommand the header is good and can be
// answered with ResultBadCommand.
func Decode(frame []byte) (Header, PDU, error) {
	h, err := DecodeHeader(frame)
	if err != nil {
		return h, nil, err
	}
	p := newPDU(h.Command)
	if p == nil {
		return h, nil, fmt.Errorf("%w: 0x%08x", ErrCommand, uint32(h.Command))
	}
	if err := p.DecodeBody(frame[HeaderSize:]); err != nil {
		return h, nil, fmt.Errorf("sgip: command 0x%08x: %w", uint32(h.Command), err)
	}
	return h, p, nil
}

// Append appends a whole frame. On error dst is unchanged in its length.
func Append(dst []byte, seq Sequence, p PDU) ([]byte, error) {
	start := len(dst)
	w := wire.NewWriter(dst)
	w.U32(0)
	w.U32(uint32(p.Command()))
	putSequence(&w, seq)
	out, _ := w.Done()
	out, err := p.AppendBody(out)
	n := len(out) - start
	if err == nil && n > MaxFrame {
		err = fmt.Errorf("frame of %d bytes, the most is %d: split it", n, MaxFrame)
	}
	if err != nil {
		return dst, fmt.Errorf("sgip: command 0x%08x: %w", uint32(p.Command()), err)
	}
	out[start], out[start+1], out[start+2], out[start+3] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return out, nil
}

// SPNode is the node id of a service provider: a 3, the area code with its
// leading 0 (three or four digits, filled up with zeros behind) and the
// enterprise code of five digits. SGIP 1.2 §3.3.
func SPNode(area, corp string) (uint32, error) {
	if len(area) >= 3 && len(area) <= 4 && len(corp) == 5 {
		digits := "3" + area + "0"[:4-len(area)] + corp
		if n, err := strconv.ParseUint(digits, 10, 32); err == nil {
			return uint32(n), nil
		}
	}
	return 0, fmt.Errorf("sgip: area code %q must have three or four digits and enterprise code %q five", area, corp)
}

// china is the zone of every time on the wire.
var china = time.FixedZone("CST", 8*60*60)

// Timestamp is MMDDHHMMSS as an integer, in China time: a Sequence's Time.
func Timestamp(t time.Time) uint32 {
	t = t.In(china)
	return uint32(((int(t.Month())*100+t.Day())*100+t.Hour())*10_000 + t.Minute()*100 + t.Second())
}

// FormatTime is ExpireTime or ScheduleTime: YYMMDDhhmmss, a tenth of a second,
// the zone's offset in quarters of an hour and its sign; 16 bytes.
func FormatTime(t time.Time) string { return t.In(china).Format("060102150405") + "032+" }
