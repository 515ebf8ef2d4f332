package gate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

func expect(t *testing.T, r gate.Result, state sms.State, code sms.Code, rule string) {
	t.Helper()
	if r.State != state || r.Code != code || r.Rule != rule {
		t.Errorf("%s %s %s, want %s %s %s", r.State, r.Code, r.Rule, state, code, rule)
	}
}

func TestPermittedMessageIsHeldAlongTheChain(t *testing.T) {
	everywhere(t, nil, func(w *world) {
		r := w.send(otpText, stranger)[0]
		expect(w.t, r, sms.Queued, "", "")
		for id, unit := range map[sms.ID]sms.Money{money: unitCustomer, agentMoney: unitAgent, operatorMoney: unitOwner} {
			if b := w.balance(id); b.Held != unit || b.Balance != topUp {
				w.t.Errorf("account %d holds %s of %s, want %s", id, b.Held, b.Balance, unit)
			}
		}
		w.sound()
		ready := w.readies()
		if len(ready) != 1 || ready[0].Text != otpText || ready[0].Number.Reveal() != "86"+stranger || ready[0].Permit.Channels[0].Source != "1069000001" {
			w.t.Errorf("%+v", ready)
		}
		if m := w.message(r.MessageID); m.State != sms.Queued || m.ChannelID != channel || m.Held != 1 || m.Category != sms.OTP {
			w.t.Errorf("%+v", m)
		}
	})
}

// P8: the stored leaf commits to the decision, so that a pack can prove it.
func TestDecisionIsInTheEvidence(t *testing.T) {
	everywhere(t, nil, func(w *world) {
		results := w.send(otpText, member, stranger, "13000000003")
		err := w.db.Read(context.Background(), func(ctx context.Context, tx *store.Tx) error {
			for _, r := range results {
				m, err := tx.Message(ctx, r.MessageID)
				if err != nil {
					return err
				}
				d, err := tx.Decision(ctx, m.DecisionID)
				if err != nil {
					return err
				}
				l, err := tx.Leaf(ctx, m.LeafID)
				if err != nil {
					return err
				}
				want := gate.DecisionRecord(m, &d, gate.DigestOf(&d)).Hash()
				if l.Hashes[m.LeafPos] != want {
					w.t.Errorf("message %d: the record does not hash to what the leaf holds", m.ID)
				}
				m.Units++
				if other := gate.DecisionRecord(m, &d, gate.DigestOf(&d)).Hash(); other == want {
					w.t.Error("a changed record has the same hash")
				}
			}
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
	})
}

func TestMarketingNeedsConsentAndEndsWithTheRefusal(t *testing.T) {
	everywhere(t, nil, func(w *world) {
		expect(w.t, w.send(mktText, stranger)[0], sms.Refused, sms.ConsentMissing, "CNS-01")
		w.agree(member)
		expect(w.t, w.send(mktText, member)[0], sms.Queued, "", "")
		w.refuse(member)
		r := w.send(mktText, member)[0]
		expect(w.t, r, sms.Refused, sms.ConsentMissing, "CNS-01")
		w.agree(member) // a new list from the customer does not lift the refusal
		expect(w.t, w.send(mktText, member)[0], sms.Refused, sms.OptedOut, "OPT-03")
		expect(w.t, w.send(otpText, member)[0], sms.Queued, "", "")
		if len(w.readies()) != 2 {
			w.t.Errorf("%d left the gate", len(w.readies()))
		}
		w.sound()
	})
}

func TestRefusalNamesArticleAndRemedy(t *testing.T) {
	everywhere(t, nil, func(w *world) {
		r := w.send(mktText, stranger)[0]
		if len(r.Findings) == 0 || r.Findings[0].Reason.Zh == "" || r.Findings[0].Reason.En == "" || r.Findings[0].Remedy.Zh == "" {
			w.t.Errorf("%+v", r.Findings)
		}
		if strings.Contains(r.To, stranger) {
			w.t.Errorf("the answer shows the number: %s", r.To)
		}
	})
}

func TestChainIsCheckedForEveryMessage(t *testing.T) {
	past := registry.Period{From: 1, To: morning.UnixMilli()}
	for name, v := range map[string]struct {
		spoil any
		text  string
		code  sms.Code
		rule  string
	}{
		"agent's licence ended this second": {
			registry.Licence{ID: 102, PartyID: agent, Number: "B2-1", USCC: "91110000000000002A", Scope: gate.Business, Provinces: "*", Period: past, State: registry.Active},
			otpText, sms.LicenceInvalid, "LIC-01",
		},
		"filing withdrawn": {
			registry.Filing{SignatureID: signature, Carrier: sms.Unicom, State: registry.Revoked},
			otpText, sms.SignatureNotFiled, "SIG-08",
		},
		"text of no template": {nil, "【准信科技】随便说点什么", sms.TemplateNotApproved, "TPL-01"},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, nil, func(w *world) {
				w.agree(member)
				if v.spoil != nil {
					w.put(v.spoil)
				}
				expect(w.t, w.send(v.text, member)[0], sms.Refused, v.code, v.rule)
				if b := w.balance(money); b.Held != 0 {
					w.t.Errorf("a refused message holds %s", b.Held)
				}
			})
		})
	}
}

func TestNightDefersMarketingAndNotCodes(t *testing.T) {
	everywhere(t, nil, func(w *world) {
		w.agree(member)
		w.clock.set(time.Date(2026, 11, 24, 14, 30, 0, 0, time.UTC)) // 22:30 in Shanghai
		r := w.send(mktText, member)[0]
		if r.State != sms.Deferred || r.Rule != "TIM-01" || r.Release != time.Date(2026, 11, 25, 1, 0, 0, 0, time.UTC).UnixMilli() {
			w.t.Errorf("%+v", r)
		}
		expect(w.t, w.send(otpText, member)[0], sms.Queued, "", "")
		if b := w.balance(money); b.Held != 2*unitCustomer {
			w.t.Errorf("held %s: a deferred message keeps its hold", b.Held)
		}
		if len(w.readies()) != 1 {
			w.t.Error("a deferred message was handed to dispatch")
		}
	})
}

func TestCodesAreLimitedPerNumber(t *testing.T) {
	everywhere(t, nil, func(w *world) {
		expect(w.t, w.send(otpText, member)[0], sms.Queued, "", "")
		expect(w.t, w.send(otpText, member)[0], sms.Refused, sms.FrequencyOTP, "FRQ-01")
		expect(w.t, w.send(otpText, stranger)[0], sms.Queued, "", "")
		w.clock.set(morning.Add(time.Minute + time.Second))
		expect(w.t, w.send(otpText, member)[0], sms.Queued, "", "")
	})
}

// Two calls for one number in the same batch see each other.
func TestLimitHoldsInsideABatch(t *testing.T) {
	everywhere(t, nil, func(w *world) {
		var group sync.WaitGroup
		var mu sync.Mutex
		permitted := 0
		for range 20 {
			group.Go(func() {
				a, err := w.gate.Submit(context.Background(), w.call(otpText, member))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					w.t.Error(err)
				} else if a.Results[0].State == sms.Queued {
					permitted++
				}
			})
		}
		group.Wait()
		if permitted != 1 {
			w.t.Errorf("%d codes to one number in one minute", permitted)
		}
	})
}

func TestSameNumberTwiceInACall(t *testing.T) {
	everywhere(t, nil, func(w *world) {
		r := w.send(otpText, member, "+86 130-0000-0001")
		expect(w.t, r[0], sms.Queued, "", "")
		expect(w.t, r[1], sms.Refused, sms.DuplicateRecipient, "")
	})
}

func TestIdempotencyKey(t *testing.T) {
	everywhere(t, nil, func(w *world) {
		call := func(payload string) *gate.Call {
			c := w.call(otpText, member)
			c.Key, c.Payload = "order-1", []byte(payload)
			return c
		}
		var group sync.WaitGroup
		answers := make([]gate.Answer, 10)
		for i := range answers {
			group.Go(func() {
				var err error
				if answers[i], err = w.gate.Submit(context.Background(), call("a")); err != nil {
					w.t.Error(err)
				}
			})
		}
		group.Wait()
		later, err := w.gate.Submit(context.Background(), call("a"))
		if err != nil || !later.Replayed {
			w.t.Fatal(later, err)
		}
		first := 0
		for _, a := range answers {
			if len(a.Results) != 1 || a.Results[0].MessageID != later.Results[0].MessageID || a.Results[0].State != sms.Queued {
				w.t.Errorf("%+v differs from %+v", a, later)
			}
			if !a.Replayed {
				first++
			}
		}
		if first != 1 || len(w.readies()) != 1 {
			w.t.Errorf("%d first answers, %d messages", first, len(w.readies()))
		}
		var known *sms.Error
		if _, err := w.gate.Submit(context.Background(), call("b")); !errors.As(err, &known) || known.Code != sms.IdempotencyKey {
			w.t.Errorf("another payload: %v", err)
		}
	})
}

// P5: no interleaving takes an account below its floor.
func TestBalanceIsNeverOverdrawn(t *testing.T) {
	everywhere(t, nil, func(w *world) {
		w.put(registry.Account{ID: money, PartyID: customer, PayerID: agentMoney, Currency: "CNY", Floor: topUp - 5*unitCustomer, State: registry.Active})
		var group sync.WaitGroup
		var mu sync.Mutex
		count := map[sms.Code]int{}
		for i := range 40 {
			group.Go(func() {
				a, err := w.gate.Submit(context.Background(), w.call(otpText, fmt.Sprintf("130000001%02d", i)))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					w.t.Error(err)
					return
				}
				count[a.Results[0].Code]++
			})
		}
		group.Wait()
		if count[""] != 5 || count[sms.BalanceTooLow] != 35 {
			w.t.Errorf("%v", count)
		}
		w.sound()
	})
}

// spoiled fails every transaction that stores a message with the reference.
type spoiled struct{ gate.Store }

type spoiledTx struct{ gate.Tx }

var errDisk = errors.New("the disk said no")

func (s spoiled) Write(ctx context.Context, fn func(context.Context, gate.Tx) error) error {
	return s.Store.Write(ctx, func(ctx context.Context, tx gate.Tx) error { return fn(ctx, spoiledTx{tx}) })
}

func (t spoiledTx) InsertMessages(ctx context.Context, list []*sms.Message) error {
	for _, m := range list {
		if m.Ref == "poison" {
			return errDisk
		}
	}
	return t.Tx.InsertMessages(ctx, list)
}

func TestPoisonedCallFailsAlone(t *testing.T) {
	everywhere(t, func(s gate.Store) gate.Store { return spoiled{s} }, func(w *world) {
		var group sync.WaitGroup
		for i := range 30 {
			group.Go(func() {
				c := w.call(otpText, fmt.Sprintf("130000002%02d", i))
				if i == 17 {
					c.Parts[0].Recipients[0].Ref = "poison"
				}
				a, err := w.gate.Submit(context.Background(), c)
				var known *sms.Error
				switch {
				case i != 17 && (err != nil || a.Results[0].State != sms.Queued):
					w.t.Errorf("call %d: %+v, %v", i, a, err)
				case i == 17 && (!errors.As(err, &known) || known.Code != sms.StoreUnavailable || !errors.Is(err, errDisk)):
					w.t.Errorf("the poisoned call: %+v, %v", a, err)
				}
			})
		}
		group.Wait()
		if b := w.balance(money); b.Held != 29*unitCustomer {
			w.t.Errorf("held %s", b.Held)
		}
		w.sound()
	})
}

// blind can't read who has refused.
type blind struct{ gate.Store }

type blindTx struct{ gate.Tx }

func (s blind) Write(ctx context.Context, fn func(context.Context, gate.Tx) error) error {
	return s.Store.Write(ctx, func(ctx context.Context, tx gate.Tx) error { return fn(ctx, blindTx{tx}) })
}

func (blindTx) Suppressions(context.Context, [][16]byte, func(consent.Suppression)) error {
	return errDisk
}

// P11: a fact that can't be read means that nothing is accepted.
func TestUnreadableFactFailsClosed(t *testing.T) {
	everywhere(t, func(s gate.Store) gate.Store { return blind{s} }, func(w *world) {
		var known *sms.Error
		_, err := w.gate.Submit(context.Background(), w.call(otpText, member))
		if !errors.As(err, &known) || !sms.Lookup(known.Code).Again {
			w.t.Errorf("%v is not a retryable error", err)
		}
		if len(w.readies()) != 0 || w.balance(money).Held != 0 {
			w.t.Error("something was accepted")
		}
	})
}

func TestBadCalls(t *testing.T) {
	everywhere(t, nil, func(w *world) {
		many := make([]string, 1001)
		for i := range many {
			many[i] = fmt.Sprintf("1300001%04d", i)
		}
		for name, v := range map[string]struct {
			call *gate.Call
			code sms.Code
		}{
			"nobody":         {w.call(otpText), sms.BadRequest},
			"1,001 numbers":  {w.call(otpText, many...), sms.TooManyRecipients},
			"no text":        {w.call("", member), sms.BadText},
			"lone surrogate": {w.call("a\xed\xa0\x80", member), sms.BadText},
			"too long":       {w.call(strings.Repeat("短", 1300), member), sms.TextTooLong},
			"far too long":   {w.call(strings.Repeat("短", 2000), member), sms.TextTooLong},
			"no application": {&gate.Call{Application: 999, Parts: w.call(otpText, member).Parts}, sms.NotFound},
			"extension":      {&gate.Call{Application: application, Extension: "1a", Parts: w.call(otpText, member).Parts}, sms.BadRequest},
		} {
			var known *sms.Error
			if _, err := w.gate.Submit(context.Background(), v.call); !errors.As(err, &known) || known.Code != v.code {
				w.t.Errorf("%s: %v, want %s", name, err, v.code)
			}
		}
		w.sound()
	})
}
