package app

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// A newer table of number segments stands in the place of the program's own until it is dropped;
// what is none is refused, and so is a province that is none.
func TestSegmentTableIsImported(t *testing.T) {
	n := start(t, config.Default())
	admin, _, _ := n.staffed()
	list, table := filepath.Join(t.TempDir(), "list.csv"), filepath.Join(t.TempDir(), "table.bin")
	if err := os.WriteFile(list, []byte("1300000,广东\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	build := &NumbersBuild{segmentFile{list, "a test", "2026-11"}, table}
	if err := build.Run(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Code     sms.Code
		Source   string
		Segments int
		Imported bool
	}
	const path = "/v1/admin/number-segments"
	if n.as(admin, http.MethodGet, path, nil, &out); out.Imported || out.Segments < 400_000 {
		t.Errorf("%+v", out)
	}
	if n.as(n.key, http.MethodPut, path, map[string]any{"table": b}, &out); out.Code != sms.Forbidden {
		t.Errorf("a customer imports: %+v", out)
	}
	if n.as(admin, http.MethodPut, path, map[string]any{"table": b[:len(b)-3]}, &out); out.Code != sms.BadRequest {
		t.Errorf("half a table: %+v", out)
	}
	n.as(admin, http.MethodPut, path, map[string]any{"table": b}, nil)
	out.Code = ""
	if n.as(admin, http.MethodGet, path, nil, &out); !out.Imported || out.Segments != 1 || out.Source != "a test" {
		t.Errorf("%+v", out)
	}
	n.as(admin, http.MethodDelete, path, nil, nil)
	if n.as(admin, http.MethodGet, path, nil, &out); out.Imported || out.Segments < 400_000 {
		t.Errorf("%+v", out)
	}
	for _, p := range n.registry().Party {
		if p.Kind != registry.Operator {
			continue
		}
		old := *n.registry().LicencesOf(p.ID)[0]
		var put reviewed
		body := map[string]any{"party_id": p.ID, "number": old.Number, "uscc": old.USCC, "scope": old.Scope, "provinces": "浙江,江", "state": "active"}
		if n.as(admin, http.MethodPut, "/v1/admin/licences/new", body, &put); put.Code != sms.BadRequest {
			t.Errorf("a province that is none: %+v", put)
		}
	}
}

// TPL-12: a customer has a link filed with each carrier that the operator has codes of; it goes
// out on a sheet, and another person than who submitted it writes the approval down.
func TestContactsAreFiledByTheSheet(t *testing.T) {
	everywhere(t, func(n *node) {
		admin, reviewer, customer := n.staffed()
		shop := n.otherKey(n.key, "apply,read")
		var list struct {
			Code     sms.Code
			Contacts []registry.ContactFiling
		}
		if n.as(shop, http.MethodPost, "/v1/contacts", map[string]any{"kind": "link", "value": "好example"}, &list); list.Code != sms.BadRequest {
			n.t.Errorf("no link: %+v", list)
		}
		list.Code = ""
		if n.as(shop, http.MethodPost, "/v1/contacts", map[string]any{"kind": "link", "value": "https://Www.Example.com/shop/"}, &list); len(list.Contacts) != 1 || list.Contacts[0].Value != "www.example.com/shop" || list.Contacts[0].State != registry.Draft {
			n.t.Fatalf("%+v", list)
		}
		f := list.Contacts[0]
		if n.as(shop, http.MethodPost, "/v1/contacts", map[string]any{"kind": "link", "value": "www.example.com/shop"}, &list); list.Code != sms.BadRequest {
			n.t.Errorf("the same twice: %+v", list)
		}
		status, sheet := n.fetch(http.MethodPost, "/v1/admin/contacts/sheet", mustJSON(n.t, map[string]any{"carrier": f.Carrier}), "Authorization", "Bearer "+admin)
		if status != http.StatusOK || !strings.Contains(string(sheet), "www.example.com/shop") {
			n.t.Fatalf("%d %s", status, sheet)
		}
		step := func(key, state string) (out struct {
			registry.ContactFiling
			Code sms.Code
		},
		) {
			n.as(key, http.MethodPut, "/v1/admin/contacts/"+f.ID.String(), map[string]any{"party_id": customer, "carrier": f.Carrier, "kind": "link", "value": "evil.example.org", "state": state}, &out)
			return out
		}
		if out := step(admin, "approved"); out.Code != sms.SamePerson {
			n.t.Errorf("approved by who submitted it: %+v", out)
		}
		if out := step(reviewer, "approved"); out.State != registry.Approved || out.Value != "www.example.com/shop" {
			n.t.Errorf("%+v", out)
		}
		if r := n.records("filing", f.ID); len(r) != 3 {
			n.t.Errorf("%d steps are recorded", len(r))
		}
	})
}
