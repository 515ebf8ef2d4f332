package gate_test

import (
	"context"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// RN-04: a channel takes the types of senders that it names, or, where it names none, those
// that the trade takes.
func TestChannelsTakeTypesOfEntities(t *testing.T) {
	for name, v := range map[string]struct {
		entity string
		takes  []string
		sends  bool
	}{
		"a company":                       {"company", nil, true},
		"a sole trader":                   {"individual", nil, false},
		"a sole trader who is taken":      {"individual", []string{"company", "individual"}, true},
		"a company that is not taken":     {"company", []string{"government"}, false},
		"an organ where organs are taken": {"government", []string{"government"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			gatetest.Everywhere(t, nil, func(w *gatetest.World) {
				w.Put(registry.Party{
					ID: gatetest.Customer, Kind: registry.Customer, ParentID: gatetest.Agent, GroupID: gatetest.Customer, Name: "customer",
					USCC: "91110000000000003A", EntityType: v.entity, State: registry.Active,
				})
				set(w, func(o *registry.ChannelOptions) { o.EntityTypes = v.takes })
				r := w.Send(gatetest.OTPText, gatetest.Member)[0]
				if v.sends {
					expect(w.T, r, sms.Queued, "", "")
				} else {
					expect(w.T, r, sms.Refused, sms.EntityRefused, "RN-04")
				}
			})
		})
	}
}

// set changes the options of the world's channel.
func set(w *gatetest.World, change func(*registry.ChannelOptions)) {
	o := registry.ChannelOptions{Replies: true}
	change(&o)
	w.Put(registry.Channel{
		ID: gatetest.Channel, Name: "unicom", Carrier: sms.Unicom, Protocol: "cmpp30", AccessCodeID: gatetest.Code, Address: "127.0.0.1:1", Login: "900001",
		Sessions: 1, Window: 16, State: registry.Active, Options: o,
	})
}

// SIG-09: a signature that was not used for five months is refused on a channel that wants it
// filed anew, after four it draws a warning; its use, or a renewed filing, begins the term anew.
func TestSignaturesGoStale(t *testing.T) {
	const day = 24 * time.Hour
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		send := func(after time.Duration) (sms.State, sms.Code, string) {
			w.Clock.Set(gatetest.Morning.Add(after))
			r := w.Send(gatetest.OTPText, gatetest.Member)[0]
			warned := ""
			for _, f := range r.Findings {
				warned += f.Rule + " "
			}
			return r.State, r.Code, warned
		}
		want := func(after time.Duration, state sms.State, rules string) {
			w.T.Helper()
			if s, _, got := send(after); s != state || got != rules {
				w.T.Errorf("after %v: %s, %q, not %s, %q", after, s, got, state, rules)
			}
		}
		// The filing is 30 days old by then.
		want(200*day, sms.Queued, "")
		set(w, func(o *registry.ChannelOptions) { o.RefileStale = true })
		want(200*day+time.Hour, sms.Queued, "")
		want(320*day, sms.Queued, "")
		want(441*day, sms.Queued, "SIG-09a ")
		want(592*day, sms.Refused, "SIG-09 SIG-09a ")
		want(593*day, sms.Refused, "SIG-09 SIG-09a ")
		w.Put(registry.Filing{SignatureID: gatetest.Signature, Carrier: sms.Unicom, State: registry.Approved, Period: registry.Period{From: 1}, UpdatedAt: gatetest.Morning.Add(593 * day).UnixMilli()})
		want(594*day, sms.Queued, "")
	})
}

// SIG-09: the use of a signature is one row, written once a day, by the first message that
// leaves; a refused one is no use.
func TestUseIsNotedOnceADay(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		used := func() (day int64) {
			w.Write(func(ctx context.Context, tx *store.Tx) error {
				return tx.SignatureUses(ctx, []sms.ID{gatetest.Signature}, func(_ sms.ID, d int64) { day = d })
			})
			return day
		}
		today := (gatetest.Morning.Unix() + 8*3600) / 86400
		w.Send(gatetest.MKTText, gatetest.Stranger) // has not agreed
		if got := used(); got != 0 {
			w.T.Errorf("a refused message counts: %d", got)
		}
		w.Send(gatetest.OTPText, gatetest.Member)
		if got := used(); got != today {
			w.T.Errorf("used on day %d, not %d", got, today)
		}
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			return tx.Exec(ctx, "UPDATE signature_use SET day = 1")
		})
		w.Clock.Set(gatetest.Morning.Add(time.Hour))
		w.Send(gatetest.OTPText, gatetest.Stranger)
		if got := used(); got != 1 {
			w.T.Errorf("it is written again on the same day: %d", got)
		}
		w.Clock.Set(gatetest.Morning.Add(24 * time.Hour))
		w.Send(gatetest.OTPText, gatetest.Stranger)
		if got := used(); got != today+1 {
			w.T.Errorf("used on day %d, not %d", got, today+1)
		}
	})
}
