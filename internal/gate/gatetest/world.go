// Package gatetest sets up a lawful chain of parties and a running gate on both
// stores, for tests of the gate and of what comes after it.
package gatetest

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/app"
	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/edition"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// Ids of the world. Prices of a unit are 50, 45 and 40 thousandths of a yuan.
const (
	Operator, Agent, Customer          = sms.ID(1), sms.ID(2), sms.ID(3)
	OperatorMoney, AgentMoney, Money   = sms.ID(11), sms.ID(12), sms.ID(13)
	Application                        = sms.ID(21)
	Code, Channel                      = sms.ID(31), sms.ID(32)
	Signature                          = sms.ID(41)
	TemplateOTP, TemplateMKT           = sms.ID(51), sms.ID(52)
	TopUp                              = sms.Money(10_000_000)
	OTPText                            = "【准信科技】您的验证码是246810，5分钟内有效。"
	MKTText                            = "【准信科技】会员日全场八折，拒收请回复R"
	Member, Stranger                   = "13000000001", "13000000002"
	UnitCustomer, UnitAgent, UnitOwner = sms.Money(50_000), sms.Money(45_000), sms.Money(40_000)
)

// Clock is a settable wall clock.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// Now is the time that was set.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Set moves the clock.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = t
}

// Morning is ten o'clock on a Tuesday in Shanghai.
var Morning = time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)

// World is a lawful chain of operator, licensed agent and customer, with a gate.
type World struct {
	T     *testing.T
	DB    *store.DB
	Gate  *gate.Gate
	Keys  *vault.Keys
	Shelf *edition.Shelf
	IDs   *sms.IDs
	Clock *Clock

	mu      sync.Mutex
	ready   []gate.Ready
	courier gate.Courier
}

// SetCourier has what is permitted from here on taken at once.
func (w *World) SetCourier(c gate.Courier) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.courier = c
}

// Claim implements gate.Courier.
func (w *World) Claim(ctx context.Context, tx gate.Tx, at int64, list []gate.Ready) ([]gate.Ready, func(bool), error) {
	w.mu.Lock()
	c := w.courier
	w.mu.Unlock()
	if c == nil {
		return list, func(bool) {}, nil
	}
	return c.Claim(ctx, tx, at, list)
}

// Admits implements gate.Courier.
func (w *World) Admits(channel sms.ID) bool {
	w.mu.Lock()
	c := w.courier
	w.mu.Unlock()
	return c == nil || c.Admits(channel)
}

// Everywhere runs a test on both stores, each with a world of its own.
func Everywhere(t *testing.T, wrap func(gate.Store) gate.Store, test func(w *World)) {
	t.Helper()
	for _, name := range []string{"sqlite", "postgres"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			On(t, name, wrap, test)
		})
	}
}

// On runs a test on one store.
func On(t *testing.T, name string, wrap func(gate.Store) gate.Store, test func(w *World)) {
	t.Helper()
	c := &Clock{at: Morning}
	open := storetest.SQLite
	if name == "postgres" {
		open = storetest.Postgres
	}
	test(newWorld(t, open(t, c.Now), c, wrap))
}

func newWorld(t *testing.T, db *store.DB, c *Clock, wrap func(gate.Store) gate.Store) *World {
	t.Helper()
	w := &World{T: t, DB: db, Clock: c}
	var err error
	if w.Keys, err = vault.Create(filepath.Join(t.TempDir(), "keys.json"), vault.International); err != nil {
		t.Fatal(err)
	}
	if w.IDs, err = sms.NewIDs(1, c.Now); err != nil {
		t.Fatal(err)
	}
	packs, err := rulebook.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	if w.Shelf, err = edition.NewShelf(packs); err != nil {
		t.Fatal(err)
	}
	w.Put(lawful()...)
	w.Write(func(ctx context.Context, tx *store.Tx) error {
		for _, id := range []sms.ID{OperatorMoney, AgentMoney, Money} {
			if _, err := ledger.Change(ctx, tx, w.IDs, id, ledger.Topup, TopUp, "opening", Morning.UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
	var s gate.Store = app.GateStore{DB: db}
	if wrap != nil {
		s = wrap(s)
	}
	w.Gate = gate.New(gate.Config{
		BatchRecipients: 500, BatchWait: time.Millisecond, QueueRecipients: 10_000, Workers: 2, IdempotencyKept: 24 * time.Hour,
		NotAfter: map[sms.Category]time.Duration{sms.OTP: 5 * time.Minute, sms.Notice: 24 * time.Hour, sms.MKT: 12 * time.Hour},
		Logger:   slog.New(slog.NewTextHandler(io.Discard, nil)), Courier: w,
		OnReady: func(list []gate.Ready) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.ready = append(w.ready, list...)
		},
	}, s, w.Shelf, w.Keys, w.IDs)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.Gate.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	return w
}

func lawful() []any {
	from := registry.Period{From: Morning.Add(-30 * 24 * time.Hour).UnixMilli()}
	party := func(id, parent sms.ID, kind, mode, uscc string) registry.Party {
		return registry.Party{
			ID: id, Kind: kind, ParentID: parent, GroupID: id, Name: kind, USCC: uscc, EntityType: "company", AgentMode: mode, State: registry.Active,
		}
	}
	licence := func(id, owner sms.ID, uscc string) registry.Licence {
		return registry.Licence{ID: id, PartyID: owner, Number: "B2-1", USCC: uscc, Scope: registry.Business, Provinces: "*", Period: from, State: registry.Active}
	}
	const one, two, three = "91110000000000001A", "91110000000000002A", "91110000000000003A"
	list := []any{
		party(Operator, 0, registry.Operator, "", one), party(Agent, Operator, registry.Agent, registry.Licensed, two),
		party(Customer, Agent, registry.Customer, "", three),
		licence(101, Operator, one), licence(102, Agent, two),
		registry.AccessCode{ID: Code, PartyID: Operator, Carrier: sms.Unicom, Code: "10690000", Approval: "A1", MaxLength: 20, Use: registry.UsePlatform, Period: from, State: registry.Active},
		registry.Contract{ID: 61, PartyID: Customer, CounterpartyID: Agent, Number: "C1", Period: from, ChargeOn: "submission", ReportTimeout: 1, State: registry.Active, Subprocessors: "91"},
		registry.Signature{ID: Signature, PartyID: Customer, Text: "准信科技", Source: registry.Trademark, Mark: "准信科技", Registration: "900001", QualificationID: 71, Unique: true, State: registry.Approved},
		registry.Filing{SignatureID: Signature, Carrier: sms.Unicom, State: registry.Approved, Period: from},
		registry.Subcode{
			ID: 81, AccessCodeID: Code, Digits: "01", PartyID: Customer, SignatureID: Signature, QualificationID: 71, ContractID: 61, State: registry.Active,
		},
		registry.Template{ID: TemplateOTP, PartyID: Customer, Category: sms.OTP, Name: "otp", State: registry.Active},
		registry.TemplateVersion{TemplateID: TemplateOTP, Version: 1, Body: "您的验证码是${code:code}，5分钟内有效。", State: registry.Approved, Period: from},
		registry.Template{ID: TemplateMKT, PartyID: Customer, Category: sms.MKT, Name: "mkt", State: registry.Active},
		registry.TemplateVersion{TemplateID: TemplateMKT, Version: 1, Body: "会员日全场八折，拒收请回复R", State: registry.Approved, Period: from},
		registry.Account{ID: OperatorMoney, PartyID: Operator, Currency: "CNY", State: registry.Active},
		registry.Account{ID: AgentMoney, PartyID: Agent, PayerID: OperatorMoney, Currency: "CNY", State: registry.Active},
		registry.Account{ID: Money, PartyID: Customer, PayerID: AgentMoney, Currency: "CNY", State: registry.Active},
		registry.Application{ID: Application, PartyID: Customer, AccountID: Money, Name: "shop", State: registry.Active},
		registry.Channel{
			ID: Channel, Name: "unicom", Carrier: sms.Unicom, Protocol: "cmpp30", AccessCodeID: Code, Address: "127.0.0.1:1", Login: "900001",
			Sessions: 1, Window: 16, State: registry.Active, Options: registry.ChannelOptions{Replies: true},
		},
		Filed(TemplateOTP, sms.Unicom), Filed(TemplateMKT, sms.Unicom),
	}
	for _, cat := range []sms.Category{sms.OTP, sms.MKT} {
		for account, unit := range map[sms.ID]sms.Money{Money: UnitCustomer, AgentMoney: UnitAgent, OperatorMoney: UnitOwner} {
			list = append(list, registry.Price{AccountID: account, Category: cat, Carrier: sms.Unicom, UnitPrice: unit, ValidFrom: from.From})
		}
	}
	return list
}

// Filed is the filing of a template's first wording with a carrier.
func Filed(template sms.ID, c sms.Carrier) registry.TemplateFiling {
	return registry.TemplateFiling{TemplateID: template, Version: 1, Carrier: c, State: registry.Approved, Period: registry.Period{From: 1}}
}

// Contact is the filing of a link or telephone of the customer with the carrier of the world.
func Contact(id sms.ID, kind, value string) registry.ContactFiling {
	return registry.ContactFiling{ID: id, PartyID: Customer, Carrier: sms.Unicom, Kind: kind, Value: value, State: registry.Approved, Period: registry.Period{From: 1}}
}

// PutChannel stores another channel to the recipients of the world, with an access
// code of its own under which the customer has the sub-code 07.
func (w *World) PutChannel(id sms.ID, code string, set func(*registry.Channel)) {
	w.T.Helper()
	own := id + 1000
	ch := registry.Channel{
		ID: id, Name: code, Carrier: sms.Unicom, Protocol: "cmpp30", AccessCodeID: own, Address: "127.0.0.1:1", Login: "900001",
		Sessions: 1, Window: 16, Priority: 1, State: registry.Active, Options: registry.ChannelOptions{Replies: true},
	}
	if set != nil {
		set(&ch)
	}
	w.Put(
		registry.AccessCode{ID: own, PartyID: Operator, Carrier: sms.Unicom, Code: code, Approval: "A2", MaxLength: 20, Use: registry.UsePlatform, Period: registry.Period{From: 1}, State: registry.Active},
		registry.Subcode{
			ID: own, AccessCodeID: own, Digits: "07", PartyID: Customer, SignatureID: Signature, QualificationID: 71, ContractID: 61, State: registry.Active,
		},
		ch,
	)
}

// Activate puts a rule pack in force, proposed by one person and activated by another.
func (w *World) Activate(pack string) {
	w.T.Helper()
	one, two := registry.Staff{ID: 91, Name: "one", State: registry.Active}, registry.Staff{ID: 92, Name: "two", State: registry.Active}
	w.Put(one, two)
	d := &edition.Desk{Shelf: w.Shelf, Store: app.PackStore{DB: w.DB}, IDs: w.IDs, Record: func(ctx context.Context, tx edition.Tx, at int64, records ...leaf.Record) error {
		return evlog.Append(ctx, tx, w.IDs, at, records...)
	}}
	t, err := d.Try(context.Background(), []byte(pack), nil)
	if err != nil {
		w.T.Fatal(err)
	}
	p, err := d.Propose(context.Background(), t, &one, "", []byte(pack), nil)
	if err == nil {
		_, err = d.Activate(context.Background(), p.ID, &two)
	}
	if err != nil {
		w.T.Fatal(err)
	}
}

// Write runs fn in a transaction.
func (w *World) Write(fn func(context.Context, *store.Tx) error) {
	w.T.Helper()
	if err := w.DB.Write(context.Background(), store.TurnBackground, fn); err != nil {
		w.T.Fatal(err)
	}
}

// Put stores objects of the registry.
func (w *World) Put(objects ...any) {
	w.T.Helper()
	w.Write(func(ctx context.Context, tx *store.Tx) error {
		for _, o := range objects {
			if err := tx.Put(ctx, o); err != nil {
				return err
			}
		}
		return nil
	})
}

// Number parses a number.
func (w *World) Number(s string) sms.MSISDN {
	w.T.Helper()
	n, err := sms.ParseMSISDN(s)
	if err != nil {
		w.T.Fatal(err)
	}
	return n
}

// Call makes a call of one part.
func (w *World) Call(text string, numbers ...string) *gate.Call {
	w.T.Helper()
	p := gate.Part{Text: text}
	if text == OTPText {
		p.Category = sms.OTP
	}
	for _, n := range numbers {
		p.Recipients = append(p.Recipients, gate.Recipient{Number: w.Number(n)})
	}
	return &gate.Call{Application: Application, Parts: []gate.Part{p}}
}

// Send submits a text and returns the result of each recipient.
func (w *World) Send(text string, numbers ...string) []gate.Result {
	w.T.Helper()
	a, err := w.Gate.Submit(context.Background(), w.Call(text, numbers...))
	if err != nil {
		w.T.Fatal(err)
	}
	return a.Results
}

// Agree stores a consent to marketing.
func (w *World) Agree(number string) {
	w.T.Helper()
	w.Write(func(ctx context.Context, tx *store.Tx) error {
		return consent.Add(ctx, tx, w.Recorder(tx), []consent.Grant{{
			ID: w.IDs.Next(), PhoneID: w.Keys.PhoneID(w.Number(number)), GroupID: Customer, Purpose: sms.MKT, Grade: consent.HostedPage,
			Method: "form", Wording: "v1", Source: "shop", ValidFrom: Morning.Add(-time.Hour).UnixMilli(),
		}}, Morning.UnixMilli())
	})
}

// Refuse stores an opt-out from marketing.
func (w *World) Refuse(number string) {
	w.T.Helper()
	w.Write(func(ctx context.Context, tx *store.Tx) error {
		_, err := consent.Refuse(ctx, tx, w.Recorder(tx), consent.Suppression{
			ID: w.IDs.Next(), PhoneID: w.Keys.PhoneID(w.Number(number)), GroupID: Customer, Scope: string(sms.MKT), Source: "mo",
			CreatedAt: w.Clock.Now().UnixMilli(),
		})
		return err
	})
}

// Recorder appends evidence in the transaction.
func (w *World) Recorder(tx *store.Tx) consent.Recorder {
	return func(ctx context.Context, kind string, at int64, hashes [][32]byte) (sms.ID, error) {
		id := w.IDs.Next()
		return id, tx.AppendLeaf(ctx, id, kind, at, hashes)
	}
}

// Balance reads an account.
func (w *World) Balance(id sms.ID) (b ledger.Balance) {
	w.T.Helper()
	err := w.DB.Read(context.Background(), func(ctx context.Context, tx *store.Tx) (err error) {
		b, err = tx.BalanceOf(ctx, id)
		return err
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return b
}

// Sound checks that every balance is the sum of its entries (P5).
func (w *World) Sound() {
	w.T.Helper()
	err := w.DB.Read(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		bad, err := tx.CheckLedger(ctx)
		for _, line := range bad {
			w.T.Error(line)
		}
		return err
	})
	if err != nil {
		w.T.Fatal(err)
	}
}

// Message reads a message.
func (w *World) Message(id sms.ID) (m *sms.Message) {
	w.T.Helper()
	err := w.DB.Read(context.Background(), func(ctx context.Context, tx *store.Tx) (err error) {
		m, err = tx.Message(ctx, id)
		return err
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return m
}

// Readies are the messages that the gate handed to dispatch so far.
func (w *World) Readies() []gate.Ready {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]gate.Ready(nil), w.ready...)
}
