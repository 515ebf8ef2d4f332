package edition_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/app"
	"github.com/zhunxin/zhunxin/internal/edition"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest/housepack"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

var one, two = registry.Staff{ID: 91, Name: "one", State: registry.Active}, registry.Staff{ID: 92, Name: "two", State: registry.Active}

// node is another node of a world's platform, with a program of its own.
func node(w *gatetest.World, s *edition.Shelf) *edition.Desk {
	return &edition.Desk{Shelf: s, Store: app.PackStore{DB: w.DB}, IDs: w.IDs, Record: func(ctx context.Context, tx edition.Tx, at int64, records ...leaf.Record) error {
		return evlog.Append(ctx, tx, w.IDs, at, records...)
	}}
}

// activate has a pack proposed and activated on a node.
func activate(d *edition.Desk, text string) (*edition.Trial, error) {
	ctx := context.Background()
	t, err := d.Try(ctx, []byte(text), nil)
	if err != nil {
		return nil, err
	}
	p, err := d.Propose(ctx, t, &one, "", []byte(text), nil)
	if err == nil {
		_, err = d.Activate(ctx, p.ID, &two)
	}
	return t, err
}

// begin has a node begin, and gives what it says of its rulebook.
func begin(w *gatetest.World, d *edition.Desk) error {
	w.T.Helper()
	e, err := d.Begin(context.Background())
	if err != nil {
		w.T.Fatal(err)
	}
	_, err = e.Book()
	return err
}

func unusable(err error, because string) bool {
	var known *sms.Error
	return errors.As(err, &known) && known.Code == sms.RulebookUnusable && strings.Contains(fmt.Sprint(known, known.Detail, known.Cause), because)
}

// P11: packs that can't be loaded stop no node from starting, and each can get its successor
// while the others are still broken; nothing is decided until the last one has.
func TestBrokenPacksAreMendedOneAfterTheOther(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Put(one, two)
		for i, text := range []string{
			"pack: first\nversion: '1'\nlayer: house\nsomething_new: 1\n",
			"pack: second\nversion: '1'\nlayer: house\nadjust: [{rule: TIM-01, param: close, value: 1260}]\n", // looser than the law
			"pack: third\nversion: '1'\nlayer: house\n",
		} {
			sum := sha256.Sum256([]byte(text))
			if i == 2 {
				sum[0]++ // altered
			}
			p := registry.RulePack{
				ID: w.IDs.Next(), Name: []string{"first", "second", "third"}[i], Version: "1", Layer: "house", Hash: sum[:], CasesHash: sum[:], State: registry.Active, ProposedBy: one.ID,
			}
			w.Write(func(ctx context.Context, tx *store.Tx) error {
				if err := tx.InsertRulePack(ctx, p, []byte(text), nil); err != nil {
					return err
				}
				return tx.MoveGeneration(ctx)
			})
		}
		shelf, _ := program(t, "2026.11.2")
		d := node(w, shelf)
		for i, x := range []struct {
			text   string
			broken int
		}{
			{"pack: second\nversion: '2'\nlayer: house\nadjust: [{rule: TIM-01, param: close, value: 1140}]\n", 2},
			{"pack: third\nversion: '2'\nlayer: house\nadjust: [{rule: TIM-01, param: close, value: 1080}]\n", 1},
			{"pack: first\nversion: '2'\nlayer: house\n", 0},
		} {
			if err := begin(w, d); !unusable(err, "") {
				t.Fatalf("before %d are mended: %v", i+1, err)
			}
			if _, err := activate(d, "pack: fourth\nversion: '1'\nlayer: house\nadjust: [{rule: TIM-01, param: close, value: 1260}]\n"); err == nil {
				t.Fatal("a pack that is looser than the law was taken")
			}
			trial, err := activate(d, x.text)
			if err != nil || len(trial.Broken) != x.broken {
				t.Fatalf("%q: %v, broken %v", x.text, err, trial)
			}
		}
		e, err := d.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if book, err := e.Book(); err != nil || !strings.HasSuffix(book.Versions(), ",first@2,second@2,third@2") {
			t.Errorf("after all are mended: %v", err)
		}
	})
}

// While nodes are upgraded one by one, only one law decides: that of the newest program that
// has begun. A node with another one decides nothing, whatever it has in memory, and puts no
// older law in force; the newer law, activated, is as good as the newer program.
func TestOneLawIsInForceDuringAnUpgrade(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Put(one, two)
		w.Agree(gatetest.Member)
		packs, err := rulebook.Builtin()
		if err != nil {
			t.Fatal(err)
		}
		law, err := rulebook.Parse(packs[0])
		if err != nil {
			t.Fatal(err)
		}
		newer, text := program(t, law.Version+".1")
		before, after := node(w, w.Shelf), node(w, newer)
		send := func() error {
			_, err := w.Gate.Submit(t.Context(), &gate.Call{Application: gatetest.Application, Parts: []gate.Part{{Text: gatetest.MKTText, Recipients: []gate.Recipient{{Number: w.Number(gatetest.Member)}}}}})
			return err
		}
		if err := errors.Join(begin(w, before), send()); err != nil {
			t.Fatal(err)
		}
		if err := begin(w, after); err != nil {
			t.Fatal(err)
		}
		if err := send(); !unusable(err, "law@"+law.Version+".1") {
			t.Errorf("the node that is not upgraded decides: %v", err)
		}
		if err := begin(w, before); !unusable(err, "upgrade this node") {
			t.Errorf("the older program begins again: %v", err)
		}
		if _, err := activate(before, housepack.Text); !unusable(err, "upgraded node") {
			t.Errorf("the older program activates a pack: %v", err)
		}
		if err := begin(w, after); err != nil {
			t.Errorf("the newer program begins again: %v", err)
		}
		if _, err := activate(before, text); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(begin(w, before), begin(w, after), send()); err != nil {
			t.Errorf("with the newer law activated: %v", err)
		}
	})
}

// between runs something before the first transaction that writes.
type between struct {
	edition.Store
	do func()
}

func (b *between) Write(ctx context.Context, fn func(context.Context, edition.Tx) error) error {
	if do := b.do; do != nil {
		b.do = nil
		do()
	}
	return b.Store.Write(ctx, fn)
}

// What a node puts in force as it begins is what is active then, not what was when it looked;
// and nodes that begin together note it once.
func TestNodesThatBeginTogether(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Put(one, two)
		d, other := node(w, w.Shelf), node(w, w.Shelf)
		d.Store = &between{Store: d.Store, do: func() {
			if _, err := activate(other, housepack.Text); err != nil {
				t.Error(err)
			}
		}}
		e, err := d.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var mark string
		runs := 0
		count := func() {
			err := w.DB.Read(t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
				if mark, err = tx.Setting(ctx, edition.SettingRuns); err != nil {
					return err
				}
				return tx.One(ctx, "SELECT COUNT(*) FROM evidence_record WHERE kind = 'rulebook' AND record LIKE '%\"run\"%'", nil, &runs)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if count(); mark != e.Mark() || !strings.Contains(mark, "house@1 ") || runs != 0 {
			t.Errorf("%d packs are noted, in force is\n%s", runs, mark)
		}
		var nodes sync.WaitGroup
		newer, _ := program(t, "2999.1")
		for range 4 {
			nodes.Go(func() {
				if err := begin(w, node(w, newer)); err != nil {
					t.Error(err)
				}
			})
		}
		nodes.Wait()
		if count(); runs != strings.Count(mark, "\n") || !slices.Contains(strings.Fields(mark), "law@2999.1") {
			t.Errorf("%d packs are noted, in force is\n%s", runs, mark)
		}
	})
}

// Packs that another node activated are compiled before a transaction and not in it.
func TestPacksAreCompiledOutsideOfTransactions(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Put(one, two)
		w.Send(gatetest.OTPText, gatetest.Stranger)
		packs, err := rulebook.Builtin()
		if err != nil {
			t.Fatal(err)
		}
		shelf, err := edition.NewShelf(packs)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := activate(node(w, shelf), housepack.Text); err != nil {
			t.Fatal(err)
		}
		rules := func() error {
			return w.DB.Write(t.Context(), store.TurnSubmit, func(ctx context.Context, tx *store.Tx) error {
				_, err := w.Gate.Rules(ctx, tx)
				return err
			})
		}
		var known *sms.Error
		if err := rules(); !errors.As(err, &known) || known.Code != sms.Busy {
			t.Errorf("inside of a transaction: %v", err)
		}
		if err := w.Gate.Compiled(t.Context(), rules); err != nil {
			t.Error(err)
		}
		w.Agree(gatetest.Member)
		if r := w.Send(gatetest.MKTText, gatetest.Member)[0]; r.Rule != "HSE-01" {
			t.Errorf("%+v", r)
		}
	})
}
