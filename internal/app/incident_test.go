package app

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

type incidentView struct {
	ID        sms.ID
	State     string
	Large     bool
	Missing   []string
	Duties    []dutyView
	Authority rulebook.Both `json:"notice_authority"`
	People    rulebook.Both `json:"notice_people"`
	Code      sms.Code
	Detail    string
}

// PRV-10, PIPL Art. 57: an incident has its clocks from when it was found, tells what the law asks
// for to the authority and to people, and closes when that is done, or with the reason why not.
func TestIncident(t *testing.T) {
	everywhere(t, func(n *node) {
		office := n.adminKey()
		do := func(path string, body map[string]any) (v incidentView) {
			n.as(office, http.MethodPost, "/v1/admin/incidents"+path, body, &v)
			return v
		}
		found := n.Now().Add(-time.Minute)
		i := do("", map[string]any{"found_at": found, "personal": true, "kinds": "手机号码", "cause": "笔记本电脑遗失"})
		if i.Code != "" || !slices.Equal(open(i.Duties), []string{"PRV-10a", "PRV-10d", "PRV-10e"}) || !slices.Equal(i.Missing, []string{"harm", "measures", "advice", "contact"}) {
			n.t.Fatalf("%+v", i)
		}
		at := "/" + i.ID.String()
		for _, d := range i.Duties {
			if hours := map[string]time.Duration{"PRV-10a": 1, "PRV-10d": 24, "PRV-10e": 72}[d.Rule]; d.Due != found.Add(hours*time.Hour).UnixMilli() {
				n.t.Errorf("%+v", d)
			}
			var p struct{ Code sms.Code }
			if n.as(office, http.MethodPost, "/v1/admin/duties/"+d.ID.String()+"/done", map[string]any{"note": "done"}, &p); p.Code != sms.StateConflict {
				n.t.Errorf("%s passes by a word: %+v", d.Rule, p)
			}
		}
		if v := do(at+"/step", map[string]any{"step": "incident.told", "receipt": "letters"}); v.Code != sms.BadRequest || !strings.Contains(v.Detail, "advice") {
			n.t.Errorf("people are told half of it: %+v", v)
		}
		if v := do(at+"/step", map[string]any{"step": "incident.contained", "receipt": "wiped from afar"}); !slices.Equal(open(v.Duties), []string{"PRV-10d", "PRV-10e"}) {
			n.t.Errorf("%+v", v)
		}
		if v := do(at+"/close", nil); v.Code != sms.BadRequest && v.Code != sms.DutyOpen {
			n.t.Errorf("closed without a body: %+v", v)
		}
		if v := do(at+"/close", map[string]any{}); v.Code != sms.DutyOpen {
			n.t.Errorf("it closes while duties are open: %+v", v)
		}
		customer := n.registry().Application[n.app()].PartyID
		told := map[string]any{
			"personal": true, "large": true, "kinds": "手机号码", "cause": "笔记本电脑遗失", "harm": "骚扰短信", "measures": "已远程清除", "advice": "留意陌生短信", "contact": "010-00000000",
			"persons": 1200, "parties": customer.String(),
		}
		for field, bad := range map[string]any{"harm": "ask " + member, "advice": "  ", "parties": "7"} {
			body := map[string]any{}
			for k, v := range told {
				body[k] = v
			}
			body[field] = bad
			if v := do(at, body); v.Code != sms.BadRequest {
				n.t.Errorf("%s %v: %+v", field, bad, v)
			}
		}
		v := do(at, told)
		if v.Code != "" || !v.Large || len(v.Missing) != 0 || !slices.Equal(open(v.Duties), []string{"PRV-10b", "PRV-10d", "PRV-10e"}) {
			n.t.Fatalf("it is larger by now: %+v", v)
		}
		operator, name := n.registry().Party[n.operator()].Name, n.registry().Party[customer].Name
		for text, parts := range map[string][]string{
			v.Authority.Zh: {operator, name, "1200 人", "手机号码", "笔记本电脑遗失", "骚扰短信", "已远程清除", "留意陌生短信", "010-00000000"},
			v.Authority.En: {operator, name, "1200", "手机号码", "PIPL Art. 57"},
			v.People.Zh:    {operator, "手机号码", "笔记本电脑遗失", "骚扰短信", "已远程清除", "留意陌生短信", "010-00000000"},
			v.People.En:    {operator, "骚扰短信", "留意陌生短信"},
		} {
			for _, part := range parts {
				if !strings.Contains(text, part) {
					n.t.Errorf("%q lacks %s", text, part)
				}
			}
		}
		if strings.Contains(v.People.Zh, name) {
			n.t.Error("people are told of other parties")
		}
		if v := do(at+"/step", map[string]any{"step": "incident.reported", "receipt": "receipt 5"}); !slices.Equal(open(v.Duties), []string{"PRV-10e"}) {
			n.t.Errorf("%+v", v)
		}
		if v := do(at+"/step", map[string]any{"step": "incident.reported", "receipt": "receipt 6"}); v.Code != sms.StateConflict {
			n.t.Errorf("reported twice: %+v", v)
		}
		if v := do(at+"/close", map[string]any{"reason": "the disk was encrypted: no harm can follow"}); v.State != "closed" || len(open(v.Duties)) != 0 {
			n.t.Errorf("%+v", v)
		}
		if v := do(at, told); v.Code != sms.StateConflict {
			n.t.Errorf("changed after it was closed: %+v", v)
		}
		if got := len(n.records("incident", i.ID)); got != 5 {
			n.t.Errorf("%d steps are recorded", got)
		}
		var list struct{ Incidents []incidentView }
		if n.as(office, http.MethodGet, "/v1/admin/incidents", nil, &list); len(list.Incidents) != 1 {
			n.t.Errorf("%+v", list)
		}
		if status := n.as(n.key, http.MethodGet, "/v1/admin/incidents"+at, nil, nil); status != http.StatusForbidden {
			n.t.Errorf("a customer reads it: %d", status)
		}
	})
}
