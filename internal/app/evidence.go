package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/store"
)

// Evidence is the node's side of the transparency log: it sequences, signs and
// publishes.
type Evidence struct {
	p    *Platform
	file string // published checkpoints, outside the database

	mu   sync.Mutex
	log  *evlog.Log
	vkey string
	done chan struct{} // closed and replaced after each publication
}

// settingFormer is the last checkpoint of the log before this one. settingRestored
// stands until what was queued in the backup has been put in doubt.
const (
	settingRestored = "evidence.restored"
	settingOrigin   = "evidence.origin"
	settingFormer   = "evidence.former"
)

// openEvidence finds the log's origin, or makes it, and opens a new one when the
// database lacks what was published, or is a backup's copy, of which nobody can know
// what was published after it: after a restore no second root for a published size
// may ever be signed.
func openEvidence(ctx context.Context, p *Platform) (*Evidence, error) {
	e := &Evidence{p: p, file: filepath.Join(p.folder.path, fileCheckpoints), done: make(chan struct{})}
	mark := filepath.Join(p.folder.path, fileCopied)
	_, err := os.Stat(mark)
	copied := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	err = p.DB.Write(ctx, store.TurnSequencer, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.LockLog(ctx); err != nil {
			return err
		}
		origin, err := tx.Setting(ctx, settingOrigin)
		if err != nil {
			return err
		}
		if origin == "" {
			origin = e.first()
			if err := tx.PutSetting(ctx, settingOrigin, origin); err != nil {
				return err
			}
		}
		if err := e.use(origin); err != nil {
			return err
		}
		published, err := e.published()
		if err != nil {
			return err
		}
		return e.resume(ctx, tx, published, copied)
	})
	if err == nil && copied {
		err = os.Remove(mark)
	}
	return e, err
}

// first names a new log. A folder with a clock of its own says so.
func (e *Evidence) first() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // it never fails: the program ends instead
	name := "zhunxin/" + hex.EncodeToString(b)
	if e.p.offset != 0 {
		name += fmt.Sprintf("/clock-offset-%ds", int(e.p.offset/time.Second))
	}
	return name
}

func (e *Evidence) use(origin string) error {
	signer, vkey, err := e.p.Keys.Signer(origin)
	if err != nil {
		return err
	}
	log, err := evlog.New(origin, signer, vkey)
	if err != nil {
		return err
	}
	if log.Second, _, err = e.p.Keys.SM2Signer(origin); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.log, e.vkey = log, vkey
	return nil
}

// resume goes on with the log if the database contains what was published, and is no copy;
// else it opens a new one.
func (e *Evidence) resume(ctx context.Context, tx *store.Tx, published string, copied bool) error {
	old, _ := e.Log()
	reason, err := e.broken(ctx, tx, old, published)
	if err == nil && reason == "" && copied {
		reason = "the database was restored from a backup: what was published after it can't be known"
	}
	if err != nil || reason == "" {
		return err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	base, _, _ := strings.Cut(old.Origin, "/restored-")
	origin := fmt.Sprintf("%s/restored-%d", base, now.UnixMilli())
	e.p.Logger.Error("a new evidence log is opened", "former", old.Origin, "origin", origin, "reason", reason)
	for name, value := range map[string]string{settingOrigin: origin, settingFormer: published, settingRestored: "1"} {
		if err := tx.PutSetting(ctx, name, value); err != nil {
			return err
		}
	}
	if err := evlog.Append(ctx, tx, e.p.IDs, now.UnixMilli(), evlog.OriginRecord(e.p.IDs.Next(), now.UnixMilli(), origin, published, reason)); err != nil {
		return err
	}
	return e.use(origin)
}

// broken tells why the log can't go on for what was published, "" when it can.
func (e *Evidence) broken(ctx context.Context, tx *store.Tx, old *evlog.Log, published string) (string, error) {
	former, err := tx.Setting(ctx, settingFormer)
	if err != nil || former == published || published == "" { // the log has published nothing yet
		return "", err
	}
	if name, _, _ := strings.Cut(published, "\n"); name != old.Origin {
		// The file is of a log that this database never knew: another folder's.
		return "", fmt.Errorf("%s holds checkpoints of the log %q, and the database is of %q: restore the two together", e.file, name, old.Origin)
	}
	lost, err := old.Missing(ctx, tx, published)
	if err != nil || lost == nil {
		return "", err
	}
	return fmt.Sprintf("the database lacks leaves %d to %d of what was published: it was restored from an older backup", lost.From, lost.To-1), nil
}

// Log is the log that is signed now, and the verifier key that others check it with.
func (e *Evidence) Log() (*evlog.Log, string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.log, e.vkey
}

// published reads the newest checkpoint of the file, "" when there is none. A
// last one that was cut short by a crash was never published.
func (e *Evidence) published() (string, error) {
	b, err := os.ReadFile(e.file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("published checkpoints: %w", err)
	}
	parts := strings.Split(string(b), separator)
	if len(parts) < 2 {
		return "", nil
	}
	return parts[len(parts)-2], nil
}

// separator ends each checkpoint of the file. No note holds it.
const separator = "\x0c\n"

// publish appends a signed checkpoint to the file and syncs it.
func (e *Evidence) publish(signed string) error {
	f, err := os.OpenFile(e.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("publish the checkpoint: %w", err)
	}
	_, err = f.WriteString(signed + separator)
	return errors.Join(err, f.Sync(), f.Close())
}

// run sequences until ctx ends, and once more then.
func (e *Evidence) run(ctx context.Context) {
	tick := time.NewTicker(e.p.Config.Evidence.Every)
	defer tick.Stop()
	for {
		if err := e.Sequence(context.WithoutCancel(ctx)); err != nil {
			e.p.Logger.Error("the evidence log could not be signed", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if err := e.Sequence(context.WithoutCancel(ctx)); err != nil {
				e.p.Logger.Error("the evidence log could not be signed", "err", err)
			}
			return
		}
	}
}

// Sequence gives every waiting leaf its place and publishes the signed tree.
func (e *Evidence) Sequence(ctx context.Context) error {
	for {
		placed, signed := 0, ""
		err := e.p.DB.Write(ctx, store.TurnSequencer, func(ctx context.Context, tx *store.Tx) (err error) {
			origin, err := tx.Setting(ctx, settingOrigin)
			if err != nil {
				return err
			}
			if log, _ := e.Log(); log.Origin != origin { // another node opened a new log
				if err := e.use(origin); err != nil {
					return err
				}
			}
			log, _ := e.Log()
			placed, signed, err = log.Sequence(ctx, tx)
			return err
		})
		if err != nil {
			return err
		}
		if placed > 0 {
			if err := e.publish(signed); err != nil {
				return err
			}
			e.mu.Lock()
			close(e.done)
			e.done = make(chan struct{})
			e.mu.Unlock()
		}
		if placed < evlog.MaxBatch {
			return nil
		}
	}
}
