package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// Bad requests get the catalogue's code, in both languages, and say where.
func TestBadRequests(t *testing.T) {
	n := start(t, config.Default())
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprintf(`{"to":"142%08d"}`, i)
	}
	for name, c := range map[string]struct {
		body   string
		status int
		code   sms.Code
		where  string
	}{
		"no JSON":             {`{"text":`, 400, sms.BadRequest, ""},
		"a wrong type":        {`{"text":7,"recipients":[{"to":"14200000001"}]}`, 422, sms.BadRequest, "body.text"},
		"an unknown field":    {`{"txt":"x","recipients":[{"to":"14200000001"}]}`, 422, sms.BadRequest, "body.txt"},
		"no recipients":       {`{"text":"x","recipients":[]}`, 422, sms.BadRequest, "body.recipients"},
		"1,001 recipients":    {`{"text":"x","recipients":[` + strings.Join(many, ",") + `]}`, 422, sms.TooManyRecipients, "body.recipients"},
		"a number of letters": {`{"text":"x","recipients":[{"to":"one two"}]}`, 422, sms.BadNumber, "body.recipients[0].to"},
		"a lone surrogate":    {`{"text":"【准信示例】\ud800","recipients":[{"to":"14200000001"}]}`, 422, sms.BadText, "text"},
		"no text":             {`{"recipients":[{"to":"14200000001"}]}`, 422, sms.BadRequest, "body"},
		"text twice":          {`{"text":"x","signature":"y","recipients":[{"to":"14200000001"}]}`, 422, sms.BadRequest, "body.text"},
		"too long a text":     {`{"text":"` + strings.Repeat("长", 700) + `","recipients":[{"to":"14200000001"}]}`, 422, sms.TextTooLong, "text"},
		"too large a body":    {`{"text":"` + strings.Repeat("a", 2<<20) + `"}`, 413, sms.BodyTooLarge, ""},
		"a foreign template":  {`{"signature":"准信示例","template_id":"7","recipients":[{"to":"14200000001"}]}`, 403, sms.TemplateNotApproved, "body.template_id"},
	} {
		var p struct {
			Status    int
			Code      sms.Code
			Zh, Title string
			Field     string
			Errors    []struct{ Field string }
		}
		raw := n.raw(http.MethodPost, "/v1/messages", []byte(c.body))
		if err := json.Unmarshal(raw, &p); err != nil {
			t.Errorf("%s: %s", name, raw)
			continue
		}
		where := p.Field
		for _, e := range p.Errors {
			where += " " + e.Field
		}
		if p.Code != c.code || p.Zh == "" || p.Title == "" || !strings.Contains(where, c.where) || (p.Status != c.status && !(c.code == sms.BadRequest && p.Status >= 400 && p.Status < 500)) {
			t.Errorf("%s: %s", name, raw)
		}
	}
	// One bad number among good ones has an answer of its own.
	a := answer{}
	n.do(http.MethodPost, "/v1/messages", map[string]any{"text": otpText, "recipients": []map[string]string{{"to": "x"}, {"to": member}}}, &a)
	if len(a.Results) != 2 || a.Results[0].Code != sms.BadNumber || a.Results[1].State != sms.Queued {
		t.Errorf("%+v", a)
	}
}

// Keys are bound to what they were made for.
func TestKeys(t *testing.T) {
	n := start(t, config.Default())
	snap, err := n.Registry(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var app sms.ID
	for id := range snap.Application {
		app = id
	}
	now := n.Now().UnixMilli()
	mine := n.key
	for name, c := range map[string]struct {
		key  registry.APIKey
		code sms.Code
	}{
		"expired":      {registry.APIKey{Scopes: "send,read", ExpiresAt: now - 1}, sms.KeyExpired},
		"revoked":      {registry.APIKey{Scopes: "send,read", RevokedAt: now - 1}, sms.KeyExpired},
		"elsewhere":    {registry.APIKey{Scopes: "send,read", Allow: "192.0.2.0/24"}, sms.AddressNotAllowed},
		"other scope":  {registry.APIKey{Scopes: "consent"}, sms.Forbidden},
		"not operator": {registry.APIKey{Scopes: "admin,read"}, ""},
	} {
		shown, hash := vault.NewAPIKey()
		c.key.ID, c.key.ApplicationID, c.key.Hash = n.IDs.Next(), app, hash[:]
		if err := n.DB.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return tx.Put(ctx, c.key) }); err != nil {
			t.Fatal(err)
		}
		n.key = shown
		var p struct{ Code sms.Code }
		if n.do(http.MethodGet, "/v1/balance", nil, &p); p.Code != c.code {
			t.Errorf("%s: %s", name, p.Code)
		}
		if name == "not operator" {
			if n.do(http.MethodPut, "/v1/admin/prices/1", registry.Price{Category: sms.OTP, Carrier: sms.Mobile}, &p); p.Code != sms.Forbidden {
				t.Errorf("a customer's key with the scope admin: %s", p.Code)
			}
		}
	}
	n.key = "zx_wrong"
	var p struct{ Code sms.Code }
	if n.do(http.MethodGet, "/v1/balance", nil, &p); p.Code != sms.Unauthenticated {
		t.Errorf("a wrong key: %s", p.Code)
	}
	n.key = mine
}

func TestIdempotencyDryRunAndCancel(t *testing.T) {
	n := start(t, config.Default())
	body := map[string]any{"text": otpText, "recipients": []map[string]string{{"to": member}}}
	var tried, first, again, other answer
	body["dry_run"] = true
	if n.do(http.MethodPost, "/v1/messages", body, &tried); tried.Results[0].State != sms.Queued || tried.Results[0].MessageID != 0 {
		t.Errorf("%+v", tried)
	}
	delete(body, "dry_run")
	n.do(http.MethodPost, "/v1/messages", body, &first, "Idempotency-Key", "k1")
	n.do(http.MethodPost, "/v1/messages", body, &again, "Idempotency-Key", "k1")
	if first.Results[0].State != sms.Queued || again.Results[0].MessageID != first.Results[0].MessageID {
		t.Errorf("the trial counted, or a repetition was new: %+v %+v", first, again)
	}
	body["text"] = mktText
	if status := n.do(http.MethodPost, "/v1/messages", body, &other, "Idempotency-Key", "k1"); status != http.StatusConflict || other.Code != sms.IdempotencyKey {
		t.Errorf("%d %+v", status, other)
	}
	later := map[string]any{"text": otpText, "recipients": []map[string]string{{"to": "14200000077"}}, "send_at": n.Now().Add(time.Hour), "category": "OTP"}
	var planned answer
	n.do(http.MethodPost, "/v1/messages", later, &planned)
	id := planned.Results[0].MessageID.String()
	var m messageView
	if status := n.do(http.MethodDelete, "/v1/messages/"+id, nil, &m); status != http.StatusOK || m.State != sms.Cancelled {
		t.Errorf("%d %+v %+v", status, m, planned)
	}
	if status := n.do(http.MethodDelete, "/v1/messages/"+id, nil, &other); status != http.StatusConflict || other.Code != sms.MessageNotWaiting {
		t.Errorf("cancelled twice: %d %+v", status, other)
	}
	var b struct{ Held string }
	n.until(first.Results[0].MessageID, sms.Delivered)
	if n.do(http.MethodGet, "/v1/balance", nil, &b); b.Held != "0.00" {
		t.Errorf("held %s", b.Held)
	}
}

// The reference and the description are made of the same code and need no network.
func TestReferencePage(t *testing.T) {
	n := start(t, config.Default())
	page := string(n.raw(http.MethodGet, "/docs", nil))
	for _, want := range []string{"/v1/messages", "Idempotency-Key", "CONSENT_MISSING", "没有该号码对本内容提供者的有效同意"} {
		if !strings.Contains(page, want) {
			t.Errorf("/docs lacks %s", want)
		}
	}
	if strings.Contains(page, "http://") || strings.Contains(page, "https://") || strings.Contains(page, "<script") {
		t.Error("/docs loads something from elsewhere")
	}
	var spec struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]any
	}
	if err := json.Unmarshal(n.raw(http.MethodGet, "/openapi.json", nil), &spec); err != nil || !strings.HasPrefix(spec.OpenAPI, "3.1") || len(spec.Paths) < 20 {
		t.Errorf("%s, %d paths, %v", spec.OpenAPI, len(spec.Paths), err)
	}
}

// From an empty folder: the one-time token makes the operator, the administrator
// makes the whole chain by the API, and the customer's first code is delivered.
func TestOperatorSetsEverythingUp(t *testing.T) {
	n := bare(t)
	var key struct {
		Key           string
		PartyID       sms.ID `json:"party_id"`
		ApplicationID sms.ID `json:"application_id"`
	}
	token, err := n.setupToken(t.Context())
	if err != nil || token == "" {
		t.Fatal(token, err)
	}
	setup := map[string]any{"token": "wrong", "name": "示例运营商", "uscc": "91110000000000001A"}
	var p struct{ Code sms.Code }
	if n.do(http.MethodPost, "/v1/setup", setup, &p); p.Code != sms.Unauthenticated {
		t.Fatalf("a wrong token: %s", p.Code)
	}
	setup["token"] = token
	if status := n.do(http.MethodPost, "/v1/setup", setup, &key); status != http.StatusOK {
		t.Fatal(status)
	}
	if n.do(http.MethodPost, "/v1/setup", setup, &p); p.Code != sms.Unauthenticated {
		t.Errorf("the token works twice: %s", p.Code)
	}
	n.key = key.Key
	valid := n.period()
	put := func(kind string, body map[string]any) sms.ID { return n.put(kind, "new", body) }
	with := func(body map[string]any) map[string]any {
		body["valid_from"], body["valid_to"] = valid.From, valid.To
		return body
	}
	text := func(id sms.ID) string { return id.String() }
	operator, customerCode := text(key.PartyID), "91110000000000003C"
	_, reviewer := n.staffKey("reviewer")
	reviewed := func(kind string, id sms.ID, version string) string { // by another person
		if got := n.verdict(reviewer, kind+"/"+text(id)+version, "approve"); got.State != "approved" {
			t.Fatalf("%s: %+v", kind, got)
		}
		return text(id)
	}
	reviewed("licences", put("licences", with(map[string]any{"party_id": operator, "number": "B2-1", "uscc": "91110000000000001A", "scope": "B25", "provinces": "*", "state": "active"})), "")
	party := map[string]any{"kind": "customer", "parent_id": operator, "name": "示例商城", "uscc": customerCode, "entity_type": "company", "state": "active"}
	customer := text(put("parties", party))
	account := text(put("accounts", map[string]any{"party_id": customer, "state": "active"}))
	n.put("prices", account, map[string]any{"category": "OTP", "carrier": "mobile", "unit_price": 50000})
	code := text(n.granted(reviewer, "access-codes", with(map[string]any{"party_id": operator, "carrier": "mobile", "code": storyCode, "approval": "A1", "max_length": 20, "approved_use": "platform", "state": "active"})))
	contract := text(n.granted(reviewer, "contracts", with(map[string]any{"party_id": customer, "counterparty_id": operator, "number": "C1", "charge_on": "submission", "state": "active"})))
	n.identify(n.key, n.put("parties", customer, party), "11010519491231002X")
	reviewed("parties", n.put("parties", customer, party), "")
	signature := reviewed("signatures", put("signatures", map[string]any{"party_id": customer, "text": "示例商城", "source": "company_full", "qualification_id": "77", "unique_name": true, "state": "review"}), "")
	n.put("filings", signature, map[string]any{"carrier": "mobile", "state": "submitted"})
	var filed struct{ State string }
	if n.as(reviewer, http.MethodPut, "/v1/admin/filings/"+signature, with(map[string]any{"carrier": "mobile", "state": "approved"}), &filed); filed.State != "approved" {
		t.Fatalf("%+v", filed)
	}
	n.granted(reviewer, "subcodes", map[string]any{"access_code_id": code, "digits": "01", "party_id": customer, "signature_id": signature, "qualification_id": "77", "contract_id": contract, "state": "active"})
	template := text(put("templates", map[string]any{"party_id": customer, "category": "OTP", "name": "code", "state": "active"}))
	reviewed("template-versions", n.put("template-versions", template, with(map[string]any{"version": 1, "body": otpBody, "state": "review"})), "/1")
	n.put("template-filings", template, with(map[string]any{"version": 1, "carrier": "mobile", "state": "approved"}))
	app := text(put("applications", map[string]any{"party_id": customer, "account_id": account, "name": "shop", "state": "active"}))
	put("channels", map[string]any{
		"name": "mobile-1", "carrier": "mobile", "protocol": "cmpp30", "access_code_id": code, "address": n.carrier.Addr().String(), "login": simLogin,
		"secret": simSecret, "sessions": 1, "window": 16, "state": "active",
	})
	if status := n.do(http.MethodPost, "/v1/admin/ledger", map[string]any{"account_id": account, "kind": "topup", "amount": 1000000, "reference": "receipt 1", "method": "transfer"}, nil); status != http.StatusOK {
		t.Fatal(status)
	}
	if raw := n.raw(http.MethodPut, "/v1/admin/template-versions/"+template, mustJSON(t, with(map[string]any{"version": 2, "body": "${bad", "state": "review"}))); !strings.Contains(string(raw), "BAD_REQUEST") {
		t.Errorf("a template that does not compile: %s", raw)
	}
	var shop struct{ Key string }
	n.do(http.MethodPost, "/v1/admin/keys", map[string]any{"application_id": app, "scopes": "send,read"}, &shop)
	admin := n.key
	n.key = shop.Key
	id := n.send(strings.Replace(otpText, storySignature, "示例商城", 1), member).Results[0]
	if id.State != sms.Queued {
		t.Fatalf("%+v", id)
	}
	n.until(id.MessageID, sms.Delivered)
	n.key = admin
	var channels struct{ Channels []struct{ Sessions int } }
	if n.do(http.MethodGet, "/v1/admin/channels", nil, &channels); len(channels.Channels) != 1 || channels.Channels[0].Sessions != 1 {
		t.Errorf("%+v", channels)
	}
}

// put stores an object as the administrator.
func (n *node) put(kind, id string, body map[string]any) sms.ID {
	n.t.Helper()
	raw := n.raw(http.MethodPut, "/v1/admin/"+kind+"/"+id, mustJSON(n.t, body))
	var out struct {
		ID   sms.ID   `json:"id"`
		Code sms.Code `json:"title"`
	}
	if err := json.Unmarshal(raw, &out); err != nil || out.Code != "" {
		n.t.Fatalf("%s: %s", kind, raw)
	}
	return out.ID
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A key is remembered for its time, and no longer.
func TestIdempotencyKeysAreForgotten(t *testing.T) {
	n := start(t, config.Default())
	body := map[string]any{"text": otpText, "recipients": []map[string]string{{"to": member}}}
	var first, again answer
	n.do(http.MethodPost, "/v1/messages", body, &first, "Idempotency-Key", "k")
	if err := n.forgetKeys(t.Context(), n.Now().UnixMilli()); err != nil {
		t.Fatal(err)
	}
	n.do(http.MethodPost, "/v1/messages", body, &again, "Idempotency-Key", "k")
	if again.Results[0].MessageID != first.Results[0].MessageID {
		t.Error("the key was forgotten at once")
	}
	if err := n.forgetKeys(t.Context(), n.Now().Add(25*time.Hour).UnixMilli()); err != nil {
		t.Fatal(err)
	}
	n.do(http.MethodPost, "/v1/messages", body, &again, "Idempotency-Key", "k")
	if again.Results[0].MessageID == first.Results[0].MessageID {
		t.Error("the key is remembered for ever")
	}
}

// What waits for a channel that is frozen does not wait for ever: the gate says anew
// what becomes of it, and its money is free.
func TestFrozenChannelEndsWhatWaits(t *testing.T) {
	n := start(t, config.Default())
	slow := n.carrier.Behaviour()
	slow.Latency.Fixed = 3_600_000_000_000
	if err := n.carrier.SetBehaviour(slow); err != nil {
		t.Fatal(err)
	}
	for i := range 50 { // the windows take 32
		n.send(otpText, fmt.Sprint(14200004000+i))
	}
	snap, err := n.Registry(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	frozen := *snap.Channels[0]
	frozen.State = registry.Frozen
	if err := n.DB.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return tx.Put(ctx, frozen) }); err != nil {
		t.Fatal(err)
	}
	if err := n.timeouts(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.allIn(sms.Refused, 18)
	if err := n.carrier.Disconnect(simLogin); err != nil {
		t.Fatal(err)
	}
	n.allIn(sms.InDoubt, 32)
	var b struct{ Held string }
	if n.do(http.MethodGet, "/v1/balance", nil, &b); b.Held != "1.60" {
		t.Errorf("held %s, which is not that of the 32 in doubt", b.Held)
	}
}
