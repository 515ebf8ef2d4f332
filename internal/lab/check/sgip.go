package check

import (
	"errors"
	"fmt"
	"strings"

	"github.com/zhunxin/zhunxin/protocol/sgip"
)

func sgipTongue() *tongue {
	return &tongue{
		header: sgip.HeaderSize, longest: sgip.MaxFrame, encode: sgipEncode, decode: sgipDecode,
		proves:      func(p *pdu, secret string) bool { return p.secret == secret },
		wrongSecret: []uint32{1}, unknownLogin: []uint32{1}, tooLong: []uint32{5, 8}, repeated: []uint32{9}, busy: []uint32{11, 88}, badCommand: 7,
		content: 140, lengthLen: 4, tail: 8, is86: true,
		idForm: func(id string) (string, bool) { return "the submit's own sequence " + id, true },
		sections: map[topic]string{
			aboutHeader: "SGIP 1.2, message header", aboutUnknown: "SGIP 1.2, message header", aboutLogin: "SGIP 1.2, Bind", aboutLoginAnswer: "SGIP 1.2, Bind_Resp", aboutSubmit: "SGIP 1.2, Submit",
			aboutSubmitAnswer: "SGIP 1.2, Submit_Resp", aboutDeliver: "SGIP 1.2, Deliver", aboutReport: "SGIP 1.2, Report", aboutQuit: "SGIP 1.2, Unbind",
			aboutWindow: "SGIP 1.2, flow control", aboutUserReport: "SGIP 1.2, UserRpt",
		},
	}
}

// with86 and without86 put the country code before a number and take it off.
func with86(number string) string {
	if len(number) == 11 {
		return "86" + number
	}
	return number
}

func without86(number string) string {
	if len(number) == 13 {
		return strings.TrimPrefix(number, "86")
	}
	return number
}

func sgipEncode(p *pdu) ([]byte, error) {
	var out sgip.PDU
	switch p.kind {
	case login:
		as := sgip.LoginSP
		if p.back {
			as = sgip.LoginSMG
		}
		out = &sgip.Bind{Type: as, Name: p.login, Password: p.secret}
	case loginAnswer:
		out = &sgip.BindResp{Result: sgip.Result(p.status)} //nolint:gosec // ours are small
	case submit:
		flag := sgip.ReportNever
		if p.wantReport {
			flag = sgip.ReportAlways
		}
		out = &sgip.Submit{
			SPNumber: p.source, ChargeNumber: sgip.ChargeSP, UserNumbers: []string{with86(p.dest)}, CorpID: p.own, FeeType: 1, FeeValue: "0", GivenValue: "0",
			MorelateToMTFlag: 2, ReportFlag: flag, TPUDHI: bit(p.udhi), MessageCoding: p.coding, Content: p.content,
		}
	case submitAnswer:
		out = &sgip.SubmitResp{Result: sgip.Result(p.status)} //nolint:gosec // ours are small
	case deliver:
		out = &sgip.Deliver{UserNumber: with86(p.source), SPNumber: p.dest, TPUDHI: bit(p.udhi), MessageCoding: p.coding, Content: p.content}
	case deliverAnswer:
		out = &sgip.DeliverResp{Result: sgip.Result(p.status)} //nolint:gosec // ours are small
	case report:
		about, err := sgip.ParseSequence(p.id)
		if err != nil {
			return nil, err
		}
		out = &sgip.Report{Submit: about, UserNumber: with86(p.source)}
	case reportAnswer:
		out = &sgip.ReportResp{Result: sgip.Result(p.status)} //nolint:gosec // ours are small
	case userReport:
		out = &sgip.UserRpt{SPNumber: p.dest, UserNumber: with86(p.source), UserCondition: 2}
	case userReportAnswer:
		out = &sgip.UserRptResp{}
	case quit:
		out = &sgip.Unbind{}
	case quitAnswer:
		out = &sgip.UnbindResp{}
	default:
		return nil, fmt.Errorf("check: SGIP has no form of %s", p.kind)
	}
	return sgip.Append(nil, p.seq, out)
}

func sgipDecode(raw []byte) (*pdu, error) {
	h, in, err := sgip.Decode(raw)
	p := &pdu{raw: raw, seq: h.Sequence}
	if errors.Is(err, sgip.ErrCommand) {
		if h.Command&0x80000000 != 0 && len(raw) > sgip.HeaderSize { // an answer to a command that we made up
			p.kind, p.status = nack, uint32(raw[sgip.HeaderSize])
		}
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFrame, err)
	}
	switch in := in.(type) {
	case *sgip.Bind:
		p.kind, p.login, p.secret, p.back = login, in.Name, in.Password, in.Type == sgip.LoginSMG
	case *sgip.BindResp:
		p.kind, p.status = loginAnswer, uint32(in.Result)
	case *sgip.Submit:
		p.kind, p.source, p.dest, p.coding, p.udhi = submit, in.SPNumber, in.UserNumbers[0], in.MessageCoding, in.TPUDHI&0x41 != 0
		p.content, p.wantReport, p.id = in.Content, in.ReportFlag == sgip.ReportAlways, h.Sequence.String()
	case *sgip.SubmitResp:
		p.kind, p.status, p.id = submitAnswer, uint32(in.Result), h.Sequence.String()
	case *sgip.Deliver:
		p.kind, p.source, p.dest, p.coding, p.udhi = deliver, in.UserNumber, in.SPNumber, in.MessageCoding, in.TPUDHI&0x41 != 0
		p.content = in.Content
	case *sgip.DeliverResp:
		p.kind, p.status = deliverAnswer, uint32(in.Result)
	case *sgip.Report:
		p.kind, p.id, p.source, p.stat = report, in.Submit.String(), in.UserNumber, fmt.Sprintf("state %d, error %d", in.State, in.ErrorCode)
		p.reportSize = len(raw) - sgip.HeaderSize
	case *sgip.ReportResp:
		p.kind, p.status = reportAnswer, uint32(in.Result)
	case *sgip.UserRpt:
		p.kind = userReport
	case *sgip.UserRptResp:
		p.kind, p.status = userReportAnswer, uint32(in.Result)
	case *sgip.Unbind:
		p.kind = quit
	case *sgip.UnbindResp:
		p.kind = quitAnswer
	}
	return p, nil
}
