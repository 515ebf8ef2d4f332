package app

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/privacy"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

type requestOut struct {
	Request  privacy.Request
	Holdings *struct{ Messages []json.RawMessage }
	Notice   *rulebook.Both
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

// PIPL Art. 46: what is wrong is put right by a new record, narrower and never wider; the person
// is told, what waits is decided anew, and the duty is done.
func TestCorrection(t *testing.T) {
	everywhere(t, func(n *node) {
		office := n.adminKey()
		w := n.wording()
		if p := n.record(w.ID, map[string]any{"per_week": 2}, member); p.Code != "" {
			n.t.Fatalf("%+v", p)
		}
		first := n.person(member).Consents[0]
		customer := n.registry().Application[n.app()].PartyID
		var asked struct {
			ID   sms.ID
			Code sms.Code
		}
		ask := func(claim string) sms.ID {
			asked.ID, asked.Code = 0, ""
			n.as(office, http.MethodPost, "/v1/admin/requests", map[string]any{"kind": "correct", "number": member, "party_id": customer, "claim": claim}, &asked)
			return asked.ID
		}
		if ask(""); asked.Code != sms.BadRequest {
			n.t.Errorf("without a claim: %+v", asked)
		}
		id := ask("one a week was agreed to, not two")
		if rules, _ := n.listDuties(office, "state=open"); !slices.Contains(rules, "PRV-09") {
			n.t.Fatalf("%v", rules)
		}
		for name, c := range map[string]struct {
			correction map[string]any
			code       sms.Code
		}{
			"nothing":             {nil, sms.BadRequest},
			"no consent":          {map[string]any{"per_week": 1}, sms.BadRequest},
			"another's consent":   {map[string]any{"consent_id": "7", "per_week": 1}, sms.NotFound},
			"more than agreed to": {map[string]any{"consent_id": first.ID, "per_week": 3}, sms.BadRequest},
			"as it is":            {map[string]any{"consent_id": first.ID, "per_week": 2}, sms.BadRequest},
			"later":               {map[string]any{"consent_id": first.ID, "expires_at": n.Now().AddDate(9, 0, 0)}, sms.BadRequest},
			"void and limited":    {map[string]any{"consent_id": first.ID, "per_week": 1, "void": true}, sms.BadRequest},
		} {
			body := map[string]any{"note": "checked"}
			if c.correction != nil {
				body["correction"] = c.correction
			}
			if got := n.answer(office, id, body); got.Code != c.code {
				n.t.Errorf("%s: %+v", name, got)
			}
		}
		got := n.answer(office, id, map[string]any{"note": "put to one a week", "correction": map[string]any{"consent_id": first.ID, "per_week": 1, "carrier": "mobile"}})
		if got.Code != "" || got.Request.State != privacy.Answered || got.Notice == nil || !strings.Contains(got.Notice.Zh, "put to one a week") || !strings.Contains(got.Notice.En, id.String()) {
			n.t.Fatalf("%+v", got)
		}
		p := n.person(member)
		if len(p.Consents) != 2 || p.Consents[0].WithdrawnAt == 0 || p.Consents[1].PerWeek != 1 || p.Consents[1].WithdrawnAt != 0 || p.Consents[1].Grade != first.Grade ||
			p.Consents[1].Wording != first.Wording || p.Consents[1].ValidFrom != first.ValidFrom || len(p.Refusals) != 0 {
			n.t.Errorf("%+v", p)
		}
		if rules, _ := n.listDuties(office, "state=open"); slices.Contains(rules, "PRV-09") {
			n.t.Errorf("the duty is still open: %v", rules)
		}
		// The message that leaves now rests on the corrected consent, and its evidence holds.
		sent := n.send(mktText, member).Results[0]
		n.until(sent.MessageID, sms.Delivered)
		n.prove(sent.MessageID, mktText)
		if r := n.send(mktText, member).Results[0]; r.State == sms.Queued {
			n.t.Errorf("more than was agreed to: %+v", r)
		}
		for _, kind := range []string{"consent-correction", "amended", "request"} {
			if len(n.records(kind, id)) == 0 {
				n.t.Errorf("no record %s", kind)
			}
		}
		id = ask("it was never given")
		if got := n.answer(office, id, map[string]any{"note": "ended", "correction": map[string]any{"consent_id": p.Consents[1].ID, "void": true}}); got.Code != "" {
			n.t.Errorf("%+v", got)
		}
		if p := n.person(member); len(p.Consents) != 2 || p.Consents[1].WithdrawnAt == 0 {
			n.t.Errorf("%+v", p)
		}
		var refused struct {
			State  string
			Notice *rulebook.Both
		}
		n.as(office, http.MethodPost, "/v1/admin/requests/"+ask("it is another's").String()+"/refuse", map[string]any{"note": "the form shows otherwise"}, &refused)
		if refused.State != privacy.Refused || refused.Notice == nil || !strings.Contains(refused.Notice.Zh, "第五十条") || !strings.Contains(refused.Notice.En, "the form shows otherwise") {
			n.t.Errorf("%+v", refused)
		}
	})
}
