package consent

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Possession is a proof that somebody holds a number: a code went there by message, and
// comes back by a page. Of page and code only keyed hashes are kept.
type Possession struct {
	ID        sms.ID
	Token     [32]byte // of what the page holds
	PhoneID   [16]byte
	GroupID   sms.ID // whose application sends the code
	WordingID sms.ID // 0 is the person's own page
	Code      [32]byte
	Address   [16]byte // of where the request came from
	MessageID sms.ID   // that brought the code
	Attempts  int
	CreatedAt int64
	ExpiresAt int64
	ProvedAt  int64
}

// Limits bound how often codes are sent and guessed.
type Limits struct {
	PerNumber  int // codes to a number in Within
	PerAddress int // codes asked for from an address in Within
	PerGroup   int // codes of a content provider group in Within
	Within     time.Duration
	Attempts   int           // at a code
	CodeLife   time.Duration // until a code ends
	PageLife   time.Duration // until a person's own page ends after the proof
}

// Codes counts those that were asked for.
type Codes struct{ Number, Address, Group int }

// PossessionTx is what proofs of possession need of a transaction.
type PossessionTx interface {
	LockRecipients(ctx context.Context, ids [][16]byte) error
	CodesAsked(ctx context.Context, phone, address [16]byte, group sms.ID, since int64) (Codes, error)
	InsertPossession(ctx context.Context, p Possession) error
	// TryPossession counts an attempt at a proof that is open, has attempts left and was
	// not given yet. It returns nil when there is none.
	TryPossession(ctx context.Context, token [32]byte, attempts int, at int64) (*Possession, error)
	// ProvePossession closes a proof; its page is good until ends.
	ProvePossession(ctx context.Context, id sms.ID, at, ends int64) error
	// Proved finds a proof that was given and whose page is still good, or nil.
	Proved(ctx context.Context, token [32]byte, at int64) (*Possession, error)
}

// Ask stores that a code is on its way, unless too many were asked for. The locks make
// the counts exact.
func Ask(ctx context.Context, tx PossessionTx, p Possession, l Limits) error {
	var group [16]byte
	binary.BigEndian.PutUint64(group[:], uint64(p.GroupID))
	if err := tx.LockRecipients(ctx, [][16]byte{p.PhoneID, p.Address, group}); err != nil {
		return err
	}
	n, err := tx.CodesAsked(ctx, p.PhoneID, p.Address, p.GroupID, p.CreatedAt-l.Within.Milliseconds())
	if err != nil {
		return err
	}
	if n.Number >= l.PerNumber || n.Address >= l.PerAddress || n.Group >= l.PerGroup {
		return sms.Errorf(sms.RateLimited, "", "too many codes were asked for within %s", l.Within)
	}
	p.ExpiresAt = p.CreatedAt + l.CodeLife.Milliseconds()
	return tx.InsertPossession(ctx, p)
}

// Prove tries a code; it is nil when the code is wrong, used or too old. The attempt
// counts once the transaction commits, so that a wrong code is no error of it.
func Prove(ctx context.Context, tx PossessionTx, token, code [32]byte, at int64, l Limits) (*Possession, error) {
	p, err := tx.TryPossession(ctx, token, l.Attempts, at)
	if err != nil || p == nil || subtle.ConstantTimeCompare(p.Code[:], code[:]) != 1 {
		return nil, err
	}
	p.ProvedAt, p.ExpiresAt = at, at+l.PageLife.Milliseconds()
	return p, tx.ProvePossession(ctx, p.ID, at, p.ExpiresAt)
}
