package evlog

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/zhunxin/zhunxin/evidence/checkpoint"
	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// KindOrigin is the first record of a log that another one precedes.
const KindOrigin = "origin"

// OriginRecord says which log went before and why it could not go on.
func OriginRecord(id sms.ID, at int64, origin, former, reason string) leaf.Record {
	return leaf.New(KindOrigin, int64(id), at,
		leaf.Str("former", former),
		leaf.Str("origin", origin),
		leaf.Str("reason", reason),
	)
}

// Lost is a range of leaves that was published and that the database lacks.
type Lost struct {
	From, To int64 // indexes; To is exclusive
	Origin   string
}

// Missing tells what the database lacks of a published checkpoint: nil when its
// tree continues it. A tree of the same size or larger with another root is
// beyond doubt another history, which is an error of its own kind: everything
// after what both have in common counts as lost.
func (l *Log) Missing(ctx context.Context, tx Tx, published string) (*Lost, error) {
	p, err := checkpoint.Open(published, l.Origin, l.Verifier)
	if err != nil {
		return nil, fmt.Errorf("evlog: the published checkpoint: %w", err)
	}
	head, _, ok, err := l.Head(ctx, tx)
	if err != nil {
		return nil, err
	}
	if !ok || head.Tree.N < p.Tree.N {
		return &Lost{From: head.Tree.N, To: p.Tree.N, Origin: l.Origin}, nil
	}
	root, err := tlog.TreeHash(p.Tree.N, l.hashes(ctx, tx, head.Tree))
	if err != nil {
		return nil, fmt.Errorf("evlog: root at size %d: %w", p.Tree.N, err)
	}
	if root != p.Tree.Hash {
		return &Lost{From: 0, To: p.Tree.N, Origin: l.Origin}, nil
	}
	return nil, nil
}

// RecordAdder stores a record outside any leaf of a batch, so that a pack can
// show it.
type RecordAdder interface {
	AppendLeaf(ctx context.Context, id sms.ID, kind string, at int64, hashes [][32]byte) error
	PutRecord(ctx context.Context, r leaf.Record, leafID sms.ID, pos int) error
}

// Append writes records of one kind whose rows are nowhere else, such as what an
// administrator did, with their evidence.
func Append(ctx context.Context, tx RecordAdder, ids *sms.IDs, at int64, records ...leaf.Record) error {
	hashes := make([][32]byte, len(records))
	for i := range records {
		if err := records[i].Check(); err != nil {
			return err
		}
		hashes[i] = records[i].Hash()
	}
	id := ids.Next()
	if err := tx.AppendLeaf(ctx, id, records[0].Kind, at, hashes); err != nil {
		return fmt.Errorf("evlog: append: %w", err)
	}
	for i := range records {
		if err := tx.PutRecord(ctx, records[i], id, i); err != nil {
			return fmt.Errorf("evlog: store the record: %w", err)
		}
	}
	return nil
}

// Recorder is how consent writes its evidence in a transaction.
func Recorder(tx RecordAdder, ids *sms.IDs) consent.Recorder {
	return func(ctx context.Context, kind string, at int64, hashes [][32]byte) (sms.ID, error) {
		id := ids.Next()
		return id, tx.AppendLeaf(ctx, id, kind, at, hashes)
	}
}

// New joins an origin with its key.
func New(origin string, signer note.Signer, vkey string) (*Log, error) {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("evlog: verifier key: %w", err)
	}
	return &Log{Origin: origin, Signer: signer, Verifier: v}, nil
}
