package session

import (
	"testing"
	"time"
)

// A gateway that goes on refusing for speed is asked ever less often, up to a bound, and as
// often as before once it has been content for as long as the last pause was.
func TestPausesGrow(t *testing.T) {
	refuse := true
	bench(t, func(_ *ClientConfig, _ *ServerConfig, g *gateway) {
		g.submit = func(p *Peer, s Submit, answer func(string, uint32)) {
			if refuse {
				answer("", cmppOverSpeed)
				return
			}
			accept(p, s, answer)
		}
	}, func(c *Client, _ *platform, _ *gateway) {
		pause := func(want time.Duration) {
			t.Helper()
			began := time.Now() // of the bubble, in which answers take no time
			for c.Credit() == 0 {
				<-time.After(time.Millisecond)
			}
			if took := time.Since(began); took < want || took > want+2*time.Millisecond {
				t.Errorf("a pause of %s, want %s", took, want)
			}
		}
		for _, want := range []time.Duration{250, 500, 1000, 2000, 4000, 8000, 15000, 15000} {
			outs := []<-chan Outcome{send(c), send(c)} // the second refusal says nothing new
			for _, out := range outs {
				if o := <-out; !o.OverSpeed {
					t.Fatalf("%+v", o)
				}
			}
			pause(want * time.Millisecond)
		}
		refuse = false
		<-send(c) // content, but not for long
		refuse = true
		<-send(c)
		pause(15 * time.Second)
		<-time.After(16 * time.Second)
		refuse = false
		<-send(c)
		refuse = true
		<-send(c)
		pause(250 * time.Millisecond)
	})
}
