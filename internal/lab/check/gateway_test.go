package check

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/lab/carrier"
)

// listening finds an address that nobody listens on.
func listening(t *testing.T) net.Listener {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// nextPort goes through ports below those that the system gives to connections, none of which
// may take one before the check listens on it.
var nextPort atomic.Int32

// free is an address on which nobody listens.
func free(t *testing.T) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 21_000+nextPort.Add(1))
		if ln, err := net.Listen("tcp", address); err == nil { //nolint:noctx // a test's listener
			_ = ln.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

const (
	testLogin  = "900001"
	testSecret = "888888"
)

// simulated starts our own gateway of a protocol and gives how to check it.
func simulated(t *testing.T, p Protocol, b carrier.Behaviour) Options {
	t.Helper()
	o := Options{Protocol: p, Login: testLogin, Secret: testSecret, Timeout: 2 * time.Second, ReportWait: 5 * time.Second, IdleWait: 5 * time.Second}
	a := carrier.Account{Login: testLogin, Secret: testSecret}
	cfg := carrier.Config{GatewayID: 1001, Behaviour: b}
	switch p {
	case CMPP20:
		cfg.Protocol, a.Version = carrier.CMPP, "2.0"
	case CMPP30:
		cfg.Protocol = carrier.CMPP
	case SGIP:
		o.BackListen = free(t)
		cfg.Protocol, cfg.Idle = carrier.SGIP, carrier.Duration(300*time.Millisecond)
		a.Callback, a.CallbackLogin, a.CallbackSecret = o.BackListen, testLogin, testSecret
	case SMGP30:
		cfg.Protocol = carrier.SMGP
	case SMGP13:
		cfg.Protocol, a.Version = carrier.SMGP, "1.3"
	case SMPP:
		cfg.Protocol = carrier.SMPP
	}
	cfg.Accounts = []carrier.Account{a}
	c, err := carrier.Start(t.Context(), listening(t), cfg, slog.New(slog.DiscardHandler), time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = c.Stop(ctx) // connections that a check has torn may be left
	})
	o.Target = c.Addr().String()
	o.AskMO = func(ctx context.Context) error { return c.SendMO(ctx, "17000000001", "10690000", "联调") }
	return o
}

// Our own gateways pass every check.
func TestOurGatewaysPass(t *testing.T) {
	for _, p := range Protocols() {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			o := simulated(t, p, carrier.Behaviour{})
			if p == CMPP30 || p == SMPP {
				o.Text = "【准信】联调短信"
			}
			results, err := Gateway(t.Context(), o, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range results {
				t.Logf("%-9s %-18s %s (%s, %s)", r.Verdict, r.ID, r.Seen, r.Section, r.Took.Round(time.Millisecond))
				if r.Verdict == Fail || r.Verdict == Skipped {
					t.Errorf("%s %s: %s", r.ID, r.Verdict, r.Seen)
				}
			}
		})
	}
}
