package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// InsertRulePack stores a proposed pack with its text and its scenarios.
func (t *Tx) InsertRulePack(ctx context.Context, p registry.RulePack, text, cases []byte) error {
	err := t.Exec(ctx, `INSERT INTO rule_pack(id, name, version, layer, text, cases, hash, cases_hash, note, state, proposed_by, proposed_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`,
		int64(p.ID), p.Name, p.Version, p.Layer, string(text), string(cases), p.Hash, p.CasesHash, p.Note, p.State, int64(p.ProposedBy), p.ProposedAt)
	if err != nil {
		return fmt.Errorf("store a rule pack: %w", err)
	}
	return nil
}

// ActiveRulePacks lists the packs that stand beside the program's.
func (t *Tx) ActiveRulePacks(ctx context.Context) (list []registry.RulePack, err error) {
	err = tRulePack.some(ctx, t, &list, "WHERE state = 'active' ORDER BY id")
	return list, err
}

// RulePacks lists what was proposed, the newest first.
func (t *Tx) RulePacks(ctx context.Context, before sms.ID, limit int) (list []registry.RulePack, err error) {
	err = tRulePack.some(ctx, t, &list, "WHERE id < ? ORDER BY id DESC LIMIT ?", int64(before), int64(limit))
	return list, err
}

// RulePack reads one without its text; ok is false when there is none.
func (t *Tx) RulePack(ctx context.Context, id sms.ID) (p registry.RulePack, ok bool, err error) {
	var list []registry.RulePack
	if err = tRulePack.some(ctx, t, &list, "WHERE id = ?", int64(id)); err != nil || len(list) == 0 {
		return p, false, err
	}
	return list[0], true, nil
}

// ProposedRulePacks counts those that wait for a second person.
func (t *Tx) ProposedRulePacks(ctx context.Context) (n int, err error) {
	err = t.One(ctx, "SELECT COUNT(*) FROM rule_pack WHERE state = 'proposed'", nil, &n)
	return n, err
}

// RulePackText reads a pack's exact text and its scenarios.
func (t *Tx) RulePackText(ctx context.Context, id sms.ID) (text, cases []byte, err error) {
	err = t.One(ctx, "SELECT text, cases FROM rule_pack WHERE id = ?", []any{int64(id)}, &text, &cases)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("there is no rule pack %d: %w", id, err)
	}
	return text, cases, err
}

// DecideRulePack moves a proposed pack to active or rejected, by whom its fields say. It
// tells whether it was still proposed.
func (t *Tx) DecideRulePack(ctx context.Context, p registry.RulePack) (bool, error) {
	n, err := t.ExecCount(ctx, "UPDATE rule_pack SET state = ?, decided_by = ?, decided_at = ? WHERE id = ? AND state = 'proposed'",
		p.State, int64(p.DecidedBy), p.DecidedAt, int64(p.ID))
	return n == 1, err
}

// RetireRulePack ends an active pack in whose place another version comes.
func (t *Tx) RetireRulePack(ctx context.Context, id sms.ID, at int64) error {
	return t.Exec(ctx, "UPDATE rule_pack SET state = 'retired', retired_at = ? WHERE id = ? AND state = 'active'", at, int64(id))
}
