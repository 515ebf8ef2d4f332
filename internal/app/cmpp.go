package app

import (
	"context"
	"fmt"
	"net"

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

// cmpp lets customers in by CMPP, if the settings say where.
func (p *Platform) cmpp(ctx context.Context) (net.Addr, error) {
	cfg := p.Config.CMPP
	if cfg.Listen == "" {
		return nil, nil
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for CMPP: %w", err)
	}
	s := spserver.Start(ln, spserver.Config{
		Gate: p.Gate, Store: spStore{p.DB}, Keys: p.Keys, IDs: p.IDs, Now: p.Now, Wait: p.untold.next, Logger: p.Logger,
		MaxConnections: cfg.MaxConnections, MaxPerAddress: cfg.MaxPerAddress, Heartbeat: cfg.Heartbeat, RepeatWindow: cfg.RepeatWindow,
		PartsWithin: cfg.PartsWithin, GatewayID: uint32(p.Config.Node),
	})
	p.customers.Store(s)
	p.stops = append(p.stops, func(ctx context.Context) error {
		p.customers.Store(nil)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience/3)
		defer cancel()
		return s.Stop(ctx)
	})
	return s.Addr(), nil
}
