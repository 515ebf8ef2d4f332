package app

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/evidence/bundle"
	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/duty"
	"github.com/zhunxin/zhunxin/internal/privacy"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

func (n *node) listDuties(key, query string) (rules []string, list []dutyView) {
	n.t.Helper()
	var out struct{ Duties []dutyView }
	n.as(key, http.MethodGet, "/v1/admin/duties?limit=500&"+query, nil, &out)
	for _, d := range out.Duties {
		rules = append(rules, d.Rule)
	}
	slices.Sort(rules)
	return rules, out.Duties
}

// PRV-13: above a number of people a protection officer is owed, once; below it none is.
func TestProtectionOfficerAboveANumberOfPeople(t *testing.T) {
	everywhere(t, func(n *node) {
		customer := n.key
		n.key = n.adminKey()
		office := n.key
		_, two := n.staffKey("compliance")
		n.key = customer
		count := func() (rules []string) {
			n.t.Helper()
			for range 2 {
				if err := n.countPeople(n.t.Context()); err != nil {
					n.t.Fatal(err)
				}
			}
			rules, _ = n.listDuties(office, "state=open")
			return slices.DeleteFunc(rules, func(r string) bool { return r != "PRV-13" })
		}
		n.agree(member)
		n.inForce(office, two, "pack: house\nversion: '1'\nlayer: house\nadjust:\n  - {rule: PRV-13, param: people, value: 2}\n")
		if got := count(); len(got) != 0 {
			n.t.Fatalf("with one person: %v", got)
		}
		n.agree(other)
		if got := count(); len(got) != 1 {
			n.t.Errorf("with two: %v", got)
		}
	})
}

// What comes again is owed once, however often and by however many nodes it is looked for;
// what was due before the operator was set up here is not.
func TestPeriodicDutiesAriseOnce(t *testing.T) {
	everywhere(t, func(n *node) {
		office := n.adminKey()
		for range 3 {
			if err := n.sweepDuties(n.t.Context()); err != nil {
				n.t.Fatal(err)
			}
		}
		want := []string{"CNT-01a", "FRD-01", "LIC-09a", "LIC-11", "LOG-04", "OPT-04", "PRV-12", "PRV-14", "PRV-15b"}
		got, list := n.listDuties(office, "state=open")
		if !slices.Equal(got, want) { // the test's clock stands after 31 March, or it would be more
			if got = slices.DeleteFunc(got, func(r string) bool { return r == "LIC-09b" || r == "PORT-01a" }); !slices.Equal(got, want) {
				n.t.Fatalf("%v", got)
			}
		}
		for _, d := range list {
			if d.Overdue || d.Remind == 0 || d.Remind > d.Due {
				n.t.Errorf("%+v", d)
			}
		}
	})
}

// A licence that is renewed owes the renewal of its new end, and no more of the old one.
func TestRenewedLicence(t *testing.T) {
	n := start(t, config.Default())
	office := n.adminKey()
	n.key = office
	_, reviewer := n.staffKey("reviewer")
	if err := n.sweepDuties(t.Context()); err != nil {
		t.Fatal(err)
	}
	snap, err := n.Registry(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range snap.Party {
		if p.Kind != registry.Operator {
			continue
		}
		l := *snap.LicencesOf(p.ID)[0]
		l.To = time.UnixMilli(l.To).AddDate(5, 0, 0).UnixMilli()
		if status := n.as(office, http.MethodPut, "/v1/admin/licences/"+l.ID.String(), l, nil); status != http.StatusOK {
			t.Fatal(status)
		}
		if got := n.verdict(reviewer, "licences/"+l.ID.String(), "approve"); got.State != "approved" {
			t.Fatalf("%+v", got)
		}
	}
	if err := n.sweepDuties(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, list := n.listDuties(office, "state=all")
	list = slices.DeleteFunc(list, func(d dutyView) bool { return d.Rule != "LIC-09a" })
	if len(list) != 2 || list[0].Done == 0 || list[1].Done != 0 || list[1].Due < n.Now().AddDate(5, 0, 0).UnixMilli() {
		t.Errorf("%+v", list)
	}
}

// A reminder is an event to the operator's applications, once, and the next one is set; an
// overdue duty is listed as such.
func TestReminders(t *testing.T) {
	everywhere(t, func(n *node) {
		office := n.adminKey()
		ctx, now := n.t.Context(), n.Now()
		task := duty.Task{
			ID: n.IDs.Next(), Rule: "CMP-04", Event: rulebook.EventComplaint, ObjectID: 7, Owner: "compliance", CreatedAt: now.UnixMilli(),
			DueAt: now.Add(26 * time.Hour).UnixMilli(), RemindAt: now.Add(time.Hour).UnixMilli(), // not yet, for the node's own round
		}
		late := task
		late.ID, late.ObjectID, late.DueAt = n.IDs.Next(), 8, now.UnixMilli()-1
		err := n.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
			for _, t := range []duty.Task{task, late, task} { // the third is the first again
				if _, err := tx.InsertDuty(ctx, t); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			n.t.Fatal(err)
		}
		if got, _ := n.listDuties(office, "state=overdue"); !slices.Equal(got, []string{"CMP-04"}) {
			n.t.Errorf("overdue: %v", got)
		}
		snap, err := n.Registry(ctx)
		if err != nil {
			n.t.Fatal(err)
		}
		for range 2 {
			if err := n.remind(ctx, snap, now.Add(time.Hour)); err != nil {
				n.t.Fatal(err)
			}
		}
		var feed struct {
			Events []struct {
				Kind string
				Rule string
				Over bool   `json:"overdue"`
				Of   string `json:"object_id"`
			}
		}
		var raw struct{ Events []json.RawMessage }
		n.as(office, http.MethodGet, "/v1/events?wait=10", nil, &raw)
		b, _ := json.Marshal(raw)
		if err := json.Unmarshal(b, &feed); err != nil || len(feed.Events) != 2 || feed.Events[0].Kind != "duty" {
			n.t.Fatalf("%v %s", err, b)
		}
		_, list := n.listDuties(office, "state=open")
		for _, d := range list {
			switch d.ID {
			case task.ID:
				if d.Remind != task.DueAt-24*time.Hour.Milliseconds() {
					n.t.Errorf("the next reminder: %+v", d)
				}
			case late.ID:
				if d.Remind != 0 {
					n.t.Errorf("a reminder after it was due: %+v", d)
				}
			}
		}
	})
}

// What a person tells of gives rise to its duties, which one of the role ends with a note.
func TestOccurrenceGivesRiseToDuties(t *testing.T) {
	n := start(t, config.Default())
	office := n.adminKey()
	var o struct {
		ID     sms.ID
		Duties []dutyView
		Code   sms.Code
	}
	tell := func(body map[string]any) sms.Code {
		o.Code, o.Duties = "", nil
		n.as(office, http.MethodPost, "/v1/admin/occurrences", body, &o)
		return o.Code
	}
	at := n.Now().Add(-time.Minute)
	if code := tell(map[string]any{"event": "authority.asked", "at": at, "facts": map[string]any{"authority.lawful": true}, "note": "a letter of the police"}); code != "" || !slices.Equal(open(o.Duties), []string{"LOG-06"}) {
		t.Fatalf("%+v", o)
	}
	if got := o.Duties[0].Due - at.UnixMilli(); got < 24*time.Hour.Milliseconds()-1000 || got > 24*time.Hour.Milliseconds() {
		t.Errorf("%+v", o.Duties[0])
	}
	for name, bad := range map[string]map[string]any{
		"an incident":                   {"event": "incident.opened", "at": at, "note": "x"},
		"an event of the program's own": {"event": "complaint.received", "at": at, "note": "x"},
		"an unknown fact":               {"event": "authority.asked", "at": at, "note": "x", "facts": map[string]any{"authority.small": true}},
		"a fact of another type":        {"event": "authority.asked", "at": at, "note": "x", "facts": map[string]any{"authority.lawful": "yes"}},
		"the future":                    {"event": "lead.found", "at": n.Now().Add(time.Hour), "note": "x"},
		"a year before there was any":   {"event": "lead.found", "at": "0001-01-01T00:00:00Z", "note": "x"},
		"a number in the note":          {"event": "lead.found", "at": at, "note": "call " + member},
		"a number in disguise":          {"event": "lead.found", "at": at, "reference": "１３８ 0013 8000", "note": "x"},
		"no note":                       {"event": "lead.found", "at": at, "note": ""},
	} {
		if code := tell(bad); code != sms.BadRequest {
			t.Errorf("%s: %s", name, code)
		}
	}
	tell(map[string]any{"event": "lead.found", "at": at, "note": "a shop that does not exist"})
	id := o.Duties[0].ID.String()
	n.key = office
	_, clerk := n.staffKey("finance")
	var p struct {
		Code sms.Code
		Done int64 `json:"done_at"`
	}
	if n.as(clerk, http.MethodPost, "/v1/admin/duties/"+id+"/done", map[string]any{"note": "told"}, &p); p.Code != sms.Forbidden {
		t.Errorf("another role: %+v", p)
	}
	p.Code = ""
	if n.as(office, http.MethodPost, "/v1/admin/duties/"+id+"/done", map[string]any{"note": "passed on", "evidence": "receipt 3"}, &p); p.Code != "" || p.Done == 0 {
		t.Errorf("%+v", p)
	}
	if n.as(office, http.MethodPost, "/v1/admin/duties/"+id+"/done", map[string]any{"note": "again"}, &p); p.Code != sms.StateConflict {
		t.Errorf("done twice: %+v", p)
	}
	var list struct{ Occurrences []duty.Occurrence }
	if n.as(office, http.MethodGet, "/v1/admin/occurrences", nil, &list); len(list.Occurrences) != 2 {
		t.Errorf("%+v", list)
	}
}

// ask opens a person's request and answers it.
func (n *node) ask(key, kind, number string) (id sms.ID) {
	n.t.Helper()
	snap, err := n.Registry(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	for _, p := range snap.Party {
		if p.Kind == registry.Customer {
			var r struct{ ID sms.ID }
			status, b := n.fetch(http.MethodPost, "/v1/admin/requests", mustJSON(n.t, map[string]any{"kind": kind, "number": number, "party_id": p.ID}), "Authorization", "Bearer "+key)
			if err := json.Unmarshal(b, &r); err != nil || status != http.StatusOK {
				n.t.Fatalf("%d %s", status, b)
			}
			return r.ID
		}
	}
	n.t.Fatal("no customer")
	return 0
}

// PRV-09: access lists what is held, a copy is sealed and fetched with a reason that is
// recorded.
func TestAccessAndCopy(t *testing.T) {
	everywhere(t, func(n *node) {
		office := n.adminKey()
		n.agree(member)
		n.until(n.send(mktText, member).Results[0].MessageID, sms.Delivered)
		n.until(n.send(otpText, member).Results[0].MessageID, sms.Delivered)
		var out struct {
			Request  privacy.Request
			Holdings *struct {
				Number   string
				Consents []json.RawMessage
				Messages []struct{ Text string }
			}
			Code sms.Code
		}
		id := n.ask(office, "access", member)
		if got, _ := n.listDuties(office, "state=open"); !slices.Contains(got, "PRV-09") {
			n.t.Fatalf("no duty: %v", got)
		}
		at := "/v1/admin/requests/" + id.String()
		n.as(office, http.MethodPost, at+"/answer", map[string]any{"note": "told by letter"}, &out)
		if h := out.Holdings; h == nil || h.Number != "142****0001" || len(h.Consents) != 1 || len(h.Messages) != 2 || h.Messages[0].Text != "" || out.Request.State != privacy.Answered {
			n.t.Fatalf("%+v", out)
		}
		if got, _ := n.listDuties(office, "state=open"); slices.Contains(got, "PRV-09") {
			n.t.Error("the duty is still open")
		}
		if n.as(office, http.MethodPost, at+"/answer", map[string]any{"note": "again"}, &out); out.Code != sms.StateConflict {
			n.t.Errorf("%+v", out)
		}
		at = "/v1/admin/requests/" + n.ask(office, "copy", member).String()
		status, b := n.fetch(http.MethodPost, at+"/answer", mustJSON(n.t, map[string]any{"note": "made"}), "Authorization", "Bearer "+office)
		if status != http.StatusOK || strings.Contains(string(b), member) {
			n.t.Fatalf("%d %s", status, b)
		}
		office, clerk := n.otherKey(office, "admin,reveal"), office
		if status, b := n.fetch(http.MethodPost, at+"/copy", mustJSON(n.t, map[string]any{"reason": "handed to the person"}), "Authorization", "Bearer "+clerk); status != http.StatusForbidden {
			n.t.Errorf("without the scope: %d %s", status, b)
		}
		if status, b = n.fetch(http.MethodPost, at+"/copy", mustJSON(n.t, map[string]any{"reason": "x"}), "Authorization", "Bearer "+office); status/100 != 4 {
			n.t.Errorf("without a reason: %d %s", status, b)
		}
		status, b = n.fetch(http.MethodPost, at+"/copy", mustJSON(n.t, map[string]any{"reason": "handed to the person"}), "Authorization", "Bearer "+office)
		if status != http.StatusOK || !strings.Contains(string(b), "+86"+member) || !strings.Contains(string(b), "246810") {
			n.t.Errorf("%d %s", status, b)
		}
		var seen struct{ Accesses []privacy.Seen }
		if n.as(office, http.MethodGet, "/v1/admin/accesses", nil, &seen); len(seen.Accesses) != 1 || seen.Accesses[0].What != "copy" || seen.Accesses[0].Staff == 0 {
			n.t.Errorf("%+v", seen)
		}
	})
}

// PIPL Art. 47, LOG-07: what must be kept is locked until the day, a hold stops the erasure,
// and the certificate of it verifies offline.
func TestDeletionIsLockedHeldAndThenCarriedOut(t *testing.T) {
	everywhere(t, func(n *node) {
		office := n.adminKey()
		sent := n.send(otpText, member).Results[0].MessageID
		n.until(sent, sms.Delivered)
		var out struct {
			Request privacy.Request
			Code    sms.Code
		}
		at := "/v1/admin/requests/" + n.ask(office, "delete", member).String()
		n.as(office, http.MethodPost, at+"/answer", map[string]any{"note": "the term to keep it runs still"}, &out)
		if out.Request.State != privacy.Locked || out.Request.KeepUntil < n.Now().Add(n.Config.Keep-time.Hour).UnixMilli() {
			n.t.Fatalf("%+v", out)
		}
		if got, _ := n.listDuties(office, "state=open"); !slices.Contains(got, "PRV-08a") || slices.Contains(got, "PRV-09") {
			n.t.Errorf("%v", got)
		}
		if r := n.send("【准信示例】您的订单12345已发货。", member).Results[0]; r.State != sms.Refused || r.Code != sms.SuppressedScope {
			n.t.Errorf("a notice to somebody who is locked: %+v", r)
		}
		if n.as(office, http.MethodPost, at+"/answer", map[string]any{"note": "too early"}, &out); out.Code != sms.StateConflict {
			n.t.Errorf("%+v", out)
		}
		var hold privacy.Hold
		if status := n.as(office, http.MethodPost, "/v1/admin/holds", map[string]any{"message_id": sent, "reference": "court 5", "reason": "evidence in a case"}, &hold); status != http.StatusOK {
			n.t.Fatal(status)
		}
		n.forgetSending()
		out.Code = ""
		if n.as(office, http.MethodPost, at+"/answer", map[string]any{"note": "now"}, &out); out.Code != sms.LegalHold {
			n.t.Fatalf("a hold stands: %+v", out)
		}
		var erased struct {
			Code   sms.Code
			Erased bool
		}
		if n.do(http.MethodPost, "/v1/people/erase", map[string]any{"to": member}, &erased); erased.Code != sms.KeptByLaw {
			n.t.Fatalf("the customer's own erasure: %+v", erased)
		}
		if status := n.as(office, http.MethodPost, "/v1/admin/holds/"+hold.ID.String()+"/release", map[string]any{"reason": "the case is over"}, nil); status != http.StatusOK {
			n.t.Fatal(status)
		}
		out.Code = ""
		if n.as(office, http.MethodPost, at+"/answer", map[string]any{"note": "now"}, &out); out.Code != "" || out.Request.State != privacy.Answered {
			n.t.Fatalf("%+v", out)
		}
		_, pack := n.fetch(http.MethodGet, "/v1/admin/evidence/"+out.Request.ID.String(), nil, "Authorization", "Bearer "+office)
		_, vkey := n.Evidence.Log()
		if _, err := bundle.Verify(pack, bundle.Options{Key: vkey}); err != nil || !strings.Contains(string(pack), `"erasure"`) {
			n.t.Errorf("%v %s", err, pack)
		}
		var view struct{ To string }
		if n.do(http.MethodGet, "/v1/messages/"+sent.String(), nil, &view); view.To != "" {
			n.t.Errorf("the number is still known: %+v", view)
		}
	})
}

// forgetSending takes away what says when something was last sent, as time does.
func (n *node) forgetSending() {
	n.t.Helper()
	ctx := n.t.Context()
	err := n.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		var ids []sms.ID
		list, err := tx.SentTo(ctx, n.Keys.PhoneID(number(n.t, member)), 0, -1, 100)
		for _, e := range list {
			ids = append(ids, e.MessageID)
		}
		if err != nil {
			return err
		}
		return tx.RemoveEvents(ctx, ids...)
	})
	if err != nil {
		n.t.Fatal(err)
	}
}

func number(t *testing.T, s string) sms.MSISDN {
	t.Helper()
	m, err := sms.ParseMSISDN(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// PRV-16: a number and a text are seen by a person with the scope, with a reason, and it is
// recorded; so is somebody else's evidence.
func TestRevealNeedsAReasonAndIsRecorded(t *testing.T) {
	n := start(t, config.Default())
	sent := n.send(otpText, member).Results[0].MessageID
	n.until(sent, sms.Delivered)
	office := n.adminKey()
	key := n.keyOf(office, "read,reveal")
	at := "/v1/admin/messages/" + sent.String() + "/reveal"
	var out struct {
		To, Text string
		Code     sms.Code
	}
	for name, c := range map[string]struct {
		key    string
		reason string
		code   sms.Code
	}{
		"an administrator without the scope": {office, "a long reason", sms.Forbidden}, "the customer": {n.key, "a long reason", sms.Forbidden},
		"no reason": {key, "", sms.BadRequest}, "a blank one": {key, "     ", sms.BadRequest}, "a number in it": {key, "for " + member, sms.BadRequest},
	} {
		out.Code = ""
		if n.as(c.key, http.MethodPost, at, map[string]any{"reason": c.reason}, &out); out.Code != c.code || out.To != "" {
			t.Errorf("%s: %+v", name, out)
		}
	}
	if n.as(key, http.MethodPost, at, map[string]any{"reason": "the customer asked which code"}, &out); out.To != "+86"+member || out.Text != otpText {
		t.Errorf("%+v", out)
	}
	out.Code = ""
	if n.as(office, http.MethodGet, "/v1/messages/"+sent.String()+"/evidence", nil, &out); out.Code != sms.BadRequest {
		t.Errorf("somebody's evidence without a reason: %+v", out)
	}
	if status, _ := n.fetch(http.MethodGet, "/v1/messages/"+sent.String()+"/evidence?reason=court+case", nil, "Authorization", "Bearer "+office); status != http.StatusOK {
		t.Errorf("%d", status)
	}
	n.pack(sent, "") // one's own needs none
	var seen struct{ Accesses []privacy.Seen }
	n.as(office, http.MethodGet, "/v1/admin/accesses", nil, &seen)
	if len(seen.Accesses) != 2 || seen.Accesses[0].What != "evidence" || seen.Accesses[1].What != "reveal" || seen.Accesses[1].ObjectID != sent || seen.Accesses[1].Staff == 0 {
		t.Errorf("%+v", seen)
	}
}

// keyOf makes a key by the API for the operator's application of another key.
func (n *node) keyOf(office, scopes string) string {
	n.t.Helper()
	snap, err := n.Registry(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	body := map[string]any{"scopes": scopes}
	for id := range snap.Staff {
		body["staff_id"] = id
	}
	for id, a := range snap.Application {
		if snap.Party[a.PartyID].Kind == registry.Operator {
			body["application_id"] = id
		}
	}
	var out struct {
		Key  string
		Code sms.Code
	}
	if n.as(office, http.MethodPost, "/v1/admin/keys", body, &out); out.Key == "" {
		n.t.Fatalf("%+v", out)
	}
	return out.Key
}

// An auditor reads everything relevant and changes nothing: every operation that writes is
// refused.
func TestAuditorReadsAndChangesNothing(t *testing.T) {
	n := start(t, config.Default())
	sent := n.send(otpText, member).Results[0].MessageID
	n.until(sent, sms.Delivered)
	office := n.adminKey()
	auditor := n.keyOf(office, "audit")
	c := n.complain(office, map[string]any{"source": "12321", "number": member})
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	n.do(http.MethodGet, "/openapi.json", nil, &doc)
	writes, reads := 0, 0
	for path, methods := range doc.Paths {
		for method := range methods {
			name := strings.ToUpper(method) + " " + path
			at := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "1")
			var p struct{ Code sms.Code }
			status, b := n.fetch(strings.ToUpper(method), at, []byte("{}"), "Authorization", "Bearer "+auditor)
			_ = json.Unmarshal(b, &p)
			switch {
			case name == "POST /v1/setup": // needs no key, but a token
			case method == "get":
				reads++
			default:
				writes++
				if status != http.StatusForbidden || p.Code != sms.Forbidden {
					t.Errorf("%s: %d %s", name, status, p.Code)
				}
			}
		}
	}
	if writes < 30 || reads < 15 {
		t.Errorf("only %d writing and %d reading operations were looked at", writes, reads)
	}
	for _, path := range []string{
		"/v1/messages/" + sent.String(), "/v1/messages/" + sent.String() + "/evidence?reason=yearly+audit", "/v1/admin/rules", "/v1/admin/duties", "/v1/admin/complaints",
		"/v1/admin/complaints/" + c.ID.String(), "/v1/admin/complaints/" + c.ID.String() + "/file?reason=yearly+audit", "/v1/admin/complaint-figures?month=2026-11",
		"/v1/admin/evidence/" + c.ID.String(), "/v1/admin/measures", "/v1/admin/requests", "/v1/admin/holds", "/v1/admin/accesses", "/v1/admin/occurrences",
	} {
		status, b := n.fetch(http.MethodGet, path, nil, "Authorization", "Bearer "+auditor)
		if status != http.StatusOK || strings.Contains(string(b), member) {
			t.Errorf("%s: %d %.200s", path, status, b)
		}
	}
	for path, key := range map[string]string{"/v1/admin/duties": n.key, "/v1/admin/complaints": n.key} {
		if status, _ := n.fetch(http.MethodGet, path, nil, "Authorization", "Bearer "+key); status != http.StatusForbidden {
			t.Errorf("a customer reads %s: %d", path, status)
		}
	}
	var p struct{ Code sms.Code }
	for _, scopes := range []string{"audit,admin", "read,audit"} {
		n.as(office, http.MethodPost, "/v1/admin/keys", map[string]any{"application_id": "1", "scopes": scopes}, &p)
		if p.Code != sms.BadRequest {
			t.Errorf("a key with %s: %s", scopes, p.Code)
		}
	}
}

// What is wrong in a complaint is refused with its place.
func TestBadComplaints(t *testing.T) {
	n := start(t, config.Default())
	office := n.adminKey()
	for name, c := range map[string]struct {
		body map[string]any
		code sms.Code
	}{
		"no number":             {map[string]any{"source": "direct"}, sms.BadRequest},
		"a wrong number":        {map[string]any{"source": "direct", "number": "one"}, sms.BadNumber},
		"an unknown source":     {map[string]any{"source": "friend", "number": member}, sms.BadRequest},
		"a number in the note":  {map[string]any{"source": "direct", "number": member, "note": "his other one is " + other}, sms.BadRequest},
		"the future":            {map[string]any{"source": "direct", "number": member, "received_at": n.Now().Add(time.Hour)}, sms.BadRequest},
		"letters in the port":   {map[string]any{"source": "direct", "number": member, "port": "1069x"}, sms.BadRequest},
		"a message of nobody's": {map[string]any{"source": "direct", "number": member, "message_id": "7"}, sms.BadRequest},
		"too long a note":       {map[string]any{"source": "direct", "number": member, "note": strings.Repeat("长", 4001)}, sms.BadRequest},
	} {
		if got := n.complain(office, c.body); got.Code != c.code || got.ID != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := n.complain(n.key, map[string]any{"source": "direct", "number": member}); got.Code != sms.Forbidden {
		t.Errorf("a customer opens a case: %+v", got)
	}
	sent := n.send(otpText, other).Results[0].MessageID
	if got := n.complain(office, map[string]any{"source": "direct", "number": member, "message_id": sent}); got.Code != sms.BadRequest {
		t.Errorf("a message to somebody else: %+v", got)
	}
}
