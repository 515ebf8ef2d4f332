package faultnet_test

import (
	"context"
	"reflect"
	"sync"
	"testing"

	"github.com/zhunxin/zhunxin/internal/lab/carrier"
	"github.com/zhunxin/zhunxin/internal/lab/faultnet"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// simulated is a rig with a simulated carrier in place of the server, and what
// stops it.
func simulated(t *testing.T, p protocol) (*rig, *carrier.Carrier, func() error) {
	t.Helper()
	r, ln := prepare(t, p)
	c, err := p.simulate(r.ctx, ln)
	if err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceValue(func() error { return c.Stop(r.ctx) })
	r.join(ln.Addr().String(), 0, func(context.Context) error { return stop() })
	return r, c, stop
}

// The whole round with a simulated carrier: cuts both ways in the middle of a
// burst, and in the end every message that arrived has its report, the same
// however often it came, and every other one is known not to have arrived.
func TestCarrierThroughCuts(t *testing.T) {
	eachBothWays(t, func(t *testing.T, p protocol) {
		submit, answer := sizes(t, p)
		r, c, stop := simulated(t, p)
		r.dial()
		r.proxy.Set(faultnet.ToServer, faultnet.Faults{Dribble: submit / 2, Cut: true, CutAfter: int64(submit*burst/2 + 1)})
		r.submit(0, burst)
		r.settle(burst)
		<-r.client.Done()
		r.proxy.Heal()
		r.dial()
		r.proxy.Set(faultnet.ToClient, faultnet.Faults{Duplicate: every(3), Cut: true, CutAfter: int64(answer*burst/2 + 1)})
		tries := map[string]int{}
		for i := range burst { // what is not written goes again, until all of it is
			for to := handset(i); r.last(to).Kind == session.NotWritten; tries[to]++ {
				select {
				case <-r.client.Done():
					r.proxy.Heal()
					r.dial()
				default:
				}
				r.send(to)
				r.await("an outcome", func() bool { return len(r.outcomes[to]) > 1+tries[to] })
			}
		}
		all := func() bool { return len(r.byID()) >= len(c.Received(0, 10*burst)) }
		r.await("the cut, or every report", func() bool { return r.gone == r.dials || all() })
		r.hangUp()
		r.dial()
		r.await("every report", all)
		r.hangUp()
		if err := stop(); err != nil {
			t.Error(err)
		}
		seen := r.byID()
		for _, got := range c.Received(0, 10*burst) {
			r.received[got.Dests[0]]++
			reports := seen[got.MsgID]
			if len(reports) == 0 {
				t.Errorf("%s arrived and has no report", got.Dests[0])
			}
			for _, report := range reports {
				if report != reports[0] || report.Dest != got.Dests[0] || report.Stat != "DELIVRD" {
					t.Errorf("%s has reports %+v", got.Dests[0], reports)
				}
			}
			if o := r.last(got.Dests[0]); o.Kind == session.Answered && o.ID != got.MsgID {
				t.Errorf("%s is answered with %v and has id %v", got.Dests[0], o.ID, got.MsgID)
			}
		}
		if len(seen) != len(r.received) {
			t.Errorf("%d messages have reports, %d arrived", len(seen), len(r.received))
		}
		r.check(burst, tries)
	})
}

// byID sorts the reports. The caller holds the lock, or the client is gone.
func (r *rig) byID() map[messageID][]session.Report {
	all := map[messageID][]session.Report{}
	for _, report := range r.reports {
		all[report.ID] = append(all[report.ID], report)
	}
	return all
}

// What the client could not store is sent again by the carrier, and is the same.
func TestCarrierRepeats(t *testing.T) {
	eachBothWays(t, func(t *testing.T, p protocol) {
		r, c, _ := simulated(t, p)
		r.refuse = 2
		r.dial()
		sent := make(chan error, 1)
		go func() { sent <- c.SendMO(r.ctx, handset(0), "1069000001", "T") }()
		r.await("the MO", func() bool { return len(r.mos) == 1 })
		r.submit(0, 1)
		r.await("both twice", func() bool { return len(r.mos) == 2 && len(r.reports) == 2 })
		if err := <-sent; err != nil {
			t.Error(err)
		}
		if a, b := r.mos[0], r.mos[1]; !reflect.DeepEqual(a, b) {
			t.Errorf("%+v is not %+v", a, b)
		}
		if a, b := r.reports[0], r.reports[1]; a != b {
			t.Errorf("%+v is not %+v", a, b)
		}
	})
}
