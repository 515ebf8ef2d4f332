package gate_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// FRQ-01, FRQ-06: minutes and hours of codes are the clock's, a day is the last 24 hours.
func TestCodesAreCountedByTheClock(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		sent := 0
		code := func(at string, code sms.Code) {
			w.T.Helper()
			when, err := time.ParseInLocation(time.DateTime, at, rulebook.Shanghai)
			if err != nil {
				w.T.Fatal(err)
			}
			w.Clock.Set(when)
			state, rule := sms.Queued, ""
			if code != "" {
				state, rule = sms.Refused, "FRQ-01"
			}
			sent++
			expect(w.T, w.Send(fmt.Sprintf("【准信科技】您的验证码是%06d，5分钟内有效。", sent), gatetest.Member)[0], state, code, rule)
		}
		code("2026-11-24 10:00:59", "")
		code("2026-11-24 10:00:59", sms.FrequencyOTP)
		code("2026-11-24 10:01:00", "") // a second later, and another minute
		code("2026-11-24 10:01:59", sms.FrequencyOTP)
		code("2026-11-24 10:57:00", "")
		code("2026-11-24 10:58:00", "")
		code("2026-11-24 10:59:00", "")               // the fifth of this hour
		code("2026-11-24 10:59:59", sms.FrequencyOTP) // of this minute, and of this hour
		code("2026-11-24 11:00:00", "")
		for _, at := range []string{"11:10:00", "11:20:00", "12:00:00", "12:10:00"} {
			code("2026-11-24 "+at, "")
		}
		code("2026-11-24 13:00:00", sms.FrequencyOTP) // the eleventh of this day
		code("2026-11-25 10:00:58", sms.FrequencyOTP)
		code("2026-11-25 10:00:59", "") // 24 hours after the first
		code("2026-11-25 10:01:00", "")
		code("2026-11-25 10:02:00", sms.FrequencyOTP)
	})
}

// FRQ-04: what is the same is the text, not its template; other people's don't count.
func TestTheSameTextIsCounted(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		approve(w, 901, sms.Notice, "您的订单${number:digits}已发货。")
		shipped := func(i int) string { return fmt.Sprintf("【准信科技】您的订单2026112400%d已发货。", i) }
		after := func(d time.Duration) { w.Clock.Set(gatetest.Morning.Add(d)) }
		send := func(text string, refused bool) {
			w.T.Helper()
			if refused {
				expect(w.T, w.Send(text, gatetest.Member)[0], sms.Refused, sms.FrequencyContent, "FRQ-04")
			} else {
				expect(w.T, w.Send(text, gatetest.Member)[0], sms.Queued, "", "")
			}
		}
		send(shipped(1), false)
		send(shipped(1), false)
		send(shipped(1), true)
		send(shipped(2), false)
		expect(w.T, w.Send(shipped(1), gatetest.Stranger)[0], sms.Queued, "", "")
		after(59*time.Second - time.Millisecond)
		send(shipped(1), true)
		after(59 * time.Second)
		send(shipped(1), false)
		send(shipped(1), false)
		after(10 * time.Minute)
		send(shipped(1), false)
		send(shipped(1), true) // the sixth within 59 minutes
		send(shipped(2), false)
		after(59*time.Minute - time.Millisecond)
		send(shipped(1), true)
		after(59 * time.Minute)
		send(shipped(1), false)
	})
}

// FRQ-02: notices are counted by signature and template.
func TestCountsKeepTheirScope(t *testing.T) {
	book := builtin(t)
	now := gatetest.Morning
	content := [16]byte{1}
	base := sms.RecipientEvent{MessageID: 1, At: now.UnixMilli(), GroupID: 3, SignatureID: 4, TemplateID: 5, ContentHash: content, Category: sms.Notice}
	for name, x := range map[string]struct {
		change func(*sms.RecipientEvent, *gate.Subject)
		counts map[string]int64
	}{
		"the same":          {func(*sms.RecipientEvent, *gate.Subject) {}, map[string]int64{"notice_24h": 1, "same_59s": 1, "all_24h": 1}},
		"own":               {func(_ *sms.RecipientEvent, s *gate.Subject) { s.Message = 1 }, map[string]int64{}},
		"another template":  {func(e *sms.RecipientEvent, _ *gate.Subject) { e.TemplateID = 6 }, map[string]int64{"same_59s": 1, "all_24h": 1}},
		"another text":      {func(e *sms.RecipientEvent, _ *gate.Subject) { e.ContentHash[0] = 2 }, map[string]int64{"notice_24h": 1, "all_24h": 1}},
		"another signature": {func(e *sms.RecipientEvent, _ *gate.Subject) { e.SignatureID = 6 }, map[string]int64{"all_24h": 1}},
		"another category":  {func(e *sms.RecipientEvent, _ *gate.Subject) { e.Category = sms.OTP }, map[string]int64{"same_59s": 1, "all_24h": 1}},
		"text not known":    {func(e *sms.RecipientEvent, s *gate.Subject) { s.Content, e.ContentHash[0] = nil, 2 }, map[string]int64{"notice_24h": 1, "same_59s": 1, "all_24h": 1}},
		"a day ago":         {func(e *sms.RecipientEvent, _ *gate.Subject) { e.At = now.Add(-24 * time.Hour).UnixMilli() }, map[string]int64{}},
		"nearly a day ago":  {func(e *sms.RecipientEvent, _ *gate.Subject) { e.At = now.Add(-24*time.Hour).UnixMilli() + 1 }, map[string]int64{"notice_24h": 1, "all_24h": 1}},
	} {
		e, s := base, gate.Subject{Message: 9, Group: 3, Signature: 4, Template: 5, Category: sms.Notice, Content: &content}
		x.change(&e, &s)
		f := book.NewFacts()
		counts := gate.CountAt(book, now)
		counts.Fill(f, &s, []sms.RecipientEvent{e})
		var got map[string]any
		if err := json.Unmarshal(f.Record(rulebook.StageRecipient, rulebook.StageRecipient), &got); err != nil {
			t.Fatal(err)
		}
		for _, w := range []string{"notice_24h", "same_59s", "all_24h", "otp_1m", "mkt_24h"} {
			if got["count."+w] != float64(x.counts[w]) {
				t.Errorf("%s: %s is %v, want %d", name, w, got["count."+w], x.counts[w])
			}
		}
	}
}

func builtin(t *testing.T) *rulebook.Book {
	t.Helper()
	packs, err := rulebook.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	book, err := rulebook.Load(packs...)
	if err != nil {
		t.Fatal(err)
	}
	return book
}

// A clock that is set back gives nobody another code and no refused person a message: what
// came by the later clock counts.
func TestAClockSetBackForgetsNothing(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Agree(gatetest.Member)
		expect(w.T, w.Send(gatetest.OTPText, gatetest.Stranger)[0], sms.Queued, "", "")
		expect(w.T, w.Send(gatetest.MKTText, gatetest.Member)[0], sms.Queued, "", "")
		w.Refuse(gatetest.Member)
		w.Agree(gatetest.Member) // a new list, which lifts no refusal
		for _, back := range []time.Duration{time.Minute, 20 * time.Minute} {
			w.Clock.Set(gatetest.Morning.Add(-back))
			expect(w.T, w.Send(gatetest.OTPText, gatetest.Stranger)[0], sms.Refused, sms.FrequencyOTP, "FRQ-01")
			expect(w.T, w.Send(gatetest.MKTText, gatetest.Member)[0], sms.Refused, sms.OptedOut, "OPT-03")
		}
	})
}
