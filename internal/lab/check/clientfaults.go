package check

import (
	"context"
	"errors"

	"github.com/zhunxin/zhunxin/protocol/sgip"
)

// Checks of a client whose gateway misbehaves or leaves.
var clientFaults = []check{
	{id: "client.answer.unknown", zh: "未请求的应答被忽略", en: "an answer to nothing does no harm", topic: aboutHeader, run: served(strangeAnswer)},
	{id: "client.command.unknown", zh: "未知命令的处理", en: "an unknown command does no harm", topic: aboutUnknown, run: served(strangeCommand)},
	{id: "client.length.long", zh: "过长的长度字段导致断开", en: "an oversized length field ends the connection, and the client comes back", topic: aboutHeader, run: served(clientBadLength)},
	{id: "client.quit", zh: "网关登出得到应答", en: "the gateway's log-out is answered, and the client comes back", topic: aboutQuit, run: served(clientQuit)},
	{id: "client.reconnect", zh: "断线后重连", en: "the client comes back after its connection broke", topic: aboutHeader, run: served(reconnected)},
}

// lives tells that the connection still works: by a heartbeat, or in SGIP, which has none,
// by staying open.
func (c *conn) lives() error {
	if c.b.t.sections[aboutPing] != "" {
		_, err := c.ask(&pdu{kind: ping}, pong)
		return err
	}
	if _, err := c.await(10*look, func(*pdu) bool { return false }); !errors.Is(err, errSilent) {
		return err
	}
	return nil
}

func strangeAnswer(_ context.Context, b *bench, c *conn) finding {
	if err := c.send(&pdu{kind: submitAnswer, seq: sgip.Sequence{Node: 1, Time: 1, Count: 0x7ABBCCDD}, id: b.number()}); err != nil {
		return fail("%s", why(err))
	}
	if err := c.lives(); err != nil {
		return fail("afterwards %s", why(err))
	}
	return pass("ignored")
}

func strangeCommand(ctx context.Context, b *bench, c *conn) finding {
	seq := c.next()
	frame, err := b.t.strange(seq)
	if err != nil {
		return fail("%v", err)
	}
	if err := c.write(frame); err != nil {
		return fail("%s", why(err))
	}
	p, err := c.await(b.o.Timeout, func(p *pdu) bool { return p.seq == seq && (p.kind == nack || p.kind == unknown) })
	f := judgeUnknown(b, p, err)
	if errors.Is(err, errClosed) && f.verdict != Fail {
		if back := b.returned(ctx, "closed;"); back.verdict == Fail {
			return back
		}
	}
	return f
}

func clientBadLength(ctx context.Context, b *bench, c *conn) finding {
	frame, err := b.t.encode(&pdu{kind: quit, seq: c.next()})
	if err != nil {
		return fail("%v", err)
	}
	if err := c.write(setLength(frame, 0x7FFFFFFF)); err != nil {
		return fail("%s", why(err))
	}
	if !c.closes(b.o.Timeout) {
		c.close()
		b.client = nil
		return fail("the connection stays open after a length field of %d", 0x7FFFFFFF)
	}
	return b.returned(ctx, "closed;")
}

func clientQuit(ctx context.Context, b *bench, c *conn) finding {
	_, err := c.ask(&pdu{kind: quit}, quitAnswer)
	c.close()
	b.client = nil
	if err != nil {
		return fail("%s", why(err))
	}
	return b.returned(ctx, "answered;")
}

func reconnected(ctx context.Context, b *bench, c *conn) finding {
	c.close()
	b.client = nil
	return b.returned(ctx, "after the break")
}
