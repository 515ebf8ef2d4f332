package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/zhunxin/zhunxin/evidence/bundle"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// patience is a context that ends after it was asked some times.
type patience struct {
	context.Context //nolint:containedctx // it is one
	left            atomic.Int64
}

func (p *patience) Err() error {
	if p.left.Add(-1) < 0 {
		return context.Canceled
	}
	return p.Context.Err()
}

// A refusal outlives the person's erasure and a change of the index key, as do
// consents and what frequency counts; the change can be stopped at any step, and no
// node starts before it has ended.
func TestRefusalSurvivesErasureAndReindex(t *testing.T) {
	const refuser, agreed, busy = "14200000021", "14200000022", "14200000023"
	everywhere(t, func(n *node) {
		n.agree(refuser)
		n.agree(agreed)
		offer := n.send(mktText, refuser).Results[0].MessageID
		n.until(offer, sms.Delivered)
		if err := n.carrier.SendMO(n.t.Context(), refuser, storyCode+storyDigits, "T"); err != nil {
			n.t.Fatal(err)
		}
		sent := n.send(otpText, busy).Results[0].MessageID
		n.until(sent, sms.Delivered)
		if r := n.send(otpText, busy).Results[0]; r.Code != sms.FrequencyOTP {
			n.t.Fatalf("a second code at once: %+v", r)
		}
		err := n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
			number, err := sms.ParseMSISDN(refuser)
			if err != nil {
				return err
			}
			erased, err := tx.Erase(ctx, n.Keys.PhoneID(number), n.group())
			if err == nil && !erased {
				err = errors.New("nobody was erased")
			}
			return err
		})
		if err != nil {
			n.t.Fatal(err)
		}
		if err := reindexFolder(n.t.Context(), n.Config); err == nil {
			n.t.Fatal("a reindex began beside a running node")
		}
		n.stop()
		steps := 0
		for {
			short := &patience{Context: n.t.Context()}
			short.left.Store(int64(3 + steps))
			err := reindexFolder(short, n.Config)
			if err == nil {
				break
			}
			if steps++; steps > 100 || !strings.Contains(err.Error(), "stopped") && !errors.Is(err, context.Canceled) {
				n.t.Fatalf("after %d runs: %v", steps, err)
			}
			if len(n.indexKeys()) == 1 {
				continue // it has not begun
			}
			f := midMorning(n.t, n.Config.Data)
			if _, err := Open(n.t.Context(), n.Config, f, n.Logger); err == nil || !strings.Contains(err.Error(), "vault reindex") {
				n.t.Fatalf("a node starts in the middle: %v", err)
			}
			if err := f.close(); err != nil && !errors.Is(err, fs.ErrClosed) {
				n.t.Fatal(err)
			}
		}
		if steps < 3 {
			n.t.Errorf("it was stopped %d times only", steps)
		}
		again := startIn(n.t, n.Config.Data, n.Config)
		if len(again.Keys.IndexKeys()) != 2 {
			n.t.Errorf("there are %d index keys", len(again.Keys.IndexKeys()))
		}
		again.agree(refuser)
		if r := again.send(mktText, refuser).Results[0]; r.State != sms.Refused || r.Code != sms.OptedOut {
			n.t.Errorf("marketing after refusal, erasure and reindex: %+v", r)
		}
		if r := again.send(mktText, agreed).Results[0]; r.State != sms.Queued {
			n.t.Errorf("the consent is lost: %+v", r)
		}
		if r := again.send(otpText, busy).Results[0]; r.Code != sms.FrequencyOTP {
			n.t.Errorf("the frequency is forgotten: %+v", r)
		}
		_, vkey := again.Evidence.Log()
		if r, err := bundle.Verify(again.pack(offer, ""), bundle.Options{Key: vkey}); err != nil || len(r.Records) < 5 { // with consent and refusal
			n.t.Errorf("%+v, %v", r, err)
		}
		if _, err := bundle.Verify(again.pack(sent, ""), bundle.Options{Key: vkey, Phone: "86" + busy, Text: otpText}); err != nil {
			n.t.Error(err)
		}
	})
}

func (n *node) indexKeys() []string {
	n.t.Helper()
	keys, err := vault.Open(filepath.Join(n.Config.Data, fileKeys))
	if err != nil {
		n.t.Fatal(err)
	}
	return keys.IndexKeys()
}

func (n *node) group() sms.ID {
	snap := n.Gate.Cached()
	for _, a := range snap.Application {
		return snap.Party[a.PartyID].GroupID
	}
	return 0
}

// A key file of another database is refused: every refusal would be missed.
func TestForeignKeyFileIsRefused(t *testing.T) {
	everywhere(t, func(n *node) {
		n.stop()
		path := filepath.Join(n.Config.Data, fileKeys)
		if err := os.Remove(path); err != nil {
			n.t.Fatal(err)
		}
		if _, err := vault.Create(path, vault.International); err != nil {
			n.t.Fatal(err)
		}
		f := midMorning(n.t, n.Config.Data)
		if _, err := Open(n.t.Context(), n.Config, f, n.Logger); err == nil || !strings.Contains(err.Error(), "does not fit the database") {
			n.t.Errorf("it was taken: %v", err)
		}
		if err := f.close(); err != nil && !errors.Is(err, fs.ErrClosed) {
			n.t.Error(err)
		}
	})
}
