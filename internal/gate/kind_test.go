package gate_test

import (
	"context"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// CNS-10: marketing of a kind reaches who has agreed to that kind, whatever else they agreed to.
func TestConsentReachesItsKinds(t *testing.T) {
	for name, v := range map[string]struct {
		kind   string   // of the template
		claims []string // of the consents
		rule   string
	}{
		"promotion by a consent that names no kind": {"", []string{""}, ""},
		"an event by the same":                      {"event", []string{""}, "CNS-10"},
		"an event by a consent to events":           {"event", []string{"kinds=event+survey"}, ""},
		"promotion by the same":                     {"", []string{"kinds=event+survey"}, "CNS-10"},
		"an event by the second of two":             {"event", []string{"", "kinds=event"}, ""},
		"an event without any":                      {"event", nil, "CNS-01"},
	} {
		t.Run(name, func(t *testing.T) {
			gatetest.Everywhere(t, nil, func(w *gatetest.World) {
				w.Put(registry.Template{ID: gatetest.TemplateMKT, PartyID: gatetest.Customer, Category: sms.MKT, Name: "mkt", Kind: v.kind, State: registry.Active})
				ids := map[sms.ID]string{}
				for _, claims := range v.claims {
					id := w.IDs.Next()
					ids[id] = claims
					w.Write(func(ctx context.Context, tx *store.Tx) error {
						return consent.Add(ctx, tx, w.Recorder(tx), []consent.Grant{{
							ID: id, PhoneID: w.Keys.PhoneID(w.Number(gatetest.Member)), GroupID: gatetest.Customer, Purpose: sms.MKT, Grade: consent.HostedPage,
							Method: "form", Wording: "v1", Source: "shop", Claims: claims, ValidFrom: gatetest.Morning.Add(-time.Hour).UnixMilli(),
						}}, gatetest.Morning.UnixMilli())
					})
				}
				r := w.Send(gatetest.MKTText, gatetest.Member)[0]
				if v.rule != "" {
					if r.State != sms.Refused || r.Rule != v.rule {
						w.T.Errorf("%+v", r)
					}
					return
				}
				expect(w.T, r, sms.Queued, "", "")
				if claims := ids[w.Message(r.MessageID).ConsentID]; claims != v.claims[len(v.claims)-1] {
					w.T.Errorf("it rests on %q", claims)
				}
			})
		})
	}
}
