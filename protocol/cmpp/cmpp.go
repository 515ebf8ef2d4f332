// Package cmpp encodes and decodes CMPP 2.0, 2.1 and 3.0, the protocol between
// service providers and China Mobile's gateways (ISMG).
//
// It is a codec: it owns no connection, no clock and no goroutine. What a frame
// may hold is checked on the way out; on the way in only what is needed to read
// it, because gateways differ.
package cmpp

import (
	"crypto/md5" //nolint:gosec // the protocol's own proof, CMPP 3.0 §8.4.1.1
	"errors"
	"fmt"
	"time"

	"github.com/zhunxin/zhunxin/protocol/wire"
)

// Version is the version byte of CONNECT: major in the high nibble.
type Version uint8

// The versions. 2.1 has the layout of 2.0, and peers are seen that name it 0x00 or 0x01.
// CMPP 3.0 §8.4.1.1.
const (
	V20 Version = 0x20
	V21 Version = 0x21
	V30 Version = 0x30
)

func (v Version) is3() bool { return v >= V30 }

// phoneLen is the size of a terminal id. CMPP 3.0 §8.4.3.1.
func (v Version) phoneLen() int {
	if v.is3() {
		return 32
	}
	return 21
}

// Sizes in bytes.
const (
	HeaderSize = 12
	// MaxFrame bounds what a peer may send: a 3.0 SUBMIT to 99 numbers with
	// 255 bytes of content has 3,586.
	MaxFrame = 4096
	// MaxDests is the most that one SUBMIT may name. CMPP 3.0 §8.4.3.1.
	MaxDests = 99
)

// Command is a Command_Id. CMPP 3.0 §8.7.1.
type Command uint32

// The commands between a service provider and a gateway.
const (
	CmdConnect        Command = 0x00000001
	CmdConnectResp    Command = 0x80000001
	CmdTerminate      Command = 0x00000002
	CmdTerminateResp  Command = 0x80000002
	CmdSubmit         Command = 0x00000004
	CmdSubmitResp     Command = 0x80000004
	CmdDeliver        Command = 0x00000005
	CmdDeliverResp    Command = 0x80000005
	CmdQuery          Command = 0x00000006
	CmdQueryResp      Command = 0x80000006
	CmdCancel         Command = 0x00000007
	CmdCancelResp     Command = 0x80000007
	CmdActiveTest     Command = 0x00000008
	CmdActiveTestResp Command = 0x80000008
)

// Header begins every frame. CMPP 3.0 §8.3.
type Header struct {
	Length   uint32 // of the whole frame
	Command  Command
	Sequence uint32
}

// PDU is a frame's body.
type PDU interface {
	Command() Command
	// AppendBody appends the body in the layout of v.
	AppendBody(dst []byte, v Version) ([]byte, error)
	// DecodeBody reads the body. Byte slices in the result alias it.
	DecodeBody(body []byte, v Version) error
}

// Errors of frames that can't be read.
var (
	ErrHeader  = errors.New("cmpp: bad header")
	ErrCommand = errors.New("cmpp: unknown command")
)

// DecodeHeader reads the header of a whole frame.
func DecodeHeader(frame []byte) (Header, error) {
	r := wire.NewReader(frame)
	h := Header{Length: r.U32(), Command: Command(r.U32()), Sequence: r.U32()}
	if r.Err() != nil || uint64(h.Length) != uint64(len(frame)) || h.Length > MaxFrame {
		return h, fmt.Errorf("%w: length field %d, frame of %d bytes, the most is %d", ErrHeader, h.Length, len(frame), MaxFrame)
	}
	return h, nil
}

func newPDU(c Command) PDU {
	switch c {
	case CmdConnect:
		return &Connect{}
	case CmdConnectResp:
		return &ConnectResp{}
	case CmdTerminate:
		return &Terminate{}
	case CmdTerminateResp:
		return &TerminateResp{}
	case CmdSubmit:
		return &Submit{}
	case CmdSubmitResp:
		return &SubmitResp{}
	case CmdDeliver:
		return &Deliver{}
	case CmdDeliverResp:
		return &DeliverResp{}
	case CmdQuery:
		return &Query{}
	case CmdQueryResp:
		return &QueryResp{}
	case CmdCancel:
		return &Cancel{}
	case CmdCancelResp:
		return &CancelResp{}
	case CmdActiveTest:
		return &ActiveTest{}
	case CmdActiveTestResp:
		return &ActiveTestResp{}
	default:
		return nil
	}
}

// Decode reads a whole frame in the dialect v.
func Decode(v Version, frame []byte) (Header, PDU, error) {
	h, err := DecodeHeader(frame)
	if err != nil {
		return h, nil, err
	}
	p := newPDU(h.Command)
	if p == nil {
		return h, nil, fmt.Errorf("%w: 0x%08x", ErrCommand, uint32(h.Command))
	}
	if err := p.DecodeBody(frame[HeaderSize:], v); err != nil {
		return h, nil, fmt.Errorf("cmpp: command 0x%08x: %w", uint32(h.Command), err)
	}
	return h, p, nil
}

// Append appends a whole frame in the dialect v. On error dst is unchanged in
// its length.
func Append(dst []byte, v Version, sequence uint32, p PDU) ([]byte, error) {
	start := len(dst)
	w := wire.NewWriter(dst)
	w.U32(0)
	w.U32(uint32(p.Command()))
	w.U32(sequence)
	out, _ := w.Done()
	out, err := p.AppendBody(out, v)
	if err != nil {
		return dst, fmt.Errorf("cmpp: command 0x%08x: %w", uint32(p.Command()), err)
	}
	n := len(out) - start
	out[start], out[start+1], out[start+2], out[start+3] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return out, nil
}

// Authenticator is the client's proof: MD5 of login, nine NULs, secret and the
// timestamp as ten digits, for the integer has lost the leading zero of a month. The
// login counts without its padding. CMPP 3.0 §8.4.1.1.
func Authenticator(login, secret string, timestamp uint32) [16]byte {
	b := append([]byte(login), 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = append(b, secret...)
	return md5.Sum(fmt.Appendf(b, "%010d", timestamp)) //nolint:gosec // see the import
}

// ServerAuthenticator is the gateway's proof: MD5 of status, the client's proof
// and the secret. The status counts with its width in the dialect; gateways
// differ here, so a client must not insist. CMPP 3.0 §8.4.1.2.
func ServerAuthenticator(status uint32, v Version, proof [16]byte, secret string) [16]byte {
	w := wire.NewWriter(make([]byte, 0, 20+len(secret)))
	putStatus(&w, "status", status&0xff, v)
	w.Bytes(proof[:])
	w.Bytes([]byte(secret))
	b, _ := w.Done()
	return md5.Sum(b) //nolint:gosec // see the import
}

// china is the zone of every time on the wire.
var china = time.FixedZone("CST", 8*60*60)

// Timestamp is MMDDHHMMSS as an integer, in China time. CMPP 3.0 §8.4.1.1.
func Timestamp(t time.Time) uint32 {
	t = t.In(china)
	return uint32(((int(t.Month())*100+t.Day())*100+t.Hour())*10_000 + t.Minute()*100 + t.Second())
}

// FormatTime is ValId_Time or At_Time: YYMMDDhhmmss, a tenth of a second, the
// zone's offset in quarters of an hour and its sign. SMPP 3.3 §7.1.1.
func FormatTime(t time.Time) string { return t.In(china).Format("060102150405") + "032+" }

// MaxGateway is the highest gateway code in a Msg_Id.
const MaxGateway = 1<<22 - 1

// MsgID makes a Msg_Id: month, day, hour, minute, second, gateway code (22
// bits) and sequence. Ids of other gateways are opaque. CMPP 3.0 §8.4.3.2.
func MsgID(t time.Time, gateway uint32, sequence uint16) uint64 {
	t = t.In(china)
	return uint64(t.Month())<<60 | uint64(t.Day())<<55 | uint64(t.Hour())<<50 | uint64(t.Minute())<<44 |
		uint64(t.Second())<<38 | uint64(gateway&MaxGateway)<<16 | uint64(sequence)
}
