package gate_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// sick is a courier that takes nothing and does not admit some channels.
type sick map[sms.ID]bool

func (s sick) Claim(_ context.Context, _ gate.Tx, _ int64, list []gate.Ready) ([]gate.Ready, func(bool), error) {
	return list, func(bool) {}, nil
}

func (s sick) Admits(channel sms.ID) bool { return !s[channel] }

// The messages of a group go to its channels by their weights, whatever they cost; a
// later group gets none, and a channel of another category is not permitted at all.
// The choice can be repeated from the permit and the message's id.
func TestWeightsShareAGroup(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		const light, heavy, spare, other = gatetest.Channel, sms.ID(33), sms.ID(34), sms.ID(35)
		w.Put(registry.Channel{
			ID: light, Name: "unicom", Carrier: sms.Unicom, Protocol: "cmpp30", AccessCodeID: gatetest.Code, Address: "127.0.0.1:1", Login: "900001",
			Sessions: 1, Window: 16, Weight: 1, State: registry.Active, Options: registry.ChannelOptions{Replies: true},
		})
		w.PutChannel(heavy, "10690033", func(c *registry.Channel) { c.Priority, c.Weight, c.Cost = 0, 3, 9 })
		w.PutChannel(spare, "10690034", func(c *registry.Channel) { c.Weight = 100 })
		w.PutChannel(other, "10690035", func(c *registry.Channel) { c.Priority, c.Weight, c.Categories = 0, 100, "MKT,NOTICE" })
		var to []string
		for i := range 200 {
			to = append(to, fmt.Sprint(13000001000+i))
		}
		got := map[sms.ID]float64{}
		for _, r := range w.Send(gatetest.OTPText, to...) {
			got[w.Message(r.MessageID).ChannelID]++
		}
		if d := math.Abs(got[heavy] - 150); d > 31 || got[light]+got[heavy] != 200 { // five standard deviations
			w.T.Errorf("%v", got)
		}
		for _, r := range w.Readies() {
			if c := r.Permit.Choose(r.Message.ID, 0, nil); len(r.Permit.Channels) != 3 || r.Permit.Way(other) != nil || c != r.Message.ChannelID {
				w.T.Fatalf("%d of %+v, not %d", r.Message.ChannelID, r.Permit.Channels, c)
			}
		}
	})
}

// Without weights a group's cheapest channel takes everything, as long as it does not
// fail; when all fail, a message waits for the first.
func TestWithoutWeightsTheCheapestIsChosen(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		const dear, cheap, later = gatetest.Channel, sms.ID(33), sms.ID(34)
		w.Put(registry.Channel{
			ID: dear, Name: "unicom", Carrier: sms.Unicom, Protocol: "cmpp30", AccessCodeID: gatetest.Code, Address: "127.0.0.1:1", Login: "900001",
			Sessions: 1, Window: 16, Cost: 2, State: registry.Active, Options: registry.ChannelOptions{Replies: true},
		})
		w.PutChannel(cheap, "10690033", func(c *registry.Channel) { c.Priority, c.Cost = 0, 1 })
		w.PutChannel(later, "10690034", nil)
		for i, c := range []struct {
			sick []sms.ID
			want sms.ID
		}{{nil, cheap}, {[]sms.ID{cheap}, dear}, {[]sms.ID{cheap, dear}, later}, {[]sms.ID{cheap, dear, later}, cheap}} {
			s := sick{}
			for _, id := range c.sick {
				s[id] = true
			}
			w.SetCourier(s)
			r := w.Send(gatetest.OTPText, fmt.Sprint(13000001000+i))[0]
			if m := w.Message(r.MessageID); m.ChannelID != c.want {
				w.T.Errorf("with %v failing it is given to %d, want %d", c.sick, m.ChannelID, c.want)
			}
		}
	})
}
