package checkpoint

import (
	"crypto/rand"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func TestSignedCheckpointOpensOnlyUnchanged(t *testing.T) {
	skey, vkey, err := note.GenerateKey(rand.Reader, "example.com/log")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	c := Checkpoint{Origin: "example.com/log", Tree: tlog.Tree{N: 7, Hash: tlog.RecordHash([]byte("x"))}}
	signed, err := c.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Open(signed, c.Origin, verifier); err != nil || got != c {
		t.Fatal(got, err)
	}
	if _, err := Open(signed, "another", verifier); err == nil {
		t.Error("it passes for another log's")
	}
	body := strings.Index(signed, "\n\n")
	for i := range body {
		b := []byte(signed)
		b[i] ^= 1
		if _, err := Open(string(b), c.Origin, verifier); err == nil {
			t.Errorf("byte %d can be changed", i)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Checkpoint{Origin: "o", Tree: tlog.Tree{N: 3}}.Text())
	f.Fuzz(func(t *testing.T, s string) {
		c, err := Parse(s)
		if err != nil {
			return
		}
		if again, err := Parse(c.Text()); err != nil || again != c {
			t.Fatal(c, again, err)
		}
	})
}
