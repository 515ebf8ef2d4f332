package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
)

// Limits of requests.
const (
	connectWithin = 10 * time.Second
	idleFor       = time.Minute
	maxAnswer     = 1 << 20
	maxHeader     = 64 << 10
)

// cloudHosts are where the clouds are when a channel names no address.
var cloudHosts = map[string]string{registry.ByAliyun: "dysmsapi.aliyuncs.com", registry.ByTencent: "sms.tencentcloudapi.com"}

// Endpoint reads a channel's address. Numbers, texts and keys go there: in clear only
// within this machine.
func Endpoint(protocol, address string) (*url.URL, error) {
	if host, cloud := cloudHosts[protocol]; cloud && !strings.Contains(address, "://") {
		if address == "" {
			address = host
		}
		address = "https://" + address
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("write it as https://host[:port][/path], without password, query and fragment")
	case u.Scheme == "https", u.Scheme == "http" && local(u.Hostname()):
		return u, nil
	}
	return nil, errors.New("it must begin with https://: personal data goes there; http:// is for this machine alone")
}

func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Flight is one request that may be made once.
type Flight struct{ used, reached atomic.Bool }

// Made tells whether the request was made at all: without, the message could not be put
// into one.
func (f *Flight) Made() bool { return f.used.Load() }

// Reached tells whether a connection was there: bytes may have left.
func (f *Flight) Reached() bool { return f.reached.Load() }

type flightKey struct{}

// Track ties a flight to the requests that are made under a context.
func Track(ctx context.Context, f *Flight) context.Context {
	return context.WithValue(ctx, flightKey{}, f)
}

// Transport makes the requests of one channel. Of a flight it makes one: a library that
// would repeat it, or follow a redirect, gets an error.
type Transport struct {
	endpoint *url.URL
	base     *http.Transport
}

// NewTransport makes one with at most so many connections.
func NewTransport(endpoint *url.URL, most int) *Transport {
	dialer := &net.Dialer{Timeout: connectWithin}
	return &Transport{endpoint, &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: connectWithin,
		MaxConnsPerHost: most, MaxIdleConns: most, MaxIdleConnsPerHost: most, IdleConnTimeout: idleFor,
		MaxResponseHeaderBytes: maxHeader,
		// Under HTTP/2 a request that was read is made again after some resets of its stream.
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}}
}

// Probe tells whether the upstream can be reached.
func (t *Transport) Probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	port := t.endpoint.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[t.endpoint.Scheme]
	}
	dial := t.base.DialContext
	if t.endpoint.Scheme == "https" {
		dial = (&tls.Dialer{Config: t.base.TLSClientConfig}).DialContext
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(t.endpoint.Hostname(), port))
	if err != nil {
		return fmt.Errorf("reach the upstream: %w", err)
	}
	return conn.Close()
}

// Close ends connections that rest.
func (t *Transport) Close() { t.base.CloseIdleConnections() }

var errTwice = errors.New("web: the request was made already and is not repeated")

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if f, ok := ctx.Value(flightKey{}).(*Flight); ok {
		if f.used.Swap(true) {
			return nil, errTwice
		}
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { f.reached.Store(true) }})
	}
	r = r.Clone(ctx)
	if repeats(r) {
		if r.Body == nil || r.Body == http.NoBody {
			r.Body = io.NopCloser(nothing{})
		}
		r.GetBody = nil
	}
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Header.Del("Location")
	resp.Body = &bounded{resp.Body, maxAnswer}
	return resp, nil
}

// repeats tells whether net/http would make a request again after it was written, when
// the connection breaks. It does not if there is a body that it can't read again.
func repeats(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return r.Header["Idempotency-Key"] != nil || r.Header["X-Idempotency-Key"] != nil
}

// nothing is an empty body that net/http does not know to be one.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }

// bounded is an answer's body that may not be longer.
type bounded struct {
	io.ReadCloser
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("web: the answer is longer than %d bytes", maxAnswer)
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
