package inbound_test

import (
	"context"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/inbound"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/protocol/session"
)

func kept(w *gatetest.World, phone [16]byte) (list []sms.Report) {
	w.T.Helper()
	err := w.DB.Read(context.Background(), func(ctx context.Context, tx *store.Tx) (err error) {
		list, err = tx.KeptReports(ctx, phone, 0, 10)
		return err
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return list
}

// A report that comes again changes nothing and is kept, for it may say something else.
func TestReportThatComesAgainIsKept(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		r := submitted(w, gatetest.Member, accepted)
		report(w, r, "42", "DELIVRD")
		if list := kept(w, r.Message.PhoneID); len(list) != 0 {
			w.T.Errorf("a report that was booked is kept: %+v", list)
		}
		report(w, r, "42", "UNDELIV")
		if list := kept(w, r.Message.PhoneID); len(list) != 1 || list[0].Stat != "UNDELIV" || list[0].MatchedAt == 0 || !list[0].Again || list[0].UpstreamID != "42" {
			w.T.Errorf("%+v", list)
		}
		report(w, r, "43", "DELIVRD")
		if list := kept(w, r.Message.PhoneID); len(list) != 2 || list[0].MatchedAt*list[1].MatchedAt != 0 {
			w.T.Errorf("an unmatched one beside it: %+v", list)
		}
	})
}

// Two reports that came before the answer are one early report and one duplicate, and
// each stands once.
func TestEarlyReportsThatComeTwice(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Send(gatetest.OTPText, gatetest.Member)
		r := w.Readies()[0]
		desk := dispatch.Desk{Rules: w.Gate.Rules, IDs: w.IDs}
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			_, err := desk.Look(ctx, tx, dispatch.Lease{Channel: gatetest.Channel}, []gate.Ready{r})
			return err
		})
		report(w, r, "42", "DELIVRD")
		report(w, r, "42", "DELIVRD")
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			if _, err := desk.Settle(ctx, tx, []dispatch.Answer{{Ready: r, No: 1, Outcome: accepted}}); err != nil {
				return err
			}
			n, err := inbound.Early(ctx, tx, w.IDs, gatetest.Channel, []string{"42"})
			if n.Booked != 1 || n.Duplicates != 1 {
				w.T.Errorf("%+v", n)
			}
			return err
		})
		list := kept(w, r.Message.PhoneID)
		if len(list) != 2 || list[0].MatchedAt == 0 || list[1].MatchedAt == 0 || list[0].Again {
			w.T.Errorf("%+v", list)
		}
	})
}

// long submits a message of two segments with the ids 1 and 2.
func long(w *gatetest.World) gate.Ready {
	w.T.Helper()
	body := strings.Repeat("会员活动说明", 15) + "拒收请回复R"
	w.Put(
		registry.Template{ID: 53, PartyID: gatetest.Customer, Category: sms.MKT, Name: "long", State: registry.Active},
		registry.TemplateVersion{TemplateID: 53, Version: 1, Body: body, State: registry.Approved, Period: registry.Period{From: 1}},
		gatetest.Filed(53, sms.Unicom),
	)
	w.Agree(gatetest.Member)
	w.Send("【准信科技】"+body, gatetest.Member)
	r := w.Readies()[0]
	desk := dispatch.Desk{Rules: w.Gate.Rules, IDs: w.IDs}
	w.Write(func(ctx context.Context, tx *store.Tx) error {
		_, err := desk.Look(ctx, tx, dispatch.Lease{Channel: gatetest.Channel}, []gate.Ready{r})
		return err
	})
	w.Write(func(ctx context.Context, tx *store.Tx) error {
		_, err := desk.Settle(ctx, tx, []dispatch.Answer{
			{Ready: r, No: 1, Outcome: session.Outcome{Kind: session.Answered, ID: "1"}}, {Ready: r, No: 2, Outcome: session.Outcome{Kind: session.Answered, ID: "2"}},
		})
		return err
	})
	return r
}

func TestPartialReportsAreCounted(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		r := long(w)
		if n := report(w, r, "1", "DELIVRD"); n.Partial != 1 || n.Late != 0 || w.Message(r.Message.ID).State != sms.Submitted {
			w.T.Errorf("the first: %+v", n)
		}
		if n := report(w, r, "2", "DELIVRD"); n.Partial != 0 || w.Message(r.Message.ID).State != sms.Delivered {
			w.T.Errorf("the last: %+v", n)
		}
	})
}

// Reports that come after the message was given up are booked, also when those of other
// segments are still missing.
func TestLateReportsAreCounted(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		r := long(w)
		desk := dispatch.Desk{Rules: w.Gate.Rules, IDs: w.IDs}
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			opened, err := gate.Chains(ctx, tx, []*sms.Message{w.Message(r.Message.ID)})
			if err == nil {
				_, err = desk.End(ctx, tx, opened, sms.Unknown, sms.ActorSweeper, "")
			}
			return err
		})
		if n := report(w, r, "1", "DELIVRD"); n.Booked != 1 || n.Late != 1 || n.Partial != 1 || w.Message(r.Message.ID).State != sms.Unknown {
			w.T.Errorf("the first: %+v", n)
		}
		if n := report(w, r, "2", "DELIVRD"); n.Booked != 1 || n.Late != 1 || n.Partial != 0 || w.Message(r.Message.ID).State != sms.Delivered {
			w.T.Errorf("the last: %+v", n)
		}
		w.Sound()
	})
}
