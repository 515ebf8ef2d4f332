package store

import (
	"context"

	"github.com/zhunxin/zhunxin/internal/duty"
	"github.com/zhunxin/zhunxin/internal/privacy"
	"github.com/zhunxin/zhunxin/internal/sms"
)

var (
	tRequest    = tableOf("person_request", 1, privacy.Request{})
	tHold       = tableOf("legal_hold", 1, privacy.Hold{})
	tSeen       = tableOf("access", 1, privacy.Seen{})
	tAnswers    = tableOf("agent_answers", 1, privacy.AgentAnswers{})
	tOccurrence = tableOf("occurrence", 1, duty.Occurrence{})
)

// PutRequest stores a person's request, new or changed.
func (t *Tx) PutRequest(ctx context.Context, r privacy.Request) error { return tRequest.put(ctx, t, r) }

// Request reads one; none has the id 0.
func (t *Tx) Request(ctx context.Context, id sms.ID, lock bool) (privacy.Request, error) {
	var out []privacy.Request
	if err := tRequest.some(ctx, t, &out, "WHERE id = ?"+t.locking(lock), int64(id)); err != nil || len(out) == 0 {
		return privacy.Request{}, err
	}
	return out[0], nil
}

// Requests lists persons' requests, newest first.
func (t *Tx) Requests(ctx context.Context, before sms.ID, limit int) (out []privacy.Request, err error) {
	return out, tRequest.some(ctx, t, &out, "WHERE id < ? ORDER BY id DESC LIMIT ?", int64(before), int64(limit))
}

// ForgetCopies removes the copies whose time has passed, at most limit, and tells how many.
func (t *Tx) ForgetCopies(ctx context.Context, at int64, limit int) (int, error) {
	return t.ExecCount(ctx, `UPDATE person_request SET content = ?, copy_until = 0 WHERE id IN
		(SELECT id FROM person_request WHERE copy_until <> 0 AND copy_until <= ? ORDER BY id LIMIT ?)`, []byte{}, at, int64(limit))
}

// LockHolds lets one transaction set a hold or erase at a time, so that an erasure is either
// before a hold or sees it. On SQLite the one writer is the lock.
func (t *Tx) LockHolds(ctx context.Context) error { return t.alone(ctx, 4) }

// LockedRequests lists the deletions that a hold of a person, or of a group's, kept from being
// carried out.
func (t *Tx) LockedRequests(ctx context.Context, h privacy.Hold) (out []privacy.Request, err error) {
	where, args := "state = 'locked' AND keep_until = 0", []any{}
	if len(h.PhoneID) > 0 {
		where, args = where+" AND phone_id = ?", append(args, h.PhoneID)
	}
	if h.GroupID != 0 {
		where, args = where+" AND group_id = ?", append(args, int64(h.GroupID))
	}
	return out, tRequest.some(ctx, t, &out, "WHERE "+where+" ORDER BY id"+t.locking(true), args...)
}

// PutHold stores a legal hold, new or released.
func (t *Tx) PutHold(ctx context.Context, h privacy.Hold) error { return tHold.put(ctx, t, h) }

// Hold reads one, locked until commit; none has the id 0.
func (t *Tx) Hold(ctx context.Context, id sms.ID) (privacy.Hold, error) {
	var out []privacy.Hold
	if err := tHold.some(ctx, t, &out, "WHERE id = ?"+t.locking(true), int64(id)); err != nil || len(out) == 0 {
		return privacy.Hold{}, err
	}
	return out[0], nil
}

// Holds lists legal holds, newest first.
func (t *Tx) Holds(ctx context.Context, before sms.ID, limit int) (out []privacy.Hold, err error) {
	return out, tHold.some(ctx, t, &out, "WHERE id < ? ORDER BY id DESC LIMIT ?", int64(before), int64(limit))
}

// Held tells whether a hold stands on a person, on a message to them of a group, or on a party
// of that group. With the group 0 it is of any.
func (t *Tx) Held(ctx context.Context, phone [16]byte, group sms.ID) (bool, error) {
	var n int
	err := t.One(ctx, `SELECT COUNT(*) FROM legal_hold WHERE released_at = 0 AND (phone_id = ? AND (group_id = 0 OR group_id = ? OR CAST(? AS BIGINT) = 0)
		OR phone_id = ? AND group_id = ?)`, []any{phone[:], int64(group), int64(group), []byte{}, int64(group)}, &n)
	return n > 0, err
}

// PutSeen stores who saw what.
func (t *Tx) PutSeen(ctx context.Context, s privacy.Seen) error {
	_, err := tSeen.insert(ctx, t, s, "")
	return err
}

// SeenList lists who saw what, newest first.
func (t *Tx) SeenList(ctx context.Context, before sms.ID, limit int) (out []privacy.Seen, err error) {
	return out, tSeen.some(ctx, t, &out, "WHERE id < ? ORDER BY id DESC LIMIT ?", int64(before), int64(limit))
}

// InsertAnswers stores what an agent answered.
func (t *Tx) InsertAnswers(ctx context.Context, a privacy.AgentAnswers) error {
	_, err := tAnswers.insert(ctx, t, a, "")
	return err
}

// AnswersOf lists what an agent answered, newest first.
func (t *Tx) AnswersOf(ctx context.Context, agent sms.ID, limit int) (out []privacy.AgentAnswers, err error) {
	return out, tAnswers.some(ctx, t, &out, "WHERE party_id = ? ORDER BY id DESC LIMIT ?", int64(agent), int64(limit))
}

// InsertOccurrence stores what a person told of.
func (t *Tx) InsertOccurrence(ctx context.Context, o duty.Occurrence) error {
	_, err := tOccurrence.insert(ctx, t, o, "")
	return err
}

// Occurrences lists what persons told of, newest first.
func (t *Tx) Occurrences(ctx context.Context, before sms.ID, limit int) (out []duty.Occurrence, err error) {
	return out, tOccurrence.some(ctx, t, &out, "WHERE id < ? ORDER BY id DESC LIMIT ?", int64(before), int64(limit))
}
