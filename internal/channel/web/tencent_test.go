package web

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// verifyTC3 checks a signature as Tencent Cloud's documentation of TC3-HMAC-SHA256 has it
// (签名方法 v3), with the standard library alone.
func verifyTC3(t *testing.T, r *http.Request, body []byte) {
	t.Helper()
	auth, ok := strings.CutPrefix(r.Header.Get("Authorization"), "TC3-HMAC-SHA256 ")
	fields := map[string]string{}
	for f := range strings.SplitSeq(auth, ", ") {
		name, value, _ := strings.Cut(f, "=")
		fields[name] = value
	}
	stamp := r.Header.Get("X-TC-Timestamp")
	second, err := strconv.ParseInt(stamp, 10, 64)
	if !ok || err != nil || time.Since(time.Unix(second, 0)).Abs() > time.Minute {
		t.Errorf("Authorization is %q, of %s", r.Header.Get("Authorization"), stamp)
	}
	date := time.Unix(second, 0).UTC().Format(time.DateOnly)
	scope := date + "/sms/tc3_request"
	if fields["Credential"] != cloudLogin+"/"+scope || fields["SignedHeaders"] != "content-type;host" {
		t.Errorf("signed by %v", fields)
	}
	if v := r.Header.Get("X-TC-Version"); v != "2021-01-11" || r.Header.Get("X-TC-Content-SHA256") != "" {
		t.Errorf("the version is %s", v)
	}
	canonical := strings.Join([]string{
		r.Method, "/", r.URL.RawQuery, "content-type:" + r.Header.Get("Content-Type") + "\nhost:" + r.Host + "\n", fields["SignedHeaders"], sum(body),
	}, "\n")
	key := seal(seal(seal([]byte("TC3"+cloudSecret), date), "sms"), "tc3_request")
	want := hex.EncodeToString(seal(key, "TC3-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+sum([]byte(canonical))))
	if fields["Signature"] != want {
		t.Errorf("the signature is %s, not %s, of\n%s", fields["Signature"], want, canonical)
	}
}

func tencent(t *testing.T, h func(http.ResponseWriter, *http.Request, []byte)) *Tencent {
	t.Helper()
	api, _ := clouds[1].serve(t, h)
	return api.(*Tencent)
}

func TestTencentIsAsked(t *testing.T) {
	t.Parallel()
	abroad, err := sms.ParseMSISDN("+85251230000")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Message)
		want   map[string]any
	}{
		"all": {func(*Message) {}, map[string]any{
			"PhoneNumberSet": []any{"+86" + cloudNumber}, "SmsSdkAppId": "1400006666", "TemplateId": "1045071", "SignName": "准信",
			"TemplateParamSet": []any{"5", "123456"}, "ExtendCode": "0042", "SessionContext": "7288450173042",
		}},
		"no variables and no extension": {func(m *Message) { m.Names, m.Values, m.Extension = nil, nil, "" }, map[string]any{
			"PhoneNumberSet": []any{"+86" + cloudNumber}, "SmsSdkAppId": "1400006666", "TemplateId": "1045071", "SignName": "准信",
			"SessionContext": "7288450173042",
		}},
		"abroad, and values that need care": {func(m *Message) {
			m.Number, m.Text = abroad, `【A+B ~*】"x" & <y> + z 一`
			m.Names, m.Values = []string{"1"}, []string{`"x" & <y> + z*~ 一`}
		}, map[string]any{
			"PhoneNumberSet": []any{"+85251230000"}, "SmsSdkAppId": "1400006666", "TemplateId": "1045071", "SignName": "A+B ~*",
			"TemplateParamSet": []any{`"x" & <y> + z*~ 一`}, "ExtendCode": "0042", "SessionContext": "7288450173042",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := tencent(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
				var have map[string]any
				if err := json.Unmarshal(body, &have); err != nil {
					t.Error(err)
				}
				if r.Method != http.MethodPost || r.RequestURI != "/" || r.Header.Get("X-TC-Action") != "SendSms" || r.Header.Get("X-TC-Region") != "ap-guangzhou" ||
					fmt.Sprint(have) != fmt.Sprint(c.want) {
					t.Errorf("%s %s %v: %v, not %v", r.Method, r.RequestURI, r.Header, have, c.want)
				}
				says(200, `{"Response":{"SendStatusSet":[{"SerialNo":"2028:f825e6b16e23f73f4123","PhoneNumber":"+86`+cloudNumber+`","Fee":1,"SessionContext":"7288450173042","Code":"Ok","Message":"send success","IsoCode":"CN"}],"RequestId":"fe5e0b1c-0000"}}`)(w, r, body)
			})
			m := cloudMessage(t)
			c.change(m)
			answer, err := x.Send(t.Context(), m)
			if want := (Answer{Verdict: Accepted, ID: "2028:f825e6b16e23f73f4123", Code: "Ok"}); answer != want || err != nil {
				t.Errorf("%+v, %v", answer, err)
			}
		})
	}
}

func TestTencentAnswers(t *testing.T) {
	t.Parallel()
	whole := func(status int, code string) func(http.ResponseWriter, *http.Request, []byte) {
		return says(status, `{"Response":{"Error":{"Code":"`+code+`","Message":"`+cloudNumber+` 您 https://help.example/"},"RequestId":"fe5e0b1c-0000"}}`)
	}
	number := func(code, id string) func(http.ResponseWriter, *http.Request, []byte) {
		return says(200, `{"Response":{"SendStatusSet":[{"SerialNo":"`+id+`","PhoneNumber":"+86`+cloudNumber+`","Code":"`+code+`","Message":"您"}],"RequestId":"fe5e0b1c-0000"}}`)
	}
	only := func(v Verdict, code string) Answer { return Answer{Verdict: v, Code: code} }
	cases := map[string]wants{
		"taken, said to be a stream": {
			says(200, `{"Response":{"SendStatusSet":[{"Code":"Ok","SerialNo":"2028:1"}],"RequestId":"R1"}}`, "Content-Type", "text/event-stream"),
			Answer{Verdict: Accepted, ID: "2028:1", Code: "Ok"},
			"",
		},
		"taken without an id":   {number("Ok", ""), only(Unclear, "Ok"), "id of 0 bytes"},
		"taken under a long id": {number("Ok", strings.Repeat("9", 65)), only(Unclear, "Ok"), "id of 65 bytes"},
		"nobody":                {says(200, `{"Response":{"SendStatusSet":[],"RequestId":"R1"}}`), Answer{}, "status 200"},
		"somebody that is null": {says(200, `{"Response":{"SendStatusSet":[null],"RequestId":"R1"}}`), Answer{}, "status 200"},
		"two of one":            {says(200, `{"Response":{"SendStatusSet":[{"Code":"Ok","SerialNo":"1"},{"Code":"Ok","SerialNo":"2"}],"RequestId":"R1"}}`), Answer{}, "status 200"},
		"no code":               {number("", "2028:1"), Answer{}, "status 200"},
		"a code that is none":   {number(cloudNumber+" 您", "2028:1"), Answer{}, "status 200"},
		"an object as code":     {says(200, `{"Response":{"SendStatusSet":[{"Code":{"a":"`+cloudNumber+`"},"SerialNo":"1"}],"RequestId":"R1"}}`), Answer{}, "status 200"},
		"a request without name": {
			says(200, `{"Response":{"Error":{"Code":"AuthFailure.SignatureFailure","Message":"`+cloudNumber+`"}}}`), Answer{}, "status 200",
		},
		"an error of former times": {says(200, `{"code":4000,"message":"`+cloudNumber+`","codeDesc":"AuthFailure"}`), Answer{}, "status 200"},
		"a word of the SDK's":      {whole(200, "ClientError.NetworkError"), Answer{}, "status 200"},
		"a list as response":       {says(200, `{"Response":["`+cloudNumber+`"]}`), Answer{}, "status 200"},
		"anything with 5xx":        {whole(502, "InvalidParameter"), only(Unclear, "InvalidParameter"), ""},
		"4xx":                      {whole(403, "AuthFailure.InvalidSecretId"), only(NotNow, "AuthFailure.InvalidSecretId"), ""},
		"a long code":              {whole(200, strings.Repeat("X", 70)), only(Refused, strings.Repeat("X", 64)), ""},
	}
	for verdict, codes := range map[Verdict][]string{
		Refused: {
			"LimitExceeded.PhoneNumberThirtySecondLimit", "LimitExceeded.DeliveryFrequencyLimit", "UnauthorizedOperation.IndividualUserMarketingSmsPermissionDeny",
			"FailedOperation.PhoneNumberInBlacklist", "FailedOperation.FailResolvePacket",
			"InvalidParameterValue.IncorrectPhoneNumber", "MissingParameter",
		},
		NotNow: {
			"RequestLimitExceeded", "RequestLimitExceeded.UinLimitExceeded", "RequestLimitExceeded.IPLimitExceeded", "LimitExceeded.AppDailyLimit",
			"FailedOperation.InsufficientBalanceInSmsPackage", "UnauthorizedOperation.SmsSdkAppIdVerifyFail", "AuthFailure.SignatureExpire",
		},
		Unclear: {
			"InternalError", "InternalError.Timeout", "InternalError.SendAndRecvFail", "InternalError.RequestTimeException", "FailedOperation",
			"FailedOperation.OtherError", "FailedOperation.ParametersOtherError", "ServiceUnavailable", "RequestTimeout",
		},
	} {
		for _, code := range codes {
			cases["of the request: "+code] = wants{whole(200, code), only(verdict, code), ""}
			cases["of the number: "+code] = wants{number(code, ""), only(verdict, code), ""}
		}
	}
	clouds[1].check(t, cases)
}

// templateList answers DescribeSmsTemplateList for templates whose last digit is their
// state, but for those that end in 9: they are not there, and nothing is told of the rest.
func templateList(t *testing.T, asked *[]int) func(http.ResponseWriter, *http.Request, []byte) {
	t.Helper()
	return func(w http.ResponseWriter, r *http.Request, body []byte) {
		var req struct {
			International *int
			TemplateIdSet []int64
		}
		if err := json.Unmarshal(body, &req); err != nil || req.International == nil || *req.International != 0 || r.Header.Get("X-TC-Action") != "DescribeSmsTemplateList" {
			t.Errorf("%s: %v", body, err)
		}
		*asked = append(*asked, len(req.TemplateIdSet))
		var list []string
		for _, id := range req.TemplateIdSet {
			state := id % 10
			switch state {
			case 9:
				says(200, `{"Response":{"Error":{"Code":"FailedOperation.TemplateIdNotExist","Message":"x"},"RequestId":"R1"}}`)(w, r, body)
				return
			case 8:
				says(200, `{"Response":{"Error":{"Code":"UnauthorizedOperation.RequestPermissionDeny","Message":"`+cloudNumber+`"},"RequestId":"R1"}}`)(w, r, body)
				return
			case 3:
				state = -1
			case 4: // left out without a word
				continue
			}
			list = append(list, fmt.Sprintf(`{"TemplateId":%d,"International":0,"StatusCode":%d,"TemplateContent":"您的验证码是{1}","ReviewReply":"x"}`, id, state))
		}
		says(200, `{"Response":{"DescribeTemplateStatusSet":[`+strings.Join(list, ",")+`,null],"RequestId":"R1"}}`)(w, r, body)
	}
}

func TestTencentWordings(t *testing.T) {
	t.Parallel()
	var asked []int
	x := tencent(t, templateList(t, &asked))
	want := map[string]Wording{}
	for code, state := range map[string]string{"100": Approved, "101": Reviewing, "102": Pending, "103": Rejected, "105": "5"} {
		want[code] = Wording{"您的验证码是{1}", state == Approved, state}
	}
	codes := []string{"100", "101", "102", "103", "104", "105", "109", "SMS_1", "007"}
	if have, err := x.Wordings(t.Context(), codes); !maps.Equal(have, want) || err != nil {
		t.Errorf("%v, %v, not %v", have, err, want)
	}
	if !slices.Equal(asked, []int{7, 3, 4, 2, 2, 1, 1}) {
		t.Errorf("asked for %v", asked)
	}
	asked = nil
	codes = nil
	for i := range 250 {
		codes = append(codes, strconv.Itoa(10*i+10))
	}
	if have, err := x.Wordings(t.Context(), codes); len(have) != 250 || err != nil || !slices.Equal(asked, []int{100, 100, 50}) {
		t.Errorf("%d, %v, asked for %v", len(have), err, asked)
	}
	codes[120] = "18"
	have, err := x.Wordings(t.Context(), codes)
	if len(have) != 100 || err == nil || !strings.Contains(err.Error(), "UnauthorizedOperation.RequestPermissionDeny (request R1)") {
		t.Errorf("%d, %v", len(have), err)
	}
	discreet(t, err)
	if have, err := tencent(t, says(200, `{"Response":{}}`)).Wordings(t.Context(), codes); len(have) != 0 || err == nil {
		t.Errorf("%v, %v", have, err)
	}
}

// The documented shape of 短信下发状态通知.
func TestTencentReports(t *testing.T) {
	t.Parallel()
	x := tencent(t, says(200, "{}"))
	list, err := x.Reports(callback(`[
		{"user_receive_time":"2026-11-24 10:00:03","nationcode":"86","mobile":"17000000001","report_status":"SUCCESS","errmsg":"DELIVRD","description":"用户短信送达成功","sid":"2028:f825e6","ext":"67890"},
		{"user_receive_time":"2026-11-24 10:00:03","nationcode":86,"mobile":17000000001,"report_status":"FAIL","errmsg":"MK:0001","description":"空号","sid":"2028:f825e7","ext":""},
		{"nationcode":"852","mobile":"51230000","report_status":"FAIL","errmsg":"DELIVRD","sid":"2028:f825e8"},
		{"nationcode":"+1","mobile":"2025550123","report_status":"SUCCESS","errmsg":"0","sid":"2028:f825e9"},
		{"nationcode":"86","mobile":"17000000001","report_status":"SUCCEEDED","sid":"2028:f825ea"},
		{"nationcode":"86","mobile":"","report_status":"SUCCESS","sid":"2028:f825eb"},
		{"nationcode":"86","mobile":"17000000001","report_status":"SUCCESS"},
		"17000000001"
	]`))
	report := func(id, ref, dest, stat, code string) Report {
		return Report{Report: session.Report{ID: id, Dest: dest, Stat: stat, Err: code}, Ref: ref}
	}
	want := []Report{
		report("2028:f825e6", "67890", cloudNumber, "DELIVRD", ""),
		report("2028:f825e7", "", cloudNumber, "MK:0001", ""),
		report("2028:f825e8", "", "+85251230000", "UNDELIV", "DELIVRD"),
		report("2028:f825e9", "", "+12025550123", "DELIVRD", "0"),
	}
	if !slices.Equal(list, want) {
		t.Errorf("the reports are\n%+v, not\n%+v", list, want)
	}
	if err == nil || !strings.Contains(err.Error(), "4 of 8 entries left out; the first, entry 5") {
		t.Error(err)
	}
	discreet(t, err)
}

// The documented shape of 短信回复通知: one object.
func TestTencentReplies(t *testing.T) {
	t.Parallel()
	x := tencent(t, says(200, "{}"))
	const reply = `{"extend":"0042","mobile":"17000000001","nationcode":"86","sign":"准信","text":"退订","time":%s}`
	read := func(payload string) session.MO {
		t.Helper()
		list, err := x.Replies(callback(payload))
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		return list[0]
	}
	first := read(fmt.Sprintf(reply, "1457336869"))
	if first.Source != cloudNumber || first.Dest != "106900010042" || textOf(t, first) != "退订" || len(first.ID) != 32 || strings.Contains(first.ID, cloudNumber) {
		t.Errorf("%+v", first)
	}
	if again := read(fmt.Sprintf(reply, `"1457336869"`)); again.ID != first.ID {
		t.Error("the same reply has another id when it comes again")
	}
	if other := read(fmt.Sprintf(reply, "1457336870")); other.ID == first.ID {
		t.Error("another reply has the same id")
	}
	if none := read(fmt.Sprintf(reply, "null")); none.ID != "" {
		t.Error("replies without a time can't be told apart, and seem to be")
	}
	if abroad := read(`{"mobile":51230000,"nationcode":852,"text":1,"time":1}`); abroad.Source != "+85251230000" || abroad.Dest != "10690001" || textOf(t, abroad) != "1" {
		t.Errorf("%+v", abroad)
	}
	list, err := x.Replies(callback("[" + fmt.Sprintf(reply, "1") + `,{"text":"R"},` + fmt.Sprintf(reply, "2") + "]"))
	if len(list) != 2 || err == nil || !strings.Contains(err.Error(), "1 of 3 entries left out; the first, entry 2") {
		t.Errorf("%+v, %v", list, err)
	}
	discreet(t, err)
}

func TestTencentIsTold(t *testing.T) {
	t.Parallel()
	x := tencent(t, says(200, "{}"))
	for ok, want := range map[bool]string{true: `200 {"result":0,"errmsg":"OK"}`, false: `503 {"result":1,"errmsg":"not stored, send it again"}`} {
		w := httptest.NewRecorder()
		x.Received(w, ok)
		if have := fmt.Sprint(w.Code, " ", w.Body); have != want || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s, not %s", have, want)
		}
	}
}
