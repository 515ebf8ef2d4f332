package faultnet_test

import (
	"bytes"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/lab/faultnet"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// A peer that never reads costs the window, no more, and loses the connection.
func TestPeerThatNeverReads(t *testing.T) {
	eachBothWays(t, func(t *testing.T, p protocol) {
		const more = 50
		submit, _ := sizes(t, p)
		n := (500 << 10) / submit
		r := start(t, p, 8<<10, func(c *session.ClientConfig, _ *session.ServerConfig) {
			c.Window, c.WriteTimeout = n, 300*time.Millisecond
		})
		r.dial()
		r.proxy.Set(faultnet.ToServer, faultnet.Faults{Blocked: true})
		r.submit(0, n+more)
		if r.client.Credit() != 0 {
			t.Errorf("credit %d with %d messages open", r.client.Credit(), n)
		}
		r.settle(n + more)
		<-r.client.Done()
		for i := n; i < n+more; i++ {
			if o := r.last(handset(i)); o.Kind != session.NotWritten || !errors.Is(o.Err, session.ErrNoCredit) {
				t.Errorf("above the window: %s, %v", o.Kind, o.Err)
			}
		}
		if got := r.count(); got[session.InDoubt] == 0 || got[session.NotWritten] <= more || got[session.Answered] != 0 {
			t.Errorf("outcomes: %v", got)
		}
		r.set.Window, r.set.WriteTimeout = burst, 0
		r.recover(n + more)
	})
}

// A peer that is slow for a moment while a large window is queued for it keeps
// the connection: what the window bounds does not count as unread.
func TestSlowPeerKeepsTheConnection(t *testing.T) {
	eachBothWays(t, func(t *testing.T, p protocol) {
		submit, _ := sizes(t, p)
		n := (2 << 20) / submit
		r := start(t, p, 64<<10, func(c *session.ClientConfig, _ *session.ServerConfig) { c.Window = n })
		r.dial()
		r.proxy.Set(faultnet.ToServer, faultnet.Faults{Blocked: true})
		r.submit(0, n)
		r.deliverReport(1) // its acknowledgement queues behind the messages
		r.await("the report", func() bool { return len(r.reports) == 1 })
		r.proxy.Heal()
		r.settle(n)
		if got := r.count(); got[session.Answered] != n {
			t.Errorf("outcomes: %v", got)
		}
		r.hangUp()
		r.check(n, nil)
	})
}

// Who sends without end and never reads the answers costs a bounded queue and
// loses the connection.
func TestAnswersThatNobodyReads(t *testing.T) {
	each(t, func(t *testing.T, p protocol) {
		const enough = 3 << 20 // two queues of 1 MiB, and what sockets hold
		r := start(t, p, 8<<10, nil)
		_, answer := r.measure()
		login, submit := r.record()
		r.forget()
		conn := r.raw()
		defer conn.Close() //nolint:errcheck // the server closed it
		if _, err := conn.Write(login); err != nil {
			t.Fatal(err)
		}
		for many, sent := bytes.Repeat(submit, 64), 0; ; sent += 64 {
			if _, err := conn.Write(many); err != nil {
				break
			}
			if sent*answer > 10*enough {
				t.Fatalf("the server took %d messages without having an answer read", sent)
			}
		}
		r.sessionsEnd()
		if err := r.ends[len(r.ends)-1]; !errors.Is(err, session.ErrSlowReader) {
			t.Errorf("the session ended with %v", err)
		}
		if got := r.received[handset(0)]; got*answer > enough {
			t.Errorf("%d answers of %d bytes were queued", got, answer)
		}
	})
}

// record has the client log in and submit, and gives the two frames.
func (r *rig) record() (login, submit []byte) {
	r.t.Helper()
	var frames [][]byte
	r.proxy.Set(faultnet.ToServer, faultnet.Faults{Drop: func(frame []byte) bool {
		r.change(func() { frames = append(frames, bytes.Clone(frame)) })
		return false
	}})
	r.dial()
	r.submit(0, 1)
	r.await("two frames", func() bool { return len(frames) >= 2 })
	r.hangUp()
	return frames[0], frames[1]
}

// raw connects to the server and leaves the protocol to the test. The system
// grows what it holds unread only for those who read.
func (r *rig) raw() net.Conn {
	r.t.Helper()
	conn, err := new(net.Dialer).DialContext(r.ctx, "tcp", r.server.Addr().String())
	if err == nil {
		deadline, _ := r.ctx.Deadline()
		err = conn.SetDeadline(deadline)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return conn
}

// However many reports come, the owner holds no more than its window, and what
// it has not acknowledged is not acknowledged for it.
func TestInboundWindowHolds(t *testing.T) {
	eachBothWays(t, func(t *testing.T, p protocol) {
		const n, window = 64, 4
		r := start(t, p, 0, func(c *session.ClientConfig, s *session.ServerConfig) { c.InboundWindow, s.Window = window, n })
		r.hold = true
		r.dial()
		for i := range n {
			r.deliverReport(i)
		}
		for i := range n {
			r.await("a report", func() bool { return len(r.acks) > i })
			r.mu.Lock()
			ack, held, acknowledged := r.acks[i], len(r.acks)-i, len(r.delivered)
			r.mu.Unlock()
			if held > window || acknowledged > i {
				t.Fatalf("the owner holds %d, and %d are acknowledged of %d", held, acknowledged, i)
			}
			ack(true)
		}
		r.await("outcomes", func() bool { return len(r.delivered) == n })
		for _, o := range r.delivered {
			if o.Kind != session.Answered || o.Result != 0 {
				t.Errorf("%s, %v", o.Kind, o.Err)
			}
		}
	})
}
