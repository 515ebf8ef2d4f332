package gate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
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
		"marketing without a way to refuse":   {sms.MKT, "会员日全场八折", sms.MKTForm, "TPL-08"},
		"a reply that does not refuse":        {sms.MKT, "会员日全场八折，拒收请回复XYZ", sms.MKTForm, "TPL-08"},
		"the way to refuse in other words":    {sms.MKT, "会员日全场八折，退订回T", sms.MKTForm, "TPL-08"},
		"decorated marketing":                 {sms.MKT, "★会员日★全场八折，拒收请回复R", sms.TextSymbols, "TPL-03"},
		"marketing with a WeChat name":        {sms.MKT, "会员日全场八折，微信号zhunxin1，拒收请回复R", sms.ContactForbidden, "TPL-11"},
		"a mobile number behind blanks":       {sms.MKT, "会员日，1 7 0 0 0 0 0 0 0 0 1，拒收请回复R", sms.ContactForbidden, "TPL-11"},
		"a notice that tells how to refuse":   {sms.Notice, "您的订单已发货，拒收请回复R", sms.NoticeForm, "TPL-07"},
		"a code that is not called so":        {sms.OTP, "您的号码是246810", sms.OTPForm, "TPL-06"},
		"a code with a link":                  {sms.OTP, "您的验证码是246810，详见example。com", sms.OTPForm, "TPL-06"},
		"gambling in a notice":                {sms.Notice, "您的账户可参与百 家 乐", sms.ContentForbidden, "CNT-01"},
		"a promise of return":                 {sms.MKT, "尊敬的会员，保本理财今日开售，拒收请回复R", sms.AdForbidden, "AD-11"},
		"a text of 501 characters":            {sms.Notice, "您的订单已发货" + strings.Repeat("好", 501-len([]rune(sign+"您的订单已发货"))), sms.TextTooLong, "TPL-04"},
		"a notice of 500 characters":          {sms.Notice, string([]rune(strings.Repeat("您的订单已发货。", 70))[:500-len([]rune(sign))]), "", ""},
		"a notice with the service's numbers": {sms.Notice, "您的订单已发货，客服热线95000或400-000-0000", "", ""},
		"a short link in a notice":            {sms.Notice, "详见dwz.cn/abc", sms.LinkForbidden, "TPL-10"},
		"a program in a notice":               {sms.Notice, "请安装example.com/a.apk", sms.LinkDangerous, "CNT-03"},
		"a notice in a bank's name":           {sms.Notice, "示例银行提醒您，账单已出", sms.Impersonation, "CNT-04"},
		"a trade that no channel takes":       {sms.MKT, "尊敬的会员，办理贷款，拒收请回复R", sms.IndustryRefused, "CNT-08"},
		"gambling in traditional characters":  {sms.Notice, "這裡有線上賭場", sms.ContentForbidden, "CNT-01"},
		"a gift without its quantity":         {sms.MKT, "尊敬的会员，到店赠送毛巾，拒收请回复R", "", ""},
		"marketing in order":                  {sms.MKT, "尊敬的会员，全场八折，详见https://example.com/a，拒收请回复R", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			gatetest.Everywhere(t, nil, func(w *gatetest.World) {
				w.Agree(gatetest.Member)
				approve(w, 901, v.category, v.body)
				w.Put(gatetest.Contact(911, registry.Telephone, "95000"), gatetest.Contact(912, registry.Telephone, "4000000000"), gatetest.Contact(913, registry.Link, "example.com"))
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
		approve(w, 901, sms.MKT, "尊敬的会员，全网最便宜，月饼最佳食用时间七日，拒收请回复R")
		r := w.Send("【准信科技】尊敬的会员，全网最便宜，月饼最佳食用时间七日，拒收请回复R", gatetest.Member)[0]
		expect(w.T, r, sms.Held, sms.AdReview, "AD-01")
		if len(r.Findings) != 1 || strings.Join(r.Findings[0].Words, " ") != "最便宜 最佳" {
			w.T.Fatalf("%+v", r.Findings)
		}
		if x := r.Findings[0].Exceptions; len(x) != 1 || x[0].Word != "最佳" || !strings.Contains(x[0].Zh, "使用提示") {
			w.T.Errorf("%+v", x)
		}
	})
}

// P7: a decision is stored in clear, so its findings name the words of the lexicons, and
// never what the text has in their place.
func TestDecisionHoldsNothingOfTheText(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Agree(gatetest.Member)
		approve(w, 901, sms.Notice, "您的账户可参与百 家*乐")
		approve(w, 902, sms.MKT, "尊敬的会员，月饼最 佳食用时间七日，拒收请回复R")
		for text, want := range map[string]struct{ word, spelling string }{
			"您的账户可参与百 家*乐":             {"百家乐", "百 家*乐"},
			"尊敬的会员，月饼最 佳食用时间七日，拒收请回复R": {"最佳", "最 佳"},
		} {
			r := w.Send("【准信科技】"+text, gatetest.Member)[0]
			if len(r.Findings) == 0 || !slices.Contains(r.Findings[0].Words, want.word) {
				w.T.Fatalf("%s: %+v", text, r)
			}
			var d sms.Decision
			err := w.DB.Read(context.Background(), func(ctx context.Context, tx *store.Tx) (err error) {
				d, err = tx.Decision(ctx, w.Message(r.MessageID).DecisionID)
				return err
			})
			if err != nil {
				w.T.Fatal(err)
			}
			row := fmt.Sprintf("%s %s %s %s", d.Facts, d.Findings, d.Permit, d.Verdicts)
			if strings.Contains(row, want.spelling) || !strings.Contains(row, want.word) {
				w.T.Errorf("%s: %s", text, row)
			}
		}
	})
}

// A notice that reads like marketing waits for a person; a code is never judged by a score.
func TestPromotionInANoticeWaitsForAReviewer(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		approve(w, 901, sms.Notice, "会员日全场五折，满200减50，速来选购")
		approve(w, 902, sms.OTP, "会员日全场五折，满200减50，速来选购，验证码246810")
		expect(w.T, w.Send("【准信科技】会员日全场五折，满200减50，速来选购", gatetest.Member)[0], sms.Held, sms.PromotionReview, "CNT-05")
		expect(w.T, w.Send("【准信科技】会员日全场五折，满200减50，速来选购，验证码246810", gatetest.Member)[0], sms.Queued, "", "")
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

// Links and telephones stand in the fixed text of a template, not in its variables. The same
// text is judged by the template that it fits, though it is read once.
func TestVariablesHoldNoLinksAndTelephones(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Put(gatetest.Contact(911, registry.Telephone, "95000"), gatetest.Contact(912, registry.Telephone, "01000000000"), gatetest.Contact(913, registry.Link, "example.com"))
		approve(w, 901, sms.Notice, "您的订单已发货，物流详见https://example.com/a，单号${number:digits}。")
		approve(w, 902, sms.Notice, "您的账单已生成，请看${where:link}。")
		approve(w, 903, sms.Notice, "请联系${who:text}。")
		approve(w, 904, sms.Notice, "请致电010-00000000，单号${number:digits}。")
		approve(w, 905, sms.Notice, "您买的${what:text}已发货。")
		for text, want := range map[string]struct {
			code sms.Code
			rule string
		}{
			"您的订单已发货，物流详见https://example.com/a，单号12345678。": {},
			"您的账单已生成，请看https://example.com/a。":              {sms.LinkForbidden, "TPL-10"},
			"请联系010-00000000。":             {sms.ContactForbidden, "TPL-11"},
			"请致电010-00000000，单号12345678。":  {},
			"您买的蓝色条纹棉布床单枕套两件及其收纳袋共一只已发货。":  {},
			"您买的蓝色条纹棉布床单和枕套两件及其收纳袋共一只已发货。": {sms.VariableForbidden, "TPL-13"},
		} {
			state := sms.Refused
			if want.code == "" {
				state = sms.Queued
			}
			expect(w.T, w.Send("【准信科技】"+text, gatetest.Member)[0], state, want.code, want.rule)
		}
		approve(w, 906, sms.Notice, "您的账单已生成，请看https://example.com/a。") // now another template has the link fixed
		call := w.Call("【准信科技】您的账单已生成，请看https://example.com/a。", gatetest.Member)
		call.Parts[0].Template = 906
		a, err := w.Gate.Submit(context.Background(), call)
		if err != nil {
			w.T.Fatal(err)
		}
		expect(w.T, a.Results[0], sms.Queued, "", "")
	})
}

// What most upstreams refuse leaves by the channel that takes it, and by no other.
func TestChannelTakesTradesAndVariablesThatItNames(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Agree(gatetest.Member)
		w.Agree(gatetest.Stranger)
		approve(w, 901, sms.MKT, "尊敬的会员，优惠券已到账，拒收请回复R")
		approve(w, 902, sms.MKT, "尊敬的会员，会员日${day:date}全场八折，拒收请回复R")
		const coupons, variables = "【准信科技】尊敬的会员，优惠券已到账，拒收请回复R", "【准信科技】尊敬的会员，会员日11月24日全场八折，拒收请回复R"
		r := w.Send(coupons, gatetest.Member)[0]
		expect(w.T, r, sms.Refused, sms.IndustryRefused, "CNT-08")
		if strings.Join(r.Findings[0].Words, " ") != "优惠券" {
			w.T.Errorf("%+v", r.Findings)
		}
		expect(w.T, w.Send(variables, gatetest.Member)[0], sms.Refused, sms.VariableForbidden, "TPL-09")
		w.PutChannel(33, "10690033", func(c *registry.Channel) {
			c.Options.Industries, c.Options.MKTVariables = []string{"coupons"}, true
		})
		expect(w.T, w.Send(coupons, gatetest.Member)[0], sms.Queued, "", "")
		expect(w.T, w.Send(variables, gatetest.Stranger)[0], sms.Queued, "", "")
		for _, m := range w.Readies() {
			if m.Message.ChannelID != 33 {
				w.T.Errorf("it leaves by channel %d", m.Message.ChannelID)
			}
		}
	})
}
