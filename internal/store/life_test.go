//go:build unix

package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
)

const batch = 250

// BenchmarkLife is what the writer does for messages of one segment each, in batches, from
// the decision to the report; people come again by chance.
func BenchmarkLife(b *testing.B) {
	const before = 50_000
	_, run := life(b)
	for range before / batch {
		run()
	}
	b.ResetTimer()
	began := cpuTime(b)
	for b.Loop() {
		run()
	}
	b.ReportMetric(float64((cpuTime(b)-began).Microseconds())/float64(b.N*batch), "cpu-µs/message")
}

// A statement that each message runs does not make SQLite build a table for itself, as an
// IN of more than two values does, also in the condition of an index.
func TestMovingMessagesBuildsNoTables(t *testing.T) {
	db, run := life(t)
	run()
	for _, query := range db.lite.Texts() {
		if !regexp.MustCompile(`^(SELECT|INSERT|UPDATE)`).MatchString(query) {
			continue
		}
		rows, err := db.read.QueryContext(t.Context(), "EXPLAIN "+query, make([]any, strings.Count(query, "?"))...)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		for rows.Next() {
			var op string
			var rest [7]any
			if err := rows.Scan(&rest[0], &op, &rest[1], &rest[2], &rest[3], &rest[4], &rest[5], &rest[6]); err != nil {
				t.Fatal(err)
			}
			if op == "OpenEphemeral" || op == "OpenAutoindex" || op == "SorterOpen" {
				t.Errorf("%s: %s", op, query)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// life makes a store and what moves one more batch of messages through it.
func life(b testing.TB) (*DB, func()) {
	const people, channel = 200_000, 3
	db, err := OpenSQLite(b.Context(), filepath.Join(b.TempDir(), "x.db"), time.Now)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	rnd := rand.New(rand.NewPCG(1, 2))
	next := sms.ID(1 << 40)
	write := func(turn Turn, f func(ctx context.Context, tx *Tx) error) {
		if err := db.Write(b.Context(), turn, f); err != nil {
			b.Fatal(err)
		}
	}
	return db, func() {
		messages, events, segments := make([]*sms.Message, batch), make([]sms.RecipientEvent, batch), make([]sms.Segment, batch)
		phones, ids, upstream := make([][16]byte, batch), make([]sms.ID, batch), make([]string, batch)
		at := time.Now().UnixMilli()
		for i := range batch {
			next += 1 << 10
			binary.BigEndian.PutUint64(phones[i][:], rnd.Uint64N(people)*0x9e3779b97f4a7c15)
			ids[i], upstream[i] = next, fmt.Sprint(uint64(next)*0x9e3779b97f4a7c15)
			messages[i] = &sms.Message{
				ID: next, DecisionID: 5, AccountID: 7, ApplicationID: 8, GroupID: 9, SignatureID: 10, TemplateID: 11, PhoneID: phones[i], Carrier: sms.Mobile, Category: sms.Notice,
				State: sms.Submitting, Decided: sms.Permitted, Text: make([]byte, 180), Units: 1, Segments: 1, Held: 1, Ref: "r", Via: 4, ChannelID: channel, NotAfter: at, Journal: 3,
				ValidUntil: at, CreatedAt: at, UpdatedAt: at, LeafID: 12, LeafPos: i,
			}
			events[i] = sms.RecipientEvent{PhoneID: phones[i], MessageID: next, At: at, GroupID: 9, SignatureID: 10, TemplateID: 11, Category: sms.Notice, ChannelID: channel}
			segments[i] = sms.Segment{MessageID: next, No: 1, ChannelID: channel, State: sms.SegSubmitting, Source: "10690000123", Attempt: 1, Epoch: 2, SubmitAt: at}
		}
		write(TurnGate, func(ctx context.Context, tx *Tx) error {
			if err := tx.Recent(ctx, phones, at-1000, func(sms.RecipientEvent) {}); err != nil {
				return err
			}
			if err := tx.InsertMessages(ctx, messages); err != nil {
				return err
			}
			if err := tx.InsertRecipientEvents(ctx, events); err != nil {
				return err
			}
			return tx.PutSegments(ctx, segments)
		})
		changes := make([]sms.Change, 0, batch)
		write(TurnSubmit, func(ctx context.Context, tx *Tx) error {
			changes = changes[:0]
			if err := tx.Underway(ctx, ids, func(m *sms.Message, s []sms.Segment) {
				changes = append(changes, sms.Change{ID: m.ID, From: m.State, To: sms.Submitted, Captured: 1, ChannelID: channel, At: at})
			}); err != nil {
				return err
			}
			for i := range segments {
				s := &segments[i]
				s.State, s.UpstreamID, s.AnswerAt, s.SubmitLeaf, s.SubmitPos = sms.SegAccepted, upstream[i], at, 13, i
			}
			if err := tx.AnswerSegments(ctx, segments); err != nil {
				return err
			}
			if _, err := tx.TakeOrphans(ctx, channel, upstream, at); err != nil {
				return err
			}
			_, err := tx.ApplyChanges(ctx, changes)
			return err
		})
		write(TurnReport, func(ctx context.Context, tx *Tx) error {
			changes = changes[:0]
			var found []sms.ID
			if err := tx.SegmentsByUpstream(ctx, channel, upstream, 1, func(_ string, id sms.ID, _ int) { found = append(found, id) }); err != nil {
				return err
			}
			if err := tx.Underway(ctx, found, func(m *sms.Message, s []sms.Segment) {
				changes = append(changes, sms.Change{ID: m.ID, From: m.State, To: sms.Delivered, Captured: 1, ChannelID: channel, At: at})
			}); err != nil {
				return err
			}
			for i := range segments {
				s := &segments[i]
				s.State, s.Stat, s.ReportAt, s.ReportLeaf, s.ReportPos = sms.SegDelivered, "DELIVRD", at, 14, i
			}
			if err := tx.ReportSegments(ctx, segments); err != nil {
				return err
			}
			n, err := tx.ApplyChanges(ctx, changes)
			if err == nil && n != batch {
				err = fmt.Errorf("%d of %d messages moved", n, batch)
			}
			return err
		})
	}
}

// cpuTime is what the process took of the processors so far.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
