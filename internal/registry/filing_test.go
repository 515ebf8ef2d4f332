package registry_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// However a filing is pushed about: it is approved only after a submission that somebody
// else made, each step is one of the table, and a step that is refused changes nothing.
func TestFilingIsApprovedOnlyAfterAnothersSubmission(t *testing.T) {
	t.Parallel()
	allowed := map[[2]string]bool{
		{"", "draft"}: true, {"", "submitted"}: true, {"draft", "submitted"}: true, {"submitted", "approved"}: true, {"submitted", "rejected"}: true,
		{"submitted", "draft"}: true, {"approved", "approved"}: true, {"approved", "revoked"}: true, {"rejected", "draft"}: true, {"rejected", "submitted"}: true,
		{"revoked", "draft"}: true, {"revoked", "submitted"}: true,
	}
	states := []string{"draft", "submitted", "approved", "rejected", "revoked", "frozen", ""}
	rapid.Check(t, func(t *rapid.T) {
		var f registry.Filing
		submitter, approver := sms.ID(0), sms.ID(0)
		for at := range int64(rapid.IntRange(1, 40).Draw(t, "steps")) {
			m := registry.FilingMove{
				To: rapid.SampledFrom(states).Draw(t, "to"), By: sms.ID(rapid.IntRange(1, 3).Draw(t, "by")), At: at + 1, Batch: sms.ID(at),
				Reason: rapid.SampledFrom([]string{"", "other"}).Draw(t, "reason"), Period: registry.Period{From: 1, To: rapid.SampledFrom([]int64{0, 1, 1000}).Draw(t, "end")},
			}
			was := f
			err := f.Move(m)
			if err != nil {
				if f != was {
					t.Fatalf("a refused step changed %+v to %+v", was, f)
				}
				continue
			}
			if !allowed[[2]string{was.State, m.To}] {
				t.Fatalf("%q became %q", was.State, m.To)
			}
			switch m.To {
			case registry.Submitted:
				submitter = m.By
			case registry.Approved:
				if m.By == submitter || was.State == registry.Approved && m.By == approver || f.To != 0 && f.To <= m.At {
					t.Fatalf("%d approved what %d submitted: %+v", m.By, submitter, f)
				}
				approver = m.By
			case registry.Rejected, registry.Revoked:
				if f.Reason == "" {
					t.Fatal("refused without a reason")
				}
			}
			if f.UpdatedAt != m.At {
				t.Fatal("nobody knows since when")
			}
		}
	})
	var e *sms.Error
	f := registry.Filing{State: registry.Draft}
	if err := f.Move(registry.FilingMove{To: registry.Approved, By: 1}); !errors.As(err, &e) || e.Code != sms.FilingState {
		t.Errorf("%v", err)
	}
}

// Each reason has its words and somebody who mends it.
func TestFilingReasonsSayWhoActs(t *testing.T) {
	t.Parallel()
	var seen []string
	for _, r := range registry.FilingReasons() {
		if r.Zh == "" || r.En == "" || r.Who != "customer" && r.Who != "operator" || slices.Contains(seen, r.Code) || registry.FilingReasonOf(r.Zh).Code != r.Code {
			t.Errorf("%+v", r)
		}
		seen = append(seen, r.Code)
	}
	if registry.FilingReasonOf("没见过的说法").Code != "other" {
		t.Error("an unknown reason is taken for a known one")
	}
}
