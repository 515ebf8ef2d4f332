package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/zhunxin/zhunxin/internal/edition"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// Config is how the gate works.
type Config struct {
	BatchRecipients int           // recipients of one transaction
	BatchWait       time.Duration // how long a batch waits for company
	QueueRecipients int           // recipients that may wait for their decision; more are told to come again
	Workers         int           // transactions at a time: 1 on SQLite
	IdempotencyKept time.Duration
	NotAfter        map[sms.Category]time.Duration
	Logger          *slog.Logger
	// OnReady gets the permitted messages of each batch after its commit, in the
	// order of their decisions. It must not block.
	OnReady func([]Ready)
	// Courier, if set, takes messages that need not wait. What it leaves goes to OnReady.
	Courier Courier
	// Busy tells whether submits or reports have fallen behind, so that the gate
	// should not take their turns.
	Busy func() bool
	// Observe, if set, is told how long each call took, from arrival to commit.
	Observe func(time.Duration)
}

// Gate decides. It is safe for concurrent use.
type Gate struct {
	cfg   Config
	store Store
	shelf *edition.Shelf
	keys  *vault.Keys
	ids   *sms.IDs
	law   atomic.Pointer[law]
	uses  uses

	mu      sync.Mutex
	urgent  queue // calls with a verification code
	normal  queue
	waiting int // recipients
	closed  bool
	wake    chan struct{}
	done    sync.WaitGroup

	stats Stats
}

// Stats counts what the gate did since it started.
type Stats struct {
	Batches, Calls, Recipients, Permitted, Refused, Busy, Failed atomic.Int64
	Waiting                                                      atomic.Int64
}

// New makes a gate; Run makes it work.
func New(cfg Config, store Store, shelf *edition.Shelf, keys *vault.Keys, ids *sms.IDs) *Gate {
	return &Gate{cfg: cfg, store: store, shelf: shelf, keys: keys, ids: ids, wake: make(chan struct{}, 1)}
}

// Stats gives the live counters.
func (g *Gate) Stats() *Stats { return &g.stats }

// Submit decides a call and returns once the decision is on disk. Nothing was
// accepted when it returns an error.
func (g *Gate) Submit(ctx context.Context, call *Call) (Answer, error) {
	if err := check(call); err != nil {
		return Answer{}, err
	}
	if g.law.Load() == nil {
		if _, err := g.Snapshot(ctx); err != nil {
			return Answer{}, &sms.Error{Code: sms.StoreUnavailable, Cause: err}
		}
	}
	done := make(chan outcome, 1)
	g.enqueue(call, func(o outcome) { done <- o })
	select {
	case o := <-done:
		return o.answer, o.err
	case <-ctx.Done():
		// The decision may still commit; a caller with a key learns it by asking again.
		return Answer{}, &sms.Error{Code: sms.Busy, Detail: "the caller went away before the decision", Cause: ctx.Err()}
	}
}

// Send is Submit for callers that must not wait: done is called once, at once when
// the call can't be taken, else after the commit. It must not block.
func (g *Gate) Send(call *Call, done func(Answer, error)) {
	if err := check(call); err != nil {
		done(Answer{}, err)
		return
	}
	g.enqueue(call, func(o outcome) { done(o.answer, o.err) })
}

func (g *Gate) enqueue(call *Call, done func(outcome)) {
	j := &job{call: call, review: call.Reviewed, done: done}
	if g.cfg.Observe != nil {
		began := time.Now()
		j.done = func(o outcome) {
			g.cfg.Observe(time.Since(began))
			done(o)
		}
	}
	if call.Key != "" {
		j.payload = g.keys.PayloadHash(call.Payload)
	}
	n := call.Recipients()
	refuse := func(detail string, args ...any) { done(outcome{err: sms.Errorf(sms.Busy, "", detail, args...)}) }
	g.mu.Lock()
	switch {
	case g.closed:
		g.mu.Unlock()
		refuse("the platform is stopping")
		return
	case g.cfg.Busy != nil && g.cfg.Busy():
		g.mu.Unlock()
		g.stats.Busy.Add(1)
		refuse("what was accepted before is sent first")
		return
	case g.full(call.Application, n):
		waiting := g.waiting
		g.mu.Unlock()
		g.stats.Busy.Add(1)
		refuse("%d recipients wait for their decision", waiting)
		return
	}
	g.waiting += n
	g.stats.Waiting.Store(int64(g.waiting))
	if urgent(j.call) {
		g.urgent.push(j)
	} else {
		g.normal.push(j)
	}
	g.mu.Unlock()
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// full tells whether an application may not add n recipients to those that wait. Who has
// none waiting gets in while there is room at all.
func (g *Gate) full(application sms.ID, n int) bool {
	own := g.urgent.waiting(application) + g.normal.waiting(application)
	free := g.cfg.QueueRecipients - g.waiting
	return n > free || own+n > share*free
}

// urgent tells whether a call is known to hold a verification code before it is read.
func urgent(c *Call) bool {
	if len(c.Parts) == 0 {
		return false
	}
	p := &c.Parts[0]
	return p.Category == sms.OTP || p.Category == "" && p.Otherwise == sms.OTP
}

func check(c *Call) error {
	n := 0
	for i := range c.Parts {
		p := &c.Parts[i]
		n += len(p.Recipients)
		if len(p.Text) > MaxTextBytes {
			return sms.Errorf(sms.TextTooLong, "text", "it has %d bytes, the most is %d", len(p.Text), MaxTextBytes)
		}
		for k := range p.Recipients {
			if !p.Recipients[k].Number.Valid() {
				return sms.Errorf(sms.BadNumber, fmt.Sprintf("recipients[%d]", k), "there is no number")
			}
			if len(p.Recipients[k].Ref) > MaxRef {
				return sms.Errorf(sms.BadRequest, fmt.Sprintf("recipients[%d].ref", k), "it has %d bytes, the most is %d", len(p.Recipients[k].Ref), MaxRef)
			}
			if !utf8.ValidString(p.Recipients[k].Ref) || strings.ContainsRune(p.Recipients[k].Ref, 0) { // not every store takes them
				return sms.Errorf(sms.BadRequest, fmt.Sprintf("recipients[%d].ref", k), "it is not UTF-8, or holds a zero byte")
			}
		}
	}
	switch {
	case n == 0:
		return sms.Errorf(sms.BadRequest, "recipients", "there is none")
	case n > MaxRecipients:
		return sms.Errorf(sms.TooManyRecipients, "recipients", "there are %d", n)
	case len(c.Key) > 128:
		return sms.Errorf(sms.BadRequest, "idempotency key", "it has %d bytes, the most is 128", len(c.Key))
	}
	for _, r := range c.Extension {
		if r < '0' || r > '9' {
			return sms.Errorf(sms.BadRequest, "extension", "it holds something other than digits")
		}
	}
	return nil
}

// Run decides until ctx ends, then finishes what waits.
func (g *Gate) Run(ctx context.Context) {
	for range max(1, g.cfg.Workers) {
		g.done.Add(1)
		go func() {
			defer g.done.Done()
			g.work(ctx)
		}()
	}
	<-ctx.Done()
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.done.Wait()
}

func (g *Gate) work(ctx context.Context) {
	for {
		batch := g.gather(ctx)
		if len(batch) == 0 {
			if ctx.Err() != nil {
				return
			}
			continue
		}
		g.run(context.WithoutCancel(ctx), batch)
	}
}

// gather waits for a first call, gives it a moment of company, and takes what
// fits, codes first, all in turns.
func (g *Gate) gather(ctx context.Context) []*job {
	if g.queued() == 0 {
		select {
		case <-g.wake:
		case <-ctx.Done():
		}
	}
	if n := g.queued(); n > 0 && n < g.cfg.BatchRecipients && g.cfg.BatchWait > 0 && ctx.Err() == nil {
		timer := time.NewTimer(g.cfg.BatchWait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var batch []*job
	n := 0
	for _, q := range []*queue{&g.urgent, &g.normal} {
		for j := q.front(); j != nil; j = q.front() {
			r := j.call.Recipients()
			if n > 0 && n+r > g.cfg.BatchRecipients {
				break
			}
			batch = append(batch, j)
			q.pop()
			n += r
		}
	}
	g.waiting -= n
	g.stats.Waiting.Store(int64(g.waiting))
	if g.waiting > 0 {
		select {
		case g.wake <- struct{}{}:
		default:
		}
	}
	return batch
}

func (g *Gate) queued() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting
}

// errMoved asks for the transaction to be run again on fresher facts.
var errMoved = errors.New("the registry changed during the decision")

// maxInVain is how many attempts may fail one after the other before it is not a call
// that is at fault but what all rely on. One culprit among a batch's calls, or two, are
// found with fewer.
const maxInVain = 24

// run decides a batch, and halves it when it fails.
func (g *Gate) run(ctx context.Context, batch []*job) {
	inVain := 0
	g.halve(ctx, batch, &inVain, nil)
}

func (g *Gate) halve(ctx context.Context, batch []*job, inVain *int, last error) {
	if *inVain >= maxInVain {
		g.fail(batch, last)
		return
	}
	err := g.decide(ctx, batch)
	if err == nil {
		*inVain = 0
		return
	}
	*inVain++
	var known *sms.Error
	if len(batch) == 1 || errors.As(err, &known) && (known.Code == sms.Busy || known.Code == sms.RulebookUnusable) {
		g.fail(batch, err)
		return
	}
	g.halve(ctx, batch[:len(batch)/2], inVain, err)
	g.halve(ctx, batch[len(batch)/2:], inVain, err)
}

// decide runs one transaction for all of a batch.
func (g *Gate) decide(ctx context.Context, batch []*job) error {
	if err := g.ahead(ctx, batch); err != nil {
		g.cfg.Logger.Warn("the transaction must do what could be done before it", "err", err)
	}
	var b *batchRun
	err := errMoved
	for range 3 {
		if !errors.Is(err, errMoved) {
			break
		}
		b, err = g.attempt(ctx, batch)
	}
	if err != nil {
		return err
	}
	g.uses.note(b.newlyUsed, dayOf(b.now.UnixMilli()))
	g.stats.Batches.Add(1)
	if len(b.ready) > 0 && g.cfg.OnReady != nil {
		g.cfg.OnReady(b.ready)
	}
	for i, j := range batch {
		g.stats.Calls.Add(1)
		j.done(b.outcomes[i])
	}
	return nil
}

// fail ends calls that could not be decided.
func (g *Gate) fail(batch []*job, err error) {
	var known *sms.Error
	if !errors.As(err, &known) {
		g.cfg.Logger.Error("calls could not be decided", "count", len(batch), "err", err)
		err = &sms.Error{Code: sms.StoreUnavailable, Cause: err}
	}
	for _, j := range batch {
		g.stats.Failed.Add(1)
		j.done(outcome{err: err})
	}
}

func (g *Gate) attempt(ctx context.Context, batch []*job) (b *batchRun, err error) {
	defer func() {
		if p := recover(); p != nil {
			g.cfg.Logger.Error("a decision panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = &sms.Error{Code: sms.Internal, Cause: fmt.Errorf("panic: %v", p)}
		}
		b.settleClaim(err == nil)
	}()
	err = g.Compiled(ctx, func() error {
		return g.store.Write(ctx, func(ctx context.Context, tx Tx) error {
			b.settleClaim(false) // of a transaction that lost a race
			b = &batchRun{g: g, tx: tx, jobs: batch, outcomes: make([]outcome, len(batch)), follow: map[int]int{}}
			return b.decide(ctx)
		})
	})
	return b, err
}

// errTried ends the transaction of a call that is only tried.
var errTried = errors.New("only tried")

// Try decides a call as Submit would at this moment, and forgets it: nothing is
// stored, held or counted, and no key is used up.
func (g *Gate) Try(ctx context.Context, call *Call) (Answer, error) {
	if err := check(call); err != nil {
		return Answer{}, err
	}
	plain := *call
	plain.Key, plain.Chunk = "", nil
	var b *batchRun
	err := errMoved
	for range 3 {
		if !errors.Is(err, errMoved) {
			break
		}
		err = g.Compiled(ctx, func() error {
			return g.store.Write(ctx, func(ctx context.Context, tx Tx) error {
				b = &batchRun{g: g, tx: tx, jobs: []*job{{call: &plain, review: plain.Reviewed}}, outcomes: make([]outcome, 1), dry: true}
				if err := b.decide(ctx); err != nil {
					return err
				}
				return errTried
			})
		})
	}
	var known *sms.Error
	if errors.As(err, &known) && known.Code == sms.RulebookUnusable {
		return Answer{}, known
	}
	if !errors.Is(err, errTried) {
		return Answer{}, &sms.Error{Code: sms.StoreUnavailable, Cause: err}
	}
	for i := range b.outcomes[0].answer.Results {
		b.outcomes[0].answer.Results[i].MessageID = 0
	}
	return b.outcomes[0].answer, b.outcomes[0].err
}

// replay answers a call whose key was used before.
func (g *Gate) replay(j *job, payload, sealed []byte) outcome {
	if string(payload) != string(j.payload[:]) {
		return outcome{err: sms.Errorf(sms.IdempotencyKey, "idempotency key", "")}
	}
	plain, err := g.keys.Open(vault.PurposeAnswer, sealed)
	if err != nil {
		return outcome{err: &sms.Error{Code: sms.Internal, Detail: "the stored answer does not open", Cause: err}}
	}
	var a Answer
	if err := json.Unmarshal(plain, &a); err != nil {
		return outcome{err: &sms.Error{Code: sms.Internal, Detail: "the stored answer can't be read", Cause: err}}
	}
	a.Replayed = true
	return outcome{answer: a}
}
