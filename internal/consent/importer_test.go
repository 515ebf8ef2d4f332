package consent_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

var errKilled = errors.New("killed")

// dying is a store whose node dies at one of its transactions, before or after its commit.
type dying struct {
	db     *store.DB
	left   int
	commit bool
}

func (s *dying) Write(ctx context.Context, fn func(context.Context, consent.ImportTx) error) error {
	s.left--
	if s.left < 0 && !s.commit {
		return errKilled
	}
	err := s.db.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
	if s.left < 0 && err == nil {
		err = errKilled
	}
	return err
}

func (s *dying) Read(ctx context.Context, fn func(context.Context, consent.ImportTx) error) error {
	return s.db.Read(ctx, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

func importer(w *gatetest.World, left int, commit bool) *consent.Importer {
	return &consent.Importer{Store: &dying{w.DB, left, commit}, Keys: w.Keys, IDs: w.IDs, InForce: w.Gate.RulesInForce}
}

const forever = 1 << 30

// declared hands over a list of 1,200 rows of 1,100 people.
func declared(w *gatetest.World) *consent.List {
	w.T.Helper()
	x := importer(w, forever, false)
	now := w.Clock.Now()
	l := &consent.List{GroupID: gatetest.Customer, PartyID: gatetest.Customer, WordingID: w.IDs.Next(), Method: "form", Source: "shop", Declarant: "a", Declaration: "b"}
	w.Write(func(ctx context.Context, tx *store.Tx) error {
		words := consent.Wording{
			ID: l.WordingID, GroupID: gatetest.Customer, PartyID: gatetest.Customer, Text: "x", Purpose: sms.MKT, Kinds: "x", PerWeek: 2, Days: 30,
			Notice: "https://example.com/", NoticeVersion: "1", Since: now.Add(-time.Hour).UnixMilli(),
		}
		if err := consent.PutWording(ctx, tx, w.Recorder(tx), &words, true, now.UnixMilli()); err != nil {
			return err
		}
		found, err := x.Declare(ctx, tx, l, &consent.Statement{Method: "form", Source: "shop"})
		if len(found) > 0 {
			w.T.Errorf("%+v", found)
		}
		return err
	})
	var b strings.Builder
	b.WriteString("number,given_at\n")
	for i := range 1200 {
		fmt.Fprintf(&b, "130%08d,%s\n", 5000+i%1100, now.Add(-time.Minute).Format(time.RFC3339))
	}
	if err := x.Receive(context.Background(), l, strings.NewReader(b.String())); err != nil {
		w.T.Fatal(err)
	}
	return l
}

// P9: a node may be killed at any transaction of its work on a list, and another goes on: every
// person has one consent, as if nothing had happened.
func TestKilledNodeLosesNoRowOfAList(t *testing.T) {
	for _, name := range []string{"sqlite", "postgres"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gatetest.On(t, name, nil, func(w *gatetest.World) {
				l := declared(w)
				// finish works with nodes that die, until the list is in a state.
				finish := func(state string) (got *consent.List) {
					for n := 0; n < 60; n++ {
						w.Clock.Set(w.Clock.Now().Add(2 * time.Minute)) // the dead one's claim ends
						if err := importer(w, 1+n%3, n%2 == 0).Work(context.Background()); err != nil && !errors.Is(err, errKilled) {
							t.Fatal(err)
						}
						w.Write(func(ctx context.Context, tx *store.Tx) (err error) {
							got, err = tx.Import(ctx, l.ID)
							return err
						})
						if got.State == state {
							return got
						}
					}
					t.Fatalf("it never comes to %s: %+v", state, got)
					return nil
				}
				got := finish(consent.ImportReview)
				if got.Lines != 1200 || got.Good != 1200 || got.Bad != 0 {
					t.Errorf("%+v", got)
				}
				w.Write(func(ctx context.Context, tx *store.Tx) error {
					list, err := tx.Sample(ctx, l.ID, 0, 2000)
					if err != nil || len(list) != 30 {
						t.Errorf("a sample of %d, %v", len(list), err)
					}
					for i := range list {
						list[i].State = "ok"
					}
					return importer(w, forever, false).Decide(ctx, tx, got, list, w.Clock.Now())
				})
				if got = finish(consent.ImportActive); got.Activated != 1100 || got.Repeated != 100 {
					t.Errorf("%+v", got)
				}
				var grants, people int64
				w.Write(func(ctx context.Context, tx *store.Tx) error {
					return tx.One(ctx, "SELECT COUNT(*), COUNT(DISTINCT phone_id) FROM consent", nil, &grants, &people)
				})
				if grants != 1100 || people != 1100 {
					t.Errorf("%d consents of %d people", grants, people)
				}
			})
		})
	}
}

// Whatever comes as a list, it is refused or read whole: each line once, in order.
func FuzzReadList(f *testing.F) {
	for _, s := range []string{
		"number,given_at\n14200000001,2026-05-01\n", "\ufeff手机号,同意时间,凭证\r\n14200000001,2026/5/1 10:00,\"a,b\"\r\n", "number,given_at\n\n\n", "given_at,number\n\"", "number,number\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		next, seen := 2, 0
		lines, chunks, err := consent.ReadList(strings.NewReader(string(b)), func(columns []string, no, first int, list []byte) error {
			if no != seen || first != next || len(columns) < 2 {
				t.Fatalf("chunk %d begins at line %d with %v; want %d at %d", no, first, columns, seen, next)
			}
			n := strings.Count(string(list), "\n")
			consent.ReadRows(columns, list, first)
			next, seen = next+n, seen+1
			return nil
		})
		if err == nil && (next-2 != lines || chunks != seen || lines == 0) {
			t.Fatalf("%d lines in %d chunks, and %d in %d came", lines, chunks, next-2, seen)
		}
	})
}
