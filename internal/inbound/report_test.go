package inbound_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/inbound"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
	"github.com/zhunxin/zhunxin/protocol/session"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// submitted sends a code and has the carrier end its PDU.
func submitted(w *gatetest.World, number string, o session.Outcome) gate.Ready {
	w.T.Helper()
	w.Send(gatetest.OTPText, number)
	ready := w.Readies()
	r := ready[len(ready)-1]
	desk := dispatch.Desk{Rules: w.Gate.Rules, IDs: w.IDs}
	w.Write(func(ctx context.Context, tx *store.Tx) error {
		v, err := desk.Look(ctx, tx, dispatch.Lease{Channel: gatetest.Channel}, []gate.Ready{r})
		if len(v.Go) != 1 {
			w.T.Errorf("%+v", v)
		}
		return err
	})
	w.Write(func(ctx context.Context, tx *store.Tx) error {
		_, err := desk.Settle(ctx, tx, []dispatch.Answer{{Ready: r, No: 1, Outcome: o}})
		return err
	})
	return r
}

func report(w *gatetest.World, r gate.Ready, id, stat string) (n inbound.Counts) {
	w.T.Helper()
	w.Write(func(ctx context.Context, tx *store.Tx) (err error) {
		n, err = inbound.Reports(ctx, tx, w.IDs, gatetest.Channel, []sms.Report{{
			ChannelID: gatetest.Channel, UpstreamID: id, PhoneID: r.Message.PhoneID, Source: "1069000001", Stat: stat, ReceivedAt: 1,
		}})
		return err
	})
	return n
}

var (
	accepted = session.Outcome{Kind: session.Answered, ID: "42"}
	doubtful = session.Outcome{Kind: session.InDoubt}
)

func TestReportEndsTheMessageOnce(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		r := submitted(w, gatetest.Member, accepted)
		if n := report(w, r, "42", "ACCEPTD"); n.Passing != 1 || w.Message(r.Message.ID).State != sms.Submitted {
			w.T.Errorf("%+v", n)
		}
		if n := report(w, r, "42", "DELIVRD"); n.Booked != 1 || w.Message(r.Message.ID).State != sms.Delivered {
			w.T.Errorf("%+v", n)
		}
		if n := report(w, r, "42", "UNDELIV"); n.Duplicates != 1 || w.Message(r.Message.ID).State != sms.Delivered {
			w.T.Errorf("%+v", n)
		}
		if b := w.Balance(gatetest.Money); b.Balance != gatetest.TopUp-gatetest.UnitCustomer || b.Held != 0 {
			w.T.Errorf("%+v", b)
		}
		w.Sound()
	})
}

func TestVendorCodeIsFailure(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		r := submitted(w, gatetest.Member, accepted)
		report(w, r, "42", "MK:0001")
		if m := w.Message(r.Message.ID); m.State != sms.Failed {
			w.T.Errorf("%s", m.State)
		}
	})
}

// P3: a report with an unknown id settles the one message in doubt that it can be
// about, and supplies the id that the charge cites.
func TestReportSettlesDoubt(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		r := submitted(w, gatetest.Member, doubtful)
		if n := report(w, r, "77", "DELIVRD"); n.Booked != 1 {
			w.T.Errorf("%+v", n)
		}
		if m := w.Message(r.Message.ID); m.State != sms.Delivered || m.Held != 0 || m.Captured != 1 {
			w.T.Errorf("%+v", m)
		}
		if b := w.Balance(gatetest.Money); b.Balance != gatetest.TopUp-gatetest.UnitCustomer || b.Held != 0 {
			w.T.Errorf("%+v", b)
		}
		err := w.DB.Read(context.Background(), func(ctx context.Context, tx *store.Tx) error {
			return tx.SegmentsOf(ctx, []sms.ID{r.Message.ID}, func(s sms.Segment) {
				if s.UpstreamID != "77" || s.SubmitLeaf == 0 || s.ReportLeaf == 0 || s.AnswerAt == 0 {
					w.T.Errorf("the evidence of the submission or of the report is lost: %+v", s)
				}
			})
		})
		if err != nil {
			w.T.Error(err)
		}
		w.Sound()
	})
}

// With two candidates nothing is guessed.
func TestAmbiguousReportIsKept(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		a := submitted(w, gatetest.Member, doubtful)
		w.Clock.Set(gatetest.Morning.Add(61e9))
		b := submitted(w, gatetest.Member, doubtful)
		if n := report(w, a, "77", "DELIVRD"); n.Unmatched != 1 {
			w.T.Errorf("%+v", n)
		}
		for _, r := range []gate.Ready{a, b} {
			if m := w.Message(r.Message.ID); m.State != sms.InDoubt {
				w.T.Errorf("%s", m.State)
			}
		}
	})
}

// A report for somebody else under the same id is not believed.
func TestReportOfAnotherNumberIsKept(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		r := submitted(w, gatetest.Member, accepted)
		r2 := r
		m := *r.Message
		m.PhoneID = [16]byte{1}
		r2.Message = &m
		if n := report(w, r2, "42", "DELIVRD"); n.Unmatched != 1 || w.Message(r.Message.ID).State != sms.Submitted {
			w.T.Errorf("%+v", n)
		}
	})
}

// Reports of a long message come before its last segment is answered.
func TestReportsBeforeTheLastAnswer(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
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
		answer := func(no int, id string) {
			w.Write(func(ctx context.Context, tx *store.Tx) error {
				_, err := desk.Settle(ctx, tx, []dispatch.Answer{{Ready: r, No: no, Outcome: session.Outcome{Kind: session.Answered, ID: id}}})
				return err
			})
		}
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			_, err := desk.Look(ctx, tx, dispatch.Lease{Channel: gatetest.Channel}, []gate.Ready{r})
			return err
		})
		answer(1, "1")
		if n := report(w, r, "1", "DELIVRD"); n.Booked != 1 || w.Message(r.Message.ID).State != sms.Submitting {
			w.T.Errorf("%+v", n)
		}
		answer(2, "2")
		if m := w.Message(r.Message.ID); m.State != sms.Submitted || m.Captured != 2 || m.Held != 0 {
			w.T.Errorf("%+v", m)
		}
		report(w, r, "2", "UNDELIV")
		if m := w.Message(r.Message.ID); m.State != sms.Failed || m.Captured != 2 {
			w.T.Errorf("%+v", m)
		}
		w.Sound()
	})
}

func TestReportBeforeTheAnswerIsNotLost(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Send(gatetest.OTPText, gatetest.Member)
		r := w.Readies()[0]
		desk := dispatch.Desk{Rules: w.Gate.Rules, IDs: w.IDs}
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			_, err := desk.Look(ctx, tx, dispatch.Lease{Channel: gatetest.Channel}, []gate.Ready{r})
			return err
		})
		if n := report(w, r, "42", "DELIVRD"); n.Unmatched != 1 {
			w.T.Errorf("%+v", n)
		}
		for i, want := range []int{1, 0} {
			w.Write(func(ctx context.Context, tx *store.Tx) error {
				if _, err := desk.Settle(ctx, tx, []dispatch.Answer{{Ready: r, No: 1, Outcome: accepted}}); err != nil {
					return err
				}
				n, err := inbound.Early(ctx, tx, w.IDs, gatetest.Channel, []string{"42"})
				if n.Booked != want {
					w.T.Errorf("time %d: %+v", i, n)
				}
				return err
			})
		}
		if m := w.Message(r.Message.ID); m.State != sms.Delivered || m.Captured != 1 {
			w.T.Errorf("%+v", m)
		}
		w.Sound()
	})
}

// A report that comes while its answer is being booked neither misses it nor is
// missed: it waits until the answer is there.
func TestReportAndAnswerDoNotMissEachOther(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		const upstream = "1000"
		desk := dispatch.Desk{Rules: w.Gate.Rules, IDs: w.IDs}
		w.Send(gatetest.OTPText, gatetest.Member)
		r := w.Readies()[0]
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			_, err := desk.Look(ctx, tx, dispatch.Lease{Channel: gatetest.Channel}, []gate.Ready{r})
			return err
		})
		reported := make(chan error, 1)
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			o := session.Outcome{Kind: session.Answered, ID: upstream}
			if _, err := desk.Settle(ctx, tx, []dispatch.Answer{{Ready: r, No: 1, Channel: gatetest.Channel, Outcome: o}}); err != nil {
				return err
			}
			if _, err := inbound.Early(ctx, tx, w.IDs, gatetest.Channel, []string{"1000"}); err != nil {
				return err
			}
			go func() {
				reported <- w.DB.Write(context.Background(), store.TurnReport, func(ctx context.Context, tx *store.Tx) error {
					_, err := inbound.Reports(ctx, tx, w.IDs, gatetest.Channel, []sms.Report{{
						ChannelID: gatetest.Channel, UpstreamID: "1000", PhoneID: r.Message.PhoneID, Stat: "DELIVRD",
					}})
					return err
				})
			}()
			select { // a report that does not wait is done long before
			case err := <-reported:
				reported <- err
			case <-time.After(300 * time.Millisecond):
			}
			return nil
		})
		if err := <-reported; err != nil {
			w.T.Fatal(err)
		}
		if m := w.Message(r.Message.ID); m.State != sms.Delivered {
			w.T.Errorf("the message is %s", m.State)
		}
	})
}

// A contract that charges on delivery holds until the report, then charges what
// was delivered and frees the rest.
func TestChargeOnDelivery(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Put(registry.Contract{
			ID: 61, PartyID: gatetest.Customer, CounterpartyID: gatetest.Agent, Number: "C1", Period: registry.Period{From: 1}, ChargeOn: registry.OnDelivery,
			ReportTimeout: 1, State: registry.Active,
		})
		for i, x := range []struct {
			stat    string
			charged sms.Money
		}{{"UNDELIV", 0}, {"DELIVRD", gatetest.UnitCustomer}} {
			id := fmt.Sprint(50 + i)
			r := submitted(w, fmt.Sprintf("130000001%02d", i), session.Outcome{Kind: session.Answered, ID: id})
			if b := w.Balance(gatetest.Money); b.Held != gatetest.UnitCustomer || b.Balance != gatetest.TopUp {
				w.T.Fatalf("after the submit: %+v", b)
			}
			report(w, r, id, x.stat)
			if b := w.Balance(gatetest.Money); b.Held != 0 || b.Balance != gatetest.TopUp-x.charged {
				w.T.Errorf("after %s: %+v", x.stat, b)
			}
		}
		w.Sound()
	})
}

// In doubt with an id that is known, as in SGIP: only its own report settles it, also one
// that came before the doubt was booked.
func TestDoubtWithAnIDWaitsForItsOwnReport(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		own := session.Outcome{Kind: session.InDoubt, ID: "3028099999-1125103048-7"}
		r := submitted(w, gatetest.Member, own)
		if n := report(w, r, "3028099999-1125103050-9", "UNDELIV"); n.Unmatched != 1 {
			w.T.Errorf("another's report: %+v", n)
		}
		if m := w.Message(r.Message.ID); m.State != sms.InDoubt {
			w.T.Fatalf("it is %s", m.State)
		}
		if n := report(w, r, own.ID, "DELIVRD"); n.Booked != 1 {
			w.T.Errorf("its own: %+v", n)
		}
		if m := w.Message(r.Message.ID); m.State != sms.Delivered {
			w.T.Errorf("it is %s", m.State)
		}
		w.Sound()
	})
}
