package app

import (
	"context"
	"errors"
	"time"

	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// Sweeping: what is due is decided anew each second; timeouts are looked for less
// often. Each transaction is small.
const (
	dueEvery     = time.Second
	timeoutEvery = 10 * time.Second
	sweepChunk   = 200
)

// watchEvery is how often the traffic of customers is looked at.
const watchEvery = 10 * time.Minute

// watch looks at what customers send, from time to time.
func (p *Platform) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := errors.Join(p.Watch.Look(ctx), p.Watch.LookAtHour(ctx), p.Watch.CountHours(ctx)); err != nil && ctx.Err() == nil {
			p.Logger.Error("look at the customers' traffic", "err", err)
		}
	}
}

// sweep ends waiting: deferred and scheduled messages at their hour, held and
// queued ones that waited too long, submitted ones whose report never came.
func (p *Platform) sweep(ctx context.Context) {
	tick := time.NewTicker(dueEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		if err := p.release(ctx); err != nil && ctx.Err() == nil {
			p.Logger.Error("release of due messages", "err", err)
		}
		if n%int(timeoutEvery/dueEvery) == 0 {
			if err := p.timeouts(ctx); err != nil && ctx.Err() == nil {
				p.Logger.Error("timeouts", "err", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// release decides anew what is due.
func (p *Platform) release(ctx context.Context) error {
	for ctx.Err() == nil {
		var list []*sms.Message
		err := p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
			list, err = tx.Due(ctx, p.Now().UnixMilli(), sweepChunk)
			return err
		})
		if err != nil || len(list) == 0 {
			return err
		}
		n, err := p.Gate.Redecide(ctx, list, false)
		if err != nil || n == 0 {
			return err
		}
		p.told()
	}
	return nil
}

// timeouts ends what waited too long.
func (p *Platform) timeouts(ctx context.Context) error {
	snap, err := p.Registry(ctx)
	if err != nil {
		return err
	}
	now := p.Now().UnixMilli()
	late := func(m *sms.Message) bool { return m.NotAfter != 0 && now >= m.NotAfter }
	for _, x := range []struct {
		from sms.State
		to   sms.State
		code sms.Code
		when func(*sms.Message) bool
	}{
		{sms.Held, sms.Expired, sms.NotAfterPassed, late},
		{sms.Submitted, sms.Unknown, "", func(m *sms.Message) bool { return now >= m.UpdatedAt+p.reportTimeout(snap, m).Milliseconds() }},
	} {
		var list []*sms.Message
		err := p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
			found, err := tx.InState(ctx, x.from, now, sweepChunk)
			for _, m := range found {
				if x.when(m) {
					list = append(list, m)
				}
			}
			return err
		})
		if err == nil {
			err = p.end(ctx, list, x.to, sms.ActorSweeper, x.code)
		}
		if err != nil {
			return err
		}
	}
	if err := errors.Join(p.forgetKeys(ctx, now), p.forgetUploads(ctx, now), p.forgetCodes(ctx, now)); err != nil {
		return err
	}
	return p.expireQueued(ctx, snap, late)
}

// forgetUploads removes what came of scans whose upload did not end, and those that no application
// named.
func (p *Platform) forgetUploads(ctx context.Context, now int64) error {
	var ids []sms.ID
	err := p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		ids, err = tx.AbandonedDocuments(ctx, now-document.UploadsLast.Milliseconds(), now-document.HeldLast.Milliseconds(), sweepChunk)
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return tx.DropDocument(ctx, id) }); err != nil {
			return err
		}
	}
	return nil
}

// forgetKeys removes idempotency keys whose day has passed, in small transactions.
func (p *Platform) forgetKeys(ctx context.Context, now int64) error {
	for n := sweepChunk; n == sweepChunk && ctx.Err() == nil; {
		err := p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) (err error) {
			n, err = tx.ForgetKeys(ctx, now, sweepChunk)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// expireQueued ends what waited too long at the head of the queues of channels that
// nobody can write on; on the others the second look does it. What waits for a
// channel that was frozen is decided anew.
func (p *Platform) expireQueued(ctx context.Context, snap *registry.Snapshot, late func(*sms.Message) bool) error {
	for _, ch := range snap.Channels {
		for c := sms.Class(0); c < sms.NumClasses; c++ {
			var list, rest []*sms.Message
			err := p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
				accounts, err := tx.QueuedAccounts(ctx, ch.ID, c)
				for _, a := range accounts {
					if err != nil {
						break
					}
					var found []*sms.Message
					found, err = tx.Queued(ctx, ch.ID, c, a, 0, sweepChunk)
					for _, m := range found {
						if late(m) {
							list = append(list, m)
						} else {
							rest = append(rest, m)
						}
					}
				}
				return err
			})
			if err == nil {
				err = p.end(ctx, list, sms.Expired, sms.ActorSweeper, sms.NotAfterPassed)
			}
			if err == nil && ch.State == registry.Frozen { // it will not come back: another may do
				_, err = p.Gate.Redecide(ctx, rest, false)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// reportTimeout is how long the message's contract waits for a report.
func (p *Platform) reportTimeout(snap *registry.Snapshot, m *sms.Message) time.Duration {
	for _, sub := range snap.SubcodesOf(m.SignatureID) {
		ch := snap.Channel[m.ChannelID]
		if c := snap.Contract[sub.ContractID]; c != nil && ch != nil && sub.AccessCodeID == ch.AccessCodeID && c.ReportTimeout > 0 {
			return time.Duration(c.ReportTimeout) * time.Millisecond
		}
	}
	return p.Config.Channel.ReportTimeout
}

// end ends messages in one transaction.
func (p *Platform) end(ctx context.Context, list []*sms.Message, to sms.State, by sms.Actor, code sms.Code) error {
	if len(list) == 0 {
		return nil
	}
	err := p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		opened, err := gate.Chains(ctx, tx, list)
		if err == nil {
			_, err = p.Desk.End(ctx, tx, opened, to, by, code)
		}
		return err
	})
	if err == nil {
		p.told()
	}
	return err
}

// doubtRestored puts in doubt what was queued in a backup that the database was
// restored from, before anything can be sent: it may have left since.
func (p *Platform) doubtRestored(ctx context.Context) error {
	snap, err := p.Registry(ctx)
	if err != nil {
		return err
	}
	restored := ""
	err = p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
		restored, err = tx.Setting(ctx, settingRestored)
		return err
	})
	if err != nil || restored == "" {
		return err
	}
	total := 0
	for _, ch := range snap.Channels {
		for c := sms.Class(0); c < sms.NumClasses; c++ {
			for n := 1; n > 0; total += n {
				if n, err = p.doubtChunk(ctx, ch.ID, c); err != nil {
					return err
				}
			}
		}
	}
	p.Logger.Warn("messages that were queued in the backup are in doubt: they may have left after it was made", "count", total)
	return p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return tx.PutSetting(ctx, settingRestored, "") })
}

// doubtChunk puts the next messages of a queue in doubt, account after account, and
// tells how many; 0 when none is left.
func (p *Platform) doubtChunk(ctx context.Context, ch sms.ID, c sms.Class) (n int, err error) {
	err = p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		n = 0
		accounts, err := tx.QueuedAccounts(ctx, ch, c)
		if err != nil || len(accounts) == 0 {
			return err
		}
		list, err := tx.Queued(ctx, ch, c, accounts[0], 0, sweepChunk)
		if err != nil {
			return err
		}
		opened, err := gate.Chains(ctx, tx, list)
		if err != nil {
			return err
		}
		n, err = p.Desk.Doubt(ctx, tx, opened)
		return err
	})
	return n, err
}
