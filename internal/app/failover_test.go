package app

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/channel"
	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/lab/carrier"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// When a carrier goes away, what waits for its channel is delivered by the next one;
// operators see why. Nothing is sent twice.
func TestFailoverToTheNextCarrier(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			cfg := config.Default()
			cfg.Channel.Breaker.DownAfter, cfg.Channel.Breaker.CoolDown = time.Second, 2*time.Second
			if cfg.Database.Kind = kind; kind == "postgres" {
				cfg.Database.DSNFile = filepath.Join(t.TempDir(), "dsn")
				if err := os.WriteFile(cfg.Database.DSNFile, []byte(storetest.DSN(t)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			failover(t, start(t, cfg))
		})
	}
}

func failover(t *testing.T, n *node) {
	t.Helper()
	spare := n.secondCarrier()
	n.untilChannels("both channels are up", func(s channel.State) bool { return s.Owned && s.Sessions > 0 && s.Breaker == dispatch.Closed })
	before := n.send(otpText, "14200007001").Results[0].MessageID
	n.until(before, sms.Delivered)
	if got := len(spare.Received(0, 10)); got != 0 {
		t.Errorf("%d PDUs went to the second carrier", got)
	}
	n.stopCarrier()
	n.untilChannels("the first has no sessions", func(s channel.State) bool { return s.Name != "mobile-1" || s.Sessions == 0 })
	waiting := n.send(otpText, member).Results[0].MessageID
	n.until(waiting, sms.Delivered)
	if got := spare.Received(0, 10); len(got) != 1 {
		t.Errorf("%d PDUs came to the second carrier", len(got))
	}
	n.prove(waiting, otpText)
	n.untilChannels("the first is taken out", func(s channel.State) bool {
		return s.Name != "mobile-1" || s.Breaker == dispatch.Open && s.Cause == dispatch.CauseDown && s.Until > s.Since
	})
	metrics := string(n.raw("GET", "/metrics", nil))
	for _, want := range []string{
		`zhunxin_channel_breaker{channel="mobile-1",state="open"} 1`, `zhunxin_channel_breaker_changes_total{channel="mobile-1",state="open"} 1`,
		`zhunxin_channel_breaker{channel="mobile-2",state="closed"} 1`, "zhunxin_dispatch_moved_total 1",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics does not say %s", want)
		}
	}
}

// secondCarrier starts another carrier, and a channel to it that goes after the first.
func (n *node) secondCarrier() *carrier.Carrier {
	n.t.Helper()
	c := n.anotherCarrier()
	ch := *n.registry().Channels[0]
	ch.ID, ch.Name, ch.Address, ch.Priority = n.IDs.Next(), "mobile-2", c.Addr().String(), 1
	ch.Secret = n.Keys.Seal(vault.PurposeLogin, []byte(simSecret))
	n.insert(ch)
	return c
}

// anotherCarrier starts a carrier to which no channel leads yet.
func (n *node) anotherCarrier() *carrier.Carrier {
	n.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test's listener
	if err != nil {
		n.t.Fatal(err)
	}
	c, err := carrier.Start(context.Background(), ln, carrier.Config{
		Accounts: []carrier.Account{{Login: simLogin, Secret: simSecret, Sessions: 8, Window: 64, Codes: []string{storyCode}}},
	}, slog.New(slog.NewTextHandler(io.Discard, nil)), n.Now, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
		defer cancel()
		_ = c.Stop(ctx)
	})
	return c
}

// untilChannels waits until all of two channels are so.
func (n *node) untilChannels(what string, ok func(channel.State) bool) {
	n.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		good, list := 0, n.channelStates()
		for _, s := range list {
			if ok(s) {
				good++
			}
		}
		if good == 2 {
			return
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("it never came to this: %s; %+v", what, list)
		}
	}
}
