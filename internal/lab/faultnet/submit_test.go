package faultnet_test

import (
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/lab/faultnet"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// every chooses one frame of n.
func every(n int) func([]byte) bool {
	count := 0
	return func([]byte) bool {
		count++
		return count%n == 0
	}
}

// fault is a case of TestBurst.
type fault struct {
	name     string
	up, down faultnet.Faults // to the server, to the client
	hasty    bool            // with short times, for what only time can end
	// must is how many messages of the burst end in which way, where that is
	// certain.
	must map[session.Kind]int
	// hitUp and hitDown prove that the fault happened.
	hitUp, hitDown func(faultnet.Counts) bool
}

// burst is how many messages each case sends at once, which is the window: the
// largest that every protocol has.
const burst = 32

// faults lists the cases for messages and answers of the given sizes.
func faults(submit, answer int) []fault {
	half := faultnet.Faults{Cut: true, CutAfter: int64(submit*burst/2 + 1)}
	halfBack := faultnet.Faults{Cut: true, CutAfter: int64(answer*burst/2 + 1)}
	halfReset, halfBackReset := half, halfBack
	halfReset.Reset, halfBackReset.Reset = true, true
	all := map[session.Kind]int{session.Answered: burst}
	none := map[session.Kind]int{session.InDoubt: burst}
	part := map[session.Kind]int{session.Answered: burst - burst/4, session.InDoubt: burst / 4}
	slow := faultnet.Faults{Delay: time.Millisecond, Jitter: time.Millisecond}
	silent, blocked := faultnet.Faults{Silent: true}, faultnet.Faults{Blocked: true}
	return []fault{
		{name: "nothing", must: all, hitUp: func(c faultnet.Counts) bool { return c.Frames > burst }},
		{name: "delay", up: slow, down: slow, must: all, hitUp: func(c faultnet.Counts) bool { return c.Delayed >= burst }, hitDown: func(c faultnet.Counts) bool { return c.Delayed >= burst }},
		{
			name: "dribble", up: faultnet.Faults{Dribble: 7}, down: faultnet.Faults{Dribble: 1, Every: time.Microsecond}, must: all,
			hitUp: func(c faultnet.Counts) bool { return c.Dribbled >= burst }, hitDown: func(c faultnet.Counts) bool { return c.Dribbled >= burst },
		},
		{
			name: "answers out of order", down: faultnet.Faults{Reorder: 16}, must: all,
			hitDown: func(c faultnet.Counts) bool { return c.Reordered >= burst },
		},
		{
			name: "answers twice", down: faultnet.Faults{Duplicate: every(1)}, must: all,
			hitDown: func(c faultnet.Counts) bool { return c.Duplicated >= burst },
		},
		{
			name: "all that spares the messages", must: all,
			up:      faultnet.Faults{Delay: time.Millisecond, Dribble: 50},
			down:    faultnet.Faults{Jitter: time.Millisecond, Dribble: 5, Reorder: 5, Duplicate: every(3)},
			hitUp:   func(c faultnet.Counts) bool { return c.Delayed > 0 && c.Dribbled > 0 },
			hitDown: func(c faultnet.Counts) bool { return c.Duplicated > 0 && c.Reordered > 0 },
		},
		{
			name: "answers lost", down: faultnet.Faults{Drop: every(4)}, hasty: true, must: part,
			hitDown: func(c faultnet.Counts) bool { return c.Dropped == burst/4 },
		},
		{
			name: "messages lost", up: faultnet.Faults{Drop: every(4)}, hasty: true, must: part,
			hitUp: func(c faultnet.Counts) bool { return c.Dropped == burst/4 },
		},
		{name: "cut on the way", up: half, hitUp: func(c faultnet.Counts) bool { return c.Cuts == 1 }},
		{name: "reset on the way", up: halfReset, hitUp: func(c faultnet.Counts) bool { return c.Cuts == 1 }},
		{name: "cut on the way back", down: halfBack, hitDown: func(c faultnet.Counts) bool { return c.Cuts == 1 }},
		{name: "reset on the way back", down: halfBackReset, hitDown: func(c faultnet.Counts) bool { return c.Cuts == 1 }},
		{name: "half-open", up: silent, down: silent, hasty: true, must: none, hitUp: func(c faultnet.Counts) bool { return c.Swallowed >= burst }},
		{name: "half-open on the way", up: silent, hasty: true, must: none, hitUp: func(c faultnet.Counts) bool { return c.Swallowed >= burst }},
		{name: "half-open on the way back", down: silent, hasty: true, must: none, hitDown: func(c faultnet.Counts) bool { return c.Swallowed >= burst }},
		{name: "answers are not fetched", down: blocked, hasty: true, must: none, hitDown: func(c faultnet.Counts) bool { return c.Frames == 1 }},
	}
}

// P3: with every fault, each message of a burst has one outcome that is true,
// nothing arrives twice, and what was not written can be sent again.
func TestBurst(t *testing.T) {
	each(t, func(t *testing.T, p protocol) {
		for _, f := range faults(sizes(t, p)) {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				r := start(t, p, 0, func(c *session.ClientConfig, _ *session.ServerConfig) {
					if f.hasty {
						c.Heartbeat, c.HeartbeatTries, c.ResponseTimeout = 200*time.Millisecond, 1, 300*time.Millisecond
					}
				})
				r.dial()
				r.proxy.Set(faultnet.ToServer, f.up)
				r.proxy.Set(faultnet.ToClient, f.down)
				r.submit(0, burst)
				r.settle(burst)
				r.proves(faultnet.ToServer, f.hitUp)
				r.proves(faultnet.ToClient, f.hitDown)
				got := r.count()
				for kind, n := range f.must {
					if got[kind] != n {
						t.Errorf("%s: %d messages, want %d", kind, got[kind], n)
					}
				}
				r.recover(burst)
			})
		}
	})
}

// proves waits for the counts, which follow what they count.
func (r *rig) proves(d faultnet.Direction, hit func(faultnet.Counts) bool) {
	r.t.Helper()
	if hit == nil {
		return
	}
	if err := r.proxy.Await(r.ctx, d, hit); err != nil {
		r.t.Fatalf("the fault did not happen %s: %v", d, err)
	}
}

// The outcome is exact to the byte: what the connection took nothing of is not
// written, what it took a part of is in doubt and did not arrive.
func TestWriteIsCutAtEveryByte(t *testing.T) {
	each(t, func(t *testing.T, p protocol) {
		const n = 3
		r := start(t, p, 0, nil)
		size, _ := r.measure()
		r.direct = true
		for cut := 0; cut <= n*size && !t.Failed(); cut++ {
			r.forget()
			r.dial()
			r.conn.CutAfter(int64(cut))
			r.submit(0, n)
			r.settle(n)
			r.hangUp()
			r.check(n, nil)
			for i := range n {
				o := r.last(handset(i))
				whole, untouched := (i+1)*size <= cut, i*size >= cut
				if untouched != (o.Kind == session.NotWritten) || !whole && o.Kind == session.Answered {
					t.Errorf("message %d is %s with a cut after byte %d of %d", i, o.Kind, cut, n*size)
				}
				if untouched != o.Written.IsZero() {
					t.Errorf("message %d is %s and was written at %s", i, o.Kind, o.Written)
				}
			}
		}
	})
}

// A cut that the sender's system cannot see leaves doubt, never a wrong word.
func TestSubmitIsCutAtEveryByte(t *testing.T) {
	each(t, func(t *testing.T, p protocol) {
		r := start(t, p, 0, nil)
		size, _ := r.measure()
		for cut := 0; cut <= size && !t.Failed(); cut++ {
			r.one(faultnet.ToServer, cut)
			want := 0
			if cut == size {
				want = 1
			}
			if o := r.last(handset(0)); o.Kind != session.InDoubt || r.received[handset(0)] != want {
				t.Errorf("cut after byte %d of %d: %s, %v, arrived %d times", cut, size, o.Kind, o.Err, r.received[handset(0)])
			}
		}
	})
}

// An answer counts when it is whole, and only then.
func TestAnswerIsCutAtEveryByte(t *testing.T) {
	each(t, func(t *testing.T, p protocol) {
		r := start(t, p, 0, nil)
		_, size := r.measure()
		for cut := 0; cut <= size && !t.Failed(); cut++ {
			r.one(faultnet.ToClient, cut)
			want := session.InDoubt
			if cut == size {
				want = session.Answered
			}
			if o := r.last(handset(0)); o.Kind != want || r.received[handset(0)] != 1 {
				t.Errorf("cut after byte %d of %d: %s, %v, arrived %d times", cut, size, o.Kind, o.Err, r.received[handset(0)])
			}
		}
	})
}

// one sends a single message into a cut.
func (r *rig) one(d faultnet.Direction, cut int) {
	r.t.Helper()
	r.forget()
	r.dial()
	r.proxy.Set(d, faultnet.Faults{Cut: true, CutAfter: int64(cut)})
	r.submit(0, 1)
	r.settle(1)
	r.hangUp()
	r.check(1, nil)
}

// sizes are those of a submit and of its answer.
func sizes(t *testing.T, p protocol) (submit, answer int) {
	t.Helper()
	return start(t, p, 0, nil).measure()
}

// measure tells the sizes of a submit and of its answer.
func (r *rig) measure() (submit, answer int) {
	r.t.Helper()
	r.dial()
	up, down := r.passed(faultnet.ToServer, 1), r.passed(faultnet.ToClient, 1)
	r.submit(0, 1)
	submit, answer = r.passed(faultnet.ToServer, 2)-up, r.passed(faultnet.ToClient, 2)-down
	r.settle(1)
	r.hangUp()
	return submit, answer
}

// passed waits until n frames have passed and gives their bytes.
func (r *rig) passed(d faultnet.Direction, n uint64) int {
	r.t.Helper()
	if err := r.proxy.Await(r.ctx, d, func(c faultnet.Counts) bool { return c.Frames >= n }); err != nil {
		r.t.Fatal(err)
	}
	return int(r.proxy.Counts(d).Bytes) //nolint:gosec // a few frames
}

// forget clears what both ends saw.
func (r *rig) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.outcomes)
	clear(r.received)
	r.reports, r.mos, r.acks = nil, nil, nil
}

// A login that ends anywhere is an error, and leaves nothing behind.
func TestLoginIsCutAtEveryByte(t *testing.T) {
	each(t, func(t *testing.T, p protocol) {
		r := start(t, p, 0, nil)
		r.dial()
		sizes := [2]int{r.passed(faultnet.ToServer, 1), r.passed(faultnet.ToClient, 1)}
		r.hangUp()
		for _, d := range []faultnet.Direction{faultnet.ToServer, faultnet.ToClient} {
			for cut := range sizes[d] {
				r.proxy.Set(d, faultnet.Faults{Cut: true, CutAfter: int64(cut)})
				if c, err := r.proto.dial(r.ctx, r.set, (*platform)(r)); err == nil {
					c.Close()
					<-c.Done()
					t.Errorf("logged in with a cut after byte %d %s", cut, d)
				}
			}
		}
		r.client = nil
	})
}

// A server that says nothing to the login is given up.
func TestLoginIntoSilence(t *testing.T) {
	each(t, func(t *testing.T, p protocol) {
		for name, f := range map[string]faultnet.Faults{"half-open": {Silent: true}, "never reads": {Blocked: true}} {
			r := start(t, p, 0, func(c *session.ClientConfig, _ *session.ServerConfig) { c.LoginTimeout = 100 * time.Millisecond })
			r.proxy.Set(faultnet.ToServer, f)
			if _, err := r.proto.dial(r.ctx, r.set, (*platform)(r)); err == nil {
				t.Errorf("%s: logged in", name)
			}
		}
	})
}
