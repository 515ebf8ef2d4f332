package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// InsertDecisions stores what submissions have in common.
func (t *Tx) InsertDecisions(ctx context.Context, list []sms.Decision) error {
	args := make([]any, 0, len(list)*10)
	for i := range list {
		d := &list[i]
		args = append(args, int64(d.ID), int64(d.ApplicationID), d.At, d.Packs, string(d.Facts), string(d.Findings), string(d.Permit), string(d.Verdicts), d.Journal, d.ValidUntil)
	}
	return t.insert(ctx, "INSERT INTO decision(id, application_id, at, packs, facts, findings, permit, verdicts, journal, valid_until) VALUES ", 10, "", args)
}

// Decision reads one.
func (t *Tx) Decision(ctx context.Context, id sms.ID) (sms.Decision, error) {
	var d sms.Decision
	err := t.One(ctx, "SELECT id, application_id, at, packs, facts, findings, permit, verdicts, journal, valid_until FROM decision WHERE id = ?", []any{int64(id)},
		&d.ID, &d.ApplicationID, &d.At, &d.Packs, &d.Facts, &d.Findings, &d.Permit, &d.Verdicts, &d.Journal, &d.ValidUntil)
	return d, err
}

// Decisions reads several.
func (t *Tx) Decisions(ctx context.Context, ids []sms.ID, each func(sms.Decision)) error {
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = int64(id)
	}
	return t.in(ctx, "SELECT id, application_id, at, packs, facts, findings, permit, verdicts, journal, valid_until FROM decision WHERE id IN (%s)", nil, list, nil,
		func(r *sql.Rows) error {
			var d sms.Decision
			if err := r.Scan(&d.ID, &d.ApplicationID, &d.At, &d.Packs, &d.Facts, &d.Findings, &d.Permit, &d.Verdicts, &d.Journal, &d.ValidUntil); err != nil {
				return err
			}
			each(d)
			return nil
		})
}

// DecisionsBetween reads what decisions rested on and gave, of ids from one to before
// another, in their order.
func (t *Tx) DecisionsBetween(ctx context.Context, from, to sms.ID, limit int) (list []sms.Decision, err error) {
	var d sms.Decision
	err = t.each(ctx, "SELECT id, at, packs, facts, verdicts FROM decision WHERE id >= ? AND id < ? ORDER BY id LIMIT ?", []any{int64(from), int64(to), int64(limit)},
		[]any{&d.ID, &d.At, &d.Packs, &d.Facts, &d.Verdicts}, func() error {
			list = append(list, d)
			return nil
		})
	return list, err
}

const messageColumns = `id, decision_id, account_id, application_id, group_id, signature_id, template_id, phone_id, carrier, category, class,
	state, decided, code, rule, reason, text, text_commit, phone_commit, units, segments, held, captured, ref, extension, via, pdu, channel_id, consent_id,
	release_at, not_after, journal, valid_until, created_at, updated_at, leaf_id, leaf_pos`

const messageWidth = 37

// InsertMessages stores new messages.
func (t *Tx) InsertMessages(ctx context.Context, list []*sms.Message) error {
	args := make([]any, 0, len(list)*messageWidth)
	for _, m := range list {
		args = append(args, int64(m.ID), int64(m.DecisionID), int64(m.AccountID), int64(m.ApplicationID), int64(m.GroupID), int64(m.SignatureID), int64(m.TemplateID),
			m.PhoneID[:], string(m.Carrier), string(m.Category), int64(m.Category.Class()),
			string(m.State), string(m.Decided), string(m.Code), m.Rule, m.Reason, m.Text, m.TextCommit[:], m.PhoneCommit[:],
			int64(m.Units), int64(m.Segments), int64(m.Held), int64(m.Captured), m.Ref, m.Extension, int64(m.Via), int64(m.PDU), int64(m.ChannelID), int64(m.ConsentID),
			m.ReleaseAt, m.NotAfter, m.Journal, m.ValidUntil, m.CreatedAt, m.UpdatedAt, int64(m.LeafID), int64(m.LeafPos))
	}
	t.ways().inserted(list)
	return t.insert(ctx, "INSERT INTO message("+messageColumns+") VALUES ", messageWidth, "", args)
}

// messageRow is where a row of messageColumns is scanned to.
type messageRow struct {
	m             sms.Message
	class         int64
	phone, tc, pc sql.RawBytes
}

func (x *messageRow) dest() []any {
	m := &x.m
	return []any{
		&m.ID, &m.DecisionID, &m.AccountID, &m.ApplicationID, &m.GroupID, &m.SignatureID, &m.TemplateID, &x.phone, &m.Carrier, &m.Category, &x.class,
		&m.State, &m.Decided, &m.Code, &m.Rule, &m.Reason, &m.Text, &x.tc, &x.pc, &m.Units, &m.Segments, &m.Held, &m.Captured, &m.Ref, &m.Extension, &m.Via, &m.PDU, &m.ChannelID,
		&m.ConsentID, &m.ReleaseAt, &m.NotAfter, &m.Journal, &m.ValidUntil, &m.CreatedAt, &m.UpdatedAt, &m.LeafID, &m.LeafPos,
	}
}

func (x *messageRow) message() *sms.Message {
	m := x.m
	copy(m.PhoneID[:], x.phone)
	copy(m.TextCommit[:], x.tc)
	copy(m.PhoneCommit[:], x.pc)
	return &m
}

func (t *Tx) messages(ctx context.Context, tail string, args []any) ([]*sms.Message, error) {
	var out []*sms.Message
	var x messageRow
	err := t.each(ctx, "SELECT "+messageColumns+" FROM message "+tail, args, x.dest(), func() error {
		out = append(out, x.message())
		return nil
	})
	return out, err
}

// Message reads one, or returns sql.ErrNoRows.
func (t *Tx) Message(ctx context.Context, id sms.ID) (*sms.Message, error) {
	list, err := t.messages(ctx, "WHERE id = ?", []any{int64(id)})
	if err == nil && len(list) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// Messages reads those of the ids that exist. With lock, PostgreSQL locks the
// rows until commit, in order of id.
func (t *Tx) Messages(ctx context.Context, ids []sms.ID, lock bool) ([]*sms.Message, error) {
	tail := "WHERE id IN (%s) ORDER BY id"
	if lock && t.d.dialect == Postgres {
		tail += " FOR UPDATE"
	}
	out := make([]*sms.Message, 0, len(ids))
	var x messageRow
	err := t.inEach(ctx, "SELECT "+messageColumns+" FROM message "+tail, nil, idArgs(ids), nil, x.dest(), func() error {
		out = append(out, x.message())
		return nil
	})
	return out, err
}

// Queued reads what an account has waiting for a channel in a class, oldest first,
// from after a message on.
func (t *Tx) Queued(ctx context.Context, channel sms.ID, class sms.Class, account, after sms.ID, limit int) ([]*sms.Message, error) {
	return t.messages(ctx, "WHERE state = 'queued' AND channel_id = ? AND class = ? AND account_id = ? AND id > ? ORDER BY id LIMIT ?",
		[]any{int64(channel), int64(class), int64(account), int64(after), int64(limit)})
}

// QueuedAccounts lists the accounts that have something waiting for a channel in
// a class. It jumps from account to account in the index.
func (t *Tx) QueuedAccounts(ctx context.Context, channel sms.ID, class sms.Class) ([]sms.ID, error) {
	var out []sms.ID
	for last := sms.ID(-1); ; last = out[len(out)-1] {
		var id sms.ID
		err := t.One(ctx, "SELECT account_id FROM message WHERE state = 'queued' AND channel_id = ? AND class = ? AND account_id > ? ORDER BY account_id LIMIT 1",
			[]any{int64(channel), int64(class), int64(last)}, &id)
		if errors.Is(err, sql.ErrNoRows) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
}

// SubmittingOn reads messages that a former owner of a channel may have written.
func (t *Tx) SubmittingOn(ctx context.Context, channel sms.ID, before int64, limit int) ([]*sms.Message, error) {
	return t.messages(ctx, "WHERE "+stateOpen+` AND state = 'submitting' AND channel_id = ? AND EXISTS
		(SELECT 1 FROM segment s WHERE s.message_id = message.id AND s.state = 'submitting' AND s.epoch < ?) ORDER BY id LIMIT ?`,
		[]any{int64(channel), before, int64(limit)})
}

// Due reads messages whose release time has come.
func (t *Tx) Due(ctx context.Context, at int64, limit int) ([]*sms.Message, error) {
	return t.messages(ctx, "WHERE state IN ('deferred', 'scheduled') AND release_at <= ? ORDER BY release_at, id LIMIT ?", []any{at, int64(limit)})
}

// The conditions of partial indexes. SQLite uses such an index only for a query that
// repeats its condition word for word.
const (
	stateOpen  = "(state = 'submitting' OR state = 'in_doubt' OR state = 'held' OR state = 'submitted')"
	stateDoubt = "state = 'in_doubt'"
)

// InState reads messages of an open state last changed before a moment.
func (t *Tx) InState(ctx context.Context, s sms.State, before int64, limit int) ([]*sms.Message, error) {
	return t.messages(ctx, "WHERE "+stateOpen+" AND state = '"+string(s)+"' AND updated_at < ? ORDER BY updated_at, id LIMIT ?", []any{before, int64(limit)})
}

// OldestOpen tells for each open state since when the message stands there that has
// stood longest, 0 when none does.
func (t *Tx) OldestOpen(ctx context.Context, each func(s sms.State, since int64)) error {
	for _, s := range []sms.State{sms.Submitting, sms.InDoubt, sms.Held, sms.Submitted} {
		var since int64
		if err := t.One(ctx, "SELECT COALESCE(MIN(updated_at), 0) FROM message WHERE "+stateOpen+" AND state = '"+string(s)+"'", nil, &since); err != nil {
			return err
		}
		each(s, since)
	}
	return nil
}

// ApplyChanges moves messages along their edges. A message that is no longer in
// its From state is not moved; the number that moved is returned, and the caller
// must treat any other number as a lost race.
func (t *Tx) ApplyChanges(ctx context.Context, list []sms.Change) (int, error) {
	args := make([]any, 0, len(list)*8)
	for i := range list {
		c := &list[i]
		if !sms.Moves(c.From, c.To) {
			return 0, noSuchMove(c.ID, c.From, c.To)
		}
		args = append(args, int64(c.ID), string(c.From), string(c.To), c.Reason, int64(c.Held), int64(c.Captured), int64(c.ChannelID), c.At)
	}
	t.ways().moved(list)
	return t.update(ctx, []string{"mid", "old", "new", "why", "h", "c", "ch", "at"}, []string{integer, text, text, text, integer, integer, integer, integer},
		"UPDATE message SET state = v.new, reason = v.why, held = v.h, captured = v.c, channel_id = v.ch, updated_at = v.at FROM v WHERE message.id = v.mid AND message.state = v.old", args)
}

// noSuchMove is the last line of defence behind those who ask sms.Take.
func noSuchMove(id sms.ID, from, to sms.State) error {
	return fmt.Errorf("message %s can't move from %q to %q", id, from, to)
}

const pastColumns = "decision_id, decided, code, rule, carrier, category, signature_id, template_id, units, segments, consent_id, leaf_id, leaf_pos"

// Redecide replaces a waiting message's decision; the former one is kept aside.
func (t *Tx) Redecide(ctx context.Context, from sms.State, m *sms.Message) (bool, error) {
	if !sms.Moves(from, m.State) && (m.State != sms.Queued || !sms.Moves(from, sms.Permitted)) {
		return false, noSuchMove(m.ID, from, m.State)
	}
	err := t.Exec(ctx, "INSERT INTO decision_past(message_id, "+pastColumns+") SELECT id, "+pastColumns+" FROM message WHERE id = ? AND state = ?", int64(m.ID), string(from))
	if err != nil {
		return false, err
	}
	t.ways().drop(m.ID)
	n, err := t.ExecCount(ctx, `UPDATE message SET decision_id = ?, carrier = ?, category = ?, class = ?, signature_id = ?, template_id = ?, state = ?, decided = ?, code = ?,
		rule = ?, reason = ?, units = ?, segments = ?, held = ?, channel_id = ?, consent_id = ?, release_at = ?, not_after = ?, journal = ?, valid_until = ?, updated_at = ?,
		leaf_id = ?, leaf_pos = ? WHERE id = ? AND state = ?`,
		int64(m.DecisionID), string(m.Carrier), string(m.Category), int64(m.Category.Class()), int64(m.SignatureID), int64(m.TemplateID), string(m.State), string(m.Decided),
		string(m.Code), m.Rule, m.Reason, int64(m.Units), int64(m.Segments), int64(m.Held), int64(m.ChannelID), int64(m.ConsentID), m.ReleaseAt, m.NotAfter, m.Journal,
		m.ValidUntil, m.UpdatedAt, int64(m.LeafID), int64(m.LeafPos), int64(m.ID), string(from))
	return n == 1, err
}

// PastDecisions reads what a message was before later decisions replaced it:
// copies of the message with each former decision's fields, oldest first.
func (t *Tx) PastDecisions(ctx context.Context, m *sms.Message) ([]*sms.Message, error) {
	var out []*sms.Message
	err := t.Query(ctx, "SELECT "+pastColumns+" FROM decision_past WHERE message_id = ? ORDER BY decision_id", []any{int64(m.ID)}, func(r *sql.Rows) error {
		old := *m
		err := r.Scan(&old.DecisionID, &old.Decided, &old.Code, &old.Rule, &old.Carrier, &old.Category, &old.SignatureID, &old.TemplateID, &old.Units, &old.Segments,
			&old.ConsentID, &old.LeafID, &old.LeafPos)
		out = append(out, &old)
		return err
	})
	return out, err
}

// InsertEndings stores how messages ended that no carrier ended.
func (t *Tx) InsertEndings(ctx context.Context, list []sms.Ending) error {
	args := make([]any, 0, len(list)*7)
	for i := range list {
		e := &list[i]
		args = append(args, int64(e.MessageID), e.At, string(e.State), string(e.Code), e.Rule, int64(e.LeafID), int64(e.LeafPos))
	}
	return t.insert(ctx, "INSERT INTO ending(message_id, at, state, code, rule, leaf_id, leaf_pos) VALUES ", 7, "", args)
}

// Endings reads those of a message.
func (t *Tx) Endings(ctx context.Context, message sms.ID) ([]sms.Ending, error) {
	var out []sms.Ending
	err := t.Query(ctx, "SELECT message_id, at, state, code, rule, leaf_id, leaf_pos FROM ending WHERE message_id = ? ORDER BY at", []any{int64(message)}, func(r *sql.Rows) error {
		var e sms.Ending
		err := r.Scan(&e.MessageID, &e.At, &e.State, &e.Code, &e.Rule, &e.LeafID, &e.LeafPos)
		out = append(out, e)
		return err
	})
	return out, err
}

// Convert keeps when a code was entered, unless that is known.
func (t *Tx) Convert(ctx context.Context, message sms.ID, at int64) error {
	return t.Exec(ctx, "INSERT INTO conversion(message_id, at) VALUES (?,?) ON CONFLICT(message_id) DO NOTHING", int64(message), at)
}

// Converted is when a code was entered, 0 if nobody told.
func (t *Tx) Converted(ctx context.Context, message sms.ID) (at int64, err error) {
	err = t.One(ctx, "SELECT at FROM conversion WHERE message_id = ?", []any{int64(message)}, &at)
	if Missing(err) {
		err = nil
	}
	return at, err
}

// ListMessages reads an application's messages, newest first.
func (t *Tx) ListMessages(ctx context.Context, application, before sms.ID, limit int) ([]*sms.Message, error) {
	return t.messages(ctx, "WHERE account_id = (SELECT account_id FROM application WHERE id = ?) AND application_id = ? AND id < ? ORDER BY id DESC LIMIT ?",
		[]any{int64(application), int64(application), int64(before), int64(limit)})
}

// Ended lists how the newest messages of a category ended that have a report: among the
// account's newest ones above an id, at most limit of all categories.
func (t *Tx) Ended(ctx context.Context, account sms.ID, category sms.Category, since sms.ID, limit int, each func(sms.Ended)) error {
	const query = `SELECT phone_id, channel_id, state, reason FROM (
		SELECT phone_id, channel_id, state, reason, category FROM message WHERE account_id = ? AND id >= ? ORDER BY id DESC LIMIT ?) AS newest
		WHERE category = ? AND state IN ('delivered', 'failed')`
	return t.Query(ctx, query, []any{int64(account), int64(since), int64(limit), string(category)}, func(r *sql.Rows) error {
		var e sms.Ended
		var phone []byte
		if err := r.Scan(&phone, &e.ChannelID, &e.State, &e.Stat); err != nil {
			return err
		}
		copy(e.PhoneID[:], phone)
		each(e)
		return nil
	})
}

// InsertEvents stores what customers are told.
func (t *Tx) InsertEvents(ctx context.Context, list []sms.Event) error {
	args := make([]any, 0, len(list)*7)
	for i := range list {
		e := &list[i]
		args = append(args, int64(e.ID), int64(e.ApplicationID), e.Kind, int64(e.ObjectID), string(e.Body), e.At, int64(e.Via))
	}
	return t.insert(ctx, "INSERT INTO event(id, application_id, kind, object_id, body, at, via) VALUES ", 7, "", args)
}

// Events lists an application's events after an id.
func (t *Tx) Events(ctx context.Context, application, after sms.ID, limit int) ([]sms.Event, error) {
	var out []sms.Event
	err := t.Query(ctx, "SELECT id, application_id, kind, object_id, body, at FROM event WHERE application_id = ? AND id > ? AND kind <> 'part' ORDER BY id LIMIT ?",
		[]any{int64(application), int64(after), int64(limit)}, func(r *sql.Rows) error {
			var e sms.Event
			if err := r.Scan(&e.ID, &e.ApplicationID, &e.Kind, &e.ObjectID, &e.Body, &e.At); err != nil {
				return err
			}
			out = append(out, e)
			return nil
		})
	return out, err
}

// PullCursor is the last event of a kind that an application has pulled, locked until the
// transaction ends; 0 before the first.
func (t *Tx) PullCursor(ctx context.Context, application sms.ID, kind string) (after sms.ID, err error) {
	if err := t.Exec(ctx, "INSERT INTO pull_cursor(application_id, kind, after) VALUES (?,?,0) ON CONFLICT(application_id, kind) DO NOTHING", int64(application), kind); err != nil {
		return 0, err
	}
	err = t.One(ctx, "SELECT after FROM pull_cursor WHERE application_id = ? AND kind = ?"+t.locking(true), []any{int64(application), kind}, &after)
	return after, err
}

// PutPullCursor moves it.
func (t *Tx) PutPullCursor(ctx context.Context, application sms.ID, kind string, after sms.ID) error {
	return t.Exec(ctx, "UPDATE pull_cursor SET after = ? WHERE application_id = ? AND kind = ?", int64(after), int64(application), kind)
}

// Untold lists events that a protocol login has not acknowledged, oldest first.
func (t *Tx) Untold(ctx context.Context, via, after sms.ID, limit int) ([]sms.Event, error) {
	var out []sms.Event
	var e sms.Event
	err := t.each(ctx, "SELECT id, application_id, kind, object_id, body, at, via FROM event WHERE via = ? AND via <> 0 AND told_at IS NULL AND id > ? ORDER BY id LIMIT ?",
		[]any{int64(via), int64(after), int64(limit)}, []any{&e.ID, &e.ApplicationID, &e.Kind, &e.ObjectID, &e.Body, &e.At, &e.Via}, func() error {
			out = append(out, e)
			return nil
		})
	return out, err
}

// Told marks events as acknowledged.
func (t *Tx) Told(ctx context.Context, ids []sms.ID, at int64) error {
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = int64(id)
	}
	_, err := t.inExec(ctx, "UPDATE event SET told_at = ? WHERE id IN (%s)", []any{at}, list)
	return err
}

// LastID is the largest id of what is stored in order of ids, 0 in a new database.
func (t *Tx) LastID(ctx context.Context) (last sms.ID, err error) {
	for _, table := range []string{"message", "event", "evidence_leaf"} {
		var id sms.ID
		if err := t.One(ctx, "SELECT COALESCE(MAX(id), 0) FROM "+table, nil, &id); err != nil {
			return 0, err
		}
		last = max(last, id)
	}
	return last, nil
}
