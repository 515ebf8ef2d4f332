package consent

import (
	"context"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// PeopleTx is what getting to know people needs of a transaction.
type PeopleTx interface {
	LockRecipients(ctx context.Context, ids [][16]byte) error
	Secrets(ctx context.Context, group sms.ID, ids [][16]byte, each func(id [16]byte, sealed []byte) error) error
	InsertPeople(ctx context.Context, at int64, people []sms.Person) error
}

// Know stores people who are new to a content provider group, so that what is recorded of
// them can be shown to them, and erased. It locks them.
func Know(ctx context.Context, tx PeopleTx, keys *vault.Keys, group sms.ID, numbers []sms.MSISDN, at int64) error {
	ids, known := make([][16]byte, len(numbers)), make(map[[16]byte]bool, len(numbers))
	for i, n := range numbers {
		ids[i] = keys.PhoneID(n)
	}
	if err := tx.LockRecipients(ctx, ids); err != nil {
		return err
	}
	if err := tx.Secrets(ctx, group, ids, func(id [16]byte, _ []byte) error { known[id] = true; return nil }); err != nil {
		return err
	}
	var fresh []sms.Person
	for i, n := range numbers {
		if known[ids[i]] {
			continue
		}
		known[ids[i]] = true
		s := keys.NewSecret()
		fresh = append(fresh, sms.Person{
			PhoneID: ids[i], GroupID: group, Number: keys.Seal(vault.PurposeNumber, []byte(n.Reveal())), Secret: keys.SealSecret(s),
		})
	}
	return tx.InsertPeople(ctx, at, fresh)
}
