package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// Opened is a stored message with its number and text in clear, and what its
// decision permits. It never leaves memory.
type Opened = Ready

// Reader is what Open needs of a transaction.
type Reader interface {
	Decisions(ctx context.Context, ids []sms.ID, each func(sms.Decision)) error
	Numbers(ctx context.Context, ids [][16]byte, each func(id [16]byte, sealed []byte) error) error
	Secrets(ctx context.Context, group sms.ID, ids [][16]byte, each func([16]byte, []byte) error) error
}

// Open opens stored messages. One whose person was erased is left out: nothing
// can be sent to a number that is no longer known. Nor can one that does not open, which
// is told to damaged; it must not hold up the others.
func Open(ctx context.Context, tx Reader, keys *vault.Keys, list []*sms.Message, damaged func(*sms.Message, error)) ([]Opened, error) {
	decisions, numbers, secrets := map[sms.ID]sms.Decision{}, map[[16]byte]sms.MSISDN{}, map[secretKey]vault.Secret{}
	ids, phones, groups := make([]sms.ID, 0, len(list)), make([][16]byte, 0, len(list)), map[sms.ID][][16]byte{}
	bad := map[secretKey]error{}
	for _, m := range list {
		ids, phones = append(ids, m.DecisionID), append(phones, m.PhoneID)
		groups[m.GroupID] = append(groups[m.GroupID], m.PhoneID)
	}
	slices.Sort(ids)
	if err := tx.Decisions(ctx, slices.Compact(ids), func(d sms.Decision) { decisions[d.ID] = d }); err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	err := tx.Numbers(ctx, phones, func(id [16]byte, sealed []byte) error {
		plain, err := keys.Open(vault.PurposeNumber, sealed)
		if err == nil {
			numbers[id], err = sms.ParseMSISDN("+" + string(plain))
		}
		if err != nil {
			bad[secretKey{phone: id}] = fmt.Errorf("number: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open numbers: %w", err)
	}
	for group, of := range groups {
		err := tx.Secrets(ctx, group, of, func(id [16]byte, sealed []byte) error {
			secret, err := keys.OpenSecret(sealed)
			if err != nil {
				bad[secretKey{id, group}] = fmt.Errorf("secret of the person: %w", err)
				return nil
			}
			secrets[secretKey{id, group}] = secret
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("open secrets: %w", err)
		}
	}
	out := make([]Opened, 0, len(list))
	for _, m := range list {
		if err := errors.Join(bad[secretKey{phone: m.PhoneID}], bad[secretKey{m.PhoneID, m.GroupID}]); err != nil {
			damaged(m, err)
			continue
		}
		number, known := numbers[m.PhoneID]
		secret, bound := secrets[secretKey{m.PhoneID, m.GroupID}]
		if !known || !bound {
			continue
		}
		o, err := openOne(m, decisions, secret)
		if err != nil {
			damaged(m, err)
			continue
		}
		o.Number = number
		out = append(out, o)
	}
	return out, nil
}

func openOne(m *sms.Message, decisions map[sms.ID]sms.Decision, secret vault.Secret) (o Opened, err error) {
	d, decided := decisions[m.DecisionID]
	if !decided {
		return o, fmt.Errorf("there is no decision %d", m.DecisionID)
	}
	o.Message = m
	if o.Text, err = secret.OpenText(m.ID, m.Text); err != nil {
		return o, fmt.Errorf("text: %w", err)
	}
	o.Permit, err = PermitOf(&d, m.Carrier)
	return o, err
}

// Salt is the salt of a message's commitments; ok is false once the person was
// erased.
func Salt(ctx context.Context, tx Reader, keys *vault.Keys, m *sms.Message) (salt [32]byte, ok bool, err error) {
	err = tx.Secrets(ctx, m.GroupID, [][16]byte{m.PhoneID}, func(_ [16]byte, sealed []byte) error {
		secret, err := keys.OpenSecret(sealed)
		salt, ok = secret.Salt(m.ID), err == nil
		return err
	})
	return salt, ok, err
}

// Chains gives stored messages with what their decisions permit, and neither
// number nor text.
func Chains(ctx context.Context, tx Reader, list []*sms.Message) ([]Opened, error) {
	ids, decisions := make([]sms.ID, len(list)), map[sms.ID]sms.Decision{}
	for i, m := range list {
		ids[i] = m.DecisionID
	}
	slices.Sort(ids)
	if err := tx.Decisions(ctx, slices.Compact(ids), func(d sms.Decision) { decisions[d.ID] = d }); err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	out := make([]Opened, len(list))
	for i, m := range list {
		d := decisions[m.DecisionID]
		permit, err := PermitOf(&d, m.Carrier)
		if err != nil {
			return nil, err
		}
		out[i] = Opened{Message: m, Permit: permit}
	}
	return out, nil
}

// Redecide passes stored messages without a permit, and queued ones whose
// decision may rest on facts that have ended, through the gate as new decisions
// on the facts and rules of this moment. approved says that a reviewer has
// approved them: one fact, which overrides no other rule. Where he did so before, it counts
// again for what he saw and nothing else. It returns how many were decided; those
// that moved meanwhile are left alone.
func (g *Gate) Redecide(ctx context.Context, list []*sms.Message, approved bool) (int, error) {
	if len(list) == 0 {
		return 0, nil
	}
	var opened []Opened
	var said map[sms.ID]*approval
	err := g.store.Read(ctx, func(ctx context.Context, tx Tx) (err error) {
		opened, err = Open(ctx, tx, g.keys, list, func(m *sms.Message, err error) {
			g.cfg.Logger.Error("a stored message does not open and is left as it is", "message", m.ID, "err", err)
		})
		if err == nil && !approved {
			said, err = g.approvals(ctx, tx, list)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("open the messages: %w", err)
	}
	slices.SortFunc(opened, func(a, b Opened) int { return cmp.Compare(a.Message.ID, b.Message.ID) }) // lock order
	decided := 0
	for chunk := range slices.Chunk(opened, max(1, g.cfg.BatchRecipients)) {
		jobs, outcomes := make([]*job, len(chunk)), make([]outcome, len(chunk))
		for i := range chunk {
			jobs[i] = again(&chunk[i], approved)
			jobs[i].approved = said[chunk[i].Message.ID]
			jobs[i].done = func(o outcome) { outcomes[i] = o }
		}
		g.run(context.WithoutCancel(ctx), jobs)
		for _, o := range outcomes {
			var known *sms.Error
			switch {
			case o.err == nil:
				decided++
			case errors.As(o.err, &known) && known.Code == sms.MessageNotWaiting:
			default:
				err = o.err
			}
		}
	}
	return decided, err
}

// again makes the job by which a stored message is decided anew.
func again(o *Opened, approved bool) *job {
	m := o.Message
	return &job{
		call: &Call{Application: m.ApplicationID, Extension: m.Extension, Via: m.Via, PDU: m.PDU, Parts: []Part{{
			Text: o.Text, Template: m.TemplateID, Category: m.Category, Recipients: []Recipient{{Number: o.Number, Ref: m.Ref}},
		}}},
		redo: []*sms.Message{m}, review: approved,
	}
}
