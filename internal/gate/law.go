package gate

import (
	"context"
	"errors"
	"fmt"

	"github.com/zhunxin/zhunxin/internal/edition"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/routing"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
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
	Setting(ctx context.Context, name string) (string, error)
	SegmentTable(ctx context.Context) ([]byte, error)
}

// errNotCompiled says that packs came into force which this node has not compiled yet.
var errNotCompiled = &sms.Error{Code: sms.Busy, Detail: "new rule packs are being loaded"}

// Compiled runs what a transaction does, and again once packs that came into force meanwhile
// are compiled: that takes too long to be done while anything is locked.
func (g *Gate) Compiled(ctx context.Context, run func() error) error {
	err := run()
	if errors.Is(err, errNotCompiled) {
		if _, err := g.read(ctx); err != nil {
			return err
		}
		err = run()
	}
	return err
}

// fresh is the law as of now. It is read again when the generation has moved; a decision
// always checks that inside its transaction. Packs that are not compiled yet are
// errNotCompiled.
func (g *Gate) fresh(ctx context.Context, tx LawTx) (*law, error) {
	l, mark, err := g.asOfNow(ctx, tx)
	if err != nil || l.edition != nil {
		return l, err
	}
	e := g.shelf.Known(l.snap.RulePacks)
	if e == nil {
		return nil, errNotCompiled
	}
	return g.adopt(l, e.Of(mark)), nil
}

// asOfNow is the law as of now, without its edition when the generation has moved; mark names
// the one that is in force.
func (g *Gate) asOfNow(ctx context.Context, tx LawTx) (l *law, mark string, err error) {
	generation, err := tx.Generation(ctx)
	if err != nil {
		return nil, "", err
	}
	if old := g.law.Load(); old != nil && old.snap.Generation == generation {
		return old, "", nil
	}
	l = &law{}
	if l.snap, err = tx.Registry(ctx); err != nil {
		return nil, "", err
	}
	if l.segments, err = segmentsOf(ctx, tx, l.snap, g.law.Load()); err != nil {
		return nil, "", err
	}
	mark, err = tx.Setting(ctx, edition.SettingRuns)
	return l, mark, err
}

// adopt takes an edition for what this node decides by.
func (g *Gate) adopt(l *law, e *edition.Edition) *law {
	old := g.law.Load()
	var unusable error
	l.edition = e
	if l.book, unusable = e.Book(); unusable != nil && (old == nil || old.book != nil || old.edition.Mark() != e.Mark()) {
		g.cfg.Logger.Error("this node decides nothing: it can't use the rule packs in force (无法使用现行规则包，本节点停止受理)", "err", unusable)
	}
	if l.readings = new(readings); old != nil && old.book == l.book {
		l.readings = old.readings
	}
	g.law.Store(l)
	return l
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

// read is the law as of now, compiled outside of any transaction if it must be.
func (g *Gate) read(ctx context.Context) (*law, error) {
	if generation, known := g.store.Generation(); known {
		if old := g.law.Load(); old != nil && old.snap.Generation == generation {
			return old, nil
		}
	}
	var l *law
	var e *edition.Edition
	var texts *edition.Texts
	var mark string
	err := g.store.Read(ctx, func(ctx context.Context, tx Tx) (err error) {
		if l, mark, err = g.asOfNow(ctx, tx); err != nil || l.edition != nil {
			return err
		}
		if e = g.shelf.Known(l.snap.RulePacks); e == nil {
			texts, err = g.shelf.Read(ctx, tx, l.snap.RulePacks)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the registry: %w", err)
	}
	if l.edition != nil {
		return l, nil
	}
	if e == nil {
		e = g.shelf.Compile(texts)
	}
	return g.adopt(l, e.Of(mark)), nil
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
