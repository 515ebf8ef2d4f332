package web

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // what upstreams ask for
	"crypto/sha1" //nolint:gosec // what upstreams ask for
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// clock is ten o'clock in China.
func clock() time.Time { return time.Date(2026, 11, 24, 2, 0, 0, 250_000_000, time.UTC) }

// sample is the message that these tests send.
func sample(t testing.TB) *Message {
	t.Helper()
	n, err := sms.ParseMSISDN("17000000001")
	if err != nil {
		t.Fatal(err)
	}
	return &Message{
		Ref: "7301-1", Number: n, Text: "【准信】您的验证码是246810，a&b=c", Source: "1069000101", Extension: "01",
		ValidUntil: clock().Add(10 * time.Minute), Template: "SMS_1", Names: []string{"code", "minutes"}, Values: []string{"246810", "5"},
	}
}

func decoded[T any](t testing.TB, text string) *T {
	t.Helper()
	v := new(T)
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatal(err)
	}
	return v
}

// customAccount is the account of a description in JSON.
func customAccount(t testing.TB, description, address string) Account {
	t.Helper()
	base, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	x := NewTransport(base, 4)
	t.Cleanup(x.Close)
	return Account{
		Address: address, Login: "acme", Secret: "s3cret", AccessCode: "10690001",
		HTTP: decoded[registry.HTTPUpstream](t, description), Transport: x, Now: clock,
	}
}

// serveCustom describes an upstream at /v1 that does what a test says.
func serveCustom(t *testing.T, description string, h func(w http.ResponseWriter, r *http.Request, body string)) *Custom {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		h(w, r, string(body))
	}))
	t.Cleanup(server.Close)
	api, err := NewCustom(customAccount(t, description, server.URL+"/v1"))
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// upstream is one of the kinds that there are: what it wants and says is written here
// anew, by the standard library alone.
type upstream struct {
	description string
	wants       func(r *http.Request, body string) error
	answer      string
	id          string
	// posts are its callbacks, with what becomes of them.
	posts func(address string) (reports, replies *http.Request)
	rep   []Report
	mo    session.MO
	taken string // what it is answered
}

func hash256(text string) string {
	m := hmac.New(sha256.New, []byte("s3cret"))
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil))
}

func hash5(text string) string {
	sum := md5.Sum([]byte(text)) //nolint:gosec // what upstreams ask for
	return hex.EncodeToString(sum[:])
}

// sorted1 is how the upstream with sorted parameters signs.
func sorted1(q url.Values) string {
	q.Del("sign")
	var list []string
	for name := range q {
		if q.Get(name) != "" {
			list = append(list, name+"="+q.Get(name))
		}
	}
	slices.Sort(list)
	m := hmac.New(sha1.New, []byte("s3cret&"))
	m.Write([]byte("GET&" + strings.Join(list, "&")))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func request(method, address, body string, headers ...string) *http.Request {
	r, err := http.NewRequest(method, address, strings.NewReader(body)) //nolint:noctx // bounded by the test
	if err != nil {
		panic(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func expect(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] != pairs[i+1] {
			return fmt.Errorf("it has %q where %q belongs", pairs[i], pairs[i+1])
		}
	}
	return nil
}

var upstreams = map[string]upstream{
	"JSON, HMAC-SHA256 in a header": {
		description: `{
			"request":{"method":"POST","path":"/sms/send","headers":{"X-Timestamp":"${unix}","X-Nonce":"${nonce}","X-App-Id":"${login}"},
				"json":{"mobile":["${phone}"],"content":"${text}","ext":"${extension}","seq":"${ref}","ttl":"${valid_seconds}","sp":"${source}"}},
			"sign":{"scheme":"hmac","text":"${unix}${nonce}${payload}","name":"X-Signature"},
			"answer":{"accepted":"json.code == 0","id":"json.data.msgId","code":"json.code"},
			"reports":{"id":"item.msgId","phone":"item.mobile","code":"item.status","delivered":"item.status == 'DELIVRD'","pending":"item.status == 'SENT'","ref":"item.seq"},
			"replies":{"id":"item.moId","phone":"item.mobile","dest":"item.spNumber","text":"item.content"},
			"verify":{"scheme":"hmac","text":"${headers['x-timestamp']}${headers['x-nonce']}${payload}","value":"${headers['x-signature']}","time":"int(headers['x-timestamp'])"},
			"accept":{"type":"text/plain","body":"OK"}}`,
		wants: func(r *http.Request, body string) error {
			h := r.Header.Get
			if len(h("X-Nonce")) != 32 {
				return fmt.Errorf("nonce %q", h("X-Nonce"))
			}
			return expect(h("X-Signature"), hash256(h("X-Timestamp")+h("X-Nonce")+body), h("X-Timestamp"), "1795485600", h("X-App-Id"), "acme",
				r.Method+r.URL.Path, "POST/v1/sms/send", h("Content-Type"), "application/json",
				body, `{"content":"【准信】您的验证码是246810，a&b=c","ext":"01","mobile":["17000000001"],"seq":"7301-1","sp":"1069000101","ttl":600}`)
		},
		answer: `{"code":0,"data":{"msgId":"M-1"}}`, id: "M-1",
		posts: func(address string) (reports, replies *http.Request) {
			const r = `[{"msgId":"M-1","mobile":"8617000000001","status":"DELIVRD","seq":"7301-1"},{"msgId":"M-2","mobile":"+86 170-0000-0002","status":"MK:0012"},` +
				`{"msgId":"M-3","mobile":"17000000003","status":"SENT","seq":"7301-3"}]`
			const m = `{"moId":"U-1","mobile":"17000000001","spNumber":"1069000101","content":"退订T😀"}`
			return request("POST", address, r, "X-Timestamp", "1795485500", "X-Nonce", "n", "X-Signature", hash256("1795485500n"+r)),
				request("POST", address, m, "X-Timestamp", "1795485700", "X-Nonce", "n", "X-Signature", hash256("1795485700n"+m))
		},
		rep: []Report{
			{Report: session.Report{ID: "M-1", Dest: "17000000001", Stat: "DELIVRD"}, Ref: "7301-1"},
			{Report: session.Report{ID: "M-2", Dest: "17000000002", Stat: "MK:0012"}, Foreign: true},
			{Report: session.Report{ID: "M-3", Dest: "17000000003", Stat: "ACCEPTD", Err: "SENT"}, Ref: "7301-3"},
		},
		mo:    session.MO{ID: "U-1", Source: "17000000001", Dest: "1069000101", Coding: 8, Content: []byte("退订T😀")},
		taken: "text/plain OK",
	},
	"a form, md5 over the account, text as an answer": {
		description: `{
			"request":{"method":"POST","path":"sendsms.aspx","form":{"account":"${login}","timestamp":"${stamp}","mobile":"${phone}","content":"${text}","sign":"${hex(md5(login + hex(md5(secret)) + stamp))}"}},
			"answer":{"accepted":"payload.startsWith('0,')","id":"payload.split(',')[1].trim()","code":"payload.split(',')[0]","over_speed":"payload.split(',')[0] == '-9'"},
			"reports":{"list":"form.report.split(';').filter(x, x != '')","id":"item.split(',')[0]","phone":"item.split(',')[1]","code":"item.split(',')[2]","delivered":"item.split(',')[2] in ['0', 'DELIVRD']"},
			"replies":{"list":"[form]","phone":"item.mobile","dest":"access_code + item.ext","text":"item.content"},
			"verify":{"scheme":"digest","hash":"md5","text":"${form.account}${hex(md5(secret))}${form.timestamp}","value":"${form.sign}"},
			"accept":{"type":"text/html; charset=utf-8","body":"0"}}`,
		wants: func(r *http.Request, body string) error {
			f, err := url.ParseQuery(body)
			if err != nil {
				return err
			}
			return expect(f.Get("sign"), hash5("acme"+hash5("s3cret")+f.Get("timestamp")), f.Get("timestamp"), "20261124100000", f.Get("account"), "acme",
				r.Method+r.URL.Path, "POST/v1/sendsms.aspx", r.Header.Get("Content-Type"), formMedia,
				f.Get("mobile"), "17000000001", f.Get("content"), "【准信】您的验证码是246810，a&b=c")
		},
		answer: "0,1234567890\r\n", id: "1234567890",
		posts: func(address string) (reports, replies *http.Request) {
			r, m := url.Values{"report": {"1234567890,17000000001,0;1234567891,17000000002,-7;"}}, url.Values{"mobile": {"17000000001"}, "ext": {"01"}, "content": {"T"}}
			for _, f := range []url.Values{r, m} {
				f.Set("account", "acme")
				f.Set("timestamp", "20261124100000")
				f.Set("sign", hash5("acme"+hash5("s3cret")+"20261124100000"))
			}
			return request("POST", address, r.Encode(), "Content-Type", formMedia), request("POST", address, m.Encode(), "Content-Type", formMedia)
		},
		rep: []Report{
			{Report: session.Report{ID: "1234567890", Dest: "17000000001", Stat: "DELIVRD", Err: "0"}},
			{Report: session.Report{ID: "1234567891", Dest: "17000000002", Stat: "-7"}},
		},
		mo:    session.MO{Source: "17000000001", Dest: "1069000101", Coding: 8, Content: []byte("T")},
		taken: "text/html; charset=utf-8 0",
	},
	"bearer, JSON with large numbers as ids": {
		description: `{
			"request":{"method":"PUT","path":"/messages/${ref}","json":{"to":"${e164}","text":"${body}","sign":"${signature}","at":"${iso}","ms":"${unix_ms}","tpl":"${template}","vars":"${params}","list":"${values}"}},
			"sign":{"scheme":"bearer"},
			"answer":{"accepted":"status == 202 && has(json.id)","id":"json.id"},
			"reports":{"list":"json.events","id":"item.id","phone":"item.to","code":"item.state","delivered":"item.state == 2"},
			"replies":{"list":"json.events","id":"item.id","phone":"item.from","dest":"item.to","text":"item.text"},
			"verify":{"scheme":"bearer"}}`,
		wants: func(r *http.Request, body string) error {
			return expect(r.Header.Get("Authorization"), "Bearer s3cret", r.Method+r.URL.Path, "PUT/v1/messages/7301-1",
				body, `{"at":"2026-11-24T02:00:00Z","list":["246810","5"],"ms":1795485600250,"sign":"准信","text":"您的验证码是246810，a&b=c","to":"+8617000000001","tpl":"SMS_1","vars":{"code":"246810","minutes":"5"}}`)
		},
		answer: `{"id":9007199254740993}`, id: "9007199254740993",
		posts: func(address string) (reports, replies *http.Request) {
			return request("POST", address, `{"events":[{"id":9007199254740993,"to":17000000001,"state":2},{"id":18446744073709551617,"to":"+8617000000002","state":5}]}`, "Authorization", "Bearer s3cret"),
				request("POST", address, `{"events":[{"id":9007199254740995,"from":8617000000001,"to":1069000101,"text":"T"}]}`, "Authorization", "Bearer s3cret")
		},
		rep: []Report{
			{Report: session.Report{ID: "9007199254740993", Dest: "17000000001", Stat: "DELIVRD", Err: "2"}},
			{Report: session.Report{ID: "18446744073709551617", Dest: "17000000002", Stat: "5"}},
		},
		mo:    session.MO{ID: "9007199254740995", Source: "17000000001", Dest: "1069000101", Coding: 8, Content: []byte("T")},
		taken: `application/json {"code":0}`,
	},
	"GET, HMAC-SHA1 over sorted parameters in base64": {
		description: `{
			"request":{"method":"GET","path":"/api","query":{"Action":"Send","AppKey":"${login}","Mobile":"${phone}","Content":"${text}","Ts":"${unix_ms}","Nonce":"${nonce}","Batch":""}},
			"sign":{"scheme":"hmac","hash":"sha1","key":"${secret}&","text":"${method}&${sorted}","encoding":"base64","in":"query","name":"sign"},
			"answer":{"accepted":"json.Code == 'OK'","id":"json.BizId","code":"json.Code"},
			"reports":{"id":"query.id","phone":"query.mobile","code":"query.stat","delivered":"query.stat == '1'"},
			"replies":{"id":"query.id","phone":"query.mobile","dest":"query.sp","text":"query.msg"},
			"verify":{"scheme":"hmac","hash":"sha1","key":"${secret}&","text":"${method}&${sorted}","encoding":"base64","in":"query","name":"sign","value":"${query.sign}","time":"int(query.ts) / 1000"},
			"accept":{"type":"text/plain","body":"success"}}`,
		wants: func(r *http.Request, body string) error {
			q := r.URL.Query()
			return expect(q.Get("sign"), sorted1(r.URL.Query()), r.Method+r.URL.Path, "GET/v1/api", q.Get("Ts"), "1795485600250", body, "",
				q.Get("Mobile"), "17000000001", q.Get("Content"), "【准信】您的验证码是246810，a&b=c", r.Header.Get("Content-Type"), "")
		},
		answer: `{"Code":"OK","BizId":"B+1/="}`, id: "B+1/=",
		posts: func(address string) (reports, replies *http.Request) {
			r, m := url.Values{"id": {"B+1/="}, "mobile": {"17000000001"}, "stat": {"DB:0119"}}, url.Values{"id": {"7"}, "mobile": {"17000000001"}, "sp": {"1069000101"}, "msg": {"T & 退订"}}
			for _, q := range []url.Values{r, m} {
				q.Set("ts", "1795485600999")
				q.Set("empty", "")
				q.Set("sign", sorted1(copied(q)))
			}
			return request("GET", address+"?"+r.Encode(), ""), request("GET", address+"?"+m.Encode(), "")
		},
		rep:   []Report{{Report: session.Report{ID: "B+1/=", Dest: "17000000001", Stat: "DB:0119"}}},
		mo:    session.MO{ID: "7", Source: "17000000001", Dest: "1069000101", Coding: 8, Content: []byte("T & 退订")},
		taken: "text/plain success",
	},
}

func copied(q url.Values) url.Values {
	c, _ := url.ParseQuery(q.Encode())
	return c
}

// Each kind of upstream takes a message, reports on it and brings a reply.
func TestUpstreamsThatAreDescribed(t *testing.T) {
	for name, u := range upstreams {
		t.Run(name, func(t *testing.T) {
			api := serveCustom(t, u.description, func(w http.ResponseWriter, r *http.Request, body string) {
				if err := u.wants(r, body); err != nil {
					t.Error(err)
				}
				if r.Method == http.MethodPut {
					w.WriteHeader(http.StatusAccepted)
				}
				_, _ = io.WriteString(w, u.answer)
			})
			if a, err := api.Send(t.Context(), sample(t)); err != nil || a.Verdict != Accepted || a.ID != u.id {
				t.Errorf("got %+v (%v), want id %s", a, err, u.id)
			}
			var reports []Report
			var replies []session.MO
			ours := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				payload, err := io.ReadAll(r.Body)
				c := &Callback{Request: r, Payload: payload}
				if err == nil && r.URL.Path == "/reports" {
					reports, err = api.Reports(c)
				} else if err == nil {
					replies, err = api.Replies(c)
				}
				if err != nil {
					t.Error(err)
				}
				api.Received(w, err == nil)
			}))
			defer ours.Close()
			r, _ := u.posts(ours.URL + "/reports")
			_, m := u.posts(ours.URL + "/replies")
			for _, post := range []*http.Request{r, m} {
				resp, err := ours.Client().Do(post)
				if err != nil {
					t.Fatal(err)
				}
				said, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if got := resp.Header.Get("Content-Type") + " " + string(said); err != nil || resp.StatusCode != http.StatusOK || got != u.taken {
					t.Errorf("it is answered %d %q (%v), want %q", resp.StatusCode, got, err, u.taken)
				}
			}
			if !slices.Equal(reports, u.rep) {
				t.Errorf("reports are %+v, want %+v", reports, u.rep)
			}
			if u.mo.Content, _ = smstext.Encode(smstext.UCS2, string(u.mo.Content)); len(replies) != 1 || !same(replies[0], u.mo) {
				t.Errorf("replies are %+v, want %+v", replies, u.mo)
			}
		})
	}
}

func same(a, b session.MO) bool {
	return a.ID == b.ID && a.Source == b.Source && a.Dest == b.Dest && a.Coding == b.Coding && bytes.Equal(a.Content, b.Content) && !a.UDHI
}
