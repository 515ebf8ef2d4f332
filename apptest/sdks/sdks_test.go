package sdks

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// people are numbers of the range that no carrier has, a hundred of them for each n.
func people(n int) func(i int) string {
	return func(i int) string { return fmt.Sprint(14200000000 + n*100 + i) }
}

// joins records that somebody agreed to offers.
func (s *shop) joins(t *testing.T, number string) {
	t.Helper()
	s.ask(t, s.customer, http.MethodPost, "/v1/consents", object{
		"to": []string{number}, "purpose": "MKT", "method": "form", "wording": "v1", "source": "test", "given_at": time.Now().AddDate(0, 0, -1).Format(time.RFC3339),
	})
}

// leaves records that somebody refuses them from now on.
func (s *shop) leaves(t *testing.T, number string) {
	t.Helper()
	s.ask(t, s.customer, http.MethodPost, "/v1/suppressions", object{"to": []string{number}, "reference": "call"})
}

// captured is a request as an SDK makes it to some endpoint.
type captured struct {
	method, uri, host string
	header            http.Header
	body              []byte
}

// capture answers an SDK in the platform's place.
func capture(t *testing.T, status int, answer string, call func(endpoint string)) (c captured) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what it lacks makes its signature wrong
		c = captured{r.Method, r.URL.RequestURI(), r.Host, r.Header.Clone(), body}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer) // the SDK tells
	}))
	defer srv.Close()
	call(strings.TrimPrefix(srv.URL, "http://"))
	return c
}

// send makes the request to the platform, as it was made.
func (c *captured) send(t *testing.T, base string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), c.method, base+c.uri, bytes.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header, r.Host = c.header.Clone(), c.host
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// Programs written for the clouds' SDKs run by another endpoint and other keys: what is sent
// is delivered, what is refused is refused in words that they know, and who is too fast, late
// or somebody else is told so.
func TestOfficialSDKs(t *testing.T) {
	s := open(t)
	throttled := map[string]func(t *testing.T){}
	t.Run("story", func(inner *testing.T) {
		for i, sdk := range aliyunSDKs {
			u := &aliyunUser{aliyunSDK: sdk, s: s, key: s.own(t, sdk.name)}
			name := "Aliyun " + sdk.name
			throttled[name] = func(t *testing.T) { u.t = t; u.throttled() }
			inner.Run(name, func(own *testing.T) {
				own.Parallel()
				u.t, u.p = own, u.run(own)
				t.Cleanup(func() { u.p.end(t) }) // it is throttled later
				u.story(i)
			})
		}
		for i, sdk := range tencentSDKs {
			u := &tencentUser{tencentSDK: sdk, s: s, key: s.own(t, sdk.name)}
			name := "Tencent Cloud " + sdk.name
			throttled[name] = func(t *testing.T) { u.t = t; u.throttled() }
			inner.Run(name, func(own *testing.T) {
				own.Parallel()
				u.t, u.p = own, u.run(own)
				t.Cleanup(func() { u.p.end(t) })
				u.story(50 + i)
			})
		}
	})
	if t.Failed() {
		return
	}
	s.node.stop(t)
	s.serve(t, 1, false)
	for name, run := range throttled {
		t.Run(name+" throttled", run)
	}
}

// own makes an application for somebody, and its key.
func (s *shop) own(t *testing.T, name string) account {
	t.Helper()
	return s.key(t, s.put(t, "applications", object{"party_id": s.party, "account_id": s.money, "name": name, "state": "active"}))
}
