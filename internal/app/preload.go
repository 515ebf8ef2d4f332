package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/pprof"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/lab/load"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vault"
)

func listenLocal(ctx context.Context) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
}

// profile writes a CPU profile to a file until it is stopped; "" is none.
func profile(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error { pprof.StopCPUProfile(); return f.Close() }, nil
}

// prepare makes the bench's folder: the chain, people with consents, old messages.
// What is there already is used again.
func (b *Bench) prepare(ctx context.Context, logger *slog.Logger) (offset time.Duration, err error) {
	cfg := benchConfig(b.Data)
	f, err := openFolder(cfg.Data)
	if err != nil {
		return 0, err
	}
	c, err := f.createClock(time.Now(), madeByBench)
	if err != nil {
		return 0, errors.Join(err, f.close())
	}
	p, err := Open(ctx, cfg, f, logger)
	if err != nil {
		return 0, errors.Join(err, f.close())
	}
	defer func() { err = errors.Join(err, p.DB.Close(), f.close()) }()
	s, err := p.seed(ctx, mobile("127.0.0.1:1"), int64(b.Sessions), benchWindow, 1_000_000*sms.Yuan)
	if err != nil {
		return 0, err
	}
	l := &loader{p: p, seed: s}
	if err := l.load(ctx, "consents", b.Numbers, l.consents); err != nil {
		return 0, err
	}
	if err := l.load(ctx, "old messages", b.Old, l.old); err != nil {
		return 0, err
	}
	return c.offset(), p.DB.IndexAll(ctx)
}

// loader fills a bench's folder in resumable steps.
type loader struct {
	p    *Platform
	seed seeded
}

const loadChunk = 1000

// load runs a step from where an earlier one ended, with its rate and time left.
func (l *loader) load(ctx context.Context, name string, total int, step func(ctx context.Context, tx *store.Tx, from, to int) error) error {
	done, setting, begin := 0, "bench."+name, time.Now()
	err := l.p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
		v, err := tx.Setting(ctx, setting)
		if err != nil || v == "" {
			return err
		}
		_, err = fmt.Sscan(v, &done)
		return err
	})
	first := done
	for err == nil && done < total {
		if ctx.Err() != nil {
			return fmt.Errorf("stopped with %d of %d %s loaded; the next start goes on there", done, total, name)
		}
		to := min(done+loadChunk, total)
		err = l.p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
			if err := step(ctx, tx, done, to); err != nil {
				return err
			}
			return tx.PutSetting(ctx, setting, fmt.Sprint(to))
		})
		done = to
		if done%(20*loadChunk) == 0 || done == total {
			rate := float64(done-first) / time.Since(begin).Seconds()
			fmt.Fprintf(os.Stderr, "\rloading %s: %d of %d, %.0f/s, %s left   ", name, done, total, rate, time.Duration(float64(total-done)/rate*1e9).Round(time.Second))
		}
	}
	if done > first {
		fmt.Fprintln(os.Stderr)
	}
	return err
}

func (l *loader) phone(i int) ([16]byte, sms.MSISDN, error) {
	n, err := sms.ParseMSISDN(fmt.Sprint(load.Base + i))
	return l.p.Keys.PhoneID(n), n, err
}

// consents stores people who agreed to marketing, with the evidence of it.
func (l *loader) consents(ctx context.Context, tx *store.Tx, from, to int) error {
	now := l.p.Now().Add(-time.Hour).UnixMilli()
	people, grants := make([]sms.Person, 0, to-from), make([]consent.Grant, 0, to-from)
	for i := from; i < to; i++ {
		id, n, err := l.phone(i)
		if err != nil {
			return err
		}
		secret := l.p.Keys.NewSecret()
		people = append(people, sms.Person{
			PhoneID: id, GroupID: l.seed.Customer, Number: l.p.Keys.Seal(vault.PurposeNumber, []byte(n.Reveal())), Secret: l.p.Keys.SealSecret(secret),
		})
		grants = append(grants, consent.Grant{
			ID: l.p.IDs.Next(), PhoneID: id, GroupID: l.seed.Customer, Purpose: sms.MKT, Grade: consent.SignedEvent, Method: "bench", Wording: "v1",
			Source: "bench", ValidFrom: now,
		})
	}
	if err := tx.InsertPeople(ctx, now, people); err != nil {
		return err
	}
	return consent.Add(ctx, tx, func(ctx context.Context, kind string, at int64, hashes [][32]byte) (sms.ID, error) {
		id := l.p.IDs.Next()
		return id, tx.AppendLeaf(ctx, id, kind, at, hashes)
	}, grants, now)
}

// old stores messages of the weeks before, as they are at their end.
func (l *loader) old(ctx context.Context, tx *store.Tx, from, to int) error {
	messages, segments, events := make([]*sms.Message, 0, to-from), make([]sms.Segment, 0, to-from), make([]sms.RecipientEvent, 0, to-from)
	for i := from; i < to; i++ {
		phone, _, err := l.phone(i % 1_000_000)
		if err != nil {
			return err
		}
		at := l.p.Now().Add(-10*24*time.Hour - time.Duration(i)*time.Millisecond).UnixMilli()
		m := &sms.Message{
			ID: l.p.IDs.Next(), DecisionID: 1, AccountID: l.seed.Money[2], ApplicationID: l.seed.Application, GroupID: l.seed.Customer, PhoneID: phone,
			Carrier: sms.Mobile, Category: sms.Notice, State: sms.Delivered, Decided: sms.Permitted, Text: make([]byte, 80), Units: 1, Segments: 1, Captured: 1,
			ChannelID: l.seed.Channel, CreatedAt: at, UpdatedAt: at,
		}
		messages = append(messages, m)
		segments = append(segments, sms.Segment{MessageID: m.ID, No: 1, ChannelID: m.ChannelID, State: sms.SegDelivered, Source: storyCode + storyDigits, Attempt: 1, SubmitAt: at})
		events = append(events, sms.RecipientEvent{PhoneID: phone, MessageID: m.ID, At: at, GroupID: m.GroupID, Category: m.Category, ChannelID: m.ChannelID})
	}
	if err := tx.InsertMessages(ctx, messages); err != nil {
		return err
	}
	if err := tx.PutSegments(ctx, segments); err != nil {
		return err
	}
	return tx.InsertRecipientEvents(ctx, events)
}
