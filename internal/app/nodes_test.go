package app

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
)

// pair starts two nodes on one PostgreSQL database and one carrier.
func pair(t *testing.T) (a, b *node) {
	t.Helper()
	cfg := config.Default()
	cfg.Database.Kind = "postgres"
	cfg.Database.DSNFile = filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(cfg.Database.DSNFile, []byte(storetest.DSN(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	first, second := t.TempDir(), t.TempDir()
	a = startIn(t, first, cfg)
	for _, name := range []string{fileKeys, fileClock} { // nodes of one platform share its keys
		if err := copyFile(filepath.Join(first, name), filepath.Join(second, name)); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Node = 2
	b = joinIn(t, second, cfg, a)
	return a, b
}

// P9 and P5: two nodes on one database never exceed a limit and never overdraw; when
// the one that holds the channel ends, the other takes over.
func TestTwoNodesOnOneDatabase(t *testing.T) {
	a, b := pair(t)
	const numbers, units = 200, 150
	snap, err := a.Registry(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var money sms.ID
	for _, x := range snap.Application {
		money = x.AccountID
	}
	err = a.DB.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		bal, err := tx.BalanceOf(ctx, money)
		if err != nil {
			return err
		}
		acc := *snap.Account[money] // all but the price of some messages is out of reach
		acc.Floor = bal.Balance - units*50_000
		return tx.Put(ctx, acc)
	})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	accepted, codes := map[string]int{}, map[sms.Code]int{}
	var senders sync.WaitGroup
	for _, n := range []*node{a, b} {
		for lane := range 4 {
			senders.Go(func() {
				for i := lane; i < numbers; i += 4 {
					to := fmt.Sprint(14200001000 + i)
					var out answer
					status := n.do(http.MethodPost, "/v1/messages", map[string]any{"text": otpText, "recipients": []map[string]string{{"to": to}}}, &out)
					mu.Lock()
					switch {
					case status != http.StatusOK:
						t.Errorf("%d %+v", status, out)
					case out.Results[0].State == sms.Queued:
						accepted[to]++
					default:
						codes[out.Results[0].Code]++
					}
					mu.Unlock()
				}
			})
		}
	}
	senders.Wait()
	for to, n := range accepted {
		if n > 1 {
			t.Errorf("%s got %d codes within a minute", to, n)
		}
	}
	if len(accepted) != units || codes[sms.BalanceTooLow] == 0 || codes[sms.FrequencyOTP] == 0 {
		t.Errorf("%d accepted with money for %d; refused: %v", len(accepted), units, codes)
	}
	err = a.DB.Read(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		bad, err := tx.CheckLedger(ctx)
		bal, _ := tx.BalanceOf(ctx, money)
		if len(bad) > 0 || bal.Available() < 0 {
			t.Error(bad, bal)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	b.allIn(sms.Delivered, units)
	err = a.DB.Read(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		var deadlocks int
		err := tx.One(ctx, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()", nil, &deadlocks)
		if deadlocks > 0 {
			t.Errorf("the two nodes ran into %d deadlocks", deadlocks)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	owner, heir := a, b
	if len(b.Channels.States()) > 0 && b.Channels.States()[0].Owned {
		owner, heir = b, a
	}
	owner.stopNode()
	if err := heir.DB.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		acc := *snap.Account[money]
		acc.Floor = 0
		return tx.Put(ctx, acc)
	}); err != nil {
		t.Fatal(err)
	}
	id := heir.send(otpText, "14200009999").Results[0].MessageID
	heir.until(id, sms.Delivered)
}

// allIn waits until so many messages are in a state.
func (n *node) allIn(state sms.State, want int) {
	n.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for have := 0; have < want; <-tick.C {
		err := n.DB.Read(n.t.Context(), func(ctx context.Context, tx *store.Tx) error {
			return tx.One(ctx, "SELECT COUNT(*) FROM message WHERE state = ?", []any{string(state)}, &have)
		})
		if err != nil {
			n.t.Fatal(err)
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("%d of %d are %s", have, want, state)
		}
	}
}

// P4 on two nodes: what one queued before the opt-out that the other took never
// leaves.
func TestOptOutOnAnotherNode(t *testing.T) {
	a, b := pair(t)
	const members = 40
	for i := range members {
		a.agree(fmt.Sprint(14200002000 + i))
	}
	var both sync.WaitGroup
	both.Go(func() {
		for i := range members {
			a.do(http.MethodPost, "/v1/messages", map[string]any{"text": mktText, "recipients": []map[string]string{{"to": fmt.Sprint(14200002000 + i)}}}, nil)
		}
	})
	both.Go(func() {
		for i := range members {
			b.do(http.MethodPost, "/v1/suppressions", map[string]any{"to": []string{fmt.Sprint(14200002000 + i)}, "scope": "MKT"}, nil)
		}
	})
	both.Wait()
	b.idle()
	err := b.DB.Read(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		var late, refused int
		if err := tx.One(ctx, "SELECT COUNT(*) FROM suppression", nil, &refused); err != nil {
			return err
		}
		if refused != members {
			t.Errorf("%d of %d refusals are stored", refused, members)
		}
		err := tx.One(ctx, `SELECT COUNT(*) FROM suppression x JOIN message m ON m.phone_id = x.phone_id AND m.category = 'MKT' JOIN segment s ON s.message_id = m.id
			WHERE s.submit_at > x.created_at AND ',' || x.in_flight || ',' NOT LIKE '%,' || m.id || ',%'`, nil, &late)
		if late > 0 {
			t.Errorf("%d messages entered submitting after the opt-out", late)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// idle waits until nothing is on its way.
func (n *node) idle() {
	n.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for open := 1; open > 0; <-tick.C {
		err := n.DB.Read(n.t.Context(), func(ctx context.Context, tx *store.Tx) error {
			return tx.One(ctx, "SELECT COUNT(*) FROM message WHERE state IN ('permitted', 'queued', 'submitting', 'submitted')", nil, &open)
		})
		if err != nil {
			n.t.Fatal(err)
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("%d messages are on their way", open)
		}
	}
}
