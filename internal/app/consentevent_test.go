package app

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/evidence/bundle"
	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// signer is a customer's server that signs consent events.
type signer struct {
	n       *node
	private ed25519.PrivateKey
	key     sms.ID
	w       wordingView
	last    int // event
}

func (n *node) signer() *signer {
	n.t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		n.t.Fatal(err)
	}
	var k struct{ ID sms.ID }
	if status := n.do(http.MethodPost, "/v1/consents/keys", map[string]any{"public_key": public}, &k); status != http.StatusOK || k.ID == 0 {
		n.t.Fatal(status)
	}
	return &signer{n: n, private: private, key: k.ID, w: n.wording()}
}

// statement is what the server signs; what is not said is lawful.
func (s *signer) statement(kind, to string, with map[string]string) string {
	s.last++
	v := map[string]string{
		"application": s.n.application().String(), "event": fmt.Sprintf("00000000-0000-4000-8000-%012d", s.last), "type": kind, "to": to,
		"at": s.n.Now().Add(-time.Minute).Format(time.RFC3339), "wording": s.w.ID.String(), "text": s.w.TextHash, "method": "WEB_CHECKBOX",
		"page": "https://example.com/join", "transcript": strings.Repeat("ab", 32),
	}
	if kind == "withdrawn" {
		v["wording"], v["text"] = "-", "-"
	}
	maps.Copy(v, with)
	out := "zhunxin consent event v1\n"
	for _, name := range []string{"application", "event", "type", "to", "at", "wording", "text", "method", "page", "transcript"} {
		out += name + ": " + v[name] + "\n"
	}
	return out
}

type eventAnswer struct {
	ID    sms.ID
	Grade int
	Again bool
	problem
}

// post sends a statement, signed as it is.
func (s *signer) post(statement string) (a eventAnswer) {
	s.n.t.Helper()
	return s.sent(s.key, statement, ed25519.Sign(s.private, []byte(statement)))
}

func (s *signer) sent(key sms.ID, statement string, signature []byte) (a eventAnswer) {
	s.n.t.Helper()
	s.n.do(http.MethodPost, "/v1/consents/events", map[string]any{"key_id": key, "statement": statement, "signature": signature}, &a)
	return a
}

// A consent that the customer's server signed has grade 2; its event is its proof, which a third
// party checks in the pack with what the server signed, and with nothing else.
func TestSignedConsentEventIsProved(t *testing.T) {
	everywhere(t, func(n *node) {
		s := n.signer()
		statement := s.statement("given", member, nil)
		got := s.post(statement)
		if got.Code != "" || got.Grade != 2 || got.ID == 0 {
			n.t.Fatalf("%+v", got)
		}
		if c := n.person(member).Consents; len(c) != 1 || c[0].ID != got.ID || c[0].Grade != 2 || c[0].PerWeek != 2 || c[0].Wording != s.w.ID.String() {
			n.t.Errorf("%+v", c)
		}
		r := n.send(mktText, member).Results[0]
		n.until(r.MessageID, sms.Delivered)
		var proof struct {
			bundle.Event
			PublicKey []byte `json:"public_key"`
		}
		ask := map[string]any{"id": got.ID, "to": member}
		if n.do(http.MethodPost, "/v1/consents/events/proof", ask, &proof); proof.Statement != statement || !ed25519.Verify(proof.PublicKey, []byte(statement), proof.Signature) {
			n.t.Fatalf("%+v", proof)
		}
		pack := n.pack(r.MessageID, "")
		_, vkey := n.Evidence.Log()
		if _, err := bundle.Verify(pack, bundle.Options{Key: vkey, Event: &proof.Event}); err != nil {
			n.t.Error(err)
		}
		other := proof.Event
		other.Statement = strings.Replace(statement, "given", "withdrawn", 1)
		if _, err := bundle.Verify(pack, bundle.Options{Key: vkey, Event: &other}); err == nil || !strings.Contains(err.Error(), "event") {
			n.t.Errorf("another statement: %v", err)
		}
		for _, secret := range []string{member, hex.EncodeToString(proof.Signature)} {
			if strings.Contains(string(pack), secret) {
				n.t.Errorf("the pack holds %s", secret)
			}
		}
		if raw, err := json.Marshal(proof.Signature); err != nil || strings.Contains(string(pack), strings.Trim(string(raw), `"`)) {
			n.t.Error("the pack holds the signature, by which every number can be tried", err)
		}
		notFound := func(name string, ask map[string]any, key string) {
			n.t.Helper()
			var p struct{ Code sms.Code }
			if n.do(http.MethodPost, "/v1/consents/events/proof", ask, &p, "Authorization", "Bearer "+key); p.Code != sms.NotFound {
				n.t.Errorf("%s: %q", name, p.Code)
			}
		}
		notFound("another number", map[string]any{"id": got.ID, "to": "14200000077"}, n.key)
		notFound("another id", map[string]any{"id": r.MessageID, "to": member}, n.key)
		notFound("a stranger", ask, n.stranger())
		notFound("another application of the same party", ask, n.sister())
		n.provedBy(got.ID)
	})
}

// sister is a key of another application of the customer.
func (n *node) sister() string {
	n.t.Helper()
	own := *n.registry().Application[n.application()]
	own.ID, own.Name = n.IDs.Next(), "sister"
	n.insert(own)
	var out struct{ Key string }
	n.do(http.MethodPost, "/v1/admin/keys", map[string]any{"application_id": own.ID, "scopes": "consent"}, &out, "Authorization", "Bearer "+n.adminKey())
	return out.Key
}

// provedBy looks whether a consent names the record of its signed event as its proof.
func (n *node) provedBy(id sms.ID) {
	n.t.Helper()
	var proof []byte
	proved := false
	err := n.DB.Read(n.t.Context(), func(ctx context.Context, tx *store.Tx) error {
		if err := tx.One(ctx, "SELECT proof_hash FROM consent WHERE id = ?", []any{int64(id)}, &proof); err != nil {
			return err
		}
		list, err := tx.RecordsOf(ctx, id, 10)
		for _, r := range list {
			h := r.Record.Hash()
			proved = proved || r.Record.Kind == consent.KindSigned && bytes.Equal(h[:], proof)
		}
		return err
	})
	if err != nil || !proved {
		n.t.Errorf("the consent's proof is not its event's record: %x, %v", proof, err)
	}
}

// An event counts once, whoever sends it again; under its id nothing else is said; what is not
// signed by a good key of the application, is for somebody else, in the future or old counts not at all.
func TestSignedConsentEventCountsOnce(t *testing.T) {
	everywhere(t, func(n *node) {
		s := n.signer()
		statement := s.statement("given", member, nil)
		first, again := s.post(statement), s.post(statement)
		if first.Code != "" || again.ID != first.ID || !again.Again || first.Again {
			n.t.Errorf("%+v %+v", first, again)
		}
		same := map[string]string{"event": "00000000-0000-4000-8000-000000000001"}
		if got := s.post(s.statement("given", "14200000077", same)); got.Code != sms.IdempotencyKey {
			n.t.Errorf("another statement under the id: %+v", got)
		}
		for name, c := range map[string]struct {
			with map[string]string
			code sms.Code
			says string
		}{
			"the future":          {map[string]string{"at": n.Now().Add(time.Hour).Format(time.RFC3339)}, sms.ConsentForm, "CNS-02"},
			"long ago":            {map[string]string{"at": n.Now().Add(-25 * time.Hour).Format(time.RFC3339)}, sms.ConsentForm, "list"},
			"a box ticked before": {map[string]string{"method": "DEFAULT_ON"}, sms.ConsentForm, "CNS-06"},
			"other words":         {map[string]string{"text": strings.Repeat("0", 64)}, sms.ConsentForm, "words"},
			"no such words":       {map[string]string{"wording": "7"}, sms.NotFound, ""},
			"somebody else's":     {map[string]string{"application": "7"}, sms.BadRequest, "another application"},
			"no UUID":             {map[string]string{"event": "order-1"}, sms.BadRequest, "UUID"},
			"no words":            {map[string]string{"wording": "-"}, sms.BadRequest, "wording"},
			"a line more":         {map[string]string{"transcript": "-\nmore: 1"}, sms.BadRequest, "lines"},
		} {
			if got := s.post(s.statement("given", "14200000077", c.with)); got.Code != c.code || !strings.Contains(got.Detail, c.says) {
				n.t.Errorf("%s: %+v", name, got)
			}
		}
		statement = s.statement("given", "14200000077", nil)
		signature := ed25519.Sign(s.private, []byte(statement))
		for name, got := range map[string]eventAnswer{
			"another byte": s.sent(s.key, strings.Replace(statement, "WEB", "APP", 1), signature), "another key": s.sent(first.ID, statement, signature),
			"a changed signature": s.sent(s.key, statement, append([]byte{^signature[0]}, signature[1:]...)),
		} {
			if got.Code != sms.SignatureWrong {
				n.t.Errorf("%s: %+v", name, got)
			}
		}
		if got := n.person("14200000077"); len(got.Consents) != 0 {
			n.t.Errorf("something was stored: %+v", got)
		}
		if status := n.do(http.MethodPost, "/v1/consents/keys/"+s.key.String()+"/revoke", nil, nil); status != http.StatusOK {
			n.t.Fatal(status)
		}
		if got := s.post(statement); got.Code != sms.SignatureWrong {
			n.t.Errorf("a revoked key: %+v", got)
		}
		if got := s.post(s.statement("given", member, same)); got.Code != sms.SignatureWrong {
			n.t.Errorf("an old event by a revoked key: %+v", got)
		}
	})
}

// P4: a signed withdrawal refuses in its own transaction, however late it comes; its event stands
// beside the refusal in the evidence, and a later signed consent does not lift it (OPT-05).
func TestSignedWithdrawalRefuses(t *testing.T) {
	everywhere(t, func(n *node) {
		s := n.signer()
		if got := s.post(s.statement("given", member, nil)); got.Code != "" {
			n.t.Fatalf("%+v", got)
		}
		sent := n.send(mktText, member).Results[0]
		n.until(sent.MessageID, sms.Delivered)
		statement := s.statement("withdrawn", member, map[string]string{"at": n.Now().Add(-48 * time.Hour).Format(time.RFC3339)})
		got := s.post(statement)
		if got.Code != "" || got.Grade != 0 {
			n.t.Fatalf("%+v", got)
		}
		if future := s.post(s.statement("withdrawn", member, map[string]string{"at": n.Now().Add(time.Hour).Format(time.RFC3339)})); future.Code != sms.BadRequest {
			n.t.Errorf("%+v", future)
		}
		p := n.person(member)
		if len(p.Refusals) != 1 || p.Refusals[0].ID != got.ID || p.Refusals[0].Source != "event" || p.Consents[0].WithdrawnAt == 0 {
			n.t.Errorf("%+v", p)
		}
		if r := n.send(mktText, member).Results[0]; r.State != sms.Refused {
			n.t.Errorf("%+v", r)
		}
		if later := s.post(s.statement("given", member, nil)); later.Code != "" {
			n.t.Errorf("%+v", later)
		}
		if r := n.send(mktText, member).Results[0]; r.Code != sms.OptedOut {
			n.t.Errorf("after a later signed consent: %+v", r)
		}
		_, vkey := n.Evidence.Log()
		event := &bundle.Event{Statement: statement, Signature: ed25519.Sign(s.private, []byte(statement))}
		if _, err := bundle.Verify(n.pack(sent.MessageID, ""), bundle.Options{Key: vkey, Event: event}); err != nil {
			n.t.Error(err)
		}
		var open int
		sum := sha256.Sum256([]byte(statement))
		err := n.DB.Read(n.t.Context(), func(ctx context.Context, tx *store.Tx) error {
			return tx.One(ctx, "SELECT COUNT(*) FROM consent_event WHERE digest = ?", []any{sum[:]}, &open)
		})
		if err != nil || open != 0 {
			n.t.Errorf("the bare hash of a statement lets numbers be tried: %d %v", open, err)
		}
		n.noNumberOnDisk(member)
	})
}

// noNumberOnDisk looks for a number in the files of the data folder (P7).
func (n *node) noNumberOnDisk(number string) {
	n.t.Helper()
	err := filepath.Walk(n.Config.Data, func(path string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path) //nolint:gosec // our own folder
		if strings.Contains(string(b), number) {
			n.t.Errorf("%s holds the number", info.Name())
		}
		return err
	})
	if err != nil {
		n.t.Error(err)
	}
}

// An application has a bounded number of keys that are good.
func TestConsentKeysAreBounded(t *testing.T) {
	everywhere(t, func(n *node) {
		var k struct {
			ID   sms.ID
			Code sms.Code
		}
		for i := range 11 {
			public := make([]byte, ed25519.PublicKeySize)
			public[0] = byte(i)
			k.Code = ""
			if n.do(http.MethodPost, "/v1/consents/keys", map[string]any{"public_key": public}, &k); (k.Code == sms.BadRequest) != (i == 10) {
				n.t.Errorf("%d: %+v", i, k)
			}
		}
		var list struct {
			Keys []struct {
				RevokedAt int64 `json:"revoked_at"`
			}
		}
		if status := n.do(http.MethodPost, "/v1/consents/keys/"+k.ID.String()+"/revoke", nil, nil); status != http.StatusOK {
			n.t.Fatal(status)
		}
		if n.do(http.MethodGet, "/v1/consents/keys", nil, &list); len(list.Keys) != 10 || list.Keys[9].RevokedAt == 0 {
			n.t.Errorf("%+v", list)
		}
		if status := n.do(http.MethodPost, "/v1/consents/keys", map[string]any{"public_key": make([]byte, ed25519.PublicKeySize)}, nil); status != http.StatusOK {
			n.t.Errorf("a revoked key still counts: %d", status)
		}
		if status := n.do(http.MethodPost, "/v1/consents/keys/"+k.ID.String()+"/revoke", nil, nil, "Authorization", "Bearer "+n.stranger()); status != http.StatusNotFound {
			n.t.Errorf("a stranger: %d", status)
		}
	})
}
