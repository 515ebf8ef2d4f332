package session

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

func listenLocal(t *testing.T) net.Listener {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// A login by one listener counts against what the other one grants, and both close.
func TestListenersShareTheLimits(t *testing.T) {
	first, second := listenLocal(t), listenLocal(t)
	g := &gateway{account: Account{Login: "900001", Secret: "888888", Version: CMPP30, MaxSessions: 1}}
	s := ServeCMPP(t.Context(), first, ServerConfig{}, g)
	if err := s.AlsoOn(second); err != nil {
		t.Fatal(err)
	}
	cfg := ClientConfig{Address: first.Addr().String(), Login: "900001", Secret: "888888", Version: CMPP30}
	c, err := DialCMPP(t.Context(), cfg, newPlatform())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Address = second.Addr().String()
	var refused *LoginError
	if _, err := DialCMPP(t.Context(), cfg, newPlatform()); !errors.As(err, &refused) {
		t.Errorf("a second session of one: %v", err)
	}
	c.Close()
	<-c.Done()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", second.Addr().String()); err == nil {
		t.Error("the second listener is still open", conn.Close())
	}
	if err := s.AlsoOn(listenLocal(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("a listener after the end: %v", err)
	}
}

// slowAddress is a listener whose first connection can't tell its address yet, as behind
// a load balancer that has not written its header.
type slowAddress struct {
	net.Listener
	seen    bool
	asked   chan struct{}
	release chan struct{}
}

type slowConn struct {
	net.Conn
	ln *slowAddress
}

func (l *slowAddress) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil || l.seen {
		return c, err
	}
	l.seen = true
	return &slowConn{c, l}, nil
}

func (c *slowConn) RemoteAddr() net.Addr {
	close(c.ln.asked)
	<-c.ln.release
	return c.Conn.RemoteAddr()
}

func TestAnAddressThatIsLateHoldsNobodyUp(t *testing.T) {
	ln := &slowAddress{Listener: listenLocal(t), asked: make(chan struct{}), release: make(chan struct{})}
	g := &gateway{account: Account{Login: "900001", Secret: "888888", Version: CMPP30}}
	s := ServeCMPP(t.Context(), ln, ServerConfig{}, g)
	slow, err := new(net.Dialer).DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	<-ln.asked
	c, err := DialCMPP(t.Context(), ClientConfig{Address: ln.Addr().String(), Login: "900001", Secret: "888888", Version: CMPP30, LoginTimeout: 3 * time.Second}, newPlatform())
	if err != nil {
		t.Error(err)
	} else {
		c.Close()
		<-c.Done()
	}
	close(ln.release)
	if err := errors.Join(slow.Close(), s.Shutdown(t.Context())); err != nil {
		t.Error(err)
	}
}
