// Package smgp encodes and decodes SMGP 3.0.3 and its dialect 1.3, the protocol
// between service providers and China Telecom's gateways (SMGW).
//
// It is a codec: it owns no connection, no clock and no goroutine. What a frame
// may hold is checked on the way out; on the way in only what is needed to read
// it, because gateways differ: bytes after the last field are passed over, and
// texts lose the spaces around them.
package smgp

import (
	"crypto/md5" //nolint:gosec // the protocol's own proof, SMGP 3.0.3 §6.2.2
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/zhunxin/zhunxin/protocol/wire"
)

// Version is the version byte of Login: major in the high nibble.
type Version uint8

// The dialects. 1.3 has no FixedFee in its Submit and is otherwise the same.
// SMGP 3.0.3 §5.2.2.2.1.
const (
	V13 Version = 0x13
	V30 Version = 0x30
)

// hasFixedFee: only the byte 0x13 is known to leave the field out.
func (v Version) hasFixedFee() bool { return v != V13 }

// Sizes in bytes.
const (
	HeaderSize = 12
	// MaxFrame bounds what a frame may have: a Submit to 100 numbers with 140
	// bytes of content has 2,366 before its TLVs.
	MaxFrame = 4096
	// MaxDests is the most that one Submit may name.
	MaxDests = 100
	// MaxContent is the most that a Submit may carry. A Deliver is bounded only
	// by its length byte.
	MaxContent = 140
)

// Command is a RequestID. Those of Submit, Deliver and Active_Test are not CMPP's. SMGP 3.0.3 §6.1.
type Command uint32

// The commands. Forward is for gateways among themselves and has no PDU here;
// nor have 0x8 to 0x12, which network elements use for routing and prepayment.
const (
	CmdLogin          Command = 0x00000001
	CmdLoginResp      Command = 0x80000001
	CmdSubmit         Command = 0x00000002
	CmdSubmitResp     Command = 0x80000002
	CmdDeliver        Command = 0x00000003
	CmdDeliverResp    Command = 0x80000003
	CmdActiveTest     Command = 0x00000004
	CmdActiveTestResp Command = 0x80000004
	CmdForward        Command = 0x00000005
	CmdForwardResp    Command = 0x80000005
	CmdExit           Command = 0x00000006
	CmdExitResp       Command = 0x80000006
	CmdQuery          Command = 0x00000007
	CmdQueryResp      Command = 0x80000007
)

// Header begins every frame. SMGP 3.0.3 §5.2.1.
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
	ErrHeader  = errors.New("smgp: bad header")
	ErrCommand = errors.New("smgp: unknown command")
)

// errFrame is a PDU whose fields fit but whose frame is longer than MaxFrame.
var errFrame = errors.New("the frame is too long, send fewer numbers or TLVs")

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
	case CmdLogin:
		return &Login{}
	case CmdLoginResp:
		return &LoginResp{}
	case CmdSubmit:
		return &Submit{}
	case CmdSubmitResp:
		return &SubmitResp{}
	case CmdDeliver:
		return &Deliver{}
	case CmdDeliverResp:
		return &DeliverResp{}
	case CmdActiveTest:
		return &ActiveTest{}
	case CmdActiveTestResp:
		return &ActiveTestResp{}
	case CmdExit:
		return &Exit{}
	case CmdExitResp:
		return &ExitResp{}
	case CmdQuery:
		return &Query{}
	case CmdQueryResp:
		return &QueryResp{}
	default:
		return nil
	}
}

// Decode reads a whole frame in the dialect v. With ErrTLV it still gives the
// PDU, whose fields before the TLVs are good: the peer is owed an answer with
// StatusMalformed.
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
		err = fmt.Errorf("smgp: command 0x%08x: %w", uint32(h.Command), err)
		if errors.Is(err, ErrTLV) {
			return h, p, err
		}
		return h, nil, err
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
	n := len(out) - start
	if err == nil && n > MaxFrame {
		err = fmt.Errorf("%w: %d bytes, the most is %d", errFrame, n, MaxFrame)
	}
	if err != nil {
		return dst, fmt.Errorf("smgp: command 0x%08x: %w", uint32(p.Command()), err)
	}
	binary.BigEndian.PutUint32(out[start:], uint32(n))
	return out, nil
}

// Authenticator is the client's proof: MD5 of login, seven NULs (CMPP has nine),
// secret and the timestamp as ten digits. The login counts without padding; a
// secret has at most 15 bytes. SMGP 3.0.3 §6.2.2.
func Authenticator(login, secret string, timestamp uint32) [16]byte {
	b := append([]byte(login), 0, 0, 0, 0, 0, 0, 0)
	b = append(b, secret...)
	return md5.Sum(fmt.Appendf(b, "%010d", timestamp)) //nolint:gosec // see the import
}

// ServerAuthenticator is the gateway's proof: MD5 of the four-byte status, the
// client's proof and the secret. A client must not insist on it: gateways are
// seen that send any bytes. SMGP 3.0.3 §6.2.7.
func ServerAuthenticator(status uint32, proof [16]byte, secret string) [16]byte {
	w := wire.NewWriter(make([]byte, 0, 20+len(secret)))
	w.U32(status)
	w.Bytes(proof[:])
	w.Bytes([]byte(secret))
	b, _ := w.Done()
	return md5.Sum(b) //nolint:gosec // see the import
}

// china is the zone of every time on the wire.
var china = time.FixedZone("CST", 8*60*60)

// Timestamp is MMDDHHMMSS as an integer, in China time, for Login.
func Timestamp(t time.Time) uint32 {
	t = t.In(china)
	return uint32(((int(t.Month())*100+t.Day())*100+t.Hour())*10_000 + t.Minute()*100 + t.Second())
}

// FormatTime is ValidTime or AtTime: YYMMDDhhmmss, a tenth of a second, the
// zone's offset in quarters of an hour and its sign. SMPP 3.3 §7.1.1.
func FormatTime(t time.Time) string { return t.In(china).Format("060102150405") + "032+" }

// FormatRecvTime is the RecvTime of a Deliver: YYYYMMDDHHMMSS in China time.
func FormatRecvTime(t time.Time) string { return t.In(china).Format("20060102150405") }

// FormatReportTime is SubmitTime or DoneTime of a Report: YYMMDDhhmm in China time.
func FormatReportTime(t time.Time) string { return t.In(china).Format("0601021504") }

// FormatQueryTime is the QueryTime of a Query: YYYYMMDD in China time.
func FormatQueryTime(t time.Time) string { return t.In(china).Format("20060102") }
