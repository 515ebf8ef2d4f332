package app

import (
	"context"
	"log/slog"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/edition"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/store"
)

// PackStore is the store as activating rule packs sees it.
type PackStore struct{ DB *store.DB }

// Write runs fn in a turn of the background.
func (s PackStore) Write(ctx context.Context, fn func(context.Context, edition.Tx) error) error {
	return s.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// Read runs fn on a connection that can't write.
func (s PackStore) Read(ctx context.Context, fn func(context.Context, edition.Reader) error) error {
	return s.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// packDesk is where rule packs are proposed and activated.
func (p *Platform) packDesk() *edition.Desk {
	return &edition.Desk{Shelf: p.Shelf, Store: PackStore{p.DB}, IDs: p.IDs, Record: func(ctx context.Context, tx edition.Tx, at int64, records ...leaf.Record) error {
		return evlog.Append(ctx, tx, p.IDs, at, records...)
	}}
}

// beginEdition says which packs this node runs, and why. With some that it can't load, or
// with older ones than those in force, it starts all the same, and decides nothing: its API
// is the way to activate others.
func (p *Platform) beginEdition(ctx context.Context) error {
	e, err := p.Packs.Begin(ctx)
	if err != nil {
		return err
	}
	for _, s := range e.Standings {
		level := slog.LevelInfo
		if !s.Runs {
			level = slog.LevelWarn
		}
		p.Logger.Log(ctx, level, "rule pack", "name", s.Name, "version", s.Version, "layer", s.Layer, "runs", s.Runs, "why", s.Why.En)
	}
	return nil
}
