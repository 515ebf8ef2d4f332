package inbound

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// MOTx is what storing a message from a handset needs of a transaction.
type MOTx interface {
	consent.ReplyTx
	Now(ctx context.Context) (time.Time, error)
	InsertMO(ctx context.Context, m sms.MO) (bool, error)
	MarketedFrom(ctx context.Context, phone [16]byte, source string, since int64) ([]sms.ID, error)
	LastApplication(ctx context.Context, phone [16]byte, signature sms.ID) (sms.ID, error)
	Secrets(ctx context.Context, group sms.ID, ids [][16]byte, each func(id [16]byte, sealed []byte) error) error
	InsertPeople(ctx context.Context, at int64, people []sms.Person) error
	InsertMOPart(ctx context.Context, p sms.MOPart) error
	MOPartsOf(ctx context.Context, set [16]byte) ([]sms.MOPart, error)
	LateMOParts(ctx context.Context, before int64, limit int) ([]sms.MOPart, error)
	RemoveMOParts(ctx context.Context, set [16]byte) error
	InsertEvents(ctx context.Context, list []sms.Event) error
	AppendLeaf(ctx context.Context, id sms.ID, kind string, at int64, hashes [][32]byte) error
}

// marketedWithin is how far back an opt-out that names no customer reaches: it
// refuses every content provider that sent the number marketing from that code.
const marketedWithin = 30 * 24 * time.Hour

// law is what messages from handsets are read by: who a number belongs to, and which
// words refuse.
type law struct {
	snap *registry.Snapshot
	book *rulebook.Book
}

// inForce is the law as of now. Without it nothing is stored, and the carrier sends again.
func (x *Receiver) inForce(ctx context.Context) (l law, err error) {
	if l.snap, l.book, err = x.InForce(ctx); err != nil {
		err = fmt.Errorf("read the law in force: %w", err)
	}
	return l, err
}

// storeMO stores one message and, if it refuses, refuses in the same transaction
// (OPT-03). It returns the opt-out word, "" when there was none or the carrier
// repeated itself. Of a long message each part is stored as it comes, and the whole once
// the last is there.
func (x *Receiver) storeMO(ctx context.Context, in mo) (word string, err error) {
	l, err := x.inForce(ctx)
	if err != nil {
		return "", err
	}
	number, err := sms.ParseMSISDN(in.m.Source)
	if err != nil {
		return "", fmt.Errorf("the handset's number: %w", err)
	}
	if in.m.UDHI {
		if head, body, err := smstext.ParseUDH(in.m.Content); err == nil && head.Total > 1 {
			return x.storePart(ctx, l, in, head, body)
		}
	}
	whole := x.received(l, in.channel, number, in.m.Dest, in.m.ID, l.textOf(in))
	err = x.Store.WriteMO(ctx, func(ctx context.Context, tx MOTx) (err error) {
		word, err = whole.store(ctx, tx)
		return err
	})
	return word, err
}

// arrival is a whole message from a handset on its way into the store.
type arrival struct {
	x      *Receiver
	snap   *registry.Snapshot
	sub    *registry.Subcode
	m      sms.MO
	number sms.MSISDN
	yes    string // the word by which it confirms consent, "" when it does not
}

func (x *Receiver) received(l law, channel sms.ID, number sms.MSISDN, dest, upstream, text string) *arrival {
	a := &arrival{x: x, snap: l.snap, number: number, sub: binding(l.snap, channel, dest), m: sms.MO{
		ID: x.IDs.Next(), ChannelID: channel, UpstreamID: upstream, PhoneID: x.Keys.PhoneID(number), Dest: dest,
		Text: x.Keys.Seal(vault.PurposeMO, []byte(text)),
	}}
	if a.m.UpstreamID == "" { // SMPP has none: each is a message of its own
		a.m.UpstreamID = "own " + a.m.ID.String()
	}
	a.m.OptOut, _ = l.book.OptOut(text)
	a.yes, _ = l.book.OptIn(text)
	if a.sub != nil {
		if p := l.snap.Party[a.sub.PartyID]; p != nil {
			a.m.GroupID = p.GroupID
		}
	}
	return a
}

func (a *arrival) store(ctx context.Context, tx MOTx) (word string, err error) {
	fresh, err := a.x.insert(ctx, tx, a.snap, a.sub, &a.m, a.number)
	if err != nil || !fresh {
		return "", err
	}
	if a.yes != "" && a.sub != nil {
		record := func(ctx context.Context, kind string, at int64, hashes [][32]byte) (sms.ID, error) {
			id := a.x.IDs.Next()
			return id, tx.AppendLeaf(ctx, id, kind, at, hashes)
		}
		if _, err := consent.Confirm(ctx, tx, record, a.x.IDs.Next(), consent.Reply{
			PhoneID: a.m.PhoneID, GroupID: a.m.GroupID, SignatureID: a.sub.SignatureID, MO: a.m.ID, Word: a.yes, At: a.m.ReceivedAt,
		}); err != nil {
			return "", fmt.Errorf("confirm a consent: %w", err)
		}
	}
	return a.m.OptOut, nil
}

// textOf reads the message; what its coding does not allow is kept as it came.
func (l law) textOf(in mo) string {
	content := in.m.Content
	if in.m.UDHI {
		if _, body, err := smstext.ParseUDH(content); err == nil {
			content = body
		}
	}
	return l.plain(in.m.Coding, content)
}

// plain reads a content. One that can't be read in its coding may be a refusal all the
// same: what reads as one in the codings that centres mix up is taken for it.
func (l law) plain(coding uint8, content []byte) string {
	f, err := smstext.ParseMsgFmt(coding)
	text := ""
	if err == nil {
		text, err = smstext.Decode(f.Coding, content)
	}
	if err == nil {
		return text
	}
	for _, c := range []smstext.Coding{smstext.GB, smstext.UCS2} {
		if text, err := smstext.Decode(c, content); err == nil {
			if _, refuses := l.book.OptOut(text); refuses {
				return text
			}
		}
	}
	return fmt.Sprintf("[coding %d] %x", coding, content)
}

// binding finds the sub-code that was written to, among those of the channel's
// carrier, or nil.
func binding(snap *registry.Snapshot, channel sms.ID, dest string) *registry.Subcode {
	ch := snap.Channel[channel]
	if ch == nil {
		return nil
	}
	sub, _ := snap.Bound(dest, func(code *registry.AccessCode, _ *registry.Subcode) bool { return code.Carrier == ch.Carrier })
	return sub
}

func (x *Receiver) insert(ctx context.Context, tx MOTx, snap *registry.Snapshot, sub *registry.Subcode, m *sms.MO, number sms.MSISDN) (fresh bool, err error) {
	now, err := tx.Now(ctx)
	if err != nil {
		return false, err
	}
	at := now.UnixMilli()
	m.ReceivedAt = at
	if sub != nil {
		if m.ApplicationID, err = x.application(ctx, tx, snap, sub, m.PhoneID); err != nil {
			return false, err
		}
		if err := x.know(ctx, tx, m.GroupID, number, at); err != nil {
			return false, err
		}
	}
	if fresh, err = tx.InsertMO(ctx, *m); err != nil || !fresh {
		return false, err
	}
	var told []sms.Event
	if m.ApplicationID != 0 {
		e := event(x.IDs.Next(), m.ApplicationID, "mo", m, number)
		if login := snap.LoginOf(m.ApplicationID); login != nil {
			e.Via = login.ID
		}
		told = append(told, e)
	}
	if m.OptOut == "" {
		return true, tx.InsertEvents(ctx, told)
	}
	groups := []sms.ID{m.GroupID}
	if m.GroupID == 0 {
		if groups, err = tx.MarketedFrom(ctx, m.PhoneID, m.Dest, now.Add(-marketedWithin).UnixMilli()); err != nil {
			return false, fmt.Errorf("find who sent marketing: %w", err)
		}
		if len(groups) == 0 { // the number that it came to says nothing; the person does
			if groups, err = tx.MarketedFrom(ctx, m.PhoneID, "", now.Add(-marketedWithin).UnixMilli()); err != nil {
				return false, fmt.Errorf("find who sent marketing: %w", err)
			}
		}
	}
	for _, g := range groups {
		for _, a := range snap.Applications(g) {
			told = append(told, event(x.IDs.Next(), a, "optout", m, number))
		}
	}
	if err := tx.InsertEvents(ctx, told); err != nil {
		return false, err
	}
	record := func(ctx context.Context, kind string, at int64, hashes [][32]byte) (sms.ID, error) {
		id := x.IDs.Next()
		return id, tx.AppendLeaf(ctx, id, kind, at, hashes)
	}
	for _, g := range groups {
		if _, err := consent.Refuse(ctx, tx, record, consent.Suppression{
			ID: x.IDs.Next(), PhoneID: m.PhoneID, GroupID: g, Scope: string(sms.MKT), Source: "mo", Reference: m.ID.String(), CreatedAt: at,
		}); err != nil {
			return false, fmt.Errorf("refuse: %w", err)
		}
	}
	return true, nil
}

// application is whose customer the person answered: the one that last sent to
// them under the signature, else the party's first.
func (x *Receiver) application(ctx context.Context, tx MOTx, snap *registry.Snapshot, sub *registry.Subcode, phone [16]byte) (sms.ID, error) {
	id, err := tx.LastApplication(ctx, phone, sub.SignatureID)
	if err != nil || id != 0 {
		return id, err
	}
	for _, a := range snap.ApplicationsOf(sub.PartyID) {
		return a, nil
	}
	return 0, nil
}

// know stores a person who writes before anything was sent to them.
func (x *Receiver) know(ctx context.Context, tx MOTx, group sms.ID, number sms.MSISDN, at int64) error {
	return consent.Know(ctx, tx, x.Keys, group, []sms.MSISDN{number}, at)
}

// event tells a customer of an MO or an opt-out. The text is not in it: it stays
// sealed with the MO.
func event(id, application sms.ID, kind string, m *sms.MO, number sms.MSISDN) sms.Event {
	body, _ := json.Marshal(map[string]any{ // strings and integers only: it can't fail
		"mo_id": m.ID.String(), "from": number.String(), "to": m.Dest, "opt_out": m.OptOut, "at": m.ReceivedAt,
	})
	return sms.Event{ID: id, ApplicationID: application, Kind: kind, ObjectID: m.ID, Body: body, At: m.ReceivedAt}
}
