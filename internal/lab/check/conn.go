package check

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/zhunxin/zhunxin/protocol/sgip"
)

// Ends of a read that are not a frame.
var (
	errClosed = errors.New("the peer closed the connection")
	errSilent = errors.New("nothing came in time")
)

// conn is one connection to the peer. Requests of the peer that a check does not ask for
// are answered and noted while it waits for something else.
type conn struct {
	b       *bench
	raw     net.Conn
	br      *bufio.Reader
	count   uint32
	login   *pdu // the login sent or received
	release func() bool
	keep    bool   // do not answer submits: they are held
	held    []*pdu // submits that wait for their answer
}

// newConn takes over a connection, which the end of ctx closes.
func newConn(ctx context.Context, b *bench, raw net.Conn) *conn {
	c := &conn{b: b, raw: raw, br: bufio.NewReaderSize(raw, 128<<10)}
	c.release = context.AfterFunc(ctx, func() { _ = raw.Close() })
	return c
}

// close drops the connection. Its error tells nothing that a check needs.
func (c *conn) close() {
	c.release()
	_ = c.raw.Close()
}

// leave logs out and drops the connection, so that the next login is not one too many.
func (c *conn) leave() {
	if c.send(&pdu{kind: quit}) == nil {
		for until := time.Now().Add(min(c.b.o.Timeout, time.Second)); ; {
			if _, err := c.read(until); err != nil {
				break
			}
		}
	}
	c.close()
}

// next numbers a request of ours.
func (c *conn) next() sgip.Sequence {
	c.count++
	if c.b.o.Protocol != SGIP {
		return sgip.Sequence{Count: c.count}
	}
	c.b.sgipCount++ // a sequence is an id there, so it must not come again on another connection
	return sgip.Sequence{Node: c.b.o.Node, Time: sgip.Timestamp(time.Now()), Count: c.b.sgipCount}
}

// send writes a PDU; a request that has no number gets one. An answer keeps its request's,
// even if that is zero.
func (c *conn) send(p *pdu) error {
	if p.kind.asks() && p.seq == (sgip.Sequence{}) {
		p.seq = c.next()
	}
	frame, err := c.b.t.encode(p)
	if err != nil {
		return err
	}
	return c.write(frame)
}

func (c *conn) write(frame []byte) error {
	if err := c.raw.SetWriteDeadline(time.Now().Add(c.b.o.Timeout)); err != nil {
		return errClosed
	}
	if _, err := c.raw.Write(frame); err != nil {
		return fmt.Errorf("%w: %w", errClosed, err)
	}
	return nil
}

// read takes the next frame as it is, and answers nothing.
func (c *conn) read(until time.Time) (*pdu, error) {
	if err := c.raw.SetReadDeadline(until); err != nil {
		return nil, errClosed
	}
	head, err := c.br.Peek(4)
	if err != nil {
		return nil, readError(err)
	}
	n := binary.BigEndian.Uint32(head)
	if n < uint32(c.b.t.header) || n > uint32(c.b.t.longest) { //nolint:gosec // small constants
		return nil, fmt.Errorf("%w: its length field says %d", errFrame, n)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(c.br, frame); err != nil {
		return nil, readError(err)
	}
	return c.b.t.decode(frame)
}

func readError(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errSilent
	}
	return errClosed
}

// await reads until something comes that want asks for. What the peer asks for meanwhile
// is answered.
func (c *conn) await(patience time.Duration, want func(*pdu) bool) (*pdu, error) {
	until := time.Now().Add(patience)
	for {
		p, err := c.read(until)
		if err != nil {
			return nil, err
		}
		if err := c.serve(p); err != nil {
			return nil, err
		}
		if want(p) {
			return p, nil
		}
	}
}

// answer waits for the answer to the request with that number; a generic_nack is one.
func (c *conn) answer(k kind, seq sgip.Sequence) (*pdu, error) {
	return c.await(c.b.o.Timeout, func(p *pdu) bool { return (p.kind == k || p.kind == nack) && p.seq == seq })
}

// ask sends a request and waits for its answer.
func (c *conn) ask(p *pdu, k kind) (*pdu, error) {
	if err := c.send(p); err != nil {
		return nil, err
	}
	return c.answer(k, p.seq)
}

// askFrame is ask with a frame that no pdu makes.
func (c *conn) askFrame(frame []byte, k kind, seq sgip.Sequence) (*pdu, error) {
	if err := c.write(frame); err != nil {
		return nil, err
	}
	return c.answer(k, seq)
}

// serve answers what a peer may ask for at any time, and notes what it said.
func (c *conn) serve(p *pdu) error {
	switch p.kind {
	case ping:
		return c.send(&pdu{kind: pong, seq: p.seq})
	case report:
		c.b.note(p)
		return c.send(&pdu{kind: reportAnswer, seq: p.seq, own: p.own})
	case deliver:
		c.b.note(p)
		return c.send(&pdu{kind: deliverAnswer, seq: p.seq, own: p.own})
	case userReport:
		return c.send(&pdu{kind: userReportAnswer, seq: p.seq})
	case submit:
		return c.take(p)
	case quit:
		return c.send(&pdu{kind: quitAnswer, seq: p.seq})
	default:
		return nil
	}
}

// take gives a submit an id and its answer, at once or when the check says.
func (c *conn) take(p *pdu) error {
	c.b.note(p)
	if c.keep && len(c.held) <= maxWindow {
		c.held = append(c.held, p)
		return nil
	}
	return c.send(&pdu{kind: submitAnswer, seq: p.seq, id: p.id})
}

// unhold answers the submits that were kept waiting.
func (c *conn) unhold() error {
	c.keep = false
	for _, p := range c.held {
		if err := c.send(&pdu{kind: submitAnswer, seq: p.seq, id: p.id}); err != nil {
			return err
		}
	}
	c.held = nil
	return nil
}

// closes waits for the peer to close the connection and tells whether it did.
func (c *conn) closes(patience time.Duration) bool {
	_, err := c.await(patience, func(*pdu) bool { return false })
	return errors.Is(err, errClosed)
}

// gone tells that the peer has closed the connection and left nothing to read.
func (c *conn) gone() bool {
	if err := c.raw.SetReadDeadline(time.Now().Add(look)); err != nil {
		return true
	}
	_, err := c.br.Peek(1)
	return err != nil && errors.Is(readError(err), errClosed)
}
