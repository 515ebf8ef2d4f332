package consent

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// KindSigned is the evidence of an event that a customer's server signed.
const KindSigned = "consent-event"

// Limits of signed events.
const (
	MaxEventKeys = 10 // of an application, revoked ones not counted
	maxStatement = 2048
	// EventWithin is how long after a consent was given its event is taken: what is handed
	// over later is a list.
	EventWithin = 24 * time.Hour
)

// What an event says.
const (
	Given     = "given"
	Withdrawn = "withdrawn"
)

// EventKey is an Ed25519 key by which a customer's server signs; the platform never has the
// private half, so that it could not have written an event itself.
type EventKey struct {
	ID            sms.ID
	ApplicationID sms.ID
	Public        [ed25519.PublicKeySize]byte
	CreatedAt     int64
	RevokedAt     int64 // 0 while it is good
}

// SignedRow is an event as stored: what was signed, and the signature, are sealed under the
// person's secret, because both tell the number to whoever tries all of them.
type SignedRow struct {
	ID            sms.ID // of the consent or the refusal
	ApplicationID sms.ID
	Event         string
	Digest        [32]byte // keyed hash of what was signed
	KeyID         sms.ID
	Sealed        []byte
	At            int64 // when it was taken
}

// EventTx is what signed events need of a transaction.
type EventTx interface {
	EventKeys(ctx context.Context, application sms.ID) ([]EventKey, error)
	InsertEventKey(ctx context.Context, k EventKey) error
	RevokeEventKey(ctx context.Context, id sms.ID, at int64) error
	InsertSigned(ctx context.Context, r SignedRow) error
	// Signed finds an application's event by its own id, or nil; SignedByID by ours.
	Signed(ctx context.Context, application sms.ID, event string) (*SignedRow, error)
	SignedByID(ctx context.Context, id sms.ID) (*SignedRow, error)
}

// Event is what a statement says.
type Event struct {
	Application sms.ID
	ID          string // the customer's own, a UUID
	Type        string
	To          sms.MSISDN
	At          time.Time
	Wording     sms.ID
	Text        string // SHA-256 of the words that were shown
	Method      string
	Page        string // where, "" for none
	Transcript  string // SHA-256 of what the customer keeps of it, "" for nothing
}

// The lines of a statement, which begins with its version. Each line is there, once, in this
// order: no two readers read it differently.
const (
	statementHead = "zhunxin consent event v1"
	nothing       = "-"
)

var statementLines = []struct {
	name string
	take func(e *Event, v string) error
	form string
}{
	{"application", func(e *Event, v string) (err error) { e.Application, err = sms.ParseID(v); return err }, "the application's id"},
	{"event", func(e *Event, v string) error { return fits(&e.ID, v, eventID) }, "a UUID in small letters"},
	{"type", func(e *Event, v string) error { return fits(&e.Type, v, eventType) }, "given or withdrawn"},
	{"to", func(e *Event, v string) (err error) { e.To, err = sms.ParseMSISDN(v); return err }, "a number"},
	{"at", func(e *Event, v string) (err error) { e.At, err = time.Parse(time.RFC3339, v); return err }, "a time like 2026-11-27T10:00:00+08:00"},
	{"wording", func(e *Event, v string) (err error) {
		if v != nothing {
			e.Wording, err = sms.ParseID(v)
		}
		return err
	}, "the id of a registered wording, or - when it is withdrawn"},
	{"text", func(e *Event, v string) error { return fitsOrNothing(&e.Text, v, sha256Hex) }, "the wording's text_hash, or - when it is withdrawn"},
	{"method", func(e *Event, v string) error { return fits(&e.Method, v, eventMethod) }, "how it was asked, in at most 64 letters, digits, _ and -"},
	{"page", func(e *Event, v string) error { return fitsOrNothing(&e.Page, v, eventPage) }, "an http or https address of at most 500 bytes, or -"},
	{"transcript", func(e *Event, v string) error { return fitsOrNothing(&e.Transcript, v, sha256Hex) }, "a SHA-256 in small hexadecimal digits, or -"},
}

var (
	eventID     = regexp.MustCompile(`\A[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\z`)
	eventType   = regexp.MustCompile(`\A(given|withdrawn)\z`)
	eventMethod = regexp.MustCompile(`\A[0-9A-Za-z_-]{1,64}\z`)
	eventPage   = regexp.MustCompile(`\Ahttps?://[!-~]{1,490}\z`)
	sha256Hex   = regexp.MustCompile(`\A[0-9a-f]{64}\z`)
)

func fits(into *string, v string, form *regexp.Regexp) error {
	if !form.MatchString(v) {
		return fmt.Errorf("it does not fit")
	}
	*into = v
	return nil
}

func fitsOrNothing(into *string, v string, form *regexp.Regexp) error {
	if v == nothing {
		return nil
	}
	return fits(into, v, form)
}

// ReadEvent reads a statement.
func ReadEvent(statement string) (*Event, error) {
	lines := strings.Split(statement, "\n")
	if len(statement) > maxStatement || lines[0] != statementHead || len(lines) != len(statementLines)+2 || lines[len(lines)-1] != "" {
		return nil, sms.Errorf(sms.BadRequest, "statement", "it is %q and %d lines name: value, each with a line feed at its end", statementHead, len(statementLines))
	}
	e := &Event{}
	for i, l := range statementLines {
		v, ok := strings.CutPrefix(lines[i+1], l.name+": ")
		if !ok || l.take(e, v) != nil {
			return nil, sms.Errorf(sms.BadRequest, "statement", "line %d is %s: and %s", i+2, l.name, l.form)
		}
	}
	if e.Page != "" {
		if u, err := url.Parse(e.Page); err != nil || u.Host == "" || u.User != nil {
			return nil, sms.Errorf(sms.BadRequest, "statement", "page is no address")
		}
	}
	if e.Type == Given && (e.Wording == 0 || e.Text == "") {
		return nil, sms.Errorf(sms.BadRequest, "statement", "what was given names its wording and text")
	}
	return e, nil
}

// Verify tells whether a key, one that is good, signed a statement.
func (k *EventKey) Verify(statement string, signature []byte) bool {
	return k != nil && k.RevokedAt == 0 && len(signature) == ed25519.SignatureSize && ed25519.Verify(k.Public[:], []byte(statement), signature)
}

// Signable is what the evidence commits to and what is sealed: the signature and then the statement.
func Signable(statement string, signature []byte) string { return string(signature) + statement }

// Unseal takes it apart.
func Unseal(plain string) (statement string, signature []byte) {
	n := min(len(plain), ed25519.SignatureSize)
	return plain[n:], []byte(plain[:n])
}

// SignedRecord is a signed event as evidence: the key, and a commitment to statement and
// signature under the person's secret.
func SignedRecord(id sms.ID, e *Event, k *EventKey, signed [32]byte, at int64) leaf.Record {
	return leaf.New(KindSigned, int64(id), at,
		leaf.Int("application", int64(e.Application)),
		leaf.Str("event", e.ID),
		leaf.Str("key", base64.StdEncoding.EncodeToString(k.Public[:])),
		leaf.Hash("statement", signed),
		leaf.Str("type", e.Type),
	)
}

// Check tells what stands against a statement besides the rules: whom it is for, when it was
// made, and whether it is about the very words that are registered. A withdrawal is never too old.
func (e *Event) Check(application sms.ID, w *Wording, now time.Time) error {
	switch {
	case e.Application != application:
		return sms.Errorf(sms.BadRequest, "statement", "it is of another application")
	case e.Type == Withdrawn && e.At.After(now):
		return sms.Errorf(sms.BadRequest, "statement", "it is in the future")
	case e.Type == Withdrawn:
		return nil
	case w == nil:
		return noWording("statement")
	case e.At.Before(now.Add(-EventWithin)):
		return sms.Errorf(sms.ConsentForm, "statement", "it was given more than %s ago: hand it over as a list", EventWithin)
	}
	if h := w.Hash(); hex.EncodeToString(h[:]) != e.Text {
		return sms.Errorf(sms.ConsentForm, "statement", "text is not the SHA-256 of the wording's words")
	}
	return nil
}
