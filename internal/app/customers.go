package app

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/zhunxin/zhunxin/internal/ingress/spserver"
	"github.com/zhunxin/zhunxin/internal/store"
)

// spStore is the store as the customers' protocol server sees it.
type spStore struct{ db *store.DB }

func (s spStore) Write(ctx context.Context, fn func(context.Context, spserver.Tx) error) error {
	return s.db.Write(ctx, store.TurnReport, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

func (s spStore) Read(ctx context.Context, fn func(context.Context, spserver.Tx) error) error {
	return s.db.Read(ctx, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// listeners are where customers connect by the carriers' protocols.
func (p *Platform) listeners() map[string]string {
	c := &p.Config
	return map[string]string{spserver.CMPP: c.CMPP.Listen, spserver.SGIP: c.SGIP.Listen, spserver.SMGP: c.SMGP.Listen, spserver.SMPP: c.SMPP.Listen}
}

// letIn lets customers in by every protocol for which the settings say where.
func (p *Platform) letIn(ctx context.Context) (map[string]net.Addr, error) {
	addrs := map[string]net.Addr{}
	for _, protocol := range spserver.Protocols() {
		listen := p.listeners()[protocol]
		if listen == "" {
			continue
		}
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
		if err != nil {
			return nil, fmt.Errorf("listen for customers' %s: %w", protocol, err)
		}
		addrs[protocol] = p.serveCustomers(protocol, ln)
	}
	return addrs, nil
}

func (p *Platform) serveCustomers(protocol string, ln net.Listener) net.Addr {
	cfg := &p.Config.CMPP
	s := spserver.Start(ln, spserver.Config{
		Protocol: protocol, Gate: p.Gate, Store: spStore{p.DB}, Keys: p.Keys, IDs: p.IDs, Now: p.Now, Wait: p.untold.next, Logger: p.Logger,
		MaxConnections: cfg.MaxConnections, MaxPerAddress: cfg.MaxPerAddress, Heartbeat: heartbeat(protocol, cfg.Heartbeat), RepeatWindow: cfg.RepeatWindow,
		PartsWithin: cfg.PartsWithin, GatewayID: uint32(p.Config.Node),
	})
	p.addCustomers(s)
	p.stops = append(p.stops, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience/3)
		defer cancel()
		return s.Stop(ctx)
	})
	return s.Addr()
}

// heartbeat leaves SMPP its own, shorter one.
func heartbeat(protocol string, set time.Duration) time.Duration {
	if protocol == spserver.SMPP {
		return 0
	}
	return set
}

// addCustomers has a server told of reports.
func (p *Platform) addCustomers(s *spserver.Server) {
	list := append([]*spserver.Server(nil), *p.customers.Load()...)
	list = append(list, s)
	p.customers.Store(&list)
}

// carriers lets SGIP's gateways in, if the settings say where.
func (p *Platform) carriers(ctx context.Context) (net.Addr, error) {
	if p.Config.SGIP.Carriers == "" {
		return nil, nil
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", p.Config.SGIP.Carriers)
	if err != nil {
		return nil, fmt.Errorf("listen for SGIP gateways: %w", err)
	}
	s := p.Channels.ServeBack(context.WithoutCancel(ctx), ln, p.Config.CMPP.MaxConnections, p.Config.CMPP.MaxPerAddress)
	p.stops = append(p.stops, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience/3)
		defer cancel()
		return s.Shutdown(ctx)
	})
	return s.Addr(), nil
}
