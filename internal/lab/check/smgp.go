package check

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/protocol/smgp"
)

const (
	smgpV13 = smgp.V13
	smgpV30 = smgp.V30
)

func smgpTongue(v smgp.Version) *tongue {
	return &tongue{
		header: smgp.HeaderSize, longest: smgp.MaxFrame, version: uint8(v),
		encode: func(p *pdu) ([]byte, error) { return smgpEncode(v, p) },
		decode: func(raw []byte) (*pdu, error) { return smgpDecode(v, raw) },
		proves: func(p *pdu, secret string) bool { return p.proof == smgp.Authenticator(p.login, secret, p.stamp) },
		serverProof: func(login *pdu, secret string) [16]byte {
			return smgp.ServerAuthenticator(0, smgp.Authenticator(login.login, login.secret, login.stamp), secret)
		},
		wrongSecret: []uint32{smgp.StatusAuth}, unknownLogin: []uint32{smgp.StatusAuth}, tooLong: []uint32{smgp.StatusMsgLength, smgp.StatusMalformed},
		repeated: []uint32{smgp.StatusSequence}, busy: []uint32{smgp.StatusBusy},
		content: smgp.MaxContent, lengthLen: 1, tail: 8, idForm: smgpIDForm,
		sections: map[topic]string{
			aboutHeader: "SMGP 3.0.3, message header", aboutUnknown: "SMGP 3.0.3, message header", aboutLogin: "SMGP 3.0.3, Login", aboutLoginAnswer: "SMGP 3.0.3, Login_Resp", aboutSubmit: "SMGP 3.0.3, Submit",
			aboutSubmitAnswer: "SMGP 3.0.3, Submit_Resp", aboutDeliver: "SMGP 3.0.3, Deliver", aboutReport: "SMGP 3.0.3, Deliver", aboutPing: "SMGP 3.0.3, Active_Test",
			aboutQuit: "SMGP 3.0.3, Exit", aboutQuery: "SMGP 3.0.3, Query", aboutWindow: "SMGP 3.0.3, flow control", aboutOptions: "SMGP 3.0.3, optional parameters",
		},
	}
}

// smgpIDForm tells whether a MsgID is BCD; some gateways send other bytes.
func smgpIDForm(id string) (string, bool) {
	return "20 digits " + id, strings.Trim(id, "0123456789") == ""
}

func smgpID(id string) smgp.MsgID {
	m, _ := smgp.ParseMsgID(strings.Repeat("0", max(0, 20-len(id))) + id) // ours are digits
	return m
}

func smgpSubmit(v smgp.Version, p *pdu) *smgp.Submit {
	s := &smgp.Submit{
		MsgType: smgp.MsgTypeMT, NeedReport: bit(p.wantReport), FeeType: "00", FeeCode: "0", MsgFormat: p.coding, SrcTermID: p.source,
		Dest: []string{p.dest}, Content: p.content,
	}
	if v != smgp.V13 {
		s.FixedFee = "0"
	}
	if p.udhi {
		s.TLVs = smgp.TLVs{smgp.ByteTLV(smgp.TagTPUDHI, 1), smgp.ByteTLV(smgp.TagPkTotal, p.total), smgp.ByteTLV(smgp.TagPkNumber, p.number)}
	}
	if p.options {
		s.TLVs = append(s.TLVs, smgp.TextTLV(smgp.TagMsgSrc, p.login), smgp.ByteTLV(smgp.TagSubmitMsgType, 0), smgp.TLV{Tag: strangeTag, Value: []byte("zx")})
	}
	return s
}

func smgpDeliver(p *pdu) *smgp.Deliver {
	d := &smgp.Deliver{
		MsgID: smgpID(p.own), MsgFormat: p.coding, RecvTime: smgp.FormatRecvTime(time.Now()), SrcTermID: p.source, DestTermID: p.dest, Content: p.content,
	}
	if p.udhi {
		d.TLVs = smgp.TLVs{smgp.ByteTLV(smgp.TagTPUDHI, 1)}
	}
	if p.options {
		d.TLVs = append(d.TLVs, smgp.TLV{Tag: strangeTag, Value: []byte("zx")})
	}
	return d
}

func smgpEncode(v smgp.Version, p *pdu) ([]byte, error) {
	var out smgp.PDU
	switch p.kind {
	case login:
		as := [...]uint8{both: smgp.ModeBoth, sendOnly: smgp.ModeSend, receiveOnly: smgp.ModeReceive}[p.mode]
		out = &smgp.Login{
			ClientID: p.login, Authenticator: smgp.Authenticator(p.login, p.secret, p.stamp), LoginMode: as, Timestamp: p.stamp, Version: smgp.Version(p.version),
		}
	case loginAnswer:
		out = &smgp.LoginResp{Status: p.status, Authenticator: p.proof, Version: v}
	case submit:
		out = smgpSubmit(v, p)
	case submitAnswer:
		out = &smgp.SubmitResp{MsgID: smgpID(p.id), Status: p.status}
	case deliver:
		out = smgpDeliver(p)
	case report:
		r := smgp.Report{MsgID: smgpID(p.id), Sub: "001", Dlvrd: "001", SubmitTime: "2611250900", DoneTime: "2611250901", Stat: p.stat, Err: "000"}
		content, err := r.Append(nil)
		if err != nil {
			return nil, err
		}
		out = &smgp.Deliver{
			MsgID: smgpID(p.own), IsReport: 1, RecvTime: smgp.FormatRecvTime(time.Now()), SrcTermID: p.source, DestTermID: p.dest, Content: content,
		}
	case deliverAnswer, reportAnswer:
		out = &smgp.DeliverResp{MsgID: smgpID(p.own), Status: p.status}
	case ping:
		out = &smgp.ActiveTest{}
	case pong:
		out = &smgp.ActiveTestResp{}
	case quit:
		out = &smgp.Exit{}
	case quitAnswer:
		out = &smgp.ExitResp{}
	case query:
		out = &smgp.Query{Time: "20261125"}
	default:
		return nil, fmt.Errorf("check: SMGP has no form of %s", p.kind)
	}
	return smgp.Append(nil, v, p.seq.Count, out)
}

// strangeTag is an optional parameter that nobody knows.
const strangeTag = 0x1F0F

func smgpDecode(v smgp.Version, raw []byte) (*pdu, error) {
	h, in, err := smgp.Decode(v, raw)
	p := &pdu{raw: raw}
	p.seq.Count = h.Sequence
	if errors.Is(err, smgp.ErrCommand) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFrame, err)
	}
	switch in := in.(type) {
	case *smgp.Login:
		p.kind, p.login, p.proof, p.version, p.stamp = login, in.ClientID, in.Authenticator, uint8(in.Version), in.Timestamp
	case *smgp.LoginResp:
		p.kind, p.status, p.proof, p.version = loginAnswer, in.Status, in.Authenticator, uint8(in.Version)
	case *smgp.Submit:
		p.kind, p.source, p.dest, p.coding, p.udhi = submit, in.SrcTermID, in.Dest[0], in.MsgFormat, in.TLVs.HasUDH()
		p.content, p.wantReport = in.Content, in.NeedReport == 1
	case *smgp.SubmitResp:
		p.kind, p.status, p.id = submitAnswer, in.Status, in.MsgID.String()
	case *smgp.Deliver:
		p.own, p.source, p.dest = in.MsgID.String(), in.SrcTermID, in.DestTermID
		if in.IsReport == 0 {
			p.kind, p.coding, p.udhi, p.content = deliver, in.MsgFormat, in.TLVs.HasUDH(), in.Content
			break
		}
		r, err := smgp.ParseReport(in.Content)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errFrame, err)
		}
		p.kind, p.id, p.stat, p.reportSize = report, r.MsgID.String(), r.Stat, len(in.Content)
	case *smgp.DeliverResp:
		p.kind, p.own, p.status = deliverAnswer, in.MsgID.String(), in.Status
	case *smgp.ActiveTest:
		p.kind = ping
	case *smgp.ActiveTestResp:
		p.kind = pong
	case *smgp.Exit:
		p.kind = quit
	case *smgp.ExitResp:
		p.kind = quitAnswer
	case *smgp.Query:
		p.kind = query
	case *smgp.QueryResp:
		p.kind = queryAnswer
	}
	return p, nil
}
