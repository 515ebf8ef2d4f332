package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/zhunxin/zhunxin/internal/lab/load"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// flood submits marketing as fast as the platform takes it, for the channel to be
// behind. Its reports are taken and not measured.
func (b *Bench) flood(ctx context.Context, c *child, offset time.Duration) (r Result, err error) {
	kind := load.MKT
	plan := load.Plan{Rate: b.Flood, Duration: time.Second, Numbers: b.Numbers, Only: &kind}
	if plan.First, err = b.numbers(plan.Total()); err != nil {
		return r, err
	}
	rec := load.NewRecorder(time.Now())
	s, err := load.DialCMPP(ctx, session.ClientConfig{
		Address: c.Ready.CMPP, Login: c.Ready.Login, Secret: c.Ready.Secret, Version: session.CMPP30, Window: b.Window,
	}, b.Connections, storyCode+storyDigits, rec)
	if err != nil {
		return r, err
	}
	defer s.Close()
	stop := b.progress(ctx, rec, time.Now())
	defer stop()
	load.Run(ctx, plan, time.Now(), benchTexts, s)
	s.Wait()
	if rec.Failed > b.Flood/100 { // a few numbers may have had an offer before
		return r, fmt.Errorf("%d messages of the flood were not taken", rec.Failed)
	}
	r.Waiting = rec.Open()
	return r, nil
}

// recover kills the platform, starts it again and waits for its first PDU.
func (b *Bench) recover(ctx context.Context, c *child, r Result) error {
	sim := b.ups.sims[0]
	if r.Waiting == 0 {
		return errors.New("nothing waits: --kill needs --flood, and a --pace at which it is not sent at once")
	}
	if err := c.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	_ = c.cmd.Wait() // it was killed, and says so
	before := len(sim.Received(0, 1<<30))
	began := time.Now()
	again, err := b.spawn(ctx)
	if err != nil {
		return err
	}
	*c = *again // it is stopped at the end in place of the one that was killed
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for len(sim.Received(uint64(before), 1)) == 0 {
		if time.Since(began) > b.Patience {
			return fmt.Errorf("nothing was sent within %s of the start", b.Patience)
		}
		<-tick.C
	}
	r.RecoverySeconds = time.Since(began).Seconds()
	if b.JSON {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	fmt.Printf("killed with %d messages waiting; sent again %.2f s after the start of the process\n", r.Waiting, r.RecoverySeconds)
	return nil
}
