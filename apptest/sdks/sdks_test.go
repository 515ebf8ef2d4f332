package sdks

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
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
	s, all := open(t), &drivers{until: t, running: map[string]*program{}}
	later := map[string]func(*testing.T){}
	var mu sync.Mutex
	one := func(name string, run driver, story func(*testing.T, *program), throttled func(*testing.T)) func(*testing.T) {
		return func(own *testing.T) {
			own.Parallel()
			p := all.program(own, run)
			mu.Lock()
			later[name] = throttled
			mu.Unlock()
			story(own, p)
		}
	}
	t.Run("story", func(t *testing.T) {
		for i, sdk := range aliyunSDKs {
			u, name := &aliyunUser{aliyunSDK: sdk, s: s, key: s.own(t, sdk.name)}, "Aliyun "+sdk.name
			t.Run(name, one(name, sdk.run,
				func(t *testing.T, p *program) { u.t, u.p = t, p; u.story(i) },
				func(t *testing.T) { u.t = t; u.throttled() }))
		}
		for i, sdk := range tencentSDKs {
			u, name := &tencentUser{tencentSDK: sdk, s: s, key: s.own(t, sdk.name)}, "Tencent Cloud "+sdk.name
			t.Run(name, one(name, sdk.run,
				func(t *testing.T, p *program) { u.t, u.p = t, p; u.story(50 + i) },
				func(t *testing.T) { u.t = t; u.throttled() }))
		}
		for i, sdk := range twilioSDKs {
			u, name := &twilioUser{twilioSDK: sdk, s: s, key: s.own(t, "Twilio "+sdk.name)}, "Twilio "+sdk.name
			t.Run(name, one(name, sdk.run,
				func(t *testing.T, p *program) { u.t, u.p = t, p; u.story(70 + i) },
				func(t *testing.T) { u.t = t; u.throttled() }))
		}
	})
	s.node.stop(t)
	s.serve(t, 1, false)
	t.Run("throttled", func(t *testing.T) {
		for name, throttled := range later {
			t.Run(name, throttled)
		}
	})
}

// own makes an application for somebody, and its key.
func (s *shop) own(t *testing.T, name string) account {
	t.Helper()
	return s.key(t, s.put(t, "applications", object{"party_id": s.party, "account_id": s.money, "name": name, "state": "active"}))
}
