package app

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/zhunxin/zhunxin/evidence/bundle"
	"github.com/zhunxin/zhunxin/evidence/checkpoint"
	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/lab/carrier"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

func (n *node) checkpoint() string {
	n.t.Helper()
	if err := n.Evidence.Sequence(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
	signed, err := n.Checkpoint(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	return signed
}

// P8: a pack with any byte changed is refused.
func TestPackWithAnyByteChangedIsRefused(t *testing.T) {
	n := start(t, config.Default())
	id := n.send(otpText, member).Results[0].MessageID
	n.until(id, sms.Delivered)
	pack := n.pack(id, "")
	_, vkey := n.Evidence.Log()
	if _, err := bundle.Verify(pack, bundle.Options{Key: vkey}); err != nil {
		t.Fatal(err)
	}
	for i := range pack {
		for _, bit := range []byte{1, 0x20} {
			pack[i] ^= bit
			if _, err := bundle.Verify(pack, bundle.Options{Key: vkey}); err == nil {
				t.Fatalf("byte %d, %q, is free", i, pack[i]^bit)
			}
			pack[i] ^= bit
		}
	}
	if _, err := bundle.Verify(pack, bundle.Options{Key: vkey, Phone: "86" + other}); err == nil || !strings.Contains(err.Error(), "phone") {
		t.Errorf("another's number: %v", err)
	}
}

// P8: whoever holds an older checkpoint finds out a log that was rebuilt and
// signed again with one opt-out removed.
func TestRewrittenLogIsFoundOut(t *testing.T) {
	dir := t.TempDir()
	n := startIn(t, dir, config.Default())
	first := n.send(otpText, member).Results[0].MessageID
	n.until(first, sms.Delivered)
	if err := n.carrier.SendMO(t.Context(), member, storyCode+storyDigits, "T"); err != nil {
		t.Fatal(err)
	}
	seen := n.checkpoint()
	second := n.send(otpText, other).Results[0].MessageID
	n.until(second, sms.Delivered)
	_, vkey := n.Evidence.Log()
	query := "?seen=" + base64.RawURLEncoding.EncodeToString([]byte(seen))
	r, err := bundle.Verify(n.pack(second, query), bundle.Options{Key: vkey, Seen: seen})
	if err != nil || len(r.SeenBy) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := bundle.Verify(n.pack(second, ""), bundle.Options{Key: vkey, Seen: seen}); err == nil || !strings.Contains(err.Error(), "--seen") {
		t.Errorf("a pack without the proof: %v", err)
	}
	// The dishonest operator drops the opt-out's leaf and signs the rest anew.
	forget := func(ctx context.Context, tx *store.Tx) error {
		for _, q := range []string{
			"DELETE FROM evidence_leaf WHERE kind = 'optout'", "UPDATE evidence_leaf SET origin = NULL, tree_index = NULL",
			"DELETE FROM evidence_tile", "DELETE FROM evidence_checkpoint", "DELETE FROM suppression",
		} {
			if err := tx.Exec(ctx, q); err != nil {
				return err
			}
		}
		return nil
	}
	if err := n.DB.Write(t.Context(), store.TurnBackground, forget); err != nil {
		t.Fatal(err)
	}
	n.checkpoint()
	rewritten := n.pack(second, "")
	if _, err := bundle.Verify(rewritten, bundle.Options{Key: vkey}); err != nil {
		t.Fatalf("the rewritten log is sound in itself, and that is why a signature alone proves nothing: %v", err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	p, err := bundle.Parse(rewritten, verifier)
	if err != nil {
		t.Fatal(err)
	}
	log, _ := n.Evidence.Log()
	p.Seen = seen // whatever proof the operator makes up
	forged, err := p.Marshal(log.Signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.Verify(forged, bundle.Options{Key: vkey, Seen: seen}); !errors.Is(err, bundle.ErrRewritten) {
		t.Errorf("the holder of the older checkpoint was told %v", err)
	}
}

// A witness cosigns what continues, its cosignature reaches the pack, and a log
// that forks is refused for ever.
func TestWitness(t *testing.T) {
	n := start(t, config.Default())
	_, vkey := n.Evidence.Log()
	// The log is reached through a proxy, so that it can be swapped for another.
	target := atomic.Pointer[url.URL]{}
	u, err := url.Parse(n.base)
	if err != nil {
		t.Fatal(err)
	}
	target.Store(u)
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target.Load()) }})
	defer proxy.Close()
	w := &Witness{Log: proxy.URL + "/evidence", Key: vkey, Name: "notary", State: filepath.Join(t.TempDir(), "witness.json"), Every: time.Hour, Once: true}
	state, err := w.load()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := base64.StdEncoding.DecodeString(state.Seed)
	if err != nil {
		t.Fatal(err)
	}
	cosigner, err := checkpoint.NewCosigner("notary", seed, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	n.Config.Evidence.Witnesses = []string{cosigner.Key()}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	look := func() (int64, error) { return w.look(t.Context(), verifier, cosigner, &state) }
	id := n.send(otpText, member).Results[0].MessageID
	n.until(id, sms.Delivered)
	n.checkpoint()
	if size, err := look(); err != nil || size == 0 {
		t.Fatalf("%d, %v", size, err)
	}
	r, err := bundle.Verify(n.pack(id, ""), bundle.Options{Key: vkey, Witnesses: []string{cosigner.Key()}})
	if err != nil || len(r.SeenBy) != 1 || !strings.Contains(r.SeenBy[0], "notary") {
		t.Fatalf("%+v, %v", r, err)
	}
	n.send(otpText, other)
	n.checkpoint()
	if size, err := look(); err != nil || size == 0 {
		t.Fatalf("a log that grew: %d, %v", size, err)
	}
	// Another history under the same origin and key.
	forked := checkpoint.Checkpoint{Origin: verifier.Name()}
	forked.Tree.N = 1_000
	log, _ := n.Evidence.Log()
	signed, err := forked.Sign(log.Signer)
	if err != nil {
		t.Fatal(err)
	}
	fork := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/checkpoint") {
			_, _ = rw.Write([]byte(signed))
			return
		}
		http.NotFound(rw, r)
	}))
	defer fork.Close()
	if u, err = url.Parse(fork.URL); err != nil {
		t.Fatal(err)
	}
	target.Store(u)
	if size, err := look(); err == nil {
		t.Errorf("a fork was cosigned at size %d", size)
	}
	if n.cosigned(t.Context(), n.checkpoint()) == nil {
		t.Error("a checkpoint without a witness's signature was taken for cosigned")
	}
}

// P8: after a restore from an old backup no second root of a published size is
// signed: the log goes on under a new origin that cites the old one, whether the
// published checkpoints were saved from the lost folder or not.
func TestRestoredFolderOpensANewLog(t *testing.T) {
	for name, saved := range map[string]bool{"checkpoints saved": true, "nothing saved": false} {
		t.Run(name, func(t *testing.T) { restoreOpensANewLog(t, saved) })
	}
}

func restoreOpensANewLog(t *testing.T, saved bool) {
	t.Helper()
	dir, backup, restored := t.TempDir(), filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "restored")
	n := startIn(t, dir, config.Default())
	id := n.send(otpText, member).Results[0].MessageID
	n.until(id, sms.Delivered)
	// More than the windows hold: some are on the wire, the others queued.
	slow, quick := n.carrier.Behaviour(), n.carrier.Behaviour()
	slow.Latency.Fixed = carrier.Duration(time.Hour)
	if err := n.carrier.SetBehaviour(slow); err != nil {
		t.Fatal(err)
	}
	const waiting = 50
	for i := range waiting {
		n.send(otpText, fmt.Sprint(14200003000+i))
	}
	n.checkpoint()
	if err := (&Backup{Folder: Folder{Data: dir}, To: backup}).Run(t.Context(), n.Logger); err != nil {
		t.Fatal(err)
	}
	if err := n.carrier.SetBehaviour(quick); err != nil {
		t.Fatal(err)
	}
	if err := n.carrier.Disconnect(simLogin); err != nil {
		t.Fatal(err)
	}
	n.send(otpText, other)
	old, oldKey := n.Evidence.Log()
	n.stop()
	last, err := n.Evidence.published()
	if err != nil {
		t.Fatal(err)
	}
	if err := (&Restore{From: backup, To: restored}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	from := backup
	if saved {
		from = dir
	}
	b, err := os.ReadFile(filepath.Join(from, fileCheckpoints))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(restored, fileCheckpoints), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if list := strings.Split(string(b), separator); !saved {
		last = list[len(list)-2]
	}
	again := startIn(t, restored, config.Default())
	log, _ := again.Evidence.Log()
	if log.Origin == old.Origin || !strings.HasPrefix(log.Origin, old.Origin+"/restored-") {
		t.Fatalf("the log goes on as %q", log.Origin)
	}
	again.allIn(sms.InDoubt, waiting)
	if sent := again.carrier.Received(0, 10); len(sent) != 0 {
		t.Errorf("P3: %d messages of the backup were sent again", len(sent))
	}
	signed := again.checkpoint()
	if !strings.HasPrefix(signed, log.Origin+"\n") {
		t.Errorf("the new log begins with\n%s", signed)
	}
	verifier, err := note.NewVerifier(oldKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := checkpoint.Open(signed, old.Origin, verifier); err == nil {
		t.Error("a checkpoint of the old log was signed after the restore")
	}
	err = again.DB.Read(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		var record string
		err := tx.One(ctx, "SELECT record FROM evidence_record WHERE kind = 'origin'", nil, &record)
		if err == nil && !strings.Contains(record, strings.Split(last, "\n")[2]) {
			t.Errorf("the first leaf does not cite what was published last: %s", record)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	// The same folder starts again and again without opening a third log.
	again.stop()
	third := startIn(t, restored, config.Default())
	if l, _ := third.Evidence.Log(); l.Origin != log.Origin {
		t.Errorf("another start opened %q", l.Origin)
	}
}

// P8: destroying a person's secret closes what opened the records, and leaves every
// proof as it was; the refusal stays.
func TestErasedPersonLeavesTheProof(t *testing.T) {
	cfg := config.Default()
	cfg.Keep = time.Nanosecond
	n := start(t, cfg)
	id := n.send(otpText, member).Results[0].MessageID
	n.until(id, sms.Delivered)
	if err := n.carrier.SendMO(t.Context(), member, storyCode+storyDigits, "T"); err != nil {
		t.Fatal(err)
	}
	_, vkey := n.Evidence.Log()
	if _, err := bundle.Verify(n.pack(id, ""), bundle.Options{Key: vkey, Text: otpText}); err != nil {
		t.Fatal(err)
	}
	var out struct{ Erased bool }
	if n.do(http.MethodPost, "/v1/people/erase", map[string]string{"to": member}, &out); !out.Erased {
		t.Fatal("nothing was erased")
	}
	pack := n.pack(id, "")
	if r, err := bundle.Verify(pack, bundle.Options{Key: vkey}); err != nil || len(r.Records) < 3 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := bundle.Verify(pack, bundle.Options{Key: vkey, Text: otpText}); err == nil || !strings.Contains(err.Error(), "erased") {
		t.Errorf("the text can still be checked: %v", err)
	}
	n.checkpoint()
	log, _ := n.Evidence.Log()
	err := n.DB.Read(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		head, _, _, err := log.Head(ctx, tx)
		if err != nil {
			return err
		}
		return log.Sound(ctx, tx, head.Tree)
	})
	if err != nil {
		t.Error(err)
	}
	n.agree(member) // even a consent that is stated anew is a new person's
	if r := n.send(mktText, member).Results[0]; r.State != sms.Refused || r.Code != sms.OptedOut {
		t.Errorf("marketing after refusal and erasure: %+v", r)
	}
	// Who never refused gets no marketing either: what they had agreed to ended with them (CNS-01).
	n.agree(other)
	if n.do(http.MethodPost, "/v1/people/erase", map[string]string{"to": other}, &out); !out.Erased {
		t.Fatal("nothing was erased")
	}
	if r := n.send(mktText, other).Results[0]; r.State != sms.Refused || r.Code != sms.ConsentMissing {
		t.Errorf("marketing to an erased person: %+v", r)
	}
	kept := start(t, config.Default())
	kept.agree(member)
	kept.until(kept.send(mktText, member).Results[0].MessageID, sms.Delivered)
	var p struct{ Code sms.Code }
	if kept.do(http.MethodPost, "/v1/people/erase", map[string]string{"to": member}, &p); p.Code != sms.KeptByLaw {
		t.Errorf("erased while it must be kept: %+v", p)
	}
	// Until then what is theirs is only stored (PRV-08): codes alone are sent.
	kept.agree(member)
	if r := kept.send(mktText, member).Results[0]; r.State != sms.Refused || r.Code != sms.OptedOut {
		t.Errorf("marketing to a person who is kept: %+v", r)
	}
	kept.until(kept.send(otpText, member).Results[0].MessageID, sms.Delivered)
}
