package app

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

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
	resp := n.request(method, path, []byte(body), headers...)
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
		`{` + to + `}`:                                        {"body", "give text", "body 请给正文 text"},
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
	if limit := sms.ID(n.Config.HTTP.MaxBody).String(); f.Code != sms.BodyTooLarge || f.Field != "body" || !strings.Contains(f.Detail, limit) || !strings.Contains(f.Zh, "须小于 "+limit+" 字节") {
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

type reasoned struct {
	Results []struct {
		To       string
		State    sms.State
		Code     sms.Code
		Findings []struct {
			Code           sms.Code
			Articles       *[]string
			Reason, Remedy struct{ Zh, En string }
		}
	}
}

// Whatever refuses a recipient, its result says first why and what to do, in both languages.
func TestRefusalsHaveReasonAndRemedy(t *testing.T) {
	n := start(t, config.Default())
	var a reasoned
	to := []map[string]string{{"to": ""}, {"to": "abc"}, {"to": "１４２００００００１１"}, {"to": member}, {"to": "+86" + member}, {"to": "14200000001234 and whatever else stands there"}}
	if status := n.do(http.MethodPost, "/v1/messages", map[string]any{"text": otpText, "recipients": to}, &a); status != http.StatusOK || len(a.Results) != len(to) {
		t.Fatalf("%d %+v", status, a)
	}
	past := reasoned{}
	n.do(http.MethodPost, "/v1/messages", map[string]any{"text": otpText, "recipients": []map[string]string{{"to": "14200000002"}}, "not_after": "2020-01-01T00:00:00Z"}, &past)
	want := []struct {
		code sms.Code
		to   string
	}{
		{sms.BadNumber, ""},
		{sms.BadNumber, "abc"},
		{sms.BadNumber, "１４２****００１１"},
		{"", "142****0001"},
		{sms.DuplicateRecipient, "142****0001"},
		{sms.BadNumber, "142*******1234 and whatever else"},
		{sms.NotAfterPassed, "142****0002"},
	}
	for i, r := range append(a.Results, past.Results...) {
		if i == 3 {
			if r.State != sms.Queued {
				t.Errorf("%+v", r)
			}
			continue
		}
		if r.Code != want[i].code || r.To != want[i].to || len(r.Findings) == 0 {
			t.Errorf("%d: %+v", i, r)
			continue
		}
		if f := r.Findings[0]; f.Code != r.Code || f.Articles == nil || f.Reason.Zh == "" || f.Reason.En == "" || f.Remedy.Zh == "" || f.Remedy.En == "" {
			t.Errorf("%d: %+v", i, f)
		}
	}
	if f := a.Results[2].Findings[0]; !strings.Contains(f.Reason.En, "0-9") || !strings.Contains(f.Reason.Zh, "全角") {
		t.Errorf("full-width digits: %+v", f)
	}
}

// What a text holds that can't be sent is named with its place; it is no fault of the node's.
func TestTextFaultsHavePlaces(t *testing.T) {
	var logged bytes.Buffer
	testLogger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelError}))
	t.Cleanup(func() { testLogger = nil })
	n := start(t, config.Default())
	for text, c := range map[string]struct{ en, zh string }{
		`【准信示例】a\u0000b`: {"character 7 (from 0) is the control character", "第 7 个字符（从 0 起）是控制字符"},
		`【准信示例】\ud800`:   {"character 6 is half of a surrogate pair", "第 6 个字符"},
		`【准信示例】\ufffd`:   {"character 6 (from 0) is U+FFFD", "第 6 个字符"},
		`   \u3000`:      {"spaces only", "空白"},
	} {
		f := n.fault(http.MethodPost, "/v1/messages", `{"text":"`+text+`","recipients":[{"to":"`+member+`"}]}`)
		if f.Status != 422 || f.Code != sms.BadText || !strings.Contains(f.Detail, c.en) || !strings.Contains(f.Zh, c.zh) || strings.Contains(f.Title, "valid UTF-8") {
			t.Errorf("%s: %+v", text, f)
		}
	}
	n.stop()
	if strings.Contains(logged.String(), "request") {
		t.Error(logged.String())
	}
}

// What is kept by law is refused as such, with the day, and not as a lack of permission.
func TestErasureWithinTheTerm(t *testing.T) {
	n := start(t, config.Default())
	n.send(otpText, member)
	day := n.Now().Add(n.Config.Keep).Format("2006-01")
	f := n.fault(http.MethodPost, "/v1/people/erase", `{"to":"`+member+`"}`, "Authorization", "Bearer "+n.key)
	if f.Status != http.StatusConflict || f.Code != sms.KeptByLaw || !strings.Contains(f.Detail, day) || !strings.Contains(f.Zh, day) || !strings.Contains(f.Zh, "第四十七条") {
		t.Errorf("%+v", f)
	}
}

// A message is scheduled for 90 days ahead and no later.
func TestSchedulingHasALimit(t *testing.T) {
	n := start(t, config.Default())
	body := func(ahead time.Duration) string {
		return `{"text":"` + otpText + `","recipients":[{"to":"` + member + `"}],"send_at":"` + n.Now().Add(ahead).UTC().Format(time.RFC3339) + `"}`
	}
	if f := n.fault(http.MethodPost, "/v1/messages", body(sms.MaxAhead+time.Hour)); f.Code != sms.SendAtTooFar || f.Field != "send_at" || !strings.Contains(f.Zh, "最晚为") {
		t.Errorf("%+v", f)
	}
	if status, b := n.fetch(http.MethodPost, "/v1/messages", []byte(body(sms.MaxAhead-time.Hour))); status != http.StatusOK {
		t.Errorf("%d %s", status, b)
	}
}

// Addresses of the operator's own network are refused when they are given.
func TestPrivateWebhooksAreRefusedAtOnce(t *testing.T) {
	n := start(t, config.Default())
	for _, host := range []string{"127.0.0.1", "10.0.0.1:8080", "169.254.169.254", "2130706433", "[::1]", "0x7f.1", "0.0.0.0"} {
		f := n.fault(http.MethodPut, "/v1/webhooks/new", `{"url":"http://`+host+`/x"}`)
		if f.Code != sms.BadRequest || f.Field != "body.url" || !strings.Contains(f.Detail, "webhook.private") || !strings.Contains(f.Zh, "webhook.private") {
			t.Errorf("%s: %+v", host, f)
		}
	}
	if status, b := n.fetch(http.MethodPut, "/v1/webhooks/new", []byte(`{"url":"https://93.184.215.14/x"}`)); status != http.StatusOK {
		t.Errorf("%d %s", status, b)
	}
}
