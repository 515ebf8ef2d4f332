package gate_test

import (
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// PRV-11: nothing goes to a peer abroad without a basis that is in force; an international
// channel's peer is abroad until the operator says otherwise.
func TestNothingLeavesTheMainlandWithoutABasis(t *testing.T) {
	now := gatetest.Morning.UnixMilli()
	basis := func(ends int64) *registry.Transfer {
		return &registry.Transfer{Basis: "standard_contract", Reference: "京网信标备〔2026〕0001", ValidTo: ends}
	}
	for name, v := range map[string]struct {
		carrier   sms.Carrier
		peer      string
		transfer  *registry.Transfer
		permitted bool
	}{
		"a channel of the mainland":             {sms.Unicom, "", nil, true},
		"whose peer is abroad":                  {sms.Unicom, registry.PeerAbroad, nil, false},
		"with a basis":                          {sms.Unicom, registry.PeerAbroad, basis(now + time.Hour.Milliseconds()), true},
		"with one that has ended":               {sms.Unicom, registry.PeerAbroad, basis(now), false},
		"with one that names nothing":           {sms.Unicom, registry.PeerAbroad, &registry.Transfer{Basis: "assessment", ValidTo: now + 1}, false},
		"with one that never ends":              {sms.Unicom, registry.PeerAbroad, basis(0), false},
		"an international one":                  {sms.International, "", nil, false},
		"an international one within":           {sms.International, registry.PeerMainland, nil, true},
		"an international one that has a basis": {sms.International, "", basis(now + time.Hour.Milliseconds()), true},
	} {
		t.Run(name, func(t *testing.T) {
			gatetest.On(t, "sqlite", nil, func(w *gatetest.World) {
				number := gatetest.Stranger
				ch := registry.Channel{
					ID: gatetest.Channel, Name: "peer", Carrier: v.carrier, Protocol: "cmpp30", AccessCodeID: gatetest.Code, Address: "127.0.0.1:1", Login: "900001",
					Sessions: 1, Window: 16, State: registry.Active, Options: registry.ChannelOptions{Replies: true},
				}
				if v.carrier == sms.International {
					number = "+447700900123"
					w.Put(gatetest.Filed(gatetest.TemplateOTP, sms.International))
					w.Put(registry.Filing{SignatureID: gatetest.Signature, Carrier: sms.International, State: registry.Approved, Period: registry.Period{From: 1}, UpdatedAt: now})
					for _, a := range []sms.ID{gatetest.Money, gatetest.AgentMoney, gatetest.OperatorMoney} {
						w.Put(registry.Price{AccountID: a, Category: sms.OTP, Carrier: sms.International, UnitPrice: gatetest.UnitOwner})
					}
				}
				ch.Options.Peer, ch.Options.Transfer = v.peer, v.transfer
				w.Put(ch)
				r := w.Send(gatetest.OTPText, number)[0]
				if v.permitted {
					expect(w.T, r, sms.Queued, "", "")
					if v.transfer != nil && w.Message(r.MessageID).ValidUntil != v.transfer.ValidTo {
						w.T.Errorf("the permit ends at %d, the basis at %d", w.Message(r.MessageID).ValidUntil, v.transfer.ValidTo)
					}
					return
				}
				expect(w.T, r, sms.Refused, sms.CrossBorder, "PRV-11")
			})
		})
	}
}
