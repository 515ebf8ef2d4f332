package consent

import (
	"context"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// TakeTx is what taking a signed event needs of a transaction.
type TakeTx interface {
	Tx
	EventTx
	PeopleTx
	WordingTx
}

// Delivery is a signed event on its way in.
type Delivery struct {
	*Event
	Statement string
	Signature []byte
	Key       sms.ID
	// Whose it must be.
	Application, Group sms.ID
	Now                time.Time
}

// Taken is what became of it.
type Taken struct {
	ID       sms.ID // of the consent or the refusal
	Again    bool   // the event was taken before
	InFlight []sms.ID
}

// Take stores what a signed event says, with the event as its proof: a consent of grade 2, or a
// refusal of marketing. The same event again changes nothing; another statement under its id is
// refused. What the rules find against a consent is returned, and nothing is stored.
func Take(ctx context.Context, tx TakeTx, keys *vault.Keys, ids *sms.IDs, record Recorder, book *rulebook.Book, d *Delivery) (t Taken, found []rulebook.Finding, err error) {
	key, err := d.key(ctx, tx)
	if err != nil {
		return t, nil, err
	}
	at := d.Now.UnixMilli()
	if err := Know(ctx, tx, keys, d.Group, []sms.MSISDN{d.To}, at); err != nil { // its lock makes the same event wait
		return t, nil, err
	}
	row := SignedRow{ID: ids.Next(), ApplicationID: d.Application, Event: d.ID, Digest: keys.PayloadHash([]byte(d.Statement)), KeyID: key.ID, At: at}
	if old, err := tx.Signed(ctx, d.Application, d.ID); err != nil || old != nil {
		if err == nil && old.Digest != row.Digest {
			err = sms.Errorf(sms.IdempotencyKey, "statement", "the event's id was used with another statement")
		}
		if err == nil {
			t = Taken{ID: old.ID, Again: true}
		}
		return t, nil, err
	}
	var w *Wording
	if d.Type == Given {
		if w, err = tx.UseWording(ctx, d.Wording, d.Group, at); err != nil {
			return t, nil, err
		}
	}
	if err := d.Check(d.Application, w, d.Now); err != nil {
		return t, nil, err
	}
	said := Statement{Method: d.Method, Source: "event " + d.ID, Wording: w, GivenAt: d.At.UnixMilli()}
	if d.Type == Given {
		if found := said.Judge(book, d.Now); len(found) > 0 {
			return t, found, nil
		}
	}
	proof, err := d.seal(ctx, tx, keys, key, &row)
	if err != nil {
		return t, nil, err
	}
	if err := note(ctx, tx, record, at, proof); err != nil {
		return t, nil, err
	}
	if err := tx.InsertSigned(ctx, row); err != nil {
		return t, nil, err
	}
	phone := keys.PhoneID(d.To)
	if t.ID = row.ID; d.Type == Given {
		g := said.Grant(row.ID, phone, d.Group, SignedEvent)
		g.ProofHash = proof.Hash()
		return t, nil, Add(ctx, tx, record, []Grant{g}, at)
	}
	t.InFlight, err = Refuse(ctx, tx, record, Suppression{
		ID: row.ID, PhoneID: phone, GroupID: d.Group, Scope: string(sms.MKT), Source: "event", Reference: d.ID, CreatedAt: at,
	})
	return t, nil, err
}

// key finds the key that signed.
func (d *Delivery) key(ctx context.Context, tx EventTx) (*EventKey, error) {
	list, err := tx.EventKeys(ctx, d.Application)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if k := &list[i]; k.ID == d.Key && k.Verify(d.Statement, d.Signature) {
			return k, nil
		}
	}
	return nil, sms.Errorf(sms.SignatureWrong, "signature", "it is not of this statement by a key of the application that is good")
}

// seal closes statement and signature under the person's secret, and makes the record that commits to them.
func (d *Delivery) seal(ctx context.Context, tx PeopleTx, keys *vault.Keys, key *EventKey, row *SignedRow) (proof leaf.Record, err error) {
	secret, err := secretOf(ctx, tx, keys, d.Group, keys.PhoneID(d.To))
	if err != nil {
		return proof, err
	}
	signed := Signable(d.Statement, d.Signature)
	if row.Sealed, err = secret.SealText(row.ID, signed); err != nil {
		return proof, err
	}
	return SignedRecord(row.ID, d.Event, key, leaf.Commit(secret.Salt(row.ID), []byte(signed)), row.At), nil
}

func secretOf(ctx context.Context, tx PeopleTx, keys *vault.Keys, group sms.ID, phone [16]byte) (s vault.Secret, err error) {
	known := false
	err = tx.Secrets(ctx, group, [][16]byte{phone}, func(_ [16]byte, sealed []byte) (err error) {
		s, err = keys.OpenSecret(sealed)
		known = err == nil
		return err
	})
	if err == nil && !known {
		err = sms.Errorf(sms.NotFound, "to", "nothing is known of this person, who may have been erased")
	}
	return s, err
}

// Proof opens a signed event to whoever knows the number that it is about.
func Proof(ctx context.Context, tx PeopleTx, keys *vault.Keys, row *SignedRow, group sms.ID, to sms.MSISDN) (statement string, signature []byte, salt [32]byte, err error) {
	secret, err := secretOf(ctx, tx, keys, group, keys.PhoneID(to))
	if err != nil {
		return "", nil, salt, err
	}
	plain, err := secret.OpenText(row.ID, row.Sealed)
	if err != nil {
		return "", nil, salt, sms.Errorf(sms.NotFound, "to", "the event is of another number")
	}
	statement, signature = Unseal(plain)
	return statement, signature, secret.Salt(row.ID), nil
}
