package risk_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/risk"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vendorcode"
)

// watched is the store as the watch sees it.
type watched struct{ db *store.DB }

func (s watched) Write(ctx context.Context, fn func(context.Context, risk.WatchTx) error) error {
	return s.db.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

func (s watched) Read(ctx context.Context, fn func(context.Context, risk.WatchTx) error) error {
	return s.db.Read(ctx, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// fewAreMany lets the rules about hours judge by a handful of messages.
const fewAreMany = `
pack: house
version: "1"
layer: house
adjust:
  - {rule: FRD-02a, param: least, value: 20}
  - {rule: FRD-02b, param: least, value: 20}
  - {rule: CNS-12a, param: reported, value: 20}
  - {rule: CNS-12b, param: sampled, value: 20}
`

func (l *ladder) watch() *risk.Watch {
	l.t.Helper()
	packs, err := rulebook.Builtin()
	if err != nil {
		l.t.Fatal(err)
	}
	book, err := rulebook.Load(append(packs, []byte(fewAreMany))...)
	if err != nil {
		l.t.Fatal(err)
	}
	codes, err := vendorcode.Builtin()
	if err != nil {
		l.t.Fatal(err)
	}
	return &risk.Watch{
		Store: watched{l.db}, Codes: codes, IDs: l.ids, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		InForce: func(context.Context) (*rulebook.Book, error) { return book, nil },
	}
}

// sent stores messages of the present minute, to people from one on.
func (l *ladder) sent(cat sms.Category, state sms.State, people, n int) {
	l.t.Helper()
	var list []*sms.Message
	var events []sms.RecipientEvent
	for i := range n {
		m := &sms.Message{
			ID: l.ids.Next(), AccountID: account, ApplicationID: application, GroupID: customer, SignatureID: signature, TemplateID: template, ChannelID: channel,
			PhoneID: [16]byte{byte(people+i) + 1, byte((people + i) >> 8)}, Category: cat, State: state, Text: []byte{}, CreatedAt: l.now.UnixMilli(),
		}
		list = append(list, m)
		events = append(events, sms.RecipientEvent{MessageID: m.ID, PhoneID: m.PhoneID, At: l.now.UnixMilli(), GroupID: customer, Category: cat})
	}
	l.write(func(ctx context.Context, tx *store.Tx) error {
		if err := tx.InsertMessages(ctx, list); err != nil {
			return err
		}
		return tx.InsertRecipientEvents(ctx, events)
	})
}

func (l *ladder) delivered(from, to time.Time) (n int) {
	l.t.Helper()
	err := l.db.Read(l.t.Context(), func(ctx context.Context, tx *store.Tx) error {
		return risk.DeliveredIn(ctx, tx, from, to, func(_, _, _, _ sms.ID, count int) { n += count })
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return n
}

func (l *ladder) count(w *risk.Watch) {
	l.t.Helper()
	if err := w.CountHours(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
}

func (l *ladder) rules() (out []string) {
	for _, m := range l.snapshot().Measures(customer) {
		out = append(out, m.Rule+" "+m.Kind)
	}
	return out
}

// Hours are counted once each time, whoever does it, again when reports have come, and what is
// not counted yet is read: the sum is the same.
func TestHoursAreCountedOnce(t *testing.T) {
	eachLadder(t, func(l *ladder) {
		begin := *l.now
		one, two := l.watch(), l.watch()
		l.sent(sms.MKT, sms.Delivered, 0, 3)
		l.sent(sms.OTP, sms.Submitted, 0, 2)
		if n := l.delivered(begin, l.now.Add(time.Minute)); n != 3 {
			l.t.Fatalf("%d before anything is counted", n)
		}
		*l.now = begin.Add(63 * time.Minute)
		l.sent(sms.MKT, sms.Delivered, 0, 4)
		l.count(one)
		l.count(two)
		if n := l.delivered(begin, l.now.Add(time.Minute)); n != 7 {
			l.t.Errorf("%d with one hour counted", n)
		}
		l.write(func(ctx context.Context, tx *store.Tx) error {
			return tx.Exec(ctx, "UPDATE message SET state = 'delivered' WHERE category = 'OTP'")
		})
		if n := l.delivered(begin, l.now.Add(time.Minute)); n != 7 {
			l.t.Errorf("%d: a counted hour is read again", n)
		}
		*l.now = begin.Add(8 * time.Hour)
		l.count(two)
		l.count(one)
		if n := l.delivered(begin, l.now.Add(time.Minute)); n != 9 {
			l.t.Errorf("%d after reports have come", n)
		}
	})
}

// Of two nodes that have counted an hour for the same pass, or an earlier one, one stores it.
func TestAPassOfAnHourIsStoredOnce(t *testing.T) {
	eachLadder(t, func(l *ladder) {
		for _, x := range []struct {
			pass, delivered int
			stored          bool
		}{{1, 3, true}, {1, 9, false}, {2, 5, true}, {1, 9, false}} {
			stored := false
			l.write(func(ctx context.Context, tx *store.Tx) (err error) {
				stored, err = tx.PutHour(ctx, l.now.Unix()/3600, x.pass, []risk.Count{{Account: account, Category: sms.MKT, Messages: 9, Delivered: x.delivered}}, nil)
				return err
			})
			if stored != x.stored {
				l.t.Errorf("pass %d is stored: %t", x.pass, stored)
			}
		}
		if n := l.delivered(*l.now, l.now.Add(time.Minute)); n != 5 {
			l.t.Errorf("%d", n)
		}
	})
}

// history is a week of ten notices and one message of marketing a day, to the same people.
func (l *ladder) history(w *risk.Watch) {
	for range 8 {
		l.sent(sms.Notice, sms.Delivered, 0, 10)
		l.sent(sms.MKT, sms.Delivered, 0, 2)
		*l.now = l.now.Add(24 * time.Hour)
		l.count(w)
	}
}

// FRD-02, CNS-12: an hour that is unlike those before has its consequence, by itself.
func TestUnusualHours(t *testing.T) {
	for name, c := range map[string]struct {
		send func(l *ladder)
		want []string
	}{
		"as usual": {func(l *ladder) {
			l.sent(sms.Notice, sms.Delivered, 0, 10)
			l.sent(sms.MKT, sms.Delivered, 0, 2)
		}, nil},
		"a rate": {func(l *ladder) {
			l.sent(sms.Notice, sms.Delivered, 0, 60)
			l.sent(sms.MKT, sms.Delivered, 0, 20)
		}, []string{"FRD-02a slow"}},
		"a mix": {func(l *ladder) {
			l.sent(sms.MKT, sms.Delivered, 0, 19)
			l.sent(sms.Notice, sms.Delivered, 0, 1)
		}, []string{"FRD-02b hold"}},
		"strangers": {func(l *ladder) {
			l.sent(sms.Notice, sms.Delivered, 0, 60)
			l.sent(sms.MKT, sms.Delivered, 200, 20)
		}, []string{"FRD-02a slow", "CNS-12b hold"}},
		"numbers that fail": {func(l *ladder) {
			l.sent(sms.Notice, sms.Delivered, 0, 60)
			l.sent(sms.MKT, sms.Delivered, 0, 17)
			l.sent(sms.MKT, sms.Failed, 0, 3)
		}, []string{"FRD-02a slow", "CNS-12a hold"}},
	} {
		t.Run(name, func(t *testing.T) {
			eachLadder(t, func(l *ladder) {
				w := l.watch()
				l.write(func(ctx context.Context, tx *store.Tx) error {
					if err := tx.Put(ctx, registry.AccessCode{ID: 30, PartyID: operator, Carrier: sms.Mobile, Code: "10690000", State: registry.Active}); err != nil {
						return err
					}
					return tx.Put(ctx, registry.Channel{
						ID: channel, Carrier: sms.Mobile, Protocol: "cmpp30", AccessCodeID: 30, State: registry.Active, Sessions: 1, Window: 1,
						Options: registry.ChannelOptions{Codes: []registry.ChannelCode{{Code: "X", Class: "number", Zh: "x", En: "x"}}},
					})
				})
				l.history(w)
				c.send(l)
				l.write(func(ctx context.Context, tx *store.Tx) error {
					return tx.Exec(ctx, "UPDATE message SET reason = 'X' WHERE state = 'failed'")
				})
				*l.now = l.now.Add(time.Hour + 3*time.Minute)
				l.count(w)
				if got := l.rules(); !equalSets(got, c.want) {
					l.t.Errorf("%v, want %v", got, c.want)
				}
			})
		})
	}
}

func equalSets(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	in := map[string]bool{}
	for _, x := range a {
		in[x] = true
	}
	for _, x := range b {
		if !in[x] {
			return false
		}
	}
	return true
}

// The hour that runs is judged before it is over, each message being read once.
func TestTheRunningHourIsJudged(t *testing.T) {
	eachLadder(t, func(l *ladder) {
		w := l.watch()
		l.history(w)
		look := func() {
			l.t.Helper()
			*l.now = l.now.Add(10 * time.Second)
			if err := w.LookAtHour(l.t.Context()); err != nil {
				l.t.Fatal(err)
			}
		}
		l.sent(sms.Notice, sms.Queued, 0, 60)
		l.sent(sms.MKT, sms.Queued, 0, 19)
		look()
		look()
		if got := l.rules(); len(got) != 0 {
			l.t.Fatalf("nineteen are no twenty: %v", got)
		}
		l.sent(sms.MKT, sms.Queued, 0, 1)
		look()
		if got := l.rules(); len(got) != 1 || got[0] != "FRD-02a slow" {
			l.t.Errorf("%v", got)
		}
	})
}
