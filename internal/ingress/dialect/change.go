package dialect

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// registryTx is what applications for signatures and templates need of a transaction.
type registryTx interface {
	review.Tx
	document.Tx
	LastCase(ctx context.Context, kind string, object sms.ID, version int64) (*review.Case, error)
	PutMark(ctx context.Context, m *registry.Mark) error
	Marks(ctx context.Context, party sms.ID) ([]*registry.Mark, error)
	Answer(ctx context.Context, account sms.ID, key string, sealed []byte) error
}

// scanStore is the store as documents see it.
type scanStore struct{ Store }

func (s scanStore) Write(ctx context.Context, fn func(context.Context, document.Tx) error) error {
	return s.Store.Write(ctx, func(ctx context.Context, tx Tx) error { return fn(ctx, tx) })
}

func (s scanStore) Read(ctx context.Context, fn func(context.Context, document.Tx) error) error {
	return s.Store.Read(ctx, func(ctx context.Context, tx Tx) error { return fn(ctx, tx) })
}

// told is an error with the clouds' own word for it, where these have one in an action alone.
type told struct {
	err    *sms.Error
	cloud  sms.Cloud
	status int // of HTTP at Aliyun, where its documents have one; 0 is none
}

func (e *told) Error() string { return e.err.Error() }
func (e *told) Unwrap() error { return e.err }

// as gives an error the clouds' words.
func as(err *sms.Error, aliyun, tencent string) error {
	return &told{err: err, cloud: sms.Cloud{Aliyun: aliyun, Tencent: tencent}}
}

// fault gives an error the word of Aliyun's that its SDKs make an exception of.
func fault(err *sms.Error, aliyun string, status int) error {
	return &told{err: err, cloud: sms.Cloud{Aliyun: aliyun}, status: status}
}

// statusOf is the HTTP status that Aliyun answers an error with, 0 for 200.
func statusOf(err error, code sms.Code) int {
	var t *told
	if errors.As(err, &t) && t.status != 0 {
		return t.status
	}
	return gateway[code]
}

func cloudOf(err error, code sms.Code) sms.Cloud {
	var t *told
	if errors.As(err, &t) {
		return t.cloud
	}
	return sms.CloudOf(code)
}

// changeKept is how long the answer of a change is kept for its repetition.
const changeKept = 24 * time.Hour

// errUndo undoes a transaction that was only tried.
var errUndo = errors.New("it was only tried")

// change runs what changes the registry, once: the request's nonce is taken, and its answer kept
// for a repetition, in the same transaction. Scans are kept once it is known that the rest is
// taken. A dry run is undone.
func (s *Server) change(ctx context.Context, r *request, key string, scans []scan, out any, fn func(context.Context, Tx) error) error {
	dry := r.http.Header.Get("X-Dry-Run") == "true"
	if dry || len(scans) > 0 {
		replayed, err := s.changed(ctx, r, key, out, fn, true)
		if dry || replayed || err != nil {
			return err
		}
		if err := s.keep(ctx, r, scans); err != nil {
			return err
		}
	}
	_, err := s.changed(ctx, r, key, out, fn, false)
	return err
}

func (s *Server) changed(ctx context.Context, r *request, key string, out any, fn func(context.Context, Tx) error, undo bool) (replayed bool, err error) {
	c, account := r.call(key), r.who.App.AccountID
	err = s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if replayed, err = s.again(ctx, tx, r, c, out); err != nil || replayed {
			return err
		}
		if err := fn(ctx, tx); err != nil {
			return err
		}
		if undo {
			return errUndo
		}
		if c.Key == "" {
			return nil
		}
		b, err := json.Marshal(out)
		if err != nil {
			return err
		}
		return tx.Answer(ctx, account, c.Key, s.Keys.Seal(vault.PurposeAnswer, b))
	})
	if errors.Is(err, errUndo) {
		err = nil
	}
	return replayed, err
}

// again takes the request's nonce, and finds the answer that its key had before.
func (s *Server) again(ctx context.Context, tx Tx, r *request, c *gate.Call, out any) (bool, error) {
	now, err := tx.Now(ctx)
	if err != nil {
		return false, err
	}
	account := r.who.App.AccountID
	if c.Nonce != "" {
		fresh, _, _, err := tx.Claim(ctx, account, gate.NonceClaim(c.Nonce), [32]byte{}, now.Add(gate.NonceKept).UnixMilli())
		if err == nil && !fresh {
			err = sms.Errorf(sms.NonceUsed, "nonce", "")
		}
		if err != nil {
			return false, err
		}
	}
	if c.Key == "" {
		return false, nil
	}
	payload := sha256.Sum256(append([]byte("change "+r.Action+"\n"), c.Payload...))
	fresh, old, sealed, err := tx.Claim(ctx, account, c.Key, payload, now.Add(changeKept).UnixMilli())
	switch {
	case err != nil || fresh:
		return false, err
	case !bytes.Equal(old, payload[:]):
		return false, sms.Errorf(sms.IdempotencyKey, "idempotency key", "")
	}
	plain, err := s.Keys.Open(vault.PurposeAnswer, sealed)
	if err == nil {
		err = json.Unmarshal(plain, out)
	}
	if err != nil {
		return false, &sms.Error{Code: sms.Internal, Detail: "the stored answer can't be read", Cause: err}
	}
	r.header.Set("X-Idempotent-Replay", "true")
	return true, nil
}

// scan is a paper that comes with an application.
type scan struct {
	field, kind string
	content     []byte
}

// Limits of the clouds' own.
const (
	maxScan  = 2 << 20
	maxScans = 10
)

// badScan says what is wrong with a paper.
func badScan(field, detail string) error {
	return as(sms.Errorf(sms.DocumentType, field, "%s", detail), "isv.SIGN_FILE_LIMIT", "InvalidParameterValue.ImageInvalid")
}

// scanOf decodes a paper; nothing is none.
func scanOf(list []scan, field, kind, text string) ([]scan, error) {
	if text == "" {
		return list, nil
	}
	b, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err != nil || len(b) == 0:
		return nil, badScan(field, "it is no file in Base64; leave out what stands before it, such as data:image/jpeg;base64,")
	case len(b) > maxScan:
		return nil, badScan(field, "a file has at most 2 MiB; POST /v1/documents takes 10 MiB")
	case len(list) == maxScans:
		return nil, badScan(field, "there are at most 10 files")
	}
	return append(list, scan{field, kind, b}), nil
}

// keep puts papers into the sealed store of the party's documents, those that are not there yet.
func (s *Server) keep(ctx context.Context, r *request, scans []scan) error {
	by, err := review.AuthorOf(r.who.Snap, r.who.Key)
	if err != nil {
		return err
	}
	for _, x := range scans {
		var have []*document.Document
		err := s.Store.Read(ctx, func(ctx context.Context, tx Tx) (err error) {
			have, err = tx.DocumentsOf(ctx, r.who.App.PartyID)
			return err
		})
		if err != nil {
			return err
		}
		sum := sha256.Sum256(x.content)
		if slices.ContainsFunc(have, func(d *document.Document) bool { return d.Kind == x.kind && d.SHA256 == sum }) {
			continue
		}
		d := document.Document{PartyID: r.who.App.PartyID, Kind: x.kind, KeyID: by.Key, StaffID: by.Staff}
		if _, err := s.shelf.Save(ctx, d, bytes.NewReader(x.content)); err != nil {
			var known *sms.Error
			if errors.As(err, &known) && known.Code == sms.DocumentType {
				return badScan(x.field, "PDF, PNG and JPEG are taken")
			}
			return err
		}
	}
	return nil
}

// words checks a text that is stored: its length in characters, and that every store takes it.
func words(field, text string, least, most int) *sms.Error {
	n := utf8.RuneCountInString(text)
	switch {
	case n < least || strings.TrimSpace(text) == "":
		return sms.Errorf(sms.BadRequest, field, "it has %d to %d characters", least, most)
	case n > most:
		return sms.Errorf(sms.TextTooLong, field, "it has %d characters, the most is %d", n, most)
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return sms.Errorf(sms.BadText, field, "it is no valid UTF-8")
	}
	return nil
}
