package session

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"
)

// ClientConfig is one connection to a carrier. Zero values mean the defaults
// named with each field.
type ClientConfig struct {
	Address   string // host:port
	Login     string // enterprise code given by the carrier
	Secret    string // shared secret
	ServiceID string // business code put into submits that name none
	Version   Version
	// SGIP, SMGP and SMPP are what only that protocol has.
	SGIP SGIPOptions
	SMGP SMGPOptions
	SMPP SMPPOptions
	// RetryStatus are statuses of submits that mean over-speed on this channel besides
	// the protocol's own: vendors have theirs. CMPP 3.0 §8.7.2, SMGP 3.0.3 §6.2.6.
	RetryStatus []uint32
	// Window is how many submits may be unanswered, 1 to 65,536, default 16.
	Window int
	// InboundWindow is how many reports and MOs may be unacknowledged before
	// the socket is no longer read, default 1,024.
	InboundWindow int
	// TPS is the pace in segments (PDU × destinations) a second; 0 is unlimited.
	TPS int
	// Pacer, when set, is shared with the account's other connections and
	// replaces TPS.
	Pacer *Pacer

	Heartbeat       time.Duration // silence after which the peer is tested, default 180 s, SMPP 30 s
	Idle            time.Duration // SGIP: after which the connection is ended until it is needed, default 50 s
	HeartbeatTries  int           // tests before the connection is given up, default 3
	ResponseTimeout time.Duration // default 60 s
	LoginTimeout    time.Duration // connecting and logging in, default 10 s
	WriteTimeout    time.Duration // for one write, default 10 s

	// Dial opens the connection; nil is plain TCP. Its Write must return the
	// exact number of bytes it took, as io.Writer demands: outcomes rely on it.
	Dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	Logger *slog.Logger
	Now    func() time.Time // wall clock for stamps and login, default time.Now
}

func orDefault[T int | time.Duration](v, d T) T {
	if v <= 0 {
		return d
	}
	return v
}

func (c ClientConfig) withDefaults() ClientConfig {
	c.Window = min(orDefault(c.Window, 16), maxWindow)
	c.InboundWindow = min(orDefault(c.InboundWindow, 1024), maxWindow)
	c.Heartbeat = orDefault(c.Heartbeat, 180*time.Second)
	c.HeartbeatTries = orDefault(c.HeartbeatTries, 3)
	c.ResponseTimeout = orDefault(c.ResponseTimeout, 60*time.Second)
	c.LoginTimeout = orDefault(c.LoginTimeout, 10*time.Second)
	c.WriteTimeout = orDefault(c.WriteTimeout, 10*time.Second)
	if c.Pacer == nil {
		c.Pacer = NewPacer(c.TPS)
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// ClientHandler receives what the carrier sends. Its methods are called from
// the connection's goroutines and may be called before the dial function has
// returned; they must not block for long and must not call Drain.
type ClientHandler interface {
	// OnReport and OnMO hand over a message. ack answers it, once, from any
	// goroutine: true after it is stored; false asks the carrier to slow down
	// and send it again (over-speed status). Until then it holds a slot.
	OnReport(c *Client, r Report, ack func(ok bool))
	OnMO(c *Client, m MO, ack func(ok bool))
	// OnCredit says that Credit is above zero again, or still is after an answer.
	OnCredit(c *Client)
	// OnClose is the last call, after the outcome of every submit that was
	// taken. err is nil after a complete Drain.
	OnClose(c *Client, err error)
}

// Client is a logged-in connection to a carrier. Its methods may be called from
// any goroutine.
type Client struct {
	cfg     ClientConfig
	handler ClientHandler
	link    *link
}

// loginFunc logs in on a fresh connection and returns the protocol's binding.
type loginFunc func(conn net.Conn, br *bufio.Reader, cfg *ClientConfig) (binding, error)

// loginSeq is the number of every login; requests follow it. Gateways are known that
// refuse a number that they saw before.
const loginSeq = 1

// dial connects, logs in and starts the engine.
func dial(ctx context.Context, cfg ClientConfig, h ClientHandler, login loginFunc) (*Client, error) {
	cfg = cfg.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, cfg.LoginTimeout)
	defer cancel()
	conn, err := cfg.Dial(ctx, "tcp", cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("session: connect: %w", err)
	}
	b, br, err := logIn(ctx, conn, &cfg, login)
	if err != nil {
		return nil, errors.Join(err, closeConn(conn))
	}
	c := &Client{cfg: cfg, handler: h}
	c.link = newLink(conn, br, b, c, limits{
		window: cfg.Window, inbound: cfg.InboundWindow, heartbeat: cfg.Heartbeat,
		heartbeatTries: cfg.HeartbeatTries, response: cfg.ResponseTimeout, write: cfg.WriteTimeout,
		idle: cfg.Idle, retry: cfg.RetryStatus,
	}, cfg.Pacer, cfg.Logger, cfg.Now)
	c.link.lastSeq = loginSeq
	if b.traits().ownIDs { // the numbers are ids, also beside the node's other connections of this second
		c.link.lastSeq = rand.Uint32() //nolint:gosec // it guards against chance alone
	}
	go c.link.run()
	return c, nil
}

// closeConn closes and keeps quiet about a connection that is closed already.
func closeConn(conn net.Conn) error {
	if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("session: close: %w", err)
	}
	return nil
}

// logIn runs the protocol's login and gives it up when ctx ends.
func logIn(ctx context.Context, conn net.Conn, cfg *ClientConfig, login loginFunc) (binding, *bufio.Reader, error) {
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, nil, fmt.Errorf("session: login: %w", err)
	}
	expired := make(chan struct{})
	release := context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0)) // the login's error tells the rest
		close(expired)
	})
	br := bufio.NewReaderSize(conn, readBuffer)
	b, err := login(conn, br, cfg)
	if !release() {
		<-expired
		if err == nil {
			err = ctx.Err()
		}
	}
	if err != nil {
		var refused *LoginError
		if ctx.Err() != nil && !errors.As(err, &refused) {
			err = errors.Join(ctx.Err(), err)
		}
		return nil, nil, fmt.Errorf("session: login: %w", err)
	}
	return b, br, conn.SetDeadline(time.Time{})
}

// Credit is how many submits may be sent at once now: free window slots and
// what the pace allows; 0 during back-off and drain. When it returned 0,
// OnCredit follows as soon as that changes.
func (c *Client) Credit() int { return c.link.credit() }

// Room is how many slots of the window are free, whatever the pace; 0 during back-off
// and drain.
func (c *Client) Room() int { return c.link.slots() }

// Submit sends one PDU. done is called exactly once, never by Submit itself and
// never under a lock: from the connection's goroutines, or, if the submit was
// not taken (no credit, draining, closed, not encodable), from a new one. s must
// not change until Submit returns.
func (c *Client) Submit(s Submit, done func(Outcome)) {
	if s.ServiceID == "" {
		s.ServiceID = c.cfg.ServiceID
	}
	c.link.send(message{kind: outSubmit, submit: &s}, max(1, len(s.Dests)), done)
}

// Report and MO send what a gateway tells a service provider, on a connection that was
// made by DialSGIPBack. They are like those of Peer.
func (c *Client) Report(r Report, done func(Outcome)) {
	c.link.send(message{kind: outReport, report: &r}, 1, done)
}

// MO sends a message from a handset; see Report.
func (c *Client) MO(m MO, done func(Outcome)) {
	c.link.send(message{kind: outMO, mo: &m}, 1, done)
}

// Drain takes no more submits, waits for the open ones, logs out and closes.
// When ctx ends first the connection is closed at once and what is open is in
// doubt. Reports and MOs that are not acknowledged by then will be sent again
// by the carrier.
func (c *Client) Drain(ctx context.Context) error { return c.link.drain(ctx) }

// Close ends the connection at once; what is open gets its outcome. It does not
// wait: see Done.
func (c *Client) Close() { c.link.fail(ErrClosed) }

// Done is closed after OnClose has returned.
func (c *Client) Done() <-chan struct{} { return c.link.done }

func (c *Client) onSubmit(*event) error {
	return fmt.Errorf("%w: submit sent to a client", ErrProtocol)
}

func (c *Client) onReport(ev *event) error {
	c.handler.OnReport(c, ev.report, c.link.acker(ev))
	return nil
}

func (c *Client) onMO(ev *event) error {
	c.handler.OnMO(c, ev.mo, c.link.acker(ev))
	return nil
}

func (c *Client) onCredit()          { c.handler.OnCredit(c) }
func (c *Client) onClosed(err error) { c.handler.OnClose(c, err) }
