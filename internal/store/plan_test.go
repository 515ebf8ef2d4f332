package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/risk"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// No statement of the message path may read a whole table of messages, segments,
// events or leaves: on a store with millions of them it would stop everything.
func TestNoStatementScansALargeTable(t *testing.T) {
	db, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "x.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // a test's file
	err = db.Write(t.Context(), TurnBackground, func(ctx context.Context, tx *Tx) error {
		id, phone := []sms.ID{1}, [][16]byte{{1}}
		e26 := tx.InsertRecipientEvents(ctx, []sms.RecipientEvent{{MessageID: 1, PhoneID: phone[0], At: 5, GroupID: 1, SignatureID: 1, Category: sms.MKT}})
		_, e1 := tx.Due(ctx, 1, 1)
		_, e2 := tx.InState(ctx, sms.Held, 1, 1)
		_, e3 := tx.Queued(ctx, 1, 1, 1, 1, 1)
		_, e4 := tx.QueuedAccounts(ctx, 1, 1)
		_, e5 := tx.SubmittingOn(ctx, 1, 1, 1)
		_, e6 := tx.SubmittingTo(ctx, phone[0], 1)
		_, e7 := tx.InDoubtFor(ctx, 1, phone[0], "1", 1)
		_, e8 := tx.MarketedFrom(ctx, phone[0], "1", 1)
		_, e9 := tx.LastApplication(ctx, phone[0], 1)
		_, e10 := tx.Untold(ctx, 1, 1, 1)
		_, e11 := tx.OpenParts(ctx, 1, phone[0])
		_, e12 := tx.LateParts(ctx, "cmpp", 1, 1)
		_, e13 := tx.PartsOf(ctx, 1)
		_, _, e14 := tx.PendingLeaves(ctx, 1)
		_, e15 := tx.TakeOrphans(ctx, 1, []string{"1"}, 1)
		_, e30 := tx.TakeOrphansOf(ctx, 1, id, 1)
		_, e16 := tx.ListMessages(ctx, 1, 1, 1)
		_, e17 := tx.Events(ctx, 1, 1, 1)
		_, e18 := tx.Messages(ctx, id, true)
		_, e19 := tx.InsertMO(ctx, sms.MO{ID: 1, Text: []byte{1}})
		_, e33 := tx.RefusalBy(ctx, 1, 1, 2)
		e20 := tx.SegmentsByUpstream(ctx, 1, []string{"1"}, 1, func(string, sms.ID, int) {})
		e21 := tx.SegmentsOf(ctx, id, func(sms.Segment) {})
		e23 := tx.Underway(ctx, id, func(*sms.Message, []sms.Segment) {})
		e24 := tx.OldestOpen(ctx, func(sms.State, int64) {})
		_, e25 := tx.LastMessageTo(ctx, phone[0], 1)
		e27 := tx.StampEvents(ctx, []sms.RecipientEvent{{MessageID: 2, PhoneID: phone[0]}})
		e28 := tx.RemoveEvents(ctx, 1)
		_, e29 := tx.KeptReports(ctx, phone[0], 1, 1)
		e31 := tx.CountMessagesOf(ctx, 1, 1, 2, 1, func(risk.Ended) {})
		e32 := tx.MOsFrom(ctx, phone[0], 1, 1, 2, 1, func(sms.MO) {})
		e22 := tx.Recent(ctx, phone, 1, func(sms.RecipientEvent) {})
		for _, err := range []error{e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11, e12, e13, e14, e15, e16, e17, e18, e19, e20, e21, e22, e23, e24, e25, e26, e27, e28, e29, e30, e31, e32, e33} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	scan := regexp.MustCompile(`SCAN (message|m|segment|s|event|e|evidence_leaf|recipient_event|recipient_index|i|mo|sp_part|orphan_report)( |$)`)
	explained := 0
	for _, query := range db.lite.Texts() {
		if !strings.Contains(query, "SELECT") {
			continue
		}
		args := make([]any, strings.Count(query, "?"))
		rows, err := db.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		for rows.Next() {
			var id, parent, unused int
			var detail sql.NullString
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			if scan.MatchString(detail.String) && !strings.Contains(detail.String, "evidence_leaf_pending") {
				t.Errorf("%s\n\t%s", query, detail.String)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		explained++
	}
	if explained < 20 {
		t.Errorf("only %d statements were looked at", explained)
	}
}
