package risk

import (
	"context"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vendorcode"
)

// sentRows is how many messages of the newest hours are read for one look at what was sent.
const sentRows = 100_000

// settledPass is the one from which on an hour's reports are in, but for a few.
const settledPass = 2

// SentTx is what looking at what was sent needs of a transaction.
type SentTx interface {
	HourPasses(ctx context.Context, from, to int64, each func(hour int64, pass int)) error
	CountsOf(ctx context.Context, account, application sms.ID, from, to int64, each func(hour int64, c Count)) error
	CountMessagesOf(ctx context.Context, account, from, to sms.ID, limit int, each func(Ended)) error
}

// SentIn tells what an application sent in the hours of a span. The newest hours, whose reports
// still come in, are read message by message as long as they are not too many; those before are
// as they were counted. Hours from until on are not told whole: nobody has counted them yet.
func SentIn(ctx context.Context, tx SentTx, codes *vendorcode.Table, snap *registry.Snapshot, app *registry.Application, first, end int64, now time.Time, each func(hour int64, c *Count)) (until int64, err error) {
	passed := map[int64]int{}
	if err := tx.HourPasses(ctx, first, end, func(hour int64, pass int) { passed[hour] = pass }); err != nil {
		return 0, err
	}
	until, end = end, min(end, hourOf(now)+1)
	read, left := map[int64]bool{}, sentRows
	for h := end - 1; h >= max(first, hourOf(now.Add(-passes[len(passes)-1]))); h-- {
		if passed[h] >= settledPass {
			continue
		}
		counts, n := map[Count]*Count{}, 0
		if left > 0 {
			err := tx.CountMessagesOf(ctx, app.AccountID, sms.FirstID(startOf(h)), sms.FirstID(startOf(h+1)), left+1, func(e Ended) {
				if n += e.N; e.Application == app.ID {
					add(counts, codes, snap, &e)
				}
			})
			if err != nil {
				return 0, err
			}
		}
		if left == 0 || n > left {
			if left = 0; passed[h] == 0 {
				until = h
			}
			continue
		}
		left -= n
		read[h] = true
		for _, c := range counts {
			each(h, c)
		}
	}
	err = tx.CountsOf(ctx, app.AccountID, app.ID, first, end, func(hour int64, c Count) {
		if !read[hour] {
			each(hour, &c)
		}
	})
	return until, err
}
