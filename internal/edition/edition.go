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

// Mark names the exact bytes of everything that runs, whoever brought it: a line for each
// pack.
func (e *Edition) Mark() string {
	var lines []string
	for _, s := range e.Standings {
		if s.Runs {
			lines = append(lines, fmt.Sprintf("%s@%s %s\n", s.Name, s.Version, s.SHA256))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// Of is the edition where one with a mark is in force, "" when none is yet: unless they are
// the same, this one decides nothing (P11).
func (e *Edition) Of(mark string) *Edition {
	own := e.Mark()
	if e.err != nil || mark == "" || own == mark {
		return e
	}
	return &Edition{Standings: e.Standings, key: e.key, err: &sms.Error{Code: sms.RulebookUnusable, Cause: fmt.Errorf(
		"another program put %s in force, and this one has %s: upgrade this node, or activate what is in force there", only(mark, own), only(own, mark))}}
}

// only lists the packs that one mark has and another one has not.
func only(mark, other string) string {
	var out []string
	for line := range strings.Lines(mark) {
		if !strings.Contains(other, line) {
			pack, sum, _ := strings.Cut(strings.TrimSpace(line), " ")
			out = append(out, fmt.Sprintf("%s (%.8s)", pack, sum))
		}
	}
	if out == nil {
		return "nothing else"
	}
	return strings.Join(out, ", ")
}

// behind names a pack of which a mark has a newer version than the edition, or that only
// the mark has while the edition is newer in none; "" when there is no such pack.
func (e *Edition) behind(mark string) string {
	mine, ahead, lacks := map[string]string{}, false, ""
	for _, s := range e.Standings {
		if s.Runs {
			mine[s.Name] = s.Version
		}
	}
	for line := range strings.Lines(mark) {
		pack, _, _ := strings.Cut(line, " ")
		name, version, _ := strings.Cut(pack, "@")
		own, has := mine[name]
		delete(mine, name)
		switch {
		case !has:
			lacks = pack
		case rulebook.CompareVersions(own, version) < 0:
			return pack
		case rulebook.CompareVersions(own, version) > 0:
			ahead = true
		}
	}
	if ahead || len(mine) > 0 {
		return ""
	}
	return lacks
}

// TextReader reads the texts of activated packs.
type TextReader interface {
	RulePackText(ctx context.Context, id sms.ID) (text, cases []byte, err error)
}

// Shelf keeps the newest edition, compiled once. It is safe for concurrent use.
type Shelf struct {
	builtin [][]byte
	own     []Standing

	mu        sync.Mutex // never held for long
	last      *Edition
	compiling sync.Mutex
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
	d, err := s.draft(nil)
	if err == nil {
		err = examples(d)
	}
	if err != nil {
		return nil, err
	}
	s.last = s.plan(nil)
	s.last.book = d.Book
	return s, nil
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

// Known is the edition of the program's packs with the activated ones, nil when it has not
// been compiled yet.
func (s *Shelf) Known(active []registry.RulePack) *Edition {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.key == keyOf(active) {
		return s.last
	}
	return nil
}

func (s *Shelf) keep(e *Edition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = e
}

// stored is an activated pack with its text.
type stored struct {
	rulebook.Source
	pack    registry.RulePack
	altered bool // it is not the one that was proposed
}

// Texts are those of one set of activated packs.
type Texts struct {
	active []registry.RulePack
	texts  []stored
}

// Read reads the packs that run beside the program's own. What is done with them takes long:
// it is done after the transaction.
func (s *Shelf) Read(ctx context.Context, tx TextReader, active []registry.RulePack) (*Texts, error) {
	out := &Texts{active: active}
	for _, p := range sorted(active) {
		if s.overtaken(&p) {
			continue
		}
		raw, cases, err := tx.RulePackText(ctx, p.ID)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(raw)
		out.texts = append(out.texts, stored{rulebook.Source{Text: raw, Cases: cases}, p, !bytes.Equal(sum[:], p.Hash)})
	}
	return out, nil
}

// Sources are the texts as they are laid upon the program's own.
func (t *Texts) Sources() []rulebook.Source {
	out := make([]rulebook.Source, len(t.texts))
	for i := range t.texts {
		out[i] = t.texts[i].Source
	}
	return out
}

// Compile makes the edition of packs, once for all who ask at the same time.
func (s *Shelf) Compile(t *Texts) *Edition {
	s.compiling.Lock()
	defer s.compiling.Unlock()
	if e := s.Known(t.active); e != nil {
		return e
	}
	e := s.plan(t.active)
	d, err := s.draft(t.texts)
	if err == nil {
		err = examples(d)
	}
	if err != nil {
		e.err = &sms.Error{Code: sms.RulebookUnusable, Cause: err}
	} else {
		e.book = d.Book
	}
	s.keep(e)
	return e
}

// draft lays activated packs upon the program's own.
func (s *Shelf) draft(texts []stored) (*rulebook.Draft, error) {
	for _, t := range texts {
		if t.altered {
			return nil, fmt.Errorf("pack %s@%s: its text is not the one that was proposed: the hash is another one", t.pack.Name, t.pack.Version)
		}
	}
	return rulebook.Assemble(s.builtin, (&Texts{texts: texts}).Sources()...)
}

// examples refuses a draft that fails its own.
func examples(d *rulebook.Draft) error {
	if failed := d.FailedExamples(); len(failed) > 0 {
		return fmt.Errorf("the rulebook fails its own examples: %s", failed[0])
	}
	return nil
}

// sound picks those packs that load, each with those before it, and says what is wrong with
// the others.
func (s *Shelf) sound(texts []stored) (good []stored, broken []string) {
	for _, t := range texts {
		d, err := s.draft(append(slices.Clone(good), t))
		if err == nil {
			err = examples(d)
		}
		if err != nil {
			broken = append(broken, fmt.Sprintf("%s@%s: %s", t.pack.Name, t.pack.Version, err))
			continue
		}
		good = append(good, t)
	}
	return good, broken
}

// inOrder does the same with their texts.
func inOrder(list []stored) []stored {
	return slices.SortedFunc(slices.Values(list), func(a, b stored) int { return before(&a.pack, &b.pack) })
}

// sorted gives packs the order in which they are laid upon each other: by layer and name.
func sorted(list []registry.RulePack) []registry.RulePack {
	return slices.SortedFunc(slices.Values(list), func(a, b registry.RulePack) int { return before(&a, &b) })
}

func before(a, b *registry.RulePack) int {
	return cmp.Or(strings.Compare(a.Layer, b.Layer), strings.Compare(a.Name, b.Name))
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
