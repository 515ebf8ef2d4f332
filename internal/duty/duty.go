// Package duty keeps what somebody must do by when: the tasks that arise from events by the
// rule packs, who did them, and with what evidence. A task is written in the transaction of
// its event, once, however many nodes tell of it.
package duty

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Task is a duty that arose.
type Task struct {
	ID        sms.ID `db:"id"`
	Rule      string `db:"rule"`
	Event     string `db:"event"`
	ObjectID  sms.ID `db:"object_id"` // complaint, request, licence …; 0 is the operator
	Period    string `db:"period"`    // of what comes again
	Owner     string `db:"owner"`     // role
	CreatedAt int64  `db:"created_at"`
	DueAt     int64  `db:"due_at"`    // overdue from then on
	RemindAt  int64  `db:"remind_at"` // next reminder, 0 when none is left
	DoneAt    int64  `db:"done_at"`   // 0 while it is open
	DoneBy    sms.ID `db:"done_by"`   // of the staff, 0 is the program
	Note      string `db:"note"`      // of who did it; before, why the day is a guess
	Evidence  string `db:"evidence"`
}

// Overdue tells whether it is open and late.
func (t *Task) Overdue(at int64) bool { return t.DoneAt == 0 && at >= t.DueAt }

// Event is something that happened.
type Event struct {
	Name     string
	ObjectID sms.ID
	Period   string
	Facts    map[string]any
	At       time.Time // from which periods are counted
	Since    time.Time // what was due before it is nobody's duty
}

// Tx is what tasks need of a transaction.
type Tx interface {
	evlog.RecordAdder
	InsertDuty(ctx context.Context, t Task) (fresh bool, err error)
	DutiesOf(ctx context.Context, object sms.ID) ([]Task, error)
	FinishDuty(ctx context.Context, t Task) (bool, error)
}

// Desk joins what every transaction needs.
type Desk struct {
	// InForce is the rulebook in force now, or why this node has none.
	InForce func(ctx context.Context) (*rulebook.Book, error)
	IDs     *sms.IDs
}

// KindDuty is the evidence that a task arose, or was done.
const KindDuty = "duty"

func record(t *Task, step string, at int64) leaf.Record {
	return leaf.New(KindDuty, int64(t.ID), at,
		leaf.Int("by_staff", int64(t.DoneBy)),
		leaf.Int("due", t.DueAt),
		leaf.Str("evidence", t.Evidence),
		leaf.Hash("note", sha256.Sum256([]byte(t.Note))),
		leaf.Int("object", int64(t.ObjectID)),
		leaf.Str("period", t.Period),
		leaf.Str("rule", t.Rule),
		leaf.Str("step", step),
	)
}

// Arising are the tasks that an event gives rise to, not stored yet.
func (d *Desk) Arising(ctx context.Context, e Event, now time.Time) ([]Task, error) {
	book, err := d.InForce(ctx)
	if err != nil {
		return nil, err
	}
	var out []Task
	for _, o := range book.Owed(e.Name, e.Facts, e.At, now) {
		if o.Due.Before(e.Since) {
			continue
		}
		t := Task{
			Rule: o.Rule.ID, Event: e.Name, ObjectID: e.ObjectID, Period: e.Period, Owner: o.Rule.Duty.Owner, CreatedAt: now.UnixMilli(), DueAt: o.Due.UnixMilli(), Note: o.Guess,
		}
		if next := book.NextReminder(t.Rule, o.Due, now); !next.IsZero() {
			t.RemindAt = next.UnixMilli()
		}
		out = append(out, t)
	}
	return out, nil
}

// Raise stores the tasks that an event gives rise to; those that it gave rise to before stay
// as they are.
func (d *Desk) Raise(ctx context.Context, tx Tx, e Event, now time.Time) error {
	arising, err := d.Arising(ctx, e, now)
	if err != nil {
		return err
	}
	for _, t := range arising {
		t.ID = d.IDs.Next()
		fresh, err := tx.InsertDuty(ctx, t)
		if err == nil && fresh {
			err = evlog.Append(ctx, tx, d.IDs, now.UnixMilli(), record(&t, "opened", now.UnixMilli()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Finish marks a task as done. One that was done before, or meanwhile by somebody else, stays
// as it is, and done is false.
func (d *Desk) Finish(ctx context.Context, tx Tx, t Task) (done bool, err error) {
	if done, err = tx.FinishDuty(ctx, t); err != nil || !done {
		return false, err
	}
	return true, evlog.Append(ctx, tx, d.IDs, t.DoneAt, record(&t, "done", t.DoneAt))
}

// FinishAll marks the open tasks of an object as done that a step ends, as their rules say.
func (d *Desk) FinishAll(ctx context.Context, tx Tx, step string, object, by sms.ID, evidence string, at int64) error {
	list, err := tx.DutiesOf(ctx, object)
	if err != nil || len(list) == 0 {
		return err
	}
	book, err := d.InForce(ctx)
	if err != nil {
		return err
	}
	ended := book.EndedBy(step)
	for _, t := range list {
		if t.DoneAt != 0 || !slices.Contains(ended, t.Rule) {
			continue
		}
		t.DoneAt, t.DoneBy, t.Evidence = at, by, evidence
		if _, err := d.Finish(ctx, tx, t); err != nil {
			return err
		}
	}
	return nil
}

// Allow refuses an action on an object while a duty is open that its rule lets stand in the way.
func (d *Desk) Allow(ctx context.Context, tx Tx, action string, object sms.ID) error {
	list, err := tx.DutiesOf(ctx, object)
	if err != nil || len(list) == 0 {
		return err
	}
	book, err := d.InForce(ctx)
	if err != nil {
		return err
	}
	for _, t := range list {
		if r, ok := book.Rule(t.Rule); t.DoneAt == 0 && ok && r.Duty != nil && r.Duty.Blocks == action {
			return sms.Errorf(sms.DutyOpen, "path.id", "%s: %s", r.ID, r.Remedy.En)
		}
	}
	return nil
}

// Filter limits a list of tasks.
type Filter struct {
	After           sms.ID
	Open, Done      bool
	Rules           []string // any of them
	DueBy, RemindBy int64    // 0 is any
	Owner           string
}

// Occurrence is something that a person of the staff tells of, such as a lead or the request
// of an authority.
type Occurrence struct {
	ID        sms.ID `db:"id" json:"id"`
	Event     string `db:"event" json:"event"`
	At        int64  `db:"at" json:"at"`
	Reference string `db:"reference" json:"reference,omitempty"`
	Facts     string `db:"facts" json:"facts"` // JSON
	Note      string `db:"note" json:"note,omitempty"`
	By        sms.ID `db:"by_staff" json:"by"`
	Recorded  int64  `db:"recorded" json:"recorded"`
}
