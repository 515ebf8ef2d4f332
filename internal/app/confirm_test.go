package app

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/evidence/bundle"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

const askBody = "您已同意接收会员活动短信，确认请回复同意，拒收请回复R"

// askTemplate gives the customer a template of category CONSENT and prices for it.
func (n *node) askTemplate() sms.ID {
	n.t.Helper()
	snap, err := n.Registry(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	id, valid := n.IDs.Next(), n.period()
	var party sms.ID
	for _, a := range snap.Application {
		party = a.PartyID
	}
	objects := []any{
		registry.Template{ID: id, PartyID: party, Category: sms.Consent, Name: "confirm", State: registry.Active},
		registry.TemplateVersion{TemplateID: id, Version: 1, Body: askBody, State: registry.Approved, Period: valid},
		registry.TemplateFiling{TemplateID: id, Version: 1, Carrier: sms.Mobile, State: registry.Approved, Reference: "MB-2026-0002", Period: valid},
	}
	for account := range snap.Account {
		objects = append(objects, registry.Price{AccountID: account, Category: sms.Consent, Carrier: sms.Mobile, UnitPrice: 40_000, ValidFrom: valid.From})
	}
	err = n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		for _, o := range objects {
			if err := tx.Put(ctx, o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return id
}

func (n *node) confirm(template sms.ID, to ...string) (a answer) {
	n.t.Helper()
	if status := n.do(http.MethodPost, "/v1/consents/confirmations", map[string]any{"to": to, "template_id": template, "signature": storySignature}, &a); status != http.StatusOK {
		n.t.Fatalf("%d %+v", status, a)
	}
	return a
}

func (n *node) reply(from, text string) {
	n.t.Helper()
	if err := n.carrier.SendMO(n.t.Context(), from, storyCode+storyDigits, text); err != nil {
		n.t.Fatal(err)
	}
}

// A reply to the one request for confirmation lifts a consent to a double opt-in; a refusal
// refuses; without a request a yes says nothing.
func TestDoubleOptIn(t *testing.T) {
	const silent, stranger = "14200000003", "14200000004"
	everywhere(t, func(n *node) {
		w := n.wording()
		template := n.askTemplate()
		now := n.Now().Format(time.RFC3339Nano)
		for _, to := range []string{member, other, silent} {
			n.do(http.MethodPost, "/v1/consents", map[string]any{"to": []string{to}, "purpose": "MKT", "method": "form", "wording_id": w.ID, "source": "shop", "given_at": now, "per_week": 1}, nil)
		}
		n.reply(member, "同意")
		if p := n.person(member); len(p.Consents) != 1 {
			n.t.Errorf("a yes that nobody asked for: %+v", p)
		}
		a := n.confirm(template, member, stranger, other, silent).Results
		if a[0].State != sms.Queued || a[1].Code != sms.ConsentMissing || a[2].State != sms.Queued || a[3].State != sms.Queued {
			n.t.Fatalf("%+v", a)
		}
		for _, i := range []int{0, 2, 3} {
			n.until(a[i].MessageID, sms.Delivered)
		}
		n.reply(member, "我同意参加抽奖吗")
		if p := n.person(member); len(p.Consents) != 1 {
			n.t.Errorf("something else than yes: %+v", p)
		}
		n.reply(member, "同意。")
		n.reply(member, "Y")
		n.reply(other, "R")
		n.reply(stranger, "Y")
		p := n.person(member)
		if len(p.Consents) != 2 || p.Consents[1].Grade != 4 || p.Consents[1].PerWeek != 1 || p.Consents[1].ValidTo != p.Consents[0].ValidTo || p.Consents[1].Wording != w.ID.String() {
			n.t.Fatalf("%+v", p)
		}
		if p := n.person(other); len(p.Consents) != 1 || p.Consents[0].WithdrawnAt == 0 || len(p.Refusals) != 1 {
			n.t.Errorf("%+v", p)
		}
		if p := n.person(silent); len(p.Consents) != 1 || p.Consents[0].Grade != 1 {
			n.t.Errorf("%+v", p)
		}
		if p := n.person(stranger); len(p.Consents) != 0 {
			n.t.Errorf("%+v", p)
		}
		id := n.send(mktText, member).Results[0].MessageID
		n.until(id, sms.Delivered)
		_, vkey := n.Evidence.Log()
		pack := n.pack(id, "")
		if _, err := bundle.Verify(pack, bundle.Options{Key: vkey, Phone: "86" + member, Text: mktText}); err != nil || !strings.Contains(string(pack), `"consent-reply"`) {
			n.t.Errorf("%v", err)
		}
	})
}

// CNS-07: nobody is asked twice by a content provider, whichever way the message comes,
// unless the person has asked anew; what never left does not count.
func TestNobodyIsAskedTwice(t *testing.T) {
	everywhere(t, func(n *node) {
		template := n.askTemplate()
		n.agree(member)
		first := n.confirm(template, member, member).Results
		if first[0].State != sms.Queued || first[1].State != sms.Refused {
			n.t.Fatalf("%+v", first)
		}
		n.until(first[0].MessageID, sms.Delivered)
		for name, a := range map[string]answer{"by the same way": n.confirm(template, member), "as a message": n.send("【"+storySignature+"】"+askBody, member)} {
			if r := a.Results[0]; r.Code != sms.AlreadyAsked || r.Rule != "CNS-07" {
				n.t.Errorf("%s: %+v", name, r)
			}
		}
		n.agree(member) // a list is no request of the person
		if r := n.confirm(template, member).Results[0]; r.Code != sms.AlreadyAsked {
			n.t.Errorf("after a list: %+v", r)
		}
		w := n.page()
		token, code := n.code(w.Page, member)
		if status, html, _ := n.browse(w.Page+"/agree", map[string][]string{"token": {token}, "code": {code}, "agree": {"yes"}}); status != http.StatusOK {
			n.t.Fatal(html)
		}
		again := n.confirm(template, member).Results[0]
		if again.State != sms.Queued {
			n.t.Fatalf("after the person asked anew: %+v", again)
		}
		n.until(again.MessageID, sms.Delivered)
		n.reply(member, "Y")
		if p := n.person(member); p.Consents[len(p.Consents)-1].Grade != 4 {
			n.t.Errorf("%+v", p)
		}
		if r := n.confirm(template, member).Results[0]; r.Code != sms.AlreadyAsked {
			n.t.Errorf("the reply opens another request: %+v", r)
		}
		err := n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return tx.RemoveEvents(ctx, again.MessageID) })
		if err != nil {
			n.t.Fatal(err)
		}
		if r := n.confirm(template, member).Results[0]; r.State != sms.Queued {
			n.t.Errorf("what never left counts: %+v", r)
		}
	})
}
