package session

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

// readFrame returns the next whole frame. It stays valid until the caller has
// discarded its length from br. The length, which is unsigned and counts the header, is
// checked before anything is read. CMPP 3.0 §8.3, SMPP 3.4 §3.2.
func readFrame(br *bufio.Reader, shortest, longest int) ([]byte, error) {
	head, err := br.Peek(4)
	if err != nil {
		if len(head) > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	n := binary.BigEndian.Uint32(head)
	if n < uint32(shortest) || n > uint32(longest) {
		return nil, fmt.Errorf("%w: frame length %d is not within %d and %d", ErrProtocol, n, shortest, longest)
	}
	frame, err := br.Peek(int(n))
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return frame, err
}

// buffered tells whether the next frame can be had without reading from the connection.
func buffered(br *bufio.Reader) bool {
	n := br.Buffered()
	if n < 4 {
		return false
	}
	head, _ := br.Peek(4) // they are there
	return uint32(n) >= binary.BigEndian.Uint32(head)
}

// readLoop handles frames until the connection ends, and says why it did.
func (l *link) readLoop() error {
	shortest, longest := l.bind.limits()
	var ev event
	for {
		if l.owed && !buffered(l.br) { // once for all answers of a read, so that what it lets go leaves together
			l.payCredit()
		}
		frame, err := readFrame(l.br, shortest, longest)
		if errors.Is(err, bufio.ErrBufferFull) {
			l.br = bufio.NewReaderSize(l.br, longest)
			frame, err = readFrame(l.br, shortest, longest)
		}
		if err != nil {
			return l.readError(err)
		}
		l.heard.Store(int64(l.elapsed()))
		ev = event{}
		if err := l.bind.decode(frame, &ev); err != nil {
			return fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		full := l.br.Buffered() == l.br.Size()
		if _, err := l.br.Discard(len(frame)); err != nil {
			return err
		}
		if full && l.br.Size() < busyBuffer {
			l.br = bufio.NewReaderSize(l.br, busyBuffer)
		}
		if ev.note != "" {
			l.log.Info("unusual frame", "note", ev.note)
		}
		if err := l.handle(&ev); err != nil {
			return err
		}
	}
}

// readError makes the end of the stream after our own log-out a clean end.
func (l *link) readError(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.quitting && (errors.Is(err, io.EOF) || isReset(err)) {
		return nil
	}
	if errors.Is(err, ErrProtocol) {
		return err
	}
	if l.bind.traits().silent && len(l.open) == 0 && errors.Is(err, io.EOF) {
		return ErrIdle
	}
	return fmt.Errorf("session: read: %w", err)
}

// isReset tells a connection that the other side dropped; the system's error
// number is not portable, but net wraps it in an OpError.
func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

func (l *link) handle(ev *event) error {
	switch ev.kind {
	case evAnswer:
		l.answered(ev)
	case evSubmit, evReport, evMO:
		if !l.takeSlot() {
			return ErrClosed
		}
		switch ev.kind {
		case evSubmit:
			return l.owner.onSubmit(ev)
		case evReport:
			return l.owner.onReport(ev)
		default:
			return l.owner.onMO(ev)
		}
	case evPing:
		l.post(message{kind: outPong, ref: ev.ref})
	case evPong: // that it was heard is all that counts
	case evReply:
		l.postRaw(ev.reply)
	case evQuit:
		l.post(message{kind: outQuitAnswer, ref: ev.ref})
		l.finish(ErrPeerQuit)
		<-l.stop
		return ErrPeerQuit
	case evQuitAnswer:
		if l.hasQuit() {
			l.finish(nil)
			<-l.stop
			return nil
		}
	default:
		return fmt.Errorf("%w: unexpected frame", ErrProtocol)
	}
	return nil
}

func (l *link) hasQuit() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.quitting
}

// answered ends the request that the event answers. An answer to none is logged and
// passed over: it may come after its time. CMPP 3.0 §7.1.
func (l *link) answered(ev *event) {
	l.mu.Lock()
	r := l.open[ev.ref]
	if r == nil {
		l.mu.Unlock()
		l.log.Info("answer to no open request", "sequence", ev.ref.Count, "result", ev.result)
		return
	}
	delete(l.open, ev.ref)
	if r.id != "" {
		ev.id = r.id
	}
	ev.overSpeed = ev.overSpeed || slices.Contains(l.set.retry, ev.result)
	now := l.elapsed()
	switch {
	case ev.overSpeed:
		l.back.refused(r.sent, now)
		if hold := untilTomorrow(l.now()); ev.dayOver && hold > 0 && l.back.hold(now+hold) {
			l.log.Warn("the day's volume is used up: nothing is sent on this connection before tomorrow", "wait", hold.Round(time.Second))
		}
	case ev.result == 0:
		l.back.accepted(r.sent, now)
	}
	ready := l.creditLocked(now) > 0
	switch {
	case ready:
		l.starved = false
	case !l.draining:
		l.starve(now)
	}
	l.checkIdle()
	written := r.written // a peer may answer what it was not asked yet
	l.mu.Unlock()
	r.done(Outcome{
		Kind: Answered, ID: ev.id, Result: ev.result, OverSpeed: ev.overSpeed, Written: written, At: l.now(),
	})
	l.owed = l.owed || ready
}

// payCredit is what the reader does before it waits for anything.
func (l *link) payCredit() {
	if l.owed {
		l.owed = false
		l.owner.onCredit()
	}
}

// longPause is how long the reader must wait for a slot before the silence of
// the peer, which cannot be heard meanwhile, is forgiven.
const longPause = time.Second

// takeSlot waits until the owner has answered enough of the peer's messages: the window is
// of each connection, and kept by not reading. CMPP 3.0 §7.1.
func (l *link) takeSlot() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inbound >= l.set.inbound {
		l.mu.Unlock()
		l.payCredit()
		l.mu.Lock()
		l.pausedAt = max(l.elapsed(), 1)
		for l.inbound >= l.set.inbound && !l.closed {
			l.room.Wait()
		}
		if now := l.elapsed(); now-l.pausedAt > longPause {
			l.resumedAt = now
		}
		l.pausedAt = 0
	}
	l.inbound++
	return !l.closed
}

// writeLoop writes everything that is queued in one call, and again whatever
// was queued meanwhile.
func (l *link) writeLoop() {
	var buf []byte
	var reqs []*request
	for {
		l.mu.Lock()
		for len(l.out) == 0 && !l.closed && !l.finishing {
			l.outReady.Wait()
		}
		if l.closed || len(l.out) == 0 {
			if l.finishing {
				l.failLocked(nil)
			}
			l.mu.Unlock()
			return
		}
		buf, l.out, l.posted = l.out, buf[:0], 0
		reqs, l.outReqs = l.outReqs, reqs[:0]
		at, sent := l.now(), l.elapsed()
		for _, r := range reqs {
			r.written, r.sent, r.taken = at, sent, true
		}
		l.mu.Unlock()
		clear(reqs)

		if l.set.write > 0 {
			if err := l.conn.SetWriteDeadline(time.Now().Add(l.set.write)); err != nil {
				l.fail(fmt.Errorf("session: write: %w", err))
				return
			}
		}
		n, err := l.conn.Write(buf)
		l.mu.Lock()
		l.flushed += uint64(max(n, 0))
		if err != nil {
			l.failLocked(fmt.Errorf("session: write: %w", err))
		}
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// timeLoop ends requests that were not answered in time, sends heartbeats and
// tells the owner when pace or back-off allow sending again.
func (l *link) timeLoop() {
	timer := time.NewTimer(l.tick())
	defer timer.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-l.kick:
		case <-timer.C:
		}
		timer.Reset(l.tick())
	}
}

// tick does what is due and returns how long nothing more will be.
func (l *link) tick() time.Duration {
	l.mu.Lock()
	now := l.elapsed()
	var late []*request
	next := min(l.expire(now, &late), l.heartbeat(now))
	credit := false
	if l.starved && !l.closed && !l.draining && len(l.open) < l.set.window {
		if wait := l.creditWait(now); wait > 0 {
			next = min(next, now+wait)
		} else {
			credit, l.starved = true, false
		}
	}
	l.nextLook = next
	l.checkIdle()
	l.mu.Unlock()
	if len(late) > 0 {
		at := l.now()
		for _, r := range late {
			r.done(Outcome{Kind: InDoubt, ID: r.id, Err: ErrTimeout, Written: r.written, At: at})
		}
	}
	if credit || len(late) > 0 && l.credit() > 0 {
		l.owner.onCredit()
	}
	return max(next-now, time.Millisecond)
}

// expire removes the requests whose time is over and returns when the next one
// will be. Requests that the writer has not taken are left to its deadline.
func (l *link) expire(now time.Duration, late *[]*request) time.Duration {
	next := now + l.set.response
	if l.pausedAt > 0 { // answers cannot be heard while the reader waits
		return next
	}
	for key, r := range l.open {
		if !r.taken {
			continue
		}
		if due := max(r.sent, l.resumedAt) + l.set.response; due > now {
			next = min(next, due)
		} else {
			delete(l.open, key)
			*late = append(*late, r)
		}
	}
	return next
}

// heartbeat tests a peer that has been quiet, and gives it up when every test
// was left unanswered. It returns when to look again.
// Tests are a response timeout apart and repeat the same number. CMPP 3.0 §7.1.
func (l *link) heartbeat(now time.Duration) time.Duration {
	if l.bind.traits().silent {
		return l.rest(now)
	}
	heard := max(time.Duration(l.heard.Load()), l.resumedAt)
	if l.pausedAt > 0 {
		heard = now
	}
	if l.tests > 0 && heard >= l.testAt {
		l.tests = 0
	}
	due := heard + l.set.heartbeat
	if l.tests > 0 {
		due = l.testAt + l.set.response
	}
	switch {
	case due > now:
		return min(due, now+l.set.heartbeat) // an answer meanwhile wakes nobody
	case l.tests >= l.set.heartbeatTries:
		l.failLocked(ErrSilent)
		return now + l.set.heartbeat
	case l.tests == 0:
		l.testRef = l.nextRef()
	}
	l.tests++
	l.testAt = now
	l.postLocked(message{kind: outPing, ref: l.testRef})
	return now + min(l.set.response, l.set.heartbeat)
}

// rest logs out on a connection of a protocol without heartbeat that has been idle: its
// client comes back with the next message. SGIP 1.2 §3.7.2.
func (l *link) rest(now time.Duration) time.Duration {
	if l.quitting {
		if l.tests > 0 && now >= l.testAt+l.set.response { // the peer does not answer our log-out
			l.failLocked(ErrIdle)
		}
		return now + l.set.response
	}
	if l.set.idle <= 0 || l.pausedAt > 0 || len(l.open) > 0 || l.inbound > 0 {
		return now + l.set.response
	}
	if due := max(time.Duration(l.heard.Load()), l.resumedAt) + l.set.idle; due > now {
		return due
	}
	l.draining, l.quitting, l.tests, l.testAt = true, true, 1, now
	l.postLocked(message{kind: outQuit, ref: l.nextRef()})
	return now + l.set.response
}
