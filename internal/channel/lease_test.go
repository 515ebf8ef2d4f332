package channel

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// counted are leases that everybody gets, with a count of renewals.
type counted struct{ renewed, released atomic.Int64 }

func (l *counted) Acquire(context.Context, sms.ID) (int64, bool, error) { return 1, true, nil }
func (l *counted) Adopt(context.Context, dispatch.Lease) (int, error)   { return 0, nil }
func (l *counted) Renew(ctx context.Context, _ sms.ID, _ int64) (bool, error) {
	l.renewed.Add(1)
	return true, ctx.Err()
}

func (l *counted) Release(context.Context, sms.ID, int64) error {
	l.released.Add(1)
	return nil
}

// A channel that ends waits for open answers and keeps its lease meanwhile: another node
// would put in doubt what this one is about to hear.
func TestLeaseIsKeptWhileTheChannelEnds(t *testing.T) {
	release := make(chan struct{})
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		fmt.Fprint(w, `{"id":"1"}`)
	}))
	defer up.Close()
	leases, lines := &counted{}, make(chan []dispatch.Line, 1)
	set := NewSet(Config{
		Leases: leases, Open: func([]byte) (string, error) { return "secret", nil }, OnCredit: func() {}, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	}, func(l []dispatch.Line) { lines <- l })
	snap, err := registry.NewSnapshot(1, registry.Tables{Channels: []registry.Channel{{
		ID: 7, Protocol: registry.ByHTTP, Address: up.URL, Sessions: 1, Window: 4, State: registry.Active, Options: registry.ChannelOptions{HTTP: &registry.HTTPUpstream{
			Request: registry.UpstreamRequest{Method: "POST", JSON: map[string]any{"to": "${phone}"}}, Answer: registry.UpstreamAnswer{Accepted: "true", ID: "json.id"},
		}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	set.Sync(snap)
	line := (<-lines)[0]
	tick, deadline := time.NewTicker(5*time.Millisecond), time.Now().Add(30*time.Second)
	defer tick.Stop()
	wait := func(what string, ok func() bool) {
		for ; !ok(); <-tick.C {
			if time.Now().After(deadline) {
				t.Fatal(what)
			}
		}
	}
	wait("the upstream is not reached", line.Up)
	number, err := sms.ParseMSISDN("17000000001")
	if err != nil {
		t.Fatal(err)
	}
	outcome := make(chan session.Outcome, 1)
	line.Send(dispatch.Text{Message: 1, Number: number, Text: "1"}, func(o session.Outcome, _ string) { outcome <- o })
	closed := make(chan struct{})
	go func() {
		set.Close()
		close(closed)
	}()
	wait("it does not end", func() bool { return !line.Up() })
	before := leases.renewed.Load()
	wait("the lease is not renewed", func() bool { return leases.renewed.Load() > before })
	if _, ok := line.Lease(); !ok || leases.released.Load() != 0 {
		t.Error("the lease was given up while an answer was awaited")
	}
	close(release)
	<-closed
	if o := <-outcome; o.Kind != session.Answered || o.ID != "1" || leases.released.Load() != 1 {
		t.Errorf("%+v, released %d times", o, leases.released.Load())
	}
}
