package inbound

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zhunxin/zhunxin/internal/batch"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
	"github.com/zhunxin/zhunxin/internal/vendorcode"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// Bounds of what waits to be stored. A carrier is asked to send again what does
// not fit.
const (
	MaxReports  = 20_000
	maxMOs      = 2_000
	batchReport = 1000
)

// Store runs the receiver's transactions: reports in their turn, messages from
// handsets before all else, because one may be an opt-out.
type Store interface {
	WriteReports(ctx context.Context, fn func(context.Context, Tx) error) error
	WriteMO(ctx context.Context, fn func(context.Context, MOTx) error) error
}

// Receiver takes reports and MOs from the carriers, stores them in batches, and
// acknowledges each only after its commit.
type Receiver struct {
	Store Store
	IDs   *sms.IDs
	Keys  *vault.Keys
	Codes *vendorcode.Table
	// InForce is the registry and the rulebook as of now.
	InForce func(ctx context.Context) (*registry.Snapshot, *rulebook.Book, error)
	Now     func() time.Time
	Logger  *slog.Logger
	Gather  time.Duration // how long reports wait for company in their transaction while some comes
	// OnEnded, if set, gets the ends of a channel's segments after their commit.
	OnEnded func(channel sms.ID, list []Ended)
	// OnReports gets what customers were told of reports, after the commit; OnMO is
	// called after the commit of a message from a handset.
	OnReports func([]Told)
	OnMO      func()
	Stats     Stats

	mu      sync.Mutex
	reports []report
	mos     []mo
	once    sync.Once
	wakeup  [2]chan struct{}
}

// Stats counts what came in since the start.
type Stats struct {
	Reports, Booked, Late, Partial, Duplicates, Unmatched, MOs, OptOuts, Refused, Failures atomic.Int64
}

type report struct {
	r      sms.Report
	number sms.MSISDN
	ack    func(ok bool)
}

type mo struct {
	channel sms.ID
	m       session.MO
	ack     func(ok bool)
}

func (x *Receiver) init() {
	x.once.Do(func() { x.wakeup = [2]chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1)} })
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// statOf keeps the raw state with the network's code, which says more.
func statOf(r session.Report) string {
	if r.Err == "" {
		return r.Stat
	}
	return r.Stat + ":" + r.Err
}

// Report implements channel.Inbound. message is ours if the carrier named it, else 0.
func (x *Receiver) Report(channel sms.ID, r session.Report, message sms.ID, ack func(ok bool)) {
	x.init()
	in := sms.Report{
		ChannelID: channel, UpstreamID: r.ID, MessageID: message, Source: r.Source, Stat: statOf(r), ReceivedAt: x.Now().UnixMilli(),
	}
	n, err := sms.ParseMSISDN(r.Dest)
	if err == nil { // else it matches nothing, and is kept
		in.PhoneID = x.Keys.PhoneID(n)
	}
	x.mu.Lock()
	full := len(x.reports) >= MaxReports
	if !full {
		x.reports = append(x.reports, report{in, n, ack})
	}
	x.mu.Unlock()
	if full {
		x.Stats.Refused.Add(1)
		ack(false)
		return
	}
	poke(x.wakeup[0])
}

// MO implements channel.Inbound.
func (x *Receiver) MO(channel sms.ID, m session.MO, ack func(ok bool)) {
	x.init()
	x.mu.Lock()
	full := len(x.mos) >= maxMOs
	if !full {
		x.mos = append(x.mos, mo{channel, m, ack})
	}
	x.mu.Unlock()
	if full {
		x.Stats.Refused.Add(1)
		ack(false)
		return
	}
	poke(x.wakeup[1])
}

// Run stores what comes until ctx ends, and then what is left.
func (x *Receiver) Run(ctx context.Context) {
	x.init()
	var parts sync.WaitGroup
	parts.Go(func() { x.watchReports(ctx) })
	parts.Go(func() { x.watchMOs(ctx) })
	parts.Go(func() { x.watchParts(ctx) })
	parts.Wait()
}

func (x *Receiver) watchReports(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-x.wakeup[0]:
		case <-ctx.Done():
		}
		for x.Backlog() > 0 && ctx.Err() == nil {
			x.gather(ctx)
			x.storeReports(context.WithoutCancel(ctx))
		}
	}
	for x.Backlog() > 0 {
		x.storeReports(context.WithoutCancel(ctx))
	}
}

// gatherStep is within how long a report must follow another to be worth waiting for: a
// carrier whose window is full sends none until it has an answer.
const gatherStep = 4 * time.Millisecond

// gather waits for as many reports as a transaction takes, as long as they come.
func (x *Receiver) gather(ctx context.Context) {
	n := x.Backlog()
	for waited := time.Duration(0); waited < x.Gather && n < batchReport; waited += gatherStep {
		select {
		case <-time.After(gatherStep):
		case <-ctx.Done():
			return
		}
		was := n
		if n = x.Backlog(); n == was {
			return
		}
	}
}

func (x *Receiver) watchMOs(ctx context.Context) { // they don't wait: one may be an opt-out
	for ctx.Err() == nil {
		select {
		case <-x.wakeup[1]:
		case <-ctx.Done():
		}
		x.storeMOs(context.WithoutCancel(ctx))
	}
}

func (x *Receiver) takeReports() map[sms.ID][]report {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := min(len(x.reports), batchReport)
	out := map[sms.ID][]report{}
	for _, r := range x.reports[:n] {
		out[r.r.ChannelID] = append(out[r.r.ChannelID], r)
	}
	x.reports = x.reports[n:]
	return out
}

// Backlog is how many reports wait to be stored.
func (x *Receiver) Backlog() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.reports)
}

// storeReports stores what one transaction takes.
func (x *Receiver) storeReports(ctx context.Context) {
	for channel, list := range x.takeReports() {
		x.storeChannel(ctx, channel, list)
	}
}

func (x *Receiver) storeChannel(ctx context.Context, channel sms.ID, list []report) {
	plain, numbers := make([]sms.Report, len(list)), make(map[[16]byte]sms.MSISDN, len(list))
	for i := range list {
		plain[i] = list[i].r
		numbers[list[i].r.PhoneID] = list[i].number
	}
	done := make([]bool, len(list))
	lo, hi, err := batch.Isolate(len(list), func(lo, hi int) error {
		var n Counts
		err := x.vacant(ctx, channel, plain[lo:hi])
		if err != nil {
			return err
		}
		err = x.Store.WriteReports(ctx, func(ctx context.Context, tx Tx) (err error) {
			n, err = Reports(ctx, tx, x.IDs, channel, plain[lo:hi])
			return err
		})
		if err != nil {
			return err
		}
		for i := lo; i < hi; i++ {
			done[i] = true
		}
		x.Stats.Reports.Add(int64(hi - lo))
		x.Stats.Booked.Add(int64(n.Booked))
		x.Stats.Late.Add(int64(n.Late))
		x.Stats.Partial.Add(int64(n.Partial))
		x.Stats.Duplicates.Add(int64(n.Duplicates))
		x.Stats.Unmatched.Add(int64(n.Unmatched))
		for i := range n.Told {
			n.Told[i].Number = numbers[n.Told[i].PhoneID]
		}
		x.OnReports(n.Told)
		if x.OnEnded != nil {
			x.OnEnded(channel, n.Ended)
		}
		return nil
	})
	if err != nil {
		x.Stats.Failures.Add(1)
		x.Logger.Error("reports could not be stored; the carrier is asked to send them again", "channel", channel, "count", hi-lo, "err", err)
	}
	for i := range list {
		list[i].ack(done[i])
	}
}

// vacant marks the reports which say that a number does not exist (CNS-16).
func (x *Receiver) vacant(ctx context.Context, channel sms.ID, list []sms.Report) error {
	snap, _, err := x.InForce(ctx)
	if snap == nil { // reports are settled whether or not this node can use the rulebook
		return fmt.Errorf("read the registry: %w", err)
	}
	ch := snap.Channel[channel]
	for i := range list {
		if final, delivered := Final(list[i].Stat); final && !delivered && ch != nil {
			list[i].Vacant = x.Codes.Report(ch, list[i].Stat).Vacant
		}
	}
	return nil
}

func (x *Receiver) storeMOs(ctx context.Context) {
	for {
		x.mu.Lock()
		if len(x.mos) == 0 {
			x.mu.Unlock()
			return
		}
		m := x.mos[0]
		x.mos = x.mos[1:]
		x.mu.Unlock()
		word, err := x.storeMO(ctx, m)
		if err != nil {
			x.Stats.Failures.Add(1)
			x.Logger.Error("a message from a handset could not be stored; the carrier is asked to send it again", "channel", m.channel, "err", err)
		} else {
			x.Stats.MOs.Add(1)
			if word != "" {
				x.Stats.OptOuts.Add(1)
			}
		}
		m.ack(err == nil)
		x.OnMO()
	}
}
