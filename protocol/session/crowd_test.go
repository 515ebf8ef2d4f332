package session

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// Whatever connections read, answer and lose, in whatever order: at most the shared slots
// are held besides each one's own, none is lost, and nobody waits while there are enough.
func TestSharedSlotsAreNeitherExceededNorLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const shared = 3 * slotsAtOnce
		c := &crowd{free: shared}
		links := make([]*link, 6)
		for i := range links {
			links[i] = &link{crowd: c, set: limits{inbound: rapid.IntRange(1, 5*slotsAtOnce).Draw(t, "window")}}
			links[i].room.L = &links[i].mu
		}
		read := func(l *link) bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.closed || !l.mayRead() {
				return false
			}
			l.inbound++
			return true
		}
		answer := func(l *link) {
			l.mu.Lock()
			l.inbound--
			l.mu.Unlock()
			l.giveSpare()
		}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			l := links[rapid.IntRange(0, len(links)-1).Draw(t, "link")]
			switch rapid.SampledFrom([]string{"read", "read", "answer", "burst", "close"}).Draw(t, "what") {
			case "read":
				read(l)
			case "burst":
				for read(l) {
				}
			case "answer":
				if l.inbound > 0 {
					answer(l)
				}
			case "close":
				if rapid.IntRange(0, 9).Draw(t, "rarely") == 0 {
					l.closed = true
					l.giveSpare()
				}
			}
			held, beyond := c.free, 0
			for _, l := range links {
				held += l.shared
				beyond += max(0, l.inbound-ownSlots)
				if l.inbound > l.set.inbound {
					t.Fatalf("%d unanswered of a window of %d", l.inbound, l.set.inbound)
				}
			}
			if held != shared || beyond > shared {
				t.Fatalf("%d slots of %d, %d messages beyond their own", held, shared, beyond)
			}
			if c.free >= slotsAtOnce && len(c.waiting) > 0 {
				t.Fatalf("%d wait with %d slots free", len(c.waiting), c.free)
			}
		}
		for _, l := range links {
			for l.inbound > 0 {
				answer(l)
			}
		}
		if c.free != shared {
			t.Errorf("%d slots of %d are left", c.free, shared)
		}
	})
}

// crowded is a gateway that answers when it is told to.
type crowded struct {
	mu   sync.Mutex
	held []func(string, uint32)
	most int
}

func (g *crowded) Account(string, netip.Addr) (Account, uint32) {
	return Account{Login: "900001", Secret: "888888", Version: CMPP30, MaxSessions: 8, Window: 64}, 0
}
func (g *crowded) OnOpen(*Peer)         {}
func (g *crowded) OnClose(*Peer, error) {}

func (g *crowded) OnSubmit(_ *Peer, _ Submit, answer func(string, uint32)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = append(g.held, answer)
	g.most = max(g.most, len(g.held))
}

func (g *crowded) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.held)
}

// answerAll answers what is there until nothing more comes.
func (g *crowded) answerAll() (n int) {
	for {
		synctest.Wait()
		g.mu.Lock()
		list := g.held
		g.held = nil
		g.mu.Unlock()
		if len(list) == 0 {
			return n
		}
		for _, answer := range list {
			n++
			answer(fmt.Sprint(n), 0)
		}
	}
}

// Customers that send more than the server has slots for wait in their sockets; another
// one's few messages are taken at once; in the end every message is answered.
func TestCrowdWaitsInItsSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, g := newPipes(), &crowded{}
		s := ServeCMPP(t.Context(), ln, ServerConfig{}, g)
		s.crowd.free = 2 * slotsAtOnce
		dial := func() *Client {
			c, err := DialCMPP(t.Context(), ClientConfig{Login: "900001", Secret: "888888", Version: CMPP30, Window: 64, Dial: ln.dial}, newPlatform())
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		var clients []*Client
		var outs []<-chan Outcome
		for range 4 {
			c := dial()
			clients = append(clients, c)
			for range 64 {
				outs = append(outs, send(c))
			}
		}
		synctest.Wait()
		const bound = 4*ownSlots + 2*slotsAtOnce
		if g.count() != bound {
			t.Fatalf("%d messages are taken, want %d", g.count(), bound)
		}
		other := dial()
		clients = append(clients, other)
		for range ownSlots {
			outs = append(outs, send(other))
		}
		synctest.Wait()
		if g.count() != bound+ownSlots {
			t.Fatalf("%d messages are taken with those of another customer, want %d", g.count(), bound+ownSlots)
		}
		clients = slices.Delete(clients, 0, 1)
		lost := outs[:64]
		outs = outs[64:]
		s.mu.Lock()
		for _, p := range s.peers {
			if p.id == 1 {
				p.Close() // what it held comes back with its answers
			}
		}
		s.mu.Unlock()
		n := g.answerAll()
		for i, out := range outs {
			if o := <-out; o.Kind != Answered {
				t.Fatalf("message %d: %+v", i, o)
			}
		}
		for _, out := range lost {
			<-out
		}
		if g.most > bound+ownSlots || n < len(outs) {
			t.Errorf("%d at once, of %d answered", g.most, n)
		}
		if s.crowd.free != 2*slotsAtOnce {
			t.Errorf("%d shared slots are left", s.crowd.free)
		}
		for _, c := range clients {
			c.Close()
			<-c.Done()
		}
		done, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Shutdown(done); err != nil {
			t.Error(err)
		}
	})
}
