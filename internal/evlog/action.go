package evlog

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// KindAction is the evidence of what somebody did to the registry by a key.
const KindAction = "action"

// Action writes down that an object was put or changed by a key, whose person of the staff that
// is, and the content's hash, in the action's own transaction.
func Action(ctx context.Context, tx interface {
	RecordAdder
	Now(ctx context.Context) (time.Time, error)
}, ids *sms.IDs, action string, object, key, staff sms.ID, content any,
) error {
	b, err := json.Marshal(content)
	if err != nil {
		return err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	return Append(ctx, tx, ids, now.UnixMilli(), leaf.New(KindAction, int64(object), now.UnixMilli(),
		leaf.Str("action", action),
		leaf.Int("by_key", int64(key)),
		leaf.Int("by_staff", int64(staff)),
		leaf.Hash("content", sha256.Sum256(b)),
	))
}
