package gate_test

import (
	"fmt"
	"testing"

	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// AD-18, CMP-06, CMP-10: a measure reaches the messages that it is about: those with the
// signature, marketing over the channel, all of whoever is below the party.
func TestMeasuresReachWhatTheyAreAbout(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Agree(gatetest.Member)
		next := sms.ID(900)
		measure := func(m registry.Measure) registry.Measure {
			next++
			m.ID, m.Zh, m.En, m.Figures, m.ImposedAt = next, "x", "x", "{}", 1
			w.Put(m)
			return m
		}
		lift := func(m registry.Measure) {
			m.LiftedAt = 2
			w.Put(m)
		}
		marketing := func() (sms.State, string) {
			r := w.Send(gatetest.MKTText, gatetest.Member)[0]
			return r.State, r.Rule
		}
		for _, c := range []struct {
			m     registry.Measure
			state sms.State
			rule  string
		}{
			{registry.Measure{PartyID: gatetest.Customer, Object: registry.OfSignature, ObjectID: gatetest.Signature, Kind: registry.Withheld}, sms.Held, "CNT-11"},
			{registry.Measure{PartyID: gatetest.Customer, Object: registry.OfTemplate, ObjectID: gatetest.TemplateMKT, Kind: registry.Suspended}, sms.Refused, "CMP-10"},
			{registry.Measure{PartyID: gatetest.Operator, Object: registry.OfChannel, ObjectID: gatetest.Channel, Kind: registry.Withheld}, sms.Held, "CMP-06i"},
			{registry.Measure{PartyID: gatetest.Operator, Object: registry.OfChannel, ObjectID: gatetest.Channel, Kind: registry.Suspended}, sms.Refused, "CMP-06j"},
			{registry.Measure{PartyID: gatetest.Agent, Kind: registry.Shut}, sms.Refused, "CMP-10"},
		} {
			m := measure(c.m)
			if state, rule := marketing(); state != c.state || rule != c.rule {
				w.T.Errorf("%s %s: %s by %s", m.Object, m.Kind, state, rule)
			}
			if r := w.Send(gatetest.OTPText, fmt.Sprint(13000003000+int(next)))[0]; (r.State == sms.Refused) != (m.Kind == registry.Shut) {
				w.T.Errorf("a code: %+v", r)
			}
			lift(m)
		}
		for _, m := range []registry.Measure{
			{PartyID: gatetest.Customer, Object: registry.OfSignature, ObjectID: 4711, Kind: registry.Suspended},
			{PartyID: gatetest.Operator, Object: registry.OfChannel, ObjectID: 4711, Kind: registry.Suspended},
		} {
			measure(m)
		}
		if state, rule := marketing(); state != sms.Queued {
			w.T.Errorf("what is about others: %s by %s", state, rule)
		}
	})
}

// OPT-02: where a reply costs something, marketing leaves with a warning.
func TestRepliesThatCostAreWarnedOf(t *testing.T) {
	gatetest.On(t, "sqlite", nil, func(w *gatetest.World) {
		w.Agree(gatetest.Member)
		w.Put(registry.Channel{
			ID: gatetest.Channel, Name: "unicom", Carrier: sms.Unicom, Protocol: "cmpp30", AccessCodeID: gatetest.Code, Address: "127.0.0.1:1", Login: "900001",
			Sessions: 1, Window: 16, State: registry.Active, Options: registry.ChannelOptions{Replies: true, ReplyCost: 100_000},
		})
		r := w.Send(gatetest.MKTText, gatetest.Member)[0]
		warned := false
		for _, f := range r.Findings {
			warned = warned || f.Rule == "OPT-02"
		}
		if r.State != sms.Queued || !warned {
			w.T.Errorf("%+v", r)
		}
	})
}
