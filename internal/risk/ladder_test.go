package risk_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/complaint"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/risk"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const (
	operator, customer                 = sms.ID(1), sms.ID(2)
	account, application               = sms.ID(3), sms.ID(4)
	signature, template, otherTemplate = sms.ID(5), sms.ID(6), sms.ID(7)
	channel                            = sms.ID(8)
)

// ladder is a customer whose complaints are judged.
type ladder struct {
	t    *testing.T
	db   *store.DB
	ids  *sms.IDs
	book *rulebook.Book
	now  *time.Time
	n    sms.ID
}

func eachLadder(t *testing.T, test func(l *ladder)) {
	t.Helper()
	for _, name := range []string{"sqlite", "postgres"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := time.Date(2026, 11, 10, 10, 0, 0, 0, rulebook.Shanghai)
			l := &ladder{t: t, now: &at}
			clock := func() time.Time { return *l.now }
			if l.db = storetest.SQLite(t, clock); name == "postgres" {
				l.db = storetest.Postgres(t, clock)
			}
			packs, err := rulebook.Builtin()
			if err != nil {
				t.Fatal(err)
			}
			if l.book, err = rulebook.Load(packs...); err != nil {
				t.Fatal(err)
			}
			if l.ids, err = sms.NewIDs(1, clock); err != nil {
				t.Fatal(err)
			}
			l.write(func(ctx context.Context, tx *store.Tx) error {
				for _, o := range []any{
					registry.Party{ID: operator, Kind: registry.Operator, GroupID: operator, Name: "示例运营商", USCC: "91110000000000001A", EntityType: "company", State: registry.Active},
					registry.Party{ID: customer, Kind: registry.Customer, ParentID: operator, GroupID: customer, Name: "示例商城", USCC: "91110000000000003C", EntityType: "company", State: registry.Active},
					registry.Account{ID: account, PartyID: customer, State: registry.Active},
					registry.Application{ID: application, PartyID: customer, AccountID: account, State: registry.Active},
				} {
					if err := tx.Put(ctx, o); err != nil {
						return err
					}
				}
				return nil
			})
			test(l)
		})
	}
}

func (l *ladder) write(fn func(context.Context, *store.Tx) error) {
	l.t.Helper()
	if err := l.db.Write(l.t.Context(), store.TurnBackground, fn); err != nil {
		l.t.Fatal(err)
	}
}

// confirm has one more complaint found true, and lists what was imposed: rule and object.
func (l *ladder) confirm(cause string, delivered int) (imposed []string) {
	l.t.Helper()
	l.n++
	l.write(func(ctx context.Context, tx *store.Tx) error {
		imposed = nil
		at := l.now.UnixMilli()
		c := complaint.Case{
			ID: l.n, Source: "direct", About: "marketing", PhoneID: make([]byte, 16), ReceivedAt: at, VerifiedAt: at, UpdatedAt: at, PartyID: customer, GroupID: customer,
			SignatureID: signature, TemplateID: template, ChannelID: channel, Category: sms.MKT, State: complaint.Verified, Verdict: complaint.Confirmed, Cause: cause,
		}
		if err := tx.PutComplaint(ctx, c); err != nil {
			return err
		}
		about := risk.Case{
			Party: customer, Signature: signature, Template: template, Channel: channel, Cause: cause,
			Delivered: risk.Delivered{Party: delivered, Signature: delivered, Template: delivered, Channel: 10 * delivered},
		}
		list, err := risk.Climb(ctx, tx, l.ids, l.book, &about, 0)
		for _, m := range list {
			imposed = append(imposed, fmt.Sprintf("%s %s%s", m.Rule, m.Kind, m.Object))
		}
		return err
	})
	slices.Sort(imposed)
	return imposed
}

func (l *ladder) snapshot() (snap *registry.Snapshot) {
	l.t.Helper()
	err := l.db.Read(l.t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
		snap, err = tx.Registry(ctx)
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return snap
}

// lift ends what stands of a rule.
func (l *ladder) lift(rule string, unfounded bool) {
	l.t.Helper()
	snap := l.snapshot()
	for _, m := range snap.Measures(customer) {
		if m.Rule != rule || m.LiftedAt != 0 {
			continue
		}
		l.write(func(ctx context.Context, tx *store.Tx) error {
			return risk.Lift(ctx, tx, l.ids, snap, m, 9, "mended", unfounded)
		})
	}
}

func (l *ladder) expect(got []string, want ...string) {
	l.t.Helper()
	if !slices.Equal(got, want) {
		l.t.Fatalf("%v, want %v", got, want)
	}
}

// CMP-06, CMP-10: complaints climb the ladder by themselves: reminder, slow-down, hold,
// suspension, and, the second time, the end of the service. The channel has its own rungs.
func TestComplaintsClimbTheLadder(t *testing.T) {
	eachLadder(t, func(l *ladder) {
		l.expect(l.confirm("content", 2_000_000), "CMP-06d remind", "CMP-06e remind") // the channel's rate is a tenth
		l.expect(l.confirm("content", 2_000_000), "CMP-06d remindchannel", "CMP-06f slow", "CMP-06g hold")
		l.expect(l.confirm("content", 2_000_000), "CMP-06h suspend")
		if snap := l.snapshot(); snap.Severity(customer) != 3 || snap.ChannelSeverity(channel) != 1 || snap.Severity(operator) != 0 || len(snap.SlowDowns()) != 1 || snap.SlowDowns()[0].Pace != 60 {
			l.t.Fatalf("%d %d %+v", snap.Severity(customer), snap.ChannelSeverity(channel), snap.SlowDowns())
		}
		l.lift("CMP-06h", false)
		l.lift("CMP-06g", false)
		*l.now = l.now.AddDate(0, 0, 1)
		l.expect(l.confirm("content", 2_000_000), "CMP-06g hold", "CMP-06h suspend", "CMP-10b close")
		if got := l.snapshot().Severity(customer); got != 4 {
			l.t.Errorf("severity %d", got)
		}
		// A person who lifts the closing has judged what led to it.
		for _, rule := range []string{"CMP-10b", "CMP-06h", "CMP-06g", "CMP-06f"} {
			l.lift(rule, false)
		}
		*l.now = l.now.AddDate(0, 1, 0)
		l.expect(l.confirm("content", 2_000_000), "CMP-06d remind", "CMP-06e remind")
	})
}

// A small sender's rate means nothing: only the complaints of a day count.
func TestSmallSendersAreJudgedByTheDay(t *testing.T) {
	eachLadder(t, func(l *ladder) {
		l.expect(l.confirm("content", 999_999/10), "CMP-06e remind")
		*l.now = l.now.AddDate(0, 0, 1)
		l.expect(l.confirm("content", 999_999/10)) // the month's reminder stands
		l.expect(l.confirm("content", 999_999/10), "CMP-06f slow")
		l.expect(l.confirm("content", 999_999/10), "CMP-06g hold")
	})
}

// AD-18: false advertising holds what bears the signature, and nothing else of the party.
func TestFalseAdvertisingHoldsTheSignature(t *testing.T) {
	eachLadder(t, func(l *ladder) {
		l.expect(l.confirm("false_advertising", 1000), "AD-18 holdsignature", "CMP-06e remind")
		snap := l.snapshot()
		if with, without := snap.Severity(customer, signature, otherTemplate), snap.Severity(customer, template); with != 2 || without != 1 {
			l.t.Errorf("with the signature %d, without %d", with, without)
		}
	})
}

// CMP-10: a person's reminders are strikes too; one that was unfounded is none.
func TestThreeRemindersCloseTheService(t *testing.T) {
	eachLadder(t, func(l *ladder) {
		remind := func() {
			l.write(func(ctx context.Context, tx *store.Tx) error {
				m := registry.Measure{PartyID: customer, Kind: registry.Reminded, Strike: registry.General, Zh: "请整改", En: "mend it", Figures: "{}", ImposedBy: 9}
				return risk.Charge(ctx, tx, l.ids, l.book, &m)
			})
			*l.now = l.now.AddDate(0, 0, 1)
		}
		remind()
		l.lift("", true)
		remind()
		remind()
		if got := l.snapshot().Severity(customer); got != 1 {
			l.t.Fatalf("two reminders that count come to %d", got)
		}
		remind()
		if got := l.snapshot().Severity(customer); got != 4 {
			l.t.Errorf("three reminders come to %d", got)
		}
	})
}
