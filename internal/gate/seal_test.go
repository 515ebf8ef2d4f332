package gate_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// hooked runs something around each of the gate's transactions, counted from 1.
type hooked struct {
	gate.Store
	mu     *sync.Mutex
	n      *int
	before func(n int)
	after  func(n int) error // an error undoes the transaction
}

func (h hooked) Write(ctx context.Context, fn func(context.Context, gate.Tx) error) error {
	h.mu.Lock()
	*h.n++
	n := *h.n
	h.mu.Unlock()
	h.before(n)
	return h.Store.Write(ctx, func(ctx context.Context, tx gate.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		return h.after(n)
	})
}

// opens checks that a stored text opens with what is stored.
func opens(w *gatetest.World, id sms.ID, text string) {
	w.T.Helper()
	err := w.DB.Read(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		list, err := gate.Open(ctx, tx, w.Keys, []*sms.Message{w.Message(id)}, func(_ *sms.Message, err error) { w.T.Error(err) })
		if err == nil && (len(list) != 1 || list[0].Text != text) {
			w.T.Errorf("it opens as %+v", list)
		}
		return err
	})
	if err != nil {
		w.T.Error(err)
	}
}

// A person who is erased between the sealing of a text and its decision has a new
// secret, and the text is sealed under that.
func TestErasedBetweenSealingAndDecision(t *testing.T) {
	for _, name := range []string{"sqlite", "postgres"} {
		t.Run(name, func(t *testing.T) {
			var w *gatetest.World
			h := hooked{mu: &sync.Mutex{}, n: new(int), after: func(int) error { return nil }}
			h.before = func(n int) {
				if n != 2 {
					return
				}
				w.Write(func(ctx context.Context, tx *store.Tx) error {
					_, err := tx.Erase(ctx, w.Keys.PhoneID(w.Number(gatetest.Member)), gatetest.Customer)
					return err
				})
			}
			gatetest.On(t, name, func(s gate.Store) gate.Store { h.Store = s; return h }, func(world *gatetest.World) {
				w = world
				w.Send(gatetest.OTPText, gatetest.Member)
				opens(w, w.Send(gatetest.OTPText, gatetest.Member)[0].MessageID, gatetest.OTPText)
			})
		})
	}
}

// What was sealed in a transaction that failed is sealed anew in the next: the secret
// of a new person went with it.
func TestSecretOfAFailedTransactionIsNotUsed(t *testing.T) {
	for _, name := range []string{"sqlite", "postgres"} {
		t.Run(name, func(t *testing.T) {
			var w *gatetest.World
			release, blocked := make(chan struct{}), make(chan struct{}, 2)
			h := hooked{mu: &sync.Mutex{}, n: new(int)}
			h.before = func(n int) {
				switch {
				case n <= 2: // both workers stand still until two calls wait
					blocked <- struct{}{}
					<-release
				case n == 3: // the registry moves, so that all is done in the transaction
					w.Put(registry.Price{AccountID: gatetest.Money, Category: sms.Notice, Carrier: sms.Mobile, UnitPrice: 1, ValidFrom: 77})
				}
			}
			failed := false
			h.after = func(n int) error {
				if n != 3 || failed {
					return nil
				}
				failed = true // PostgreSQL runs it again, SQLite gives it up and the batch is halved
				return &pgconn.PgError{Code: "40001"}
			}
			wrap := func(s gate.Store) gate.Store { h.Store = s; return h }
			gatetest.On(t, name, wrap, func(world *gatetest.World) {
				w = world
				var calls sync.WaitGroup
				ids := make([]sms.ID, 4)
				send := func(i int, number string) {
					calls.Go(func() {
						a, err := w.Gate.Submit(context.Background(), w.Call(gatetest.OTPText, number))
						if err != nil {
							t.Error(err)
							return
						}
						ids[i] = a.Results[0].MessageID
					})
				}
				send(0, "13000000010")
				<-blocked
				send(1, "13000000011")
				<-blocked
				send(2, "13000000012")
				send(3, "13000000013")
				tick := time.NewTicker(time.Millisecond)
				defer tick.Stop()
				for w.Gate.Stats().Waiting.Load() < 2 {
					<-tick.C
				}
				close(release)
				calls.Wait()
				for _, id := range ids {
					opens(w, id, gatetest.OTPText)
				}
			})
		})
	}
}
