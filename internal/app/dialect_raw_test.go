package app

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Aliyun's signature version 1.0 is of it
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// signedV1 is a request of Aliyun's old kind, made without the product's own code.
func (n *node) signedV1(k signing, nonce string, params map[string]string) *http.Request {
	n.t.Helper()
	all := url.Values{
		"AccessKeyId": {k.ID}, "SignatureMethod": {"HMAC-SHA1"}, "SignatureVersion": {"1.0"}, "SignatureNonce": {nonce},
		"Timestamp": {time.Now().UTC().Format("2006-01-02T15:04:05Z")}, "Version": {"2017-05-25"},
	}
	for name, v := range params {
		all.Set(name, v)
	}
	strict := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	canonical := strings.ReplaceAll(all.Encode(), "+", "%20")
	mac := hmac.New(sha1.New, []byte(k.Secret+"&"))
	mac.Write([]byte("GET&%2F&" + strict(canonical)))
	all.Set("Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	r, err := http.NewRequestWithContext(n.t.Context(), http.MethodGet, n.base+"/?"+all.Encode(), nil)
	if err != nil {
		n.t.Fatal(err)
	}
	return r
}

// Old clients of Aliyun's read XML; what no client knows answers so, and bad requests say why.
func TestAliyunOldClients(t *testing.T) {
	n := start(t, config.Default())
	k := n.signing("send,read")
	otp := n.storyTemplate(sms.OTP)
	send := map[string]string{"Action": "SendSms", "PhoneNumbers": member, "SignName": storySignature, "TemplateCode": *aliyunCode(otp.ID), "TemplateParam": `{"code":"246810"}`}
	with := func(extra ...string) map[string]string {
		out := map[string]string{}
		for name, v := range send {
			out[name] = v
		}
		for i := 0; i < len(extra); i += 2 {
			out[extra[i]] = extra[i+1]
		}
		return out
	}
	many := strings.TrimSuffix(strings.Repeat(member+",", 1001), ",")
	for i, v := range []struct {
		what   string
		params map[string]string
		status int
		want   []string
	}{
		{"XML", with("Format", "XML"), 200, []string{"<SendSmsResponse><Code>OK</Code><Message>OK</Message><RequestId>", "</RequestId><BizId>"}},
		{"XML of a refusal", with("Format", "XML"), 200, []string{"<Code>isv.BUSINESS_LIMIT_CONTROL</Code><Message>触发分钟级流控Permits:1"}},
		{"XML of a failure", with("Format", "XML", "Action", "Nothing"), 404, []string{"<Error><RequestId>", "<Code>InvalidAction.NotFound</Code>"}},
		{"another version", with("Version", "2018-01-01"), 404, []string{`"InvalidAction.NotFound"`}},
		{"an action that is not here", with("Action", "CreateSmartShortUrl"), 404, []string{`"InvalidAction.NotFound"`}},
		{"1,001 numbers", with("PhoneNumbers", many), 200, []string{`"isv.MOBILE_COUNT_OVER_LIMIT"`}},
		{"no number", with("PhoneNumbers", ""), 200, []string{`"isv.INVALID_PARAMETERS"`}},
		{"no template of ours", with("TemplateCode", "SMS_1"), 200, []string{`"isv.SMS_TEMPLATE_ILLEGAL"`}},
		{"no signature of ours", with("SignName", "别家"), 200, []string{`"isv.SMS_SIGNATURE_ILLEGAL"`}},
		{"no object", with("TemplateParam", `[1]`), 200, []string{`"isv.INVALID_JSON_PARAM"`}},
		{"two objects", with("TemplateParam", `{"code":"1234"}{}`), 200, []string{`"isv.INVALID_JSON_PARAM"`}},
		{"a long OutId", with("OutId", strings.Repeat("x", 257)), 200, []string{`"isv.INVALID_PARAMETERS"`}},
		{"a key of nobody", with("AccessKeyId", "AC0"), 404, []string{`"InvalidAccessKeyId.NotFound"`}},
	} {
		status, body := n.roundTrip(n.signedV1(k, string(rune('a'+i)), v.params))
		if status != v.status {
			t.Errorf("%s: %d %s", v.what, status, body)
		}
		for _, want := range v.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s: %s lacks %s", v.what, body, want)
			}
		}
	}
	if resp, err := http.Get(n.base + "/"); err != nil || resp.StatusCode != http.StatusNotFound { //nolint:noctx,bodyclose // a test's
		t.Errorf("unsigned: %v %v", resp, err)
	}
	n.as(n.adminKey(), http.MethodDelete, "/v1/admin/keys/"+k.KeyID.String(), nil, nil)
	if status, body := n.roundTrip(n.signedV1(k, "revoked", send)); status != http.StatusBadRequest || !strings.Contains(body, "InvalidAccessKeyId.Inactive") {
		t.Errorf("a revoked key: %d %s", status, body)
	}
}

// A key makes a request one, whatever its nonce and time; with other contents it is refused.
func TestAliyunIdempotencyKey(t *testing.T) {
	everywhere(t, func(n *node) {
		k := n.signing("send")
		send := func(nonce, code string) (body, replayed string) {
			r := n.signedV1(k, nonce, map[string]string{
				"Action": "SendSms", "PhoneNumbers": member, "SignName": storySignature, "TemplateCode": *aliyunCode(n.storyTemplate(sms.OTP).ID), "TemplateParam": `{"code":"` + code + `"}`,
			})
			r.Header.Set("X-Acs-Idempotency-Key", "order 7")
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				n.t.Fatal(err)
			}
			defer resp.Body.Close() //nolint:errcheck // it is only read
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				n.t.Fatal(err)
			}
			return string(b), resp.Header.Get("X-Idempotent-Replay")
		}
		biz := regexp.MustCompile(`"BizId":"[0-9]+\^0"`)
		first, replayed := send("a", "246810")
		if biz.FindString(first) == "" || replayed != "" {
			n.t.Fatalf("%s %q", first, replayed)
		}
		if again, replayed := send("b", "246810"); biz.FindString(again) != biz.FindString(first) || replayed != "true" {
			n.t.Errorf("%s %q", again, replayed)
		}
		if other, _ := send("c", "135790"); !strings.Contains(other, "isv.INVALID_PARAMETERS") {
			n.t.Errorf("%s", other)
		}
	})
}
