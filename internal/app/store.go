// Package app joins the parts: it gives each of them the narrow view of the
// store that it declares, and starts and stops them in order.
package app

import (
	"context"

	"github.com/zhunxin/zhunxin/internal/gate"
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
