package dispatch

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// End ends messages that wait, or whose report never came: it cancels what a
// customer or a person takes back, expires what waited too long, and makes
// unknown what no report ended in time. A message that has moved meanwhile is
// left alone. It returns how many it ended.
//
// What was held is released; a message without a report stays charged, unless its
// contract charges on delivery: then of a long one what was delivered is.
func (d *Desk) End(ctx context.Context, tx Tx, list []gate.Opened, to sms.State, by sms.Actor, code sms.Code) (int, error) {
	list = slices.SortedFunc(slices.Values(list), func(a, b gate.Opened) int { return cmp.Compare(a.Message.ID, b.Message.ID) })
	ids, phones := make([]sms.ID, len(list)), make([][16]byte, len(list))
	for i := range list {
		ids[i], phones[i] = list[i].Message.ID, list[i].Message.PhoneID
	}
	found, err := tx.Messages(ctx, ids, true)
	if err != nil {
		return 0, fmt.Errorf("lock messages: %w", err)
	}
	rows := map[sms.ID]*sms.Message{}
	for _, m := range found {
		rows[m.ID] = m
	}
	if err := tx.LockRecipients(ctx, phones); err != nil {
		return 0, fmt.Errorf("lock recipients: %w", err)
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return 0, err
	}
	l := &look{Desk: d, tx: tx, now: now}
	kind, delivery := KindCancellation, map[sms.ID][2]int{}
	if to == sms.Unknown {
		kind = KindTimeout
		open := slices.DeleteFunc(ids, func(id sms.ID) bool { return rows[id] == nil || rows[id].Held == 0 })
		err := tx.Underway(ctx, open, func(m *sms.Message, all []sms.Segment) { delivery[m.ID] = [2]int{delivered(all), len(all)} })
		if err != nil {
			return 0, fmt.Errorf("read what was delivered: %w", err)
		}
	}
	for i := range list {
		m := rows[list[i].Message.ID]
		if m == nil || m.State != list[i].Message.State {
			continue
		}
		if err := l.close(m, list[i].Permit.Chain, delivery[m.ID], to, by, code, kind); err != nil {
			return 0, err
		}
	}
	return len(l.changes), l.write(ctx, kind)
}

// KindTimeout is the evidence that no report came in time.
const KindTimeout = "report"

// TimeoutRecord says that the contract's time for a report has passed.
func TimeoutRecord(m *sms.Message, at int64) leaf.Record {
	return leaf.New(KindTimeout, int64(m.ID), at,
		leaf.Int("decision", int64(m.DecisionID)),
		leaf.Hash("phone", m.PhoneCommit),
		leaf.Str("state", string(sms.Unknown)),
	)
}

// close takes one message along the edge that End was asked for. Of what is still held, the
// share of the segments that were delivered is charged.
func (l *look) close(m *sms.Message, chain []ledger.Line, delivered [2]int, to sms.State, by sms.Actor, code sms.Code, kind string) error {
	edge, err := sms.Take(m.State, to, by)
	if err != nil {
		return err
	}
	at, charge := l.now.UnixMilli(), 0
	if delivered[0] > 0 {
		charge = min(m.Held, max(0, int(sms.Money(m.Units).Share(delivered[0], delivered[1]))-m.Captured))
	}
	l.changes = append(l.changes, sms.Change{
		ID: m.ID, From: m.State, To: to, Reason: string(code), Captured: m.Captured + charge, ChannelID: m.ChannelID, At: at,
	})
	if m.Held > 0 {
		l.charges = append(l.charges, ledger.Share{Chain: chain, Units: charge})
		l.frees = append(l.frees, ledger.Share{Chain: chain, Units: m.Held - charge})
	}
	if edge.Event == sms.EventRemove {
		l.removed = append(l.removed, m.ID)
	}
	was := *m
	m.State = to // named twice, it is ended once
	record := CancellationRecord(m, to, code, "", at)
	if kind == KindTimeout {
		record = TimeoutRecord(m, at)
	}
	l.hashes = append(l.hashes, record.Hash())
	l.endings = append(l.endings, sms.Ending{MessageID: m.ID, At: at, State: to, Code: code})
	was.State, was.Reason, was.Held, was.Captured = to, string(code), 0, m.Captured+charge
	l.told = append(l.told, sms.StatusEvent(l.IDs.Next(), &was, at))
	return nil
}
