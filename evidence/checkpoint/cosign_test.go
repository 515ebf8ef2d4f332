package checkpoint

import (
	"bytes"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func TestCosignatureOpensWithTheWitnessKeyAlone(t *testing.T) {
	private, public, err := note.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{1}, 32)), "log")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := Checkpoint{Origin: "log", Tree: tlog.Tree{N: 9}}.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	w, err := NewCosigner("notary", bytes.Repeat([]byte{2}, 32), func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	line, err := w.Cosign(signed)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewWitnessVerifier(w.Key())
	if err != nil {
		t.Fatal(err)
	}
	got, err := CosignedAt(signed+line, v)
	if err != nil || !got.Equal(at) {
		t.Errorf("%s, %v", got, err)
	}
	logKey, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(signed+line, "log", logKey); err != nil {
		t.Errorf("the log's own signature beside a cosignature: %v", err)
	}
	other, err := NewCosigner("notary", bytes.Repeat([]byte{3}, 32), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]string{"unsigned": signed, "another checkpoint": "x" + signed + line} {
		if _, err := CosignedAt(x, v); err == nil {
			t.Errorf("%s was taken for cosigned", name)
		}
	}
	foreign, err := other.Cosign(signed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CosignedAt(signed+foreign, v); err == nil {
		t.Error("another's cosignature was taken")
	}
	for _, bad := range []string{"", "notary", public, w.Key() + "x", "notary+00000000+AAAA"} {
		if _, err := NewWitnessVerifier(bad); err == nil {
			t.Errorf("%q was taken for a key", bad)
		}
	}
}
