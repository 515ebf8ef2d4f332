package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zhunxin/zhunxin/protocol/cmpp"
	"github.com/zhunxin/zhunxin/protocol/sgip"
	"github.com/zhunxin/zhunxin/protocol/smgp"
	"github.com/zhunxin/zhunxin/protocol/smpp"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// Checks of how a gateway takes messages.
var submitChecks = []check{
	{id: "submit.answer", zh: "提交得到成功应答", en: "a submit is accepted", topic: aboutSubmit, run: entered(submitted)},
	{id: "submit.id", zh: "消息标识的格式", en: "the form of the message id", topic: aboutSubmitAnswer, run: entered(idForm)},
	{id: "submit.group", zh: "群发两个号码", en: "a submit to two numbers", topic: aboutSubmit, run: entered(group), only: []Protocol{CMPP20, CMPP30, SGIP, SMGP30, SMGP13}},
	{id: "submit.86", zh: "不带 86 的号码被拒绝", en: "a number without 86 is refused", topic: aboutSubmit, run: entered(without86Refused), only: []Protocol{SGIP}},
	{id: "submit.options", zh: "带可选参数的提交", en: "a submit with optional parameters, one of them unknown", topic: aboutOptions, run: entered(withOptions)},
	{id: "submit.badoption", zh: "可选参数超出消息", en: "an optional parameter that runs past its frame is refused", topic: aboutOptions, run: badOption, only: []Protocol{SMGP30, SMGP13, SMPP}},
	{id: "submit.payload", zh: "message_payload 中的内容", en: "a text in message_payload", topic: aboutOptions, run: entered(inPayload), only: []Protocol{SMPP}},
	{id: "submit.alphabet", zh: "默认字符集中的 ASCII 符号", en: "a text of ASCII in the default alphabet", topic: aboutCoding, run: entered(defaultAlphabet)},
	{id: "long.udh", zh: "带 UDH 的长短信被接受", en: "the parts of a long message with a header are accepted", topic: aboutSubmit, run: entered(longByHeader)},
	{id: "long.sar", zh: "带 sar 参数的长短信被接受", en: "the parts of a long message with sar_ parameters are accepted", topic: aboutSAR, run: entered(longBySAR)},
	{id: "submit.long", zh: "超长内容被拒绝", en: "a content that is too long is refused", topic: aboutSubmit, run: tooLong},
	{id: "window", zh: "窗口内的提交全部得到应答", en: "as many submits as the window holds are all answered", topic: aboutWindow, run: entered(window)},
}

func submitted(_ context.Context, b *bench, c *conn) finding {
	answer, err := c.ask(b.message("a check of Zhunxin"), submitAnswer)
	switch {
	case err != nil:
		return fail("%s", why(err))
	case answer.status != 0:
		return fail("refused with status %d", answer.status)
	case answer.kind == nack:
		return fail("answered with a generic_nack")
	default:
		return pass("accepted, answer of %d bytes", len(answer.raw))
	}
}

func idForm(_ context.Context, b *bench, c *conn) finding {
	answer, err := c.ask(b.message("a check of ids"), submitAnswer)
	if err != nil || answer.status != 0 {
		return skip("no submit was accepted")
	}
	seen, documented := b.t.idForm(answer.id)
	switch {
	case answer.id == "" || answer.id == "0" || answer.id == "00000000000000000000":
		return fail("the id is empty: no report can refer to it")
	case !documented:
		return bear("the id %s has not the documented form (%s): take it as opaque bytes", answer.id, seen)
	default:
		return pass("%s", seen)
	}
}

// group sends one submit to two numbers; the codec knows how, whatever a pdu holds.
func group(_ context.Context, b *bench, c *conn) finding {
	seq := c.next()
	frame, err := b.toTwo(seq)
	if err != nil {
		return fail("%v", err)
	}
	answer, err := c.askFrame(frame, submitAnswer, seq)
	switch {
	case err != nil:
		return fail("%s", why(err))
	case answer.status != 0:
		return bear("refused with status %d: send to one number at a time", answer.status)
	default:
		return pass("accepted")
	}
}

func (b *bench) toTwo(seq sgip.Sequence) ([]byte, error) {
	p := b.message("a check of two numbers")
	two := []string{p.dest, b.handset()}
	if two[0] == two[1] { // there is one number alone
		two[1] = two[0][:10] + string('0'+(two[0][10]-'0'+1)%10)
	}
	switch b.o.Protocol {
	case CMPP20, CMPP30:
		return cmpp.Append(nil, cmpp.Version(b.t.version), seq.Count, &cmpp.Submit{
			PkTotal: 1, PkNumber: 1, FeeUserType: 2, MsgSrc: b.o.Login, FeeType: "01", FeeCode: "0", SrcID: b.o.Source, Dest: two,
			MsgFmt: p.coding, Content: p.content,
		})
	case SGIP:
		return sgip.Append(nil, seq, &sgip.Submit{
			SPNumber: b.o.Source, ChargeNumber: sgip.ChargeSP, UserNumbers: []string{with86(two[0]), with86(two[1])}, CorpID: b.o.CorpID, FeeType: 1,
			FeeValue: "0", GivenValue: "0", MorelateToMTFlag: 2, ReportFlag: sgip.ReportNever, MessageCoding: p.coding, Content: p.content,
		})
	default:
		s := &smgp.Submit{MsgType: smgp.MsgTypeMT, FeeType: "00", FeeCode: "0", SrcTermID: b.o.Source, Dest: two, MsgFormat: p.coding, Content: p.content}
		return smgp.Append(nil, smgp.Version(b.t.version), seq.Count, s)
	}
}

func without86Refused(_ context.Context, b *bench, c *conn) finding {
	p, seq := b.message("a check of a number without 86"), c.next()
	frame, err := sgip.Append(nil, seq, &sgip.Submit{
		SPNumber: p.source, ChargeNumber: sgip.ChargeSP, UserNumbers: []string{p.dest}, CorpID: b.o.CorpID, FeeType: 1, FeeValue: "0", GivenValue: "0",
		MorelateToMTFlag: 2, ReportFlag: sgip.ReportNever, MessageCoding: p.coding, Content: p.content,
	})
	if err != nil {
		return fail("%v", err)
	}
	answer, err := c.askFrame(frame, submitAnswer, seq)
	switch {
	case err != nil:
		return fail("%s", why(err))
	case answer.status == uint32(sgip.ResultBadNumber):
		return pass("refused with status %d", answer.status)
	case answer.status != 0:
		return bear("refused with status %d, documented is %d", answer.status, sgip.ResultBadNumber)
	default:
		return bear("accepted: send 86 nevertheless")
	}
}

// borne judges an answer where a refusal is a gateway's right.
func borne(answer *pdu, err error, advice string) finding {
	switch {
	case err != nil:
		return fail("%s", why(err))
	case answer.status != 0:
		return bear("refused with status %d: %s", answer.status, advice)
	default:
		return pass("accepted")
	}
}

func withOptions(_ context.Context, b *bench, c *conn) finding {
	p := b.message("a check of optional parameters")
	p.options = true
	answer, err := c.ask(p, submitAnswer)
	return borne(answer, err, "agree with the gateway which it wants, and send no others")
}

func inPayload(_ context.Context, b *bench, c *conn) finding {
	p := b.message("a check of the payload parameter")
	p.payload = true
	answer, err := c.ask(p, submitAnswer)
	return borne(answer, err, "send parts with a header")
}

// defaultAlphabet sends what ASCII and the GSM alphabet have in different places, in the
// coding that leaves the alphabet to the centre.
func defaultAlphabet(_ context.Context, b *bench, c *conn) finding {
	answer, err := c.ask(b.plain("a_check@example.com [$1]"), submitAnswer)
	return borne(answer, err, "agree on the alphabet of data_coding 0, or send UCS2")
}

func badOption(ctx context.Context, b *bench) finding {
	c, err := b.enter(ctx)
	if err != nil {
		return fail("%v", err)
	}
	defer c.leave()
	p := b.message("a check of an optional parameter that is cut")
	p.seq = c.next()
	frame, err := b.t.encode(p)
	if err != nil {
		return fail("%v", err)
	}
	frame = append(frame, 0, 2, 0, 200, 1)                                // it tells 200 bytes and has one
	if err := c.write(setLength(frame, uint32(len(frame)))); err != nil { //nolint:gosec // small
		return fail("%s", why(err))
	}
	answer, err := c.answer(submitAnswer, p.seq)
	switch {
	case errors.Is(err, errClosed):
		return bear("the connection was closed, where a status was expected")
	case err != nil:
		return fail("%s", why(err))
	case answer.status == 0:
		return fail("accepted")
	default:
		return pass("refused with status %d", answer.status)
	}
}

// part is one of two parts of a long message in UCS2.
func (b *bench) part(number uint8) *pdu {
	p := b.plain("")
	p.coding, p.total, p.number = uint8(smstext.UCS2), 2, number
	p.content, _ = smstext.Encode(smstext.UCS2, fmt.Sprintf("长短信联调第%d段", number)) // UCS2 has them all
	return p
}

func longByHeader(_ context.Context, b *bench, c *conn) finding {
	return b.bothParts(c, func(p *pdu) {
		p.udhi, p.content = true, append([]byte{5, 0, 3, 7, 2, p.number}, p.content...)
	})
}

func longBySAR(_ context.Context, b *bench, c *conn) finding {
	return b.bothParts(c, func(p *pdu) { p.sar = true })
}

func (b *bench) bothParts(c *conn, mark func(*pdu)) finding {
	ids := make([]string, 0, 2)
	for number := uint8(1); number <= 2; number++ {
		p := b.part(number)
		mark(p)
		answer, err := c.ask(p, submitAnswer)
		switch {
		case err != nil:
			return fail("part %d: %s", number, why(err))
		case answer.status != 0:
			return fail("part %d was refused with status %d", number, answer.status)
		}
		ids = append(ids, answer.id)
	}
	if ids[0] == ids[1] {
		return bear("both parts have the id %s: their reports cannot be told apart", ids[0])
	}
	return pass("both parts accepted, each with an id of its own")
}

func tooLong(ctx context.Context, b *bench) finding {
	c, err := b.enter(ctx)
	if err != nil {
		return fail("%v", err)
	}
	defer c.leave()
	size := b.t.content + 1
	p := b.plain("")
	p.coding, p.seq = uint8(smstext.UCS2), c.next()
	frame, err := b.t.stretched(p, size)
	if err != nil {
		return fail("%v", err)
	}
	if err := c.write(frame); err != nil {
		return fail("%s", why(err))
	}
	answer, err := c.answer(submitAnswer, p.seq)
	switch {
	case errors.Is(err, errClosed):
		return bear("the connection was closed, where a status was expected")
	case err != nil:
		return fail("%s", why(err))
	case answer.status == 0:
		return fail("%d bytes of UCS2 were accepted, the most is %d", size, b.t.content)
	case slices.Contains(b.t.tooLong, answer.status):
		return pass("%d bytes were refused with status %d", size, answer.status)
	default:
		return bear("%d bytes were refused with status %d, documented is %v", size, answer.status, b.t.tooLong)
	}
}

func window(_ context.Context, b *bench, c *conn) finding {
	open := make(map[sgip.Sequence]bool, b.o.Window)
	var burst []byte
	for i := range b.o.Window {
		p := b.message(fmt.Sprintf("a check of the window, %d", i+1))
		p.seq = c.next()
		frame, err := b.t.encode(p)
		if err != nil {
			return fail("%v", err)
		}
		open[p.seq] = true
		burst = append(burst, frame...)
	}
	begun := time.Now()
	if err := c.write(burst); err != nil {
		return fail("%s", why(err))
	}
	refused, slowed, status := 0, 0, uint32(0)
	for len(open) > 0 {
		answer, err := c.await(b.o.Timeout, func(p *pdu) bool { return p.kind == submitAnswer && open[p.seq] })
		if err != nil {
			return fail("%d of %d were not answered: %s", len(open), b.o.Window, why(err))
		}
		delete(open, answer.seq)
		switch {
		case slices.Contains(b.t.busy, answer.status):
			slowed++
		case answer.status != 0:
			refused++
			status = answer.status
		}
	}
	switch took := time.Since(begun).Round(time.Millisecond); {
	case refused > 0:
		return fail("%d of %d were refused, the last with status %d", refused, b.o.Window, status)
	case slowed > 0:
		return bear("all %d answered in %s, %d of them with over-speed: ask for the agreed rate", b.o.Window, took, slowed)
	default:
		return pass("all %d answered in %s", b.o.Window, took)
	}
}

// Checks of what a gateway brings.
var reportChecks = []check{
	{id: "back.bind", zh: "网关连到我方监听并登录", en: "the gateway reaches our listener and logs in", topic: aboutLogin, run: calledBack, only: []Protocol{SGIP}},
	{id: "report", zh: "状态报告到达并指向提交的消息", en: "a status report comes and refers to its message", topic: aboutReport, run: reported},
	{id: "report.form", zh: "状态报告的长度与格式", en: "the size and form of the status report", topic: aboutReport, run: reportForm},
	{id: "mo", zh: "上行短信到达", en: "a message from a handset comes", topic: aboutDeliver, run: moCame},
}

// nowhere says why SGIP's way back cannot be looked at.
func (b *bench) nowhere() (finding, bool) {
	return skip("no back-listen was given: the gateway has nowhere to bring it"), b.o.Protocol == SGIP && b.ln == nil
}

// askReport submits and waits for the report, wherever it comes.
func (b *bench) askReport(ctx context.Context) (id string, r *pdu, f finding) {
	c, err := b.enter(ctx)
	if err != nil {
		return "", nil, fail("%v", err)
	}
	defer c.leave()
	p := b.message("a check of reports")
	p.wantReport = true
	answer, err := c.ask(p, submitAnswer)
	if err != nil || answer.status != 0 {
		return "", nil, skip("no submit was accepted")
	}
	fits := func(r *pdu) bool { return r.kind == report && sameID(b.o.Protocol, answer.id, r.id) != "" }
	if r = b.noted(&b.reports, fits); r != nil {
		return answer.id, r, finding{}
	}
	if b.o.Protocol == SGIP {
		r = b.eventually(ctx, b.o.ReportWait, &b.reports, fits)
	} else if r, err = c.await(b.o.ReportWait, fits); err != nil && !errors.Is(err, errSilent) {
		return answer.id, nil, fail("while waiting for the report: %s", why(err))
	}
	if r == nil {
		if other := b.noted(&b.reports, func(*pdu) bool { return true }); other != nil {
			return answer.id, nil, fail("no report refers to the id %s within %s; one refers to %s", answer.id, b.o.ReportWait, other.id)
		}
		return answer.id, nil, fail("no report within %s", b.o.ReportWait)
	}
	return answer.id, r, finding{}
}

// sameID tells how an id in a report refers to that of an answer, empty if it does not.
// SMPP's centres are known to write one of them in hexadecimal.
func sameID(p Protocol, answered, reported string) string {
	if answered == reported {
		return "the same text"
	}
	if p != SMPP {
		return ""
	}
	hex, ok1 := smpp.HexID(answered)
	dec, ok2 := smpp.DecimalID(reported)
	if ok1 && ok2 && hex == dec {
		return "hexadecimal in the answer, decimal in the receipt"
	}
	dec, ok1 = smpp.DecimalID(answered)
	hex, ok2 = smpp.HexID(reported)
	if ok1 && ok2 && hex == dec {
		return "decimal in the answer, hexadecimal in the receipt"
	}
	return ""
}

func reported(ctx context.Context, b *bench) finding {
	if f, none := b.nowhere(); none {
		return f
	}
	id, r, f := b.askReport(ctx)
	if r == nil {
		return f
	}
	if how := sameID(b.o.Protocol, id, r.id); how != "the same text" {
		return bear("the ids are %s: set the channel so", how)
	}
	return pass("it came with the id of the answer, %s", r.stat)
}

func reportForm(ctx context.Context, b *bench) finding {
	if f, none := b.nowhere(); none {
		return f
	}
	r := b.noted(&b.reports, func(*pdu) bool { return true })
	if r == nil {
		if _, r, _ = b.askReport(ctx); r == nil {
			return skip("no report came")
		}
	}
	want := map[Protocol]int{CMPP20: 60, CMPP30: 71, SMGP30: smgp.ReportSize, SMGP13: smgp.ReportSize, SGIP: 44}[b.o.Protocol]
	switch {
	case want == 0:
		return pass("a receipt of %d characters, stat %s", r.reportSize, r.stat)
	case r.reportSize == want:
		return pass("%d bytes", want)
	default:
		return bear("%d bytes, documented are %d: read it by its own length", r.reportSize, want)
	}
}

func calledBack(ctx context.Context, b *bench) finding {
	if f, none := b.nowhere(); none {
		return f
	}
	if b.noted(&b.binds, func(*pdu) bool { return true }) == nil {
		if _, r, _ := b.askReport(ctx); r == nil && b.noted(&b.binds, func(*pdu) bool { return true }) == nil {
			return fail("nobody came to %s: the gateway must know this address, and be let through to it", b.ln.Addr())
		}
	}
	p := b.noted(&b.binds, func(*pdu) bool { return true })
	switch {
	case !p.back:
		return fail("it logged in with another login type than 2, gateway to service provider")
	case p.login != b.o.BackLogin || p.secret != b.o.BackSecret:
		return fail("it logged in with another name or password than agreed")
	default:
		return pass("it logged in with type 2")
	}
}

func moCame(ctx context.Context, b *bench) finding {
	if f, none := b.nowhere(); none {
		return f
	}
	patience := b.o.MOWait
	if patience == 0 {
		if b.o.AskMO == nil {
			return skip("no mo-wait was given: send a message to %s from a handset while it waits", b.o.Source)
		}
		patience = b.o.ReportWait
	}
	c, err := b.enter(ctx)
	if err != nil {
		return fail("%v", err)
	}
	defer c.leave()
	asked := make(chan error, 1)
	ctx, stop := context.WithTimeout(ctx, patience)
	defer func() {
		stop()
		<-asked
	}()
	go func() {
		defer close(asked)
		if b.o.AskMO != nil {
			asked <- b.o.AskMO(ctx)
		}
	}()
	var m *pdu
	if b.o.Protocol == SGIP {
		m = b.eventually(ctx, patience, &b.mos, func(*pdu) bool { return true })
	} else if m, err = c.await(patience, func(p *pdu) bool { return p.kind == deliver }); err != nil && !errors.Is(err, errSilent) {
		return fail("%s", why(err))
	}
	switch {
	case m == nil:
		return fail("nothing within %s", patience)
	case b.t.is86 && without86(m.source) == m.source:
		return bear("it came, and its number has no 86")
	default:
		return pass("it came, coding %d, %d bytes", m.coding, len(m.content))
	}
}
