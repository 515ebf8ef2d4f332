package app

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// gone fails the test if the folder is there.
func gone(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s was left: %v", dir, err)
	}
}

// Any changed bit of a backup is found before anything is restored, and a restore that
// failed can be tried again.
func TestChangedBackupIsFoundOut(t *testing.T) {
	t.Parallel()
	dir, backup, restored := t.TempDir(), filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "restored")
	n := startIn(t, dir, config.Default())
	n.until(n.send(otpText, member).Results[0].MessageID, sms.Delivered)
	n.checkpoint()
	if err := (&Backup{Folder: Folder{Data: dir}, To: backup}).Run(t.Context(), n.Logger); err != nil {
		t.Fatal(err)
	}
	if names := content(t, backup); names != "checkpoints.txt clock.json copied keys.json manifest.json zhunxin.db" {
		t.Fatalf("the backup holds %s", names)
	}
	m, err := readManifest(backup)
	if err != nil || n.Now().Sub(m.MadeAt).Abs() > time.Minute {
		t.Errorf("made at %s, %v; the node has %s", m.MadeAt, err, n.Now())
	}
	restore := func() error { return (&Restore{From: backup, To: restored}).Run(t.Context()) }
	dice := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0)) //nolint:gosec // chance is wanted
	for _, name := range append([]string{fileManifest}, backedUp...) {
		path := filepath.Join(backup, name)
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		spoiled := func(b []byte, what string, args ...any) {
			t.Helper()
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := restore(); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "restore another backup") {
				t.Errorf("%s, "+what+": %v", append([]any{name}, append(args, err)...)...)
			}
			gone(t, restored)
		}
		for range 40 {
			i, bit := dice.IntN(len(b)), byte(1)<<dice.IntN(8)
			b[i] ^= bit
			spoiled(b, "bit %08b of byte %d", bit, i)
			b[i] ^= bit
		}
		spoiled(b[:len(b)-1], "cut")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(filepath.Join(backup, fileManifest), filepath.Join(backup, "aside")); err != nil {
		t.Fatal(err)
	}
	if err := restore(); err == nil || !strings.Contains(err.Error(), "has no manifest.json: it was not finished, or an older version made it") {
		t.Error(err)
	}
	gone(t, restored)
	if err := os.Rename(filepath.Join(backup, "aside"), filepath.Join(backup, fileManifest)); err != nil {
		t.Fatal(err)
	}
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	if names := content(t, restored); names != "checkpoints.txt clock.json copied keys.json zhunxin.db" {
		t.Errorf("restored: %s", names)
	}
	if err := restore(); err == nil { // into a folder that is there
		t.Error("restored over a folder")
	}
	if content(t, restored) == "" {
		t.Error("a refused restore removed a folder that it had not made")
	}
}

// What changes while it is copied is found, and so is a database that was damaged before the
// manifest was made.
func TestRestoreChecksWhatItCopies(t *testing.T) {
	t.Parallel()
	dir, backup, restored := t.TempDir(), filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "restored")
	n := startIn(t, dir, config.Default())
	n.checkpoint()
	if err := (&Backup{Folder: Folder{Data: dir}, To: backup}).Run(t.Context(), n.Logger); err != nil {
		t.Fatal(err)
	}
	m, err := readManifest(backup)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(backup, fileDatabase)
	if err := os.WriteFile(path, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Files {
		if err := f.copyTo(backup, t.TempDir()); (err == nil) != (f.Name != fileDatabase) {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	if err := errors.Join(os.Remove(filepath.Join(backup, fileManifest)), writeManifest(backup, n.Now())); err != nil {
		t.Fatal(err)
	}
	if err := (&Restore{From: backup, To: restored}).Run(t.Context()); err == nil {
		t.Error("a file that is no database was restored")
	}
	gone(t, restored)
}

// A backup that failed leaves nothing.
func TestFailedBackupLeavesNothing(t *testing.T) {
	t.Parallel()
	dir, backup := t.TempDir(), filepath.Join(t.TempDir(), "backup")
	if err := os.WriteFile(filepath.Join(dir, fileKeys), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := &Backup{Folder: Folder{Data: dir}, To: backup}
	if err := n.Run(t.Context(), nil); err == nil {
		t.Error("a folder without keys was backed up")
	}
	gone(t, backup)
}
