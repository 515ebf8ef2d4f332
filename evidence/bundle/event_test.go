package bundle

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"testing"

	"github.com/zhunxin/zhunxin/evidence/leaf"
)

// A consent event counts only with the signature of the key that its record names.
func TestEventIsSignedByItsRecordsKey(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	e := &Event{Statement: "a statement", Signature: ed25519.Sign(private, []byte("a statement"))}
	record := func(key []byte) leaf.Record {
		return leaf.New("consent-event", 1, 1, leaf.Str("key", base64.StdEncoding.EncodeToString(key)))
	}
	if err := e.by(record(public)); err != nil {
		t.Error(err)
	}
	other, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string][]byte{"another key": other, "half a key": public[:16], "none": nil} {
		if e.by(record(key)) == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
