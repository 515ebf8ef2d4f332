package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// batchRun is one attempt at one transaction.
type batchRun struct {
	g        *Gate
	tx       Tx
	jobs     []*job
	outcomes []outcome
	dry      bool        // only tried: nothing is written
	follow   map[int]int // calls with the key of another call of this batch

	law     *law
	now     time.Time
	journal int64
	money   *ledger.Batch
	facts   people

	shared    map[sharedKey]*shared
	order     []*shared
	messages  []*sms.Message // new
	redone    []redone
	hashes    [][32]byte
	records   []*sms.Message // in the order of hashes
	events    []sms.RecipientEvent
	origins   []sms.OriginEvent
	requests  []consent.Request
	used      map[sms.ID]int64 // on which day the calls' signatures were used before
	newlyUsed []sms.ID         // signatures that were not used today before
	removed   []*sms.Message
	told      []sms.Event
	fresh     []Ready // permitted just now
	ready     []Ready // to be queued
	claimed   func(committed bool)
}

// settleClaim tells the courier how the transaction ended in which it claimed
// messages, if it did.
func (b *batchRun) settleClaim(committed bool) {
	if b != nil && b.claimed != nil {
		b.claimed(committed)
		b.claimed = nil
	}
}

type redone struct {
	from sms.State
	m    *sms.Message
}

// decide is the transaction of design section 2: locks, then facts, then
// verdicts, then rows.
func (b *batchRun) decide(ctx context.Context) error {
	// The registry is read first, because it tells which accounts to lock; if it
	// moves before the locks are held, everything is done again.
	l, err := b.g.usable(ctx, b.tx)
	if err != nil {
		return fmt.Errorf("read the registry: %w", err)
	}
	b.law = l
	rough, err := b.tx.Now(ctx)
	if err != nil {
		return fmt.Errorf("read the clock: %w", err)
	}
	for _, j := range b.jobs {
		if j.law != l || j.ended(rough.UnixMilli()) {
			b.g.prepare(j, l, rough)
		}
	}
	live, err := b.claimKeys(ctx)
	if err != nil {
		return err
	}
	if live, err = b.lockChunks(ctx, live); err != nil {
		return err
	}
	if err := b.lock(ctx, live); err != nil {
		return err
	}
	if b.journal, err = b.tx.Journal(ctx); err != nil {
		return err
	}
	if generation, err := b.tx.Generation(ctx); err != nil || generation != l.snap.Generation {
		if err == nil {
			err = errMoved
		}
		return err
	}
	if b.now, err = b.tx.Now(ctx); err != nil {
		return fmt.Errorf("read the clock: %w", err)
	}
	if err := b.facts.read(ctx, b, live); err != nil {
		return fmt.Errorf("read the recipients' facts: %w", err)
	}
	if err := b.readUses(ctx, live); err != nil {
		return fmt.Errorf("read when signatures were used: %w", err)
	}
	sound := slices.DeleteFunc(slices.Clone(live), func(i int) bool { return b.outcomes[i].err != nil })
	if err := b.decideShared(sound); err != nil {
		return err
	}
	for _, i := range sound {
		if err := b.decideJob(i); err != nil {
			return err
		}
	}
	if b.dry {
		return nil
	}
	if err := b.claim(ctx); err != nil {
		return err
	}
	if err := b.write(ctx, live); err != nil {
		return err
	}
	for i, first := range b.follow {
		b.outcomes[i] = b.outcomes[first]
		b.outcomes[i].answer.Replayed = true
	}
	return nil
}

// claim gives new messages to the courier. What it leaves, and what was decided anew,
// goes to its queue.
func (b *batchRun) claim(ctx context.Context) (err error) {
	if b.g.cfg.Courier != nil && len(b.fresh) > 0 {
		if b.fresh, b.claimed, err = b.g.cfg.Courier.Claim(ctx, b.tx, b.now.UnixMilli(), b.fresh); err != nil {
			return fmt.Errorf("claim what need not wait: %w", err)
		}
	}
	b.ready = append(b.ready, b.fresh...)
	return nil
}

// keyClaim is one row of the idempotency table that a call takes.
type keyClaim struct {
	job  int
	key  string
	once bool // a nonce: it answers nothing, and nobody may take it twice
}

// noncePrefix goes before every key that a caller can name, also in order.
const noncePrefix = "\x01"

// claims lists what the calls of the batch take, in the order in which everybody takes them;
// a job without any is live at once.
func (b *batchRun) claims() (list []keyClaim, live []int) {
	for i, j := range b.jobs {
		if j.err != nil {
			b.outcomes[i].err = j.err
			continue
		}
		if j.call.Nonce != "" {
			list = append(list, keyClaim{i, NonceClaim(j.call.Nonce), true})
		}
		if j.call.Key != "" {
			list = append(list, keyClaim{i, j.call.Key, false})
		} else if j.call.Nonce == "" {
			live = append(live, i)
		}
	}
	sort.SliceStable(list, func(x, y int) bool {
		if a, c := b.jobs[list[x].job].app.AccountID, b.jobs[list[y].job].app.AccountID; a != c {
			return a < c
		}
		return list[x].key < list[y].key
	})
	return list, live
}

// claimKeys takes the nonces and idempotency keys in order and answers what was answered
// before.
func (b *batchRun) claimKeys(ctx context.Context) ([]int, error) {
	list, live := b.claims()
	now, err := b.tx.Now(ctx)
	if err != nil {
		return nil, err
	}
	var waiting []int // same key as an earlier call of this very batch
	mine := map[string]int{}
	for _, c := range list {
		j := b.jobs[c.job]
		if b.outcomes[c.job].err != nil { // its nonce was used
			continue
		}
		name := j.app.AccountID.String() + "/" + c.key
		if _, twice := mine[name]; twice && !c.once {
			waiting = append(waiting, c.job)
			continue
		}
		kept := b.g.cfg.IdempotencyKept
		if c.once {
			kept = NonceKept
		}
		fresh, payload, answer, err := b.tx.Claim(ctx, j.app.AccountID, c.key, j.payload, now.Add(kept).UnixMilli())
		switch {
		case err != nil:
			return nil, fmt.Errorf("claim the idempotency key: %w", err)
		case !fresh && c.once:
			b.outcomes[c.job].err = sms.Errorf(sms.NonceUsed, "nonce", "")
			continue
		case !fresh:
			b.outcomes[c.job] = b.g.replay(j, payload, answer)
			continue
		}
		mine[name] = c.job
		if !c.once || j.call.Key == "" {
			live = append(live, c.job)
		}
	}
	sort.Ints(live)
	for _, i := range waiting {
		j := b.jobs[i]
		first := mine[j.app.AccountID.String()+"/"+j.call.Key]
		if b.jobs[first].payload != j.payload {
			b.outcomes[i].err = sms.Errorf(sms.IdempotencyKey, "idempotency key", "")
			continue
		}
		b.follow[i] = first
	}
	return live, nil
}

func (b *batchRun) lock(ctx context.Context, live []int) error {
	var phones [][16]byte
	accounts := map[sms.ID]bool{}
	for _, i := range live {
		j := b.jobs[i]
		if len(j.redo) > 0 {
			if err := b.lockOld(ctx, i); err != nil {
				return err
			}
		}
		phones = append(append(phones, j.phones...), j.call.Origin.ids()...)
		for _, a := range j.accounts {
			accounts[a.ID] = true
		}
	}
	if err := b.tx.LockRecipients(ctx, phones); err != nil {
		return fmt.Errorf("lock recipients: %w", err)
	}
	ids := make([]sms.ID, 0, len(accounts))
	for id := range accounts {
		ids = append(ids, id)
	}
	var err error
	b.money, err = ledger.Begin(ctx, b.tx, ids)
	return err
}

// lockOld locks a message that is decided anew, and drops it when somebody else
// has moved it meanwhile.
func (b *batchRun) lockOld(ctx context.Context, i int) error {
	j := b.jobs[i]
	ids := make([]sms.ID, len(j.redo))
	for k, m := range j.redo {
		ids[k] = m.ID
	}
	now, err := b.tx.Messages(ctx, ids, true)
	if err != nil {
		return err
	}
	for k, m := range j.redo {
		if k >= len(now) || now[k].ID != m.ID || now[k].State != m.State || now[k].DecisionID != m.DecisionID {
			b.outcomes[i].err = sms.Errorf(sms.MessageNotWaiting, "message "+m.ID.String(), "it moved meanwhile")
			return nil
		}
	}
	return nil
}

// decideShared works out what the calls have in common: first the carriers of all
// recipients, then the decisions.
func (b *batchRun) decideShared(live []int) error {
	b.shared = map[sharedKey]*shared{}
	for _, i := range live {
		if j := b.jobs[i]; j.approved != nil {
			j.review = b.stillApproved(j)
		}
		for _, p := range b.jobs[i].parts {
			b.share(p)
			if len(b.order) < len(b.shared) {
				b.order = append(b.order, p.shared)
			}
			for k := range p.recipients {
				b.view(p, b.network(&p.recipients[k]))
			}
		}
	}
	for _, s := range b.order {
		if err := b.g.newDecision(s, b.now, b.journal); err != nil {
			return err
		}
	}
	return nil
}

func (b *batchRun) decideJob(i int) error {
	j := b.jobs[i]
	answer := Answer{Results: make([]Result, j.call.Recipients())}
	for _, p := range j.parts {
		seen := make(map[[16]byte]bool, len(p.recipients))
		for k := range p.recipients {
			r := &p.recipients[k]
			res, err := b.decideOne(p, r, seen[r.phone])
			if err != nil {
				return err
			}
			seen[r.phone] = true
			answer.Results[r.at] = res
		}
	}
	b.outcomes[i].answer = answer
	b.tellRefusals(j, answer)
	return nil
}

// tellRefusals reports refusals to a customer whose call is accepted all the same.
func (b *batchRun) tellRefusals(j *job, answer Answer) {
	if j.call.Via == 0 && !j.call.TellRefusals || len(j.redo) > 0 {
		return
	}
	accepted := slices.ContainsFunc(answer.Results, func(r Result) bool { return r.State != sms.Refused })
	if !accepted && !j.call.Answered {
		return
	}
	for _, m := range b.messages[len(b.messages)-len(answer.Results):] {
		if m.State == sms.Refused {
			b.told = append(b.told, sms.StatusEvent(b.g.ids.Next(), m, b.now.UnixMilli()))
		}
	}
}

// decideOne gives the verdict for one recipient and books what follows from it.
func (b *batchRun) decideOne(p *part, r *recipient, twice bool) (Result, error) {
	g, view := b.g, p.carriers[r.carrier]
	m, err := b.message(p, r)
	if err != nil {
		return Result{}, err
	}
	findings, grant, until := b.verdict(p, r, view)
	if grant != nil {
		m.ConsentID = grant.ID
	}
	m.ValidUntil = sooner(m.ValidUntil, until)
	var release time.Time
	against := rulebook.Refusing(findings)
	switch {
	case twice:
		b.refuse(m, sms.DuplicateRecipient, "")
	case p.job.against != "":
		b.refuse(m, p.job.against, "")
	case view.code != "":
		b.refuse(m, view.code, "")
	case against != nil && against.Outcome == rulebook.Block:
		b.refuse(m, against.Code, against.Rule)
	case m.NotAfter != 0 && b.now.UnixMilli() >= m.NotAfter:
		b.refuse(m, sms.NotAfterPassed, "")
	case b.later(p, r) && rulebook.OfCall(findings) != nil:
		// When it is released it is decided alone: nobody would see the call any more.
		b.refuse(m, rulebook.OfCall(findings).Code, rulebook.OfCall(findings).Rule)
	case b.later(p, r):
		m.State, release = sms.Scheduled, p.job.call.SendAt
	case against != nil && against.Outcome == rulebook.Hold:
		m.State, m.Code, m.Rule = sms.Held, against.Code, against.Rule
	case against != nil && against.Outcome == rulebook.Defer:
		m.State, m.Code, m.Rule, release = sms.Deferred, against.Code, against.Rule, against.Release
	default:
		m.State = sms.Permitted
	}
	if !release.IsZero() {
		m.ReleaseAt = release.UnixMilli()
		if m.NotAfter != 0 && m.NotAfter <= m.ReleaseAt {
			b.refuse(m, sms.NotAfterPassed, "")
		}
	}
	if err := b.settle(p, r, m, view); err != nil {
		return Result{}, err
	}
	if m.NotAfter == 0 && m.State != sms.Refused {
		m.NotAfter = g.notAfter(m, b.now)
	}
	if err := b.book(p, r, m, view); err != nil {
		return Result{}, err
	}
	return Result{
		MessageID: m.ID, To: r.Number.String(), Ref: m.Ref, State: m.State, Code: m.Code, Rule: m.Rule,
		Units: m.Units, Release: m.ReleaseAt, Findings: explained(m, findings),
	}, nil
}

// later tells whether a message is asked for at a later moment, at which it is decided again.
func (b *batchRun) later(p *part, r *recipient) bool {
	return r.old == nil && p.job.call.SendAt.After(b.now)
}

func sooner(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

func (b *batchRun) refuse(m *sms.Message, code sms.Code, rule string) {
	m.State, m.Code, m.Rule, m.ReleaseAt = sms.Refused, code, rule, 0
	m.ChannelID = 0
}

func (g *Gate) notAfter(m *sms.Message, now time.Time) int64 {
	from := now.UnixMilli()
	if m.ReleaseAt > from {
		from = m.ReleaseAt
	}
	return from + g.cfg.NotAfter[m.Category].Milliseconds()
}

func (b *batchRun) verdict(p *part, r *recipient, view *carrierView) ([]rulebook.Finding, *consent.Grant, int64) {
	f := p.facts
	grant, ends := b.facts.fill(f, b.g.keys, p, r, b.now)
	own, until := b.law.book.Evaluate(rulebook.StageRecipient, f, b.now)
	findings := own
	if len(p.findings)+len(view.findings) > 0 {
		findings = make([]rulebook.Finding, 0, len(own)+len(p.findings)+len(view.findings))
		findings = append(append(append(findings, p.findings...), own...), view.findings...)
		b.law.book.Sort(findings)
	}
	if !until.IsZero() {
		ends = sooner(ends, until.UnixMilli())
	}
	return findings, grant, ends
}

// message fills in what does not depend on the verdict.
func (b *batchRun) message(p *part, r *recipient) (m *sms.Message, err error) {
	j, at := p.job, b.now.UnixMilli()
	m = &sms.Message{
		DecisionID: p.decision.ID, AccountID: j.app.AccountID, ApplicationID: j.app.ID, GroupID: j.party.GroupID,
		PhoneID: r.phone, Carrier: r.carrier, Category: p.category, Units: p.units, Segments: p.segments, Ref: r.Ref, Extension: j.call.Extension, Via: j.call.Via, PDU: j.call.PDU,
		Journal: b.journal, ValidUntil: p.decision.ValidUntil, CreatedAt: at, UpdatedAt: at,
	}
	if p.signature != nil {
		m.SignatureID = p.signature.ID
	}
	if p.template != nil {
		m.TemplateID = p.template.Template.ID
	}
	if !j.call.NotAfter.IsZero() {
		m.NotAfter = j.call.NotAfter.UnixMilli()
	}
	if r.old != nil {
		m.ID, m.Text, m.TextCommit, m.PhoneCommit, m.CreatedAt = r.old.ID, r.old.Text, r.old.TextCommit, r.old.PhoneCommit, r.old.CreatedAt
		m.NotAfter = r.old.NotAfter
		return m, nil
	}
	s := r.sealed
	if s == nil { // what is sealed here ends with this transaction
		if s, err = b.g.seal(r, b.facts.secrets[secretKey{r.phone, j.party.GroupID}], p.text); err != nil {
			return nil, err
		}
	}
	m.ID, m.Text, m.TextCommit, m.PhoneCommit = s.id, s.text, s.textCommit, s.phoneCommit
	return m, nil
}

func (b *batchRun) write(ctx context.Context, live []int) error {
	at := b.now.UnixMilli()
	if len(b.hashes) > 0 {
		id := b.g.ids.Next()
		if err := b.tx.AppendLeaf(ctx, id, KindDecision, at, b.hashes); err != nil {
			return fmt.Errorf("append the evidence: %w", err)
		}
		for i, m := range b.records {
			m.LeafID, m.LeafPos = id, i
		}
	}
	decisions, err := b.decisions()
	if err != nil {
		return err
	}
	if err := b.tx.InsertDecisions(ctx, decisions); err != nil {
		return fmt.Errorf("store the decisions: %w", err)
	}
	if err := b.tx.InsertMessages(ctx, b.messages); err != nil {
		return fmt.Errorf("store the messages: %w", err)
	}
	for _, r := range b.redone {
		ok, err := b.tx.Redecide(ctx, r.from, r.m)
		if err != nil {
			return fmt.Errorf("store the new decision: %w", err)
		}
		if !ok {
			return errMoved
		}
	}
	removed := make([]sms.ID, len(b.removed))
	for i, m := range b.removed {
		removed[i] = m.ID
	}
	if err := b.tx.RemoveEvents(ctx, removed...); err != nil {
		return err
	}
	if err := b.tx.InsertRecipientEvents(ctx, b.events); err != nil {
		return fmt.Errorf("store the recipient events: %w", err)
	}
	if err := b.tx.InsertOriginEvents(ctx, b.origins); err != nil {
		return fmt.Errorf("store where codes were asked for: %w", err)
	}
	if err := b.tx.PutConsentRequests(ctx, b.requests); err != nil {
		return fmt.Errorf("store the requests for consent: %w", err)
	}
	if err := b.tx.InsertEvents(ctx, b.told); err != nil {
		return err
	}
	if err := b.money.Post(ctx, b.tx, b.g.ids, at, ""); err != nil {
		return err
	}
	if err := b.writeUses(ctx); err != nil {
		return fmt.Errorf("store when signatures were used: %w", err)
	}
	if err := b.finishChunks(ctx, live); err != nil {
		return err
	}
	for _, i := range live {
		j := b.jobs[i]
		if j.call.Key == "" {
			continue
		}
		if b.outcomes[i].err != nil {
			if err := b.tx.Unclaim(ctx, j.app.AccountID, j.call.Key); err != nil {
				return err
			}
			continue
		}
		plain, err := json.Marshal(b.outcomes[i].answer)
		if err != nil {
			return err
		}
		if err := b.tx.Answer(ctx, j.app.AccountID, j.call.Key, b.g.keys.Seal(vault.PurposeAnswer, plain)); err != nil {
			return fmt.Errorf("store the answer: %w", err)
		}
	}
	return nil
}
