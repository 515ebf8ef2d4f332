package app

import (
	"context"
	"net/http"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/ingress/consentpage"
	"github.com/zhunxin/zhunxin/internal/store"
)

// pageStore is the store as the consent pages see it.
type pageStore struct{ db *store.DB }

func (s pageStore) Write(ctx context.Context, fn func(context.Context, consentpage.Tx) error) error {
	return s.db.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

func (s pageStore) WriteFirst(ctx context.Context, fn func(context.Context, consentpage.Tx) error) error {
	return s.db.Write(ctx, store.TurnOptOut, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

func (s pageStore) Read(ctx context.Context, fn func(context.Context, consentpage.Tx) error) error {
	return s.db.Read(ctx, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// codesCounted is how far back the codes of consent pages are counted.
const codesCounted = time.Hour

// pages serves the consent pages.
func (p *Platform) pages(mux *http.ServeMux) {
	c := p.Config.Pages
	consentpage.New(consentpage.Config{
		Gate: p.Gate, Store: pageStore{p.DB}, Keys: p.Keys, IDs: p.IDs, Now: p.Now, MaxBody: int64(c.MaxBody), Logger: p.Logger, Told: p.told,
		Limits: consent.Limits{
			PerNumber: c.CodesPerNumber, PerAddress: c.CodesPerAddress, PerGroup: c.CodesPerGroup, Within: codesCounted, Attempts: c.Attempts,
			CodeLife: c.CodeLife, PageLife: c.PageLife,
		},
	}, mux)
}

// forgetCodes removes what the consent pages no longer count, and where codes were asked for,
// in small transactions.
func (p *Platform) forgetCodes(ctx context.Context, now int64) error {
	for n := sweepChunk; n == sweepChunk && ctx.Err() == nil; {
		err := p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) (err error) {
			if n, err = tx.ForgetPossessions(ctx, now-codesCounted.Milliseconds(), now, sweepChunk); err != nil {
				return err
			}
			old, err := tx.ForgetOrigins(ctx, now-gate.OriginKept.Milliseconds(), sweepChunk)
			n = max(n, old)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
