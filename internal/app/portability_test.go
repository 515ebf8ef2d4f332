package app

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/lab/carrier"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// ported is the answer to an import of numbers that changed their carrier.
type ported struct {
	Stored int
	Code   sms.Code
	Field  string
}

// move tells the platform by which carrier a number is reached.
func (n *node) move(key, to, by string) (out ported) {
	n.t.Helper()
	n.as(key, http.MethodPost, "/v1/admin/portability", map[string]any{"numbers": []map[string]string{{"to": to, "carrier": by}}}, &out)
	return out
}

// byUnicom gives the story a channel to China Unicom, with all that is filed there.
func (n *node) byUnicom() *carrier.Carrier {
	n.t.Helper()
	c, snap := n.anotherCarrier(), n.registry()
	code, ch := *snap.AccessCode[snap.Channels[0].AccessCodeID], *snap.Channels[0]
	sub := *snap.Subcodes[0]
	code.ID, code.Carrier = n.IDs.Next(), sms.Unicom
	ch.ID, ch.Name, ch.Carrier, ch.AccessCodeID, ch.Address = n.IDs.Next(), "unicom-1", sms.Unicom, code.ID, c.Addr().String()
	ch.Secret = n.Keys.Seal(vault.PurposeLogin, []byte(simSecret))
	sub.ID, sub.AccessCodeID = n.IDs.Next(), code.ID
	valid := n.period()
	list := []any{code, ch, sub, registry.Filing{SignatureID: n.storySigned().ID, Carrier: sms.Unicom, State: registry.Approved, Period: valid}}
	for account := range snap.Account {
		for _, cat := range []sms.Category{sms.OTP, sms.MKT} {
			list = append(list, registry.Price{AccountID: account, Category: cat, Carrier: sms.Unicom, UnitPrice: 50_000, ValidFrom: valid.From})
		}
	}
	for _, cat := range []sms.Category{sms.OTP, sms.MKT} {
		list = append(list, registry.TemplateFiling{TemplateID: n.storyTemplate(cat).ID, Version: 1, Carrier: sms.Unicom, State: registry.Approved, Period: valid})
	}
	n.insert(list...)
	return c
}

// message reads what is stored of one.
func (n *node) message(id sms.ID) (m *sms.Message) {
	n.t.Helper()
	err := n.DB.Read(n.t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
		m, err = tx.Message(ctx, id)
		return err
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return m
}

// carried tells whether a carrier was given something for a number.
func carried(c *carrier.Carrier, to string) bool {
	return slices.ContainsFunc(c.Received(0, 1000), func(r carrier.Received) bool { return slices.Contains(r.Dests, to) })
}

// A number that is given another carrier is sent to by that one, and what waits for it is
// decided anew: it leaves by the carrier that the number has now.
func TestPortedNumberIsSentToByItsCarrier(t *testing.T) {
	everywhere(t, func(n *node) {
		unicom, office := n.byUnicom(), n.adminKey()
		n.agree(member)
		n.agree(other)
		slow := n.carrier.Behaviour()
		slow.Latency.Fixed = 3_600_000_000_000
		if err := n.carrier.SetBehaviour(slow); err != nil {
			n.t.Fatal(err)
		}
		for i := range 32 { // the windows take no more
			n.send(otpText, fmt.Sprint(14200004000+i))
		}
		waiting := n.send(mktText, member).Results[0].MessageID
		if m := n.message(waiting); m.State != sms.Queued || m.Carrier != sms.Mobile {
			n.t.Fatalf("it does not wait for the carrier of its prefix: %s for %s", m.State, m.Carrier)
		}
		if got := n.move(office, member, "unicom"); got.Stored != 1 {
			n.t.Fatalf("%+v", got)
		}
		slow.Latency.Fixed = 0
		if err := n.carrier.SetBehaviour(slow); err != nil {
			n.t.Fatal(err)
		}
		if err := n.carrier.Disconnect(simLogin); err != nil {
			n.t.Fatal(err)
		}
		n.until(waiting, sms.Delivered)
		if m := n.message(waiting); m.Carrier != sms.Unicom || carried(n.carrier, member) || !carried(unicom, member) {
			n.t.Errorf("what waited left by %s", m.Carrier)
		}
		n.prove(waiting, mktText)

		if got := n.move(office, other, "unicom"); got.Stored != 1 {
			n.t.Fatalf("%+v", got)
		}
		id := n.send(otpText, other).Results[0].MessageID
		n.until(id, sms.Delivered)
		if m := n.message(id); m.Carrier != sms.Unicom || carried(n.carrier, other) || !carried(unicom, other) {
			n.t.Errorf("a new message left by %s", m.Carrier)
		}
		if got := n.move(office, other, "mobile"); got.Stored != 1 { // it comes back
			n.t.Fatalf("%+v", got)
		}
		id = n.send(mktText, other).Results[0].MessageID
		n.until(id, sms.Delivered)
		if m := n.message(id); m.Carrier != sms.Mobile {
			n.t.Errorf("after it came back, one left by %s", m.Carrier)
		}
		if got := strings.Count(strings.Join(n.records("action", 0), " "), "portability"); got != 3 {
			n.t.Errorf("%d imports are on record", got)
		}
	})
}

// Only the operator says which carrier a number has, of the mainland's alone, and all of a
// list or nothing is stored.
func TestPortabilityIsTheOperators(t *testing.T) {
	n := start(t, config.Default())
	office := n.adminKey()
	for who, key := range map[string]string{"a customer": n.key, "a customer's administrator": n.otherKey(n.key, "admin,read")} {
		if got := n.move(key, member, "unicom"); got.Code != sms.Forbidden {
			t.Errorf("%s: %+v", who, got)
		}
	}
	for to, by := range map[string]string{"+447700900123": "unicom", "110": "unicom", "14200000001": "international"} {
		if got := n.move(office, to, by); got.Code == "" || got.Stored != 0 {
			t.Errorf("%s by %s: %+v", to, by, got)
		}
	}
	var out ported
	n.as(office, http.MethodPost, "/v1/admin/portability", map[string]any{"numbers": []map[string]string{
		{"to": member, "carrier": "unicom"}, {"to": "12345", "carrier": "unicom"},
	}}, &out)
	if out.Code != sms.BadNumber || out.Field != "body.numbers[1].to" {
		t.Errorf("%+v", out)
	}
	if got := n.count("SELECT COUNT(*) FROM portability"); got != 0 {
		t.Errorf("%d are stored", got)
	}
}
