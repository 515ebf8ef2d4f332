package gate_test

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/app"
	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
	"github.com/zhunxin/zhunxin/internal/vault"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// Ids of the world. Prices of a unit are 50, 45 and 40 thousandths of a yuan.
const (
	operator, agent, customer          = sms.ID(1), sms.ID(2), sms.ID(3)
	operatorMoney, agentMoney, money   = sms.ID(11), sms.ID(12), sms.ID(13)
	application                        = sms.ID(21)
	code, channel                      = sms.ID(31), sms.ID(32)
	signature                          = sms.ID(41)
	templateOTP, templateMKT           = sms.ID(51), sms.ID(52)
	topUp                              = sms.Money(10_000_000)
	otpText                            = "【准信科技】您的验证码是246810，5分钟内有效。"
	mktText                            = "【准信科技】会员日全场八折，退订回T"
	member, stranger                   = "13000000001", "13000000002"
	unitCustomer, unitAgent, unitOwner = sms.Money(50_000), sms.Money(45_000), sms.Money(40_000)
)

// clock is a settable wall clock.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = t
}

// morning is ten o'clock on a Tuesday in Shanghai.
var morning = time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)

// world is a lawful chain of operator, licensed agent and customer, with a gate.
type world struct {
	t     *testing.T
	db    *store.DB
	gate  *gate.Gate
	keys  *vault.Keys
	ids   *sms.IDs
	clock *clock

	mu    sync.Mutex
	ready []gate.Ready
}

// everywhere runs a test on both stores, each with a world of its own.
func everywhere(t *testing.T, wrap func(gate.Store) gate.Store, test func(w *world)) {
	t.Helper()
	c := map[string]*clock{"sqlite": {at: morning}, "postgres": {at: morning}}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(newWorld(t, storetest.SQLite(t, c["sqlite"].now), c["sqlite"], wrap))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(newWorld(t, storetest.Postgres(t, c["postgres"].now), c["postgres"], wrap))
	})
}

func newWorld(t *testing.T, db *store.DB, c *clock, wrap func(gate.Store) gate.Store) *world {
	t.Helper()
	w := &world{t: t, db: db, clock: c}
	var err error
	if w.keys, err = vault.Create(filepath.Join(t.TempDir(), "keys.json")); err != nil {
		t.Fatal(err)
	}
	if w.ids, err = sms.NewIDs(1, c.now); err != nil {
		t.Fatal(err)
	}
	packs, err := rulebook.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	book, err := rulebook.Load(packs...)
	if err != nil {
		t.Fatal(err)
	}
	w.put(lawful()...)
	w.write(func(ctx context.Context, tx *store.Tx) error {
		for _, id := range []sms.ID{operatorMoney, agentMoney, money} {
			if _, err := ledger.Change(ctx, tx, w.ids, id, ledger.Topup, topUp, "opening", morning.UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
	var s gate.Store = app.GateStore{DB: db}
	if wrap != nil {
		s = wrap(s)
	}
	w.gate = gate.New(gate.Config{
		BatchRecipients: 500, BatchWait: time.Millisecond, QueueRecipients: 10_000, Workers: 2, IdempotencyKept: 24 * time.Hour,
		NotAfter: map[sms.Category]time.Duration{sms.OTP: 5 * time.Minute, sms.MKT: 12 * time.Hour},
		Logger:   slog.New(slog.NewTextHandler(io.Discard, nil)),
		OnReady: func(list []gate.Ready) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.ready = append(w.ready, list...)
		},
	}, s, book, w.keys, w.ids)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.gate.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	return w
}

func lawful() []any {
	from := registry.Period{From: morning.Add(-30 * 24 * time.Hour).UnixMilli()}
	party := func(id, parent sms.ID, kind, mode, uscc string) registry.Party {
		return registry.Party{
			ID: id, Kind: kind, ParentID: parent, GroupID: id, Name: kind, USCC: uscc, EntityType: "company", AgentMode: mode, State: registry.Active,
		}
	}
	licence := func(id, owner sms.ID, uscc string) registry.Licence {
		return registry.Licence{ID: id, PartyID: owner, Number: "B2-1", USCC: uscc, Scope: gate.Business, Provinces: "*", Period: from, State: registry.Active}
	}
	const one, two, three = "91110000000000001A", "91110000000000002A", "91110000000000003A"
	list := []any{
		party(operator, 0, registry.Operator, "", one), party(agent, operator, registry.Agent, registry.Licensed, two),
		party(customer, agent, registry.Customer, "", three),
		licence(101, operator, one), licence(102, agent, two),
		registry.AccessCode{ID: code, PartyID: operator, Carrier: sms.Unicom, Code: "10690000", Approval: "A1", Period: from, State: registry.Active},
		registry.Contract{ID: 61, PartyID: customer, CounterpartyID: agent, Number: "C1", Period: from, ChargeOn: "submission", ReportTimeout: 1, State: registry.Active},
		registry.Signature{ID: signature, PartyID: customer, Text: "准信科技", Source: "company", QualificationID: 71, State: registry.Approved},
		registry.Filing{SignatureID: signature, Carrier: sms.Unicom, State: registry.Approved, Period: from},
		registry.Subcode{
			ID: 81, AccessCodeID: code, Digits: "01", PartyID: customer, SignatureID: signature, QualificationID: 71, ContractID: 61, State: registry.Active,
		},
		registry.Template{ID: templateOTP, PartyID: customer, Category: sms.OTP, Name: "otp", State: registry.Active},
		registry.TemplateVersion{TemplateID: templateOTP, Version: 1, Body: "您的验证码是${code:code}，5分钟内有效。", State: registry.Approved, Period: from},
		registry.Template{ID: templateMKT, PartyID: customer, Category: sms.MKT, Name: "mkt", State: registry.Active},
		registry.TemplateVersion{TemplateID: templateMKT, Version: 1, Body: "会员日全场八折，退订回T", State: registry.Approved, Period: from},
		registry.Account{ID: operatorMoney, PartyID: operator, Currency: "CNY", State: registry.Active},
		registry.Account{ID: agentMoney, PartyID: agent, PayerID: operatorMoney, Currency: "CNY", State: registry.Active},
		registry.Account{ID: money, PartyID: customer, PayerID: agentMoney, Currency: "CNY", State: registry.Active},
		registry.Application{ID: application, PartyID: customer, AccountID: money, Name: "shop", State: registry.Active},
		registry.Channel{
			ID: channel, Name: "unicom", Carrier: sms.Unicom, Protocol: "cmpp30", AccessCodeID: code, Address: "127.0.0.1:1", Login: "900001",
			Sessions: 1, Window: 16, State: registry.Active,
		},
	}
	for _, cat := range []sms.Category{sms.OTP, sms.MKT} {
		for account, unit := range map[sms.ID]sms.Money{money: unitCustomer, agentMoney: unitAgent, operatorMoney: unitOwner} {
			list = append(list, registry.Price{AccountID: account, Category: cat, Carrier: sms.Unicom, UnitPrice: unit, ValidFrom: from.From})
		}
	}
	return list
}

func (w *world) write(fn func(context.Context, *store.Tx) error) {
	w.t.Helper()
	if err := w.db.Write(context.Background(), store.TurnBackground, fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) put(objects ...any) {
	w.t.Helper()
	w.write(func(ctx context.Context, tx *store.Tx) error {
		for _, o := range objects {
			if err := tx.Put(ctx, o); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) number(s string) sms.MSISDN {
	w.t.Helper()
	n, err := sms.ParseMSISDN(s)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) call(text string, numbers ...string) *gate.Call {
	w.t.Helper()
	p := gate.Part{Text: text}
	if text == otpText {
		p.Category = sms.OTP
	}
	for _, n := range numbers {
		p.Recipients = append(p.Recipients, gate.Recipient{Number: w.number(n)})
	}
	return &gate.Call{Application: application, Parts: []gate.Part{p}}
}

// send submits a text and returns the result of each recipient.
func (w *world) send(text string, numbers ...string) []gate.Result {
	w.t.Helper()
	a, err := w.gate.Submit(context.Background(), w.call(text, numbers...))
	if err != nil {
		w.t.Fatal(err)
	}
	return a.Results
}

func (w *world) agree(number string) {
	w.t.Helper()
	w.write(func(ctx context.Context, tx *store.Tx) error {
		return consent.Add(ctx, tx, w.recorder(tx), []consent.Grant{{
			ID: w.ids.Next(), PhoneID: w.keys.PhoneID(w.number(number)), GroupID: customer, Purpose: sms.MKT, Grade: consent.HostedPage,
			Method: "form", Wording: "v1", Source: "shop", ValidFrom: morning.Add(-time.Hour).UnixMilli(),
		}}, morning.UnixMilli())
	})
}

func (w *world) refuse(number string) {
	w.t.Helper()
	w.write(func(ctx context.Context, tx *store.Tx) error {
		_, err := consent.Refuse(ctx, tx, w.recorder(tx), consent.Suppression{
			ID: w.ids.Next(), PhoneID: w.keys.PhoneID(w.number(number)), GroupID: customer, Scope: string(sms.MKT), Source: "mo",
			CreatedAt: w.clock.now().UnixMilli(),
		})
		return err
	})
}

func (w *world) recorder(tx *store.Tx) consent.Recorder {
	return func(ctx context.Context, kind string, at int64, hashes [][32]byte) (sms.ID, error) {
		id := w.ids.Next()
		return id, tx.AppendLeaf(ctx, id, kind, at, hashes)
	}
}

func (w *world) balance(id sms.ID) (b ledger.Balance) {
	w.t.Helper()
	err := w.db.Read(context.Background(), func(ctx context.Context, tx *store.Tx) (err error) {
		b, err = tx.BalanceOf(ctx, id)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// sound checks that every balance is the sum of its entries (P5).
func (w *world) sound() {
	w.t.Helper()
	err := w.db.Read(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		bad, err := tx.CheckLedger(ctx)
		for _, line := range bad {
			w.t.Error(line)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) message(id sms.ID) (m *sms.Message) {
	w.t.Helper()
	err := w.db.Read(context.Background(), func(ctx context.Context, tx *store.Tx) (err error) {
		m, err = tx.Message(ctx, id)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func (w *world) readies() []gate.Ready {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]gate.Ready(nil), w.ready...)
}
