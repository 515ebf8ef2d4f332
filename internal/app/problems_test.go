package app

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// fault is a problem document as a customer's program reads it.
type fault struct {
	Status                   int
	Code                     sms.Code
	Title, Zh, Detail, Field string
	Type, Allow              string `json:"-"`
}

// fault calls the API and reads the problem that it answers.
func (n *node) fault(method, path, body string, headers ...string) (f fault) {
	n.t.Helper()
	req, err := http.NewRequestWithContext(n.t.Context(), method, n.base+path, bytes.NewReader([]byte(body)))
	if err != nil {
		n.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+n.key)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	f.Type, f.Allow = resp.Header.Get("Content-Type"), resp.Header.Get("Allow")
	if err := json.NewDecoder(resp.Body).Decode(&f); err != nil && f.Type == "application/problem+json" {
		n.t.Errorf("%s %s: %v", method, path, err)
	}
	if f.Type == "application/problem+json" && (f.Status != resp.StatusCode || f.Title == "" || f.Zh == "") {
		n.t.Errorf("%s %s: %d %+v", method, path, resp.StatusCode, f)
	}
	return f
}

// Whatever stands under /v1 and /evidence answers errors as problems, also where nothing is.
func TestEveryErrorIsAProblem(t *testing.T) {
	n := start(t, config.Default())
	for _, c := range []struct {
		method, path string
		status       int
		code         sms.Code
		allow        string
	}{
		{http.MethodGet, "/v1/nothing", 404, sms.NotFound, ""},
		{http.MethodPost, "/v1/", 404, sms.NotFound, ""},
		{http.MethodPatch, "/v1/messages", 405, sms.MethodNotAllowed, "GET, HEAD, POST"},
		{http.MethodPost, "/v1/messages/7", 405, sms.MethodNotAllowed, "DELETE, GET, HEAD"},
		{http.MethodGet, "/evidence/nothing", 404, sms.NotFound, ""},
		{http.MethodGet, "/evidence/tile/x", 404, sms.NotFound, ""},
		{http.MethodDelete, "/evidence/key", 405, sms.MethodNotAllowed, "GET, HEAD"},
		{http.MethodPost, "/evidence/cosignatures", 400, sms.BadRequest, ""},
	} {
		f := n.fault(c.method, c.path, "x")
		if f.Type != "application/problem+json" || f.Status != c.status || f.Code != c.code || f.Allow != c.allow || f.Detail == "" {
			t.Errorf("%s %s: %+v", c.method, c.path, f)
		}
	}
	if f := n.fault(http.MethodPost, "/v1/Consents/Bulk", ""); f.Type == "application/problem+json" {
		t.Errorf("Twilio's clients get a problem of ours: %+v", f)
	}
}

// The scheme's name has no case (RFC 9110 §11.1).
func TestBearerInAnyCase(t *testing.T) {
	n := start(t, config.Default())
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER  "} {
		if status, b := n.fetch(http.MethodGet, "/v1/balance", nil, "Authorization", scheme+n.key); status != http.StatusOK {
			t.Errorf("%s: %d %s", scheme, status, b)
		}
	}
	for _, wrong := range []string{"Basic " + n.key, n.key, "Bearer" + n.key} {
		if status, _ := n.fetch(http.MethodGet, "/v1/balance", nil, "Authorization", wrong); status != http.StatusUnauthorized {
			t.Errorf("%.8s: %d", wrong, status)
		}
	}
}

// A cursor of 0 is the beginning, wherever one is taken.
func TestCursorOfZero(t *testing.T) {
	n := start(t, config.Default())
	n.send(otpText, member)
	var hook struct{ ID sms.ID }
	n.do(http.MethodPut, "/v1/webhooks/new", map[string]any{"url": "https://example.com/"}, &hook)
	replay := "/v1/webhooks/" + hook.ID.String() + "/replay"
	if status, b := n.fetch(http.MethodPost, replay, []byte(`{"after":"0","up_to":"0"}`)); status != http.StatusOK {
		t.Errorf("%d %s", status, b)
	}
	if f := n.fault(http.MethodPost, replay, `{"after":"99","up_to":"5"}`); f.Code != sms.BadRequest || f.Field != "body.up_to" || !strings.Contains(f.Zh, "99") {
		t.Errorf("a replay of nothing: %+v", f)
	}
	for _, path := range []string{"/v1/events?after=0", "/v1/ledger?after=0", "/v1/messages?before=0", "/v1/webhooks/" + hook.ID.String() + "/deliveries?before=0"} {
		if status, b := n.fetch(http.MethodGet, path, nil); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, b)
		}
	}
	for _, path := range []string{"/v1/events?after=-1", "/v1/messages?before=x"} {
		if f := n.fault(http.MethodGet, path, ""); f.Code != sms.BadRequest || !strings.HasPrefix(f.Field, "query.") {
			t.Errorf("%s: %+v", path, f)
		}
	}
}

// A body that two readers could read in two ways sends nothing.
func TestJSONIsReadInOneWay(t *testing.T) {
	n := start(t, config.Default())
	for body, where := range map[string]string{
		`{"text":"` + otpText + `","recipients":[{"to":"14200000001"}],"dry_run":true,"dry_run":false}`: "body.dry_run",
		`{"Text":"` + otpText + `","recipients":[{"to":"14200000001"}]}`:                                "body.Text",
		`{"text":"` + otpText + `","recipients":[{"to":"14200000001","To":"14200000002"}]}`:             "body.recipients[0].To",
		`{"text":"` + otpText + `","recipients":[{"to":"14200000001","to":"14200000002"}]}`:             "body.recipients[0].to",
	} {
		f := n.fault(http.MethodPost, "/v1/messages", body)
		if f.Code != sms.BadRequest || f.Field != where || !strings.Contains(f.Detail, where) || !strings.Contains(f.Zh, where) {
			t.Errorf("%s: %+v", body, f)
		}
	}
	var list struct{ Messages []any }
	if n.do(http.MethodGet, "/v1/messages", nil, &list); len(list.Messages) != 0 {
		t.Errorf("%d messages were taken", len(list.Messages))
	}
}

// What is wrong, where, and how to mend it stands in both languages.
func TestProblemsSayWhereInChinese(t *testing.T) {
	n := start(t, config.Default())
	to := `"recipients":[{"to":"14200000001"}]`
	for body, c := range map[string]struct{ field, detail, zh string }{
		`{"text":7,` + to + `}`:                               {"body.text", "expected string", "body.text 应为文本"},
		`{"text":"x","dry_run":1,` + to + `}`:                 {"body.dry_run", "expected boolean", "body.dry_run 应为布尔值"},
		`{"text":"x"}`:                                        {"body.recipients", "required", "body.recipients 为必填"},
		`{"text":"x","recipients":[{"ref":"r"}]}`:             {"body.recipients[0].to", "required", "body.recipients[0].to 为必填"},
		`{"text":"x","recipients":[]}`:                        {"body.recipients", "array length >= 1", "至少 1 项"},
		`{"text":"x","extension":"x",` + to + `}`:             {"body.extension", "pattern", "正则表达式 ^[0-9]*$"},
		`{"text":"x","extension":"1234567890123",` + to + `}`: {"body.extension", "length <= 12", "至多 12 个字符"},
		`{"text":"x","category":"SPAM",` + to + `}`:           {"body.category", "OTP", "应为以下之一"},
		`{"text":"x","send_at":"soon",` + to + `}`:            {"body.send_at", "RFC 3339", "RFC 3339 时间"},
		`{"text":"x","more":1,` + to + `}`:                    {"body.more", "unexpected", "body.more 不是接口定义的字段"},
		`{"text":"x"`:                                         {"body", "JSON", "不是完整的 JSON"},
		`{"text":"x",}`:                                       {"body", "invalid", "不是有效的 JSON"},
	} {
		f := n.fault(http.MethodPost, "/v1/messages", body)
		if f.Code != sms.BadRequest || f.Field != c.field || !strings.Contains(f.Detail, c.detail) || !strings.Contains(f.Zh, c.zh) {
			t.Errorf("%s: %+v", body, f)
		}
	}
	if f := n.fault(http.MethodGet, "/v1/events?limit=x", ""); f.Field != "query.limit" || !strings.Contains(f.Zh, "应为整数") {
		t.Errorf("%+v", f)
	}
	f := n.fault(http.MethodPost, "/v1/messages", `{"text":"`+strings.Repeat("a", n.Config.HTTP.MaxBody)+`"}`)
	if limit := sms.ID(n.Config.HTTP.MaxBody).String(); f.Code != sms.BodyTooLarge || !strings.Contains(f.Detail, limit) || !strings.Contains(f.Zh, limit) {
		t.Errorf("%+v", f)
	}
}

// The description offers what the server takes, and a foreign type is told what to be.
func TestBodiesAreJSON(t *testing.T) {
	n := start(t, config.Default())
	var spec struct {
		Paths map[string]map[string]struct {
			RequestBody struct{ Content map[string]any } `json:"requestBody"`
		}
	}
	if err := json.Unmarshal(n.raw(http.MethodGet, "/openapi.json", nil), &spec); err != nil {
		t.Fatal(err)
	}
	var types []string
	for kind := range spec.Paths["/v1/messages"]["post"].RequestBody.Content {
		types = append(types, kind)
	}
	if !slices.Equal(types, []string{"application/json"}) {
		t.Errorf("%v", types)
	}
	f := n.fault(http.MethodPost, "/v1/messages", `{}`, "Content-Type", "text/plain")
	if f.Status != http.StatusUnsupportedMediaType || f.Field != "Content-Type" || !strings.Contains(f.Detail, "application/json") || !strings.Contains(f.Zh, "application/json") {
		t.Errorf("%+v", f)
	}
}
