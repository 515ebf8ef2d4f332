package app

import (
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/lab/carrier"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// untilMetrics waits until /metrics says all of it. Its bound only stops a test that hangs.
func (n *node) untilMetrics(want ...string) {
	n.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		said, missing := string(n.raw("GET", "/metrics", nil)), ""
		for _, line := range want {
			if !strings.Contains(said, "\n"+line+"\n") {
				missing = line
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("/metrics does not say %s", missing)
		}
	}
}

// Reports are counted by what became of them.
func TestReportsAreCountedByKind(t *testing.T) {
	everywhere(t, func(n *node) {
		if err := n.carrier.SetBehaviour(carrier.Behaviour{DuplicateReportRate: 1}); err != nil {
			n.t.Fatal(err)
		}
		n.until(n.send(otpText, member).Results[0].MessageID, sms.Delivered)
		n.untilMetrics("zhunxin_reports_duplicate_total 1", "zhunxin_reports_early_total 0", "zhunxin_reports_late_total 0", "zhunxin_reports_partial_total 0")
	})
}
