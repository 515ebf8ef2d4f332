package listener

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/pires/go-proxyproto"
)

// headerTimeout bounds the wait for a balancer's header where the server's own deadline
// is later, as for HTTP.
const headerTimeout = 5 * time.Second

// balanced is a listener behind load balancers that speak the PROXY protocol, version 1
// or 2. The library's own listener is not used: under its policies a connection from
// elsewhere either is dropped, or has its address asked for only after its first bytes,
// so that silent connections would escape the limits by address.
type balanced struct {
	net.Listener
	from []netip.Prefix
}

// Accept reads nothing: the header is read with the first use of the connection.
func (b *balanced) Accept() (net.Conn, error) {
	conn, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	policy := proxyproto.REJECT
	if b.trusts(conn.RemoteAddr()) {
		policy = proxyproto.REQUIRE
	}
	wrapped := proxyproto.NewConn(conn, proxyproto.WithPolicy(policy), proxyproto.SetReadHeaderTimeout(headerTimeout), proxyproto.ValidateHeader(tcpOnly))
	if policy == proxyproto.REJECT {
		return &direct{wrapped}, nil
	}
	return wrapped, nil
}

func (b *balanced) trusts(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return false
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	return slices.ContainsFunc(b.from, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// tcpOnly refuses a header whose client has no TCP address: it could not be held against
// an allow-list. What a balancer says of itself (LOCAL, UNKNOWN: its health checks) has
// none either, and counts as the balancer's own connection.
func tcpOnly(h *proxyproto.Header) error {
	if h.Command.IsLocal() {
		return nil
	}
	if _, ok := h.SourceAddr.(*net.TCPAddr); !ok {
		return fmt.Errorf("a balancer's header names no TCP address: %v", h.SourceAddr)
	}
	return nil
}

// direct is a connection that comes from no balancer: what it would say in a header is
// not asked for, and that it says anything ends it.
type direct struct{ *proxyproto.Conn }

func (d *direct) RemoteAddr() net.Addr { return d.Raw().RemoteAddr() }
func (d *direct) LocalAddr() net.Addr  { return d.Raw().LocalAddr() }
