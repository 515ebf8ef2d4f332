package consent

import (
	"context"
	"fmt"

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
	PutVacant(ctx context.Context, phone [16]byte, at int64) error
	SuspendGrants(ctx context.Context, phone [16]byte, at int64) (int, error)
	RevokePhone(ctx context.Context, kind string, phone [16]byte, group sms.ID, scope string, at int64) error
}

// Suspend ends, until there is new evidence, the consents of numbers that do not exist:
// carriers give such a number to somebody else (二次放号), who has agreed to nothing. It
// returns those of which consents were suspended, for Revoke at the transaction's end.
func Suspend(ctx context.Context, tx VacancyTx, record Recorder, list []Vacancy, at int64) (suspended []Vacancy, err error) {
	phones := make([][16]byte, len(list))
	for i := range list {
		phones[i] = list[i].PhoneID
	}
	if err := tx.LockRecipients(ctx, phones); err != nil {
		return nil, err
	}
	for _, v := range list {
		if err := tx.PutVacant(ctx, v.PhoneID, at); err != nil {
			return nil, err
		}
		n, err := tx.SuspendGrants(ctx, v.PhoneID, at)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			continue
		}
		if err := note(ctx, tx, record, at, VacantRecord(v.MessageID, n, at)); err != nil {
			return nil, err
		}
		suspended = append(suspended, v)
	}
	return suspended, nil
}

// Revoke has what waits for those numbers decided anew. Call it last in a transaction: the
// journal's counter is locked until commit.
func Revoke(ctx context.Context, tx VacancyTx, suspended []Vacancy, at int64) error {
	for _, v := range suspended {
		if err := tx.RevokePhone(ctx, "suspension", v.PhoneID, 0, string(sms.MKT), at); err != nil {
			return fmt.Errorf("journal the suspension: %w", err)
		}
	}
	return nil
}
