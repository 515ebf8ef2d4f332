package inbound

import (
	"testing"
	"testing/synctest"
	"time"
)

// Reports wait for others as long as others come, and no longer: a carrier whose window is
// full sends none before it has an answer.
func TestReportsWaitOnlyForCompany(t *testing.T) {
	for _, v := range []struct {
		what    string
		waiting int
		every   time.Duration // another comes so often; 0 is never
		want    time.Duration
	}{
		{"a window's worth and no more", 16, 0, gatherStep},
		{"others come", 1, gatherStep / 2, 20 * time.Millisecond},
		{"others come too seldom", 1, 3 * gatherStep, gatherStep},
		{"a transaction's worth", batchReport, gatherStep / 2, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			x := &Receiver{Gather: 20 * time.Millisecond, reports: make([]report, v.waiting)}
			if v.every > 0 {
				more := time.NewTicker(v.every)
				defer more.Stop()
				end := make(chan struct{})
				defer close(end)
				go func() {
					for {
						select {
						case <-more.C:
							x.mu.Lock()
							x.reports = append(x.reports, report{})
							x.mu.Unlock()
						case <-end:
							return
						}
					}
				}()
			}
			began := time.Now()
			x.gather(t.Context())
			if took := time.Since(began); took != v.want {
				t.Errorf("%s: waited %s, want %s", v.what, took, v.want)
			}
		})
	}
}
