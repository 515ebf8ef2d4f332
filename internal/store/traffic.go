package store

import (
	"context"
	"database/sql"

	"github.com/zhunxin/zhunxin/internal/risk"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// AnyMessage tells whether there is any message in a span of ids.
func (t *Tx) AnyMessage(ctx context.Context, from, to sms.ID) (found bool, err error) {
	err = t.Query(ctx, "SELECT id FROM message WHERE id >= ? AND id < ? LIMIT 1", []any{int64(from), int64(to)}, func(*sql.Rows) error {
		found = true
		return nil
	})
	return found, err
}

// CountMessages counts the messages of a span of ids, by whom, with what and how they ended.
// It reads all of them: the span is a short one.
func (t *Tx) CountMessages(ctx context.Context, from, to sms.ID, each func(risk.Ended)) error {
	return t.Query(ctx, "SELECT "+endedColumns+" FROM message WHERE id >= ? AND id < ? GROUP BY "+endedGroups, []any{int64(from), int64(to)}, endedRow(each))
}

// CountMessagesOf counts those of an account: its newest ones in the span, at most limit.
func (t *Tx) CountMessagesOf(ctx context.Context, account, from, to sms.ID, limit int, each func(risk.Ended)) error {
	return t.Query(ctx, "SELECT "+endedColumns+` FROM (SELECT account_id, application_id, signature_id, template_id, channel_id, category, carrier, state, reason, held, captured
		FROM message WHERE account_id = ? AND id >= ? AND id < ? ORDER BY id DESC LIMIT ?) AS newest GROUP BY `+endedGroups,
		[]any{int64(account), int64(from), int64(to), int64(limit)}, endedRow(each))
}

const (
	endedColumns = `account_id, application_id, signature_id, template_id, channel_id, category, CASE WHEN carrier = 'international' THEN 1 ELSE 0 END AS abroad, state,
		CASE WHEN state = 'failed' THEN reason ELSE '' END AS stat, COUNT(*), SUM(held + captured)`
	endedGroups = "account_id, application_id, signature_id, template_id, channel_id, category, abroad, state, stat"
)

func endedRow(each func(risk.Ended)) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		var e risk.Ended
		if err := r.Scan(&e.Account, &e.Application, &e.Signature, &e.Template, &e.Channel, &e.Category, &e.Abroad, &e.State, &e.Stat, &e.N, &e.Units); err != nil {
			return err
		}
		each(e)
		return nil
	}
}

// Marketed lists recipients of an account's newest marketing in a span of ids: among its newest
// messages of all categories, at most limit.
func (t *Tx) Marketed(ctx context.Context, account, from, to sms.ID, limit int, each func([16]byte)) error {
	const query = `SELECT phone_id FROM (SELECT phone_id, category, state FROM message WHERE account_id = ? AND id >= ? AND id < ? ORDER BY id DESC LIMIT ?) AS newest
		WHERE category = 'MKT' AND state <> 'refused'`
	return t.Query(ctx, query, []any{int64(account), int64(from), int64(to), int64(limit)}, func(r *sql.Rows) error {
		var phone []byte
		if err := r.Scan(&phone); err != nil {
			return err
		}
		each([16]byte(phone))
		return nil
	})
}

// HourPasses tells how often each hour of a span was counted, and of older ones those that are
// to be counted again.
func (t *Tx) HourPasses(ctx context.Context, from, to int64, each func(hour int64, pass int)) error {
	return t.Query(ctx, "SELECT hour, pass FROM traffic_hour WHERE hour >= ? AND hour < ? UNION SELECT hour, pass FROM traffic_hour WHERE pass < 3 ORDER BY hour", []any{from, to},
		func(r *sql.Rows) error {
			var hour int64
			var pass int
			if err := r.Scan(&hour, &pass); err != nil {
				return err
			}
			each(hour, pass)
			return nil
		})
}

// PutHour stores what was counted of an hour in the place of what was counted before; false
// when another node has done this pass.
func (t *Tx) PutHour(ctx context.Context, hour int64, pass int, counts []risk.Count, samples []risk.Sample) (bool, error) {
	n, err := t.ExecCount(ctx, "INSERT INTO traffic_hour(hour, pass) VALUES (?, ?) ON CONFLICT(hour) DO UPDATE SET pass = excluded.pass WHERE traffic_hour.pass < excluded.pass", hour, int64(pass))
	if err != nil || n == 0 {
		return false, err
	}
	if err := t.Exec(ctx, "DELETE FROM traffic_count WHERE hour = ?", hour); err != nil {
		return false, err
	}
	args := make([]any, 0, len(counts)*countWidth)
	for i := range counts {
		c := &counts[i]
		args = append(args, hour, int64(c.Account), int64(c.Application), int64(c.Signature), int64(c.Template), int64(c.Channel), string(c.Category), flag(c.Abroad),
			c.Messages, c.Refused, c.Delivered, c.Failed, c.Ended, c.Units, c.BadNumber, c.Passing, c.OfCarrier, c.Blocked, c.TooOften)
	}
	err = t.insert(ctx, "INSERT INTO traffic_count("+countColumns+") VALUES ", countWidth, "", args)
	if err != nil {
		return false, err
	}
	args = args[:0]
	for _, s := range samples {
		args = append(args, int64(s.Account), hour, s.Sampled, s.Fresh)
	}
	return true, t.insert(ctx, "INSERT INTO traffic_sample(account_id, hour, sampled, fresh) VALUES ", 4, " ON CONFLICT(account_id, hour) DO NOTHING", args)
}

const (
	countColumns = `hour, account_id, application_id, signature_id, template_id, channel_id, category, abroad,
		messages, refused, delivered, failed, ended, units, bad_number, passing, of_carrier, blocked, too_often`
	countWidth = 19
)

// CountsOf lists what an application of an account sent in the hours of a span that were counted.
func (t *Tx) CountsOf(ctx context.Context, account, application sms.ID, from, to int64, each func(hour int64, c risk.Count)) error {
	return t.Query(ctx, "SELECT "+countColumns+" FROM traffic_count WHERE account_id = ? AND hour >= ? AND hour < ? AND application_id = ?",
		[]any{int64(account), from, to, int64(application)}, func(r *sql.Rows) error {
			var hour int64
			var c risk.Count
			err := r.Scan(&hour, &c.Account, &c.Application, &c.Signature, &c.Template, &c.Channel, &c.Category, &c.Abroad,
				&c.Messages, &c.Refused, &c.Delivered, &c.Failed, &c.Ended, &c.Units, &c.BadNumber, &c.Passing, &c.OfCarrier, &c.Blocked, &c.TooOften)
			if err != nil {
				return err
			}
			each(hour, c)
			return nil
		})
}

// HoursOf lists what an account sent in the hours of a span that were counted.
func (t *Tx) HoursOf(ctx context.Context, account sms.ID, from, to int64, each func(risk.Hour)) error {
	err := t.Query(ctx, `SELECT hour, category, SUM(messages), SUM(delivered), SUM(failed), SUM(bad_number) FROM traffic_count
		WHERE account_id = ? AND hour >= ? AND hour < ? GROUP BY hour, category`, []any{int64(account), from, to}, func(r *sql.Rows) error {
		var h risk.Hour
		if err := r.Scan(&h.Hour, &h.Category, &h.Messages, &h.Delivered, &h.Failed, &h.BadNumber); err != nil {
			return err
		}
		each(h)
		return nil
	})
	if err != nil {
		return err
	}
	return t.Query(ctx, "SELECT hour, sampled, fresh FROM traffic_sample WHERE account_id = ? AND hour >= ? AND hour < ?", []any{int64(account), from, to}, func(r *sql.Rows) error {
		var h risk.Hour
		if err := r.Scan(&h.Hour, &h.Sampled, &h.Fresh); err != nil {
			return err
		}
		each(h)
		return nil
	})
}

// Delivered counts what was delivered of the messages that came in the hours of a span.
func (t *Tx) Delivered(ctx context.Context, from, to int64, each func(account, signature, template, channel sms.ID, n int)) error {
	return t.Query(ctx, `SELECT account_id, signature_id, template_id, channel_id, SUM(delivered) FROM traffic_count
		WHERE hour >= ? AND hour < ? AND delivered > 0 GROUP BY account_id, signature_id, template_id, channel_id`, []any{from, to}, func(r *sql.Rows) error {
		var a, s, m, c sms.ID
		var n int
		if err := r.Scan(&a, &s, &m, &c, &n); err != nil {
			return err
		}
		each(a, s, m, c, n)
		return nil
	})
}

// ForgetHours removes what was counted of hours before one.
func (t *Tx) ForgetHours(ctx context.Context, before int64, limit int) (int, error) {
	if err := t.Exec(ctx, "DELETE FROM traffic_hour WHERE hour < ?", before); err != nil {
		return 0, err
	}
	if err := t.Exec(ctx, "DELETE FROM traffic_sample WHERE hour < ?", before); err != nil {
		return 0, err
	}
	return t.ExecCount(ctx, `DELETE FROM traffic_count WHERE (hour, account_id, application_id, signature_id, template_id, channel_id, category, abroad) IN
		(SELECT hour, account_id, application_id, signature_id, template_id, channel_id, category, abroad FROM traffic_count WHERE hour < ? LIMIT ?)`, before, limit)
}
