package gate

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// uses remembers on which day signatures were last used (SIG-09). It costs a signature one
// row a day: what was stored today is neither read nor written again.
type uses struct {
	mu   sync.Mutex
	days map[sms.ID]int64 // as stored
}

func (u *uses) of(id sms.ID) int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.days[id]
}

func (u *uses) note(ids []sms.ID, day int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.days == nil {
		u.days = map[sms.ID]int64{}
	}
	for _, id := range ids {
		u.days[id] = max(u.days[id], day)
	}
}

// dayOf numbers the days in Asia/Shanghai.
func dayOf(at int64) int64 {
	_, east := time.UnixMilli(at).In(rulebook.Shanghai).Zone()
	return (at/1000 + int64(east)) / (24 * 60 * 60)
}

// idleDays is for how many days a signature was not used, or not filed with the channel's
// carrier again, whichever is later. Without a filing nothing is known of it.
func idleDays(used int64, f *registry.Filing, at int64) int {
	last := used
	if f != nil {
		last = max(last, dayOf(max(f.UpdatedAt, f.From)))
	}
	return int(max(0, dayOf(at)-last))
}

// readUses finds when the signatures of calls were last used.
func (b *batchRun) readUses(ctx context.Context, live []int) error {
	today := dayOf(b.now.UnixMilli())
	b.used = map[sms.ID]int64{}
	ask := map[sms.ID]bool{}
	for _, i := range live {
		for _, p := range b.jobs[i].parts {
			if p.signature == nil {
				continue
			}
			if day := b.g.uses.of(p.signature.ID); day >= today {
				b.used[p.signature.ID] = day
			} else {
				ask[p.signature.ID] = true
			}
		}
	}
	if len(ask) == 0 {
		return nil
	}
	return b.tx.SignatureUses(ctx, slices.Sorted(maps.Keys(ask)), func(id sms.ID, day int64) { b.used[id] = day })
}

// noteUse notes that a message of a signature leaves.
func (b *batchRun) noteUse(id sms.ID) {
	if today := dayOf(b.now.UnixMilli()); id != 0 && b.used[id] < today && !slices.Contains(b.newlyUsed, id) {
		b.newlyUsed = append(b.newlyUsed, id)
	}
}

// writeUses stores which signatures were used today for the first time.
func (b *batchRun) writeUses(ctx context.Context) error {
	if len(b.newlyUsed) == 0 {
		return nil
	}
	slices.Sort(b.newlyUsed) // lock order
	return b.tx.UseSignatures(ctx, b.newlyUsed, dayOf(b.now.UnixMilli()))
}
