package app

import (
	"context"
	"encoding/hex"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/evidence/bundle"
	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

const wordingText = "我同意接收准信示例的会员活动短信，可随时回复R拒收。"

func wordingBody() map[string]any {
	return map[string]any{
		"text": wordingText, "purpose": "MKT", "kinds": "会员活动和优惠", "per_week": 2, "days": 365, "notice": "https://example.com/privacy", "notice_version": "3",
		"since": "2026-01-01T00:00:00Z",
	}
}

type problem struct {
	Code   sms.Code
	Zh     string
	Detail string
	Field  string
}

type wordingView struct {
	ID       sms.ID
	Text     string
	TextHash string `json:"text_hash"`
	UsedAt   int64  `json:"used_at"`
	problem
}

func (n *node) wording() (w wordingView) {
	n.t.Helper()
	if status := n.do(http.MethodPost, "/v1/consents/wordings", wordingBody(), &w); status != http.StatusOK || w.ID == 0 {
		n.t.Fatalf("%d %+v", status, w)
	}
	return w
}

// record asks for consents to be recorded; what is not said is lawful.
func (n *node) record(wording sms.ID, with map[string]any, to ...string) (p problem) {
	n.t.Helper()
	body := map[string]any{"to": to, "purpose": "MKT", "method": "form", "wording_id": wording, "source": "shop", "given_at": n.Now().Add(-time.Minute).Format(time.RFC3339)}
	maps.Copy(body, with)
	n.do(http.MethodPost, "/v1/consents", body, &p)
	return p
}

type standing struct {
	Consents []struct {
		ID              sms.ID
		Grade           int
		Wording, Claims string
		PerWeek         int   `json:"per_week"`
		ValidFrom       int64 `json:"valid_from"`
		ValidTo         int64 `json:"valid_to"`
		WithdrawnAt     int64 `json:"withdrawn_at"`
	}
	Refusals []struct {
		ID       sms.ID
		Scope    string
		Source   string
		LiftedAt int64 `json:"lifted_at"`
	}
}

func (n *node) person(to string) (s standing) {
	n.t.Helper()
	n.do(http.MethodPost, "/v1/people/query", map[string]string{"to": to}, &s)
	return s
}

// CNS-05: a consent to registered words holds as often and as long as they say, and its
// evidence carries their hash.
func TestRegisteredWordingBindsItsConsents(t *testing.T) {
	everywhere(t, func(n *node) {
		w := n.wording()
		if p := n.record(w.ID, nil, member); p.Code != "" {
			n.t.Fatalf("%+v", p)
		}
		got := n.person(member).Consents
		if len(got) != 1 || got[0].Wording != w.ID.String() || got[0].PerWeek != 2 || got[0].ValidTo-got[0].ValidFrom != 365*24*time.Hour.Milliseconds() {
			n.t.Errorf("%+v", got)
		}
		for name, with := range map[string]map[string]any{
			"more often": {"per_week": 3}, "longer": {"expires_at": n.Now().AddDate(1, 0, 1).Format(time.RFC3339)},
		} {
			if p := n.record(w.ID, with, member); p.Code != sms.ConsentForm || !strings.Contains(p.Zh, "CNS-05") || !strings.Contains(p.Detail, "CNS-05") {
				n.t.Errorf("%s: %+v", name, p)
			}
		}
		r := n.send(mktText, member).Results[0]
		n.until(r.MessageID, sms.Delivered)
		pack := n.pack(r.MessageID, "")
		_, vkey := n.Evidence.Log()
		if _, err := bundle.Verify(pack, bundle.Options{Key: vkey}); err != nil {
			n.t.Fatal(err)
		}
		if !strings.Contains(string(pack), w.TextHash) {
			n.t.Error("the pack does not carry the hash of the words")
		}
	})
}

// stranger is a key of the operator's own application, which is another content provider.
func (n *node) stranger() string {
	n.t.Helper()
	admin := n.adminKey()
	snap, err := n.Registry(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	for app, a := range snap.Application {
		if snap.Party[a.PartyID].Kind == registry.Operator {
			var out struct{ Key string }
			n.do(http.MethodPost, "/v1/admin/keys", map[string]any{"application_id": app, "scopes": "consent,read,send"}, &out, "Authorization", "Bearer "+admin)
			return out.Key
		}
	}
	n.t.Fatal("the operator has no application")
	return ""
}

// Words that people have agreed to stay as they are; nobody uses another's.
func TestWordingIsNotChangedOnceUsed(t *testing.T) {
	everywhere(t, func(n *node) {
		w, mine := n.wording(), n.key
		body := wordingBody()
		body["text"] = wordingText + "每周不超过两条。"
		var changed wordingView
		n.do(http.MethodPut, "/v1/consents/wordings/"+w.ID.String(), body, &changed)
		if changed.TextHash == "" || changed.TextHash == w.TextHash {
			n.t.Errorf("before its first use: %+v", changed)
		}
		n.key = n.stranger()
		stranger := wordingView{}
		if n.do(http.MethodPut, "/v1/consents/wordings/"+w.ID.String(), wordingBody(), &stranger); stranger.Code != sms.NotFound {
			n.t.Errorf("another party changes it: %+v", stranger)
		}
		if n.do(http.MethodGet, "/v1/consents/wordings/"+w.ID.String(), nil, &stranger); stranger.Code != sms.NotFound {
			n.t.Errorf("another party reads it: %+v", stranger)
		}
		if p := n.record(w.ID, nil, member); p.Code != sms.NotFound {
			n.t.Errorf("another party uses it: %+v", p)
		}
		n.key = mine
		if p := n.record(w.ID, nil, member); p.Code != "" {
			n.t.Fatalf("%+v", p)
		}
		var used wordingView
		if n.do(http.MethodPut, "/v1/consents/wordings/"+w.ID.String(), wordingBody(), &used); used.Code != sms.WordingUsed {
			n.t.Errorf("after its first use: %+v", used)
		}
		used = wordingView{}
		if n.do(http.MethodGet, "/v1/consents/wordings/"+w.ID.String(), nil, &used); used.TextHash != changed.TextHash || used.UsedAt == 0 {
			n.t.Errorf("%+v", used)
		}
		var list struct{ Wordings []wordingView }
		if n.do(http.MethodGet, "/v1/consents/wordings", nil, &list); len(list.Wordings) != 1 {
			n.t.Errorf("%+v", list)
		}
	})
}

// What is no consent in law is not recorded as one, and the answer says in both languages why.
func TestWhatIsNoConsentIsNotRecorded(t *testing.T) {
	n := start(t, config.Default())
	w := n.wording()
	for name, c := range map[string]struct {
		with map[string]any
		rule string
	}{
		"in the future":             {map[string]any{"given_at": n.Now().Add(time.Hour).Format(time.RFC3339)}, "CNS-02"},
		"before the words":          {map[string]any{"given_at": "2025-12-31T23:59:59Z"}, "CNS-02"},
		"a ticked box":              {map[string]any{"method": "default-on"}, "CNS-06"},
		"assumed":                   {map[string]any{"method": "implied"}, "CNS-06"},
		"general terms":             {map[string]any{"method": "TOS_ONLY"}, "CNS-06"},
		"silence":                   {map[string]any{"method": " no reply "}, "CNS-06"},
		"passed on":                 {map[string]any{"source": "THIRD_PARTY"}, "CNS-11"},
		"passed on, nobody named":   {map[string]any{"source": "third party", "separate_consent": true}, "CNS-11"},
		"a child without guardian":  {map[string]any{"age_band": "UNDER_14"}, "CNS-14"},
		"passed on, separate, said": {map[string]any{"source": "THIRD_PARTY", "separate_consent": true, "recipient_named": true}, ""},
		"a child with a guardian":   {map[string]any{"age_band": "UNDER_14", "guardian": true}, ""},
	} {
		p := n.record(w.ID, c.with, member)
		if c.rule == "" && p.Code != "" || c.rule != "" && (p.Code != sms.ConsentForm || !strings.Contains(p.Zh, c.rule) || !strings.Contains(p.Detail, c.rule)) {
			n.t.Errorf("%s: %+v", name, p)
		}
	}
	got := n.person(member).Consents
	if len(got) != 2 {
		n.t.Errorf("%+v", got)
	}
	for _, g := range got {
		if g.Claims != "recipient_named,separate_consent" && g.Claims != "age=UNDER_14,guardian" {
			n.t.Errorf("what was stated is lost: %q", g.Claims)
		}
	}
	for name, with := range map[string]map[string]any{"no words": {"wording_id": nil}, "two": {"wording": "v1"}, "others": {"wording_id": "12"}} {
		if p := n.record(w.ID, with, member); p.Code != sms.BadRequest && p.Code != sms.NotFound {
			n.t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestBadWordings(t *testing.T) {
	n := start(t, config.Default())
	for name, with := range map[string]map[string]any{
		"no text": {"text": "  "}, "a long text": {"text": strings.Repeat("长", 1001)}, "a number": {"text": "详询14200000001"}, "another purpose": {"purpose": "OTP"},
		"no kinds": {"kinds": " "}, "never": {"per_week": 0}, "always": {"per_week": 51}, "no period": {"days": 0}, "for ever": {"days": 3651},
		"a notice without TLS": {"notice": "http://example.com"}, "a notice with a password": {"notice": "https://a:b@example.com/"}, "no version": {"notice_version": ""},
		"not in use yet": {"since": n.Now().Add(time.Hour).Format(time.RFC3339)},
	} {
		body := wordingBody()
		maps.Copy(body, with)
		var w wordingView
		if n.do(http.MethodPost, "/v1/consents/wordings", body, &w); w.Code != sms.BadRequest {
			n.t.Errorf("%s: %+v", name, w)
		}
	}
}

// A change of a wording and its first consent at once: one of them comes too late.
func TestWordingChangedWhileItIsUsed(t *testing.T) {
	everywhere(t, func(n *node) {
		for range 8 {
			w := n.wording()
			body := wordingBody()
			body["text"] = wordingText + "改。"
			var changed wordingView
			done := make(chan struct{})
			go func() {
				defer close(done)
				n.do(http.MethodPut, "/v1/consents/wordings/"+w.ID.String(), body, &changed)
			}()
			p := n.record(w.ID, nil, member)
			<-done
			if p.Code != "" {
				n.t.Fatalf("%+v", p)
			}
			var now wordingView
			n.do(http.MethodGet, "/v1/consents/wordings/"+w.ID.String(), nil, &now)
			var kept string
			err := n.DB.Read(n.t.Context(), func(ctx context.Context, tx *store.Tx) error {
				var hash []byte
				err := tx.One(ctx, "SELECT text_hash FROM consent WHERE wording = ?", []any{w.ID.String()}, &hash)
				kept = hex.EncodeToString(hash)
				return err
			})
			if err != nil || kept != now.TextHash {
				n.t.Errorf("the consent names %s, the wording is %s (%v); the change was answered %+v", kept, now.TextHash, err, changed.problem)
			}
		}
	})
}
