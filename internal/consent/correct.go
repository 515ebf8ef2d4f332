package consent

import (
	"context"
	"fmt"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Correction is what a person says is wrong with a consent that is held of them. PIPL Art. 46.
type Correction struct {
	ConsentID sms.ID
	Void      bool  // they never gave it
	PerWeek   int   // they agreed to no more in 7 days, 0 leaves it
	ValidTo   int64 // they agreed until then, 0 leaves it
}

// CorrectTx is what a correction needs of a transaction.
type CorrectTx interface {
	Tx
	Grants(ctx context.Context, group sms.ID, ids [][16]byte, each func(Grant)) error
	EndGrant(ctx context.Context, phone [16]byte, group, id sms.ID, at int64) (bool, error)
}

// Correct ends a consent and puts one with the corrected limits in its place, by the id fresh: what
// was recorded is never changed, or nothing would prove it. The person's word alone makes a consent
// narrower; a wider one is obtained anew. request is under what the correction is recorded. Call it
// last in a transaction: the journal's counter is locked until commit.
func Correct(ctx context.Context, tx CorrectTx, record Recorder, phone [16]byte, group, request, fresh sms.ID, c Correction, at int64) error {
	if err := tx.LockRecipients(ctx, [][16]byte{phone}); err != nil {
		return err
	}
	var old *Grant
	if err := tx.Grants(ctx, group, [][16]byte{phone}, func(g Grant) {
		if g.ID == c.ConsentID {
			old = &g
		}
	}); err != nil {
		return err
	}
	if old == nil || old.WithdrawnAt != 0 {
		return sms.Errorf(sms.NotFound, "body.correction.consent_id", "the person has no consent of this id that stands")
	}
	g := *old
	if err := c.narrow(&g, at); err != nil {
		return err
	}
	if _, err := tx.EndGrant(ctx, phone, group, old.ID, at); err != nil {
		return err
	}
	if g.ID = fresh; c.Void {
		g.ID = 0
	}
	if err := note(ctx, tx, record, at, CorrectionRecord(request, old, &g, at)); err != nil {
		return err
	}
	if !c.Void {
		g.Former = nil
		if err := Add(ctx, tx, record, []Grant{g}, at); err != nil {
			return err
		}
	}
	if err := tx.RevokePhone(ctx, "suspension", phone, group, string(sms.MKT), at); err != nil {
		return fmt.Errorf("journal the correction: %w", err)
	}
	return nil
}

// narrow changes the limits of a consent.
func (c *Correction) narrow(g *Grant, at int64) error {
	switch {
	case c.Void == (c.PerWeek != 0 || c.ValidTo != 0):
		return sms.Errorf(sms.BadRequest, "body.correction", "say that it was never given, or what was agreed to: per_week, expires_at")
	case c.PerWeek < 0 || c.PerWeek != 0 && g.PerWeek != 0 && c.PerWeek >= g.PerWeek:
		return sms.Errorf(sms.BadRequest, "body.correction.per_week", "a correction makes it fewer: more needs a new consent")
	case c.ValidTo != 0 && (c.ValidTo <= max(g.ValidFrom, at) || g.ValidTo != 0 && c.ValidTo >= g.ValidTo):
		return sms.Errorf(sms.BadRequest, "body.correction.expires_at", "a correction makes it end earlier, in the future; what has ended, or longer needs a new consent")
	}
	if c.PerWeek != 0 {
		g.PerWeek = c.PerWeek
	}
	if c.ValidTo != 0 {
		g.ValidTo = c.ValidTo
	}
	return nil
}

// CorrectionRecord says which consent took the place of another by what the person asked, as
// evidence; by 0 it was void.
func CorrectionRecord(request sms.ID, old, by *Grant, at int64) leaf.Record {
	return leaf.New(KindCorrection, int64(request), at,
		leaf.Int("by", int64(by.ID)),
		leaf.Int("consent", int64(old.ID)),
		leaf.Int("per_week", int64(by.PerWeek)),
		leaf.Int("valid_to", by.ValidTo),
	)
}
