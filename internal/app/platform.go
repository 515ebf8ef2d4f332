package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zhunxin/zhunxin/internal/callback"
	"github.com/zhunxin/zhunxin/internal/campaign"
	"github.com/zhunxin/zhunxin/internal/channel"
	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/edition"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/inbound"
	"github.com/zhunxin/zhunxin/internal/ingress/dialect"
	"github.com/zhunxin/zhunxin/internal/ingress/listener"
	"github.com/zhunxin/zhunxin/internal/ingress/spserver"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/risk"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vault"
	"github.com/zhunxin/zhunxin/internal/vendorcode"
)

// Platform is one node with all its parts. Start begins with what takes messages
// to carriers and ends with what lets customers in; Stop goes the other way.
type Platform struct {
	Config   config.Config
	DB       *store.DB
	Keys     *vault.Keys
	IDs      *sms.IDs
	Shelf    *edition.Shelf
	Packs    *edition.Desk
	Gate     *gate.Gate
	Desk     *dispatch.Desk
	Worker   *dispatch.Worker
	Receiver *inbound.Receiver
	Channels *channel.Set
	Evidence *Evidence
	Watch    *risk.Watch
	Codes    *vendorcode.Table
	Lists    *consent.Importer
	Campaign *campaign.Desk
	Now      func() time.Time
	Logger   *slog.Logger

	folder    *folder
	offset    time.Duration
	events    *bell                              // rings when there is something new for readers of the feed
	untold    *bell                              // rings when there is something new in the database for protocol logins
	customers atomic.Pointer[[]*spserver.Server] // by protocol
	sockets   listener.Config                    // set by Listen
	taken     map[string]net.Listener            // what listens already, by its address

	latency latencies
	delays  inbound.Delays
	files   atomic.Int64                  // the duty behind which the next round of late case files begins
	stops   []func(context.Context) error // in the order of start
}

// Open opens the data folder and everything in it, and starts nothing.
func Open(ctx context.Context, cfg config.Config, f *folder, logger *slog.Logger) (p *Platform, err error) {
	c, err := f.readClock()
	if err != nil {
		return nil, err
	}
	p = &Platform{Config: cfg, Now: c.now, Logger: logger, folder: f, offset: c.offset(), events: newBell(), untold: newBell(), latency: newLatencies()}
	if p.Keys, err = keys(filepath.Join(f.path, fileKeys), cfg.Suite); err != nil {
		return nil, err
	}
	packs, err := rulebook.Builtin()
	if err != nil {
		return nil, err
	}
	if p.Shelf, err = edition.NewShelf(packs); err != nil {
		return nil, err
	}
	if p.IDs, err = sms.NewIDs(cfg.Node, p.Now); err != nil {
		return nil, err
	}
	if p.DB, err = p.database(ctx, false); err != nil {
		return nil, err
	}
	err = p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		last, err := tx.LastID(ctx)
		if err != nil {
			return err
		}
		p.IDs.After(last)
		return checkIndex(ctx, tx, p.Keys)
	})
	if err != nil {
		return nil, errors.Join(err, p.DB.Close())
	}
	p.DB.RequireIndex(p.Keys.IndexKeys()[0])
	if p.Evidence, err = openEvidence(ctx, p); err != nil {
		return nil, errors.Join(err, p.DB.Close())
	}
	p.customers.Store(&[]*spserver.Server{})
	if p.Codes, err = vendorcode.Builtin(); err != nil {
		return nil, errors.Join(err, p.DB.Close())
	}
	p.join()
	return p, nil
}

// keys opens the key file, or makes it at the first start, for the suite that the
// settings name: it can't be changed later.
func keys(path, name string) (*vault.Keys, error) {
	suite, err := vault.ParseSuite(name)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return vault.Create(path, suite)
	}
	k, err := vault.Open(path)
	if err == nil && k.Suite() != suite {
		err = fmt.Errorf("key file %s is of the suite %s, the settings say %s: a suite is chosen at the first start and stays", path, k.Suite(), suite)
	}
	return k, err
}

func (p *Platform) database(ctx context.Context, alone bool) (*store.DB, error) {
	if p.Config.Database.Kind != "postgres" {
		return store.OpenSQLite(ctx, filepath.Join(p.folder.path, fileDatabase), p.Now) // the folder's lock keeps others out
	}
	dsn, err := p.Config.DSN()
	if err != nil {
		return nil, err
	}
	now := p.Now
	if p.offset == 0 {
		now = nil // the server's clock, so that all nodes agree
	}
	if alone {
		return store.OpenPostgresAlone(ctx, dsn, now)
	}
	return store.OpenPostgres(ctx, dsn, p.Config.Database.Connections, now)
}

// join makes the parts and tells them of each other.
func (p *Platform) join() {
	cfg, lite := p.Config, p.DB.Dialect() == store.SQLite
	workers := cfg.Gate.Workers
	if lite {
		workers = 1
	}
	p.Packs = p.packDesk()
	p.Desk = &dispatch.Desk{IDs: p.IDs, Rules: func(ctx context.Context, tx gate.LawTx) (*rulebook.Book, error) { return p.Gate.Rules(ctx, tx) }}
	p.Worker = dispatch.NewWorker(dispatch.Config{
		MaxClaims: 500, MaxAnswers: 1000, Gather: gather, Poll: pollEvery(lite), Together: lite, Logger: p.Logger, Now: p.Now,
		Limits: dispatch.Limits(cfg.Channel.Breaker),
		Redecide: func(ctx context.Context, list []*sms.Message) error {
			_, err := p.Gate.Redecide(ctx, list, false)
			return err
		},
		OnTold: p.told, Observe: func(d time.Duration) { p.latency.answer.Observe(d.Seconds()) },
	}, p.Desk, lookStore{DispatchStore{p.DB}, p}, p.Keys)
	p.Gate = gate.New(gate.Config{
		BatchRecipients: cfg.Gate.BatchRecipients, BatchWait: cfg.Gate.BatchWait, QueueRecipients: cfg.Gate.Queue, Workers: workers,
		IdempotencyKept: cfg.Gate.IdempotencyKept, Logger: p.Logger,
		NotAfter: map[sms.Category]time.Duration{
			sms.OTP: cfg.NotAfter.OTP, sms.Notice: cfg.NotAfter.Notice, sms.Public: cfg.NotAfter.Public, sms.MKT: cfg.NotAfter.MKT, sms.Consent: cfg.NotAfter.Consent,
		},
		OnReady: p.Worker.Offer, Courier: p.Worker,
		Observe: func(d time.Duration) { p.latency.decision.Observe(d.Seconds()) },
		Busy:    func() bool { return p.Receiver.Backlog() > reportBacklog },
	}, GateStore{p.DB}, p.Shelf, p.Keys, p.IDs)
	p.Receiver = &inbound.Receiver{
		Store: InboundStore{p.DB}, Gather: 10 * gather, IDs: p.IDs, Keys: p.Keys, Codes: p.Codes, InForce: p.Gate.InForce, Now: p.Now, Logger: p.Logger,
		OnReports: p.reported, OnMO: p.told, OnEnded: p.ended,
	}
	p.Lists = &consent.Importer{Store: listStore{p.DB}, Keys: p.Keys, IDs: p.IDs, InForce: p.Gate.RulesInForce}
	p.Campaign = campaign.New(campaign.Config{Store: campaignStore{p.DB}, Gate: p.Gate, Keys: p.Keys, IDs: p.IDs, OnTold: p.told, Logger: p.Logger})
	p.Watch = &risk.Watch{Store: riskStore{p.DB}, InForce: p.Gate.RulesInForce, Codes: p.Codes, IDs: p.IDs, Logger: p.Logger}
	p.Channels = channel.NewSet(channel.Config{
		Leases: &leases{p.DB, cfg.Node, p.Worker}, Inbound: p.Receiver, OnCredit: p.Worker.Wake, Now: p.Now, Logger: p.Logger,
		ResponseTimeout: cfg.Channel.ResponseTimeout,
		Open: func(sealed []byte) (string, error) {
			plain, err := p.Keys.Open(vault.PurposeLogin, sealed)
			return string(plain), err
		},
	}, p.Worker.SetLines)
}

// gather is how long answers wait for company in their transactions. Reports, for which nobody
// waits, may wait ten times as long.
const gather = 2 * time.Millisecond

// reportBacklog is how many reports may wait before the gate steps back for them.
const reportBacklog = 10_000

// pollEvery is how often dispatch asks the database for what memory does not know
// of: on SQLite only what a failure left, on PostgreSQL what other nodes decided.
func pollEvery(lite bool) time.Duration {
	if lite {
		return 5 * time.Second
	}
	return 500 * time.Millisecond
}

// spawn runs a part until it is stopped. It stops before everything that was
// started earlier.
func (p *Platform) spawn(run func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { run(ctx) })
	p.stops = append(p.stops, func(context.Context) error {
		cancel()
		done.Wait()
		return nil
	})
}

// The collector's pace: what lives is small beside what passes through, so that it is
// let grow to five times before it is looked through, within a bound of memory.
const (
	gcPercent = 400
	gcBound   = 192 << 20
)

// tuneCollector sets the pace, unless the environment does.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(gcBound)
	}
}

// Start starts the parts in order.
func (p *Platform) Start(ctx context.Context) error {
	tuneCollector()
	if err := p.beginEdition(ctx); err != nil {
		return err
	}
	if err := p.DB.LoadRecent(ctx); err != nil {
		return err
	}
	if err := p.doubtRestored(ctx); err != nil {
		return err
	}
	p.spawn(p.Evidence.run)
	p.spawn(p.Worker.Run)
	p.spawn(p.Receiver.Run)
	p.stops = append(p.stops, func(context.Context) error { p.Channels.Close(); return nil })
	p.spawn(p.follow)
	p.spawn(p.Gate.Run)
	p.spawn(p.sweep)
	p.spawn(p.watch)
	p.spawn(p.watchDuties)
	p.spawn(func(ctx context.Context) { p.Lists.Run(ctx, p.Logger) })
	p.spawn(p.Campaign.Run)
	p.spawn((&callback.Caller{
		Store: callbackStore{p.DB}, Keys: p.Keys, IDs: p.IDs, Now: p.Now, Logger: p.Logger, Private: p.Config.Webhook.Private, Settle: p.settle(),
		Formats: (&dialect.Push{Keys: p.Keys, Snapshot: p.Gate.Snapshot, Codes: p.Codes}).Formats(),
	}).Run)
	return nil
}

// Stop ends the parts in reverse order and closes the database.
func (p *Platform) Stop(ctx context.Context) error {
	var errs []error
	for i := len(p.stops) - 1; i >= 0; i-- {
		errs = append(errs, p.stops[i](ctx))
	}
	p.stops = nil
	return errors.Join(append(errs, p.DB.Close(), p.folder.close())...)
}

// followEvery is how soon a change of the registry reaches the channels.
const followEvery = 500 * time.Millisecond

// follow keeps the channels as the registry says.
func (p *Platform) follow(ctx context.Context) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	generation := int64(-1)
	for {
		snap, _, err := p.Gate.InForce(ctx)
		switch {
		case snap == nil && ctx.Err() == nil:
			p.Logger.Error("read the registry", "err", err)
		case snap == nil || snap.Generation == generation:
		case err != nil: // what this node can't decide, another one may
			generation = snap.Generation
			p.Channels.Rest()
		default:
			generation = snap.Generation
			p.Channels.Sync(snap)
			p.Worker.SetPaces(pacesOf(snap))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// pacesOf are the slow-downs in force.
func pacesOf(snap *registry.Snapshot) (out []dispatch.Pace) {
	for _, m := range snap.SlowDowns() {
		out = append(out, dispatch.Pace{
			Measure: m.ID, PerMinute: m.Pace,
			Reaches: func(x *sms.Message) bool { return snap.Reaches(m, x.AccountID, x.SignatureID, x.TemplateID) },
		})
	}
	return out
}

// Registry is the registry as of now.
func (p *Platform) Registry(ctx context.Context) (*registry.Snapshot, error) {
	return p.Gate.Snapshot(ctx)
}

// settle is how long an event may take from its id to its commit. On SQLite events get
// their ids in the writer's turn, so that they are in order of commit.
func (p *Platform) settle() time.Duration {
	if p.DB.Dialect() == store.SQLite {
		return 0
	}
	return 2 * time.Second
}

// channelStates lists this node's channels with how they do.
func (p *Platform) channelStates() []channel.State {
	list := p.Channels.States()
	for i := range list {
		list[i].Health = channel.HealthOf(p.Worker.Health(list[i].ID))
	}
	return list
}

// told says that customers were told something: it stands in the database.
func (p *Platform) told() {
	p.events.ring()
	p.untold.ring()
}

// ended tells the channel's breaker, and remembers what its reports take.
func (p *Platform) ended(channel sms.ID, list []inbound.Ended) {
	p.Worker.Reported(channel, list)
	p.delays.Note(channel, list)
}

// reported hands what was booked to the customers' protocol servers, which need not
// read it again.
func (p *Platform) reported(list []inbound.Told) {
	if len(list) == 0 {
		return
	}
	for i := range list {
		p.latency.report.Observe(time.UnixMilli(list[i].Event.At).Sub(list[i].Event.ObjectID.Time()).Seconds())
	}
	p.events.ring()
	for _, s := range *p.customers.Load() {
		s.Tell(list)
	}
}

// bell wakes those who wait for events.
type bell struct {
	mu   sync.Mutex
	wait chan struct{}
}

func newBell() *bell { return &bell{wait: make(chan struct{})} }

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.wait)
	b.wait = make(chan struct{})
}

// next is closed at the next ring.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wait
}
