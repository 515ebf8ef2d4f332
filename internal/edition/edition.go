// Package edition keeps the edition of the rulebook that is in force: the program's own
// packs, and those that two people of compliance have put beside them or in their place.
//
// An edition belongs to a generation of the registry, like everything else that a
// decision reads. One that a program can't load is never replaced by an older one: the
// node then decides nothing, and says so (P11).
package edition

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Standing is a pack of an edition, and whether it runs.
type Standing struct {
	ID      sms.ID        `json:"id,omitempty" doc:"of the activated pack; none is the program's own"`
	Name    string        `json:"name"`
	Version string        `json:"version"`
	Layer   string        `json:"layer"`
	SHA256  string        `json:"sha256" doc:"of the exact text"`
	Runs    bool          `json:"runs"`
	Why     rulebook.Both `json:"why"`
}

// Edition is the rulebook of one set of packs. It never changes.
type Edition struct {
	Standings []Standing
	key       string
	book      *rulebook.Book
	err       error
}

// Book is what decides, or why nothing can be decided.
func (e *Edition) Book() (*rulebook.Book, error) { return e.book, e.err }

// Mark names the exact bytes of everything that runs.
func (e *Edition) Mark() string {
	h := sha256.New()
	for _, s := range e.Standings {
		if s.Runs {
			fmt.Fprintf(h, "%s@%s:%s\n", s.Name, s.Version, s.SHA256)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// TextReader reads the texts of activated packs.
type TextReader interface {
	RulePackText(ctx context.Context, id sms.ID) (text, cases []byte, err error)
}

// Shelf keeps the newest edition, compiled once. It is safe for concurrent use.
type Shelf struct {
	builtin [][]byte
	own     []Standing

	mu   sync.Mutex
	last *Edition
}

// NewShelf begins with the program's own packs, which must pass their own examples.
func NewShelf(builtin [][]byte) (*Shelf, error) {
	s := &Shelf{builtin: builtin}
	for _, raw := range builtin {
		p, err := rulebook.Parse(raw)
		if err != nil {
			return nil, err
		}
		if err := rulebook.CheckVersion(p.Version); err != nil {
			return nil, fmt.Errorf("pack %s: %w", p.Name, err)
		}
		sum := sha256.Sum256(raw)
		s.own = append(s.own, Standing{Name: p.Name, Version: p.Version, Layer: p.Layer, SHA256: hex.EncodeToString(sum[:])})
	}
	book, err := load(builtin, nil)
	if err != nil {
		return nil, err
	}
	s.last = s.plan(nil)
	s.last.book = book
	return s, nil
}

// load compiles packs and runs their examples.
func load(builtin [][]byte, more []rulebook.Source) (*rulebook.Book, error) {
	d, err := rulebook.Assemble(builtin, more...)
	if err != nil {
		return nil, err
	}
	if failed := d.FailedExamples(); len(failed) > 0 {
		return nil, fmt.Errorf("the rulebook fails its own examples: %s", failed[0])
	}
	return d.Book, nil
}

// version is that of the program's own pack of a name, "" when it has none.
func (s *Shelf) version(name string) string {
	for _, o := range s.own {
		if o.Name == name {
			return o.Version
		}
	}
	return ""
}

// overtaken tells whether the program's own pack is at least as new as an activated one:
// then that one runs, for the program that brings it was written after the law changed.
func (s *Shelf) overtaken(p *registry.RulePack) bool {
	own := s.version(p.Name)
	return own != "" && rulebook.CompareVersions(own, p.Version) >= 0
}

// arrange says which packs run, and why.
func (s *Shelf) arrange(active []registry.RulePack) []Standing {
	var out []Standing
	for _, o := range s.own {
		o.Runs, o.Why = true, rulebook.Both{Zh: "程序自带", En: "the program's own"}
		for i := range active {
			if p := &active[i]; p.Name == o.Name && !s.overtaken(p) {
				o.Runs, o.Why = false, rulebook.Both{Zh: "已由激活的新版本 " + p.Version + " 取代", En: "the activated version " + p.Version + " is newer"}
			}
		}
		out = append(out, o)
	}
	for i := range active {
		p := &active[i]
		x := Standing{ID: p.ID, Name: p.Name, Version: p.Version, Layer: p.Layer, SHA256: hex.EncodeToString(p.Hash)}
		if x.Runs = !s.overtaken(p); x.Runs {
			x.Why = rulebook.Both{Zh: "经两人复核激活", En: "activated by a second person"}
		} else {
			x.Why = rulebook.Both{Zh: "程序自带的版本 " + s.version(p.Name) + " 不早于它", En: "the program's own version " + s.version(p.Name) + " is not older"}
		}
		out = append(out, x)
	}
	return out
}

// plan is an edition that is not compiled yet.
func (s *Shelf) plan(active []registry.RulePack) *Edition {
	return &Edition{Standings: s.arrange(sorted(active)), key: keyOf(active)}
}

// keyOf names a set of activated packs, whose rows never change.
func keyOf(active []registry.RulePack) string {
	var b strings.Builder
	for _, p := range sorted(active) {
		fmt.Fprintf(&b, "%d,", p.ID)
	}
	return b.String()
}

// Edition is that of the program's packs with the activated ones. It is compiled when
// the set of packs is another one than before; an error is of the reading alone.
func (s *Shelf) Edition(ctx context.Context, tx TextReader, active []registry.RulePack) (*Edition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	active = sorted(active)
	e := s.plan(active)
	if s.last.key == e.key {
		return s.last, nil
	}
	sources, err := s.Sources(ctx, tx, active)
	if err == nil {
		e.book, err = load(s.builtin, sources)
	} else if !errors.Is(err, errAltered) {
		return nil, err
	}
	if err != nil {
		e.err = &sms.Error{Code: sms.RulebookUnusable, Cause: err}
	}
	s.last = e
	return e, nil
}

// errAltered is of a stored pack that is not the one that was activated.
var errAltered = errors.New("its text is not the one that was proposed: the hash is another one")

// Sources reads the packs that run beside the program's own.
func (s *Shelf) Sources(ctx context.Context, tx TextReader, active []registry.RulePack) ([]rulebook.Source, error) {
	var out []rulebook.Source
	for _, p := range sorted(active) {
		if s.overtaken(&p) {
			continue
		}
		text, cases, err := tx.RulePackText(ctx, p.ID)
		if err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(text); !bytes.Equal(sum[:], p.Hash) {
			return nil, fmt.Errorf("pack %s@%s: %w", p.Name, p.Version, errAltered)
		}
		out = append(out, rulebook.Source{Text: text, Cases: cases})
	}
	return out, nil
}

// sorted gives packs the order in which they are laid upon each other: by layer and name.
func sorted(list []registry.RulePack) []registry.RulePack {
	return slices.SortedFunc(slices.Values(list), func(a, b registry.RulePack) int {
		return cmp.Or(strings.Compare(a.Layer, b.Layer), strings.Compare(a.Name, b.Name))
	})
}

// with is a set of activated packs after another one has come, in the place of an older
// version if there is one.
func with(active []registry.RulePack, p registry.RulePack) (after []registry.RulePack, former *registry.RulePack) {
	for i := range active {
		if active[i].Name == p.Name {
			former = &active[i]
			continue
		}
		after = append(after, active[i])
	}
	return append(after, p), former
}
