package smpp

import "fmt"

// Bind logs in. SMPP 3.4 §4.1.1, §4.1.3 and §4.1.5.
type Bind struct {
	Type             Command // CmdBindReceiver, CmdBindTransmitter or CmdBindTransceiver
	SystemID         string  // login, at most 15 bytes
	Password         string  // at most 8 bytes
	SystemType       string  // at most 12 bytes, often empty
	InterfaceVersion uint8   // Version; peers below 0x34 know no optional parameters
	AddrTON          TON
	AddrNPI          NPI
	AddressRange     string // which numbers are served, at most 40 bytes
	TLVs             TLVs   // none are specified; vendors add some
}

// Command is the bind that Type names.
func (p *Bind) Command() Command { return p.Type }

// AppendBody appends the body.
func (p *Bind) AppendBody(dst []byte) ([]byte, error) {
	w := newWriter(dst)
	switch p.Type {
	case CmdBindReceiver, CmdBindTransmitter, CmdBindTransceiver:
	default:
		w.Fail(fmt.Errorf("command_id 0x%08x is no bind: set Type to one of CmdBind…", uint32(p.Type)))
	}
	w.cstring("system_id", p.SystemID, systemIDSize)
	w.cstring("password", p.Password, passwordSize)
	w.cstring("system_type", p.SystemType, systemTypeSize)
	w.U8(p.InterfaceVersion)
	w.addr("address_range", p.AddrTON, p.AddrNPI, p.AddressRange, addressRangeSize)
	w.tlvs(p.TLVs)
	return w.Done()
}

// DecodeBody reads the body and leaves Type as it is.
func (p *Bind) DecodeBody(body []byte) error {
	r := newReader(body)
	p.SystemID = r.cstring("system_id", systemIDSize)
	p.Password = r.cstring("password", passwordSize)
	p.SystemType = r.cstring("system_type", systemTypeSize)
	p.InterfaceVersion = r.U8()
	p.AddrTON, p.AddrNPI, p.AddressRange = r.addr("address_range", addressRangeSize)
	p.TLVs = r.tlvs(p.TLVs[:0])
	return r.end()
}

// BindResp answers a bind. SMPP 3.4 §4.1.2, §4.1.4 and §4.1.6.
type BindResp struct {
	Type     Command // CmdBindReceiverResp, CmdBindTransmitterResp or CmdBindTransceiverResp
	SystemID string  // the centre's name, at most 15 bytes
	TLVs     TLVs    // TagScInterfaceVersion
}

// Command is the response that Type names.
func (p *BindResp) Command() Command { return p.Type }

// AppendBody appends the body.
func (p *BindResp) AppendBody(dst []byte) ([]byte, error) {
	w := newWriter(dst)
	switch p.Type {
	case CmdBindReceiverResp, CmdBindTransmitterResp, CmdBindTransceiverResp:
	default:
		w.Fail(fmt.Errorf("command_id 0x%08x is no response to a bind: set Type to one of CmdBind…Resp", uint32(p.Type)))
	}
	w.cstring("system_id", p.SystemID, systemIDSize)
	w.tlvs(p.TLVs)
	return w.Done()
}

// DecodeBody reads the body, which may be empty, and leaves Type as it is.
func (p *BindResp) DecodeBody(body []byte) (err error) {
	p.SystemID, p.TLVs, err = decodeAnswer(body, p.TLVs, "system_id", systemIDSize)
	return err
}

// decodeAnswer reads what most responses are: a string and optional parameters,
// or nothing.
func decodeAnswer(body []byte, list TLVs, field string, size int) (string, TLVs, error) {
	if len(body) == 0 {
		return "", list[:0], nil
	}
	r := newReader(body)
	s := r.cstring(field, size)
	list = r.tlvs(list[:0])
	return s, list, r.end()
}

// Outbind is the centre's wish that the ESME binds as a receiver. It has no
// response. SMPP 3.4 §4.1.7.
type Outbind struct {
	SystemID string // at most 15 bytes
	Password string // at most 8 bytes
}

// Command is outbind.
func (*Outbind) Command() Command { return CmdOutbind }

// AppendBody appends the body.
func (p *Outbind) AppendBody(dst []byte) ([]byte, error) {
	w := newWriter(dst)
	w.cstring("system_id", p.SystemID, systemIDSize)
	w.cstring("password", p.Password, passwordSize)
	return w.Done()
}

// DecodeBody reads the body.
func (p *Outbind) DecodeBody(body []byte) error {
	r := newReader(body)
	p.SystemID, p.Password = r.cstring("system_id", systemIDSize), r.cstring("password", passwordSize)
	return r.end()
}

// empty is a body of no bytes.
type empty struct{}

// AppendBody appends nothing.
func (empty) AppendBody(dst []byte) ([]byte, error) { return dst, nil }

// DecodeBody passes over what is there: a vendor's parameter behind a heartbeat must not
// cost the connection. SMPP 3.4 §5.3.
func (empty) DecodeBody([]byte) error { return nil }

// Unbind logs out; either side may. SMPP 3.4 §4.2.1.
type Unbind struct{ empty }

// Command is unbind.
func (*Unbind) Command() Command { return CmdUnbind }

// UnbindResp answers Unbind. SMPP 3.4 §4.2.2.
type UnbindResp struct{ empty }

// Command is unbind_resp.
func (*UnbindResp) Command() Command { return CmdUnbindResp }

// GenericNack answers what can't be read; the status says why. Its sequence is
// zero when the request's can't be told. SMPP 3.4 §4.3.1.
type GenericNack struct{ empty }

// Command is generic_nack.
func (*GenericNack) Command() Command { return CmdGenericNack }

// EnquireLink asks whether the peer lives; either side may. SMPP 3.4 §4.11.1.
type EnquireLink struct{ empty }

// Command is enquire_link.
func (*EnquireLink) Command() Command { return CmdEnquireLink }

// EnquireLinkResp answers EnquireLink. SMPP 3.4 §4.11.2.
type EnquireLinkResp struct{ empty }

// Command is enquire_link_resp.
func (*EnquireLinkResp) Command() Command { return CmdEnquireLinkResp }

// QuerySM asks what became of a message. SMPP 3.4 §4.8.1.
type QuerySM struct {
	MessageID  string // the centre's id, at most MaxMessageID characters
	SourceTON  TON
	SourceNPI  NPI
	SourceAddr string // as in the submit, at most 20 bytes
}

// Command is query_sm.
func (*QuerySM) Command() Command { return CmdQuerySM }

// AppendBody appends the body.
func (p *QuerySM) AppendBody(dst []byte) ([]byte, error) {
	w := newWriter(dst)
	w.cstring("message_id", p.MessageID, messageIDSize)
	w.addr("source_addr", p.SourceTON, p.SourceNPI, p.SourceAddr, addrSize)
	return w.Done()
}

// DecodeBody reads the body.
func (p *QuerySM) DecodeBody(body []byte) error {
	r := newReader(body)
	p.MessageID = r.cstring("message_id", messageIDSize)
	p.SourceTON, p.SourceNPI, p.SourceAddr = r.addr("source_addr", addrSize)
	return r.end()
}

// QuerySMResp answers QuerySM. SMPP 3.4 §4.8.2.
type QuerySMResp struct {
	MessageID string
	FinalDate string // when the final state was reached, see ParseTime; empty before
	State     MessageState
	ErrorCode uint8 // of the network, zero when there is none
}

// Command is query_sm_resp.
func (*QuerySMResp) Command() Command { return CmdQuerySMResp }

// AppendBody appends the body.
func (p *QuerySMResp) AppendBody(dst []byte) ([]byte, error) {
	w := newWriter(dst)
	w.cstring("message_id", p.MessageID, messageIDSize)
	w.time("final_date", p.FinalDate)
	w.U8(uint8(p.State))
	w.U8(p.ErrorCode)
	return w.Done()
}

// DecodeBody reads the body, which may be empty.
func (p *QuerySMResp) DecodeBody(body []byte) error {
	if len(body) == 0 {
		*p = QuerySMResp{}
		return nil
	}
	r := newReader(body)
	p.MessageID, p.FinalDate = r.cstring("message_id", messageIDSize), r.cstring("final_date", timeSize)
	p.State, p.ErrorCode = MessageState(r.U8()), r.U8()
	return r.end()
}

// CancelSM takes a message back, or all from one number to another when
// MessageID is empty. SMPP 3.4 §4.9.1.
type CancelSM struct {
	ServiceType string // at most 5 bytes
	MessageID   string
	SourceTON   TON
	SourceNPI   NPI
	SourceAddr  string // as in the submit, at most 20 bytes
	DestTON     TON
	DestNPI     NPI
	DestAddr    string // may be empty with a MessageID
}

// Command is cancel_sm.
func (*CancelSM) Command() Command { return CmdCancelSM }

// AppendBody appends the body.
func (p *CancelSM) AppendBody(dst []byte) ([]byte, error) {
	w := newWriter(dst)
	w.cstring("service_type", p.ServiceType, serviceTypeSize)
	w.cstring("message_id", p.MessageID, messageIDSize)
	w.addr("source_addr", p.SourceTON, p.SourceNPI, p.SourceAddr, addrSize)
	w.addr("destination_addr", p.DestTON, p.DestNPI, p.DestAddr, addrSize)
	return w.Done()
}

// DecodeBody reads the body.
func (p *CancelSM) DecodeBody(body []byte) error {
	r := newReader(body)
	p.ServiceType, p.MessageID = r.cstring("service_type", serviceTypeSize), r.cstring("message_id", messageIDSize)
	p.SourceTON, p.SourceNPI, p.SourceAddr = r.addr("source_addr", addrSize)
	p.DestTON, p.DestNPI, p.DestAddr = r.addr("destination_addr", addrSize)
	return r.end()
}

// CancelSMResp answers CancelSM. SMPP 3.4 §4.9.2.
type CancelSMResp struct{ empty }

// Command is cancel_sm_resp.
func (*CancelSMResp) Command() Command { return CmdCancelSMResp }

// AlertNotification tells that a handset can be reached again. It has no
// response. SMPP 3.4 §4.12.1.
type AlertNotification struct {
	SourceTON  TON
	SourceNPI  NPI
	SourceAddr string // handset, at most 64 bytes
	EsmeTON    TON
	EsmeNPI    NPI
	EsmeAddr   string // who asked for the alert, at most 64 bytes
	TLVs       TLVs   // TagMsAvailabilityStatus
}

// Command is alert_notification.
func (*AlertNotification) Command() Command { return CmdAlertNotification }

// AppendBody appends the body.
func (p *AlertNotification) AppendBody(dst []byte) ([]byte, error) {
	w := newWriter(dst)
	w.addr("source_addr", p.SourceTON, p.SourceNPI, p.SourceAddr, longAddrSize)
	w.addr("esme_addr", p.EsmeTON, p.EsmeNPI, p.EsmeAddr, longAddrSize)
	w.tlvs(p.TLVs)
	return w.Done()
}

// DecodeBody reads the body.
func (p *AlertNotification) DecodeBody(body []byte) error {
	r := newReader(body)
	p.SourceTON, p.SourceNPI, p.SourceAddr = r.addr("source_addr", longAddrSize)
	p.EsmeTON, p.EsmeNPI, p.EsmeAddr = r.addr("esme_addr", longAddrSize)
	p.TLVs = r.tlvs(p.TLVs[:0])
	return r.end()
}
