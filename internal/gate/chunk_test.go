package gate_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/zhunxin/zhunxin/internal/campaign"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// A chunk of a campaign is decided once, whoever submits it and however often at a time, and only
// while the campaign runs for whoever submits it.
func TestChunkIsDecidedOnce(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		const claim = 99
		c := &campaign.Campaign{
			ID: 7, ApplicationID: gatetest.Application, PartyID: gatetest.Customer, State: campaign.Running, Chunks: 3, Claim: claim, ListHash: []byte{1},
			Terms: campaign.Terms{TemplateID: gatetest.TemplateOTP},
		}
		save := func() {
			w.Write(func(ctx context.Context, tx *store.Tx) error { return tx.SaveCampaign(ctx, c) })
		}
		save()
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			for no := range 3 {
				if err := tx.PutCampaignChunk(ctx, &campaign.Chunk{CampaignID: c.ID, No: no, Content: []byte("sealed")}); err != nil {
					return err
				}
			}
			return nil
		})
		submit := func(no int, claim int64) error {
			call := w.Call(gatetest.OTPText, fmt.Sprintf("1300001%04d", no), fmt.Sprintf("1300002%04d", no))
			call.Chunk = &gate.Chunk{Campaign: c.ID, No: no, Claim: claim}
			_, err := w.Gate.Submit(w.T.Context(), call)
			return err
		}
		refused := func(what string, err error) {
			w.T.Helper()
			var known *sms.Error
			if !errors.As(err, &known) || known.Code != sms.CampaignState {
				w.T.Errorf("%s: %v", what, err)
			}
		}
		refused("another's claim", submit(0, 1))
		refused("not the next", submit(1, claim))
		c.State = campaign.Paused
		save()
		refused("paused", submit(0, claim))
		c.State = campaign.Running
		save()
		var mu sync.Mutex
		won := 0
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				err := submit(0, claim)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else {
					refused("at a time with others", err)
				}
			})
		}
		all.Wait()
		if won != 1 {
			w.T.Errorf("the chunk was decided %d times", won)
		}
		refused("once more", submit(0, claim))
		var after *campaign.Campaign
		var ch *campaign.Chunk
		messages := 0
		w.Write(func(ctx context.Context, tx *store.Tx) (err error) {
			if after, err = tx.Campaign(ctx, c.ID, true); err != nil {
				return err
			}
			if ch, err = tx.CampaignChunk(ctx, c.ID, 0); err != nil {
				return err
			}
			return tx.One(ctx, "SELECT COUNT(*) FROM message", nil, &messages)
		})
		if after.Done != 1 || messages != 2 || after.Tally.Verdicts["queued"] != 2 || after.Tally.Verdicts[gate.VerdictUnits] != 2 || len(ch.Content) != 0 || len(ch.Messages) != 16 {
			w.T.Errorf("%+v, %d messages, %+v", after, messages, ch)
		}
		if _, err := w.Gate.Try(w.T.Context(), func() *gate.Call {
			call := w.Call(gatetest.OTPText, "13000030000")
			call.Chunk = &gate.Chunk{Campaign: c.ID, No: 1, Claim: claim}
			return call
		}()); err != nil {
			w.T.Error(err)
		}
		if err := submit(1, claim); err != nil { // what was only tried is not done
			w.T.Error(err)
		}
		w.Sound()
	})
}
