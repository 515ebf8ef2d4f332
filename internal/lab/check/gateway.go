package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Checks of how a gateway lets in.
var loginChecks = []check{
	{id: "login.good", zh: "正确的登录被接受", en: "a good login is accepted", topic: aboutLogin, run: goodLogin},
	{id: "login.proof", zh: "网关的登录认证码", en: "the gateway proves that it knows the secret", topic: aboutLoginAnswer, run: serverProof, only: []Protocol{CMPP20, CMPP30, SMGP30, SMGP13}},
	{id: "login.secret", zh: "密码错误的登录被拒绝", en: "a login with a wrong secret is refused with the documented status", topic: aboutLoginAnswer, run: wrongSecret, stranger: true},
	{id: "login.unknown", zh: "未知账号的登录被拒绝", en: "an unknown login is refused with the documented status", topic: aboutLoginAnswer, run: unknownLogin, stranger: true},
	{id: "login.first", zh: "登录前的命令被拒绝", en: "a command before the login is not served", topic: aboutLogin, run: commandFirst, stranger: true},
	{id: "login.twice", zh: "同一连接重复登录", en: "a second login on one connection is refused", topic: aboutLogin, run: loginTwice},
	{id: "login.version", zh: "过高的版本号", en: "a version that is too high", topic: aboutLogin, run: highVersion, only: []Protocol{CMPP20, CMPP30, SMGP30, SMGP13, SMPP}},
	{id: "login.receive", zh: "只收连接上的提交被拒绝", en: "a submit on a connection that is for receiving is refused", topic: aboutLogin, run: receiverSubmits, only: []Protocol{SMGP30, SMGP13, SMPP}},
	{id: "heartbeat", zh: "链路检测得到应答", en: "a heartbeat is answered", topic: aboutPing, run: entered(heartbeat)},
}

func goodLogin(ctx context.Context, b *bench) finding {
	c, answer, err := b.enterAs(ctx, b.asLogin())
	if err != nil {
		b.shutOut = true
		return fail("%s", why(err))
	}
	defer c.leave()
	return pass("accepted, answer of %d bytes", len(answer.raw))
}

func serverProof(ctx context.Context, b *bench) finding {
	c, answer, err := b.enterAs(ctx, b.asLogin())
	if err != nil {
		return skip("no good login")
	}
	defer c.leave()
	if answer.proof == b.t.serverProof(c.login, b.o.Secret) {
		return pass("it is the expected digest")
	}
	return bear("it is another digest than the document's: gateways compute it in different ways, do not insist on it")
}

// refusedWith judges the answer to what must be refused.
func refusedWith(status uint32, documented []uint32) finding {
	switch {
	case status == 0:
		return fail("accepted")
	case slices.Contains(documented, status):
		return pass("refused with status %d", status)
	default:
		return bear("refused with status %d, documented is %v: do not depend on the number", status, documented)
	}
}

func wrongSecret(ctx context.Context, b *bench) finding {
	p := b.asLogin()
	p.secret = "zx-wrong"
	return b.refusal(ctx, p, b.t.wrongSecret)
}

func unknownLogin(ctx context.Context, b *bench) finding {
	p := b.asLogin()
	p.login = "zxnone"
	return b.refusal(ctx, p, b.t.unknownLogin)
}

func (b *bench) refusal(ctx context.Context, p *pdu, documented []uint32) finding {
	c, answer, err := b.tryLogin(ctx, p)
	if err != nil {
		return fail("%s, where a status was expected", why(err))
	}
	defer c.close()
	return refusedWith(answer.status, documented)
}

func commandFirst(ctx context.Context, b *bench) finding {
	c, err := b.open(ctx)
	if err != nil {
		return fail("%v", err)
	}
	defer c.close()
	answer, err := c.ask(b.message("before the login"), submitAnswer)
	switch {
	case errors.Is(err, errClosed):
		return pass("the connection was closed")
	case err != nil:
		return fail("%s and the connection stays open", why(err))
	case answer.status == 0 && answer.kind == submitAnswer:
		return fail("the submit was accepted")
	case b.o.Protocol == SMPP:
		return pass("refused with status %d", answer.status)
	default:
		return bear("refused with status %d, where closing was expected", answer.status)
	}
}

func loginTwice(ctx context.Context, b *bench) finding {
	c, err := b.enter(ctx)
	if err != nil {
		return fail("%v", err)
	}
	defer c.leave()
	answer, err := c.ask(b.asLogin(), loginAnswer)
	switch {
	case errors.Is(err, errClosed):
		return pass("the connection was closed")
	case err != nil:
		return fail("%s", why(err))
	case answer.status == 0:
		return bear("accepted a second time")
	default:
		return pass("refused with status %d", answer.status)
	}
}

func highVersion(ctx context.Context, b *bench) finding {
	p := b.asLogin()
	p.version = 0x7F
	documented := map[Protocol]uint32{CMPP20: 4, CMPP30: 4, SMGP30: 22, SMGP13: 22}[b.o.Protocol]
	c, answer, err := b.enterAs(ctx, p, documented)
	switch {
	case answer == nil:
		return fail("%s, where a status was expected", why(err))
	case answer.status == documented && documented != 0:
		return pass("refused with status %d", answer.status)
	case answer.status != 0:
		return bear("refused with status %d", answer.status)
	}
	defer c.leave()
	if b.o.Protocol == SMPP {
		return pass("bound as version 0x%02x", answer.version)
	}
	return bear("accepted and answered in the account's own version: the byte that clients send is not reliable")
}

func receiverSubmits(ctx context.Context, b *bench) finding {
	p := b.asLogin()
	p.mode = receiveOnly
	c, _, err := b.enterAs(ctx, p)
	if err != nil {
		return skip("%v", err)
	}
	defer c.leave()
	answer, err := c.ask(b.message("on a receiver"), submitAnswer)
	switch {
	case err != nil:
		return fail("%s", why(err))
	case answer.status == 0:
		return bear("accepted")
	default:
		return pass("refused with status %d", answer.status)
	}
}

func heartbeat(_ context.Context, b *bench, c *conn) finding {
	answer, err := c.ask(&pdu{kind: ping}, pong)
	if err != nil {
		return fail("%s", why(err))
	}
	want := b.t.header
	if b.o.Protocol == CMPP20 || b.o.Protocol == CMPP30 {
		want++ // one reserved byte
	}
	if n := len(answer.raw); n != want {
		return bear("answered in %d bytes, documented are %d", n, want)
	}
	return pass("answered in %d bytes", want)
}

// Checks of frames that are not as they should be.
var framingChecks = []check{
	{id: "command.unknown", zh: "未知命令的处理", en: "an unknown command does no harm", topic: aboutUnknown, run: unknownCommandSent},
	{id: "length.long", zh: "过长的长度字段导致断开", en: "an oversized length field ends the connection", topic: aboutHeader, run: badLength(0x7FFFFFFF)},
	{id: "length.short", zh: "小于包头的长度字段导致断开", en: "a length field below the header ends the connection", topic: aboutHeader, run: badLength(4)},
	{id: "pdu.cut", zh: "消息体不完整的消息", en: "a submit whose body is cut short is not accepted", topic: aboutHeader, run: cutBody},
	{id: "pdu.torn", zh: "连接在消息中途断开", en: "a connection that ends within a frame does no harm", topic: aboutHeader, run: tornFrame},
	{id: "sequence.repeat", zh: "重复的序列号", en: "a repeated sequence", topic: aboutHeader, run: entered(repeated)},
	{id: "query", zh: "查询得到应答", en: "a query is answered", topic: aboutQuery, run: entered(queried)},
	{id: "direction", zh: "方向错误的命令被拒绝", en: "a command in the wrong direction is refused", topic: aboutDeliver, run: entered(wrongDirection), only: []Protocol{SGIP, SMPP}},
}

func unknownCommandSent(ctx context.Context, b *bench) finding {
	c, err := b.enter(ctx)
	if err != nil {
		return fail("%v", err)
	}
	defer c.leave()
	seq := c.next()
	frame, err := b.t.strange(seq)
	if err != nil {
		return fail("%v", err)
	}
	if err := c.write(frame); err != nil {
		return fail("%s", why(err))
	}
	p, err := c.await(b.o.Timeout, func(p *pdu) bool { return p.seq == seq && (p.kind == nack || p.kind == unknown) })
	if errors.Is(err, errClosed) {
		if alive := b.alive(ctx); alive != nil {
			return fail("closed, but afterwards %v", alive)
		}
	} else if _, after := c.ask(b.message("after an unknown command"), submitAnswer); after != nil {
		return fail("the connection stays open, but then %s", why(after))
	}
	return judgeUnknown(b, p, err)
}

// judgeUnknown: SMPP has an answer for it, SGIP a status; CMPP and SMGP say nothing, and
// closing is the safe way.
func judgeUnknown(b *bench, p *pdu, err error) finding {
	switch {
	case errors.Is(err, errClosed) && b.o.Protocol == SMPP:
		return fail("the connection was closed, where a generic_nack was expected")
	case errors.Is(err, errClosed):
		return pass("the connection was closed")
	case errors.Is(err, errSilent) && b.o.Protocol == SMPP:
		return fail("passed over, where a generic_nack was expected")
	case errors.Is(err, errSilent):
		return bear("passed over, and the connection lives on")
	case err != nil:
		return fail("%s", why(err))
	case p.kind == nack && p.status == b.t.badCommand:
		return pass("answered with status %d", p.status)
	default:
		return bear("answered with %s, status %d", p.kind, p.status)
	}
}

func badLength(n uint32) func(context.Context, *bench) finding {
	return func(ctx context.Context, b *bench) finding {
		c, err := b.enter(ctx)
		if err != nil {
			return fail("%v", err)
		}
		defer c.close()
		frame, err := b.t.encode(&pdu{kind: quit, seq: c.next()})
		if err != nil {
			return fail("%v", err)
		}
		if err := c.write(setLength(frame, n)); err != nil {
			return fail("%s", why(err))
		}
		if !c.closes(b.o.Timeout) {
			return fail("the connection stays open after a length field of %d", n)
		}
		if err := b.alive(ctx); err != nil {
			return fail("closed, but afterwards %v", err)
		}
		return pass("the connection was closed")
	}
}

func cutBody(ctx context.Context, b *bench) finding {
	c, err := b.enter(ctx)
	if err != nil {
		return fail("%v", err)
	}
	defer c.leave()
	p := b.message("cut")
	p.seq = c.next()
	frame, err := b.t.encode(p)
	if err != nil {
		return fail("%v", err)
	}
	n := b.t.header + 20
	if err := c.write(setLength(frame[:n], uint32(n))); err != nil { //nolint:gosec // small
		return fail("%s", why(err))
	}
	answer, err := c.answer(submitAnswer, p.seq)
	switch {
	case errors.Is(err, errClosed):
		if alive := b.alive(ctx); alive != nil {
			return fail("closed, but afterwards %v", alive)
		}
		return pass("the connection was closed")
	case err != nil:
		return fail("%s and the connection stays open", why(err))
	case answer.status == 0:
		return fail("accepted")
	default:
		return pass("refused with status %d", answer.status)
	}
}

func tornFrame(ctx context.Context, b *bench) finding {
	for range 3 {
		c, err := b.enter(ctx)
		if err != nil {
			return fail("%v", err)
		}
		p := b.message("torn")
		p.seq = c.next()
		frame, err := b.t.encode(p)
		if err == nil {
			err = c.write(frame[:len(frame)/2])
		}
		c.close()
		if err != nil {
			return fail("%s", why(err))
		}
	}
	if err := b.alive(ctx); err != nil {
		return fail("afterwards %v", err)
	}
	return pass("the gateway takes logins after three torn connections")
}

func repeated(_ context.Context, b *bench, c *conn) finding {
	p := b.message("the same sequence twice")
	first, err := c.ask(p, submitAnswer)
	if err != nil || first.status != 0 {
		return skip("the first submit was not accepted")
	}
	second, err := c.ask(p, submitAnswer)
	switch {
	case errors.Is(err, errSilent) && b.o.Protocol == SGIP:
		return pass("the second was dropped")
	case err != nil:
		return fail("%s", why(err))
	case second.status == 0:
		return bear("taken as another message: what is repeated is delivered twice, so repeat nothing blindly")
	case slices.Contains(b.t.repeated, second.status):
		return pass("refused with status %d", second.status)
	default:
		return bear("refused with status %d", second.status)
	}
}

func queried(_ context.Context, b *bench, c *conn) finding {
	p := b.message("to be queried")
	first, err := c.ask(p, submitAnswer)
	if err != nil || first.status != 0 {
		return skip("no submit was accepted")
	}
	answer, err := c.ask(&pdu{kind: query, id: first.id, source: p.source}, queryAnswer)
	switch {
	case err != nil && (b.o.Protocol == SMGP30 || b.o.Protocol == SMGP13):
		return bear("%s: SMGP leaves it to the gateway", why(err))
	case err != nil:
		return fail("%s", why(err))
	case answer.kind == nack:
		return bear("answered with a generic_nack, status %d", answer.status)
	case answer.status != 0:
		return pass("answered with status %d: it keeps no states to ask for", answer.status)
	default:
		return pass("answered in %d bytes", len(answer.raw))
	}
}

func wrongDirection(_ context.Context, b *bench, c *conn) finding {
	answer, err := c.ask(&pdu{kind: deliver, source: b.o.Dest, dest: b.o.Source, content: []byte("T")}, deliverAnswer)
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

// Checks of how a gateway lets go.
var quitChecks = []check{
	{id: "quit", zh: "登出得到应答并断开", en: "a log-out is answered and the connection closed", topic: aboutQuit, run: loggedOut},
	{id: "idle", zh: "空闲连接的关闭", en: "an idle connection ends cleanly", topic: aboutQuit, run: idled, only: []Protocol{SGIP}},
}

func loggedOut(ctx context.Context, b *bench) finding {
	c, err := b.enter(ctx)
	if err != nil {
		return fail("%v", err)
	}
	defer c.close()
	answer, err := c.ask(&pdu{kind: quit}, quitAnswer)
	switch {
	case errors.Is(err, errClosed):
		return fail("the connection was closed without an answer")
	case err != nil:
		return fail("%s", why(err))
	}
	seen := fmt.Sprintf("answered in %d bytes", len(answer.raw))
	if !c.closes(b.o.Timeout) {
		return bear("%s, but the connection stays open", seen)
	}
	if len(answer.raw) != b.t.header {
		return bear("%s, documented are %d", seen, b.t.header)
	}
	return pass("%s, then closed", seen)
}

func idled(ctx context.Context, b *bench) finding {
	if b.o.IdleWait == 0 {
		return skip("no idle-wait was given")
	}
	c, err := b.enter(ctx)
	if err != nil {
		return fail("%v", err)
	}
	defer c.close()
	begun := time.Now()
	_, err = c.await(b.o.IdleWait, func(p *pdu) bool { return p.kind == quit })
	switch after := time.Since(begun).Round(time.Second / 10); {
	case err == nil:
		return pass("it logged out after %s", after)
	case errors.Is(err, errClosed):
		return bear("closed without a log-out after %s", after)
	default:
		return bear("still open after %s: many gateways keep it", after)
	}
}
