package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// The 国密 suite carries a message the whole way, and its checkpoints bear a second
// signature; what is proved with the first needs nothing else.
func TestNationalSuite(t *testing.T) {
	cfg := config.Default()
	cfg.Suite = "gm"
	n := start(t, cfg)
	id := n.send(otpText, member).Results[0].MessageID
	n.until(id, sms.Delivered)
	n.prove(id, otpText)
	file := filepath.Join(t.TempDir(), "checkpoint")
	signed := n.checkpoint()
	if err := os.WriteFile(file, []byte(signed), 0o600); err != nil {
		t.Fatal(err)
	}
	log, _ := n.Evidence.Log()
	_, key, err := n.Keys.SM2Signer(log.Origin)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&EvidenceCheck{File: file, SM2: key}).Run(); err != nil {
		t.Errorf("%v\n%s", err, signed)
	}
	lines := strings.SplitAfter(signed, "\n")
	if err := os.WriteFile(file, []byte(strings.Join(lines[:len(lines)-2], "")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&EvidenceCheck{File: file, SM2: key}).Run(); err == nil {
		t.Error("a checkpoint without the second signature passes")
	}
	n.stop()
	other := config.Default()
	other.Data = n.Config.Data
	f := midMorning(t, other.Data)
	if _, err := Open(t.Context(), other, f, n.Logger); err == nil || !strings.Contains(err.Error(), "suite gm") {
		t.Errorf("settings of another suite: %v", err)
	}
	if err := f.close(); err != nil && !errors.Is(err, fs.ErrClosed) {
		t.Error(err)
	}
}
