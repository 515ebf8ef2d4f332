package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

type importView struct {
	ID                                                   sms.ID
	State                                                string
	Lines, Good, Bad, Sampled, Judged, Failed, Activated int
	Repeated                                             int
	Whole                                                bool
	problem
}

// declare declares a list and brings its rows.
func (n *node) declare(wording sms.ID, rows string) (v importView) {
	n.t.Helper()
	n.do(http.MethodPost, "/v1/consents/imports", map[string]any{
		"wording_id": wording, "method": "form", "source": "shop", "declarant": "经办人甲", "declaration": "名单所列均为本人在门店签字同意",
	}, &v)
	if v.Code != "" {
		n.t.Fatalf("%+v", v)
	}
	n.rows(v.ID, rows, &v)
	return v
}

func (n *node) rows(id sms.ID, rows string, out any) {
	n.t.Helper()
	status, b := n.fetch(http.MethodPut, "/v1/consents/imports/"+id.String()+"/rows", []byte(rows), "Content-Type", "text/csv")
	if err := json.Unmarshal(b, out); err != nil {
		n.t.Fatalf("%d %s", status, b)
	}
}

// untilImport waits for a list's state.
func (n *node) untilImport(id sms.ID, state string) (v importView) {
	n.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		v = importView{}
		if n.do(http.MethodGet, "/v1/consents/imports/"+id.String(), nil, &v); v.State == state {
			return v
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("the list is %+v, not %s", v, state)
		}
	}
}

type sampleRow struct {
	Line   int
	Number string
	Proof  string
	State  string
}

func (n *node) sample(id sms.ID, key string) []sampleRow {
	n.t.Helper()
	var out struct{ Rows []sampleRow }
	n.do(http.MethodGet, "/v1/admin/consents/imports/"+id.String()+"/sample", nil, &out, "Authorization", "Bearer "+key)
	return out.Rows
}

// judge has a reviewer find all rows of the sample that wait in order, but some lines.
func (n *node) judge(id sms.ID, key string, bad ...int) (v importView) {
	n.t.Helper()
	var rows []map[string]any
	for _, r := range n.sample(id, key) {
		if r.State != "" {
			continue
		}
		ok := true
		for _, b := range bad {
			ok = ok && r.Line != b
		}
		rows = append(rows, map[string]any{"line": r.Line, "ok": ok, "reason": "已核对登记表"})
	}
	n.do(http.MethodPost, "/v1/admin/consents/imports/"+id.String()+"/judgements", map[string]any{"rows": rows}, &v, "Authorization", "Bearer "+key)
	return v
}

func list(from, count int) string {
	var b strings.Builder
	b.WriteString("\ufeff手机号,同意时间,凭证\r\n")
	for i := range count {
		fmt.Fprintf(&b, "142%08d,2026-05-01 10:00:00,登记表%d\r\n", from+i, i)
	}
	return b.String()
}

// CNS-03: rows of a list are consents only once a reviewer, who did not hand it over, has judged
// the sample. A refusal that came meanwhile stays (OPT-05).
func TestListIsUsedOnlyAfterItsReview(t *testing.T) {
	everywhere(t, func(n *node) {
		w := n.wording()
		bad := "12345,2026-05-01,a\n14200009001,yesterday,a\n14200009002,2025-12-31,a\n14200000301,2026-05-01,again\n14200009003,2026-05-01\n14200009004,2199-01-01,a\n"
		v := n.declare(w.ID, list(301, 40)+bad)
		customer := n.key
		if v = n.untilImport(v.ID, "review"); v.Lines != 46 || v.Good != 40 || v.Bad != 6 || v.Sampled != 30 {
			n.t.Errorf("%+v", v)
		}
		if r := n.send(mktText, "14200000301").Results[0]; r.Code != sms.ConsentMissing {
			n.t.Errorf("before the review: %+v", r)
		}
		n.do(http.MethodPost, "/v1/suppressions", map[string]any{"to": []string{"14200000302"}}, nil)
		var faults struct {
			Faults []struct {
				Line         int
				Code, Number string
				Zh, En       string
			}
		}
		n.do(http.MethodGet, "/v1/consents/imports/"+v.ID.String()+"/faults", nil, &faults)
		said := ""
		for _, f := range faults.Faults {
			said += fmt.Sprintf("%d %s, ", f.Line, f.Code)
			if f.Zh == "" || f.En == "" || strings.Contains(f.Number, "0000") && !strings.Contains(f.Number, "*") {
				n.t.Errorf("%+v", f)
			}
		}
		if said != "42 NUMBER, 43 TIME, 44 CNS-02, 45 REPEATED, 46 COLUMNS, 47 CNS-02, " {
			n.t.Error(said)
		}
		admin := n.adminKey()
		n.key = admin
		_, reviewer := n.staffKey("reviewer")
		_, clerk := n.staffKey("finance")
		n.key = customer
		if got := n.judge(v.ID, clerk); got.Code == "" {
			n.t.Errorf("a clerk judges: %+v", got)
		}
		for _, r := range n.sample(v.ID, reviewer) {
			if !strings.Contains(r.Number, "****") || !strings.HasPrefix(r.Proof, "登记表") {
				n.t.Errorf("%+v", r)
			}
		}
		if got := n.judge(v.ID, reviewer); got.State != "activating" || got.Judged != 30 {
			n.t.Errorf("%+v", got)
		}
		if v = n.untilImport(v.ID, "active"); v.Activated != 40 {
			n.t.Errorf("%+v", v)
		}
		if r := n.send(mktText, "14200000301").Results[0]; r.State != sms.Queued {
			n.t.Errorf("after the review: %+v", r)
		}
		if r := n.send(mktText, "14200000302").Results[0]; r.Code != sms.OptedOut && r.Code != sms.ConsentMissing || len(n.person("14200000302").Refusals) != 1 {
			n.t.Errorf("who refused meanwhile: %+v", r)
		}
		if r := n.send(mktText, "14200009001").Results[0]; r.Code != sms.ConsentMissing {
			n.t.Errorf("a row with a fault: %+v", r)
		}
		n.emptied(v.ID)
	})
}

// emptied checks that no line of a list is left.
func (n *node) emptied(id sms.ID) {
	n.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for left := int64(1); left != 0; <-tick.C {
		err := n.DB.Read(n.t.Context(), func(ctx context.Context, tx *store.Tx) error {
			return tx.One(ctx, "SELECT COUNT(*) FROM consent_import_chunk WHERE import_id = ? AND LENGTH(content) > 0", []any{int64(id)}, &left)
		})
		if err != nil || time.Now().After(deadline) {
			n.t.Fatalf("%d chunks are left: %v", left, err)
		}
	}
}

// CNS-03: one row without proof, and all must be judged; it alone is left out.
func TestOneFailedRowHasAllReviewed(t *testing.T) {
	n := start(t, config.Default())
	w := n.wording()
	v := n.declare(w.ID, list(401, 50))
	n.untilImport(v.ID, "review")
	customer := n.key
	n.key = n.adminKey()
	_, reviewer := n.staffKey("reviewer")
	n.key = customer
	failed := n.sample(v.ID, reviewer)[3].Line
	if got := n.judge(v.ID, reviewer, failed); got.State != "review" || got.Failed != 1 {
		t.Fatalf("%+v", got)
	}
	var wide importView
	n.do(http.MethodPost, "/v1/admin/consents/imports/"+v.ID.String()+"/widen", nil, &wide, "Authorization", "Bearer "+reviewer)
	if got := n.untilImport(v.ID, "review"); !got.Whole || got.Sampled != 50 || got.Judged != 30 {
		t.Errorf("%+v", got)
	}
	n.judge(v.ID, reviewer)
	if got := n.untilImport(v.ID, "active"); got.Activated != 49 {
		t.Errorf("%+v", got)
	}
	if r := n.send(mktText, fmt.Sprintf("142%08d", 401+failed-2)).Results[0]; r.Code != sms.ConsentMissing {
		t.Errorf("the row that failed: %+v", r)
	}
}

// A list that is stopped or rejected gives no consent, and its lines are destroyed.
func TestListComesToNothing(t *testing.T) {
	n := start(t, config.Default())
	w := n.wording()
	customer := n.key
	n.key = n.adminKey()
	_, reviewer := n.staffKey("reviewer")
	n.key = customer
	for _, end := range []struct{ path, key, state string }{
		{"/v1/consents/imports/%s/stop", customer, "stopped"}, {"/v1/admin/consents/imports/%s/reject", reviewer, "rejected"},
	} {
		v := n.declare(w.ID, list(501, 40))
		n.untilImport(v.ID, "review")
		path := fmt.Sprintf(end.path, v.ID)
		n.do(http.MethodPost, path, map[string]string{"why": "登记表缺失"}, &v, "Authorization", "Bearer "+end.key)
		if v = n.untilImport(v.ID, end.state); v.Activated != 0 {
			t.Errorf("%+v", v)
		}
		n.emptied(v.ID)
		var again importView
		if n.do(http.MethodPost, path, map[string]string{"why": "登记表缺失"}, &again, "Authorization", "Bearer "+end.key); again.Code != sms.ImportState {
			t.Errorf("once more: %+v", again)
		}
		if got := n.judge(v.ID, reviewer); got.Code == "" {
			t.Errorf("it is judged: %+v", got)
		}
	}
	if r := n.send(mktText, "14200000501").Results[0]; r.Code != sms.ConsentMissing {
		t.Errorf("%+v", r)
	}
}

// Lists that can't be read are refused, say where, and may be brought again.
func TestBadLists(t *testing.T) {
	n := start(t, config.Default())
	w := n.wording()
	var v importView
	n.do(http.MethodPost, "/v1/consents/imports", map[string]any{
		"wording_id": w.ID, "method": "IMPLIED", "source": "shop", "declarant": "经办人甲", "declaration": "名单所列均为本人在门店签字同意",
	}, &v)
	if v.Code != sms.ConsentForm || !strings.Contains(v.Zh, "CNS-06") {
		t.Errorf("%+v", v)
	}
	v = importView{}
	n.do(http.MethodPost, "/v1/consents/imports", map[string]any{
		"wording_id": w.ID, "method": "form", "source": "shop", "declarant": "经办人甲", "declaration": "名单所列均为本人在门店签字同意",
	}, &v)
	for name, rows := range map[string]string{
		"nothing": "", "no rows": "number,given_at\n", "no header": list(601, 3)[len("\ufeff手机号,同意时间,凭证\r\n"):], "a column more": "number,given_at,身份证号\n14200000601,2026-05-01,1\n",
		"a column twice": "number,given_at,number\n1,2,3\n", "not UTF-8": "number,given_at,\xca\xd6\n1,2,3\n", "a long line": "number,given_at\n" + strings.Repeat("1", 1100) + "\n",
	} {
		var p problem
		if n.rows(v.ID, rows, &p); p.Code != sms.BadRequest {
			t.Errorf("%s: %+v", name, p)
		}
	}
	mine := n.key
	n.key = n.stranger()
	var p problem
	if n.rows(v.ID, list(601, 3), &p); p.Code != sms.NotFound {
		t.Errorf("another party brings rows: %+v", p)
	}
	n.key = mine
	n.rows(v.ID, list(601, 3), &v)
	if v = n.untilImport(v.ID, "review"); v.Sampled != 3 {
		t.Errorf("%+v", v)
	}
	if n.rows(v.ID, list(601, 3), &p); p.Code != sms.ImportState {
		t.Errorf("rows twice: %+v", p)
	}
}

// Whoever handed a list over does not judge it, in whatever role.
func TestWhoDeclaresAListDoesNotJudgeIt(t *testing.T) {
	n := start(t, config.Default())
	n.key = n.adminKey()
	staff, _ := n.staffKey("reviewer")
	snap, err := n.Registry(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for app, a := range snap.Application {
		if snap.Party[a.PartyID].Kind == registry.Operator {
			var out struct{ Key string }
			n.do(http.MethodPost, "/v1/admin/keys", map[string]any{"application_id": app, "staff_id": staff, "scopes": "admin,read,consent"}, &out)
			n.key = out.Key
		}
	}
	v := n.declare(n.wording().ID, list(701, 5))
	n.untilImport(v.ID, "review")
	if got := n.judge(v.ID, n.key); got.Code != sms.SamePerson {
		t.Errorf("%+v", got)
	}
	if got := n.untilImport(v.ID, "review"); got.Judged != 0 {
		t.Errorf("%+v", got)
	}
}
