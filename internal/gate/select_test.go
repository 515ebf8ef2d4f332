package gate_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// The messages of a group go to its channels by their weights, whatever they cost; a
// later group gets none, and a channel of another category is not permitted at all.
// The choice can be repeated from the permit and the message's id.
func TestWeightsShareAGroup(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		const light, heavy, spare, other = gatetest.Channel, sms.ID(33), sms.ID(34), sms.ID(35)
		w.Put(registry.Channel{
			ID: light, Name: "unicom", Carrier: sms.Unicom, Protocol: "cmpp30", AccessCodeID: gatetest.Code, Address: "127.0.0.1:1", Login: "900001",
			Sessions: 1, Window: 16, Weight: 1, State: registry.Active,
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
