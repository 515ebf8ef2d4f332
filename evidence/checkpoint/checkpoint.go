// Package checkpoint reads and writes signed tree heads of a transparency log:
// the log's origin, its size and its root hash, as a signed note. The form is
// C2SP tlog-checkpoint, which other witnesses and tools read as well.
package checkpoint

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// MaxBytes bounds what is read.
const MaxBytes = 64 << 10

// ErrMalformed is a text that is no checkpoint.
var ErrMalformed = errors.New("checkpoint: malformed")

// Checkpoint is a tree head.
type Checkpoint struct {
	Origin string
	Tree   tlog.Tree
}

// Text is what is signed.
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Tree.N, base64.StdEncoding.EncodeToString(c.Tree.Hash[:]))
}

// Sign writes the checkpoint as a signed note.
func (c Checkpoint) Sign(signers ...note.Signer) (string, error) {
	b, err := note.Sign(&note.Note{Text: c.Text()}, signers...)
	if err != nil {
		return "", fmt.Errorf("checkpoint: sign: %w", err)
	}
	return string(b), nil
}

// Parse reads what Text wrote. Lines after the third are extensions and are
// ignored.
func Parse(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(text) > MaxBytes || len(lines) < 4 || lines[0] == "" {
		return Checkpoint{}, fmt.Errorf("%w: origin, size and root hash stand on a line each", ErrMalformed)
	}
	n, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("%w: line 2 is no size", ErrMalformed)
	}
	hash, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(hash) != tlog.HashSize || base64.StdEncoding.EncodeToString(hash) != lines[2] {
		return Checkpoint{}, fmt.Errorf("%w: line 3 is no root hash", ErrMalformed)
	}
	return Checkpoint{Origin: lines[0], Tree: tlog.Tree{N: n, Hash: tlog.Hash(hash)}}, nil
}

// Open checks the signatures of a signed checkpoint of a known origin. At least
// one verifier must have signed.
func Open(signed, origin string, verifiers ...note.Verifier) (Checkpoint, error) {
	if len(signed) > MaxBytes {
		return Checkpoint{}, fmt.Errorf("%w: more than %d bytes", ErrMalformed, MaxBytes)
	}
	n, err := note.Open([]byte(signed), note.VerifierList(verifiers...))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	c, err := Parse(n.Text)
	if err == nil && c.Origin != origin {
		err = fmt.Errorf("checkpoint: it is of the log %q, not %q", c.Origin, origin)
	}
	return c, err
}
