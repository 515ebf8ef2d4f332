package app

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/zhunxin/zhunxin/internal/privacy"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// PRV-14: an active agent owes a questionnaire a year, whose answers are kept; its keys show no
// number in clear.
func TestAgentsAreSupervised(t *testing.T) {
	everywhere(t, func(n *node) {
		office := n.adminKey()
		agent := registry.Party{ID: n.IDs.Next(), Kind: registry.Agent, ParentID: n.operator(), GroupID: 7, Name: "示例代理", USCC: "91110000000000009A", EntityType: "company", State: registry.Active}
		idle := agent
		idle.ID, idle.USCC, idle.State = n.IDs.Next(), "91110000000000006A", registry.Closed
		app := registry.Application{ID: n.IDs.Next(), PartyID: agent.ID, AccountID: n.registry().Application[n.app()].AccountID, Name: "agent", State: registry.Active}
		err := n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
			for _, o := range []any{agent, idle, app} {
				if err := tx.Put(ctx, o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			n.t.Fatal(err)
		}
		owed := func() (list []dutyView) {
			for range 2 {
				if err := n.sweepDuties(n.t.Context()); err != nil {
					n.t.Fatal(err)
				}
			}
			_, list = n.listDuties(office, "state=open")
			return slices.DeleteFunc(list, func(d dutyView) bool { return d.Rule != "PRV-14" || d.Object != agent.ID && d.Object != idle.ID })
		}
		if list := owed(); len(list) != 1 || list[0].Object != agent.ID {
			n.t.Fatalf("%+v", list)
		}
		path := "/v1/admin/agents/" + agent.ID.String() + "/questionnaires"
		answers := func(change func(map[string]any)) map[string]any {
			m := map[string]any{}
			for _, q := range privacy.Questions {
				m[q.ID] = map[string]any{"yes": true}
			}
			change(m)
			return map[string]any{"answers": m, "said_by": "安全负责人"}
		}
		var out problem
		for name, change := range map[string]func(map[string]any){
			"one is missing":       func(m map[string]any) { delete(m, "incident") },
			"a no without a note":  func(m map[string]any) { m["incident"] = map[string]any{"yes": false} },
			"what is no question":  func(m map[string]any) { m["weather"] = map[string]any{"yes": true} },
			"a number in the note": func(m map[string]any) { m["incident"] = map[string]any{"yes": false, "note": "ask " + member} },
		} {
			out = problem{}
			if n.as(office, http.MethodPost, path, answers(change), &out); out.Code != sms.BadRequest {
				n.t.Errorf("%s: %+v", name, out)
			}
		}
		if len(owed()) != 1 {
			n.t.Error("the duty is done without answers")
		}
		full := answers(func(m map[string]any) {
			m["incident"] = map[string]any{"yes": false, "note": "a procedure is written by March"}
		})
		if status := n.as(office, http.MethodPost, path, full, nil); status != http.StatusOK || len(owed()) != 0 {
			n.t.Errorf("%d, %+v", status, owed())
		}
		var list struct {
			Questionnaires []privacy.AgentAnswers
		}
		if n.as(office, http.MethodGet, path, nil, &list); len(list.Questionnaires) != 1 || list.Questionnaires[0].By == 0 || len(n.records("agent-answers", agent.ID)) != 1 {
			n.t.Errorf("%+v", list)
		}
		out = problem{}
		customer := "/v1/admin/agents/" + n.registry().Application[n.app()].PartyID.String() + "/questionnaires"
		if n.as(office, http.MethodPost, customer, full, &out); out.Code != sms.NotFound {
			n.t.Errorf("of a customer: %+v", out)
		}
		for _, scopes := range []string{"read,reveal", "audit"} {
			out = problem{}
			if n.as(office, http.MethodPost, "/v1/admin/keys", map[string]any{"application_id": app.ID, "scopes": scopes}, &out); out.Code != sms.BadRequest {
				n.t.Errorf("an agent's key with %s: %+v", scopes, out)
			}
		}
	})
}
