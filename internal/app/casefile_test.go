package app

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/zhunxin/zhunxin/internal/complaint"
	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/duty"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// file assembles a case's file anew and reads it.
func (n *node) file(office string, id sms.ID) (f complaint.File) {
	n.t.Helper()
	at := "/v1/admin/complaints/" + id.String() + "/file"
	if status := n.as(office, http.MethodPost, at, nil, nil); status != http.StatusOK {
		n.t.Fatalf("%d", status)
	}
	n.as(office, http.MethodGet, at+"?reason=for+the+court", nil, &f)
	return f
}

// exec changes rows by hand, as retention or a hand in the database does.
func (n *node) exec(query string, args ...any) {
	n.t.Helper()
	err := n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return tx.Exec(ctx, query, args...) })
	if err != nil {
		n.t.Fatal(err)
	}
}

// A consent that was suspended after the message was decided proved it then: the case is for a
// person to judge (CMP-05, CNS-16).
func TestLaterSuspensionConfirmsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		at    func(n *node) int64
		state string
	}{
		"after the decision":  {func(n *node) int64 { return n.Now().UnixMilli() + 1 }, complaint.Open},
		"before the decision": {func(*node) int64 { return 1 }, complaint.Verified},
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, config.Default())
			office := n.adminKey()
			n.agree(member)
			sent := n.send(mktText, member).Results[0].MessageID
			n.until(sent, sms.Delivered)
			n.exec("UPDATE consent SET suspended_at = ?", c.at(n))
			if got := n.complain(office, map[string]any{"source": "direct", "number": member, "message_id": sent}); got.State != c.state {
				t.Errorf("%+v", got)
			}
		})
	}
}

// CMP-05: a file says of evidence that it is lacking when it is gone for good, and only then:
// not of a case without a message, and not when the store only failed.
func TestFileSaysWhatIsLacking(t *testing.T) {
	n := start(t, config.Default())
	office := n.adminKey()
	c := n.complain(office, map[string]any{"source": "direct", "number": other})
	if f := n.file(office, c.ID); f.Lacking != "" || f.Evidence != "" || f.Erased {
		t.Errorf("without a message: %+v", f)
	}
	n.agree(member)
	sent := n.send(mktText, member).Results[0].MessageID
	n.until(sent, sms.Delivered)
	c = n.complain(office, map[string]any{"source": "direct", "number": member, "message_id": sent})
	if f := n.file(office, c.ID); f.Lacking != "" || f.Evidence == "" {
		t.Errorf("%+v", f)
	}
	n.exec("ALTER TABLE decision RENAME TO decision_away")
	if _, lacking, err := n.packOrLack(t.Context(), sent); err == nil || lacking != "" {
		t.Errorf("what can't be read now is said to be gone: %q, %v", lacking, err)
	}
	n.exec("ALTER TABLE decision_away RENAME TO decision")
	n.exec("UPDATE consent SET source = 'another'")
	if f := n.file(office, c.ID); f.Lacking == "" || f.Evidence != "" || f.Message == nil {
		t.Errorf("its consent was changed: %+v", f)
	}
	n.exec("DELETE FROM consent")
	if f := n.file(office, c.ID); f.Lacking == "" || f.Message == nil {
		t.Errorf("its consent is gone: %+v", f)
	}
	n.exec("DELETE FROM message WHERE id = ?", int64(sent))
	if f := n.file(office, c.ID); f.Lacking == "" || f.Message != nil || f.Complaint.MessageID != sent {
		t.Errorf("the message is gone: %+v", f)
	}
}

// A case says so when the complainant was erased towards the sender; what can still be proved
// without them is.
func TestCaseOfSomebodyErased(t *testing.T) {
	n := start(t, config.Default())
	office := n.adminKey()
	n.agree(member)
	sent := n.send(mktText, member).Results[0].MessageID
	n.until(sent, sms.Delivered)
	c := n.complain(office, map[string]any{"source": "direct", "number": member, "message_id": sent})
	var view struct {
		Erased bool `json:"person_erased"`
	}
	at := "/v1/admin/complaints/" + c.ID.String()
	if n.as(office, http.MethodGet, at, nil, &view); view.Erased || n.file(office, c.ID).Erased {
		t.Error("nobody was erased yet")
	}
	n.forgetSending()
	var gone struct{ Erased bool }
	if n.do(http.MethodPost, "/v1/people/erase", map[string]any{"to": member}, &gone); !gone.Erased {
		t.Fatalf("%+v", gone)
	}
	if n.as(office, http.MethodGet, at, nil, &view); !view.Erased {
		t.Errorf("%+v", view)
	}
	f := n.file(office, c.ID)
	if !f.Erased || f.Lacking != "" || f.Evidence == "" || f.Message == nil {
		t.Errorf("%+v", f)
	}
}

// One case of the centre's is one case, however many people take it in at once.
func TestCaseIsOpenedOnce(t *testing.T) {
	everywhere(t, func(n *node) {
		office := n.adminKey()
		got := make([]complaintView, 4)
		var all sync.WaitGroup
		for i := range got {
			all.Go(func() {
				n.as(office, http.MethodPost, "/v1/admin/complaints", map[string]any{"source": "12321", "number": member, "reference": "12321-7"}, &got[i])
			})
		}
		all.Wait()
		opened := slices.DeleteFunc(slices.Clone(got), func(c complaintView) bool { return c.ID == 0 })
		if len(opened) != 1 {
			n.t.Fatalf("%+v", got)
		}
		for _, c := range got {
			if c.ID == 0 && c.Code != sms.StateConflict {
				n.t.Errorf("%+v", c)
			}
		}
		if c := n.complain(office, map[string]any{"source": "carrier", "number": member, "reference": "12321-7"}); c.ID == 0 {
			n.t.Errorf("the same number of another sender's: %+v", c)
		}
	})
}

// Case files that fail for ever, or wait for a message, don't keep later ones from theirs.
func TestLateFilesTakeTurns(t *testing.T) {
	n := start(t, config.Default())
	office := n.adminKey()
	n.agree(member)
	sent := n.send(mktText, member).Results[0].MessageID
	n.until(sent, sms.Delivered)
	c := n.complain(office, map[string]any{"source": "direct", "number": member, "message_id": sent})
	now := n.Now().UnixMilli()
	err := n.DB.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		for i := range 2 * filesAtOnce {
			task := duty.Task{ID: sms.ID(i + 1), Rule: "CMP-05", Event: rulebook.EventComplaint, ObjectID: sms.ID(i + 1), Owner: "compliance", CreatedAt: now, DueAt: now}
			if _, err := tx.InsertDuty(ctx, task); err != nil {
				return err
			}
		}
		if err := tx.Exec(ctx, "DELETE FROM complaint_file"); err != nil {
			return err
		}
		return tx.Exec(ctx, "UPDATE duty SET done_at = 0 WHERE object_id = ? AND rule = 'CMP-05'", int64(c.ID))
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := n.lateFiles(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var view complaintView
	if n.as(office, http.MethodGet, "/v1/admin/complaints/"+c.ID.String(), nil, &view); !view.File {
		t.Errorf("%+v", view)
	}
}
