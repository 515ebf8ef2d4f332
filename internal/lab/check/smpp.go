package check

import (
	"errors"
	"fmt"

	"github.com/zhunxin/zhunxin/protocol/smpp"
)

func smppTongue() *tongue {
	return &tongue{
		header: smpp.HeaderSize, longest: smpp.MaxFrame, version: smpp.Version, encode: smppEncode, decode: smppDecode,
		proves:       func(p *pdu, secret string) bool { return p.secret == secret },
		wrongSecret:  []uint32{uint32(smpp.StatusInvPassword)},
		unknownLogin: []uint32{uint32(smpp.StatusInvSystemID), uint32(smpp.StatusInvPassword)},
		tooLong:      []uint32{uint32(smpp.StatusInvMsgLen), uint32(smpp.StatusInvCmdLen)},
		busy:         []uint32{uint32(smpp.StatusThrottled), uint32(smpp.StatusMsgQueueFull), uint32(smpp.StatusSysErr)},
		badCommand:   uint32(smpp.StatusInvCmdID),
		content:      smpp.MaxShortMessage, lengthLen: 1, is86: true,
		idForm: func(id string) (string, bool) { return fmt.Sprintf("%d characters", len(id)), id != "" },
		sections: map[topic]string{
			aboutHeader: "SMPP 3.4 §3.2", aboutLogin: "SMPP 3.4 §4.1.1", aboutLoginAnswer: "SMPP 3.4 §4.1.2", aboutSubmit: "SMPP 3.4 §4.4.1",
			aboutSubmitAnswer: "SMPP 3.4 §4.4.2", aboutDeliver: "SMPP 3.4 §4.6.1", aboutReport: "SMPP 3.4 §4.6.1", aboutPing: "SMPP 3.4 §4.11.1",
			aboutQuit: "SMPP 3.4 §4.2.1", aboutQuery: "SMPP 3.4 §4.8.1", aboutWindow: "SMPP 3.4 §3.2", aboutUnknown: "SMPP 3.4 §4.3.1", aboutOptions: "SMPP 3.4 §5.3",
			aboutSAR: "SMPP 3.4 §5.3.2", aboutCoding: "SMPP 3.4 §5.2.19",
		},
	}
}

func esmClass(p *pdu) smpp.EsmClass {
	if p.udhi {
		return smpp.EsmUDHI
	}
	return 0
}

func smppSubmit(p *pdu) (*smpp.SubmitSM, error) {
	s := &smpp.SubmitSM{
		SourceNPI: smpp.NPIISDN, SourceAddr: p.source, DestTON: smpp.TONInternational, DestNPI: smpp.NPIISDN, DestAddr: with86(p.dest),
		EsmClass: esmClass(p), RegisteredDelivery: smpp.RegisteredDelivery(bit(p.wantReport)), DataCoding: smpp.DataCoding(p.coding), ShortMessage: p.content,
	}
	if p.sar {
		if err := s.TLVs.SetSegment(smpp.Segment{Ref: 7, Total: p.total, Number: p.number}); err != nil {
			return nil, err
		}
	}
	if p.payload {
		s.ShortMessage = nil
		s.TLVs.Set(smpp.TagMessagePayload, p.content)
	}
	if p.options {
		s.TLVs.SetU16(smpp.TagUserMessageReference, 7)
		s.TLVs.Set(strangeTag, []byte("zx"))
	}
	return s, nil
}

func smppDeliver(p *pdu) (*smpp.DeliverSM, error) {
	d := &smpp.DeliverSM{
		SourceTON: smpp.TONInternational, SourceNPI: smpp.NPIISDN, SourceAddr: with86(p.source), DestNPI: smpp.NPIISDN, DestAddr: p.dest,
		EsmClass: esmClass(p), DataCoding: smpp.DataCoding(p.coding), ShortMessage: p.content,
	}
	if p.kind == report {
		if err := d.SetReceipt(smpp.Receipt{
			MessageID: p.id, Sub: "001", Dlvrd: "001", SubmitDate: "2611250900", DoneDate: "2611250901", Stat: p.stat, State: smpp.ParseStat(p.stat), Err: "000",
		}); err != nil {
			return nil, err
		}
	}
	if p.options {
		d.TLVs.Set(strangeTag, []byte("zx"))
	}
	return d, nil
}

func smppEncode(p *pdu) (_ []byte, err error) {
	var out smpp.PDU
	switch p.kind {
	case login:
		as := [...]smpp.Command{both: smpp.CmdBindTransceiver, sendOnly: smpp.CmdBindTransmitter, receiveOnly: smpp.CmdBindReceiver}[p.mode]
		out = &smpp.Bind{Type: as, SystemID: p.login, Password: p.secret, InterfaceVersion: p.version}
	case loginAnswer:
		as := [...]smpp.Command{both: smpp.CmdBindTransceiverResp, sendOnly: smpp.CmdBindTransmitterResp, receiveOnly: smpp.CmdBindReceiverResp}[p.mode]
		out = &smpp.BindResp{Type: as, SystemID: "check"}
	case submit:
		if out, err = smppSubmit(p); err != nil {
			return nil, err
		}
	case submitAnswer:
		out = &smpp.SubmitSMResp{MessageID: p.id}
	case deliver, report:
		if out, err = smppDeliver(p); err != nil {
			return nil, err
		}
	case deliverAnswer, reportAnswer:
		out = &smpp.DeliverSMResp{}
	case ping:
		out = &smpp.EnquireLink{}
	case pong:
		out = &smpp.EnquireLinkResp{}
	case quit:
		out = &smpp.Unbind{}
	case quitAnswer:
		out = &smpp.UnbindResp{}
	case query:
		out = &smpp.QuerySM{MessageID: p.id, SourceNPI: smpp.NPIISDN, SourceAddr: p.source}
	case nack:
		out = &smpp.GenericNack{}
	default:
		return nil, fmt.Errorf("check: SMPP has no form of %s", p.kind)
	}
	return smpp.Append(nil, smpp.Status(p.status), p.seq.Count, out)
}

func smppDecode(raw []byte) (*pdu, error) {
	h, in, err := smpp.Decode(raw)
	p := &pdu{raw: raw, status: uint32(h.Status)}
	p.seq.Count = h.Sequence
	if errors.Is(err, smpp.ErrCommand) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFrame, err)
	}
	switch in := in.(type) {
	case *smpp.Bind:
		p.kind, p.login, p.secret, p.version = login, in.SystemID, in.Password, in.InterfaceVersion
		p.mode = map[smpp.Command]mode{smpp.CmdBindTransmitter: sendOnly, smpp.CmdBindReceiver: receiveOnly}[in.Type]
	case *smpp.BindResp:
		p.kind = loginAnswer
		version, _ := in.TLVs.Uint(smpp.TagScInterfaceVersion)
		p.version = uint8(min(version, 255)) //nolint:gosec // bounded
	case *smpp.SubmitSM:
		p.kind, p.source, p.dest, p.coding, p.udhi = submit, in.SourceAddr, in.DestAddr, uint8(in.DataCoding), in.EsmClass.HasUDH()
		p.content, p.wantReport = in.Payload(), in.RegisteredDelivery&smpp.RegisteredReceipt != 0
	case *smpp.SubmitSMResp:
		p.kind, p.id = submitAnswer, in.MessageID
	case *smpp.DeliverSM:
		p.source, p.dest = in.SourceAddr, in.DestAddr
		if !in.EsmClass.IsReceipt() {
			p.kind, p.coding, p.udhi, p.content = deliver, uint8(in.DataCoding), in.EsmClass.HasUDH(), in.Payload()
			break
		}
		r, err := in.Receipt()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errFrame, err)
		}
		p.kind, p.id, p.stat, p.reportSize = report, r.MessageID, r.Stat, len(in.Payload())
	case *smpp.DeliverSMResp:
		p.kind = deliverAnswer
	case *smpp.EnquireLink:
		p.kind = ping
	case *smpp.EnquireLinkResp:
		p.kind = pong
	case *smpp.Unbind:
		p.kind = quit
	case *smpp.UnbindResp:
		p.kind = quitAnswer
	case *smpp.QuerySM:
		p.kind = query
	case *smpp.QuerySMResp:
		p.kind = queryAnswer
	case *smpp.GenericNack:
		p.kind = nack
	}
	return p, nil
}
