package session

import (
	"context"
	"net"
	"testing"
	"testing/synctest"

	"github.com/zhunxin/zhunxin/protocol/cmpp"
)

// holder keeps what it should acknowledge.
type holder struct {
	*platform
	acks []func(bool)
}

func (h *holder) OnReport(_ *Client, _ Report, ack func(bool)) { h.acks = append(h.acks, ack) }

// withPeer joins a client with a window of four, and one slot for the peer's messages, to
// a peer that writes what the test says.
func withPeer(t *testing.T, do func(c *Client, h *holder, say func(bytes ...[]byte))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer func() { _ = far.Close() }()
		go takeLogin(far)
		h := &holder{platform: newPlatform()}
		c, err := DialCMPP(t.Context(), ClientConfig{
			Login: "900001", Secret: "x", Version: CMPP20, Window: 4, InboundWindow: 1,
			Dial: func(context.Context, string, string) (net.Conn, error) { return near, nil },
		}, h)
		if err != nil {
			t.Fatal(err)
		}
		do(c, h, func(list ...[]byte) {
			var all []byte
			for _, b := range list {
				all = append(all, b...)
			}
			if _, err := far.Write(all); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		})
		c.Close()
		<-c.Done()
	})
}

func frame(t *testing.T, seq uint32, pdu cmpp.PDU) []byte {
	t.Helper()
	b, err := cmpp.Append(nil, cmpp.V20, seq, pdu)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fill uses the window up and returns the answers to what was sent.
func fill(t *testing.T, c *Client, first uint32) (answers [][]byte) {
	t.Helper()
	for i := range uint32(4) {
		c.Submit(one(), func(Outcome) {})
		answers = append(answers, frame(t, first+i, &cmpp.SubmitResp{MsgID: uint64(first + i)}))
	}
	if c.Credit() != 0 {
		t.Fatalf("credit of %d", c.Credit())
	}
	return answers
}

// Answers that come together make room together: what they let go leaves by one write.
func TestCreditIsToldOnceForAllAnswersOfARead(t *testing.T) {
	withPeer(t, func(c *Client, h *holder, say func(...[]byte)) {
		a := fill(t, c, 2)
		say(a...)
		if n := h.credits.Load(); n != 1 || c.Credit() != 4 {
			t.Errorf("told %d times of a credit of %d", n, c.Credit())
		}
		a = fill(t, c, 6)
		say(a[0], a[1], a[2][:10]) // nothing more may come for long
		if n := h.credits.Load(); n != 2 || c.Credit() != 2 {
			t.Errorf("told %d times, a credit of %d", n, c.Credit())
		}
		say(a[2][10:], a[3])
		if n := h.credits.Load(); n != 3 || c.Credit() != 4 {
			t.Errorf("told %d times, a credit of %d", n, c.Credit())
		}
	})
}

// A reader that must wait for a slot tells of its credit before.
func TestCreditIsToldBeforeTheReaderWaits(t *testing.T) {
	withPeer(t, func(c *Client, h *holder, say func(...[]byte)) {
		a := fill(t, c, 2)
		report := func(seq uint32) []byte {
			content, err := (&cmpp.Report{MsgID: 7, Stat: "DELIVRD"}).Append(nil, cmpp.V20)
			if err != nil {
				t.Fatal(err)
			}
			return frame(t, seq, &cmpp.Deliver{MsgID: 9, RegisteredDelivery: 1, Content: content})
		}
		say(a[0], report(1), report(2))
		if n := h.credits.Load(); len(h.acks) != 1 || n != 1 || c.Credit() != 1 {
			t.Errorf("%d reports came, told %d times, a credit of %d", len(h.acks), n, c.Credit())
		}
		h.acks[0](true)
		synctest.Wait()
		if len(h.acks) != 2 {
			t.Errorf("%d reports came", len(h.acks))
		}
	})
}
