package vault_test

import (
	"bytes"
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
	"golang.org/x/mod/sumdb/note"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// The library's algorithms are those of the standards: GB/T 32905 appendix A.1 and
// GB/T 32907 appendix A.1.
func TestNationalVectors(t *testing.T) {
	t.Parallel()
	if sum := sm3.Sum([]byte("abc")); hex.EncodeToString(sum[:]) != "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0" {
		t.Errorf("SM3 gives %x", sum)
	}
	key, err := hex.DecodeString("0123456789abcdeffedcba9876543210")
	if err != nil {
		t.Fatal(err)
	}
	block, err := sm4.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, 16)
	block.Encrypt(out, key)
	if hex.EncodeToString(out) != "681edf34d206965e86b3e94f536e4246" {
		t.Errorf("SM4 gives %x", out)
	}
}

func TestBothSuites(t *testing.T) {
	t.Parallel()
	number, err := sms.ParseMSISDN("14200000001")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[vault.PhoneID]bool{}
	for _, suite := range []vault.Suite{vault.International, vault.GM} {
		path := filepath.Join(t.TempDir(), "keys.json")
		made, err := vault.Create(path, suite)
		if err != nil {
			t.Fatal(err)
		}
		k, err := vault.Open(path)
		if err != nil || k.Suite() != suite {
			t.Fatalf("%s: %s %v", suite, k.Suite(), err)
		}
		ids[k.PhoneID(number)] = true
		if made.PhoneID(number) != k.PhoneID(number) {
			t.Errorf("%s: the id changes", suite)
		}
		sealed := made.Seal(vault.PurposeNumber, []byte("x"))
		if plain, err := k.Open(vault.PurposeNumber, sealed); err != nil || string(plain) != "x" {
			t.Errorf("%s: %q %v", suite, plain, err)
		}
		secret := made.NewSecret()
		stored, err := k.OpenSecret(made.SealSecret(secret))
		if err != nil || stored != secret || stored.Salt(7) == stored.Salt(8) {
			t.Errorf("%s: %v", suite, err)
		}
		text, err := secret.SealText(7, "短信")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := stored.OpenText(7, text); err != nil || got != "短信" {
			t.Errorf("%s: %q %v", suite, got, err)
		}
		more, err := k.AddRingKey()
		if err != nil {
			t.Fatal(err)
		}
		rotated, err := more.UseRingKey()
		if err != nil || rotated.Suite() != suite {
			t.Fatalf("%s: %v", suite, err)
		}
		if plain, err := rotated.Open(vault.PurposeNumber, sealed); err != nil || string(plain) != "x" {
			t.Errorf("%s after rotation: %q %v", suite, plain, err)
		}
	}
	if len(ids) != 2 {
		t.Error("two key files make the same id")
	}
	if _, err := vault.ParseSuite("rot13"); err == nil {
		t.Error("an unknown suite was taken")
	}
}

// A note bears both signatures, either of which is enough to open it.
func TestSM2IsTheSecondSignature(t *testing.T) {
	t.Parallel()
	k, err := vault.Create(filepath.Join(t.TempDir(), "keys.json"), vault.GM)
	if err != nil {
		t.Fatal(err)
	}
	first, vkey, err := k.Signer("example/log")
	if err != nil {
		t.Fatal(err)
	}
	second, vkey2, err := k.SM2Signer("example/log")
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: "example/log\n1\nx\n"}, first, second)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	v2, err := vault.SM2Verifier(vkey2)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []note.Verifier{v, v2} {
		n, err := note.Open(signed, note.VerifierList(v))
		if err != nil || len(n.Sigs) != 1 {
			t.Errorf("%v", err)
		}
	}
	if _, err := note.Open(bytes.Replace(signed, []byte("\n1\n"), []byte("\n2\n"), 1), note.VerifierList(v2)); err == nil {
		t.Error("a changed note opens")
	}
	for _, bad := range []string{"", vkey, vkey2 + "A", strings.Replace(vkey2, "example", "sample", 1)} {
		if _, err := vault.SM2Verifier(bad); err == nil {
			t.Errorf("%q is taken for a key", bad)
		}
	}
	if s, _, err := mustInternational(t).SM2Signer("example/log"); s != nil || err != nil {
		t.Errorf("the international suite has an SM2 signer: %v", err)
	}
}

func mustInternational(t *testing.T) *vault.Keys {
	t.Helper()
	k, err := vault.Create(filepath.Join(t.TempDir(), "keys.json"), vault.International)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
