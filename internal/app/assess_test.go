package app

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/assess"
	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

func (n *node) assessed(path string) (r assess.Report) {
	n.t.Helper()
	if status := n.do(http.MethodGet, path, nil, &r); status != http.StatusOK {
		n.t.Fatalf("%s: %d", path, status)
	}
	return r
}

func stateOf(r assess.Report, id string) assess.State {
	for _, l := range r.Lines {
		if l.ID == id {
			return l.State
		}
	}
	return ""
}

// A customer asks whether its own business is lawful, the operator of everybody's; both see
// the same as the command beside the running node, and what changed a moment ago.
func TestAssessment(t *testing.T) {
	everywhere(t, func(n *node) {
		t := n.t
		snap, err := n.Registry(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		parties := map[string]*registry.Party{}
		for _, p := range snap.Party {
			parties[p.Kind] = p
		}
		customer, operator := n.key, n.adminKey()
		n.agree(member)
		n.until(n.send(mktText, member).Results[0].MessageID, sms.Delivered)

		// What was never put on file is missing.
		r := n.assessed("/v1/assessment")
		if r.Party.ID != parties[registry.Customer].ID || r.Verdict.Kind != assess.Conditions || stateOf(r, "dpa") != assess.Missing || stateOf(r, "pia") != assess.Missing || stateOf(r, "handler") != assess.Missing {
			t.Errorf("without papers: %s %+v", r.Party.Name, r.Verdict)
		}
		n.identify(operator, r.Party.ID, "11010519491231002X")
		if r = n.assessed("/v1/assessment"); r.Verdict.Kind != assess.Lawful || stateOf(r, "consent") != assess.Met || stateOf(r, "consent_proof") != assess.Unknown || stateOf(r, "dpa") != assess.Met || stateOf(r, "handler") != assess.Met {
			t.Errorf("the customer's: %s %+v", r.Party.Name, r.Verdict)
		}
		n.key = operator
		if r = n.assessed("/v1/admin/assessment"); stateOf(r, "complaints") != assess.Missing || stateOf(r, "pia") != assess.Met {
			t.Errorf("without a contact for complaints: %+v", r.Verdict)
		}
		reachable := *parties[registry.Operator]
		reachable.Complaints = "01000000000"
		if err := n.DB.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return tx.Put(ctx, reachable) }); err != nil {
			t.Fatal(err)
		}
		for kind, p := range parties {
			if r := n.assessed("/v1/admin/assessment?party=" + p.ID.String()); r.Party.ID != p.ID || r.Verdict.Kind != assess.Lawful {
				t.Errorf("%s: %+v", kind, r.Verdict)
			}
		}
		if r := n.assessed("/v1/admin/assessment"); r.Party.ID != parties[registry.Operator].ID {
			t.Errorf("without a party it is %s", r.Party.Name)
		}

		// The reseller's licence is revoked: its business, and its customer's, stand on nothing.
		for _, l := range snap.LicencesOf(parties[registry.Agent].ID) {
			n.put("licences", l.ID.String(), map[string]any{
				"party_id": l.PartyID, "number": l.Number, "uscc": l.USCC, "scope": l.Scope, "provinces": l.Provinces, "state": registry.Revoked,
			})
		}
		r = n.assessed("/v1/admin/assessment?party=" + parties[registry.Agent].ID.String())
		if r.Verdict.Kind != assess.Unlawful || stateOf(r, "licence") != assess.Missing {
			t.Errorf("without a licence: %+v", r.Verdict)
		}
		if r = n.assessed("/v1/admin/assessment"); stateOf(r, "access") != assess.Missing {
			t.Errorf("its operator: %+v", r.Verdict)
		}
		n.key = customer
		if r = n.assessed("/v1/assessment"); r.Verdict.Kind != assess.Unlawful || stateOf(r, "above") != assess.Missing {
			t.Errorf("its customer: %+v", r.Verdict)
		}

		// The command finds the same in the folder, beside the node.
		n.byCommand(parties[registry.Customer], r)
	})
}

// byCommand compares the command's report on a party with the API's.
func (n *node) byCommand(p *registry.Party, want assess.Report) {
	n.t.Helper()
	for _, name := range []string{p.ID.String(), p.USCC, p.Name} {
		c := n.command()
		c.Party = name
		r, err := c.judge(n.t.Context(), catalogue(n.t))
		if err != nil {
			n.t.Fatal(err)
		}
		if r.Party.ID != p.ID || r.Verdict != want.Verdict || len(r.Lines) != len(want.Lines) {
			n.t.Errorf("by %q: %+v, by the API %+v", name, r.Verdict, want.Verdict)
		}
	}
	c := n.command()
	c.Party = "nobody"
	if _, err := c.judge(n.t.Context(), catalogue(n.t)); err == nil || !strings.Contains(err.Error(), p.USCC) {
		n.t.Errorf("a party that is not there: %v", err)
	}
}

// command is one on the node's folder; its settings are found as the node's own.
func (n *node) command() *Assess {
	n.t.Helper()
	c := &Assess{Folder: Folder{Data: n.Config.Data}}
	if n.Config.Database.Kind == "postgres" {
		c.Config = filepath.Join(n.t.TempDir(), "zhunxin.yaml")
		text := "database: {kind: postgres, dsn_file: " + n.Config.Database.DSNFile + "}\n"
		if err := os.WriteFile(c.Config, []byte(text), 0o600); err != nil {
			n.t.Fatal(err)
		}
	}
	return c
}

// Nobody but the operator's administrators sees another's assessment.
func TestAssessmentIsOnesOwn(t *testing.T) {
	n := start(t, config.Default())
	snap, err := n.Registry(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var own, other *registry.Party
	for _, p := range snap.Party {
		if p.Kind == registry.Customer {
			own = p
		} else if p.Kind == registry.Operator {
			other = p
		}
	}
	for _, k := range snap.AllKeys() { // a customer's key that claims the scope
		if snap.Application[k.ApplicationID].PartyID == own.ID {
			claims := *k
			claims.Scopes = "send,read,consent,admin"
			if err := n.DB.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return tx.Put(ctx, claims) }); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, path := range []string{"/v1/admin/assessment", "/v1/admin/assessment/page"} {
		for _, query := range []string{"", "?party=" + other.ID.String(), "?party=" + own.ID.String()} {
			var p struct{ Code sms.Code }
			if n.do(http.MethodGet, path+query, nil, &p); p.Code != sms.Forbidden {
				t.Errorf("%s%s: %q", path, query, p.Code)
			}
		}
	}
	var p struct{ Code sms.Code }
	if status := n.do(http.MethodGet, "/v1/assessment?party="+other.ID.String(), nil, &p); status == http.StatusOK {
		t.Error("one's own assessment takes a party")
	}
	status, page := n.fetch(http.MethodGet, "/v1/assessment/page?lang=zh", nil)
	if text := string(page); status != http.StatusOK || !strings.HasPrefix(text, "<!DOCTYPE html>") || !strings.Contains(text, own.Name) || strings.Contains(text, "cannot be known") {
		t.Errorf("the page: %d %.200s", status, page)
	}
	n.key = n.adminKey()
	if n.do(http.MethodGet, "/v1/admin/assessment?party=12345", nil, &p); p.Code != sms.NotFound {
		t.Errorf("a party that is not there: %q", p.Code)
	}
	if n.do(http.MethodGet, "/v1/admin/assessment?party=x", nil, &p); p.Code != sms.BadRequest {
		t.Errorf("no id: %q", p.Code)
	}
}

// The questionnaire asks again when it is not understood, skips what is left empty, and ends
// with its input.
func TestQuestionnaire(t *testing.T) {
	t.Parallel()
	asked := catalogue(t)
	c := &Assess{Lang: "en"}
	var out bytes.Buffer
	a, err := c.ask(asked, strings.NewReader("2\nnine\n9\n1\n\n 2 \n"), &out)
	if err != nil {
		t.Fatal(err)
	}
	if len(a) != 3 || a["purpose"] != "customers" || a["entity"] != "company" || a["provinces"] != "several" {
		t.Errorf("%v", a)
	}
	if text := out.String(); strings.Count(text, "2/14") != 1 || !strings.Contains(text, "1) a legally established company") || strings.Contains(text, "谁") {
		t.Errorf("%s", text)
	}
	out.Reset()
	advice := asked.Advise(a, time.Now())
	for format, want := range map[string]string{"text": "== ", "html": "<!DOCTYPE html>", "json": `"kind": "conditions"`} {
		c := &Assess{Format: format, Lang: "both"}
		out.Reset()
		if err := c.print(&out, advice, advice.Verdict); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %v, %.80s", format, err, &out)
		}
		c.Fail = true
		if err := c.print(&out, advice, advice.Verdict); err == nil {
			t.Errorf("%s: --fail does not fail on %s", format, advice.Verdict.Kind)
		}
	}
}

// An empty form is written once, and read back with what was filled in.
func TestAnswersFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "answers.yaml")
	if err := (&Assess{WriteAnswers: path}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := (&Assess{WriteAnswers: path}).Run(t.Context()); err == nil {
		t.Error("a form that may be filled in was overwritten")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(b, []byte("\nport:\n"), []byte("\nport: leased\n"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := (&Assess{Answers: path}).answers(catalogue(t), strings.NewReader(""), &bytes.Buffer{})
	if err != nil || len(a) != 1 || a["port"] != "leased" {
		t.Errorf("%v %v", a, err)
	}
}

func catalogue(t *testing.T) *assess.Catalogue {
	t.Helper()
	c, err := assessing()
	if err != nil {
		t.Fatal(err)
	}
	return c
}
