package session

import (
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/protocol/smgp"
)

// Over its daily volume a service provider is not asked again before the next day.
func TestSMGPStopsUntilTomorrow(t *testing.T) {
	begun := time.Date(2026, 11, 25, 18, 0, 0, 0, chinaTime())
	used, taken := 0, false
	p := tongues()[2]
	speak(t, p, func(cc *ClientConfig, _ *ServerConfig, g *gateway) {
		start := time.Now()
		cc.Now = func() time.Time { return begun.Add(time.Since(start)) }
		g.submit = func(_ *Peer, _ Submit, answer func(string, uint32)) {
			if used++; used == 1 {
				answer("", smgp.StatusVolume)
			} else {
				answer(p.id, 0)
			}
		}
	}, func(c *Client, h *platform, _ *gateway) {
		if o := <-send(c); o.Result != smgp.StatusVolume || !o.OverSpeed {
			t.Errorf("%+v", o)
		}
		<-time.After(5*time.Hour + 59*time.Minute)
		if c.Credit() != 0 {
			t.Error("it goes on the same day")
		}
		told := h.credits.Load()
		<-time.After(2 * time.Minute)
		if c.Credit() == 0 || h.credits.Load() == told {
			t.Error("it does not go on the next day")
		}
		if o := <-send(c); o.Kind == Answered && o.Result == 0 {
			taken = true
		}
	})
	if !taken {
		t.Error("nothing was taken the next day")
	}
}

func TestADayThatHasJustBegunMayBeYesterdayElsewhere(t *testing.T) {
	for _, x := range []struct {
		hour, minute int
		want         time.Duration
	}{{0, 0, 0}, {0, 59, 0}, {1, 0, 23 * time.Hour}, {23, 59, time.Minute}} {
		if got := untilTomorrow(time.Date(2026, 11, 25, x.hour, x.minute, 0, 0, chinaTime())); got != x.want {
			t.Errorf("%02d:%02d: %s", x.hour, x.minute, got)
		}
	}
}
