package vault_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

func keys(t testing.TB) (*vault.Keys, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.json")
	k, err := vault.Create(path, vault.International)
	if err != nil {
		t.Fatal(err)
	}
	return k, path
}

func number(t testing.TB, s string) sms.MSISDN {
	t.Helper()
	n, err := sms.ParseMSISDN(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestKeyFileIsPrivateAndNeverOverwritten(t *testing.T) {
	t.Parallel()
	_, path := keys(t)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if _, err := vault.Create(path, vault.International); err == nil {
		t.Error("a key file was overwritten")
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := vault.Open(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a readable key file: %v", err)
	}
}

func TestPhoneIDsAgreeOverSpellingsAndRestarts(t *testing.T) {
	t.Parallel()
	k, path := keys(t)
	again, err := vault.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	a, b := k.PhoneID(number(t, "19900001234")), again.PhoneID(number(t, "+86 199 0000 1234"))
	if a != b {
		t.Error("one number has two ids")
	}
	if a == k.PhoneID(number(t, "19900001235")) {
		t.Error("two numbers have one id")
	}
	if other, _ := keys(t); other.PhoneID(number(t, "19900001234")) == a {
		t.Error("another key gives the same id")
	}
}

func TestSealedDataOpensForItsPurposeOnlyAndAfterRotation(t *testing.T) {
	t.Parallel()
	k, path := keys(t)
	sealed := k.Seal(vault.PurposeNumber, []byte("8619900001234"))
	if bytes.Contains(sealed, []byte("19900001234")) {
		t.Fatal("it is in clear")
	}
	if _, err := k.UseRingKey(); !errors.Is(err, vault.ErrNoNewKey) {
		t.Errorf("a key that is not there was taken into use: %v", err)
	}
	more, err := k.AddRingKey()
	if err != nil {
		t.Fatal(err)
	}
	rotated, err := more.UseRingKey()
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := vault.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, keys := range []*vault.Keys{k, more, rotated, fresh} {
		if got, err := keys.Open(vault.PurposeNumber, sealed); err != nil || string(got) != "8619900001234" {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if _, err := k.Open(vault.PurposeMO, sealed); !errors.Is(err, vault.ErrSealed) {
		t.Errorf("opened for another purpose: %v", err)
	}
	if _, err := k.Open(vault.PurposeNumber, rotated.Seal(vault.PurposeNumber, []byte("x"))); err == nil {
		t.Error("opened without its key")
	}
	// Nodes that have the new key and nodes that use it live side by side.
	if got, err := more.Open(vault.PurposeNumber, rotated.Seal(vault.PurposeNumber, []byte("x"))); err != nil || string(got) != "x" {
		t.Errorf("a node with the new key: %q, %v", got, err)
	}
	if got, err := k.Open(vault.PurposeNumber, more.Seal(vault.PurposeNumber, []byte("x"))); err != nil || string(got) != "x" {
		t.Errorf("a node without the new key, before it is used: %q, %v", got, err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := k.Open(vault.PurposeNumber, bad); err == nil {
			t.Errorf("opened with byte %d changed", i)
		}
	}
}

func TestTextOpensOnlyAsItsOwnMessage(t *testing.T) {
	t.Parallel()
	k, _ := keys(t)
	s := k.NewSecret()
	sealed, err := s.SealText(7, "【准信】您的验证码是1234")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.OpenText(7, sealed); err != nil || got != "【准信】您的验证码是1234" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := s.OpenText(8, sealed); err == nil {
		t.Error("opened as another message")
	}
	if _, err := k.NewSecret().OpenText(7, sealed); err == nil {
		t.Error("opened with another secret")
	}
	if s.Salt(1) == s.Salt(2) {
		t.Error("two records share a salt")
	}
}

func TestAPIKeysAreRandomAndHashed(t *testing.T) {
	t.Parallel()
	shown, h := vault.NewAPIKey()
	if got, err := vault.HashAPIKey(shown); err != nil || got != h {
		t.Errorf("%v", err)
	}
	if other, _ := vault.NewAPIKey(); other == shown {
		t.Error("two keys are equal")
	}
	for _, bad := range []string{"", "zx_", shown + "x", "zy_" + shown[3:]} {
		if _, err := vault.HashAPIKey(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestEvidenceSignatureVerifiesWithItsPublicKey(t *testing.T) {
	t.Parallel()
	k, _ := keys(t)
	signer, vkey, err := k.Signer("zhunxin.example/log")
	if err != nil {
		t.Fatal(err)
	}
	msg, err := note.Sign(&note.Note{Text: "zhunxin.example/log\n1\n"}, signer)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(msg, note.VerifierList(v)); err != nil {
		t.Error(err)
	}
}

func FuzzOpen(f *testing.F) {
	k, _ := keys(f)
	f.Add(k.Seal("x", []byte("y")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := k.Open("x", b); err == nil && string(p) != "y" {
			t.Error("a forgery opened")
		}
	})
}

// What one message costs: id, salt, text.
func BenchmarkMessage(b *testing.B) {
	k, _ := keys(b)
	n, s := number(b, "19900001234"), k.NewSecret()
	b.ReportAllocs()
	for b.Loop() {
		k.PhoneID(n)
		s.Salt(7)
		if _, err := s.SealText(7, "【准信】您的验证码是1234，5分钟内有效。"); err != nil {
			b.Fatal(err)
		}
	}
}
