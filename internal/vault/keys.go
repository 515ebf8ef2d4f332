// Package vault is the only one that touches keys: it turns numbers into keyed
// ids, seals numbers, texts and secrets, and makes and checks credentials.
//
// Invariants: a phone number or message text leaves this package only sealed or
// to a caller that asked to open it (P7); a key file is readable by its owner
// alone. The holder of the index key can test whether a guessed number has an
// id, so that key is worth as much as the data.
package vault

import (
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// file is the key file. Every key is 32 random bytes.
type file struct {
	Version int      `json:"version"`
	Suite   Suite    `json:"suite,omitempty"` // "" is international
	Index   [][]byte `json:"index"`           // newest first; ids are made by the chain of them
	Ring    []ring   `json:"ring"`            // newest first; the first seals
	Content []byte   `json:"content"`         // of content and payload hashes
	Signing []byte   `json:"signing"`         // ed25519 seed of the evidence log
	SM2     []byte   `json:"sm2,omitempty"`   // gm: private key of the log's second signature
}

type ring struct {
	ID  uint32 `json:"id"`
	Key []byte `json:"key"`
}

const keyBytes = 32

// Keys is an open key file. It is safe for concurrent use.
type Keys struct {
	path    string
	file    file
	suite   Suite
	index   []*macs // as in file.Index
	content *macs
	payload *macs
	seals   map[uint32]*sealer
	current *sealer
}

func newKey() []byte {
	b := make([]byte, keyBytes)
	_, _ = rand.Read(b) // it never fails: the program ends instead
	return b
}

// Create makes new keys of a suite in a file of mode 0600 and never overwrites one.
func Create(path string, suite Suite) (*Keys, error) {
	f := file{Version: 1, Suite: suite, Index: [][]byte{newKey()}, Ring: []ring{{1, newKey()}}, Content: newKey(), Signing: newKey()}
	if suite == GM {
		f.SM2 = newSM2()
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("key file %s exists already: it is never overwritten", path)
	}
	if err := write(path, f); err != nil {
		return nil, err
	}
	return open(path, f)
}

// Open reads a key file and refuses one that others may read.
func Open(path string) (*Keys, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("key file %s has mode %04o, so others may read it: run chmod 600 %s", path, mode, path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("key file %s is damaged: %w", path, err)
	}
	return open(path, f)
}

func open(path string, f file) (*Keys, error) {
	if f.Version != 1 || len(f.Index) == 0 || len(f.Ring) == 0 || len(f.Content) != keyBytes || len(f.Signing) != ed25519.SeedSize {
		return nil, fmt.Errorf("key file %s is not complete, or of a newer program", path)
	}
	suite, err := ParseSuite(string(cmp.Or(f.Suite, International)))
	if err == nil && suite == GM && !validSM2(f.SM2) {
		err = errors.New("its SM2 key is no private key")
	}
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	k := &Keys{
		path: path, file: f, suite: suite, seals: map[uint32]*sealer{}, content: newMACs(suite, f.Content, "content"), payload: newMACs(suite, f.Content, "payload"),
	}
	for _, key := range f.Index {
		if len(key) != keyBytes {
			return nil, fmt.Errorf("key file %s: an index key is not of %d bytes", path, keyBytes)
		}
		k.index = append(k.index, newMACs(suite, key, ""))
	}
	for i, r := range f.Ring {
		s, err := newSealer(suite, r.ID, r.Key)
		if err != nil {
			return nil, fmt.Errorf("key file %s: ring key %d: %w", path, r.ID, err)
		}
		k.seals[r.ID] = s
		if i == 0 {
			k.current = s
		}
	}
	return k, nil
}

// Suite is the set of algorithms that the keys are for.
func (k *Keys) Suite() Suite { return k.suite }

// write replaces the file at once: a crash leaves the old one or the new one.
func write(path string, f file) (err error) {
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".keys-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write the key file: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write the key file: %w", err), os.Remove(tmp.Name()))
		}
	}()
	if _, err := tmp.Write(b); err != nil {
		return errors.Join(err, tmp.Close())
	}
	if err := errors.Join(tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// AddRingKey puts a new key behind the others in the ring: it opens, but does not seal
// yet. Once every process that shares the file has it, UseRingKey lets it seal.
func (k *Keys) AddRingKey() (*Keys, error) {
	f := k.file
	f.Ring = append(slices.Clone(f.Ring), ring{newestRing(f).ID + 1, newKey()})
	return k.replace(f)
}

// ErrNoNewKey tells that the newest key of the ring seals already.
var ErrNoNewKey = errors.New("the newest sealing key is in use already")

// UseRingKey puts the newest key of the ring in front, where it seals. What older keys
// sealed still opens.
func (k *Keys) UseRingKey() (*Keys, error) {
	f := k.file
	newest := newestRing(f)
	if newest.ID == f.Ring[0].ID {
		return nil, ErrNoNewKey
	}
	f.Ring = append([]ring{newest}, slices.DeleteFunc(slices.Clone(f.Ring), func(r ring) bool { return r.ID == newest.ID })...)
	return k.replace(f)
}

func newestRing(f file) ring {
	return slices.MaxFunc(f.Ring, func(a, b ring) int { return cmp.Compare(a.ID, b.ID) })
}

func (k *Keys) replace(f file) (*Keys, error) {
	if err := write(k.path, f); err != nil {
		return nil, err
	}
	return open(k.path, f)
}

// AddIndexKey puts a new index key in front. Ids made before are changed by Reindexed,
// and the earlier keys are kept, because an id is made by the chain of all of them.
func (k *Keys) AddIndexKey() (*Keys, error) {
	f := k.file
	f.Index = append([][]byte{newKey()}, f.Index...)
	return k.replace(f)
}

// IndexKeys names the index keys, newest first, by fingerprints that tell nothing of
// them.
func (k *Keys) IndexKeys() []string {
	out := make([]string, len(k.file.Index))
	for i, key := range k.file.Index {
		sum := sha256.Sum256(append([]byte("zhunxin index key "), key...))
		out[i] = hex.EncodeToString(sum[:8])
	}
	return out
}

// Signer is the evidence log's note signer under an origin, and the verifier
// key that others check it with.
func (k *Keys) Signer(origin string) (note.Signer, string, error) {
	priv := ed25519.NewKeyFromSeed(k.file.Signing)
	vkey, err := note.NewEd25519VerifierKey(origin, priv.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, "", fmt.Errorf("evidence key of %q: %w", origin, err)
	}
	// The signer key has the form that note.NewSigner reads: the same name and
	// hash as the verifier's, then the algorithm and the seed.
	parts := strings.SplitN(vkey, "+", 3)
	skey := "PRIVATE+KEY+" + parts[0] + "+" + parts[1] + "+" + encodeSeed(k.file.Signing)
	s, err := note.NewSigner(skey)
	return s, vkey, err
}
