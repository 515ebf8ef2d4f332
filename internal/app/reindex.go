package app

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// errIndexKey tells that ids made now would not be those in the database.
func errIndexKey(detail string) error {
	return fmt.Errorf("the key file does not fit the database: %s (密钥文件与数据库不匹配)", detail)
}

// checkIndex refuses a key file whose ids are not those of the database: every refusal
// would be missed.
func checkIndex(ctx context.Context, tx *store.Tx, keys *vault.Keys) error {
	under, err := tx.Setting(ctx, store.SettingReindex)
	if err != nil {
		return err
	}
	if under != "" {
		return errIndexKey("a change of the index key was begun and not ended: run zhunxin vault reindex again")
	}
	index, err := tx.Setting(ctx, store.SettingIndex)
	if err != nil {
		return err
	}
	switch have := keys.IndexKeys()[0]; index {
	case have:
		return nil
	case "":
		return tx.PutSetting(ctx, store.SettingIndex, have)
	}
	return errIndexKey("its index key is another one; copy the keys.json that belongs to it, or run zhunxin vault reindex if that was stopped")
}

// VaultRotate changes the key that seals data, in two steps, so that nodes which share
// the file can be restarted one by one.
type VaultRotate struct {
	Folder
	Use bool `help:"Let the newest key seal, once every node was restarted with it."`
}

// Run adds a key, or lets the newest one seal. Nodes read the file at their next start.
func (c *VaultRotate) Run() error {
	cfg, err := c.settings()
	if err != nil {
		return err
	}
	path := cfg.Path(fileKeys)
	keys, err := vault.Open(path)
	if err != nil {
		return err
	}
	if c.Use {
		if _, err := keys.UseRingKey(); err != nil {
			return fmt.Errorf("%w: run vault rotate without --use first", err)
		}
		fmt.Printf("The newest key of %s seals from each node's next start. What was sealed before still opens. Copy the file to the other nodes and into the next backup.\n", path)
		return nil
	}
	if _, err := keys.AddRingKey(); err != nil {
		return err
	}
	fmt.Printf("%s has a new key, which does not seal yet. Copy the file to the other nodes, restart all of them, then run vault rotate --use.\n", path)
	return nil
}

// VaultReindex gives every person a new keyed id under a new index key, without
// knowing a number.
type VaultReindex struct{ Folder }

// Run replaces all ids. It can be stopped and goes on where it was.
func (c *VaultReindex) Run(ctx context.Context) error {
	cfg, err := c.settings()
	if err != nil {
		return err
	}
	return reindexFolder(ctx, cfg)
}

func reindexFolder(ctx context.Context, cfg config.Config) (err error) {
	if _, err := os.Stat(cfg.Path(fileKeys)); err != nil {
		return fmt.Errorf("%s is no data folder of a node: %w", cfg.Data, err)
	}
	f, err := openFolder(cfg.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	clk, err := f.readClock()
	if err != nil {
		return err
	}
	p := &Platform{Config: cfg, Now: clk.now, folder: f, offset: clk.offset()}
	if p.Keys, err = vault.Open(filepath.Join(f.path, fileKeys)); err != nil {
		return err
	}
	if p.IDs, err = sms.NewIDs(cfg.Node, p.Now); err != nil {
		return err
	}
	if p.DB, err = p.database(ctx, true); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.DB.Close()) }()
	state, err := p.beginReindex(ctx)
	if err != nil {
		return err
	}
	return p.reindex(ctx, state)
}

// beginReindex makes the new index key, or finds how far an earlier run came.
func (p *Platform) beginReindex(ctx context.Context) (state store.Reindex, err error) {
	if err := p.nameIndex(ctx); err != nil {
		return state, err
	}
	err = p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		under, err := tx.Setting(ctx, store.SettingReindex)
		if err != nil {
			return err
		}
		index, err := tx.Setting(ctx, store.SettingIndex)
		if err != nil {
			return err
		}
		have := p.Keys.IndexKeys()
		switch {
		case under != "":
			if err := json.Unmarshal([]byte(under), &state); err != nil {
				return fmt.Errorf("the state of the reindex: %w", err)
			}
			if state.Key != have[0] {
				return errIndexKey("the change that was begun is to another index key")
			}
			return nil
		case index == have[0]:
			if p.Keys, err = p.Keys.AddIndexKey(); err != nil {
				return err
			}
			state.Key = p.Keys.IndexKeys()[0]
		case len(have) > 1 && index == have[1]: // it ended between the key file and the database
			state.Key = have[0]
		default:
			return errIndexKey("its index key is another one")
		}
		return putReindex(ctx, tx, state)
	})
	return state, err
}

// nameIndex ties a database of before that to the key it has. It is on disk before the
// key file changes: after a crash in between, nobody could tell which key made the ids.
func (p *Platform) nameIndex(ctx context.Context) error {
	return p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		index, err := tx.Setting(ctx, store.SettingIndex)
		if err != nil || index != "" {
			return err
		}
		return tx.PutSetting(ctx, store.SettingIndex, p.Keys.IndexKeys()[0])
	})
}

func putReindex(ctx context.Context, tx *store.Tx, state store.Reindex) error {
	b, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return tx.PutSetting(ctx, store.SettingReindex, string(b))
}

func (p *Platform) reindex(ctx context.Context, state store.Reindex) error {
	begin, done := time.Now(), 0
	for state.Phase != store.ReindexDone {
		if ctx.Err() != nil {
			return errors.New("stopped; run the command again to go on: nodes do not start before it has ended")
		}
		next, n := state, 0
		err := p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) (err error) {
			next = state
			if n, err = tx.ReindexStep(ctx, &next, p.Keys.Reindexed, p.Keys.SealFormer); err != nil {
				return err
			}
			if next.Phase != store.ReindexDone {
				return putReindex(ctx, tx, next)
			}
			return p.endReindex(ctx, tx, next)
		})
		if err != nil {
			return err
		}
		state, done = next, done+n
		if n > 0 {
			fmt.Fprintf(os.Stderr, "\r%s: %d ids and rows, %.0f/s   ", map[string]string{"": "collecting", "people": "people", "rows": "messages and the rest"}[state.Phase], done, float64(done)/time.Since(begin).Seconds())
		}
	}
	fmt.Fprintf(os.Stderr, "\n%d ids and rows in %s. Copy the key file to the other nodes and make a backup: earlier ones hold the old ids and their key.\n", done, time.Since(begin).Round(time.Second))
	return nil
}

// endReindex ties the database to its new key and records what was done.
func (p *Platform) endReindex(ctx context.Context, tx *store.Tx, state store.Reindex) error {
	if err := tx.PutSetting(ctx, store.SettingIndex, state.Key); err != nil {
		return err
	}
	if err := tx.PutSetting(ctx, store.SettingReindex, ""); err != nil {
		return err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	return evlog.Append(ctx, tx, p.IDs, now.UnixMilli(), leaf.New(evlog.KindAction, 0, now.UnixMilli(),
		leaf.Str("action", "reindex people"), leaf.Int("by_key", 0), leaf.Hash("content", sha256.Sum256([]byte(state.Key)))))
}
