package web

import (
	"context"
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // what upstreams ask for
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/registry"
)

// A request bears its signature where the description says, and the rest is as it was.
func TestRequestsAreSigned(t *testing.T) {
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write([]byte("POST\n/v1/sms\n{\"to\":\"17000000001\"}\n1795485600"))
	byMac := mac.Sum(nil)
	const get, form, body = `{"method":"GET","path":"sms","query":{"to":"${phone}","empty":""}}`, `{"method":"POST","path":"sms","form":{"to":"${phone}"}}`, `{"method":"POST","path":"/sms","json":{"to":"${phone}"}}`
	over := func(text string) string { sum := md5.Sum([]byte(text)); return hex.EncodeToString(sum[:]) } //nolint:gosec // as above
	for name, c := range map[string]struct{ request, sign, where, want string }{
		"bearer":                   {body, `{"scheme":"bearer"}`, "header Authorization", "Bearer s3cret"},
		"a key of another name":    {body, `{"scheme":"bearer","name":"X-Api-Key","value":"${sign}"}`, "header X-Api-Key", "s3cret"},
		"a key in the query":       {body, `{"scheme":"bearer","key":"${login}.${secret}","in":"query","name":"token","value":"${sign}"}`, "query token", "acme.s3cret"},
		"basic":                    {body, `{"scheme":"basic"}`, "header Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("acme:s3cret"))},
		"hmac, hex":                {body, `{"scheme":"hmac","text":"${method}\n${path}\n${payload}\n${unix}","name":"X-Sign"}`, "header X-Sign", hex.EncodeToString(byMac)},
		"hmac, HEX":                {body, `{"scheme":"hmac","text":"${method}\n${path}\n${payload}\n${unix}","encoding":"HEX","in":"query","name":"sign"}`, "query sign", strings.ToUpper(hex.EncodeToString(byMac))},
		"hmac, base64 in a value":  {body, `{"scheme":"hmac","text":"${method}\n${path}\n${payload}\n${unix}","encoding":"base64","value":"ZX ${login}:${sign}"}`, "header Authorization", "ZX acme:" + base64.StdEncoding.EncodeToString(byMac)},
		"digest in a form":         {form, `{"scheme":"digest","hash":"md5","text":"${login}${secret}${stamp}","in":"form","name":"sign"}`, "form sign", over("acmes3cret20261124100000")},
		"digest in JSON":           {body, `{"scheme":"digest","hash":"md5","text":"${sorted}${secret}","in":"json","name":"sign"}`, "json sign", over("to=17000000001s3cret")},
		"empty ones do not count":  {get, `{"scheme":"digest","hash":"md5","text":"${sorted}&key=${secret}","in":"query","name":"sign"}`, "query sign", over("to=17000000001&key=s3cret")},
		"a key of another's wants": {get, `{"scheme":"digest","hash":"md5","text":"${secret}","in":"query","name":"sign","value":"v1:${sign.upperAscii()}"}`, "query sign", "v1:" + strings.ToUpper(over("s3cret"))},
	} {
		t.Run(name, func(t *testing.T) {
			var got *http.Request
			var payload string
			api := serveCustom(t, `{"request":`+c.request+`,"sign":`+c.sign+`,"answer":{"accepted":"status == 200","id":"'1'"}}`, func(w http.ResponseWriter, r *http.Request, b string) {
				got, payload = r, b
			})
			if a, err := api.Send(t.Context(), sample(t)); err != nil || a.Verdict != Accepted {
				t.Fatalf("got %+v (%v)", a, err)
			}
			if !strings.Contains(got.URL.RawQuery+payload, "17000000001") {
				t.Errorf("the number is gone: %q", payload)
			}
			if have := bearing(t, got, payload, c.where); have != c.want {
				t.Errorf("%s is %q, want %q", c.where, have, c.want)
			}
		})
	}
}

// bearing is what stands at a place of a request: "query sign".
func bearing(t *testing.T, r *http.Request, payload, where string) string {
	t.Helper()
	in, name, _ := strings.Cut(where, " ")
	switch in {
	case "header":
		return r.Header.Get(name)
	case "query":
		return r.URL.Query().Get(name)
	case "form":
		form, err := url.ParseQuery(payload)
		if err != nil {
			t.Fatal(err)
		}
		return form.Get(name)
	}
	v, _ := readJSON([]byte(payload))
	object, _ := v.(map[string]any)
	return fmt.Sprint(object[name])
}

func TestSortedParameters(t *testing.T) {
	query := url.Values{"b": {"2"}, "a": {"x y"}, "empty": {""}, "sign": {"old"}}
	form := url.Values{"B": {"&="}, "a0": {"1"}}
	body := map[string]any{"z": int64(7), "yes": true, "no": nil, "list": []any{int64(1)}, "map": map[string]any{"a": "b"}, "f": 1.5, "名": "值"}
	plain, encoded := sorted(query, form, body, "sign")
	if want := "B=&=&a=x y&a0=1&b=2&f=1.5&yes=true&z=7&名=值"; plain != want {
		t.Errorf("got %s, want %s", plain, want)
	}
	if want := "B=%26%3D&a=x%20y&a0=1&b=2&f=1.5&yes=true&z=7&%E5%90%8D=%E5%80%BC"; encoded != want {
		t.Errorf("got %s, want %s", encoded, want)
	}
	if plain, encoded := sorted(nil, nil, []any{"a"}, ""); plain != "" || encoded != "" {
		t.Errorf("a list gives %q and %q, and has no parameters", plain, encoded)
	}
}

// verified are descriptions with a callback that each lets in.
var verified = map[string]struct {
	verify, target, payload string
	headers                 map[string]string
}{
	"bearer":             {`{"scheme":"bearer"}`, "/r", `{"id":"1"}`, map[string]string{"Authorization": "Bearer s3cret"}},
	"basic":              {`{"scheme":"basic"}`, "/r", `{"id":"1"}`, map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("acme:s3cret"))}},
	"a key in the query": {`{"scheme":"bearer","in":"query","name":"token","value":"${query.token}"}`, "/r?token=s3cret", `{"id":"1"}`, nil},
	"hmac of the time and the body": {
		`{"scheme":"hmac","text":"${headers['x-time']}.${payload}","value":"${headers['x-sign']}","time":"int(headers['x-time'])"}`, "/r", `{"id":"1"}`,
		map[string]string{"X-Time": "1795485300", "X-Sign": hexMAC("1795485300.{\"id\":\"1\"}")},
	},
	"hmac of a long body": {
		`{"scheme":"hmac","text":"${payload}","value":"${headers['x-sign']}"}`, "/r", `{"id":"` + strings.Repeat("1", 500<<10) + `"}`,
		map[string]string{"X-Sign": hexMAC(`{"id":"` + strings.Repeat("1", 500<<10) + `"}`)},
	},
	"hmac of bytes that are no text": {
		`{"scheme":"hmac","text":"${payload}","value":"${headers['x-sign']}"}`, "/r", "id=\xff\xfe",
		map[string]string{"X-Sign": hexMAC("id=\xff\xfe")},
	},
	"hmac of method and path": {
		`{"scheme":"hmac","text":"${method} ${path}","value":"${headers['x-sign']}"}`, "/r/%E5%90%8D?a=b", "", map[string]string{"X-Sign": hexMAC("POST /r/%E5%90%8D")},
	},
	"digest in a form, of what is sorted": {
		`{"scheme":"digest","hash":"sha512","encoding":"HEX","text":"${sorted}&key=${secret}","in":"form","name":"sign","value":"${form.sign}","time":"int(form.t)"}`,
		"/r", "t=1795485900&b=2&a=1&sign=" + strings.ToUpper(hexSHA512("a=1&b=2&t=1795485900&key=s3cret")),
		map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
	},
	"digest in JSON": {
		`{"scheme":"digest","hash":"sha512","text":"${sorted}${secret}","in":"json","name":"sign","value":"${json.sign}"}`,
		"/r", `{"b":2,"a":"1","list":[1],"sign":"` + hexSHA512("a=1&b=2s3cret") + `"}`, nil,
	},
}

func hexMAC(text string) string {
	m := hmac.New(sha256.New, []byte("s3cret"))
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil))
}

func hexSHA512(text string) string {
	sum := sha512.Sum512([]byte(text))
	return hex.EncodeToString(sum[:])
}

// called is a callback as the server gives it.
func called(target, payload string, headers map[string]string) *Callback {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, target, strings.NewReader(payload))
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	return &Callback{Request: r, Payload: []byte(payload)}
}

const plainReports = `"reports":{"list":"[payload]","id":"'1'","phone":"'17000000001'","code":"'DELIVRD'","delivered":"true"},
	"replies":{"list":"[payload]","phone":"'17000000001'","dest":"access_code","text":"'T'"}`

func verifying(t *testing.T, verify string, change func(*Account)) *Custom {
	t.Helper()
	a := customAccount(t, `{"request":{"method":"GET"},"answer":{"accepted":"true","id":"'1'"},`+plainReports+`,"verify":`+verify+`}`, "http://127.0.0.1:1")
	if change != nil {
		change(&a)
	}
	api, err := NewCustom(a)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// A callback that is signed is read; one of which anything is changed is not.
func TestCallbacksAreVerified(t *testing.T) {
	for name, c := range verified {
		t.Run(name, func(t *testing.T) {
			api := verifying(t, c.verify, nil)
			if reports, err := api.Reports(called(c.target, c.payload, c.headers)); err != nil || len(reports) != 1 {
				t.Errorf("signed: got %d reports (%v)", len(reports), err)
			}
			if replies, err := api.Replies(called(c.target, c.payload, c.headers)); err != nil || len(replies) != 1 {
				t.Errorf("signed: got %d replies (%v)", len(replies), err)
			}
			refuse := func(what string, api *Custom, r *Callback) {
				t.Helper()
				reports, err := api.Reports(r)
				if len(reports) != 0 || !errors.Is(err, ErrSignature) {
					t.Errorf("%s: got %d reports (%v)", what, len(reports), err)
				}
				if replies, err := api.Replies(r); len(replies) != 0 || !errors.Is(err, ErrSignature) {
					t.Errorf("%s: got %d replies (%v)", what, len(replies), err)
				}
				if err != nil && strings.Contains(err.Error(), "s3cret") {
					t.Errorf("%s: the error tells the secret: %v", what, err)
				}
			}
			refuse("another secret", verifying(t, c.verify, func(a *Account) { a.Secret = "s3creT" }), called(c.target, c.payload, c.headers))
			refuse("no secret", verifying(t, c.verify, func(a *Account) { a.Secret = "" }), called(c.target, c.payload, c.headers))
			refuse("no signature", api, called("/r", "{}", nil))
			bare := called("/r", "", map[string]string{"Authorization": "", "X-Sign": "", "X-Time": "1795485600"})
			refuse("an empty signature", api, bare)
			if strings.Contains(c.verify, "text") {
				refuse("another body and path", api, called("/x", strings.Replace(strings.Replace(c.payload, "1", "3", 1), "\xff", "\xfd", 1), c.headers))
			}
		})
	}
}

// Without a secret everyone would know the key.
func TestNoSecretVerifiesNothing(t *testing.T) {
	m := hmac.New(sha256.New, nil)
	m.Write([]byte("x"))
	headers := map[string]string{"Authorization": "Bearer ", "X-Sign": hex.EncodeToString(m.Sum(nil))}
	for _, verify := range []string{`{"scheme":"bearer"}`, `{"scheme":"hmac","text":"${payload}","value":"${headers['x-sign']}"}`} {
		api := verifying(t, verify, func(a *Account) { a.Secret = "" })
		if reports, err := api.Reports(called("/r", "x", headers)); len(reports) != 0 || !errors.Is(err, ErrSignature) {
			t.Errorf("%s: got %d reports (%v)", verify, len(reports), err)
		}
	}
}

// A callback of another time may have been taken down and be played again.
func TestCallbacksOfAnotherTimeAreRefused(t *testing.T) {
	const verify = `{"scheme":"hmac","text":"${headers['x-time']}.${payload}","value":"${headers['x-sign']}","time":"int(headers['x-time'])"}`
	now := clock().Unix()
	for name, c := range map[string]struct {
		time string
		ok   bool
	}{
		"now":                  {fmt.Sprint(now), true},
		"five minutes ago":     {fmt.Sprint(now - 300), true},
		"in five minutes":      {fmt.Sprint(now + 300), true},
		"longer ago":           {fmt.Sprint(now - 301), false},
		"later":                {fmt.Sprint(now + 301), false},
		"in milliseconds":      {fmt.Sprint(now * 1000), false},
		"at the end of time":   {"9223372036854775807", false},
		"before the beginning": {"-9223372036854775808", false},
		"no time":              {"soon", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := verifying(t, verify, nil).Reports(called("/r", "x", map[string]string{"X-Time": c.time, "X-Sign": hexMAC(c.time + ".x")}))
			if c.ok != (err == nil) || err != nil && !errors.Is(err, ErrSignature) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWrongSignaturesAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ sign, verify, want string }{
		"no scheme":                {`{}`, "", "options.http.sign.scheme: "},
		"scheme":                   {`{"scheme":"oauth"}`, "", "options.http.sign.scheme: "},
		"hash":                     {`{"scheme":"hmac","text":"x","hash":"crc32"}`, "", "options.http.sign.hash: "},
		"encoding":                 {`{"scheme":"hmac","text":"x","encoding":"base32"}`, "", "options.http.sign.encoding: "},
		"place":                    {`{"scheme":"hmac","text":"x","in":"cookie"}`, "", "options.http.sign.in: "},
		"no text":                  {`{"scheme":"digest"}`, "", "options.http.sign.text: "},
		"a text for nothing":       {`{"scheme":"bearer","text":"x"}`, "", "options.http.sign.text: "},
		"a key for nothing":        {`{"scheme":"digest","text":"x","key":"y"}`, "", "options.http.sign.key: "},
		"a hash for nothing":       {`{"scheme":"basic","hash":"md5"}`, "", "options.http.sign.hash: "},
		"an encoding for nothing":  {`{"scheme":"basic","encoding":"hex"}`, "", "options.http.sign.encoding: "},
		"text":                     {`{"scheme":"hmac","text":"${pay}"}`, "", "options.http.sign.text: undeclared"},
		"sign is no text":          {`{"scheme":"hmac","text":"${sign}"}`, "", "options.http.sign.text: undeclared"},
		"key":                      {`{"scheme":"hmac","text":"x","key":"${"}`, "", "options.http.sign.key: "},
		"value":                    {`{"scheme":"hmac","text":"x","value":"${sig}"}`, "", "options.http.sign.value: undeclared"},
		"name":                     {`{"scheme":"hmac","text":"x","name":"X Sign"}`, "", "options.http.sign.name: "},
		"a time":                   {`{"scheme":"hmac","text":"x","time":"unix"}`, "", "options.http.sign.time: "},
		"no form":                  {`{"scheme":"hmac","text":"x","in":"form","name":"sign"}`, "", "options.http.sign.in: "},
		"no JSON":                  {`{"scheme":"hmac","text":"x","in":"json","name":"sign"}`, "", "options.http.sign.in: "},
		"callback: no value":       {"", `{"scheme":"hmac","text":"${payload}"}`, "options.http.verify.value: "},
		"callback: value":          {"", `{"scheme":"hmac","text":"${payload}","value":"${headers"}`, "options.http.verify.value: "},
		"callback: no secret":      {"", `{"scheme":"digest","text":"${payload}","value":"${query.s}"}`, "options.http.verify.text: it must hold ${secret}"},
		"callback: no secret, key": {"", `{"scheme":"hmac","key":"k","text":"${payload}","value":"${query.s}"}`, "options.http.verify.key: it must hold ${secret}"},
		"callback: no name":        {"", `{"scheme":"hmac","text":"${sorted}","in":"query","value":"${query.s}"}`, "options.http.verify.name: "},
		"callback: signs itself":   {"", `{"scheme":"hmac","text":"${sorted}","value":"${query.s}"}`, "options.http.verify.in: "},
		"callback: time":           {"", `{"scheme":"hmac","text":"${payload}","value":"${query.s}","time":"query.t"}`, "options.http.verify.time: "},
		"callback: our names":      {"", `{"scheme":"hmac","text":"${phone}","value":"${query.s}"}`, "options.http.verify.text: undeclared"},
	} {
		t.Run(name, func(t *testing.T) {
			a := customAccount(t, `{"request":{"method":"GET"},"answer":{"accepted":"true","id":"'1'"}}`, "http://127.0.0.1:1")
			for text, to := range map[string]**registry.UpstreamSign{c.sign: &a.HTTP.Sign, c.verify: &a.HTTP.Verify} {
				if text != "" {
					*to = decoded[registry.UpstreamSign](t, text)
				}
			}
			if _, err := NewCustom(a); err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
