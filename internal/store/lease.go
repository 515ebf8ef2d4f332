package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// AcquireLease makes a node the owner of a channel under a new epoch, unless
// another node's lease still stands. A node's own former lease ends at once: two
// live processes never have the same node number.
func (t *Tx) AcquireLease(ctx context.Context, channel sms.ID, node int, at, expires int64) (epoch int64, ok bool, err error) {
	query := "SELECT node, epoch, expires_at FROM channel_lease WHERE channel_id = ? AND slot = 0"
	if t.d.dialect == Postgres {
		query += " FOR UPDATE"
	}
	var owner int
	var until int64
	err = t.One(ctx, query, []any{int64(channel)}, &owner, &epoch, &until)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		n, err := t.ExecCount(ctx, "INSERT INTO channel_lease(channel_id, slot, node, epoch, expires_at) VALUES (?,0,?,1,?) ON CONFLICT DO NOTHING", int64(channel), int64(node), expires)
		return 1, n == 1, err
	case err != nil:
		return 0, false, err
	case owner != node && until > at:
		return 0, false, nil
	}
	epoch++
	return epoch, true, t.Exec(ctx, "UPDATE channel_lease SET node = ?, epoch = ?, expires_at = ? WHERE channel_id = ? AND slot = 0", int64(node), epoch, expires, int64(channel))
}

// RenewLease prolongs a lease; false means that it has passed to another owner.
func (t *Tx) RenewLease(ctx context.Context, channel sms.ID, node int, epoch, expires int64) (bool, error) {
	n, err := t.ExecCount(ctx, "UPDATE channel_lease SET expires_at = ? WHERE channel_id = ? AND slot = 0 AND node = ? AND epoch = ?", expires, int64(channel), int64(node), epoch)
	return n == 1, err
}

// LockChannel makes the booking of a channel's answers and of its reports follow
// one another: a report that comes while the answer is being booked must not miss
// it, nor be missed. It is taken before any row.
func (t *Tx) LockChannel(ctx context.Context, channel sms.ID) error {
	if t.d.dialect == SQLite {
		return nil
	}
	return t.Exec(ctx, "SELECT pg_advisory_xact_lock(CAST(? AS INT), CAST(? AS INT))", channelLocks, int64(channel)&0x7FFFFFFF)
}

// channelLocks keeps these locks apart from those of recipients: PostgreSQL has
// two key spaces, of one 64-bit and of two 32-bit keys.
const channelLocks = 1

// LeaseEpoch is the epoch of a channel's present owner, 0 when it never had one.
func (t *Tx) LeaseEpoch(ctx context.Context, channel sms.ID) (int64, error) {
	var epoch int64
	err := t.One(ctx, "SELECT epoch FROM channel_lease WHERE channel_id = ? AND slot = 0", []any{int64(channel)}, &epoch)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return epoch, err
}
