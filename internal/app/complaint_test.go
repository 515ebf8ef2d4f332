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
	"github.com/zhunxin/zhunxin/internal/complaint"
	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/risk"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

type dutyView struct {
	ID       sms.ID `json:"id"`
	Rule     string `json:"rule"`
	Due      int64  `json:"due_at"`
	Done     int64  `json:"done_at"`
	Overdue  bool   `json:"overdue"`
	Evidence string `json:"evidence"`
	Object   sms.ID `json:"object_id"`
	Remind   int64  `json:"remind_at"`
}

type complaintView struct {
	ID      sms.ID     `json:"id"`
	State   string     `json:"state"`
	Verdict string     `json:"verdict"`
	Cause   string     `json:"cause"`
	Message sms.ID     `json:"message_id"`
	Party   sms.ID     `json:"party_id"`
	Number  string     `json:"number"`
	Duties  []dutyView `json:"duties"`
	File    bool       `json:"file"`
	Code    sms.Code   `json:"code"`
	Field   string     `json:"field"`
}

// complain opens a case.
func (n *node) complain(key string, body map[string]any) (c complaintView) {
	n.t.Helper()
	n.as(key, http.MethodPost, "/v1/admin/complaints", body, &c)
	return c
}

func open(list []dutyView) (rules []string) {
	for _, d := range list {
		if d.Done == 0 {
			rules = append(rules, d.Rule)
		}
	}
	slices.Sort(rules)
	return rules
}

// CMP-07, CMP-08: whoever complains gets no more marketing from anybody, also what waits, and
// service messages as before.
func TestComplaintStopsMarketingOfEverybodyOnly(t *testing.T) {
	everywhere(t, func(n *node) {
		office := n.adminKey()
		n.agree(member)
		sent := n.send(mktText, member).Results[0].MessageID
		n.until(sent, sms.Delivered)
		c := n.complain(office, map[string]any{"source": "12321", "number": member, "port": storyCode, "at": n.Now().Add(-time.Second), "reference": "12321-1"})
		if c.Message != sent || c.State != complaint.Open || c.Number != "142****0001" {
			n.t.Fatalf("%+v", c)
		}
		n.agree(member) // whatever a provider says of consent afterwards
		if r := n.send(mktText, member).Results[0]; r.State != sms.Refused || r.Rule != "OPT-03" {
			n.t.Errorf("marketing after the complaint: %+v", r)
		}
		var person struct {
			Refusals []struct{ Source, Scope, Reference string }
		}
		n.do(http.MethodPost, "/v1/people/query", map[string]any{"to": member}, &person)
		if len(person.Refusals) != 1 || person.Refusals[0].Source != "complaint" || person.Refusals[0].Scope != "MKT" || person.Refusals[0].Reference != c.ID.String() {
			n.t.Errorf("%+v", person)
		}
		n.until(n.send(otpText, member).Results[0].MessageID, sms.Delivered)
		n.until(n.send("【准信示例】您的订单12345已发货。", member).Results[0].MessageID, sms.Delivered)
	})
}

// A case passes through its states, with its duties, and does not close before they are done.
func TestComplaintFromIntakeToClose(t *testing.T) {
	everywhere(t, func(n *node) {
		office := n.adminKey()
		n.agree(member)
		sent := n.send(mktText, member).Results[0].MessageID
		n.until(sent, sms.Delivered)
		c := n.complain(office, map[string]any{"source": "direct", "number": member})
		if got := open(c.Duties); !slices.Equal(got, []string{"CMP-03", "CMP-04"}) || !c.File || c.Message != sent {
			n.t.Fatalf("open duties %v, %+v", got, c)
		}
		at := "/v1/admin/complaints/" + c.ID.String()
		post := func(step string, body any) (c complaintView) {
			n.as(office, http.MethodPost, at+"/"+step, body, &c)
			return c
		}
		if c := post("close", nil); c.Code != sms.StateConflict {
			n.t.Errorf("an open case closes: %+v", c)
		}
		if c := post("answer", map[string]any{"text": "we looked into it"}); c.Code != sms.StateConflict {
			n.t.Errorf("a case is answered before it is judged: %+v", c)
		}
		if c := post("verdict", map[string]any{"verdict": "unfounded", "cause": "content", "note": "x"}); c.Code != sms.BadRequest {
			n.t.Errorf("%+v", c)
		}
		if c := post("verdict", map[string]any{"verdict": "unfounded", "note": "consent of the shop's form"}); c.State != complaint.Verified {
			n.t.Fatalf("%+v", c)
		}
		if c := post("verdict", map[string]any{"verdict": "confirmed", "cause": "content", "note": "no"}); c.Code != sms.StateConflict {
			n.t.Errorf("judged twice: %+v", c)
		}
		var done struct{ Code sms.Code }
		n.as(office, http.MethodPost, "/v1/admin/duties/"+c.Duties[0].ID.String()+"/done", map[string]any{"note": "done"}, &done)
		if done.Code != sms.StateConflict {
			n.t.Errorf("a duty that stands in the way passes by a word: %+v", done)
		}
		if c := post("answer", map[string]any{"text": "the consent was shown", "receipt": "mail 7"}); c.State != complaint.Answered || len(open(c.Duties)) != 0 {
			n.t.Fatalf("%+v", c)
		}
		if c := post("close", nil); c.State != complaint.Closed || !slices.Equal(open(c.Duties), []string{"CMP-09"}) {
			n.t.Fatalf("%+v", c)
		}
		// Every step stands in the log.
		status, pack := n.fetch(http.MethodGet, "/v1/admin/evidence/"+c.ID.String(), nil, "Authorization", "Bearer "+office)
		_, vkey := n.Evidence.Log()
		if _, err := bundle.Verify(pack, bundle.Options{Key: vkey}); err != nil || status != http.StatusOK {
			n.t.Fatalf("%d %v", status, err)
		}
		for _, step := range []string{"opened", "file", "judged", "answered", "closed"} {
			if !strings.Contains(string(pack), `"`+step+`"`) {
				n.t.Errorf("%s is not in the evidence", step)
			}
		}
	})
}

// CMP-05: a case does not close without its evidence pack, which proves the message offline.
func TestComplaintDoesNotCloseWithoutItsFile(t *testing.T) {
	n := start(t, config.Default())
	office := n.adminKey()
	c := n.complain(office, map[string]any{"source": "carrier", "number": other, "about": "personal"})
	at := "/v1/admin/complaints/" + c.ID.String()
	if c.File || c.Message != 0 || !slices.Equal(open(c.Duties), []string{"CMP-05", "PRV-15a"}) {
		t.Fatalf("%+v", c)
	}
	n.as(office, http.MethodPost, at+"/verdict", map[string]any{"verdict": "unfounded", "note": "nothing was sent"}, &c)
	n.as(office, http.MethodPost, at+"/answer", map[string]any{"text": "nothing was sent"}, &c)
	var refused complaintView
	if n.as(office, http.MethodPost, at+"/close", nil, &refused); refused.Code != sms.DutyOpen {
		t.Fatalf("it closes without a file: %+v", refused)
	}
	if n.as(office, http.MethodPost, at+"/file", nil, &c); !c.File {
		t.Fatalf("%+v", c)
	}
	if n.as(office, http.MethodPost, at+"/close", nil, &c); c.State != complaint.Closed {
		t.Fatalf("%+v", c)
	}
	// The file needs a reason, and whoever saw it stands in the record.
	var p struct{ Code sms.Code }
	if n.as(office, http.MethodGet, at+"/file", nil, &p); p.Code != sms.BadRequest {
		t.Errorf("without a reason: %+v", p)
	}
	var f complaint.File
	if status := n.as(office, http.MethodGet, at+"/file?reason=for+the+court", nil, &f); status != http.StatusOK || f.Complaint.ID != c.ID {
		t.Errorf("%d %+v", status, f)
	}
	var seen struct {
		Accesses []struct{ What, Reason string }
	}
	if n.as(office, http.MethodGet, "/v1/admin/accesses", nil, &seen); len(seen.Accesses) != 1 || seen.Accesses[0].What != "case_file" || seen.Accesses[0].Reason != "for the court" {
		t.Errorf("%+v", seen)
	}
}

// A case file holds what is needed to judge, and its evidence verifies with the file alone.
func TestCaseFile(t *testing.T) {
	n := start(t, config.Default())
	office := n.adminKey()
	n.agree(member)
	sent := n.send(mktText, member).Results[0].MessageID
	n.until(sent, sms.Delivered)
	c := n.complain(office, map[string]any{"source": "12321", "number": member, "message_id": sent})
	status, b := n.fetch(http.MethodGet, "/v1/admin/complaints/"+c.ID.String()+"/file?reason=review", nil, "Authorization", "Bearer "+office)
	var f complaint.File
	if err := json.Unmarshal(b, &f); err != nil || status != http.StatusOK {
		t.Fatalf("%d %v %s", status, err, b)
	}
	if f.Message == nil || f.Message.ID != sent || len(f.Message.Segments) != 1 || len(f.Consents) != 1 || f.Consents[0].ID != f.Message.ConsentID || len(f.Refusals) != 1 || !f.Refusals[0].Everybody ||
		f.Signature == nil || f.Template == nil || f.Wording == nil || f.Wording.ReviewedBy == "" || f.Filing == nil || f.Party == nil || len(f.Sent) != 1 {
		t.Errorf("%s", b)
	}
	_, vkey := n.Evidence.Log()
	if _, err := bundle.Verify([]byte(f.Evidence), bundle.Options{Key: vkey, Phone: "86" + member, Text: mktText}); err != nil {
		t.Error(err)
	}
	if strings.Contains(string(b), member) || strings.Contains(string(b), "全场八折") && f.Wording.Body == "" {
		t.Error("a number is in clear in the file")
	}
}

// unmakeConsents has all consents withdrawn before anything was sent, as if the gate had not
// looked.
func (n *node) unmakeConsents() {
	n.t.Helper()
	err := n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		return tx.Exec(ctx, "UPDATE consent SET withdrawn_at = 1")
	})
	if err != nil {
		n.t.Fatal(err)
	}
}

// CMP-05, CMP-10: marketing without a record of consent is confirmed at once. The party's
// marketing stops, also what waits, until a person lifts it with a reason.
func TestMarketingWithoutConsentStopsTheParty(t *testing.T) {
	everywhere(t, func(n *node) {
		office := n.adminKey()
		const third = "14200000003"
		n.agree(member)
		n.agree(other)
		sent := n.send(mktText, member).Results[0].MessageID
		n.until(sent, sms.Delivered)
		slow := n.carrier.Behaviour()
		slow.Latency.Fixed = 3_600_000_000_000
		if err := n.carrier.SetBehaviour(slow); err != nil {
			n.t.Fatal(err)
		}
		for i := range 32 { // the windows take no more
			n.send(otpText, fmt.Sprint(14200004000+i))
		}
		waiting := n.send(mktText, other).Results[0].MessageID
		n.unmakeConsents()
		n.agree(other)
		n.agree(third)
		c := n.complain(office, map[string]any{"source": "carrier", "number": member, "message_id": sent})
		if c.State != complaint.Verified || c.Verdict != complaint.Confirmed || c.Cause != complaint.NoConsent || c.Party == 0 {
			n.t.Fatalf("%+v", c)
		}
		if r := n.send(mktText, third).Results[0]; r.State != sms.Refused || r.Code != sms.PartySuspended || r.Rule != "CMP-10" {
			n.t.Errorf("marketing of the stopped party: %+v", r)
		}
		if r := n.send(otpText, third).Results[0]; r.State != sms.Queued {
			n.t.Errorf("a code of the stopped party: %+v", r)
		}
		// The owner of the channel takes its second look at what waited.
		slow.Latency.Fixed = 0
		if err := n.carrier.SetBehaviour(slow); err != nil {
			n.t.Fatal(err)
		}
		if err := n.carrier.Disconnect(simLogin); err != nil {
			n.t.Fatal(err)
		}
		n.until(waiting, sms.Refused)
		var stops struct{ Measures []registry.Measure }
		n.as(office, http.MethodGet, "/v1/admin/measures", nil, &stops)
		if len(stops.Measures) != 2 || stops.Measures[0].Rule != "CMP-06e" || stops.Measures[1].Rule != "CMP-10a" || stops.Measures[1].Kind != registry.Suspended || n.toldOf("measure") != 2 {
			n.t.Fatalf("%+v", stops)
		}
		lift := "/v1/admin/measures/" + stops.Measures[1].ID.String() + "/lift"
		customer := n.key
		n.key = office
		_, clerk := n.staffKey("finance")
		n.key = customer
		var p struct{ Code sms.Code }
		if n.as(clerk, http.MethodPost, lift, map[string]any{"why": "they mended it"}, &p); p.Code != sms.Forbidden {
			n.t.Errorf("a clerk lifts it: %+v", p)
		}
		if n.as(office, http.MethodPost, lift, map[string]any{"why": ""}, &p); p.Code != sms.BadRequest {
			n.t.Errorf("without a reason: %+v", p)
		}
		if status := n.as(office, http.MethodPost, lift, map[string]any{"why": "list deleted, consents shown"}, nil); status != http.StatusOK {
			n.t.Errorf("%d", status)
		}
		if r := n.send(mktText, third).Results[0]; r.State != sms.Queued {
			n.t.Errorf("after it was lifted: %+v", r)
		}
		var figures struct {
			Figures []complaint.Figure `json:"figures"`
		}
		n.as(office, http.MethodGet, "/v1/admin/complaint-figures?month="+n.Now().In(rulebook.Shanghai).Format("2006-01"), nil, &figures)
		if len(figures.Figures) == 0 || figures.Figures[0].Valid != 1 || figures.Figures[0].Delivered < 1 || figures.Figures[0].PerBillion != risk.PerBillion(1, figures.Figures[0].Delivered) {
			n.t.Errorf("%+v", figures)
		}
		var duties struct{ Duties []dutyView }
		n.as(office, http.MethodGet, "/v1/admin/duties?state=all&limit=500", nil, &duties)
		for _, want := range []string{"FRD-04", "CMP-06a"} {
			if !slices.Contains(open(duties.Duties), want) {
				n.t.Errorf("no task %s", want)
			}
		}
	})
}
