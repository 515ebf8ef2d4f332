// Package risk watches what customers send for signs of abuse that single messages do not
// show: marketing to numbers that do not exist, and to people whom unrelated senders reach
// too, as happens with lists that were bought or leaked. What counts as a sign is a rule of the
// rulebook about traffic; what follows is a measure of the registry, which the gate reads.
//
// Every measure has its reason, is told to the party, may be appealed against, and is in the
// evidence log. A measure that the platform imposed is lifted by a person, never by itself.
package risk

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vendorcode"
)

// How much is looked at, so that a look costs the same whatever was sent.
const (
	sampleSpan  = 24 * time.Hour
	sampleRows  = 5000 // newest messages of an account, of all categories
	samplePeers = 500  // recipients who are looked up
	peerSpan    = 7 * 24 * time.Hour
	manySenders = 2 // unrelated ones, besides the account's own group
)

// KindMeasure is the evidence of a measure: imposed, appealed against or lifted.
const KindMeasure = "measure"

// Tx is what the package needs of a transaction.
type Tx interface {
	evlog.RecordAdder
	Now(ctx context.Context) (time.Time, error)
	Put(ctx context.Context, object any) error
	AppealMeasure(ctx context.Context, id sms.ID, text string, at int64) (bool, error)
	LiftMeasure(ctx context.Context, id, by sms.ID, why string, unfounded bool, at int64) (bool, error)
	InsertEvents(ctx context.Context, list []sms.Event) error
	Revoke(ctx context.Context, r sms.Revocation) (int64, error)
}

// AskTx is what asking the rules needs besides.
type AskTx interface {
	Tx
	MoveGeneration(ctx context.Context) error
	Registry(ctx context.Context) (*registry.Snapshot, error)
}

// WatchTx is what the watch needs besides.
type WatchTx interface {
	AskTx
	HourTx
	Ended(ctx context.Context, account sms.ID, category sms.Category, since sms.ID, limit int, each func(sms.Ended)) error
	Recent(ctx context.Context, ids [][16]byte, since int64, each func(sms.RecipientEvent)) error
}

// Store runs the watch's transactions.
type Store interface {
	Write(ctx context.Context, fn func(context.Context, WatchTx) error) error
	Read(ctx context.Context, fn func(context.Context, WatchTx) error) error
}

// Figures are what an account's marketing shows.
type Figures struct {
	Reported int `json:"reported"`           // with a report, of the newest within a day
	NoNumber int `json:"no_number"`          // of them, to numbers that do not exist
	People   int `json:"people"`             // recipients who were looked up
	Shared   int `json:"shared"`             // of them, reached by several unrelated senders too
	Unproved int `json:"unproved,omitempty"` // messages without proof of consent, by complaints that were found true
}

func percent(part, whole int) int64 {
	if whole == 0 {
		return 0
	}
	return int64(part * 100 / whole)
}

func (f *Figures) facts() map[string]any {
	return map[string]any{
		"traffic.reported": int64(f.Reported), "traffic.no_number_percent": percent(f.NoNumber, f.Reported),
		"traffic.people": int64(f.People), "traffic.shared_percent": percent(f.Shared, f.People),
		"traffic.unproved": int64(f.Unproved),
	}
}

// Watch looks at every account now and then.
type Watch struct {
	Store   Store
	InForce func(ctx context.Context) (*rulebook.Book, error)
	Codes   *vendorcode.Table
	IDs     *sms.IDs
	Logger  *slog.Logger

	running sofar
}

// snapshot is the registry as of now.
func (w *Watch) snapshot(ctx context.Context) (snap *registry.Snapshot, err error) {
	err = w.Store.Read(ctx, func(ctx context.Context, tx WatchTx) error {
		snap, err = tx.Registry(ctx)
		return err
	})
	return snap, err
}

// Look judges the traffic of every account and imposes what the rules ask for. An account
// that can't be judged does not keep the others from it.
func (w *Watch) Look(ctx context.Context) error {
	snap, err := w.snapshot(ctx)
	if err != nil {
		return err
	}
	book, err := w.InForce(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, a := range snap.Account {
		if p := snap.Party[a.PartyID]; p == nil || p.Kind != registry.Customer {
			continue
		}
		if err := w.judge(ctx, book, snap, a); err != nil {
			failed = append(failed, fmt.Errorf("traffic of account %d: %w", a.ID, err))
		}
	}
	return errors.Join(failed...)
}

func (w *Watch) judge(ctx context.Context, book *rulebook.Book, snap *registry.Snapshot, a *registry.Account) error {
	var f Figures
	var now time.Time
	err := w.Store.Read(ctx, func(ctx context.Context, tx WatchTx) (err error) {
		if now, err = tx.Now(ctx); err != nil {
			return err
		}
		f, err = w.count(ctx, tx, snap, a, now)
		return err
	})
	if err != nil || f.Reported == 0 {
		return err
	}
	if len(book.Judge(rulebook.ObjectTraffic, f.facts(), now)) == 0 {
		return nil
	}
	return w.Store.Write(ctx, func(ctx context.Context, tx WatchTx) error {
		list, err := Ask(ctx, tx, w.IDs, book, a.PartyID, &f, 0)
		w.log(list)
		return err
	})
}

func (w *Watch) log(list []registry.Measure) {
	for _, m := range list {
		w.Logger.Warn("a measure was imposed", "party", m.PartyID, "kind", m.Kind, "rule", m.Rule)
	}
}

// since is from when the account's messages count: a day ago, or when a person last lifted
// what the rules had asked for, who has judged what was sent until then.
func since(snap *registry.Snapshot, party sms.ID, now time.Time) time.Time {
	from := now.Add(-sampleSpan)
	for _, m := range snap.Measures(party) {
		if lifted := time.UnixMilli(m.LiftedAt); m.Rule != "" && m.LiftedAt != 0 && lifted.After(from) {
			from = lifted
		}
	}
	return from
}

// count works the figures out.
func (w *Watch) count(ctx context.Context, tx WatchTx, snap *registry.Snapshot, a *registry.Account, now time.Time) (f Figures, err error) {
	var people [][16]byte
	seen := map[[16]byte]bool{}
	err = tx.Ended(ctx, a.ID, sms.MKT, sms.FirstID(since(snap, a.PartyID, now)), sampleRows, func(e sms.Ended) {
		f.Reported++
		if e.State == sms.Failed && w.noSuchNumber(snap.Channel[e.ChannelID], e.Stat) {
			f.NoNumber++
		}
		if !seen[e.PhoneID] && len(people) < samplePeers {
			seen[e.PhoneID] = true
			people = append(people, e.PhoneID)
		}
	})
	if err != nil || len(people) == 0 {
		return f, err
	}
	own := snap.Party[a.PartyID].GroupID
	senders := map[[16]byte]map[sms.ID]bool{}
	err = tx.Recent(ctx, people, now.Add(-peerSpan).UnixMilli(), func(e sms.RecipientEvent) {
		if e.Category != sms.MKT || e.GroupID == own {
			return
		}
		if senders[e.PhoneID] == nil {
			senders[e.PhoneID] = map[sms.ID]bool{}
		}
		senders[e.PhoneID][e.GroupID] = true
	})
	f.People = len(people)
	for _, groups := range senders {
		if len(groups) >= manySenders {
			f.Shared++
		}
	}
	return f, err
}

func (w *Watch) noSuchNumber(ch *registry.Channel, stat string) bool {
	return ch != nil && w.Codes.Report(ch, stat).Vacant
}

// Impose stores a measure, tells the party, and has what waits ask the gate again. The
// journal's counter is locked from here on: call it last.
func Impose(ctx context.Context, tx Tx, ids *sms.IDs, snap *registry.Snapshot, m *registry.Measure) error {
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	m.ID, m.ImposedAt = ids.Next(), now.UnixMilli()
	if err := tx.Put(ctx, *m); err != nil {
		return err
	}
	if err := record(ctx, tx, ids, m, "imposed", m.ImposedBy, m.ImposedAt); err != nil {
		return err
	}
	return tell(ctx, tx, ids, snap, m, m.ImposedAt)
}

// Appeal keeps what the party says against a measure.
func Appeal(ctx context.Context, tx Tx, ids *sms.IDs, m *registry.Measure, text string) error {
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	m.Appeal, m.AppealAt = text, now.UnixMilli()
	if stands, err := tx.AppealMeasure(ctx, m.ID, text, m.AppealAt); err != nil || !stands {
		return orLifted(err)
	}
	return record(ctx, tx, ids, m, "appealed", 0, m.AppealAt)
}

// Lift ends a measure by a person of the staff, who says why, and whether it should not have
// been imposed at all.
func Lift(ctx context.Context, tx Tx, ids *sms.IDs, snap *registry.Snapshot, m *registry.Measure, by sms.ID, why string, unfounded bool) error {
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	m.LiftedBy, m.LiftedAt, m.Why, m.Unfounded = by, now.UnixMilli(), why, unfounded
	if stands, err := tx.LiftMeasure(ctx, m.ID, by, why, unfounded, m.LiftedAt); err != nil || !stands {
		return orLifted(err)
	}
	if err := record(ctx, tx, ids, m, "lifted", by, m.LiftedAt); err != nil {
		return err
	}
	return tell(ctx, tx, ids, snap, m, m.LiftedAt)
}

func orLifted(err error) error {
	if err == nil {
		err = sms.Errorf(sms.BadRequest, "path.id", "the measure was lifted already")
	}
	return err
}

// record is the evidence of what became of a measure.
func record(ctx context.Context, tx Tx, ids *sms.IDs, m *registry.Measure, what string, by sms.ID, at int64) error {
	return evlog.Append(ctx, tx, ids, at, leaf.New(KindMeasure, int64(m.ID), at,
		leaf.Hash("appeal", sha256.Sum256([]byte(m.Appeal))), leaf.Int("by_staff", int64(by)), leaf.Str("figures", m.Figures), leaf.Str("kind", m.Kind),
		leaf.Str("object", m.Object), leaf.Int("object_id", int64(m.ObjectID)), leaf.Int("pace", m.Pace), leaf.Int("party", int64(m.PartyID)), leaf.Str("reason", m.Zh),
		leaf.Str("rule", m.Rule), leaf.Str("strike", m.Strike), leaf.Str("unfounded", strconv.FormatBool(m.Unfounded)), leaf.Str("what", what), leaf.Hash("why", sha256.Sum256([]byte(m.Why)))))
}

// tell puts the measure into the feed of the party and of all below it, of a channel into the
// operator's own, and into the journal: what waits is decided anew.
func tell(ctx context.Context, tx Tx, ids *sms.IDs, snap *registry.Snapshot, m *registry.Measure, at int64) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	to := snap.ApplicationsBelow(m.PartyID)
	if m.Object == registry.OfChannel {
		to = snap.ApplicationsOf(m.PartyID)
	}
	var events []sms.Event
	for _, app := range to {
		events = append(events, sms.Event{ID: ids.Next(), ApplicationID: app, Kind: KindMeasure, ObjectID: m.ID, Body: body, At: at})
	}
	if err := tx.InsertEvents(ctx, events); err != nil {
		return err
	}
	_, err = tx.Revoke(ctx, sms.Revocation{Kind: "freeze", ObjectID: int64(m.PartyID), At: at})
	return err
}
