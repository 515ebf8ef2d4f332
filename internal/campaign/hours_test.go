package campaign_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/campaign"
	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// stores is the store as campaigns see it.
type stores struct{ db *store.DB }

func (s stores) Write(ctx context.Context, fn func(context.Context, campaign.Tx) error) error {
	return s.db.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

func (s stores) Read(ctx context.Context, fn func(context.Context, campaign.Tx) error) error {
	return s.db.Read(ctx, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// world is a desk beside a gate whose clock is set.
type world struct {
	*gatetest.World
	*campaign.Desk
}

func (w *world) registry() *registry.Snapshot {
	snap, err := w.World.Gate.Snapshot(w.T.Context())
	if err != nil {
		w.T.Fatal(err)
	}
	return snap
}

// open starts a campaign of marketing to so many people who have consented.
func (w *world) open(people int, set func(*campaign.Terms)) *campaign.Campaign {
	w.T.Helper()
	c := w.load(people, set)
	if _, err := w.Close(w.T.Context(), c.ID); err != nil {
		w.T.Fatal(err)
	}
	w.until(c, campaign.Ready)
	if _, err := w.Desk.Start(w.T.Context(), c.ID, 0); err != nil {
		w.T.Fatal(err)
	}
	return c
}

// load makes a campaign and brings its rows.
func (w *world) load(people int, set func(*campaign.Terms)) *campaign.Campaign {
	w.T.Helper()
	var rows strings.Builder
	rows.WriteString("to\n")
	for i := range people {
		to := fmt.Sprint(13000100000 + 3*i)
		w.Agree(to)
		rows.WriteString(to + "\n")
	}
	snap := w.registry()
	c := &campaign.Campaign{ApplicationID: gatetest.Application, PartyID: gatetest.Customer, Terms: campaign.Terms{
		Name: "会员日", TemplateID: gatetest.TemplateMKT, Signature: "准信科技", Evidence: w.evidence(),
		Declaration: campaign.Declaration{Name: "甲", USCC: snap.Party[gatetest.Customer].USCC, Handler: "乙", Words: "均已同意"},
	}}
	if set != nil {
		set(&c.Terms)
	}
	found, err := w.Create(w.T.Context(), snap, c)
	if err != nil || len(found) > 0 {
		w.T.Fatal(found, err)
	}
	if _, _, err := w.Load(w.T.Context(), snap, c.ID, 1, campaign.CSV, strings.NewReader(rows.String())); err != nil {
		w.T.Fatal(err)
	}
	return c
}

// evidence is a registered wording.
func (w *world) evidence() []sms.ID {
	id := w.IDs.Next()
	w.Write(func(ctx context.Context, tx *store.Tx) error {
		return tx.InsertWording(ctx, consent.Wording{ID: id, GroupID: gatetest.Customer, PartyID: gatetest.Customer, Text: "同意接收", Purpose: sms.MKT, Days: 365})
	})
	return []sms.ID{id}
}

func (w *world) read(c *campaign.Campaign) (now *campaign.Campaign) {
	w.T.Helper()
	w.Write(func(ctx context.Context, tx *store.Tx) (err error) {
		now, err = tx.Campaign(ctx, c.ID, false)
		return err
	})
	return now
}

func (w *world) wait(c *campaign.Campaign, what string, is func(*campaign.Campaign) bool) *campaign.Campaign {
	w.T.Helper()
	deadline := time.Now().Add(60 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		now := w.read(c)
		if is(now) {
			return now
		}
		if time.Now().After(deadline) {
			w.T.Fatalf("it is not %s: %+v", what, now)
		}
	}
}

func (w *world) until(c *campaign.Campaign, state string) *campaign.Campaign {
	w.T.Helper()
	return w.wait(c, state, func(now *campaign.Campaign) bool { return now.State == state })
}

func everywhere(t *testing.T, test func(w *world)) {
	gatetest.Everywhere(t, nil, func(g *gatetest.World) {
		w := &world{g, campaign.New(campaign.Config{Store: stores{g.DB}, Gate: g.Gate, Keys: g.Keys, IDs: g.IDs, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.Run(ctx)
		}()
		defer func() {
			cancel()
			<-done
		}()
		test(w)
	})
}

// TIM-01: outside lawful hours a campaign waits as a whole, and goes on in the morning; nothing of
// it lies among the deferred messages. What its end passes over is not sent.
func TestCampaignWaitsForItsHours(t *testing.T) {
	everywhere(t, func(w *world) {
		evening := time.Date(2026, 11, 24, 21, 0, 0, 0, rulebook.Shanghai)
		w.Clock.Set(evening)
		c := w.open(20, nil)
		now := w.wait(c, "waiting for the morning", func(now *campaign.Campaign) bool { return now.State == campaign.Running && now.WaitUntil > 0 })
		if opens := time.Date(2026, 11, 25, 9, 0, 0, 0, rulebook.Shanghai); now.WaitUntil != opens.UnixMilli() || now.Done != 0 || len(now.Tally.Verdicts) != 0 {
			w.T.Errorf("it waits until %s: %+v", time.UnixMilli(now.WaitUntil).In(rulebook.Shanghai), now)
		}
		short := w.open(3, func(t *campaign.Terms) { t.NotAfter = evening.Add(time.Hour).UnixMilli() })
		w.wait(short, "waiting for its end", func(now *campaign.Campaign) bool { return now.WaitUntil == short.Terms.NotAfter })
		w.Clock.Set(evening.Add(time.Hour))
		if now = w.until(short, campaign.Stopped); now.Ruling.Code != "NOT_AFTER_PASSED" || now.Done != 0 {
			w.T.Errorf("%+v", now)
		}
		w.Clock.Set(evening.Add(12 * time.Hour))
		now = w.until(c, campaign.Done)
		if now.Tally.Verdicts["queued"] != 20 || now.Tally.Verdicts[gate.VerdictUnits] != 20 {
			w.T.Errorf("%+v", now)
		}
		w.Sound()
	})
}

// Its own time is kept to, and a campaign that is left alone does not stay for ever.
func TestCampaignKeepsItsTime(t *testing.T) {
	everywhere(t, func(w *world) {
		at := gatetest.Morning.Add(2 * time.Hour)
		c := w.open(2, func(t *campaign.Terms) { t.SendAt = at.UnixMilli() })
		first := w.open(2, nil) // its way shows that time passes
		w.until(first, campaign.Done)
		if now := w.read(c); now.State != campaign.Scheduled || now.WaitUntil != at.UnixMilli() {
			w.T.Errorf("%+v", now)
		}
		w.Clock.Set(at)
		w.until(c, campaign.Done)
		late := *c
		late.Terms.SendAt = at.AddDate(0, 0, 91).UnixMilli()
		var known *sms.Error
		if _, err := w.Create(w.T.Context(), w.registry(), &late); !errors.As(err, &known) || known.Code != sms.SendAtTooFar {
			w.T.Errorf("91 days ahead: %v", err)
		}
		left := w.open(2, func(t *campaign.Terms) { t.SendAt = at.AddDate(0, 2, 0).UnixMilli() })
		if _, err := w.Pause(w.T.Context(), left.ID, 0); err != nil {
			w.T.Fatal(err)
		}
		w.Clock.Set(at.AddDate(0, 0, 31))
		w.until(left, campaign.Cancelled)
	})
}

// Of a party that is frozen nothing goes on: what was judged pauses, and what was not is stopped,
// because nothing may start that no sample was tried of.
func TestCampaignOfAFrozenParty(t *testing.T) {
	everywhere(t, func(w *world) {
		at := gatetest.Morning.Add(time.Hour)
		judged := w.open(2, func(t *campaign.Terms) { t.SendAt = at.UnixMilli() })
		loaded := w.load(2, nil)
		party := *w.registry().Party[gatetest.Customer]
		party.State = registry.Frozen
		w.Put(party)
		if _, err := w.Close(w.T.Context(), loaded.ID); err != nil {
			w.T.Fatal(err)
		}
		if now := w.until(loaded, campaign.Stopped); now.Ruling.Code != sms.PartyFrozen {
			w.T.Errorf("%+v", now)
		}
		w.Clock.Set(at)
		if now := w.until(judged, campaign.Paused); now.Ruling.Code != sms.PartyFrozen || now.Done != 0 {
			w.T.Errorf("%+v", now)
		}
		party.State = registry.Active
		w.Put(party)
		if _, err := w.Resume(w.T.Context(), judged.ID, 0); err != nil {
			w.T.Fatal(err)
		}
		if now := w.until(judged, campaign.Done); now.Tally.Verdicts["queued"] != 2 {
			w.T.Errorf("%+v", now)
		}
	})
}
