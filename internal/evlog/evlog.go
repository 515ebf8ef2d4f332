// Package evlog is the transparency log: it gives leaves their places in a
// Merkle tree, signs the tree's head, and proves that a leaf is in it and that
// one head continues another (P8).
//
// Leaves are written by the transactions that they describe. Sequence is the
// only writer of tiles and checkpoints; two of one size can't exist, because the
// size is the checkpoint's key.
package evlog

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/zhunxin/zhunxin/evidence/checkpoint"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// TileHeight is that of C2SP tlog-tiles.
const TileHeight = 8

// MaxBatch is the most leaves that one transaction places.
const MaxBatch = 500

// Tx is what the log needs of a transaction.
type Tx interface {
	Now(ctx context.Context) (time.Time, error)
	LockLog(ctx context.Context) error
	PendingLeaves(ctx context.Context, limit int) (ids []sms.ID, leaves [][]byte, err error)
	PlaceLeaves(ctx context.Context, origin string, first int64, ids []sms.ID) (int, error)
	Checkpoint(ctx context.Context, origin string) (size int64, note string, ok bool, err error)
	PutCheckpoint(ctx context.Context, origin string, size int64, note string, at int64) error
	Tile(ctx context.Context, origin, path string) (data []byte, ok bool, err error)
	PutTile(ctx context.Context, origin, path string, data []byte) error
}

// Log is one log under its origin and key.
type Log struct {
	Origin   string
	Signer   note.Signer
	Second   note.Signer // gm: signs checkpoints too; nil otherwise
	Verifier note.Verifier
}

// Head reads the newest checkpoint and checks its signature; ok is false when
// nothing was signed yet.
func (l *Log) Head(ctx context.Context, tx Tx) (c checkpoint.Checkpoint, signed string, ok bool, err error) {
	size, signed, ok, err := tx.Checkpoint(ctx, l.Origin)
	if err != nil || !ok {
		return checkpoint.Checkpoint{Origin: l.Origin}, "", false, err
	}
	c, err = checkpoint.Open(signed, l.Origin, l.Verifier)
	if err == nil && c.Tree.N != size {
		err = fmt.Errorf("evlog: the checkpoint stored for size %d says %d", size, c.Tree.N)
	}
	return c, signed, err == nil, err
}

// Sequence places up to MaxBatch waiting leaves and signs the new head. It
// returns how many it placed and the signed checkpoint, which may be published
// only after the transaction has committed. With nothing to place it does
// nothing.
func (l *Log) Sequence(ctx context.Context, tx Tx) (placed int, signed string, err error) {
	if err := tx.LockLog(ctx); err != nil {
		return 0, "", fmt.Errorf("evlog: lock: %w", err)
	}
	ids, leaves, err := tx.PendingLeaves(ctx, MaxBatch)
	if err != nil || len(ids) == 0 {
		return 0, "", err
	}
	old, _, _, err := l.Head(ctx, tx)
	if err != nil {
		return 0, "", err
	}
	tree, err := l.grow(ctx, tx, old.Tree, leaves)
	if err != nil {
		return 0, "", err
	}
	n, err := tx.PlaceLeaves(ctx, l.Origin, old.Tree.N, ids)
	if err != nil {
		return 0, "", fmt.Errorf("evlog: place leaves: %w", err)
	}
	if n != len(ids) {
		return 0, "", fmt.Errorf("evlog: %d of %d leaves were placed: another sequencer is at work", n, len(ids))
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return 0, "", err
	}
	signers := []note.Signer{l.Signer}
	if l.Second != nil {
		signers = append(signers, l.Second)
	}
	if signed, err = (checkpoint.Checkpoint{Origin: l.Origin, Tree: tree}).Sign(signers...); err != nil {
		return 0, "", err
	}
	if err := tx.PutCheckpoint(ctx, l.Origin, tree.N, signed, now.UnixMilli()); err != nil {
		return 0, "", fmt.Errorf("evlog: store checkpoint: %w", err)
	}
	return n, signed, nil
}

// grow appends the leaves and stores the tiles that are new.
func (l *Log) grow(ctx context.Context, tx Tx, old tlog.Tree, leaves [][]byte) (tlog.Tree, error) {
	fresh := map[int64]tlog.Hash{}
	stored := l.hashes(ctx, tx, old)
	hashes := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		var ask []int64
		var at []int
		for i, x := range indexes {
			if h, ok := fresh[x]; ok {
				out[i] = h
				continue
			}
			ask, at = append(ask, x), append(at, i)
		}
		if len(ask) > 0 {
			got, err := stored.ReadHashes(ask)
			if err != nil {
				return nil, err
			}
			for i, h := range got {
				out[at[i]] = h
			}
		}
		return out, nil
	})
	size := old.N
	for _, leaf := range leaves {
		list, err := tlog.StoredHashes(size, leaf, hashes)
		if err != nil {
			return tlog.Tree{}, fmt.Errorf("evlog: append leaf %d: %w", size, err)
		}
		first := tlog.StoredHashIndex(0, size)
		for i, h := range list {
			fresh[first+int64(i)] = h
		}
		size++
	}
	root, err := tlog.TreeHash(size, hashes)
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("evlog: root of %d leaves: %w", size, err)
	}
	for _, tile := range tlog.NewTiles(TileHeight, old.N, size) {
		data, err := tlog.ReadTileData(tile, hashes)
		if err != nil {
			return tlog.Tree{}, fmt.Errorf("evlog: tile %s: %w", tile.Path(), err)
		}
		if err := tx.PutTile(ctx, l.Origin, tile.Path(), data); err != nil {
			return tlog.Tree{}, fmt.Errorf("evlog: store tile %s: %w", tile.Path(), err)
		}
	}
	return tlog.Tree{N: size, Hash: root}, nil
}

// hashes reads a signed tree's hashes from its tiles and checks them against its
// root: a tile that was changed is found out here.
func (l *Log) hashes(ctx context.Context, tx Tx, tree tlog.Tree) tlog.HashReader {
	if tree.N == 0 {
		return tlog.HashReaderFunc(func([]int64) ([]tlog.Hash, error) { return nil, fmt.Errorf("evlog: the tree is empty") })
	}
	return tlog.TileHashReader(tree, &tiles{ctx: ctx, tx: tx, origin: l.Origin})
}

// tiles reads stored tiles for one transaction.
type tiles struct {
	ctx    context.Context //nolint:containedctx // tlog.TileReader takes none
	tx     Tx
	origin string
}

// Height implements tlog.TileReader.
func (t *tiles) Height() int { return TileHeight }

// SaveTiles implements tlog.TileReader; what was read is stored already.
func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles implements tlog.TileReader.
func (t *tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(list))
	for i, tile := range list {
		data, ok, err := t.tx.Tile(t.ctx, t.origin, tile.Path())
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("evlog: tile %s is missing", tile.Path())
		}
		out[i] = data
	}
	return out, nil
}

// Inclusion proves that the leaf at an index is in the newest signed tree.
func (l *Log) Inclusion(ctx context.Context, tx Tx, index int64) (tlog.RecordProof, checkpoint.Checkpoint, error) {
	c, _, ok, err := l.Head(ctx, tx)
	if err != nil {
		return nil, c, err
	}
	if !ok || index < 0 || index >= c.Tree.N {
		return nil, c, sms.Errorf(sms.NotFound, "leaf", "the signed tree has %d leaves", c.Tree.N)
	}
	p, err := tlog.ProveRecord(c.Tree.N, index, l.hashes(ctx, tx, c.Tree))
	return p, c, err
}

// Consistency proves that the newest signed tree continues one of an earlier size.
func (l *Log) Consistency(ctx context.Context, tx Tx, size int64) (tlog.TreeProof, checkpoint.Checkpoint, error) {
	c, _, ok, err := l.Head(ctx, tx)
	if err != nil {
		return nil, c, err
	}
	if !ok || size < 1 || size > c.Tree.N {
		return nil, c, sms.Errorf(sms.NotFound, "size", "the signed tree has %d leaves", c.Tree.N)
	}
	p, err := tlog.ProveTree(c.Tree.N, size, l.hashes(ctx, tx, c.Tree))
	return p, c, err
}

// Sound tells whether the stored tiles make the signed tree.
func (l *Log) Sound(ctx context.Context, tx Tx, tree tlog.Tree) error {
	root, err := tlog.TreeHash(tree.N, l.hashes(ctx, tx, tree))
	if err != nil {
		return fmt.Errorf("evlog: root of %d leaves: %w", tree.N, err)
	}
	if root != tree.Hash {
		return fmt.Errorf("evlog: the tiles make another root than the signed one of %d leaves", tree.N)
	}
	return nil
}
