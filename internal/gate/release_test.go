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

func due(w *gatetest.World) (list []*sms.Message) {
	w.T.Helper()
	err := w.DB.Read(context.Background(), func(ctx context.Context, tx *store.Tx) (err error) {
		list, err = tx.Due(ctx, w.Clock.Now().UnixMilli(), 100)
		return err
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return list
}

func redecide(w *gatetest.World, list ...*sms.Message) {
	w.T.Helper()
	if _, err := w.Gate.Redecide(context.Background(), list, false); err != nil {
		w.T.Fatal(err)
	}
}

// A deferred message has no permit: at its hour it is decided on the facts of
// that hour.
func TestDeferredMessagesAreDecidedAnew(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		night := gatetest.Morning.Add(13 * time.Hour) // 23:00 in Shanghai
		w.Clock.Set(night)
		w.Agree(gatetest.Member)
		w.Agree(gatetest.Stranger)
		stays := w.Send(gatetest.MKTText, gatetest.Member)[0]
		leaves := w.Send(gatetest.MKTText, gatetest.Stranger)[0]
		if stays.State != sms.Deferred || leaves.State != sms.Deferred {
			w.T.Fatalf("%+v %+v", stays, leaves)
		}
		if n := len(due(w)); n != 0 {
			w.T.Fatalf("%d are due at night", n)
		}
		if held := w.Balance(gatetest.Money).Held; held != 2*gatetest.UnitCustomer {
			w.T.Errorf("held %s while deferred", held)
		}
		w.Refuse(gatetest.Stranger)
		w.Clock.Set(time.UnixMilli(stays.Release))
		redecide(w, due(w)...)
		if m := w.Message(stays.MessageID); m.State != sms.Queued || m.Code != "" {
			w.T.Errorf("the member's message is %s (%s)", m.State, m.Code)
		}
		if m := w.Message(leaves.MessageID); m.State != sms.Refused || m.Rule == "" {
			w.T.Errorf("after the opt-out it is %s (%s)", m.State, m.Code)
		}
		if held := w.Balance(gatetest.Money).Held; held != gatetest.UnitCustomer {
			w.T.Errorf("held %s, one message waits", held)
		}
		if r := w.Readies(); len(r) != 1 || r[0].Message.ID != stays.MessageID || r[0].Text != gatetest.MKTText || r[0].Number.National() != gatetest.Member {
			w.T.Errorf("%d messages were handed to dispatch", len(r))
		}
		w.Sound()
	})
}

// What waits for a party that was frozen ends, and its money is free again.
func TestFrozenPartyEndsWhatWaits(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		r := w.Send(gatetest.OTPText, gatetest.Member)[0]
		w.Put(registry.Application{
			ID: gatetest.Application, PartyID: gatetest.Customer, AccountID: gatetest.Money, Name: "shop", State: registry.Frozen,
		})
		redecide(w, w.Message(r.MessageID))
		if m := w.Message(r.MessageID); m.State != sms.Refused || m.Code != sms.PartyFrozen || m.Held != 0 {
			w.T.Errorf("it is %s (%s), %d units held", m.State, m.Code, m.Held)
		}
		if held := w.Balance(gatetest.Money).Held; held != 0 {
			w.T.Errorf("held %s", held)
		}
		// A second worker that read the message before finds that it moved.
		redecide(w, &sms.Message{ID: r.MessageID, State: sms.Queued, DecisionID: 1, ApplicationID: gatetest.Application})
		w.Sound()
	})
}
