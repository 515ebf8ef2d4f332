package websign_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/protocol/websign"
)

// captured is a request as an official SDK made it, with keys that were made for it.
type captured struct {
	Name, Scheme, Method, URI, Body string
	Headers                         map[string]string
}

func (c *captured) request() *websign.Request {
	path, query, _ := strings.Cut(c.URI, "?")
	return &websign.Request{
		Method: c.Method, Path: path, Query: query, Host: c.Headers["host"], Body: []byte(c.Body),
		Header: func(name string) string { return c.Headers[strings.ToLower(name)] },
	}
}

func (c *captured) secret() string {
	if strings.HasPrefix(c.Name, "tencent") {
		return "tcSecretKey"
	}
	return "testSecret"
}

func all(t testing.TB) (out []captured) {
	t.Helper()
	f, err := os.Open("testdata/captured.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it is only read
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c captured
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	if len(out) < 9 {
		t.Fatalf("%d requests, %v", len(out), lines.Err())
	}
	return out
}

var schemes = map[string]websign.Scheme{"ACS3": websign.ACS3, "ALI-V1": websign.AliyunV1, "TC3": websign.TC3, "TC3-noport": websign.TC3, "TC-V1": websign.TencentV1}

// Requests of the official SDKs are taken, and with another secret they are not.
func TestRequestsOfOfficialSDKs(t *testing.T) {
	t.Parallel()
	for _, c := range all(t) {
		claim, err := websign.Read(c.request())
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if claim.Scheme != schemes[c.Scheme] || claim.Key == "" || claim.Once == "" || claim.At.Format(time.DateOnly) != "2026-11-23" || !strings.HasPrefix(claim.Action, "Send") {
			t.Errorf("%s: %+v", c.Name, claim)
		}
		if err := claim.Verify(c.secret()); err != nil {
			var m *websign.Mismatch
			errors.As(err, &m)
			t.Errorf("%s: %v\n%s\n%s", c.Name, err, m.Canonical, m.ToSign)
		}
		if claim.Verify(c.secret()+"x") == nil || claim.Verify("") == nil {
			t.Errorf("%s: another secret is taken", c.Name)
		}
	}
}

// No byte of what is signed can be changed: method, path, query, host, body, signed headers,
// signature. (What a header name or a number spells in two ways stays the same request.)
func TestEveryFlippedByteFails(t *testing.T) {
	t.Parallel()
	for _, c := range all(t) {
		c := c
		flip := func(what, text string, put func(string)) {
			for i := range len(text) {
				for _, bit := range []byte{1, 0x20} {
					b := []byte(text)
					b[i] ^= bit
					put(string(b))
					if taken(t, &c, what, i, text, string(b)) {
						t.Errorf("%s: %s with byte %d changed is taken: %q", c.Name, what, i, b)
					}
				}
			}
			put(text)
		}
		flip("method", c.Method, func(s string) { c.Method = s })
		flip("uri", c.URI, func(s string) { c.URI = s })
		flip("body", c.Body, func(s string) { c.Body = s })
		for _, h := range signedHeaders(&c) {
			flip(h, c.Headers[h], func(s string) { c.Headers[h] = s })
		}
		if auth := c.Headers["authorization"]; auth != "" {
			flip("authorization", auth, func(s string) { c.Headers["authorization"] = s })
		}
	}
}

func signedHeaders(c *captured) []string {
	_, rest, ok := strings.Cut(c.Headers["authorization"], "SignedHeaders=")
	if !ok {
		return nil
	}
	names, _, _ := strings.Cut(rest, ",")
	if c.Scheme == "ACS3" {
		return strings.Split(names, ";")
	}
	return append(strings.Split(names, ";"), "x-tc-timestamp")
}

// taken tells whether a changed request passes for the same key; what decodes to the same
// pairs, or differs in what nobody signs, is no change.
func taken(t *testing.T, c *captured, what string, at int, was, is string) bool {
	t.Helper()
	claim, err := websign.Read(c.request())
	if err != nil || claim.Verify(c.secret()) != nil || claim.Key != "testId" && claim.Key != "tcSecretId" {
		return false
	}
	// Hexadecimal in the other case; Tencent Cloud's documents fold the headers' values.
	same := strings.EqualFold(was, is) && (what == "authorization" || what == "content-type" && c.Scheme[:3] == "TC3" || strings.Contains(was[max(0, at-2):at+1], "%"))
	// Tencent Cloud's SDK for Node signs no port.
	return !same && (c.Scheme != "TC3-noport" || what != "host" || at < strings.IndexByte(was, ':'))
}

func TestWhatIsNotSignedIsRefused(t *testing.T) {
	t.Parallel()
	list := all(t)
	acs, tc3 := list[0], list[5]
	for name, v := range map[string]struct {
		c    captured
		make func(r *websign.Request)
		want error
	}{
		"no signature":           {acs, func(r *websign.Request) { r.Header, r.Query = func(string) string { return "" }, "" }, websign.ErrNone},
		"a header left out":      {acs, header("authorization", func(s string) string { return strings.Replace(s, "x-acs-action;", "", 1) }), websign.ErrUnsigned},
		"another body":           {acs, func(r *websign.Request) { r.Body = []byte("x") }, websign.ErrUnsigned},
		"no nonce":               {acs, header("x-acs-signature-nonce", func(string) string { return "" }), websign.ErrMissing},
		"a date of another kind": {acs, header("x-acs-date", func(string) string { return "yesterday" }), websign.ErrMalformed},
		"a parameter twice":      {acs, func(r *websign.Request) { r.Query += "&OutId=2" }, websign.ErrMalformed},
		"a bad escape":           {acs, func(r *websign.Request) { r.Query += "&a=%zz" }, websign.ErrMalformed},
		"a scheme of the future": {acs, header("authorization", func(s string) string { return strings.Replace(s, "SHA256", "SHA512", 1) }), websign.ErrMalformed},
		"a body left unsigned":   {tc3, header("x-tc-content-sha256", func(string) string { return "UNSIGNED-PAYLOAD" }), websign.ErrUnsigned},
		"a date of another day":  {tc3, header("x-tc-timestamp", func(string) string { return "1795000000" }), websign.ErrMalformed},
		"a scope without a date": {tc3, header("authorization", func(s string) string { return strings.Replace(s, "/2026-11-23", "", 1) }), websign.ErrMalformed},
		"too many parameters":    {list[8], func(r *websign.Request) { r.Body = append(r.Body, []byte(strings.Repeat("&a=1", 1)+many(3000))...) }, websign.ErrMalformed},
	} {
		r := v.c.request()
		v.make(r)
		if claim, err := websign.Read(r); !errors.Is(err, v.want) {
			t.Errorf("%s: %+v, %v", name, claim, err)
		}
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("&p")
		b.WriteString(strings.Repeat("x", i%7))
		b.WriteString(time.Duration(i).String())
		b.WriteString("=1")
	}
	return b.String()
}

// header changes one header of a request.
func header(name string, to func(string) string) func(*websign.Request) {
	return func(r *websign.Request) {
		was := r.Header
		r.Header = func(n string) string {
			if strings.EqualFold(n, name) {
				return to(was(n))
			}
			return was(n)
		}
	}
}

// Over TLS a body may be left unsigned, and is part of what tells requests apart.
func TestUnsignedBodyOverTLS(t *testing.T) {
	t.Parallel()
	c := all(t)[5]
	r := c.request()
	r.TLS = true
	header("x-tc-content-sha256", func(string) string { return "UNSIGNED-PAYLOAD" })(r)
	a, err := websign.Read(r)
	if err != nil {
		t.Fatal(err)
	}
	r.Body = []byte("{}")
	b, err := websign.Read(r)
	if err != nil || a.Once == b.Once {
		t.Errorf("%v, %v", b, err)
	}
}

func FuzzRead(f *testing.F) {
	for _, c := range all(f) {
		path, query, _ := strings.Cut(c.URI, "?")
		f.Add(c.Method, path, query, c.Headers["authorization"], c.Headers["content-type"], []byte(c.Body))
	}
	f.Fuzz(func(t *testing.T, method, path, query, auth, kind string, body []byte) {
		r := &websign.Request{Method: method, Path: path, Query: query, Host: "127.0.0.1:1", Body: body, Header: func(n string) string {
			switch strings.ToLower(n) {
			case "authorization":
				return auth
			case "content-type":
				return kind
			}
			return "1795427834"
		}}
		claim, err := websign.Read(r)
		if err != nil {
			return
		}
		if claim.Verify("a secret that nobody signed with") == nil {
			t.Error("an unknown secret is taken")
		}
	})
}
