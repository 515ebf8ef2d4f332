package faultnet

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// linger is how long gathered frames wait for more to be mixed with.
const linger = 20 * time.Millisecond

// errEnded ends a pump whose connection was cut or closed.
var errEnded = errors.New("faultnet: connection ended")

// pump carries one direction of one connection.
type pump struct {
	lane     *lane
	pair     *pair
	src, dst net.Conn
	br       *bufio.Reader
	frames   Frames
	held     [][]byte // gathered to be mixed
}

func newPump(l *lane, q *pair, src, dst net.Conn, frames Frames) *pump {
	return &pump{lane: l, pair: q, src: src, dst: dst, br: bufio.NewReaderSize(src, maxFrame), frames: frames}
}

func (p *pump) run() {
	err := p.copy()
	if !p.audible() {
		return
	}
	if half, ok := p.dst.(*net.TCPConn); ok && errors.Is(err, io.EOF) {
		_ = half.CloseWrite() // the other direction may still have something to say
		return
	}
	p.pair.close(false)
}

// audible waits until the end of the connection may be passed on, and is false
// when there is nothing left to end.
func (p *pump) audible() bool {
	for {
		f, changed := p.lane.now()
		if !f.Silent {
			return true
		}
		if !p.until(changed) {
			return false
		}
	}
}

// until waits for a change of faults; it is false when the connection ended.
func (p *pump) until(changed <-chan struct{}) bool {
	select {
	case <-changed:
		return true
	case <-p.pair.done:
		return false
	}
}

// copy carries frames until the source ends, and returns why.
func (p *pump) copy() error {
	for {
		for { // a blocked direction does not read
			f, changed := p.lane.now()
			if !f.Blocked {
				break
			}
			if !p.until(changed) {
				return errEnded
			}
		}
		frame, err := p.read()
		if err == nil {
			if err := p.mix(frame); err != nil {
				return err
			}
			continue
		}
		if err := p.flush(); err != nil {
			return err
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if len(frame) > 0 { // a part of one, with nothing behind it
			if err := p.forward(frame); err != nil {
				return err
			}
		}
		return err
	}
}

// read gives the next frame; at the end of the source, what is left with the
// reason. With frames held it waits no longer than linger.
func (p *pump) read() ([]byte, error) {
	var deadline time.Time
	if len(p.held) > 0 {
		deadline = time.Now().Add(linger)
	}
	if err := p.src.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	for want := 1; ; {
		b, err := p.br.Peek(want)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, err // a part of a frame stays buffered
		}
		if err == nil {
			b, err = p.br.Peek(p.br.Buffered())
		}
		n := len(b)
		if err == nil && p.frames != nil {
			switch n = p.frames(b); {
			case n < 0 || n > maxFrame || n == 0 && len(b) == maxFrame:
				p.frames, n = nil, len(b)
			case n == 0:
				want = len(b) + 1
				continue
			case n > len(b):
				want = n
				continue
			}
		}
		frame := bytes.Clone(b[:n])
		if _, discard := p.br.Discard(n); discard != nil {
			return nil, discard
		}
		return frame, err
	}
}

// mix drops, doubles and gathers frames.
func (p *pump) mix(frame []byte) error {
	f, _ := p.lane.now()
	if f.Drop != nil && f.Drop(frame) {
		p.lane.note(func(c *Counts) { c.Dropped++ })
		return nil
	}
	times := 1
	if f.Duplicate != nil && f.Duplicate(frame) {
		p.lane.note(func(c *Counts) { c.Duplicated++ })
		times = 2
	}
	for range times {
		if f.Reorder > 1 {
			p.lane.note(func(c *Counts) { c.Reordered++ })
		}
		p.held = append(p.held, frame)
		if len(p.held) >= min(f.Reorder, maxReorder) {
			if err := p.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush passes on what was gathered.
func (p *pump) flush() error {
	if len(p.held) > 1 {
		p.lane.shuffle(p.held)
	}
	for _, frame := range p.held {
		if err := p.forward(frame); err != nil {
			return err
		}
	}
	clear(p.held)
	p.held = p.held[:0]
	return nil
}

// forward writes one frame as soon as the faults let it, or throws it away.
func (p *pump) forward(frame []byte) error {
	for waited := false; ; {
		f, changed := p.lane.now()
		wait := p.lane.wait(&f)
		switch {
		case f.Blocked:
			if !p.until(changed) {
				return errEnded
			}
		case f.Silent:
			p.lane.note(func(c *Counts) { c.Swallowed++ })
			return nil
		case wait > 0 && !waited:
			var err error
			if waited, err = p.pause(wait, changed); err != nil {
				return err
			}
		default:
			if waited {
				p.lane.note(func(c *Counts) { c.Delayed++ })
			}
			return p.write(frame, &f)
		}
	}
}

// pause is true after d, and false when the faults change before.
func (p *pump) pause(d time.Duration, changed <-chan struct{}) (bool, error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true, nil
	case <-changed:
		return false, nil
	case <-p.pair.done:
		return false, errEnded
	}
}

// write puts a frame on the wire, up to the cut if one is due. That one is due
// is said before the last byte goes: whatever the far side answers to it does
// not pass.
func (p *pump) write(frame []byte, f *Faults) error {
	n, cut := p.lane.allow(len(frame))
	switch {
	case cut:
		p.pair.dying.Store(true)
	case p.pair.dying.Load():
		<-p.pair.done
		return errEnded
	}
	err := p.dribble(frame[:n], f)
	if cut {
		p.lane.note(func(c *Counts) { c.Cuts++ })
		p.pair.close(f.Reset)
		return errEnded
	}
	if err == nil {
		p.lane.note(func(c *Counts) { c.Frames++ })
	}
	return err
}

func (p *pump) dribble(b []byte, f *Faults) error {
	step := len(b)
	if f.Dribble > 0 && f.Dribble < len(b) {
		step = f.Dribble
		p.lane.note(func(c *Counts) { c.Dribbled++ })
	}
	for len(b) > 0 {
		n, err := p.dst.Write(b[:min(step, len(b))])
		p.lane.note(func(c *Counts) { c.Bytes += uint64(max(n, 0)) })
		if err != nil {
			return err
		}
		if b = b[n:]; f.Every > 0 && len(b) > 0 {
			if _, err := p.pause(f.Every, nil); err != nil {
				return err
			}
		}
	}
	return nil
}
