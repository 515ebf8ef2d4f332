package dispatch

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zhunxin/zhunxin/internal/batch"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/inbound"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// Line is a channel's connections as dispatch sees them.
type Line interface {
	Channel() sms.ID
	// Lease is the right to write; ok is false while there is none with margin.
	Lease() (l Lease, ok bool)
	// Credit is how many PDUs of a class may be written at once now; for all but
	// verification codes a share of the window is kept back.
	Credit(c sms.Class) int
	// Up tells whether a session is logged in.
	Up() bool
	// Submit writes one PDU; done is called once, never by Submit itself.
	Submit(s session.Submit, done func(session.Outcome))
	// Send hands over a whole text, where the permit says that the upstream splits it.
	// done also gets the upstream's word where that is no number.
	Send(t Text, done func(o session.Outcome, code string))
}

// Text is a whole message on its way to an upstream. It never leaves memory.
type Text struct {
	Message    sms.ID
	Number     sms.MSISDN
	Source     string // number that the handset is to show
	Text       string // with its signature
	ValidUntil time.Time
	// Template is the upstream's own, where it takes no text, and Values what stands for
	// its variables.
	Template *registry.FiledTemplate
	Values   []string
}

// WorkTx is what the worker needs of a transaction.
type WorkTx interface {
	Tx
	inbound.Tx
	gate.Reader
	Queued(ctx context.Context, channel sms.ID, class sms.Class, account, after sms.ID, limit int) ([]*sms.Message, error)
	QueuedAccounts(ctx context.Context, channel sms.ID, class sms.Class) ([]sms.ID, error)
	SubmittingOn(ctx context.Context, channel sms.ID, before int64, limit int) ([]*sms.Message, error)
	Breakers(ctx context.Context) ([]sms.Breaker, error)
	PutBreaker(ctx context.Context, b sms.Breaker) error
}

// Store runs the worker's transactions.
type Store interface {
	Write(ctx context.Context, fn func(context.Context, WorkTx) error) error
	Read(ctx context.Context, fn func(context.Context, WorkTx) error) error
}

// Config is how the worker works.
type Config struct {
	MaxClaims  int           // messages of one second look
	MaxAnswers int           // answers booked in one transaction
	Gather     time.Duration // how long a cycle waits for company
	Poll       time.Duration // how often the database is asked for what memory does not know of
	// Together puts answers and second looks of a cycle into one transaction: on
	// SQLite, where one sync costs more than all else. On PostgreSQL each has its
	// own, because together they would break the lock order.
	Together bool
	// Redecide passes messages through the gate again.
	Redecide func(ctx context.Context, list []*sms.Message) error
	// OnTold is called after a commit that told customers something.
	OnTold func()
	// Observe, if set, is told how long the carrier took for each answer.
	Observe func(time.Duration)
	Logger  *slog.Logger
	Limits  Limits           // when channels are taken out; zero takes none out
	Watch   time.Duration    // how often channels are looked after, 0 is twice a second
	Now     func() time.Time // nil is time.Now
}

const watchEvery = 500 * time.Millisecond

// Worker takes permitted messages to the carriers.
type Worker struct {
	cfg    Config
	desk   *Desk
	store  Store
	keys   *vault.Keys
	wake   chan struct{}
	lines  atomic.Pointer[[]Line]
	health *health
	Stats  Stats

	mu      sync.Mutex
	queues  map[sms.ID]*queue
	fresh   bool // a channel is new
	answers []Answer
	paces   paces

	wordings wordings
	out      outbox
	back     chan []*sms.Message
	loads    sync.WaitGroup
}

// Stats counts what the worker did since it started.
type Stats struct {
	Cycles, Claimed, Cancelled, SentBack, Written, Answers, Failures, Damaged, Moved, Early, Twice, Partly atomic.Int64
}

// NewWorker makes a worker; Run makes it work.
func NewWorker(cfg Config, desk *Desk, store Store, keys *vault.Keys) *Worker {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Watch == 0 {
		cfg.Watch = watchEvery
	}
	h := newHealth(cfg.Limits, cfg.Now, cfg.Logger)
	own := *desk
	own.Usable = h.usable
	w := &Worker{
		cfg: cfg, desk: &own, health: h, store: store, keys: keys, wake: make(chan struct{}, 1), queues: map[sms.ID]*queue{},
		paces: paces{now: cfg.Now},
		out:   outbox{parts: map[sms.ID][]Part{}, held: map[sms.ID]int{}}, back: make(chan []*sms.Message, 16),
	}
	w.lines.Store(&[]Line{})
	return w
}

// SetLines replaces the channels that this node writes on.
func (w *Worker) SetLines(lines []Line) {
	w.mu.Lock()
	for _, l := range lines {
		if w.queues[l.Channel()] == nil {
			w.queues[l.Channel()] = &queue{}
			w.fresh = true
		}
	}
	w.mu.Unlock()
	w.lines.Store(&lines)
	w.Wake()
}

// gather waits a moment for company: what comes meanwhile shares a transaction.
// Verification codes do not wait.
func (w *Worker) gather(ctx context.Context) {
	if w.cfg.Gather <= 0 || w.urgent() {
		return
	}
	timer := time.NewTimer(w.cfg.Gather)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		case <-w.wake:
			if w.urgent() {
				return
			}
		}
	}
}

// urgent tells whether a verification code waits in memory.
func (w *Worker) urgent() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range w.queues {
		for _, f := range q.classes[sms.ClassOTP].ring {
			if len(f.list) > 0 {
				return true
			}
		}
	}
	return false
}

// news tells whether there are channels whose queues have not been read yet.
func (w *Worker) news() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.fresh
	w.fresh = false
	return was
}

// Wake says that there is credit, or something to do.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Offer takes permitted messages from the gate after their commit. It never
// blocks: what memory does not hold waits in the database.
func (w *Worker) Offer(list []gate.Ready) {
	w.mu.Lock()
	for i := range list {
		if q := w.queues[list[i].Message.ChannelID]; q != nil {
			q.add(list[i])
		}
	}
	w.mu.Unlock()
	w.Wake()
}

// Depth counts what waits in memory for a channel, by class.
func (w *Worker) Depth(channel sms.ID) (n [sms.NumClasses]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if q := w.queues[channel]; q != nil {
		n = q.depth()
	}
	return n
}

// Oldest is when the oldest message was decided that waits in memory, in epoch
// milliseconds; 0 when none waits.
func (w *Worker) Oldest() (at int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range w.queues {
		if o := q.oldest(); o != 0 && (at == 0 || o < at) {
			at = o
		}
	}
	return at
}

// Run works until ctx ends, then books the answers that came.
func (w *Worker) Run(ctx context.Context) {
	var returns sync.WaitGroup
	returns.Go(func() { w.redecide(ctx) })
	w.health.begin()
	returns.Go(func() { w.watch(ctx) })
	defer returns.Wait()
	defer w.loads.Wait()
	poll := time.NewTicker(w.cfg.Poll)
	defer poll.Stop()
	w.poll(ctx)
	for {
		select {
		case <-w.wake:
			if w.news() {
				w.poll(ctx)
			}
		case <-poll.C:
			w.poll(ctx)
		case <-ctx.Done():
			w.flush() // what can't be written any more goes back to the queue
			w.book(context.WithoutCancel(ctx))
			return
		}
		for w.cycle(ctx) && ctx.Err() == nil {
			w.gather(ctx)
		}
	}
}

// redecide passes what the second look sent back through the gate.
func (w *Worker) redecide(ctx context.Context) {
	for {
		select {
		case list := <-w.back:
			if err := w.cfg.Redecide(ctx, list); err != nil && ctx.Err() == nil {
				w.cfg.Logger.Error("messages could not be decided anew", "count", len(list), "err", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// poll looks for messages that this node's memory does not know of: after a
// start, from other nodes, and what a failed transaction left.
func (w *Worker) poll(ctx context.Context) {
	for _, line := range *w.lines.Load() {
		w.mu.Lock()
		q := w.queues[line.Channel()]
		w.mu.Unlock()
		for c := sms.Class(0); c < sms.NumClasses; c++ {
			var accounts []sms.ID
			err := w.store.Read(ctx, func(ctx context.Context, tx WorkTx) (err error) {
				accounts, err = tx.QueuedAccounts(ctx, line.Channel(), c)
				return err
			})
			if err != nil {
				w.failed("look for queued messages", err)
				return
			}
			w.mu.Lock()
			for _, a := range accounts {
				q.spill(c, a)
			}
			w.mu.Unlock()
		}
	}
	w.Wake()
}

func (w *Worker) failed(what string, err error) {
	w.Stats.Failures.Add(1)
	w.cfg.Logger.Error("dispatch: "+what, "err", err)
}

// claim is what one line may take in one cycle.
type claim struct {
	line  Line
	lease Lease
	list  []gate.Ready
	held  int // PDUs
}

// cycle books answers, takes second looks and writes what passed. It tells
// whether there may be more to do at once.
func (w *Worker) cycle(ctx context.Context) bool {
	w.flush()
	answers := w.takeAnswers()
	w.refill(ctx)
	claims := w.claims()
	if len(answers) == 0 && len(claims) == 0 {
		return false
	}
	w.Stats.Cycles.Add(1)
	defer func() {
		for _, c := range claims {
			w.out.hold(c.line.Channel(), -c.held)
		}
		w.flush()
	}()
	if w.cfg.Together {
		err := w.store.Write(ctx, func(ctx context.Context, tx WorkTx) error { return w.both(ctx, tx, answers, claims) })
		if err == nil {
			return true
		}
		w.failed("answers and second looks together", err)
	}
	sound := w.settleAll(ctx, answers)
	for _, c := range claims {
		sound = w.lookAll(ctx, c) && sound
	}
	return sound // a store at fault is asked again at the next poll
}

// both runs everything of a cycle in one transaction. Its effects on memory come
// after the commit.
func (w *Worker) both(ctx context.Context, tx WorkTx, answers []Answer, claims []claim) error {
	left, err := w.settle(ctx, tx, answers)
	if err != nil {
		return err
	}
	verdicts := make([]Verdict, len(claims))
	for i, c := range claims {
		if verdicts[i], err = w.desk.Look(ctx, tx, c.lease, c.list); err != nil {
			return err
		}
	}
	tx.AfterCommit(func() {
		w.settled(answers, left)
		for i, c := range claims {
			w.looked(c, verdicts[i])
		}
	})
	return nil
}

// settle books answers, and the reports that came before them.
func (w *Worker) settle(ctx context.Context, tx WorkTx, answers []Answer) (Settled, error) {
	if len(answers) == 0 {
		return Settled{}, nil
	}
	left, err := w.desk.Settle(ctx, tx, answers)
	if err != nil {
		return left, err
	}
	accepted, doubtful := map[sms.ID][]string{}, map[sms.ID][]sms.ID{}
	for i := range answers {
		a := &answers[i] // in doubt, SGIP's id is known: its report may have come
		if a.Outcome.Kind == session.Answered && a.Outcome.Result == 0 || a.Outcome.Kind == session.InDoubt && a.Outcome.ID != "" {
			accepted[a.Channel] = append(accepted[a.Channel], a.Outcome.ID)
		} else if a.Outcome.Kind == session.InDoubt { // its report may have named it
			doubtful[a.Channel] = append(doubtful[a.Channel], a.Ready.Message.ID)
		}
	}
	count := func(channel sms.ID, n inbound.Counts) {
		left.Told = left.Told || n.Booked > 0
		left.Early, left.Twice, left.Partly = left.Early+n.Booked, left.Twice+n.Duplicates, left.Partly+n.Partial
		left.Reports = append(left.Reports, reportSamples(channel, n.Ended)...)
	}
	for channel, ids := range accepted {
		n, err := inbound.Early(ctx, tx, w.desk.IDs, channel, ids)
		if err != nil {
			return left, err
		}
		count(channel, n)
	}
	for channel, ids := range doubtful {
		n, err := inbound.EarlyOf(ctx, tx, w.desk.IDs, channel, ids)
		if err != nil {
			return left, err
		}
		count(channel, n)
	}
	return left, nil
}

// settleAll books answers in transactions of their own. One that can't be booked
// holds up no other: its message stays submitting, and is in doubt after the next
// start.
func (w *Worker) settleAll(ctx context.Context, answers []Answer) bool {
	if len(answers) == 0 {
		return true
	}
	lo, hi, err := batch.Isolate(len(answers), func(lo, hi int) error {
		return w.store.Write(ctx, func(ctx context.Context, tx WorkTx) error {
			left, err := w.settle(ctx, tx, answers[lo:hi])
			if err == nil {
				tx.AfterCommit(func() { w.settled(answers[lo:hi], left) })
			}
			return err
		})
	})
	if err == nil {
		return true
	}
	w.failed("book the answer to message "+answers[lo].Ready.Message.ID.String(), err)
	if hi-lo > 1 {
		w.mu.Lock()
		w.answers = append(append([]Answer(nil), answers[lo:hi]...), w.answers...)
		w.mu.Unlock()
	}
	return hi-lo == 1
}

// lookAll takes second looks in transactions of their own. A message that can't
// be looked at stays queued in the database, and the next poll finds it.
func (w *Worker) lookAll(ctx context.Context, c claim) bool {
	lo, hi, err := batch.Isolate(len(c.list), func(lo, hi int) error {
		part := claim{line: c.line, lease: c.lease, list: c.list[lo:hi]}
		return w.store.Write(ctx, func(ctx context.Context, tx WorkTx) error {
			v, err := w.desk.Look(ctx, tx, part.lease, part.list)
			if err == nil {
				tx.AfterCommit(func() { w.looked(part, v) })
			}
			return err
		})
	})
	if err == nil {
		return true
	}
	w.failed("second look at message "+c.list[lo].Message.ID.String(), err)
	return hi-lo == 1
}

func (w *Worker) settled(answers []Answer, left Settled) {
	if left.Told {
		w.cfg.OnTold()
	}
	w.Stats.Answers.Add(int64(len(answers)))
	w.Stats.Moved.Add(int64(left.Moved))
	w.Stats.Early.Add(int64(left.Early))
	w.Stats.Twice.Add(int64(left.Twice))
	w.Stats.Partly.Add(int64(left.Partly))
	w.health.answered(left.Answers)
	w.health.reported(left.Reports)
	for _, p := range left.Resend {
		w.out.put(p.Ready.Message.ChannelID, 0, []Part{p})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	byChannel := map[sms.ID][]gate.Ready{}
	for _, r := range left.Again {
		byChannel[r.Message.ChannelID] = append(byChannel[r.Message.ChannelID], r)
	}
	for channel, list := range byChannel {
		if q := w.queues[channel]; q != nil {
			q.back(list)
		}
	}
}

func (w *Worker) looked(c claim, v Verdict) {
	w.Stats.Claimed.Add(int64(len(v.Go)))
	w.Stats.Cancelled.Add(int64(v.Gone))
	if v.Gone > 0 {
		w.cfg.OnTold()
	}
	w.Stats.SentBack.Add(int64(len(v.Back)))
	w.health.spare(c.lease.Channel, len(c.list)-len(v.Go))
	w.out.put(c.lease.Channel, 0, partsOf(v.Go, c.lease))
	if len(v.Back) == 0 {
		return
	}
	list := make([]*sms.Message, len(v.Back))
	for i := range v.Back {
		list[i] = v.Back[i].Message
	}
	select {
	case w.back <- list:
	default: // they stay queued in the database, and the next poll finds them
	}
}

// claims takes from the queues what the lines have credit for.
func (w *Worker) claims() []claim {
	var out []claim
	budget := w.cfg.MaxClaims
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, line := range *w.lines.Load() {
		lease, ok := line.Lease()
		q := w.queues[line.Channel()]
		if !ok || q == nil {
			continue
		}
		granted := w.health.allow(line.Channel(), budget)
		if granted == 0 {
			continue
		}
		c := claim{line: line, lease: lease}
		for at := sms.Class(0); at < sms.NumClasses; at++ {
			room, used := w.out.reserve(line, at, budget), 0
			for used < room && len(c.list) < granted {
				r, ok := q.pop(at, w.paces.take)
				if !ok {
					break
				}
				c.list = append(c.list, r)
				used += max(1, r.Message.Segments)
			}
			w.out.hold(line.Channel(), used-room)
			c.held += used
			if q.reading(at) { // what is less urgent waits until it is known what is there
				break
			}
		}
		w.health.spare(line.Channel(), granted-len(c.list))
		if budget -= len(c.list); len(c.list) > 0 {
			out = append(out, c)
		}
	}
	return out
}

func (w *Worker) takeAnswers() []Answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.answers), w.cfg.MaxAnswers)
	out := w.answers[:n:n]
	w.answers = w.answers[n:]
	return out
}

// book stores the answers that are there.
func (w *Worker) book(ctx context.Context) {
	for answers := w.takeAnswers(); len(answers) > 0; answers = w.takeAnswers() {
		if !w.settleAll(ctx, answers) {
			return
		}
	}
}
