package consent

import (
	"context"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Request is the last message of category CONSENT from a content provider group to a
// person: a request for consent, or the confirmation of a refusal.
type Request struct {
	PhoneID     [16]byte
	GroupID     sms.ID
	MessageID   sms.ID
	SignatureID sms.ID
	AskedAt     int64
	ConfirmedAt int64 // when a reply confirmed a consent, 0 before
}

// Asked tells whether the person had such a message, other than own, and has not asked for
// another since: by a signed event or on a page, for a list proves nothing of the kind, and
// a reply answers the message that there was (CNS-07).
func Asked(r *Request, grants []Grant, own sms.ID) bool {
	if r == nil || r.MessageID == own {
		return false
	}
	for i := range grants {
		if g := &grants[i]; g.ValidFrom > r.AskedAt && (g.Grade == SignedEvent || g.Grade == HostedPage) {
			return false
		}
	}
	return true
}

// ReplyTx is what a confirming reply needs of a transaction.
type ReplyTx interface {
	Tx
	ConsentRequests(ctx context.Context, group sms.ID, ids [][16]byte, each func(Request)) error
	ConfirmRequest(ctx context.Context, phone [16]byte, group sms.ID, at int64) error
	Grants(ctx context.Context, group sms.ID, ids [][16]byte, each func(Grant)) error
	Suppressions(ctx context.Context, ids [][16]byte, each func(Suppression)) error
}

// Reply is a message from a handset that says yes.
type Reply struct {
	PhoneID     [16]byte
	GroupID     sms.ID
	SignatureID sms.ID // of the sub-code that it came to
	MO          sms.ID
	Word        string
	At          int64
}

// Confirm lifts the consent that a person was asked to confirm, and that still holds, to a
// double opt-in: by a new grant with the same words and limits. It does nothing when nobody
// asked under that sub-code, or when there is nothing to confirm.
func Confirm(ctx context.Context, tx ReplyTx, record Recorder, id sms.ID, r Reply) (bool, error) {
	phone := [][16]byte{r.PhoneID}
	if err := tx.LockRecipients(ctx, phone); err != nil {
		return false, err
	}
	var asked *Request
	if err := tx.ConsentRequests(ctx, r.GroupID, phone, func(x Request) { asked = &x }); err != nil {
		return false, err
	}
	if asked == nil || asked.ConfirmedAt != 0 || asked.SignatureID != r.SignatureID {
		return false, nil
	}
	var grants []Grant
	if err := tx.Grants(ctx, r.GroupID, phone, func(g Grant) { grants = append(grants, g) }); err != nil {
		return false, err
	}
	refused := false
	var against []Suppression
	if err := tx.Suppressions(ctx, phone, func(s Suppression) {
		against = append(against, s)
		refused = refused || s.Against(r.GroupID, sms.MKT)
	}); err != nil {
		return false, err
	}
	base := Best(grants, sms.MKT, "", r.At, Lifted(against, r.GroupID))
	if base == nil || refused || base.ValidFrom > asked.AskedAt { // it asked for something else
		return false, nil
	}
	proof := ReplyRecord(id, base.ID, asked.MessageID, r)
	if err := note(ctx, tx, record, r.At, proof); err != nil {
		return false, err
	}
	if err := tx.ConfirmRequest(ctx, r.PhoneID, r.GroupID, r.At); err != nil {
		return false, err
	}
	return true, Add(ctx, tx, record, []Grant{{
		ID: id, PhoneID: r.PhoneID, GroupID: r.GroupID, Purpose: base.Purpose, Grade: DoubleOptIn, Method: "MO_REPLY", Wording: base.Wording, TextHash: base.TextHash, Claims: base.Claims,
		Source: "reply " + r.MO.String(), ProofHash: proof.Hash(), PerWeek: base.PerWeek, ValidFrom: r.At, ValidTo: base.ValidTo,
	}}, r.At)
}

// ReplyRecord is a confirming reply as evidence.
func ReplyRecord(grant, confirmed, message sms.ID, r Reply) leaf.Record {
	return leaf.New(KindReply, int64(grant), r.At,
		leaf.Int("confirms", int64(confirmed)),
		leaf.Int("message", int64(message)),
		leaf.Int("mo", int64(r.MO)),
		leaf.Str("word", r.Word),
	)
}
