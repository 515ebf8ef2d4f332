package gate

import (
	"fmt"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// settle does the money of the edge. A chain that is short refuses the message.
func (b *batchRun) settle(p *part, r *recipient, m *sms.Message, view *carrierView) error {
	if r.old != nil && r.old.Held > 0 {
		if err := b.money.Release(b.facts.oldChains[r.old.ID], r.old.Held); err != nil {
			return fmt.Errorf("release the former hold: %w", err)
		}
	}
	if m.State == sms.Refused {
		return nil
	}
	if err := b.money.Hold(view.permit.Chain, m.Units); err != nil {
		b.refuse(m, sms.BalanceTooLow, "")
		return nil //nolint:nilerr // a short balance is a verdict, not a failure
	}
	m.Held = m.Units
	return nil
}

// book takes the edge and puts everything that goes with it into the batch.
func (b *batchRun) book(p *part, r *recipient, m *sms.Message, view *carrierView) error {
	from := sms.New
	if r.old != nil {
		from = r.old.State
	}
	if !(from == sms.Queued && m.State == sms.Permitted) {
		if _, err := sms.Take(from, m.State, sms.ActorGate); err != nil {
			return err
		}
	}
	m.Decided = m.State
	p.verdicts[Verdict{Carrier: m.Carrier, Decided: m.Decided, Code: m.Code, Rule: m.Rule, Later: b.later(p, r)}]++
	if m.State == sms.Permitted {
		if _, err := sms.Take(sms.Permitted, sms.Queued, sms.ActorGate); err != nil {
			return err
		}
		m.State = sms.Queued
	}
	if m.State != sms.Refused && len(view.permit.Channels) > 0 {
		m.ChannelID = b.g.channelOf(m, &view.permit, m.State == sms.Queued && !b.dry)
		m.Segments = view.permit.Way(m.ChannelID).Segments
	}
	switch {
	case m.State == sms.Queued && from != sms.Queued:
		e := sms.RecipientEvent{
			PhoneID: m.PhoneID, MessageID: m.ID, At: b.now.UnixMilli(), GroupID: m.GroupID, SignatureID: m.SignatureID,
			TemplateID: m.TemplateID, ContentHash: p.content, Category: m.Category, ChannelID: m.ChannelID,
		}
		b.events = append(b.events, e)
		b.noteUse(m.SignatureID)
		b.facts.recent[m.PhoneID] = append(b.facts.recent[m.PhoneID], e)
		b.noteOrigin(p, m)
		if m.Category == sms.Consent {
			x := consent.Request{PhoneID: m.PhoneID, GroupID: m.GroupID, MessageID: m.ID, SignatureID: m.SignatureID, AskedAt: b.now.UnixMilli()}
			b.requests = append(b.requests, x)
			b.facts.requests[secretKey{m.PhoneID, m.GroupID}] = &x
		}
	case m.State != sms.Queued && from == sms.Queued:
		b.removed = append(b.removed, m)
	}
	b.hashes = append(b.hashes, DecisionRecord(m, p.decision, p.digest).Hash())
	b.records = append(b.records, m)
	if r.old == nil {
		b.messages = append(b.messages, m)
	} else {
		b.redone = append(b.redone, redone{from, m})
		if m.State == sms.Refused {
			b.told = append(b.told, sms.StatusEvent(b.g.ids.Next(), m, b.now.UnixMilli()))
		}
	}
	if !b.dry {
		b.g.count(m)
	}
	if m.State == sms.Queued {
		list := &b.ready
		if r.old == nil {
			list = &b.fresh
		}
		*list = append(*list, Ready{Message: m, Number: r.Number, Text: p.text, Permit: &view.permit})
	}
	return nil
}

// channelOf chooses the channel of a message among those that are permitted: the
// first in the message's own order, or, of one that is about to leave, the first that
// does not fail. The evidence names the permit; which of its channels was used is told
// by the submission.
func (g *Gate) channelOf(m *sms.Message, permit *Permit, leaves bool) sms.ID {
	if len(permit.Channels) == 1 {
		return permit.Channels[0].ID
	}
	if leaves && g.cfg.Courier != nil {
		if c := permit.Choose(m.ID, 0, g.cfg.Courier.Admits); c != 0 {
			return c
		}
	}
	return permit.Choose(m.ID, 0, nil)
}

func (g *Gate) count(m *sms.Message) {
	g.stats.Recipients.Add(1)
	if m.State == sms.Refused {
		g.stats.Refused.Add(1)
	} else {
		g.stats.Permitted.Add(1)
	}
}
