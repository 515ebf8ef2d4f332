// Package dispatch takes permitted messages to the carrier: the second look just
// before a PDU is written, and the booking of what the carrier answered.
//
// A PDU may be written only for what Look, or the decision itself through Claim, has
// moved to submitting and committed (P1). What Look cancels, or sends back to the
// gate, never left. A message whose PDU may have been written is never looked at
// again: it is answered, or it is in doubt (P3).
package dispatch

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Tx is what dispatch needs of a transaction.
type Tx interface {
	ledger.Tx
	gate.LawTx
	AfterCommit(f func())
	LockChannel(ctx context.Context, channel sms.ID) error
	// LeaseEpoch is the epoch of the channel's present owner.
	LeaseEpoch(ctx context.Context, channel sms.ID) (int64, error)
	Now(ctx context.Context) (time.Time, error)
	Messages(ctx context.Context, ids []sms.ID, lock bool) ([]*sms.Message, error)
	LockRecipients(ctx context.Context, ids [][16]byte) error
	RevocationsSince(ctx context.Context, n int64, limit int) ([]sms.Revocation, error)
	Recent(ctx context.Context, ids [][16]byte, since int64, each func(sms.RecipientEvent)) error
	Grant(ctx context.Context, phone [16]byte, group, id sms.ID) (consent.Grant, error)
	ApplyChanges(ctx context.Context, list []sms.Change) (int, error)
	PutSegments(ctx context.Context, list []sms.Segment) error
	RetireSegments(ctx context.Context, list []sms.Segment) error
	AnswerSegments(ctx context.Context, list []sms.Segment) error
	Underway(ctx context.Context, ids []sms.ID, each func(m *sms.Message, segments []sms.Segment)) error
	StampEvents(ctx context.Context, events []sms.RecipientEvent) error
	RemoveEvents(ctx context.Context, messages ...sms.ID) error
	AppendLeaf(ctx context.Context, id sms.ID, kind string, at int64, hashes [][32]byte) error
	InsertEndings(ctx context.Context, list []sms.Ending) error
	InsertEvents(ctx context.Context, list []sms.Event) error
}

// Desk joins what every transaction of dispatch needs.
type Desk struct {
	// Rules is the rulebook in force for a transaction.
	Rules func(ctx context.Context, tx gate.LawTx) (*rulebook.Book, error)
	IDs   *sms.IDs
	// Usable tells whether messages may be moved to a channel; without it none is.
	Usable func(channel sms.ID) bool
}

// Lease is the right to write on a channel: the epoch under which its
// connections are owned.
type Lease struct {
	Channel sms.ID
	Epoch   int64
}

// Verdict is what the second look gave.
type Verdict struct {
	Go   []gate.Ready // in submitting: write their PDUs after the commit
	Back []gate.Ready // rest on facts that may have ended: the gate decides anew
	Gone int          // cancelled, expired, or moved by somebody else
}

// maxRevocations bounds what one look reads of the journal; behind more than
// that everything goes back to the gate.
const maxRevocations = 10_000

// KindCancellation is the evidence that a permitted message never left.
const KindCancellation = "cancellation"

// look is one transaction of the second look.
type look struct {
	*Desk
	tx      Tx
	book    *rulebook.Book
	now     time.Time
	lease   Lease
	events  map[[16]byte][]sms.RecipientEvent
	counts  gate.Counts
	changes []sms.Change
	hashes  [][32]byte
	endings []sms.Ending // in the order of hashes
	removed []sms.ID     // whose events are
	told    []sms.Event
	charges []ledger.Share
	frees   []ledger.Share
	verdict Verdict
}

// Look takes the second look at messages for one channel, no more of them than
// the channel has credit for. It must run in a transaction of its own, and
// nothing may be written to the carrier before that has committed.
func (d *Desk) Look(ctx context.Context, tx Tx, lease Lease, list []gate.Ready) (Verdict, error) {
	epoch, err := tx.LeaseEpoch(ctx, lease.Channel)
	if err != nil {
		return Verdict{}, fmt.Errorf("read the lease: %w", err)
	}
	if epoch != lease.Epoch {
		return Verdict{}, fmt.Errorf("channel %d has the epoch %d: %w", lease.Channel, epoch, errLease)
	}
	l := &look{Desk: d, tx: tx, lease: lease, events: map[[16]byte][]sms.RecipientEvent{}}
	rows, err := l.lock(ctx, list)
	if err != nil {
		return Verdict{}, err
	}
	revoked, err := l.revocations(ctx, rows)
	if err != nil {
		return Verdict{}, err
	}
	var segments []sms.Segment
	var stamps []sms.RecipientEvent
	for _, i := range newestCodesFirst(list) {
		r := &list[i]
		m := rows[r.Message.ID]
		if m == nil || m.State != sms.Queued || m.DecisionID != r.Message.DecisionID || m.ChannelID != lease.Channel {
			l.verdict.Gone++
			continue
		}
		end, code, rule, err := l.judge(ctx, r, m, revoked)
		switch {
		case err != nil:
			return Verdict{}, err
		case end != "":
			if err := l.end(r, m, end, code, rule); err != nil {
				return Verdict{}, err
			}
			continue
		}
		way := r.Permit.Way(lease.Channel)
		if way == nil || l.stale(m, revoked) {
			l.verdict.Back = append(l.verdict.Back, *r)
			continue
		}
		if err := l.change(m, sms.Submitting, "", m.Held); err != nil {
			return Verdict{}, err
		}
		segments = appendSegments(segments, m.ID, way, lease, l.now.UnixMilli())
		stamps = append(stamps, sms.RecipientEvent{PhoneID: m.PhoneID, MessageID: m.ID, At: l.now.UnixMilli(), ChannelID: lease.Channel})
		l.leaves(m)
		l.verdict.Go = append(l.verdict.Go, *r)
	}
	if err := tx.PutSegments(ctx, segments); err != nil {
		return Verdict{}, fmt.Errorf("store segments: %w", err)
	}
	if err := tx.StampEvents(ctx, stamps); err != nil {
		return Verdict{}, fmt.Errorf("stamp recipient events: %w", err)
	}
	return l.verdict, l.write(ctx, KindCancellation)
}

// newestCodesFirst orders messages for the frequency rules: of several
// verification codes to one person only the newest is of use.
func newestCodesFirst(list []gate.Ready) []int {
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := list[a].Message, list[b].Message
		if x.Category == sms.OTP && y.Category == sms.OTP && x.ID != y.ID {
			if x.ID > y.ID {
				return -1
			}
			return 1
		}
		return 0
	})
	return order
}

// lock takes the locks in the one order and reads what hangs on them.
func (l *look) lock(ctx context.Context, list []gate.Ready) (map[sms.ID]*sms.Message, error) {
	ids := make([]sms.ID, len(list))
	phones := make([][16]byte, len(list))
	for i := range list {
		ids[i], phones[i] = list[i].Message.ID, list[i].Message.PhoneID
	}
	slices.Sort(ids)
	found, err := l.tx.Messages(ctx, ids, true)
	if err != nil {
		return nil, fmt.Errorf("lock messages: %w", err)
	}
	if err := l.tx.LockRecipients(ctx, phones); err != nil {
		return nil, fmt.Errorf("lock recipients: %w", err)
	}
	if l.now, err = l.tx.Now(ctx); err != nil {
		return nil, fmt.Errorf("read the clock: %w", err)
	}
	if l.book, err = l.Rules(ctx, l.tx); err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	l.counts = gate.CountAt(l.book, l.now)
	since := l.now.Add(-l.book.Longest()).UnixMilli()
	err = l.tx.Recent(ctx, phones, since, func(e sms.RecipientEvent) { l.events[e.PhoneID] = append(l.events[e.PhoneID], e) })
	if err != nil {
		return nil, fmt.Errorf("read recipient events: %w", err)
	}
	rows := make(map[sms.ID]*sms.Message, len(found))
	for _, m := range found {
		rows[m.ID] = m
	}
	return rows, nil
}

func (l *look) revocations(ctx context.Context, rows map[sms.ID]*sms.Message) ([]sms.Revocation, error) {
	oldest := int64(-1)
	for _, m := range rows {
		if oldest < 0 || m.Journal < oldest {
			oldest = m.Journal
		}
	}
	if oldest < 0 {
		return nil, nil
	}
	list, err := l.tx.RevocationsSince(ctx, oldest, maxRevocations)
	if err != nil {
		return nil, fmt.Errorf("read the revocation journal: %w", err)
	}
	return list, nil
}

// leaves gives a message's event the time of its submission before the next one is judged.
func (l *look) leaves(m *sms.Message) {
	events := l.events[m.PhoneID]
	for i := range events {
		if events[i].MessageID == m.ID {
			events[i].At = l.now.UnixMilli()
		}
	}
}

// judge says whether the message ends here, and why. State "" means that it does not.
func (l *look) judge(ctx context.Context, r *gate.Ready, m *sms.Message, revoked []sms.Revocation) (end sms.State, code sms.Code, rule string, err error) {
	if m.NotAfter != 0 && l.now.UnixMilli() >= m.NotAfter {
		return sms.Expired, sms.NotAfterPassed, "", nil
	}
	for i := range revoked {
		if x := &revoked[i]; x.N > m.Journal && x.Kind == "optout" && concerns(x, m) {
			s := consent.Suppression{GroupID: sms.ID(x.GroupID), Scope: x.Scope}
			if s.Against(m.GroupID, m.Category) {
				return sms.Cancelled, sms.OptedOut, "", nil
			}
		}
	}
	f := l.book.NewFacts()
	f.String(rulebook.Category, string(m.Category))
	if m.ConsentID != 0 {
		g, err := l.tx.Grant(ctx, m.PhoneID, m.GroupID, m.ConsentID)
		if err != nil {
			return "", "", "", fmt.Errorf("consent of message %d: %w", m.ID, err)
		}
		f.Int(rulebook.ConsentPerWeek, g.PerWeek)
	}
	subject := gate.Subject{Message: m.ID, Group: m.GroupID, Signature: m.SignatureID, Template: m.TemplateID, Category: m.Category}
	events := l.events[m.PhoneID]
	if own := slices.IndexFunc(events, func(e sms.RecipientEvent) bool { return e.MessageID == m.ID }); own >= 0 {
		subject.Content = &events[own].ContentHash
	}
	l.counts.Fill(f, &subject, events)
	if x := rulebook.Refusing(l.book.Recount(f, l.now)); x != nil {
		return sms.Cancelled, x.Code, x.Rule, nil
	}
	return "", "", "", nil
}

// concerns tells whether an entry of the journal names the message's recipient.
func concerns(x *sms.Revocation, m *sms.Message) bool {
	return string(x.PhoneID) == string(m.PhoneID[:]) && (x.GroupID == 0 || sms.ID(x.GroupID) == m.GroupID)
}

// stale tells whether the gate must be asked again: a fact ended by itself,
// something about the recipient changed, or any object was revoked since the
// decision. Objects are not told apart: it happens rarely, and the gate knows
// which messages it touches.
func (l *look) stale(m *sms.Message, revoked []sms.Revocation) bool {
	if m.ValidUntil != 0 && l.now.UnixMilli() >= m.ValidUntil || len(revoked) >= maxRevocations {
		return true
	}
	return slices.ContainsFunc(revoked, func(x sms.Revocation) bool {
		return x.N > m.Journal && (len(x.PhoneID) == 0 || x.Kind != "optout" && concerns(&x, m))
	})
}

func (l *look) change(m *sms.Message, to sms.State, reason string, held int) error {
	if _, err := sms.Take(m.State, to, sms.ActorDispatch); err != nil {
		return err
	}
	l.changes = append(l.changes, sms.Change{
		ID: m.ID, From: m.State, To: to, Reason: reason, Held: held, Captured: m.Captured, ChannelID: l.lease.Channel, At: l.now.UnixMilli(),
	})
	m.State = to // the same message may stand in the list twice: from the gate and from the database
	return nil
}

// end cancels or expires a message: its hold is released and its event removed
// before the next message of the same person is judged.
func (l *look) end(r *gate.Ready, m *sms.Message, to sms.State, code sms.Code, rule string) error {
	if err := l.change(m, to, string(code), 0); err != nil {
		return err
	}
	l.frees = append(l.frees, ledger.Share{Chain: r.Permit.Chain, Units: m.Held})
	l.removed = append(l.removed, m.ID)
	l.events[m.PhoneID] = slices.DeleteFunc(l.events[m.PhoneID], func(e sms.RecipientEvent) bool { return e.MessageID == m.ID })
	l.hashes = append(l.hashes, CancellationRecord(m, to, code, rule, l.now.UnixMilli()).Hash())
	l.endings = append(l.endings, sms.Ending{MessageID: m.ID, At: l.now.UnixMilli(), State: to, Code: code, Rule: rule})
	ended := *m
	ended.State, ended.Reason, ended.Held = to, string(code), 0
	l.told = append(l.told, sms.StatusEvent(l.IDs.Next(), &ended, l.now.UnixMilli()))
	l.verdict.Gone++
	return nil
}

// CancellationRecord says that a permitted message never left, and why.
func CancellationRecord(m *sms.Message, to sms.State, code sms.Code, rule string, at int64) leaf.Record {
	return leaf.New(KindCancellation, int64(m.ID), at,
		leaf.Str("code", string(code)),
		leaf.Int("decision", int64(m.DecisionID)),
		leaf.Hash("phone", m.PhoneCommit),
		leaf.Str("rule", rule),
		leaf.Str("state", string(to)),
	)
}

func (l *look) write(ctx context.Context, kind string) error {
	at := l.now.UnixMilli()
	if len(l.hashes) > 0 {
		id := l.IDs.Next()
		if err := l.tx.AppendLeaf(ctx, id, kind, at, l.hashes); err != nil {
			return fmt.Errorf("append the evidence: %w", err)
		}
		for i := range l.endings {
			l.endings[i].LeafID, l.endings[i].LeafPos = id, i
		}
	}
	n, err := l.tx.ApplyChanges(ctx, l.changes)
	if err != nil {
		return fmt.Errorf("move the messages: %w", err)
	}
	if n != len(l.changes) {
		return fmt.Errorf("%d of %d messages moved: somebody else holds the others", n, len(l.changes))
	}
	if err := l.tx.RemoveEvents(ctx, l.removed...); err != nil {
		return fmt.Errorf("remove recipient events: %w", err)
	}
	if err := l.tx.InsertEndings(ctx, l.endings); err != nil {
		return fmt.Errorf("store the endings: %w", err)
	}
	if err := l.tx.InsertEvents(ctx, l.told); err != nil {
		return err
	}
	return ledger.Settle(ctx, l.tx, l.IDs, at, l.charges, l.frees)
}
