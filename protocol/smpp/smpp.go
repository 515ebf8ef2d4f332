// Package smpp encodes and decodes SMPP 3.4, the protocol between message
// centres (SMSC) and the systems that send and receive through them (ESME).
//
// It is a codec: it owns no connection, no clock and no goroutine. What a frame
// may hold is checked on the way out; on the way in only what is needed to read
// it, because centres differ. Sections are those of the SMPP 3.4 specification,
// Issue 1.2.
package smpp

import (
	"errors"
	"fmt"

	"github.com/zhunxin/zhunxin/protocol/wire"
)

// Version is the interface_version of this package. SMPP 3.4 §5.2.4.
const Version uint8 = 0x34

// Sizes in bytes.
const (
	HeaderSize = 16
	// MaxFrame bounds what a peer may send. The longest message_payload that
	// its length field can tell has 65,535 bytes; the header, the fixed fields
	// and a full short_message of submit_sm have 364; the rest, over three
	// KiB, is room for the other optional parameters of the specification.
	MaxFrame = 68 << 10
	// MaxShortMessage is the most that short_message may have; a longer text
	// goes into message_payload. SMPP 3.4 §5.2.22.
	MaxShortMessage = 254
	// MaxMessageID is the most characters of a message_id. SMPP 3.4 §5.2.23.
	MaxMessageID = 64
)

// MaxSequence is the highest sequence number of a request; the lowest is 1.
// SMPP 3.4 §3.2.
const MaxSequence = 0x7FFFFFFF

// Command is a command_id. SMPP 3.4 §5.1.2.1.
type Command uint32

// The commands that this package reads and writes.
const (
	CmdBindReceiver        Command = 0x00000001
	CmdBindReceiverResp    Command = 0x80000001
	CmdBindTransmitter     Command = 0x00000002
	CmdBindTransmitterResp Command = 0x80000002
	CmdQuerySM             Command = 0x00000003
	CmdQuerySMResp         Command = 0x80000003
	CmdSubmitSM            Command = 0x00000004
	CmdSubmitSMResp        Command = 0x80000004
	CmdDeliverSM           Command = 0x00000005
	CmdDeliverSMResp       Command = 0x80000005
	CmdUnbind              Command = 0x00000006
	CmdUnbindResp          Command = 0x80000006
	CmdCancelSM            Command = 0x00000008
	CmdCancelSMResp        Command = 0x80000008
	CmdBindTransceiver     Command = 0x00000009
	CmdBindTransceiverResp Command = 0x80000009
	CmdOutbind             Command = 0x0000000B
	CmdEnquireLink         Command = 0x00000015
	CmdEnquireLinkResp     Command = 0x80000015
	CmdAlertNotification   Command = 0x00000102
	CmdDataSM              Command = 0x00000103
	CmdDataSMResp          Command = 0x80000103
	CmdGenericNack         Command = 0x80000000
)

// IsResponse tells an answer, generic_nack included, from a request.
func (c Command) IsResponse() bool { return c&CmdGenericNack != 0 }

// Header begins every frame. SMPP 3.4 §3.2.
type Header struct {
	Length   uint32 // of the whole frame
	Command  Command
	Status   Status // of a response; zero in a request
	Sequence uint32
}

// PDU is a frame's body.
type PDU interface {
	Command() Command
	// AppendBody appends the body.
	AppendBody(dst []byte) ([]byte, error)
	// DecodeBody reads the body. Byte slices in the result alias it. The body of
	// a response may be empty, for one with a non-zero status has none; Decode
	// checks it against the status.
	DecodeBody(body []byte) error
}

// Errors of frames that can't be read.
var (
	ErrHeader  = errors.New("smpp: bad header")
	ErrCommand = errors.New("smpp: unknown command")
)

// Errors of headers that can't be written.
var (
	errStatus   = errors.New("command_status of a request must be zero: only responses carry one")
	errSequence = errors.New("sequence_number of a request is not within 1 and 0x7fffffff")
)

// DecodeHeader reads the header of a whole frame.
func DecodeHeader(frame []byte) (Header, error) {
	r := wire.NewReader(frame)
	h := Header{Length: r.U32(), Command: Command(r.U32()), Status: Status(r.U32()), Sequence: r.U32()}
	if r.Err() != nil || uint64(h.Length) != uint64(len(frame)) || h.Length > MaxFrame {
		return h, fmt.Errorf("%w: length field %d, frame of %d bytes, the least is %d and the most %d",
			ErrHeader, h.Length, len(frame), HeaderSize, MaxFrame)
	}
	return h, nil
}

func newPDU(c Command) PDU {
	switch c {
	case CmdBindReceiver, CmdBindTransmitter, CmdBindTransceiver:
		return &Bind{Type: c}
	case CmdBindReceiverResp, CmdBindTransmitterResp, CmdBindTransceiverResp:
		return &BindResp{Type: c}
	case CmdOutbind:
		return &Outbind{}
	case CmdUnbind:
		return &Unbind{}
	case CmdUnbindResp:
		return &UnbindResp{}
	case CmdGenericNack:
		return &GenericNack{}
	case CmdEnquireLink:
		return &EnquireLink{}
	case CmdEnquireLinkResp:
		return &EnquireLinkResp{}
	case CmdSubmitSM:
		return &SubmitSM{}
	case CmdSubmitSMResp:
		return &SubmitSMResp{}
	case CmdDeliverSM:
		return &DeliverSM{}
	case CmdDeliverSMResp:
		return &DeliverSMResp{}
	case CmdDataSM:
		return &DataSM{}
	case CmdDataSMResp:
		return &DataSMResp{}
	case CmdQuerySM:
		return &QuerySM{}
	case CmdQuerySMResp:
		return &QuerySMResp{}
	case CmdCancelSM:
		return &CancelSM{}
	case CmdCancelSMResp:
		return &CancelSMResp{}
	case CmdAlertNotification:
		return &AlertNotification{}
	default:
		return nil
	}
}

// needsBody names the responses that say nothing without their body when they
// report success. The message_id of deliver_sm_resp is unused, and clients are
// seen that leave it out.
func needsBody(c Command) bool {
	switch c {
	case CmdBindReceiverResp, CmdBindTransmitterResp, CmdBindTransceiverResp,
		CmdSubmitSMResp, CmdDataSMResp, CmdQuerySMResp:
		return true
	default:
		return false
	}
}

// Decode reads a whole frame. A response with a non-zero status may be without
// a body; its fields are then empty.
func Decode(frame []byte) (Header, PDU, error) {
	h, err := DecodeHeader(frame)
	if err != nil {
		return h, nil, err
	}
	p := newPDU(h.Command)
	if p == nil {
		return h, nil, fmt.Errorf("%w: 0x%08x", ErrCommand, uint32(h.Command))
	}
	body := frame[HeaderSize:]
	if len(body) == 0 && h.Status == StatusOK && needsBody(h.Command) {
		err = fmt.Errorf("%w: a response with status 0 needs one", wire.ErrShort)
	} else {
		err = p.DecodeBody(body)
	}
	if err != nil {
		return h, nil, fmt.Errorf("smpp: command 0x%08x: %w", uint32(h.Command), err)
	}
	return h, p, nil
}

// Append appends a whole frame. On error dst is unchanged in its length.
//
// With a non-zero status, bind_transmitter_resp, bind_receiver_resp and
// submit_sm_resp are written without their body, as §4.1.2 and §4.4.2 say. The other
// responses keep theirs: peers wait for it. A request has status zero and a sequence of 1 to MaxSequence; a
// response repeats whatever sequence the request had.
func Append(dst []byte, status Status, sequence uint32, p PDU) ([]byte, error) {
	out, err := appendFrame(dst, status, sequence, p)
	if err != nil {
		return dst, fmt.Errorf("smpp: command 0x%08x: %w", uint32(p.Command()), err)
	}
	return out, nil
}

func appendFrame(dst []byte, status Status, sequence uint32, p PDU) ([]byte, error) {
	if !p.Command().IsResponse() {
		if status != StatusOK {
			return nil, fmt.Errorf("%w: it is 0x%08x", errStatus, uint32(status))
		}
		if sequence < 1 || sequence > MaxSequence {
			return nil, fmt.Errorf("%w: it is 0x%08x", errSequence, sequence)
		}
	}
	start := len(dst)
	w := wire.NewWriter(dst)
	w.U32(0)
	w.U32(uint32(p.Command()))
	w.U32(uint32(status))
	w.U32(sequence)
	out, _ := w.Done()
	out, err := p.AppendBody(out)
	if err != nil {
		return nil, err
	}
	if status != StatusOK && bodyless(p.Command()) {
		out = out[:start+HeaderSize]
	}
	n := len(out) - start
	if n > MaxFrame {
		return nil, fmt.Errorf("command_length is %d, the most is %d: shorten message_payload or leave out optional parameters", n, MaxFrame)
	}
	out[start], out[start+1], out[start+2], out[start+3] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return out, nil
}

// bodyless tells the responses that lose their body when they refuse.
func bodyless(c Command) bool {
	return c == CmdBindTransmitterResp || c == CmdBindReceiverResp || c == CmdSubmitSMResp
}
