package carrier

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/protocol/session"
)

// An account's limits change while the simulator runs: what is named and nothing else, from the
// next login on, and its connections are closed so that it logs in again.
func TestLimitsChangeLive(t *testing.T) {
	l := start(t, Behaviour{})
	call := l.control(t)
	login := l.cfg.Accounts[0].Login
	was := l.accounts[login].limits()
	if status, text := call("PATCH", "/accounts/"+login, `{"tps":7,"window":3}`); status != http.StatusOK || !strings.Contains(text, `"tps":7`) {
		t.Fatal(status, text)
	}
	now := Limits{was.Sessions, 3, 7}
	if got := l.accounts[login].limits(); got != now {
		t.Errorf("%+v, want %+v", got, now)
	}
	a, refused := (*handler)(l.Carrier).Account(login, netip.Addr{})
	if want := (session.Account{Login: login, Secret: a.Secret, Version: a.Version, MaxSessions: max(was.Sessions, 1), Window: 3, TPS: 7}); a != want || refused != 0 {
		t.Errorf("the next login gets %+v, %d", a, refused)
	}
	<-l.handler.closed
	for path, body := range map[string]string{
		"/accounts/" + login: `{"window":-1}`, "/accounts/" + login + "?x": `{"nonsense":1}`, "/accounts/nobody": `{"tps":1}`,
	} {
		if status, text := call("PATCH", path, body); status < 400 || !strings.Contains(text, "error") || l.accounts[login].limits() != now {
			t.Errorf("%s %s: %d %s", path, body, status, text)
		}
	}
	if status, text := call("GET", "/accounts/"+login, ""); status != http.StatusOK || !strings.Contains(text, `"window":3`) || strings.Contains(text, a.Secret) {
		t.Error(status, text)
	}
}
