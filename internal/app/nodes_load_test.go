package app

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// P4, P5, P9: two nodes send marketing and codes to the same people while half of them refuse, by
// either node and by a reply. None of it misses a refusal, exceeds a limit, or ends in a deadlock.
func TestTwoNodesWhilePeopleRefuse(t *testing.T) {
	a, b := pair(t)
	const people = 120
	number := func(i int) string { return fmt.Sprint(14200005000 + i) }
	for i := range people {
		a.agree(number(i))
	}
	l := &nodesLoad{t: t, texts: map[string]string{otpText: "code", mktText: "marketing"}, queued: map[string]int{}, refused: map[sms.Code]int{}}
	ways := []func(string){
		func(to string) {
			a.do(http.MethodPost, "/v1/suppressions", map[string]any{"to": []string{to}, "scope": "MKT"}, nil)
		},
		func(to string) {
			b.do(http.MethodPost, "/v1/suppressions", map[string]any{"to": []string{to}, "scope": "MKT"}, nil)
		},
		func(to string) {
			if err := a.carrier.SendMO(t.Context(), to, storyCode+storyDigits, "T"); err != nil {
				t.Error(err)
			}
		},
	}
	var lanes sync.WaitGroup
	for lane := range 4 {
		lanes.Go(func() {
			for i := lane; i < people; i += 4 { // what is about one person comes at once
				var all sync.WaitGroup
				for _, n := range []*node{a, b} {
					all.Go(func() { l.send(n, mktText, number(i)) })
					all.Go(func() { l.send(n, otpText, number(i)) })
				}
				if i%2 == 0 {
					all.Go(func() { ways[i/2%3](number(i)) })
				}
				all.Wait()
			}
		})
	}
	lanes.Wait()
	b.idle()
	l.check(b, people/2)
}

// nodesLoad is what callers were told.
type nodesLoad struct {
	t       *testing.T
	texts   map[string]string
	mu      sync.Mutex
	queued  map[string]int // what for whom
	refused map[sms.Code]int
}

func (l *nodesLoad) send(n *node, text, to string) {
	var out answer
	status := n.do(http.MethodPost, "/v1/messages", map[string]any{"text": text, "recipients": []map[string]string{{"to": to}}}, &out)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case status != http.StatusOK:
		l.t.Errorf("%d %+v", status, out)
	case out.Results[0].State == sms.Queued:
		l.queued[l.texts[text]+" to "+to]++
	default:
		l.refused[out.Results[0].Code]++
	}
}

func (l *nodesLoad) check(n *node, refusers int) {
	l.t.Helper()
	for what, times := range l.queued {
		if times > 1 { // both nodes asked for each
			l.t.Errorf("%s: accepted %d times", what, times)
		}
	}
	if l.refused[sms.OptedOut]+l.refused[sms.ConsentMissing] == 0 || len(l.queued) == 0 {
		l.t.Errorf("the test proves nothing: %d queued, refused %v", len(l.queued), l.refused)
	}
	err := n.DB.Read(l.t.Context(), func(ctx context.Context, tx *store.Tx) error {
		if bad, err := tx.CheckLedger(ctx); err != nil || len(bad) > 0 {
			l.t.Error(bad, err)
		}
		for query, want := range map[string]int{
			"SELECT COUNT(DISTINCT phone_id) FROM suppression": refusers,
			`SELECT COUNT(*) FROM suppression x JOIN message m ON m.phone_id = x.phone_id AND m.category = 'MKT' JOIN segment s ON s.message_id = m.id
				WHERE s.submit_at > x.created_at AND ',' || x.in_flight || ',' NOT LIKE '%,' || m.id || ',%'`: 0,
			"SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()": 0,
		} {
			var have int
			if err := tx.One(ctx, query, nil, &have); err != nil || have != want {
				l.t.Errorf("%s: %d, want %d, %v", query, have, want, err)
			}
		}
		return nil
	})
	if err != nil {
		l.t.Error(err)
	}
}
