package consent

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// claimClasses begins the claim that names classes of sensitive personal information; plus
// signs stand between them.
const claimClasses = "sensitive="

// CoversClasses tells whether the person agreed separately to classes of sensitive personal
// information in these messages, to any at all when none is named. PIPL Art. 29.
func (g *Grant) CoversClasses(classes []string) bool {
	for claim := range strings.SplitSeq(g.Claims, ",") {
		if list, ok := strings.CutPrefix(claim, claimClasses); ok {
			agreed := strings.Split(list, "+")
			return !slices.ContainsFunc(classes, func(c string) bool { return !slices.Contains(agreed, c) })
		}
	}
	return false
}

// Separate is a grant that covers classes of sensitive personal information in a category's
// messages and was given after a former refusal (see Lifted), or nil.
func Separate(grants []Grant, cat sms.Category, classes []string, at, refused int64) *Grant {
	for i := range grants {
		if g := &grants[i]; g.Holds(cat, at) && g.ValidFrom > refused && g.CoversClasses(classes) {
			return g
		}
	}
	return nil
}

// Withdraw ends what a person agreed to separately for notices, and leaves the notices alone.
// It returns how many consents ended. Call it last in a transaction: the journal's counter is
// locked until commit. PIPL Art. 15.
func Withdraw(ctx context.Context, tx Tx, record Recorder, phone [16]byte, group, id sms.ID, at int64) (int, error) {
	return withdraw(ctx, tx, record, phone, group, id, sms.Notice, at)
}

// Forget ends all that a person agreed to towards a group, because their information is erased:
// what nobody can show any more permits nothing. It returns how many consents ended. Call it last
// in a transaction. PIPL Art. 47.
func Forget(ctx context.Context, tx Tx, record Recorder, phone [16]byte, group sms.ID, ids *sms.IDs, at int64) (ended int, err error) {
	for _, purpose := range []sms.Category{sms.MKT, sms.Notice} {
		n, err := withdraw(ctx, tx, record, phone, group, ids.Next(), purpose, at)
		if err != nil {
			return 0, err
		}
		ended += n
	}
	return ended, nil
}

func withdraw(ctx context.Context, tx Tx, record Recorder, phone [16]byte, group, id sms.ID, purpose sms.Category, at int64) (int, error) {
	if err := tx.LockRecipients(ctx, [][16]byte{phone}); err != nil {
		return 0, err
	}
	n, err := tx.WithdrawGrants(ctx, phone, group, purpose, at)
	if err != nil || n == 0 {
		return 0, err
	}
	if err := note(ctx, tx, record, at, WithdrawalRecord(id, phone, group, purpose, n, at)); err != nil {
		return 0, err
	}
	if err := tx.RevokePhone(ctx, "suspension", phone, group, string(purpose), at); err != nil {
		return 0, fmt.Errorf("journal the withdrawal: %w", err)
	}
	return n, nil
}

// WithdrawalRecord says that what a person had agreed to ended, because they withdrew it or were
// erased, as evidence.
func WithdrawalRecord(id sms.ID, phone [16]byte, group sms.ID, purpose sms.Category, ended int, at int64) leaf.Record {
	return leaf.New(KindWithdrawal, int64(id), at,
		leaf.Int("ended", int64(ended)),
		leaf.Int("group", int64(group)),
		leaf.Str("phone_id", hex.EncodeToString(phone[:])),
		leaf.Str("purpose", string(purpose)),
	)
}
