package sdks

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// aliyunTold is what a program tells of a call.
type aliyunTold struct {
	Code, Message, Biz, Thrown, Content string
	ErrCode                             string `json:"err_code"`
	OutID                               string `json:"out_id"`
	Total, Status                       int64
}

// aliyunSDK is one of Aliyun's SDKs.
type aliyunSDK struct {
	name string
	run  driver
	set  object // of each call
	// throws: it makes an exception of every code but OK.
	throws bool
	// late: it lets its user set a request's time.
	late bool
	// headers: it lets its user add headers to a call.
	headers bool
}

var aliyunSDKs = []aliyunSDK{
	{name: "Go v5", run: compiled("aliyun-go"), late: true, headers: true},
	{name: "Go v5 SM3", run: compiled("aliyun-go"), late: true, headers: true, set: object{"algorithm": "ACS3-HMAC-SM3"}},
	{name: "Go v4", run: compiled("aliyun-go", "-modfile=v4.mod", "-tags=v4"), late: true, headers: true},
	{name: "Go v3", run: compiled("aliyun-go", "-modfile=v3.mod", "-tags=v3")},
	{name: "Node", run: node("aliyun.js"), late: true, headers: true},
	{name: "Node 1.0", run: node("aliyun.js"), set: object{"algorithm": "v2"}},
	{name: "Node pop-core", run: node("popcore.js"), throws: true, late: true},
	{name: "Node pop-core POST", run: node("popcore.js"), throws: true, late: true, set: object{"method": "POST"}},
	{name: "Python", run: python("aliyun.py"), late: true, headers: true},
	{name: "Python core", run: python("aliyuncore.py")},
	{name: "Java", run: java("Aliyun.java"), late: true, headers: true},
	{name: "Java core", run: java("AliyunCore.java")},
	{name: "Java core XML", run: java("AliyunCore.java"), set: object{"format": "XML", "method": "GET"}},
}

// aliyunUser is somebody who uses one of them.
type aliyunUser struct {
	aliyunSDK
	t   *testing.T
	s   *shop
	p   *program
	key account
}

// call has it do something with what is usual, but for what differs.
func (u *aliyunUser) call(do string, differs object) (told aliyunTold) {
	u.t.Helper()
	c := object{"do": do, "endpoint": u.s.endpoint(), "id": u.key.ID, "secret": u.key.Secret, "sign": signature, "template": "SMS_" + u.s.otp, "params": `{"code":"246810"}`, "outid": "order 7"}
	for _, more := range []object{u.set, differs} {
		for k, v := range more {
			c[k] = v
		}
	}
	u.p.call(u.t, c, &told)
	return told
}

// refused demands that a send is refused in Aliyun's word for it, with a rule or a field in
// the message.
func (u *aliyunUser) refused(why string, differs object, code, says string) {
	u.t.Helper()
	u.says(why, u.call("send", differs), code, says)
}

func (u *aliyunUser) says(why string, told aliyunTold, code, says string) {
	u.t.Helper()
	got := told.Code
	if u.throws {
		got = told.Thrown
	}
	if got != code || !strings.Contains(told.Message, says) || u.throws == (told.Thrown == "") {
		u.t.Errorf("%s: %+v, not %s with %q", why, told, code, says)
	}
}

// thrown demands that the SDK makes an exception of a refusal.
func (u *aliyunUser) thrown(why string, differs object, code string) {
	u.t.Helper()
	if told := u.call("send", differs); told.Thrown != code {
		u.t.Errorf("%s: %+v, not %s", why, told, code)
	}
}

// delivered waits until a query says so, first about the day that it was before the
// message was sent, and then about today.
func (u *aliyunUser) delivered(day, to, biz string) (told aliyunTold) {
	u.t.Helper()
	until(u.t, "delivered to "+to, func() bool {
		told = u.call("details", object{"to": to, "biz": biz, "day": day})
		day = today()
		return told.Code == "OK" && told.Total == 1 && told.Status == 3 && told.ErrCode == "DELIVERED"
	})
	return told
}

// today is the day in Shanghai, which SendDate is of.
func today() string {
	return time.Now().In(time.FixedZone("Asia/Shanghai", 8*60*60)).Format("20060102")
}

// until waits for something; its bound only stops a test that hangs.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		<-tick.C
	}
}

// story is what is demanded of every SDK. n tells its people from the others'.
func (u *aliyunUser) story(n int) {
	t, someone := u.t, people(n)
	biz := func(what string, told aliyunTold) string {
		t.Helper()
		if told.Code != "OK" || !strings.HasSuffix(told.Biz, "^0") {
			t.Fatalf("%s: %+v", what, told)
		}
		return told.Biz
	}
	day := today()
	first := biz("a code", u.call("send", object{"to": someone(0)}))
	if told := u.delivered(day, someone(0), first); told.OutID != "order 7" || strings.Contains(told.Content, "246810") {
		t.Errorf("details %+v", told)
	}
	day = today()
	both := biz("a batch", u.call("batch", object{
		"to": `["` + someone(1) + `","` + someone(2) + `"]`, "sign": `["` + signature + `","` + signature + `"]`, "params": `[{"code":"135790"},{"code":"135791"}]`,
	}))
	u.delivered(day, someone(1), both)
	u.delivered(day, someone(2), both)

	u.call("send", object{"to": someone(3)})
	again := u.call("send", object{"to": someone(3)})
	if again.Code == "OK" { // minutes are the clock's, and one began
		again = u.call("send", object{"to": someone(3)})
	}
	u.says("again within the minute", again, "isv.BUSINESS_LIMIT_CONTROL", "触发分钟级流控Permits:1")
	offer := func(i int) object { return object{"to": someone(i), "template": "SMS_" + u.s.mkt, "params": ""} }
	u.refused("no consent", offer(3), "isv.BUSINESS_LIMIT_CONTROL", "CNS-01")
	u.s.joins(t, someone(4))
	biz("an offer to a member", u.call("send", offer(4))) // at night it waits for the morning
	u.s.leaves(t, someone(4))
	u.s.joins(t, someone(4)) // a list that is a day old: it does not undo a refusal
	u.refused("opted out", offer(4), "isv.BUSINESS_LIMIT_CONTROL", "OPT-")
	u.refused("unknown signature", object{"to": someone(5), "sign": "别家商城"}, "isv.SMS_SIGNATURE_ILLEGAL", "SignName")
	u.refused("unknown template", object{"to": someone(5), "template": "SMS_1"}, "isv.SMS_TEMPLATE_ILLEGAL", "TemplateCode")
	u.refused("missing variable", object{"to": someone(5), "params": `{"other":"1"}`}, "isv.TEMPLATE_MISSING_PARAMETERS", "code")
	u.refused("bad number", object{"to": "123"}, "isv.MOBILE_NUMBER_ILLEGAL", "PhoneNumbers")
	poor := u.s.key(t, u.s.poor)
	u.refused("no money", object{"to": someone(5), "id": poor.ID, "secret": poor.Secret}, "isv.AMOUNT_NOT_ENOUGH", "")

	u.thrown("another secret", object{"to": someone(5), "secret": strings.Repeat("0", 32)}, "SignatureDoesNotMatch")
	u.thrown("unknown id", object{"to": someone(5), "id": "nobody"}, "InvalidAccessKeyId.NotFound")
	if u.late {
		then := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
		u.thrown("an hour late", object{"to": someone(5), "headers": object{"x-acs-date": then}}, "InvalidTimeStamp.Expired")
	}
	if u.headers {
		biz("a dry run", u.call("send", object{"to": someone(7), "headers": object{"X-Dry-Run": "true"}}))
		biz("a code after it", u.call("send", object{"to": someone(7)}))
	}
	u.replay(someone(6))
}

// replay makes a request of the SDK's twice.
func (u *aliyunUser) replay(to string) {
	u.t.Helper()
	raw := capture(u.t, http.StatusBadRequest, `{"Code":"Captured","Message":"captured","RequestId":"1"}`, func(endpoint string) {
		u.thrown("captured", object{"to": to, "endpoint": endpoint}, "Captured")
	})
	if status, body := raw.send(u.t, u.s.base); status != http.StatusOK || !strings.Contains(body, `"Code":"OK"`) && !strings.Contains(body, "<Code>OK</Code>") {
		u.t.Errorf("captured: %d %s", status, body)
	}
	if status, body := raw.send(u.t, u.s.base); status != http.StatusBadRequest || !strings.Contains(body, "SignatureNonceUsed") {
		u.t.Errorf("replayed: %d %s", status, body)
	}
}

// throttled asks a node that takes one request a second until it says so.
func (u *aliyunUser) throttled() {
	u.t.Helper()
	for range 20 {
		switch told := u.call("send", object{"to": "123"}); {
		case told.Thrown == "Throttling.User":
			return
		case told.Code != "isv.MOBILE_NUMBER_ILLEGAL" && told.Thrown != "isv.MOBILE_NUMBER_ILLEGAL":
			u.t.Fatalf("%+v", told)
		}
	}
	u.t.Error("it was never throttled")
}
