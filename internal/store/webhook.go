package store

import (
	"context"
	"database/sql"

	"github.com/zhunxin/zhunxin/internal/sms"
)

const webhookColumns = "id, application_id, url, secret, format, key_id, named, kinds, state, sent_to, replay_from, replay_to, failing_since, attempts, next_at, created_at"

func (t *Tx) webhooks(ctx context.Context, tail string, args ...any) ([]sms.Webhook, error) {
	var out []sms.Webhook
	err := t.Query(ctx, "SELECT "+webhookColumns+" FROM webhook "+tail, args, func(r *sql.Rows) error {
		var w sms.Webhook
		err := r.Scan(&w.ID, &w.ApplicationID, &w.URL, &w.Secret, &w.Format, &w.KeyID, &w.Named, &w.Kinds, &w.State, &w.SentTo, &w.ReplayFrom, &w.ReplayTo, &w.FailingSince, &w.Attempts, &w.NextAt, &w.CreatedAt)
		out = append(out, w)
		return err
	})
	return out, err
}

// Webhooks lists an application's.
func (t *Tx) Webhooks(ctx context.Context, application sms.ID) ([]sms.Webhook, error) {
	return t.webhooks(ctx, "WHERE application_id = ? ORDER BY id", int64(application))
}

// DueWebhooks lists those that may be called now.
func (t *Tx) DueWebhooks(ctx context.Context, at int64) ([]sms.Webhook, error) {
	return t.webhooks(ctx, "WHERE state = 'active' AND next_at <= ? AND claimed_until <= ? ORDER BY id", at, at)
}

// ClaimWebhook keeps other nodes from calling it until a moment; false means that
// one does.
func (t *Tx) ClaimWebhook(ctx context.Context, id sms.ID, at, until int64) (bool, error) {
	n, err := t.ExecCount(ctx, "UPDATE webhook SET claimed_until = ? WHERE id = ? AND state = 'active' AND claimed_until <= ?", until, int64(id), at)
	return n == 1, err
}

// PutWebhook stores one, new or changed by its owner; where it stands is kept.
func (t *Tx) PutWebhook(ctx context.Context, w sms.Webhook) error {
	return t.Exec(ctx, `INSERT INTO webhook(id, application_id, url, secret, format, key_id, named, kinds, state, sent_to, replay_from, replay_to, created_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)
		ON CONFLICT(id) DO UPDATE SET url = excluded.url, secret = excluded.secret, format = excluded.format, key_id = excluded.key_id, named = excluded.named, kinds = excluded.kinds, state = excluded.state, replay_from = excluded.replay_from,
		replay_to = excluded.replay_to, attempts = 0, failing_since = 0, next_at = 0`,
		int64(w.ID), int64(w.ApplicationID), w.URL, w.Secret, w.Format, int64(w.KeyID), flag(w.Named), w.Kinds, w.State, int64(w.SentTo), int64(w.ReplayFrom), int64(w.ReplayTo), w.CreatedAt)
}

// MoveWebhook stores where one stands after a call, gives up the claim, and logs
// the call. replay is where its replay stood before: one that was asked for
// meanwhile is not lost.
func (t *Tx) MoveWebhook(ctx context.Context, w sms.Webhook, replay sms.ID, d sms.WebhookDelivery) error {
	err := t.Exec(ctx, "UPDATE webhook SET sent_to = ?, replay_from = CASE WHEN replay_from = ? THEN ? ELSE replay_from END, failing_since = ?, attempts = ?, next_at = ?, claimed_until = 0 WHERE id = ?",
		int64(w.SentTo), int64(replay), int64(w.ReplayFrom), w.FailingSince, int64(w.Attempts), w.NextAt, int64(w.ID))
	if err != nil || d.ID == 0 {
		return err
	}
	return t.Exec(ctx, "INSERT INTO webhook_delivery(id, webhook_id, first_id, last_id, count, attempt, state, status, millis, error, at) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
		int64(d.ID), int64(d.WebhookID), int64(d.First), int64(d.Last), int64(d.Count), int64(d.Attempt), d.State, int64(d.Status), d.Millis, d.Error, d.At)
}

// WebhookDeliveries lists calls of a webhook before one, newest first.
func (t *Tx) WebhookDeliveries(ctx context.Context, webhook, before sms.ID, limit int) ([]sms.WebhookDelivery, error) {
	var out []sms.WebhookDelivery
	err := t.Query(ctx, `SELECT id, webhook_id, first_id, last_id, count, attempt, state, status, millis, error, at FROM webhook_delivery
		WHERE webhook_id = ? AND id < ? ORDER BY id DESC LIMIT ?`, []any{int64(webhook), int64(before), int64(limit)}, func(r *sql.Rows) error {
		var d sms.WebhookDelivery
		err := r.Scan(&d.ID, &d.WebhookID, &d.First, &d.Last, &d.Count, &d.Attempt, &d.State, &d.Status, &d.Millis, &d.Error, &d.At)
		out = append(out, d)
		return err
	})
	return out, err
}
