package gate_test

import (
	"context"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// TIM-01, TIM-01a: marketing waits for the hours of a channel that could carry it.
func TestMarketingWaitsForItsChannelsHours(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Agree(gatetest.Member)
		hours := func(from, to int) func(*registry.Channel) {
			return func(c *registry.Channel) { c.Options.MKTOpen, c.Options.MKTClose = from, to }
		}
		w.Put(registry.Channel{
			ID: gatetest.Channel, Name: "unicom", Carrier: sms.Unicom, Protocol: "cmpp30", AccessCodeID: gatetest.Code, Sessions: 1, Window: 16, State: registry.Active,
			Options: registry.ChannelOptions{Replies: true, MKTOpen: 660, MKTClose: 1080}, // 11:00 to 18:00
		})
		try := func(minute int) (r sms.State, release, until time.Time, channels int) {
			w.T.Helper()
			at := time.Date(2026, 11, 24, 0, minute, 0, 0, rulebook.Shanghai)
			w.Clock.Set(at)
			res := w.Send(gatetest.MKTText, gatetest.Member)[0]
			if res.Code != "" && (res.Code != sms.OutsideHours || res.Rule == "") {
				w.T.Errorf("%s %s", res.Code, res.Rule)
			}
			m := w.Message(res.MessageID)
			for _, x := range w.Readies() {
				if x.Message.ID == res.MessageID {
					channels = len(x.Permit.Channels)
				}
			}
			w.Write(func(ctx context.Context, tx *store.Tx) error { return tx.RemoveEvents(ctx, res.MessageID) }) // as if it had not left
			return res.State, time.UnixMilli(res.Release), time.UnixMilli(m.ValidUntil), channels
		}
		minute := func(m int) time.Time { return time.Date(2026, 11, 24, 0, m, 0, 0, rulebook.Shanghai) }
		if state, release, _, _ := try(600); state != sms.Deferred || !release.Equal(minute(660)) {
			w.T.Errorf("at ten: %s until %s", state, release)
		}
		if state, _, until, _ := try(660); state != sms.Queued || !until.Equal(minute(1080)) {
			w.T.Errorf("at eleven: %s until %s", state, until)
		}
		if state, release, _, _ := try(1080); state != sms.Deferred || !release.Equal(minute(24*60+660)) {
			w.T.Errorf("at six: %s until %s", state, release)
		}
		w.PutChannel(33, "10690001", hours(540, 900)) // 9:00 to 15:00
		if state, _, until, n := try(600); state != sms.Queued || !until.Equal(minute(900)) || n != 1 {
			w.T.Errorf("at ten, with another channel: %s until %s by %d channels", state, until, n)
		}
		if state, _, until, n := try(700); state != sms.Queued || !until.Equal(minute(900)) || n != 2 {
			w.T.Errorf("at half past eleven: %s until %s by %d channels", state, until, n)
		}
		if state, release, _, _ := try(1130); state != sms.Deferred || !release.Equal(minute(24*60+540)) {
			w.T.Errorf("at seven: %s until %s, which is not the earlier channel's", state, release)
		}
	})
}

// TIM-02: a warning does not stop a notice, and the sender sees it.
func TestNoticeAtNightIsWarnedOf(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		approve(w, 901, sms.Notice, "您的订单已发货")
		w.Clock.Set(time.Date(2026, 11, 24, 23, 0, 0, 0, rulebook.Shanghai))
		r := w.Send("【准信科技】您的订单已发货", gatetest.Member)[0]
		expect(w.T, r, sms.Queued, "", "")
		if len(r.Findings) != 1 || r.Findings[0].Rule != "TIM-02" || r.Findings[0].Outcome != rulebook.Warn {
			w.T.Errorf("%+v", r.Findings)
		}
		w.Put(registry.Template{ID: 901, PartyID: gatetest.Customer, Category: sms.Notice, Name: "x", Urgent: true, State: registry.Active})
		if r := w.Send("【准信科技】您的订单已发货", gatetest.Member)[0]; r.State != sms.Queued || len(r.Findings) != 0 {
			w.T.Errorf("%s %+v", r.State, r.Findings)
		}
	})
}
