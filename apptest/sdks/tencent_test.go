package sdks

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// tencentTold is what a program tells of a call.
type tencentTold struct {
	Thrown, Message string
	Numbers         []struct {
		Serial, To, Session, Code, Message string
		Fee                                int64
	}
}

// tencentSDK is one of Tencent Cloud's SDKs.
type tencentSDK struct {
	name string
	run  driver
	set  object // of each call
	// late: its program can put its clock back.
	late bool
}

var tencentSDKs = []tencentSDK{
	{name: "Go", run: compiled("tencent-go")},
	{name: "Node", run: node("tencent.js"), late: true},
	{name: "Node HmacSHA256", run: node("tencent.js"), late: true, set: object{"algorithm": "HmacSHA256"}},
	{name: "Python", run: python("tencent.py"), late: true},
	{name: "Python GET", run: python("tencent.py"), late: true, set: object{"method": "GET"}},
	{name: "Python HmacSHA1", run: python("tencent.py"), late: true, set: object{"algorithm": "HmacSHA1"}},
	{name: "Java", run: java("Tencent.java")},
	{name: "Java GET", run: java("Tencent.java"), set: object{"method": "GET"}},
	{name: "Java HmacSHA1", run: java("Tencent.java"), set: object{"algorithm": "HmacSHA1"}},
}

// tencentUser is somebody who uses one of them.
type tencentUser struct {
	tencentSDK
	t   *testing.T
	s   *shop
	p   *program
	key account
}

// call has it do something with what is usual, but for what differs.
func (u *tencentUser) call(do string, differs object) (told tencentTold) {
	u.t.Helper()
	c := object{
		"do": do, "endpoint": u.s.endpoint(), "id": u.key.ID, "secret": u.key.Secret, "app": u.key.Application, "sign": signature, "template": u.s.otp,
		"params": []string{"246810"}, "session": "order 7",
	}
	for _, more := range []object{u.set, differs} {
		for k, v := range more {
			c[k] = v
		}
	}
	u.p.call(u.t, c, &told)
	return told
}

// refused demands that a number is refused in Tencent Cloud's word for it.
func (u *tencentUser) refused(why string, differs object, code, says string) {
	u.t.Helper()
	u.says(why, u.call("send", differs), code, says)
}

func (u *tencentUser) says(why string, told tencentTold, code, says string) {
	u.t.Helper()
	if len(told.Numbers) != 1 || told.Numbers[0].Code != code || !strings.Contains(told.Numbers[0].Message, says) {
		u.t.Errorf("%s: %+v, not %s with %q", why, told, code, says)
	}
}

// thrown demands that the SDK makes an exception of a refusal.
func (u *tencentUser) thrown(why string, differs object, code string) {
	u.t.Helper()
	if told := u.call("send", differs); told.Thrown != code {
		u.t.Errorf("%s: %+v, not %s", why, told, code)
	}
}

// story is what is demanded of every SDK. n tells its people from the others'.
func (u *tencentUser) story(n int) {
	t, someone := u.t, people(n)
	to := func(i int) []string { return []string{someone(i)} }
	since := time.Now().Add(-time.Minute).Unix()
	told := u.call("send", object{"to": []string{"+86" + someone(0)}})
	if len(told.Numbers) != 1 {
		t.Fatalf("a code: %+v", told)
	}
	first := told.Numbers[0]
	if first.Code != "Ok" || first.Serial == "" || first.To != "+86"+someone(0) || first.Fee != 1 || first.Session != "order 7" {
		t.Fatalf("a code: %+v", told)
	}
	until(t, "the report on a number", func() bool {
		told = u.call("reports of", object{"to": []string{"+86" + someone(0)}, "since": since})
		return len(told.Numbers) == 1 && told.Numbers[0].Serial == first.Serial && told.Numbers[0].Code == "SUCCESS" && told.Numbers[0].Session == "order 7"
	})
	both := u.call("send", object{"to": []string{someone(1), "12", someone(2)}})
	if len(both.Numbers) != 3 || both.Numbers[0].Code != "Ok" || both.Numbers[1].Code != "InvalidParameterValue.IncorrectPhoneNumber" || both.Numbers[2].Code != "Ok" {
		t.Fatalf("a batch: %+v", both)
	}
	left := map[string]bool{first.Serial: true, both.Numbers[0].Serial: true, both.Numbers[2].Serial: true}
	until(t, "the reports are pulled, each once", func() bool {
		for _, r := range u.call("reports", nil).Numbers {
			if !left[r.Serial] || r.Code != "SUCCESS" {
				t.Errorf("report %+v", r)
			}
			delete(left, r.Serial)
		}
		return len(left) == 0
	})

	u.call("send", object{"to": to(3), "session": "1"})
	again := u.call("send", object{"to": to(3), "session": "2"})
	if len(again.Numbers) == 1 && again.Numbers[0].Code == "Ok" { // minutes are the clock's, and one began
		again = u.call("send", object{"to": to(3), "session": "3"})
	}
	u.says("again within the minute", again, "LimitExceeded.PhoneNumberThirtySecondLimit", "FRQ-01")
	offer := func(i int) object { return object{"to": to(i), "template": u.s.mkt, "params": []string{}} }
	u.refused("no consent", offer(3), "FailedOperation.PhoneNumberInBlacklist", "CNS-01")
	u.s.joins(t, someone(4))
	if told := u.call("send", offer(4)); len(told.Numbers) != 1 || told.Numbers[0].Code != "Ok" { // at night it waits for the morning
		t.Errorf("an offer to a member: %+v", told)
	}
	u.s.leaves(t, someone(4))
	u.s.joins(t, someone(4)) // a list that is a day old: it does not undo a refusal
	later := offer(4)        // the same within a second would be the same request
	later["session"] = "later"
	u.refused("opted out", later, "FailedOperation.PhoneNumberInBlacklist", "OPT-")
	u.refused("unknown signature", object{"to": to(5), "sign": "别家商城"}, "FailedOperation.SignatureIncorrectOrUnapproved", "SignName")
	u.refused("unknown template", object{"to": to(5), "template": "1"}, "FailedOperation.TemplateUnapprovedOrNotExist", "TemplateId")
	u.refused("missing variable", object{"to": to(5), "params": []string{}}, "FailedOperation.TemplateParamSetNotMatchApprovedTemplate", "")
	u.refused("bad number", object{"to": []string{"123"}}, "InvalidParameterValue.IncorrectPhoneNumber", "")
	poor := u.s.key(t, u.s.poor)
	u.refused("no money", object{"to": to(5), "id": poor.ID, "secret": poor.Secret, "app": ""}, "FailedOperation.InsufficientBalanceInSmsPackage", "")

	u.thrown("another secret", object{"to": to(5), "secret": strings.Repeat("0", 32)}, "AuthFailure.SignatureFailure")
	u.thrown("unknown id", object{"to": to(5), "id": "nobody"}, "AuthFailure.SecretIdNotFound")
	if u.late {
		u.thrown("an hour late", object{"to": to(5), "behind": 3600}, "AuthFailure.SignatureExpire")
	}
	u.replay(to(6))
}

var serial = regexp.MustCompile(`"SerialNo":"([0-9]+)"`)

// replay makes a request of the SDK's twice: it has no nonce, so that the second has the
// answer of the first and sends nothing.
func (u *tencentUser) replay(to []string) {
	u.t.Helper()
	raw := capture(u.t, http.StatusOK, `{"Response":{"Error":{"Code":"Captured","Message":"captured"},"RequestId":"1"}}`, func(endpoint string) {
		u.thrown("captured", object{"to": to, "endpoint": endpoint}, "Captured")
	})
	_, first := raw.send(u.t, u.s.base)
	_, second := raw.send(u.t, u.s.base)
	if a, b := serial.FindString(first), serial.FindString(second); a == "" || a != b {
		u.t.Errorf("captured: %s\nreplayed: %s", first, second)
	}
}

// throttled asks a node that takes one request a second until it says so.
func (u *tencentUser) throttled() {
	u.t.Helper()
	for range 20 {
		switch told := u.call("send", object{"to": []string{"123"}}); {
		case told.Thrown == "RequestLimitExceeded":
			return
		case told.Thrown != "" || len(told.Numbers) != 1:
			u.t.Fatalf("%+v", told)
		}
	}
	u.t.Error("it was never throttled")
}
