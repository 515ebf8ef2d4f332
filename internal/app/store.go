// Package app joins the parts: it gives each of them the narrow view of the
// store that it declares, and starts and stops them in order.
package app

import (
	"context"

	"github.com/zhunxin/zhunxin/internal/callback"
	"github.com/zhunxin/zhunxin/internal/campaign"
	"github.com/zhunxin/zhunxin/internal/channel"
	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/inbound"
	"github.com/zhunxin/zhunxin/internal/risk"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// GateStore is the store as the gate sees it.
type GateStore struct{ DB *store.DB }

// Write runs fn in the gate's turn. A full lock table is the peer's signal to
// come again, not a reason to bisect the batch.
func (s GateStore) Write(ctx context.Context, fn func(context.Context, gate.Tx) error) error {
	err := s.DB.Write(ctx, store.TurnGate, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
	if store.OutOfLocks(err) {
		return &sms.Error{Code: sms.Busy, Detail: "the database's lock table is full; raise max_locks_per_transaction", Cause: err}
	}
	return err
}

// Read runs fn on a connection that can't write.
func (s GateStore) Read(ctx context.Context, fn func(context.Context, gate.Tx) error) error {
	return s.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// Generation is the committed generation of the registry, if the store knows it.
func (s GateStore) Generation() (int64, bool) { return s.DB.Generation() }

// riskStore is the store as the watch over traffic sees it.
type riskStore struct{ db *store.DB }

func (s riskStore) Write(ctx context.Context, fn func(context.Context, risk.WatchTx) error) error {
	return s.db.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

func (s riskStore) Read(ctx context.Context, fn func(context.Context, risk.WatchTx) error) error {
	return s.db.Read(ctx, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// DispatchStore is the store as dispatch sees it.
type DispatchStore struct{ DB *store.DB }

// Write runs fn in the turn of submits.
func (s DispatchStore) Write(ctx context.Context, fn func(context.Context, dispatch.WorkTx) error) error {
	return s.DB.Write(ctx, store.TurnSubmit, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// Read runs fn on a connection that can't write.
func (s DispatchStore) Read(ctx context.Context, fn func(context.Context, dispatch.WorkTx) error) error {
	return s.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// lookStore has packs that come into force compiled outside of the transactions of dispatch.
type lookStore struct {
	DispatchStore
	p *Platform
}

// Write runs fn in the turn of submits, again if it lacked such packs.
func (s lookStore) Write(ctx context.Context, fn func(context.Context, dispatch.WorkTx) error) error {
	return s.p.Gate.Compiled(ctx, func() error { return s.DispatchStore.Write(ctx, fn) })
}

// InboundStore is the store as inbound sees it.
type InboundStore struct{ DB *store.DB }

// WriteReports runs fn in the turn of reports.
func (s InboundStore) WriteReports(ctx context.Context, fn func(context.Context, inbound.Tx) error) error {
	return s.DB.Write(ctx, store.TurnReport, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// WriteMO runs fn before all else: it may be an opt-out.
func (s InboundStore) WriteMO(ctx context.Context, fn func(context.Context, inbound.MOTx) error) error {
	return s.DB.Write(ctx, store.TurnOptOut, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// listStore is the store as lists of consents see it.
type listStore struct{ db *store.DB }

func (s listStore) Write(ctx context.Context, fn func(context.Context, consent.ImportTx) error) error {
	return s.db.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

func (s listStore) Read(ctx context.Context, fn func(context.Context, consent.ImportTx) error) error {
	return s.db.Read(ctx, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// campaignStore is the store as campaigns see it.
type campaignStore struct{ db *store.DB }

func (s campaignStore) Write(ctx context.Context, fn func(context.Context, campaign.Tx) error) error {
	return s.db.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

func (s campaignStore) Read(ctx context.Context, fn func(context.Context, campaign.Tx) error) error {
	return s.db.Read(ctx, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// callbackStore is the store as webhooks see it.
type callbackStore struct{ db *store.DB }

func (s callbackStore) Write(ctx context.Context, fn func(context.Context, callback.Tx) error) error {
	return s.db.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

func (s callbackStore) Read(ctx context.Context, fn func(context.Context, callback.Tx) error) error {
	return s.db.Read(ctx, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// leases are the channels' leases of one node, in the database.
type leases struct {
	db     *store.DB
	node   int
	worker *dispatch.Worker
}

func (l *leases) Acquire(ctx context.Context, id sms.ID) (epoch int64, ok bool, err error) {
	err = l.db.Write(ctx, store.TurnSubmit, func(ctx context.Context, tx *store.Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		epoch, ok, err = tx.AcquireLease(ctx, id, l.node, now.UnixMilli(), now.Add(channel.LeaseTime).UnixMilli())
		return err
	})
	return epoch, ok, err
}

func (l *leases) Renew(ctx context.Context, id sms.ID, epoch int64) (ok bool, err error) {
	err = l.db.Write(ctx, store.TurnSubmit, func(ctx context.Context, tx *store.Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		ok, err = tx.RenewLease(ctx, id, l.node, epoch, now.Add(channel.LeaseTime).UnixMilli())
		return err
	})
	return ok, err
}

func (l *leases) Release(ctx context.Context, id sms.ID, epoch int64) error {
	return l.db.Write(ctx, store.TurnSubmit, func(ctx context.Context, tx *store.Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		_, err = tx.RenewLease(ctx, id, l.node, epoch, now.UnixMilli())
		return err
	})
}

func (l *leases) Adopt(ctx context.Context, lease dispatch.Lease) (int, error) {
	return l.worker.Adopt(ctx, lease)
}
