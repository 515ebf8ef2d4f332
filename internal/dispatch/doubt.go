package dispatch

import (
	"context"
	"fmt"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Doubt puts queued messages in doubt: the database was restored from a backup, and
// they may have left after it was made. They are not sent again; a report, or a
// person with the carrier's statement, says what became of them (P3).
func (d *Desk) Doubt(ctx context.Context, tx Tx, list []gate.Opened) (int, error) {
	ids := make([]sms.ID, len(list))
	permits := make(map[sms.ID]*gate.Permit, len(list))
	for i := range list {
		ids[i] = list[i].Message.ID
		permits[ids[i]] = list[i].Permit
	}
	rows, err := tx.Messages(ctx, ids, true)
	if err != nil {
		return 0, fmt.Errorf("lock messages: %w", err)
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return 0, err
	}
	s := &settlement{Desk: d, tx: tx, at: now.UnixMilli()}
	for _, m := range rows {
		way := permits[m.ID].Way(m.ChannelID)
		if m.State != sms.Queued || way == nil {
			continue
		}
		if _, err := sms.Take(m.State, sms.InDoubt, sms.ActorSweeper); err != nil {
			return 0, err
		}
		for no := 1; no <= way.Segments; no++ {
			seg := sms.Segment{
				MessageID: m.ID, No: no, ChannelID: m.ChannelID, State: sms.SegInDoubt, Source: way.Source, Attempt: 1, SubmitAt: s.at, AnswerAt: s.at,
			}
			s.answered = append(s.answered, seg)
			s.hashes = append(s.hashes, SubmissionRecord(m, &seg).Hash())
		}
		s.changes = append(s.changes, sms.Change{
			ID: m.ID, From: m.State, To: sms.InDoubt, Held: m.Held, Captured: m.Captured, ChannelID: m.ChannelID, At: s.at,
		})
		after := *m
		after.State = sms.InDoubt
		s.told = append(s.told, sms.StatusEvent(s.IDs.Next(), &after, s.at))
	}
	if err := tx.PutSegments(ctx, s.answered); err != nil {
		return 0, fmt.Errorf("store segments: %w", err)
	}
	return len(s.changes), s.write(ctx)
}
