package gate_test

import (
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// TPL-12: a link or telephone is filed with the recipient's carrier, by the party that sends,
// or the text is refused there; the permission ends with the filing.
func TestContactsAreFiled(t *testing.T) {
	const body = "您的订单已发货，详见https://example.com/a，客服热线95000"
	soon := gatetest.Morning.Add(time.Hour).UnixMilli()
	link := func(set func(*registry.ContactFiling)) registry.ContactFiling {
		f := gatetest.Contact(911, registry.Link, "example.com")
		f.To = soon
		set(&f)
		return f
	}
	for name, v := range map[string]struct {
		filed []any
		sends bool
	}{
		"both filed":         {[]any{link(func(*registry.ContactFiling) {}), gatetest.Contact(912, registry.Telephone, "95000")}, true},
		"none filed":         {nil, false},
		"the link alone":     {[]any{link(func(*registry.ContactFiling) {})}, false},
		"by another party":   {[]any{link(func(f *registry.ContactFiling) { f.PartyID = gatetest.Agent }), gatetest.Contact(912, registry.Telephone, "95000")}, false},
		"at another carrier": {[]any{link(func(f *registry.ContactFiling) { f.Carrier = sms.Mobile }), gatetest.Contact(912, registry.Telephone, "95000")}, false},
		"that waits":         {[]any{link(func(f *registry.ContactFiling) { f.State = registry.Submitted }), gatetest.Contact(912, registry.Telephone, "95000")}, false},
		"that has ended":     {[]any{link(func(f *registry.ContactFiling) { f.To = gatetest.Morning.UnixMilli() }), gatetest.Contact(912, registry.Telephone, "95000")}, false},
		"of another host":    {[]any{link(func(f *registry.ContactFiling) { f.Value = "example.org" }), gatetest.Contact(912, registry.Telephone, "95000")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			gatetest.Everywhere(t, nil, func(w *gatetest.World) {
				approve(w, 901, sms.Notice, body)
				w.Put(v.filed...)
				r := w.Send("【准信科技】"+body, gatetest.Member)[0]
				if !v.sends {
					expect(w.T, r, sms.Refused, sms.ContactUnfiled, "TPL-12")
					return
				}
				expect(w.T, r, sms.Queued, "", "")
				if until := w.Message(r.MessageID).ValidUntil; until != soon {
					w.T.Errorf("it may leave until %d, its link is filed until %d", until, soon)
				}
			})
		})
	}
}
