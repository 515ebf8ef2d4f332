package session

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds that no setting moves.
const (
	// A connection that says little costs little: its buffer is grown for a frame that is
	// longer, and once it has been full.
	readBuffer = 2 << 10
	busyBuffer = 32 << 10
	// maxQueued is how many bytes of frames that take no slot may wait for a
	// peer that does not read. Requests are bounded by the window.
	maxQueued = 1 << 20
	// maxWindow bounds every window setting.
	maxWindow = 1 << 16
)

// eventKind says what a frame means to the engine.
type eventKind uint8

const (
	evAnswer eventKind = iota + 1 // answer to a request of ours
	evSubmit
	evReport
	evMO
	evPing
	evPong
	evQuit
	evQuitAnswer
	evReply // the binding answers by itself: event.reply
)

// event is a decoded frame. Slices in it do not alias the read buffer.
type event struct {
	kind      eventKind
	ref       Sequence
	id        string
	result    uint32
	overSpeed bool
	dayOver   bool // over speed, and nothing more is taken before the next day
	submit    Submit
	report    Report
	mo        MO
	reply     []byte
	note      string // what to log at info level, if anything
}

// outKind is what a binding can be asked to write.
type outKind uint8

const (
	outSubmit outKind = iota + 1
	outReport
	outMO
	outSubmitAnswer
	outDeliverAnswer
	outReportAnswer // SGIP has a PDU of its own for reports
	outPing
	outPong
	outQuit
	outQuitAnswer
)

// message is what a binding turns into a frame.
type message struct {
	kind   outKind
	ref    Sequence
	id     string
	number uint64 // of a deliver, from the server's count
	result uint32
	submit *Submit
	report *Report
	mo     *MO
}

// binding is one protocol on one connection, after login. decode is called by
// the reader only, encode under the connection's lock: it must not block.
type binding interface {
	// limits are the shortest and the longest frame, in bytes.
	limits() (shortest, longest int)
	// ref makes the reference of our request with the given number, which is not 0.
	ref(seq uint32) Sequence
	// decode reads one whole frame. An error ends the connection.
	decode(frame []byte, ev *event) error
	// encode appends the frame. On error dst is of no further use.
	encode(dst []byte, m *message) ([]byte, error)
	// busy is the status that asks the peer to slow down and repeat.
	busy() uint32
	// traits are what sets the protocol apart.
	traits() traits
}

// traits are what the engine must know of a protocol.
type traits struct {
	// silent: there is no heartbeat, and an idle connection may end at any time.
	silent bool
	// ownIDs: the id of a message is its submit's sequence, not one of the answer.
	ownIDs bool
}

// owner is a role: it receives what the peer asks for. A slot is taken for each
// submit, report and MO, and given back with link.answer.
type owner interface {
	onSubmit(ev *event) error
	onReport(ev *event) error
	onMO(ev *event) error
	onCredit()
	onClosed(err error)
}

// limits are the times and counts of one connection.
type limits struct {
	window         int // requests of ours that may be open
	inbound        int // messages of the peer that may be unanswered
	heartbeat      time.Duration
	heartbeatTries int
	response       time.Duration
	write          time.Duration
	idle           time.Duration // after which a silent protocol's connection is ended; 0 is never
	retry          []uint32      // statuses that mean over-speed besides the protocol's own
	drainsInbound  bool          // drain also waits for the peer's open messages
}

// request is one of ours, from queueing until its outcome.
type request struct {
	done    func(Outcome)
	id      string        // of ours, see traits.ownIDs
	start   uint64        // offset of its first byte in the outgoing stream
	sent    time.Duration // when it was handed to the connection
	taken   bool
	written time.Time
}

// link is the engine of one connection after login.
type link struct {
	conn  net.Conn
	br    *bufio.Reader
	bind  binding
	owner owner
	set   limits
	pacer *Pacer
	log   *slog.Logger
	now   func() time.Time
	start time.Time

	owed  bool         // the reader has answers that it has not told onCredit of
	heard atomic.Int64 // nanoseconds since start at which the last frame came
	stop  chan struct{}
	done  chan struct{} // closed after onClosed
	kick  chan struct{} // makes the timekeeper look again
	idle  chan struct{} // closed when draining and nothing is open

	mu        sync.Mutex
	outReady  sync.Cond // the writer waits for bytes
	room      sync.Cond // the reader waits for a slot
	out       []byte
	outReqs   []*request
	posted    int    // bytes of out that take no slot
	queued    uint64 // offset of the end of out
	flushed   uint64 // bytes certainly taken by the connection
	open      map[Sequence]*request
	lastSeq   uint32
	inbound   int
	back      backOff
	pausedAt  time.Duration // since when the reader waits for a slot; 0 if not
	resumedAt time.Duration // end of the last long pause
	starved   bool          // somebody was told that there is no credit
	nextLook  time.Duration // when the timekeeper wakes
	testRef   Sequence
	testAt    time.Duration
	tests     int
	draining  bool
	idled     bool
	quitting  bool
	finishing bool // close once out is written
	closed    bool
	cause     error
}

func newLink(conn net.Conn, br *bufio.Reader, b binding, o owner, set limits, p *Pacer, log *slog.Logger, now func() time.Time) *link {
	l := &link{
		conn: conn, br: br, bind: b, owner: o, set: set, pacer: p, log: log, now: now, start: time.Now(),
		stop: make(chan struct{}), done: make(chan struct{}), kick: make(chan struct{}, 1), idle: make(chan struct{}),
		open: make(map[Sequence]*request),
	}
	l.outReady.L, l.room.L = &l.mu, &l.mu
	return l
}

// elapsed is the connection's own clock; it is monotonic.
func (l *link) elapsed() time.Duration { return time.Since(l.start) }

// run serves the connection until it ends. It is the reader.
func (l *link) run() {
	var parts sync.WaitGroup
	parts.Go(l.writeLoop)
	parts.Go(l.timeLoop)
	l.fail(l.readLoop())
	parts.Wait()
	l.settle()
	l.owner.onClosed(l.reason())
	close(l.done)
}

// fail ends the connection; only the first reason counts. Outcomes follow when
// the writer has returned, because only then is it known what was written.
func (l *link) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failLocked(err)
}

func (l *link) failLocked(err error) {
	if l.closed {
		return
	}
	l.closed = true
	if !l.finishing {
		l.cause = err
	}
	close(l.stop)
	l.outReady.Broadcast()
	l.room.Broadcast()
	if err := l.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		l.log.Debug("close connection", "error", err)
	}
}

// finish ends the connection once everything queued is written.
func (l *link) finish(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.finishing {
		return
	}
	l.finishing, l.cause = true, err
	l.outReady.Signal()
}

func (l *link) reason() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cause
}

// settle gives every open request its outcome after the writer has ended.
func (l *link) settle() {
	l.mu.Lock()
	open, flushed, cause := l.open, l.flushed, l.cause
	l.open = nil
	l.mu.Unlock()
	if cause == nil {
		cause = ErrClosed
	}
	at := l.now()
	for _, r := range open {
		o := Outcome{Kind: InDoubt, ID: r.id, Err: cause, Written: r.written, At: at}
		if r.start >= flushed {
			o.Kind, o.ID, o.Written = NotWritten, "", time.Time{}
		}
		r.done(o)
	}
}

// send queues a request that takes a slot of the window. What is refused at
// once is reported from a goroutine of its own, so that done never runs inside
// the caller.
func (l *link) send(m message, cost int, done func(Outcome)) {
	if err := l.enqueue(m, cost, done); err != nil {
		o := Outcome{Kind: NotWritten, Err: err, At: l.now()}
		go done(o)
	}
}

func (l *link) enqueue(m message, cost int, done func(Outcome)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.elapsed()
	switch {
	case l.closed || l.finishing:
		if l.cause != nil {
			return l.cause
		}
		return ErrClosed
	case l.draining:
		return ErrDraining
	case len(l.open) >= l.set.window || l.back.wait(now) > 0:
		l.starve(now)
		return ErrNoCredit
	}
	m.ref = l.nextRef()
	start := len(l.out)
	buf, err := l.bind.encode(l.out, &m)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEncode, err)
	}
	if !l.pacer.Take(l.start.Add(now), cost) {
		l.out = buf[:start]
		l.starve(now)
		return ErrNoCredit
	}
	l.out = buf
	r := &request{done: done, start: l.queued}
	if m.kind == outSubmit && l.bind.traits().ownIDs {
		r.id = idOf(m.ref)
	}
	l.queued += uint64(len(buf) - start)
	l.open[m.ref] = r
	l.outReqs = append(l.outReqs, r)
	l.outReady.Signal()
	if due := now + l.set.response; due < l.nextLook {
		l.look()
	}
	return nil
}

// nextRef numbers a request; numbers still open after a wrap are skipped.
func (l *link) nextRef() Sequence {
	for {
		if l.lastSeq++; l.lastSeq == 0 {
			continue
		}
		r := l.bind.ref(l.lastSeq)
		if _, used := l.open[r]; !used {
			return r
		}
	}
}

// post queues a frame that takes no slot: answers, heartbeats, log-out.
func (l *link) post(m message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.postLocked(m)
}

func (l *link) postLocked(m message) {
	if l.closed || l.finishing {
		return
	}
	start := len(l.out)
	buf, err := l.bind.encode(l.out, &m)
	if err != nil {
		l.failLocked(fmt.Errorf("session: encode: %w", err))
		return
	}
	l.out = buf
	l.grown(start)
}

func (l *link) postRaw(frame []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.finishing {
		return
	}
	start := len(l.out)
	l.out = append(l.out, frame...)
	l.grown(start)
}

func (l *link) grown(start int) {
	l.queued += uint64(len(l.out) - start)
	l.posted += len(l.out) - start
	if l.posted > maxQueued {
		l.failLocked(ErrSlowReader)
		return
	}
	l.outReady.Signal()
}

// answer gives back the slot of one message of the peer, with an answer or, if
// the result is NoAnswer, without.
func (l *link) answer(m message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inbound--
	if m.result != NoAnswer {
		l.postLocked(m)
	}
	l.room.Signal()
	l.checkIdle()
}

// answerer makes the function that answers one message, once, from anywhere.
func (l *link) answerer(kind outKind, r Sequence) func(id string, result uint32) {
	var used atomic.Bool
	return func(id string, result uint32) {
		if !used.Swap(true) {
			l.answer(message{kind: kind, ref: r, id: id, result: result})
		}
	}
}

// acker is answerer for reports and MOs: what is not taken shall be sent again.
func (l *link) acker(ev *event) func(ok bool) {
	answer, id, busy := l.answerer(outDeliverAnswer, ev.ref), ev.id, l.bind.busy()
	if ev.kind == evReport && l.bind.traits().ownIDs {
		answer = l.answerer(outReportAnswer, ev.ref)
	}
	return func(ok bool) {
		if ok {
			answer(id, 0)
		} else {
			answer(id, busy)
		}
	}
}

// credit is how many requests may be sent now.
func (l *link) credit() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.creditLocked(l.elapsed())
	if n == 0 && !l.closed && !l.draining {
		l.starve(l.elapsed())
	}
	return n
}

func (l *link) creditLocked(now time.Duration) int {
	return min(l.slotsLocked(now), l.pacer.Available(l.start.Add(now)))
}

// slots is how many of the window are free, whatever the pace.
func (l *link) slots() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.slotsLocked(l.elapsed())
}

func (l *link) slotsLocked(now time.Duration) int {
	if l.closed || l.draining || l.finishing || l.back.wait(now) > 0 {
		return 0
	}
	return l.set.window - len(l.open)
}

// starve remembers that onCredit is owed, and when it can be paid if only time
// stands in the way.
func (l *link) starve(now time.Duration) {
	l.starved = true
	if len(l.open) < l.set.window && now+l.creditWait(now) < l.nextLook {
		l.look()
	}
}

// creditWait is how long back-off and pace forbid sending.
func (l *link) creditWait(now time.Duration) time.Duration {
	return max(l.back.wait(now), l.pacer.Wait(l.start.Add(now)))
}

func (l *link) look() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// checkIdle lets drain go on when nothing is open. The caller holds the lock.
func (l *link) checkIdle() {
	if l.draining && !l.idled && len(l.open) == 0 && (!l.set.drainsInbound || l.inbound <= 0) {
		l.idled = true
		close(l.idle)
	}
}

// drain takes nothing new, waits for what is open, logs out and waits for the
// end. When ctx ends first the connection is closed and what is open gets its
// outcome. It must not be called from a callback.
func (l *link) drain(ctx context.Context) error {
	l.mu.Lock()
	l.draining = true
	l.checkIdle()
	l.mu.Unlock()
	select {
	case <-l.idle:
		l.mu.Lock()
		l.quitting = true
		l.postLocked(message{kind: outQuit, ref: l.nextRef()})
		l.mu.Unlock()
	case <-l.done:
		return l.reason()
	case <-ctx.Done():
	}
	patience := time.NewTimer(l.set.response)
	defer patience.Stop()
	select {
	case <-l.done:
		return nil
	case <-patience.C:
		l.fail(nil)
	case <-ctx.Done():
		l.fail(fmt.Errorf("session: drain: %w", ctx.Err()))
	}
	<-l.done
	return l.reason()
}

func (l *link) isDraining() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.draining
}
