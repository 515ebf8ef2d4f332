package consent_test

import (
	"context"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// grant stores a consent of the member.
func grant(w *gatetest.World, grade consent.Grade, given time.Time) (id sms.ID) {
	w.T.Helper()
	id = w.IDs.Next()
	w.Write(func(ctx context.Context, tx *store.Tx) error {
		return consent.Add(ctx, tx, w.Recorder(tx), []consent.Grant{{
			ID: id, PhoneID: w.Keys.PhoneID(w.Number(gatetest.Member)), GroupID: gatetest.Customer, Purpose: sms.MKT, Grade: grade,
			Method: "form", Wording: "v1", Source: "shop", ValidFrom: given.UnixMilli(),
		}}, w.Clock.Now().UnixMilli())
	})
	return id
}

func refuse(w *gatetest.World, group sms.ID, scope string) {
	w.T.Helper()
	w.Write(func(ctx context.Context, tx *store.Tx) error {
		_, err := consent.Refuse(ctx, tx, w.Recorder(tx), consent.Suppression{
			ID: w.IDs.Next(), PhoneID: w.Keys.PhoneID(w.Number(gatetest.Member)), GroupID: group, Scope: scope, Source: "mo", CreatedAt: w.Clock.Now().UnixMilli(),
		})
		return err
	})
}

func permitted(w *gatetest.World) bool {
	w.T.Helper()
	r := w.Send(gatetest.MKTText, gatetest.Member)[0]
	if r.State != sms.Queued && r.State != sms.Refused {
		w.T.Errorf("%+v", r)
	}
	return r.State == sms.Queued
}

// records counts the records of a kind about an object that stand in the evidence.
func records(w *gatetest.World, kind string) (n int64) {
	w.T.Helper()
	err := w.DB.Read(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		return tx.One(ctx, "SELECT COUNT(*) FROM evidence_record r JOIN evidence_leaf l ON l.id = r.leaf_id WHERE r.kind = ? AND l.kind = r.kind", []any{kind}, &n)
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return n
}

// OPT-05: a refusal stays against every list, and against a page's proof that is older. A later
// consent that the platform itself can prove lifts it, and that is in the evidence.
func TestOnlyALaterProvenConsentLiftsARefusal(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		refuse(w, gatetest.Customer, string(sms.MKT))
		refused := w.Clock.Now()
		w.Clock.Set(w.Clock.Now().Add(time.Minute))
		grant(w, consent.Import, w.Clock.Now())
		grant(w, consent.SignedEvent, w.Clock.Now())
		grant(w, consent.DoubleOptIn, refused.Add(-time.Second))
		grant(w, consent.HostedPage, refused)
		if permitted(w) || records(w, consent.KindLift) != 0 {
			w.T.Error("a list, or what is older than the refusal, lifts it")
		}
		grant(w, consent.HostedPage, w.Clock.Now())
		if n := records(w, consent.KindLift); !permitted(w) || n != 1 {
			w.T.Errorf("a later consent on a page does not lift it, or %d records say so", n)
		}
	})
}

// Who refused everything of a sender, or marketing of everybody, agreed to less later.
func TestConsentLiftsNoWiderRefusal(t *testing.T) {
	for name, c := range map[string]struct {
		group sms.ID
		scope string
	}{"everything": {gatetest.Customer, consent.ScopeAll}, "everybody": {0, string(sms.MKT)}} {
		t.Run(name, func(t *testing.T) {
			gatetest.On(t, "sqlite", nil, func(w *gatetest.World) {
				refuse(w, c.group, c.scope)
				w.Clock.Set(w.Clock.Now().Add(time.Minute))
				grant(w, consent.DoubleOptIn, w.Clock.Now())
				if permitted(w) {
					w.T.Error("the refusal is lifted")
				}
			})
		})
	}
}
