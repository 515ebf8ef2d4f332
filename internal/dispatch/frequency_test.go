package dispatch_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// approveNotice gives the world a template of notices.
func approveNotice(w *gatetest.World) {
	from := registry.Period{From: gatetest.Morning.Add(-time.Hour).UnixMilli()}
	objects := []any{
		registry.Template{ID: 901, PartyID: gatetest.Customer, Category: sms.Notice, Name: "shipped", State: registry.Active},
		registry.TemplateVersion{TemplateID: 901, Version: 1, Body: "您的订单${number:digits}已发货。", State: registry.Approved, Period: from},
		gatetest.Filed(901, sms.Unicom),
	}
	for _, account := range []sms.ID{gatetest.Money, gatetest.AgentMoney, gatetest.OperatorMoney} {
		objects = append(objects, registry.Price{AccountID: account, Category: sms.Notice, Carrier: sms.Unicom, UnitPrice: 1, ValidFrom: from.From})
	}
	w.Put(objects...)
}

// left are the events of what was submitted to a person, oldest first.
func (d *desk) left(phone [16]byte) (out []sms.RecipientEvent) {
	d.T.Helper()
	err := d.DB.Read(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		err := tx.Recent(ctx, [][16]byte{phone}, 0, func(e sms.RecipientEvent) { out = append(out, e) })
		if err != nil {
			return err
		}
		var moved []sms.RecipientEvent
		for _, e := range out {
			m, err := tx.Message(ctx, e.MessageID)
			if err != nil {
				return err
			}
			if m.State != sms.Queued {
				moved = append(moved, e)
			}
		}
		out = moved
		return nil
	})
	if err != nil {
		d.T.Fatal(err)
	}
	slices.SortFunc(out, func(a, b sms.RecipientEvent) int { return int(a.At - b.At) })
	return out
}

// exceeded names a limit that what left a platform exceeds, written down here once more and
// counted in another way: by whole spans, not back from a moment.
func exceeded(events []sms.RecipientEvent) string {
	type limit struct {
		name  string
		most  int
		key   func(sms.RecipientEvent) string // whose events are counted together; "" is none
		cells time.Duration                   // spans of the clock, or
		roll  time.Duration                   // any span
	}
	otp := func(e sms.RecipientEvent) string {
		if e.Category == sms.OTP {
			return "otp"
		}
		return ""
	}
	same := func(e sms.RecipientEvent) string { return fmt.Sprint(e.SignatureID, e.ContentHash) }
	all := func(sms.RecipientEvent) string { return "all" }
	for _, l := range []limit{
		{"FRQ-01 minute", 1, otp, time.Minute, 0},
		{"FRQ-01 hour", 5, otp, time.Hour, 0},
		{"FRQ-01 day", 10, otp, 0, 24 * time.Hour},
		{"FRQ-04 59 s", 2, same, 0, 59 * time.Second},
		{"FRQ-04 59 min", 5, same, 0, 59 * time.Minute},
		{"FRQ-05 minute", 15, all, time.Minute, 0},
		{"FRQ-05 day", 50, all, 0, 24 * time.Hour},
	} {
		cells, byKey := map[string]int{}, map[string][]int64{}
		for _, e := range events {
			key := l.key(e)
			if key == "" {
				continue
			}
			if l.cells > 0 {
				key = fmt.Sprint(key, e.At/l.cells.Milliseconds())
				if cells[key]++; cells[key] > l.most {
					return l.name
				}
				continue
			}
			byKey[key] = append(byKey[key], e.At)
			if list := byKey[key]; len(list) > l.most && list[len(list)-1]-list[len(list)-1-l.most] < l.roll.Milliseconds() {
				return l.name
			}
		}
	}
	return ""
}

// FRQ-01, FRQ-04, FRQ-05, FRQ-06: whatever decisions, second looks and cancellations come
// between each other, what leaves never exceeds a limit.
func TestNoInterleavingExceedsAFrequency(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		approveNotice(w)
		now, person := gatetest.Morning, 0
		rapid.Check(w.T, func(t *rapid.T) {
			person++
			number := fmt.Sprintf("1300001%04d", person)
			phone := w.Keys.PhoneID(w.Number(number))
			now = now.Add(48 * time.Hour).Truncate(time.Hour).Add(59 * time.Minute) // before the end of an hour
			w.Clock.Set(now)
			first := len(w.Readies())
			for range rapid.IntRange(1, 6).Draw(t, "rounds") {
				var group sync.WaitGroup
				for range rapid.IntRange(1, 4).Draw(t, "senders") {
					text := rapid.SampledFrom([]string{gatetest.OTPText, "【准信科技】您的订单1已发货。", "【准信科技】您的订单1已发货。", "【准信科技】您的订单2已发货。"}).Draw(t, "text")
					times := rapid.IntRange(1, 8).Draw(t, "times")
					group.Go(func() {
						for range times {
							w.Send(text, number)
						}
					})
				}
				for range rapid.IntRange(0, 2).Draw(t, "lookers") {
					back := rapid.IntRange(0, 12).Draw(t, "list")
					group.Go(func() {
						list := w.Readies()[first:]
						for i := max(0, len(list)-back); i < len(list); i++ {
							d.look(list[i])
						}
						if len(list) > 0 {
							d.look(list...) // once more, all at once
						}
					})
				}
				group.Wait()
				now = now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, 30 * time.Second, time.Minute, 20 * time.Minute}).Draw(t, "pause"))
				w.Clock.Set(now)
			}
			if list := w.Readies()[first:]; len(list) > 0 {
				d.look(list...)
			}
			events := d.left(phone)
			if name := exceeded(events); name != "" {
				for _, e := range events {
					t.Logf("%s %s %x", time.UnixMilli(e.At).In(rulebook.Shanghai).Format(time.StampMilli), e.Category, e.ContentHash[:2])
				}
				t.Fatalf("%s", name)
			}
		})
	})
}

// What waited leaves by the same limits as what did not: each that goes counts for the next,
// at the moment at which it goes.
func TestWhatWaitedCountsWhenItLeaves(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		approveNotice(w)
		var list []gate.Ready
		for _, after := range []time.Duration{0, 40 * time.Second, 70 * time.Second} { // never three within 59 seconds
			w.Clock.Set(gatetest.Morning.Add(after))
			list = append(list, d.permitted("【准信科技】您的订单1已发货。", gatetest.Member))
		}
		w.Clock.Set(gatetest.Morning.Add(100 * time.Second))
		if v := d.look(list...); len(v.Go) != 2 || v.Gone != 1 {
			w.T.Errorf("%d left and %d are gone", len(v.Go), v.Gone)
		}
		d.expect(list[1].Message.ID, sms.Cancelled, sms.FrequencyContent)
	})
}
