package gate_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// PRV-06: what is sensitive reaches who has agreed to that class separately, until that is
// withdrawn, and a refusal of marketing does not touch it.
func TestSensitiveVariablesNeedSeparateConsent(t *testing.T) {
	for name, v := range map[string]struct {
		classes, basis string
		claims         string // of the consent; "" is none
		permitted      bool
	}{
		"nothing is sensitive":       {"", "", "", true},
		"agreed separately":          {"health", registry.SeparateConsent, "sensitive=finance+health", true},
		"agreed to another class":    {"health", registry.SeparateConsent, "sensitive=finance", false},
		"agreed to one of two":       {"health,minor", registry.SeparateConsent, "sensitive=health", false},
		"agreed to nothing":          {"health", registry.SeparateConsent, "", false},
		"a contract with the person": {"health", "contract", "", true},
		"no basis":                   {"health", "", "sensitive=health", false},
	} {
		t.Run(name, func(t *testing.T) {
			gatetest.Everywhere(t, nil, func(w *gatetest.World) {
				const template = sms.ID(53)
				from := registry.Period{From: gatetest.Morning.Add(-time.Hour).UnixMilli()}
				w.Put(registry.Template{ID: template, PartyID: gatetest.Customer, Category: sms.Notice, Name: "report", State: registry.Active})
				w.Put(registry.TemplateVersion{
					TemplateID: template, Version: 1, Body: "您的检验报告已出，结果为${result:text}，请到门诊复诊。", Sensitive: v.classes, Basis: v.basis, State: registry.Approved, Period: from,
				})
				w.Put(gatetest.Filed(template, sms.Unicom))
				for _, a := range []sms.ID{gatetest.Money, gatetest.AgentMoney, gatetest.OperatorMoney} {
					w.Put(registry.Price{AccountID: a, Category: sms.Notice, Carrier: sms.Unicom, UnitPrice: gatetest.UnitOwner})
				}
				phone := w.Keys.PhoneID(w.Number(gatetest.Member))
				if v.claims != "" {
					w.Write(func(ctx context.Context, tx *store.Tx) error {
						return consent.Add(ctx, tx, w.Recorder(tx), []consent.Grant{{
							ID: w.IDs.Next(), PhoneID: phone, GroupID: gatetest.Customer, Purpose: sms.Notice, Grade: consent.Import,
							Method: "form", Wording: "v1", Source: "desk", Claims: v.claims, ValidFrom: from.From,
						}}, gatetest.Morning.UnixMilli())
					})
				}
				w.Refuse(gatetest.Member)
				const text = "【准信科技】您的检验报告已出，结果为正常，请到门诊复诊。"
				r := w.Send(text, gatetest.Member)[0]
				if !v.permitted {
					expect(w.T, r, sms.Refused, sms.SeparateConsent, "PRV-06")
					return
				}
				expect(w.T, r, sms.Queued, "", "")
				if v.claims == "" {
					return
				}
				if w.Message(r.MessageID).ConsentID == 0 {
					w.T.Error("the message does not name the consent on which it rests")
				}
				w.Write(func(ctx context.Context, tx *store.Tx) error {
					n, err := consent.Withdraw(ctx, tx, w.Recorder(tx), phone, gatetest.Customer, w.IDs.Next(), w.Clock.Now().UnixMilli())
					if n != 1 {
						w.T.Errorf("%d consents ended", n)
					}
					return err
				})
				expect(w.T, w.Send("【准信科技】您的检验报告已出，结果为阳性，请到门诊复诊。", gatetest.Member)[0], sms.Refused, sms.SeparateConsent, "PRV-06")
			})
		})
	}
}

// A consent for notices is kept for what is sensitive in them, and for nothing else.
func TestNoticesNeedNoOtherConsent(t *testing.T) {
	gatetest.On(t, "sqlite", nil, func(w *gatetest.World) {
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			err := consent.Add(ctx, tx, w.Recorder(tx), []consent.Grant{{
				ID: w.IDs.Next(), PhoneID: w.Keys.PhoneID(w.Number(gatetest.Member)), GroupID: gatetest.Customer, Purpose: sms.Notice, Grade: consent.Import,
				Method: "form", Wording: "v1", Source: "desk", Claims: "guardian", ValidFrom: 1,
			}}, gatetest.Morning.UnixMilli())
			if e := new(sms.Error); !errors.As(err, &e) || e.Code != sms.BadRequest {
				w.T.Errorf("%v", err)
			}
			return nil
		})
	})
}
