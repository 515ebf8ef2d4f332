package web

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

const (
	cloudLogin  = "login1"
	cloudSecret = "secret-of-the-account"
	cloudNumber = "17000000001"
	cloudText   = "【准信】您的验证码是123456，5分钟内有效。"
)

func cloudMessage(t testing.TB) *Message {
	t.Helper()
	number, err := sms.ParseMSISDN(cloudNumber)
	if err != nil {
		t.Fatal(err)
	}
	return &Message{
		Ref: "7288450173042", Number: number, Text: cloudText, Source: "106900010042", Extension: "0042",
		Template: "1045071", Names: []string{"2", "1"}, Values: []string{"123456", "5"},
	}
}

// cloud is a vendor as a test needs it.
type cloud struct {
	name   string
	verify func(t *testing.T, r *http.Request, body []byte)
	make   func(Account) (API, error)
}

func (c cloud) account(t *testing.T, address string) Account {
	t.Helper()
	return Account{
		Address: address, Login: cloudLogin, Secret: cloudSecret, AccessCode: "10690001",
		Cloud: &registry.CloudUpstream{AppID: "1400006666"}, Transport: transportTo(t, address), Now: time.Now,
	}
}

var clouds = []cloud{
	{registry.ByAliyun, verifyACS3, func(a Account) (API, error) { return NewAliyun(a) }},
	{registry.ByTencent, verifyTC3, func(a Account) (API, error) { return NewTencent(a) }},
}

// serve starts the vendor and makes the API of an account there. Each request's signature
// is verified; count counts them.
func (c cloud) serve(t *testing.T, h func(w http.ResponseWriter, r *http.Request, body []byte)) (api API, count *atomic.Int64) {
	t.Helper()
	count = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count.Add(1)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		c.verify(t, r, body)
		h(w, r, body)
	}))
	t.Cleanup(server.Close)
	api, err := c.make(c.account(t, server.URL))
	if err != nil {
		t.Fatal(err)
	}
	return api, count
}

func says(status int, body string, headers ...string) func(http.ResponseWriter, *http.Request, []byte) {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func seal(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// discreet fails if an error tells what nobody may read.
func discreet(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, secret := range []string{cloudNumber, "123456", "验证码", "您", cloudSecret, "help.example"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells %q: %v", secret, err)
		}
	}
}

// wants is what an answer has to come to.
type wants struct {
	handler func(http.ResponseWriter, *http.Request, []byte)
	answer  Answer
	err     string // part of it; empty is no error
}

// cut ends the connection in the middle of what it sends.
func cut(sent string) func(http.ResponseWriter, *http.Request, []byte) {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, err = io.WriteString(conn, sent)
		}
		if err != nil {
			panic(err)
		}
		_ = conn.Close()
	}
}

// broken is what every vendor may answer, and no request may be made twice for.
func broken() map[string]wants {
	return map[string]wants{
		"nothing":             {cut(""), Answer{}, "connection broke"},
		"half an answer":      {cut("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"Code\":"), Answer{}, "status 200"},
		"no HTTP":             {cut(cloudNumber + " 您\r\n\r\n"), Answer{}, "no HTTP"},
		"a page":              {says(200, "<html>"+cloudNumber+"</html>"), Answer{}, "status 200"},
		"a page with 404":     {says(404, "<html>"+cloudNumber+"</html>"), Answer{}, "status 404"},
		"a page with 502":     {says(502, "<html>"+cloudNumber+"</html>"), Answer{}, "status 502"},
		"null":                {says(200, "null"), Answer{}, "status 200"},
		"a list":              {says(200, `[{"Code":"OK"}]`), Answer{}, "status 200"},
		"an empty object":     {says(200, "{}"), Answer{}, "status 200"},
		"empty with 400":      {says(400, "{}"), Answer{}, "status 400"},
		"empty":               {says(200, ""), Answer{}, "status 200"},
		"no content":          {says(204, ""), Answer{}, "status 204"},
		"a redirect":          {says(307, `{"Code":"OK"}`, "Location", "/"), Answer{}, "status 307"},
		"encoded":             {says(200, `{"Code":"OK"}`, "Content-Encoding", "deflate"), Answer{}, "status 200"},
		"deep":                {says(200, strings.Repeat(`{"Response":`, 100_000)), Answer{}, "status 200"},
		"long":                {says(200, `{"Code":"`+strings.Repeat("x", 2<<20)+`"}`), Answer{}, "status 200"},
		"an event stream":     {says(200, "data: "+cloudNumber+"\n\n", "Content-Type", "text/event-stream"), Answer{}, "status 200"},
		"a JSON event stream": {says(200, "{}", "Content-Type", "text/event-stream"), Answer{}, "status 200"},
		"XML":                 {says(400, "<Error><Code>X</Code></Error>", "Content-Type", "text/xml;charset=utf-8"), Answer{}, "status 400"},
		"JSON said to be XML": {says(400, "{}", "Content-Type", "text/xml;charset=utf-8"), Answer{}, "status 400"},
	}
}

// check sends a message for each case, with all that stands in for a vendor.
func (c cloud) check(t *testing.T, cases map[string]wants) {
	t.Helper()
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api, count := c.serve(t, want.handler)
			answer, err := api.Send(t.Context(), cloudMessage(t))
			if answer != want.answer {
				t.Errorf("the answer is %+v, not %+v", answer, want.answer)
			}
			if (err == nil) != (want.err == "") || err != nil && !strings.Contains(err.Error(), want.err) {
				t.Errorf("the error is %v, not %q", err, want.err)
			}
			discreet(t, err)
			if n := count.Load(); n != 1 {
				t.Errorf("%d requests were made", n)
			}
		})
	}
}

func TestCloudsAnswerNothingThatCanBeRead(t *testing.T) {
	t.Parallel()
	for _, c := range clouds {
		t.Run(c.name, func(t *testing.T) { c.check(t, broken()) })
	}
}

// The context's time counts, and its end is told as such.
func TestCloudTakesTooLong(t *testing.T) {
	t.Parallel()
	for _, c := range clouds {
		t.Run(c.name, func(t *testing.T) {
			over := make(chan struct{})
			api, count := c.serve(t, func(http.ResponseWriter, *http.Request, []byte) { <-over })
			t.Cleanup(func() { close(over) })
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			answer, err := api.Send(ctx, cloudMessage(t))
			if answer.Verdict != Unclear || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%+v, %v", answer, err)
			}
			discreet(t, err)
			if count.Load() != 1 {
				t.Errorf("%d requests were made", count.Load())
			}
		})
	}
}

// That no connection was there can be asked of the error, and of the flight.
func TestCloudIsNotReached(t *testing.T) {
	t.Parallel()
	for _, c := range clouds {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.NotFoundHandler())
			server.Close()
			api, err := c.make(c.account(t, server.URL))
			if err != nil {
				t.Fatal(err)
			}
			var flight Flight
			answer, err := api.Send(Track(t.Context(), &flight), cloudMessage(t))
			var op *net.OpError
			if answer.Verdict != Unclear || !errors.As(err, &op) || flight.Reached() {
				t.Errorf("%+v, %v, reached: %t", answer, err, flight.Reached())
			}
			discreet(t, err)
			if _, err = api.Send(Track(t.Context(), &flight), cloudMessage(t)); !errors.Is(err, errTwice) {
				t.Errorf("the flight was made again: %v", err)
			}
		})
	}
}

// What can't be asked for does not leave.
func TestCloudIsNotAsked(t *testing.T) {
	t.Parallel()
	for _, c := range clouds {
		for name, spoil := range map[string]func(*Message){
			"no signature":      func(m *Message) { m.Text = "您的验证码是123456" },
			"two signatures":    func(m *Message) { m.Text = "【准信】您的验证码是【123456】" },
			"no template":       func(m *Message) { m.Template = "" },
			"a value too few":   func(m *Message) { m.Values = m.Values[:1] },
			"no number":         func(m *Message) { m.Number = sms.MSISDN{} },
			"position too high": func(m *Message) { m.Names = []string{"1", "3"} },
		} {
			if name == "position too high" && c.name == registry.ByAliyun {
				continue // its variables have names
			}
			t.Run(c.name+"/"+name, func(t *testing.T) {
				api, count := c.serve(t, says(200, "{}"))
				m := cloudMessage(t)
				spoil(m)
				answer, err := api.Send(t.Context(), m)
				if answer.Verdict != Refused || err == nil || count.Load() != 0 {
					t.Errorf("%+v, %v, %d requests", answer, err, count.Load())
				}
				discreet(t, err)
			})
		}
	}
}

func TestCloudAccounts(t *testing.T) {
	for _, c := range clouds {
		for name, x := range map[string]struct {
			spoil func(*Account)
			err   string
		}{
			"none":               {func(*Account) {}, ""},
			"the cloud itself":   {func(a *Account) { a.Address = "" }, ""},
			"another host":       {func(a *Account) { a.Address = "sms.example.com:8443" }, ""},
			"another region":     {func(a *Account) { a.Cloud.Region = "ap-beijing" }, ""},
			"a path":             {func(a *Account) { a.Address = "sms.example.com/v2" }, "has a path"},
			"in clear elsewhere": {func(a *Account) { a.Address = "http://sms.example.com" }, "https://"},
			"no login":           {func(a *Account) { a.Login = "" }, "login"},
			"no secret":          {func(a *Account) { a.Secret = "" }, "secret"},
		} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				a := c.account(t, "http://127.0.0.1:1")
				x.spoil(&a)
				_, err := c.make(a)
				if (err == nil) != (x.err == "") || err != nil && !strings.Contains(err.Error(), x.err) {
					t.Errorf("%v, not %q", err, x.err)
				}
				discreet(t, err)
			})
		}
	}
	a := clouds[1].account(t, "http://127.0.0.1:1")
	for _, none := range []*registry.CloudUpstream{nil, {}} {
		a.Cloud = none
		if _, err := NewTencent(a); err == nil || !strings.Contains(err.Error(), "options.cloud.app_id") {
			t.Errorf("without an application: %v", err)
		}
	}
	t.Setenv("DEBUG", "other,dara")
	if _, err := NewAliyun(a); err == nil || !strings.Contains(err.Error(), "DEBUG") {
		t.Errorf("the SDK would print numbers: %v", err)
	}
}

// The SDKs take keys, proxies and their passwords from the environment, if they are let.
func TestCloudsTakeNothingFromTheEnvironment(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"} {
		t.Setenv(name, "http://someone:password@127.0.0.1:1")
	}
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "another")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "another")
	t.Setenv("TENCENTCLOUD_SECRET_ID", "another")
	t.Setenv("TENCENTCLOUD_SECRET_KEY", "another")
	for _, c := range clouds {
		api, _ := c.serve(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
			if r.Header.Get("Proxy-Authorization") != "" || !strings.Contains(r.Header.Get("Authorization"), "Credential="+cloudLogin) {
				t.Errorf("%s: %v", c.name, r.Header)
			}
			says(400, `{"Code":"InvalidParameter","Response":{"Error":{"Code":"InvalidParameter","Message":"x"},"RequestId":"R1"}}`)(w, r, nil)
		})
		if answer, err := api.Send(t.Context(), cloudMessage(t)); answer != (Answer{Verdict: Refused, Code: "InvalidParameter"}) || err != nil {
			t.Errorf("%s: %+v, %v", c.name, answer, err)
		}
	}
}

// P7: no word of the SDKs' own reaches the log.
func TestCloudsPrintNothing(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, errs := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = w, w // the SDKs take hold of them when they are made
	log.SetOutput(w)
	read := make(chan string)
	go func() {
		b, _ := io.ReadAll(r)
		read <- string(b)
	}()
	for _, c := range clouds {
		for _, h := range broken() {
			api, _ := c.serve(t, h.handler)
			_, _ = api.Send(t.Context(), cloudMessage(t)) // what it comes to is tested elsewhere
		}
	}
	os.Stdout, os.Stderr = out, errs
	log.SetOutput(errs)
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if printed := <-read; printed != "" {
		t.Errorf("they print %q", printed)
	}
}

func TestCloudsSendAtTheSameTime(t *testing.T) {
	t.Parallel()
	for _, c := range clouds {
		t.Run(c.name, func(t *testing.T) {
			api, count := c.serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
				answer := `{"Code":"OK","BizId":"` + r.URL.Query().Get("OutId") + `"}`
				if c.name == registry.ByTencent {
					_, after, _ := bytes.Cut(body, []byte(`"SessionContext":"`))
					ref, _, _ := strings.Cut(string(after), `"`)
					answer = `{"Response":{"SendStatusSet":[{"Code":"Ok","SerialNo":"` + ref + `"}],"RequestId":"R1"}}`
				}
				says(200, answer)(w, r, body)
			})
			var all sync.WaitGroup
			for i := range 32 {
				m := cloudMessage(t)
				m.Ref += string(rune('a' + i%26))
				all.Go(func() {
					if answer, err := api.Send(t.Context(), m); err != nil || answer.Verdict != Accepted || answer.ID != m.Ref {
						t.Errorf("%+v, %v", answer, err)
					}
				})
			}
			all.Wait()
			if count.Load() != 32 {
				t.Errorf("%d requests were made", count.Load())
			}
		})
	}
}
