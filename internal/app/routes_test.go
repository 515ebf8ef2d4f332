package app

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// Every route of the API asks for a key with its scope before it looks at anything
// else. The exceptions stand here.
func TestEveryRouteNeedsItsPermission(t *testing.T) {
	open := map[string]bool{"POST /v1/setup": true}
	n := start(t, config.Default())
	snap, err := n.Registry(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shown, hash := vault.NewAPIKey()
	k := registry.APIKey{ID: n.IDs.Next(), Hash: hash[:], Scopes: "none"}
	for id := range snap.Application {
		k.ApplicationID = id
	}
	if err := n.DB.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return tx.Put(ctx, k) }); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Security *[]map[string][]string `json:"security"`
		} `json:"paths"`
	}
	n.do(http.MethodGet, "/openapi.json", nil, &doc)
	routes := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			routes++
			name := strings.ToUpper(method) + " " + path
			if public := op.Security != nil && len(*op.Security) == 0; public != open[name] {
				t.Errorf("%s: public is %v", name, public)
			}
			if open[name] {
				continue
			}
			at := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "1")
			for key, code := range map[string]sms.Code{"zx_wrong": sms.Unauthenticated, shown: sms.Forbidden} {
				n.key = key
				var p struct{ Code sms.Code }
				if n.do(strings.ToUpper(method), at, json.RawMessage("{}"), &p); p.Code != code {
					t.Errorf("%s with a key that may not: %q, want %s", name, p.Code, code)
				}
			}
		}
	}
	if routes < 20 {
		t.Errorf("only %d routes were looked at", routes)
	}
}
