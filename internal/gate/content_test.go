package gate_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// approve gives the customer an approved template and a price for its category.
func approve(w *gatetest.World, id sms.ID, category sms.Category, body string) {
	from := registry.Period{From: gatetest.Morning.Add(-time.Hour).UnixMilli()}
	objects := []any{
		registry.Template{ID: id, PartyID: gatetest.Customer, Category: category, Name: fmt.Sprint(id), State: registry.Active},
		registry.TemplateVersion{TemplateID: id, Version: 1, Body: body, State: registry.Approved, Period: from},
		gatetest.Filed(id, sms.Unicom),
	}
	for account, unit := range map[sms.ID]sms.Money{gatetest.Money: gatetest.UnitCustomer, gatetest.AgentMoney: gatetest.UnitAgent, gatetest.OperatorMoney: gatetest.UnitOwner} {
		objects = append(objects, registry.Price{AccountID: account, Category: category, Carrier: sms.Unicom, UnitPrice: unit, ValidFrom: from.From + int64(id)})
	}
	w.Put(objects...)
}

// What a text holds decides, even when a template was approved that lets it through.
func TestContentOfTheTextIsJudged(t *testing.T) {
	const sign = "【准信科技】"
	for name, v := range map[string]struct {
		category sms.Category
		body     string
		code     sms.Code
		rule     string
	}{
		"marketing without a way to refuse":   {sms.MKT, "会员日全场八折", sms.RefusalMissing, "TPL-08"},
		"a reply that does not refuse":        {sms.MKT, "会员日全场八折，拒收请回复XYZ", sms.RefusalMissing, "TPL-08"},
		"the way to refuse in other words":    {sms.MKT, "会员日全场八折，退订回T", sms.RefusalMissing, "TPL-08"},
		"decorated marketing":                 {sms.MKT, "★会员日★全场八折，拒收请回复R", sms.TextSymbols, "TPL-03"},
		"marketing with a WeChat name":        {sms.MKT, "会员日全场八折，微信号zhunxin1，拒收请回复R", sms.ContactForbidden, "TPL-11"},
		"a mobile number behind blanks":       {sms.MKT, "会员日，1 7 0 0 0 0 0 0 0 0 1，拒收请回复R", sms.ContactForbidden, "TPL-11"},
		"a notice that tells how to refuse":   {sms.Notice, "您的订单已发货，拒收请回复R", sms.NoticeForm, "TPL-07"},
		"a code that is not called so":        {sms.OTP, "您的号码是246810", sms.OTPForm, "TPL-06"},
		"a code with a link":                  {sms.OTP, "您的验证码是246810，详见example。com", sms.OTPForm, "TPL-06"},
		"gambling in a notice":                {sms.Notice, "您的账户可参与百 家 乐", sms.ContentForbidden, "CNT-01"},
		"a promise of return":                 {sms.MKT, "保本理财今日开售，拒收请回复R", sms.AdForbidden, "AD-11"},
		"a text of 501 characters":            {sms.Notice, "您的订单已发货" + strings.Repeat("好", 501-len([]rune(sign+"您的订单已发货"))), sms.TextTooLong, "TPL-04"},
		"a notice of 500 characters":          {sms.Notice, "您的订单已发货" + strings.Repeat("好", 500-len([]rune(sign+"您的订单已发货"))), "", ""},
		"a notice with the service's numbers": {sms.Notice, "您的订单已发货，客服热线95000或400-000-0000", "", ""},
		"marketing in order":                  {sms.MKT, "尊敬的会员，全场八折，详见https://example.com/a，拒收请回复R", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			gatetest.Everywhere(t, nil, func(w *gatetest.World) {
				w.Agree(gatetest.Member)
				approve(w, 901, v.category, v.body)
				state := sms.Refused
				if v.code == "" {
					state = sms.Queued
				}
				expect(w.T, w.Send(sign+v.body, gatetest.Member)[0], state, v.code, v.rule)
			})
		})
	}
}

// The law's own rule stands beside the carriers' when there is no way to refuse at all.
func TestMarketingWithoutRefusalIsAgainstTheLaw(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Agree(gatetest.Member)
		approve(w, 901, sms.MKT, "会员日全场八折，拒收请回复XYZ")
		approve(w, 902, sms.MKT, "会员日全场八折，退订回T")
		for text, law := range map[string]bool{"会员日全场八折，拒收请回复XYZ": true, "会员日全场八折，退订回T": false} {
			found := ""
			for _, f := range w.Send("【准信科技】"+text, gatetest.Member)[0].Findings {
				found += f.Rule + " "
			}
			if strings.Contains(found, "OPT-01") != law {
				w.T.Errorf("%s: %s", text, found)
			}
		}
	})
}

// Absolute terms wait for a person, who is shown the word; what is approved leaves.
func TestAbsoluteTermsWaitForAReviewer(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Agree(gatetest.Member)
		approve(w, 901, sms.MKT, "全网销量第一，拒收请回复R")
		r := w.Send("【准信科技】全网销量第一，拒收请回复R", gatetest.Member)[0]
		expect(w.T, r, sms.Held, sms.AdReview, "AD-01")
		if len(r.Findings) != 1 || strings.Join(r.Findings[0].Words, " ") != "第一" {
			w.T.Errorf("%+v", r.Findings)
		}
	})
}

// Two texts of one template that are alike in all but a variable's value are judged each.
func TestVariablesAreReadInTheFilledText(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Agree(gatetest.Member)
		approve(w, 901, sms.Notice, "您的订单${number:digits}已发货。")
		approve(w, 902, sms.Notice, "您买的${what:text}已发货。")
		call := w.Call("【准信科技】您的订单20261124000已发货。", gatetest.Member)
		for _, text := range []string{"您的订单17000000001已发货。", "您的订单20261124001已发货。", "您买的月饼券已发货。", "您买的百家乐已发货。"} {
			call.Parts = append(call.Parts, w.Call("【准信科技】"+text, gatetest.Member).Parts...)
		}
		a, err := w.Gate.Submit(context.Background(), call)
		if err != nil {
			w.T.Fatal(err)
		}
		expect(w.T, a.Results[0], sms.Queued, "", "")
		expect(w.T, a.Results[1], sms.Refused, sms.ContactForbidden, "TPL-11")
		expect(w.T, a.Results[2], sms.Queued, "", "")
		expect(w.T, a.Results[3], sms.Queued, "", "")
		expect(w.T, a.Results[4], sms.Refused, sms.ContentForbidden, "CNT-01")
	})
}

// Messages of every category count to a number's total; the sixteenth of a minute is refused.
func TestAllMessagesToANumberAreCounted(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		approve(w, 901, sms.Notice, "您的订单${number:digits}已发货。")
		shipped := func(i int) string { return fmt.Sprintf("【准信科技】您的订单20261124%03d已发货。", i) }
		expect(w.T, w.Send(gatetest.OTPText, gatetest.Member)[0], sms.Queued, "", "")
		for i := range 14 {
			expect(w.T, w.Send(shipped(i), gatetest.Member)[0], sms.Queued, "", "")
		}
		expect(w.T, w.Send(shipped(15), gatetest.Member)[0], sms.Refused, sms.FrequencyAll, "FRQ-05")
		expect(w.T, w.Send(shipped(15), gatetest.Stranger)[0], sms.Queued, "", "")
	})
}
