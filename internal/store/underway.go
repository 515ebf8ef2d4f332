package store

import (
	"context"
	"database/sql"
	"slices"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// waysKept is how many messages under way memory holds at the most.
const waysKept = 8192

// ways are messages that are on their way to a carrier, with their segments, as the store
// has them: an answer and a report come soon after the submit, and need not be read for.
// Only SQLite's writer has them, through whose hands every change goes; each method that
// changes a message or a segment keeps them true or drops them, and a transaction that is
// not committed drops all.
type ways struct {
	most  int
	of    map[sms.ID]*way
	order []sms.ID // in which they came; some are gone
}

// way is one of them. It is whole when it has the message and each of its segments.
type way struct {
	m        *sms.Message
	segments []sms.Segment
}

func newWays(most int) *ways { return &ways{most: most, of: map[sms.ID]*way{}} }

func (w *way) whole() bool { return w.m != nil && len(w.segments) == w.m.Segments }

// ways are those of the store, nil in a transaction that has none.
func (t *Tx) ways() *ways {
	if t.lite == nil {
		return nil
	}
	if !t.watched {
		t.watched = true
		t.onEnd(func(committed bool) {
			if !committed {
				*t.d.ways = *newWays(t.d.ways.most)
			}
		})
	}
	return t.d.ways
}

// entry is a message's, a new one if there is none.
func (x *ways) entry(id sms.ID) *way {
	w := x.of[id]
	if w == nil {
		w = &way{}
		x.of[id] = w
		x.order = append(x.order, id)
		for len(x.order) > 2*x.most || len(x.of) > x.most {
			delete(x.of, x.order[0])
			x.order = x.order[1:]
		}
	}
	return w
}

func (x *ways) drop(id sms.ID) {
	if x != nil {
		delete(x.of, id)
	}
}

// inserted keeps new messages that are being submitted already.
func (x *ways) inserted(list []*sms.Message) {
	if x == nil {
		return
	}
	for _, m := range list {
		if m.State == sms.Submitting {
			x.entry(m.ID).m = moving(m)
		}
	}
}

// moving is a message as Underway gives it.
func moving(m *sms.Message) *sms.Message {
	return &sms.Message{
		ID: m.ID, DecisionID: m.DecisionID, ApplicationID: m.ApplicationID, PhoneID: m.PhoneID, Carrier: m.Carrier, State: m.State, Code: m.Code, Reason: m.Reason,
		PhoneCommit: m.PhoneCommit, Units: m.Units, Segments: m.Segments, Held: m.Held, Captured: m.Captured, Ref: m.Ref, Via: m.Via, PDU: m.PDU, ChannelID: m.ChannelID,
		NotAfter: m.NotAfter,
	}
}

// put keeps new segments. Of those that are made again the store counts the attempts.
func (x *ways) put(list []sms.Segment) {
	if x == nil {
		return
	}
	for i := range list {
		s := &list[i]
		w := x.entry(s.MessageID)
		if s.Attempt != 1 || s.No != len(w.segments)+1 {
			x.drop(s.MessageID)
			continue
		}
		w.segments = append(w.segments, sms.Segment{
			MessageID: s.MessageID, No: s.No, ChannelID: s.ChannelID, State: s.State, Source: s.Source, Attempt: s.Attempt, Epoch: s.Epoch, SubmitAt: s.SubmitAt,
		})
	}
}

// segment is what is kept of one, or nil.
func (x *ways) segment(s *sms.Segment) *sms.Segment {
	if x == nil || x.of[s.MessageID] == nil {
		return nil
	}
	w := x.of[s.MessageID]
	if s.No < 1 || s.No > len(w.segments) {
		x.drop(s.MessageID)
		return nil
	}
	return &w.segments[s.No-1]
}

func (x *ways) answered(list []sms.Segment) {
	for i := range list {
		s := &list[i]
		if k := x.segment(s); k != nil {
			k.State, k.UpstreamID, k.Result, k.Stat, k.AnswerAt, k.SubmitLeaf, k.SubmitPos = s.State, s.UpstreamID, s.Result, s.Stat, s.AnswerAt, s.SubmitLeaf, s.SubmitPos
		}
	}
}

func (x *ways) reported(list []sms.Segment) {
	for i := range list {
		s := &list[i]
		if k := x.segment(s); k != nil {
			k.State, k.Stat = s.State, s.Stat
		}
	}
}

// moved follows messages along their edges; what has come to its end is dropped, and so is
// what is not where the change says.
func (x *ways) moved(list []sms.Change) {
	if x == nil {
		return
	}
	for i := range list {
		c := &list[i]
		w := x.of[c.ID]
		if w == nil {
			continue
		}
		if w.m == nil || w.m.State != c.From || c.To.Final() {
			x.drop(c.ID)
			continue
		}
		w.m.State, w.m.Reason, w.m.Held, w.m.Captured, w.m.ChannelID = c.To, c.Reason, c.Held, c.Captured, c.ChannelID
	}
}

// Underway locks and reads messages that were submitted, in order of id, each with
// its segments in order. Of a message only those fields are filled in that booking an
// answer or a report takes, and of a segment all but what its report brings.
func (t *Tx) Underway(ctx context.Context, ids []sms.ID, each func(m *sms.Message, segments []sms.Segment)) error {
	x := t.ways()
	if x == nil {
		return t.readUnderway(ctx, ids, each)
	}
	ids = slices.Clone(ids)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	list := make([]*way, len(ids))
	var unknown []sms.ID
	for i, id := range ids {
		if w := x.of[id]; w != nil && w.whole() {
			list[i] = w
		} else {
			unknown = append(unknown, id)
		}
	}
	err := t.readUnderway(ctx, unknown, func(m *sms.Message, segments []sms.Segment) {
		w := &way{m, segments}
		i, _ := slices.BinarySearch(ids, m.ID)
		if list[i] = w; w.whole() && !m.State.Final() {
			*x.entry(m.ID) = *w
		}
	})
	if err != nil {
		return err
	}
	for _, w := range list {
		if w != nil {
			m := *w.m
			each(&m, slices.Clone(w.segments))
		}
	}
	return nil
}

func (t *Tx) readUnderway(ctx context.Context, ids []sms.ID, each func(m *sms.Message, segments []sms.Segment)) error {
	list := idArgs(ids)
	if t.d.dialect == Postgres { // rows that another transaction changed are read anew only after the lock
		err := t.in(ctx, "SELECT id FROM message WHERE id IN (%s) ORDER BY id FOR UPDATE", nil, list, nil, func(*sql.Rows) error { return nil })
		if err != nil {
			return err
		}
	}
	var m *sms.Message
	var segments []sms.Segment
	var x sms.Message
	var s sms.Segment
	var phone, commit sql.RawBytes
	dest := []any{
		&x.ID, &x.DecisionID, &x.ApplicationID, &phone, &x.Carrier, &x.State, &x.Code, &x.Reason, &commit, &x.Units, &x.Segments, &x.Held, &x.Captured,
		&x.Ref, &x.Via, &x.PDU, &x.ChannelID, &x.NotAfter, &s.No, &s.ChannelID, &s.State, &s.UpstreamID, &s.Source, &s.Result, &s.Stat, &s.Attempt, &s.Epoch, &s.SubmitAt,
		&s.AnswerAt, &s.SubmitLeaf, &s.SubmitPos,
	}
	err := t.inEach(ctx, `SELECT m.id, m.decision_id, m.application_id, m.phone_id, m.carrier, m.state, m.code, m.reason, m.phone_commit, m.units, m.segments, m.held, m.captured,
		m.ref, m.via, m.pdu, m.channel_id, m.not_after, s.no, s.channel_id, s.state, s.upstream_id, s.source, s.result, s.stat, s.attempt, s.epoch, s.submit_at,
		s.answer_at, s.submit_leaf, s.submit_pos
		FROM message m JOIN segment s ON s.message_id = m.id WHERE m.id IN (%s) AND s.no <= m.segments ORDER BY m.id, s.no`, nil, list, nil, dest, func() error {
		if m == nil || m.ID != x.ID {
			if m != nil {
				each(m, segments)
			}
			y := x
			copy(y.PhoneID[:], phone)
			copy(y.PhoneCommit[:], commit)
			m, segments = &y, make([]sms.Segment, 0, y.Segments)
		}
		s.MessageID = x.ID
		segments = append(segments, s)
		return nil
	})
	if err == nil && m != nil {
		each(m, segments)
	}
	return err
}
