package store

import (
	"context"

	"github.com/zhunxin/zhunxin/internal/shortlink"
	"github.com/zhunxin/zhunxin/internal/sms"
)

var tLink = tableOf("short_link", 1, shortlink.Link{})

// PutShortLink stores a new link; false means that its address is taken.
func (t *Tx) PutShortLink(ctx context.Context, l shortlink.Link) (bool, error) {
	n, err := tLink.insert(ctx, t, l, " ON CONFLICT(host, path) DO NOTHING")
	return n == 1, err
}

// CountShortLinks counts an application's links that are neither removed nor expired.
func (t *Tx) CountShortLinks(ctx context.Context, application sms.ID, at int64) (n int, err error) {
	err = t.One(ctx, "SELECT COUNT(*) FROM short_link WHERE application_id = ? AND removed_at = 0 AND expires_at > ?", []any{int64(application), at}, &n)
	return n, err
}

// ShortLink finds one by its address.
func (t *Tx) ShortLink(ctx context.Context, host, path string) (shortlink.Link, bool, error) {
	return t.shortLink(ctx, "WHERE host = ? AND path = ?", host, path)
}

// ShortLinkTo finds an application's newest link to a page that is not removed.
func (t *Tx) ShortLinkTo(ctx context.Context, application sms.ID, target string) (shortlink.Link, bool, error) {
	return t.shortLink(ctx, "WHERE application_id = ? AND target = ? AND removed_at = 0 ORDER BY id DESC LIMIT 1", int64(application), target)
}

func (t *Tx) shortLink(ctx context.Context, clause string, args ...any) (l shortlink.Link, found bool, err error) {
	var list []shortlink.Link
	if err := tLink.some(ctx, t, &list, clause, args...); err != nil || len(list) == 0 {
		return l, false, err
	}
	return list[0], true, nil
}

// ShortLinks lists an application's links, newest first.
func (t *Tx) ShortLinks(ctx context.Context, application, before sms.ID, limit int) (list []shortlink.Link, err error) {
	err = tLink.some(ctx, t, &list, "WHERE application_id = ? AND id < ? ORDER BY id DESC LIMIT ?", int64(application), int64(before), int64(limit))
	return list, err
}

// RemoveShortLink ends an application's link; false means that there is none that lasts.
func (t *Tx) RemoveShortLink(ctx context.Context, application, id sms.ID, at int64) (bool, error) {
	n, err := t.ExecCount(ctx, "UPDATE short_link SET removed_at = ? WHERE id = ? AND application_id = ? AND removed_at = 0", at, int64(id), int64(application))
	return n == 1, err
}

// Visit adds to what is counted of a link.
func (t *Tx) Visit(ctx context.Context, id sms.ID, views int64, merge func(sketch []byte) []byte) error {
	var sketch []byte
	if err := t.One(ctx, "SELECT sketch FROM short_link WHERE id = ?"+t.locking(true), []any{int64(id)}, &sketch); err != nil {
		return err
	}
	return t.Exec(ctx, "UPDATE short_link SET views = views + ?, sketch = ? WHERE id = ?", views, merge(sketch), int64(id))
}
