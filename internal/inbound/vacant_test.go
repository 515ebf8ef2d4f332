package inbound_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/inbound"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vendorcode"
)

// vacant books a report that says that the number does not exist.
func vacant(w *gatetest.World, r gate.Ready, id string) {
	w.T.Helper()
	w.Write(func(ctx context.Context, tx *store.Tx) error {
		n, err := inbound.Reports(ctx, tx, w.IDs, gatetest.Channel, []sms.Report{{
			ChannelID: gatetest.Channel, UpstreamID: id, PhoneID: r.Message.PhoneID, Source: "1069000001", Stat: "UNDELIV:CB:0053", ReceivedAt: 1, Vacant: true,
		}})
		if n.Booked != 1 {
			w.T.Errorf("%+v", n)
		}
		return err
	})
}

func agree(w *gatetest.World, given time.Time) {
	w.T.Helper()
	w.Write(func(ctx context.Context, tx *store.Tx) error {
		return consent.Add(ctx, tx, w.Recorder(tx), []consent.Grant{{
			ID: w.IDs.Next(), PhoneID: w.Keys.PhoneID(w.Number(gatetest.Member)), GroupID: gatetest.Customer, Purpose: sms.MKT, Grade: consent.DoubleOptIn,
			Method: "reply", Wording: "v1", Source: "shop", ValidFrom: given.UnixMilli(),
		}}, w.Clock.Now().UnixMilli())
	})
}

func rulesOf(r gate.Result) (ids []string) {
	for _, f := range r.Findings {
		ids = append(ids, f.Rule)
	}
	return ids
}

// CNS-16: a report that the number does not exist suspends its consents until there is a later
// one, says so, and has what waits decided anew.
func TestVacantNumberSuspendsItsConsents(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Agree(gatetest.Member)
		r := submitted(w, gatetest.Member, accepted)
		var before, after int64
		journal := func(at *int64) {
			w.Write(func(ctx context.Context, tx *store.Tx) (err error) {
				*at, err = tx.Journal(ctx)
				return err
			})
		}
		journal(&before)
		vacant(w, r, "42")
		if journal(&after); after != before+1 {
			w.T.Error("what waits for the number is not decided anew")
		}
		if got := w.Send(gatetest.MKTText, gatetest.Member)[0]; got.State != sms.Refused || !slices.Contains(rulesOf(got), "CNS-16") {
			w.T.Errorf("%+v", got)
		}
		agree(w, w.Clock.Now().Add(-time.Second)) // older than the report: it is the former holder's
		if got := w.Send(gatetest.MKTText, gatetest.Member)[0]; got.State != sms.Refused || !slices.Contains(rulesOf(got), "CNS-16") {
			w.T.Errorf("an older proof: %+v", got)
		}
		w.Clock.Set(w.Clock.Now().Add(time.Minute))
		agree(w, w.Clock.Now())
		if got := w.Send(gatetest.MKTText, gatetest.Member)[0]; got.State != sms.Queued {
			w.T.Errorf("new evidence: %+v", got)
		}
	})
}

// A report that came before the answer to its submit suspends just as well.
func TestVacantNumberIsKnownFromAnEarlyReport(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Agree(gatetest.Member)
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			_, err := inbound.Reports(ctx, tx, w.IDs, gatetest.Channel, []sms.Report{{
				ChannelID: gatetest.Channel, UpstreamID: "42", PhoneID: w.Keys.PhoneID(w.Number(gatetest.Member)), Source: "1069000001", Stat: "CB:0053", Vacant: true,
			}})
			return err
		})
		submitted(w, gatetest.Member, accepted)
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			_, err := inbound.Early(ctx, tx, w.IDs, gatetest.Channel, []string{"42"})
			return err
		})
		if got := w.Send(gatetest.MKTText, gatetest.Member)[0]; got.State != sms.Refused {
			w.T.Errorf("%+v", got)
		}
	})
}

// Whatever is recorded in whatever order, marketing is permitted only by a consent that was
// given after the number last ceased to exist.
func TestVacantNumberModel(t *testing.T) {
	gatetest.On(t, "sqlite", nil, func(w *gatetest.World) {
		phone := w.Keys.PhoneID(w.Number(gatetest.Member))
		var gone, newest time.Time
		rapid.Check(t, func(rt *rapid.T) {
			w.Clock.Set(w.Clock.Now().Add(time.Second))
			now := w.Clock.Now()
			if rapid.Bool().Draw(rt, "gone") {
				w.Write(func(ctx context.Context, tx *store.Tx) error {
					_, err := consent.Suspend(ctx, tx, w.Recorder(tx), []consent.Vacancy{{PhoneID: phone, MessageID: 1}}, now.UnixMilli())
					return err
				})
				gone = now
			} else {
				given := now.Add(-time.Duration(rapid.IntRange(0, 3).Draw(rt, "ago")) * time.Second)
				agree(w, given)
				if given.After(gone) {
					newest = given
				}
			}
			var holds bool
			w.Write(func(ctx context.Context, tx *store.Tx) error {
				var list []consent.Grant
				err := tx.Grants(ctx, gatetest.Customer, [][16]byte{phone}, func(g consent.Grant) { list = append(list, g) })
				holds = consent.Best(list, sms.MKT, "", now.UnixMilli(), 0) != nil
				return err
			})
			if want := newest.After(gone); holds != want {
				rt.Fatalf("it holds: %t, want %t", holds, want)
			}
		})
	})
}

// Only a code that says the number does not exist does so, by the table or by the channel's own list.
func TestOnlyCodesOfVacantNumbersSuspend(t *testing.T) {
	gatetest.On(t, "sqlite", nil, func(w *gatetest.World) {
		snap, err := w.Gate.Snapshot(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		ch := *snap.Channel[gatetest.Channel]
		ch.Options.Codes = []registry.ChannelCode{{Code: "MK:0001", Class: "number", Zh: "空号", En: "vacant", Vacant: true}}
		x := table(t)
		for stat, want := range map[string]bool{"CB:0053": true, "CB:0001": true, "MK:0001": true, "DB:0102": false, "CB:0007": false, "UNDELIV": false, "MK:0002": false, "DELIVRD": false} {
			if got := x.Report(&ch, stat).Vacant; got != want {
				t.Errorf("%s: %t", stat, got)
			}
		}
	})
}

func table(t *testing.T) *vendorcode.Table {
	t.Helper()
	x, err := vendorcode.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return x
}
