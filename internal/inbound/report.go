// Package inbound books what comes from carriers. A report may be acknowledged to
// the carrier only after the transaction that booked or kept it has committed.
package inbound

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Tx is what the package needs of a transaction.
type Tx interface {
	ledger.Tx
	consent.VacancyTx
	Now(ctx context.Context) (time.Time, error)
	LockChannel(ctx context.Context, channel sms.ID) error
	SegmentsByUpstream(ctx context.Context, channel sms.ID, upstream []string, since int64, each func(upstream string, message sms.ID, no int)) error
	InDoubtFor(ctx context.Context, channel sms.ID, phone [16]byte, source string, since int64) ([]sms.Segment, error)
	Underway(ctx context.Context, ids []sms.ID, each func(m *sms.Message, segments []sms.Segment)) error
	Decisions(ctx context.Context, ids []sms.ID, each func(sms.Decision)) error
	AnswerSegments(ctx context.Context, list []sms.Segment) error
	ReportSegments(ctx context.Context, list []sms.Segment) error
	ApplyChanges(ctx context.Context, list []sms.Change) (int, error)
	TakeOrphans(ctx context.Context, channel sms.ID, upstream []string, at int64) ([]sms.Report, error)
	TakeOrphansOf(ctx context.Context, channel sms.ID, messages []sms.ID, at int64) ([]sms.Report, error)
	InsertOrphans(ctx context.Context, ids []sms.ID, list []sms.Report) error
	AppendLeaf(ctx context.Context, id sms.ID, kind string, at int64, hashes [][32]byte) error
	InsertEvents(ctx context.Context, list []sms.Event) error
}

// Reach is how far back a report may name a submit. A carrier's ids have no year in them
// and come round again; reports come within days. CMPP 3.0 §8.4.3.2, SMGP 3.0.3, MsgID.
const Reach = 7 * 24 * time.Hour

// KindReport is the evidence of a carrier's report for one segment.
const KindReport = "report"

// ReportRecord is a segment's report as evidence.
func ReportRecord(m *sms.Message, s *sms.Segment) leaf.Record {
	return leaf.New(KindReport, int64(m.ID), s.ReportAt,
		leaf.Int("channel", int64(s.ChannelID)),
		leaf.Hash("phone", m.PhoneCommit),
		leaf.Int("segment", int64(s.No)),
		leaf.Str("stat", s.Stat),
		leaf.Str("state", string(s.State)),
		leaf.Str("upstream", s.UpstreamID),
	)
}

// Counts is what became of a batch of reports.
type Counts struct {
	Booked     int // a segment has its end
	Late       int // of these, the message had been given up: its report timeout had passed
	Partial    int // messages of which other segments have no end yet
	Duplicates int // the segment had its end before
	Passing    int // not final: ACCEPTD
	Unmatched  int // kept, because no submit is known by that id
	Told       []Told
	Ended      []Ended
}

// Ended is the end of a segment, as it speaks for its channel or against it.
type Ended struct {
	SubmitAt  int64 // epoch milliseconds
	At        int64 // when the report was booked
	Delivered bool
}

// Told is an event that is stored, with what it takes to tell it by the customer's own
// protocol without reading it again. It never leaves memory.
type Told struct {
	Event   sms.Event
	PhoneID [16]byte
	Number  sms.MSISDN // not valid when the booking did not know it
	Source  string     // number that the handset shows
	State   sms.State
	Reason  string
	PDU     sms.ID // 0 is the message's own id
	Ref     string // the customer's own reference
}

// Final tells whether a status ends a segment, and whether it reached the handset. Those
// that say it is on its way end nothing. CMPP 3.0 §8.4.5.1, SMPP 3.4 §5.2.28.
func Final(stat string) (final, delivered bool) {
	state, _, _ := strings.Cut(stat, ":") // a network's code may follow
	return state != "ACCEPTD" && state != "ENROUTE", state == "DELIVRD"
}

// intake is one transaction of reports.
type intake struct {
	tx       Tx
	ids      *sms.IDs
	at       int64
	rows     map[sms.ID]*sms.Message
	segments map[sms.ID][]sms.Segment
	touched  map[sms.ID]bool
	supplied []sms.Segment // in doubt until now: the report gave the id
	ended    []sms.Segment
	hashes   [][32]byte
	partial  int
	told     []Told
	vacant   []consent.Vacancy // their numbers do not exist
}

// Reports books the reports of one channel. What matches no submit is kept: the
// report may have come before the answer to its submit. What comes again is kept too,
// for it may say something else.
func Reports(ctx context.Context, tx Tx, ids *sms.IDs, channel sms.ID, list []sms.Report) (n Counts, err error) {
	return book(ctx, tx, ids, channel, list, true)
}

// book books reports; fresh ones are not in the store yet.
func book(ctx context.Context, tx Tx, ids *sms.IDs, channel sms.ID, list []sms.Report, fresh bool) (n Counts, err error) {
	if err := tx.LockChannel(ctx, channel); err != nil {
		return n, fmt.Errorf("lock the channel: %w", err)
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return n, fmt.Errorf("read the clock: %w", err)
	}
	in := &intake{tx: tx, ids: ids, at: now.UnixMilli(), touched: map[sms.ID]bool{}}
	targets, err := in.match(ctx, channel, list, now.Add(-Reach).UnixMilli())
	if err != nil {
		return n, err
	}
	var kept []sms.Report
	var keptIDs []sms.ID
	keep := func(r sms.Report, matched int64) {
		r.MatchedAt, r.Again = matched, matched != 0
		kept, keptIDs = append(kept, r), append(keptIDs, ids.Next())
	}
	for i := range list {
		r := &list[i]
		final, _ := Final(r.Stat)
		switch t, ok := targets[i]; {
		case !final:
			n.Passing++
		case ok && in.end(t, r):
			n.Booked++
			if in.rows[t.message].State == sms.Unknown {
				n.Late++
			}
		case ok:
			n.Duplicates++
			if fresh {
				keep(*r, in.at)
			}
		default:
			n.Unmatched++
			keep(*r, 0)
		}
	}
	if err := tx.InsertOrphans(ctx, keptIDs, kept); err != nil {
		return n, fmt.Errorf("keep reports: %w", err)
	}
	err = in.write(ctx)
	n.Told, n.Partial = in.told, in.partial
	for i := range in.ended {
		n.Ended = append(n.Ended, Ended{in.ended[i].SubmitAt, in.at, in.ended[i].State == sms.SegDelivered})
	}
	return n, err
}

// Early books reports that came before the answers to their submits. Call it in
// the transaction that stores those answers, with the ids that they gave.
func Early(ctx context.Context, tx Tx, ids *sms.IDs, channel sms.ID, upstream []string) (n Counts, err error) {
	now, err := tx.Now(ctx)
	if err != nil {
		return n, fmt.Errorf("read the clock: %w", err)
	}
	kept, err := tx.TakeOrphans(ctx, channel, upstream, now.UnixMilli())
	if err != nil || len(kept) == 0 {
		return n, err
	}
	return book(ctx, tx, ids, channel, kept, false)
}

// EarlyOf books reports that named messages before these came to be in doubt. Call it in
// the transaction in which they do.
func EarlyOf(ctx context.Context, tx Tx, ids *sms.IDs, channel sms.ID, messages []sms.ID) (n Counts, err error) {
	now, err := tx.Now(ctx)
	if err != nil {
		return n, fmt.Errorf("read the clock: %w", err)
	}
	kept, err := tx.TakeOrphansOf(ctx, channel, messages, now.UnixMilli())
	if err != nil || len(kept) == 0 {
		return n, err
	}
	return book(ctx, tx, ids, channel, kept, false)
}

// target is a segment that a report is about.
type target struct {
	message sms.ID
	no      int
}

// match finds the segment of each report, locks the messages and reads them
// again under the lock.
func (in *intake) match(ctx context.Context, channel sms.ID, list []sms.Report, since int64) (map[int]target, error) {
	upstream := make([]string, len(list))
	for i := range list {
		upstream[i] = list[i].UpstreamID
	}
	known := map[string][]target{}
	err := in.tx.SegmentsByUpstream(ctx, channel, upstream, since, func(id string, message sms.ID, no int) {
		known[id] = append(known[id], target{message, no})
	})
	if err != nil {
		return nil, fmt.Errorf("find segments: %w", err)
	}
	candidates := make(map[int][]target, len(list))
	var ids []sms.ID
	for i := range list {
		found := known[list[i].UpstreamID]
		switch {
		case len(found) > 0:
		case list[i].MessageID == sms.NoMessage: // somebody else's
			continue
		case list[i].MessageID != 0:
			found = []target{{message: list[i].MessageID}}
		default:
			doubtful, err := in.tx.InDoubtFor(ctx, channel, list[i].PhoneID, list[i].Source, since)
			if err != nil {
				return nil, fmt.Errorf("find segments in doubt: %w", err)
			}
			if len(doubtful) != 1 { // none, or only a person can tell which
				continue
			}
			found = []target{{doubtful[0].MessageID, doubtful[0].No}}
		}
		candidates[i] = found
		for _, t := range found {
			ids = append(ids, t.message)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	in.rows, in.segments = make(map[sms.ID]*sms.Message, len(ids)), make(map[sms.ID][]sms.Segment, len(ids))
	err = in.tx.Underway(ctx, ids, func(m *sms.Message, segments []sms.Segment) { in.rows[m.ID], in.segments[m.ID] = m, segments })
	if err != nil {
		return nil, fmt.Errorf("lock messages: %w", err)
	}
	targets := make(map[int]target, len(candidates))
	for i, found := range candidates {
		for _, t := range found {
			if t.no == 0 {
				t.no = in.doubtful(t.message, channel)
			}
			if m := in.rows[t.message]; m != nil && m.PhoneID == list[i].PhoneID && t.no != 0 {
				targets[i] = t
			}
		}
	}
	return targets, nil
}

// doubtful is the number of the segment in doubt of a message that a report names, 0 when
// none is: its answer is still to come, and the report waits for it.
func (in *intake) doubtful(message, channel sms.ID) int {
	for _, s := range in.segments[message] {
		if s.State == sms.SegInDoubt && s.ChannelID == channel && s.UpstreamID == "" {
			return s.No
		}
	}
	return 0
}

// end gives a segment its end; false means that it had one: a carrier that missed our
// answer repeats its report. CMPP 3.0 §7.1.
func (in *intake) end(t target, r *sms.Report) bool {
	for i := range in.segments[t.message] {
		s := &in.segments[t.message][i]
		if s.No != t.no || s.State != sms.SegAccepted && s.State != sms.SegInDoubt {
			continue
		}
		if s.State == sms.SegInDoubt {
			s.UpstreamID = r.UpstreamID
			supplied := *s
			supplied.State = sms.SegAccepted
			in.supplied = append(in.supplied, supplied)
		}
		s.State = sms.SegFailed
		if _, delivered := Final(r.Stat); delivered {
			s.State = sms.SegDelivered
		}
		s.Stat, s.ReportAt = r.Stat, in.at
		if r.Vacant {
			in.vacant = append(in.vacant, consent.Vacancy{PhoneID: r.PhoneID, MessageID: t.message})
		}
		in.ended = append(in.ended, *s)
		in.hashes = append(in.hashes, ReportRecord(in.rows[t.message], s).Hash())
		in.touched[t.message] = true
		return true
	}
	return false
}

func (in *intake) write(ctx context.Context) error {
	if len(in.ended) == 0 {
		return nil
	}
	id := in.ids.Next()
	if err := in.tx.AppendLeaf(ctx, id, KindReport, in.at, in.hashes); err != nil {
		return fmt.Errorf("append the evidence: %w", err)
	}
	for i := range in.ended {
		in.ended[i].ReportLeaf, in.ended[i].ReportPos = id, i
	}
	if err := in.tx.AnswerSegments(ctx, in.supplied); err != nil {
		return fmt.Errorf("store the ids: %w", err)
	}
	if err := in.tx.ReportSegments(ctx, in.ended); err != nil {
		return fmt.Errorf("store the reports: %w", err)
	}
	suspended, err := consent.Suspend(ctx, in.tx, func(ctx context.Context, kind string, at int64, hashes [][32]byte) (sms.ID, error) {
		id := in.ids.Next()
		return id, in.tx.AppendLeaf(ctx, id, kind, at, hashes)
	}, in.vacant, in.at)
	if err != nil {
		return fmt.Errorf("suspend consents: %w", err)
	}
	if err := in.fold(ctx); err != nil {
		return err
	}
	return consent.Revoke(ctx, in.tx, suspended, in.at)
}

// fold derives the messages' states from their segments, and charges what the
// reports have proved to be taken, or delivered, as the contract says (P3, P6).
func (in *intake) fold(ctx context.Context) error {
	permits, err := in.permits(ctx)
	if err != nil {
		return err
	}
	var changes []sms.Change
	var told []sms.Event
	var charges, frees []ledger.Share
	for _, id := range slices.Sorted(maps.Keys(in.touched)) {
		m, all := in.rows[id], in.segments[id]
		if m.State == sms.Submitting {
			in.partial++
			continue // other segments are still open: dispatch closes the message
		}
		to := sms.StateOf(all)
		if !to.Final() {
			in.partial++
			if m.State == sms.Unknown { // given up already: the other segments' reports may still come
				to = sms.Unknown
			}
		}
		c := sms.Change{ID: id, From: m.State, To: to, Reason: m.Reason, Held: m.Held, Captured: m.Captured, ChannelID: m.ChannelID, At: in.at}
		if to == sms.Failed {
			c.Reason = failure(all)
		}
		if p := permits[id]; p != nil {
			charge, free := due(m, all, to, p)
			c.Captured, c.Held = m.Captured+charge, m.Held-charge-free
			charges, frees = append(charges, ledger.Share{Chain: p.Chain, Units: charge}), append(frees, ledger.Share{Chain: p.Chain, Units: free})
		}
		if to != m.State {
			if _, err := sms.Take(m.State, to, sms.ActorInbound); err != nil {
				return err
			}
			after := *m
			after.State, after.Reason = to, c.Reason
			e := sms.StatusEvent(in.ids.Next(), &after, in.at)
			told = append(told, e)
			in.told = append(in.told, Told{Event: e, PhoneID: m.PhoneID, Source: all[0].Source, State: to, Reason: c.Reason, PDU: m.PDU, Ref: m.Ref})
		}
		changes = append(changes, c)
	}
	n, err := in.tx.ApplyChanges(ctx, changes)
	if err != nil {
		return fmt.Errorf("move the messages: %w", err)
	}
	if n != len(changes) {
		return fmt.Errorf("%d of %d messages moved under their lock", n, len(changes))
	}
	if err := in.tx.InsertEvents(ctx, told); err != nil {
		return err
	}
	return ledger.Settle(ctx, in.tx, in.ids, in.at, charges, frees)
}

// failure is the status of the first segment that failed.
func failure(all []sms.Segment) string {
	for i := range all {
		if all[i].State == sms.SegFailed && all[i].Stat != "" {
			return all[i].Stat
		}
	}
	return ""
}

// permits reads what the decisions of those messages permit whose money is open.
func (in *intake) permits(ctx context.Context) (map[sms.ID]*gate.Permit, error) {
	var ids []sms.ID
	for id := range in.touched {
		if in.rows[id].Held > 0 {
			ids = append(ids, in.rows[id].DecisionID)
		}
	}
	slices.Sort(ids)
	decisions := map[sms.ID]sms.Decision{}
	if err := in.tx.Decisions(ctx, slices.Compact(ids), func(d sms.Decision) { decisions[d.ID] = d }); err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	out := map[sms.ID]*gate.Permit{}
	for id := range in.touched {
		m := in.rows[id]
		if d, ok := decisions[m.DecisionID]; ok && m.Held > 0 {
			p, err := gate.PermitOf(&d, m.Carrier)
			if err != nil {
				return nil, err
			}
			out[id] = p
		}
	}
	return out, nil
}

// due is what a message's segments now make chargeable and free. By contract, a
// unit is earned when the carrier took it or when it was delivered; in the second
// case nothing moves before the message has its end.
func due(m *sms.Message, all []sms.Segment, to sms.State, p *gate.Permit) (charge, free int) {
	taken, delivered := 0, 0
	for i := range all {
		switch all[i].State {
		case sms.SegDelivered:
			taken, delivered = taken+1, delivered+1
		case sms.SegFailed, sms.SegAccepted:
			taken++
		}
	}
	share := func(k int) int {
		return min(m.Held, max(0, int(sms.Money(m.Units).Share(k, len(all)))-m.Captured))
	}
	way := p.Way(m.ChannelID)
	switch {
	case way == nil || !way.OnDelivery:
		return share(taken), 0
	case to == sms.Delivered || to == sms.Failed:
		charge = share(delivered)
		return charge, m.Held - charge
	}
	return 0, 0
}
