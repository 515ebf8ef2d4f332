package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"sort"
	"strconv"
	"strings"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// LockRecipients takes the recipients' locks until commit, in one order
// everywhere. On SQLite the one writer is the lock.
func (t *Tx) LockRecipients(ctx context.Context, ids [][16]byte) error {
	if t.d.dialect == SQLite || len(ids) == 0 {
		return nil
	}
	keys := make([]int64, len(ids))
	for i := range ids {
		keys[i] = int64(binary.BigEndian.Uint64(ids[i][:8]))
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i] < keys[j] })
	var list strings.Builder
	list.WriteByte('{')
	for i, k := range keys {
		if i > 0 && k == keys[i-1] {
			continue
		}
		if i > 0 {
			list.WriteByte(',')
		}
		list.WriteString(strconv.FormatInt(k, 10))
	}
	list.WriteByte('}')
	return t.Exec(ctx, "SELECT pg_advisory_xact_lock(k) FROM unnest(CAST(? AS BIGINT[])) AS k", list.String())
}

// phoneArgs are the ids as arguments, each once.
func phoneArgs(ids [][16]byte) []any {
	seen := make(map[[16]byte]bool, len(ids))
	out := make([]any, 0, len(ids))
	for i := range ids {
		if !seen[ids[i]] {
			seen[ids[i]] = true
			out = append(out, ids[i][:])
		}
	}
	return out
}

// Secrets reads the sealed secrets of people towards a group.
func (t *Tx) Secrets(ctx context.Context, group sms.ID, ids [][16]byte, each func(id [16]byte, sealed []byte) error) error {
	var id sql.RawBytes
	var secret []byte
	return t.inEach(ctx, "SELECT phone_id, secret FROM person_secret WHERE group_id = ? AND phone_id IN (%s)", []any{int64(group)}, phoneArgs(ids), nil,
		[]any{&id, &secret}, func() error { return each([16]byte(id), secret) })
}

// InsertPeople stores people who are new, to the platform or to the group.
func (t *Tx) InsertPeople(ctx context.Context, at int64, people []sms.Person) error {
	persons, secrets := make([]any, 0, len(people)*3), make([]any, 0, len(people)*3)
	for i := range people {
		p := &people[i]
		persons = append(persons, p.PhoneID[:], p.Number, at)
		secrets = append(secrets, p.PhoneID[:], int64(p.GroupID), p.Secret)
	}
	if err := t.insert(ctx, "INSERT INTO person(phone_id, number, created_at) VALUES ", 3, " ON CONFLICT DO NOTHING", persons); err != nil {
		return err
	}
	return t.insert(ctx, "INSERT INTO person_secret(phone_id, group_id, secret) VALUES ", 3, "", secrets)
}

// Numbers reads the sealed numbers of people.
func (t *Tx) Numbers(ctx context.Context, ids [][16]byte, each func(id [16]byte, sealed []byte) error) error {
	var id sql.RawBytes
	var number []byte
	return t.inEach(ctx, "SELECT phone_id, number FROM person WHERE phone_id IN (%s)", nil, phoneArgs(ids), nil, []any{&id, &number}, func() error {
		return each([16]byte(id), number)
	})
}

// Erase destroys a person's secret towards a group, the copies that were made for them of what
// it opened, and the number with the last secret. Refusals stay: they stand by the keyed id. It moves the generation, so that
// nothing is stored that was sealed under the secret before.
func (t *Tx) Erase(ctx context.Context, phone [16]byte, group sms.ID) (bool, error) {
	n, err := t.ExecCount(ctx, "DELETE FROM person_secret WHERE phone_id = ? AND group_id = ?", phone[:], int64(group))
	if err != nil || n == 0 {
		return false, err
	}
	if err := t.Exec(ctx, "UPDATE person_request SET content = ?, copy_until = 0 WHERE phone_id = ? AND group_id = ? AND copy_until <> 0", []byte{}, phone[:], int64(group)); err != nil {
		return false, err
	}
	if err := t.MoveGeneration(ctx); err != nil {
		return false, err
	}
	return true, t.Exec(ctx, "DELETE FROM person WHERE phone_id = ? AND NOT EXISTS (SELECT 1 FROM person_secret s WHERE s.phone_id = person.phone_id)", phone[:])
}

// orNull is a moment, or nothing.
func orNull(at int64) any {
	if at == 0 {
		return nil
	}
	return at
}

// InsertGrants stores consents.
func (t *Tx) InsertGrants(ctx context.Context, grants []consent.Grant) error {
	args := make([]any, 0, len(grants)*17)
	for i := range grants {
		g := &grants[i]
		args = append(args, g.PhoneID[:], int64(g.GroupID), int64(g.ID), string(g.Purpose), int64(g.Grade), g.Method, g.Wording, g.TextHash[:], g.Source,
			g.Claims, g.ProofHash[:], int64(g.PerWeek), g.ValidFrom, g.ValidTo, orNull(g.SuspendedAt), int64(g.LeafID), int64(g.LeafPos))
	}
	return t.insert(ctx, "INSERT INTO consent(phone_id, group_id, id, purpose, grade, method, wording, text_hash, source, claims, proof_hash, per_week, valid_from, valid_to, suspended_at, leaf_id, leaf_pos) VALUES ",
		17, "", args)
}

const grantColumns = "phone_id, group_id, id, purpose, grade, method, wording, text_hash, source, claims, proof_hash, per_week, valid_from, valid_to, COALESCE(withdrawn_at,0), COALESCE(suspended_at,0), COALESCE(leaf_id,0), COALESCE(leaf_pos,0), former"

// grantRow is where a row of grantColumns is scanned to.
type grantRow struct {
	g                  consent.Grant
	phone, text, proof sql.RawBytes
}

func (x *grantRow) dest() []any {
	g := &x.g
	return []any{
		&x.phone, &g.GroupID, &g.ID, &g.Purpose, &g.Grade, &g.Method, &g.Wording, &x.text, &g.Source, &g.Claims, &x.proof, &g.PerWeek, &g.ValidFrom, &g.ValidTo,
		&g.WithdrawnAt, &g.SuspendedAt, &g.LeafID, &g.LeafPos, &g.Former,
	}
}

func (x *grantRow) grant() consent.Grant {
	g := x.g
	copy(g.PhoneID[:], x.phone)
	copy(g.TextHash[:], x.text)
	copy(g.ProofHash[:], x.proof)
	return g
}

// Grants reads all consents of people towards a group, also those that ended.
func (t *Tx) Grants(ctx context.Context, group sms.ID, ids [][16]byte, each func(consent.Grant)) error {
	var x grantRow
	return t.inEach(ctx, "SELECT "+grantColumns+" FROM consent WHERE group_id = ? AND phone_id IN (%s)", []any{int64(group)}, phoneArgs(ids), nil, x.dest(), func() error {
		each(x.grant())
		return nil
	})
}

// GrantsOf reads all consents of a person, towards anybody.
func (t *Tx) GrantsOf(ctx context.Context, phone [16]byte, each func(consent.Grant)) error {
	var x grantRow
	return t.each(ctx, "SELECT "+grantColumns+" FROM consent WHERE phone_id = ? ORDER BY group_id, id", []any{phone[:]}, x.dest(), func() error {
		each(x.grant())
		return nil
	})
}

// Grant reads one consent by its id.
func (t *Tx) Grant(ctx context.Context, phone [16]byte, group, id sms.ID) (consent.Grant, error) {
	var x grantRow
	var g consent.Grant
	err := t.each(ctx, "SELECT "+grantColumns+" FROM consent WHERE phone_id = ? AND group_id = ? AND id = ?", []any{phone[:], int64(group), int64(id)}, x.dest(), func() error {
		g = x.grant()
		return nil
	})
	if err == nil && g.ID == 0 {
		err = sql.ErrNoRows
	}
	return g, err
}

// WithdrawGrants ends the consents that stand.
func (t *Tx) WithdrawGrants(ctx context.Context, phone [16]byte, group sms.ID, purpose sms.Category, at int64) (int, error) {
	where, args := "", []any{at, phone[:], string(purpose)}
	if group != 0 {
		where, args = " AND group_id = ?", append(args, int64(group))
	}
	return t.ExecCount(ctx, "UPDATE consent SET withdrawn_at = ? WHERE phone_id = ? AND purpose = ? AND withdrawn_at IS NULL"+where, args...)
}

// EndGrant ends one consent that stands; false when none does.
func (t *Tx) EndGrant(ctx context.Context, phone [16]byte, group, id sms.ID, at int64) (bool, error) {
	n, err := t.ExecCount(ctx, "UPDATE consent SET withdrawn_at = ? WHERE phone_id = ? AND group_id = ? AND id = ? AND withdrawn_at IS NULL", at, phone[:], int64(group), int64(id))
	return n == 1, err
}

// PutVacant stores that numbers do not exist.
func (t *Tx) PutVacant(ctx context.Context, phones [][16]byte, at int64) error {
	args := make([]any, 0, 2*len(phones))
	for _, id := range phoneArgs(phones) {
		args = append(args, id, at)
	}
	return t.insert(ctx, "INSERT INTO vacant_number(phone_id, at) VALUES ", 2, " ON CONFLICT(phone_id) DO UPDATE SET at = excluded.at", args)
}

// Vacant reads since when numbers did not exist, as far as somebody said so.
func (t *Tx) Vacant(ctx context.Context, ids [][16]byte, each func(id [16]byte, at int64)) error {
	var id sql.RawBytes
	var at int64
	return t.inEach(ctx, "SELECT phone_id, at FROM vacant_number WHERE phone_id IN (%s)", nil, phoneArgs(ids), nil, []any{&id, &at}, func() error {
		each([16]byte(id), at)
		return nil
	})
}

// SuspendGrants suspends the consents of numbers that stand, towards anybody, and names the
// number of each.
func (t *Tx) SuspendGrants(ctx context.Context, phones [][16]byte, at int64, each func(phone [16]byte)) error {
	var id sql.RawBytes
	return t.inEach(ctx, "UPDATE consent SET suspended_at = ? WHERE phone_id IN (%s) AND withdrawn_at IS NULL AND suspended_at IS NULL RETURNING phone_id",
		[]any{at}, phoneArgs(phones), nil, []any{&id}, func() error {
			each([16]byte(id))
			return nil
		})
}

// LiftSuppression ends a refusal that is older than a moment; it returns its id, 0 when none stands.
func (t *Tx) LiftSuppression(ctx context.Context, phone [16]byte, group sms.ID, scope string, before, at int64) (id sms.ID, err error) {
	err = t.Query(ctx, "SELECT id FROM suppression WHERE phone_id = ? AND group_id = ? AND scope = ? AND lifted_at IS NULL AND created_at < ?",
		[]any{phone[:], int64(group), scope, before}, func(r *sql.Rows) error { return r.Scan(&id) })
	if err != nil || id == 0 {
		return 0, err
	}
	return id, t.Exec(ctx, "UPDATE suppression SET lifted_at = ? WHERE phone_id = ? AND group_id = ? AND scope = ?", at, phone[:], int64(group), scope)
}

// PutSuppression stores a refusal; one that stands already keeps its first record.
func (t *Tx) PutSuppression(ctx context.Context, s consent.Suppression) (bool, error) {
	n, err := t.ExecCount(ctx, `INSERT INTO suppression(phone_id, group_id, scope, id, source, reference, in_flight, created_at, leaf_id, leaf_pos)
		VALUES (?,?,?,?,?,?,?,?,?,?)
		ON CONFLICT(phone_id, group_id, scope) DO UPDATE SET id = excluded.id, source = excluded.source, reference = excluded.reference,
		in_flight = excluded.in_flight, created_at = excluded.created_at, lifted_at = NULL, leaf_id = excluded.leaf_id, leaf_pos = excluded.leaf_pos, former = NULL
		WHERE suppression.lifted_at IS NOT NULL`,
		s.PhoneID[:], int64(s.GroupID), s.Scope, int64(s.ID), s.Source, s.Reference, s.InFlight, s.CreatedAt, int64(s.LeafID), int64(s.LeafPos))
	return n == 0, err
}

const suppressionColumns = "phone_id, group_id, scope, id, source, reference, in_flight, created_at, COALESCE(lifted_at,0), COALESCE(leaf_id,0), COALESCE(leaf_pos,0), former"

// Suppressions reads the refusals of people towards anybody.
func (t *Tx) Suppressions(ctx context.Context, ids [][16]byte, each func(consent.Suppression)) error {
	var s consent.Suppression
	var phone sql.RawBytes
	dest := []any{&phone, &s.GroupID, &s.Scope, &s.ID, &s.Source, &s.Reference, &s.InFlight, &s.CreatedAt, &s.LiftedAt, &s.LeafID, &s.LeafPos, &s.Former}
	return t.inEach(ctx, "SELECT "+suppressionColumns+" FROM suppression WHERE phone_id IN (%s)", nil, phoneArgs(ids), nil, dest, func() error {
		copy(s.PhoneID[:], phone)
		each(s)
		return nil
	})
}

// RevokePhone appends an entry about one recipient to the revocation journal.
func (t *Tx) RevokePhone(ctx context.Context, kind string, phone [16]byte, group sms.ID, scope string, at int64) error {
	_, err := t.Revoke(ctx, sms.Revocation{Kind: kind, PhoneID: phone[:], GroupID: int64(group), Scope: scope, At: at})
	return err
}

// RevokePhones appends an entry about each of some recipients, towards anybody.
func (t *Tx) RevokePhones(ctx context.Context, kind string, phones [][16]byte, scope string, at int64) error {
	if len(phones) == 0 {
		return nil
	}
	list := make([]sms.Revocation, len(phones))
	for i := range phones {
		list[i] = sms.Revocation{Kind: kind, PhoneID: phones[i][:], Scope: scope, At: at}
	}
	_, err := t.revoke(ctx, list)
	return err
}

// PutPorted stores that a number is with a carrier, whatever its prefix says. What waits
// for it is decided anew.
func (t *Tx) PutPorted(ctx context.Context, id [16]byte, c sms.Carrier, at int64) error {
	err := t.Exec(ctx, "INSERT INTO portability(phone_id, carrier, updated_at) VALUES (?,?,?) ON CONFLICT(phone_id) DO UPDATE SET carrier = excluded.carrier, updated_at = excluded.updated_at",
		id[:], string(c), at)
	if err != nil {
		return err
	}
	return t.RevokePhone(ctx, "portability", id, 0, "", at)
}

// Ported reads the carriers of numbers that changed theirs.
func (t *Tx) Ported(ctx context.Context, ids [][16]byte, each func(id [16]byte, c sms.Carrier)) error {
	var id sql.RawBytes
	var c sms.Carrier
	return t.inEach(ctx, "SELECT phone_id, carrier FROM portability WHERE phone_id IN (%s)", nil, phoneArgs(ids), nil, []any{&id, &c}, func() error {
		each([16]byte(id), c)
		return nil
	})
}

// CountPeople counts the numbers of which anything is kept. It reads all of them: once a day.
func (t *Tx) CountPeople(ctx context.Context) (n int, err error) {
	return n, t.One(ctx, "SELECT COUNT(*) FROM person", nil, &n)
}
