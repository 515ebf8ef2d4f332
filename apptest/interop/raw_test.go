package interop

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/apptest/interop/rawpeer"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// raw is a connection of which the test reads and writes every byte.
type raw struct {
	t    *testing.T
	conn rawpeer.Conn
}

func newRaw(t *testing.T, conn net.Conn) *raw {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() })
	return &raw{t, rawpeer.Conn{Conn: conn, Patience: patience}}
}

// call connects to a server of ours.
func call(t *testing.T, s *session.Server) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String()) //nolint:noctx // loopback
	if err != nil {
		t.Fatal(err)
	}
	return newRaw(t, conn)
}

func (r *raw) read() []byte {
	r.t.Helper()
	frame, err := r.conn.ReadFrame()
	if err != nil {
		r.t.Fatalf("no frame: %v", err)
	}
	return frame
}

// send packs a frame and writes it.
func (r *raw) send(pieces ...any) {
	r.t.Helper()
	r.write(rawpeer.Pack(pieces...))
}

func (r *raw) write(b []byte) {
	r.t.Helper()
	if _, err := r.conn.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

// want demands that the next frame is the one that the pieces make, byte for byte.
func (r *raw) want(pieces ...any) {
	r.t.Helper()
	if frame, want := r.read(), rawpeer.Pack(pieces...); !bytes.Equal(frame, want) {
		r.t.Fatalf("read %d bytes\n%x, not %d\n%x", len(frame), frame, len(want), want)
	}
}

// unhex reads bytes as the reference writes them.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wantHex demands the next frame literally.
func (r *raw) wantHex(s string) {
	r.t.Helper()
	if frame, want := r.read(), unhex(r.t, s); !bytes.Equal(frame, want) {
		r.t.Fatalf("read %d bytes\n%x, not %d\n%x", len(frame), frame, len(want), want)
	}
}

// closed demands that the other side closes and sends nothing more.
func (r *raw) closed() {
	r.t.Helper()
	if frame, err := r.conn.ReadFrame(); !errors.Is(err, io.EOF) || len(frame) > 0 {
		r.t.Errorf("read %x, %v, not the end", frame, err)
	}
}

// accept runs one of the Dial functions against a listener of the test's own, which
// answers the login.
func accept(t *testing.T, cfg session.ClientConfig, dial func(context.Context, session.ClientConfig, session.ClientHandler) (*session.Client, error),
	login func(*raw),
) (*session.Client, *platform, *raw) {
	t.Helper()
	ln := listen(t)
	defer func() { _ = ln.Close() }()
	cfg.Address = ln.Addr().String()
	h := newPlatform()
	type result struct {
		c   *session.Client
		err error
	}
	dialed := make(chan result, 1)
	go func() {
		c, err := dial(t.Context(), cfg, h)
		dialed <- result{c, err}
	}()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	r := newRaw(t, conn)
	login(r)
	d := take(t, dialed, "the login")
	if d.err != nil {
		t.Fatal(d.err)
	}
	t.Cleanup(func() {
		d.c.Close()
		<-d.c.Done()
	})
	return d.c, h, r
}

// leave logs our client out while the peer answers.
func leave(t *testing.T, c *session.Client, h *platform, answer func()) {
	t.Helper()
	drained := make(chan error, 1)
	go func() { drained <- c.Drain(bounded(t)) }()
	answer()
	if err := errors.Join(take(t, drained, "the log-out"), take(t, h.closed, "the end")); err != nil {
		t.Error(err)
	}
}

// outcome submits in the background: the test answers meanwhile.
func outcome(c *session.Client, s session.Submit) <-chan session.Outcome {
	out := make(chan session.Outcome, 1)
	c.Submit(s, func(o session.Outcome) { out <- o })
	return out
}

// at is a fixed clock, in China's time.
func at(month time.Month, day, hour, minute, second int) func() time.Time {
	t := time.Date(2026, month, day, hour, minute, second, 0, time.FixedZone("CST", 8*60*60))
	return func() time.Time { return t }
}

// six is the content of the reference's lengths.
const six = "\x4f\x60\x59\x7d\x4e\x16"

// number of a frame's sequence in CMPP and SMGP.
func sequence(frame []byte) uint32 { return binary.BigEndian.Uint32(frame[8:]) }
