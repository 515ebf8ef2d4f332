package store

import (
	"context"
	"database/sql"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// OriginEvents reads what codes went out on requests from some origins after a moment.
func (t *Tx) OriginEvents(ctx context.Context, ids [][16]byte, since int64, each func(sms.OriginEvent)) error {
	return t.in(ctx, "SELECT origin, at, message_id, number FROM origin_event WHERE origin IN (%s) AND at > ?", nil, phoneArgs(distinct(ids)), []any{since}, func(r *sql.Rows) error {
		var e sms.OriginEvent
		var origin, number sql.RawBytes
		if err := r.Scan(&origin, &e.At, &e.MessageID, &number); err != nil {
			return err
		}
		copy(e.Origin[:], origin)
		copy(e.Number[:], number)
		each(e)
		return nil
	})
}

// distinct leaves each id once: a list that is read in parts would find the others again.
func distinct(ids [][16]byte) [][16]byte {
	seen := make(map[[16]byte]bool, len(ids))
	out := make([][16]byte, 0, len(ids))
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

// InsertOriginEvents stores that codes went out.
func (t *Tx) InsertOriginEvents(ctx context.Context, list []sms.OriginEvent) error {
	args := make([]any, 0, len(list)*4)
	for i := range list {
		e := &list[i]
		args = append(args, e.Origin[:], e.At, int64(e.MessageID), e.Number[:])
	}
	return t.insert(ctx, "INSERT INTO origin_event(origin, at, message_id, number) VALUES ", 4, "", args)
}

// ForgetOrigins removes events that no rule looks at any more.
func (t *Tx) ForgetOrigins(ctx context.Context, before int64, limit int) (int, error) {
	return t.ExecCount(ctx, `DELETE FROM origin_event WHERE (origin, at, message_id) IN
		(SELECT origin, at, message_id FROM origin_event WHERE at < ? LIMIT ?)`, before, int64(limit))
}
