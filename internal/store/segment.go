package store

import (
	"context"
	"database/sql"
	"slices"

	"github.com/zhunxin/zhunxin/internal/sms"
)

const segmentColumns = "message_id, no, channel_id, state, upstream_id, source, result, stat, attempt, epoch, submit_at, answer_at, report_at, submit_leaf, submit_pos, report_leaf, report_pos"

func segmentDest(s *sms.Segment) []any {
	return []any{
		&s.MessageID, &s.No, &s.ChannelID, &s.State, &s.UpstreamID, &s.Source, &s.Result, &s.Stat, &s.Attempt, &s.Epoch, &s.SubmitAt, &s.AnswerAt, &s.ReportAt,
		&s.SubmitLeaf, &s.SubmitPos, &s.ReportLeaf, &s.ReportPos,
	}
}

// PutSegments stores segments that are about to be submitted, for the first time
// or again after the carrier refused them.
func (t *Tx) PutSegments(ctx context.Context, list []sms.Segment) error {
	args := make([]any, 0, len(list)*8)
	for i := range list {
		s := &list[i]
		args = append(args, int64(s.MessageID), int64(s.No), int64(s.ChannelID), string(s.State), s.Source, int64(s.Attempt), s.Epoch, s.SubmitAt)
	}
	err := t.insert(ctx, "INSERT INTO segment(message_id, no, channel_id, state, source, attempt, epoch, submit_at) VALUES ", 8,
		` ON CONFLICT(message_id, no) DO UPDATE SET channel_id = excluded.channel_id, state = excluded.state, source = excluded.source,
		attempt = segment.attempt + 1, epoch = excluded.epoch, submit_at = excluded.submit_at, upstream_id = '', result = 0, stat = '', answer_at = 0, report_at = 0,
		submit_leaf = 0, submit_pos = 0, report_leaf = 0, report_pos = 0`, args)
	t.ways().put(list)
	return err
}

// RetireSegments keeps refused attempts aside before they are made again.
func (t *Tx) RetireSegments(ctx context.Context, list []sms.Segment) error {
	for i := range list {
		err := t.Exec(ctx, `INSERT INTO segment_past(message_id, no, attempt, channel_id, state, source, result, stat, epoch, submit_at, answer_at, submit_leaf, submit_pos)
			SELECT message_id, no, attempt, channel_id, state, source, result, stat, epoch, submit_at, answer_at, submit_leaf, submit_pos FROM segment
			WHERE message_id = ? AND no = ?`, int64(list[i].MessageID), int64(list[i].No))
		if err != nil {
			return err
		}
	}
	return nil
}

// PastSegments reads the attempts of a message that were made again.
func (t *Tx) PastSegments(ctx context.Context, message sms.ID) ([]sms.Segment, error) {
	var out []sms.Segment
	err := t.Query(ctx, `SELECT message_id, no, attempt, channel_id, state, source, result, stat, epoch, submit_at, answer_at, submit_leaf, submit_pos FROM segment_past
		WHERE message_id = ? ORDER BY no, attempt`, []any{int64(message)}, func(r *sql.Rows) error {
		var s sms.Segment
		err := r.Scan(&s.MessageID, &s.No, &s.Attempt, &s.ChannelID, &s.State, &s.Source, &s.Result, &s.Stat, &s.Epoch, &s.SubmitAt, &s.AnswerAt, &s.SubmitLeaf, &s.SubmitPos)
		out = append(out, s)
		return err
	})
	return out, err
}

// AnswerSegments stores what the carrier answered, or that it did not.
func (t *Tx) AnswerSegments(ctx context.Context, list []sms.Segment) error {
	args := make([]any, 0, len(list)*9)
	for i := range list {
		s := &list[i]
		args = append(args, int64(s.MessageID), int64(s.No), string(s.State), s.UpstreamID, s.Result, s.Stat, s.AnswerAt, int64(s.SubmitLeaf), int64(s.SubmitPos))
	}
	_, err := t.update(ctx, []string{"mid", "n", "st", "up", "res", "stat", "at", "leaf", "pos"}, []string{integer, integer, text, text, integer, text, integer, integer, integer},
		"UPDATE segment SET state = v.st, upstream_id = v.up, result = v.res, stat = v.stat, answer_at = v.at, submit_leaf = v.leaf, submit_pos = v.pos FROM v WHERE message_id = v.mid AND no = v.n", args)
	t.ways().answered(list)
	return err
}

// ReportSegments stores the carrier's reports.
func (t *Tx) ReportSegments(ctx context.Context, list []sms.Segment) error {
	args := make([]any, 0, len(list)*7)
	for i := range list {
		s := &list[i]
		args = append(args, int64(s.MessageID), int64(s.No), string(s.State), s.Stat, s.ReportAt, int64(s.ReportLeaf), int64(s.ReportPos))
	}
	_, err := t.update(ctx, []string{"mid", "n", "st", "stat", "at", "leaf", "pos"}, []string{integer, integer, text, text, integer, integer, integer},
		"UPDATE segment SET state = v.st, stat = v.stat, report_at = v.at, report_leaf = v.leaf, report_pos = v.pos FROM v WHERE message_id = v.mid AND no = v.n", args)
	t.ways().reported(list)
	return err
}

// SegmentsOf reads all segments of messages, in order.
func (t *Tx) SegmentsOf(ctx context.Context, ids []sms.ID, each func(sms.Segment)) error {
	var s sms.Segment
	return t.inEach(ctx, "SELECT "+segmentColumns+" FROM segment WHERE message_id IN (%s) AND no <= (SELECT segments FROM message WHERE id = message_id) ORDER BY message_id, no",
		nil, idArgs(ids), nil, segmentDest(&s), func() error {
			each(s)
			return nil
		})
}

// SegmentsByUpstream finds the segments that carry the carrier's ids, of submits
// not older than since: an id is unique within a year at most.
func (t *Tx) SegmentsByUpstream(ctx context.Context, channel sms.ID, upstream []string, since int64, each func(upstream string, message sms.ID, no int)) error {
	var id string
	var message sms.ID
	var no int
	return t.inEach(ctx, "SELECT upstream_id, message_id, no FROM segment WHERE channel_id = ? AND upstream_id IN (%s) AND submit_at >= ? AND upstream_id <> ''",
		[]any{int64(channel)}, textArgs(upstream), []any{since}, []any{&id, &message, &no}, func() error {
			each(id, message, no)
			return nil
		})
}

// textArgs are the texts as arguments, in order and each once.
func textArgs(texts []string) []any {
	texts = slices.Clone(texts)
	slices.Sort(texts)
	texts = slices.Compact(texts)
	list := make([]any, len(texts))
	for i, s := range texts {
		list[i] = s
	}
	return list
}

// InDoubtFor lists the segments in doubt of a channel that went to a phone from
// a source since a moment: candidates for a report with an unknown id. One whose id is
// known (SGIP's is ours) waits for its own.
func (t *Tx) InDoubtFor(ctx context.Context, channel sms.ID, phone [16]byte, source string, since int64) ([]sms.Segment, error) {
	var out []sms.Segment
	var s sms.Segment
	err := t.each(ctx, `SELECT s.message_id, s.no, s.channel_id, s.state, s.upstream_id, s.source, s.result, s.stat, s.attempt, s.epoch, s.submit_at, s.answer_at, s.report_at,
		s.submit_leaf, s.submit_pos, s.report_leaf, s.report_pos
		FROM message m JOIN segment s ON s.message_id = m.id
		WHERE m.`+stateDoubt+` AND m.phone_id = ? AND s.channel_id = ? AND s.state = 'in_doubt' AND s.upstream_id = '' AND s.submit_at >= ? AND (? = '' OR s.source = ?)`,
		[]any{phone[:], int64(channel), since, source, source}, segmentDest(&s), func() error {
			out = append(out, s)
			return nil
		})
	return out, err
}

// InsertOrphans keeps reports that match nothing yet, and those that came again.
func (t *Tx) InsertOrphans(ctx context.Context, ids []sms.ID, list []sms.Report) error {
	args := make([]any, 0, len(list)*10)
	for i := range list {
		o := &list[i]
		matched, again, vacant := any(nil), int64(0), int64(0)
		if o.MatchedAt != 0 {
			matched = o.MatchedAt
		}
		if o.Again {
			again = 1
		}
		if o.Vacant {
			vacant = 1
		}
		args = append(args, int64(ids[i]), int64(o.ChannelID), o.UpstreamID, int64(max(0, o.MessageID)), o.PhoneID[:], o.Stat, o.ReceivedAt, matched, again, vacant)
	}
	return t.insert(ctx, "INSERT INTO orphan_report(id, channel_id, upstream_id, message_id, phone_id, stat, received_at, matched_at, again, vacant) VALUES ", 10, "", args)
}

// TakeOrphans reads and marks kept reports whose id has become known.
func (t *Tx) TakeOrphans(ctx context.Context, channel sms.ID, upstream []string, at int64) ([]sms.Report, error) {
	return t.takeOrphans(ctx, "channel_id = ? AND upstream_id IN (%s)", channel, textArgs(upstream), at)
}

// TakeOrphansOf reads and marks kept reports that name messages.
func (t *Tx) TakeOrphansOf(ctx context.Context, channel sms.ID, messages []sms.ID, at int64) ([]sms.Report, error) {
	return t.takeOrphans(ctx, "channel_id = ? AND message_id > 0 AND message_id IN (%s)", channel, idArgs(messages), at)
}

func (t *Tx) takeOrphans(ctx context.Context, which string, channel sms.ID, list []any, at int64) ([]sms.Report, error) {
	var out []sms.Report
	var ids []any
	var o sms.Report
	var id int64
	var phone sql.RawBytes
	err := t.inEach(ctx, "SELECT id, channel_id, upstream_id, message_id, phone_id, stat, received_at, vacant <> 0 FROM orphan_report WHERE "+which+" AND matched_at IS NULL ORDER BY id",
		[]any{int64(channel)}, list, nil, []any{&id, &o.ChannelID, &o.UpstreamID, &o.MessageID, &phone, &o.Stat, &o.ReceivedAt, &o.Vacant}, func() error {
			copy(o.PhoneID[:], phone)
			ids = append(ids, id)
			out = append(out, o)
			return nil
		})
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	_, err = t.inExec(ctx, "UPDATE orphan_report SET matched_at = ? WHERE id IN (%s)", []any{at}, ids)
	return out, err
}

// KeptReports reads the newest reports about a phone that were kept since a moment: those
// that match nothing, and, with the moment of their match, those that came before their
// submit's answer or came again.
func (t *Tx) KeptReports(ctx context.Context, phone [16]byte, since int64, limit int) ([]sms.Report, error) {
	var out []sms.Report
	err := t.Query(ctx, `SELECT channel_id, upstream_id, stat, received_at, COALESCE(matched_at, 0), again <> 0 FROM orphan_report
		WHERE phone_id = ? AND received_at >= ? ORDER BY received_at DESC LIMIT ?`, []any{phone[:], since, int64(limit)}, func(r *sql.Rows) error {
		o := sms.Report{PhoneID: phone}
		err := r.Scan(&o.ChannelID, &o.UpstreamID, &o.Stat, &o.ReceivedAt, &o.MatchedAt, &o.Again)
		out = append(out, o)
		return err
	})
	return out, err
}

// InsertMO stores a message from a recipient; false means that it was stored before.
func (t *Tx) InsertMO(ctx context.Context, m sms.MO) (bool, error) {
	n, err := t.ExecCount(ctx, `INSERT INTO mo(id, channel_id, upstream_id, phone_id, group_id, application_id, dest, text, opt_out, received_at)
		SELECT ?,?,?,?,?,?,?,?,?,? WHERE NOT EXISTS (SELECT 1 FROM mo WHERE channel_id = ? AND upstream_id = ? AND phone_id = ? AND received_at > ?)`,
		int64(m.ID), int64(m.ChannelID), m.UpstreamID, m.PhoneID[:], int64(m.GroupID), int64(m.ApplicationID), m.Dest, m.Text, m.OptOut, m.ReceivedAt,
		int64(m.ChannelID), m.UpstreamID, m.PhoneID[:], m.ReceivedAt-moRepeat)
	return n == 1, err
}

// A carrier repeats an MO that was not acknowledged for at most some minutes; its
// ids come round again after a year.
const moRepeat = 24 * 60 * 60 * 1000

// MOs reads messages from recipients.
func (t *Tx) MOs(ctx context.Context, ids []sms.ID, each func(sms.MO)) error {
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = int64(id)
	}
	return t.in(ctx, "SELECT "+moColumns+" FROM mo WHERE id IN (%s)", nil, list, nil, moRow(each))
}

// MOsFrom reads the newest messages of a person to an application, of a span.
func (t *Tx) MOsFrom(ctx context.Context, phone [16]byte, application sms.ID, from, to int64, limit int, each func(sms.MO)) error {
	return t.Query(ctx, "SELECT "+moColumns+" FROM mo WHERE phone_id = ? AND received_at >= ? AND received_at < ? AND application_id = ? ORDER BY received_at DESC, id DESC LIMIT ?",
		[]any{phone[:], from, to, int64(application), int64(limit)}, moRow(each))
}

// RefusalBy finds the first reply that refused marketing and came by a channel in a span, 0 if
// none did.
func (t *Tx) RefusalBy(ctx context.Context, channel sms.ID, from, to int64) (id sms.ID, err error) {
	err = t.One(ctx, "SELECT id FROM mo WHERE channel_id = ? AND received_at >= ? AND received_at < ? AND opt_out <> '' ORDER BY received_at LIMIT 1", []any{int64(channel), from, to}, &id)
	if Missing(err) {
		err = nil
	}
	return id, err
}

const moColumns = "id, channel_id, upstream_id, phone_id, group_id, application_id, dest, text, opt_out, received_at"

func moRow(each func(sms.MO)) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		var m sms.MO
		var phone []byte
		if err := r.Scan(&m.ID, &m.ChannelID, &m.UpstreamID, &phone, &m.GroupID, &m.ApplicationID, &m.Dest, &m.Text, &m.OptOut, &m.ReceivedAt); err != nil {
			return err
		}
		copy(m.PhoneID[:], phone)
		each(m)
		return nil
	}
}
