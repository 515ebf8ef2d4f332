package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/evidence/bundle"
	"github.com/zhunxin/zhunxin/internal/campaign"
	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

type campaignView struct {
	ID                         sms.ID
	State                      string
	Parts, Rows, Good, Decided int
	Verdicts                   map[string]int
	Estimate                   struct {
		Units, Cost, Sampled, Unconsented int
		Verdicts                          map[string]int
	}
	Findings []struct {
		Rule     string
		Outcome  string
		Articles []string
	}
	Rule      string
	Text      string
	Confirmed []string
	Waits     int64 `json:"waits_until"`
	problem
}

// people are numbers without neighbours.
func people(from, count int) []string {
	out := make([]string, count)
	for i := range out {
		out[i] = fmt.Sprint(14210000000 + from + 3*i)
	}
	return out
}

// consented records consents of many, and gives back their wording.
func (n *node) consented(to []string) sms.ID {
	n.t.Helper()
	w := n.wording()
	for ; len(to) > 0; to = to[min(len(to), 1000):] {
		if p := n.record(w.ID, nil, to[:min(len(to), 1000)]...); p.Code != "" {
			n.t.Fatalf("%+v", p)
		}
	}
	return w.ID
}

// templateOf finds the seeded template of a category.
func (n *node) templateOf(cat sms.Category) sms.ID {
	n.t.Helper()
	snap, err := n.Registry(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	for id, t := range snap.Template {
		if t.Category == cat {
			return id
		}
	}
	n.t.Fatal("there is no such template")
	return 0
}

// campaignBody is a lawful campaign of marketing, changed by some values.
func (n *node) campaignBody(evidence sms.ID, with map[string]any) map[string]any {
	body := map[string]any{
		"name": "会员日", "template_id": n.templateOf(sms.MKT), "signature": storySignature, "evidence": []sms.ID{evidence},
		"declaration": map[string]string{"name": "示例商城", "uscc": "91110000000000003C", "handler": "经办人甲", "words": "收件人均为同意接收会员活动信息的本人"},
	}
	for k, v := range with {
		body[k] = v
	}
	return body
}

func (n *node) campaign(body map[string]any) (v campaignView) {
	n.t.Helper()
	n.do(http.MethodPost, "/v1/campaigns", body, &v)
	return v
}

type partView struct {
	Rows, Good int
	Faults     []struct {
		Part, Line     int
		Code, Variable string
		Zh, En         string
	}
	problem
}

// part loads rows of a campaign.
func (n *node) part(id sms.ID, no int, media, rows string) (p partView) {
	n.t.Helper()
	status, b := n.fetch(http.MethodPut, fmt.Sprintf("/v1/campaigns/%s/parts/%d", id, no), []byte(rows), "Content-Type", media)
	if err := json.Unmarshal(b, &p); err != nil {
		n.t.Fatalf("%d %s", status, b)
	}
	return p
}

// act takes a step of a campaign.
func (n *node) act(id sms.ID, step string) (v campaignView) {
	n.t.Helper()
	n.do(http.MethodPost, "/v1/campaigns/"+id.String()+"/"+step, nil, &v)
	return v
}

func (n *node) campaignNow(id sms.ID) (v campaignView) {
	n.t.Helper()
	n.do(http.MethodGet, "/v1/campaigns/"+id.String(), nil, &v)
	return v
}

// untilCampaign waits until a campaign is as somebody wants it.
func (n *node) untilCampaign(id sms.ID, what string, is func(v *campaignView) bool) (v campaignView) {
	n.t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		if v = n.campaignNow(id); is(&v) {
			return v
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("the campaign is not %s: %+v", what, v)
		}
	}
}

func (n *node) untilState(id sms.ID, state string) campaignView {
	n.t.Helper()
	return n.untilCampaign(id, state, func(v *campaignView) bool { return v.State == state })
}

// loaded opens a campaign to some people and closes its list.
func (n *node) loaded(body map[string]any, to []string) (v campaignView) {
	n.t.Helper()
	if v = n.campaign(body); v.Code != "" {
		n.t.Fatalf("%+v", v)
	}
	if p := n.part(v.ID, 1, "text/csv", "手机号\n"+strings.Join(to, "\n")+"\n"); p.Code != "" || p.Good != len(to) {
		n.t.Fatalf("%+v", p)
	}
	return n.act(v.ID, "ready")
}

// The whole way of a campaign: rows in parts and in both forms, their faults, an estimate, the
// gate's verdict for each, one message for each number, and evidence of every step.
func TestCampaignTheWholeWay(t *testing.T) {
	everywhere(t, func(n *node) {
		to := people(0, 700)
		evidence := n.consented(to[:690])
		n.do(http.MethodPost, "/v1/suppressions", map[string]any{"to": to[:2]}, nil)
		v := n.campaign(n.campaignBody(evidence, nil))
		if v.State != "draft" || v.Text != mktText {
			n.t.Fatalf("%+v", v)
		}
		csv := "\ufeff手机号,编号\r\n"
		for i, number := range to[:600] {
			csv += fmt.Sprintf("%s,u%d\r\n", number, i)
		}
		csv += "12345,bad\n" + to[0] + ",again\n" + to[0] + "\n" + to[599] + "," + strings.Repeat("x", 65) + "\n"
		p := n.part(v.ID, 1, "text/csv", csv)
		said := ""
		for _, f := range p.Faults {
			said += fmt.Sprintf("%d/%d %s, ", f.Part, f.Line, f.Code)
			if f.Zh == "" || f.En == "" {
				n.t.Errorf("%+v", f)
			}
		}
		if p.Rows != 604 || p.Good != 601 || said != "1/602 NUMBER, 1/604 COLUMNS, 1/605 REF, " {
			n.t.Errorf("%+v %s", p, said)
		}
		if again := n.part(v.ID, 1, "text/csv", csv); again.Rows != 604 || again.Code != "" {
			n.t.Errorf("the same part again: %+v", again)
		}
		if again := n.part(v.ID, 1, "text/csv", csv+"14210000001,x\n"); again.Code != sms.CampaignState {
			n.t.Errorf("another part 1: %+v", again)
		}
		var lines strings.Builder
		for _, number := range to[600:] {
			fmt.Fprintf(&lines, `{"to":"%s","ref":"late"}`+"\n", number)
		}
		if p := n.part(v.ID, 2, "application/x-ndjson", lines.String()); p.Rows != 100 || p.Good != 100 {
			n.t.Errorf("%+v", p)
		}
		n.act(v.ID, "ready")
		v = n.untilState(v.ID, "ready")
		if e := v.Estimate; v.Good != 700 || v.Rows != 704 || e.Units != 700 || e.Cost != 700*50_000 || e.Sampled == 0 || e.Verdicts["queued"] == 0 {
			n.t.Errorf("%+v", v)
		}
		if got := n.act(v.ID, "start"); got.State != "scheduled" {
			n.t.Errorf("%+v", got)
		}
		v = n.untilState(v.ID, "done")
		if v.Decided != 700 || v.Verdicts["queued"] != 688 || v.Verdicts["refused CONSENT_MISSING"] != 12 || v.Verdicts["units"] != 688 { // a refusal ends the consent
			n.t.Errorf("%+v", v)
		}
		n.outcomes(v.ID, to)
		n.onlyOnce(v.ID, 700)
		n.campaignSteps(v.ID)
	})
}

// outcomes looks at what became of each row.
func (n *node) outcomes(id sms.ID, to []string) {
	n.t.Helper()
	type rowView struct {
		Part, Line int
		To, Ref    string
		State      sms.State
		Code       sms.Code
	}
	var rows []rowView
	for next, more := 0, true; more; {
		var out struct {
			Rows []rowView
			Next int
		}
		n.do(http.MethodGet, fmt.Sprintf("/v1/campaigns/%s/rows?chunk=%d", id, next), nil, &out)
		rows = append(rows, out.Rows...)
		next, more = out.Next, out.Next > 0
	}
	if len(rows) != len(to) {
		n.t.Fatalf("%d rows", len(rows))
	}
	for i, r := range rows {
		want := fmt.Sprintf("u%d", i)
		if r.Part == 2 {
			want = "late"
		}
		line := i + 2 // behind the first line of part 1
		if r.Part == 2 {
			line = i - 599
		}
		if r.Ref != want || r.Line != line || !strings.Contains(r.To, "****") || !strings.HasSuffix(to[i], r.To[len(r.To)-4:]) {
			n.t.Errorf("row %d: %+v", i, r)
		}
	}
	if rows[0].Code != sms.ConsentMissing || rows[695].Code != sms.ConsentMissing || rows[5].State == sms.Refused {
		n.t.Errorf("%+v %+v %+v", rows[0], rows[695], rows[5])
	}
	var faults struct{ Faults []struct{ Line int } }
	n.do(http.MethodGet, "/v1/campaigns/"+id.String()+"/faults", nil, &faults)
	if len(faults.Faults) != 4 || faults.Faults[1].Line != 603 {
		n.t.Errorf("%+v", faults)
	}
}

// onlyOnce checks that no number has two messages, and that no row of the campaign is left.
func (n *node) onlyOnce(id sms.ID, messages int) {
	n.t.Helper()
	var all, distinct, left int
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for emptied := 0; emptied == 0; <-tick.C {
		err := n.DB.Read(n.t.Context(), func(ctx context.Context, tx *store.Tx) error {
			if err := tx.One(ctx, "SELECT COUNT(*), COUNT(DISTINCT phone_id) FROM message", nil, &all, &distinct); err != nil {
				return err
			}
			if err := tx.One(ctx, "SELECT emptied FROM campaign WHERE id = ?", []any{int64(id)}, &emptied); err != nil {
				return err
			}
			return tx.One(ctx, "SELECT COUNT(*) FROM campaign_chunk WHERE campaign_id = ? AND LENGTH(content) > 0", []any{int64(id)}, &left)
		})
		if err != nil || time.Now().After(deadline) {
			n.t.Fatal(err, emptied)
		}
	}
	if all != messages || distinct != messages || left != 0 {
		n.t.Errorf("%d messages to %d numbers, want %d; %d chunks are left", all, distinct, messages, left)
	}
}

// campaignSteps looks at the evidence and the events of a campaign.
func (n *node) campaignSteps(id sms.ID) {
	n.t.Helper()
	raw := n.raw(http.MethodGet, "/v1/campaigns/"+id.String()+"/evidence", nil)
	_, vkey := n.Evidence.Log()
	if _, err := bundle.Verify(raw, bundle.Options{Key: vkey}); err != nil {
		n.t.Error(err)
	}
	for _, step := range []string{"declared", "loaded", "ready", "start asked for", "started", "done"} {
		if !strings.Contains(string(raw), `"`+step+`"`) {
			n.t.Errorf("the evidence lacks the step %q", step)
		}
	}
	told, cursor := "", ""
	deadline := time.Now().Add(30 * time.Second)
	for !strings.HasSuffix(told, "done, ") && time.Now().Before(deadline) { // on PostgreSQL events settle first
		var feed struct {
			Events []struct {
				Kind string
				Body struct{ Step string }
			}
			Cursor string
		}
		n.do(http.MethodGet, "/v1/events?limit=1000&wait=5&after="+cursor, nil, &feed)
		cursor = feed.Cursor
		for _, e := range feed.Events {
			if e.Kind == "campaign" {
				told += e.Body.Step + ", "
			}
		}
	}
	if told != "declared, loaded, ready, start asked for, started, done, " {
		n.t.Errorf("told %q", told)
	}
}

// PRV-07, CNS-03a, CNS-04a: what a campaign lacks is said when it is opened, with the rule and its
// article; and nobody opens one with what is another's.
func TestCampaignLacksWhatTheLawAsks(t *testing.T) {
	n := start(t, config.Default())
	evidence := n.consented(people(0, 1))
	declared := n.campaignBody(evidence, nil)["declaration"].(map[string]string)
	without := func(key, value string) map[string]string {
		out := map[string]string{}
		for k, v := range declared {
			out[k] = v
		}
		out[key] = value
		return out
	}
	for name, c := range map[string]struct {
		with map[string]any
		code sms.Code
		says string
	}{
		"no evidence":           {map[string]any{"evidence": nil}, sms.CampaignForm, "CNS-03a"},
		"evidence of nobody":    {map[string]any{"evidence": []sms.ID{evidence, 7}}, sms.CampaignForm, "CNS-03a"},
		"no declaration":        {map[string]any{"declaration": nil}, sms.CampaignForm, "第二十一条"},
		"no handler":            {map[string]any{"declaration": without("handler", "")}, sms.CampaignForm, "CNS-04a"},
		"another's code":        {map[string]any{"declaration": without("uscc", "91110000000000001A")}, sms.CampaignForm, "CNS-04a"},
		"profiled":              {map[string]any{"profiled": true}, sms.CampaignForm, "PRV-07"},
		"nobody's template":     {map[string]any{"template_id": sms.ID(7)}, sms.TemplateNotApproved, ""},
		"a template of codes":   {map[string]any{"template_id": n.templateOf(sms.OTP)}, sms.BadRequest, ""},
		"over before it begins": {map[string]any{"not_after": n.Now().Add(time.Hour), "send_at": n.Now().Add(2 * time.Hour)}, sms.BadRequest, ""},
		"a number in its name":  {map[string]any{"name": "给14200000001"}, sms.BadRequest, ""},
	} {
		if v := n.campaign(n.campaignBody(evidence, c.with)); v.Code != c.code || !strings.Contains(v.Zh, c.says) {
			t.Errorf("%s: %+v", name, v)
		}
	}
	v := n.campaign(n.campaignBody(evidence, map[string]any{"profiled": true, "notice": "https://shop.example/profile"}))
	if v.Code != "" {
		t.Fatalf("%+v", v)
	}
	mine := n.key
	n.key = n.stranger()
	for _, step := range []string{"ready", "start", "pause", "resume", "cancel"} {
		if got := n.act(v.ID, step); got.Code != sms.NotFound {
			t.Errorf("a stranger's %s: %+v", step, got)
		}
	}
	if got := n.campaignNow(v.ID); got.Code != sms.NotFound {
		t.Errorf("a stranger looks: %+v", got)
	}
	n.key = mine
	for range campaign.MaxOpen - 1 {
		if got := n.campaign(n.campaignBody(evidence, nil)); got.Code != "" {
			t.Fatalf("%+v", got)
		}
	}
	if got := n.campaign(n.campaignBody(evidence, nil)); got.Code != sms.RateLimited {
		t.Errorf("one more: %+v", got)
	}
	if got := n.act(v.ID, "cancel"); got.State != "cancelled" {
		t.Errorf("%+v", got)
	}
	if got := n.campaign(n.campaignBody(evidence, nil)); got.Code != "" {
		t.Errorf("in its place: %+v", got)
	}
}

// Rows that can't be read are refused and say where; steps out of their order are none.
func TestBadCampaignParts(t *testing.T) {
	n := start(t, config.Default())
	evidence := n.consented(people(0, 3))
	v := n.campaign(n.campaignBody(evidence, nil))
	for name, c := range map[string]struct {
		no          int
		media, rows string
		code        sms.Code
	}{
		"nothing":            {1, "text/csv", "", sms.BadRequest},
		"no row":             {1, "text/csv", "手机号\n", sms.BadRequest},
		"no number":          {1, "text/csv", "ref\nx\n", sms.BadRequest},
		"a column more":      {1, "text/csv", "to,身份证号\n14210000000,1\n", sms.BadRequest},
		"a column twice":     {1, "text/csv", "to,手机号\n14210000000,14210000000\n", sms.BadRequest},
		"not UTF-8":          {1, "text/csv", "\xca\xd6\n1\n", sms.BadRequest},
		"a long line":        {1, "text/csv", "to\n" + strings.Repeat("1", 5000) + "\n", sms.BadRequest},
		"another form":       {1, "application/json", "[]", sms.BadRequest},
		"the next but one":   {2, "text/csv", "to\n14210000000\n", sms.BadRequest},
		"JSON with no lines": {1, "application/x-ndjson", "", sms.BadRequest},
	} {
		if p := n.part(v.ID, c.no, c.media, c.rows); p.Code != c.code {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if p := n.part(v.ID, 1, "application/x-ndjson", `{"to":"14210000000","variables":{"x":"1"}}`+"\n"+`{"to":7}`+"\n"+`{"to":"14210000000"}{}`+"\n\n[]"); p.Rows != 5 || p.Good != 0 {
		t.Errorf("%+v", p)
	}
	if got := n.act(v.ID, "ready"); got.Code != sms.BadRequest {
		t.Errorf("a list without a good row: %+v", got)
	}
	if p := n.part(v.ID, 2, "text/csv; charset=utf-8", "phone,ref\n14210000000,\"a,b\""); p.Good != 1 || p.Code != "" {
		t.Errorf("%+v", p)
	}
	for _, step := range []string{"start", "pause", "resume"} {
		if got := n.act(v.ID, step); got.Code != sms.CampaignState {
			t.Errorf("%s of a draft: %+v", step, got)
		}
	}
	n.act(v.ID, "ready")
	if p := n.part(v.ID, 3, "text/csv", "to\n14210000003\n"); p.Code != sms.CampaignState {
		t.Errorf("rows behind the end: %+v", p)
	}
	if got := n.untilState(v.ID, "ready"); got.Good != 1 {
		t.Errorf("%+v", got)
	}
	n.act(v.ID, "cancel")
	for _, step := range []string{"ready", "start", "pause", "resume", "cancel"} {
		if got := n.act(v.ID, step); got.Code != sms.CampaignState {
			t.Errorf("%s once it is over: %+v", step, got)
		}
	}
	n.onlyOnce(v.ID, 0)
}

// CNS-13a, CNS-03b: what a rule holds waits for a reviewer, who is not whoever made it and names
// what he confirms; then its messages are held by that no more. Who is not approved sends nothing.
func TestCampaignIsHeldForAReviewer(t *testing.T) {
	n := start(t, config.Default())
	to := make([]string, 40)
	for i := range to {
		to[i] = fmt.Sprint(14220000000 + i)
	}
	evidence := n.consented(to[:30])
	customer := n.key
	n.key = n.adminKey()
	_, reviewer := n.staffKey("reviewer")
	_, clerk := n.staffKey("finance")
	n.key = customer
	decide := func(id sms.ID, key string, body map[string]any) (v campaignView) {
		n.do(http.MethodPost, "/v1/admin/campaigns/"+id.String()+"/review", body, &v, "Authorization", "Bearer "+key)
		return v
	}
	approve := map[string]any{"verdict": "approve", "reason": "集团用户名单，已核对", "confirmed": []string{"CNS-13a", "CNS-03b"}}
	v := n.loaded(n.campaignBody(evidence, nil), to)
	v = n.untilState(v.ID, "review")
	if v.Rule != "CNS-03b" || len(v.Findings) != 2 || v.Estimate.Unconsented != 10 || v.Estimate.Sampled != 40 {
		t.Errorf("%+v", v)
	}
	if got := decide(v.ID, clerk, approve); got.Code != sms.Forbidden {
		t.Errorf("a clerk decides: %+v", got)
	}
	if got := decide(v.ID, reviewer, map[string]any{"verdict": "approve", "reason": "看过", "confirmed": []string{"CNS-13a"}}); got.Code != sms.ReviewUnconfirmed {
		t.Errorf("one rule is confirmed: %+v", got)
	}
	var waiting struct{ Campaigns []campaignView }
	if n.do(http.MethodGet, "/v1/admin/campaigns", nil, &waiting, "Authorization", "Bearer "+reviewer); len(waiting.Campaigns) != 1 {
		t.Errorf("%+v", waiting)
	}
	if got := decide(v.ID, reviewer, approve); got.State != "ready" || len(got.Confirmed) != 2 {
		t.Errorf("%+v", got)
	}
	n.act(v.ID, "start")
	if v = n.untilState(v.ID, "done"); v.Verdicts["queued"] != 30 || v.Verdicts["held"] != 0 || v.Verdicts["refused CONSENT_MISSING"] != 10 {
		t.Errorf("%+v", v)
	}
	other := n.loaded(n.campaignBody(evidence, nil), to)
	n.untilState(other.ID, "review")
	if got := decide(other.ID, reviewer, map[string]any{"verdict": "reject", "reason": "名单来源不明"}); got.State != "stopped" || got.Code != sms.CampaignRefused {
		t.Errorf("%+v", got)
	}
	if got := n.act(other.ID, "start"); got.Code != sms.CampaignState {
		t.Errorf("a rejected campaign starts: %+v", got)
	}
	n.onlyOnce(other.ID, 40)
}

// A campaign's text is judged once: what holds it holds the campaign, and once a reviewer has
// confirmed that, none of its messages waits for one.
func TestCampaignTextIsReviewedOnce(t *testing.T) {
	n := start(t, config.Default())
	template := n.templateOf(sms.MKT)
	snap, err := n.Registry(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := n.Now()
	valid := registry.Period{From: now.Add(-time.Hour).UnixMilli(), To: now.AddDate(1, 0, 0).UnixMilli()}
	err = n.DB.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		for _, o := range []any{
			registry.TemplateVersion{TemplateID: template, Version: 2, Body: "会员日全网销量第一，全场八折，拒收请回复R", State: registry.Approved, ReviewedBy: "test", Period: valid},
			registry.TemplateFiling{TemplateID: template, Version: 2, Carrier: snap.Channels[0].Carrier, State: registry.Approved, Reference: "MB-2", Period: valid, UpdatedAt: valid.From},
		} {
			if err := tx.Put(ctx, o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	to := people(0, 600)
	evidence := n.consented(to)
	customer := n.key
	n.key = n.adminKey()
	_, reviewer := n.staffKey("reviewer")
	n.key = customer
	v := n.loaded(n.campaignBody(evidence, nil), to)
	v = n.untilState(v.ID, "review")
	var confirmed []string
	for _, f := range v.Findings {
		if f.Outcome == "hold" {
			confirmed = append(confirmed, f.Rule)
		}
	}
	if !slices.Contains(confirmed, "AD-01") {
		t.Errorf("%+v", v)
	}
	n.do(http.MethodPost, "/v1/admin/campaigns/"+v.ID.String()+"/review", map[string]any{"verdict": "approve", "reason": "有统计机构证明", "confirmed": confirmed}, &v, "Authorization", "Bearer "+reviewer)
	n.act(v.ID, "start")
	if v = n.untilState(v.ID, "done"); v.Verdicts["queued"] != 600 || v.Verdicts["held"] != 0 {
		t.Errorf("%+v", v)
	}
	n.agree(other)
	if r := n.send("【准信示例】会员日全网销量第一，全场八折，拒收请回复R", other).Results[0]; r.State != sms.Held {
		t.Errorf("the confirmation reaches a message that is of no campaign: %+v", r)
	}
}
