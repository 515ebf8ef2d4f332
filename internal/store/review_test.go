package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
)

// party is a row that others refer to.
func party(t *testing.T, db *store.DB) {
	t.Helper()
	write(t, db, func(ctx context.Context, tx *store.Tx) error {
		return tx.Put(ctx, registry.Party{ID: 1, Kind: registry.Operator, GroupID: 1, Name: "示例", USCC: "91110000000000001A", EntityType: "company", State: registry.Active})
	})
}

func write(t *testing.T, db *store.DB, fn func(context.Context, *store.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), store.TurnBackground, fn); err != nil {
		t.Fatal(err)
	}
}

// A case waits once, is closed once, and is found by its object, its party and its turn.
func TestReviewCases(t *testing.T) {
	t.Parallel()
	storetest.Both(t, time.Now, func(t *testing.T, db *store.DB) {
		party(t, db)
		open := func(id, object sms.ID, due int64) error {
			return db.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
				if err := tx.LockReviews(ctx); err != nil {
					return err
				}
				return tx.PutCase(ctx, &review.Case{ID: id, Kind: "signature", ObjectID: object, PartyID: 1, Proposal: []byte("{}"), Findings: []byte("[]"), State: review.Waiting, KeyID: 5, DueAt: due})
			})
		}
		for _, c := range []struct{ id, object, due int64 }{{10, 100, 7}, {11, 101, 3}} {
			if err := open(sms.ID(c.id), sms.ID(c.object), c.due); err != nil {
				t.Fatal(err)
			}
		}
		if err := open(12, 100, 1); !store.Conflict(err) {
			t.Errorf("an object waits twice: %v", err)
		}
		write(t, db, func(ctx context.Context, tx *store.Tx) error {
			list, err := tx.WaitingCases(ctx, "", 10)
			if err != nil || len(list) != 2 || list[0].ID != 11 {
				t.Errorf("%v, %v", list, err)
			}
			if list, err := tx.WaitingCases(ctx, "licence", 10); err != nil || len(list) != 0 {
				t.Errorf("of another kind: %v, %v", list, err)
			}
			if n, err := tx.CountWaiting(ctx, 1); err != nil || n != 2 {
				t.Errorf("%d wait, %v", n, err)
			}
			c, err := tx.WaitingCase(ctx, "signature", 100, 0)
			if err != nil || c == nil || c.ID != 10 || c.KeyID != 5 {
				t.Fatalf("%+v, %v", c, err)
			}
			c.State, c.ReviewerID, c.ReviewedAt, c.Reason, c.Confirmed, c.Findings = review.Approved, 9, 8, "seen", "SIG-05a", []byte(`[{"rule":"SIG-05a"}]`)
			for i, want := range []bool{true, false} {
				if closed, err := tx.CloseCase(ctx, c); err != nil || closed != want {
					t.Errorf("closed %d times: %t, %v", i+1, closed, err)
				}
			}
			return nil
		})
		write(t, db, func(ctx context.Context, tx *store.Tx) error {
			c, err := tx.LastCase(ctx, "signature", 100, 0)
			if err != nil || c == nil || c.State != review.Approved || c.ReviewerID != 9 || c.ReviewedAt != 8 || c.Reason != "seen" || c.Confirmed != "SIG-05a" || string(c.Findings) != `[{"rule":"SIG-05a"}]` {
				t.Errorf("%+v, %v", c, err)
			}
			if c, err := tx.WaitingCase(ctx, "signature", 100, 0); err != nil || c != nil {
				t.Errorf("%+v, %v", c, err)
			}
			return nil
		})
		if err := open(13, 100, 1); err != nil {
			t.Errorf("an object that was decided is not submitted again: %v", err)
		}
	})
}

// A carrier's number is in use once, however many apply for it; codes, contracts and letters keep
// their scans, and a binding is found in every state.
func TestRightsInTheirStates(t *testing.T) {
	t.Parallel()
	storetest.Both(t, time.Now, func(t *testing.T, db *store.DB) {
		party(t, db)
		put := func(objects ...any) error {
			return db.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
				for _, o := range objects {
					if err := tx.Put(ctx, o); err != nil {
						return err
					}
				}
				return nil
			})
		}
		code := func(id sms.ID, state string) registry.AccessCode {
			return registry.AccessCode{ID: id, PartyID: 1, Carrier: sms.Mobile, Code: "10690000", State: state, DocumentID: 77}
		}
		if err := put(
			code(20, registry.Pending), code(21, registry.Rejected), code(22, registry.Revoked), code(23, registry.Frozen),
			registry.Contract{ID: 30, PartyID: 1, CounterpartyID: 1, State: registry.Pending, DocumentID: 78},
			registry.Signature{ID: 40, PartyID: 1, Text: "示例", State: registry.Approved},
			registry.Authorisation{ID: 41, SignatureID: 40, Grantor: "x", State: registry.Pending, DocumentID: 79},
			registry.Subcode{ID: 50, AccessCodeID: 23, Digits: "1", PartyID: 1, SignatureID: 40, ContractID: 30, State: registry.Active},
			registry.Subcode{ID: 51, AccessCodeID: 23, Digits: "1", PartyID: 1, SignatureID: 40, ContractID: 30, State: registry.Pending},
		); err != nil {
			t.Fatal(err)
		}
		for name, o := range map[string]any{"the number": code(20, registry.Active), "the digits": registry.Subcode{ID: 51, AccessCodeID: 23, Digits: "1", PartyID: 1, SignatureID: 40, ContractID: 30, State: registry.Active}} {
			if err := put(o); !store.Conflict(err) {
				t.Errorf("%s is in use twice: %v", name, err)
			}
		}
		write(t, db, func(ctx context.Context, tx *store.Tx) error {
			snap, err := tx.Registry(ctx)
			if err != nil {
				return err
			}
			if c, k, l := snap.AccessCode[20], snap.Contract[30], snap.Letter(41); c.DocumentID != 77 || k.DocumentID != 78 || l.DocumentID != 79 {
				t.Errorf("%+v %+v %+v", c, k, l)
			}
			if n := snap.AccessCodeElsewhere(snap.AccessCode[20]); n != 1 {
				t.Errorf("%d others are in use", n)
			}
			if all, letters := snap.BindingsOf(1), snap.LettersOf(1); len(all) != 2 || snap.Binding(51).State != registry.Pending || len(snap.SubcodesOf(40)) != 1 || len(letters) != 1 || len(snap.AccessCodesOf(1)) != 4 {
				t.Errorf("%v %v", all, letters)
			}
			return nil
		})
	})
}

// A handler is counted once for each other enterprise, and not for closed ones.
func TestHandlersElsewhere(t *testing.T) {
	t.Parallel()
	storetest.Both(t, time.Now, func(t *testing.T, db *store.DB) {
		party(t, db)
		handler := [16]byte{1}
		write(t, db, func(ctx context.Context, tx *store.Tx) error {
			for id, p := range map[sms.ID][2]string{2: {"91110000000000002A", "active"}, 3: {"91110000000000002A", "pending"}, 4: {"91110000000000003A", "closed"}, 5: {"91110000000000004A", "active"}} {
				if err := tx.Put(ctx, registry.Party{ID: id, Kind: registry.Customer, ParentID: 1, GroupID: id, Name: "示例", USCC: p[0], EntityType: "company", State: p[1]}); err != nil {
					return err
				}
				i := &review.Identity{PartyID: id, Handler: []byte{9}, HandlerHash: handler, Digest: [16]byte{2}, Approved: [16]byte{3}, Registered: [16]byte{6}, CheckedAt: 4, UpdatedAt: 5}
				for range 2 {
					if err := tx.PutIdentity(ctx, i); err != nil {
						return err
					}
				}
			}
			for uscc, want := range map[string]int{"91110000000000002A": 1, "91110000000000004A": 1, "91110000000000009A": 2} {
				if n, err := tx.HandlersElsewhere(ctx, handler, uscc); err != nil || n != want {
					t.Errorf("beside %s: %d, %v", uscc, n, err)
				}
			}
			i, err := tx.Identity(ctx, 2, false)
			if err != nil || i == nil || i.HandlerHash != handler || i.Digest != [16]byte{2} || i.Approved != [16]byte{3} || i.Registered != [16]byte{6} || i.CheckedAt != 4 || i.UpdatedAt != 5 || len(i.Handler) != 1 || len(i.Contact) != 0 {
				t.Errorf("%+v, %v", i, err)
			}
			if i, err := tx.Identity(ctx, 1, false); err != nil || i != nil {
				t.Errorf("%+v, %v", i, err)
			}
			return nil
		})
	})
}

// Who is to stand behind a party is kept beside who does, and forgotten alone.
func TestProposedIdentity(t *testing.T) {
	t.Parallel()
	storetest.Both(t, time.Now, func(t *testing.T, db *store.DB) {
		party(t, db)
		write(t, db, func(ctx context.Context, tx *store.Tx) error {
			for proposed, name := range map[bool]string{false: "is", true: "is to be"} {
				if err := tx.PutIdentity(ctx, &review.Identity{PartyID: 1, Proposed: proposed, Handler: []byte(name)}); err != nil {
					return err
				}
			}
			for proposed, name := range map[bool]string{false: "is", true: "is to be"} {
				if i, err := tx.Identity(ctx, 1, proposed); err != nil || i == nil || i.Proposed != proposed || string(i.Handler) != name {
					t.Errorf("%+v, %v", i, err)
				}
			}
			if err := tx.DropProposal(ctx, 1); err != nil {
				return err
			}
			for proposed, there := range map[bool]bool{false: true, true: false} {
				if i, err := tx.Identity(ctx, 1, proposed); err != nil || (i != nil) != there {
					t.Errorf("%t: %+v, %v", proposed, i, err)
				}
			}
			return nil
		})
	})
}
