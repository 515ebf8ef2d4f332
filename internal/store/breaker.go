package store

import (
	"context"
	"database/sql"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Breakers reads how the channels stand that some node owns or owned. Owned says that
// the lease stands; one that was never taken out is closed.
func (t *Tx) Breakers(ctx context.Context) ([]sms.Breaker, error) {
	now, err := t.Now(ctx)
	if err != nil {
		return nil, err
	}
	var out []sms.Breaker
	err = t.Query(ctx, `SELECT l.channel_id, l.expires_at, COALESCE(b.state, 'closed'), COALESCE(b.cause, ''), COALESCE(b.trips, 0), COALESCE(b.since, 0)
		FROM channel_lease l LEFT JOIN channel_breaker b ON b.channel_id = l.channel_id WHERE l.slot = 0 ORDER BY l.channel_id`, nil, func(r *sql.Rows) error {
		var b sms.Breaker
		var until int64
		err := r.Scan(&b.ChannelID, &until, &b.State, &b.Cause, &b.Trips, &b.Since)
		b.Owned = until > now.UnixMilli()
		out = append(out, b)
		return err
	})
	return out, err
}

// PutBreaker stores how a channel stands.
func (t *Tx) PutBreaker(ctx context.Context, b sms.Breaker) error {
	return t.Exec(ctx, `INSERT INTO channel_breaker(channel_id, state, cause, trips, since) VALUES (?,?,?,?,?)
		ON CONFLICT(channel_id) DO UPDATE SET state = excluded.state, cause = excluded.cause, trips = excluded.trips, since = excluded.since`,
		int64(b.ChannelID), b.State, b.Cause, int64(b.Trips), b.Since)
}
