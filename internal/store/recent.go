package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Recipient events are stored in the order of time and looked up by person, in
// recipient_index. Neighbours in time are strangers, so that each message would change
// another page of the index: on SQLite, whose log takes whole pages, that was a third of
// all it wrote. There, events enter the index late, all those of a range of people at
// once, and until then memory holds who they are about. What memory holds can be read
// again from the events above a mark.
const (
	lagRanges = 256     // of people, by the first byte of their id
	lagTarget = 100_000 // events that may be in no index for as long as they like
	lagMost   = 200_000 // from here on events enter the index at once
	lagPause  = 4       // times as long as indexing a range took, before the next
)

// settingIndexed is the mark: all events up to this message are in the index.
const settingIndexed = "recipient_index.upto"

// lag holds the events that are in no index yet.
type lag struct {
	mu     sync.RWMutex
	loaded bool
	ranges [lagRanges]lagRange
	target int
	most   int
	n      int
	next   int    // the range whose turn it is
	upto   sms.ID // becomes the mark at the end of this round; events up to it don't wait
	newest sms.ID
	read   sms.ID // events up to it were there at the start, and may be indexed too
	wake   chan struct{}
}

// lagRange holds those about the people of one range. Most have one: a map without
// pointers costs the collector nothing.
type lagRange struct {
	one  map[[16]byte]sms.ID
	more map[[16]byte][]sms.ID // besides
}

func newLag() *lag {
	l := &lag{target: lagTarget, most: lagMost, wake: make(chan struct{}, 1)}
	for i := range l.ranges {
		l.ranges[i] = lagRange{map[[16]byte]sms.ID{}, map[[16]byte][]sms.ID{}}
	}
	return l
}

func (l *lag) of(phone [16]byte) *lagRange { return &l.ranges[phone[0]] }

// list appends the events about a person.
func (r *lagRange) list(phone [16]byte, to []sms.ID) []sms.ID {
	if id := r.one[phone]; id != 0 {
		to = append(append(to, id), r.more[phone]...)
	}
	return to
}

func (l *lag) has(phone [16]byte, id sms.ID) bool {
	r := l.of(phone)
	return r.one[phone] == id || slices.Contains(r.more[phone], id)
}

// add keeps an event, unless it must enter the index at once.
func (l *lag) add(phone [16]byte, id sms.ID) bool {
	if l.has(phone, id) { // it was removed and is stored anew: were it indexed besides, a later change would leave two entries
		return true
	}
	if id <= l.upto || l.n >= l.most {
		return false
	}
	l.keep(phone, id)
	return true
}

func (l *lag) keep(phone [16]byte, id sms.ID) {
	if l.has(phone, id) {
		return
	}
	r := l.of(phone)
	if r.one[phone] == 0 {
		r.one[phone] = id
	} else {
		r.more[phone] = append(r.more[phone], id)
	}
	l.n, l.newest = l.n+1, max(l.newest, id)
}

func (l *lag) remove(phone [16]byte, id sms.ID) {
	if !l.has(phone, id) {
		return
	}
	l.n--
	r := l.of(phone)
	rest := slices.DeleteFunc(r.list(phone, nil), func(x sms.ID) bool { return x == id })
	delete(r.more, phone)
	switch len(rest) {
	case 0:
		delete(r.one, phone)
	case 1:
		r.one[phone] = rest[0]
	default:
		r.one[phone], r.more[phone] = rest[0], rest[1:]
	}
}

// LoadRecent makes ready to find recipient events, so that the first message does not
// wait for it.
func (d *DB) LoadRecent(ctx context.Context) error {
	return d.Read(ctx, func(ctx context.Context, tx *Tx) error {
		_, err := tx.lagging(ctx)
		return err
	})
}

// lagging gives the store's lag, read from the events above the mark at its first use;
// nil on PostgreSQL, where no node knows what the others insert.
func (t *Tx) lagging(ctx context.Context) (*lag, error) {
	l := t.d.lag
	if l == nil {
		return nil, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.loaded {
		return l, nil
	}
	mark, err := t.Setting(ctx, settingIndexed)
	if err != nil {
		return nil, err
	}
	var upto sms.ID
	if mark != "" {
		if upto, err = sms.ParseID(mark); err != nil {
			return nil, fmt.Errorf("setting %s: %w", settingIndexed, err)
		}
	}
	l.upto, l.newest = upto, upto
	err = t.Query(ctx, "SELECT message_id, phone_id FROM recipient_event WHERE message_id > ?", []any{int64(upto)}, func(r *sql.Rows) error {
		var id sms.ID
		var phone sql.RawBytes
		if err := r.Scan(&id, &phone); err != nil {
			return err
		}
		l.keep([16]byte(phone), id) // whatever their number: they may be in no index
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read recipient events that are not indexed: %w", err)
	}
	l.loaded, l.read = true, l.newest
	return l, nil
}

// unindexed lists what people's events are in no index yet, or came into it just now.
func (t *Tx) unindexed(ctx context.Context, phones [][16]byte) ([]sms.ID, error) {
	l, err := t.lagging(ctx)
	if l == nil || err != nil {
		return nil, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	var out []sms.ID
	for _, p := range phones {
		out = l.of(p).list(p, out)
	}
	return out, nil
}

// indexEvents has new events found by person from now on.
func (t *Tx) indexEvents(ctx context.Context, events []sms.RecipientEvent) error {
	l, err := t.lagging(ctx)
	if err != nil {
		return err
	}
	rest := events
	if l != nil {
		var kept []sms.RecipientEvent
		rest = nil
		l.mu.Lock()
		for i := range events {
			if l.add(events[i].PhoneID, events[i].MessageID) {
				kept = append(kept, events[i])
			} else {
				rest = append(rest, events[i])
			}
		}
		full := l.n > l.target
		l.mu.Unlock()
		t.onEnd(func(committed bool) {
			if !committed {
				l.mu.Lock()
				defer l.mu.Unlock()
				for i := range kept {
					l.remove(kept[i].PhoneID, kept[i].MessageID)
				}
			}
		})
		if full {
			select {
			case l.wake <- struct{}{}:
			default:
			}
		}
	}
	args := make([]any, 0, len(rest)*3)
	for i := range rest {
		args = append(args, rest[i].PhoneID[:], rest[i].At, int64(rest[i].MessageID))
	}
	return t.insert(ctx, "INSERT INTO recipient_index(phone_id, at, message_id) VALUES ", 3, "", args)
}

// indexed picks those of the messages whose events may be in the index.
func (t *Tx) indexed(ctx context.Context, events []sms.RecipientEvent) ([]any, error) {
	l, err := t.lagging(ctx)
	if err != nil {
		return nil, err
	}
	if l != nil {
		l.mu.RLock()
		defer l.mu.RUnlock()
	}
	var out []any
	for i := range events {
		e := &events[i]
		if l == nil || e.MessageID <= l.read || !l.has(e.PhoneID, e.MessageID) {
			out = append(out, int64(e.MessageID))
		}
	}
	return out, nil
}

// unindex takes events out of the index; those in memory stay there and do no harm.
func (t *Tx) unindex(ctx context.Context, messages []any) error {
	_, err := t.inExec(ctx, `DELETE FROM recipient_index WHERE (phone_id, at, message_id) IN
		(SELECT phone_id, at, message_id FROM recipient_event WHERE message_id IN (%s))`, nil, messages)
	return err
}

// reindexEvents puts stored events into the index, in its order.
func (t *Tx) reindexEvents(ctx context.Context, messages []any) error {
	_, err := t.inExec(ctx, `INSERT INTO recipient_index(phone_id, at, message_id)
		SELECT phone_id, at, message_id FROM recipient_event WHERE message_id IN (%s) ORDER BY phone_id ON CONFLICT DO NOTHING`, nil, messages)
	return err
}

// catchUp moves events from memory into the index while there are too many, until ctx
// ends. It waits for an insert first, so that it does nothing beside a change of ids.
func (d *DB) catchUp(ctx context.Context) {
	for {
		select {
		case <-d.lag.wake:
		case <-ctx.Done():
			return
		}
		for d.lag.size() > d.lag.target {
			began := time.Now()
			if err := d.Write(ctx, TurnIndex, d.lag.indexRange); err != nil {
				if ctx.Err() == nil {
					d.indexFailures.Add(1)
				}
				break // they stay in memory, and the next insert wakes this again
			}
			select { // the writer is not for this alone
			case <-time.After(lagPause * time.Since(began)):
			case <-ctx.Done():
				return
			}
		}
	}
}

// IndexAll indexes every event, after a bulk load.
func (d *DB) IndexAll(ctx context.Context) error {
	if d.lag == nil {
		return nil
	}
	for range 2 * lagRanges { // the first round may have begun before the last events came
		if err := d.Write(ctx, TurnIndex, d.lag.indexRange); err != nil {
			return fmt.Errorf("index recipient events: %w", err)
		}
	}
	return nil
}

func (l *lag) size() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.n
}

// indexRange indexes the events of the range whose turn it is.
func (l *lag) indexRange(ctx context.Context, t *Tx) error {
	l.mu.Lock()
	if l.next == 0 {
		l.upto = l.newest
	}
	at, upto := l.next, l.upto
	type entry struct {
		phone [16]byte
		id    sms.ID
	}
	var list []entry
	var ids []sms.ID
	for phone := range l.ranges[at].one {
		ids = l.ranges[at].list(phone, ids[:0])
		for _, id := range ids {
			list = append(list, entry{phone, id})
		}
	}
	l.mu.Unlock()
	slices.SortFunc(list, func(a, b entry) int { return slices.Compare(a.phone[:], b.phone[:]) })
	args := make([]any, len(list))
	for i := range list {
		args[i] = int64(list[i].id)
	}
	if err := t.reindexEvents(ctx, args); err != nil {
		return err
	}
	last := at == lagRanges-1
	if last && upto > 0 {
		if err := t.PutSetting(ctx, settingIndexed, strconv.FormatInt(int64(upto), 10)); err != nil {
			return err
		}
	}
	t.onEnd(func(committed bool) {
		if !committed {
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, e := range list {
			l.remove(e.phone, e.id)
		}
		l.next = (at + 1) % lagRanges
	})
	return nil
}

// IndexFailures counts how often recipient events could not be indexed; it is tried again.
func (d *DB) IndexFailures() int64 { return d.indexFailures.Load() }

const eventColumns = "e.phone_id, e.message_id, e.at, e.group_id, e.signature_id, e.template_id, e.content_hash, e.category, e.channel_id"

// Recent reads the recipient events of people after a moment.
func (t *Tx) Recent(ctx context.Context, phones [][16]byte, since int64, each func(sms.RecipientEvent)) error {
	waiting, err := t.unindexed(ctx, phones)
	if err != nil {
		return err
	}
	seen := make(map[sms.ID]bool, len(waiting))
	var e sms.RecipientEvent
	var phone, content sql.RawBytes
	dest := []any{&phone, &e.MessageID, &e.At, &e.GroupID, &e.SignatureID, &e.TemplateID, &content, &e.Category, &e.ChannelID}
	found := func() error {
		if len(waiting) > 0 { // it may be in both places
			if seen[e.MessageID] {
				return nil
			}
			seen[e.MessageID] = true
		}
		copy(e.PhoneID[:], phone)
		copy(e.ContentHash[:], content)
		each(e)
		return nil
	}
	err = t.inEach(ctx, "SELECT "+eventColumns+" FROM recipient_index i JOIN recipient_event e ON e.message_id = i.message_id WHERE i.phone_id IN (%s) AND i.at > ?",
		nil, phoneArgs(phones), []any{since}, dest, found)
	if err != nil || len(waiting) == 0 {
		return err
	}
	return t.inEach(ctx, "SELECT "+eventColumns+" FROM recipient_event e WHERE e.message_id IN (%s) AND e.at > ?", nil, idArgs(waiting), []any{since}, dest, found)
}

// eventsTo reads the events of one person after a moment, newest first.
func (t *Tx) eventsTo(ctx context.Context, phone [16]byte, since int64) (out []sms.RecipientEvent, err error) {
	err = t.Recent(ctx, [][16]byte{phone}, since, func(e sms.RecipientEvent) { out = append(out, e) })
	slices.SortFunc(out, func(a, b sms.RecipientEvent) int {
		if a.At != b.At {
			return int(b.At - a.At)
		}
		return int(b.MessageID - a.MessageID)
	})
	return out, err
}

// LastMessageTo is when a group last sent to a phone, 0 when it never did.
func (t *Tx) LastMessageTo(ctx context.Context, phone [16]byte, group sms.ID) (int64, error) {
	list, err := t.eventsTo(ctx, phone, -1)
	for _, e := range list {
		if e.GroupID == group {
			return e.At, err
		}
	}
	return 0, err
}

// SentTo lists what was sent to a phone after a moment, newest first.
func (t *Tx) SentTo(ctx context.Context, phone [16]byte, group sms.ID, since int64, limit int) ([]sms.RecipientEvent, error) {
	list, err := t.eventsTo(ctx, phone, since)
	if group != 0 {
		list = slices.DeleteFunc(list, func(e sms.RecipientEvent) bool { return e.GroupID != group })
	}
	return list[:min(len(list), limit)], err
}

// SubmittingTo lists the messages to a phone that may be on the wire now, of one
// provider group or, with 0, of all.
func (t *Tx) SubmittingTo(ctx context.Context, phone [16]byte, group sms.ID) ([]sms.ID, error) {
	list, err := t.eventsTo(ctx, phone, -1)
	if err != nil {
		return nil, err
	}
	var ids []any
	for _, e := range list {
		if group == 0 || e.GroupID == group {
			ids = append(ids, int64(e.MessageID))
		}
	}
	var out []sms.ID
	err = t.in(ctx, "SELECT id FROM message WHERE id IN (%s) AND state = 'submitting'", nil, ids, nil, func(r *sql.Rows) error {
		var id sms.ID
		err := r.Scan(&id)
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
		return err
	})
	slices.Sort(out)
	return out, err
}

// MarketedFrom lists the provider groups that sent a phone marketing from a
// source number since a moment: whom an opt-out without a customer refuses.
func (t *Tx) MarketedFrom(ctx context.Context, phone [16]byte, source string, since int64) ([]sms.ID, error) {
	list, err := t.eventsTo(ctx, phone, since-1)
	if err != nil {
		return nil, err
	}
	var ids []any
	groups := map[sms.ID]sms.ID{}
	for _, e := range list {
		if e.Category == sms.MKT {
			ids = append(ids, int64(e.MessageID))
			groups[e.MessageID] = e.GroupID
		}
	}
	var out []sms.ID
	err = t.in(ctx, "SELECT message_id FROM segment WHERE message_id IN (%s) AND source LIKE ?", nil, ids, []any{source + "%"}, func(r *sql.Rows) error {
		var id sms.ID
		err := r.Scan(&id)
		if g := groups[id]; !slices.Contains(out, g) {
			out = append(out, g)
		}
		return err
	})
	slices.Sort(out)
	return out, err
}

// LastApplication is the application that last sent to a phone under a
// signature, 0 when none did.
func (t *Tx) LastApplication(ctx context.Context, phone [16]byte, signature sms.ID) (sms.ID, error) {
	list, err := t.eventsTo(ctx, phone, -1)
	if err != nil {
		return 0, err
	}
	for _, e := range list {
		if e.SignatureID != signature {
			continue
		}
		var id sms.ID
		err := t.One(ctx, "SELECT application_id FROM message WHERE id = ?", []any{int64(e.MessageID)}, &id)
		if !errors.Is(err, sql.ErrNoRows) {
			return id, err
		}
	}
	return 0, nil
}

// InsertRecipientEvents stores what frequency rules count.
func (t *Tx) InsertRecipientEvents(ctx context.Context, events []sms.RecipientEvent) error {
	args := make([]any, 0, len(events)*9)
	for i := range events {
		e := &events[i]
		args = append(args, int64(e.MessageID), e.PhoneID[:], e.At, int64(e.GroupID), int64(e.SignatureID), int64(e.TemplateID), e.ContentHash[:], string(e.Category), int64(e.ChannelID))
	}
	if err := t.indexEvents(ctx, events); err != nil {
		return err
	}
	return t.insert(ctx, "INSERT INTO recipient_event(message_id, phone_id, at, group_id, signature_id, template_id, content_hash, category, channel_id) VALUES ", 9, "", args)
}

// StampEvents sets the time and channel of the submission, once.
func (t *Tx) StampEvents(ctx context.Context, events []sms.RecipientEvent) error {
	ids, err := t.indexed(ctx, events)
	if err != nil {
		return err
	}
	if err := t.unindex(ctx, ids); err != nil {
		return err
	}
	args := make([]any, 0, len(events)*3)
	for i := range events {
		e := &events[i]
		args = append(args, int64(e.MessageID), e.At, int64(e.ChannelID))
	}
	_, err = t.update(ctx, []string{"mid", "at", "ch"}, []string{integer, integer, integer},
		"UPDATE recipient_event SET at = v.at, channel_id = v.ch FROM v WHERE message_id = v.mid", args)
	if err != nil {
		return err
	}
	return t.reindexEvents(ctx, ids)
}

// RemoveEvents forgets messages that never left.
func (t *Tx) RemoveEvents(ctx context.Context, messages ...sms.ID) error {
	list := make([]any, len(messages))
	for i, id := range messages {
		list[i] = int64(id)
	}
	if err := t.unindex(ctx, list); err != nil {
		return err
	}
	if _, err := t.inExec(ctx, "DELETE FROM consent_request WHERE message_id IN (%s)", nil, list); err != nil {
		return err
	}
	_, err := t.inExec(ctx, "DELETE FROM recipient_event WHERE message_id IN (%s)", nil, list)
	return err
}
