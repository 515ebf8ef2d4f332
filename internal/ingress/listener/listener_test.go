package listener

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
)

// issue writes a certificate for 127.0.0.1 that signs itself, and returns what trusts it.
func issue(t *testing.T, certFile, keyFile string, serial int64) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pk, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, b := range map[string][]byte{certFile: cert, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pk})} {
		if name == "" {
			continue
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}

func files(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	dir := t.TempDir()
	return filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
}

func TestCertificateErrorsNameTheSetting(t *testing.T) {
	cert, key := files(t)
	issue(t, cert, key, 1)
	otherCert, _ := files(t)
	issue(t, otherCert, "", 2)
	open := filepath.Join(t.TempDir(), "open.pem")
	b, err := os.ReadFile(key)
	if err == nil {
		err = os.WriteFile(open, b, 0o600)
	}
	if err == nil {
		err = os.Chmod(open, 0o640)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ cert, key, want string }{
		{"absent.pem", key, "tls.cert_file: stat absent.pem"},
		{cert, "absent.pem", "tls.key_file: stat absent.pem"},
		{cert, open, "run chmod 600"},
		{t.TempDir(), key, "tls.cert_file: read"},
		{otherCert, key, "tls.key_file " + key},
		{cert, key, ""},
	} {
		_, err := OpenCertificate(c.cert, c.key, time.Now)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s, %s: %v, want %q", c.cert, c.key, err, c.want)
		}
	}
}

// A replaced certificate is shown within a minute, a half replaced one never.
func TestCertificateIsReadAgain(t *testing.T) {
	cert, key := files(t)
	issue(t, cert, key, 1)
	var now atomic.Int64 // in seconds
	c, err := OpenCertificate(cert, key, func() time.Time { return time.Unix(now.Load(), 0) })
	if err != nil {
		t.Fatal(err)
	}
	ln, err := (&Config{Certificate: c, Logger: slog.New(slog.DiscardHandler)}).OpenTLS(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := peer(t, ln)
	shows := func(when string, want int64) {
		t.Helper()
		conn, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec,noctx // what it shows is looked at
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // a test's
		if got := conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); got != want {
			t.Errorf("%s: certificate %d, want %d", when, got, want)
		}
	}
	issue(t, cert, "", 2)
	now.Add(int64(lookEvery / time.Second))
	shows("with the certificate alone replaced", 1)
	issue(t, cert, key, 3)
	shows("before the next look", 1)
	now.Add(int64(lookEvery / time.Second))
	shows("with both replaced", 3)
	issue(t, cert, key, 4)
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	now.Add(int64(lookEvery / time.Second))
	shows("with a key that others may read", 3)
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	now.Add(int64(lookEvery / time.Second))
	shows("without a key", 3)
}

// peer accepts one connection at a time and answers each with the address that it has,
// once the peer has said something.
func peer(t *testing.T, ln net.Listener) string {
	t.Helper()
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close() //nolint:errcheck // the client tells
				if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
					return
				}
				remote := conn.RemoteAddr().String()
				b := make([]byte, 5)
				if _, err := io.ReadFull(conn, b); err == nil && string(b) == "hello" {
					_, _ = io.WriteString(conn, remote)
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// header is what a balancer says of a client.
func header(t *testing.T, version byte, client, to string) []byte {
	t.Helper()
	b, err := proxyproto.HeaderProxyFromAddrs(version, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(client)), net.TCPAddrFromAddrPort(netip.MustParseAddrPort(to))).Format()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// say connects from an address, says something and returns the whole answer.
func say(t *testing.T, from, to string, what ...[]byte) string {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // read to its end
	if _, err := conn.Write(bytes.Join(what, nil)); err != nil {
		return ""
	}
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the connection is left open")
	}
	return string(b)
}

func TestWhoIsBelieved(t *testing.T) {
	cfg := &Config{Balancers: []netip.Prefix{netip.MustParsePrefix("127.0.9.0/24")}}
	ln, err := cfg.Open(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := peer(t, ln)
	const balancer, stranger, client = "127.0.9.1", "127.0.8.1", "203.0.113.7:4000"
	hello := []byte("hello")
	v1, v2 := header(t, 1, client, "198.51.100.1:7890"), header(t, 2, client, "198.51.100.1:7890")
	six := header(t, 2, "[2001:db8::7]:4000", "[2001:db8::1]:7890")
	local := []byte("\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00")
	udp := bytes.Clone(v2)
	udp[13] = 0x12
	long := bytes.Clone(v2)
	long[14], long[15] = 0xff, 0xff
	for _, c := range []struct {
		name, from string
		what       [][]byte
		want       string // of the address, "" is closed
	}{
		{"version 1", balancer, [][]byte{v1, hello}, client},
		{"version 2", balancer, [][]byte{v2, hello}, client},
		{"IPv6", balancer, [][]byte{six, hello}, "[2001:db8::7]:4000"},
		{"the balancer's own check", balancer, [][]byte{local, hello}, balancer},
		{"no header from a balancer", balancer, [][]byte{hello}, ""},
		{"a header that ends early", balancer, [][]byte{v2[:20]}, ""},
		{"a header without its end", balancer, [][]byte{v1[:len(v1)-2], bytes.Repeat([]byte("1"), 200)}, ""},
		{"a header too long", balancer, [][]byte{long, make([]byte, 1<<16)}, ""},
		{"a client without TCP", balancer, [][]byte{udp, hello}, ""},
		{"two headers", balancer, [][]byte{v1, v1, hello}, ""},
		{"no header from elsewhere", stranger, [][]byte{hello}, stranger},
		{"version 1 from elsewhere", stranger, [][]byte{v1, hello}, ""},
		{"version 2 from elsewhere", stranger, [][]byte{v2, hello}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := say(t, c.from, at, c.what...)
			if (c.want == "") != (got == "") || !strings.HasPrefix(got, c.want) {
				t.Errorf("answered as %q, want %q", got, c.want)
			}
		})
	}
}

// A stranger's address is known before it says anything, so that silent connections can
// be counted; a silent balancer is waited for no longer than the server's deadline.
func TestSilentConnections(t *testing.T) {
	cfg := &Config{Balancers: []netip.Prefix{netip.MustParsePrefix("127.0.9.0/24")}}
	ln, err := cfg.Open(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() //nolint:errcheck // a test's
	for from, deadline := range map[string]time.Time{"127.0.8.1": {}, "127.0.9.1": time.Now().Add(200 * time.Millisecond)} {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		near, err := d.DialContext(t.Context(), "tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer near.Close() //nolint:errcheck // a test's
		far, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer far.Close() //nolint:errcheck // a test's
		if err := far.SetDeadline(deadline); err != nil {
			t.Fatal(err)
		}
		asked := time.Now()
		if got := far.RemoteAddr().String(); !strings.HasPrefix(got, from) {
			t.Errorf("address %s", got)
		}
		if took := time.Since(asked); took > headerTimeout/2 {
			t.Errorf("the address of %s took %s", from, took)
		}
	}
}

// TLS begins behind the header, is 1.2 at least, and shows the real address.
func TestTLSBehindABalancer(t *testing.T) {
	cert, key := files(t)
	pool := issue(t, cert, key, 1)
	c, err := OpenCertificate(cert, key, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &Config{Balancers: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Certificate: c, Logger: slog.New(slog.DiscardHandler)}
	ln, err := cfg.OpenTLS(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := peer(t, ln)
	ask := func(set *tls.Config) (string, error) {
		raw, err := new(net.Dialer).DialContext(t.Context(), "tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close() //nolint:errcheck // read to its end
		if _, err := raw.Write(header(t, 2, "203.0.113.7:4000", at)); err != nil {
			t.Fatal(err)
		}
		set.ServerName = "127.0.0.1"
		conn := tls.Client(raw, set)
		if _, err := conn.Write([]byte("hello")); err != nil {
			return "", err
		}
		b, err := io.ReadAll(conn)
		return string(b), err
	}
	if got, err := ask(&tls.Config{RootCAs: pool}); got != "203.0.113.7:4000" { //nolint:gosec // the default is meant
		t.Errorf("%q, %v", got, err)
	}
	var unknown x509.UnknownAuthorityError
	if _, err := ask(&tls.Config{RootCAs: x509.NewCertPool()}); !errors.As(err, &unknown) { //nolint:gosec // the default is meant
		t.Errorf("a client that does not trust the certificate: %v", err)
	}
	if got, err := ask(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil { //nolint:gosec // it shall be refused
		t.Errorf("TLS 1.1 is let in: %q", got)
	}
	if got := say(t, "127.0.0.1", at, header(t, 1, "203.0.113.7:4000", at), []byte("hello, this is plain text")); strings.Contains(got, "203") {
		t.Errorf("plain text is answered: %q", got)
	}
}

func TestNoTLSWithoutACertificate(t *testing.T) {
	if _, err := (&Config{}).OpenTLS(context.Background(), "127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), "tls.cert_file") { //nolint:usetesting // nothing opens
		t.Error(err)
	}
}
