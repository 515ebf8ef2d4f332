// Package listener opens the sockets by which peers come in: plain, behind load
// balancers, and under TLS.
//
// A connection tells the address of the peer itself, whatever stands between: limits and
// allow-lists rest on it. Neither the header of a balancer nor the handshake of TLS is
// read by Accept; both come with the first use of the connection, under its deadline.
package listener

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
)

// Config is what holds for all listeners of a node.
type Config struct {
	Balancers   []netip.Prefix // from which a PROXY header is required and believed; none are no balancers
	Certificate *Certificate   // nil when nothing listens under TLS
	Logger      *slog.Logger
	Taken       map[string]net.Listener // plain ones that somebody opened before, by their address
}

// Open listens on an address, behind the balancers if there are some.
func (c *Config) Open(ctx context.Context, address string) (net.Listener, error) {
	ln, err := c.Taken[address], error(nil)
	if ln == nil {
		ln, err = new(net.ListenConfig).Listen(ctx, "tcp", address)
	}
	if err != nil || len(c.Balancers) == 0 {
		return ln, err
	}
	return &balanced{Listener: ln, from: c.Balancers}, nil
}

// OpenTLS is Open under TLS, which begins after the balancer's header.
func (c *Config) OpenTLS(ctx context.Context, address string) (net.Listener, error) {
	if c.Certificate == nil {
		return nil, fmt.Errorf("settings: tls.cert_file: %s is to listen under TLS and there is no certificate", address)
	}
	ln, err := c.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	return tls.NewListener(ln, &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.Certificate.Current(c.Logger), nil
		},
	}), nil
}
