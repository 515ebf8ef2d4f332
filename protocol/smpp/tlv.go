package smpp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// TLV is an optional parameter. SMPP 3.4 §5.3.
type TLV struct {
	Tag   uint16 // one of Tag…, or a vendor's from 0x1400 to 0x3FFF
	Value []byte // at most MaxTLVValue bytes
}

// Bounds of optional parameters.
const (
	// MaxTLVs is the most that one PDU may have. The specification defines 44
	// tags, of which only those of the callback number may come more than once.
	MaxTLVs = 64
	// MaxTLVValue is what the length field can tell.
	MaxTLVValue = 0xFFFF
)

var errTLVs = errors.New("too many optional parameters")

// The tags. SMPP 3.4 §5.3.2; the numbers are the lengths of the values in bytes.
const (
	TagDestAddrSubunit          uint16 = 0x0005 // 1: 1 display, 2 handset, 3 SIM, 4 external device
	TagDestNetworkType          uint16 = 0x0006 // 1: 1 GSM, 2 TDMA, 3 CDMA and so on
	TagDestBearerType           uint16 = 0x0007 // 1: 1 SMS, 2 circuit data, 3 packet data and so on
	TagDestTelematicsID         uint16 = 0x0008 // 2: telematics interworking
	TagSourceAddrSubunit        uint16 = 0x000D // 1: like the destination's
	TagSourceNetworkType        uint16 = 0x000E // 1
	TagSourceBearerType         uint16 = 0x000F // 1
	TagSourceTelematicsID       uint16 = 0x0010 // 1
	TagQosTimeToLive            uint16 = 0x0017 // 4: seconds that the centre keeps the message
	TagPayloadType              uint16 = 0x0019 // 1: 0 WDP, 1 WCMP
	TagAdditionalStatusInfoText uint16 = 0x001D // 1 to 256, C-octet string: why a response failed
	TagReceiptedMessageID       uint16 = 0x001E // 1 to 65, C-octet string: which message a receipt is of
	TagMsMsgWaitFacilities      uint16 = 0x0030 // 1: voice, fax or mail waits
	TagPrivacyIndicator         uint16 = 0x0201 // 1: 0 none, 1 restricted, 2 confidential, 3 secret
	TagSourceSubaddress         uint16 = 0x0202 // 2 to 23
	TagDestSubaddress           uint16 = 0x0203 // 2 to 23
	TagUserMessageReference     uint16 = 0x0204 // 2: the sender's own reference
	TagUserResponseCode         uint16 = 0x0205 // 1: in an answer of the user
	TagSourcePort               uint16 = 0x020A // 2: application port
	TagDestinationPort          uint16 = 0x020B // 2: application port
	TagSarMsgRefNum             uint16 = 0x020C // 2: which long message a part belongs to
	TagLanguageIndicator        uint16 = 0x020D // 1: 0 unspecified, 1 English, 2 French, 3 Spanish, 4 German, 5 Portuguese
	TagSarTotalSegments         uint16 = 0x020E // 1: parts of the long message, from 1
	TagSarSegmentSeqnum         uint16 = 0x020F // 1: which part, from 1
	TagScInterfaceVersion       uint16 = 0x0210 // 1: version of the centre, in a bind response
	TagCallbackNumPresInd       uint16 = 0x0302 // 1: whether the callback number may be shown
	TagCallbackNumAtag          uint16 = 0x0303 // up to 65: name shown with the callback number
	TagNumberOfMessages         uint16 = 0x0304 // 1: how many wait in the mailbox, 0 to 99
	TagCallbackNum              uint16 = 0x0381 // 4 to 19
	TagDpfResult                uint16 = 0x0420 // 1: 1 when the delivery pending flag was set
	TagSetDpf                   uint16 = 0x0421 // 1: 1 asks to set the delivery pending flag
	TagMsAvailabilityStatus     uint16 = 0x0422 // 1: 0 available, 1 denied, 2 unavailable
	TagNetworkErrorCode         uint16 = 0x0423 // 3: network type, then its error code in 2
	TagMessagePayload           uint16 = 0x0424 // the text when short_message is empty
	TagDeliveryFailureReason    uint16 = 0x0425 // 1: 0 unavailable, 1 invalid, 2 permanent, 3 temporary
	TagMoreMessagesToSend       uint16 = 0x0426 // 1: 1 when more follow to the same number
	TagMessageState             uint16 = 0x0427 // 1: a MessageState
	TagUssdServiceOp            uint16 = 0x0501 // 1: USSD operation
	TagDisplayTime              uint16 = 0x1201 // 1: 0 temporary, 1 default, 2 invoke
	TagSmsSignal                uint16 = 0x1203 // 2: alert tone
	TagMsValidity               uint16 = 0x1204 // 1: how long the handset keeps it
	TagAlertOnMessageDelivery   uint16 = 0x130C // 0: sound an alert
	TagItsReplyType             uint16 = 0x1380 // 1: how the user may answer
	TagItsSessionInfo           uint16 = 0x1383 // 2: session number and sequence
)

// tagName is what errors call a parameter.
func tagName(tag uint16) string {
	switch tag {
	case TagMessagePayload:
		return "message_payload (0x0424)"
	case TagReceiptedMessageID:
		return "receipted_message_id (0x001e)"
	case TagAdditionalStatusInfoText:
		return "additional_status_info_text (0x001d)"
	default:
		return fmt.Sprintf("optional parameter 0x%04x", tag)
	}
}

// TLVs are the optional parameters of a PDU in the order they have on the wire.
// Tags that this package does not know are kept.
type TLVs []TLV

// Get is the value of the first parameter with tag.
func (l TLVs) Get(tag uint16) ([]byte, bool) {
	for i := range l {
		if l[i].Tag == tag {
			return l[i].Value, true
		}
	}
	return nil, false
}

// Uint reads an integer of 1, 2 or 4 bytes. The value's own length counts,
// because peers differ in the width. It is false for any other length.
func (l TLVs) Uint(tag uint16) (uint32, bool) {
	switch b, _ := l.Get(tag); len(b) {
	case 1:
		return uint32(b[0]), true
	case 2:
		return uint32(binary.BigEndian.Uint16(b)), true
	case 4:
		return binary.BigEndian.Uint32(b), true
	default:
		return 0, false
	}
}

// CString reads a C-octet string up to its NUL; peers are seen that leave the
// NUL out.
func (l TLVs) CString(tag uint16) (string, bool) {
	b, ok := l.Get(tag)
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b), ok
}

// Set gives the first parameter with tag a value, or appends one. The value is
// not copied.
func (l *TLVs) Set(tag uint16, value []byte) {
	for i := range *l {
		if (*l)[i].Tag == tag {
			(*l)[i].Value = value
			return
		}
	}
	*l = append(*l, TLV{Tag: tag, Value: value})
}

// SetU8 sets an integer of one byte.
func (l *TLVs) SetU8(tag uint16, v uint8) { l.Set(tag, []byte{v}) }

// SetU16 sets an integer of two bytes.
func (l *TLVs) SetU16(tag, v uint16) { l.Set(tag, binary.BigEndian.AppendUint16(nil, v)) }

// SetU32 sets an integer of four bytes.
func (l *TLVs) SetU32(tag uint16, v uint32) { l.Set(tag, binary.BigEndian.AppendUint32(nil, v)) }

// SetCString sets a C-octet string; s must be without a NUL.
func (l *TLVs) SetCString(tag uint16, s string) error {
	if strings.IndexByte(s, 0) >= 0 {
		return fmt.Errorf("smpp: %s holds a NUL: take it out", tagName(tag))
	}
	l.Set(tag, append([]byte(s), 0))
	return nil
}

// Delete takes out every parameter with tag.
func (l *TLVs) Delete(tag uint16) {
	*l = slices.DeleteFunc(*l, func(t TLV) bool { return t.Tag == tag })
}

// Segment is the place of a part in a long message, as the SAR parameters tell
// it. It converts to smstext.UDH and back.
type Segment struct {
	Ref    uint16 // the same for all parts
	Total  uint8  // parts, from 1
	Number uint8  // which part, from 1
}

// Segment reads the SAR parameters. Unless all three are there and name a part
// that exists they are to be ignored (§5.3.2), and it is false. Peers send them
// beside a user data header that says the same; then the header counts, for the
// two are never added up.
func (l TLVs) Segment() (Segment, bool) {
	ref, ok1 := l.Uint(TagSarMsgRefNum)
	total, ok2 := l.Uint(TagSarTotalSegments)
	number, ok3 := l.Uint(TagSarSegmentSeqnum)
	if !ok1 || !ok2 || !ok3 || ref > 0xFFFF || total > 0xFF || number < 1 || number > total {
		return Segment{}, false
	}
	return Segment{uint16(ref), uint8(total), uint8(number)}, true
}

// SetSegment sets the SAR parameters. Use it for content without a user data
// header.
func (l *TLVs) SetSegment(s Segment) error {
	if s.Number < 1 || s.Number > s.Total {
		return fmt.Errorf("smpp: sar_segment_seqnum %d is not within 1 and sar_total_segments, which is %d", s.Number, s.Total)
	}
	l.SetU16(TagSarMsgRefNum, s.Ref)
	l.SetU8(TagSarTotalSegments, s.Total)
	l.SetU8(TagSarSegmentSeqnum, s.Number)
	return nil
}
