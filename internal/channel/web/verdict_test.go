package web

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"
)

// What an answer does not say is in doubt; what it says is kept (P3).
func TestAnswersOfDescribedUpstreams(t *testing.T) {
	const (
		byJSON  = `{"accepted":"json.code == 0","id":"json.id","code":"json.code","over_speed":"json.code == 8"}`
		refused = `{"accepted":"json.code == 0","id":"json.id","code":"json.code","refused":"json.code in [7, '7']"}`
		byText  = `{"accepted":"payload.split(',')[1] == 'ok'","id":"payload.split(',')[0]"}`
		byState = `{"accepted":"status == 201","id":"headers['x-id']","over_speed":"status == 503 && headers['x-why'] == 'fast'"}`
	)
	long := strings.Repeat("信", 40)
	for name, c := range map[string]struct {
		answer  string
		status  int
		body    string
		headers string // name=value
		want    Answer
		err     string // "" is none
	}{
		"taken":                        {byJSON, 200, `{"code":0,"id":"a"}`, "", Answer{Verdict: Accepted, ID: "a", Code: "0"}, ""},
		"taken, whatever the status":   {byJSON, 500, `{"code":0,"id":7}`, "", Answer{Verdict: Accepted, ID: "7", Code: "0"}, ""},
		"taken, the longest id":        {byJSON, 200, `{"code":0,"id":"` + long[:63] + `x"}`, "", Answer{Verdict: Accepted, ID: long[:63] + "x", Code: "0"}, ""},
		"taken, no id":                 {byJSON, 200, `{"code":0}`, "", Answer{Code: "0"}, "options.http.answer.id: what it reads is not there"},
		"taken, a NUL in its id":       {byJSON, 200, `{"code":0,"id":"a\u0000"}`, "", Answer{Code: "0"}, "options.http.answer.id: it gave 2 bytes"},
		"taken, by our id":             {`{"accepted":"json.code == 0","id":"ref"}`, 200, `{"code":0}`, "", Answer{Verdict: Accepted, ID: "7301-1"}, ""},
		"taken, an empty id":           {byJSON, 200, `{"code":0,"id":""}`, "", Answer{Code: "0"}, "options.http.answer.id: it gave 0 bytes"},
		"taken, a longer id":           {byJSON, 200, `{"code":0,"id":"` + long + `"}`, "", Answer{Code: "0"}, "options.http.answer.id: it gave 120 bytes"},
		"taken, a list as an id":       {byJSON, 200, `{"code":0,"id":["a"]}`, "", Answer{Code: "0"}, "options.http.answer.id: it gave list"},
		"refused":                      {byJSON, 200, `{"code":7}`, "", Answer{Verdict: Refused, Code: "7"}, ""},
		"refused by a text":            {byJSON, 200, `{"code":"E1"}`, "", Answer{Verdict: Refused, Code: "E1"}, ""},
		"a long code":                  {byJSON, 200, `{"code":"` + long + `"}`, "", Answer{Verdict: Refused, Code: long[:63]}, ""},
		"over-speed":                   {byJSON, 200, `{"code":8}`, "", Answer{Verdict: NotNow, Code: "8"}, ""},
		"over-speed by status":         {byJSON, 429, "slow down", "Retry-After=3", Answer{Verdict: NotNow, Wait: 3 * time.Second}, ""},
		"over-speed for long":          {byJSON, 429, "{}", "Retry-After=3600", Answer{Verdict: NotNow, Wait: time.Minute}, ""},
		"over-speed until a date":      {byJSON, 429, "{}", "Retry-After=Tue, 24 Nov 2026 02:00:09 GMT", Answer{Verdict: NotNow}, ""},
		"over-speed for less than 0":   {byJSON, 429, "{}", "Retry-After=-1", Answer{Verdict: NotNow}, ""},
		"over-speed for ever":          {byJSON, 429, "{}", "Retry-After=99999999999999999999", Answer{Verdict: NotNow}, ""},
		"no JSON":                      {byJSON, 200, "<html>", "", Answer{}, "options.http.answer.accepted: "},
		"nothing":                      {byJSON, 200, "", "", Answer{}, "options.http.answer.accepted: "},
		"null":                         {byJSON, 200, "null", "", Answer{}, "options.http.answer.accepted: "},
		"JSON of another":              {byJSON, 200, `{"error":"login"}`, "", Answer{}, "options.http.answer.accepted: what it reads is not there"},
		"JSON of another, 4xx":         {byJSON, 400, `{"error":"login"}`, "", Answer{Verdict: Refused}, ""},
		"a bad key":                    {byJSON, 401, `{"error":"login"}`, "", Answer{Verdict: NotNow}, ""},
		"may not":                      {byJSON, 403, "<html>", "", Answer{Verdict: NotNow}, ""},
		"may not, said to be refused":  {refused, 403, `{"code":7}`, "", Answer{Verdict: Refused, Code: "7"}, ""},
		"may not, said to be speed":    {byJSON, 403, `{"code":8}`, "", Answer{Verdict: NotNow, Code: "8"}, ""},
		"no JSON, 4xx":                 {byJSON, 404, "<html>", "", Answer{}, "status 404"},
		"its own error":                {byJSON, 500, `{"code":7}`, "", Answer{Code: "7"}, "status 500"},
		"its gateway's error":          {byJSON, 502, "<html>", "", Answer{}, "status 502"},
		"a redirect":                   {byJSON, 302, "<html>", "Location=/elsewhere", Answer{}, "status 302"},
		"said to be refused":           {refused, 200, `{"code":7}`, "", Answer{Verdict: Refused, Code: "7"}, ""},
		"said to be refused, 5xx":      {refused, 500, `{"code":"7"}`, "", Answer{Verdict: Refused, Code: "7"}, ""},
		"not said to be refused":       {refused, 200, `{"code":9}`, "", Answer{Code: "9"}, "neither"},
		"not said to be refused, 4xx":  {refused, 400, `{"code":9}`, "", Answer{Code: "9"}, "neither"},
		"nothing said":                 {refused, 400, `{}`, "", Answer{}, "options.http.answer.accepted: "},
		"text: taken":                  {byText, 200, "77,ok", "", Answer{Verdict: Accepted, ID: "77"}, ""},
		"text: says nothing":           {byText, 200, "0,bad", "", Answer{}, "neither"},
		"text: a code":                 {byText[:len(byText)-1] + `,"code":"payload.split(',')[1]"}`, 200, "0,bad", "", Answer{Verdict: Refused, Code: "bad"}, ""},
		"it took too long":             {byJSON, 408, `{"code":7}`, "", Answer{Code: "7"}, "status 408"},
		"text: can't be read":          {byText, 200, "bad", "", Answer{}, "options.http.answer.accepted: what it reads is shorter"},
		"text: can't be read, 4xx":     {byText, 400, "bad", "", Answer{Verdict: Refused}, ""},
		"text: 5xx":                    {byText, 500, "0,bad", "", Answer{}, "status 500"},
		"status: taken":                {byState, 201, "", "X-Id=77", Answer{Verdict: Accepted, ID: "77"}, ""},
		"status: refused":              {byState, 422, "", "", Answer{Verdict: Refused}, ""},
		"status: over-speed":           {byState, 503, "", "X-Why=fast", Answer{Verdict: NotNow}, ""},
		"status: unclear":              {byState, 503, "", "", Answer{}, "status 503"},
		"as long as it may be":         {byState, 422, strings.Repeat("x", maxAnswered), "", Answer{Verdict: Refused}, ""},
		"longer than it may be":        {byState, 201, strings.Repeat("x", maxAnswered+1), "X-Id=77", Answer{}, "longer than 65536 bytes"},
		"shorter than it says":         {byState, 201, "x", "Content-Length=9", Answer{}, "read the answer (status 201)"},
		"a condition that is no truth": {`{"accepted":"json.ok","id":"'1'"}`, 200, `{"ok":1}`, "", Answer{}, "options.http.answer.accepted: it gave int, not true or false"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			api := serveCustom(t, `{"request":{"method":"POST","json":{"to":"${phone}"}},"answer":`+c.answer+`}`, func(w http.ResponseWriter, _ *http.Request, _ string) {
				asked.Add(1)
				if name, value, ok := strings.Cut(c.headers, "="); ok {
					w.Header().Set(name, value)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			api.client.Transport = http.DefaultTransport // which would follow and does not bound
			a, err := api.Send(t.Context(), sample(t))
			if a != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %+v (%v), want %+v (%s)", a, err, c.want, c.err)
			}
			if n := asked.Load(); n != 1 || !utf8.ValidString(a.Code) {
				t.Errorf("%d requests were made, code %q", n, a.Code)
			}
		})
	}
}

// What can't become a request is not asked, and the number and the text are in no error.
func TestRequestsThatCanNotBeMade(t *testing.T) {
	for name, c := range map[string]struct {
		request, sign, want string
		text                string
	}{
		"a line break in a header":     {`{"method":"GET","headers":{"X-Text":"${text}"}}`, "", "options.http.request.headers.X-Text: a header's value holds a line break", "1\r\nX-Evil: 17000000001"},
		"a line break in a signature":  {`{"method":"GET"}`, `{"scheme":"bearer","key":"${secret}${text}"}`, "options.http.sign.value: a header's value holds a line break", "1\n17000000001"},
		"a variable that is not there": {`{"method":"POST","json":{"a":["${params.name}"]}}`, "", "options.http.request.json.a.0: what it reads is not there", ""},
		"a path":                       {`{"method":"GET","path":"/${params[phone]}"}`, "", "options.http.request.path: ", ""},
		"a query":                      {`{"method":"GET","query":{"q":"${values[7]}"}}`, "", "options.http.request.query.q: ", ""},
		"a form":                       {`{"method":"POST","form":{"q":"${int(text)}"}}`, "", "options.http.request.form.q: ", ""},
		"any other body":               {`{"method":"POST","headers":{"Content-Type":"text/xml"},"text":"<a>${values[7]}</a>"}`, "", "options.http.request.text: ", ""},
		"what is signed":               {`{"method":"GET"}`, `{"scheme":"hmac","text":"${int(text)}"}`, "options.http.sign.text: ", ""},
		"the key":                      {`{"method":"GET"}`, `{"scheme":"hmac","text":"x","key":"${values[7]}"}`, "options.http.sign.key: ", ""},
		"the signature's value":        {`{"method":"GET"}`, `{"scheme":"hmac","text":"x","value":"${sign.substring(99)}"}`, "options.http.sign.value: ", ""},
		"a body beyond its bound":      {`{"method":"POST","json":["${text}","${text}","${text}","${text}","${text}"]}`, "", "options.http.request.json: the body became longer than 262144 bytes", strings.Repeat("x", 60<<10)},
		"a text beyond its bound":      {`{"method":"GET","query":{"q":"${text}"}}`, "", "options.http.request.query.q: it gave more than 65536 bytes", strings.Repeat("x", 70<<10)},
	} {
		t.Run(name, func(t *testing.T) {
			sign := ""
			if c.sign != "" {
				sign = `"sign":` + c.sign + `,`
			}
			api := serveCustom(t, `{"request":`+c.request+`,`+sign+`"answer":{"accepted":"true","id":"'1'"}}`, func(http.ResponseWriter, *http.Request, string) {
				t.Error("a request was made")
			})
			m, flight := sample(t), &Flight{}
			if c.text != "" {
				m.Text = c.text
			}
			a, err := api.Send(Track(t.Context(), flight), m)
			if err == nil || a != (Answer{}) || !strings.HasPrefix(err.Error(), "not asked: "+c.want) || flight.Reached() {
				t.Errorf("got %+v (%v), want %s", a, err, c.want)
			}
			if strings.Contains(err.Error(), "17000000001") || strings.Contains(err.Error(), "您的") {
				t.Errorf("the error holds personal data: %v", err)
			}
		})
	}
}

// A GET has the number and the text in its address, which net/http's errors repeat.
func TestErrorsOfConnectionsHoldNoAddress(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	account := customAccount(t, `{"request":{"method":"GET","path":"/${phone}","query":{"text":"${text}","key":"${secret}"}},"answer":{"accepted":"true","id":"'1'"}}`, server.URL)
	server.Close()
	api, err := NewCustom(account)
	if err != nil {
		t.Fatal(err)
	}
	_, err = api.Send(t.Context(), sample(t))
	if err == nil || !strings.HasPrefix(err.Error(), "http: no answer: ") {
		t.Fatalf("got %v", err)
	}
	for _, personal := range []string{"17000000001", "246810", "%E6", "s3cret"} {
		if strings.Contains(err.Error(), personal) {
			t.Errorf("the error holds %q: %v", personal, err)
		}
	}
}

func TestPathsOfRequests(t *testing.T) {
	for name, c := range map[string]struct{ base, path, want string }{
		"none":                     {"", "", "/"},
		"the address's alone":      {"/v1/", "", "/v1/"},
		"both":                     {"/v1", "/sms", "/v1/sms"},
		"both, both with a /":      {"/v1/", "/sms/", "/v1/sms/"},
		"neither with a /":         {"/v1", "sms", "/v1/sms"},
		"the path alone":           {"", "sms", "/sms"},
		"what is computed":         {"/v1", "/to/${text}/x", "/v1/to/a%2F..%2Fb%3Fc=d%20%E4%BD%A0/x"},
		"an address with escapes":  {"/a%2Fb", "${phone}", "/a%2Fb/17000000001"},
		"characters that stand so": {"/v1", "/短信", "/v1/%E7%9F%AD%E4%BF%A1"},
	} {
		t.Run(name, func(t *testing.T) {
			account := customAccount(t, `{"request":{"method":"GET","path":"`+c.path+`","query":{"q":"1"}},"answer":{"accepted":"true","id":"'1'"}}`, "http://127.0.0.1:1"+c.base)
			api, err := NewCustom(account)
			if err != nil {
				t.Fatal(err)
			}
			m := sample(t)
			m.Text = "a/../b?c=d 你"
			api.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.URL.EscapedPath() != c.want && r.URL.EscapedPath()+"/" != c.want || r.URL.RawQuery != "q=1" {
					t.Errorf("got %s?%s, want %s", r.URL.EscapedPath(), r.URL.RawQuery, c.want)
				}
				return nil, io.EOF
			})
			if _, err := api.Send(t.Context(), m); err == nil || !errors.Is(err, io.EOF) {
				t.Error(err)
			}
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// valid_seconds is 0 only for a message that is valid without limit.
func TestValidity(t *testing.T) {
	for name, c := range map[string]struct {
		until time.Time
		want  string
	}{
		"no limit":      {time.Time{}, "0"},
		"ten minutes":   {clock().Add(10 * time.Minute), "600"},
		"a half second": {clock().Add(time.Second / 2), "1"},
		"over":          {clock().Add(-time.Hour), "1"},
	} {
		t.Run(name, func(t *testing.T) {
			api := serveCustom(t, `{"request":{"method":"GET","query":{"v":"${valid_seconds}"}},"answer":{"accepted":"true","id":"'1'"}}`, func(_ http.ResponseWriter, r *http.Request, _ string) {
				if got := r.URL.Query().Get("v"); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			})
			m := sample(t)
			m.ValidUntil = c.until
			if _, err := api.Send(t.Context(), m); err != nil {
				t.Error(err)
			}
		})
	}
}

// An API is used by many goroutines at once, and a nonce never comes twice.
func TestDescribedUpstreamIsConcurrent(t *testing.T) {
	var seen sync.Map
	api := serveCustom(t, `{"request":{"method":"POST","json":{"n":"${nonce}"}},"sign":{"scheme":"hmac","text":"${payload}","in":"json","name":"sign"},"answer":{"accepted":"status == 200","id":"payload"}}`,
		func(w http.ResponseWriter, _ *http.Request, body string) {
			v, _ := readJSON([]byte(body))
			o, _ := v.(map[string]any)
			if _, twice := seen.LoadOrStore(o["n"], true); twice {
				t.Error("a nonce came twice")
			}
			if o["sign"] != hash256(`{"n":"`+o["n"].(string)+`"}`) {
				t.Error("the signature is of another request")
			}
			_, _ = io.WriteString(w, o["n"].(string))
		})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				if a, err := api.Send(t.Context(), sample(t)); err != nil || a.Verdict != Accepted || len(a.ID) != 32 {
					t.Errorf("got %+v (%v)", a, err)
				}
			}
		})
	}
	all.Wait()
}
