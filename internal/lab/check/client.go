package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/protocol/cmpp"
)

// peer is the client's connection: the one there is, or the next that it makes.
func (b *bench) peer(ctx context.Context) (*conn, error) {
	if c := b.client; c != nil {
		b.client = nil
		if _, err := c.await(look, func(*pdu) bool { return false }); errors.Is(err, errSilent) {
			b.client = c
			return c, nil
		}
		c.close()
	}
	c, err := b.accept(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.admit(c, 0); err != nil {
		c.close()
		return nil, err
	}
	b.client = c
	return c, nil
}

// accept waits for a connection and its login, which it does not answer. One that its
// client has given up meanwhile, because nobody answered, is passed over.
func (b *bench) accept(ctx context.Context) (*conn, error) {
	ln, ok := b.ln.(*net.TCPListener)
	if !ok {
		return nil, errors.New("the listener is not one of TCP")
	}
	if err := ln.SetDeadline(time.Now().Add(b.o.Return)); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() }) // accept tells
	defer stop()
	for {
		raw, err := ln.Accept()
		if err != nil {
			return nil, fmt.Errorf("no client came to %s within %s", b.ln.Addr(), b.o.Return)
		}
		c := newConn(ctx, b, raw)
		c.login, err = c.read(time.Now().Add(b.o.Timeout))
		switch {
		case err != nil:
			c.close()
			return nil, fmt.Errorf("a client came, but no login: %s", why(err))
		case c.login.kind != login:
			c.close()
			return nil, fmt.Errorf("the client's first command is %s", c.login.kind)
		case c.gone():
			c.close()
		default:
			return c, nil
		}
	}
}

// admit answers the login.
func (b *bench) admit(c *conn, status uint32) error {
	answer := &pdu{kind: loginAnswer, seq: c.login.seq, status: status, mode: c.login.mode}
	if b.t.serverProof != nil && status == 0 {
		known := *c.login
		known.secret = b.o.Secret
		answer.proof = b.t.serverProof(&known, b.o.Secret)
	}
	return c.send(answer)
}

// served runs a check on the client's connection, and drops it if the check has spoiled it.
func served(do func(ctx context.Context, b *bench, c *conn) finding) func(context.Context, *bench) finding {
	return func(ctx context.Context, b *bench) finding {
		c, err := b.peer(ctx)
		if err != nil {
			return fail("%v", err)
		}
		return do(ctx, b, c)
	}
}

// downward runs a check on the connection by which reports go: in SGIP one that we make.
func downward(do func(b *bench, c *conn) finding) func(context.Context, *bench) finding {
	return func(ctx context.Context, b *bench) finding {
		if b.o.Protocol != SGIP {
			return served(func(_ context.Context, b *bench, c *conn) finding { return do(b, c) })(ctx, b)
		}
		if b.o.BackTarget == "" {
			return skip("no back-target was given: where the client listens is not known")
		}
		c, answer, err := b.bindBack(ctx, b.o.BackSecret)
		if err != nil {
			return fail("%s", why(err))
		}
		defer c.leave()
		if answer.status != 0 {
			return fail("our login was refused with status %d", answer.status)
		}
		return do(b, c)
	}
}

func (b *bench) bindBack(ctx context.Context, secret string) (*conn, *pdu, error) {
	c, err := b.dial(ctx, b.o.BackTarget)
	if err != nil {
		return nil, nil, err
	}
	answer, err := c.ask(&pdu{kind: login, login: b.o.BackLogin, secret: secret, back: true}, loginAnswer)
	if err != nil {
		c.close()
		return nil, nil, err
	}
	return c, answer, nil
}

// Checks of how a client logs in.
var clientLogin = []check{
	{id: "client.login", zh: "客户端登录的账号与认证码", en: "the client logs in with its name and a correct proof", topic: aboutLogin, run: clientLogsIn},
	{id: "client.version", zh: "登录中的版本号", en: "the version that the client names", topic: aboutLogin, run: served(clientVersion), only: []Protocol{CMPP20, CMPP30, SMGP30, SMGP13, SMPP}},
	{id: "client.clock", zh: "登录中的时间戳", en: "the time stamp in the login", topic: aboutLogin, run: served(clientClock), only: []Protocol{CMPP20, CMPP30, SMGP30, SMGP13}},
	{id: "client.refused", zh: "登录被拒后重试", en: "a refused client tries again, after a pause", topic: aboutLoginAnswer, run: clientRefused},
	{id: "client.heartbeat", zh: "链路检测得到应答", en: "the client answers a heartbeat", topic: aboutPing, run: served(heartbeat)},
}

func clientLogsIn(ctx context.Context, b *bench) finding {
	if b.client != nil {
		b.client.close()
		b.client = nil
	}
	c, err := b.accept(ctx)
	if err != nil {
		return fail("%v", err)
	}
	p := c.login
	switch {
	case p.login != b.o.Login:
		c.close()
		return fail("it names itself %.20q", p.login)
	case !b.t.proves(p, b.o.Secret):
		_ = b.admit(c, b.t.wrongSecret[0]) // whether it hears it changes nothing
		c.close()
		return fail("its proof is not that of the secret: nine zero bytes in CMPP, seven in SMGP, ten digits of time")
	case p.back:
		c.close()
		return fail("it logs in with type 2, which is a gateway's")
	}
	if err := b.admit(c, 0); err != nil {
		c.close()
		return fail("%s", why(err))
	}
	b.client = c
	return pass("correct, login of %d bytes", len(p.raw))
}

func clientVersion(_ context.Context, b *bench, c *conn) finding {
	if c.login.version != b.t.version {
		return bear("it names 0x%02x, expected is 0x%02x: the account's configured version decides", c.login.version, b.t.version)
	}
	return pass("0x%02x", c.login.version)
}

// maxDrift is how far a client's clock may be from ours.
const maxDrift = 10 * time.Minute

func clientClock(_ context.Context, _ *bench, c *conn) finding {
	now := time.Now()
	for at := now.Add(-maxDrift); at.Before(now.Add(maxDrift)); at = at.Add(time.Second) {
		if cmpp.Timestamp(at) == c.login.stamp {
			return pass("%010d", c.login.stamp)
		}
	}
	return bear("%010d, where China's time is %010d: check its clock and zone", c.login.stamp, cmpp.Timestamp(now))
}

// tooSoon is a return that hammers a gateway.
const tooSoon = 50 * time.Millisecond

func clientRefused(ctx context.Context, b *bench) finding {
	if b.client != nil {
		b.client.close()
		b.client = nil
	}
	c, err := b.accept(ctx)
	if err != nil {
		return fail("%v", err)
	}
	err = b.admit(c, b.t.wrongSecret[0])
	c.close()
	if err != nil {
		return fail("%s", why(err))
	}
	return b.returned(ctx, "after a refused login")
}

// returned waits for the client to come back.
func (b *bench) returned(ctx context.Context, what string) finding {
	begun := time.Now()
	_, err := b.peer(ctx)
	took := time.Since(begun).Round(time.Millisecond)
	switch {
	case err != nil && b.o.Protocol == SGIP:
		return bear("%s %v: in SGIP a client comes when it has something to say", what, err)
	case err != nil:
		return fail("%s %v", what, err)
	case took < tooSoon:
		return bear("%s it came back in %s: a pause that grows spares the gateway", what, took)
	default:
		return pass("%s it came back in %s", what, took)
	}
}

// Checks of what a client is brought and what it brings.
var clientTraffic = []check{
	{id: "client.back", zh: "客户端监听的登录校验", en: "the client's listener lets in who knows the secret, and nobody else", topic: aboutLoginAnswer, run: clientBack, only: []Protocol{SGIP}},
	{id: "client.submit", zh: "客户端提交的内容格式", en: "the form of the client's submits", topic: aboutSubmit, run: served(clientSubmits)},
	{id: "client.window", zh: "客户端遵守窗口", en: "the client keeps to its window", topic: aboutWindow, run: served(clientWindow)},
	{id: "client.report", zh: "状态报告得到应答", en: "a status report is acknowledged", topic: aboutReport, run: downward(func(b *bench, c *conn) finding { return b.sendReport(c, 0) })},
	{id: "client.report.size", zh: "另一种长度的状态报告", en: "a report of the other version's size is acknowledged", topic: aboutReport, run: downward(otherReport), only: []Protocol{CMPP20, CMPP30}},
	{id: "client.report.twice", zh: "重复的状态报告", en: "a report that comes twice is acknowledged twice", topic: aboutReport, run: downward(reportTwice)},
	{id: "client.report.early", zh: "先于提交应答的状态报告", en: "a report that comes before the answer to its submit is acknowledged", topic: aboutReport, run: served(earlyReport), only: []Protocol{CMPP20, CMPP30, SMGP30, SMGP13, SMPP}},
	{id: "client.report.unknown", zh: "未知消息的状态报告", en: "a report on an unknown message is acknowledged", topic: aboutReport, run: downward(unknownReport)},
	{id: "client.mo", zh: "上行短信得到应答", en: "a message from a handset is acknowledged", topic: aboutDeliver, run: downward(func(b *bench, c *conn) finding { return b.bring(c, b.mo()) })},
	{id: "client.mo.long", zh: "上行长短信得到应答", en: "the parts of a long message from a handset are acknowledged", topic: aboutDeliver, run: downward(longMO)},
	{id: "client.options", zh: "带未知可选参数的上行", en: "a message with an unknown optional parameter is acknowledged", topic: aboutOptions, run: downward(optionalMO)},
	{id: "client.userrpt", zh: "用户状态报告得到应答", en: "a USERRPT is answered", topic: aboutUserReport, run: downward(userReported)},
	{id: "client.direction", zh: "方向错误的命令被拒绝", en: "a submit to the client is refused", topic: aboutSubmit, run: downward(submittedBack), only: []Protocol{SGIP, SMPP}},
}

func clientBack(ctx context.Context, b *bench) finding {
	if b.o.BackTarget == "" {
		return skip("no back-target was given: where the client listens is not known")
	}
	c, answer, err := b.bindBack(ctx, "zx-wrong")
	if err != nil {
		return fail("%s", why(err))
	}
	c.close()
	if f := refusedWith(answer.status, b.t.wrongSecret); f.verdict != Pass {
		return f
	}
	if c, answer, err = b.bindBack(ctx, b.o.BackSecret); err != nil {
		return fail("%s", why(err))
	}
	defer c.leave()
	if answer.status != 0 {
		return fail("our good login was refused with status %d", answer.status)
	}
	return pass("a wrong secret was refused, the right one let in")
}

// lastSubmit is what the client submitted last, or something that it might have.
func (b *bench) lastSubmit() *pdu {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.submits); n > 0 {
		return b.submits[n-1]
	}
	id := map[Protocol]string{SGIP: fmt.Sprintf("%d-1125090000-1", b.o.Node)}[b.o.Protocol]
	return &pdu{id: orDefault(id, "10011"), source: b.o.Source, dest: b.o.Dest}
}

func (b *bench) number() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ids++
	return fmt.Sprint(b.ids)
}

func (b *bench) reportOn(s *pdu) *pdu {
	return &pdu{kind: report, own: b.number(), id: s.id, source: without86(s.dest), dest: s.source, stat: "DELIVRD"}
}

// bring sends a report or a message and judges its acknowledgement.
func (b *bench) bring(c *conn, p *pdu) finding {
	k := deliverAnswer
	if p.kind == report && b.o.Protocol == SGIP {
		k = reportAnswer
	}
	answer, err := c.ask(p, k)
	switch {
	case err != nil:
		return fail("%s", why(err))
	case answer.kind == nack:
		return fail("answered with a generic_nack, status %d", answer.status)
	case answer.status != 0:
		return bear("status %d: it asks for it again, or does not want it", answer.status)
	case answer.own != "" && strings.TrimLeft(answer.own, "0") != p.own:
		return bear("acknowledged, with another id than that of the deliver")
	default:
		return pass("acknowledged")
	}
}

func (b *bench) sendReport(c *conn, size int) finding {
	p := b.reportOn(b.lastSubmit())
	p.reportSize = size
	return b.bring(c, p)
}

func otherReport(b *bench, c *conn) finding {
	size := map[Protocol]int{CMPP20: 71, CMPP30: 60}[b.o.Protocol]
	f := b.sendReport(c, size)
	f.seen = fmt.Sprintf("%d bytes: %s", size, f.seen)
	return f
}

func reportTwice(b *bench, c *conn) finding {
	p := b.reportOn(b.lastSubmit())
	if f := b.bring(c, p); f.verdict != Pass {
		return f
	}
	again := *p
	again.seq = c.next()
	return b.bring(c, &again)
}

// earlyReport answers a submit only after its report was acknowledged: nothing in the
// documents keeps a gateway from it.
func earlyReport(_ context.Context, b *bench, c *conn) finding {
	c.keep = true
	_, err := c.await(b.o.ReportWait, func(*pdu) bool { return len(c.held) > 0 })
	var f finding
	if err != nil {
		f = skip("the client submitted nothing: %s", why(err))
	} else {
		f = b.bring(c, b.reportOn(c.held[0]))
	}
	if err := c.unhold(); err != nil {
		return fail("%s", why(err))
	}
	return f
}

func unknownReport(b *bench, c *conn) finding {
	s := *b.lastSubmit()
	s.id = map[Protocol]string{SGIP: "3999999999-1231235959-4294967295", SMPP: "zxnone"}[b.o.Protocol]
	s.id = orDefault(s.id, "99999999999999")
	return b.bring(c, b.reportOn(&s))
}

func (b *bench) mo() *pdu {
	return &pdu{kind: deliver, own: b.number(), source: b.o.Dest, dest: b.o.Source, coding: 8, content: []byte{0, 'O', 0, 'K'}}
}

func longMO(b *bench, c *conn) finding {
	for number := byte(1); number <= 2; number++ {
		p := b.mo()
		p.udhi, p.content = true, append([]byte{5, 0, 3, 9, 2, number}, p.content...)
		if f := b.bring(c, p); f.verdict != Pass {
			f.seen = fmt.Sprintf("part %d: %s", number, f.seen)
			return f
		}
	}
	return pass("both parts acknowledged")
}

func optionalMO(b *bench, c *conn) finding {
	p := b.mo()
	p.options = true
	return b.bring(c, p)
}

func userReported(b *bench, c *conn) finding {
	answer, err := c.ask(&pdu{kind: userReport, source: b.o.Dest, dest: b.o.Source}, userReportAnswer)
	if err != nil {
		return fail("%s", why(err))
	}
	if answer.status != 0 {
		return bear("answered with status %d", answer.status)
	}
	return pass("answered")
}

func submittedBack(b *bench, c *conn) finding {
	answer, err := c.ask(b.message("in the wrong direction"), submitAnswer)
	switch {
	case errors.Is(err, errClosed):
		return bear("the connection was closed, where a status was expected")
	case err != nil:
		return fail("%s", why(err))
	case answer.status == 0 && answer.kind == submitAnswer:
		return fail("accepted")
	default:
		return pass("refused with status %d", answer.status)
	}
}

func clientSubmits(_ context.Context, b *bench, c *conn) finding {
	p := b.noted(&b.submits, func(*pdu) bool { return true })
	if p == nil {
		var err error
		if p, err = c.await(b.o.ReportWait, func(p *pdu) bool { return p.kind == submit }); err != nil {
			return skip("the client submitted nothing: %s", why(err))
		}
	}
	most := b.t.content
	if p.coding == 0 && slices.Contains([]Protocol{CMPP20, CMPP30, SGIP}, b.o.Protocol) {
		most = 160
	}
	switch {
	case len(p.content) > most:
		return fail("%d bytes of content in coding %d, the most is %d", len(p.content), p.coding, most)
	case strings.Trim(p.dest, "0123456789+") != "" || p.dest == "":
		return fail("the number is no number")
	case b.o.Protocol == SGIP && !strings.HasPrefix(p.dest, "86"):
		return fail("the number has no 86")
	case !p.wantReport:
		return bear("%d bytes in coding %d, and no report is asked for", len(p.content), p.coding)
	default:
		return pass("%d bytes in coding %d, a report is asked for", len(p.content), p.coding)
	}
}

func clientWindow(_ context.Context, b *bench, c *conn) finding {
	c.keep = true
	_, err := c.await(b.o.Hold, func(*pdu) bool { return len(c.held) > b.o.Window })
	n := len(c.held)
	if err := c.unhold(); err != nil {
		return fail("%s", why(err))
	}
	switch {
	case errors.Is(err, errClosed):
		return fail("%s while %d answers were kept back", why(err), n)
	case n > b.o.Window:
		return fail("%d submits without an answer, the window is %d", n, b.o.Window)
	case n == 0:
		return skip("the client submitted nothing within %s", b.o.Hold)
	default:
		return pass("%d submits without an answer within %s, the window is %d", n, b.o.Hold, b.o.Window)
	}
}
