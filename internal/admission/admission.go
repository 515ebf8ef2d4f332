// Package admission tells whether a key opens what is asked for, whichever interface it came by:
// its life, its person, its addresses, its scopes and its rate.
package admission

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Scopes of a key.
const (
	Send    = "send"
	Read    = "read"
	Consent = "consent"
	Apply   = "apply"
	Admin   = "admin"
	Reveal  = "reveal" // numbers and texts, with a reason
	Audit   = "audit"  // reads everything relevant, changes nothing
)

// Caller is who a request comes from.
type Caller struct {
	Key  *registry.APIKey
	App  *registry.Application
	Snap *registry.Snapshot
}

// Guard admits keys. Every interface of a node has the same one, so that a key's rate is one.
type Guard struct {
	Now  func() time.Time
	Rate int // requests a second of one key

	limits sync.Map // key id → *rate.Limiter
}

// Admit checks all that a key is bound to; key is nil when nobody has what was shown. The
// snapshot is as of now, so that a key that was revoked a moment ago opens nothing.
func (g *Guard) Admit(snap *registry.Snapshot, key *registry.APIKey, remoteAddr, scope, method string) (c Caller, err error) {
	c = Caller{Key: key, Snap: snap}
	now := g.Now().UnixMilli()
	switch {
	case key == nil:
		return c, sms.Errorf(sms.Unauthenticated, "Authorization", "no key has this value")
	case key.RevokedAt != 0 && key.RevokedAt <= now, key.ExpiresAt != 0 && key.ExpiresAt <= now:
		return c, sms.Errorf(sms.KeyExpired, "Authorization", "")
	case key.StaffID != 0 && snap.Staff[key.StaffID].State != registry.Active: // it exists: the store has a reference
		return c, sms.Errorf(sms.KeyExpired, "Authorization", "the person whose key it is does not work here any more")
	}
	addr, err := remote(remoteAddr)
	if err != nil || !snap.Allows(key.Allow, addr) {
		return c, sms.Errorf(sms.AddressNotAllowed, "source address", "it is %s", addr)
	}
	if !May(key, scope, method) {
		return c, sms.Errorf(sms.Forbidden, "Authorization", "the key lacks the scope %q", scope)
	}
	limit, _ := g.limits.LoadOrStore(key.ID, rate.NewLimiter(rate.Limit(g.Rate), g.Rate))
	if !limit.(*rate.Limiter).Allow() {
		return c, sms.Errorf(sms.RateLimited, "Authorization", "the key may make %d requests a second", g.Rate)
	}
	if c.App = snap.Application[key.ApplicationID]; c.App == nil {
		return c, sms.Errorf(sms.Unauthenticated, "Authorization", "the key's application is gone")
	}
	return c, nil
}

// May tells whether a key's scopes open an operation. An administrator may look where an
// auditor may; an auditor may read what others may read, and nothing else.
func May(key *registry.APIKey, scope, method string) bool {
	switch {
	case Has(key.Scopes, scope):
		return true
	case scope == Audit:
		return Has(key.Scopes, Admin)
	}
	return scope == Read && method == http.MethodGet && Has(key.Scopes, Audit)
}

// Has tells whether a list with commas has an item.
func Has(list, item string) bool {
	for x := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(x) == item {
			return true
		}
	}
	return false
}

func remote(s string) (netip.Addr, error) {
	host, _, err := net.SplitHostPort(s)
	if err != nil {
		return netip.Addr{}, err
	}
	return netip.ParseAddr(host)
}

// Failure is a request whose signature was wrong: what was signed here, for its key's owner to
// compare with what the program signed.
type Failure struct {
	At        time.Time `json:"at"`
	Scheme    string    `json:"scheme"`
	Action    string    `json:"action"`
	Canonical string    `json:"canonical_request" doc:"the request in the scheme's canonical form, cut at 8 KiB"`
	ToSign    string    `json:"string_to_sign" doc:"what the signature is of"`
}
