package risk_test

import (
	"context"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/risk"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// sums adds up what the application sent in the hours around now.
func (l *ladder) sums(before, after int64) (sum risk.Count, until int64) {
	l.t.Helper()
	hour := l.now.Unix() / 3600
	err := l.db.Read(l.t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
		snap, err := tx.Registry(ctx)
		if err != nil {
			return err
		}
		app := &registry.Application{ID: application, AccountID: account}
		sum = risk.Count{}
		until, err = risk.SentIn(ctx, tx, l.watch().Codes, snap, app, hour-before, hour+after, *l.now, func(_ int64, c *risk.Count) {
			sum.Messages, sum.Refused, sum.Delivered, sum.Failed, sum.Ended, sum.Units = sum.Messages+c.Messages, sum.Refused+c.Refused, sum.Delivered+c.Delivered, sum.Failed+c.Failed, sum.Ended+c.Ended, sum.Units+c.Units
			sum.BadNumber, sum.Passing, sum.OfCarrier, sum.Blocked, sum.TooOften = sum.BadNumber+c.BadNumber, sum.Passing+c.Passing, sum.OfCarrier+c.OfCarrier, sum.Blocked+c.Blocked, sum.TooOften+c.TooOften
		})
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return sum, until - hour
}

// What was sent is told alike before an hour is counted and after, with why messages failed;
// another application of the account has its own figures.
func TestSentIsToldAlikeCountedOrNot(t *testing.T) {
	eachLadder(t, func(l *ladder) {
		l.write(func(ctx context.Context, tx *store.Tx) error {
			if err := tx.Put(ctx, registry.AccessCode{ID: 20, PartyID: operator, Code: "1069", Carrier: sms.Mobile, State: registry.Active}); err != nil {
				return err
			}
			return tx.Put(ctx, registry.Channel{ID: channel, AccessCodeID: 20, Carrier: sms.Mobile, Name: "c", Protocol: "cmpp30", State: registry.Active})
		})
		l.sent(sms.OTP, sms.Delivered, 0, 3)
		l.sent(sms.OTP, sms.Refused, 0, 2)
		l.sent(sms.OTP, sms.Expired, 0, 1)
		l.sent(sms.MKT, sms.Submitted, 0, 1)
		l.sent(sms.MKT, sms.Failed, 0, 6)
		l.write(func(ctx context.Context, tx *store.Tx) error {
			for _, stat := range []string{"DB:0102", "EXPIRED", "REJECTD", "MBBLACK", "MK:0079", "what nobody knows"} {
				if err := tx.Exec(ctx, "UPDATE message SET reason = ? WHERE id = (SELECT MIN(id) FROM message WHERE state = 'failed' AND reason = '')", stat); err != nil {
					return err
				}
			}
			return tx.Exec(ctx, "UPDATE message SET captured = 2 WHERE state = 'delivered'")
		})
		l.write(func(ctx context.Context, tx *store.Tx) error {
			return tx.InsertMessages(ctx, []*sms.Message{{ID: l.ids.Next(), AccountID: account, ApplicationID: application + 90, Category: sms.OTP, State: sms.Delivered, Text: []byte{}}})
		})
		fresh, until := l.sums(1, 5)
		if fresh.Messages != 13 || fresh.Refused != 2 || fresh.Delivered != 3 || fresh.Failed != 6 || fresh.Ended != 1 || fresh.Units != 6 || until != 5 {
			l.t.Fatalf("%+v %d", fresh, until)
		}
		if fresh.BadNumber != 1 || fresh.Passing != 1 || fresh.OfCarrier != 1 || fresh.Blocked != 1 || fresh.TooOften != 1 {
			l.t.Errorf("%+v", fresh)
		}
		*l.now = l.now.Add(8 * time.Hour)
		l.count(l.watch())
		l.write(func(ctx context.Context, tx *store.Tx) error { return tx.Exec(ctx, "DELETE FROM message") })
		if counted, _ := l.sums(9, 1); counted != fresh {
			l.t.Errorf("counted %+v, read %+v", counted, fresh)
		}
		if none, _ := l.sums(7, 1); none != (risk.Count{}) {
			l.t.Errorf("of later hours: %+v", none)
		}
	})
}

// busy is an account whose hours hold more than is read at once.
type busy struct {
	passed  map[int64]int
	perHour int
}

func (b busy) HourPasses(_ context.Context, _, _ int64, each func(int64, int)) error {
	for h, pass := range b.passed {
		each(h, pass)
	}
	return nil
}

func (b busy) CountsOf(_ context.Context, _, _ sms.ID, from, to int64, each func(int64, risk.Count)) error {
	for h := range b.passed {
		if h >= from && h < to {
			each(h, risk.Count{Messages: b.perHour})
		}
	}
	return nil
}

func (b busy) CountMessagesOf(_ context.Context, _, _, _ sms.ID, limit int, each func(risk.Ended)) error {
	each(risk.Ended{Application: application, N: min(limit, b.perHour)})
	return nil
}

// Too many messages are not read: hours are then as they were counted, and of one that nobody
// has counted nothing is told, not a part of it.
func TestSentReadsNoMoreThanItMay(t *testing.T) {
	now := time.Date(2026, 11, 10, 10, 30, 0, 0, time.UTC)
	hour := now.Unix() / 3600
	for _, c := range []struct{ perHour, messages, until int }{
		{1_000, 5_000, 1},
		{50_000, 250_000, 1},
		{60_000, 300_000, 1},
		{200_000, 800_000, 0},
	} {
		tx := busy{map[int64]int{hour - 1: 1, hour - 2: 1, hour - 3: 2, hour - 4: 3}, c.perHour}
		sum := 0
		until, err := risk.SentIn(t.Context(), tx, nil, nil, &registry.Application{ID: application}, hour-4, hour+1, now, func(_ int64, x *risk.Count) { sum += x.Messages })
		if err != nil || sum != c.messages || int(until-hour) != c.until {
			t.Errorf("%d in an hour: %d, until %d: %v", c.perHour, sum, until-hour, err)
		}
	}
}
