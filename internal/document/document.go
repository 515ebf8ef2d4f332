// Package document keeps scans of papers: streamed in, sealed piece by piece, and shown
// only to somebody who says why (P7).
package document

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// Kinds of papers (rulebook.md 9).
const (
	BusinessLicence = "business_licence"     // 营业执照
	Representative  = "representative_id"    // 法定代表人身份证件
	Handler         = "handler_id"           // 经办人身份证件
	Contract        = "contract"             // 合同
	Processing      = "processing_agreement" // 个人信息委托处理协议
	Assessment      = "impact_assessment"    // 个人信息保护影响评估报告
	Authorisation   = "authorisation"        // 授权委托书
	TelecomLicence  = "telecom_licence"      // 增值电信业务经营许可证
	CodeApproval    = "code_approval"        // 码号资源批文
	IndustryPermit  = "industry_permit"      // 行业许可
	ConsentForm     = "consent_form"         // 征得营销同意的页面或表单截图
)

// Kinds lists them all.
var Kinds = []string{BusinessLicence, Representative, Handler, Contract, Processing, Assessment, Authorisation, TelecomLicence, CodeApproval, IndustryPermit, ConsentForm, "trademark", "app_record", "other"}

// Bounds.
const (
	MaxBytes    = 10 << 20
	MaxOfParty  = 500
	chunkBytes  = 128 << 10
	UploadsLast = time.Hour      // an upload that has not ended by then is forgotten
	HeldLast    = 24 * time.Hour // and so is what no application has named by then
)

// Evidence kinds.
const (
	KindDocument = "document"
	KindView     = "document-view"
)

// States.
const (
	Uploading = "uploading"
	Held      = "held" // it came before the application that says what it is
	Stored    = "stored"
)

// Document is a scan without its content.
type Document struct {
	ID        sms.ID
	PartyID   sms.ID
	Kind      string
	Media     string
	Size      int64
	SHA256    [32]byte
	ValidTo   int64 // 0 is no end
	State     string
	KeyID     sms.ID
	StaffID   sms.ID // 0: a customer's key
	CreatedAt int64
	Name      string // of what came before its application
}

// Holds tells whether it is there and has not expired at a moment.
func (d *Document) Holds(at int64) bool {
	return d.State == Stored && (d.ValidTo == 0 || at < d.ValidTo)
}

// View is one look at a document.
type View struct {
	ID         sms.ID `json:"id"`
	DocumentID sms.ID `json:"document_id"`
	StaffID    sms.ID `json:"staff_id"`
	KeyID      sms.ID `json:"key_id"`
	Reason     string `json:"reason"`
	At         int64  `json:"at"`
}

// Tx is what documents need of a transaction.
type Tx interface {
	evlog.RecordAdder
	Now(ctx context.Context) (time.Time, error)
	PutDocument(ctx context.Context, d *Document) error
	PutChunk(ctx context.Context, id sms.ID, no int, sealed []byte) (bool, error)
	FinishDocument(ctx context.Context, d *Document) (bool, error)
	FileDocument(ctx context.Context, d *Document) (bool, error)
	NamedDocument(ctx context.Context, party sms.ID, name string) (*Document, error)
	DropDocument(ctx context.Context, id sms.ID) error
	Document(ctx context.Context, id sms.ID) (*Document, error)
	CountDocuments(ctx context.Context, party sms.ID) (int, error)
	Chunk(ctx context.Context, id sms.ID, no int) ([]byte, error)
	PutView(ctx context.Context, v View) error
}

// Store runs transactions.
type Store interface {
	Write(ctx context.Context, fn func(context.Context, Tx) error) error
	Read(ctx context.Context, fn func(context.Context, Tx) error) error
}

// Shelf stores and shows documents.
type Shelf struct {
	Store Store
	Keys  *vault.Keys
	IDs   *sms.IDs
}

var magic = map[string][]byte{"application/pdf": []byte("%PDF-"), "image/png": []byte("\x89PNG\r\n\x1a\n"), "image/jpeg": {0xff, 0xd8, 0xff}}

// mediaOf tells what bytes are by how they begin; "" is nothing that is taken.
func mediaOf(b []byte) string {
	for media, head := range magic {
		if bytes.HasPrefix(b, head) {
			return media
		}
	}
	return ""
}

// Save takes a scan in from a reader. No transaction is held while the reader is waited
// for: each piece has its own, and nobody sees the document before its end is there. One of no
// kind has a name, and is held until File says what it is.
func (s *Shelf) Save(ctx context.Context, d Document, r io.Reader) (_ Document, err error) {
	buf := make([]byte, chunkBytes)
	n, err := read(r, buf)
	if err != nil {
		return d, err
	}
	if d.Media = mediaOf(buf[:n]); d.Media == "" {
		return d, sms.Errorf(sms.DocumentType, "body", "")
	}
	d.ID, d.State, d.Size = s.IDs.Next(), Uploading, 0
	if err := s.Store.Write(ctx, func(ctx context.Context, tx Tx) error { return s.begin(ctx, tx, &d) }); err != nil {
		return d, err
	}
	defer func() {
		if err != nil { // what was stored of it goes; if that fails too, the sweeper has it
			clean := context.WithoutCancel(ctx)
			err = errors.Join(err, s.Store.Write(clean, func(ctx context.Context, tx Tx) error { return tx.DropDocument(ctx, d.ID) }))
		}
	}()
	sum := sha256.New()
	for no := 0; n > 0; no++ {
		if d.Size += int64(n); d.Size > MaxBytes {
			return d, sms.Errorf(sms.BodyTooLarge, "body", "a document has at most %d MiB", MaxBytes>>20)
		}
		sum.Write(buf[:n])
		sealed := s.Keys.Seal(vault.PurposeDocument(d.ID, no), buf[:n])
		err := s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
			ok, err := tx.PutChunk(ctx, d.ID, no, sealed)
			if err == nil && !ok {
				err = sms.Errorf(sms.RateLimited, "body", "the upload took too long")
			}
			return err
		})
		if err != nil {
			return d, err
		}
		if n, err = read(r, buf); err != nil {
			return d, err
		}
	}
	sum.Sum(d.SHA256[:0])
	return d, s.Store.Write(ctx, func(ctx context.Context, tx Tx) error { return s.finish(ctx, tx, &d) })
}

// read fills the buffer as far as the reader goes.
func read(r io.Reader, buf []byte) (int, error) {
	n, err := io.ReadFull(r, buf)
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, nil
	}
	var known *sms.Error
	if errors.As(err, &known) { // the reader says why it ends here
		return 0, known
	}
	return 0, sms.Errorf(sms.BadRequest, "body", "it did not come to its end")
}

func (s *Shelf) begin(ctx context.Context, tx Tx, d *Document) error {
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	d.CreatedAt = now.UnixMilli()
	switch n, err := tx.CountDocuments(ctx, d.PartyID); {
	case err != nil:
		return err
	case n >= MaxOfParty:
		return sms.Errorf(sms.BadRequest, "query.party", "a party has at most %d documents", MaxOfParty)
	case d.ValidTo != 0 && d.ValidTo <= d.CreatedAt:
		return sms.Errorf(sms.BadRequest, "query.valid_to", "it has expired")
	case !slices.Contains(Kinds, d.Kind) && (d.Kind != "" || d.Name == ""):
		return sms.Errorf(sms.BadRequest, "query.kind", "the kinds are %v", Kinds)
	}
	return tx.PutDocument(ctx, d)
}

func (s *Shelf) finish(ctx context.Context, tx Tx, d *Document) error {
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	if d.State = Stored; d.Kind == "" {
		d.State = Held
	}
	if ok, err := tx.FinishDocument(ctx, d); err != nil || !ok {
		if err == nil {
			err = sms.Errorf(sms.RateLimited, "body", "the upload took too long")
		}
		return err
	}
	if d.State == Held {
		return nil
	}
	return s.record(ctx, tx, d, now.UnixMilli())
}

// File makes what came by a name a document of a kind. One that is filed already is the same
// again, and nothing else.
func (s *Shelf) File(ctx context.Context, tx Tx, party sms.ID, name, kind string, validTo int64) (*Document, error) {
	d, err := tx.NamedDocument(ctx, party, name)
	if err != nil {
		return nil, err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return nil, err
	}
	at := now.UnixMilli()
	switch {
	case d == nil:
		return nil, sms.Errorf(sms.NotFound, "", "no file came by the name %.64q: send it first", name)
	case validTo != 0 && validTo <= at:
		return nil, sms.Errorf(sms.BadRequest, "", "the paper %.64q has expired", name)
	case d.State == Stored && d.Kind == kind && (validTo == 0 || validTo == d.ValidTo):
		return d, nil
	case d.State == Stored:
		return nil, sms.Errorf(sms.BadRequest, "", "the file %.64q is on record as something else, or with another end: send the new one", name)
	}
	d.Kind, d.ValidTo, d.State = kind, validTo, Stored
	if ok, err := tx.FileDocument(ctx, d); err != nil || !ok {
		if err == nil {
			err = sms.Errorf(sms.NotFound, "", "the file %.64q was waited for too long: send it again", name)
		}
		return nil, err
	}
	return d, s.record(ctx, tx, d, at)
}

// record writes a document into the log.
func (s *Shelf) record(ctx context.Context, tx Tx, d *Document, at int64) error {
	return evlog.Append(ctx, tx, s.IDs, at, leaf.New(KindDocument, int64(d.ID), at,
		leaf.Int("party", int64(d.PartyID)),
		leaf.Str("kind", d.Kind),
		leaf.Hash("content", d.SHA256),
		leaf.Int("size", d.Size),
		leaf.Int("valid_to", d.ValidTo),
		leaf.Int("by_key", int64(d.KeyID)),
		leaf.Int("by_staff", int64(d.StaffID)),
	))
}

// Look records who looks at a document and why, and only then gives its content, piece by
// piece, to the writer of what Look returns.
func (s *Shelf) Look(ctx context.Context, id sms.ID, v View) (*Document, func(io.Writer) error, error) {
	var d *Document
	v.ID, v.DocumentID = s.IDs.Next(), id
	err := s.Store.Write(ctx, func(ctx context.Context, tx Tx) (err error) {
		if d, err = tx.Document(ctx, id); err != nil {
			return err
		}
		if d == nil || d.State != Stored {
			return sms.Errorf(sms.NotFound, "path.id", "no document has this id")
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		v.At = now.UnixMilli()
		if err := tx.PutView(ctx, v); err != nil {
			return err
		}
		return evlog.Append(ctx, tx, s.IDs, v.At, leaf.New(KindView, int64(id), v.At,
			leaf.Int("view", int64(v.ID)),
			leaf.Hash("reason", sha256.Sum256([]byte(v.Reason))),
			leaf.Int("by_key", int64(v.KeyID)),
			leaf.Int("by_staff", int64(v.StaffID)),
		))
	})
	if err != nil {
		return nil, nil, err
	}
	return d, func(w io.Writer) error { return s.write(ctx, d, w) }, nil
}

func (s *Shelf) write(ctx context.Context, d *Document, w io.Writer) error {
	sum := sha256.New()
	for no, left := 0, d.Size; left > 0; no++ {
		var sealed []byte
		err := s.Store.Read(ctx, func(ctx context.Context, tx Tx) (err error) {
			sealed, err = tx.Chunk(ctx, d.ID, no)
			return err
		})
		if err != nil {
			return fmt.Errorf("piece %d of document %d: %w", no, d.ID, err)
		}
		plain, err := s.Keys.Open(vault.PurposeDocument(d.ID, no), sealed)
		if err != nil {
			return fmt.Errorf("piece %d of document %d: %w", no, d.ID, err)
		}
		if left -= int64(len(plain)); left == 0 {
			// The last piece is held back until the whole is known to be what came.
			if sum.Write(plain); !bytes.Equal(sum.Sum(nil), d.SHA256[:]) {
				return fmt.Errorf("document %d is not what was stored", d.ID)
			}
		} else {
			sum.Write(plain)
		}
		if _, err := w.Write(plain); err != nil {
			return err
		}
	}
	return nil
}

// Bound has what rests on a document of a party end no later than it does.
func Bound(ctx context.Context, tx interface {
	Document(ctx context.Context, id sms.ID) (*Document, error)
}, id, party sms.ID, kind string, end *int64,
) error {
	d, err := tx.Document(ctx, id)
	if err != nil {
		return err
	}
	if d == nil || d.State != Stored || d.PartyID != party || d.Kind != kind {
		return sms.Errorf(sms.BadRequest, "body.document_id", "the party has no document of the kind %s with this id", kind)
	}
	if d.ValidTo != 0 && (*end == 0 || d.ValidTo < *end) {
		*end = d.ValidTo
	}
	return nil
}
