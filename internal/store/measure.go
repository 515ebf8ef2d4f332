package store

import (
	"context"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// AppealMeasure keeps what a party says against a measure that stands; false when it does
// not stand any more.
func (t *Tx) AppealMeasure(ctx context.Context, id sms.ID, text string, at int64) (bool, error) {
	return t.changeMeasure(ctx, "UPDATE measure SET appeal = ?, appeal_at = ? WHERE id = ? AND lifted_at = 0", text, at, int64(id))
}

// LiftMeasure ends a measure that stands; false when it does not any more.
func (t *Tx) LiftMeasure(ctx context.Context, id, by sms.ID, why string, unfounded bool, at int64) (bool, error) {
	void := 0
	if unfounded {
		void = 1
	}
	return t.changeMeasure(ctx, "UPDATE measure SET lifted_by = ?, lifted_why = ?, unfounded = ?, lifted_at = ? WHERE id = ? AND lifted_at = 0", int64(by), why, void, at, int64(id))
}

func (t *Tx) changeMeasure(ctx context.Context, query string, args ...any) (bool, error) {
	n, err := t.ExecCount(ctx, query, args...)
	if err != nil || n == 0 {
		return false, err
	}
	return true, t.MoveGeneration(ctx)
}
