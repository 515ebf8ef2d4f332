package consent

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Vacancy is a message whose report says that its number does not exist.
type Vacancy struct {
	PhoneID   [16]byte
	MessageID sms.ID
}

// VacancyTx is what suspending needs of a transaction.
type VacancyTx interface {
	recordKeeper
	LockRecipients(ctx context.Context, ids [][16]byte) error
	PutVacant(ctx context.Context, phones [][16]byte, at int64) error
	SuspendGrants(ctx context.Context, phones [][16]byte, at int64, each func(phone [16]byte)) error
	RevokePhones(ctx context.Context, kind string, phones [][16]byte, scope string, at int64) error
}

// Suspend ends, until there is new evidence, the consents of numbers that do not exist:
// carriers give such a number to somebody else (二次放号), who has agreed to nothing. It
// returns those of which consents were suspended, for Revoke at the transaction's end.
func Suspend(ctx context.Context, tx VacancyTx, record Recorder, list []Vacancy, at int64) (suspended [][16]byte, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Vacancy) int { return bytes.Compare(a.PhoneID[:], b.PhoneID[:]) }) // as the index has them
	list = slices.CompactFunc(list, func(a, b Vacancy) bool { return a.PhoneID == b.PhoneID })
	phones := make([][16]byte, len(list))
	for i := range list {
		phones[i] = list[i].PhoneID
	}
	if err := tx.LockRecipients(ctx, phones); err != nil {
		return nil, err
	}
	if err := tx.PutVacant(ctx, phones, at); err != nil {
		return nil, err
	}
	grants := map[[16]byte]int{}
	if err := tx.SuspendGrants(ctx, phones, at, func(phone [16]byte) { grants[phone]++ }); err != nil {
		return nil, err
	}
	var records []leaf.Record
	for _, v := range list {
		if n := grants[v.PhoneID]; n > 0 {
			records = append(records, VacantRecord(v.MessageID, n, at))
			suspended = append(suspended, v.PhoneID)
		}
	}
	return suspended, note(ctx, tx, record, at, records...)
}

// Revoke has what waits for those numbers decided anew. Call it last in a transaction: the
// journal's counter is locked until commit.
func Revoke(ctx context.Context, tx VacancyTx, suspended [][16]byte, at int64) error {
	if err := tx.RevokePhones(ctx, "suspension", suspended, string(sms.MKT), at); err != nil {
		return fmt.Errorf("journal the suspension: %w", err)
	}
	return nil
}
