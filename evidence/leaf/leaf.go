// Package leaf defines what goes into the evidence log: records in a canonical
// form, and leaves that stand for all records of one kind of one transaction.
//
// A record's hash covers its fields; where a field would be personal data, it is
// a salted commitment instead, so that destroying the salt erases the person and
// leaves the proof. The package is pure and imports nothing of the product.
package leaf

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"sort"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// Limits of what a verifier reads.
const (
	MaxFields = 64
	MaxName   = 64
	MaxValue  = 64 << 10
	MaxCount  = 1 << 20 // records under one leaf
)

// Field is a name and a value. Numbers stand in decimal.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Str makes a field.
func Str(name, value string) Field { return Field{name, value} }

// Int makes a field of a number.
func Int(name string, v int64) Field { return Field{name, strconv.FormatInt(v, 10)} }

// Hash makes a field of a hash or commitment, in hexadecimal.
func Hash(name string, h [32]byte) Field { return Field{name, hex.EncodeToString(h[:])} }

// Record is one fact: what happened to which object when.
type Record struct {
	Kind   string  `json:"kind"`
	ID     int64   `json:"id,string"`
	At     int64   `json:"at"` // epoch milliseconds
	Fields []Field `json:"fields"`
}

// New makes a record. Fields are put in order of their names.
func New(kind string, id, at int64, fields ...Field) Record {
	if !sort.SliceIsSorted(fields, func(i, j int) bool { return fields[i].Name < fields[j].Name }) {
		sort.Slice(fields, func(i, j int) bool { return fields[i].Name < fields[j].Name })
	}
	return Record{kind, id, at, fields}
}

// Check tells whether the record is within its limits and its names are in
// strict order, so that one record has one form.
func (r Record) Check() error {
	if len(r.Fields) > MaxFields || r.Kind == "" || len(r.Kind) > MaxName {
		return fmt.Errorf("record %d has %d fields and kind %.20q; at most %d fields and %d bytes are read", r.ID, len(r.Fields), r.Kind, MaxFields, MaxName)
	}
	for i, f := range r.Fields {
		switch {
		case f.Name == "" || len(f.Name) > MaxName || len(f.Value) > MaxValue:
			return fmt.Errorf("record %d: field %.40q is outside its limits", r.ID, f.Name)
		case i > 0 && f.Name <= r.Fields[i-1].Name:
			return fmt.Errorf("record %d: field %q is out of order", r.ID, f.Name)
		}
	}
	return nil
}

// Value returns a field's value, "" when it has none.
func (r Record) Value(name string) string {
	for _, f := range r.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

const recordDomain = "zhunxin record v1\n"

// Append writes the canonical form: every string with its length in front, so
// that no two records share one.
func (r Record) Append(b []byte) []byte {
	b = append(b, recordDomain...)
	b = appendString(b, r.Kind)
	b = binary.BigEndian.AppendUint64(b, uint64(r.ID))
	b = binary.BigEndian.AppendUint64(b, uint64(r.At))
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.Fields)))
	for _, f := range r.Fields {
		b = appendString(b, f.Name)
		b = appendString(b, f.Value)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// Hash is SHA-256 of the canonical form.
func (r Record) Hash() [32]byte {
	var buf [1024]byte
	return sha256.Sum256(r.Append(buf[:0]))
}

// Commit binds a value without showing it: HMAC-SHA256 under a salt that only
// the person's secret yields.
func Commit(salt [32]byte, value []byte) [32]byte {
	m := hmac.New(sha256.New, salt[:])
	m.Write([]byte("zhunxin commitment v1\n"))
	m.Write(value)
	var out [32]byte
	m.Sum(out[:0])
	return out
}

// Leaf stands for all records of one kind that one transaction wrote.
type Leaf struct {
	Kind  string `json:"kind"`
	At    int64  `json:"at"`
	Tx    int64  `json:"tx,string"`
	Count int    `json:"count"`
	Root  string `json:"root"` // hexadecimal: RFC 6962 root of the record hashes
}

// Of makes the leaf of a batch of record hashes.
func Of(kind string, at, tx int64, hashes [][32]byte) (Leaf, error) {
	if len(hashes) == 0 || len(hashes) > MaxCount {
		return Leaf{}, fmt.Errorf("a leaf stands for 1 to %d records, not %d", MaxCount, len(hashes))
	}
	root := rootOf(hashes)
	return Leaf{kind, at, tx, len(hashes), hex.EncodeToString(root[:])}, nil
}

// rootOf is the root of the small tree over a batch. RFC 6962 §2.1.
func rootOf(hashes [][32]byte) tlog.Hash {
	full := make([]tlog.Hash, 0, bits.Len(uint(len(hashes)))+1) // roots of full subtrees, each smaller than the one before
	for i, h := range hashes {
		full = append(full, tlog.RecordHash(h[:]))
		for range bits.TrailingZeros(uint(i + 1)) {
			full = append(full[:len(full)-2], tlog.NodeHash(full[len(full)-2], full[len(full)-1]))
		}
	}
	root := full[len(full)-1]
	for i := len(full) - 2; i >= 0; i-- {
		root = tlog.NodeHash(full[i], root)
	}
	return root
}

// reader gives the hashes of the small tree over a batch; it computes inner
// nodes as they are asked for.
func reader(hashes [][32]byte) tlog.HashReaderFunc {
	stored := make([]tlog.Hash, tlog.StoredHashIndex(0, int64(len(hashes))))
	for i, h := range hashes {
		at := tlog.HashReaderFunc(func(idx []int64) ([]tlog.Hash, error) {
			out := make([]tlog.Hash, len(idx))
			for j, x := range idx {
				out[j] = stored[x]
			}
			return out, nil
		})
		// An error is impossible: every index is below what was stored.
		hs, err := tlog.StoredHashesForRecordHash(int64(i), tlog.RecordHash(h[:]), at)
		if err == nil {
			copy(stored[tlog.StoredHashIndex(0, int64(i)):], hs)
		}
	}
	return func(idx []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(idx))
		for i, x := range idx {
			if x < 0 || x >= int64(len(stored)) {
				return nil, fmt.Errorf("hash %d is outside the tree", x)
			}
			out[i] = stored[x]
		}
		return out, nil
	}
}

// Marshal is the leaf as the log stores it.
func (l Leaf) Marshal() []byte {
	b, _ := json.Marshal(l) // strings and integers only: it can't fail
	return b
}

// Parse reads a leaf and refuses any other form of the same content.
func Parse(b []byte) (Leaf, error) {
	var l Leaf
	if len(b) > 4096 {
		return l, fmt.Errorf("a leaf of %d bytes is too long", len(b))
	}
	if err := json.Unmarshal(b, &l); err != nil {
		return l, fmt.Errorf("read the leaf: %w", err)
	}
	if !bytes.Equal(l.Marshal(), b) || l.Count < 1 || l.Count > MaxCount || len(l.Root) != 64 {
		return l, errors.New("the leaf is not in its canonical form")
	}
	return l, nil
}

// Prove shows that record i is under the leaf of the hashes.
func Prove(hashes [][32]byte, i int) (tlog.RecordProof, error) {
	if i < 0 || i >= len(hashes) {
		return nil, fmt.Errorf("record %d is not among %d", i, len(hashes))
	}
	return tlog.ProveRecord(int64(len(hashes)), int64(i), reader(hashes))
}

// Check verifies that a record's hash is number i under the leaf.
func (l Leaf) Check(hash [32]byte, i int, proof tlog.RecordProof) error {
	root, err := hex.DecodeString(l.Root)
	if err != nil || len(root) != 32 {
		return errors.New("the leaf's root is not a hash")
	}
	if i < 0 || i >= l.Count {
		return fmt.Errorf("record %d is not among the leaf's %d", i, l.Count)
	}
	if err := tlog.CheckRecord(proof, int64(l.Count), tlog.Hash(root), int64(i), tlog.RecordHash(hash[:])); err != nil {
		return fmt.Errorf("the record is not under its leaf: %w", err)
	}
	return nil
}

// Opens tells whether value and salt are what a commitment was made of.
func Opens(commitment string, salt [32]byte, value []byte) bool {
	want, err := hex.DecodeString(commitment)
	got := Commit(salt, value)
	return err == nil && subtle.ConstantTimeCompare(want, got[:]) == 1
}
