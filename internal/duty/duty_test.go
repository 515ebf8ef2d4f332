package duty_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/duty"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func desk(t *testing.T, node int, now func() time.Time) *duty.Desk {
	t.Helper()
	packs, err := rulebook.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	book, err := rulebook.Load(packs...)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := sms.NewIDs(node, now)
	if err != nil {
		t.Fatal(err)
	}
	return &duty.Desk{InForce: func(context.Context) (*rulebook.Book, error) { return book, nil }, IDs: ids}
}

// However many nodes tell of one event at once, its duties stand once, with one record each;
// one of them moves a reminder on; and a duty is done once.
func TestDutiesStandOnceWhoeverTells(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, rulebook.Shanghai)
	now := func() time.Time { return at }
	storetest.Both(t, now, func(t *testing.T, db *store.DB) {
		write := func(fn func(ctx context.Context, tx *store.Tx) error) error {
			return db.Write(t.Context(), store.TurnBackground, fn)
		}
		each := func(do func(d *duty.Desk) error) (errs []error) {
			var all sync.WaitGroup
			var mu sync.Mutex
			for node := range 4 {
				d := desk(t, node, now)
				all.Go(func() {
					err := do(d)
					mu.Lock()
					defer mu.Unlock()
					errs = append(errs, err)
				})
			}
			all.Wait()
			return errs
		}
		e := duty.Event{Name: rulebook.EventComplaint, ObjectID: 9, At: at, Facts: map[string]any{"complaint.source": "12321", "complaint.about": "marketing"}}
		for _, err := range each(func(d *duty.Desk) error {
			return write(func(ctx context.Context, tx *store.Tx) error { return d.Raise(ctx, tx, e, at) })
		}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		var list []duty.Task
		records := 0
		err := db.Read(t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
			if list, err = tx.DutiesOf(ctx, 9); err != nil {
				return err
			}
			for _, d := range list {
				r, err := tx.RecordsOf(ctx, d.ID, 10)
				if err != nil {
					return err
				}
				records += len(r)
			}
			return nil
		})
		if err != nil || len(list) != 3 || records != 3 { // CMP-02, CMP-03, CMP-05
			t.Fatalf("%v, %d records, %v", list, records, err)
		}
		moved := 0
		var mu sync.Mutex
		each(func(*duty.Desk) error {
			return write(func(ctx context.Context, tx *store.Tx) error {
				ok, err := tx.RemindDuty(ctx, list[1].ID, list[1].RemindAt, list[1].RemindAt+1)
				mu.Lock()
				defer mu.Unlock()
				if ok {
					moved++
				}
				return err
			})
		})
		if moved != 1 {
			t.Errorf("a reminder was moved on %d times", moved)
		}
		done := 0
		for _, err := range each(func(d *duty.Desk) error {
			return write(func(ctx context.Context, tx *store.Tx) error {
				task := list[0]
				task.DoneAt = at.UnixMilli()
				ok, err := d.Finish(ctx, tx, task)
				mu.Lock()
				defer mu.Unlock()
				if ok {
					done++
				}
				return err
			})
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		if done != 1 {
			t.Errorf("a duty was done %d times", done)
		}
		err = db.Read(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			for name, c := range map[string]struct {
				f    duty.Filter
				want int
			}{
				"all": {duty.Filter{}, 3}, "open": {duty.Filter{Open: true}, 2}, "done": {duty.Filter{Done: true}, 1}, "of a rule": {duty.Filter{Rules: []string{"CMP-03"}}, 1}, "of two rules": {duty.Filter{Rules: []string{"CMP-03", "CMP-05"}}, 2},
				"due by now": {duty.Filter{Open: true, DueBy: at.UnixMilli()}, 0}, "of nobody": {duty.Filter{Owner: "finance"}, 0}, "after the last": {duty.Filter{After: list[2].ID}, 0},
				"due in an hour": {duty.Filter{Open: true, DueBy: at.Add(time.Hour).UnixMilli()}, 1}, "reminded in a month": {duty.Filter{RemindBy: at.AddDate(0, 1, 0).UnixMilli()}, 2},
			} {
				got, err := tx.Duties(ctx, c.f, 10)
				if err != nil || len(got) != c.want {
					t.Errorf("%s: %d, %v", name, len(got), err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// Of what comes again the newest task that was done stands for each rule and object; one that
// is open, or that arose from an event, does not.
func TestNewestThatWasDone(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, rulebook.Shanghai)
	storetest.Both(t, func() time.Time { return at }, func(t *testing.T, db *store.DB) {
		err := db.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
			for i, x := range []duty.Task{
				{Rule: "OPT-04", ObjectID: 5, Period: "2026-11-09", DoneAt: 1},
				{Rule: "OPT-04", ObjectID: 5, Period: "2026-11-16", DoneAt: 2},
				{Rule: "OPT-04", ObjectID: 5, Period: "2026-11-23"},
				{Rule: "OPT-04", ObjectID: 6, Period: "2026-11-16", DoneAt: 3},
				{Rule: "PRV-12", ObjectID: 5, Period: "2025", DoneAt: 4},
				{Rule: "CMP-03", ObjectID: 7, DoneAt: 5},
				{Rule: "LIC-11", ObjectID: 5, Period: "2025", DoneAt: 6},
			} {
				x.ID, x.Event, x.Owner = sms.ID(i+1), "e", "compliance"
				if ok, err := tx.InsertDuty(ctx, x); err != nil || !ok {
					return fmt.Errorf("%+v: %t, %w", x, ok, err)
				}
			}
			list, err := tx.DutiesDone(ctx, []string{"OPT-04", "PRV-12", "CMP-03"})
			var ids []sms.ID
			for _, d := range list {
				ids = append(ids, d.ID)
			}
			if !slices.Equal(ids, []sms.ID{2, 4, 5}) {
				t.Errorf("%v", ids)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// A step ends the duties whose rules name it, and no others.
func TestStepEndsItsDuties(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, rulebook.Shanghai)
	now := func() time.Time { return at }
	storetest.Both(t, now, func(t *testing.T, db *store.DB) {
		d := desk(t, 0, now)
		for step, want := range map[string][]string{
			rulebook.StepFile: {"CMP-05"}, rulebook.StepAnswered: {"CMP-02", "CMP-03"}, rulebook.StepSettled: nil,
		} {
			object := sms.ID(len(step))
			e := duty.Event{Name: rulebook.EventComplaint, ObjectID: object, At: at, Facts: map[string]any{"complaint.source": "12321", "complaint.about": "marketing"}}
			var done []string
			err := db.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
				if err := d.Raise(ctx, tx, e, at); err != nil {
					return err
				}
				if err := d.FinishAll(ctx, tx, step, object, 7, "receipt", at.UnixMilli()); err != nil {
					return err
				}
				list, err := tx.DutiesOf(ctx, object)
				done = nil
				for _, task := range list {
					if task.DoneAt != 0 && task.DoneBy == 7 && task.Evidence == "receipt" {
						done = append(done, task.Rule)
					}
				}
				slices.Sort(done)
				return err
			})
			if err != nil || !slices.Equal(done, want) {
				t.Errorf("%s ends %v, %v", step, done, err)
			}
		}
	})
}
