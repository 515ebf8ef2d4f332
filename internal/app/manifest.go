package app

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// fileManifest is the last file of a backup: one without it was not finished.
const fileManifest = "manifest.json"

// manifest says what a backup holds, so that a restore finds every changed bit. It keeps
// no secret, and no signature: who can write the backup can write the manifest.
type manifest struct {
	MadeAt time.Time `json:"made_at"` // by the node's clock
	Files  []fileSum `json:"files"`
	Sum    string    `json:"sha256"` // of the manifest itself with this field empty
}

type fileSum struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	Sum  string `json:"sha256"`
}

// backedUp are the files that a backup may hold.
var backedUp = []string{fileKeys, fileClock, fileCheckpoints, fileDatabase}

// bytes is the one form of a manifest: a file that differs from it in any byte is damaged.
func (m manifest) bytes() ([]byte, error) {
	m.Sum = ""
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	m.Sum = hex.EncodeToString(sum[:])
	b, err = json.MarshalIndent(m, "", "  ")
	return append(b, '\n'), err
}

// writeManifest ends a backup.
func writeManifest(dir string, now time.Time) error {
	m := manifest{MadeAt: now.UTC()}
	for _, name := range backedUp {
		f, err := syncedSum(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		m.Files = append(m.Files, f)
	}
	b, err := m.bytes()
	if err != nil {
		return err
	}
	return writeNew(filepath.Join(dir, fileManifest), b)
}

// syncedSum puts a file on the disk first: a manifest must not outlive what it vouches for.
func syncedSum(path string) (fileSum, error) {
	f, err := os.Open(path)
	if err != nil {
		return fileSum{}, err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fileSum{}, err
	}
	return sumOf(path, io.Discard)
}

// sumOf reads a file and writes it to w.
func sumOf(path string, w io.Writer) (s fileSum, err error) {
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close() //nolint:errcheck // read only
	h := sha256.New()
	s.Name = filepath.Base(path)
	if s.Size, err = io.Copy(io.MultiWriter(h, w), f); err != nil {
		return s, err
	}
	s.Sum = hex.EncodeToString(h.Sum(nil))
	return s, nil
}

// readManifest reads a backup's and checks every file against it.
func readManifest(dir string) (m manifest, err error) {
	b, err := os.ReadFile(filepath.Join(dir, fileManifest))
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("backup %s has no %s: it was not finished, or an older version made it; restore another backup, or this one with the version that made it (备份不完整，或由旧版本生成)", dir, fileManifest)
	}
	if err != nil {
		return m, fmt.Errorf("backup %s: %w", dir, err)
	}
	err = json.Unmarshal(b, &m)
	if err == nil {
		var form []byte
		if form, err = m.bytes(); err == nil && !bytes.Equal(form, b) {
			err = errors.New("it is not as it was written")
		}
	}
	if err != nil {
		return m, fmt.Errorf("backup %s: %s is damaged: %w; restore another backup (备份已损坏，请使用其他备份)", dir, fileManifest, err)
	}
	for _, want := range m.Files {
		if !slices.Contains(backedUp, want.Name) {
			return m, fmt.Errorf("backup %s: %s names the file %.60q, which this version does not know: restore it with the version that made it", dir, fileManifest, want.Name)
		}
		if err := want.check(dir, io.Discard); err != nil {
			return m, err
		}
	}
	return m, nil
}

// has tells whether the backup holds a file.
func (m manifest) has(name string) bool {
	return slices.ContainsFunc(m.Files, func(f fileSum) bool { return f.Name == name })
}

// check reads a file of a backup again and writes it to w.
func (s fileSum) check(dir string, w io.Writer) error {
	is, err := sumOf(filepath.Join(dir, s.Name), w)
	if err == nil && is != s {
		err = fmt.Errorf("it has %d bytes and the SHA-256 %.16s…, the manifest says %d and %.16s…", is.Size, is.Sum, s.Size, s.Sum)
	}
	if err != nil {
		return fmt.Errorf("backup %s: %s is not what was backed up: %w; restore another backup (备份已损坏，请使用其他备份)", dir, s.Name, err)
	}
	return nil
}

// copyTo copies a file of a backup, and checks what it copies.
func (s fileSum) copyTo(from, to string) (err error) {
	out, err := os.OpenFile(filepath.Join(to, s.Name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = s.check(from, out)
	return errors.Join(err, out.Sync(), out.Close())
}

// unmade removes the folder that a command made and then failed to fill, so that it can be
// tried again.
func unmade(dir string, err error) error {
	if err == nil {
		return nil
	}
	return errors.Join(err, os.RemoveAll(dir))
}
