package app

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// signedTC3 is a request of Tencent Cloud's with a body that no SDK makes, signed without the
// product's own code.
func (n *node) signedTC3(k signing, action, body string) *http.Request {
	n.t.Helper()
	r, err := http.NewRequestWithContext(n.t.Context(), http.MethodPost, n.base+"/", strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	now := time.Now().UTC()
	sum := func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
	mac := func(key, s string) string {
		m := hmac.New(sha256.New, []byte(key))
		m.Write([]byte(s))
		return string(m.Sum(nil))
	}
	scope := now.Format(time.DateOnly) + "/sms/tc3_request"
	stamp := fmt.Sprint(now.Unix())
	canonical := "POST\n/\n\ncontent-type:application/json\nhost:" + r.URL.Host + "\n\ncontent-type;host\n" + sum(body)
	key := mac(mac(mac("TC3"+k.Secret, now.Format(time.DateOnly)), "sms"), "tc3_request")
	for name, v := range map[string]string{
		"Content-Type": "application/json", "X-TC-Action": action, "X-TC-Version": "2021-01-11", "X-TC-Timestamp": stamp,
		"Authorization": "TC3-HMAC-SHA256 Credential=" + k.ID + "/" + scope + ", SignedHeaders=content-type;host, Signature=" +
			hex.EncodeToString([]byte(mac(key, "TC3-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+sum(canonical)))),
	} {
		r.Header.Set(name, v)
	}
	return r
}

func (n *node) form(body string) *http.Request {
	n.t.Helper()
	r, err := http.NewRequestWithContext(n.t.Context(), http.MethodPost, n.base+"/", strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// What is too large, too many, badly encoded or said twice is refused in the words of the
// dialect, and the node goes on.
func TestHostileParametersAreRefused(t *testing.T) {
	n := start(t, config.Default())
	k, otp := n.signing("send,read"), n.storyTemplate(sms.OTP)
	const ali, tc = "AccessKeyId=AC1&SignatureVersion=1.0&Action=SendSms", "SecretId=AC1&Action=SendSms"
	many := func(form string) string {
		var b strings.Builder
		for i := range 10_000 {
			fmt.Fprintf(&b, "&X.%d=1", i)
		}
		return form + b.String()
	}
	nonce := 0
	aliyun := func(param string) *http.Request {
		nonce++
		return n.signedV1(k, fmt.Sprint("hostile", nonce), map[string]string{"Action": "SendSms", "PhoneNumbers": member, "SignName": storySignature, "TemplateCode": *aliyunCode(otp.ID), "TemplateParam": param})
	}
	tencent := func(params string) *http.Request {
		return n.signedTC3(k, "SendSms", `{"PhoneNumberSet":["`+member+`"],"TemplateId":"`+short(otp.ID)+`","SignName":"`+storySignature+`","TemplateParamSet":`+params+`}`)
	}
	for what, c := range map[string]struct {
		request *http.Request
		status  int
		want    string
	}{
		"Aliyun: 1 MB":               {n.form(ali + "&PhoneNumbers=" + strings.Repeat("1", 1<<20)), 413, `"isv.INVALID_PARAMETERS"`},
		"Aliyun: 10,000 parameters":  {n.form(many(ali)), 400, `"InvalidParameter"`},
		"Aliyun: twice":              {n.form(ali + "&Action=SendSms"), 400, `stands twice`},
		"Aliyun: bad percent":        {n.form(ali + "&OutId=%zz"), 400, `badly encoded`},
		"Aliyun: no UTF-8":           {n.form(ali + "&OutId=%ff%fe"), 400, `not UTF-8`},
		"Aliyun: half a surrogate":   {aliyun(`{"code":"\ud83d"}`), 200, `"isv.INVALID_JSON_PARAM"`},
		"Aliyun: deep":               {aliyun(strings.Repeat(`{"a":`, 1_000) + "1" + strings.Repeat("}", 1_000)), 200, `"isv.INVALID_JSON_PARAM"`},
		"Aliyun: a name twice":       {aliyun(`{"code":"1234","Code":"4321"}`), 200, `"isv.INVALID_JSON_PARAM"`},
		"Tencent: 1 MB":              {n.form(tc + "&PhoneNumberSet.0=" + strings.Repeat("1", 1<<20)), 200, `"InvalidParameter"`},
		"Tencent: 1 MB of JSON":      {tencent(`["` + strings.Repeat("1", 1<<20) + `"]`), 200, `"InvalidParameter"`},
		"Tencent: 10,000 parameters": {n.form(many(tc)), 200, `"InvalidParameter"`},
		"Tencent: twice":             {n.form(tc + "&Action=SendSms"), 200, `stands twice`},
		"Tencent: bad percent":       {n.form(tc + "&SignName=%zz"), 200, `badly encoded`},
		"Tencent: no UTF-8":          {tencent("[\"\xff\"]"), 200, `not UTF-8`},
		"Tencent: half a surrogate":  {tencent(`["\ud83d"]`), 200, `surrogate`},
		"Tencent: deep":              {tencent(strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)), 200, `nested`},
		"Tencent: a name twice":      {tencent(`["1"],"templateId":"7"`), 200, `stands twice`},
		"Tencent: a zero byte":       {tencent(`["246810"],"SessionContext":"\u0000"`), 200, `zero byte`},
	} {
		t.Run(what, func(t *testing.T) {
			status, body := n.roundTrip(c.request)
			if status != c.status || !strings.Contains(body, c.want) || strings.HasPrefix(what, "Tencent") != strings.HasPrefix(body, `{"Response":{"Error":`) {
				t.Errorf("%d %.300s", status, body)
			}
		})
	}
	long, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.base+"/?"+ali+"&OutId="+strings.Repeat("x", 1<<20), nil)
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := n.roundTrip(long); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("1 MB in the address: %d", status)
	}
	if status, body := n.roundTrip(aliyun(`{"code":"246810"}`)); status != http.StatusOK || !strings.Contains(body, `"OK"`) {
		t.Errorf("afterwards: %d %s", status, body)
	}
}
