package session

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zhunxin/zhunxin/protocol/sgip"
)

// What is on its way is waiting in SGIP, not failed.
func TestSGIPTellsWhatIsOnItsWay(t *testing.T) {
	for _, stat := range []string{"ACCEPTD", "ENROUTE"} {
		p, err := toSGIPReport(&Report{ID: "3028071320-1125010203-7", Dest: "17000000001", Stat: stat})
		if err != nil || p.State != sgip.StateWaiting || p.ErrorCode != 0 {
			t.Errorf("%s: %+v, %v", stat, p, err)
		}
	}
}

// A command that only gateways use is answered, and costs nothing.
func TestSGIPAnswersUnknownCommands(t *testing.T) {
	b := &sgipBinding{now: time.Now, takesReports: true}
	frame := []byte{0, 0, 0, 20, 0, 0, 0, 0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	var ev event
	if err := b.decode(frame, &ev); err != nil || ev.kind != evReply {
		t.Fatalf("%+v, %v", ev, err)
	}
	want := []byte{0, 0, 0, 29, 0x80, 0, 0, 0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 7, 0, 0, 0, 0, 0, 0, 0, 0}
	if !bytes.Equal(ev.reply, want) {
		t.Errorf("%x", ev.reply)
	}
	frame[4] = 0x80 // nor is there an answer to an answer
	if err := b.decode(frame, &event{}); err == nil {
		t.Error("an unknown response was taken")
	}
}

// Two connections of a node that send within one second must not give one id to two
// messages; nor may a message have the number of its connection's login.
func TestSGIPSequencesDifferBetweenConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		g := &gateway{account: Account{Login: "900001", Secret: "888888", MaxSessions: 8}}
		g.submit = func(_ *Peer, _ Submit, answer func(string, uint32)) { answer("", 0) }
		s := ServeSGIP(t.Context(), ln, ServerConfig{}, g)
		seen := map[string]bool{}
		for range 8 {
			c, err := DialSGIP(t.Context(), ClientConfig{Login: "900001", Secret: "888888", Dial: ln.dial, SGIP: SGIPOptions{Node: 3028071320}}, newPlatform())
			if err != nil {
				t.Fatal(err)
			}
			for range 20 {
				o := <-send(c)
				if o.Kind != Answered || seen[o.ID] {
					t.Fatalf("%+v, known: %v", o, seen[o.ID])
				}
				seen[o.ID] = true
			}
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

func TestNoRequestHasTheLoginsNumber(t *testing.T) {
	for _, p := range tongues() {
		speak(t, p, nil, func(c *Client, _ *platform, g *gateway) {
			<-send(c)
			if n := g.got[0].Sequence.Count; p.name != "sgip" && n != 2 {
				t.Errorf("the first submit has number %d", n)
			}
		})
	}
}
