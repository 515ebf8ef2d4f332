package review

import (
	"context"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// MaxContacts is the most contacts that a party may have filed or waiting, at all carriers.
const MaxContacts = 1000

// FileContact takes one step of the filing of a link or telephone. Of one that is there only
// the step counts: what was filed is not changed, another contact is filed anew.
func (d *Desk) FileContact(ctx context.Context, tx Tx, f registry.ContactFiling, m registry.FilingMove) (registry.ContactFiling, error) {
	if err := tx.LockReviews(ctx); err != nil {
		return f, err
	}
	snap, now, err := begin(ctx, tx)
	if err != nil {
		return f, err
	}
	m.At = now.UnixMilli()
	if old := snap.ContactByID(f.ID); old != nil {
		f = *old
	} else {
		switch {
		case snap.Party[f.PartyID] == nil:
			return f, sms.Errorf(sms.BadRequest, "body.party_id", "no party has this id")
		case len(snap.ContactsOf(f.PartyID)) >= MaxContacts:
			return f, sms.Errorf(sms.BadRequest, "body", "a party has at most %d filings of contacts", MaxContacts)
		}
		if err := f.Normalise(); err != nil {
			return f, err
		}
		f = registry.ContactFiling{ID: f.ID, PartyID: f.PartyID, Carrier: f.Carrier, Kind: f.Kind, Value: f.Value}
	}
	was := f.State
	record, err := fileContact(ctx, tx, &f, m)
	if err != nil {
		return f, err
	}
	if err := evlog.Append(ctx, tx, d.IDs, m.At, record); err != nil || was != registry.Approved {
		return f, err
	}
	_, err = tx.Revoke(ctx, sms.Revocation{Kind: "filing", ObjectID: int64(f.ID), At: m.At})
	return f, err
}

func fileContact(ctx context.Context, tx Tx, f *registry.ContactFiling, m registry.FilingMove) (leaf.Record, error) {
	was := f.State
	if err := f.Move(m); err != nil {
		return leaf.Record{}, err
	}
	return leaf.New(KindFiling, int64(f.ID), m.At,
		leaf.Str("carrier", string(f.Carrier)),
		leaf.Str("contact", f.Kind),
		leaf.Hash("value", hash([]byte(f.Value))),
		leaf.Int("party", int64(f.PartyID)),
		leaf.Str("from", was),
		leaf.Str("to", m.To),
		leaf.Int("batch", int64(f.Batch)),
		leaf.Str("reason", f.Reason),
		leaf.Hash("reference", hash([]byte(f.Reference))),
		leaf.Int("valid_from", f.From),
		leaf.Int("valid_to", f.To),
		leaf.Int("by_staff", int64(m.By)),
	), tx.Put(ctx, *f)
}

// SubmitContacts takes the contacts that wait for a carrier into a sheet.
func (d *Desk) SubmitContacts(ctx context.Context, tx Tx, c sms.Carrier, batch, by sms.ID) ([]*registry.ContactFiling, error) {
	if err := tx.LockReviews(ctx); err != nil {
		return nil, err
	}
	snap, now, err := begin(ctx, tx)
	if err != nil {
		return nil, err
	}
	list := snap.ContactSheet(c, 0)
	if len(list) == 0 {
		return nil, sms.Errorf(sms.NotFound, "body.carrier", "no link and no telephone waits to be filed with this carrier")
	}
	records := make([]leaf.Record, len(list))
	for i, f := range list {
		moved := *f
		if records[i], err = fileContact(ctx, tx, &moved, registry.FilingMove{To: registry.Submitted, By: by, At: now.UnixMilli(), Batch: batch}); err != nil {
			return nil, err
		}
	}
	return list, evlog.Append(ctx, tx, d.IDs, now.UnixMilli(), records...)
}
