package leaf_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/evidence/leaf"
)

func hashes(n int) [][32]byte {
	out := make([][32]byte, n)
	for i := range out {
		out[i] = sha256.Sum256([]byte{byte(i), byte(i >> 8)})
	}
	return out
}

func TestEveryRecordOfABatchIsProvableUnderItsLeafAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		hs := hashes(rapid.IntRange(1, 600).Draw(t, "records"))
		i := rapid.IntRange(0, len(hs)-1).Draw(t, "which")
		l, err := leaf.Of("decision", 7, 9, hs)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := leaf.Prove(hs, i)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Check(hs[i], i, proof); err != nil {
			t.Fatal(err)
		}
		other := hs[i]
		other[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
		if l.Check(other, i, proof) == nil {
			t.Fatal("another record passes")
		}
		if len(hs) > 1 && l.Check(hs[i], (i+1)%len(hs), proof) == nil {
			t.Fatal("another place passes")
		}
		again, err := leaf.Parse(l.Marshal())
		if err != nil || again != l {
			t.Fatalf("read back %+v, %v", again, err)
		}
	})
}

func TestTwoRecordsNeverShareAForm(t *testing.T) {
	t.Parallel()
	a := leaf.New("k", 1, 2, leaf.Str("a", "b"), leaf.Str("c", "d"))
	for name, b := range map[string]leaf.Record{
		"moved boundary": leaf.New("k", 1, 2, leaf.Str("ab", ""), leaf.Str("c", "d")),
		"other kind":     leaf.New("ka", 1, 2, leaf.Str("a", "b"), leaf.Str("c", "d")),
		"other time":     leaf.New("k", 1, 3, leaf.Str("a", "b"), leaf.Str("c", "d")),
		"field less":     leaf.New("k", 1, 2, leaf.Str("a", "b")),
	} {
		if a.Hash() == b.Hash() {
			t.Errorf("%s: same hash", name)
		}
	}
	if leaf.New("k", 1, 2, leaf.Str("c", "d"), leaf.Str("a", "b")).Hash() != a.Hash() {
		t.Error("the order of writing matters")
	}
	for _, bad := range []leaf.Record{
		{Kind: "k", Fields: []leaf.Field{{Name: "b"}, {Name: "a"}}},
		{Kind: "k", Fields: []leaf.Field{{Name: "a"}, {Name: "a"}}},
		{Kind: ""},
	} {
		if bad.Check() == nil {
			t.Errorf("%+v passes", bad)
		}
	}
}

func TestDestroyingTheSaltLeavesOnlyTheCommitment(t *testing.T) {
	t.Parallel()
	salt := sha256.Sum256([]byte("salt"))
	c := leaf.Commit(salt, []byte("19900001234"))
	f := leaf.Hash("phone", c)
	if !leaf.Opens(f.Value, salt, []byte("19900001234")) {
		t.Error("the true value does not open it")
	}
	if leaf.Opens(f.Value, [32]byte{}, []byte("19900001234")) || leaf.Opens(f.Value, salt, []byte("19900001235")) {
		t.Error("something else opens it")
	}
}

func FuzzParse(f *testing.F) {
	l, _ := leaf.Of("report", 1, 2, hashes(3))
	f.Add(l.Marshal())
	f.Add([]byte(`{"kind":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := leaf.Parse(b); err == nil && !bytes.Equal(l.Marshal(), b) {
			t.Error("two forms of one leaf")
		}
	})
}

func BenchmarkRecordHash(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		leaf.New("decision", 1, 2, leaf.Str("a", "x"), leaf.Int("b", 5), leaf.Str("c", "y"), leaf.Str("d", "z")).Hash()
	}
}

func BenchmarkLeafOfABatch(b *testing.B) {
	list := hashes(500)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := leaf.Of("decision", 7, 9, list); err != nil {
			b.Fatal(err)
		}
	}
}
