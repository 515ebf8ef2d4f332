package app

import (
	"context"
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

// listeners are where customers connect by the carriers' protocols, plain and under TLS.
func (p *Platform) listeners() map[string][2]string {
	c := &p.Config
	return map[string][2]string{
		spserver.CMPP: {c.CMPP.Listen, c.CMPP.ListenTLS}, spserver.SGIP: {c.SGIP.Listen, c.SGIP.ListenTLS},
		spserver.SMGP: {c.SMGP.Listen, c.SMGP.ListenTLS}, spserver.SMPP: {c.SMPP.Listen, c.SMPP.ListenTLS},
	}
}

// letIn lets customers in by every protocol for which the settings say where.
func (p *Platform) letIn(ctx context.Context, a *Addresses) error {
	a.Customers, a.CustomersTLS = map[string]net.Addr{}, map[string]net.Addr{}
	for _, protocol := range spserver.Protocols() {
		at := p.listeners()[protocol]
		d, err := openDoors(ctx, &p.sockets, "customers' "+protocol, protocol+".listen", at[0], at[1])
		if err != nil {
			return err
		}
		if lns := d.list(); len(lns) > 0 {
			if err := p.serveCustomers(protocol, lns); err != nil {
				return err
			}
		}
		a.Customers[protocol], a.CustomersTLS[protocol] = d.addrs()
	}
	return nil
}

func (p *Platform) serveCustomers(protocol string, lns []net.Listener) error {
	cfg := &p.Config.CMPP
	s := spserver.Start(lns[0], spserver.Config{
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
	return alsoOn(s, lns[1:])
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
func (p *Platform) carriers(ctx context.Context, a *Addresses) error {
	c := &p.Config
	d, err := openDoors(ctx, &p.sockets, "SGIP gateways", "sgip.carriers", c.SGIP.Carriers, c.SGIP.CarriersTLS)
	lns := d.list()
	if err != nil || len(lns) == 0 {
		return err
	}
	s := p.Channels.ServeBack(context.WithoutCancel(ctx), lns[0], c.CMPP.MaxConnections, c.CMPP.MaxPerAddress)
	p.stops = append(p.stops, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience/3)
		defer cancel()
		return s.Shutdown(ctx)
	})
	a.Carriers, a.CarriersTLS = d.addrs()
	return alsoOn(s, lns[1:])
}
