package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/zhunxin/zhunxin/evidence/checkpoint"
)

// Witness cosigns the checkpoints of a log. It runs anywhere but at the operator's,
// and signs only what continues everything that it signed before.
type Witness struct {
	Log   string        `help:"Address of the log, such as https://sms.example.com/evidence." required:""`
	Key   string        `help:"Verifier key of the log." required:""`
	Name  string        `help:"Name of the witness, without spaces and +." default:"witness"`
	State string        `help:"File with the witness's own key and what it saw last." default:"witness.json" type:"path"`
	Every time.Duration `help:"How often the log is looked at." default:"10s"`
	Once  bool          `help:"Look once and end."`
}

// witnessState is the file. Seen is the newest checkpoint that was cosigned.
type witnessState struct {
	Seed string `json:"seed"`
	Seen string `json:"seen"`
}

// maxTile bounds what is read of the log: a tile has at most 256 hashes.
const maxTile = 256 * tlog.HashSize

// Run watches until ctx ends.
func (w *Witness) Run(ctx context.Context, log *slog.Logger) error {
	verifier, err := note.NewVerifier(w.Key)
	if err != nil {
		return fmt.Errorf("the log's key: %w", err)
	}
	state, err := w.load()
	if err != nil {
		return err
	}
	seed, err := base64.StdEncoding.DecodeString(state.Seed)
	if err != nil {
		return fmt.Errorf("%s: %w", w.State, err)
	}
	signer, err := checkpoint.NewCosigner(w.Name, seed, time.Now)
	if err != nil {
		return err
	}
	fmt.Println("witness key (put it into evidence.witnesses, and give it to whoever verifies):", signer.Key())
	tick := time.NewTicker(w.Every)
	defer tick.Stop()
	for {
		n, err := w.look(ctx, verifier, signer, &state)
		switch {
		case errors.Is(err, errForked):
			return err // nothing after this may be cosigned
		case err != nil && w.Once:
			return err
		case err != nil:
			log.Error("the log could not be witnessed", "err", err)
		case n > 0:
			log.Info("cosigned", "size", n)
		}
		if w.Once {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (w *Witness) load() (s witnessState, err error) {
	b, err := os.ReadFile(w.State)
	if errors.Is(err, fs.ErrNotExist) {
		seed := make([]byte, 32)
		_, _ = rand.Read(seed) // it never fails: the program ends instead
		s.Seed = base64.StdEncoding.EncodeToString(seed)
		return s, w.save(s)
	}
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		err = fmt.Errorf("the witness's state: %w", err)
	}
	return s, err
}

// save replaces the file at once: what was cosigned is never forgotten.
func (w *Witness) save(s witnessState) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	tmp := w.State + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, w.State)
}

// errForked tells that the log signed two histories.
var errForked = errors.New("THE LOG WAS REWRITTEN: its checkpoint does not continue the one that this witness cosigned (日志已被改写)")

// look cosigns the newest checkpoint, and returns its size; 0 when there is
// nothing new.
func (w *Witness) look(ctx context.Context, verifier note.Verifier, signer *checkpoint.Cosigner, state *witnessState) (int64, error) {
	signed, err := w.get(ctx, "checkpoint", checkpoint.MaxBytes)
	if err != nil || len(signed) == 0 {
		return 0, err
	}
	c, err := checkpoint.Open(string(signed), verifier.Name(), verifier)
	if err != nil {
		return 0, err
	}
	if state.Seen != "" {
		old, err := checkpoint.Open(state.Seen, verifier.Name(), verifier)
		if err != nil {
			return 0, err
		}
		if err := w.continues(ctx, old.Tree, c.Tree); err != nil {
			return 0, err
		}
		if old.Tree.N == c.Tree.N {
			return 0, nil
		}
	}
	state.Seen = string(signed)
	if err := w.save(*state); err != nil { // before the signature leaves
		return 0, err
	}
	line, err := signer.Cosign(string(signed))
	if err != nil {
		return 0, err
	}
	return c.Tree.N, w.post(ctx, string(signed)+line)
}

// continues proves from the log's own tiles that one tree continues another.
func (w *Witness) continues(ctx context.Context, old, now tlog.Tree) error {
	switch {
	case now.N < old.N:
		return fmt.Errorf("%w: size %d after %d", errForked, now.N, old.N)
	case now.N == old.N && now.Hash != old.Hash:
		return fmt.Errorf("%w: two roots of size %d", errForked, now.N)
	case now.N == old.N:
		return nil
	}
	root, err := tlog.TreeHash(old.N, tlog.TileHashReader(now, &httpTiles{ctx: ctx, w: w}))
	if err != nil {
		return fmt.Errorf("read the log's tiles: %w", err)
	}
	if root != old.Hash {
		return fmt.Errorf("%w: size %d", errForked, old.N)
	}
	return nil
}

// httpTiles reads tiles over HTTP.
type httpTiles struct {
	ctx context.Context //nolint:containedctx // tlog.TileReader takes none
	w   *Witness
}

// Height implements tlog.TileReader.
func (t *httpTiles) Height() int { return 8 }

// SaveTiles implements tlog.TileReader; nothing is kept.
func (t *httpTiles) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles implements tlog.TileReader.
func (t *httpTiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(list))
	for i, tile := range list {
		b, err := t.w.get(t.ctx, "tile/"+strings.TrimPrefix(tile.Path(), "tile/8/"), maxTile)
		if err != nil {
			return nil, err
		}
		out[i] = b
	}
	return out, nil
}

const witnessPatience = 15 * time.Second

func (w *Witness) get(ctx context.Context, path string, most int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, witnessPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(w.Log, "/")+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	b, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: %s", path, resp.Status)
	case int64(len(b)) > most:
		return nil, fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return b, nil
}

func (w *Witness) post(ctx context.Context, cosigned string) error {
	ctx, cancel := context.WithTimeout(ctx, witnessPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(w.Log, "/")+"/cosignatures", bytes.NewReader([]byte(cosigned)))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing to read
	if resp.StatusCode >= http.StatusMultipleChoices {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return fmt.Errorf("the log did not take the cosignature: %s %s", resp.Status, b)
	}
	return nil
}
