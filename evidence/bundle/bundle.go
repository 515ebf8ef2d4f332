// Package bundle defines evidence packs: one file that proves, to somebody who has
// nothing but the file and a public key, what was recorded about a message and
// that the record has stood in the transparency log since a signed checkpoint.
//
// The package is pure: it reads bytes and keys, and no clock, file or network.
package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/zhunxin/zhunxin/evidence/leaf"
)

// Format names this version of the form.
const Format = "zhunxin-pack/1"

// Limits of what a verifier reads.
const (
	MaxBytes   = 16 << 20
	MaxRecords = 10_000
)

// ErrMalformed is a file that is no pack.
var ErrMalformed = errors.New("pack: malformed")

// Pack is everything that is recorded about one subject, with its proofs.
type Pack struct {
	Format     string  `json:"format"`
	Origin     string  `json:"origin"`
	Subject    Subject `json:"subject"`
	Checkpoint string  `json:"checkpoint"` // signed tree head, cosigned where witnesses did
	// Seen is an older checkpoint of the holder's, and Consistency the proof that
	// Checkpoint continues it.
	Seen        string      `json:"seen,omitempty"`
	Consistency []tlog.Hash `json:"consistency,omitempty"`
	Leaves      []Leaf      `json:"leaves"`
	Records     []Record    `json:"records"`
	// Documents are named by the SHA-256 of their text, which records cite.
	Documents map[string]string `json:"documents,omitempty"`
	Openings  []Opening         `json:"openings,omitempty"`
	// Seal is the log's signature over everything else, as a note's signature line.
	Seal string `json:"seal"`
}

// Subject is what the pack is about.
type Subject struct {
	Kind string `json:"kind"`
	ID   int64  `json:"id,string"`
}

// Leaf is a leaf with its place in the tree.
type Leaf struct {
	Data  string      `json:"data"`
	Index int64       `json:"index"`
	Proof []tlog.Hash `json:"proof"`
}

// Record is a record under one of the leaves.
type Record struct {
	Record leaf.Record `json:"record"`
	Leaf   int         `json:"leaf"` // of Leaves
	Pos    int         `json:"pos"`
	Proof  []tlog.Hash `json:"proof"`
}

// Opening is the salt of a commitment in a record. Who knows the number or the
// text can check with it that the record is about them; the pack shows neither.
type Opening struct {
	Record int    `json:"record"`
	Field  string `json:"field"` // phone, text or statement
	Salt   string `json:"salt"`  // hexadecimal
}

// Document adds a text and returns the name by which records cite it.
func (p *Pack) Document(text string) string {
	sum := sha256.Sum256([]byte(text))
	name := hex.EncodeToString(sum[:])
	if p.Documents == nil {
		p.Documents = map[string]string{}
	}
	p.Documents[name] = text
	return name
}

// body is what the seal signs: a text that no checkpoint can have.
func (p *Pack) body() (text string, canonical []byte, err error) {
	plain := *p
	plain.Seal = ""
	canonical, err = encode(&plain)
	if err != nil {
		return "", nil, err
	}
	sum := sha256.Sum256(canonical)
	return "zhunxin pack\n" + hex.EncodeToString(sum[:]) + "\n", canonical, nil
}

func encode(p *Pack) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(p); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return b.Bytes(), nil
}

// Marshal seals the pack and writes its one form.
func (p *Pack) Marshal(signer note.Signer) ([]byte, error) {
	p.Format = Format
	text, _, err := p.body()
	if err != nil {
		return nil, err
	}
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		return nil, fmt.Errorf("pack: seal: %w", err)
	}
	p.Seal = strings.TrimPrefix(string(signed), text+"\n")
	return encode(p)
}

// Parse reads a pack and checks its seal. A file that differs in any byte from
// what was sealed is refused.
func Parse(b []byte, key note.Verifier) (*Pack, error) {
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrMalformed, MaxBytes)
	}
	p := &Pack{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if p.Format != Format {
		return nil, fmt.Errorf("%w: the format is %.40q, this program reads %q", ErrMalformed, p.Format, Format)
	}
	if len(p.Records) > MaxRecords || len(p.Leaves) > MaxRecords || len(p.Openings) > MaxRecords || len(p.Documents) > MaxRecords {
		return nil, fmt.Errorf("%w: more than %d parts", ErrMalformed, MaxRecords)
	}
	again, err := encode(p)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		return nil, fmt.Errorf("%w: the file is not in its one form; it was changed", ErrMalformed)
	}
	text, _, err := p.body()
	if err != nil {
		return nil, err
	}
	n, err := note.Open([]byte(text+"\n"+p.Seal), note.VerifierList(key))
	if err != nil {
		return nil, fmt.Errorf("pack: the seal: %w", err)
	}
	for _, s := range append(n.Sigs, n.UnverifiedSigs...) { // one form of base64, so that no bit is free
		raw, err := base64.StdEncoding.DecodeString(s.Base64)
		if err != nil || base64.StdEncoding.EncodeToString(raw) != s.Base64 || len(n.UnverifiedSigs) > 0 {
			return nil, fmt.Errorf("%w: the seal is not in its one form", ErrMalformed)
		}
	}
	return p, nil
}
