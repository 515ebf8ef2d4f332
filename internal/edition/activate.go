package edition

import (
	"context"
	"crypto/sha256"
	"fmt"
	"regexp"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Kind is the evidence of what becomes of rule packs.
const Kind = "rulebook"

// Bounds of what may wait and run.
const (
	MaxProposed = 20
	MaxActive   = 32
	MaxNote     = 1000
)

// Reader is what a trial needs of a transaction.
type Reader interface {
	TextReader
	ActiveRulePacks(ctx context.Context) ([]registry.RulePack, error)
	Setting(ctx context.Context, name string) (string, error)
	RulePack(ctx context.Context, id sms.ID) (registry.RulePack, bool, error)
}

// Tx is what proposing and activating need of a transaction.
type Tx interface {
	Reader
	AppendLeaf(ctx context.Context, id sms.ID, kind string, at int64, hashes [][32]byte) error
	PutRecord(ctx context.Context, r leaf.Record, leafID sms.ID, pos int) error
	Now(ctx context.Context) (time.Time, error)
	MoveGeneration(ctx context.Context) error
	Revoke(ctx context.Context, r sms.Revocation) (int64, error)
	ProposedRulePacks(ctx context.Context) (int, error)
	InsertRulePack(ctx context.Context, p registry.RulePack, text, cases []byte) error
	DecideRulePack(ctx context.Context, p registry.RulePack) (bool, error)
	RetireRulePack(ctx context.Context, id sms.ID, at int64) error
	PutSetting(ctx context.Context, name, value string) error
}

// Store runs the transactions.
type Store interface {
	Write(ctx context.Context, fn func(context.Context, Tx) error) error
	Read(ctx context.Context, fn func(context.Context, Reader) error) error
}

// Desk is where packs are proposed and activated.
type Desk struct {
	Shelf *Shelf
	Store Store
	IDs   *sms.IDs
	// Record puts records of one kind into the evidence log.
	Record func(ctx context.Context, tx Tx, at int64, records ...leaf.Record) error
}

// Trial is what a pack would make of the rulebook.
type Trial struct {
	Pack    registry.RulePack
	Draft   *rulebook.Draft
	Before  *rulebook.Book // what this node would decide by now; the program's own packs when it can't
	Changes []rulebook.Change
	Failed  []string // examples and scenarios that would be decided otherwise than they say
	// Broken are active packs without which it was tried, for they can't be loaded: this node
	// decides nothing until each has its successor.
	Broken []string

	former *registry.RulePack
	key    string // of the packs that were active
}

var packName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// refused makes an error of what is wrong with a pack.
func refused(field string, err error) error {
	return &sms.Error{Code: sms.RulePackRefused, Field: field, Detail: err.Error()}
}

// Try loads a pack with all that run now, and runs every example and scenario. Nothing
// is stored.
func (d *Desk) Try(ctx context.Context, text, cases []byte) (*Trial, error) {
	p, err := rulebook.Parse(text)
	if err != nil {
		return nil, refused("body.pack", err)
	}
	if !packName.MatchString(p.Name) {
		return nil, refused("body.pack", fmt.Errorf("its name %.40q is not of small letters, digits and hyphens, 40 at the most", p.Name))
	}
	if err := rulebook.CheckVersion(p.Version); err != nil {
		return nil, refused("body.pack", err)
	}
	if own := d.Shelf.version(p.Name); own != "" && rulebook.CompareVersions(p.Version, own) <= 0 {
		return nil, refused("body.pack", fmt.Errorf("version %s is not above %s, the program's own", p.Version, own))
	}
	sum, casesSum := sha256.Sum256(text), sha256.Sum256(cases)
	t := &Trial{Pack: registry.RulePack{Name: p.Name, Version: p.Version, Layer: p.Layer, Hash: sum[:], CasesHash: casesSum[:], State: registry.Proposed}}
	now, others, err := d.active(ctx, t)
	if err != nil {
		return nil, err
	}
	if t.former != nil && rulebook.CompareVersions(p.Version, t.former.Version) <= 0 {
		return nil, refused("body.pack", fmt.Errorf("version %s is not above %s, which is active", p.Version, t.former.Version))
	}
	if len(now.active) >= MaxActive && t.former == nil {
		return nil, refused("body.pack", fmt.Errorf("%d packs are active, and there may be no more", MaxActive))
	}
	own := stored{rulebook.Source{Text: text, Cases: cases}, t.Pack, false}
	t.Before, err = d.Shelf.Compile(now).Book()
	if err != nil { // what can't be loaded is perhaps just being mended
		others, t.Broken = d.Shelf.sound(others)
		if t.Before, err = rulebook.Load(d.Shelf.builtin...); err != nil {
			return nil, err
		}
	}
	if t.Draft, err = d.Shelf.draft(inOrder(append(others, own))); err != nil {
		return nil, refused("body.pack", err)
	}
	t.Changes, t.Failed = rulebook.Diff(t.Before, t.Draft.Book), t.Draft.Wrong()
	return t, nil
}

// active reads what is active, and apart what would stay beside the pack that is tried.
func (d *Desk) active(ctx context.Context, t *Trial) (now *Texts, others []stored, err error) {
	err = d.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		active, err := tx.ActiveRulePacks(ctx)
		if err == nil {
			now, err = d.Shelf.Read(ctx, tx, active)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	t.key = keyOf(now.active)
	_, t.former = with(now.active, t.Pack)
	for _, x := range now.texts {
		if x.pack.Name != t.Pack.Name {
			others = append(others, x)
		}
	}
	return now, others, nil
}

// fails is the error of a trial that failed, or nil.
func (t *Trial) fails() error {
	if len(t.Failed) == 0 {
		return nil
	}
	return refused("body.pack", fmt.Errorf("%d examples or scenarios are not decided as they say; the first: %s", len(t.Failed), t.Failed[0]))
}

// Propose stores a pack that passed its trial, for a second person to activate.
func (d *Desk) Propose(ctx context.Context, t *Trial, by *registry.Staff, note string, text, cases []byte) (registry.RulePack, error) {
	p := t.Pack
	if err := t.fails(); err != nil {
		return p, err
	}
	p.ID, p.ProposedBy, p.Note = d.IDs.Next(), by.ID, note
	err := d.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		n, err := tx.ProposedRulePacks(ctx)
		if err != nil {
			return err
		}
		if n >= MaxProposed {
			return refused("body.pack", fmt.Errorf("%d packs wait for a second person already: activate or reject some of them", n))
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		p.ProposedAt = now.UnixMilli()
		if err := tx.InsertRulePack(ctx, p, text, cases); err != nil {
			return err
		}
		return d.Record(ctx, tx, p.ProposedAt, record("propose", &p, p.ProposedAt))
	})
	return p, err
}

// record is the evidence of what was done with a pack.
func record(action string, p *registry.RulePack, at int64) leaf.Record {
	return leaf.New(Kind, int64(p.ID), at,
		leaf.Str("action", action),
		leaf.Int("by_staff", int64(p.DecidedBy)),
		leaf.Str("cases", fmt.Sprintf("%x", p.CasesHash)),
		leaf.Str("layer", p.Layer),
		leaf.Str("name", p.Name),
		leaf.Int("proposed_at", p.ProposedAt),
		leaf.Int("proposed_by", int64(p.ProposedBy)),
		leaf.Str("sha256", fmt.Sprintf("%x", p.Hash)),
		leaf.Str("version", p.Version),
	)
}

// errMoved asks for another trial.
var errMoved = &sms.Error{Code: sms.Busy, Detail: "another rule pack was activated at the same moment"}

// Activate puts a proposed pack in force: on every node, from the next decision on. What
// waits is looked at again under it.
func (d *Desk) Activate(ctx context.Context, id sms.ID, by *registry.Staff) (p registry.RulePack, err error) {
	for range 3 {
		if p, err = d.activate(ctx, id, by); err != error(errMoved) { //nolint:errorlint // it is made here and not wrapped
			break
		}
	}
	return p, err
}

func (d *Desk) activate(ctx context.Context, id sms.ID, by *registry.Staff) (registry.RulePack, error) {
	p, text, cases, err := d.waiting(ctx, id)
	if err != nil {
		return p, err
	}
	if p.ProposedBy == by.ID {
		return p, sms.Errorf(sms.SamePerson, "Authorization", "%s@%s was proposed by the same person", p.Name, p.Version)
	}
	t, err := d.Try(ctx, text, cases) // the law and the other packs may have changed since
	if err == nil {
		err = t.fails()
	}
	if err != nil {
		return p, err
	}
	var e *Edition
	err = d.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.MoveGeneration(ctx); err != nil { // activations come one after the other
			return err
		}
		active, err := tx.ActiveRulePacks(ctx)
		if err != nil {
			return err
		}
		if keyOf(active) != t.key {
			return errMoved
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		p.State, p.DecidedBy, p.DecidedAt = registry.Active, by.ID, now.UnixMilli()
		if t.former != nil {
			if err := tx.RetireRulePack(ctx, t.former.ID, p.DecidedAt); err != nil {
				return err
			}
		}
		if err := decide(ctx, tx, &p); err != nil {
			return err
		}
		after, _ := with(active, p)
		e = d.Shelf.plan(after)
		was, err := tx.Setting(ctx, SettingRuns)
		if err != nil {
			return err
		}
		if newer := e.behind(was); newer != "" {
			return &sms.Error{Code: sms.RulebookUnusable, Field: "path.id", Detail: newer + " is in force since a newer program began, and this node would put an older one in its place: activate it on an upgraded node"}
		}
		if err := tx.PutSetting(ctx, SettingRuns, e.Mark()); err != nil {
			return err
		}
		if err := d.Record(ctx, tx, p.DecidedAt, record("activate", &p, p.DecidedAt)); err != nil {
			return err
		}
		_, err = tx.Revoke(ctx, sms.Revocation{Kind: "pack", ObjectID: int64(p.ID), At: p.DecidedAt})
		return err
	})
	if err == nil && len(t.Broken) == 0 { // it has been compiled and tried
		e.book = t.Draft.Book
		d.Shelf.keep(e)
	}
	return p, err
}

// waiting reads a pack that waits for a second person.
func (d *Desk) waiting(ctx context.Context, id sms.ID) (p registry.RulePack, text, cases []byte, err error) {
	err = d.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		found := false
		if p, found, err = tx.RulePack(ctx, id); err != nil {
			return err
		}
		switch {
		case !found:
			return sms.Errorf(sms.NotFound, "path.id", "no rule pack has this id")
		case p.State != registry.Proposed:
			return sms.Errorf(sms.RulePackDecided, "path.id", "it is %s", p.State)
		}
		text, cases, err = tx.RulePackText(ctx, id)
		return err
	})
	return p, text, cases, err
}

func decide(ctx context.Context, tx Tx, p *registry.RulePack) error {
	ok, err := tx.DecideRulePack(ctx, *p)
	if err == nil && !ok {
		err = sms.Errorf(sms.RulePackDecided, "path.id", "somebody else decided at the same moment")
	}
	return err
}

// Reject ends a proposal. Its proposer may do so too.
func (d *Desk) Reject(ctx context.Context, id sms.ID, by *registry.Staff) (p registry.RulePack, err error) {
	if p, _, _, err = d.waiting(ctx, id); err != nil {
		return p, err
	}
	err = d.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		p.State, p.DecidedBy, p.DecidedAt = registry.Rejected, by.ID, now.UnixMilli()
		if err := decide(ctx, tx, &p); err != nil {
			return err
		}
		return d.Record(ctx, tx, p.DecidedAt, record("reject", &p, p.DecidedAt))
	})
	return p, err
}

// SettingRuns is the setting that holds the mark of the edition in force: a node that has
// another one decides nothing.
const SettingRuns = "rulebook.runs"

// Begin puts what a node begins with in force, if it is another edition than the one before:
// a program brings packs too. What waits is then looked at again, and nodes of the former
// program decide nothing until they are upgraded. An older program than the one whose packs
// are in force, or packs that can't be loaded, change nothing.
func (d *Desk) Begin(ctx context.Context) (e *Edition, err error) {
	for range 3 {
		if e, err = d.begin(ctx); err != error(errMoved) { //nolint:errorlint // it is made here and not wrapped
			break
		}
	}
	return e, err
}

func (d *Desk) begin(ctx context.Context) (*Edition, error) {
	var now *Texts
	var was string
	err := d.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		active, err := tx.ActiveRulePacks(ctx)
		if err != nil {
			return err
		}
		if now, err = d.Shelf.Read(ctx, tx, active); err != nil {
			return err
		}
		was, err = tx.Setting(ctx, SettingRuns)
		return err
	})
	if err != nil {
		return nil, err
	}
	e := d.Shelf.Compile(now)
	if e.err != nil || was == e.Mark() || e.behind(was) != "" {
		return e.Of(was), nil
	}
	return e, d.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.MoveGeneration(ctx); err != nil { // beginnings and activations come one after the other
			return err
		}
		active, err := tx.ActiveRulePacks(ctx)
		if err != nil {
			return err
		}
		still, err := tx.Setting(ctx, SettingRuns)
		if err != nil {
			return err
		}
		if still != was || keyOf(active) != e.key {
			return errMoved
		}
		return d.run(ctx, tx, e, was == "")
	})
}

// run stores that an edition is in force from now on.
func (d *Desk) run(ctx context.Context, tx Tx, e *Edition, first bool) error {
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	var records []leaf.Record
	for _, s := range e.Standings {
		if s.Runs {
			records = append(records, leaf.New(Kind, int64(s.ID), now.UnixMilli(),
				leaf.Str("action", "run"), leaf.Str("layer", s.Layer), leaf.Str("name", s.Name), leaf.Str("sha256", s.SHA256), leaf.Str("version", s.Version)))
		}
	}
	if err := tx.PutSetting(ctx, SettingRuns, e.Mark()); err != nil {
		return err
	}
	if err := d.Record(ctx, tx, now.UnixMilli(), records...); err != nil || first {
		return err
	}
	_, err = tx.Revoke(ctx, sms.Revocation{Kind: "pack", At: now.UnixMilli()})
	return err
}
