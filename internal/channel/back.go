package channel

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/sgip"
)

// SGIP's gateways connect to us to bring reports and replies. Without that connection a
// channel sends and never hears: so it is watched like a channel. SGIP 1.2 §3.7.2.

// Back is how a gateway's connections to us do.
type Back struct {
	Sessions int    `json:"sessions" doc:"open now; a gateway may close them when nothing is to be said"`
	Since    int64  `json:"since,omitempty" doc:"when the last one began, epoch milliseconds; 0 is never since the start of this node"`
	Heard    int64  `json:"heard,omitempty" doc:"when it last brought something"`
	Refused  string `json:"refused,omitempty" doc:"why the last log-in was refused"`
}

// backs keeps them by login.
type backs struct {
	mu   sync.Mutex
	list map[string]*Back
}

func (b *backs) of(login string, change func(*Back)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.list == nil {
		b.list = map[string]*Back{}
	}
	x := b.list[login]
	if x == nil {
		x = &Back{}
		b.list[login] = x
	}
	change(x)
}

func (b *backs) get(login string) Back {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x := b.list[login]; x != nil {
		return *x
	}
	return Back{}
}

// back tells how the gateway's own connections do, nil for the other protocols.
func (c *Channel) back() *Back {
	if c.def.Protocol != sgip12 || c.cfg.backs == nil {
		return nil
	}
	b := c.cfg.backs.get(c.def.Options.BackLogin)
	return &b
}

// ServeBack lets SGIP's gateways in on a listener until the server is shut down.
func (s *Set) ServeBack(ctx context.Context, ln net.Listener, maxConnections, maxPerAddress int) *session.Server {
	return session.ServeSGIP(ctx, ln, session.ServerConfig{
		Logger: s.cfg.Logger, Now: s.cfg.Now, MaxConnections: maxConnections, MaxConnectionsPerIP: maxPerAddress,
	}, (*gateways)(s))
}

// gateways is the Set as the listener for SGIP's gateways sees it.
type gateways Set

// channel finds the active channel that a gateway logs in for.
func (g *gateways) channel(login string) *Channel {
	s := (*Set)(g)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.list {
		if c.def.Protocol == sgip12 && c.def.Options.BackLogin == login && login != "" {
			return c
		}
	}
	return nil
}

// backWindow is how many reports of a gateway may be unanswered: SGIP 1.2 has 32.
const backWindow = 32

// maxBacks is how many connections a gateway may have.
const maxBacks = 64

// Account implements session.ServerHandler.
func (g *gateways) Account(login string, remote netip.Addr) (session.Account, uint32) {
	c := g.channel(login)
	if c != nil && !within(c.def.Options.BackAllow, remote) {
		g.cfg.Logger.Warn("an SGIP gateway logs in from an address that its channel does not allow", "channel", c.def.ID, "remote", remote)
		g.cfg.backs.of(login, func(b *Back) { b.Refused = "it came from " + remote.String() + ", which back_allow does not name" })
		return session.Account{}, uint32(sgip.ResultBadLogin)
	}
	if c == nil {
		g.cfg.Logger.Warn("an SGIP gateway logs in by a name that no active channel has", "login", login)
		return session.Account{}, uint32(sgip.ResultBadLogin)
	}
	secret, err := c.cfg.Open(c.def.BackSecret)
	if err != nil {
		g.cfg.backs.of(login, func(b *Back) { b.Refused = "the stored password does not open" })
		return session.Account{}, uint32(sgip.ResultBadLogin)
	}
	return session.Account{Login: login, Secret: secret, MaxSessions: maxBacks, Window: backWindow}, 0
}

// within tells whether an address is in a list of ranges; an empty list is any. A range
// that can't be read lets nobody in.
func within(list string, addr netip.Addr) bool {
	if list == "" {
		return true
	}
	for _, text := range strings.Split(list, ",") {
		if p, err := netip.ParsePrefix(strings.TrimSpace(text)); err == nil && p.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}

// OnOpen implements session.ServerHandler.
func (g *gateways) OnOpen(p *session.Peer) {
	at := g.cfg.now().UnixMilli()
	g.cfg.backs.of(p.Login(), func(b *Back) { b.Sessions, b.Since, b.Refused = b.Sessions+1, at, "" })
}

// OnClose implements session.ServerHandler.
func (g *gateways) OnClose(p *session.Peer, _ error) {
	g.cfg.backs.of(p.Login(), func(b *Back) { b.Sessions-- })
}

// OnSubmit implements session.ServerHandler; the engine refuses submits here.
func (g *gateways) OnSubmit(_ *session.Peer, _ session.Submit, answer func(string, uint32)) {
	answer("", uint32(sgip.ResultBadCommand))
}

// OnReport implements session.Receiver.
func (g *gateways) OnReport(p *session.Peer, r session.Report, ack func(bool)) {
	c := g.heard(p)
	if c == nil { // paused or changed meanwhile: the gateway shall come again
		ack(false)
		return
	}
	c.cfg.Inbound.Report(c.def.ID, r, 0, ack)
}

// OnMO implements session.Receiver.
func (g *gateways) OnMO(p *session.Peer, m session.MO, ack func(bool)) {
	c := g.heard(p)
	if c == nil {
		ack(false)
		return
	}
	c.cfg.Inbound.MO(c.def.ID, m, ack)
}

func (g *gateways) heard(p *session.Peer) *Channel {
	at := g.cfg.now().UnixMilli()
	g.cfg.backs.of(p.Login(), func(b *Back) { b.Heard = at })
	return g.channel(p.Login())
}

// selfTestWithin bounds a self-test.
const selfTestWithin = 10 * time.Second

// SelfTest logs in to an address as the channel's gateway would. It tells whether
// whoever stands where this node stands reaches our listener there: the address that was
// given to the carrier, through its translations and fire walls.
func (s *Set) SelfTest(ctx context.Context, channel *registry.Channel, address string) error {
	secret, err := s.cfg.Open(channel.BackSecret)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, selfTestWithin)
	defer cancel()
	c, err := session.DialSGIPBack(ctx, session.ClientConfig{
		Address: address, Login: channel.Options.BackLogin, Secret: secret, Logger: s.cfg.Logger, Now: s.cfg.Now,
	}, nobody{})
	if err != nil {
		return err
	}
	return c.Drain(ctx)
}

// nobody is told nothing.
type nobody struct{}

func (nobody) OnReport(_ *session.Client, _ session.Report, ack func(bool)) { ack(false) }
func (nobody) OnMO(_ *session.Client, _ session.MO, ack func(bool))         { ack(false) }
func (nobody) OnCredit(*session.Client)                                     {}
func (nobody) OnClose(*session.Client, error)                               {}
