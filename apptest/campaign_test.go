package apptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// campaignKills is how often a node is killed while its campaign is under way.
const campaignKills = 4

// ask sends a request with a body of some type; false means that the node had no answer for it.
func (p *process) ask(method, path, media string, body []byte, out any) bool {
	req, err := http.NewRequest(method, "http://"+p.ready.HTTP+path, bytes.NewReader(body)) //nolint:noctx // the client has a limit
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "Bearer "+p.ready.Key)
	req.Header.Set("Content-Type", media)
	client := http.Client{Timeout: 20 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	raw, err := io.ReadAll(resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK && json.Unmarshal(raw, out) == nil
}

type progress struct {
	ID      sms.ID `json:"id"`
	State   string `json:"state"`
	Good    int    `json:"good"`
	Decided int    `json:"decided"`
}

// untilCampaign waits until a campaign is as it should be.
func (w *world) untilCampaign(p *process, id sms.ID, what string, is func(progress) bool) (v progress) {
	w.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		if p.ask(http.MethodGet, "/v1/campaigns/"+id.String(), "", nil, &v) && is(v) {
			return v
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("the campaign is not %s: %+v", what, v)
		}
	}
}

// P2, P3 and P9: a campaign whose node is killed at any instant goes on at the right row. Nobody
// gets two messages, nobody is left out, and the ledger adds up.
func TestKilledDuringACampaign(t *testing.T) {
	const people = 6000
	w := newWorld(t)
	p := w.start()
	to := make([]string, people)
	for i := range to {
		to[i] = fmt.Sprint(14230000000 + 3*i)
	}
	wording := struct {
		ID sms.ID `json:"id"`
	}{}
	if status, ok := p.post("/v1/consents/wordings", map[string]any{
		"text": "我同意接收会员活动短信，每周不超过2条，有效期一年，可随时回复R拒收", "purpose": "MKT", "kinds": "会员活动", "per_week": 2, "days": 365, "notice": "https://shop.example/privacy", "notice_version": "1",
		"since": w.now().Add(-time.Hour).Format(time.RFC3339),
	}, &wording, ""); !ok || status != http.StatusOK {
		t.Fatal(status, wording)
	}
	for i := 0; i < people; i += 1000 {
		var out any
		if status, ok := p.post("/v1/consents", map[string]any{
			"to": to[i : i+1000], "purpose": "MKT", "method": "form", "wording_id": wording.ID, "source": "test", "given_at": w.now().Add(-time.Minute).Format(time.RFC3339),
		}, &out, ""); !ok || status != http.StatusOK {
			t.Fatal(status, out)
		}
	}
	db := w.open()
	template := sms.ID(w.count(db, "SELECT id FROM template WHERE category = 'MKT'"))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	var c progress
	if status, ok := p.post("/v1/campaigns", map[string]any{
		"name": "会员日", "template_id": template, "signature": "准信示例", "evidence": []sms.ID{wording.ID},
		"declaration": map[string]string{"name": "示例商城", "uscc": "91110000000000003C", "handler": "经办人甲", "words": "收件人均已同意"},
	}, &c, ""); !ok || status != http.StatusOK {
		t.Fatal(status, c)
	}
	at := "/v1/campaigns/" + c.ID.String()
	if !p.ask(http.MethodPut, at+"/parts/1", "text/csv", []byte("to\n"+strings.Join(to, "\n")+"\n"), &struct{}{}) || !p.ask(http.MethodPost, at+"/ready", "", nil, &c) {
		t.Fatal("the rows were not taken")
	}
	w.untilCampaign(p, c.ID, "ready", func(v progress) bool { return v.State == "ready" })
	if !p.ask(http.MethodPost, at+"/start", "", nil, &c) {
		t.Fatal("it was not started")
	}
	seen := 0
	for n := range campaignKills {
		v := w.untilCampaign(p, c.ID, "further", func(v progress) bool { return v.Decided > seen || v.State == "done" })
		if v.State == "done" {
			t.Logf("it was done after %d kills", n)
			break
		}
		seen = v.Decided
		timer := time.NewTimer(time.Duration(rand.IntN(60)) * time.Millisecond) //nolint:gosec // chance is wanted
		<-timer.C
		p.kill(t)
		p = w.start()
	}
	if seen == 0 {
		t.Error("it was done before it was killed: the test proves nothing")
	}
	v := w.untilCampaign(p, c.ID, "done", func(v progress) bool { return v.State == "done" })
	if v.Decided != people || v.Good != people {
		t.Errorf("%+v", v)
	}
	for next, more := 0, true; more; {
		var out struct {
			Rows []struct {
				ID   sms.ID `json:"id"`
				Line int    `json:"line"`
			} `json:"rows"`
			Next int `json:"next"`
		}
		if !p.ask(http.MethodGet, fmt.Sprintf("%s/rows?chunk=%d", at, next), "", nil, &out) {
			t.Fatal("the rows can't be read")
		}
		for _, r := range out.Rows {
			w.accepted[to[r.Line-2]] = r.ID
		}
		next, more = out.Next, out.Next > 0
	}
	w.quiet(p)
	p.stop(t)
	db = w.open()
	defer db.Close() //nolint:errcheck // read only
	if n, distinct := w.count(db, "SELECT COUNT(*) FROM message"), w.count(db, "SELECT COUNT(DISTINCT phone_id) FROM message"); n != people || distinct != people || len(w.accepted) != people {
		t.Errorf("%d messages to %d people, of %d; the report has %d", n, distinct, people, len(w.accepted))
	}
	w.messages(db)
	w.money(db)
	w.evidence(db)
}
