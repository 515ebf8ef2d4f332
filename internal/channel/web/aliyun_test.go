package web

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// percentEncoded is RFC 3986 encoding of all but the unreserved.
func percentEncoded(s string) string {
	return strings.NewReplacer("+", "%20", "%7E", "~").Replace(url.QueryEscape(s))
}

// verifyACS3 checks a signature as Aliyun's documentation of ACS3-HMAC-SHA256 has it
// (V3版本请求体&签名机制), with the standard library alone.
func verifyACS3(t *testing.T, r *http.Request, body []byte) {
	t.Helper()
	auth, ok := strings.CutPrefix(r.Header.Get("Authorization"), "ACS3-HMAC-SHA256 ")
	fields := map[string]string{}
	for f := range strings.SplitSeq(auth, ",") {
		name, value, _ := strings.Cut(f, "=")
		fields[name] = value
	}
	if !ok || fields["Credential"] != cloudLogin {
		t.Errorf("Authorization is %q", r.Header.Get("Authorization"))
	}
	hash := sum(body)
	if h := r.Header.Get("x-acs-content-sha256"); h != hash {
		t.Errorf("the body's hash is %s, not %s", hash, h)
	}
	signed := strings.Split(fields["SignedHeaders"], ";")
	for _, need := range []string{"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"} {
		if !slices.Contains(signed, need) {
			t.Errorf("%s is not signed: %v", need, signed)
		}
	}
	if at, err := time.Parse(time.RFC3339, r.Header.Get("x-acs-date")); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("x-acs-date is %s: %v", r.Header.Get("x-acs-date"), err)
	}
	if v := r.Header.Get("x-acs-version"); v != "2017-05-25" {
		t.Errorf("x-acs-version is %s", v)
	}
	var query []string
	values := r.URL.Query()
	for _, k := range slices.Sorted(maps.Keys(values)) {
		query = append(query, percentEncoded(k)+"="+percentEncoded(values.Get(k)))
	}
	var headers strings.Builder
	for _, name := range signed {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	canonical := strings.Join([]string{r.Method, r.URL.Path, strings.Join(query, "&"), headers.String(), fields["SignedHeaders"], hash}, "\n")
	want := hex.EncodeToString(seal([]byte(cloudSecret), "ACS3-HMAC-SHA256\n"+sum([]byte(canonical))))
	if fields["Signature"] != want {
		t.Errorf("the signature is %s, not %s, of\n%s", fields["Signature"], want, canonical)
	}
}

func aliyun(t *testing.T, h func(http.ResponseWriter, *http.Request, []byte)) *Aliyun {
	t.Helper()
	api, _ := clouds[0].serve(t, h)
	return api.(*Aliyun)
}

func TestAliyunIsAsked(t *testing.T) {
	t.Parallel()
	abroad, err := sms.ParseMSISDN("+85251230000")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Message)
		want   map[string]string
	}{
		"all": {func(*Message) {}, map[string]string{
			"PhoneNumbers": cloudNumber, "SignName": "准信", "TemplateCode": "SMS_154950909", "TemplateParam": `{"code":"123456","minutes":"5"}`,
			"SmsUpExtendCode": "0042", "OutId": "7288450173042",
		}},
		"no variables and no extension": {func(m *Message) { m.Names, m.Values, m.Extension = nil, nil, "" }, map[string]string{
			"PhoneNumbers": cloudNumber, "SignName": "准信", "TemplateCode": "SMS_154950909", "OutId": "7288450173042",
		}},
		"abroad, and values that need care": {func(m *Message) {
			m.Number, m.Text = abroad, `【A+B ~*】"x" & <y> + z 一`
			m.Names, m.Values = []string{"a"}, []string{`"x" & <y> + z*~ 一`}
		}, map[string]string{
			"PhoneNumbers": "85251230000", "SignName": "A+B ~*", "TemplateCode": "SMS_154950909", "TemplateParam": `{"a":"\"x\" & <y> + z*~ 一"}`,
			"SmsUpExtendCode": "0042", "OutId": "7288450173042",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := aliyun(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
				have := map[string]string{}
				for k, v := range r.URL.Query() {
					have[k] = strings.Join(v, "|")
				}
				if r.Method != http.MethodPost || r.URL.Path != "/" || r.Header.Get("x-acs-action") != "SendSms" || len(body) != 0 || !maps.Equal(have, c.want) {
					t.Errorf("%s %s %s %q: %q, not %q", r.Method, r.URL.Path, r.Header.Get("x-acs-action"), body, have, c.want)
				}
				says(200, `{"Code":"OK","Message":"OK","BizId":"900619746936498440^0","RequestId":"F655A8D5"}`)(w, r, body)
			})
			m := cloudMessage(t)
			m.Template, m.Names = "SMS_154950909", []string{"code", "minutes"}
			c.change(m)
			answer, err := a.Send(t.Context(), m)
			if want := (Answer{Verdict: Accepted, ID: "900619746936498440^0", Code: "OK"}); answer != want || err != nil {
				t.Errorf("%+v, %v", answer, err)
			}
		})
	}
}

func TestAliyunAnswers(t *testing.T) {
	t.Parallel()
	business := func(code string, headers ...string) func(http.ResponseWriter, *http.Request, []byte) {
		return says(200, `{"Code":"`+code+`","Message":"`+cloudNumber+` 您","RequestId":"F655A8D5"}`, headers...)
	}
	gateway := func(status int, code string, headers ...string) func(http.ResponseWriter, *http.Request, []byte) {
		return says(status, `{"Code":"`+code+`","Message":"`+cloudNumber+` 您","Recommend":"https://help.example/`+cloudNumber+`","RequestId":"F655A8D5","HostId":"x"}`, headers...)
	}
	only := func(v Verdict, code string) Answer { return Answer{Verdict: v, Code: code} }
	slow := func(code string, wait time.Duration) Answer {
		return Answer{Verdict: NotNow, Code: code, Wait: wait}
	}
	clouds[0].check(t, map[string]wants{
		"taken without an id":    {business("OK"), only(Unclear, "OK"), "id of 0 bytes"},
		"taken under a long id":  {says(200, `{"Code":"OK","BizId":"`+strings.Repeat("9", 65)+`"}`), only(Unclear, "OK"), "id of 65 bytes"},
		"taken under a bad id":   {says(200, `{"Code":"OK","BizId":"1\u0000"}`), only(Unclear, "OK"), "printable"},
		"a number as id":         {says(200, `{"Code":"OK","BizId":9006}`), Answer{Verdict: Accepted, ID: "9006", Code: "OK"}, ""},
		"OK with another status": {says(400, `{"Code":"OK","BizId":"1^0"}`), only(Unclear, "OK"), ""},

		"per number":          {business("isv.BUSINESS_LIMIT_CONTROL"), only(Refused, "isv.BUSINESS_LIMIT_CONTROL"), ""},
		"bad number":          {business("isv.MOBILE_NUMBER_ILLEGAL"), only(Refused, "isv.MOBILE_NUMBER_ILLEGAL"), ""},
		"no money":            {business("isv.AMOUNT_NOT_ENOUGH"), only(NotNow, "isv.AMOUNT_NOT_ENOUGH"), ""},
		"no permission":       {business("isp.RAM_PERMISSION_DENY"), only(NotNow, "isp.RAM_PERMISSION_DENY"), ""},
		"per day":             {business("isv.DAY_LIMIT_CONTROL"), only(NotNow, "isv.DAY_LIMIT_CONTROL"), ""},
		"unknown key":         {gateway(404, "InvalidAccessKeyId.NotFound"), only(NotNow, "InvalidAccessKeyId.NotFound"), ""},
		"wrong key":           {gateway(400, "SignatureDoesNotMatch"), only(NotNow, "SignatureDoesNotMatch"), ""},
		"wrong clock":         {gateway(400, "InvalidTimeStamp.Expired"), only(NotNow, "InvalidTimeStamp.Expired"), ""},
		"forbidden":           {gateway(403, "Forbidden.RAM"), only(NotNow, "Forbidden.RAM"), ""},
		"a long code":         {gateway(400, strings.Repeat("X", 70)), only(Refused, strings.Repeat("X", 64)), ""},
		"system error":        {business("isp.SYSTEM_ERROR"), only(Unclear, "isp.SYSTEM_ERROR"), ""},
		"gateway error":       {business("isp.GATEWAY_ERROR"), only(Unclear, "isp.GATEWAY_ERROR"), ""},
		"internal error":      {gateway(500, "InternalError"), only(Unclear, "InternalError"), ""},
		"its own 400":         {gateway(400, "InternalError"), only(Unclear, "InternalError"), ""},
		"unavailable":         {gateway(503, "ServiceUnavailable"), only(Unclear, "ServiceUnavailable"), ""},
		"anything with 5xx":   {gateway(502, "isv.ACCOUNT_ABNORMAL"), only(Unclear, "isv.ACCOUNT_ABNORMAL"), ""},
		"timeout behind it":   {gateway(504, "ServiceTimeout"), only(Unclear, "ServiceTimeout"), ""},
		"request timeout":     {gateway(408, "RequestTimedOut"), only(Unclear, "RequestTimedOut"), ""},
		"seen before":         {gateway(400, "SignatureNonceUsed"), only(Unclear, "SignatureNonceUsed"), ""},
		"JSON said to be XML": {gateway(403, "Forbidden.RAM", "Content-Type", "text/xml;charset=utf-8"), only(NotNow, "Forbidden.RAM"), ""},
		"a code that is none": {business(cloudNumber + " 您"), Answer{}, "status 200"},
		"an object as code":   {says(200, `{"Code":{"a":"`+cloudNumber+`"},"BizId":"1"}`), Answer{}, "status 200"},
		"a list as code":      {says(400, `{"Code":["`+cloudNumber+` "]}`), Answer{}, "status 400"},

		"too fast":                     {gateway(400, "Throttling"), slow("Throttling", 0), ""},
		"too fast, with 503":           {gateway(503, "Throttling.Api"), slow("Throttling.Api", 0), ""},
		"too fast, as an answer":       {business("Throttling.User"), slow("Throttling.User", 0), ""},
		"too fast, by a wider name":    {gateway(400, "Throttling.Other"), slow("Throttling.Other", 0), ""},
		"429":                          {gateway(429, "FlowLimit"), slow("FlowLimit", 0), ""},
		"429 alone":                    {says(429, "{}"), slow("", 0), ""},
		"too fast, wait":               {gateway(400, "Throttling.User", "x-ratelimit-user-api", "Limit:1,Remain:0,TimeLeft:1234"), slow("Throttling.User", 1234*time.Millisecond), ""},
		"too fast, wait, as an answer": {business("Throttling.User", "x-ratelimit-user", "TimeLeft:50"), slow("Throttling.User", 50*time.Millisecond), ""},
		"too fast, wait for ever":      {gateway(400, "Throttling", "x-ratelimit-user", "TimeLeft:9223372036854775807"), slow("Throttling", time.Minute), ""},
		"too fast, wait backwards":     {gateway(400, "Throttling", "x-ratelimit-user", "TimeLeft:-9"), slow("Throttling", 0), ""},
		"too fast, wait unreadable":    {gateway(400, "Throttling", "x-ratelimit-user", "TimeLeft:soon"), slow("Throttling", 0), ""},
	})
}

func TestAliyunWordings(t *testing.T) {
	t.Parallel()
	var asked []string
	a := aliyun(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		code := r.URL.Query().Get("TemplateCode")
		asked = append(asked, r.Header.Get("x-acs-action")+" "+code)
		answer := map[string]any{"Code": "OK", "RequestId": "F655A8D5", "TemplateContent": "您的验证码是${code}", "TemplateStatus": code[4:]}
		switch code {
		case "SMS_none":
			answer = map[string]any{"Code": "isv.SMS_TEMPLATE_ILLEGAL", "RequestId": "F655A8D5"}
		case "SMS_number":
			answer["TemplateStatus"] = 1
		case "SMS_fail":
			answer = map[string]any{"Code": "Throttling.User", "RequestId": "F655A8D5", "Message": cloudNumber}
		}
		b, err := json.Marshal(answer)
		if err != nil {
			t.Error(err)
		}
		says(200, string(b))(w, r, body)
	})
	codes := []string{"SMS_0", "SMS_1", "SMS_2", "SMS_10", "SMS_AUDIT_STATE_PASS", "SMS_7", "SMS_none", "SMS_number"}
	want := map[string]Wording{}
	for code, state := range map[string]string{"SMS_0": Reviewing, "SMS_1": Approved, "SMS_2": Rejected, "SMS_10": Cancelled, "SMS_AUDIT_STATE_PASS": Approved, "SMS_7": "7", "SMS_number": Approved} {
		want[code] = Wording{"您的验证码是${code}", state == Approved, state}
	}
	if have, err := a.Wordings(t.Context(), codes); !maps.Equal(have, want) || err != nil {
		t.Errorf("%v, %v, not %v", have, err, want)
	}
	for i, c := range codes {
		if asked[i] != "GetSmsTemplate "+c {
			t.Errorf("asked for %v", asked)
		}
	}
	have, err := a.Wordings(t.Context(), []string{"SMS_1", "SMS_fail", "SMS_2"})
	if len(have) != 1 || err == nil || !strings.Contains(err.Error(), "Throttling.User (request F655A8D5)") {
		t.Errorf("%v, %v", have, err)
	}
	discreet(t, err)
	a = aliyun(t, says(500, "<html>"))
	if have, err := a.Wordings(t.Context(), codes); len(have) != 0 || !errors.Is(err, errNoObject) {
		t.Errorf("%v, %v", have, err)
	}
}

// The documented shapes of SmsReport.
func TestAliyunReports(t *testing.T) {
	t.Parallel()
	a := aliyun(t, says(200, "{}"))
	const rest = `,"send_time":"2026-11-24 10:00:00","report_time":"2026-11-24 10:00:03","err_msg":"用户接收成功","sms_size":"1"`
	list, err := a.Reports(callback(`[
		{"phone_number":"17000000001","success":true,"err_code":"DELIVERED","biz_id":"12345","out_id":"67890"` + rest + `},
		{"phone_number":17000000001,"success":"true","err_code":0,"biz_id":123456789012345678,"out_id":""` + rest + `},
		{"phone_number":"17000000001","success":false,"err_code":"MOBILE_NOT_ON_SERVICE","biz_id":"12346^0","out_id":"67891"},
		{"phone_number":"17000000001","success":false,"err_code":"DELIVRD","biz_id":"12347^0"},
		{"phone_number":"17000000001","success":false,"err_code":"DELIVRD:001","biz_id":"12348^0"},
		{"phone_number":"17000000001","success":false,"err_code":"","biz_id":"12349^0"},
		{"phone_number":"17000000001","success":false,"err_code":"E:CHAN\u0000","biz_id":"12350^0"},
		{"phone_number":"17000000001","success":false,"err_code":"` + strings.Repeat("短", 30) + `","biz_id":"12351^0"},
		{"phone_number":"85251230000","success":true,"err_code":"DELIVRD","out_id":"67892"},
		{"phone_number":"008617000000001","success":true,"biz_id":"12352^0","out_id":"` + strings.Repeat("x", 65) + `"},
		{"phone_number":"17000000001","success":1,"biz_id":"12353^0"},
		{"phone_number":"17000000001","biz_id":"12354^0"},
		{"phone_number":"1","success":true,"biz_id":"12355^0"},
		{"phone_number":"17000000001","success":true,"biz_id":"","out_id":""},
		{"phone_number":"17000000001","success":true,"biz_id":"` + strings.Repeat("1", 65) + `"},
		{"phone_number":["17000000001"],"success":true,"biz_id":"12356^0"},
		17000000001
	]`))
	report := func(id, ref, dest, stat, code string) Report {
		return Report{Report: session.Report{ID: id, Dest: dest, Stat: stat, Err: code}, Ref: ref, Foreign: ref == ""}
	}
	want := []Report{
		report("12345", "67890", cloudNumber, "DELIVRD", ""),
		report("123456789012345678", "", cloudNumber, "DELIVRD", "0"),
		report("12346^0", "67891", cloudNumber, "MOBILE_NOT_ON_SERVICE", ""),
		report("12347^0", "", cloudNumber, "UNDELIV", "DELIVRD"),
		report("12348^0", "", cloudNumber, "UNDELIV", "DELIVRD:001"),
		report("12349^0", "", cloudNumber, "UNDELIV", ""),
		report("12350^0", "", cloudNumber, "E:CHAN", ""),
		report("12351^0", "", cloudNumber, strings.Repeat("短", 21), ""),
		report("12352^0", "", cloudNumber, "DELIVRD", ""),
	}
	if !slices.Equal(list, want) {
		t.Errorf("the reports are\n%+v, not\n%+v", list, want)
	}
	if err == nil || !strings.Contains(err.Error(), "8 of 17 entries left out; the first, entry 9") {
		t.Error(err)
	}
	discreet(t, err)
}

// The documented shapes of SmsUp: sequence_id was a number once.
func TestAliyunReplies(t *testing.T) {
	t.Parallel()
	a := aliyun(t, says(200, "{}"))
	list, err := a.Replies(callback(`[
		{"phone_number":"17000000001","send_time":"2026-11-24 10:00:00","content":"退订😀","sign_name":"准信","dest_code":"0042","sequence_id":1234567890},
		{"phone_number":"17000000001","content":"R","sign_name":"【准信】","dest_code":"106900010042","sequence_id":"1234567891"},
		{"phone_number":"1x","content":"R","dest_code":"0042","sequence_id":"1234567892"},
		{"phone_number":"17000000001","content":"` + strings.Repeat("😀", 1001) + `","dest_code":"10680000","sequence_id":"` + strings.Repeat("9", 65) + `"},
		{"phone_number":"17000000001","content":"","dest_code":"drop table"}
	]`))
	mo := func(id, dest string) session.MO { return session.MO{ID: id, Source: cloudNumber, Dest: dest} }
	want := []session.MO{mo("1234567890", "106900010042"), mo("1234567891", "106900010042"), mo("", "10680000"), mo("", "")}
	texts := []string{"退订😀", "R", strings.Repeat("😀", 1000), ""}
	if len(list) != len(want) {
		t.Fatalf("%d replies: %v", len(list), err)
	}
	for i, m := range list {
		if m.ID != want[i].ID || m.Source != want[i].Source || m.Dest != want[i].Dest || textOf(t, m) != texts[i] {
			t.Errorf("reply %d is %+v, not %+v", i, m, want[i])
		}
	}
	if err == nil || !strings.Contains(err.Error(), "1 of 5 entries left out; the first, entry 3") {
		t.Error(err)
	}
	discreet(t, err)
}

func TestAliyunIsTold(t *testing.T) {
	t.Parallel()
	a := aliyun(t, says(200, "{}"))
	for ok, want := range map[bool]string{true: `200 {"code":0,"msg":"ok"}`, false: `503 {"code":1,"msg":"not stored, send it again"}`} {
		w := httptest.NewRecorder()
		a.Received(w, ok)
		if have := fmt.Sprint(w.Code, " ", w.Body); have != want || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s, not %s", have, want)
		}
	}
}

// A number that was written to, from what the callback has.
func TestAliyunNumbersWrittenTo(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"10690001", "0042", "106900010042"},
		{"10690001", "106900010042", "106900010042"},
		{"10690001", "10680000", "10680000"},
		{"10690001", "1060", "106900011060"},
		{"10690001", "", "10690001"},
		{"", "0042", "0042"},
	} {
		if have := (&Aliyun{accessCode: c[0]}).written(c[1]); have != c[2] {
			t.Errorf("%s and %s are %s, not %s", c[0], c[1], have, c[2])
		}
	}
}
