package smpp

import (
	"errors"
	"fmt"
)

// SubmitSM is a message to a handset. SMPP 3.4 §4.4.1.
type SubmitSM struct {
	ServiceType          string // at most 5 bytes, usually empty
	SourceTON            TON
	SourceNPI            NPI
	SourceAddr           string // at most 20 bytes
	DestTON              TON
	DestNPI              NPI
	DestAddr             string // at most 20 bytes
	EsmClass             EsmClass
	ProtocolID           uint8
	PriorityFlag         uint8  // 0 lowest to 3 highest
	ScheduleDeliveryTime string // see FormatTime and FormatRelative; empty is now
	ValidityPeriod       string // likewise; empty is the centre's default
	RegisteredDelivery   RegisteredDelivery
	ReplaceIfPresent     uint8 // 1 takes the place of an earlier one that still waits
	DataCoding           DataCoding
	SMDefaultMsgID       uint8  // a text that the centre keeps, 0 for none
	ShortMessage         []byte // at most MaxShortMessage bytes; see SetPayload
	TLVs                 TLVs
}

// Command is submit_sm.
func (*SubmitSM) Command() Command { return CmdSubmitSM }

// errTwoTexts is a text in both of its places. SMPP 3.4 §4.4.1 allows one.
var errTwoTexts = errors.New("short_message and message_payload are both set: leave one empty, or use SetPayload")

// putText writes what submit_sm and deliver_sm end with.
func putText(w *writer, text []byte, list TLVs) {
	if len(text) > MaxShortMessage {
		w.Fail(fmt.Errorf("short_message has %d bytes, the most is %d: use SetPayload", len(text), MaxShortMessage))
	}
	if _, both := list.Get(TagMessagePayload); both && len(text) > 0 {
		w.Fail(errTwoTexts)
	}
	w.U8(uint8(len(text)))
	w.Bytes(text)
	w.tlvs(list)
}

// AppendBody appends the body.
func (p *SubmitSM) AppendBody(dst []byte) ([]byte, error) {
	w := newWriter(dst)
	w.cstring("service_type", p.ServiceType, serviceTypeSize)
	w.addr("source_addr", p.SourceTON, p.SourceNPI, p.SourceAddr, addrSize)
	w.addr("destination_addr", p.DestTON, p.DestNPI, p.DestAddr, addrSize)
	w.U8(uint8(p.EsmClass))
	w.U8(p.ProtocolID)
	w.U8(p.PriorityFlag)
	w.time("schedule_delivery_time", p.ScheduleDeliveryTime)
	w.time("validity_period", p.ValidityPeriod)
	w.U8(uint8(p.RegisteredDelivery))
	w.U8(p.ReplaceIfPresent)
	w.U8(uint8(p.DataCoding))
	w.U8(p.SMDefaultMsgID)
	putText(&w, p.ShortMessage, p.TLVs)
	return w.Done()
}

// DecodeBody reads the body. ShortMessage and the values of TLVs alias it; the
// slice of TLVs is reused.
func (p *SubmitSM) DecodeBody(body []byte) error {
	r := newReader(body)
	p.ServiceType = r.cstring("service_type", serviceTypeSize)
	p.SourceTON, p.SourceNPI, p.SourceAddr = r.addr("source_addr", addrSize)
	p.DestTON, p.DestNPI, p.DestAddr = r.addr("destination_addr", addrSize)
	p.EsmClass, p.ProtocolID, p.PriorityFlag = EsmClass(r.U8()), r.U8(), r.U8()
	p.ScheduleDeliveryTime = r.cstring("schedule_delivery_time", timeSize)
	p.ValidityPeriod = r.cstring("validity_period", timeSize)
	p.RegisteredDelivery, p.ReplaceIfPresent = RegisteredDelivery(r.U8()), r.U8()
	p.DataCoding, p.SMDefaultMsgID = DataCoding(r.U8()), r.U8()
	p.ShortMessage = r.Bytes(int(r.U8()))
	p.TLVs = r.tlvs(p.TLVs[:0])
	return r.end()
}

// payload gives the text wherever it stands. A short_message counts before a
// message_payload: only peers that break the rule send both. SMPP 3.4 §5.3.2.
func payload(text []byte, list TLVs) []byte {
	if len(text) > 0 {
		return text
	}
	b, _ := list.Get(TagMessagePayload)
	return b
}

// setPayload puts the text where it fits and takes it out of the other place.
func setPayload(content []byte, list *TLVs) (text []byte) {
	if len(content) <= MaxShortMessage {
		list.Delete(TagMessagePayload)
		return content
	}
	list.Set(TagMessagePayload, content)
	return nil
}

// Payload is the content, from short_message or message_payload. With
// EsmClass.HasUDH it begins with a user data header, which smstext.ParseUDH
// takes off.
func (p *SubmitSM) Payload() []byte { return payload(p.ShortMessage, p.TLVs) }

// SetPayload sets the content: short_message up to MaxShortMessage bytes,
// message_payload beyond. It is not copied.
func (p *SubmitSM) SetPayload(content []byte) { p.ShortMessage = setPayload(content, &p.TLVs) }

// SubmitSMResp answers SubmitSM. SMPP 3.4 §4.4.2.
type SubmitSMResp struct {
	MessageID string // the centre's id, opaque, at most MaxMessageID characters
	TLVs      TLVs   // none are specified; later versions and vendors add some
}

// Command is submit_sm_resp.
func (*SubmitSMResp) Command() Command { return CmdSubmitSMResp }

// appendAnswer writes the body that the responses to messages share.
func appendAnswer(dst []byte, id string, list TLVs) ([]byte, error) {
	w := newWriter(dst)
	w.cstring("message_id", id, messageIDSize)
	w.tlvs(list)
	return w.Done()
}

// AppendBody appends the body.
func (p *SubmitSMResp) AppendBody(dst []byte) ([]byte, error) {
	return appendAnswer(dst, p.MessageID, p.TLVs)
}

// DecodeBody reads the body, which may be empty.
func (p *SubmitSMResp) DecodeBody(body []byte) (err error) {
	p.MessageID, p.TLVs, err = decodeAnswer(body, p.TLVs, "message_id", messageIDSize)
	return err
}

// DeliverSM is a message from a handset or a delivery receipt. It has the layout
// of SubmitSM with the fields that make no sense here left zero. SMPP 3.4 §4.6.1.
type DeliverSM struct {
	ServiceType        string // at most 5 bytes
	SourceTON          TON
	SourceNPI          NPI
	SourceAddr         string // handset, at most 20 bytes
	DestTON            TON
	DestNPI            NPI
	DestAddr           string // at most 20 bytes
	EsmClass           EsmClass
	ProtocolID         uint8
	PriorityFlag       uint8
	RegisteredDelivery RegisteredDelivery
	DataCoding         DataCoding
	ShortMessage       []byte // at most MaxShortMessage bytes; see SetPayload
	TLVs               TLVs
}

// Command is deliver_sm.
func (*DeliverSM) Command() Command { return CmdDeliverSM }

// AppendBody appends the body.
func (p *DeliverSM) AppendBody(dst []byte) ([]byte, error) {
	w := newWriter(dst)
	w.cstring("service_type", p.ServiceType, serviceTypeSize)
	w.addr("source_addr", p.SourceTON, p.SourceNPI, p.SourceAddr, addrSize)
	w.addr("destination_addr", p.DestTON, p.DestNPI, p.DestAddr, addrSize)
	w.U8(uint8(p.EsmClass))
	w.U8(p.ProtocolID)
	w.U8(p.PriorityFlag)
	w.U8(0) // schedule_delivery_time
	w.U8(0) // validity_period
	w.U8(uint8(p.RegisteredDelivery))
	w.U8(0) // replace_if_present_flag
	w.U8(uint8(p.DataCoding))
	w.U8(0) // sm_default_msg_id
	putText(&w, p.ShortMessage, p.TLVs)
	return w.Done()
}

// DecodeBody reads the body. ShortMessage and the values of TLVs alias it; the
// slice of TLVs is reused. What must be zero is passed over.
func (p *DeliverSM) DecodeBody(body []byte) error {
	r := newReader(body)
	p.ServiceType = r.cstring("service_type", serviceTypeSize)
	p.SourceTON, p.SourceNPI, p.SourceAddr = r.addr("source_addr", addrSize)
	p.DestTON, p.DestNPI, p.DestAddr = r.addr("destination_addr", addrSize)
	p.EsmClass, p.ProtocolID, p.PriorityFlag = EsmClass(r.U8()), r.U8(), r.U8()
	r.cstring("schedule_delivery_time", timeSize)
	r.cstring("validity_period", timeSize)
	p.RegisteredDelivery = RegisteredDelivery(r.U8())
	r.U8() // replace_if_present_flag
	p.DataCoding = DataCoding(r.U8())
	r.U8() // sm_default_msg_id
	p.ShortMessage = r.Bytes(int(r.U8()))
	p.TLVs = r.tlvs(p.TLVs[:0])
	return r.end()
}

// Payload is the content, from short_message or message_payload. With
// EsmClass.HasUDH it begins with a user data header.
func (p *DeliverSM) Payload() []byte { return payload(p.ShortMessage, p.TLVs) }

// SetPayload sets the content: short_message up to MaxShortMessage bytes,
// message_payload beyond. It is not copied.
func (p *DeliverSM) SetPayload(content []byte) { p.ShortMessage = setPayload(content, &p.TLVs) }

// DeliverSMResp answers DeliverSM. SMPP 3.4 §4.6.2.
type DeliverSMResp struct {
	MessageID string // unused: leave it empty
	TLVs      TLVs   // none are specified
}

// Command is deliver_sm_resp.
func (*DeliverSMResp) Command() Command { return CmdDeliverSMResp }

// AppendBody appends the body.
func (p *DeliverSMResp) AppendBody(dst []byte) ([]byte, error) {
	return appendAnswer(dst, p.MessageID, p.TLVs)
}

// DecodeBody reads the body, which may be empty whatever the status.
func (p *DeliverSMResp) DecodeBody(body []byte) (err error) {
	p.MessageID, p.TLVs, err = decodeAnswer(body, p.TLVs, "message_id", messageIDSize)
	return err
}

// DataSM is a message either way, in fewer fields than SubmitSM and with its
// text always in message_payload. SMPP 3.4 §4.7.1.
type DataSM struct {
	ServiceType        string // at most 5 bytes
	SourceTON          TON
	SourceNPI          NPI
	SourceAddr         string // at most 64 bytes
	DestTON            TON
	DestNPI            NPI
	DestAddr           string // at most 64 bytes
	EsmClass           EsmClass
	RegisteredDelivery RegisteredDelivery
	DataCoding         DataCoding
	TLVs               TLVs
}

// Command is data_sm.
func (*DataSM) Command() Command { return CmdDataSM }

// AppendBody appends the body.
func (p *DataSM) AppendBody(dst []byte) ([]byte, error) {
	w := newWriter(dst)
	w.cstring("service_type", p.ServiceType, serviceTypeSize)
	w.addr("source_addr", p.SourceTON, p.SourceNPI, p.SourceAddr, longAddrSize)
	w.addr("destination_addr", p.DestTON, p.DestNPI, p.DestAddr, longAddrSize)
	w.U8(uint8(p.EsmClass))
	w.U8(uint8(p.RegisteredDelivery))
	w.U8(uint8(p.DataCoding))
	w.tlvs(p.TLVs)
	return w.Done()
}

// DecodeBody reads the body. The values of TLVs alias it; their slice is reused.
func (p *DataSM) DecodeBody(body []byte) error {
	r := newReader(body)
	p.ServiceType = r.cstring("service_type", serviceTypeSize)
	p.SourceTON, p.SourceNPI, p.SourceAddr = r.addr("source_addr", longAddrSize)
	p.DestTON, p.DestNPI, p.DestAddr = r.addr("destination_addr", longAddrSize)
	p.EsmClass, p.RegisteredDelivery, p.DataCoding = EsmClass(r.U8()), RegisteredDelivery(r.U8()), DataCoding(r.U8())
	p.TLVs = r.tlvs(p.TLVs[:0])
	return r.end()
}

// Payload is the content of message_payload. With EsmClass.HasUDH it begins
// with a user data header.
func (p *DataSM) Payload() []byte { return payload(nil, p.TLVs) }

// SetPayload sets message_payload. The content is not copied.
func (p *DataSM) SetPayload(content []byte) { p.TLVs.Set(TagMessagePayload, content) }

// DataSMResp answers DataSM. SMPP 3.4 §4.7.2.
type DataSMResp struct {
	MessageID string // at most MaxMessageID characters
	TLVs      TLVs   // why it failed: TagDeliveryFailureReason, TagNetworkErrorCode and others
}

// Command is data_sm_resp.
func (*DataSMResp) Command() Command { return CmdDataSMResp }

// AppendBody appends the body.
func (p *DataSMResp) AppendBody(dst []byte) ([]byte, error) {
	return appendAnswer(dst, p.MessageID, p.TLVs)
}

// DecodeBody reads the body, which may be empty.
func (p *DataSMResp) DecodeBody(body []byte) (err error) {
	p.MessageID, p.TLVs, err = decodeAnswer(body, p.TLVs, "message_id", messageIDSize)
	return err
}
