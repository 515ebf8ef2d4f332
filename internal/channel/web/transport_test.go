package web

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/zhunxin/zhunxin/internal/registry"
)

// transportTo makes a transport to a test's server.
func transportTo(t *testing.T, address string) *Transport {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	x := NewTransport(u, 4)
	t.Cleanup(x.Close)
	return x
}

// make1 makes one tracked request.
func make1(t *testing.T, x *Transport, f *Flight, method, address string, headers ...string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(Track(t.Context(), f), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		if r, err = http.NewRequestWithContext(Track(t.Context(), f), method, address, strings.NewReader("a=b")); err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range headers {
		r.Header.Set(h, "1")
	}
	return (&http.Client{Transport: x}).Do(r)
}

// P3: the connection breaks after the upstream has read the request. net/http would make
// it again, for requests that it takes for idempotent.
func TestRequestIsNotMadeAgain(t *testing.T) {
	for name, c := range map[string]struct {
		method  string
		headers []string
	}{
		"GET":                         {http.MethodGet, nil},
		"POST":                        {http.MethodPost, nil},
		"POST with a key of its own":  {http.MethodPost, []string{"Idempotency-Key"}},
		"POST with another such name": {http.MethodPost, []string{"X-Idempotency-Key"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got atomic.Int64
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if got.Add(1) == 1 { // so that the next one goes on a connection that was used
					return
				}
				conn, _, err := http.NewResponseController(w).Hijack()
				if err == nil {
					_ = conn.Close()
				}
			}))
			defer s.Close()
			x := transportTo(t, s.URL)
			resp, err := make1(t, x, &Flight{}, c.method, s.URL, c.headers...)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			f := &Flight{}
			if _, err = make1(t, x, f, c.method, s.URL, c.headers...); err == nil || !f.Reached() { //nolint:bodyclose // there is none
				t.Errorf("a request that was read and not answered: reached %v, %v", f.Reached(), err)
			}
			if n := got.Load(); n != 2 {
				t.Errorf("two requests were made %d times", n)
			}
		})
	}
}

// Over HTTP/2 a stream that is reset after it was read would be made again: the transport
// does not speak it, though the upstream offers it.
func TestHTTP2IsNotSpoken(t *testing.T) {
	major := make(chan int, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { major <- r.ProtoMajor }))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	x := transportTo(t, s.URL)
	x.base.TLSClientConfig.RootCAs = x509.NewCertPool()
	x.base.TLSClientConfig.RootCAs.AddCert(s.Certificate())
	resp, err := make1(t, x, &Flight{}, http.MethodPost, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if v := <-major; v != 1 {
		t.Errorf("HTTP/%d was spoken", v)
	}
}

func TestFlightIsMadeOnce(t *testing.T) {
	var got atomic.Int64
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Add(1)
		http.Redirect(w, r, s.URL+"/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer s.Close()
	x, f := transportTo(t, s.URL), &Flight{}
	resp, err := make1(t, x, f, http.MethodPost, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusTemporaryRedirect || got.Load() != 1 {
		t.Errorf("a redirect was followed: status %d, %d requests", resp.StatusCode, got.Load())
	}
	if _, err := make1(t, x, f, http.MethodPost, s.URL); !errors.Is(err, errTwice) || got.Load() != 1 { //nolint:bodyclose // there is none
		t.Errorf("the flight was made again: %v, %d requests", err, got.Load())
	}
}

func TestNobodyIsReached(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + ln.Addr().String()
	x := transportTo(t, address)
	if err := x.Probe(context.Background()); err != nil {
		t.Errorf("somebody listens: %v", err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	f := &Flight{}
	if _, err := make1(t, x, f, http.MethodPost, address); err == nil || f.Reached() || !f.Made() { //nolint:bodyclose // there is none
		t.Errorf("nobody listens: %v, reached %v, made %v", err, f.Reached(), f.Made())
	}
	if err := x.Probe(context.Background()); err == nil {
		t.Error("nobody listens, and the probe finds somebody")
	}
}

func TestAnswerIsBounded(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range maxAnswer/1024 + 8 {
			if _, err := w.Write(make([]byte, 1024)); err != nil {
				return
			}
		}
	}))
	defer s.Close()
	resp, err := make1(t, transportTo(t, s.URL), &Flight{}, http.MethodGet, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test's
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil || n > maxAnswer {
		t.Errorf("%d bytes were read: %v", n, err)
	}
}

func TestEndpoint(t *testing.T) {
	for _, c := range []struct{ protocol, address, want string }{
		{registry.ByHTTP, "https://api.example.com/v2", "https://api.example.com/v2"},
		{registry.ByHTTP, "http://127.0.0.1:8000", "http://127.0.0.1:8000"},
		{registry.ByHTTP, "http://[::1]:8000", "http://[::1]:8000"},
		{registry.ByHTTP, "http://localhost:8000", "http://localhost:8000"},
		{registry.ByHTTP, "http://api.example.com", ""},
		{registry.ByHTTP, "http://10.0.0.1", ""},
		{registry.ByHTTP, "api.example.com", ""},
		{registry.ByHTTP, "", ""},
		{registry.ByHTTP, "ftp://api.example.com", ""},
		{registry.ByHTTP, "https://user:word@api.example.com", ""},
		{registry.ByHTTP, "https://api.example.com?a=b", ""},
		{registry.ByAliyun, "", "https://dysmsapi.aliyuncs.com"},
		{registry.ByTencent, "", "https://sms.tencentcloudapi.com"},
		{registry.ByAliyun, "dysmsapi.example.com:8443", "https://dysmsapi.example.com:8443"},
		{registry.ByTencent, "http://127.0.0.1:8000", "http://127.0.0.1:8000"},
		{registry.ByTencent, "http://sms.example.com", ""},
	} {
		u, err := Endpoint(c.protocol, c.address)
		switch {
		case c.want == "" && err == nil:
			t.Errorf("%s %q is taken", c.protocol, c.address)
		case c.want != "" && (err != nil || u.String() != c.want):
			t.Errorf("%s %q: %v, %v", c.protocol, c.address, u, err)
		}
	}
}
