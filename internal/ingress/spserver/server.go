// Package spserver lets customers in by the carriers' own protocols: a client of CMPP,
// SGIP, SMGP or SMPP connects to us as it would to a carrier.
//
// It decides nothing: a PDU becomes a gate.Call. A result code refuses a whole PDU
// only when nothing of it was accepted; what is refused beside something accepted
// comes as a report.
package spserver

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// Tx is what the server needs of a transaction.
type Tx interface {
	gate.Reader
	Now(ctx context.Context) (time.Time, error)
	InsertPart(ctx context.Context, p sms.Part) error
	OpenParts(ctx context.Context, via sms.ID, set [16]byte) ([]sms.Part, error)
	LateParts(ctx context.Context, protocol string, before int64, limit int) ([]sms.Part, error)
	PartsOf(ctx context.Context, pdu sms.ID) ([]sms.Part, error)
	CloseParts(ctx context.Context, ids []sms.ID, pdu sms.ID) (int, error)
	InsertEvents(ctx context.Context, list []sms.Event) error
	Untold(ctx context.Context, via, after sms.ID, limit int) ([]sms.Event, error)
	Told(ctx context.Context, ids []sms.ID, at int64) error
	Messages(ctx context.Context, ids []sms.ID, lock bool) ([]*sms.Message, error)
	MOs(ctx context.Context, ids []sms.ID, each func(sms.MO)) error
}

// Store runs the server's transactions.
type Store interface {
	Write(ctx context.Context, fn func(context.Context, Tx) error) error
	Read(ctx context.Context, fn func(context.Context, Tx) error) error
}

// Config is what the server works on.
type Config struct {
	Protocol string // one of CMPP, SGIP, SMGP, SMPP
	Gate     *gate.Gate
	Store    Store
	Keys     *vault.Keys
	IDs      *sms.IDs
	Now      func() time.Time
	Wait     func() <-chan struct{} // closed when there are events that Tell did not get
	Logger   *slog.Logger

	MaxConnections, MaxPerAddress int
	Heartbeat                     time.Duration
	RepeatWindow                  time.Duration
	PartsWithin                   time.Duration
	GatewayID                     uint32
}

// Server is the listener with what it pushes.
type Server struct {
	Config
	tongue tongue
	server *session.Server
	halt   context.CancelFunc
	parts  sync.WaitGroup
	poked  chan struct{}

	mu     sync.Mutex
	logins map[sms.ID]*login // those with a session, or with something on its way
	repeat map[*session.Peer]*repeats
}

// Start serves on a listener.
func Start(ln net.Listener, cfg Config) *Server {
	ctx, halt := context.WithCancel(context.Background())
	s := &Server{Config: cfg, halt: halt, poked: make(chan struct{}, 1), logins: map[sms.ID]*login{}, repeat: map[*session.Peer]*repeats{}}
	s.tongue = tongues[cfg.Protocol]
	s.server = s.tongue.serve(ctx, ln, session.ServerConfig{
		Logger: cfg.Logger, Now: cfg.Now, GatewayID: cfg.GatewayID, Heartbeat: cfg.Heartbeat, MaxConnections: cfg.MaxConnections,
		MaxConnectionsPerIP: cfg.MaxPerAddress,
	}, (*handler)(s))
	if cfg.Protocol == SGIP {
		s.parts.Go(func() { s.callBack(ctx) })
	}
	s.parts.Go(func() { s.push(ctx) })
	s.parts.Go(func() { s.watchParts(ctx) })
	return s
}

// Addr is the listener's address.
func (s *Server) Addr() net.Addr { return s.server.Addr() }

// AlsoOn lets customers in by another listener too; see session.Server.
func (s *Server) AlsoOn(ln net.Listener) error { return s.server.AlsoOn(ln) }

// Stop answers what is open, logs the customers out and ends.
func (s *Server) Stop(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	s.halt()
	s.parts.Wait()
	return err
}

// handler is the Server as the session engine sees it.
type handler Server

// Account implements session.ServerHandler.
func (h *handler) Account(name string, remote netip.Addr) (session.Account, uint32) {
	s := (*Server)(h)
	snap, err := s.Gate.Snapshot(context.Background())
	if err != nil {
		s.Logger.Error("read the registry for a login", "err", err)
		return session.Account{}, s.tongue.otherLogin
	}
	a := snap.Login(s.Protocol, name)
	switch {
	case a == nil || a.State != registry.Active:
		return session.Account{}, s.tongue.badLogin
	case !snap.Allows(a.Allow, remote):
		return session.Account{}, s.tongue.badAddress
	}
	secret, err := s.Keys.Open(vault.PurposeLogin, a.Secret)
	if err != nil {
		s.Logger.Error("the secret of a login does not open", "login", name, "err", err)
		return session.Account{}, s.tongue.otherLogin
	}
	return session.Account{
		Login: name, Secret: string(secret), Version: session.Version(a.Version), MaxSessions: int(a.MaxSessions), Window: int(a.Window), TPS: int(a.TPS),
	}, 0
}

// OnOpen implements session.ServerHandler.
func (h *handler) OnOpen(p *session.Peer) {
	s := (*Server)(h)
	snap := s.Gate.Cached()
	a := snap.Login(s.Protocol, p.Login())
	if a == nil { // removed in the last instant
		p.Close()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repeat[p] = newRepeats(s.RepeatWindow, s.tongue.clash)
	if s.Protocol != SGIP { // there, a customer is told by a connection of ours: see callBack
		s.login(a.ID).open(p)
	}
}

// login finds the state of a login, or begins it. The caller holds s.mu.
func (s *Server) login(id sms.ID) *login {
	l := s.logins[id]
	if l == nil {
		l = &login{id: id, poke: s.poke, flying: map[sms.ID]bool{}}
		s.logins[id] = l
	}
	return l
}

// OnClose implements session.ServerHandler.
func (h *handler) OnClose(p *session.Peer, _ error) {
	s := (*Server)(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.repeat, p)
	for _, l := range s.logins {
		l.close(p)
	}
}

// OnSubmit implements session.ServerHandler.
func (h *handler) OnSubmit(p *session.Peer, in session.Submit, answer func(string, uint32)) {
	s := (*Server)(h)
	s.mu.Lock()
	r := s.repeat[p]
	s.mu.Unlock()
	if r == nil { // the connection is closing
		answer("", session.NoAnswer)
		return
	}
	first, answer := r.enter(in, s.Now(), answer)
	if !first {
		return
	}
	s.submit(p, in, answer)
}
