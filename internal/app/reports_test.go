package app

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/channel"
	"github.com/zhunxin/zhunxin/internal/lab/carrier"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/protocol/session"
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

type reportStatusView struct {
	Code       string `json:"code"`
	State      sms.State
	Answer     struct{ Zh, En string }
	Remedy     struct{ Zh, En string }
	Segments   int
	Reported   int
	WaitedMS   int64          `json:"waited_ms"`
	TimeoutMS  int64          `json:"timeout_ms"`
	Duplicates []string       `json:"duplicates"`
	Unmatched  int            `json:"unmatched"`
	Channel    *channel.State `json:"channel"`
}

// why asks until the answer has a code. Its bound only stops a test that hangs.
func (n *node) why(id sms.ID, want ...string) (v reportStatusView) {
	n.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		v = reportStatusView{}
		n.do(http.MethodGet, "/v1/messages/"+id.String()+"/report-status", nil, &v)
		if slices.Contains(want, v.Code) {
			break
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("the answer is %+v, not one of %v", v, want)
		}
	}
	if v.Answer.Zh == "" || v.Answer.En == "" || v.Remedy.Zh == "" || v.Remedy.En == "" {
		n.t.Errorf("%+v", v)
	}
	return v
}

// bring hands the node a report, as a channel's session does.
func (n *node) bring(ch sms.ID, r session.Report) {
	n.t.Helper()
	done := make(chan bool, 1)
	n.Receiver.Report(ch, r, 0, func(ok bool) { done <- ok })
	if !<-done {
		n.t.Fatal("the report was not stored")
	}
}

// The page that answers why a message has no report, through a message's troubles.
func TestWhyHasThisMessageNoReport(t *testing.T) {
	everywhere(t, func(n *node) {
		snap, err := n.Registry(n.t.Context())
		if err != nil {
			n.t.Fatal(err)
		}
		ch := snap.Channels[0].ID
		n.why(n.send(mktText, member).Results[0].MessageID, "refused")
		n.why(n.send(otpText, "14200000011").Results[0].MessageID, "reported", "reported_early") // the simulator does not wait for our booking
		if err := n.carrier.SetBehaviour(carrier.Behaviour{DuplicateReportRate: 1}); err != nil {
			n.t.Fatal(err)
		}
		if v := n.why(n.send(otpText, "14200000012").Results[0].MessageID, "reported_twice"); len(v.Duplicates) != 1 || v.Duplicates[0] != "DELIVRD" || v.Reported != 1 {
			n.t.Errorf("%+v", v)
		}
		if err := n.carrier.SetBehaviour(carrier.Behaviour{DropReportRate: 1}); err != nil {
			n.t.Fatal(err)
		}
		waits := n.send(otpText, "14200000013").Results[0].MessageID
		lost := n.send(otpText, "14200000014").Results[0].MessageID
		n.until(lost, sms.Submitted)
		if v := n.why(waits, "within_timeout"); v.TimeoutMS != (72*time.Hour).Milliseconds() || v.WaitedMS < 0 || v.Segments != 1 || v.Reported != 0 || v.Channel != nil {
			n.t.Errorf("%+v", v)
		}
		n.bring(ch, session.Report{ID: "999", Dest: "14200000014", Stat: "DELIVRD"}) // nobody knows the id
		if v := n.why(lost, "unmatched"); v.Unmatched != 1 {
			n.t.Errorf("%+v", v)
		}
		n.why(waits, "within_timeout") // the stray one is about another number
		n.stopCarrier()
		n.why(waits, "link_down")
		n.why(n.send(otpText, "14200000015").Results[0].MessageID, "no_session")
		var list []*sms.Message
		err = n.DB.Read(n.t.Context(), func(ctx context.Context, tx *store.Tx) error {
			m, err := tx.Message(ctx, waits)
			list = append(list, m)
			return err
		})
		if err == nil {
			err = n.end(n.t.Context(), list, sms.Unknown, sms.ActorSweeper, "")
		}
		if err != nil {
			n.t.Fatal(err)
		}
		n.why(waits, "timed_out")
		n.key = n.adminKey()
		if v := n.why(waits, "timed_out"); v.Channel == nil || v.Channel.ID != ch || v.Channel.Sessions != 0 {
			n.t.Errorf("to an administrator: %+v", v)
		}
		var late messageView // its report comes after all
		n.do(http.MethodGet, "/v1/messages/"+waits.String(), nil, &late)
		n.bring(ch, session.Report{ID: late.Segments[0].UpstreamID, Dest: "14200000013", Stat: "DELIVRD"})
		n.why(waits, "reported")
		n.untilMetrics("zhunxin_reports_late_total 1", "zhunxin_reports_unmatched_total 1")
		var p struct{ Code sms.Code }
		if n.do(http.MethodGet, "/v1/messages/1/report-status", nil, &p); p.Code != sms.NotFound {
			n.t.Errorf("a message that is not: %+v", p)
		}
	})
}
