package store

import (
	"context"
	"strings"

	"github.com/zhunxin/zhunxin/internal/duty"
	"github.com/zhunxin/zhunxin/internal/sms"
)

var tDuty = tableOf("duty", 1, duty.Task{})

// InsertDuty stores a task, unless the same rule has one for the same object and period.
func (t *Tx) InsertDuty(ctx context.Context, d duty.Task) (bool, error) {
	n, err := tDuty.insert(ctx, t, d, " ON CONFLICT(rule, object_id, period) DO NOTHING")
	return n == 1, err
}

// DutiesOf lists the tasks of an object.
func (t *Tx) DutiesOf(ctx context.Context, object sms.ID) (out []duty.Task, err error) {
	return out, tDuty.some(ctx, t, &out, "WHERE object_id = ? ORDER BY id", int64(object))
}

// Duty reads one task; none is an empty one.
func (t *Tx) Duty(ctx context.Context, id sms.ID) (duty.Task, error) {
	var out []duty.Task
	if err := tDuty.some(ctx, t, &out, "WHERE id = ?", int64(id)); err != nil || len(out) == 0 {
		return duty.Task{}, err
	}
	return out[0], nil
}

// Duties lists tasks by when they are due, from after one on.
func (t *Tx) Duties(ctx context.Context, f duty.Filter, limit int) (out []duty.Task, err error) {
	where, args := []string{"id > ?"}, []any{int64(f.After)}
	add := func(cond string, arg any) { where, args = append(where, cond), append(args, arg) }
	if f.Open {
		where = append(where, "done_at = 0")
	}
	if f.Done {
		where = append(where, "done_at <> 0")
	}
	if len(f.Rules) > 0 {
		where = append(where, "rule IN ("+marks(len(f.Rules))+")")
		for _, r := range f.Rules {
			args = append(args, r)
		}
	}
	if f.DueBy != 0 {
		add("due_at <= ?", f.DueBy)
	}
	if f.RemindBy != 0 {
		add("remind_at <> 0 AND remind_at <= ?", f.RemindBy)
	}
	if f.Owner != "" {
		add("owner = ?", f.Owner)
	}
	return out, tDuty.some(ctx, t, &out, "WHERE "+strings.Join(where, " AND ")+" ORDER BY id LIMIT ?", append(args, int64(limit))...)
}

// DutiesDone lists, of rules whose tasks come again, the newest one of each object that was done.
func (t *Tx) DutiesDone(ctx context.Context, rules []string) (out []duty.Task, err error) {
	args := make([]any, len(rules))
	for i, r := range rules {
		args[i] = r
	}
	return out, tDuty.some(ctx, t, &out, "WHERE id IN (SELECT MAX(id) FROM duty WHERE done_at <> 0 AND period <> '' AND rule IN ("+marks(len(rules))+") GROUP BY rule, object_id) ORDER BY id", args...)
}

// FinishDuty marks an open task as done; false when it was done before.
func (t *Tx) FinishDuty(ctx context.Context, d duty.Task) (bool, error) {
	n, err := t.ExecCount(ctx, "UPDATE duty SET done_at = ?, done_by = ?, note = ?, evidence = ?, remind_at = 0 WHERE id = ? AND done_at = 0",
		d.DoneAt, int64(d.DoneBy), d.Note, d.Evidence, int64(d.ID))
	return n == 1, err
}

// RemindDuty moves a task's reminder on; false when another node has.
func (t *Tx) RemindDuty(ctx context.Context, id sms.ID, from, to int64) (bool, error) {
	n, err := t.ExecCount(ctx, "UPDATE duty SET remind_at = ? WHERE id = ? AND remind_at = ? AND done_at = 0", to, int64(id), from)
	return n == 1, err
}
