package app

import (
	"context"
	"database/sql"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// described is what the API's description says of an operation: where it is, and the names of
// all that it takes or gives.
type described struct {
	at          string
	takes, both []string
}

// operations reads the description.
func (n *node) operations() (list []described) {
	n.t.Helper()
	var doc struct {
		Paths      map[string]map[string]any
		Components struct{ Schemas map[string]any }
	}
	n.do(http.MethodGet, "/openapi.json", nil, &doc)
	var names func(v any, seen map[string]bool) []string
	names = func(v any, seen map[string]bool) (out []string) {
		switch x := v.(type) {
		case []any:
			for _, e := range x {
				out = append(out, names(e, seen)...)
			}
		case map[string]any:
			if props, ok := x["properties"].(map[string]any); ok {
				out = slices.AppendSeq(out, maps.Keys(props))
			}
			if name, ok := x["name"].(string); ok && x["in"] != nil {
				out = append(out, name)
			}
			if ref, ok := x["$ref"].(string); ok && !seen[ref] {
				seen[ref] = true
				out = append(out, names(doc.Components.Schemas[ref[strings.LastIndex(ref, "/")+1:]], seen)...)
			}
			for _, e := range x {
				out = append(out, names(e, seen)...)
			}
		}
		return out
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			in, _ := op.(map[string]any)
			takes := append(names(in["requestBody"], map[string]bool{}), names(in["parameters"], map[string]bool{})...)
			list = append(list, described{strings.ToUpper(method) + " " + path, takes, names(op, map[string]bool{})})
		}
	}
	if len(list) < 50 {
		n.t.Fatalf("only %d operations are described", len(list))
	}
	return list
}

func matching(names []string, of *regexp.Regexp) (out []string) {
	for _, name := range names {
		if of.MatchString(name) {
			out = append(out, name)
		}
	}
	return out
}

// CMP-08: nothing that handles complaints or requests of persons takes an identity document, a
// scan or a promise; what parties must show is elsewhere.
func TestNobodyAsksComplainantsForPapers(t *testing.T) {
	n := start(t, config.Default())
	papers := regexp.MustCompile(`(?i)identity|id_card|id_number|passport|document|scan|copy_of|photo|promise|undertaking|waiver`)
	ofPeople, elsewhere := 0, 0
	for _, op := range n.operations() {
		found := matching(op.takes, papers)
		if !regexp.MustCompile(`complaint|/people|/requests|/mine`).MatchString(op.at) {
			elsewhere += len(found)
			continue
		}
		ofPeople++
		if len(found) > 0 {
			t.Errorf("%s takes %v", op.at, found)
		}
	}
	if ofPeople < 10 || elsewhere == 0 {
		t.Errorf("%d operations are of people, and %d papers are asked of parties: the patterns are wrong", ofPeople, elsewhere)
	}
}

// FRD-06: no operation receives codes for others or switches numbers: nobody says by which
// number a message leaves, none rents numbers, and replies reach only whose sub-code they came to.
func TestNothingReceivesCodesForOthers(t *testing.T) {
	n := start(t, config.Default())
	pools := regexp.MustCompile(`(?i)sim_?card|sim_?pool|imei|imsi|number_pool|^rent|_rent(al)?(_|$)|lease_number|receive_code|switch_number|phone_pool|jiema`)
	chosen := regexp.MustCompile(`^(from|source|sender|src|caller)(_number|_id|_addr)?$`)
	sends := false
	for _, op := range n.operations() {
		if found := matching(append(op.both, op.at), pools); len(found) > 0 {
			t.Errorf("%s has %v", op.at, found)
		}
		if op.at == "POST /v1/messages" {
			sends = slices.Contains(op.takes, "recipients")
			if found := matching(op.takes, chosen); len(found) > 0 {
				t.Errorf("%s takes %v: a sender chooses its number", op.at, found)
			}
		}
	}
	if !sends {
		t.Error("the operation that sends was not found: the description is read wrongly")
	}
}

// BIL-03: whatever becomes of a message, the ledger moves money between accounts of parties only.
func TestRecipientsAreNeverCharged(t *testing.T) {
	n := start(t, config.Default())
	n.until(n.send(otpText, member).Results[0].MessageID, sms.Delivered)
	snap, err := n.Registry(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	entries := 0
	err = n.DB.Read(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		return tx.Query(ctx, "SELECT account_id, contra_id FROM ledger_entry", nil, func(r *sql.Rows) error {
			var account, contra sms.ID
			if err := r.Scan(&account, &contra); err != nil {
				return err
			}
			entries++
			for _, id := range []sms.ID{account, contra} {
				if a := snap.Account[id]; id != 0 && (a == nil || snap.Party[a.PartyID] == nil) {
					t.Errorf("account %d is no party's", id)
				}
			}
			return nil
		})
	})
	if err != nil || entries == 0 {
		t.Errorf("%d entries, %v", entries, err)
	}
	payers := regexp.MustCompile(`(?i)charge_recipient|recipient_price|reverse_charge|fee_user|payer_number|fee_terminal`)
	for _, op := range n.operations() {
		if found := matching(op.both, payers); len(found) > 0 {
			t.Errorf("%s has %v", op.at, found)
		}
	}
}
