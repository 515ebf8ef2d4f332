package store

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Whatever is inserted, submitted again, answered, reported, moved, decided anew and rolled
// back, in whatever order: what memory knows of messages under way is what the store has (P3).
func TestMessagesUnderWayAreAsStored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := OpenSQLite(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	first := sms.ID(1)
	rapid.Check(t, func(rt *rapid.T) {
		m := &wayModel{t: t, rt: rt, db: db, first: first, last: first}
		defer func() { first = m.last + 1 }()
		db.ways = newWays(rapid.SampledFrom([]int{1, 3, 100}).Draw(rt, "kept"))
		for range rapid.IntRange(1, 15).Draw(rt, "transactions") {
			m.write()
		}
	})
}

var errWay = errors.New("rolled back")

type wayModel struct {
	t           *testing.T
	rt          *rapid.T
	db          *DB
	first, last sms.ID
	decisions   sms.ID
}

// write is one transaction of some steps, which ends well or not.
func (m *wayModel) write() {
	end := rapid.SampledFrom([]error{nil, nil, nil, errWay}).Draw(m.rt, "end")
	err := m.db.Write(m.t.Context(), TurnBackground, func(ctx context.Context, tx *Tx) error {
		for range rapid.IntRange(1, 5).Draw(m.rt, "steps") {
			if err := m.step(ctx, tx); err != nil {
				return err
			}
			m.compare(ctx, tx)
		}
		return end
	})
	if !errors.Is(err, end) {
		m.rt.Fatal(err)
	}
}

var wayStates = []sms.State{sms.Queued, sms.Submitting, sms.Submitted, sms.InDoubt, sms.Unknown, sms.Delivered, sms.Failed}

// wayMoves are the moves of the table between those states.
func wayMoves() (list [][2]sms.State) {
	for _, from := range wayStates {
		for _, to := range wayStates {
			if sms.Moves(from, to) {
				list = append(list, [2]sms.State{from, to})
			}
		}
	}
	return list
}

func (m *wayModel) step(ctx context.Context, tx *Tx) error {
	some := func(what string) sms.ID {
		return m.first + sms.ID(rapid.IntRange(0, int(m.last-m.first)).Draw(m.rt, what))
	}
	move := func() [2]sms.State { return rapid.SampledFrom(wayMoves()).Draw(m.rt, "move") }
	number := func(what string) int { return rapid.IntRange(1, 9).Draw(m.rt, what) }
	switch rapid.SampledFrom([]string{"insert", "claim", "put", "put", "put", "answer", "answer", "report", "move", "move", "decide"}).Draw(m.rt, "step") {
	case "insert":
		return tx.InsertMessages(ctx, []*sms.Message{m.message(rapid.SampledFrom([]sms.State{sms.Submitting, sms.Submitting, sms.Queued}).Draw(m.rt, "state"))})
	case "claim": // the segments come before their message
		x := m.message(sms.Submitting)
		return errors.Join(tx.PutSegments(ctx, m.segments(x.ID, x.Segments)), tx.InsertMessages(ctx, []*sms.Message{x}))
	case "put":
		id, n := some("message"), rapid.IntRange(1, 3).Draw(m.rt, "segments")
		if rapid.Bool().Draw(m.rt, "again") {
			return errors.Join(tx.PutSegments(ctx, m.segments(id, n)), tx.PutSegments(ctx, m.segments(id, n)))
		}
		return tx.PutSegments(ctx, m.segments(id, n))
	case "answer":
		return tx.AnswerSegments(ctx, []sms.Segment{{
			MessageID: some("message"), No: rapid.IntRange(1, 3).Draw(m.rt, "no"), State: sms.SegAccepted, UpstreamID: string(rune('a' + number("id"))), Result: int64(number("result")),
			Stat: "X", AnswerAt: int64(number("at")), SubmitLeaf: sms.ID(number("leaf")), SubmitPos: number("position"),
		}})
	case "report":
		return tx.ReportSegments(ctx, []sms.Segment{{
			MessageID: some("message"), No: rapid.IntRange(1, 3).Draw(m.rt, "no"), State: sms.SegDelivered, Stat: "DELIVRD", ReportAt: int64(number("at")), ReportLeaf: 5,
		}})
	case "move":
		way := move()
		_, err := tx.ApplyChanges(ctx, []sms.Change{{
			ID: some("message"), From: way[0], To: way[1], Reason: "R", Held: number("held"), Captured: number("captured"), ChannelID: sms.ID(number("channel")), At: 7,
		}})
		return err
	default:
		way := move()
		x := m.message(way[1])
		m.last--
		x.ID = some("message")
		_, err := tx.Redecide(ctx, way[0], x)
		return err
	}
}

func (m *wayModel) message(s sms.State) *sms.Message {
	m.last++
	m.decisions++
	return &sms.Message{
		ID: m.last, DecisionID: m.decisions, ApplicationID: 3, PhoneID: [16]byte{4}, Carrier: sms.Mobile, Category: sms.OTP, State: s, Code: "c", Reason: "r", Text: []byte("sealed"),
		PhoneCommit: [32]byte{5}, Units: 2, Segments: rapid.IntRange(1, 3).Draw(m.rt, "segments"), Held: 2, Ref: "ref", Via: 6, PDU: 7, ChannelID: 8, NotAfter: 9, LeafID: 10,
	}
}

func (m *wayModel) segments(id sms.ID, n int) (list []sms.Segment) {
	for no := range n {
		list = append(list, sms.Segment{
			MessageID: id, No: no + 1, ChannelID: 8, State: sms.SegSubmitting, Source: "106", Attempt: 1, Epoch: int64(rapid.IntRange(1, 3).Draw(m.rt, "epoch")), SubmitAt: 11,
		})
	}
	return list
}

func (m *wayModel) compare(ctx context.Context, tx *Tx) {
	var ids []sms.ID
	for id := m.first; id <= m.last; id++ {
		ids = append(ids, id)
	}
	read := func(by func(context.Context, []sms.ID, func(*sms.Message, []sms.Segment)) error) (out []way) {
		if err := by(ctx, ids, func(x *sms.Message, segments []sms.Segment) { out = append(out, way{x, segments}) }); err != nil {
			m.rt.Fatal(err)
		}
		return out
	}
	want := read(tx.readUnderway)
	if rapid.Bool().Draw(m.rt, "read before") {
		read(tx.Underway)
	}
	got := read(tx.Underway)
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if !reflect.DeepEqual(got, want) {
		m.rt.Fatalf("memory has %+v, the store %+v", got, want)
	}
	for i := range got { // what is changed by who reads it does not change what is kept
		got[i].m.State, got[i].segments[0].State = "changed", "changed"
	}
}

// The store refuses a move that the table does not have, whoever asks, and writes nothing.
func TestStoreRefusesMovesOutsideTheTable(t *testing.T) {
	db, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "x.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // a test's
	for _, x := range [][2]sms.State{{sms.Refused, sms.Queued}, {sms.Delivered, sms.Submitted}, {sms.Queued, sms.Delivered}, {sms.Submitted, sms.Queued}, {sms.InDoubt, sms.Queued}} {
		err := db.Write(t.Context(), TurnBackground, func(ctx context.Context, tx *Tx) error {
			if n, err := tx.ApplyChanges(ctx, []sms.Change{{ID: 1, From: x[0], To: x[1]}}); err == nil {
				t.Errorf("%v: %d moved", x, n)
			}
			if _, err := tx.Redecide(ctx, x[0], &sms.Message{ID: 1, State: x[1]}); err == nil {
				t.Errorf("%v was decided anew", x)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
