package bundle

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/zhunxin/zhunxin/evidence/checkpoint"
	"github.com/zhunxin/zhunxin/evidence/leaf"
)

// sample is a sound pack of one record, and the key to it.
func sample(t testing.TB) (pack []byte, key string) {
	t.Helper()
	private, public, err := note.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{7}, ed25519.SeedSize)), "log")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	record := leaf.New("action", 1, 2, leaf.Str("action", "test"))
	l, err := leaf.Of("action", 2, 3, [][32]byte{record.Hash()})
	if err != nil {
		t.Fatal(err)
	}
	head, err := checkpoint.Checkpoint{Origin: "log", Tree: tlog.Tree{N: 1, Hash: tlog.RecordHash(l.Marshal())}}.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	p := Pack{
		Origin: "log", Subject: Subject{Kind: "action", ID: 1}, Checkpoint: head, Leaves: []Leaf{{Data: string(l.Marshal())}}, Records: []Record{{Record: record}},
	}
	pack, err = p.Marshal(signer)
	if err != nil {
		t.Fatal(err)
	}
	return pack, public
}

func TestSmallestPackVerifies(t *testing.T) {
	pack, key := sample(t)
	r, err := Verify(pack, Options{Key: key})
	if err != nil || len(r.Records) != 1 || r.Size != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := Verify(pack, Options{Key: key, Phone: "8613000000000"}); err == nil {
		t.Error("a number was confirmed without a salt")
	}
	if _, err := Verify(append(pack, ' '), Options{Key: key}); err == nil {
		t.Error("a longer file was taken")
	}
}

// No file makes the verifier panic, and none but the sealed one is taken.
func FuzzVerify(f *testing.F) {
	pack, key := sample(f)
	f.Add(pack)
	f.Add([]byte(`{"format":"zhunxin-pack/1"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Verify(b, Options{Key: key}); err == nil && !bytes.Equal(b, pack) {
			t.Errorf("%q was taken for a pack", b)
		}
	})
}
