package check

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/zhunxin/zhunxin/protocol/cmpp"
)

const (
	cmppV20 = cmpp.V20
	cmppV30 = cmpp.V30
)

func cmppTongue(v cmpp.Version) *tongue {
	t := &tongue{
		header: cmpp.HeaderSize, longest: cmpp.MaxFrame, version: uint8(v),
		encode: func(p *pdu) ([]byte, error) { return cmppEncode(v, p) },
		decode: func(raw []byte) (*pdu, error) { return cmppDecode(v, raw) },
		proves: func(p *pdu, secret string) bool { return p.proof == cmpp.Authenticator(p.login, secret, p.stamp) },
		serverProof: func(login *pdu, secret string) [16]byte {
			return cmpp.ServerAuthenticator(0, v, cmpp.Authenticator(login.login, login.secret, login.stamp), secret)
		},
		wrongSecret: []uint32{3}, unknownLogin: []uint32{2, 3}, tooLong: []uint32{4, 6}, repeated: []uint32{3}, busy: []uint32{8},
		content: 140, lengthLen: 1, tail: 8, idForm: cmppIDForm,
		sections: map[topic]string{
			aboutHeader: "CMPP 2.0 §7.3", aboutUnknown: "CMPP 2.0 §7.3", aboutLogin: "CMPP 2.0 §7.4.1.1", aboutLoginAnswer: "CMPP 2.0 §7.4.1.2", aboutSubmit: "CMPP 2.0 §7.4.3.1",
			aboutSubmitAnswer: "CMPP 2.0 §7.4.3.2", aboutDeliver: "CMPP 2.0 §7.4.5.1", aboutReport: "CMPP 2.0 §7.4.5.1", aboutPing: "CMPP 2.0 §7.4.7",
			aboutQuit: "CMPP 2.0 §7.4.2.1", aboutQuery: "CMPP 2.0 §7.4.4.1", aboutWindow: "CMPP 2.0 §6.1",
		},
	}
	if v == cmpp.V30 {
		t.tail = 20
		t.sections = map[topic]string{
			aboutHeader: "CMPP 3.0 §8.3", aboutUnknown: "CMPP 3.0 §8.3", aboutLogin: "CMPP 3.0 §8.4.1.1", aboutLoginAnswer: "CMPP 3.0 §8.4.1.2", aboutSubmit: "CMPP 3.0 §8.4.3.1",
			aboutSubmitAnswer: "CMPP 3.0 §8.4.3.2", aboutDeliver: "CMPP 3.0 §8.4.5.1", aboutReport: "CMPP 3.0 §8.4.5.1", aboutPing: "CMPP 3.0 §8.4.7.1",
			aboutQuit: "CMPP 3.0 §8.4.2.1", aboutQuery: "CMPP 3.0 §8.4.4.1", aboutWindow: "CMPP 3.0 §7.1",
		}
	}
	return t
}

// cmppIDForm reads the parts of a Msg_Id; many gateways write others.
func cmppIDForm(id string) (string, bool) {
	n, err := strconv.ParseUint(id, 10, 64)
	month, day, hour, minute, second := n>>60, n>>55&31, n>>50&31, n>>44&63, n>>38&63
	ok := err == nil && month >= 1 && month <= 12 && day >= 1 && hour < 24 && minute < 60 && second < 60
	return fmt.Sprintf("month %d, day %d, %02d:%02d:%02d, gateway %d, sequence %d", month, day, hour, minute, second, n>>16&cmpp.MaxGateway, n&0xffff), ok
}

func bit(on bool) uint8 {
	if on {
		return 1
	}
	return 0
}

func cmppEncode(v cmpp.Version, p *pdu) ([]byte, error) {
	id, _ := strconv.ParseUint(p.id, 10, 64) // empty is zero, and ours are numbers
	own, _ := strconv.ParseUint(p.own, 10, 64)
	var out cmpp.PDU
	switch p.kind {
	case login:
		out = &cmpp.Connect{SourceAddr: p.login, Authenticator: cmpp.Authenticator(p.login, p.secret, p.stamp), Version: cmpp.Version(p.version), Timestamp: p.stamp}
	case loginAnswer:
		out = &cmpp.ConnectResp{Status: p.status, Authenticator: p.proof, Version: v}
	case submit:
		out = &cmpp.Submit{
			PkTotal: max(p.total, 1), PkNumber: max(p.number, 1), RegisteredDelivery: bit(p.wantReport), FeeUserType: 2, TPUDHI: bit(p.udhi), MsgFmt: p.coding,
			MsgSrc: p.login, FeeType: "01", FeeCode: "0", SrcID: p.source, Dest: []string{p.dest}, Content: p.content,
		}
	case submitAnswer:
		out = &cmpp.SubmitResp{MsgID: id, Result: p.status}
	case deliver:
		out = &cmpp.Deliver{MsgID: own, DestID: p.dest, TPUDHI: bit(p.udhi), MsgFmt: p.coding, SrcTerminalID: p.source, Content: p.content}
	case report:
		form := v
		if p.reportSize != 0 {
			form = map[int]cmpp.Version{60: cmpp.V20, 71: cmpp.V30}[p.reportSize]
		}
		r := cmpp.Report{MsgID: id, Stat: p.stat, SubmitTime: "2611250900", DoneTime: "2611250901", Dest: p.source}
		content, err := r.Append(nil, form)
		if err != nil {
			return nil, err
		}
		out = &cmpp.Deliver{MsgID: own, DestID: p.dest, SrcTerminalID: p.source, RegisteredDelivery: 1, Content: content}
	case deliverAnswer, reportAnswer:
		out = &cmpp.DeliverResp{MsgID: own, Result: p.status}
	case ping:
		out = &cmpp.ActiveTest{}
	case pong:
		out = &cmpp.ActiveTestResp{}
	case quit:
		out = &cmpp.Terminate{}
	case quitAnswer:
		out = &cmpp.TerminateResp{}
	case query:
		out = &cmpp.Query{Time: "20261125"}
	default:
		return nil, fmt.Errorf("check: CMPP has no form of %s", p.kind)
	}
	return cmpp.Append(nil, v, p.seq.Count, out)
}

func cmppDecode(v cmpp.Version, raw []byte) (*pdu, error) {
	h, in, err := cmpp.Decode(v, raw)
	p := &pdu{raw: raw}
	p.seq.Count = h.Sequence
	if errors.Is(err, cmpp.ErrCommand) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFrame, err)
	}
	switch in := in.(type) {
	case *cmpp.Connect:
		p.kind, p.login, p.proof, p.version, p.stamp = login, in.SourceAddr, in.Authenticator, uint8(in.Version), in.Timestamp
	case *cmpp.ConnectResp:
		p.kind, p.status, p.proof, p.version = loginAnswer, in.Status, in.Authenticator, uint8(in.Version)
	case *cmpp.Submit:
		p.kind, p.source, p.dest, p.coding, p.udhi = submit, in.SrcID, in.Dest[0], in.MsgFmt, in.TPUDHI&0x41 != 0
		p.total, p.number, p.content, p.wantReport = in.PkTotal, in.PkNumber, in.Content, in.RegisteredDelivery == 1
	case *cmpp.SubmitResp:
		p.kind, p.status, p.id = submitAnswer, in.Result, strconv.FormatUint(in.MsgID, 10)
	case *cmpp.Deliver:
		p.own, p.source, p.dest = strconv.FormatUint(in.MsgID, 10), in.SrcTerminalID, in.DestID
		if in.RegisteredDelivery == 0 {
			p.kind, p.coding, p.udhi, p.content = deliver, in.MsgFmt, in.TPUDHI&0x41 != 0, in.Content
			break
		}
		r, err := cmpp.ParseReport(in.Content)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errFrame, err)
		}
		p.kind, p.id, p.stat, p.reportSize = report, strconv.FormatUint(r.MsgID, 10), r.Stat, len(in.Content)
	case *cmpp.DeliverResp:
		p.kind, p.own, p.status = deliverAnswer, strconv.FormatUint(in.MsgID, 10), in.Result
	case *cmpp.ActiveTest:
		p.kind = ping
	case *cmpp.ActiveTestResp:
		p.kind = pong
	case *cmpp.Terminate:
		p.kind = quit
	case *cmpp.TerminateResp:
		p.kind = quitAnswer
	case *cmpp.Query:
		p.kind = query
	case *cmpp.QueryResp:
		p.kind = queryAnswer
	}
	return p, nil
}
