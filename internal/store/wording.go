package store

import (
	"context"
	"database/sql"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/sms"
)

const wordingColumns = "id, group_id, party_id, body, purpose, kinds, per_week, days, notice, notice_version, since, created_at, used_at, types, page"

// InsertWording stores a new wording.
func (t *Tx) InsertWording(ctx context.Context, w consent.Wording) error {
	return t.Exec(ctx, "INSERT INTO consent_wording("+wordingColumns+") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,0)", int64(w.ID), int64(w.GroupID), int64(w.PartyID), w.Text,
		string(w.Purpose), w.Kinds, int64(w.PerWeek), int64(w.Days), w.Notice, w.NoticeVersion, w.Since, w.CreatedAt, w.UsedAt, w.Types)
}

// ChangeWording changes a wording that no consent names; false means that one does.
func (t *Tx) ChangeWording(ctx context.Context, w consent.Wording) (bool, error) {
	n, err := t.ExecCount(ctx, `UPDATE consent_wording SET party_id = ?, body = ?, purpose = ?, kinds = ?, per_week = ?, days = ?, notice = ?, notice_version = ?, since = ?, types = ?
		WHERE id = ? AND used_at = 0`, int64(w.PartyID), w.Text, string(w.Purpose), w.Kinds, int64(w.PerWeek), int64(w.Days), w.Notice, w.NoticeVersion, w.Since, w.Types, int64(w.ID))
	return n == 1, err
}

// PageOfWording opens or closes a wording's page.
func (t *Tx) PageOfWording(ctx context.Context, id sms.ID, open bool) error {
	page := int64(0)
	if open {
		page = 1
	}
	return t.Exec(ctx, "UPDATE consent_wording SET page = ? WHERE id = ?", page, int64(id))
}

// UseWording reads a group's wording for a consent, after which it never changes; nil
// means that the group has none of this id. The first use is written before it is read,
// so that no change slips in between.
func (t *Tx) UseWording(ctx context.Context, id, group sms.ID, at int64) (*consent.Wording, error) {
	if err := t.Exec(ctx, "UPDATE consent_wording SET used_at = ? WHERE id = ? AND group_id = ? AND used_at = 0", at, int64(id), int64(group)); err != nil {
		return nil, err
	}
	w, err := t.Wording(ctx, id)
	if w != nil && w.GroupID != group {
		w = nil
	}
	return w, err
}

// Wording reads one, nil when there is none.
func (t *Tx) Wording(ctx context.Context, id sms.ID) (*consent.Wording, error) {
	list, err := t.wordings(ctx, "WHERE id = ?", int64(id))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// Wordings lists those of a content provider group.
func (t *Tx) Wordings(ctx context.Context, group sms.ID) ([]consent.Wording, error) {
	return t.wordings(ctx, "WHERE group_id = ? ORDER BY id", int64(group))
}

func (t *Tx) wordings(ctx context.Context, tail string, args ...any) ([]consent.Wording, error) {
	var out []consent.Wording
	err := t.Query(ctx, "SELECT "+wordingColumns+" FROM consent_wording "+tail, args, func(r *sql.Rows) error {
		var w consent.Wording
		err := r.Scan(&w.ID, &w.GroupID, &w.PartyID, &w.Text, &w.Purpose, &w.Kinds, &w.PerWeek, &w.Days, &w.Notice, &w.NoticeVersion, &w.Since, &w.CreatedAt, &w.UsedAt, &w.Types, &w.Page)
		out = append(out, w)
		return err
	})
	return out, err
}
