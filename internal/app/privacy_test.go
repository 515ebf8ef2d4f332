package app

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/privacy"
	"github.com/zhunxin/zhunxin/internal/sms"
)

type requestOut struct {
	Request  privacy.Request
	Holdings *struct{ Messages []json.RawMessage }
	Code     sms.Code
}

// answer carries a person's request out.
func (n *node) answer(office string, id sms.ID, body map[string]any) (out requestOut) {
	n.t.Helper()
	n.as(office, http.MethodPost, "/v1/admin/requests/"+id.String()+"/answer", body, &out)
	return out
}

// PIPL Art. 47: with a person go the copies that were made for them.
func TestErasureTakesCopiesAlong(t *testing.T) {
	everywhere(t, func(n *node) {
		office := n.otherKey(n.adminKey(), "admin,reveal")
		n.until(n.send(otpText, member).Results[0].MessageID, sms.Delivered)
		id := n.ask(office, "copy", member)
		n.answer(office, id, map[string]any{"note": "made"})
		fetch := func() int {
			status, _ := n.fetch(http.MethodPost, "/v1/admin/requests/"+id.String()+"/copy", mustJSON(n.t, map[string]any{"reason": "handed over"}), "Authorization", "Bearer "+office)
			return status
		}
		if status := fetch(); status != http.StatusOK {
			n.t.Fatal(status)
		}
		n.forgetSending()
		if got := n.answer(office, n.ask(office, "delete", member), map[string]any{"note": "erased"}); got.Request.State != privacy.Answered {
			n.t.Fatalf("%+v", got)
		}
		if status := fetch(); status != http.StatusNotFound {
			n.t.Errorf("the copy is still there: %d", status)
		}
	})
}

// What others sent to a number says nothing of, and keeps nothing from, what one provider is asked
// for.
func TestAccessIsOfOneProvider(t *testing.T) {
	n := start(t, config.Default())
	office := n.adminKey()
	n.until(n.send(otpText, member).Results[0].MessageID, sms.Delivered)
	now := n.Now().UnixMilli()
	n.exec("CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100) SELECT i FROM n")
	id := n.Keys.PhoneID(number(t, member))
	n.exec("INSERT INTO recipient_event SELECT i, ?, ? + i, 99, 1, 1, x'00', 'OTP', 1 FROM n", id[:], now)
	n.exec("INSERT INTO recipient_index SELECT ?, ? + i, i FROM n", id[:], now)
	if got := n.answer(office, n.ask(office, "access", member), map[string]any{"note": "told"}); got.Holdings == nil || len(got.Holdings.Messages) != 1 {
		t.Errorf("%+v", got)
	}
}

// LOG-07: a hold keeps what is there from being erased, and nothing else: the person who asks for
// deletion is locked meanwhile, and has it when the hold is released.
func TestHoldStopsOnlyTheErasure(t *testing.T) {
	everywhere(t, func(n *node) {
		office := n.adminKey()
		n.until(n.send(otpText, member).Results[0].MessageID, sms.Delivered)
		n.forgetSending()
		var party struct{ ID sms.ID }
		customer := n.registry().Application[n.app()].PartyID
		if status := n.as(office, http.MethodPost, "/v1/admin/holds", map[string]any{"party_id": customer, "reference": "court 6", "reason": "evidence in a case"}, &party); status != http.StatusOK {
			n.t.Fatal(status)
		}
		n.until(n.send(otpText, other).Results[0].MessageID, sms.Delivered) // the party goes on
		id := n.ask(office, "delete", member)
		got := n.answer(office, id, map[string]any{"note": "a hold stands"})
		if got.Request.State != privacy.Locked || got.Request.KeepUntil != 0 {
			n.t.Fatalf("%+v", got)
		}
		if rules, _ := n.listDuties(office, "state=open"); slices.Contains(rules, "PRV-09") || slices.Contains(rules, "PRV-08a") {
			n.t.Errorf("%v", rules)
		}
		if r := n.send("【准信示例】您的订单12345已发货。", member).Results[0]; r.Code != sms.SuppressedScope {
			n.t.Errorf("a notice to somebody who is locked: %+v", r)
		}
		if got := n.answer(office, id, map[string]any{"note": "still"}); got.Code != sms.LegalHold {
			n.t.Errorf("%+v", got)
		}
		if status := n.as(office, http.MethodPost, "/v1/admin/holds/"+party.ID.String()+"/release", map[string]any{"reason": "the case is over"}, nil); status != http.StatusOK {
			n.t.Fatal(status)
		}
		_, list := n.listDuties(office, "state=open")
		list = slices.DeleteFunc(list, func(d dutyView) bool { return d.Rule != "PRV-08a" || d.Object != id })
		if len(list) != 1 || list[0].Due < n.Now().AddDate(0, 0, 14).UnixMilli() || list[0].Due > n.Now().Add(17*24*time.Hour).UnixMilli() {
			n.t.Errorf("%+v", list)
		}
		if got := n.answer(office, id, map[string]any{"note": "erased"}); got.Request.State != privacy.Answered {
			n.t.Errorf("%+v", got)
		}
	})
}
