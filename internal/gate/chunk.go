package gate

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// lockChunks locks the campaigns whose chunks are to be decided, by id, and leaves out every
// call whose chunk is not next any more. A chunk that stands twice in a batch is decided with
// the first.
func (b *batchRun) lockChunks(ctx context.Context, live []int) ([]int, error) {
	var chunks []int
	for _, i := range live {
		if b.jobs[i].call.Chunk != nil {
			chunks = append(chunks, i)
		}
	}
	slices.SortStableFunc(chunks, func(x, y int) int { return cmp.Compare(b.jobs[x].call.Chunk.Campaign, b.jobs[y].call.Chunk.Campaign) })
	out := map[int]bool{}
	for n, i := range chunks {
		c := b.jobs[i].call.Chunk
		if n > 0 && b.jobs[chunks[n-1]].call.Chunk.Campaign == c.Campaign {
			out[i] = true
			continue
		}
		next, err := b.tx.LockChunk(ctx, c.Campaign, c.No, c.Claim)
		if err != nil {
			return nil, fmt.Errorf("lock the campaign: %w", err)
		}
		out[i] = !next
	}
	return slices.DeleteFunc(live, func(i int) bool {
		if out[i] {
			b.outcomes[i].err = sms.Errorf(sms.CampaignState, "chunk", "it is not the next of a campaign that runs here")
		}
		return out[i]
	}), nil
}

// Verdicts of a chunk's rows. What was refused is counted by its code.
const (
	VerdictUnits   = "units" // of all that was not refused
	verdictRefused = "refused "
)

// VerdictOf names what a recipient got.
func VerdictOf(r *Result) string {
	if r.State == sms.Refused {
		return verdictRefused + string(r.Code)
	}
	return string(r.State)
}

// finishChunks marks the chunks as done.
func (b *batchRun) finishChunks(ctx context.Context, live []int) error {
	for _, i := range live {
		c := b.jobs[i].call.Chunk
		if c == nil || b.outcomes[i].err != nil {
			continue
		}
		var messages []sms.ID
		verdicts := map[string]int{}
		for k := range b.outcomes[i].answer.Results {
			r := &b.outcomes[i].answer.Results[k]
			messages = append(messages, r.MessageID)
			verdicts[VerdictOf(r)]++
			if r.State != sms.Refused {
				verdicts[VerdictUnits] += r.Units
			}
		}
		if err := b.tx.FinishChunk(ctx, c.Campaign, c.No, messages, verdicts); err != nil {
			return fmt.Errorf("mark the chunk as done: %w", err)
		}
	}
	return nil
}
