package dispatch

import (
	"context"
	"errors"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// adoptChunk is how many messages one transaction takes over.
const adoptChunk = 200

// Adopt puts in doubt what a former owner of the channel may have written: it
// died before it could book the answers. Call it with a fresh lease, before the
// line is used. It returns how many messages it took over.
func (w *Worker) Adopt(ctx context.Context, lease Lease) (total int, err error) {
	for {
		n, taken := 0, 0
		err := w.store.Write(ctx, func(ctx context.Context, tx WorkTx) error {
			list, err := tx.SubmittingOn(ctx, lease.Channel, lease.Epoch, adoptChunk)
			if n = len(list); err != nil || n == 0 {
				return err
			}
			opened, err := gate.Chains(ctx, tx, list) // also of people who were erased
			if err != nil {
				return err
			}
			taken = len(opened)
			var answers []Answer
			for _, r := range opened {
				for no := 1; no <= r.Message.Segments; no++ {
					answers = append(answers, Answer{Ready: r, No: no, Channel: lease.Channel, Outcome: session.Outcome{Kind: session.InDoubt, Err: errOwner}})
				}
			}
			left, err := w.settle(ctx, tx, answers)
			if err == nil && left.Told {
				tx.AfterCommit(w.cfg.OnTold)
			}
			return err
		})
		total += taken
		if err != nil || n < adoptChunk || taken == 0 {
			return total, err
		}
	}
}

var errOwner = errors.New("dispatch: the process that wrote it ended before an answer came")
