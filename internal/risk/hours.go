package risk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vendorcode"
)

// An hour is counted when it is over, again when most reports are in, and when none is awaited
// any more.
var passes = []time.Duration{2 * time.Minute, 6 * time.Hour, 75 * time.Hour}

const (
	countSlice  = 5 * time.Minute // of an hour, in one read
	usualDays   = 28
	keptHours   = 400 * 24
	forgetRows  = 500
	settled     = 5 * time.Second // what came later may not be committed yet
	freshSample = 500             // recipients of an hour who are looked up
)

// Ended counts messages that are alike and ended alike.
type Ended struct {
	Account, Application, Signature, Template, Channel sms.ID

	Category sms.Category
	Abroad   bool // outside the mainland
	State    sms.State
	Stat     string // of failed ones
	N        int
	Units    int // charged, or held to be charged
}

// Count is what an application sent in an hour with one signature and template, by one channel.
type Count struct {
	Account, Application, Signature, Template, Channel sms.ID

	Category sms.Category
	Abroad   bool

	Messages, Refused, Delivered, Failed int
	Ended                                int // with no carrier's report
	Units                                int
	// Why the failed ones failed, as far as their codes say.
	BadNumber, Passing, OfCarrier, Blocked, TooOften int
}

// Sample is how many recipients of an account's marketing in an hour were looked up, and how
// many of them it had sent nothing lately.
type Sample struct {
	Account        sms.ID
	Sampled, Fresh int
}

// Hour is what an account sent in an hour: of a category, or the sample of its marketing.
type Hour struct {
	Hour     int64
	Category sms.Category

	Messages, Delivered, Failed, BadNumber int
	Sampled, Fresh                         int
}

// HourTx is what counting needs of a transaction.
type HourTx interface {
	AnyMessage(ctx context.Context, from, to sms.ID) (bool, error)
	CountMessages(ctx context.Context, from, to sms.ID, each func(Ended)) error
	Marketed(ctx context.Context, account, from, to sms.ID, limit int, each func([16]byte)) error
	HourPasses(ctx context.Context, from, to int64, each func(hour int64, pass int)) error
	PutHour(ctx context.Context, hour int64, pass int, counts []Count, samples []Sample) (bool, error)
	HoursOf(ctx context.Context, account sms.ID, from, to int64, each func(Hour)) error
	ForgetHours(ctx context.Context, before int64, limit int) (int, error)
}

// DeliveredTx is what counting deliveries needs of a transaction.
type DeliveredTx interface {
	CountMessages(ctx context.Context, from, to sms.ID, each func(Ended)) error
	HourPasses(ctx context.Context, from, to int64, each func(hour int64, pass int)) error
	Delivered(ctx context.Context, from, to int64, each func(account, signature, template, channel sms.ID, n int)) error
}

func hourOf(at time.Time) int64    { return at.Unix() / 3600 }
func startOf(hour int64) time.Time { return time.Unix(hour*3600, 0) }

// DeliveredIn counts what was delivered of the messages that came in whole hours of a span.
// Hours that are not counted yet are read message by message.
func DeliveredIn(ctx context.Context, tx DeliveredTx, from, to time.Time, each func(account, signature, template, channel sms.ID, n int)) error {
	first, end, counted := hourOf(from), hourOf(to.Add(time.Hour-1)), map[int64]bool{}
	if err := tx.HourPasses(ctx, first, end, func(hour int64, _ int) { counted[hour] = true }); err != nil {
		return err
	}
	if err := tx.Delivered(ctx, first, end, each); err != nil {
		return err
	}
	for h := first; h < end; h++ {
		if counted[h] {
			continue
		}
		until := h + 1
		for until < end && !counted[until] {
			until++
		}
		err := tx.CountMessages(ctx, sms.FirstID(startOf(h)), sms.FirstID(startOf(until)), func(e Ended) {
			if e.State == sms.Delivered {
				each(e.Account, e.Signature, e.Template, e.Channel, e.N)
			}
		})
		if err != nil {
			return err
		}
		h = until
	}
	return nil
}

// due lists the hours that are to be counted, each with its pass, oldest first.
func due(ctx context.Context, tx HourTx, now time.Time) (map[int64]int, error) {
	out, end := map[int64]int{}, hourOf(now.Add(-passes[0]))
	first := hourOf(now.Add(-passes[len(passes)-1]))
	for h := first; h < end; h++ {
		out[h] = 0
	}
	err := tx.HourPasses(ctx, first, end, func(hour int64, pass int) { out[hour] = pass })
	for h, done := range out {
		pass := 0
		for pass < len(passes) && !now.Before(startOf(h+1).Add(passes[pass])) {
			pass++
		}
		if out[h] = pass; pass <= done {
			delete(out, h)
		}
	}
	return out, err
}

// CountHours counts the hours that are over, and judges those that were counted for the first
// time. Several nodes may do it at once: one of them stores each.
func (w *Watch) CountHours(ctx context.Context) error {
	now, open := time.Time{}, map[int64]int{}
	err := w.Store.Read(ctx, func(ctx context.Context, tx WatchTx) (err error) {
		if now, err = tx.Now(ctx); err != nil {
			return err
		}
		open, err = due(ctx, tx, now)
		return err
	})
	if err != nil {
		return err
	}
	for _, h := range slices.Sorted(maps.Keys(open)) {
		if err := w.countHour(ctx, h, open[h], now); err != nil {
			return fmt.Errorf("count the hour from %s: %w", startOf(h).UTC().Format(time.RFC3339), err)
		}
	}
	return w.Store.Write(ctx, func(ctx context.Context, tx WatchTx) error {
		_, err := tx.ForgetHours(ctx, hourOf(now)-keptHours, forgetRows)
		return err
	})
}

func (w *Watch) countHour(ctx context.Context, hour int64, pass int, now time.Time) error {
	var snap *registry.Snapshot
	some := false
	err := w.Store.Read(ctx, func(ctx context.Context, tx WatchTx) (err error) {
		if some, err = tx.AnyMessage(ctx, sms.FirstID(startOf(hour)), sms.FirstID(startOf(hour+1))); err != nil || !some {
			return err
		}
		snap, err = tx.Registry(ctx)
		return err
	})
	if err != nil {
		return err
	}
	counts := map[Count]*Count{}
	for at := startOf(hour); some && at.Before(startOf(hour+1)); at = at.Add(countSlice) {
		err := w.Store.Read(ctx, func(ctx context.Context, tx WatchTx) error {
			return tx.CountMessages(ctx, sms.FirstID(at), sms.FirstID(at.Add(countSlice)), func(e Ended) { add(counts, w.Codes, snap, &e) })
		})
		if err != nil {
			return err
		}
	}
	if !some {
		pass = len(passes) // nothing of it will change
	}
	list := make([]Count, 0, len(counts))
	accounts := map[sms.ID]bool{}
	for _, c := range counts {
		list = append(list, *c)
		if c.Category == sms.MKT {
			accounts[c.Account] = true
		}
	}
	var samples []Sample
	for _, a := range slices.Sorted(maps.Keys(accounts)) {
		s, err := w.sample(ctx, snap, a, hour)
		if err != nil {
			return err
		}
		samples = append(samples, s)
	}
	stored := false
	err = w.Store.Write(ctx, func(ctx context.Context, tx WatchTx) (err error) {
		stored, err = tx.PutHour(ctx, hour, pass, list, samples)
		return err
	})
	if err != nil || !stored || now.Sub(startOf(hour+1)) > passes[1] {
		return err
	}
	var failed []error
	for _, a := range slices.Sorted(maps.Keys(accounts)) {
		failed = append(failed, w.judgeHour(ctx, snap, a, hour, nil))
	}
	return errors.Join(failed...)
}

// add counts messages that are alike.
func add(into map[Count]*Count, codes *vendorcode.Table, snap *registry.Snapshot, e *Ended) {
	k := Count{Account: e.Account, Application: e.Application, Signature: e.Signature, Template: e.Template, Channel: e.Channel, Category: e.Category, Abroad: e.Abroad}
	c := into[k]
	if c == nil {
		c = &Count{}
		*c = k
		into[k] = c
	}
	c.Messages, c.Units = c.Messages+e.N, c.Units+e.Units
	switch e.State {
	case sms.Refused:
		c.Refused += e.N
	case sms.Delivered:
		c.Delivered += e.N
	case sms.Failed:
		c.Failed += e.N
		if ch := snap.Channel[e.Channel]; ch != nil {
			c.failed(codes.Report(ch, e.Stat).Class, e.N)
		}
	case sms.Expired, sms.Cancelled, sms.Unknown:
		c.Ended += e.N
	}
}

func (c *Count) failed(why vendorcode.Class, n int) {
	switch why {
	case vendorcode.Number:
		c.BadNumber += n
	case vendorcode.Temporary:
		c.Passing += n
	case vendorcode.Carrier:
		c.OfCarrier += n
	case vendorcode.Blocked:
		c.Blocked += n
	case vendorcode.Frequency:
		c.TooOften += n
	}
}

// sample looks recipients of an account's marketing up: to how many of them it had sent
// nothing in the days before.
func (w *Watch) sample(ctx context.Context, snap *registry.Snapshot, account sms.ID, hour int64) (Sample, error) {
	out := Sample{Account: account}
	a := snap.Account[account]
	if a == nil || snap.Party[a.PartyID] == nil {
		return out, nil
	}
	own, begin := snap.Party[a.PartyID].GroupID, startOf(hour)
	people, known := map[[16]byte]bool{}, map[[16]byte]bool{}
	err := w.Store.Read(ctx, func(ctx context.Context, tx WatchTx) error {
		err := tx.Marketed(ctx, account, sms.FirstID(begin), sms.FirstID(begin.Add(time.Hour)), sampleRows, func(id [16]byte) {
			if len(people) < freshSample {
				people[id] = true
			}
		})
		if err != nil {
			return err
		}
		return tx.Recent(ctx, slices.Collect(maps.Keys(people)), begin.AddDate(0, 0, -usualDays).UnixMilli(), func(e sms.RecipientEvent) {
			if e.GroupID == own && e.At < begin.UnixMilli() {
				known[e.PhoneID] = true
			}
		})
	})
	out.Sampled, out.Fresh = len(people), len(people)-len(known)
	return out, err
}

// Rate is what an account sent in an hour, beside what it usually sends.
type Rate struct {
	Hour           int64 `json:"hour"` // since 1970
	Days           int   `json:"days"`
	Marketing      int   `json:"marketing"`
	UsualMarketing int   `json:"usual_marketing"`
	Messages       int   `json:"messages"`
	Share          int64 `json:"marketing_percent"`
	UsualShare     int64 `json:"usual_marketing_percent"`
	Reported       int   `json:"reported"`
	Bad            int64 `json:"bad_number_percent"`
	UsualBad       int64 `json:"usual_bad_number_percent"`
	Sampled        int   `json:"sampled"`
	New            int64 `json:"new_percent"`
	UsualNew       int64 `json:"usual_new_percent"`
}

func (r *Rate) facts() map[string]any {
	return map[string]any{
		"hour.days": int64(r.Days), "hour.marketing": int64(r.Marketing), "hour.usual_marketing": int64(r.UsualMarketing), "hour.messages": int64(r.Messages),
		"hour.marketing_percent": r.Share, "hour.usual_marketing_percent": r.UsualShare, "hour.reported": int64(r.Reported),
		"hour.bad_number_percent": r.Bad, "hour.usual_bad_number_percent": r.UsualBad,
		"hour.sampled": int64(r.Sampled), "hour.new_percent": r.New, "hour.usual_new_percent": r.UsualNew,
	}
}

// running is what an account sent in the hour that is not over: nothing else is known of it.
type running struct{ messages, marketing int }

// rate compares an hour with the days before it.
func rate(hour int64, list []Hour, now *running) *Rate {
	r := &Rate{Hour: hour}
	var past, this Hour // of marketing
	days, all, asked := map[int64]bool{}, 0, 0
	for i := range list {
		h := &list[i]
		if h.Hour != hour && h.Messages > 0 {
			days[day(h.Hour)] = true
			all += h.Messages
		}
		if h.Hour == hour {
			r.Messages += h.Messages
		}
		if h.Category != sms.MKT && h.Sampled == 0 {
			continue
		}
		sum := &past
		if h.Hour == hour {
			sum = &this
		} else if (hour-h.Hour)%24 == 0 {
			asked += h.Messages
		}
		sum.Messages, sum.Delivered, sum.Failed, sum.BadNumber = sum.Messages+h.Messages, sum.Delivered+h.Delivered, sum.Failed+h.Failed, sum.BadNumber+h.BadNumber
		sum.Sampled, sum.Fresh = sum.Sampled+h.Sampled, sum.Fresh+h.Fresh
	}
	if now != nil {
		r.Messages, this = now.messages, Hour{Messages: now.marketing}
	}
	r.Days, r.Marketing, r.Reported, r.Sampled = len(days), this.Messages, this.Delivered+this.Failed, this.Sampled
	r.UsualMarketing = asked / max(len(days), 1)
	r.Share, r.UsualShare = percent(r.Marketing, r.Messages), percent(past.Messages, all)
	r.Bad, r.UsualBad = percent(this.BadNumber, r.Reported), percent(past.BadNumber, past.Delivered+past.Failed)
	r.New, r.UsualNew = percent(this.Fresh, this.Sampled), percent(past.Fresh, past.Sampled)
	return r
}

// judgeHour has the rules compare what an account sent in an hour with what it usually sends.
func (w *Watch) judgeHour(ctx context.Context, snap *registry.Snapshot, account sms.ID, hour int64, now *running) error {
	a := snap.Account[account]
	if a == nil {
		return nil
	}
	var list []Hour
	at := time.Time{}
	err := w.Store.Read(ctx, func(ctx context.Context, tx WatchTx) (err error) {
		if at, err = tx.Now(ctx); err != nil {
			return err
		}
		return tx.HoursOf(ctx, account, hour-usualDays*24, hour+1, func(h Hour) { list = append(list, h) })
	})
	if err != nil {
		return err
	}
	book, err := w.InForce(ctx)
	if err != nil {
		return err
	}
	r := rate(hour, list, now)
	if len(book.Judge(rulebook.ObjectHour, r.facts(), at)) == 0 || judged(snap, a.PartyID, startOf(hour)) {
		return nil
	}
	return w.Store.Write(ctx, func(ctx context.Context, tx WatchTx) error {
		asking, err := ask(ctx, tx, w.IDs, book, 0)
		if err != nil {
			return err
		}
		if err := asking.judge(ctx, rulebook.ObjectHour, r.facts(), r, registry.Measure{PartyID: a.PartyID}); err != nil {
			return err
		}
		w.log(asking.imposed)
		return asking.climb(ctx, a.PartyID)
	})
}

// judged tells whether a person has lifted what the rules had asked for since an hour began:
// what came until then was looked at.
func judged(snap *registry.Snapshot, party sms.ID, begin time.Time) bool {
	return slices.ContainsFunc(snap.Measures(party), func(m *registry.Measure) bool { return m.Rule != "" && m.LiftedAt >= begin.UnixMilli() })
}

// sofar is what came in the hour that runs, as far as it was read.
type sofar struct {
	hour     int64
	upto     sms.ID
	accounts map[sms.ID]*running
}

// LookAtHour judges the hour that runs by what came in it so far. Each message is read once.
func (w *Watch) LookAtHour(ctx context.Context) error {
	snap, err := w.snapshot(ctx)
	if err != nil {
		return err
	}
	s := &w.running
	err = w.Store.Read(ctx, func(ctx context.Context, tx WatchTx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		if h := hourOf(now); h != s.hour {
			*s = sofar{hour: h, upto: sms.FirstID(startOf(h)), accounts: map[sms.ID]*running{}}
		}
		to := sms.FirstID(now.Add(-settled))
		if to <= s.upto {
			return nil
		}
		err = tx.CountMessages(ctx, s.upto, to, func(e Ended) {
			r := s.accounts[e.Account]
			if r == nil {
				r = &running{}
				s.accounts[e.Account] = r
			}
			r.messages += e.N
			if e.Category == sms.MKT {
				r.marketing += e.N
			}
		})
		if err == nil {
			s.upto = to
		}
		return err
	})
	if err != nil {
		s.hour = 0 // what was read of it may be half: begin anew
		return err
	}
	var failed []error
	for _, a := range slices.Sorted(maps.Keys(s.accounts)) {
		if r := s.accounts[a]; r.marketing > 0 {
			failed = append(failed, w.judgeHour(ctx, snap, a, s.hour, r))
		}
	}
	return errors.Join(failed...)
}

// day is the day of an hour in China, which is eight hours ahead.
func day(hour int64) int64 { return (hour + 8) / 24 }
