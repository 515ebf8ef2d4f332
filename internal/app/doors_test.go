package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/ingress/listener"
	"github.com/zhunxin/zhunxin/internal/ingress/spserver"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vault"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// certificate writes one for 127.0.0.1 and returns it with what trusts it.
func certificate(t *testing.T) (c config.TLS, trust *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	self := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "node"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, self, self, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pk, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c = config.TLS{CertFile: filepath.Join(t.TempDir(), "cert.pem"), KeyFile: filepath.Join(t.TempDir(), "key.pem")}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	err = errors.Join(os.WriteFile(c.CertFile, cert, 0o600), os.WriteFile(c.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pk}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	trust = x509.NewCertPool()
	trust.AppendCertsFromPEM(cert)
	return c, trust
}

// dialTLS is how a client connects under TLS.
func dialTLS(trust *x509.CertPool) func(context.Context, string, string) (net.Conn, error) {
	return (&tls.Dialer{Config: &tls.Config{RootCAs: trust}}).DialContext //nolint:gosec // the default is meant
}

// loginBy logs the customer in by a way of its own, and submits nothing.
func (n *node) loginBy(protocol, at string, dial func(context.Context, string, string) (net.Conn, error)) (*client, error) {
	n.t.Helper()
	c := &client{t: n.t, changed: make(chan struct{})}
	d := dialers[protocol]
	var err error
	c.Client, err = d.dial(n.t.Context(), session.ClientConfig{
		Address: at, Login: "zx0001", Secret: n.secret, Version: d.version, Window: 16, Dial: dial, LoginTimeout: 8 * time.Second, Now: n.Now,
		SGIP: session.SGIPOptions{Node: demoNode, CorpID: demoCorp},
	}, c)
	if err != nil {
		return nil, err
	}
	n.t.Cleanup(func() {
		c.Close()
		<-c.Done()
	})
	return c, nil
}

// A customer of each protocol comes under TLS as it does without, its sessions are
// counted together, and a client that does not trust the certificate stays away.
func TestCustomersUnderTLS(t *testing.T) {
	cfg := config.Default()
	var trust *x509.CertPool
	cfg.TLS, trust = certificate(t)
	const any0 = "127.0.0.1:0"
	cfg.CMPP.ListenTLS, cfg.SGIP.ListenTLS, cfg.SMGP.ListenTLS, cfg.SMPP.ListenTLS, cfg.HTTP.ListenTLS = any0, any0, any0, any0, any0
	cfg.SGIP.CarriersTLS, cfg.SMGP.Listen = any0, any0
	n := start(t, cfg)
	for i, protocol := range spserver.Protocols() {
		at := n.addrs.CustomersTLS[protocol].String()
		c, err := n.loginBy(protocol, at, dialTLS(trust))
		if err != nil {
			t.Fatalf("%s: %v", protocol, err)
		}
		if o := c.submit(pdus(t, otpText, fmt.Sprintf("1420000010%d", i))[0]); o.Result != 0 || o.ID == "" {
			t.Errorf("%s: %+v", protocol, o)
		}
		var unknown x509.UnknownAuthorityError
		if _, err := n.loginBy(protocol, at, dialTLS(x509.NewCertPool())); !errors.As(err, &unknown) {
			t.Errorf("%s, with a certificate that is not trusted: %v", protocol, err)
		}
		if _, err := n.loginBy(protocol, at, nil); err == nil {
			t.Errorf("%s: plain text is let in where TLS is meant", protocol)
		}
	}
	web := http.Client{Transport: &http.Transport{DialTLSContext: dialTLS(trust), DisableKeepAlives: true}}
	resp, err := web.Get("https://" + n.addrs.HTTPS.String() + "/healthz") //nolint:noctx // a test's
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	var refused *session.LoginError
	if _, err := session.DialSGIPBack(t.Context(), session.ClientConfig{
		Address: n.addrs.CarriersTLS.String(), Login: "nobody", Secret: "x", Dial: dialTLS(trust),
	}, &client{t: t, changed: make(chan struct{})}); !errors.As(err, &refused) {
		t.Errorf("a gateway under TLS: %v", err)
	}
}

// Sessions under TLS and without count together: a login's are its own.
func TestSessionsAreCountedOverBothListeners(t *testing.T) {
	cfg := config.Default()
	var trust *x509.CertPool
	cfg.TLS, trust = certificate(t)
	cfg.CMPP.ListenTLS = "127.0.0.1:0"
	n := start(t, cfg)
	n.setLogin(spserver.CMPP, func(a *registry.SPAccount) { a.MaxSessions = 2 })
	at := n.addrs.CustomersTLS[spserver.CMPP].String()
	for i, to := range []string{n.cmpp, at, at, n.cmpp} {
		dial := dialTLS(trust)
		if to == n.cmpp {
			dial = nil
		}
		if _, err := n.loginBy(spserver.CMPP, to, dial); (err == nil) != (i < 2) {
			t.Errorf("session %d: %v", i+1, err)
		}
	}
}

// Who connects under TLS and then says nothing keeps nobody waiting, and is sent away.
func TestSlowHandshakeHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	var trust *x509.CertPool
	cfg.TLS, trust = certificate(t)
	cfg.SMPP.ListenTLS = "127.0.0.1:0"
	n := start(t, cfg)
	at := n.addrs.CustomersTLS[spserver.SMPP].String()
	var slow []net.Conn
	for range 20 {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // a test's
		if _, err := conn.Write([]byte{0x16, 3, 1}); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, conn)
	}
	began := time.Now()
	if _, err := n.loginBy(spserver.SMPP, at, dialTLS(trust)); err != nil || time.Since(began) > 4*time.Second {
		t.Errorf("logged in after %s: %v", time.Since(began), err)
	}
	for _, conn := range slow {
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("a handshake that stalls is not ended")
		}
	}
}

func TestUnusableCertificateIsTold(t *testing.T) {
	cfg := config.Default()
	cfg.TLS = config.TLS{CertFile: "absent.pem", KeyFile: "absent.key"}
	cfg.SMPP.ListenTLS = "127.0.0.1:0"
	cfg.Data = t.TempDir()
	f := midMorning(t, cfg.Data)
	p, err := Open(t.Context(), cfg, f, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop(t.Context()) //nolint:errcheck // nothing was started
	if _, err := p.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "tls.cert_file") || !strings.Contains(err.Error(), "absent.pem") {
		t.Error(err)
	}
}

// setLogin changes the customer's login.
func (n *node) setLogin(protocol string, change func(*registry.SPAccount)) {
	n.t.Helper()
	snap, err := n.Registry(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	a := *snap.Login(protocol, "zx0001")
	change(&a)
	err = n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return tx.Put(ctx, a) })
	if err != nil {
		n.t.Fatal(err)
	}
	if _, err := n.Registry(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
}

// through connects from an address, and says first what a balancer would of a client;
// version 0 says nothing.
func through(from string, version byte, client string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, at string) (net.Conn, error) {
		conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext(ctx, network, at)
		if err != nil || version == 0 {
			return conn, err
		}
		source, err := netip.ParseAddrPort(client)
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		h := proxyproto.HeaderProxyFromAddrs(version, net.TCPAddrFromAddrPort(source), conn.RemoteAddr())
		if _, err := h.WriteTo(conn); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return conn, nil
	}
}

const (
	balancer = "127.0.9.1"
	stranger = "127.0.8.1"
	inside   = "203.0.113.7:4000"  // within the allow-list
	outside  = "198.51.100.7:4000" // not within
)

// The allow-list is held against the client behind the balancer, and nobody else can
// claim to be that client.
func TestAllowListBehindABalancer(t *testing.T) {
	cfg := config.Default()
	cfg.Proxy.From = []string{"127.0.9.0/24"}
	var trust *x509.CertPool
	cfg.TLS, trust = certificate(t)
	const any0 = "127.0.0.1:0"
	cfg.SGIP.Listen, cfg.SMGP.Listen, cfg.SMPP.Listen, cfg.SMPP.ListenTLS = any0, any0, any0, any0
	n := start(t, cfg)
	secret := n.addrs.CustomersTLS[spserver.SMPP].String()
	for _, protocol := range spserver.Protocols() {
		n.setLogin(protocol, func(a *registry.SPAccount) { a.Allow, a.MaxSessions = "203.0.113.0/24", 10 })
		at := n.customerAt(protocol)
		for _, c := range []struct {
			name    string
			dial    func(context.Context, string, string) (net.Conn, error)
			in      bool
			refused bool // by an answer to the login
		}{
			{"version 1", through(balancer, 1, inside), true, false},
			{"version 2", through(balancer, 2, inside), true, false},
			{"another client", through(balancer, 2, outside), false, true},
			{"no header", through(balancer, 0, ""), false, false},
			{"a stranger's header, version 1", through(stranger, 1, inside), false, false},
			{"a stranger's header, version 2", through(stranger, 2, inside), false, false},
			{"a stranger", through(stranger, 0, ""), false, true},
		} {
			_, err := n.loginBy(protocol, at, c.dial)
			var refused *session.LoginError
			if (err == nil) != c.in || errors.As(err, &refused) != c.refused {
				t.Errorf("%s, %s: %v", protocol, c.name, err)
			}
		}
	}
	under := func(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, network, at string) (net.Conn, error) {
			conn, err := dial(ctx, network, at)
			if err != nil {
				return nil, err
			}
			return tls.Client(conn, &tls.Config{RootCAs: trust, ServerName: "127.0.0.1"}), nil //nolint:gosec // the default is meant
		}
	}
	if _, err := n.loginBy(spserver.SMPP, secret, under(through(balancer, 2, inside))); err != nil {
		t.Errorf("under TLS: %v", err)
	}
	var refused *session.LoginError
	if _, err := n.loginBy(spserver.SMPP, secret, under(through(balancer, 2, outside))); !errors.As(err, &refused) {
		t.Errorf("another client under TLS: %v", err)
	}
}

// The limit by address counts clients, not the balancer.
func TestLimitByAddressBehindABalancer(t *testing.T) {
	cfg := config.Default()
	cfg.Proxy.From = []string{balancer}
	cfg.CMPP.MaxPerAddress = 2
	n := start(t, cfg)
	n.setLogin(spserver.CMPP, func(a *registry.SPAccount) { a.MaxSessions = 10 })
	for i, client := range []string{inside, inside, inside, outside, outside, outside} {
		if _, err := n.loginBy(spserver.CMPP, n.cmpp, through(balancer, 2, client)); (err == nil) != (i%3 < 2) {
			t.Errorf("connection %d of %s: %v", i%3+1, client, err)
		}
	}
	// A stranger that says nothing counts from the start.
	var near []net.Conn
	for range 3 {
		conn, err := through(stranger, 0, "")(t.Context(), "tcp", n.cmpp)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // a test's
		near = append(near, conn)
	}
	closed := make(chan struct{}, 3)
	for _, conn := range near {
		go func() {
			_, _ = io.Copy(io.Discard, conn)
			closed <- struct{}{}
		}()
	}
	select {
	case <-closed:
	case <-time.After(3 * time.Second): // before the login's deadline, which ends all
		t.Error("silent connections of one address are not counted")
	}
}

// The API sees the client behind the balancer too, unless the settings say that what
// stands before it sends no header.
func TestKeysAllowListBehindABalancer(t *testing.T) {
	ask := func(n *node, dial func(context.Context, string, string) (net.Conn, error)) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.base+"/v1/messages", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+n.key)
		web := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
		resp, err := web.Do(req)
		if err != nil {
			return 0
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if resp.StatusCode == http.StatusBadRequest { // said before it closes, and not always read
			return 0
		}
		return resp.StatusCode
	}
	for _, believed := range []bool{true, false} {
		cfg := config.Default()
		cfg.Proxy = config.Proxy{From: []string{"127.0.9.0/24"}, HTTP: believed}
		n := start(t, cfg)
		n.allowKey("203.0.113.0/24")
		want := map[bool][6]int{
			true:  {http.StatusOK, http.StatusOK, http.StatusForbidden, 0, 0, http.StatusForbidden},
			false: {0, 0, 0, http.StatusForbidden, 0, http.StatusForbidden},
		}[believed]
		for i, dial := range []func(context.Context, string, string) (net.Conn, error){
			through(balancer, 1, inside), through(balancer, 2, inside), through(balancer, 2, outside),
			through(balancer, 0, ""), through(stranger, 1, inside), through(stranger, 0, ""),
		} {
			if got := ask(n, dial); got != want[i] {
				t.Errorf("proxy.http %v, way %d: %d, want %d", believed, i, got, want[i])
			}
		}
	}
}

// allowKey limits the node's key to some addresses.
func (n *node) allowKey(list string) {
	n.t.Helper()
	snap, err := n.Registry(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	hash, err := vault.HashAPIKey(n.key)
	if err != nil {
		n.t.Fatal(err)
	}
	k := *snap.Key(hash)
	k.Allow = list
	err = n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return tx.Put(ctx, k) })
	if err != nil {
		n.t.Fatal(err)
	}
	if _, err := n.Registry(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
}

// An address in use is told with the setting that names another.
func TestBusyAddressNamesItsSetting(t *testing.T) {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() //nolint:errcheck // a test's
	busy := ln.Addr().String()
	d, err := openDoors(t.Context(), &listener.Config{}, "HTTP", "http.listen", busy, "")
	if err == nil || !strings.Contains(err.Error(), busy) || !strings.Contains(err.Error(), "change http.listen") {
		t.Errorf("%v, %v", d, err)
	}
}
