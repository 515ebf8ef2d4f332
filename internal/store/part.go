package store

import (
	"context"
	"database/sql"

	"github.com/zhunxin/zhunxin/internal/sms"
)

const partColumns = "id, via, set_key, total, number, content, message_pdu, received_at"

func (t *Tx) parts(ctx context.Context, tail string, args []any) ([]sms.Part, error) {
	var out []sms.Part
	err := t.Query(ctx, "SELECT "+partColumns+" FROM sp_part "+tail, args, func(r *sql.Rows) error {
		var p sms.Part
		var key []byte
		if err := r.Scan(&p.ID, &p.Via, &key, &p.Total, &p.Number, &p.Content, &p.MessagePDU, &p.ReceivedAt); err != nil {
			return err
		}
		copy(p.Set[:], key)
		out = append(out, p)
		return nil
	})
	return out, err
}

// InsertPart stores a part.
func (t *Tx) InsertPart(ctx context.Context, p sms.Part) error {
	return t.Exec(ctx, "INSERT INTO sp_part("+partColumns+") VALUES (?,?,?,?,?,?,?,?)",
		int64(p.ID), int64(p.Via), p.Set[:], int64(p.Total), int64(p.Number), p.Content, int64(p.MessagePDU), p.ReceivedAt)
}

// OpenParts reads the parts of a set that are not decided, oldest first. On
// PostgreSQL the set is locked until commit, so that the last part is seen by one.
func (t *Tx) OpenParts(ctx context.Context, via sms.ID, set [16]byte) ([]sms.Part, error) {
	if t.d.dialect == Postgres {
		if err := t.LockRecipients(ctx, [][16]byte{set}); err != nil {
			return nil, err
		}
	}
	return t.parts(ctx, "WHERE via = ? AND set_key = ? AND message_pdu = 0 ORDER BY id", []any{int64(via), set[:]})
}

// LateParts reads parts that came by logins of a protocol and have waited since before a
// moment.
func (t *Tx) LateParts(ctx context.Context, protocol string, before int64, limit int) ([]sms.Part, error) {
	return t.parts(ctx, "WHERE message_pdu = 0 AND received_at < ? AND via IN (SELECT id FROM sp_account WHERE protocol = ?) ORDER BY received_at, id LIMIT ?",
		[]any{before, protocol, int64(limit)})
}

// PartsOf reads the parts of decided messages by the ids of their first parts.
func (t *Tx) PartsOf(ctx context.Context, pdu sms.ID) ([]sms.Part, error) {
	return t.parts(ctx, "WHERE message_pdu = ? AND message_pdu <> 0 ORDER BY number", []any{int64(pdu)})
}

// InsertMOPart stores a part of a long message from a handset.
func (t *Tx) InsertMOPart(ctx context.Context, p sms.MOPart) error {
	return t.Exec(ctx, "INSERT INTO mo_part(id, set_key, total, number, content, received_at) VALUES (?,?,?,?,?,?)",
		int64(p.ID), p.Set[:], int64(p.Total), int64(p.Number), p.Content, p.ReceivedAt)
}

// MOPartsOf reads the parts of a set, oldest first. On PostgreSQL the set is locked until
// commit, so that the last part is seen by one.
func (t *Tx) MOPartsOf(ctx context.Context, set [16]byte) ([]sms.MOPart, error) {
	if t.d.dialect == Postgres {
		if err := t.LockRecipients(ctx, [][16]byte{set}); err != nil {
			return nil, err
		}
	}
	return t.moParts(ctx, "WHERE set_key = ? ORDER BY id", []any{set[:]})
}

// LateMOParts reads parts that came before a moment and still wait.
func (t *Tx) LateMOParts(ctx context.Context, before int64, limit int) ([]sms.MOPart, error) {
	return t.moParts(ctx, "WHERE received_at < ? ORDER BY received_at, id LIMIT ?", []any{before, int64(limit)})
}

func (t *Tx) moParts(ctx context.Context, tail string, args []any) (out []sms.MOPart, err error) {
	err = t.Query(ctx, "SELECT id, set_key, total, number, content, received_at FROM mo_part "+tail, args, func(r *sql.Rows) error {
		var p sms.MOPart
		var key []byte
		if err := r.Scan(&p.ID, &key, &p.Total, &p.Number, &p.Content, &p.ReceivedAt); err != nil {
			return err
		}
		copy(p.Set[:], key)
		out = append(out, p)
		return nil
	})
	return out, err
}

// RemoveMOParts forgets a set.
func (t *Tx) RemoveMOParts(ctx context.Context, set [16]byte) error {
	return t.Exec(ctx, "DELETE FROM mo_part WHERE set_key = ?", set[:])
}

// CloseParts says of which message the parts are. Those that are closed already
// stay as they are; the number that was closed is returned.
func (t *Tx) CloseParts(ctx context.Context, ids []sms.ID, pdu sms.ID) (int, error) {
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = int64(id)
	}
	return t.inExec(ctx, "UPDATE sp_part SET message_pdu = ? WHERE message_pdu = 0 AND id IN (%s)", []any{int64(pdu)}, list)
}
