package sdks

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// twilioTold is what a program tells of a call.
type twilioTold struct {
	Messages []struct {
		SID, Status, Body, To, Direction string
		AccountSID                       string `json:"account_sid"`
		ServiceSID                       string `json:"messaging_service_sid"`
		Segments                         string `json:"num_segments"`
		Created                          string `json:"date_created"`
	}
	Items []struct {
		Correlation string   `json:"correlation_id"`
		Code        int      `json:"error_code"`
		Messages    []string `json:"error_messages"`
	}
	Valid        bool
	Code, Status int
	Error        string
}

// twilioSDK is one of Twilio's SDKs.
type twilioSDK struct {
	name string
	run  driver
}

var twilioSDKs = []twilioSDK{
	{"Go", compiled("../interop/twilio")},
	{"Node", node("twilio.js")},
}

// twilioUser is somebody who uses one of them.
type twilioUser struct {
	twilioSDK
	t   *testing.T
	s   *shop
	p   *program
	key account
}

// call has it do something, with the account's own id and secret but for what differs.
func (u *twilioUser) call(do string, differs object) (told twilioTold) {
	u.t.Helper()
	c := object{"do": do, "host": u.s.endpoint(), "username": u.key.ID, "password": u.key.Secret, "account": u.key.ID}
	for k, v := range differs {
		c[k] = v
	}
	u.p.call(u.t, c, &told)
	return told
}

// sid is what Twilio's SDKs call one of our objects.
func sid(t *testing.T, kind, id string) string {
	t.Helper()
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s%032x", kind, n)
}

// create sends a code by the template's number, but for what differs.
func (u *twilioUser) create(to string, differs, more object) twilioTold {
	u.t.Helper()
	set := object{"To": to, "MessagingServiceSid": sid(u.t, "MG", u.s.service)}
	for k, v := range differs {
		set[k] = v
	}
	c := object{"set": set}
	for k, v := range more {
		c[k] = v
	}
	return u.call("create", c)
}

// refused demands that a send is refused as Twilio does it, with a rule or a field in the message.
func (u *twilioUser) refused(why string, told twilioTold, code, status int, says string) {
	u.t.Helper()
	if told.Code != code || told.Status != status || !strings.Contains(told.Error, says) || len(told.Messages) != 0 {
		u.t.Errorf("%s: %+v, not %d with %q", why, told, code, says)
	}
}

// callback is what a receiver of them got, its signature as it was.
type callback struct {
	form      url.Values
	signature string
}

func receiver(t *testing.T) (address string, calls <-chan callback) {
	t.Helper()
	c := make(chan callback, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		c <- callback{r.PostForm, r.Header.Get("X-Twilio-Signature")}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/status?shop=1", c
}

// story is what is demanded of every SDK. n tells its people from the others'.
func (u *twilioUser) story(n int) {
	t, someone := u.t, people(n)
	code := object{"Body": strings.Replace(otpBody, "${code:code}", "246810", 1)}
	address, calls := receiver(t)
	told := u.create("+86"+someone(0), object{"Body": code["Body"], "StatusCallback": address}, object{"headers": object{"Idempotency-Key": u.name}})
	if len(told.Messages) != 1 || told.Error != "" {
		t.Fatalf("%+v", told)
	}
	m := told.Messages[0]
	if !strings.Contains(m.Body, "246810") || m.To != "+86"+someone(0) || m.AccountSID != u.key.ID || m.ServiceSID != sid(t, "MG", u.s.service) || m.Segments != "1" || m.Direction != "outbound-api" {
		t.Errorf("%+v", m)
	}
	if at, err := mail.ParseDate(m.Created); err != nil || time.Since(at) > time.Hour {
		t.Errorf("created %q: %v", m.Created, err)
	}
	select {
	case c := <-calls:
		u.called(c, address, m.SID)
	case <-time.After(patience):
		t.Fatal("no status callback")
	}
	until(t, "it is fetched as delivered", func() bool {
		now := u.call("fetch", object{"sid": m.SID})
		return len(now.Messages) == 1 && now.Messages[0].Status == "delivered" && !strings.Contains(now.Messages[0].Body, "246810")
	})
	if again := u.create("+86"+someone(0), object{"Body": code["Body"], "StatusCallback": address}, object{"headers": object{"Idempotency-Key": u.name}}); len(again.Messages) != 1 || again.Messages[0].SID != m.SID {
		t.Errorf("the same key: %+v", again)
	}
	content := object{"ContentSid": sid(t, "HX", u.s.content), "ContentVariables": `{"1":"135790"}`}
	if told := u.create(someone(1), content, object{"username": "SK" + u.key.ID[2:]}); len(told.Messages) != 1 || !strings.Contains(told.Messages[0].Body, "135790") {
		t.Errorf("content, by a key's other name: %+v", told)
	}
	if dry := u.create(someone(2), code, object{"headers": object{"X-Dry-Run": "true"}}); len(dry.Messages) != 1 || dry.Messages[0].SID != "" {
		t.Errorf("a dry run: %+v", dry)
	}
	u.later(someone(3), code)
	u.consents(someone)
	u.lists(someone, m.SID)

	u.refused("unknown text", u.create(someone(5), object{"Body": "随便写的"}, nil), 99000, 400, "")
	u.refused("unknown signature", u.create(someone(5), object{"Body": "【别家商城】您的验证码是135790，5分钟内有效。"}, nil), 21606, 400, "")
	u.refused("missing variable", u.create(someone(5), object{"ContentSid": content["ContentSid"]}, nil), 21656, 400, "")
	u.refused("bad number", u.create("123", code, nil), 21211, 400, "")
	u.refused("a sender", u.create(someone(5), object{"Body": code["Body"], "From": "+8610690", "MessagingServiceSid": ""}, nil), 21606, 400, "MessagingServiceSid")
	u.refused("another secret", u.create(someone(5), code, object{"password": strings.Repeat("0", 32)}), 20003, 401, "")
	nobody := "AC" + strings.Repeat("0", 32)
	u.refused("unknown account", u.create(someone(5), code, object{"username": nobody, "account": nobody}), 20003, 401, "")
	u.refused("unknown message", u.call("fetch", object{"sid": "SM" + strings.Repeat("0", 32)}), 20404, 404, "")
}

// called demands that a status callback is of the delivery, and that the SDK's own validator
// takes its signature, and no other.
func (u *twilioUser) called(c callback, address, message string) {
	u.t.Helper()
	if c.form.Get("MessageSid") != message || c.form.Get("MessageStatus") != "delivered" || c.form.Get("AccountSid") != u.key.ID {
		u.t.Errorf("%v", c.form)
	}
	params := map[string]string{}
	for name := range c.form {
		params[name] = c.form.Get(name)
	}
	valid := func() bool {
		u.t.Helper()
		return u.call("validate", object{"url": address, "params": params, "signature": c.signature}).Valid
	}
	if !valid() {
		u.t.Errorf("the signature %q of %v", c.signature, params)
	}
	if params["MessageStatus"] = "failed"; valid() {
		u.t.Error("the signature is taken for another status")
	}
}

// later sends in two hours, and cancels that.
func (u *twilioUser) later(to string, code object) {
	u.t.Helper()
	at := time.Now().Add(2 * time.Hour).UTC().Format(time.RFC3339)
	told := u.create(to, object{"Body": code["Body"], "ScheduleType": "fixed", "SendAt": at}, nil)
	if len(told.Messages) != 1 || told.Messages[0].Status != "scheduled" {
		u.t.Fatalf("%+v", told)
	}
	if c := u.call("cancel", object{"sid": told.Messages[0].SID}); len(c.Messages) != 1 || c.Messages[0].Status != "canceled" {
		u.t.Errorf("%+v", c)
	}
}

// consents records a consent and a refusal in bulk: the one lets an offer through, the other stops it.
func (u *twilioUser) consents(someone func(int) string) {
	u.t.Helper()
	offer := object{"Body": mktBody}
	u.refused("no consent", u.create(someone(4), offer, nil), 21610, 400, "CNS-01")
	item := func(status string, at time.Time) object {
		return object{"contact_id": "+86" + someone(4), "correlation_id": strings.Repeat("a", 32), "sender_id": sid(u.t, "MG", u.s.service), "status": status, "source": "website", "date_of_consent": at.UTC().Format(time.RFC3339)}
	}
	told := u.call("consents", object{"items": []object{item("opt-in", time.Now().Add(-time.Hour)), item("opt-in", time.Now().Add(48*time.Hour))}})
	if len(told.Items) != 2 || told.Items[0].Code != 0 || told.Items[0].Correlation != strings.Repeat("a", 32) || told.Items[1].Code == 0 || !strings.Contains(told.Items[1].Messages[0], "CNS-02") {
		u.t.Fatalf("%+v", told)
	}
	if told := u.create(someone(4), offer, nil); len(told.Messages) != 1 { // at night it waits for the morning
		u.t.Errorf("an offer to a member: %+v", told)
	}
	if told := u.call("consents", object{"items": []object{item("opt-out", time.Now())}}); len(told.Items) != 1 || told.Items[0].Code != 0 {
		u.t.Errorf("%+v", told)
	}
	u.refused("opted out", u.create(someone(4), offer, nil), 21610, 400, "")
}

// lists demands that what was sent is listed page by page, the newest first.
func (u *twilioUser) lists(someone func(int) string, first string) {
	u.t.Helper()
	if list := u.call("list", object{"limit": 100, "page_size": 2}); len(list.Messages) < 4 || list.Messages[len(list.Messages)-1].SID != first {
		u.t.Errorf("the list: %+v", list)
	}
	if list := u.call("list", object{"limit": 100, "page_size": 1, "to": "+86" + someone(1)}); len(list.Messages) != 1 || list.Messages[0].To != "+86"+someone(1) {
		u.t.Errorf("the list of a number: %+v", list)
	}
}

// throttled asks a node that takes one request a second until it says so.
func (u *twilioUser) throttled() {
	u.t.Helper()
	for range 20 {
		switch told := u.create("123", object{"Body": "x"}, nil); {
		case told.Code == 20429 && told.Status == http.StatusTooManyRequests:
			return
		case told.Code != 21211:
			u.t.Fatalf("%+v", told)
		}
	}
	u.t.Error("it was never throttled")
}
