package app

import (
	"net/http"
	"testing"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// staffKey makes a key by the API for a person of the staff, who is made too.
func (n *node) staffKey(roles string) (id sms.ID, key string) {
	n.t.Helper()
	id = n.put("staff", "new", map[string]any{"name": "someone else", "roles": roles, "state": "active"})
	snap, err := n.Registry(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	for app, a := range snap.Application {
		if snap.Party[a.PartyID].Kind == registry.Operator {
			var out struct{ Key string }
			n.do(http.MethodPost, "/v1/admin/keys", map[string]any{"application_id": app, "staff_id": id, "scopes": "admin,read,apply,reveal"}, &out)
			return id, out.Key
		}
	}
	n.t.Fatal("the operator has no application")
	return 0, ""
}

// What a role is needed for is not done by a key of nobody, or of somebody without it; and
// the keys of a person who has left open nothing.
func TestStaff(t *testing.T) {
	n := start(t, config.Default())
	customer := n.key
	n.key = n.adminKey()
	var out struct{ Code sms.Code }
	approve := func(key string) sms.Code {
		out.Code = ""
		n.do(http.MethodPost, "/v1/admin/messages/1/approve", nil, &out, "Authorization", "Bearer "+key)
		return out.Code
	}
	if code := approve(n.key); code != sms.NotFound {
		t.Errorf("a reviewer, for a message that does not exist: %s", code)
	}
	_, clerk := n.staffKey("finance")
	if code := approve(clerk); code != sms.Forbidden {
		t.Errorf("somebody who is no reviewer: %s", code)
	}
	id, reviewer := n.staffKey("reviewer")
	if code := approve(reviewer); code != sms.NotFound {
		t.Errorf("another reviewer: %s", code)
	}
	n.put("staff", id.String(), map[string]any{"name": "someone else", "roles": "reviewer", "state": "closed"})
	if code := approve(reviewer); code != sms.KeyExpired {
		t.Errorf("a reviewer who has left: %s", code)
	}
	snap, err := n.Registry(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for app, a := range snap.Application {
		if snap.Party[a.PartyID].Kind != registry.Operator {
			if n.do(http.MethodPost, "/v1/admin/keys", map[string]any{"application_id": app, "staff_id": id, "scopes": "read"}, &out); out.Code != sms.BadRequest {
				t.Errorf("a customer's key for a person of the staff: %s", out.Code)
			}
		}
	}
	if code := approve(customer); code != sms.Forbidden {
		t.Errorf("a customer: %s", code)
	}
}
