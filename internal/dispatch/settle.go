package dispatch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// Answer is the end of one PDU.
type Answer struct {
	Ready   gate.Ready
	No      int // segment, from 1
	Channel sms.ID
	Outcome session.Outcome
	Code    string // the upstream's word where that is no number
}

// KindSubmission is the evidence of what the carrier answered to one PDU.
const KindSubmission = "submission"

// SubmissionRecord says what became of one PDU: the carrier's own id, its
// refusal, or that no answer came. A refusal in words has a code.
func SubmissionRecord(m *sms.Message, s *sms.Segment) leaf.Record {
	fields := []leaf.Field{
		leaf.Int("attempt", int64(s.Attempt)),
		leaf.Int("channel", int64(s.ChannelID)),
		leaf.Int("decision", int64(m.DecisionID)),
		leaf.Int("epoch", s.Epoch),
		leaf.Hash("phone", m.PhoneCommit),
		leaf.Int("result", s.Result),
		leaf.Int("segment", int64(s.No)),
		leaf.Str("source", s.Source),
		leaf.Str("state", string(s.State)),
		leaf.Int("submitted", s.SubmitAt),
		leaf.Str("upstream", s.UpstreamID),
	}
	if s.State == sms.SegRefused && s.Stat != "" {
		fields = append(fields, leaf.Str("code", s.Stat))
	}
	return leaf.New(KindSubmission, int64(m.ID), s.AnswerAt, fields...)
}

// Settled is what is left to do after answers were booked.
type Settled struct {
	Again  []gate.Ready // certainly not taken: they wait in the queue again
	Resend []Part       // segments certainly not taken, of messages of which others were
	Told   bool         // customers were told something
	Moved  int          // of Again, those that go to another channel
	Early  int          // reports that had come before the answers to their submits
	Twice  int          // reports that had come before them, and again
	Partly int          // of their messages, those of which other segments have no end yet

	Answers, Reports []Sample // what it says of the channels
}

// Part is one segment that is to be written: its row says submitting.
type Part struct {
	Ready gate.Ready
	No    int // from 1
	Epoch int64
	Again bool // it was refused before, and others of its message were not
}

// Settle books what the carrier answered to PDUs. Answers of one message may come
// in different transactions: it moves when the last of its segments is answered.
//
// A segment that was certainly not taken is made again until not_after: alone and on
// the same channel if others of its message were taken or may have been (P3), else
// with its message, after another look, and on the next channel that the decision
// permits if the carrier refused it for the time being. An accepted segment is charged its share of the units, by largest remainder;
// what the carrier refused is released; the share of a segment in doubt stays
// held until somebody knows (P3, P6).
func (d *Desk) Settle(ctx context.Context, tx Tx, answers []Answer) (Settled, error) {
	var channels []sms.ID
	for i := range answers {
		channels = append(channels, answers[i].Channel)
	}
	slices.Sort(channels)
	for _, c := range slices.Compact(channels) {
		if err := tx.LockChannel(ctx, c); err != nil {
			return Settled{}, fmt.Errorf("lock the channel: %w", err)
		}
	}
	ids := make([]sms.ID, 0, len(answers))
	byMessage := map[sms.ID][]*Answer{}
	for i := range answers {
		id := answers[i].Ready.Message.ID
		if byMessage[id] == nil {
			ids = append(ids, id)
		}
		byMessage[id] = append(byMessage[id], &answers[i])
	}
	slices.Sort(ids)
	s := &settlement{Desk: d, tx: tx}
	type row struct {
		m   *sms.Message
		all []sms.Segment
	}
	rows := make([]row, 0, len(ids))
	if err := tx.Underway(ctx, ids, func(m *sms.Message, all []sms.Segment) { rows = append(rows, row{m, all}) }); err != nil {
		return Settled{}, fmt.Errorf("lock messages: %w", err)
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return Settled{}, fmt.Errorf("read the clock: %w", err)
	}
	s.at = now.UnixMilli()
	for _, r := range rows {
		if err := s.message(r.m, r.all, byMessage[r.m.ID]); err != nil {
			return Settled{}, err
		}
	}
	s.left.Told = len(s.told) > 0
	return s.left, s.write(ctx)
}

// settlement is one transaction of answers.
type settlement struct {
	*Desk
	tx       Tx
	at       int64
	answered []sms.Segment
	hashes   [][32]byte
	changes  []sms.Change
	follow   []sms.Change // of messages whose reports came before the last answer
	removed  []*sms.Message
	told     []sms.Event
	charges  []ledger.Share
	frees    []ledger.Share
	retired  []sms.Segment // refused attempts that are made again
	reopened []sms.Segment
	left     Settled
}

func (s *settlement) message(m *sms.Message, all []sms.Segment, answers []*Answer) error {
	for _, a := range answers {
		i := slices.IndexFunc(all, func(x sms.Segment) bool { return x.No == a.No })
		if i < 0 {
			return fmt.Errorf("message %d has no segment %d", m.ID, a.No)
		}
		seg := &all[i]
		if seg.State != sms.SegSubmitting {
			continue // booked before: an answer counts once
		}
		seg.AnswerAt = s.at
		switch o := a.Outcome; {
		case o.Kind == session.Answered && o.Result == 0:
			seg.State, seg.UpstreamID = sms.SegAccepted, o.ID
		case o.Kind == session.InDoubt:
			seg.State, seg.UpstreamID = sms.SegInDoubt, o.ID // SGIP's is ours, and known; the report comes under it
		default:
			seg.State, seg.Result, seg.Stat = sms.SegRefused, refusal(o), a.Code
		}
		if a.Outcome.Kind != session.NotWritten {
			s.left.Answers = append(s.left.Answers, Sample{
				Channel: seg.ChannelID, SubmitAt: seg.SubmitAt, Wrong: seg.Result == OverSpeed, Doubtful: seg.State == sms.SegInDoubt,
			})
		}
		s.answered = append(s.answered, *seg)
		s.hashes = append(s.hashes, SubmissionRecord(m, seg).Hash())
	}
	if m.State == sms.Submitting {
		s.resend(m, all, answers[0].Ready)
	}
	if m.State != sms.Submitting || slices.ContainsFunc(all, func(x sms.Segment) bool { return x.State == sms.SegSubmitting }) {
		return nil
	}
	return s.close(m, all, answers)
}

// resend opens the segments again that were certainly not taken, if others of the
// message were or may have been: half a text is of use to nobody.
func (s *settlement) resend(m *sms.Message, all []sms.Segment, ready gate.Ready) {
	taken := slices.ContainsFunc(all, func(x sms.Segment) bool { return x.State != sms.SegRefused && x.State != sms.SegSubmitting })
	if !taken || m.NotAfter != 0 && s.at >= m.NotAfter {
		return
	}
	for i := range all {
		x := &all[i]
		if x.State != sms.SegRefused || x.Result > 0 {
			continue
		}
		s.retired = append(s.retired, *x)
		next := *x
		next.State, next.SubmitAt, next.Attempt, next.Stat = sms.SegSubmitting, s.at, x.Attempt+1, ""
		*x = next
		s.reopened = append(s.reopened, next)
		s.left.Resend = append(s.left.Resend, Part{Ready: ready, No: x.No, Epoch: x.Epoch, Again: true})
	}
}

// NotWritten and OverSpeed stand as results of segments that the carrier
// certainly did not take and that may be sent again on the same channel.
const (
	NotWritten = -1
	OverSpeed  = -2
)

func refusal(o session.Outcome) int64 {
	switch {
	case o.Kind == session.NotWritten:
		return NotWritten
	case o.OverSpeed:
		return OverSpeed
	default:
		return int64(o.Result)
	}
}

// close moves a message all of whose segments are answered.
func (s *settlement) close(m *sms.Message, all []sms.Segment, answers []*Answer) error {
	accepted, doubt, retry, reason := 0, 0, true, ""
	for i := range all {
		switch x := &all[i]; x.State {
		case sms.SegInDoubt:
			doubt++
		case sms.SegRefused:
			if x.Result > 0 {
				retry, reason = false, "RESULT:"+cmp.Or(x.Stat, strconv.FormatInt(x.Result, 10))
			}
		default:
			accepted++
		}
	}
	ready := answers[0].Ready
	chain := ready.Permit.Chain
	share := func(k int) int { return int(sms.Money(m.Units).Share(k, len(all))) }
	way := ready.Permit.Way(m.ChannelID)
	onDelivery := way != nil && way.OnDelivery
	c := sms.Change{ID: m.ID, From: m.State, Reason: reason, ChannelID: m.ChannelID, At: s.at}
	switch {
	case accepted == 0 && doubt == 0 && retry:
		c.To, c.Held, c.Captured = sms.Queued, m.Held, m.Captured
		if to := s.turn(m, all, ready.Permit); to != 0 {
			moved := *ready.Message
			moved.ChannelID = to
			c.ChannelID, ready.Message = to, &moved
			s.left.Moved++
		}
		s.left.Again = append(s.left.Again, ready)
		s.retired = append(s.retired, all...)
	case accepted == 0 && doubt == 0:
		c.To = sms.Failed
		s.frees = append(s.frees, ledger.Share{Chain: chain, Units: m.Held})
		s.removed = append(s.removed, m)
	default:
		c.To = sms.Submitted
		if doubt > 0 {
			c.To = sms.InDoubt
		}
		c.Captured = share(accepted)
		c.Held = share(accepted+doubt) - c.Captured
		if onDelivery {
			c.Captured, c.Held = 0, c.Captured+c.Held
		}
		s.charges = append(s.charges, ledger.Share{Chain: chain, Units: c.Captured})
		s.frees = append(s.frees, ledger.Share{Chain: chain, Units: m.Held - c.Captured - c.Held})
	}
	if _, err := sms.Take(m.State, c.To, sms.ActorDispatch); err != nil {
		return err
	}
	s.changes = append(s.changes, c)
	if final := sms.StateOf(all); c.To == sms.Submitted && final != c.To {
		if _, err := sms.Take(c.To, final, sms.ActorInbound); err != nil {
			return err
		}
		next := c
		next.From, next.To = c.To, final
		if onDelivery {
			next.Captured, next.Held = share(delivered(all)), 0
			s.charges = append(s.charges, ledger.Share{Chain: chain, Units: next.Captured})
			s.frees = append(s.frees, ledger.Share{Chain: chain, Units: c.Held - next.Captured})
		}
		s.follow = append(s.follow, next)
		after := *m
		after.State, after.Reason = final, c.Reason
		s.told = append(s.told, sms.StatusEvent(s.IDs.Next(), &after, s.at))
	}
	if c.To == sms.Failed || c.To == sms.InDoubt {
		after := *m
		after.State, after.Reason = c.To, c.Reason
		s.told = append(s.told, sms.StatusEvent(s.IDs.Next(), &after, s.at))
	}
	return nil
}

// turn is the channel that a message turns to of which the carrier refused something
// for the time being and took nothing, 0 when it stays. What was only not written
// stays: if its channel is taken out, it moves with the others that wait.
func (s *settlement) turn(m *sms.Message, all []sms.Segment, permit *gate.Permit) sms.ID {
	if !slices.ContainsFunc(all, func(x sms.Segment) bool { return x.Result == OverSpeed }) {
		return 0
	}
	return s.elsewhere(m, permit)
}

func delivered(all []sms.Segment) (n int) {
	for i := range all {
		if all[i].State == sms.SegDelivered {
			n++
		}
	}
	return n
}

func (s *settlement) write(ctx context.Context) error {
	if len(s.hashes) > 0 {
		id := s.IDs.Next()
		if err := s.tx.AppendLeaf(ctx, id, KindSubmission, s.at, s.hashes); err != nil {
			return fmt.Errorf("append the evidence: %w", err)
		}
		for i := range s.answered {
			s.answered[i].SubmitLeaf, s.answered[i].SubmitPos = id, i
		}
	}
	if err := s.tx.AnswerSegments(ctx, s.answered); err != nil {
		return fmt.Errorf("store the answers: %w", err)
	}
	if err := s.tx.RetireSegments(ctx, s.retired); err != nil {
		return fmt.Errorf("keep refused attempts: %w", err)
	}
	if err := s.tx.PutSegments(ctx, s.reopened); err != nil {
		return fmt.Errorf("open segments again: %w", err)
	}
	for _, list := range [][]sms.Change{s.changes, s.follow} {
		n, err := s.tx.ApplyChanges(ctx, list)
		if err != nil {
			return fmt.Errorf("move the messages: %w", err)
		}
		if n != len(list) {
			return fmt.Errorf("%d of %d messages moved under their lock", n, len(list))
		}
	}
	removed := make([]sms.ID, len(s.removed))
	for i, m := range s.removed {
		removed[i] = m.ID
	}
	if err := s.tx.RemoveEvents(ctx, removed...); err != nil {
		return err
	}
	if err := s.tx.InsertEvents(ctx, s.told); err != nil {
		return err
	}
	return ledger.Settle(ctx, s.tx, s.IDs, s.at, s.charges, s.frees)
}
