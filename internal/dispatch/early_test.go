package dispatch_test

import (
	"context"
	"testing"

	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/inbound"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// The worker counts the reports that had come before the answers that it books.
func TestEarlyReportsAreCounted(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d, l := on(w), &line{}
		r := d.permitted(gatetest.OTPText, gatetest.Stranger)
		d.Write(func(ctx context.Context, tx *store.Tx) error {
			early := sms.Report{ChannelID: gatetest.Channel, UpstreamID: "1", PhoneID: r.Message.PhoneID, Stat: "DELIVRD", ReceivedAt: 1}
			n, err := inbound.Reports(ctx, tx, w.IDs, gatetest.Channel, []sms.Report{early, early})
			if n.Unmatched != 2 {
				d.T.Errorf("%+v", n)
			}
			return err
		})
		worker := work(d, l)
		l.set(true, 1)
		worker.Wake()
		d.until("the message is delivered", func() bool { return d.Message(r.Message.ID).State == sms.Delivered })
		d.until("one is counted as early and one as a duplicate", func() bool { return worker.Stats.Early.Load() == 1 && worker.Stats.Twice.Load() == 1 })
		if n := worker.Stats.Partly.Load(); n != 0 {
			d.T.Errorf("%d reports are partial", n)
		}
	})
}
