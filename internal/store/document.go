package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/sms"
)

const documentColumns = "id, party_id, kind, media, size, sha256, valid_to, state, key_id, staff_id, created_at, name"

// PutDocument stores a document whose content is about to come.
func (t *Tx) PutDocument(ctx context.Context, d *document.Document) error {
	return t.Exec(ctx, "INSERT INTO document("+documentColumns+") VALUES ("+marks(12)+")",
		int64(d.ID), int64(d.PartyID), d.Kind, d.Media, d.Size, d.SHA256[:], d.ValidTo, d.State, int64(d.KeyID), int64(d.StaffID), d.CreatedAt, d.Name)
}

// PutChunk stores a sealed piece; false means that the upload is not under way any more.
func (t *Tx) PutChunk(ctx context.Context, id sms.ID, no int, sealed []byte) (bool, error) {
	n, err := t.ExecCount(ctx, "INSERT INTO document_chunk(document_id, no, data) SELECT id, ?, ? FROM document WHERE id = ? AND state = 'uploading'", int64(no), sealed, int64(id))
	return n == 1, err
}

// FinishDocument makes a document whose content is there visible.
func (t *Tx) FinishDocument(ctx context.Context, d *document.Document) (bool, error) {
	n, err := t.ExecCount(ctx, "UPDATE document SET state = ?, size = ?, sha256 = ? WHERE id = ? AND state = 'uploading'", d.State, d.Size, d.SHA256[:], int64(d.ID))
	return n == 1, err
}

// FileDocument makes one that is held a document of a kind.
func (t *Tx) FileDocument(ctx context.Context, d *document.Document) (bool, error) {
	n, err := t.ExecCount(ctx, "UPDATE document SET state = ?, kind = ?, valid_to = ? WHERE id = ? AND state = 'held'", d.State, d.Kind, d.ValidTo, int64(d.ID))
	return n == 1, err
}

// NamedDocument is a party's newest of a name, held or stored, or nil.
func (t *Tx) NamedDocument(ctx context.Context, party sms.ID, name string) (*document.Document, error) {
	return first(t.documents(ctx, "WHERE party_id = ? AND name = ? AND name <> '' AND state <> 'uploading' ORDER BY id DESC LIMIT 1", int64(party), name))
}

// DropDocument forgets an upload that came to no end, or that nobody named.
func (t *Tx) DropDocument(ctx context.Context, id sms.ID) error {
	if err := t.Exec(ctx, "DELETE FROM document_chunk WHERE document_id = (SELECT id FROM document WHERE id = ? AND state <> 'stored')", int64(id)); err != nil {
		return err
	}
	return t.Exec(ctx, "DELETE FROM document WHERE id = ? AND state <> 'stored'", int64(id))
}

func (t *Tx) documents(ctx context.Context, tail string, args ...any) (out []*document.Document, err error) {
	err = t.Query(ctx, "SELECT "+documentColumns+" FROM document "+tail, args, func(r *sql.Rows) error {
		d := &document.Document{}
		var sum []byte
		err := r.Scan(&d.ID, &d.PartyID, &d.Kind, &d.Media, &d.Size, &sum, &d.ValidTo, &d.State, &d.KeyID, &d.StaffID, &d.CreatedAt, &d.Name)
		copy(d.SHA256[:], sum)
		out = append(out, d)
		return err
	})
	return out, err
}

// Document is one, without its content, or nil.
func (t *Tx) Document(ctx context.Context, id sms.ID) (*document.Document, error) {
	return first(t.documents(ctx, "WHERE id = ?", int64(id)))
}

// DocumentsOf lists a party's, newest first.
func (t *Tx) DocumentsOf(ctx context.Context, party sms.ID) ([]*document.Document, error) {
	return t.documents(ctx, "WHERE party_id = ? AND state = 'stored' ORDER BY id DESC LIMIT ?", int64(party), int64(document.MaxOfParty))
}

// PapersHeld tells of a party, or of all when it is 0, which kinds of papers hold at a moment,
// and until when the last of each does; 0 is without an end.
func (t *Tx) PapersHeld(ctx context.Context, party sms.ID, kinds []string, at int64, each func(party sms.ID, kind string, until int64)) error {
	where, args := "", []any{at}
	if party != 0 {
		where, args = " AND party_id = ?", append(args, int64(party))
	}
	for _, k := range kinds {
		args = append(args, k)
	}
	return t.Query(ctx, "SELECT party_id, kind, CASE WHEN MIN(valid_to) = 0 THEN 0 ELSE MAX(valid_to) END FROM document WHERE state = 'stored' AND (valid_to = 0 OR valid_to > ?)"+where+
		" AND kind IN ("+marks(len(kinds))+") GROUP BY party_id, kind", args, func(r *sql.Rows) error {
		var id sms.ID
		var kind string
		var until int64
		err := r.Scan(&id, &kind, &until)
		each(id, kind, until)
		return err
	})
}

// ExpiringDocuments lists those that end before a moment, what ends first in front.
func (t *Tx) ExpiringDocuments(ctx context.Context, before int64, limit int) ([]*document.Document, error) {
	return t.documents(ctx, "WHERE valid_to > 0 AND valid_to < ? AND state = 'stored' ORDER BY valid_to, id LIMIT ?", before, int64(limit))
}

// AbandonedDocuments lists uploads that began before a moment and have not ended, and those that
// began before another and that nobody has named.
func (t *Tx) AbandonedDocuments(ctx context.Context, before, held int64, limit int) (ids []sms.ID, err error) {
	list, err := t.documents(ctx, "WHERE state <> 'stored' AND (state = 'uploading' AND created_at < ? OR state = 'held' AND created_at < ?) ORDER BY created_at LIMIT ?", before, held, int64(limit))
	for _, d := range list {
		ids = append(ids, d.ID)
	}
	return ids, err
}

// CountDocuments counts a party's, with those that are coming in.
func (t *Tx) CountDocuments(ctx context.Context, party sms.ID) (n int, err error) {
	err = t.One(ctx, "SELECT COUNT(*) FROM document WHERE party_id = ?", []any{int64(party)}, &n)
	return n, err
}

// Chunk reads a sealed piece.
func (t *Tx) Chunk(ctx context.Context, id sms.ID, no int) (sealed []byte, err error) {
	err = t.One(ctx, "SELECT data FROM document_chunk WHERE document_id = ? AND no = ?", []any{int64(id), int64(no)}, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("it is missing: %w", err)
	}
	return sealed, err
}

// PutView records a look at a document.
func (t *Tx) PutView(ctx context.Context, v document.View) error {
	return t.Exec(ctx, "INSERT INTO document_view(id, document_id, staff_id, key_id, reason, at) VALUES (?,?,?,?,?,?)",
		int64(v.ID), int64(v.DocumentID), int64(v.StaffID), int64(v.KeyID), v.Reason, v.At)
}

// Views lists who looked at a document, newest first.
func (t *Tx) Views(ctx context.Context, id sms.ID, limit int) (out []document.View, err error) {
	err = t.Query(ctx, "SELECT id, document_id, staff_id, key_id, reason, at FROM document_view WHERE document_id = ? ORDER BY id DESC LIMIT ?", []any{int64(id), int64(limit)},
		func(r *sql.Rows) error {
			var v document.View
			err := r.Scan(&v.ID, &v.DocumentID, &v.StaffID, &v.KeyID, &v.Reason, &v.At)
			out = append(out, v)
			return err
		})
	return out, err
}
