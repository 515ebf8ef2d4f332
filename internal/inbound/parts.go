package inbound

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// Parts of a long message from a handset come one by one, in any order and perhaps twice.
const (
	// partsWithin is how long the whole is waited for: then what is there is kept as the
	// message, for it may hold a refusal that somebody must read.
	partsWithin = 3 * time.Minute
	partsEvery  = 15 * time.Second
	lateParts   = 500
)

// partContent is what a stored part holds, sealed.
type partContent struct {
	Channel  sms.ID `json:"channel"`
	Source   string `json:"source"`
	Dest     string `json:"dest"`
	Coding   uint8  `json:"coding"`
	Body     []byte `json:"body"`
	Upstream string `json:"upstream,omitempty"`
}

// storePart stores a part, and the message if it was the last.
func (x *Receiver) storePart(ctx context.Context, l law, in mo, head smstext.UDH, body []byte) (word string, err error) {
	c := partContent{in.channel, in.m.Source, in.m.Dest, in.m.Coding, body, in.m.ID}
	plain, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	p := sms.MOPart{
		ID: x.IDs.Next(), Total: int(head.Total), Number: int(head.Number), Content: x.Keys.Seal(vault.PurposeMO, plain),
		Set: x.Keys.ContentHash(fmt.Sprintf("mo|%d|%s|%s|%d|%d", in.channel, in.m.Source, in.m.Dest, head.Ref, head.Total)),
	}
	err = x.Store.WriteMO(ctx, func(ctx context.Context, tx MOTx) error {
		word = ""
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		p.ReceivedAt = now.UnixMilli()
		open, err := tx.MOPartsOf(ctx, p.Set)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(open, func(o sms.MOPart) bool { return o.Number == p.Number }); i >= 0 {
			if old, err := x.openPart(open[i]); err == nil && old.Coding == c.Coding && bytes.Equal(old.Body, c.Body) {
				return nil // the carrier repeats itself
			}
			// The reference has come round before the former message was whole.
			if _, err := x.keepParts(ctx, tx, l, open); err != nil {
				return err
			}
			open = nil
		}
		if err := tx.InsertMOPart(ctx, p); err != nil {
			return err
		}
		// A part that is a refusal by itself acts now, whatever may still come.
		_, refuses := l.book.OptOut(l.textOf(in))
		if open = append(open, p); refuses || len(open) == p.Total {
			word, err = x.keepParts(ctx, tx, l, open)
		}
		return err
	})
	return word, err
}

func (x *Receiver) openPart(p sms.MOPart) (c partContent, err error) {
	plain, err := x.Keys.Open(vault.PurposeMO, p.Content)
	if err != nil {
		return c, fmt.Errorf("part of a long message: %w", err)
	}
	return c, json.Unmarshal(plain, &c)
}

// keepParts stores the parts as one message, whole or not, and forgets them. It refuses
// if the whole does or any of its parts alone. A part that does not open is left out.
func (x *Receiver) keepParts(ctx context.Context, tx MOTx, l law, parts []sms.MOPart) (word string, err error) {
	slices.SortFunc(parts, func(a, b sms.MOPart) int { return a.Number - b.Number })
	if err := tx.RemoveMOParts(ctx, parts[0].Set); err != nil {
		return "", err
	}
	bodies, first, alone := make([]smstext.Body, 0, len(parts)), partContent{}, ""
	for _, p := range parts {
		c, err := x.openPart(p)
		if err != nil {
			x.Stats.Failures.Add(1)
			x.Logger.Error("a part of a long message from a handset is lost", "part", p.ID, "err", err)
			continue
		}
		if first.Source == "" {
			first = c
		}
		f, err := smstext.ParseMsgFmt(c.Coding)
		if err != nil {
			f.Coding = smstext.Binary
		}
		bodies = append(bodies, smstext.Body{Coding: f.Coding, Content: c.Body})
		if alone == "" {
			alone, _ = l.book.OptOut(l.plain(c.Coding, c.Body))
		}
	}
	if len(bodies) == 0 {
		return "", nil
	}
	text, err := smstext.Text(bodies...)
	if err != nil { // what its coding does not allow is kept as it came
		text = fmt.Sprintf("[coding %d]", first.Coding)
		for _, b := range bodies {
			text += fmt.Sprintf(" %x", b.Content)
		}
	}
	number, err := sms.ParseMSISDN(first.Source)
	if err != nil {
		return "", err
	}
	whole := x.received(l, first.Channel, number, first.Dest, first.Upstream, text)
	if whole.m.OptOut == "" {
		whole.m.OptOut = alone
	}
	return whole.store(ctx, tx)
}

// watchParts keeps what waits for parts that did not come.
func (x *Receiver) watchParts(ctx context.Context) {
	tick := time.NewTicker(partsEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := x.LateParts(ctx); err != nil && ctx.Err() == nil {
			x.Stats.Failures.Add(1)
			x.Logger.Error("parts of long messages from handsets", "err", err)
		}
	}
}

// LateParts stores as messages what has waited too long for its other parts.
func (x *Receiver) LateParts(ctx context.Context) error {
	l, err := x.inForce(ctx)
	if err != nil {
		return err
	}
	before := x.Now().Add(-partsWithin).UnixMilli()
	var late []sms.MOPart
	err = x.Store.WriteMO(ctx, func(ctx context.Context, tx MOTx) (err error) {
		late, err = tx.LateMOParts(ctx, before, lateParts)
		return err
	})
	if err != nil {
		return err
	}
	done, failed := map[[16]byte]bool{}, error(nil)
	for _, p := range late {
		if done[p.Set] {
			continue
		}
		done[p.Set] = true
		err := x.Store.WriteMO(ctx, func(ctx context.Context, tx MOTx) error {
			open, err := tx.MOPartsOf(ctx, p.Set)
			if err != nil || len(open) == 0 {
				return err
			}
			_, err = x.keepParts(ctx, tx, l, open)
			return err
		})
		if err != nil { // the others must not wait for it
			failed = errors.Join(failed, err)
			continue
		}
		if x.OnMO != nil {
			x.OnMO()
		}
	}
	return failed
}
