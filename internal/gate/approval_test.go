package gate_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// ownWords is a house pack whose rule a reviewer may set aside.
func ownWords(version int, rule, words string) string {
	return fmt.Sprintf(`pack: house
version: '%d'
layer: house
lexicons: [{name: own, source: own, words: [%s]}]
rules:
  - {id: %s, categories: [MKT], outcome: hold, code: AD_REVIEW, status: D, title: {zh: a, en: b}, reason: {zh: a, en: b}, remedy: {zh: a, en: b}, effective_from: 2020-01-01,
     against: lex.own > 0 && !review.approved, examples: [{name: a, facts: {category: MKT, lex.own: 1}, stands: true}, {name: b, facts: {category: MKT}, stands: false}]}
`, version, words, rule)
}

// A reviewer's word counts again whenever the message is decided anew, for what he saw and for
// that alone: what is found besides is held for him, and who refuses meanwhile gets nothing.
func TestReviewersWordCountsForWhatHeSaw(t *testing.T) {
	const text = "【准信科技】尊敬的会员，全网最便宜，月饼最佳食用时间七日，拒收请回复R"
	measure := func(w *gatetest.World) {
		w.Put(registry.Measure{ID: 900, PartyID: gatetest.Customer, Object: registry.OfSignature, ObjectID: gatetest.Signature, Kind: registry.Withheld, Zh: "x", En: "x", Figures: "{}", ImposedAt: 1})
	}
	for name, v := range map[string]struct {
		before, after func(w *gatetest.World)
		state         sms.State
		rule          string
		day           bool // it was approved by day, so that it waits for its channel, not for the morning
	}{
		"nothing changed":         {nil, nil, sms.Queued, "", false},
		"nothing changed, by day": {nil, nil, sms.Queued, "", true},
		"what is of no matter": {nil, func(w *gatetest.World) {
			w.Put(registry.Rival{ID: 300, PartyID: gatetest.Customer, Name: "示例超市", State: registry.Active, CreatedAt: 1})
		}, sms.Queued, "", false},
		"a measure":                 {nil, measure, sms.Held, "CNT-11", false},
		"a measure, by day":         {nil, measure, sms.Held, "CNT-11", true},
		"a measure that he saw":     {measure, nil, sms.Queued, "", false},
		"a new rule":                {nil, func(w *gatetest.World) { w.Activate(ownWords(1, "HSE-01", "会员")) }, sms.Held, "AD-01", false},
		"a rule that he saw":        {func(w *gatetest.World) { w.Activate(ownWords(1, "HSE-01", "会员")) }, nil, sms.Queued, "", false},
		"the same rule, new word":   {func(w *gatetest.World) { w.Activate(ownWords(1, "HSE-01", "会员")) }, func(w *gatetest.World) { w.Activate(ownWords(2, "HSE-01", "会员, 月饼")) }, sms.Held, "AD-01", false},
		"the first rule, new word":  {func(w *gatetest.World) { w.Activate(ownWords(1, "CNT-99", "会员")) }, func(w *gatetest.World) { w.Activate(ownWords(2, "CNT-99", "会员, 月饼")) }, sms.Held, "CNT-99", false},
		"a rule that went":          {func(w *gatetest.World) { w.Activate(ownWords(1, "HSE-01", "会员")) }, func(w *gatetest.World) { w.Activate(ownWords(2, "HSE-01", "电器")) }, sms.Queued, "", false},
		"refused meanwhile":         {nil, func(w *gatetest.World) { w.Refuse(gatetest.Member) }, sms.Refused, "CNS-01", false},
		"refused meanwhile, by day": {nil, func(w *gatetest.World) { w.Refuse(gatetest.Member) }, sms.Refused, "CNS-01", true},
		"the party is frozen": {nil, func(w *gatetest.World) {
			w.Put(registry.Application{ID: gatetest.Application, PartyID: gatetest.Customer, AccountID: gatetest.Money, Name: "shop", State: registry.Frozen})
		}, sms.Refused, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			gatetest.On(t, "sqlite", nil, func(w *gatetest.World) {
				w.Agree(gatetest.Member)
				approve(w, 901, sms.MKT, "尊敬的会员，全网最便宜，月饼最佳食用时间七日，拒收请回复R")
				if v.before != nil {
					v.before(w)
				}
				if !v.day { // it is deferred once it is approved, and decided anew in the morning
					w.Clock.Set(gatetest.Morning.Add(13 * time.Hour))
				}
				id := w.Send(text, gatetest.Member)[0].MessageID
				for range 2 { // nobody has said anything
					redecide(w, w.Message(id))
					if m := w.Message(id); m.State != sms.Held {
						t.Fatalf("%+v", m)
					}
				}
				if n, err := w.Gate.Redecide(context.Background(), []*sms.Message{w.Message(id)}, true); err != nil || n != 1 {
					t.Fatal(n, err)
				}
				want := sms.Queued
				if !v.day {
					want = sms.Deferred
				}
				m := w.Message(id)
				if m.State != want {
					t.Fatalf("approved, it is %s by %s", m.State, m.Rule)
				}
				if !v.day {
					w.Clock.Set(time.UnixMilli(m.ReleaseAt))
				}
				if v.after != nil {
					v.after(w)
				}
				for range 2 { // and once more
					redecide(w, w.Message(id))
					if m = w.Message(id); m.State != v.state || m.Rule != v.rule {
						t.Fatalf("decided anew it is %s (%s) by %s", m.State, m.Code, m.Rule)
					}
					if m.State == sms.Refused {
						break
					}
				}
				if m.State == sms.Held { // his new word counts for what he sees now
					if _, err := w.Gate.Redecide(context.Background(), []*sms.Message{m}, true); err != nil {
						t.Fatal(err)
					}
					redecide(w, w.Message(id))
					if m = w.Message(id); m.State != sms.Queued {
						t.Errorf("approved again it is %s by %s", m.State, m.Rule)
					}
				}
				w.Sound()
			})
		})
	}
}

// The finding about a recipient that a reviewer saw counts too, though no decision stores it.
func TestReviewersWordCountsForTheRecipient(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		segments(w)
		licence(w, gatetest.Operator, "37")
		approve(w, 901, sms.Notice, "您的订单已发货")
		id := w.Send("【准信科技】您的订单已发货", nowhere)[0].MessageID
		expect := func(state sms.State, rule string) {
			w.T.Helper()
			if m := w.Message(id); m.State != state || m.Rule != rule {
				w.T.Fatalf("it is %s by %s", m.State, m.Rule)
			}
		}
		expect(sms.Held, "LIC-02a")
		for range 2 { // nobody has said anything
			redecide(w, w.Message(id))
			expect(sms.Held, "LIC-02a")
		}
		if _, err := w.Gate.Redecide(context.Background(), []*sms.Message{w.Message(id)}, true); err != nil {
			w.T.Fatal(err)
		}
		expect(sms.Queued, "")
		redecide(w, w.Message(id))
		expect(sms.Queued, "")
		w.Sound()
	})
}
