package app

import (
	"context"
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

// credit leaves the customer with money for so many messages.
func (n *node) credit(units int) {
	n.t.Helper()
	snap, err := n.Registry(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	err = n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		for _, acc := range snap.Account { // of the whole chain
			bal, err := tx.BalanceOf(ctx, acc.ID)
			if err != nil {
				return err
			}
			changed := *acc
			changed.Floor = bal.Balance - bal.Held - sms.Money(units)*50_000
			if err := tx.Put(ctx, changed); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
}

// running starts a campaign to some people who have consented.
func (n *node) running(to []string, with map[string]any) campaignView {
	n.t.Helper()
	n.credit(2 * len(to))
	v := n.loaded(n.campaignBody(n.consented(to), with), to)
	n.untilState(v.ID, "ready")
	return n.act(v.ID, "start")
}

// count reads a number from the database.
func (n *node) count(query string, args ...any) (out int) {
	n.t.Helper()
	err := n.DB.Read(n.t.Context(), func(ctx context.Context, tx *store.Tx) error { return tx.One(ctx, query, args, &out) })
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

// P4: after an opt-out commits, a campaign under way stops for that number before its next batch.
func TestOptOutStopsACampaignUnderWay(t *testing.T) {
	everywhere(t, func(n *node) {
		to := people(0, 4000)
		v := n.running(to, nil)
		n.untilCampaign(v.ID, "under way", func(v *campaignView) bool { return v.Decided > 0 })
		late := to[3500:]
		n.do(http.MethodPost, "/v1/suppressions", map[string]any{"to": late}, nil)
		v = n.untilState(v.ID, "done")
		n.untilCampaign(v.ID, "quiet", func(*campaignView) bool {
			return n.count("SELECT COUNT(*) FROM message WHERE state IN ('permitted', 'queued', 'submitting')") == 0
		})
		if v.Verdicts["refused CONSENT_MISSING"] == 0 {
			n.t.Error("nobody refused before a batch: the test proves nothing")
		}
		sent := n.count(`SELECT COUNT(*) FROM suppression x JOIN message m ON m.phone_id = x.phone_id WHERE m.created_at > x.created_at AND m.state <> 'refused'`)
		submitted := n.count(`SELECT COUNT(*) FROM suppression x JOIN message m ON m.phone_id = x.phone_id JOIN segment s ON s.message_id = m.id
			WHERE s.submit_at > x.created_at AND ',' || x.in_flight || ',' NOT LIKE '%,' || m.id || ',%'`)
		if sent > 0 || submitted > 0 {
			n.t.Errorf("after the opt-out %d were permitted and %d submitted", sent, submitted)
		}
		n.onlyOnce(v.ID, 4000)
	})
}

// Pause, resume and cancel take effect before the next chunk, and no row is decided twice.
func TestCampaignPausesGoesOnAndIsCancelled(t *testing.T) {
	everywhere(t, func(n *node) {
		v := n.running(people(0, 4000), nil)
		n.untilCampaign(v.ID, "under way", func(v *campaignView) bool { return v.Decided > 0 })
		paused := n.act(v.ID, "pause")
		if paused.State != "paused" || paused.Decided == 4000 {
			n.t.Fatalf("%+v", paused)
		}
		again := n.campaign(n.campaignBody(n.consented(people(50_000, 2)), nil)) // another one's way shows that time passes
		n.part(again.ID, 1, "text/csv", "to\n"+strings.Join(people(50_000, 2), "\n"))
		n.act(again.ID, "ready")
		n.untilState(again.ID, "ready")
		n.act(again.ID, "start")
		n.untilState(again.ID, "done")
		if now := n.campaignNow(v.ID); now.Decided != paused.Decided || now.State != "paused" {
			n.t.Errorf("paused at %d, now %+v", paused.Decided, now)
		}
		n.act(v.ID, "resume")
		n.untilCampaign(v.ID, "further", func(v *campaignView) bool { return v.Decided > paused.Decided })
		ended := n.act(v.ID, "cancel")
		if ended.State == "cancelled" {
			n.onlyOnce(v.ID, ended.Decided+2)
		} else if v = n.untilState(v.ID, "done"); v.Decided != 4000 {
			n.t.Errorf("%+v", v)
		}
	})
}

// A campaign never fills the queues: while its messages wait for their channel no more are
// decided, and codes go by.
func TestCampaignWaitsForItsQueue(t *testing.T) {
	n := start(t, config.Default())
	n.stopCarrier()
	v := n.running(people(0, 3000), nil)
	v = n.untilCampaign(v.ID, "at its bound", func(v *campaignView) bool { return v.Decided >= 2000 })
	waits := n.Campaign.Stats.Waits.Load()
	v = n.untilCampaign(v.ID, "waiting", func(*campaignView) bool { return n.Campaign.Stats.Waits.Load() > waits+2 })
	if v.Decided != 2000 || v.State != "running" {
		t.Errorf("%+v", v)
	}
	if r := n.send(otpText, member).Results[0]; r.State != sms.Queued {
		t.Errorf("a code beside it: %+v", r)
	}
}

// When the money ends a campaign pauses, and goes on where it was.
func TestCampaignPausesWithoutMoney(t *testing.T) {
	n := start(t, config.Default())
	to := people(0, 1600)
	v := n.loaded(n.campaignBody(n.consented(to), nil), to)
	n.untilState(v.ID, "ready")
	n.credit(700)
	n.act(v.ID, "start")
	v = n.untilState(v.ID, "paused")
	if v.Code != sms.BalanceTooLow || v.Decided != 1000 || v.Verdicts["queued"] != 700 {
		t.Fatalf("%+v", v)
	}
	n.credit(1000)
	n.act(v.ID, "resume")
	if v = n.untilState(v.ID, "done"); v.Verdicts["queued"] != 1300 {
		t.Errorf("%+v", v)
	}
	n.onlyOnce(v.ID, 1600)
}

// LIC-01: what stands against all of a campaign stops it, rather than each of its messages.
func TestCampaignIsStoppedByARule(t *testing.T) {
	n := start(t, config.Default())
	v := n.running(people(0, 4000), nil)
	n.untilCampaign(v.ID, "under way", func(v *campaignView) bool { return v.Decided > 0 })
	snap, err := n.Registry(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = n.DB.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		for _, p := range snap.Party {
			l := snap.ValidLicence(p, registry.Business, n.Now().UnixMilli())
			if p.Kind != registry.Operator || l == nil {
				continue
			}
			revoked := *l
			revoked.State = registry.Revoked
			if err := tx.Put(ctx, revoked); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	v = n.untilState(v.ID, "stopped")
	if v.Rule != "LIC-01" || v.Decided == 4000 || v.Verdicts["refused LICENCE_INVALID"] > 500 { // one chunk may have been tried before
		t.Errorf("%+v", v)
	}
}

// Each row has its own values, also where the template calls a variable as others call the
// number; a later version of the wording stops what was loaded for another.
func TestCampaignWithVariables(t *testing.T) {
	n := start(t, config.Default())
	template := n.templateOf(sms.Notice)
	body := map[string]any{"name": "发货", "template_id": template, "signature": storySignature}
	v := n.campaign(body)
	var rows strings.Builder
	rows.WriteString("number,手机号\n")
	for i, to := range people(0, 3) {
		fmt.Fprintf(&rows, "%d,%s\n", 100+i, to)
	}
	rows.WriteString("x1,14210000300\n,14210000303\n")
	p := n.part(v.ID, 1, "text/csv", rows.String())
	if p.Good != 3 || len(p.Faults) != 2 || p.Faults[0].Code != "VARIABLE" || p.Faults[0].Variable != "number" {
		t.Fatalf("%+v", p)
	}
	n.act(v.ID, "ready")
	if v = n.untilState(v.ID, "ready"); v.Estimate.Units != 3 {
		t.Errorf("%+v", v)
	}
	n.act(v.ID, "start")
	if v = n.untilState(v.ID, "done"); v.Verdicts["queued"] != 3 {
		t.Errorf("%+v", v)
	}
	n.untilCampaign(v.ID, "at the carrier", func(*campaignView) bool { return len(n.carrier.Received(0, 100)) == 3 })
	for _, r := range n.carrier.Received(0, 100) {
		var order, to int
		if _, err := fmt.Sscanf(strings.TrimPrefix(r.Text, "【准信示例】您的订单"), "%d", &order); err != nil {
			t.Fatalf("%q: %v", r.Text, err)
		}
		if _, err := fmt.Sscan(r.Dests[0], &to); err != nil || to != 14210000000+3*(order-100) {
			t.Errorf("order %d went to %d", order, to)
		}
	}
	late := n.campaign(body)
	n.part(late.ID, 1, "text/csv", "number,to\n1,14210000600\n")
	n.act(late.ID, "ready")
	n.untilState(late.ID, "ready")
	err := n.DB.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		now := n.Now()
		return tx.Put(ctx, registry.TemplateVersion{
			TemplateID: template, Version: 2, Body: "订单${number:digits}已发货，请留意。", State: registry.Approved, ReviewedBy: "test",
			Period: registry.Period{From: now.Add(-time.Hour).UnixMilli(), To: now.AddDate(1, 0, 0).UnixMilli()},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	n.act(late.ID, "start")
	if late = n.untilState(late.ID, "stopped"); late.Code != sms.TemplateNotApproved {
		t.Errorf("%+v", late)
	}
}

// P9: when the node that works on a campaign ends, another one goes on, and no row is decided twice.
func TestCampaignIsTakenOver(t *testing.T) {
	a, b := pair(t)
	b.key = a.key
	const all = 6000
	v := a.running(people(0, all), nil)
	a.untilCampaign(v.ID, "under way", func(*campaignView) bool {
		return a.Campaign.Stats.Chunks.Load()+b.Campaign.Stats.Chunks.Load() > 0
	})
	works, rests := a, b
	if b.Campaign.Stats.Chunks.Load() > 0 {
		works, rests = b, a
	}
	works.stopNode()
	if v = rests.untilState(v.ID, "done"); v.Verdicts["queued"] != all {
		t.Errorf("%+v", v)
	}
	if rests.Campaign.Stats.Chunks.Load() == 0 {
		t.Error("nothing was left for the other node: the test proves nothing")
	}
	rests.onlyOnce(v.ID, all)
}
