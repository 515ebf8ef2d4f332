package app

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// client is a customer's CMPP client.
type client struct {
	*session.Client
	t *testing.T

	mu      sync.Mutex
	reports []session.Report
	mos     []session.MO
	changed chan struct{}
}

func (c *client) note(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *client) OnReport(_ *session.Client, r session.Report, ack func(bool)) {
	c.note(func() { c.reports = append(c.reports, r) })
	ack(true)
}

func (c *client) OnMO(_ *session.Client, m session.MO, ack func(bool)) {
	c.note(func() { c.mos = append(c.mos, m) })
	ack(true)
}
func (c *client) OnCredit(*session.Client)       {}
func (c *client) OnClose(*session.Client, error) {}

// wait waits until what came satisfies a condition. Its bound stops a test that hangs.
func (c *client) wait(what string, ok func() bool) {
	c.t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for {
		c.mu.Lock()
		done, changed := ok(), c.changed
		c.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			c.mu.Lock()
			defer c.mu.Unlock()
			c.t.Fatalf("%s did not come: %+v %+v", what, c.reports, c.mos)
		}
	}
}

func (c *client) reportOf(id string) string {
	for _, r := range c.reports {
		if r.ID == id {
			return r.Stat
		}
	}
	return ""
}

func (c *client) submit(s session.Submit) session.Outcome {
	c.t.Helper()
	done := make(chan session.Outcome, 1)
	c.Submit(s, func(o session.Outcome) { done <- o })
	o := <-done
	if o.Kind != session.Answered {
		c.t.Fatalf("%+v", o)
	}
	return o
}

func (n *node) dial() *client {
	n.t.Helper()
	c := &client{t: n.t, changed: make(chan struct{})}
	var err error
	c.Client, err = session.DialCMPP(n.t.Context(), session.ClientConfig{
		Address: n.cmpp, Login: "zx0001", Secret: n.secret, Version: session.CMPP30, Window: 64, Now: n.Now,
	}, c)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(c.Close)
	return c
}

// pdus makes the PDUs of a text.
func pdus(t *testing.T, text string, dests ...string) []session.Submit {
	t.Helper()
	parts, err := smstext.Split(text, 7)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]session.Submit, len(parts))
	for i, p := range parts {
		out[i] = session.Submit{
			Source: storyCode + storyDigits, Dests: dests, Coding: uint8(p.Coding), UDHI: p.UDHI, Total: p.Total, Number: p.Number, Content: p.Content, WantReport: true,
		}
	}
	return out
}

func TestCustomersByCMPP(t *testing.T) {
	everywhere(t, func(n *node) {
		c := n.dial()
		// One recipient: the answer is the decision, and its id is the report's.
		o := c.submit(pdus(n.t, otpText, member)[0])
		if o.Result != 0 || o.ID == "" {
			n.t.Fatalf("%+v", o)
		}
		c.wait("the report", func() bool { return c.reportOf(o.ID) == "DELIVRD" })
		// Refused as a whole: nothing of it was accepted.
		if r := c.submit(pdus(n.t, mktText, other)[0]); r.Result != sms.Lookup(sms.ConsentMissing).CMPP || r.ID != "" {
			n.t.Errorf("%+v", r)
		}
		// One of two: accepted, and the refusal comes as a report.
		n.agree(member)
		both := c.submit(pdus(n.t, mktText, member, other)[0])
		if both.Result != 0 {
			n.t.Fatalf("%+v", both)
		}
		c.wait("both reports", func() bool {
			var stats []string
			for _, r := range c.reports {
				if r.ID == both.ID {
					stats = append(stats, r.Dest+r.Stat)
				}
			}
			slices.Sort(stats)
			return slices.Equal(stats, []string{member + "DELIVRD", other + sms.Lookup(sms.ConsentMissing).Stat})
		})
		// Another's source number is refused.
		foreign := pdus(n.t, otpText, "14200000009")[0]
		foreign.Source = "1069999999"
		if r := c.submit(foreign); r.Result != sms.Lookup(sms.PortNotBound).CMPP {
			n.t.Errorf("%+v", r)
		}
		// The reply reaches the customer.
		if err := n.carrier.SendMO(n.t.Context(), member, storyCode+storyDigits, "您好"); err != nil {
			n.t.Fatal(err)
		}
		c.wait("the reply", func() bool {
			if len(c.mos) != 1 {
				return false
			}
			text, err := smstext.Decode(smstext.Coding(c.mos[0].Coding), c.mos[0].Content)
			return err == nil && text == "您好" && c.mos[0].Source == member
		})
	})
}

const longBody = "您的验证码是135790，此码用于登录示例商城，请勿告诉他人。如果不是您本人操作，请忽略本短信。示例商城不会以任何理由向您索取验证码，谨防诈骗，感谢您的信任与支持。"

// A long message in parts: each part has its id at once, the message is one, and
// every part is told how it ended.
func TestLongMessageInParts(t *testing.T) {
	everywhere(t, func(n *node) {
		snap, err := n.Registry(n.t.Context())
		if err != nil {
			n.t.Fatal(err)
		}
		var template sms.ID
		for id, x := range snap.Template {
			if x.Category == sms.OTP {
				template = id
			}
		}
		err = n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
			if err := tx.Put(ctx, registry.TemplateFiling{TemplateID: template, Version: 2, Carrier: sms.Mobile, State: registry.Approved, Period: n.period()}); err != nil {
				return err
			}
			return tx.Put(ctx, registry.TemplateVersion{
				TemplateID: template, Version: 2, Body: strings.Replace(longBody, "135790", "${code:code}", 1), State: registry.Approved, Period: n.period(),
			})
		})
		if err != nil {
			n.t.Fatal(err)
		}
		if _, err := n.Registry(n.t.Context()); err != nil {
			n.t.Fatal(err)
		}
		c := n.dial()
		send := func(list []session.Submit) (ids []string) {
			for _, i := range []int{1, 0} { // out of order
				o := c.submit(list[i])
				if o.Result != 0 || o.ID == "" {
					n.t.Fatalf("%+v", o)
				}
				ids = append(ids, o.ID)
			}
			return ids
		}
		ids := send(pdus(n.t, "【准信示例】"+longBody, member))
		c.wait("a report for each part", func() bool { return c.reportOf(ids[0]) == "DELIVRD" && c.reportOf(ids[1]) == "DELIVRD" })
		got := n.carrier.Received(0, 100)
		if len(got) != 2 || n.until(n.newest(), sms.Delivered).Charged != 2 {
			n.t.Errorf("the carrier received %d PDUs", len(got))
		}
		// Refused as a whole: each part is told.
		ids = send(pdus(n.t, "【别人签名】"+longBody, other))
		want := sms.Lookup(sms.PortNotBound).Stat
		c.wait("a refusal for each part", func() bool { return c.reportOf(ids[0]) == want && c.reportOf(ids[1]) == want })
		// A part without its companion.
		lone := c.submit(pdus(n.t, "【准信示例】"+longBody, other)[0])
		err = n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
			return tx.Exec(ctx, "UPDATE sp_part SET received_at = received_at - ? WHERE message_pdu = 0", n.Config.CMPP.PartsWithin.Milliseconds()+1)
		})
		if err != nil {
			n.t.Fatal(err)
		}
		want = sms.Lookup(sms.PartMissing).Stat
		c.wait("the end of a lone part", func() bool { return c.reportOf(lone.ID) == want })
	})
}

// newest is the newest message of the node.
func (n *node) newest() sms.ID {
	n.t.Helper()
	var list struct{ Messages []struct{ ID sms.ID } }
	n.do("GET", "/v1/messages?limit=1", nil, &list)
	if len(list.Messages) != 1 {
		n.t.Fatal("there is no message")
	}
	return list.Messages[0].ID
}

// What a customer has not acknowledged waits for its next connection.
func TestReportsWaitForTheCustomer(t *testing.T) {
	n := start(t, config.Default())
	first := n.dial()
	o := first.submit(pdus(t, otpText, member)[0])
	first.Close()
	<-first.Done()
	id, err := sms.ParseID(o.ID)
	if err != nil {
		t.Fatal(err)
	}
	n.until(id, sms.Delivered)
	second := n.dial()
	second.wait("the report on the next connection", func() bool { return second.reportOf(o.ID) == "DELIVRD" })
}
