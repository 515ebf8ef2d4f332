package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/zhunxin/zhunxin/evidence/checkpoint"
	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// offline opens a data folder for one command, beside a node that may be running:
// it takes no lock, writes no row and signs no tree.
type offline struct {
	db   *store.DB
	keys *vault.Keys
	log  *evlog.Log
	vkey string
	sm2  string // gm: the key of the second signature
	now  func() time.Time
}

// Folder names what a command works on.
type Folder struct {
	Config string `help:"Settings file of the node." type:"existingfile" short:"c"`
	Data   string `help:"Data folder; overrides the settings." type:"existingdir"`
}

func (f Folder) settings() (config.Config, error) {
	cfg, err := config.Load(f.Config, os.Environ())
	if f.Data != "" {
		cfg.Data = f.Data
	}
	return cfg, err
}

func (f Folder) open(ctx context.Context) (o *offline, err error) {
	cfg, err := f.settings()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(cfg.Path(fileKeys)); err != nil {
		return nil, fmt.Errorf("%s is no data folder of a node: %w", cfg.Data, err)
	}
	o = &offline{}
	if o.keys, err = vault.Open(cfg.Path(fileKeys)); err != nil {
		return nil, err
	}
	c, err := (&folder{path: cfg.Data}).readClock()
	if err != nil {
		return nil, err
	}
	o.now = c.now
	p := &Platform{Config: cfg, Now: c.now, folder: &folder{path: cfg.Data}, offset: c.offset()}
	if o.db, err = p.database(ctx, false); err != nil {
		return nil, err
	}
	err = o.db.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
		origin, err := tx.Setting(ctx, settingOrigin)
		if err != nil {
			return err
		}
		if origin == "" {
			return errors.New("this folder has no evidence log yet: start the node once")
		}
		signer, vkey, err := o.keys.Signer(origin)
		if err != nil {
			return err
		}
		o.vkey = vkey
		if _, o.sm2, err = o.keys.SM2Signer(origin); err != nil {
			return err
		}
		o.log, err = evlog.New(origin, signer, vkey)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, o.db.Close())
	}
	return o, nil
}

// EvidencePack writes a message's evidence to a file.
type EvidencePack struct {
	Folder
	Message string `help:"Message id." required:""`
	Out     string `help:"File to write; it is never overwritten." short:"o" required:"" type:"path"`
	Seen    string `help:"File with an older checkpoint: the pack then proves that the log continues it." type:"existingfile"`
}

// Run writes the pack.
func (c *EvidencePack) Run(ctx context.Context) (err error) {
	id, err := sms.ParseID(c.Message)
	if err != nil {
		return err
	}
	seen := ""
	if c.Seen != "" {
		b, err := os.ReadFile(c.Seen)
		if err != nil {
			return err
		}
		seen = string(b)
	}
	o, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.db.Close()) }()
	var pack []byte
	err = o.db.Read(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		pack, err = o.log.Pack(ctx, tx, o.keys, id, seen)
		return err
	})
	if err != nil {
		return err
	}
	if err := writeNew(c.Out, pack); err != nil {
		return err
	}
	fmt.Printf("%s: %d bytes; verify it with: zhunxin-verify %s --key %s\n", c.Out, len(pack), c.Out, o.vkey)
	return nil
}

// writeNew writes a file that does not exist yet, readable by its owner alone.
func writeNew(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, bytes.NewReader(b))
	return errors.Join(err, f.Sync(), f.Close())
}

// EvidenceKey prints the log's public key.
type EvidenceKey struct {
	Folder
	SM2 bool `help:"The key of the second signature (国密 suite)." name:"sm2"`
}

// Run prints it.
func (c *EvidenceKey) Run(ctx context.Context) error {
	o, err := c.open(ctx)
	if err != nil {
		return err
	}
	switch {
	case !c.SM2:
		fmt.Println(o.vkey)
	case o.sm2 == "":
		err = errors.New("the key file is of the international suite, which has no SM2 key")
	default:
		fmt.Println(o.sm2)
	}
	return errors.Join(err, o.db.Close())
}

// EvidenceCheck checks the SM2 signature of a checkpoint. The other signature, and all
// that it stands for, is checked by zhunxin-verify.
type EvidenceCheck struct {
	File string `arg:"" help:"File with a signed checkpoint." type:"existingfile"`
	SM2  string `help:"Key that zhunxin evidence key --sm2 printed." name:"sm2" required:""`
}

// Run says what was signed.
func (c *EvidenceCheck) Run() error {
	b, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	v, err := vault.SM2Verifier(c.SM2)
	if err != nil {
		return err
	}
	head, err := checkpoint.Open(string(b), v.Name(), v)
	if err != nil {
		return err
	}
	fmt.Printf("the checkpoint of %s of size %d bears its SM2 signature\n", head.Origin, head.Tree.N)
	return nil
}

// Backup copies a node's data folder while the node runs. PostgreSQL is backed up
// with its own tools; then only keys and published checkpoints are copied.
type Backup struct {
	Folder
	To string `arg:"" help:"Folder to make; it must not exist." type:"path"`
}

// Run copies, and checks the copy.
func (c *Backup) Run(ctx context.Context, log *slog.Logger) (err error) {
	cfg, err := c.settings()
	if err != nil {
		return err
	}
	if err := os.Mkdir(c.To, 0o700); err != nil {
		return fmt.Errorf("the backup needs a folder of its own: %w", err)
	}
	defer func() { err = unmade(c.To, err) }()
	clock, err := (&folder{path: cfg.Data}).readClock()
	if err == nil {
		err = markCopied(c.To)
	}
	if err != nil {
		return err
	}
	// Keys and checkpoints first: a copy of the database may be younger than they
	// are, never older, so that a restore finds everything that was published.
	for _, name := range []string{fileKeys, fileClock, fileCheckpoints} {
		if err := copyFile(cfg.Path(name), filepath.Join(c.To, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if cfg.Database.Kind == "postgres" {
		log.Warn("the database is PostgreSQL: back it up with pg_basebackup or pg_dump; only keys and checkpoints were copied")
		return writeManifest(c.To, clock.now())
	}
	o, err := c.open(ctx)
	if err != nil {
		return err
	}
	err = o.db.CopyTo(ctx, filepath.Join(c.To, fileDatabase))
	if err = errors.Join(err, o.db.Close()); err != nil {
		return err
	}
	if err := check(ctx, c.To); err != nil {
		return err
	}
	return writeManifest(c.To, clock.now())
}

// Restore puts a backup into an empty data folder.
type Restore struct {
	From string `arg:"" help:"Folder that zhunxin backup made." type:"existingdir"`
	To   string `arg:"" help:"Data folder to make; it must not exist. Put the newest checkpoints.txt that you have into it before the first start." type:"path"`
}

// Run checks the backup, copies it, and says what the next start will do.
func (c *Restore) Run(ctx context.Context) (err error) {
	m, err := readManifest(c.From)
	if err != nil {
		return err
	}
	if err := os.Mkdir(c.To, 0o700); err != nil {
		return fmt.Errorf("a restore needs a folder of its own: %w", err)
	}
	defer func() { err = unmade(c.To, err) }()
	for _, f := range m.Files {
		if err := f.copyTo(c.From, c.To); err != nil {
			return err
		}
	}
	if err := markCopied(c.To); err != nil {
		return err
	}
	if m.has(fileDatabase) {
		err = check(ctx, c.To)
	} else {
		fmt.Println("The backup is of a node on PostgreSQL: keys and checkpoints are restored, restore the database with its own tools.")
	}
	if err != nil {
		return err
	}
	fmt.Printf("The first start goes on under a new log origin, and puts in doubt what was queued in the backup. If the lost folder's %s can be saved,\n"+
		"copy it over the one in %s before: the new log then names what was published after this backup.\n", fileCheckpoints, c.To)
	return nil
}

// markCopied makes a folder one that does not know what happened after it was copied, also
// when it is put in place by hand: its first start opens a new evidence log.
func markCopied(path string) error {
	return os.WriteFile(filepath.Join(path, fileCopied), nil, 0o600)
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // read only
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// check reads a copy: the database is whole, balances are the sums of their
// entries, and the signed tree is the one that its tiles make.
func check(ctx context.Context, path string) (err error) {
	o, err := Folder{Data: path}.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.db.Close()) }()
	if err := o.db.Whole(ctx); err != nil {
		return err
	}
	return o.db.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
		bad, err := tx.CheckLedger(ctx)
		if err != nil {
			return err
		}
		if len(bad) > 0 {
			return fmt.Errorf("the copy's ledger is not sound: %s", bad[0])
		}
		head, _, ok, err := o.log.Head(ctx, tx)
		if err != nil {
			return err
		}
		if ok {
			if err := o.log.Sound(ctx, tx, head.Tree); err != nil {
				return err
			}
		}
		fmt.Printf("%s is sound: the database is whole, balances are the sums of their entries, the evidence log has %d leaves with root %s\n", path, head.Tree.N, tlog.Hash(head.Tree.Hash))
		return nil
	})
}
