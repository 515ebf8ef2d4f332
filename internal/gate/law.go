package gate

import (
	"context"
	"fmt"

	"github.com/zhunxin/zhunxin/internal/edition"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/routing"
	"github.com/zhunxin/zhunxin/internal/rulebook"
)

// law is what decisions rest on besides the recipients' facts, as of one generation. It
// never changes.
type law struct {
	snap     *registry.Snapshot
	edition  *edition.Edition
	book     *rulebook.Book // nil when this program can't load the edition
	readings *readings      // under that book
	segments *routing.Segments
}

// LawTx is what reading the law needs of a transaction.
type LawTx interface {
	edition.TextReader
	Generation(ctx context.Context) (int64, error)
	Registry(ctx context.Context) (*registry.Snapshot, error)
	SegmentTable(ctx context.Context) ([]byte, error)
}

// fresh is the law as of now. It is read again when the generation has moved; a decision
// always checks that inside its transaction.
func (g *Gate) fresh(ctx context.Context, tx LawTx) (*law, error) {
	generation, err := tx.Generation(ctx)
	if err != nil {
		return nil, err
	}
	old := g.law.Load()
	if old != nil && old.snap.Generation == generation {
		return old, nil
	}
	l := &law{}
	if l.snap, err = tx.Registry(ctx); err != nil {
		return nil, err
	}
	if l.edition, err = g.shelf.Edition(ctx, tx, l.snap.RulePacks); err != nil {
		return nil, fmt.Errorf("read the rule packs: %w", err)
	}
	if l.segments, err = segmentsOf(ctx, tx, l.snap, old); err != nil {
		return nil, err
	}
	var unusable error
	if l.book, unusable = l.edition.Book(); unusable != nil && (old == nil || old.edition != l.edition) {
		g.cfg.Logger.Error("this node decides nothing: it can't load the rule packs in force (无法载入现行规则包，本节点停止受理)", "err", unusable)
	}
	if l.readings = new(readings); old != nil && old.book == l.book {
		l.readings = old.readings
	}
	g.law.Store(l)
	return l, nil
}

// segmentsOf reads the table of number segments, unless it is the one that was read before.
func segmentsOf(ctx context.Context, tx LawTx, snap *registry.Snapshot, old *law) (*routing.Segments, error) {
	switch {
	case old != nil && old.snap.SegmentTable == snap.SegmentTable:
		return old.segments, nil
	case snap.SegmentTable == 0:
		return routing.BuiltinSegments()
	}
	data, err := tx.SegmentTable(ctx)
	if err != nil {
		return nil, err
	}
	return routing.DecodeSegments(data)
}

// usable is fresh for who decides: what can't be loaded is never replaced by an older
// edition (P11).
func (g *Gate) usable(ctx context.Context, tx LawTx) (*law, error) {
	l, err := g.fresh(ctx, tx)
	if err != nil {
		return nil, err
	}
	_, err = l.edition.Book()
	return l, err
}

func (g *Gate) read(ctx context.Context) (l *law, err error) {
	err = g.store.Read(ctx, func(ctx context.Context, tx Tx) error {
		l, err = g.fresh(ctx, tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the registry: %w", err)
	}
	return l, nil
}

// Snapshot is the registry as of now.
func (g *Gate) Snapshot(ctx context.Context) (*registry.Snapshot, error) {
	l, err := g.read(ctx)
	if err != nil {
		return nil, err
	}
	return l.snap, nil
}

// Segments is the table of number segments as of now.
func (g *Gate) Segments(ctx context.Context) (*routing.Segments, error) {
	l, err := g.read(ctx)
	if err != nil {
		return nil, err
	}
	return l.segments, nil
}

// Edition is the edition of the rulebook that is in force; it tells whether this node can
// load it.
func (g *Gate) Edition(ctx context.Context) (*edition.Edition, error) {
	l, err := g.read(ctx)
	if err != nil {
		return nil, err
	}
	return l.edition, nil
}

// InForce is the registry and the rulebook of one generation, as of now.
func (g *Gate) InForce(ctx context.Context) (*registry.Snapshot, *rulebook.Book, error) {
	l, err := g.read(ctx)
	if err != nil {
		return nil, nil, err
	}
	book, err := l.edition.Book()
	return l.snap, book, err
}

// RulesInForce is the rulebook as of now, or why this node can't use it.
func (g *Gate) RulesInForce(ctx context.Context) (*rulebook.Book, error) {
	_, book, err := g.InForce(ctx)
	return book, err
}

// Rules is the rulebook in force for a transaction.
func (g *Gate) Rules(ctx context.Context, tx LawTx) (*rulebook.Book, error) {
	l, err := g.usable(ctx, tx)
	if err != nil {
		return nil, err
	}
	return l.book, nil
}

// Cached is the registry as last read, which may be a moment old; nil before
// the first read. Decisions never rely on it alone.
func (g *Gate) Cached() *registry.Snapshot {
	if l := g.law.Load(); l != nil {
		return l.snap
	}
	return nil
}
