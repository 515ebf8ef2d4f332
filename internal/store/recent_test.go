package store

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Whatever is inserted, stamped, removed, rolled back, indexed late or read after a
// restart: a person's events are found, each once, with the time that they have.
func TestRecentFindsEventsThatLagBehindTheirIndex(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &lagModel{t: t, rt: rt, path: filepath.Join(t.TempDir(), "x.db"), events: map[sms.ID]sms.RecipientEvent{}, last: 10}
		m.open()
		defer func() { _ = m.db.Close() }()
		for range rapid.IntRange(5, 40).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"insert", "insert", "rollback", "stamp", "remove", "index", "index", "reopen"}).Draw(rt, "step") {
			case "insert":
				m.insert(nil)
			case "rollback":
				m.insert(errLag)
			case "stamp":
				m.stamp()
			case "remove":
				m.remove()
			case "index":
				for range rapid.IntRange(1, 2*lagRanges).Draw(rt, "ranges") {
					m.write(nil, m.db.lag.indexRange)
				}
			case "reopen":
				if err := m.db.Close(); err != nil {
					rt.Fatal(err)
				}
				m.open()
			}
			m.check()
		}
	})
}

var errLag = errors.New("rolled back")

// lagModel is a store and what it should hold.
type lagModel struct {
	t      *testing.T
	rt     *rapid.T
	path   string
	db     *DB
	events map[sms.ID]sms.RecipientEvent
	last   sms.ID
}

func (m *lagModel) open() {
	db, err := OpenSQLite(m.t.Context(), m.path, time.Now)
	if err != nil {
		m.rt.Fatal(err)
	}
	db.lag.target, db.lag.most = 1<<30, rapid.SampledFrom([]int{0, 5, 1 << 30}).Draw(m.rt, "most") // only the test moves ranges
	m.db = db
}

func (m *lagModel) write(want error, f func(context.Context, *Tx) error) {
	if err := m.db.Write(m.t.Context(), TurnBackground, f); !errors.Is(err, want) {
		m.rt.Fatal(err)
	}
}

func (m *lagModel) phone() [16]byte {
	return [16]byte{rapid.SampledFrom([]byte{0, 1, 7, 255}).Draw(m.rt, "phone")}
}

func (m *lagModel) insert(end error) {
	var list []sms.RecipientEvent
	for range rapid.IntRange(1, 5).Draw(m.rt, "events") {
		m.last += sms.ID(rapid.IntRange(1, 3).Draw(m.rt, "gap"))
		id := m.last
		if old := m.last - 9; rapid.IntRange(0, 4).Draw(m.rt, "late") == 0 && m.events[old].MessageID == 0 && !slices.ContainsFunc(list, func(e sms.RecipientEvent) bool { return e.MessageID == old }) {
			id = old // a message decided again
		}
		list = append(list, sms.RecipientEvent{MessageID: id, PhoneID: m.phone(), At: int64(rapid.IntRange(1, 50).Draw(m.rt, "at")), GroupID: 1, Category: sms.MKT, ChannelID: 1})
	}
	m.write(end, func(ctx context.Context, tx *Tx) error { return errors.Join(tx.InsertRecipientEvents(ctx, list), end) })
	for _, e := range list {
		if end == nil {
			m.events[e.MessageID] = e
		}
	}
}

func (m *lagModel) some() []sms.RecipientEvent {
	var all []sms.RecipientEvent
	for _, e := range m.events {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b sms.RecipientEvent) int { return cmp.Compare(a.MessageID, b.MessageID) })
	return slices.DeleteFunc(all, func(sms.RecipientEvent) bool { return rapid.IntRange(0, 2).Draw(m.rt, "leave") != 0 })
}

func (m *lagModel) stamp() {
	list := m.some()
	for i := range list {
		list[i].At += int64(rapid.IntRange(0, 30).Draw(m.rt, "later"))
		list[i].ChannelID = 2
		m.events[list[i].MessageID] = list[i]
	}
	m.write(nil, func(ctx context.Context, tx *Tx) error { return tx.StampEvents(ctx, list) })
}

func (m *lagModel) remove() {
	list := m.some()
	m.write(nil, func(ctx context.Context, tx *Tx) error {
		for _, e := range list {
			delete(m.events, e.MessageID)
			if err := tx.RemoveEvents(ctx, e.MessageID); err != nil {
				return err
			}
		}
		return nil
	})
}

func (m *lagModel) check() {
	since := int64(rapid.IntRange(-1, 60).Draw(m.rt, "since"))
	phones := [][16]byte{{0}, {1}, {7}, {255}}
	var got, want []sms.RecipientEvent
	m.write(nil, func(ctx context.Context, tx *Tx) error {
		return tx.Recent(ctx, phones, since, func(e sms.RecipientEvent) { got = append(got, e) })
	})
	for _, e := range m.events {
		if e.At > since {
			want = append(want, e)
		}
	}
	for _, l := range [][]sms.RecipientEvent{got, want} {
		slices.SortFunc(l, func(a, b sms.RecipientEvent) int { return cmp.Compare(a.MessageID, b.MessageID) })
	}
	if !slices.Equal(got, want) {
		m.rt.Fatalf("since %d:\n got %v\nwant %v", since, got, want)
	}
}
