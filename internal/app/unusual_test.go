package app

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// FRD-05: a top-up is booked only when the party paid it from its own account.
func TestUnusualSettlementIsNotBooked(t *testing.T) {
	everywhere(t, func(n *node) {
		snap, err := n.Registry(n.t.Context())
		if err != nil {
			n.t.Fatal(err)
		}
		account := snap.Application[n.application()].AccountID
		n.key = n.adminKey()
		for method, want := range map[string]int{
			"transfer": http.StatusOK, "platform": http.StatusOK,
			"cash": http.StatusUnprocessableEntity, "crypto": http.StatusUnprocessableEntity, "third_party": http.StatusUnprocessableEntity, "": http.StatusUnprocessableEntity,
		} {
			body := map[string]any{"account_id": account, "kind": "topup", "amount": 1, "reference": "receipt", "method": method}
			if got := n.do(http.MethodPost, "/v1/admin/ledger", body, nil); got != want {
				n.t.Errorf("a top-up by %q: %d", method, got)
			}
		}
		if got := n.do(http.MethodPost, "/v1/admin/ledger", map[string]any{"account_id": account, "kind": "adjustment", "amount": 1, "reference": "case 7"}, nil); got != http.StatusOK {
			n.t.Errorf("an adjustment: %d", got)
		}
	})
}

// FRD-05a: a price under the cost, or over twice the usual one, is somebody's duty; any other is not.
func TestUnusualPriceIsLookedInto(t *testing.T) {
	everywhere(t, func(n *node) {
		snap, err := n.Registry(n.t.Context())
		if err != nil {
			n.t.Fatal(err)
		}
		account := snap.Application[n.application()].AccountID
		n.key = n.adminKey()
		var usual, cost sms.Money
		for _, a := range snap.Account {
			if p, ok := snap.Price(a.ID, sms.OTP, sms.Mobile, time.Now().UnixMilli()); ok && a.ID != account {
				usual = max(usual, p)
			}
		}
		for _, ch := range snap.Channels {
			cost = ch.Cost
		}
		if usual == 0 || cost == 0 || 2*usual < cost {
			n.t.Fatalf("the usual price is %s, the cost %s", usual, cost)
		}
		for i, c := range []struct {
			price sms.Money
			owed  int // in all
		}{{cost, 0}, {cost - 1, 1}, {2 * usual, 1}, {2*usual + usual, 2}} {
			n.put("prices", account.String(), map[string]any{"category": "OTP", "carrier": "mobile", "unit_price": c.price, "valid_from": int64(1000 + i)})
			rules, _ := n.listDuties(n.key, "state=open")
			rules = slices.DeleteFunc(rules, func(r string) bool { return r != "FRD-05a" })
			if len(rules) != c.owed {
				n.t.Errorf("after a price of %s: %v", c.price, rules)
			}
		}
	})
}
