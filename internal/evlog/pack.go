package evlog

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/zhunxin/zhunxin/evidence/bundle"
	"github.com/zhunxin/zhunxin/evidence/checkpoint"
	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/inbound"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// Placed is a leaf with the hashes of its records and its place in a tree.
type Placed struct {
	ID     sms.ID
	Leaf   []byte
	Hashes [][32]byte
	Origin string
	Index  int64 // -1 until the sequencer has been here
}

// PackTx is what a pack is read from.
type PackTx interface {
	Tx
	gate.Reader
	Message(ctx context.Context, id sms.ID) (*sms.Message, error)
	PastDecisions(ctx context.Context, m *sms.Message) ([]*sms.Message, error)
	Decision(ctx context.Context, id sms.ID) (sms.Decision, error)
	SegmentsOf(ctx context.Context, ids []sms.ID, each func(sms.Segment)) error
	PastSegments(ctx context.Context, message sms.ID) ([]sms.Segment, error)
	Endings(ctx context.Context, message sms.ID) ([]sms.Ending, error)
	Grant(ctx context.Context, phone [16]byte, group, id sms.ID) (consent.Grant, error)
	RecordsOf(ctx context.Context, object sms.ID, limit int) ([]Stored, error)
	Suppressions(ctx context.Context, ids [][16]byte, each func(consent.Suppression)) error
	Leaf(ctx context.Context, id sms.ID) (Placed, error)
	CheckpointAt(ctx context.Context, origin string, atLeast int64) (size int64, note string, ok bool, err error)
	Cosigned(ctx context.Context, origin string, atLeast int64) (size int64, lines []string, ok bool, err error)
}

// ErrChanged says that a row is not what was logged, or was logged in a tree that this log
// has lost: no later attempt finds it better.
var ErrChanged = errors.New("it is not what the log holds")

// builder gathers the records of one message.
type builder struct {
	keys   *vault.Keys
	log    *Log
	tx     PackTx
	pack   bundle.Pack
	leaves map[sms.ID]int // place in pack.Leaves
	placed []Placed
	last   int64 // largest index
}

// Pack writes everything that is recorded about a message as one file: decisions
// with their facts, findings and permits, the consent that was relied on, refusals
// of the recipient, submissions, reports and endings. seen is an older checkpoint
// of the receiver's, or "". Every leaf must have its place: sequence first.
func (l *Log) Pack(ctx context.Context, tx PackTx, keys *vault.Keys, message sms.ID, seen string) ([]byte, error) {
	m, err := tx.Message(ctx, message)
	if err != nil {
		return nil, sms.Errorf(sms.NotFound, "message", "no message has the id %d", message)
	}
	b := &builder{log: l, tx: tx, keys: keys, leaves: map[sms.ID]int{}}
	b.pack.Origin, b.pack.Subject = l.Origin, bundle.Subject{Kind: "message", ID: int64(m.ID)}
	for _, add := range []func(context.Context, *sms.Message) error{b.decisions, b.people, b.segments, b.endings} {
		if err := add(ctx, m); err != nil {
			return nil, err
		}
	}
	if err := b.open(ctx, keys, m); err != nil {
		return nil, err
	}
	if err := b.prove(ctx, seen); err != nil {
		return nil, err
	}
	return b.pack.Marshal(l.Signer)
}

// Stored is a record that no other table holds, and its place.
type Stored struct {
	Record leaf.Record
	LeafID sms.ID
	Pos    int
}

// PackOf writes all records that stand under an object's id as one file: the steps of a
// complaint or a request, a duty, a hold, the certificate of an erasure.
func (l *Log) PackOf(ctx context.Context, tx PackTx, object sms.ID, seen string) ([]byte, error) {
	list, err := tx.RecordsOf(ctx, object, bundle.MaxRecords)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, sms.Errorf(sms.NotFound, "path.id", "nothing is recorded under this id")
	}
	b := &builder{log: l, tx: tx, leaves: map[sms.ID]int{}}
	b.pack.Origin, b.pack.Subject = l.Origin, bundle.Subject{Kind: list[0].Record.Kind, ID: int64(object)}
	for _, x := range list {
		if err := b.add(ctx, x.LeafID, x.Pos, x.Record); err != nil {
			return nil, err
		}
	}
	if err := b.prove(ctx, seen); err != nil {
		return nil, err
	}
	return b.pack.Marshal(l.Signer)
}

// add puts a record into the pack, under its leaf. It is checked against the hash
// that was logged: a row that was changed since is found out here.
func (b *builder) add(ctx context.Context, id sms.ID, pos int, candidates ...leaf.Record) error {
	i, ok := b.leaves[id]
	if !ok {
		p, err := b.tx.Leaf(ctx, id)
		if err != nil {
			return fmt.Errorf("evlog: leaf %d: %w", id, err)
		}
		if p.Index < 0 {
			return fmt.Errorf("evlog: leaf %d has no place in the tree yet", id)
		}
		if p.Origin != b.log.Origin {
			return fmt.Errorf("evlog: leaf %d is in the tree of %s, not of %s: %w", id, p.Origin, b.log.Origin, ErrChanged)
		}
		i = len(b.placed)
		b.leaves[id], b.placed = i, append(b.placed, p)
		b.pack.Leaves = append(b.pack.Leaves, bundle.Leaf{Data: string(p.Leaf), Index: p.Index})
		b.last = max(b.last, p.Index)
	}
	p := &b.placed[i]
	at := slices.IndexFunc(candidates, func(r leaf.Record) bool { return pos < len(p.Hashes) && r.Hash() == p.Hashes[pos] })
	if at < 0 {
		return fmt.Errorf("evlog: record %d of leaf %d: the row was changed: %w", pos, id, ErrChanged)
	}
	proof, err := leaf.Prove(p.Hashes, pos)
	if err != nil {
		return err
	}
	b.pack.Records = append(b.pack.Records, bundle.Record{Record: candidates[at], Leaf: i, Pos: pos, Proof: proof})
	return nil
}

func (b *builder) decisions(ctx context.Context, m *sms.Message) error {
	past, err := b.tx.PastDecisions(ctx, m)
	if err != nil {
		return err
	}
	for _, x := range append(past, m) {
		d, err := b.tx.Decision(ctx, x.DecisionID)
		if err != nil {
			return fmt.Errorf("evlog: decision %d: %w", x.DecisionID, err)
		}
		for _, text := range [][]byte{d.Facts, d.Findings, d.Permit} {
			b.pack.Document(string(text))
		}
		if err := b.add(ctx, x.LeafID, x.LeafPos, gate.DecisionRecord(x, &d, gate.DigestOf(&d))); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) people(ctx context.Context, m *sms.Message) error {
	if m.ConsentID != 0 {
		g, err := b.tx.Grant(ctx, m.PhoneID, m.GroupID, m.ConsentID)
		if err != nil {
			return fmt.Errorf("evlog: consent %d: %w", m.ConsentID, err)
		}
		if g.PhoneID, err = b.keys.OpenFormer(g.Former, g.PhoneID); err != nil {
			return err
		}
		if err := b.add(ctx, g.LeafID, g.LeafPos, consent.GrantRecord(&g)); err != nil {
			return err
		}
		// What a page showed, or a reply said, when it was given.
		list, err := b.tx.RecordsOf(ctx, g.ID, bundle.MaxRecords)
		if err != nil {
			return err
		}
		for _, x := range list {
			if err := b.add(ctx, x.LeafID, x.Pos, x.Record); err != nil {
				return err
			}
		}
	}
	var refusals []consent.Suppression
	err := b.tx.Suppressions(ctx, [][16]byte{m.PhoneID}, func(s consent.Suppression) {
		if s.GroupID == m.GroupID || s.GroupID == 0 {
			refusals = append(refusals, s)
		}
	})
	if err != nil {
		return err
	}
	for i := range refusals {
		if refusals[i].PhoneID, err = b.keys.OpenFormer(refusals[i].Former, refusals[i].PhoneID); err != nil {
			return err
		}
		if err := b.add(ctx, refusals[i].LeafID, refusals[i].LeafPos, consent.RefusalRecord(&refusals[i])); err != nil {
			return err
		}
		list, err := b.tx.RecordsOf(ctx, refusals[i].ID, bundle.MaxRecords)
		if err != nil {
			return err
		}
		for _, x := range list { // the customer's server may have signed it
			if x.Record.Kind != consent.KindSigned {
				continue
			}
			if err := b.add(ctx, x.LeafID, x.Pos, x.Record); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *builder) segments(ctx context.Context, m *sms.Message) error {
	list, err := b.tx.PastSegments(ctx, m.ID)
	if err != nil {
		return err
	}
	if err := b.tx.SegmentsOf(ctx, []sms.ID{m.ID}, func(s sms.Segment) { list = append(list, s) }); err != nil {
		return err
	}
	for i := range list {
		s := &list[i]
		if s.SubmitLeaf != 0 {
			if err := b.add(ctx, s.SubmitLeaf, s.SubmitPos, submissions(m, s)...); err != nil {
				return err
			}
		}
		if s.ReportLeaf != 0 {
			if err := b.add(ctx, s.ReportLeaf, s.ReportPos, inbound.ReportRecord(m, s)); err != nil {
				return err
			}
		}
	}
	return nil
}

// submissions are the forms that a segment's submission record may have had: its
// row has moved on since, and a report may have supplied the id of one in doubt, which
// only SGIP knows without.
func submissions(m *sms.Message, s *sms.Segment) (list []leaf.Record) {
	for _, state := range []sms.SegmentState{sms.SegAccepted, sms.SegInDoubt, sms.SegRefused} {
		x := *s
		x.State = state
		list = append(list, dispatch.SubmissionRecord(m, &x))
		if state == sms.SegInDoubt && x.UpstreamID != "" {
			x.UpstreamID = ""
			list = append(list, dispatch.SubmissionRecord(m, &x))
		}
	}
	return list
}

func (b *builder) endings(ctx context.Context, m *sms.Message) error {
	list, err := b.tx.Endings(ctx, m.ID)
	if err != nil {
		return err
	}
	for _, e := range list {
		record := dispatch.CancellationRecord(m, e.State, e.Code, e.Rule, e.At)
		if e.State == sms.Unknown {
			record = dispatch.TimeoutRecord(m, e.At)
		}
		if err := b.add(ctx, e.LeafID, e.LeafPos, record); err != nil {
			return err
		}
	}
	return nil
}

// open adds the salts, by which somebody who knows the number or the text can
// check the commitments. Those of a person who was erased stay closed.
func (b *builder) open(ctx context.Context, keys *vault.Keys, m *sms.Message) error {
	salt, known, err := gate.Salt(ctx, b.tx, keys, m)
	if err != nil || !known {
		return err
	}
	for i := range b.pack.Records {
		if b.pack.Records[i].Record.Kind == consent.KindSigned { // its own salt, of the same secret
			event := *m
			event.ID = sms.ID(b.pack.Records[i].Record.ID)
			salt, _, err := gate.Salt(ctx, b.tx, keys, &event)
			if err != nil {
				return err
			}
			b.pack.Openings = append(b.pack.Openings, bundle.Opening{Record: i, Field: "statement", Salt: hex.EncodeToString(salt[:])})
		}
		if b.pack.Records[i].Record.Kind != gate.KindDecision {
			continue
		}
		for _, field := range []string{"phone", "text"} {
			b.pack.Openings = append(b.pack.Openings, bundle.Opening{Record: i, Field: field, Salt: hex.EncodeToString(salt[:])})
		}
	}
	return nil
}

// prove adds the proofs under the newest checkpoint that a witness has cosigned,
// else under the newest of all.
func (b *builder) prove(ctx context.Context, seen string) error {
	c, err := b.head(ctx)
	if err != nil {
		return err
	}
	hashes := b.log.hashes(ctx, b.tx, c.Tree)
	for i := range b.pack.Leaves {
		p, err := tlog.ProveRecord(c.Tree.N, b.pack.Leaves[i].Index, hashes)
		if err != nil {
			return fmt.Errorf("evlog: prove leaf %d: %w", b.pack.Leaves[i].Index, err)
		}
		b.pack.Leaves[i].Proof = p
	}
	if seen == "" {
		return nil
	}
	old, err := checkpoint.Open(seen, b.log.Origin, b.log.Verifier)
	if err != nil {
		return sms.Errorf(sms.BadRequest, "seen", "%s", err)
	}
	if old.Tree.N > c.Tree.N {
		return sms.Errorf(sms.BadRequest, "seen", "it has size %d and the pack's checkpoint %d: give an older one", old.Tree.N, c.Tree.N)
	}
	b.pack.Seen = seen
	b.pack.Consistency, err = tlog.ProveTree(c.Tree.N, old.Tree.N, hashes)
	return err
}

func (b *builder) head(ctx context.Context) (checkpoint.Checkpoint, error) {
	size, lines, ok, err := b.tx.Cosigned(ctx, b.log.Origin, b.last+1)
	if err != nil {
		return checkpoint.Checkpoint{}, err
	}
	if !ok {
		c, signed, _, err := b.log.Head(ctx, b.tx)
		b.pack.Checkpoint = signed
		return c, err
	}
	_, signed, _, err := b.tx.CheckpointAt(ctx, b.log.Origin, size)
	if err != nil {
		return checkpoint.Checkpoint{}, err
	}
	for _, l := range lines {
		signed += l
	}
	b.pack.Checkpoint = signed
	return checkpoint.Open(signed, b.log.Origin, b.log.Verifier)
}
