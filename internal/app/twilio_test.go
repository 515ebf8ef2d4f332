package app

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// twilioSDK is a program with the official SDK, which is a module of its own.
type twilioSDK struct {
	n    *node
	k    signing
	in   io.Writer
	out  *bufio.Scanner
	more map[string]any // of every command
}

type twilioSays struct {
	Messages []struct {
		SID, Status, Body, To, Direction string
		AccountSID                       string `json:"account_sid"`
		ServiceSID                       string `json:"messaging_service_sid"`
		Segments                         string `json:"num_segments"`
		Created                          string `json:"date_created"`
		ErrorCode                        int    `json:"error_code"`
	}
	Items []struct {
		Code     int      `json:"error_code"`
		Messages []string `json:"error_messages"`
	}
	Valid        bool
	Code, Status int
	Error        string
}

func (n *node) twilio(k signing) *twilioSDK {
	n.t.Helper()
	program := filepath.Join(n.t.TempDir(), "twilio")
	build := exec.CommandContext(n.t.Context(), "go", "build", "-o", program, ".") //nolint:gosec // our own module
	build.Dir = filepath.Join("..", "..", "apptest", "interop", "twilio")
	if out, err := build.CombinedOutput(); err != nil {
		n.t.Fatalf("go build: %v\n%s", err, out)
	}
	cmd := exec.Command(program) //nolint:gosec,noctx // it ends with its stdin
	stdin, err := cmd.StdinPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		_ = stdin.Close() // it may have ended already
		if err := cmd.Wait(); err != nil {
			n.t.Error(err)
		}
	})
	return &twilioSDK{n: n, k: k, in: stdin, out: bufio.NewScanner(stdout), more: map[string]any{}}
}

func (x *twilioSDK) do(what string, more map[string]any) (s twilioSays) {
	x.n.t.Helper()
	c := map[string]any{"do": what, "host": x.n.addrs.HTTP.String(), "username": x.k.ID, "password": x.k.Secret, "account": x.k.ID}
	for _, m := range []map[string]any{x.more, more} {
		for k, v := range m {
			c[k] = v
		}
	}
	if err := json.NewEncoder(x.in).Encode(c); err != nil {
		x.n.t.Fatal(err)
	}
	if !x.out.Scan() {
		x.n.t.Fatal("the program ended", x.out.Err())
	}
	if err := json.Unmarshal(x.out.Bytes(), &s); err != nil {
		x.n.t.Fatalf("%v: %s", err, x.out.Text())
	}
	return s
}

func (x *twilioSDK) create(set map[string]string, headers ...string) twilioSays {
	x.n.t.Helper()
	h := map[string]string{}
	for i := 0; i < len(headers); i += 2 {
		h[headers[i]] = headers[i+1]
	}
	return x.do("create", map[string]any{"set": set, "headers": h})
}

func sid(kind string, id sms.ID) string { return fmt.Sprintf("%s%032x", kind, int64(id)) }

// service is the story's signature as a MessagingServiceSid.
func (n *node) service() string {
	n.t.Helper()
	return sid("MG", n.registry().SignatureOf(n.registry().Application[n.application()].PartyID, storySignature).ID)
}

// A program with Twilio's SDK sends by another host and other keys, and sees statuses and
// refusals as it knows them.
func TestTwilioSDK(t *testing.T) {
	everywhereWith(t, withWebhooks(), func(n *node) {
		x := n.twilio(n.signing("send,read,consent"))
		service := n.service()
		body := strings.TrimPrefix(otpText, "【"+storySignature+"】")
		got := x.create(map[string]string{"To": "+86" + member, "MessagingServiceSid": service, "Body": body}, "Idempotency-Key", "k1")
		if len(got.Messages) != 1 || got.Error != "" {
			n.t.Fatalf("%+v", got)
		}
		m := got.Messages[0]
		if m.Body != otpText || m.To != "+86"+member || m.AccountSID != x.k.ID || m.ServiceSID != service || m.Segments != "1" || m.Direction != "outbound-api" || !slices.Contains([]string{"queued", "sending", "sent", "delivered"}, m.Status) {
			n.t.Errorf("%+v", m)
		}
		if _, err := time.Parse(time.RFC1123Z, m.Created); err != nil {
			n.t.Error(err)
		}
		if again := x.create(map[string]string{"To": "+86" + member, "MessagingServiceSid": service, "Body": body}, "Idempotency-Key", "k1"); len(again.Messages) != 1 || again.Messages[0].SID != m.SID {
			n.t.Errorf("the same key: %+v", again)
		}
		n.wait("it is delivered", func() bool {
			now := x.do("fetch", map[string]any{"sid": m.SID})
			return len(now.Messages) == 1 && now.Messages[0].Status == "delivered" && !strings.Contains(now.Messages[0].Body, "246810")
		})
		content := map[string]string{"To": "14200000088", "MessagingServiceSid": service, "ContentSid": sid("HX", n.storyTemplate(sms.OTP).ID), "ContentVariables": `{"1":"246810"}`}
		if dry := x.create(content, "X-Dry-Run", "true"); len(dry.Messages) != 1 || dry.Messages[0].SID != "" || dry.Messages[0].Status != "queued" {
			n.t.Errorf("a dry run: %+v", dry)
		}
		x.more["username"] = "SK" + x.k.ID[2:]
		if sent := x.create(content); len(sent.Messages) != 1 || !strings.Contains(sent.Messages[0].Body, "246810") {
			n.t.Errorf("content: %+v", sent)
		}
		x.scheduled(service)
		x.refusals(service)
		x.consents(service)
		if list := x.do("list", map[string]any{"limit": 100, "page_size": 2}); len(list.Messages) < 4 || list.Messages[len(list.Messages)-1].SID != m.SID {
			n.t.Errorf("the list: %+v", list)
		}
		if list := x.do("list", map[string]any{"limit": 100, "page_size": 1, "to": "+8614200000088"}); len(list.Messages) != 1 || list.Messages[0].To != "+8614200000088" {
			n.t.Errorf("the list of a number: %+v", list)
		}
	})
}

// scheduled sends later, and cancels that.
func (x *twilioSDK) scheduled(service string) {
	n := x.n
	n.t.Helper()
	at := n.Now().Add(2 * time.Hour).UTC().Format(time.RFC3339)
	later := x.create(map[string]string{"To": "14200000089", "MessagingServiceSid": service, "Body": otpText, "ScheduleType": "fixed", "SendAt": at})
	if len(later.Messages) != 1 || later.Messages[0].Status != "scheduled" {
		n.t.Fatalf("%+v", later)
	}
	if c := x.do("cancel", map[string]any{"sid": later.Messages[0].SID}); len(c.Messages) != 1 || c.Messages[0].Status != "canceled" {
		n.t.Errorf("%+v", c)
	}
	if c := x.do("cancel", map[string]any{"sid": later.Messages[0].SID}); c.Status != http.StatusBadRequest || !strings.Contains(c.Error, "canceled") {
		n.t.Errorf("twice: %+v", c)
	}
}

func (x *twilioSDK) refusals(service string) {
	n := x.n
	n.t.Helper()
	for name, c := range map[string]struct {
		set          map[string]string
		more         map[string]any
		code, status int
		says         string
	}{
		"no consent":        {map[string]string{"To": "14200000077", "MessagingServiceSid": service, "Body": mktText}, nil, 21610, 400, "CNS-01"},
		"no template":       {map[string]string{"To": member, "MessagingServiceSid": service, "Body": "随便写的"}, nil, 99000, 400, ""},
		"another signature": {map[string]string{"To": member, "MessagingServiceSid": service, "Body": "【别人】您的验证码是135790"}, nil, 21606, 400, ""},
		"a number":          {map[string]string{"To": "12", "MessagingServiceSid": service, "Body": otpText}, nil, 21211, 400, ""},
		"From":              {map[string]string{"To": member, "From": "+8610690", "Body": otpText}, nil, 21606, 400, "MessagingServiceSid"},
		"a picture":         {map[string]string{"To": member, "MessagingServiceSid": service, "Body": otpText, "MediaUrl": "https://example.com/a.png"}, nil, 99000, 400, "MediaUrl"},
		"variables":         {map[string]string{"To": member, "MessagingServiceSid": service, "ContentSid": sid("HX", n.storyTemplate(sms.OTP).ID)}, nil, 21656, 400, ""},
		"no text":           {map[string]string{"To": member, "MessagingServiceSid": service}, nil, 21602, 400, ""},
		"a number in URL":   {map[string]string{"To": member, "MessagingServiceSid": service, "Body": otpText, "StatusCallback": "https://example.com/" + member}, nil, 99000, 400, "StatusCallback"},
		"a wrong secret":    {map[string]string{"To": member}, map[string]any{"password": strings.Repeat("0", 32)}, 20003, 401, ""},
		"another account":   {map[string]string{"To": member}, map[string]any{"account": "AC" + strings.Repeat("0", 32)}, 20404, 404, ""},
	} {
		more := map[string]any{"set": c.set}
		for k, v := range c.more {
			more[k] = v
		}
		if got := x.do("create", more); got.Code != c.code || got.Status != c.status || !strings.Contains(got.Error, c.says) {
			n.t.Errorf("%s: %+v", name, got)
		}
	}
}

// consents records consents and refusals in bulk: the one lets marketing through, the other stops it.
func (x *twilioSDK) consents(service string) {
	n := x.n
	n.t.Helper()
	item := func(status string, at time.Time) map[string]string {
		return map[string]string{"contact_id": "+8614200000077", "correlation_id": strings.Repeat("a", 32), "sender_id": service, "status": status, "source": "website", "date_of_consent": at.UTC().Format(time.RFC3339)}
	}
	wrong := item("opt-in", n.Now().Add(48*time.Hour))
	got := x.do("consents", map[string]any{"items": []any{item("opt-in", n.Now().Add(-time.Hour)), wrong, map[string]string{"contact_id": "x"}}})
	if len(got.Items) != 3 || got.Items[0].Code != 0 || got.Items[1].Code == 0 || !strings.Contains(got.Items[1].Messages[0], "CNS-02") || got.Items[2].Code != 21211 {
		n.t.Fatalf("%+v", got)
	}
	set := map[string]string{"To": "14200000077", "MessagingServiceSid": service, "Body": mktText}
	if sent := x.create(set, "X-Dry-Run", "true"); len(sent.Messages) != 1 {
		n.t.Errorf("after a consent: %+v", sent)
	}
	if got := x.do("consents", map[string]any{"items": []any{item("opt-out", n.Now())}}); len(got.Items) != 1 || got.Items[0].Code != 0 {
		n.t.Errorf("%+v", got)
	}
	if sent := x.create(set); sent.Code != 21610 {
		n.t.Errorf("after a refusal: %+v", sent)
	}
}

// Status callbacks go to the address that the message named, and to nobody else; replies to the
// webhook. The SDK's validator knows the signature.
func TestTwilioCallbacks(t *testing.T) {
	everywhereWith(t, withWebhooks(), func(n *node) {
		k := n.signing("send,read")
		x := n.twilio(k)
		calls := make(chan *http.Request, 10)
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := r.ParseForm(); err != nil {
				n.t.Error(err)
			}
			calls <- r
			w.Header().Set("Content-Type", "text/xml")
			fmt.Fprint(w, "<Response/>")
		}))
		n.t.Cleanup(srv.Close)
		next := func(path string) url.Values {
			n.t.Helper()
			r := nextCall(n, calls)
			params := map[string]string{}
			for name := range r.PostForm {
				params[name] = r.PostForm.Get(name)
			}
			if r.URL.RequestURI() != path {
				n.t.Errorf("%s was called, not %s: %v", r.URL, path, params)
			}
			if v := x.do("validate", map[string]any{"url": srv.URL + path, "params": params, "signature": r.Header.Get("X-Twilio-Signature")}); !v.Valid || !strings.HasPrefix(r.Header.Get("X-Signature"), "t=") {
				n.t.Errorf("the signatures %v", r.Header)
			}
			if r.PostForm.Get("AccountSid") != k.ID || r.PostForm.Get("ApiVersion") != "2010-04-01" {
				n.t.Errorf("%v", params)
			}
			return r.PostForm
		}
		var hook struct{ ID sms.ID }
		if status := n.do(http.MethodPut, "/v1/webhooks/new", map[string]any{"url": srv.URL + "/all?b=2", "format": "twilio", "key_id": k.KeyID}, &hook); status != http.StatusOK {
			n.t.Fatal(status)
		}
		for _, wrong := range []map[string]any{{"url": srv.URL, "format": "twilio"}, {"url": srv.URL, "key_id": k.KeyID}, {"url": srv.URL, "format": "twilio", "key_id": hook.ID}} {
			if status := n.do(http.MethodPut, "/v1/webhooks/new", wrong, nil); status != http.StatusBadRequest {
				n.t.Errorf("%v: %d", wrong, status)
			}
		}
		own := x.create(map[string]string{"To": "+86" + member, "MessagingServiceSid": n.service(), "Body": otpText, "StatusCallback": srv.URL + "/own?a=1"})
		if len(own.Messages) != 1 {
			n.t.Fatalf("%+v", own)
		}
		f := next("/own?a=1")
		if f.Get("MessageSid") != own.Messages[0].SID || f.Get("SmsSid") != own.Messages[0].SID || f.Get("MessageStatus") != "delivered" || f.Get("SmsStatus") != "delivered" || f.Get("To") != "+86"+member || f.Has("ErrorCode") || len(f.Get("RawDlrDoneDate")) != 10 || f.Get("MessagingServiceSid") != n.service() {
			n.t.Errorf("%v", f)
		}
		other := x.create(map[string]string{"To": "14200000088", "MessagingServiceSid": n.service(), "Body": otpText})
		if f := next("/all?b=2"); len(other.Messages) != 1 || f.Get("MessageSid") != other.Messages[0].SID || f.Get("MessageStatus") != "delivered" {
			n.t.Errorf("%v %+v", f, other)
		}
		if err := n.carrier.SendMO(n.t.Context(), member, storyCode+storyDigits, "TD"); err != nil {
			n.t.Fatal(err)
		}
		if f := next("/all?b=2"); f.Get("From") != "+86"+member || f.Get("To") != storyCode+storyDigits || f.Get("Body") != "TD" || f.Get("OptOutType") != "STOP" || f.Get("NumMedia") != "0" || f.Get("MessagingServiceSid") != n.service() {
			n.t.Errorf("%v", f)
		}
		revoked := *n.registry().KeyByID(k.KeyID)
		revoked.RevokedAt = n.Now().UnixMilli()
		n.insert(revoked)
		if err := n.carrier.SendMO(n.t.Context(), member, storyCode+storyDigits, "你好"); err != nil {
			n.t.Fatal(err)
		}
		n.wait("the log says that the key was revoked", func() bool {
			s := (&receiver{n: n, id: hook.ID}).states()
			return len(s) > 0 && strings.HasPrefix(s[0], "failed the key that signs was revoked")
		})
	})
}

// Each address of a StatusCallback is a webhook, of which an application has a bounded number;
// the same address again is the same one.
func TestTwilioStatusCallbacksAreBounded(t *testing.T) {
	n := start(t, withWebhooks())
	x := n.twilio(n.signing("send"))
	create := func(i, address int) twilioSays {
		return x.create(map[string]string{"To": fmt.Sprintf("142000001%02d", i), "MessagingServiceSid": n.service(), "Body": otpText, "StatusCallback": fmt.Sprintf("https://192.0.2.1/cb?n=%d", address)})
	}
	for i := range 12 {
		if got := create(i, i%10); got.Error != "" {
			t.Errorf("%d: %+v", i, got)
		}
	}
	if got := create(20, 10); got.Status != http.StatusBadRequest || !strings.Contains(got.Error, "at most 10") {
		t.Errorf("%+v", got)
	}
}
