package gate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func expect(t *testing.T, r gate.Result, state sms.State, code sms.Code, rule string) {
	t.Helper()
	if r.State != state || r.Code != code || r.Rule != rule {
		t.Errorf("%s %s %s, want %s %s %s", r.State, r.Code, r.Rule, state, code, rule)
	}
}

func TestPermittedMessageIsHeldAlongTheChain(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		r := w.Send(gatetest.OTPText, gatetest.Stranger)[0]
		expect(w.T, r, sms.Queued, "", "")
		for id, unit := range map[sms.ID]sms.Money{gatetest.Money: gatetest.UnitCustomer, gatetest.AgentMoney: gatetest.UnitAgent, gatetest.OperatorMoney: gatetest.UnitOwner} {
			if b := w.Balance(id); b.Held != unit || b.Balance != gatetest.TopUp {
				w.T.Errorf("account %d holds %s of %s, want %s", id, b.Held, b.Balance, unit)
			}
		}
		w.Sound()
		ready := w.Readies()
		if len(ready) != 1 || ready[0].Text != gatetest.OTPText || ready[0].Number.Reveal() != "86"+gatetest.Stranger || ready[0].Permit.Channels[0].Source != "1069000001" {
			w.T.Errorf("%+v", ready)
		}
		if m := w.Message(r.MessageID); m.State != sms.Queued || m.ChannelID != gatetest.Channel || m.Held != 1 || m.Category != sms.OTP {
			w.T.Errorf("%+v", m)
		}
	})
}

// P8: the stored leaf commits to the decision, so that a pack can prove it.
func TestDecisionIsInTheEvidence(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		results := w.Send(gatetest.OTPText, gatetest.Member, gatetest.Stranger, "13000000003")
		err := w.DB.Read(context.Background(), func(ctx context.Context, tx *store.Tx) error {
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
					w.T.Errorf("message %d: the record does not hash to what the leaf holds", m.ID)
				}
				m.Units++
				if other := gate.DecisionRecord(m, &d, gate.DigestOf(&d)).Hash(); other == want {
					w.T.Error("a changed record has the same hash")
				}
			}
			return nil
		})
		if err != nil {
			w.T.Fatal(err)
		}
	})
}

func TestMarketingNeedsConsentAndEndsWithTheRefusal(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		expect(w.T, w.Send(gatetest.MKTText, gatetest.Stranger)[0], sms.Refused, sms.ConsentMissing, "CNS-01")
		w.Agree(gatetest.Member)
		expect(w.T, w.Send(gatetest.MKTText, gatetest.Member)[0], sms.Queued, "", "")
		w.Refuse(gatetest.Member)
		r := w.Send(gatetest.MKTText, gatetest.Member)[0]
		expect(w.T, r, sms.Refused, sms.ConsentMissing, "CNS-01") // the refusal ended the consent, and CNS comes before OPT
		if !slices.ContainsFunc(r.Findings, func(f rulebook.Finding) bool { return f.Rule == "OPT-03" }) {
			w.T.Errorf("the refusal itself is not told: %+v", r.Findings)
		}
		w.Agree(gatetest.Member) // a new list from the customer does not lift the refusal
		expect(w.T, w.Send(gatetest.MKTText, gatetest.Member)[0], sms.Refused, sms.OptedOut, "OPT-03")
		expect(w.T, w.Send(gatetest.OTPText, gatetest.Member)[0], sms.Queued, "", "")
		if len(w.Readies()) != 2 {
			w.T.Errorf("%d left the gate", len(w.Readies()))
		}
		w.Sound()
	})
}

func TestRefusalNamesArticleAndRemedy(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		r := w.Send(gatetest.MKTText, gatetest.Stranger)[0]
		if len(r.Findings) == 0 || r.Findings[0].Reason.Zh == "" || r.Findings[0].Reason.En == "" || r.Findings[0].Remedy.Zh == "" {
			w.T.Errorf("%+v", r.Findings)
		}
		if strings.Contains(r.To, gatetest.Stranger) {
			w.T.Errorf("the answer shows the number: %s", r.To)
		}
	})
}

func TestChainIsCheckedForEveryMessage(t *testing.T) {
	past := registry.Period{From: 1, To: gatetest.Morning.UnixMilli()}
	for name, v := range map[string]struct {
		spoil any
		text  string
		code  sms.Code
		rule  string
	}{
		"agent's licence ended this second": {
			registry.Licence{ID: 102, PartyID: gatetest.Agent, Number: "B2-1", USCC: "91110000000000002A", Scope: registry.Business, Provinces: "*", Period: past, State: registry.Active},
			gatetest.OTPText, sms.LicenceInvalid, "LIC-01",
		},
		"filing withdrawn": {
			registry.Filing{SignatureID: gatetest.Signature, Carrier: sms.Unicom, State: registry.Revoked},
			gatetest.OTPText, sms.SignatureNotFiled, "SIG-08",
		},
		"text of no template": {nil, "【准信科技】随便说点什么", sms.TemplateNotApproved, "TPL-01"},
	} {
		t.Run(name, func(t *testing.T) {
			gatetest.Everywhere(t, nil, func(w *gatetest.World) {
				w.Agree(gatetest.Member)
				if v.spoil != nil {
					w.Put(v.spoil)
				}
				expect(w.T, w.Send(v.text, gatetest.Member)[0], sms.Refused, v.code, v.rule)
				if b := w.Balance(gatetest.Money); b.Held != 0 {
					w.T.Errorf("a refused message holds %s", b.Held)
				}
			})
		})
	}
}

func TestNightDefersMarketingAndNotCodes(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Agree(gatetest.Member)
		w.Clock.Set(time.Date(2026, 11, 24, 14, 30, 0, 0, time.UTC)) // 22:30 in Shanghai
		r := w.Send(gatetest.MKTText, gatetest.Member)[0]
		if r.State != sms.Deferred || r.Rule != "TIM-01" || r.Release != time.Date(2026, 11, 25, 1, 0, 0, 0, time.UTC).UnixMilli() {
			w.T.Errorf("%+v", r)
		}
		expect(w.T, w.Send(gatetest.OTPText, gatetest.Member)[0], sms.Queued, "", "")
		if b := w.Balance(gatetest.Money); b.Held != 2*gatetest.UnitCustomer {
			w.T.Errorf("held %s: a deferred message keeps its hold", b.Held)
		}
		if len(w.Readies()) != 1 {
			w.T.Error("a deferred message was handed to dispatch")
		}
	})
}

func TestCodesAreLimitedPerNumber(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		expect(w.T, w.Send(gatetest.OTPText, gatetest.Member)[0], sms.Queued, "", "")
		expect(w.T, w.Send(gatetest.OTPText, gatetest.Member)[0], sms.Refused, sms.FrequencyOTP, "FRQ-01")
		expect(w.T, w.Send(gatetest.OTPText, gatetest.Stranger)[0], sms.Queued, "", "")
		w.Clock.Set(gatetest.Morning.Add(time.Minute + time.Second))
		expect(w.T, w.Send(gatetest.OTPText, gatetest.Member)[0], sms.Queued, "", "")
	})
}

// Two calls for one number in the same batch see each other.
func TestLimitHoldsInsideABatch(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		var group sync.WaitGroup
		var mu sync.Mutex
		permitted := 0
		for range 20 {
			group.Go(func() {
				a, err := w.Gate.Submit(context.Background(), w.Call(gatetest.OTPText, gatetest.Member))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					w.T.Error(err)
				} else if a.Results[0].State == sms.Queued {
					permitted++
				}
			})
		}
		group.Wait()
		if permitted != 1 {
			w.T.Errorf("%d codes to one number in one minute", permitted)
		}
	})
}

func TestSameNumberTwiceInACall(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		r := w.Send(gatetest.OTPText, gatetest.Member, "+86 130-0000-0001")
		expect(w.T, r[0], sms.Queued, "", "")
		expect(w.T, r[1], sms.Refused, sms.DuplicateRecipient, "")
		if len(r[1].Findings) == 0 || r[1].Findings[0].Code != sms.DuplicateRecipient {
			w.T.Errorf("another reason stands first: %+v", r[1].Findings)
		}
	})
}

func TestIdempotencyKey(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		call := func(payload string) *gate.Call {
			c := w.Call(gatetest.OTPText, gatetest.Member)
			c.Key, c.Payload = "order-1", []byte(payload)
			return c
		}
		var group sync.WaitGroup
		answers := make([]gate.Answer, 10)
		for i := range answers {
			group.Go(func() {
				var err error
				if answers[i], err = w.Gate.Submit(context.Background(), call("a")); err != nil {
					w.T.Error(err)
				}
			})
		}
		group.Wait()
		later, err := w.Gate.Submit(context.Background(), call("a"))
		if err != nil || !later.Replayed {
			w.T.Fatal(later, err)
		}
		first := 0
		for _, a := range answers {
			if len(a.Results) != 1 || a.Results[0].MessageID != later.Results[0].MessageID || a.Results[0].State != sms.Queued {
				w.T.Errorf("%+v differs from %+v", a, later)
			}
			if !a.Replayed {
				first++
			}
		}
		if first != 1 || len(w.Readies()) != 1 {
			w.T.Errorf("%d first answers, %d messages", first, len(w.Readies()))
		}
		var known *sms.Error
		if _, err := w.Gate.Submit(context.Background(), call("b")); !errors.As(err, &known) || known.Code != sms.IdempotencyKey {
			w.T.Errorf("another payload: %v", err)
		}
	})
}

// P5: no interleaving takes an account below its floor.
func TestBalanceIsNeverOverdrawn(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Put(registry.Account{ID: gatetest.Money, PartyID: gatetest.Customer, PayerID: gatetest.AgentMoney, Currency: "CNY", Floor: gatetest.TopUp - 5*gatetest.UnitCustomer, State: registry.Active})
		var group sync.WaitGroup
		var mu sync.Mutex
		count := map[sms.Code]int{}
		for i := range 40 {
			group.Go(func() {
				a, err := w.Gate.Submit(context.Background(), w.Call(gatetest.OTPText, fmt.Sprintf("130000001%02d", i)))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					w.T.Error(err)
					return
				}
				count[a.Results[0].Code]++
				if r := a.Results[0]; r.State == sms.Refused && (len(r.Findings) == 0 || r.Findings[0].Code != r.Code) {
					w.T.Errorf("refused without its reason: %+v", r)
				}
			})
		}
		group.Wait()
		if count[""] != 5 || count[sms.BalanceTooLow] != 35 {
			w.T.Errorf("%v", count)
		}
		w.Sound()
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
	gatetest.Everywhere(t, func(s gate.Store) gate.Store { return spoiled{s} }, func(w *gatetest.World) {
		var group sync.WaitGroup
		for i := range 30 {
			group.Go(func() {
				c := w.Call(gatetest.OTPText, fmt.Sprintf("130000002%02d", i))
				if i == 17 {
					c.Parts[0].Recipients[0].Ref = "poison"
				}
				a, err := w.Gate.Submit(context.Background(), c)
				var known *sms.Error
				switch {
				case i != 17 && (err != nil || a.Results[0].State != sms.Queued):
					w.T.Errorf("call %d: %+v, %v", i, a, err)
				case i == 17 && (!errors.As(err, &known) || known.Code != sms.StoreUnavailable || !errors.Is(err, errDisk)):
					w.T.Errorf("the poisoned call: %+v, %v", a, err)
				}
			})
		}
		group.Wait()
		if b := w.Balance(gatetest.Money); b.Held != 29*gatetest.UnitCustomer {
			w.T.Errorf("held %s", b.Held)
		}
		w.Sound()
	})
}

// broken fails every transaction and counts them.
type broken struct {
	gate.Store
	tries *atomic.Int64
}

func (s broken) Write(context.Context, func(context.Context, gate.Tx) error) error {
	s.tries.Add(1)
	return errDisk
}

// With a store that fails, the calls of a batch hear of it at once: none is looked at
// alone when nothing at all succeeds.
func TestBrokenStoreIsNotTriedForEachCall(t *testing.T) {
	var tries atomic.Int64
	gatetest.Everywhere(t, func(s gate.Store) gate.Store { return broken{s, &tries} }, func(w *gatetest.World) {
		tries.Store(0)
		const calls = 400
		var group sync.WaitGroup
		for i := range calls {
			group.Add(1)
			w.Gate.Send(w.Call(gatetest.OTPText, fmt.Sprintf("1300000%04d", i)), func(_ gate.Answer, err error) {
				defer group.Done()
				var known *sms.Error
				if !errors.As(err, &known) || known.Code != sms.StoreUnavailable {
					w.T.Errorf("%v", err)
				}
			})
		}
		group.Wait()
		if n := tries.Load(); n >= calls/2 {
			w.T.Errorf("%d transactions for %d calls", n, calls)
		}
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
	gatetest.Everywhere(t, func(s gate.Store) gate.Store { return blind{s} }, func(w *gatetest.World) {
		var known *sms.Error
		_, err := w.Gate.Submit(context.Background(), w.Call(gatetest.OTPText, gatetest.Member))
		if !errors.As(err, &known) || !sms.Lookup(known.Code).Again {
			w.T.Errorf("%v is not a retryable error", err)
		}
		if len(w.Readies()) != 0 || w.Balance(gatetest.Money).Held != 0 {
			w.T.Error("something was accepted")
		}
	})
}

func TestBadCalls(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		many := make([]string, 1001)
		for i := range many {
			many[i] = fmt.Sprintf("1300001%04d", i)
		}
		for name, v := range map[string]struct {
			call *gate.Call
			code sms.Code
		}{
			"nobody":         {w.Call(gatetest.OTPText), sms.BadRequest},
			"1,001 numbers":  {w.Call(gatetest.OTPText, many...), sms.TooManyRecipients},
			"no text":        {w.Call("", gatetest.Member), sms.BadText},
			"lone surrogate": {w.Call("a\xed\xa0\x80", gatetest.Member), sms.BadText},
			"too long":       {w.Call(strings.Repeat("短", 1300), gatetest.Member), sms.TextTooLong},
			"far too long":   {w.Call(strings.Repeat("短", 2000), gatetest.Member), sms.TextTooLong},
			"no application": {&gate.Call{Application: 999, Parts: w.Call(gatetest.OTPText, gatetest.Member).Parts}, sms.NotFound},
			"extension":      {&gate.Call{Application: gatetest.Application, Extension: "1a", Parts: w.Call(gatetest.OTPText, gatetest.Member).Parts}, sms.BadRequest},
		} {
			var known *sms.Error
			if _, err := w.Gate.Submit(context.Background(), v.call); !errors.As(err, &known) || known.Code != v.code {
				w.T.Errorf("%s: %v, want %s", name, err, v.code)
			}
		}
		w.Sound()
	})
}
