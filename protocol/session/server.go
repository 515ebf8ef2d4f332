package session

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// ServerConfig is a listener for customers' connections. Zero values mean the
// defaults named with each field.
type ServerConfig struct {
	Logger *slog.Logger
	Now    func() time.Time // wall clock for stamps and message ids, default time.Now
	// GatewayID is the gateway code in the ids of delivers: for CMPP 0 to 4,194,303, for
	// SMGP six digits, for SGIP the node number.
	GatewayID uint32

	LoginTimeout    time.Duration // from accept to a complete login, default 5 s
	Heartbeat       time.Duration // silence after which the peer is tested, default 180 s, SMPP 30 s
	Idle            time.Duration // SGIP: after which an idle connection is ended, default 60 s
	HeartbeatTries  int           // tests before the connection is given up, default 3
	ResponseTimeout time.Duration // for delivers, default 60 s
	WriteTimeout    time.Duration // for one write, default 10 s

	MaxConnections      int // at once, logged in or not, default 4,096
	MaxConnectionsPerIP int // at once from one address, default 64
	// Window is used for accounts that set none, default 16.
	Window int
}

func (c ServerConfig) withDefaults() ServerConfig {
	c.LoginTimeout = orDefault(c.LoginTimeout, 5*time.Second)
	c.Heartbeat = orDefault(c.Heartbeat, 180*time.Second)
	c.HeartbeatTries = orDefault(c.HeartbeatTries, 3)
	c.ResponseTimeout = orDefault(c.ResponseTimeout, 60*time.Second)
	c.WriteTimeout = orDefault(c.WriteTimeout, 10*time.Second)
	c.MaxConnections = orDefault(c.MaxConnections, 4096)
	c.MaxConnectionsPerIP = orDefault(c.MaxConnectionsPerIP, 64)
	c.Window = orDefault(c.Window, 16)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Account is what the server must know of a login.
type Account struct {
	Login  string
	Secret string
	// Version decides the dialect, whatever the client claims.
	Version Version
	// MaxSessions is how many connections may be open at once, default 1.
	MaxSessions int
	// Window is how many submits of a connection may be unanswered before its
	// socket is no longer read, and how many delivers to it may be.
	Window int
	// TPS is the account's pace in segments a second over all its connections;
	// what exceeds it is answered with the over-speed status. 0 is unlimited.
	TPS int
}

// ServerHandler decides about logins and submits. Its methods are called from
// the connections' goroutines.
type ServerHandler interface {
	// Account looks a login up. status 0 means found; the engine then checks
	// the proof. Any other value is sent back as it is.
	Account(login string, remote netip.Addr) (a Account, status uint32)
	OnOpen(p *Peer)
	// OnSubmit hands over a message. answer must be called once, from any
	// goroutine; until then the submit holds a slot of the window.
	OnSubmit(p *Peer, s Submit, answer func(id string, result uint32))
	// OnClose is the last call for p, after the outcome of every deliver.
	OnClose(p *Peer, err error)
}

// Receiver is a ServerHandler of the service provider's side of SGIP, to which gateways
// connect: they bring reports and messages from handsets, and submit nothing. ack is as in
// ClientHandler.
type Receiver interface {
	OnReport(p *Peer, r Report, ack func(ok bool))
	OnMO(p *Peer, m MO, ack func(ok bool))
}

// admission is a login that was accepted.
type admission struct {
	binding binding
	account Account
	mute    bool // nothing may be sent to it but answers
}

// admitFunc runs the server's side of the login. reserve takes one of the
// account's sessions; when it fails, or the login is refused for another
// reason, the function answers the client and returns an error.
type admitFunc func(conn net.Conn, br *bufio.Reader, s *Server, remote netip.Addr, reserve func(Account) bool) (admission, error)

// sharedAccount is what the connections of one login have in common.
type sharedAccount struct {
	sessions int
	pacer    *Pacer
}

// Server accepts and serves connections of one protocol.
type Server struct {
	cfg     ServerConfig
	handler ServerHandler
	admit   admitFunc
	ids     atomic.Uint64
	numbers atomic.Uint64 // of delivers
	parts   sync.WaitGroup
	halt    context.CancelFunc

	mu       sync.Mutex
	lns      []net.Listener // the first is what serve was given
	conns    map[net.Conn]bool
	perIP    map[netip.Addr]int
	peers    map[uint64]*Peer
	accounts map[string]*sharedAccount
	closing  bool
}

// serve starts accepting. When ctx ends everything is closed at once.
func serve(ctx context.Context, ln net.Listener, cfg ServerConfig, h ServerHandler, admit admitFunc) *Server {
	ctx, halt := context.WithCancel(ctx)
	s := &Server{
		cfg: cfg.withDefaults(), handler: h, admit: admit, halt: halt, lns: []net.Listener{ln},
		conns: make(map[net.Conn]bool), perIP: make(map[netip.Addr]int),
		peers: make(map[uint64]*Peer), accounts: make(map[string]*sharedAccount),
	}
	s.parts.Go(func() { s.acceptLoop(ln) })
	s.parts.Go(func() {
		<-ctx.Done()
		s.closeAll()
	})
	return s
}

// AlsoOn accepts on another listener too. Its connections share the limits, the sessions
// and the pace of the first one's, which two servers would each grant in full.
func (s *Server) AlsoOn(ln net.Listener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return errors.Join(ErrClosed, ln.Close())
	}
	s.lns = append(s.lns, ln)
	s.parts.Go(func() { s.acceptLoop(ln) })
	return nil
}

// Addr is the first listener's address.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lns[0].Addr()
}

// acceptPause bounds the loop when accept fails for lack of descriptors.
const acceptPause = 50 * time.Millisecond

// acceptLoop never waits for a peer: a slow one must not keep the others out. So it asks
// no connection for its address, which behind a load balancer has to be read first.
func (s *Server) acceptLoop(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			if s.isClosing() || errors.Is(err, net.ErrClosed) {
				return
			}
			s.cfg.Logger.Error("accept connection", "error", err)
			<-time.After(acceptPause)
			continue
		}
		if why := s.enter(conn); why != "" {
			s.cfg.Logger.Info("connection refused", "reason", why)
			s.discard(conn)
			continue
		}
		s.parts.Go(func() { s.serveConn(conn) })
	}
}

func (s *Server) discard(conn net.Conn) {
	if err := closeConn(conn); err != nil {
		s.cfg.Logger.Debug("close connection", "error", err)
	}
}

func remoteAddr(conn net.Conn) netip.Addr {
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// enter counts the connection, or says why it may not come in.
func (s *Server) enter(conn net.Conn) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
		return "server is closing"
	case len(s.conns) >= s.cfg.MaxConnections:
		return "too many connections"
	}
	s.conns[conn] = true
	return ""
}

func (s *Server) leave(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// count counts the connection for its address too, or tells that there are too many.
func (s *Server) count(remote netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.perIP[remote] >= s.cfg.MaxConnectionsPerIP {
		return false
	}
	s.perIP[remote]++
	return true
}

func (s *Server) uncount(remote netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.perIP[remote]--; s.perIP[remote] <= 0 {
		delete(s.perIP, remote)
	}
}

// reserve takes a session of the account. One too many is refused, and the old ones live
// on: 5 in CMPP 3.0 §8.4.1.2, 2 in SMGP 3.0.3 §6.2.6, 3 in SGIP. Connections open at once
// share the pace; a changed rate holds for all of them from the next login on.
func (s *Server) reserve(a Account) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.accounts[a.Login]
	if sh == nil {
		sh = &sharedAccount{pacer: NewPacer(a.TPS)}
		s.accounts[a.Login] = sh
	}
	if s.closing || sh.sessions >= max(1, a.MaxSessions) {
		if sh.sessions == 0 {
			delete(s.accounts, a.Login)
		}
		return false
	}
	sh.pacer.SetRate(a.TPS)
	sh.sessions++
	return true
}

func (s *Server) release(login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh := s.accounts[login]; sh != nil {
		if sh.sessions--; sh.sessions == 0 {
			delete(s.accounts, login)
		}
	}
}

// pace is the pacer that the account's connections share.
func (s *Server) pace(login string) *Pacer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh := s.accounts[login]; sh != nil {
		return sh.pacer
	}
	return nil
}

// serveConn is the life of one connection. One whose first frame is no login, or comes too
// late, is closed.
func (s *Server) serveConn(conn net.Conn) {
	defer s.leave(conn)
	// The deadline holds for whatever comes before the login as well: the header of a load
	// balancer, which is read when the address is asked for, and the handshake of TLS.
	err := conn.SetDeadline(time.Now().Add(s.cfg.LoginTimeout))
	remote := remoteAddr(conn)
	if !s.count(remote) {
		s.cfg.Logger.Info("connection refused", "remote", remote, "reason", "too many connections from this address")
		s.discard(conn)
		return
	}
	defer s.uncount(remote)
	reserved := ""
	defer func() {
		if reserved != "" {
			s.release(reserved)
		}
	}()
	br := bufio.NewReaderSize(conn, readBuffer)
	var adm admission
	if err == nil {
		adm, err = s.admit(conn, br, s, remote, func(a Account) bool {
			if !s.reserve(a) {
				return false
			}
			reserved = a.Login
			return true
		})
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		s.cfg.Logger.Info("login failed", "remote", remote, "error", err)
		s.discard(conn)
		return
	}
	s.servePeer(conn, br, remote, adm)
}

func (s *Server) servePeer(conn net.Conn, br *bufio.Reader, remote netip.Addr, adm admission) {
	window := min(orDefault(adm.account.Window, s.cfg.Window), maxWindow)
	p := &Peer{server: s, id: s.ids.Add(1), account: adm.account, mute: adm.mute, remote: remote, pace: s.pace(adm.account.Login)}
	p.link = newLink(conn, br, adm.binding, p, limits{
		window: window, inbound: window, heartbeat: s.cfg.Heartbeat, heartbeatTries: s.cfg.HeartbeatTries,
		response: s.cfg.ResponseTimeout, write: s.cfg.WriteTimeout, idle: s.cfg.Idle, drainsInbound: true,
	}, nil, s.cfg.Logger, s.cfg.Now)
	s.mu.Lock()
	s.peers[p.id] = p
	closing := s.closing
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.peers, p.id)
		s.mu.Unlock()
	}()
	s.handler.OnOpen(p)
	if closing {
		p.Close()
	}
	p.link.run()
}

// stopAccepting closes the listeners once.
func (s *Server) stopAccepting() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return nil
	}
	s.closing = true
	for _, ln := range s.lns {
		if e := ln.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, fmt.Errorf("session: close listener: %w", e))
		}
	}
	return err
}

func (s *Server) closeAll() {
	if err := s.stopAccepting(); err != nil {
		s.cfg.Logger.Error("stop accepting", "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.peers {
		p.Close()
	}
	for conn := range s.conns {
		s.discard(conn)
	}
}

// Shutdown stops accepting, refuses new submits with the over-speed status (the
// client may send them again elsewhere), waits until every open submit is
// answered and every deliver acknowledged, logs each peer out and returns when
// all goroutines have ended. When ctx ends first the rest is closed at once.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.stopAccepting()
	s.mu.Lock()
	peers := make([]*Peer, 0, len(s.peers))
	busy := make(map[net.Conn]bool, len(s.peers))
	for _, p := range s.peers {
		peers = append(peers, p)
		busy[p.link.conn] = true
	}
	for conn := range s.conns { // not logged in yet
		if !busy[conn] {
			s.discard(conn)
		}
	}
	s.mu.Unlock()
	var drains sync.WaitGroup
	for _, p := range peers {
		drains.Go(func() {
			if err := p.link.drain(ctx); err != nil {
				s.cfg.Logger.Info("drain connection", "session", p.id, "error", err)
			}
		})
	}
	drains.Wait()
	s.halt()
	s.parts.Wait()
	return errors.Join(err, ctx.Err())
}
