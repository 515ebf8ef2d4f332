// Package gate is the only way in (P1): every interface builds the same Call,
// and the gate decides it in one transaction together with its money, its
// recipient events and its evidence. What it answers is on disk (P2).
//
// A call is never split over transactions. Calls of many callers share one
// transaction; if it fails, the batch is halved until the culprit stands alone.
package gate

import (
	"context"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/routing"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// MaxRecipients is the most that one call may name.
const MaxRecipients = 1000

// MaxTextBytes bounds a text before it is looked at.
const MaxTextBytes = 4000

// Recipient is one number of a call.
type Recipient struct {
	Number sms.MSISDN
	Ref    string // the customer's own reference, at most MaxRef bytes
}

// MaxRef bounds a reference: some dialects have long ones.
const MaxRef = 600

// Part is one text and those who get it.
type Part struct {
	Text       string       // with its signature in front
	Template   sms.ID       // 0 looks for one that the text fits
	Category   sms.Category // "" takes the template's
	Otherwise  sms.Category // when neither Category nor a template says; "" is MKT
	Recipients []Recipient
}

// Call is what a customer submits in one go.
type Call struct {
	Application sms.ID
	Key         string // idempotency key, "" for none
	Nonce       string // what the account may say once within NonceKept; "" for none
	Payload     []byte // what the key stands for
	Parts       []Part
	Extension   string    // the customer's digits after the sub-code
	SendAt      time.Time // zero is now
	NotAfter    time.Time // zero takes the category's default
	Origin      Origin    // of the request for a verification code, as far as the customer says

	// Chunk says which part of a campaign it is, nil for none.
	Chunk *Chunk
	// Reviewed says that a person has approved what the campaign says to everybody.
	Reviewed bool

	// Line is what the call came by, such as a connection, nil for nothing in particular. It
	// can be compared. Calls of one line keep their order, and lines take turns.
	Line any

	// Via is the protocol login that the call came by, 0 for HTTP. PDU is the id
	// that its PDU is, or was, answered with; 0 when that is the message's own.
	Via sms.ID
	PDU sms.ID
	// Answered says that the PDU was accepted before the decision: every refusal
	// is told as a report. Otherwise a refusal is told as a report only beside
	// recipients that were accepted.
	Answered bool
	// TellRefusals says that a call without a protocol login has them told likewise: its
	// dialect has one answer for all its recipients.
	TellRefusals bool
}

// Chunk is a part of a campaign. It is marked as done by the transaction that decides it, and
// only if it is the next one of a campaign that runs and that the node with this claim works
// on: no row is decided twice, and none after a pause or an end has committed.
type Chunk struct {
	Campaign sms.ID
	No       int
	Claim    int64
}

// NonceClaim is the name under which a nonce is claimed, besides idempotency keys.
func NonceClaim(nonce string) string { return noncePrefix + nonce }

// NonceKept is how long a nonce is remembered: longer than a signed request is taken.
const NonceKept = time.Hour

// Recipients counts them.
func (c *Call) Recipients() int {
	n := 0
	for i := range c.Parts {
		n += len(c.Parts[i].Recipients)
	}
	return n
}

// Result is the decision for one recipient.
type Result struct {
	MessageID sms.ID             `json:"message_id,omitzero"`
	To        string             `json:"to"` // masked
	Ref       string             `json:"ref,omitempty"`
	State     sms.State          `json:"state"`
	Code      sms.Code           `json:"code,omitempty"`
	Rule      string             `json:"rule,omitempty"`
	Units     int                `json:"units"`
	Release   int64              `json:"release_at,omitempty"` // epoch milliseconds
	Findings  []rulebook.Finding `json:"findings,omitempty"`
}

// Answer is the decision of a call, in the order of its recipients.
type Answer struct {
	Results  []Result `json:"results"`
	Replayed bool     `json:"-"` // an earlier call with the same key was answered
}

// PermitChannel is one way by which a message may leave.
type PermitChannel struct {
	ID       sms.ID `json:"id"`
	Source   string `json:"source"`
	Segments int    `json:"segments"` // PDUs, with room for what the carrier adds
	// Split is how the text becomes those.
	Split registry.Splitting `json:"split,omitzero"`
	// Template is what the upstream is asked to send, where it takes no text.
	Template *registry.FiledTemplate `json:"template,omitempty"`

	Group  int64 `json:"group,omitempty"`  // tried before those with a higher one
	Weight int64 `json:"weight,omitempty"` // share of its group's messages
	// OnDelivery says that the contract behind the sub-code charges what was
	// delivered, not what was submitted.
	OnDelivery bool `json:"charge_on_delivery,omitempty"`
}

// Permit is what a decision allows for recipients of one carrier: the channels by
// group and cost, and what a unit costs each account of the chain.
type Permit struct {
	Channels []PermitChannel `json:"channels"`
	Chain    []ledger.Line   `json:"chain"`
}

// Way finds a channel among what is permitted, or returns nil.
func (p *Permit) Way(channel sms.ID) *PermitChannel {
	for i := range p.Channels {
		if p.Channels[i].ID == channel {
			return &p.Channels[i]
		}
	}
	return nil
}

// Choose gives the channel that a message is to leave by: the first in its own order
// that is usable and not the one to leave, or 0 when there is none. nil says that all are.
func (p *Permit) Choose(message sms.ID, leave sms.ID, usable func(channel sms.ID) bool) sms.ID {
	list := make([]routing.Candidate, len(p.Channels))
	for i := range p.Channels {
		list[i] = routing.Candidate{Group: p.Channels[i].Group, Weight: p.Channels[i].Weight}
	}
	for _, i := range routing.Order(uint64(message), list) {
		if c := p.Channels[i].ID; c != leave && (usable == nil || usable(c)) {
			return c
		}
	}
	return 0
}

// Ready is a permitted message on its way to dispatch, with what it takes to
// write its PDUs. It never leaves memory.
type Ready struct {
	Message *sms.Message
	Number  sms.MSISDN
	Text    string
	Permit  *Permit
}

// Courier may take permitted messages to their channels in the very transaction that
// permits them: nothing can have been revoked since, so that their second look is the
// first. It spares a queued message's way through the database.
type Courier interface {
	// Claim moves those messages to submitting for which their channel has room now
	// and nothing waits before them, and returns the others in order. It may be
	// called again when the transaction is; settle is called once for each call.
	Claim(ctx context.Context, tx Tx, at int64, list []Ready) (left []Ready, settle func(committed bool), err error)
	// Admits tells whether a new message may be given to a channel: it is not known
	// to fail, or may be tried with this one.
	Admits(channel sms.ID) bool
}

// Tx is what the gate needs of a transaction.
type Tx interface {
	ledger.Tx
	LawTx
	LeaseEpoch(ctx context.Context, channel sms.ID) (int64, error)
	PutSegments(ctx context.Context, list []sms.Segment) error
	Now(ctx context.Context) (time.Time, error)
	Journal(ctx context.Context) (int64, error)
	Claim(ctx context.Context, account sms.ID, key string, payload [32]byte, expires int64) (fresh bool, oldPayload, answer []byte, err error)
	Answer(ctx context.Context, account sms.ID, key string, sealed []byte) error
	Unclaim(ctx context.Context, account sms.ID, key string) error
	LockChunk(ctx context.Context, campaign sms.ID, no int, claim int64) (bool, error)
	FinishChunk(ctx context.Context, campaign sms.ID, no int, messages []sms.ID, verdicts map[string]int) error
	LockRecipients(ctx context.Context, ids [][16]byte) error
	Ported(ctx context.Context, ids [][16]byte, each func([16]byte, sms.Carrier)) error
	Secrets(ctx context.Context, group sms.ID, ids [][16]byte, each func([16]byte, []byte) error) error
	InsertPeople(ctx context.Context, at int64, people []sms.Person) error
	Grants(ctx context.Context, group sms.ID, ids [][16]byte, each func(consent.Grant)) error
	Suppressions(ctx context.Context, ids [][16]byte, each func(consent.Suppression)) error
	ConsentRequests(ctx context.Context, group sms.ID, ids [][16]byte, each func(consent.Request)) error
	PutConsentRequests(ctx context.Context, list []consent.Request) error
	Recent(ctx context.Context, ids [][16]byte, since int64, each func(sms.RecipientEvent)) error
	InsertDecisions(ctx context.Context, list []sms.Decision) error
	InsertMessages(ctx context.Context, list []*sms.Message) error
	InsertRecipientEvents(ctx context.Context, list []sms.RecipientEvent) error
	OriginEvents(ctx context.Context, ids [][16]byte, since int64, each func(sms.OriginEvent)) error
	InsertOriginEvents(ctx context.Context, list []sms.OriginEvent) error
	RemoveEvents(ctx context.Context, messages ...sms.ID) error
	Messages(ctx context.Context, ids []sms.ID, lock bool) ([]*sms.Message, error)
	Decision(ctx context.Context, id sms.ID) (sms.Decision, error)
	Decisions(ctx context.Context, ids []sms.ID, each func(sms.Decision)) error
	Numbers(ctx context.Context, ids [][16]byte, each func(id [16]byte, sealed []byte) error) error
	Redecide(ctx context.Context, from sms.State, m *sms.Message) (bool, error)
	PastDecisions(ctx context.Context, m *sms.Message) ([]*sms.Message, error)
	SignatureUses(ctx context.Context, ids []sms.ID, each func(id sms.ID, day int64)) error
	UseSignatures(ctx context.Context, ids []sms.ID, day int64) error
	AppendLeaf(ctx context.Context, id sms.ID, kind string, at int64, hashes [][32]byte) error
	InsertEvents(ctx context.Context, list []sms.Event) error
}

// Store runs the gate's transactions.
type Store interface {
	Write(ctx context.Context, fn func(context.Context, Tx) error) error
	Read(ctx context.Context, fn func(context.Context, Tx) error) error
	// Generation is the committed one, if the store knows it without reading.
	Generation() (generation int64, known bool)
}

// KindDecision is the evidence of a decision.
const KindDecision = "decision"

// DecisionRecord is a message's decision as evidence. It names facts, findings
// and permit by their hashes; the pack carries them in full.
func DecisionRecord(m *sms.Message, d *sms.Decision, digest Digest) leaf.Record {
	return leaf.New(KindDecision, int64(m.ID), d.At,
		leaf.Int("account", int64(m.AccountID)),
		leaf.Int("application", int64(m.ApplicationID)),
		leaf.Str("carrier", string(m.Carrier)),
		leaf.Str("category", string(m.Category)),
		leaf.Str("code", string(m.Code)),
		leaf.Int("consent", int64(m.ConsentID)),
		leaf.Str("decided", string(m.Decided)),
		leaf.Int("decision", int64(d.ID)),
		leaf.Hash("facts", digest.Facts),
		leaf.Hash("findings", digest.Findings),
		leaf.Int("group", int64(m.GroupID)),
		leaf.Int("journal", d.Journal),
		leaf.Str("packs", d.Packs),
		leaf.Hash("permit", digest.Permit),
		leaf.Hash("phone", m.PhoneCommit),
		leaf.Str("rule", m.Rule),
		leaf.Int("segments", int64(m.Segments)),
		leaf.Int("signature", int64(m.SignatureID)),
		leaf.Int("template", int64(m.TemplateID)),
		leaf.Hash("text", m.TextCommit),
		leaf.Int("units", int64(m.Units)),
	)
}
