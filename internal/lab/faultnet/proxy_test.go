package faultnet_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/zhunxin/zhunxin/internal/lab/faultnet"
)

// line is a client and a server that hold the two ends of one connection.
type line struct {
	*faultnet.Proxy

	near, far *net.TCPConn
	ctx       context.Context
}

func join(t *testing.T, cfg faultnet.Config) *line {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Target = ln.Addr().String()
	p, err := faultnet.Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	near, err := new(net.Dialer).DialContext(ctx, "tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	deadline, _ := ctx.Deadline()
	if err := errors.Join(near.SetDeadline(deadline), far.SetDeadline(deadline), ln.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return &line{p, near.(*net.TCPConn), far.(*net.TCPConn), ctx}
}

// frame makes one of the given length, filled with its number.
func frame(number byte, length int) []byte {
	b := bytes.Repeat([]byte{number}, length)
	binary.BigEndian.PutUint32(b, uint32(length)) //nolint:gosec // small
	return b
}

func numbered(n int) []byte {
	var all []byte
	for i := range n {
		all = append(all, frame(byte(i), 10+i)...)
	}
	return all
}

func write(t *testing.T, conn net.Conn, b []byte) {
	t.Helper()
	if _, err := conn.Write(b); err != nil {
		t.Error(err)
	}
}

func read(t *testing.T, conn net.Conn, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(conn, b); err != nil {
		t.Error(err)
	}
	return b
}

func TestBytesPassUnchanged(t *testing.T) {
	want := append(numbered(20), "\xff\xff\xff\xff no frame"...)
	for name, f := range map[string]faultnet.Faults{
		"no fault": {}, "delay": {Delay: time.Millisecond, Jitter: time.Millisecond}, "dribble": {Dribble: 3}, "alone in its window": {Reorder: 1},
	} {
		for kind, frames := range map[string]faultnet.Frames{"bytes": nil, "frames": faultnet.LengthFirst} {
			t.Run(name+" of "+kind, func(t *testing.T) {
				l := join(t, faultnet.Config{Frames: frames})
				l.Set(faultnet.ToServer, f)
				l.Set(faultnet.ToClient, f)
				write(t, l.near, want)
				if got := read(t, l.far, len(want)); !bytes.Equal(got, want) {
					t.Errorf("%q", got)
				}
				write(t, l.far, want)
				if got := read(t, l.near, len(want)); !bytes.Equal(got, want) {
					t.Errorf("back: %q", got)
				}
			})
		}
	}
}

// The end of one direction passes, and the other still works.
func TestHalfCloseAndPartOfAFramePass(t *testing.T) {
	l := join(t, faultnet.Config{Frames: faultnet.LengthFirst})
	part := frame(1, 50)[:20]
	write(t, l.near, part)
	if err := l.near.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(l.far); err != nil || !bytes.Equal(got, part) {
		t.Errorf("%q, %v", got, err)
	}
	write(t, l.far, []byte("\x00\x00\x00\x05!"))
	read(t, l.near, 5)
}

func TestCutIsExact(t *testing.T) {
	want := numbered(3)
	for cut := range len(want) + 1 {
		t.Run(strconv.Itoa(cut), func(t *testing.T) {
			l := join(t, faultnet.Config{Frames: faultnet.LengthFirst})
			l.Set(faultnet.ToServer, faultnet.Faults{Cut: true, CutAfter: int64(cut)})
			write(t, l.near, want)
			if got, err := io.ReadAll(l.far); err != nil || !bytes.Equal(got, want[:cut]) {
				t.Errorf("cut after byte %d: %q, %v", cut, got, err)
			}
			if n, err := l.near.Read(make([]byte, 1)); err == nil {
				t.Errorf("cut after byte %d: %d bytes came back", cut, n)
			}
			if c := l.Counts(faultnet.ToServer); c.Cuts > 1 || c.Bytes != uint64(cut) {
				t.Errorf("cut after byte %d: %+v", cut, c)
			}
		})
	}
}

func TestFramesAreDroppedDoubledAndMixed(t *testing.T) {
	const n = 12
	l := join(t, faultnet.Config{Frames: faultnet.LengthFirst, Seed: 7})
	number := func(frame []byte) byte { return frame[4] }
	l.Set(faultnet.ToClient, faultnet.Faults{
		Reorder:   5,
		Drop:      func(frame []byte) bool { return number(frame) == 3 },
		Duplicate: func(frame []byte) bool { return number(frame) == 4 },
	})
	write(t, l.far, numbered(n))
	var got []byte
	for range n {
		head := read(t, l.near, 5)
		read(t, l.near, int(head[3])-5)
		got = append(got, head[4])
	}
	sorted := slices.Sorted(slices.Values(got))
	if want := []byte{0, 1, 2, 4, 4, 5, 6, 7, 8, 9, 10, 11}; !slices.Equal(sorted, want) {
		t.Errorf("frames %v", got)
	}
	if slices.Equal(sorted, got) {
		t.Errorf("in order: %v", got)
	}
	for i, number := range got { // window by window, counting from the first
		if first := slices.Index(sorted, number); first/5 > i/5 {
			t.Errorf("frame %d came too early in %v", number, got)
		}
	}
	if c := l.Counts(faultnet.ToClient); c.Dropped != 1 || c.Duplicated != 1 || c.Reordered != n {
		t.Errorf("%+v", c)
	}
}

func TestSilenceLosesAndDoesNotClose(t *testing.T) {
	l := join(t, faultnet.Config{Frames: faultnet.LengthFirst})
	l.Set(faultnet.ToServer, faultnet.Faults{Silent: true})
	write(t, l.near, numbered(4))
	if err := l.Await(l.ctx, faultnet.ToServer, func(c faultnet.Counts) bool { return c.Swallowed == 4 }); err != nil {
		t.Fatal(err)
	}
	write(t, l.far, frame(9, 9)) // the other direction is as before
	read(t, l.near, 9)
	l.Set(faultnet.ToServer, faultnet.Faults{})
	write(t, l.near, frame(7, 20))
	if got := read(t, l.far, 20); !bytes.Equal(got, frame(7, 20)) {
		t.Errorf("after the silence: %q", got)
	}
	l.Set(faultnet.ToServer, faultnet.Faults{Silent: true})
	if err := l.near.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, l.far, frame(9, 9)) // it cannot know
	l.Heal()
	if got, err := io.ReadAll(l.far); len(got) != 0 {
		t.Errorf("%q, %v", got, err)
	}
}

func TestBlockedPushesBackAndLosesNothing(t *testing.T) {
	l := join(t, faultnet.Config{Frames: faultnet.LengthFirst, Buffer: 8 << 10})
	if err := l.near.SetWriteBuffer(8 << 10); err != nil {
		t.Fatal(err)
	}
	l.Set(faultnet.ToServer, faultnet.Faults{Blocked: true})
	if err := l.near.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	sent := bytes.Repeat(frame(1, 1000), 1000)
	n, err := l.near.Write(sent)
	if err == nil || l.Counts(faultnet.ToServer).Frames != 0 {
		t.Errorf("%d bytes were taken, %v, %+v", n, err, l.Counts(faultnet.ToServer))
	}
	l.Heal()
	if err := l.near.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(l.far); err != nil || len(got) != n {
		t.Errorf("%d bytes arrived of %d, %v", len(got), n, err)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	for i, f := range []faultnet.Faults{{}, {Silent: true}, {Blocked: true}, {Delay: time.Hour}, {Dribble: 1, Every: time.Hour}, {Reorder: 60}} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			l := join(t, faultnet.Config{Frames: faultnet.LengthFirst})
			l.Set(faultnet.ToServer, f)
			write(t, l.near, numbered(4))
			l.Close()
			if n := l.Connections(); n != 0 {
				t.Errorf("%+v: %d connections are open", f, n)
			}
		})
	}
}

// The Write that crosses the line says exactly what it took.
func TestConnIsCutAtEveryByte(t *testing.T) {
	sent := []byte("0123456789")
	for cut := range len(sent) + 1 {
		t.Run(strconv.Itoa(cut), func(t *testing.T) {
			l := join(t, faultnet.Config{})
			c := faultnet.Wrap(l.near)
			write(t, c, []byte("before"))
			c.CutAfter(int64(cut))
			n, err := c.Write(sent)
			if n != cut || (err == nil) != (cut == len(sent)) || err != nil && !errors.Is(err, faultnet.ErrCut) {
				t.Errorf("cut after byte %d: took %d, %v", cut, n, err)
			}
			if n, err := c.Write(sent); n != 0 || !errors.Is(err, faultnet.ErrCut) {
				t.Errorf("after the cut: took %d, %v", n, err)
			}
			if got, err := io.ReadAll(l.far); err != nil || string(got) != "before"+string(sent[:cut]) {
				t.Errorf("cut after byte %d: %q, %v", cut, got, err)
			}
		})
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
