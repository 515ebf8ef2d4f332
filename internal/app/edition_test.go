package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/edition"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest/housepack"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

type packAnswer struct {
	ID      sms.ID `json:"id"`
	State   string
	SHA256  string
	Code    sms.Code
	Detail  string
	Changes []struct{ Rule, What string }
	Errors  []struct{ Detail string }
}

// packCall calls the API of packs by a key.
func (n *node) packCall(key, method, path string, body any) (out packAnswer, status int) {
	n.t.Helper()
	status = n.do(method, path, body, &out, "Authorization", "Bearer "+key)
	return out, status
}

const packsPath = "/v1/admin/rulebook/packs"

// inForce proposes a pack by one person and activates it by another.
func (n *node) inForce(one, two, pack string) packAnswer {
	n.t.Helper()
	p, status := n.packCall(one, http.MethodPost, packsPath, map[string]any{"pack": pack})
	if status != http.StatusOK {
		n.t.Fatalf("%d %+v", status, p)
	}
	if p, status = n.packCall(two, http.MethodPost, packsPath+"/"+p.ID.String()+"/activate", nil); status != http.StatusOK {
		n.t.Fatalf("%d %+v", status, p)
	}
	return p
}

// P8 and P10: a pack comes into force only by a second person of compliance, once, and the
// evidence names its exact bytes and both people.
func TestRulePackNeedsTwoPeople(t *testing.T) {
	everywhere(t, func(n *node) {
		customer := n.key
		n.key = n.adminKey()
		boss, proposer := n.key, ""
		_, proposer = n.staffKey("compliance")
		_, second := n.staffKey("compliance")
		_, clerk := n.staffKey("finance,reviewer")
		n.key = customer
		for key, want := range map[string]sms.Code{customer: sms.Forbidden, clerk: sms.Forbidden} {
			if p, _ := n.packCall(key, http.MethodPost, packsPath, map[string]any{"pack": housepack.Text}); p.Code != want {
				n.t.Errorf("who may not: %+v", p)
			}
		}
		for what, pack := range map[string]string{
			"TIM-01.close": "pack: house\nversion: '1'\nlayer: house\nadjust: [{rule: TIM-01, param: close, value: 1260}]\n",
			"layer law":    "pack: law\nversion: '3000'\nlayer: house\n",
			"not above":    "pack: law\nversion: '2000'\nlayer: law\n",
			"numbers":      "pack: house\nversion: one\nlayer: house\n",
		} {
			if p, _ := n.packCall(proposer, http.MethodPost, packsPath, map[string]any{"pack": pack}); p.Code != sms.RulePackRefused || !strings.Contains(p.Detail, what) {
				n.t.Errorf("%s: %+v", what, p)
			}
		}
		law := "pack: law\nversion: '3000'\nlayer: law\n" // every rule of it is gone
		if p, _ := n.packCall(proposer, http.MethodPost, packsPath, map[string]any{"pack": law}); p.Code != sms.RulePackRefused {
			n.t.Errorf("a law without law: %+v", p)
		}
		bad := strings.Replace(housepack.Text, "units.length > 0", "units.length > 50", 1)
		if p, _ := n.packCall(proposer, http.MethodPost, packsPath, map[string]any{"pack": bad}); p.Code != sms.RulePackRefused || len(p.Errors) != 1 {
			n.t.Errorf("an example that fails: %+v", p)
		}
		p, status := n.packCall(proposer, http.MethodPost, packsPath, map[string]any{"pack": housepack.Text, "note": "trial"})
		if sum := sha256.Sum256([]byte(housepack.Text)); status != http.StatusOK || p.State != registry.Proposed || p.SHA256 != hex.EncodeToString(sum[:]) || len(p.Changes) == 0 {
			n.t.Fatalf("%d %+v", status, p)
		}
		activate := packsPath + "/" + p.ID.String() + "/activate"
		if p, _ := n.packCall(proposer, http.MethodPost, activate, nil); p.Code != sms.SamePerson {
			n.t.Errorf("by the proposer: %+v", p)
		}
		if p, _ := n.packCall(clerk, http.MethodPost, activate, nil); p.Code != sms.Forbidden {
			n.t.Errorf("by finance: %+v", p)
		}
		var mu sync.Mutex
		var both sync.WaitGroup
		got := map[sms.Code]int{}
		for _, key := range []string{second, boss} {
			both.Go(func() {
				p, _ := n.packCall(key, http.MethodPost, activate, nil)
				mu.Lock()
				got[p.Code]++
				mu.Unlock()
			})
		}
		both.Wait()
		if got[""] != 1 || got[sms.RulePackDecided] != 1 {
			n.t.Errorf("of two at one moment: %v", got)
		}
		n.proved(p.ID, p.SHA256)
		var now struct {
			Usable bool
			Packs  []edition.Standing
		}
		n.do(http.MethodGet, "/v1/admin/rulebook", nil, &now, "Authorization", "Bearer "+boss)
		if last := now.Packs[len(now.Packs)-1]; !now.Usable || last.ID != p.ID || !last.Runs {
			n.t.Errorf("%+v", now)
		}
		if p, _ := n.packCall(proposer, http.MethodPost, packsPath, map[string]any{"pack": housepack.Text}); p.Code != sms.RulePackRefused {
			n.t.Errorf("the same version again: %+v", p)
		}
		// Its successor without rules lifts it.
		n.inForce(proposer, second, "pack: house\nversion: '2'\nlayer: house\n")
		if old, _ := n.packCall(boss, http.MethodGet, packsPath+"/"+p.ID.String(), nil); old.State != registry.Retired {
			n.t.Errorf("%+v", old)
		}
	})
}

// proved tells that the log and the journal have exactly one activation of a pack.
func (n *node) proved(id sms.ID, sum string) {
	n.t.Helper()
	err := n.DB.Read(n.t.Context(), func(ctx context.Context, tx *store.Tx) error {
		var records, revoked int
		if err := tx.One(ctx, "SELECT COUNT(*) FROM revocation WHERE kind = 'pack' AND object_id = ?", []any{int64(id)}, &revoked); err != nil {
			return err
		}
		var r struct {
			Kind   string
			Fields []struct{ Name, Value string }
		}
		var raw string
		err := tx.One(ctx, "SELECT COUNT(*), MAX(record) FROM evidence_record WHERE object_id = ? AND record LIKE '%\"activate\"%'", []any{int64(id)}, &records, &raw)
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(raw), &r); err != nil {
			return err
		}
		fields := map[string]string{}
		for _, f := range r.Fields {
			fields[f.Name] = f.Value
		}
		if records != 1 || revoked != 1 || r.Kind != edition.Kind || fields["sha256"] != sum || fields["by_staff"] == fields["proposed_by"] || fields["by_staff"] == "0" {
			n.t.Errorf("%d records, %d revocations, %s", records, revoked, raw)
		}
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
}

// P9 and P10: a pack that is activated on one node is in force for the next decision, and
// the next reply of a handset, on the other.
func TestActivationReachesEveryNode(t *testing.T) {
	a, b := pair(t)
	a.agree(member)
	a.agree(other)
	if r := b.send(mktText, member).Results[0]; r.State == sms.Refused {
		t.Fatalf("before: %+v", r)
	}
	customer := a.key
	a.key = a.adminKey()
	_, one := a.staffKey("compliance")
	_, two := a.staffKey("compliance")
	a.key = customer
	a.inForce(one, two, housepack.Text)
	if r := b.send(mktText, other).Results[0]; r.State != sms.Refused || r.Rule != "HSE-01" {
		t.Errorf("on the other node: %+v", r)
	}
	if err := a.carrier.SendMO(t.Context(), member, storyCode+storyDigits, housepack.Word); err != nil {
		t.Fatal(err)
	}
	refused := 0
	err := a.DB.Read(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		return tx.One(ctx, "SELECT COUNT(*) FROM suppression", nil, &refused)
	})
	if err != nil || refused != 1 {
		t.Errorf("the new word refuses %d times: %v", refused, err)
	}
}

// P11: packs that this program can't load, here of a newer one, leave the node without a
// rulebook: it decides nothing and says so, until others are activated.
func TestPackOfANewerProgram(t *testing.T) {
	n := start(t, config.Default())
	customer := n.key
	n.key = n.adminKey()
	who, one := n.staffKey("compliance")
	_, two := n.staffKey("compliance")
	boss := n.key
	n.key = customer
	text := []byte("pack: house\nversion: '1'\nlayer: house\nsomething_new: 1\n")
	sum := sha256.Sum256(text)
	p := registry.RulePack{ID: n.IDs.Next(), Name: "house", Version: "1", Layer: "house", Hash: sum[:], CasesHash: sum[:], State: registry.Active, ProposedBy: who}
	err := n.DB.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.InsertRulePack(ctx, p, text, nil); err != nil {
			return err
		}
		return tx.MoveGeneration(ctx)
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() (a answer, status int) {
		status = n.do(http.MethodPost, "/v1/messages", map[string]any{"text": otpText, "recipients": []map[string]string{{"to": member}}}, &a)
		return a, status
	}
	if a, status := ask(); status != http.StatusServiceUnavailable || a.Code != sms.RulebookUnusable {
		t.Errorf("%d %+v", status, a)
	}
	if status, _ := n.fetch(http.MethodGet, "/readyz", nil); status != http.StatusServiceUnavailable {
		t.Errorf("it says that it is ready: %d", status)
	}
	var now struct {
		Usable bool
		Error  string
	}
	n.do(http.MethodGet, "/v1/admin/rulebook", nil, &now, "Authorization", "Bearer "+boss)
	if now.Usable || !strings.Contains(now.Error, "something_new") {
		t.Errorf("%+v", now)
	}
	n.inForce(one, two, "pack: house\nversion: '2'\nlayer: house\n")
	a, status := ask()
	if status != http.StatusOK {
		t.Fatalf("after the successor came: %d %+v", status, a)
	}
	n.until(a.Results[0].MessageID, sms.Delivered)
}

// What a program brings is in the log from its first start on, and is noted once.
func TestPacksOfTheProgramAreInTheLog(t *testing.T) {
	dir := t.TempDir()
	n := startIn(t, dir, config.Default())
	count := func(n *node) (records int) {
		err := n.DB.Read(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			return tx.One(ctx, "SELECT COUNT(*) FROM evidence_record WHERE kind = 'rulebook' AND record LIKE '%\"run\"%'", nil, &records)
		})
		if err != nil {
			t.Fatal(err)
		}
		return records
	}
	packs, err := rulebook.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	if got := count(n); got != len(packs) {
		t.Errorf("%d records of the first start", got)
	}
	n.stop()
	if got := count(startIn(t, dir, config.Default())); got != len(packs) {
		t.Errorf("%d records after the second start", got)
	}
}
